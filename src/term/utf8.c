/* utf8.c: UTF-8, in and out. What is no character is cut as Unicode recommends ("maximal
** subparts"): overlong forms, surrogates and numbers above 10FFFF byte by byte, a
** character that is cut off as one piece. */
#include <string.h>

#include "text.h"

/* The first bytes say how many follow, and between which bounds the first of those
** lies. */
static int lead(unsigned char c, unsigned char *low, unsigned char *high) {
  *low = 0x80;
  *high = 0xBF;
  if (c < 0xC2) return 0;
  if (c < 0xE0) return 1;
  if (c < 0xF0) {
    if (c == 0xE0) *low = 0xA0;
    if (c == 0xED) *high = 0x9F;
    return 2;
  }
  if (c < 0xF5) {
    if (c == 0xF0) *low = 0x90;
    if (c == 0xF4) *high = 0x8F;
    return 3;
  }
  return 0;
}

size_t lwt_utf8_next_part(const unsigned char *s, size_t n, int32_t *cp) {
  unsigned char low, high, c = s[0];
  int more, i;
  if (c < 0x80) {
    *cp = c;
    return 1;
  }
  *cp = LWT_TEXT_MALFORMED;
  more = lead(c, &low, &high);
  if (more == 0) return 1;
  int32_t value = c & (0x3F >> more);
  for (i = 1; i <= more; i++) {
    if ((size_t)i >= n) return 0;
    if (s[i] < low || s[i] > high) return (size_t)i;
    value = value << 6 | (s[i] & 0x3F);
    low = 0x80;
    high = 0xBF;
  }
  *cp = value;
  return (size_t)more + 1;
}

size_t lwt_utf8_next(const unsigned char *s, size_t n, int32_t *cp) {
  size_t size = lwt_utf8_next_part(s, n, cp);
  return size == 0 ? n : size; /* cut off: all that is left of it is one piece */
}

size_t lwt_utf8_put(int32_t cp, unsigned char *out) {
  if (cp < 0x80) {
    out[0] = (unsigned char)cp;
    return 1;
  }
  if (cp < 0x800) {
    out[0] = (unsigned char)(0xC0 | cp >> 6);
    out[1] = (unsigned char)(0x80 | (cp & 0x3F));
    return 2;
  }
  if (cp < 0x10000) {
    out[0] = (unsigned char)(0xE0 | cp >> 12);
    out[1] = (unsigned char)(0x80 | (cp >> 6 & 0x3F));
    out[2] = (unsigned char)(0x80 | (cp & 0x3F));
    return 3;
  }
  out[0] = (unsigned char)(0xF0 | cp >> 18);
  out[1] = (unsigned char)(0x80 | (cp >> 12 & 0x3F));
  out[2] = (unsigned char)(0x80 | (cp >> 6 & 0x3F));
  out[3] = (unsigned char)(0x80 | (cp & 0x3F));
  return 4;
}

size_t lwt_ascii_prefix(const unsigned char *s, size_t n) {
  size_t i = 0;
  for (; i + sizeof(uint64_t) <= n; i += sizeof(uint64_t)) {
    uint64_t word;
    memcpy(&word, s + i, sizeof word);
    if (word & 0x8080808080808080u) break;
  }
  while (i < n && s[i] < 0x80) i++;
  return i;
}

/*---
How many characters (code points) `s` has. A piece that is not UTF-8 counts as one.

@param s string
@return integer
```lua
print(text.length("naïve"), #"naïve", text.length("\xFF"))   --> 5 6 1
```
@function lwt.text.length(s)
*/
int lwt_text_l_length(lua_State *L) {
  size_t n, count = 0, i = 0;
  const unsigned char *s = (const unsigned char *)luaL_checklstring(L, 1, &n);
  while (i < n) {
    size_t plain = lwt_ascii_prefix(s + i, n - i);
    int32_t cp;
    i += plain;
    count += plain;
    if (i == n) break;
    do {
      i += lwt_utf8_next(s + i, n - i, &cp);
      count++;
    } while (i < n && s[i] >= 0x80);
  }
  lua_pushinteger(L, (lua_Integer)count);
  return 1;
}
