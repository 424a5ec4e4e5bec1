/* encode.c: UTF-8 into the bytes of an encoding. Each text is whole: what begins within a
** character or ends there is malformed, and an encoding that shifts (ISO-2022-JP) is back
** in its first state behind it, so that texts may be written in any order. */
#include <string.h>

#include "encoding.h"

#define BUFFER 4096 /* more than a luaL_Buffer has in itself */
#define ROOM 64     /* for the bytes of one character, with what shifts to it */

typedef struct {
  const lwt_codec *codec; /* NULL: iconv's */
  void *cd;
  int strict;
  int started; /* the byte order mark has been written */
} encoder;

/* Adds a character: 0, and nothing added, when the encoding has not got it. */
static int add(luaL_Buffer *b, const encoder *e, int32_t cp) {
  unsigned char text[4], *begin = (unsigned char *)luaL_prepbuffsize(b, ROOM),
                         *out = begin;
  const unsigned char *in = text;
  size_t n, room = ROOM;
  enum lwt_iconv_status status;
  if (e->codec != NULL) {
    n = e->codec->put(cp, out);
    luaL_addsize(b, n);
    return n > 0;
  }
  n = lwt_utf8_put(cp, text);
  status = lwt_iconv_step(e->cd, &in, &n, &out, &room);
  if (status == LWT_ICONV_LOST)
    out--; /* a "*", of a C library that substitutes by itself */
  if (status == LWT_ICONV_DONE || status == LWT_ICONV_LOST)
    luaL_addsize(b, (size_t)(out - begin));
  return status == LWT_ICONV_DONE;
}

static void add_otherwise(luaL_Buffer *b, const encoder *e, int32_t cp) {
  int32_t out[LWT_TRANSLIT_MOST];
  int i, n = lwt_transliterate(cp, out);
  for (i = 0; i < n; i++)
    if (!add(b, e, out[i])) break;
  if (i < n || n < 0) add(b, e, '?');
}

/* Adds the text: its size, or, when the encoder is strict, where it has met a character
** that it cannot write. */
static size_t add_text(luaL_Buffer *b, const encoder *e, const unsigned char *s,
                       size_t n) {
  size_t at = 0;
  while (at < n) {
    int32_t cp;
    size_t size;
    if (e->codec != NULL && e->codec->unit == 1) {
      size = lwt_ascii_prefix(s + at, n - at);
      luaL_addlstring(b, (const char *)s + at, size);
      at += size;
      if (at == n) break;
    }
    size = lwt_utf8_next(s + at, n - at, &cp);
    if (e->strict && (cp == LWT_TEXT_MALFORMED || !add(b, e, cp))) return at;
    if (!e->strict) {
      if (cp == LWT_TEXT_MALFORMED) cp = LWT_TEXT_REPLACEMENT;
      if (!add(b, e, cp)) add_otherwise(b, e, cp);
    }
    at += size;
  }
  return n;
}

/* Is the text its own bytes? */
static int is_ready(const encoder *e, const unsigned char *s, size_t n) {
  size_t at = 0;
  if (e->codec == NULL || e->codec->unit != 1) return 0;
  while (at < n) {
    int32_t cp;
    at += lwt_ascii_prefix(s + at, n - at);
    if (at == n) break;
    if (e->codec->put != lwt_utf8_put) return 0;
    at += lwt_utf8_next(s + at, n - at, &cp);
    if (cp == LWT_TEXT_MALFORMED) return 0;
  }
  return 1;
}

/* Back to the first state of a shifting encoding. */
static void add_reset(luaL_Buffer *b, const encoder *e) {
  unsigned char *begin = (unsigned char *)luaL_prepbuffsize(b, ROOM), *out = begin;
  size_t room = ROOM;
  lwt_iconv_step(e->cd, NULL, NULL, &out, &room);
  luaL_addsize(b, (size_t)(out - begin));
}

/* encode(encoder, text): its bytes; or nil and the offset of what the encoding has not
** got, or of what is not UTF-8, when the encoder is strict. */
int lwt_text_l_encode(lua_State *L) {
  encoder *e = luaL_checkudata(L, 1, LWT_ENCODER);
  size_t n, at;
  const unsigned char *s = (const unsigned char *)luaL_checklstring(L, 2, &n);
  luaL_Buffer b;
  if (e->codec == NULL && e->cd == NULL) return luaL_error(L, "the encoder is closed");
  lua_settop(L, 2);
  if (is_ready(e, s, n)) return 1;
  luaL_buffinit(L, &b);
  if (e->cd != NULL) {
    /* The buffer becomes an object at once: making one later could run a finalizer, which
    ** might write to the same channel in the middle of a conversion. */
    luaL_prepbuffsize(&b, n + BUFFER);
    /* What is left of a text that could not be encoded to its end. */
    lwt_iconv_step(e->cd, NULL, NULL, NULL, NULL);
  }
  if (e->codec != NULL && e->codec->order && !e->started && n > 0)
    add(&b, e, LWT_BYTE_ORDER_MARK);
  at = add_text(&b, e, s, n);
  if (at < n) {
    lua_pushnil(L);
    lua_pushinteger(L, (lua_Integer)at);
    return 2;
  }
  if (e->cd != NULL) add_reset(&b, e);
  luaL_pushresult(&b);
  e->started = e->started || n > 0;
  return 1;
}

/* encoder(name, strict): nil when there is no such encoding. */
int lwt_text_l_encoder(lua_State *L) {
  const lwt_codec *codec;
  size_t n;
  const char *name = luaL_checklstring(L, 1, &n);
  encoder *e;
  if (!lwt_encoding_resolve(name, n, &codec)) return 0;
  e = lua_newuserdatauv(L, sizeof *e, 0);
  memset(e, 0, sizeof *e);
  e->codec = codec;
  e->strict = lua_toboolean(L, 2);
  luaL_setmetatable(L, LWT_ENCODER);
  if (codec != NULL) return 1;
  e->cd = lwt_iconv_open(name, "UTF-8");
  return e->cd != NULL;
}

static int gc(lua_State *L) {
  encoder *e = luaL_checkudata(L, 1, LWT_ENCODER);
  lwt_iconv_close(e->cd);
  e->cd = NULL;
  return 0;
}

void lwt_text_open_encoder(lua_State *L) {
  luaL_newmetatable(L, LWT_ENCODER);
  lua_pushcfunction(L, gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
