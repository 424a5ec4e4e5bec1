/* copy.c: from one file to another without passing through Lua: copyfile, sendfile.
**
** A copy is written beside its destination, under a name of its own, and renamed when it is
** whole: one that is given up in the middle has changed nothing. Both come again when
** they have to wait (internal.h, fs_work), so what is open and done is in the request.
*/
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/sendfile.h>
#endif
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

/* Bytes between two checks whether the request was cancelled. */
#define STEP ((size_t)8 * 1024 * 1024)
#define BY_HAND ((size_t)256 * 1024)

static void close_fd(int *fd) {
  if (*fd >= 0) lwt_uv_fs_close(*fd);
  *fd = -1;
}

static int waits(const fs_req *q, ssize_t status) {
  return status == UV_EAGAIN && q->wait_for != FS_NO_WAIT;
}

/* ---- copyfile ------------------------------------------------------------ */

typedef struct copy_req {
  fs_req q;
  const char *path, *to;
  int excl;
  int in, out; /* -1: not open */
  unsigned char in_regular, out_regular;
  unsigned char sparse; /* the file has fewer blocks than bytes */
  char *target;         /* where it goes, symbolic links resolved; NULL: `to`. malloc'd */
  char *temp; /* its name until it is whole; NULL: it is written in place. malloc'd */
  char *buf;  /* what goes by hand: from `at` to `len` is still to be written */
  size_t at, len;
} copy_req;

static void drop_temp(copy_req *c) {
  if (c->temp != NULL) unlink(c->temp);
  free(c->temp);
  c->temp = NULL;
}

static void release_copy(lwt_uv_req *r) {
  copy_req *c = (copy_req *)r;
  close_fd(&c->in);
  close_fd(&c->out);
  drop_temp(c);
  free(c->target);
  free(c->buf);
}

/* A new file in the folder of `target`. */
static int open_temp(copy_req *c, const char *target) {
  const char *slash = strrchr(target, '/');
  size_t dir = slash == NULL ? 0 : (size_t)(slash - target) + 1, size = dir + 32;
  char *temp = malloc(size);
  if (temp == NULL) return UV_ENOMEM;
  memcpy(temp, target, dir);
  for (int tries = 0; tries < 100; tries++) {
    unsigned char x[6];
    int status = uv_random(NULL, NULL, x, sizeof x, 0, NULL);
    if (status < 0) {
      free(temp);
      return status;
    }
    snprintf(temp + dir, size - dir, ".lwt-copy-%02x%02x%02x%02x%02x%02x", x[0], x[1],
             x[2], x[3], x[4], x[5]);
    c->out = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (c->out >= 0) {
      c->temp = temp;
      return 0;
    }
    if (errno != EEXIST && errno != EINTR) {
      status = -errno;
      free(temp);
      return status;
    }
  }
  free(temp);
  return UV_EIO;
}

/* What is there already is written over: a device, a fifo, a file whose folder takes no
** other. */
static int open_in_place(copy_req *c) {
  struct stat st;
  c->out = lwt_uv_fs_open(&c->q, c->to, O_WRONLY | O_CREAT, 0600);
  if (c->out < 0) return c->out;
  if (fstat(c->out, &st) != 0) return -errno;
  c->out_regular = (unsigned char)lwt_uv_fs_is_regular(c->out, &st, O_WRONLY);
  /* Not when it is empty: ext4 writes a file that was cut to nothing out to the disk, as
  ** soon as it is closed, and the copy would wait for that. */
  return c->out_regular && st.st_size > 0 && ftruncate(c->out, 0) != 0 ? -errno : 0;
}

/* Through a symbolic link to nothing: what appears there goes again when it is not whole. */
static int open_behind_link(copy_req *c) {
  int status = open_in_place(c);
  if (status == 0) c->temp = realpath(c->to, NULL);
  if (c->temp != NULL) c->target = strdup(c->temp); /* NULL: the link, as good */
  return status;
}

