/* read.c: reading: the input buffer and the operations on it.
**
** Called by channel.c (try_read) and Lua. An operation that is not satisfied by what is
** buffered asks for more (fill.c). Bytes leave the buffer only when their string has
** been made, so that a read which is cancelled or fails for want of memory loses nothing; and
** only when no finalizer has read meanwhile, or they would be read twice. `done` of an op is
** how far it has searched: no byte twice.
*/
#include "channel.h"

#include <string.h>

#include "../bytes.h"

/* ---- The operations --------------------------------------------------------- */

/* A finalizer has read, or changed who reads: nothing is taken, begin anew. */
#define RETRY (-4)

void lwt_uv_channel_search_anew(op *o) {
  o->done = 0;
  o->begun = 0;
  o->scan.align = 0;
}

/* How many bytes it may take. */
static size_t limit_of(const channel *ch, const op *o) {
  return o->max != 0 ? o->max : ch->in.limit;
}

static int too_long(lua_State *L, channel *ch, const op *o) {
  static const char *const names[] = {
      [OP_LINE] = "read_line", [OP_UNTIL] = "read_until", [OP_UNPACK] = "unpack"};
  lua_pushfstring(L, "longer than the limit of %I bytes", (LUAI_UACINT)limit_of(ch, o));
  ch->ctx->lwt->push_error(ch->ctx->lwt, L, "ELIMIT", 0, lua_tostring(L, -1),
                           names[o->kind], ch->what_key, ch->what);
  lua_remove(L, -2);
  return FAILED;
}

/* Push `n` bytes of the buffer as a string, and take them and `skip` more out of it. The
** string is a copy before any finalizer may run (Lua collects when it has made one); what
** one of those has read is not taken again. */
static inline int take(lua_State *L, channel *ch, size_t n, size_t skip) {
  channel_in *in = &ch->in;
  unsigned changes = ch->changes;
  lua_pushlstring(L, in->buf + in->head, n);
  if (ch->changes != changes) {
    lua_pop(L, 1);
    return RETRY;
  }
  lwt_uv_channel_taken(ch, n + skip);
  return 1;
}

static inline int take_line(lua_State *L, channel *ch, const op *o, const char *nl) {
  const char *p = ch->in.buf + ch->in.head;
  size_t n = (size_t)(nl - p), end = 1;
  if (n > 0 && p[n - 1] == '\r') {
    n--;
    end = 2;
  }
  return n > limit_of(ch, o) ? too_long(L, ch, o) : take(L, ch, n, end);
}

static int failed_with(lua_State *L, channel *ch, const char *sentinel) {
  ch->ctx->lwt->push_sentinel(ch->ctx->lwt, L, sentinel);
  return FAILED;
}

/* The bytes first: a finalizer may change the buffer, and may free the format by
** cancelling the operation. */
static int unpack(lua_State *L, channel *ch, op *o, const char *p, size_t need) {
  int top = lua_gettop(L), status;
  unsigned changes = ch->changes;
  lua_rawgeti(L, LUA_REGISTRYINDEX, channel_state_of(ch->ctx)->unpack);
  lua_pushlstring(L, p, need);
  if (ch->changes == changes) {
    lua_pushlstring(L, o->data, o->len);
    lua_insert(L, -2);
    status = lua_pcall(L, 2, LUA_MULTRET, 0);
    if (ch->changes == changes) {
      if (status != LUA_OK) return FAILED;
      lua_pop(L, 1); /* the position behind */
      lwt_uv_channel_taken(ch, need);
      return lua_gettop(L) - top;
    }
  }
  lua_settop(L, top);
  return RETRY;
}

static int try_line(lua_State *L, channel *ch, op *o, const char *p, size_t u) {
  size_t max = limit_of(ch, o);
  const char *found = u > o->done ? memchr(p + o->done, '\n', u - o->done) : NULL;
  if (found != NULL) return take_line(L, ch, o, found);
  o->done = u;
  return u > max && u - max > 1 ? too_long(L, ch, o) : AGAIN; /* it may end with "\r" */
}

static int try_until(lua_State *L, channel *ch, op *o, const char *p, size_t u) {
  const char *found;
  size_t max = limit_of(ch, o), n;
  if (u < o->len) return AGAIN;
  found = memmem(p + o->done, u - o->done, o->data, o->len);
  n = found != NULL ? (size_t)(found - p) : u - o->len + 1; /* at least so long */
  if (n > max) return too_long(L, ch, o);
  if (found != NULL) return take(L, ch, n, o->len);
  o->done = n;
  return AGAIN;
}

