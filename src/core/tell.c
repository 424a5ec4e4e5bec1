/* tell.c: telling the waiters of what was resolved.
**
** One resolution sets off others: a callback's result resolves the promise that
** bind gave, whose callbacks run next, and so on, depth first. None of that is
** recursion: a resolution puts what it owes on a stack and `drive` works it off.
**
**   work stack (r_work):  chunk -> chunk -> …   lists of waiters still to be told,
**                                                linked through H_LINK
**   current (r_current, r_source): the single waiter to be told next, the commonest
**                                  case, which needs no list
**   at hand (r_hands):    the waiter that is being told, for each of the resolutions that
**                         are under way: a finalizer may begin one more in the middle
**   deferred (r_defer_head, r_defer_tail): lists whose turn comes when the outermost
**                                  resolution is done
**
** All of it is anchored in the registry, and linking allocates nothing, so that a memory
** error in the middle loses no waiter: the one at hand is rejected with that error, and
** the work goes on. */
#include "tell.h"

/* Slots of `work`, the function that drive calls. */
#define SRC 1     /* the promise that was resolved (a representative) */
#define WAITER 2  /* the waiter to be told */
#define HANDLER 3 /* the message handler */
#define Q 4       /* what the waiter stands for now; a callback's results lie above */

/* The waiter on top (popped) is at hand. */
static inline void set_hand(lua_State *L, lwt_context *c) {
  setreg(L, c->r_hands[c->nest - 1]);
  c->currents++;
}

