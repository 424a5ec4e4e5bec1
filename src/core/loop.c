/* loop.c: the scheduler: the ready queue, turns, and where errors that nobody catches go.
** What drives the turns, run and step: run.c.
**
** A turn calls the idle hooks, waits for outside events as long as nothing else is to be done,
** and then runs the timers that are due, what was paused, and everything that is ready. Tasks made ready in a turn run in the same turn, up to a
** limit, so that tasks that wake one another cannot keep the events out; yield and
** pause wait for the next turn. */
#include <stdlib.h>
#include <time.h>

#include "loop.h"
#include "tell.h"

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

void lwt_loop_engine_wait(lwt_context *c, double seconds) {
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
  int alive = lwt_loop_engine_alive(c);
  if (alive == LWT_WORKING || (alive == LWT_WAITING && c->ntimers == 0))
    lwt_loop_engine_wait(c, -1);
  else if (alive == LWT_WAITING)
    lwt_loop_engine_wait(c, GRACE);
  if (!lwt_loop_has_ready(c) && c->idle == NULL && c->ntimers > 0 &&
      lwt_loop_engine_alive(c) != LWT_WORKING && c->heap[0].when > c->virtual_now)
    c->virtual_now = c->heap[0].when;
}

/* Waits for what is next to happen. Returns 0 when nothing can happen. */
static int wait_for_events(lwt_context *c, int may_wait) {
  double seconds = 0;
  run_idle(c);
  if (!lwt_loop_has_ready(c) && c->idle == NULL && may_wait) {
    if (!lwt_loop_can_happen(c)) return 0;
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
  c->may_run = (uint8_t)(may_wait && !c->is_virtual && !c->shuffling && c->stall <= 0 &&
                         !(c->engine_full && c->engine->nests));
  c->woken = 0;
  lwt_loop_engine_wait(c, seconds);
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
int lwt_loop_turn(lua_State *L, lwt_context *c, int may_wait, double deadline) {
  int alive;
  size_t ran;
  call_hook(L, c, c->r_enter_hooks);
  if (!lwt_loop_has_ready(c)) lwt_work_forget(L, c); /* it may wait long */
  alive = wait_for_events(c, may_wait);
  c->turn_now = lwt_timer_now(c);
  lwt_timer_fire(L, c);
  ran = run_ready(L, c, deadline);
  call_hook(L, c, c->r_leave_hooks);
  if (c->nunseen > 0 || c->untold > 0) lwt_unseen_check(L, c, LWT_UNSEEN_IN_A_TURN);
  c->turns++;
  lwt_slot_sweep(L, c, 4 * ran + 4, 0);
  return alive;
}

/* ---- What Lua calls ------------------------------------------------------------------------ */

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
the turn; where none comes, it is reported on stderr when the Lua state closes. A hook that raises is reported by `warn`.

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

static const luaL_Reg functions[] = {{"pause", l_pause},
                                     {"async_exception_hook", l_hook},
                                     {"report", l_report},
                                     {"set_iteration_hooks", l_set_iteration_hooks},
                                     {"shuffle", l_shuffle},
                                     {"background", l_background},
                                     {NULL, NULL}};

void lwt_loop_open(lua_State *L, lwt_context *c) {
  lwt_register(L, c, functions);
  pushreg(L, c->r_self);
  lua_pushcclosure(L, report, 1);
  c->r_report = lwt_slot(L);
  if (!lwt_ring_reserve(&c->ready, 256) || !lwt_ring_reserve(&c->paused, 256))
    luaL_error(L, "not enough memory");
}
