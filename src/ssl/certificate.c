/* certificate.c: certificates as Lua tables, names and dates as text. */
#include "ssl.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>

#include <openssl/pem.h>

void lwt_ssl_name_of(X509 *cert, char *text, size_t size) {
  X509_NAME *name = X509_get_subject_name(cert);
  char cn[128];
  if (X509_NAME_get_text_by_NID(name, NID_commonName, cn, sizeof cn) > 0)
    snprintf(text, size, "CN=%s", cn);
  else if (X509_NAME_entry_count(name) == 0)
    snprintf(text, size, "no subject");
  else
    X509_NAME_oneline(name, text, (int)size);
}

void lwt_ssl_date(const ASN1_TIME *t, char *text, size_t size) {
  struct tm tm;
  if (!ASN1_TIME_to_tm(t, &tm) || strftime(text, size, "%Y-%m-%d", &tm) == 0)
    snprintf(text, size, "an unreadable date");
}

/* ---- As a table ----------------------------------------------------------------
**
** What OpenSSL has allocated is copied and freed before Lua allocates. The certificate
** itself belongs to a userdata: a finalizer may free the session that it comes from. */

#define HOLDER "lwt.ssl.x509"

static int l_free(lua_State *L) {
  X509 **held = luaL_checkudata(L, 1, HOLDER);
  X509_free(*held);
  *held = NULL;
  return 0;
}

X509 **lwt_ssl_new_holder(lua_State *L) {
  X509 **held = lua_newuserdatauv(L, sizeof(void *), 0);
  *held = NULL;
  if (luaL_newmetatable(L, HOLDER)) {
    lua_pushcfunction(L, l_free);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return held;
}

static void set_text(lua_State *L, const char *key, const char *text) {
  lua_pushstring(L, text);
  lua_setfield(L, -2, key);
}

static void set_name(lua_State *L, const char *key, X509_NAME *name) {
  char text[512];
  BIO *bio = BIO_new(BIO_s_mem());
  int n = 0;
  if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
    n = BIO_read(bio, text, sizeof text);
  BIO_free(bio);
  lua_pushlstring(L, text, n > 0 ? (size_t)n : 0);
  lua_setfield(L, -2, key);
}

static void set_time(lua_State *L, const char *key, const ASN1_TIME *t) {
  struct tm tm;
  if (!ASN1_TIME_to_tm(t, &tm)) return;
  lua_pushinteger(L, (lua_Integer)timegm(&tm));
  lua_setfield(L, -2, key);
}

static void set_hex(lua_State *L, const char *key, const unsigned char *data, size_t n) {
  char text[2 * EVP_MAX_MD_SIZE + 1];
  if (n > EVP_MAX_MD_SIZE) n = EVP_MAX_MD_SIZE;
  for (size_t i = 0; i < n; i++) snprintf(text + 2 * i, 3, "%02x", data[i]);
  lua_pushlstring(L, text, 2 * n);
  lua_setfield(L, -2, key);
}

/* One subject alternative name, copied into `text`: its length, or 0 for other kinds. */
static size_t alternative(X509 *cert, int i, char *text, size_t size) {
  GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
  const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
  size_t n = 0;
  if (name != NULL && name->type == GEN_DNS) {
    n = (size_t)ASN1_STRING_length(name->d.dNSName);
    if (n > size) n = size;
    memcpy(text, ASN1_STRING_get0_data(name->d.dNSName), n);
  } else if (name != NULL && name->type == GEN_IPADD) {
    int len = ASN1_STRING_length(name->d.iPAddress);
    int family = len == 4 ? AF_INET : AF_INET6;
    if ((len == 4 || len == 16) &&
        inet_ntop(family, ASN1_STRING_get0_data(name->d.iPAddress), text,
                  (socklen_t)size))
      n = strlen(text);
  }
  GENERAL_NAMES_free(names);
  return n;
}

static int count_alternatives(X509 *cert) {
  GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
  int n = names == NULL ? 0 : sk_GENERAL_NAME_num(names);
  GENERAL_NAMES_free(names);
  return n;
}

static void set_names(lua_State *L, X509 *cert) {
  int count = count_alternatives(cert);
  lua_Integer at = 0;
  lua_newtable(L);
  for (int i = 0; i < count; i++) {
    char text[256];
    size_t n = alternative(cert, i, text, sizeof text);
    if (n == 0) continue;
    lua_pushlstring(L, text, n);
    lua_rawseti(L, -2, ++at);
  }
  lua_setfield(L, -2, "names");
}

static void set_pem(lua_State *L, X509 *cert) {
  int der = i2d_X509(cert, NULL);
  size_t size = der > 0 ? (size_t)der * 3 / 2 + 256 : 256;
  char *text = lua_newuserdatauv(L, size, 0);
  BIO *bio = BIO_new(BIO_s_mem());
  int n = 0;
  if (bio != NULL && PEM_write_bio_X509(bio, cert)) n = BIO_read(bio, text, (int)size);
  BIO_free(bio);
  lua_pushlstring(L, text, n > 0 ? (size_t)n : 0);
  lua_setfield(L, -3, "pem");
  lua_pop(L, 1);
}

static const char *key_type(EVP_PKEY *key) {
  switch (EVP_PKEY_base_id(key)) {
  case EVP_PKEY_RSA: return "RSA";
  case EVP_PKEY_EC: return "EC";
  default: return OBJ_nid2sn(EVP_PKEY_base_id(key));
  }
}

static void set_key(lua_State *L, X509 *cert) {
  EVP_PKEY *key = X509_get0_pubkey(cert);
  if (key == NULL) return;
  set_text(L, "key_type", key_type(key));
  lua_pushinteger(L, EVP_PKEY_bits(key));
  lua_setfield(L, -2, "key_bits");
}

void lwt_ssl_push_certificate(lua_State *L, X509 *cert) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned n = 0;
  char cn[256];
  const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
  luaL_checkstack(L, 6, NULL);
  lua_createtable(L, 0, 12);
  set_name(L, "subject", X509_get_subject_name(cert));
  set_name(L, "issuer", X509_get_issuer_name(cert));
  if (X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, cn,
                                sizeof cn) > 0)
    set_text(L, "cn", cn);
  set_time(L, "not_before", X509_get0_notBefore(cert));
  set_time(L, "not_after", X509_get0_notAfter(cert));
  set_hex(L, "serial", ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial));
  if (X509_digest(cert, EVP_sha256(), digest, &n)) set_hex(L, "sha256", digest, n);
  set_names(L, cert);
  set_key(L, cert);
  set_pem(L, cert);
}
