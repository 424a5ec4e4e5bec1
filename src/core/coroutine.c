/* coroutine.c: coroutines of the user's own inside a task.
**
** lwt.coroutine.resume is coroutine.resume that can tell two kinds of yield apart:
** the user's, which goes to the resumer, and that of an await inside, which goes on to
** the scheduler. After such a yield the task is no longer running; that is how the two
** are told apart. The task is later resumed at its outermost coroutine, and each resume
** on the way (resume_k) goes on with the next, which is at 1 on its stack. */
#include <lualib.h>

#include "core.h"

static lua_State *check_thread(lua_State *L, int idx) {
  lua_State *co = lua_tothread(L, idx);
  luaL_argexpected(L, co, idx, "coroutine");
  return co;
}

/* Goes on with co until it yields for its user or ends. Returns the number of
** results (pushed), -1 for an error (pushed), or -2 when the task waits. */
static int go(lua_State *L, lwt_context *c, lua_State *co, int narg) {
  task *t = c->current;
  lua_State *outer = c->current_co, *outer_storage = c->storage_co;
  int going_on = t != NULL && t->status == T_RESUMING; /* after an await */
  int status, nres;
  if (!going_on) /* await is possible inside only when it is here */
    c->current_co = outer == L && lua_isyieldable(L) && !c->callbacks ? co : NULL;
  c->refused = NULL;
  c->storage_co = co;
  status = lua_resume(co, L, narg, &nres);
  c->storage_co = outer_storage;
  if (going_on && t->status == T_RESUMING) lwt_task_abandon(L, c, t); /* co was closed */
  if (status == LUA_YIELD && t != NULL && t->status < T_RUNNING) return -2;
  c->current_co = going_on ? L : outer;
  if ((status != LUA_OK && status != LUA_YIELD) || c->refused == co) {
    c->refused = NULL;
    lua_xmove(co, L, 1);
    return -1;
  }
  if (!lua_checkstack(L, nres + 1)) {
    lua_pop(co, nres);
    lua_pushliteral(L, "too many results to resume");
    return -1;
  }
  lua_xmove(co, L, nres);
  return nres;
}

/* Moves narg arguments on top to co and starts it; errors as `go`. */
static int start(lua_State *L, lwt_context *c, lua_State *co, int narg) {
  if (co == c->current_co || lua_status(co) > LUA_YIELD ||
      (lua_status(co) == LUA_OK && lua_gettop(co) == 0)) {
    lua_pushstring(L, co == L ? "cannot resume non-suspended coroutine"
                              : "cannot resume dead coroutine");
    return -1;
  }
  if (!lua_checkstack(co, narg)) {
    lua_pushliteral(L, "too many arguments to resume");
    return -1;
  }
  lua_xmove(L, co, narg);
  return go(L, c, co, narg);
}

static int resume_done(lua_State *L, int n, int base) {
  if (n < 0) {
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
  }
  lua_pushboolean(L, 1);
  lua_insert(L, base + 1);
  return n + 1;
}

/* Is the scheduler on its way to the function that waits in the innermost coroutine? */
static int is_going_on(const lwt_context *c) {
  return c->current != NULL && c->current->status == T_RESUMING;
}

static int resume_k(lua_State *L, int status, lua_KContext k) {
  lwt_context *c = (lwt_context *)k;
  int n;
  (void)status;
  if (!is_going_on(c)) return lwt_task_yield_again(L, c, 2, resume_k);
  n = go(L, c, lua_tothread(L, 1), 0);
  if (n == -2) return lua_yieldk(L, 0, k, resume_k);
  lwt_storage_leave(L, c, 1, 2);
  return resume_done(L, n, 2);
}

/*---
As `coroutine.resume`, for a coroutine that may await: an await in it suspends the whole task.

```lua
local co = lwt.coroutine.create(function() lwt.yield() return "done" end)
print(lwt.coroutine.resume(co))   --> true done
```
@param co thread
@param ... any
@return boolean ok
@return any ... results, or the error
@function lwt.coroutine.resume(co, ...)
*/
static int l_resume(lua_State *L) {
  lwt_context *c = context_of(L);
  lua_State *co = check_thread(L, 1);
  int n;
  lwt_storage_enter(L, c, 1);
  lua_insert(L, 2);
  n = start(L, c, co, lua_gettop(L) - 2);
  if (n == -2) return lua_yieldk(L, 0, (lua_KContext)c, resume_k);
  lwt_storage_leave(L, c, 1, 2);
  return resume_done(L, n, 2);
}

