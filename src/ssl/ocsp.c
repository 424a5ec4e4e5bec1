/* ocsp.c: stapling: a server shows with its certificate what the issuer's responder has said
** about it, and a client looks at that. No responder is asked over the network. C only,
** on the thread of the handshake; `staple` (Lua) is called when the context is made.
*/
#include "ssl.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <openssl/ocsp.h>

#define SLACK 300 /* seconds that clocks may differ */

int lwt_ssl_on_staple_wanted(SSL *ssl, void *data) {
  context *c = lwt_ssl_context_of(ssl);
  unsigned char *copy;
  (void)data;
  if (c == NULL || c->staple == NULL) return SSL_TLSEXT_ERR_NOACK;
  copy = OPENSSL_memdup(c->staple, c->staple_len);
  if (copy == NULL) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, (int)c->staple_len); /* takes it */
  return SSL_TLSEXT_ERR_OK;
}

static void refuse(session *s, const char *code, const char *why) {
  X509 *cert = SSL_get_peer_certificate(s->ssl);
  char name[160] = "no certificate";
  if (cert != NULL) lwt_ssl_name_of(cert, name, sizeof name);
  X509_free(cert);
  lwt_ssl_fault_set(lwt_ssl_fault(s), code, "%s (%s)", why, name);
}

/* Who has issued the peer's certificate, from the chain that was verified. */
static X509 *issuer_of(SSL *ssl, X509 *cert) {
  STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
  for (int i = 1; i < sk_X509_num(chain); i++)
    if (X509_check_issued(sk_X509_value(chain, i), cert) == X509_V_OK)
      return sk_X509_value(chain, i);
  return NULL;
}

/* 1 when the response says that the certificate is good. */
static int is_good(session *s, OCSP_BASICRESP *basic) {
  X509 *cert = SSL_get_peer_certificate(s->ssl);
  X509 *issuer = cert == NULL ? NULL : issuer_of(s->ssl, cert);
  X509_STORE *store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(s->ssl));
  OCSP_CERTID *id = issuer == NULL ? NULL : OCSP_cert_to_id(NULL, cert, issuer);
  ASN1_GENERALIZEDTIME *since, *from, *until;
  int status = -1, reason, good = 0;
  if (OCSP_basic_verify(basic, SSL_get0_verified_chain(s->ssl), store, 0) <= 0)
    refuse(s, "SSL_OCSP", "the OCSP response is not signed by whom it should be");
  else if (id == NULL ||
           !OCSP_resp_find_status(basic, id, &status, &reason, &since, &from, &until))
    refuse(s, "SSL_OCSP", "the OCSP response is about another certificate");
  else if (!OCSP_check_validity(from, until, SLACK, -1))
    refuse(s, "SSL_OCSP", "the OCSP response is out of date");
  else if (status == V_OCSP_CERTSTATUS_REVOKED)
    refuse(s, "SSL_CERT_REVOKED", "certificate revoked, its issuer says (OCSP)");
  else if (status != V_OCSP_CERTSTATUS_GOOD)
    refuse(s, "SSL_OCSP", "the issuer does not know the certificate (OCSP)");
  else
    good = 1;
  OCSP_CERTID_free(id);
  X509_free(cert);
  ERR_clear_error();
  return good;
}

int lwt_ssl_on_stapled(SSL *ssl, void *data) {
  session *s = lwt_ssl_session_of(ssl);
  const unsigned char *der = NULL;
  long n = SSL_get_tlsext_status_ocsp_resp(ssl, &der);
  OCSP_RESPONSE *response;
  OCSP_BASICRESP *basic = NULL;
  int good = 0;
  (void)data;
  if (s == NULL || s->ocsp == OCSP_OFF || SSL_session_reused(ssl)) return 1;
  if (der == NULL || n <= 0) {
    if (s->ocsp != OCSP_REQUIRE) return 1;
    refuse(s, "SSL_OCSP", "the server has stapled no OCSP response");
    return 0;
  }
  response = d2i_OCSP_RESPONSE(NULL, &der, n);
  if (response != NULL &&
      OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL)
    basic = OCSP_response_get1_basic(response);
  if (basic != NULL)
    good = is_good(s, basic);
  else
    refuse(s, "SSL_OCSP", "the OCSP response cannot be read");
  OCSP_BASICRESP_free(basic);
  OCSP_RESPONSE_free(response);
  if (good) s->stapled = 1;
  return good;
}

/* DER, or else the name of a file that has it, in which is no zero byte. NULL: `f` says why. */
static OCSP_RESPONSE *read_response(const char *text, size_t n, fault *f) {
  int is_der = n <= INT_MAX && ((n > 64 && text[0] == 0x30) || strlen(text) != n);
  OCSP_RESPONSE *response;
  BIO *bio;
  errno = 0;
  bio = is_der ? BIO_new_mem_buf(text, (int)n) : BIO_new_file(text, "rb");
  if (bio == NULL) {
    if (errno != 0) lwt_ssl_fault_errno(f, errno, text);
    lwt_ssl_fault_set(f, "ENOMEM", "not enough memory");
    return NULL;
  }
  response = d2i_OCSP_RESPONSE_bio(bio, NULL);
  BIO_free(bio);
  if (response == NULL)
    lwt_ssl_fault_set(f, "SSL_OCSP", "there is no OCSP response in %s (DER expected)",
                      is_der ? "the text given" : text);
  return response;
}

/* Whether it is a good one only clients ask: but one that cannot be read would fail them all. */
static int set_staple(lua_State *L, context *c, const char *text, size_t n) {
  fault f = {0};
  OCSP_RESPONSE *response;
  unsigned char *der = NULL;
  int len;
  ERR_clear_error();
  response = read_response(text, n, &f);
  len = response == NULL ? 0 : i2d_OCSP_RESPONSE(response, &der);
  OCSP_RESPONSE_free(response);
  ERR_clear_error();
  if (len <= 0) {
    lwt_ssl_fault_set(&f, "ENOMEM", "not enough memory");
    lwt_ssl_push_fault(lwt_ssl_lwt(L), L, &f, "context");
    return lua_error(L);
  }
  OPENSSL_free(c->staple);
  c->staple = der;
  c->staple_len = (size_t)len;
  SSL_CTX_set_tlsext_status_cb(c->ctx, lwt_ssl_on_staple_wanted);
  return 0;
}

/* ocsp(how or response): a client asks for a response ("ask") or insists on it ("require");
** a server staples this one. */
int lwt_ssl_l_ocsp(lua_State *L) {
  context *c = lwt_ssl_check_context(L, 1);
  size_t n;
  const char *text = luaL_checklstring(L, 2, &n);
  if (c->server) return set_staple(L, c, text, n);
  c->ocsp = strcmp(text, "require") == 0 ? OCSP_REQUIRE : OCSP_ASK;
  SSL_CTX_set_tlsext_status_cb(c->ctx, lwt_ssl_on_stapled);
  return 0;
}
