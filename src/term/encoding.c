/* encoding.c: the encodings that are ours (UTF-8, -16, -32, ASCII, Latin-1, CP1252), the
** names of encodings, and the one of the locale. */
#include <ctype.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "encoding.h"

/* ---- ASCII, Latin-1, CP1252 ------------------------------------------------- */

static size_t ascii_next(const unsigned char *s, size_t n, int32_t *cp) {
  (void)n;
  *cp = s[0] < 0x80 ? s[0] : LWT_TEXT_MALFORMED;
  return 1;
}

static size_t ascii_put(int32_t cp, unsigned char *out) {
  out[0] = (unsigned char)cp;
  return cp < 0x80;
}

static size_t latin1_next(const unsigned char *s, size_t n, int32_t *cp) {
  (void)n;
  *cp = s[0];
  return 1;
}

static size_t latin1_put(int32_t cp, unsigned char *out) {
  out[0] = (unsigned char)cp;
  return cp < 0x100;
}

/* 80 to 9F; 0 where there is no character. */
static const uint16_t cp1252[32] = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
    0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017D, 0,
    0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
    0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

static size_t cp1252_next(const unsigned char *s, size_t n, int32_t *cp) {
  (void)n;
  *cp = s[0];
  if (s[0] >= 0x80 && s[0] < 0xA0) {
    *cp = cp1252[s[0] - 0x80];
    if (*cp == 0) *cp = LWT_TEXT_MALFORMED;
  }
  return 1;
}

static size_t cp1252_put(int32_t cp, unsigned char *out) {
  int i;
  if (cp < 0x80 || cp >= 0xA0) {
    out[0] = (unsigned char)cp;
    if (cp < 0x100) return 1;
  }
  for (i = 0; i < 32 && cp >= 0x100; i++)
    if (cp1252[i] == cp) {
      out[0] = (unsigned char)(0x80 + i);
      return 1;
    }
  return 0;
}

/* ---- UTF-16, UTF-32 --------------------------------------------------------- */

static int32_t unit16(const unsigned char *s, int little) {
  return little ? s[1] << 8 | s[0] : s[0] << 8 | s[1];
}

/* A surrogate that has not its other half is a piece of its own. */
static size_t utf16_next(const unsigned char *s, size_t n, int32_t *cp, int little) {
  int32_t high, low;
  if (n < 2) return 0;
  *cp = high = unit16(s, little);
  if (high < 0xD800 || high > 0xDFFF) return 2;
  *cp = LWT_TEXT_MALFORMED;
  if (high > 0xDBFF) return 2;
  if (n < 4) return 0;
  low = unit16(s + 2, little);
  if (low < 0xDC00 || low > 0xDFFF) return 2;
  *cp = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
  return 4;
}

static size_t put16(int32_t unit, unsigned char *out, int little) {
  out[little] = (unsigned char)(unit >> 8);
  out[!little] = (unsigned char)unit;
  return 2;
}

static size_t utf16_put(int32_t cp, unsigned char *out, int little) {
  if (cp < 0x10000) return put16(cp, out, little);
  put16(0xD800 + ((cp - 0x10000) >> 10), out, little);
  put16(0xDC00 + (cp & 0x3FF), out + 2, little);
  return 4;
}

static size_t utf32_next(const unsigned char *s, size_t n, int32_t *cp, int little) {
  uint32_t value = 0;
  int i;
  if (n < 4) return 0;
  for (i = 0; i < 4; i++) value = value << 8 | s[little ? 3 - i : i];
  *cp = value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF) ? LWT_TEXT_MALFORMED
                                                                 : (int32_t)value;
  return 4;
}

static size_t utf32_put(int32_t cp, unsigned char *out, int little) {
  int i;
  for (i = 0; i < 4; i++) out[little ? i : 3 - i] = (unsigned char)(cp >> (8 * i));
  return 4;
}

#define BOTH_ORDERS(name)                                                      \
  static size_t name##be_next(const unsigned char *s, size_t n, int32_t *cp) { \
    return name##_next(s, n, cp, 0);                                           \
  }                                                                            \
  static size_t name##le_next(const unsigned char *s, size_t n, int32_t *cp) { \
    return name##_next(s, n, cp, 1);                                           \
  }                                                                            \
  static size_t name##be_put(int32_t cp, unsigned char *out) {                 \
    return name##_put(cp, out, 0);                                             \
  }                                                                            \
  static size_t name##le_put(int32_t cp, unsigned char *out) {                 \
    return name##_put(cp, out, 1);                                             \
  }
BOTH_ORDERS(utf16)
BOTH_ORDERS(utf32)

/* ---- Names ------------------------------------------------------------------ */

enum { UTF8, UTF16, UTF16BE, UTF16LE, UTF32, UTF32BE, UTF32LE, ASCII, LATIN1, CP1252 };

