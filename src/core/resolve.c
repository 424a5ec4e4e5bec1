/* resolve.c: resolving a promise, and running what waits for it.
**
** One resolution sets off others: a callback's result resolves the promise that
** bind gave, whose callbacks run next, and so on, depth first. None of that is
** recursion: a resolution puts what it owes on a stack and `drive` works it off.
**
**   work stack (r_work):  chunk -> chunk -> …   lists of waiters still to be told,
**                                                linked through H_LINK
**   current (r_current, r_source): the single waiter to be told next, the commonest
**                                  case, which needs no list
**   deferred (r_defer_head, r_defer_tail): lists whose turn comes when the outermost
**                                  resolution is done
**
** All of it is anchored in the registry, and linking allocates nothing, so that a
** memory error in the middle loses nobody: the waiter at hand is rejected with
** that error, and the work goes on. */
#include "core.h"

/* Slots of `work`, the function that drive calls. */
#define SRC 1     /* the promise that was resolved (a representative) */
#define WAITER 2  /* the waiter to be told */
#define HANDLER 3 /* the message handler */
#define Q 4       /* what the waiter stands for now; a callback's results lie above */

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

static void set_current(lua_State *L, lwt_context *c) { /* waiter on top, popped */
  setreg(L, c->r_current);
  c->currents++;
}

static void push_work(lua_State *L, lwt_context *c) { /* entry on top, popped */
  pushreg(L, c->r_work);
  lua_setiuservalue(L, -2, H_LINK);
  setreg(L, c->r_work);
  c->work++;
}

/* Puts a promise of choice.c on the work stack: lwt_choice_finish is called for
** it when what lies above has been done. */
void lwt_resolve_push_entry(lua_State *L, lwt_context *c, int idx) {
  lua_pushvalue(L, idx);
  pushreg(L, c->r_work);
  lua_setiuservalue(L, -2, U_FN);
  setreg(L, c->r_work);
  c->work++;
}

