/* fs_port.c: an open file as a port, which is what channels read and write (port.h).
**
** A read is tried at once where the system can say "not without waiting" (RWF_NOWAIT),
** since a lone job costs three times what copying 64 KiB from the page cache does;
** otherwise, and for writes always, a job runs on the pool with a buffer of its own.
** Called by channel.c, on the loop's thread; the channel anchors the file's userdata.
*/
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fs_file.h"

/* What may be read inline in one turn of the loop before others get theirs. */
#define TURN_BUDGET ((size_t)1024 * 1024)
/* A write takes at most this much (the caller comes back with the rest). */
#define WRITE_MAX ((size_t)1024 * 1024)

/* ---- Reading ahead of the callers ---------------------------------------- */

ssize_t lwt_uv_file_read_now(file *f, char *buf, size_t len) {
#ifdef RWF_NOWAIT
  struct iovec v;
  v.iov_base = buf;
  v.iov_len = len;
  ssize_t n;
  if (!f->regular || f->no_nowait) return UV_EAGAIN;
  if (f->turn != f->ctx->turn) {
    f->turn = f->ctx->turn;
    f->spent = 0;
  }
  if (f->spent + len > TURN_BUDGET) return UV_EAGAIN;
  n = preadv2(f->fd, &v, 1, -1, RWF_NOWAIT);
  if (n >= 0) {
    f->spent += (size_t)n + 512; /* the end of the file costs too */
    return n;
  }
  if (errno != EAGAIN && errno != EINTR)
    f->no_nowait = 1; /* tmpfs and others cannot: never ask again */
#else
  (void)f, (void)buf, (void)len;
#endif
  return UV_EAGAIN;
}

size_t lwt_uv_file_take_left(file *f, char *buf, size_t len) {
  size_t n = f->left_len < len ? f->left_len : len;
  memcpy(buf, f->left + f->left_ofs, n);
  f->left_ofs += n;
  f->left_len -= n;
  if (f->left_len == 0) {
    free(f->left);
    f->left = NULL;
  }
  return n;
}

void lwt_uv_file_keep_left(file *f, char *buf, size_t ofs, size_t len, size_t cap) {
  if (len == 0) {
    free(buf);
    return;
  }
  free(f->left); /* empty: whoever reads takes it first */
  f->left = buf;
  f->left_ofs = ofs;
  f->left_len = len;
  f->left_cap = cap;
}

void lwt_uv_file_rewind_left(file *f) {
  if (f->left_len == 0) return;
  if (lseek(f->fd, -(off_t)f->left_len, SEEK_CUR) < 0)
    return; /* a pipe: what it reads and writes are unrelated */
  free(f->left);
  f->left = NULL;
  f->left_len = 0;
}

int64_t lwt_uv_file_seek(file *f, int64_t offset, int from) {
  if (from == SEEK_CUR && offset == 0) { /* only asks */
    off_t now = lseek(f->fd, 0, SEEK_CUR);
    return now < 0 ? -errno : (int64_t)now - (int64_t)f->left_len;
  }
  if (from == SEEK_CUR) offset -= (int64_t)f->left_len;
  off_t at = lseek(f->fd, (off_t)offset, from);
  if (at < 0) return -errno;
  free(f->left);
  f->left = NULL;
  f->left_len = 0;
  return at;
}

/* ---- Jobs ---------------------------------------------------------------- */

/* Port jobs are no requests: the end of the state waits for `unclosed` to be 0. */
static int submit(file_job *job, file *f, uv_work_cb run, uv_after_work_cb done) {
  job->f = f;
  job->work.data = job;
  int status = uv_queue_work(f->ctx->loop, &job->work, run, done);
  if (status < 0) return status;
  job->busy = 1;
  f->refs++;
  f->ctx->working++;
  f->ctx->unclosed++;
  lwt_uv_file_begin(f);
  return 0;
}

/* The job's file may be gone after this. */
static void finished(file_job *job) {
  file *f = job->f;
  f->ctx->working--;
  f->ctx->unclosed--;
  lwt_uv_file_end(f);
  lwt_uv_file_unref(f);
}

static int reserve(file_job *job, size_t len) {
  if (job->cap >= len) return 0;
  char *buf = realloc(job->buf, len);
  if (buf == NULL) return UV_ENOMEM;
  job->buf = buf;
  job->cap = len;
  return 0;
}

