/* file_channel.c: files, temporary files and folders as channels.
**
** Called by Lua. Each is one job on the pool; `release` undoes what was not delivered, so
** that a cancelled open leaves nothing behind.
*/
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../fs/internal.h"

static int option_perm(lua_State *L, int arg, lua_Integer otherwise) {
  lua_Integer n = lwt_uv_option_integer(L, arg, "perm", otherwise);
  luaL_argcheck(L, 0 <= n && n <= 07777, arg, "invalid permissions");
  return (int)n;
}

/* ---- Jobs ------------------------------------------------------------------- */

typedef enum task { OPEN, TEMP_FILE, TEMP_DIR, REMOVE, REMOVE_TREE, LENGTH } task;

typedef struct io_req {
  fs_req q;
  task what;
  const char
      *path; /* the user value's string; of a temp thing: the part before the name */
  const char *suffix;
  char *made; /* the temp thing's path */
  int flags, perm, sides;
  int fd; /* -1: none */
  size_t size;
  int64_t length;
} io_req;

/* Of a fifo the reading end is open at once, and its reads wait for a writer; for a
** reader opening waits on the loop. */
static int do_open(io_req *r) {
  struct stat st;
  r->fd = lwt_uv_fs_open(&r->q, r->path, r->flags | O_NOCTTY, r->perm);
  if (r->fd < 0) return r->fd;
  if (fstat(r->fd, &st) < 0) return -errno;
  if (S_ISDIR(st.st_mode)) return UV_EISDIR;
  if ((r->flags & O_APPEND) && (r->flags & O_ACCMODE) == O_WRONLY)
    lseek(r->fd, 0, SEEK_END); /* so that the position is right from the start */
  return 0;
}

/* The name is random; only one that exists already is a reason to try another. */
static int do_temp(io_req *r) {
  size_t n = strlen(r->path) + 12 + strlen(r->suffix) + 1;
  r->made = malloc(n);
  if (r->made == NULL) return UV_ENOMEM;
  for (int tries = 0; tries < 1000; tries++) {
    unsigned char x[6];
    int made;
    int status = uv_random(NULL, NULL, x, sizeof x, 0, NULL);
    if (status < 0) return status;
    snprintf(r->made, n, "%s%02x%02x%02x%02x%02x%02x%s", r->path, x[0], x[1], x[2], x[3],
             x[4], x[5], r->suffix);
    if (r->what == TEMP_DIR)
      made = mkdir(r->made, (mode_t)r->perm);
    else
      made = r->fd = open(r->made, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, r->perm);
    if (made >= 0) return 0;
    if (errno != EEXIST && errno != EINTR) {
      int e = -errno;
      free(r->made);
      r->made = NULL;
      return e;
    }
  }
  free(r->made);
  r->made = NULL;
  return UV_EEXIST;
}

static int do_length(io_req *r) {
  struct stat st;
  if (stat(r->path, &st) < 0) return -errno;
  if (S_ISDIR(st.st_mode)) return UV_EISDIR;
  r->length = st.st_size;
  return 0;
}

static ssize_t run(fs_req *q) {
  io_req *r = (io_req *)q;
  switch (r->what) {
  case OPEN: return do_open(r);
  case TEMP_FILE:
  case TEMP_DIR: return do_temp(r);
  case REMOVE: return unlink(r->path) < 0 ? -errno : 0;
  case REMOVE_TREE: return lwt_uv_fs_remove_tree(r->path);
  case LENGTH: return do_length(r);
  }
  return UV_EINVAL;
}

static int result(lua_State *L, lwt_uv_req *req) {
  io_req *r = (io_req *)req;
  const char *path = r->made != NULL ? r->made : r->path;
  int n = 0;
  if (r->made != NULL) {
    lua_pushstring(L, r->made);
    n++;
  }
  if (r->fd >= 0) {
    int status = req->ctx->hook.push_channel(req->ctx, L, r->fd, r->sides, r->size, path);
    if (status < 0) return status;
    r->fd = -1; /* the channel's */
    n++;
  }
  if (r->what == LENGTH) {
    lua_pushinteger(L, r->length);
    n++;
  }
  return n;
}

static ssize_t undo(fs_req *q) {
  io_req *r = (io_req *)q;
  if (r->fd >= 0) lwt_uv_fs_close(r->fd);
  r->fd = -1;
  if (r->made != NULL) {
    if (r->what == TEMP_DIR)
      rmdir(r->made);
    else
      unlink(r->made);
  }
  free(r->made);
  r->made = NULL;
  return UV_ECANCELED;
}

