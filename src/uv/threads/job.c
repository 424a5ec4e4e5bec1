/* job.c: jobs (lwt.h): C functions run on threads.
**
** The threads are the process's (job_threads.c), and not libuv's: a job may take long, and
** would hold up files and names there. Each state has a queue of its jobs; its "runners" take
** turns on the threads, and step aside after a while, so that other states have theirs. A
** runner takes one job after another and posts each to the state's inbox. In a stream of
** short jobs it looks for more for a few microseconds before it goes, for waking a thread
** costs as much as many of them.
**
** A job belongs to the queue, then to the runner, then to the main thread, which calls
** `result` and `release`. Its item belongs to the main thread before and after, and is
** used again. Jobs that are done at the same time are settled in one protected call.
*/
#include <stdlib.h>

#include "job_threads.h"
#include "threads.h"

#define SLICE 2000000u /* nanoseconds that a runner goes on while others may wait */
#define SHORT 10000u   /* nanoseconds: a job that takes less is a short one */
#define STREAM 8       /* so many short ones after another are a stream */
#define SPIN 20000u    /* nanoseconds that a runner looks for the next of a stream */
#define MAX_SPARE 256  /* items kept */
#define MAX_RUNNERS 64

enum { QUEUED, RUNNING, DONE };

typedef struct item {
  lwt_uv_post post; /* first */
  struct item *next, *prev;
  struct jobs *jobs;
  lwt_job *job;
  int state; /* under the lock */
  int canceled;
  int promise; /* its place in the registry: false, or the promise */
} item;

typedef struct items {
  item *first, *last;
} items;

typedef struct runner {
  lwt_uv_turn turn; /* first */
  struct jobs *jobs;
} runner;

typedef struct jobs {
  lwt_uv *ctx;
  lwt_uv_inbox *inbox; /* a reference */
  /* Jobs that are queued, and not yet in `queue`: the newest, which leads to those before
  ** it. The main thread adds to it without the lock. */
  _Atomic(item *) coming;
  atomic_int nwaiting; /* in `coming` or in the queue */
  atomic_int nrunning;
  atomic_int in_stream; /* the jobs of late were short */
  atomic_int spinning;  /* a runner looks for more */
  int spins;            /* there is more than one processor; constant */
  uv_mutex_t lock;      /* for what follows */
  items queue;
  items dropped; /* finished after the inbox was shut: released by the main thread */
  atomic_int closing;
  atomic_int nactive; /* runners */
  runner runners[MAX_RUNNERS];
  /* Main thread's. */
  lwt_idle idle;
  item *spare;
  int nspare;
  int n; /* jobs whose promises wait */
  uv_timer_t *keeper;
} jobs;

/* ---- Queues --------------------------------------------------------------------------- */

static void append(items *q, item *i) {
  i->next = NULL;
  i->prev = q->last;
  if (q->last != NULL)
    q->last->next = i;
  else
    q->first = i;
  q->last = i;
}

static void withdraw(items *q, item *i) {
  if (i->prev != NULL)
    i->prev->next = i->next;
  else
    q->first = i->next;
  if (i->next != NULL)
    i->next->prev = i->prev;
  else
    q->last = i->prev;
}

static item *pop(items *q) { /* NULL: empty */
  item *i = q->first;
  if (i == NULL) return NULL;
  q->first = i->next;
  if (q->first != NULL)
    q->first->prev = NULL;
  else
    q->last = NULL;
  return i;
}

/* With the lock: all that came is in the queue. */
static void fetch(jobs *j) {
  item *next, *list = NULL;
  item *i = atomic_exchange_explicit(&j->coming, NULL, memory_order_acquire);
  for (; i != NULL; i = next) {
    next = i->next;
    i->next = list;
    list = i;
  }
  for (; list != NULL; list = next) {
    next = list->next;
    append(&j->queue, list);
  }
}

static void release_job(item *i) {
  lwt_job *job = i->job;
  i->job = NULL;
  i->state = DONE;
  job->release(job);
}

/* ---- The pool's threads ------------------------------------------------------------------ */

static void drop(lwt_uv_post *post) {
  item *i = (item *)post;
  uv_mutex_lock(&i->jobs->lock);
  append(&i->jobs->dropped, i);
  uv_mutex_unlock(&i->jobs->lock);
}

