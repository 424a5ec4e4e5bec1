/* watch_inotify.c: where watches hear of what happens, on Linux.
**
** One inotify descriptor per state, on the loop while there is a watch. The system tells
** of a directory (or file) once, however many watch it: a `place` has its number there
** and the watches that want to know (`watched`), each with its own name for it. A
** recursive watch has a place for every directory below, the new ones as they appear.
**
** What is read is kept first, for all watches, and then told: a callback may close any of
** them.
*/
#ifdef __linux__

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "watch.h"

#define PROPERTIES (IN_ATTRIB | IN_MODIFY)
#define APPEARED (IN_CREATE | IN_MOVED_TO)
#define ENTRIES (APPEARED | IN_DELETE | IN_MOVED_FROM)
#define EVENTS (PROPERTIES | ENTRIES | IN_DELETE_SELF | IN_MOVE_SELF)

typedef struct place {
  struct place *next; /* of the same bucket */
  int wd;
  lwt_uv_watched *watched;
} place;

typedef struct bucket {
  place *first;
} bucket;

struct lwt_uv_watched {
  lwt_uv_watch *w;
  place *place;
  lwt_uv_watched *next, *prev;           /* of the place */
  lwt_uv_watched *next_of_w, *prev_of_w; /* of the watch */
  char name[]; /* of the directory, from the watched one: "", "a/", "a/b/" */
};

/* fs_state.watches */
typedef struct watches {
  uv_poll_t poll;
  lwt_uv *ctx;
  int fd;
  lwt_uv_watch *all, *dirty;
  bucket *buckets;
  size_t nbuckets, nplaces;
} watches;

static watches *watches_of(const lwt_uv *ctx) {
  return ((fs_state *)ctx->family[LWT_UV_FFS])->watches;
}

/* ---- Places ---------------------------------------------------------------- */

static place **bucket_of(watches *s, int wd) {
  return &s->buckets[(unsigned)wd & (s->nbuckets - 1)].first;
}

static place *find(watches *s, int wd) {
  place *p = *bucket_of(s, wd);
  while (p != NULL && p->wd != wd) p = p->next;
  return p;
}

static int more_buckets(watches *s) {
  size_t n = s->nbuckets == 0 ? 16 : s->nbuckets * 2, old = s->nbuckets;
  bucket *before = s->buckets, *buckets = calloc(n, sizeof *buckets);
  if (buckets == NULL) return UV_ENOMEM;
  s->buckets = buckets;
  s->nbuckets = n;
  for (size_t i = 0; i < old; i++)
    for (place *p = before[i].first, *next; p != NULL; p = next) {
      place **b = bucket_of(s, p->wd);
      next = p->next;
      p->next = *b;
      *b = p;
    }
  free(before);
  return 0;
}

static place *add_place(watches *s, int wd) { /* NULL: no memory */
  place *p = find(s, wd);
  if (p != NULL) return p;
  if (s->nplaces >= s->nbuckets && more_buckets(s) < 0) return NULL;
  p = calloc(1, sizeof *p);
  if (p == NULL) return NULL;
  place **b = bucket_of(s, wd);
  p->wd = wd;
  p->next = *b;
  *b = p;
  s->nplaces++;
  return p;
}

/* No watch uses it any more, or it has gone (`gone`: the system has forgotten it). */
static void remove_place(watches *s, place *p, int gone) {
  place **b = bucket_of(s, p->wd);
  while (*b != p) b = &(*b)->next;
  *b = p->next;
  s->nplaces--;
  if (!gone) inotify_rm_watch(s->fd, p->wd);
  free(p);
}

static void unlink_watched(lwt_uv_watched *d) {
  if (d->next != NULL) d->next->prev = d->prev;
  if (d->prev != NULL)
    d->prev->next = d->next;
  else
    d->place->watched = d->next;
  if (d->next_of_w != NULL) d->next_of_w->prev_of_w = d->prev_of_w;
  if (d->prev_of_w != NULL)
    d->prev_of_w->next_of_w = d->next_of_w;
  else
    d->w->watched = d->next_of_w;
}

static void stop_watching(watches *s, lwt_uv_watched *d) {
  place *p = d->place;
  unlink_watched(d);
  free(d);
  if (p->watched == NULL) remove_place(s, p, 0);
}

/* `path` is the way there, `name` what the watch calls it. Returns 1 for a new one, 0 when
** the watch has it already, or an error. */
static int watch_place(watches *s, lwt_uv_watch *w, const char *path, const char *name,
                       unsigned flags) {
  int wd = inotify_add_watch(s->fd, path, EVENTS | flags);
  if (wd < 0) return -errno;
  place *p = add_place(s, wd);
  if (p == NULL) { /* no place has its number, so it is ended here */
    inotify_rm_watch(s->fd, wd);
    return UV_ENOMEM;
  }
  for (lwt_uv_watched *d = p->watched; d != NULL; d = d->next)
    if (d->w == w) return 0;
  size_t len = strlen(name);
  lwt_uv_watched *d = calloc(1, sizeof *d + len + 1);
  if (d == NULL) {
    if (p->watched == NULL) remove_place(s, p, 0);
    return UV_ENOMEM;
  }
  memcpy(d->name, name, len + 1);
  d->w = w;
  d->place = p;
  d->next = p->watched;
  if (d->next != NULL) d->next->prev = d;
  p->watched = d;
  d->next_of_w = w->watched;
  if (d->next_of_w != NULL) d->next_of_w->prev_of_w = d;
  w->watched = d;
  return 1;
}

