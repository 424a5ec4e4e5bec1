/* context.c: contexts: an SSL_CTX with lwt's choices. What the certificates are is in
** load.c. lua/lwt/ssl/context.lua calls these one after the other, and after that a
** context does not change any more.
*/
#include "ssl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

context *lwt_ssl_check_context(lua_State *L, int arg) {
  context **box = luaL_checkudata(L, arg, CONTEXT_TYPE);
  luaL_argcheck(L, *box != NULL, arg, "context is gone");
  return *box;
}

context *lwt_ssl_context_of(const SSL *ssl) {
  return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

void lwt_ssl_context_release(context *c) {
  if (c == NULL || --c->refs > 0) return;
  SSL_CTX_free(c->ctx);
  BIO_meth_free(c->transport);
  while (c->small.n > 0) free(c->small.piece[--c->small.n]);
  while (c->large.n > 0) free(c->large.piece[--c->large.n]);
  OPENSSL_free(c->staple);
  free(c->alpn);
  free(c->curves);
  if (c->keylog_fd >= 0) close(c->keylog_fd);
  free(c);
}

static int l_gc(lua_State *L) {
  context **box = luaL_checkudata(L, 1, CONTEXT_TYPE);
  context *c = *box;
  *box = NULL;
  lwt_ssl_context_release(c);
  return 0;
}

/* ---- Callbacks: any thread, no Lua -------------------------------------------- */

static int on_hello(SSL *ssl, int *alert, void *data) {
  session *s = lwt_ssl_session_of(ssl);
  const unsigned char *name;
  size_t n;
  (void)data;
  *alert = SSL_AD_INTERNAL_ERROR; /* (used only where this returns an error) */
  if (s != NULL && s->hello == HELLO_REFUSED) return SSL_CLIENT_HELLO_ERROR;
  if (s == NULL || s->hello != HELLO_NONE) return SSL_CLIENT_HELLO_SUCCESS;
  s->hello = HELLO_ASKED;
  /* A list of one: its length, the type 0, the length of the name, the name. */
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &name, &n) && n > 5 &&
      name[2] == 0 && (size_t)(name[3] << 8 | name[4]) == n - 5 &&
      memchr(name + 5, '\0', n - 5) == NULL)
    s->hello_name = strndup((const char *)name + 5, n - 5);
  return SSL_CLIENT_HELLO_RETRY;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen,
                   const unsigned char *in, unsigned inlen, void *data) {
  context *c = lwt_ssl_context_of(ssl);
  unsigned char *chosen;
  (void)data;
  if (c == NULL || c->alpn == NULL) return SSL_TLSEXT_ERR_NOACK;
  if (SSL_select_next_proto(&chosen, outlen, c->alpn, c->alpn_len, in, inlen) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

static int on_ticket(SSL *ssl, SSL_SESSION *ticket) {
  session *s = lwt_ssl_session_of(ssl);
  if (s == NULL || s->server) return 0;
  SSL_SESSION_free(s->ticket);
  s->ticket = ticket;
  return 1; /* ours now */
}

static void on_keylog(const SSL *ssl, const char *line) {
  session *s = lwt_ssl_session_of(ssl);
  context *c = lwt_ssl_context_of(ssl);
  char copy[512];
  int n = snprintf(copy, sizeof copy, "%s\n", line);
  if (n < 0 || (size_t)n >= sizeof copy) return;
  if (c != NULL && c->keylog_fd >= 0) {
    ssize_t done = write(c->keylog_fd, copy, (size_t)n); /* whole lines: O_APPEND */
    (void)done;
  }
  if (s != NULL && s->wants_keylog && lwt_ssl_buffer_room(s, &s->keylog, (size_t)n)) {
    memcpy(s->keylog.data + s->keylog.len, copy, (size_t)n);
    s->keylog.len += (size_t)n;
  }
}

/* ---- Making one ---------------------------------------------------------------- */

/* Each server's context has sessions of its own: one that was made under another name (sni) would let
** a client in whose certificate nobody has looked at. */
static int own_sessions(SSL_CTX *ctx) {
  unsigned char id[SSL_MAX_SID_CTX_LENGTH];
  return RAND_bytes(id, sizeof id) == 1 &&
         SSL_CTX_set_session_id_context(ctx, id, sizeof id);
}

static SSL_CTX *new_ctx(int server) {
  SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
  if (ctx == NULL) return NULL;
  if (server && !own_sessions(ctx)) {
    SSL_CTX_free(ctx);
    return NULL;
  }
  SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
  SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (server) {
    SSL_CTX_set_num_tickets(ctx, 1); /* (OpenSSL's two: six per cent of a handshake) */
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
  } else {
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
                                            SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(ctx, on_ticket);
  }
  return ctx;
}

/* context(server): push a new one. */
int lwt_ssl_l_context(lua_State *L) {
  int server = lua_toboolean(L, 1);
  context **box = lua_newuserdatauv(L, sizeof(void *), 0);
  context *c;
  SSL_CTX *ctx;
  *box = NULL;
  luaL_setmetatable(L, CONTEXT_TYPE);
  ERR_clear_error();
  c = calloc(1, sizeof *c);
  if (c != NULL) c->transport = lwt_ssl_bio_method();
  ctx = c == NULL || c->transport == NULL ? NULL : new_ctx(server);
  if (ctx == NULL) {
    if (c != NULL) BIO_meth_free(c->transport);
    free(c);
    return luaL_error(L, "not enough memory");
  }
  SSL_CTX_set_app_data(ctx, c);
  c->ctx = ctx;
  c->refs = 1;
  c->server = server;
  c->keylog_fd = -1;
  c->verify = server ? VERIFY_OFF : VERIFY_REQUIRE;
  *box = c;
  return 1;
}

/* ---- Choices ------------------------------------------------------------------- */

/* protocols(min, max): "TLSv1.2" …, nil for OpenSSL's own limit. */
static int version_of(lua_State *L, int arg, int otherwise) {
  static const char *const names[] = {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3", NULL};
  static const int numbers[] = {TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION,
                                TLS1_3_VERSION};
  if (lua_isnil(L, arg)) return otherwise;
  return numbers[luaL_checkoption(L, arg, NULL, names)];
}

static int l_protocols(lua_State *L) {
  context *c = lwt_ssl_check_context(L, 1);
  int min = version_of(L, 2, TLS1_2_VERSION), max = version_of(L, 3, 0);
  ERR_clear_error();
  if ((max != 0 && max < min) || !SSL_CTX_set_min_proto_version(c->ctx, min) ||
      !SSL_CTX_set_max_proto_version(c->ctx, max))
    return luaL_error(L, "no version of TLS between these limits");
  return 0;
}

/* ciphers(list): for TLS 1.2, or for TLS 1.3 (names that begin with TLS_). */
static int l_ciphers(lua_State *L) {
  context *c = lwt_ssl_check_context(L, 1);
  const char *list = luaL_checkstring(L, 2);
  ERR_clear_error();
  lua_pushboolean(L, strncmp(list, "TLS_", 4) == 0
                         ? SSL_CTX_set_ciphersuites(c->ctx, list)
                         : SSL_CTX_set_cipher_list(c->ctx, list));
  ERR_clear_error();
  return 1;
}

static int l_curves(lua_State *L) {
  context *c = lwt_ssl_check_context(L, 1);
  const char *list = luaL_checkstring(L, 2);
  char *copy = strdup(list);
  if (copy == NULL) return luaL_error(L, "not enough memory");
  free(c->curves);
  c->curves = copy;
  ERR_clear_error();
  lua_pushboolean(L, SSL_CTX_set1_groups_list(c->ctx, list) == 1);
  ERR_clear_error();
  return 1;
}

/* alpn(wire): the list in the wire's form. */
static int l_alpn(lua_State *L) {
  context *c = lwt_ssl_check_context(L, 1);
  size_t n;
  const char *wire = luaL_checklstring(L, 2, &n);
  unsigned char *copy = malloc(n > 0 ? n : 1);
  if (copy == NULL) return luaL_error(L, "not enough memory");
  memcpy(copy, wire, n);
  free(c->alpn);
  c->alpn = copy;
  c->alpn_len = (unsigned)n;
  if (!c->server && SSL_CTX_set_alpn_protos(c->ctx, copy, (unsigned)n) != 0)
    return luaL_error(L, "not enough memory");
  return 0;
}

static int l_verify(lua_State *L) {
  static const char *const names[] = {"off", "optional", "require", NULL};
  context *c = lwt_ssl_check_context(L, 1);
  c->verify = luaL_checkoption(L, 2, NULL, names);
  return 0;
}

int lwt_ssl_add_rule(context *c, char kind, const void *data, size_t n) {
  unsigned char both[LWT_SSL_RULES + 1 + LWT_SSL_RULES];
  memcpy(both, c->rules, LWT_SSL_RULES);
  both[LWT_SSL_RULES] = (unsigned char)kind;
  return EVP_Digest(data, n, both + LWT_SSL_RULES + 1, NULL, EVP_sha256(), NULL) &&
         EVP_Digest(both, sizeof both, c->rules, NULL, EVP_sha256(), NULL);
}

/* rules(text): the options that say how a client verifies, but for what it was given to read. */
static int l_rules(lua_State *L) {
  context *c = lwt_ssl_check_context(L, 1);
  size_t n;
  const char *text = luaL_checklstring(L, 2, &n);
  int ok;
  ERR_clear_error();
  ok = lwt_ssl_add_rule(c, LWT_SSL_RULE_OPTIONS, text, n);
  ERR_clear_error();
  return ok ? 0 : luaL_error(L, "not enough memory");
}

/* A server asks Lua which context to use, by the name that the client wants. */
static int l_ask_name(lua_State *L) {
  context *c = lwt_ssl_check_context(L, 1);
  c->asks_name = 1;
  SSL_CTX_set_client_hello_cb(c->ctx, on_hello, NULL);
  return 0;
}

/* tickets(on) */
static int l_tickets(lua_State *L) {
  context *c = lwt_ssl_check_context(L, 1);
  int on = lua_toboolean(L, 2);
  c->tickets = on;
  if (!on) {
    SSL_CTX_set_num_tickets(c->ctx, 0);
    SSL_CTX_set_options(c->ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_OFF);
  }
  return 0;
}

/* keylog(path or true): to a file, and for the function in Lua. */
static int l_keylog(lua_State *L) {
  context *c = lwt_ssl_check_context(L, 1);
  if (lua_type(L, 2) == LUA_TSTRING) {
    const char *path = lua_tostring(L, 2);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) {
      fault f = {0};
      lwt_ssl_fault_errno(&f, errno, path);
      lwt_ssl_push_fault(lwt_ssl_lwt(L), L, &f, "context");
      return lua_error(L);
    }
    if (c->keylog_fd >= 0) close(c->keylog_fd);
    c->keylog_fd = fd;
  } else {
    c->keeps_keys = 1;
  }
  SSL_CTX_set_keylog_callback(c->ctx, on_keylog);
  return 0;
}

void lwt_ssl_open_contexts(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"protocols", l_protocols}, {"ciphers", l_ciphers},
      {"curves", l_curves},       {"alpn", l_alpn},
      {"verify", l_verify},       {"ask_name", l_ask_name},
      {"tickets", l_tickets},     {"keylog", l_keylog},
      {"rules", l_rules},         {NULL, NULL},
  };
  luaL_newmetatable(L, CONTEXT_TYPE);
  lua_pushcfunction(L, l_gc);
  lua_setfield(L, -2, "__gc");
  lua_newtable(L);
  lwt_ssl_functions(L, methods);
  lwt_ssl_functions(L, lwt_ssl_loading);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
