/* spawn.c: start a program in time that does not grow with this process.
**
** uv_spawn (libuv 1.44) forks, which copies the page tables: 29 ms with 1 GiB
** resident, and the loop stands still meanwhile. Here the child borrows our memory
** until it execs (CLONE_VM | CLONE_VFORK: only the calling thread waits), on a stack
** of its own, as glibc's posix_spawn does; that one has no cwd, no uid and leaks
** descriptors that were opened without close-on-exec, so it would not do.
**
** The child may only make system calls: no malloc, no locks, no writing to what the
** parent uses. What it needs is prepared before. Failure comes back through the shared
** memory, once a first start has shown that it is shared: valgrind really forks here.
** Until then, and there, through a close-on-exec pipe. No Lua in this file.
*/
#include "spawn.h"

#ifdef LWT_UV_OWN_SPAWN

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_SIZE ((size_t)64 * 1024)

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

/* glibc's own setuid and setgid tell every thread it finds in memory, which is the
** parent's: only the bare system calls will do. */
#ifdef SYS_setuid32
#define RAW_SETUID SYS_setuid32
#define RAW_SETGID SYS_setgid32
#define RAW_SETGROUPS SYS_setgroups32
#else
#define RAW_SETUID SYS_setuid
#define RAW_SETGID SYS_setgid
#define RAW_SETGROUPS SYS_setgroups
#endif

/* The address sanitizer marks stacks as it goes, and would find the marks of this one
** later. */
#define CHILD __attribute__((no_sanitize("address")))

/* The thread sanitizer keeps an account of each thread's calls in memory: the child's
** would be taken for ours. There, it gets a copy. */
#if defined(__SANITIZE_THREAD__)
#define BORROW CLONE_VFORK
#else
#define BORROW (CLONE_VM | CLONE_VFORK)
#endif

typedef struct failure {
  int err, step;
} failure;

typedef struct child {
  const lwt_uv_spawn_options *o;
  int report; /* write end of the pipe, or -1 */
  /* Written by the child; the parent sees it if memory is shared. */
  int begun;
  failure failure;
} child;

CHILD static void give_up(child *c, int step) {
  const failure f = {errno, step};
  c->failure = f;
  /* (The pipe is empty, and no handler of a signal is left here: nothing interrupts it.) */
  ssize_t told = c->report >= 0 ? write(c->report, &f, sizeof f) : 0;
  (void)told;
  _exit(127);
}

/* Handlers of the parent must not run here; what it ignores stays ignored, except
** SIGPIPE, which the parent ignores for its own reasons. */
CHILD static void reset_signals(void) {
  for (int sig = 1; sig < NSIG; sig++) {
    struct sigaction sa;
    if (sigaction(sig, NULL, &sa) != 0 || sa.sa_handler == SIG_DFL) continue;
    if (sa.sa_handler == SIG_IGN && sig != SIGPIPE) continue;
    sa.sa_handler = SIG_DFL;
    sa.sa_flags = 0;
    sigaction(sig, &sa, NULL);
  }
}

