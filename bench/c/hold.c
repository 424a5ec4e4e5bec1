/* hold: runs one program of the benchmark and says what it used.
**
**   hold [-c CPUS] [-t SECONDS] program arguments…
**
** The program is bound to the processors CPUS ("1", "0,1"), may open as many
** descriptors as the system allows, and is killed after SECONDS. When it is done, a
** line on standard output:
**   USED status=0 wall=… cpu=… rss=… foreign=… spin=…
** rss: its peak, in KiB. foreign: processors that were busy with something else
** meanwhile. spin: microseconds that a fixed piece of work took just before; how it
** varies in a run is the noise. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t child;

static void out_of_time(int sig) {
  (void)sig;
  if (child > 0) kill(-child, SIGKILL);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Seconds all processors together were not idle since the start. */
static double machine_busy(void) {
  unsigned long long v[8] = {0};
  FILE *f = fopen("/proc/stat", "r");
  if (f == NULL) return 0;
  if (fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", v, v + 1, v + 2, v + 3,
             v + 4, v + 5, v + 6, v + 7) != 8)
    memset(v, 0, sizeof v);
  fclose(f);
  return (double)(v[0] + v[1] + v[2] + v[5] + v[6] + v[7]) / (double)sysconf(_SC_CLK_TCK);
}

static double spin(void) {
  double start = now();
  uint64_t x = 88172645463325252u, i;
  for (i = 0; i < 4000000; i++) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
  }
  __asm__ volatile("" : : "r"(x)); /* or the compiler would leave the work out */
  return (now() - start) * 1e6;
}

static void bind_to(const char *cpus) {
  cpu_set_t all, set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof all, &all) != 0) return;
  for (const char *s = cpus; *s != '\0';) {
    char *end;
    long cpu = strtol(s, &end, 10);
    if (end == s) break;
    if (cpu >= 0 && cpu < CPU_SETSIZE && CPU_ISSET(cpu, &all)) CPU_SET(cpu, &set);
    s = *end == ',' ? end + 1 : end;
  }
  /* A machine with fewer processors runs it wherever there is one. */
  if (CPU_COUNT(&set) > 0) sched_setaffinity(0, sizeof set, &set);
}

static double of(struct timeval t) {
  return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv) {
  const char *cpus = NULL;
  int limit = 120, status = 0, o;
  double start, wall, busy, before, cpu;
  struct rusage u;
  struct rlimit files;
  while ((o = getopt(argc, argv, "+c:t:")) != -1) {
    if (o == 'c')
      cpus = optarg;
    else if (o == 't')
      limit = atoi(optarg);
    else
      return 2;
  }
  if (optind >= argc) return 2;
  if (cpus != NULL) bind_to(cpus);
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  before = spin();
  signal(SIGALRM, out_of_time);
  start = now();
  busy = machine_busy();
  child = fork();
  if (child < 0) return 1;
  if (child == 0) {
    setpgid(0, 0);
    execvp(argv[optind], argv + optind);
    fprintf(stderr, "hold: cannot run %s: %s\n", argv[optind], strerror(errno));
    _exit(127);
  }
  setpgid(child, child);
  alarm((unsigned)limit);
  while (wait4(child, &status, 0, &u) < 0 && errno == EINTR) {}
  wall = now() - start;
  kill(-child, SIGKILL); /* whatever it left behind */
  busy = machine_busy() - busy;
  cpu = of(u.ru_utime) + of(u.ru_stime);
  if (wall > 0.05 && busy > cpu)
    busy = (busy - cpu) / wall;
  else
    busy = 0;
  printf("USED status=%d wall=%.4f cpu=%.4f rss=%ld foreign=%.3f spin=%.1f\n",
         WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), wall, cpu,
         u.ru_maxrss, busy, before);
  return 0;
}
