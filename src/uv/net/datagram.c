/* datagram.c: Unix-domain datagram sockets, as those of a log daemon (/dev/log).
**
** libuv has no name for them, but its udp handle works on any datagram socket: the descriptor
** is made, bound and connected here, and then it is a udp like any other (udp.c).
*/
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "internal.h"

static int new_socket(void) {
#ifdef SOCK_CLOEXEC
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
#else
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  if (fd >= 0) {
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, O_NONBLOCK);
  }
#endif
  return fd >= 0 ? fd : uv_translate_sys_error(errno);
}

/* The option `name` as an address: 0 when it is not there, -1 when it is too long. The string
** stays on the stack. */
static int path_option(lua_State *L, const char *name, struct sockaddr_un *un) {
  const char *path;
  size_t n;
  if (!lua_istable(L, 1) || lua_getfield(L, 1, name) == LUA_TNIL) return 0;
  if (lua_type(L, -1) != LUA_TSTRING) {
    lua_pushfstring(L, "option '%s': string expected, got %s", name,
                    luaL_typename(L, -1));
    luaL_argerror(L, 1, lua_tostring(L, -1));
  }
  path = lua_tolstring(L, -1, &n);
  if (strncmp(path, "unix:", 5) == 0) {
    path += 5;
    n -= 5;
  }
  if (n == 0 || strlen(path) != n) {
    lua_pushfstring(L, "option '%s': path expected", name);
    luaL_argerror(L, 1, lua_tostring(L, -1));
  }
  if (n >= sizeof un->sun_path) return -1;
  memset(un, 0, sizeof *un);
  un->sun_family = AF_UNIX;
  memcpy(un->sun_path, path, n);
  return 1;
}

/*---
A Unix-domain datagram socket, at once (no promise): with `path` it is bound there (the file
stays when it is closed: remove it then), with `peer` it is connected to the socket that is
bound there, and `send` needs no address. Its methods are those of a UDP socket. Datagrams of
one sender arrive in order and none is lost: when the receiver does not keep up, `send` waits.
`send` rejects with `ECONNREFUSED` when the receiver has closed, and then it is made anew. Raises
the system's error: `ENOENT` or `ECONNREFUSED` when no socket is there, `EPROTOTYPE` for a socket
of the other kind (`pipe_connect`), `EADDRINUSE`, `ENAMETOOLONG`.
@param opts? table # path, peer
@return lwt.Udp
```lua
local daemon <close> = net.unix_datagram { path = "log" }
local sender <close> = net.unix_datagram { peer = "log" }
sender:send("hello"):await()
print((daemon:recv():await()))   --> hello
```
@function lwt.net.unix_datagram(opts)
*/
static int l_unix_datagram(lua_State *L) {
  static const char *const options[] = {"path", "peer", NULL};
  lwt_uv *ctx = lwt_uv_context(L);
  struct sockaddr_un own, peer;
  lwt_uv_handle *h;
  const char *text;
  int bound, connected, fd, status;
  lua_settop(L, 1);
  lwt_uv_check_options(L, 1, options);
  bound = path_option(L, "path", &own);
  connected = path_option(L, "peer", &peer);
  text = connected != 0 ? lua_tostring(L, -1) : bound != 0 ? lua_tostring(L, 2) : NULL;
  if (bound < 0 || connected < 0)
    return lwt_uv_raise(ctx, L, UV_ENAMETOOLONG, "unix_datagram", "address", text);
  h = lwt_uv_udp_new(ctx, L);
  status = fd = new_socket();
  if (fd >= 0 &&
      ((bound && bind(fd, (struct sockaddr *)&own, sizeof own) < 0) ||
       (connected && connect(fd, (struct sockaddr *)&peer, sizeof peer) < 0))) {
    status = uv_translate_sys_error(errno);
    close(fd);
  }
  status = lwt_uv_udp_opened(L, h, status);
  if (status == 0) return 1;
  return lwt_uv_raise(ctx, L, status, "unix_datagram", "address", text);
}

static const luaL_Reg functions[] = {{"unix_datagram", l_unix_datagram}, {NULL, NULL}};

void lwt_uv_add_datagram(lwt_uv *ctx, lua_State *L) {
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, functions, 1);
}
