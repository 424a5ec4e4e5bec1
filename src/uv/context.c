/* context.c: the context of a Lua state, its types, and its end.
**
** The context is the first userdata with a __gc that lwt.uv makes, so that lua_close
** finalises it after every handle and request (finalisers run in reverse order). What is
** still open by then it closes itself, with the loop turning in C only.
*/
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static const char context_key = 0; /* its address is the registry's key */

/* ---- The context --------------------------------------------------------- */

static void turn_until_closed(lwt_uv *ctx) {
  for (;;) {
    lwt_uv_after_run(ctx);
    if (ctx->unclosed == 0 && ctx->reqs == NULL) return;
    uv_run(ctx->loop, UV_RUN_ONCE);
  }
}

/* The end of the state, or of a context that could not be completed (there was no memory), when
** lwt.uv has been loaded again: see lwt_uv_is_current. Nothing here calls Lua: while `closing`
** is set, lwt_uv_enter does nothing. */
static int l_context_gc(lua_State *L) {
  lwt_uv *ctx = lua_touserdata(L, 1);
  int i, current = lwt_uv_is_current(ctx, L);
  if (ctx->loop == NULL) { /* it could not be made */
    free(ctx->scratch);
    ctx->scratch = NULL;
    return 0;
  }
  ctx->closing = 1;
  if (current) ctx->lwt->state_closing(ctx->lwt);
  while (ctx->handles != NULL) lwt_uv_handle_close(NULL, ctx->handles->box, 1);
  lwt_uv_reqs_cancel(ctx);
  turn_until_closed(ctx);
  lwt_uv_req_pay(ctx);
  for (i = 0; i < LWT_UV_NFAMILIES; i++)
    if (ctx->family_close[i] != NULL) ctx->family_close[i](ctx);
  turn_until_closed(ctx);
  lwt_uv_engine_close(ctx, current);
  free(ctx->scratch);
  ctx->scratch = NULL;
  return 0;
}

lwt_uv *lwt_uv_new_context(lua_State *L) {
  lwt_uv *ctx = lua_newuserdatauv(L, sizeof *ctx, 1);
  memset(ctx, 0, sizeof *ctx);
  ctx->later_end = &ctx->later;
  ctx->lwt = (lwt_api *)lwt_import(L);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, l_context_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &context_key);
  ctx->lwt->system = ctx;
  ctx->scratch = malloc(LWT_UV_SCRATCH);
  if (ctx->scratch == NULL) luaL_error(L, "not enough memory");
  lwt_uv_engine_start(ctx, L);
  ctx->lwt->fulfilled(ctx->lwt, L, 0);
  ctx->done_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  return ctx;
}

void lwt_uv_push_context(lwt_uv *ctx, lua_State *L) {
  (void)ctx;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &context_key);
}

lwt_uv *lwt_uv_find_context(lua_State *L) {
  lwt_uv *ctx;
  if (!lua_checkstack(L, 1)) return NULL;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &context_key);
  ctx = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return ctx;
}

int lwt_uv_is_current(const lwt_uv *ctx, lua_State *L) {
  return lwt_uv_find_context(L) == ctx;
}

lwt_uv *lwt_uv_context_ended(lua_State *L) {
  luaL_error(L, "this Lua state is being closed: lwt has ended");
  return NULL; /* (never) */
}

void lwt_uv_check_open(lwt_uv *ctx, lua_State *L) {
  if (ctx->loop == NULL) /* (Lua does not run while it is being closed) */
    luaL_error(L, "this Lua state is being closed: lwt starts nothing new");
}

int lwt_uv_enter(lwt_uv *ctx, void (*f)(lua_State *L, void *data), void *data) {
  if (ctx->closing) return 0;
  return ctx->lwt->enter(ctx->lwt, f, data);
}

int lwt_uv_enter_last(lwt_uv *ctx, void (*f)(lua_State *L, void *data), void *data) {
  if (ctx->closing) return 0;
  return ctx->lwt->enter_last(ctx->lwt, f, data);
}

