/* threadpool.c: libuv's threadpool: its size, and what begins there.
**
** The process has one, whose threads libuv makes with the first job. Where the system gives none
** (RLIMIT_NPROC, a container's limit, no memory for their stacks) libuv aborts the process: so
** it is seen first that as many can be had.
*/
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "internal.h"

#define STACK_SIZE ((size_t)8 << 20) /* as libuv's own have */

/* libuv reads it from the environment, in this way, when the first request of the process needs a
** thread. */
int lwt_uv_pool_size(void) {
  const char *text = getenv("UV_THREADPOOL_SIZE");
  if (text == NULL) return 4;
  unsigned n = (unsigned)atoi(text); /* (less than none is a great many) */
  return n == 0 ? 1 : n > POOL_MAX ? POOL_MAX : (int)n;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* one looks at a time */
static pthread_mutex_t gate =
    PTHREAD_MUTEX_INITIALIZER; /* what the threads tried wait for */
static atomic_int is_there;

static void wait_at_gate(void *unused) {
  (void)unused;
  pthread_mutex_lock(&gate);
  pthread_mutex_unlock(&gate);
}

/* As many as the pool will have, all at the same time. */
static int try_threads(void) {
  static uv_thread_t threads[POOL_MAX];
  const uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE,
                                       .stack_size = STACK_SIZE};
  int n = 0, size = lwt_uv_pool_size(), status = 0;
  pthread_mutex_lock(&gate);
  while (status == 0 && n < size) {
    status = uv_thread_create_ex(&threads[n], &options, wait_at_gate, NULL);
    n += status == 0;
  }
  pthread_mutex_unlock(&gate);
  while (n > 0) uv_thread_join(&threads[--n]);
  return status;
}

int lwt_uv_pool_work(lwt_uv *ctx, uv_work_t *work, uv_work_cb f, uv_after_work_cb done) {
  int status = 0;
  if (!atomic_load_explicit(&is_there, memory_order_relaxed)) {
    pthread_mutex_lock(&lock);
    if (!atomic_load(&is_there)) status = try_threads();
    if (status == 0) {
      status = uv_queue_work(ctx->loop, work, f, done);
      atomic_store(&is_there, 1);
    }
    pthread_mutex_unlock(&lock);
    return status;
  }
  return uv_queue_work(ctx->loop, work, f, done);
}
