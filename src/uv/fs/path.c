/* path.c: the functions of lwt.fs that take a path and are over with it.
**
** The libuv function is called synchronously inside the job (libuv's fs functions without
** a callback touch no loop); the request owns its uv_fs_t.
*/
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

static uid_t check_id(lua_State *L, int arg) {
  lua_Integer id = lwt_uv_opt_integer(L, arg, -1);
  luaL_argcheck(L, id >= -1 && id <= 0xffffffffLL, arg, "id out of range");
  return (uid_t)id;
}

typedef struct path_req {
  fs_req q;
  uv_fs_t fs;
  const char *path, *path2; /* anchored: user values 2 and 3 */
  double a, b;              /* times */
  int i, j;                 /* mode, flags; uid and gid */
  size_t length;            /* of `path`, where a part of it is meant */
} path_req;

static ssize_t result_of(path_req *p) {
  return p->fs.result;
}

static void release_path(lwt_uv_req *r) {
  uv_fs_t *fs = &((path_req *)r)->fs;
  uv_dirent_t entry;
  /* Cleaning up forgets the last entry, when that has been asked for but not the end. */
  if (fs->fs_type == UV_FS_SCANDIR && fs->result > 0)
    while (uv_fs_scandir_next(fs, &entry) == 0) continue;
  uv_fs_req_cleanup(fs);
}

static int push_stat(lua_State *L, lwt_uv_req *r) {
  lwt_uv_fs_push_stat(L, &((path_req *)r)->fs.statbuf);
  return 1;
}

static int push_text(lua_State *L, lwt_uv_req *r) {
  lua_pushstring(L, ((path_req *)r)->fs.ptr);
  return 1;
}

static int push_true(lua_State *L, lwt_uv_req *r) {
  (void)r;
  lua_pushboolean(L, 1);
  return 1;
}

/* One path operation: what the pool runs and what comes of it. */
typedef struct path_op {
  lwt_uv_req_class class;
  fs_work run;
} path_op;

#define PATH_OP(name, result)        \
  static const path_op op_##name = { \
      {#name, "path", 1, result, release_path, lwt_uv_fs_cancel}, run_##name}

#define RUN(name, call)                  \
  static ssize_t run_##name(fs_req *q) { \
    path_req *p = (path_req *)q;         \
    call;                                \
    return result_of(p);                 \
  }

RUN(stat, uv_fs_stat(NULL, &p->fs, p->path, NULL))
RUN(lstat, uv_fs_lstat(NULL, &p->fs, p->path, NULL))
RUN(access, uv_fs_access(NULL, &p->fs, p->path, p->i, NULL))
RUN(unlink, uv_fs_unlink(NULL, &p->fs, p->path, NULL))
RUN(rename, uv_fs_rename(NULL, &p->fs, p->path, p->path2, NULL))
RUN(link, uv_fs_link(NULL, &p->fs, p->path, p->path2, NULL))
RUN(symlink, uv_fs_symlink(NULL, &p->fs, p->path, p->path2, 0, NULL))
RUN(readlink, uv_fs_readlink(NULL, &p->fs, p->path, NULL))
RUN(realpath, uv_fs_realpath(NULL, &p->fs, p->path, NULL))
RUN(chmod, uv_fs_chmod(NULL, &p->fs, p->path, p->i, NULL))
RUN(chown, uv_fs_chown(NULL, &p->fs, p->path, (uid_t)p->i, (gid_t)p->j, NULL))
RUN(utime, uv_fs_utime(NULL, &p->fs, p->path, p->a, p->b, NULL))
RUN(rmdir, uv_fs_rmdir(NULL, &p->fs, p->path, NULL))
RUN(scandir, uv_fs_scandir(NULL, &p->fs, p->path, 0, NULL))
RUN(statfs, uv_fs_statfs(NULL, &p->fs, p->path, NULL))
RUN(mkdtemp, uv_fs_mkdtemp(NULL, &p->fs, p->path, NULL))

/* Push a request for the path at argument 1 and its promise. */
static path_req *new_path(lua_State *L, const path_op *op, int paths) {
  lwt_uv *ctx = lwt_uv_context(L);
  const char *path = lwt_uv_fs_check_path(L, 1);
  const char *path2 = paths > 1 ? lwt_uv_fs_check_path(L, 2) : NULL;
  path_req *p = lwt_uv_fs_new(ctx, L, &op->class, sizeof *p, 1, paths - 1, op->run);
  p->path = path;
  p->path2 = path2;
  p->fs.fs_type = UV_FS_UNKNOWN; /* nothing to clean up yet */
  if (path2 != NULL) {
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, -3, 3);
  }
  return p;
}