static void release(lwt_uv_req *req) {
  io_req *r = (io_req *)req;
  if (req->taken) {
    free(r->made);
    return;
  }
  undo(&r->q);
  if (r->what == OPEN || r->what == TEMP_FILE) lwt_uv_descriptor_freed(req->ctx);
}

static const lwt_uv_req_class classes[] = {
    {"open", "path", 1, result, release, lwt_uv_fs_cancel},
    {"open_temp_file", "path", 1, result, release, lwt_uv_fs_cancel},
    {"create_temp_dir", "path", 1, result, release, lwt_uv_fs_cancel},
    {"unlink", "path", 1, NULL, release, lwt_uv_fs_cancel},
    {"delete_recursively", "path", 1, NULL, release, lwt_uv_fs_cancel},
    {"file_length", "path", 1, result, release, lwt_uv_fs_cancel},
};

static io_req *new_req(lua_State *L, task what, const char *path, int arg) {
  lwt_uv *ctx = lwt_uv_context(L);
  io_req *r = lwt_uv_fs_new(ctx, L, &classes[what], sizeof *r, arg, 1, run);
  r->what = what;
  r->path = path;
  r->fd = -1;
  return r;
}

static int start(lua_State *L, io_req *r) {
  return lwt_uv_fs_start(L, &r->q);
}

/*---
Open a file as a channel. The modes are Lua's: `"r"` (the default), `"w"`, `"a"`, and with
`"+"` for both reading and writing at one position (`"a+"` reads from the beginning, and writes
at the end); `"wx"` refuses a file that exists. A
`"b"` is ignored. A directory is refused (`EISDIR`). A fifo is open for reading at once, and
reads wait for a writer; for writing it is open once there is a reader.

@param path string
@param mode string?
@param opts table? `perm` (of a new file, default 0666 less the umask), `buffer_size`
@return lwt.Promise<lwt.Channel>
```lua
local ch <close> = await(lio.open_file("notes", "w+"))
await(ch:write_line("first"))
await(ch:set_position(0))
print(await(ch:read_line()))   --> first
```
@function lwt.io.open_file(path, mode, opts)
*/
static int l_open_file(lua_State *L) {
  static const char *const names[] = {"buffer_size", "perm", NULL};
  const char *path = lwt_uv_fs_check_path(L, 1), *m = luaL_optstring(L, 2, "r"),
             *rest = m + 1;
  int plus = 0, excl = 0, perm;
  size_t size;
  io_req *r;
  for (; *m != '\0' && *rest != '\0'; rest++) {
    if (*rest == '+' && !plus)
      plus = 1;
    else if (*rest == 'x' && *m == 'w' && !excl)
      excl = 1;
    else if (*rest != 'b')
      break;
  }
  luaL_argcheck(L, *m != '\0' && strchr("rwa", *m) != NULL && *rest == '\0', 2,
                "invalid mode");
  lwt_uv_check_options(L, 3, names);
  perm = option_perm(L, 3, 0666);
  size = lwt_uv_option_buffer_size(L, 3);
  r = new_req(L, OPEN, path, 1);
  r->sides = plus ? CAN_READ | CAN_WRITE : *m == 'r' ? CAN_READ : CAN_WRITE;
  r->flags = plus ? O_RDWR : *m == 'r' ? O_RDONLY : O_WRONLY;
  if (*m == 'w')
    r->flags |= O_CREAT | (excl ? O_EXCL : O_TRUNC);
  else if (*m == 'a')
    r->flags |= O_CREAT | O_APPEND;
  r->perm = perm;
  r->size = size;
  r->q.undo = undo;
  if (r->flags & O_CREAT) r->q.makes = path;
  return start(L, r);
}

/* Push the option `name`, part of a path, or what it is otherwise. */
static const char *push_path(lua_State *L, int arg, const char *name,
                             const char *otherwise) {
  size_t n;
  const char *s;
  if (!lua_istable(L, arg)) return lua_pushstring(L, otherwise);
  if (lua_getfield(L, arg, name) == LUA_TNIL) {
    lua_pop(L, 1);
    return lua_pushstring(L, otherwise);
  }
  s = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &n) : NULL;
  if (s == NULL || strlen(s) != n)
    luaL_argerror(L, arg, lua_pushfstring(L, "option '%s' is no path", name));
  return s;
}

static const char *const temp_options[] = {"buffer_size", "perm",   "dir",
                                           "prefix",      "suffix", NULL};

