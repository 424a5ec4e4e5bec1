/* lock.c: lgi's lock. lgi lets callbacks of other threads enter Lua while a GLib function runs
** that Lua has called; a lock says who is in Lua. So it is taken before a turn of ours inside
** GLib's loop, which lgi has called, and given up while our engine waits. A program that
** does not use lgi has none.
*/
#include <string.h>

#include "glib.h"

static int find_pointer(lua_State *L, const char *field, void *into) {
  void *p =
      lua_getfield(L, -1, field) == LUA_TLIGHTUSERDATA ? lua_touserdata(L, -1) : NULL;
  lua_pop(L, 1);
  if (p != NULL) memcpy(into, &p, sizeof p); /* (C has no cast from data to functions) */
  return p != NULL;
}

/* May raise. lgi may be loaded after us; then its lock goes before we do when the state is
** closed, unless there is a guard that is younger. */
int lwt_glib_lock_find(lwt_glib *g, lua_State *L) {
  int top = lua_gettop(L);
  void *lock;
  void (*enter)(void *), (*leave)(void *);
  if (g->lock != NULL) return 1;
  luaL_checkstack(L, 4, NULL);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (lua_getfield(L, -1, "lgi.core") == LUA_TTABLE && find_pointer(L, "lock", &lock) &&
      find_pointer(L, "enter", &enter) && find_pointer(L, "leave", &leave)) {
    lwt_glib_guard(g, L);
    g->lock = lock;
    g->lock_enter = enter;
    g->lock_leave = leave;
  }
  lua_settop(L, top);
  return g->lock != NULL;
}

void lwt_glib_lock_enter(const lwt_glib *g) {
  if (g->lock != NULL) g->lock_enter(g->lock);
}

void lwt_glib_lock_leave(const lwt_glib *g) {
  if (g->lock != NULL) g->lock_leave(g->lock);
}
