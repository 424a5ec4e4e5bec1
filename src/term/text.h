/* text.h: what the files of lwt.text share: code points in and out of UTF-8.
**
** Strings are UTF-8 that may be broken. A piece that is no character (the longest
** beginning of one, or else a byte) counts as U+FFFD everywhere, so that no function
** fails on text. */
#ifndef LWT_TERM_TEXT_H
#define LWT_TERM_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include <lauxlib.h>
#include <lua.h>

#define LWT_TEXT_REPLACEMENT 0xFFFD
#define LWT_TEXT_MALFORMED (-1)

/* ---- utf8.c --------------------------------------------------------------- */

/* The code point at the beginning of `s`, of which there are `n` > 0 bytes, in *cp, which
** is LWT_TEXT_MALFORMED for a piece that is none: how many bytes it takes. */
size_t lwt_utf8_next(const unsigned char *s, size_t n, int32_t *cp);
/* The same, but 0 when the bytes may be the beginning of a character whose rest is
** missing. */
size_t lwt_utf8_next_part(const unsigned char *s, size_t n, int32_t *cp);
/* The UTF-8 of a code point, in `out`, which has room for 4 bytes: how many it takes. */
size_t lwt_utf8_put(int32_t cp, unsigned char *out);
/* How many bytes at the beginning are ASCII. */
size_t lwt_ascii_prefix(const unsigned char *s, size_t n);

int lwt_text_l_length(lua_State *L);

/* ---- graphemes.c ---------------------------------------------------------- */

/* How many bytes at the beginning of `s` (`n` > 0) are what a reader calls a
** character. */
size_t lwt_grapheme_next(const unsigned char *s, size_t n);

int lwt_text_l_graphemes(lua_State *L);

/* ---- width.c -------------------------------------------------------------- */

/* Flags of the functions that measure. */
#define LWT_WIDTH_AMBIGUOUS 1 /* characters of ambiguous width take two columns */
#define LWT_WIDTH_EMOJI 2     /* a sequence of emoji is drawn as one */

/* Columns of a code point, and of one cluster of `n` bytes. */
int lwt_width_of(int32_t cp, int flags);
size_t lwt_width_of_cluster(const unsigned char *s, size_t n, int flags);
size_t lwt_width_of_text(const unsigned char *s, size_t n, int flags);
/* The flags that the table of options at `arg` says, or nil; `others` are the names of
** options that it may have besides (NULL at the end, or no list). Raises. */
int lwt_width_flags(lua_State *L, int arg, const char *const others[]);

int lwt_text_l_width(lua_State *L);

/* ---- fit.c ------------------------------------------------------------------ */

int lwt_text_l_pad(lua_State *L);
int lwt_text_l_truncate(lua_State *L);

/* ---- wrap.c, case.c, normalize.c -------------------------------------------- */

int lwt_text_l_wrap(lua_State *L);
int lwt_text_l_upper(lua_State *L);
int lwt_text_l_lower(lua_State *L);
int lwt_text_l_fold(lua_State *L);
int lwt_text_l_normalize(lua_State *L);

#endif