/* The current waiter is at hand: the two registers are exchanged, and who was at hand before is kept
** no longer. */
static inline void take_current(lua_State *L, lwt_context *c) {
  int *hand = &c->r_hands[c->nest - 1], was = *hand;
  *hand = c->r_current;
  c->r_current = was;
  lua_pushboolean(L, 0);
  setreg(L, was);
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
  status = lua_pcall(L, n, LUA_MULTRET, HANDLER);
  if (!lua_checkstack(L, 10)) {
    lua_settop(L, swapped ? Q + 1 : Q);
    lua_pushliteral(L, "too many results");
    status = LUA_ERRRUN;
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

/* The callback of the waiter at idx, which has no result, has failed with the error on top,
** which is popped. */
static void report(lua_State *L, lwt_context *c, promise *w, int idx) {
  if (!(w->flags & F_HEARD)) {
    lwt_loop_report(L, c);
    return;
  }
  c->has_trace = 0;
  lua_getiuservalue(L, idx, U_LOST);
  lwt_lost(L, c);
  lua_pop(L, 1);
}

static void call_and_forget(lua_State *L, lwt_context *c, promise *w, promise *src,
                            int which, int n) {
  if (call(L, c, w, src, which, n) != LUA_OK) {
    lua_settop(L, Q + 1);
    report(L, c, w, WAITER);
  }
  if (w->flags & F_HEARD) { /* it may stay the current waiter for long */
    lua_pushnil(L);
    lua_setiuservalue(L, WAITER, U_LOST);
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

/* The finalizer's promise is resolved: unless that failed, the outcome kept in U_FN stands. */
static inline void finalized(lua_State *L, lwt_context *c, int ok) {
  if (ok) {
    lua_getiuservalue(L, WAITER, U_FN);
    lua_replace(L, SRC);
  }
  lua_pushnil(L);
  lua_setiuservalue(L, WAITER, U_FN);
  pass_on(L, c, SRC);
}

/* Does the child w, which follows what it has returned, follow src? It may have waited there as a
** task, and been unable to withdraw. */
static inline int follows(lua_State *L, const promise *src) {
  int is = lua_getiuservalue(L, WAITER, U_DEP) == LUA_TUSERDATA &&
           lwt_promise_find(L, lua_gettop(L)) == src;
  lua_settop(L, HANDLER);
  return is;
}

static void tell(lua_State *L, lwt_context *c, promise *w, promise *src) {
  int ok = src->state == S_FULFILLED;
  switch (w->kind) {
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
  case K_FINALIZED: finalized(L, c, ok); break;
  case K_FOLLOW:
    if (!(w->flags & F_DONE) && (w->how != C_CHILD || follows(L, src))) {
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
      set_hand(L, c);
      tell(L, c, (promise *)lua_touserdata(L, WAITER), src);
    }
    break;
  case K_SCOPE: lwt_scope_child_done(L, c, WAITER, SRC); break;
  default:
    if (!(w->flags & F_DONE)) lwt_several_input(L, c, WAITER, SRC);
  }
}

/* ---- Working off ----------------------------------------------------------- */

/* Puts a promise of choice.c on the work stack: lwt_choice_finish is called for
** it when what lies above has been done. */
void lwt_resolve_push_entry(lua_State *L, lwt_context *c, int idx) {
  lua_pushvalue(L, idx);
  pushreg(L, c->r_work);
  lua_setiuservalue(L, -2, U_FN);
  setreg(L, c->r_work);
  c->work++;
}

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

/* Takes the next waiter off the work stack into WAITER, its promise into SRC. Returns NULL
** when there is nothing more to do for it: a task is ready then. */
static promise *next_waiter(lua_State *L, lwt_context *c) {
  chunk *h;
  promise *w;
  const void *place;
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
    set_hand(L, c);
    lwt_choice_finish(L, c, HANDLER + 1);
    return NULL;
  }
  h = (chunk *)lua_touserdata(L, -1);
  if (h->first < h->len) {
    lua_getiuservalue(L, -1, H_ITEM + h->first);
    place = &h->places[h->first++];
    w = (promise *)lua_touserdata(L, -1);
    if (lwt_waiter_left(w, place)) return NULL;
    if (w->kind == K_TASK) {
      lwt_task_wake(L, c, (task *)w);
      return NULL;
    }
    lua_replace(L, WAITER);
    lua_getiuservalue(L, -1, H_SOURCE);
    lua_replace(L, SRC);
    lua_settop(L, HANDLER);
    return w;
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
      take_current(L, c);
    } else if (c->work > base) {
      w = next_waiter(L, c);
      if (w == NULL) continue;
      lua_pushvalue(L, WAITER);
      set_hand(L, c);
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
  if (w->kind >= K_ON_SUCCESS &&
      w->kind <= K_ON_CANCEL) { /* there is only the hook to report it to */
    lua_pushvalue(L, err);
    report(L, c, w, idx);
    return;
  }
  w->flags |= F_DONE;
  c->recovering = 1;
  lua_pushvalue(L, err);
  lwt_resolve_commit(L, c, idx, w, S_REJECTED, 1);
  c->recovering = 0;
}

/* An error that no callback raised (out of memory, as a rule) came up while a waiter was
** told. It is on top. */
static void recover(lua_State *L, lwt_context *c) {
  int err = lua_gettop(L);
  c->has_trace = 0;
  if (!c->has_current && pushreg(L, c->r_hands[c->nest - 1]) == LUA_TUSERDATA)
    fail_waiter(L, c, err + 1, err);
  lua_settop(L, err);
}

/* Not even the next waiter could be told, and trying again would not help: it is rejected
** with the error on top, and its callback is not called. */
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
    promise *w;
    lua_getiuservalue(L, at, H_ITEM + h->first);
    w = (promise *)lua_touserdata(L, at + 1);
    if (lwt_waiter_left(w, &h->places[h->first++])) return;
    if (w->kind == K_TASK)
      lwt_task_wake(L, c, (task *)w);
    else
      fail_waiter(L, c, at + 1, err);
    return;
  }
  pop_chunk(L, c);
}

static void drive(lua_State *L, lwt_context *c, int base) {
  int top = lua_gettop(L), tried = 0;
  for (;;) {
    uint32_t told = c->told;
    pushreg(L, c->r_drive);
    lua_pushinteger(L, base);
    if (lua_pcall(L, 1, 0, 0) == LUA_OK) return;
    if (c->told != told)
      recover(L, c);
    else if (tried && (c->has_current || c->work > base))
      give_up_one(L, c);
    tried = c->told == told && !tried; /* try once more, before a waiter is given up */
    lua_settop(L, top);
    if (!c->has_current && c->work <= base) return;
  }
}

/* ---- Driving, and deferring ------------------------------------------------ */

/* Puts the newest entry of the work stack at the end of the deferred queue. */
void lwt_work_defer(lua_State *L, lwt_context *c) {
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
  lwt_work_push(L, c);
  return 1;
}

/* Works off the entries above `base`; the outermost one, then the deferred too.
** Deeper than MAX_NEST, what was added is deferred instead. (With less room than DRIVE_ROOM the
** stack would grow for the call of `work`, which may run a finalizer while there is a current
** waiter: what that one resolved would take its place. Where there is no memory for so much, less
** will do: the call then fails, and no finalizer has run.) */
void lwt_resolve_drive(lua_State *L, lwt_context *c, int base) {
  if (!lua_checkstack(L, DRIVE_ROOM)) luaL_checkstack(L, 16, NULL);
  if (c->nest >= MAX_NEST) {
    while (c->work > base) lwt_work_defer(L, c);
    return;
  }
  c->nest++;
  if (c->nest > c->deepest) c->deepest = c->nest;
  c->callbacks++;
  drive(L, c, base);
  if (c->nest == 1)
    while (undefer(L, c)) drive(L, c, base);
  c->callbacks--;
  c->nest--;
  c->calls++; /* what is resolved from now on does not come from the last cancel walk */
}

/* Defers the telling of the waiter on top (popped): `source` is resolved. */
void lwt_resolve_owe(lua_State *L, lwt_context *c, int source) {
  source = lua_absindex(L, source);
  lwt_promise_push_list_of_one(L);
  lua_pushvalue(L, source);
  lua_setiuservalue(L, -2, H_SOURCE);
  lwt_work_push(L, c);
  lwt_work_defer(L, c);
}

/* What was deferred, when no resolution is under way that would see to it. */
void lwt_resolve_drain(lua_State *L, lwt_context *c) {
  if (c->nest == 0 && c->has_deferred) lwt_resolve_drive(L, c, c->work);
}

void lwt_tell_open(lua_State *L, lwt_context *c) {
  int i;
  pushreg(L, c->r_self);
  lua_pushcclosure(L, work, 1);
  c->r_drive = lwt_slot(L);
  for (i = 0; i < MAX_NEST; i++) c->r_hands[i] = lwt_slot_of_false(L);
}
