/* process.c: children: start, kill. process.lua makes lwt.process of it.
**
** spawn() starts a program (plan.c says which; spawn.c does it where we have one,
** uv_spawn elsewhere) and gives a handle, the promise of its end (end.c), and our
** ends of the pipes. The handle is anchored until the child has been reaped, also when it
** is dropped: there are no zombies.
*/
#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signal.h"

/* ---- Starting ------------------------------------------------------------ */

#ifdef LWT_UV_OWN_SPAWN

static void family_close(lwt_uv *ctx) {
  lwt_uv_children *all = ctx->family[LWT_UV_FPROCESS];
  ctx->family[LWT_UV_FPROCESS] = NULL;
  lwt_uv_after_drop(ctx, &all->later);
  lwt_uv_spawner_close(&all->spawner);
  free(all);
}

static int start(lwt_uv *ctx, lua_State *L, lwt_uv_child *p, lwt_uv_plan *plan,
                 int *step) {
  lwt_uv_children *all = ctx->family[LWT_UV_FPROCESS];
  pid_t pid;
  lwt_uv_hear_of_children();
  lwt_uv_orphans_reap();
  int err = lwt_uv_spawn(&all->spawner, &plan->o, &pid, step);
  if (err != 0) return -err;
  p->pid = (int)pid;
  lwt_uv_box *box = p->h.box;
  int status = lwt_uv_child_watch(ctx, L, p);
  if (status < 0) {
    *step = LWT_UV_SPAWN_START;
    kill(pid, SIGKILL);
    lwt_uv_spawn_reap(pid);
    if (box->h != NULL) p->ended = 1; /* (else it is gone already) */
    lwt_uv_handle_close(L, box, 1);
  }
  return status;
}

#else

static int start(lwt_uv *ctx, lua_State *L, lwt_uv_child *p, lwt_uv_plan *plan,
                 int *step) {
  uv_process_options_t o = {0};
  uv_stdio_container_t stdio[3];
  for (int i = 0; i < 3; i++) {
    stdio[i].flags = plan->o.fds[i] < 0 ? UV_IGNORE : UV_INHERIT_FD;
    stdio[i].data.fd = plan->o.fds[i];
  }
  o.exit_cb = lwt_uv_child_ended;
  o.file = plan->o.argv[0];
  o.args = plan->o.argv;
  o.env = plan->o.env;
  o.cwd = plan->o.cwd;
  o.stdio = stdio;
  o.stdio_count = 3;
  o.flags = plan->o.new_session || plan->o.new_group ? UV_PROCESS_DETACHED : 0;
  if (plan->o.uid >= 0) o.flags |= UV_PROCESS_SETUID, o.uid = (uv_uid_t)plan->o.uid;
  if (plan->o.gid >= 0) o.flags |= UV_PROCESS_SETGID, o.gid = (uv_gid_t)plan->o.gid;
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

static int raise_spawn(lwt_uv *ctx, lua_State *L, const lwt_uv_plan *p, int status,
                       int step) {
  if (step == LWT_UV_SPAWN_CHDIR)
    return lwt_uv_raise(ctx, L, status, "chdir", "path", p->o.cwd);
  if (step == LWT_UV_SPAWN_USER)
    return lwt_uv_raise(ctx, L, status, "setuid", "path", p->o.argv[0]);
  return lwt_uv_raise(ctx, L, status, "spawn", "path", p->o.argv[0]);
}

/* process.spawn(words, opts): handle, pid, promise of (status, usage), our ends of the pipes
** (descriptors, or nil) for stdin, stdout and stderr, and whether it leads a process group of
** its own. Raises what keeps it from starting. */
static int l_spawn(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  int step = LWT_UV_SPAWN_START;
  lwt_uv_plan *pl = lwt_uv_plan_push(ctx, L);
  lwt_uv_child *p = lwt_uv_handle_new(ctx, L, &lwt_uv_child_class);
  int handle = lua_gettop(L);
  p->pidfd = -1;
  ctx->lwt->promise_new(ctx->lwt, L, NULL, NULL);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, handle, LWT_UV_PROCESS_EXIT);
  lua_insert(L, handle); /* promise, handle */
  if (pl->o.env == NULL) pl->o.env = environ;
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
  lua_pushboolean(L, pl->o.new_group);
  return 7;
}

/* Whether a signal found a process, from what kill returned; raises any other failure. */
static int sent(lua_State *L, int result) {
  int status = result == 0 ? 0 : -errno;
  if (status < 0 && status != UV_ESRCH)
    return lwt_uv_raise(lwt_uv_context(L), L, status, "kill", NULL, NULL);
  lua_pushboolean(L, status == 0);
  return 1;
}

/* A child of ours. Until it is reaped its pid is not used again. Somebody else may have
** reaped it, though, and that only a pidfd tells. */
static int kill_child(const lwt_uv_child *p, int number) {
#ifdef LWT_UV_OWN_SPAWN
  if (p->pidfd >= 0) {
    int result = lwt_uv_pidfd_kill(p->pidfd, number);
    if (result == 0 || (errno != ENOSYS && errno != EPERM)) return result;
  }
#endif
  return kill(p->pid, number);
}

