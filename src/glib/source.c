/* source.c: lwt as a source of GLib's: in a GLib loop that other code turns, it gives lwt
** its turns.
**
** GLib runs what is ready at the highest priority, and nothing below. So our source is above
** all others, and nothing that is always ready keeps lwt from its turns; and when lwt has had
** its share (SHARE) it keeps still for one turn of GLib's, in which everything else has its
** chance.
*/
#include <math.h>

#include "glib.h"

#define PRIORITY G_MININT
#define SHARE 200    /* microseconds: how long lwt goes on before others have a turn */
#define BUDGET 0.002 /* seconds: about how long one turn of lwt may take */

struct lwt_glib_source {
  GSource source;
  lwt_glib *g; /* NULL: removed */
  GThread *thread;
  GPollFD fd;
  gint64 began; /* since when lwt has had one turn after the other; 0: it has not */
  int rests;    /* the next turn is for others */
};

int lwt_glib_milliseconds(double seconds) {
  double ms = ceil(seconds * 1e3);
  if (seconds < 0) return -1;
  return ms < G_MAXINT ? (int)ms : G_MAXINT;
}

/* May the state be touched here, and has it anything to do with this loop? */
static int is_ours(const lwt_glib_source *s) {
  return s->g != NULL && g_thread_self() == s->thread;
}

/* Have GLib poll the engine's descriptor; not while the engine waits further down on the stack,
** for then the descriptor would not be read. (The engine, or its loop, may have been
** changed.) */
static void look_at_engine(lwt_glib_source *s) {
  const lwt_api *lwt = s->g->lwt;
  void *data;
  int full, fd = -1;
  const lwt_engine *e = lwt->engine_get(lwt, &data, &full);
  if (e != NULL && full && e->due != NULL && e->due(data) != LWT_BUSY) fd = e->fd(data);
  s->fd.events = fd < 0 ? 0 : G_IO_IN;
  if (fd < 0 || fd == s->fd.fd) return;
  g_source_remove_poll(&s->source, &s->fd);
  s->fd.fd = fd;
  g_source_add_poll(&s->source, &s->fd);
}

static gboolean prepare(GSource *source, gint *timeout) {
  lwt_glib_source *s = (lwt_glib_source *)source;
  double due;
  *timeout = -1;
  if (!is_ours(s)) return FALSE;
  look_at_engine(s);
  s->fd.revents = 0;
  if (s->g->polling) return FALSE;
  due = s->g->lwt->due(s->g->lwt);
  *timeout = lwt_glib_milliseconds(due);
  return due == 0 && !s->rests;
}

static gboolean check(GSource *source) {
  lwt_glib_source *s = (lwt_glib_source *)source;
  int rests = s->rests;
  if (!is_ours(s) || s->g->polling) return FALSE;
  s->rests = 0;
  if (!rests && (s->fd.revents != 0 || s->g->lwt->due(s->g->lwt) == 0)) return TRUE;
  s->began = 0; /* this turn is GLib's */
  return FALSE;
}

static int l_find_lock(lua_State *L) {
  lwt_glib_lock_find(lua_touserdata(L, 1), L);
  return 0;
}

static void find_lock(lwt_glib *g, lua_State *L) {
  if (!lua_checkstack(L, 4)) return;
  lua_pushcfunction(L, l_find_lock);
  lua_pushlightuserdata(L, g);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_pop(L, 1);
}

/* step(record): protected, for lwt->step_within raises errors that nobody caught. */
static int l_step(lua_State *L) {
  const lwt_glib *g = lua_touserdata(L, 1);
  g->lwt->step_within(g->lwt, L, BUDGET);
  return 0;
}

/* Reports the error by a warning. Its text may be made by Lua code, which may fail. (As in
** src/uv/engine.c: the two modules share nothing but the table of lwt.h, and a dozen lines
** are not worth an entry there.) */
static int l_tell(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  lua_warning(L, "lwt: ", 1);
  lua_warning(L, lua_tostring(L, -1), 0);
  return 0;
}

static void tell(lua_State *L) {
  lua_pushcfunction(L, l_tell);
  lua_insert(L, -2);
  if (lua_pcall(L, 1, 0, 0) == LUA_OK) return;
  lua_pop(L, 1);
  lua_warning(L, "lwt: an error that cannot be made a string", 0);
}

static void step(lwt_glib *g) {
  lua_State *L = g->lwt->main;
  int locked;
  if (g->lock == NULL) find_lock(g, L); /* (lgi may have been loaded since) */
  locked = g->lock != NULL;
  if (locked) lwt_glib_lock_enter(g);
  if (lua_checkstack(L, 4)) {
    g->inside++;
    lua_pushcfunction(L, l_step);
    lua_pushlightuserdata(L, g);
    /* There is no run or step of the user's to raise it from. */
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) tell(L);
    g->inside--;
  }
  if (locked) lwt_glib_lock_leave(g);
}

static gboolean dispatch(GSource *source, GSourceFunc f, gpointer data) {
  lwt_glib_source *s = (lwt_glib_source *)source;
  (void)f, (void)data;
  if (!is_ours(s)) return G_SOURCE_CONTINUE;
  if (s->began == 0) s->began = g_get_monotonic_time();
  step(s->g);
  if (g_get_monotonic_time() - s->began >= SHARE) s->rests = 1;
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs functions = {
    .prepare = prepare, .check = check, .dispatch = dispatch};

void lwt_glib_source_install(lwt_glib *g) {
  lwt_glib_source *s =
      (lwt_glib_source *)g_source_new(&functions, sizeof(lwt_glib_source));
  s->g = g;
  s->thread = g->thread;
  s->fd.fd = g->inner->fd(g->inner_data);
  s->fd.events = G_IO_IN;
  g_source_set_name(&s->source, "lwt");
  g_source_set_priority(&s->source, PRIORITY);
  g_source_set_can_recurse(&s->source, TRUE); /* a task may turn a loop itself */
  g_source_add_poll(&s->source, &s->fd);
  g_source_attach(&s->source, g->context);
  g->source = s;
}

void lwt_glib_source_remove(lwt_glib *g) {
  lwt_glib_source *s = g->source;
  g->source = NULL;
  s->g = NULL;
  g_source_destroy(&s->source);
  g_source_unref(&s->source);
}

int lwt_glib_source_was_readable(const lwt_glib *g) {
  return g->source != NULL && g->source->fd.revents != 0;
}
