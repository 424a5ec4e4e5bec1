/* encoding.h: what the files about encodings share. encoding.c knows those that are ours,
** iconv.c the others, by the C library; decode.c and encode.c do the work,
** transliterate.c says what to write for a character that an encoding has not. */
#ifndef LWT_TERM_ENCODING_H
#define LWT_TERM_ENCODING_H

#include "text.h"

#define LWT_BYTE_ORDER_MARK 0xFEFF

/* ---- encoding.c ----------------------------------------------------------- */

typedef struct lwt_codec {
  const char *name;
  int unit;  /* bytes of a code unit */
  int marks; /* a byte order mark at the beginning of input is none of the text */
  int order; /* and says the order of the bytes; one is written */
  /* As lwt_utf8_next_part. */
  size_t (*next)(const unsigned char *s, size_t n, int32_t *cp);
  /* As lwt_utf8_put; 0: the encoding has no such character. */
  size_t (*put)(int32_t cp, unsigned char *out);
  const struct lwt_codec *swapped; /* with the bytes of a unit the other way round */
} lwt_codec;

/* 1 when `name` (of `n` bytes) is one of ours, which *codec then is, or one that iconv
** may be asked for (*codec is NULL); 0 when there can be no such encoding. */
int lwt_encoding_resolve(const char *name, size_t n, const lwt_codec **codec);

int lwt_text_l_encoding_of(lua_State *L);
int lwt_text_l_locale(lua_State *L);

/* ---- iconv.c -------------------------------------------------------------- */

enum lwt_iconv_status {
  LWT_ICONV_DONE,
  LWT_ICONV_CUT,  /* the input ends within a character */
  LWT_ICONV_BAD,  /* what comes next is no character, or one that the encoding has not */
  LWT_ICONV_FULL, /* no room for more */
  LWT_ICONV_LOST /* done, but with something else written for what the encoding has not */
};

/* NULL where there is no such encoding, or no iconv at all. */
void *lwt_iconv_open(const char *to, const char *from);
void lwt_iconv_close(void *cd);
/* Converts *n bytes at *in, as far as possible, to *out, which has *room. With in == NULL
** back to the first state, and writes what that takes. With out == NULL as well, writes
** nothing. */
enum lwt_iconv_status lwt_iconv_step(void *cd, const unsigned char **in, size_t *n,
                                     unsigned char **out, size_t *room);

/* ---- transliterate.c -------------------------------------------------------- */

#define LWT_TRANSLIT_MOST 32

/* What to write for a character: ASCII, or another single character, in `out`; how many
** (0 for what only marks or formats), or -1 when there is nothing better than "?". */
int lwt_transliterate(int32_t cp, int32_t out[LWT_TRANSLIT_MOST]);

/* ---- decode.c, encode.c ----------------------------------------------------- */

#define LWT_DECODER "lwt.text.decoder"
#define LWT_ENCODER "lwt.text.encoder"

int lwt_text_l_decoder(lua_State *L);
int lwt_text_l_decode(lua_State *L);
void lwt_text_open_decoder(lua_State *L);

int lwt_text_l_encoder(lua_State *L);
int lwt_text_l_encode(lua_State *L);
void lwt_text_open_encoder(lua_State *L);

/* ---- lwt.c ------------------------------------------------------------------ */

int lwt_text_l_cancel_due(lua_State *L);
int lwt_text_l_error(lua_State *L);

#endif
