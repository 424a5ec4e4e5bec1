/* watch.h: what a watch has to tell (watch.c), and where it hears of it.
**
** On Linux that is inotify (watch_inotify.c), elsewhere libuv, which keeps from us when the
** system has lost events and when what is watched has gone.
*/
#ifndef LWT_UV_WATCH_H
#define LWT_UV_WATCH_H

#include "internal.h"

typedef struct lwt_uv_news lwt_uv_news;
typedef struct lwt_uv_watched lwt_uv_watched; /* watch_inotify.c */

typedef struct lwt_uv_watch {
  lwt_uv_handle h;
  uv_fs_event_t fs; /* on Linux only what libuv knows the handle by */
  lwt_uv_waiters waiters;
  lwt_uv_news *first, *last;
  unsigned long taken; /* counts those that were taken out */
  int n, overflow;
  int over; /* what was watched has gone: the end, after what is kept */
  int recursive;
  lwt_uv_watched *watched;
  struct lwt_uv_watch *next, *prev; /* all of the state */
  struct lwt_uv_watch *dirty;       /* the next that has something new to tell */
  unsigned char is_dirty;
  lwt_idle again; /* tries again at the next turn, after want of memory */
  char *path;     /* malloc'd, with `name` behind it: its last part */
  const char *name;
} lwt_uv_watch;

#define LWT_UV_RENAME "rename"
#define LWT_UV_CHANGE "change"

/* C only: something happened (`type` is one of these two). It is kept unless the same one
** is kept already. */
void lwt_uv_watch_keep(lwt_uv_watch *w, const char *type, const char *name);
/* Tell the waiters what is kept. May close the watch, and any other. */
void lwt_uv_watch_tell(lwt_uv_watch *w);

/* Begin to listen, end it (C only, any number of times). */
int lwt_uv_watch_begin(lwt_uv_watch *w);
void lwt_uv_watch_end(lwt_uv_watch *w);

#endif
