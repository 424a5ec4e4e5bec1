/* port_mem.c: a port on a piece of memory: a string, or an lwt.bytes that is pinned.
**
** Made by io.c (of_bytes), used by a channel, freed by its close. It never waits. Writing
** stops at the end of the memory: ENOSPC.
*/
#include <stdlib.h>
#include <string.h>

#include "../bytes.h"
#include "channel.h"

typedef struct port_mem {
  port p;
  char *data;
  size_t size, at;
  lwt_uv_mem *mem; /* pinned; NULL: the channel's owner is a string */
} port_mem;

static ssize_t mem_read(port *p, char *buf, size_t len, port_cb cb, void *data) {
  port_mem *m = (port_mem *)p;
  size_t n = m->size - m->at;
  (void)cb;
  (void)data;
  if (n == 0) return UV_EOF;
  if (n > len) n = len;
  memcpy(buf, m->data + m->at, n);
  m->at += n;
  return (ssize_t)n;
}

static void mem_read_cancel(port *p) {
  (void)p;
}

static ssize_t mem_write(port *p, const uv_buf_t *bufs, unsigned nbufs, port_cb cb,
                         void *data) {
  port_mem *m = (port_mem *)p;
  ssize_t total = 0;
  (void)cb;
  (void)data;
  for (unsigned i = 0; i < nbufs; i++) {
    size_t n = m->size - m->at;
    if (n > bufs[i].len) n = bufs[i].len;
    if (n > 0) memcpy(m->data + m->at, bufs[i].base, n);
    m->at += n;
    total += (ssize_t)n;
  }
  return total > 0 ? total : UV_ENOSPC;
}

static ssize_t mem_write_cancel(port *p) {
  (void)p;
  return 0;
}

static void mem_close(port *p, int directions, port_cb cb, void *data) {
  port_mem *m = (port_mem *)p;
  (void)directions;
  if (m->mem != NULL) lwt_uv_mem_unpin(m->mem);
  if (cb != NULL) cb(p, data, 0);
  free(m);
}

static int64_t mem_seek(port *p, int64_t offset, int from) {
  port_mem *m = (port_mem *)p;
  int64_t at = offset + (from == SEEK_SET ? 0 : (int64_t)m->at);
  if (at < 0 || at > (int64_t)m->size) return UV_EINVAL;
  m->at = (size_t)at;
  return at;
}

static int64_t mem_length(port *p) {
  return (int64_t)((port_mem *)p)->size;
}

static const port_class mem_class = {
    .name = "memory",
    .read = mem_read,
    .read_cancel = mem_read_cancel,
    .write = mem_write,
    .write_cancel = mem_write_cancel,
    .close = mem_close,
    .seek = mem_seek,
    .length = mem_length,
};

port *lwt_uv_port_mem(char *data, size_t size, lwt_uv_mem *mem) {
  port_mem *m = calloc(1, sizeof *m);
  if (m == NULL) return NULL;
  m->p.class = &mem_class;
  m->data = data;
  m->size = size;
  m->mem = mem;
  if (mem != NULL) lwt_uv_mem_pin(mem);
  return &m->p;
}
