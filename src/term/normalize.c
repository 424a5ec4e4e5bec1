/* normalize.c: Unicode's normal forms. libutf8proc takes characters apart and puts them
** together; putting marks in their order is done here, for its way is quadratic in their
** number, which would let a stranger's text stop the program. Broken UTF-8 is left as it
** is. */
#include <string.h>

#include <utf8proc.h>

#include "text.h"

#define MOST 32 /* code points that one may become (18 in Unicode 15) */

/* A run of well-formed text, as code points: in a userdata, so that it goes when Lua
** raises. */
typedef struct {
  lua_State *L;
  int index; /* of the userdata that is `cp` */
  int32_t *cp;
  size_t size, room;
} run;

static void make_room(run *r) {
  if (r->room - r->size >= MOST) return;
  r->room = r->room * 2 + 64;
  int32_t *cp = lua_newuserdatauv(r->L, r->room * sizeof *cp, 0);
  if (r->size > 0) memcpy(cp, r->cp, r->size * sizeof *cp);
  r->cp = cp;
  lua_replace(r->L, r->index);
}

static int mark_class(int32_t cp) {
  return cp < 0x300 ? 0 : utf8proc_get_property(cp)->combining_class;
}

/* Sorts cp[0 … n) by class, and leaves those of one class in their order; `spare` is as
** long. */
static void sort_marks(int32_t *cp, size_t n, int32_t *spare) {
  size_t start[256] = {0}, i, sum = 0;
  for (i = 0; i < n; i++) start[mark_class(cp[i])]++;
  for (i = 0; i < 256; i++) {
    size_t count = start[i];
    start[i] = sum;
    sum += count;
  }
  for (i = 0; i < n; i++) spare[start[mark_class(cp[i])]++] = cp[i];
  memcpy(cp, spare, n * sizeof *cp);
}

static void insert_marks(int32_t *cp, size_t n) {
  size_t i, k;
  for (i = 1; i < n; i++) {
    int32_t moved = cp[i];
    int rank = mark_class(moved);
    for (k = i; k > 0 && mark_class(cp[k - 1]) > rank; k--) cp[k] = cp[k - 1];
    cp[k] = moved;
  }
}

static void order_marks(run *r) {
  size_t at = 0;
  int32_t *spare = NULL;
  while (at < r->size) {
    size_t end = at;
    while (end < r->size && mark_class(r->cp[end]) != 0) end++;
    if (end - at > 1 && end - at <= 16) insert_marks(r->cp + at, end - at);
    if (end - at > 16) {
      if (spare == NULL) spare = lua_newuserdatauv(r->L, r->size * sizeof *spare, 0);
      sort_marks(r->cp + at, end - at, spare);
    }
    at = end + 1;
  }
  if (spare != NULL) lua_pop(r->L, 1);
}

/* Takes the beginning of `s` apart, up to what is not well-formed or an ASCII character,
** which neither changes nor joins what stands before it: how many bytes that was. */
static size_t decompose(run *r, const unsigned char *s, size_t n, int options) {
  size_t at = 0;
  r->size = 0;
  while (at < n && (at == 0 || s[at] >= 0x80)) {
    int32_t cp;
    int boundary = 0;
    utf8proc_ssize_t count;
    size_t size = lwt_utf8_next(s + at, n - at, &cp);
    if (cp == LWT_TEXT_MALFORMED) break;
    make_room(r);
    count = utf8proc_decompose_char(cp, r->cp + r->size, MOST, (utf8proc_option_t)options,
                                    &boundary);
    if (count < 0 || count > MOST) {
      r->cp[r->size] = cp;
      count = 1;
    }
    r->size += (size_t)count;
    at += size;
  }
  return at;
}

static void add_run(luaL_Buffer *b, const run *r) {
  size_t i;
  for (i = 0; i < r->size; i++) {
    unsigned char *out = (unsigned char *)luaL_prepbuffsize(b, 4);
    luaL_addsize(b, lwt_utf8_put(r->cp[i], out));
  }
}

/* Adds the beginning of `s` in its normal form: how many bytes that was. */
static size_t add_piece(luaL_Buffer *b, run *r, const unsigned char *s, size_t n,
                        int options) {
  size_t size = lwt_ascii_prefix(s, n);
  int32_t cp;
  if (size > 1 || size == n) { /* a mark may follow the last one */
    if (size < n) size--;
    luaL_addlstring(b, (const char *)s, size);
    return size;
  }
  size = decompose(r, s, n, options & ~UTF8PROC_COMPOSE);
  if (size == 0) {
    size = lwt_utf8_next(s, n, &cp);
    luaL_addlstring(b, (const char *)s, size);
    return size;
  }
  order_marks(r);
  if (options & UTF8PROC_COMPOSE)
    r->size = (size_t)utf8proc_normalize_utf32(r->cp, (utf8proc_ssize_t)r->size,
                                               (utf8proc_option_t)options);
  add_run(b, r);
  return size;
}

/*---
`s` in one of Unicode's normal forms: `"NFC"` (composed, the default), `"NFD"` (taken
apart), `"NFKC"` and `"NFKD"` (the same, and variants such as `ﬁ` or `２` replaced by what
they stand for). Of two texts that look alike the normal forms are equal.

@param s string
@param form string? `"NFC"`, `"NFD"`, `"NFKC"` or `"NFKD"`
@return string
```lua
print(text.normalize("e\u{301}") == "é", text.normalize("ﬁ２", "NFKC"))   --> true fi2
```
@function lwt.text.normalize(s, form)
*/
int lwt_text_l_normalize(lua_State *L) {
  static const char *const forms[] = {"NFC", "NFD", "NFKC", "NFKD", NULL};
  size_t n, at = 0;
  const unsigned char *s = (const unsigned char *)luaL_checklstring(L, 1, &n);
  int form = luaL_checkoption(L, 2, "NFC", forms);
  int options = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (form >= 2 ? UTF8PROC_COMPAT : 0) |
                (form % 2 == 0 ? UTF8PROC_COMPOSE : 0);
  run r = {L, 2, NULL, 0, 0};
  luaL_Buffer b;
  lua_settop(L, 2);
  if (lwt_ascii_prefix(s, n) == n) {
    lua_settop(L, 1);
    return 1;
  }
  luaL_buffinit(L, &b);
  while (at < n) at += add_piece(&b, &r, s + at, n - at, options);
  luaL_pushresult(&b);
  return 1;
}
