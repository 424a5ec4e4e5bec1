/* uv: the same work in C, on bare libuv or on system calls: the floor for everything
** that talks to the system.
**
**   uv sleepers N | files DIR N | copy FROM TO | processes N [resident-MiB] | jobs N
**
** Each prints lines "RES workload:name seconds operations". */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#define PROGRAM "uv"
#include "report.h"

#define IN_FLIGHT 64
#define PROCESSES 16
#define CHUNK 65536
#define FILE_SIZE 4096

extern char **environ;
static uv_loop_t *loop;
static long total, started, done;

/* ---- Sleepers -------------------------------------------------------------- */

static void timer_closed(uv_handle_t *h) {
  free(h);
  done++;
}

static void awake(uv_timer_t *t) {
  uv_close((uv_handle_t *)t, timer_closed);
}

static void sleepers(long n) {
  double start = now();
  for (long i = 1; i <= n; i++) {
    uv_timer_t *t = malloc(sizeof *t);
    expect(t != NULL, "out of memory");
    uv_timer_init(loop, t);
    uv_timer_start(t, awake, (uint64_t)(1000 + 1000 * i / n), 0);
  }
  uv_run(loop, UV_RUN_DEFAULT);
  expect(done == n, "a sleeper is missing");
  report("sleepers:libuv", now() - start, n);
}

/* ---- Small files: open, read and close as three jobs, or as one ------------- */

typedef struct file_op {
  uv_fs_t req;
  uv_work_t work;
  uv_file fd;
  long i;
  char data[FILE_SIZE];
} file_op;

static const char *folder;

static void path_of(char *path, size_t size, long i) {
  snprintf(path, size, "%s/%ld", folder, i);
}

static void next_file(file_op *f);

static void file_closed(uv_fs_t *r) {
  uv_fs_req_cleanup(r);
  done++;
  next_file(r->data);
}

static void file_read(uv_fs_t *r) {
  file_op *f = r->data;
  expect(r->result == FILE_SIZE, "cannot read a file");
  uv_fs_req_cleanup(r);
  uv_fs_close(loop, r, f->fd, file_closed);
  r->data = f;
}

static void file_opened(uv_fs_t *r) {
  file_op *f = r->data;
  uv_buf_t b = uv_buf_init(f->data, FILE_SIZE);
  f->fd = (uv_file)r->result;
  expect(f->fd >= 0, "cannot open a file");
  uv_fs_req_cleanup(r);
  uv_fs_read(loop, r, f->fd, &b, 1, 0, file_read);
  r->data = f;
}

static void next_file(file_op *f) {
  char path[512];
  if (started == total) return;
  path_of(path, sizeof path, ++started);
  uv_fs_open(loop, &f->req, path, O_RDONLY, 0, file_opened);
  f->req.data = f;
}

static void whole_file(uv_work_t *w) {
  file_op *f = w->data;
  char path[512];
  int fd;
  path_of(path, sizeof path, f->i);
  fd = open(path, O_RDONLY | O_CLOEXEC);
  expect(read(fd, f->data, FILE_SIZE) == FILE_SIZE, "cannot read a file");
  close(fd);
}

static void whole_file_done(uv_work_t *w, int status) {
  file_op *f = w->data;
  (void)status;
  done++;
  if (started == total) return;
  f->i = ++started;
  uv_queue_work(loop, w, whole_file, whole_file_done);
}

static void files(long n) {
  file_op *f = calloc(IN_FLIGHT, sizeof *f);
  double start = now();
  int i;
  expect(f != NULL, "out of memory");
  total = n;
  for (i = 0; i < IN_FLIGHT; i++) next_file(&f[i]);
  uv_run(loop, UV_RUN_DEFAULT);
  expect(done == n, "a file is missing");
  report("files:libuv", now() - start, n);
  started = done = 0;
  start = now();
  for (i = 0; i < IN_FLIGHT; i++) {
    f[i].work.data = &f[i];
    f[i].i = ++started;
    uv_queue_work(loop, &f[i].work, whole_file, whole_file_done);
  }
  uv_run(loop, UV_RUN_DEFAULT);
  expect(done == n, "a file is missing");
  report("files:libuv_fused", now() - start, n);
  start = now();
  for (i = 1; i <= n; i++) {
    f[0].i = i;
    f[0].work.data = &f[0];
    whole_file(&f[0].work);
  }
  report("files:c_blocking", now() - start, n);
  free(f);
}

