/* socket_write.c: writing of tcp, pipe and tty, for tasks and for channels.
**
** The system first (uv_try_write); the rest waits in a queue of our own whose first is
** with libuv, so that a cancelled write that has not begun is never sent. A request in
** the queue holds the handle and anchors its bytes.
*/
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "../bytes.h"
#include "internal.h"
#include "../private.h"

#ifdef MSG_NOSIGNAL
#define SEND_FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL)
#else
#define SEND_FLAGS MSG_DONTWAIT /* libuv has set SO_NOSIGPIPE there */
#endif

/* What waits to be written, or a shutdown (no buffers). User value 3 keeps the bytes. */
struct write_req {
  lwt_uv_req r;
  lwt_uv_stream *s; /* NULL: the stream was closed while it queued */
  write_req *next, *prev;
  int started;
  char *copy; /* what it writes, where that is no Lua string */
  union {
    uv_write_t write;
    uv_shutdown_t shutdown;
  } uv;
  unsigned nbufs;
  uv_buf_t bufs[];
};

static void start_first(lwt_uv_stream *s);

/* The system reports once that a connection is broken. When it has reported that to a
** write, what follows the bytes that can still be read is no clean end. (EPIPE comes
** after the peer's own end.) */
void lwt_uv_stream_note_failure(lwt_uv_stream *s, ssize_t status) {
  if (s->broken != 0) return;
  if (status == UV_ECONNRESET || status == UV_ETIMEDOUT || status == UV_EHOSTUNREACH ||
      status == UV_ENETUNREACH || status == UV_ENETDOWN)
    s->broken = status;
  if (s->broken != 0 && s->end == UV_EOF) s->end = s->broken;
}

