/* choice.c: the first of several promises: choose, pick and their kin.
**
** Each is resolved by the first of its inputs that is (F_DONE), and withdraws from the others. pick and npick
** first have the others cancelled, one after another: they keep the outcome in U_FN2 and
** put themselves on the work stack below the waiters that each cancel has to tell (n: how
** many inputs are done). */
#include "several.h"

/* What a choice over the list gives now: pushes the promise to take over, or a
** table of values (two tables for nchoose_split, of which the returned count
** tells); returns 0 when none is resolved. -1: a promise. With `first`, what was
** resolved after that does not count. */
static int push_choice(lua_State *L, int kind, int list, int n, promise *first) {
  int i, top = lua_gettop(L), found = 0;
  luaL_checkstack(L, 8, NULL);
  for (i = 1; i <= n; i++) {
    promise *p = push_input(L, list, i);
    lua_settop(L, top);
    if (p->state == S_PENDING || (first && earlier(first, p))) continue;
    if (p->state == S_REJECTED) {
      lua_rawgeti(L, list, i);
      return -1;
    }
    if (p->state == S_FULFILLED && !found) found = i;
  }
  if (!found) return 0;
  if (kind == K_CHOOSE || kind == K_PICK) {
    lua_rawgeti(L, list, found);
    return -1;
  }
  if (kind == K_NCHOOSE_SPLIT)
    lua_createtable(L, n, 1); /* nothing is allocated from here on */
  lua_createtable(L, n, 1);
  lwt_several_fill(L, list, n, 0, first);
  if (kind != K_NCHOOSE_SPLIT) return 1;
  lua_insert(L, -2);
  for (i = 1, found = 0; i <= n; i++) {
    promise *p = push_input(L, list, i);
    lua_pop(L, 1);
    if (p->state != S_PENDING && !(first && earlier(first, p))) continue;
    lua_rawgeti(L, list, i);
    lua_rawseti(L, -2, ++found);
  }
  set_n(L, found);
  return 2;
}

static int cancels(int kind) {
  return kind == K_PICK || kind == K_NPICK;
}

/* Pushes the input that was resolved first: the one at src, of which we are the waiter,
** or one whose callbacks resolved it. */
static promise *push_first(lua_State *L, int list, int src) {
  int i, n = (int)lua_rawlen(L, list), at = lua_gettop(L) + 1;
  promise *first = (promise *)lua_touserdata(L, src);
  lua_pushvalue(L, src);
  for (i = 1; i <= n; i++) {
    promise *p = push_input(L, list, i);
    if (p->state != S_PENDING && earlier(p, first)) {
      first = p;
      lua_replace(L, at);
    }
    lua_settop(L, at);
  }
  return first;
}

/* Has the pending p no waiters, so that nothing follows from cancelling it? */
static int is_alone(const promise *p) {
  return p->how == C_SELF && p->waiters == W_NONE &&
         (p->kind <= K_TIMER || p->kind == K_FOLLOW);
}

/* The same for choose and pick, which need nothing but that input; w withdraws from
** the others on the way. Returns whether none of those has a waiter left. */
static int push_first_and_detach(lua_State *L, int w, int list, int src) {
  promise *rec = (promise *)lua_touserdata(L, w);
  promise *first = (promise *)lua_touserdata(L, src);
  int i, n = (int)lua_rawlen(L, list), at = lua_gettop(L) + 1, alone = 1;
  rec->flags |= F_DONE;
  lua_pushvalue(L, src);
  for (i = 1; i <= n; i++) {
    promise *p;
    lua_rawgeti(L, list, i);
    p = (promise *)lua_touserdata(L, at + 1);
    if (p->state == S_PROXY) p = lwt_promise_find(L, at + 1);
    if (p->state == S_PENDING) {
      lwt_promise_remove_waiter(L, at + 1, p, rec);
      if (!is_alone(p)) alone = 0;
    } else if (earlier(p, first)) {
      first = p;
      lua_replace(L, at);
      continue;
    }
    lua_pop(L, 1);
  }
  return alone;
}

/* Cancels what is still pending in the list, and has no waiters. */
static void cancel_alone(lua_State *L, lwt_context *c, int list) {
  int i, n = (int)lua_rawlen(L, list), top = lua_gettop(L);
  for (i = 1; i <= n; i++) {
    if (push_input(L, list, i)->state == S_PENDING) {
      lua_rawgeti(L, list, i);
      lwt_cancel_push(L, c, top + 2);
    }
    lua_settop(L, top);
  }
}

/* A pick inside a pick that was cancelled: the walk that rejected our input has visited
** all our inputs, and no callback has run since. */
static int told_by_walk(lwt_context *c, const promise *rec) {
  return rec->epoch == c->epoch && c->calls == c->walk_calls;
}

