/* notify.c: notifications (lwt.h): a function of a state's main thread that any thread may
** have called.
**
** Sends add to a counter; the first since the loop last looked puts the notification into
** the state's inbox. It is counted: by its owner until notification_stop, by each sending
** thread, and while it is in the inbox. So a thread may send after lua_close: this library
** stays in memory once a notification was made.
*/
#include <limits.h>
#include <stdlib.h>

#include "threads.h"

struct lwt_notification {
  lwt_uv_post post; /* first */
  atomic_int refs;
  atomic_uint count; /* sends not yet told; more than 0: in the inbox */
  atomic_int stopped;
  lwt_uv_inbox *inbox; /* a reference */
  lwt_notify_fn f;
  void *data;
  lwt_uv *ctx;
  int keep;
};

static void retain(lwt_notification *n) {
  atomic_fetch_add_explicit(&n->refs, 1, memory_order_relaxed);
}

static void release(lwt_notification *n) {
  if (atomic_fetch_sub_explicit(&n->refs, 1, memory_order_acq_rel) > 1) return;
  lwt_uv_inbox_release(n->inbox);
  free(n);
}

typedef struct told {
  lwt_notification *n;
  unsigned count;
} told;

/* Protected by the inbox; what f raises goes to the exception hook. */
static void deliver(lua_State *L, lwt_uv_post *post) {
  lwt_notification *n = (lwt_notification *)post;
  int top = lua_gettop(L);
  /* From here on a send posts it again, which needs a reference of its own. */
  unsigned count = atomic_exchange_explicit(&n->count, 0, memory_order_acq_rel);
  lwt_notify_fn f = n->f;
  void *data = n->data;
  int stopped = atomic_load_explicit(&n->stopped, memory_order_relaxed);
  release(n);
  if (!stopped) f(L, data, count);
  lua_settop(L, top);
}

static void drop(lwt_uv_post *post) {
  lwt_notification *n = (lwt_notification *)post;
  atomic_store_explicit(&n->stopped, 1, memory_order_release);
  release(n);
}

static int api_send(lwt_notification *n) {
  if (atomic_load_explicit(&n->stopped, memory_order_acquire)) return -1;
  unsigned count = atomic_load_explicit(&n->count, memory_order_relaxed);
  do /* what does not fit is not counted: from 0 on it would be posted a second time */
    if (count == UINT_MAX) return 0;
  while (!atomic_compare_exchange_weak_explicit(
      &n->count, &count, count + 1, memory_order_acq_rel, memory_order_relaxed));
  if (count > 0) return 0;
  retain(n);
  if (lwt_uv_inbox_post(n->inbox, &n->post) == 0) return 0;
  atomic_store_explicit(&n->stopped, 1, memory_order_release);
  release(n);
  return -1;
}

static lwt_notification *api_new(const lwt_api *lwt, lua_State *L, lwt_notify_fn f,
                                 void *data, int keep) {
  lwt_uv *ctx = lwt->system;
  int status = UV_ENOMEM;
  lwt_uv_check_open(ctx, L);
  lwt_uv_inbox *inbox = lwt_uv_inbox_of(ctx, &status);
  lwt_notification *n = inbox == NULL ? NULL : calloc(1, sizeof *n);
  if (n == NULL) {
    lwt_uv_raise(ctx, L, inbox == NULL ? status : UV_ENOMEM, "notification", NULL, NULL);
    return NULL;
  }
  n->post.deliver = deliver;
  n->post.drop = drop;
  atomic_init(&n->refs, 1);
  atomic_init(&n->count, 0);
  atomic_init(&n->stopped, 0);
  n->inbox = inbox;
  lwt_uv_inbox_retain(inbox);
  n->f = f;
  n->data = data;
  n->ctx = ctx;
  n->keep = keep;
  if (keep) ctx->waiting++;
  lwt_uv_pin_library();
  return n;
}

/* Also while or after the state closes: the context's memory lasts as long as any
** finaliser may run. */
static void api_stop(const lwt_api *lwt, lwt_notification *n) {
  (void)lwt;
  atomic_store_explicit(&n->stopped, 1, memory_order_release);
  if (n->keep) n->ctx->waiting--;
  release(n);
}

void lwt_uv_notify_open(lwt_uv *ctx) {
  ctx->lwt->notification_new = api_new;
  ctx->lwt->notification_send = api_send;
  ctx->lwt->notification_stop = api_stop;
  ctx->lwt->notification_retain = retain;
  ctx->lwt->notification_release = release;
}
