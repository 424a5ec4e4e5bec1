/* again: starts a program again and again, one after the other, and says what a run took.
**
**   again NAME RUNS program arguments…
**
** What the program prints is thrown away. One line:
**   RES NAME SECONDS RUNS cpu=ms rss=KiB
** cpu: the processor time of a run, the kernel's for it included; rss: the most that was
** resident. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double of(struct timeval t) {
  return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv) {
  posix_spawn_file_actions_t quiet;
  double start = 0, cpu = 0;
  long rss = 0;
  int runs;
  if (argc < 4) {
    fprintf(stderr, "again: again NAME RUNS program arguments...\n");
    return 2;
  }
  runs = atoi(argv[2]);
  posix_spawn_file_actions_init(&quiet);
  posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
  for (int i = -1; i < runs; i++) { /* once more: its files are in memory then */
    struct rusage u;
    int status = 0, failed;
    pid_t pid;
    if (i == 0) start = now();
    failed = posix_spawnp(&pid, argv[3], &quiet, NULL, argv + 3, environ);
    if (failed) {
      fprintf(stderr, "again: cannot run %s: %s\n", argv[3], strerror(failed));
      return 1;
    }
    if (wait4(pid, &status, 0, &u) != pid || status != 0) {
      fprintf(stderr, "again: %s failed\n", argv[3]);
      return 1;
    }
    if (i < 0) continue;
    cpu += of(u.ru_utime) + of(u.ru_stime);
    if (u.ru_maxrss > rss) rss = u.ru_maxrss;
  }
  printf("RES %s %.6f %d cpu=%.3f rss=%ld\n", argv[1], now() - start, runs,
         cpu / runs * 1e3, rss);
  return 0;
}
