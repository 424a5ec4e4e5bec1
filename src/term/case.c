/* case.c: upper, lower and folded case, of all scripts (libutf8proc), with the characters
** that become several (ß, ŉ, ﬃ) and the Greek final sigma. Broken UTF-8 is left as it
** is. */
#include <utf8proc.h>

#include "text.h"

#define MOST 4 /* code points that one may become */
#define CHUNK 1024

typedef struct {
  const unsigned char *s;
  size_t n, at, size; /* the code point is s[at … at + size) */
} place;

/* Writes what the code point becomes, and returns how many. */
typedef int (*mapping)(int32_t cp, const place *p, int32_t out[MOST]);

static int fold(int32_t cp, const place *p, int32_t out[MOST]) {
  int boundary = 0;
  utf8proc_ssize_t n =
      utf8proc_decompose_char(cp, out, MOST, UTF8PROC_CASEFOLD, &boundary);
  (void)p;
  if (n > 0 && n <= MOST) return (int)n;
  out[0] = cp;
  return 1;
}

/* What has several letters in its folded case has them in upper case: "ß" is "SS". */
static int upper(int32_t cp, const place *p, int32_t out[MOST]) {
  int i, n = 1;
  if (utf8proc_category(cp) != UTF8PROC_CATEGORY_LU) n = fold(cp, p, out);
  if (n == 1) out[0] = cp;
  for (i = 0; i < n; i++) out[i] = utf8proc_toupper(out[i]);
  return n;
}

static int is_letter(int32_t cp) {
  utf8proc_category_t c = utf8proc_category(cp);
  return c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LT;
}

static int is_ignored(int32_t cp) { /* in words: marks, apostrophes, dots */
  utf8proc_category_t c = utf8proc_category(cp);
  return c == UTF8PROC_CATEGORY_MN || c == UTF8PROC_CATEGORY_ME ||
         c == UTF8PROC_CATEGORY_CF || c == UTF8PROC_CATEGORY_LM ||
         c == UTF8PROC_CATEGORY_SK || cp == '\'' || cp == '.' || cp == ':' ||
         cp == 0xB7 || cp == 0x2019;
}

static int letter_follows(const place *p) {
  size_t at = p->at + p->size;
  while (at < p->n) {
    int32_t cp;
    at += lwt_utf8_next(p->s + at, p->n - at, &cp);
    if (is_letter(cp)) return 1;
    if (!is_ignored(cp)) return 0;
  }
  return 0;
}

static int letter_precedes(const place *p) {
  size_t at = p->at;
  while (at > 0) {
    int32_t cp;
    do at--;
    while (at > 0 && (p->s[at] & 0xC0) == 0x80);
    lwt_utf8_next(p->s + at, p->at - at, &cp);
    if (is_letter(cp)) return 1;
    if (!is_ignored(cp)) return 0;
  }
  return 0;
}

static int lower(int32_t cp, const place *p, int32_t out[MOST]) {
  if (cp == 0x3A3) { /* capital sigma */
    out[0] = letter_precedes(p) && !letter_follows(p) ? 0x3C2 : 0x3C3;
    return 1;
  }
  if (cp == 0x130) { /* capital i with a dot keeps its dot */
    out[0] = 'i';
    out[1] = 0x307;
    return 2;
  }
  out[0] = utf8proc_tolower(cp);
  return 1;
}

/* ASCII at once; `from` is 'A' or 'a', and the other case has the other value of bit
** 5. */
static void add_ascii(luaL_Buffer *b, const unsigned char *s, size_t n,
                      unsigned char from) {
  while (n > 0) {
    size_t i, size = n < CHUNK ? n : CHUNK;
    char *out = luaL_prepbuffsize(b, size);
    for (i = 0; i < size; i++)
      out[i] = (char)((unsigned char)(s[i] - from) < 26 ? s[i] ^ 0x20 : s[i]);
    luaL_addsize(b, size);
    s += size;
    n -= size;
  }
}

static int map(lua_State *L, mapping f, unsigned char from) {
  luaL_Buffer b;
  place p = {NULL, 0, 0, 0};
  p.s = (const unsigned char *)luaL_checklstring(L, 1, &p.n);
  luaL_buffinit(L, &b);
  while (p.at < p.n) {
    int32_t cp, out[MOST];
    size_t ascii = lwt_ascii_prefix(p.s + p.at, p.n - p.at);
    add_ascii(&b, p.s + p.at, ascii, from);
    p.at += ascii;
    if (p.at == p.n) break;
    p.size = lwt_utf8_next(p.s + p.at, p.n - p.at, &cp);
    if (cp == LWT_TEXT_MALFORMED) {
      luaL_addlstring(&b, (const char *)p.s + p.at, p.size);
    } else {
      int i, n = f(cp, &p, out);
      unsigned char *to = (unsigned char *)luaL_prepbuffsize(&b, 4 * MOST);
      size_t size = 0;
      for (i = 0; i < n; i++) size += lwt_utf8_put(out[i], to + size);
      luaL_addsize(&b, size);
    }
    p.at += p.size;
  }
  luaL_pushresult(&b);
  return 1;
}

/*---
`s` in upper case, of all scripts. A character may become several (`ß` becomes `SS`). The
language makes no difference (in Turkish as well, `i` becomes `I`).

@param s string
@return string
```lua
print(text.upper("straße, ñ"))   --> STRASSE, Ñ
```
@function lwt.text.upper(s)
*/
int lwt_text_l_upper(lua_State *L) {
  return map(L, upper, 'a');
}

/*---
`s` in lower case, of all scripts. A Greek sigma at the end of a word becomes `ς`.

@param s string
@return string
```lua
print(text.lower("ÀÉ ΟΔΟΣ"))   --> àé οδος
```
@function lwt.text.lower(s)
*/
int lwt_text_l_lower(lua_State *L) {
  return map(L, lower, 'A');
}

/*---
`s` with differences of upper and lower case removed, to compare by: it is not meant to be
read. Where accents may be written in two ways, normalize as well.

@param s string
@return string
```lua
print(text.fold("Straße") == text.fold("STRASSE"))   --> true
```
@function lwt.text.fold(s)
*/
int lwt_text_l_fold(lua_State *L) {
  return map(L, fold, 'A');
}
