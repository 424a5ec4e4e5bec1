/* io.c: uv.io: where channels come from: descriptors, memory, other ports; and what
** belongs to all of them.
**
** Called by lua/lwt/io.lua. Files are in io_file.c.
*/
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lualib.h>

#include "../bytes.h"
#include "channel.h"

/* ---- Channels on what is there ---------------------------------------------- */

static size_t check_size(lua_State *L, int arg) {
  if (lua_isnoneornil(L, arg)) return 0;
  return lwt_uv_check_buffer_size(L, arg, lwt_uv_check_integer(L, arg));
}

static const char *const size_options[] = {"buffer_size", NULL};

static int check_sides(lua_State *L, int arg) {
  lua_Integer sides = lwt_uv_check_integer(L, arg);
  luaL_argcheck(L, 1 <= sides && sides <= 3, arg, "wrong direction");
  return (int)sides;
}

/* Push a channel on a descriptor: 0, or a status with nothing pushed. */
static int push_fd(lwt_uv *ctx, lua_State *L, int fd, int own, int sides, size_t size,
                   const char *kind) {
  channel *ch = lwt_uv_channel_new(ctx, L, 0, size);
  int status;
  port *p;
  if (kind != NULL) {
    ctx->lwt->handle_opened(ctx->lwt, L, -1, kind);
    ch->listed = 1;
  }
  p = lwt_uv_port_fd(ctx, fd, own, &status);
  if (p == NULL) {
    if (ch->listed) ctx->lwt->handle_closed(ctx->lwt, L, ch->first);
    ch->listed = 0;
    lua_pop(L, 1);
    return status;
  }
  lwt_uv_channel_attach(ch, p, sides);
  return 0;
}

/* "r", "w", "r+" as directions. */
static int option_mode(lua_State *L, int arg, int otherwise) {
  static const char *const modes[] = {"r", "w", "r+", NULL};
  return lua_isnoneornil(L, arg) ? otherwise : luaL_checkoption(L, arg, NULL, modes) + 1;
}

/*---
A channel on a descriptor that is there already. `mode` is `"r"`, `"w"` or `"r+"`; without
it, what the descriptor was opened for. The channel closes the descriptor unless `close =
false` is given, and sets it non-blocking only when it closes it: one that is shared with
other programs stays as it is. A descriptor that the channel does not close has to stay open as
long as the channel does: when it has been closed, a read or write that waits may be told
`EBADF`, or wait for ever, and its number may be another's by then.

@param fd integer
@param mode string?
@param opts table? `buffer_size`, `close`
@return lwt.Channel
```lua
print(lio.of_fd(1, "w", {close = false}):mode())   --> output
```
@function lwt.io.of_fd(fd, mode, opts)
*/
static int l_of_fd(lua_State *L) {
  static const char *const names[] = {"buffer_size", "close", NULL};
  lwt_uv *ctx = lwt_uv_context(L);
  lua_Integer fd = lwt_uv_check_integer(L, 1);
  int status, sides, own, flags;
  luaL_argcheck(L, 0 <= fd && fd <= INT_MAX, 1, "not a descriptor");
  lwt_uv_check_options(L, 3, names);
  own = lwt_uv_option_flag(L, 3, "close", 1);
  lwt_uv_check_open(ctx, L);
  flags = fcntl((int)fd, F_GETFL);
  if (flags < 0) return lwt_uv_raise(ctx, L, -errno, "of_fd", NULL, NULL);
  flags &= O_ACCMODE;
  sides = flags == O_RDONLY   ? CAN_READ
          : flags == O_WRONLY ? CAN_WRITE
                              : CAN_READ | CAN_WRITE;
  status = push_fd(ctx, L, (int)fd, own, option_mode(L, 2, sides),
                   lwt_uv_option_buffer_size(L, 3), own ? "descriptor" : NULL);
  if (status < 0) return lwt_uv_raise(ctx, L, status, "of_fd", NULL, NULL);
  return 1;
}

