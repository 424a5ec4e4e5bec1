/* resolve.c: resolving a promise: its new state is committed, which cannot fail, and its
** waiters are put on the work stack, from which tell.c tells them. */
#include "tell.h"

/* ---- Committing ----------------------------------------------------------- */

/* Wraps the error on top with the trace just caught, if there is one. Returns
** whether it did. */
int lwt_resolve_wrap_error(lua_State *L, lwt_context *c) {
  if (!c->has_trace) return 0;
  c->has_trace = 0;
  pushreg(L, c->r_trace); /* a finalizer may leave another there */
  lua_createtable(L, 2, 0);
  lua_insert(L, -3);
  lua_rawseti(L, -3, 2);
  lua_rawseti(L, -2, 1);
  return 1;
}

/* p (a representative, pending) gets its state and the single value on top, which
** is popped. Tasks become ready; other waiters are put on the work stack. Allocates only
** for a rejection that nobody looks at, when all is done. `n` is the number of values, or
** -1 for an error that is wrapped. */
void lwt_resolve_commit(lua_State *L, lwt_context *c, int idx, promise *p, int state,
                        int n) {
  int waiters;
  uint16_t flags = 0;
  if (p->state == S_PROXY) p = lwt_promise_find(L, idx); /* since the caller looked */
  waiters = p->waiters;
  if (state == S_REJECTED) {
    if (n < 0) {
      flags = F_WRAPPED;
      n = 1;
    } else if (lua_topointer(L, -1) == c->canceled) {
      flags = F_CANCELED;
    }
  }
  if (p->state != S_PENDING) { /* a finalizer was faster */
    lua_pop(L, 1);
    return;
  }
  if (waiters != W_NONE) {
    lua_getiuservalue(L, idx, U_STATE);
    lua_pushvalue(L, -2);
  }
  lua_setiuservalue(L, idx, U_STATE);
  p->flags |= flags;
  p->state = (uint8_t)state;
  p->epoch = ++c->resolutions & EPOCHS;
  p->n = (uint32_t)n;
  p->waiters = W_NONE;
  if (p->kind > K_TASK) { /* let go of what it was waiting for */
    lua_pushnil(L);
    lua_setiuservalue(L, idx, U_DEP);
    p->how = C_NONE;
  }
  if (waiters == W_NONE) {
    if (state == S_REJECTED && !(p->flags & (F_SEEN | F_CANCELED)) && !c->recovering)
      lwt_unseen_note(L, c, idx);
    return;
  }
  p->flags |= F_SEEN;
  if (waiters == W_ONE) {
    promise *w = (promise *)lua_touserdata(L, -1);
    if (w->kind == K_TASK) { /* an interrupted task may have been unable to withdraw */
      if (lwt_task_is_waiting_for(L, (task *)w, p)) lwt_task_wake(L, c, (task *)w);
    } else if (!lwt_scope_counts_off(w, state)) {
      lwt_work_set_current(L, c);
      lua_pushvalue(L, idx);
      setreg(L, c->r_source);
      c->has_current = 1;
      c->current_waiter = w;
      c->source = p;
      return;
    }
  } else {
    lua_pushvalue(L, idx);
    lua_setiuservalue(L, -2, H_SOURCE);
    lwt_work_push(L, c);
  }
  lua_pop(L, 1);
}

/* q (at `to`) gets what the resolved p (at `from`) has. */
static void copy(lua_State *L, lwt_context *c, int from, promise *p, int to, promise *q) {
  lua_getiuservalue(L, from, U_STATE);
  lwt_resolve_commit(L, c, to, q, p->state, p->flags & F_WRAPPED ? -1 : (int)p->n);
}

void lwt_resolve_copy(lua_State *L, lwt_context *c, int from, int to) {
  copy(L, c, from, (promise *)lua_touserdata(L, from), to,
       (promise *)lua_touserdata(L, to));
}