static int start(lua_State *L, const path_op *op, int paths) {
  return lwt_uv_fs_start(L, &new_path(L, op, paths)->q);
}

static int start_removal(lua_State *L, const path_op *op) {
  path_req *p = new_path(L, op, 1);
  p->q.removes = p->path;
  return lwt_uv_fs_start(L, &p->q);
}

/* The second path is a new name. */
static int start_naming(lua_State *L, const path_op *op) {
  path_req *p = new_path(L, op, 2);
  p->q.makes = p->path2;
  return lwt_uv_fs_start(L, &p->q);
}

PATH_OP(stat, push_stat);
/*---
What the system knows about a file: a table with `type` ("file", "directory", "link",
"fifo", "socket", "char", "block"), `size`, `mode` (the permission bits), `nlink`, `uid`,
`gid`, `dev`, `ino`, `rdev`, `blksize`, `blocks`, and the times `atime`, `mtime`, `ctime`,
`birthtime` in seconds since 1970, with their fractions. It follows symbolic links. Rejected
with the system's error (`ENOENT` …). Cancelling rejects at once.
@param path string
@return lwt.Promise<table>
```lua
await(fs.write_file("f", "abc"))
local st = await(fs.stat("f"))
print(st.type, st.size)   --> file 3
```
@function lwt.fs.stat(path) */
static int l_stat(lua_State *L) {
  return start(L, &op_stat, 1);
}

PATH_OP(lstat, push_stat);
/*---
As `stat`, but tells about a symbolic link itself.
@param path string
@return lwt.Promise<table>
```lua
await(fs.symlink("nowhere", "l"))
print(await(fs.lstat("l")).type)   --> link
```
@function lwt.fs.lstat(path) */
static int l_lstat(lua_State *L) {
  return start(L, &op_lstat, 1);
}

static ssize_t run_exists(fs_req *q) {
  path_req *p = (path_req *)q;
  return uv_fs_access(NULL, &p->fs, p->path, F_OK, NULL) == 0;
}

static int push_exists(lua_State *L, lwt_uv_req *r) {
  lua_pushboolean(L, r->status != 0);
  return 1;
}

PATH_OP(exists, push_exists);
/*---
Whether something is there that can be reached by this path. It is never rejected by the system:
whatever keeps us from knowing is `false`. A symbolic link to nothing does not exist.
@param path string
@return lwt.Promise<boolean>
```lua
print(await(fs.exists(".")), await(fs.exists("nothing")))   --> true false
```
@function lwt.fs.exists(path) */
static int l_exists(lua_State *L) {
  return start(L, &op_exists, 1);
}

static int check_access(lua_State *L, int arg) {
  int mode = F_OK;
  for (const char *s = luaL_optstring(L, arg, ""); *s != '\0'; s++) switch (*s) {
    case 'r': mode |= R_OK; break;
    case 'w': mode |= W_OK; break;
    case 'x': mode |= X_OK; break;
    default: luaL_argerror(L, arg, "letters of 'rwx' expected");
    }
  return mode;
}

PATH_OP(access, push_true);
/*---
Fulfilled with `true` when this process may use the file in these ways, rejected with
`EACCES` (or `ENOENT` …) when not.
@param path string
@param mode? string letters of "rwx"; none: only that it is there
@return lwt.Promise<true>
```lua
print(await(fs.access(".", "rx")))   --> true
```
@function lwt.fs.access(path, mode) */
static int l_access(lua_State *L) {
  int mode = check_access(L, 2);
  path_req *p = new_path(L, &op_access, 1);
  p->i = mode;
  return lwt_uv_fs_start(L, &p->q);
}

PATH_OP(unlink, NULL);
/*---
Removes a file, or a symbolic link (not what it points to). A call that was cancelled
before, and that the system is still busy with, is over by then: what it makes is removed.
@param path string
@return lwt.Promise<nil>
```lua
await(fs.write_file("f", ""))
await(fs.unlink("f"))
print(await(fs.exists("f")))   --> false
```
@function lwt.fs.unlink(path) */
static int l_unlink(lua_State *L) {
  return start_removal(L, &op_unlink);
}

