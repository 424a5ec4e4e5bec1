/* dir.c: a directory read piece by piece, for fs.readdir (fs.lua makes the stream).
**
** The userdata points at a block that a job under way shares: the last of the two closes
** the directory. The first piece opens it, the last one closes it, in the same job: a
** small directory costs one hand-over to the pool. One job at a time: the stream sees to
** it.
*/
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define PIECE 256

typedef struct dir {
  DIR *stream; /* NULL: not opened yet, or closed */
  int refs;    /* the userdata, and a job */
  int busy, over;
} dir;

typedef struct dir_box {
  dir *d; /* NULL: closed */
} dir_box;

typedef struct dir_req {
  fs_req q;
  dir *d;
  const char *path;
  char *names; /* each a byte for the type, the name, \0 */
  size_t len, cap;
} dir_req;

static void close_stream(dir *d) {
  if (d->stream != NULL) closedir(d->stream);
  d->stream = NULL;
}

static void unref(dir *d) {
  if (--d->refs > 0) return;
  close_stream(d);
  free(d);
}

static uv_dirent_type_t entry_type(const struct dirent *e) {
#ifdef DT_UNKNOWN
  switch (e->d_type) {
  case DT_REG: return UV_DIRENT_FILE;
  case DT_DIR: return UV_DIRENT_DIR;
  case DT_LNK: return UV_DIRENT_LINK;
  case DT_FIFO: return UV_DIRENT_FIFO;
  case DT_SOCK: return UV_DIRENT_SOCKET;
  case DT_CHR: return UV_DIRENT_CHAR;
  case DT_BLK: return UV_DIRENT_BLOCK;
  default: break;
  }
#else
  (void)e;
#endif
  return UV_DIRENT_UNKNOWN;
}

static int add_name(dir_req *r, const struct dirent *e) {
  size_t len = strlen(e->d_name) + 2;
  if (r->len + len > r->cap) {
    size_t cap = r->cap * 2 + 1024 + len;
    char *names = realloc(r->names, cap);
    if (names == NULL) return UV_ENOMEM;
    r->names = names;
    r->cap = cap;
  }
  r->names[r->len] = (char)entry_type(e);
  memcpy(r->names + r->len + 1, e->d_name, len - 1);
  r->len += len;
  return 0;
}

static ssize_t read_piece(dir_req *r, dir *d) {
  if (d->stream == NULL && (d->stream = opendir(r->path)) == NULL) return -errno;
  for (int n = 0; n < PIECE;) {
    errno = 0;
    const struct dirent *e = readdir(d->stream);
    if (e == NULL) {
      int err = errno;
      d->over = 1;
      close_stream(d);
      return err != 0 ? -err : n;
    }
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    int status = add_name(r, e);
    if (status < 0) return status;
    n++;
  }
  return PIECE;
}

/* The reader of this piece may ask for the next one before the request is released: the
** directory is free as soon as the thread is done with it. */
static ssize_t run_next(fs_req *q) {
  dir_req *r = (dir_req *)q;
  ssize_t n = read_piece(r, r->d);
  __atomic_store_n(&r->d->busy, 0, __ATOMIC_RELEASE);
  return n;
}

/* Push the list of entries, or nil at the end. */
static int push_entries(lua_State *L, lwt_uv_req *req) {
  dir_req *r = (dir_req *)req;
  if (req->status == 0) {
    lua_pushnil(L);
    return 1;
  }
  int keys = lwt_uv_fs_push_keys(L);
  lua_createtable(L, (int)req->status, 0);
  const char *p = r->names;
  for (int i = 1; i <= (int)req->status; i++) {
    lwt_uv_fs_push_entry(L, keys, p + 1, (uv_dirent_type_t)*p);
    lua_rawseti(L, -2, i);
    p += strlen(p + 1) + 2;
  }
  return 1;
}

static void release_next(lwt_uv_req *req) {
  dir_req *r = (dir_req *)req;
  free(r->names);
  if (r->d == NULL) return;
  if (req->status == UV_ECANCELED) r->d->busy = 0; /* never ran */
  unref(r->d);
}

static dir_box *check(lua_State *L) {
  return lwt_uv_check(lwt_uv_context(L), L, 1, LWT_UV_DIR);
}

/* fs.dir(path): a directory that is not open yet. */
static int l_dir(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  lwt_uv_fs_check_path(L, 1);
  lwt_uv_check_open(ctx, L);
  dir_box *box = lwt_uv_new_userdata(ctx, L, LWT_UV_DIR, sizeof *box, 1);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  box->d = calloc(1, sizeof *box->d);
  if (box->d == NULL)
    return lwt_uv_raise(ctx, L, UV_ENOMEM, "readdir", "path", lua_tostring(L, 1));
  box->d->refs = 1;
  ctx->lwt->handle_opened(ctx->lwt, L, -1, "dir");
  return 1;
}

static int is_over(const dir *d) {
  return d == NULL || (!__atomic_load_n(&d->busy, __ATOMIC_ACQUIRE) && d->over);
}

/* d:next(): a promise of the next entries, nil at the end and once it is closed. */
static int l_next(lua_State *L) {
  static const lwt_uv_req_class class = {"readdir",    "path",       1,
                                         push_entries, release_next, lwt_uv_fs_cancel};
  lwt_uv *ctx = lwt_uv_context(L);
  dir_box *box = check(L);
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, 1);
  const char *path = lua_tostring(L, -1);
  if (is_over(box->d)) {
    lua_pushnil(L);
    ctx->lwt->fulfilled(ctx->lwt, L, 1);
    return 1;
  }
  dir_req *r = lwt_uv_fs_new(ctx, L, &class, sizeof *r, -1, 0, run_next);
  dir *d = box->d; /* only now: making the request may run finalizers */
  if (is_over(d)) return lwt_uv_req_started(L, &r->q.req, UV_ECANCELED);
  if (__atomic_load_n(&d->busy, __ATOMIC_ACQUIRE))
    return lwt_uv_req_started(L, &r->q.req, UV_EBUSY);
  r->d = d;
  r->path = path;
  d->refs++;
  __atomic_store_n(&d->busy, 1, __ATOMIC_RELAXED);
  return lwt_uv_fs_start(L, &r->q);
}

static int l_close(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  dir_box *box = check(L);
  dir *d = box->d;
  if (d == NULL) return 0;
  box->d = NULL;
  ctx->lwt->handle_closed(ctx->lwt, L, box);
  unref(d);
  return 0;
}

static const luaL_Reg methods[] = {{"next", l_next}, {"close", l_close}, {NULL, NULL}};
static const luaL_Reg metamethods[] = {
    {"__gc", l_close}, {"__close", l_close}, {NULL, NULL}};
static const luaL_Reg functions[] = {{"dir", l_dir}, {NULL, NULL}};

void lwt_uv_fs_open_dirs(lwt_uv *ctx, lua_State *L) {
  lwt_uv_new_type(ctx, L, LWT_UV_DIR, "lwt.dir", methods, metamethods);
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, functions, 1);
}
