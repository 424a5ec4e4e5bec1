/* channel_wait.h: waiting at a thread channel, for channel.c. */
#ifndef LWT_UV_THREAD_CHANNEL_WAIT_H
#define LWT_UV_THREAD_CHANNEL_WAIT_H

#include "ring.h"

/* Push the promise of a new waiter, not yet in a queue; the receipt (or nil) is at the top.
** NULL: it failed, and the error is at the top. */
lwt_uv_thread_waiter *lwt_uv_channel_waiter(lwt_uv *ctx, lua_State *L,
                                            lwt_uv_thread_channel *c, int sender);

/* It begins to wait, or is served at once; its promise is at the top. */
void lwt_uv_channel_wait(lua_State *L, lwt_uv_thread_waiter *w);

/* Is there a receiver of this state, `w` or an older one, behind which the caller has to queue? */
int lwt_uv_channel_has_to_queue(lwt_uv_thread_channel *c, lwt_uv_thread_waiter *w,
                                int before);

/* The message could not be unpacked (the error is at the top), or is not wanted any more. */
void lwt_uv_channel_not_arrived(lua_State *L, lwt_uv_thread_channel *c,
                                lwt_uv_thread_waiter *w, lwt_uv_message *m, int failed);

#endif
