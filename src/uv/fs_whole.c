/* fs_whole.c: whole files in one pool job each: read_file, write_file, copyfile,
** sendfile.
**
** A job handed to the pool costs several times what opening, reading and closing a small
** file does, so all of it is one job. Long ones look from time to time whether anybody
** still wants the result: `req.cancelled` is set by the loop's thread, hence the atomic
** look.
*/
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/sendfile.h>
#endif
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "fs_internal.h"

/* Between two looks. */
#define STEP ((size_t)8 * 1024 * 1024)

/* Memory for small files is kept: taken from malloc by a thread and given back by another,
** it would have the threads wait for each other. */
#define BLOCK ((size_t)8 * 1024)
#define MAX_BLOCKS 64

typedef union block {
  union block *next;
  char data[BLOCK];
} block;

/* ctx->family[LWT_UV_FFS] */
typedef struct blocks {
  block *first;
  int n;
} blocks;

typedef struct whole_req {
  fs_req q;
  const char *path, *path2;
  const char *data; /* write_file */
  lwt_uv_mem *mem;  /* pinned, when it is a lwt.bytes */
  block *block;     /* read_file: may be used instead of malloc; or NULL */
  char *buf;        /* what is used: the block's, or malloc's */
  size_t len;
  int flags, mode;
  int in, out; /* sendfile */
  int64_t offset;
} whole_req;

static int is_stopped(whole_req *w) {
  return __atomic_load_n(&w->q.stop, __ATOMIC_RELAXED);
}

static block *take_block(lwt_uv *ctx) { /* NULL: no memory */
  blocks *all = ctx->family[LWT_UV_FFS];
  block *b = all->first;
  if (b == NULL) return malloc(sizeof *b);
  all->first = b->next;
  all->n--;
  return b;
}

static void give_block(lwt_uv *ctx, block *b) {
  blocks *all = ctx->family[LWT_UV_FFS];
  if (b == NULL) return;
  if (all->n == MAX_BLOCKS) {
    free(b);
    return;
  }
  b->next = all->first;
  all->first = b;
  all->n++;
}

/* After the last request. */
static void family_close(lwt_uv *ctx) {
  blocks *all = ctx->family[LWT_UV_FFS];
  ctx->family[LWT_UV_FFS] = NULL;
  if (all == NULL) return;
  while (all->first != NULL) {
    block *b = all->first;
    all->first = b->next;
    free(b);
  }
  free(all);
}

static int is_block(const whole_req *w) {
  return w->block != NULL && w->buf == w->block->data;
}

static void release_whole(lwt_uv_req *r) {
  whole_req *w = (whole_req *)r;
  if (!is_block(w)) free(w->buf);
  give_block(r->ctx, w->block);
  if (w->mem != NULL) lwt_uv_mem_unpin(w->mem);
}

/* ---- Reading ------------------------------------------------------------- */

static int more_room(whole_req *w, size_t *cap) {
  size_t next = *cap + *cap / 2 + 4096;
  int kept = is_block(w);
  char *buf = realloc(kept ? NULL : w->buf, next);
  if (buf == NULL) return UV_ENOMEM;
  if (kept) memcpy(buf, w->block->data, w->len);
  w->buf = buf;
  *cap = next;
  return 0;
}

/* All there is, in as few reads as the size that the system tells allows: one when it is
** right, more when the file grows or, as in /proc, has no size. */
static ssize_t read_rest(whole_req *w, int fd, size_t size, const char *stop) {
  size_t cap = size > BLOCK || w->block == NULL ? size : BLOCK;
  if (cap == 0) cap = 4096;
  w->buf = cap == BLOCK && w->block != NULL ? w->block->data : malloc(cap);
  if (w->buf == NULL) return UV_ENOMEM;
  while (!is_stopped(w)) {
    size_t want = cap - w->len;
    ssize_t n = lwt_uv_fs_read(fd, w->buf + w->len, want < STEP ? want : STEP, -1, stop);
    if (n < 0) return n;
    w->len += (size_t)n;
    if (n == 0 || (size > 0 && w->len == size)) return 0;
    if (w->len == cap && more_room(w, &cap) < 0) return UV_ENOMEM;
  }
  return UV_ECANCELED;
}

