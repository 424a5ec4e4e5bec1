/* request.c: the life of a request, the same for every family.
**
** A request is a userdata without metatable whose memory libuv uses until the one
** callback; a reference in the registry anchors it so long. Its promise is its first
** user value. A cancel of the promise only drops the result: the callback comes all the
** same, and `release` is what cleans up, once, on every path.
*/
#include <stddef.h>
#include <string.h>

#include "internal.h"

static int *counter(lwt_uv_req *r) {
  return r->class->pooled ? &r->ctx->working : &r->ctx->waiting;
}

/* luaL_ref and luaL_unref, with places that are kept: they hold false meanwhile. */
static int anchor(lua_State *L, lwt_uv *ctx) {
  if (ctx->nspare == 0) return luaL_ref(L, LUA_REGISTRYINDEX);
  int ref = ctx->spare[--ctx->nspare];
  lua_rawseti(L, LUA_REGISTRYINDEX, ref);
  return ref;
}

static void let_go(lua_State *L, lwt_uv *ctx, int ref) {
  if (ctx->nspare == LWT_UV_SPARE) {
    luaL_unref(L, LUA_REGISTRYINDEX, ref);
    return;
  }
  lua_pushboolean(L, 0);
  lua_rawseti(L, LUA_REGISTRYINDEX, ref);
  ctx->spare[ctx->nspare++] = ref;
}

/* Its result is not wanted any more: stop it where that can be done. */
static void withdraw(lwt_uv_req *r) {
  r->cancelled = 1;
  if (r->over || r->later.queued) return; /* it will be released */
  if (r->class->cancel != NULL) r->class->cancel(r);
}

/* The promise has been cancelled. */
static void cancel_request(lua_State *L, void *data) {
  (void)L;
  withdraw(data);
}

static void link_request(lwt_uv_req *r, lwt_uv_req **at) {
  r->next = *at;
  if (r->next != NULL) r->next->before = &r->next;
  r->before = at;
  *at = r;
}

static void take_out(const lwt_uv_req *r) {
  *r->before = r->next;
  if (r->next != NULL) r->next->before = r->before;
}

/* Withdrawing one may end it at once, and others (the last one of a file that is closed ends
** the closing): so each is moved to another list before. */
void lwt_uv_reqs_cancel(lwt_uv *ctx) {
  lwt_uv_req *r, *told = NULL;
  while ((r = ctx->reqs) != NULL) {
    take_out(r);
    link_request(r, &told);
    withdraw(r);
  }
  while ((r = told) != NULL) {
    take_out(r);
    link_request(r, &ctx->reqs);
  }
}

void *lwt_uv_req_new(lwt_uv *ctx, lua_State *L, const lwt_uv_req_class *class,
                     size_t size, size_t uv_offset, int what, int own) {
  lwt_uv_req *r;
  lwt_uv_check_open(ctx, L);
  if (what != 0) what = lua_absindex(L, what);
  r = lua_newuserdatauv(L, size, 2 + own);
  memset(r, 0, size);
  r->ctx = ctx;
  r->class = class;
  r->uv = (uv_req_t *)(void *)((char *)r + uv_offset);
  r->uv->data = r;
  if (what != 0) {
    lua_pushvalue(L, what);
    lua_setiuservalue(L, -2, 2);
  }
  ctx->lwt->promise_new(ctx->lwt, L, cancel_request, r);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, -3, 1);
  lua_pushvalue(L, -2);
  r->ref = anchor(L, ctx);
  link_request(r, &ctx->reqs);
  ++*counter(r);
  return r;
}

static void unlink_request(lwt_uv_req *r) {
  take_out(r);
  --*counter(r);
}

/* Push the error object of the request at `idx`, whose status is negative. */
static void push_failure(lua_State *L, lwt_uv_req *r, int idx) {
  lua_getiuservalue(L, idx, 2);
  lwt_uv_push_error(r->ctx, L, r->status, r->class->op, r->class->what_key,
                    lua_tostring(L, -1));
  lua_remove(L, -2);
}

int lwt_uv_req_started(lua_State *L, lwt_uv_req *r, ssize_t status) {
  lwt_uv *ctx = r->ctx;
  if (status >= 0) {
    lua_remove(L, -2);
    return 1;
  }
  r->status = status;
  unlink_request(r);
  if (r->class->release != NULL) r->class->release(r);
  let_go(L, ctx, r->ref);
  push_failure(L, r, -2);
  ctx->lwt->rejected(ctx->lwt, L);
  lua_replace(L, -3);
  lua_pop(L, 1);
  return 1;
}