static const lwt_codec codecs[] = {
    [UTF8] = {"UTF-8", 1, 1, 0, lwt_utf8_next_part, lwt_utf8_put, NULL},
    [UTF16] = {"UTF-16", 2, 1, 1, utf16be_next, utf16be_put, &codecs[UTF16LE]},
    [UTF16BE] = {"UTF-16BE", 2, 1, 0, utf16be_next, utf16be_put, NULL},
    [UTF16LE] = {"UTF-16LE", 2, 1, 0, utf16le_next, utf16le_put, NULL},
    [UTF32] = {"UTF-32", 4, 1, 1, utf32be_next, utf32be_put, &codecs[UTF32LE]},
    [UTF32BE] = {"UTF-32BE", 4, 1, 0, utf32be_next, utf32be_put, NULL},
    [UTF32LE] = {"UTF-32LE", 4, 1, 0, utf32le_next, utf32le_put, NULL},
    [ASCII] = {"ASCII", 1, 0, 0, ascii_next, ascii_put, NULL},
    [LATIN1] = {"ISO-8859-1", 1, 0, 0, latin1_next, latin1_put, NULL},
    [CP1252] = {"CP1252", 1, 0, 0, cp1252_next, cp1252_put, NULL},
};

static const struct {
  const char *plain;
  int codec;
} names[] = {
    {"utf8", UTF8},          {"utf16", UTF16},     {"utf16be", UTF16BE},
    {"utf16le", UTF16LE},    {"utf32", UTF32},     {"utf32be", UTF32BE},
    {"utf32le", UTF32LE},    {"ascii", ASCII},     {"usascii", ASCII},
    {"ansix3.41968", ASCII}, {"646", ASCII},       {"iso646us", ASCII},
    {"latin1", LATIN1},      {"iso88591", LATIN1}, {"l1", LATIN1},
    {"cp819", LATIN1},       {"cp1252", CP1252},   {"windows1252", CP1252},
    {"cp65001", UTF8},
};

#define NAME_MAX_SIZE 63

/* One of ours by any of its names, which are compared without case, "-", "_" and
** blanks. */
static const lwt_codec *find(const char *name) {
  char plain[NAME_MAX_SIZE + 1];
  size_t n = 0, i;
  for (; *name != '\0'; name++) {
    if (*name == '-' || *name == '_' || *name == ' ') continue;
    if (n == NAME_MAX_SIZE) return NULL;
    plain[n++] = (char)tolower((unsigned char)*name);
  }
  plain[n] = '\0';
  for (i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(plain, names[i].plain) == 0) return &codecs[names[i].codec];
  return NULL;
}

/* Names may come from a stranger (a mail's header, say): iconv, which loads code by them
** and takes instructions behind a slash, only ever sees plain ones. */
static int is_plain(const char *name, size_t n) {
  size_t i;
  if (n == 0 || n > NAME_MAX_SIZE) return 0;
  for (i = 0; i < n; i++)
    if (!isalnum((unsigned char)name[i]) && strchr("-_.:()+", name[i]) == NULL) return 0;
  return isalnum((unsigned char)name[0]);
}

int lwt_encoding_resolve(const char *name, size_t n, const lwt_codec **codec) {
  *codec = NULL;
  if (strlen(name) != n) return 0;
  *codec = find(name);
  return *codec != NULL || is_plain(name, n);
}

/* encoding_of(name): the name we give it; whether the byte 0A is a newline and nothing
** else; and whether what a byte means may depend on a line before. Nothing when there is
** no such encoding. */
int lwt_text_l_encoding_of(lua_State *L) {
  const lwt_codec *codec;
  unsigned char newline[64], *out = newline;
  const unsigned char *in = (const unsigned char *)"\n";
  size_t n, one = 1, room = sizeof newline;
  const char *name = luaL_checklstring(L, 1, &n);
  void *cd;
  if (!lwt_encoding_resolve(name, n, &codec)) return 0;
  if (codec != NULL) {
    lua_pushstring(L, codec->name);
    lua_pushboolean(L, codec->unit == 1);
    lua_pushboolean(L, 0);
    return 3;
  }
  lua_settop(L, 1);
  cd = lwt_iconv_open(name, "UTF-8");
  if (cd == NULL) return 0;
  lwt_iconv_step(cd, &in, &one, &out, &room);
  lwt_iconv_close(cd);
  /* ISO-2022-KR writes a heading first, which begins with Escape. */
  lua_pushboolean(L, out > newline && out[-1] == '\n' &&
                         (out == newline + 1 || newline[0] == 0x1B));
  lua_pushboolean(L, 1);
  return 3;
}

/* ---- The locale ------------------------------------------------------------- */

/* The variable that decides, as setlocale has it. */
static const char *locale_name(void) {
  static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
  size_t i;
  for (i = 0; i < 3; i++) {
    const char *value = getenv(variables[i]);
    if (value != NULL && value[0] != '\0') return value;
  }
  return "C";
}

/* locale(): the encoding of the locale that the environment asks for. The process's own
** locale, which a Lua program leaves at "C", is neither asked nor changed: it is
** everybody's. */
int lwt_text_l_locale(lua_State *L) {
  const char *name = locale_name(), *dot = strchr(name, '.');
  const lwt_codec *codec;
  locale_t locale = newlocale(LC_CTYPE_MASK, name, (locale_t)0);
  if (locale != (locale_t)0) {
    char text[NAME_MAX_SIZE + 1];
    strncpy(text, nl_langinfo_l(CODESET, locale), NAME_MAX_SIZE);
    text[NAME_MAX_SIZE] = '\0';
    freelocale(locale);
    lua_pushstring(L, text);
  } else if (dot != NULL) {
    /* A locale that is not installed says at least this. */
    lua_pushlstring(L, dot + 1, strcspn(dot + 1, "@"));
  } else {
    lua_pushliteral(L, "ASCII");
  }
  codec = find(lua_tostring(L, -1));
  if (codec != NULL) lua_pushstring(L, codec->name);
  return 1;
}
