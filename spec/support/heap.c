/* heap: how many bytes of malloc's are in use, Lua's among them; and how many descriptors.
** `require "spec.support.heap"` */
#include <dirent.h>
#include <lauxlib.h>
#include <lua.h>
#include <malloc.h>

/* used() -> bytes, or nil where malloc is not the C library's own (a sanitizer's, valgrind's). */
static int l_used(lua_State *L) {
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
  struct mallinfo2 m = mallinfo2();
  if (m.uordblks > 0) {
    lua_pushinteger(L, (lua_Integer)(m.uordblks + m.hblkhd));
    return 1;
  }
#endif
  lua_pushnil(L);
  return 1;
}

/* descriptors() -> how many are open, or nil where that is not told. */
static int l_descriptors(lua_State *L) {
  DIR *dir = opendir("/proc/self/fd");
  lua_Integer n = 0;
  if (dir == NULL) return 0;
  while (readdir(dir) != NULL) n++;
  closedir(dir);
  lua_pushinteger(L, n - 3); /* . and .. and the folder itself */
  return 1;
}

int luaopen_heap(lua_State *L);
int luaopen_heap(lua_State *L) {
  lua_newtable(L);
  lua_pushcfunction(L, l_used);
  lua_setfield(L, -2, "used");
  lua_pushcfunction(L, l_descriptors);
  lua_setfield(L, -2, "descriptors");
  return 1;
}