/*---
A pipe: a channel to read from and a channel to write to, at once and without a promise.

@param opts table? `buffer_size`
@return lwt.Channel, lwt.Channel
```lua
local r, w = lio.pipe()
await(w:write_line("through"))
print(await(r:read_line()))   --> through
```
@function lwt.io.pipe(opts)
*/
static int l_pipe(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  size_t size = 0;
  int fds[2], status;
  channel *r, *w;
  port *p;
  lwt_uv_check_options(L, 1, size_options);
  size = lwt_uv_option_buffer_size(L, 1);
  lwt_uv_check_open(ctx, L);
  r = lwt_uv_channel_new(ctx, L, 0, size);
  w = lwt_uv_channel_new(ctx, L, 0, size);
  if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
    return lwt_uv_raise(ctx, L, -errno, "pipe", NULL, NULL);
  p = lwt_uv_port_fd(ctx, fds[0], 1, &status);
  if (p == NULL) {
    close(fds[0]);
    close(fds[1]);
    return lwt_uv_raise(ctx, L, status, "pipe", NULL, NULL);
  }
  lwt_uv_channel_attach(r, p, CAN_READ);
  p = lwt_uv_port_fd(ctx, fds[1], 1, &status);
  if (p == NULL) {
    close(fds[1]);
    return lwt_uv_raise(ctx, L, status, "pipe", NULL, NULL);
  }
  lwt_uv_channel_attach(w, p, CAN_WRITE);
  ctx->lwt->handle_opened(ctx->lwt, L, -2, "pipe");
  r->listed = 1;
  ctx->lwt->handle_opened(ctx->lwt, L, -1, "pipe");
  w->listed = 1;
  return 2;
}

/* of_port(userdata, sides, size, key, what): a socket, a process's pipe, a file … */
static int l_of_port(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  int sides = check_sides(L, 2);
  size_t size = check_size(L, 3);
  channel *ch;
  port *p;
  luaL_checkany(L, 1);
  ch = lwt_uv_channel_new(ctx, L, 1, size);
  p = lwt_uv_to_port(ctx, L, 1);
  luaL_argcheck(L, p != NULL, 1, "not open, or nothing to read from and write to");
  lwt_uv_channel_attach(ch, p, sides);
  if (lua_isstring(L, 5))
    lwt_uv_channel_name(ch,
                        strcmp(luaL_checkstring(L, 4), "path") == 0 ? "path" : "address",
                        lua_tostring(L, 5));
  return 1;
}

/*---
A channel on memory: a string, which can be read, or an `lwt.bytes`, which can be read
(`"r"`, the default), written (`"w"`) or both (`"r+"`). Writing stops at the end of it,
with `ENOSPC`.

@param data string|lwt.Bytes
@param mode string?
@param opts table? `buffer_size`
@return lwt.Channel
```lua
local b = require "lwt.bytes".create(5)
local ch = lio.of_bytes(b, "w")
await(ch:write("hello"))
await(ch:close())
print(b:to_string())   --> hello
```
@function lwt.io.of_bytes(data, mode, opts)
*/
static int l_of_bytes(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  int sides = option_mode(L, 2, CAN_READ);
  size_t size, len, start = 0;
  channel *ch;
  lwt_uv_mem *mem = NULL;
  char *data;
  port *p;
  lwt_uv_check_options(L, 3, size_options);
  size = lwt_uv_option_buffer_size(L, 3);
  if (lua_type(L, 1) == LUA_TSTRING)
    luaL_argcheck(L, sides == CAN_READ, 2, "a string can only be read");
  else
    lwt_uv_check_bytes(ctx, L, 1, &len);
  ch = lwt_uv_channel_new(ctx, L, 1, size);
  /* Not before: a finalizer may have sent the bytes away. */
  if (lua_type(L, 1) == LUA_TSTRING) {
    data = (char *)lua_tolstring(L, 1, &len);
  } else {
    data = lwt_uv_check_bytes(ctx, L, 1, &len);
    mem = lwt_uv_bytes_mem(L, 1, &start, &len);
  }
  p = lwt_uv_port_mem(data, len, mem);
  if (p == NULL) return lwt_uv_raise(ctx, L, UV_ENOMEM, "of_bytes", NULL, NULL);
  lwt_uv_channel_attach(ch, p, sides);
  return 1;
}

/* ---- Settings and lists ----------------------------------------------------- */

/*---
The size of the buffers of channels that are made without `buffer_size`: 65536 at first.

@return integer
```lua
print(lio.default_buffer_size())   --> 65536
```
@function lwt.io.default_buffer_size()
*/
static int l_default_buffer_size(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)channel_state_of(lwt_uv_context(L))->default_size);
  return 1;
}

/*---
Set the size of the buffers of channels that are made from now on. 16 bytes at least.

@param size integer
```lua
lio.set_default_buffer_size(4096)
print(lio.of_bytes(""):buffer_size())   --> 4096
lio.set_default_buffer_size(65536)
```
@function lwt.io.set_default_buffer_size(size)
*/
static int l_set_default_buffer_size(lua_State *L) {
  lwt_uv_check_integer(L, 1);
  channel_state_of(lwt_uv_context(L))->default_size = check_size(L, 1);
  return 0;
}

