/* registry.c: what the context keeps in the registry of Lua: each value in a slot, a key that is
** a number (the fields r_… of lwt_context). */
#include "core.h"

int lwt_slot(lua_State *L) {
  return luaL_ref(L, REG);
}

void lwt_register(lua_State *L, lwt_context *c, const luaL_Reg *functions) {
  pushreg(L, c->r_self);
  luaL_setfuncs(L, functions, 1);
}

void lwt_weak_table(lua_State *L, const char *mode) {
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushstring(L, mode);
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
}

int lwt_slot_of_weak(lua_State *L, const char *mode) {
  lwt_weak_table(L, mode);
  return lwt_slot(L);
}

int lwt_slot_of_table(lua_State *L) {
  lua_newtable(L);
  return lwt_slot(L);
}

int lwt_slot_of_false(lua_State *L) {
  lua_pushboolean(L, 0);
  return lwt_slot(L);
}

int lwt_slot_of_metatable(lua_State *L, const char *name) {
  lua_newtable(L);
  lua_pushstring(L, name);
  lua_setfield(L, -2, "__name");
  return lwt_slot(L);
}
