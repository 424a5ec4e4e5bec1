/* tcp.c: TCP sockets: connecting to one address, and what only TCP sockets can.
**
** A name is looked up in Lua (lua/lwt/net.lua: happy eyeballs over all its addresses),
** which calls back here for each address. What listens is in listener.c.
*/
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "internal.h"

/* ---- Connecting ---------------------------------------------------------- */

/* Push a promise of a socket that is connected to `a` (a number). */
static int connect_to(lwt_uv *ctx, lua_State *L, const lwt_uv_address *a,
                      const lwt_uv_address *from, int nodelay) {
  lwt_uv_stream *s = lwt_uv_stream_new(ctx, L, LWT_UV_TCP);
  int status = lwt_uv_handle_opened(
      L, &s->h, &s->uv.tcp, uv_tcp_init_ex(ctx->loop, &s->uv.tcp, (unsigned)a->family));
  uv_connect_t *uv;
  if (status == 0 && from != NULL)
    status = uv_tcp_bind(&s->uv.tcp, (const void *)&from->sa, 0);
  if (status < 0) {
    lwt_uv_handle_close(L, lua_touserdata(L, -1), 1);
    return lwt_uv_reject(ctx, L, status, "connect", "address", a->text);
  }
  uv = lwt_uv_connect_begin(s, L, a->text, nodelay);
  status = uv_tcp_connect(uv, &s->uv.tcp, (const void *)&a->sa, lwt_uv_on_connect);
  return lwt_uv_connect_begun(L, uv, status);
}

/* Push the Lua function `name` for addresses that are names (see net.lua). */
void lwt_uv_push_by_name(lwt_uv *ctx, lua_State *L, const char *name) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, net_of(ctx)->by_name);
  if (!lua_istable(L, -1) || lua_getfield(L, -1, name) != LUA_TFUNCTION)
    luaL_error(L, "lwt.net is not loaded: names cannot be looked up");
}

int lwt_uv_call_by_name(lwt_uv *ctx, lua_State *L, const char *name,
                        const lwt_uv_address *a) {
  lwt_uv_push_by_name(ctx, L, name);
  lua_pushstring(L, a->host);
  lua_pushstring(L, a->service);
  lua_pushvalue(L, 2); /* the options */
  lua_pushstring(L, a->text);
  lua_call(L, 4, 1);
  return 1;
}

static void check_delay(lua_State *L, int arg) {
  if (!lua_istable(L, arg)) return;
  if (lua_getfield(L, arg, "delay") != LUA_TNIL &&
      !(lua_type(L, -1) == LUA_TNUMBER && lua_tonumber(L, -1) >= 0))
    luaL_argerror(L, arg, "option 'delay' is no number of seconds");
  lua_pop(L, 1);
}

static const char *const connect_options[] = {"nodelay", "bind", "delay", NULL};

/*---
Connects to a TCP address, `"host:port"` or `{host=, port=}`. A name is looked up, and all
its addresses are tried, IPv6 and IPv4 in turn: the next one when the last has failed or
after 250 ms (`delay` seconds), until one answers; the others are closed. Nagle's
algorithm is off (`nodelay = false` leaves it on); `bind` is the local address to connect
from. Its promise is rejected with the error of the first address when none answers. Cancelling closes
what was begun.
@param addr string|table
@param opts? table # nodelay, bind, delay
@return lwt.Promise<lwt.Socket>
```lua
local listener = net.tcp_listen("127.0.0.1:0"):await()
local sock <close> = net.tcp_connect(listener:address()):await()
local peer <close> = listener:accept():await()
sock:write("hi"):await()
print(peer:read():await())   --> hi
```
@function lwt.net.tcp_connect(addr, opts)
*/
static int l_tcp_connect(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  lwt_uv_address a, from;
  int bound = 0, nodelay;
  lwt_uv_check_address(L, 1, &a);
  lua_settop(L, 2);
  luaL_argcheck(L, a.family != AF_UNIX, 1, "a Unix address (see pipe_connect)");
  luaL_argcheck(L, a.port != 0, 1, "port 0 cannot be connected to");
  lwt_uv_check_options(L, 2, connect_options);
  nodelay = lwt_uv_option_flag(L, 2, "nodelay", 1);
  check_delay(L, 2);
  if (!lua_isnil(L, 2)) {
    int type = lua_getfield(L, 2, "bind");
    if (type != LUA_TNIL) {
      luaL_argcheck(L, type == LUA_TSTRING || type == LUA_TTABLE, 2,
                    "option 'bind' is no numeric address");
      lua_pushvalue(L, 2);
      lua_insert(L, 3);
      lua_replace(L, 2); /* what is wrong with it is wrong with argument 2 */
      lwt_uv_check_address(L, 2, &from);
      luaL_argcheck(L, from.family == AF_INET || from.family == AF_INET6, 2,
                    "option 'bind' is no numeric address");
      lua_replace(L, 2);
      bound = 1;
    }
  }
  if (a.family == AF_UNSPEC) return lwt_uv_call_by_name(ctx, L, "connect", &a);
  return connect_to(ctx, L, &a, bound ? &from : NULL, nodelay);
}

