/* file.c: lwt.fs.open, the queue of an open file's operations, and its end.
**
** The life of a file and the order of its operations: file.h. Every method gives a
** promise; misuse raises; on a closed file, and when the file is closed meanwhile, the
** promise is rejected with lwt.Closed. Errors carry the file's path. Reading and writing
** are in file_data.c, properties and locks in file_about.c, the end in file_life.c.
*/
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "file.h"

/* ---- The queue of a file ------------------------------------------------- */

static int submit(file_req *fq) {
  file *f = fq->f;
  if (fq->ordered) {
    if (fq->want > 0 && f->left_len > 0 &&
        fq->offset < 0) { /* what a cancelled read left */
      size_t n = f->left_len < fq->want ? f->left_len : fq->want;
      if (n < f->left_len) {
        if ((fq->buf = malloc(n)) == NULL) return UV_ENOMEM;
        fq->cap = n;
        fq->len = n;
        lwt_uv_file_take_left(f, fq->buf, n);
      } else {
        memmove(f->left, f->left + f->left_ofs, n);
        fq->buf = f->left;
        fq->cap = f->left_cap;
        fq->len = n;
        f->left = NULL;
        f->left_len = 0;
      }
    } else if (fq->want == 0) {
      lwt_uv_file_rewind_left(f);
    }
  }
  int status = lwt_uv_fs_submit(&fq->q);
  if (status >= 0) lwt_uv_file_begin(&fq->use);
  return status;
}

/* Start the head of the queue; what cannot start is over. */
static void submit_head(file *f) {
  /* A file that is being closed starts nothing: the close rejects what waits. */
  while (f->head != NULL && !f->head->q.started && !f->closed && !f->ctx->closing) {
    int status = submit(f->head);
    if (status >= 0) return;
    lwt_uv_req_done(&f->head->q.req, status); /* takes it out of the queue */
  }
}

static void enter_queue(file_req *fq) {
  file *f = fq->f;
  fq->prev = f->tail;
  if (f->tail != NULL)
    f->tail->next = fq;
  else
    f->head = fq;
  f->tail = fq;
}

static void leave_queue(file_req *fq) {
  file *f = fq->f;
  if (fq->prev == NULL && f->head != fq) return; /* never was in it */
  if (fq->prev != NULL)
    fq->prev->next = fq->next;
  else
    f->head = fq->next;
  if (fq->next != NULL)
    fq->next->prev = fq->prev;
  else
    f->tail = fq->prev;
}

/* A request that waits its turn is over at once; a running one only if no thread has it. */
void lwt_uv_file_cancel_req(lwt_uv_req *r) {
  if (((fs_req *)r)->started)
    lwt_uv_fs_cancel(r);
  else
    lwt_uv_req_done(r, UV_ECANCELED);
}

void lwt_uv_file_release_req(lwt_uv_req *r) {
  file_req *fq = (file_req *)r;
  file *f = fq->f;
  if (f == NULL) return;
  if (fq->ordered) leave_queue(fq);
  /* Bytes read at the position that were not delivered are the next read's. */
  if (fq->ordered && !r->taken && fq->len > 0) {
    lwt_uv_file_keep_left(f, fq->buf, fq->len, fq->cap);
    fq->buf = NULL;
  }
  if (fq->locked && !r->taken) flock(f->fd, LOCK_UN);
  free(fq->buf);
  if (fq->mem != NULL) lwt_uv_mem_unpin(fq->mem);
  for (int i = 0; i < fq->npieces; i++)
    if (fq->pieces[i].mem != NULL) lwt_uv_mem_unpin(fq->pieces[i].mem);
  free(fq->pieces);
  f->refs++;
  lwt_uv_file_unuse(&fq->use);
  if (fq->ordered) submit_head(f);
  lwt_uv_file_unref(f);
}

static file *file_at(lua_State *L, int arg) {
  return ((file_box *)lua_touserdata(L, arg))->f;
}

