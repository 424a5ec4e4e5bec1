/* loop.c: the scheduler: the ready queue, turns, run and step, and where errors that
** nobody catches go.
**
** A turn: what wants a word before waiting (idle), outside events for as long as
** nothing else is to be done, the timers that are due, then what was paused, then
** everything that is ready. Tasks made ready in a turn run in the same turn, up to a
** limit, so that tasks that wake one another cannot keep the events out; yield and
** pause wait for the next turn. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core.h"

#define TURN_LIMIT 10000
#define GRACE 0.01 /* virtual time waits this long for events that may never come */

/* ---- Rings --------------------------------------------------------------------- */

int lwt_ring_reserve(ring *r, size_t n) {
  size_t size = r->size ? r->size : 256, i;
  task **at;
  if (n <= r->size) return 1;
  while (size < n) size *= 2;
  at = (task **)malloc(size * sizeof *at); /* NOLINT(bugprone-sizeof-expression) */
  if (at == NULL) return 0;
  for (i = 0; i < r->count; i++) at[i] = r->at[(r->head + i) & (r->size - 1)];
  free(r->at);
  r->at = at;
  r->head = 0;
  r->size = size;
  return 1;
}

static task *ring_pop(ring *r) {
  task *t = r->at[r->head];
  r->head = (r->head + 1) & (r->size - 1);
  r->count--;
  return t;
}

static uint64_t next_random(lwt_context *c) { /* xorshift64* */
  uint64_t x = c->random;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  c->random = x;
  return x * UINT64_C(2685821657736338717);
}

static void shuffle_head(lwt_context *c) {
  ring *r = &c->ready;
  size_t i = (r->head + (size_t)(next_random(c) >> 11) % r->count) & (r->size - 1);
  task *t = r->at[r->head];
  r->at[r->head] = r->at[i];
  r->at[i] = t;
}

/* ---- Errors that nobody catches ---------------------------------------------------- */

/* report(err): to the exception hook; by default kept, to be raised out of run. */
static int report(lua_State *L) {
  lwt_context *c = context_of(L);
  lua_settop(L, 1);
  if (pushreg(L, c->r_hook) == LUA_TBOOLEAN) {
    pushreg(L, c->r_errors);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, (lua_Integer)c->nerrors + 1);
    c->nerrors++;
    return 0;
  }
  lua_pushvalue(L, 1);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
    luaL_tolstring(L, -1, NULL);
    lua_warning(L, "lwt: the exception hook failed: ", 1);
    lua_warning(L, lua_tostring(L, -1), 0);
  }
  return 0;
}

void lwt_loop_report(lua_State *L, lwt_context *c) {
  int err = lua_gettop(L);
  c->has_trace = 0;
  if (lua_checkstack(L, 4)) {
    c->callbacks++;
    pushreg(L, c->r_report);
    lua_pushvalue(L, err);
    lua_pcall(L, 1, 0, 0);
    c->callbacks--;
  }
  lua_settop(L, err - 1);
}

void lwt_loop_raise_reported(lua_State *L, lwt_context *c) {
  if (c->nerrors == 0) return;
  pushreg(L, c->r_errors);
  lua_rawgeti(L, -1, 1);
  for (uint32_t i = 2; i <= c->nerrors; i++) {
    lua_rawgeti(L, -2, i);
    lua_rawseti(L, -3, i - 1);
  }
  lua_pushnil(L);
  lua_rawseti(L, -3, c->nerrors);
  c->nerrors--;
  lua_error(L);
}

/* ---- A turn --------------------------------------------------------------------------- */

/* Calls the function in a registry slot, if there is one, guarded. */
static void call_hook(lua_State *L, lwt_context *c, int ref) {
  if (pushreg(L, ref) == LUA_TBOOLEAN) {
    lua_pop(L, 1);
    return;
  }
  c->callbacks++;
  if (lua_pcall(L, 0, 0, 0) != LUA_OK) lwt_loop_report(L, c);
  c->callbacks--;
}

