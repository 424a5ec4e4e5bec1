/* glib: a Lua module: GLib's timers, one after the other, and how long each has taken.
**
**   timers(ms, n, done)   n timers of GLib's, each set when the one before fires; done(seconds) with the
**                         sum of what they took is called at the end
**   run(), quit()         a main loop
*/
#include <lauxlib.h>
#include <lua.h>

#include <glib.h>

static GMainLoop *loop;
static lua_State *main_state;
static guint milliseconds;
static int left, done = LUA_NOREF;
static gint64 since, sum;

static gboolean on_timer(gpointer data) {
  gint64 now = g_get_monotonic_time();
  (void)data;
  sum += now - since;
  if (--left == 0) {
    lua_rawgeti(main_state, LUA_REGISTRYINDEX, done);
    lua_pushnumber(main_state, (double)sum * 1e-6);
    lua_call(main_state, 1, 0);
    return G_SOURCE_REMOVE;
  }
  since = g_get_monotonic_time();
  g_timeout_add(milliseconds, on_timer, NULL);
  return G_SOURCE_REMOVE;
}

static int l_timers(lua_State *L) {
  milliseconds = (guint)luaL_checkinteger(L, 1);
  left = (int)luaL_checkinteger(L, 2);
  lua_settop(L, 3);
  done = luaL_ref(L, LUA_REGISTRYINDEX);
  since = g_get_monotonic_time();
  g_timeout_add(milliseconds, on_timer, NULL);
  return 0;
}

static int l_run(lua_State *L) {
  (void)L;
  loop = g_main_loop_new(NULL, FALSE);
  g_main_loop_run(loop);
  return 0;
}

static int l_quit(lua_State *L) {
  (void)L;
  g_main_loop_quit(loop);
  return 0;
}

int luaopen_glib(lua_State *L);

int luaopen_glib(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"timers", l_timers}, {"run", l_run}, {"quit", l_quit}, {NULL, NULL}};
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  main_state = lua_tothread(L, -1);
  luaL_newlib(L, functions);
  return 1;
}
