/* transfer.c: bytes in and out of a session: from and for the transport, decrypted and to be
** encrypted. What is decrypted stays with the session until its Lua string is made, so that
** want of memory loses nothing; and no finalizer comes between a look at a buffer and its
** use.
*/
#include "ssl.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define MOST 65536   /* decrypted at once */
#define RECORD 16384 /* what is encrypted at once */
#define CHUNK 65536  /* … and sent at once */

static session *check_idle(lua_State *L) {
  session *s = lwt_ssl_check_session(L, 1);
  if (s->busy) luaL_error(L, "the handshake is under way");
  return s;
}

static void fail(session *s) {
  s->failed = 1;
  if (s->no_memory) lwt_ssl_fault_set(&s->fault, "ENOMEM", "not enough memory");
  lwt_ssl_fault_take(&s->fault);
}

/* ---- The transport's side --------------------------------------------------------- */

/* feed(data or nil): what the transport has given; nil is its end. */
static int l_feed(lua_State *L) {
  session *s = check_idle(L);
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
** how many values: none where there is nothing. */
int lwt_ssl_push_bytes(lua_State *L, size_t offset, size_t n) {
  for (;;) {
    session *s = lwt_ssl_check_session(L, 1);
    buffer *b = (buffer *)(void *)((char *)s + offset);
    unsigned before = s->taken;
    size_t waiting = b->len - b->at;
    if (waiting > n) waiting = n;
    if (waiting == 0) return 0;
    lua_pushlstring(L, b->data + b->at, waiting);
    if (lwt_ssl_check_session(L, 1) == s && s->taken == before) {
      s->taken++;
      lwt_ssl_buffer_took(s, b, waiting);
      return 1;
    }
    lua_pop(L, 1);
  }
}

/* receive(socket): take what the socket has, without a Lua string in between: true when
** that was something, or its end. */
static int l_receive(lua_State *L) {
  const lwt_api *lwt = lwt_ssl_lwt(L);
  session *s = check_idle(L);
  ptrdiff_t n;
  if (!lwt_ssl_buffer_room(s, &s->in, CHUNK)) return luaL_error(L, "not enough memory");
  n = lwt->socket_read(lwt, L, 2, s->in.data + s->in.len, CHUNK);
  if (n > 0)
    s->in.len += (size_t)n;
  else if (n == 0)
    s->in_end = 1;
  if (s->in.len == s->in.at) lwt_ssl_buffer_free(s, &s->in);
  lua_pushboolean(L, n >= 0);
  return 1;
}

/* send(socket): give the socket what it takes at once: true when nothing is left. */
static int l_send(lua_State *L) {
  const lwt_api *lwt = lwt_ssl_lwt(L);
  session *s = check_idle(L);
  size_t n = s->out.len - s->out.at;
  if (n > 0) {
    ptrdiff_t sent = lwt->socket_write(lwt, L, 2, s->out.data + s->out.at, n);
    s->taken++;
    if (sent > 0) lwt_ssl_buffer_took(s, &s->out, (size_t)sent);
    n -= sent > 0 ? (size_t)sent : 0;
  }
  lua_pushboolean(L, n == 0);
  return 1;
}

/* output(): what is to be sent, or nil. */
static int l_output(lua_State *L) {
  check_idle(L);
  return lwt_ssl_push_bytes(L, offsetof(session, out), SIZE_MAX);
}

/* pending(): how many bytes wait to be sent. */
static int l_pending(lua_State *L) {
  session *s = lwt_ssl_check_session(L, 1);
  lua_pushinteger(L, (lua_Integer)(s->out.len - s->out.at));
  return 1;
}

/* unread(): what the transport has given and TLS has not looked at. */
static int l_unread(lua_State *L) {
  session *s = check_idle(L);
  lua_pushlstring(L, s->in.data + s->in.at, s->in.len - s->in.at);
  return 1;
}

/* ---- Reading ------------------------------------------------------------------------ */

/* Decrypt at most `n` bytes into `plain`, and note in plain_status why there are no more:
** SSL_ERROR_NONE when they are all there. C only. */
static void decrypt(session *s, size_t n) {
  if (!lwt_ssl_buffer_room(s, &s->plain, n)) return;
  s->plain_status = SSL_ERROR_NONE;
  while (s->plain.len - s->plain.at < n) {
    size_t got = 0;
    int r;
    ERR_clear_error();
    r = SSL_read_ex(s->ssl, s->plain.data + s->plain.len,
                    n - (s->plain.len - s->plain.at), &got);
    if (r == 1) {
      s->plain.len += got;
      continue;
    }
    s->plain_status = SSL_get_error(s->ssl, r);
    if (s->plain_status == SSL_ERROR_ZERO_RETURN) s->heard_end = 1;
    if (s->plain_status == SSL_ERROR_SSL || s->plain_status == SSL_ERROR_SYSCALL) {
      if (s->in_end && s->in.len == s->in.at && ERR_peek_error() == 0)
        lwt_ssl_fault_set(&s->fault, "SSL_EOF",
                          "the connection was cut: the peer has not said that it is done "
                          "(close_notify)");
      fail(s);
    }
    break;
  }
  if (s->plain.len == s->plain.at) lwt_ssl_buffer_free(s, &s->plain);
  ERR_clear_error();
}

/* read(n) -> a string; or nil and "more" (feed it), "end", or an error. */
static int l_read(lua_State *L) {
  session *s = check_idle(L);
  lua_Integer want = luaL_checkinteger(L, 2);
  size_t n = want > MOST ? MOST : (size_t)want, waiting = s->plain.len - s->plain.at;
  if (waiting == 0 && !s->heard_end && !s->failed) {
    decrypt(s, n);
    waiting = s->plain.len - s->plain.at;
  }
  if (waiting > 0) return lwt_ssl_push_bytes(L, offsetof(session, plain), n);
  lua_pushnil(L);
  if (s->heard_end)
    lua_pushliteral(L, "end");
  else if (s->failed)
    lwt_ssl_push_fault(lwt_ssl_lwt(L), L, &s->fault, "read");
  else if (s->plain_status == SSL_ERROR_NONE)
    return luaL_error(L, "not enough memory");
  else
    lua_pushliteral(L, "more");
  return 2;
}

/* ---- Writing ------------------------------------------------------------------------ */

/* TLS 1.3 tickets go with the first data: sent with the handshake, they would wait for a
** client that does not read, or meet one that has gone and take its data with it. */
static void send_tickets(session *s) {
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
  if (!s->owes_tickets || SSL_version(s->ssl) != TLS1_3_VERSION) return;
  s->owes_tickets = 0;
  SSL_new_session_ticket(s->ssl);
  SSL_new_session_ticket(s->ssl);
#else
  (void)s;
#endif
}

/* write(data, at) -> how many bytes of it, from `at` (0 …) on, are encrypted and in the
** output; or nil and the error. */
static int l_write(lua_State *L) {
  session *s = check_idle(L);
  size_t len, at, done;
  const char *data = luaL_checklstring(L, 2, &len);
  at = (size_t)luaL_checkinteger(L, 3);
  luaL_argcheck(L, at <= len, 3, "beyond the end");
  done = at;
  if (!s->failed && !s->said_end) send_tickets(s);
  lwt_ssl_buffer_room(s, &s->out, len - at < CHUNK ? len - at + 256 : LWT_SSL_PIECE);
  while (done < len && !s->failed && !s->said_end && s->out.len - s->out.at < CHUNK) {
    size_t n = len - done < RECORD ? len - done : RECORD, put = 0;
    ERR_clear_error();
    if (SSL_write_ex(s->ssl, data + done, n, &put) != 1) {
      fail(s);
      break;
    }
    done += put;
  }
  ERR_clear_error();
  if (s->failed && done == at) {
    lua_pushnil(L);
    lwt_ssl_push_fault(lwt_ssl_lwt(L), L, &s->fault, "write");
    return 2;
  }
  lua_pushinteger(L, (lua_Integer)(done - at));
  return 1;
}

/* finish(): say that we are done (close_notify), once. Nothing is said after a failure. */
static int l_finish(lua_State *L) {
  session *s = check_idle(L);
  if (s->open && !s->failed && !s->said_end) {
    ERR_clear_error();
    SSL_shutdown(s->ssl);
    ERR_clear_error();
  }
  s->said_end = 1;
  return 0;
}

const luaL_Reg lwt_ssl_moving[] = {
    {"feed", l_feed},     {"receive", l_receive}, {"send", l_send},
    {"output", l_output}, {"pending", l_pending}, {"unread", l_unread},
    {"read", l_read},     {"write", l_write},     {"finish", l_finish},
    {NULL, NULL},
};
