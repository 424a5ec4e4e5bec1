/* decode.c: bytes of an encoding into UTF-8, in pieces that may be cut anywhere.
**
** A decoder is a userdata. What is in it changes only when the text has been made, so
** that a piece for which there was no memory can be given again. (But for iconv's own
** state.) */
#include <string.h>

#include "encoding.h"

#define PENDING 64
#define CHUNK 1024
#define MARK "\xEF\xBB\xBF" /* the byte order mark in UTF-8 */

typedef struct {
  const lwt_codec *codec; /* NULL: iconv's */
  void *cd;
  int strict;
  int started;        /* the first character has been seen */
  lua_Integer offset; /* of what comes next in the whole input */
  size_t pending;     /* bytes of a character that is cut off */
  unsigned char bytes[PENDING];
} decoder;

/* One piece of input: s[at … n) is to come. */
typedef struct {
  const unsigned char *s;
  size_t n, at;
  int last; /* nothing comes behind it */
  int bad;  /* strict: ends here, because of what begins at `bad_at` */
  size_t bad_at;
  const lwt_codec *codec;
  int started;
} piece;

static void add_code_point(luaL_Buffer *b, int32_t cp) {
  unsigned char *out = (unsigned char *)luaL_prepbuffsize(b, 4);
  luaL_addsize(b, lwt_utf8_put(cp, out));
}

/* What begins at p->at and takes `size` bytes is no character. */
static void malformed(luaL_Buffer *b, const decoder *d, piece *p, size_t size) {
  if (d->strict) {
    p->bad = 1;
    p->bad_at = p->at;
  } else {
    add_code_point(b, LWT_TEXT_REPLACEMENT);
  }
  p->at += size;
  p->started = 1;
}

/* How many bytes at the beginning are UTF-8. */
static size_t valid_prefix(const unsigned char *s, size_t n) {
  size_t at = 0;
  while (at < n) {
    int32_t cp;
    size_t size;
    at += lwt_ascii_prefix(s + at, n - at);
    if (at == n) break;
    size = lwt_utf8_next_part(s + at, n - at, &cp);
    if (size == 0 || cp == LWT_TEXT_MALFORMED) break;
    at += size;
  }
  return at;
}

/* The byte order mark: 0 when more bytes are needed to tell. */
static int look_at_mark(piece *p) {
  size_t unit = (size_t)p->codec->unit, size;
  int32_t cp;
  if (p->started || !p->codec->marks) return 1;
  if (p->n - p->at < unit && !p->last) return 0;
  if (p->codec->order && p->n - p->at >= unit) {
    p->codec->swapped->next(p->s + p->at, unit, &cp);
    if (cp == LWT_BYTE_ORDER_MARK) p->codec = p->codec->swapped;
  }
  size = p->codec->next(p->s + p->at, p->n - p->at, &cp);
  if (size == 0 && !p->last) return 0;
  p->started = 1;
  if (size > 0 && cp == LWT_BYTE_ORDER_MARK) p->at += size;
  return 1;
}

static void decode_ours(luaL_Buffer *b, const decoder *d, piece *p) {
  if (p->at == p->n || !look_at_mark(p)) return;
  while (p->at < p->n && !p->bad) {
    int32_t cp;
    const unsigned char *s = p->s + p->at;
    size_t left = p->n - p->at, size = 0;
    if (p->codec->next == lwt_utf8_next_part)
      size = valid_prefix(s, left);
    else if (p->codec->unit == 1)
      size = lwt_ascii_prefix(s, left);
    luaL_addlstring(b, (const char *)s, size);
    p->at += size;
    if (size == left) break;
    size = p->codec->next(s + size, left - size, &cp);
    if (size == 0 && !p->last) break;
    if (size == 0 || cp == LWT_TEXT_MALFORMED) {
      malformed(b, d, p, size == 0 ? p->n - p->at : size);
    } else {
      add_code_point(b, cp);
      p->at += size;
    }
  }
}

static void drop_mark(luaL_Buffer *b, piece *p) {
  size_t n = luaL_bufflen(b);
  if (p->started || n == 0) return;
  p->started = 1;
  if (n < 3 || memcmp(luaL_buffaddr(b), MARK, 3) != 0) return;
  memmove(luaL_buffaddr(b), luaL_buffaddr(b) + 3, n - 3);
  luaL_buffsub(b, 3);
}