static int is_unflushed(const channel *ch, int closing_too) {
  const channel_out *out = &ch->out;
  if (ch->closed || ch->first == NULL || (ch->close_op != NULL && !closing_too) ||
      (out->error != 0 && out->told))
    return 0;
  return out->len != out->off || out->fly_len != out->fly_off ||
         lwt_uv_channel_has_writes(ch);
}

/* unflushed(at_exit): the channels that have something to write (they are alive: the hook or what
** waits anchors them), at the exit those too that are being closed. Their order is the order in
** which they were made. (A table grows without finalizers: the list of channels stays as it is
** meanwhile.) */
static int l_unflushed(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  channel_state *st = channel_state_of(ctx);
  lua_Integer n = 0;
  int at_exit = lua_toboolean(L, 1);
  lua_newtable(L);
  if (at_exit) /* what comes now asks for another */
    st->exit_hooked = 0;
  for (channel *ch = st->channels; ch != NULL; ch = ch->next) {
    if (!is_unflushed(ch, at_exit)) continue;
    if (lwt_uv_channel_push(L, ch)) lua_rawseti(L, -2, ++n);
  }
  for (lua_Integer i = 1; i <= n / 2; i++) {
    lua_rawgeti(L, -1, i);
    lua_rawgeti(L, -2, n + 1 - i);
    lua_rawseti(L, -3, i);
    lua_rawseti(L, -2, n + 1 - i);
  }
  return 1;
}

/* is_shutting(ch): has its side for writing been closed alone, so that nothing else flushes it? */
static int l_is_shutting(lua_State *L) {
  const channel *ch = lwt_uv_channel_view(lwt_uv_context(L), L, 1)->ch;
  lua_pushboolean(L, !ch->closed && ch->close_op == NULL && ch->out.closing);
  return 1;
}

/* flush_now(ch): write, before what others write to the same descriptor, without waiting;
** what cannot be written now stays. Lua's own output to it goes first. */
static int l_flush_now(lua_State *L) {
  view *v = lwt_uv_check(lwt_uv_context(L), L, 1, LWT_UV_CHANNEL);
  fflush(stdout);
  if (v->ch != NULL) lwt_uv_channel_flush_now(v->ch);
  return 0;
}

/* is_terminal(fd) */
static int l_is_terminal(lua_State *L) {
  lua_pushboolean(L, uv_guess_handle((uv_file)luaL_checkinteger(L, 1)) == UV_TTY);
  return 1;
}

/* standard(name, ch): the channel of stdout or stderr. */
static int l_standard(lua_State *L) {
  lua_settop(L, 2);
  lua_rawset(L, lua_upvalueindex(2));
  return 0;
}

/* flush_standard(): flush_now for those that there are. */
static int l_flush_standard(lua_State *L) {
  static const char *const names[] = {"stdout", "stderr"};
  lwt_uv *ctx = lwt_uv_context(L);
  fflush(stdout);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    view *v;
    lua_pushstring(L, names[i]);
    lua_rawget(L, lua_upvalueindex(2));
    v = lwt_uv_test(ctx, L, -1, LWT_UV_CHANNEL);
    if (v != NULL && v->ch != NULL) lwt_uv_channel_flush_now(v->ch);
    lua_pop(L, 1);
  }
  return 0;
}

/* at_exit(f): what is called when something was written that no exit would flush yet. */
static int l_at_exit(lua_State *L) {
  channel_state *st = channel_state_of(lwt_uv_context(L));
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  luaL_unref(L, LUA_REGISTRYINDEX, st->at_exit); /* none at first: nothing */
  st->at_exit = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

/* ---- The family ------------------------------------------------------------- */

/* ch.le, ch.be, and everything else in the table of methods (upvalue 2). */
static int l_index(lua_State *L) {
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL) return 1;
  if (lua_type(L, 2) == LUA_TSTRING) {
    const char *name = lua_tostring(L, 2);
    int big = strcmp(name, "be") == 0;
    if (big || strcmp(name, "le") == 0) {
      lwt_uv *ctx = lwt_uv_context(L);
      lwt_uv_check(ctx, L, 1, LWT_UV_CHANNEL);
      return lwt_uv_channel_push_order(ctx, L, big);
    }
  }
  return 1;
}

static void family_close(lwt_uv *ctx) {
  channel_state *st = channel_state_of(ctx);
  while (st->spare != NULL) {
    op *o = st->spare;
    st->spare = o->next[0];
    free(o);
  }
  lwt_uv_channel_free_spares(st);
  ctx->lwt->idle_stop(ctx->lwt, &st->idle);
  lwt_uv_port_lua_close(ctx);
  lwt_uv_tap_close(ctx);
  free(st);
  ctx->family[LWT_UV_FIO] = NULL;
}

