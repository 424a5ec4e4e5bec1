/* poll.c: waiting for descriptors of other libraries.
**
** Waiters for reading and for writing share one uv_poll_t. It is closed with the last
** of them, so that the owner may close the descriptor, or the number mean another one,
** before the next wait. It polls a duplicate: two watchers of one number (one of our
** own sockets, say) make libuv abort.
*/
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "internal.h"

#define READERS 1 /* user values */
#define WRITERS 2

typedef struct poller {
  lwt_uv_handle h;
  uv_poll_t poll;
  lwt_uv_waiters readers, writers;
  int fd;     /* the owner's */
  int copy;   /* ours, or -1 */
  int events; /* what is watched */
} poller;

static void on_event(uv_poll_t *poll, int status, int events);

/* Take it out of the table of pollers, at close. */
static void forget(lua_State *L, poller *p) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, net_of(p->h.ctx)->pollers);
  lua_pushnil(L);
  lua_rawseti(L, -2, p->fd);
  lua_pop(L, 1);
}

static void wake_all(lua_State *L, poller *p, lwt_uv_waiters *w, int self, int status) {
  lwt_uv *ctx = p->h.ctx;
  int n = w->n; /* a wait that begins in a callback is for the next event */
  while (n-- > 0) {
    if (status < 0) /* may raise, and run finalizers: before anything is taken */
      lwt_uv_push_error(ctx, L, status, "poll", NULL, NULL);
    if (!lwt_uv_waiters_pop(ctx, L, w, self)) { /* none is left, or it is closed */
      lua_settop(L, self);
      return;
    }
    lua_insert(L, self + 1);
    if (status < 0)
      ctx->lwt->reject(ctx->lwt, L, self + 1);
    else
      ctx->lwt->fulfill(ctx->lwt, L, self + 1, 0);
    lua_settop(L, self);
  }
}

/* Watch for what is waited for; close when that is nothing. The userdata is at `self`, and
** nothing above it stays. */
static void update(lua_State *L, poller *p, int self) {
  int events =
      (p->readers.n > 0 ? UV_READABLE : 0) | (p->writers.n > 0 ? UV_WRITABLE : 0);
  lwt_uv_waiters_anchor(L, &p->readers, &p->h, self);
  lwt_uv_waiters_anchor(L, &p->writers, &p->h, self);
  if (events == p->events) return;
  p->events = events;
  if (events != 0) {
    /* A hang-up or an error makes both ready: libuv reports what was asked for. */
    int status = uv_poll_start(&p->poll, events, on_event);
    if (status == 0) return;
    wake_all(L, p, &p->readers, self, status);
    wake_all(L, p, &p->writers, self, status);
    if (p->h.box == NULL) return;
  }
  forget(L, p);
  lua_settop(L, self);
  lwt_uv_handle_close(L, p->h.box, events == 0);
}

typedef struct event {
  poller *p;
  int events;
} event;

static void deliver(lua_State *L, void *data) {
  event *e = data;
  poller *p = e->p;
  int self;
  lwt_uv_handle_push(L, &p->h);
  self = lua_gettop(L);
  if (e->events & UV_READABLE) wake_all(L, p, &p->readers, self, 0);
  if (e->events & UV_WRITABLE) wake_all(L, p, &p->writers, self, 0);
  if (p->h.box != NULL) update(L, p, self);
}

static void on_event(uv_poll_t *poll, int status, int events) {
  poller *p = poll->data;
  event e = {p, events};
  if (status < 0) {
    /* An error that is pending (libuv calls all of them EBADF): the next operation tells which.
    ** libuv has stopped polling. It goes on, for a callback that waits again, or, where there is
    ** no memory now, for those who wait. */
    e.events = UV_READABLE | UV_WRITABLE;
    uv_poll_start(poll, p->events, on_event);
  }
  lwt_uv_enter(p->h.ctx, deliver, &e);
}

static void cancel_wait(lua_State *L, void *data) {
  poller *p = data;
  if (p->h.box == NULL) return;
  lwt_uv_handle_push(L, &p->h);
  lwt_uv_waiters_cancelled(p->h.ctx, L, &p->readers, -1);
  lwt_uv_waiters_cancelled(p->h.ctx, L, &p->writers, -1);
  update(L, p, lua_gettop(L));
  lua_pop(L, 1);
}

static void stop(lua_State *L, lwt_uv_handle *h) {
  poller *p = (poller *)(void *)h;
  h->ctx->lwt->push_sentinel(h->ctx->lwt, L, "Closed");
  lwt_uv_waiters_reject(h->ctx, L, &p->readers, -2);
  h->ctx->lwt->push_sentinel(h->ctx->lwt, L, "Closed");
  lwt_uv_waiters_reject(h->ctx, L, &p->writers, -2);
}

