/* write.c: writing: the output buffer and the operations on it.
**
** Called by channel.c (try_write, push_out) and Lua. A write copies into `buf` and is
** done. When it does not fit, what is buffered and then the string itself go to the port
** without being copied together. A buffer that the port cannot take at once becomes
** `fly`, which does not move until the port is done with it, and `buf` fills anew
** meanwhile: so the order is fly, then buf, then the data of the operation at the head of
** the queue.
*/
#include "channel.h"

#include <stdlib.h>
#include <string.h>

#include "../bytes.h"

#define WRITE_MAX ((size_t)1 << 30) /* given to the port at once */

/* ---- The buffer ------------------------------------------------------------- */

int lwt_uv_channel_put(channel *ch, const char *data, size_t n) {
  channel_out *out = &ch->out;
  size_t len = out->len - out->off;
  if (len + n > out->size) return 0;
  if (out->len + n > out->cap) {
    if (out->off > 0) {
      memmove(out->buf, out->buf + out->off, len);
      out->off = 0;
      out->len = len;
    }
    if (len + n > out->cap) {
      size_t cap = out->cap > 0 ? out->cap * 2 : out->next;
      char *buf;
      if (cap < CHANNEL_FIRST_OUT) cap = CHANNEL_FIRST_OUT;
      if (cap < len + n) cap = len + n;
      if (cap > out->size) cap = out->size;
      buf = lwt_uv_channel_buffer(ch, out->buf, cap);
      if (buf == NULL) return UV_ENOMEM;
      out->buf = buf;
      out->cap = cap;
    }
  }
  if (n > 0) memcpy(out->buf + out->len, data, n);
  out->len += n;
  return 1;
}

void lwt_uv_channel_wrote(channel *ch, op *o, size_t n) {
  channel_out *out = &ch->out;
  size_t k = out->fly_len - out->fly_off;
  if (k > 0) {
    k = n < k ? n : k;
    out->fly_off += k;
    n -= k;
  } else {
    k = out->len - out->off;
    k = n < k ? n : k;
    out->off += k;
    n -= k;
    if (out->off == out->len) {
      lwt_uv_channel_give_output(ch);
      out->off = out->len = 0;
    }
  }
  if (out->fly_off == out->fly_len) {
    lwt_uv_channel_give_flown(ch);
    out->fly_off = out->fly_len = 0;
  }
  if (o != NULL && n > 0) {
    o->begun = 1;
    o->done += n;
  }
}

int lwt_uv_channel_push_out(channel *ch, op *o) {
  channel_out *out = &ch->out;
  for (;;) {
    uv_buf_t b[2];
    unsigned n = 0;
    int from_buf = 0, from_op = 0;
    size_t fly = out->fly_len - out->fly_off, len = out->len - out->off;
    ssize_t r;
    if (out->pending) return 1;
    if (fly > 0) {
      b[n++] = uv_buf_init(out->fly + out->fly_off, (unsigned)fly);
    } else if (len > 0) {
      b[n++] = uv_buf_init(out->buf + out->off, (unsigned)len);
      from_buf = 1;
    }
    if (o != NULL && o->done < o->n && (fly == 0 || len == 0)) {
      size_t rest = o->n - o->done;
      b[n++] = uv_buf_init((char *)o->data + o->done,
                           (unsigned)(rest < WRITE_MAX ? rest : WRITE_MAX));
      from_op = 1;
    }
    if (n == 0) return 0;
    r = ch->port->class->write(ch->port, b, n, lwt_uv_channel_on_write, ch);
    if (r == UV_EAGAIN) {
      out->pending = 1;
      if (from_buf) { /* the port holds it now */
        char *spare = out->fly;
        size_t cap = out->fly_cap;
        out->fly = out->buf;
        out->fly_cap = out->cap;
        out->fly_off = out->off;
        out->fly_len = out->len;
        out->buf = spare;
        out->cap = cap;
        out->off = out->len = 0;
      }
      if (from_op) {
        o->begun = 1;
        out->fly_op = o;
      }
      return 1;
    }
    if (r < 0) return (int)r;
    lwt_uv_channel_wrote(ch, from_op ? o : NULL, (size_t)r);
  }
}