/* Over the regular file `to`. */
static int open_over(copy_req *c, const struct stat *from, const struct stat *to) {
  if (to->st_dev == from->st_dev && to->st_ino == from->st_ino) return UV_EINVAL;
  if (faccessat(AT_FDCWD, c->to, W_OK, AT_EACCESS) != 0) return -errno;
  c->target = realpath(c->to, NULL);
  if (c->target == NULL) return -errno;
  int status = open_temp(c, c->target);
  if (status == UV_EACCES || status == UV_EPERM || status == UV_EROFS)
    return open_in_place(c);
  /* The new file gets the owner of the old one, where we may set it. */
  if (status == 0 && (to->st_uid != geteuid() || to->st_gid != getegid()) &&
      fchown(c->out, to->st_uid, to->st_gid) != 0)
    return 0;
  return status;
}

static int open_out(copy_req *c, const struct stat *from) {
  struct stat to;
  int status;
  c->out_regular = 1;
  if (lstat(c->to, &to) != 0) {
    status = errno == ENOENT ? open_temp(c, c->to) : -errno;
  } else if (c->excl) {
    status = UV_EEXIST;
  } else if (stat(c->to, &to) != 0) {
    status = errno == ENOENT ? open_behind_link(c) : -errno;
  } else {
    status = S_ISREG(to.st_mode) ? open_over(c, from, &to) : open_in_place(c);
  }
  if (status < 0 || !c->out_regular) return status; /* /dev/null keeps its permissions */
  return fchmod(c->out, from->st_mode & 07777) == 0 || errno == EPERM ? 0 : -errno;
}

/* How many bytes, `most` at most, are to be copied next: a negative status, or where there may be none
** `most`. Both files stand there then: a hole is stepped over, and is one in the copy, which is new. */
static ssize_t next_bytes(copy_req *c, size_t most) {
#ifdef SEEK_DATA
  struct stat st;
  off_t at, data, hole = -1;
  if (!c->sparse || !c->in_regular || !c->out_regular) return (ssize_t)most;
  at = lseek(c->in, 0, SEEK_CUR);
  if (at < 0 || fstat(c->in, &st) != 0) return -errno;
  data = lseek(c->in, at, SEEK_DATA);
  if (data < 0) data = errno == ENXIO && st.st_size > at ? st.st_size : at;
  if (data < st.st_size) hole = lseek(c->in, data, SEEK_HOLE);
  if (lseek(c->in, data, SEEK_SET) < 0) return -errno;
  if (data > at && (ftruncate(c->out, data) != 0 || lseek(c->out, data, SEEK_SET) < 0))
    return -errno;
  if (hole > data && (size_t)(hole - data) < most) most = (size_t)(hole - data);
#endif
  return (ssize_t)most;
}

/* From or to something that is not a regular file, or not between these two. */
static ssize_t copy_by_hand(copy_req *c) {
  if (c->buf == NULL && (c->buf = malloc(BY_HAND)) == NULL) return UV_ENOMEM;
  while (!lwt_uv_fs_is_stopped(&c->q)) {
    ssize_t n;
    if (c->at == c->len) {
      n = next_bytes(c, BY_HAND);
      if (n < 0) return n;
      n = lwt_uv_fs_read(&c->q, c->in, c->buf, (size_t)n, -1, c->in_regular);
      if (n <= 0) return n;
      c->at = 0;
      c->len = (size_t)n;
    }
    n = lwt_uv_fs_write(&c->q, c->out, c->buf + c->at, c->len - c->at, -1,
                        c->out_regular);
    if (n < 0) return n;
    c->at += (size_t)n;
  }
  return UV_ECANCELED;
}