static int temp(lua_State *L, task what, const char *prefix, int perm) {
  char tmp[1024];
  size_t size = sizeof tmp;
  io_req *r;
  if (uv_os_tmpdir(tmp, &size) < 0) strcpy(tmp, "/tmp");
  lwt_uv_check_options(L, 1, temp_options);
  lua_settop(L, 1);
  perm = option_perm(L, 1, perm);
  size = lwt_uv_option_buffer_size(L, 1);
  push_path(L, 1, "suffix", ""); /* 2 */
  push_path(L, 1, "dir", tmp);   /* 3: all before the random part */
  lua_pushliteral(L, "/");
  push_path(L, 1, "prefix", prefix);
  lua_concat(L, 3);
  r = new_req(L, what, lua_tostring(L, 3), 3);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -3, 3);
  r->suffix = lua_tostring(L, 2);
  r->perm = perm;
  r->sides = CAN_READ | CAN_WRITE;
  r->size = size;
  r->q.undo = undo;
  r->q.makes = r->path;
  return start(L, r);
}

/* check_temp(opts): raises what is wrong with the options of a temporary thing. */
static int l_check_temp(lua_State *L) {
  lwt_uv_check_options(L, 1, temp_options);
  lua_settop(L, 1);
  option_perm(L, 1, 0);
  lwt_uv_option_buffer_size(L, 1);
  push_path(L, 1, "suffix", "");
  push_path(L, 1, "dir", "");
  push_path(L, 1, "prefix", "");
  return 0;
}

/*---
Make a new file with a random name and open it for reading and writing. Nothing is left
behind when the promise is cancelled.

@param opts table? `dir` (default: the system's), `prefix`, `suffix`, `perm` (0600), …
@return lwt.Promise<string, lwt.Channel> # its path, and the channel
```lua
local path, ch = await(lio.open_temp_file {dir = ".", suffix = ".txt"})
print(path:match("%.txt$"))   --> .txt
await(ch:close())
```
@function lwt.io.open_temp_file(opts)
*/
static int l_open_temp_file(lua_State *L) {
  return temp(L, TEMP_FILE, "lwt_io_temp_file_", 0600);
}

/*---
Make a new folder with a random name.

@param opts table? `dir` (default: the system's), `prefix`, `suffix`, `perm` (0700)
@return lwt.Promise<string> # its path
```lua
local path = await(lio.create_temp_dir {dir = ".", prefix = "t"})
print(path:match("^%./t"))   --> ./t
```
@function lwt.io.create_temp_dir(opts)
*/
static int l_create_temp_dir(lua_State *L) {
  return temp(L, TEMP_DIR, "lwt_io_temp_dir_", 0700);
}

static int path_job(lua_State *L, task what) {
  const char *path = lwt_uv_fs_check_path(L, 1);
  io_req *r = new_req(L, what, path, 1);
  if (what == REMOVE || what == REMOVE_TREE) r->q.removes = path;
  return start(L, r);
}

static int l_unlink(lua_State *L) {
  return path_job(L, REMOVE);
}

/*---
Delete a file, or a folder with all that is in it. Symbolic links are deleted and not
followed. What cannot be deleted is told (the first of it), the rest is deleted all the
same. What others delete meanwhile is no failure; a folder into which they put something
stays (`ENOTEMPTY`). A call that was cancelled before, and that the system is still busy
with, is over by then: what it makes is deleted, too.

@param path string
@return lwt.Promise<nil>
```lua
await(require "lwt.fs".mkdir("d"))
await(lio.lines_to_file("d/f", {"x"}))
await(lio.delete_recursively("d"))
print((pcall(await, lio.open_file("d/f"))))   --> false
```
@function lwt.io.delete_recursively(path)
*/
static int l_delete_recursively(lua_State *L) {
  return path_job(L, REMOVE_TREE);
}

/*---
The length of a file. A directory is refused (`EISDIR`).

@param path string
@return lwt.Promise<integer>
```lua
await(lio.lines_to_file("f", {"four"}))
print(await(lio.file_length("f")))   --> 5
```
@function lwt.io.file_length(path)
*/
static int l_file_length(lua_State *L) {
  return path_job(L, LENGTH);
}

static const luaL_Reg functions[] = {
    {"open_file", l_open_file},
    {"open_temp_file", l_open_temp_file},
    {"create_temp_dir", l_create_temp_dir},
    {"check_temp", l_check_temp},
    {"unlink", l_unlink},
    {"delete_recursively", l_delete_recursively},
    {"file_length", l_file_length},
    {NULL, NULL},
};

void lwt_uv_fs_open_channels(lwt_uv *ctx, lua_State *L) {
  lwt_uv_push_functions(ctx, L, functions);
  lua_setfield(L, -2, "channels");
}
