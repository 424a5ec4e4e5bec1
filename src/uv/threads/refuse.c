/* refuse.c: the error for a message that cannot be sent: what in it, and the path to that.
**
** While a message is packed only the object that led to each object is kept for this; the keys
** are looked for again. Few messages are refused.
*/
#include "writer.h"

static void add_key(luaL_Buffer *b, lua_State *L, int key, int after) {
  if (lua_type(L, key) == LUA_TSTRING) {
    if (after) luaL_addchar(b, '.');
    lua_pushvalue(L, key);
  } else if (lua_isinteger(L, key)) {
    lua_pushfstring(L, "[%I]", lua_tointeger(L, key));
  } else {
    lua_pushfstring(L, "[%s]", luaL_tolstring(L, key, NULL));
    lua_remove(L, -2);
  }
  luaL_addvalue(b);
}

/* Push the key under which `value` lies in `table`, found by looking for it: few messages
** are refused. */
static void push_key_of(lua_State *L, int table, int value) {
  table = lua_absindex(L, table);
  value = lua_absindex(L, value);
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    if (lua_rawequal(L, -1, value)) {
      lua_pop(L, 1);
      return; /* the key */
    }
    if (lua_rawequal(L, -2, value)) {
      lua_pop(L, 2);
      lua_pushliteral(L, "(a key)");
      return;
    }
    lua_pop(L, 1);
  }
  lua_pushliteral(L, "(metatable)");
}

/* Push the path to the value at `idx`, which is in the contents of `w->id`. */
static void push_path(lwt_uv_writer *w, int idx) {
  lua_State *L = w->L;
  int top = lua_gettop(L), steps, part = w->part;
  unsigned id = w->id;
  /* The steps, from the value outwards: a key, or an upvalue's name as {name}. */
  lua_pushvalue(L, idx);
  while (id != 0) {
    luaL_checkstack(L, 8, NULL);
    lua_rawgeti(L, w->list, id);
    if (lua_istable(L, -1)) {
      push_key_of(L, -1, -2);
      lua_insert(L, -3); /* step, value, table */
      lua_remove(L, -2);
    } else {
      const char *name = lua_getupvalue(L, -1, part); /* (Lua's have names) */
      lua_pop(L, 1);
      lua_createtable(L, 1, 0);
      lua_pushstring(L, name);
      lua_rawseti(L, -2, 1);
      lua_insert(L, -3);
      lua_remove(L, -2);
    }
    part = w->objects[id].part;
    id = w->objects[id].parent;
  }
  lua_pop(L, 1);
  steps = lua_gettop(L);
  lua_pushnil(L); /* so that there is a slot for the result */
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  if (part == 0)
    lua_pushliteral(L, "function");
  else
    lua_pushfstring(L, "%s %d", w->what, part);
  luaL_addvalue(&b);
  int in_field = 0;
  for (int i = steps; i > top; i--) {
    if (lua_istable(L, i)) {
      lua_rawgeti(L, i, 1);
      lua_pushfstring(L, "%s, upvalue \"%s\"", in_field ? "\"" : "", lua_tostring(L, -1));
      lua_remove(L, -2);
      luaL_addvalue(&b);
      in_field = 0;
    } else {
      if (!in_field) luaL_addstring(&b, ", field \"");
      add_key(&b, L, i, in_field);
      in_field = 1;
    }
  }
  if (in_field) luaL_addchar(&b, '"');
  luaL_pushresult(&b);
  lua_replace(L, top + 1);
  lua_settop(L, top + 1);
}

void lwt_uv_refuse(lwt_uv_writer *w, int idx, const char *kind) {
  lua_State *L = w->L;
  luaL_checkstack(L, 16, NULL);
  lua_pushstring(L, kind);
  push_path(w, idx);
  luaL_where(L, 1);
  lua_pushfstring(L, "%scannot send %s (%s)", lua_tostring(L, -1), lua_tostring(L, -3),
                  lua_tostring(L, -2));
  lwt_uv_writer_keep(w);
  lua_error(L);
}
