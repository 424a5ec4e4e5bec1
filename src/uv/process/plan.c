/* plan.c: what to start, from Lua values to C strings and descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process.h"

static int l_plan_close(lua_State *L) {
  lwt_uv_plan *p = lua_touserdata(L, 1);
  for (int i = 0; i < 3; i++) {
    if (p->keep[i] >= 0) close(p->keep[i]);
    if (p->parent[i] >= 0) close(p->parent[i]);
  }
  return 0;
}

static lwt_uv_plan *push_plan(lua_State *L) {
  lwt_uv_plan *p = lua_newuserdatauv(L, sizeof *p, 0);
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
static void plan_words(lua_State *L, lwt_uv_plan *p) {
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
static void plan_env(lua_State *L, lwt_uv_plan *p) {
  if (lua_getfield(L, 2, "env") == LUA_TNIL) return; /* ours, as it is when it starts */
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
static const char *search_path(const lwt_uv_plan *p) {
  for (char **e = p->o.env != NULL ? p->o.env : environ; *e != NULL; e++)
    if (strncmp(*e, "PATH=", 5) == 0) return *e + 5;
  const char *path = getenv("PATH");
  return path != NULL ? path : "/usr/local/bin:/usr/bin:/bin";
}

/* Where the program may be, so that the child need not build strings. */
static void plan_candidates(lua_State *L, lwt_uv_plan *p) {
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

/* The descriptor whose number is at the top, 1.0 as well; -1: that is none. */
static int number_fd(lua_State *L) {
  int is_integer;
  lua_Integer n = lua_tointegerx(L, -1, &is_integer);
  if (lua_type(L, -1) != LUA_TNUMBER || !is_integer) return -1;
  return n >= 0 && n <= 0x7fffffff ? (int)n : -1;
}

/* The descriptor that the value at the top stands for: a number, an open lwt.file, a file
** of Lua's, or anything with a method fileno(). */
static int value_fd(lwt_uv *ctx, lua_State *L, const char *name) {
  int fd = -1;
  luaL_Stream *file;
  if (lua_type(L, -1) == LUA_TNUMBER) {
    fd = number_fd(L);
  } else if ((file = luaL_testudata(L, -1, LUA_FILEHANDLE)) != NULL) {
    fd = file->closef == NULL ? -1 : fileno(file->f);
  } else if (lwt_uv_test(ctx, L, -1, LWT_UV_FILE) != NULL) {
    fd = lwt_uv_descriptor_of(ctx, L, -1);
  } else if (luaL_getmetafield(L, -1, "__index") &&
             lua_getfield(L, -2, "fileno") == LUA_TFUNCTION) {
    lua_pushvalue(L, -3);
    lua_call(L, 1, 1);
    fd = number_fd(L);
  }
  if (fd < 0 || fcntl(fd, F_GETFD) < 0)
    luaL_argerror(L, 2, lua_pushfstring(L, "%s is no open descriptor or file", name));
  return fd;
}

static int make_pipe(lwt_uv_plan *p, int i) {
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

static void plan_stdio(lwt_uv *ctx, lua_State *L, lwt_uv_plan *p) {
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
      int fd;
      do fd = open("/dev/null", (i == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
      while (fd < 0 && errno == EINTR);
      status = fd < 0 ? -errno : 0;
      p->keep[i] = p->o.fds[i] = fd;
    } else if (s != NULL && i == 2 && strcmp(s, "stdout") == 0) {
      p->o.fds[2] = p->o.fds[1];
    } else if (s != NULL) {
      luaL_argerror(L, 2, lua_pushfstring(L, "%s: invalid value '%s'", names[i], s));
    } else {
      /* A duplicate: before it is used, somebody may close this one, and open another. */
      int fd = fcntl(value_fd(ctx, L, names[i]), F_DUPFD_CLOEXEC, 3);
      status = fd < 0 ? -errno : 0;
      p->keep[i] = p->o.fds[i] = fd;
    }
    if (status < 0) lwt_uv_raise(ctx, L, status, "spawn", "path", p->o.argv[0]);
    lua_settop(L, top);
  }
}

static long plan_id(lua_State *L, const char *name) {
  int is_integer;
  if (lua_getfield(L, 2, name) == LUA_TNIL) return -1;
  lua_Integer id = lua_tointegerx(L, -1, &is_integer);
  luaL_argcheck(
      L, lua_type(L, -1) == LUA_TNUMBER && is_integer && id >= 0 && id <= 0xfffffffeLL, 2,
      lua_pushfstring(L, "%s is no id", name));
  return (long)id;
}

static void plan_rest(lua_State *L, lwt_uv_plan *p) {
  if (lua_getfield(L, 2, "cwd") != LUA_TNIL)
    p->o.cwd = check_word(L, lua_gettop(L), 2, "cwd"); /* stays on the stack */
  lua_getfield(L, 2, "detached");
  p->o.new_session = lua_toboolean(L, -1);
  p->o.uid = plan_id(L, "uid");
  p->o.gid = plan_id(L, "gid");
  luaL_argcheck(L, p->o.uid <= 0 || p->o.gid >= 0 || geteuid() != 0, 2,
                "uid without gid: the program would keep the group of root");
}

/* group = true, or "auto": unless it reads from a terminal, which would stop a program that
** is not of the group in its foreground. */
static void plan_group(lua_State *L, lwt_uv_plan *p) {
  if (lua_getfield(L, 2, "group") == LUA_TSTRING)
    p->o.new_group = p->o.fds[0] < 0 || !isatty(p->o.fds[0]);
  else
    p->o.new_group = lua_toboolean(L, -1);
}

lwt_uv_plan *lwt_uv_plan_push(lwt_uv *ctx, lua_State *L) {
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  luaL_checkstack(L, 30, "not enough memory");
  lwt_uv_plan *p = push_plan(L);
  plan_words(L, p);
  plan_env(L, p);
  plan_candidates(L, p);
  plan_rest(L, p);
  plan_stdio(ctx, L, p);
  plan_group(L, p);
  return p;
}
