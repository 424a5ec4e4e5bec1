/* direct.c: what lwt.direct shows of a stream over a socket of lwt.net: a view whose read and
** write await by themselves, without making a promise. A task that reads waits in the
** place of the promise of reading.c, and so does a task that makes a handshake (handshake.c).
** Whatever is not simple is left to the methods in Lua.
*/
#include "ssl.h"

typedef struct view {
  const void *magic;
  session **box; /* what the session's userdata begins with */
} view;

/* Its user values. */
#define STREAM 1
#define CONN 2

static const char view_magic, failed; /* by their addresses */

static view *check_view(lua_State *L) {
  view *v = lua_touserdata(L, 1);
  if (v == NULL || lua_rawlen(L, 1) != sizeof *v || v->magic != &view_magic)
    luaL_typeerror(L, 1, "TLS stream's direct view");
  return v;
}

/* The same through a method that Lua has made: upvalue 2. */
static int others_k(lua_State *L, int status, lua_KContext k) {
  (void)status, (void)k;
  return lua_gettop(L);
}

static int others(lua_State *L, int n) {
  lua_settop(L, n);
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_insert(L, 1);
  lua_callk(L, n, LUA_MULTRET, 0, others_k);
  return lua_gettop(L);
}

/* ---- The task that waits ------------------------------------------------------------ */

/* (In Lua's line it is noticed when its turn comes.) */
static void on_cancel(lua_State *L, lwt_wait *w) {
  session *s = (session *)(void *)((char *)w - offsetof(session, direct));
  if (s->reads != LWT_SSL_DIRECT) return;
  lwt_ssl_end_read(L, s);
  s->lwt->socket_unwait(s->lwt, &s->wait);
}

void lwt_ssl_init_direct(session *s) {
  s->direct.cancel = on_cancel;
}

void lwt_ssl_wake_direct(lua_State *L, session *s, int ok) {
  if (!ok) lua_pushlightuserdata(L, (void *)&failed);
  s->lwt->wait_wake(s->lwt, L, &s->direct, ok ? 1 : 2);
}

/* Does the wait of this number go on? (Not when the session has been freed: it was told.) */
static int waits(const session *s, lua_Integer number) {
  return s != NULL && s->direct.task != NULL && s->waits == (unsigned)number;
}

/* waits(number) */
static int l_waits(lua_State *L) {
  lua_pushboolean(L, waits(lwt_ssl_test_session(L, 1), luaL_checkinteger(L, 2)));
  return 1;
}

/* wake(number, ok, value) */
static int l_wake(lua_State *L) {
  session *s = lwt_ssl_test_session(L, 1);
  lua_Integer number = luaL_checkinteger(L, 2);
  lua_settop(L, 4);
  luaL_checkstack(L, 1, NULL);
  if (waits(s, number)) lwt_ssl_wake_direct(L, s, lua_toboolean(L, 3));
  return 0;
}

/* ---- The methods --------------------------------------------------------------------- */

int lwt_ssl_wait_direct(lua_State *L, int conn, session *s, size_t want,
                        lua_KFunction k) {
  s->lwt->wait_begin(s->lwt, L, 1, &s->direct);
  s->waits++;
  lwt_ssl_begin_read(L, conn, s, want, LWT_SSL_DIRECT);
  return lua_yieldk(L, 0, (lua_KContext)s->lwt, k);
}

int lwt_ssl_wait_over(lua_State *L, const lwt_api *lwt) {
  if (!lwt->wait_resumed(lwt, L)) return 0;
  lwt->wait_end(lwt, L);
  if (lua_touserdata(L, -1) != &failed) return 1;
  lua_pop(L, 1);
  return lua_error(L);
}

static int read_k(lua_State *L, int status, lua_KContext k) {
  (void)status;
  return lwt_ssl_wait_over(L, (const lwt_api *)k) ? 1 : lua_yieldk(L, 1, k, read_k);
}

/* Push what is there. Making it may run a finalizer that takes it: 0. */
static int push_found(lua_State *L, view *v, session *s, size_t want,
                      lwt_ssl_outcome what) {
  unsigned taken = s->taken;
  size_t n = s->plain.len - s->plain.at;
  if (what == R_MEMORY) return luaL_error(L, "not enough memory");
  if (what == R_FAILED) {
    lwt_ssl_push_last(L, s, "read");
    return lua_error(L);
  }
  if (what == R_END) {
    lua_pushnil(L);
    return 1;
  }
  if (n > want) n = want;
  lua_pushlstring(L, s->plain.data + s->plain.at, n);
  if (*v->box != s || s->taken != taken) return 0;
  s->taken++;
  lwt_ssl_buffer_took(s, &s->plain, n);
  return 1;
}