/* ---- Directories below --------------------------------------------------------- */

/* "a/" and "b" make "a/b/"; malloc'd. */
static char *join(const char *dir, const char *name, const char *end) {
  size_t size = strlen(dir) + strlen(name) + strlen(end) + 1;
  char *s = malloc(size);
  if (s != NULL) snprintf(s, size, "%s%s%s", dir, name, end);
  return s;
}

/* Gone meanwhile, no directory, a link, or not for us. */
static int is_passed_over(int status) {
  return status == UV_ENOENT || status == UV_ENOTDIR || status == UV_ELOOP ||
         status == UV_EACCES;
}

static int watch_below(watches *s, lwt_uv_watch *w, const char *dir, int tell);

/* The entry `name` of the directory `dir` ("", "a/") of the watch, if it is a directory. */
static int watch_entry(watches *s, lwt_uv_watch *w, const char *dir, const char *name,
                       int tell) {
  char *below = join(dir, name, "/"),
       *path = below == NULL ? NULL : join(w->path, "/", below);
  int status = path == NULL ? UV_ENOMEM
                            : watch_place(s, w, path, below, IN_ONLYDIR | IN_DONT_FOLLOW);
  if (is_passed_over(status))
    status = 0;
  else if (status >= 0)
    status = watch_below(s, w, below, tell);
  free(path);
  free(below);
  return status;
}

/* The directories in `dir`, and below. What appeared in a new one before we listened is
** told now (`tell`). */
static int watch_below(watches *s, lwt_uv_watch *w, const char *dir, int tell) {
  char *path = join(w->path, "/", dir);
  DIR *d = path == NULL ? NULL : opendir(path);
  struct dirent *e;
  int status = d != NULL ? 0 : path == NULL ? UV_ENOMEM : -errno;
  free(path);
  if (d == NULL) return is_passed_over(status) ? 0 : status;
  while (status >= 0 && (e = readdir(d)) != NULL) {
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    if (tell) {
      char *name = join(dir, e->d_name, "");
      if (name == NULL)
        w->overflow = 1;
      else
        lwt_uv_watch_keep(w, LWT_UV_RENAME, name);
      free(name);
    }
    if (e->d_type == DT_DIR || e->d_type == DT_UNKNOWN)
      status = watch_entry(s, w, dir, e->d_name, tell);
  }
  closedir(d);
  return status;
}

/* The directory `name` of `dir` is elsewhere now, with all that is below it. */
static void forget_below(watches *s, lwt_uv_watch *w, const char *dir, const char *name) {
  char *below = join(dir, name, "/");
  lwt_uv_watched *d = w->watched, *next;
  size_t len = below == NULL ? 0 : strlen(below);
  for (; len > 0 && d != NULL; d = next) {
    next = d->next_of_w;
    if (strncmp(d->name, below, len) == 0) stop_watching(s, d);
  }
  free(below);
}

/* ---- What the system says --------------------------------------------------------- */

static void make_dirty(watches *s, lwt_uv_watch *w) {
  if (w->is_dirty) return;
  w->is_dirty = 1;
  w->dirty = s->dirty;
  s->dirty = w;
}

static void keep_named(lwt_uv_watch *w, const char *type, const char *dir,
                       const char *name) {
  char *whole = *dir == '\0' ? NULL : join(dir, name, "");
  if (*dir != '\0' && whole == NULL)
    w->overflow = 1;
  else
    lwt_uv_watch_keep(w, type, whole == NULL ? name : whole);
  free(whole);
}

/* An entry of a directory, or (no name) what is watched itself: below the top its own
** directory tells of it as well. */
static void keep_event(watches *s, lwt_uv_watched *d, const struct inotify_event *e) {
  lwt_uv_watch *w = d->w;
  const char *name = e->len > 0 ? e->name : *d->name == '\0' ? w->name : NULL;
  const char *dir = e->len > 0 ? d->name : "";
  make_dirty(s, w);
  if (name != NULL) {
    if (e->mask & ~(unsigned)(PROPERTIES | IN_ISDIR | IN_IGNORED))
      keep_named(w, LWT_UV_RENAME, dir, name);
    if (e->mask & PROPERTIES) keep_named(w, LWT_UV_CHANGE, dir, name);
  }
  if (!w->recursive || !(e->mask & IN_ISDIR) || e->len == 0) return;
  if (e->mask & (IN_MOVED_FROM | IN_DELETE)) forget_below(s, w, dir, e->name);
  if ((e->mask & APPEARED) && watch_entry(s, w, dir, e->name, 1) < 0)
    w->overflow = 1; /* there are too many to watch: some will be missed */
}

