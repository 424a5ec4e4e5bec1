/* end.c: a child: its handle, and how its end becomes known.
**
** By a pidfd where the system has them: exact, one descriptor per child, no signal.
** Otherwise by SIGCHLD, for which the state has one uv_signal as long as it has such
** children: it asks after each of their pids. (One per child would not do: libuv drops what
** does not fit its pipe, and that would be children times children.) Both leave the children
** of others (uv_spawn's, another Lua state's, the host's) alone.
*/
#include "process.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signal.h"

/* ---- Telling ------------------------------------------------------------- */

static double seconds(struct timeval t) {
  return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

static void push_status(lua_State *L, const lwt_uv_child *p) {
  lua_createtable(L, 0, 1);
  if (p->signal != 0) {
    const char *name = lwt_uv_signal_name(p->signal);
    if (name != NULL)
      lua_pushstring(L, name);
    else
      lua_pushinteger(L, p->signal);
    lua_setfield(L, -2, "signal");
  } else {
    lua_pushinteger(L, p->code);
    lua_setfield(L, -2, "code");
  }
}

static void set_number(lua_State *L, const char *key, double n) {
  lua_pushnumber(L, n);
  lua_setfield(L, -2, key);
}

static void set_integer(lua_State *L, const char *key, lua_Integer n) {
  lua_pushinteger(L, n);
  lua_setfield(L, -2, key);
}

static void push_usage(lua_State *L, const struct rusage *u) {
  lua_createtable(L, 0, 10);
  set_number(L, "utime", seconds(u->ru_utime));
  set_number(L, "stime", seconds(u->ru_stime));
#ifdef __APPLE__
  set_integer(L, "maxrss", u->ru_maxrss);
#else
  set_integer(L, "maxrss", u->ru_maxrss * 1024);
#endif
  set_integer(L, "minflt", u->ru_minflt);
  set_integer(L, "majflt", u->ru_majflt);
  set_integer(L, "inblock", u->ru_inblock);
  set_integer(L, "oublock", u->ru_oublock);
  set_integer(L, "nvcsw", u->ru_nvcsw);
  set_integer(L, "nivcsw", u->ru_nivcsw);
}

typedef struct telling {
  lwt_uv_child *p;
  int told; /* the process may be gone with its handle */
} telling;

/* Settle the promise of the end, which raises only before it does anything, and close the
** handle. */
static void tell_end(lua_State *L, void *data) {
  telling *t = data;
  lwt_uv_child *p = t->p;
  const lwt_api *lwt = p->h.ctx->lwt;
  int top = lua_gettop(L);
  lwt_uv_handle_push(L, &p->h);
  lua_getiuservalue(L, -1, LWT_UV_PROCESS_EXIT);
  if (p->lost) {
    lwt->push_error(lwt, L, "ECHILD", ECHILD, "somebody else has waited for this child",
                    "wait", NULL, NULL);
    lwt->reject(lwt, L, top + 2);
  } else {
    push_status(L, p);
    push_usage(L, &p->usage);
    lwt->fulfill(lwt, L, top + 2, 2);
  }
  t->told = 1;
  lwt_uv_handle_close(L, lua_touserdata(L, top + 1), 1);
  lua_settop(L, top);
}

/* When there was no memory for that: Lua has this string already. */
static void tell_failure(lua_State *L, void *data) {
  telling *t = data;
  const lwt_api *lwt = t->p->h.ctx->lwt;
  int top = lua_gettop(L);
  lwt_uv_handle_push(L, &t->p->h);
  lua_getiuservalue(L, -1, LWT_UV_PROCESS_EXIT);
  lua_pushliteral(L, "not enough memory");
  lwt->reject(lwt, L, top + 2);
  t->told = 1;
  lwt_uv_handle_close(L, lua_touserdata(L, top + 1), 1);
  lua_settop(L, top);
}

/* Whether that could be done. */
static int tell(lwt_uv_child *p) {
  lwt_uv *ctx = p->h.ctx;
  telling t = {p, 0};
  lwt_uv_enter(ctx, tell_end, &t);
  if (!t.told && p->h.box != NULL) lwt_uv_enter(ctx, tell_failure, &t);
  return t.told;
}

/* ---- Noticing ------------------------------------------------------------ */

#ifdef LWT_UV_OWN_SPAWN

/* As the kernel writes it. (Where a 32-bit system has times of 64 bits, the C library's structure has
** wider ones.) */
#ifdef __x86_64__
typedef long long kernel_long; /* (x32, too) */
#else
typedef long kernel_long;
#endif

typedef struct kernel_usage {
  kernel_long utime[2], stime[2];
  kernel_long maxrss, ixrss, idrss, isrss, minflt, majflt, nswap, inblock, oublock;
  kernel_long msgsnd, msgrcv, nsignals, nvcsw, nivcsw;
} kernel_usage;

static void take_usage(struct rusage *u, const kernel_usage *k) {
  u->ru_utime.tv_sec = k->utime[0];
  u->ru_utime.tv_usec = k->utime[1];
  u->ru_stime.tv_sec = k->stime[0];
  u->ru_stime.tv_usec = k->stime[1];
  u->ru_maxrss = k->maxrss;
  u->ru_minflt = k->minflt;
  u->ru_majflt = k->majflt;
  u->ru_inblock = k->inblock;
  u->ru_oublock = k->oublock;
  u->ru_nvcsw = k->nvcsw;
  u->ru_nivcsw = k->nivcsw;
}

/* Take the child's status, where it has ended: 1, or 0 while it runs, or -1 when somebody
** else has taken it. By its pidfd, for its number may be another child's by then. (The bare
** call gives the usage as well. It knows no pidfds before Linux 5.4.) */
static int take_exactly(lwt_uv_child *p) {
  siginfo_t info = {.si_pid = 0};
  kernel_usage usage;
  long failed =
      syscall(SYS_waitid, LWT_UV_P_PIDFD, p->pidfd, &info, WEXITED | WNOHANG, &usage);
  if (failed != 0) return -1;
  if (info.si_pid == 0) return 0;
  take_usage(&p->usage, &usage);
  *(info.si_code == CLD_EXITED ? &p->code : &p->signal) = info.si_status;
  return 1;
}

static int take_by_number(lwt_uv_child *p) {
  int status;
  /* (Neither waits, and so neither is interrupted.) */
  pid_t pid = wait4(p->pid, &status, WNOHANG, &p->usage);
  if (pid <= 0) return pid < 0 ? -1 : 0;
  if (WIFSIGNALED(status))
    p->signal = WTERMSIG(status);
  else
    p->code = WEXITSTATUS(status);
  return 1;
}

/* Reap it if it has ended. */
static void reap(lwt_uv_child *p) {
  if (p->ended) return;
  int taken = p->pidfd >= 0 ? take_exactly(p) : -1;
  if (taken < 0 && (p->pidfd < 0 || errno != ECHILD)) taken = take_by_number(p);
  if (taken == 0) return;
  p->ended = 1;
  p->lost = taken < 0;
}

static void on_pidfd(uv_poll_t *poll, int status, int events) {
  lwt_uv_child *p = (lwt_uv_child *)(lwt_uv_handle *)poll->data;
  (void)status, (void)events;
  reap(p);
  if (!p->ended) return;
  uv_poll_stop(&p->uv.poll); /* callbacks may turn the loop */
  /* Not even rejecting with "no memory" was possible: try again at the next turn, or the
  ** promise would stay pending. */
  if (!tell(p) && p->h.box != NULL) uv_poll_start(&p->uv.poll, UV_READABLE, on_pidfd);
}

static void free_signal(uv_handle_t *h) {
  lwt_uv *ctx = h->data;
  ctx->unclosed--;
  free(h);
}

static void close_signal(lwt_uv *ctx, uv_signal_t *sig) {
  ctx->unclosed++;
  uv_close((uv_handle_t *)sig, free_signal);
}

/* No longer watched, if it was; with the last one the listening ends. */
static void closing(lwt_uv_handle *h) {
  lwt_uv_child *p = (lwt_uv_child *)h;
  lwt_uv_children *all = h->ctx->family[LWT_UV_FPROCESS];
  if (p->before == NULL) return;
  *p->before = p->next;
  if (p->next != NULL) p->next->before = p->before;
  p->before = NULL;
  if (all->watched != NULL) return;
  close_signal(h->ctx, all->sigchld);
  all->sigchld = NULL;
  lwt_uv_after_drop(h->ctx, &all->later);
}

static lwt_uv_child *find_ended(const lwt_uv_children *all) {
  lwt_uv_child *p = all->watched;
  while (p != NULL && !p->ended) p = p->next;
  return p;
}

/* One signal may stand for many ends. Resolving a promise runs Lua, which may start and
** close others. So first all are asked, and then the promises are resolved, from the
** start of the list each time. */
void lwt_uv_children_look(lwt_uv_after *later) {
  lwt_uv_children *all =
      (lwt_uv_children *)(void *)((char *)later - offsetof(lwt_uv_children, later));
  lwt_uv_child *p;
  for (p = all->watched; p != NULL; p = p->next) reap(p);
  while ((p = find_ended(all)) != NULL && tell(p)) {}
  if (p != NULL) kill(getpid(), SIGCHLD); /* that was not possible: at the next turn */
}

static void on_sigchld(uv_signal_t *sig, int number) {
  lwt_uv *ctx = sig->data;
  lwt_uv_children *all = ctx->family[LWT_UV_FPROCESS];
  (void)number;
  lwt_uv_after_add(ctx, &all->later);
}

static int watch_sigchld(lwt_uv *ctx, lwt_uv_children *all) {
  if (all->sigchld != NULL) return 0;
  uv_signal_t *sig = malloc(sizeof *sig);
  if (sig == NULL) return UV_ENOMEM;
  int status = uv_signal_init(ctx->loop, sig);
  if (status < 0) {
    free(sig);
    return status;
  }
  sig->data = ctx;
  status = uv_signal_start(sig, on_sigchld, SIGCHLD);
  if (status < 0)
    close_signal(ctx, sig);
  else
    all->sigchld = sig;
  return status;
}

int lwt_uv_child_watch(lwt_uv *ctx, lua_State *L, lwt_uv_child *p) {
  lwt_uv_children *all = ctx->family[LWT_UV_FPROCESS];
  int status;
  if (!all->no_pidfds) {
    p->pidfd = lwt_uv_pidfd(p->pid);
    if (p->pidfd < 0 && errno == ENOSYS) all->no_pidfds = 1; /* do not ask again */
  }
  if (p->pidfd >= 0) {
    status = uv_poll_init(ctx->loop, &p->uv.poll, p->pidfd);
    status = lwt_uv_handle_opened(L, &p->h, &p->uv.poll, status);
    return status < 0 ? status : uv_poll_start(&p->uv.poll, UV_READABLE, on_pidfd);
  }
  uv_idle_init(ctx->loop, &p->uv.none); /* cannot fail */
  lwt_uv_handle_opened(L, &p->h, &p->uv.none, 0);
  status = watch_sigchld(ctx, all);
  if (status < 0) return status;
  p->next = all->watched;
  p->before = &all->watched;
  if (p->next != NULL) p->next->before = &p->next;
  all->watched = p;
  kill(getpid(), SIGCHLD); /* it may have ended before we listened */
  return 0;
}

#else

void lwt_uv_child_ended(uv_process_t *uv, int64_t code, int sig) {
  lwt_uv_child *p = (lwt_uv_child *)(lwt_uv_handle *)uv->data;
  if (p->h.box == NULL) return;
  p->code = (int)code;
  p->signal = sig;
  p->ended = 1;
  tell(p);
}

static void closing(lwt_uv_handle *h) {
  (void)h;
}

#endif

/* ---- Orphans ------------------------------------------------------------- */

#ifdef LWT_UV_OWN_SPAWN

/* Children whose state was closed before they ended: their status is not wanted, but in a
** process that lives on (a host's, or one whose worker threads end) they would stay as
** zombies. They are looked at when children are started, in any state. */
typedef struct orphan {
  struct orphan *next;
  int pidfd; /* ours now: what has been reaped by somebody else is not taken for another */
} orphan;

static pthread_mutex_t orphans_lock = PTHREAD_MUTEX_INITIALIZER;
static orphan *orphans;

void lwt_uv_orphans_reap(void) {
  pthread_mutex_lock(&orphans_lock);
  for (orphan **at = &orphans, *o; (o = *at) != NULL;) {
    siginfo_t info = {.si_pid = 0};
    int status =
        waitid((idtype_t)LWT_UV_P_PIDFD, (id_t)o->pidfd, &info, WEXITED | WNOHANG);
    if (status == 0 && info.si_pid == 0) {
      at = &o->next;
      continue;
    }
    *at = o->next;
    close(o->pidfd);
    free(o);
  }
  pthread_mutex_unlock(&orphans_lock);
}

/* Takes the pidfd over. */
static void leave_orphan(lwt_uv_child *p) {
  orphan *o = malloc(sizeof *o);
  if (o == NULL) return;
  lwt_uv_pin_library(); /* the list is in it */
  o->pidfd = p->pidfd;
  p->pidfd = -1;
  pthread_mutex_lock(&orphans_lock);
  o->next = orphans;
  orphans = o;
  pthread_mutex_unlock(&orphans_lock);
  lwt_uv_orphans_reap();
}

static lwt_uv_child *find_to_tell(const lwt_uv *ctx) {
  for (lwt_uv_handle *h = ctx->handles; h != NULL; h = h->next) {
    lwt_uv_child *p = (lwt_uv_child *)h;
    if (h->class != &lwt_uv_child_class) continue;
    reap(p);
    if (p->ended) return p;
  }
  return NULL;
}

void lwt_uv_children_poll(lwt_uv *ctx) {
  lwt_uv_child *p;
  while ((p = find_to_tell(ctx)) != NULL && tell(p)) {}
}

#endif

/* ---- The handle ---------------------------------------------------------- */

static void release(lwt_uv_handle *h) {
  lwt_uv_child *p = (lwt_uv_child *)h;
  if (p->pidfd < 0) return;
#ifdef LWT_UV_OWN_SPAWN
  if (p->pid != 0 && !p->ended) leave_orphan(p);
#endif
  if (p->pidfd >= 0) close(p->pidfd);
}

const lwt_uv_class lwt_uv_child_class = {.type = LWT_UV_PROCESS,
                                         .kind = "process",
                                         .size = sizeof(lwt_uv_child),
                                         .nuservalues = 1,
                                         .release = release,
                                         .closing = closing};
