/* wide.c: a C function with many values on its stack, which awaits a promise.
**
** wide(promise, n) pushes 1 to n, awaits, and returns how many of them are there after that,
** and then what the promise gave. */
#include <lauxlib.h>
#include <lua.h>

#include <lwt.h>

static const lwt_api *lwt;

static int count(lua_State *L) {
  lua_Integer n = lua_tointeger(L, 2), there = 0;
  int values;
  while (there < n && lua_tointeger(L, (int)there + 3) == there + 1) there++;
  lua_settop(L, (int)n + 2);
  lua_pushinteger(L, there);
  values = lwt->await_end(lwt, L, 1);
  return values + 1;
}

static int go_on(lua_State *L, int status, lua_KContext k) {
  (void)status;
  if (!lwt->wait_resumed(lwt, L)) return lua_yieldk(L, 1, k, go_on);
  return count(L);
}

static int wide(lua_State *L) {
  lua_Integer n = luaL_checkinteger(L, 2);
  lua_settop(L, 2);
  luaL_checkstack(L, (int)n + 10, NULL);
  for (lua_Integer i = 1; i <= n; i++) lua_pushinteger(L, i);
  if (lwt->await_begin(lwt, L, 1)) return count(L);
  return lua_yieldk(L, 0, 0, go_on);
}

int luaopen_wide(lua_State *L);

int luaopen_wide(lua_State *L) {
  lwt = lwt_import(L);
  lua_pushcfunction(L, wide);
  return 1;
}
