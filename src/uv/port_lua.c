/* port_lua.c: a port on functions in Lua (io.make).
**
** A userdata, made by lua/lwt/io.lua and owned by its channel. What the channel asks for
** is told to one Lua function, `start(port, what, argument)`, which answers some time
** later with `port:done(what, ok, value)`. Both happen in the idle hook, on the main
** thread: no user's function runs inside a channel's operation, and no answer arrives in
** the middle of one.
*/
#include <stdlib.h>
#include <string.h>

#include "channel.h"

enum { READ, WRITE, CLOSE, NOPS };
static const char *const names[] = {"read", "write", "close", NULL};

enum { REST, ASKED, RUNNING, ANSWERED };

/* User values. */
#define START 1
#define ERROR 2 /* + READ, WRITE, CLOSE */

typedef struct lua_op {
  int state;
  port_cb cb; /* NULL: nobody waits (any more) */
  void *data;
  ssize_t status; /* the answer: a count, or a negative status */
} lua_op;

typedef struct port_lua {
  port p;
  lwt_uv *ctx;
  lwt_idle idle;
  lua_op op[NOPS];
  channel *ch;
  char *buf; /* of the read that waits */
  size_t len;
  char *kept; /* bytes that were answered and not taken */
  size_t kept_at, kept_len;
  int stale; /* the read that is under way is not wanted: the position has changed */
  const uv_buf_t *bufs; /* of the write, copied below */
  uv_buf_t copy[2];
  unsigned nbufs;
} port_lua;

static void poke(port_lua *f) {
  f->ctx->lwt->idle_start(f->ctx->lwt, &f->idle);
}

static ssize_t ask(port_lua *f, int what, port_cb cb, void *data) {
  lua_op *o = &f->op[what];
  o->cb = cb;
  o->data = data;
  if (data != NULL) f->ch = data;
  if (o->state == REST) o->state = ASKED;
  poke(f); /* RUNNING: an earlier one is still under way; its answer will do */
  return UV_EAGAIN;
}

static ssize_t take_kept(port_lua *f, char *buf, size_t len) {
  size_t n = f->kept_len - f->kept_at;
  if (n > len) n = len;
  memcpy(buf, f->kept + f->kept_at, n);
  f->kept_at += n;
  if (f->kept_at == f->kept_len) {
    free(f->kept);
    f->kept = NULL;
    f->kept_at = f->kept_len = 0;
  }
  return (ssize_t)n;
}

/* ---- The port --------------------------------------------------------------- */

static ssize_t l_port_read(port *p, char *buf, size_t len, port_cb cb, void *data) {
  port_lua *f = (port_lua *)p;
  if (f->op[READ].state == ANSWERED) { /* to one who was cancelled */
    f->op[READ].state = REST;
    if (f->op[READ].status <= 0) return f->op[READ].status;
  }
  if (f->kept_len > f->kept_at) return take_kept(f, buf, len);
  f->buf = buf;
  f->len = len;
  return ask(f, READ, cb, data);
}

static void l_port_read_cancel(port *p) {
  port_lua *f = (port_lua *)p;
  f->op[READ].cb = NULL;
  if (f->op[READ].state == ASKED) f->op[READ].state = REST;
}

static ssize_t l_port_write(port *p, const uv_buf_t *bufs, unsigned nbufs, port_cb cb,
                            void *data) {
  port_lua *f = (port_lua *)p;
  if (f->op[WRITE].state != REST) return UV_EBUSY;
  f->nbufs = nbufs < 2 ? nbufs : 2;
  memcpy(f->copy, bufs, f->nbufs * sizeof *bufs);
  return ask(f, WRITE, cb, data);
}

static ssize_t l_port_write_cancel(port *p) {
  port_lua *f = (port_lua *)p;
  f->op[WRITE].cb = NULL;
  if (f->op[WRITE].state == ASKED) f->op[WRITE].state = REST;
  return 0;
}

static void l_port_close(port *p, int directions, port_cb cb, void *data) {
  (void)directions;
  if (cb != NULL) ask((port_lua *)p, CLOSE, cb, data);
  /* From the collector: there is nobody to call. */
}

const port_class lwt_uv_port_lua_class = {
    "functions",  l_port_read, l_port_read_cancel, l_port_write, l_port_write_cancel,
    l_port_close, NULL};

void lwt_uv_port_lua_push_error(lua_State *L, port *p, int writing) {
  port_lua *f = (port_lua *)p;
  int what = f->op[CLOSE].status < 0 ? CLOSE : writing ? WRITE : READ;
  if (!lwt_uv_channel_push(L, f->ch)) {
    lua_pushnil(L);
    return;
  }
  lua_getiuservalue(L, -1, UV_OWNER);
  lua_getiuservalue(L, -1, ERROR + what);
  lua_replace(L, -3);
  lua_pop(L, 1);
}

/* ---- Questions and answers -------------------------------------------------- */

/* The argument of the question. */
static void push_argument(lua_State *L, const port_lua *f, int what) {
  luaL_Buffer b;
  if (what == READ) {
    lua_pushinteger(L, (lua_Integer)f->len);
    return;
  }
  if (what == CLOSE) {
    lua_pushnil(L);
    return;
  }
  luaL_buffinit(L, &b);
  for (unsigned i = 0; i < f->nbufs; i++)
    luaL_addlstring(&b, f->copy[i].base, f->copy[i].len);
  luaL_pushresult(&b);
}

