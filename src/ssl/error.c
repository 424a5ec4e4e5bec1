/* error.c: what OpenSSL says is wrong, in lwt's codes and words.
**
** OpenSSL queues errors for a thread, and what one connection leaves there would be taken
** for another's: code that calls it clears the queue before and empties it after. */
#include "ssl.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/x509.h>

/* How many bytes the character at s has, at most n, where it may stand in a line of a terminal: 0 for control
** characters (also those of C1), what changes the direction of writing or is not seen, line ends, and
** what is no UTF-8. */
static size_t showable(const unsigned char *s, size_t n) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  size_t len = *s < 0x80 ? 1 : *s >= 0xF0 ? 4 : *s >= 0xE0 ? 3 : 2;
  uint32_t ch = len == 1 ? *s : *s & (0x7Fu >> len);
  if (len > n || (*s >= 0x80 && *s < 0xC0) || *s >= 0xF8) return 0;
  for (size_t i = 1; i < len; i++) {
    if ((s[i] & 0xC0) != 0x80) return 0;
    ch = ch << 6 | (s[i] & 0x3Fu);
  }
  if (ch < least[len] || ch > 0x10FFFF || (ch >= 0xD800 && ch < 0xE000)) return 0;
  if (ch < 0x20 || (ch >= 0x7F && ch < 0xA0) || ch == 0x61C || ch == 0xFEFF) return 0;
  if ((ch >= 0x200B && ch <= 0x200F) || (ch >= 0x2028 && ch <= 0x202E)) return 0;
  return ch >= 0x2060 && ch <= 0x206F ? 0 : len;
}

size_t lwt_ssl_show(const char *from, size_t n, char *to, size_t size) {
  size_t at = 0, put = 0;
  while (at < n) {
    size_t len = showable((const unsigned char *)from + at, n - at);
    if (put + (len > 0 ? len : 4) >= size) break;
    if (len > 0)
      memcpy(to + put, from + at, len);
    else
      snprintf(to + put, 5, "\\x%02x", (unsigned char)from[at]);
    put += len > 0 ? len : 4;
    at += len > 0 ? len : 1;
  }
  to[put] = '\0';
  return put;
}

void lwt_ssl_fault_set(fault *f, const char *code, const char *format, ...) {
  char text[sizeof f->message];
  va_list args;
  if (f->code[0] != '\0') return; /* the first is the reason of the others */
  snprintf(f->code, sizeof f->code, "%s", code);
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  lwt_ssl_show(text, strlen(text), f->message, sizeof f->message);
}

static const char *errno_name(int err) {
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 32)
  const char *name = strerrorname_np(err);
  return name != NULL ? name : "UNKNOWN";
#else
  switch (err) {
  case ENOENT: return "ENOENT";
  case EACCES: return "EACCES";
  case EISDIR: return "EISDIR";
  case ENOTDIR: return "ENOTDIR";
  case EMFILE: return "EMFILE";
  case ENFILE: return "ENFILE";
  default: return "EIO";
  }
#endif
}

void lwt_ssl_fault_errno(fault *f, int err, const char *path) {
  if (f->code[0] != '\0') return;
  f->err = err;
  f->path = path;
  lwt_ssl_fault_set(f, errno_name(err), "%s", strerror(err));
  /* "no such file or directory", as the errors of lwt.fs have it. */
  if (islower((unsigned char)f->message[1]))
    f->message[0] = (char)tolower((unsigned char)f->message[0]);
}

/* ---- Of a session ------------------------------------------------------------------- */

static faults no_memory = {{.code = "ENOMEM", .message = "not enough memory"},
                           {.code = "ENOMEM", .message = "not enough memory"}};

static faults *faults_of(session *s) {
  if (s->faults == NULL) s->faults = calloc(1, sizeof *s->faults);
  if (s->faults == NULL) s->faults = &no_memory; /* (which is never written to) */
  return s->faults;
}

void lwt_ssl_faults_free(session *s) {
  if (s->faults != &no_memory) free(s->faults);
  s->faults = NULL;
}

/* Making the error may run a finalizer, which may free the session. */
void lwt_ssl_push_last(lua_State *L, session *s, const char *op) {
  fault f = *lwt_ssl_fault(s);
  lwt_ssl_push_fault(s->lwt, L, &f, op);
}

fault *lwt_ssl_fault(session *s) {
  return &faults_of(s)->last;
}

fault *lwt_ssl_checked(session *s) {
  return &faults_of(s)->checked;
}

int lwt_ssl_has_fault(const session *s) {
  return s->faults != NULL && s->faults->last.code[0] != '\0';
}

int lwt_ssl_has_checked(const session *s) {
  return s->faults != NULL && s->faults->checked.code[0] != '\0';
}

/* ---- From OpenSSL ------------------------------------------------------------------- */

/* Reasons of the SSL library that have a code of their own. */
typedef struct known {
  int reason;
  const char *code, *message;
} known;

