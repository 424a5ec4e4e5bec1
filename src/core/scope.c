/* scope.c: structured concurrency: tasks that are over when their scope is.
**
** The scope's promise (K_SCOPE) is a waiter on the promise of each of its tasks, the
** body first; n is how many are still running. U_DEP lists the tasks, where cancel
** finds them; U_FN is the first one that failed, U_FN2 the list of all failures.
**
** A child that returns a pending promise does not become it, as other tasks do, but waits
** for it (lwt_scope_child_follow): its end is the scope's concern, and where the promise
** cannot be cancelled the child can.
**
** Children that are done are swept from the list when they are half of it. */
#include "tell.h"

/* Pushes the scope object's record: user value 1 of the userdata at idx. */
static promise *push_record(lua_State *L, lwt_context *c, int idx) {
  if (lua_touserdata(L, idx) == NULL || !lua_getmetatable(L, idx) ||
      lua_topointer(L, -1) != c->scope_mt)
    luaL_typeerror(L, idx, "scope");
  lua_pop(L, 1);
  lua_getiuservalue(L, idx, 1);
  return (promise *)lua_touserdata(L, -1);
}

/* Takes the children that are done out of the list at `list`; the body stays. */
static void sweep(lua_State *L, int list) {
  lua_Integer i, n = (lua_Integer)lua_rawlen(L, list), k = 1;
  for (i = 2; i <= n; i++) {
    lua_rawgeti(L, list, i);
    if (((task *)lua_touserdata(L, -1))->status == T_DONE &&
        lwt_promise_find(L, lua_gettop(L))->state != S_PENDING) {
      lua_pop(L, 1);
      continue;
    }
    lua_rawseti(L, list, ++k);
  }
  for (i = n; i > k; i--) {
    lua_pushnil(L);
    lua_rawseti(L, list, i);
  }
}

/* The function on top of the stack, with nargs arguments, becomes a child of the
** scope whose record is at w; its promise takes their place. */
static void add_child(lua_State *L, lwt_context *c, int w, int nargs) {
  promise *rec = (promise *)lua_touserdata(L, w);
  task *t = lwt_task_prepare(L, c, nargs);
  int at = lua_gettop(L);
  lua_Integer n;
  if (rec->flags & F_DONE) { /* a finalizer has ended it */
    lwt_task_discard(L, c, t);
    luaL_error(L, "the scope is over");
  }
  t->p.flags |= F_SEEN;
  t->flags |= TF_CHILD;
  lua_getiuservalue(L, w, U_DEP);
  n = (lua_Integer)lua_rawlen(L, -1);
  if (n >= 16 && rec->n * 2 < (uint32_t)n) {
    sweep(L, at + 1);
    n = (lua_Integer)lua_rawlen(L, -1);
  }
  lua_pushvalue(L, at);
  lua_rawseti(L, at + 1, n + 1);
  lua_settop(L, at);
  lua_pushvalue(L, w);
  lwt_promise_add_known_waiter(L, at, &t->p, rec);
  rec->n++;
  if (rec->flags & F_CLOSED) lwt_task_due(L, c, t, TF_LEVEL);
  lwt_task_start(L, c, t);
}

/* ---- A child is done -------------------------------------------------------- */

static int is_body(lua_State *L, int list, int src) {
  int is;
  lua_rawgeti(L, list, 1);
  is = lwt_promise_find(L, lua_gettop(L)) == lua_touserdata(L, src);
  lua_pop(L, 1);
  return is;
}

/* The child whose record is at w has returned the pending promise at r: it is resolved as
** that is. Returns 0 where there is no need to. */
int lwt_scope_child_follow(lua_State *L, int w, int r) {
  promise *p = (promise *)lua_touserdata(L, w), *q = (promise *)lua_touserdata(L, r),
          *own;
  int uncancelable = q->flags & F_NO_CANCEL; /* asked of what was given, as at an await */
  lua_pushvalue(L, w);
  own = lwt_promise_find(L, lua_gettop(L)); /* another may have become it */
  lua_pop(L, 1);
  q = lwt_promise_find(L, r);
  if (q == own || q->state != S_PENDING || uncancelable || own->state != S_PENDING)
    return 0;
  lua_pushvalue(L, w);
  if (!lwt_promise_add_waiter(L, r, q)) return 0;
  p->kind = K_FOLLOW;
  p->how = C_CHILD;
  lua_pushvalue(L, r);
  lua_setiuservalue(L, w, U_DEP);
  return 1;
}