static int try_unpack(lua_State *L, channel *ch, op *o, const char *p, size_t u,
                      size_t *want) {
  size_t need;
  int r = lwt_uv_channel_unpack_need(&o->scan, o->data, p, u, &need);
  if (r < 0 || need > limit_of(ch, o)) return too_long(L, ch, o);
  if (r == 0) return unpack(L, ch, o, p, need);
  *want = need > u ? need - u : 1;
  return AGAIN;
}

/* Can `o` be satisfied by the `u` bytes at `p`? Values pushed, FAILED, or AGAIN with, in
** *want, how many more it could use. */
static int satisfy(lua_State *L, channel *ch, op *o, const char *p, size_t u,
                   size_t *want) {
  *want = 1;
  switch (o->kind) {
  case OP_CHAR: return u > 0 ? take(L, ch, 1, 0) : AGAIN;
  case OP_LINE: return try_line(L, ch, o, p, u);
  case OP_UNTIL: return try_until(L, ch, o, p, u);
  case OP_SOME:
    if (o->n == 0) {
      lua_pushliteral(L, "");
      return 1;
    }
    return u > 0 ? take(L, ch, u < o->n ? u : o->n, 0) : AGAIN;
  case OP_EXACTLY:
    if (u >= o->n) return o->n > 0 ? take(L, ch, o->n, 0) : (lua_pushliteral(L, ""), 1);
    *want = o->n - u;
    return AGAIN;
  case OP_INTO:
    if (o->n > 0 && u == 0) return AGAIN;
    u = u < o->n ? u : o->n;
    if (u > 0) memcpy(o->mem->data + o->len, p, u);
    lwt_uv_channel_taken(ch, u);
    lua_pushinteger(L, (lua_Integer)u);
    return 1;
  case OP_NUMBER:
    if (u < o->n) return AGAIN;
    lwt_uv_channel_push_number(L, p, o->tag, o->n);
    lwt_uv_channel_taken(ch, o->n);
    return 1;
  case OP_UNPACK: return try_unpack(L, ch, o, p, u, want);
  case OP_FILL:
    if (!o->begun) {
      o->begun = 1;
      o->n = u;
    }
    if (u <= o->n) return AGAIN;
    lua_pushinteger(L, (lua_Integer)(u - o->n));
    return 1;
  default: /* OP_ALL */ return AGAIN;
  }
}

/* The input ends here, with `u` bytes that did not satisfy `o`. */
static int at_end(lua_State *L, channel *ch, op *o, size_t u) {
  switch (o->kind) {
  case OP_ALL: return u > 0 ? take(L, ch, u, 0) : (lua_pushliteral(L, ""), 1);
  case OP_LINE:
  case OP_UNTIL:
    if (u > limit_of(ch, o)) return too_long(L, ch, o);
    if (u > 0) return take(L, ch, u, 0);
    break;
  case OP_EXACTLY: return failed_with(L, ch, "EOF");
  case OP_NUMBER:
  case OP_UNPACK:
    if (u > 0) return failed_with(L, ch, "EOF");
    break;
  case OP_FILL: lua_pushinteger(L, 0); return 1;
  default: break;
  }
  lua_pushnil(L);
  return 1;
}

/* As lwt_uv_channel_try_read, but RETRY where a finalizer has come between. */
static int try_once(lua_State *L, channel *ch, op *o) {
  channel_in *in = &ch->in;
  for (;;) {
    size_t want, u = in->tail - in->head;
    int n = satisfy(L, ch, o, u > 0 ? in->buf + in->head : "", u, &want);
    if (n != AGAIN) return n;
    if (in->error != 0) {
      lwt_uv_channel_push_error(L, ch, in->error, 0);
      return FAILED;
    }
    if (in->eof) return at_end(L, ch, o, u);
    if (!lwt_uv_channel_refill(ch, want)) return AGAIN;
  }
}

int lwt_uv_channel_try_read(lua_State *L, channel *ch, op *o) {
  ch->changes++;
  for (;;) {
    int n = try_once(L, ch, o);
    if (n != RETRY) return n;
    if (o->over) return AGAIN;
    lwt_uv_channel_search_anew(o);
    if (ch->in.closed) return failed_with(L, ch, lwt_uv_channel_why(ch));
    /* Not in the queue so far, and now there is one. */
    if (!o->busy && !lwt_uv_channel_is_free(o->view, o->sides)) return AGAIN;
  }
}

/* ---- What Lua calls --------------------------------------------------------- */