/* ---- The port ------------------------------------------------------------ */

static void run_read(uv_work_t *work) {
  file_job *job = work->data;
  const file *f = job->f;
  job->status =
      lwt_uv_fs_read(f->fd, job->buf, job->len, -1, f->regular ? NULL : &f->closed);
}

static void read_done(uv_work_t *work, int status) {
  file_job *job = work->data;
  file *f = job->f;
  ssize_t n = status < 0 ? status : job->status;
  port_cb cb = job->cb;
  job->busy = 0;
  job->cb = NULL;
  if (n > 0) {
    size_t got = (size_t)n, given = 0;
    if (cb != NULL) {
      given = got < job->want ? got : job->want;
      memcpy(job->to, job->buf, given);
      n = (ssize_t)given;
    }
    if (given < got) {
      lwt_uv_file_keep_left(f, job->buf, given, got - given, job->cap);
      job->buf = NULL;
      job->cap = 0;
    }
  }
  if (cb != NULL && !f->ctx->closing) cb(&f->port, job->data, n == 0 ? UV_EOF : n);
  finished(job);
}

static ssize_t port_read(port *p, char *buf, size_t len, port_cb cb, void *data) {
  file *f = (file *)p;
  file_job *job = &f->reading;
  if (f->closed) return UV_EBADF;
  if (f->left_len > 0) return (ssize_t)lwt_uv_file_take_left(f, buf, len);
  if (!job->busy) {
    ssize_t n = lwt_uv_file_read_now(f, buf, len);
    if (n != UV_EAGAIN) return n == 0 ? UV_EOF : n;
    int status = reserve(job, len);
    job->len = len;
    if (status == 0) status = submit(job, f, run_read, read_done);
    if (status < 0) return status;
  }
  job->cb = cb;
  job->data = data;
  job->to = buf;
  job->want = len;
  return UV_EAGAIN;
}

static void port_read_cancel(port *p) {
  ((file *)p)->reading.cb = NULL;
}

static void run_write(uv_work_t *work) {
  file_job *job = work->data;
  const file *f = job->f;
  job->status =
      lwt_uv_fs_write(f->fd, job->buf, job->len, -1, f->regular ? NULL : &f->closed);
}

static void write_done(uv_work_t *work, int status) {
  file_job *job = work->data;
  file *f = job->f;
  file_job *next = &f->waiting_write;
  ssize_t n = status < 0 ? status : job->status;
  port_cb cb = job->cb;
  job->busy = 0;
  job->cb = NULL;
  if (next->len > 0) { /* a cancelled write was in the way of this one */
    char *buf = job->buf;
    size_t cap = job->cap;
    job->buf = next->buf;
    job->cap = next->cap;
    job->len = next->len;
    job->cb = next->cb;
    job->data = next->data;
    next->buf = buf;
    next->cap = cap;
    next->len = 0;
    next->cb = NULL;
    if (n >= 0) n = submit(job, f, run_write, write_done);
    if (n < 0) { /* it hears of the failure that the other one did not */
      cb = job->cb;
      job->cb = NULL;
    }
  }
  if (cb != NULL && !f->ctx->closing) cb(&f->port, job->data, n);
  finished(job);
}

static ssize_t port_write(port *p, const uv_buf_t *bufs, unsigned nbufs, port_cb cb,
                          void *data) {
  file *f = (file *)p;
  file_job *job = f->writing.busy ? &f->waiting_write : &f->writing;
  size_t total = 0, at = 0;
  int status;
  if (f->closed) return UV_EBADF;
  for (unsigned i = 0; i < nbufs; i++) total += bufs[i].len;
  if (total == 0) return 0;
  if (total > WRITE_MAX) total = WRITE_MAX;
  if ((status = reserve(job, total)) < 0) return status;
  for (unsigned i = 0; at < total; i++) {
    size_t n = bufs[i].len < total - at ? bufs[i].len : total - at;
    memcpy(job->buf + at, bufs[i].base, n);
    at += n;
  }
  job->len = total;
  if (!f->writing.busy) {
    lwt_uv_file_rewind_left(f);
    if ((status = submit(job, f, run_write, write_done)) < 0) return status;
  }
  job->cb = cb;
  job->data = data;
  return UV_EAGAIN;
}

