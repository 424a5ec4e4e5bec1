/* port_job.c: what is done on the threadpool of a port on a descriptor: reads, writes, the close.
**
** A job reads into the port's own memory, so that a read which is cancelled leaves the
** caller's buffer alone: its bytes are kept for the next read.
*/
#include <errno.h>
#include <stddef.h>
#include <sys/uio.h>
#include <unistd.h>

#include "port_fd.h"

static void lwt_uv_fd_job_over(port_fd *f) {
  lwt_uv_fd_count(f, -1);
  if (f->closing) lwt_uv_fd_finish(f);
}

/* The callback of every job: `later` does what there is to do. */
static void on_job(uv_work_t *w, int status) {
  fd_job *j = w->data;
  j->status = status;
  lwt_uv_after_add(j->f->ctx, &j->later);
}

static fd_job *job_of(lwt_uv_after *later) {
  return (fd_job *)(void *)((char *)later - offsetof(fd_job, later));
}

static int start_job(port_fd *f, fd_job *j, uv_work_cb work,
                     void (*after)(lwt_uv_after *later)) {
  int r;
  j->f = f;
  j->work.data = j;
  j->done = j->swallow = 0;
  j->result = UV_ECANCELED;
  j->later.f = after;
  r = lwt_uv_pool_work(f->ctx, &j->work, work, on_job);
  if (r == UV_EAGAIN)
    r = UV_ENOMEM; /* (there is no thread; EAGAIN says that a port waits) */
  if (r < 0) return r;
  j->busy = 1;
  lwt_uv_fd_count(f, 1);
  return 0;
}

static void job_done(port_fd *f, fd_job *j, ssize_t result) {
  uv_mutex_lock(&f->mutex);
  j->result = result;
  j->done = 1;
  uv_cond_signal(&f->cond);
  uv_mutex_unlock(&f->mutex);
}

/* Whether a job that was queued has not begun, and never will. */
int lwt_uv_fd_take_back(fd_job *j) {
  if (j->later.queued) return j->status == UV_ECANCELED;
  return uv_cancel((uv_req_t *)&j->work) == 0;
}

int lwt_uv_fd_is_reading(port_fd *f) {
  if (f->reader.busy && !f->reader.swallow)
    f->reader.swallow = lwt_uv_fd_take_back(&f->reader);
  return f->reader.busy && !f->reader.swallow;
}

/* Take a job that is under way back, or wait until it is done (it works on a file: not long). */
void lwt_uv_fd_wait(port_fd *f, fd_job *j) {
  if (lwt_uv_fd_take_back(j)) return;
  uv_mutex_lock(&f->mutex);
  while (!j->done) uv_cond_wait(&f->cond, &f->mutex);
  uv_mutex_unlock(&f->mutex);
  j->swallow = 1;
}

static void do_read(uv_work_t *w) {
  fd_job *j = w->data;
  port_fd *f = j->f;
  ssize_t n;
  do n = read(f->fd, f->own_buf, f->own_cap);
  while (n < 0 && errno == EINTR);
  job_done(f, j, n > 0 ? n : n == 0 ? UV_EOF : -errno);
}

/* What was read stays for the next read. */
static void keep(port_fd *f, ssize_t result) {
  if (result > 0) {
    f->own_at = 0;
    f->own_len = (size_t)result;
  } else {
    f->kept = result;
  }
}

/* The position is ours again. */
static void take_position(port_fd *f, int status) {
  if (f->moved) {
    f->moved = 0;
    if (lseek(f->fd, (off_t)f->to, SEEK_SET) < 0) keep(f, f->lost = -errno);
  } else if (status != UV_ECANCELED) {
    keep(f, f->reader.result);
  }
}

/* What was read for nobody is unread. */
static int give_back(port_fd *f) {
  size_t unread = f->own_len - f->own_at;
  if (f->lost != 0) return f->lost;
  f->own_at = f->own_len = 0;
  f->kept = 0;
  f->base = lseek(f->fd, -(off_t)unread, SEEK_CUR);
  return f->base < 0 ? -errno : 0;
}

