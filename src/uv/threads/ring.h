/* ring.h: a thread channel as all the states see it that share it. Used by
** channel.c and channel_wait.c alone. */
#ifndef LWT_UV_THREAD_RING_H
#define LWT_UV_THREAD_RING_H

#include "writer.h"

/* A waiting receiver or sender. Its state frees it. */
struct lwt_uv_thread_waiter {
  lwt_uv_post post;                       /* first */
  lwt_uv_thread_waiter *next, *prev;      /* in the channel's queue, under its lock */
  lwt_uv_thread_waiter *mine, *mine_prev; /* among its state's waiters */
  lwt_uv_thread_channel *channel;         /* a reference */
  lwt_uv_inbox *inbox;                    /* a reference */
  lwt_uv *ctx;
  lwt_uv_message *message; /* to send, or received: under the lock */
  lwt_uv_message *taken;   /* received, and being unpacked */
  int sender, waiting;     /* waiting: in the queue. Under the lock */
  int closed;              /* ended by close */
  int late;                /* posted to come to the channel in a later turn */
  int canceled;            /* by its own state */
  int stage;               /* of a receiver's delivery, see below */
  int promise, receipt;    /* in the registry */
};

/* While its message is being unpacked a receiver may be cancelled, by a finalizer, and the message
** comes back; once it has been told, that is over. */
enum { LWT_UV_STAGE_NONE, LWT_UV_STAGE_UNPACKING, LWT_UV_STAGE_TOLD };

typedef struct lwt_uv_waiter_queue {
  lwt_uv_thread_waiter *first, *last;
} lwt_uv_waiter_queue;

struct lwt_uv_thread_channel {
  atomic_int refs;    /* of all kinds */
  atomic_int handles; /* userdata and messages by which may yet be sent or received */
  uv_mutex_t lock;
  atomic_int closed;     /* set under the lock */
  atomic_size_t in_hand; /* messages that receivers were given and may yet give back */
  size_t bound;
  lwt_uv_message **ring; /* grows up to the bound, and beyond for what is given back */
  size_t head, count, size;
  lwt_uv_waiter_queue receivers, senders;
};

void lwt_uv_ring_let_go(lwt_uv_thread_channel *c);
lwt_uv_thread_channel *lwt_uv_ring_keep(lwt_uv_thread_channel *c);

/* All that follows: with the lock. */
void lwt_uv_ring_append(lwt_uv_waiter_queue *q, lwt_uv_thread_waiter *w);
void lwt_uv_ring_withdraw(lwt_uv_thread_channel *c, lwt_uv_thread_waiter *w);
/* End the wait of the first in the queue, with a message or without. One whose state is
** closing is out of the queue then, and that state frees it. 0: there was none. */
int lwt_uv_ring_wake_first(lwt_uv_thread_channel *c, lwt_uv_waiter_queue *q,
                           lwt_uv_message *m);
/* The next message, from the ring or a sender that waits; or NULL. It is in its receiver's hand
** until _arrived or _put_back. */
lwt_uv_message *lwt_uv_ring_take(lwt_uv_thread_channel *c);
/* Nothing is in it: will there never be anything? What a receiver has in hand may come back; to a
** `nested` turn, within the unpacking of a message, that does not matter: it cannot wait for it. */
int lwt_uv_ring_is_over(lwt_uv_thread_channel *c, int nested);
/* Tell the receivers that wait for the end, if it has come. */
void lwt_uv_ring_tell_end(lwt_uv_thread_channel *c);
/* A message that no receiver has seen goes to the next receiver, or back to the front. 0:
** no memory. */
int lwt_uv_ring_put_back(lwt_uv_thread_channel *c, lwt_uv_message *m);
/* Pass the message on without waiting. */
enum { LWT_UV_SENT, LWT_UV_MUST_WAIT, LWT_UV_SHUT, LWT_UV_NO_MEMORY };
int lwt_uv_ring_send(lwt_uv_thread_channel *c, lwt_uv_message *m);

/* Without the lock: a receiver has its message for good, or the message is lost. */
void lwt_uv_ring_arrived(lwt_uv_thread_channel *c);

#endif