static int call_result(lua_State *L) {
  lwt_uv_req *r = lua_touserdata(L, 1);
  int n;
  lua_settop(L, 0);
  n = r->class->result(L, r);
  if (n >= 0) return n;
  r->status = n;
  return 0;
}

static void settle(lua_State *L, void *data) {
  lwt_uv_req *r = data;
  const lwt_api *lwt = r->ctx->lwt;
  int promise, failed = 0;
  lwt_uv_req_push(L, r);
  lua_getiuservalue(L, -1, 1);
  promise = lua_gettop(L);
  if (r->status >= 0 && r->class->result != NULL) {
    lua_pushcfunction(L, call_result);
    lua_pushlightuserdata(L, r);
    failed = lua_pcall(L, 1, LUA_MULTRET, 0) != LUA_OK;
    r->taken = !failed && r->status >= 0 && !r->cancelled; /* by a finalizer */
  }
  if (r->status < 0) {
    push_failure(L, r, promise - 1);
    failed = 1;
  }
  if (failed)
    lwt->reject(lwt, L, promise);
  else
    lwt->fulfill(lwt, L, promise, lua_gettop(L) - promise);
}

/* When there was no memory for that: Lua has this string already. */
static void settle_poorly(lua_State *L, void *data) {
  lwt_uv_req *r = data;
  lwt_uv_req_push(L, r);
  lua_getiuservalue(L, -1, 1);
  lua_pushliteral(L, "not enough memory");
  r->ctx->lwt->reject(r->ctx->lwt, L, lua_gettop(L) - 1);
}

/* 0, or -1 when Lua's stack could not even grow for that. */
static int tell(lwt_uv_req *r) {
  int status;
  if (r->cancelled) return 0;
  status = lwt_uv_enter(r->ctx, settle, r);
  if (status != 0) /* which does nothing where it is settled */
    status = lwt_uv_enter(r->ctx, settle_poorly, r);
  return status == -2 ? -1 : 0;
}

static void finish(lwt_uv_req *r) {
  lwt_uv *ctx = r->ctx;
  lua_State *L;
  if (r->class->release != NULL) r->class->release(r);
  /* At the end of the state the memory goes with everything else. */
  if (!ctx->closing && (L = lwt_uv_main(ctx)) != NULL) let_go(L, ctx, r->ref);
}

void lwt_uv_req_done(lwt_uv_req *r, ssize_t status) {
  lwt_uv *ctx = r->ctx;
  r->status = status;
  r->over = 1;
  unlink_request(r);
  if (tell(r) == 0) {
    finish(r);
    return;
  }
  r->next = ctx->owed; /* its promise still has it: it stays until that is settled */
  ctx->owed = r;
}

void lwt_uv_req_pay(lwt_uv *ctx) {
  lwt_uv_req *r = ctx->owed, *next;
  ctx->owed = NULL;
  for (; r != NULL; r = next) {
    next = r->next;
    if (!ctx->closing && tell(r) != 0) {
      r->next = ctx->owed;
      ctx->owed = r;
    } else {
      finish(r);
    }
  }
}

static void done_later(lwt_uv_after *later) {
  lwt_uv_req *r = (lwt_uv_req *)(void *)((char *)later - offsetof(lwt_uv_req, later));
  lwt_uv_req_done(r, r->status);
}

void lwt_uv_req_done_later(lwt_uv_req *r, ssize_t status) {
  if (r->cancelled) { /* there is no promise to settle */
    lwt_uv_req_done(r, status);
    return;
  }
  r->status = status;
  r->later.f = done_later;
  lwt_uv_after_add(r->ctx, &r->later);
}

void lwt_uv_req_abandon(lua_State *L, lwt_uv_req *r) {
  const lwt_api *lwt = r->ctx->lwt;
  int error = lua_gettop(L);
  if (r->cancelled) {
    lua_pop(L, 1);
    return;
  }
  r->cancelled = 1;
  lwt_uv_req_push(L, r);
  lua_getiuservalue(L, -1, 1);
  lua_pushvalue(L, error);
  lwt->reject(lwt, L, error + 2);
  lua_settop(L, error - 1); /* callbacks have run: what lies there may have changed */
}

void lwt_uv_req_push(lua_State *L, lwt_uv_req *r) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, r->ref);
}