/* As iconv does it; `in` is NULL for what it still has to say at the end. */
static enum lwt_iconv_status convert(luaL_Buffer *b, const decoder *d,
                                     const unsigned char **in, size_t *n) {
  enum lwt_iconv_status status;
  do {
    size_t room = CHUNK, before = room;
    unsigned char *out = (unsigned char *)luaL_prepbuffsize(b, room);
    status = lwt_iconv_step(d->cd, in, n, &out, &room);
    luaL_addsize(b, before - room);
  } while (status == LWT_ICONV_FULL);
  return status;
}

static void decode_by_iconv(luaL_Buffer *b, const decoder *d, piece *p) {
  while (p->at < p->n && !p->bad) {
    const unsigned char *in = p->s + p->at;
    size_t left = p->n - p->at;
    enum lwt_iconv_status status = convert(b, d, &in, &left);
    p->at = p->n - left;
    drop_mark(b, p);
    if (status == LWT_ICONV_BAD) {
      malformed(b, d, p, 1);
    } else if (status == LWT_ICONV_CUT) {
      if (p->last || left > PENDING) malformed(b, d, p, p->last ? left : 1);
      if (!p->last) break;
    }
  }
  if (p->last && p->at == p->n && !p->bad) convert(b, d, NULL, NULL);
}

/* Is it the text already? */
static int is_ready(const piece *p) {
  return p->codec != NULL && p->codec->next == lwt_utf8_next_part &&
         (p->started || p->n < 3 || memcmp(p->s, MARK, 3) != 0) &&
         valid_prefix(p->s, p->n) == p->n;
}

/* Keeps what is left of `p`, where the text ends within a character. */
static void commit(decoder *d, const piece *p) {
  d->offset += (lua_Integer)p->at;
  d->codec = p->codec;
  d->started = p->started;
  d->pending = p->n - p->at;
  memcpy(d->bytes, p->s + p->at, d->pending);
}

/* decode(decoder, bytes, last): the text; how many of `bytes` were taken; and, where the
** decoder is strict and has met what is no character, the offset of that in the whole
** input. It is skipped: the rest may be given next. */
int lwt_text_l_decode(lua_State *L) {
  decoder *d = luaL_checkudata(L, 1, LWT_DECODER);
  size_t n, before = d->pending, taken;
  const char *s = luaL_checklstring(L, 2, &n);
  piece p = {NULL, n, 0, lua_toboolean(L, 3), 0, 0, d->codec, d->started};
  lua_Integer offset = d->offset;
  luaL_Buffer b;
  if (d->codec == NULL && d->cd == NULL) return luaL_error(L, "the decoder is closed");
  lua_settop(L, 3);
  if (before > 0) {
    lua_pushlstring(L, (const char *)d->bytes, before);
    lua_pushvalue(L, 2);
    lua_concat(L, 2);
    lua_replace(L, 2);
    s = lua_tolstring(L, 2, &p.n);
  }
  p.s = (const unsigned char *)s;
  if (is_ready(&p)) {
    p.at = p.n;
    p.started = p.started || p.n > 0;
    lua_pushvalue(L, 2);
  } else {
    luaL_buffinit(L, &b);
    if (d->codec != NULL)
      decode_ours(&b, d, &p);
    else
      decode_by_iconv(&b, d, &p);
    luaL_pushresult(&b);
  }
  if (p.last) p.started = 1;
  /* What is left is kept when it is a character that is cut off, and otherwise given
  ** back. */
  taken = p.at > before ? p.at - before : 0;
  if (!p.bad) {
    taken = n;
  } else {
    p.n = p.at > before ? p.at : before;
  }
  commit(d, &p);
  lua_pushinteger(L, (lua_Integer)taken);
  if (!p.bad) return 2;
  lua_pushinteger(L, offset + (lua_Integer)p.bad_at);
  return 3;
}

/* decoder(name, strict): nil when there is no such encoding. */
int lwt_text_l_decoder(lua_State *L) {
  const lwt_codec *codec;
  size_t n;
  const char *name = luaL_checklstring(L, 1, &n);
  decoder *d;
  if (!lwt_encoding_resolve(name, n, &codec)) return 0;
  d = lua_newuserdatauv(L, sizeof *d, 0);
  memset(d, 0, sizeof *d);
  d->codec = codec;
  d->strict = lua_toboolean(L, 2);
  luaL_setmetatable(L, LWT_DECODER);
  if (codec != NULL) return 1;
  d->cd = lwt_iconv_open("UTF-8", name);
  return d->cd != NULL;
}

static int gc(lua_State *L) {
  decoder *d = luaL_checkudata(L, 1, LWT_DECODER);
  lwt_iconv_close(d->cd);
  d->cd = NULL;
  return 0;
}

void lwt_text_open_decoder(lua_State *L) {
  luaL_newmetatable(L, LWT_DECODER);
  lua_pushcfunction(L, gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
