/* certificate.c: certificates as Lua tables, names and dates as text. */
#include "ssl.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>

#include <openssl/pem.h>

/* The first common name, as UTF-8, to be freed by OPENSSL_free: its length; 0: there is none. */
static size_t common_name(X509_NAME *name, unsigned char **text) {
  int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1), len;
  if (at < 0) return 0;
  len =
      ASN1_STRING_to_UTF8(text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  return len > 0 ? (size_t)len : 0;
}

void lwt_ssl_name_of(X509 *cert, char *text, size_t size) {
  X509_NAME *name = X509_get_subject_name(cert);
  unsigned char *cn = NULL;
  size_t n = common_name(name, &cn);
  if (n > 0)
    lwt_ssl_show((const char *)cn, n, text + snprintf(text, size, "CN="), size - 3);
  OPENSSL_free(cn);
  if (n > 0) return;
  if (X509_NAME_entry_count(name) == 0)
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

/* How texts of any length get into the table: a writer is called twice, with NULL to say how much room it
** needs, and with that room to say how much of it is the text. A name that is cut would be another
** name, and so would one that ends at a zero byte. */
typedef size_t writer(X509 *cert, char *to, size_t size);

/* Push a userdata with the text, and say how long that is. The rest of the room is not set. */
static const char *push_room(lua_State *L, X509 *cert, writer *how, size_t *n) {
  size_t size = how(cert, NULL, 0);
  char *room = lua_newuserdatauv(L, size, 0);
  *n = size == 0 ? 0 : how(cert, room, size);
  return room;
}

static void set_written(lua_State *L, const char *key, X509 *cert, writer *how) {
  size_t n;
  const char *text = push_room(L, cert, how, &n);
  lua_pushlstring(L, text, n);
  lua_setfield(L, -3, key);
  lua_pop(L, 1);
}

static size_t write_name(X509_NAME *name, char *to, size_t size) {
  BIO *bio = BIO_new(BIO_s_mem());
  int n = 0;
  if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
    n = to == NULL ? (int)BIO_pending(bio) : BIO_read(bio, to, (int)size);
  BIO_free(bio);
  return n > 0 ? (size_t)n : 0;
}

static size_t write_subject(X509 *cert, char *to, size_t size) {
  return write_name(X509_get_subject_name(cert), to, size);
}

static size_t write_issuer(X509 *cert, char *to, size_t size) {
  return write_name(X509_get_issuer_name(cert), to, size);
}

static size_t write_cn(X509 *cert, char *to, size_t size) {
  unsigned char *text = NULL;
  size_t n = common_name(X509_get_subject_name(cert), &text);
  if (to != NULL && n > size) n = 0;
  if (to != NULL && n > 0) memcpy(to, text, n);
  OPENSSL_free(text);
  return n;
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

#define LONGEST 255 /* of a host's name: what is longer is none */

/* One subject alternative name, copied into `text`: its length, or 0 for other kinds. */
static size_t alternative(const GENERAL_NAME *name, char *text) {
  if (name->type == GEN_DNS) {
    size_t n = (size_t)ASN1_STRING_length(name->d.dNSName);
    if (n > LONGEST) return 0;
    memcpy(text, ASN1_STRING_get0_data(name->d.dNSName), n);
    return n;
  }
  if (name->type == GEN_IPADD) {
    int len = ASN1_STRING_length(name->d.iPAddress);
    int family = len == 4 ? AF_INET : AF_INET6;
    if ((len == 4 || len == 16) &&
        inet_ntop(family, ASN1_STRING_get0_data(name->d.iPAddress), text, LONGEST))
      return strlen(text);
  }
  return 0;
}

/* All of them, each behind its length. (A peer may send tens of thousands: the extension is not decoded
** for each anew.) */
static size_t write_names(X509 *cert, char *to, size_t size) {
  GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
  size_t at = 0;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
    char text[LONGEST];
    size_t n = alternative(sk_GENERAL_NAME_value(names, i), text);
    if (n == 0 || (to != NULL && at + 1 + n > size)) continue;
    if (to != NULL) {
      to[at] = (char)n;
      memcpy(to + at + 1, text, n);
    }
    at += 1 + n;
  }
  GENERAL_NAMES_free(names);
  return at;
}

static void set_names(lua_State *L, X509 *cert) {
  size_t n;
  const char *list = push_room(L, cert, write_names, &n);
  lua_Integer count = 0;
  lua_newtable(L);
  for (size_t at = 0; at < n; at += 1 + (size_t)(unsigned char)list[at]) {
    lua_pushlstring(L, list + at + 1, (unsigned char)list[at]);
    lua_rawseti(L, -2, ++count);
  }
  lua_setfield(L, -3, "names");
  lua_pop(L, 1);
}

static size_t write_pem(X509 *cert, char *to, size_t size) {
  BIO *bio = BIO_new(BIO_s_mem());
  int n = 0;
  if (bio != NULL && PEM_write_bio_X509(bio, cert))
    n = to == NULL ? (int)BIO_pending(bio) : BIO_read(bio, to, (int)size);
  BIO_free(bio);
  return n > 0 ? (size_t)n : 0;
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
  const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
  luaL_checkstack(L, 6, NULL);
  lua_createtable(L, 0, 12);
  set_written(L, "subject", cert, write_subject);
  set_written(L, "issuer", cert, write_issuer);
  if (X509_NAME_get_index_by_NID(X509_get_subject_name(cert), NID_commonName, -1) >= 0)
    set_written(L, "cn", cert, write_cn);
  set_time(L, "not_before", X509_get0_notBefore(cert));
  set_time(L, "not_after", X509_get0_notAfter(cert));
  set_hex(L, "serial", ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial));
  if (X509_digest(cert, EVP_sha256(), digest, &n)) set_hex(L, "sha256", digest, n);
  set_names(L, cert);
  set_key(L, cert);
  set_written(L, "pem", cert, write_pem);
}
