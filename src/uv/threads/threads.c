/* threads.c: uv.thread: what a Lua state with lwt.uv has of threads, and the order in which
** it ends.
*/
#include <stdlib.h>
#include <string.h>

#include "threads.h"

/* The end of the state, before its loop: first the threads that may still post are
** stopped, then what waits is withdrawn, then the inbox is shut. The context's own end
** comes later, for this userdata is younger. (Or the end of a context that could not be
** completed: it has none of these.) */
static int l_threads_gc(lua_State *L) {
  lwt_uv *ctx = *(lwt_uv **)lua_touserdata(L, 1);
  ctx->inbox_shut = 1;
  if (lwt_uv_is_current(ctx, L)) {
    ctx->lwt->state_closing(ctx->lwt); /* what promises were given to cancel goes now */
  } else {
    lwt_uv_transport *t = lwt_uv_transport_of(L);
    if (t->ctx == ctx) t->ctx = NULL;
  }
  lwt_uv_pool_close(ctx);
  lwt_uv_jobs_close(ctx);
  lwt_uv_inbox_close(ctx);
  lwt_uv_thread_channel_close(ctx);
  return 0;
}

static void family_close(lwt_uv *ctx) {
  free(ctx->family[LWT_UV_FTHREAD]);
  ctx->family[LWT_UV_FTHREAD] = NULL;
}

static int awaits_threads(lwt_uv *ctx) {
  return lwt_uv_inbox_pending(ctx) || lwt_uv_thread_channel_alive(ctx);
}

static void new_threads(lwt_uv *ctx, lua_State *L) {
  lwt_uv_threads *t = calloc(1, sizeof *t);
  if (t == NULL) luaL_error(L, "not enough memory");
  ctx->family[LWT_UV_FTHREAD] = t; /* the context frees it, whatever happens next */
  ctx->family_close[LWT_UV_FTHREAD] = family_close;
  ctx->family_moved[LWT_UV_FTHREAD] = lwt_uv_inbox_move;
  ctx->hook.awaits_threads = awaits_threads;
  t->runner = LUA_NOREF;
  lwt_uv **box = lua_newuserdatauv(L, sizeof(void *), 0);
  *box = ctx;
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, l_threads_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lwt_uv_push_context(ctx, L); /* it lives as long as that */
  lua_insert(L, -2);
  lua_setiuservalue(L, -2, 1);
  lua_pop(L, 1);
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  t->channels = luaL_ref(L, LUA_REGISTRYINDEX);
}

/* Error objects cross between states like any table with a registered metatable. */
static void register_errors(lwt_uv *ctx, lua_State *L) {
  lwt_uv_push_error(ctx, L, UV_EINVAL, "register", NULL, NULL);
  lua_pushcfunction(L, lwt_uv_l_register_metatable);
  lua_pushliteral(L, "lwt.error");
  lua_getmetatable(L, -3);
  lua_call(L, 2, 0);
  lua_pop(L, 1);
}

static int is_sentinel(lwt_uv *ctx, lua_State *L, int idx) {
  static const char *const names[] = {"Canceled", "Timeout", "EOF", "Closed",
                                      "Interrupted"};
  int found = 0;
  for (int i = 0; i < 5 && !found; i++) {
    ctx->lwt->push_sentinel(ctx->lwt, L, names[i]);
    found = lua_rawequal(L, idx, -1);
    lua_pop(L, 1);
  }
  return found;
}

void lwt_uv_reject_traced(lwt_uv *ctx, lua_State *L, int idx, const char *traceback) {
  int error = lua_gettop(L);
  if (traceback == NULL || is_sentinel(ctx, L, error))
    ctx->lwt->reject(ctx->lwt, L, idx);
  else
    ctx->lwt->reject_traced(ctx->lwt, L, idx, traceback);
}

/* How lwt.preemptive runs a function for a worker: f(ticket, wait, function, ...). */
static int l_set_runner(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  lwt_uv_threads *t = ctx->family[LWT_UV_FTHREAD];
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lwt_uv_check_open(ctx, L);
  lua_settop(L, 1);
  luaL_unref(L, LUA_REGISTRYINDEX, t->runner);
  t->runner = LUA_NOREF;
  t->runner = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

static int l_is_worker(lua_State *L) {
  lua_pushboolean(L, lwt_uv_transport_of(L)->worker != NULL);
  return 1;
}

static const luaL_Reg functions[] = {
    {"register_metatable", lwt_uv_l_register_metatable},
    {"set_runner", l_set_runner},
    {"is_worker", l_is_worker},
    {"before_each", lwt_uv_l_before_each},
    {NULL, NULL},
};

static void add(lwt_uv *ctx, lua_State *L, const luaL_Reg *more) {
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, more, 1);
}

void lwt_uv_open_thread(lwt_uv *ctx, lua_State *L) {
  lwt_uv_transport *t = lwt_uv_transport_of(L);
  new_threads(ctx, L);
  lwt_uv_thread_channel_open(ctx, L);
  register_errors(ctx, L);
  lwt_uv_notify_open(ctx);
  t->ctx = ctx;
  if (t->worker != NULL) lwt_uv_worker_attach(ctx, t->worker);
  lwt_uv_push_functions(ctx, L, functions);
  add(ctx, L, lwt_uv_pool_functions);
  add(ctx, L, lwt_uv_worker_functions);
  add(ctx, L, lwt_uv_thread_channel_functions);
}