static ssize_t run_read_file(fs_req *q) {
  whole_req *w = (whole_req *)q;
  struct stat st;
  int fd = lwt_uv_fs_open(w->path, O_RDONLY, 0, &w->q.stop);
  if (fd < 0) return fd;
  ssize_t status;
  if (fstat(fd, &st) != 0)
    status = -errno;
  else if (S_ISDIR(st.st_mode))
    status = UV_EISDIR;
  else if (lwt_uv_fs_is_regular(fd, &st, O_RDONLY))
    status = read_rest(w, fd, (size_t)st.st_size, NULL);
  else
    status = read_rest(w, fd, 0, &w->q.stop);
  lwt_uv_fs_close(fd);
  return status;
}

static int push_contents(lua_State *L, lwt_uv_req *r) {
  whole_req *w = (whole_req *)r;
  lua_pushlstring(L, w->buf, w->len);
  return 1;
}

/*---
Reads a whole file, in one job of the threadpool. Rejected with the system's error; a
directory with `EISDIR`, what does not fit into memory with `ENOMEM`. Cancelling rejects
at once.
@param path string
@return lwt.Promise of a string
```lua
await(fs.write_file("f", "hello"))
print(await(fs.read_file("f")))   --> hello
```
@function lwt.fs.read_file(path) */
static int l_read_file(lua_State *L) {
  static const lwt_uv_req_class class = {"read_file",   "path",        1,
                                         push_contents, release_whole, lwt_uv_fs_cancel};
  lwt_uv *ctx = lwt_uv_context(L);
  const char *path = lwt_uv_fs_check_path(L, 1);
  whole_req *w = lwt_uv_fs_new(ctx, L, &class, sizeof *w, 1, 0, run_read_file);
  w->block = take_block(ctx);
  w->path = path;
  return lwt_uv_fs_start(L, &w->q);
}

/* ---- Writing ------------------------------------------------------------- */

static ssize_t run_write_file(fs_req *q) {
  whole_req *w = (whole_req *)q;
  struct stat st;
  size_t done = 0;
  ssize_t status = 0;
  int fd = lwt_uv_fs_open(w->path, w->flags, w->mode, &q->stop);
  if (fd < 0) return fd;
  if (fstat(fd, &st) != 0) status = -errno;
  const char *stop =
      status == 0 && lwt_uv_fs_is_regular(fd, &st, w->flags) ? NULL : &q->stop;
  while (status >= 0 && done < w->len) {
    size_t n = w->len - done < STEP ? w->len - done : STEP;
    status =
        is_stopped(w) ? UV_ECANCELED : lwt_uv_fs_write(fd, w->data + done, n, -1, stop);
    if (status > 0) done += (size_t)status;
  }
  int closed = lwt_uv_fs_close(fd);
  return status < 0 ? status : closed;
}

/*---
Writes a whole file, in one job of the threadpool. By default it is made, or emptied first
if it is there; "a" appends, "wx" refuses one that is there. Not in one step for others
who look: write another file and `rename` it for that. Cancelled in the middle, a part may
be written.
@param path string
@param data string|lwt.Bytes
@param flags? string|integer as in `open`, default "w"
@param mode? integer permissions of a new file, default 0666 less the umask
@return lwt.Promise without values
```lua
await(fs.write_file("f", "hello "))
await(fs.write_file("f", "world", "a"))
print(await(fs.read_file("f")))   --> hello world
```
@function lwt.fs.write_file(path, data, flags, mode) */
static int l_write_file(lua_State *L) {
  static const lwt_uv_req_class class = {"write_file", "path",        1,
                                         NULL,         release_whole, lwt_uv_fs_cancel};
  lwt_uv *ctx = lwt_uv_context(L);
  size_t len, ofs, size;
  const char *path = lwt_uv_fs_check_path(L, 1);
  const char *data = lwt_uv_check_data(ctx, L, 2, &len);
  int flags = lwt_uv_fs_check_flags(L, 3, "w"), mode = lwt_uv_fs_check_mode(L, 4, 0666);
  whole_req *w = lwt_uv_fs_new(ctx, L, &class, sizeof *w, 1, 1, run_write_file);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -3, 3);
  if (lua_type(L, 2) == LUA_TUSERDATA) {
    w->mem = lwt_uv_bytes_mem(L, 2, &ofs, &size);
    lwt_uv_mem_pin(w->mem);
  }
  w->path = path;
  w->data = data;
  w->len = len;
  w->flags = flags;
  w->mode = mode;
  return lwt_uv_fs_start(L, &w->q);
}

/* ---- Copying ------------------------------------------------------------- */

