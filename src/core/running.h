/* running.h: the context whose task is running on this thread, for task.c, which runs tasks,
** and await.c. */
#ifndef LWT_RUNNING_H
#define LWT_RUNNING_H

#include "core.h"

/* The context whose task is running on this thread, while it does (lua_resume raises
** nothing): for await and yield that is cheaper to ask than the upvalue. In the thread's
** static storage: the other kind is allocated when first used, which may fail. (musl does
** that beforehand, and has no static storage for what is loaded later.) The definition has to
** say so as well. */
#ifdef __GLIBC__
#define THREAD_STATIC __attribute__((tls_model("initial-exec"))) _Thread_local
#else
#define THREAD_STATIC _Thread_local
#endif
API extern THREAD_STATIC lwt_context *lwt_running_here;

static inline lwt_context *context_here(lua_State *L) {
  lwt_context *c = lwt_running_here;
  return c != NULL && c->current_co == L ? c : context_of(L);
}

#endif
