/* fs_file.c: lwt.fs.open and the methods of open files.
**
** The life of a file and the order of its operations: fs_file.h. Every method gives a promise;
** misuse raises; on a closed file, and when the file is closed meanwhile, the promise is
** rejected with lwt.Closed. Errors carry the file's path.
*/
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bytes.h"
#include "fs.h"
#include "fs_file.h"

enum { U_PATH = 1, U_CLOSE = 2 }; /* user values of the file */
/* User values of a request: what is written, or filled; the file, which may not be collected
** (and closed) while something is pending. */
enum { U_DATA = 3, U_FILE = 4 };

#define READ_ALL ((size_t)-1)

/* What writev writes: the memory, and what is pinned for it. */
typedef struct piece {
  struct iovec iov;
  lwt_uv_mem *mem;
} piece;

struct file_req {
  fs_req q;
  file *f;
  file_req *next;          /* in the queue */
  file_req *anext, *aprev; /* in f->all */
  unsigned char ordered, started, locked;
  char *buf; /* reading: malloc'd; `len` of `cap` bytes are there, of `want` */
  size_t len, cap, want;
  const char *data; /* writing */
  lwt_uv_mem *mem;
  piece *pieces;
  int npieces;
  int64_t offset; /* -1: at the position */
  double a, b;
  int i, j;
  uv_fs_t fs;
};

typedef struct file_op {
  lwt_uv_req_class class;
  fs_work run;
  int ordered;
} file_op;

/* ---- The queue of a file ------------------------------------------------------------- */

static int submit(file_req *fq) {
  file *f = fq->f;
  if (fq->ordered) {
    if (fq->want > 0 && f->left_len > 0 &&
        fq->offset < 0) { /* what a cancelled read left */
      size_t n = f->left_len < fq->want ? f->left_len : fq->want;
      if (n < f->left_len) {
        if ((fq->buf = malloc(n)) == NULL) return UV_ENOMEM;
        fq->cap = n;
        fq->len = file_take_left(f, fq->buf, n);
      } else {
        memmove(f->left, f->left + f->left_ofs, n);
        fq->buf = f->left;
        fq->cap = f->left_cap;
        fq->len = n;
        f->left = NULL;
        f->left_len = 0;
      }
    } else if (fq->want == 0) {
      file_rewind_left(f);
    }
  }
  int status = fs_submit(&fq->q);
  if (status >= 0) {
    fq->started = 1;
    file_begin(f);
  }
  return status;
}

/* Start the head of the queue; what cannot start is over. */
static void submit_head(file *f) {
  /* A file that is being closed starts nothing: who closes it ends what waits. */
  while (f->head != NULL && !f->head->started && !f->closed) {
    int status = submit(f->head);
    if (status >= 0) return;
    lwt_uv_req_done(&f->head->q.req, status); /* takes it out of the queue */
  }
}

static void leave_queue(file_req *fq) {
  file *f = fq->f;
  file_req **at = &f->head, *before = NULL;
  while (*at != NULL && *at != fq) {
    before = *at;
    at = &(*at)->next;
  }
  if (*at == NULL) return;
  *at = fq->next;
  if (f->tail == fq) f->tail = before;
}

/* A request that waits its turn is over at once; a running one only if no thread has it. */
static void cancel_file_req(lwt_uv_req *r) {
  file_req *fq = (file_req *)r;
  if (fq->started)
    uv_cancel(r->uv);
  else
    lwt_uv_req_done(r, UV_ECANCELED);
}

static void release_file_req(lwt_uv_req *r) {
  file_req *fq = (file_req *)r;
  file *f = fq->f;
  if (f == NULL) return;
  if (fq->anext != NULL) fq->anext->aprev = fq->aprev;
  if (fq->aprev != NULL)
    fq->aprev->anext = fq->anext;
  else
    f->all = fq->anext;
  if (fq->ordered) leave_queue(fq);
  /* Bytes read at the position that nobody got are the next read's. */
  if (fq->ordered && !r->taken && fq->len > 0) {
    file_keep_left(f, fq->buf, 0, fq->len, fq->cap);
    fq->buf = NULL;
  }
  if (fq->locked && !r->taken) flock(f->fd, LOCK_UN);
  free(fq->buf);
  if (fq->mem != NULL) lwt_uv_mem_unpin(fq->mem);
  for (int i = 0; i < fq->npieces; i++)
    if (fq->pieces[i].mem != NULL) lwt_uv_mem_unpin(fq->pieces[i].mem);
  free(fq->pieces);
  if (fq->started) file_end(f);
  if (fq->ordered) submit_head(f);
  file_unref(f);
}

/* Push a request on the file at argument 1 and its promise. */
static file_req *new_req(lwt_uv *ctx, lua_State *L, file *f, const file_op *op) {
  lua_getiuservalue(L, 1, U_PATH);
  file_req *fq =
      fs_new(ctx, L, &op->class, sizeof *fq, lua_isstring(L, -1) ? -1 : 0, 2, op->run);
  lua_remove(L, -3);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -3, U_FILE);
  fq->f = f;
  fq->ordered = (unsigned char)op->ordered;
  fq->offset = -1;
  f->refs++;
  fq->anext = f->all;
  if (f->all != NULL) f->all->aprev = fq;
  f->all = fq;
  return fq;
}

static int begin(lua_State *L, file_req *fq) {
  file *f = fq->f;
  if (!fq->ordered) return lwt_uv_req_started(L, &fq->q.req, submit(fq));
  if (f->tail != NULL)
    f->tail->next = fq;
  else
    f->head = fq;
  f->tail = fq;
  return lwt_uv_req_started(L, &fq->q.req, f->head == fq ? submit(fq) : 0);
}

