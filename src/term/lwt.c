/* lwt.c: what lwt.h has and the Lua files of lwt.text need. */
#include <errno.h>
#include <string.h>

#include <lwt.h>

#include "encoding.h"

/* error(code, message, op) */
int lwt_text_l_error(lua_State *L) {
  const lwt_api *lwt = lwt_import(L);
  const char *code = luaL_checkstring(L, 1), *message = luaL_checkstring(L, 2);
  int number = strcmp(code, "EILSEQ") == 0 ? EILSEQ : 0;
  lwt->push_error(lwt, L, code, number, message, luaL_checkstring(L, 3), NULL, NULL);
  return 1;
}

/* cancel_due(): the next await of the running task will raise. */
int lwt_text_l_cancel_due(lua_State *L) {
  const lwt_api *lwt = lwt_import(L);
  lua_pushboolean(L, lwt->cancel_due(lwt));
  return 1;
}
