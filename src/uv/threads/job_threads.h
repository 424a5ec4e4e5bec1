/* job_threads.h: the threads that jobs run on (job_threads.c). */
#ifndef LWT_UV_JOB_THREADS_H
#define LWT_UV_JOB_THREADS_H

#include <stdatomic.h>
#include <uv.h>

#include <lauxlib.h>

/* A while of work for one state; its memory is the state's. */
typedef struct lwt_uv_turn {
  struct lwt_uv_turn *next;
  void (*run)(struct lwt_uv_turn *t);     /* on a thread */
  int (*has_more)(struct lwt_uv_turn *t); /* is it to be queued again? Under the lock */
  atomic_int *nactive; /* of the state: its turns that are queued or run */
  int active;          /* under the lock */
} lwt_uv_turn;

/* job_size.c: the most threads that jobs may have, in the whole process. */
int lwt_uv_job_limit(void);
extern const luaL_Reg lwt_uv_job_functions[];

/* A state has jobs; and no longer. */
void lwt_uv_job_threads_retain(void);
void lwt_uv_job_threads_release(void);
/* Queue it, unless it is; with at most so many threads in the process. Returns a status: no
** thread could be made, and there is none. */
int lwt_uv_job_threads_queue(lwt_uv_turn *t, int most);
/* Wait until none of a state's turns is queued or runs. */
void lwt_uv_job_threads_wait(atomic_int *nactive);

#endif