/* The pending promise at q gets the outcome of a callback: status is lua_pcall's,
** the results lie above `base`. With `follow`, a single result that is a promise
** is followed. */
void lwt_resolve_follow(lua_State *L, lwt_context *c, int q, int base, int status,
                        int follow) {
  promise *p = lwt_promise_find(L, q), *r;
  int n = lua_gettop(L) - base;
  if (p->state != S_PENDING) { /* resolved meanwhile (a cancel) */
    c->has_trace = 0;
    return;
  }
  if (status != LUA_OK) {
    int wrapped = !c->recovering && lwt_resolve_wrap_error(L, c);
    lwt_resolve_commit(L, c, q, p, S_REJECTED, wrapped ? -1 : 1);
    return;
  }
  if (follow && n == 1 && (r = lwt_promise_test(L, c, -1)) != NULL) {
    int inner = base + 1;
    for (;;) {
      if (r->state == S_PROXY) r = lwt_promise_find(L, inner);
      if (p->state != S_PENDING || r == p) return;
      if (r->state != S_PENDING) {
        r->flags |= F_SEEN;
        copy(L, c, inner, r, q, p);
        return;
      }
      if (lwt_promise_merge(L, q, p, inner, r)) return;
      p = lwt_promise_find(L, q);
    }
  }
  lwt_promise_collapse(L, n);
  lwt_resolve_commit(L, c, q, p, S_FULFILLED, n);
}

/* ---- Resolving -------------------------------------------------------------- */

/* The waiters must be a list where they cannot be told at once. */
static int owes(promise *p, lua_State *L, int idx) {
  int one_task;
  if (p->waiters != W_ONE) return p->waiters == W_LIST;
  lua_getiuservalue(L, idx, U_STATE);
  one_task = ((promise *)lua_touserdata(L, -1))->kind == K_TASK;
  lua_pop(L, 1);
  return !one_task;
}

/* Resolves the pending representative p at idx (absolute) with the n values that the top
** stands for (see lwt_promise_collapse; or with the error there), which is popped; callbacks
** run before this returns. */
void lwt_resolve_collapsed(lua_State *L, lwt_context *c, int idx, promise *p, int state,
                           int n) {
  int base = c->work;
  if (p->state == S_PROXY) p = lwt_promise_find(L, idx);
  if (c->nest >= MAX_NEST && owes(p, L, idx)) p = lwt_promise_listify(L, idx, p);
  if (p->state != S_PENDING) {
    lua_pop(L, 1);
    return;
  }
  lwt_resolve_commit(L, c, idx, p, state, n);
  if (c->has_current || c->work > base) lwt_resolve_drive(L, c, base);
}

/* Likewise, with the top n values. */
void lwt_resolve(lua_State *L, lwt_context *c, int idx, promise *p, int state, int n) {
  lwt_promise_collapse(L, n);
  lwt_resolve_collapsed(L, c, idx, p, state, n);
}

/* Sees to it that lwt_resolve_later of the pending promise at idx allocates nothing. Returns 0
** when that took an allocation: the caller looks again at what it is about to change. */
int lwt_resolve_prepare(lua_State *L, int idx) {
  promise *p = lwt_promise_find(L, idx);
  if (p->state != S_PENDING || p->waiters != W_ONE || !owes(p, L, idx)) return 1;
  lwt_promise_listify(L, idx, p);
  return 0;
}

/* Likewise; inside a callback, the callbacks wait until that one is done. Returns 0 when a
** finalizer was faster. */
int lwt_resolve_later(lua_State *L, lwt_context *c, int idx, promise *p, int state,
                      int n) {
  int base = c->work;
  idx = lua_absindex(L, idx);
  lwt_promise_collapse(L, n);
  if (p->state == S_PROXY) p = lwt_promise_find(L, idx);
  if (c->nest > 0 && owes(p, L, idx)) {
    p = lwt_promise_listify(L, idx, p);
    if (p->state == S_PENDING) {
      lwt_resolve_commit(L, c, idx, p, state, n);
      while (c->work > base) lwt_work_defer(L, c);
      return 1;
    }
  } else if (p->state == S_PENDING) {
    lwt_resolve_collapsed(L, c, idx, p, state, n);
    return 1;
  }
  lua_pop(L, 1);
  return 0;
}
