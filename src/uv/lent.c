/* lent.c: what this process was lent and has to give back as it was.
**
** A terminal's mode, and whether a descriptor blocks, belong to all programs that have it
** open: the shell above us, the children below. Each change is entered here before it is
** made, and undone with the handle that made it, at exit, and before a fatal signal ends
** the process. Terminals and signals are the process's, not a Lua state's: hence the one
** table for all states, which the mutex guards; `give_back` alone looks at it without,
** for it has to be fit for signal handlers.
*/
#include "lent.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <uv.h>

#define ENTRIES 64

typedef struct entry {
  atomic_int used; /* how many handles have changed it */
  int fd;          /* a duplicate of our own, which is not closed before; -1: none */
  int is_terminal; /* one that signals have to be caught for */
  void (*call)(void *data); /* instead of all that follows */
  void *data;
  dev_t device; /* of a terminal */
  struct termios mode;
  int flags;
} entry;

static entry table[ENTRIES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int at_exit_done;
static int terminals; /* entries that are one */

static const int fatal[] = {SIGHUP, SIGINT,  SIGQUIT, SIGILL,  SIGABRT, SIGBUS,
                            SIGFPE, SIGSEGV, SIGTERM, SIGXCPU, SIGXFSZ, SIGSYS};
#define NFATAL (sizeof fatal / sizeof *fatal)

/* ---- Giving back --------------------------------------------------------- */

/* Another program has the terminal, and has set it as it likes. */
static int in_background(int fd) {
  pid_t group = tcgetpgrp(fd);
  return group > 0 && group != getpgrp();
}

/* Fit for signal handlers. SIGTTOU would stop a process that is put into the background here. */
static void give_back(const entry *e) {
  sigset_t ttou, old;
  if (e->call != NULL) {
    e->call(e->data);
    return;
  }
  if (!e->is_terminal) {
    fcntl(e->fd, F_SETFL, e->flags);
    return;
  }
  if (in_background(e->fd)) return;
  sigemptyset(&ttou);
  sigaddset(&ttou, SIGTTOU);
  pthread_sigmask(SIG_BLOCK, &ttou, &old);
  while (tcsetattr(e->fd, TCSANOW, &e->mode) != 0 && errno == EINTR) continue;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void give_all_back(void) {
  int i;
  for (i = 0; i < ENTRIES; i++)
    if (atomic_load(&table[i].used) > 0) give_back(&table[i]);
}

/* ---- Fatal signals ------------------------------------------------------- */

/* Whether that is what the signal does now. (A handler with SA_SIGINFO lies in the same place, and is
** neither. Asking cannot fail.) */
static int is_action(int number, void (*handler)(int)) {
  struct sigaction now;
  sigaction(number, NULL, &now);
  return now.sa_handler == handler;
}

/* The default action is back (SA_RESETHAND) when this has returned. */
static void on_fatal(int number) {
  int err = errno;
  give_all_back();
  errno = err;
  raise(number);
}

void lwt_uv_lent_die(int number) {
  sigset_t set;
  give_all_back();
  signal(number, SIG_DFL);
  sigemptyset(&set);
  sigaddset(&set, number);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  raise(number);
}

static void guard(void) {
  struct sigaction ours;
  size_t i;
  if (terminals == 0) return;
  ours.sa_handler = on_fatal;
  ours.sa_flags = SA_RESETHAND | SA_ONSTACK;
  sigemptyset(&ours.sa_mask);
  for (i = 0; i < NFATAL; i++)
    if (is_action(fatal[i], SIG_DFL)) sigaction(fatal[i], &ours, NULL);
}

void lwt_uv_lent_guard(void) {
  pthread_mutex_lock(&lock);
  guard();
  pthread_mutex_unlock(&lock);
}

/* Our code may be unloaded when nothing is lent any more. */
static void unguard(void) {
  size_t i;
  for (i = 0; i < NFATAL; i++)
    if (is_action(fatal[i], on_fatal)) signal(fatal[i], SIG_DFL);
}

/* ---- The table ----------------------------------------------------------- */

/* With the lock. `e` is filled in but for fd; its number in the table, or a status. */
static int enter(const entry *e, int fd) {
  int i, copy = -1;
  for (i = 0; i < ENTRIES && atomic_load(&table[i].used) > 0; i++) continue;
  if (i == ENTRIES) return UV_ENFILE;
  if (e->call == NULL && (copy = fcntl(fd, F_DUPFD_CLOEXEC, 3)) < 0)
    return uv_translate_sys_error(errno);
  if (!at_exit_done) at_exit_done = atexit(give_all_back) == 0;
  table[i].fd = copy;
  table[i].is_terminal = e->is_terminal;
  table[i].device = e->device;
  table[i].call = e->call;
  table[i].data = e->data;
  table[i].mode = e->mode;
  table[i].flags = e->flags;
  terminals += e->is_terminal;
  atomic_store(&table[i].used, 1);
  return i;
}

static int enter_terminal(int fd) {
  entry e = {.is_terminal = 1};
  struct stat st;
  int i;
  if (fstat(fd, &st) != 0 || tcgetattr(fd, &e.mode) != 0)
    return uv_translate_sys_error(errno);
  e.device = st.st_rdev;
  for (i = 0; i < ENTRIES; i++)
    if (atomic_load(&table[i].used) > 0 && table[i].is_terminal &&
        table[i].call == NULL && table[i].device == e.device) {
      atomic_fetch_add(&table[i].used, 1);
      return i;
    }
  i = enter(&e, fd);
  if (i >= 0) guard();
  return i;
}

int lwt_uv_lent_terminal(int fd) {
  int ticket;
  pthread_mutex_lock(&lock);
  ticket = enter_terminal(fd);
  pthread_mutex_unlock(&lock);
  return ticket;
}

int lwt_uv_lent_blocking(int fd) {
  entry e = {.is_terminal = 0};
  int ticket;
  e.flags = fcntl(fd, F_GETFL);
  if (e.flags < 0 || (e.flags & O_NONBLOCK)) return -1;
  pthread_mutex_lock(&lock);
  ticket = enter(&e, fd);
  pthread_mutex_unlock(&lock);
  return ticket < 0 ? -1 : ticket;
}

int lwt_uv_lent_call(void (*f)(void *data), void *data) {
  entry e = {.is_terminal = 1, .call = f, .data = data};
  int ticket;
  pthread_mutex_lock(&lock);
  ticket = enter(&e, -1);
  if (ticket >= 0) guard();
  pthread_mutex_unlock(&lock);
  return ticket;
}

void lwt_uv_lent_return(int ticket) {
  entry *e;
  if (ticket < 0) return;
  e = &table[ticket];
  pthread_mutex_lock(&lock);
  if (atomic_load(&e->used) == 1) {
    if (e->call == NULL) give_back(e);
    atomic_store(&e->used, 0);
    if (e->call == NULL) close(e->fd);
    terminals -= e->is_terminal;
    if (terminals == 0) unguard();
  } else {
    atomic_fetch_sub(&e->used, 1);
  }
  pthread_mutex_unlock(&lock);
}

/* ---- Another descriptor of the same -------------------------------------- */

/* Sockets cannot be opened again, and other users' terminals may not. */
int lwt_uv_lent_reopen(int fd) {
  char path[32];
  int flags = fcntl(fd, F_GETFL), again;
  if (flags < 0) return UV_EBADF;
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  again = open(path, (flags & O_ACCMODE) | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  return again >= 0 ? again : uv_translate_sys_error(errno);
}