/* At most so many bytes. (Here, where it is known whose line to name.) */
static size_t check_want(lua_State *L) {
  lua_Integer want = LWT_SSL_MOST;
  int is_integer;
  if (lua_isnoneornil(L, 2)) return LWT_SSL_MOST;
  want = lua_tointegerx(L, 2, &is_integer);
  if (lua_type(L, 2) != LUA_TNUMBER || !is_integer) luaL_typeerror(L, 2, "integer");
  if (want < 1)
    luaL_argerror(L, 2,
                  lua_pushfstring(L, "must be at least 1, got %I", (LUAI_UACINT)want));
  return want < LWT_SSL_MOST ? (size_t)want : LWT_SSL_MOST;
}

int lwt_ssl_is_free(const session *s) {
  return s != NULL && !s->slow_in && !s->reads && !s->busy && s->direct.task == NULL;
}

static int view_read(lua_State *L) {
  const lwt_api *lwt = lwt_ssl_lwt(L);
  view *v = check_view(L);
  size_t want = check_want(L);
  int n = lua_gettop(L), sent = 0;
  session *s = *v->box;
  if (!lwt_ssl_is_free(s)) return others(L, n);
  lwt->wait_check(lwt, L);
  lua_settop(L, 2);
  lua_getiuservalue(L, 1, CONN);
  for (; lwt_ssl_is_free(s); s = *v->box) {
    lwt_ssl_outcome what;
    lua_settop(L, 3);
    if (s->wait.at != NULL) lwt->socket_unwait(lwt, &s->wait);
    what = lwt_ssl_look(L, 3, s, want);
    if (what == R_TROUBLE) break;
    if (what != R_WAITS && what != R_BLOCKED) {
      if (!push_found(L, v, s, want, what)) continue;
      if (*v->box == s && s->out.len > s->out.at) lwt_ssl_send_soon(L, 3);
      return 1;
    }
    if (s->out.len > s->out.at && !sent) { /* that may change everything */
      sent = 1;
      lwt_ssl_send_soon(L, 3);
      continue;
    }
    return lwt_ssl_wait_direct(L, 3, s, want, read_k);
  }
  return others(L, n > 2 ? 2 : n);
}

/* (Upvalue 3 goes on where a part of it is encrypted: rest(view, data, done).) */
static int view_write(lua_State *L) {
  const lwt_api *lwt = lwt_ssl_lwt(L);
  session *s = *check_view(L)->box;
  int n = lua_gettop(L);
  if (lua_isnoneornil(L, 2) || lua_isboolean(L, 2) || lua_isfunction(L, 2))
    luaL_typeerror(L, 2, "string, lwt.bytes or a list of them");
  if (s == NULL || s->slow_out || s->busy || lua_type(L, 2) != LUA_TSTRING)
    return others(L, n);
  lwt->wait_check(lwt, L); /* before it has an effect */
  lua_settop(L, 2);
  lua_getiuservalue(L, 1, CONN);
  if (lwt_ssl_put(L, 3, s, 2)) return 0;
  lua_insert(L, 3);
  lua_settop(L, 3);
  lua_pushvalue(L, lua_upvalueindex(3));
  lua_insert(L, 1);
  lua_callk(L, 3, LUA_MULTRET, 0, others_k);
  return lua_gettop(L);
}

/* ---- What Lua calls ------------------------------------------------------------------- */

/* view(stream, session, metatable) */
static int l_view(lua_State *L) {
  view *v;
  lwt_ssl_check_session(L, 2);
  lua_settop(L, 3);
  v = lua_newuserdatauv(L, sizeof *v, 2);
  v->magic = &view_magic;
  v->box = lua_touserdata(L, 2);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, 4, STREAM);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, 4, CONN);
  lua_pushvalue(L, 3);
  lua_setmetatable(L, 4);
  return 1;
}

/* view_methods(read, write, rest) -> read, write. */
static int l_view_methods(lua_State *L) {
  lua_settop(L, 3);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, view_read, 2);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 3);
  lua_pushcclosure(L, view_write, 3);
  return 2;
}

const luaL_Reg lwt_ssl_direct[] = {{"waits", l_waits}, {"wake", l_wake}, {NULL, NULL}};
const luaL_Reg lwt_ssl_viewing[] = {
    {"view", l_view}, {"view_methods", l_view_methods}, {NULL, NULL}};