static void run_idle(lwt_context *c) {
  lwt_idle *list = c->idle;
  c->idle = NULL;
  c->idle_now = list;
  if (list != NULL) list->at = &c->idle_now;
  while (c->idle_now != NULL) {
    lwt_idle *i = c->idle_now;
    c->api.idle_stop(&c->api, i);
    if (c->api.enter(&c->api, i->f, i->data) == -2) c->api.idle_start(&c->api, i);
  }
}

static int has_ready(const lwt_context *c) {
  return c->ready.count > 0 || c->paused.count > 0;
}

static int engine_alive(const lwt_context *c) {
  return c->engine ? c->engine->alive(c->engine_data) : LWT_IDLE;
}

static void engine_wait(lwt_context *c, double seconds) {
  if (c->engine != NULL) {
    c->engine->wait(c->engine_data, seconds);
  } else if (seconds > 0) {
    struct timespec t;
    t.tv_sec = (time_t)seconds;
    t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
    nanosleep(&t, NULL);
  }
}

/* Virtual time: real events under way come first, then the clock jumps. */
static void wait_virtual(lwt_context *c) {
  int alive = engine_alive(c);
  if (alive == LWT_WORKING || (alive == LWT_WAITING && c->ntimers == 0))
    engine_wait(c, -1);
  else if (alive == LWT_WAITING)
    engine_wait(c, GRACE);
  if (!has_ready(c) && c->idle == NULL && c->ntimers > 0 &&
      engine_alive(c) != LWT_WORKING && c->heap[0].when > c->virtual_now)
    c->virtual_now = c->heap[0].when;
}

static inline int can_happen(const lwt_context *c) {
  return has_ready(c) || c->idle != NULL || c->ntimers > c->background ||
         engine_alive(c) != LWT_IDLE;
}

/* Waits for what is next to happen. Returns 0 when nothing can happen. */
static int wait_for_events(lwt_context *c, int may_wait) {
  double seconds = 0;
  run_idle(c);
  if (!has_ready(c) && c->idle == NULL && may_wait) {
    if (!can_happen(c)) return 0;
    if (c->is_virtual) {
      wait_virtual(c);
      return 1;
    }
    if (c->ntimers > 0) {
      seconds = c->heap[0].when - lwt_timer_now(c);
      if (seconds < 0) seconds = 0;
      if (seconds > 1e6) seconds = 1e6; /* more than engines can wait: look again then */
    } else {
      seconds = -1;
    }
  }
  if (seconds == 0 && c->engine == NULL) return 1;
  c->may_run = (uint8_t)(may_wait && !c->is_virtual && !c->shuffling && c->stall <= 0);
  c->woken = 0;
  engine_wait(c, seconds);
  c->may_run = 0;
  return 1;
}

static void wake_paused(lua_State *L, lwt_context *c) {
  promise *p;
  int top = lua_gettop(L);
  pushreg(L, c->r_pauses);
  lua_rawgeti(L, top + 1, (lua_Integer)++c->pause_head);
  lua_pushnil(L);
  lua_rawseti(L, top + 1, (lua_Integer)c->pause_head);
  p = lwt_promise_find(L, top + 2);
  if (p->state == S_PENDING) lwt_resolve(L, c, top + 2, p, S_FULFILLED, 0);
  lua_settop(L, top);
}

