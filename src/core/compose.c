/* compose.c: one promise after another: bind, map, catch, finalize, try_bind and
** the callbacks without a result.
**
** bind is the model: read it first, the others differ in which outcome calls the
** callback and what becomes of its result. On a pending promise each makes a new
** promise that is itself the waiter: it holds the callback (U_FN), knows its input
** (U_DEP, for cancel), and tell.c runs it. On a resolved promise the callback
** is called at once. */
#include "core.h"

/* Pushes a promise of this kind that holds the `nfn` callbacks at 2, and the storage
** that they are to see. */
static promise *push_record(lua_State *L, lwt_context *c, int kind, int how, int nfn) {
  int at = 2 + nfn;
  promise *q = lwt_promise_push(L, c, kind, how, 2 + nfn, sizeof *q);
  if (c->storing) {
    lua_createtable(L, 3, 0);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, 1);
    if (nfn == 2) {
      lua_pushvalue(L, 3);
      lua_rawseti(L, -2, 2);
    }
    pushreg(L, c->r_storage);
    lua_rawseti(L, -2, 3);
    lua_setiuservalue(L, at, U_FN);
    q->flags |= F_STORED;
  } else {
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, at, U_FN);
    if (nfn == 2) {
      lua_pushvalue(L, 3);
      lua_setiuservalue(L, at, U_FN2);
    }
  }
  return q;
}

/* Pushes a promise that waits for the one at 1, if that is pending, with the callbacks at 2,
** and returns NULL. Otherwise returns that one, pushing nothing. (A finalizer may change it
** in the middle.) */
static promise *derive(lua_State *L, lwt_context *c, promise *p, int kind, int nfn) {
  int at = 2 + nfn;
  while (p->state == S_PENDING) {
    promise *q = push_record(L, c, kind, C_DEP, nfn);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, at, U_DEP);
    lua_pushvalue(L, at);
    if (lwt_promise_add_known_waiter(L, 1, p, q)) return NULL;
    lua_settop(L, at - 1);
    p = lwt_promise_find(L, 1);
  }
  return p;
}

/* Deeper than this, even a callback that could be called at once is deferred. */
static int too_deep(lwt_context *c) {
  return c->immediate >= MAX_NEST;
}

/* Like derive, for a resolved input: the callback is called later. */
static void derive_owed(lua_State *L, lwt_context *c, int kind, int nfn) {
  push_record(L, c, kind, C_NONE, nfn);
  lua_pushvalue(L, -1);
  lwt_resolve_owe(L, c, 1);
}

/* Calls the function below nargs values, as a callback: what it sets in the storage is
** gone with it. `saved`: where the storage is (0: there is none). The handler is at `h`. */
static inline int call_back(lua_State *L, lwt_context *c, int nargs, int nresults, int h,
                            int saved) {
  int status;
  c->immediate++;
  c->callbacks++;
  status = lua_pcall(L, nargs, nresults, h);
  c->callbacks--;
  c->immediate--;
  if (saved || c->storing) {
    luaL_checkstack(L, 3, NULL);
    if (saved)
      lua_pushvalue(L, saved);
    else
      lua_pushboolean(L, 0);
    lwt_storage_swap(L, c);
    lua_pop(L, 1);
  }
  return status;
}

/* Puts the storage, if there is one, below the handler at 1, the function and its
** arguments. Calls it; the results lie above `base`. */
static inline int call_under(lua_State *L, lwt_context *c, int nresults, int *base) {
  int storing = c->storing;
  *base = 1;
  if (storing) {
    pushreg(L, c->r_storage);
    lua_insert(L, 1);
    *base = 2;
  }
  return call_back(L, c, lua_gettop(L) - *base - 1, nresults, *base, storing);
}

/* The same with the function at 1. */
static inline int call_first(lua_State *L, lwt_context *c, int nresults, int *base) {
  pushreg(L, c->r_handler);
  lua_insert(L, 1);
  return call_under(L, c, nresults, base);
}

