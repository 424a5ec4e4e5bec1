/* io.c: uv.io: where channels come from: descriptors, files, memory, other ports.
**
** Called by lua/lwt/io.lua. Opening a file, and what temporary files and folders need, is one job on
** the pool each; `release` undoes what nobody took, so that a cancelled open leaves nothing behind.
*/
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lualib.h>

#include "bytes.h"
#include "channel.h"

/* ---- Channels on what is there --------------------------------------------------- */

static size_t to_size(lua_State *L, int arg, lua_Integer n) {
  luaL_argcheck(L, n >= CHANNEL_BUFFER_MIN && n <= INT_MAX, arg, "buffer size out of range");
  return (size_t)n;
}

static size_t check_size(lua_State *L, int arg) {
  return lua_isnoneornil(L, arg) ? 0 : to_size(L, arg, luaL_checkinteger(L, arg));
}

/* An integer out of the options at `arg`, or `otherwise`. */
static lua_Integer option(lua_State *L, int arg, const char *name, lua_Integer otherwise) {
  lua_Integer n = otherwise;
  int ok;
  if (!lua_istable(L, arg))
    return n;
  if (lua_getfield(L, arg, name) != LUA_TNIL) {
    n = lua_tointegerx(L, -1, &ok);
    if (!ok)
      luaL_argerror(L, arg, lua_pushfstring(L, "option '%s' is no integer", name));
  }
  lua_pop(L, 1);
  return n;
}

static size_t option_size(lua_State *L, int arg) {
  lua_Integer n = option(L, arg, "buffer_size", 0);
  return n == 0 ? 0 : to_size(L, arg, n);
}

static int option_perm(lua_State *L, int arg, lua_Integer otherwise) {
  lua_Integer n = option(L, arg, "perm", otherwise);
  luaL_argcheck(L, 0 <= n && n <= 07777, arg, "invalid permissions");
  return (int)n;
}

static const char *const size_options[] = {"buffer_size", NULL};

static int check_sides(lua_State *L, int arg) {
  lua_Integer sides = luaL_checkinteger(L, arg);
  luaL_argcheck(L, 1 <= sides && sides <= 3, arg, "wrong direction");
  return (int)sides;
}

/* Push a channel on a descriptor: 0, or a status with nothing pushed. */
static int push_fd(lwt_uv *ctx, lua_State *L, int fd, int own, int sides, size_t size,
                   const char *kind) {
  channel *ch = lwt_uv_channel_new(ctx, L, 0, size);
  int status;
  port *p;
  if (kind != NULL) {
    ctx->lwt->handle_opened(ctx->lwt, L, -1, kind);
    ch->listed = 1;
  }
  p = lwt_uv_port_fd(ctx, fd, own, &status);
  if (p == NULL) {
    if (ch->listed)
      ctx->lwt->handle_closed(ctx->lwt, L, ch->first);
    ch->listed = 0;
    lua_pop(L, 1);
    return status;
  }
  lwt_uv_channel_attach(ch, p, sides);
  return 0;
}

/* "r", "w", "r+" as directions. */
static int option_mode(lua_State *L, int arg, int otherwise) {
  static const char *const modes[] = {"r", "w", "r+", NULL};
  return lua_isnoneornil(L, arg) ? otherwise : luaL_checkoption(L, arg, NULL, modes) + 1;
}