static const known reasons[] = {
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "SSL_CERT_MISSING",
     "the peer has shown no certificate"},
    {SSL_R_NO_APPLICATION_PROTOCOL, "SSL_ALPN",
     "the peer offers no protocol (ALPN) that is spoken here"},
    {SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, "SSL_ALPN",
     "the peer speaks none of the protocols (ALPN) offered"},
#ifdef SSL_R_UNEXPECTED_EOF_WHILE_READING
    {SSL_R_UNEXPECTED_EOF_WHILE_READING, "SSL_EOF",
     "the connection was cut: the peer has not said that it is done (close_notify)"},
#endif
    {SSL_R_UNSUPPORTED_PROTOCOL, "SSL_PROTOCOL",
     "the peer speaks no version of TLS that is allowed here"},
    {SSL_R_VERSION_TOO_LOW, "SSL_PROTOCOL",
     "the peer speaks no version of TLS that is allowed here"},
    {SSL_R_NO_SHARED_CIPHER, "SSL_PROTOCOL", "no cipher suite in common with the peer"},
    {SSL_R_HTTP_REQUEST, "SSL_PROTOCOL",
     "the peer does not speak TLS: it has sent an HTTP request"},
    {SSL_R_HTTPS_PROXY_REQUEST, "SSL_PROTOCOL",
     "the peer does not speak TLS: it has sent a request to a proxy"},
    {SSL_R_WRONG_VERSION_NUMBER, "SSL_PROTOCOL", "the peer does not speak TLS"},
    {SSL_R_EE_KEY_TOO_SMALL, "SSL_CERT_WEAK",
     "the key of the certificate is too short for the security level"},
    {SSL_R_CA_KEY_TOO_SMALL, "SSL_CERT_WEAK",
     "the key of a certificate of the chain is too short for the security level"},
    {SSL_R_CA_MD_TOO_WEAK, "SSL_CERT_WEAK",
     "a certificate of the chain is signed with a hash that is too weak"},
};

static int take_known(fault *f, int reason) {
  for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
    if (reasons[i].reason == reason) {
      lwt_ssl_fault_set(f, reasons[i].code, "%s", reasons[i].message);
      return 1;
    }
  return 0;
}

/* "tlsv1 alert unknown ca" -> "unknown ca": the peer's reason without the library's. */
static const char *words_of_alert(const char *reason) {
  const char *at = reason == NULL ? NULL : strstr(reason, "alert ");
  return at != NULL ? at + strlen("alert ") : reason != NULL ? reason : "unknown";
}

static void take_ssl(fault *f, unsigned long e) {
  int reason = ERR_GET_REASON(e);
  const char *text = ERR_reason_error_string(e);
  if (reason >= SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + 255)
    f->alert = reason - SSL_AD_REASON_OFFSET;
  if (take_known(f, reason)) return;
  if (f->alert != 0)
    lwt_ssl_fault_set(f, "SSL_ALERT", "the peer refuses: %s (alert %d)",
                      words_of_alert(text), f->alert);
  else
    lwt_ssl_fault_set(f, "SSL_PROTOCOL", "%s", text != NULL ? text : "protocol error");
}

/* A failure for want of memory is reported as that, whatever other errors it has led
** to. */
static int lacks_memory(void) {
  unsigned long e;
  while ((e = ERR_get_error()) != 0)
    if (ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE) return 1;
  return 0;
}

void lwt_ssl_fault_take(fault *f) {
  unsigned long e = ERR_peek_error();
  if (f == &no_memory.last || f == &no_memory.checked) {
    ERR_clear_error();
    return;
  }
  if (lacks_memory()) {
    lwt_ssl_fault_set(f, "ENOMEM", "not enough memory");
  } else if (e != 0) {
    const char *text = ERR_reason_error_string(e);
    snprintf(f->reason, sizeof f->reason, "%s", text != NULL ? text : "");
    if (ERR_GET_LIB(e) == ERR_LIB_SSL)
      take_ssl(f, e);
    else
      lwt_ssl_fault_set(f, "SSL_PROTOCOL", "%s", text != NULL ? text : "failed");
  }
  ERR_clear_error();
}

void lwt_ssl_push_fault(const lwt_api *lwt, lua_State *L, const fault *f,
                        const char *op) {
  luaL_checkstack(L, 4, NULL);
  lwt->push_error(lwt, L, f->code[0] != '\0' ? f->code : "SSL_PROTOCOL", f->err,
                  f->message[0] != '\0' ? f->message : "protocol error", op,
                  f->path != NULL ? "path" : NULL, f->path);
  if (f->reason[0] != '\0') {
    lua_pushstring(L, f->reason);
    lua_setfield(L, -2, "reason");
  }
  if (f->alert != 0) {
    lua_pushinteger(L, f->alert);
    lua_setfield(L, -2, "alert");
  }
}
