/* two.c: a host with two Lua states and one GLib loop, which serves both. */
#include <stdio.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <glib.h>

static GMainLoop *loop;
static int over;

static int l_over(lua_State *L) {
  puts(luaL_checkstring(L, 1));
  if (++over == 2) g_main_loop_quit(loop);
  return 0;
}

static lua_State *state(const char *name, double seconds) {
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  lua_register(L, "over", l_over);
  lua_pushstring(L, name);
  lua_setglobal(L, "name");
  lua_pushnumber(L, seconds);
  lua_setglobal(L, "seconds");
  if (luaL_dostring(L, "local lwt, glib = require 'lwt', require 'lwt.glib'\n"
                       "glib.install { mode = 'lwt_into_glib' }\n"
                       "lwt.async(function() lwt.await(lwt.sleep(seconds)) over(name) end)"))
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
  return L;
}

int main(void) {
  lua_State *one = state("one", 0.02), *two = state("two", 0.1);
  loop = g_main_loop_new(NULL, FALSE);
  g_main_loop_run(loop);
  lua_close(one);
  while (g_main_context_iteration(NULL, FALSE)) continue;
  lua_close(two);
  while (g_main_context_iteration(NULL, FALSE)) continue;
  g_main_loop_unref(loop);
  puts("ended");
  return 0;
}
