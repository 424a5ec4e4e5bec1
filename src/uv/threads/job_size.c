/* job_size.c: the number of threads for jobs, which lwt.job tells and sets. Called by Lua, and by
** job.c.
*/
#include <stdio.h>
#include <stdlib.h>

#include "job_threads.h"
#include "../internal.h"

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

/* 0: not known, the size has not been asked for since it was set. */
static atomic_int known_limit;

int lwt_uv_job_limit(void) {
  int n = atomic_load_explicit(&known_limit, memory_order_relaxed);
  if (n > 0) return n;
  n = lwt_uv_pool_size() - 1;
  if (n < 1) n = 1;
  atomic_store(&known_limit, n);
  return n;
}

/*---
The number of threads in libuv's pool, which the whole process shares. File operations run
there; what is more waits. Jobs have threads of their own, one less than this number, for all
states of the process together; jobs beyond that wait. Lookups of names (`net.dns_limit`) and
detached functions have their own as well, so that none of the four holds up the others.
@return integer
```lua
print(math.type(job.pool_size()))   --> integer
```
@function lwt.job.pool_size() */
static int l_pool_size(lua_State *L) {
  lua_pushinteger(L, lwt_uv_pool_size());
  return 1;
}

/*---
Sets the size of libuv's pool, from 1 to 1024. libuv reads it once, when the first file
operation of the process needs a thread: before that, this function starts
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
  lua_Integer n = lwt_uv_check_integer(L, 1);
  char before[32], text[32];
  luaL_argcheck(L, n >= 1 && n <= POOL_MAX, 1, "a number from 1 to 1024 expected");
  lwt_uv_check_open(ctx, L);
  int old = lwt_uv_pool_size();
  if (n == old) return 0;
  uv_work_t *work = malloc(sizeof *work);
  if (work == NULL) return lwt_uv_raise(ctx, L, UV_ENOMEM, "set_pool_size", NULL, NULL);
  snprintf(before, sizeof before, "%d", old);
  snprintf(text, sizeof text, "%d", (int)n);
  /* libuv does not tell whether the pool runs: see whether threads appear. */
  int threads = count_threads();
  uv_os_setenv("UV_THREADPOOL_SIZE", text);
  work->data = ctx;
  int status = lwt_uv_pool_work(ctx, work, nothing, after_nothing);
  if (status < 0) {
    free(work);
    return lwt_uv_raise(ctx, L, status, "set_pool_size", NULL, NULL);
  }
  ctx->unclosed++;
  atomic_store(&known_limit, 0);
  if (threads < 0 || count_threads() >= threads + (int)n) return 0;
  uv_os_setenv("UV_THREADPOOL_SIZE", before);
  atomic_store(&known_limit, 0);
  return luaL_error(
      L,
      "the threadpool already runs with %d threads: call set_pool_size before "
      "anything else, or set UV_THREADPOOL_SIZE in the environment",
      old);
}

const luaL_Reg lwt_uv_job_functions[] = {
    {"pool_size", l_pool_size},
    {"set_pool_size", l_set_pool_size},
    {NULL, NULL},
};
