/* thread_inbox.c: how other threads reach a state's loop.
**
** One inbox per state: a locked list of posts and one uv_async_t. The lock also guards
** the async itself, so that a sender never meets one that is being closed. The inbox is
** counted: senders may outlive the state, and then find it shut.
*/
#include <stdlib.h>

#include "thread.h"

struct lwt_uv_inbox {
  atomic_int refs;
  uv_mutex_t lock;
  lwt_uv_post *first, *last;
  uv_async_t *async; /* NULL: shut */
  /* The state's thread only. */
  lwt_uv *ctx;
  uv_loop_t *loop;    /* that the async is on */
  lwt_uv_post *taken; /* being delivered */
};

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

static void take(lwt_uv_inbox *inbox) {
  lwt_uv_post **end = &inbox->taken; /* not empty in a nested turn of the loop */
  while (*end != NULL) end = &(*end)->next;
  uv_mutex_lock(&inbox->lock);
  *end = inbox->first;
  inbox->first = inbox->last = NULL;
  uv_mutex_unlock(&inbox->lock);
}

static void on_async(uv_async_t *async) {
  lwt_uv_inbox *inbox = async->data;
  if (inbox->ctx->closing) return;
  lwt_uv_inbox_retain(inbox);
  if (lwt_uv_stopping(inbox->ctx)) lwt_uv_enter(inbox->ctx, stop_turn, NULL);
  take(inbox);
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
** block holds a reference until libuv has let go of it. */
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
  inbox->loop = inbox->ctx->loop;
  if (inbox->first != NULL) uv_async_send(async);
  uv_mutex_unlock(&inbox->lock);
  if (old != NULL) close_async(inbox, old);
  return 0;
}

static void detach(lwt_uv_inbox *inbox) {
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
  lwt_uv_threads *t = ctx->family[LWT_UV_FTHREAD];
  *status = 0;
  if (t == NULL || ctx->closing || ctx->loop == NULL) {
    *status = UV_ECANCELED;
    return NULL;
  }
  if (t->inbox == NULL) t->inbox = make(ctx, status);
  return t->inbox;
}

void lwt_uv_inbox_move(lwt_uv *ctx) {
  lwt_uv_threads *t = ctx->family[LWT_UV_FTHREAD];
  if (t == NULL || t->inbox == NULL || t->inbox->loop == ctx->loop) return;
  if (attach(t->inbox) < 0) detach(t->inbox); /* out of descriptors: it is shut */
}

int lwt_uv_inbox_pending(lwt_uv *ctx) {
  lwt_uv_threads *t = ctx->family[LWT_UV_FTHREAD];
  if (t == NULL || t->inbox == NULL) return 0;
  uv_mutex_lock(&t->inbox->lock);
  int pending = t->inbox->first != NULL || t->inbox->taken != NULL;
  uv_mutex_unlock(&t->inbox->lock);
  return pending;
}

void lwt_uv_inbox_retain(lwt_uv_inbox *inbox) {
  atomic_fetch_add_explicit(&inbox->refs, 1, memory_order_relaxed);
}

void lwt_uv_inbox_release(lwt_uv_inbox *inbox) {
  if (atomic_fetch_sub_explicit(&inbox->refs, 1, memory_order_acq_rel) > 1) return;
  uv_mutex_destroy(&inbox->lock);
  free(inbox);
}

int lwt_uv_inbox_post(lwt_uv_inbox *inbox, lwt_uv_post *post) {
  post->next = NULL;
  uv_mutex_lock(&inbox->lock);
  if (inbox->async == NULL) {
    uv_mutex_unlock(&inbox->lock);
    return -1;
  }
  if (inbox->last == NULL) {
    inbox->first = post;
    uv_async_send(inbox->async); /* one wake for all that come before the loop turns */
  } else {
    inbox->last->next = post;
  }
  inbox->last = post;
  uv_mutex_unlock(&inbox->lock);
  return 0;
}

void lwt_uv_inbox_wake(lwt_uv_inbox *inbox) {
  uv_mutex_lock(&inbox->lock);
  if (inbox->async != NULL) uv_async_send(inbox->async);
  uv_mutex_unlock(&inbox->lock);
}

void lwt_uv_inbox_close(lwt_uv *ctx) {
  lwt_uv_threads *t = ctx->family[LWT_UV_FTHREAD];
  lwt_uv_inbox *inbox = t->inbox;
  lwt_uv_post *post;
  if (inbox == NULL) return;
  t->inbox = NULL;
  detach(inbox);
  /* Nobody adds to the lists any more. */
  while ((post = inbox->taken) != NULL) {
    inbox->taken = post->next;
    post->drop(post);
  }
  while ((post = inbox->first) != NULL) {
    inbox->first = post->next;
    post->drop(post);
  }
  inbox->last = NULL;
  lwt_uv_inbox_release(inbox);
}
