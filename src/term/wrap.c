/* wrap.c: text as lines that are at most so wide.
**
** A line is broken at blanks, which then vanish, behind a hyphen inside of a word, and on
** either side of what is two columns wide, for those scripts write no blanks; where there
** is no such place, between clusters. */
#include <string.h>

#include "text.h"

typedef struct {
  lua_State *L; /* the list of lines is on top of its stack */
  lua_Integer count;
  size_t columns;
  int flags;
} wrapping;

static void add_line(wrapping *w, const unsigned char *s, size_t n) {
  lua_pushlstring(w->L, (const char *)s, n);
  lua_rawseti(w->L, -2, ++w->count);
}

static int is_blank(unsigned char c) {
  return c == ' ' || c == '\t';
}

/* May a line be broken in front of the cluster at `at`, behind one that is no blank? */
static int may_break(const unsigned char *s, size_t at, size_t columns, size_t before) {
  if (columns == 2 || before == 2) return 1;
  return s[at - 1] == '-' && at > 1 && s[at - 2] >= 'A' && s[at] >= 'A';
}

/* Where the first line of `s` (`n` > 0) ends (*end) and the next begins (the result). */
static size_t break_line(const wrapping *w, const unsigned char *s, size_t n,
                         size_t *end) {
  size_t at = 0, width = 0, next = 0, before = 0, text_end = 0;
  while (at < n) {
    size_t size = lwt_grapheme_next(s + at, n - at);
    size_t columns = lwt_width_of_cluster(s + at, size, w->flags);
    if (size == 1 && is_blank(s[at])) {
      if (text_end > 0) {
        *end = text_end;
        next = at + 1;
      }
    } else {
      if (text_end == at && at > 0 && may_break(s, at, columns, before)) *end = next = at;
      if (width + columns > w->columns && at > 0) {
        if (next > 0) return next;
        *end = text_end; /* no place to break was found; blanks alone are left out */
        return at;
      }
      text_end = at + size;
    }
    width += columns;
    before = columns;
    at += size;
  }
  *end = width > w->columns ? text_end : n;
  return n;
}

/* One line of the text, without its end. */
static void wrap_line(wrapping *w, const unsigned char *s, size_t n) {
  size_t at = 0, end = 0;
  do {
    size_t next = n > 0 ? break_line(w, s + at, n - at, &end) : 0;
    add_line(w, s + at, end);
    at += next;
  } while (at < n);
}

/*---
Breaks `s` into lines of at most so many columns: at blanks, which then vanish, behind a
hyphen in a word, and beside characters that are two columns wide; a word that is longer
than a line is cut between clusters. Line ends in `s` (`\n`, `\r\n`) stay line ends, and
so do blanks at the beginning of a line. A cluster that is wider than `columns` has a line
of its own.

@param s string
@param columns integer at least 1
@param opts table? `ambiguous`, `emoji`: see `width`
@return string[] lines, without their ends
```lua
print(table.concat(text.wrap("the quick brown fox", 10), "|"))   --> the quick|brown fox
print(table.concat(text.wrap("日本語のテキスト", 6), "|"))   --> 日本語|のテキ|スト
```
@function lwt.text.wrap(s, columns, opts)
*/
int lwt_text_l_wrap(lua_State *L) {
  size_t n, at = 0;
  const unsigned char *s = (const unsigned char *)luaL_checklstring(L, 1, &n);
  lua_Integer columns = luaL_checkinteger(L, 2);
  wrapping w = {L, 0, (size_t)columns, 0};
  luaL_argcheck(L, columns >= 1, 2, "must be at least 1");
  w.flags = lwt_width_flags(L, 3, NULL);
  lua_newtable(L);
  do {
    const unsigned char *end = n == 0 ? NULL : memchr(s + at, '\n', n - at);
    size_t size = end == NULL ? n - at : (size_t)(end - s) - at;
    size_t text = end != NULL && size > 0 && s[at + size - 1] == '\r' ? size - 1 : size;
    wrap_line(&w, s + at, text);
    at += size + (end != NULL);
  } while (at < n);
  return 1;
}