/* Run a reading operation. On the way in, what every one of them needs to know. */
static int read_op(lua_State *L, op *o, int keep) {
  int closed;
  lwt_uv *ctx = lwt_uv_context(L);
  view *v = lwt_uv_channel_check(ctx, L, READING, &closed);
  return closed ? lwt_uv_channel_reject_closed(L) : lwt_uv_channel_run(L, v, o, keep);
}

/* The most that a read may take, where it is given. */
size_t lwt_uv_channel_check_max(lua_State *L, int arg) {
  lua_Integer n;
  if (lua_isnoneornil(L, arg)) return 0;
  n = lwt_uv_check_integer(L, arg);
  luaL_argcheck(L, n > 0, arg, "positive count expected");
  return (size_t)n;
}

static size_t check_count(lua_State *L, int arg) {
  lua_Integer n = lwt_uv_check_integer(L, arg);
  luaL_argcheck(L, n >= 0, arg, "negative count");
  return (size_t)n;
}

/*---
Read one byte.

@param ch lwt.Channel
@return lwt.Promise<string?> # a string of one byte, or nil at the end
```lua
local ch = lio.of_bytes("ab")
print(await(ch:read_char()), await(ch:read_char()), await(ch:read_char()))   --> a b nil
```
@function lwt.io.read_char(ch)
*/
static int l_read_char(lua_State *L) {
  op o = {.kind = OP_CHAR};
  return read_op(L, &o, 0);
}

/*---
Read one line. Its end, `"\n"` or `"\r\n"`, is taken off; any other `"\r"` stays. The last
line need not have one. A line may be as long as memory allows, but not longer than `max` or
the channel's `limit`: then the promise is rejected with `ELIMIT`, and nothing is taken.

@param ch lwt.Channel
@param max integer? at most so many bytes, its end not counted
@return lwt.Promise<string?> # a string, or nil at the end
```lua
local ch = lio.of_bytes("one\r\ntwo\nthree")
for _ = 1, 4 do print(await(ch:read_line())) end   --> one two three nil
```
@function lwt.io.read_line(ch, max)
*/
static int l_read_line(lua_State *L) {
  op o = {.kind = OP_LINE};
  o.max = lwt_uv_channel_check_max(L, 2);
  return read_op(L, &o, 0);
}

/*---
Read everything to the end (`""` when there is nothing), or, with `n`, at most `n` bytes:
what is buffered, or else what the next read of the system gives. `read(0)` gives `""` at
once.

@param ch lwt.Channel
@param n integer? at most so many bytes
@return lwt.Promise<string?> # a string; with `n`, nil at the end
```lua
local ch = lio.of_bytes("hello world")
print(await(ch:read(5)))    --> hello
print(await(ch:read()))     --> world
print(await(ch:read(1)))    --> nil
```
@function lwt.io.read(ch, n)
*/
static int l_read(lua_State *L) {
  op o = {.kind = OP_ALL};
  if (!lua_isnoneornil(L, 2)) {
    o.kind = OP_SOME;
    o.n = check_count(L, 2);
  }
  return read_op(L, &o, 0);
}

/*---
Read `n` bytes, no fewer. When the input ends before, the promise is rejected with
`lwt.EOF`, and what there was can still be read.

@param ch lwt.Channel
@param n integer
@return lwt.Promise<string> # a string of `n` bytes
```lua
local ch = lio.of_bytes("abc")
print(await(ch:read_exactly(2)))                          --> ab
print(select(2, pcall(await, ch:read_exactly(2))) == lwt.EOF)   --> true
```
@function lwt.io.read_exactly(ch, n)
*/
static int l_read_exactly(lua_State *L) {
  op o = {.kind = OP_EXACTLY};
  o.n = check_count(L, 2);
  return read_op(L, &o, 0);
}

/*---
Read up to a delimiter, which is taken off, or to the end of the input. What is longer than
`max`, or the channel's `limit`, is rejected with `ELIMIT`, and stays.

@param ch lwt.Channel
@param delim string one byte or more
@param max integer? at most so many bytes, the delimiter not counted
@return lwt.Promise<string?> # a string, or nil at the end
```lua
local ch = lio.of_bytes("a, b, c")
for _ = 1, 3 do print(await(ch:read_until(", "))) end   --> a b c
```
@function lwt.io.read_until(ch, delim, max)
*/
static int l_read_until(lua_State *L) {
  op o = {.kind = OP_UNTIL};
  o.data = luaL_checklstring(L, 2, &o.len);
  luaL_argcheck(L, o.len > 0, 2, "empty delimiter");
  o.max = lwt_uv_channel_check_max(L, 3);
  return read_op(L, &o, 2);
}

