/* job_threads.c: the threads that jobs run on, for the whole process.
**
** Not libuv's: files and names have those, and a job may take long. Made when they are
** needed, up to a limit for all states together, and kept until the last state that had jobs
** has closed (its lua_close may unload this code). What is queued is a turn: a while of work
** for one state. A turn that has more to do is queued again, behind the others.
*/
#include <pthread.h>

#include "job_threads.h"

#define MOST 1024

static struct {
  pthread_mutex_t lock; /* for what follows */
  pthread_cond_t work, over;
  lwt_uv_turn *first, *last;
  int queued, states, idle, stopping, n;
  uv_thread_t thread[MOST];
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER,
          .work = PTHREAD_COND_INITIALIZER,
          .over = PTHREAD_COND_INITIALIZER};

static void append(lwt_uv_turn *t) {
  t->next = NULL;
  if (pool.last != NULL)
    pool.last->next = t;
  else
    pool.first = t;
  pool.last = t;
  pool.queued++;
}

static lwt_uv_turn *wait_for_turn(void) { /* NULL: the end */
  lwt_uv_turn *t;
  while (pool.first == NULL && !pool.stopping) {
    pool.idle++;
    pthread_cond_wait(&pool.work, &pool.lock);
    pool.idle--;
  }
  t = pool.first;
  if (t == NULL) return NULL;
  pool.queued--;
  pool.first = t->next;
  if (pool.first == NULL) pool.last = NULL;
  return t;
}

static void main_of_thread(void *unused) {
  lwt_uv_turn *t;
  (void)unused;
  pthread_mutex_lock(&pool.lock);
  while ((t = wait_for_turn()) != NULL) {
    pthread_mutex_unlock(&pool.lock);
    t->run(t);
    pthread_mutex_lock(&pool.lock);
    /* First it is marked as over, then we look for more. A thread that brings more does
    ** it in the other order. */
    t->active = 0;
    atomic_fetch_sub(t->nactive, 1);
    if (t->has_more(t)) {
      t->active = 1;
      atomic_fetch_add(t->nactive, 1);
      append(t);
    } else {
      pthread_cond_broadcast(&pool.over); /* `t` may be gone now */
    }
  }
  pthread_mutex_unlock(&pool.lock);
}

void lwt_uv_job_threads_retain(void) {
  pthread_mutex_lock(&pool.lock);
  /* The last state of before may still be stopping its threads. */
  while (pool.stopping) pthread_cond_wait(&pool.over, &pool.lock);
  pool.states++;
  pthread_mutex_unlock(&pool.lock);
}

void lwt_uv_job_threads_release(void) {
  pthread_mutex_lock(&pool.lock);
  if (--pool.states == 0) {
    pool.stopping = 1;
    pthread_cond_broadcast(&pool.work);
    pthread_mutex_unlock(&pool.lock);
    for (int i = 0; i < pool.n; i++) uv_thread_join(&pool.thread[i]);
    pthread_mutex_lock(&pool.lock);
    pool.n = 0;
    pool.stopping = 0;
    pthread_cond_broadcast(&pool.over);
  }
  pthread_mutex_unlock(&pool.lock);
}

int lwt_uv_job_threads_queue(lwt_uv_turn *t,
                             int most) { /* at most MOST, the pool's limit */
  int status = 0;
  pthread_mutex_lock(&pool.lock);
  if (!t->active) {
    if (pool.idle > pool.queued) {
      pthread_cond_signal(&pool.work);
    } else if (pool.n < most) {
      status = uv_thread_create(&pool.thread[pool.n], main_of_thread, NULL);
      pool.n += status == 0;
    }
    if (pool.n > 0) { /* one of those there are takes it, sooner or later */
      status = 0;
      t->active = 1;
      atomic_fetch_add(t->nactive, 1);
      append(t);
    }
  }
  pthread_mutex_unlock(&pool.lock);
  return status;
}

void lwt_uv_job_threads_wait(atomic_int *nactive) {
  pthread_mutex_lock(&pool.lock);
  while (atomic_load(nactive) > 0) pthread_cond_wait(&pool.over, &pool.lock);
  pthread_mutex_unlock(&pool.lock);
}
