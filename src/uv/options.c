/* options.c: numbers as arguments, and tables of options. What is wrong with one is an argument
** error. A string is no number, whatever is in it. */
#include <limits.h>
#include <string.h>

#include "internal.h"

lua_Integer lwt_uv_check_integer(lua_State *L, int arg) {
  luaL_checktype(L, arg, LUA_TNUMBER);
  return luaL_checkinteger(L, arg);
}

lua_Integer lwt_uv_opt_integer(lua_State *L, int arg, lua_Integer otherwise) {
  return lua_isnoneornil(L, arg) ? otherwise : lwt_uv_check_integer(L, arg);
}

lua_Number lwt_uv_check_number(lua_State *L, int arg) {
  luaL_checktype(L, arg, LUA_TNUMBER);
  return lua_tonumber(L, arg);
}

/* The value on top, where it is an integer and no string. */
static lua_Integer exact_integer(lua_State *L, int *is_one) {
  *is_one = 0;
  return lua_type(L, -1) == LUA_TNUMBER ? lua_tointegerx(L, -1, is_one) : 0;
}

void lwt_uv_check_options(lua_State *L, int arg, const char *const names[]) {
  if (lua_isnoneornil(L, arg)) return;
  luaL_checktype(L, arg, LUA_TTABLE);
  lua_pushnil(L);
  while (lua_next(L, arg) != 0) {
    int i = 0;
    lua_pop(L, 1);
    if (lua_type(L, -1) == LUA_TSTRING)
      while (names[i] != NULL && strcmp(names[i], lua_tostring(L, -1)) != 0) i++;
    if (lua_type(L, -1) != LUA_TSTRING || names[i] == NULL)
      luaL_argerror(
          L, arg, lua_pushfstring(L, "unknown option '%s'", luaL_tolstring(L, -1, NULL)));
  }
}

int lwt_uv_option_flag(lua_State *L, int arg, const char *name, int otherwise) {
  int on = otherwise;
  if (!lua_istable(L, arg)) return on;
  if (lua_getfield(L, arg, name) != LUA_TNIL) {
    if (!lua_isboolean(L, -1)) {
      lua_pushfstring(L, "option '%s' is no boolean", name);
      luaL_argerror(L, arg, lua_tostring(L, -1));
    }
    on = lua_toboolean(L, -1);
  }
  lua_pop(L, 1);
  return on;
}

lua_Integer lwt_uv_option_number(lua_State *L, int arg, const char *name, lua_Integer low,
                                 lua_Integer high, lua_Integer otherwise) {
  lua_Integer n = otherwise;
  int exact = 1;
  if (!lua_istable(L, arg)) return n;
  if (lua_getfield(L, arg, name) != LUA_TNIL) {
    n = exact_integer(L, &exact);
    if (!exact || n < low || n > high) {
      lua_pushfstring(L, "option '%s' is no integer from %I to %I", name,
                      (LUAI_UACINT)low, (LUAI_UACINT)high);
      luaL_argerror(L, arg, lua_tostring(L, -1));
    }
  }
  lua_pop(L, 1);
  return n;
}

size_t lwt_uv_check_buffer_size(lua_State *L, int arg, lua_Integer n) {
  luaL_argcheck(L, n >= LWT_UV_BUFFER_MIN && n <= INT_MAX, arg,
                "buffer size out of range");
  return (size_t)n;
}

lua_Integer lwt_uv_option_integer(lua_State *L, int arg, const char *name,
                                  lua_Integer otherwise) {
  lua_Integer n = otherwise;
  int ok;
  if (!lua_istable(L, arg)) return n;
  if (lua_getfield(L, arg, name) != LUA_TNIL) {
    n = exact_integer(L, &ok);
    if (!ok) luaL_argerror(L, arg, lua_pushfstring(L, "option '%s' is no integer", name));
  }
  lua_pop(L, 1);
  return n;
}

size_t lwt_uv_option_buffer_size(lua_State *L, int arg) {
  const lua_Integer none = LUA_MININTEGER;
  lua_Integer n = lwt_uv_option_integer(L, arg, "buffer_size", none);
  return n == none ? 0 : lwt_uv_check_buffer_size(L, arg, n);
}
