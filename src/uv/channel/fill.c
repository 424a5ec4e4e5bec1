/* fill.c: the input buffer: its room, and how it is filled.
**
** Called by read.c. The port reads straight into the buffer, which grows while a
** single operation needs more than it holds and shrinks when it is empty again. Runs no Lua
** code.
*/
#include "channel.h"

#include <stdlib.h>
#include <string.h>

void lwt_uv_channel_drop_input(channel_in *in) {
  free(in->buf);
  in->buf = NULL;
  in->head = in->tail = in->cap = 0;
}

int lwt_uv_channel_room(channel *ch, size_t want) {
  channel_in *in = &ch->in;
  size_t unread = in->tail - in->head, cap = CHANNEL_FIRST;
  char *buf;
  if (unread == 0) {
    in->head = in->tail = 0;
    if (in->cap > in->size) {
      lwt_uv_channel_drop_input(in);
    } else if (in->full && in->cap < in->size) { /* proved too small: nothing to keep */
      cap = in->cap * 4;
      lwt_uv_channel_drop_input(in);
    }
  }
  if (in->cap > in->tail) {
    if (in->cap - in->tail >= want) return 0;
    /* Not all that is wanted fits, but half of the buffer is free. */
    if (in->cap >= in->size && in->tail < in->cap / 2) return 0;
  }
  if (in->head > 0 && in->head >= in->cap / 4) {
    memmove(in->buf, in->buf + in->head, unread);
    in->head = 0;
    in->tail = unread;
    return 0;
  }
  if (in->cap > 0) cap = in->cap * 2;
  if (in->cap < in->size) {
    if (cap < want + unread) cap = want + unread;
    if (cap > in->size) cap = in->size;
  }
  buf = cap > in->cap ? realloc(in->buf, cap) : NULL;
  if (buf == NULL) return UV_ENOMEM;
  in->buf = buf;
  in->cap = cap;
  return 0;
}

int lwt_uv_channel_refill(channel *ch, size_t want) {
  channel_in *in = &ch->in;
  lwt_uv *ctx = ch->ctx;
  size_t room;
  ssize_t n;
  int r;
  if (in->pending || in->yielded) return 0;
  if (in->turn != ctx->turn) {
    in->turn = ctx->turn;
    in->burst = 0;
  }
  if (++in->burst > CHANNEL_BUDGET) {
    in->yielded = 1; /* give the others a turn: the idle hook goes on */
    lwt_uv_channel_idle_start(ch);
    return 0;
  }
  r = lwt_uv_channel_room(ch, want);
  if (r < 0) {
    in->error = r;
    return 1;
  }
  room = in->cap - in->tail;
  if (room > CHANNEL_READ_MAX) room = CHANNEL_READ_MAX;
  n = ch->port->class->read(ch->port, in->buf + in->tail, room, lwt_uv_channel_on_read,
                            ch);
  if (n == UV_EAGAIN) {
    in->pending = 1;
    return 0;
  }
  in->full = n == (ssize_t)room;
  if (n > 0)
    in->tail += (size_t)n;
  else if (n == 0 || n == UV_EOF)
    in->eof = 1;
  else
    in->error = (int)n;
  return 1;
}
