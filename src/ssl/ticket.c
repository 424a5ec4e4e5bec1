/* ticket.c: what a client keeps of a connection to resume it: userdata around SSL_SESSION. */
#include "ssl.h"

static int l_gc(lua_State *L) {
  SSL_SESSION **box = luaL_checkudata(L, 1, TICKET_TYPE);
  SSL_SESSION_free(*box);
  *box = NULL;
  return 0;
}

SSL_SESSION *lwt_ssl_test_ticket(lua_State *L, int arg) {
  SSL_SESSION **box = luaL_testudata(L, arg, TICKET_TYPE);
  return box == NULL ? NULL : *box;
}

/* session() -> the newest that can be resumed, or nil. */
int lwt_ssl_l_ticket(lua_State *L) {
  session *s = lwt_ssl_check_session(L, 1);
  SSL_SESSION **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, TICKET_TYPE);
  if (s->ticket == NULL || !SSL_SESSION_is_resumable(s->ticket)) return 0;
  SSL_SESSION_up_ref(s->ticket);
  *box = s->ticket;
  return 1;
}

void lwt_ssl_open_tickets(lua_State *L) {
  luaL_newmetatable(L, TICKET_TYPE);
  lua_pushcfunction(L, l_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
