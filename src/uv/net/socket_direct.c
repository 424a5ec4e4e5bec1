/* socket_direct.c: what lwt.direct shows of a tcp, pipe or tty: a view whose read and
** write await by themselves, without making a promise.
**
** One task may read directly; a read that comes meanwhile makes a promise, as other reads
** do, and is served after it. Where tasks may run at the end of an event, the one that
** waits is resumed with the bytes still in libuv's buffer, and makes the string itself;
** elsewhere it gets the string, and has its turn later. The methods that are not here are
** Lua's (lua/lwt/init.lua).
*/
#include "internal.h"
#include "../private.h"

typedef struct view { /* its user value is the socket */
  const void *magic;
  lwt_uv *ctx;
  lwt_uv_box *box;
} view;

static const char view_magic, failed; /* by their addresses */

static inline view *check_view(lua_State *L) {
  view *v = lua_touserdata(L, 1);
  if (v == NULL || lua_rawlen(L, 1) != sizeof *v || v->magic != &view_magic)
    luaL_typeerror(L, 1, "socket's direct view");
  return v;
}

/* The same through the method that takes everything, made by Lua: upvalue 2. */
static int others_k(lua_State *L, int status, lua_KContext k) {
  (void)status, (void)k;
  return lua_gettop(L);
}

static int others(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_insert(L, 1);
  lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, others_k);
  return lua_gettop(L);
}

/* Await the promise on top. */
static int await_k(lua_State *L, int status, lua_KContext k) {
  lwt_uv *ctx = (lwt_uv *)k;
  (void)status;
  if (!ctx->lwt->wait_resumed(ctx->lwt, L)) return lua_yieldk(L, 1, k, await_k);
  return ctx->lwt->await_end(ctx->lwt, L, 1);
}

static int await_top(lwt_uv *ctx, lua_State *L) {
  lua_replace(L, 1);
  lua_settop(L, 1);
  if (ctx->lwt->await_begin(ctx->lwt, L, 1)) return ctx->lwt->await_end(ctx->lwt, L, 1);
  return lua_yieldk(L, 0, (lua_KContext)ctx, await_k);
}

/* ---- Reading ------------------------------------------------------------- */

static void cancel(lua_State *L, lwt_wait *w) {
  lwt_uv_stream *s =
      (lwt_uv_stream *)(void *)((char *)w - offsetof(lwt_uv_stream, direct));
  (void)L;
  s->h.ctx->waiting--;
}

void lwt_uv_stream_init_direct(lwt_uv_stream *s) {
  s->direct.cancel = cancel;
}

static size_t part(const lwt_uv_stream *s, size_t want) {
  return want < s->held_n ? want : s->held_n;
}

/* The task that reads directly is first, and has its turn later. (Making the string may run
** a finalizer that cancels it, or reads.) */
void lwt_uv_stream_deliver_direct(lua_State *L, lwt_uv_stream *s) {
  const lwt_api *lwt = s->h.ctx->lwt;
  while (s->direct.task != NULL && s->held_n > 0) {
    const void *task = s->direct.task;
    unsigned taken = s->taken;
    size_t n = part(s, s->direct_want);
    lua_pushlstring(L, lwt_uv_stream_first(s), n); /* may raise */
    if (s->direct.task != task || s->taken != taken) {
      lua_pop(L, 1);
      continue;
    }
    lwt_uv_stream_take(s, n);
    s->h.ctx->waiting--;
    lwt->wait_wake(lwt, L, &s->direct, 1);
    return;
  }
}

/* Likewise at the end, after an error, and when the socket is closed. */
void lwt_uv_stream_end_direct(lua_State *L, lwt_uv_stream *s) {
  lwt_uv *ctx = s->h.ctx;
  const void *task = s->direct.task;
  int n = 2;
  if (s->h.box == NULL) {
    ctx->lwt->push_sentinel(ctx->lwt, L, "Closed");
  } else if (s->end == UV_EOF) {
    lua_pushnil(L);
    n = 1;
  } else {
    lwt_uv_push_error(ctx, L, s->end, "read", NULL, NULL);
  }
  if (n == 2) lua_pushlightuserdata(L, (void *)&failed);
  if (s->direct.task != task) { /* a finalizer has cancelled it, or closed the socket */
    lua_pop(L, n);
    return;
  }
  s->h.ctx->waiting--;
  ctx->lwt->wait_wake(ctx->lwt, L, &s->direct, n);
}

