/* socket_memory.c: sockets for modules in C (lwt.h): bytes between a socket and their memory,
** without a Lua string in between, as far as that goes without waiting. Who has to wait, or
** wants to know the error, calls the socket's methods.
*/
#include <string.h>

#include "internal.h"

/* NULL: no socket, or closed. */
static lwt_uv_stream *stream_at(const lwt_api *lwt, lua_State *L, int idx) {
  lwt_uv *ctx = lwt_uv_find_context(lwt->main);
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

void lwt_uv_add_socket_memory(lwt_uv *ctx) {
  ctx->lwt->socket_read = socket_read;
  ctx->lwt->socket_write = socket_write;
}