/* The system has forgotten it: removed, or its file system is gone. */
static void place_is_gone(watches *s, place *p) {
  for (lwt_uv_watched *d = p->watched, *next; d != NULL; d = next) {
    next = d->next;
    if (*d->name == '\0') d->w->over = 1;
    make_dirty(s, d->w);
    unlink_watched(d);
    free(d);
  }
  remove_place(s, p, 1);
}

/* Events were lost, of any watch. Directories that appeared are looked for. */
static void events_were_lost(watches *s) {
  for (lwt_uv_watch *w = s->all; w != NULL; w = w->next) {
    w->overflow = 1;
    make_dirty(s, w);
    if (w->recursive) watch_below(s, w, "", 0);
  }
}

static void on_inotify(watches *s, const struct inotify_event *e) {
  if (e->mask & IN_Q_OVERFLOW) {
    events_were_lost(s);
    return;
  }
  place *p = find(s, e->wd);
  if (p == NULL) return; /* one of a place that is not used any more */
  for (lwt_uv_watched *d = p->watched, *next; d != NULL; d = next) {
    next = d->next;
    keep_event(s, d, e);
  }
  if (e->mask & IN_IGNORED) place_is_gone(s, p);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
  watches *s = poll->data;
  lwt_uv *ctx = s->ctx;
  union {
    struct inotify_event event;
    char bytes[8192];
  } buf;
  ssize_t n = read(s->fd, &buf, sizeof buf);
  (void)status;
  (void)events;
  for (ssize_t at = 0; at < n;) {
    const struct inotify_event *e = (const void *)(buf.bytes + at);
    at += (ssize_t)(sizeof *e + e->len);
    on_inotify(s, e);
  }
  /* With the last watch `s` is gone. */
  while ((s = watches_of(ctx)) != NULL && s->dirty != NULL) {
    lwt_uv_watch *w = s->dirty;
    s->dirty = w->dirty;
    w->is_dirty = 0;
    lwt_uv_watch_tell(w);
  }
}

/* ---- Beginning and end ------------------------------------------------------------- */

static void on_closed(uv_handle_t *h) {
  watches *s = h->data;
  s->ctx->unclosed--;
  free(s->buckets);
  free(s);
}

static void end_all(watches *s) {
  lwt_uv *ctx = s->ctx;
  ((fs_state *)ctx->family[LWT_UV_FFS])->watches = NULL;
  ctx->unclosed++;
  uv_close((uv_handle_t *)&s->poll, on_closed);
  close(s->fd);
}

static int begin_all(lwt_uv *ctx) {
  watches *s = calloc(1, sizeof *s);
  if (s == NULL) return UV_ENOMEM;
  int status = more_buckets(s);
  s->ctx = ctx;
  s->fd = status < 0 ? -1 : inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (status == 0 && s->fd < 0) status = -errno;
  if (status == 0) status = uv_poll_init(ctx->loop, &s->poll, s->fd);
  if (status < 0) {
    if (s->fd >= 0) close(s->fd);
    free(s->buckets);
    free(s);
    return status;
  }
  s->poll.data = s;
  ((fs_state *)ctx->family[LWT_UV_FFS])->watches = s;
  status = uv_poll_start(&s->poll, UV_READABLE, on_readable);
  if (status < 0) end_all(s);
  return status;
}

int lwt_uv_watch_begin(lwt_uv_watch *w) {
  lwt_uv *ctx = w->h.ctx;
  int status = watches_of(ctx) == NULL ? begin_all(ctx) : 0;
  if (status < 0) return status;
  watches *s = watches_of(ctx);
  w->next = s->all;
  if (w->next != NULL) w->next->prev = w;
  s->all = w;
  status = watch_place(s, w, w->path, "", 0);
  if (status >= 0 && w->recursive) status = watch_below(s, w, "", 0);
  return status < 0 ? status : 0;
}

void lwt_uv_watch_end(lwt_uv_watch *w) {
  watches *s = watches_of(w->h.ctx);
  if (s == NULL || (w->prev == NULL && s->all != w)) return; /* never began */
  for (lwt_uv_watched *d = w->watched, *next; d != NULL; d = next) {
    next = d->next_of_w;
    stop_watching(s, d);
  }
  if (w->is_dirty) {
    lwt_uv_watch **at = &s->dirty;
    while (*at != w) at = &(*at)->dirty;
    *at = w->dirty;
  }
  if (w->next != NULL) w->next->prev = w->prev;
  if (w->prev != NULL)
    w->prev->next = w->next;
  else
    s->all = w->next;
  w->next = w->prev = NULL;
  if (s->all == NULL) end_all(s);
}

#endif
