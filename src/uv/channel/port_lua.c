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

enum { READ, WRITE, CLOSE, SHUT, NOPS };
static const char *const names[] = {"read", "write", "close", "shutdown", NULL};

#define IN_VAIN 1000 /* so many are too many */

enum { REST, ASKED, RUNNING, ANSWERED };

/* User values. */
#define START 1
#define ERROR 2 /* + READ, WRITE, CLOSE, SHUT */

typedef struct lua_op {
  int state;
  port_cb cb; /* NULL: the channel does not wait (any more) */
  void *data;
  ssize_t status; /* the answer: a count, or a negative status */
} lua_op;

typedef struct port_lua {
  port p;
  lwt_uv *ctx;
  struct port_lua *next, **at; /* in the list for the idle hook; at NULL: not in it */
  lua_op op[NOPS];
  channel *ch;
  char *buf; /* of the read that waits */
  size_t len;
  char *kept; /* bytes that were answered and not taken */
  size_t kept_at, kept_len;
  unsigned in_vain[NOPS]; /* how many answers in a row have brought nothing */
  int shuts;              /* the end of writing alone is asked for, too */
  int stale; /* the read that is under way is not wanted: the position has changed */
  const uv_buf_t *bufs; /* of the write, copied below */
  uv_buf_t copy[2];
  unsigned nbufs;
} port_lua;

/* Have the idle hook serve it when the loop has nothing else to do. */
static void poke(port_lua *f) {
  channel_state *st = channel_state_of(f->ctx);
  if (f->at != NULL) return;
  f->next = NULL;
  f->at = st->ports_last;
  *st->ports_last = f;
  st->ports_last = &f->next;
  st->ports_count++;
  f->ctx->lwt->idle_start(f->ctx->lwt, &st->ports_idle);
}

static void unpoke(port_lua *f) {
  if (f->at == NULL) return;
  channel_state_of(f->ctx)->ports_count--;
  *f->at = f->next;
  if (f->next != NULL)
    f->next->at = f->at;
  else
    channel_state_of(f->ctx)->ports_last = f->at;
  f->at = NULL;
}