int lwt_uv_channel_retries(const channel *ch) {
  return ch->port->class->seek != NULL || ch->port->class == &lwt_uv_port_lua_class;
}

static void nobody(port *p, void *data, ssize_t status) {
  (void)p;
  (void)data;
  (void)status;
}

/* Give the port one more buffer, without waiting. */
static int say(channel *ch, const char *data, size_t n) {
  uv_buf_t b;
  ssize_t r;
  if (n == 0) return 1;
  if (lwt_uv_port_is_fd(ch->port))
    return lwt_uv_port_fd_write_now(ch->port, data, n) == (ssize_t)n;
  b = uv_buf_init((char *)data, (unsigned)n);
  r = ch->port->class->write(ch->port, &b, 1, nobody, NULL);
  if (r == UV_EAGAIN) r = ch->port->class->write_cancel(ch->port);
  return r == (ssize_t)n;
}

void lwt_uv_channel_last_words(channel *ch) {
  channel_out *out = &ch->out;
  if (out->error != 0 || ch->port->class == &lwt_uv_port_lua_class) return;
  if (say(ch, out->fly + out->fly_off, out->fly_len - out->fly_off))
    say(ch, out->buf + out->off, out->len - out->off);
}

/* Write a piece now: whether all of it has gone. */
static int write_now(channel *ch, const char *data, size_t n) {
  ssize_t r = n > 0 ? lwt_uv_port_fd_write_now(ch->port, data, n) : 0;
  if (r > 0) lwt_uv_channel_wrote(ch, NULL, (size_t)r);
  return r == (ssize_t)n;
}

void lwt_uv_channel_flush_now(channel *ch) {
  channel_out *out = &ch->out;
  if (ch->closed || out->closed || out->error != 0 || !lwt_uv_port_is_fd(ch->port) ||
      lwt_uv_channel_turn(ch, ch->shared ? READING : WRITING) != NULL)
    return;
  if (out->pending) {
    ssize_t taken = ch->port->class->write_cancel(ch->port);
    out->pending = 0;
    if (taken > 0) lwt_uv_channel_wrote(ch, out->fly_op, (size_t)taken);
    out->fly_op = NULL;
  }
  if (write_now(ch, out->fly + out->fly_off, out->fly_len - out->fly_off))
    write_now(ch, out->buf + out->off, out->len - out->off);
  if (ch->anchored) lwt_uv_channel_idle_start(ch); /* to write the rest, to unanchor */
}

/* ---- The operations --------------------------------------------------------- */

static int failed(lua_State *L, channel *ch, int status) {
  lwt_uv_channel_push_error(L, ch, status, 1);
  return FAILED;
}

static int failed_now(lua_State *L, channel *ch, int status) {
  ch->out.error = status;
  ch->out.told = 1;
  return failed(L, ch, status);
}

/* A flush, or the write of `o`'s own data: AGAIN, FAILED, or 0 when all is written. An
** error that an earlier flush met is reported here, unless another try succeeds. */
static int push_or_fail(lua_State *L, channel *ch, op *o) {
  int r;
  if (ch->out.error != 0) {
    if (o->retried || !lwt_uv_channel_retries(ch))
      return failed_now(L, ch, ch->out.error);
    ch->out.error = 0;
  }
  o->retried = 1;
  r = lwt_uv_channel_push_out(ch, o->kind == OP_WRITE ? o : NULL);
  return r > 0 ? AGAIN : r == 0 ? 0 : failed_now(L, ch, r);
}

/* Start on a full buffer of a file at once: the disk works while the next one is filled.
** */
static int put(lua_State *L, channel *ch, op *o) {
  channel_out *out = &ch->out;
  int r = lwt_uv_channel_put(ch, o->data + o->done, o->n - o->done);
  if (r < 0) return failed(L, ch, r);
  if (r > 0 && out->len - out->off == out->size && !out->pending &&
      ch->port->class->seek != NULL) {
    int e = lwt_uv_channel_push_out(ch, NULL);
    if (e < 0) lwt_uv_channel_untold(ch, e);
  }
  return r > 0 ? 0 : AGAIN;
}

