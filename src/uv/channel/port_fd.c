/* port_fd.c: a port on a file descriptor of whatever kind.
**
** Made by io.c, used by one channel, freed when it is closed and nothing is in flight.
**
**   a file      reads what the page cache has at once (RWF_NOWAIT); everything
**               else, and all writes, on the threadpool, at the descriptor's own position
**   a pipe, socket or terminal
**               tries, then waits with uv_poll. A descriptor that is shared with other
**               programs is never set non-blocking: poll(2) is asked before each try
**   the rest    (/dev/null …) at once
**
** What is done on the threadpool: port_job.c.
*/
#include <errno.h>
#include <fcntl.h>
#ifdef __linux__
#include <linux/fs.h>
#endif
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../lent.h"
#include "port_fd.h"

#define SHARED_WRITE 4096 /* what a writable pipe or terminal takes without waiting */

static ssize_t failure(int err) {
  return err == EWOULDBLOCK ? UV_EAGAIN : -err;
}

/* ---- The end ---------------------------------------------------------------- */

void lwt_uv_fd_finish(port_fd *f) {
  int status = 0;
  if (f->reader.busy || f->writer.busy) return;
  /* Closing a file may wait for its disk, as writing does. */
  if (f->own && f->how == ON_POOL && !f->ctx->closing && lwt_uv_fd_start_close(f) == 0)
    return;
  if (f->own && close(f->fd) < 0 && errno != EINTR) status = -errno;
  lwt_uv_fd_closed(f, status);
}

void lwt_uv_fd_closed(port_fd *f, int status) {
  if (f->own && !f->ctx->closing) lwt_uv_descriptor_freed(f->ctx);
  if (f->close_cb != NULL) f->close_cb(&f->p, f->close_data, status);
  uv_mutex_destroy(&f->mutex);
  uv_cond_destroy(&f->cond);
  free(f->own_buf);
  free(f);
}

static void poll_closed(lwt_uv_after *later) {
  port_fd *f = (port_fd *)(void *)((char *)later - offsetof(port_fd, closed));
  lwt_uv_fd_count(f, -1);
  lwt_uv_fd_finish(f);
}

static void on_poll_closed(uv_handle_t *h) {
  port_fd *f = h->data;
  f->closed.f = poll_closed;
  lwt_uv_after_add(f->ctx, &f->closed);
}

/* ---- Trying, and waiting with uv_poll --------------------------------------- */

static int is_ready(const port_fd *f, short events) {
  struct pollfd p = {.fd = f->fd, .events = events};
  return poll(&p, 1, 0) != 0;
}

/* May this be tried without blocking? */
static int may_try(const port_fd *f, short events) {
  return f->private || f->how == AT_ONCE || is_ready(f, events);
}

static ssize_t try_read(port_fd *f, char *buf, size_t len) {
  ssize_t n;
  if (!may_try(f, POLLIN)) return UV_EAGAIN;
  do n = f->socket ? recv(f->fd, buf, len, MSG_DONTWAIT) : read(f->fd, buf, len);
  while (n < 0 && errno == EINTR);
  if (n < 0) {
    int err = errno; /* which isatty changes */
    /* The other side of a terminal has gone: its end. */
    return err == EIO && f->how == ON_POLL && isatty(f->fd) ? UV_EOF : failure(err);
  }
  /* A fifo to which no program has written yet reads as if it were at its end. (At a
  ** terminal that is Ctrl-D.) */
  if (n == 0 && f->how == ON_POLL && !f->socket && !isatty(f->fd) && !is_ready(f, POLLIN))
    return UV_EAGAIN;
  if (n == 0 && len > 0 && f->broken != 0) return f->broken;
  return n > 0 ? n : UV_EOF;
}

/* The system reports once that a connection is broken: what follows for its reader is no
** clean end. (EPIPE comes after the peer's own end.) */
static void note_failure(port_fd *f, int err) {
  if (f->socket && (err == ECONNRESET || err == ETIMEDOUT || err == EHOSTUNREACH ||
                    err == ENETUNREACH || err == ENETDOWN))
    f->broken = (short)-err;
}

