/* typist: types at a program which edits a line, on a pseudo-terminal of 80 columns, and counts what a key
** costs it: processor time, and bytes that it writes.
**
**   typist ROW:WHO SIZE,SIZE,… KEYS COMMAND…
**
** For each size the command is started with it as its last word; it has to show a line of so many characters
** with the cursor at its end. KEYS characters are typed there, one after what the one before it has changed is
** on the screen; and as many after the fifth character (the figure "…_middle").
*/
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define FIRST 5000 /* milliseconds for an answer to come */
#define QUIET 3    /* milliseconds without a byte: that was all */
#define BEGUN 500  /* the same for the beginning */

static int master;
static pid_t child;

static void fail(const char *what) {
  fprintf(stderr, "typist: %s\n", what);
  if (child > 0) kill(child, SIGKILL);
  exit(1);
}

/* How many bytes come, until it is quiet. */
static long take(int first, int quiet) {
  char buffer[65536];
  struct pollfd p = {.fd = master, .events = POLLIN};
  long bytes = 0;
  while (poll(&p, 1, bytes > 0 ? quiet : first) > 0) {
    ssize_t n = read(master, buffer, sizeof buffer);
    if (n <= 0) fail("the program has ended");
    bytes += n;
  }
  if (bytes == 0) fail("no answer");
  return bytes;
}

static void type(const char *key) {
  if (write(master, key, strlen(key)) < 0) fail("the terminal takes no key");
}

static double cpu(void) {
  clockid_t clock;
  struct timespec t;
  if (clock_getcpuclockid(child, &clock) != 0 || clock_gettime(clock, &t) != 0)
    fail("the program's processor time is not known");
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void start(char **argv) {
  struct winsize size = {.ws_col = 80, .ws_row = 24};
  int flags = O_RDWR | O_NOCTTY | O_CLOEXEC, slave = -1, locked = 0, i;
  master = open("/dev/ptmx", flags);
  if (master < 0) master = open("/dev/pts/ptmx", flags); /* in a bare chroot */
  if (master >= 0 && ioctl(master, TIOCSPTLCK, &locked) == 0) slave = ioctl(master, TIOCGPTPEER, flags);
  if (slave < 0) fail("no pseudo-terminal");
  ioctl(master, TIOCSWINSZ, &size);
  child = fork();
  if (child == 0) {
    setsid();
    ioctl(slave, TIOCSCTTY, 0);
    for (i = 0; i < 3; i++) dup2(slave, i);
    setenv("TERM", "xterm-256color", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    execvp(argv[0], argv);
    _exit(127);
  }
  if (child < 0) fail("no process");
  close(slave);
}

static void finish(void) {
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  child = 0;
  close(master);
}

static void measure(const char *name, const char *figure, const char *size, int keys) {
  double begun = cpu();
  long bytes = 0;
  for (int i = 0; i < keys; i++) {
    type(i % 2 == 0 ? "a" : "b");
    bytes += take(FIRST, QUIET);
  }
  printf("RES %s%s@%s %.9f %d bytes=%.6g\n", name, figure, size, cpu() - begun, keys, (double)bytes / keys);
  fflush(stdout);
}

int main(int argc, char **argv) {
  char *size;
  int keys;
  if (argc < 5) {
    fprintf(stderr, "typist: typist ROW:WHO SIZE,SIZE,... KEYS COMMAND...\n");
    return 2;
  }
  keys = atoi(argv[3]);
  for (size = strtok(argv[2], ","); size; size = strtok(NULL, ",")) {
    char **command = calloc((size_t)argc, sizeof *command);
    int n = argc - 4;
    memcpy(command, argv + 4, (size_t)n * sizeof *command);
    command[n] = size;
    start(command);
    take(60000, BEGUN);
    measure(argv[1], "", size, keys);
    type("\001\006\006\006\006\006"); /* Ctrl-A, five times Ctrl-F */
    take(FIRST, BEGUN);
    measure(argv[1], "_middle", size, keys);
    finish();
    free(command);
  }
  return 0;
}
