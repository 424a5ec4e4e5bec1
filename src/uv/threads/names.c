/* names.c: values that are not copied between states but found again by name:
** modules, what lies in a module, and metatables.
**
** The index maps values to names with weak keys. It is filled from package.loaded at
** first use, and looked through again when something turns up that it does not know
** and that cannot be copied, or that may well belong to a new module (a function).
*/
#include <string.h>

#include "threads.h"

/* ---- The index ------------------------------------------------------------------ */

static int is_nameable(lua_State *L, int idx) {
  int type = lua_type(L, idx);
  return type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TUSERDATA;
}

/* names[value] = name, unless it has a better one; value and name are popped. 1: it has now.
** A module's name is better than that of a field, and of two the shorter one: a module in
** several files may be loaded by the names of its parts, too, which alone are not the
** whole. */
static int note(lua_State *L, int names, int is_module) {
  size_t len = lua_rawlen(L, -1), old_len;
  const char *old;
  lua_pushvalue(L, -2);
  lua_rawget(L, names);
  old = lua_tolstring(L, -1, &old_len);
  if (old != NULL) {
    int was_module = strlen(old) == old_len;
    if (was_module != is_module ? was_module : old_len <= len) {
      lua_pop(L, 3);
      return 0;
    }
  }
  lua_pop(L, 1);
  lua_rawset(L, names);
  return 1;
}

/* The module at the top with its name below: index its fields. */
static int note_fields(lua_State *L, int names) {
  int module = lua_gettop(L), found = 0;
  lua_pushnil(L);
  while (lua_next(L, module) != 0) {
    if (lua_type(L, -2) == LUA_TSTRING && is_nameable(L, -1)) {
      luaL_Buffer b;
      lua_pushvalue(L, -1);
      luaL_buffinit(L, &b);
      lua_pushvalue(L, module - 1);
      luaL_addvalue(&b);
      luaL_addchar(&b, '\0');
      lua_pushvalue(L, module + 1);
      luaL_addvalue(&b);
      luaL_pushresult(&b);
      found |= note(L, names, 0);
    }
    lua_pop(L, 1);
  }
  return found;
}

int lwt_uv_names_refresh(lua_State *L, lwt_uv_transport *t, int deep) {
  int found = 0, top = lua_gettop(L), names = top + 1, loaded = top + 2, fresh = top + 3;
  luaL_checkstack(L, 16, NULL);
  lua_rawgeti(L, LUA_REGISTRYINDEX, t->names);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushnil(L); /* becomes a table of the new ones */
  lua_pushnil(L);
  while (lua_next(L, loaded) != 0) {
    if (lua_type(L, -2) == LUA_TSTRING && is_nameable(L, -1)) {
      lua_pushvalue(L, -1);
      lua_pushvalue(L, -3);
      if (note(L, names, 1)) {
        found = 1;
        if (lua_isnil(L, fresh)) {
          lua_newtable(L);
          lua_replace(L, fresh);
        }
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, fresh);
      }
    }
    lua_pop(L, 1);
  }
  /* Fields after modules: string is "string", not a field of _G. */
  int which = deep ? loaded : fresh;
  if (deep || found) {
    lua_pushnil(L);
    while (lua_next(L, which) != 0) {
      if (lua_type(L, -2) == LUA_TSTRING && lua_istable(L, -1))
        found |= note_fields(L, names);
      lua_pop(L, 1);
    }
  }
  lua_settop(L, top);
  return found;
}

int lwt_uv_name_of(lua_State *L, lwt_uv_transport *t, int idx, int fields) {
  size_t len;
  const char *name;
  lua_rawgeti(L, LUA_REGISTRYINDEX, t->names);
  lua_pushvalue(L, idx);
  lua_rawget(L, -2);
  lua_remove(L, -2);
  name = lua_tolstring(L, -1, &len);
  if (name != NULL && (fields || strlen(name) == len)) return 1;
  lua_pop(L, 1);
  return 0;
}