static int is_same(int fd, int other) {
  struct stat a, b;
  return fstat(fd, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

void lwt_uv_stream_send_failed(lwt_uv *ctx, int fd, int copy, ssize_t status) {
  for (lwt_uv_handle *h = ctx->handles; h != NULL; h = h->next) {
    if (h->class->type != LWT_UV_TCP && h->class->type != LWT_UV_PIPE) continue;
    lwt_uv_stream *s = (lwt_uv_stream *)h;
    if (lwt_uv_stream_descriptor(&s->uv.stream) != fd) continue;
    if (!is_same(fd, copy)) return; /* its number is another one's by now */
    /* Where something had been sent already, the system keeps the reset to itself. */
    if (status == UV_EPIPE && s->end == 0 && lwt_uv_stream_is_lost(s))
      status = UV_ECONNRESET;
    lwt_uv_stream_note_failure(s, status);
    return;
  }
}

/* As uv_try_write. What a socket takes for itself, `send`, costs less than `write`. */
ssize_t lwt_uv_stream_try_write(lwt_uv_stream *s, const uv_buf_t *bufs, unsigned n) {
  ssize_t sent;
  if (!s->socket || n != 1 || s->shut || s->uv.stream.write_queue_size > 0) {
    sent = uv_try_write(&s->uv.stream, bufs, n);
  } else {
    do
      sent = send(lwt_uv_stream_descriptor(&s->uv.stream), bufs->base, bufs->len,
                  SEND_FLAGS);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0) return sent;
    if (errno == EAGAIN || errno == ENOBUFS) return UV_EAGAIN;
    sent = uv_translate_sys_error(errno);
  }
  if (sent < 0) lwt_uv_stream_note_failure(s, sent);
  return sent;
}

static void dequeue(lwt_uv_stream *s, write_req *w) {
  if (w->prev != NULL)
    w->prev->next = w->next;
  else
    s->first = w->next;
  if (w->next != NULL)
    w->next->prev = w->prev;
  else
    s->last = w->prev;
}

/* The first of the queue is done: the next goes to libuv. */
static void finish_first(lwt_uv_stream *s, int status) {
  write_req *w = s->first;
  dequeue(s, w);
  if (status < 0) lwt_uv_stream_note_failure(s, status);
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

/* (Not while the rest of a write that is half sent is being queued: that comes first.) */
static void start_first(lwt_uv_stream *s) {
  while (s->first != NULL && !s->first->started && !s->half_sent) {
    write_req *w = s->first;
    int status = start_write(s, w);
    if (status == 0) return;
    dequeue(s, w);
    lwt_uv_handle_drop(lwt_uv_main(s->h.ctx), &s->h);
    lwt_uv_req_done(&w->r, status);
    if (s->h.box == NULL) return;
  }
}

/* Cancelled: what has not begun is withdrawn; what has begun goes on, and its result is
** dropped. */
static void cancel_write(lwt_uv_req *r) {
  write_req *w = (write_req *)(void *)r;
  if (w->s == NULL) {
    if (r->ctx->closing) lwt_uv_req_done(r, UV_ECANCELED);
    return;
  }
  if (w->started) return;
  dequeue(w->s, w);
  if (!r->ctx->closing) lwt_uv_handle_drop(lwt_uv_main(r->ctx), &w->s->h);
  lwt_uv_req_done(r, UV_ECANCELED);
}

static void free_copy(lwt_uv_req *r) {
  free(((write_req *)(void *)r)->copy);
}

static const lwt_uv_req_class write_class = {
    .op = "write", .release = free_copy, .cancel = cancel_write};
static const lwt_uv_req_class shutdown_class = {.op = "shutdown", .cancel = cancel_write};

/* Make a request for the socket at 1, with room for `nbufs` buffers: pushes it and its
** promise. The caller fills it, and then calls queued(); neither may raise in between. */
static write_req *queue(lwt_uv_stream *s, lua_State *L, const lwt_uv_req_class *class,
                        unsigned nbufs) {
  write_req *w = lwt_uv_req_new(s->h.ctx, L, class, sizeof *w + nbufs * sizeof *w->bufs,
                                offsetof(write_req, uv), 0, 1);
  w->s = s;
  w->nbufs = nbufs;
  return w;
}

/* `rest`: of the write that is half sent, which goes before all others. */
static int queued(lua_State *L, write_req *w, int rest) {
  lwt_uv_stream *s = w->s;
  int status = 0;
  if (((lwt_uv_box *)lua_touserdata(L, 1))->h == NULL) { /* by a finalizer, meanwhile */
    w->s = NULL;
    lwt_uv_req_started(L, &w->r, UV_ECANCELED);
    return lwt_uv_reject_closed(w->r.ctx, L);
  }
  if (rest) s->half_sent = 0;
  if (rest || (s->first == NULL && !s->half_sent)) {
    status = start_write(s, w);
    if (status == 0) {
      w->next = s->first;
      if (w->next != NULL)
        w->next->prev = w;
      else
        s->last = w;
      s->first = w;
    }
  } else {
    w->prev = s->last;
    if (w->prev != NULL)
      w->prev->next = w;
    else
      s->first = w;
    s->last = w;
  }
  if (status == 0)
    lwt_uv_handle_hold(L, &s->h, 1);
  else
    start_first(s);
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

typedef struct rest {
  lwt_uv_stream *s;
  uv_buf_t buf;
  char *copy;    /* where `buf` lies, unless in a string */
  int half_sent; /* its beginning is with the system */
} rest;

/* (socket, the string or nil, rest) */
static int queue_rest(lua_State *L) {
  rest *r = lua_touserdata(L, 3);
  write_req *w = queue(r->s, L, &write_class, 1);
  w->bufs[0] = r->buf;
  w->copy = r->copy;
  r->copy = NULL;
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -3, 3);
  return queued(L, w, r->half_sent);
}

/* What remains after `done` bytes, in memory that nobody changes. */
static char *copy_rest(const parts *p, size_t done) {
  char *copy = malloc(p->total - done), *to = copy;
  unsigned i;
  for (i = 0; i < p->n && copy != NULL; i++) {
    size_t skip = done < p->bufs[i].len ? done : p->bufs[i].len;
    memcpy(to, p->bufs[i].base + skip, p->bufs[i].len - skip);
    to += p->bufs[i].len - skip;
    done -= skip;
  }
  return copy;
}

/* Queue what remains after `done` bytes, of the socket at 1. A string is pinned where it is;
** anything else is copied at once, for it may change, also by a finalizer that runs when the
** request is made. What a finalizer writes comes after it. */
static int write_rest(lwt_uv_stream *s, lua_State *L, int arg, const parts *p,
                      size_t done) {
  rest r = {s, {NULL, p->total - done}, NULL, done > 0};
  int is_string = lua_type(L, arg) == LUA_TSTRING;
  if (!is_string) {
    r.copy = copy_rest(p, done);
    if (r.copy == NULL) return lwt_uv_reject(s->h.ctx, L, UV_ENOMEM, "write", NULL, NULL);
  }
  r.buf.base = is_string ? p->bufs[0].base + done : r.copy;
  if (r.half_sent) s->half_sent = 1;
  lua_pushcfunction(L, queue_rest);
  lua_pushvalue(L, 1);
  if (is_string)
    lua_pushvalue(L, arg);
  else
    lua_pushnil(L);
  lua_pushlightuserdata(L, &r);
  if (lua_pcall(L, 3, 1, 0) == LUA_OK) return 1;
  free(r.copy);
  if (r.half_sent) s->half_sent = 0;
  if (s->h.box != NULL) start_first(s);
  return lua_error(L);
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
  int may_allocate = lua_type(L, 2) != LUA_TSTRING;
  collect(ctx, L, 2, &p);
  if (may_allocate) s = lwt_uv_stream_check(ctx, L); /* a finalizer may have closed it */
  if (s == NULL) return lwt_uv_reject_closed(ctx, L);
  if (ctx->lwt->cancel_due(ctx->lwt)) return lwt_uv_later(L, lwt_uv_stream_l_write);
  if (s->first == NULL && !s->half_sent && p.total > 0) {
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
same. Its promise is rejected with the system's error (`EPIPE`, `ECONNRESET`), or with `lwt.Closed`.
@param sock lwt.Socket
@param data string|lwt.Bytes|string[]
@return lwt.Promise<nil>
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
@return lwt.Promise<nil>
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
@return lwt.Promise<nil>
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
  return queued(L, w, 0);
}

/* The stream is being closed: everything that waits is rejected with lwt.Closed. What libuv
** has, the first of the queue at most, comes back from there by itself. */
void lwt_uv_stream_stop_writing(lwt_uv_stream *s, lua_State *L) {
  lwt_uv *ctx = s->h.ctx;
  write_req *w = s->first, *next, *with_libuv = NULL;
  if (w != NULL && w->started) {
    with_libuv = w;
    w = w->next;
    with_libuv->next = NULL;
  }
  s->first = s->last = with_libuv;
  for (next = w; next != NULL; next = next->next) next->s = NULL;
  if (with_libuv != NULL) {
    ctx->lwt->push_sentinel(ctx->lwt, L, "Closed");
    lwt_uv_req_abandon(L, &with_libuv->r);
  }
  for (; w != NULL; w = next) {
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
  if (status < 0) lwt_uv_stream_note_failure(s, status);
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
  if (s->first == NULL && !s->half_sent && s->chunks == 0) {
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