/*---
A channel on a descriptor that is there already. `mode` is `"r"`, `"w"` or `"r+"`; without it, what the
descriptor was opened for. The channel closes the descriptor unless `close = false` is given, and sets it non-blocking
only when it closes it: one that is shared with other programs stays as it is.

@param fd integer
@param mode string?
@param opts table? `buffer_size`, `close`
@return lwt.Channel
```lua
print(io.of_fd(1, "w", {close = false}):mode())   --> output
```
@function lwt.io.of_fd(fd, mode, opts)
*/
static int l_of_fd(lua_State *L) {
  static const char *const names[] = {"buffer_size", "close", NULL};
  lwt_uv *ctx = lwt_uv_context(L);
  lua_Integer fd = luaL_checkinteger(L, 1);
  int status, sides, own = 1, flags;
  luaL_argcheck(L, 0 <= fd && fd <= INT_MAX, 1, "not a descriptor");
  lwt_uv_check_options(L, 3, names);
  if (lua_istable(L, 3)) {
    own = lua_getfield(L, 3, "close") == LUA_TNIL || lua_toboolean(L, -1);
    lua_pop(L, 1);
  }
  lwt_uv_check_open(ctx, L);
  flags = fcntl((int)fd, F_GETFL);
  if (flags < 0)
    return lwt_uv_raise(ctx, L, -errno, "of_fd", NULL, NULL);
  flags &= O_ACCMODE;
  sides = flags == O_RDONLY ? CAN_READ : flags == O_WRONLY ? CAN_WRITE : CAN_READ | CAN_WRITE;
  status = push_fd(ctx, L, (int)fd, own, option_mode(L, 2, sides), option_size(L, 3),
                   own ? "descriptor" : NULL);
  if (status < 0)
    return lwt_uv_raise(ctx, L, status, "of_fd", NULL, NULL);
  return 1;
}

/*---
A pipe: a channel to read from and a channel to write to, at once and without a promise.

@param opts table? `buffer_size`
@return lwt.Channel, lwt.Channel
```lua
local r, w = io.pipe()
await(w:write_line("through"))
print(await(r:read_line()))   --> through
```
@function lwt.io.pipe(opts)
*/
static int l_pipe(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  size_t size = 0;
  int fds[2], status;
  channel *r, *w;
  port *p;
  lwt_uv_check_options(L, 1, size_options);
  size = option_size(L, 1);
  lwt_uv_check_open(ctx, L);
  r = lwt_uv_channel_new(ctx, L, 0, size);
  w = lwt_uv_channel_new(ctx, L, 0, size);
  if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
    return lwt_uv_raise(ctx, L, -errno, "pipe", NULL, NULL);
  p = lwt_uv_port_fd(ctx, fds[0], 1, &status);
  if (p == NULL) {
    close(fds[0]);
    close(fds[1]);
    return lwt_uv_raise(ctx, L, status, "pipe", NULL, NULL);
  }
  lwt_uv_channel_attach(r, p, CAN_READ);
  p = lwt_uv_port_fd(ctx, fds[1], 1, &status);
  if (p == NULL) {
    close(fds[1]);
    return lwt_uv_raise(ctx, L, status, "pipe", NULL, NULL);
  }
  lwt_uv_channel_attach(w, p, CAN_WRITE);
  ctx->lwt->handle_opened(ctx->lwt, L, -2, "pipe");
  r->listed = 1;
  ctx->lwt->handle_opened(ctx->lwt, L, -1, "pipe");
  w->listed = 1;
  return 2;
}

/* of_port(userdata, sides, size, key, what): a socket, a process's pipe, a file … */
static int l_of_port(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  int sides = check_sides(L, 2);
  size_t size = check_size(L, 3);
  channel *ch;
  port *p;
  luaL_checkany(L, 1);
  ch = lwt_uv_channel_new(ctx, L, 1, size);
  p = lwt_uv_to_port(ctx, L, 1);
  luaL_argcheck(L, p != NULL, 1, "not open, or nothing to read from and write to");
  lwt_uv_channel_attach(ch, p, sides);
  if (lua_isstring(L, 5))
    lwt_uv_channel_name(ch, strcmp(luaL_checkstring(L, 4), "path") == 0 ? "path" : "address",
                        lua_tostring(L, 5));
  return 1;
}

