/* source.c: GLib for the specs of lwt.glib, as a binding would give it: sources whose callbacks
** are Lua functions, main loops, contexts, threads. A callback is called protected, as lgi does;
** its error is kept for `failed` (or, with "through", goes right through GLib, as a careless
** module's would).
*/
#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <glib-unix.h>
#include <glib.h>

typedef struct callback {
  lua_State *L;
  int ref;
} callback;

static char failure[512];

static callback *new_callback(lua_State *L, int idx) {
  callback *c = g_new(callback, 1);
  luaL_checktype(L, idx, LUA_TFUNCTION);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  c->L = lua_tothread(L, -1);
  lua_pop(L, 1);
  lua_pushvalue(L, idx);
  c->ref = luaL_ref(L, LUA_REGISTRYINDEX);
  return c;
}

static void free_callback(gpointer data) {
  g_free(data); /* the function is kept: the state may be gone */
}

/* Calls it with the integer; its result, as a boolean. */
static gboolean call(callback *c, lua_Integer n) {
  lua_State *L = c->L;
  int top = lua_gettop(L), again = 0;
  luaL_checkstack(L, 8, NULL);
  lua_rawgeti(L, LUA_REGISTRYINDEX, c->ref);
  lua_pushinteger(L, n);
  if (lua_pcall(L, 1, 1, 0) == LUA_OK) {
    again = lua_toboolean(L, -1);
  } else {
    strncpy(failure, luaL_tolstring(L, -1, NULL), sizeof failure - 1);
  }
  lua_settop(L, top);
  return again;
}

static gboolean on_source(gpointer data) {
  return call(data, 0);
}

static gboolean on_through(gpointer data) {
  callback *c = data;
  lua_rawgeti(c->L, LUA_REGISTRYINDEX, c->ref);
  lua_call(c->L, 0, 0);
  return G_SOURCE_REMOVE;
}

static gboolean on_fd(gint fd, GIOCondition condition, gpointer data) {
  (void)condition;
  return call(data, fd);
}

static void on_child(GPid pid, gint status, gpointer data) {
  (void)pid;
  call(data, status);
}

/* Attaches the source with the callback at idx; its priority and its context behind that. */
static int attach(lua_State *L, GSource *source, int idx, GSourceFunc f) {
  GMainContext *context = lua_touserdata(L, idx + 2);
  g_source_set_priority(source, (gint)luaL_optinteger(L, idx + 1, G_PRIORITY_DEFAULT));
  g_source_set_callback(source, f, new_callback(L, idx), free_callback);
  lua_pushinteger(L, g_source_attach(source, context));
  g_source_unref(source);
  return 1;
}

/* timeout(ms, f, priority, context): f returns whether to go on */
static int l_timeout(lua_State *L) {
  return attach(L, g_timeout_source_new((guint)luaL_checkinteger(L, 1)), 2, on_source);
}

/* idle(f, priority, context) */
static int l_idle(lua_State *L) {
  return attach(L, g_idle_source_new(), 1, on_source);
}

/* through(f): an idle whose error goes through GLib */
static int l_through(lua_State *L) {
  return attach(L, g_idle_source_new(), 1, on_through);
}

/* watch(fd, f, priority, context) */
static int l_watch(lua_State *L) {
  GSource *source = g_unix_fd_source_new((gint)luaL_checkinteger(L, 1), G_IO_IN);
  return attach(L, source, 2, G_SOURCE_FUNC(on_fd));
}

/* child(argv…, f) -> pid: f(status) at its end */
static int l_child(lua_State *L) {
  int n = lua_gettop(L) - 1, i;
  gchar **argv = g_new0(gchar *, n + 1);
  GPid pid;
  GError *error = NULL;
  for (i = 0; i < n; i++) argv[i] = g_strdup(luaL_checkstring(L, i + 1));
  if (!g_spawn_async(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH,
                     NULL, NULL, &pid, &error)) {
    g_strfreev(argv);
    return luaL_error(L, "%s", error->message);
  }
  g_strfreev(argv);
  g_child_watch_add_full(G_PRIORITY_DEFAULT, pid, on_child, new_callback(L, n + 1),
                         free_callback);
  lua_pushinteger(L, pid);
  return 1;
}

static int l_cancel(lua_State *L) {
  lua_pushboolean(L, g_source_remove((guint)luaL_checkinteger(L, 1)));
  return 1;
}

/* A source that calls back when it is asked whether it is ready: before the poll, or after it. */
typedef struct asked {
  GSource source;
  callback *c;
  int after;
} asked;

static gboolean prepare_asked(GSource *source, gint *timeout) {
  asked *a = (asked *)source;
  *timeout = -1;
  if (!a->after) call(a->c, 0);
  return FALSE;
}