PATH_OP(rename, NULL);
/*---
Gives a file another name; what had that name before is replaced, in one step.
@param from string
@param to string
@return lwt.Promise<nil>
```lua
await(fs.write_file("a", "text"))
await(fs.rename("a", "b"))
print(await(fs.read_file("b")))   --> text
```
@function lwt.fs.rename(from, to) */
static int l_rename(lua_State *L) {
  return start_naming(L, &op_rename);
}

PATH_OP(link, NULL);
/*---
Gives a file a second name (a hard link).
@param path string the file
@param new string its new name
@return lwt.Promise<nil>
```lua
await(fs.write_file("a", "text"))
await(fs.link("a", "b"))
print(await(fs.stat("b")).nlink)   --> 2
```
@function lwt.fs.link(path, new) */
static int l_link(lua_State *L) {
  return start_naming(L, &op_link);
}

PATH_OP(symlink, NULL);
/*---
Makes the symbolic link `new`, which points to `target` (any text; relative to the link).
@param target string
@param new string
@return lwt.Promise<nil>
```lua
await(fs.symlink("target", "l"))
print(await(fs.readlink("l")))   --> target
```
@function lwt.fs.symlink(target, new) */
static int l_symlink(lua_State *L) {
  return start_naming(L, &op_symlink);
}

PATH_OP(readlink, push_text);
/*---
What a symbolic link points to, as it stands there.
@param path string
@return lwt.Promise<string>
```lua
await(fs.symlink("../x", "l"))
print(await(fs.readlink("l")))   --> ../x
```
@function lwt.fs.readlink(path) */
static int l_readlink(lua_State *L) {
  return start(L, &op_readlink, 1);
}

PATH_OP(realpath, push_text);
/*---
The absolute path, without symbolic links, `.` and `..`. Every part must exist.
@param path string
@return lwt.Promise<string>
```lua
print(await(fs.realpath("/../.")))   --> /
```
@function lwt.fs.realpath(path) */
static int l_realpath(lua_State *L) {
  return start(L, &op_realpath, 1);
}

PATH_OP(chmod, NULL);
/*---
Sets the permission bits.
@param path string
@param mode integer such as `tonumber("644", 8)`
@return lwt.Promise<nil>
```lua
await(fs.write_file("f", ""))
await(fs.chmod("f", tonumber("600", 8)))
print(("%o"):format(await(fs.stat("f")).mode))   --> 600
```
@function lwt.fs.chmod(path, mode) */
static int l_chmod(lua_State *L) {
  lwt_uv_check_integer(L, 2);
  int mode = lwt_uv_fs_check_mode(L, 2, 0);
  path_req *p = new_path(L, &op_chmod, 1);
  p->i = mode;
  return lwt_uv_fs_start(L, &p->q);
}

PATH_OP(chown, NULL);
/*---
Sets the owner and the group, by their numbers.
@param path string
@param uid? integer nil or -1: as it is
@param gid? integer nil or -1: as it is
@return lwt.Promise<nil>
```lua
await(fs.write_file("f", ""))
local st = await(fs.stat("f"))
await(fs.chown("f", st.uid, st.gid))
```
@function lwt.fs.chown(path, uid, gid) */
static int l_chown(lua_State *L) {
  uid_t uid = check_id(L, 2), gid = check_id(L, 3);
  path_req *p = new_path(L, &op_chown, 1);
  p->i = (int)uid;
  p->j = (int)gid;
  return lwt_uv_fs_start(L, &p->q);
}

PATH_OP(utime, NULL);
/*---
Sets the times of last access and last change, in seconds since 1970.
@param path string
@param atime? number nil: now
@param mtime? number nil: now
@return lwt.Promise<nil>
```lua
await(fs.write_file("f", ""))
await(fs.utime("f", 1.5, 2.5))
print(await(fs.stat("f")).mtime)   --> 2.5
```
@function lwt.fs.utime(path, atime, mtime) */
static int l_utime(lua_State *L) {
  double a = lwt_uv_fs_check_time(L, 2), b = lwt_uv_fs_check_time(L, 3);
  path_req *p = new_path(L, &op_utime, 1);
  p->a = a;
  p->b = b;
  return lwt_uv_fs_start(L, &p->q);
}

/* One directory, from the first `length` bytes of `path`. */
static int make_one(const char *path, size_t length, int mode) {
  char copy[4096];
  if (length >= sizeof copy) return -ENAMETOOLONG;
  memcpy(copy, path, length);
  copy[length] = '\0';
  return mkdir(copy, (mode_t)mode) == 0 ? 0 : -errno;
}