static ssize_t try_write(port_fd *f, const uv_buf_t *bufs, unsigned nbufs) {
  ssize_t n, total = 0;
  if (f->tapped) return lwt_uv_tap_take(f->ctx, bufs, nbufs);
  for (unsigned i = 0; i < nbufs; i++) {
    size_t at = 0;
    while (at < bufs[i].len) {
      size_t len = bufs[i].len - at;
      if (!f->private && f->how == ON_POLL && len > SHARED_WRITE) len = SHARED_WRITE;
      if (!may_try(f, POLLOUT)) return total > 0 ? total : UV_EAGAIN;
      do
        n = f->socket ? send(f->fd, bufs[i].base + at, len, MSG_DONTWAIT | MSG_NOSIGNAL)
                      : write(f->fd, bufs[i].base + at, len);
      while (n < 0 && errno == EINTR);
      if (n < 0) {
        note_failure(f, errno);
        return total > 0 ? total : failure(errno);
      }
      at += (size_t)n;
      total += n;
    }
  }
  return total;
}

static void on_poll(uv_poll_t *h, int status, int events);

/* Before the loop polls it: libuv ends the process when a descriptor that it begins to poll has been
** closed. One that is not ours may be, by its owner. */
static void make_sure(lwt_uv_after *later) {
  port_fd *f = (port_fd *)(void *)((char *)later - offsetof(port_fd, sure));
  if (f->events != 0 && fcntl(f->fd, F_GETFD) < 0) on_poll(&f->poll, UV_EBADF, 0);
}

/* Poll for what is waited for, or for nothing. */
static int set_events(port_fd *f) {
  int events =
      (f->read_cb != NULL ? UV_READABLE : 0) | (f->write_cb != NULL ? UV_WRITABLE : 0);
  int r = 0;
  if (events == f->events) return 0;
  if (events == 0)
    uv_poll_stop(&f->poll);
  else
    r = uv_poll_start(&f->poll, events, on_poll);
  if (r == 0) {
    if (events != 0 && !f->own) lwt_uv_after_add(f->ctx, &f->sure);
    f->ctx->waiting += (events != 0) - (f->events != 0);
    f->events = events;
  }
  return r;
}

static void on_poll(uv_poll_t *h, int status, int events) {
  port_fd *f = h->data;
  port_cb cb = f->read_cb, wcb = f->write_cb;
  if (status < 0) { /* libuv has stopped polling; the try tells what is wrong */
    uv_poll_stop(&f->poll);
    f->ctx->waiting -= f->events != 0;
    f->events = 0;
    events = UV_READABLE | UV_WRITABLE;
  }
  if (cb != NULL && (events & UV_READABLE)) {
    ssize_t n = try_read(f, f->buf, f->len);
    if (n == UV_EAGAIN && status < 0) n = status;
    if (n != UV_EAGAIN) {
      f->read_cb = NULL;
      if (wcb == NULL || !(events & UV_WRITABLE)) set_events(f);
      cb(&f->p, f->read_data, n);
    }
  }
  /* The callback may have closed (then nobody reads or writes any more), cancelled, or written
  ** something else. */
  if (wcb != NULL && (events & UV_WRITABLE) && f->write_cb != NULL) {
    ssize_t n = try_write(f, f->bufs, f->nbufs);
    if (n == UV_EAGAIN && status < 0) n = status;
    if (n != UV_EAGAIN) {
      wcb = f->write_cb;
      f->write_cb = NULL;
      set_events(f);
      wcb(&f->p, f->write_data, n);
      return;
    }
  }
  set_events(f);
}

/* ---- The port --------------------------------------------------------------- */

/* What the page cache has; UV_EAGAIN: ask the pool. */
static ssize_t read_now(port_fd *f, void *buf, size_t len) {
#ifdef RWF_NOWAIT
  struct iovec v = {.iov_base = buf, .iov_len = len};
  ssize_t n = preadv2(f->fd, &v, 1, -1, RWF_NOWAIT);
  if (n >= 0) return n > 0 ? n : UV_EOF;
  if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL)
    f->no_nowait = 1;
  else if (errno != EAGAIN && errno != EINTR)
    return -errno;
#else
  (void)buf, (void)len; /* musl, before 1.2.5, has no preadv2 */
  f->no_nowait = 1;
#endif
  return UV_EAGAIN;
}

