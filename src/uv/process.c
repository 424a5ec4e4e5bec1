/* process.c: children: start, watch for their end, kill. process.lua makes lwt.process of
** it.
**
** spawn() starts a program (spawn.c where we have one, uv_spawn elsewhere) and gives a
** handle, the promise of its end, and our ends of the pipes. The handle is anchored until
** the child has been reaped, whoever dropped it: there are no zombies.
**
** The end is told by a pidfd where the system has them: exact, one descriptor per child,
** no signal. Otherwise by SIGCHLD, for which the state has one uv_signal as long as it has
** such children: it asks after each of their pids. (One per child would not do: libuv
** drops what does not fit its pipe, and that would be children times children.) Both leave
** the children of others (uv_spawn's, another Lua state's, the host's) alone.
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

enum { U_EXIT = 1 }; /* user value of the handle: the promise of the end */

typedef struct process {
  lwt_uv_handle h;
  union {
    uv_poll_t poll;
    uv_idle_t none; /* never started: SIGCHLD tells */
    uv_process_t process;
  } uv;
  int pid, pidfd; /* pidfd: -1 when SIGCHLD is watched */
  int code, signal;
  struct rusage usage;
  int ended;               /* reaped: the pid is not ours any more */
  int lost;                /* by somebody else: nothing is known */
  struct process *next;    /* the others that SIGCHLD is watched for */
  struct process **before; /* what points to this one; NULL: not among them */
} process;

#ifdef LWT_UV_OWN_SPAWN

/* ctx->family[LWT_UV_FPROCESS] */
typedef struct processes {
  lwt_uv_spawner spawner;
  int no_pidfds;        /* the system is too old to have them */
  process *watched;     /* the children without a pidfd */
  uv_signal_t *sigchld; /* listens while there are some, or NULL */
} processes;

#endif

static void release(lwt_uv_handle *h) {
  process *p = (process *)h;
  if (p->pidfd >= 0) close(p->pidfd);
}

static void closing(lwt_uv_handle *h);

static const lwt_uv_class process_class = {.type = LWT_UV_PROCESS,
                                           .kind = "process",
                                           .size = sizeof(process),
                                           .nuservalues = 1,
                                           .release = release,
                                           .closing = closing};

/* ---- The end of a child -------------------------------------------------- */

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

typedef struct telling {
  process *p;
  int told; /* the process may be gone with its handle */
} telling;

