/* fs_internal.h: what the files of lwt.fs share.
**
** Every operation is a request (uv_internal.h) whose work runs on the threadpool, as
** plain blocking code: several system calls cost one hand-over, not one each.
*/
#ifndef LWT_UV_FS_INTERNAL_H
#define LWT_UV_FS_INTERNAL_H

#include <sys/stat.h>

#include "uv_internal.h"

typedef struct fs_req fs_req;

/* Runs on the pool; returns the request's status. No Lua; what it points at was anchored. */
typedef ssize_t (*fs_work)(fs_req *q);

struct fs_req {
  lwt_uv_req req; /* first: a fs_req is its lwt_uv_req */
  uv_work_t work;
  fs_work run;
  ssize_t status;
  char stop; /* atomic: nobody wants it any more */
};

/* Push a new request (of `size` bytes, whose first field is a fs_req) and its promise,
** see lwt_uv_req_new. Nothing may raise between this and lwt_uv_fs_start. */
void *lwt_uv_fs_new(lwt_uv *ctx, lua_State *L, const lwt_uv_req_class *class, size_t size,
                    int what, int own, fs_work run);
/* Hand it to the pool; returns 1 with the promise on the stack, as lwt_uv_req_started. */
int lwt_uv_fs_start(lua_State *L, fs_req *q);
/* The same without Lua, for a request whose promise is out already. Returns a status. */
int lwt_uv_fs_submit(fs_req *q);

/* A path argument: a string without \0. */
const char *lwt_uv_fs_check_path(lua_State *L, int arg);
/* Flags of open: "r", "w", "a", "r+" … or a number or nil ("r"). */
int lwt_uv_fs_check_flags(lua_State *L, int arg, const char *or_else);
/* Permission bits, `or_else` for nil. */
int lwt_uv_fs_check_mode(lua_State *L, int arg, int or_else);
/* Seconds for utime: a number, or nil for now. */
double lwt_uv_fs_check_time(lua_State *L, int arg);
/* Push the table of stat(), of a directory entry's type. */
void lwt_uv_fs_push_stat(lua_State *L, const uv_stat_t *st);
/* t[key] = n, of the table at the top. */
void lwt_uv_fs_set_integer(lua_State *L, const char *key, uint64_t n);
const char *lwt_uv_fs_type_name(uv_dirent_type_t type);

/* System calls that go on after a signal; a negative errno on failure. `write` goes on
** until all is written. What may keep a thread for long (all but regular files) is given
** `stop`: when that is set, they give up within a tenth of a second (UV_ECANCELED). */
ssize_t lwt_uv_fs_read(int fd, char *buf, size_t len, int64_t offset, const char *stop);
ssize_t lwt_uv_fs_write(int fd, const char *buf, size_t len, int64_t offset,
                        const char *stop);
int lwt_uv_fs_open(const char *path, int flags, int mode, const char *stop);
/* After lwt_uv_fs_open with these flags and fstat. */
int lwt_uv_fs_is_regular(int fd, const struct stat *st, int flags);
/* A class's `cancel` that sets `stop` for the thread that has it. */
void lwt_uv_fs_cancel(lwt_uv_req *r);
int lwt_uv_fs_close(int fd);

/* Register the functions of each file in the table at the top of the stack. */
void lwt_uv_fs_open_paths(lwt_uv *ctx, lua_State *L);
void lwt_uv_fs_open_files(lwt_uv *ctx, lua_State *L);
void lwt_uv_fs_open_whole(lwt_uv *ctx, lua_State *L);
void lwt_uv_fs_open_dirs(lwt_uv *ctx, lua_State *L);
void lwt_uv_fs_open_watch(lwt_uv *ctx, lua_State *L);

/* The descriptor of the open file at `arg`, raises when it is closed or no file. */
int lwt_uv_fs_check_fd(lwt_uv *ctx, lua_State *L, int arg);

#endif
