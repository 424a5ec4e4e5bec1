/* engine.c: an engine around libuv's, whose wait is a turn of GLib's context and of libuv's loop.
**
** GLib says what to poll and for how long, libuv's own descriptor among it; both are then given
** what is theirs, each time, so neither can keep the other waiting. GLib's callbacks run in a
** protected call, outside of libuv's loop; when they are done, wait is over, and the scheduler
** looks again at what there is to do.
*/
#include "glib.h"

#define OFTEN 50 /* microseconds: while lwt does not wait, GLib is asked after so long */

static double engine_now(void *data) {
  const lwt_glib *g = data;
  return g->inner->now(g->inner_data);
}

/* Threads of GLib's may have something for us at any time, and there is no way to ask. */
static int engine_alive(void *data) {
  const lwt_glib *g = data;
  int alive = g->inner->alive(g->inner_data);
  return alive == LWT_IDLE && g->context != NULL && g->serves ? LWT_WAITING : alive;
}

static void engine_wake(void *data) {
  const lwt_glib *g = data;
  g->inner->wake(g->inner_data);
}

static int engine_fd(void *data) {
  lwt_glib *g = data;
  g->asked = 1;
  return g->inner->fd(g->inner_data);
}

static double engine_due(void *data) {
  const lwt_glib *g = data;
  return g->inner->due(g->inner_data);
}

static const char *engine_busy(void *data) {
  const lwt_glib *g = data;
  if (g->context == NULL || g_main_depth() <= g->lost) return NULL;
  return "from inside GLib's (in a callback)";
}

/* Turns GLib's loop, in `f`, in a protected call. A callback should let no error out. One
** that passes through GLib leaves it believing that the callback still runs: its source
** is lost, and GLib's depth counts it for ever. */
int lwt_glib_enter(lwt_glib *g, void (*f)(lua_State *L, void *data), void *data) {
  int depth = g_main_depth(), inside = g->inside, status;
  g->inside++;
  status = g->lwt->enter(g->lwt, f, data);
  g->inside = inside;
  g->lost += g_main_depth() - depth;
  return status;
}

static void dispatch(lua_State *L, void *data) {
  lwt_glib *g = data;
  lwt_glib_lock_find(g, L);
  g_main_context_dispatch(g->context);
}

/* Ask GLib what to poll; returns how many descriptors are in g->fds. */
static int query(lwt_glib *g, GMainContext *context, int priority, int *timeout) {
  int n;
  while ((n = g_main_context_query(context, priority, timeout, g->fds, g->nfds)) >
         g->nfds) {
    g->fds = g_renew(GPollFD, g->fds, n);
    g->nfds = n;
  }
  return n;
}

/* Wait for either side, for at most `timeout` milliseconds (-1: no limit). Returns whether GLib
** has something to dispatch. (What a source prepares and checks may remove us.) */
static int poll_both(lwt_glib *g, int timeout) {
  GMainContext *context = g->context;
  int priority, theirs, n, ready;
  g->polling = 1;
  g_main_context_prepare(context, &priority);
  n = query(g, context, priority, &theirs);
  if (timeout < 0 || (theirs >= 0 && theirs < timeout)) timeout = theirs;
  if (timeout != 0) lwt_glib_lock_leave(g);
  g_main_context_get_poll_func(context)(g->fds, (guint)n, timeout);
  if (timeout != 0) lwt_glib_lock_enter(g);
  ready = g_main_context_check(context, priority, g->fds, n);
  g->polling = 0;
  return ready && g->context == context;
}

/* A turn of both. The callbacks may remove us, and install us again. */
static void turn(lwt_glib *g, double seconds) {
  const lwt_engine *inner = g->inner;
  void *inner_data = g->inner_data;
  int readable, ready = poll_both(g, lwt_glib_milliseconds(seconds));
  readable = lwt_glib_source_was_readable(g);
  if (ready) lwt_glib_enter(g, dispatch, g);
  if (readable || inner->due(inner_data) == 0) inner->wait(inner_data, 0);
}

/* Was GLib asked just now? A turn of the scheduler may take a tenth of a microsecond, where a task
** yields for ever; asking GLib takes two. */
static int was_served(lwt_glib *g) {
  gint64 now = g_get_monotonic_time();
  if (now - g->served < OFTEN) return 1;
  g->served = now;
  return 0;
}

static void engine_wait(void *data, double seconds) {
  lwt_glib *g = data;
  GMainContext *context;
  /* GLib turns already, further down on the stack or in another thread; or it is not for us. */
  if (g->context == NULL || !g->serves || g->inside > 0 ||
      (seconds == 0 && was_served(g)) || !g_main_context_acquire(g->context)) {
    g->inner->wait(g->inner_data, seconds);
    return;
  }
  context = g_main_context_ref(g->context);
  if (seconds != 0 && g->inner->due(g->inner_data) == 0) {
    /* What was begun has to be in libuv's epoll set before it is polled. */
    g->inner->wait(g->inner_data, 0);
    seconds = g->lwt->due(g->lwt);
  }
  if (g->context == context && g->serves)
    turn(g, seconds); /* (what waits may remove us) */
  g_main_context_release(context);
  g_main_context_unref(context);
}

static const lwt_engine glib_engine = {.name = "glib",
                                       .now = engine_now,
                                       .wait = engine_wait,
                                       .alive = engine_alive,
                                       .wake = engine_wake,
                                       .fd = engine_fd,
                                       .due = engine_due,
                                       .busy = engine_busy,
                                       .nests = 1};

/* After a removal somebody else's engine may still stand around ours: it asks ours for the
** descriptor then. Around that one ours would ask itself for ever. */
int lwt_glib_engine_install(lwt_glib *g) {
  int full;
  void *data;
  const lwt_engine *e = g->lwt->engine_get(g->lwt, &data, &full);
  if (e == NULL || !full || e->due == NULL) return 0;
  g->asked = 0;
  if (e->fd(data) < 0) return 0;
  if (g->asked) return 1;
  g->inner = e;
  g->inner_data = data;
  g->lwt->engine_use(g->lwt, &glib_engine, g);
  return 1;
}

/* Somebody may have set libuv's again (`engine.set "uv"`). */
void lwt_glib_engine_reinstall(lwt_glib *g) {
  int full;
  void *data;
  const lwt_engine *e = g->lwt->engine_get(g->lwt, &data, &full);
  if (e == g->inner && data == g->inner_data) g->lwt->engine_use(g->lwt, &glib_engine, g);
}

/* (Somebody may have set another engine since.) */
void lwt_glib_engine_remove(lwt_glib *g) {
  int full;
  void *data;
  const lwt_engine *e = g->lwt->engine_get(g->lwt, &data, &full);
  if (e == &glib_engine && data == g) g->lwt->engine_use(g->lwt, g->inner, g->inner_data);
}