/* All are done: resolves the scope's promise, which is at `at`. Its body may have been cut
** off by the scope itself: then there is no value. */
static void end(lua_State *L, lwt_context *c, int w, int list, int at) {
  promise *rec = (promise *)lua_touserdata(L, w), *q, *p;
  int top = lua_gettop(L), of_body;
  of_body = lua_getiuservalue(L, w, U_FN) != LUA_TUSERDATA;
  if (of_body) {
    lua_rawgeti(L, list, 1);
    lua_replace(L, top + 1);
  }
  p = lwt_promise_find(L, top + 1);
  q = lwt_promise_find(L, at);
  if (q->state != S_PENDING) return;
  if (of_body && (p->flags & F_CANCELED) && !(rec->flags & F_OUTSIDE)) {
    lua_pushnil(L);
    lwt_resolve_commit(L, c, at, q, S_FULFILLED, 0);
  } else {
    lwt_resolve_copy(L, c, top + 1, at);
  }
}

/* Is the value on top (popped) a key of the table at `list`? */
static int is_noted(lua_State *L, int list) {
  int is = lua_rawget(L, list) != LUA_TNIL;
  lua_pop(L, 1);
  return is;
}

/* Has the rejected promise at idx been noted: itself, or where its error comes from? (What
** takes a rejection over has the same U_STATE, when there is a trace.) */
static int is_known(lua_State *L, int list, int idx) {
  const promise *p = (const promise *)lua_touserdata(L, idx);
  lua_pushvalue(L, idx);
  if (is_noted(L, list)) return 1;
  if (!(p->flags & F_WRAPPED)) return 0;
  lua_getiuservalue(L, idx, U_STATE);
  return is_noted(L, list);
}

/* Did the failed task at idx only pass on the error of an await: of a promise that is
** noted, or of another task that has only passed it on? */
static int is_passed_on(lua_State *L, lwt_context *c, int list, int idx) {
  int top = lua_gettop(L), is = 0;
  promise *p = (promise *)lua_touserdata(L, idx);
  pushreg(L, c->r_causes);
  lua_pushvalue(L, idx);
  lwt_promise_push_error(L, idx, p);
  while (!is && p->kind == K_TASK && ((task *)p)->flags & TF_CAUSE) {
    lua_settop(L, top + 3);
    lua_pushvalue(L, top + 2);
    lua_rawget(L, top + 1);
    lua_replace(L, top + 2);
    if (lwt_promise_test(L, c, top + 2) == NULL) break;
    p = lwt_promise_find(L, top + 2);
    if (p->state != S_REJECTED) break;
    lwt_promise_push_error(L, top + 2, p);
    if (!lua_rawequal(L, top + 3, -1)) break;
    is = is_known(L, list, top + 2);
  }
  lua_settop(L, top);
  return is;
}

/* U_FN2 has the errors, `n`, and as keys the promises (and wrapped errors) that they are
** from: a failure that goes from one child to another, or to the body, is one. */
static void note_failure(lua_State *L, lwt_context *c, int w, int src) {
  promise *p = (promise *)lua_touserdata(L, src);
  int top = lua_gettop(L), list = top + 1, known;
  lua_newtable(L);
  if (lua_getiuservalue(L, w, U_FN2) == LUA_TTABLE) {
    lua_replace(L, list);
  } else {
    lua_pushvalue(L, list);
    lua_setiuservalue(L, w, U_FN2);
  }
  lua_settop(L, list);
  known = is_known(L, list, src) || is_passed_on(L, c, list, src);
  lua_pushvalue(L, src);
  lua_pushboolean(L, 1);
  lua_rawset(L, list);
  if (p->flags & F_WRAPPED) {
    lua_getiuservalue(L, src, U_STATE);
    lua_pushboolean(L, 1);
    lua_rawset(L, list);
  }
  if (!known) {
    lua_Integer n;
    lua_getfield(L, list, "n");
    n = lua_tointeger(L, -1) + 1;
    lua_pushinteger(L, n);
    lua_setfield(L, list, "n");
    lwt_promise_push_error(L, src, p);
    lua_rawseti(L, list, n);
  }
  lua_settop(L, top);
}