/* From what is no regular file, or to it, a descriptor may keep the thread waiting: `stop_in`
** and `stop_out` are NULL where it cannot. */
static ssize_t copy_by_hand(whole_req *w, int in, const char *stop_in, int out,
                            const char *stop_out) {
  size_t size = 256 * 1024;
  w->buf = malloc(size);
  if (w->buf == NULL) return UV_ENOMEM;
  while (!is_stopped(w)) {
    ssize_t n = lwt_uv_fs_read(in, w->buf, size, -1, stop_in);
    if (n <= 0) return n;
    n = lwt_uv_fs_write(out, w->buf, (size_t)n, -1, stop_out);
    if (n < 0) return n;
  }
  return UV_ECANCELED;
}

/* Inside the system where it can (which shares blocks on file systems that do that). */
static ssize_t copy_data(whole_req *w, int in, const char *stop_in, int out,
                         const char *stop_out) {
#ifdef __linux__
  size_t done = 0;
  while (!is_stopped(w)) {
    ssize_t n = copy_file_range(in, NULL, out, NULL, STEP, 0);
    if (n > 0)
      done += (size_t)n;
    else if (n == 0 && done > 0)
      return 0;
    /* Not between these two, or (0 at first) a file of /proc that only looks empty. */
    else if (n == 0 || errno != EINTR)
      break;
  }
  /* What is still to be copied begins where both files stand. */
#endif
  return copy_by_hand(w, in, stop_in, out, stop_out);
}

/* Whether the open file `out` may be overwritten by a file of which `from` tells; empties
** it then. */
static int prepare(int out, const struct stat *from, struct stat *to) {
  if (fstat(out, to) != 0) return -errno;
  /* Onto itself: emptying it first would lose it. */
  if (to->st_dev == from->st_dev && to->st_ino == from->st_ino) return UV_EINVAL;
  if (!S_ISREG(to->st_mode)) return 0; /* /dev/null keeps its permissions */
  /* Not when it is empty: ext4 writes a file that was cut to nothing out to the disk, as
  ** soon as it is closed, and the copy would wait for that. */
  if (to->st_size > 0 && ftruncate(out, 0) != 0) return -errno;
  return fchmod(out, from->st_mode & 07777) == 0 || errno == EPERM ? 0 : -errno;
}

static ssize_t copy_opened(whole_req *w, int in) {
  struct stat from, to;
  if (fstat(in, &from) != 0) return -errno;
  if (S_ISDIR(from.st_mode)) return UV_EISDIR;
  int out = lwt_uv_fs_open(w->path2, O_WRONLY | O_CREAT | (w->flags & O_EXCL),
                           from.st_mode & 07777, &w->q.stop);
  if (out < 0) return out;
  int prepared = prepare(out, &from, &to);
  ssize_t status = prepared;
  if (prepared == 0)
    status = copy_data(w, in, S_ISREG(from.st_mode) ? NULL : &w->q.stop, out,
                       S_ISREG(to.st_mode) ? NULL : &w->q.stop);
  int closed = lwt_uv_fs_close(out);
  if (status == 0) status = closed;
  /* A part of a copy is worse than none. */
  if (status < 0 && prepared == 0 && S_ISREG(to.st_mode)) unlink(w->path2);
  return status;
}

static ssize_t run_copyfile(fs_req *q) {
  whole_req *w = (whole_req *)q;
  int in = lwt_uv_fs_open(w->path, O_RDONLY, 0, &w->q.stop);
  if (in < 0) return in;
  ssize_t status = copy_opened(w, in);
  lwt_uv_fs_close(in);
  return status;
}

/*---
Copies a file, with its permissions, in one job of the threadpool and inside the system
where that is possible. A file that has the new name is overwritten, with `excl` refused
(`EEXIST`). When it fails or is cancelled, no part of a copy is left.
@param from string
@param to string
@param opts? table `{excl = boolean}`
@return lwt.Promise without values
```lua
await(fs.write_file("a", "text"))
await(fs.copyfile("a", "b"))
print(await(fs.read_file("b")))   --> text
```
@function lwt.fs.copyfile(from, to, opts) */
static int l_copyfile(lua_State *L) {
  static const lwt_uv_req_class class = {"copyfile", "path",        1,
                                         NULL,       release_whole, lwt_uv_fs_cancel};
  static const char *const names[] = {"excl", NULL};
  const char *path = lwt_uv_fs_check_path(L, 1), *path2 = lwt_uv_fs_check_path(L, 2);
  int excl = 0;
  lua_settop(L, 3);
  lwt_uv_check_options(L, 3, names);
  if (lua_istable(L, 3)) {
    lua_getfield(L, 3, "excl");
    excl = lua_toboolean(L, -1);
  }
  whole_req *w =
      lwt_uv_fs_new(lwt_uv_context(L), L, &class, sizeof *w, 1, 1, run_copyfile);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -3, 3);
  w->path = path;
  w->path2 = path2;
  w->flags = excl ? O_EXCL : 0;
  return lwt_uv_fs_start(L, &w->q);
}