static int try_write_data(lua_State *L, channel *ch, op *o) {
  channel_out *out = &ch->out;
  int r;
  if (out->error == 0 && (!o->begun || !out->pending)) {
    r = put(L, ch, o);
    if (r != AGAIN) return r;
    if (out->pending) return AGAIN;
    if (ch->port->class->seek != NULL && o->n <= out->size) {
      /* A file: let what is buffered go, and take this into the other buffer. */
      r = lwt_uv_channel_push_out(ch, NULL);
      if (r < 0) {
        lwt_uv_channel_untold(ch, r);
      } else {
        r = put(L, ch, o);
        if (r != AGAIN) return r;
      }
    }
  }
  return push_or_fail(L, ch, o);
}

/* One write of the port: how many bytes have gone. */
static int try_drain(lua_State *L, channel *ch, op *o) {
  channel_out *out = &ch->out;
  size_t left = out->len - out->off + out->fly_len - out->fly_off;
  int r;
  if (!o->begun) {
    o->begun = 1;
    o->n = left;
  }
  if (left == o->n && left > 0) {
    r = push_or_fail(L, ch, o);
    if (r != 0) return r;
    left = 0;
  }
  lua_pushinteger(L, (lua_Integer)(o->n - left));
  return 1;
}

static int try_resize(lua_State *L, channel *ch, op *o) {
  channel_out *out = &ch->out;
  if (out->len - out->off + out->fly_len - out->fly_off > o->n) {
    int r = push_or_fail(L, ch, o);
    if (r != 0) return r;
  }
  out->size = o->n;
  if (out->len == 0 && out->cap > out->size) {
    free(out->buf);
    out->buf = NULL;
    out->off = out->cap = 0;
  }
  return 0;
}

int lwt_uv_channel_try_write(lua_State *L, channel *ch, op *o) {
  switch (o->kind) {
  case OP_WRITE: return try_write_data(L, ch, o);
  case OP_DRAIN: return try_drain(L, ch, o);
  case OP_RESIZE: return try_resize(L, ch, o);
  case OP_SEEK: return lwt_uv_channel_try_seek(L, ch, o);
  case OP_SHUT: return lwt_uv_channel_try_shut(L, ch, o);
  default: /* OP_FLUSH */ return push_or_fail(L, ch, o);
  }
}

/* ---- What Lua calls --------------------------------------------------------- */

static int write_op(lua_State *L, op *o, int keep) {
  int closed;
  lwt_uv *ctx = lwt_uv_context(L);
  view *v = lwt_uv_channel_check(ctx, L, WRITING, &closed);
  return closed ? lwt_uv_channel_reject_closed(L) : lwt_uv_channel_run(L, v, o, keep);
}

int lwt_uv_channel_write_quickly(lua_State *L, view *v, const char *s, size_t n,
                                 char tail) {
  channel *ch = v->ch;
  lwt_uv *ctx = ch->ctx;
  if (v->q[WRITING].first != NULL || ch->shared || ch->out.error != 0 ||
      ctx->lwt->cancel_due(ctx->lwt) || lwt_uv_channel_put(ch, s, n) <= 0)
    return 0;
  if (tail != '\0' && lwt_uv_channel_put(ch, &tail, 1) <= 0) {
    ch->out.len -= n;
    return 0;
  }
  if (!ch->out.pending) {
    if (ch->out.len == ch->out.size && ch->port->class->seek != NULL) {
      int e = lwt_uv_channel_push_out(ch, NULL); /* see put */
      if (e < 0) lwt_uv_channel_untold(ch, e);
    }
    if (!lwt_uv_channel_will_flush(ch)) lwt_uv_channel_flush_soon(L, ch, 1);
  }
  lwt_uv_push_done(ctx, L);
  return 1;
}

