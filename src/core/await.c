/* await.c: awaiting in a task: a promise, a turn of the loop (yield), another task that no
** cancel reaches (shield), and waiting without a promise. A cancel that is due to the task is
** raised here. */
#include "running.h"

static int raise_canceled(lua_State *L, lwt_context *c, task *t) {
  if (t->flags & TF_INTERRUPTED) {
    t->flags &= (uint16_t)~TF_INTERRUPTED;
    pushreg(L, c->r_interrupted);
  } else {
    pushreg(L, c->r_canceled);
  }
  return lua_error(L);
}

/* Where Lua cannot yield an await is refused before anything else: there is nobody to whom a
** cancel could be told (a finalizer runs in whatever task is running, and what it raises is
** lost), and one that need not wait today has to tomorrow. */
static inline int may_wait(lua_State *L, const lwt_context *c) {
  return c->current != NULL && L == c->current_co && !c->callbacks && lua_isyieldable(L);
}

static task *running(lua_State *L, lwt_context *c) {
  if (!may_wait(L, c)) lwt_error_awaiting(L, c);
  return c->current;
}

static void suspend(lua_State *L, lwt_context *c, task *t, int what, int idx) {
  t->status = T_WAITING;
  t->wait_co = L;
  t->wait_idx = idx;
  t->above = 0;
  t->since = c->turn_now;
  t->direct = (uint8_t)what;
  if (what <= D_MVAR) {
    t->flags |= TF_HELD;
    t->p.n = c->turns;
    c->held++;
  }
}

/* The task waits for the pending promise p at idx: as lwt_promise_add_known_waiter. */
static inline int add_task(lua_State *L, lwt_context *c, int idx, promise *p, task *t) {
  if (p->waiters == W_NONE && !(p->flags & F_LET_GO)) { /* the commonest case, in short */
    pushreg(L, c->r_blocks[t->slot / SLOT_BLOCK]);
    lua_getiuservalue(L, -1, (int)(t->slot % SLOT_BLOCK) + 1);
    lua_setiuservalue(L, idx, U_STATE);
    lua_pop(L, 1);
    p->waiters = W_ONE;
    t->awaited = p;
    return 1;
  }
  lwt_slot_push(L, c, t->slot);
  if (!lwt_promise_add_known_waiter(L, idx, p, &t->p)) return 0;
  if (p->waiters == W_ONE) t->awaited = p;
  return 1;
}

/* The running task t awaits p, the promise at idx (NULL where there is none). */
static inline int begin(lua_State *L, lwt_context *c, task *t, int idx, promise *p,
                        int uncancelable) {
  if (p == NULL) {
    luaL_typeerror(L, idx, "promise");
    return 0;
  }
  if (p->flags & F_NO_CANCEL) uncancelable = 1;
  if ((t->flags & (TF_CANCEL | TF_LEVEL)) && t->shield == 0 && !uncancelable) {
    p->flags |= F_SEEN;
    if (!lwt_cancel_awaited(L, c, t, idx)) return raise_canceled(L, c, t);
    t->flags |= TF_RAISE;
  }
  if (p->state == S_PROXY || (p->flags & F_WATCHED)) p = lwt_promise_arg(L, c, idx);
  p->flags |= F_SEEN;
  if (p->state != S_PENDING) return 1;
  while (!add_task(L, c, idx, p, t)) { /* a finalizer has changed it */
    p = lwt_promise_find(L, idx);
    p->flags |= F_SEEN;
    if (p->state != S_PENDING) return 1;
  }
  if (uncancelable) {
    t->flags |= TF_SHIELDED;
    t->shield++;
  }
  suspend(L, c, t, D_NONE, idx);
  return 0;
}

static int await_begin(lua_State *L, lwt_context *c, int idx, promise *p,
                       int uncancelable) {
  return begin(L, c, running(L, c), idx, p, uncancelable);
}

int lwt_task_await_begin(lua_State *L, lwt_context *c, int idx) {
  return await_begin(L, c, idx, lwt_promise_test(L, c, idx), 0);
}

