/* net.c: the table of network functions (uv.net), put together from its files. */
#include "uv_internal.h"

void lwt_uv_descriptor_freed(lwt_uv *ctx) {
  (void)ctx;
}

void lwt_uv_open_net(lwt_uv *ctx, lua_State *L) {
  (void)ctx;
  lua_newtable(L);
}