/* Calls the function at `fn` with the outcome of the resolved promise at 1 (how:
** 1 its values, -1 its error, 0 nothing). The results lie above `base`. */
static int call_now(lua_State *L, lwt_context *c, int fn, int how, int *base) {
  promise *p = (promise *)lua_touserdata(L, 1);
  int n = 0, saved = 0;
  if (c->storing) {
    pushreg(L, c->r_storage);
    saved = lua_gettop(L);
  }
  pushreg(L, c->r_handler);
  *base = lua_gettop(L);
  lua_pushvalue(L, fn);
  if (how > 0) {
    n = lwt_promise_push_values(L, 1, p);
  } else if (how < 0) {
    lwt_promise_push_error(L, 1, p);
    n = 1;
  }
  return call_back(L, c, n, LUA_MULTRET, *base, saved);
}

/* Leaves a promise of the outcome of call_now on top. */
static int result(lua_State *L, lwt_context *c, int base, int status, int follow) {
  if (!(status == LUA_OK && follow && lua_gettop(L) == base + 1 &&
        lwt_promise_test(L, c, -1) != NULL)) {
    luaL_checkstack(L, 10, NULL);
    lwt_promise_push(L, c, K_PLAIN, C_NONE, 1, sizeof(promise));
    lua_insert(L, base + 1);
    lwt_resolve_follow(L, c, base + 1, base + 1, status, 0);
    lua_settop(L, base + 1);
  }
  if (c->immediate == 0 && c->has_deferred) lwt_resolve_drain(L, c);
  return 1;
}

/* The input at idx: a promise, or a function to run as a task, which then takes its place. `look`:
** whether its rejection counts as looked at; not so where the result may be that very promise. */
promise *lwt_promise_or_task(lua_State *L, lwt_context *c, int idx, int look) {
  if (lwt_promise_test(L, c, idx) == NULL) {
    if (lua_type(L, idx) != LUA_TFUNCTION) {
      if (luaL_getmetafield(L, idx, "__call") == LUA_TNIL)
        luaL_typeerror(L, idx, "promise or function");
      lua_pop(L, 1);
    }
    lua_pushvalue(L, idx);
    lwt_task_spawn(L, c, 0);
    lua_replace(L, idx);
  }
  return look ? lwt_promise_arg(L, c, idx) : lwt_promise_passed(L, c, idx);
}

/* ---- bind, map ------------------------------------------------------------- */

static int bind(lua_State *L, int kind) {
  lwt_context *c = context_of(L);
  promise *p = lwt_promise_passed(L, c, 1);
  int base, status;
  lwt_check_callable(L, 2);
  lua_settop(L, 2);
  if ((p = derive(L, c, p, kind, 1)) == NULL) return 1;
  if (p->state == S_REJECTED) {
    lua_settop(L, 1);
    return 1;
  }
  if (too_deep(c)) {
    derive_owed(L, c, kind, 1);
    return 1;
  }
  status = call_now(L, c, 2, 1, &base);
  return result(L, c, base, status, kind == K_BIND);
}

/*---
Calls `f` with the values of `p` when it is fulfilled. The result follows the promise that `f` returns, or is fulfilled with what
else it returns, or rejected with what it raises; a rejected `p` is passed on. `f` is a plain callback: it may not await.
On a fulfilled `p` the call happens at once (deeper than 16 such calls inside one another, when the outermost is done).

```lua
local p = lwt.fulfilled(2):bind(function(x) return lwt.fulfilled(x * 21) end)
print(p:state())   --> fulfilled 42
```
@generic T, R
@param p lwt.Promise<T>
@param f fun(value: T, ...): lwt.Promise<R>|R?, ...?
@return lwt.Promise<R>
@function lwt.bind(p, f)
*/
static int l_bind(lua_State *L) {
  return bind(L, K_BIND);
}

/*---
As `lwt.bind`, but what `f` returns is the value, also when it is a promise.

```lua
print(lwt.fulfilled(2):map(function(x) return x + 1, "b" end):state())   --> fulfilled 3 b
```
@generic T, R
@param p lwt.Promise<T>
@param f fun(value: T, ...): lwt.Promise<R>|R?, ...?
@return lwt.Promise<R>
@function lwt.map(p, f)
*/
static int l_map(lua_State *L) {
  return bind(L, K_MAP);
}

/* ---- catch, try_bind -------------------------------------------------------- */