static ssize_t fd_read(port *p, char *buf, size_t len, port_cb cb, void *data) {
  port_fd *f = (port_fd *)p;
  ssize_t n = lwt_uv_fd_take_kept(f, buf, len);
  if (n != UV_EAGAIN) return n;
  if (f->how != ON_POOL) {
    n = try_read(f, buf, len);
    if (n != UV_EAGAIN) return n;
  } else if (!f->no_nowait && !f->reader.busy) {
    n = read_now(f, buf, len);
    if (n != UV_EAGAIN) return n;
  }
  f->buf = buf;
  f->len = len;
  f->read_cb = cb;
  f->read_data = data;
  if (f->how == ON_POLL) {
    n = set_events(f);
  } else if (f->reader.busy) {
    n = 0; /* one that was cancelled is still under way: its bytes are the next */
  } else {
    size_t cap = len < CHANNEL_BUFFER ? len : CHANNEL_BUFFER;
    if (cap > f->own_cap) {
      char *own = realloc(f->own_buf, cap);
      if (own == NULL) {
        f->read_cb = NULL;
        return UV_ENOMEM;
      }
      f->own_buf = own;
      f->own_cap = cap;
    }
    n = lwt_uv_fd_start_read(f);
  }
  if (n < 0) {
    f->read_cb = NULL;
    return n;
  }
  return UV_EAGAIN;
}

static void fd_read_cancel(port *p) {
  port_fd *f = (port_fd *)p;
  f->read_cb = NULL;
  if (f->how == ON_POLL)
    set_events(f);
  else
    lwt_uv_fd_take_back(&f->reader);
}

static ssize_t fd_write(port *p, const uv_buf_t *bufs, unsigned nbufs, port_cb cb,
                        void *data) {
  port_fd *f = (port_fd *)p;
  ssize_t n;
  if (f->how != ON_POOL) {
    n = try_write(f, bufs, nbufs);
    if (n != UV_EAGAIN) return n;
  }
  memcpy(f->bufs, bufs, nbufs * sizeof *bufs);
  f->nbufs = nbufs;
  f->write_cb = cb;
  f->write_data = data;
  if (f->how == ON_POLL) {
    n = set_events(f);
  } else {
    n = lwt_uv_fd_start_write(f);
  }
  if (n < 0) {
    f->write_cb = NULL;
    return n;
  }
  return UV_EAGAIN;
}

static ssize_t fd_write_cancel(port *p) {
  port_fd *f = (port_fd *)p;
  f->write_cb = NULL;
  if (f->how == ON_POLL) {
    set_events(f);
    return 0;
  }
  if (!f->writer.busy || f->writer.swallow) return 0; /* it was still to begin */
  lwt_uv_fd_wait(f, &f->writer);                      /* the memory is the caller's */
  f->writer.swallow = 1;
  return f->writer.result > 0 ? f->writer.result : 0;
}

static void fd_close(port *p, int directions, port_cb cb, void *data) {
  port_fd *f = (port_fd *)p;
  if (directions == CAN_WRITE) { /* reading goes on; only a socket can say so */
    int r = f->socket && shutdown(f->fd, SHUT_WR) < 0 && errno != ENOTCONN ? -errno : 0;
    cb(p, data, r);
    return;
  }
  f->closing = 1;
  f->read_cb = f->write_cb = NULL;
  f->close_cb = cb;
  f->close_data = data;
  if (f->how == ON_POLL) {
    set_events(f);
    lwt_uv_after_drop(f->ctx, &f->sure);
    f->ctx->unclosed++;
    f->ctx->working++; /* (in `ports` it is already) */
    uv_close((uv_handle_t *)&f->poll, on_poll_closed);
    return;
  }
  if (f->reader.busy) lwt_uv_fd_take_back(&f->reader);
  if (f->writer.busy) lwt_uv_fd_take_back(&f->writer);
  lwt_uv_fd_finish(f);
}

static int64_t fd_seek(port *p, int64_t offset, int from) {
  port_fd *f = (port_fd *)p;
  off_t r;
  if (f->writer.busy && !f->writer.swallow && offset == 0 && from == SEEK_CUR)
    return f->base;
  if (f->reader.busy && !f->reader.swallow) { /* it may be one that was cancelled */
    int64_t at = f->moved ? f->to : f->start;
    if (from == SEEK_CUR && offset == 0) return at;
    if (lwt_uv_fd_is_reading(f)) {
      if (from == SEEK_CUR) offset += at;
      if (offset < 0) return UV_EINVAL;
      f->to = offset;
      f->moved = 1;
      return offset;
    }
  }
  if (from == SEEK_CUR && offset == 0) {
    r = lseek(f->fd, 0, SEEK_CUR);
    return r < 0 ? -errno : r - (off_t)(f->own_len - f->own_at);
  }
  if (from == SEEK_CUR) offset -= (int64_t)(f->own_len - f->own_at);
  f->own_at = f->own_len = 0;
  f->kept = 0;
  f->lost = 0;
  r = lseek(f->fd, (off_t)offset, from);
  return r < 0 ? -errno : r;
}

