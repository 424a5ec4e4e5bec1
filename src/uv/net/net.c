/* net.c: the table of network functions (uv.net), put together from its files, and what
** they share: the state of the family and the reading of options.
*/
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* Non-blocking, and not for children, from the start where the system can. */
int lwt_uv_socket(int domain) {
#ifdef SOCK_CLOEXEC
  int fd = socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
#else
  int fd = socket(domain, SOCK_STREAM, 0);
  if (fd >= 0) {
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, O_NONBLOCK);
  }
#endif
  return fd >= 0 ? fd : uv_translate_sys_error(errno);
}

/* The Lua half's functions for addresses that are names: {connect=, listen=, send=}. */
static int l_by_name(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_rawseti(L, LUA_REGISTRYINDEX, net_of(ctx)->by_name);
  return 0;
}

/*---
The parts of an address: `{host=, port=}` or `{path=}`. It raises an argument error for what
is none.
@param addr string|table
@return table
```lua
local a = net.parse_address("[::1]:8080")
print(a.host, a.port)   --> ::1 8080
```
@function lwt.net.parse_address(addr)
*/
static int l_parse_address(lua_State *L) {
  lwt_uv_address a;
  lwt_uv_check_address(L, 1, &a);
  lua_createtable(L, 0, 2);
  if (a.family == AF_UNIX) {
    lua_pushlstring(L, a.path, a.path_length);
    lua_setfield(L, -2, "path");
    return 1;
  }
  lua_pushstring(L, a.host);
  lua_setfield(L, -2, "host");
  if (a.port >= 0)
    lua_pushinteger(L, a.port);
  else
    lua_pushstring(L, a.service);
  lua_setfield(L, -2, "port");
  return 1;
}

/* `methods`: the methods of each type, for the module functions of the same names. */
static void add_methods(lwt_uv *ctx, lua_State *L) {
  static const struct {
    lwt_uv_type type;
    const char *name;
  } types[] = {
      {LWT_UV_TCP, "tcp"},
      {LWT_UV_LISTENER, "listener"},
      {LWT_UV_UDP, "udp"},
      {LWT_UV_TTY, "tty"},
  };
  size_t i;
  lua_newtable(L);
  for (i = 0; i < sizeof types / sizeof *types; i++) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, ctx->type[types[i].type].ref);
    lua_getfield(L, -1, "__index");
    lua_setfield(L, -3, types[i].name);
    lua_pop(L, 1);
  }
  lua_setfield(L, -2, "methods");
}

static const luaL_Reg functions[] = {
    {"by_name", l_by_name},
    {"parse_address", l_parse_address},
    {NULL, NULL},
};

static void free_timer(uv_handle_t *h) {
  free(h);
}

/* A timer on the context's loop, in place of the one there was; NULL without memory. */
static uv_timer_t *new_timer(lwt_uv *ctx, uv_timer_t *old) {
  uv_timer_t *t = malloc(sizeof *t);
  if (old != NULL) uv_close((uv_handle_t *)old, free_timer);
  if (t == NULL) return NULL;
  uv_timer_init(ctx->loop, t); /* cannot fail */
  t->data = ctx;
  return t;
}

/* No listener is open while the state moves to another loop, so none waits for a descriptor.
** (Without memory for the timers, listeners try again when the next handle closes, and a
** pending lookup does not keep `run` going.) */
static void move_family(lwt_uv *ctx) {
  net_state *net = net_of(ctx);
  net->retry = new_timer(ctx, net->retry);
  net->alive = new_timer(ctx, net->alive);
}

static void close_family(lwt_uv *ctx) {
  net_state *net = net_of(ctx);
  ctx->family[LWT_UV_FNET] = NULL;
  if (net == NULL) return;
  if (net->retry != NULL) uv_close((uv_handle_t *)net->retry, free_timer);
  if (net->alive != NULL) uv_close((uv_handle_t *)net->alive, free_timer);
  free(net);
}

void lwt_uv_open_net(lwt_uv *ctx, lua_State *L) {
  net_state *net = calloc(1, sizeof *net);
  if (net == NULL) luaL_error(L, "not enough memory");
  ctx->family[LWT_UV_FNET] = net;
  ctx->family_close[LWT_UV_FNET] = close_family;
  ctx->family_moved[LWT_UV_FNET] = move_family;
  ctx->hook.descriptor_freed = lwt_uv_listener_retry;
  ctx->hook.send_failed = lwt_uv_stream_send_failed;
  move_family(ctx);
  if (net->retry == NULL || net->alive == NULL) luaL_error(L, "not enough memory");
  lua_pushboolean(L, 0);
  net->by_name = luaL_ref(L, LUA_REGISTRYINDEX);
  lwt_uv_push_functions(ctx, L, functions);
  lwt_uv_add_tcp(ctx, L);
  lwt_uv_add_pipe(ctx, L);
  lwt_uv_add_tty(ctx, L);
  lwt_uv_add_views(ctx, L);
  lwt_uv_add_socket_memory(ctx);
  lwt_uv_add_listener(ctx, L);
  lwt_uv_add_udp(ctx, L);
  lwt_uv_add_datagram(ctx, L);
  lwt_uv_add_dns(ctx, L);
  lwt_uv_add_poll(ctx, L);
  add_methods(ctx, L);
}