static item *take(jobs *j) {
  item *i = NULL;
  if (atomic_load(&j->nwaiting) == 0) return NULL;
  uv_mutex_lock(&j->lock);
  if (j->queue.first == NULL) fetch(j);
  if (!j->closing) i = pop(&j->queue);
  if (i != NULL) {
    /* In this order: a thread that saw neither would think that a runner is free. */
    atomic_fetch_add(&j->nrunning, 1);
    atomic_fetch_sub(&j->nwaiting, 1);
    i->state = RUNNING;
  }
  uv_mutex_unlock(&j->lock);
  return i;
}

/* The next of a stream, or NULL; `*now` is the time then. */
static item *wait_for_next(jobs *j, uint64_t *now) {
  item *i = NULL;
  uint64_t end = *now + SPIN;
  if (!j->spins || atomic_exchange(&j->spinning, 1)) return NULL;
  while (i == NULL && (*now = uv_hrtime()) < end) {
    for (int k = 0;
         k < 20 && atomic_load_explicit(&j->nwaiting, memory_order_relaxed) == 0; k++) {
#if defined(__x86_64__) || defined(__i386__)
      __builtin_ia32_pause();
#endif
    }
    i = take(j);
  }
  atomic_store(&j->spinning, 0);
  return i;
}

static void run(lwt_uv_turn *turn) {
  jobs *j = ((runner *)turn)->jobs;
  uint64_t now = uv_hrtime(), end = now + SLICE;
  int stream = 0;
  do {
    item *i = take(j);
    if (i == NULL && stream >= STREAM) i = wait_for_next(j, &now);
    if (i == NULL) break;
    i->job->worker(i->job);
    atomic_fetch_sub(&j->nrunning, 1);
    if (lwt_uv_inbox_post(j->inbox, &i->post) < 0) drop(&i->post);
    uint64_t begun = now;
    now = uv_hrtime();
    stream = now - begun < SHORT ? stream + 1 : 0;
    if (stream == 0 || stream == STREAM) atomic_store(&j->in_stream, stream);
  } while (now < end);
}

/* Is there more to do than runners that are about to look? */
static int is_short_of_runners(jobs *j) {
  return atomic_load(&j->nwaiting) + atomic_load(&j->nrunning) > atomic_load(&j->nactive);
}

static int has_more(lwt_uv_turn *turn) {
  jobs *j = ((runner *)turn)->jobs;
  return !atomic_load(&j->closing) && is_short_of_runners(j);
}

/* ---- The main thread ------------------------------------------------------------------------ */

static void free_items(item *i) {
  while (i != NULL) {
    item *next = i->next;
    if (i->job != NULL) release_job(i);
    free(i);
    i = next;
  }
}

static void release_dropped(jobs *j) {
  uv_mutex_lock(&j->lock);
  items dropped = j->dropped;
  j->dropped.first = j->dropped.last = NULL;
  uv_mutex_unlock(&j->lock);
  free_items(dropped.first);
}

/* As many runners as there are jobs that wait or run, up to the limit. A status: negative when
** there is not one thread, and none could be made. */
static int start_runners(jobs *j) {
  int most = lwt_uv_job_limit(), n = atomic_load(&j->nactive);
  if (most > MAX_RUNNERS) most = MAX_RUNNERS;
  if (n == 0) atomic_store(&j->in_stream, 0);
  for (int i = 0; i < most && n < most && is_short_of_runners(j); i++) {
    int status = lwt_uv_job_threads_queue(&j->runners[i].turn, most);
    if (status < 0) return status;
    n = atomic_load(&j->nactive);
  }
  return 0;
}

/* A loop that other code drives goes on while jobs are under way. */
static void let_loop_end(uv_handle_t *h) {
  ((lwt_uv *)h->data)->unclosed--;
  free(h);
}

static void on_keeper(uv_timer_t *timer) {
  (void)timer;
}

static void set_keeper(jobs *j) {
  lwt_uv *ctx = j->ctx;
  if (j->keeper != NULL && j->n == 0) {
    ctx->unclosed++;
    uv_close((uv_handle_t *)j->keeper, let_loop_end);
    j->keeper = NULL;
  } else if (j->keeper == NULL && j->n > 0 && ctx->adopted != NULL) {
    j->keeper = malloc(sizeof *j->keeper);
    if (j->keeper == NULL) return;
    uv_timer_init(ctx->loop, j->keeper);
    j->keeper->data = ctx;
    uv_timer_start(j->keeper, on_keeper, 86400000, 86400000);
  }
}

/* A job's promise waits, or no longer. */
static void count(jobs *j, int n) {
  j->ctx->working += n;
  j->n += n;
  if (j->ctx->adopted != NULL || j->keeper != NULL) set_keeper(j);
}

