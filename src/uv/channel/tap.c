/* tap.c: what is written to a terminal on which something is drawn.
**
** A descriptor's port that is tapped writes nothing: its bytes are kept here, in the order of
** all such writes, and a Lua function is told, which takes them and shows them where there is
** room. So code that writes to stdout or stderr knows nothing of it. Called by port_fd.c
** and Lua.
*/
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"

ssize_t lwt_uv_tap_take(lwt_uv *ctx, const uv_buf_t *bufs, unsigned nbufs) {
  channel_tap *tap = &channel_state_of(ctx)->tap;
  size_t n = 0;
  for (unsigned i = 0; i < nbufs; i++) n += bufs[i].len;
  if (tap->len + n > tap->cap) {
    size_t cap = tap->cap * 2 > tap->len + n ? tap->cap * 2 : tap->len + n;
    char *buf = realloc(tap->buf, cap);
    if (buf == NULL) return UV_ENOMEM;
    tap->buf = buf;
    tap->cap = cap;
  }
  for (unsigned i = 0; i < nbufs; i++) {
    memcpy(tap->buf + tap->len, bufs[i].base, bufs[i].len);
    tap->len += bufs[i].len;
  }
  ctx->lwt->idle_start(ctx->lwt, &tap->idle);
  return (ssize_t)n;
}

static void on_idle(lua_State *L, void *data) {
  channel_state *st = data;
  st->ctx->lwt->idle_stop(st->ctx->lwt, &st->tap.idle);
  if (st->tap.len == 0 || st->tap.f == LUA_NOREF) return;
  lua_rawgeti(L, LUA_REGISTRYINDEX, st->tap.f);
  lua_call(L, 0, 0);
}

/* tap(ch, on): what is written to the channel is kept, or goes where it went. */
static int l_tap(lua_State *L) {
  view *v = lwt_uv_check(lwt_uv_context(L), L, 1, LWT_UV_CHANNEL);
  int on = lua_toboolean(L, 2);
  if (v->ch == NULL || v->ch->port_gone || !lwt_uv_port_is_fd(v->ch->port)) return 0;
  if (on) lwt_uv_channel_flush_now(v->ch);
  lwt_uv_port_fd_tap(v->ch->port, on);
  return 0;
}

/* on_tapped(f): what is called, when the loop has nothing else to do, after something was
** kept. */
static int l_on_tapped(lua_State *L) {
  channel_tap *tap = &channel_state_of(lwt_uv_context(L))->tap;
  int f;
  lua_settop(L, 1);
  luaL_checktype(L, 1, LUA_TFUNCTION);
  f = luaL_ref(L, LUA_REGISTRYINDEX);
  luaL_unref(L, LUA_REGISTRYINDEX, tap->f);
  tap->f = f;
  return 0;
}

/* tapped(): takes what was kept. What finalizers write meanwhile comes next time. */
static int l_tapped(lua_State *L) {
  channel_tap *tap = &channel_state_of(lwt_uv_context(L))->tap;
  size_t n = tap->len;
  luaL_Buffer b;
  char *to = luaL_buffinitsize(L, &b, n);
  if (n > tap->len) n = tap->len;
  if (n > 0) {
    memcpy(to, tap->buf, n);
    tap->len -= n;
    memmove(tap->buf, tap->buf + n, tap->len);
  }
  luaL_pushresultsize(&b, n);
  return 1;
}

/* At the end of the state: what was kept is written as it is. */
void lwt_uv_tap_close(lwt_uv *ctx) {
  channel_tap *tap = &channel_state_of(ctx)->tap;
  size_t at = 0;
  ctx->lwt->idle_stop(ctx->lwt, &tap->idle);
  while (at < tap->len) {
    ssize_t n = write(STDOUT_FILENO, tap->buf + at, tap->len - at);
    if (n <= 0) break;
    at += (size_t)n;
  }
  free(tap->buf);
  tap->buf = NULL;
  tap->len = tap->cap = 0;
}

void lwt_uv_tap_open(lwt_uv *ctx) {
  channel_state *st = channel_state_of(ctx);
  st->tap.idle.f = on_idle;
  st->tap.idle.data = st;
  st->tap.f = LUA_NOREF;
}

const luaL_Reg lwt_uv_tap_functions[] = {
    {"tap", l_tap}, {"on_tapped", l_on_tapped}, {"tapped", l_tapped}, {NULL, NULL}};
