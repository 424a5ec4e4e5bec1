/* handshake.c: the handshake, step by step. A step is C alone; where the private key takes
** longer than a turn of the loop should, it runs on a thread of the pool, and nothing
** else touches the session meanwhile (`busy`).
*/
#include "ssl.h"

#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include <openssl/rand.h>

typedef enum step { STEP_DONE, STEP_READ, STEP_SEND, STEP_HELLO, STEP_FAILED } step;

/* A server's TLS 1.3 tickets are all that it sends at the end of the handshake. They go with what it
** sends next: sent by themselves, they would wait for a client that does not read, or meet
** one that has gone and take its data with it. */
static void hold_tickets(session *s) {
  size_t n = s->out.len - s->out.at;
  char *data;
  if (!s->server || n == 0 || SSL_version(s->ssl) != TLS1_3_VERSION) return;
  data = malloc(n);
  if (data == NULL) return; /* they are sent now */
  memcpy(data, s->out.data + s->out.at, n);
  lwt_ssl_buffer_free(s, &s->out);
  s->tickets = (buffer){.data = data, .len = n, .cap = n};
  SSL_free_buffers(s->ssl); /* after these it keeps one */
}

/* Any thread. */
static step take_step(session *s) {
  int r;
  if (s->failed) return STEP_FAILED;
  ERR_clear_error();
  r = SSL_do_handshake(s->ssl);
  if (r == 1) {
    s->open = 1;
#ifdef SSL_OP_IGNORE_UNEXPECTED_EOF
    /* As if the peer had said its end: what is written after that still goes out. */
    if (s->truncation) SSL_set_options(s->ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
#endif
    hold_tickets(s);
    ERR_clear_error();
    return STEP_DONE;
  }
  switch (SSL_get_error(s->ssl, r)) {
  case SSL_ERROR_WANT_READ: return STEP_READ;
  case SSL_ERROR_WANT_CLIENT_HELLO_CB: return STEP_HELLO;
  default: break;
  }
  s->failed = 1;
  if (s->no_memory) lwt_ssl_fault_set(lwt_ssl_fault(s), "ENOMEM", "not enough memory");
  if (lwt_ssl_has_checked(s) && !s->verify_off && !lwt_ssl_has_fault(s))
    *lwt_ssl_fault(s) = *lwt_ssl_checked(s);
  if (s->in_end && s->in.len == s->in.at)
    lwt_ssl_fault_set(lwt_ssl_fault(s), "SSL_EOF",
                      "the connection was cut in the middle of the handshake");
  lwt_ssl_fault_take(lwt_ssl_fault(s));
  return STEP_FAILED;
}

/* A step that waits for the peer, who may wait for what is to be sent. */
static step told(const session *s, step what) {
  return what == STEP_READ && s->out.len > s->out.at ? STEP_SEND : what;
}

/* "done", and whether it has something to send; "read": it has to be fed; "send": what it has to
** send has to be sent; "hello" and the name; or nil and the error. */
static int push_step(lua_State *L, session *s, step what) {
  switch (what) {
  case STEP_DONE:
    lua_pushliteral(L, "done");
    lua_pushboolean(L, s->out.len > s->out.at);
    return 2;
  case STEP_READ: lua_pushliteral(L, "read"); return 1;
  case STEP_SEND: lua_pushliteral(L, "send"); return 1;
  case STEP_HELLO:
    lua_pushliteral(L, "hello");
    lua_pushstring(L, s->hello_name);
    return 2;
  default:
    lua_pushnil(L);
    lwt_ssl_push_last(L, s, "handshake");
    return 2;
  }
}

/* ---- On the pool ------------------------------------------------------------------ */

typedef struct step_job {
  lwt_job job;
  const lwt_api *lwt;
  session *s;
  step what;
} step_job;

static void worker(lwt_job *job) {
  step_job *j = (step_job *)job;
  j->what = take_step(j->s);
}

static int result(lua_State *L, lwt_job *job) {
  step_job *j = (step_job *)job;
  j->s->busy = 0;
  return push_step(L, j->s, told(j->s, j->what));
}

static void release(lwt_job *job) {
  step_job *j = (step_job *)job;
  j->s->busy = 0;
  lwt_ssl_session_release(j->s);
  free(j);
}

/* Over a socket, as far as that goes without waiting: what a step has to send is sent, and
** what has come is looked at. */
static step take_steps(lua_State *L, session *s) {
  int socket;
  step what;
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, LWT_SSL_SOCKET);
  socket = lua_isnil(L, 2) ? 0 : 2;
  do what = take_step(s);
  while (socket != 0 && lwt_ssl_send(L, s, socket) && what == STEP_READ && !s->in_end &&
         !s->slow && lwt_ssl_receive(L, s, socket) == 1);
  return what;
}