lua_State *lwt_uv_main(lwt_uv *ctx) {
  return lua_checkstack(ctx->lwt->main, 8) ? ctx->lwt->main : NULL;
}

void lwt_uv_push_done(lwt_uv *ctx, lua_State *L) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, ctx->done_ref);
}

void lwt_uv_pin_library(void) {
  Dl_info info;
  static const char here = 0;
  if (dladdr(&here, &info) != 0)
    dlopen(info.dli_fname, RTLD_NOW | RTLD_NODELETE | RTLD_NOLOAD);
}

/* The type of the userdata at `idx`, or NULL when it is none of ours. */
static const lwt_uv_typeinfo *type_of(lwt_uv *ctx, lua_State *L, int idx) {
  const void *meta;
  if (lua_touserdata(L, idx) == NULL || !lua_getmetatable(L, idx)) return NULL;
  meta = lua_topointer(L, -1);
  lua_pop(L, 1);
  for (int i = 0; i < LWT_UV_NTYPES; i++)
    if (ctx->type[i].meta == meta) return &ctx->type[i];
  return NULL;
}

/* ---- What families do for each other ---------------------------------------- */

void lwt_uv_descriptor_freed(lwt_uv *ctx) {
  ctx->hook.descriptor_freed(ctx); /* there are no handles without net */
}

int lwt_uv_descriptor_of(lwt_uv *ctx, lua_State *L, int idx) {
  const lwt_uv_typeinfo *type = type_of(ctx, L, idx);
  if (type == NULL || type->descriptor == NULL) return -1;
  return type->descriptor(lua_touserdata(L, idx));
}

/* ---- Types --------------------------------------------------------------- */

void lwt_uv_push_functions(lwt_uv *ctx, lua_State *L, const luaL_Reg *functions) {
  lua_newtable(L);
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, functions, 1);
}

void lwt_uv_new_type(lwt_uv *ctx, lua_State *L, lwt_uv_type type, const char *name,
                     const luaL_Reg *methods, const luaL_Reg *meta) {
  lua_newtable(L);
  lua_pushstring(L, name);
  lua_setfield(L, -2, "__name");
  lwt_uv_push_functions(ctx, L, methods);
  lua_setfield(L, -2, "__index");
  if (meta != NULL) {
    lwt_uv_push_context(ctx, L);
    luaL_setfuncs(L, meta, 1);
  }
  ctx->type[type].meta = lua_topointer(L, -1);
  ctx->type[type].name = name;
  ctx->type[type].ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

void *lwt_uv_new_userdata(lwt_uv *ctx, lua_State *L, lwt_uv_type type, size_t size,
                          int nuservalues) {
  void *p = lua_newuserdatauv(L, size, nuservalues);
  memset(p, 0, size);
  lua_rawgeti(L, LUA_REGISTRYINDEX, ctx->type[type].ref);
  lua_setmetatable(L, -2);
  return p;
}

void *lwt_uv_test(lwt_uv *ctx, lua_State *L, int idx, lwt_uv_type type) {
  void *p = lua_touserdata(L, idx);
  const void *meta;
  if (p == NULL || !lua_getmetatable(L, idx)) return NULL;
  meta = lua_topointer(L, -1);
  lua_pop(L, 1);
  return meta == ctx->type[type].meta ? p : NULL;
}

void *lwt_uv_check(lwt_uv *ctx, lua_State *L, int idx, lwt_uv_type type) {
  void *p = lwt_uv_test(ctx, L, idx, type);
  if (p == NULL) luaL_typeerror(L, idx, ctx->type[type].name);
  return p;
}

port *lwt_uv_to_port(lwt_uv *ctx, lua_State *L, int idx) {
  const lwt_uv_typeinfo *type = type_of(ctx, L, idx);
  return type != NULL && type->port != NULL ? type->port(lua_touserdata(L, idx)) : NULL;
}