/* Something has the name: 0 for a directory. (A link to nothing is in the way as well.) */
static int already_there(const char *path) {
  struct stat st;
  if (stat(path, &st) != 0) return errno == ENOENT ? UV_EEXIST : -errno;
  return S_ISDIR(st.st_mode) ? 0 : UV_EEXIST;
}

static ssize_t run_mkdir(fs_req *q) {
  path_req *p = (path_req *)q;
  int status, denied = 0;
  if (!p->j) return mkdir(p->path, (mode_t)p->i) == 0 ? 0 : -errno;
  while (p->length > 1 && p->path[p->length - 1] == '/') p->length--;
  for (size_t i = 1; i < p->length; i++) {
    if (p->path[i] != '/' || p->path[i - 1] == '/') continue;
    status = make_one(p->path, i, 0777);
    /* What is there already need not be made, even where we may not make anything. */
    if (status == -EACCES || status == -EROFS || status == -EPERM)
      denied = status;
    else if (status < 0 && status != -EEXIST)
      return status == -ENOENT && denied != 0 ? denied : status;
  }
  status = make_one(p->path, p->length, p->i);
  if (status == -ENOENT && denied != 0) return denied;
  return status == UV_EEXIST ? already_there(p->path) : status;
}

PATH_OP(mkdir, NULL);
/*---
Makes a directory. With `parents` also those above it that are missing, and one that is
there already is no error.
@param path string
@param opts? integer|table the mode (default 0777 less the umask), or `{mode=, parents=}`
@return lwt.Promise<nil>
```lua
await(fs.mkdir("a/b/c", {parents = true}))
print(await(fs.stat("a/b/c")).type)   --> directory
```
@function lwt.fs.mkdir(path, opts) */
static int l_mkdir(lua_State *L) {
  static const char *const names[] = {"mode", "parents", NULL};
  int mode, parents = 0;
  size_t length;
  lua_settop(L, 2);
  luaL_checklstring(L, 1, &length);
  if (lua_type(L, 2) == LUA_TTABLE) {
    lwt_uv_check_options(L, 2, names);
    parents = lwt_uv_option_flag(L, 2, "parents", 0);
    lua_getfield(L, 2, "mode");
    lua_replace(L, 2);
    lua_settop(L, 2);
  }
  mode = lwt_uv_fs_check_mode(L, 2, 0777);
  path_req *p = new_path(L, &op_mkdir, 1);
  p->i = mode;
  p->j = parents;
  p->length = length;
  p->q.makes = p->path;
  return lwt_uv_fs_start(L, &p->q);
}

static int push_mkdtemp(lua_State *L, lwt_uv_req *r) {
  lua_pushstring(L, ((path_req *)r)->fs.path);
  return 1;
}

/* The caller was not told of the directory, so it must not stay behind. */
static ssize_t undo_mkdtemp(fs_req *q) {
  path_req *p = (path_req *)q;
  if (p->fs.result == 0 && p->fs.path != NULL) rmdir(p->fs.path);
  p->fs.result = UV_ECANCELED;
  return UV_ECANCELED;
}

/* (Whatever the status: the undoing may have been taken back from the pool.) */
static void release_mkdtemp(lwt_uv_req *r) {
  path_req *p = (path_req *)r;
  if (!r->taken) undo_mkdtemp(&p->q);
  uv_fs_req_cleanup(&p->fs);
}

static const path_op op_mkdtemp = {
    {"mkdtemp", "path", 1, push_mkdtemp, release_mkdtemp, lwt_uv_fs_cancel}, run_mkdtemp};
/*---
Makes a new directory that only this user may enter, with a name that nothing had before,
and gives its path. (An XXXXXX at the end of the template is replaced; the default is in
TMPDIR.) Cancelled, it leaves none behind. `lio.with_temp_dir` removes it as
well.
@param template? string its path, to which six characters are added; default "/tmp/lwt_"
@return lwt.Promise<string> # of the path
```lua
local path = await(fs.mkdtemp("work-"))
print(#path, await(fs.stat(path)).type)   --> 11 directory
```
@function lwt.fs.mkdtemp(template) */
static int l_mkdtemp(lua_State *L) {
  lua_settop(L, 1);
  if (lua_isnil(L, 1)) {
    char dir[1024];
    size_t size = sizeof dir;
    lua_pushfstring(L, "%s/lwt_", uv_os_tmpdir(dir, &size) == 0 ? dir : "/tmp");
    lua_replace(L, 1);
  }
  size_t length;
  const char *s = luaL_checklstring(L, 1, &length);
  if (length < 6 || strcmp(s + length - 6, "XXXXXX") != 0) {
    lua_pushliteral(L, "XXXXXX");
    lua_concat(L, 2);
  }
  path_req *p = new_path(L, &op_mkdtemp, 1);
  p->q.undo = undo_mkdtemp;
  p->q.makes = p->path;
  return lwt_uv_fs_start(L, &p->q);
}