/*---
A channel on memory: a string, which can be read, or an `lwt.bytes`, which can be read (`"r"`, the
default), written (`"w"`) or both (`"r+"`). Writing stops at the end of it, with `ENOSPC`.

@param data string|lwt.Bytes
@param mode string?
@param opts table? `buffer_size`
@return lwt.Channel
```lua
local b = require "lwt.bytes".create(5)
local ch = io.of_bytes(b, "w")
await(ch:write("hello"))
await(ch:close())
print(b:to_string())   --> hello
```
@function lwt.io.of_bytes(data, mode, opts)
*/
static int l_of_bytes(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  int sides = option_mode(L, 2, CAN_READ);
  size_t size, len, start = 0;
  channel *ch;
  lwt_uv_mem *mem = NULL;
  char *data;
  port *p;
  lwt_uv_check_options(L, 3, size_options);
  size = option_size(L, 3);
  if (lua_type(L, 1) == LUA_TSTRING) {
    luaL_argcheck(L, sides == CAN_READ, 2, "a string can only be read");
    data = (char *)lua_tolstring(L, 1, &len);
  } else {
    data = lwt_uv_check_bytes(ctx, L, 1, &len);
    mem = lwt_uv_bytes_mem(L, 1, &start, &len);
  }
  ch = lwt_uv_channel_new(ctx, L, 1, size);
  p = lwt_uv_port_mem(data, len, mem);
  if (p == NULL)
    return lwt_uv_raise(ctx, L, UV_ENOMEM, "of_bytes", NULL, NULL);
  lwt_uv_channel_attach(ch, p, sides);
  return 1;
}

/* ---- Jobs ------------------------------------------------------------------------------ */

typedef enum task { OPEN, TEMP_FILE, TEMP_DIR, REMOVE, REMOVE_TREE, LENGTH } task;

typedef struct io_req {
  lwt_uv_req req;
  uv_work_t work;
  task what;
  const char *path; /* the user value's string; of a temp thing: the part before the name */
  const char *suffix;
  char *made; /* the temp thing's path */
  int flags, perm, sides;
  int fd; /* -1: none */
  int status;
  size_t size;
  int64_t length;
} io_req;

static int check_file(int fd) {
  struct stat st;
  if (fstat(fd, &st) < 0)
    return -errno;
  return S_ISDIR(st.st_mode) ? UV_EISDIR : 0;
}

static int do_open(io_req *r) {
  int status;
  do
    r->fd = open(r->path, r->flags | O_CLOEXEC | O_NOCTTY, r->perm);
  while (r->fd < 0 && errno == EINTR);
  if (r->fd < 0)
    return -errno;
  status = check_file(r->fd);
  if (status == 0 && (r->flags & O_APPEND))
    lseek(r->fd, 0, SEEK_END); /* so that the position is right from the start */
  return status;
}

