/* file_life.c: what an open file keeps for the next read, and how it ends.
**
** A read is tried at once where the system can say "not without waiting" (RWF_NOWAIT),
** since a lone job costs three times what copying 64 KiB from the page cache does.
** Called by the files' methods (fs_file*.c), on the loop's thread.
*/
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "file.h"

/* What may be read inline in one turn of the loop before others get theirs. */
#define TURN_BUDGET ((size_t)1024 * 1024)

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

void lwt_uv_file_take_left(file *f, char *buf, size_t len) {
  memcpy(buf, f->left + f->left_ofs, len);
  f->left_ofs += len;
  f->left_len -= len;
}

void lwt_uv_file_keep_left(file *f, char *buf, size_t len, size_t cap) {
  if (f->left_len > 0) { /* the read wanted less, and this is what it took of it */
    f->left_ofs -= len;
    f->left_len += len;
    free(buf);
    return;
  }
  free(f->left); /* empty: every read takes it first */
  f->left = buf;
  f->left_ofs = 0;
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

/* ---- The end ------------------------------------------------------------- */

/* Tell the close that waits for the descriptor to be closed. */
static void tell_closed(file *f, ssize_t status, void (*done)(lwt_uv_req *, ssize_t)) {
  fs_req *q = f->close_req;
  f->close_req = NULL;
  if (q != NULL) done(&q->req, status);
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
  tell_closed(f, status < 0 ? status : job->status, lwt_uv_req_done_later);
  lwt_uv_file_unref(f);
}

/* Nothing runs on it and nothing will. */
static void close_descriptor(file *f) {
  file_job *job = &f->closing;
  if (f->fd < 0 || job->busy) return;
  job->f = f;
  job->work.data = job;
  if (f->close_req != NULL && !f->ctx->closing &&
      lwt_uv_pool_work(f->ctx, &job->work, run_close, close_done) == 0) {
    job->busy = 1;
    f->refs++;
    f->ctx->working++;
    f->ctx->unclosed++;
    return;
  }
  int status = lwt_uv_fs_close(f->fd);
  f->fd = -1;
  if (!f->ctx->closing) lwt_uv_descriptor_freed(f->ctx);
  tell_closed(f, status, lwt_uv_req_done);
}

void lwt_uv_file_use(file_use *u, file *f, fs_req *q) {
  u->f = f;
  u->q = q;
  u->next = f->uses;
  u->at = &f->uses;
  if (u->next != NULL) u->next->at = &u->next;
  f->uses = u;
  f->refs++;
}

void lwt_uv_file_begin(file_use *u) {
  u->running = 1;
  u->f->running++;
}

void lwt_uv_file_unuse(file_use *u) {
  file *f = u->f;
  if (f == NULL) return;
  u->f = NULL;
  *u->at = u->next;
  if (u->next != NULL) u->next->at = u->at;
  if (u->running && --f->running == 0 && f->closed) close_descriptor(f);
  lwt_uv_file_unref(f);
}

void lwt_uv_file_shut(file *f) {
  __atomic_store_n(&f->closed, 1, __ATOMIC_RELAXED);
  for (file_use *u = f->uses; u != NULL; u = u->next)
    __atomic_store_n(&u->q->stop, 1, __ATOMIC_RELAXED);
  if (f->running == 0) close_descriptor(f);
}

void lwt_uv_file_unref(file *f) {
  if (--f->refs > 0) return;
  if (f->fd >= 0) lwt_uv_fs_close(f->fd);
  free(f->left);
  free(f);
}
