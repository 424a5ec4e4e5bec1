/* socket.c: what tcp, pipe and tty have in common besides reading (socket_read.c) and
** writing (socket_write.c): their life, their port, their type.
*/
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lent.h"
#include "internal.h"

#define READERS 1 /* user value: who waits to read */

/* ---- Life ---------------------------------------------------------------- */

static void stop(lua_State *L, lwt_uv_handle *h) {
  lwt_uv_stream *s = (lwt_uv_stream *)(void *)h;
  lwt_uv *ctx = h->ctx;
  lwt_uv_stream_end_reading(s);
  lwt_uv_stream_end_writing(s);
  lwt_uv_stream_stop_writing(s, L);
  if (s->direct.task != NULL) lwt_uv_stream_end_direct(L, s);
  ctx->lwt->push_sentinel(ctx->lwt, L, "Closed");
  lwt_uv_waiters_reject(ctx, L, &s->readers, -2);
}

static void closing(lwt_uv_handle *h) {
  lwt_uv_stream *s = (lwt_uv_stream *)(void *)h;
  s->reading = 0;
  lwt_uv_lent_return(s->mode);
  lwt_uv_lent_return(s->blocking);
  s->mode = s->blocking = -1;
}

static void release(lwt_uv_handle *h) {
  lwt_uv_stream *s = (lwt_uv_stream *)(void *)h;
  /* Only at the end of the state: the task will not run. */
  if (s->direct.task != NULL) {
    h->ctx->waiting--;
    h->ctx->lwt->wait_wake(h->ctx->lwt, h->ctx->lwt->main, &s->direct, 0);
  }
  if (s->rcb != NULL) {
    h->ctx->waiting--;
    lwt_uv_stream_forget_wait(s);
  }
  if (s->wcb != NULL) h->ctx->waiting--;
  free(s->held);
}

static const lwt_uv_class classes[] = {
    [LWT_UV_TCP] = {LWT_UV_TCP, "tcp", sizeof(lwt_uv_stream), 1, stop, release, closing},
    [LWT_UV_PIPE] = {LWT_UV_PIPE, "pipe", sizeof(lwt_uv_stream), 1, stop, release,
                     closing},
    [LWT_UV_TTY] = {LWT_UV_TTY, "tty", sizeof(lwt_uv_stream), 1, stop, release, closing},
};

/* ---- The port ------------------------------------------------------------ */

typedef struct ending {
  uv_shutdown_t uv;
  port *p;
  port_cb cb;
  void *data;
} ending;

static void on_ended(uv_shutdown_t *uv, int status) {
  ending *e = uv->data;
  port *p = e->p;
  lwt_uv_stream_of_port(p)->h.ctx->waiting--;
  /* A peer that is gone needs no end of input. */
  e->cb(p, e->data, status == UV_ENOTCONN ? 0 : status);
  free(e);
}

/* Send the end of the writing direction. */
static int end_writing(lwt_uv_stream *s, port_cb cb, void *data) {
  ending *e = malloc(sizeof *e);
  int status;
  if (e == NULL) return UV_ENOMEM;
  e->uv.data = e;
  e->p = &s->p;
  e->cb = cb;
  e->data = data;
  s->shut = 1;
  status = uv_shutdown(&e->uv, &s->uv.stream, on_ended);
  if (status < 0) {
    free(e);
    return status;
  }
  s->h.ctx->waiting++;
  return UV_EAGAIN;
}

static void port_close(port *p, int directions, port_cb cb, void *data) {
  lwt_uv_stream *s = lwt_uv_stream_of_port(p);
  ssize_t status = 0;
  s->let_go |= (unsigned char)directions;
  if (s->h.box == NULL) {
    if (cb != NULL) cb(p, data, 0);
    return;
  }
  if (directions & 1) lwt_uv_stream_stop_reading(s);
  if ((s->let_go & 3) == 3) {
    lua_State *L = lwt_uv_main(s->h.ctx);
    /* Has a task used the socket beside its channel? (What reads directly does not anchor
    ** it: then something else is pushed, and nothing asks for it.) */
    int waited = L != NULL && (s->h.pending > 0 || s->direct.task != NULL);
    if (waited) lwt_uv_handle_push(L, &s->h);
    lwt_uv_handle_close(L, s->h.box, !waited);
    if (waited) lua_pop(L, 1);
  } else if ((directions & 2) && !s->shut) {
    status = end_writing(s, cb, data);
    if (status == UV_EAGAIN) return;
    if (status == UV_ENOTCONN) status = 0;
  }
  if (cb != NULL) cb(p, data, status);
}

/* Whoever has the socket may close it under its channel. */
static void port_keep(port *p) {
  lwt_uv_handle_keep(&lwt_uv_stream_of_port(p)->h);
}

static void port_let_go(port *p) {
  lwt_uv_handle_let_go(&lwt_uv_stream_of_port(p)->h);
}

