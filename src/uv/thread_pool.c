/* thread_pool.c: preemptive.detach: calls, the queue that workers take them from, and the
** bounds. One pool per Lua state that detaches; its threads live until the state closes.
**
** A call goes: (over the bound) -> queue -> a worker -> the owner's inbox. The owner
** frees it. Everything that raises is done before the call is in a queue.
*/
#include <pthread.h>
#include <stdlib.h>

#include "thread.h"

#define DEFAULT_MAX 4
#define DEFAULT_QUEUED 1000
#define SPIN 15000u /* nanoseconds that a worker looks for more before it goes to sleep */

/* How long a state that closes waits for its workers, in nanoseconds. */
#define PATIENCE 250000000u  /* for what is running to end by itself */
#define GRACE 1000000000u    /* for it to raise and unwind, once it was told */
#define REMINDER 20000000u

/* ---- Queues --------------------------------------------------------------------------- */

static void append(lwt_uv_calls *q, lwt_uv_call *c) {
  c->next = NULL;
  c->prev = q->last;
  if (q->last != NULL)
    q->last->next = c;
  else
    q->first = c;
  q->last = c;
}

static void unlink_call(lwt_uv_calls *q, lwt_uv_call *c) {
  if (c->prev != NULL)
    c->prev->next = c->next;
  else
    q->first = c->next;
  if (c->next != NULL)
    c->next->prev = c->prev;
  else
    q->last = c->prev;
}

static void count_queued(lwt_uv_pool *pool, int by) {
  int n = atomic_load_explicit(&pool->nqueued, memory_order_relaxed);
  atomic_store_explicit(&pool->nqueued, n + by, memory_order_relaxed);
}

static void free_call(lwt_uv_call *c) {
  lwt_uv_message_free(c->in);
  lwt_uv_message_free(c->out);
  free(c->traceback);
  lwt_uv_pool_release(c->pool);
  free(c);
}

/* ---- The workers' side ----------------------------------------------------------------- */

static int glance(lwt_uv_pool *pool) {
  return atomic_load_explicit(&pool->nqueued, memory_order_relaxed) > 0 ||
         atomic_load_explicit(&pool->closing, memory_order_relaxed);
}

/* Look for a call for a short while without sleeping: waking a thread takes longer than
** most functions do. One worker at a time, and none where it would be in the way. */
static void spin(lwt_uv_pool *pool) {
  uint64_t end = uv_hrtime() + SPIN;
  pool->nspinning++;
  uv_mutex_unlock(&pool->lock);
  do {
    for (int i = 0; i < 20 && !glance(pool); i++) {
#if defined(__x86_64__) || defined(__i386__)
      __builtin_ia32_pause();
#endif
    }
  } while (!glance(pool) && uv_hrtime() < end);
  uv_mutex_lock(&pool->lock);
  pool->nspinning--;
}

lwt_uv_call *lwt_uv_pool_take(lwt_uv_pool *pool) {
  lwt_uv_call *c = NULL;
  int has_spun = 0;
  uv_mutex_lock(&pool->lock);
  for (;;) {
    if (pool->closing || pool->nthreads > pool->max) {
      pool->nthreads--;
      break;
    }
    c = pool->queue.first;
    if (c != NULL) {
      unlink_call(&pool->queue, c);
      count_queued(pool, -1);
      c->queued = 0;
      pool->nbusy++;
      break;
    }
    if (!has_spun && pool->nspinning == 0 && pool->spins) {
      has_spun = 1;
      spin(pool);
    } else {
      has_spun = 0;
      pool->nsleeping++;
      uv_cond_wait(&pool->more, &pool->lock);
      pool->nsleeping--;
    }
  }
  uv_mutex_unlock(&pool->lock);
  return c;
}

void lwt_uv_pool_done(lwt_uv_pool *pool, lwt_uv_call *c) {
  uv_mutex_lock(&pool->lock);
  pool->nbusy--;
  uv_mutex_unlock(&pool->lock);
  if (lwt_uv_inbox_post(pool->owner, &c->post) < 0) free_call(c);
}

