/* storage.c: task-local storage: values that follow the flow of a program.
**
** The current storage (r_storage) is false or a table from keys to values, which is
** never changed but replaced: callbacks and tasks keep the one they were made with.
** c->storing says whether there is one, so that programs without pay nothing.
**
** What runs a function under another storage (with_value, a kept function, resume of
** lwt.coroutine) restores the one before when the function ends, fails, or yields. */
#include "core.h"

/* The value on top (false or a table; popped) becomes the current storage. core.stored[1]
** tells Lua whether there is one. */
static inline void install(lua_State *L, lwt_context *c) {
  uint8_t storing = (uint8_t)lua_toboolean(L, -1);
  setreg(L, c->r_storage);
  if (storing == c->storing) return;
  c->storing = storing;
  pushreg(L, c->r_stored);
  lua_pushboolean(L, storing);
  lua_rawseti(L, -2, 1);
  lua_pop(L, 1);
}

/* Exchanges the value on top and the current storage. */
void lwt_storage_swap(lua_State *L, lwt_context *c) {
  pushreg(L, c->r_storage);
  lua_insert(L, -2);
  install(L, c);
}

static void check_key(lua_State *L, const lwt_context *c, int idx) {
  int is_ours;
  if (lua_type(L, idx) == LUA_TTABLE && lua_getmetatable(L, idx)) {
    is_ours = lua_topointer(L, -1) == c->key_mt;
    lua_pop(L, 1);
    if (is_ours) return;
  }
  if (!lua_islightuserdata(L, idx) && lua_type(L, idx) != LUA_TTABLE)
    luaL_typeerror(L, idx, "storage key");
  if (!luaL_getmetafield(L, idx, "__name") || !lua_isstring(L, -1))
    luaL_typeerror(L, idx, "storage key");
  lua_pop(L, 1);
}

/* Pushes a copy of the storage at `from` in which the key at `key` has the value at
** `value`; false where nothing is left. */
static void push_changed(lua_State *L, int from, int key, int value) {
  lua_newtable(L);
  if (lua_istable(L, from)) {
    lua_pushnil(L);
    while (lua_next(L, from)) {
      lua_pushvalue(L, -2);
      lua_insert(L, -2);
      lua_rawset(L, -4);
    }
  }
  lua_pushvalue(L, key);
  lua_pushvalue(L, value);
  lua_rawset(L, -3);
  if (!lua_isnil(L, value)) return;
  lua_pushnil(L);
  if (lua_next(L, -2)) {
    lua_pop(L, 2);
  } else {
    lua_pop(L, 1);
    lua_pushboolean(L, 0);
  }
}

/* ---- Running under another one ---------------------------------------------------------- */

/* What is on the stack of a function that runs another under its own storage, below the
** function and its arguments, or its results: the storage before; the key that with_value
** has set, or nil; the message handler. */
#define SAVED 1
#define KEY 2
#define HANDLER 3

/* Is L a coroutine that is running, and whose storage is kept while it is not? */
static int is_kept_here(const lua_State *L, const lwt_context *c) {
  return L == c->storage_co || (c->current != NULL && L == c->current->co);
}

/* Restores the storage before. Where with_value changed one key only, other keys that
** were set meanwhile stay set. */
static void restore(lua_State *L, lwt_context *c, uint32_t sets) {
  int top = lua_gettop(L);
  luaL_checkstack(L, 10, NULL);
  if (sets == c->sets || lua_isnil(L, KEY)) {
    lua_pushvalue(L, SAVED);
  } else {
    pushreg(L, c->r_storage);
    lua_pushnil(L);
    if (lua_istable(L, SAVED)) {
      lua_pushvalue(L, KEY);
      lua_rawget(L, SAVED);
      lua_replace(L, -2);
    }
    push_changed(L, top + 1, KEY, top + 2);
    lua_replace(L, top + 1);
    lua_settop(L, top + 1);
  }
  install(L, c);
}

/* (Plain Lua may have resumed a coroutine of ours: the storage is not its own then.) */
static int guarded_k(lua_State *L, int status, lua_KContext k) {
  lwt_context *c = context_of(L);
  if (is_kept_here(L, c)) restore(L, c, (uint32_t)k);
  if (status == LUA_YIELD) return lua_gettop(L) - HANDLER;
  return lwt_trace_raise(L, c);
}

/* Calls the function above the handler with what lies above it, and returns what it returns.
** It may yield in a task and in a coroutine of lwt.coroutine, whose resumer restores the
** storage. In a plain coroutine it may not: its resumer would go on with our storage. */
static int call_guarded(lua_State *L, lwt_context *c) {
  int n = lua_gettop(L) - HANDLER - 1, status;
  uint32_t sets = c->sets;
  status = lua_pcallk(L, n, LUA_MULTRET, HANDLER, (lua_KContext)sets,
                      is_kept_here(L, c) ? guarded_k : NULL);
  restore(L, c, sets);
  if (status == LUA_OK) return lua_gettop(L) - HANDLER;
  return lwt_trace_raise(L, c);
}

/* The storage on top (popped) becomes the current one, and what call_guarded expects
** takes its place, for a call that changes no key. */
static void push_guard(lua_State *L, lwt_context *c) {
  lwt_storage_swap(L, c);
  lua_pushnil(L);
  pushreg(L, c->r_handler);
}

