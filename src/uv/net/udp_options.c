/* udp_options.c: the options of a UDP socket, and the groups it joins. */
#include "internal.h"

static int done(lwt_uv *ctx, lua_State *L, int status, const char *op) {
  if (status < 0) return lwt_uv_raise(ctx, L, status, op, NULL, NULL);
  return 0;
}

/*---
Allows sending to broadcast addresses (default true), or forbids it.
@param udp lwt.Udp
@param on? boolean
@function lwt.net.broadcast(udp, on)
*/
static int l_broadcast(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  uv_udp_t *u = lwt_uv_udp_check(ctx, L);
  int on = lua_isnoneornil(L, 2) || lua_toboolean(L, 2);
  return done(ctx, L, uv_udp_set_broadcast(u, on), "broadcast");
}

static int check_ttl(lua_State *L) {
  lua_Integer n = lwt_uv_check_integer(L, 2);
  luaL_argcheck(L, n >= 1 && n <= 255, 2, "time to live is out of range (1 to 255)");
  return (int)n;
}

/*---
The number of routers that a datagram may pass, 1 to 255.
@param udp lwt.Udp
@param n integer
@function lwt.net.ttl(udp, n)
*/
static int l_ttl(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  uv_udp_t *u = lwt_uv_udp_check(ctx, L);
  return done(ctx, L, uv_udp_set_ttl(u, check_ttl(L)), "ttl");
}

/*---
The same for datagrams to groups (the system's default is 1: this network only).
@param udp lwt.Udp
@param n integer
@function lwt.net.multicast_ttl(udp, n)
*/
static int l_multicast_ttl(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  uv_udp_t *u = lwt_uv_udp_check(ctx, L);
  return done(ctx, L, uv_udp_set_multicast_ttl(u, check_ttl(L)), "multicast_ttl");
}

/*---
Whether this machine, too, receives what it sends to groups (default true).
@param udp lwt.Udp
@param on? boolean
@function lwt.net.multicast_loop(udp, on)
*/
static int l_multicast_loop(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  uv_udp_t *u = lwt_uv_udp_check(ctx, L);
  int on = lua_isnoneornil(L, 2) || lua_toboolean(L, 2);
  return done(ctx, L, uv_udp_set_multicast_loop(u, on), "multicast_loop");
}

/*---
The interface (its address) through which datagrams to groups are sent; nil: the system's
choice.
@param udp lwt.Udp
@param host? string
@function lwt.net.multicast_interface(udp, host)
*/
static int l_multicast_interface(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  uv_udp_t *u = lwt_uv_udp_check(ctx, L);
  int status = uv_udp_set_multicast_interface(u, luaL_optstring(L, 2, NULL));
  return done(ctx, L, status, "multicast_interface");
}

static int membership(lua_State *L, uv_membership what, const char *op) {
  lwt_uv *ctx = lwt_uv_context(L);
  uv_udp_t *u = lwt_uv_udp_check(ctx, L);
  const char *group = luaL_checkstring(L, 2), *host = luaL_optstring(L, 3, NULL);
  const char *source = luaL_optstring(L, 4, NULL);
  int status = source == NULL
                   ? uv_udp_set_membership(u, group, host, what)
                   : uv_udp_set_source_membership(u, group, host, source, what);
  if (status < 0) return lwt_uv_raise(ctx, L, status, op, "address", group);
  return 0;
}

/*---
Joins a group (`"224.0.0.251"`, `"ff02::1"`) on an interface (its address; nil: the
system's choice), from everybody or from one `source` only. It raises the system's error.
@param udp lwt.Udp
@param group string
@param host? string
@param source? string
@function lwt.net.multicast_join(udp, group, host, source)
*/
static int l_multicast_join(lua_State *L) {
  return membership(L, UV_JOIN_GROUP, "multicast_join");
}

/*---
Leaves a group: the arguments as in `multicast_join`.
@param udp lwt.Udp
@param group string
@param host? string
@param source? string
@function lwt.net.multicast_leave(udp, group, host, source)
*/
static int l_multicast_leave(lua_State *L) {
  return membership(L, UV_LEAVE_GROUP, "multicast_leave");
}

static const luaL_Reg methods[] = {
    {"broadcast", l_broadcast},
    {"ttl", l_ttl},
    {"multicast_join", l_multicast_join},
    {"multicast_leave", l_multicast_leave},
    {"multicast_ttl", l_multicast_ttl},
    {"multicast_loop", l_multicast_loop},
    {"multicast_interface", l_multicast_interface},
    {NULL, NULL},
};

void lwt_uv_udp_add_options(lwt_uv *ctx, lua_State *L) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, ctx->type[LWT_UV_UDP].ref);
  lua_getfield(L, -1, "__index");
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, methods, 1);
  lua_pop(L, 2);
}
