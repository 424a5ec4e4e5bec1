/* port_fd.h: a port on a file descriptor, for port_fd.c and port_job.c. */
#ifndef LWT_UV_PORT_FD_H
#define LWT_UV_PORT_FD_H

#include <string.h>

#include "channel.h"

enum { ON_POOL, ON_POLL, AT_ONCE };

typedef struct port_fd port_fd;

typedef struct fd_job {
  uv_work_t work;
  port_fd *f;
  int busy;    /* with the pool */
  int done;    /* set by the thread, under the mutex: lwt_uv_fd_wait waits for it */
  int swallow; /* its result was taken, or it was taken back, before its callback came */
  ssize_t result;
  int status;         /* what libuv said of it */
  lwt_uv_after later; /* the rest of its callback */
} fd_job;

struct port_fd {
  port p;
  lwt_uv *ctx;
  int fd;
  int given;             /* what it was made of: `fd`, but for terminals (set_up) */
  unsigned char how;     /* ON_POOL … */
  unsigned char own;     /* close the descriptor */
  unsigned char private; /* non-blocking, or a socket (which can be asked not to block) */
  unsigned char socket;
  unsigned char no_nowait; /* the system has no RWF_NOWAIT for this one */
  unsigned char closing;
  short broken; /* a socket: the error of the connection that a write has met, or 0 */
  unsigned char tapped; /* writes go to tap.c */
  uv_poll_t poll;
  int events; /* what is polled for */
  lwt_uv_after sure;
  /* Reading. */
  char *buf;
  size_t len;
  port_cb read_cb;
  void *read_data;
  fd_job reader;
  char *own_buf; /* what the job reads into */
  size_t own_cap, own_at, own_len;
  ssize_t kept; /* a late result that is no bytes: 0, UV_EOF or an error */
  /* While the job reads, the position is the thread's. */
  int64_t start;   /* where it was before */
  int64_t to;      /* where it is to be afterwards, if that is elsewhere: `moved` */
  int moved, lost; /* `lost`: the error, where it could not be set to that */
  /* Writing. */
  port_cb write_cb;
  void *write_data;
  fd_job writer;
  uv_buf_t bufs[2];
  unsigned nbufs;
  int64_t base; /* position before the write that is in flight */
  uv_mutex_t mutex;
  uv_cond_t cond;
  /* Closing. */
  port_cb close_cb;
  void *close_data;
  lwt_uv_after closed;
};

/* What the job, or an earlier one whose read was cancelled, has brought. */
static inline ssize_t lwt_uv_fd_take_kept(port_fd *f, char *buf, size_t len) {
  size_t n = f->own_len - f->own_at;
  if (n > 0) {
    if (n > len) n = len;
    memcpy(buf, f->own_buf + f->own_at, n);
    f->own_at += n;
    return (ssize_t)n;
  }
  if (f->kept != 0) {
    ssize_t r = f->kept;
    f->kept = 0;
    return r;
  }
  return UV_EAGAIN;
}

/* Something of the port is with libuv, which will tell of it on this loop (n = 1); it has told
** (n = -1). It is bound to end, the end of the state waits for it, and a task may. */
static inline void lwt_uv_fd_count(const port_fd *f, int n) {
  f->ctx->working += n;
  f->ctx->unclosed += n;
  f->ctx->ports += n;
}

/* port_fd.c: closes the descriptor once nothing is with the pool; it has been closed, and the
** port is freed. */
void lwt_uv_fd_finish(port_fd *f);
void lwt_uv_fd_closed(port_fd *f, int status);

/* port_job.c: begin a read, a write or the close of the port: 0, or a negative status. */
int lwt_uv_fd_start_read(port_fd *f);
/* (Where a read that was cancelled is still under way, it is begun after that.) */
int lwt_uv_fd_start_write(port_fd *f);
/* Is a read under way that cannot be taken back? */
int lwt_uv_fd_is_reading(port_fd *f);
int lwt_uv_fd_start_close(port_fd *f);
int lwt_uv_fd_take_back(fd_job *j);
void lwt_uv_fd_wait(port_fd *f, fd_job *j);
/* The position is where the next read would begin: 0, or a negative status. Waits for a read. */
int lwt_uv_fd_wait_for_position(port_fd *f);

#endif
