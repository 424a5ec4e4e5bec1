/* file_about.c: an open file's properties, putting it on the disk, and locks.
**
** Methods of the file's userdata; how they are queued is file.c's. These wait for the
** reads and writes before them, so that `sync` means what it seems to; locks alone do
** not.
*/
#include <errno.h>
#include <sys/file.h>

#include "file.h"

/* ---- About the file ------------------------------------------------------ */

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
RUN(truncate, uv_fs_ftruncate(NULL, &fq->fs, fq->f->fd, fq->offset, NULL))
RUN(chmod, uv_fs_fchmod(NULL, &fq->fs, fq->f->fd, fq->i, NULL))
RUN(chown, uv_fs_fchown(NULL, &fq->fs, fq->f->fd, (uid_t)fq->i, (gid_t)fq->j, NULL))
RUN(utime, uv_fs_futime(NULL, &fq->fs, fq->f->fd, fq->a, fq->b, NULL))

static int push_fstat(lua_State *L, lwt_uv_req *r) {
  lwt_uv_fs_push_stat(L, &((file_req *)r)->fs.statbuf);
  return 1;
}

/* These wait for the reads and writes before them, so that `sync` means what it seems to. */
#define FILE_OP(name, result) \
  static const file_op op_##name = {FILE_CLASS(#name, result), run_##name, 1}

FILE_OP(stat, push_fstat);
/*---
As `fs.stat`, of the open file.
@param f lwt.File
@return lwt.Promise<table>
```lua
local f <close> = await(fs.open("f", "w"))
print(await(f:stat()).size)   --> 0
```
@function lwt.fs.file.stat(f) */
static int l_stat(lua_State *L) {
  return lwt_uv_file_run_op(L, &op_stat);
}

FILE_OP(sync, NULL);
/*---
Fulfilled when the system has the file's bytes and properties on the disk, those of the
writes that were asked for before included.
@param f lwt.File
@return lwt.Promise<nil>
```lua
local f <close> = await(fs.open("f", "w"))
await(f:write("safe"))
await(f:sync())
```
@function lwt.fs.file.sync(f) */
static int l_sync(lua_State *L) {
  return lwt_uv_file_run_op(L, &op_sync);
}

FILE_OP(datasync, NULL);
/*---
As `sync`, without properties that reading the bytes does not need (times).
@param f lwt.File
@return lwt.Promise<nil>
```lua
local f <close> = await(fs.open("f", "w"))
await(f:datasync())
```
@function lwt.fs.file.datasync(f) */
static int l_datasync(lua_State *L) {
  return lwt_uv_file_run_op(L, &op_datasync);
}

FILE_OP(truncate, NULL);
/*---
Cuts the file to a length, or fills it up to it with zeros.
@param f lwt.File
@param length? integer default 0
@return lwt.Promise<nil>
```lua
await(fs.write_file("f", "hello"))
local f <close> = await(fs.open("f", "r+"))
await(f:truncate(2))
print(await(f:read()))   --> he
```
@function lwt.fs.file.truncate(f, length) */
static int l_truncate(lua_State *L) {
  lwt_uv_file_check(lwt_uv_context(L), L);
  lua_Integer length = lwt_uv_opt_integer(L, 2, 0);
  luaL_argcheck(L, length >= 0, 2, "negative length");
  file_req *fq = lwt_uv_file_new_op(L, &op_truncate);
  if (fq == NULL) return 1;
  fq->offset = length;
  return lwt_uv_file_begin_req(L, fq);
}

FILE_OP(chmod, NULL);
/*---
As `fs.chmod`, of the open file.
@param f lwt.File
@param mode integer
@return lwt.Promise<nil>
```lua
local f <close> = await(fs.open("f", "w"))
await(f:chmod(tonumber("600", 8)))
```
@function lwt.fs.file.chmod(f, mode) */
static int l_chmod(lua_State *L) {
  lwt_uv_file_check(lwt_uv_context(L), L);
  lwt_uv_check_integer(L, 2);
  int mode = lwt_uv_fs_check_mode(L, 2, 0);
  file_req *fq = lwt_uv_file_new_op(L, &op_chmod);
  if (fq == NULL) return 1;
  fq->i = mode;
  return lwt_uv_file_begin_req(L, fq);
}

