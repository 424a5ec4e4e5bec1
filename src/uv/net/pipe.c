/* pipe.c: Unix-domain sockets, socket pairs, descriptors that somebody else opened. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "internal.h"

/* ---- Connecting ---------------------------------------------------------- */

/* The address at 1 must be a path, with or without "unix:". */
static void check_path(lua_State *L, lwt_uv_address *a) {
  if (lua_type(L, 1) == LUA_TSTRING && strncmp(lua_tostring(L, 1), "unix:", 5) != 0) {
    lua_pushliteral(L, "unix:");
    lua_pushvalue(L, 1);
    lua_concat(L, 2);
    lua_replace(L, 1);
  }
  lwt_uv_check_address(L, 1, a);
  luaL_argcheck(L, a->family == AF_UNIX, 1, "path expected");
}

/* libuv 1.44 would cut a long path and use what is left of it. */
static int too_long(const lwt_uv_address *a) {
  return a->path_length >= sizeof(((struct sockaddr_un *)0)->sun_path);
}

/*---
Connects to a Unix-domain socket: `"unix:/path"`, `"/path"` or `{path=}`. A path that is
longer than the system takes rejects with `ENAMETOOLONG`.
@param addr string|table
@return lwt.Promise<lwt.Socket>
```lua
local listener = net.pipe_listen("unix:sock"):await()
local sock <close> = net.pipe_connect("unix:sock"):await()
print(tostring(sock):match("^lwt.pipe"))   --> lwt.pipe
```
@function lwt.net.pipe_connect(addr)
*/
static int l_pipe_connect(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  lwt_uv_address a;
  lwt_uv_stream *s;
  uv_connect_t *uv;
  int status;
  static const char *const none[] = {NULL};
  check_path(L, &a);
  lua_settop(L, 2);
  lwt_uv_check_options(L, 2, none);
  if (too_long(&a))
    return lwt_uv_reject(ctx, L, UV_ENAMETOOLONG, "connect", "address", a.text);
  s = lwt_uv_stream_new(ctx, L, LWT_UV_PIPE);
  s->socket = 1;
  status = lwt_uv_handle_opened(L, &s->h, &s->uv.pipe,
                                uv_pipe_init(ctx->loop, &s->uv.pipe, 0));
  if (status < 0) return lwt_uv_reject(ctx, L, status, "connect", "address", a.text);
  uv = lwt_uv_connect_begin(s, L, a.text, 0);
  uv_pipe_connect(uv, &s->uv.pipe, a.path, lwt_uv_on_connect); /* always calls back */
  return lwt_uv_connect_begun(L, uv, 0);
}

static int listen_at(const lwt_uv_address *a, int backlog) {
  struct sockaddr_un un;
  int fd = lwt_uv_socket(AF_UNIX), status;
  if (fd < 0) return fd;
  memset(&un, 0, sizeof un);
  un.sun_family = AF_UNIX;
  memcpy(un.sun_path, a->path, a->path_length);
  if (bind(fd, (struct sockaddr *)&un, sizeof un) == 0) {
    if (listen(fd, backlog) == 0) return fd;
    status = uv_translate_sys_error(errno);
    unlink(un.sun_path);
  } else {
    status = uv_translate_sys_error(errno);
  }
  close(fd);
  return status;
}

/*---
Listens at a Unix-domain socket, which is made there and removed again when the listener
closes. Its promise is rejected with `EADDRINUSE` when the path exists, with `ENAMETOOLONG` when it is too
long.
@param addr string|table
@param opts? table # backlog
@return lwt.Promise<lwt.Listener>
```lua
local listener <close> = net.pipe_listen("unix:sock"):await()
print(listener:address())   --> unix:sock
```
@function lwt.net.pipe_listen(addr, opts)
*/
static int l_pipe_listen(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  static const char *const options[] = {"backlog", NULL};
  lwt_uv_address a;
  listener *l;
  int status, backlog;
  check_path(L, &a);
  lua_settop(L, 2);
  lwt_uv_check_options(L, 2, options);
  backlog = (int)lwt_uv_option_number(L, 2, "backlog", 1, 65535, 511);
  if (too_long(&a))
    return lwt_uv_reject(ctx, L, UV_ENAMETOOLONG, "listen", "address", a.text);
  l = lwt_uv_listener_new(ctx, L, LWT_UV_PIPE, 0, a.path);
  status = lwt_uv_listener_opened(L, l, listen_at(&a, backlog));
  if (status < 0) return lwt_uv_reject(ctx, L, status, "listen", "address", a.text);
  ctx->lwt->fulfilled(ctx->lwt, L, 1);
  return 1;
}

/* ---- Pairs and descriptors ----------------------------------------------- */

typedef struct fds {
  lwt_uv *ctx;
  int fd[2];
} fds;

/* Wrap both, in a protected call: what is not wrapped yet when it fails has to be
** closed. */
static int wrap_pair(lua_State *L) {
  fds *p = lua_touserdata(L, 1);
  int i, status;
  for (i = 0; i < 2; i++) {
    status = lwt_uv_stream_adopt(p->ctx, L, LWT_UV_PIPE, p->fd[i], 0);
    if (status < 0) return lwt_uv_raise(p->ctx, L, status, "socketpair", NULL, NULL);
    p->fd[i] = -1;
  }
  return 2;
}

/*---
Two sockets that are connected to each other, at once (no promise). It raises the system's
error when there is no descriptor left.
@return lwt.Socket
@return lwt.Socket
```lua
local a, b = net.socketpair()
a:write("ping"):await()
print(b:read():await())   --> ping
```
@function lwt.net.socketpair()
*/
static int l_socketpair(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  fds p;
  int i;
  p.ctx = ctx;
  i = uv_socketpair(SOCK_STREAM, 0, p.fd, UV_NONBLOCK_PIPE, UV_NONBLOCK_PIPE);
  if (i < 0) return lwt_uv_raise(ctx, L, i, "socketpair", NULL, NULL);
  lua_settop(L, 0);
  lua_pushcfunction(L, wrap_pair);
  lua_pushlightuserdata(L, &p);
  if (lua_pcall(L, 1, 2, 0) == LUA_OK) return 2;
  for (i = 0; i < 2; i++)
    if (p.fd[i] >= 0) close(p.fd[i]);
  return lua_error(L);
}

/*---
A socket of a descriptor that something else opened: a TCP or Unix-domain socket, a pipe
or a terminal. It belongs to the socket from then on, and is set to non-blocking. It raises
for anything else (`EINVAL` for a regular file: see `lwt.fs`).
@param fd integer
@return lwt.Socket
@function lwt.net.of_fd(fd)
*/
static int l_of_fd(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  lua_Integer fd = lwt_uv_check_integer(L, 1);
  int status;
  luaL_argcheck(L, fd >= 0 && fd <= INT32_MAX, 1, "descriptor is out of range");
  status = lwt_uv_stream_of_fd(ctx, L, (uv_file)fd);
  if (status < 0) return lwt_uv_raise(ctx, L, status, "of_fd", NULL, NULL);
  return 1;
}

static const luaL_Reg functions[] = {
    {"pipe_connect", l_pipe_connect},
    {"pipe_listen", l_pipe_listen},
    {"socketpair", l_socketpair},
    {"of_fd", l_of_fd},
    {NULL, NULL},
};

void lwt_uv_add_pipe(lwt_uv *ctx, lua_State *L) {
  lwt_uv_stream_type(ctx, L, LWT_UV_PIPE, "lwt.pipe", NULL);
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, functions, 1);
}
