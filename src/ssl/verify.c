/* verify.c: what is wrong with a certificate, said so that one can act on it. C only; the
** callback runs on whatever thread makes the step of the handshake. */
#include "ssl.h"

#include <stdio.h>
#include <string.h>

static const char *code_of(int error) {
  switch (error) {
  case X509_V_ERR_CERT_HAS_EXPIRED: return "SSL_CERT_EXPIRED";
  case X509_V_ERR_CERT_NOT_YET_VALID: return "SSL_CERT_NOT_YET_VALID";
  case X509_V_ERR_HOSTNAME_MISMATCH:
  case X509_V_ERR_EMAIL_MISMATCH:
  case X509_V_ERR_IP_ADDRESS_MISMATCH: return "SSL_CERT_NAME";
  case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return "SSL_CERT_SELF_SIGNED";
  case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
  case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
  case X509_V_ERR_CERT_UNTRUSTED: return "SSL_CERT_UNKNOWN_ISSUER";
  case X509_V_ERR_CERT_REVOKED: return "SSL_CERT_REVOKED";
  case X509_V_ERR_EE_KEY_TOO_SMALL:
  case X509_V_ERR_CA_KEY_TOO_SMALL:
  case X509_V_ERR_CA_MD_TOO_WEAK: return "SSL_CERT_WEAK";
  case X509_V_ERR_INVALID_PURPOSE: return "SSL_CERT_PURPOSE";
  case X509_V_ERR_INVALID_CA:
  case X509_V_ERR_PATH_LENGTH_EXCEEDED:
  case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
  case X509_V_ERR_PERMITTED_VIOLATION:
  case X509_V_ERR_EXCLUDED_VIOLATION:
  case X509_V_ERR_SUBTREE_MINMAX:
  case X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE:
  case X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX: return "SSL_CERT_CONSTRAINT";
  default: return "SSL_CERT_INVALID";
  }
}

/* The names that the certificate is for: "a.test, *.b.test, 127.0.0.1". */
static void names_of(X509 *cert, char *text, size_t size) {
  GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
  size_t n = 0;
  text[0] = '\0';
  for (int i = 0; i < sk_GENERAL_NAME_num(names) && n < size; i++) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
    const char *comma = n > 0 ? ", " : "";
    if (name->type == GEN_DNS) {
      n += (size_t)snprintf(text + n, size - n, "%s", comma);
      if (n < size)
        n +=
            lwt_ssl_show((const char *)ASN1_STRING_get0_data(name->d.dNSName),
                         (size_t)ASN1_STRING_length(name->d.dNSName), text + n, size - n);
    } else if (name->type == GEN_IPADD) {
      const unsigned char *ip = ASN1_STRING_get0_data(name->d.iPAddress);
      if (ASN1_STRING_length(name->d.iPAddress) == 4)
        n += (size_t)snprintf(text + n, size - n, "%s%d.%d.%d.%d", comma, ip[0], ip[1],
                              ip[2], ip[3]);
      else
        n += (size_t)snprintf(text + n, size - n, "%san IPv6 address", comma);
    }
  }
  GENERAL_NAMES_free(names);
  if (n == 0) snprintf(text, size, "no name");
}

void lwt_ssl_certificate_fault(fault *f, int error, X509 *cert, const char *expected) {
  const char *code = code_of(error);
  char name[160] = "no certificate", date[32], names[240];
  if (f->code[0] != '\0') return;
  snprintf(f->reason, sizeof f->reason, "%s", X509_verify_cert_error_string(error));
  if (cert != NULL) lwt_ssl_name_of(cert, name, sizeof name);
  if (error == X509_V_ERR_CERT_HAS_EXPIRED && cert != NULL) {
    lwt_ssl_date(X509_get0_notAfter(cert), date, sizeof date);
    lwt_ssl_fault_set(f, code, "certificate has expired on %s (%s)", date, name);
  } else if (error == X509_V_ERR_CERT_NOT_YET_VALID && cert != NULL) {
    lwt_ssl_date(X509_get0_notBefore(cert), date, sizeof date);
    lwt_ssl_fault_set(f, code, "certificate is not valid before %s (%s)", date, name);
  } else if (strcmp(code, "SSL_CERT_NAME") == 0 && cert != NULL) {
    names_of(cert, names, sizeof names);
    lwt_ssl_fault_set(f, code, "certificate is for %s, not for %s (%s)", names,
                      expected != NULL ? expected : "the name expected", name);
  } else if (strcmp(code, "SSL_CERT_UNKNOWN_ISSUER") == 0 && cert != NULL) {
    char issuer[160];
    X509_NAME_oneline(X509_get_issuer_name(cert), issuer, sizeof issuer);
    lwt_ssl_fault_set(f, code, "certificate is issued by one who is not trusted: %s (%s)",
                      issuer, name);
  } else {
    lwt_ssl_fault_set(f, code, "%s (%s)", f->reason, name);
  }
}

int lwt_ssl_on_verify(int ok, X509_STORE_CTX *store) {
  SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
  session *s = lwt_ssl_session_of(ssl);
  if (!ok && s != NULL)
    lwt_ssl_certificate_fault(lwt_ssl_checked(s), X509_STORE_CTX_get_error(store),
                              X509_STORE_CTX_get_current_cert(store), s->expected);
  if (!ok && s != NULL && s->verify_off) return 1; /* looked at, and let pass */
  return ok;
}