/* The file at argument 1; NULL when it is closed. */
static file *check_file(lwt_uv *ctx, lua_State *L) {
  file_box *box = lwt_uv_check(ctx, L, 1, LWT_UV_FILE);
  return box->f;
}

static void forget_box(lwt_uv *ctx, lua_State *L, file_box *box) {
  file *f = box->f;
  box->f = NULL;
  f->box = NULL;
  ctx->lwt->handle_closed(ctx->lwt, L, box);
}

/* ---- Opening ----------------------------------------------------------------------------- */

/* Push a closed file, to be given its descriptor. */
static file_box *push_file(lwt_uv *ctx, lua_State *L) {
  file_box *box = lwt_uv_new_userdata(ctx, L, LWT_UV_FILE, sizeof *box, 2);
  file *f = calloc(1, sizeof *f);
  if (f == NULL) lwt_uv_raise(ctx, L, UV_ENOMEM, "open", NULL, NULL);
  f->port.class = &file_port_class;
  f->ctx = ctx;
  f->fd = -1;
  f->refs = 1;
  f->directions = 3;
  f->box = box;
  box->f = f;
  ctx->lwt->handle_opened(ctx->lwt, L, -1, "file");
  return box;
}

typedef struct open_req {
  fs_req q;
  const char *path;
  int flags, mode;
  int fd, regular;
} open_req;

/* O_RDONLY opens a directory, which then cannot be read: say so now. */
static ssize_t run_open(fs_req *q) {
  open_req *o = (open_req *)q;
  struct stat st;
  int fd = fs_open(o->path, o->flags, o->mode);
  if (fd < 0) return fd;
  if (fstat(fd, &st) != 0 || S_ISDIR(st.st_mode)) {
    fs_close(fd);
    return UV_EISDIR;
  }
  o->regular = S_ISREG(st.st_mode);
  o->fd = fd;
  return 0;
}

static int push_opened(lua_State *L, lwt_uv_req *r) {
  open_req *o = (open_req *)r;
  file_box *box = push_file(r->ctx, L);
  lwt_uv_req_push(L, r);
  lua_getiuservalue(L, -1, 2);
  lua_setiuservalue(L, -3, U_PATH);
  lua_pop(L, 1);
  int access = o->flags & O_ACCMODE;
  box->f->directions = access == O_RDONLY ? 1 : access == O_WRONLY ? 2 : 3;
  box->f->regular = (unsigned char)o->regular;
  box->f->fd = o->fd;
  return 1;
}

static void release_open(lwt_uv_req *r) {
  open_req *o = (open_req *)r;
  if (!r->taken && o->fd >= 0) {
    fs_close(o->fd);
    lwt_uv_descriptor_freed(r->ctx);
  }
}

/*---
Opens a file. `flags` are those of `io.open` ("r", "w", "a", "r+", "w+", "a+", with or without a
"b"), with an "x" for a file that must not exist yet ("wx"), or the system's number. Fulfilled
with the file; rejected with the system's error, a directory with `EISDIR`. Cancelling rejects at
once, and a file that was opened too late is closed again.

Operations of a file that use its position run in the order in which they were asked for; `pread`
and `pwrite` run beside them. `close` rejects what is pending with `lwt.Closed`.
@param path string
@param flags? string|integer default "r"
@param mode? integer permissions of a new file, default 0666 less the umask
@return lwt.Promise of a lwt.File
```lua
local f <close> = await(fs.open("f", "w+"))
await(f:write("hello"))
print(await(f:pread(3, 1)))   --> ell
```
@function lwt.fs.open(path, flags, mode) */
static int l_open(lua_State *L) {
  static const lwt_uv_req_class class = {"open",      "path",       1,
                                         push_opened, release_open, NULL};
  lwt_uv *ctx = lwt_uv_context(L);
  const char *path = fs_check_path(L, 1);
  int flags = fs_check_flags(L, 2, "r"), mode = fs_check_mode(L, 3, 0666);
  open_req *o = fs_new(ctx, L, &class, sizeof *o, 1, 0, run_open);
  o->path = path;
  o->flags = flags;
  o->mode = mode;
  o->fd = -1;
  return fs_start(L, &o->q);
}

void lwt_uv_file_of_fd(lwt_uv *ctx, lua_State *L, uv_file fd, const char *path) {
  file_box *box = push_file(ctx, L);
  if (path != NULL) {
    lua_pushstring(L, path);
    lua_setiuservalue(L, -2, U_PATH);
  }
  struct stat st;
  int access = fcntl(fd, F_GETFL);
  access = access < 0 ? O_RDWR : access & O_ACCMODE;
  box->f->directions = access == O_RDONLY ? 1 : access == O_WRONLY ? 2 : 3;
  box->f->regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
  box->f->fd = fd;
}

/*---
A file made of a descriptor that is open already; it belongs to the file from now on.
@param fd integer
@return lwt.File
```lua
local f = await(fs.open("f", "w"))
print(f:fileno() > 2)   --> true
```
@function lwt.fs.of_fd(fd) */
static int l_of_fd(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  lua_Integer fd = luaL_checkinteger(L, 1);
  luaL_argcheck(L, fd >= 0 && fd <= INT_MAX, 1, "descriptor out of range");
  if (fcntl((int)fd, F_GETFD) < 0)
    return lwt_uv_raise(ctx, L, -errno, "of_fd", NULL, NULL);
  lwt_uv_file_of_fd(ctx, L, (int)fd, NULL);
  return 1;
}