/* Inside the system where it can (which shares blocks on file systems that do that). */
static ssize_t copy_data(copy_req *c) {
#ifdef __linux__
  size_t done = 0;
  while (c->in_regular && c->out_regular && !lwt_uv_fs_is_stopped(&c->q)) {
    ssize_t n = next_bytes(c, STEP);
    if (n < 0) return n;
    n = copy_file_range(c->in, NULL, c->out, NULL, (size_t)n, 0);
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
  return copy_by_hand(c);
}

/* Where there are no hard links: take the name, then replace what has it. */
static int rename_excl(const char *temp, const char *target) {
  int fd = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return -errno;
  lwt_uv_fs_close(fd);
  if (rename(temp, target) == 0) return 0;
  int status = -errno;
  unlink(target);
  return status;
}

/* The copy is whole: give it its name. */
static int put_in_place(copy_req *c) {
  const char *target = c->target != NULL ? c->target : c->to;
  int status = 0;
  if (c->temp == NULL) return 0;
  if (lwt_uv_fs_is_stopped(&c->q)) return UV_ECANCELED;
  if (!c->excl) {
    if (rename(c->temp, target) != 0) return -errno;
  } else if (link(c->temp, target) == 0) {
    return 0; /* the other name goes */
  } else if (errno == EEXIST) {
    return UV_EEXIST;
  } else {
    status = rename_excl(c->temp, target);
    if (status < 0) return status;
  }
  free(c->temp);
  c->temp = NULL;
  return status;
}

static int open_both(copy_req *c) {
  struct stat from;
  if (c->in < 0) {
    c->in = lwt_uv_fs_open(&c->q, c->path, O_RDONLY, 0);
    if (c->in < 0) return c->in;
  }
  if (fstat(c->in, &from) != 0) return -errno;
  if (S_ISDIR(from.st_mode)) return UV_EISDIR;
  c->in_regular = (unsigned char)lwt_uv_fs_is_regular(c->in, &from, O_RDONLY);
  c->sparse = (off_t)from.st_blocks * 512 < from.st_size;
  return open_out(c, &from);
}

static ssize_t run_copyfile(fs_req *q) {
  copy_req *c = (copy_req *)q;
  ssize_t status = c->out < 0 ? open_both(c) : 0;
  if (status >= 0) status = copy_data(c);
  if (waits(q, status)) return status;
  close_fd(&c->in);
  if (c->out >= 0) {
    int closed = lwt_uv_fs_close(c->out);
    c->out = -1;
    if (status >= 0) status = closed;
  }
  if (status >= 0) status = put_in_place(c);
  drop_temp(c);
  return status;
}

/*---
Copies a file, with its permissions and holes, in one job of the threadpool and inside the system
where that is possible. A file that has the new name is replaced, with `excl` refused
(`EEXIST`); through a symbolic link the file that it points to is. The copy is made beside
it, as ".lwt-copy-…", and renamed when it is whole: when it fails or is cancelled, what was
there before is there still, and no part of a copy. (Devices and fifos, and a file whose
folder may not be written to, are written to as they are.)
@param from string
@param to string
@param opts? table `{excl = boolean}`
@return lwt.Promise<nil>
```lua
await(fs.write_file("a", "text"))
await(fs.copyfile("a", "b"))
print(await(fs.read_file("b")))   --> text
```
@function lwt.fs.copyfile(from, to, opts) */
static int l_copyfile(lua_State *L) {
  static const lwt_uv_req_class class = {"copyfile", "path",       1,
                                         NULL,       release_copy, lwt_uv_fs_cancel};
  static const char *const names[] = {"excl", NULL};
  const char *path = lwt_uv_fs_check_path(L, 1), *to = lwt_uv_fs_check_path(L, 2);
  lua_settop(L, 3);
  lwt_uv_check_options(L, 3, names);
  int excl = lwt_uv_option_flag(L, 3, "excl", 0);
  copy_req *c =
      lwt_uv_fs_new(lwt_uv_context(L), L, &class, sizeof *c, 1, 1, run_copyfile);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -3, 3);
  c->path = path;
  c->to = to;
  c->q.makes = to;
  c->excl = excl;
  c->in = c->out = -1;
  return lwt_uv_fs_start(L, &c->q);
}

/* ---- sendfile ------------------------------------------------------------ */

