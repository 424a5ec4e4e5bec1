/* socket_read.c: reading of tcp, pipe and tty, for tasks and for channels.
**
** libuv pushes, we pull. From the first read on the handle stays in reading mode, so
** that a task that answers and reads again costs no system call for asking; what
** arrives unasked is held, up to HIGH_WATER, and then reading stops until the next read.
** When a read filled its buffer, and of a client that was accepted, the next one asks the
** descriptor itself first, without a turn of the loop.
*/
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"
#include "../private.h"

/* ---- Bytes held ---------------------------------------------------------- */

void lwt_uv_stream_stop_reading(lwt_uv_stream *s) {
  if (!s->reading) return;
  s->reading = 0;
  uv_read_stop(&s->uv.stream);
}

int lwt_uv_stream_is_lost(const lwt_uv_stream *s) {
#if defined(__linux__) && defined(TCP_INFO) /* others have other states in it */
  struct tcp_info info;
  socklen_t size = sizeof info;
  int fd = lwt_uv_stream_descriptor(&s->uv.stream);
  return !s->shut && getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
         info.tcpi_state == TCP_CLOSE;
#else
  (void)s;
  return 0;
#endif
}

/* A sendfile under way, on a thread, takes the news of a reset as a write does, and we hear of
** that later. */
static int lost_while_sending(const lwt_uv_stream *s) {
  lwt_uv *ctx = s->h.ctx;
  return ctx->hook.is_sending != NULL &&
         ctx->hook.is_sending(ctx, lwt_uv_stream_descriptor(&s->uv.stream)) &&
         lwt_uv_stream_is_lost(s);
}

/* Nothing follows what is held. (A write may have met the reset: then the system reports
** only an end to the read.) */
static ssize_t end_with(lwt_uv_stream *s, ssize_t status) {
  lwt_uv_stream_stop_reading(s);
  if (status == UV_EOF && lost_while_sending(s)) s->broken = UV_ECONNRESET;
  s->end = status == UV_EOF && s->broken != 0 ? s->broken : status;
  return s->end;
}

/* Append to what is held; without memory the stream ends with ENOMEM rather than with a
** gap. */
static void append(lwt_uv_stream *s, const char *bytes, size_t n) {
  if (s->held_at + s->held_n + n > s->held_size) {
    size_t size = s->held_n + n < 4096 ? 4096 : s->held_n + n;
    char *to = malloc(size);
    if (to == NULL) {
      lwt_uv_stream_stop_reading(s);
      s->end = UV_ENOMEM;
      return;
    }
    memcpy(to, lwt_uv_stream_first(s), s->held_n);
    free(s->held);
    s->held = to;
    s->held_size = size;
    s->held_at = 0;
  }
  memcpy(s->held + s->held_at + s->held_n, bytes, n);
  s->held_n += n;
}

/* `n` bytes have been read into a scratch buffer, which is the stream's from here on. */
static inline void hold(lwt_uv_stream *s, char *scratch, size_t n) {
  if (s->held_n > 0) {
    append(s, scratch, n);
    lwt_uv_scratch_give(s->h.ctx, scratch);
    return;
  }
  s->held = scratch;
  s->held_size = LWT_UV_SCRATCH;
  s->held_at = 0;
  s->held_n = n;
}

/* (Without memory it stays where it is.) */
void lwt_uv_stream_keep(lwt_uv_stream *s) {
  size_t size = s->held_n < 4096 ? 4096 : s->held_n;
  char *to;
  if (s->held_size != LWT_UV_SCRATCH || s->held_n > LWT_UV_SCRATCH / 2) return;
  to = malloc(size);
  if (to == NULL) return;
  memcpy(to, lwt_uv_stream_first(s), s->held_n);
  lwt_uv_scratch_give(s->h.ctx, s->held);
  s->held = to;
  s->held_size = size;
  s->held_at = 0;
}

void lwt_uv_stream_take(lwt_uv_stream *s, size_t n) {
  s->taken++;
  s->held_at += n;
  s->held_n -= n;
  if (s->held_n > 0) return;
  /* An idle connection costs no buffer. */
  if (s->held_size == LWT_UV_SCRATCH)
    lwt_uv_scratch_give(s->h.ctx, s->held);
  else
    free(s->held);
  s->held = NULL;
  s->held_size = 0;
}