/* The choice w is made: the input at src is resolved. */
void lwt_choice_input(lua_State *L, lwt_context *c, int w, int src) {
  promise *rec = (promise *)lua_touserdata(L, w), *q;
  int top = lua_gettop(L), list = top + 1, outcome = -1, alone = 0;
  luaL_checkstack(L, 10, NULL);
  lua_getiuservalue(L, w, U_DEP);
  if (rec->kind == K_CHOOSE || rec->kind == K_PICK) {
    alone = push_first_and_detach(L, w, list, src);
  } else {
    promise *first = push_first(L, list, src);
    lua_pop(L, 1);
    rec->flags |= F_DONE; /* a finalizer may resolve another of them */
    outcome = push_choice(L, rec->kind, list, (int)lua_rawlen(L, list), first);
    if (outcome == 2) lwt_promise_collapse(L, 2);
    lwt_several_detach(L, w, NULL);
  }
  if (cancels(rec->kind) && alone && !told_by_walk(c, rec)) {
    cancel_alone(L, c, list);
    lua_pushnil(L);
    lua_setiuservalue(L, w, U_DEP);
    alone = 2;
  }
  if (cancels(rec->kind) && alone < 2) { /* the others first: see lwt_choice_finish */
    lua_setiuservalue(L, w, U_FN2);
    rec->n = 0;
    lwt_resolve_push_entry(L, c, w);
  } else {
    lua_pushvalue(L, w);
    q = lwt_promise_find(L, list + 2);
    if (q->state == S_PENDING) {
      if (outcome < 0) {
        lwt_promise_find(L, list + 1);
        lwt_resolve_copy(L, c, list + 1, list + 2);
      } else {
        lua_pushvalue(L, list + 1);
        lwt_resolve_commit(L, c, list + 2, q, S_FULFILLED, outcome);
      }
    }
  }
  lua_settop(L, top);
}

/* Called from the work stack for a pick: has the next loser cancelled, and comes
** again when all that follows from that has been done; after the last one, w gets
** its outcome. */
void lwt_choice_finish(lua_State *L, lwt_context *c, int w) {
  promise *rec = (promise *)lua_touserdata(L, w), *q;
  int top = lua_gettop(L), list = top + 1;
  luaL_checkstack(L, 10, NULL);
  if (lua_getiuservalue(L, w, U_DEP) == LUA_TTABLE) {
    uint32_t n = (uint32_t)lua_rawlen(L, list);
    if (rec->n == 0 && told_by_walk(c, rec)) {
      for (; rec->n < n; lua_settop(L, list)) {
        lua_rawgeti(L, list, (lua_Integer)++rec->n);
        lwt_let_go(L, c, list + 1);
      }
    }
    while (rec->n < n) {
      promise *p;
      int alone;
      rec->n++;
      p = push_input(L, list, (int)rec->n);
      if (p->state != S_PENDING) {
        lua_settop(L, list);
        continue;
      }
      alone = is_alone(p);
      lua_settop(L, list);
      if (!alone) lwt_resolve_push_entry(L, c, w);
      lua_rawgeti(L, list, (lua_Integer)rec->n);
      if (!lwt_cancel_push(L, c, list + 1)) lwt_let_go(L, c, list + 1);
      lua_settop(L, list);
      if (!alone) {
        lua_settop(L, top);
        return;
      }
    }
  }
  lua_settop(L, top);
  lua_pushvalue(L, w);
  q = lwt_promise_find(L, top + 1);
  lua_getiuservalue(L, w, U_FN2);
  lua_pushnil(L);
  lua_setiuservalue(L, w, U_FN2);
  lua_pushnil(L);
  lua_setiuservalue(L, w, U_DEP);
  if (q->state == S_PENDING) {
    if (lwt_promise_test(L, c, top + 2) != NULL) {
      lwt_promise_find(L, top + 2);
      lwt_resolve_copy(L, c, top + 2, top + 1);
    } else {
      lwt_resolve_commit(L, c, top + 1, q, S_FULFILLED, 1);
    }
  }
  lua_settop(L, top);
}

