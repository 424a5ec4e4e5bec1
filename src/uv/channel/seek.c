/* seek.c: positions, turns of one's own, and what else is asked of a channel.
**
** Called by Lua, and by write.c for the seek itself. A position is the logical
** one: what is buffered counts as unread, or as written.
*/
#include "channel.h"

int lwt_uv_channel_try_seek(lua_State *L, channel *ch, op *o) {
  int64_t r;
  if (ch->sides & CAN_WRITE) {
    op flush = {.kind = OP_FLUSH};
    int n;
    flush.retried = o->retried;
    flush.view = o->view;
    n = lwt_uv_channel_try_write(L, ch, &flush);
    o->retried = flush.retried;
    if (n != 0) return n;
  }
  lwt_uv_channel_stop_reading(ch);
  ch->changes++;
  ch->in.eof = 0;
  ch->in.error = 0;
  if (ch->in.tail > ch->in.head) {
    int64_t at = ch->port->class->seek(ch->port, 0, SEEK_CUR);
    int64_t from = at - (int64_t)ch->in.tail; /* the position of buf[0] */
    if (at >= 0 && o->pos >= from + (int64_t)ch->in.head && o->pos <= at) {
      ch->in.head = (size_t)(o->pos - from);
      return 0;
    }
    ch->in.head = ch->in.tail = 0;
  }
  r = ch->port->class->seek(ch->port, o->pos, SEEK_SET);
  if (r < 0) {
    lwt_uv_push_error(ch->ctx, L, (ssize_t)r, "seek", ch->what_key, ch->what);
    return FAILED;
  }
  return 0;
}

static channel *check_seekable(lua_State *L, const char *what) {
  channel *ch = lwt_uv_channel_view(lwt_uv_context(L), L, 1)->ch;
  if (ch->closed) lwt_uv_raise_closed(L, "channel");
  if (ch->port->class->seek == NULL)
    lwt_uv_raise(ch->ctx, L, UV_ESPIPE, what, ch->what_key, ch->what);
  return ch;
}

/*---
The position in the file: where the next byte is read from or written to, counted from 0.
What is buffered is taken into account. It raises where there is no position (`ESPIPE`).

@param ch lwt.Channel
@return integer
```lua
local ch = lio.of_bytes("hello")
await(ch:read(2))
print(ch:position())   --> 2
```
@function lwt.io.position(ch)
*/
static int l_position(lua_State *L) {
  channel *ch = check_seekable(L, "position");
  int64_t at = ch->port->class->seek(ch->port, 0, SEEK_CUR);
  if (at < 0)
    return lwt_uv_raise(ch->ctx, L, (ssize_t)at, "position", ch->what_key, ch->what);
  at -= (int64_t)(ch->in.tail - ch->in.head);
  /* A port that is just writing tells where it began. */
  at += (int64_t)(ch->out.len - ch->out.off + ch->out.fly_len - ch->out.fly_off);
  lua_pushinteger(L, at);
  return 1;
}

/*---
Go to a position, counted from 0. What is to be written is written first; input that is
buffered already is used where it can be.

@param ch lwt.Channel
@param position integer
@return lwt.Promise<nil>
```lua
local ch = lio.of_bytes("hello")
await(ch:set_position(3))
print(await(ch:read()))   --> lo
```
@function lwt.io.set_position(ch, position)
*/
static int l_set_position(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  view *v = lwt_uv_channel_view(ctx, L, 1);
  op o = {.kind = OP_SEEK};
  lua_Integer n = lwt_uv_check_integer(L, 2);
  luaL_argcheck(L, n >= 0, 2, "negative position");
  o.pos = n;
  if (v->ch->closed || v->ch->close_op != NULL) return lwt_uv_channel_reject_closed(L);
  if (v->ch->port->class->seek == NULL)
    return lwt_uv_reject(ctx, L, UV_ESPIPE, "set_position", v->ch->what_key, v->ch->what);
  return lwt_uv_channel_run(L, v, &o, 0);
}

/*---
How long the file behind the channel is, what is buffered for writing not counted. It raises
where there is no length (`ESPIPE`).

@param ch lwt.Channel
@return integer
```lua
print(lio.of_bytes("hello"):length())   --> 5
```
@function lwt.io.length(ch)
*/
static int l_length(lua_State *L) {
  channel *ch = check_seekable(L, "length");
  int64_t n = ch->port->class->length(ch->port);
  if (n < 0)
    return lwt_uv_raise(ch->ctx, L, (ssize_t)n, "length", ch->what_key, ch->what);
  lua_pushinteger(L, n);
  return 1;
}

