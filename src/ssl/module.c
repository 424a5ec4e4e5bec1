/* module.c: the module lwt.ssl.core: contexts and sessions for lua/lwt/ssl. */
#include "ssl.h"

const lwt_api *lwt_ssl_lwt(lua_State *L) {
  return lua_touserdata(L, lua_upvalueindex(1));
}

/* The interface is in the registry from the beginning (lwt_import below). */
void lwt_ssl_functions(lua_State *L, const luaL_Reg *functions) {
  lua_pushlightuserdata(L, (void *)lwt_import(L));
  luaL_setfuncs(L, functions, 1);
}

/* At `exit` OpenSSL would take away what the handshakes of other threads (workers, jobs) are using. */
static void start_openssl(void) {
#ifdef OPENSSL_INIT_NO_ATEXIT
  OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
#endif
  OPENSSL_init_ssl(0, NULL);
}

__attribute__((visibility("default"))) int luaopen_lwt_ssl_core(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"context", lwt_ssl_l_context},      {"connection", lwt_ssl_l_session},
      {"is_session", lwt_ssl_l_is_ticket}, {"defaults", lwt_ssl_l_defaults},
      {"is_hashed", lwt_ssl_l_is_hashed},  {NULL, NULL}};
  lwt_import(L);
  start_openssl();
  lwt_ssl_open_tickets(L);
  lwt_ssl_open_contexts(L);
  lwt_ssl_open_sessions(L);
  lua_createtable(L, 0, 4);
  lwt_ssl_functions(L, functions);
  lwt_ssl_functions(L, lwt_ssl_methods);
  lwt_ssl_functions(L, lwt_ssl_viewing);
  lua_pushstring(L, OpenSSL_version(OPENSSL_VERSION));
  lua_setfield(L, -2, "library");
  return 1;
}