/* The child whose promise is at src is done. A failure closes the scope. A child that
** was cancelled by itself is no failure; in a scope that was canceled from outside it makes
** the scope cancelled, unless something worse has happened. */
void lwt_scope_child_done(lua_State *L, lwt_context *c, int w, int src) {
  promise *rec = (promise *)lua_touserdata(L, w), *p = (promise *)lua_touserdata(L, src),
          *first;
  int top = lua_gettop(L), list = top + 1;
  if (lwt_scope_counts_off(rec, p->state)) return;
  luaL_checkstack(L, 12, NULL);
  rec->n--;
  lua_getiuservalue(L, w, U_DEP);
  if (p->state == S_REJECTED) {
    int canceled = p->flags & F_CANCELED;
    lua_getiuservalue(L, w, U_FN);
    first = (promise *)lua_touserdata(L, -1);
    if (!canceled) note_failure(L, c, w, src);
    if ((first == NULL && (!canceled || (rec->flags & F_OUTSIDE) ||
                           (!(rec->flags & F_CLOSED) && is_body(L, list, src)))) ||
        (first != NULL && (first->flags & F_CANCELED) && !canceled)) {
      lua_pushvalue(L, src);
      lua_setiuservalue(L, w, U_FN);
    }
    if (!(rec->flags & F_CLOSED) && rec->n > 0 && (!canceled || is_body(L, list, src))) {
      /* cancel the rest; our caller works off the work stack */
      lwt_cancel_push(L, c, w);
    }
  }
  lua_settop(L, list);
  if (rec->n == 0 && !(rec->flags & F_DONE)) {
    rec->flags |= F_DONE;
    lua_pushvalue(L, w);
    end(L, c, w, list, list + 1);
  }
  lua_settop(L, top);
}

/* ---- What Lua calls ------------------------------------------------------------ */

static int scope_tostring(lua_State *L) {
  lua_pushfstring(L, "lwt.scope: %p", lua_touserdata(L, 1));
  return 1;
}

/*---
Starts `f(...)` as a child task of the scope. The scope ends when it has ended; its failure cancels the others and becomes the
scope's error. In a canceled scope the child is started, and every await in it raises `lwt.Canceled`. It raises when the scope is over.

```lua
await(lwt.scope(function(s)
  s:spawn(print, "child")   --> child
end))
```
@generic T, U
@param s lwt.Scope
@param f async fun(...): T?, U?, ...?
@param ... any
@return lwt.Promise<T, U>
@function scope.spawn(s, f, ...)
*/
static int l_scope_spawn(lua_State *L) {
  lwt_context *c = context_of(L);
  promise *rec = push_record(L, c, 1);
  lwt_check_callable(L, 2);
  if (rec->flags & F_DONE) return luaL_error(L, "the scope is over");
  lua_replace(L, 1);
  add_child(L, c, 1, lua_gettop(L) - 2);
  return 1;
}

/*---
Ends the scope from inside: cancels every task of it, the body included. From now on every await in them raises `lwt.Canceled`.
The scope is then *fulfilled*, with what its body returns, or with nothing where the body was itself cut off: that is how background
children are stopped. (Cancelling the scope's promise, from outside, rejects it.)

```lua
print(await(lwt.scope(function(s)
  s:spawn(function() await(lwt.sleep(60)) end)
  local result = await(lwt.sleep(0.01):map(function() return "done" end))
  s:cancel()
  return result
end)))   --> done
```
@param s lwt.Scope
@function scope.cancel(s)
*/
static int l_scope_cancel(lua_State *L) {
  lwt_context *c = context_of(L);
  push_record(L, c, 1);
  lwt_cancel_inside(L, c, lua_gettop(L));
  return 0;
}