/* Settle the promise of the end, which raises only before it does anything, and close the
** handle. */
static void tell_end(lua_State *L, void *data) {
  telling *t = data;
  process *p = t->p;
  const lwt_api *lwt = p->h.ctx->lwt;
  int top = lua_gettop(L);
  lwt_uv_handle_push(L, &p->h);
  lua_getiuservalue(L, -1, U_EXIT);
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

/* When there was no memory for that: Lua keeps this string for itself. */
static void tell_failure(lua_State *L, void *data) {
  telling *t = data;
  const lwt_api *lwt = t->p->h.ctx->lwt;
  int top = lua_gettop(L);
  lwt_uv_handle_push(L, &t->p->h);
  lua_getiuservalue(L, -1, U_EXIT);
  lua_pushliteral(L, "not enough memory");
  lwt->reject(lwt, L, top + 2);
  t->told = 1;
  lwt_uv_handle_close(L, lua_touserdata(L, top + 1), 1);
  lua_settop(L, top);
}

/* Whether that could be done. */
static int tell(process *p) {
  lwt_uv *ctx = p->h.ctx;
  telling t = {p, 0};
  lwt_uv_enter(ctx, tell_end, &t);
  if (!t.told) lwt_uv_enter(ctx, tell_failure, &t);
  return t.told;
}

#ifdef LWT_UV_OWN_SPAWN

/* Reap it if it has ended. */
static void reap(process *p) {
  int status;
  pid_t pid;
  do pid = wait4(p->pid, &status, WNOHANG, &p->usage);
  while (pid < 0 && errno == EINTR);
  if (pid == 0) return;
  p->ended = 1;
  if (pid < 0)
    p->lost = 1;
  else if (WIFSIGNALED(status))
    p->signal = WTERMSIG(status);
  else
    p->code = WEXITSTATUS(status);
}

static void on_pidfd(uv_poll_t *poll, int status, int events) {
  process *p = (process *)(lwt_uv_handle *)poll->data;
  (void)status, (void)events;
  if (p->h.box == NULL) return;
  reap(p);
  if (!p->ended) return;
  uv_poll_stop(&p->uv.poll);
  tell(p);
}

static void free_signal(uv_handle_t *h) {
  free(h);
}

/* No longer watched, if it was; with the last one the listening ends. */
static void closing(lwt_uv_handle *h) {
  process *p = (process *)h;
  processes *all = h->ctx->family[LWT_UV_FPROCESS];
  if (p->before == NULL) return;
  *p->before = p->next;
  if (p->next != NULL) p->next->before = p->before;
  p->before = NULL;
  if (all->watched != NULL) return;
  uv_close((uv_handle_t *)all->sigchld, free_signal);
  all->sigchld = NULL;
}

static process *find_ended(const processes *all) {
  process *p = all->watched;
  while (p != NULL && !p->ended) p = p->next;
  return p;
}

/* One signal may stand for many ends. What is told runs Lua, which may start and close
** others: so first all are asked, then told from the start of the list each time. */
static void on_sigchld(uv_signal_t *sig, int number) {
  lwt_uv *ctx = sig->data;
  processes *all = ctx->family[LWT_UV_FPROCESS];
  process *p;
  (void)number;
  for (p = all->watched; p != NULL; p = p->next)
    if (!p->ended) reap(p);
  while ((p = find_ended(all)) != NULL && tell(p)) {}
}

#else

static void on_ended(uv_process_t *uv, int64_t code, int sig) {
  process *p = (process *)(lwt_uv_handle *)uv->data;
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

/* ---- What to start: from Lua values to C strings ------------------------- */

/* Everything here is in memory of Lua's, or in descriptors listed for closing: raising at
** any point leaves nothing behind. */
typedef struct plan {
  lwt_uv_spawn_options o;
  int keep[3];   /* opened for the child, to be closed in this process */
  int parent[3]; /* our ends of the pipes */
} plan;

static int l_plan_close(lua_State *L) {
  plan *p = lua_touserdata(L, 1);
  for (int i = 0; i < 3; i++) {
    if (p->keep[i] >= 0) close(p->keep[i]);
    if (p->parent[i] >= 0) close(p->parent[i]);
  }
  return 0;
}

static plan *push_plan(lua_State *L) {
  plan *p = lua_newuserdatauv(L, sizeof *p, 0);
  memset(p, 0, sizeof *p);
  for (int i = 0; i < 3; i++) p->keep[i] = p->parent[i] = p->o.fds[i] = -1;
  p->o.uid = p->o.gid = -1;
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, l_plan_close);
  lua_setfield(L, -2, "__close");
  lua_setmetatable(L, -2);
  lua_toclose(L, -1); /* whether the call returns or raises */
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

/* Push an array of `n` + 1 pointers, to live as long as the call. */
static char **push_array(lua_State *L, size_t n) {
  char **a = lua_newuserdatauv(L, (n + 1) * sizeof *a, 0);
  memset(a, 0, (n + 1) * sizeof *a);
  return a;
}

/* The words of the list at argument 1, copied to a table of ours: the strings live as
** long as that does, whatever happens to the caller's. */
static void plan_words(lua_State *L, plan *p) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_Integer n = luaL_len(L, 1);
  luaL_argcheck(L, n > 0, 1, "a command needs at least one word");
  luaL_argcheck(L, n < 1000000, 1, "too many words");
  char **argv = push_array(L, (size_t)n);
  char **shell = push_array(L, (size_t)n + 1);
  lua_createtable(L, (int)n, 0);
  int list = lua_gettop(L);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_geti(L, 1, i);
    lua_pushfstring(L, "word %I", (LUAI_UACINT)i);
    argv[i - 1] = (char *)check_word(L, list + 1, 1, lua_tostring(L, -1));
    lua_pop(L, 1);
    lua_rawseti(L, list, i);
  }
  shell[0] =
      (char *)"sh"; /* sh PATH ARGUMENTS…: PATH is filled in when it comes to that */
  memcpy(shell + 1, argv, (size_t)n * sizeof *argv);
  p->o.argv = argv;
  p->o.shell_argv = shell;
}

