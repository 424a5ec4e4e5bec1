/* module.c: `require "lwt.uv"`: the families, each with its table of functions. It is the only
** file that knows them all.
*/
#include "internal.h"

typedef struct family {
  const char *name;
  void (*open)(lwt_uv *ctx, lua_State *L);
} family;

LUAMOD_API __attribute__((visibility("default"))) int luaopen_lwt_uv(lua_State *L) {
  static const family families[] = {
      {"engine", lwt_uv_open_engine}, {"bytes", lwt_uv_open_bytes},
      {"net", lwt_uv_open_net},       {"fs", lwt_uv_open_fs},
      {"io", lwt_uv_open_io},         {"process", lwt_uv_open_process},
      {"signal", lwt_uv_open_signal}, {"job", lwt_uv_open_job},
      {"thread", lwt_uv_open_thread}, {"interrupt", lwt_uv_open_interrupt},
  };
  lwt_uv *ctx;
  size_t i;
  luaL_checkversion(L);
  ctx = lwt_uv_new_context(L);
  lua_newtable(L);
  for (i = 0; i < sizeof families / sizeof *families; i++) {
    families[i].open(ctx, L);
    lua_setfield(L, -2, families[i].name);
  }
  lua_pushstring(L, uv_version_string());
  lua_setfield(L, -2, "libuv");
  return 1;
}
