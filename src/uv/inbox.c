/* inbox.c: how other threads reach a state's loop.
**
** One inbox per state: a list of posts, to which senders add without a lock, and one
** uv_async_t. The lock guards that, so that a sender never meets one that is being closed;
** only the first post since the list was last taken needs it. The inbox is counted: senders
** may outlive the state, and then find it shut.
*/
#include <stdlib.h>

#include "inbox.h"

struct lwt_uv_inbox {
  atomic_int refs;
  _Atomic(lwt_uv_post *) newest; /* leads to those before it; SHUT: none are taken */
  uv_mutex_t lock;
  uv_async_t *async; /* NULL: shut */
  /* The state's thread only. */
  lwt_uv *ctx;
  lwt_uv_post *taken; /* being delivered */
};

#define SHUT(inbox) ((lwt_uv_post *)(void *)(inbox)) /* an address that is no post's */

static void on_closed(uv_handle_t *h) {
  lwt_uv_inbox *inbox = h->data;
  inbox->ctx->unclosed--;
  lwt_uv_inbox_release(inbox);
  free(h);
}

static void close_async(lwt_uv_inbox *inbox, uv_async_t *async) {
  inbox->ctx->unclosed++;
  uv_close((uv_handle_t *)async, on_closed);
}

/* Deliver what was taken. An error ends the protected call: the next one goes on. */
static void deliver(lua_State *L, void *data) {
  lwt_uv_inbox *inbox = data;
  lwt_uv_post *post;
  while ((post = inbox->taken) != NULL) {
    inbox->taken = post->next;
    post->deliver(L, post);
  }
}

static void stop_turn(lua_State *L, void *data) {
  (void)data;
  luaL_error(L, "this worker is being stopped: the state that it belongs to has closed");
}

/* What has been posted, in the order in which it was, to the end of `taken` (not empty in
** a nested turn of the loop). From now on `instead` is what senders find. */
static void take(lwt_uv_inbox *inbox, lwt_uv_post *instead) {
  lwt_uv_post *post, *next, *list = NULL, **end = &inbox->taken;
  post = atomic_load_explicit(&inbox->newest, memory_order_relaxed);
  if (post == SHUT(inbox)) return; /* only this thread makes it so */
  post = atomic_exchange_explicit(&inbox->newest, instead, memory_order_acq_rel);
  for (; post != NULL; post = next) {
    next = post->next;
    post->next = list;
    list = post;
  }
  while (*end != NULL) end = &(*end)->next;
  *end = list;
}

static int is_pending(lwt_uv_inbox *inbox) {
  lwt_uv_post *post = atomic_load_explicit(&inbox->newest, memory_order_relaxed);
  return (post != NULL && post != SHUT(inbox)) || inbox->taken != NULL;
}

static void on_async(uv_async_t *async) {
  lwt_uv_inbox *inbox = async->data;
  if (inbox->ctx->closing) return;
  lwt_uv_inbox_retain(inbox);
  if (inbox->ctx->stopping != NULL && atomic_load(inbox->ctx->stopping))
    lwt_uv_enter(inbox->ctx, stop_turn, NULL);
  take(inbox, NULL);
  while (inbox->taken != NULL) {
    lwt_uv_post *before = inbox->taken;
    lwt_uv_enter(inbox->ctx, deliver, inbox);
    if (inbox->taken == before) { /* not even begun: no memory */
      lwt_uv_inbox_wake(inbox);
      break;
    }
  }
  lwt_uv_inbox_release(inbox);
}

/* Put an async on the loop that the state has now, in place of the one there was. The
** block holds a reference until libuv has closed it. */
static int attach(lwt_uv_inbox *inbox) {
  uv_async_t *old, *async = malloc(sizeof *async);
  if (async == NULL) return UV_ENOMEM;
  int status = uv_async_init(inbox->ctx->loop, async, on_async);
  if (status < 0) {
    free(async);
    return status;
  }
  async->data = inbox;
  lwt_uv_inbox_retain(inbox);
  uv_unref((uv_handle_t *)async);
  uv_mutex_lock(&inbox->lock);
  old = inbox->async;
  inbox->async = async;
  if (atomic_load_explicit(&inbox->newest, memory_order_relaxed) == SHUT(inbox))
    atomic_store_explicit(&inbox->newest, NULL, memory_order_relaxed);
  if (is_pending(inbox)) uv_async_send(async);
  uv_mutex_unlock(&inbox->lock);
  if (old != NULL) close_async(inbox, old);
  return 0;
}

