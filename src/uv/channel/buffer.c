/* buffer.c: the memory of buffers. A channel has a buffer only while there is something in it,
** or while the port is about to fill it: an idle connection has none.
**
** Called by fill.c and write.c. Buffers that are not in use belong to the state, which gives
** them to the next channel that needs one. Runs no Lua code.
*/
#include "channel.h"

#include <stdlib.h>
#include <string.h>

static char *buffer_new(channel_state *st, size_t cap) {
  if (cap == CHANNEL_FIRST && st->nsmall > 0) return st->small[--st->nsmall];
  if (cap == st->large_cap && st->large != NULL) {
    char *buf = st->large;
    st->large = NULL;
    return buf;
  }
  return malloc(cap);
}

static void buffer_free(channel_state *st, char *buf, size_t cap) {
  if (cap == CHANNEL_FIRST && st->nsmall < CHANNEL_SPARES) {
    st->small[st->nsmall++] = buf;
  } else if (cap > CHANNEL_FIRST && cap <= CHANNEL_BUFFER &&
             (st->large == NULL || st->large_cap < cap)) {
    free(st->large);
    st->large = buf;
    st->large_cap = cap;
  } else {
    free(buf);
  }
}

void lwt_uv_channel_free_spares(channel_state *st) {
  while (st->nsmall > 0) free(st->small[--st->nsmall]);
  free(st->large);
  st->large = NULL;
}

char *lwt_uv_channel_buffer(channel *ch, char *buf, size_t cap) {
  return buf == NULL ? buffer_new(channel_state_of(ch->ctx), cap) : realloc(buf, cap);
}

/* The size of the channel's next buffer: half, when less than half of this one was used. */
static size_t next_size(size_t cap, size_t used, size_t first) {
  if (used * 2 < cap) cap /= 2;
  return cap > first ? cap : first;
}

void lwt_uv_channel_give_input(channel *ch) {
  channel_in *in = &ch->in;
  if (in->head != in->tail || in->pending || in->buf == NULL) return;
  if (in->cap > in->size) { /* grown for a long line */
    free(in->buf);
  } else if (in->cap <= CHANNEL_BUFFER || (in->full && in->cap < in->size)) {
    in->next = in->full ? in->cap * 4 : next_size(in->cap, in->tail, CHANNEL_FIRST);
    buffer_free(channel_state_of(ch->ctx), in->buf, in->cap);
  } else {
    return; /* the user asked for one of this size */
  }
  in->buf = NULL;
  in->head = in->tail = in->cap = 0;
}

int lwt_uv_channel_larger_input(channel *ch, size_t cap) {
  channel_in *in = &ch->in;
  char *buf = buffer_new(channel_state_of(ch->ctx), cap);
  if (buf == NULL) return 0;
  memcpy(buf, in->buf + in->head, in->tail - in->head);
  buffer_free(channel_state_of(ch->ctx), in->buf, in->cap);
  in->buf = buf;
  in->cap = cap;
  in->tail -= in->head;
  in->head = 0;
  return 1;
}

void lwt_uv_channel_give_output(channel *ch) {
  channel_out *out = &ch->out;
  if (out->buf == NULL || out->cap > CHANNEL_BUFFER) return;
  out->next = next_size(out->cap, out->len, CHANNEL_FIRST_OUT);
  buffer_free(channel_state_of(ch->ctx), out->buf, out->cap);
  out->buf = NULL;
  out->cap = 0;
}

void lwt_uv_channel_give_flown(channel *ch) {
  channel_out *out = &ch->out;
  if (out->fly == NULL || out->fly_cap > CHANNEL_BUFFER) return;
  buffer_free(channel_state_of(ch->ctx), out->fly, out->fly_cap);
  out->fly = NULL;
  out->fly_cap = 0;
}
