/* process.c: children: start, watch for their end, kill. process.lua makes lwt.process of it.
**
** spawn() starts a program (spawn.c where we have one, uv_spawn elsewhere) and gives a handle,
** the promise of its end, and our ends of the pipes. The handle is anchored until the child has
** been reaped, whoever dropped it: there are no zombies.
**
** The end is told by a pidfd where the system has them: exact, one descriptor per child, no
** signal. Otherwise by SIGCHLD through uv_signal, each child polling its own pid: both leave the
** children of others (uv_spawn's, another Lua state's, the host's) alone.
*/
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs.h"
#include "signal.h"
#include "spawn.h"
#include "uv_internal.h"

extern char **environ;

enum { U_EXIT = 1 }; /* user value of the handle: the promise of the end */

typedef struct process {
  lwt_uv_handle h;
  union {
    uv_poll_t poll;
    uv_signal_t signal;
    uv_process_t process;
  } uv;
  int pid, pidfd; /* pidfd: -1 when SIGCHLD is watched */
  int code, signal;
  struct rusage usage;
  int lost; /* somebody else has reaped it: nothing is known */
} process;

static void release(lwt_uv_handle *h) {
  process *p = (process *)h;
  if (p->pidfd >= 0)
    close(p->pidfd);
}

static const lwt_uv_class process_class = {LWT_UV_PROCESS, "process", sizeof(process), 1,
                                           NULL, release};

/* ---- The end of a child ------------------------------------------------------------ */

static double seconds(struct timeval t) {
  return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

static void push_status(lua_State *L, const process *p) {
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

/* Settle the promise of the end, then close the handle. */
static void tell_end(lua_State *L, void *data) {
  process *p = data;
  const lwt_api *lwt = p->h.ctx->lwt;
  int top = lua_gettop(L);
  lwt_uv_handle_push(L, &p->h);
  lua_getiuservalue(L, -1, U_EXIT);
  if (p->lost)
    lwt_uv_push_error(p->h.ctx, L, UV_ECHILD, "wait", NULL, NULL);
  else
    push_status(L, p), push_usage(L, &p->usage);
  lwt_uv_handle_close(L, lua_touserdata(L, top + 1), 1);
  if (p->lost)
    lwt->reject(lwt, L, top + 2);
  else
    lwt->fulfill(lwt, L, top + 2, 2);
  lua_settop(L, top);
}

#ifdef LWT_UV_OWN_SPAWN

/* Reap it if it has ended. */
static int reap(process *p) {
  int status;
  pid_t pid;
  do
    pid = wait4(p->pid, &status, WNOHANG, &p->usage);
  while (pid < 0 && errno == EINTR);
  if (pid == 0)
    return 0;
  if (pid < 0)
    p->lost = 1;
  else if (WIFSIGNALED(status))
    p->signal = WTERMSIG(status);
  else
    p->code = WEXITSTATUS(status);
  return 1;
}

static void check_end(process *p) {
  if (p->h.box == NULL || !reap(p))
    return;
  if (p->pidfd >= 0)
    uv_poll_stop(&p->uv.poll);
  else
    uv_signal_stop(&p->uv.signal);
  lwt_uv_enter(p->h.ctx, tell_end, p);
}

static void on_pidfd(uv_poll_t *poll, int status, int events) {
  (void)status, (void)events;
  check_end((process *)(lwt_uv_handle *)poll->data);
}

static void on_sigchld(uv_signal_t *sig, int number) {
  (void)number;
  check_end((process *)(lwt_uv_handle *)sig->data);
}

#else

static void on_exit(uv_process_t *uv, int64_t code, int sig) {
  process *p = (process *)(lwt_uv_handle *)uv->data;
  if (p->h.box == NULL)
    return;
  p->code = (int)code;
  p->signal = sig;
  lwt_uv_enter(p->h.ctx, tell_end, p);
}

#endif

/* ---- What to start: from Lua values to C strings --------------------------------------- */

/* Everything here is in memory of Lua's, or in descriptors listed for closing: raising at any
** point leaves nothing behind. */
typedef struct plan {
  lwt_uv_spawn_options o;
  int keep[3];   /* opened for the child, to be closed in this process */
  int parent[3]; /* our ends of the pipes */
} plan;

static int l_plan_gc(lua_State *L) {
  plan *p = lua_touserdata(L, 1);
  for (int i = 0; i < 3; i++) {
    if (p->keep[i] >= 0)
      close(p->keep[i]);
    if (p->parent[i] >= 0)
      close(p->parent[i]);
    p->keep[i] = p->parent[i] = -1;
  }
  return 0;
}

static plan *push_plan(lua_State *L) {
  plan *p = lua_newuserdatauv(L, sizeof *p, 0);
  memset(p, 0, sizeof *p);
  for (int i = 0; i < 3; i++)
    p->keep[i] = p->parent[i] = p->o.fds[i] = -1;
  p->o.uid = p->o.gid = -1;
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, l_plan_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  return p;
}

static const char *check_word(lua_State *L, int idx, int arg, const char *what) {
  size_t len;
  const char *s = NULL;
  if (lua_type(L, idx) == LUA_TSTRING || lua_type(L, idx) == LUA_TNUMBER)
    s = lua_tolstring(L, idx, &len);
  if (s == NULL)
    luaL_argerror(L, arg, lua_pushfstring(L, "%s is no string", what));
  else if (strlen(s) != len)
    luaL_argerror(L, arg, lua_pushfstring(L, "%s contains a zero byte", what));
  return s;
}

/* The words of the table at argument 1; pushes what must stay alive. */
static void plan_words(lua_State *L, plan *p) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_Integer n = luaL_len(L, 1);
  luaL_argcheck(L, n > 0, 1, "empty command");
  luaL_argcheck(L, n < 1000000, 1, "too many words");
  char **argv = lua_newuserdatauv(L, ((size_t)n + 1) * sizeof *argv, 0);
  char **shell = lua_newuserdatauv(L, ((size_t)n + 2) * sizeof *shell, 0);
  /* The strings are kept by a table of ours: the caller's may change meanwhile. */
  lua_createtable(L, (int)n, 0);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_geti(L, 1, i);
    if (lua_type(L, -1) == LUA_TNUMBER)
      lua_tostring(L, -1);
    argv[i - 1] = (char *)check_word(L, -1, 1, lua_pushfstring(L, "word %I", (LUAI_UACINT)i));
    lua_pop(L, 1);
    lua_rawseti(L, -2, i);
  }
  argv[n] = NULL;
  shell[0] = (char *)"sh";
  memcpy(shell + 1, argv, ((size_t)n + 1) * sizeof *argv);
  p->o.argv = argv;
  p->o.shell_argv = shell;
}