/*---
Structured concurrency. It runs the body as a task with a scope `s`; `s:spawn(f, ...)` starts children. The promise is resolved when the
body and every child are done: with the body's values, or with the first failure, which cancels all the rest. Cancelling the promise
cancels all, and rejects it with `lwt.Canceled` (where body and children all end without an error in spite of it, the scope is
fulfilled); `s:cancel()` cancels all from inside, and the scope is fulfilled with what its body
returns. Inside a canceled scope *every* await raises `lwt.Canceled` again, so that a stray `pcall` cannot swallow it (`lwt.shield`
runs cleanup that must await; an endless loop with a `pcall` has to pass it on, or it never waits again); an await of a task or a scope cancels that and waits for its end first. `lwt.errors(p)` has the errors
of all that failed. A child that is cancelled by itself is not a failure.

```lua
print(pcall(await, lwt.scope(function(s)
  s:spawn(function() await(lwt.sleep(60)) end)
  s:spawn(error, "no", 0)
end)))   --> false no
```
@generic T
@param f async fun(s: lwt.Scope): T?, ...?
@return lwt.Promise<T>
@function lwt.scope(f)
*/
static int l_scope(lua_State *L) {
  lwt_context *c = context_of(L);
  lwt_check_callable(L, 1);
  lua_settop(L, 1);
  lwt_promise_push(L, c, K_SCOPE, C_SCOPE, 4, sizeof(promise));
  lua_createtable(L, 2, 0); /* the body and, as a rule, a child */
  lua_setiuservalue(L, 2, U_DEP);
  lua_pushvalue(L, 1);
  lua_newuserdatauv(L, 0, 1);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, 1);
  pushreg(L, c->r_scope_mt);
  lua_setmetatable(L, -2);
  add_child(L, c, 2, 1);
  lua_settop(L, 2);
  return 1;
}

/*---
The errors of all tasks of a scope that failed (cancelled ones not counted), in the order in which they did, with `n`. A failure that
another child, or the body, is told at an await and passes on counts once. An empty table for any other promise.

```lua
local p = lwt.scope(function(s)
  s:spawn(error, "a", 0)
  s:spawn(error, "b", 0)
end)
pcall(await, p)
print(lwt.errors(p).n, lwt.errors(p)[1])   --> 2 a
```
@param p lwt.Promise the promise of a scope
@return lwt.Values<any>
@function lwt.errors(p)
*/
static int l_errors(lua_State *L) {
  lwt_context *c = context_of(L);
  promise *p = lwt_promise_check(L, c, 1);
  lua_Integer i, n = 0;
  lua_settop(L, 1);
  lua_newtable(L);
  if (p->kind == K_SCOPE && lua_getiuservalue(L, 1, U_FN2) == LUA_TTABLE) {
    lua_getfield(L, 3, "n");
    n = lua_tointeger(L, -1);
    for (i = 1; i <= n; i++) {
      lua_rawgeti(L, 3, i);
      lua_rawseti(L, 2, i);
    }
  }
  lua_settop(L, 2);
  lua_pushinteger(L, n);
  lua_setfield(L, 2, "n");
  return 1;
}

static const luaL_Reg functions[] = {
    {"scope", l_scope}, {"errors", l_errors}, {NULL, NULL}};
static const luaL_Reg methods[] = {
    {"spawn", l_scope_spawn}, {"cancel", l_scope_cancel}, {NULL, NULL}};

void lwt_scope_open(lua_State *L, lwt_context *c) {
  lwt_register(L, c, functions);
  lua_newtable(L);
  lua_pushliteral(L, "lwt.scope");
  lua_setfield(L, -2, "__name");
  lua_pushcfunction(L, scope_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_newtable(L);
  lwt_register(L, c, methods);
  lua_setfield(L, -2, "__index");
  c->scope_mt = lua_topointer(L, -1);
  c->r_scope_mt = lwt_slot(L);
}