static const port_class stream_port = {
    .name = "stream",
    .read = lwt_uv_stream_port_read,
    .read_late = lwt_uv_stream_port_read_late,
    .read_cancel = lwt_uv_stream_port_read_cancel,
    .write = lwt_uv_stream_port_write,
    .write_cancel = lwt_uv_stream_port_write_cancel,
    .close = port_close,
    .keep = port_keep,
    .let_go = port_let_go,
};

static port *port_of(void *userdata) {
  lwt_uv_box *box = userdata;
  return box->h == NULL ? NULL : &((lwt_uv_stream *)(void *)box->h)->p;
}

/* ---- For the other files ------------------------------------------------- */

lwt_uv_stream *lwt_uv_stream_new(lwt_uv *ctx, lua_State *L, lwt_uv_type type) {
  lwt_uv_stream *s = lwt_uv_handle_new(ctx, L, &classes[type]);
  lwt_uv_waiters_init(&s->readers, READERS);
  lwt_uv_stream_init_direct(s);
  s->p.class = &stream_port;
  s->raw = type != LWT_UV_TTY;
  s->socket = type == LWT_UV_TCP;
  s->number = s->mode = s->blocking = -1;
  return s;
}

static lwt_uv_box *stream_box(lwt_uv *ctx, lua_State *L, int idx) {
  lwt_uv_box *box = lua_touserdata(L, idx);
  const lwt_uv_typeinfo *type = lwt_uv_box_type(ctx, L, idx, box);
  return type != NULL && type <= &ctx->type[LWT_UV_TTY] ? box : NULL;
}

lwt_uv_stream *lwt_uv_stream_check(lwt_uv *ctx, lua_State *L) {
  lwt_uv_box *box = stream_box(ctx, L, 1);
  if (box == NULL) luaL_typeerror(L, 1, "socket");
  return (lwt_uv_stream *)(void *)box->h;
}

lwt_uv_stream *lwt_uv_stream_test(lwt_uv *ctx, lua_State *L, int idx) {
  lwt_uv_box *box = stream_box(ctx, L, idx);
  return box == NULL ? NULL : (lwt_uv_stream *)(void *)box->h;
}

/* The stream at the top takes the descriptor over: a status, the stream closed and popped on
** failure. Never raises. */
static int open_stream(lua_State *L, lwt_uv_stream *s, lwt_uv_type type, int fd,
                       int nodelay) {
  uv_loop_t *loop = s->h.ctx->loop;
  struct stat st;
  int status;
  if (type == LWT_UV_TCP) {
    status = lwt_uv_handle_opened(L, &s->h, &s->uv.tcp, uv_tcp_init(loop, &s->uv.tcp));
    if (status == 0) {
      status = uv_tcp_open(&s->uv.tcp, fd);
      if (status == 0 && nodelay) uv_tcp_nodelay(&s->uv.tcp, 1); /* a wish */
    }
  } else if (type == LWT_UV_PIPE) {
    status =
        lwt_uv_handle_opened(L, &s->h, &s->uv.pipe, uv_pipe_init(loop, &s->uv.pipe, 0));
    if (status == 0) {
      s->socket = fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
      status = uv_pipe_open(&s->uv.pipe, fd);
    }
  } else {
    status =
        lwt_uv_handle_opened(L, &s->h, &s->uv.tty, uv_tty_init(loop, &s->uv.tty, fd, 0));
  }
  if (status == 0) return 0;
  lwt_uv_handle_close(L, lua_touserdata(L, -1), 1);
  lua_pop(L, 1);
  return status;
}

int lwt_uv_stream_adopt(lwt_uv *ctx, lua_State *L, lwt_uv_type type, int fd,
                        int nodelay) {
  return open_stream(L, lwt_uv_stream_new(ctx, L, type), type, fd, nodelay);
}

/* Of the standard descriptors, which children inherit, a terminal or a pipe is opened anew:
** that they do not wait then is ours alone. A socket cannot be: it is given back at the
** end. */
int lwt_uv_stream_of_lent(lwt_uv *ctx, lua_State *L, lwt_uv_type type, int fd) {
  lwt_uv_stream *s = lwt_uv_stream_new(ctx, L, type);
  int again = fd <= 2 && type != LWT_UV_TCP ? lwt_uv_lent_reopen(fd) : UV_EINVAL;
  int ticket = again < 0 && type != LWT_UV_TTY ? lwt_uv_lent_blocking(fd) : -1;
  int status = open_stream(L, s, type, again >= 0 ? again : fd, 0);
  uv_os_fd_t used;
  if (status < 0) {
    if (again >= 0) close(again);
    lwt_uv_lent_return(ticket);
    return status;
  }
  /* libuv opens terminals anew by itself, and leaves us the one that it was given. That is ours,
  ** unless it is one of the standard ones. */
  if (uv_fileno(s->h.uv, &used) == 0 && used != (again >= 0 ? again : fd)) {
    if (again >= 0) {
      close(again);
    } else if (fd > 2) {
      close(fd);
      fd = used;
    }
  }
  s->number = fd;
  s->blocking = ticket;
  return 0;
}

