/* fs.c: lwt.fs: its requests, system calls, arguments and results.
**
** One pool job per call, plain blocking code inside it; strings are anchored with the
** request. What has to wait for others waits on the loop: wait.c. Functions of paths
** are in path.c, open files in file*.c, whole files in whole.c, what goes from
** file to file in copy.c, directories read piece by piece in dir.c, watching in
** watch.c.
*/
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

/* ---- Requests ------------------------------------------------------------ */

static void on_work(uv_work_t *work) {
  fs_req *q = work->data;
  q->wait_for = FS_NO_WAIT;
  q->status = q->run(q);
}

static void on_done(uv_work_t *work, int status) {
  fs_req *q = work->data;
  ssize_t result = status < 0 ? status : q->status;
  if (status >= 0 && q->undo != NULL && lwt_uv_fs_is_stopped(q)) {
    q->run = q->undo; /* it may wait for a disk, as the work itself did */
    q->undo = NULL;
    if (lwt_uv_pool_work(q->req.ctx, work, on_work, on_done) == 0) return;
  }
  lwt_uv_fs_left_over(q->req.ctx->family[LWT_UV_FFS], q);
  if (result == UV_EAGAIN && q->wait_for != FS_NO_WAIT) {
    result = lwt_uv_fs_is_stopped(q) ? UV_ECANCELED : lwt_uv_fs_wait(q);
    if (result >= 0) return;
  }
  if (q->over != NULL) q->over(q, result);
  lwt_uv_req_done_later(&q->req, result);
}

void *lwt_uv_fs_new(lwt_uv *ctx, lua_State *L, const lwt_uv_req_class *class, size_t size,
                    int what, int own, fs_work run) {
  fs_req *q = lwt_uv_req_new(ctx, L, class, size, offsetof(fs_req, work), what, own);
  q->run = run;
  return q;
}

int lwt_uv_fs_submit(fs_req *q) {
  lwt_uv *ctx = q->req.ctx;
  const fs_state *fs = ctx->family[LWT_UV_FFS];
  int status;
  if (!q->started && ctx->lwt->cancel_due(ctx->lwt)) {
    q->wait_for = FS_WAIT_TURN;
    status = lwt_uv_fs_wait(q);
  } else if (q->removes != NULL && q->wait_for != FS_WAIT_LEFT && fs->left != NULL) {
    q->wait_for = FS_WAIT_LEFT;
    status = lwt_uv_fs_wait(q);
  } else {
    status = lwt_uv_pool_work(ctx, &q->work, on_work, on_done);
  }
  if (status >= 0) q->started = 1;
  return status;
}

int lwt_uv_fs_start(lua_State *L, fs_req *q) {
  return lwt_uv_req_started(L, &q->req, lwt_uv_fs_submit(q));
}

/* ---- System calls, on the pool ------------------------------------------- */

int lwt_uv_fs_is_stopped(fs_req *q) {
  return __atomic_load_n(&q->stop, __ATOMIC_RELAXED);
}

int lwt_uv_fs_wait_later(fs_req *q, int fd, int wait_for) {
  q->wait_fd = fd;
  q->wait_for = (unsigned char)wait_for;
  return UV_EAGAIN;
}

int lwt_uv_fs_is_ready(fs_req *q, int fd, int wait_for) {
  struct pollfd p = {fd, wait_for == FS_WAIT_READ ? POLLIN : POLLOUT, 0};
  if (poll(&p, 1, 0) != 0) return 1; /* the call itself reports what is wrong */
  lwt_uv_fs_wait_later(q, fd, wait_for);
  return 0;
}

/* Where there are no offsets that is no matter of waiting. */
static int has_no_offsets(int fd, int64_t offset) {
  return offset >= 0 && lseek(fd, 0, SEEK_CUR) < 0 && errno == ESPIPE;
}

ssize_t lwt_uv_fs_read(fs_req *q, int fd, char *buf, size_t len, int64_t offset,
                       int regular) {
  ssize_t n;
  if (!regular && has_no_offsets(fd, offset)) return UV_ESPIPE;
  if (!regular && !lwt_uv_fs_is_ready(q, fd, FS_WAIT_READ)) return UV_EAGAIN;
  do n = offset < 0 ? read(fd, buf, len) : pread(fd, buf, len, (off_t)offset);
  while (n < 0 && errno == EINTR);
  if (n >= 0) return n;
  return errno == EAGAIN && !regular ? lwt_uv_fs_wait_later(q, fd, FS_WAIT_READ) : -errno;
}