file_req *lwt_uv_file_new_req(lwt_uv *ctx, lua_State *L, const file_op *op) {
  lua_getiuservalue(L, 1, U_PATH);
  file_req *fq = lwt_uv_fs_new(ctx, L, &op->class, sizeof *fq,
                               lua_isstring(L, -1) ? -1 : 0, 2, op->run);
  file *f = file_at(L, 1);
  lua_remove(L, -3);
  if (f == NULL) { /* a finalizer has closed it: making the request may run some */
    lwt_uv_req_started(L, &fq->q.req, UV_ECANCELED);
    lwt_uv_reject_closed(ctx, L);
    return NULL;
  }
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -3, U_FILE);
  fq->f = f;
  fq->ordered = (unsigned char)op->ordered;
  fq->offset = -1;
  lwt_uv_file_use(&fq->use, f, &fq->q);
  return fq;
}

int lwt_uv_file_begin_req(lua_State *L, file_req *fq) {
  file *f = fq->f;
  if (!fq->ordered) return lwt_uv_req_started(L, &fq->q.req, submit(fq));
  enter_queue(fq);
  return lwt_uv_req_started(L, &fq->q.req, f->head == fq ? submit(fq) : 0);
}

/* The file at argument 1; NULL when it is closed. */
file *lwt_uv_file_check(lwt_uv *ctx, lua_State *L) {
  file_box *box = lwt_uv_check(ctx, L, 1, LWT_UV_FILE);
  return box->f;
}

/* Push a request for the file, or a rejected promise when it is closed (then NULL). */
file_req *lwt_uv_file_new_op(lua_State *L, const file_op *op) {
  lwt_uv *ctx = lwt_uv_context(L);
  file *f = lwt_uv_file_check(ctx, L);
  if (f == NULL) {
    lwt_uv_reject_closed(ctx, L);
    return NULL;
  }
  file_req *fq = lwt_uv_file_new_req(ctx, L, op);
  if (fq == NULL) return NULL;
  fq->want = FILE_ALL; /* does not touch the position, nor what was read ahead */
  fq->offset = 0;
  return fq;
}

int lwt_uv_file_run_op(lua_State *L, const file_op *op) {
  file_req *fq = lwt_uv_file_new_op(L, op);
  return fq == NULL ? 1 : lwt_uv_file_begin_req(L, fq);
}

static void forget_box(lwt_uv *ctx, lua_State *L, file_box *box) {
  file *f = box->f;
  box->f = NULL;
  f->box = NULL;
  ctx->lwt->handle_closed(ctx->lwt, L, box);
}

/* ---- Opening ------------------------------------------------------------- */

/* Push a closed file, to be given its descriptor. */
static file_box *push_file(lwt_uv *ctx, lua_State *L) {
  file_box *box = lwt_uv_new_userdata(ctx, L, LWT_UV_FILE, sizeof *box, 2);
  file *f = calloc(1, sizeof *f);
  if (f == NULL) {
    lwt_uv_push_error(ctx, L, UV_ENOMEM, "open", NULL, NULL);
    lua_error(L);
  }
  f->ctx = ctx;
  f->fd = -1;
  f->refs = 1;
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
  int fd = lwt_uv_fs_open(q, o->path, o->flags, o->mode), status = 0;
  if (fd < 0) return fd;
  if (fstat(fd, &st) != 0)
    status = uv_translate_sys_error(errno);
  else if (S_ISDIR(st.st_mode))
    status = UV_EISDIR;
  if (status != 0) {
    lwt_uv_fs_close(fd);
    return status;
  }
  o->regular = lwt_uv_fs_is_regular(fd, &st, o->flags);
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
  box->f->regular = (unsigned char)o->regular;
  box->f->fd = o->fd;
  o->fd =
      -1; /* the file's from now on, also when a finalizer has cancelled the request */
  return 1;
}

static ssize_t undo_open(fs_req *q) {
  open_req *o = (open_req *)q;
  if (o->fd >= 0) lwt_uv_fs_close(o->fd);
  o->fd = -1;
  return UV_ECANCELED;
}