int lwt_uv_stream_of_fd(lwt_uv *ctx, lua_State *L, uv_file fd) {
  lwt_uv_type type;
  lwt_uv_handle *h;
  uv_os_fd_t taken;
  int status;
  /* Two handles with one descriptor would make libuv abort. */
  for (h = ctx->handles; h != NULL; h = h->next) {
    if (uv_fileno(h->uv, &taken) == 0 && taken == fd) return UV_EEXIST;
    if (h->class->type <= LWT_UV_TTY && ((lwt_uv_stream *)(void *)h)->number == fd)
      return UV_EEXIST;
  }
  switch (uv_guess_handle(fd)) {
  case UV_TCP: type = LWT_UV_TCP; break;
  case UV_NAMED_PIPE: type = LWT_UV_PIPE; break;
  case UV_TTY: type = LWT_UV_TTY; break;
  default: return UV_EINVAL;
  }
  status = lwt_uv_stream_of_lent(ctx, L, type, fd);
  return status < 0 ? status : (int)type;
}

/* ---- Methods ------------------------------------------------------------- */

/*---
The number of the descriptor, for other libraries: it stays the socket's own.
@param sock lwt.Socket
@return integer
```lua
local a = net.socketpair()
print(math.type(a:fileno()))   --> integer
```
@function lwt.net.fileno(sock)
*/
static int l_fileno(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  lwt_uv_stream *s = lwt_uv_stream_check(ctx, L);
  uv_os_fd_t fd;
  int status;
  if (s == NULL) return lwt_uv_raise_closed(L, "socket");
  status = uv_fileno(s->h.uv, &fd);
  if (status < 0) return lwt_uv_raise(ctx, L, status, "fileno", NULL, NULL);
  lua_pushinteger(L, s->number >= 0 ? s->number : fd);
  return 1;
}

typedef int (*name_fn)(int fd, struct sockaddr *restrict sa, socklen_t *restrict length);

static int name(lua_State *L, name_fn f, const char *op) {
  lwt_uv *ctx = lwt_uv_context(L);
  lwt_uv_stream *s = lwt_uv_stream_check(ctx, L);
  union {
    struct sockaddr sa;
    struct sockaddr_storage storage;
  } u;
  socklen_t length = sizeof u;
  uv_os_fd_t fd;
  int status;
  if (s == NULL) return lwt_uv_raise_closed(L, "socket");
  memset(&u, 0, sizeof u);
  status = uv_fileno(s->h.uv, &fd);
  if (status == 0 && f(fd, &u.sa, &length) != 0) status = uv_translate_sys_error(errno);
  if (status < 0) return lwt_uv_raise(ctx, L, status, op, NULL, NULL);
  lwt_uv_push_address(L, &u.sa, length);
  return 1;
}

/*---
The socket's own address, as text: `"127.0.0.1:40112"`, `"[::1]:40112"`, `"unix:/path"`
(`"unix:"` when it has no name).
@param sock lwt.Socket|lwt.Udp
@return string
```lua
local listener = net.tcp_listen("127.0.0.1:0"):await()
local sock = net.tcp_connect(listener:address()):await()
print(sock:getsockname():match("^127.0.0.1:%d+$") ~= nil)   --> true
```
@function lwt.net.getsockname(sock)
*/
static int l_getsockname(lua_State *L) {
  return name(L, getsockname, "getsockname");
}

/*---
The address of the other end, as text. It raises when there is none any more (`ENOTCONN`).
@param sock lwt.Socket
@return string
```lua
local listener = net.tcp_listen("127.0.0.1:0"):await()
local sock = net.tcp_connect(listener:address()):await()
print(sock:getpeername() == listener:address())   --> true
```
@function lwt.net.getpeername(sock)
*/
static int l_getpeername(lua_State *L) {
  return name(L, getpeername, "getpeername");
}

static const luaL_Reg methods[] = {
    {"read", lwt_uv_stream_l_read},
    {"write", lwt_uv_stream_l_write},
    {"writev", lwt_uv_stream_l_writev},
    {"shutdown", lwt_uv_stream_l_shutdown},
    {"getsockname", l_getsockname},
    {"getpeername", l_getpeername},
    {"fileno", l_fileno},
    {NULL, NULL},
};

void lwt_uv_stream_type(lwt_uv *ctx, lua_State *L, lwt_uv_type type,
                        const char *type_name, const luaL_Reg *own) {
  lwt_uv_new_handle_type(ctx, L, type, type_name, methods);
  ctx->type[type].port = port_of;
  if (own == NULL) return;
  lua_rawgeti(L, LUA_REGISTRYINDEX, ctx->type[type].ref);
  lua_getfield(L, -1, "__index");
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, own, 1);
  lua_pop(L, 2);
}