static void closing(lwt_uv_handle *h) {
  close(((poller *)(void *)h)->copy);
}

static const lwt_uv_class poller_class = {
    LWT_UV_POLL, "poll", sizeof(poller), 2, stop, NULL, closing,
};

/* uv_poll_init makes the descriptor non-blocking, for all programs that share it; polling
** needs no such thing, and the mode is the owner's affair. */
static int init_poll(poller *p) {
  int status, mode;
  p->copy = fcntl(p->fd, F_DUPFD_CLOEXEC, 3);
  if (p->copy < 0) return uv_translate_sys_error(errno);
  mode = fcntl(p->copy, F_GETFL);
  status = uv_poll_init(p->h.ctx->loop, &p->poll, p->copy);
  if (mode >= 0 && (mode & O_NONBLOCK) == 0) fcntl(p->copy, F_SETFL, mode);
  if (status < 0) close(p->copy);
  return status;
}

/* Push the poller of a descriptor, made where there is none: NULL and *status if not. */
static poller *poller_of(lwt_uv *ctx, lua_State *L, int fd, int *status) {
  poller *p;
  lwt_uv_box *box;
  lua_rawgeti(L, LUA_REGISTRYINDEX, net_of(ctx)->pollers);
  if (lua_rawgeti(L, -1, fd) == LUA_TUSERDATA) {
    box = lua_touserdata(L, -1);
    if (box->h != NULL) return (poller *)(void *)box->h;
  }
  lua_pop(L, 1);
  p = lwt_uv_handle_new(ctx, L, &poller_class);
  if (lua_rawgeti(L, -2, fd) == LUA_TUSERDATA) { /* a finalizer has made one meanwhile? */
    box = lua_touserdata(L, -1);
    if (box->h != NULL) return (poller *)(void *)box->h;
  }
  lua_pop(L, 1);
  lua_pushvalue(L, -1);
  lua_rawseti(L, -3, fd);
  lwt_uv_waiters_init(&p->readers, READERS);
  lwt_uv_waiters_init(&p->writers, WRITERS);
  p->fd = fd;
  *status = lwt_uv_handle_opened(L, &p->h, &p->poll, init_poll(p));
  if (*status == 0) return p;
  lua_pushnil(L);
  lua_rawseti(L, -3, fd);
  return NULL;
}

static int wait_for(lua_State *L, int writing, const char *op) {
  lwt_uv *ctx = lwt_uv_context(L);
  lua_Integer fd = lwt_uv_check_integer(L, 1);
  poller *p;
  int self, status;
  luaL_argcheck(L, fd >= 0 && fd <= INT32_MAX, 1, "descriptor is out of range");
  do {
    lua_settop(L, 1);
    p = poller_of(ctx, L, (int)fd, &status);
    if (p == NULL) return lwt_uv_reject(ctx, L, status, op, NULL, NULL);
    self = lua_gettop(L);
    lwt_uv_waiters_wait(L, writing ? &p->writers : &p->readers, &p->h, self, 0,
                        cancel_wait);
    /* A finalizer that cancels the last waiter closes the poller. */
  } while (((lwt_uv_box *)lua_touserdata(L, self))->h == NULL);
  lua_insert(L, self);
  update(L, p, self + 1);
  lua_settop(L, self);
  return 1;
}

/*---
Waits until a descriptor of another library can be read without blocking (or is at its
end, or broken). Any number may wait for one descriptor. It must stay open so long.
Its promise is rejected with `EPERM` for a regular file (which never has to wait) and with `EBADF`.
@param fd integer
@return lwt.Promise<nil>
@function lwt.net.wait_readable(fd)
*/
static int l_wait_readable(lua_State *L) {
  return wait_for(L, 0, "wait_readable");
}

/*---
Waits until a descriptor of another library can be written without blocking. See
`wait_readable`.
@param fd integer
@return lwt.Promise<nil>
@function lwt.net.wait_writable(fd)
*/
static int l_wait_writable(lua_State *L) {
  return wait_for(L, 1, "wait_writable");
}

static const luaL_Reg functions[] = {
    {"wait_readable", l_wait_readable},
    {"wait_writable", l_wait_writable},
    {NULL, NULL},
};

void lwt_uv_add_poll(lwt_uv *ctx, lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  lwt_uv_new_handle_type(ctx, L, LWT_UV_POLL, "lwt.poll", none);
  /* Weak: a poller that waits is anchored, any other is closed. */
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  net_of(ctx)->pollers = luaL_ref(L, LUA_REGISTRYINDEX);
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, functions, 1);
}
