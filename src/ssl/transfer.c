/* transfer.c: bytes in and out of a session: from and for the transport, decrypted and to be
** encrypted. What is decrypted stays with the session until its Lua string is made, so that
** want of memory loses nothing; and no finalizer comes between a look at a buffer and its
** use.
*/
#include "ssl.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define RECORD 16384 /* bytes that a record carries, at most */

static void fail(session *s) {
  s->failed = 1;
  if (s->no_memory) lwt_ssl_fault_set(lwt_ssl_fault(s), "ENOMEM", "not enough memory");
  lwt_ssl_fault_take(lwt_ssl_fault(s));
}

/* ---- The transport's side --------------------------------------------------------- */

/* feed(data or nil): what the transport has given; nil is its end. */
static int l_feed(lua_State *L) {
  session *s = lwt_ssl_check_idle(L);
  size_t n;
  const char *data;
  if (lua_isnoneornil(L, 2)) {
    s->in_end = 1;
    return 0;
  }
  data = luaL_checklstring(L, 2, &n);
  if (n == 0) return 0;
  if (!lwt_ssl_buffer_room(s, &s->in, n)) return luaL_error(L, "not enough memory");
  memcpy(s->in.data + s->in.len, data, n);
  s->in.len += n;
  return 0;
}

/* Push at most `n` bytes of a buffer of the session at argument 1 and take them when the
** string is made: a finalizer may have taken them meanwhile, or freed the session. Returns
** how many values: none where there is nothing any more. */
int lwt_ssl_push_bytes(lua_State *L, size_t offset, size_t n) {
  for (;;) {
    session *s = lwt_ssl_test_session(L, 1);
    buffer *b = (buffer *)(void *)((char *)s + offset);
    unsigned before;
    size_t waiting = s == NULL ? 0 : b->len - b->at;
    if (waiting > n) waiting = n;
    if (waiting == 0) return 0;
    before = s->taken;
    lua_pushlstring(L, b->data + b->at, waiting);
    if (lwt_ssl_test_session(L, 1) == s && s->taken == before) {
      s->taken++;
      lwt_ssl_buffer_took(s, b, waiting);
      return 1;
    }
    lua_pop(L, 1);
  }
}

int lwt_ssl_receive(lua_State *L, session *s, int socket) {
  ptrdiff_t n;
  if (!lwt_ssl_buffer_room(s, &s->in, LWT_SSL_CHUNK)) return LWT_SSL_NO_MEMORY;
  n = s->lwt->socket_read(s->lwt, L, socket, s->in.data + s->in.len, LWT_SSL_CHUNK);
  s->dry = n > 0 && n < LWT_SSL_CHUNK;
  if (n > 0)
    s->in.len += (size_t)n;
  else if (n == 0)
    s->in_end = 1;
  if (s->in.len == s->in.at) lwt_ssl_buffer_free(s, &s->in);
  return n >= 0;
}

/* receive(socket): take what the socket has, without a Lua string in between: true when
** that was something, or its end. */
static int l_receive(lua_State *L) {
  int n = lwt_ssl_receive(L, lwt_ssl_check_idle(L), 2);
  if (n == LWT_SSL_NO_MEMORY) return luaL_error(L, "not enough memory");
  lua_pushboolean(L, n);
  return 1;
}

/* output(): what is to be sent, or nil. */
static int l_output(lua_State *L) {
  lwt_ssl_check_idle(L)->full = 0;
  return lwt_ssl_push_bytes(L, offsetof(session, out), SIZE_MAX);
}

/* pending(): how many bytes wait to be sent. */
static int l_pending(lua_State *L) {
  const session *s = lwt_ssl_test_session(L, 1);
  lua_pushinteger(L, s == NULL ? 0 : (lua_Integer)(s->out.len - s->out.at));
  return 1;
}

/* unread(): what the transport has given and TLS has not looked at. */
static int l_unread(lua_State *L) {
  session *s = lwt_ssl_check_idle(L);
  lua_pushlstring(L, s->in.data + s->in.at, s->in.len - s->in.at);
  return 1;
}

/* ---- Reading ------------------------------------------------------------------------ */

/* Nothing is left to be read, neither here nor in OpenSSL, which has nothing of its own before it
** is asked again. */
static int is_drained(session *s) {
  if (s->in.len > s->in.at) return 0;
  if (!s->drained) s->drained = !SSL_has_pending(s->ssl);
  return s->drained;
}

/* How many bytes can come of what is there, at most; OpenSSL may have a part of a record. */
static size_t expected(const session *s) {
  size_t n = s->in.len - s->in.at;
  if (!s->drained && SSL_has_pending(s->ssl)) n += RECORD;
  return s->in_end ? n + 1 : n;
}