/* Returns how many were run. */
static size_t run_ready(lua_State *L, lwt_context *c, double deadline) {
  size_t limit, left;
  luaL_checkstack(L, 20, NULL);
  if (c->ready.count == 0) {
    ring r = c->ready;
    c->ready = c->paused;
    c->paused = r;
  } else {
    while (c->paused.count > 0) lwt_ring_push(&c->ready, ring_pop(&c->paused));
  }
  left = limit = 2 * c->ready.count + TURN_LIMIT;
  while (c->ready.count > 0 && left > 0) {
    task *t;
    if (!c->shuffling && c->stall <= 0 && deadline <= 0 && !c->storing) {
      left = lwt_task_run_ready(L, c, left);
      if (c->ready.count == 0 || left == 0) break;
    }
    left--;
    if (c->shuffling) shuffle_head(c);
    t = ring_pop(&c->ready);
    if (t == NULL)
      wake_paused(L, c);
    else if (c->stall > 0)
      lwt_trace_watch(L, c, t);
    else
      lwt_task_run(L, c, t);
    if (deadline > 0 && lwt_timer_now(c) >= deadline) break;
  }
  if (c->ready.count == 0) c->ready.head = 0; /* the same memory again */
  return limit - left;
}

/* May a task run at the end of an event (lwt->enter_last), while `run` waits? Its memory
** is in the caches then, and would have left them by the end of a long batch of events. */
int lwt_loop_may_run(lwt_context *c) {
  if (c->is_virtual || c->shuffling || c->stall > 0 || c->woken >= TURN_LIMIT) return 0;
  if (c->woken == 0) c->turn_now = lwt_timer_now(c);
  /* Timers that are due are not made to wait for a long batch. */
  if ((++c->woken & 255) == 0 && c->ntimers > 0 && c->heap[0].when <= lwt_timer_now(c)) {
    c->woken = TURN_LIMIT;
    return 0;
  }
  return 1;
}

/* Runs what the event has woken. The order is that of the queue, and what becomes ready
** meanwhile comes later. */
void lwt_loop_run_woken(lua_State *L, lwt_context *c) {
  size_t n = c->ready.count;
  luaL_checkstack(L, 20, NULL);
  for (; n > 0 && c->ready.count > 0 && lwt_loop_may_run(c); n--) {
    task *t = ring_pop(&c->ready);
    if (t == NULL)
      wake_paused(L, c);
    else
      lwt_task_run(L, c, t);
  }
}

/* One turn. Returns 0 when there is nothing left that could happen. */
static int turn(lua_State *L, lwt_context *c, int may_wait, double deadline) {
  int alive;
  size_t ran;
  call_hook(L, c, c->r_enter_hooks);
  alive = wait_for_events(c, may_wait);
  c->turn_now = lwt_timer_now(c);
  lwt_timer_fire(L, c);
  ran = run_ready(L, c, deadline);
  call_hook(L, c, c->r_leave_hooks);
  if (c->nunseen > 0 || c->untold > 0) lwt_trace_check_unseen(L, c, 0);
  c->turns++;
  lwt_slot_sweep(L, c, 4 * ran + 4, 0);
  return alive;
}

/* ---- run ---------------------------------------------------------------------------------- */

/* Turns until the promise at idx is resolved. Returns 0 where nothing is left that could do
** that, with the error on top. Errors that nobody catches are raised by `main` alone: what
** is done at the end must not be cut short. */
static int drive(lua_State *L, lwt_context *c, int idx, int main) {
  idx = lua_absindex(L, idx);
  while (lwt_promise_find(L, idx)->state == S_PENDING && c->interrupted < 2) {
    int alive = turn(L, c, !main || c->nerrors == 0, 0);
    if (main) lwt_loop_raise_reported(L, c);
    if (!alive && lwt_promise_find(L, idx)->state == S_PENDING && !can_happen(c)) {
      lua_pushliteral(L, "deadlock: nothing is left that could wake what run waits for");
      lwt_trace_waiting(L, c);
      lua_concat(L, 2);
      return 0;
    }
  }
  return 1;
}

