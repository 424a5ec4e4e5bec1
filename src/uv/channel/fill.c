/* fill.c: the input buffer: its room, and how it is filled.
**
** Called by read.c. The port reads straight into the buffer, which grows while a
** single operation needs more than it holds, and is given away when it is empty (buffer.c).
** Runs no Lua code.
*/
#include "channel.h"

#include <string.h>

/* Make room in the input buffer for `want` more bytes at best. UV_ENOMEM or 0. */
static int make_room(channel *ch, size_t want) {
  channel_in *in = &ch->in;
  size_t unread = in->tail - in->head, cap;
  char *buf;
  if (unread == 0) {
    lwt_uv_channel_give_input(ch);
    in->head = in->tail = 0;
  }
  if (in->cap > in->tail) {
    if (in->cap - in->tail >= want) return 0;
    /* Not all that is wanted fits, but half of the buffer is free. */
    if (in->cap >= in->size && in->tail < in->cap / 2) return 0;
  }
  /* What came has filled the buffer: more may come at a time. (A source that is read by
  ** lines leaves a part of one each time, so that the buffer is never empty.) */
  if (in->full && unread > 0 && in->cap < in->size) {
    cap = in->cap * 4 > want + unread ? in->cap * 4 : want + unread;
    if (lwt_uv_channel_larger_input(ch, cap < in->size ? cap : in->size)) return 0;
  }
  if (in->buf != NULL && in->head > 0 && in->head >= in->cap / 4) {
    memmove(in->buf, in->buf + in->head, unread);
    in->head = 0;
    in->tail = unread;
    return 0;
  }
  cap = in->cap > 0 ? in->cap * 2 : in->next > 0 ? in->next : CHANNEL_FIRST;
  if (in->cap < in->size) {
    if (cap < want + unread) cap = want + unread;
    if (cap > in->size) cap = in->size;
  }
  buf = cap > in->cap ? lwt_uv_channel_buffer(ch, in->buf, cap) : NULL;
  if (buf == NULL) return UV_ENOMEM;
  in->buf = buf;
  in->cap = cap;
  return 0;
}

/* What may be read at once into the room that there is. */
static size_t room_of(const channel_in *in) {
  size_t room = in->cap - in->tail;
  return room < CHANNEL_READ_MAX ? room : CHANNEL_READ_MAX;
}

/* The port has something for a channel that waits without a buffer. */
static char *late_room(void *data, size_t *len) {
  channel *ch = data;
  if (make_room(ch, 1) < 0) return NULL;
  *len = room_of(&ch->in);
  return ch->in.buf + ch->in.tail;
}

/* As the port's read. */
static ssize_t read_more(channel *ch, size_t want) {
  channel_in *in = &ch->in;
  const port_class *class = ch->port->class;
  int r;
  if (in->buf == NULL && class->read_late != NULL) {
    ssize_t n;
    if (want > CHANNEL_FIRST && want > in->next)
      in->next = want; /* no more than in->size is taken */
    n = class->read_late(ch->port, late_room, lwt_uv_channel_on_read, ch);
    if (n <= 0) lwt_uv_channel_give_input(ch);
    return n;
  }
  r = make_room(ch, want);
  if (r < 0) return r;
  return class->read(ch->port, in->buf + in->tail, room_of(in), lwt_uv_channel_on_read,
                     ch);
}

int lwt_uv_channel_refill(channel *ch, size_t want) {
  channel_in *in = &ch->in;
  lwt_uv *ctx = ch->ctx;
  ssize_t n;
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
  n = read_more(ch, want);
  if (n == UV_EAGAIN) {
    in->pending = 1;
    return 0;
  }
  in->full = n > 0 && (size_t)n == room_of(in);
  if (n > 0)
    in->tail += (size_t)n;
  else if (n == UV_EOF)
    in->eof = 1;
  else
    in->error = (int)n;
  return 1;
}
