/* reap.c: a Lua module of one function: it waits for the end of a child and takes its status, as
** a library beside lwt does that waits for all children of its process. */
#include <errno.h>
#include <sys/wait.h>

#include <lauxlib.h>

static int l_reap(lua_State *L) {
  pid_t pid = (pid_t)luaL_checkinteger(L, 1);
  int status;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return luaL_error(L, "no such child");
  return 0;
}

int luaopen_reap(lua_State *L) {
  lua_pushcfunction(L, l_reap);
  return 1;
}
