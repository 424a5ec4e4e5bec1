/* udp.c: datagrams. The options and groups of a socket: udp_options.c.
**
** As for streams, the first recv() turns receiving on and it stays on; what was not asked
** for is held, HELD_BYTES or HELD datagrams at most, and then the rest stays with the
** system, which drops what it cannot keep: that is UDP.
*/
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "../bytes.h"
#include "internal.h"

/* User values. */
#define RECEIVERS 1 /* who waits */
#define SENDER 2    /* the address of `sender`, as text */
#define HELD 64
#define HELD_BYTES 262144

typedef struct datagram {
  struct datagram *next;
  size_t n;
  size_t from; /* of the bytes, so many are the sender's address; behind it: the n */
  char bytes[];
} datagram;

typedef struct udp {
  lwt_uv_handle h;
  uv_udp_t udp;
  lwt_uv_waiters receivers;
  datagram *first, *last;
  int held;
  size_t held_bytes;
  unsigned taken; /* counts what is taken from those held */
  unsigned char receiving;
  /* Who sent the last one: the next one is theirs as well, as a rule, and so is the answer.
  ** AF_UNSPEC: not known, or neither of these. */
  union {
    struct sockaddr sa;
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
  } sender;
} udp;

/* ---- Receiving ----------------------------------------------------------- */

typedef struct arrival {
  udp *u;
  ssize_t n;
  const char *bytes;
  const struct sockaddr *from;
} arrival;

static void on_alloc(uv_handle_t *uv, size_t suggested, uv_buf_t *buf) {
  udp *u = uv->data;
  char *scratch = lwt_uv_scratch_take(u->h.ctx); /* until on_recv */
  (void)suggested;
  buf->base = scratch;
  buf->len = scratch == NULL ? 0 : LWT_UV_SCRATCH;
}

/* How long an address of this kind is. (libuv has room for the largest but Unix's.) */
static size_t length_of(const struct sockaddr *sa) {
  switch (sa->sa_family) {
  case AF_INET: return sizeof(struct sockaddr_in);
  case AF_UNIX: return sizeof(struct sockaddr_un);
  default: return sizeof(struct sockaddr_in6);
  }
}

/* Push the sender's address as text; the socket is at idx. (A Unix-domain sender without a
** name has no address at all.) */
static void push_from(lua_State *L, udp *u, int idx, const struct sockaddr *from) {
  const lwt_uv_box *box = lua_touserdata(L, idx);
  size_t n = length_of(from);
  if (from->sa_family == AF_UNSPEC) {
    lua_pushliteral(L, "unix:");
    return;
  }
  if (u->sender.sa.sa_family == from->sa_family && memcmp(&u->sender, from, n) == 0) {
    lua_getiuservalue(L, idx, SENDER);
    return;
  }
  lwt_uv_push_address(L, from, sizeof(struct sockaddr_storage));
  if (from->sa_family != AF_INET && from->sa_family != AF_INET6) return;
  if (box->h != &u->h) return; /* closed by a finalizer */
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, idx, SENDER);
  memcpy(&u->sender, from, n);
}

/* Give the datagram (or an error) to the first waiter: then a->u is NULL. Its values are
** made once; a finalizer may cancel the waiter that was to get them, and then the next
** one does. */
static void deliver(lua_State *L, void *data) {
  arrival *a = data;
  udp *u = a->u;
  lwt_uv *ctx = u->h.ctx;
  int self, n = 1;
  lwt_uv_handle_push(L, &u->h);
  self = lua_gettop(L);
  if (a->n >= 0) {
    lua_pushlstring(L, a->bytes, (size_t)a->n);
    push_from(L, u, self, a->from);
    n = 2;
  } else {
    lwt_uv_push_error(ctx, L, a->n, "recv", NULL, NULL);
  }
  if (u->h.box == NULL || !lwt_uv_waiters_pop(ctx, L, &u->receivers, self)) return;
  lua_insert(L, self + 1);
  lwt_uv_waiters_anchor(L, &u->receivers, &u->h, self);
  a->u = NULL;
  if (a->n >= 0)
    ctx->lwt->fulfill(ctx->lwt, L, self + 1, n);
  else
    ctx->lwt->reject(ctx->lwt, L, self + 1);
}