/* The n promises are in the list at LIST. */
static int choice(lua_State *L, lwt_context *c, int kind, int n, int all_pending) {
  int i, outcome;
  promise *w;
  lua_settop(L, LIST);
  outcome = all_pending ? 0 : push_choice(L, kind, LIST, n, NULL);
  if (outcome != 0) {
    const void *it = outcome < 0 ? lua_touserdata(L, -1) : NULL;
    for (i = 1; i <= n; i++) { /* the others are looked at */
      lua_rawgeti(L, LIST, i);
      if (lua_touserdata(L, -1) != it)
        lwt_several_take_input(L, (promise *)lua_touserdata(L, -1), 0);
      lua_pop(L, 1);
    }
    for (i = 1; cancels(kind) && i <= n; i++) {
      push_input(L, LIST, i);
      if (!lwt_cancel(L, c, lua_gettop(L))) lwt_let_go(L, c, lua_gettop(L));
      lua_pop(L, 1);
    }
    if (outcome < 0) return 1;
    if (outcome == 2) lwt_promise_collapse(L, 2);
    w = lwt_promise_push(L, c, K_PLAIN, C_NONE, 1, sizeof *w);
    lua_insert(L, -2);
    lwt_resolve_commit(L, c, lua_gettop(L) - 1, w, S_FULFILLED, outcome);
    return 1;
  }
  w = lwt_promise_push(L, c, kind, C_DEPS, cancels(kind) ? 4 : 3, sizeof *w);
  lua_pushvalue(L, LIST);
  lua_setiuservalue(L, W, U_DEP);
  for (i = 1; i <= n && !(w->flags & F_DONE); i++) {
    promise *p = push_input(L, LIST, i);
    lua_pushvalue(L, W);
    if (!lwt_promise_add_known_waiter(L, W + 1, p, w)) { /* a finalizer has changed it */
      lwt_several_detach(L, W, NULL);
      return choice(L, c, kind, n, 0);
    }
    lua_settop(L, W);
  }
  return 1;
}

/* ---- What Lua calls ------------------------------------------------------------------ */

static int choice_of_list(lua_State *L, int kind) {
  lwt_context *c = context_of(L);
  int all_pending, n = lwt_several_take_list(L, c, 0, 1, &all_pending);
  return choice(L, c, kind, n, all_pending);
}

/*---
What the first of the list to be resolved gives. Where several are resolved at the call: a rejected one, else the first in the list
(Lwt draws lots); that very promise is returned. The others go on; cancelling the result cancels all. An empty list raises.

```lua
print(await(lwt.choose{lwt.sleep(5), lwt.fulfilled("quick")}))   --> quick
```
@generic T
@param list lwt.Promise<T>[]
@return lwt.Promise<T>
@function lwt.choose(list)
*/
static int l_choose(lua_State *L) {
  return choice_of_list(L, K_CHOOSE);
}

/*---
As `lwt.choose`, and cancels all the others, before its own result is resolved.

```lua
local slow = lwt.sleep(5)
print(await(lwt.pick{slow, lwt.fulfilled("quick")}))   --> quick
print(slow:state())   --> rejected canceled
```
@generic T
@param list lwt.Promise<T>[]
@return lwt.Promise<T>
@function lwt.pick(list)
*/
static int l_pick(lua_State *L) {
  return choice_of_list(L, K_PICK);
}

/* For with_timeout: pick of the promises at 1 and 2, which are all that is on the stack. */
int lwt_pick_two(lua_State *L, lwt_context *c) {
  int pending = lwt_several_take_two(L, c, 1);
  return choice(L, c, K_PICK, 2, pending);
}

/*---
A table (with `n`) of the first values of all that are fulfilled when the first is, in the list's order; a rejected one among them
rejects.

```lua
local t = await(lwt.nchoose{lwt.fulfilled(1), lwt.wait(), lwt.fulfilled(3)})
print(t.n, t[1], t[2])   --> 2 1 3
```
@generic T
@param list lwt.Promise<T>[]
@return lwt.Promise<lwt.Values<T>>
@function lwt.nchoose(list)
*/
static int l_nchoose(lua_State *L) {
  return choice_of_list(L, K_NCHOOSE);
}

/*---
As `lwt.nchoose`, and cancels those still pending.

```lua
local slow = lwt.sleep(5)
print(await(lwt.npick{slow, lwt.fulfilled(1)}).n, slow:is_pending())   --> 1 false
```
@generic T
@param list lwt.Promise<T>[]
@return lwt.Promise<lwt.Values<T>>
@function lwt.npick(list)
*/
static int l_npick(lua_State *L) {
  return choice_of_list(L, K_NPICK);
}

/*---
As `lwt.nchoose`, with a second value: a table (with `n`) of the promises still pending, in the list's order.

```lua
local values, rest = await(lwt.nchoose_split{lwt.wait(), lwt.fulfilled(1)})
print(values.n, rest.n)   --> 1 1
```
@generic T
@param list lwt.Promise<T>[]
@return lwt.Promise<lwt.Values<T>, lwt.Values<lwt.Promise<T>>>
@function lwt.nchoose_split(list)
*/
static int l_nchoose_split(lua_State *L) {
  return choice_of_list(L, K_NCHOOSE_SPLIT);
}

static const luaL_Reg functions[] = {{"choose", l_choose},
                                     {"pick", l_pick},
                                     {"nchoose", l_nchoose},
                                     {"npick", l_npick},
                                     {"nchoose_split", l_nchoose_split},
                                     {NULL, NULL}};

void lwt_choice_open(lua_State *L, lwt_context *c) {
  lwt_register(L, c, functions);
}
