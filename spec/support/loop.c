/* loop.c: a loop that belongs to somebody else, for spec/uv/engine_spec.lua: what luv is
** to a program that uses both. A timer of its own counts.
*/
#include <lauxlib.h>
#include <lua.h>
#include <uv.h>

static uv_loop_t loops[2], *loop;
static uv_timer_t timer;
static int fired, callback = LUA_NOREF;
static lua_State *main_state;

static void on_timer(uv_timer_t *t) {
  (void)t;
  fired++;
  if (callback != LUA_NOREF) {
    lua_rawgeti(main_state, LUA_REGISTRYINDEX, callback);
    lua_call(main_state, 0, 0);
  }
}

static int l_new(lua_State *L) {
  main_state = L;
  if (loop == NULL) { /* the timer is the first one's */
    loop = &loops[0];
    uv_loop_init(loop);
    uv_timer_init(loop, &timer);
    lua_pushlightuserdata(L, loop);
  } else {
    uv_loop_init(&loops[1]);
    lua_pushlightuserdata(L, &loops[1]);
  }
  return 1;
}

static int l_none(lua_State *L) {
  lua_pushlightuserdata(L, NULL);
  return 1;
}

static int l_timer(lua_State *L) {
  if (lua_isfunction(L, 2)) callback = (lua_settop(L, 2), luaL_ref(L, LUA_REGISTRYINDEX));
  uv_timer_start(&timer, on_timer, (uint64_t)luaL_checkinteger(L, 1), 0);
  return 0;
}

static int l_run(lua_State *L) {
  main_state = L;
  lua_pushboolean(L, uv_run(loop, UV_RUN_DEFAULT));
  return 1;
}

static int l_fired(lua_State *L) {
  lua_pushinteger(L, fired);
  return 1;
}

static int l_close(lua_State *L) {
  uv_close((uv_handle_t *)&timer, NULL);
  uv_run(loop, UV_RUN_NOWAIT);
  lua_pushinteger(L, uv_loop_close(loop));
  return 1;
}

int luaopen_loop(lua_State *L) {
  static const luaL_Reg functions[] = {{"new", l_new},     {"timer", l_timer},
                                       {"run", l_run},     {"fired", l_fired},
                                       {"close", l_close}, {"none", l_none},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
