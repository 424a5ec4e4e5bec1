/* stream_write.c: writing of tcp, pipe and tty, for tasks and for channels.
**
** The system first (uv_try_write); the rest waits in a queue of our own whose first is
** with libuv, so that a cancelled write that has not begun is never sent. A request in
** the queue holds the handle and anchors its bytes.
*/
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bytes.h"
#include "net_internal.h"
#include "private.h"

#ifdef MSG_NOSIGNAL
#define SEND_FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL)
#else
#define SEND_FLAGS MSG_DONTWAIT /* libuv has set SO_NOSIGPIPE there */
#endif

/* What waits to be written, or a shutdown (no buffers). User value 3 keeps the bytes. */
struct write_req {
  lwt_uv_req r;
  lwt_uv_stream *s; /* NULL: the stream was closed while it queued */
  write_req *next;
  int started;
  union {
    uv_write_t write;
    uv_shutdown_t shutdown;
  } uv;
  unsigned nbufs;
  uv_buf_t bufs[];
};

static void start_first(lwt_uv_stream *s);

/* As uv_try_write. What a socket takes for itself, `send`, costs less than `write`. */
ssize_t lwt_uv_stream_try_write(lwt_uv_stream *s, const uv_buf_t *bufs, unsigned n) {
  ssize_t sent;
  if (!s->socket || n != 1 || s->shut || s->uv.stream.write_queue_size > 0)
    return uv_try_write(&s->uv.stream, bufs, n);
  do sent = send(lwt_uv_tcp_descriptor(&s->uv.tcp), bufs->base, bufs->len, SEND_FLAGS);
  while (sent < 0 && errno == EINTR);
  if (sent >= 0) return sent;
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) return UV_EAGAIN;
  return uv_translate_sys_error(errno);
}

/* The first of the queue is done: the next goes to libuv. */
static void finish_first(lwt_uv_stream *s, int status) {
  write_req *w = s->first;
  s->first = w->next;
  if (s->first == NULL) s->last = NULL;
  if (s->h.box != NULL) {
    start_first(s);
    lwt_uv_handle_drop(lwt_uv_main(s->h.ctx), &s->h);
  }
  lwt_uv_req_done(&w->r, status);
}

static void on_write(uv_write_t *uv, int status) {
  write_req *w = uv->data;
  finish_first(w->s, status);
}

static void on_shutdown(uv_shutdown_t *uv, int status) {
  write_req *w = uv->data;
  finish_first(w->s, status);
}

static int start_write(lwt_uv_stream *s, write_req *w) {
  w->started = 1;
  if (w->nbufs == 0) return uv_shutdown(&w->uv.shutdown, &s->uv.stream, on_shutdown);
  return uv_write(&w->uv.write, &s->uv.stream, w->bufs, w->nbufs, on_write);
}

static void start_first(lwt_uv_stream *s) {
  while (s->first != NULL && !s->first->started) {
    write_req *w = s->first;
    int status = start_write(s, w);
    if (status == 0) return;
    s->first = w->next;
    if (s->first == NULL) s->last = NULL;
    lwt_uv_handle_drop(lwt_uv_main(s->h.ctx), &s->h);
    lwt_uv_req_done(&w->r, status);
    if (s->h.box == NULL) return;
  }
}

/* Take a request that libuv does not have out of the queue. The first one it has. */
static int unqueue(write_req *w) {
  lwt_uv_stream *s = w->s;
  write_req *before = s->first;
  if (before == w) return 0;
  while (before->next != w) before = before->next;
  before->next = w->next;
  if (s->last == w) s->last = before;
  return 1;
}

/* Cancelled: what has not begun is withdrawn, what has goes on, unheard. */
static void cancel_write(lwt_uv_req *r) {
  write_req *w = (write_req *)(void *)r;
  if (w->s == NULL) {
    if (r->ctx->closing) lwt_uv_req_done(r, UV_ECANCELED);
    return;
  }
  if (!unqueue(w)) return;
  if (!r->ctx->closing) lwt_uv_handle_drop(lwt_uv_main(r->ctx), &w->s->h);
  lwt_uv_req_done(r, UV_ECANCELED);
}

