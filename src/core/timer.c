/* timer.c: time: a heap of everything that waits for a moment.
**
** The heap (C memory) orders timers by deadline, then by creation. A timer's number
** (its id) finds its promise in r_timers and its place in the heap in position[],
** so that a cancelled one leaves at once. A task that sleeps without a promise (lwt.direct's
** sleep) has no number: its slot stands for it, and its place is in naps[].
**
** The clock is the engine's, or virtual: then it stands still while anything can run and jumps to the next deadline. */
#include <stdlib.h>
#include <time.h>

#include "core.h"

#define NO_TIMER UINT32_MAX
#define NEVER 1e12 /* a deadline this far away never comes: it does not enter the heap */
#define FIRE_LIMIT \
  10000 /* timers in a turn: a crowd is served in parts, with I/O in between */

static double clock_now(void) {
  struct timespec t;
#ifdef CLOCK_MONOTONIC
  clock_gettime(CLOCK_MONOTONIC, &t);
#else
  timespec_get(&t, TIME_UTC);
#endif
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double lwt_timer_now(lwt_context *c) {
  if (c->is_virtual) return c->virtual_now;
  return c->engine ? c->engine->now(c->engine_data) : clock_now();
}

/* ---- The heap ------------------------------------------------------------------ */

static int before(const timer *a, const timer *b) {
  return a->when < b->when || (a->when == b->when && (int32_t)(a->seq - b->seq) < 0);
}

static void place(lwt_context *c, uint32_t i, timer t) {
  c->heap[i] = t;
  if (t.id & TIMER_OF_TASK)
    c->naps[t.id & ~TIMER_OF_TASK] = i;
  else
    c->position[t.id] = i;
}

static void sift_up(lwt_context *c, uint32_t i, timer t) {
  while (i > 0) {
    uint32_t parent = (i - 1) / 4;
    if (!before(&t, &c->heap[parent])) break;
    place(c, i, c->heap[parent]);
    i = parent;
  }
  place(c, i, t);
}

static void sift_down(lwt_context *c, uint32_t i, timer t) {
  for (;;) {
    uint32_t first = 4 * i + 1, last = first + 4, best, k;
    if (first >= c->ntimers) break;
    if (last > c->ntimers) last = c->ntimers;
    for (best = first, k = first + 1; k < last; k++)
      if (before(&c->heap[k], &c->heap[best])) best = k;
    if (!before(&c->heap[best], &t)) break;
    place(c, i, c->heap[best]);
    i = best;
  }
  place(c, i, t);
}

static void remove_at(lwt_context *c, uint32_t i) {
  timer gone = c->heap[i], last = c->heap[--c->ntimers];
  if (i < c->ntimers) {
    if (i > 0 && before(&last, &c->heap[(i - 1) / 4]))
      sift_up(c, i, last);
    else
      sift_down(c, i, last);
  }
  if (gone.id & TIMER_OF_TASK) return;
  c->position[gone.id] = c->free_timer;
  c->free_timer = gone.id;
}

static void *grown(lua_State *L, void *block, size_t size) {
  void *p = realloc(block, size);
  if (p == NULL) luaL_error(L, "not enough memory");
  return p;
}

/* Room in the heap for one more. */
static void reserve(lua_State *L, lwt_context *c) {
  uint32_t size = c->heap_size ? 2 * c->heap_size : 64;
  if (c->ntimers < c->heap_size) return;
  c->heap = (timer *)grown(L, c->heap, size * sizeof *c->heap);
  c->heap_size = size;
}

/* A number for one more, too. */
static void reserve_number(lua_State *L, lwt_context *c) {
  uint32_t size = c->timers_size ? 2 * c->timers_size : 64;
  reserve(L, c);
  if (c->free_timer != NO_TIMER || c->timers_made < c->timers_size) return;
  c->position = (uint32_t *)grown(L, c->position, size * sizeof *c->position);
  c->timers_size = size;
}

/* Gives back memory after a crowd has left. */
static void shrink(lwt_context *c) {
  if (c->ntimers > 0 || c->heap_size <= 4096) return;
  free(c->heap);
  free(c->position);
  c->heap = NULL;
  c->position = NULL;
  c->heap_size = c->timers_size = c->timers_made = 0;
  c->free_timer = NO_TIMER;
}

/* When `seconds` from now will be; returns whether that will ever be. */
static int deadline(lwt_context *c, double seconds, double *when) {
  *when = lwt_timer_now(c) + (seconds > 0 ? seconds : 0);
  return *when < NEVER;
}

/* Pushes a promise for `seconds` from now; flag: rejected with Timeout then. */
static void push_timer(lua_State *L, lwt_context *c, double seconds, uint32_t timeout) {
  timer t;
  uint32_t id;
  int ever = deadline(c, seconds, &t.when);
  promise *p = lwt_promise_push(L, c, ever ? K_TIMER : K_PLAIN, C_SELF, 1, sizeof *p);
  if (!ever) return;
  reserve_number(L, c);
  pushreg(L, c->r_timers);
  for (;;) { /* a finalizer may take the number that we have chosen */
    id = c->free_timer != NO_TIMER ? c->free_timer : c->timers_made;
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, (lua_Integer)id + 1);
    reserve_number(L, c);
    if (id == (c->free_timer != NO_TIMER ? c->free_timer : c->timers_made)) break;
  }
  lua_pop(L, 1);
  if (c->free_timer != NO_TIMER)
    c->free_timer = c->position[id];
  else
    c->timers_made++;
  t.seq = (c->seq++ << 1) | timeout;
  t.id = id;
  p->n = id;
  sift_up(c, c->ntimers++, t);
}