/* A program expects that its standard descriptors wait, and ours often do not. Pipes and
** terminals are opened anew, so that ours stay as they are; what cannot be (a socket)
** waits for all programs that have it from here on. */
CHILD static void make_wait(int fd) {
  char path[] = "/proc/self/fd/0";
  struct stat st;
  int flags = fcntl(fd, F_GETFL), again = -1;
  if (flags < 0 || !(flags & O_NONBLOCK) || fstat(fd, &st) != 0 || S_ISREG(st.st_mode))
    return;
  path[sizeof path - 2] = (char)('0' + fd);
  if (!S_ISSOCK(st.st_mode))
    again = open(path, (flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (again >= 0) {
    dup2(again, fd);
    close(again);
  }
  fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

CHILD static void place_descriptors(child *c) {
  int fds[3];
  for (int i = 0; i < 3; i++) {
    fds[i] = c->o->fds[i];
    /* Out of the way of the ones that are placed before it. */
    if (fds[i] >= 0 && fds[i] < 3 && fds[i] != i)
      if ((fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3)) < 0)
        give_up(c, LWT_UV_SPAWN_START);
  }
  for (int i = 0; i < 3; i++) {
    if (fds[i] < 0)
      close(i);
    else if (fds[i] == i ? fcntl(i, F_SETFD, 0) < 0 : dup2(fds[i], i) < 0)
      give_up(c, LWT_UV_SPAWN_START);
    else
      make_wait(i);
  }
}

/* Whatever was opened without close-on-exec (by Lua's io.open, for one). */
CHILD static void close_the_rest(void) {
  if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
  struct rlimit limit;
  int end = 65536;
  getrlimit(RLIMIT_NOFILE, &limit); /* cannot fail */
  if (limit.rlim_cur < 65536) end = (int)limit.rlim_cur;
  for (int fd = 3; fd < end; fd++) {
    int flags = fcntl(fd, F_GETFD);
    if (flags >= 0) fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
  }
}

CHILD static void become_user(child *c) {
  const lwt_uv_spawn_options *o = c->o;
  if (o->uid < 0 && o->gid < 0) return;
  /* A child that keeps the groups of the user that it no longer is has that user's
  ** rights. (Without the privilege nothing can change, and then there is nothing to give
  ** up.) */
  int changes = (o->uid >= 0 && (uid_t)o->uid != geteuid()) ||
                (o->gid >= 0 && (gid_t)o->gid != getegid());
  if (syscall(RAW_SETGROUPS, 0, NULL) != 0 && changes) give_up(c, LWT_UV_SPAWN_USER);
  if (o->gid >= 0 && syscall(RAW_SETGID, (gid_t)o->gid) != 0)
    give_up(c, LWT_UV_SPAWN_USER);
  if (o->uid >= 0 && syscall(RAW_SETUID, (uid_t)o->uid) != 0)
    give_up(c, LWT_UV_SPAWN_USER);
}

CHILD static int child_main(void *arg) {
  child *c = arg;
  const lwt_uv_spawn_options *o = c->o;
  c->begun = 1;
  reset_signals();
  if (o->new_session && setsid() < 0) give_up(c, LWT_UV_SPAWN_START);
  if (o->new_group && !o->new_session && setpgid(0, 0) < 0)
    give_up(c, LWT_UV_SPAWN_START);
  place_descriptors(c);
  if (o->cwd != NULL && chdir(o->cwd) != 0) give_up(c, LWT_UV_SPAWN_CHDIR);
  become_user(c);
  close_the_rest();
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  int err = ENOENT;
  for (const char *const *path = o->candidates; *path != NULL; path++) {
    execve(*path, o->argv, o->env);
    if (errno == ENOEXEC) {
      o->shell_argv[1] = (char *)*path;
      execve("/bin/sh", o->shell_argv, o->env);
    }
    if (errno == EACCES)
      err = EACCES; /* found, but: worth more than "not found" further on */
    else if (errno != ENOENT && errno != ENOTDIR) {
      err = errno;
      break;
    }
  }
  errno = err;
  give_up(c, LWT_UV_SPAWN_EXEC);
  return 127;
}

/* A pipe for the child's failure. 0 or an errno. */
static int open_report(int report[2]) {
  if (pipe2(report, O_CLOEXEC) != 0) return errno;
  if (report[1] >= 3) return 0;
  /* We run without standard descriptors: keep out of their way. */
  int high = fcntl(report[1], F_DUPFD_CLOEXEC, 3), err = errno;
  close(report[1]);
  report[1] = high;
  if (high >= 0) return 0;
  close(report[0]);
  return err;
}

/* What the child wrote before it gave up, if it did. It has ended, or is the program, by now:
** there is nothing to wait for. */
static failure read_report(int fd) {
  failure f;
  ssize_t n = read(fd, &f, sizeof f);
  return n == (ssize_t)sizeof f ? f : (failure){0, LWT_UV_SPAWN_START};
}

/* Not from malloc: valgrind, in the child that it forks, would call it lost. Kept: giving
** it back disturbs the other processors, on which children have used this memory. */
static int make_stack(lwt_uv_spawner *s) {
  if (s->stack != NULL) return 0;
  char *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return ENOMEM;
  s->stack = stack;
  return 0;
}

void lwt_uv_spawner_close(lwt_uv_spawner *s) {
  if (s->stack != NULL) munmap(s->stack, STACK_SIZE);
  s->stack = NULL;
}

void lwt_uv_spawn_reap(pid_t pid) {
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
}

int lwt_uv_spawn(lwt_uv_spawner *s, const lwt_uv_spawn_options *o, pid_t *pid,
                 int *step) {
  int report[2] = {-1, -1}, err = make_stack(s);
  *step = LWT_UV_SPAWN_START;
  if (err == 0 && !s->shares) err = open_report(report);
  if (err != 0) return err;
  child c = {.o = o, .report = report[1]};
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pid_t p = clone(child_main, s->stack + STACK_SIZE, BORROW | SIGCHLD, &c);
  err = p < 0 ? errno : 0;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  if (c.begun) s->shares = 1;
  if (report[1] >= 0) close(report[1]);
  if (p >= 0) {
    failure f = c.begun ? c.failure : read_report(report[0]);
    if (f.err != 0) {
      err = f.err;
      *step = f.step;
      lwt_uv_spawn_reap(p);
    }
  }
  if (report[0] >= 0) close(report[0]);
  *pid = p;
  return err;
}

int lwt_uv_pidfd(pid_t pid) {
  return (int)syscall(SYS_pidfd_open, pid, 0U);
}

int lwt_uv_pidfd_kill(int pidfd, int number) {
  return (int)syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0U);
}

void lwt_uv_hear_of_children(void) {
  struct sigaction action;
  sigaction(SIGCHLD, NULL, &action); /* cannot fail */
  if (action.sa_handler == SIG_IGN)
    action.sa_handler = SIG_DFL;
  else if (!(action.sa_flags & SA_NOCLDWAIT))
    return;
  action.sa_flags &= ~SA_NOCLDWAIT;
  sigaction(SIGCHLD, &action, NULL);
}

#else
typedef int lwt_uv_spawn_is_uv_spawn; /* an empty file is no C */
#endif