/* ---- Methods ------------------------------------------------------------- */

static uv_tcp_t *check_tcp(lwt_uv *ctx, lua_State *L) {
  lwt_uv_stream *s = lwt_uv_handle_check(ctx, L, 1, LWT_UV_TCP);
  if (s == NULL) lwt_uv_raise_closed(L, "socket");
  return &s->uv.tcp;
}

/*---
Whether small writes are sent at once (`true`, as they are by default) or collected
(Nagle's algorithm).
@param sock lwt.Socket
@param on? boolean # default true
```lua
local listener = net.tcp_listen("127.0.0.1:0"):await()
local sock = net.tcp_connect(listener:address()):await()
sock:nodelay(false)
```
@function lwt.net.nodelay(sock, on)
*/
static int l_nodelay(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  uv_tcp_t *tcp = check_tcp(ctx, L);
  int on = lua_isnoneornil(L, 2) || lua_toboolean(L, 2);
  int status = uv_tcp_nodelay(tcp, on);
  if (status < 0) return lwt_uv_raise(ctx, L, status, "nodelay", NULL, NULL);
  return 0;
}

/*---
Has the system ask a silent peer whether it is still there, after `seconds` of silence
(rounded up to whole ones); `false` or nil: not.
@param sock lwt.Socket
@param seconds number|false
```lua
local listener = net.tcp_listen("127.0.0.1:0"):await()
local sock = net.tcp_connect(listener:address()):await()
sock:keepalive(60)
```
@function lwt.net.keepalive(sock, seconds)
*/
static int l_keepalive(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  uv_tcp_t *tcp = check_tcp(ctx, L);
  lua_Number seconds = lua_toboolean(L, 2) ? lwt_uv_check_number(L, 2) : 0;
  int status;
  luaL_argcheck(L, seconds >= 0 && seconds <= 32767, 2, "seconds are out of range");
  status = uv_tcp_keepalive(tcp, lua_toboolean(L, 2), (unsigned)(seconds + 0.999));
  if (status < 0) return lwt_uv_raise(ctx, L, status, "keepalive", NULL, NULL);
  return 0;
}

/* What the system has taken and the other end's has not acknowledged, or -1. */
static long in_flight(uv_os_fd_t fd) {
  int n = 0;
#if defined(__linux__)
  if (ioctl(fd, TIOCOUTQ, &n) == 0) return n;
#elif defined(SO_NWRITE)
  socklen_t length = sizeof n;
  if (getsockopt(fd, SOL_SOCKET, SO_NWRITE, &n, &length) == 0) return n;
#endif
  (void)fd;
  (void)n;
  return -1;
}

/*---
How many bytes of what was written the other end's system has not acknowledged yet: what is certainly
lost if the connection breaks now. (What has been acknowledged may still not have been read.) It is
nil where the system does not tell. Of a connection that has broken it says how it was then.
@param sock lwt.Socket
@return integer?
```lua
local listener = net.tcp_listen("127.0.0.1:0"):await()
local sock <close> = net.tcp_connect(listener:address()):await()
local peer <close> = listener:accept():await()
sock:write("hello"):await()
peer:read():await()
print(sock:unacknowledged())   --> 0
```
@function lwt.net.unacknowledged(sock)
*/
static int l_unacknowledged(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  uv_tcp_t *tcp = check_tcp(ctx, L);
  uv_os_fd_t fd;
  long n = uv_fileno((uv_handle_t *)tcp, &fd) == 0 ? in_flight(fd) : -1;
  if (n < 0) return 0;
  lua_pushinteger(L, n + (lua_Integer)uv_stream_get_write_queue_size((uv_stream_t *)tcp));
  return 1;
}

/*---
Closes the socket with a reset: what was not sent yet is thrown away, and the peer's next
operation fails with `ECONNRESET`.
@param sock lwt.Socket
```lua
local listener = net.tcp_listen("127.0.0.1:0"):await()
local sock = net.tcp_connect(listener:address()):await()
sock:reset()
```
@function lwt.net.reset(sock)
*/
static int l_reset(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  uv_tcp_t *tcp = check_tcp(ctx, L);
  struct linger linger = {1, 0};
  uv_os_fd_t fd;
  /* Not uv_tcp_close_reset: it refuses after a shutdown, and closes the handle itself. */
  if (uv_fileno((uv_handle_t *)tcp, &fd) == 0)
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  lua_settop(L, 1);
  lwt_uv_handle_close(L, lua_touserdata(L, 1), 0);
  return 0;
}

static const luaL_Reg methods[] = {
    {"nodelay", l_nodelay},
    {"keepalive", l_keepalive},
    {"unacknowledged", l_unacknowledged},
    {"reset", l_reset},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"tcp_connect", l_tcp_connect},
    {NULL, NULL},
};

void lwt_uv_add_tcp(lwt_uv *ctx, lua_State *L) {
  lwt_uv_stream_type(ctx, L, LWT_UV_TCP, "lwt.tcp", methods);
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, functions, 1);
}
