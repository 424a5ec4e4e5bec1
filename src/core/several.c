/* several.c: several promises at once: what they share, and those that wait for all of them
** (join, all, both, settled, any). choose, pick and their kin: choice.c.
**
** Each function makes one promise that is a waiter on every pending input. Its
** inputs are the list in U_DEP (cancel walks there). Those here count what is still
** pending in n, and keep the first rejected input in U_FN. */
#include "several.h"

/* The promise on top is an input: it counts as looked at, and is replaced by its
** representative. With `may_be_it` the result may be that very promise: where it is
** rejected, it does not count as looked at. */
promise *lwt_several_take_input(lua_State *L, promise *p, int may_be_it) {
  if (p->state == S_PROXY) p = lwt_promise_find(L, lua_gettop(L));
  if (!(p->flags & F_SEEN) && !(may_be_it && p->state == S_REJECTED)) {
    p->flags |= F_SEEN;
    if (p->flags & F_WATCHED) lwt_unseen_forget(L, lua_gettop(L), p);
  }
  return p;
}

/* Replaces the user's list at 1 by one of our own. Its promises count as looked at.
** Returns its length, and whether all of them are pending. */
int lwt_several_take_list(lua_State *L, lwt_context *c, int may_be_empty, int is_choice,
                          int *all_pending) {
  int i, n;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  n = (int)lua_rawlen(L, 1);
  if (n == 0 && !may_be_empty)
    luaL_argerror(L, 1, "empty list: the promise would be pending for ever");
  lua_createtable(L, n, 0);
  *all_pending = 1;
  for (i = 1; i <= n; i++) {
    promise *p;
    lua_rawgeti(L, 1, i);
    p = lwt_promise_test(L, c, 3);
    if (p == NULL) {
      lua_pushfstring(L, "promise expected at index %d of the list, got %s", i,
                      luaL_typename(L, 3));
      luaL_argerror(L, 1, lua_tostring(L, -1));
      return 0;
    }
    if (p->state == S_PROXY) {
      lua_pushvalue(L, 3); /* the list has what was given */
      p = lwt_several_take_input(L, p, is_choice);
      lua_pop(L, 1);
    } else {
      lwt_several_take_input(L, p, is_choice);
    }
    if (p->state != S_PENDING) *all_pending = 0;
    lua_rawseti(L, 2, i);
  }
  lua_replace(L, LIST);
  return n;
}

/* The promises at 1 and 2 become a list of two, at 1; whether both are pending. */
int lwt_several_take_two(lua_State *L, lwt_context *c, int is_choice) {
  int pending;
  promise *p = lwt_promise_check(L, c, 1), *q = lwt_promise_check(L, c, 2);
  lua_settop(L, 2);
  lua_createtable(L, 2, 0);
  lua_insert(L, 1);
  lua_pushvalue(L, 3); /* the list has what was given */
  pending = lwt_several_take_input(L, q, is_choice)->state == S_PENDING;
  lua_settop(L, 3);
  lua_rawseti(L, 1, 2);
  lua_pushvalue(L, 2);
  pending = lwt_several_take_input(L, p, is_choice)->state == S_PENDING && pending;
  lua_settop(L, 2);
  lua_rawseti(L, 1, 1);
  return pending;
}

static void push_first_value(lua_State *L, int idx, promise *p) {
  lua_getiuservalue(L, idx, U_STATE);
  if (p->n > 1) {
    lua_rawgeti(L, -1, 1);
    lua_remove(L, -2);
  }
}

/* Fills the table on top with the first values of the fulfilled inputs; the i-th at i when
** `keep` says so, else one behind the other. */
void lwt_several_fill(lua_State *L, int list, int n, int keep, promise *first) {
  int i, k = 0, top = lua_gettop(L) - 1;
  for (i = 1; i <= n; i++) {
    promise *p = push_input(L, list, i);
    if (p->state == S_FULFILLED && !(first && earlier(first, p))) {
      push_first_value(L, top + 2, p);
      lua_rawseti(L, top + 1, keep ? i : ++k);
    }
    lua_settop(L, top + 1);
  }
  set_n(L, keep ? n : k);
}

/* Withdraws w from all its inputs. */
void lwt_several_detach(lua_State *L, int w, promise *except) {
  promise *rec = (promise *)lua_touserdata(L, w);
  int top = lua_gettop(L), i, n;
  rec->flags |= F_DONE;
  luaL_checkstack(L, 10, NULL);
  if (lua_getiuservalue(L, w, U_DEP) == LUA_TTABLE) {
    n = (int)lua_rawlen(L, top + 1);
    for (i = 1; i <= n; i++) {
      promise *p = push_input(L, top + 1, i);
      if (p->state == S_PENDING && p != except)
        lwt_promise_remove_waiter(L, top + 2, p, rec);
      lua_settop(L, top + 1);
    }
  }
  lua_settop(L, top);
}

/* ---- join, all, both, settled, any ------------------------------------------- */

