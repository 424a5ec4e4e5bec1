/* error.c: from a libuv status to lwt's error object, in one place.
**
** Called by every family. Owns nothing. `code` is libuv's name of the error, `errno` the
** system's number (0 where the system has none: UV_EOF, the resolver's errors).
*/
#include <string.h>

#include "internal.h"

void lwt_uv_push_error(lwt_uv *ctx, lua_State *L, ssize_t status, const char *op,
                       const char *what_key, const char *what) {
  char name[64], message[160];
  int err = (int)status;
  uv_err_name_r(err, name, sizeof name);
  uv_strerror_r(err, message, sizeof message);
  /* libuv numbers what the system does not know from -3000 downwards. */
  ctx->lwt->push_error(ctx->lwt, L, name, err > -3000 ? -err : 0, message, op,
                       what == NULL ? NULL : what_key, what);
}

int lwt_uv_reject(lwt_uv *ctx, lua_State *L, ssize_t status, const char *op,
                  const char *what_key, const char *what) {
  lwt_uv_push_error(ctx, L, status, op, what_key, what);
  ctx->lwt->rejected(ctx->lwt, L);
  return 1;
}

int lwt_uv_raise(lwt_uv *ctx, lua_State *L, ssize_t status, const char *op,
                 const char *what_key, const char *what) {
  lwt_uv_push_error(ctx, L, status, op, what_key, what);
  return lua_error(L);
}

int lwt_uv_reject_closed(lwt_uv *ctx, lua_State *L) {
  ctx->lwt->push_sentinel(ctx->lwt, L, "Closed");
  ctx->lwt->rejected(ctx->lwt, L);
  return 1;
}

int lwt_uv_raise_closed(lua_State *L, const char *kind) {
  return luaL_error(L, "attempt to use a closed %s", kind);
}
