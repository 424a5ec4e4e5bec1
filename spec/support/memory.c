/* memory.c: runs a Lua script over and over, each time with another request for memory refused (and
** the one after it, which Lua makes when it has collected):
**
**   memory SCRIPT
**
** The script gives a function `round(armed)`: what is tried is run between armed(true) and
** armed(false), and is in order when `round` does not raise. It ends when a round has made fewer
** requests than the one that is next. */
#include <stdio.h>
#include <stdlib.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

static int armed;
static long count, at;

static void *allocate(void *ud, void *block, size_t before, size_t size) {
  (void)ud;
  if (size == 0) {
    free(block);
    return NULL;
  }
  if (armed && (block == NULL || size > before)) {
    count++;
    if (count == at || count == at + 1) return NULL;
  }
  return realloc(block, size);
}

static int l_armed(lua_State *L) {
  armed = lua_toboolean(L, 1);
  return 0;
}

int main(int argc, char **argv) {
  lua_State *L = lua_newstate(allocate, NULL);
  if (argc != 2 || L == NULL) return 2;
  luaL_openlibs(L);
  if (luaL_dofile(L, argv[1]) != LUA_OK) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    return 2;
  }
  for (at = 1;; at++) {
    count = 0;
    lua_pushvalue(L, -1);
    lua_pushcfunction(L, l_armed);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
      armed = 0;
      fprintf(stderr, "request %ld: %s\n", at, luaL_tolstring(L, -1, NULL));
      return 1;
    }
    if (count < at) break;
  }
  printf("%ld requests\n", at - 1);
  lua_close(L);
  return 0;
}
