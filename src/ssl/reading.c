/* reading.c: a read of a session whose transport is a socket of lwt.net. It makes no Lua
** string of the encrypted bytes, and waits without Lua code. At most one such read waits,
** as a promise that the session's userdata has, or as a task (direct.c). Further reads, and
** those of other transports, stand in line in lua/lwt/ssl/stream.lua, which also handles all
** cases that are not simple: `attend` calls it.
*/
#include "ssl.h"

/* Above so many bytes to be sent nothing more is read, which might add to it. */
#define UNSENT 131072

const char lwt_ssl_attend = 0; /* by its address */

static lwt_ssl_outcome failed(session *s) {
  return s->truncation && strcmp(lwt_ssl_fault(s)->code, "SSL_EOF") == 0 ? R_END
                                                                         : R_FAILED;
}

lwt_ssl_outcome lwt_ssl_look(lua_State *L, int conn, session *s, size_t want) {
  int socket = lua_gettop(L) + 1;
  lwt_ssl_outcome what = R_WAITS;
  lua_getiuservalue(L, conn, LWT_SSL_SOCKET);
  for (;;) {
    int n;
    if (want > 0) {
      lwt_ssl_decrypt(s, want);
      what = s->plain.len > s->plain.at          ? R_BYTES
             : s->heard_end                      ? R_END
             : s->failed                         ? failed(s)
             : s->plain_status == SSL_ERROR_NONE ? R_MEMORY
             : s->out.len - s->out.at > UNSENT   ? R_BLOCKED
                                                 : R_WAITS;
      if (what != R_WAITS) break;
    } else if (s->in.len > s->in.at || s->in_end) {
      what = R_BYTES;
      break;
    }
    n = s->dry ? 0 : lwt_ssl_receive(L, s, socket);
    if (n > 0) continue;
    if (n == LWT_SSL_NO_MEMORY) {
      what = R_MEMORY;
      break;
    }
    if (s->lwt->socket_wait(s->lwt, L, socket, &s->wait) == 0) break;
    if (!s->dry) {
      what = R_TROUBLE;
      break;
    }
    s->dry = 0; /* something has come since */
  }
  lua_settop(L, socket - 1);
  return what;
}

/* ---- The promise that waits -------------------------------------------------------- */

/* Forget it, and let go of the userdata. Allocates nothing. */
void lwt_ssl_end_read(lua_State *L, session *s) {
  s->reads = LWT_SSL_NO_READ;
  s->turns++;
  lua_pushboolean(L, 0);
  lua_rawseti(L, LUA_REGISTRYINDEX, s->ref);
}

/* Push who reads, and forget it: a promise, or nil for a task. */
static void take_reader(lua_State *L, session *s, int conn) {
  lua_getiuservalue(L, conn, LWT_SSL_READER);
  lua_pushnil(L);
  lua_setiuservalue(L, conn, LWT_SSL_READER);
  lwt_ssl_end_read(L, s);
}

/* (Not of one that has been handed over, while another waits here.) */
static void on_cancel(lua_State *L, void *data) {
  session *s = data;
  int top = lua_gettop(L);
  if (s->reads != LWT_SSL_PROMISE) return;
  lua_rawgeti(L, LUA_REGISTRYINDEX, s->ref);
  lua_getiuservalue(L, top + 1, LWT_SSL_READER);
  if (s->lwt->state(s->lwt, L, top + 2) != LWT_PENDING) {
    take_reader(L, s, top + 1);
    s->lwt->socket_unwait(s->lwt, &s->wait);
  }
  lua_settop(L, top);
}

/* The read has ended: with what is on top of the stack. */
static void settle(lua_State *L, session *s, int conn, lwt_ssl_outcome what) {
  const lwt_api *lwt = s->lwt;
  int value = lua_gettop(L);
  if (s->reads == LWT_SSL_DIRECT) {
    lwt_ssl_end_read(L, s);
    lwt_ssl_wake_direct(L, s, what != R_FAILED);
    return;
  }
  take_reader(L, s, conn);
  lua_insert(L, value);
  if (what == R_FAILED)
    lwt->reject(lwt, L, value);
  else
    lwt->fulfill(lwt, L, value, 1);
  lua_settop(L, value - 1);
}

