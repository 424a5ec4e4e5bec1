/* connect.c: the request of connecting one socket to one address, for tcp and pipe.
**
** User value 3 of the request is the socket to be, which only the request has so far: an
** error, a cancelled promise and the end of the state close it.
*/
#include "internal.h"

typedef struct connect_req {
  lwt_uv_req r;
  uv_connect_t uv;
  lwt_uv_box *box;
  int nodelay;
} connect_req;

static int connected(lua_State *L, lwt_uv_req *r) {
  connect_req *c = (connect_req *)(void *)r;
  if (c->box->h == NULL) return UV_ECANCELED;
  if (c->nodelay) uv_tcp_nodelay((uv_tcp_t *)(void *)c->box->h->uv, 1); /* a wish */
  lwt_uv_req_push(L, r);
  lua_getiuservalue(L, -1, 3);
  return 1;
}

/* The socket was not delivered. Closing it is also what ends a connecting that was
** cancelled: its callback comes with UV_ECANCELED. */
static void give_up(lwt_uv_req *r) {
  connect_req *c = (connect_req *)(void *)r;
  if (!r->taken)
    lwt_uv_handle_close(r->ctx->closing ? NULL : lwt_uv_main(r->ctx), c->box, 1);
}

static const lwt_uv_req_class connect_class = {
    .op = "connect",
    .what_key = "address",
    .result = connected,
    .release = give_up,
    .cancel = give_up,
};

uv_connect_t *lwt_uv_connect_begin(lwt_uv_stream *s, lua_State *L, const char *text,
                                   int nodelay) {
  int socket = lua_gettop(L);
  connect_req *c;
  lua_pushstring(L, text);
  c = lwt_uv_req_new(s->h.ctx, L, &connect_class, sizeof *c, offsetof(connect_req, uv),
                     -1, 1);
  c->box = s->h.box;
  c->nodelay = nodelay;
  lua_pushvalue(L, socket);
  lua_setiuservalue(L, -3, 3);
  return &c->uv;
}

int lwt_uv_connect_begun(lua_State *L, uv_connect_t *uv, int status) {
  return lwt_uv_req_started(L, uv->data, status);
}

void lwt_uv_on_connect(uv_connect_t *uv, int status) {
  lwt_uv_req_done(uv->data, status);
}