/* What core.keep gives. */
static int kept(lua_State *L) {
  lwt_context *c = context_of(L);
  lua_pushvalue(L, lua_upvalueindex(3));
  push_guard(L, c);
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_rotate(L, 1, HANDLER + 1);
  return call_guarded(L, c);
}

/* The function on top is replaced by one that calls it with the storage that is current now,
** whenever that will be. */
void lwt_storage_keep(lua_State *L, lwt_context *c) {
  pushreg(L, c->r_self);
  lua_insert(L, -2);
  pushreg(L, c->r_storage);
  lua_pushcclosure(L, kept, 3);
}

/* core.keep(f): for functions that are called later, but not by a promise. */
static int l_keep(lua_State *L) {
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  lwt_storage_keep(L, context_of(L));
  return 1;
}

/* core.bare(f, ...): calls what was attached where there was no storage. */
static int l_bare(lua_State *L) {
  lwt_context *c = context_of(L);
  luaL_checkany(L, 1);
  lua_pushboolean(L, 0);
  push_guard(L, c);
  lua_rotate(L, 1, HANDLER);
  return call_guarded(L, c);
}

/* The coroutine at `thread` is about to be resumed: pushes the storage of its resumer. A
** coroutine begins with it, and has its own when it goes on. */
void lwt_storage_enter(lua_State *L, lwt_context *c, int thread) {
  if (!c->storing && !c->co_storage) {
    lua_pushboolean(L, 0);
    return;
  }
  pushreg(L, c->r_storage);
  if (lua_status(lua_tothread(L, thread)) != LUA_YIELD) return;
  pushreg(L, c->r_task_storage);
  lua_pushvalue(L, thread);
  if (lua_rawget(L, -2) == LUA_TNIL) {
    lua_pop(L, 1);
    lua_pushboolean(L, 0);
  }
  lwt_storage_swap(L, c);
  lua_pop(L, 2);
}

/* It has yielded or ended: the storage at `saved` is back. */
void lwt_storage_leave(lua_State *L, lwt_context *c, int thread, int saved) {
  int yielded;
  if (!c->storing && !c->co_storage && !lua_toboolean(L, saved)) return;
  luaL_checkstack(L, 5, NULL);
  lua_pushvalue(L, saved);
  lwt_storage_swap(L, c);
  yielded = lua_status(lua_tothread(L, thread)) == LUA_YIELD;
  if (!yielded || !lua_toboolean(L, -1)) {
    lua_pop(L, 1);
    lua_pushnil(L);
  } else {
    c->co_storage = 1;
  }
  pushreg(L, c->r_task_storage);
  lua_pushvalue(L, thread);
  lua_pushvalue(L, -3);
  lua_rawset(L, -3);
  lua_pop(L, 2);
}

/* ---- What Lua calls --------------------------------------------------------------------- */

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
  check_key(L, c, 1);
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
  check_key(L, c, 1);
  lua_settop(L, 2);
  pushreg(L, c->r_storage);
  push_changed(L, 3, 1, 2);
  install(L, c);
  c->sets++;
  return 0;
}

/*---
Calls `f(...)` with the key set to `v`, and returns what it returns. What `f` starts or attaches keeps the value; after the call
the old one is back (other keys that `f` has set stay). In a task, `f` may await; it may yield from a coroutine of `lwt.coroutine`, whose
caller keeps its own value, but not from a plain one.

```lua
local k = lwt.new_key()
print(lwt.with_value(k, 5, lwt.get, k), lwt.get(k))   --> 5 nil
```
@generic T, U
@param key lwt.Key
@param v any `nil` removes the key
@param f fun(...): T?, U?, ...?
@param ... any
@return T value
@return U second
@return any ...
@function lwt.with_value(key, v, f, ...)
*/
static int l_with_value(lua_State *L) {
  lwt_context *c = context_of(L);
  check_key(L, c, 1);
  luaL_checkany(L, 2);
  lwt_check_callable(L, 3);
  pushreg(L, c->r_storage);
  push_changed(L, lua_gettop(L), 1, 2);
  install(L, c);
  lua_pushvalue(L, 1);
  lua_replace(L, KEY);
  lua_replace(L, SAVED);
  pushreg(L, c->r_handler);
  lua_insert(L, HANDLER);
  return call_guarded(L, c);
}

static const luaL_Reg functions[] = {
    {"get", l_get},   {"set", l_set},   {"with_value", l_with_value},
    {"keep", l_keep}, {"bare", l_bare}, {NULL, NULL}};

void lwt_storage_open(lua_State *L, lwt_context *c) {
  lwt_register(L, c, functions);
  lua_createtable(L, 1, 0);
  lua_pushboolean(L, 0);
  lua_rawseti(L, -2, 1);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "stored");
  c->r_stored = lwt_slot(L);
  pushreg(L, c->r_self);
  lua_newtable(L);
  lua_pushliteral(L, "lwt.key");
  lua_setfield(L, -2, "__name");
  c->key_mt = lua_topointer(L, -1);
  lua_pushvalue(L, -1);
  lwt_slot(L);
  lua_pushcclosure(L, l_new_key, 2);
  lua_setfield(L, -2, "new_key");
}
