/* load.c: what a context is given: certificates, keys, whom it trusts, revocations. Each is
** PEM text or the name of a file. Files are read here and not in Lua, whose strings cannot
** be wiped; no message shows a byte of a key.
*/
#include "ssl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>

#define FIRST 4096 /* room for a file, to begin with */

/* A source, to be read with OpenSSL's PEM functions. A file is read whole, into memory that is wiped: stdio's
** buffers would keep what there is of a key. */
typedef struct source {
  BIO *bio;
  const char *name; /* for messages: the file, or "the text given" */
  char *data;       /* of a file */
  size_t cap;
} source;

static void close_source(source *s) {
  BIO_free(s->bio);
  OPENSSL_clear_free(s->data, s->cap);
  s->bio = NULL;
  s->data = NULL;
}

/* Room for more than `n` bytes; what there was is wiped. 0: no memory. */
static int grow(source *s, size_t n) {
  size_t cap = s->cap == 0 ? FIRST : s->cap * 2;
  char *data;
  if (n < s->cap) return 1;
  data = OPENSSL_clear_realloc(s->data, s->cap, cap);
  if (data == NULL) return 0;
  s->data = data;
  s->cap = cap;
  return 1;
}

/* Read the file: how many bytes it has. -1: `f` says why. */
static ptrdiff_t read_file(source *s, const char *path, fault *f) {
  int fd = open(path, O_RDONLY | O_CLOEXEC), err = errno;
  size_t n = 0;
  ssize_t got = fd < 0 ? -1 : 1;
  while (got > 0 || (got < 0 && fd >= 0 && errno == EINTR)) {
    if (!grow(s, n) || n > INT_MAX / 2) break;
    got = read(fd, s->data + n, s->cap - n);
    err = errno;
    if (got > 0) n += (size_t)got;
  }
  if (fd >= 0) close(fd);
  if (got == 0) return (ptrdiff_t)n;
  if (got < 0)
    lwt_ssl_fault_errno(f, err, path);
  else
    lwt_ssl_fault_set(f, n > INT_MAX / 2 ? "EFBIG" : "ENOMEM",
                      n > INT_MAX / 2 ? "file too large" : "not enough memory");
  return -1;
}

/* `bio` is NULL when it cannot be read: `f` says why. Never raises. */
static source open_source(lua_State *L, int arg, fault *f) {
  size_t n;
  const char *text = lua_tolstring(L, arg, &n);
  source s = {NULL, text, NULL, 0};
  ptrdiff_t read = 0;
  ERR_clear_error();
  if (n > INT_MAX) {
    lwt_ssl_fault_set(f, "EFBIG", "text of more than 2 GiB");
    return s;
  }
  if (strstr(text, "-----BEGIN") != NULL) {
    s.name = "the text given";
    s.bio = BIO_new_mem_buf(text, (int)n);
  } else {
    read = read_file(&s, text, f);
    if (read >= 0) s.bio = BIO_new_mem_buf(s.data, (int)read);
  }
  ERR_clear_error();
  if (s.bio != NULL) return s;
  lwt_ssl_fault_set(f, "ENOMEM", "not enough memory");
  close_source(&s);
  return s;
}

static int raise_fault(lua_State *L, const fault *f) {
  ERR_clear_error();
  lwt_ssl_push_fault(lwt_ssl_lwt(L), L, f, "context");
  return lua_error(L);
}

/* ---- The key -------------------------------------------------------------------- */

typedef struct asking {
  lua_State *L;
  int function; /* its index; 0: there is none */
  int asked, raised;
} asking;

/* Called on the main thread, from within a PEM function: an error waits until that has
** returned. */
static int on_password(char *buf, int size, int writing, void *data) {
  asking *a = data;
  size_t n;
  const char *password;
  (void)writing;
  a->asked = 1;
  if (a->function == 0) return -1;
  if (!lua_checkstack(a->L, 2)) return -1;
  lua_pushvalue(a->L, a->function);
  if (lua_isfunction(a->L, -1) && lua_pcall(a->L, 0, 1, 0) != LUA_OK) {
    a->raised = 1;
    return -1;
  }
  password = lua_tolstring(a->L, -1, &n);
  if (password == NULL || n > (size_t)size) return -1;
  memcpy(buf, password, n);
  lua_pop(a->L, 1);
  return (int)n;
}

/* NULL: `f` says why, or what the password's function has raised is on top. */
static EVP_PKEY *read_key(lua_State *L, int arg, int password, fault *f) {
  asking a = {L, lua_isnoneornil(L, password) ? 0 : password, 0, 0};
  source s = open_source(L, arg, f);
  EVP_PKEY *key;
  if (s.bio == NULL) return NULL;
  key = PEM_read_bio_PrivateKey(s.bio, NULL, on_password, &a);
  close_source(&s);
  ERR_clear_error();
  if (key != NULL || a.raised) return key;
  if (a.asked)
    lwt_ssl_fault_set(f, "SSL_KEY",
                      a.function == 0 ? "the key of %s is encrypted: give its password"
                                      : "the key of %s: the password does not fit",
                      s.name);
  lwt_ssl_fault_set(f, "SSL_KEY", "there is no private key in %s (PEM expected)", s.name);
  return NULL;
}

