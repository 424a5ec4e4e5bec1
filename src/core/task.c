/* task.c: tasks: functions that run as coroutines and may await.
**
** A task is a promise (what spawn returns) with a coroutine. Coroutines are reused, see
** slots.c. Tasks are resumed by the scheduler, never inside a wakeup; only spawn runs a
** task at once, to its first wait. How they await: await.c. */
#include "running.h"

THREAD_STATIC lwt_context *lwt_running_here;

/* ---- Waking ------------------------------------------------------------------ */

/* The waiting task on top becomes ready. (One that was garbage, and that a finalizer wakes, is
** in r_live no longer.) */
void lwt_task_wake(lua_State *L, lwt_context *c, task *t) {
  if (!(t->flags & TF_ANCHORED)) {
    if (lwt_slot_task(c, t->slot) != t && !lwt_slot_regain(c, t)) return;
    lua_pushvalue(L, -1);
    lwt_slot_anchor(L, c, t->slot);
    t->flags = (uint16_t)((t->flags | TF_ANCHORED) & ~TF_LISTED);
    c->slots[t->slot].use &= ~(uintptr_t)SLOT_RELEASED;
  } else if (t->flags & TF_HELD) {
    t->flags &= (uint16_t)~TF_HELD;
    c->held--;
  }
  t->status = T_READY;
  lwt_ring_push(&c->ready, t);
}

/* core.due[1] tells Lua whether a cancel is due to any task at all (c->dues of them), so that
** programs in which none is need not ask. A task that is collected goes on counting, and the
** others ask. */
static void set_due(lua_State *L, lwt_context *c, int due) {
  luaL_checkstack(L, 3, NULL);
  pushreg(L, c->r_due);
  lua_pushboolean(L, due);
  lua_rawseti(L, -2, 1);
  lua_pop(L, 1);
}

/* lwt.Canceled is due to the task: once (TF_CANCEL), or from now on (TF_LEVEL). */
void lwt_task_due(lua_State *L, lwt_context *c, task *t, int flag) {
  if (!(t->flags & TF_DUE)) {
    if (c->dues == 0) set_due(L, c, 1);
    c->dues++;
  }
  t->flags |= (uint16_t)(flag | TF_DUE);
}

static void not_due(lua_State *L, lwt_context *c, task *t) {
  t->flags &= (uint16_t)~TF_DUE;
  if (--c->dues == 0) set_due(L, c, 0);
}

/* The cancel that is due is about to be raised in the task. */
void lwt_task_told(lua_State *L, lwt_context *c, task *t) {
  t->flags &= (uint16_t)~TF_CANCEL;
  if ((t->flags & (TF_DUE | TF_LEVEL)) == TF_DUE) not_due(L, c, t);
}

/* The await under way of the task, which is at idx, is over: lwt.Canceled will be raised
** there. */
void lwt_task_interrupt(lua_State *L, lwt_context *c, task *t, int idx) {
  int top = lua_gettop(L), direct = t->direct;
  lwt_wait *w = t->wait;
  promise *p;
  if (t->status != T_WAITING) {
    lwt_task_due(L, c, t, TF_CANCEL);
    return;
  }
  t->flags |= TF_RAISE;
  t->direct = D_NONE;
  if (direct == D_TIMER) {
    lwt_timer_wake(c, t);
    lwt_task_wake(L, c, t);
    return;
  }
  lua_pushvalue(L, idx);
  lwt_task_wake(L, c, t);
  if (direct == D_WAIT) {
    if (!c->closing) {
      w->task = NULL;
      w->cancel(L, w);
    }
  } else if (lwt_task_push_awaited(L, t) != NULL) { /* else it has been closed */
    if (direct == D_MVAR) {
      lwt_mvar_withdraw(L, t);
    } else {
      p = lwt_promise_find(L, top + 2);
      if (p->state == S_PENDING) lwt_promise_remove_waiter(L, top + 2, p, &t->p);
    }
  }
  lua_settop(L, top);
}

/* ---- Running -------------------------------------------------------------------- */

/* The base of every task's coroutine: handler, f, ... -> one value (the context's
** current task says how many it stands for, and whether it is an error). */
static inline int main_done(lua_State *co, lwt_context *c, task *t, int status) {
  if (status == LUA_OK || status == LUA_YIELD) {
    int n = lua_gettop(co) - 1;
    t->p.n = (uint32_t)n;
    lwt_promise_collapse(co, n);
  } else {
    t->flags |= TF_FAILED;
    lwt_trace_recall(co, c, t);
    t->p.n = (uint32_t)lwt_resolve_wrap_error(co, c);
  }
  return 1;
}