/* There was no memory for it: say so, and keep the datagram for the next recv. */
static void fail(lua_State *L, void *data) {
  udp *u = data;
  lwt_uv_waiters_fail(L, &u->receivers, &u->h);
}

static void hold(udp *u, const arrival *a) {
  size_t from = length_of(a->from);
  datagram *d = malloc(sizeof *d + from + (size_t)a->n);
  if (d == NULL) return; /* as if the network had lost it */
  d->next = NULL;
  d->n = (size_t)a->n;
  d->from = from;
  memcpy(d->bytes, a->from, from);
  memcpy(d->bytes + from, a->bytes, d->n);
  if (u->last != NULL)
    u->last->next = d;
  else
    u->first = d;
  u->last = d;
  u->held_bytes += d->n;
  if (++u->held < HELD && u->held_bytes < HELD_BYTES) return;
  uv_udp_recv_stop(&u->udp); /* until they are asked for */
  u->receiving = 0;
}

static void drop_first(udp *u) {
  datagram *d = u->first;
  u->taken++;
  u->first = d->next;
  if (u->first == NULL) u->last = NULL;
  u->held--;
  u->held_bytes -= d->n;
  free(d);
}

static void on_recv(uv_udp_t *uv, ssize_t n, const uv_buf_t *buf,
                    const struct sockaddr *from, unsigned flags) {
  udp *u = uv->data;
  lwt_uv *ctx = u->h.ctx;
  arrival a;
  (void)flags;
  if (n >= 0 && from == NULL) { /* nothing more for now */
    lwt_uv_scratch_give(ctx, buf->base);
    return;
  }
  if (n == UV_ENOBUFS && buf->base == NULL) n = UV_ENOMEM;
  a.u = u;
  a.n = n;
  a.bytes = buf->base;
  a.from = from;
  if (u->receivers.n > 0 && lwt_uv_enter(ctx, deliver, &a) != 0 && a.u != NULL)
    lwt_uv_enter(ctx, fail, u);
  if (a.u != NULL && n >= 0 && u->h.box != NULL) hold(u, &a);
  if (buf->base != NULL) lwt_uv_scratch_give(ctx, buf->base);
}

static void cancel_recv(lua_State *L, void *data) {
  udp *u = data;
  lwt_uv_waiters_withdraw(L, &u->receivers, &u->h);
}

/* ---- Life ---------------------------------------------------------------- */

static void stop(lua_State *L, lwt_uv_handle *h) {
  udp *u = (udp *)(void *)h;
  h->ctx->lwt->push_sentinel(h->ctx->lwt, L, "Closed");
  lwt_uv_waiters_reject(h->ctx, L, &u->receivers, -2);
}

static void release(lwt_uv_handle *h) {
  udp *u = (udp *)(void *)h;
  datagram *d, *next;
  for (d = u->first; d != NULL; d = next) {
    next = d->next;
    free(d);
  }
}

static const lwt_uv_class udp_class = {
    LWT_UV_UDP, "udp", sizeof(udp), 2, stop, release, NULL,
};

/* The udp at 1, open; `promise`: NULL when it is closed, else that raises. */
static udp *check_udp(lwt_uv *ctx, lua_State *L) {
  udp *u = lwt_uv_handle_check(ctx, L, 1, LWT_UV_UDP);
  if (u == NULL) lwt_uv_raise_closed(L, "udp");
  return u;
}

uv_udp_t *lwt_uv_udp_check(lwt_uv *ctx, lua_State *L) {
  return &check_udp(ctx, L)->udp;
}

static void check_numeric(lua_State *L, int arg, lwt_uv_address *a) {
  lwt_uv_check_address(L, arg, a);
  if (a->family == AF_UNSPEC && strcmp(a->host, "*") == 0 && a->port >= 0) {
    uv_ip4_addr("0.0.0.0", a->port, (struct sockaddr_in *)&a->sa);
    a->family = AF_INET;
  }
  luaL_argcheck(L, a->family == AF_INET || a->family == AF_INET6, arg,
                "numeric address expected");
}

static int check(lwt_uv *ctx, lua_State *L, int status, const char *op) {
  if (status < 0) return lwt_uv_raise(ctx, L, status, op, NULL, NULL);
  return 0;
}