int lwt_task_await_end(lua_State *L, lwt_context *c, int idx) {
  task *t = c->current;
  promise *p;
  if (t->flags & TF_SHIELDED) {
    t->flags &= (uint16_t)~TF_SHIELDED;
    t->shield--;
  }
  if (t->flags & TF_RAISE) {
    t->flags &= (uint16_t)~TF_RAISE;
    return raise_canceled(L, c, t);
  }
  p = (promise *)lua_touserdata(L, idx);
  if (p->state == S_PROXY) p = lwt_promise_find(L, idx);
  if (p->state == S_FULFILLED) return lwt_promise_push_values(L, idx, p);
  if (p->state == S_PENDING) { /* (a C module has not asked wait_resumed) */
    pushreg(L, c->r_refused);
    return lua_error(L);
  }
  if (p->flags & F_CANCELED) {
    if (t->flags & TF_INTERRUPTED) return raise_canceled(L, c, t);
  } else {
    lwt_trace_cause(L, c, t, idx);
  }
  lwt_promise_push_error(L, idx, p);
  return lua_error(L);
}

/* Will the next await of the running task raise lwt.Canceled, whatever it is given? A
** function that would take something at once (a lock, a value) must not do so then: it
** would be lost. */
int lwt_task_cancel_due(const lwt_context *c) {
  const task *t = c->current;
  return t != NULL && (t->flags & (TF_CANCEL | TF_LEVEL)) && t->shield == 0 &&
         !c->callbacks;
}

/* ---- Waiting without a promise -------------------------------------------------------
** At an mvar (whoever wakes the task pushes its value), or for a moment. */

/* The running task; raises where no task may wait, and lwt.Canceled where that is due. */
task *lwt_task_direct_begin(lua_State *L, lwt_context *c) {
  task *t = running(L, c);
  if ((t->flags & (TF_CANCEL | TF_LEVEL)) && t->shield == 0) {
    lwt_task_told(L, c, t);
    raise_canceled(L, c, t);
  }
  return t;
}

/* The task waits for `what` (at `at`, if it is a value). The caller yields. */
void lwt_task_direct_wait(lua_State *L, lwt_context *c, task *t, int what, int at) {
  suspend(L, c, t, what, at);
}

void lwt_task_direct_end(lua_State *L, lwt_context *c) {
  task *t = c->current;
  if (t->flags & TF_RAISE) {
    t->flags &= (uint16_t)~TF_RAISE;
    raise_canceled(L, c, t);
  }
}

/* ---- What Lua calls ------------------------------------------------------------------- */

static int await_k(lua_State *L, int status, lua_KContext k) {
  lwt_context *c = (lwt_context *)k;
  (void)status;
  if (!lwt_task_goes_on(L, c)) return lwt_task_yield_again(L, c, 1, await_k);
  return lwt_task_await_end(L, c, 1);
}

/*---
Waits until `p` is resolved: returns its values, or raises its error. At once when it is resolved already. It works only in a task; anywhere
else it raises, also for a resolved promise. **Cancel point**: when the task is cancelled, `p` is cancelled, and this raises what
`p` is then rejected with, as a rule `lwt.Canceled`.

```lua
print(await(lwt.sleep(0.01):map(function() return "slept" end)))   --> slept
```
@async
@generic T, U
@param p lwt.Promise<T, U>
@return T value
@return U second
@return any ...
@function lwt.await(p)
*/
static int l_await(lua_State *L) {
  lwt_context *c = context_here(L);
  task *t = c->current;
  promise *p = (promise *)lua_touserdata(L, 1);
  if (p != NULL && lua_getmetatable(L, 1)) { /* lwt_promise_test, in short */
    if (lua_topointer(L, -1) != c->mt)
      p = NULL;
    else if (p->state == S_FULFILLED && L == c->current_co && t != NULL &&
             !c->callbacks && !(t->flags & (TF_CANCEL | TF_LEVEL)) && lua_isyieldable(L))
      return lwt_promise_push_values(L, 1, p); /* (above the metatable) */
    lua_pop(L, 1);
  } else {
    p = NULL;
  }
  if (await_begin(L, c, 1, p, 0)) return lwt_task_await_end(L, c, 1);
  return lua_yieldk(L, 0, (lua_KContext)c, await_k);
}

/* No task may await the promise at 1 here, and nobody else has it: so it is cancelled. What it
** was for may be done already: with `gives` that is given all the same, for it would be lost. */
static int refuse(lua_State *L, lwt_context *c, int gives) {
  promise *p = lwt_promise_find(L, 1);
  lua_settop(L, 1);
  p->flags |= F_SEEN;
  if (p->state == S_PENDING) {
    if (!lwt_cancel(L, c, 1)) lwt_let_go(L, c, 1);
    p = lwt_promise_find(L, 1);
    if (p->state != S_FULFILLED) return lwt_error_awaiting(L, c);
  }
  if (!gives) return lwt_error_awaiting(L, c);
  if (p->state == S_FULFILLED) return lwt_promise_push_values(L, 1, p);
  lwt_promise_push_error(L, 1, p);
  return lua_error(L);
}