/* The name is random; only one that exists already is a reason to try another. */
static int do_temp(io_req *r) {
  size_t n = strlen(r->path) + 12 + strlen(r->suffix) + 1;
  r->made = malloc(n);
  if (r->made == NULL)
    return UV_ENOMEM;
  for (int tries = 0; tries < 1000; tries++) {
    unsigned char x[6];
    int made;
    if (uv_random(NULL, NULL, x, sizeof x, 0, NULL) < 0)
      return UV_EIO;
    snprintf(r->made, n, "%s%02x%02x%02x%02x%02x%02x%s", r->path, x[0], x[1], x[2], x[3], x[4],
             x[5], r->suffix);
    if (r->what == TEMP_DIR)
      made = mkdir(r->made, (mode_t)r->perm);
    else
      made = r->fd = open(r->made, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, r->perm);
    if (made >= 0)
      return 0;
    if (errno != EEXIST) {
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

static int remove_in(int dir, const char *name);

/* Empty the folder behind `fd`, and close it. The first failure is told, the rest still goes. */
static int empty(int fd) {
  DIR *d = fdopendir(fd);
  struct dirent *e;
  int status = 0;
  if (d == NULL) {
    status = -errno;
    close(fd);
    return status;
  }
  while ((e = readdir(d)) != NULL) {
    int r;
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
      continue;
    r = remove_in(dirfd(d), e->d_name);
    if (status == 0)
      status = r;
  }
  closedir(d);
  return status;
}

/* Symbolic links are removed, never followed. */
static int remove_in(int dir, const char *name) {
  int fd, status;
  if (unlinkat(dir, name, 0) == 0)
    return 0;
  if (errno != EISDIR && errno != EPERM)
    return -errno;
  status = -errno;
  fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return errno == ENOTDIR ? status : -errno;
  status = empty(fd);
  if (unlinkat(dir, name, AT_REMOVEDIR) < 0 && status == 0)
    status = -errno;
  return status;
}

static int do_length(io_req *r) {
  struct stat st;
  if (stat(r->path, &st) < 0)
    return -errno;
  if (S_ISDIR(st.st_mode))
    return UV_EISDIR;
  r->length = st.st_size;
  return 0;
}

static void work(uv_work_t *w) {
  io_req *r = (io_req *)w->data;
  switch (r->what) {
    case OPEN: r->status = do_open(r); break;
    case TEMP_FILE:
    case TEMP_DIR: r->status = do_temp(r); break;
    case REMOVE: r->status = unlink(r->path) < 0 ? -errno : 0; break;
    case REMOVE_TREE: r->status = remove_in(AT_FDCWD, r->path); break;
    case LENGTH: r->status = do_length(r); break;
  }
}

static void after(uv_work_t *w, int status) {
  io_req *r = (io_req *)w->data;
  lwt_uv_req_done(&r->req, status < 0 ? status : r->status);
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
    channel *ch;
    int status = push_fd(req->ctx, L, r->fd, 1, r->sides, r->size, "file");
    if (status < 0)
      return status;
    r->fd = -1; /* the channel's */
    ch = ((view *)lua_touserdata(L, -1))->ch;
    lwt_uv_channel_name(ch, "path", path);
    n++;
  }
  if (r->what == LENGTH) {
    lua_pushinteger(L, r->length);
    n++;
  }
  return n;
}

static void release(lwt_uv_req *req) {
  io_req *r = (io_req *)req;
  if (r->fd >= 0)
    close(r->fd);
  if (r->made != NULL && !req->taken) {
    if (r->what == TEMP_DIR)
      rmdir(r->made);
    else
      unlink(r->made);
  }
  free(r->made);
}

static const lwt_uv_req_class classes[] = {
    {"open", "path", 1, result, release, NULL},
    {"open_temp_file", "path", 1, result, release, NULL},
    {"create_temp_dir", "path", 1, result, release, NULL},
    {"unlink", "path", 1, NULL, release, NULL},
    {"delete_recursively", "path", 1, NULL, release, NULL},
    {"file_length", "path", 1, result, release, NULL},
};

static const char *check_path(lua_State *L, int arg) {
  size_t n;
  const char *s = luaL_checklstring(L, arg, &n);
  luaL_argcheck(L, strlen(s) == n, arg, "path contains a zero byte");
  return s;
}

static io_req *new_req(lua_State *L, task what, const char *path, int arg) {
  lwt_uv *ctx = lwt_uv_context(L);
  io_req *r = lwt_uv_req_new(ctx, L, &classes[what], sizeof *r, offsetof(io_req, work), arg, 1);
  r->what = what;
  r->path = path;
  r->fd = -1;
  return r;
}

static int start(lua_State *L, io_req *r) {
  return lwt_uv_req_started(L, &r->req, uv_queue_work(r->req.ctx->loop, &r->work, work, after));
}

/*---
Open a file as a channel. The modes are Lua's: `"r"` (the default), `"w"`, `"a"`, and with `"+"` for
both reading and writing at one position; `"wx"` refuses a file that exists. A `"b"` is ignored. A directory is
refused (`EISDIR`).

@param path string
@param mode string?
@param opts table? `perm` (of a new file, default 0666 less the umask), `buffer_size`
@return lwt.Promise a channel
```lua
local ch <close> = await(io.open_file("notes", "w+"))
await(ch:write_line("first"))
await(ch:set_position(0))
print(await(ch:read_line()))   --> first
```
@function lwt.io.open_file(path, mode, opts)
*/
static int l_open_file(lua_State *L) {
  static const char *const names[] = {"buffer_size", "perm", NULL};
  const char *path = check_path(L, 1), *m = luaL_optstring(L, 2, "r"), *rest = m + 1;
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
  size = option_size(L, 3);
  r = new_req(L, OPEN, path, 1);
  r->sides = plus ? CAN_READ | CAN_WRITE : *m == 'r' ? CAN_READ : CAN_WRITE;
  r->flags = plus ? O_RDWR : *m == 'r' ? O_RDONLY : O_WRONLY;
  if (*m == 'w')
    r->flags |= O_CREAT | (excl ? O_EXCL : O_TRUNC);
  else if (*m == 'a')
    r->flags |= O_CREAT | O_APPEND;
  r->perm = perm;
  r->size = size;
  return start(L, r);
}

/* Push the option `name`, part of a path, or what it is otherwise. */
static const char *push_path(lua_State *L, int arg, const char *name, const char *otherwise) {
  size_t n;
  const char *s;
  if (!lua_istable(L, arg))
    return lua_pushstring(L, otherwise);
  if (lua_getfield(L, arg, name) == LUA_TNIL) {
    lua_pop(L, 1);
    return lua_pushstring(L, otherwise);
  }
  s = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &n) : NULL;
  if (s == NULL || strlen(s) != n)
    luaL_argerror(L, arg, lua_pushfstring(L, "option '%s' is no path", name));
  return s;
}

static int temp(lua_State *L, task what, const char *prefix, int perm) {
  static const char *const names[] = {"buffer_size", "perm", "dir", "prefix", "suffix", NULL};
  char tmp[1024];
  size_t size = sizeof tmp;
  io_req *r;
  if (uv_os_tmpdir(tmp, &size) < 0)
    strcpy(tmp, "/tmp");
  lwt_uv_check_options(L, 1, names);
  lua_settop(L, 1);
  perm = option_perm(L, 1, perm);
  size = option_size(L, 1);
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
  return start(L, r);
}

/*---
Make a new file with a random name and open it for reading and writing. Nothing is left behind when
the promise is cancelled.

@param opts table? `dir` (default: the system's), `prefix`, `suffix`, `perm` (default 0600), `buffer_size`
@return lwt.Promise its path, and the channel
```lua
local path, ch = await(io.open_temp_file {dir = ".", suffix = ".txt"})
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

@param opts table? `dir` (default: the system's), `prefix`, `suffix`, `perm` (default 0700)
@return lwt.Promise its path
```lua
local path = await(io.create_temp_dir {dir = ".", prefix = "t"})
print(path:match("^%./t"))   --> ./t
```
@function lwt.io.create_temp_dir(opts)
*/
static int l_create_temp_dir(lua_State *L) {
  return temp(L, TEMP_DIR, "lwt_io_temp_dir_", 0700);
}

static int path_job(lua_State *L, task what) {
  const char *path = check_path(L, 1);
  return start(L, new_req(L, what, path, 1));
}

static int l_unlink(lua_State *L) {
  return path_job(L, REMOVE);
}

/*---
Delete a file, or a folder with all that is in it. Symbolic links are deleted and not followed.
What cannot be deleted is told (the first of it), the rest is deleted all the same.

@param path string
@return lwt.Promise
```lua
await(require "lwt.fs".mkdir("d"))
await(io.lines_to_file("d/f", {"x"}))
await(io.delete_recursively("d"))
print((pcall(await, io.open_file("d/f"))))   --> false
```
@function lwt.io.delete_recursively(path)
*/
static int l_delete_recursively(lua_State *L) {
  return path_job(L, REMOVE_TREE);
}

/*---
The length of a file. A directory is refused (`EISDIR`).

@param path string
@return lwt.Promise an integer
```lua
await(io.lines_to_file("f", {"four"}))
print(await(io.file_length("f")))   --> 5
```
@function lwt.io.file_length(path)
*/
static int l_file_length(lua_State *L) {
  return path_job(L, LENGTH);
}

/* ---- Settings and lists ------------------------------------------------------------------ */

/*---
The size of the buffers of channels that are made without `buffer_size`: 65536 at first.

@return integer
```lua
print(io.default_buffer_size())   --> 65536
```
@function lwt.io.default_buffer_size()
*/
static int l_default_buffer_size(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)channel_state_of(lwt_uv_context(L))->default_size);
  return 1;
}

