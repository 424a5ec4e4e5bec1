/* job.c: jobs (lwt.h): C functions run on libuv's threadpool.
**
** The pool is one for the whole process, shared with file operations and DNS, and a job
** may take long. So jobs have a queue of their own: at most all threads but one run them
** ("runners", each a uv_work_t), and a runner steps aside after a while, so that what
** waits behind it in libuv's queue has its turn. A runner takes one job after another and
** posts each to the state's inbox: a stream of small jobs needs few hand-overs.
**
** A job belongs to the queue, then to the runner, then to the main thread, which calls
** `result` and `release`.
*/
#include <stdio.h>
#include <stdlib.h>

#include "thread.h"

#define SLICE 2000000u /* nanoseconds that a runner goes on while others may wait */
#define MAX_RUNNERS 64
#define POOL_DEFAULT 4
#define POOL_MAX 1024

enum { QUEUED, RUNNING, DONE };

typedef struct item {
  lwt_uv_post post; /* first */
  struct item *next, *prev;
  struct jobs *jobs;
  lwt_job *job;
  int state; /* under the lock */
  int canceled;
  int promise; /* in the registry */
} item;

typedef struct items {
  item *first, *last;
} items;

typedef struct runner {
  uv_work_t work;
  struct jobs *jobs;
  int active; /* main thread's */
} runner;

