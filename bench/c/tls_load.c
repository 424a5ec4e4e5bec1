/* tls_load: starts a server that speaks TLS, loads it over the loopback, says what it cost.
**
**   tls_load [-t SECONDS] NAME MODE CONNECTIONS BYTES -- server args…
**
** The server gets a port as its last argument. MODE:
**   echo        messages of BYTES, sent back; each connection sends the next when it has the answer
**   sink        BYTES to the server, in pieces of 64 KiB, then its answer of one byte
**   source      one byte to the server, BYTES from it
**   handshake   connections one after the other: the handshake, one byte and its answer, the end
**   resumed     the same, each with the session of the one before
**   idle        CONNECTIONS that have had one answer: the memory of the server for each
** It prints
**   RES NAME SECONDS OPERATIONS wall=seconds bytes=… rss=KiB
** where the seconds are the *server's* processor time: the load is OpenSSL's as well, and takes
** about as long, so that the time on the clock would measure both. An operation of sink and
** source is a byte. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#define PIECE 65536

static SSL_CTX *ctx;
static SSL_SESSION *ticket;
static int port, resumes;
static pid_t server;
static char data[PIECE];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char *what) {
  fprintf(stderr, "tls_load: %s: %s\n", what, strerror(errno));
  ERR_print_errors_fp(stderr);
  kill(server, SIGKILL);
  exit(1);
}

static void bind_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof set, &set);
}

static int socket_at(int to) {
  struct sockaddr_in a = {.sin_family = AF_INET};
  socklen_t n = sizeof a;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
  if (fd < 0) fail("socket");
  a.sin_port = htons((unsigned short)to);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (to == 0) { /* a port that is free */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (void *)&a, sizeof a) < 0 || getsockname(fd, (void *)&a, &n) < 0)
      fail("bind");
    close(fd);
    return ntohs(a.sin_port);
  }
  if (connect(fd, (void *)&a, sizeof a) == 0) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
  }
  close(fd);
  return -1;
}

