/* buffer.c: bytes that wait. Has memory only while there are any. C only. */
#include "ssl.h"

#include <stdlib.h>
#include <string.h>

#define SMALLEST 1024

int lwt_ssl_buffer_room(buffer *b, size_t n) {
  size_t waiting = b->len - b->at, cap = b->cap < SMALLEST ? SMALLEST : b->cap;
  char *data;
  if (b->cap - b->len >= n) return 1;
  if (b->at > 0 && waiting + n <= b->cap) {
    memmove(b->data, b->data + b->at, waiting);
    b->at = 0;
    b->len = waiting;
    return 1;
  }
  while (cap < waiting + n) cap *= 2;
  data = malloc(cap);
  if (data == NULL) return 0;
  if (waiting > 0) memcpy(data, b->data + b->at, waiting);
  free(b->data);
  b->data = data;
  b->cap = cap;
  b->at = 0;
  b->len = waiting;
  return 1;
}

void lwt_ssl_buffer_took(buffer *b, size_t n) {
  b->at += n;
  if (b->at >= b->len) lwt_ssl_buffer_free(b);
}

void lwt_ssl_buffer_free(buffer *b) {
  free(b->data);
  memset(b, 0, sizeof *b);
}
