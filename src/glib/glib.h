/* glib.h: GLib's main context and lwt's loop in one thread: what the files here share.
**
** Two loops, one of which waits; the other one is served by it.
**
**   lwt.run turns (engine.c)                     a GLib loop turns (source.c)
**
**   scheduler ── wait ──► our engine             g_main_loop_run
**                           prepare, query         prepare: when is lwt due?
**                           poll: GLib's           poll: GLib's descriptors
**                             descriptors and        and libuv's
**                             libuv's              check: libuv's readable, or due?
**                           check, dispatch        dispatch: a turn of lwt
**                           libuv's wait(0)          (lwt->step_within)
**
** libuv's descriptor is in GLib's set by the source, in both. The source is there in both modes:
** while our engine polls it only lends the descriptor (`polling`), and in a GLib loop that a callback
** or a task turns (a modal dialog's) it serves lwt.
**
** Always true: Lua is touched on the thread that installed, and no other. A context that one
** thread serves is installed by states of that thread only (owners.c). The record is the Lua
** state's, one for each, and lives as long; the source, which GLib may keep longer, is cut off
** from it when it is removed.
*/
#ifndef LWT_GLIB_H
#define LWT_GLIB_H

#include <lauxlib.h>
#include <lua.h>
#include <lwt.h>

#include <glib.h>

typedef struct lwt_glib_source lwt_glib_source;

typedef struct lwt_glib {
  const lwt_api *lwt;
  GMainContext *context; /* NULL: not installed */
  GThread *thread;
  lwt_glib_source *source;
  int serves;  /* lwt.run turns the context: "glib_into_lwt" */
  int polling; /* our engine asks GLib and polls: the source keeps still */
  int inside; /* GLib's callbacks are running, in our wait; or a turn of ours in its loop */
  int lost;   /* how many of GLib's callbacks an error has left */
  int asked;               /* our engine was asked for its descriptor */
  int ended;               /* the Lua state is being closed */
  gint64 served;           /* when our engine last asked GLib, in microseconds */
  const lwt_engine *inner; /* libuv's, and its data */
  void *inner_data;
  GPollFD *fds;
  int nfds;
  /* lgi's lock of this Lua state, when lgi is there: see lock.c. */
  void *lock;
  void (*lock_enter)(void *lock);
  void (*lock_leave)(void *lock);
} lwt_glib;

/* engine.c */
int lwt_glib_engine_install(lwt_glib *g); /* 0: the engine in use has no descriptor */
void lwt_glib_engine_reinstall(lwt_glib *g);
void lwt_glib_engine_remove(lwt_glib *g);
int lwt_glib_enter(lwt_glib *g, void (*f)(lua_State *L, void *data), void *data);

/* module.c */
void lwt_glib_guard(lwt_glib *g, lua_State *L);

/* source.c */
void lwt_glib_source_install(lwt_glib *g);
void lwt_glib_source_remove(lwt_glib *g);
int lwt_glib_source_was_readable(const lwt_glib *g);
int lwt_glib_milliseconds(double seconds); /* rounded up; -1: no limit */

/* owners.c: which thread serves a context. 0: another one does. */
int lwt_glib_claim(GMainContext *context);
void lwt_glib_disclaim(GMainContext *context);
int lwt_glib_is_elsewhere(
    const GMainContext *context); /* does another thread serve it? */

/* lock.c: a lock that is found between two calls is not to be given back by the second. */
int lwt_glib_lock_find(lwt_glib *g, lua_State *L); /* whether there is one */
void lwt_glib_lock_enter(const lwt_glib *g);
void lwt_glib_lock_leave(const lwt_glib *g);

#endif
