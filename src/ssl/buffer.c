/* buffer.c: buffers: bytes that wait to be read or sent. A buffer has memory only while there are any. It goes back
** to the session's context, which keeps a few pieces for the next one: a busy connection asks the
** allocator for nothing, and an idle one holds nothing. C only.
*/
#include "ssl.h"

#include <stdlib.h>
#include <string.h>

#define SMALLEST 1024 /* the allocator itself is quick to give these */
#define SMALL 4096    /* more than that: a large piece at once */

/* A record is copied by pieces of so many bytes. For longer ones the C library may take `rep movsb`,
** which is thirty times slower on AMD's Zen 3 where the two addresses differ by 1 to 31 modulo 4096. Our
** pieces and OpenSSL's buffers, one beside the other in the heap, often do. */
#define COPIED 2048

/* NULL: the allocator's. The context's spare pieces belong to the main thread: they are not used while a
** thread of the pool works. */
static spares *spares_of(session *s, size_t cap) {
  context *c = s->context;
  if (s->busy) return NULL;
  return cap == SMALL ? &c->small : cap == LWT_SSL_PIECE ? &c->large : NULL;
}

static char *take_piece(session *s, size_t cap) {
  spares *from = spares_of(s, cap);
  return from != NULL && from->n > 0 ? from->piece[--from->n] : malloc(cap);
}

static void give_piece(session *s, char *data, size_t cap) {
  spares *to = spares_of(s, cap);
  if (to != NULL && to->n < LWT_SSL_SPARES)
    to->piece[to->n++] = data;
  else
    free(data);
}

int lwt_ssl_buffer_room(session *s, buffer *b, size_t n) {
  size_t waiting = b->len - b->at, cap = b->cap;
  char *data;
  if (b->cap - b->len >= n) return 1;
  if (b->at > 0 && waiting + n <= b->cap) {
    memmove(b->data, b->data + b->at, waiting);
    b->at = 0;
    b->len = waiting;
    return 1;
  }
  if (cap < LWT_SSL_PIECE)
    cap = waiting + n > SMALL ? LWT_SSL_PIECE : waiting + n > SMALLEST ? SMALL : SMALLEST;
  while (cap < waiting + n) cap *= 2;
  data = take_piece(s, cap);
  if (data == NULL) return 0;
  if (waiting > 0) memcpy(data, b->data + b->at, waiting);
  if (b->data != NULL) give_piece(s, b->data, b->cap);
  b->data = data;
  b->cap = cap;
  b->at = 0;
  b->len = waiting;
  return 1;
}

void lwt_ssl_buffer_copy(char *to, const char *from, size_t n) {
  while (n > COPIED) {
    memcpy(to, from, COPIED);
    to += COPIED;
    from += COPIED;
    n -= COPIED;
  }
  memcpy(to, from, n);
}

void lwt_ssl_buffer_took(session *s, buffer *b, size_t n) {
  b->at += n;
  if (b->at >= b->len) lwt_ssl_buffer_free(s, b);
}

void lwt_ssl_buffer_free(session *s, buffer *b) {
  if (b->data != NULL) give_piece(s, b->data, b->cap);
  memset(b, 0, sizeof *b);
}