/*---
Calls `h` with the error when `x` is rejected; the result is what `h` gives, as with `bind`. A fulfilled `x` is passed on. `x` is a
promise, or a function, which is run as a task.

```lua
print(await(lwt.catch(function() error("no", 0) end, function(e) return "caught " .. e end)))   --> caught no
```
@generic T
@param x lwt.Promise<T>|fun(): lwt.Promise<T>|T?, ...?
@param h fun(err: any): any
@return lwt.Promise<T>
@function lwt.catch(x, h)
*/
static int l_catch(lua_State *L) {
  lwt_context *c = context_of(L);
  promise *p;
  int base, status;
  lwt_check_callable(L, 2);
  lua_settop(L, 2);
  p = lwt_promise_or_task(L, c, 1, 1);
  lua_settop(L, 2);
  if ((p = derive(L, c, p, K_CATCH, 1)) == NULL) return 1;
  if (p->state == S_FULFILLED) {
    lua_settop(L, 1);
    return 1;
  }
  if (too_deep(c)) {
    derive_owed(L, c, K_CATCH, 1);
    return 1;
  }
  status = call_now(L, c, 2, -1, &base);
  return result(L, c, base, status, 1);
}

/*---
Calls `ok` with the values of `x`, or `h` with its error; errors of `ok` do not go to `h`. `x` as in `lwt.catch`.

```lua
local p = lwt.try_bind(lwt.rejected("e"), print, function(e) return "h " .. e end)
print(p:state())   --> fulfilled h e
```
@generic T, R
@param x lwt.Promise<T>|fun(): lwt.Promise<T>|T?, ...?
@param ok fun(value: T, ...): lwt.Promise<R>|R?, ...?
@param h fun(err: any): any
@return lwt.Promise<R>
@function lwt.try_bind(x, ok, h)
*/
static int l_try_bind(lua_State *L) {
  lwt_context *c = context_of(L);
  promise *p;
  int base, status, ok;
  lwt_check_callable(L, 2);
  lwt_check_callable(L, 3);
  lua_settop(L, 3);
  p = lwt_promise_or_task(L, c, 1, 1);
  lua_settop(L, 3);
  if ((p = derive(L, c, p, K_TRY_BIND, 2)) == NULL) return 1;
  if (too_deep(c)) {
    derive_owed(L, c, K_TRY_BIND, 2);
    return 1;
  }
  ok = p->state == S_FULFILLED;
  status = call_now(L, c, ok ? 2 : 3, ok ? 1 : -1, &base);
  return result(L, c, base, status, 1);
}

/* ---- finalize ----------------------------------------------------------------- */

/* The finalizer has given the promise at r. Pushes what finalize returns: where that
** is pending, a promise that waits for it and then becomes the one at 1. */
static void push_finalized(lua_State *L, lwt_context *c, int r) {
  promise *p;
  while ((p = lwt_promise_find(L, r))->state == S_PENDING) {
    lwt_promise_push(L, c, K_FINALIZED, C_DEP, 3, sizeof(promise));
    lua_pushvalue(L, r);
    lua_setiuservalue(L, -2, U_DEP);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, U_FN);
    lua_pushvalue(L, -1);
    if (lwt_promise_add_waiter(L, r, p)) {
      p->flags |= F_SEEN;
      lwt_promise_arg(L, c, 1); /* its rejection is reported by way of the result */
      return;
    }
    lua_pop(L, 1); /* a finalizer has changed it */
  }
  if (p->state == S_REJECTED) {
    lwt_promise_arg(L, c, 1);
    lua_pushvalue(L, r);
  } else {
    lua_pushvalue(L, 1);
  }
}

/*---
Calls `f` without arguments when `x` is resolved, either way. The result is that of `x`, once the promise that `f` may return is
fulfilled; if `f` fails, its error. `x` as in `lwt.catch`. When `x` is cancelled, `f` still runs.

```lua
print(await(lwt.finalize(function() return 1 end, function() print "cleanup" end)))   --> cleanup
                                                                                      --> 1
```
@generic T
@param x lwt.Promise<T>|fun(): lwt.Promise<T>|T?, ...?
@param f fun(): any
@return lwt.Promise<T>
@function lwt.finalize(x, f)
*/
static int l_finalize(lua_State *L) {
  lwt_context *c = context_of(L);
  promise *p;
  int base, status;
  lwt_check_callable(L, 2);
  lua_settop(L, 2);
  p = lwt_promise_or_task(L, c, 1, 0);
  lua_settop(L, 2);
  if (derive(L, c, p, K_FINALIZE, 1) == NULL) return 1;
  if (too_deep(c)) {
    derive_owed(L, c, K_FINALIZE, 1);
    return 1;
  }
  status = call_now(L, c, 2, 0, &base);
  if (status != LUA_OK) {
    lwt_promise_arg(L, c, 1); /* its error gives way to this one */
    lwt_trace_earlier(L, c, 1);
    return result(L, c, base, status, 0);
  }
  luaL_checkstack(L, 10, NULL);
  if (lua_gettop(L) == base + 1 && lwt_promise_test(L, c, -1) != NULL)
    push_finalized(L, c, base + 1);
  else
    lua_pushvalue(L, 1);
  if (c->immediate == 0) lwt_resolve_drain(L, c);
  return 1;
}