ssize_t lwt_uv_fs_write(fs_req *q, int fd, const char *buf, size_t len, int64_t offset,
                        int regular) {
  size_t done = 0;
  if (!regular && has_no_offsets(fd, offset)) return UV_ESPIPE;
  while (done < len) {
    size_t want = len - done;
    if (!regular) {
      if (!lwt_uv_fs_is_ready(q, fd, FS_WAIT_WRITE))
        return done > 0 ? (ssize_t)done : UV_EAGAIN;
      if (want > FS_SMALL_WRITE) want = FS_SMALL_WRITE;
    }
    ssize_t n = offset < 0 ? write(fd, buf + done, want)
                           : pwrite(fd, buf + done, want, (off_t)offset + (off_t)done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && !regular && done > 0) return (ssize_t)done;
    if (n < 0 && !regular && errno == EAGAIN)
      return lwt_uv_fs_wait_later(q, fd, FS_WAIT_WRITE);
    if (n < 0) return -errno;
    done += (size_t)n;
  }
  return (ssize_t)done;
}

/* O_NONBLOCK, or a fifo would hold the thread until its other end is opened. Reading
** waits for a writer all the same (by poll); for a reader the open is tried again. */
int lwt_uv_fs_open(fs_req *q, const char *path, int flags, int mode) {
  struct stat st;
  int fd;
  do fd = open(path, flags | O_CLOEXEC | O_NONBLOCK, mode);
  while (fd < 0 && errno == EINTR);
  if (fd >= 0) return fd;
  int status = -errno;
  if (status != UV_ENXIO || stat(path, &st) != 0 || !S_ISFIFO(st.st_mode)) return status;
  return lwt_uv_fs_wait_later(q, -1, FS_WAIT_READER);
}

int lwt_uv_fs_is_regular(int fd, const struct stat *st, int flags) {
  if (S_ISREG(st->st_mode)) return 1;
  if (!(flags & O_NONBLOCK)) { /* children, and others that get it, expect it to wait */
    int now = fcntl(fd, F_GETFL);
    if (now >= 0) fcntl(fd, F_SETFL, now & ~O_NONBLOCK);
  }
  return 0;
}

void lwt_uv_fs_cancel(lwt_uv_req *r) {
  fs_req *q = (fs_req *)r;
  __atomic_store_n(&q->stop, 1, __ATOMIC_RELAXED);
  if (q->wait != NULL) {
    lwt_uv_fs_wait_end(q);
    lwt_uv_req_done(r, UV_ECANCELED);
  } else if (uv_cancel(r->uv) == UV_EBUSY) {
    lwt_uv_fs_leave(r->ctx->family[LWT_UV_FFS], q);
  }
}

/* Never repeated: Linux has closed the descriptor also when it says EINTR. */
int lwt_uv_fs_close(int fd) {
  return close(fd) == 0 || errno == EINTR || errno == EINPROGRESS ? 0 : -errno;
}

/* ---- Arguments ----------------------------------------------------------- */

const char *lwt_uv_fs_check_path(lua_State *L, int arg) {
  size_t len;
  const char *path = luaL_checklstring(L, arg, &len);
  luaL_argcheck(L, strlen(path) == len, arg, "path contains a zero byte");
  return path;
}

const char *lwt_uv_fs_pin(lwt_uv *ctx, lua_State *L, int idx, size_t *len,
                          lwt_uv_mem **mem) {
  size_t ofs;
  if (lwt_uv_test(ctx, L, idx, LWT_UV_BYTES) == NULL) return lua_tolstring(L, idx, len);
  lwt_uv_mem *m = lwt_uv_bytes_mem(L, idx, &ofs, len);
  if (m->data == NULL) return NULL;
  lwt_uv_mem_pin(m);
  *mem = m;
  return m->data + ofs;
}

int lwt_uv_fs_check_mode(lua_State *L, int arg, int or_else) {
  lua_Integer mode = lwt_uv_opt_integer(L, arg, or_else);
  luaL_argcheck(L, mode >= 0 && mode <= 07777, arg, "mode out of range (0 to 07777)");
  return (int)mode;
}

/* C's letters, with "x" (must not exist yet) and a "b" that means nothing. */
static int parse_flags(const char *s) {
  int flags, plus = 0, create = 0;
  switch (*s) {
  case 'r': flags = O_RDONLY; break;
  case 'w':
    flags = O_WRONLY;
    create = O_CREAT | O_TRUNC;
    break;
  case 'a':
    flags = O_WRONLY;
    create = O_CREAT | O_APPEND;
    break;
  default: return -1;
  }
  while (*++s != '\0') {
    if (*s == '+' && !plus)
      plus = 1;
    else if (*s == 'x' && create != 0)
      create = (create & ~O_TRUNC) | O_EXCL;
    else if (*s != 'b')
      return -1;
  }
  return (plus ? O_RDWR : flags) | create;
}

int lwt_uv_fs_check_flags(lua_State *L, int arg, const char *or_else) {
  if (lua_type(L, arg) == LUA_TNUMBER) {
    lua_Integer number = lwt_uv_check_integer(L, arg);
    luaL_argcheck(L, number >= 0 && number <= INT_MAX, arg, "flags out of range");
    return (int)number;
  }
  const char *s = luaL_optstring(L, arg, or_else);
  int flags = parse_flags(s);
  if (flags < 0) luaL_argerror(L, arg, lua_pushfstring(L, "invalid mode '%s'", s));
  return flags;
}