/*---
A UDP socket, at once (no promise). With an address (numbers, or `*`) it is bound there;
port 0 has the system pick one. Without, it is bound when it first sends. Options:
`reuseaddr`, `ipv6only`, `broadcast`, `ttl`. It raises the system's error.
@param addr? string|table
@param opts? table # reuseaddr, ipv6only, broadcast, ttl
@return lwt.Udp
```lua
local a, b <close> = net.udp("127.0.0.1:0"), net.udp("127.0.0.1:0")
local _ <close> = a
a:send("hello", b:getsockname()):await()
local data, from = b:recv():await()
print(data, from == a:getsockname())   --> hello true
```
@function lwt.net.udp(addr, opts)
*/
static int l_udp(lua_State *L) {
  static const char *const options[] = {"reuseaddr", "ipv6only", "broadcast", "ttl",
                                        NULL};
  lwt_uv *ctx = lwt_uv_context(L);
  lwt_uv_address a;
  unsigned flags = 0;
  int status, broadcast, ttl, bound;
  udp *u;
  lua_settop(L, 2);
  bound = !lua_isnil(L, 1);
  if (bound) check_numeric(L, 1, &a);
  lwt_uv_check_options(L, 2, options);
  if (lwt_uv_option_flag(L, 2, "reuseaddr", 0)) flags |= UV_UDP_REUSEADDR;
  if (lwt_uv_option_flag(L, 2, "ipv6only", 0)) flags |= UV_UDP_IPV6ONLY;
  broadcast = lwt_uv_option_flag(L, 2, "broadcast", 0);
  ttl = (int)lwt_uv_option_number(L, 2, "ttl", 1, 255, 0);
  u = lwt_uv_handle_new(ctx, L, &udp_class);
  lwt_uv_waiters_init(&u->receivers, RECEIVERS);
  status = lwt_uv_handle_opened(
      L, &u->h, &u->udp,
      uv_udp_init_ex(ctx->loop, &u->udp, bound ? (unsigned)a.family : AF_INET));
  if (status == 0 && bound) status = uv_udp_bind(&u->udp, (const void *)&a.sa, flags);
  if (status == 0 && broadcast) status = uv_udp_set_broadcast(&u->udp, 1);
  if (status == 0 && ttl != 0) status = uv_udp_set_ttl(&u->udp, ttl);
  if (status == 0) return 1;
  lwt_uv_handle_close(L, lua_touserdata(L, -1), 1);
  return lwt_uv_raise(ctx, L, status, "udp", "address", bound ? a.text : NULL);
}

lwt_uv_handle *lwt_uv_udp_new(lwt_uv *ctx, lua_State *L) {
  udp *u = lwt_uv_handle_new(ctx, L, &udp_class);
  lwt_uv_waiters_init(&u->receivers, RECEIVERS);
  return &u->h;
}

int lwt_uv_udp_opened(lua_State *L, lwt_uv_handle *h, int fd) {
  udp *u = (udp *)(void *)h;
  int status = fd < 0 ? fd : uv_udp_init(h->ctx->loop, &u->udp);
  status = lwt_uv_handle_opened(L, h, &u->udp, status);
  if (status == 0) {
    status = uv_udp_open(&u->udp, fd);
    if (status < 0) lwt_uv_handle_close(L, h->box, 1);
  }
  if (status < 0 && fd >= 0) close(fd);
  return status;
}

/* ---- Sending ------------------------------------------------------------- */

typedef struct send_req {
  lwt_uv_req r; /* user value 3: the bytes; 4: the socket */
  uv_udp_send_t uv;
} send_req;

static const lwt_uv_req_class send_class = {.op = "send", .what_key = "address"};

static void on_send(uv_udp_send_t *uv, int status) {
  send_req *s = uv->data;
  udp *u = uv->handle->data;
  lwt_uv_handle_drop(lwt_uv_main(u->h.ctx), &u->h);
  lwt_uv_req_done_later(&s->r, status);
}

