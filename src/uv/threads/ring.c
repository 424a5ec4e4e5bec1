/* ring.c: a thread channel as all the states see it that share it: a locked ring of
** messages, a queue of receivers that wait, and one of senders. Nothing here knows Lua.
*/
#include <stdlib.h>

#include "ring.h"

typedef lwt_uv_thread_waiter waiter;
typedef lwt_uv_thread_channel channel;

void lwt_uv_ring_append(lwt_uv_waiter_queue *q, waiter *w) {
  w->waiting = 1;
  w->next = NULL;
  w->prev = q->last;
  if (q->last != NULL)
    q->last->next = w;
  else
    q->first = w;
  q->last = w;
}

void lwt_uv_ring_withdraw(channel *c, waiter *w) {
  lwt_uv_waiter_queue *q = w->sender ? &c->senders : &c->receivers;
  if (w->prev != NULL)
    w->prev->next = w->next;
  else
    q->first = w->next;
  if (w->next != NULL)
    w->next->prev = w->prev;
  else
    q->last = w->prev;
  w->waiting = 0;
}

static int reserve(channel *c) {
  if (c->count < c->size) return 1;
  size_t size = c->size < 8 ? 8 : c->size * 2;
  lwt_uv_message **ring = malloc(size * sizeof(void *));
  if (ring == NULL) return 0;
  for (size_t i = 0; i < c->count; i++) ring[i] = c->ring[(c->head + i) % c->size];
  free(c->ring);
  c->ring = ring;
  c->size = size;
  c->head = 0;
  return 1;
}

static void push(channel *c, lwt_uv_message *m) { /* there is room */
  c->ring[(c->head + c->count++) % c->size] = m;
}

static lwt_uv_message *pop(channel *c) {
  lwt_uv_message *m = c->ring[c->head];
  c->head = (c->head + 1) % c->size;
  c->count--;
  return m;
}

int lwt_uv_ring_wake_first(channel *c, lwt_uv_waiter_queue *q, lwt_uv_message *m) {
  waiter *w;
  while ((w = q->first) != NULL) {
    lwt_uv_ring_withdraw(c, w);
    if (!w->sender) w->message = m;
    if (m != NULL) atomic_fetch_add(&c->in_hand, 1);
    if (lwt_uv_inbox_post(w->inbox, &w->post) == 0) return 1;
    if (m != NULL) atomic_fetch_sub(&c->in_hand, 1);
    if (!w->sender) w->message = NULL;
  }
  return 0;
}

lwt_uv_message *lwt_uv_ring_take(channel *c) {
  lwt_uv_message *m = NULL;
  waiter *w = c->senders.first;
  if (c->count > 0) {
    m = pop(c);
    atomic_fetch_add(&c->in_hand, 1);
    if (w == NULL || c->count >= c->bound) return m;
    push(c, w->message);
  } else if (w != NULL) {
    m = w->message;
    atomic_fetch_add(&c->in_hand, 1);
  } else {
    return NULL;
  }
  w->message = NULL;
  lwt_uv_ring_withdraw(c, w);
  lwt_uv_inbox_post(w->inbox, &w->post); /* or its state is closing */
  return m;
}

int lwt_uv_ring_is_over(channel *c, int nested) {
  return c->closed && (nested || atomic_load(&c->in_hand) == 0);
}

void lwt_uv_ring_tell_end(channel *c) {
  while (c->count == 0 && lwt_uv_ring_is_over(c, 0) &&
         lwt_uv_ring_wake_first(c, &c->receivers, NULL))
    continue;
}

/* Either the thread that brings `in_hand` to 0 sees that the channel is closed, or the
** one that closes it sees the 0: both are in one order for all threads. */
void lwt_uv_ring_arrived(channel *c) {
  if (atomic_fetch_sub(&c->in_hand, 1) > 1 || !atomic_load(&c->closed)) return;
  uv_mutex_lock(&c->lock);
  lwt_uv_ring_tell_end(c);
  uv_mutex_unlock(&c->lock);
}

int lwt_uv_ring_put_back(channel *c, lwt_uv_message *m) {
  int kept = lwt_uv_ring_wake_first(c, &c->receivers, m);
  if (!kept && reserve(c)) {
    c->head = (c->head + c->size - 1) % c->size;
    c->ring[c->head] = m;
    c->count++;
    kept = 1;
  }
  atomic_fetch_sub(&c->in_hand, 1);
  lwt_uv_ring_tell_end(c);
  return kept;
}

void lwt_uv_ring_let_go(channel *c) {
  if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) > 1) return;
  while (c->count > 0) lwt_uv_message_free(pop(c));
  free(c->ring);
  uv_mutex_destroy(&c->lock);
  free(c);
}

channel *lwt_uv_ring_keep(channel *c) {
  atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
  return c;
}

lwt_uv_thread_channel *lwt_uv_thread_channel_retain(void *p) {
  channel *c = lwt_uv_ring_keep(p);
  atomic_fetch_add_explicit(&c->handles, 1, memory_order_relaxed);
  return c;
}

void lwt_uv_thread_channel_release(channel *c) {
  if (atomic_fetch_sub_explicit(&c->handles, 1, memory_order_acq_rel) <= 2) {
    /* Waiters may now wait in vain: let their states look (see _alive). */
    uv_mutex_lock(&c->lock);
    for (waiter *w = c->receivers.first; w != NULL; w = w->next)
      lwt_uv_inbox_wake(w->inbox);
    for (waiter *w = c->senders.first; w != NULL; w = w->next)
      lwt_uv_inbox_wake(w->inbox);
    uv_mutex_unlock(&c->lock);
  }
  lwt_uv_ring_let_go(c);
}

int lwt_uv_ring_send(channel *c, lwt_uv_message *m) {
  if (c->closed) return LWT_UV_SHUT;
  if (lwt_uv_ring_wake_first(c, &c->receivers, m)) return LWT_UV_SENT;
  if (c->count >= c->bound || c->senders.first != NULL) return LWT_UV_MUST_WAIT;
  if (!reserve(c)) return LWT_UV_NO_MEMORY;
  push(c, m);
  return LWT_UV_SENT;
}
