/* Put before each file when clang-tidy reads it: tells the analyzer which functions
** of Lua never return, which their declarations cannot say (they "return" an int). */
#include <lauxlib.h>
#include <lua.h>

__attribute__((noreturn)) int lua_error(lua_State *L);
__attribute__((noreturn)) int luaL_error(lua_State *L, const char *fmt, ...);
__attribute__((noreturn)) int luaL_argerror(lua_State *L, int arg, const char *extramsg);
__attribute__((noreturn)) int luaL_typeerror(lua_State *L, int arg, const char *tname);
