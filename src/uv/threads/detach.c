/* detach.c: preemptive.detach: calls as the state sees them that makes them, and the
** bounds.
**
** A call goes: (over the bound) -> the pool's queue -> a worker -> this state's inbox. Its
** state frees it. Everything that may raise is done before the call is in a queue.
*/
#include <stdio.h>
#include <stdlib.h>

#include "threads.h"

#define THREADS_MAX 10000

/* ---- Calls, in the owner ----------------------------------------------------------------------- */

static void put_in_queue(lwt_uv_pool *pool, lwt_uv_call *c) {
  uv_mutex_lock(&pool->lock);
  c->queued = 1;
  lwt_uv_calls_append(&pool->queue, c);
  lwt_uv_pool_count(pool, 1);
  lwt_uv_pool_wake(pool);
  uv_mutex_unlock(&pool->lock);
}

/* 0: a worker has it. */
static int take_out_of_queue(lwt_uv_pool *pool, lwt_uv_call *c) {
  uv_mutex_lock(&pool->lock);
  int queued = c->queued;
  if (queued) {
    lwt_uv_calls_unlink(&pool->queue, c);
    lwt_uv_pool_count(pool, -1);
    c->queued = 0;
  }
  uv_mutex_unlock(&pool->lock);
  return queued;
}

static void enqueue(lwt_uv_pool *pool, lwt_uv_call *c) {
  c->over = 0;
  pool->naccepted++;
  put_in_queue(pool, c);
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
  while (pool->over.first != NULL && has_room(pool)) {
    c = lwt_uv_calls_pop(&pool->over);
    enqueue(pool, c);
  }
}

static void forget(lua_State *L, lwt_uv_call *c) {
  luaL_unref(L, LUA_REGISTRYINDEX, c->promise);
  luaL_unref(L, LUA_REGISTRYINDEX, c->receipt);
  c->promise = c->receipt = LUA_NOREF;
}

/* No thread can be had: what waits in the queue fails. A call is freed when its promise is
** resolved, and not before: until then a finalizer may cancel it. */
static void fail_queued(lwt_uv_pool *pool, lua_State *L, int status) {
  lwt_uv *ctx = pool->ctx;
  lwt_uv_call *c;
  int top = lua_gettop(L);
  for (;;) {
    lua_settop(L, top);
    lwt_uv_push_error(ctx, L, status, "detach", NULL, NULL);
    uv_mutex_lock(&pool->lock);
    c = lwt_uv_calls_pop(&pool->queue);
    if (c != NULL) {
      lwt_uv_pool_count(pool, -1);
      c->queued = 0;
    }
    uv_mutex_unlock(&pool->lock);
    if (c == NULL) break;
    pool->naccepted--;
    ctx->working--;
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->promise);
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->receipt);
    lwt_uv_undo(L, -1, c->in);
    lua_pop(L, 1);
    forget(L, c);
    lua_insert(L, top + 1);
    ctx->lwt->reject(ctx->lwt, L, top + 1);
    lwt_uv_call_free(c);
    refill(pool);
  }
  lua_settop(L, top);
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

/* The call has been run. */
static void end_call(lua_State *L, lwt_uv_call *c) {
  lwt_uv_pool *pool = c->pool;
  lwt_uv *ctx = pool->ctx;
  int top = lua_gettop(L), failed = LUA_OK;
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
  if (failed != LUA_OK) ctx->lwt->reject(ctx->lwt, L, top + 1);
  lwt_uv_call_free(c);
}

static void deliver_call(lua_State *L, lwt_uv_post *post) {
  lwt_uv_call *c = (lwt_uv_call *)post;
  lwt_uv_pool *pool = c->pool;
  int top = lua_gettop(L), status;
  atomic_fetch_add(&pool->refs, 1);
  if (!c->held) {
    end_call(L, c);
  } else if (c->canceled) {
    lwt_uv_call_free(c);
  } else {
    c->held = 0;
    put_in_queue(pool, c);
  }
  if (pool->nqueued > 0 && (status = lwt_uv_pool_start_for(pool, L)) < 0)
    fail_queued(pool, L, status);
  lwt_uv_pool_release(pool);
  lua_settop(L, top);
}

static void drop_call(lwt_uv_post *post) {
  lwt_uv_call_free((lwt_uv_call *)post);
}

/* The promise of a call was cancelled. One that has not started never will. */
static void cancel_call(lua_State *L, void *data) {
  lwt_uv_call *c = data;
  lwt_uv_pool *pool = c->pool;
  c->canceled = 1;
  if (c->over)
    lwt_uv_calls_unlink(&pool->over, c);
  else if (c->held || take_out_of_queue(pool, c))
    pool->naccepted--;
  else
    return;
  pool->ctx->working--;
  if (lua_checkstack(L, 2)) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->receipt);
    lwt_uv_undo(L, -1, c->in);
    lua_pop(L, 1);
  }
  forget(L, c);
  refill(pool);
  if (!c->held) lwt_uv_call_free(c); /* else deliver_call does */
}