static const lwt_uv_req_class write_class = {.op = "write", .cancel = cancel_write};
static const lwt_uv_req_class shutdown_class = {.op = "shutdown", .cancel = cancel_write};

/* Queue a request with room for `nbufs` buffers: pushes it and its promise. The caller
** fills it, and then calls queued(); neither may raise in between. */
static write_req *queue(lwt_uv_stream *s, lua_State *L, const lwt_uv_req_class *class,
                        unsigned nbufs) {
  write_req *w = lwt_uv_req_new(s->h.ctx, L, class, sizeof *w + nbufs * sizeof *w->bufs,
                                offsetof(write_req, uv), 0, 1);
  w->s = s;
  w->nbufs = nbufs;
  return w;
}

static int queued(lua_State *L, write_req *w) {
  lwt_uv_stream *s = w->s;
  int status = 0;
  if (s->first == NULL) {
    status = start_write(s, w);
    if (status == 0) s->first = s->last = w;
  } else {
    s->last->next = w;
    s->last = w;
  }
  if (status == 0) lwt_uv_handle_hold(L, &s->h, 1);
  return lwt_uv_req_started(L, &w->r, status);
}

/* The bytes that a write was given: one string, or several. */
typedef struct parts {
  uv_buf_t *bufs;
  unsigned n;
  size_t total;
  uv_buf_t few[16];
} parts;

/* Collect argument `arg` into `p`; a long list's array is pushed as a userdata. */
static void collect(lwt_uv *ctx, lua_State *L, int arg, parts *p) {
  const char *bytes = NULL;
  size_t n;
  unsigned i;
  p->bufs = p->few;
  p->n = 1;
  p->total = 0;
  switch (lua_type(L, arg)) {
  case LUA_TTABLE: break;
  case LUA_TNUMBER:
  case LUA_TSTRING: bytes = lua_tolstring(L, arg, &n); break;
  default:
    bytes = lwt_uv_test_bytes(ctx, L, arg, &n);
    if (bytes == NULL) luaL_typeerror(L, arg, "string, lwt.bytes or table of strings");
  }
  if (bytes != NULL) {
    p->few[0].base = (char *)bytes;
    p->few[0].len = p->total = n;
    return;
  }
  n = lua_rawlen(L, arg);
  luaL_argcheck(L, n < 1u << 20, arg, "too many strings");
  p->n = (unsigned)n;
  if (n > sizeof p->few / sizeof *p->few)
    p->bufs = lua_newuserdatauv(L, n * sizeof *p->bufs, 0);
  for (i = 0; i < p->n; i++) {
    if (lua_rawgeti(L, arg, (lua_Integer)i + 1) != LUA_TSTRING) {
      lua_pushfstring(L, "string expected at [%d], got %s", (int)i + 1,
                      luaL_typename(L, -1));
      luaL_argerror(L, arg, lua_tostring(L, -1));
    }
    p->bufs[i].base = (char *)lua_tolstring(L, -1, &p->bufs[i].len);
    p->total += p->bufs[i].len;
    lua_pop(L, 1); /* the table keeps it while nothing runs that could change it */
  }
}

