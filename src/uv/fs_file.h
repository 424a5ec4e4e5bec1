/* fs_file.h: an open file, shared by its methods (fs_file.c) and its port (fs_port.c).
**
**   userdata (file_box) ──f──► file ◄── requests and port jobs under way, each one reference
**
** The descriptor is closed when nothing runs on it any more: another thread may be in a
** system call with it, and its number must not be somebody else's by then. Who closes the
** file rejects what is pending at once all the same.
**
** Order. What moves the position (read, write, seek …) forms a queue, one at a time on the
** pool; pread and pwrite run beside it. A read that was cancelled too late leaves its bytes in
** `left`, where the next read finds them: the system's position is `left_len` ahead of ours.
*/
#ifndef LWT_UV_FS_FILE_H
#define LWT_UV_FS_FILE_H

#include "fs_internal.h"

typedef struct file file;
typedef struct file_req file_req;

/* One piece of work for a port: reading, writing or closing. */
typedef struct file_job {
  uv_work_t work;
  file *f;
  char *buf; /* our own: whoever cancels may free his at once */
  size_t cap, len;
  ssize_t status;
  int busy;
  port_cb cb; /* NULL: nobody waits */
  void *data;
  char *to; /* reading: where it goes in the end */
  size_t want;
} file_job;

typedef struct file_box {
  file *f; /* NULL: closed */
} file_box;

struct file {
  port port; /* first */
  lwt_uv *ctx;
  int fd;
  int refs;    /* the userdata, and all that is under way */
  int running; /* jobs on the pool */
  unsigned char regular, no_nowait;
  unsigned char closed;     /* nothing new begins */
  unsigned char directions; /* still open for the port */
  file_box *box;
  file_req *head, *tail; /* the queue; its head runs */
  file_req *all;         /* every request under way */
  char *left;            /* malloc'd: bytes read that nobody has got */
  size_t left_ofs, left_len, left_cap;
  unsigned turn; /* of the loop, and what was read inline in it */
  size_t spent;
  file_job reading, writing, waiting_write, closing;
  fs_req *close_req; /* the promise of close() */
};

/* Try to read without waiting. The count, 0 at the end, UV_EAGAIN: ask the pool. */
ssize_t file_read_now(file *f, char *buf, size_t len);
/* Take up to `len` bytes of what a cancelled read left. */
size_t file_take_left(file *f, char *buf, size_t len);
/* Keep a malloc'd buffer's bytes from `ofs` on as what the next read gets (after what is
** there already). The buffer is taken over. */
void file_keep_left(file *f, char *buf, size_t ofs, size_t len, size_t cap);
/* Move the system's position back to ours, before a write. */
void file_rewind_left(file *f);
int64_t file_seek(file *f, int64_t offset, int from);

void file_unref(file *f);
/* A job on the pool begins or has ended (and with the last the descriptor may be closed). */
void file_begin(file *f);
void file_end(file *f);
/* Nothing new from now on; the descriptor is closed once nothing runs. */
void file_shut(file *f);

/* fs_port.c */
extern const port_class file_port_class;
void file_port_close_done(file *f, ssize_t status);
void file_port_free(file *f);

#endif