/* The clock is set: what was due at t is due at t + by. */
void lwt_timer_shift(lwt_context *c, double by) {
  uint32_t i;
  for (i = 0; i < c->ntimers; i++) c->heap[i].when += by;
}

/* The task that sleeps directly need not wait any longer. */
void lwt_timer_wake(lwt_context *c, const task *t) {
  remove_at(c, c->naps[t->slot]);
}

void lwt_timer_remove(lua_State *L, lwt_context *c, uint32_t id) {
  pushreg(L, c->r_timers);
  lua_pushboolean(L, 0);
  lua_rawseti(L, -2, (lua_Integer)id + 1);
  lua_pop(L, 1);
  remove_at(c, c->position[id]);
}

/* Resolves the timers that are due now (up to a limit), not those that are made meanwhile.
** Returns how many. */
int lwt_timer_fire(lua_State *L, lwt_context *c) {
  double now;
  uint32_t begun = c->seq << 1;
  int n = 0, top = lua_gettop(L);
  if (c->ntimers == 0) return 0;
  now = lwt_timer_now(c);
  luaL_checkstack(L, 10, NULL);
  while (c->ntimers > 0 && c->heap[0].when <= now && n < FIRE_LIMIT) {
    timer t = c->heap[0];
    promise *p;
    if (t.seq - begun < (c->seq << 1) - begun) break; /* made since */
    n++;
    if (t.id & TIMER_OF_TASK) {
      task *sleeper = lwt_slot_task(c, t.id & ~TIMER_OF_TASK);
      remove_at(c, 0);
      sleeper->direct = D_NONE;
      lwt_task_wake(L, c, sleeper);
      continue;
    }
    pushreg(L, c->r_timers);
    lua_rawgeti(L, top + 1, (lua_Integer)t.id + 1);
    lua_pushboolean(L, 0);
    lua_rawseti(L, top + 1, (lua_Integer)t.id + 1);
    remove_at(c, 0);
    p = lwt_promise_find(L, top + 2);
    if (p->state == S_PENDING) {
      if (t.seq & 1) {
        pushreg(L, c->r_timeout);
        lwt_resolve(L, c, top + 2, p, S_REJECTED, 1);
      } else {
        lwt_resolve(L, c, top + 2, p, S_FULFILLED, 0);
      }
    }
    lua_settop(L, top);
  }
  shrink(c);
  return n;
}

/* ---- What Lua calls ---------------------------------------------------------------- */

static double check_seconds(lua_State *L, int idx) {
  double s;
  if (lua_type(L, idx) != LUA_TNUMBER) /* a string is none */
    luaL_checktype(L, idx, LUA_TNUMBER);
  s = lua_tonumber(L, idx);
  luaL_argcheck(L, s == s, idx, "a number of seconds expected, got nan");
  return s;
}

/*---
Fulfilled after `s` seconds, counted from the call; never early. Negative or 0: at the next turn of the loop. `math.huge` (or
anything beyond 10^12): never; such a wait does not keep `run` from reporting a deadlock. It can be cancelled.

```lua
local t = lwt.now()
await(lwt.sleep(0.02))
print(lwt.now() - t >= 0.02)   --> true
```
@param s number seconds
@return lwt.Promise<nil>
@function lwt.sleep(s)
*/
static int l_sleep(lua_State *L) {
  push_timer(L, context_of(L), check_seconds(L, 1), 0);
  return 1;
}

static int nap_k(lua_State *L, int status, lua_KContext k) {
  lwt_context *c = (lwt_context *)k;
  (void)status;
  if (!lwt_task_goes_on(L, c)) return lwt_task_yield_again(L, c, 0, nap_k);
  lwt_task_direct_end(L, c);
  return 0;
}

