/* file_data.c: what is read from an open file and written to it, and where.
**
** Methods of the file's userdata; how they are queued is file.c's. A read goes to
** memory of the request's own and is handed over on the loop's thread: a cancelled one
** touches nothing of the caller's, and its bytes are the next read's. What is written
** stays the caller's, anchored (strings) or pinned (lwt.bytes).
*/
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

/* ---- Reading ------------------------------------------------------------- */

/* Make room for at least one more byte. */
static int grow(file_req *fq) {
  size_t cap = fq->cap < 4096 ? 4096 : fq->cap + fq->cap / 2;
  if (fq->cap == 0) { /* as much as there is, as far as the file system tells */
    struct stat st;
    off_t at = fq->offset >= 0 ? (off_t)fq->offset : lseek(fq->f->fd, 0, SEEK_CUR);
    if (fq->f->regular && at >= 0 && fstat(fq->f->fd, &st) == 0 && st.st_size > at)
      cap = (size_t)(st.st_size - at) + (fq->want == FILE_ALL);
    else if (!fq->f->regular && fq->want != FILE_ALL)
      cap = 65536;
  }
  if (cap > fq->want) cap = fq->want;
  char *buf = realloc(fq->buf, cap);
  if (buf == NULL) return UV_ENOMEM;
  fq->buf = buf;
  fq->cap = cap;
  return 0;
}

/* Read until `want` bytes are there or the end; from what is no regular file, what the
** first read gives (all of it when all is wanted). */
static ssize_t run_read(fs_req *q) {
  file_req *fq = (file_req *)q;
  file *f = fq->f;
  if (fq->len > 0 && !f->regular && fq->want != FILE_ALL)
    return 0; /* what a cancelled read left: more might have to be waited for */
  while (fq->len < fq->want) {
    int status = fq->len == fq->cap ? grow(fq) : 0;
    if (status < 0) return status;
    ssize_t n =
        lwt_uv_fs_read(q, f->fd, fq->buf + fq->len, fq->cap - fq->len,
                       fq->offset < 0 ? -1 : fq->offset + (int64_t)fq->len, f->regular);
    if (n < 0 && (fq->len == 0 || q->wait_for != FS_NO_WAIT)) return n;
    if (n <= 0) break;
    fq->len += (size_t)n;
    if (!f->regular && fq->want != FILE_ALL) break;
  }
  return 0;
}

/* Push what was read, as the call wanted it: a string, or a count when U_DATA is a buffer
** (or a list of them). nil at the end. */
static int give_read(lua_State *L, lwt_uv *ctx, int data, const char *buf, size_t len,
                     size_t want) {
  if (len == 0 && want > 0 && want != FILE_ALL) {
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
  if (all && lua_isnoneornil(L, arg)) return FILE_ALL;
  if (lwt_uv_test_bytes(ctx, L, arg, &len) != NULL) return len;
  lua_Integer n = lwt_uv_check_integer(L, arg);
  luaL_argcheck(L, n >= 0, arg, "negative count");
  luaL_argcheck(L, (lua_Unsigned)n < PTRDIFF_MAX, arg, "count too large");
  lua_pushnil(L);
  lua_replace(L, arg);
  return (size_t)n;
}

static const file_op op_read = {FILE_CLASS("read", push_read), run_read, 1};

/* Try to read at the position without the pool. Returns 1 with a promise pushed, or 0;
** what was read then is in `left`. */
static int read_inline(lwt_uv *ctx, lua_State *L, file *f, size_t want) {
  size_t len = 0;
  char *scratch;
  if (ctx->lwt->cancel_due(ctx->lwt)) return 0; /* what was read would be lost */
  if (f->head != NULL || f->left_len > 0 || want > LWT_UV_SCRATCH) return 0;
  scratch = lwt_uv_scratch_borrow(ctx);
  if (scratch == NULL) return 0;
  while (len < want) {
    ssize_t n = lwt_uv_file_read_now(f, scratch + len, want - len);
    if (n < 0) {
      char *rest = len == 0 ? NULL : malloc(len);
      if (rest == NULL) { /* as if it had not been read */
        lseek(f->fd, -(off_t)len, SEEK_CUR);
        return 0;
      }
      memcpy(rest, scratch, len);
      lwt_uv_file_keep_left(f, rest, len, len);
      return 0;
    }
    if (n == 0) break;
    len += (size_t)n;
  }
  give_read(L, ctx, 2, scratch, len, want);
  ctx->lwt->fulfilled(ctx->lwt, L, 1);
  return 1;
}

/* Read `want` bytes at the position on the pool, into what is at 2: pushes the promise. */
static int begin_read(lwt_uv *ctx, lua_State *L, size_t want) {
  file_req *fq = lwt_uv_file_new_req(ctx, L, &op_read);
  if (fq == NULL) return 1;
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -3, U_DATA);
  fq->want = want;
  return lwt_uv_file_begin_req(L, fq);
}

