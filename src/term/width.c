/* width.c: how many columns of a terminal text takes.
**
** East Asian wide characters take two; marks that stand on others, what only formats and
** control characters none. That is libutf8proc's table, but for three things in which
** terminals agree against it: vowels and finals of Hangul are drawn into the syllable's
** cell, spacing marks take a column, and so does what Unicode has not assigned. */
#include <string.h>

#include <utf8proc.h>

#include "ambiguous.h"
#include "text.h"

#define ZWJ 0x200D
#define EMOJI_STYLE 0xFE0F /* variation selector 16 */

static int is_ambiguous(int32_t cp) {
  size_t low = 0, high = sizeof ambiguous / sizeof ambiguous[0];
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (cp > ambiguous[middle].last)
      low = middle + 1;
    else if (cp < ambiguous[middle].first)
      high = middle;
    else
      return 1;
  }
  return 0;
}

int lwt_width_of(int32_t cp, int flags) {
  const utf8proc_property_t *property;
  if (cp >= 0x20 && cp < 0x7F) return 1;
  if (cp == LWT_TEXT_MALFORMED) cp = LWT_TEXT_REPLACEMENT;
  /* Vowels and finals of Hangul. */
  if ((cp >= 0x1160 && cp <= 0x11FF) || (cp >= 0xD7B0 && cp <= 0xD7FF)) return 0;
  property = utf8proc_get_property(cp);
  switch (property->category) {
  case UTF8PROC_CATEGORY_MN:
  case UTF8PROC_CATEGORY_ME:
  case UTF8PROC_CATEGORY_CC:
  case UTF8PROC_CATEGORY_ZL:
  case UTF8PROC_CATEGORY_ZP: return 0;
  case UTF8PROC_CATEGORY_CF: return cp == 0xAD ? 1 : 0; /* the soft hyphen is drawn */
  case UTF8PROC_CATEGORY_MC:
  case UTF8PROC_CATEGORY_CN: return 1;
  default: break;
  }
  if (property->charwidth == 2) return 2;
  return (flags & LWT_WIDTH_AMBIGUOUS) && is_ambiguous(cp) ? 2 : 1;
}

static int is_skin_tone(int32_t cp) {
  return cp >= 0x1F3FB && cp <= 0x1F3FF;
}

/* The columns of the cluster's code points. With LWT_WIDTH_EMOJI what is joined to an
** emoji is drawn into it, and what asks for emoji style is as wide as one. */
size_t lwt_width_of_cluster(const unsigned char *s, size_t n, int flags) {
  size_t i = 0, width = 0;
  int32_t cp, before = 0;
  int joined = flags & LWT_WIDTH_EMOJI;
  if (n == 1 && s[0] < 0x80) return s[0] >= 0x20 && s[0] < 0x7F;
  while (i < n) {
    i += lwt_utf8_next(s + i, n - i, &cp);
    if (joined && (cp == EMOJI_STYLE || (before != 0 && is_skin_tone(cp))))
      width = width == 1 ? 2 : width;
    else if (!joined || before != ZWJ)
      width += (size_t)lwt_width_of(cp, flags);
    before = cp;
  }
  return width;
}

static size_t width_of_ascii(const unsigned char *s, size_t n) {
  size_t i, width = 0;
  for (i = 0; i < n; i++) width += (unsigned char)(s[i] - 0x20) < 0x5F;
  return width;
}

/* Without LWT_WIDTH_EMOJI clusters make no difference: the sum is the same. */
size_t lwt_width_of_text(const unsigned char *s, size_t n, int flags) {
  size_t i = 0, width = 0;
  while (i < n) {
    size_t size = lwt_ascii_prefix(s + i, n - i);
    int32_t cp;
    if (size > 0 && (flags & LWT_WIDTH_EMOJI) && i + size < n)
      size--; /* a cluster may begin there */
    width += width_of_ascii(s + i, size);
    i += size;
    if (i == n) break;
    if (flags & LWT_WIDTH_EMOJI) {
      size = lwt_grapheme_next(s + i, n - i);
      width += lwt_width_of_cluster(s + i, size, flags);
    } else {
      size = lwt_utf8_next(s + i, n - i, &cp);
      width += (size_t)lwt_width_of(cp, flags);
    }
    i += size;
  }
  return width;
}

/* What "ambiguous" and "emoji" may be, and the flags for it. */
static int flag_of(lua_State *L, int arg, const char *key) {
  if (strcmp(key, "ambiguous") == 0) {
    int is_integer;
    lua_Integer columns = lua_tointegerx(L, -1, &is_integer);
    if (lua_type(L, -1) != LUA_TNUMBER || !is_integer || columns < 1 || columns > 2)
      return luaL_argerror(L, arg, "option 'ambiguous': must be 1 or 2");
    return columns == 2 ? LWT_WIDTH_AMBIGUOUS : 0;
  }
  const char *how = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
  if (strcmp(how, "joined") == 0) return LWT_WIDTH_EMOJI;
  if (strcmp(how, "apart") != 0)
    return luaL_argerror(L, arg, "option 'emoji': must be 'joined' or 'apart'");
  return 0;
}

int lwt_width_flags(lua_State *L, int arg, const char *const others[]) {
  int flags = 0;
  if (lua_isnoneornil(L, arg)) return 0;
  luaL_checktype(L, arg, LUA_TTABLE);
  lua_pushnil(L);
  while (lua_next(L, arg)) {
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
    if (strcmp(key, "ambiguous") == 0 || strcmp(key, "emoji") == 0) {
      flags |= flag_of(L, arg, key);
    } else {
      int i = 0;
      while (others != NULL && others[i] != NULL && strcmp(key, others[i]) != 0) i++;
      if (others == NULL || others[i] == NULL) {
        const char *name = luaL_tolstring(L, -2, NULL);
        return luaL_argerror(L, arg, lua_pushfstring(L, "unknown option '%s'", name));
      }
    }
    lua_pop(L, 1);
  }
  return flags;
}

/*---
How many columns of a terminal `s` takes. East Asian wide characters and emoji take two;
combining marks, characters that only format, and control characters (newline and tab as
well) take none; everything else, a piece that is not UTF-8 as well, takes one.

Terminals differ, and no number is right in all of them. Options: `ambiguous = 2` for
terminals with East Asian fonts, in which Greek, Cyrillic, `±` and the like take two
columns (default 1); `emoji = "joined"` for terminals that draw a sequence of emoji (a
family, a thumb with a skin tone, a heart with U+FE0F) as one of two columns; by default
(`"apart"`) its parts are added up.

@param s string
@param opts table? `ambiguous`, `emoji`
@return integer columns
```lua
print(text.width("naïve"), text.width("日本"), text.width("e\u{301}"))   --> 5 4 1
local thumb = "\u{1F44D}\u{1F3FD}"
print(text.width(thumb), text.width(thumb, {emoji = "joined"}))   --> 4 2
```
@function lwt.text.width(s, opts)
*/
int lwt_text_l_width(lua_State *L) {
  size_t n;
  const unsigned char *s = (const unsigned char *)luaL_checklstring(L, 1, &n);
  int flags = lwt_width_flags(L, 2, NULL);
  lua_pushinteger(L, (lua_Integer)lwt_width_of_text(s, n, flags));
  return 1;
}