static void push_settled(lua_State *L, int list, int n) {
  int i, k, top = lua_gettop(L);
  lua_createtable(L, n, 1);
  for (i = 1; i <= n; i++) {
    promise *p = push_input(L, list, i);
    lua_createtable(L, 0, 2);
    if (p->state == S_FULFILLED) {
      int m = lwt_promise_push_values(L, top + 2, p);
      for (k = m; k > 1; k--) lua_rawseti(L, top + 3, k);
      if (m > 0) {
        lua_pushvalue(L, -1);
        lua_setfield(L, top + 3, "value");
        lua_rawseti(L, top + 3, 1);
      }
      set_n(L, m);
      lua_pushliteral(L, "fulfilled");
    } else {
      lwt_promise_push_error(L, top + 2, p);
      lua_setfield(L, top + 3, "error");
      lua_pushliteral(L, "rejected");
    }
    lua_setfield(L, top + 3, "state");
    lua_rawseti(L, top + 1, i);
    lua_settop(L, top + 1);
  }
  set_n(L, n);
}

/* Was w, which has become q, cancelled, and not just some of its inputs? (A cancel walk
** has visited it, and one of them was rejected with Canceled.) */
static int was_cancelled(lua_State *L, const promise *w, const promise *q, int list,
                         int n) {
  int i, canceled = 0, top = lua_gettop(L);
  if (w->epoch == 0 && (q->state != S_PENDING || q->epoch == 0)) return 0;
  for (i = 1; i <= n && !canceled; i++) {
    canceled = (push_input(L, list, i)->flags & F_CANCELED) != 0;
    lua_settop(L, top);
  }
  return canceled;
}

/* The errors of all inputs; or the one error in the registry slot `instead`. */
static void push_errors(lua_State *L, int list, int n, int instead) {
  int i, top = lua_gettop(L);
  if (instead != 0) {
    pushreg(L, instead);
    return;
  }
  lua_createtable(L, n, 1);
  for (i = 1; i <= n; i++) {
    lwt_promise_push_error(L, top + 2, push_input(L, list, i));
    lua_rawseti(L, top + 1, i);
    lua_settop(L, top + 1);
  }
  set_n(L, n);
}

/* Every input of w is resolved. */
static void complete(lua_State *L, lwt_context *c, int w) {
  promise *rec = (promise *)lua_touserdata(L, w), *q;
  int top = lua_gettop(L), list = top + 1, n, values = 1;
  rec->flags |= F_DONE;
  luaL_checkstack(L, 10, NULL);
  lua_getiuservalue(L, w, U_DEP);
  n = rec->kind == K_JOIN ? 0 : (int)lua_rawlen(L, list);
  lua_pushvalue(L, w);
  q = lwt_promise_find(L, top + 2);
  if (lua_getiuservalue(L, w, U_FN) == LUA_TUSERDATA) {
    lua_pushnil(L);
    lua_setiuservalue(L, w, U_FN);
    if (q->state == S_PENDING) lwt_resolve_copy(L, c, top + 3, top + 2);
  } else {
    int state = S_FULFILLED;
    switch (rec->kind) {
    case K_JOIN:
      values = 0;
      lua_pushnil(L);
      break;
    case K_BOTH:
      lua_createtable(L, 2, 0);
      for (n = 1; n <= 2; n++) {
        promise *p = push_input(L, list, n);
        push_first_value(L, lua_gettop(L), p);
        lua_rawseti(L, -3, n);
        lua_pop(L, 1);
      }
      values = 2;
      break;
    case K_SETTLED: push_settled(L, list, n); break;
    case K_ANY:
      push_errors(L, list, n, was_cancelled(L, rec, q, list, n) ? c->r_canceled : 0);
      state = S_REJECTED;
      break;
    default: lua_createtable(L, n, 1); lwt_several_fill(L, list, n, 1, NULL);
    }
    q = lwt_promise_find(L, top + 2);
    if (q->state == S_PENDING) lwt_resolve_commit(L, c, top + 2, q, state, values);
  }
  lua_settop(L, top);
}

static int stops_at_rejection(int kind) {
  return kind != K_SETTLED && kind != K_ANY;
}

/* Makes w wait for the pending ones among the n inputs. */
static int wait_for_all(lua_State *L, lwt_context *c, int kind, int n) {
  promise *w = lwt_promise_push(L, c, kind, C_DEPS, 3, sizeof *w);
  int i;
  lua_pushvalue(L, LIST);
  lua_setiuservalue(L, W, U_DEP);
  w->n = 1; /* so that it is not complete before we have seen them all */
  for (i = 1; i <= n && !(w->flags & F_DONE); i++) {
    promise *p = push_input(L, LIST, i);
    int waits = 0;
    while (!waits && p->state == S_PENDING) {
      lua_pushvalue(L, W);
      waits = lwt_promise_add_known_waiter(L, W + 1, p, w);
      if (!waits) p = lwt_promise_find(L, W + 1); /* a finalizer has changed it */
    }
    if (waits) {
      w->n++;
    } else {
      if (p->state == S_REJECTED && stops_at_rejection(kind) &&
          lua_getiuservalue(L, W, U_FN) == LUA_TNIL) {
        lua_pushvalue(L, W + 1);
        lua_setiuservalue(L, W, U_FN);
      } else if (p->state == S_FULFILLED && kind == K_ANY && !(w->flags & F_DONE)) {
        lua_settop(L, W + 1);
        lwt_several_input(L, c, W, W + 1);
      }
    }
    lua_settop(L, W);
  }
  if (!(w->flags & F_DONE) && --w->n == 0) complete(L, c, W);
  return 1;
}