/*---
Reads at the file's position and moves it. `f:read(n)` gives a string of `n` bytes, fewer
only at the end (from what is no regular file, such as a terminal: as many as come at
once), and nil when there are none; `f:read()` all the rest, "" at the end; `f:read(b)`
fills a `lwt.bytes` and gives the number of bytes, or nil. A cancelled read loses nothing:
the next one gets its bytes. A negative count raises.
@param f lwt.File
@param n? integer|lwt.Bytes
@return lwt.Promise<string|integer|nil> # of a string, or of a number for a buffer; of nil at the end
```lua
await(fs.write_file("f", "hello"))
local f <close> = await(fs.open("f"))
print(await(f:read(2)), await(f:read()), await(f:read(2)))   --> he llo nil
```
@function lwt.fs.file.read(f, n) */
static int l_read(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  file *f = lwt_uv_file_check(ctx, L);
  lua_settop(L, 2);
  size_t want = check_want(ctx, L, 2, 1);
  if (f == NULL) return lwt_uv_reject_closed(ctx, L);
  if (want == 0) {
    give_read(L, ctx, 2, "", 0, 0);
    ctx->lwt->fulfilled(ctx->lwt, L, 1);
    return 1;
  }
  if (want != FILE_ALL && read_inline(ctx, L, f, want)) return 1;
  return begin_read(ctx, L, want);
}

static int64_t check_offset(lua_State *L, int arg) {
  lua_Integer offset = lwt_uv_check_integer(L, arg);
  luaL_argcheck(L, offset >= 0, arg, "negative offset");
  return offset;
}

/*---
As `read(n)`, from an offset, and leaves the position alone.
@param f lwt.File
@param n integer|lwt.Bytes
@param offset integer
@return lwt.Promise<string|integer|nil>
```lua
await(fs.write_file("f", "hello"))
local f <close> = await(fs.open("f"))
print(await(f:pread(2, 3)))   --> lo
```
@function lwt.fs.file.pread(f, n, offset) */
static int l_pread(lua_State *L) {
  static const file_op op = {FILE_CLASS("pread", push_read), run_read, 0};
  lwt_uv *ctx = lwt_uv_context(L);
  file *f = lwt_uv_file_check(ctx, L);
  lua_settop(L, 3);
  size_t want = check_want(ctx, L, 2, 0);
  int64_t offset = check_offset(L, 3);
  if (f == NULL) return lwt_uv_reject_closed(ctx, L);
  file_req *fq = lwt_uv_file_new_req(ctx, L, &op);
  if (fq == NULL) return 1;
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -3, U_DATA);
  fq->want = want;
  fq->offset = offset;
  return lwt_uv_file_begin_req(L, fq);
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
@return lwt.Promise<integer?> # of the number of bytes; of nil at the end
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
  lwt_uv_file_check(ctx, L);
  lua_settop(L, 2);
  lua_Integer n = copy_list(L, 2);
  file *f = lwt_uv_file_check(ctx, L); /* copying may run anything */
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
  return begin_read(ctx, L, want);
}

/* ---- Writing ------------------------------------------------------------- */

static ssize_t run_write(fs_req *q) {
  file_req *fq = (file_req *)q;
  size_t len = (size_t)fq->fs.result;
  while (fq->done < len) {
    ssize_t n = lwt_uv_fs_write(q, fq->f->fd, fq->data + fq->done, len - fq->done,
                                fq->offset < 0 ? -1 : fq->offset + (int64_t)fq->done,
                                fq->f->regular);
    if (n < 0) return n;
    fq->done += (size_t)n;
  }
  return (ssize_t)fq->done;
}

static int push_status(lua_State *L, lwt_uv_req *r) {
  lua_pushinteger(L, (lua_Integer)r->status);
  return 1;
}