void lwt_uv_pool_release(lwt_uv_pool *pool) {
  if (atomic_fetch_sub_explicit(&pool->refs, 1, memory_order_acq_rel) > 1) return;
  lwt_uv_inbox_release(pool->owner);
  uv_cond_destroy(&pool->gone);
  uv_cond_destroy(&pool->more);
  uv_mutex_destroy(&pool->lock);
  free(pool);
}

/* ---- Threads ------------------------------------------------------------------------------ */

static int init_worker(lwt_uv_worker *w) {
  int status = uv_mutex_init(&w->lock);
  if (status < 0) return status;
  status = uv_cond_init(&w->reply);
  if (status < 0) uv_mutex_destroy(&w->lock);
  return status;
}

/* Join the threads that have ended. */
static void reap(lwt_uv_pool *pool) {
  uv_mutex_lock(&pool->lock);
  lwt_uv_worker **p = &pool->workers, *ended = NULL, *w;
  while ((w = *p) != NULL) {
    if (w->ended) {
      *p = w->next;
      w->next = ended;
      ended = w;
    } else {
      p = &w->next;
    }
  }
  uv_mutex_unlock(&pool->lock);
  while ((w = ended) != NULL) {
    ended = w->next;
    uv_thread_join(&w->thread);
    lwt_uv_worker_release(w);
  }
}

/* Start one more thread. Returns a status; raises when the setup cannot be packed. */
static int start_thread(lwt_uv_pool *pool, lua_State *L) {
  reap(pool);
  int top = lua_gettop(L);
  lwt_uv_message *setup = lwt_uv_worker_setup(L);
  lua_settop(L, top);
  if (setup == NULL) return UV_ENOMEM;
  lwt_uv_worker *w = calloc(1, sizeof *w);
  if (w == NULL) {
    lwt_uv_message_free(setup);
    return UV_ENOMEM;
  }
  int status = init_worker(w);
  if (status < 0) {
    lwt_uv_message_free(setup);
    free(w);
    return status;
  }
  atomic_init(&w->refs, 2);
  atomic_init(&w->stopping, 0);
  w->setup = setup;
  w->pool = pool;
  w->memory_limit = pool->memory_limit;
  atomic_fetch_add(&pool->refs, 1);
  uv_mutex_lock(&pool->lock);
  status = uv_thread_create(&w->thread, lwt_uv_worker_main, w);
  if (status == 0) {
    w->next = pool->workers;
    pool->workers = w;
    pool->nthreads++;
  }
  uv_mutex_unlock(&pool->lock);
  if (status < 0) {
    atomic_store(&w->refs, 1);
    lwt_uv_worker_release(w); /* gives up the pool's reference too */
  }
  return status;
}

/* Start a thread if there is more to do than there are threads for. A failure matters
** only when there is none at all: returns it then, else 0. */
static int start_for(lwt_uv_pool *pool, lua_State *L) {
  uv_mutex_lock(&pool->lock);
  int idle = pool->nthreads - pool->nbusy; /* includes those that are starting */
  int need = pool->nthreads < pool->max && pool->nqueued > idle;
  uv_mutex_unlock(&pool->lock);
  if (!need) return 0;
  int status = start_thread(pool, L);
  uv_mutex_lock(&pool->lock);
  if (pool->nthreads > 0) status = 0;
  uv_mutex_unlock(&pool->lock);
  return status;
}