static void answer(port_lua *f, int what) {
  lua_op *o = &f->op[what];
  port_cb cb = o->cb;
  ssize_t n = o->status;
  if (cb == NULL && what == READ) /* nobody waits: it is there for the next read */
    return;
  o->state = REST;
  o->cb = NULL;
  if (cb == NULL) return;
  if (what == READ && n > 0) n = take_kept(f, f->buf, f->len);
  cb(&f->p, o->data, n);
}

static void on_idle(lua_State *L, void *data) {
  port_lua *f = data;
  luaL_checkstack(L, 10, NULL);
  if (f->ch == NULL || !lwt_uv_channel_push(L, f->ch)) return;
  lua_getiuservalue(L, -1, UV_OWNER); /* the port's userdata: keeps it alive here */
  for (int what = READ; what < NOPS; what++) {
    if (f->op[what].state == ANSWERED) answer(f, what);
    if (f->op[what].state == ASKED) {
      lua_getiuservalue(L, -1, START);
      lua_pushvalue(L, -2);
      lua_pushstring(L, names[what]);
      push_argument(L, f, what);
      f->op[what].state = RUNNING;
      lua_call(L, 3, 0);
    }
  }
  lua_pop(L, 2);
}

void lwt_uv_port_lua_drop(port *p) {
  port_lua *f = (port_lua *)p;
  lua_op *o = &f->op[READ];
  free(f->kept);
  f->kept = NULL;
  f->kept_at = f->kept_len = 0;
  if (o->state == RUNNING)
    f->stale = 1;
  else if (o->state == ANSWERED)
    o->state = REST;
}

static int wrong(lua_State *L, lua_op *o, int what, const char *message) {
  lua_pushstring(L, message);
  lua_setiuservalue(L, 1, ERROR + what);
  o->status = PORT_LUA_ERROR;
  return 0;
}

/* port:done(what, ok, value) */
static int l_done(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  port_lua *f = lwt_uv_check(ctx, L, 1, LWT_UV_PORT);
  int what = luaL_checkoption(L, 2, NULL, names);
  lua_op *o = &f->op[what];
  lua_settop(L, 4);
  if (o->state != RUNNING) return 0;
  o->state = ANSWERED;
  poke(f);
  if (what == READ && f->stale) {
    f->stale = 0;
    o->state = o->cb != NULL ? ASKED : REST;
    return 0;
  }
  if (!lua_toboolean(L, 3)) {
    lua_pushvalue(L, 4);
    lua_setiuservalue(L, 1, ERROR + what);
    o->status = PORT_LUA_ERROR;
  } else if (what == READ && lua_isnil(L, 4)) {
    o->status = UV_EOF;
  } else if (what == READ) {
    size_t n;
    const char *s;
    if (lua_type(L, 4) != LUA_TSTRING)
      return wrong(L, o, what, "the read function of a channel gave no string");
    s = lua_tolstring(L, 4, &n);
    if (n == 0) { /* nothing yet: ask again */
      o->state = ASKED;
      return 0;
    }
    f->kept = malloc(n);
    if (f->kept == NULL) {
      o->status = UV_ENOMEM;
      return 0;
    }
    memcpy(f->kept, s, n);
    f->kept_at = 0;
    f->kept_len = n;
    o->status = 1;
  } else if (what == WRITE) {
    size_t total = 0;
    lua_Integer n;
    int is_integer;
    for (unsigned i = 0; i < f->nbufs; i++) total += f->copy[i].len;
    n = lua_tointegerx(L, 4, &is_integer);
    if (lua_isnil(L, 4))
      n = (lua_Integer)total;
    else if (!is_integer || n < 0 || (size_t)n > total)
      return wrong(L, o, what, "the write function of a channel gave a wrong count");
    o->status = (ssize_t)n;
  } else {
    o->status = 0;
  }
  return 0;
}

static int l_gc(lua_State *L) {
  port_lua *f = lwt_uv_test(lwt_uv_context(L), L, 1, LWT_UV_PORT);
  if (f != NULL && f->ctx != NULL) {
    f->ctx->lwt->idle_stop(f->ctx->lwt, &f->idle);
    free(f->kept);
    f->kept = NULL;
  }
  return 0;
}

static port *port_of(void *userdata) {
  return &((port_lua *)userdata)->p;
}

/* new(start): push the port. */
int lwt_uv_port_lua_new(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  port_lua *f;
  luaL_checktype(L, 1, LUA_TFUNCTION);
  f = lwt_uv_new_userdata(ctx, L, LWT_UV_PORT, sizeof *f, ERROR + NOPS);
  f->p.class = &lwt_uv_port_lua_class;
  f->ctx = ctx;
  f->idle.f = on_idle;
  f->idle.data = f;
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, START);
  return 1;
}

void lwt_uv_port_lua_open(lwt_uv *ctx, lua_State *L) {
  static const luaL_Reg methods[] = {{"done", l_done}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", l_gc}, {NULL, NULL}};
  lwt_uv_new_type(ctx, L, LWT_UV_PORT, "lwt.port", methods, meta);
  ctx->type[LWT_UV_PORT].port = port_of;
}