/*---
Read at most `len` bytes into an `lwt.bytes`, at `ofs` (from 0; to the end of it by
default).

@param ch lwt.Channel
@param bytes lwt.Bytes
@param ofs integer?
@param len integer?
@return lwt.Promise<integer?> # how many were read, or nil at the end
```lua
local b = require "lwt.bytes".create(8)
print(await(lio.of_bytes("abc"):read_into(b, 2)))   --> 3
print(b:to_string(2, 3))                           --> abc
```
@function lwt.io.read_into(ch, bytes, ofs, len)
*/
static int l_read_into(lua_State *L) {
  op o = {.kind = OP_INTO};
  size_t start, len;
  lua_Integer ofs = lwt_uv_opt_integer(L, 3, 0), n;
  lwt_uv_check_bytes(lwt_uv_context(L), L, 2, &len);
  luaL_argcheck(L, ofs >= 0 && (lua_Unsigned)ofs <= len, 3, "out of range");
  n = lwt_uv_opt_integer(L, 4, (lua_Integer)len - ofs);
  luaL_argcheck(L, n >= 0 && (lua_Unsigned)n <= len - (size_t)ofs, 4, "out of range");
  o.mem = lwt_uv_bytes_mem(L, 2, &start, &len);
  o.len = start + (size_t)ofs;
  o.n = (size_t)n;
  return read_op(L, &o, 2);
}

/* lines(): what `for` calls. A line that is buffered costs its string and nothing more.
** */
static int after_wait(lua_State *L, int status, lua_KContext c) {
  lwt_uv *ctx = lwt_uv_context(L);
  (void)status;
  if (!ctx->lwt->wait_resumed(ctx->lwt, L)) return lua_yieldk(L, 1, c, after_wait);
  ctx->lwt->await_end(ctx->lwt, L, 2);
  return 1;
}

static int next_line(lua_State *L, size_t searched) {
  lwt_uv *ctx = lwt_uv_context(L);
  op o = {.kind = OP_LINE, .done = searched};
  int closed, n;
  view *v = lwt_uv_channel_check(ctx, L, READING, &closed);
  if (closed) {
    ctx->lwt->push_sentinel(ctx->lwt, L, lwt_uv_channel_why(v->ch));
    return lua_error(L);
  }
  if (ctx->lwt->cancel_due(ctx->lwt)) ctx->lwt->wait_check(ctx->lwt, L); /* raises */
  lua_settop(L, 1);
  n = lwt_uv_channel_run_direct(L, v, &o, 0);
  if (n != AGAIN) return n;
  if (!ctx->lwt->await_begin(ctx->lwt, L, 2)) return lua_yieldk(L, 0, 0, after_wait);
  ctx->lwt->await_end(ctx->lwt, L, 2);
  return 1;
}

/* Nothing stands before a line that is buffered: an open channel, nobody who waits, no cancel
** that is due. */
static inline int may_take(const view *v) {
  const channel *ch = v->ch;
  return !ch->closed && ch->close_op == NULL && !ch->in.closed && !ch->shared &&
         v->q[READING].first == NULL && ch->in.tail > ch->in.head &&
         ch->ctx->loop != NULL && !ch->ctx->lwt->cancel_due(ch->ctx->lwt);
}

static int l_next_line(lua_State *L) {
  static const op line = {.kind = OP_LINE};
  view *v = lwt_uv_channel_view(NULL, L, 1);
  channel *ch = v->ch;
  const char *p, *nl;
  size_t u;
  int n;
  if (!may_take(v)) return next_line(L, 0);
  p = ch->in.buf + ch->in.head;
  u = ch->in.tail - ch->in.head;
  nl = memchr(p, '\n', u);
  if (nl == NULL) return next_line(L, u);
  n = take_line(L, ch, &line, nl);
  return n > 0 ? n : n == RETRY ? l_next_line(L) : lua_error(L);
}

/*---
An iterator over the lines, for `for`: it waits inside the loop's task, and raises what
reading fails with, a line that is longer than the channel's `limit` included. A line that is
buffered costs no promise and lets nobody else run (`lwt.yield` does); each turn is a cancel
point all the same.

@param ch lwt.Channel
@return fun(): string? # the iterator
```lua
for line in lio.of_bytes("a\nb\n"):lines() do print(line) end   --> a b
```
@function lwt.io.lines(ch)
*/
static int l_lines(lua_State *L) {
  lwt_uv_channel_view(lwt_uv_context(L), L, 1);
  lua_settop(L, 1);
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_insert(L, 1);
  return 2;
}