/* Begin to write the data at argument 2, anchored and pinned; how much in fs.result. */
static int begin_write(lwt_uv *ctx, lua_State *L, file_req *fq, int64_t offset) {
  size_t len;
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -3, U_DATA);
  fq->offset = offset;
  fq->data = lwt_uv_fs_pin(ctx, L, 2, &len, &fq->mem);
  fq->fs.result = (ssize_t)len;
  if (fq->data == NULL) return lwt_uv_req_started(L, &fq->q.req, UV_EINVAL);
  return lwt_uv_file_begin_req(L, fq);
}

/*---
Writes a string or a `lwt.bytes` (which should be left alone meanwhile) at the file's
position, all of it, and moves the position; a file opened with "a" always writes at its
end. Its promise is rejected with the system's error (`ENOSPC` …): how much was written before is not
told. A write that runs already cannot be cancelled: only its result is dropped.
@param f lwt.File
@param data string|lwt.Bytes
@return lwt.Promise<integer> # of the number of bytes
```lua
local f <close> = await(fs.open("f", "w"))
print(await(f:write("hello")))   --> 5
```
@function lwt.fs.file.write(f, data) */
static int l_write(lua_State *L) {
  static const file_op op = {FILE_CLASS("write", push_status), run_write, 1};
  lwt_uv *ctx = lwt_uv_context(L);
  file *f = lwt_uv_file_check(ctx, L);
  size_t len;
  lwt_uv_check_data(ctx, L, 2, &len);
  if (f == NULL) return lwt_uv_reject_closed(ctx, L);
  file_req *fq = lwt_uv_file_new_req(ctx, L, &op);
  if (fq == NULL) return 1;
  return begin_write(ctx, L, fq, -1);
}

/*---
As `write`, at an offset, and leaves the position alone.
@param f lwt.File
@param data string|lwt.Bytes
@param offset integer
@return lwt.Promise<integer> # of the number of bytes
```lua
await(fs.write_file("f", "hello"))
local f <close> = await(fs.open("f", "r+"))
await(f:pwrite("EL", 1))
print(await(f:read()))   --> hELlo
```
@function lwt.fs.file.pwrite(f, data, offset) */
static int l_pwrite(lua_State *L) {
  static const file_op op = {FILE_CLASS("pwrite", push_status), run_write, 0};
  lwt_uv *ctx = lwt_uv_context(L);
  file *f = lwt_uv_file_check(ctx, L);
  size_t len;
  lwt_uv_check_data(ctx, L, 2, &len);
  int64_t offset = check_offset(L, 3);
  if (f == NULL) return lwt_uv_reject_closed(ctx, L);
  file_req *fq = lwt_uv_file_new_req(ctx, L, &op);
  if (fq == NULL) return 1;
  return begin_write(ctx, L, fq, offset);
}

#define IOVS 64

/* What is still to be written, as far as one call takes it. */
static int gather(const file_req *fq, struct iovec iov[IOVS]) {
  int n = 0;
  for (; n < IOVS && fq->piece + n < fq->npieces; n++)
    iov[n] = fq->pieces[fq->piece + n].iov;
  return n;
}

/* So many bytes of the pieces are written. */
static void advance(file_req *fq, size_t n) {
  fq->done += n;
  while (fq->piece < fq->npieces && n >= fq->pieces[fq->piece].iov.iov_len) {
    n -= fq->pieces[fq->piece].iov.iov_len;
    fq->piece++;
  }
  if (n > 0) {
    struct iovec *v = &fq->pieces[fq->piece].iov;
    v->iov_base = (char *)v->iov_base + n;
    v->iov_len -= n;
  }
}

static ssize_t run_writev(fs_req *q) {
  file_req *fq = (file_req *)q;
  file *f = fq->f;
  while (fq->piece < fq->npieces) {
    struct iovec iov[IOVS];
    int n = gather(fq, iov);
    ssize_t done =
        f->regular ? writev(f->fd, iov, n)
                   : lwt_uv_fs_write(q, f->fd, iov[0].iov_base, iov[0].iov_len, -1, 0);
    if (f->regular && done < 0 && errno == EINTR) continue;
    if (done < 0) return f->regular ? -errno : done;
    advance(fq, (size_t)done);
  }
  return (ssize_t)fq->done;
}