static void push_module(lua_State *L, const char *name) {
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (lua_getfield(L, -1, name) == LUA_TNIL) {
    lua_pop(L, 1);
    lua_getglobal(L, "require");
    lua_pushstring(L, name);
    lua_call(L, 1, 1);
  }
  lua_remove(L, -2);
}

void lwt_uv_push_named(lua_State *L, const char *name, size_t len) {
  size_t module = strlen(name);
  luaL_checkstack(L, 6, NULL);
  push_module(L, name);
  if (module == len) return;
  if (!lua_istable(L, -1)) luaL_error(L, "module '%s' is not a table here", name);
  if (lua_getfield(L, -1, name + module + 1) == LUA_TNIL)
    luaL_error(L, "module '%s' has no field '%s' here", name, name + module + 1);
  lua_remove(L, -2);
}

/* ---- Metatables --------------------------------------------------------------------- */

/* As luaL_newmetatable does it, so that types made in C count too: the metatable has
** its name in __name, and lies in the registry under it. */
int lwt_uv_metatable_name(lua_State *L, int idx) {
  lua_pushliteral(L, "__name");
  if (lua_rawget(L, idx) == LUA_TSTRING) {
    lua_pushvalue(L, -1);
    lua_rawget(L, LUA_REGISTRYINDEX);
    int same = lua_rawequal(L, -1, idx);
    lua_pop(L, 1);
    if (same) return 1;
  }
  lua_pop(L, 1);
  return 0;
}

/* Require the module `name` if there is one; its errors are ignored. */
static void try_require(lua_State *L, const char *name) {
  lua_getglobal(L, "require");
  lua_pushstring(L, name);
  lua_pcall(L, 1, 0, 0);
}

void lwt_uv_push_metatable(lua_State *L, const char *name) {
  luaL_checkstack(L, 6, NULL);
  if (luaL_getmetatable(L, name) == LUA_TTABLE) return;
  int top = lua_gettop(L) - 1;
  try_require(L, name);
  lua_settop(L, top);
  if (luaL_getmetatable(L, name) == LUA_TTABLE) return;
  const char *dot = strrchr(name, '.');
  if (dot != NULL) {
    lua_pushlstring(L, name, (size_t)(dot - name));
    try_require(L, lua_tostring(L, -1));
    lua_settop(L, top);
    if (luaL_getmetatable(L, name) == LUA_TTABLE) return;
  }
  luaL_error(
      L,
      "metatable '%s' is not registered in this Lua state: register it in a module "
      "of that name",
      name);
}

/*---
Gives a metatable a name, so that tables with it can be sent between Lua states: in
messages of channels, as arguments and results of detached functions. Each state has to
register it, best in a module that both sides require: where it is not registered yet
when a table arrives, the module of that name is required, or else the one of the name up
to its last dot. Metatables made in C with `luaL_newmetatable` are registered already; a
module that is itself the metatable of its objects (`Point.__index = Point`) needs no
registering. Sets `__name`. It raises if the name belongs to something else.
@param name string such as `"geometry.point"`: a module and what it makes
@param metatable table
@return table the metatable
```lua
local mt = preemptive.register_metatable("geometry.point", {
  __index = { norm = function(p) return math.abs(p.x) + math.abs(p.y) end },
})
print(setmetatable({ x = 1, y = -2 }, mt):norm())   --> 3
```
@function lwt.preemptive.register_metatable(name, metatable) */
int lwt_uv_l_register_metatable(lua_State *L) {
  luaL_checktype(L, 1, LUA_TSTRING);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  lua_pushvalue(L, 1);
  lua_rawget(L, LUA_REGISTRYINDEX);
  luaL_argcheck(L, lua_isnil(L, 3) || lua_rawequal(L, 3, 2), 1, "this name is taken");
  lua_pushliteral(L, "__name");
  lua_pushvalue(L, 1);
  lua_rawset(L, 2);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  lua_rawset(L, LUA_REGISTRYINDEX);
  lua_settop(L, 2);
  return 1;
}
