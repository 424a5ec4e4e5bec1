/* remove.c: removing a directory with all that is in it.
**
** On the pool. A tree may be deeper than there are descriptors: one directory is open at a
** time, and the way up is "..", which has to be the directory that we came from. What could
** not be removed does not stop the rest. What others have removed meanwhile is gone, as it
** should be; a directory that they remove while we are in it has no "..", so we begin again.
*/
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

/* A directory on the way down: those in it that are still to be removed. */
typedef struct level {
  struct level *up;
  dev_t dev;
  ino_t ino;
  char *names; /* each with its \0; the one at `at` is next, or where we are */
  size_t at, len, cap;
} level;

typedef struct removal {
  int fd; /* the directory at the top of the levels; -1: none */
  level *top;
  int status; /* the first failure */
  int lost;   /* where we were is gone, and what is left above it is not known */
} removal;

static void note(removal *r, int status) {
  if (r->status == 0) r->status = status;
}

/* Never follows a symbolic link. */
static int open_dir(int dir, const char *name) {
  int fd;
  do fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  while (fd < 0 && errno == EINTR);
  return fd;
}

static int add_name(level *v, const char *name) {
  size_t n = strlen(name) + 1;
  if (v->len + n > v->cap) {
    size_t cap = v->cap * 2 + 256 + n;
    char *names = realloc(v->names, cap);
    if (names == NULL) return UV_ENOMEM;
    v->names = names;
    v->cap = cap;
  }
  memcpy(v->names + v->len, name, n);
  v->len += n;
  return 0;
}

static void pop(removal *r) {
  level *v = r->top;
  r->top = v->up;
  free(v->names);
  free(v);
}

/* Remove what can be removed at once, and note the directories. */
static void clear(removal *r, level *v) {
  int copy = fcntl(r->fd, F_DUPFD_CLOEXEC, 3);
  DIR *d = copy < 0 ? NULL : fdopendir(copy);
  struct dirent *e;
  if (d == NULL) {
    note(r, -errno);
    if (copy >= 0) close(copy);
    return;
  }
  while (errno = 0, (e = readdir(d)) != NULL) {
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    if (unlinkat(r->fd, e->d_name, 0) == 0 || errno == ENOENT) continue;
    if (errno == EISDIR || errno == EPERM)
      note(r, add_name(v, e->d_name));
    else
      note(r, -errno);
  }
  if (errno != 0) note(r, -errno);
  closedir(d);
}

/* Go into the directory `fd`, which is ours from now on. */
static void enter(removal *r, int fd) {
  struct stat st;
  level *v = calloc(1, sizeof *v);
  if (v == NULL || fstat(fd, &st) != 0) {
    note(r, v == NULL ? UV_ENOMEM : -errno);
    free(v);
    close(fd);
    if (r->top != NULL) r->top->at += strlen(r->top->names + r->top->at) + 1;
    return;
  }
  v->dev = st.st_dev;
  v->ino = st.st_ino;
  v->up = r->top;
  r->top = v;
  if (r->fd >= 0) close(r->fd);
  r->fd = fd;
  clear(r, v);
}

/* The next directory of the one at the top. */
static void go_down(removal *r) {
  level *v = r->top;
  const char *name = v->names + v->at;
  int fd = open_dir(r->fd, name);
  /* Where we could not come back from, nothing can be removed either. */
  if (fd >= 0 && faccessat(fd, "..", F_OK, 0) == 0) {
    enter(r, fd);
    return;
  }
  int status = -errno; /* ENOTDIR: a file that must not be removed (EPERM) */
  if (fd >= 0) close(fd);
  if (unlinkat(r->fd, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
    note(r, status == UV_ENOTDIR ? UV_EPERM : status);
  v->at += strlen(name) + 1;
}

/* The one at the top is empty now: back to where we came from, and remove it. */
static void go_up(removal *r) {
  struct stat st;
  pop(r);
  level *v = r->top;
  if (v == NULL) return;
  int fd = open_dir(r->fd, "..");
  int status = fd < 0 ? -errno : 0;
  if (status == 0 && fstat(fd, &st) != 0) status = -errno;
  if (status == 0 && (st.st_dev != v->dev || st.st_ino != v->ino))
    status = UV_ENOTEMPTY; /* it was moved: what is above it now is not ours */
  close(r->fd);
  r->fd = fd;
  if (status < 0) {
    r->lost = status == UV_ENOENT;
    if (!r->lost) note(r, status);
    while (r->top != NULL) pop(r);
    return;
  }
  const char *name = v->names + v->at;
  if (unlinkat(fd, name, AT_REMOVEDIR) != 0 && errno != ENOENT) note(r, -errno);
  v->at += strlen(name) + 1;
}

/* All that is in the directory `fd`. */
static void empty(removal *r, int fd) {
  r->lost = 0;
  enter(r, fd);
  while (r->top != NULL) {
    if (r->top->at < r->top->len)
      go_down(r);
    else
      go_up(r);
  }
  if (r->fd >= 0) close(r->fd);
  r->fd = -1;
}

/* Below `path`, and itself. The path may go through what is removed (d/e/../../d, or a
** link in d to what is above it), so that it is no way to d any more: then `real` is. `status`
** is what unlink said: the error where it is no directory. */
static void remove_dir(removal *r, const char *path, const char *real, int status) {
  do {
    int fd = open_dir(AT_FDCWD, path);
    if (fd < 0 && errno == ENOENT) fd = open_dir(AT_FDCWD, real);
    if (fd < 0) {
      int why = errno == ENOTDIR ? status : -errno;
      /* (One that is empty needs no opening: there may be no descriptors, or no right to read.) */
      if (errno != ENOENT && rmdir(path) != 0 && errno != ENOENT) note(r, why);
      return;
    }
    empty(r, fd);
  } while (r->lost);
  if (rmdir(path) == 0 || (errno == ENOENT && rmdir(real) == 0)) return;
  if (errno != ENOENT) note(r, -errno);
}

int lwt_uv_fs_remove_tree(const char *path) {
  removal r = {-1, NULL, 0, 0};
  if (unlink(path) == 0) return 0;
  int status = -errno;
  if (status != UV_EISDIR && status != UV_EPERM) return status;
  char *real = realpath(path, NULL);
  remove_dir(&r, path, real != NULL ? real : path, status);
  free(real);
  return r.status;
}