/* ---- Copying by 64 KiB ------------------------------------------------------ */

static uv_file from, to;
static uv_fs_t copy_req;
static uv_work_t copy_work;
static char chunk[CHUNK];
static int64_t offset;

static void copy_next(void);

static void chunk_written(uv_fs_t *r) {
  expect(r->result > 0, "cannot write");
  uv_fs_req_cleanup(r);
  copy_next();
}

static void write_chunk(ssize_t n) {
  uv_buf_t b = uv_buf_init(chunk, (unsigned)n);
  expect(n >= 0, "cannot read");
  if (n == 0) return;
  offset += n;
  uv_fs_write(loop, &copy_req, to, &b, 1, -1, chunk_written);
}

static void chunk_read(uv_fs_t *r) {
  ssize_t n = r->result;
  uv_fs_req_cleanup(r);
  write_chunk(n);
}

static void copy_next(void) {
  uv_buf_t b = uv_buf_init(chunk, CHUNK);
  uv_fs_read(loop, &copy_req, from, &b, 1, -1, chunk_read);
}

/* The same with the read tried at once, as long as it need not wait for the disk. */
static void nowait_next(void);

static void nowait_written(uv_fs_t *r) {
  expect(r->result > 0, "cannot write");
  uv_fs_req_cleanup(r);
  nowait_next();
}

static void nowait_have(ssize_t n) {
  uv_buf_t b = uv_buf_init(chunk, (unsigned)n);
  expect(n >= 0, "cannot read");
  if (n == 0) return;
  offset += n;
  uv_fs_write(loop, &copy_req, to, &b, 1, -1, nowait_written);
}

static void fill(uv_work_t *w) {
  struct iovec v = {chunk, CHUNK};
  w->data = (void *)preadv2(from, &v, 1, offset, 0);
}

static void filled(uv_work_t *w, int status) {
  (void)status;
  nowait_have((ssize_t)w->data);
}

static void nowait_next(void) {
  struct iovec v = {chunk, CHUNK};
  ssize_t n = preadv2(from, &v, 1, offset, RWF_NOWAIT);
  if (n >= 0)
    nowait_have(n);
  else
    uv_queue_work(loop, &copy_work, fill, filled);
}