/* SSL_ERROR_NONE in plain_status: there may be more. */
void lwt_ssl_decrypt(session *s, size_t n) {
  if (s->plain.len > s->plain.at || s->heard_end || s->failed) return;
  if (n > expected(s)) n = expected(s);
  s->plain_status = SSL_ERROR_WANT_READ;
  if (n == 0) return;
  s->plain_status = SSL_ERROR_NONE;
  if (!lwt_ssl_buffer_room(s, &s->plain, n)) return;
  while (s->plain.len - s->plain.at < n) {
    size_t got = 0;
    int r;
    lwt_ssl_no_errors();
    s->drained = 0;
    r = SSL_read_ex(s->ssl, s->plain.data + s->plain.len,
                    n - (s->plain.len - s->plain.at), &got);
    if (r == 1) {
      s->plain.len += got;
      if (!s->in_end && is_drained(s)) break;
      continue;
    }
    s->plain_status = SSL_get_error(s->ssl, r);
    if (s->plain_status == SSL_ERROR_ZERO_RETURN) s->heard_end = 1;
    if (s->plain_status == SSL_ERROR_SSL || s->plain_status == SSL_ERROR_SYSCALL) {
      if (s->in_end && s->in.len == s->in.at && ERR_peek_error() == 0)
        lwt_ssl_fault_set(lwt_ssl_fault(s), "SSL_EOF",
                          "the connection was cut: the peer has not said that it is done "
                          "(close_notify)");
      fail(s);
    }
    break;
  }
  if (s->plain.len == s->plain.at) lwt_ssl_buffer_free(s, &s->plain);
  /* It gives them back by itself, but only when it is asked once more. */
  if (!s->failed && is_drained(s)) SSL_free_buffers(s->ssl);
}

/* read(n) -> a string; or nil and "more" (feed it), "end", or an error; nothing when a finalizer
** has freed the session. */
static int l_read(lua_State *L) {
  session *s = lwt_ssl_test_session(L, 1) == NULL ? NULL : lwt_ssl_check_idle(L);
  lua_Integer want = luaL_checkinteger(L, 2);
  size_t n = want > LWT_SSL_MOST ? LWT_SSL_MOST : (size_t)want;
  if (s == NULL) return 0;
  lwt_ssl_decrypt(s, n);
  while (s->plain.len > s->plain.at) {
    if (lwt_ssl_push_bytes(L, offsetof(session, plain), n)) return 1;
    s = lwt_ssl_test_session(L,
                             1); /* a finalizer was here, and has taken what there was */
    if (s == NULL) return 0;
    lwt_ssl_decrypt(s, n);
  }
  lua_pushnil(L);
  if (s->heard_end)
    lua_pushliteral(L, "end");
  else if (s->failed)
    lwt_ssl_push_last(L, s, "read");
  else if (s->plain_status == SSL_ERROR_NONE)
    return luaL_error(L, "not enough memory");
  else
    lua_pushliteral(L, "more");
  return 2;
}

/* ---- Writing ------------------------------------------------------------------------ */

/* Encrypt data[at, len) into the output, as much as it takes: how far it came. Each call of OpenSSL's makes
** one record, and only the one that comes to the end gives its buffer back. */
static size_t encrypt(session *s, const char *data, size_t at, size_t len) {
  if (len - at > LWT_SSL_CHUNK) len = at + LWT_SSL_CHUNK;
  if (s->failed || s->said_end) return at;
  lwt_ssl_buffer_room(s, &s->out,
                      len - at < LWT_SSL_CHUNK
                          ? (len - at) + (len - at) / 64 + 256 + s->tickets.len
                          : LWT_SSL_PIECE);
  while (at < len && !s->failed) {
    size_t put = 0;
    lwt_ssl_no_errors();
    if (SSL_write_ex(s->ssl, data + at, len - at, &put) == 1)
      at += put;
    else if (SSL_get_error(s->ssl, 0) == SSL_ERROR_WANT_READ)
      break; /* see is_blocked */
    else
      fail(s);
  }
  return at;
}

/* is_blocked(): OpenSSL is in the middle of what the peer has sent for TLS itself (a ticket that is
** longer than a record), and encrypts nothing before the rest has come. */
static int l_is_blocked(lua_State *L) {
  session *s = lwt_ssl_check_idle(L);
  int r = 1;
  if (s->open && !s->failed && SSL_in_init(s->ssl)) {
    lwt_ssl_no_errors();
    s->drained = 0;
    r = SSL_do_handshake(s->ssl);
    if (r != 1 && SSL_get_error(s->ssl, r) != SSL_ERROR_WANT_READ) fail(s);
  }
  lua_pushboolean(L, r != 1 && !s->failed);
  return 1;
}

/* Push why nothing can be encrypted any more. */
static void push_refusal(lua_State *L, session *s) {
  if (s->failed)
    lwt_ssl_push_last(L, s, "write");
  else
    s->lwt->push_error(s->lwt, L, "EPIPE", EPIPE, "broken pipe", "write", NULL, NULL);
}

/* write(data, at) -> how many bytes of it, from `at` (0 …) on, are encrypted and in the
** output; or nil and the error. */
static int l_write(lua_State *L) {
  session *s = lwt_ssl_check_idle(L);
  size_t len, at, done;
  const char *data = luaL_checklstring(L, 2, &len);
  at = (size_t)luaL_checkinteger(L, 3);
  luaL_argcheck(L, at <= len, 3, "beyond the end");
  done = encrypt(s, data, at, len);
  if (done == at && at < len && (s->failed || s->said_end)) {
    lua_pushnil(L);
    push_refusal(L, s);
    return 2;
  }
  lua_pushinteger(L, (lua_Integer)(done - at));
  return 1;
}

