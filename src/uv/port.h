/* port.h: where a channel's bytes come from and go to.
**
** A stream handle (tcp, pipe, tty), a file, a pair of Lua functions and a buffer
** in memory each offer this one interface; channel.c (buffered channels) is its
** only user. At most one read and one write are under way at a time.
**
** Callbacks come from the event loop, outside any protected call: the callee
** enters Lua through lwt->enter. `status` is a count of bytes, UV_EOF, or another
** negative libuv error.
*/
#ifndef LWT_UV_PORT_H
#define LWT_UV_PORT_H

#include <uv.h>

#include "../lwt.h"

/* Which sides a channel on it has. */
#define CAN_READ 1
#define CAN_WRITE 2

typedef struct port port;
typedef void (*port_cb)(port *p, void *data, ssize_t status);
/* Where to read to, and how many bytes at most; NULL when there is no memory. */
typedef char *(*port_room)(void *data, size_t *len);

typedef struct port_class {
  const char *name;
  /* Read 1 to `len` bytes into `buf`. Returns the count read at once, UV_EOF,
  ** another error, or UV_EAGAIN: then `cb` is called once, later, unless
  ** read_cancel came first. */
  ssize_t (*read)(port *p, char *buf, size_t len, port_cb cb, void *data);
  /* The same into a buffer that `room` gives, and only when there is something to read: while
  ** it waits it needs none. NULL where a port cannot do that. */
  ssize_t (*read_late)(port *p, port_room room, port_cb cb, void *data);
  /* `buf` is not touched after this; bytes that arrive all the same are what the
  ** next read gets. */
  void (*read_cancel)(port *p);
  /* Write the buffers, one or two, none of them empty. Returns the count written at once (may be short), an
  ** error, or UV_EAGAIN: then `cb` is called once with the count or error, and
  ** the buffers stay valid until it is or write_cancel has returned. */
  ssize_t (*write)(port *p, const uv_buf_t *bufs, unsigned nbufs, port_cb cb, void *data);
  /* Gives up waiting for a write. Bytes that the system already has are counted
  ** as written: the number of bytes taken is returned. */
  ssize_t (*write_cancel)(port *p);
  /* Close one direction (bit 1: reading, bit 2: writing). With the last one the port
  ** closes; `cb` (may be NULL where both close) is called with 0 or an error when
  ** that direction is closed. Pending operations were cancelled by the caller before. */
  void (*close)(port *p, int directions, port_cb cb, void *data);
  /* NULL where a port has no position. From: SEEK_SET or SEEK_CUR; blocking
  ** on regular files is permitted (lseek does not wait). New position, or error. */
  int64_t (*seek)(port *p, int64_t offset, int from);
  /* With `seek`: where its end is, or an error. It moves nothing: something may be being read or
  ** written. */
  int64_t (*length)(port *p);
  /* Of ports that are part of something which others may close and free: its memory stays
  ** from `keep` on until `let_go`, which is the last call. NULL for the rest. */
  void (*keep)(port *p);
  void (*let_go)(port *p);
} port_class;

/* The first field of whatever implements it. `owner` is the userdata that must
** stay alive while an operation is pending: the channel anchors it. */
struct port {
  const port_class *class;
};

#endif