uv_file lwt_uv_file_fd(lwt_uv *ctx, lua_State *L, int idx) {
  file_box *box = lwt_uv_test(ctx, L, idx, LWT_UV_FILE);
  return box == NULL || box->f == NULL ? -1 : box->f->fd;
}

int fs_check_fd(lwt_uv *ctx, lua_State *L, int arg) {
  file_box *box = lwt_uv_check(ctx, L, arg, LWT_UV_FILE);
  if (box->f == NULL) lwt_uv_raise_closed(L, "file");
  return box->f->fd;
}

/* ---- Reading ------------------------------------------------------------------------------- */

/* Make room for at least one more byte. */
static int grow(file_req *fq) {
  size_t cap = fq->cap < 4096 ? 4096 : fq->cap + fq->cap / 2;
  if (fq->cap == 0) { /* as much as there is, as far as the file system tells */
    struct stat st;
    off_t at = fq->offset >= 0 ? (off_t)fq->offset : lseek(fq->f->fd, 0, SEEK_CUR);
    if (fq->f->regular && at >= 0 && fstat(fq->f->fd, &st) == 0 && st.st_size > at)
      cap = (size_t)(st.st_size - at) + (fq->want == READ_ALL);
    else if (!fq->f->regular && fq->want != READ_ALL)
      cap = 65536;
  }
  if (cap > fq->want) cap = fq->want;
  char *buf = realloc(fq->buf, cap);
  if (buf == NULL) return UV_ENOMEM;
  fq->buf = buf;
  fq->cap = cap;
  return 0;
}

/* Read until `want` bytes are there or the end; from what is no regular file, what the first
** read gives (all of it when all is wanted). */
static ssize_t run_read(fs_req *q) {
  file_req *fq = (file_req *)q;
  file *f = fq->f;
  if (fq->len > 0 && !f->regular && fq->want != READ_ALL)
    return 0; /* what a cancelled read left: more might have to be waited for */
  while (fq->len < fq->want) {
    int status = fq->len == fq->cap ? grow(fq) : 0;
    if (status < 0) return status;
    ssize_t n = fs_read(f->fd, fq->buf + fq->len, fq->cap - fq->len,
                        fq->offset < 0 ? -1 : fq->offset + (int64_t)fq->len);
    if (n < 0 && fq->len == 0) return n;
    if (n <= 0) break;
    fq->len += (size_t)n;
    if (!f->regular && fq->want != READ_ALL) break;
  }
  return 0;
}

/* Push what was read, as the call wanted it: a string, or a count when U_DATA is a buffer (or
** a list of them). nil at the end. */
static int give_read(lua_State *L, lwt_uv *ctx, int data, const char *buf, size_t len,
                     size_t want) {
  if (len == 0 && want > 0 && want != READ_ALL) {
    lua_pushnil(L);
    return 1;
  }
  if (lua_type(L, data) == LUA_TTABLE) {
    size_t done = 0;
    for (lua_Integer i = 1; done < len; i++) {
      lua_rawgeti(L, data, i);
      size_t size;
      char *to = lwt_uv_check_bytes(ctx, L, -1, &size);
      if (size > len - done) size = len - done;
      memcpy(to, buf + done, size);
      done += size;
      lua_pop(L, 1);
    }
  } else if (lua_type(L, data) == LUA_TUSERDATA) {
    size_t size;
    char *to = lwt_uv_check_bytes(ctx, L, data, &size);
    memcpy(to, buf, len);
  } else {
    lua_pushlstring(L, buf, len);
    return 1;
  }
  lua_pushinteger(L, (lua_Integer)len);
  return 1;
}

static int push_read(lua_State *L, lwt_uv_req *r) {
  file_req *fq = (file_req *)r;
  lwt_uv_req_push(L, r);
  lua_getiuservalue(L, -1, U_DATA);
  return give_read(L, r->ctx, lua_gettop(L), fq->buf == NULL ? "" : fq->buf, fq->len,
                   fq->want);
}

/* The argument n | bytes: how much; the buffer stays at `arg`, anything else becomes nil. */
static size_t check_want(lwt_uv *ctx, lua_State *L, int arg, int all) {
  size_t len;
  if (all && lua_isnoneornil(L, arg)) return READ_ALL;
  if (lwt_uv_test_bytes(ctx, L, arg, &len) != NULL) return len;
  lua_Integer n = luaL_checkinteger(L, arg);
  luaL_argcheck(L, n >= 0, arg, "negative count");
  luaL_argcheck(L, (lua_Unsigned)n < PTRDIFF_MAX, arg, "count too large");
  lua_pushnil(L);
  lua_replace(L, arg);
  return (size_t)n;
}

static const file_op op_read = {
    {"read", "path", 1, push_read, release_file_req, cancel_file_req}, run_read, 1};

/* Try to read at the position without the pool. Returns 1 with a promise pushed, or 0; what
** was read then is in `left`. */
static int read_inline(lwt_uv *ctx, lua_State *L, file *f, size_t want) {
  size_t len = 0;
  if (f->head != NULL || f->left_len > 0 || want > LWT_UV_SCRATCH) return 0;
  while (len < want) {
    ssize_t n = file_read_now(f, ctx->scratch + len, want - len);
    if (n < 0) {
      char *rest = len == 0 ? NULL : malloc(len);
      if (rest == NULL) { /* as if it had not been read */
        lseek(f->fd, -(off_t)len, SEEK_CUR);
        return 0;
      }
      memcpy(rest, ctx->scratch, len);
      file_keep_left(f, rest, 0, len, len);
      return 0;
    }
    if (n == 0) break;
    len += (size_t)n;
  }
  give_read(L, ctx, 2, ctx->scratch, len, want);
  ctx->lwt->fulfilled(ctx->lwt, L, 1);
  return 1;
}