/* When there was no memory for that: Lua has this string already. */
void lwt_uv_stream_fail_direct(lua_State *L, lwt_uv_stream *s) {
  lwt_uv *ctx = s->h.ctx;
  const void *task = s->direct.task;
  lua_pushliteral(L, "not enough memory");
  lua_pushlightuserdata(L, (void *)&failed);
  if (s->direct.task != task) { /* a finalizer has cancelled it */
    lua_pop(L, 2);
    return;
  }
  ctx->waiting--;
  ctx->lwt->wait_wake(ctx->lwt, L, &s->direct, 2);
}

static int view_read(lua_State *L);

static int read_k(lua_State *L, int status, lua_KContext k) {
  lwt_uv *ctx = (lwt_uv *)k;
  lwt_uv_stream *s = ctx->arrival;
  (void)status;
  if (!ctx->lwt->wait_resumed(ctx->lwt, L)) return lua_yieldk(L, 1, k, read_k);
  if (s != NULL) { /* wait_run */
    int top = lua_gettop(L);
    size_t n = part(s, s->direct_want);
    unsigned taken = s->taken;
    ctx->arrival = NULL;
    ctx->waiting--;
    lua_pushlstring(L, lwt_uv_stream_first(s), n); /* may raise: then nothing is taken */
    if (s->taken != taken || s->h.box == NULL) {   /* a finalizer was here: again */
      lua_settop(L, top);
      return view_read(L);
    }
    lwt_uv_stream_take(s, n);
    if (s->held_n > 0) lwt_uv_stream_keep(s);
    return 1;
  }
  ctx->lwt->wait_end(ctx->lwt, L);
  if (lua_touserdata(L, -1) == &failed) {
    lua_pop(L, 1);
    return lua_error(L);
  }
  return 1;
}

/* What will be touched when the task goes on, so that it can be had from memory while the
** system reads: with many connections it has left the caches. Only ever used as addresses
** to fetch from, for they may be stale. */
static void remember(lua_State *L, lwt_uv_stream *s, view *v) {
  lua_Debug ar;
  s->hint[0] = v;
  s->hint[1] = L;
  lua_getstack(
      L, 0, &ar); /* this function, and the one that called it: a task's first is ours */
  lwt_lua_frame(&ar, &s->hint[2]);
  lua_getstack(L, 1, &ar);
  lwt_lua_frame(&ar, &s->hint[4]);
}

#ifdef __GNUC__
#define fetch(p, offset) __builtin_prefetch((const char *)(p) + (offset))
#else
#define fetch(p, offset) ((void)(p))
#endif

void lwt_uv_stream_fetch_direct(const lwt_uv_stream *s) {
  fetch(s, 0);
  fetch(s, 192);
  fetch(s->direct.task, 0);
  fetch(s->direct.task, 56);
  fetch(s->hint[1], 0);
  fetch(s->hint[1], 64);
  fetch(s->hint[1], 128);
  fetch(s->hint[1], 192);
  fetch(s->hint[2], 0);
  fetch(s->hint[2], 56);
  fetch(s->hint[3], -64);
  fetch(s->hint[3], 0);
  fetch(s->hint[4], 0);
  fetch(s->hint[4], 56);
  fetch(s->hint[5], 0);
  fetch(s->hint[0], -56);
  fetch(s->hint[0], 0);
  fetch(s->h.box, 0);
}

static int wait(lua_State *L, lwt_uv_stream *s, view *v, size_t want) {
  lwt_uv *ctx = v->ctx;
  ctx->lwt->wait_begin(ctx->lwt, L, 1, &s->direct);
  s->direct_want = want;
  if (s->hint[1] != L || s->hint[0] != v) remember(L, s, v);
  ctx->waiting++;
  return lua_yieldk(L, 0, (lua_KContext)ctx, read_k);
}