static gboolean check_asked(GSource *source) {
  asked *a = (asked *)source;
  if (a->after) call(a->c, 0);
  return FALSE;
}

static gboolean dispatch_asked(GSource *source, GSourceFunc f, gpointer data) {
  (void)source, (void)f, (void)data;
  return TRUE;
}

static void finalize_asked(GSource *source) {
  free_callback(((asked *)source)->c);
}

/* asked(after, f) -> id */
static int l_asked(lua_State *L) {
  static GSourceFuncs asked_functions = {.prepare = prepare_asked,
                                         .check = check_asked,
                                         .dispatch = dispatch_asked,
                                         .finalize = finalize_asked};
  asked *a = (asked *)g_source_new(&asked_functions, sizeof(asked));
  a->after = lua_toboolean(L, 1);
  a->c = new_callback(L, 2);
  lua_pushinteger(L, g_source_attach(&a->source, NULL));
  g_source_unref(&a->source);
  return 1;
}

/* ---- A lock as lgi has one --------------------------------------------------------- */

static int held = 1; /* how often the thread that is in Lua has it */

static void enter_held(void *lock) {
  ++*(int *)lock;
}

static void leave_held(void *lock) {
  --*(int *)lock;
}

/* locks(t): into the fields that lgi.core has */
static int l_locks(lua_State *L) {
  void (*enter)(void *) = enter_held, (*leave)(void *) = leave_held;
  void *p;
  lua_pushlightuserdata(L, &held);
  lua_setfield(L, 1, "lock");
  memcpy(&p, &enter, sizeof p);
  lua_pushlightuserdata(L, p);
  lua_setfield(L, 1, "enter");
  memcpy(&p, &leave, sizeof p);
  lua_pushlightuserdata(L, p);
  lua_setfield(L, 1, "leave");
  return 0;
}

static int l_held(lua_State *L) {
  lua_pushinteger(L, held);
  return 1;
}

/* ---- Loops and contexts ---------------------------------------------------------- */

static int l_loop(lua_State *L) {
  lua_pushlightuserdata(L, g_main_loop_new(lua_touserdata(L, 1), FALSE));
  return 1;
}

static int l_run(lua_State *L) {
  g_main_loop_run(lua_touserdata(L, 1));
  return 0;
}

static int l_quit(lua_State *L) {
  g_main_loop_quit(lua_touserdata(L, 1));
  return 0;
}

static int l_free(lua_State *L) {
  g_main_loop_unref(lua_touserdata(L, 1));
  return 0;
}

static int l_context(lua_State *L) {
  lua_pushlightuserdata(L, g_main_context_new());
  return 1;
}

/* A context for another Lua state: address there, pointer here. */
static int l_address(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)(intptr_t)lua_touserdata(L, 1));
  return 1;
}

static int l_pointer(lua_State *L) {
  lua_pushlightuserdata(L, (void *)(intptr_t)luaL_checkinteger(L, 1));
  return 1;
}

static int l_drop(lua_State *L) {
  g_main_context_unref(lua_touserdata(L, 1));
  return 0;
}

static int l_pending(lua_State *L) {
  lua_pushboolean(L, g_main_context_pending(lua_touserdata(L, 1)));
  return 1;
}

static int l_depth(lua_State *L) {
  lua_pushinteger(L, g_main_depth());
  return 1;
}

/* ---- Other threads ----------------------------------------------------------------- */

/* What a thread does after so many milliseconds: attach an idle, or wake the context up, or run
** it until `quit`. */
typedef struct errand {
  GMainContext *context;
  GMainLoop *loop;
  callback *c;
  gulong wait;
  volatile gint begun;
} errand;

static gpointer attach_idle(gpointer data) {
  errand *e = data;
  GSource *source = g_idle_source_new();
  g_usleep(e->wait);
  g_source_set_callback(source, on_source, e->c, free_callback);
  g_source_attach(source, e->context);
  g_source_unref(source);
  g_free(e);
  return NULL;
}

/* later(ms, f, context): f is called on the context's thread, by an idle that another attached */
static int l_later(lua_State *L) {
  errand *e = g_new0(errand, 1);
  e->wait = (gulong)luaL_checkinteger(L, 1) * 1000;
  e->c = new_callback(L, 2);
  e->context = lua_touserdata(L, 3);
  g_thread_unref(g_thread_new("later", attach_idle, e));
  return 0;
}

static gpointer wake(gpointer data) {
  errand *e = data;
  g_usleep(e->wait);
  g_main_context_wakeup(e->context);
  g_free(e);
  return NULL;
}