int lwt_ssl_send(lua_State *L, session *s, int socket) {
  size_t n = s->out.len - s->out.at;
  if (n > 0) {
    ptrdiff_t sent = s->lwt->socket_write(s->lwt, L, socket, s->out.data + s->out.at, n);
    s->taken++;
    if (sent > 0) lwt_ssl_buffer_took(s, &s->out, (size_t)sent);
    n -= sent > 0 ? (size_t)sent : 0;
  }
  s->full = n > 0;
  return n == 0;
}

/* send(socket): give the socket what it takes at once: true when nothing is left. A socket that has just
** not taken all is not asked again: its own write is to wait now (`output`), which asks by itself. */
static int l_send(lua_State *L) {
  session *s = lwt_ssl_check_idle(L);
  int full = s->full;
  s->full = 0;
  lua_pushboolean(L, !full && lwt_ssl_send(L, s, 2));
  return 1;
}

/* The way that nearly every write goes: nothing is before it, it is encrypted in one go (so that
** nothing comes between its parts), and the socket takes it at once. */
int lwt_ssl_put(lua_State *L, int conn, session *s, int data) {
  size_t len, done = 0;
  const char *bytes = lua_tolstring(L, data, &len);
  if (len <= LWT_SSL_CHUNK && s->out.len == s->out.at) {
    done = encrypt(s, bytes, 0, len);
    lua_getiuservalue(L, conn, LWT_SSL_SOCKET);
    if (lwt_ssl_send(L, s, lua_gettop(L)) && done == len) return 1;
  }
  lua_pushinteger(L, (lua_Integer)done);
  return 0;
}

/* still_sends(socket): what the peer sends is not wanted any more: drop what has come.
** True when there was something, and neither the peer's goodbye nor the end. */
static int l_still_sends(lua_State *L) {
  session *s = lwt_ssl_check_idle(L);
  int some = s->in.len > s->in.at || s->plain.len > s->plain.at, tries = 0;
  do {
    s->taken++;
    lwt_ssl_buffer_free(s, &s->plain);
    while (s->open && !s->failed && !s->heard_end) {
      lwt_ssl_decrypt(s, LWT_SSL_MOST);
      if (s->plain.len == s->plain.at) break;
      some = 1;
      lwt_ssl_buffer_free(s, &s->plain);
    }
  } while (!s->failed && !s->heard_end && !s->in_end && tries++ < 16 &&
           lwt_ssl_receive(L, s, 2) == 1);
  lua_pushboolean(L, some && !s->heard_end && !s->in_end);
  return 1;
}

/* slow_in(on), slow_out(on): whether reads, and writes, have to be done in Lua. Nothing for a session that
** has been freed meanwhile. */
static int l_slow_in(lua_State *L) {
  session *s = lwt_ssl_test_session(L, 1);
  if (s != NULL) s->slow_in = lua_toboolean(L, 2);
  return 0;
}

static int l_slow_out(lua_State *L) {
  session *s = lwt_ssl_test_session(L, 1);
  if (s != NULL) s->slow_out = lua_toboolean(L, 2);
  return 0;
}

/* finish(): say that we are done (close_notify), once; gives the error that is in its way. Nothing is said
** after a failure. */
static int l_finish(lua_State *L) {
  session *s = lwt_ssl_check_idle(L);
  if (s->open && !s->failed && !s->said_end) {
    if (!lwt_ssl_buffer_room(s, &s->out, 256 + s->tickets.len))
      return luaL_error(L, "not enough memory");
    ERR_clear_error();
    if (SSL_shutdown(s->ssl) < 0) fail(s);
    ERR_clear_error();
  }
  s->said_end = 1;
  if (!s->open || !s->failed) return 0;
  lwt_ssl_push_last(L, s, "shutdown");
  return 1;
}

/* part(socket): say that we are done, in one go with the rest that is to be sent: whether that is sent, and what
** still_sends says. */
static int l_part(lua_State *L) {
  session *s = lwt_ssl_check_session(L, 1);
  if (s->busy) return 0;
  lua_settop(L, 2);
  l_finish(L);
  lua_settop(L, 2);
  l_send(L);
  if (!lua_toboolean(L, -1)) return 1;
  l_still_sends(L);
  return 2;
}

const luaL_Reg lwt_ssl_moving[] = {
    {"feed", l_feed},     {"receive", l_receive},       {"send", l_send},
    {"output", l_output}, {"pending", l_pending},       {"unread", l_unread},
    {"read", l_read},     {"write", l_write},           {"slow_in", l_slow_in},
    {"finish", l_finish}, {"slow_out", l_slow_out},     {"still_sends", l_still_sends},
    {"part", l_part},     {"is_blocked", l_is_blocked}, {NULL, NULL},
};