/* ---- Callbacks without a result ---------------------------------------------- */

static int on(lua_State *L, int kind) {
  lwt_context *c = context_of(L);
  promise *p = lwt_promise_arg(L, c, 1);
  int nfn = kind == K_ON_ANY ? 2 : 1, fn = 2, how = 0, base;
  lwt_check_callable(L, 2);
  if (nfn == 2) lwt_check_callable(L, 3);
  lua_settop(L, 1 + nfn);
  if ((p = derive(L, c, p, kind, nfn)) == NULL) return 0;
  switch (kind) {
  case K_ON_SUCCESS:
    if (p->state != S_FULFILLED) return 0;
    how = 1;
    break;
  case K_ON_FAILURE:
    if (p->state != S_REJECTED) return 0;
    how = -1;
    break;
  case K_ON_ANY:
    how = p->state == S_FULFILLED ? 1 : -1;
    if (how < 0) fn = 3;
    break;
  case K_ON_CANCEL:
    if (!(p->flags & F_CANCELED)) return 0;
    break;
  default: break;
  }
  if (too_deep(c)) {
    derive_owed(L, c, kind, nfn);
    return 0;
  }
  if (call_now(L, c, fn, how, &base) != LUA_OK) {
    lua_settop(L, base + 1);
    lwt_loop_report(L, c);
  }
  if (c->immediate == 0) lwt_resolve_drain(L, c);
  return 0;
}

/*---
Calls `f` with the values when `p` is fulfilled (at once if it is). What `f` returns is ignored, what it raises goes to the
exception hook.

```lua
lwt.fulfilled(1):on_success(print)   --> 1
```
@generic T
@param p lwt.Promise<T>
@param f fun(value: T, ...)
@function lwt.on_success(p, f)
*/
static int l_on_success(lua_State *L) {
  return on(L, K_ON_SUCCESS);
}

/*---
Calls `h` with the error when `p` is rejected; otherwise as `lwt.on_success`.

```lua
lwt.rejected("no"):on_failure(print)   --> no
```
@param p lwt.Promise
@param h fun(err: any)
@function lwt.on_failure(p, h)
*/
static int l_on_failure(lua_State *L) {
  return on(L, K_ON_FAILURE);
}

/*---
Calls `f` without arguments when `p` is resolved, either way.

```lua
lwt.rejected("no"):on_termination(function() print "over" end)   --> over
```
@param p lwt.Promise
@param f fun()
@function lwt.on_termination(p, f)
*/
static int l_on_termination(lua_State *L) {
  return on(L, K_ON_TERMINATION);
}

/*---
Calls `f` with the values, or `h` with the error, when `p` is resolved.

```lua
lwt.fulfilled(1):on_any(print, error)   --> 1
```
@generic T
@param p lwt.Promise<T>
@param f fun(value: T, ...)
@param h fun(err: any)
@function lwt.on_any(p, f, h)
*/
static int l_on_any(lua_State *L) {
  return on(L, K_ON_ANY);
}

/*---
Calls `f` when `p` becomes rejected with `lwt.Canceled`, by whatever means (at once if it is), before the other callbacks of `p`.

```lua
local p = lwt.task()
p:on_cancel(function() print "canceled" end)
p:cancel()   --> canceled
```
@param p lwt.Promise
@param f fun()
@function lwt.on_cancel(p, f)
*/
static int l_on_cancel(lua_State *L) {
  return on(L, K_ON_CANCEL);
}

