/* whole.c: whole files in one pool job each: read_file, write_file.
**
** A job handed to the pool costs several times what opening, reading and closing a small
** file does, so all of it is one job. Long ones check from time to time whether the
** request was cancelled. One that has to wait for a fifo is given up and comes again
** (internal.h, fs_work), so what it has open and has done by then is in the request.
*/
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../bytes.h"
#include "internal.h"

/* Bytes between two such checks. */
#define STEP ((size_t)8 * 1024 * 1024)

/* Memory for small files is kept: taken from malloc by a thread and given back by another,
** it would have the threads wait for each other. */
#define BLOCK ((size_t)8 * 1024)
#define MAX_BLOCKS 64

typedef union block {
  union block *next;
  char data[BLOCK];
} block;

typedef struct whole_req {
  fs_req q;
  const char *path;
  const char *data;  /* write_file */
  lwt_uv_mem *mem;   /* pinned, when it is a lwt.bytes */
  block *block;      /* read_file: may be used instead of malloc; or NULL */
  char *buf;         /* what is used: the block's, or malloc's */
  size_t len, cap;   /* there, or to be written; room for */
  size_t done, size; /* written; expected */
  int flags, mode;
  int fd; /* open; -1: not */
  unsigned char regular;
} whole_req;

static int is_stopped(whole_req *w) {
  return lwt_uv_fs_is_stopped(&w->q);
}

static void *new_whole(lwt_uv *ctx, lua_State *L, const lwt_uv_req_class *class, int what,
                       int own, fs_work run) {
  whole_req *w = lwt_uv_fs_new(ctx, L, class, sizeof *w, what, own, run);
  w->fd = -1;
  return w;
}

static ssize_t close_fd(whole_req *w) {
  int fd = w->fd;
  w->fd = -1;
  return fd < 0 ? 0 : lwt_uv_fs_close(fd);
}

/* Is it to come again? */
static int waits(const whole_req *w, ssize_t status) {
  return status == UV_EAGAIN && w->q.wait_for != FS_NO_WAIT;
}

static block *take_block(lwt_uv *ctx) { /* NULL: no memory */
  fs_state *fs = ctx->family[LWT_UV_FFS];
  block *b = fs->blocks;
  if (b == NULL) return malloc(sizeof *b);
  fs->blocks = b->next;
  fs->nblocks--;
  return b;
}

static void give_block(lwt_uv *ctx, block *b) {
  fs_state *fs = ctx->family[LWT_UV_FFS];
  if (b == NULL) return;
  if (fs->nblocks == MAX_BLOCKS) {
    free(b);
    return;
  }
  b->next = fs->blocks;
  fs->blocks = b;
  fs->nblocks++;
}

void lwt_uv_fs_free_blocks(fs_state *fs) {
  block *b = fs->blocks, *next;
  for (; b != NULL; b = next) {
    next = b->next;
    free(b);
  }
}

static int is_block(const whole_req *w) {
  return w->block != NULL && w->buf == w->block->data;
}

static void release_whole(lwt_uv_req *r) {
  whole_req *w = (whole_req *)r;
  close_fd(w); /* of one that was given up while it waited */
  if (!is_block(w)) free(w->buf);
  give_block(r->ctx, w->block);
  if (w->mem != NULL) lwt_uv_mem_unpin(w->mem);
}

/* ---- Reading ------------------------------------------------------------- */

static int more_room(whole_req *w) {
  size_t next = w->cap + w->cap / 2 + 4096;
  int kept = is_block(w);
  char *buf = realloc(kept ? NULL : w->buf, next);
  if (buf == NULL) return UV_ENOMEM;
  if (kept) memcpy(buf, w->block->data, w->len);
  w->buf = buf;
  w->cap = next;
  return 0;
}

/* All there is, in as few reads as the size that the system tells allows: one when it is
** right, more when the file grows or, as in /proc, has no size. */
static ssize_t read_rest(whole_req *w) {
  if (w->buf == NULL) {
    w->cap = w->size > BLOCK || w->block == NULL ? w->size : BLOCK;
    if (w->cap == 0) w->cap = 4096;
    w->buf = w->cap == BLOCK && w->block != NULL ? w->block->data : malloc(w->cap);
    if (w->buf == NULL) return UV_ENOMEM;
  }
  while (!is_stopped(w)) {
    size_t want = w->cap - w->len;
    ssize_t n = lwt_uv_fs_read(&w->q, w->fd, w->buf + w->len, want < STEP ? want : STEP,
                               -1, w->regular);
    if (n < 0) return n;
    w->len += (size_t)n;
    if (n == 0 || (w->size > 0 && w->len == w->size)) return 0;
    if (w->len == w->cap && more_room(w) < 0) return UV_ENOMEM;
  }
  return UV_ECANCELED;
}