/*---
Reads at the file's position and moves it. `f:read(n)` gives a string of `n` bytes, fewer only at
the end (from what is no regular file, such as a terminal: as many as come at once), and nil when
there are none; `f:read()` all the rest, "" at the end; `f:read(b)` fills a `lwt.bytes` and gives the
number of bytes, or nil. A cancelled read loses nothing: the next one gets its bytes. A negative
count raises.
@param f lwt.File
@param n? integer|lwt.Bytes
@return lwt.Promise of a string, or of a number for a buffer; of nil at the end
```lua
await(fs.write_file("f", "hello"))
local f <close> = await(fs.open("f"))
print(await(f:read(2)), await(f:read()), await(f:read(2)))   --> he llo nil
```
@function lwt.fs.file.read(f, n) */
static int l_read(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  file *f = check_file(ctx, L);
  lua_settop(L, 2);
  size_t want = check_want(ctx, L, 2, 1);
  if (f == NULL) return lwt_uv_reject_closed(ctx, L);
  if (want == 0) {
    give_read(L, ctx, 2, "", 0, 0);
    ctx->lwt->fulfilled(ctx->lwt, L, 1);
    return 1;
  }
  if (want != READ_ALL && read_inline(ctx, L, f, want)) return 1;
  file_req *fq = new_req(ctx, L, f, &op_read);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -3, U_DATA);
  fq->want = want;
  return begin(L, fq);
}

static int64_t check_offset(lua_State *L, int arg) {
  lua_Integer offset = luaL_checkinteger(L, arg);
  luaL_argcheck(L, offset >= 0, arg, "negative offset");
  return offset;
}

/*---
As `read(n)`, from an offset, and leaves the position alone.
@param f lwt.File
@param n integer|lwt.Bytes
@param offset integer
@return lwt.Promise
```lua
await(fs.write_file("f", "hello"))
local f <close> = await(fs.open("f"))
print(await(f:pread(2, 3)))   --> lo
```
@function lwt.fs.file.pread(f, n, offset) */
static int l_pread(lua_State *L) {
  static const file_op op = {
      {"pread", "path", 1, push_read, release_file_req, cancel_file_req}, run_read, 0};
  lwt_uv *ctx = lwt_uv_context(L);
  file *f = check_file(ctx, L);
  lua_settop(L, 3);
  size_t want = check_want(ctx, L, 2, 0);
  int64_t offset = check_offset(L, 3);
  if (f == NULL) return lwt_uv_reject_closed(ctx, L);
  file_req *fq = new_req(ctx, L, f, &op);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -3, U_DATA);
  fq->want = want;
  fq->offset = offset;
  return begin(L, fq);
}

/* Replace the list at `arg` by a copy of our own: its n elements, whatever happens to it. */
static lua_Integer copy_list(lua_State *L, int arg) {
  luaL_checktype(L, arg, LUA_TTABLE);
  lua_Integer n = luaL_len(L, arg);
  luaL_argcheck(L, n <= 1000000, arg, "list too long");
  lua_createtable(L, (int)n, 0);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_geti(L, arg, i);
    lua_rawseti(L, -2, i);
  }
  lua_replace(L, arg);
  return n;
}

/*---
Fills several `lwt.bytes`, one after another, with one read.
@param f lwt.File
@param list lwt.Bytes[]
@return lwt.Promise of the number of bytes; of nil at the end
```lua
local bytes = require "lwt.bytes"
await(fs.write_file("f", "hello"))
local f <close> = await(fs.open("f"))
local a, b = bytes.create(2), bytes.create(9)
print(await(f:readv({a, b})), a:to_string(), b:to_string(0, 3))   --> 5 he llo
```
@function lwt.fs.file.readv(f, list) */
static int l_readv(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  file *f = check_file(ctx, L);
  lua_settop(L, 2);
  lua_Integer n = copy_list(L, 2);
  size_t want = 0, size;
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, 2, i);
    if (lwt_uv_test_bytes(ctx, L, -1, &size) == NULL)
      luaL_argerror(L, 2,
                    lua_pushfstring(L, "element %I is no lwt.bytes", (LUAI_UACINT)i));
    want += size;
    lua_pop(L, 1);
  }
  if (f == NULL) return lwt_uv_reject_closed(ctx, L);
  if (read_inline(ctx, L, f, want)) return 1;
  file_req *fq = new_req(ctx, L, f, &op_read);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -3, U_DATA);
  fq->want = want;
  return begin(L, fq);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static ssize_t run_write(fs_req *q) {
  file_req *fq = (file_req *)q;
  return fs_write(fq->f->fd, fq->data, (size_t)fq->fs.result, fq->offset);
}

static int push_status(lua_State *L, lwt_uv_req *r) {
  lua_pushinteger(L, (lua_Integer)r->status);
  return 1;
}

/* The data at argument 2, anchored, pinned, and how much of it in fs.result. */
static void take_data(lwt_uv *ctx, lua_State *L, file_req *fq, const char *data,
                      size_t len) {
  size_t ofs, size;
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -3, U_DATA);
  fq->data = data;
  fq->fs.result = (ssize_t)len;
  if (lwt_uv_test(ctx, L, 2, LWT_UV_BYTES) != NULL) {
    fq->mem = lwt_uv_bytes_mem(L, 2, &ofs, &size);
    lwt_uv_mem_pin(fq->mem);
  }
}