/* The environment: a table of names and values, or ours. */
static void plan_env(lua_State *L, plan *p) {
  p->o.env = environ;
  if (lua_getfield(L, 2, "env") == LUA_TNIL) return;
  luaL_argcheck(L, lua_istable(L, -1), 2, "env is no table");
  int env = lua_gettop(L), n = 0;
  lua_newtable(L); /* "NAME=value" strings */
  int list = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, env) != 0; lua_settop(L, list + 1)) {
    const char *name = NULL;
    if (lua_type(L, list + 1) == LUA_TSTRING)
      name = check_word(L, list + 1, 2, "a name in env");
    luaL_argcheck(L, name != NULL && *name != '\0' && strchr(name, '=') == NULL, 2,
                  "a name in env is no name");
    lua_pushfstring(L, "%s=%s", name, check_word(L, list + 2, 2, name));
    lua_rawseti(L, list, ++n);
  }
  p->o.env = push_array(L, (size_t)n);
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, list, i + 1);
    p->o.env[i] = (char *)lua_tostring(L, -1);
    lua_pop(L, 1);
  }
}

/* PATH of the child, or ours when its environment has none. */
static const char *search_path(const plan *p) {
  for (char **e = p->o.env; *e != NULL; e++)
    if (strncmp(*e, "PATH=", 5) == 0) return *e + 5;
  const char *path = getenv("PATH");
  return path != NULL ? path : "/usr/local/bin:/usr/bin:/bin";
}

/* Where the program may be, so that the child need not build strings. */
static void plan_candidates(lua_State *L, plan *p) {
  const char *program = p->o.argv[0];
  if (strchr(program, '/') != NULL || *program == '\0') {
    char **one = push_array(L, 1);
    one[0] = (char *)program;
    p->o.candidates = (const char *const *)one;
    return;
  }
  const char *path = search_path(p);
  size_t n = 1;
  for (const char *s = path; *s != '\0'; s++) n += *s == ':';
  char **list = push_array(L, n);
  lua_createtable(L, (int)n, 0);
  for (size_t i = 0; i < n; i++) {
    size_t len = strcspn(path, ":");
    lua_pushlstring(L, len == 0 ? "." : path, len == 0 ? 1 : len);
    lua_pushfstring(L, "%s/%s", lua_tostring(L, -1), program);
    list[i] = (char *)lua_tostring(L, -1);
    lua_rawseti(L, -3, (lua_Integer)i + 1);
    lua_pop(L, 1);
    path += len + (path[len] == ':');
  }
  p->o.candidates = (const char *const *)list;
}

/* The descriptor that the value at the top stands for: a number, an open lwt.file, a file
** of Lua's, or anything with a method fileno(). */
static int value_fd(lwt_uv *ctx, lua_State *L, const char *name) {
  int fd = -1;
  luaL_Stream *file;
  if (lua_isinteger(L, -1)) {
    lua_Integer n = lua_tointeger(L, -1);
    fd = n >= 0 && n <= 0x7fffffff ? (int)n : -1;
  } else if ((file = luaL_testudata(L, -1, LUA_FILEHANDLE)) != NULL) {
    fd = file->closef == NULL ? -1 : fileno(file->f);
  } else if (lwt_uv_test(ctx, L, -1, LWT_UV_FILE) != NULL) {
    fd = lwt_uv_file_fd(ctx, L, -1);
  } else if (luaL_getmetafield(L, -1, "__index") &&
             lua_getfield(L, -2, "fileno") == LUA_TFUNCTION) {
    lua_pushvalue(L, -3);
    lua_call(L, 1, 1);
    fd = (int)lua_tointeger(L, -1);
  }
  if (fd < 0 || fcntl(fd, F_GETFD) < 0)
    luaL_argerror(L, 2, lua_pushfstring(L, "%s is no open descriptor or file", name));
  return fd;
}

static int make_pipe(plan *p, int i) {
  uv_file ends[2];
  /* The child's end must block: programs expect that. */
  int status =
      uv_pipe(ends, i == 0 ? 0 : UV_NONBLOCK_PIPE, i == 0 ? UV_NONBLOCK_PIPE : 0);
  if (status < 0) return status;
  p->keep[i] = ends[i == 0 ? 0 : 1];
  p->parent[i] = ends[i == 0 ? 1 : 0];
  p->o.fds[i] = p->keep[i];
  return 0;
}

