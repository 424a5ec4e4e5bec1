/* pool.c: the threads of preemptive.detach, and the queue that they take calls from.
** One pool per Lua state that detaches; its threads live until the state closes, or the
** bounds shrink. What a call is, and what its state does with it: detach.c.
*/
#include <pthread.h>
#include <stdlib.h>

#include "threads.h"

#define DEFAULT_MAX 4
#define DEFAULT_QUEUED 1000
#define SPIN 15000u /* nanoseconds that a worker looks for more before it goes to sleep */

/* How long a state that closes waits for its workers, in nanoseconds. */
#define PATIENCE 250000000u /* for what is running to end by itself */
#define GRACE 1000000000u   /* for it to raise and unwind, once it was told */
#define REMINDER 20000000u

/* ---- Queues --------------------------------------------------------------------------- */

void lwt_uv_calls_append(lwt_uv_calls *q, lwt_uv_call *c) {
  c->next = NULL;
  c->prev = q->last;
  if (q->last != NULL)
    q->last->next = c;
  else
    q->first = c;
  q->last = c;
}

void lwt_uv_calls_unlink(lwt_uv_calls *q, lwt_uv_call *c) {
  if (c->prev != NULL)
    c->prev->next = c->next;
  else
    q->first = c->next;
  if (c->next != NULL)
    c->next->prev = c->prev;
  else
    q->last = c->prev;
}

lwt_uv_call *lwt_uv_calls_pop(lwt_uv_calls *q) {
  lwt_uv_call *c = q->first;
  if (c == NULL) return NULL;
  q->first = c->next;
  if (q->first != NULL)
    q->first->prev = NULL;
  else
    q->last = NULL;
  return c;
}

void lwt_uv_pool_count(lwt_uv_pool *pool, int by) {
  int n = atomic_load_explicit(&pool->nqueued, memory_order_relaxed);
  atomic_store_explicit(&pool->nqueued, n + by, memory_order_relaxed);
}

void lwt_uv_call_free(lwt_uv_call *c) {
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

/* Wakes one thread at a time: that one wakes the next, if there is still more to do. So a
** burst of short calls does not wake many threads that find nothing left. */
void lwt_uv_pool_wake(lwt_uv_pool *pool) {
  if (pool->waking || pool->nsleeping == 0 || pool->nqueued <= pool->nspinning) return;
  pool->waking = 1;
  uv_cond_signal(&pool->more);
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
    c = lwt_uv_calls_pop(&pool->queue);
    if (c != NULL) {
      lwt_uv_pool_count(pool, -1);
      c->queued = 0;
      pool->nbusy++;
      lwt_uv_pool_wake(pool);
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
      pool->waking = 0;
    }
  }
  uv_mutex_unlock(&pool->lock);
  return c;
}

void lwt_uv_pool_done(lwt_uv_pool *pool, lwt_uv_call *c) {
  uv_mutex_lock(&pool->lock);
  pool->nbusy--;
  uv_mutex_unlock(&pool->lock);
  if (lwt_uv_inbox_post(pool->owner, &c->post) < 0) lwt_uv_call_free(c);
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
int lwt_uv_pool_start_thread(lwt_uv_pool *pool, lua_State *L) {
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
int lwt_uv_pool_start_for(lwt_uv_pool *pool, lua_State *L) {
  uv_mutex_lock(&pool->lock);
  int idle = pool->nthreads - pool->nbusy; /* includes those that are starting */
  int need = pool->nthreads < pool->max && pool->nqueued > idle;
  uv_mutex_unlock(&pool->lock);
  if (!need) return 0;
  int status = lwt_uv_pool_start_thread(pool, L);
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
lwt_uv_pool *lwt_uv_pool_of(lwt_uv *ctx, int *status) {
  lwt_uv_threads *t = ctx->family[LWT_UV_FTHREAD];
  *status = 0;
  if (t->pool == NULL) {
    lwt_uv_inbox *inbox = lwt_uv_inbox_of(ctx, status);
    if (inbox != NULL) *status = new_pool(ctx, inbox, &t->pool);
  }
  return t->pool;
}

lwt_uv_pool *lwt_uv_pool_check(lwt_uv *ctx, lua_State *L) {
  int status;
  lwt_uv_check_open(ctx, L);
  lwt_uv_pool *pool = lwt_uv_pool_of(ctx, &status);
  if (pool == NULL) lwt_uv_raise(ctx, L, status, "preemptive", NULL, NULL);
  return pool;
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
    uv_mutex_lock(&w->lock); /* no reply will come */
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
  while ((c = lwt_uv_calls_pop(&queue)) != NULL) lwt_uv_call_free(c);
  while ((c = lwt_uv_calls_pop(&pool->over)) != NULL) lwt_uv_call_free(c);
  lwt_uv_pool_release(pool);
}