/* Queue what remains after `done` bytes. A table's strings are put together, for the
** table may change meanwhile; a string is pinned where it is. */
static int write_rest(lwt_uv_stream *s, lua_State *L, int arg, parts *p, size_t done) {
  write_req *w;
  unsigned i;
  if (lua_type(L, arg) == LUA_TSTRING) {
    w = queue(s, L, &write_class, 1);
    lua_pushvalue(L, arg);
    w->bufs[0].base = p->bufs[0].base + done;
  } else {
    luaL_Buffer b;
    luaL_buffinitsize(L, &b, p->total - done);
    for (i = 0; i < p->n; i++) {
      size_t skip = done < p->bufs[i].len ? done : p->bufs[i].len;
      luaL_addlstring(&b, p->bufs[i].base + skip, p->bufs[i].len - skip);
      p->total -= skip;
      done -= skip;
    }
    luaL_pushresult(&b);
    w = queue(s, L, &write_class, 1);
    lua_pushvalue(L, -3);
    w->bufs[0].base = (char *)lua_tostring(L, -1);
  }
  w->bufs[0].len = p->total - done;
  lua_setiuservalue(L, -3, 3);
  return queued(L, w);
}

int lwt_uv_stream_write_rest(lwt_uv_stream *s, lua_State *L, size_t done) {
  parts p;
  collect(s->h.ctx, L, 2, &p);
  return write_rest(s, L, 2, &p, done);
}

static int write_parts(lwt_uv *ctx, lua_State *L) {
  lwt_uv_stream *s = lwt_uv_stream_check(ctx, L);
  parts p;
  ssize_t n = 0;
  collect(ctx, L, 2, &p);
  if (s == NULL) return lwt_uv_reject_closed(ctx, L);
  if (s->first == NULL && p.total > 0) {
    n = lwt_uv_stream_try_write(s, p.bufs, p.n);
    if (n == UV_EAGAIN) n = 0;
    if (n < 0) return lwt_uv_reject(ctx, L, n, "write", NULL, NULL);
  }
  if ((size_t)n < p.total) return write_rest(s, L, 2, &p, (size_t)n);
  lwt_uv_push_done(ctx, L);
  return 1;
}

/*---
Writes the whole string, `lwt.bytes`, or every string of a list. The promise is fulfilled
when the system has all of it. Writes are sent in their order, whole. A write that is
cancelled before its first byte was sent is withdrawn; later its rest is sent all the
same. Rejects with the system's error (`EPIPE`, `ECONNRESET`), or with `lwt.Closed`.
@param sock lwt.Socket
@param data string|lwt.Bytes|string[]
@return lwt.Promise
```lua
local a, b = net.socketpair()
a:write("one"):await()
a:write({" two", " three"}):await()
print(b:read():await())   --> one two three
```
@function lwt.net.write(sock, data)
*/
int lwt_uv_stream_l_write(lua_State *L) {
  return write_parts(lwt_uv_context(L), L);
}

/*---
As `write`, for a list of strings, which go to the system in one call.
@param sock lwt.Socket
@param list string[]
@return lwt.Promise
```lua
local a, b = net.socketpair()
a:writev({"x", "y"}):await()
print(b:read():await())   --> xy
```
@function lwt.net.writev(sock, list)
*/
int lwt_uv_stream_l_writev(lua_State *L) {
  luaL_checktype(L, 2, LUA_TTABLE);
  return write_parts(lwt_uv_context(L), L);
}

/*---
Closes the writing half, after everything that was written: the other side reads it all
and then the end. Reading goes on. A second shutdown does nothing.
@param sock lwt.Socket
@return lwt.Promise
```lua
local a, b = net.socketpair()
a:write("bye")
a:shutdown():await()
print(b:read():await(), b:read():await())   --> bye nil
```
@function lwt.net.shutdown(sock)
*/
int lwt_uv_stream_l_shutdown(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  lwt_uv_stream *s = lwt_uv_stream_check(ctx, L);
  write_req *w;
  if (s == NULL) return lwt_uv_reject_closed(ctx, L);
  if (s->shut) {
    lwt_uv_push_done(ctx, L);
    return 1;
  }
  w = queue(s, L, &shutdown_class, 0);
  s->shut = 1;
  lua_pushnil(L);
  lua_setiuservalue(L, -3, 3);
  return queued(L, w);
}