static void on_idle(lua_State *L, void *data) {
  jobs *j = data;
  (void)L;
  if (!j->closing) start_runners(j);
}

/* The item's promise is resolved, or there is none; its job is released. */
static void recycle(lua_State *L, item *i) {
  jobs *j = i->jobs;
  lua_pushboolean(L, 0);
  lua_rawseti(L, LUA_REGISTRYINDEX, i->promise);
  if (j->nspare < MAX_SPARE) {
    j->nspare++;
    i->next = j->spare;
    j->spare = i;
    return;
  }
  luaL_unref(L, LUA_REGISTRYINDEX, i->promise);
  free(i);
}

static void deliver(lua_State *L, lwt_uv_post *post);

/* Protected: (&item): settles it, and those done after it, and leaves NULL there. */
static int l_settle(lua_State *L) {
  item **at = lua_touserdata(L, 1);
  item *i = *at;
  lwt_uv *ctx = i->jobs->ctx;
  const lwt_api *lwt = ctx->lwt;
  for (; i != NULL; i = (item *)lwt_uv_inbox_next(ctx, deliver), *at = i) {
    count(i->jobs, -1);
    i->state = DONE;
    if (!i->canceled) {
      lua_rawgeti(L, LUA_REGISTRYINDEX, i->promise);
      int n = i->job->result(L, i->job);
      lwt->fulfill(lwt, L, 2, n);
      lua_settop(L, 1);
    }
    release_job(i);
    recycle(L, i);
  }
  return 0;
}

static void deliver(lua_State *L, lwt_uv_post *post) {
  item *i = (item *)post;
  lwt_uv *ctx = i->jobs->ctx;
  int top = lua_gettop(L);
  while (i != NULL) {
    lua_pushcfunction(L, l_settle);
    lua_pushlightuserdata(L, &i);
    if (lua_pcall(L, 1, 0, 0) == LUA_OK) break;
    release_job(i);
    drop(&i->post); /* should we not come back: its promise still knows it */
    lua_rawgeti(L, LUA_REGISTRYINDEX, i->promise);
    lua_insert(L, -2);
    ctx->lwt->reject(ctx->lwt, L, top + 1);
    lua_settop(L, top);
    uv_mutex_lock(&i->jobs->lock);
    withdraw(&i->jobs->dropped, i);
    uv_mutex_unlock(&i->jobs->lock);
    recycle(L, i);
    i = (item *)lwt_uv_inbox_next(ctx, deliver);
  }
}

/* Unless a thread has it: then it goes on. */
static void take_back(lua_State *L, item *i) {
  jobs *j = i->jobs;
  uv_mutex_lock(&j->lock);
  int queued = i->state == QUEUED;
  if (queued) {
    fetch(j);
    withdraw(&j->queue, i);
    atomic_fetch_sub(&j->nwaiting, 1);
  }
  uv_mutex_unlock(&j->lock);
  if (!queued) return;
  count(j, -1);
  release_job(i);
  recycle(L, i);
}

static void cancel(lua_State *L, void *data) {
  item *i = data;
  i->canceled = 1;
  take_back(L, i);
}

/* ---- Starting ---------------------------------------------------------------------------------- */

static int new_jobs(lwt_uv *ctx) {
  int status;
  lwt_uv_inbox *inbox = lwt_uv_inbox_of(ctx, &status);
  if (inbox == NULL) return status;
  jobs *j = calloc(1, sizeof *j);
  if (j == NULL) return UV_ENOMEM;
  status = uv_mutex_init(&j->lock);
  if (status < 0) {
    free(j);
    return status;
  }
  for (int i = 0; i < MAX_RUNNERS; i++) {
    j->runners[i].jobs = j;
    j->runners[i].turn = (lwt_uv_turn){NULL, run, has_more, &j->nactive, 0};
  }
  j->spins = uv_available_parallelism() > 1;
  j->idle.f = on_idle;
  j->idle.data = j;
  j->ctx = ctx;
  j->inbox = inbox;
  lwt_uv_inbox_retain(inbox);
  lwt_uv_job_threads_retain();
  ctx->family[LWT_UV_FJOB] = j;
  return 0;
}

/* One that has no job and no promise yet. NULL: no memory. */
static item *new_item(jobs *j) {
  item *i = j->spare;
  if (i != NULL) {
    j->spare = i->next;
    j->nspare--;
    i->canceled = 0;
    i->state = QUEUED;
    return i;
  }
  i = calloc(1, sizeof *i);
  if (i == NULL) return NULL;
  i->post.deliver = deliver;
  i->post.drop = drop;
  i->jobs = j;
  i->promise = LUA_NOREF;
  return i;
}