/*---
Calls `f(...)`: the promise of what it returns (a single promise is followed) or raises. `f` is a plain callback.

```lua
print(lwt.wrap(tonumber, "12"):state())   --> fulfilled 12
```
@generic T, U
@param f fun(...): T?, U?, ...?
@param ... any
@return lwt.Promise<T, U>
@function lwt.wrap(f, ...)
*/
static int l_wrap(lua_State *L) {
  lwt_context *c = context_of(L);
  int base, status;
  lwt_check_callable(L, 1);
  status = call_first(L, c, LUA_MULTRET, &base);
  return result(L, c, base, status, 1);
}

static inline int called(lua_State *L, lwt_context *c, int status) {
  if (status != LUA_OK) lwt_loop_report(L, c);
  if (c->immediate == 0 && c->has_deferred) lwt_resolve_drain(L, c);
  lua_pushboolean(L, status == LUA_OK);
  return 1;
}

/* core.callback(f, ...): calls it as a plain callback that nobody waits for: what it
** raises goes to the exception hook. Gives whether it ended well. */
static int l_callback(lua_State *L) {
  lwt_context *c = context_of(L);
  int base;
  luaL_checkany(L, 1);
  return called(L, c, call_first(L, c, 0, &base));
}

/* core.callback_under(core.handler, f, ...): the same, for hot paths. */
static int l_callback_under(lua_State *L) {
  lwt_context *c = context_of(L);
  int base;
  luaL_checkany(L, 2);
  return called(L, c, call_under(L, c, 0, &base));
}

/* A call for which the stack has to grow may run a finalizer. What looks at who waits and then changes
** that, in several functions, finds as much room as this while it is called from here: the memory is
** asked for before it begins. (Without it that goes on as it may.) */
#define ROOM 60

/* core.try(f, ...): pcall for a plain callback. */
static int l_try(lua_State *L) {
  lwt_context *c = context_of(L);
  int base, status;
  lwt_check_callable(L, 1);
  (void)lua_checkstack(L, ROOM);
  status = call_first(L, c, LUA_MULTRET, &base);
  c->has_trace = 0;
  luaL_checkstack(L, 10, NULL);
  if (c->immediate == 0) lwt_resolve_drain(L, c);
  lua_pushboolean(L, status == LUA_OK);
  lua_replace(L, base);
  return lua_gettop(L) - base + 1;
}

/* core.hand(x, f, ...): core.try for a function that hands over what came to those who wait at
** x; where it raises, x is lost (see lost.c). Gives true, or false and the error. */
static int l_hand(lua_State *L) {
  lwt_context *c = context_of(L);
  int handler = 2, saved = 0, status;
  (void)lua_checkstack(L, ROOM);
  if (c->storing) {
    pushreg(L, c->r_storage);
    lua_insert(L, 2);
    saved = 2;
    handler = 3;
  }
  pushreg(L, c->r_handler);
  lua_insert(L, handler);
  status = call_back(L, c, lua_gettop(L) - handler - 1, 0, handler, saved);
  c->has_trace = 0;
  if (status != LUA_OK) {
    lua_pushvalue(L, 1);
    lwt_lost(L, c);
  }
  if (c->immediate == 0) lwt_resolve_drain(L, c);
  lua_pushboolean(L, status == LUA_OK);
  if (status == LUA_OK) return 1;
  lua_insert(L, -2);
  return 2;
}

/* core.roomy(f, ...): f(...), with that room. */
static int l_roomy(lua_State *L) {
  (void)lua_checkstack(L, ROOM);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

static const luaL_Reg functions[] = {{"wrap", l_wrap},
                                     {"roomy", l_roomy},
                                     {"callback", l_callback},
                                     {"callback_under", l_callback_under},
                                     {"try", l_try},
                                     {"hand", l_hand},
                                     {"bind", l_bind},
                                     {"map", l_map},
                                     {"catch", l_catch},
                                     {"finalize", l_finalize},
                                     {"try_bind", l_try_bind},
                                     {"on_success", l_on_success},
                                     {"on_failure", l_on_failure},
                                     {"on_termination", l_on_termination},
                                     {"on_any", l_on_any},
                                     {"on_cancel", l_on_cancel},
                                     {NULL, NULL}};

void lwt_compose_open(lua_State *L, lwt_context *c) {
  lwt_register(L, c, functions);
}
