/* Ends a process slowly: what is loaded after this has been ended by then, and other threads still run. */
#include <stdlib.h>
#include <time.h>

#include <lua.h>

static void wait_a_little(void) {
  const struct timespec t = {0, 400000000};
  nanosleep(&t, NULL);
}

int luaopen_slow_exit(lua_State *L) {
  (void)L;
  return atexit(wait_a_little) == 0 ? 0 : 1;
}