static void release_open(lwt_uv_req *r) {
  open_req *o = (open_req *)r;
  if (r->taken) return;
  undo_open(&o->q);
  lwt_uv_descriptor_freed(r->ctx);
}

/*---
Opens a file. `flags` are those of `io.open` ("r", "w", "a", "r+", "w+", "a+", with or
without a "b"), with an "x" for a file that must not exist yet ("wx"), or the system's
number. The promise is fulfilled with the file; rejected with the system's error, a directory with
`EISDIR`. Cancelling rejects at once, and a file that was opened too late is closed again.

Operations of a file that use its position run in the order in which they were asked for;
`pread` and `pwrite` run beside them. `close` rejects what is pending with `lwt.Closed`.
@param path string
@param flags? string|integer default "r"
@param mode? integer permissions of a new file, default 0666 less the umask
@return lwt.Promise<lwt.File>
```lua
local f <close> = await(fs.open("f", "w+"))
await(f:write("hello"))
print(await(f:pread(3, 1)))   --> ell
```
@function lwt.fs.open(path, flags, mode) */
static int l_open(lua_State *L) {
  static const lwt_uv_req_class class = {"open",      "path",       1,
                                         push_opened, release_open, lwt_uv_fs_cancel};
  lwt_uv *ctx = lwt_uv_context(L);
  const char *path = lwt_uv_fs_check_path(L, 1);
  int flags = lwt_uv_fs_check_flags(L, 2, "r"), mode = lwt_uv_fs_check_mode(L, 3, 0666);
  open_req *o = lwt_uv_fs_new(ctx, L, &class, sizeof *o, 1, 0, run_open);
  o->path = path;
  o->flags = flags;
  o->mode = mode;
  o->fd = -1;
  o->q.undo = undo_open;
  if (flags & O_CREAT) o->q.makes = path;
  return lwt_uv_fs_start(L, &o->q);
}

/* Push a file userdata that owns the descriptor from now on (whatever uv_guess_handle
** says of it: reads and writes run on the threadpool).
** May raise (memory): the descriptor is the caller's then. */
static void file_of_fd(lwt_uv *ctx, lua_State *L, uv_file fd) {
  file_box *box = push_file(ctx, L);
  struct stat st;
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
  lua_Integer fd = lwt_uv_check_integer(L, 1);
  luaL_argcheck(L, fd >= 0 && fd <= INT_MAX, 1, "descriptor out of range");
  if (fcntl((int)fd, F_GETFD) < 0)
    return lwt_uv_raise(ctx, L, -errno, "of_fd", NULL, NULL);
  file_of_fd(ctx, L, (int)fd);
  return 1;
}

file *lwt_uv_file_check_open(lwt_uv *ctx, lua_State *L, int arg) {
  file_box *box = lwt_uv_check(ctx, L, arg, LWT_UV_FILE);
  if (box->f == NULL) luaL_error(L, "attempt to use a closed file");
  return box->f;
}

static int descriptor(void *userdata) {
  const file_box *box = userdata;
  return box->f == NULL ? -1 : box->f->fd;
}

int lwt_uv_fs_check_fd(lwt_uv *ctx, lua_State *L, int arg) {
  return lwt_uv_file_check_open(ctx, L, arg)->fd;
}

/* ---- Closing ------------------------------------------------------------- */

/* Reject what is pending on the file, whose box is empty already. Each rejection may run
** callbacks: a request is put aside before it is rejected. */
static void reject_pending(lua_State *L, file *f) {
  file_use *u;
  while ((u = f->uses) != NULL) {
    f->uses = u->next;
    if (u->next != NULL) u->next->at = &f->uses;
    u->next = f->told;
    u->at = &f->told;
    if (u->next != NULL) u->next->at = &u->next;
    f->told = u;
    lwt_uv_req *r = &u->q->req;
    if (!r->cancelled) {
      f->ctx->lwt->push_sentinel(f->ctx->lwt, L, "Closed");
      lwt_uv_req_abandon(L, r);
    }
    if (f->told != u) continue; /* over already */
    if (!u->q->started)
      lwt_uv_req_done(r, UV_ECANCELED);
    else if (u->q->wait != NULL)
      lwt_uv_fs_cancel(r);
  }
}