static double open_both(const char *a, const char *b) {
  unlink(b);
  from = open(a, O_RDONLY | O_CLOEXEC);
  to = open(b, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  expect(from >= 0 && to >= 0, "cannot open what is to be copied");
  offset = 0;
  return now();
}

static void copied(const char *name, double start, const char *b) {
  close(from);
  close(to);
  report(name, now() - start, (long)offset);
  unlink(b);
}

static void copy(const char *a, const char *b) {
  double start = open_both(a, b);
  ssize_t n;
  while ((n = read(from, chunk, CHUNK)) > 0) {
    expect(write(to, chunk, (size_t)n) == n, "cannot write");
    offset += n;
  }
  copied("copy:c_blocking", start, b);
  start = open_both(a, b);
  copy_next();
  uv_run(loop, UV_RUN_DEFAULT);
  copied("copy:libuv", start, b);
  start = open_both(a, b);
  nowait_next();
  uv_run(loop, UV_RUN_DEFAULT);
  copied("copy:libuv_nowait", start, b);
}

/* ---- Processes -------------------------------------------------------------- */

static void next_process(void);

static void process_closed(uv_handle_t *h) {
  free(h);
}

static void process_exited(uv_process_t *p, int64_t status, int signal) {
  expect(status == 0 && signal == 0, "a process failed");
  uv_close((uv_handle_t *)p, process_closed);
  done++;
  next_process();
}

static void next_process(void) {
  char name[] = "/bin/true", *args[] = {name, NULL};
  uv_process_options_t o;
  uv_process_t *p;
  if (started == total) return;
  started++;
  p = malloc(sizeof *p);
  memset(&o, 0, sizeof o);
  o.file = name;
  o.args = args;
  o.exit_cb = process_exited;
  expect(p != NULL && uv_spawn(loop, p, &o) == 0, "cannot start a process");
}

static void by_libuv(const char *name, long n) {
  double start = now();
  total = n;
  started = done = 0;
  for (int i = 0; i < PROCESSES; i++) next_process();
  uv_run(loop, UV_RUN_DEFAULT);
  expect(done == n, "a process is missing");
  report(name, now() - start, n);
}

static void by_posix_spawn(const char *name, long n) {
  char path[] = "/bin/true", *args[] = {path, NULL};
  double start = now();
  int live = 0;
  for (long i = 0; i < n; i++) {
    pid_t pid;
    if (live == PROCESSES) {
      wait(NULL);
      live--;
    }
    expect(posix_spawn(&pid, path, NULL, NULL, args, environ) == 0, "posix_spawn");
    live++;
  }
  while (live-- > 0) wait(NULL);
  report(name, now() - start, n);
}

static void processes(long n, long resident) {
  size_t size = (size_t)resident << 20;
  char *memory = size > 0 ? malloc(size) : NULL;
  struct rusage used;
  if (memory == NULL) {
    by_posix_spawn("processes:posix_spawn", n);
    by_libuv("processes:libuv", n);
    return;
  }
  memset(memory, 1, size);
  __asm__ volatile("" : : "r"(memory) : "memory"); /* or the compiler would leave it out */
  getrusage(RUSAGE_SELF, &used);
  expect(used.ru_maxrss >= resident << 10, "the memory is not resident");
  by_posix_spawn("processes:posix_spawn_1g", n);
  by_libuv("processes:libuv_1g", n / 50 + 1); /* forks: 30 ms each */
  free(memory);
}

/* ---- Jobs ------------------------------------------------------------------- */

static void job(uv_work_t *w) {
  w->data = (void *)((uintptr_t)w->data + 1);
}

static void job_done(uv_work_t *w, int status) {
  (void)status;
  done++;
  if (started == total) return;
  started++;
  uv_queue_work(loop, w, job, job_done);
}

static void jobs(const char *name, long n, int in_flight) {
  static uv_work_t w[IN_FLIGHT];
  double start = now();
  total = n;
  started = done = 0;
  for (int i = 0; i < in_flight; i++) {
    started++;
    uv_queue_work(loop, &w[i], job, job_done);
  }
  uv_run(loop, UV_RUN_DEFAULT);
  expect(done == n, "a job is missing");
  report(name, now() - start, n);
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  loop = uv_default_loop();
  if (strcmp(what, "sleepers") == 0 && argc == 3) {
    sleepers(atol(argv[2]));
  } else if (strcmp(what, "files") == 0 && argc == 4) {
    folder = argv[2];
    files(atol(argv[3]));
  } else if (strcmp(what, "copy") == 0 && argc == 4) {
    copy(argv[2], argv[3]);
  } else if (strcmp(what, "processes") == 0 && argc >= 3) {
    processes(atol(argv[2]), argc > 3 ? atol(argv[3]) : 0);
  } else if (strcmp(what, "jobs") == 0 && argc == 3) {
    jobs("jobs:libuv", atol(argv[2]), IN_FLIGHT);
    jobs("jobs:libuv_alone", atol(argv[2]) / 10, 1);
  } else {
    fprintf(stderr, "uv: what?\n");
    return 2;
  }
  return 0;
}