static int is_for_pool(const session *s) {
  return s->slow && s->lwt->job_start != NULL && s->in.len > s->in.at &&
         !(s->context->asks_name && s->hello == HELLO_NONE);
}

/* Push a promise of what push_step says. */
static int step_on_pool(lua_State *L, session *s) {
  const lwt_api *lwt = s->lwt;
  step_job *j = calloc(1, sizeof *j);
  if (j == NULL) return luaL_error(L, "not enough memory");
  j->job.worker = worker;
  j->job.result = result;
  j->job.release = release;
  j->lwt = lwt;
  j->s = s;
  s->refs++;
  s->busy = 1;
  lwt->job_start(lwt, L, &j->job);
  return 1;
}

static int go_on_k(lua_State *L, int status, lua_KContext k);

/* Steps, until there is something that C cannot see to: as push_step says, or a promise of that. Over a
** socket the task waits here for what the peer sends. `sending`: Lua sends already what there is. */
static int go_on(lua_State *L, int sending) {
  for (;;) {
    session *s = lwt_ssl_check_idle(L);
    lwt_ssl_outcome there;
    step what;
    if (is_for_pool(s)) return step_on_pool(L, s);
    what = take_steps(L, s);
    if (!sending) what = told(s, what);
    if (what != STEP_READ || lua_getiuservalue(L, 1, LWT_SSL_SOCKET) == LUA_TNIL ||
        !lwt_ssl_is_free(s) || !lua_isyieldable(L))
      return push_step(L, s, what);
    lua_settop(L, 1);
    s->lwt->wait_check(s->lwt, L);
    if (s->wait.at != NULL) s->lwt->socket_unwait(s->lwt, &s->wait);
    there = lwt_ssl_look(L, 1, s, 0);
    if (there == R_MEMORY) return luaL_error(L, "not enough memory");
    if (there == R_WAITS) return lwt_ssl_wait_direct(L, 1, s, 0, go_on_k);
    if (there != R_BYTES) return push_step(L, s, what);
  }
}

static int go_on_k(lua_State *L, int status, lua_KContext k) {
  (void)status;
  if (!lwt_ssl_wait_over(L, (const lwt_api *)k)) return lua_yieldk(L, 1, k, go_on_k);
  lua_settop(L, 1);
  return go_on(L, 0);
}

/* handshake(sending) */
static int l_handshake(lua_State *L) {
  int sending = lua_toboolean(L, 2);
  luaL_checkstack(L, 8, NULL);
  lua_settop(L, 1);
  return go_on(L, sending);
}

/* ---- Before it, and in it ------------------------------------------------------------ */

static int is_address(const char *name) {
  unsigned char ip[16];
  return inet_pton(AF_INET, name, ip) == 1 || inet_pton(AF_INET6, name, ip) == 1;
}

