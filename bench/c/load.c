/* load: starts a server, loads it over the loopback, says how many requests a second
** it served.
**
**   load [-u] [-s CPU] [-c CPU] [-t SECONDS] NAME MODE CONNECTIONS,… -- server args…
**
** The server runs on the processor of -s (0), the load on that of -c (1); -1: on any.
** MODE: echo, http or idle. The server gets a port as its last argument. Closed loop: each connection sends its
** next request when the answer to the last is complete. One line for each number of
** connections:
**   RES NAME@50 SECONDS REQUESTS p50=µs p99=µs cpu=µs user=µs busy=0.98 rss=KiB all=…
** cpu and user are the server's, for each request. `idle` opens the connections, has
** each served once and reports the memory of the server for each: bytes=…
**
** With -u the load goes on until the server ends, and it is the server that reports. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WARM_UP 0.2
#define SLOTS 1000000 /* of the histogram, a microsecond each */

typedef struct client {
  int fd;
  size_t got;
  double sent;
} client;

static unsigned histogram[SLOTS];
static char request[256], answer[65536];
static size_t request_size, answer_size; /* answer_size 0: not known yet */
static int http, port, until;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void bind_to(int cpu) {
  cpu_set_t set;
  if (cpu < 0) return;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof set,
                    &set); /* with fewer processors: wherever there is one */
}

static int socket_at(int to) {
  struct sockaddr_in a = {.sin_family = AF_INET};
  socklen_t n = sizeof a;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  a.sin_port = htons((unsigned short)to);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (to == 0) { /* a port that is free */
    int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (void *)&a, sizeof a) < 0 || getsockname(fd, (void *)&a, &n) < 0)
      fail("bind");
    close(fd);
    return ntohs(a.sin_port);
  }
  if (connect(fd, (void *)&a, sizeof a) == 0) return fd;
  close(fd);
  return -1;
}

static int connected(pid_t server) {
  for (int tries = 0; tries < 1000; tries++) {
    int fd = socket_at(port), one = 1;
    if (fd >= 0) {
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      return fd;
    }
    if (waitpid(server, NULL, WNOHANG) == server) {
      fprintf(stderr, "load: the server ended\n");
      exit(1);
    }
    usleep(10000);
  }
  fail("connect");
  return -1;
}

/* ---- The server's processor time and memory ------------------------------- */

typedef struct usage {
  double user, all;
  long rss; /* KiB */
} usage;

static usage used_by(pid_t pid) {
  char path[64], line[1024], *s;
  unsigned long user = 0, sys = 0;
  struct timespec t;
  clockid_t clock;
  usage u = {0, 0, 0};
  FILE *f;
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  f = fopen(path, "r");
  if (f != NULL) {
    if (fgets(line, sizeof line, f) != NULL && (s = strrchr(line, ')')) != NULL)
      sscanf(s + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys);
    fclose(f);
  }
  snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
  f = fopen(path, "r");
  while (f != NULL && fgets(line, sizeof line, f) != NULL)
    if (sscanf(line, "VmRSS: %ld", &u.rss) == 1) break;
  if (f != NULL) fclose(f);
  u.user = (double)user / (double)sysconf(_SC_CLK_TCK); /* counted in ticks: rough */
  u.all = u.user + (double)sys / (double)sysconf(_SC_CLK_TCK);
  /* To the nanosecond, and its threads' as well. */
  if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &t) == 0)
    u.all = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
  return u;
}

/* ---- Asking and being answered -------------------------------------------- */

static void ask(client *c, double t) {
  c->sent = t;
  c->got = 0;
  if (write(c->fd, request, request_size) == (ssize_t)request_size) return;
  if (until) exit(0);
  fail("write");
}

/* The size of an HTTP answer, from the first one: servers send the same each time. */
static void learn(size_t got) {
  const char *end, *length;
  if (got >= sizeof answer) fail("answer too long");
  answer[got] = '\0';
  end = strstr(answer, "\r\n\r\n");
  if (end == NULL) return;
  length = strcasestr(answer, "content-length:");
  if (strncmp(answer, "HTTP/1.1 200", 12) != 0 || length == NULL) {
    fprintf(stderr, "load: a bad answer: %.80s\n", answer);
    exit(1);
  }
  answer_size = (size_t)(end + 4 - answer) + (size_t)atoi(length + 15);
}

/* Reads what is there; is the answer complete? */
static int answered(client *c) {
  int learning = answer_size == 0;
  ssize_t n = read(c->fd, answer + (learning ? c->got : 0),
                   sizeof answer - (learning ? c->got + 1 : 0));
  if (n < 0 && errno == EAGAIN) return 0;
  if (n <= 0 && until) exit(0);
  if (n <= 0) fail("the server closed a connection");
  c->got += (size_t)n;
  if (learning) learn(c->got);
  return answer_size > 0 && c->got >= answer_size;
}