/* ---- Reading: libuv's side ----------------------------------------------- */

/* Not by `data`, which lies where nothing else is needed. */
static lwt_uv_stream *of_handle(void *uv) {
  return (lwt_uv_stream *)(void *)((char *)uv - offsetof(lwt_uv_stream, uv));
}

/* Has a channel no buffer for it: because it only waits until there is something
** (port_wait), or because there was no memory for one? */
static int has_no_buffer(const lwt_uv_stream *s) {
  return s->rcb != NULL && s->rbuf == NULL;
}

/* libuv asks where to read to, and then calls `read`. Of a socket we read right here, for
** `recv` costs less than `read`; on_read is told that there was no buffer, and looks at
** what came. (libuv would also take a hang-up after a short read for the end, without another
** read: of a pipe it is, of a socket that was reset it is not.) */
static void on_alloc(uv_handle_t *uv, size_t suggested, uv_buf_t *buf) {
  lwt_uv_stream *s = of_handle(uv);
  lwt_uv *ctx = s->h.ctx;
  uv_buf_t to;
  ssize_t n;
  (void)suggested;
  if (s->rcb != NULL) {
    if (s->room != NULL && s->rbuf == NULL) s->rbuf = s->room(s->rdata, &s->rlen);
    to.base = s->rbuf;
    to.len = s->rbuf != NULL ? s->rlen : 0;
  } else {
    to.base = lwt_uv_scratch_take(ctx);
    to.len = to.base == NULL ? 0 : LWT_UV_SCRATCH;
    if (s->direct.task != NULL)
      lwt_uv_stream_fetch_direct(s);
    else if (s->readers.n == 0 && s->held_n < HIGH_WATER &&
             to.len > HIGH_WATER - s->held_n)
      to.len = HIGH_WATER - s->held_n;
  }
  if (!s->socket || has_no_buffer(s)) {
    *buf = to;
    return;
  }
  do n = recv(lwt_uv_stream_descriptor(&s->uv.stream), to.base, to.len, MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  if (to.base == NULL)
    n = UV_ENOMEM;
  else if (n == 0)
    n = UV_EOF;
  else if (n < 0)
    n = errno == EAGAIN ? 0 : uv_translate_sys_error(errno);
  ctx->got.buf = to;
  ctx->got.n = n;
  buf->base = NULL;
  buf->len = 0;
}

/* Give to the waiting readers, in their order, what has arrived. Making a string may run
** finalizers: when one has read, or has cancelled the read that was to get it, look
** again. */
static void deliver(lua_State *L, void *data) {
  lwt_uv_stream *s = data;
  lwt_uv *ctx = s->h.ctx;
  int self;
  if (s->direct.task != NULL) lwt_uv_stream_deliver_direct(L, s);
  lwt_uv_handle_push(L, &s->h); /* it is anchored when there are waiters */
  self = lua_gettop(L);
  while (s->held_n > 0 && s->h.box != NULL &&
         lwt_uv_waiters_front(ctx, L, &s->readers, self)) {
    unsigned changes = s->readers.changes, taken = s->taken;
    size_t n = (size_t)s->readers.want;
    if (n > s->held_n) n = s->held_n;
    lua_pushlstring(L, lwt_uv_stream_first(s), n); /* may raise */
    if (s->readers.changes == changes && s->taken == taken) {
      lwt_uv_waiters_take(L, &s->readers, self);
      lwt_uv_waiters_anchor(L, &s->readers, &s->h, self);
      lwt_uv_stream_take(s, n);
      ctx->lwt->fulfill(ctx->lwt, L, self + 1, 1);
    }
    lua_settop(L, self);
  }
  if (s->held_n > 0) lwt_uv_stream_keep(s); /* before any task runs */
}

/* The end, or an error: tell all reads that wait. */
static void deliver_end(lua_State *L, void *data) {
  lwt_uv_stream *s = data;
  lwt_uv *ctx = s->h.ctx;
  ssize_t end = s->end;
  int self;
  if (s->direct.task != NULL) lwt_uv_stream_end_direct(L, s);
  lwt_uv_handle_push(L, &s->h);
  self = lua_gettop(L);
  while (s->h.box != NULL && lwt_uv_waiters_front(ctx, L, &s->readers, self)) {
    unsigned changes = s->readers.changes;
    if (end == UV_EOF)
      lua_pushnil(L);
    else
      lwt_uv_push_error(ctx, L, end, "read", NULL, NULL);
    if (s->readers.changes == changes) {
      lwt_uv_waiters_take(L, &s->readers, self);
      lwt_uv_waiters_anchor(L, &s->readers, &s->h, self);
      if (end == UV_EOF)
        ctx->lwt->fulfill(ctx->lwt, L, self + 1, 1);
      else
        ctx->lwt->reject(ctx->lwt, L, self + 1);
    }
    lua_settop(L, self);
  }
}

/* There was no memory for it: say so. */
static void fail_readers(lua_State *L, void *data) {
  lwt_uv_stream *s = data;
  if (s->direct.task != NULL) lwt_uv_stream_fail_direct(L, s);
  lwt_uv_waiters_fail(L, &s->readers, &s->h);
}

static port_cb take_port_read(lwt_uv_stream *s) {
  port_cb cb = s->rcb;
  s->rcb = NULL;
  s->rbuf = NULL; /* what is read does not go to a channel from here on */
  s->room = NULL;
  s->h.ctx->waiting--;
  return cb;
}

/* Gives what is held to those who read. */
static inline void give(lwt_uv_stream *s) {
  lwt_uv *ctx = s->h.ctx;
  if (s->direct.task != NULL) { /* to its task at once, where it may run */
    ctx->arrival = s;
    ctx->lwt->wait_run(ctx->lwt, &s->direct);
    ctx->arrival = NULL;
  }
  if (s->held_n == 0 || s->h.box == NULL) return;
  /* A read that cannot be served now would wait for the next bytes: it is rejected, and
  ** what has come is held for another read. */
  if (lwt_uv_stream_has_reader(s) && lwt_uv_enter_last(ctx, deliver, s) != 0 &&
      s->held_n > 0 && s->h.box != NULL)
    lwt_uv_enter(ctx, fail_readers, s);
  if (s->held_n > 0 && s->h.box != NULL) lwt_uv_stream_keep(s);
}

/* The end has come: tell the reads that wait. */
static void ended(lwt_uv_stream *s, ssize_t status) {
  lwt_uv *ctx = s->h.ctx;
  status = end_with(s, status);
  if (s->rcb != NULL) take_port_read(s)(&s->p, s->rdata, status);
  if (s->held_n > 0 && lwt_uv_stream_has_reader(s)) /* there was no memory before */
    lwt_uv_enter(ctx, deliver, s);
  if (lwt_uv_stream_has_reader(s) && lwt_uv_enter_last(ctx, deliver_end, s) != 0 &&
      status != UV_EOF)
    lwt_uv_enter(ctx, fail_readers, s);
}

static void on_read(uv_stream_t *uv, ssize_t nread, const uv_buf_t *buf) {
  lwt_uv_stream *s = of_handle(uv);
  int scratch; /* was it read into one (and not into a channel's buffer)? */
  if (nread == UV_ENOBUFS && has_no_buffer(s)) {
    int status = s->room != NULL ? UV_ENOMEM : 0;
    s->more = s->raw;
    take_port_read(s)(&s->p, s->rdata, status);
    return;
  }
  if (nread == UV_ENOBUFS && s->socket) {
    nread = s->h.ctx->got.n;
    buf = &s->h.ctx->got.buf;
  }
  scratch = buf->base != NULL && buf->base != s->rbuf;
  if (nread <= 0) {
    if (scratch) lwt_uv_scratch_give(s->h.ctx, buf->base);
    if (nread < 0) ended(s, nread == UV_ENOBUFS ? UV_ENOMEM : nread);
    return;
  }
  s->more = s->raw && (size_t)nread == buf->len;
  if (scratch) {
    hold(s, buf->base, (size_t)nread);
    give(s);
  } else {
    s->h.ctx->last = 1;
    take_port_read(s)(&s->p, s->rdata, nread);
    s->h.ctx->last = 0;
  }
  /* libuv goes on reading by itself after a full buffer: not where there is no reader. */
  if ((s->more || s->held_n >= HIGH_WATER) && s->h.box != NULL && s->rcb == NULL &&
      !lwt_uv_stream_has_reader(s))
    lwt_uv_stream_stop_reading(s);
}

/* ---- Reading: our side --------------------------------------------------- */

/* Read the descriptor directly, where that is likely to give something. UV_EAGAIN:
** wait. */
ssize_t lwt_uv_stream_read_now(lwt_uv_stream *s, char *buf, size_t len) {
  int fd = lwt_uv_stream_descriptor(&s->uv.stream);
  ssize_t n;
  if (!s->more) return UV_EAGAIN;
  if (s->turn != s->h.ctx->turn) {
    s->turn = s->h.ctx->turn;
    s->at_once = 0;
  }
  if (s->at_once++ >= AT_ONCE) return UV_EAGAIN;
  do n = s->socket ? recv(fd, buf, len, MSG_DONTWAIT) : read(fd, buf, len);
  while (n < 0 && errno == EINTR);
  s->more = n == (ssize_t)len;
  if (n > 0) return n;
  if (n < 0 && errno == EAGAIN) return UV_EAGAIN;
  return end_with(s, n == 0 ? UV_EOF : uv_translate_sys_error(errno));
}

static int start_reading(lwt_uv_stream *s) {
  int status;
  if (s->reading) return 0;
  status = uv_read_start(&s->uv.stream, on_alloc, on_read);
  s->reading = status == 0;
  return status;
}

static void cancel_read(lua_State *L, void *data) {
  lwt_uv_stream *s = data;
  lwt_uv_waiters_withdraw(L, &s->readers, &s->h);
}

static int read_ended(lwt_uv_stream *s, lua_State *L) {
  lwt_uv *ctx = s->h.ctx;
  if (s->end != UV_EOF) return lwt_uv_reject(ctx, L, s->end, "read", NULL, NULL);
  lua_pushnil(L);
  ctx->lwt->fulfilled(ctx->lwt, L, 1);
  return 1;
}

ssize_t lwt_uv_stream_fill(lwt_uv_stream *s, size_t want) {
  lwt_uv *ctx = s->h.ctx;
  ssize_t n;
  if (s->held_n > 0) return 1;
  if (s->end != 0) return 0;
  if (s->more) {
    char *scratch = lwt_uv_scratch_take(ctx);
    if (scratch == NULL) return UV_ENOMEM;
    n = lwt_uv_stream_read_now(s, scratch, want < LWT_UV_SCRATCH ? want : LWT_UV_SCRATCH);
    if (n > 0) {
      hold(s, scratch, (size_t)n);
      return 1;
    }
    lwt_uv_scratch_give(ctx, scratch);
    if (s->end != 0) return 0;
  }
  if (s->reading) return UV_EAGAIN;
  n = start_reading(s);
  return n < 0 ? n : UV_EAGAIN;
}

/*---
Reads what there is, at most `n` bytes (default: 65536), and waits only when there is
nothing. The value is nil at the end of the input. Several reads may wait: they are served
in their order. Cancelling a read loses nothing: the bytes are what the next read gets. On
a closed socket, and when it is closed meanwhile, rejects with `lwt.Closed`.
@param sock lwt.Socket
@param n? integer
@return lwt.Promise<string?> # string, or nil at the end
```lua
local a, b = net.socketpair()
a:write("hello"):await()
print(b:read(4):await())   --> hell
print(b:read():await())   --> o
```
@function lwt.net.read(sock, n)
*/
int lwt_uv_stream_l_read(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  lwt_uv_stream *s = lwt_uv_stream_check(ctx, L);
  lua_Integer want = LWT_UV_SCRATCH;
  if (lua_gettop(L) > 1) {
    want = lwt_uv_opt_integer(L, 2, want);
    luaL_argcheck(L, want >= 0, 2, "count is negative");
    lua_settop(L, 2);
  }
  if (s != NULL && want == 0) {
    lua_pushliteral(L, "");
    ctx->lwt->fulfilled(ctx->lwt, L, 1);
    return 1;
  }
  while (s != NULL && !lwt_uv_stream_has_reader(s) && s->rcb == NULL) {
    unsigned taken = s->taken;
    size_t part;
    int top = lua_gettop(L);
    ssize_t n;
    if (ctx->lwt->cancel_due(ctx->lwt)) return lwt_uv_later(L, lwt_uv_stream_l_read);
    n = lwt_uv_stream_fill(s, (size_t)want);
    if (n == UV_EAGAIN) break;
    if (n == 0) return read_ended(s, L);
    if (n < 0) return lwt_uv_reject(ctx, L, n, "read", NULL, NULL);
    part = (size_t)want < s->held_n ? (size_t)want : s->held_n;
    lua_pushlstring(L, lwt_uv_stream_first(s), part);
    ctx->lwt->fulfilled(ctx->lwt, L, 1);
    /* Has a finalizer read, or closed it, meanwhile? */
    if (lwt_uv_stream_check(ctx, L) == s && s->taken == taken) {
      lwt_uv_stream_take(s, part);
      return 1;
    }
    lua_settop(L, top);
    s = lwt_uv_stream_check(ctx, L);
  }
  if (s == NULL) return lwt_uv_reject_closed(ctx, L);
  return lwt_uv_waiters_wait(L, &s->readers, &s->h, 1, want, cancel_read);
}

/* ---- For channels (port.h) ----------------------------------------------- */

ssize_t lwt_uv_stream_port_read(port *p, char *buf, size_t len, port_cb cb, void *data) {
  lwt_uv_stream *s = lwt_uv_stream_of_port(p);
  ssize_t n;
  if (s->h.box == NULL) return UV_EBADF;
  if (s->rcb != NULL || lwt_uv_stream_has_reader(s))
    return UV_EBUSY; /* a task reads the socket itself */
  if (s->held_n > 0) {
    size_t k = len < s->held_n ? len : s->held_n;
    memcpy(buf, lwt_uv_stream_first(s), k);
    lwt_uv_stream_take(s, k);
    return (ssize_t)k;
  }
  if (s->end != 0) return s->end;
  n = lwt_uv_stream_read_now(s, buf, len);
  if (n != UV_EAGAIN) return n;
  n = start_reading(s);
  if (n < 0) return n;
  s->rcb = cb;
  s->rdata = data;
  s->rbuf = buf;
  s->rlen = len;
  s->h.ctx->waiting++;
  return UV_EAGAIN;
}

ssize_t lwt_uv_stream_port_read_late(port *p, port_room room, port_cb cb, void *data) {
  lwt_uv_stream *s = lwt_uv_stream_of_port(p);
  char *buf = NULL;
  size_t len = 0;
  ssize_t n;
  if (s->held_n > 0 || s->more) { /* likely to be had at once */
    buf = room(data, &len);
    if (buf == NULL) return UV_ENOMEM;
  }
  n = lwt_uv_stream_port_read(p, buf, len, cb, data);
  if (n == UV_EAGAIN) {
    s->rbuf = NULL;
    s->room = room;
  }
  return n;
}

int lwt_uv_stream_port_wait(lwt_uv_stream *s, port_cb cb, void *data) {
  int status = start_reading(s);
  if (status < 0) return status;
  s->rcb = cb;
  s->rdata = data;
  s->rlen = 0;
  s->h.ctx->waiting++;
  return 0;
}

void lwt_uv_stream_port_read_cancel(port *p) {
  lwt_uv_stream *s = lwt_uv_stream_of_port(p);
  if (s->rcb != NULL) take_port_read(s);
}

/* The stream is being closed: let go of what reading holds. */
void lwt_uv_stream_end_reading(lwt_uv_stream *s) {
  if (s->rcb != NULL) take_port_read(s)(&s->p, s->rdata, UV_ECANCELED);
}