/* Runs each function of the list as a task, the newest first, and waits for it. */
static void run_list(lua_State *L, lwt_context *c, int ref, int remove) {
  lua_Integer i;
  int top = lua_gettop(L);
  pushreg(L, ref);
  for (i = (lua_Integer)lua_rawlen(L, top + 1); i > 0; i--) {
    promise *p;
    lua_rawgeti(L, top + 1, i);
    if (remove) {
      lua_pushnil(L);
      lua_rawseti(L, top + 1, i);
    }
    lwt_task_spawn(L, c, 0);
    lwt_promise_arg(L, c, top + 2); /* its error is told here, and nowhere else */
    if (!drive(L, c, top + 2, 0)) {
      lwt_loop_report(L, c);
    } else {
      p = lwt_promise_find(L, top + 2);
      if (p->state == S_REJECTED && !(p->flags & F_CANCELED)) {
        lwt_promise_push_error(L, top + 2, p);
        lwt_loop_report(L, c);
      }
    }
    lua_settop(L, top + 1);
    if (remove && (lua_Integer)lua_rawlen(L, top + 1) > i - 1)
      i = (lua_Integer)lua_rawlen(L, top + 1) + 1; /* added meanwhile */
  }
  lua_settop(L, top);
}

/* run_body(x, ...): the part of run that waits for x; gives its values. */
static int run_body(lua_State *L) {
  lwt_context *c = context_of(L);
  promise *p;
  int n;
  if (lwt_promise_test(L, c, 1) == NULL) lwt_task_spawn(L, c, lua_gettop(L) - 1);
  lua_settop(L, 1);
  lua_pushvalue(L, 1);
  setreg(L, c->r_main);
  p = lwt_promise_find(L, 1);
  p->flags |= F_SEEN;
  if (p->flags & F_WATCHED) lwt_trace_seen(L, 1, p);
  if (!drive(L, c, 1, 1)) return lua_error(L);
  p = lwt_promise_find(L, 1);
  if (p->state == S_FULFILLED) {
    n = lwt_promise_push_values(L, 1, p);
    return n;
  }
  if (c->interrupted && (p->state == S_PENDING || p->flags & F_CANCELED))
    pushreg(L, c->r_interrupted);
  else
    lwt_promise_push_error(L, 1, p);
  return lua_error(L);
}

/* run_end(): what is done at the end of every run, however that ended. */
static int run_end(lua_State *L) {
  lwt_context *c = context_of(L);
  run_list(L, c, c->r_exit, 1);
  run_list(L, c, c->r_ends, 0);
  c->sweep_at = 0;
  lwt_slot_sweep(L, c, (size_t)c->slots_made + 1, 1);
  return 0;
}

/* Is a finalizer running? It may have come in the middle of anything. */
static int in_finalizer(lua_State *L) {
  lua_Debug ar;
  int level;
  if (lua_gc(L, LUA_GCCOUNT) < 0) return 1;      /* since Lua 5.4.4 */
  if (lua_gc(L, LUA_GCISRUNNING) != 0) return 0; /* (before that, stopped meanwhile) */
  for (level = 0; lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "n", &ar);
    if (strcmp(ar.namewhat, "metamethod") == 0 && ar.name != NULL &&
        (strcmp(ar.name, "__gc") == 0 || strcmp(ar.name, "gc") == 0))
      return 1;
  }
  return 0;
}

/* Where the loop may not be run or stepped: NULL elsewhere. */
static const char *busy(lua_State *L, const lwt_context *c) {
  if (c->running || c->current != NULL) return "from inside it";
  if (c->nest > 0 || c->callbacks > 0 || c->immediate > 0 || c->entered > 0)
    return "from inside it (in a callback)";
  return in_finalizer(L) ? "from a finalizer" : NULL;
}

static void check_idle(lua_State *L, lwt_context *c, const char *what) {
  const char *where = busy(L, c);
  if (where != NULL) luaL_error(L, "attempt to %s the loop %s", what, where);
}

/* core.busy(): the same for lwt.run, which is Lua's. */
static int l_busy(lua_State *L) {
  lua_pushstring(L, busy(L, context_of(L)));
  return 1;
}