/* What the list at argument 2 holds is pinned and told to the request. */
static int take_pieces(lwt_uv *ctx, lua_State *L, file_req *fq, int n) {
  fq->pieces = calloc((size_t)n + 1, sizeof *fq->pieces);
  if (fq->pieces == NULL) return UV_ENOMEM;
  fq->npieces = n;
  for (int i = 0; i < n; i++) {
    struct iovec *v = &fq->pieces[i].iov;
    lua_rawgeti(L, 2, i + 1);
    v->iov_base = (void *)lwt_uv_fs_pin(ctx, L, -1, &v->iov_len, &fq->pieces[i].mem);
    lua_pop(L, 1);
    if (v->iov_base == NULL) return UV_EINVAL;
  }
  return 0;
}

/*---
Writes a list of strings and `lwt.bytes`, one after another, all of it.
@param f lwt.File
@param list (string|lwt.Bytes)[]
@return lwt.Promise<integer> # of the number of bytes
```lua
local f <close> = await(fs.open("f", "w"))
print(await(f:writev({"he", "llo"})))   --> 5
```
@function lwt.fs.file.writev(f, list) */
static int l_writev(lua_State *L) {
  static const file_op op = {FILE_CLASS("writev", push_status), run_writev, 1};
  lwt_uv *ctx = lwt_uv_context(L);
  lwt_uv_file_check(ctx, L);
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
  if (lwt_uv_file_check(ctx, L) == NULL) return lwt_uv_reject_closed(ctx, L);
  file_req *fq = lwt_uv_file_new_req(ctx, L, &op);
  if (fq == NULL) return 1;
  int status = take_pieces(ctx, L, fq, (int)n);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -3, U_DATA);
  if (status < 0) return lwt_uv_req_started(L, &fq->q.req, status);
  return lwt_uv_file_begin_req(L, fq);
}

/* ---- The position -------------------------------------------------------- */

static ssize_t run_seek(fs_req *q) {
  (void)q;
  return 0; /* waited for its turn; the rest is quick */
}

static int push_seek(lua_State *L, lwt_uv_req *r) {
  file_req *fq = (file_req *)r;
  int64_t at = lwt_uv_file_seek(fq->f, (int64_t)fq->fs.result, fq->i);
  if (at < 0) return (int)at;
  lua_pushinteger(L, at);
  return 1;
}

static int seek(lwt_uv *ctx, lua_State *L, file *f, int64_t offset, int from) {
  static const file_op op = {FILE_CLASS("seek", push_seek), run_seek, 1};
  if (f == NULL) return lwt_uv_reject_closed(ctx, L);
  if (f->head == NULL && !ctx->lwt->cancel_due(ctx->lwt)) {
    int64_t at = lwt_uv_file_seek(f, offset, from);
    if (at < 0) {
      lua_getiuservalue(L, 1, U_PATH);
      return lwt_uv_reject(ctx, L, (ssize_t)at, "seek", "path", lua_tostring(L, -1));
    }
    lua_pushinteger(L, at);
    ctx->lwt->fulfilled(ctx->lwt, L, 1);
    return 1;
  }
  file_req *fq = lwt_uv_file_new_req(ctx, L, &op);
  if (fq == NULL) return 1;
  fq->want = FILE_ALL; /* leave what was read ahead to push_seek */
  fq->offset = 0;
  fq->fs.result = (ssize_t)offset;
  fq->i = from;
  return lwt_uv_file_begin_req(L, fq);
}

/*---
Moves the position, as Lua's own `file:seek` does, and gives the new one.
@param f lwt.File
@param whence? string "set", "cur" (default) or "end"
@param offset? integer default 0
@return lwt.Promise<integer> # of the position, from the start of the file
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
  file *f = lwt_uv_file_check(ctx, L);
  int whence = luaL_checkoption(L, 2, "cur", names);
  return seek(ctx, L, f, lwt_uv_opt_integer(L, 3, 0), from[whence]);
}

/*---
The position.
@param f lwt.File
@return lwt.Promise<integer> # of the position, from the start of the file
```lua
local f <close> = await(fs.open("f", "w"))
await(f:write("hello"))
print(await(f:tell()))   --> 5
```
@function lwt.fs.file.tell(f) */
static int l_tell(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  return seek(ctx, L, lwt_uv_file_check(ctx, L), 0, SEEK_CUR);
}

const luaL_Reg lwt_uv_file_data_methods[] = {
    {"read", l_read},   {"pread", l_pread},   {"readv", l_readv},
    {"write", l_write}, {"pwrite", l_pwrite}, {"writev", l_writev},
    {"seek", l_seek},   {"tell", l_tell},     {NULL, NULL},
};