static int string_function(lua_State *L, const char *name) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, LUA_STRLIBNAME);
  if (!lua_istable(L, -1)) {
    lua_pop(L, 1);
    luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 0);
  }
  lua_getfield(L, -1, name);
  lua_replace(L, -3);
  lua_pop(L, 1);
  return luaL_ref(L, LUA_REGISTRYINDEX);
}

static void new_types(lwt_uv *ctx, lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  lwt_uv_new_type(ctx, L, LWT_UV_CHANNEL, "lwt.channel", none, lwt_uv_channel_meta);
  lua_rawgeti(L, LUA_REGISTRYINDEX, ctx->type[LWT_UV_CHANNEL].ref);
  lua_getfield(L, -1, "__index");
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, lwt_uv_channel_reading, 1);
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, lwt_uv_channel_writing, 1);
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, lwt_uv_channel_seeking, 1);
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, lwt_uv_channel_closing, 1);
  lwt_uv_channel_push_lines(ctx, L);
  lua_setfield(L, -2, "lines");
  lwt_uv_channel_push_numbers(ctx, L, -1);
  lua_getfield(L, -1, "_tostring");
  lua_setfield(L, -3, "__tostring");
  lua_pushnil(L);
  lua_setfield(L, -2, "_tostring");
  lwt_uv_push_context(ctx, L);
  lua_pushvalue(L, -2);
  lua_pushcclosure(L, l_index, 2);
  lua_setfield(L, -3, "__index"); /* stack: metatable, methods */
  lwt_uv_port_lua_open(ctx, L);
  lwt_uv_new_type(ctx, L, LWT_UV_CURSOR, "lwt.channel.order", none, NULL);
  for (int big = 1; big >= 0; big--) { /* pushes: be, le */
    lua_newtable(L);
    lwt_uv_channel_push_numbers(ctx, L, big);
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, ctx->type[LWT_UV_CURSOR].ref);
  lua_pushvalue(L, -2); /* the same for both: the view knows its order */
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

static int push_channel(lwt_uv *ctx, lua_State *L, int fd, int sides, size_t size,
                        const char *path) {
  int status = push_fd(ctx, L, fd, 1, sides, size, "file");
  if (status < 0) return status;
  lwt_uv_channel_name(((view *)lua_touserdata(L, -1))->ch, "path", path);
  return 0;
}

void lwt_uv_open_io(lwt_uv *ctx, lua_State *L) {
  static const luaL_Reg functions[] = {
      {"of_fd", l_of_fd},
      {"pipe", l_pipe},
      {"of_port", l_of_port},
      {"of_bytes", l_of_bytes},
      {"port", lwt_uv_port_lua_new},
      {"default_buffer_size", l_default_buffer_size},
      {"set_default_buffer_size", l_set_default_buffer_size},
      {"unflushed", l_unflushed},
      {"is_shutting", l_is_shutting},
      {"at_exit", l_at_exit},
      {"flush_now", l_flush_now},
      {"is_terminal", l_is_terminal},
      {NULL, NULL},
  };
  static const luaL_Reg standard[] = {
      {"standard", l_standard}, {"flush_standard", l_flush_standard}, {NULL, NULL}};
  channel_state *st = calloc(1, sizeof *st);
  if (st == NULL) {
    lwt_uv_raise(ctx, L, UV_ENOMEM, "io", NULL, NULL);
    return; /* not reached */
  }
  st->ctx = ctx;
  st->idle.f = lwt_uv_channel_on_idle;
  st->idle.data = st;
  st->idle_last = &st->idle_first;
  st->default_size = CHANNEL_BUFFER;
  st->pending = st->unpack = st->pack = st->at_exit = LUA_NOREF;
  ctx->family[LWT_UV_FIO] = st;
  lwt_uv_tap_open(ctx);
  ctx->family_close[LWT_UV_FIO] = family_close;
  ctx->hook.push_channel = push_channel;
  lua_newtable(L);
  st->pending = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_pushliteral(L, "not enough memory");
  st->no_memory = luaL_ref(L, LUA_REGISTRYINDEX);
  st->unpack = string_function(L, "unpack");
  st->pack = string_function(L, "pack");
  lwt_uv_push_functions(ctx, L, functions);
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, lwt_uv_tap_functions, 1);
  lwt_uv_push_context(ctx, L);
  lua_newtable(L);
  luaL_setfuncs(L, standard, 2);
  new_types(ctx, L); /* pushes: metatable, methods, be, le */
  lua_setfield(L, -5, "le");
  lua_setfield(L, -4, "be");
  lua_setfield(L, -3, "methods");
  lua_setfield(L, -2, "metatable");
}
