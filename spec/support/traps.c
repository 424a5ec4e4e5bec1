/* traps.c: what other code in a process does that TLS must not mind: it leaves errors in
** OpenSSL's queue, and does not ignore SIGPIPE. */
#include <signal.h>

#include <lauxlib.h>
#include <lua.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

/* leave_errors(): as a library does that has failed and not looked at why. */
static int leave_errors(lua_State *L) {
  (void)L;
  ERR_put_error(ERR_LIB_SSL, 0, SSL_R_WRONG_VERSION_NUMBER, __FILE__, __LINE__);
  ERR_put_error(ERR_LIB_PEM, 0, ERR_R_MALLOC_FAILURE, __FILE__, __LINE__);
  return 0;
}

/* errors() -> whether the queue has any. */
static int errors(lua_State *L) {
  lua_pushboolean(L, ERR_peek_error() != 0);
  return 1;
}

/* default_sigpipe(): as a process has it that is started by a shell. */
static int default_sigpipe(lua_State *L) {
  (void)L;
  signal(SIGPIPE, SIG_DFL);
  return 0;
}

/* has_default_sigpipe() -> whether writing to one who has gone would kill. */
static int has_default_sigpipe(lua_State *L) {
  struct sigaction now;
  sigaction(SIGPIPE, NULL, &now);
  lua_pushboolean(L, now.sa_handler == SIG_DFL);
  return 1;
}

int luaopen_spec_traps(lua_State *L) {
  static const luaL_Reg functions[] = {{"leave_errors", leave_errors},
                                       {"errors", errors},
                                       {"default_sigpipe", default_sigpipe},
                                       {"has_default_sigpipe", has_default_sigpipe},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
