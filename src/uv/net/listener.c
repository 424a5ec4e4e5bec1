/* listener.c: sockets that accept, TCP and Unix-domain.
**
** We watch the descriptor and accept ourselves, one client for each accept() that
** waits. libuv's own listening accepts unasked, and out of descriptors it accepts and
** closes all clients that wait; here they stay in the system's queue until there is a
** descriptor again: the listener stops watching and tries again when a handle has been
** closed, and RETRY ms later in any case.
*/
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

#define ACCEPTORS 1 /* user value: who waits */
#define RETRY 50    /* ms */

struct listener {
  lwt_uv_handle h;
  uv_poll_t poll;
  lwt_uv_waiters acceptors;
  int fd;
  int fresh; /* accepted, but there was no memory for it yet; or -1 */
  lwt_uv_type accepts;
  unsigned char nodelay, polling, starved;
  unsigned at_once, turn;
  listener *next; /* in net_state.starved */
  char *path;     /* to be removed, or NULL: what we have made there */
  dev_t device;
  ino_t inode;
};

/* ---- Accepting ----------------------------------------------------------- */

static int accept_fd(int fd) {
#if defined(__linux__) || defined(__FreeBSD__) || defined(__NetBSD__) || \
    defined(__OpenBSD__)
  return accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
  int client = accept(fd, NULL, NULL);
  if (client >= 0) fcntl(client, F_SETFD, FD_CLOEXEC); /* libuv sets O_NONBLOCK */
  return client;
#endif
}

/* A client's descriptor; UV_EAGAIN: there is none; another status: see fail(). */
static int next_client(listener *l) {
  int fd = l->fresh;
  l->fresh = -1;
  while (fd < 0) {
    fd = accept_fd(l->fd);
    if (fd >= 0) break;
    switch (errno) {
    case EINTR:
    case ECONNABORTED: /* the client is gone again; Linux also */
    case EPROTO:       /* reports here what had gone wrong with that connection */
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENOPROTOOPT:
    case EOPNOTSUPP: continue;
    case EWOULDBLOCK: return UV_EAGAIN;
    default: return uv_translate_sys_error(errno);
    }
  }
  return fd;
}

static int out_of_something(int status) {
  return status == UV_EMFILE || status == UV_ENFILE || status == UV_ENOBUFS ||
         status == UV_ENOMEM;
}

typedef struct client {
  const listener *l;
  int fd, status;
} client;

/* (Who connects says something, as a rule, and it is there when it is accepted.) */
static int adopt(lua_State *L) {
  client *c = lua_touserdata(L, 1);
  lwt_uv *ctx = c->l->h.ctx;
  c->status = lwt_uv_stream_adopt(ctx, L, c->l->accepts, c->fd, c->l->nodelay);
  if (c->status != 0) return 0;
  lwt_uv_stream_test(ctx, L, -1)->more = 1;
  return 1;
}

/* A client whose accept was cancelled: the next accept gets it. */
static void put_back(listener *l, int fd) {
  if (l->h.box != NULL && l->fresh < 0)
    l->fresh = fd;
  else
    close(fd);
}

/* Push the socket of a client, or push nothing and return a status. Making it may run
** finalizers, which may accept as well, or close the listener. */
static int push_client(lua_State *L, listener *l) {
  client c = {l, next_client(l), 0};
  if (c.fd < 0) return c.fd;
  lua_pushcfunction(L, adopt);
  lua_pushlightuserdata(L, &c);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
    put_back(l, c.fd);
    lua_error(L);
  }
  if (c.status == 0) return 0;
  lua_pop(L, 1);
  if (out_of_something(c.status))
    put_back(l, c.fd);
  else
    close(c.fd);
  return c.status;
}

/* ---- Waiting for clients ------------------------------------------------- */

static void on_ready(uv_poll_t *poll, int status, int events);

static int watch(listener *l) {
  int status = l->polling ? 0 : uv_poll_start(&l->poll, UV_READABLE, on_ready);
  if (status == 0) l->polling = 1;
  return status;
}

static void unwatch(listener *l) {
  if (l->polling) uv_poll_stop(&l->poll);
  l->polling = 0;
}

static void on_retry(uv_timer_t *t);

/* No descriptor, or no memory, for the client that waits: stop watching for a while. */
static void starve(listener *l) {
  net_state *net = net_of(l->h.ctx);
  listener **at = &net->starved;
  unwatch(l);
  if (l->starved) return;
  l->starved = 1;
  while (*at != NULL) at = &(*at)->next;
  l->next = NULL;
  *at = l;
  if (net->retry != NULL) uv_timer_start(net->retry, on_retry, RETRY, 0);
}