static int main_k(lua_State *co, int status, lua_KContext k) {
  lwt_context *c = (lwt_context *)k;
  task *t = c->current;
  if (t == NULL || t->co != co) return 0; /* it was resumed by others */
  return main_done(co, c, t, status);
}

static int begin_k(lua_State *co, int status, lua_KContext k);

/* Is this coroutine resumed by somebody else than the scheduler? */
static inline int is_foreign(lua_State *co, const lwt_context *c) {
  return c->current == NULL || c->current->co != co;
}

static int refuse_to_begin(lua_State *co, lwt_context *c, lua_KFunction k) {
  const task *t = lwt_task_owner(co, c);
  return lwt_task_yield_again(co, c, t != NULL ? (int)t->p.n + 2 : 0, k);
}

static inline int begin(lua_State *co, lwt_context *c) {
  task *t = c->current;
  int status;
  if (is_foreign(co, c)) return refuse_to_begin(co, c, begin_k);
  c->has_trace = 0;
  status = lua_pcallk(co, lua_gettop(co) - 2, LUA_MULTRET, 1, (lua_KContext)c, main_k);
  return main_done(co, c, t, status);
}

static int begin_k(lua_State *co, int status, lua_KContext k) {
  (void)status;
  return begin(co, (lwt_context *)k);
}

static int task_main(lua_State *co) {
  return begin(co, context_of(co));
}

/* The base of a task that calls a second function when the first is done: handler, after, f, ...
** -> what after(ok, ...) returns. While f runs, no other frame of ours is on the stack. */
static int call_after(lua_State *co, lwt_context *c, int status) {
  c->has_trace = 0; /* it belongs to the error, and to no promise yet */
  lua_pushboolean(co, status == LUA_OK || status == LUA_YIELD);
  lua_insert(co, 3);
  status = lua_pcallk(co, lua_gettop(co) - 2, LUA_MULTRET, 1, (lua_KContext)c, main_k);
  return main_done(co, c, c->current, status);
}

static int call_after_k(lua_State *co, int status, lua_KContext k) {
  lwt_context *c = (lwt_context *)k;
  return is_foreign(co, c) ? 0 : call_after(co, c, status);
}

static int begin_after_k(lua_State *co, int status, lua_KContext k) {
  lwt_context *c = (lwt_context *)k;
  if (is_foreign(co, c)) return refuse_to_begin(co, c, begin_after_k);
  c->has_trace = 0;
  status = lua_pcallk(co, lua_gettop(co) - 3, LUA_MULTRET, 1, k, call_after_k);
  return call_after(co, c, status);
}

static int task_main_after(lua_State *co) {
  return begin_after_k(co, LUA_OK, (lua_KContext)context_of(co));
}

/* The result of the finished task (at idx) is on top. */
static void settle(lua_State *L, lwt_context *c, task *t, int idx) {
  int base = c->work, q = lua_gettop(L), n = (int)t->p.n, failed = t->flags & TF_FAILED;
  promise *p;
  lua_pushvalue(L, idx);
  lua_insert(L, q);
  p = lwt_promise_find(L, q);
  if (c->nest >= MAX_NEST) p = lwt_promise_listify(L, q, p);
  if (failed) {
    if (p->state == S_PENDING) lwt_resolve_commit(L, c, q, p, S_REJECTED, n ? -1 : 1);
  } else if (n == 1 && (t->flags & TF_CHILD) && lwt_promise_test(L, c, -1) != NULL &&
             lwt_scope_child_follow(L, idx, q + 1)) {
    if (t->flags & TF_LEVEL) lwt_cancel_push(L, c, idx);
  } else if (n == 1) {
    t->p.how = C_NONE;
    lwt_resolve_follow(L, c, q, q, LUA_OK, 1);
  } else if (p->state == S_PENDING) {
    lwt_resolve_commit(L, c, q, p, S_FULFILLED, n);
  }
  if (c->has_current || c->work > base) lwt_resolve_drive(L, c, base);
}

/* The error of a task whose coroutine was closed by somebody else. */
static void push_closed(lua_State *L, lwt_context *c, task *t) {
  lua_pop(t->co, 1);
  t->flags |= TF_FAILED;
  t->p.n = 0;
  if (t->flags & (TF_RAISE | TF_CANCEL | TF_LEVEL))
    pushreg(L, c->r_canceled);
  else
    lua_pushliteral(L, "the coroutine of the task was closed while it waited");
}

