/* due.c: operations of a task to which a cancel is due.
**
** Its next await raises lwt.Canceled, whatever it is given. What an operation took at once
** would be lost then, and what it did would have been done although the caller is told that it
** was cancelled. So such an operation begins a turn of the loop later: awaiting its promise
** withdraws it, and a caller that keeps the promise instead gets its value.
*/
#include "internal.h"

/* No function that comes here looks at more of its arguments, and a closure cannot hold any
** number of values. */
#define ARGUMENTS 8

/* Upvalues: the function, and what it was called with. */
static int begin(lua_State *L) {
  int n = 0;
  lua_settop(L, 0);
  while (!lua_isnone(L, lua_upvalueindex(n + 1))) {
    luaL_checkstack(L, 2, NULL);
    lua_pushvalue(L, lua_upvalueindex(++n));
  }
  lua_call(L, n - 1, 1);
  return 1;
}

int lwt_uv_later(lua_State *L, lua_CFunction f) {
  int n = lua_gettop(L);
  if (n > ARGUMENTS) lua_settop(L, n = ARGUMENTS);
  luaL_checkstack(L, 6, NULL);
  lwt_uv_push_context(lwt_uv_context(L), L);
  lua_pushcclosure(L, f, 1);
  lua_insert(L, 1);
  lua_pushcclosure(L, begin, n + 1);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, "lwt.core");
  lua_getfield(L, -1, "pause");
  lua_call(L, 0, 1);
  lua_getfield(L, -1, "bind");
  lua_insert(L, -2);
  lua_pushvalue(L, 1);
  lua_call(L, 2, 1);
  return 1;
}
