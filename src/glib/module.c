/* module.c: the module lwt.glib.core: install, remove, and a turn of GLib's loop. */
#include <dlfcn.h>
#include <string.h>

#include "glib.h"

static lwt_glib *record(lua_State *L) {
  return lua_touserdata(L, lua_upvalueindex(1));
}

/* ---- Installing ------------------------------------------------------------------- */

/* Takes the reference away where it raises. */
static void check_unowned(lua_State *L, GMainContext *context) {
  const char *why = NULL;
  if (lwt_glib_is_elsewhere(context)) {
    why = "served by another thread's Lua state";
  } else if (!g_main_context_acquire(context)) {
    why = "being run by another thread";
  } else {
    g_main_context_release(context);
  }
  if (why == NULL) return;
  g_main_context_unref(context);
  luaL_error(L, "the main context is %s", why);
}

/* (A finalizer may call us that runs after ours.) */
static void check_open(lua_State *L, const lwt_glib *g) {
  if (g->ended) luaL_error(L, "the Lua state is being closed");
}

/* install(serves, context | nil): a light userdata, or the default one. */
static int l_install(lua_State *L) {
  lwt_glib *g = record(L);
  int serves = lua_toboolean(L, 1);
  GMainContext *context = lua_touserdata(L, 2);
  check_open(L, g);
  lwt_glib_lock_find(g, L); /* (before we look: it allocates, a finalizer may install) */
  if (context == NULL) context = g_main_context_default();
  if (g->context != NULL) {
    if (g->context != context || g->serves != serves)
      return luaL_error(L, "already installed, otherwise: call remove first");
    lwt_glib_engine_reinstall(g);
    return 0;
  }
  g_main_context_ref(context);
  check_unowned(L, context);
  if (!lwt_glib_claim(context)) {
    g_main_context_unref(context);
    return luaL_error(L, "the main context is served by another thread's Lua state");
  }
  if (!lwt_glib_engine_install(g)) {
    lwt_glib_disclaim(context);
    g_main_context_unref(context);
    return luaL_error(L, "GLib needs libuv's engine, and that is not in use");
  }
  g->context = context;
  g->serves = serves;
  g->thread = g_thread_self();
  lwt_glib_source_install(g);
  return 0;
}

static void remove_it(lwt_glib *g) {
  GMainContext *context = g->context;
  if (context == NULL) return;
  lwt_glib_engine_remove(g);
  lwt_glib_source_remove(g);
  g->context = NULL;
  lwt_glib_disclaim(context);
  g_main_context_unref(context);
}

static int l_remove(lua_State *L) {
  remove_it(record(L));
  return 0;
}

/* The guard's: the Lua state is being closed. */
static int l_end(lua_State *L) {
  lwt_glib *g = *(lwt_glib **)lua_touserdata(L, 1);
  remove_it(g);
  g_free(g->fds);
  g->fds = NULL;
  g->nfds = 0;
  g->lock = NULL;
  g->ended = 1;
  return 0;
}

/* From now on the record is ended before everything that the state has now. May raise. */
void lwt_glib_guard(lwt_glib *g, lua_State *L) {
  luaL_checkstack(L, 4, NULL);
  *(lwt_glib **)lua_newuserdatauv(L, sizeof(void *), 0) = g;
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, l_end);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  luaL_ref(L, LUA_REGISTRYINDEX);
}

/* ---- A turn of GLib's --------------------------------------------------------------- */

typedef struct iteration {
  lwt_glib *g;
  GMainContext *context;
  int may_block, ran;
  int locked; /* lgi's lock is there: to be given up meanwhile */
  int left;   /* and has been */
} iteration;

/* (The protected call that this is in is Lua's work: the lock is ours at both ends of it.) */
static void iterate(lua_State *L, void *data) {
  iteration *i = data;
  (void)L;
  if (i->locked) lwt_glib_lock_leave(i->g);
  i->left = i->locked;
  i->ran = g_main_context_iteration(i->context, i->may_block);
  if (i->locked) lwt_glib_lock_enter(i->g);
  i->left = 0;
}

/* iter(may_block) -> whether anything was dispatched */
static int l_iter(lua_State *L) {
  lwt_glib *g = record(L);
  iteration i = {.g = g, .may_block = lua_toboolean(L, 1)};
  check_open(L, g);
  i.locked = lwt_glib_lock_find(g, L);
  i.context =
      g_main_context_ref(g->context != NULL ? g->context : g_main_context_default());
  check_unowned(L, i.context);
  lwt_glib_enter(g, iterate, &i);
  if (i.left) lwt_glib_lock_enter(g); /* (an error has gone through GLib) */
  g_main_context_unref(i.context);
  lua_pushboolean(L, i.ran);
  return 1;
}

/* check(): raises where what is begun now would be answered in another thread. */
static int l_check(lua_State *L) {
  const lwt_glib *g = record(L);
  GMainContext *context = g->context != NULL ? g->context : g_main_context_default();
  g_main_context_ref(context);
  check_unowned(L, context);
  g_main_context_unref(context);
  return 0;
}

static int returned(lua_State *L, int status, lua_KContext k) {
  (void)status, (void)k;
  return lua_gettop(L);
}

/* within(f, ...): calls f; what GIO begins in it is answered in the context that was
** installed. */
static int l_within(lua_State *L) {
  GMainContext *context = record(L)->context;
  int n = lua_gettop(L) - 1, status;
  if (context == NULL || context == g_main_context_default()) {
    lua_callk(L, n, LUA_MULTRET, 0, returned);
    return returned(L, LUA_OK, 0);
  }
  g_main_context_ref(context);
  check_unowned(L, context);
  g_main_context_push_thread_default(context);
  status = lua_pcall(L, n, LUA_MULTRET, 0);
  g_main_context_pop_thread_default(context);
  g_main_context_unref(context);
  return status == LUA_OK ? lua_gettop(L) : lua_error(L);
}

static int l_wakeup(lua_State *L) {
  g_main_context_wakeup(record(L)->context);
  return 0;
}

/* ---- Opening -------------------------------------------------------------------------- */

/* GLib may keep our source, and with it our code, longer than Lua keeps the module. */
static void pin_library(void) {
  Dl_info info;
  static const char here = 0;
  if (dladdr(&here, &info) != 0 && info.dli_fname != NULL)
    dlopen(info.dli_fname, RTLD_NOW | RTLD_NODELETE | RTLD_NOLOAD);
}

__attribute__((visibility("default"))) int luaopen_lwt_glib_core(lua_State *L) {
  static const luaL_Reg functions[] = {{"install", l_install},
                                       {"remove", l_remove},
                                       {"iter", l_iter},
                                       {"wakeup", l_wakeup},
                                       {"check", l_check},
                                       {"within", l_within},
                                       {NULL, NULL}};
  lwt_glib *g;
  const lwt_api *lwt = lwt_import(L);
  pin_library();
  luaL_newlibtable(L, functions);
  g = lua_newuserdatauv(L, sizeof *g, 0);
  memset(g, 0, sizeof *g);
  g->lwt = lwt;
  lua_pushvalue(L, -1);
  luaL_ref(L, LUA_REGISTRYINDEX); /* the engine and the source point to it */
  lwt_glib_guard(g, L);
  luaL_setfuncs(L, functions, 1);
  return 1;
}