/* Protected: (item): the promise. */
static int l_make_promise(lua_State *L) {
  item *i = lua_touserdata(L, 1);
  const lwt_api *lwt = i->jobs->ctx->lwt;
  if (i->promise == LUA_NOREF) {
    lua_pushboolean(L, 0);
    i->promise = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  lwt->promise_new(lwt, L, cancel, i);
  lua_pushvalue(L, -1);
  lua_rawseti(L, LUA_REGISTRYINDEX, i->promise);
  return 1;
}

/* The job could not be started, or its result cannot be told: free what it has. */
static void give_up(lua_State *L, item *i) {
  release_job(i);
  if (i->promise == LUA_NOREF)
    free(i);
  else
    recycle(L, i);
}

/* As start_runners. */
static int queue_item(jobs *j, item *i) {
  atomic_fetch_add(&j->nwaiting, 1);
  i->next = atomic_load_explicit(&j->coming, memory_order_relaxed);
  while (!atomic_compare_exchange_weak_explicit(
      &j->coming, &i->next, i, memory_order_release, memory_order_relaxed)) {}
  if (!is_short_of_runners(j)) return 0;
  /* A short job is over before another thread is awake. Should it not be a short one, then
  ** the others wait until the loop's thread has nothing else to do. */
  if (atomic_load_explicit(&j->in_stream, memory_order_relaxed) &&
      atomic_load(&j->nactive) > 0) {
    j->ctx->lwt->idle_start(j->ctx->lwt, &j->idle);
    return 0;
  }
  return start_runners(j);
}

static void api_start(const lwt_api *lwt, lua_State *L, lwt_job *job) {
  lwt_uv *ctx = lwt->system;
  int status = 0;
  if (ctx->loop == NULL)
    status = UV_ECANCELED;
  else if (ctx->family[LWT_UV_FJOB] == NULL)
    status = new_jobs(ctx);
  jobs *j = ctx->family[LWT_UV_FJOB];
  item *i = status < 0 ? NULL : new_item(j);
  if (i == NULL) {
    job->release(job);
    lwt_uv_reject(ctx, L, status < 0 ? status : UV_ENOMEM, "job", NULL, NULL);
    return;
  }
  i->job = job;
  if (!lua_checkstack(L, 3)) {
    give_up(L, i);
    luaL_error(L, "stack overflow");
  }
  lua_pushcfunction(L, l_make_promise);
  lua_pushlightuserdata(L, i);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
    give_up(L, i);
    lua_error(L);
  }
  count(j, 1);
  status = queue_item(j, i);
  if (status < 0) { /* nobody would ever take it */
    take_back(L, i);
    lua_pop(L, 1);
    lwt_uv_reject(ctx, L, status, "job", NULL, NULL);
  }
}

/* ---- The end ------------------------------------------------------------------------------------- */

void lwt_uv_jobs_close(lwt_uv *ctx) {
  jobs *j = ctx->family[LWT_UV_FJOB];
  if (j == NULL) return;
  ctx->lwt->idle_stop(ctx->lwt, &j->idle);
  j->n = 0;
  set_keeper(j);
  uv_mutex_lock(&j->lock);
  j->closing = 1;
  fetch(j);
  items queue = j->queue;
  j->queue.first = j->queue.last = NULL;
  uv_mutex_unlock(&j->lock);
  free_items(queue.first);
}

/* After jobs_close: those that run are waited for. */
static void family_close(lwt_uv *ctx) {
  jobs *j = ctx->family[LWT_UV_FJOB];
  ctx->family[LWT_UV_FJOB] = NULL;
  if (j == NULL) return;
  lwt_uv_job_threads_wait(&j->nactive);
  release_dropped(j);
  free_items(j->spare);
  lwt_uv_inbox_release(j->inbox);
  uv_mutex_destroy(&j->lock);
  free(j);
  lwt_uv_job_threads_release();
}

static void family_moved(lwt_uv *ctx) {
  jobs *j = ctx->family[LWT_UV_FJOB];
  if (j == NULL) return;
  int n = j->n;
  j->n = 0;
  set_keeper(j); /* the one on the old loop */
  j->n = n;
  set_keeper(j);
}

void lwt_uv_open_job(lwt_uv *ctx, lua_State *L) {
  ctx->family_close[LWT_UV_FJOB] = family_close;
  ctx->family_moved[LWT_UV_FJOB] = family_moved;
  ctx->lwt->job_start = api_start;
  lwt_uv_push_functions(ctx, L, lwt_uv_job_functions);
}