typedef struct jobs {
  lwt_uv *ctx;
  lwt_uv_inbox *inbox; /* a reference */
  uv_mutex_t lock;
  items queue;
  items dropped; /* finished after the inbox was shut: released by the main thread */
  int nwaiting;  /* in the queue */
  int closing;
  /* Main thread's. */
  int limit, nactive;
  runner runners[MAX_RUNNERS];
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

static void free_item(item *i) {
  i->job->release(i->job);
  free(i);
}

/* ---- The pool's threads ------------------------------------------------------------------ */

static void drop(lwt_uv_post *post) {
  item *i = (item *)post;
  uv_mutex_lock(&i->jobs->lock);
  append(&i->jobs->dropped, i);
  uv_mutex_unlock(&i->jobs->lock);
}

static void run(uv_work_t *work) {
  jobs *j = ((runner *)work->data)->jobs;
  uint64_t end = uv_hrtime() + SLICE;
  do {
    uv_mutex_lock(&j->lock);
    item *i = j->closing ? NULL : pop(&j->queue);
    if (i != NULL) {
      j->nwaiting--;
      i->state = RUNNING;
    }
    uv_mutex_unlock(&j->lock);
    if (i == NULL) return;
    i->job->worker(i->job);
    if (lwt_uv_inbox_post(j->inbox, &i->post) < 0) drop(&i->post);
  } while (uv_hrtime() < end);
}

/* ---- The main thread ------------------------------------------------------------------------ */

static void start_runners(jobs *j);

static void release_dropped(jobs *j) {
  uv_mutex_lock(&j->lock);
  items dropped = j->dropped;
  j->dropped.first = j->dropped.last = NULL;
  uv_mutex_unlock(&j->lock);
  item *i;
  while ((i = pop(&dropped)) != NULL) free_item(i);
}

static void after_run(uv_work_t *work, int status) {
  runner *r = work->data;
  jobs *j = r->jobs;
  (void)status;
  r->active = 0;
  j->nactive--;
  j->ctx->unclosed--;
  if (j->ctx->closing || j->closing)
    release_dropped(j);
  else
    start_runners(j);
}

/* As many runners as there are jobs that wait, up to the limit. */
static void start_runners(jobs *j) {
  uv_mutex_lock(&j->lock);
  int need = j->nwaiting;
  uv_mutex_unlock(&j->lock);
  for (int i = 0; i < j->limit && j->nactive < need && j->nactive < j->limit; i++) {
    runner *r = &j->runners[i];
    if (r->active) continue;
    r->jobs = j;
    r->work.data = r;
    if (uv_queue_work(j->ctx->loop, &r->work, run, after_run) < 0) return;
    r->active = 1;
    j->nactive++;
    j->ctx->unclosed++;
  }
}

/* Protected: 1: the promise. */
static int l_settle(lua_State *L) {
  item *i = lua_touserdata(L, 2);
  const lwt_api *lwt = i->jobs->ctx->lwt;
  lua_settop(L, 1);
  int n = i->job->result(L, i->job);
  lwt->fulfill(lwt, L, 1, n);
  return 0;
}

static void deliver(lua_State *L, lwt_uv_post *post) {
  item *i = (item *)post;
  lwt_uv *ctx = i->jobs->ctx;
  int top = lua_gettop(L), failed = LUA_OK;
  ctx->working--;
  lua_rawgeti(L, LUA_REGISTRYINDEX, i->promise);
  luaL_unref(L, LUA_REGISTRYINDEX, i->promise);
  i->state = DONE;
  if (!i->canceled) {
    lua_pushcfunction(L, l_settle);
    lua_pushvalue(L, top + 1);
    lua_pushlightuserdata(L, i);
    failed = lua_pcall(L, 2, 0, 0);
  }
  free_item(i);
  if (failed != LUA_OK) ctx->lwt->reject(ctx->lwt, L, top + 1);
  lua_settop(L, top);
}

static void cancel(lua_State *L, void *data) {
  if (lwt_uv_threads_closed(L)) return;
  item *i = data;
  jobs *j = i->jobs;
  i->canceled = 1;
  uv_mutex_lock(&j->lock);
  int queued = i->state == QUEUED;
  if (queued) {
    withdraw(&j->queue, i);
    j->nwaiting--;
  }
  uv_mutex_unlock(&j->lock);
  if (!queued) return;
  j->ctx->working--;
  luaL_unref(L, LUA_REGISTRYINDEX, i->promise);
  free_item(i);
}

/* ---- The pool's size ------------------------------------------------------------------------- */

/* libuv reads it from the environment when the first request of the process needs a
** thread. */
static int pool_size(void) {
  char text[32];
  size_t size = sizeof text;
  if (uv_os_getenv("UV_THREADPOOL_SIZE", text, &size) < 0) return POOL_DEFAULT;
  int n = atoi(text);
  return n < 1 ? 1 : n > POOL_MAX ? POOL_MAX : n;
}

static int count_threads(void) {
  uv_fs_t fs;
  int n = uv_fs_scandir(NULL, &fs, "/proc/self/task", 0, NULL) < 0 ? -1 : (int)fs.result;
  uv_fs_req_cleanup(&fs);
  return n;
}

static void nothing(uv_work_t *work) {
  (void)work;
}

static void after_nothing(uv_work_t *work, int status) {
  lwt_uv *ctx = work->data;
  (void)status;
  ctx->unclosed--;
  free(work);
}

/*---
The number of threads in libuv's pool, which the whole process shares: for file operations,
names and jobs. Jobs use all of them but one (the only one, if there is one), so that they
do not hold up files; jobs beyond that wait. Detached functions have threads of their own.
@return integer
```lua
print(math.type(job.pool_size()))   --> integer
```
@function lwt.job.pool_size() */
static int l_pool_size(lua_State *L) {
  lua_pushinteger(L, pool_size());
  return 1;
}

/*---
Sets the size of libuv's pool, from 1 to 1024. libuv reads it once, when the first file
operation, name or job of the process needs a thread: before that, this function starts
the pool with `n` threads. After that it raises, unless `n` is the size it has: set the
variable `UV_THREADPOOL_SIZE` in the environment of the process then.
@param n integer
```lua
job.set_pool_size(8)
print(job.pool_size())             --> 8
print(pcall(job.set_pool_size, 9)) --> false the threadpool already runs with 8 threads: call set_pool_size before anything else, or set UV_THREADPOOL_SIZE in the environment
```
@function lwt.job.set_pool_size(n) */
static int l_set_pool_size(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  lua_Integer n = luaL_checkinteger(L, 1);
  char before[32], text[32];
  luaL_argcheck(L, n >= 1 && n <= POOL_MAX, 1, "a number from 1 to 1024 expected");
  lwt_uv_check_open(ctx, L);
  int old = pool_size();
  if (n == old) return 0;
  uv_work_t *work = malloc(sizeof *work);
  if (work == NULL) return lwt_uv_raise(ctx, L, UV_ENOMEM, "set_pool_size", NULL, NULL);
  snprintf(before, sizeof before, "%d", old);
  snprintf(text, sizeof text, "%d", (int)n);
  /* libuv does not tell whether the pool runs: see whether threads appear. */
  int threads = count_threads();
  uv_os_setenv("UV_THREADPOOL_SIZE", text);
  work->data = ctx;
  int status = uv_queue_work(ctx->loop, work, nothing, after_nothing);
  if (status < 0) {
    free(work);
    return lwt_uv_raise(ctx, L, status, "set_pool_size", NULL, NULL);
  }
  ctx->unclosed++;
  if (threads < 0 || count_threads() >= threads + (int)n) return 0;
  uv_os_setenv("UV_THREADPOOL_SIZE", before);
  return luaL_error(
      L,
      "the threadpool already runs with %d threads: call set_pool_size before "
      "anything else, or set UV_THREADPOOL_SIZE in the environment",
      old);
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
  int limit = pool_size() - 1;
  j->limit = limit < 1 ? 1 : limit > MAX_RUNNERS ? MAX_RUNNERS : limit;
  j->ctx = ctx;
  j->inbox = inbox;
  lwt_uv_inbox_retain(inbox);
  ctx->family[LWT_UV_FJOB] = j;
  return 0;
}

/* Protected: (item): the promise. */
static int l_make_promise(lua_State *L) {
  item *i = lua_touserdata(L, 1);
  const lwt_api *lwt = i->jobs->ctx->lwt;
  lwt->promise_new(lwt, L, cancel, i);
  lua_pushvalue(L, -1);
  i->promise = luaL_ref(L, LUA_REGISTRYINDEX);
  return 1;
}

static void api_start(const lwt_api *lwt, lua_State *L, lwt_job *job) {
  lwt_uv *ctx = lwt_uv_find_context(lwt->main);
  int status = 0;
  if (ctx->closing || ctx->loop == NULL)
    status = UV_ECANCELED;
  else if (ctx->family[LWT_UV_FJOB] == NULL)
    status = new_jobs(ctx);
  item *i = status < 0 ? NULL : calloc(1, sizeof *i);
  if (i == NULL) {
    job->release(job);
    lwt_uv_reject(ctx, L, status < 0 ? status : UV_ENOMEM, "job", NULL, NULL);
    return;
  }
  jobs *j = ctx->family[LWT_UV_FJOB];
  i->post.deliver = deliver;
  i->post.drop = drop;
  i->jobs = j;
  i->job = job;
  if (!lua_checkstack(L, 3)) {
    free_item(i);
    luaL_error(L, "stack overflow");
  }
  lua_pushcfunction(L, l_make_promise);
  lua_pushlightuserdata(L, i);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
    free_item(i);
    lua_error(L);
  }
  ctx->working++;
  uv_mutex_lock(&j->lock);
  append(&j->queue, i);
  int need = ++j->nwaiting;
  uv_mutex_unlock(&j->lock);
  if (j->nactive < j->limit && j->nactive < need) start_runners(j);
}

