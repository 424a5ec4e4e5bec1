/* context.c: the context of a Lua state, and luaopen_lwt_core.
**
** The context is a userdata in the registry. It is made first, so it is finalised after
** everything that lwt makes. What is older than lwt is finalised after it, and may still
** call: every entry then raises, or does nothing, which context_of and capi.c see to. */
#include <stdlib.h>
#include <string.h>

#include "core.h"

int lwt_context_ended(lua_State *L) {
  return luaL_error(L, "this Lua state is being closed: lwt has ended");
}

static int context_gc(lua_State *L) {
  lwt_context *c = (lwt_context *)lua_touserdata(L, 1);
  lwt_unseen_check(L, c, LWT_UNSEEN_AT_CLOSE); /* what no turn has looked at */
  c->ended = 1;
  c->current = NULL;
  c->current_co = NULL;
  c->engine = NULL;
  c->idle = c->idle_now = NULL;
  free(c->slots);
  free(c->naps);
  free(c->r_blocks);
  free(c->ready.at);
  free(c->paused.at);
  free(c->heap);
  free(c->position);
  free(c->frames);
  memset(&c->ready, 0, sizeof c->ready);
  memset(&c->paused, 0, sizeof c->paused);
  c->slots = NULL;
  c->naps = NULL;
  c->r_blocks = NULL;
  c->heap = NULL;
  c->position = NULL;
  c->frames = NULL;
  c->ntimers = c->heap_size = c->timers_size = c->slots_made = c->nslots = 0;
  c->nframes = c->frames_size = 0;
  return 0;
}

/* The promise metatable's __index is a table of the functions that are methods. */
static void set_methods(lua_State *L, lwt_context *c, int mod) {
  static const char *const names[] = {"state",      "is_pending",
                                      "bind",       "map",
                                      "catch",      "finalize",
                                      "try_bind",   "on_success",
                                      "on_failure", "on_termination",
                                      "on_any",     "on_cancel",
                                      "cancel",     "await",
                                      "protected",  "no_cancel",
                                      "traceback",  "wrap_in_cancelable",
                                      NULL};
  int i;
  pushreg(L, c->r_mt);
  lua_newtable(L);
  for (i = 0; names[i] != NULL; i++) {
    lua_getfield(L, mod, names[i]);
    lua_setfield(L, -2, names[i]);
  }
  lua_pushvalue(L, -1);
  lua_setfield(L, mod, "methods");
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

static lwt_context *make_context(lua_State *L) {
  lwt_context *c = (lwt_context *)lua_newuserdatauv(L, sizeof *c, 0);
  memset(c, 0, sizeof *c);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, context_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  c->epoch = 1;
  c->r_self = lwt_slot(L);
  lua_rawgeti(L, REG, LUA_RIDX_MAINTHREAD);
  c->L = lua_tothread(L, -1);
  lua_pop(L, 1);
  c->r_mt = lwt_slot_of_metatable(L, "lwt.promise");
  pushreg(L, c->r_mt);
  c->mt = lua_topointer(L, -1);
  c->r_resolver_mt = lwt_slot_of_metatable(L, "lwt.resolver");
  pushreg(L, c->r_resolver_mt);
  c->resolver_mt = lua_topointer(L, -1);
  lua_pop(L, 2);
  c->r_work = lwt_slot_of_false(L);
  c->r_current = lwt_slot_of_false(L);
  c->r_source = lwt_slot_of_false(L);
  c->r_trace = lwt_slot_of_false(L);
  c->r_storage = lwt_slot_of_false(L);
  c->r_defer_head = lwt_slot_of_false(L);
  c->r_defer_tail = lwt_slot_of_false(L);
  c->r_hook = lwt_slot_of_false(L);
  c->r_stall = lwt_slot_of_false(L);
  c->r_main = lwt_slot_of_false(L);
  c->r_lua_engine = lwt_slot_of_false(L);
  c->r_enter_hooks = lwt_slot_of_false(L);
  c->r_leave_hooks = lwt_slot_of_false(L);
  c->r_show = lwt_slot_of_false(L);
  c->r_unview = lwt_slot_of_false(L);
  c->r_pauses = lwt_slot_of_table(L);
  c->r_timers = lwt_slot_of_table(L);
  c->r_errors = lwt_slot_of_table(L);
  c->r_exit = lwt_slot_of_table(L);
  c->r_ends = lwt_slot_of_table(L);
  c->r_handles = lwt_slot_of_table(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  c->r_weak_mt = lwt_slot(L);
  c->r_live = lwt_slot_of_weak(L, "v");
  c->r_watches = lwt_slot_of_weak(L, "k");
  c->r_names = lwt_slot_of_weak(L, "k");
  c->r_causes = lwt_slot_of_weak(L, "k");
  c->r_traces = lwt_slot_of_weak(L, "k");
  c->r_made = lwt_slot_of_weak(L, "k");
  c->r_task_storage = lwt_slot_of_weak(L, "k");
  return c;
}

LUAMOD_API int luaopen_lwt_core(lua_State *L);

__attribute__((visibility("default"))) int luaopen_lwt_core(lua_State *L) {
  lwt_context *c;
  int mod;
  luaL_checkversion(L);
  c = make_context(L);
  lua_newtable(L);
  mod = lua_gettop(L);
  lwt_error_open(L, c);
  lwt_trace_open(L, c);
  lwt_unseen_open(L, c);
  lwt_inspect_open(L, c);
  lwt_promise_open(L, c);
  lwt_tell_open(L, c);
  lwt_wakeup_open(L, c);
  lwt_compose_open(L, c);
  lwt_several_open(L, c);
  lwt_choice_open(L, c);
  lwt_let_go_open(L, c);
  lwt_cancel_open(L, c);
  lwt_storage_open(L, c);
  lwt_task_open(L, c);
  lwt_await_open(L, c);
  lwt_scope_open(L, c);
  lwt_coroutine_open(L, c);
  lwt_timer_open(L, c);
  lwt_loop_open(L, c);
  lwt_run_open(L, c);
  lwt_mvar_open(L, c);
  lwt_mvar_direct_open(L, c);
  lwt_engine_open(L, c);
  lwt_capi_open(L, c);
  lwt_owed_open(L, c);
  lwt_plain_open(L, c);
  set_methods(L, c, mod);
  lua_pushliteral(L, LWT_VERSION);
  lua_setfield(L, mod, "version");
  lua_pushliteral(L, LUA_VERSION_MAJOR "." LUA_VERSION_MINOR "." LUA_VERSION_RELEASE);
  lua_setfield(L, mod, "lua"); /* the one it was built with */
  lua_settop(L, mod);
  return 1;
}
