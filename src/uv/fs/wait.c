/* wait.c: file operations that wait for a fifo, a terminal or a socket, on the loop.
**
** A thread of the pool that waited could do nothing for other files meanwhile. So what is
** not ready is polled by the loop, and the request goes to the pool again when it is
** (internal.h, fs_work). What is polled is a duplicate: libuv watches a descriptor once
** only, and a channel or stream that was made of the same one may be watching it.
**
** What removes things waits here for the end of requests that were cancelled before, and
** that a thread still has: they may be making what is to be removed (left.c).
*/
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

/* A fifo without a reader cannot be polled: how often it is asked again, in milliseconds. */
#define ASK_AGAIN 10
/* How long what removes things waits for what seems to make something elsewhere. */
#define ELSEWHERE 1000

struct fs_wait {
  union {
    uv_handle_t handle;
    uv_poll_t poll;
    uv_timer_t timer;
  } uv;
  fs_req *q;
  lwt_uv *ctx;
  int fd; /* the duplicate; -1: a timer */
  /* FS_WAIT_LEFT: in fs_state.removing; the latest to wait for. */
  fs_wait *next, **before;
  uint64_t last;
};

static void on_closed(uv_handle_t *h) {
  fs_wait *w = h->data;
  w->ctx->unclosed--;
  free(w);
}

void lwt_uv_fs_wait_end(fs_req *q) {
  fs_wait *w = q->wait;
  q->wait = NULL;
  if (w->before != NULL) {
    *w->before = w->next;
    if (w->next != NULL) w->next->before = w->before;
  }
  w->ctx->unclosed++;
  uv_close(&w->uv.handle, on_closed);
  if (w->fd >= 0) close(w->fd); /* no longer watched once uv_close has returned */
}

static void run_again(fs_req *q) {
  lwt_uv_fs_wait_end(q);
  int status = lwt_uv_fs_submit(q);
  if (status < 0) lwt_uv_req_done(&q->req, status);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  (void)status; /* an error too: the call itself tells which */
  (void)events;
  run_again(((fs_wait *)poll->data)->q);
}

static void on_timer(uv_timer_t *timer) {
  run_again(((fs_wait *)timer->data)->q);
}

static fs_wait *new_wait(fs_req *q) {
  fs_wait *w = calloc(1, sizeof *w);
  if (w == NULL) return NULL;
  w->q = q;
  w->ctx = q->req.ctx;
  w->fd = -1;
  return w;
}

/* libuv has it from here on. */
static void begin(fs_req *q, fs_wait *w) {
  w->uv.handle.data = w;
  q->wait = w;
}

static int wait_timer(fs_req *q, uint64_t milliseconds) {
  fs_wait *w = new_wait(q);
  if (w == NULL) return UV_ENOMEM;
  uv_timer_init(w->ctx->loop, &w->uv.timer); /* neither can fail */
  begin(q, w);
  return uv_timer_start(&w->uv.timer, on_timer, milliseconds, 0);
}

/* libuv sets what it polls non-blocking, for all programs that share it: it is set back
** as it was. */
static int wait_poll(fs_req *q, int events) {
  int flags = fcntl(q->wait_fd, F_GETFL), fd = fcntl(q->wait_fd, F_DUPFD_CLOEXEC, 3);
  if (fd < 0) return -errno;
  fs_wait *w = new_wait(q);
  int status = w == NULL ? UV_ENOMEM : uv_poll_init(q->req.ctx->loop, &w->uv.poll, fd);
  if (!(flags & O_NONBLOCK)) fcntl(fd, F_SETFL, flags);
  if (status < 0) {
    close(fd);
    free(w);
    return status;
  }
  w->fd = fd;
  begin(q, w);
  status = uv_poll_start(&w->uv.poll, events, on_poll);
  if (status < 0) lwt_uv_fs_wait_end(q);
  return status;
}

static void on_elsewhere(uv_timer_t *timer) {
  const fs_wait *w = timer->data;
  const fs_state *fs = w->ctx->family[LWT_UV_FFS];
  if (!lwt_uv_fs_is_left_below(fs, w->last, w->q->removes))
    run_again(w->q);
  else
    uv_timer_start(timer, on_elsewhere, ELSEWHERE, 0);
}

static int wait_left(fs_req *q) {
  fs_state *fs = q->req.ctx->family[LWT_UV_FFS];
  fs_wait *w = new_wait(q);
  if (w == NULL) return UV_ENOMEM;
  uv_timer_init(w->ctx->loop, &w->uv.timer);
  begin(q, w);
  w->last = fs->last_left;
  w->next = fs->removing;
  w->before = &fs->removing;
  if (w->next != NULL) w->next->before = &w->next;
  fs->removing = w;
  return uv_timer_start(&w->uv.timer, on_elsewhere, ELSEWHERE, 0); /* cannot fail */
}

void lwt_uv_fs_left_changed(fs_state *fs) {
  for (fs_wait *w = fs->removing; w != NULL; w = w->next)
    if (!lwt_uv_fs_is_left(fs, w->last)) uv_timer_start(&w->uv.timer, on_timer, 0, 0);
}

int lwt_uv_fs_wait(fs_req *q) {
  switch (q->wait_for) {
  case FS_WAIT_READ: return wait_poll(q, UV_READABLE);
  case FS_WAIT_WRITE: return wait_poll(q, UV_WRITABLE);
  case FS_WAIT_READER: return wait_timer(q, ASK_AGAIN);
  case FS_WAIT_LEFT: return wait_left(q);
  default: return wait_timer(q, 0);
  }
}