int lwt_uv_fd_wait_for_position(port_fd *f) {
  if (f->reader.busy && !f->reader.swallow) {
    lwt_uv_fd_wait(f, &f->reader);
    if (f->reader.swallow) take_position(f, 0);
  }
  return give_back(f);
}

static void begin_write_now(port_fd *f) {
  ssize_t n = lwt_uv_fd_start_write(f);
  lwt_uv_fd_count(f, -1);
  if (n == 0) return;
  port_cb cb = f->write_cb;
  f->write_cb = NULL;
  cb(&f->p, f->write_data, n);
}

static void after_read(lwt_uv_after *later) {
  fd_job *j = job_of(later);
  port_fd *f = j->f;
  j->busy = 0;
  if (!j->swallow) take_position(f, j->status);
  if (f->write_cb != NULL && !f->writer.busy) {
    begin_write_now(f);
    return;
  }
  if (f->read_cb != NULL) { /* (not when it is being closed) */
    port_cb cb = f->read_cb;
    /* It may have been kept by whoever waited for it, to know the position. */
    ssize_t n = lwt_uv_fd_take_kept(f, f->buf, f->len);
    if (n == UV_EAGAIN) { /* cancelled, and asked for again meanwhile */
      n = lwt_uv_fd_start_read(f);
      if (n == 0) {
        lwt_uv_fd_count(f, -1);
        return;
      }
    }
    f->read_cb = NULL;
    lwt_uv_fd_count(f, -1);
    cb(&f->p, f->read_data, n); /* may close */
    return;
  }
  lwt_uv_fd_job_over(f);
}

static void do_write(uv_work_t *w) {
  fd_job *j = w->data;
  port_fd *f = j->f;
  struct iovec v[2];
  ssize_t n;
  for (unsigned i = 0; i < f->nbufs; i++) {
    v[i].iov_base = f->bufs[i].base;
    v[i].iov_len = f->bufs[i].len;
  }
  do n = writev(f->fd, v, (int)f->nbufs);
  while (n < 0 && errno == EINTR);
  job_done(f, j, n >= 0 ? n : -errno);
}

static void after_write(lwt_uv_after *later) {
  fd_job *j = job_of(later);
  port_fd *f = j->f;
  port_cb cb = f->write_cb;
  ssize_t n = j->result;
  j->busy = 0;
  if (cb == NULL) {
    lwt_uv_fd_job_over(f);
    return;
  }
  if (j->swallow) { /* taken back, and there is another one meanwhile */
    begin_write_now(f);
    return;
  }
  lwt_uv_fd_count(f, -1);
  f->write_cb = NULL;
  cb(&f->p, f->write_data, n);
}

static void do_close(uv_work_t *w) {
  fd_job *j = w->data;
  job_done(j->f, j, close(j->f->fd) < 0 && errno != EINTR ? -errno : 0);
}

static void after_close(lwt_uv_after *later) {
  fd_job *j = job_of(later);
  port_fd *f = j->f;
  lwt_uv_fd_count(f, -1);
  lwt_uv_fd_closed(f, (int)j->result);
}

int lwt_uv_fd_start_read(port_fd *f) {
  f->start = lseek(f->fd, 0, SEEK_CUR);
  return start_job(f, &f->reader, do_read, after_read);
}

/* It goes where the next read would have begun. */
int lwt_uv_fd_start_write(port_fd *f) {
  int status;
  if (lwt_uv_fd_is_reading(f)) {
    f->base = f->moved ? f->to : f->start;
    return 0;
  }
  status = give_back(f);
  /* After one that was taken back, and is still to be called back, it begins then. */
  return status < 0 || f->writer.busy ? status
                                      : start_job(f, &f->writer, do_write, after_write);
}

int lwt_uv_fd_start_close(port_fd *f) {
  return start_job(f, &f->writer, do_close, after_close);
}
