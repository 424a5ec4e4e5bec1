/* socket_memory.c: sockets for modules in C (lwt.h): bytes between a socket and their memory,
** without a Lua string in between, as far as that goes without waiting. A module that has
** to wait, or wants to know the error, calls the socket's methods.
*/
#include <string.h>

#include "internal.h"

/* NULL: no socket, or closed. */
static lwt_uv_stream *stream_at(const lwt_api *lwt, lua_State *L, int idx) {
  lwt_uv *ctx = lwt->system;
  return ctx->closing ? NULL : lwt_uv_stream_test(ctx, L, idx);
}

static ptrdiff_t socket_read(const lwt_api *lwt, lua_State *L, int idx, char *data,
                             size_t size) {
  lwt_uv_stream *s = stream_at(lwt, L, idx);
  ssize_t n;
  if (s == NULL) return LWT_NO_SOCKET;
  if (lwt_uv_stream_has_reader(s) || s->rcb != NULL) return LWT_AGAIN;
  if (s->held_n > 0) {
    if (size > s->held_n) size = s->held_n;
    memcpy(data, lwt_uv_stream_first(s), size);
    lwt_uv_stream_take(s, size);
    return (ptrdiff_t)size;
  }
  n = s->end != 0 ? s->end : lwt_uv_stream_read_now(s, data, size);
  return n > 0 ? (ptrdiff_t)n : n == UV_EOF ? 0 : LWT_AGAIN;
}

static ptrdiff_t socket_write(const lwt_api *lwt, lua_State *L, int idx, const char *data,
                              size_t size) {
  lwt_uv_stream *s = stream_at(lwt, L, idx);
  uv_buf_t buf;
  ssize_t n;
  if (s == NULL) return LWT_NO_SOCKET;
  if (s->first != NULL || s->half_sent || s->chunks > 0 || s->shut || size == 0)
    return LWT_AGAIN;
  buf.base = (char *)data; /* not written to */
  buf.len = size;
  n = lwt_uv_stream_try_write(s, &buf, 1);
  return n > 0 ? (ptrdiff_t)n : LWT_AGAIN;
}

/* ---- Waiting to read -------------------------------------------------------- */

static void call(lua_State *L, void *data) {
  lwt_socket_wait *w = data;
  w->f(L, w);
}

/* As a channel's read that has no buffer: its callback is told that there is something. */
static void ready(port *p, void *data, ssize_t status) {
  lwt_uv_stream *s = lwt_uv_stream_of_port(p);
  lwt_socket_wait *w = data;
  (void)status;
  w->at = NULL;
  if (lwt_uv_enter_last(s->h.ctx, call, w) != -2 || s->h.box == NULL) return;
  w->at = s; /* it could not even be called: at the next event, which comes at once */
  lwt_uv_stream_port_wait(s, ready, w);
}

static int socket_wait(const lwt_api *lwt, lua_State *L, int idx, lwt_socket_wait *w) {
  lwt_uv_stream *s = stream_at(lwt, L, idx);
  if (s == NULL) return LWT_NO_SOCKET;
  if (!s->raw || lwt_uv_stream_has_reader(s) || s->rcb != NULL) return LWT_AGAIN;
  if (s->held_n > 0 || s->end != 0 || lwt_uv_stream_port_wait(s, ready, w) < 0) return 1;
  w->at = s;
  return 0;
}

static void socket_unwait(const lwt_api *lwt, lwt_socket_wait *w) {
  lwt_uv_stream *s = w->at;
  (void)lwt;
  if (s == NULL) return;
  w->at = NULL;
  lwt_uv_stream_port_read_cancel(&s->p);
}

/* The block of the socket is freed. Only at the end of the state something may still wait
** for it. */
void lwt_uv_stream_forget_wait(lwt_uv_stream *s) {
  if (s->rcb == ready) ((lwt_socket_wait *)s->rdata)->at = NULL;
}

void lwt_uv_add_socket_memory(lwt_uv *ctx) {
  ctx->lwt->socket_read = socket_read;
  ctx->lwt->socket_write = socket_write;
  ctx->lwt->socket_wait = socket_wait;
  ctx->lwt->socket_unwait = socket_unwait;
}