/*---
Writes a string or a `lwt.bytes` (which should be left alone meanwhile) at the file's position, all
of it, and moves the position; a file opened with "a" always writes at its end. Rejected with the
system's error (`ENOSPC` …): how much was written before is not told. A write that runs already
cannot be cancelled: only nobody hears of it.
@param f lwt.File
@param data string|lwt.Bytes
@return lwt.Promise of the number of bytes
```lua
local f <close> = await(fs.open("f", "w"))
print(await(f:write("hello")))   --> 5
```
@function lwt.fs.file.write(f, data) */
static int l_write(lua_State *L) {
  static const file_op op = {
      {"write", "path", 1, push_status, release_file_req, cancel_file_req}, run_write, 1};
  lwt_uv *ctx = lwt_uv_context(L);
  file *f = check_file(ctx, L);
  size_t len;
  const char *data = lwt_uv_check_data(ctx, L, 2, &len);
  if (f == NULL) return lwt_uv_reject_closed(ctx, L);
  file_req *fq = new_req(ctx, L, f, &op);
  take_data(ctx, L, fq, data, len);
  return begin(L, fq);
}

/*---
As `write`, at an offset, and leaves the position alone.
@param f lwt.File
@param data string|lwt.Bytes
@param offset integer
@return lwt.Promise of the number of bytes
```lua
await(fs.write_file("f", "hello"))
local f <close> = await(fs.open("f", "r+"))
await(f:pwrite("EL", 1))
print(await(f:read()))   --> hELlo
```
@function lwt.fs.file.pwrite(f, data, offset) */
static int l_pwrite(lua_State *L) {
  static const file_op op = {
      {"pwrite", "path", 1, push_status, release_file_req, cancel_file_req},
      run_write,
      0};
  lwt_uv *ctx = lwt_uv_context(L);
  file *f = check_file(ctx, L);
  size_t len;
  const char *data = lwt_uv_check_data(ctx, L, 2, &len);
  int64_t offset = check_offset(L, 3);
  if (f == NULL) return lwt_uv_reject_closed(ctx, L);
  file_req *fq = new_req(ctx, L, f, &op);
  take_data(ctx, L, fq, data, len);
  fq->offset = offset;
  return begin(L, fq);
}

#define IOVS 64

static ssize_t run_writev(fs_req *q) {
  file_req *fq = (file_req *)q;
  ssize_t total = 0;
  int at = 0;
  while (at < fq->npieces) {
    struct iovec iov[IOVS];
    int n = 0;
    while (n < IOVS && at + n < fq->npieces) {
      iov[n] = fq->pieces[at + n].iov;
      n++;
    }
    ssize_t done = writev(fq->f->fd, iov, n);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return -errno;
    total += done;
    while (at < fq->npieces && (size_t)done >= fq->pieces[at].iov.iov_len) {
      done -= (ssize_t)fq->pieces[at].iov.iov_len;
      at++;
    }
    if (done > 0) {
      struct iovec *v = &fq->pieces[at].iov;
      v->iov_base = (char *)v->iov_base + done;
      v->iov_len -= (size_t)done;
    }
  }
  return total;
}

/*---
Writes a list of strings and `lwt.bytes`, one after another, all of it.
@param f lwt.File
@param list (string|lwt.Bytes)[]
@return lwt.Promise of the number of bytes
```lua
local f <close> = await(fs.open("f", "w"))
print(await(f:writev({"he", "llo"})))   --> 5
```
@function lwt.fs.file.writev(f, list) */
static int l_writev(lua_State *L) {
  static const file_op op = {
      {"writev", "path", 1, push_status, release_file_req, cancel_file_req},
      run_writev,
      1};
  lwt_uv *ctx = lwt_uv_context(L);
  file *f = check_file(ctx, L);
  lua_settop(L, 2);
  lua_Integer n = copy_list(L, 2);
  for (lua_Integer i = 1; i <= n; i++) {
    size_t size;
    lua_rawgeti(L, 2, i);
    if (lua_type(L, -1) != LUA_TSTRING && lwt_uv_test_bytes(ctx, L, -1, &size) == NULL)
      luaL_argerror(
          L, 2,
          lua_pushfstring(L, "element %I is no string or lwt.bytes", (LUAI_UACINT)i));
    lua_pop(L, 1);
  }
  if (f == NULL) return lwt_uv_reject_closed(ctx, L);
  file_req *fq = new_req(ctx, L, f, &op);
  piece *pieces = calloc((size_t)n + 1, sizeof *pieces);
  if (pieces != NULL) {
    fq->pieces = pieces;
    fq->npieces = (int)n;
    for (int i = 0; i < (int)n; i++) {
      size_t size, ofs;
      lua_rawgeti(L, 2, i + 1);
      pieces[i].iov.iov_base =
          (void *)lwt_uv_check_data(ctx, L, -1, &pieces[i].iov.iov_len);
      if (lua_type(L, -1) == LUA_TUSERDATA) {
        pieces[i].mem = lwt_uv_bytes_mem(L, -1, &ofs, &size);
        lwt_uv_mem_pin(pieces[i].mem);
      }
      lua_pop(L, 1);
    }
  }
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -3, U_DATA);
  if (pieces == NULL) return lwt_uv_req_started(L, &fq->q.req, UV_ENOMEM);
  return begin(L, fq);
}

/* ---- The position ------------------------------------------------------------------------------ */

static ssize_t run_seek(fs_req *q) {
  (void)q;
  return 0; /* waited for its turn; the rest is quick */
}