/* A number at `idx` becomes a string: before the channel is looked at, for a finalizer may run
** then, and close it. */
static void to_string(lua_State *L, int idx) {
  if (lua_type(L, idx) == LUA_TNUMBER) lua_tolstring(L, idx, NULL);
}

/* Write the data at `idx`. */
static int write_at(lua_State *L, int idx) {
  int closed;
  lwt_uv *ctx = lwt_uv_context(L);
  view *v;
  op o = {.kind = OP_WRITE};
  to_string(L, idx);
  v = lwt_uv_channel_check(ctx, L, WRITING, &closed);
  if (closed) return lwt_uv_channel_reject_closed(L);
  o.data = lwt_uv_check_data(lwt_uv_context(L), L, idx, &o.n);
  if (o.n == 0) {
    lwt_uv_push_done(ctx, L);
    return 1;
  }
  if (lwt_uv_channel_write_quickly(L, v, o.data, o.n, '\0')) return 1;
  if (lua_type(L, idx) == LUA_TUSERDATA) {
    size_t start, len;
    o.mem = lwt_uv_bytes_mem(L, idx, &start, &len);
  }
  return lwt_uv_channel_run(L, v, &o, idx);
}

/* Make one string of the arguments from 2 on, at the top. */
static int concat(lua_State *L, int last, const char *newline) {
  if (last == 2 && newline == NULL) return 2;
  for (int i = 2; i <= last; i++)
    if (lua_type(L, i) != LUA_TSTRING) {
      size_t n;
      const char *s = lwt_uv_check_data(lwt_uv_context(L), L, i, &n);
      lua_pushlstring(L, s, n);
      lua_replace(L, i);
    }
  if (newline != NULL) lua_pushstring(L, newline);
  lua_concat(L, lua_gettop(L) - 1);
  return lua_gettop(L);
}

/*---
Write strings (numbers and `lwt.bytes` are taken too), as one operation. They go into the
buffer, which is written out when it is full, when the loop has nothing else to do, by
`flush` and by `close`. The promise is fulfilled when the bytes are in the buffer or
written: a writer that is faster than the other end waits here. A write that has begun to
go out is not torn by cancelling it.

@param ch lwt.Channel
@param ... string|number|lwt.Bytes
@return lwt.Promise<nil>
```lua
local r, w = lio.pipe()
await(w:write("a", 1))
await(w:close())
print(await(r:read()))   --> a1
```
@function lwt.io.write(ch, ...)
*/
static int l_write(lua_State *L) {
  int last = lua_gettop(L);
  if (last < 2) luaL_checkany(L, 2);
  return write_at(L, concat(L, last, NULL));
}

/*---
Write one byte, given as a number from 0 to 255 or as a string of one byte.

@param ch lwt.Channel
@param char integer|string
@return lwt.Promise<nil>
```lua
local r, w = lio.pipe()
await(w:write_char("x"))
await(w:write_char(121))
await(w:close())
print(await(r:read()))   --> xy
```
@function lwt.io.write_char(ch, char)
*/
static int l_write_char(lua_State *L) {
  if (lua_type(L, 2) == LUA_TNUMBER) {
    lua_Integer n = lwt_uv_check_integer(L, 2);
    char c = (char)n;
    luaL_argcheck(L, n >= 0 && n <= 255, 2, "not a byte");
    lua_settop(L, 1);
    lua_pushlstring(L, &c, 1);
  } else {
    size_t n;
    luaL_checklstring(L, 2, &n);
    luaL_argcheck(L, n == 1, 2, "one byte expected");
  }
  return write_at(L, 2);
}

/*---
Write a line: the string, and `"\n"`.

@param ch lwt.Channel
@param line string
@return lwt.Promise<nil>
```lua
local r, w = lio.pipe()
await(w:write_line("hello"))
print(await(r:read_line()))   --> hello
```
@function lwt.io.write_line(ch, line)
*/
static int l_write_line(lua_State *L) {
  int closed;
  lwt_uv *ctx = lwt_uv_context(L);
  view *v;
  size_t n;
  const char *s;
  to_string(L, 2);
  v = lwt_uv_channel_check(ctx, L, WRITING, &closed);
  if (closed) return lwt_uv_channel_reject_closed(L);
  s = lwt_uv_check_data(lwt_uv_context(L), L, 2, &n);
  lua_settop(L, 2);
  if (lwt_uv_channel_write_quickly(L, v, s, n, '\n')) return 1;
  return write_at(L, concat(L, 2, "\n"));
}

