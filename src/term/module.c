/* module.c: the module lwt.term.core. */
#include <lauxlib.h>
#include <lua.h>
#include <lwt.h>

#include <utf8proc.h>

__attribute__((visibility("default"))) int luaopen_lwt_term_core(lua_State *L) {
  static const luaL_Reg functions[] = {{NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