static int push_seek(lua_State *L, lwt_uv_req *r) {
  file_req *fq = (file_req *)r;
  int64_t at = file_seek(fq->f, (int64_t)fq->fs.result, fq->i);
  if (at < 0) return (int)at;
  lua_pushinteger(L, at);
  return 1;
}

static int seek(lwt_uv *ctx, lua_State *L, file *f, int64_t offset, int from) {
  static const file_op op = {
      {"seek", "path", 1, push_seek, release_file_req, cancel_file_req}, run_seek, 1};
  if (f == NULL) return lwt_uv_reject_closed(ctx, L);
  if (f->head == NULL) {
    int64_t at = file_seek(f, offset, from);
    if (at < 0) {
      lua_getiuservalue(L, 1, U_PATH);
      return lwt_uv_reject(ctx, L, (ssize_t)at, "seek", "path", lua_tostring(L, -1));
    }
    lua_pushinteger(L, at);
    ctx->lwt->fulfilled(ctx->lwt, L, 1);
    return 1;
  }
  file_req *fq = new_req(ctx, L, f, &op);
  fq->want = READ_ALL; /* leave what was read ahead to push_seek */
  fq->offset = 0;
  fq->fs.result = (ssize_t)offset;
  fq->i = from;
  return begin(L, fq);
}

/*---
Moves the position, as Lua's own `file:seek` does, and gives the new one.
@param f lwt.File
@param whence? string "set", "cur" (default) or "end"
@param offset? integer default 0
@return lwt.Promise of the position, from the start of the file
```lua
await(fs.write_file("f", "hello"))
local f <close> = await(fs.open("f"))
print(await(f:seek("end", -2)), await(f:read()))   --> 3 lo
```
@function lwt.fs.file.seek(f, whence, offset) */
static int l_seek(lua_State *L) {
  static const char *const names[] = {"set", "cur", "end", NULL};
  static const int from[] = {SEEK_SET, SEEK_CUR, SEEK_END};
  lwt_uv *ctx = lwt_uv_context(L);
  file *f = check_file(ctx, L);
  int whence = luaL_checkoption(L, 2, "cur", names);
  return seek(ctx, L, f, luaL_optinteger(L, 3, 0), from[whence]);
}

/*---
The position.
@param f lwt.File
@return lwt.Promise of the position, from the start of the file
```lua
local f <close> = await(fs.open("f", "w"))
await(f:write("hello"))
print(await(f:tell()))   --> 5
```
@function lwt.fs.file.tell(f) */
static int l_tell(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  return seek(ctx, L, check_file(ctx, L), 0, SEEK_CUR);
}

/* ---- About the file ------------------------------------------------------------------------------- */

#define RUN(name, call)                  \
  static ssize_t run_##name(fs_req *q) { \
    file_req *fq = (file_req *)q;        \
    call;                                \
    ssize_t status = fq->fs.result;      \
    uv_fs_req_cleanup(&fq->fs);          \
    return status;                       \
  }

RUN(stat, uv_fs_fstat(NULL, &fq->fs, fq->f->fd, NULL))
RUN(sync, uv_fs_fsync(NULL, &fq->fs, fq->f->fd, NULL))
RUN(datasync, uv_fs_fdatasync(NULL, &fq->fs, fq->f->fd, NULL))
RUN(truncate, uv_fs_ftruncate(NULL, &fq->fs, fq->f->fd, (int64_t)fq->a, NULL))
RUN(chmod, uv_fs_fchmod(NULL, &fq->fs, fq->f->fd, fq->i, NULL))
RUN(chown, uv_fs_fchown(NULL, &fq->fs, fq->f->fd, (uid_t)fq->i, (gid_t)fq->j, NULL))
RUN(utime, uv_fs_futime(NULL, &fq->fs, fq->f->fd, fq->a, fq->b, NULL))

static int push_fstat(lua_State *L, lwt_uv_req *r) {
  fs_push_stat(L, &((file_req *)r)->fs.statbuf);
  return 1;
}