/* deliver(session, outcome): protected. Making the value may run a finalizer that cancels the
** read, begins another, or closes everything: then what has been decrypted stays. */
static int deliver(lua_State *L) {
  session **box = lua_touserdata(L, 1), *s = *box;
  lwt_ssl_outcome what = (lwt_ssl_outcome)lua_tointeger(L, 2);
  unsigned turns = s->turns, taken = s->taken;
  size_t n = 0;
  lua_settop(L, 1);
  luaL_checkstack(L, 10, NULL);
  if (what == R_END || (what == R_BYTES && s->want == 0)) {
    lua_pushnil(L);
  } else if (what == R_FAILED) {
    lwt_ssl_push_last(L, s, "read");
  } else {
    n = s->plain.len - s->plain.at;
    if (n > s->want) n = s->want;
    lua_pushlstring(L, s->plain.data + s->plain.at, n);
  }
  if (*box != s || s->turns != turns || s->taken != taken) {
    lua_pushboolean(L, 0);
    return 1;
  }
  if (n > 0) {
    s->taken++;
    lwt_ssl_buffer_took(s, &s->plain, n);
  }
  settle(L, s, 1, what);
  lua_pushboolean(L, 1);
  return 1;
}

/* Push who reads, which Lua sees to from now on, as three values: a promise and what it wants; or
** false for a task, what it wants, and the number of its wait. */
static int give_reader(lua_State *L, session *s, int conn) {
  int direct = s->reads == LWT_SSL_DIRECT;
  take_reader(L, s, conn);
  if (direct) {
    lua_pop(L, 1);
    lua_pushboolean(L, 0);
  }
  lua_pushinteger(L, (lua_Integer)s->want);
  lua_pushinteger(L, (lua_Integer)s->waits);
  return 3;
}

/* attend(stream, reader, want, wait): Lua takes this read over; or it has something to send. */
static void attend(lua_State *L, int nargs) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &lwt_ssl_attend);
  lua_insert(L, -nargs - 1);
  lua_call(L, nargs, 0);
}

/* hand_over(session): protected. */
static int hand_over(lua_State *L) {
  session *s = *(session **)lua_touserdata(L, 1);
  luaL_checkstack(L, 10, NULL);
  lua_getiuservalue(L, 1, LWT_SSL_STREAM);
  attend(L, 1 + give_reader(L, s, 1));
  return 0;
}

/* Call one of these two with the session at 1: 0 when it raised. */
static int protect(lua_State *L, lua_CFunction f, lwt_ssl_outcome what) {
  int ok;
  lua_pushcfunction(L, f);
  lua_pushvalue(L, 1);
  lua_pushinteger(L, (lua_Integer)what);
  ok = lua_pcall(L, 2, 0, 0) == LUA_OK;
  if (!ok) lua_pop(L, 1);
  return ok;
}

/* Hand the read over: 0 when Lua had no memory for that. A reader that is neither here nor there any
** more is told so. */
static int hand_over_or_tell(lua_State *L) {
  session **box = lua_touserdata(L, 1), *s = *box;
  const lwt_api *lwt = s->lwt;
  unsigned wait = s->waits;
  int reader = lua_gettop(L) + 1, ok;
  lua_getiuservalue(L, 1, LWT_SSL_READER); /* nil: a task */
  ok = protect(L, hand_over, R_TROUBLE);
  if (!ok && (*box != s || !s->reads)) {
    lua_pushliteral(L, "not enough memory");
    if (!lua_isnil(L, reader) && lwt->state(lwt, L, reader) == LWT_PENDING)
      lwt->reject(lwt, L, reader);
    else if (*box == s && s->direct.task != NULL && s->waits == wait)
      lwt_ssl_wake_direct(L, s, 0);
  }
  lua_settop(L, reader - 1);
  return ok;
}

/* The read that waits may have what it waits for: see to it, unless it waits on. The session's
** userdata is at 1. Without memory to resolve its promise, it is rejected with that
** error. */
static void serve(lua_State *L) {
  session **box = lua_touserdata(L, 1), *s = *box;
  while (*box == s && s->reads && s->wait.at == NULL) {
    lwt_ssl_outcome what = lwt_ssl_look(L, 1, s, s->want);
    if (what == R_WAITS || what == R_BLOCKED) break;
    if (what == R_TROUBLE ? hand_over_or_tell(L)
                          : what != R_MEMORY && protect(L, deliver, what))
      continue;
    lua_pushliteral(L, "not enough memory"); /* (which may collect: look after that) */
    if (*box != s || !s->reads) break;
    settle(L, s, 1, R_FAILED);
  }
  if (*box != s || s->out.len == s->out.at) return;
  lua_getiuservalue(L, 1, LWT_SSL_STREAM);
  attend(L, 1);
}

/* (There is no read: its promise could not be made, or a finalizer has cancelled it.) */
void lwt_ssl_on_ready(lua_State *L, lwt_socket_wait *w) {
  session *s = (session *)(void *)((char *)w - offsetof(session, wait));
  s->dry = 0;
  lua_rawgeti(L, LUA_REGISTRYINDEX, s->ref);
  if (s->reads) serve(L);
}

void lwt_ssl_forget_read(session *s) {
  if (s->reads || s->direct.task != NULL) s->lwt->state_closing(s->lwt);
  s->reads = LWT_SSL_NO_READ;
  if (s->wait.at != NULL) s->lwt->socket_unwait(s->lwt, &s->wait);
}

