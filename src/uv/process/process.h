/* process.h: what the files of lwt.process share. */
#ifndef LWT_UV_PROCESS_H
#define LWT_UV_PROCESS_H

#include <sys/resource.h>

#include "spawn.h"
#include "../internal.h"

/* end.c: the handle of a child, and the end of it. */
enum { LWT_UV_PROCESS_EXIT = 1 }; /* user value of the handle: the promise of the end */

typedef struct lwt_uv_child {
  lwt_uv_handle h;
  union {
    uv_poll_t poll;
    uv_idle_t none; /* never started: SIGCHLD tells */
    uv_process_t process;
  } uv;
  int pid, pidfd; /* pidfd: -1 when SIGCHLD is watched */
  int code, signal;
  struct rusage usage;
  int ended;                    /* reaped: the pid is not ours any more */
  int lost;                     /* by somebody else: nothing is known */
  struct lwt_uv_child *next;    /* the others that SIGCHLD is watched for */
  struct lwt_uv_child **before; /* what points to this one; NULL: not among them */
} lwt_uv_child;

#ifdef LWT_UV_OWN_SPAWN

/* ctx->family[LWT_UV_FPROCESS] */
typedef struct lwt_uv_children {
  lwt_uv_spawner spawner;
  int no_pidfds;         /* the system is too old to have them */
  lwt_uv_child *watched; /* the children without a pidfd */
  uv_signal_t *sigchld;  /* listens while there are some, or NULL */
  lwt_uv_after later;    /* look which of them has ended */
} lwt_uv_children;

/* Reap what has ended of the children of states that are closed. */
void lwt_uv_orphans_reap(void);
/* For ctx->hook: tell of those that have ended. */
void lwt_uv_children_poll(lwt_uv *ctx);
/* What `later` does. */
void lwt_uv_children_look(lwt_uv_after *later);
/* Have the end of a child told that has been started already: fails for want of memory at
** most, and then the child is to be killed rather than lost. */
int lwt_uv_child_watch(lwt_uv *ctx, lua_State *L, lwt_uv_child *p);

#else

void lwt_uv_child_ended(uv_process_t *uv, int64_t code, int sig); /* for uv_spawn */

#endif

extern const lwt_uv_class lwt_uv_child_class;

/* plan.c: what to start. Everything in it is in memory of Lua's, or in descriptors
** listed for closing: raising at any point leaves nothing behind. */
typedef struct lwt_uv_plan {
  lwt_uv_spawn_options o;
  int keep[3];   /* opened for the child, to be closed in this process */
  int parent[3]; /* our ends of the pipes */
} lwt_uv_plan;

/* Made of the words at 1 and the options at 2, and closed when the C function is left. Leaves
** values on the stack that it refers to. Raises what is wrong with them. */
lwt_uv_plan *lwt_uv_plan_push(lwt_uv *ctx, lua_State *L);

#endif