static void detach(lwt_uv_inbox *inbox) {
  take(inbox, SHUT(inbox));
  uv_mutex_lock(&inbox->lock);
  uv_async_t *async = inbox->async;
  inbox->async = NULL;
  uv_mutex_unlock(&inbox->lock);
  if (async != NULL) close_async(inbox, async);
}

static lwt_uv_inbox *make(lwt_uv *ctx, int *status) {
  lwt_uv_inbox *inbox = calloc(1, sizeof *inbox);
  *status = UV_ENOMEM;
  if (inbox == NULL) return NULL;
  *status = uv_mutex_init(&inbox->lock);
  if (*status < 0) {
    free(inbox);
    return NULL;
  }
  atomic_init(&inbox->refs, 1);
  inbox->ctx = ctx;
  *status = attach(inbox);
  if (*status == 0) return inbox;
  lwt_uv_inbox_release(inbox);
  return NULL;
}

lwt_uv_inbox *lwt_uv_inbox_of(lwt_uv *ctx, int *status) {
  *status = 0;
  if (ctx->inbox_shut || ctx->loop == NULL) {
    *status = UV_ECANCELED;
    return NULL;
  }
  if (ctx->inbox == NULL) ctx->inbox = make(ctx, status);
  return ctx->inbox;
}

void lwt_uv_inbox_move(lwt_uv *ctx) {
  if (ctx->inbox == NULL) return;
  if (attach(ctx->inbox) < 0) detach(ctx->inbox); /* out of descriptors: it is shut */
}

int lwt_uv_inbox_pending(lwt_uv *ctx) {
  return ctx->inbox != NULL && is_pending(ctx->inbox);
}

void lwt_uv_inbox_retain(lwt_uv_inbox *inbox) {
  atomic_fetch_add_explicit(&inbox->refs, 1, memory_order_relaxed);
}

void lwt_uv_inbox_release(lwt_uv_inbox *inbox) {
  if (atomic_fetch_sub_explicit(&inbox->refs, 1, memory_order_acq_rel) > 1) return;
  uv_mutex_destroy(&inbox->lock);
  free(inbox);
}

/* The first post, which wakes the loop. Once a post is in the list it may be delivered,
** and the poster may give up its reference. The inbox stays nevertheless: it cannot be
** shut while we hold the lock. */
static int post_first(lwt_uv_inbox *inbox, lwt_uv_post *post) {
  lwt_uv_post *none = NULL;
  post->next = NULL;
  uv_mutex_lock(&inbox->lock);
  int done = atomic_compare_exchange_strong_explicit(
      &inbox->newest, &none, post, memory_order_release, memory_order_relaxed);
  if (done) uv_async_send(inbox->async); /* one wake for all until the loop turns */
  uv_mutex_unlock(&inbox->lock);
  return done;
}

int lwt_uv_inbox_post(lwt_uv_inbox *inbox, lwt_uv_post *post) {
  lwt_uv_post *old = atomic_load_explicit(&inbox->newest, memory_order_relaxed);
  for (;;) {
    if (old == SHUT(inbox)) return -1;
    if (old == NULL) {
      if (post_first(inbox, post)) return 0;
      old = atomic_load_explicit(&inbox->newest, memory_order_relaxed);
    } else {
      post->next = old;
      if (atomic_compare_exchange_weak_explicit(
              &inbox->newest, &old, post, memory_order_release, memory_order_relaxed))
        return 0;
    }
  }
}

lwt_uv_post *lwt_uv_inbox_next(lwt_uv *ctx,
                               void (*like)(lua_State *L, lwt_uv_post *post)) {
  lwt_uv_inbox *inbox = ctx->inbox;
  lwt_uv_post *post = inbox->taken;
  if (post == NULL || post->deliver != like) return NULL;
  inbox->taken = post->next;
  return post;
}

void lwt_uv_inbox_wake(lwt_uv_inbox *inbox) {
  uv_mutex_lock(&inbox->lock);
  if (inbox->async != NULL) uv_async_send(inbox->async);
  uv_mutex_unlock(&inbox->lock);
}

void lwt_uv_inbox_close(lwt_uv *ctx) {
  lwt_uv_inbox *inbox = ctx->inbox;
  lwt_uv_post *post;
  if (inbox == NULL) return;
  ctx->inbox = NULL;
  detach(inbox); /* from now on nobody adds to it */
  while ((post = inbox->taken) != NULL) {
    inbox->taken = post->next;
    post->drop(post);
  }
  lwt_uv_inbox_release(inbox);
}
