/* internal.h: what the files of lwt.fs share.
**
** Every operation is a request (../internal.h) whose work runs on the threadpool, as
** plain blocking code: several system calls cost one hand-over, not one each.
*/
#ifndef LWT_UV_FS_INTERNAL_H
#define LWT_UV_FS_INTERNAL_H

#include <sys/stat.h>

#include "../bytes.h"
#include "../internal.h"

typedef struct fs_req fs_req;

/* Runs on the pool; returns the request's status. No Lua; what it points at was anchored.
** No thread waits for a fifo, a terminal or a socket: where one of the calls below has told
** the request what to wait for, they return UV_EAGAIN, which it passes on, and it is run
** again, from its start, when the loop says so. What it has done by then is in the request,
** and `release` cleans up what a request that is cancelled meanwhile has left. */
typedef ssize_t (*fs_work)(fs_req *q);

typedef struct fs_wait fs_wait; /* wait.c: what is on the loop meanwhile */

enum {
  FS_NO_WAIT,
  FS_WAIT_READ,
  FS_WAIT_WRITE,
  FS_WAIT_READER,
  FS_WAIT_TURN,
  FS_WAIT_LEFT /* for the requests that are left: left.c */
};

/* ctx->family[LWT_UV_FFS] */
typedef struct fs_state {
  void *blocks; /* whole.c */
  int nblocks;
  void *watches;            /* watch_inotify.c */
  fs_req *left, **left_end; /* left.c: the requests that are left, the oldest first */
  uint64_t last_left;       /* the number of the latest */
  fs_wait *removing;        /* wait.c: what waits for their end */
  void *sends;              /* copy.c: the calls of sendfile to bare descriptors */
} fs_state;

struct fs_req {
  lwt_uv_req req; /* first: a fs_req is its lwt_uv_req */
  uv_work_t work;
  fs_work run;
  ssize_t status;
  fs_wait *wait;          /* on the loop, not on the pool */
  int wait_fd;            /* with UV_EAGAIN: what for */
  unsigned char wait_for; /* FS_NO_WAIT: EAGAIN is the system's own word */
  unsigned char started;
  char stop; /* atomic: its result is not wanted any more */
  /* The path where something appears that was not there (or is in place of what was), or
  ** that is removed; or NULL. Anchored with the request. */
  const char *makes, *removes;
  /* On the pool, when the request was cancelled after its work had begun: do away with what
  ** it has made and opened. Or NULL. `release` does it where this could not be run. */
  fs_work undo;
  /* On the loop, before the promise is told. C only. Or NULL. */
  void (*over)(fs_req *q, ssize_t status);
  uint64_t left; /* its number among those that are left; 0: it is not */
  fs_req *left_next, **left_before;
};

/* Push a new request (of `size` bytes, whose first field is a fs_req) and its promise,
** see lwt_uv_req_new. Nothing may raise between this and lwt_uv_fs_start. `cancel` of its
** class is lwt_uv_fs_cancel, or calls it. */
void *lwt_uv_fs_new(lwt_uv *ctx, lua_State *L, const lwt_uv_req_class *class, size_t size,
                    int what, int own, fs_work run);
/* Hand it to the pool; returns 1 with the promise on the stack, as lwt_uv_req_started. */
int lwt_uv_fs_start(lua_State *L, fs_req *q);
/* The same without Lua, for a request whose promise is out already. Returns a status. Of a
** task to which a cancel is due it begins a turn of the loop later: awaiting its promise
** withdraws it then, so that nothing is done that the caller does not learn of. */
int lwt_uv_fs_submit(fs_req *q);

/* The string or lwt.bytes at `idx`, whose memory is pinned (in `*mem`, for the request's
** release). NULL: bytes that a finalizer has just moved away. Never raises. */
const char *lwt_uv_fs_pin(lwt_uv *ctx, lua_State *L, int idx, size_t *len,
                          lwt_uv_mem **mem);