PATH_OP(rmdir, NULL);
/*---
Removes an empty directory (`lio.delete_recursively` takes one with all it holds). As
`unlink`, it comes after calls that were cancelled before and may be making something in it.
@param path string
@return lwt.Promise<nil>
```lua
await(fs.mkdir("d"))
await(fs.rmdir("d"))
```
@function lwt.fs.rmdir(path) */
static int l_rmdir(lua_State *L) {
  return start_removal(L, &op_rmdir);
}

static int push_scandir(lua_State *L, lwt_uv_req *r) {
  path_req *p = (path_req *)r;
  uv_dirent_t entry;
  int keys = lwt_uv_fs_push_keys(L);
  lua_createtable(L, (int)r->status, 0); /* libuv counts them with an int */
  for (lua_Integer i = 1; uv_fs_scandir_next(&p->fs, &entry) != UV_EOF; i++) {
    lwt_uv_fs_push_entry(L, keys, entry.name, entry.type);
    lua_rawseti(L, -2, i);
  }
  return 1;
}

PATH_OP(scandir, push_scandir);
/*---
All entries of a directory at once, sorted by name: a list of `{name=, type=}`, without
"." and "..". For directories of any size in bounded memory there is `readdir`.
@param path string
@return lwt.Promise<{ name: string, type: string }[]>
```lua
await(fs.write_file("b", ""))
await(fs.mkdir("a"))
for _, entry in ipairs(await(fs.scandir("."))) do print(entry.name, entry.type) end
--> a directory
--> b file
```
@function lwt.fs.scandir(path) */
static int l_scandir(lua_State *L) {
  return start(L, &op_scandir, 1);
}

static int push_statfs(lua_State *L, lwt_uv_req *r) {
  const uv_statfs_t *st = ((path_req *)r)->fs.ptr;
  lua_createtable(L, 0, 7);
  lwt_uv_fs_set_integer(L, "type", st->f_type);
  lwt_uv_fs_set_integer(L, "bsize", st->f_bsize);
  lwt_uv_fs_set_integer(L, "blocks", st->f_blocks);
  lwt_uv_fs_set_integer(L, "bfree", st->f_bfree);
  lwt_uv_fs_set_integer(L, "bavail", st->f_bavail);
  lwt_uv_fs_set_integer(L, "files", st->f_files);
  lwt_uv_fs_set_integer(L, "ffree", st->f_ffree);
  return 1;
}

PATH_OP(statfs, push_statfs);
/*---
About the file system that holds the path: `type` (the system's number), `bsize` (bytes of
a block), `blocks`, `bfree`, `bavail` (free for everybody), `files`, `ffree`.
@param path string
@return lwt.Promise<table>
```lua
local st = await(fs.statfs("."))
print(st.bavail <= st.blocks)   --> true
```
@function lwt.fs.statfs(path) */
static int l_statfs(lua_State *L) {
  return start(L, &op_statfs, 1);
}

static const luaL_Reg functions[] = {
    {"stat", l_stat},
    {"lstat", l_lstat},
    {"exists", l_exists},
    {"access", l_access},
    {"unlink", l_unlink},
    {"rename", l_rename},
    {"link", l_link},
    {"symlink", l_symlink},
    {"readlink", l_readlink},
    {"realpath", l_realpath},
    {"chmod", l_chmod},
    {"chown", l_chown},
    {"utime", l_utime},
    {"mkdir", l_mkdir},
    {"mkdtemp", l_mkdtemp},
    {"rmdir", l_rmdir},
    {"scandir", l_scandir},
    {"statfs", l_statfs},
    {NULL, NULL},
};

void lwt_uv_fs_open_paths(lwt_uv *ctx, lua_State *L) {
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, functions, 1);
}