static void plan_stdio(lwt_uv *ctx, lua_State *L, plan *p) {
  static const char *const names[] = {"stdin", "stdout", "stderr"};
  for (int i = 0; i < 3; i++) {
    int top = lua_gettop(L), status = 0;
    lua_getfield(L, 2, names[i]);
    const char *s = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    if (lua_isnil(L, -1) || (s != NULL && strcmp(s, "inherit") == 0)) {
      p->o.fds[i] = fcntl(i, F_GETFD) < 0 ? -1 : i;
    } else if (s != NULL && strcmp(s, "pipe") == 0) {
      status = make_pipe(p, i);
    } else if (s != NULL && strcmp(s, "null") == 0) {
      int fd = open("/dev/null", (i == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
      status = fd < 0 ? -errno : 0;
      p->keep[i] = p->o.fds[i] = fd;
    } else if (s != NULL && i == 2 && strcmp(s, "stdout") == 0) {
      p->o.fds[2] = p->o.fds[1];
    } else if (s != NULL) {
      luaL_argerror(L, 2, lua_pushfstring(L, "%s: invalid value '%s'", names[i], s));
    } else {
      p->o.fds[i] = value_fd(ctx, L, names[i]);
    }
    if (status < 0) lwt_uv_raise(ctx, L, status, "spawn", "path", p->o.argv[0]);
    lua_settop(L, top);
  }
}

static long plan_id(lua_State *L, const char *name) {
  int is_integer;
  if (lua_getfield(L, 2, name) == LUA_TNIL) return -1;
  lua_Integer id = lua_tointegerx(L, -1, &is_integer);
  luaL_argcheck(L, is_integer && id >= 0 && id <= 0xfffffffeLL, 2,
                lua_pushfstring(L, "%s is no id", name));
  return (long)id;
}

static void plan_rest(lua_State *L, plan *p) {
  if (lua_getfield(L, 2, "cwd") != LUA_TNIL)
    p->o.cwd = check_word(L, lua_gettop(L), 2, "cwd"); /* stays on the stack */
  lua_getfield(L, 2, "detached");
  p->o.new_session = lua_toboolean(L, -1);
  p->o.uid = plan_id(L, "uid");
  p->o.gid = plan_id(L, "gid");
}

/* ---- Starting ------------------------------------------------------------ */

#ifdef LWT_UV_OWN_SPAWN

static void family_close(lwt_uv *ctx) {
  processes *all = ctx->family[LWT_UV_FPROCESS];
  ctx->family[LWT_UV_FPROCESS] = NULL;
  if (all == NULL) return;
  lwt_uv_spawner_close(&all->spawner);
  free(all);
}

static int watch_sigchld(lwt_uv *ctx, processes *all) {
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
    uv_close((uv_handle_t *)sig, free_signal);
  else
    all->sigchld = sig;
  return status;
}

/* Have the end of a child told that has been started already: fails for want of memory at
** most, and then the child is killed rather than lost. */
static int watch_end(lwt_uv *ctx, lua_State *L, process *p) {
  processes *all = ctx->family[LWT_UV_FPROCESS];
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

static int start(lwt_uv *ctx, lua_State *L, process *p, plan *plan_, int *step) {
  processes *all = ctx->family[LWT_UV_FPROCESS];
  pid_t pid;
  int err = lwt_uv_spawn(&all->spawner, &plan_->o, &pid, step);
  if (err != 0) return -err;
  p->pid = (int)pid;
  lwt_uv_box *box = p->h.box;
  int status = watch_end(ctx, L, p);
  if (status < 0) {
    *step = LWT_UV_SPAWN_START;
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    lwt_uv_handle_close(L, box, 1);
  }
  return status;
}

#else

static int start(lwt_uv *ctx, lua_State *L, process *p, plan *plan_, int *step) {
  uv_process_options_t o = {0};
  uv_stdio_container_t stdio[3];
  for (int i = 0; i < 3; i++) {
    stdio[i].flags = plan_->o.fds[i] < 0 ? UV_IGNORE : UV_INHERIT_FD;
    stdio[i].data.fd = plan_->o.fds[i];
  }
  o.exit_cb = on_ended;
  o.file = plan_->o.argv[0];
  o.args = plan_->o.argv;
  o.env = plan_->o.env;
  o.cwd = plan_->o.cwd;
  o.stdio = stdio;
  o.stdio_count = 3;
  o.flags = plan_->o.new_session ? UV_PROCESS_DETACHED : 0;
  if (plan_->o.uid >= 0) o.flags |= UV_PROCESS_SETUID, o.uid = (uv_uid_t)plan_->o.uid;
  if (plan_->o.gid >= 0) o.flags |= UV_PROCESS_SETGID, o.gid = (uv_gid_t)plan_->o.gid;
  *step = LWT_UV_SPAWN_EXEC;
  p->pidfd = -1;
  lwt_uv_box *box = p->h.box;
  /* libuv has the handle also when spawning fails: it is closed like any other. */
  int status = uv_spawn(ctx->loop, &p->uv.process, &o);
  lwt_uv_handle_opened(L, &p->h, &p->uv.process, 0);
  if (status < 0) lwt_uv_handle_close(L, box, 1);
  p->pid = p->uv.process.pid;
  return status;
}

#endif

static int raise_spawn(lwt_uv *ctx, lua_State *L, const plan *p, int status, int step) {
  if (step == LWT_UV_SPAWN_CHDIR)
    return lwt_uv_raise(ctx, L, status, "chdir", "path", p->o.cwd);
  if (step == LWT_UV_SPAWN_USER)
    return lwt_uv_raise(ctx, L, status, "setuid", "path", p->o.argv[0]);
  return lwt_uv_raise(ctx, L, status, "spawn", "path", p->o.argv[0]);
}

/* process.spawn(words, opts): handle, pid, promise of (status, usage), and our ends of
** the pipes (descriptors, or nil) for stdin, stdout and stderr. Raises what keeps it from
** starting. */
static int l_spawn(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  int step = LWT_UV_SPAWN_START;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  luaL_checkstack(L, 30, "not enough memory");
  plan *pl = push_plan(L);
  plan_words(L, pl);
  plan_env(L, pl);
  plan_candidates(L, pl);
  plan_rest(L, pl);
  plan_stdio(ctx, L, pl);
  process *p = lwt_uv_handle_new(ctx, L, &process_class);
  int handle = lua_gettop(L);
  p->pidfd = -1;
  ctx->lwt->promise_new(ctx->lwt, L, NULL, NULL);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, handle, U_EXIT);
  lua_insert(L, handle); /* promise, handle */
  int status = start(ctx, L, p, pl, &step);
  if (status < 0) {
    lwt_uv_handle_close(L, lua_touserdata(L, handle + 1), 1);
    return raise_spawn(ctx, L, pl, status, step);
  }
  lwt_uv_handle_hold(L, &p->h, handle + 1);
  lua_pushinteger(L, p->pid);
  lua_pushvalue(L, handle);
  for (int i = 0; i < 3; i++) {
    if (pl->parent[i] >= 0)
      lua_pushinteger(L, pl->parent[i]);
    else
      lua_pushnil(L);
    pl->parent[i] = -1; /* the caller's now */
  }
  return 6;
}

/* process.kill(handle or pid, signal): whether it was still there to get it. */
static int l_kill(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  int number = lwt_uv_check_signal(L, 2);
  pid_t pid;
  if (lua_isinteger(L, 1)) {
    lua_Integer n = lua_tointeger(L, 1);
    luaL_argcheck(L, n != 0 && n >= -0x7fffffff && n <= 0x7fffffff, 1,
                  "pid out of range");
    pid = (pid_t)n;
  } else {
    process *p = lwt_uv_handle_check(ctx, L, 1, LWT_UV_PROCESS);
    if (p == NULL || p->ended) {
      lua_pushboolean(L, 0);
      return 1;
    }
    pid = p->pid; /* not reaped yet (we would know): still this child's */
  }
  int status = kill(pid, number) == 0 ? 0 : -errno;
  if (status < 0 && status != UV_ESRCH)
    return lwt_uv_raise(ctx, L, status, "kill", NULL, NULL);
  lua_pushboolean(L, status == 0);
  return 1;
}

/* process.close(descriptor): what spawn gave and nobody took. */
static int l_close(lua_State *L) {
  close((int)luaL_checkinteger(L, 1));
  return 0;
}

static int l_getpid(lua_State *L) {
  lua_pushinteger(L, getpid());
  return 1;
}

static const luaL_Reg methods[] = {{NULL, NULL}};
static const luaL_Reg functions[] = {{"spawn", l_spawn},
                                     {"kill", l_kill},
                                     {"close", l_close},
                                     {"getpid", l_getpid},
                                     {NULL, NULL}};

void lwt_uv_open_process(lwt_uv *ctx, lua_State *L) {
#ifdef LWT_UV_OWN_SPAWN
  ctx->family[LWT_UV_FPROCESS] = calloc(1, sizeof(processes));
  if (ctx->family[LWT_UV_FPROCESS] == NULL) luaL_error(L, "not enough memory");
  ctx->family_close[LWT_UV_FPROCESS] = family_close;
#endif
  lwt_uv_new_handle_type(ctx, L, LWT_UV_PROCESS, "lwt.process.handle", methods, NULL);
  lwt_uv_push_functions(ctx, L, functions);
}