/* ---- What Lua calls ------------------------------------------------------------------ */

static session *session_at(lua_State *L, int conn) {
  return *(session **)lua_touserdata(L, conn);
}

/* Push a promise of the bytes that are there. A finalizer may take them meanwhile: 0. */
static int push_bytes(lua_State *L, int conn, session *s, size_t want) {
  const lwt_api *lwt = s->lwt;
  unsigned taken = s->taken;
  size_t n = s->plain.len - s->plain.at;
  if (n > want) n = want;
  lua_pushlstring(L, s->plain.data + s->plain.at, n);
  lwt->fulfilled(lwt, L, 1);
  if (session_at(L, conn) != s || s->taken != taken) return 0;
  s->taken++;
  lwt_ssl_buffer_took(s, &s->plain, n);
  return 1;
}

/* Push a promise of what needs no waiting. 0: look again. */
static int push_found(lua_State *L, int conn, session *s, size_t want,
                      lwt_ssl_outcome what) {
  const lwt_api *lwt = s->lwt;
  switch (what) {
  case R_BYTES: return push_bytes(L, conn, s, want);
  case R_END:
    lua_pushnil(L);
    lwt->fulfilled(lwt, L, 1);
    return 1;
  case R_FAILED:
    lwt_ssl_push_last(L, s, "read");
    lwt->rejected(lwt, L);
    return 1;
  default: return luaL_error(L, "not enough memory");
  }
}

/* It waits from now on. Allocates nothing. */
void lwt_ssl_begin_read(lua_State *L, int conn, session *s, size_t want, int how) {
  s->reads = how;
  s->want = want;
  s->turns++;
  lua_pushvalue(L, conn);
  lua_rawseti(L, LUA_REGISTRYINDEX, s->ref);
}

/* Push the promise of a read that waits. Making it may run a finalizer: 0: look again. */
static int push_waiting(lua_State *L, int conn, session *s, size_t want,
                        lwt_ssl_outcome what) {
  unsigned turns = s->turns, taken = s->taken;
  s->lwt->promise_new(s->lwt, L, on_cancel, s);
  if (session_at(L, conn) != s || s->turns != turns || s->taken != taken ||
      (what == R_WAITS && s->wait.at == NULL))
    return 0;
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, conn, LWT_SSL_READER);
  lwt_ssl_begin_read(L, conn, s, want, LWT_SSL_PROMISE);
  return 1;
}

/* A read has found something to send. What it has read is in a promise by now and must not be lost:
** without memory to see to it, it is sent with what is sent next. */
void lwt_ssl_send_soon(lua_State *L, int conn) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &lwt_ssl_attend);
  lua_getiuservalue(L, conn, LWT_SSL_STREAM);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_pop(L, 1);
}

/* Push a promise of what comes; 0: it has to be done in Lua. */
int lwt_ssl_pull(lua_State *L, int conn, size_t want) {
  int top = lua_gettop(L), done;
  session *s;
  do {
    lwt_ssl_outcome what;
    lua_settop(L, top);
    s = session_at(L, conn);
    if (s == NULL || s->slow_in || s->reads || s->busy) return 0;
    if (s->wait.at != NULL) s->lwt->socket_unwait(s->lwt, &s->wait);
    what = lwt_ssl_look(L, conn, s, want);
    if (what == R_TROUBLE) return 0;
    done = what == R_WAITS || what == R_BLOCKED ? push_waiting(L, conn, s, want, what)
                                                : push_found(L, conn, s, want, what);
  } while (!done);
  if (session_at(L, conn) == s && s->out.len > s->out.at) lwt_ssl_send_soon(L, conn);
  return 1;
}

/* withdraw() -> the read that waits, as give_reader says; or nothing. */
static int l_withdraw(lua_State *L) {
  session *s = lwt_ssl_test_session(L, 1);
  if (s == NULL || !s->reads) return 0;
  s->lwt->socket_unwait(s->lwt, &s->wait);
  return give_reader(L, s, 1);
}

/* stop(): no more reads and writes in C; gives the read that waits, as `withdraw` does. */
static int l_stop(lua_State *L) {
  session *s = lwt_ssl_test_session(L, 1);
  if (s != NULL) s->slow_in = s->slow_out = 1;
  return l_withdraw(L);
}

/* go_on(): something was sent; a read that was blocked goes on. */
static int l_go_on(lua_State *L) {
  lwt_ssl_check_idle(L);
  lua_settop(L, 1);
  serve(L);
  return 0;
}

const luaL_Reg lwt_ssl_reading[] = {
    {"withdraw", l_withdraw}, {"stop", l_stop}, {"go_on", l_go_on}, {NULL, NULL}};