/*---
As `coroutine.create`; resume it with `lwt.coroutine.resume`.

```lua
local co = lwt.coroutine.create(function(a) local b = lwt.coroutine.yield(a + 1) return b end)
print(lwt.coroutine.resume(co, 1))   --> true 2
print(lwt.coroutine.resume(co, "b"))   --> true b
```
@param f function
@return thread
@function lwt.coroutine.create(f)
*/
static int l_create(lua_State *L) {
  lua_State *co;
  luaL_checktype(L, 1, LUA_TFUNCTION);
  co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  return 1;
}

static int wrap_k(lua_State *L, int status, lua_KContext k);

static int wrap_done(lua_State *L, lwt_context *c, lua_State *co, int n) {
  if (n == -2) return lua_yieldk(L, 0, (lua_KContext)c, wrap_k);
  lwt_storage_leave(L, c, 1, 2);
  if (n >= 0) return n;
  if (lua_status(co) > LUA_YIELD) lua_settop(co, 0); /* there is nothing to be closed */
  n = lua_gettop(L);
  if (lua_type(L, n) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_pushvalue(L, n);
    lua_concat(L, 2);
  }
  lwt_trace_resumed(L, c, n, lua_gettop(L));
  return lua_error(L);
}

static int wrap_k(lua_State *L, int status, lua_KContext k) {
  lwt_context *c = (lwt_context *)k;
  lua_State *co = lua_tothread(L, lua_upvalueindex(2));
  (void)status;
  if (!is_going_on(c)) return lwt_task_yield_again(L, c, 2, wrap_k);
  return wrap_done(L, c, co, go(L, c, co, 0));
}

static int wrapped(lua_State *L) {
  lwt_context *c = context_of(L);
  lua_State *co = lua_tothread(L, lua_upvalueindex(2));
  lua_pushvalue(L, lua_upvalueindex(2)); /* where lwt_task_is_intact looks for it */
  lua_insert(L, 1);
  lwt_storage_enter(L, c, 1);
  lua_insert(L, 2);
  return wrap_done(L, c, co, start(L, c, co, lua_gettop(L) - 2));
}

/* What a wrapped coroutine runs: its function, protected, with the handler that makes its trace.
** When an error comes out, the variables that it left are closed, as with the standard
** wrap; here closing them may await. */
static int body_k(lua_State *co, int status, lua_KContext k) {
  (void)k;
  return status == LUA_OK || status == LUA_YIELD ? lua_gettop(co) - 1 : lua_error(co);
}

static int body(lua_State *co) {
  lua_pushvalue(co, lua_upvalueindex(1));
  lua_insert(co, 1);
  pushreg(co, ((lwt_context *)lua_touserdata(co, lua_upvalueindex(2)))->r_handler);
  lua_insert(co, 1);
  return body_k(co, lua_pcallk(co, lua_gettop(co) - 2, LUA_MULTRET, 1, 0, body_k), 0);
}

/*---
As `coroutine.wrap`, for a function that may await: a generator that waits for what it gives.

```lua
local gen = lwt.coroutine.wrap(function()
  for i = 1, 2 do
    lwt.yield()
    lwt.coroutine.yield(i)
  end
end)
print(gen(), gen())   --> 1 2
```
@param f function
@return function
@function lwt.coroutine.wrap(f)
*/
static int l_wrap(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_pushlightuserdata(L, context_of(L));
  lua_pushcclosure(L, body, 2);
  l_create(L);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, -2);
  lua_pushcclosure(L, wrapped, 2);
  return 1;
}

static const luaL_Reg functions[] = {
    {"create", l_create}, {"resume", l_resume}, {"wrap", l_wrap}, {NULL, NULL}};

/* The rest (yield, status, close, running, isyieldable) is Lua's own. */
void lwt_coroutine_open(lua_State *L, lwt_context *c) {
  static const char *const standard[] = {"yield",   "status",      "close",
                                         "running", "isyieldable", NULL};
  int i, mod;
  lua_newtable(L);
  mod = lua_gettop(L);
  lwt_register(L, c, functions);
  luaL_requiref(L, LUA_COLIBNAME, luaopen_coroutine, 0);
  for (i = 0; standard[i] != NULL; i++) {
    lua_getfield(L, -1, standard[i]);
    lua_setfield(L, mod, standard[i]);
  }
  lua_settop(L, mod);
  lua_setfield(L, -2, "coroutine");
}