/*---
Write out what is buffered. The promise is fulfilled when the system has it, and rejected
when it does not take it.

@param ch lwt.Channel
@return lwt.Promise<nil>
```lua
local ch = await(lio.open_file("f", "w"))
await(ch:write("now"))
await(ch:flush())
print(await(lio.with_file("f", "r", lio.read)))   --> now
await(ch:close())
```
@function lwt.io.flush(ch)
*/
static int l_flush(lua_State *L) {
  op o = {.kind = OP_FLUSH};
  return write_op(L, &o, 0);
}

/*---
The size of the buffer, of the one for reading where there are two: 64 KiB unless told
otherwise, and 256 KiB for writing to a file. It is a bound: memory is taken as it is
needed.

@param ch lwt.Channel
@return integer
```lua
print(lio.of_bytes("abc"):buffer_size())   --> 65536
```
@function lwt.io.buffer_size(ch)
*/
static int l_buffer_size(lua_State *L) {
  channel *ch = lwt_uv_channel_view(lwt_uv_context(L), L, 1)->ch;
  lua_pushinteger(L, (lua_Integer)((ch->sides & CAN_READ) ? ch->in.size : ch->out.size));
  return 1;
}

/*---
Give the buffer another size (16 bytes at least). Output that does not fit is flushed
first; for input that does not fit, the promise is rejected.

@param ch lwt.Channel
@param size integer
@return lwt.Promise<nil>
```lua
local ch = lio.of_bytes("abc")
await(ch:resize_buffer(16))
print(ch:buffer_size())   --> 16
```
@function lwt.io.resize_buffer(ch, size)
*/
static int l_resize_buffer(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  channel *ch = lwt_uv_channel_view(ctx, L, 1)->ch;
  lua_Integer n = lwt_uv_check_integer(L, 2);
  op o = {.kind = OP_RESIZE};
  luaL_argcheck(L, n >= LWT_UV_BUFFER_MIN && n <= INT_MAX, 2, "size out of range");
  o.n = (size_t)n;
  if (ch->sides & CAN_READ) {
    if (ch->in.tail - ch->in.head > o.n) {
      lua_pushliteral(L, "cannot resize the buffer: unread data does not fit");
      ctx->lwt->rejected(ctx->lwt, L);
      return 1;
    }
    ch->in.size = o.n;
  }
  if (ch->sides & CAN_WRITE) return write_op(L, &o, 0);
  lwt_uv_push_done(ctx, L);
  return 1;
}

static int l_drain(lua_State *L) {
  op o = {.kind = OP_DRAIN};
  return write_op(L, &o, 0);
}

/* Put at most what fits, at once: how many bytes. For direct access. */
static int l_put(lua_State *L) {
  channel *ch = lwt_uv_channel_view(lwt_uv_context(L), L, 1)->ch;
  size_t n, room;
  const char *s = lwt_uv_check_data(lwt_uv_context(L), L, 2, &n);
  room = ch->out.size - (ch->out.len - ch->out.off);
  if (n > room) n = room;
  if (lwt_uv_channel_put(ch, s, n) < 0)
    lwt_uv_raise(ch->ctx, L, UV_ENOMEM, "write", NULL, NULL);
  lua_pushinteger(L, (lua_Integer)n);
  return 1;
}

const luaL_Reg lwt_uv_channel_writing[] = {
    {"write", l_write},
    {"write_char", l_write_char},
    {"write_line", l_write_line},
    {"flush", l_flush},
    {"buffer_size", l_buffer_size},
    {"resize_buffer", l_resize_buffer},
    {"_drain", l_drain},
    {"_put", l_put},
    {NULL, NULL},
};