/* Runs what is at the top of the stack (x, ...) from index 1. */
static int run(lua_State *L, lwt_context *c) {
  int status;
  check_idle(L, c, "run");
  c->running = 1;
  c->interrupted = 0;
  pushreg(L, c->r_run);
  lua_insert(L, 1);
  status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
  pushreg(L, c->r_run_end);
  if (lua_pcall(L, 0, 0, 0) != LUA_OK) lwt_loop_report(L, c);
  c->running = 0;
  c->interrupted = 0;
  lua_pushboolean(L, 0);
  setreg(L, c->r_main);
  lwt_trace_check_unseen(L, c, 1);
  if (c->debug) lwt_trace_left_open(L, c);
  if (status != LUA_OK) return lua_error(L);
  lwt_loop_raise_reported(L, c);
  return lua_gettop(L);
}

/*---
Drives the loop until `x` is resolved: a promise, or a function, which is run as a task with the other arguments. It returns its values or
raises its error. Before that, however it ends, it runs what `lwt.at_exit` registered, and flushes what is to be flushed. It raises
`deadlock: …` with the list of waiting tasks when nothing is left that could resolve it. `run` inside `run`, in a callback or a
finalizer raises; only in the main script of the `lwt` command, which is inside one, it runs its argument as a task and waits for
it, so that any program works there. Ctrl-C cancels the main task with
`lwt.Interrupted`, see `lwt.interrupts`.

```lua norun
print(lwt.run(function(x) lwt.await(lwt.sleep(0.1)) return x end, 5))
```
@generic T, U
@param x lwt.Promise<T, U>|async fun(...): T?, U?, ...?
@param ... any
@return T value
@return U second
@return any ...
@function lwt.run(x, ...)
*/
static int l_run(lua_State *L) {
  lwt_context *c = context_of(L);
  if (lwt_promise_test(L, c, 1) == NULL && lua_type(L, 1) != LUA_TFUNCTION) {
    if (luaL_getmetafield(L, 1, "__call") == LUA_TNIL)
      luaL_typeerror(L, 1, "promise or function");
    lua_pop(L, 1);
  }
  return run(L, c);
}

/* step_body(budget) */
static int step_body(lua_State *L) {
  lwt_context *c = context_of(L);
  double budget = lua_tonumber(L, 1);
  turn(L, c, 0, budget > 0 ? c->engine_now + budget : 0);
  /* A host may go to sleep on the engine's descriptor now, which knows only what the engine
  ** was told when it last looked: it has to see what the tasks have just begun. */
  if (!has_ready(c) && c->idle == NULL && engine_alive(c) != LWT_IDLE) engine_wait(c, 0);
  return 0;
}

static int step(lua_State *L, lwt_context *c, double budget, double *wait) {
  int status;
  check_idle(L, c, "step");
  c->running = 1;
  c->engine_now = lwt_timer_now(c);
  pushreg(L, c->r_turn);
  lua_pushnumber(L, budget);
  status = lua_pcall(L, 1, 0, 0);
  c->running = 0;
  if (status != LUA_OK) lua_error(L);
  lwt_loop_raise_reported(L, c);
  if (has_ready(c) || c->idle != NULL)
    *wait = 0;
  else if (c->ntimers > 0) {
    *wait = c->heap[0].when - lwt_timer_now(c);
    if (*wait < 0) *wait = 0;
  } else {
    *wait = -1;
  }
  return has_ready(c) || c->idle != NULL || c->ntimers > 0 || engine_alive(c) != LWT_IDLE;
}

/*---
One turn of the loop, for a host with a loop of its own: delivers what has happened and runs what is ready, without blocking, for at
most about `budget` seconds (a task's turn is not cut short). It does not make virtual time jump.

```lua norun
function love.update(dt) lwt.step(0.002) end
```
@param budget? number seconds; none: until nothing is ready
@return boolean alive whether anything can still happen (a ready task, a timer, a handle, a job)
@return number|nil wait seconds until the next timer is due (0: something is ready)
@function lwt.step(budget)
*/
static int l_step(lua_State *L) {
  lwt_context *c = context_of(L);
  double budget = lwt_opt_number(L, 1), wait;
  int alive;
  luaL_argcheck(L, budget >= 0, 1, "negative budget");
  lua_settop(L, 0);
  alive = step(L, c, budget, &wait);
  lua_pushboolean(L, alive);
  if (wait < 0)
    lua_pushnil(L);
  else
    lua_pushnumber(L, wait);
  return 2;
}