/* Some bytes from one descriptor to the other: their count, 0 at the end, or an error.
** libuv's would wait in the thread where `out` takes no more. */
static ssize_t send_some(int out, int in, int64_t offset, size_t n) {
  char buf[16384];
  ssize_t got, sent;
#ifdef __linux__
  off_t at = (off_t)offset;
  do sent = sendfile(out, in, &at, n);
  while (sent < 0 && errno == EINTR);
  /* Not between these two (`out` appends, perhaps): through memory. */
  if (sent >= 0 || (errno != EINVAL && errno != ENOSYS)) return sent < 0 ? -errno : sent;
#endif
  do got = pread(in, buf, n < sizeof buf ? n : sizeof buf, (off_t)offset);
  while (got < 0 && errno == EINTR);
  if (got <= 0) return got < 0 ? -errno : 0;
  do sent = write(out, buf, (size_t)got);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : sent;
}

static ssize_t run_sendfile(fs_req *q) {
  whole_req *w = (whole_req *)q;
  size_t done = 0;
  while (done < w->len && !is_stopped(w)) {
    size_t n = w->len - done < STEP ? w->len - done : STEP;
    ssize_t sent = send_some(w->out, w->in, w->offset + (int64_t)done, n);
    if (sent < 0 && done == 0) return sent;
    if (sent <= 0) break;
    done += (size_t)sent;
  }
  return (ssize_t)done;
}

static int push_count(lua_State *L, lwt_uv_req *r) {
  lua_pushinteger(L, (lua_Integer)r->status);
  return 1;
}

/* A file, or a descriptor's number. */
static int check_descriptor(lwt_uv *ctx, lua_State *L, int arg) {
  if (lua_type(L, arg) != LUA_TNUMBER) return lwt_uv_fs_check_fd(ctx, L, arg);
  lua_Integer fd = luaL_checkinteger(L, arg);
  luaL_argcheck(L, fd >= 0 && fd <= 0x7fffffff, arg, "descriptor out of range");
  return (int)fd;
}

/* sendfile(dst, src, offset, length): one job's worth; lua/lwt/fs.lua goes on where `dst`
** takes no more (a short count, and EAGAIN the next time). */
static int l_sendfile(lua_State *L) {
  static const lwt_uv_req_class class = {"sendfile", NULL,          1,
                                         push_count, release_whole, lwt_uv_fs_cancel};
  lwt_uv *ctx = lwt_uv_context(L);
  int out = check_descriptor(ctx, L, 1), in = check_descriptor(ctx, L, 2);
  lua_Integer offset = luaL_checkinteger(L, 3), length = luaL_checkinteger(L, 4);
  luaL_argcheck(L, offset >= 0, 3, "negative offset");
  luaL_argcheck(L, length >= 0, 4, "negative length");
  /* The files may not be collected, nor closed under the job's feet (close waits). */
  whole_req *w = lwt_uv_fs_new(ctx, L, &class, sizeof *w, 0, 2, run_sendfile);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -3, 3);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -3, 4);
  w->out = out;
  w->in = in;
  w->offset = offset;
  w->len = (size_t)length;
  return lwt_uv_fs_start(L, &w->q);
}

static const luaL_Reg functions[] = {{"read_file", l_read_file},
                                     {"write_file", l_write_file},
                                     {"copyfile", l_copyfile},
                                     {"sendfile", l_sendfile},
                                     {NULL, NULL}};

void lwt_uv_fs_open_whole(lwt_uv *ctx, lua_State *L) {
  ctx->family[LWT_UV_FFS] = calloc(1, sizeof(blocks));
  if (ctx->family[LWT_UV_FFS] == NULL) luaL_error(L, "not enough memory");
  ctx->family_close[LWT_UV_FFS] = family_close;
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, functions, 1);
}
