/* exchange.c: two channels exchange their ports, and with them what was read ahead: so a channel
** goes on over TLS (lua/lwt/io/secure.lua), the other one carrying it, and back when the
** handshake has failed.
**
** Called by Lua in the turn of an `atomic`: no operation of either is under way. What could not
** be written goes with the port as well.
*/
#include "channel.h"

static int is_quiet(const channel *ch) {
  return !ch->closed && !ch->out.pending && !ch->out.closing;
}

static void exchange_owners(lua_State *L) {
  lua_getiuservalue(L, 1, UV_OWNER);
  lua_getiuservalue(L, 2, UV_OWNER);
  lua_setiuservalue(L, 1, UV_OWNER);
  lua_setiuservalue(L, 2, UV_OWNER);
}

/* The bytes go with the port; how long a line may be, and the size of the buffer, do not. */
static void exchange_input(channel *a, channel *b) {
  channel_in in = a->in;
  a->in = b->in;
  a->in.size = in.size;
  a->in.limit = in.limit;
  in.size = b->in.size;
  in.limit = b->in.limit;
  b->in = in;
}

static void exchange_output(channel *a, channel *b) {
  channel_out out = a->out;
  a->out = b->out;
  a->out.size = out.size;
  out.size = b->out.size;
  b->out = out;
}

/* a:_exchange(b): first views, both. */
int lwt_uv_channel_l_exchange(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  channel *a = lwt_uv_channel_view(ctx, L, 1)->ch,
          *b = lwt_uv_channel_view(ctx, L, 2)->ch;
  port *p = a->port;
  void (*let_go)(port *) = a->let_go;
  unsigned char made = a->made, shared = a->shared;
  luaL_checkstack(L, 4, NULL);
  luaL_argcheck(L, a->sides == b->sides && is_quiet(a) && is_quiet(b), 2,
                "not the time to exchange");
  lwt_uv_channel_stop_reading(a);
  lwt_uv_channel_stop_reading(b);
  a->port = b->port;
  a->let_go = b->let_go;
  a->made = b->made;
  a->shared = b->shared;
  b->port = p;
  b->let_go = let_go;
  b->made = made;
  b->shared = shared;
  exchange_owners(L);
  exchange_input(a, b);
  exchange_output(a, b);
  a->changes++;
  b->changes++;
  return 0;
}
