/* promise.c: what a promise is made of: making one, its values, what it stands for.
** Nothing here runs a callback.
**
** A promise that was merged into another is a proxy: U_STATE leads to the other.
** Functions that take a promise from Lua call lwt_promise_find first. */
#include "core.h"

/* ---- Making ------------------------------------------------------------- */

promise *lwt_promise_push(lua_State *L, lwt_context *c, int kind, int how, int nuv,
                          size_t size) {
  promise *p = (promise *)lua_newuserdatauv(L, size, nuv);
  p->state = S_PENDING;
  p->kind = (uint8_t)kind;
  p->how = (uint8_t)how;
  p->waiters = W_NONE;
  p->flags = 0;
  p->n = 0;
  p->epoch = 0;
  pushreg(L, c->r_mt);
  lua_setmetatable(L, -2);
  if (c->debug) lwt_trace_made(L, c, -1);
  return p;
}

promise *lwt_promise_test(lua_State *L, lwt_context *c, int idx) {
  void *u = lua_touserdata(L, idx);
  const void *mt;
  if (u == NULL || !lua_getmetatable(L, idx)) return NULL;
  mt = lua_topointer(L, -1);
  lua_pop(L, 1);
  return mt == c->mt ? (promise *)u : NULL;
}

promise *lwt_promise_check(lua_State *L, lwt_context *c, int idx) {
  promise *p = lwt_promise_test(L, c, idx);
  if (p == NULL) luaL_typeerror(L, idx, "promise");
  return p;
}

/* The promise that the one at idx stands for takes its place on the stack.
** Halves the path on the way, so that chains of proxies stay short. */
promise *lwt_promise_find(lua_State *L, int idx) {
  promise *p = (promise *)lua_touserdata(L, idx);
  while (p->state == S_PROXY) {
    promise *next;
    lua_getiuservalue(L, idx, U_STATE);
    next = (promise *)lua_touserdata(L, -1);
    if (next->state == S_PROXY) {
      lua_getiuservalue(L, -1, U_STATE);
      next = (promise *)lua_touserdata(L, -1);
      lua_pushvalue(L, -1);
      lua_setiuservalue(L, idx, U_STATE);
      lua_replace(L, idx);
      lua_pop(L, 1);
    } else {
      lua_replace(L, idx);
    }
    p = next;
  }
  return p;
}

/* A promise given by the user, looked through and looked at. */
promise *lwt_promise_arg(lua_State *L, lwt_context *c, int idx) {
  promise *p = lwt_promise_check(L, c, idx);
  if (p->state == S_PROXY) p = lwt_promise_find(L, idx);
  if (!(p->flags & F_SEEN)) {
    p->flags |= F_SEEN;
    if (p->flags & F_WATCHED) lwt_unseen_forget(L, idx, p);
  }
  return p;
}

/* Likewise, where the result will be that very promise if it is rejected: its rejection
** counts as looked at only when the result is. */
promise *lwt_promise_passed(lua_State *L, lwt_context *c, int idx) {
  promise *p = lwt_promise_check(L, c, idx);
  if (p->state == S_PROXY) p = lwt_promise_find(L, idx);
  if (p->state != S_REJECTED) p->flags |= F_SEEN;
  return p;
}

/* ---- Values ------------------------------------------------------------- */

/* The top n values become the one that U_STATE holds. */
void lwt_promise_collapse(lua_State *L, int n) {
  int i;
  if (n == 1) return;
  if (n == 0) {
    lua_pushnil(L);
    return;
  }
  luaL_checkstack(L, 2, "too many values");
  lua_createtable(L, n, 0);
  lua_insert(L, -n - 1);
  for (i = n; i >= 1; i--) lua_rawseti(L, -i - 1, i);
}

int lwt_promise_push_values(lua_State *L, int idx, promise *p) {
  int i, n = (int)p->n;
  if (n == 0) return 0;
  lua_getiuservalue(L, idx, U_STATE);
  if (n == 1) return 1;
  luaL_checkstack(L, n, "too many values");
  for (i = 1; i <= n; i++) lua_rawgeti(L, -i, i);
  lua_remove(L, -n - 1);
  return n;
}

void lwt_promise_push_error(lua_State *L, int idx, promise *p) {
  lua_getiuservalue(L, idx, U_STATE);
  if (p->flags & F_WRAPPED) {
    lua_rawgeti(L, -1, 1);
    lua_remove(L, -2);
  }
}

/* ---- What Lua calls ------------------------------------------------------- */

/*---
A promise that is fulfilled with these values (any number, `nil` among them). Lwt's `return`.

```lua
print(lwt.fulfilled(1, nil, 3):state())   --> fulfilled 1 nil 3
```
@generic T, U
@param ... any the values
@return lwt.Promise<T, U>
@function lwt.fulfilled(...)
*/
static int l_fulfilled(lua_State *L) {
  lwt_context *c = context_of(L);
  int n = lua_gettop(L);
  promise *p;
  if (n > 1) lwt_promise_collapse(L, n);
  p = lwt_promise_push(L, c, K_PLAIN, C_NONE, 1, sizeof *p);
  if (n > 0) {
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, U_STATE);
  }
  p->n = (uint32_t)n;
  p->state = S_FULFILLED;
  return 1;
}