/* process.kill(handle or pid, signal): whether it was still there to get it. */
static int l_kill(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  int number = lwt_uv_check_signal(L, 2);
  if (lua_type(L, 1) == LUA_TNUMBER) {
    lua_Integer n = lwt_uv_check_integer(L, 1);
    luaL_argcheck(L, n != 0 && n >= -0x7fffffff && n <= 0x7fffffff, 1,
                  "pid out of range");
    return sent(L, kill((pid_t)n, number));
  }
  lwt_uv_child *p = lwt_uv_handle_check(ctx, L, 1, LWT_UV_PROCESS);
  if (p != NULL && !p->ended) return sent(L, kill_child(p, number));
  lua_pushboolean(L, 0);
  return 1;
}

/* process.kill_group(pid of its leader, signal, reaped): whether a member of it was there
** to get it. The number belongs to the group as long as it has members, and is no
** process's meanwhile: when the leader has been reaped and there is one of this number,
** the group is gone. */
static int l_kill_group(lua_State *L) {
  pid_t pid = (pid_t)lwt_uv_check_integer(L, 1);
  int number = lwt_uv_check_signal(L, 2);
  if (lua_toboolean(L, 3) && (kill(pid, 0) == 0 || errno != ESRCH)) {
    lua_pushboolean(L, 0);
    return 1;
  }
  return sent(L, kill(-pid, number));
}

/* Whether the process of this entry of /proc belongs to the group, and has not ended:
** where orphans are not reaped (a container without an init) those that have ended stay
** for ever. */
static int lives_in(const char *name, pid_t group) {
  char path[300], line[512];
  snprintf(path, sizeof path, "/proc/%s/stat", name);
  FILE *f = fopen(path, "re");
  if (f == NULL) return 0;
  const char *end = fgets(line, sizeof line, f) != NULL ? strrchr(line, ')') : NULL;
  fclose(f);
  char state;
  int parent, its_group;
  return end != NULL && sscanf(end, ") %c %d %d", &state, &parent, &its_group) == 3 &&
         its_group == group && state != 'Z' && state != 'X';
}

/* process.group_lives(pid of its leader, which has been reaped). Where /proc does not tell,
** what has ended and is not reaped counts. */
static int l_group_lives(lua_State *L) {
  pid_t group = (pid_t)lwt_uv_check_integer(L, 1);
  int lives = kill(group, 0) != 0 && errno == ESRCH && kill(-group, 0) == 0;
  DIR *proc = lives ? opendir("/proc/self") : NULL;
  if (proc != NULL) {
    closedir(proc);
    proc = opendir("/proc");
  }
  if (proc != NULL) {
    const struct dirent *e;
    lives = 0;
    while (!lives && (e = readdir(proc)) != NULL)
      lives = *e->d_name >= '1' && *e->d_name <= '9' && lives_in(e->d_name, group);
    closedir(proc);
  }
  lua_pushboolean(L, lives);
  return 1;
}

/* process.is_held(descriptor): whether somebody else has the other end of this pipe. */
static int l_is_held(lua_State *L) {
  struct pollfd p = {.fd = (int)lwt_uv_check_integer(L, 1)};
  lua_pushboolean(L,
                  poll(&p, 1, 0) == 0 || !(p.revents & (POLLHUP | POLLERR | POLLNVAL)));
  return 1;
}

/* process.close(descriptor): of those that spawn gave, one that was not used. */
static int l_close(lua_State *L) {
  close((int)lwt_uv_check_integer(L, 1));
  return 0;
}

static int l_getpid(lua_State *L) {
  lua_pushinteger(L, getpid());
  return 1;
}

static const luaL_Reg methods[] = {{NULL, NULL}};
static const luaL_Reg functions[] = {
    {"spawn", l_spawn},           {"kill", l_kill},
    {"kill_group", l_kill_group}, {"group_lives", l_group_lives},
    {"is_held", l_is_held},       {"close", l_close},
    {"getpid", l_getpid},         {NULL, NULL}};

void lwt_uv_open_process(lwt_uv *ctx, lua_State *L) {
#ifdef LWT_UV_OWN_SPAWN
  lwt_uv_children *all = calloc(1, sizeof *all);
  if (all == NULL) luaL_error(L, "not enough memory");
  all->later.f = lwt_uv_children_look;
  ctx->family[LWT_UV_FPROCESS] = all;
  ctx->family_close[LWT_UV_FPROCESS] = family_close;
  ctx->hook.poll_children = lwt_uv_children_poll;
#endif
  lwt_uv_new_handle_type(ctx, L, LWT_UV_PROCESS, "lwt.process.handle", methods);
  lwt_uv_push_functions(ctx, L, functions);
}