/* p (a representative, pending) gets its state and the single value on top, which
** is popped. Tasks become ready; other waiters are owed, see above. Allocates only
** for a rejection that nobody looks at, when all is done. `n` is the number of values,
** or -1 for an error that is wrapped. */
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
      lwt_trace_unseen(L, c, idx);
    return;
  }
  p->flags |= F_SEEN;
  if (waiters == W_ONE) {
    promise *w = (promise *)lua_touserdata(L, -1);
    if (w->kind == K_TASK) { /* one that was interrupted has withdrawn, if it could */
      if (lwt_task_is_waiting_for(L, (task *)w, p)) lwt_task_wake(L, c, (task *)w);
    } else {
      set_current(L, c);
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
    push_work(L, c);
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

/* ---- Telling one waiter ---------------------------------------------------- */

/* Pushes the callback in user value `which` of the waiter; where it was attached
** with a storage, that becomes the current one. Returns whether it did. */
static int push_callback(lua_State *L, lwt_context *c, promise *w, int which) {
  if (w->flags & F_STORED) {
    lua_getiuservalue(L, WAITER, U_FN);
    lua_rawgeti(L, -1, 3);
    lwt_storage_swap(L, c); /* the old one is on top */
    lua_insert(L, -2);
    lua_rawgeti(L, -1, which - U_FN + 1);
    lua_remove(L, -2);
    return 1;
  }
  if (c->storing) {
    lua_pushboolean(L, 0);
    lwt_storage_swap(L, c);
    lua_getiuservalue(L, WAITER, which);
    return 1;
  }
  lua_getiuservalue(L, WAITER, which);
  return 0;
}

/* Calls the waiter's callback with `n` values of the source (-1: its error).
** Puts the waiter at Q and leaves the results above; returns the status. */
static int call(lua_State *L, lwt_context *c, promise *w, promise *src, int which,
                int n) {
  int swapped, status;
  uint32_t currents;
  lua_pushvalue(L, WAITER);
  swapped = push_callback(L, c, w, which);
  if (n < 0) {
    lwt_promise_push_error(L, SRC, src);
    n = 1;
  } else if (n > 0) {
    n = lwt_promise_push_values(L, SRC, src);
  }
  if (w->kind > K_TASK && w->kind <= K_ON_CANCEL && w->kind != K_FINALIZED) {
    lua_pushnil(L); /* the closure is not needed again */
    lua_setiuservalue(L, WAITER, U_FN);
    if (w->kind == K_TRY_BIND || w->kind == K_ON_ANY) {
      lua_pushnil(L);
      lua_setiuservalue(L, WAITER, U_FN2);
    }
  }
  c->calls++;
  currents = c->currents;
  status = lua_pcall(L, n, LUA_MULTRET, HANDLER);
  if (!lua_checkstack(L, 10)) {
    lua_settop(L, swapped ? Q + 1 : Q);
    lua_pushliteral(L, "too many results");
    status = LUA_ERRRUN;
  }
  if (c->currents != currents) { /* a resolution inside the callback has used it */
    lua_pushvalue(L, WAITER);
    set_current(L, c);
  }
  if (swapped) {
    lua_pushvalue(L, Q + 1);
    lwt_storage_swap(L, c);
    lua_pop(L, 1);
    lua_remove(L, Q + 1);
  }
  return status;
}

static void call_and_follow(lua_State *L, lwt_context *c, promise *w, promise *src,
                            int which, int n, int follow) {
  int status = call(L, c, w, src, which, n);
  lwt_resolve_follow(L, c, Q, Q, status, follow);
}

static void pass_on(lua_State *L, lwt_context *c, int from) {
  lua_pushvalue(L, WAITER);
  if (lwt_promise_find(L, Q)->state == S_PENDING) lwt_resolve_copy(L, c, from, Q);
}

static void call_and_forget(lua_State *L, lwt_context *c, promise *w, promise *src,
                            int which, int n) {
  if (call(L, c, w, src, which, n) != LUA_OK) {
    lua_settop(L, Q + 1);
    lwt_loop_report(L, c);
  }
}

/* The finalizer of finalize: its promise is waited for, then the outcome stands
** unless the finalizer failed. */
static void finalize(lua_State *L, lwt_context *c, promise *w, promise *src) {
  int status = call(L, c, w, src, U_FN, 0), q = Q;
  promise *p, *r;
  if (status != LUA_OK) {
    lwt_trace_earlier(L, c, SRC);
    lwt_resolve_follow(L, c, q, q, status, 0);
    return;
  }
  p = lwt_promise_find(L, q);
  if (p->state != S_PENDING) return;
  if (lua_gettop(L) == q + 1 && lwt_promise_test(L, c, -1) != NULL) {
    while ((r = lwt_promise_find(L, q + 1))->state == S_PENDING) {
      w->kind = K_FINALIZED;
      lua_pushvalue(L, SRC);
      lua_setiuservalue(L, WAITER, U_FN);
      p->how = C_DEP;
      lua_pushvalue(L, q + 1);
      lua_setiuservalue(L, q, U_DEP);
      lua_pushvalue(L, WAITER);
      if (lwt_promise_add_waiter(L, q + 1, r)) {
        r->flags |= F_SEEN;
        return;
      }
      w->kind = K_FINALIZE; /* a finalizer has changed it */
      p = lwt_promise_find(L, q);
      if (p->state != S_PENDING) return;
    }
    r->flags |= F_SEEN;
    if (r->state == S_REJECTED) {
      lwt_resolve_copy(L, c, q + 1, q);
      return;
    }
  }
  lwt_resolve_copy(L, c, SRC, q);
}

static void tell(lua_State *L, lwt_context *c, promise *w, promise *src) {
  int ok = src->state == S_FULFILLED;
  switch (w->kind) {
  case K_TASK:
    if (lwt_task_is_waiting_for(L, (task *)w, src)) {
      lua_pushvalue(L, WAITER);
      lwt_task_wake(L, c, (task *)w);
    }
    break;
  case K_BIND:
  case K_MAP:
    if (ok)
      call_and_follow(L, c, w, src, U_FN, 1, w->kind == K_BIND);
    else
      pass_on(L, c, SRC);
    break;
  case K_CATCH:
    if (ok)
      pass_on(L, c, SRC);
    else
      call_and_follow(L, c, w, src, U_FN, -1, 1);
    break;
  case K_TRY_BIND:
    call_and_follow(L, c, w, src, ok ? U_FN : U_FN2, ok ? 1 : -1, 1);
    break;
  case K_FINALIZE: finalize(L, c, w, src); break;
  case K_FINALIZED:
    if (ok) {
      lua_getiuservalue(L, WAITER, U_FN);
      lua_replace(L, SRC);
    }
    lua_pushnil(L);
    lua_setiuservalue(L, WAITER, U_FN);
    pass_on(L, c, SRC);
    break;
  case K_FOLLOW:
    if (!(w->flags & F_DONE)) {
      w->flags |= F_DONE;
      pass_on(L, c, SRC);
    }
    break;
  case K_ON_SUCCESS:
    if (ok) call_and_forget(L, c, w, src, U_FN, 1);
    break;
  case K_ON_FAILURE:
    if (!ok) call_and_forget(L, c, w, src, U_FN, -1);
    break;
  case K_ON_TERMINATION: call_and_forget(L, c, w, src, U_FN, 0); break;
  case K_ON_ANY: call_and_forget(L, c, w, src, ok ? U_FN : U_FN2, ok ? 1 : -1); break;
  case K_ON_CANCEL:
    if (src->flags & F_CANCELED) call_and_forget(L, c, w, src, U_FN, 0);
    break;
  case K_WEAK:
    if (lwt_let_go_push_waiter(L, WAITER)) {
      lua_replace(L, WAITER);
      lua_settop(L, HANDLER);
      lua_pushvalue(L, WAITER);
      set_current(L, c);
      tell(L, c, (promise *)lua_touserdata(L, WAITER), src);
    }
    break;
  case K_SCOPE: lwt_scope_child_done(L, c, WAITER, SRC); break;
  default:
    if (!(w->flags & F_DONE)) lwt_several_input(L, c, WAITER, SRC);
  }
}

/* ---- Working off ----------------------------------------------------------- */

/* The chunk on top, of the work stack, is done: the next one of its list takes its
** place, or the entry goes. */
static void pop_chunk(lua_State *L, lwt_context *c) {
  if (lua_getiuservalue(L, -1, H_NEXT) == LUA_TUSERDATA) {
    lua_getiuservalue(L, -2, H_SOURCE);
    lua_setiuservalue(L, -2, H_SOURCE);
    lua_getiuservalue(L, -2, H_LINK);
    lua_setiuservalue(L, -2, H_LINK);
    setreg(L, c->r_work);
  } else {
    lua_pop(L, 1);
    lua_getiuservalue(L, -1, H_LINK);
    setreg(L, c->r_work);
    c->work--;
  }
}

/* Takes the next waiter off the work stack into WAITER, its promise into SRC.
** Returns NULL when the entry was none, or had nothing left. */
static promise *next_waiter(lua_State *L, lwt_context *c) {
  chunk *h;
  lua_settop(L, HANDLER);
  pushreg(L, c->r_work);
  if (lua_getmetatable(L, -1)) { /* a promise of choice.c */
    lua_settop(L, HANDLER + 1);
    lua_getiuservalue(L, -1, U_FN);
    setreg(L, c->r_work);
    c->work--;
    lua_pushnil(L);
    lua_setiuservalue(L, -2, U_FN);
    lua_pushvalue(L, -1);
    set_current(L, c);
    lwt_choice_finish(L, c, HANDLER + 1);
    return NULL;
  }
  h = (chunk *)lua_touserdata(L, -1);
  if (h->first < h->len) {
    lua_getiuservalue(L, -1, H_ITEM + h->first);
    lua_replace(L, WAITER);
    lua_getiuservalue(L, -1, H_SOURCE);
    lua_replace(L, SRC);
    h->first++;
    lua_settop(L, HANDLER);
    return (promise *)lua_touserdata(L, WAITER);
  }
  pop_chunk(L, c);
  return NULL;
}

/* work(base): works off everything above `base` entries. */
static int work(lua_State *L) {
  lwt_context *c = context_of(L);
  int base = (int)lua_tointeger(L, 1);
  promise *w, *src;
  lua_settop(L, 2);
  pushreg(L, c->r_handler);
  for (;;) {
    c->told++;
    if (c->has_current) {
      c->has_current = 0;
      lua_settop(L, HANDLER);
      pushreg(L, c->r_source);
      lua_replace(L, SRC);
      pushreg(L, c->r_current);
      lua_replace(L, WAITER);
      w = c->current_waiter;
      src = c->source;
    } else if (c->work > base) {
      w = next_waiter(L, c);
      if (w == NULL) continue;
      lua_pushvalue(L, WAITER);
      set_current(L, c); /* for `recover` */
      src = (promise *)lua_touserdata(L, SRC);
    } else {
      return 0;
    }
    tell(L, c, w, src);
  }
}

/* What the waiter at idx stands for, if that is still pending, is rejected with the
** error at err. Allocates nothing. */
static void fail_waiter(lua_State *L, lwt_context *c, int idx, int err) {
  promise *w = lwt_promise_find(L, idx);
  if (w->kind == K_TASK || w->kind == K_WEAK || w->state != S_PENDING) return;
  if (w->kind >= K_ON_SUCCESS && w->kind <= K_ON_CANCEL) return; /* nobody to tell */
  w->flags |= F_DONE;
  c->recovering = 1;
  lua_pushvalue(L, err);
  lwt_resolve_commit(L, c, idx, w, S_REJECTED, 1);
  c->recovering = 0;
}

/* An error that is nobody's (out of memory, as a rule) came up while a waiter was
** told. It is on top. */
static void recover(lua_State *L, lwt_context *c) {
  int err = lua_gettop(L);
  c->has_trace = 0;
  if (!c->has_current && pushreg(L, c->r_current) == LUA_TUSERDATA)
    fail_waiter(L, c, err + 1, err);
  lua_settop(L, err);
}

/* Not even the next waiter could be told, so that nothing would ever change: it fails
** with the error on top without being asked. */
static void give_up_one(lua_State *L, lwt_context *c) {
  int err = lua_gettop(L), at = err + 1;
  chunk *h;
  if (c->has_current) {
    c->has_current = 0;
    pushreg(L, c->r_current);
    fail_waiter(L, c, at, err);
    return;
  }
  pushreg(L, c->r_work);
  if (lua_getmetatable(L, at)) { /* a pick that was to get its outcome */
    lua_settop(L, at);
    lua_getiuservalue(L, at, U_FN);
    setreg(L, c->r_work);
    c->work--;
    fail_waiter(L, c, at, err);
    return;
  }
  h = (chunk *)lua_touserdata(L, at);
  if (h->first < h->len) {
    task *t;
    lua_getiuservalue(L, at, H_ITEM + h->first++);
    t = (task *)lua_touserdata(L, at + 1);
    if (t->p.kind != K_TASK) {
      fail_waiter(L, c, at + 1, err);
    } else {
      lua_getiuservalue(L, at, H_SOURCE);
      if (lwt_task_is_waiting_for(L, t, (promise *)lua_touserdata(L, at + 2))) {
        lua_settop(L, at + 1);
        lwt_task_wake(L, c, t);
      }
    }
    return;
  }
  pop_chunk(L, c);
}

static void drive(lua_State *L, lwt_context *c, int base) {
  int top = lua_gettop(L);
  for (;;) {
    uint32_t told = c->told;
    pushreg(L, c->r_drive);
    lua_pushinteger(L, base);
    if (lua_pcall(L, 1, 0, 0) == LUA_OK) return;
    if (c->told != told)
      recover(L, c);
    else if (c->has_current || c->work > base)
      give_up_one(L, c);
    lua_settop(L, top);
    if (!c->has_current && c->work <= base) return;
  }
}

/* Puts the newest entry of the work stack at the end of the deferred queue. */
static void defer(lua_State *L, lwt_context *c) {
  pushreg(L, c->r_work);
  lua_getiuservalue(L, -1, H_LINK);
  setreg(L, c->r_work);
  c->work--;
  lua_pushnil(L);
  lua_setiuservalue(L, -2, H_LINK);
  if (pushreg(L, c->r_defer_tail) == LUA_TUSERDATA) {
    lua_pushvalue(L, -2);
    lua_setiuservalue(L, -2, H_LINK);
    lua_pop(L, 1);
  } else {
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    setreg(L, c->r_defer_head);
  }
  setreg(L, c->r_defer_tail);
  c->has_deferred = 1;
}

static int undefer(lua_State *L, lwt_context *c) {
  if (!c->has_deferred) return 0;
  pushreg(L, c->r_defer_head);
  if (lua_getiuservalue(L, -1, H_LINK) == LUA_TUSERDATA) {
    setreg(L, c->r_defer_head);
  } else {
    lua_pop(L, 1);
    lua_pushboolean(L, 0);
    setreg(L, c->r_defer_head);
    lua_pushboolean(L, 0);
    setreg(L, c->r_defer_tail);
    c->has_deferred = 0;
  }
  push_work(L, c);
  return 1;
}

/* Works off the entries above `base`; the outermost one, then the deferred too.
** Deeper than MAX_NEST, what was added is deferred instead. */
void lwt_resolve_drive(lua_State *L, lwt_context *c, int base) {
  luaL_checkstack(L, 16, NULL);
  if (c->nest >= MAX_NEST) {
    while (c->work > base) defer(L, c);
    return;
  }
  c->nest++;
  c->callbacks++;
  drive(L, c, base);
  if (c->nest == 1)
    while (undefer(L, c)) drive(L, c, base);
  c->callbacks--;
  c->nest--;
  c->calls++; /* what is resolved from now on is not what the last cancel walk told */
}

/* Defers the telling of the waiter on top (popped): `source` is resolved. */
void lwt_resolve_owe(lua_State *L, lwt_context *c, int source) {
  source = lua_absindex(L, source);
  lwt_promise_push_list_of_one(L);
  lua_pushvalue(L, source);
  lua_setiuservalue(L, -2, H_SOURCE);
  push_work(L, c);
  defer(L, c);
}

/* What was deferred, when no resolution is under way that would see to it. */
void lwt_resolve_drain(lua_State *L, lwt_context *c) {
  if (c->nest == 0 && c->has_deferred) lwt_resolve_drive(L, c, c->work);
}

/* ---- Resolving -------------------------------------------------------------- */

/* What would be owed must be a list when it cannot be worked off at once. */
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
** when that took an allocation: whoever calls looks again at what it is about to change. */
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
      while (c->work > base) defer(L, c);
      return 1;
    }
  } else if (p->state == S_PENDING) {
    lwt_resolve_collapsed(L, c, idx, p, state, n);
    return 1;
  }
  lua_pop(L, 1);
  return 0;
}

void lwt_resolve_open(lua_State *L, lwt_context *c) {
  pushreg(L, c->r_self);
  lua_pushcclosure(L, work, 1);
  c->r_drive = lwt_slot(L);
}