typedef struct send_req send_req;
struct send_req {
  fs_req q;
  send_req *next, **before; /* in fs_state.sends; before == NULL: not there */
  int number;               /* the bare number of `out`, as it was given */
  file_use to, from;        /* what is counted, where files were given */
  int own_out, own_in;      /* duplicates, where bare numbers were; -1: none */
  int out, in;
  int64_t offset;
  size_t len, done;
  unsigned char known, regular, nonblocking, socket; /* about `out` */
};

static void list_send(fs_state *fs, send_req *s) {
  s->next = fs->sends;
  s->before = (send_req **)&fs->sends;
  if (s->next != NULL) s->next->before = &s->next;
  fs->sends = s;
}

static int is_sending(lwt_uv *ctx, int fd) {
  const send_req *s = ((fs_state *)ctx->family[LWT_UV_FFS])->sends;
  while (s != NULL && s->number != fd) s = s->next;
  return s != NULL;
}

static void send_over(fs_req *q, ssize_t status) {
  send_req *s = (send_req *)q;
  lwt_uv *ctx = q->req.ctx;
  if (status < 0 && s->socket && ctx->hook.send_failed != NULL)
    ctx->hook.send_failed(ctx, s->number, s->out, status);
}

static void release_send(lwt_uv_req *r) {
  send_req *s = (send_req *)r;
  if (s->before != NULL) {
    *s->before = s->next;
    if (s->next != NULL) s->next->before = s->before;
  }
  close_fd(&s->own_out);
  close_fd(&s->own_in);
  lwt_uv_file_unuse(&s->to);
  lwt_uv_file_unuse(&s->from);
}

/* Through memory. */
static ssize_t send_by_hand(send_req *s, int64_t offset, size_t n) {
  char buf[16384];
  ssize_t got, sent;
  size_t most = s->regular || s->nonblocking || s->socket ? sizeof buf : FS_SMALL_WRITE;
  do got = pread(s->in, buf, n < most ? n : most, (off_t)offset);
  while (got < 0 && errno == EINTR);
  if (got <= 0) return got < 0 ? -errno : 0;
  do
    sent = s->socket ? send(s->out, buf, (size_t)got, MSG_DONTWAIT | MSG_NOSIGNAL)
                     : write(s->out, buf, (size_t)got);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : sent;
}

/* Some bytes: their count, 0 at the end, or an error. */
static ssize_t send_some(send_req *s, int64_t offset, size_t n) {
#ifdef __linux__
  if (s->regular || s->nonblocking) { /* else it would wait in the thread */
    off_t at = (off_t)offset;
    ssize_t sent;
    do sent = sendfile(s->out, s->in, &at, n);
    while (sent < 0 && errno == EINTR);
    /* Not between these two (`out` appends, perhaps): through memory. */
    if (sent >= 0 || (errno != EINVAL && errno != ENOSYS))
      return sent < 0 ? -errno : sent;
  }
#endif
  return send_by_hand(s, offset, n);
}

static int look_at(send_req *s) {
  struct stat st;
  int flags = fcntl(s->out, F_GETFL);
  if (flags < 0 || fstat(s->out, &st) != 0) return -errno;
  s->regular = S_ISREG(st.st_mode);
  s->socket = S_ISSOCK(st.st_mode);
  s->nonblocking = (flags & O_NONBLOCK) != 0;
  s->known = 1;
  return 0;
}

static ssize_t run_sendfile(fs_req *q) {
  send_req *s = (send_req *)q;
  int status = s->known ? 0 : look_at(s);
  if (status < 0) return status;
  while (s->done < s->len) {
    size_t n = s->len - s->done < STEP ? s->len - s->done : STEP;
    if (lwt_uv_fs_is_stopped(q)) return UV_ECANCELED;
    if (!s->regular && !lwt_uv_fs_is_ready(q, s->out, FS_WAIT_WRITE)) return UV_EAGAIN;
    ssize_t sent = send_some(s, s->offset + (int64_t)s->done, n);
    if (sent == UV_EAGAIN) return lwt_uv_fs_wait_later(q, s->out, FS_WAIT_WRITE);
    if (sent < 0) return sent;
    if (sent == 0) break;
    s->done += (size_t)sent;
  }
  return (ssize_t)s->done;
}

