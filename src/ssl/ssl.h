/* ssl.h: what the files of lwt.ssl.core share.
**
** A context (context.c, load.c) is an SSL_CTX, fixed once it is used. A session is one
** TLS connection without a transport: what the peer has sent is fed into it, and what it
** wants sent is taken out of it (bio.c); lua/lwt/ssl/ moves the bytes. No callback of
** OpenSSL enters Lua: a step of the handshake may run on a thread of the pool. What Lua
** has to decide stops the handshake instead, which goes on when it is decided.
*/
#ifndef LWT_SSL_H
#define LWT_SSL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>
#include <lwt.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define LWT_SSL_RULES 32 /* bytes: a SHA-256 */
#define LWT_SSL_NAME 256 /* a host's name and its end */

#define CONTEXT_TYPE "TLS context"
#define SESSION_TYPE "TLS connection"
#define TICKET_TYPE "lwt.ssl.session"

/* ---- What went wrong (error.c) ---------------------------------------------- */

/* Plain C, so that a thread of the pool can note it. */
typedef struct fault {
  char code[32]; /* "SSL_CERT_EXPIRED" …; empty: nothing */
  char message[512];
  char reason[160]; /* OpenSSL's own words */
  int alert;        /* the number of the alert that the peer has sent, or 0 */
  int err;          /* errno, when the system refuses a file: `path` */
  const char *path;
} fault;