static int wait_for_ever_k(lua_State *L, int status, lua_KContext k) {
  lwt_context *c = (lwt_context *)k;
  (void)status;
  if (!lwt_task_goes_on(L, c)) return lwt_task_yield_again(L, c, 1, wait_for_ever_k);
  return lwt_task_await_end(L, c, 1);
}

/* Until it is cancelled. */
static int wait_for_ever(lua_State *L, lwt_context *c) {
  lua_settop(L, 0);
  lwt_promise_push(L, c, K_PLAIN, C_SELF, 1, sizeof(promise));
  if (lwt_task_await_begin(L, c, 1)) return lwt_task_await_end(L, c, 1);
  return lua_yieldk(L, 0, (lua_KContext)c, wait_for_ever_k);
}

/* core.nap(s): sleep for lwt.direct(lwt): as await(lwt.sleep(s)), without the promise. */
static int l_nap(lua_State *L) {
  lwt_context *c = context_of(L);
  double seconds = check_seconds(L, 1);
  task *t = lwt_task_direct_begin(L, c);
  timer nap;
  if (!deadline(c, seconds, &nap.when)) return wait_for_ever(L, c);
  reserve(L, c);
  lwt_task_direct_wait(L, c, t, D_TIMER, 0);
  nap.seq = c->seq++ << 1;
  nap.id = t->slot | TIMER_OF_TASK;
  sift_up(c, c->ntimers++, nap);
  return lua_yieldk(L, 0, (lua_KContext)c, nap_k);
}

/*---
Rejected with `lwt.Timeout` after `s` seconds (`math.huge`: never). It can be cancelled. (To give something else that time,
`lwt.with_timeout`.)

```lua
print(pcall(await, lwt.timeout(0.01)))   --> false timeout
```
@param s number seconds
@return lwt.Promise<any>
@function lwt.timeout(s)
*/
static int l_timeout(lua_State *L) {
  if (!lua_isnoneornil(L, 2))
    luaL_argerror(L, 2,
                  "nothing expected; to give something a time call lwt.with_timeout");
  push_timer(L, context_of(L), check_seconds(L, 1), 1);
  return 1;
}

/*---
Gives `x` (a promise, or a function, run as a task) at most `s` seconds: what it gives, or rejected with `lwt.Timeout`. Whichever
loses is cancelled; in a task that is timed out `lwt.Canceled` is raised at its await, so that it can clean up. An
`x` that is already resolved wins over any time, and of two deadlines at one moment the inner one comes first. To
give up waiting for something that must be given back (a lock, a place in a pool), pass the promise itself,
`lwt.with_timeout(s, m:lock())`: then either you have it, or it was withdrawn. A function that awaits it may get it
in the very turn in which its time is over, and then it is never given back.

```lua
print(pcall(await, lwt.with_timeout(0.01, lwt.wait())))   --> false timeout
```
@generic T
@param s number seconds
@param x lwt.Promise<T>|async fun(): T?, ...?
@return lwt.Promise<T>
@function lwt.with_timeout(s, x)
*/
static int l_with_timeout(lua_State *L) {
  lwt_context *c = context_of(L);
  double seconds = check_seconds(L, 1);
  lua_settop(L, 2);
  if (lwt_promise_test(L, c, 2) == NULL) lwt_promise_or_task(L, c, 2, 0);
  lua_replace(L, 1);
  push_timer(L, c, seconds, 1);
  return lwt_pick_two(L, c);
}

/* The time of day, in seconds since 1970: for what is written down (lwt.log). */
static int l_wall(lua_State *L) {
  struct timespec t;
  timespec_get(&t, TIME_UTC);
  lua_pushnumber(L, (lua_Number)t.tv_sec + (lua_Number)t.tv_nsec * 1e-9);
  return 1;
}

/*---
The loop's clock: seconds, monotonic, from an arbitrary start. Virtual when the engine is.

```lua
print(math.type(lwt.now()))   --> float
```
@return number seconds
@function lwt.now()
*/
static int l_now(lua_State *L) {
  lua_pushnumber(L, lwt_timer_now(context_of(L)));
  return 1;
}

static const luaL_Reg functions[] = {
    {"sleep", l_sleep}, {"timeout", l_timeout}, {"with_timeout", l_with_timeout},
    {"now", l_now},     {"wall", l_wall},       {"nap", l_nap},
    {NULL, NULL}};

void lwt_timer_open(lua_State *L, lwt_context *c) {
  c->free_timer = NO_TIMER;
  lwt_register(L, c, functions);
}