/*---
Set the size of the buffers of channels that are made from now on. 16 bytes at least.

@param size integer
```lua
io.set_default_buffer_size(4096)
print(io.of_bytes(""):buffer_size())   --> 4096
io.set_default_buffer_size(65536)
```
@function lwt.io.set_default_buffer_size(size)
*/
static int l_set_default_buffer_size(lua_State *L) {
  luaL_checkinteger(L, 1);
  channel_state_of(lwt_uv_context(L))->default_size = check_size(L, 1);
  return 0;
}

/* The open channels that have something to flush (they are alive: the hook anchors them).
** Their order is the order in which they were made. */
static int l_unflushed(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  channel_state *st = channel_state_of(ctx);
  lua_Integer n = 0;
  if (lua_toboolean(L, 1)) /* at exit: what comes now asks for another */
    st->exit_hooked = 0;
  lua_newtable(L);
  for (channel *ch = st->channels; ch != NULL; ch = ch->next) {
    channel_out *out = &ch->out;
    if (ch->closed || ch->close_op != NULL || (out->error != 0 && out->told) ||
        (out->len == out->off && out->fly_len == out->fly_off))
      continue;
    if (lwt_uv_channel_push(L, ch))
      lua_rawseti(L, -2, ++n);
  }
  for (lua_Integer i = 1; i <= n / 2; i++) {
    lua_rawgeti(L, -1, i);
    lua_rawgeti(L, -2, n + 1 - i);
    lua_rawseti(L, -3, i);
    lua_rawseti(L, -2, n + 1 - i);
  }
  return 1;
}