static void finish(lua_State *L, lwt_context *c, task *t, int status) {
  int top = lua_gettop(L), reusable = status == LUA_OK;
  t->status = T_DONE;
  if (t->flags & TF_DUE) not_due(L, c, t);
  lwt_slot_push(L, c, t->slot);
  if (status == LUA_ERRRUN && lua_status(t->co) == LUA_OK && lua_gettop(t->co) == 1) {
    push_closed(L, c, t);
  } else if (status ==
             LUA_YIELD) { /* coroutine.yield in a task: the values have no receiver */
    lua_pushliteral(
        L, "attempt to yield from a task with coroutine.yield (use lwt.yield, or "
           "lwt.coroutine for coroutines of your own)");
    t->flags |= TF_FAILED;
    t->p.n = 0;
    lua_resetthread(t->co);
  } else {
    if (status != LUA_OK) { /* outside the protected call: no memory */
      t->flags |= TF_FAILED;
      t->p.n = 0;
    }
    lua_xmove(t->co, L, 1);
  }
  if (reusable) lua_settop(t->co, 0);
  lwt_slot_leave(L, c, t, top + 1, reusable);
  settle(L, c, t, top + 1);
  lua_settop(L, top);
}

/* Saves the current storage with the suspended task, and gets `saved` (at idx) back. */
static void leave_storage(lua_State *L, lwt_context *c, task *t, int saved) {
  lua_pushvalue(L, saved);
  lwt_storage_swap(L, c); /* the task's is on top */
  if (t->status != T_DONE && lua_toboolean(L, -1)) {
    pushreg(L, c->r_task_storage);
    lwt_task_push(L, c, t);
    lua_pushvalue(L, -3);
    lua_rawset(L, -3);
    t->flags |= TF_STORAGE;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* Pushes the one before. The saved one is kept no longer than it is needed: the task may run for
** ever without one. (Its place in the table stays, so that leaving again finds room there.) */
static void enter_storage(lua_State *L, lwt_context *c, task *t) {
  if (t->flags & TF_STORAGE) {
    pushreg(L, c->r_task_storage);
    lwt_task_push(L, c, t);
    lua_pushvalue(L, -1);
    lua_rawget(L, -3);
    lua_insert(L, -3);
    lua_pushboolean(L, 0);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    t->flags &= (uint16_t)~TF_STORAGE;
  } else {
    lua_pushboolean(L, 0);
  }
  lwt_storage_swap(L, c);
}

/* Resumes a task. Returns what lua_resume does. Never raises. */
static inline int resume(lua_State *L, lwt_context *c, task *t, int nargs, int begun) {
  task *previous = c->current;
  lua_State *previous_co = c->current_co;
  lwt_context *outer = lwt_running_here;
  int callbacks = c->callbacks, nres, status;
  c->current = t;
  c->current_co = t->wait_co;
  c->callbacks = 0;
  c->resumes++;
  c->calls++;
  t->status = begun ? T_RESUMING : T_RUNNING;
  lwt_running_here = c;
  status = lua_resume(t->co, L, nargs, &nres);
  lwt_running_here = outer;
  c->resumes--;
  c->callbacks = callbacks;
  c->current = previous;
  c->current_co = previous_co;
  return status;
}

/* What is left to do for the task after that. `swapped`: the storage before it is on top;
** otherwise there was none. */
void lwt_task_resumed(lua_State *L, lwt_context *c, task *t, int status, int swapped) {
  int waits = status == LUA_YIELD && t->status < T_RUNNING;
  if (swapped || c->storing) {
    if (!swapped) lua_pushboolean(L, 0);
    if (waits)
      leave_storage(L, c, t, lua_gettop(L));
    else
      lwt_storage_swap(L, c);
    lua_pop(L, 1);
  }
  if (waits) return;
  if (lua_checkstack(L, 10)) {
    finish(L, c, t, status);
    return;
  }
  t->status = T_READY; /* its promise is resolved in a moment */
  t->flags |= TF_ENDED;
  lwt_ring_push(&c->ready, t);
}

/* Resumes a ready task until it waits or ends. */
void lwt_task_run(lua_State *L, lwt_context *c, task *t) {
  int fresh = t->flags & TF_FRESH, nargs = 0, status;
  int swap = c->storing || (t->flags & TF_STORAGE);
  if (t->flags & TF_ENDED) {
    luaL_checkstack(L, 10, NULL);
    finish(L, c, t, lua_status(t->co));
    return;
  }
  /* (Code that has closed it, or tried to run it, had it from a task that used it
  ** before.) */
  if (fresh && lua_status(t->co) == LUA_OK) nargs = lua_gettop(t->co) - 1;
  if (nargs < 0) nargs = 0;
  t->flags &= (uint16_t)~TF_FRESH;
  if (swap) {
    if (fresh && !(t->flags & TF_STORAGE))
      pushreg(L, c->r_storage); /* inherited */
    else
      enter_storage(L, c, t);
  }
  status = resume(L, c, t, nargs, !fresh);
  lwt_task_resumed(L, c, t, status, swap);
}

/* With many tasks their memory is cold: have it fetched while others run. */
static inline void look_ahead(const ring *r) {
#ifdef __GNUC__
  size_t mask = r->size - 1;
  if (r->count > 8) {
    const task *near = r->at[(r->head + 3) & mask], *far = r->at[(r->head + 7) & mask];
    if (far != NULL) __builtin_prefetch(far);
    if (near != NULL) {
      const char *co = (const char *)near->co;
      __builtin_prefetch(co);
      __builtin_prefetch(co + 64);
      __builtin_prefetch(co + 128);
    }
  }
#else
  (void)r;
#endif
}

/* For the loop, which is in no task: runs ready tasks, at most n, up to one that needs
** more than to be resumed. Returns how many of the n are left. */
size_t lwt_task_run_ready(lua_State *L, lwt_context *c, size_t n) {
  ring *r = &c->ready;
  lwt_context *outer = lwt_running_here;
  task *t;
  int status, nres, more = 0;
  lwt_running_here = c;
  c->resumes++;
  while (n > 0 && r->count > 0) {
    t = r->at[r->head];
    if (t == NULL || (t->flags & (TF_FRESH | TF_STORAGE | TF_ENDED))) break;
    r->head = (r->head + 1) & (r->size - 1);
    r->count--;
    n--;
    look_ahead(r);
    c->current = t;
    c->current_co = t->wait_co;
    c->calls++;
    t->status = T_RESUMING;
    status = lua_resume(t->co, L, 0, &nres);
    more = status != LUA_YIELD || t->status >= T_RUNNING || c->storing;
    if (more) break;
  }
  c->resumes--;
  c->current = NULL;
  c->current_co = NULL;
  lwt_running_here = outer;
  if (more) lwt_task_resumed(L, c, t, status, 0);
  return n;
}

/* A task that was run, and what lua_resume said. */
typedef struct leg {
  lwt_context *c;
  task *t;
  int status;
} leg;

static void leg_done(lua_State *L, void *data) {
  leg *l = (leg *)data;
  lwt_task_resumed(L, l->c, l->t, l->status, 0);
}

/* lwt->wait_run. Nothing that may raise happens outside the coroutine, as a rule: the rest
** is done in a protected call. */
int lwt_task_run_waiting(const lwt_api *api, lwt_wait *w) {
  lwt_context *c = api->context;
  task *t = (task *)w->task;
  leg l;
  if (!lwt_outermost(c) || c->ended || c->ready.count > 0 || c->storing ||
      (t->flags & TF_STORAGE) || t->wait_co != t->co || !lwt_loop_may_run(c))
    return 0;
  w->task = NULL;
  t->direct = D_NONE;
  l.status = resume(c->L, c, t, 0, 1);
  if (l.status == LUA_YIELD && t->status < T_RUNNING && !c->storing) return 1;
  l.c = c;
  l.t = t;
  if (api->enter_last(api, leg_done, &l) == -2 &&
      (l.status != LUA_YIELD || t->status >= T_RUNNING)) { /* no memory for that call */
    t->flags |= TF_ENDED;
    lwt_ring_push(&c->ready, t);
  }
  return 1;
}

/* ---- Spawning --------------------------------------------------------------------- */

/* f and its nargs arguments, on top, become a task that has not begun; its promise
** takes their place. */
static inline task *prepare(lua_State *L, lwt_context *c, int nargs, int r_main) {
  int at = lua_gettop(L) - nargs;
  uint32_t s;
  lua_State *co;
  task *t;
  /* (LUA_MINSTACK slots are free in any C function's frame: enough here, and on an idle
  ** coroutine for a few arguments.) */
  t = (task *)lwt_promise_push(L, c, K_TASK, C_TASK, 2, sizeof *t);
  t->status = T_DONE;
  t->co = t->wait_co = NULL;
  t->since = 0;
  t->shield = 0;
  t->flags = TF_FRESH | TF_ANCHORED;
  t->wait_idx = 0;
  t->above = 0;
  t->direct = D_NONE;
  t->p.n = (uint32_t)nargs;
  t->slot = s = lwt_slot_take(L, c);
  co = c->slots[s].co;
  if (nargs > LUA_MINSTACK / 2 && !lua_checkstack(co, nargs + 10)) {
    lwt_slot_anchor(L, c, s);
    c->idle_threads++;
    lwt_slot_free(c, s);
    luaL_error(L, "too many arguments");
  }
  lua_setiuservalue(L, -2, U_DEP);
  c->slots[s].use = (uintptr_t)t;
  t->co = t->wait_co = co;
  t->status = T_READY;
  lua_pushvalue(L, -1);
  lwt_slot_anchor(L, c, s);
  lua_insert(L, at);
  pushreg(co, r_main);
  pushreg(co, c->r_handler);
  lua_xmove(L, co, nargs + 1);
  return t;
}

task *lwt_task_prepare(lua_State *L, lwt_context *c, int nargs) {
  return prepare(L, c, nargs, c->r_task_main);
}

/* The prepared task, whose promise is on top, will never begin. */
void lwt_task_discard(lua_State *L, lwt_context *c, task *t) {
  lua_pop(t->co, (int)t->p.n + 3);
  t->status = T_DONE;
  lwt_slot_leave(L, c, t, lua_gettop(L), 1);
}

/* Runs a prepared task to its first wait; from the ready queue when tasks start one
** another too deep for the C stack. */
void lwt_task_start(lua_State *L, lwt_context *c, task *t) {
  if (c->resumes < MAX_RESUMES) {
    if (c->stall > 0)
      lwt_trace_watch(L, c, t);
    else
      lwt_task_run(L, c, t);
    if (t->status == T_WAITING) lwt_slot_release(L, c, t);
    return;
  }
  if (c->storing) {
    pushreg(L, c->r_task_storage);
    lwt_task_push(L, c, t);
    pushreg(L, c->r_storage);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    t->flags |= TF_STORAGE;
  }
  lwt_ring_push(&c->ready, t);
}

int lwt_task_spawn(lua_State *L, lwt_context *c, int nargs) {
  lwt_task_start(L, c, prepare(L, c, nargs, c->r_task_main));
  return 1;
}

/* ---- What Lua calls ------------------------------------------------------------------- */

/*---
Runs `f(...)` as a task, at once, until its first wait (tasks that start one another more than 10 deep begin from the ready queue).
The promise is what `f` returns (a single promise is followed) or raises. Cancelling it cancels what the task awaits.

```lua
local p = lwt.spawn(function(x) lwt.yield() return x * 2 end, 21)
print(await(p))   --> 42
```
@generic T, U
@param f async fun(...): T?, U?, ...?
@param ... any
@return lwt.Promise<T, U>
@function lwt.spawn(f, ...)
*/
static int l_spawn(lua_State *L) {
  lwt_check_callable(L, 1);
  return lwt_task_spawn(L, context_of(L), lua_gettop(L) - 1);
}

/* core.spawn_after(after, f, ...): a task that runs f(...), and then after(ok, ...) with what
** pcall would return for f. The task's result is that of after. */
static int l_spawn_after(lua_State *L) {
  lwt_context *c = context_of(L);
  lwt_check_callable(L, 1);
  lwt_check_callable(L, 2);
  lwt_task_start(L, c, prepare(L, c, lua_gettop(L) - 1, c->r_task_main_after));
  return 1;
}

/*---
The running task's promise; nil outside tasks and inside callbacks.

```lua
print(lwt.is_promise(lwt.current()))   --> true
```
@return lwt.Promise<any>|nil
@function lwt.current()
*/
static int l_current(lua_State *L) {
  lwt_context *c = context_of(L);
  if (c->current == NULL || c->callbacks)
    lua_pushnil(L);
  else
    lwt_slot_push(L, c, c->current->slot);
  return 1;
}

static const luaL_Reg functions[] = {{"spawn", l_spawn},
                                     {"spawn_after", l_spawn_after},
                                     {"current", l_current},
                                     {NULL, NULL}};

void lwt_task_open(lua_State *L, lwt_context *c) {
  c->free_slot = NO_SLOT;
  c->next_scan = 256;
  lwt_register(L, c, functions);
  lua_createtable(L, 1, 0);
  lua_pushboolean(L, 0);
  lua_rawseti(L, -2, 1);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "due");
  c->r_due = lwt_slot(L);
  pushreg(L, c->r_self);
  lua_pushcclosure(L, task_main, 1);
  c->r_task_main = lwt_slot(L);
  pushreg(L, c->r_self);
  lua_pushcclosure(L, task_main_after, 1);
  c->r_task_main_after = lwt_slot(L);
}
