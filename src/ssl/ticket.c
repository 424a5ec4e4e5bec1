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

/* The newest that the server has given. TLS 1.2 gives none when it resumes: the old one serves
** again; in TLS 1.3 each serves once. */
static SSL_SESSION *ticket_of(const session *s) {
  SSL_SESSION *ticket = s->ticket;
  if (ticket == NULL && s->open && SSL_version(s->ssl) < TLS1_3_VERSION)
    ticket = SSL_get_session(s->ssl);
  return ticket != NULL && SSL_SESSION_is_resumable(ticket) ? ticket : NULL;
}

/* session() -> the newest that can be resumed, or nil. */
int lwt_ssl_l_ticket(lua_State *L) {
  session *s;
  SSL_SESSION *ticket, **box = lua_newuserdatauv(L, sizeof(void *), 0);
  *box = NULL;
  luaL_setmetatable(L, TICKET_TYPE);
  s = lwt_ssl_check_session(L, 1); /* a finalizer may have run */
  ticket = ticket_of(s);
  if (ticket != NULL) {
    SSL_SESSION_up_ref(ticket);
    *box = ticket;
  } else {
    lua_pushnil(L);
  }
  return 1;
}

void lwt_ssl_open_tickets(lua_State *L) {
  luaL_newmetatable(L, TICKET_TYPE);
  lua_pushcfunction(L, l_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