/* A path argument: a string without \0. */
const char *lwt_uv_fs_check_path(lua_State *L, int arg);
/* Flags of open: "r", "w", "a", "r+" … or a number or nil ("r"). */
int lwt_uv_fs_check_flags(lua_State *L, int arg, const char *or_else);
/* Permission bits, `or_else` for nil. */
int lwt_uv_fs_check_mode(lua_State *L, int arg, int or_else);
/* Seconds for utime: a number, or nil for now. */
double lwt_uv_fs_check_time(lua_State *L, int arg);
/* Push the table of stat(). */
void lwt_uv_fs_push_stat(lua_State *L, const uv_stat_t *st);
/* t[key] = n, of the table at the top. */
void lwt_uv_fs_set_integer(lua_State *L, const char *key, uint64_t n);
/* Push the keys of entries of directories, returns where; push such an entry. */
int lwt_uv_fs_push_keys(lua_State *L);
void lwt_uv_fs_push_entry(lua_State *L, int keys, const char *name,
                          uv_dirent_type_t type);

/* System calls that go on after a signal; a negative errno on failure. What may have to be
** waited for (all but regular files) is tried when it is ready, and otherwise left to the
** loop: see fs_work. `write` writes all to a regular file, to others what they take. */
ssize_t lwt_uv_fs_read(fs_req *q, int fd, char *buf, size_t len, int64_t offset,
                       int regular);
ssize_t lwt_uv_fs_write(fs_req *q, int fd, const char *buf, size_t len, int64_t offset,
                        int regular);
int lwt_uv_fs_open(fs_req *q, const char *path, int flags, int mode);
/* May `fd` be read (FS_WAIT_READ) or written to without waiting? Else the request is to
** wait for that. */
int lwt_uv_fs_is_ready(fs_req *q, int fd, int wait_for);
/* It is to wait for that: returns UV_EAGAIN. */
int lwt_uv_fs_wait_later(fs_req *q, int fd, int wait_for);
/* What a descriptor that is not O_NONBLOCK takes without waiting once it is ready. */
#define FS_SMALL_WRITE ((size_t)4096)
/* After lwt_uv_fs_open with these flags and fstat. */
int lwt_uv_fs_is_regular(int fd, const struct stat *st, int flags);
int lwt_uv_fs_is_stopped(fs_req *q);
/* A class's `cancel`: what a thread has is told to stop, what waits on the loop is over. */
void lwt_uv_fs_cancel(lwt_uv_req *r);
int lwt_uv_fs_close(int fd);

/* remove.c: on the pool. Remove it, a directory with all that is in it; the first failure
** is reported, the rest is removed all the same. */
int lwt_uv_fs_remove_tree(const char *path);

/* wait.c: let the request wait on the loop for what it asks for, then run it again.
** Returns a status. `end` takes it off the loop again. */
int lwt_uv_fs_wait(fs_req *q);
void lwt_uv_fs_wait_end(fs_req *q);
/* See whether what waits for the requests that are left may go on. */
void lwt_uv_fs_left_changed(fs_state *fs);

/* left.c: a request has been cancelled, and a thread still has it; it is over. */
void lwt_uv_fs_leave(fs_state *fs, fs_req *q);
void lwt_uv_fs_left_over(fs_state *fs, fs_req *q);
/* Is one left that was cancelled no later than the one with this number? One that may make
** something where `path` is, or in it? */
int lwt_uv_fs_is_left(const fs_state *fs, uint64_t last);
int lwt_uv_fs_is_left_below(const fs_state *fs, uint64_t last, const char *path);

/* Register the functions of each file in the table at the top of the stack. */
void lwt_uv_fs_open_paths(lwt_uv *ctx, lua_State *L);
void lwt_uv_fs_open_files(lwt_uv *ctx, lua_State *L);
void lwt_uv_fs_open_whole(lwt_uv *ctx, lua_State *L);
void lwt_uv_fs_free_blocks(fs_state *fs);
void lwt_uv_fs_open_copies(lwt_uv *ctx, lua_State *L);
void lwt_uv_fs_open_dirs(lwt_uv *ctx, lua_State *L);
void lwt_uv_fs_open_watch(lwt_uv *ctx, lua_State *L);
void lwt_uv_fs_open_channels(lwt_uv *ctx, lua_State *L);

/* The descriptor of the open file at `arg`, raises when it is closed or no file. */
int lwt_uv_fs_check_fd(lwt_uv *ctx, lua_State *L, int arg);

#endif
