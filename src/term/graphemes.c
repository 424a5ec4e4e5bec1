/* graphemes.c: clusters, what a reader calls characters (Unicode's annex 29), by
** libutf8proc. */
#include <utf8proc.h>

#include "text.h"

static int32_t code_point(const unsigned char *s, size_t n, size_t *size) {
  int32_t cp;
  *size = lwt_utf8_next(s, n, &cp);
  return cp == LWT_TEXT_MALFORMED ? LWT_TEXT_REPLACEMENT : cp;
}

size_t lwt_grapheme_next(const unsigned char *s, size_t n) {
  size_t size, at;
  int32_t state = 0, before, cp;
  /* Of two ASCII characters only CR LF stay together. */
  if (n == 1 || (s[0] < 0x80 && s[1] < 0x80))
    return n > 1 && s[0] == '\r' && s[1] == '\n' ? 2 : 1;
  before = code_point(s, n, &at);
  while (at < n) {
    cp = code_point(s + at, n - at, &size);
    if (utf8proc_grapheme_break_stateful(before, cp, &state)) break;
    at += size;
    before = cp;
  }
  return at;
}

/* The iterator: upvalue 1 is the string, 2 the offset of the next cluster. */
static int next_cluster(lua_State *L) {
  size_t n, size, at = (size_t)lua_tointeger(L, lua_upvalueindex(2));
  const char *s = lua_tolstring(L, lua_upvalueindex(1), &n);
  if (at >= n) return 0;
  size = lwt_grapheme_next((const unsigned char *)s + at, n - at);
  lua_pushinteger(L, (lua_Integer)at + (lua_Integer)size);
  lua_replace(L, lua_upvalueindex(2));
  lua_pushlstring(L, s + at, size);
  lua_pushinteger(L, (lua_Integer)at + 1);
  return 2;
}

/*---
Iterates over the clusters of `s`: what a reader calls characters, by the rules of
Unicode's annex 29. With each comes the position of its first byte. Put together, they are
`s` again.

@param s string
@return fun(): string?, integer? the next cluster and its position
```lua
for cluster, at in text.graphemes("ne\u{301}!") do print(at, #cluster) end
--> 1 1
--> 2 3
--> 5 1
```
@function lwt.text.graphemes(s)
*/
int lwt_text_l_graphemes(lua_State *L) {
  luaL_checkstring(L, 1); /* a number becomes a string in its place */
  lua_pushvalue(L, 1);
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, next_cluster, 2);
  return 1;
}