/*---
A promise that is rejected with this error (any value). Lwt's `fail`.

```lua
print(lwt.rejected("no"):state())   --> rejected no
```
@param err any the error
@return lwt.Promise<any>
@function lwt.rejected(err)
*/
static int l_rejected(lua_State *L) {
  lwt_context *c = context_of(L);
  promise *p;
  lua_settop(L, 1);
  p = lwt_promise_push(L, c, K_PLAIN, C_NONE, 1, sizeof *p);
  lua_pushvalue(L, 1);
  lwt_resolve_commit(L, c, 2, p, S_REJECTED, 1);
  return 1;
}

/* (`meant`: the function that callers who give an argument want, as a rule.) */
static int push_pair(lua_State *L, int how, const char *meant) {
  lwt_context *c = context_of(L);
  if (lua_gettop(L) > 0) luaL_argerror(L, 1, meant);
  lwt_promise_push(L, c, K_PLAIN, how, 1, sizeof(promise));
  lua_newuserdatauv(L, 0, 1);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, 2, 1);
  pushreg(L, c->r_resolver_mt);
  lua_setmetatable(L, 2);
  return 2;
}

/*---
What comes later: a value, several, none, or an error. `T` and `U` tell an editor the types of the
first two values, so that it knows what `await` gives; a promise of nothing, or of what is not
known, is written without them.

@class lwt.Promise<T, U> */

/*---
A pending promise and its resolver. Cancelling the promise does nothing (`lwt.task` makes one that can be cancelled).
It takes no argument: to wait for a promise, `lwt.await`.

```lua
local p, r = lwt.wait()
r:wakeup("done")
print(p:state())   --> fulfilled done
```
@return lwt.Promise<any> promise
@return lwt.Resolver resolver
@function lwt.wait()
*/
static int l_wait(lua_State *L) {
  return push_pair(L, C_NONE, "nothing expected; to wait for a promise call lwt.await");
}

/*---
A pending promise that can be cancelled, and its resolver. After a cancel, waking it is ignored.
It takes no argument: to run a function as a task, `lwt.spawn`.

```lua
local p, r = lwt.task()
p:cancel()
r:wakeup("too late")
print(p:state())   --> rejected canceled
```
@return lwt.Promise<any> promise
@return lwt.Resolver resolver
@function lwt.task()
*/
static int l_task(lua_State *L) {
  return push_pair(L, C_SELF,
                   "nothing expected; to run a function as a task call lwt.spawn");
}

/* As lwt.task for the library's own modules: the promise alone, which core.wake
** and core.wake_exn resolve. One userdata instead of two. */
static int l_waiter(lua_State *L) {
  lwt_promise_push(L, context_of(L), K_PLAIN, C_SELF, 1, sizeof(promise));
  return 1;
}

/*---
The state of a promise: `"pending"`; `"fulfilled"` and its values; `"rejected"` and its error. Counts as looking at a rejection.

```lua
print(lwt.wait():state())   --> pending
```
@param p lwt.Promise
@return "pending"|"fulfilled"|"rejected" state
@return any ... the values, or the error
@function lwt.state(p)
*/
static int l_state(lua_State *L) {
  promise *p = lwt_promise_arg(L, context_of(L), 1);
  lua_settop(L, 1);
  if (p->state == S_PENDING) {
    lua_pushliteral(L, "pending");
    return 1;
  }
  if (p->state == S_REJECTED) {
    lua_pushliteral(L, "rejected");
    lwt_promise_push_error(L, 1, p);
    return 2;
  }
  lua_pushliteral(L, "fulfilled");
  return 1 + lwt_promise_push_values(L, 1, p);
}

/*---
Is the promise still pending?

```lua
print(lwt.fulfilled():is_pending())   --> false
```
@param p lwt.Promise
@return boolean
@function lwt.is_pending(p)
*/
static int l_is_pending(lua_State *L) {
  lwt_promise_check(L, context_of(L), 1);
  lua_pushboolean(L, lwt_promise_find(L, 1)->state == S_PENDING);
  return 1;
}

/*---
Is this value a promise?

```lua
print(lwt.is_promise(lwt.wait()), lwt.is_promise({}))   --> true false
```
@param x any
@return boolean
@function lwt.is_promise(x)
*/
static int l_is_promise(lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushboolean(L, lwt_promise_test(L, context_of(L), 1) != NULL);
  return 1;
}

static int promise_tostring(lua_State *L) {
  static const char *const names[] = {"pending", "fulfilled", "rejected"};
  lwt_context *c = context_of(L);
  promise *p = lwt_promise_check(L, c, 1);
  const void *id = p;
  lua_settop(L, 1);
  p = lwt_promise_find(L, 1);
  lua_pushfstring(L, "lwt.promise: %p (%s)", id, names[p->state]);
  return 1;
}

/* For specs: how many wait for this promise. */
static int l_waiters(lua_State *L) {
  lwt_promise_check(L, context_of(L), 1);
  lua_pushinteger(L, lwt_promise_count_waiters(L, 1, lwt_promise_find(L, 1)));
  return 1;
}

static const luaL_Reg functions[] = {{"fulfilled", l_fulfilled},
                                     {"rejected", l_rejected},
                                     {"wait", l_wait},
                                     {"task", l_task},
                                     {"state", l_state},
                                     {"is_pending", l_is_pending},
                                     {"is_promise", l_is_promise},
                                     {"waiter", l_waiter},
                                     {"waiters", l_waiters},
                                     {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__tostring", promise_tostring}, {NULL, NULL}};

void lwt_promise_open(lua_State *L, lwt_context *c) {
  lwt_register(L, c, functions);
  pushreg(L, c->r_mt);
  lwt_register(L, c, metamethods);
  lua_pop(L, 1);
}
