/* ticket.c: what a client keeps of a connection to resume it: userdata around SSL_SESSION, with
** what the server's certificate was verified for. When a session is resumed the server shows no
** certificate: so a session serves again only under the same rules, and for the same name.
*/
#include "ssl.h"

#include <string.h>

typedef struct ticket {
  SSL_SESSION *session;
  unsigned char rules[LWT_SSL_RULES];
  char name[LWT_SSL_NAME]; /* whom the client expected; empty: nobody */
} ticket;

static int l_gc(lua_State *L) {
  ticket *t = luaL_checkudata(L, 1, TICKET_TYPE);
  SSL_SESSION_free(t->session);
  t->session = NULL;
  return 0;
}

/* The newest that the server has given. TLS 1.2 gives none when it resumes: the old one serves
** again; in TLS 1.3 each serves once. */
static SSL_SESSION *newest(const session *s) {
  SSL_SESSION *given = s->ticket;
  if (given == NULL && s->open && SSL_version(s->ssl) < TLS1_3_VERSION)
    given = SSL_get_session(s->ssl);
  return given != NULL && SSL_SESSION_is_resumable(given) ? given : NULL;
}

/* session() -> the newest that can be resumed, or nil. */
int lwt_ssl_l_ticket(lua_State *L) {
  session *s;
  ticket *t = lua_newuserdatauv(L, sizeof *t, 0);
  memset(t, 0, sizeof *t);
  luaL_setmetatable(L, TICKET_TYPE);
  s = lwt_ssl_check_session(L, 1); /* a finalizer may have run */
  t->session = newest(s);
  if (t->session != NULL) {
    SSL_SESSION_up_ref(t->session);
    memcpy(t->rules, s->context->rules, sizeof t->rules);
    if (s->expected != NULL) strncpy(t->name, s->expected, sizeof t->name - 1);
  } else {
    lua_pushnil(L);
  }
  return 1;
}

/* is_session(x): what session() gives. */
int lwt_ssl_l_is_ticket(lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushboolean(L, luaL_testudata(L, 1, TICKET_TYPE) != NULL);
  return 1;
}

/* resume(ticket), after expect(): one that does not fit is simply not resumed. */
int lwt_ssl_l_resume(lua_State *L) {
  session *s = lwt_ssl_check_idle(L);
  const ticket *t = luaL_testudata(L, 2, TICKET_TYPE);
  const char *name = s->expected != NULL ? s->expected : "";
  luaL_argcheck(L, t != NULL && t->session != NULL, 2, "session expected");
  if (strcmp(t->name, name) != 0) return 0;
  if (memcmp(t->rules, s->context->rules, sizeof t->rules) != 0) return 0;
  ERR_clear_error();
  SSL_set_session(s->ssl, t->session);
  ERR_clear_error();
  return 0;
}

void lwt_ssl_open_tickets(lua_State *L) {
  luaL_newmetatable(L, TICKET_TYPE);
  lua_pushcfunction(L, l_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
