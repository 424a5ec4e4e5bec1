/* session.c: the life of a session: made by `client` or `server`, freed when neither Lua nor
** a job holds it. What it does is in handshake.c, transfer.c and about.c.
*/
#include "ssl.h"

#include <stdlib.h>
#include <string.h>

session *lwt_ssl_session_of(const SSL *ssl) {
  return SSL_get_app_data(ssl);
}

/* What Lua has. Every read and write asks whether it is one: by the magic, which costs less than
** the metatable's name. */
typedef struct box {
  session *s; /* NULL: freed */
  const void *magic;
} box;

static const char session_magic = 0;

static box *check_box(lua_State *L, int arg) {
  box *b = lua_touserdata(L, arg);
  if (b == NULL || lua_rawlen(L, arg) != sizeof *b || b->magic != &session_magic)
    luaL_typeerror(L, arg, SESSION_TYPE);
  return b;
}

session *lwt_ssl_test_session(lua_State *L, int idx) {
  const box *b = lua_touserdata(L, idx);
  if (b == NULL || lua_rawlen(L, idx) != sizeof *b || b->magic != &session_magic)
    return NULL;
  return b->s;
}

session *lwt_ssl_check_session(lua_State *L, int arg) {
  session *s = check_box(L, arg)->s;
  luaL_argcheck(L, s != NULL, arg, "connection is gone");
  return s;
}

session *lwt_ssl_check_idle(lua_State *L) {
  session *s = lwt_ssl_check_session(L, 1);
  if (s->busy) luaL_error(L, "the handshake is under way");
  return s;
}

void lwt_ssl_session_release(session *s) {
  if (s == NULL || --s->refs > 0) return;
  if (s->ssl != NULL) {
    /* Freed as it is, OpenSSL would take the session for a broken one and not resume it. */
    if (s->open && !s->failed)
      SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(s->ssl);
  }
  lwt_ssl_buffer_free(s, &s->in);
  lwt_ssl_buffer_free(s, &s->out);
  lwt_ssl_buffer_free(s, &s->plain);
  lwt_ssl_buffer_free(s, &s->tickets);
  lwt_ssl_buffer_free(s, &s->keylog);
  SSL_SESSION_free(s->ticket);
  lwt_ssl_faults_free(s);
  free(s->hello_name);
  free(s->expected);
  lwt_ssl_context_release(s->chosen);
  lwt_ssl_context_release(s->context);
  ERR_clear_error();
  free(s);
}

/* Also `free`: nothing can be asked of it afterwards. A read that waits anchors it: only the end
** of the state gets here with one. */
static int l_gc(lua_State *L) {
  box *b = check_box(L, 1);
  session *s = b->s;
  if (s == NULL) return 0;
  lwt_ssl_forget_read(s);
  b->s = NULL;
  luaL_unref(L, LUA_REGISTRYINDEX, s->ref);
  lwt_ssl_session_release(s);
  return 0;
}

/* free(): the same, called by Lua when no read waits here. A task may still be on its way to Lua's
** line, when a finalizer closes the stream meanwhile. */
static int l_free(lua_State *L) {
  session *s = check_box(L, 1)->s;
  if (s != NULL && s->reads) return luaL_error(L, "somebody reads");
  if (s != NULL && s->direct.task != NULL) {
    s->lwt->push_sentinel(s->lwt, L, "Closed");
    lwt_ssl_wake_direct(L, s, 0);
  }
  return l_gc(L);
}

/* carry(socket or nil, stream, truncation): what a read needs that waits for a socket. */
static int l_carry(lua_State *L) {
  session *s = lwt_ssl_check_session(L, 1);
  s->slow_in = s->slow_out = lua_isnil(L, 2);
  s->truncation = lua_toboolean(L, 4);
  lua_settop(L, 3);
  lua_setiuservalue(L, 1, LWT_SSL_STREAM);
  lua_setiuservalue(L, 1, LWT_SSL_SOCKET);
  return 0;
}

static int mode_of(const context *c) {
  if (c->verify == VERIFY_REQUIRE)
    return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  return c->server && c->verify == VERIFY_OFF ? SSL_VERIFY_NONE : SSL_VERIFY_PEER;
}

void lwt_ssl_follow_context(session *s, const context *c) {
  /* A client that does not require a valid certificate checks it all the same, for
  ** `checked`. */
  s->verify_off = c->verify == VERIFY_OFF;
  s->slow = c->slow;
  if (s->server)
    SSL_set_num_tickets(s->ssl, c->tickets ? SSL_CTX_get_num_tickets(c->ctx) : 0);
  s->wants_keylog = c->keeps_keys;
  SSL_set_verify(s->ssl, mode_of(c), lwt_ssl_on_verify);
}

/* session(context): push one, without a name. */
int lwt_ssl_l_session(lua_State *L) {
  context *c = lwt_ssl_check_context(L, 1);
  box *b = lua_newuserdatauv(L, sizeof *b, 3);
  session *s;
  b->s = NULL;
  b->magic = &session_magic;
  luaL_setmetatable(L, SESSION_TYPE);
  s = calloc(1, sizeof *s);
  if (s == NULL) return luaL_error(L, "not enough memory");
  b->s = s;
  s->lwt = lwt_ssl_lwt(L);
  s->ref = LUA_NOREF;
  s->wait.f = lwt_ssl_on_ready;
  lwt_ssl_init_direct(s);
  s->refs = 1;
  s->server = c->server;
  s->ocsp = c->ocsp;
  s->context = c;
  c->refs++;
  ERR_clear_error();
  s->ssl = SSL_new(c->ctx);
  if (s->ssl == NULL || !SSL_set_app_data(s->ssl, s) || !lwt_ssl_bio_attach(s)) {
    ERR_clear_error();
    return luaL_error(L, "not enough memory");
  }
  lua_pushboolean(L, 0);
  s->ref = luaL_ref(L, LUA_REGISTRYINDEX);
  lwt_ssl_follow_context(s, c);
  if (s->server)
    SSL_set_accept_state(s->ssl);
  else
    SSL_set_connect_state(s->ssl);
  if (!s->server && s->ocsp != OCSP_OFF)
    SSL_set_tlsext_status_type(s->ssl, TLSEXT_STATUSTYPE_ocsp);
  return 1;
}

void lwt_ssl_open_sessions(lua_State *L) {
  luaL_newmetatable(L, SESSION_TYPE);
  lua_pushcfunction(L, l_gc);
  lua_setfield(L, -2, "__gc");
  lua_newtable(L);
  lwt_ssl_functions(L, lwt_ssl_handshaking);
  lwt_ssl_functions(L, lwt_ssl_moving);
  lwt_ssl_functions(L, lwt_ssl_reading);
  lwt_ssl_functions(L, lwt_ssl_direct);
  lwt_ssl_functions(L, lwt_ssl_telling);
  lua_pushcfunction(L, l_free);
  lua_setfield(L, -2, "free");
  lua_pushcfunction(L, l_carry);
  lua_setfield(L, -2, "carry");
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
