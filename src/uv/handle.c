/* handle.c: the life of a handle, the same for every family.
**
**   userdata (box) ──h──► block { lwt_uv_handle, uv_xxx_t, … } ◄── libuv, until on_closed
**          ▲                 │
**          └──── registry ◄──┘ ref: only while an operation is pending
**
** The userdata belongs to Lua, the block to libuv. close(), <close>, __gc and the end of
** the state all call lwt_uv_handle_close, which cuts the two apart; on_closed frees.
*/
#include <stdlib.h>

#include "internal.h"

static void free_block(lwt_uv_handle *h) {
  if (h->class->release != NULL) h->class->release(h);
  free(h);
}

void lwt_uv_handle_keep(lwt_uv_handle *h) {
  h->users++;
}

void lwt_uv_handle_let_go(lwt_uv_handle *h) {
  if (--h->users == 0 && h->closed) free_block(h);
}

static void on_closed(uv_handle_t *uv) {
  lwt_uv_handle *h = uv->data;
  lwt_uv *ctx = h->ctx;
  ctx->unclosed--;
  h->closed = 1;
  if (h->users == 0) free_block(h);
  if (!ctx->closing) lwt_uv_descriptor_freed(ctx);
}

void *lwt_uv_handle_new(lwt_uv *ctx, lua_State *L, const lwt_uv_class *class) {
  lwt_uv_box *box;
  lwt_uv_handle *h;
  lwt_uv_check_open(ctx, L);
  box = lwt_uv_new_userdata(ctx, L, class->type, sizeof *box, class->nuservalues);
  h = calloc(1, class->size);
  if (h == NULL) {
    lwt_uv_raise(ctx, L, UV_ENOMEM, class->kind, NULL, NULL);
    return NULL; /* (never) */
  }
  h->ctx = ctx;
  h->class = class;
  h->ref = LUA_NOREF;
  h->box = box;
  box->type = &ctx->type[class->type];
  box->h = h; /* from here on __gc frees it */
  lua_pushboolean(L, 0);
  h->ref = luaL_ref(L, LUA_REGISTRYINDEX);
  ctx->lwt->handle_opened(ctx->lwt, L, -1, class->kind);
  return h;
}

int lwt_uv_handle_opened(lua_State *L, lwt_uv_handle *h, void *uv, int status) {
  lwt_uv *ctx = h->ctx;
  if (status < 0) {
    lwt_uv_handle_close(L, h->box, 1);
    return status;
  }
  h->uv = uv;
  h->uv->data = h;
  h->prev = NULL;
  h->next = ctx->handles;
  if (h->next != NULL) h->next->prev = h;
  ctx->handles = h;
  return status;
}

static int call_stop(lua_State *L) {
  lwt_uv_handle *h = lua_touserdata(L, 1);
  h->class->stop(L, h); /* (the userdata is at 2, the top) */
  return 0;
}

/* Rejecting runs callbacks, which may turn the loop: keep the block till stop is done. It may
** raise (memory), which must not keep the block for ever. */
static void tell_closed(lua_State *L, lwt_uv_handle *h) {
  int status;
  luaL_checkstack(L, 3, NULL);
  lwt_uv_handle_keep(h);
  lua_pushcfunction(L, call_stop);
  lua_pushlightuserdata(L, h);
  lua_pushvalue(L, -3);
  status = lua_pcall(L, 2, 0, 0);
  lwt_uv_handle_let_go(h);
  if (status != LUA_OK) lua_error(L);
}