/* ---- An input of w is resolved ---------------------------------------------------- */

void lwt_several_input(lua_State *L, lwt_context *c, int w, int src) {
  promise *rec = (promise *)lua_touserdata(L, w);
  promise *p = (promise *)lua_touserdata(L, src);
  if (rec->kind >= K_CHOOSE) {
    lwt_choice_input(L, c, w, src);
    return;
  }
  if (rec->kind == K_ANY && p->state == S_FULFILLED) {
    lwt_several_detach(L, w, NULL);
    lua_pushvalue(L, w);
    if (lwt_promise_find(L, lua_gettop(L))->state == S_PENDING)
      lwt_resolve_copy(L, c, src, lua_gettop(L));
    lua_pop(L, 1);
    return;
  }
  if (p->state == S_REJECTED && stops_at_rejection(rec->kind)) {
    if (lua_getiuservalue(L, w, U_FN) == LUA_TNIL ||
        earlier(p, (promise *)lua_touserdata(L, -1))) {
      lua_pushvalue(L, src);
      lua_setiuservalue(L, w, U_FN);
    }
    lua_pop(L, 1);
  }
  if (--rec->n == 0) complete(L, c, w);
}

/* ---- What Lua calls ------------------------------------------------------------------ */

static int join_like(lua_State *L, int kind) {
  lwt_context *c = context_of(L);
  int all_pending, n = lwt_several_take_list(L, c, kind != K_ANY, 0, &all_pending);
  return wait_for_all(L, c, kind, n);
}

/*---
Waits for every promise of the list; fulfilled without a value when all are. If some failed: the first in the list among those
already rejected at the call, else the first in time. It never cancels; cancelling it cancels all. `join{}` is fulfilled.

```lua
print(lwt.join{lwt.fulfilled(1), lwt.sleep(0.01)}:state())   --> pending
```
@param list lwt.Promise[]
@return lwt.Promise<nil>
@function lwt.join(list)
*/
static int l_join(lua_State *L) {
  return join_like(L, K_JOIN);
}

/*---
As `lwt.join`, fulfilled with a table of the first values, in the list's order, with `n`.

```lua
local t = await(lwt.all{lwt.fulfilled("a"), lwt.fulfilled(), lwt.fulfilled("c")})
print(t[1], t[2], t[3], t.n)   --> a nil c 3
```
@generic T
@param list lwt.Promise<T>[]
@return lwt.Promise<lwt.Values<T>>
@function lwt.all(list)
*/
static int l_all(lua_State *L) {
  return join_like(L, K_ALL);
}

/*---
As `lwt.join` of two, fulfilled with their two first values.

```lua
print(await(lwt.both(lwt.fulfilled(1), lwt.fulfilled(2))))   --> 1 2
```
@generic A, B
@param p lwt.Promise<A>
@param q lwt.Promise<B>
@return lwt.Promise<A, B>
@function lwt.both(p, q)
*/
static int l_both(lua_State *L) {
  lwt_context *c = context_of(L);
  lwt_several_take_two(L, c, 0);
  return wait_for_all(L, c, K_BOTH, 2);
}

/*---
Waits for every promise of the list, and is never rejected: fulfilled with a table (with `n`) of
`{state = "fulfilled", value = …, n = …, …all values}` and `{state = "rejected", error = …}`. OCaml's Lwt does not have it.

```lua
local t = await(lwt.settled{lwt.fulfilled(1), lwt.rejected("no")})
print(t[1].value, t[2].error)   --> 1 no
```
@param list lwt.Promise[]
@return lwt.Promise<lwt.Values<{ state: string, value: any, error: any }>>
@function lwt.settled(list)
*/
static int l_settled(lua_State *L) {
  return join_like(L, K_SETTLED);
}

/*---
The first promise of the list to be fulfilled; rejected with a table of all errors (in the list's order, with `n`) when all are.
Cancels nobody. Cancelling it cancels all; it is then rejected with `lwt.Canceled`. OCaml's Lwt does not have it.

```lua
print(await(lwt.any{lwt.rejected("no"), lwt.fulfilled("yes")}))   --> yes
```
@generic T
@param list lwt.Promise<T>[]
@return lwt.Promise<T>
@function lwt.any(list)
*/
static int l_any(lua_State *L) {
  return join_like(L, K_ANY);
}

static const luaL_Reg functions[] = {{"join", l_join}, {"all", l_all},
                                     {"both", l_both}, {"settled", l_settled},
                                     {"any", l_any},   {NULL, NULL}};

void lwt_several_open(lua_State *L, lwt_context *c) {
  lwt_register(L, c, functions);
}