static void keep_on(lwt_uv_req *r) {
  (void)r; /* its promise was cancelled, but the descriptor is closed all the same */
}

/*---
Closes the file. What is pending is rejected with `lwt.Closed` at once; the promise is
fulfilled when the system has closed the descriptor, or rejected with what it could not
write (a full disk on some file systems). Closing again gives the same promise. Leaving a
`<close>` variable, and collection, close too.
@param f lwt.File
@return lwt.Promise<nil>
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
  fs_req *q =
      lwt_uv_fs_new(ctx, L, &class, sizeof *q, lua_isstring(L, 2) ? 2 : 0, 0, NULL);
  if (box->f == NULL) { /* by a finalizer, just now */
    lwt_uv_req_started(L, &q->req, UV_ECANCELED);
    lua_getiuservalue(L, 1, U_CLOSE);
    return 1;
  }
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, 1, U_CLOSE);
  lwt_uv_req_started(L, &q->req, 0);
  forget_box(ctx, L, box);
  f->close_req = q;
  f->refs++;
  lwt_uv_file_shut(f);
  reject_pending(L, f);
  lwt_uv_file_unref(f); /* ours */
  lwt_uv_file_unref(f); /* the userdata's */
  lua_getiuservalue(L, 1, U_CLOSE);
  return 1;
}

/* <close> and collection. Nothing is pending, as a rule: then the descriptor is closed
** right here, which does not wait for what was written before. */
static int l_shut(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  file_box *box = lwt_uv_test(ctx, L, 1, LWT_UV_FILE);
  file *f = box == NULL ? NULL : box->f;
  if (f == NULL) return 0;
  forget_box(ctx, L, box);
  lwt_uv_file_shut(f);
  if (!ctx->closing) reject_pending(L, f);
  lwt_uv_file_unref(f);
  return 0;
}

static int l_gc(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  file_box *box = lwt_uv_test(ctx, L, 1, LWT_UV_FILE);
  file *f = box == NULL ? NULL : box->f;
  if (f == NULL) return 0;
  box->f = NULL;
  f->box = NULL;
  ctx->lwt->handle_closed(ctx->lwt, L, box);
  lwt_uv_file_shut(f);
  lwt_uv_file_unref(f);
  return 0;
}

static int l_tostring(lua_State *L) {
  file_box *box = lwt_uv_check(lwt_uv_context(L), L, 1, LWT_UV_FILE);
  lua_getiuservalue(L, 1, U_PATH);
  const char *path = lua_tostring(L, -1);
  if (box->f == NULL)
    lua_pushliteral(L, "lwt.file (closed)");
  else
    lua_pushfstring(L, "lwt.file (%s)", path == NULL ? "?" : path);
  return 1;
}

static const luaL_Reg methods[] = {{"close", l_close}, {NULL, NULL}};

static const luaL_Reg metamethods[] = {
    {"__gc", l_gc}, {"__close", l_shut}, {"__tostring", l_tostring}, {NULL, NULL}};

static const luaL_Reg functions[] = {{"open", l_open}, {"of_fd", l_of_fd}, {NULL, NULL}};

/* The methods are fs.file: fs.lua adds those that are written in Lua. */
void lwt_uv_fs_open_files(lwt_uv *ctx, lua_State *L) {
  lwt_uv_new_type(ctx, L, LWT_UV_FILE, "lwt.file", methods, metamethods);
  ctx->type[LWT_UV_FILE].descriptor = descriptor;
  lua_rawgeti(L, LUA_REGISTRYINDEX, ctx->type[LWT_UV_FILE].ref);
  lua_getfield(L, -1, "__index");
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, lwt_uv_file_data_methods, 1);
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, lwt_uv_file_about_methods, 1);
  lua_setfield(L, -3, "file");
  lua_pop(L, 1);
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, functions, 1);
}