/* ---- The rest of what Lua calls ---------------------------------------------------------- */

/*---
Fulfilled at the next turn of the loop, after the I/O: the promise form of `yield`. It can be cancelled.

```lua
print(lwt.pause():state())   --> pending
```
@return lwt.Promise<nil>
@function lwt.pause()
*/
static int l_pause(lua_State *L) {
  lwt_context *c = context_of(L);
  lwt_promise_push(L, c, K_PLAIN, C_SELF, 1, sizeof(promise));
  if (!lwt_ring_reserve(&c->paused,
                        c->slots_made + (size_t)(c->pause_tail - c->pause_head) + 64) ||
      !lwt_ring_reserve(&c->ready,
                        c->slots_made + (size_t)(c->pause_tail - c->pause_head) + 64))
    return luaL_error(L, "not enough memory");
  pushreg(L, c->r_pauses);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, (lua_Integer)c->pause_tail + 1);
  c->pause_tail++;
  lua_pop(L, 1);
  lwt_ring_push(&c->paused, NULL);
  return 1;
}

/*---
Gets the exception hook, or sets it: `f(err)` is called with errors that nobody else would see (of `async`, of `on_*` callbacks, of
signal handlers …; not of a server's handlers, see `establish_server`). Without one, the error is raised out of the `run` or `step` that drives the loop, or the next one, at the end of
the turn. A hook that raises is reported by `warn`.

```lua
lwt.async_exception_hook(function(e) print("hook: " .. e) end)
lwt.async(error, "lost", 0)
lwt.yield()   --> hook: lost
lwt.async_exception_hook(nil)
```
@param f? fun(err: any)|nil the new hook; nil for the default
@return fun(err: any)|nil hook the one before
@function lwt.async_exception_hook(f)
*/
static int l_hook(lua_State *L) {
  lwt_context *c = context_of(L);
  if (!lua_isnoneornil(L, 1)) lwt_check_callable(L, 1);
  if (pushreg(L, c->r_hook) == LUA_TBOOLEAN) {
    lua_pop(L, 1);
    lua_pushnil(L);
  }
  lua_insert(L, 1);
  if (lua_gettop(L) > 1) {
    if (lua_isnil(L, 2))
      lua_pushboolean(L, 0);
    else
      lua_pushvalue(L, 2);
    setreg(L, c->r_hook);
  }
  lua_settop(L, 1);
  return 1;
}

/* core.report(err): as an error that nobody catches. */
static int l_report(lua_State *L) {
  lua_settop(L, 1);
  lwt_loop_report(L, context_of(L));
  return 0;
}

static void push_to_list(lua_State *L, int ref) { /* value on top, popped */
  pushreg(L, ref);
  lua_insert(L, -2);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  lua_pop(L, 1);
}

/*---
Registers a function that is run as a task, and awaited, at the end of the outermost `run` that follows; the newest first, once each.
Its failure goes to the exception hook.

```lua norun
lwt.at_exit(function() lwt.await(log:close()) end)
```
@param f async fun(): ...?
@function lwt.at_exit(f)
*/
static int l_at_exit(lua_State *L) {
  lwt_check_callable(L, 1);
  lua_settop(L, 1);
  lwt_storage_keep(L, context_of(L));
  push_to_list(L, context_of(L)->r_exit);
  return 0;
}

/* core.on_run_end(f): likewise, after those, at the end of every run. */
static int l_on_run_end(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  push_to_list(L, context_of(L)->r_ends);
  return 0;
}