/* Open what is read, and see how much there is. */
static int open_in(whole_req *w) {
  struct stat st;
  w->fd = lwt_uv_fs_open(&w->q, w->path, O_RDONLY, 0);
  if (w->fd < 0) return w->fd;
  if (fstat(w->fd, &st) != 0) return -errno;
  if (S_ISDIR(st.st_mode)) return UV_EISDIR;
  w->regular = (unsigned char)lwt_uv_fs_is_regular(w->fd, &st, O_RDONLY);
  if (w->regular) w->size = (size_t)st.st_size;
  return 0;
}

static ssize_t run_read_file(fs_req *q) {
  whole_req *w = (whole_req *)q;
  ssize_t status = w->fd < 0 ? open_in(w) : 0;
  if (status >= 0) status = read_rest(w);
  if (!waits(w, status)) close_fd(w);
  return status;
}

static int push_contents(lua_State *L, lwt_uv_req *r) {
  whole_req *w = (whole_req *)r;
  lua_pushlstring(L, w->buf, w->len);
  return 1;
}

/*---
Reads a whole file, in one job of the threadpool. Its promise is rejected with the system's error; a
directory with `EISDIR`, what does not fit into memory with `ENOMEM`. Cancelling rejects
at once.
@param path string
@return lwt.Promise<string>
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
  whole_req *w = new_whole(ctx, L, &class, 1, 0, run_read_file);
  w->block = take_block(ctx);
  w->path = path;
  return lwt_uv_fs_start(L, &w->q);
}

/* ---- Writing ------------------------------------------------------------- */

static ssize_t run_write_file(fs_req *q) {
  whole_req *w = (whole_req *)q;
  ssize_t status = 0;
  if (w->fd < 0) {
    struct stat st;
    w->fd = lwt_uv_fs_open(q, w->path, w->flags, w->mode);
    if (w->fd < 0) return w->fd;
    if (fstat(w->fd, &st) != 0)
      status = -errno;
    else
      w->regular = (unsigned char)lwt_uv_fs_is_regular(w->fd, &st, w->flags);
  }
  while (status >= 0 && w->done < w->len) {
    size_t n = w->len - w->done < STEP ? w->len - w->done : STEP;
    status = is_stopped(w)
                 ? UV_ECANCELED
                 : lwt_uv_fs_write(q, w->fd, w->data + w->done, n, -1, w->regular);
    if (status > 0) w->done += (size_t)status;
  }
  if (waits(w, status)) return status;
  ssize_t closed = close_fd(w);
  return status < 0 ? status : closed;
}

/*---
Writes a whole file, in one job of the threadpool. By default it is made, or emptied first
if it is there; "a" appends, "wx" refuses one that is there. It is not done in one step for other
readers: write another file and `rename` it for that. Cancelled in the middle, a part may be
written.
@param path string
@param data string|lwt.Bytes
@param flags? string|integer as in `open`, default "w"
@param mode? integer permissions of a new file, default 0666 less the umask
@return lwt.Promise<nil>
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
  size_t len;
  const char *path = lwt_uv_fs_check_path(L, 1);
  lwt_uv_check_data(ctx, L, 2, &len);
  int flags = lwt_uv_fs_check_flags(L, 3, "w"), mode = lwt_uv_fs_check_mode(L, 4, 0666);
  whole_req *w = new_whole(ctx, L, &class, 1, 1, run_write_file);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -3, 3);
  w->path = path;
  w->data = lwt_uv_fs_pin(ctx, L, 2, &w->len, &w->mem);
  w->flags = flags;
  w->mode = mode;
  if (flags & O_CREAT) w->q.makes = path;
  if (w->data == NULL) return lwt_uv_req_started(L, &w->q.req, UV_EINVAL);
  return lwt_uv_fs_start(L, &w->q);
}

static const luaL_Reg functions[] = {
    {"read_file", l_read_file}, {"write_file", l_write_file}, {NULL, NULL}};

void lwt_uv_fs_open_whole(lwt_uv *ctx, lua_State *L) {
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, functions, 1);
}
