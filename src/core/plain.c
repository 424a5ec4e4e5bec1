/* plain.c: may text stand in a line as it is?
**
** What anybody may have chosen (a message of a log, say) must not be able to look like two lines,
** nor to talk to a terminal. This says whether there is anything in it that could; how that is
** written instead is lwt.log.text's. A log asks for each record: hence in C. */
#include "core.h"

/* The character whose first byte, not ASCII, is at s; NULL where it is no UTF-8. */
static const unsigned char *decode(const unsigned char *s, const unsigned char *end,
                                   uint32_t *ch) {
  static const uint32_t least[] = {0x80, 0x800, 0x10000};
  int more = *s >= 0xF0 ? 3 : *s >= 0xE0 ? 2 : 1;
  const unsigned char *stop = s + 1 + more;
  uint32_t v = *s & (0x3Fu >> more);
  if (*s < 0xC0 || *s >= 0xF8 || more >= end - s) return NULL;
  while (++s < stop) {
    if ((*s & 0xC0) != 0x80) return NULL;
    v = v << 6 | (*s & 0x3Fu);
  }
  if (v < least[more - 1] || v > 0x10FFFF || (v >= 0xD800 && v < 0xE000)) return NULL;
  *ch = v;
  return s;
}

/* Control characters of C1, line ends, and what changes the direction of writing. */
static int is_odd(uint32_t ch) {
  return ch < 0xA0 || (ch >= 0x2028 && ch <= 0x202E) || (ch >= 0x2066 && ch <= 0x2069);
}

static int is_plain(const unsigned char *s, const unsigned char *end, int quoted) {
  while (s < end) {
    uint32_t ch;
    if ((unsigned char)(*s - ' ') < 0x7F - ' ') {
      if (quoted && (*s == '"' || *s == '\\')) return 0;
      s++;
    } else if (*s == '\t' && !quoted) {
      s++;
    } else if (*s < 0x80 || (s = decode(s, end, &ch)) == NULL || is_odd(ch)) {
      return 0;
    }
  }
  return 1;
}

/* core.is_plain(s, [quoted]): nothing in s has to be escaped, in a line of text, or between the
** quotes of JSON. */
static int l_is_plain(lua_State *L) {
  size_t len;
  const unsigned char *s = (const unsigned char *)luaL_checklstring(L, 1, &len);
  lua_pushboolean(L, is_plain(s, s + len, lua_toboolean(L, 2)));
  return 1;
}

static const luaL_Reg functions[] = {{"is_plain", l_is_plain}, {NULL, NULL}};

void lwt_plain_open(lua_State *L, lwt_context *c) {
  lwt_register(L, c, functions);
}