/* The bytes are ours already, and will be written: all of them count. */
static ssize_t port_write_cancel(port *p) {
  file *f = (file *)p;
  file_job *job = f->waiting_write.len > 0 ? &f->waiting_write : &f->writing;
  if (job->cb == NULL) return 0;
  job->cb = NULL;
  return (ssize_t)job->len;
}

static void run_close(uv_work_t *work) {
  file_job *job = work->data;
  job->status = lwt_uv_fs_close(job->f->fd);
}

static void close_done(uv_work_t *work, int status) {
  file_job *job = work->data;
  file *f = job->f;
  job->busy = 0;
  f->fd = -1;
  f->ctx->working--;
  f->ctx->unclosed--;
  if (!f->ctx->closing) lwt_uv_descriptor_freed(f->ctx);
  lwt_uv_file_port_close_done(f, status < 0 ? status : job->status);
  lwt_uv_file_unref(f);
}

/* Tell whoever waits for the descriptor to be closed. */
void lwt_uv_file_port_close_done(file *f, ssize_t status) {
  port_cb cb = f->closing.cb;
  fs_req *q = f->close_req;
  f->closing.cb = NULL;
  f->close_req = NULL;
  if (q != NULL) lwt_uv_req_done(&q->req, status);
  if (cb != NULL && !f->ctx->closing) cb(&f->port, f->closing.data, status);
}

/* Nothing runs on it and nothing will. */
static void close_descriptor(file *f) {
  file_job *job = &f->closing;
  if (f->fd < 0 || job->busy) return;
  job->f = f;
  job->work.data = job;
  if ((f->close_req != NULL || job->cb != NULL) && !f->ctx->closing &&
      uv_queue_work(f->ctx->loop, &job->work, run_close, close_done) == 0) {
    job->busy = 1;
    f->refs++;
    f->ctx->working++;
    f->ctx->unclosed++;
    return;
  }
  int status = lwt_uv_fs_close(f->fd);
  f->fd = -1;
  if (!f->ctx->closing) lwt_uv_descriptor_freed(f->ctx);
  lwt_uv_file_port_close_done(f, status);
}

void lwt_uv_file_begin(file *f) {
  f->running++;
}

void lwt_uv_file_end(file *f) {
  if (--f->running == 0 && f->closed) close_descriptor(f);
}

void lwt_uv_file_shut(file *f) {
  __atomic_store_n(&f->closed, 1, __ATOMIC_RELAXED);
  for (file_req *fq = f->all; fq != NULL; fq = fq->anext)
    __atomic_store_n(&fq->q.stop, 1, __ATOMIC_RELAXED);
  if (f->running == 0) close_descriptor(f);
}

void lwt_uv_file_unref(file *f) {
  if (--f->refs > 0) return;
  if (f->fd >= 0) lwt_uv_fs_close(f->fd);
  lwt_uv_file_port_free(f);
  free(f->left);
  free(f);
}

void lwt_uv_file_port_free(file *f) {
  free(f->reading.buf);
  free(f->writing.buf);
  free(f->waiting_write.buf);
}

static void port_close(port *p, int directions, port_cb cb, void *data) {
  file *f = (file *)p;
  f->directions &= (unsigned char)~directions;
  if (f->closed || f->directions != 0) {
    if (cb != NULL) cb(p, data, 0);
    return;
  }
  f->closing.cb = cb;
  f->closing.data = data;
  if (f->box != NULL) {
    file_box *box = f->box;
    box->f = NULL;
    f->box = NULL;
    f->ctx->lwt->handle_closed(f->ctx->lwt, f->ctx->lwt->main, box);
    lwt_uv_file_shut(f);
    lwt_uv_file_unref(f);
  } else {
    lwt_uv_file_shut(f);
  }
}

static int64_t port_seek(port *p, int64_t offset, int from) {
  file *f = (file *)p;
  return f->closed ? UV_EBADF : lwt_uv_file_seek(f, offset, from);
}

const port_class lwt_uv_file_port_class = {
    "file",     port_read, port_read_cancel, port_write, port_write_cancel,
    port_close, port_seek,
};
