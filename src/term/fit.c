/* fit.c: text cut or filled up to a number of columns. */
#include <string.h>

#include "text.h"

/* How many bytes of whole clusters at the beginning take at most so many columns. */
static size_t fit(const unsigned char *s, size_t n, size_t columns, int flags) {
  size_t at = 0, width = 0;
  while (at < n) {
    size_t size = lwt_grapheme_next(s + at, n - at);
    width += lwt_width_of_cluster(s + at, size, flags);
    if (width > columns) break;
    at += size;
  }
  return at;
}

static size_t check_columns(lua_State *L, int arg) {
  lua_Integer columns = luaL_checkinteger(L, arg);
  luaL_argcheck(L, columns >= 0, arg, "must not be negative");
  return (size_t)columns;
}

/*---
`s` when it takes at most `columns` columns; otherwise as much of its beginning as fits
with the ellipsis behind it. A cluster is never cut. An ellipsis that is wider than
`columns` is left out.

@param s string
@param columns integer at least 0
@param ellipsis string? `"…"`
@param opts table? `ambiguous`, `emoji`: see `width`
@return string
```lua
print(text.truncate("a long title", 7), text.truncate("short", 7))   --> a long… short
print(text.truncate("日本語", 5, ""))   --> 日本
```
@function lwt.text.truncate(s, columns, ellipsis, opts)
*/
int lwt_text_l_truncate(lua_State *L) {
  size_t n, size, dots;
  const unsigned char *s = (const unsigned char *)luaL_checklstring(L, 1, &n);
  size_t columns = check_columns(L, 2);
  const char *ellipsis = luaL_optlstring(L, 3, "\xE2\x80\xA6", &size);
  int flags = lwt_width_flags(L, 4, NULL);
  if (fit(s, n, columns, flags) == n) {
    lua_settop(L, 1);
    return 1;
  }
  dots = lwt_width_of_text((const unsigned char *)ellipsis, size, flags);
  if (dots > columns) dots = size = 0;
  lua_pushlstring(L, (const char *)s, fit(s, n, columns - dots, flags));
  lua_pushlstring(L, ellipsis, size);
  lua_concat(L, 2);
  return 1;
}

static size_t left_of(lua_State *L, int arg, size_t room) {
  const char *align = "left";
  if (lua_istable(L, arg) && lua_getfield(L, arg, "align") != LUA_TNIL)
    align = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
  if (strcmp(align, "left") == 0) return 0;
  if (strcmp(align, "right") == 0) return room;
  if (strcmp(align, "center") != 0)
    luaL_argerror(L, arg, "option 'align': must be 'left', 'right' or 'center'");
  return room / 2;
}

/* The option "fill", which stays on the stack: one column wide. */
static const char *fill_of(lua_State *L, int arg, int flags, size_t *size) {
  const char *fill;
  if (!lua_istable(L, arg) || lua_getfield(L, arg, "fill") == LUA_TNIL) {
    *size = 1;
    return " ";
  }
  fill = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, size) : NULL;
  if (fill == NULL || lwt_width_of_text((const unsigned char *)fill, *size, flags) != 1)
    luaL_argerror(L, arg, "option 'fill': must be a string that is one column wide");
  return fill;
}

static char *put_fill(char *to, const char *fill, size_t size, size_t count) {
  for (; count > 0; count--, to += size) memcpy(to, fill, size);
  return to;
}

/*---
`s` filled up with blanks to so many columns. What is as wide or wider stays as it is.
Options: `align` says where the text is then: `"left"` (the default), `"right"` or
`"center"`; `fill` is another character for the blanks, one column wide.

@param s string
@param columns integer at least 0
@param opts table? `align`, `fill`, and `ambiguous`, `emoji`: see `width`
@return string
```lua
print("[" .. text.pad("日本", 6) .. "]", "[" .. text.pad("7", 3, {align = "right"}) .. "]")
--> [日本  ] [  7]
print(text.pad("on", 6, {align = "center", fill = "─"}))   --> ──on──
```
@function lwt.text.pad(s, columns, opts)
*/
int lwt_text_l_pad(lua_State *L) {
  static const char *const others[] = {"align", "fill", NULL};
  size_t n, width, room, left, size;
  char *to;
  const char *fill, *s = luaL_checklstring(L, 1, &n);
  size_t columns = check_columns(L, 2);
  int flags = lwt_width_flags(L, 3, others);
  luaL_Buffer b;
  width = lwt_width_of_text((const unsigned char *)s, n, flags);
  room = width < columns ? columns - width : 0;
  left = left_of(L, 3, room);
  fill = fill_of(L, 3, flags, &size);
  if (room > (SIZE_MAX / 2 - n) / size)
    return luaL_error(L, "resulting string too large");
  to = luaL_buffinitsize(L, &b, n + room * size);
  to = put_fill(to, fill, size, left);
  if (n > 0) memcpy(to, s, n);
  put_fill(to + n, fill, size, room - left);
  luaL_pushresultsize(&b, n + room * size);
  return 1;
}
