/* adopted.c: a host that owns a loop, has lwt adopt it, and closes the Lua state in a callback of its own
** on that loop; then the loop goes on without lwt, and is closed. A program that embeds Lua; LUA_PATH and LUA_CPATH
** tell where lwt is.
**
**   adopted KIND SCRIPT      in which callback; the script gets the loop as its argument */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <uv.h>

static uv_loop_t loop;
static lua_State *L;
static int turns_after;

static void close_state(void) {
  lua_State *closing = L;
  L = NULL; /* the loop turns meanwhile, and its callbacks come again */
  if (closing != NULL) lua_close(closing);
}

static uv_timer_t timer, after;
static uv_async_t async;
static uv_poll_t poll_handle;
static uv_prepare_t prepare;
static uv_check_t check;
static uv_idle_t idle;

static void on_closed(uv_handle_t *h) {
  if (h == (uv_handle_t *)&timer && after.data != NULL) close_state();
}

static void end(uv_handle_t *h) {
  close_state();
  if (!uv_is_closing(h)) uv_close(h, on_closed);
}

static void on_timer(uv_timer_t *h) { end((uv_handle_t *)h); }
static void on_async(uv_async_t *h) { end((uv_handle_t *)h); }
static void on_prepare(uv_prepare_t *h) { end((uv_handle_t *)h); }
static void on_check(uv_check_t *h) { end((uv_handle_t *)h); }
static void on_idle(uv_idle_t *h) { end((uv_handle_t *)h); }

static void on_poll(uv_poll_t *h, int status, int events) {
  (void)status, (void)events;
  end((uv_handle_t *)h);
}

static void on_after(uv_timer_t *h) {
  if (++turns_after == 5) uv_close((uv_handle_t *)h, NULL);
}

static int begin(const char *kind) {
  static int fds[2];
  if (strcmp(kind, "timer") == 0) {
    uv_timer_init(&loop, &timer);
    uv_timer_start(&timer, on_timer, 5, 0);
  } else if (strcmp(kind, "close") == 0) {
    after.data = &after;
    uv_timer_init(&loop, &timer);
    uv_close((uv_handle_t *)&timer, on_closed);
  } else if (strcmp(kind, "async") == 0) {
    uv_async_init(&loop, &async, on_async);
    uv_async_send(&async);
  } else if (strcmp(kind, "poll") == 0) {
    if (pipe(fds) != 0 || write(fds[1], "x", 1) != 1) return 0;
    uv_poll_init(&loop, &poll_handle, fds[0]);
    uv_poll_start(&poll_handle, UV_READABLE, on_poll);
  } else if (strcmp(kind, "prepare") == 0) {
    uv_prepare_init(&loop, &prepare);
    uv_prepare_start(&prepare, on_prepare);
  } else if (strcmp(kind, "check") == 0) {
    uv_check_init(&loop, &check);
    uv_check_start(&check, on_check);
    uv_timer_init(&loop, &timer); /* or nothing would be polled for */
    uv_timer_start(&timer, on_timer, 1000, 0);
  } else if (strcmp(kind, "idle") == 0) {
    uv_idle_init(&loop, &idle);
    uv_idle_start(&idle, on_idle);
  } else {
    return 0;
  }
  return 1;
}

int main(int argc, char **argv) {
  int status;
  if (argc != 3 || uv_loop_init(&loop) != 0) return 2;
  L = luaL_newstate();
  luaL_openlibs(L);
  if (luaL_loadfile(L, argv[2]) != LUA_OK) return 2;
  lua_pushlightuserdata(L, &loop);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    return 2;
  }
  if (!begin(argv[1])) return 2;
  uv_timer_init(&loop, &after);
  uv_timer_start(&after, on_after, 1, 1);
  uv_run(&loop, UV_RUN_DEFAULT);
  if (L != NULL) return 3;
  status = uv_loop_close(&loop);
  printf("%s: closed, %d turns more, %s\n", argv[1], turns_after, status == 0 ? "empty" : "not empty");
  return 0;
}