static int await_own(lua_State *L, int gives) {
  lwt_context *c = context_here(L);
  promise *p = lwt_promise_test(L, c, 1);
  if (!may_wait(L, c)) return p != NULL ? refuse(L, c, gives) : lwt_error_awaiting(L, c);
  if (begin(L, c, c->current, 1, p, 0)) return lwt_task_await_end(L, c, 1);
  return lua_yieldk(L, 0, (lua_KContext)c, await_k);
}

/* core.await_read(p): await, for a read that a loop has begun in order to await it here. */
static int l_await_read(lua_State *L) {
  return await_own(L, 1);
}

/* core.await_call(p): the same for what a direct view has called, which as any await is refused also
** where there is nothing to wait for. */
static int l_await_call(lua_State *L) {
  return await_own(L, 0);
}

/* A yield is an await: a cancel that has come meanwhile is raised here. */
static int yield_k(lua_State *L, int status, lua_KContext k) {
  lwt_context *c = (lwt_context *)k;
  task *t = c->current;
  (void)status;
  if (!lwt_task_goes_on(L, c)) return lwt_task_yield_again(L, c, 0, yield_k);
  if ((t->flags & (TF_CANCEL | TF_LEVEL)) && t->shield == 0) {
    lwt_task_told(L, c, t);
    return raise_canceled(L, c, t);
  }
  return 0;
}

/*---
Lets every other ready task, the timers and the I/O have a turn. **Cancel point.**

```lua
lwt.spawn(function() print "first" lwt.yield() print "third" end)   --> first
print "second"   --> second
lwt.yield()   --> third
```
@async
@function lwt.yield()
*/
static int l_yield(lua_State *L) {
  lwt_context *c = context_here(L);
  task *t = running(L, c);
  if ((t->flags & (TF_CANCEL | TF_LEVEL)) && t->shield == 0) {
    lwt_task_told(L, c, t);
    return raise_canceled(L, c, t);
  }
  t->status = T_READY;
  t->wait_co = L;
  lwt_ring_push(&c->paused, t);
  return lua_yieldk(L, 0, (lua_KContext)c, yield_k);
}

static int shield_k(lua_State *L, int status, lua_KContext k) {
  lwt_context *c = (lwt_context *)k;
  (void)status;
  if (!lwt_task_goes_on(L, c)) return lwt_task_yield_again(L, c, 1, shield_k);
  return lwt_task_await_end(L, c, 1);
}

/*---
Runs `f(...)` to its end, as a task of its own that the calling task waits for and that a cancel does not reach, also inside a
cancelled scope. It returns its results or raises its error. A cancel that comes meanwhile is raised at the next await. For cleanup
that has to await.

```lua
print(lwt.shield(function() await(lwt.sleep(0.01)) return "cleaned" end))   --> cleaned
```
@async
@generic T, U
@param f fun(...): T?, U?, ...?
@param ... any
@return T value
@return U second
@return any ...
@function lwt.shield(f, ...)
*/
static int l_shield(lua_State *L) {
  lwt_context *c = context_of(L);
  lwt_check_callable(L, 1);
  running(L, c);
  lwt_task_spawn(L, c, lua_gettop(L) - 1);
  if (await_begin(L, c, 1, lwt_promise_test(L, c, 1), 1))
    return lwt_task_await_end(L, c, 1);
  return lua_yieldk(L, 0, (lua_KContext)c, shield_k);
}

/* core.cancel_due(): lwt_task_cancel_due, for Lua. */
static int l_cancel_due(lua_State *L) {
  lua_pushboolean(L, lwt_task_cancel_due(context_of(L)));
  return 1;
}

static const luaL_Reg functions[] = {
    {"await", l_await}, {"await_read", l_await_read}, {"await_call", l_await_call},
    {"yield", l_yield}, {"shield", l_shield},         {"cancel_due", l_cancel_due},
    {NULL, NULL}};

void lwt_await_open(lua_State *L, lwt_context *c) {
  lwt_register(L, c, functions);
  lua_pushliteral(L, "attempt to resume a coroutine in which a task waits (only the loop "
                     "resumes it, when what it waits for is there)");
  c->r_refused = lwt_slot(L);
}