static int new_pool(lwt_uv *ctx, lwt_uv_inbox *inbox, lwt_uv_pool **result) {
  lwt_uv_pool *pool = calloc(1, sizeof *pool);
  int status;
  if (pool == NULL) return UV_ENOMEM;
  if ((status = uv_mutex_init(&pool->lock)) < 0) goto no_lock;
  if ((status = uv_cond_init(&pool->more)) < 0) goto no_more;
  if ((status = uv_cond_init(&pool->gone)) < 0) goto no_gone;
  atomic_init(&pool->refs, 1);
  pool->max = DEFAULT_MAX;
  pool->max_queued = DEFAULT_QUEUED;
  pool->spins = uv_available_parallelism() > 1;
  pool->ctx = ctx;
  pool->owner = inbox;
  lwt_uv_inbox_retain(inbox);
  lwt_uv_stop_prepare();
  *result = pool;
  return 0;
no_gone:
  uv_cond_destroy(&pool->more);
no_more:
  uv_mutex_destroy(&pool->lock);
no_lock:
  free(pool);
  return status;
}

/* This state's pool, made when first needed. NULL: *status tells why. */
static lwt_uv_pool *pool_of(lwt_uv *ctx, int *status) {
  lwt_uv_threads *t = ctx->family[LWT_UV_FTHREAD];
  *status = 0;
  if (t->pool == NULL) {
    lwt_uv_inbox *inbox = lwt_uv_inbox_of(ctx, status);
    if (inbox != NULL) *status = new_pool(ctx, inbox, &t->pool);
  }
  return t->pool;
}

static lwt_uv_pool *check_pool(lwt_uv *ctx, lua_State *L) {
  int status;
  lwt_uv_check_open(ctx, L);
  lwt_uv_pool *pool = pool_of(ctx, &status);
  if (pool == NULL) lwt_uv_raise(ctx, L, status, "preemptive", NULL, NULL);
  return pool;
}

/* ---- Calls, in the owner ----------------------------------------------------------------------- */

static void enqueue(lwt_uv_pool *pool, lwt_uv_call *c) {
  c->over = 0;
  pool->naccepted++;
  uv_mutex_lock(&pool->lock);
  c->queued = 1;
  append(&pool->queue, c);
  count_queued(pool, 1);
  if (pool->nsleeping > 0 && pool->nqueued > pool->nspinning) uv_cond_signal(&pool->more);
  uv_mutex_unlock(&pool->lock);
}

/* Is there room for one more, running or queued? */
static int has_room(lwt_uv_pool *pool) {
  uv_mutex_lock(&pool->lock);
  int threads = pool->max;
  uv_mutex_unlock(&pool->lock);
  return pool->naccepted < threads + pool->max_queued;
}

static void refill(lwt_uv_pool *pool) {
  lwt_uv_call *c;
  while ((c = pool->over.first) != NULL && has_room(pool)) {
    unlink_call(&pool->over, c);
    enqueue(pool, c);
  }
}

static void forget(lua_State *L, lwt_uv_call *c) {
  luaL_unref(L, LUA_REGISTRYINDEX, c->promise);
  luaL_unref(L, LUA_REGISTRYINDEX, c->receipt);
  c->promise = c->receipt = LUA_NOREF;
}

/* No thread can be had: what waits in the queue fails. */
static void fail_queued(lwt_uv_pool *pool, lua_State *L, int status) {
  lwt_uv *ctx = pool->ctx;
  lwt_uv_call *c;
  for (;;) {
    uv_mutex_lock(&pool->lock);
    c = pool->queue.first;
    if (c != NULL) {
      unlink_call(&pool->queue, c);
      count_queued(pool, -1);
      c->queued = 0;
    }
    uv_mutex_unlock(&pool->lock);
    if (c == NULL) return;
    pool->naccepted--;
    ctx->working--;
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->promise);
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->receipt);
    lwt_uv_undo(L, -1, c->in);
    lua_pop(L, 1);
    forget(L, c);
    free_call(c);
    lwt_uv_push_error(ctx, L, status, "detach", NULL, NULL);
    ctx->lwt->reject(ctx->lwt, L, lua_gettop(L) - 1);
    lua_pop(L, 1);
    refill(pool);
  }
}