/* at_exit(f): what is called when something was written that no exit would flush yet. */
static int l_at_exit(lua_State *L) {
  channel_state *st = channel_state_of(lwt_uv_context(L));
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  if (st->at_exit != LUA_NOREF)
    luaL_unref(L, LUA_REGISTRYINDEX, st->at_exit);
  st->at_exit = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

/* ---- The family ----------------------------------------------------------------------------- */

/* ch.le, ch.be, and everything else in the table of methods (upvalue 2). */
static int l_index(lua_State *L) {
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL)
    return 1;
  if (lua_type(L, 2) == LUA_TSTRING) {
    const char *name = lua_tostring(L, 2);
    int big = strcmp(name, "be") == 0;
    if (big || strcmp(name, "le") == 0) {
      lwt_uv *ctx = lwt_uv_context(L);
      lwt_uv_check(ctx, L, 1, LWT_UV_CHANNEL);
      return lwt_uv_channel_push_order(ctx, L, big);
    }
  }
  return 1;
}

static void family_close(lwt_uv *ctx) {
  channel_state *st = channel_state_of(ctx);
  while (st->spare != NULL) {
    op *o = st->spare;
    st->spare = o->next[0];
    free(o);
  }
  ctx->lwt->idle_stop(ctx->lwt, &st->idle);
  free(st);
  ctx->family[LWT_UV_FIO] = NULL;
}