/* ---- The end ------------------------------------------------------------------------------------- */

void lwt_uv_jobs_close(lwt_uv *ctx) {
  jobs *j = ctx->family[LWT_UV_FJOB];
  if (j == NULL) return;
  uv_mutex_lock(&j->lock);
  j->closing = 1;
  items queue = j->queue;
  j->queue.first = j->queue.last = NULL;
  uv_mutex_unlock(&j->lock);
  item *i;
  while ((i = pop(&queue)) != NULL) free_item(i);
}

/* The loop has run until every runner had ended. */
static void family_close(lwt_uv *ctx) {
  jobs *j = ctx->family[LWT_UV_FJOB];
  ctx->family[LWT_UV_FJOB] = NULL;
  if (j == NULL) return;
  release_dropped(j);
  lwt_uv_inbox_release(j->inbox);
  uv_mutex_destroy(&j->lock);
  free(j);
}

static const luaL_Reg functions[] = {
    {"pool_size", l_pool_size},
    {"set_pool_size", l_set_pool_size},
    {NULL, NULL},
};

void lwt_uv_open_job(lwt_uv *ctx, lua_State *L) {
  ctx->family_close[LWT_UV_FJOB] = family_close;
  ctx->lwt->job_start = api_start;
  lwt_uv_push_functions(ctx, L, functions);
}
