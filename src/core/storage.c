/* storage.c: task-local storage: values that follow the flow of a program.
**
** The current storage (r_storage) is false or a table from keys to values, which is
** never changed but replaced: callbacks and tasks keep the one they were made with.
** c->storing says whether there is one, so that programs without pay nothing. */
#include "core.h"

/* Exchanges the value on top (false or a table) and the current storage. */
void lwt_storage_swap(lua_State *L, lwt_context *c) {
  pushreg(L, c->r_storage);
  lua_insert(L, -2);
  c->storing = (uint8_t)lua_toboolean(L, -1);
  setreg(L, c->r_storage);
}

static void check_key(lua_State *L, int idx) {
  if (!lua_islightuserdata(L, idx) && lua_type(L, idx) != LUA_TTABLE)
    luaL_typeerror(L, idx, "storage key");
  if (!luaL_getmetafield(L, idx, "__name") || !lua_isstring(L, -1))
    luaL_typeerror(L, idx, "storage key");
  lua_pop(L, 1);
}

/* Pushes a copy of the current storage in which the key at `key` has the value at
** `value`. */
static void push_changed(lua_State *L, lwt_context *c, int key, int value) {
  lua_newtable(L);
  if (pushreg(L, c->r_storage) == LUA_TTABLE) {
    lua_pushnil(L);
    while (lua_next(L, -2)) {
      lua_pushvalue(L, -2);
      lua_insert(L, -2);
      lua_rawset(L, -5);
    }
  }
  lua_pop(L, 1);
  lua_pushvalue(L, key);
  lua_pushvalue(L, value);
  lua_rawset(L, -3);
}

/*---
A new key for task-local storage.

```lua
local user = lwt.new_key()
lwt.with_value(user, "ann", function() print(lwt.get(user)) end)   --> ann
```
@return lwt.Key
@function lwt.new_key()
*/
static int l_new_key(lua_State *L) {
  lua_newtable(L);
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_setmetatable(L, -2);
  return 1;
}

/*---
The value of a key here: in this task, or in this callback (which sees what was there when it was attached). `nil` when there is none.

```lua
print(lwt.get(lwt.new_key()))   --> nil
```
@param key lwt.Key
@return any
@function lwt.get(key)
*/
static int l_get(lua_State *L) {
  lwt_context *c = context_of(L);
  check_key(L, 1);
  lua_settop(L, 1);
  if (pushreg(L, c->r_storage) != LUA_TTABLE) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushvalue(L, 1);
  lua_rawget(L, 2);
  return 1;
}

/*---
Sets the value of a key for the rest of this task or callback, and for what it starts. `nil` removes it.

```lua
local k = lwt.new_key()
lwt.set(k, 1)
lwt.yield()
print(lwt.get(k))   --> 1
```
@param key lwt.Key
@param v any
@function lwt.set(key, v)
*/
static int l_set(lua_State *L) {
  lwt_context *c = context_of(L);
  check_key(L, 1);
  lua_settop(L, 2);
  push_changed(L, c, 1, 2);
  lwt_storage_swap(L, c);
  return 0;
}

/* 1: the storage before; the results lie above. */
static int with_value_k(lua_State *L, int status, lua_KContext k) {
  lwt_context *c = (lwt_context *)k;
  lua_pushvalue(L, 1);
  lwt_storage_swap(L, c);
  lua_pop(L, 1);
  if (status != LUA_OK && status != LUA_YIELD) return lua_error(L);
  return lua_gettop(L) - 1;
}

/*---
Calls `f(...)` with the key set to `v`, and returns what it returns. What `f` starts or attaches keeps the value; after the call
the old one is back. In a task, `f` may await.

```lua
local k = lwt.new_key()
print(lwt.with_value(k, 5, lwt.get, k), lwt.get(k))   --> 5 nil
```
@param key lwt.Key
@param v any `nil` removes the key
@param f fun(...): any
@param ... any
@return any ...
@function lwt.with_value(key, v, f, ...)
*/
static int l_with_value(lua_State *L) {
  lwt_context *c = context_of(L);
  check_key(L, 1);
  luaL_checkany(L, 2);
  if (lua_type(L, 3) != LUA_TFUNCTION) {
    if (luaL_getmetafield(L, 3, "__call") == LUA_TNIL) luaL_typeerror(L, 3, "function");
    lua_pop(L, 1); /* or f would be given it */
  }
  push_changed(L, c, 1, 2);
  lua_replace(L, 2);
  lua_pushvalue(L, 2);
  lwt_storage_swap(L, c);
  lua_replace(L, 1); /* the old one */
  lua_remove(L, 2);
  return with_value_k(
      L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, (lua_KContext)c, with_value_k),
      (lua_KContext)c);
}

static const luaL_Reg functions[] = {
    {"get", l_get}, {"set", l_set}, {"with_value", l_with_value}, {NULL, NULL}};

void lwt_storage_open(lua_State *L, lwt_context *c) {
  lwt_register(L, c, functions);
  pushreg(L, c->r_self);
  lua_newtable(L);
  lua_pushliteral(L, "lwt.key");
  lua_setfield(L, -2, "__name");
  lua_pushcclosure(L, l_new_key, 2);
  lua_setfield(L, -2, "new_key");
}