/* These wait for the reads and writes before them, so that `sync` means what it seems to. */
#define FILE_OP(name, result)        \
  static const file_op op_##name = { \
      {#name, "path", 1, result, release_file_req, cancel_file_req}, run_##name, 1}

/* Push a request for the file, or a rejected promise when it is closed (then NULL). */
static file_req *new_op(lua_State *L, const file_op *op) {
  lwt_uv *ctx = lwt_uv_context(L);
  file *f = check_file(ctx, L);
  if (f == NULL) {
    lwt_uv_reject_closed(ctx, L);
    return NULL;
  }
  file_req *fq = new_req(ctx, L, f, op);
  fq->want = READ_ALL; /* does not touch the position, nor what was read ahead */
  fq->offset = 0;
  return fq;
}

static int run_op(lua_State *L, const file_op *op) {
  file_req *fq = new_op(L, op);
  return fq == NULL ? 1 : begin(L, fq);
}

FILE_OP(stat, push_fstat);
/*---
As `fs.stat`, of the open file.
@param f lwt.File
@return lwt.Promise of the table
```lua
local f <close> = await(fs.open("f", "w"))
print(await(f:stat()).size)   --> 0
```
@function lwt.fs.file.stat(f) */
static int l_stat(lua_State *L) {
  return run_op(L, &op_stat);
}

FILE_OP(sync, NULL);
/*---
Fulfilled when the system has the file's bytes and properties on the disk, those of the writes that
were asked for before included.
@param f lwt.File
@return lwt.Promise without values
```lua
local f <close> = await(fs.open("f", "w"))
await(f:write("safe"))
await(f:sync())
```
@function lwt.fs.file.sync(f) */
static int l_sync(lua_State *L) {
  return run_op(L, &op_sync);
}

FILE_OP(datasync, NULL);
/*---
As `sync`, without properties that reading the bytes does not need (times).
@param f lwt.File
@return lwt.Promise without values
```lua
local f <close> = await(fs.open("f", "w"))
await(f:datasync())
```
@function lwt.fs.file.datasync(f) */
static int l_datasync(lua_State *L) {
  return run_op(L, &op_datasync);
}

FILE_OP(truncate, NULL);
/*---
Cuts the file to a length, or fills it up to it with zeros.
@param f lwt.File
@param length? integer default 0
@return lwt.Promise without values
```lua
await(fs.write_file("f", "hello"))
local f <close> = await(fs.open("f", "r+"))
await(f:truncate(2))
print(await(f:read()))   --> he
```
@function lwt.fs.file.truncate(f, length) */
static int l_truncate(lua_State *L) {
  check_file(lwt_uv_context(L), L);
  lua_Integer length = luaL_optinteger(L, 2, 0);
  luaL_argcheck(L, length >= 0, 2, "negative length");
  file_req *fq = new_op(L, &op_truncate);
  if (fq == NULL) return 1;
  fq->a = (double)length;
  return begin(L, fq);
}

FILE_OP(chmod, NULL);
/*---
As `fs.chmod`, of the open file.
@param f lwt.File
@param mode integer
@return lwt.Promise without values
```lua
local f <close> = await(fs.open("f", "w"))
await(f:chmod(tonumber("600", 8)))
```
@function lwt.fs.file.chmod(f, mode) */
static int l_chmod(lua_State *L) {
  check_file(lwt_uv_context(L), L);
  luaL_checkinteger(L, 2);
  int mode = fs_check_mode(L, 2, 0);
  file_req *fq = new_op(L, &op_chmod);
  if (fq == NULL) return 1;
  fq->i = mode;
  return begin(L, fq);
}

FILE_OP(chown, NULL);
/*---
As `fs.chown`, of the open file.
@param f lwt.File
@param uid? integer nil or -1: as it is
@param gid? integer nil or -1: as it is
@return lwt.Promise without values
```lua
local f <close> = await(fs.open("f", "w"))
await(f:chown(-1, -1))
```
@function lwt.fs.file.chown(f, uid, gid) */
static int l_chown(lua_State *L) {
  check_file(lwt_uv_context(L), L);
  lua_Integer uid = luaL_optinteger(L, 2, -1), gid = luaL_optinteger(L, 3, -1);
  luaL_argcheck(L, uid >= -1 && uid <= 0xffffffffLL, 2, "id out of range");
  luaL_argcheck(L, gid >= -1 && gid <= 0xffffffffLL, 3, "id out of range");
  file_req *fq = new_op(L, &op_chown);
  if (fq == NULL) return 1;
  fq->i = (int)uid;
  fq->j = (int)gid;
  return begin(L, fq);
}

FILE_OP(utime, NULL);
/*---
As `fs.utime`, of the open file.
@param f lwt.File
@param atime? number nil: now
@param mtime? number nil: now
@return lwt.Promise without values
```lua
local f <close> = await(fs.open("f", "w"))
await(f:utime(1, 2))
print(await(f:stat()).mtime)   --> 2.0
```
@function lwt.fs.file.utime(f, atime, mtime) */
static int l_utime(lua_State *L) {
  check_file(lwt_uv_context(L), L);
  double a = fs_check_time(L, 2), b = fs_check_time(L, 3);
  file_req *fq = new_op(L, &op_utime);
  if (fq == NULL) return 1;
  fq->a = a;
  fq->b = b;
  return begin(L, fq);
}

/* Waiting for a lock would hold a thread of the pool, and with it, four times over, the one
** who could give it back: only try, fs.lua comes again. */
static ssize_t run_lock(fs_req *q) {
  file_req *fq = (file_req *)q;
  int status;
  do status = flock(fq->f->fd, fq->i | LOCK_NB);
  while (status != 0 && errno == EINTR);
  if (status != 0) return errno == EWOULDBLOCK ? 0 : -errno;
  fq->locked = fq->i != LOCK_UN;
  return 1;
}

static int push_locked(lua_State *L, lwt_uv_req *r) {
  lua_pushboolean(L, r->status > 0);
  return 1;
}

static const file_op op_lock = {
    {"lock", "path", 1, push_locked, release_file_req, cancel_file_req}, run_lock, 0};

static int l_try_lock(lua_State *L) {
  check_file(lwt_uv_context(L), L);
  static const char *const names[] = {"exclusive", "shared", NULL};
  static const int modes[] = {LOCK_EX, LOCK_SH};
  int mode = modes[luaL_checkoption(L, 2, "exclusive", names)];
  file_req *fq = new_op(L, &op_lock);
  if (fq == NULL) return 1;
  fq->i = mode;
  return begin(L, fq);
}

static const file_op op_unlock = {
    {"unlock", "path", 1, NULL, release_file_req, cancel_file_req}, run_lock, 0};
/*---
Gives a lock back; nothing when there is none.
@param f lwt.File
@return lwt.Promise without values
```lua
local f <close> = await(fs.open("f", "w"))
await(f:lock())
await(f:unlock())
```
@function lwt.fs.file.unlock(f) */
static int l_unlock(lua_State *L) {
  file_req *fq = new_op(L, &op_unlock);
  if (fq == NULL) return 1;
  fq->i = LOCK_UN;
  return begin(L, fq);
}

/*---
The system's number of the file. It belongs to the file: do not close it. A closed file raises.
@param f lwt.File
@return integer
```lua
local f <close> = await(fs.open("f", "w"))
print(math.type(f:fileno()))   --> integer
```
@function lwt.fs.file.fileno(f) */
static int l_fileno(lua_State *L) {
  lua_pushinteger(L, fs_check_fd(lwt_uv_context(L), L, 1));
  return 1;
}

/* ---- Closing ------------------------------------------------------------------------------------------ */

/* Reject what is pending on the file at index 1, whose box is empty already. */
static void reject_pending(lua_State *L, file *f) {
  file_req *fq = f->all;
  while (fq != NULL) {
    if (fq->q.req.cancelled) {
      fq = fq->anext;
      continue;
    }
    f->ctx->lwt->push_sentinel(f->ctx->lwt, L, "Closed");
    lwt_uv_req_abandon(L, &fq->q.req); /* may run callbacks: start again */
    if (!fq->started) lwt_uv_req_done(&fq->q.req, UV_ECANCELED);
    fq = f->all;
  }
}

static void keep_on(lwt_uv_req *r) {
  (void)r; /* nobody waits any more, but the descriptor is closed all the same */
}

/*---
Closes the file. What is pending is rejected with `lwt.Closed` at once; the promise is fulfilled
when the system has closed the descriptor, or rejected with what it could not write (a full disk
on some file systems). Closing again gives the same promise. Leaving a `<close>` variable, and
collection, close too.
@param f lwt.File
@return lwt.Promise without values
```lua
local f = await(fs.open("f", "w"))
await(f:close())
print(select(2, pcall(await, f:write("x"))) == lwt.Closed)   --> true
```
@function lwt.fs.file.close(f) */
static int l_close(lua_State *L) {
  static const lwt_uv_req_class class = {"close", "path", 1, NULL, NULL, keep_on};
  lwt_uv *ctx = lwt_uv_context(L);
  file_box *box = lwt_uv_check(ctx, L, 1, LWT_UV_FILE);
  file *f = box->f;
  lua_settop(L, 1);
  if (f == NULL) {
    if (lua_getiuservalue(L, 1, U_CLOSE) == LUA_TNIL) lwt_uv_push_done(ctx, L);
    return 1;
  }
  lua_getiuservalue(L, 1, U_PATH);
  fs_req *q = fs_new(ctx, L, &class, sizeof *q, lua_isstring(L, 2) ? 2 : 0, 0, NULL);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, 1, U_CLOSE);
  lwt_uv_req_started(L, &q->req, 0);
  forget_box(ctx, L, box);
  f->close_req = q;
  f->closed = 1;
  f->refs++;
  reject_pending(L, f);
  file_shut(f);
  file_unref(f); /* ours */
  file_unref(f); /* the userdata's */
  lua_getiuservalue(L, 1, U_CLOSE);
  return 1;
}