static int push_count(lua_State *L, lwt_uv_req *r) {
  lua_pushinteger(L, (lua_Integer)r->status);
  return 1;
}

/* A file, or a descriptor's number. */
static void check_descriptor(lwt_uv *ctx, lua_State *L, int arg) {
  if (lua_type(L, arg) != LUA_TNUMBER) {
    lwt_uv_file_check_open(ctx, L, arg);
    return;
  }
  lua_Integer n = lwt_uv_check_integer(L, arg);
  luaL_argcheck(L, n >= 0 && n <= 0x7fffffff, arg, "descriptor out of range");
}

/* Take part in the file, or have a descriptor of our own for what the number means now.
** Neither may be closed while the thread uses it: the next open would get its number. */
static int hold(lua_State *L, send_req *s, int arg, file_use *u, int *own, int *fd) {
  if (lua_type(L, arg) == LUA_TNUMBER) {
    *fd = *own = fcntl((int)lua_tointeger(L, arg), F_DUPFD_CLOEXEC, 3);
    return *own < 0 ? -errno : 0;
  }
  file *f = ((file_box *)lua_touserdata(L, arg))->f;
  if (f == NULL) return UV_EBADF; /* a finalizer closed it, just now */
  *fd = f->fd;
  lwt_uv_file_use(u, f, &s->q);
  lwt_uv_file_begin(u);
  return 0;
}

/*---
Copies bytes of an open file to another one, at its position, or to a socket or pipe,
without their passing through Lua. Closing one of the files rejects it with `lwt.Closed`. A
number means what it stands for now: it may be closed, and used again, meanwhile. What
takes no more is waited for; what a socket of `lwt.net` has still to write comes out later,
not before. Cancelled in the middle, a part is written.
@param dst lwt.File|integer a file, or a descriptor: `sock:fileno()`
@param src lwt.File|integer
@param offset integer where to begin in `src`
@param length integer
@return lwt.Promise<integer> # the number of bytes: less than `length` at the end of `src`
```lua
await(fs.write_file("a", "hello"))
local src <close> = await(fs.open("a"))
local dst <close> = await(fs.open("b", "w"))
print(await(fs.sendfile(dst, src, 1, 100)), await(fs.read_file("b")))   --> 4 ello
```
@function lwt.fs.sendfile(dst, src, offset, length) */
static int l_sendfile(lua_State *L) {
  static const lwt_uv_req_class class = {"sendfile", NULL,         1,
                                         push_count, release_send, lwt_uv_fs_cancel};
  lwt_uv *ctx = lwt_uv_context(L);
  check_descriptor(ctx, L, 1);
  check_descriptor(ctx, L, 2);
  lua_Integer offset = lwt_uv_check_integer(L, 3), length = lwt_uv_check_integer(L, 4);
  luaL_argcheck(L, offset >= 0, 3, "negative offset");
  luaL_argcheck(L, length >= 0, 4, "negative length");
  send_req *s = lwt_uv_fs_new(ctx, L, &class, sizeof *s, 0, 2, run_sendfile);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -3, 3);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -3, 4);
  s->own_out = s->own_in = -1;
  s->offset = offset;
  s->len = (size_t)length;
  int status = hold(L, s, 1, &s->to, &s->own_out, &s->out);
  if (status >= 0) status = hold(L, s, 2, &s->from, &s->own_in, &s->in);
  if (s->own_out >= 0) {
    s->number = (int)lua_tointeger(L, 1);
    s->q.over = send_over;
    list_send(ctx->family[LWT_UV_FFS], s);
  }
  if (status >= 0) status = lwt_uv_fs_submit(&s->q);
  return lwt_uv_req_started(L, &s->q.req, status);
}

static const luaL_Reg functions[] = {
    {"copyfile", l_copyfile}, {"sendfile", l_sendfile}, {NULL, NULL}};

void lwt_uv_fs_open_copies(lwt_uv *ctx, lua_State *L) {
  ctx->hook.is_sending = is_sending;
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, functions, 1);
}