/* The server's processor time, by its clock: precise, and its threads' as well. */
static double used(void) {
  clockid_t clock;
  struct timespec t;
  if (clock_getcpuclockid(server, &clock) != 0 || clock_gettime(clock, &t) != 0)
    fail("the server's clock");
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long resident(void) {
  char path[64];
  long all = 0, rss = 0;
  FILE *f;
  snprintf(path, sizeof path, "/proc/%d/statm", (int)server);
  f = fopen(path, "r");
  if (f == NULL) return 0;
  if (fscanf(f, "%ld %ld", &all, &rss) != 2) rss = 0;
  fclose(f);
  return rss * sysconf(_SC_PAGESIZE);
}

static int on_ticket(SSL *ssl, SSL_SESSION *s) {
  (void)ssl;
  SSL_SESSION_free(ticket);
  ticket = s;
  return 1;
}

static SSL *connected(void) {
  int fd = socket_at(port);
  SSL *ssl = SSL_new(ctx);
  if (fd < 0 || ssl == NULL) fail("connect");
  SSL_set_fd(ssl, fd);
  if (resumes && ticket != NULL) SSL_set_session(ssl, ticket);
  if (SSL_connect(ssl) != 1) fail("handshake");
  return ssl;
}

static void send_all(SSL *ssl, long n) {
  while (n > 0) {
    int part = n < PIECE ? (int)n : PIECE, put = SSL_write(ssl, data, part);
    if (put <= 0) fail("write");
    n -= put;
  }
}

static void receive_all(SSL *ssl, long n) {
  static char got[PIECE];
  while (n > 0) {
    int part = SSL_read(ssl, got, sizeof got);
    if (part <= 0) fail("read");
    n -= part;
  }
}

static void end(SSL *ssl) {
  int fd = SSL_get_fd(ssl);
  SSL_shutdown(ssl);
  SSL_free(ssl);
  close(fd);
}

static const char *name;

static void report(double begun, double cpu, double operations, double each) {
  printf("RES %s %.6f %.0f wall=%.6f bytes=%.0f rss=%ld\n", name, used() - cpu, operations,
         now() - begun, each, resident() / 1024);
}

static void run_echo(int n, long size, double seconds) {
  SSL **c = calloc((size_t)n, sizeof *c);
  double begun, cpu;
  long done = 0;
  if (c == NULL) exit(1);
  for (int i = 0; i < n; i++) {
    c[i] = connected();
    send_all(c[i], size);
    receive_all(c[i], size);
  }
  begun = now();
  cpu = used();
  while (now() < begun + seconds) {
    for (int i = 0; i < n; i++) send_all(c[i], size);
    for (int i = 0; i < n; i++) receive_all(c[i], size);
    done += n;
  }
  report(begun, cpu, (double)done, 0);
  for (int i = 0; i < n; i++) end(c[i]);
  free(c);
}

static void run_bulk(int sends, long bytes, double seconds) {
  SSL *c = connected();
  double begun = now(), cpu = used(), done = 0;
  while (now() < begun + seconds) {
    send_all(c, sends ? bytes : 1);
    receive_all(c, sends ? 1 : bytes);
    done += (double)bytes;
  }
  report(begun, cpu, done, 0);
  end(c);
}

static void run_handshakes(double seconds) {
  double begun = 0, cpu = 0, stop = 0;
  long done = 0, reused = 0;
  for (int i = 0; i < 20 || now() < stop; i++) {
    SSL *c;
    if (i == 20) {
      begun = now();
      cpu = used();
      stop = begun + seconds;
      done = reused = 0;
    }
    c = connected();
    send_all(c, 1);
    receive_all(c, 1);
    reused += SSL_session_reused(c);
    end(c);
    done++;
    if (i < 20) stop = now() + 1;
  }
  report(begun, cpu, (double)done, 0);
  if (reused != (resumes ? done : 0)) /* some servers give a new session every other time */
    fprintf(stderr, "tls_load: %ld of %ld were resumed\n", reused, done);
}

static void run_idle(int n) {
  double begun = now(), cpu = used();
  long before = 0;
  for (int i = 0; i < n + 100; i++) {
    SSL *c = connected();
    send_all(c, 64);
    receive_all(c, 64);
    if (i == 99) before = resident(); /* what all of them share is there */
  }
  usleep(300000);
  report(begun, cpu, n, (double)(resident() - before) / n);
}

static void start(char **command) {
  server = fork();
  if (server < 0) fail("fork");
  if (server == 0) {
    bind_to(0);
    execvp(command[0], command);
    fprintf(stderr, "tls_load: cannot run %s: %s\n", command[0], strerror(errno));
    _exit(127);
  }
  bind_to(1);
  for (int tries = 0; tries < 1000; tries++) {
    int fd = socket_at(port);
    if (fd >= 0) {
      close(fd);
      return;
    }
    if (waitpid(server, NULL, WNOHANG) == server) break;
    usleep(10000);
  }
  fprintf(stderr, "tls_load: the server does not listen\n");
  exit(1);
}

int main(int argc, char **argv) {
  double seconds = 1;
  char text[16], **command;
  const char *mode;
  long bytes;
  int o, n;
  while ((o = getopt(argc, argv, "+t:")) != -1) {
    if (o != 't') return 2;
    seconds = atof(optarg);
  }
  if (argc - optind < 6) return 2;
  name = argv[optind];
  mode = argv[optind + 1];
  n = atoi(argv[optind + 2]);
  bytes = atol(argv[optind + 3]);
  signal(SIGPIPE, SIG_IGN);
  ctx = SSL_CTX_new(TLS_client_method());
  if (ctx == NULL) return 1;
  SSL_CTX_set_session_cache_mode(ctx,
                                 SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ctx, on_ticket);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  port = socket_at(0);
  snprintf(text, sizeof text, "%d", port);
  command = calloc((size_t)(argc - optind), sizeof *command);
  if (command == NULL) return 1;
  memcpy(command, argv + optind + 5, (size_t)(argc - optind - 5) * sizeof *command);
  command[argc - optind - 5] = text;
  start(command);
  resumes = strcmp(mode, "resumed") == 0;
  if (strcmp(mode, "echo") == 0)
    run_echo(n, bytes, seconds);
  else if (strcmp(mode, "idle") == 0)
    run_idle(n);
  else if (resumes || strcmp(mode, "handshake") == 0)
    run_handshakes(seconds);
  else
    run_bulk(strcmp(mode, "sink") == 0, bytes, seconds);
  fflush(stdout);
  kill(server, SIGTERM);
  for (int tries = 0; tries < 100; tries++) {
    if (waitpid(server, NULL, WNOHANG) == server) return 0;
    usleep(10000);
  }
  kill(server, SIGKILL);
  waitpid(server, NULL, 0);
  return 0;
}