/*---
How many bytes are in the buffer: read and not yet asked for, or written and not yet
flushed. Of a channel that does both it gives the first, and then the second.

@param ch lwt.Channel
@return integer
```lua
local ch = lio.of_bytes("abc")
await(ch:read_char())
print(ch:buffered())   --> 2
```
@function lwt.io.buffered(ch)
*/
static int l_buffered(lua_State *L) {
  channel *ch = lwt_uv_channel_view(lwt_uv_context(L), L, 1)->ch;
  if (ch->sides & CAN_READ) lua_pushinteger(L, (lua_Integer)(ch->in.tail - ch->in.head));
  if (ch->sides & CAN_WRITE)
    lua_pushinteger(
        L, (lua_Integer)(ch->out.len - ch->out.off + ch->out.fly_len - ch->out.fly_off));
  return ch->sides == (CAN_READ | CAN_WRITE) ? 2 : 1;
}

/*---
How many bytes a line, what is read up to a delimiter, or what `unpack` reads may have at most;
nil when only memory limits it, as it does for channels at first. (A server's clients are
limited: see `establish_server`.)

@param ch lwt.Channel
@return integer|nil
```lua
print(lio.of_bytes(""):limit())   --> nil
```
@function lwt.io.limit(ch)
*/
static int l_limit(lua_State *L) {
  channel *ch = lwt_uv_channel_view(lwt_uv_context(L), L, 1)->ch;
  if (ch->in.limit == SIZE_MAX)
    lua_pushnil(L);
  else
    lua_pushinteger(L, (lua_Integer)ch->in.limit);
  return 1;
}

/*---
Set how many bytes a line, what is read up to a delimiter, or what `unpack` reads may have, so
that the other end of a connection cannot fill the memory with a line that never ends. What is
longer rejects the read with an error whose `code` is `"ELIMIT"`; its bytes stay where they
are. `read()` to the end and reads of a given number of bytes are not limited.

@param ch lwt.Channel
@param limit integer? nil: no limit
```lua
local ch = lio.of_bytes("a line\n")
ch:set_limit(3)
print(select(2, pcall(await, ch:read_line())).code)   --> ELIMIT
ch:set_limit(nil)
print(await(ch:read_line()))                          --> a line
```
@function lwt.io.set_limit(ch, limit)
*/
static int l_set_limit(lua_State *L) {
  channel *ch = lwt_uv_channel_view(lwt_uv_context(L), L, 1)->ch;
  size_t max = lwt_uv_channel_check_max(L, 2);
  ch->in.limit = max != 0 ? max : SIZE_MAX;
  return 0;
}

/* Direct access (lua/lwt/io/direct.lua): look, skip, get more. Immediate but the last. */
static int l_peek(lua_State *L) {
  channel *ch = lwt_uv_channel_view(lwt_uv_context(L), L, 1)->ch;
  size_t u = ch->in.tail - ch->in.head;
  size_t n = lua_isnoneornil(L, 2) ? u : check_count(L, 2);
  lua_pushlstring(L, u > 0 ? ch->in.buf + ch->in.head : "", n < u ? n : u);
  return 1;
}

static int l_skip(lua_State *L) {
  channel *ch = lwt_uv_channel_view(lwt_uv_context(L), L, 1)->ch;
  size_t n = check_count(L, 2);
  luaL_argcheck(L, n <= ch->in.tail - ch->in.head, 2, "more than is buffered");
  ch->changes++;
  lwt_uv_channel_taken(ch, n);
  return 0;
}

static int l_fill(lua_State *L) {
  op o = {.kind = OP_FILL};
  return read_op(L, &o, 0);
}

const luaL_Reg lwt_uv_channel_reading[] = {
    {"read_char", l_read_char},
    {"read_line", l_read_line},
    {"read", l_read},
    {"read_exactly", l_read_exactly},
    {"read_into", l_read_into},
    {"read_until", l_read_until},
    {"buffered", l_buffered},
    {"limit", l_limit},
    {"set_limit", l_set_limit},
    {"_peek", l_peek},
    {"_skip", l_skip},
    {"_fill", l_fill},
    {NULL, NULL},
};

/* lines() has the iterator as an upvalue of its own: pushes it. */
void lwt_uv_channel_push_lines(lwt_uv *ctx, lua_State *L) {
  lwt_uv_push_context(ctx, L);
  lwt_uv_push_context(ctx, L);
  lua_pushcclosure(L, l_next_line, 1);
  lua_pushcclosure(L, l_lines, 2);
}