static void unstarve(listener *l) {
  listener **at = &net_of(l->h.ctx)->starved;
  if (!l->starved) return;
  l->starved = 0;
  while (*at != l) at = &(*at)->next;
  *at = l->next;
}

typedef int enter(lwt_uv *ctx, void (*f)(lua_State *L, void *data), void *data);
static void serve(listener *l, enter *in);

/* Each listener that starves now gets a try. One with a client that is accepted already
** (`fresh`), for which there was no memory, gets it only from the timer. */
static void retry(net_state *net, int from_timer) {
  listener *l;
  int n = 0;
  for (l = net->starved; l != NULL; l = l->next) n++;
  while (n-- > 0 && (l = net->starved) != NULL) {
    unstarve(l);
    if (l->acceptors.n == 0) continue;
    if (l->fresh >= 0 && from_timer)
      serve(l, lwt_uv_enter);
    else if (l->fresh >= 0 || watch(l) < 0) /* fires at once when a client is there */
      starve(l);
  }
  if (net->starved == NULL && net->retry != NULL) uv_timer_stop(net->retry);
}

static void on_retry(uv_timer_t *t) {
  retry(net_of((lwt_uv *)t->data), 1);
}

void lwt_uv_listener_retry(lwt_uv *ctx) {
  net_state *net = net_of(ctx);
  if (net != NULL && net->starved != NULL) retry(net, 0);
}

/* The socket, or the error, at the top is for the first waiter. Finalizers have run since
** it was looked for: when no accept waits any more, the client is kept. */
static void give_client(lua_State *L, listener *l, int self, int status) {
  lwt_uv *ctx = l->h.ctx;
  int given = lua_gettop(L);
  if (l->h.box != NULL && lwt_uv_waiters_pop(ctx, L, &l->acceptors, self)) {
    lwt_uv_waiters_anchor(L, &l->acceptors, &l->h, self);
    lua_pushvalue(L, given);
    if (status < 0)
      ctx->lwt->reject(ctx->lwt, L, given + 1);
    else
      ctx->lwt->fulfill(ctx->lwt, L, given + 1, 1);
  } else if (status == 0) {
    lwt_uv_box *box = lua_touserdata(L, given);
    uv_os_fd_t fd;
    if (uv_fileno(box->h->uv, &fd) == 0 && (fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)) >= 0)
      put_back(l, fd);
    lwt_uv_handle_close(L, box, 1);
  }
}

static void on_clients(lua_State *L, void *data) {
  listener *l = data;
  lwt_uv *ctx = l->h.ctx;
  int self, status, n = 0;
  lwt_uv_handle_push(L, &l->h);
  self = lua_gettop(L);
  while (l->h.box != NULL && n++ < AT_ONCE &&
         lwt_uv_waiters_front(ctx, L, &l->acceptors, self)) {
    status = push_client(L, l);
    if (status == UV_EAGAIN) break;
    if (out_of_something(status)) {
      starve(l);
      break;
    }
    if (status < 0) lwt_uv_push_error(ctx, L, status, "accept", NULL, NULL);
    give_client(L, l, self, status);
    lua_settop(L, self);
  }
}

static void serve(listener *l, enter *in) {
  in(l->h.ctx, on_clients, l);
  if (l->fresh >= 0 && l->acceptors.n > 0) starve(l); /* no memory: reported */
}

static void on_ready(uv_poll_t *poll, int status, int events) {
  listener *l = poll->data;
  (void)status; /* accept gives the better error */
  (void)events;
  /* Watching goes on for the accept() that usually follows, until a client comes for
  ** which none waits. */
  if (l->acceptors.n > 0)
    serve(l, lwt_uv_enter_last);
  else
    unwatch(l);
}

static void cancel_accept(lua_State *L, void *data) {
  listener *l = data;
  lwt_uv_waiters_withdraw(L, &l->acceptors, &l->h);
}

/* ---- Life ---------------------------------------------------------------- */

static void stop(lua_State *L, lwt_uv_handle *h) {
  listener *l = (listener *)(void *)h;
  h->ctx->lwt->push_sentinel(h->ctx->lwt, L, "Closed");
  lwt_uv_waiters_reject(h->ctx, L, &l->acceptors, -2);
}

/* Somebody else may have made something of that name meanwhile: a newer listener, say. */
static void remove_path(const listener *l) {
  struct stat st;
  if (l->path != NULL && l->inode != 0 && lstat(l->path, &st) == 0 &&
      st.st_dev == l->device && st.st_ino == l->inode)
    unlink(l->path);
}