/* ---- The certificate and its chain ------------------------------------------------ */

typedef STACK_OF(X509) chain;

static void free_chain(chain *list) {
  sk_X509_pop_free(list, X509_free);
}

/* Has a PEM function found nothing because there is nothing more? What cannot be read must not pass
** for the end: whatever is behind it would be left out. */
static int is_end(void) {
  unsigned long e = ERR_peek_last_error();
  return e == 0 ||
         (ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE);
}

/* Every certificate of a source, or NULL: `f` says why. */
static chain *read_chain(lua_State *L, int arg, fault *f) {
  source s = open_source(L, arg, f);
  chain *list;
  X509 *cert;
  int n;
  if (s.bio == NULL) return NULL;
  list = sk_X509_new_null();
  while (list != NULL && (cert = PEM_read_bio_X509_AUX(s.bio, NULL, NULL, NULL)) != NULL)
    if (!sk_X509_push(list, cert)) {
      X509_free(cert);
      break;
    }
  n = list == NULL ? 0 : sk_X509_num(list);
  if (!is_end())
    lwt_ssl_fault_set(f, "SSL_CERT_INVALID", "certificate %d in %s cannot be read", n + 1,
                      s.name);
  else if (n == 0)
    lwt_ssl_fault_set(f, "SSL_CERT_INVALID",
                      "there is no certificate in %s (PEM expected)", s.name);
  close_source(&s);
  ERR_clear_error();
  if (f->code[0] == '\0') return list;
  free_chain(list);
  return NULL;
}

static int count(context *c, char kind, X509 *cert) {
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned n;
  return X509_digest(cert, EVP_sha256(), sum, &n) && lwt_ssl_add_rule(c, kind, sum, n);
}

static int is_slow(EVP_PKEY *key) {
  return EVP_PKEY_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_bits(key) > 2048;
}

static int use(context *c, chain *list, EVP_PKEY *key, fault *f) {
  X509 *cert = sk_X509_value(list, 0);
  char name[160];
  lwt_ssl_name_of(cert, name, sizeof name);
  if (!X509_check_private_key(cert, key)) {
    ERR_clear_error();
    lwt_ssl_fault_set(f, "SSL_KEY_MISMATCH",
                      "the key does not belong to the certificate (%s)", name);
    return 0;
  }
  if (!SSL_CTX_use_certificate(c->ctx, cert) || !SSL_CTX_clear_chain_certs(c->ctx) ||
      !SSL_CTX_use_PrivateKey(c->ctx, key) || !count(c, LWT_SSL_RULE_IDENTITY, cert)) {
    lwt_ssl_fault_take(f);
    return 0;
  }
  for (int i = 1; i < sk_X509_num(list); i++)
    if (!SSL_CTX_add1_chain_cert(c->ctx, sk_X509_value(list, i))) {
      lwt_ssl_fault_take(f);
      return 0;
    }
  c->named = 1;
  if (is_slow(key)) c->slow = 1;
  return 1;
}

/* identity(cert, key, password): cert may be followed by its chain. */
static int l_identity(lua_State *L) {
  context *c = lwt_ssl_check_context(L, 1);
  fault f = {0};
  chain *list;
  EVP_PKEY *key;
  int ok;
  lua_settop(L, 4);
  luaL_checkstring(L, 2);
  luaL_checkstring(L, 3);
  key = read_key(L, 3, 4, &f);
  if (key == NULL && f.code[0] == '\0')
    return lua_error(L); /* of the password's function */
  list = key == NULL ? NULL : read_chain(L, 2, &f);
  ok = list != NULL && use(c, list, key, &f);
  free_chain(list);
  EVP_PKEY_free(key);
  return ok ? 0 : raise_fault(L, &f);
}

/* more_chain(cert): certificates to send behind that of the last identity. */
static int l_more_chain(lua_State *L) {
  context *c = lwt_ssl_check_context(L, 1);
  fault f = {0};
  chain *list;
  luaL_checkstring(L, 2);
  list = read_chain(L, 2, &f);
  for (int i = 0; i < sk_X509_num(list); i++)
    if (!SSL_CTX_add1_chain_cert(c->ctx, sk_X509_value(list, i))) lwt_ssl_fault_take(&f);
  free_chain(list);
  return f.code[0] == '\0' ? 0 : raise_fault(L, &f);
}

/* ---- Whom to trust ------------------------------------------------------------------ */

static int is_folder(const char *path) {
  struct stat st;
  return strstr(path, "-----BEGIN") == NULL && stat(path, &st) == 0 &&
         S_ISDIR(st.st_mode);
}