/* Asked before: one that runs cannot be cancelled. So that no worker takes it before the cancel
** comes, it leaves the queue here; where the cancel does not come, for want of memory, it goes
** there again, in the next turn. */
static int may_cancel_call(lua_State *L, void *data) {
  (void)L;
  lwt_uv_call *c = data;
  lwt_uv_pool *pool = c->pool;
  if (c->over || c->held) return 1;
  if (!take_out_of_queue(pool, c)) return 0;
  c->held = lwt_uv_inbox_post(pool->owner, &c->post) == 0;
  if (!c->held) put_in_queue(pool, c); /* the state is closing */
  return 1;
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

/* Is there a thread, or may one be started, that has nothing else to do? Then the next
** call is as good as running, and can no longer be cancelled; unless it has to wait for room
** in the queue, where a thread does not find it. */
static int starts_at_once(lwt_uv_pool *pool) {
  if (pool->over.first != NULL || !has_room(pool)) return 0;
  uv_mutex_lock(&pool->lock);
  int idle = pool->nthreads - pool->nbusy - pool->nqueued;
  int at_once = pool->nthreads <= pool->max && (idle > 0 || pool->nthreads < pool->max);
  uv_mutex_unlock(&pool->lock);
  return at_once;
}

/* Protected: 1: the call, 2: the receipt. Gives the promise. */
static int l_make_promise(lua_State *L) {
  lwt_uv_call *c = lua_touserdata(L, 1);
  const lwt_api *lwt = c->pool->ctx->lwt;
  if (!lua_isnil(L, 2)) {
    lua_pushvalue(L, 2);
    c->receipt = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  if (starts_at_once(c->pool))
    lwt->promise_new(lwt, L, NULL, NULL);
  else
    lwt->promise_new_guarded(lwt, L, cancel_call, c, may_cancel_call);
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

A call that has to wait for a thread can be cancelled, while it waits: then it never runs, and its
`lwt.bytes` are back. Cancelling one that has a thread does nothing.

When the Lua state closes, calls that run are given a quarter of a second; then an error is
raised in them. One that sits in a C function for another second is left behind, and ends when
the C function returns or the process does.

An error keeps the traceback of the worker: see `lwt.traceback`. So does one that `f` leaves behind
in the background, of `lwt.async` say: it rejects the call when `f` has returned.
@generic T
@param f fun(...): T?, ...?
@param ... any
@return lwt.Promise<T>
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
  lwt_uv_pool *pool = lwt_uv_pool_of(ctx, &status);
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
    lwt_uv_call_free(c);
    return lua_error(L);
  }
  ctx->working++;
  if (pool->over.first == NULL && has_room(pool)) {
    enqueue(pool, c);
  } else {
    c->over = 1;
    lwt_uv_calls_append(&pool->over, c);
  }
  status = lwt_uv_pool_start_for(pool, L);
  if (status < 0) fail_queued(pool, L, status);
  return 1;
}

/* ---- Bounds ------------------------------------------------------------------------------------ */

static void bound(lwt_uv_pool *pool, int min, int max) {
  uv_mutex_lock(&pool->lock);
  pool->min = min;
  pool->max = max;
  uv_cond_broadcast(&pool->more);
  uv_mutex_unlock(&pool->lock);
}

/* Start threads up to the minimum: a status. *n: how many there are. */
static int fill(lua_State *L, lwt_uv_pool *pool, int *n) {
  for (;;) {
    uv_mutex_lock(&pool->lock);
    *n = pool->nthreads;
    int enough = *n >= pool->min;
    uv_mutex_unlock(&pool->lock);
    if (enough) return 0;
    int status = lwt_uv_pool_start_thread(pool, L);
    if (status < 0) return status;
  }
}

/*---
Sets the least and the greatest number of worker threads, and starts threads up to the
least. Threads beyond the greatest end after what they are doing. The bounds are 0 and 4
at first. It raises when a thread cannot be started, and leaves the bounds as they were.
@param min integer
@param max integer from 1 to 10000
```lua
preemptive.set_bounds(1, 2)
print(preemptive.get_bounds())   --> 1 2
```
@function lwt.preemptive.set_bounds(min, max) */
static int l_set_bounds(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  lua_Integer min = lwt_uv_check_integer(L, 1), max = lwt_uv_check_integer(L, 2);
  luaL_argcheck(L, min >= 0 && min <= THREADS_MAX, 1,
                "a number of threads from 0 to 10000 expected");
  luaL_argcheck(L, max >= 1 && max <= THREADS_MAX, 2,
                "a number of threads from 1 to 10000 expected");
  luaL_argcheck(L, max >= min, 2, "maximum below the minimum");
  lwt_uv_pool *pool = lwt_uv_pool_check(ctx, L);
  int old_min = pool->min, old_max = pool->max, n;
  bound(pool, (int)min, (int)max);
  int status = fill(L, pool, &n);
  if (status < 0) {
    char what[64];
    bound(pool, old_min, old_max);
    snprintf(what, sizeof what, "thread %d of %d", n + 1, (int)min);
    return lwt_uv_raise(ctx, L, status, "set_bounds", "name", what);
  }
  refill(pool);
  lwt_uv_pool_start_for(pool, L);
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
  lwt_uv_pool *pool = lwt_uv_pool_check(lwt_uv_context(L), L);
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
  lua_Integer n = lwt_uv_check_integer(L, 1);
  luaL_argcheck(L, n >= 0 && n <= 1 << 30, 1, "out of range");
  lwt_uv_pool *pool = lwt_uv_pool_check(lwt_uv_context(L), L);
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
  lua_pushinteger(L, lwt_uv_pool_check(lwt_uv_context(L), L)->max_queued);
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
  lua_Integer n = lwt_uv_check_integer(L, 1);
  luaL_argcheck(L, n >= 0, 1, "negative size");
  lwt_uv_pool *pool = lwt_uv_pool_check(lwt_uv_context(L), L);
  uv_mutex_lock(&pool->lock);
  pool->memory_limit = (size_t)n;
  uv_mutex_unlock(&pool->lock);
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
  lwt_uv_pool *pool = lwt_uv_pool_check(lwt_uv_context(L), L);
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
  lwt_uv_pool *pool = lwt_uv_pool_check(lwt_uv_context(L), L);
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
  lua_pushinteger(L, atomic_load(&lwt_uv_pool_check(lwt_uv_context(L), L)->nqueued));
  return 1;
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