static int view_read(lua_State *L) {
  view *v = check_view(L);
  lwt_uv *ctx = v->ctx;
  lwt_uv_stream *s = (lwt_uv_stream *)(void *)v->box->h;
  lua_Integer want = LWT_UV_SCRATCH;
  ssize_t n;
  if (lua_gettop(L) > 1) {
    want = lwt_uv_opt_integer(L, 2, want);
    luaL_argcheck(L, want >= 0, 2, "count is negative");
  }
  while (s != NULL && want != 0 && !lwt_uv_stream_has_reader(s) && s->rcb == NULL) {
    unsigned taken = s->taken;
    size_t size;
    if (s->held_n == 0 && s->end == 0 && !s->more && s->reading) /* the commonest case */
      return wait(L, s, v, (size_t)want);
    ctx->lwt->wait_check(ctx->lwt, L);
    n = lwt_uv_stream_fill(s, (size_t)want);
    if (n == UV_EAGAIN) return wait(L, s, v, (size_t)want);
    if (n == 0 && s->end == UV_EOF) {
      lua_pushnil(L);
      return 1;
    }
    if (n <= 0) return lwt_uv_raise(ctx, L, n == 0 ? s->end : n, "read", NULL, NULL);
    size = part(s, (size_t)want);
    lua_pushlstring(L, lwt_uv_stream_first(s), size);
    if (v->box->h == &s->h && s->taken == taken) {
      lwt_uv_stream_take(s, size);
      return 1;
    }
    lua_pop(L, 1); /* a finalizer has read, or closed it */
    s = (lwt_uv_stream *)(void *)v->box->h;
  }
  return others(L);
}

/* ---- Writing ------------------------------------------------------------- */

static int view_write(lua_State *L) {
  view *v = check_view(L);
  lwt_uv *ctx = v->ctx;
  lwt_uv_stream *s = (lwt_uv_stream *)(void *)v->box->h;
  uv_buf_t buf;
  ssize_t n = 0;
  if (s == NULL || s->first != NULL || s->half_sent || lua_type(L, 2) != LUA_TSTRING)
    return others(L);
  ctx->lwt->wait_check(ctx->lwt, L); /* before it has an effect */
  buf.base = (char *)lua_tolstring(L, 2, &buf.len);
  if (buf.len > 0) n = lwt_uv_stream_try_write(s, &buf, 1);
  if (n == (ssize_t)buf.len) return 0;
  lua_settop(L, 2);
  if (n < 0 && n != UV_EAGAIN) {
    lwt_uv_reject(ctx, L, n, "write", NULL, NULL);
  } else {
    lua_getiuservalue(L, 1, 1);
    lua_replace(L, 1);
    lwt_uv_stream_write_rest(s, L, n < 0 ? 0 : (size_t)n);
  }
  return await_top(ctx, L);
}

/* ---- What Lua calls ------------------------------------------------------ */

/* views.view(socket) */
static int l_direct_view(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  view *v;
  lwt_uv_stream_check(ctx, L);
  v = lua_newuserdatauv(L, sizeof *v, 1);
  v->magic = &view_magic;
  v->ctx = ctx;
  v->box = lua_touserdata(L, 1);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  lua_rawgeti(L, LUA_REGISTRYINDEX, net_of(ctx)->view_meta[v->box->type - ctx->type]);
  lua_setmetatable(L, -2);
  return 1;
}

/* views.kind(kind): the metatable of the sockets of this kind (0 tcp, 1 pipe, 2
** tty), and that of their views: an empty table, to be filled in. */
static int l_direct_kind(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  lua_Integer kind = lwt_uv_check_integer(L, 1);
  luaL_argcheck(L, (lua_Unsigned)kind <= LWT_UV_TTY, 1, "unknown kind");
  lua_rawgeti(L, LUA_REGISTRYINDEX, ctx->type[kind].ref);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  net_of(ctx)->view_meta[kind] = luaL_ref(L, LUA_REGISTRYINDEX);
  return 2;
}

/* views.methods(read, write): those of this file, given those that Lua makes, which see to
** whatever is not simple. */
static int l_direct_methods(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  lua_settop(L, 2);
  lwt_uv_push_context(ctx, L);
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, view_read, 2);
  lwt_uv_push_context(ctx, L);
  lua_pushvalue(L, 2);
  lua_pushcclosure(L, view_write, 2);
  return 2;
}

static const luaL_Reg functions[] = {{"view", l_direct_view},
                                     {"kind", l_direct_kind},
                                     {"methods", l_direct_methods},
                                     {NULL, NULL}};

void lwt_uv_add_views(lwt_uv *ctx, lua_State *L) {
  lua_newtable(L);
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, functions, 1);
  lua_setfield(L, -2, "views");
}