/* expect(name, check): whom the client calls, and whether the certificate has to have that
** name. The subject's CN is not taken for a name, nor "*" for a part of one. */
static int l_expect(lua_State *L) {
  session *s = lwt_ssl_check_idle(L);
  const char *name = luaL_checkstring(L, 2);
  X509_VERIFY_PARAM *param = SSL_get0_param(s->ssl);
  int ok = 1;
  ERR_clear_error();
  free(s->expected);
  s->expected = strdup(name);
  if (s->expected == NULL) return luaL_error(L, "not enough memory");
  if (is_address(name)) {
    if (lua_toboolean(L, 3)) ok = X509_VERIFY_PARAM_set1_ip_asc(param, name);
  } else {
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    ok = SSL_set_tlsext_host_name(s->ssl, name) == 1;
    if (ok && lua_toboolean(L, 3)) ok = SSL_set1_host(s->ssl, name);
  }
  ERR_clear_error();
  lua_pushboolean(L, ok);
  return 1;
}

#if OPENSSL_VERSION_NUMBER >= 0x30500000L
#define ALL_CURVES "DEFAULT"
#else
#define ALL_CURVES "X25519:P-256:X448:P-521:P-384"
#endif

/* SSL_set_SSL_CTX leaves some things as the first context had them. (OpenSSL seals tickets, and
** stores sessions, for that one: an id that is never seen again takes all worth from them.) */
static int adopt(session *s, const context *c, const context *before) {
  unsigned char id[SSL_MAX_SID_CTX_LENGTH];
  if (!c->tickets) {
    SSL_set_options(s->ssl, SSL_OP_NO_TICKET);
    if (RAND_bytes(id, sizeof id) != 1) return 0;
    if (!SSL_set_session_id_context(s->ssl, id, sizeof id)) return 0;
  } else {
    SSL_clear_options(s->ssl, SSL_OP_NO_TICKET);
  }
  if (c->curves == NULL && before->curves == NULL) return 1;
  return SSL_set1_groups_list(s->ssl, c->curves != NULL ? c->curves : ALL_CURVES) == 1;
}

/* choose(context or nil): the answer to "hello". */
static int l_choose(lua_State *L) {
  session *s = lwt_ssl_check_idle(L);
  s->hello = HELLO_ANSWERED;
  if (!lua_isnoneornil(L, 2)) {
    context *c = lwt_ssl_check_context(L, 2);
    luaL_argcheck(L, c->server, 2, "a context for servers expected");
    context *before = s->chosen;
    int ok = SSL_set_SSL_CTX(s->ssl, c->ctx) != NULL;
    if (ok) { /* OpenSSL uses it from here on */
      c->refs++;
      s->chosen = c;
      ok = adopt(s, c, before != NULL ? before : s->context);
      lwt_ssl_context_release(before);
    }
    if (!ok) {
      ERR_clear_error();
      return luaL_error(L, "not enough memory");
    }
    lwt_ssl_follow_context(s, c);
    SSL_set_min_proto_version(s->ssl, (int)SSL_CTX_get_min_proto_version(c->ctx));
    SSL_set_max_proto_version(s->ssl, (int)SSL_CTX_get_max_proto_version(c->ctx));
  }
  return 0;
}

/* refuse(): there is no answer to "hello". The peer is told so, by an alert in the output. */
static int l_refuse(lua_State *L) {
  session *s = lwt_ssl_check_idle(L);
  if (s->hello != HELLO_ASKED) return 0;
  s->hello = HELLO_REFUSED;
  take_step(s);
  return 0;
}

/* is_busy(): a thread of the pool makes a step. */
static int l_is_busy(lua_State *L) {
  lua_pushboolean(L, lwt_ssl_check_session(L, 1)->busy);
  return 1;
}

const luaL_Reg lwt_ssl_handshaking[] = {
    {"handshake", l_handshake},
    {"expect", l_expect},
    {"resume", lwt_ssl_l_resume},
    {"choose", l_choose},
    {"refuse", l_refuse},
    {"is_busy", l_is_busy},
    {NULL, NULL},
};
