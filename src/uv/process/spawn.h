/* spawn.h: start a program without copying this process (see spawn.c). */
#ifndef LWT_UV_SPAWN_H
#define LWT_UV_SPAWN_H

#include <sys/types.h>

/* Where we have a spawn of our own; elsewhere process.c uses uv_spawn. */
#if defined(__linux__) && !defined(LWT_UV_PLAIN_SPAWN)
#define LWT_UV_OWN_SPAWN 1
#endif

typedef struct lwt_uv_spawn_options {
  const char *const *candidates; /* paths to try, in this order, up to a NULL */
  char **argv;                   /* as execve wants it */
  char **shell_argv;             /* {"sh", "", arguments…}: for a script without #! */
  char **env;
  const char *cwd; /* NULL: as here */
  int fds[3];      /* what becomes 0, 1 and 2; -1: closed */
  int new_session; /* leave this terminal and process group */
  int new_group;   /* lead a process group of its own */
  long uid, gid;   /* -1: as here */
} lwt_uv_spawn_options;

/* Which step failed, to say so in the error. */
enum { LWT_UV_SPAWN_START, LWT_UV_SPAWN_CHDIR, LWT_UV_SPAWN_USER, LWT_UV_SPAWN_EXEC };

#ifdef LWT_UV_OWN_SPAWN
/* What is kept from one start to the next, one for each state; zeroed at first. */
typedef struct lwt_uv_spawner {
  char *stack; /* the child's, until it execs */
  int shares;  /* the child is known to write to our memory */
} lwt_uv_spawner;

/* 0 and the child's pid, or the positive errno and the step that failed; a child
** that could not exec has been reaped then. */
int lwt_uv_spawn(lwt_uv_spawner *s, const lwt_uv_spawn_options *o, pid_t *pid, int *step);
void lwt_uv_spawner_close(lwt_uv_spawner *s);

/* Wait for a child that is ending, and forget it. */
void lwt_uv_spawn_reap(pid_t pid);

/* A descriptor that becomes readable when the child ends, or -1. */
int lwt_uv_pidfd(pid_t pid);
#define LWT_UV_P_PIDFD 3 /* P_PIDFD of waitid, which older headers do not have */
/* As kill, of the very process that the descriptor was made for. 0, or -1 and errno. */
int lwt_uv_pidfd_kill(int pidfd, int number);
/* A parent that ignores SIGCHLD learns of no child's end: the system reaps them. */
void lwt_uv_hear_of_children(void);
#endif

#endif
