/* embed.c: a C program with a poll loop of its own that embeds Lua and lwt.
**
**   embed SCRIPT < LINES
**
** The loop waits for two things at once: lines on standard input, which are the host's own
** business (each is handed to the script's global function `on_line`), and lwt, which it gives
** a turn of a few milliseconds whenever it may have something to do. It ends when standard
** input has ended and nothing can happen in lwt any more.
*/
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <lwt.h>

#define BUDGET 0.005 /* seconds that lwt may take of one turn of the loop */

static lua_State *L;

static void fail(const char *what) {
  fprintf(stderr, "embed: %s: %s\n", what, lua_tostring(L, -1));
  lua_close(L);
  exit(1);
}

/* One turn of lwt. It may raise, so it is called in protected mode, like any Lua.
** Gives: can anything still happen? in how many seconds is the next timer due? */
static int l_step(lua_State *state) {
  const lwt_api *lwt = lwt_import(state);
  double wait;
  lua_pushboolean(state, lwt->step(lwt, state, BUDGET, &wait));
  lua_pushnumber(state, wait);
  return 2;
}

static int step(double *wait) {
  lua_pushcfunction(L, l_step);
  if (lua_pcall(L, 0, 2, 0) != LUA_OK) fail("step");
  int alive = lua_toboolean(L, -2);
  *wait = lua_tonumber(L, -1);
  lua_pop(L, 2);
  return alive;
}

/* A descriptor that poll finds readable when lwt has events to look at. */
static int lwt_descriptor(void) {
  if (luaL_dostring(L, "return require('lwt.engine').fd()") != LUA_OK) fail("lwt.engine");
  int fd = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  return fd;
}

static void hand_over(const char *line, size_t length) {
  lua_getglobal(L, "on_line");
  lua_pushlstring(L, line, length);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) fail("on_line");
}

/* Read what there is and hand over every whole line. 0: the end. */
static int read_lines(void) {
  static char buffer[4096];
  static size_t filled;
  char *end;
  ssize_t n = read(STDIN_FILENO, buffer + filled, sizeof buffer - filled);
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  filled += (size_t)n;
  while ((end = memchr(buffer, '\n', filled)) != NULL || filled == sizeof buffer) {
    size_t length = end != NULL ? (size_t)(end - buffer) : filled;
    size_t used = end != NULL ? length + 1 : length;
    hand_over(buffer, length);
    filled -= used;
    memmove(buffer, buffer + used, filled);
  }
  if (n == 0 && filled > 0) hand_over(buffer, filled);
  return n > 0;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fputs("usage: embed SCRIPT < LINES\n", stderr);
    return 2;
  }
  L = luaL_newstate();
  if (L == NULL) return 1;
  luaL_openlibs(L);
  if (luaL_dofile(L, argv[1]) != LUA_OK) fail("script");
  /* poll passes over negative descriptors: so does standard input end. */
  struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                          {.fd = lwt_descriptor(), .events = POLLIN}};
  for (;;) {
    double wait;
    int alive = step(&wait);
    if (!alive && fds[0].fd < 0) break;
    /* Rounded up, so that a timer is due when poll returns. */
    int timeout = wait < 0 ? -1 : wait > 60 ? 60000 : (int)ceil(wait * 1000);
    if (poll(fds, 2, timeout) < 0 && errno != EINTR) break;
    if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) && !read_lines()) fds[0].fd = -1;
  }
  lua_close(L); /* closes lwt's handles, jobs and threads */
  return 0;
}