static ssize_t ask(port_lua *f, int what, port_cb cb, void *data) {
  lua_op *o = &f->op[what];
  o->cb = cb;
  o->data = f->ch = data;
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
  if (f->op[READ].state == ANSWERED) { /* the answer to a read that was cancelled */
    /* An error is told by the idle hook: now the channel may not be anchored, and then it
    ** cannot be pushed. */
    if (f->op[READ].status == PORT_LUA_ERROR) return ask(f, READ, cb, data);
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
  f->nbufs = nbufs;
  memcpy(f->copy, bufs, nbufs * sizeof *bufs);
  return ask(f, WRITE, cb, data);
}

static ssize_t l_port_write_cancel(port *p) {
  port_lua *f = (port_lua *)p;
  f->op[WRITE].cb = NULL;
  if (f->op[WRITE].state == ASKED) f->op[WRITE].state = REST;
  return 0;
}

static void l_port_close(port *p, int directions, port_cb cb, void *data) {
  if (cb != NULL) ask((port_lua *)p, directions == CAN_WRITE ? SHUT : CLOSE, cb, data);
  /* From the collector: there is no callback. */
}

const port_class lwt_uv_port_lua_class = {
    .name = "functions",
    .read = l_port_read,
    .read_cancel = l_port_read_cancel,
    .write = l_port_write,
    .write_cancel = l_port_write_cancel,
    .close = l_port_close,
};

void lwt_uv_port_lua_push_error(lua_State *L, port *p, int writing) {
  port_lua *f = (port_lua *)p;
  int what = f->op[CLOSE].status < 0  ? CLOSE
             : f->op[SHUT].status < 0 ? SHUT
             : writing                ? WRITE
                                      : READ;
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

/* The argument of the question. What is to be written is copied when nothing more has to be
** allocated for it: returns 0 when a finalizer has taken the question back. */
static int push_argument(lua_State *L, const port_lua *f, int what) {
  size_t total = 0, at = 0;
  luaL_Buffer b;
  char *copy;
  if (what == READ)
    lua_pushinteger(L, (lua_Integer)f->len);
  else if (what == CLOSE && f->ch->torn)
    lua_pushboolean(L, 1);
  else if (what != WRITE)
    lua_pushnil(L);
  if (what != WRITE) return f->op[what].state == ASKED;
  for (unsigned i = 0; i < f->nbufs; i++) total += f->copy[i].len;
  copy = luaL_buffinitsize(L, &b, total);
  if (f->op[what].state != ASKED) return 0;
  for (unsigned i = 0; i < f->nbufs; i++) {
    memcpy(copy + at, f->copy[i].base, f->copy[i].len);
    at += f->copy[i].len;
  }
  luaL_pushresultsize(&b, total);
  return f->op[what].state == ASKED;
}

static void answered(port_lua *f, int what, ssize_t status) {
  f->op[what].status = status;
  f->op[what].state = ANSWERED;
  poke(f);
}

static void answer(port_lua *f, int what) {
  lua_op *o = &f->op[what];
  port_cb cb = o->cb;
  ssize_t n = o->status;
  if (cb == NULL && what == READ) /* no read waits: it is kept for the next one */
    return;
  o->state = REST;
  o->cb = NULL;
  if (cb == NULL) return;
  if (what == READ && n > 0) n = take_kept(f, f->buf, f->len);
  cb(&f->p, o->data, n);
}

/* question(port, f, what): in a protected call, as memory may run out before there is a question. */
static int l_question(lua_State *L) {
  port_lua *f = lua_touserdata(L, 2);
  int what = (int)lua_tointeger(L, 3);
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, START);
  lua_insert(L, 1);
  lua_pushstring(L, names[what]);
  if (!push_argument(L, f, what)) return 0;
  f->op[what].state = RUNNING;
  lua_call(L, 3, 0);
  return 0;
}

static int is_asked(const port_lua *f, int what) {
  return f->op[what].state == ASKED || f->op[what].state == RUNNING;
}

/* Pass on what was answered, and ask what there is to ask. */
static void have_a_word(lua_State *L, port_lua *f) {
  int top = lua_gettop(L);
  luaL_checkstack(L, 12, NULL);
  if (f->ch == NULL || !lwt_uv_channel_push(L, f->ch)) return;
  lua_getiuservalue(L, -1, UV_OWNER); /* the port's userdata: keeps it alive here */
  for (int what = READ; what < NOPS; what++) {
    if (f->op[what].state == ANSWERED) answer(f, what);
    if (f->op[what].state == ASKED) {
      lua_pushcfunction(L, l_question);
      lua_pushvalue(L, top + 2);
      lua_pushlightuserdata(L, f);
      lua_pushinteger(L, what);
      if (lua_pcall(L, 3, 0, 0) != LUA_OK && is_asked(f, what)) {
        lua_setiuservalue(L, top + 2, ERROR + what); /* not even begun */
        answered(f, what, PORT_LUA_ERROR);
      }
      lua_settop(L, top + 2);
    }
  }
  lua_settop(L, top);
}

/* The idle hook of all of them. Those that are added while it runs are served the next
** time. */
static void on_idle(lua_State *L, void *data) {
  channel_state *st = data;
  const lwt_api *lwt = st->ctx->lwt;
  lwt->idle_start(lwt, &st->ports_idle); /* should one raise, the others come then */
  for (size_t n = st->ports_count; n > 0 && st->ports != NULL; n--) {
    port_lua *f = st->ports;
    unpoke(f);
    have_a_word(L, f);
  }
  if (st->ports == NULL) lwt->idle_stop(lwt, &st->ports_idle);
}

/* At the end of the state: the hook does not serve them any more. C only. */
void lwt_uv_port_lua_close(lwt_uv *ctx) {
  channel_state *st = channel_state_of(ctx);
  while (st->ports != NULL) unpoke(st->ports);
  ctx->lwt->idle_stop(ctx->lwt, &st->ports_idle);
}

/* Its channel is being collected: an answer that comes later is thrown away. */
void lwt_uv_port_lua_forget(port *p) {
  port_lua *f = (port_lua *)p;
  unpoke(f);
  f->ch = NULL;
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

/* A status that says what is wrong with an answer. */
static ssize_t wrong(lua_State *L, int what, const char *message) {
  lua_pushfstring(L, "the %s function of a channel %s", names[what], message);
  lua_setiuservalue(L, 1, ERROR + what);
  return PORT_LUA_ERROR;
}

/* An answer without bytes: asking again for ever would keep the loop from ending. */
static ssize_t nothing(lua_State *L, port_lua *f, int what) {
  if (++f->in_vain[what] < IN_VAIN) return 0;
  f->in_vain[what] = 0;
  return wrong(L, what,
               what == READ ? "gave no byte a thousand times in a row"
                            : "took no byte a thousand times in a row");
}

/* The status of what the read function gave (at 4): 0 for nothing yet. */
static ssize_t read_answer(lua_State *L, port_lua *f) {
  size_t n;
  const char *s;
  if (lua_isnil(L, 4)) return UV_EOF;
  if (lua_type(L, 4) != LUA_TSTRING) return wrong(L, READ, "gave no string");
  s = lua_tolstring(L, 4, &n);
  if (n == 0) return nothing(L, f, READ);
  f->kept = malloc(n);
  if (f->kept == NULL) return UV_ENOMEM;
  memcpy(f->kept, s, n);
  f->kept_at = 0;
  f->kept_len = n;
  f->in_vain[READ] = 0;
  return 1;
}

static ssize_t write_answer(lua_State *L, port_lua *f) {
  size_t total = 0;
  lua_Integer n;
  int is_integer;
  for (unsigned i = 0; i < f->nbufs; i++) total += f->copy[i].len;
  n = lua_tointegerx(L, 4, &is_integer);
  if (lua_isnil(L, 4))
    n = (lua_Integer)total;
  else if (!is_integer || n < 0 || (size_t)n > total)
    return wrong(L, WRITE, "gave a wrong count");
  if (n == 0) return nothing(L, f, WRITE);
  f->in_vain[WRITE] = 0;
  return (ssize_t)n;
}

/* port:done(what, ok, value). While the status is made, finalizers may run: the question
** counts as running until it is there. */
static int l_done(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  port_lua *f = lwt_uv_check(ctx, L, 1, LWT_UV_PORT);
  int what = luaL_checkoption(L, 2, NULL, names);
  lua_op *o = &f->op[what];
  ssize_t status = 0;
  lua_settop(L, 4);
  if (o->state != RUNNING) return 0;
  if (what == READ && f->stale) {
    f->stale = 0;
    o->state = o->cb != NULL ? ASKED : REST;
    poke(f);
    return 0;
  }
  if (!lua_toboolean(L, 3)) {
    lua_pushvalue(L, 4);
    lua_setiuservalue(L, 1, ERROR + what);
    status = PORT_LUA_ERROR;
  } else if (what == READ) {
    status = read_answer(L, f);
  } else if (what == WRITE) {
    status = write_answer(L, f);
  }
  answered(f, what, status);
  if (what == READ && status == 0) /* nothing yet: ask again, if a read still waits */
    o->state = o->cb != NULL ? ASKED : REST;
  return 0;
}

static int l_gc(lua_State *L) {
  port_lua *f = lwt_uv_test(lwt_uv_context(L), L, 1, LWT_UV_PORT);
  if (f != NULL && f->ctx != NULL) {
    unpoke(f);
    free(f->kept);
    f->kept = NULL;
  }
  return 0;
}

static port *port_of(void *userdata) {
  return &((port_lua *)userdata)->p;
}

int lwt_uv_port_lua_shuts(const port *p) {
  return ((const port_lua *)p)->shuts;
}

/* new(start, shuts): push the port. */
int lwt_uv_port_lua_new(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  port_lua *f;
  luaL_checktype(L, 1, LUA_TFUNCTION);
  f = lwt_uv_new_userdata(ctx, L, LWT_UV_PORT, sizeof *f, ERROR + NOPS);
  f->p.class = &lwt_uv_port_lua_class;
  f->ctx = ctx;
  f->shuts = lua_toboolean(L, 2);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, START);
  return 1;
}

void lwt_uv_port_lua_open(lwt_uv *ctx, lua_State *L) {
  channel_state *st = channel_state_of(ctx);
  static const luaL_Reg methods[] = {{"done", l_done}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", l_gc}, {NULL, NULL}};
  st->ports_idle.f = on_idle;
  st->ports_idle.data = st;
  st->ports_last = &st->ports;
  lwt_uv_new_type(ctx, L, LWT_UV_PORT, "lwt.port", methods, meta);
  ctx->type[LWT_UV_PORT].port = port_of;
}
