/* waiters.h: a list of waiters, for waiters.c, which keeps it, letgo.c, which looks for those
** that were let go, and tell.c, which tells them. */
#ifndef LWT_WAITERS_H
#define LWT_WAITERS_H

#include "core.h"

/* A piece of a list of waiters; user values as below. The chunks of on_cancel
** callbacks come first. */
typedef struct chunk {
  uint16_t first, len, cap;
  uint8_t on_cancel; /* holds on_cancel callbacks, and nothing else */
  uint32_t dead;     /* in the head: how many withdrew since the last sweep */
  uint32_t total;    /* in the head: how many are in the list */
  uint32_t let_go;   /* in the head: how many were let go and have no shell: letgo.c */
  uint32_t shells;   /* in the head: how many have one, or had */
  char places[]; /* of the items: a task in a list knows where it stands by the address */
} chunk;
#define H_NEXT 1   /* the next chunk */
#define H_TAIL 2   /* in the head: the last chunk, nil when it is the head */
#define H_SOURCE 3 /* on the work stack: the resolved promise */
#define H_ON_CANCEL \
  H_SOURCE /* before, in the head: the last chunk of on_cancel callbacks, likewise */
#define H_LINK 4 /* on the work stack or the deferred queue: the next entry */
#define H_ITEM 5

/* Does w, the item that stands at this place of a list, wait there no more? It may wait for the same
** promise again: then it stands at another place, too. */
static inline int lwt_waiter_left(const promise *w, const void *place) {
  const task *t = (const task *)w;
  if (w->kind == K_TASK)
    return t->status != T_WAITING || t->direct || t->awaited != place;
  return w->how == C_CHILD && t->awaited != place;
}

#endif