/* core.set_iteration_hooks(enter, leave): one function each, or nil. */
static int l_set_iteration_hooks(lua_State *L) {
  lwt_context *c = context_of(L);
  lua_settop(L, 2);
  lua_pushboolean(L, 0);
  lua_pushvalue(L, lua_isnil(L, 1) ? 3 : 1);
  setreg(L, c->r_enter_hooks);
  lua_pushvalue(L, lua_isnil(L, 2) ? 3 : 2);
  setreg(L, c->r_leave_hooks);
  return 0;
}

/* core.interrupt(): what Ctrl-C does. Returns false when no run is under way. */
static int l_interrupt(lua_State *L) {
  lwt_context *c = context_of(L);
  promise *p;
  lua_settop(L, 0);
  if (pushreg(L, c->r_main) != LUA_TUSERDATA) {
    lua_pushboolean(L, 0);
    return 1;
  }
  p = (promise *)lua_touserdata(L, 1);
  if (c->interrupted == 0) {
    c->interrupted = 1;
    if (p->kind == K_TASK && ((task *)p)->status != T_DONE)
      ((task *)p)->flags |= TF_INTERRUPTED;
    if (!lwt_cancel(L, c, 1)) c->interrupted = 2; /* run gives up waiting */
  }
  lua_pushboolean(L, 1);
  return 1;
}

/* core.background(n): that many of the pending timers are watchdogs (a spec's time-out),
** which do not count when run looks for a deadlock. */
static int l_background(lua_State *L) {
  context_of(L)->background = (uint32_t)luaL_checkinteger(L, 1);
  return 0;
}

/* core.shuffle(seed | nil): ready tasks run in a random order from now on. */
static int l_shuffle(lua_State *L) {
  lwt_context *c = context_of(L);
  c->shuffling = !lua_isnoneornil(L, 1);
  c->random = ((uint64_t)luaL_optinteger(L, 1, 0) + 1) * UINT64_C(0x9E3779B97F4A7C15);
  if (c->random == 0) c->random = 1;
  next_random(c);
  return 0;
}

/* ---- lwt.h ------------------------------------------------------------------------------------ */

int lwt_loop_step(const lwt_api *api, lua_State *L, double budget, double *wait) {
  double w;
  int alive;
  if (api->context->ended) lwt_context_ended(L);
  alive = step(L, api->context, budget, &w);
  if (wait != NULL) *wait = w;
  return alive;
}

int lwt_loop_run(const lwt_api *api, lua_State *L) {
  int top = lua_gettop(L) - 1;
  pushreg(L, api->context->r_run_function);
  lua_insert(L, -2);
  lua_call(L, 1, LUA_MULTRET);
  return lua_gettop(L) - top;
}

static const luaL_Reg functions[] = {{"run", l_run},
                                     {"step", l_step},
                                     {"busy", l_busy},
                                     {"pause", l_pause},
                                     {"async_exception_hook", l_hook},
                                     {"at_exit", l_at_exit},
                                     {"report", l_report},
                                     {"on_run_end", l_on_run_end},
                                     {"set_iteration_hooks", l_set_iteration_hooks},
                                     {"interrupt", l_interrupt},
                                     {"shuffle", l_shuffle},
                                     {"background", l_background},
                                     {NULL, NULL}};

static int closure(lua_State *L, lwt_context *c, lua_CFunction f) {
  pushreg(L, c->r_self);
  lua_pushcclosure(L, f, 1);
  return lwt_slot(L);
}

void lwt_loop_open(lua_State *L, lwt_context *c) {
  lwt_register(L, c, functions);
  c->r_report = closure(L, c, report);
  c->r_run = closure(L, c, run_body);
  c->r_run_end = closure(L, c, run_end);
  c->r_turn = closure(L, c, step_body);
  c->r_run_function = closure(L, c, l_run);
  if (!lwt_ring_reserve(&c->ready, 256) || !lwt_ring_reserve(&c->paused, 256))
    luaL_error(L, "not enough memory");
}