/* Before OpenSSL is asked: what others have left in this thread's queue would be taken for this
** connection's. */
static inline void lwt_ssl_no_errors(void) {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

/* Copy `n` bytes that the peer may have chosen: what must not get to a terminal is written as \x9b. Gives how
** long it is, cut to fit. */
size_t lwt_ssl_show(const char *from, size_t n, char *to, size_t size);
void lwt_ssl_fault_set(fault *f, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The system refuses a file, whose name stays where it is until the fault is pushed. */
void lwt_ssl_fault_errno(fault *f, int err, const char *path);
/* From what OpenSSL has queued for this thread, which is emptied. */
void lwt_ssl_fault_take(fault *f);
/* Push the error object. May raise (memory). */
void lwt_ssl_push_fault(const lwt_api *lwt, lua_State *L, const fault *f, const char *op);

/* ---- Contexts ---------------------------------------------------------------- */

enum { VERIFY_OFF, VERIFY_OPTIONAL, VERIFY_REQUIRE };
enum { OCSP_OFF, OCSP_ASK, OCSP_REQUIRE };

#define LWT_SSL_MOST 65536  /* decrypted at once */
#define LWT_SSL_CHUNK 65536 /* received, or encrypted, and sent at once */
/* A large buffer: four records with what TLS adds. */
#define LWT_SSL_PIECE 69632
#define LWT_SSL_SPARES 4

/* Memory of one size that buffers have given back, for the next ones. */
typedef struct spares {
  char *piece[LWT_SSL_SPARES];
  int n;
} spares;

/* Counted: what a handshake uses may outlive what Lua holds. */
typedef struct context {
  SSL_CTX *ctx;
  BIO_METHOD *transport; /* of its sessions */
  int refs;
  int server;
  int verify;
  int named;     /* has a certificate of its own */
  int slow;      /* its private key takes longer than a turn should be */
  int asks_name; /* a function in Lua chooses the context */
  int ocsp;      /* client: OCSP_ASK … */
  /* client: whom it trusts and who it is, for short: a session of other rules proves nothing. */
  unsigned char rules[LWT_SSL_RULES];
  int tickets;           /* server: clients may resume their sessions */
  unsigned char *staple; /* server: the response that goes with the certificate */
  size_t staple_len;
  char *curves;        /* the list; NULL: OpenSSL's own */
  unsigned char *alpn; /* in the wire's form */
  unsigned alpn_len;
  int keylog_fd;  /* -1: none */
  int keeps_keys; /* for a function in Lua */
  spares small, large;
} context;

context *lwt_ssl_check_context(lua_State *L, int arg);
context *lwt_ssl_context_of(const SSL *ssl);
void lwt_ssl_context_release(context *c);
void lwt_ssl_open_contexts(lua_State *L);
int lwt_ssl_l_context(lua_State *L);
/* Count something among the rules: the options as text, a certificate or a list of revocations by
** what is in it (its file may have another content tomorrow), a folder by its name. 0: no memory. */
#define LWT_SSL_RULE_OPTIONS 'o'
#define LWT_SSL_RULE_IDENTITY 'i'
#define LWT_SSL_RULE_TRUST 't'
#define LWT_SSL_RULE_FOLDER 'f'
#define LWT_SSL_RULE_REVOKED 'r'
int lwt_ssl_add_rule(context *c, char kind, const void *data, size_t n);
extern const luaL_Reg lwt_ssl_loading[]; /* load.c: methods of contexts */
int lwt_ssl_l_defaults(lua_State *L);
int lwt_ssl_l_is_hashed(lua_State *L);

/* ---- Sessions ---------------------------------------------------------------- */

enum { HELLO_NONE, HELLO_ASKED, HELLO_ANSWERED, HELLO_REFUSED };

typedef struct buffer {
  char *data;
  size_t at, len, cap; /* data[at, len) waits */
} buffer;

/* A session's userdata begins with its pointer, NULL when it is freed. Its user values: */
#define LWT_SSL_READER 1 /* the promise of the read that waits (reading.c) */
#define LWT_SSL_SOCKET 2 /* the socket of lwt.net that carries it, or nil */
#define LWT_SSL_STREAM 3 /* the stream in Lua */

/* Who reads here, and waits. */
enum { LWT_SSL_NO_READ, LWT_SSL_PROMISE, LWT_SSL_DIRECT };

/* What ended it; why the certificate is not good. Only there when there is something to say. */
typedef struct faults {
  fault last, checked;
} faults;

typedef struct session {
  SSL *ssl;
  const lwt_api *lwt;
  context *context, *chosen; /* what it began with, and what the client's name chose */
  int refs;                  /* the userdata, and a job that runs */
  int server;
  int busy;      /* a job runs a step of the handshake: only it may touch `ssl` */
  int open;      /* the handshake is done */
  int failed;    /* OpenSSL has given up: nothing may be sent any more */
  int said_end;  /* our close_notify is out */
  int heard_end; /* and the peer's has come */
  int in_end;    /* the transport is at its end */
  int drained;   /* OpenSSL has nothing, since it was last asked */
  int no_memory;
  int full; /* the socket has just taken less than there was */
  int dry;  /* … has given less than there was room for, and has not said more since */
  buffer in, out, plain; /* from the transport; for it; decrypted and not yet taken */
  buffer tickets;        /* for the transport, before anything else (handshake.c) */
  unsigned taken;        /* grows with whatever is taken of the buffers */
  int plain_status;      /* what comes after `plain`: SSL_ERROR_NONE: nothing known yet */
  int hello;
  char *hello_name;
  int slow;
  int ocsp;
  int stapled;
  int verify_off;
  char *expected; /* the name that the certificate has to have, for messages */
  faults *faults;
  buffer keylog;
  int wants_keylog;
  SSL_SESSION *ticket; /* the newest that can be resumed */
  /* reading.c: the read that waits for the socket. */
  lwt_socket_wait wait;
  int slow_in, slow_out; /* stream.lua: others stand in line, or it is no socket's */
  int reads;             /* LWT_SSL_PROMISE …: the userdata is anchored */
  int ref;               /* … in the registry */
  lwt_wait direct;       /* the task that waits; also while it stands in Lua's line */
  unsigned waits;        /* how many have */
  int truncation;        /* a connection that is cut is at its end */
  size_t want;
  unsigned turns; /* counts reads that begin and end */
} session;

session *lwt_ssl_check_session(lua_State *L, int arg);
/* The session at 1; raises when a job runs a step of its handshake. */
session *lwt_ssl_check_idle(lua_State *L);
/* Any thread. Never NULL: without memory it says so. */
fault *lwt_ssl_fault(session *s);
fault *lwt_ssl_checked(session *s);
void lwt_ssl_faults_free(session *s);
/* Push the error that ended it. May raise (memory). */
void lwt_ssl_push_last(lua_State *L, session *s, const char *op);
/* Is there something to say? */
int lwt_ssl_has_fault(const session *s);
int lwt_ssl_has_checked(const session *s);
session *lwt_ssl_session_of(const SSL *ssl);
void lwt_ssl_open_sessions(lua_State *L);
void lwt_ssl_follow_context(session *s, const context *c);
int lwt_ssl_l_session(lua_State *L);
/* NULL: no session, or one that is freed. */
session *lwt_ssl_test_session(lua_State *L, int idx);
extern const luaL_Reg lwt_ssl_handshaking[]; /* handshake.c */
extern const luaL_Reg lwt_ssl_moving[];      /* transfer.c */
extern const luaL_Reg lwt_ssl_telling[];     /* about.c */

void lwt_ssl_session_release(session *s);
/* buffer.c. Room for `n` more bytes: 0 without memory. */
int lwt_ssl_buffer_room(session *s, buffer *b, size_t n);
/* memcpy, of a record. */
void lwt_ssl_buffer_copy(char *to, const char *from, size_t n);
void lwt_ssl_buffer_took(session *s, buffer *b, size_t n); /* frees it when it is empty */
void lwt_ssl_buffer_free(session *s, buffer *b);

/* transfer.c */
int lwt_ssl_push_bytes(lua_State *L, size_t offset, size_t n);
/* Decrypt, at most `n` bytes, unless there are some; plain_status says what comes after them.
** C only. */
void lwt_ssl_decrypt(session *s, size_t n);
/* Encrypt the string at `data` and give it to the socket: 1 when that has all of it. 0: pushes how
** many bytes are encrypted. The session's userdata is at `conn`. */
int lwt_ssl_put(lua_State *L, int conn, session *s, int data);
/* Give the socket at this index what it takes at once: 1 when nothing is left to be sent. */
int lwt_ssl_send(lua_State *L, session *s, int socket);
/* Take what the socket at this index has: 1 when that was something, or its end. */
#define LWT_SSL_NO_MEMORY (-1)
int lwt_ssl_receive(lua_State *L, session *s, int socket);

/* reading.c */
typedef enum lwt_ssl_outcome {
  R_BYTES,   /* decrypted ones wait */
  R_END,     /* the peer's goodbye, or what is taken for it */
  R_FAILED,  /* s->fault */
  R_MEMORY,  /* there is none */
  R_WAITS,   /* for the socket */
  R_BLOCKED, /* until something is sent: see `go_on` */
  R_TROUBLE  /* the socket's own `read` has to tell what, or to wait in its line */
} lwt_ssl_outcome;

/* See what there is for a read of `want` bytes; 0: for a handshake, anything that has been
** received. The session's userdata is at `conn`. Runs no Lua. */
lwt_ssl_outcome lwt_ssl_look(lua_State *L, int conn, session *s, size_t want);
void lwt_ssl_begin_read(lua_State *L, int conn, session *s, size_t want, int how);
void lwt_ssl_end_read(lua_State *L, session *s);
/* A read has found something to send. */
void lwt_ssl_send_soon(lua_State *L, int conn);
extern const luaL_Reg lwt_ssl_reading[]; /* methods of sessions */
/* Push a promise of at most `want` bytes, or of nil at the end. The session's userdata is at `conn`.
** 0: it has to be done in Lua. */
int lwt_ssl_pull(lua_State *L, int conn, size_t want);
/* The registry's key of the function in Lua that sees to what is not simple. */
extern const char lwt_ssl_attend;
void lwt_ssl_on_ready(lua_State *L, lwt_socket_wait *w);
/* The state ends: drop the read that waits. */
void lwt_ssl_forget_read(session *s);

/* direct.c */
void lwt_ssl_init_direct(session *s);
/* Is the simple case possible: does nobody stand in a line, nor wait here? */
int lwt_ssl_is_free(const session *s);
/* The running task waits as a reader, or (want = 0) until something has been received, and goes on at
** `k`, which asks whether it has not been resumed by somebody else: 0: then it yields again.
** Raises what the wait was told. */
int lwt_ssl_wait_direct(lua_State *L, int conn, session *s, size_t want, lua_KFunction k);
int lwt_ssl_wait_over(lua_State *L, const lwt_api *lwt);
/* The task goes on with what is on top of the stack, or raises it. Allocates nothing. */
void lwt_ssl_wake_direct(lua_State *L, session *s, int ok);
extern const luaL_Reg lwt_ssl_direct[];  /* methods of sessions */
extern const luaL_Reg lwt_ssl_viewing[]; /* functions */

/* methods.c */
extern const luaL_Reg lwt_ssl_methods[]; /* functions */

/* bio.c: the end of an SSL that reads from `in` and writes to `out`. NULL, or 0: no memory. */
BIO_METHOD *lwt_ssl_bio_method(void);
int lwt_ssl_bio_attach(session *s);

/* verify.c */
int lwt_ssl_on_verify(int ok, X509_STORE_CTX *store);
void lwt_ssl_certificate_fault(fault *f, int error, X509 *cert, const char *expected);

/* ocsp.c */
int lwt_ssl_on_staple_wanted(SSL *ssl, void *data);
int lwt_ssl_on_stapled(SSL *ssl, void *data);
int lwt_ssl_l_ocsp(lua_State *L);

/* certificate.c */
/* Push a table about a certificate. May raise (memory). */
void lwt_ssl_push_certificate(lua_State *L, X509 *cert);
/* Push a userdata that frees what is put there. May raise (memory). */
X509 **lwt_ssl_new_holder(lua_State *L);
/* "CN=…" or the whole name, cut to fit, with nothing that a terminal obeys. */
void lwt_ssl_name_of(X509 *cert, char *text, size_t size);
void lwt_ssl_date(const ASN1_TIME *time, char *text, size_t size);

/* ticket.c */
void lwt_ssl_open_tickets(lua_State *L);
int lwt_ssl_l_is_ticket(lua_State *L);
int lwt_ssl_l_ticket(lua_State *L);
int lwt_ssl_l_resume(lua_State *L);

/* module.c */
const lwt_api *lwt_ssl_lwt(lua_State *L); /* upvalue 1 of every function */
/* Set functions, each with that upvalue, in the table at the top. */
void lwt_ssl_functions(lua_State *L, const luaL_Reg *functions);

#endif