/* The position is not moved for it: a thread may be reading or writing there. */
static int64_t fd_length(port *p) {
  const port_fd *f = (port_fd *)p;
  struct stat st;
  if (fstat(f->fd, &st) != 0) return -errno;
#ifdef BLKGETSIZE64
  uint64_t size; /* of a device */
  if (S_ISBLK(st.st_mode))
    return ioctl(f->fd, BLKGETSIZE64, &size) != 0 ? -errno : (int64_t)size;
#endif
  return st.st_size;
}

static const port_class file_class = {.name = "file",
                                      .read = fd_read,
                                      .read_cancel = fd_read_cancel,
                                      .write = fd_write,
                                      .write_cancel = fd_write_cancel,
                                      .close = fd_close,
                                      .seek = fd_seek,
                                      .length = fd_length};
static const port_class poll_class = {.name = "descriptor",
                                      .read = fd_read,
                                      .read_cancel = fd_read_cancel,
                                      .write = fd_write,
                                      .write_cancel = fd_write_cancel,
                                      .close = fd_close};

/* What kind of descriptor is it? */
static int set_up(port_fd *f) {
  struct stat st;
  int r, flags = fcntl(f->fd, F_GETFL);
  if (flags < 0 || fstat(f->fd, &st) < 0) return -errno;
  if (S_ISDIR(st.st_mode)) return UV_EISDIR;
  if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) {
    f->how = ON_POOL;
    f->p.class = &file_class;
    return 0;
  }
  f->p.class = &poll_class;
  f->socket = S_ISSOCK(st.st_mode);
  if (!f->own && !(flags & O_NONBLOCK) && isatty(f->fd)) {
    /* One that can be written waits for all the same when its reader stops: so one of our own, where
    ** that may be opened, which does not wait. */
    int again = lwt_uv_lent_reopen(f->fd);
    if (again >= 0) {
      f->fd = again;
      f->own = 1;
      flags |= O_NONBLOCK;
    }
  }
  if (f->own && !(flags & O_NONBLOCK) && fcntl(f->fd, F_SETFL, flags | O_NONBLOCK) == 0)
    flags |= O_NONBLOCK;
  f->private = f->socket || (flags & O_NONBLOCK) != 0;
  r = uv_poll_init(f->ctx->loop, &f->poll, f->fd);
  if (r == UV_EPERM) { /* what cannot be polled does not wait */
    f->how = AT_ONCE;
    return 0;
  }
  if (r < 0) return r;
  f->how = ON_POLL;
  f->ctx->ports++;
  f->poll.data = f;
  /* uv_poll_init has set it non-blocking, which a shared descriptor must not be. */
  if (!(flags & O_NONBLOCK)) fcntl(f->fd, F_SETFL, flags);
  return 0;
}

port *lwt_uv_port_fd(lwt_uv *ctx, int fd, int own, int *status) {
  port_fd *f = calloc(1, sizeof *f);
  if (f == NULL) {
    *status = UV_ENOMEM;
    return NULL;
  }
  f->ctx = ctx;
  f->sure.f = make_sure;
  f->fd = f->given = fd;
  f->own = (unsigned char)own;
  *status = set_up(f);
  if (*status < 0) {
    if (f->fd != f->given) close(f->fd);
    free(f);
    return NULL;
  }
  uv_mutex_init(&f->mutex);
  uv_cond_init(&f->cond);
  return &f->p;
}

int lwt_uv_port_is_fd(const port *p) {
  return p->class == &file_class || p->class == &poll_class;
}

int lwt_uv_port_fd_fileno(const port *p) {
  return ((const port_fd *)p)->given;
}

void lwt_uv_port_fd_tap(port *p, int on) {
  port_fd *f = (port_fd *)p;
  f->tapped = (unsigned char)(on && f->how == ON_POLL);
}

ssize_t lwt_uv_port_fd_write_now(port *p, const char *data, size_t n) {
  port_fd *f = (port_fd *)p;
  uv_buf_t b = uv_buf_init((char *)data, (unsigned)n);
  int status = f->how == ON_POOL ? lwt_uv_fd_wait_for_position(f) : 0;
  return status < 0 ? status : try_write(f, &b, 1);
}