/* libuv closes no polled descriptor, and clients must not connect any more from here
** on. */
static void closing(lwt_uv_handle *h) {
  listener *l = (listener *)(void *)h;
  unstarve(l);
  close(l->fd);
  if (l->fresh >= 0) close(l->fresh);
  l->fd = l->fresh = -1;
  remove_path(l);
}

static void release(lwt_uv_handle *h) {
  free(((listener *)(void *)h)->path);
}

static const lwt_uv_class listener_class = {
    LWT_UV_LISTENER, "listener", sizeof(listener), 1, stop, release, closing,
};

listener *lwt_uv_listener_new(lwt_uv *ctx, lua_State *L, lwt_uv_type accepts, int nodelay,
                              const char *path) {
  listener *l = lwt_uv_handle_new(ctx, L, &listener_class);
  lwt_uv_waiters_init(&l->acceptors, ACCEPTORS);
  l->fd = l->fresh = -1;
  l->accepts = accepts;
  l->nodelay = (unsigned char)nodelay;
  if (path != NULL && (l->path = strdup(path)) == NULL)
    lwt_uv_raise(ctx, L, UV_ENOMEM, "listen", NULL, NULL);
  return l;
}

int lwt_uv_listener_opened(lua_State *L, listener *l, int fd) {
  int status = fd < 0 ? fd : uv_poll_init(l->h.ctx->loop, &l->poll, fd);
  struct stat st;
  if (fd >= 0 && l->path != NULL && lstat(l->path, &st) == 0) {
    l->device = st.st_dev;
    l->inode = st.st_ino;
  }
  if (status < 0) remove_path(l); /* what libuv does not know gets no `closing` */
  status = lwt_uv_handle_opened(L, &l->h, &l->poll, status);
  if (status == 0)
    l->fd = fd;
  else if (fd >= 0)
    close(fd);
  return status;
}

/* ---- Listening ----------------------------------------------------------- */

/* A descriptor that listens at `sa`, or a status. */
static int listen_at(const struct sockaddr *sa, int backlog, int reuseport, int only_v6) {
  int one = 1, status;
  int fd = lwt_uv_socket(sa->sa_family);
  if (fd < 0) return fd;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
      (reuseport && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0) ||
      (sa->sa_family == AF_INET6 &&
       setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof only_v6) != 0) ||
      bind(fd, sa,
           sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                     : sizeof(struct sockaddr_in)) != 0 ||
      listen(fd, backlog) != 0) {
    status = uv_translate_sys_error(errno);
    close(fd);
    return status;
  }
  return fd;
}

/* "*": every address of the machine, both families through one socket where there is
** IPv6. */
static int listen_everywhere(lwt_uv_address *a, int backlog, int reuseport, int only_v6) {
  int fd;
  uv_ip6_addr("::", a->port, (struct sockaddr_in6 *)&a->sa);
  fd = listen_at((const void *)&a->sa, backlog, reuseport, only_v6);
  if (fd != UV_EAFNOSUPPORT && fd != UV_EADDRNOTAVAIL) return fd;
  uv_ip4_addr("0.0.0.0", a->port, (struct sockaddr_in *)&a->sa);
  return listen_at((const void *)&a->sa, backlog, reuseport, 0);
}

/*---
Listens at a TCP address. Port 0 has the system pick one (see `address`); host `*` is
every address of the machine, IPv6 and IPv4. A name is looked up, and its first address
taken. Options: `backlog` (511: how many clients the system keeps until they are
accepted), `reuseport` (several processes share the port), `nodelay` (default true, for
the sockets accepted), `ipv6only`. Its promise is rejected with `EADDRINUSE`, `EACCES` …
@param addr string|table
@param opts? table # backlog, reuseport, nodelay, ipv6only
@return lwt.Promise<lwt.Listener>
```lua
local listener <close> = net.tcp_listen("127.0.0.1:0"):await()
print(listener:address():match("^127.0.0.1:%d+$") ~= nil)   --> true
```
@function lwt.net.tcp_listen(addr, opts)
*/
static int l_tcp_listen(lua_State *L) {
  static const char *const options[] = {"backlog", "reuseport", "nodelay", "ipv6only",
                                        NULL};
  lwt_uv *ctx = lwt_uv_context(L);
  lwt_uv_address a;
  listener *l;
  int backlog, reuseport, nodelay, only_v6, fd, status;
  lwt_uv_check_address(L, 1, &a);
  lua_settop(L, 2);
  luaL_argcheck(L, a.family != AF_UNIX, 1, "a Unix address (see pipe_listen)");
  lwt_uv_check_options(L, 2, options);
  backlog = (int)lwt_uv_option_number(L, 2, "backlog", 1, 65535, 511);
  reuseport = lwt_uv_option_flag(L, 2, "reuseport", 0);
  nodelay = lwt_uv_option_flag(L, 2, "nodelay", 1);
  only_v6 = lwt_uv_option_flag(L, 2, "ipv6only", 0);
  lwt_uv_check_open(ctx, L);
  if (a.family == AF_UNSPEC && (strcmp(a.host, "*") != 0 || a.port < 0))
    return lwt_uv_call_by_name(ctx, L, "listen", &a);
  l = lwt_uv_listener_new(ctx, L, LWT_UV_TCP, nodelay, NULL);
  fd = a.family == AF_UNSPEC
           ? listen_everywhere(&a, backlog, reuseport, only_v6)
           : listen_at((const void *)&a.sa, backlog, reuseport, only_v6);
  status = lwt_uv_listener_opened(L, l, fd);
  if (status < 0) return lwt_uv_reject(ctx, L, status, "listen", "address", a.text);
  ctx->lwt->fulfilled(ctx->lwt, L, 1);
  return 1;
}

