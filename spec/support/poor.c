/* poor.c: a Lua module whose function turns the loop `n` times while each request of the state for more
** memory is refused: poor(n, calls). There is room for so many calls one in another, where a collection
** before has taken away what Lua kept for more (it leaves one, which is this function's). */
#include <lauxlib.h>
#include <lwt.h>

static lua_Alloc before;

static void *refuse(void *data, void *block, size_t old, size_t size) {
  if (size > (block == NULL ? 0 : old)) return NULL;
  return before(data, block, old, size);
}

static int deeper(lua_State *L) {
  lua_Integer calls = lua_tointeger(L, 1) - 1;
  if (calls == 0) return 0;
  lua_pushcfunction(L, deeper);
  lua_pushinteger(L, calls);
  lua_call(L, 1, 0);
  return 0;
}

static int step(lua_State *L) {
  const lwt_api *lwt = lwt_import(L);
  double wait;
  lwt->step(lwt, L, 0, &wait);
  return 0;
}

static int l_poor(lua_State *L) {
  void *data;
  lua_Integer n = luaL_checkinteger(L, 1);
  lua_pushcfunction(L, deeper);
  lua_pushinteger(L, luaL_checkinteger(L, 2));
  lua_call(L, 1, 0);
  before = lua_getallocf(L, &data);
  lua_setallocf(L, refuse, data);
  while (n-- > 0) {
    lua_pushcfunction(L, step);
    if (lua_pcall(L, 0, 0, 0) != LUA_OK) lua_pop(L, 1);
  }
  lua_setallocf(L, before, data);
  return 0;
}

int luaopen_poor(lua_State *L) {
  lua_pushcfunction(L, l_poor);
  return 1;
}
