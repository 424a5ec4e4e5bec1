/* inbox.h: how other threads reach a state's loop (inbox.c). */
#ifndef LWT_UV_INBOX_H
#define LWT_UV_INBOX_H

#include "internal.h"

/* Something to be done in another state, the first field of whatever it is about. */
typedef struct lwt_uv_post lwt_uv_post;
struct lwt_uv_post {
  lwt_uv_post *next;
  /* In the state's thread, on its main stack, protected, when its loop turns. The post
  ** is deliver's from now on, whether it raises or not. */
  void (*deliver)(lua_State *L, lwt_uv_post *post);
  /* Instead, when the state is closed: any thread, C only. */
  void (*drop)(lwt_uv_post *post);
};

/* One for each state with lwt.uv, made when first asked for; outlives the state while
** there are references. */
typedef struct lwt_uv_inbox lwt_uv_inbox;

/* The inbox of this state, on the loop that it has now. NULL: out of memory or
** descriptors, status in *status. The state's own reference: do not release it. */
lwt_uv_inbox *lwt_uv_inbox_of(lwt_uv *ctx, int *status);
void lwt_uv_inbox_retain(lwt_uv_inbox *inbox);
void lwt_uv_inbox_release(lwt_uv_inbox *inbox);
/* From any thread. 0, or -1 when the state is closed: the post is still the caller's. */
int lwt_uv_inbox_post(lwt_uv_inbox *inbox, lwt_uv_post *post);
/* In `deliver`: take the post that follows, if it has the same function `like`, to deliver
** it as well. NULL: it has not. */
lwt_uv_post *lwt_uv_inbox_next(lwt_uv *ctx,
                               void (*like)(lua_State *L, lwt_uv_post *post));
/* From any thread: make the state's loop turn; when it does it looks at
** ctx->stopping. */
void lwt_uv_inbox_wake(lwt_uv_inbox *inbox);
/* Is there something in it that has not been delivered? */
int lwt_uv_inbox_pending(lwt_uv *ctx);
/* The state has gone over to another loop (engine.adopt). */
void lwt_uv_inbox_move(lwt_uv *ctx);
/* The state is being closed: refuse posts from now on, drop what is there. */
void lwt_uv_inbox_close(lwt_uv *ctx);

#endif
