/* system: folders, datagrams and a child's output in C: the floor for bench/lwt/system.lua.
**
**   system scandir DIR | walk DIR | udp N | pipe BYTES
**
** Each prints lines "RES workload:name seconds operations". */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#define PROGRAM "system"
#include "report.h"

#define WINDOW 32
#define DATAGRAM 64
#define CHUNK 65536

extern char **environ;

/* ---- Folders ---------------------------------------------------------------- */

/* The names of a folder are copied, as anybody who wants them has to. */
static long names_of(int fd, char **all, size_t *size) {
  DIR *d = fdopendir(fd);
  struct dirent *e;
  long n = 0;
  size_t used = 0;
  expect(d != NULL, "cannot read a folder");
  while ((e = readdir(d)) != NULL) {
    size_t length = strlen(e->d_name) + 1;
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    if (used + length > *size) {
      *size = (used + length) * 2;
      *all = realloc(*all, *size);
      expect(*all != NULL, "out of memory");
    }
    memcpy(*all + used, e->d_name, length);
    used += length;
    n++;
  }
  closedir(d);
  return n;
}

static void scan(const char *path) {
  double start = now();
  char *all = NULL;
  size_t size = 0;
  long n = names_of(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), &all, &size);
  report("scandir:c", now() - start, n);
  free(all);
}

static long walked(int fd, double *bytes) {
  char *all = NULL;
  size_t size = 0, at = 0;
  long n = names_of(dup(fd), &all, &size), sum = n;
  for (long i = 0; i < n; i++) {
    struct stat s;
    expect(fstatat(fd, all + at, &s, AT_SYMLINK_NOFOLLOW) == 0, "stat");
    *bytes += (double)s.st_size;
    if (S_ISDIR(s.st_mode)) {
      int inner = openat(fd, all + at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      sum += walked(inner, bytes);
      close(inner);
    }
    at += strlen(all + at) + 1;
  }
  free(all);
  return sum;
}

static void walk(const char *path) {
  double start = now(), bytes = 0;
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  report("walk:c", now() - start, walked(fd, &bytes));
  close(fd);
}

/* ---- Datagrams: a client that keeps so many under way, and who sends them back -------------- */

static uv_loop_t *loop;
static uv_udp_t server, client;
static long total, sent, come;
static char room[CHUNK], text[DATAGRAM];

static void allocate(uv_handle_t *h, size_t size, uv_buf_t *b) {
  (void)h, (void)size;
  *b = uv_buf_init(room, sizeof room);
}

static void answer(uv_udp_t *h, ssize_t n, const uv_buf_t *b, const struct sockaddr *from,
                   unsigned flags) {
  uv_buf_t back = uv_buf_init(b->base, (unsigned)n);
  (void)flags;
  if (from != NULL) uv_udp_try_send(h, &back, 1, from);
}

static void ask(void) {
  uv_buf_t b = uv_buf_init(text, DATAGRAM);
  expect(uv_udp_try_send(&client, &b, 1, NULL) == DATAGRAM, "cannot send");
  sent++;
}

static void told(uv_udp_t *h, ssize_t n, const uv_buf_t *b, const struct sockaddr *from,
                 unsigned flags) {
  (void)h, (void)b, (void)flags;
  if (from == NULL) return;
  expect(n == DATAGRAM, "a part of a datagram");
  come++;
  if (sent < total) {
    ask();
  } else if (come == total) {
    uv_close((uv_handle_t *)&client, NULL);
    uv_close((uv_handle_t *)&server, NULL);
  }
}

static void udp(long n) {
  struct sockaddr_in any, there;
  int length = sizeof there;
  double start;
  loop = uv_default_loop();
  total = n;
  uv_ip4_addr("127.0.0.1", 0, &any);
  uv_udp_init(loop, &server);
  uv_udp_init(loop, &client);
  uv_udp_bind(&server, (struct sockaddr *)&any, 0);
  uv_udp_getsockname(&server, (struct sockaddr *)&there, &length);
  expect(uv_udp_connect(&client, (struct sockaddr *)&there) == 0, "cannot connect");
  uv_udp_recv_start(&server, allocate, answer);
  uv_udp_recv_start(&client, allocate, told);
  start = now();
  for (int i = 0; i < WINDOW; i++) ask();
  uv_run(loop, UV_RUN_DEFAULT);
  report("udp:libuv", now() - start, n);
}

/* ---- A child's output: read, and copied into another child ------------------------------------ */

static char head[] = "head", option[] = "-c", zero[] = "/dev/zero", cat[] = "cat",
            amount[32];
static char *const source[] = {head, option, amount, zero, NULL}, *const sink[] = {cat,
                                                                                   NULL};

/* Starts a program that reads from `in` (-1: nothing is changed) and writes to `out`, both closed here. */
static void child(char *const *args, int in, int out) {
  posix_spawn_file_actions_t a;
  pid_t pid;
  posix_spawn_file_actions_init(&a);
  if (in >= 0) posix_spawn_file_actions_adddup2(&a, in, 0);
  posix_spawn_file_actions_adddup2(&a, out, 1);
  expect(posix_spawnp(&pid, args[0], &a, NULL, args, environ) == 0,
         "cannot start a child");
  posix_spawn_file_actions_destroy(&a);
  if (in >= 0) close(in);
  close(out);
}

static void pipes(const char *name, const char *bytes, int into_another) {
  int from[2], to[2] = {-1, -1};
  double start = now();
  long sum = 0;
  ssize_t n;
  snprintf(amount, sizeof amount, "%s", bytes);
  expect(pipe2(from, O_CLOEXEC) == 0 && pipe2(to, O_CLOEXEC) == 0, "pipe");
  child(source, -1, from[1]);
  if (into_another) child(sink, to[0], open("/dev/null", O_WRONLY | O_CLOEXEC));
  while ((n = read(from[0], room, sizeof room)) > 0) {
    for (ssize_t at = 0, put; into_another && at < n; at += put) {
      put = write(to[1], room + at, (size_t)(n - at));
      expect(put > 0, "cannot write");
    }
    sum += n;
  }
  close(to[1]);
  while (wait(NULL) > 0) continue;
  expect(sum == atol(bytes), "bytes are missing");
  report(name, now() - start, sum);
}

int main(int argc, char **argv) {
  const char *what = argc == 3 ? argv[1] : "";
  if (strcmp(what, "scandir") == 0) {
    scan(argv[2]);
  } else if (strcmp(what, "walk") == 0) {
    walk(argv[2]);
  } else if (strcmp(what, "udp") == 0) {
    udp(atol(argv[2]));
  } else if (strcmp(what, "pipe") == 0) {
    pipes("pipe:c", argv[2], 0);
    pipes("pipe:c_two", argv[2], 1);
  } else {
    fprintf(stderr, "system: what?\n");
    return 2;
  }
  return 0;
}