/* ---- Methods ------------------------------------------------------------- */

/*---
Waits for a client. Several may wait; they are served in their order. No client is lost
while there is no descriptor left for it (`EMFILE`): it stays in the system's queue, and
accept goes on waiting until there is one. Clients that gave up meanwhile are passed over.
Cancelling takes no client. Its promise is rejected with `lwt.Closed` when the listener
closes.
@param listener lwt.Listener
@return lwt.Promise<lwt.Socket>
```lua
local listener = net.tcp_listen("127.0.0.1:0"):await()
net.tcp_connect(listener:address())
local sock <close> = listener:accept():await()
print(tostring(sock):match("^lwt.tcp"))   --> lwt.tcp
```
@function lwt.net.accept(listener)
*/
static int l_accept(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  listener *l = lwt_uv_handle_check(ctx, L, 1, LWT_UV_LISTENER);
  int status = UV_EAGAIN;
  if (l == NULL) return lwt_uv_reject_closed(ctx, L);
  if (l->turn != ctx->turn) {
    l->turn = ctx->turn;
    l->at_once = 0;
  }
  if (l->acceptors.n == 0 && !l->starved && l->at_once++ < AT_ONCE) {
    if (ctx->lwt->cancel_due(ctx->lwt)) return lwt_uv_later(L, l_accept);
    status = push_client(L, l);
    if (status == 0) {
      ctx->lwt->fulfilled(ctx->lwt, L, 1);
      return 1;
    }
  }
  if (out_of_something(status))
    starve(l);
  else if (status != UV_EAGAIN || (!l->starved && (status = watch(l)) < 0))
    return lwt_uv_reject(ctx, L, status, "accept", NULL, NULL);
  return lwt_uv_waiters_wait(L, &l->acceptors, &l->h, 1, 0, cancel_accept);
}

/*---
Where the listener listens, as text that `tcp_connect` or `pipe_connect` takes:
`"127.0.0.1:40112"`, `"unix:/path"`.
@param listener lwt.Listener
@return string
```lua
local listener = net.tcp_listen("127.0.0.1:0"):await()
print(listener:address():match("^127%.0%.0%.1:%d+$") ~= nil)   --> true
```
@function lwt.net.address(listener)
*/
static int l_address(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  listener *l = lwt_uv_handle_check(ctx, L, 1, LWT_UV_LISTENER);
  union {
    struct sockaddr sa;
    struct sockaddr_storage storage;
  } u;
  socklen_t length = sizeof u;
  if (l == NULL) return lwt_uv_raise_closed(L, "listener");
  memset(&u, 0, sizeof u);
  if (getsockname(l->fd, &u.sa, &length) != 0)
    return lwt_uv_raise(ctx, L, uv_translate_sys_error(errno), "address", NULL, NULL);
  lwt_uv_push_address(L, &u.sa, length);
  return 1;
}

static int l_fileno(lua_State *L) {
  listener *l = lwt_uv_handle_check(lwt_uv_context(L), L, 1, LWT_UV_LISTENER);
  if (l == NULL) return lwt_uv_raise_closed(L, "listener");
  lua_pushinteger(L, l->fd);
  return 1;
}

static const luaL_Reg methods[] = {
    {"accept", l_accept},
    {"address", l_address},
    {"fileno", l_fileno},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {{"tcp_listen", l_tcp_listen}, {NULL, NULL}};

void lwt_uv_add_listener(lwt_uv *ctx, lua_State *L) {
  lwt_uv_new_handle_type(ctx, L, LWT_UV_LISTENER, "lwt.listener", methods);
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, functions, 1);
}