void lwt_uv_handle_close(lua_State *L, lwt_uv_box *box, int quiet) {
  lwt_uv_handle *h = box->h;
  lwt_uv *ctx;
  if (h == NULL) return;
  ctx = h->ctx;
  box->h = NULL;
  h->box = NULL;
  if (h->pending > 0) ctx->waiting--;
  h->pending = 0;
  if (L != NULL) {
    luaL_unref(L, LUA_REGISTRYINDEX, h->ref);
    ctx->lwt->handle_closed(ctx->lwt, L, box);
  }
  if (h->uv == NULL) { /* never opened: libuv does not know it */
    free_block(h);
    return;
  }
  if (h->next != NULL) h->next->prev = h->prev;
  if (h->prev != NULL)
    h->prev->next = h->next;
  else
    ctx->handles = h->next;
  ctx->unclosed++;
  uv_close(h->uv, on_closed);
  if (h->class->closing != NULL) h->class->closing(h);
  if (!quiet && L != NULL && h->class->stop != NULL) tell_closed(L, h);
}

void *lwt_uv_handle_check(lwt_uv *ctx, lua_State *L, int idx, lwt_uv_type type) {
  lwt_uv_box *box = lwt_uv_check(ctx, L, idx, type);
  return box->h;
}

void lwt_uv_handle_hold(lua_State *L, lwt_uv_handle *h, int idx) {
  if (h->pending++ > 0) return;
  h->ctx->waiting++;
  lua_pushvalue(L, idx);
  lua_rawseti(L, LUA_REGISTRYINDEX, h->ref); /* the slot exists: allocates nothing */
}

void lwt_uv_handle_drop(lua_State *L, lwt_uv_handle *h) {
  if (h->pending == 0 || --h->pending > 0) return;
  h->ctx->waiting--;
  if (L == NULL) return; /* it stays until its next operation ends */
  lua_pushboolean(L, 0);
  lua_rawseti(L, LUA_REGISTRYINDEX, h->ref);
}

void lwt_uv_handle_push(lua_State *L, lwt_uv_handle *h) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, h->ref);
}

/* The box at 1, or NULL for anything that is no handle (a metamethod called by hand). */
static lwt_uv_box *self(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  const void *meta;
  int i;
  if (!lua_getmetatable(L, 1)) return NULL;
  meta = lua_topointer(L, -1);
  lua_pop(L, 1);
  for (i = 0; i < LWT_UV_NTYPES; i++)
    if (ctx->type[i].meta == meta)
      return ctx->type[i].is_handle ? lua_touserdata(L, 1) : NULL;
  return NULL;
}

static int l_gc(lua_State *L) {
  lwt_uv_box *box = self(L);
  /* Pending operations anchor their handle: only lua_close can get here with some, and
  ** then their promises need not be rejected. */
  if (box != NULL && box->h != NULL) {
    if (box->h->pending > 0) box->h->ctx->lwt->state_closing(box->h->ctx->lwt);
    lwt_uv_handle_close(L, box, 1);
  }
  return 0;
}

static int l_close(lua_State *L) {
  lwt_uv_box *box = self(L);
  if (box == NULL) return luaL_typeerror(L, 1, "handle");
  lua_settop(L, 1);
  lwt_uv_handle_close(L, box, 0);
  lwt_uv_push_done(lwt_uv_context(L), L);
  return 1;
}

static int l_tostring(lua_State *L) {
  lwt_uv_box *box = self(L);
  if (box == NULL) return luaL_typeerror(L, 1, "handle");
  luaL_getmetafield(L, 1, "__name");
  if (box->h == NULL)
    lua_pushfstring(L, "%s (closed)", lua_tostring(L, -1));
  else
    lua_pushfstring(L, "%s: %p", lua_tostring(L, -1), (void *)box);
  return 1;
}

void lwt_uv_new_handle_type(lwt_uv *ctx, lua_State *L, lwt_uv_type type, const char *name,
                            const luaL_Reg *methods) {
  static const luaL_Reg common[] = {
      {"__gc", l_gc}, {"__close", l_close}, {"__tostring", l_tostring}, {NULL, NULL}};
  lwt_uv_new_type(ctx, L, type, name, methods, common);
  ctx->type[type].is_handle = 1;
  lua_rawgeti(L, LUA_REGISTRYINDEX, ctx->type[type].ref);
  lua_getfield(L, -1, "__index");
  lua_getfield(L, -2, "__close");
  lua_setfield(L, -2, "close");
  lua_pop(L, 2);
}