/*---
Whether an operation of the channel is waiting or under way, an `atomic` included.

@param ch lwt.Channel
@return boolean
```lua
local r, w = lio.pipe()
local p = r:read_line()
print(r:is_busy(), w:is_busy())   --> true false
p:cancel()
```
@function lwt.io.is_busy(ch)
*/
static int l_is_busy(lua_State *L) {
  view *v = lwt_uv_channel_any(lwt_uv_context(L), L, 1);
  lua_pushboolean(L, v->ch != NULL && !lwt_uv_channel_is_free(v, CAN_READ | CAN_WRITE));
  return 1;
}

/* atomic (lua/lwt/io.lua) is made of these two: the temporary channel, in its turn … */
static int l_lock(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  view *v = lwt_uv_channel_view(ctx, L, 1);
  op o = {.kind = OP_ATOMIC};
  if (v->ch->closed || v->ch->close_op != NULL) return lwt_uv_channel_reject_closed(L);
  lua_settop(L, 1);
  return lwt_uv_channel_run(L, v, &o, 0);
}

/* A made channel goes elsewhere: forget what was read ahead. */
static int l_drop(lua_State *L) {
  channel *ch = lwt_uv_channel_view(lwt_uv_context(L), L, 1)->ch;
  lwt_uv_channel_stop_reading(ch);
  ch->changes++;
  ch->in.head = ch->in.tail = 0;
  if (ch->port->class == &lwt_uv_port_lua_class) lwt_uv_port_lua_drop(ch->port);
  return 0;
}

/* Forget what could not be written, so that `close` does not report it. Not while it is
** being written. */
static int l_forget(lua_State *L) {
  channel *ch = lwt_uv_channel_view(lwt_uv_context(L), L, 1)->ch;
  channel_out *out = &ch->out;
  if (ch->closed || out->pending || out->closing || out->error == 0) return 0;
  out->off = out->len = out->fly_off = out->fly_len = 0;
  out->error = 0;
  ch->changes++;
  return 0;
}

/* … and its end. False for a channel that is none. */
static int l_release(lua_State *L) {
  view *v = lwt_uv_channel_any(lwt_uv_context(L), L, 1);
  lua_pushboolean(L, v->lock != NULL);
  if (v->lock != NULL) lwt_uv_channel_release(L, v);
  return 1;
}

/*---
What the channel can do: `"input"`, `"output"` or `"both"`.

@param ch lwt.Channel
@return string
```lua
print(lio.stdout:mode())   --> output
```
@function lwt.io.mode(ch)
*/
static int l_mode(lua_State *L) {
  static const char *const names[] = {"", "input", "output", "both"};
  view *v = lwt_uv_channel_view(lwt_uv_context(L), L, 1);
  lua_pushstring(L, names[v->ch->sides]);
  return 1;
}

/*---
The descriptor that the channel reads and writes; nil for one that is made of anything else (bytes in memory, functions), for a
socket's, and for one that is closed.

@param ch lwt.Channel
@return integer?
```lua
print(lio.stdout:fileno())   --> 1
```
@function lwt.io.fileno(ch)
*/
static int l_fileno(lua_State *L) {
  view *v = lwt_uv_channel_view(lwt_uv_context(L), L, 1);
  /* While it is being closed, and after, the port may be gone. */
  if (!v->ch->port_gone && lwt_uv_port_is_fd(v->ch->port))
    lua_pushinteger(L, lwt_uv_port_fd_fileno(v->ch->port));
  else
    lua_pushnil(L);
  return 1;
}

static int l_tostring(lua_State *L) {
  view *v = lwt_uv_channel_any(lwt_uv_context(L), L, 1);
  if (v->ch == NULL || v->ch->closed)
    lua_pushliteral(L, "lwt.channel (closed)");
  else if (v->ch->what != NULL)
    lua_pushfstring(L, "lwt.channel: %s", v->ch->what);
  else
    lua_pushfstring(L, "lwt.channel: %p", (void *)v);
  return 1;
}

const luaL_Reg lwt_uv_channel_seeking[] = {
    {"position", l_position},
    {"set_position", l_set_position},
    {"length", l_length},
    {"is_busy", l_is_busy},
    {"mode", l_mode},
    {"fileno", l_fileno},
    {"_lock", l_lock},
    {"_release", l_release},
    {"_drop", l_drop},
    {"_exchange", lwt_uv_channel_l_exchange},
    {"_forget", l_forget},
    {"_tostring", l_tostring},
    {NULL, NULL},
};