static int l_wake_later(lua_State *L) {
  errand *e = g_new0(errand, 1);
  e->wait = (gulong)luaL_checkinteger(L, 1) * 1000;
  e->context = lua_touserdata(L, 2);
  g_thread_unref(g_thread_new("wake", wake, e));
  return 0;
}

static gpointer turn(gpointer data) {
  errand *e = data;
  g_main_context_acquire(e->context);
  g_atomic_int_set(&e->begun, 1);
  g_main_loop_run(e->loop);
  g_main_context_release(e->context);
  return NULL;
}

/* elsewhere(context) -> a thread that turns it, and its end: end_elsewhere */
typedef struct elsewhere {
  errand e;
  GThread *thread;
} elsewhere;

static int l_elsewhere(lua_State *L) {
  elsewhere *w = g_new0(elsewhere, 1);
  w->e.context = lua_touserdata(L, 1);
  w->e.loop = g_main_loop_new(w->e.context, FALSE);
  w->thread = g_thread_new("elsewhere", turn, &w->e);
  while (!g_atomic_int_get(&w->e.begun) || !g_main_loop_is_running(w->e.loop)) g_usleep(100);
  lua_pushlightuserdata(L, w);
  return 1;
}

static int l_end_elsewhere(lua_State *L) {
  elsewhere *w = lua_touserdata(L, 1);
  g_main_loop_quit(w->e.loop);
  g_thread_join(w->thread);
  g_main_loop_unref(w->e.loop);
  g_free(w);
  return 0;
}

/* ---- Descriptors, and what it costs -------------------------------------------------- */

static int l_event(lua_State *L) {
  lua_pushinteger(L, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  return 1;
}

static int l_post(lua_State *L) {
  eventfd_write((int)luaL_checkinteger(L, 1), 1);
  return 0;
}

static int l_take(lua_State *L) {
  eventfd_t n = 0;
  lua_pushboolean(L, eventfd_read((int)luaL_checkinteger(L, 1), &n) == 0);
  return 1;
}

static int l_close(lua_State *L) {
  close((int)luaL_checkinteger(L, 1));
  return 0;
}

/* As many descriptors as the hard limit allows. */
static int l_raise_limit(lua_State *L) {
  struct rlimit r;
  getrlimit(RLIMIT_NOFILE, &r);
  r.rlim_cur = r.rlim_max;
  setrlimit(RLIMIT_NOFILE, &r);
  lua_pushinteger(L, (lua_Integer)r.rlim_cur);
  return 1;
}

/* cpu() -> seconds of the process, how often it has slept */
static int l_cpu(lua_State *L) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  lua_pushnumber(L, (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
                        (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6);
  lua_pushinteger(L, u.ru_nvcsw);
  return 2;
}

/* The error of the last callback that failed. */
static int l_failed(lua_State *L) {
  lua_pushstring(L, failure);
  failure[0] = '\0';
  return 1;
}

static guint polls;
static gint counting_poll(GPollFD *fds, guint n, gint timeout) {
  polls++;
  return g_poll(fds, n, timeout);
}

/* count_polls(context): its poll function is ours from now on; polls() -> how often */
static int l_count_polls(lua_State *L) {
  GMainContext *context = lua_touserdata(L, 1);
  g_main_context_set_poll_func(context, lua_toboolean(L, 2) ? counting_poll : NULL);
  return 0;
}

static int l_polls(lua_State *L) {
  lua_pushinteger(L, polls);
  return 1;
}

int luaopen_source(lua_State *L) {
  static const luaL_Reg functions[] = {{"timeout", l_timeout},
                                       {"idle", l_idle},
                                       {"through", l_through},
                                       {"watch", l_watch},
                                       {"child", l_child},
                                       {"asked", l_asked},
                                       {"locks", l_locks},
                                       {"held", l_held},
                                       {"cancel", l_cancel},
                                       {"loop", l_loop},
                                       {"run", l_run},
                                       {"quit", l_quit},
                                       {"free", l_free},
                                       {"context", l_context},
                                       {"drop", l_drop},
                                       {"address", l_address},
                                       {"pointer", l_pointer},
                                       {"pending", l_pending},
                                       {"depth", l_depth},
                                       {"later", l_later},
                                       {"wake_later", l_wake_later},
                                       {"elsewhere", l_elsewhere},
                                       {"end_elsewhere", l_end_elsewhere},
                                       {"event", l_event},
                                       {"post", l_post},
                                       {"take", l_take},
                                       {"close", l_close},
                                       {"raise_limit", l_raise_limit},
                                       {"cpu", l_cpu},
                                       {"failed", l_failed},
                                       {"count_polls", l_count_polls},
                                       {"polls", l_polls},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
