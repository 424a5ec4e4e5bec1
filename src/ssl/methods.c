/* methods.c: `read` and `write` of streams, for the simple case: the stream is carried by
** a socket of lwt.net, no other operation is before this one, and what is written is sent
** at once. All other cases are left to the functions in Lua that these are made with
** (lua/lwt/ssl/stream.lua). Also the functions that those need.
*/
#include "ssl.h"

/* Upvalues of a method, beside lwt's table. */
#define OTHERS 2 /* the function in Lua */
#define META 3   /* the metatable of streams */
#define CONN 4   /* "conn": the field of a stream that has its session */
#define SENT 5   /* a fulfilled promise */

/* Push the userdata of the session of the stream at 1. NULL: there is no stream, no session any
** more, or a cancel is due to the task. */
static session *push_session(lua_State *L) {
  const lwt_api *lwt = lwt_ssl_lwt(L);
  session *s;
  if (lua_type(L, 1) != LUA_TTABLE || !lua_getmetatable(L, 1)) return NULL;
  if (lua_topointer(L, -1) != lua_topointer(L, lua_upvalueindex(META))) return NULL;
  lua_pushvalue(L, lua_upvalueindex(CONN));
  lua_rawget(L, 1);
  s = lwt_ssl_test_session(L, -1); /* (a table with its metatable has none) */
  return s == NULL || s->busy || lwt->cancel_due(lwt) ? NULL : s;
}

/* The same in Lua, with the `n` arguments below. */
static int others(lua_State *L, int n) {
  lua_settop(L, n);
  lua_pushvalue(L, lua_upvalueindex(OTHERS));
  lua_insert(L, 1);
  lua_call(L, n, 1);
  return 1;
}

static int l_read(lua_State *L) {
  lua_Integer want = LWT_SSL_MOST;
  lua_settop(L, 2);
  if (lua_type(L, 2) == LUA_TNUMBER) want = lua_tointeger(L, 2);
  if ((lua_isnil(L, 2) || lua_isinteger(L, 2)) && want >= 1 && push_session(L) != NULL &&
      lwt_ssl_pull(L, lua_gettop(L), want < LWT_SSL_MOST ? (size_t)want : LWT_SSL_MOST))
    return 1;
  return others(L, 2);
}

static int l_write(lua_State *L) {
  session *s;
  lua_settop(L, 2);
  s = lua_type(L, 2) == LUA_TSTRING ? push_session(L) : NULL;
  if (s == NULL || s->slow_out) return others(L, 2);
  if (lwt_ssl_put(L, lua_gettop(L), s, 2)) {
    lua_pushvalue(L, lua_upvalueindex(SENT));
    return 1;
  }
  lua_insert(L, 3); /* how far it has come */
  return others(L, 3);
}

/* methods(metatable, read, write, sent) -> read, write. */
static int l_methods(lua_State *L) {
  static const lua_CFunction quick[] = {l_read, l_write};
  lua_settop(L, 4);
  for (int i = 0; i < 2; i++) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 2 + i);
    lua_pushvalue(L, 1);
    lua_pushliteral(L, "conn");
    lua_pushvalue(L, 4);
    lua_pushcclosure(L, quick[i], 5);
  }
  return 2;
}

/* settle(promise, ok, value): of one that was withdrawn. */
static int l_settle(lua_State *L) {
  const lwt_api *lwt = lwt_ssl_lwt(L);
  luaL_argcheck(L, lwt->is_promise(lwt, L, 1), 1, "promise expected");
  lua_settop(L, 3);
  if (lua_toboolean(L, 2))
    lwt->fulfill(lwt, L, 1, 1);
  else
    lwt->reject(lwt, L, 1);
  return 0;
}

/* is_socket(x): of lwt.net, and open. */
static int l_is_socket(lua_State *L) {
  const lwt_api *lwt = lwt_ssl_lwt(L);
  luaL_checkany(L, 1);
  lua_pushboolean(L, lwt->socket_write != NULL &&
                         lwt->socket_write(lwt, L, 1, "", 0) != LWT_NO_SOCKET);
  return 1;
}

/* attend(f): call f(stream, promise, want) for a read that Lua has to see to; f(stream) when
** there is something to send. */
static int l_attend(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &lwt_ssl_attend);
  return 0;
}

const luaL_Reg lwt_ssl_methods[] = {{"methods", l_methods},
                                    {"settle", l_settle},
                                    {"attend", l_attend},
                                    {"is_socket", l_is_socket},
                                    {NULL, NULL}};
