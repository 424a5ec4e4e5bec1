/* file.h: an open file, shared by its methods (file*.c) and its end
** (file_life.c).
**
**   userdata (file_box) ──f──► file ◄── requests under way: a reference each
**
** The descriptor is closed when nothing runs on it any more: another thread may be in a
** system call with it, and its number must not mean another file by then. Closing the
** file rejects what is pending at once all the same.
**
** Order. What moves the position (read, write, seek …) forms a queue, one at a time on
** the pool; pread and pwrite run beside it. A read that was cancelled too late leaves its
** bytes in `left`, where the next read finds them: the system's position is `left_len`
** ahead of ours.
*/
#ifndef LWT_UV_FS_FILE_H
#define LWT_UV_FS_FILE_H

#include <sys/uio.h>

#include "../bytes.h"
#include "internal.h"

typedef struct file file;
typedef struct file_req file_req;

/* A request's place among those that use a file: the file stays, and is told when it is
** over. A sendfile has two. */
typedef struct file_use {
  file *f; /* NULL: none */
  fs_req *q;
  struct file_use *next, **at; /* in f->uses; `at` is what points at it */
  int running;                 /* on the pool, or waiting on the loop */
} file_use;

/* User values of the file. */
enum { U_PATH = 1, U_CLOSE = 2 };
/* User values of a request: what is written, or filled; the file, which may not be
** collected (and closed) while something is pending. */
enum { U_DATA = 3, U_FILE = 4 };

/* Closing the descriptor. */
typedef struct file_job {
  uv_work_t work;
  file *f;
  ssize_t status;
  int busy;
} file_job;

typedef struct file_box {
  file *f; /* NULL: closed */
} file_box;

struct file {
  lwt_uv *ctx;
  int fd;
  int refs;    /* the userdata, and all that is under way */
  int running; /* jobs on the pool */
  unsigned char regular, no_nowait;
  char closed; /* atomic: nothing new begins */
  file_box *box;
  file_req *head, *tail; /* the queue; its head runs */
  file_use *uses;        /* every request under way */
  file_use *told;        /* those of them that have been told that it is closed */
  char *left;            /* malloc'd: bytes that were read and not delivered */
  size_t left_ofs, left_len, left_cap;
  unsigned turn; /* of the loop, and what was read inline in it */
  size_t spent;
  file_job closing;
  fs_req *close_req; /* the promise of close() */
};

/* ---- Requests on a file (file.c) -------------------------------------- */

/* As much as there is. */
#define FILE_ALL ((size_t)-1)

/* What writev writes: the memory, and what is pinned for it. */
typedef struct file_piece {
  struct iovec iov;
  lwt_uv_mem *mem;
} file_piece;

struct file_req {
  fs_req q;
  file *f;
  file_use use;
  file_req *next, *prev; /* in the queue */
  unsigned char ordered, locked;
  char *buf; /* reading: malloc'd; `len` of `cap` bytes are there, of `want` */
  size_t len, cap, want;
  const char *data; /* writing; `done` of it is written */
  lwt_uv_mem *mem;
  file_piece *pieces;
  int npieces, piece; /* those before `piece` are written */
  size_t done;
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

/* The class of a request on a file, for a file_op. */
#define FILE_CLASS(name, result) \
  { name, "path", 1, result, lwt_uv_file_release_req, lwt_uv_file_cancel_req }

void lwt_uv_file_release_req(lwt_uv_req *r);
void lwt_uv_file_cancel_req(lwt_uv_req *r);
/* The file at argument 1; NULL when it is closed. */
file *lwt_uv_file_check(lwt_uv *ctx, lua_State *L);
/* Push a request on the file at argument 1 and its promise; nothing may raise until it
** begins. NULL: that is closed now, and a rejected promise is pushed. (Making a request may
** run finalizers: what was read from the file or from lwt.bytes before is no longer
** true.) */
file_req *lwt_uv_file_new_req(lwt_uv *ctx, lua_State *L, const file_op *op);
/* Start it, or let it wait its turn; returns 1 with the promise pushed. */
int lwt_uv_file_begin_req(lua_State *L, file_req *fq);
/* The same for what leaves the position alone; for a closed file a rejected promise is
** pushed, and lwt_uv_file_new_op gives NULL. */
file_req *lwt_uv_file_new_op(lua_State *L, const file_op *op);
int lwt_uv_file_run_op(lua_State *L, const file_op *op);

/* Methods of the other files. */
extern const luaL_Reg lwt_uv_file_data_methods[], lwt_uv_file_about_methods[];

/* ---- Reading ahead (file_life.c) ------------------------------------------- */

/* Try to read without waiting. The count, 0 at the end, UV_EAGAIN: ask the pool. */
ssize_t lwt_uv_file_read_now(file *f, char *buf, size_t len);
/* Take `len` bytes of what a cancelled read left, which is more. */
void lwt_uv_file_take_left(file *f, char *buf, size_t len);
/* Keep the bytes of a malloc'd buffer, one at least, as what the next read gets (before what is
** there already, of which they were taken). The buffer is taken over. */
void lwt_uv_file_keep_left(file *f, char *buf, size_t len, size_t cap);
/* Move the system's position back to ours, before a write. */
void lwt_uv_file_rewind_left(file *f);
int64_t lwt_uv_file_seek(file *f, int64_t offset, int from);

void lwt_uv_file_unref(file *f);
/* The request uses the file from now on, and no longer. */
void lwt_uv_file_use(file_use *u, file *f, fs_req *q);
void lwt_uv_file_unuse(file_use *u);
/* It has gone to the pool: the descriptor stays open until it is over. */
void lwt_uv_file_begin(file_use *u);
/* Nothing new from now on; the descriptor is closed once nothing runs. */
void lwt_uv_file_shut(file *f);

/* For sendfile (copy.c): the file at `arg`, which may not be closed. */
file *lwt_uv_file_check_open(lwt_uv *ctx, lua_State *L, int arg);

#endif