double lwt_uv_fs_check_time(lua_State *L, int arg) {
  if (lua_isnoneornil(L, arg)) {
    uv_timeval64_t now;
    uv_gettimeofday(&now);
    return (double)now.tv_sec + (double)now.tv_usec * 1e-6;
  }
  double t = lwt_uv_check_number(L, arg);
  luaL_argcheck(L, isfinite(t) && fabs(t) < 1e15, arg, "time out of range");
  return t;
}

/* ---- Results ------------------------------------------------------------- */

static const char *mode_type(uint64_t mode) {
  switch (mode & S_IFMT) {
  case S_IFREG: return "file";
  case S_IFDIR: return "directory";
  case S_IFLNK: return "link";
  case S_IFIFO: return "fifo";
  case S_IFSOCK: return "socket";
  case S_IFCHR: return "char";
  case S_IFBLK: return "block";
  default: return "unknown";
  }
}

static const char *entry_type(uv_dirent_type_t type) {
  switch (type) {
  case UV_DIRENT_FILE: return "file";
  case UV_DIRENT_DIR: return "directory";
  case UV_DIRENT_LINK: return "link";
  case UV_DIRENT_FIFO: return "fifo";
  case UV_DIRENT_SOCKET: return "socket";
  case UV_DIRENT_CHAR: return "char";
  case UV_DIRENT_BLOCK: return "block";
  default: return "unknown";
  }
}

int lwt_uv_fs_push_keys(lua_State *L) {
  lua_pushliteral(L, "name");
  lua_pushliteral(L, "type");
  return lua_gettop(L) - 1;
}

void lwt_uv_fs_push_entry(lua_State *L, int keys, const char *name,
                          uv_dirent_type_t type) {
  lua_createtable(L, 0, 2);
  lua_pushvalue(L, keys);
  lua_pushlstring(L, name, strlen(name)); /* (lua_pushstring would look in its cache) */
  lua_rawset(L, -3);
  lua_pushvalue(L, keys + 1);
  lua_pushstring(L, entry_type(type));
  lua_rawset(L, -3);
}

void lwt_uv_fs_set_integer(lua_State *L, const char *key, uint64_t n) {
  lua_pushinteger(L, (lua_Integer)n);
  lua_setfield(L, -2, key);
}

static void set_time(lua_State *L, const char *key, uv_timespec_t t) {
  lua_pushnumber(L, (double)t.tv_sec + (double)t.tv_nsec * 1e-9);
  lua_setfield(L, -2, key);
}

void lwt_uv_fs_push_stat(lua_State *L, const uv_stat_t *st) {
  lua_createtable(L, 0, 16);
  lua_pushstring(L, mode_type(st->st_mode));
  lua_setfield(L, -2, "type");
  lwt_uv_fs_set_integer(L, "size", st->st_size);
  lwt_uv_fs_set_integer(L, "mode", st->st_mode & 07777);
  lwt_uv_fs_set_integer(L, "nlink", st->st_nlink);
  lwt_uv_fs_set_integer(L, "uid", st->st_uid);
  lwt_uv_fs_set_integer(L, "gid", st->st_gid);
  lwt_uv_fs_set_integer(L, "dev", st->st_dev);
  lwt_uv_fs_set_integer(L, "ino", st->st_ino);
  lwt_uv_fs_set_integer(L, "rdev", st->st_rdev);
  lwt_uv_fs_set_integer(L, "blksize", st->st_blksize);
  lwt_uv_fs_set_integer(L, "blocks", st->st_blocks);
  set_time(L, "atime", st->st_atim);
  set_time(L, "mtime", st->st_mtim);
  set_time(L, "ctime", st->st_ctim);
  set_time(L, "birthtime", st->st_birthtim);
}

/* After the last request. */
static void family_close(lwt_uv *ctx) {
  fs_state *fs = ctx->family[LWT_UV_FFS];
  ctx->family[LWT_UV_FFS] = NULL;
  if (fs == NULL) return;
  lwt_uv_fs_free_blocks(fs);
  free(fs);
}

void lwt_uv_open_fs(lwt_uv *ctx, lua_State *L) {
  fs_state *fs = calloc(1, sizeof *fs);
  if (fs == NULL)
    luaL_error(L, "not enough memory");
  else
    fs->left_end = &fs->left;
  ctx->family[LWT_UV_FFS] = fs;
  ctx->family_close[LWT_UV_FFS] = family_close;
  lua_newtable(L);
  lwt_uv_fs_open_files(ctx, L);
  lwt_uv_fs_open_paths(ctx, L);
  lwt_uv_fs_open_whole(ctx, L);
  lwt_uv_fs_open_copies(ctx, L);
  lwt_uv_fs_open_dirs(ctx, L);
  lwt_uv_fs_open_watch(ctx, L);
  lwt_uv_fs_open_channels(ctx, L);
}