static void run(const char *name, pid_t server, int n, double seconds, int idle) {
  struct epoll_event ready[256];
  client *clients = calloc((size_t)n, sizeof *clients);
  int ep = epoll_create1(EPOLL_CLOEXEC), i, served = 0, open_requests;
  long done = 0, sum = 0, p50 = -1, p99 = -1;
  double start, end, t;
  usage before = used_by(server), after;
  if (clients == NULL || ep < 0) fail("epoll");
  if (http) answer_size = 0;
  memset(histogram, 0, sizeof histogram);
  for (i = 0; i < n; i++) {
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = &clients[i]};
    clients[i].fd = connected(server);
    if (http && answer_size == 0) { /* one alone, to learn the size of an answer */
      ask(&clients[i], 0);
      while (!answered(&clients[i])) {}
    }
    fcntl(clients[i].fd, F_SETFL, O_NONBLOCK);
    epoll_ctl(ep, EPOLL_CTL_ADD, clients[i].fd, &e);
    if (i == 0 && idle) { /* the first connection pays for what all of them share */
      usleep(100000);
      before = used_by(server);
    }
  }
  start = now() + WARM_UP;
  end = start + seconds;
  for (i = 0; i < n; i++) ask(&clients[i], now());
  for (int warm = 0;;) {
    int k = epoll_wait(ep, ready, 256, 1000);
    t = now();
    if (!warm && t >= start) {
      warm = 1;
      start = t;
      before = idle ? before : used_by(server);
    }
    if (t >= end || (idle && served == n)) break;
    if (k == 0 && t > start + 1) fail("no answer");
    for (i = 0; i < k; i++) {
      client *c = ready[i].data.ptr;
      if (!answered(c)) continue;
      t = now();
      served++;
      if (idle) continue;
      if (warm) {
        unsigned us = (unsigned)((t - c->sent) * 1e6);
        histogram[us < SLOTS ? us : SLOTS - 1]++;
        done++;
      }
      ask(c, t);
    }
  }
  t = now();
  if (idle) usleep(200000);
  after = used_by(server);
  for (i = 0; i < SLOTS && p99 < 0; i++) {
    sum += histogram[i];
    if (p50 < 0 && sum * 2 >= done) p50 = i;
    if (sum * 100 >= done * 99) p99 = i;
  }
  if (idle)
    printf("RES %s@%d %.6f %d bytes=%.0f rss=%ld\n", name, n, t - start + WARM_UP, n,
           (double)(after.rss - before.rss) * 1024 / (n - 1), after.rss);
  else
    printf("RES %s@%d %.6f %ld p50=%ld p99=%ld cpu=%.3f user=%.3f busy=%.2f rss=%ld "
           "all=%d\n",
           name, n, t - start, done, p50, p99,
           (after.all - before.all) / (double)done * 1e6,
           (after.user - before.user) / (double)done * 1e6,
           (after.all - before.all) / (t - start), after.rss, served);
  fflush(stdout);
  /* A connection that is closed with an answer under way would be reset. */
  for (open_requests = n - (idle ? served : 0); open_requests > 0;) {
    int k = epoll_wait(ep, ready, 256, 1000);
    if (k <= 0) break;
    for (i = 0; i < k; i++) open_requests -= answered(ready[i].data.ptr);
  }
  for (i = 0; i < n; i++) close(clients[i].fd);
  close(ep);
  free(clients);
}

int main(int argc, char **argv) {
  int server_cpu = 0, own_cpu = 1, o, fd, idle;
  double seconds = 1;
  char text[16], *list, **command;
  pid_t server;
  while ((o = getopt(argc, argv, "+us:c:t:")) != -1) {
    if (o == 'u')
      until = 1;
    else if (o == 's')
      server_cpu = atoi(optarg);
    else if (o == 'c')
      own_cpu = atoi(optarg);
    else if (o == 't')
      seconds = atof(optarg);
    else
      return 2;
  }
  if (argc - optind < 5) return 2;
  signal(SIGPIPE, SIG_IGN);
  http = strcmp(argv[optind + 1], "http") == 0;
  idle = strcmp(argv[optind + 1], "idle") == 0;
  port = socket_at(0);
  snprintf(text, sizeof text, "%d", port);
  if (http) {
    request_size = (size_t)snprintf(request, sizeof request,
                                    "GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", port);
  } else {
    memset(request, 'x', 64);
    request[63] = '\n';
    request_size = answer_size = 64;
  }
  command = calloc((size_t)(argc - optind), sizeof *command);
  if (command == NULL) return 1;
  memcpy(command, argv + optind + 4, (size_t)(argc - optind - 4) * sizeof *command);
  command[argc - optind - 4] = text;
  server = fork();
  if (server < 0) fail("fork");
  if (server == 0) {
    bind_to(server_cpu);
    execvp(command[0], command);
    fprintf(stderr, "load: cannot run %s: %s\n", command[0], strerror(errno));
    _exit(127);
  }
  bind_to(own_cpu);
  fd = connected(server);
  close(fd);
  for (list = strtok(argv[optind + 2], ","); list != NULL; list = strtok(NULL, ","))
    run(argv[optind], server, atoi(list), seconds, idle);
  for (int tries = 0; tries < 20; tries++) { /* a server that ends by itself may */
    if (waitpid(server, NULL, WNOHANG) == server) return 0;
    usleep(10000);
  }
  kill(server, SIGTERM);
  for (int tries = 0; tries < 100; tries++) {
    if (waitpid(server, NULL, WNOHANG) == server) return 0;
    usleep(10000);
  }
  kill(server, SIGKILL);
  waitpid(server, NULL, 0);
  return 0;
}
