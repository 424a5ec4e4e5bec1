/* memory_socket.c: a module in C as a stranger's, which reads and writes sockets of lwt.net by
** lwt.h alone: for spec/uv/net/socket_memory_spec.lua.
*/
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>
#include <lwt.h>

/* What waits for a socket, and calls a Lua function when it is told. */
typedef struct watcher {
  lwt_socket_wait wait;
  const lwt_api *lwt;
  int f, own; /* in the registry: the function; this userdata, while it waits */
} watcher;

static void on_ready(lua_State *L, lwt_socket_wait *w) {
  watcher *me = (watcher *)(void *)w;
  lua_rawgeti(L, LUA_REGISTRYINDEX, me->f);
  luaL_unref(L, LUA_REGISTRYINDEX, me->own);
  me->own = LUA_NOREF;
  lua_call(L, 0, 0);
}

/* watcher(f) */
static int l_watcher(lua_State *L) {
  watcher *w;
  luaL_checktype(L, 1, LUA_TFUNCTION);
  w = lua_newuserdatauv(L, sizeof *w, 0);
  w->wait.f = on_ready;
  w->wait.at = NULL;
  w->lwt = lwt_import(L);
  w->own = LUA_NOREF;
  lua_pushvalue(L, 1);
  w->f = luaL_ref(L, LUA_REGISTRYINDEX);
  return 1;
}

/* wait(watcher, socket) -> what socket_wait returns */
static int l_wait(lua_State *L) {
  watcher *w = lua_touserdata(L, 1);
  int r = w->lwt->socket_wait(w->lwt, L, 2, &w->wait);
  if (r == 0) {
    lua_pushvalue(L, 1);
    w->own = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  lua_pushinteger(L, r);
  return 1;
}

static int l_unwait(lua_State *L) {
  watcher *w = lua_touserdata(L, 1);
  w->lwt->socket_unwait(w->lwt, &w->wait);
  luaL_unref(L, LUA_REGISTRYINDEX, w->own);
  w->own = LUA_NOREF;
  return 0;
}

static int l_waits(lua_State *L) {
  lua_pushboolean(L, ((watcher *)lua_touserdata(L, 1))->wait.at != NULL);
  return 1;
}

/* read(socket, size) -> the bytes, or what socket_read returns */
static int l_read(lua_State *L) {
  const lwt_api *lwt = lwt_import(L);
  size_t size = (size_t)luaL_checkinteger(L, 2);
  char *data = malloc(size + 1);
  ptrdiff_t n = lwt->socket_read(lwt, L, 1, data, size);
  if (n > 0)
    lua_pushlstring(L, data, (size_t)n);
  else
    lua_pushinteger(L, n);
  free(data);
  return 1;
}

/* write(socket, text) -> what socket_write returns */
static int l_write(lua_State *L) {
  const lwt_api *lwt = lwt_import(L);
  size_t n;
  const char *text = luaL_checklstring(L, 2, &n);
  lua_pushinteger(L, lwt->socket_write(lwt, L, 1, text, n));
  return 1;
}

int luaopen_memory_socket(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"watcher", l_watcher}, {"wait", l_wait}, {"unwait", l_unwait}, {"waits", l_waits},
      {"read", l_read},       {"write", l_write}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