static int send_later(lwt_uv *ctx, lua_State *L, udp *u, const lwt_uv_address *a) {
  size_t n;
  const char *bytes;
  send_req *s;
  uv_buf_t buf;
  int status;
  lua_settop(L, 2);
  if (lua_type(L, 2) != LUA_TSTRING) { /* lwt.bytes may change meanwhile */
    bytes = lwt_uv_check_data(ctx, L, 2, &n);
    lua_pushlstring(L, bytes, n);
    lua_replace(L, 2);
  }
  bytes = lua_tolstring(L, 2, &n);
  buf.base = (char *)bytes;
  buf.len = n;
  lua_pushstring(L, a != NULL ? a->text : "");
  s = lwt_uv_req_new(ctx, L, &send_class, sizeof *s, offsetof(send_req, uv),
                     a != NULL ? -1 : 0, 2);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -3, 3);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -3, 4);
  if (lwt_uv_handle_check(ctx, L, 1, LWT_UV_UDP) != u) /* closed by a finalizer */
    return lwt_uv_req_started(L, &s->r, UV_ECANCELED);
  status = uv_udp_send(&s->uv, &u->udp, &buf, 1, a != NULL ? (const void *)&a->sa : NULL,
                       on_send);
  if (status == 0) lwt_uv_handle_hold(L, &u->h, 1);
  return lwt_uv_req_started(L, &s->r, status);
}

/* Is the text at 3 the address of who sent the last one? Then there is nothing to be read. */
static int is_answer(lua_State *L, udp *u, lwt_uv_address *a) {
  int same;
  size_t n;
  const char *text;
  if (u == NULL || u->sender.sa.sa_family == AF_UNSPEC) return 0;
  lua_getiuservalue(L, 1, SENDER);
  same = lua_rawequal(L, 3, -1);
  lua_pop(L, 1);
  if (!same) return 0;
  text = lua_tolstring(L, 3, &n);
  a->family = u->sender.sa.sa_family;
  memcpy(&a->sa, &u->sender, sizeof u->sender);
  memcpy(a->text, text, n + 1);
  return 1;
}

/*---
Sends one datagram (a string or `lwt.bytes`), to an address, or to the connected one. A
name is looked up. The promise is fulfilled when the system has it: that says nothing of
its arrival. Its promise is rejected with `EMSGSIZE` when it is too long.
@param udp lwt.Udp
@param data string|lwt.Bytes
@param addr? string|table
@return lwt.Promise<nil>
```lua
local a, b = net.udp(), net.udp("127.0.0.1:0")
a:send("ping", b:getsockname()):await()
print((b:recv():await()))   --> ping
```
@function lwt.net.send(udp, data, addr)
*/
static int l_send(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  const lwt_uv_box *box = lwt_uv_check(ctx, L, 1, LWT_UV_UDP);
  udp *u;
  lwt_uv_address a;
  const char *bytes;
  size_t n;
  uv_buf_t buf;
  int status, given = !lua_isnoneornil(L, 3);
  lua_settop(L, 3);
  if (given && !is_answer(L, (udp *)(void *)box->h, &a)) {
    lwt_uv_check_address(L, 3, &a);
    luaL_argcheck(L, a.family != AF_UNIX, 3, "a Unix address");
  }
  bytes = lwt_uv_check_data(ctx, L, 2, &n);
  u = (udp *)(void *)box->h; /* only now: the address may run anything */
  if (u == NULL) return lwt_uv_reject_closed(ctx, L);
  if (ctx->lwt->cancel_due(ctx->lwt)) return lwt_uv_later(L, l_send);
  if (given && a.family == AF_UNSPEC) {
    lwt_uv_push_by_name(ctx, L, "send");
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_pushstring(L, a.host);
    lua_pushstring(L, a.service);
    lua_call(L, 4, 1);
    return 1;
  }
  buf.base = (char *)bytes; /* uv_buf_init would cut the length to 32 bits */
  buf.len = n;
  status = uv_udp_try_send(&u->udp, &buf, 1, given ? (const void *)&a.sa : NULL);
  if (status == UV_EAGAIN) return send_later(ctx, L, u, given ? &a : NULL);
  if (status < 0)
    return lwt_uv_reject(ctx, L, status, "send", "address", given ? a.text : NULL);
  lwt_uv_push_done(ctx, L);
  return 1;
}

/* ---- Methods ------------------------------------------------------------- */