/* Protected: the promise at 1 gets the call's outcome. */
static int l_settle(lua_State *L) {
  lwt_uv_call *c = lua_touserdata(L, 2);
  lwt_uv *ctx = c->pool->ctx;
  lua_settop(L, 1);
  if (c->outcome == LWT_UV_CALL_NO_MEMORY) {
    lua_pushliteral(L, "not enough memory");
    ctx->lwt->reject(ctx->lwt, L, 1);
    return 0;
  }
  int n = lwt_uv_unpack(L, c->out);
  if (c->outcome == LWT_UV_CALL_OK)
    ctx->lwt->fulfill(ctx->lwt, L, 1, n);
  else
    lwt_uv_reject_traced(ctx, L, 1, c->traceback);
  return 0;
}

static void deliver_call(lua_State *L, lwt_uv_post *post) {
  lwt_uv_call *c = (lwt_uv_call *)post;
  lwt_uv_pool *pool = c->pool;
  lwt_uv *ctx = pool->ctx;
  int top = lua_gettop(L), status, failed = LUA_OK;
  pool->naccepted--;
  ctx->working--;
  refill(pool);
  lua_rawgeti(L, LUA_REGISTRYINDEX, c->promise);
  forget(L, c);
  if (!c->canceled) {
    lua_pushcfunction(L, l_settle);
    lua_pushvalue(L, top + 1);
    lua_pushlightuserdata(L, c);
    failed = lua_pcall(L, 2, 0, 0);
  }
  atomic_fetch_add(&pool->refs, 1);
  free_call(c);
  if (pool->nqueued > 0 && (status = start_for(pool, L)) < 0) fail_queued(pool, L, status);
  lwt_uv_pool_release(pool);
  if (failed != LUA_OK) {
    lua_settop(L, top + 2);
    ctx->lwt->reject(ctx->lwt, L, top + 1);
  }
  lua_settop(L, top);
}

static void drop_call(lwt_uv_post *post) {
  free_call((lwt_uv_call *)post);
}

/* The promise of a call was cancelled. One that has not started never will. */
static void cancel_call(lua_State *L, void *data) {
  if (lwt_uv_threads_closed(L)) return;
  lwt_uv_call *c = data;
  lwt_uv_pool *pool = c->pool;
  int withdrawn = 0;
  c->canceled = 1;
  if (c->over) {
    unlink_call(&pool->over, c);
    withdrawn = 1;
  } else {
    uv_mutex_lock(&pool->lock);
    if (c->queued) {
      unlink_call(&pool->queue, c);
      count_queued(pool, -1);
      withdrawn = 1;
    }
    uv_mutex_unlock(&pool->lock);
    if (withdrawn) pool->naccepted--;
  }
  if (!withdrawn) return;
  pool->ctx->working--;
  if (lua_checkstack(L, 2)) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->receipt);
    lwt_uv_undo(L, -1, c->in);
    lua_pop(L, 1);
  }
  forget(L, c);
  refill(pool);
  free_call(c);
}

/* A call with its message. Takes the message over. NULL: no memory. */
static lwt_uv_call *new_call(lwt_uv_pool *pool, lwt_uv_message *in) {
  lwt_uv_call *c = in == NULL ? NULL : calloc(1, sizeof *c);
  if (c == NULL) {
    lwt_uv_message_free(in);
    return NULL;
  }
  c->post.deliver = deliver_call;
  c->post.drop = drop_call;
  c->in = in;
  c->pool = pool;
  c->promise = c->receipt = LUA_NOREF;
  atomic_fetch_add_explicit(&pool->refs, 1, memory_order_relaxed);
  return c;
}

