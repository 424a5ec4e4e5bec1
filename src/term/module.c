/* module.c: the module lwt.term.core. */
#include <lauxlib.h>
#include <lua.h>

#include "encoding.h"
#include "term.h"
#include "text.h"

__attribute__((visibility("default"))) int luaopen_lwt_term_core(lua_State *L) {
  /* By file, in the order of the alphabet. */
  static const luaL_Reg functions[] = {
      {"text_fold", lwt_text_l_fold},               /* case.c */
      {"text_lower", lwt_text_l_lower},             /* case.c */
      {"text_upper", lwt_text_l_upper},             /* case.c */
      {"text_decode", lwt_text_l_decode},           /* decode.c */
      {"text_decoder", lwt_text_l_decoder},         /* decode.c */
      {"text_encode", lwt_text_l_encode},           /* encode.c */
      {"text_encoder", lwt_text_l_encoder},         /* encode.c */
      {"text_encoding_of", lwt_text_l_encoding_of}, /* encoding.c */
      {"text_locale", lwt_text_l_locale},           /* encoding.c */
      {"text_pad", lwt_text_l_pad},                 /* fit.c */
      {"text_truncate", lwt_text_l_truncate},       /* fit.c */
      {"text_graphemes", lwt_text_l_graphemes},     /* graphemes.c */
      {"text_cancel_due", lwt_text_l_cancel_due},   /* lwt.c */
      {"text_error", lwt_text_l_error},             /* lwt.c */
      {"text_normalize", lwt_text_l_normalize},     /* normalize.c */
      {"text_length", lwt_text_l_length},           /* utf8.c */
      {"text_width", lwt_text_l_width},             /* width.c */
      {"text_wrap", lwt_text_l_wrap},               /* wrap.c */
      {NULL, NULL}};
  lwt_text_open_decoder(L);
  lwt_text_open_encoder(L);
  luaL_newlib(L, functions);
  lwt_term_open_tty(L);
  lua_setfield(L, -2, "tty");
  return 1;
}