/*---
Waits for a datagram: two values, its bytes and the address it came from, as text. Several
may wait: first come, first served. Cancelling loses nothing. Its promise is rejected with what the system
reports (`ECONNREFUSED` on a connected socket), and with `lwt.Closed` when the socket
closes.
@param udp lwt.Udp
@return lwt.Promise<string, string> # string, address
```lua
local a, b = net.udp("127.0.0.1:0"), net.udp("127.0.0.1:0")
local p = b:recv()
a:send("x", b:getsockname())
print((p:await()))   --> x
```
@function lwt.net.recv(udp)
*/
static int l_recv(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  const lwt_uv_box *box = lwt_uv_check(ctx, L, 1, LWT_UV_UDP);
  udp *u = (udp *)(void *)box->h;
  int status;
  lua_settop(L, 1);
  while (u != NULL && u->first != NULL && u->receivers.n == 0) {
    const datagram *d = u->first;
    struct sockaddr_storage from = {0};
    unsigned taken = u->taken;
    if (ctx->lwt->cancel_due(ctx->lwt)) return lwt_uv_later(L, l_recv);
    memcpy(&from, d->bytes, d->from);
    lua_pushlstring(L, d->bytes + d->from, d->n);
    if (box->h == &u->h) { /* (a finalizer may have closed it) */
      push_from(L, u, 1, (struct sockaddr *)&from);
      ctx->lwt->fulfilled(ctx->lwt, L, 2);
    }
    /* Has a finalizer received it, or closed the socket, meanwhile? */
    if (box->h == &u->h && u->taken == taken) {
      drop_first(u);
      return 1;
    }
    lua_settop(L, 1);
    u = (udp *)(void *)box->h;
  }
  if (u == NULL) return lwt_uv_reject_closed(ctx, L);
  if (!u->receiving) {
    status = uv_udp_recv_start(&u->udp, on_alloc, on_recv);
    if (status < 0) return lwt_uv_reject(ctx, L, status, "recv", NULL, NULL);
    u->receiving = 1;
  }
  return lwt_uv_waiters_wait(L, &u->receivers, &u->h, 1, 0, cancel_recv);
}

/*---
Fixes the other end, at once: `send` needs no address any more, and only what comes from
there is received. Without an address it undoes that.
@param udp lwt.Udp
@param addr? string|table
```lua
local a, b = net.udp(), net.udp("127.0.0.1:0")
a:connect(b:getsockname())
a:send("x"):await()
print((b:recv():await()))   --> x
```
@function lwt.net.connect(udp, addr)
*/
static int l_connect(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  udp *u;
  lwt_uv_address a;
  int type = lua_type(L, 1);
  luaL_argcheck(L, type != LUA_TSTRING && type != LUA_TTABLE, 1,
                "lwt.udp expected; to connect to an address: net.tcp_connect, "
                "net.pipe_connect, lio.open_connection");
  u = check_udp(ctx, L);
  if (lua_isnoneornil(L, 2))
    return check(ctx, L, uv_udp_connect(&u->udp, NULL), "connect");
  check_numeric(L, 2, &a);
  u = check_udp(ctx, L); /* the address may run anything */
  return check(ctx, L, uv_udp_connect(&u->udp, (const void *)&a.sa), "connect");
}

static int name(lua_State *L, int (*f)(const uv_udp_t *, struct sockaddr *, int *),
                const char *op) {
  lwt_uv *ctx = lwt_uv_context(L);
  udp *u = check_udp(ctx, L);
  union {
    struct sockaddr sa;
    struct sockaddr_storage storage;
  } address;
  int length = sizeof address;
  check(ctx, L, f(&u->udp, &address.sa, &length), op);
  lwt_uv_push_address(L, &address.sa, (size_t)length);
  return 1;
}

static int l_getsockname(lua_State *L) {
  return name(L, uv_udp_getsockname, "getsockname");
}

static int l_getpeername(lua_State *L) {
  return name(L, uv_udp_getpeername, "getpeername");
}

static int l_fileno(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  udp *u = check_udp(ctx, L);
  uv_os_fd_t fd;
  check(ctx, L, uv_fileno((uv_handle_t *)&u->udp, &fd), "fileno");
  lua_pushinteger(L, fd);
  return 1;
}

static const luaL_Reg methods[] = {
    {"send", l_send},
    {"recv", l_recv},
    {"connect", l_connect},
    {"getsockname", l_getsockname},
    {"getpeername", l_getpeername},
    {"fileno", l_fileno},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {{"udp", l_udp}, {NULL, NULL}};

void lwt_uv_add_udp(lwt_uv *ctx, lua_State *L) {
  lwt_uv_new_handle_type(ctx, L, LWT_UV_UDP, "lwt.udp", methods);
  lwt_uv_udp_add_options(ctx, L);
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, functions, 1);
}