FILE_OP(chown, NULL);
/*---
As `fs.chown`, of the open file.
@param f lwt.File
@param uid? integer nil or -1: as it is
@param gid? integer nil or -1: as it is
@return lwt.Promise<nil>
```lua
local f <close> = await(fs.open("f", "w"))
await(f:chown(-1, -1))
```
@function lwt.fs.file.chown(f, uid, gid) */
static int l_chown(lua_State *L) {
  lwt_uv_file_check(lwt_uv_context(L), L);
  lua_Integer uid = lwt_uv_opt_integer(L, 2, -1), gid = lwt_uv_opt_integer(L, 3, -1);
  luaL_argcheck(L, uid >= -1 && uid <= 0xffffffffLL, 2, "id out of range");
  luaL_argcheck(L, gid >= -1 && gid <= 0xffffffffLL, 3, "id out of range");
  file_req *fq = lwt_uv_file_new_op(L, &op_chown);
  if (fq == NULL) return 1;
  fq->i = (int)uid;
  fq->j = (int)gid;
  return lwt_uv_file_begin_req(L, fq);
}

FILE_OP(utime, NULL);
/*---
As `fs.utime`, of the open file.
@param f lwt.File
@param atime? number nil: now
@param mtime? number nil: now
@return lwt.Promise<nil>
```lua
local f <close> = await(fs.open("f", "w"))
await(f:utime(1, 2))
print(await(f:stat()).mtime)   --> 2.0
```
@function lwt.fs.file.utime(f, atime, mtime) */
static int l_utime(lua_State *L) {
  lwt_uv_file_check(lwt_uv_context(L), L);
  double a = lwt_uv_fs_check_time(L, 2), b = lwt_uv_fs_check_time(L, 3);
  file_req *fq = lwt_uv_file_new_op(L, &op_utime);
  if (fq == NULL) return 1;
  fq->a = a;
  fq->b = b;
  return lwt_uv_file_begin_req(L, fq);
}

/* Waiting for a lock would block a thread of the pool, and four such waits all of them,
** so that the lock could never be given back. So this only tries, and fs.lua tries
** again. */
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

static const file_op op_lock = {FILE_CLASS("lock", push_locked), run_lock, 0};

static int l_try_lock(lua_State *L) {
  lwt_uv_file_check(lwt_uv_context(L), L);
  static const char *const names[] = {"exclusive", "shared", NULL};
  static const int modes[] = {LOCK_EX, LOCK_SH};
  int mode = modes[luaL_checkoption(L, 2, "exclusive", names)];
  file_req *fq = lwt_uv_file_new_op(L, &op_lock);
  if (fq == NULL) return 1;
  fq->i = mode;
  return lwt_uv_file_begin_req(L, fq);
}

static const file_op op_unlock = {FILE_CLASS("unlock", NULL), run_lock, 0};
/*---
Gives a lock back; nothing when there is none.
@param f lwt.File
@return lwt.Promise<nil>
```lua
local f <close> = await(fs.open("f", "w"))
await(f:lock())
await(f:unlock())
```
@function lwt.fs.file.unlock(f) */
static int l_unlock(lua_State *L) {
  file_req *fq = lwt_uv_file_new_op(L, &op_unlock);
  if (fq == NULL) return 1;
  fq->i = LOCK_UN;
  return lwt_uv_file_begin_req(L, fq);
}

/*---
The system's number of the file. It belongs to the file: do not close it. A closed file
raises.
@param f lwt.File
@return integer
```lua
local f <close> = await(fs.open("f", "w"))
print(math.type(f:fileno()))   --> integer
```
@function lwt.fs.file.fileno(f) */
static int l_fileno(lua_State *L) {
  lua_pushinteger(L, lwt_uv_fs_check_fd(lwt_uv_context(L), L, 1));
  return 1;
}

const luaL_Reg lwt_uv_file_about_methods[] = {
    {"stat", l_stat},
    {"sync", l_sync},
    {"datasync", l_datasync},
    {"truncate", l_truncate},
    {"chmod", l_chmod},
    {"chown", l_chown},
    {"utime", l_utime},
    {"try_lock", l_try_lock},
    {"unlock", l_unlock},
    {"fileno", l_fileno},
    {NULL, NULL},
};
