/* about.c: what can be asked of a session whose handshake is done. */
#include "ssl.h"

#include <stddef.h>
#include <string.h>

static int l_version(lua_State *L) {
  lua_pushstring(L, SSL_get_version(lwt_ssl_check_idle(L)->ssl));
  return 1;
}

static int l_cipher(lua_State *L) {
  lua_pushstring(L, SSL_get_cipher_name(lwt_ssl_check_idle(L)->ssl));
  return 1;
}

static int l_alpn(lua_State *L) {
  const unsigned char *name;
  unsigned n;
  SSL_get0_alpn_selected(lwt_ssl_check_idle(L)->ssl, &name, &n);
  if (n > 0)
    lua_pushlstring(L, (const char *)name, n);
  else
    lua_pushnil(L);
  return 1;
}

static int l_sni(lua_State *L) {
  session *s = lwt_ssl_check_idle(L);
  const char *name = SSL_get_servername(s->ssl, TLSEXT_NAMETYPE_host_name);
  lua_pushstring(L, name != NULL ? name : s->hello_name);
  return 1;
}

static int l_is_reused(lua_State *L) {
  lua_pushboolean(L, SSL_session_reused(lwt_ssl_check_idle(L)->ssl));
  return 1;
}

static int l_is_stapled(lua_State *L) {
  lua_pushboolean(L, lwt_ssl_check_idle(L)->stapled);
  return 1;
}

/* certificate() -> a table, or nil. */
static int l_certificate(lua_State *L) {
  X509 **held = lwt_ssl_new_holder(L);
  session *s = lwt_ssl_check_idle(L);       /* a finalizer may have run */
  *held = SSL_get_peer_certificate(s->ssl); /* counted */
  if (*held != NULL)
    lwt_ssl_push_certificate(L, *held);
  else
    lua_pushnil(L);
  ERR_clear_error(); /* of parts that cannot be read */
  return 1;
}

/* checked() -> true; or false and the error. */
static int l_checked(lua_State *L) {
  session *s = lwt_ssl_check_idle(L);
  long r = SSL_get_verify_result(s->ssl);
  fault f = {0};
  if (lwt_ssl_has_checked(s)) f = *lwt_ssl_checked(s);
  if (f.code[0] == '\0' && r != X509_V_OK)
    lwt_ssl_certificate_fault(&f, (int)r, NULL, s->expected);
  if (f.code[0] == '\0') {
    X509 *cert = SSL_get_peer_certificate(s->ssl);
    if (cert == NULL)
      lwt_ssl_fault_set(&f, "SSL_CERT_MISSING", "the peer has shown no certificate");
    X509_free(cert);
  }
  lua_pushboolean(L, f.code[0] == '\0');
  if (f.code[0] == '\0') return 1;
  lwt_ssl_push_fault(lwt_ssl_lwt(L), L, &f, "handshake");
  return 2;
}

/* export(label, n, about) -> n bytes that both ends get alike. */
static int l_export(lua_State *L) {
  session *s;
  size_t label_len, about_len = 0;
  const char *label = luaL_checklstring(L, 2, &label_len);
  lua_Integer n = luaL_checkinteger(L, 3);
  const char *about = luaL_optlstring(L, 4, NULL, &about_len);
  unsigned char key[1024];
  int ok;
  luaL_argcheck(L, n >= 1 && n <= (lua_Integer)sizeof key, 3, "out of range");
  s = lwt_ssl_check_idle(L); /* (a number that is made a string may run a finalizer) */
  ERR_clear_error();
  ok = SSL_export_keying_material(s->ssl, key, (size_t)n, label, label_len,
                                  (const unsigned char *)about, about_len, about != NULL);
  ERR_clear_error();
  if (ok != 1) return luaL_error(L, "no keying material can be exported");
  lua_pushlstring(L, (const char *)key, (size_t)n);
  OPENSSL_cleanse(key, sizeof key);
  return 1;
}

/* keys() -> the lines for a key log that have come since, or nil. */
static int l_keys(lua_State *L) {
  lwt_ssl_check_idle(L);
  return lwt_ssl_push_bytes(L, offsetof(session, keylog), SIZE_MAX);
}

const luaL_Reg lwt_ssl_telling[] = {
    {"version", l_version},
    {"cipher", l_cipher},
    {"alpn", l_alpn},
    {"sni", l_sni},
    {"is_reused", l_is_reused},
    {"is_stapled", l_is_stapled},
    {"certificate", l_certificate},
    {"checked", l_checked},
    {"export", l_export},
    {"keys", l_keys},
    {"session", lwt_ssl_l_ticket},
    {NULL, NULL},
};