/* <close> and collection. Nothing is pending, as a rule: then the descriptor is closed right
** here, which does not wait for what was written before. */
static int l_shut(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  file_box *box = lua_touserdata(L, 1);
  file *f = box->f;
  if (f == NULL) return 0;
  forget_box(ctx, L, box);
  f->closed = 1;
  if (!ctx->closing) reject_pending(L, f);
  file_shut(f);
  file_unref(f);
  return 0;
}

static int l_gc(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  file_box *box = lua_touserdata(L, 1);
  file *f = box->f;
  if (f == NULL) return 0;
  box->f = NULL;
  f->box = NULL;
  ctx->lwt->handle_closed(ctx->lwt, L, box);
  file_shut(f);
  file_unref(f);
  return 0;
}

static int l_tostring(lua_State *L) {
  file_box *box = lua_touserdata(L, 1);
  lua_getiuservalue(L, 1, U_PATH);
  const char *path = lua_tostring(L, -1);
  if (box->f == NULL)
    lua_pushliteral(L, "lwt.file (closed)");
  else
    lua_pushfstring(L, "lwt.file (%s)", path == NULL ? "?" : path);
  return 1;
}

static port *port_of(void *userdata) {
  file_box *box = userdata;
  return box->f == NULL ? NULL : &box->f->port;
}

static const luaL_Reg methods[] = {
    {"read", l_read},         {"pread", l_pread},
    {"readv", l_readv},       {"write", l_write},
    {"pwrite", l_pwrite},     {"writev", l_writev},
    {"seek", l_seek},         {"tell", l_tell},
    {"stat", l_stat},         {"sync", l_sync},
    {"datasync", l_datasync}, {"truncate", l_truncate},
    {"chmod", l_chmod},       {"chown", l_chown},
    {"utime", l_utime},       {"try_lock", l_try_lock},
    {"unlock", l_unlock},     {"fileno", l_fileno},
    {"close", l_close},       {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__gc", l_gc}, {"__close", l_shut}, {"__tostring", l_tostring}, {NULL, NULL}};

static const luaL_Reg functions[] = {{"open", l_open}, {"of_fd", l_of_fd}, {NULL, NULL}};

/* The methods are fs.file: fs.lua adds those that are written in Lua. */
void fs_open_files(lwt_uv *ctx, lua_State *L) {
  lwt_uv_new_type(ctx, L, LWT_UV_FILE, "lwt.file", methods, metamethods);
  ctx->type[LWT_UV_FILE].port = port_of;
  lua_rawgeti(L, LUA_REGISTRYINDEX, ctx->type[LWT_UV_FILE].ref);
  lua_getfield(L, -1, "__index");
  lua_setfield(L, -3, "file");
  lua_pop(L, 1);
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, functions, 1);
}