/* Protected: 1: the call, 2: the receipt. Gives the promise. */
static int l_make_promise(lua_State *L) {
  lwt_uv_call *c = lua_touserdata(L, 1);
  const lwt_api *lwt = c->pool->ctx->lwt;
  if (!lua_isnil(L, 2)) {
    lua_pushvalue(L, 2);
    c->receipt = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  lwt->promise_new(lwt, L, cancel_call, c);
  lua_pushvalue(L, -1);
  c->promise = luaL_ref(L, LUA_REGISTRYINDEX);
  return 1;
}

/*---
Runs `f(...)` in a worker thread, which has a Lua state of its own, and gives a promise of
what it returns or raises. Threads are started as they are needed, up to the maximum of
`init`, and kept; so are their states: what a function leaves in globals and modules, the
next one finds. Beyond the maximum, calls wait in a queue, first come first served.

`f`, its upvalues and its arguments are copied when `detach` is called; so are the results.
Tables may share parts and contain themselves; `lwt.bytes` are moved; thread channels are
shared. A module, or a function of one, is found again by name (and its module required
there); `_ENV` becomes the worker's globals. Coroutines, promises, C functions, other
userdata, and tables with an unregistered metatable (see `register_metatable`) are refused:
`detach` raises, and tells the way to what cannot be sent.

A worker has the `package.path`, `package.cpath` and the `package.preload` of the state that
detaches, as they were when the thread was started. It may use all of lwt, with a loop of
its own: `lwt.run` in it.

Cancelling the promise of a call that still waits withdraws it (and gives its `lwt.bytes`
back); one that runs goes on, and nobody hears of its result. When the Lua state closes, calls that run are given a
quarter of a second; then an error is raised in them; one that sits in a C function
for another second is left behind, and ends when the C function returns or the process does.
An error keeps the traceback of the worker: see `lwt.traceback`.
@param f function
@param ... any
@return lwt.Promise
```lua
local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
print(await(preemptive.detach(fib, 20)))   --> 6765
```
@function lwt.preemptive.detach(f, ...) */
static int l_detach(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  int n = lua_gettop(L), status = UV_ENOMEM;
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lwt_uv_check_open(ctx, L);
  lwt_uv_pool *pool = pool_of(ctx, &status);
  if (pool == NULL) return lwt_uv_reject(ctx, L, status, "detach", NULL, NULL);
  lwt_uv_message *in = lwt_uv_pack(L, 1, n, "argument", 1);
  lwt_uv_call *c = new_call(pool, in);
  if (c == NULL) return lwt_uv_reject(ctx, L, UV_ENOMEM, "detach", NULL, NULL);
  lua_pushcfunction(L, l_make_promise);
  lua_pushlightuserdata(L, c);
  lua_pushvalue(L, n + 1);
  if (lua_pcall(L, 2, 1, 0) != LUA_OK) {
    lwt_uv_undo(L, n + 1, c->in);
    forget(L, c);
    free_call(c);
    return lua_error(L);
  }
  ctx->working++;
  if (pool->over.first == NULL && has_room(pool)) {
    enqueue(pool, c);
  } else {
    c->over = 1;
    append(&pool->over, c);
  }
  status = start_for(pool, L);
  if (status < 0) fail_queued(pool, L, status);
  return 1;
}

/* ---- Bounds ------------------------------------------------------------------------------------ */

/* Start threads up to the minimum. */
static void fill(lwt_uv *ctx, lua_State *L, lwt_uv_pool *pool) {
  for (;;) {
    uv_mutex_lock(&pool->lock);
    int enough = pool->nthreads >= pool->min;
    uv_mutex_unlock(&pool->lock);
    if (enough) return;
    int status = start_thread(pool, L);
    if (status < 0) lwt_uv_raise(ctx, L, status, "thread", NULL, NULL);
  }
}

/*---
Sets the least and the greatest number of worker threads, and starts threads up to the
least. Threads beyond the greatest end after what they are doing. The bounds are 0 and 4
at first. Raises when a thread cannot be started.
@param min integer
@param max integer at least 1
```lua
preemptive.set_bounds(1, 2)
print(preemptive.get_bounds())   --> 1 2
```
@function lwt.preemptive.set_bounds(min, max) */
static int l_set_bounds(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  lua_Integer min = luaL_checkinteger(L, 1), max = luaL_checkinteger(L, 2);
  luaL_argcheck(L, min >= 0, 1, "negative number of threads");
  luaL_argcheck(L, max >= 1 && max <= 10000, 2, "at least 1 thread expected");
  luaL_argcheck(L, max >= min, 2, "maximum below the minimum");
  lwt_uv_pool *pool = check_pool(ctx, L);
  uv_mutex_lock(&pool->lock);
  pool->min = (int)min;
  pool->max = (int)max;
  uv_cond_broadcast(&pool->more);
  uv_mutex_unlock(&pool->lock);
  fill(ctx, L, pool);
  refill(pool);
  start_for(pool, L);
  return 0;
}

/*---
The least and the greatest number of worker threads.
@return integer
@return integer
```lua
preemptive.set_bounds(0, 4)
print(preemptive.get_bounds())   --> 0 4
```
@function lwt.preemptive.get_bounds() */
static int l_get_bounds(lua_State *L) {
  lwt_uv_pool *pool = check_pool(lwt_uv_context(L), L);
  lua_pushinteger(L, pool->min);
  lua_pushinteger(L, pool->max);
  return 2;
}

/*---
Sets how many calls may wait in the queue for a thread (1000 at first). Those beyond it wait
in the state that made them, with their copied arguments, until there is room in the queue:
await the promises to slow down whoever makes the calls.
@param n integer
```lua
preemptive.set_max_queued(10)
print(preemptive.get_max_queued())   --> 10
```
@function lwt.preemptive.set_max_queued(n) */
static int l_set_max_queued(lua_State *L) {
  lua_Integer n = luaL_checkinteger(L, 1);
  luaL_argcheck(L, n >= 0 && n <= 1 << 30, 1, "out of range");
  lwt_uv_pool *pool = check_pool(lwt_uv_context(L), L);
  pool->max_queued = (int)n;
  refill(pool);
  return 0;
}

/*---
How many calls may wait in the queue.
@return integer
```lua
print(preemptive.get_max_queued())   --> 1000
```
@function lwt.preemptive.get_max_queued() */
static int l_get_max_queued(lua_State *L) {
  lua_pushinteger(L, check_pool(lwt_uv_context(L), L)->max_queued);
  return 1;
}

/*---
Limits the memory of each worker's Lua state that is started from now on. A function that
needs more fails with `not enough memory`; the worker lives on.
@param bytes integer 0 for no limit
```lua
preemptive.set_memory_limit(8 << 20)
print(pcall(await, preemptive.detach(string.rep, "x", 16 << 20)))   --> false not enough memory
```
@function lwt.preemptive.set_memory_limit(bytes) */
static int l_set_memory_limit(lua_State *L) {
  lua_Integer n = luaL_checkinteger(L, 1);
  luaL_argcheck(L, n >= 0, 1, "negative size");
  check_pool(lwt_uv_context(L), L)->memory_limit = (size_t)n;
  return 0;
}

/*---
The number of worker threads there are.
@return integer
```lua
await(preemptive.detach(function() end))
print(preemptive.nthreads())   --> 1
```
@function lwt.preemptive.nthreads() */
static int l_nthreads(lua_State *L) {
  lwt_uv_pool *pool = check_pool(lwt_uv_context(L), L);
  uv_mutex_lock(&pool->lock);
  int n = pool->nthreads;
  uv_mutex_unlock(&pool->lock);
  lua_pushinteger(L, n);
  return 1;
}

/*---
The number of worker threads that are running a function.
@return integer
```lua
print(preemptive.nbusy())   --> 0
```
@function lwt.preemptive.nbusy() */
static int l_nbusy(lua_State *L) {
  lwt_uv_pool *pool = check_pool(lwt_uv_context(L), L);
  uv_mutex_lock(&pool->lock);
  int n = pool->nbusy;
  uv_mutex_unlock(&pool->lock);
  lua_pushinteger(L, n);
  return 1;
}

/*---
The number of calls in the queue, waiting for a thread.
@return integer
```lua
print(preemptive.nqueued())   --> 0
```
@function lwt.preemptive.nqueued() */
static int l_nqueued(lua_State *L) {
  lua_pushinteger(L, atomic_load(&check_pool(lwt_uv_context(L), L)->nqueued));
  return 1;
}

/* ---- The end ---------------------------------------------------------------------------------------- */

/* Wait (with the lock) until every thread has ended, at most so long. */
static int wait_for_threads(lwt_uv_pool *pool, uint64_t nanoseconds) {
  uint64_t end = uv_hrtime() + nanoseconds, now;
  for (;;) {
    lwt_uv_worker *w = pool->workers;
    while (w != NULL && w->ended) w = w->next;
    if (w == NULL) return 1;
    now = uv_hrtime();
    if (now >= end) return 0;
    uv_cond_timedwait(&pool->gone, &pool->lock, end - now);
  }
}

/* With the lock: raise in whatever is still running. */
static void interrupt(lwt_uv_pool *pool) {
  for (lwt_uv_worker *w = pool->workers; w != NULL; w = w->next) {
    if (w->ended) continue;
    atomic_store(&w->stopping, 1);
    uv_mutex_lock(&w->lock);
    uv_cond_broadcast(&w->reply);
    uv_mutex_unlock(&w->lock);
    if (w->stop != NULL) lwt_uv_stop_raise(w->stop, w->thread);
    if (w->inbox != NULL) lwt_uv_inbox_wake(w->inbox);
  }
}

static void abandon(lwt_uv_pool *pool) {
  lwt_uv_worker *w = pool->workers, *next;
  pool->workers = NULL;
  for (; w != NULL; w = next) {
    next = w->next;
    if (w->ended)
      uv_thread_join(&w->thread);
    else
      pthread_detach(w->thread);
    lwt_uv_worker_release(w);
  }
}

void lwt_uv_pool_close(lwt_uv *ctx) {
  lwt_uv_threads *t = ctx->family[LWT_UV_FTHREAD];
  lwt_uv_pool *pool = t->pool;
  lwt_uv_call *c;
  if (pool == NULL) return;
  t->pool = NULL;
  uv_mutex_lock(&pool->lock);
  atomic_store(&pool->closing, 1);
  uv_cond_broadcast(&pool->more);
  lwt_uv_calls queue = pool->queue;
  pool->queue.first = pool->queue.last = NULL;
  atomic_store(&pool->nqueued, 0);
  for (lwt_uv_worker *w = pool->workers; w != NULL; w = w->next) {
    uv_mutex_lock(&w->lock); /* nobody is going to reply */
    uv_cond_broadcast(&w->reply);
    uv_mutex_unlock(&w->lock);
  }
  if (!wait_for_threads(pool, PATIENCE)) {
    uint64_t end = uv_hrtime() + GRACE;
    do interrupt(pool);
    while (!wait_for_threads(pool, REMINDER) && uv_hrtime() < end);
  }
  uv_mutex_unlock(&pool->lock);
  reap(pool);
  uv_mutex_lock(&pool->lock);
  abandon(pool);
  uv_mutex_unlock(&pool->lock);
  while ((c = queue.first) != NULL) {
    unlink_call(&queue, c);
    free_call(c);
  }
  while ((c = pool->over.first) != NULL) {
    unlink_call(&pool->over, c);
    free_call(c);
  }
  lwt_uv_pool_release(pool);
}

const luaL_Reg lwt_uv_pool_functions[] = {
  {"detach", l_detach},
  {"set_bounds", l_set_bounds},
  {"get_bounds", l_get_bounds},
  {"set_max_queued", l_set_max_queued},
  {"get_max_queued", l_get_max_queued},
  {"set_memory_limit", l_set_memory_limit},
  {"nthreads", l_nthreads},
  {"nbusy", l_nbusy},
  {"nqueued", l_nqueued},
  {NULL, NULL},
};