/* The stream is being closed: everything that waits is rejected with lwt.Closed. The
** first of the queue comes back from libuv by itself. */
void lwt_uv_stream_stop_writing(lwt_uv_stream *s, lua_State *L) {
  lwt_uv *ctx = s->h.ctx;
  write_req *w, *next, *rest;
  if (s->first == NULL) return;
  rest = s->first->next;
  s->first->next = NULL;
  s->last = s->first;
  for (w = rest; w != NULL; w = w->next) w->s = NULL;
  ctx->lwt->push_sentinel(ctx->lwt, L, "Closed");
  lwt_uv_req_abandon(L, &s->first->r);
  for (w = rest; w != NULL; w = next) {
    next = w->next;
    ctx->lwt->push_sentinel(ctx->lwt, L, "Closed");
    lwt_uv_req_abandon(L, &w->r);
    lwt_uv_req_done(&w->r, UV_ECANCELED);
  }
}

/* ---- For channels (port.h) ----------------------------------------------- */

/* What the system did not take at once: libuv gets a copy of the next bytes, which
** thereby count as written, and the channel's own buffer is free again at any time. */
typedef struct chunk {
  uv_write_t uv;
  lwt_uv_stream *s;
  char bytes[];
} chunk;

#define CHUNK 16384

static port_cb take_port_write(lwt_uv_stream *s) {
  port_cb cb = s->wcb;
  s->wcb = NULL;
  s->h.ctx->waiting--;
  return cb;
}

static void on_chunk(uv_write_t *uv, int status) {
  chunk *c = uv->data;
  lwt_uv_stream *s = c->s;
  free(c);
  s->chunks--;
  if (s->wcb != NULL && s->chunks == 0)
    take_port_write(s)(&s->p, s->wdata, status < 0 ? status : (ssize_t)s->wtaken);
}

ssize_t lwt_uv_stream_port_write(port *p, const uv_buf_t *bufs, unsigned nbufs,
                                 port_cb cb, void *data) {
  lwt_uv_stream *s = lwt_uv_stream_of_port(p);
  size_t n = 0, total = 0;
  unsigned i;
  uv_buf_t buf;
  chunk *c;
  ssize_t status;
  if (s->h.box == NULL) return UV_EBADF;
  if (s->wcb != NULL) return UV_EBUSY;
  for (i = 0; i < nbufs; i++) total += bufs[i].len;
  if (total == 0) return 0;
  if (s->first == NULL && s->chunks == 0) {
    status = lwt_uv_stream_try_write(s, bufs, nbufs);
    if (status != UV_EAGAIN) return status;
  }
  if (total > CHUNK) total = CHUNK;
  c = malloc(sizeof *c + total);
  if (c == NULL) return UV_ENOMEM;
  for (i = 0; n < total; i++) {
    size_t k = bufs[i].len < total - n ? bufs[i].len : total - n;
    memcpy(c->bytes + n, bufs[i].base, k);
    n += k;
  }
  c->s = s;
  c->uv.data = c;
  buf = uv_buf_init(c->bytes, (unsigned)n);
  status = uv_write(&c->uv, &s->uv.stream, &buf, 1, on_chunk);
  if (status < 0) {
    free(c);
    return status;
  }
  s->chunks++;
  s->wcb = cb;
  s->wdata = data;
  s->wtaken = n;
  s->h.ctx->waiting++;
  return UV_EAGAIN;
}

ssize_t lwt_uv_stream_port_write_cancel(port *p) {
  lwt_uv_stream *s = lwt_uv_stream_of_port(p);
  if (s->wcb == NULL) return 0;
  take_port_write(s);
  return (ssize_t)s->wtaken;
}

/* The stream is being closed under a channel. */
void lwt_uv_stream_end_writing(lwt_uv_stream *s) {
  if (s->wcb != NULL) take_port_write(s)(&s->p, s->wdata, UV_ECANCELED);
}