static int string_function(lua_State *L, const char *name) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, LUA_STRLIBNAME);
  if (!lua_istable(L, -1)) {
    lua_pop(L, 1);
    luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 0);
  }
  lua_getfield(L, -1, name);
  lua_replace(L, -3);
  lua_pop(L, 1);
  return luaL_ref(L, LUA_REGISTRYINDEX);
}

static void new_types(lwt_uv *ctx, lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  lwt_uv_new_type(ctx, L, LWT_UV_CHANNEL, "lwt.channel", none, lwt_uv_channel_meta);
  lua_rawgeti(L, LUA_REGISTRYINDEX, ctx->type[LWT_UV_CHANNEL].ref);
  lua_getfield(L, -1, "__index");
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, lwt_uv_channel_reading, 1);
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, lwt_uv_channel_writing, 1);
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, lwt_uv_channel_seeking, 1);
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, lwt_uv_channel_closing, 1);
  lwt_uv_channel_push_lines(ctx, L);
  lua_setfield(L, -2, "lines");
  lwt_uv_channel_push_numbers(ctx, L, -1);
  lua_getfield(L, -1, "_tostring");
  lua_setfield(L, -3, "__tostring");
  lua_pushnil(L);
  lua_setfield(L, -2, "_tostring");
  lwt_uv_push_context(ctx, L);
  lua_pushvalue(L, -2);
  lua_pushcclosure(L, l_index, 2);
  lua_setfield(L, -3, "__index"); /* stack: metatable, methods */
  lwt_uv_port_lua_open(ctx, L);
  lwt_uv_new_type(ctx, L, LWT_UV_CURSOR, "lwt.channel.order", none, NULL);
  for (int big = 1; big >= 0; big--) { /* pushes: be, le */
    lua_newtable(L);
    lwt_uv_channel_push_numbers(ctx, L, big);
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, ctx->type[LWT_UV_CURSOR].ref);
  lua_pushvalue(L, -2); /* the same for both: the view knows its order */
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

void lwt_uv_open_io(lwt_uv *ctx, lua_State *L) {
  static const luaL_Reg functions[] = {
      {"of_fd", l_of_fd},
      {"pipe", l_pipe},
      {"of_port", l_of_port},
      {"of_bytes", l_of_bytes},
      {"port", lwt_uv_port_lua_new},
      {"open_file", l_open_file},
      {"open_temp_file", l_open_temp_file},
      {"create_temp_dir", l_create_temp_dir},
      {"unlink", l_unlink},
      {"delete_recursively", l_delete_recursively},
      {"file_length", l_file_length},
      {"default_buffer_size", l_default_buffer_size},
      {"set_default_buffer_size", l_set_default_buffer_size},
      {"unflushed", l_unflushed},
      {"at_exit", l_at_exit},
      {NULL, NULL},
  };
  channel_state *st = calloc(1, sizeof *st);
  if (st == NULL)
    lwt_uv_raise(ctx, L, UV_ENOMEM, "io", NULL, NULL);
  st->ctx = ctx;
  st->idle.f = lwt_uv_channel_on_idle;
  st->idle.data = st;
  st->idle_last = &st->idle_first;
  st->default_size = CHANNEL_BUFFER;
  st->pending = st->unpack = st->pack = st->at_exit = LUA_NOREF;
  ctx->family[LWT_UV_FIO] = st;
  ctx->family_close[LWT_UV_FIO] = family_close;
  lua_newtable(L);
  st->pending = luaL_ref(L, LUA_REGISTRYINDEX);
  st->unpack = string_function(L, "unpack");
  st->pack = string_function(L, "pack");
  lwt_uv_push_functions(ctx, L, functions);
  new_types(ctx, L); /* pushes: metatable, methods, be, le */
  lua_setfield(L, -5, "le");
  lua_setfield(L, -4, "be");
  lua_setfield(L, -3, "methods");
  lua_setfield(L, -2, "metatable");
}
