/* embed.h: what oom.c and finalizer.c share. Each is a program of its own that embeds Lua, the core
** and, with OOM_UV defined, lwt.uv, and with OOM_SSL lwt.ssl, with an allocator that counts what is in use. It runs a
** script's table, in fresh states, and ends with "N failures". refusing.lua links it with the objects of
** the build under test. */
#ifndef EMBED_H
#define EMBED_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int luaopen_lwt_core(lua_State *L);
int luaopen_lwt_uv(lua_State *L);
int luaopen_lwt_ssl_core(lua_State *L);

#ifndef REALLOC
#define REALLOC realloc
#endif

static size_t in_use; /* bytes, by Lua */

/* What an allocator of Lua's does, once it has decided to. */
static void *resize(void *ptr, size_t osize, size_t nsize) {
  if (ptr == NULL) osize = 0;
  if (nsize == 0) {
    in_use -= osize;
    free(ptr);
    return NULL;
  }
  ptr = REALLOC(ptr, nsize);
  if (ptr != NULL) in_use += nsize - osize;
  return ptr;
}

static void die(const char *what, const char *text) {
  fprintf(stderr, "%s: %s\n", what, text);
  exit(2);
}

/* Gives a new state the libraries, and lwt's modules in C to `require`. */
static void open_libraries(lua_State *L) {
  luaL_openlibs(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_lwt_core);
  lua_setfield(L, -2, "lwt.core");
#ifdef OOM_UV
  lua_pushcfunction(L, luaopen_lwt_uv);
  lua_setfield(L, -2, "lwt.uv");
#endif
#ifdef OOM_SSL
  lua_pushcfunction(L, luaopen_lwt_ssl_core);
  lua_setfield(L, -2, "lwt.ssl.core");
#endif
  lua_pop(L, 1);
}

/* Leaves the script's table on the stack. */
static void load(lua_State *L, const char *script) {
  if (luaL_dofile(L, script) != LUA_OK) die(script, lua_tostring(L, -1));
}

#endif