/* trust(source): certificates, or a folder that is hashed as OpenSSL's rehash does. */
static int l_trust(lua_State *L) {
  context *c = lwt_ssl_check_context(L, 1);
  const char *text = luaL_checkstring(L, 2);
  X509_STORE *store = SSL_CTX_get_cert_store(c->ctx);
  fault f = {0};
  chain *list;
  ERR_clear_error();
  if (is_folder(text)) {
    if (!X509_STORE_add_lookup(store, X509_LOOKUP_hash_dir()) ||
        !X509_LOOKUP_add_dir(X509_STORE_add_lookup(store, X509_LOOKUP_hash_dir()), text,
                             X509_FILETYPE_PEM) ||
        !lwt_ssl_add_rule(c, LWT_SSL_RULE_FOLDER, text, strlen(text)))
      lwt_ssl_fault_take(&f);
    return f.code[0] == '\0' ? 0 : raise_fault(L, &f);
  }
  list = read_chain(L, 2, &f);
  for (int i = 0; i < sk_X509_num(list); i++) {
    X509 *cert = sk_X509_value(list, i);
    if (!X509_STORE_add_cert(store, cert) || !count(c, LWT_SSL_RULE_TRUST, cert) ||
        (c->server && !SSL_CTX_add_client_CA(c->ctx, cert)))
      lwt_ssl_fault_take(&f);
  }
  free_chain(list);
  return f.code[0] == '\0' ? 0 : raise_fault(L, &f);
}

/* A chain may end at what was given, although that is no root: then it is trusted itself. */
static int l_trust_partial(lua_State *L) {
  context *c = lwt_ssl_check_context(L, 1);
  X509_STORE_set_flags(SSL_CTX_get_cert_store(c->ctx), X509_V_FLAG_PARTIAL_CHAIN);
  return 0;
}

/* defaults() -> the file and the folder that OpenSSL was built with, and the variables
** that say otherwise. */
int lwt_ssl_l_defaults(lua_State *L) {
  lua_pushstring(L, X509_get_default_cert_file());
  lua_pushstring(L, X509_get_default_cert_dir());
  lua_pushstring(L, X509_get_default_cert_file_env());
  lua_pushstring(L, X509_get_default_cert_dir_env());
  return 4;
}

static int is_hash(const char *name) {
  return strspn(name, "0123456789abcdef") == 8 && name[8] == '.' && name[9] >= '0' &&
         name[9] <= '9';
}

/* is_hashed(folder): can OpenSSL look a certificate up there, by names that are hashes? */
int lwt_ssl_l_is_hashed(lua_State *L) {
  DIR *folder = opendir(luaL_checkstring(L, 1));
  const struct dirent *entry;
  int found = 0;
  while (folder != NULL && !found && (entry = readdir(folder)) != NULL)
    found = is_hash(entry->d_name);
  if (folder != NULL) closedir(folder);
  lua_pushboolean(L, found);
  return 1;
}

static int count_list(context *c, X509_CRL *crl) {
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned n;
  return X509_CRL_digest(crl, EVP_sha256(), sum, &n) &&
         lwt_ssl_add_rule(c, LWT_SSL_RULE_REVOKED, sum, n);
}

/* revoked(source): lists of what is revoked; every certificate of the peer's chain
** is looked up. */
static int l_revoked(lua_State *L) {
  context *c = lwt_ssl_check_context(L, 1);
  X509_STORE *store = SSL_CTX_get_cert_store(c->ctx);
  fault f = {0};
  source s;
  X509_CRL *crl;
  int n = 0;
  luaL_checkstring(L, 2);
  s = open_source(L, 2, &f);
  if (s.bio == NULL) return raise_fault(L, &f);
  while ((crl = PEM_read_bio_X509_CRL(s.bio, NULL, NULL, NULL)) != NULL) {
    if (!X509_STORE_add_crl(store, crl) || !count_list(c, crl)) lwt_ssl_fault_take(&f);
    X509_CRL_free(crl);
    n++;
  }
  close_source(&s);
  if (!is_end())
    lwt_ssl_fault_set(&f, "SSL_CERT_INVALID",
                      "list of revocations (CRL) %d in %s cannot be read", n + 1, s.name);
  else if (n == 0)
    lwt_ssl_fault_set(&f, "SSL_CERT_INVALID",
                      "there is no list of revocations (CRL) in %s (PEM expected)",
                      s.name);
  ERR_clear_error();
  if (f.code[0] != '\0') return raise_fault(L, &f);
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  return 0;
}

const luaL_Reg lwt_ssl_loading[] = {
    {"identity", l_identity},
    {"more_chain", l_more_chain},
    {"trust", l_trust},
    {"trust_partial", l_trust_partial},
    {"revoked", l_revoked},
    {"ocsp", lwt_ssl_l_ocsp},
    {NULL, NULL},
};
