/* ended.c: a module whose userdata is older than lwt, so that its finalizer runs after lwt has
** ended, and then calls everything in lwt.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lwt.h>

static const lwt_api *lwt;
static int promise, ran;
static lwt_wait wait_of_mine;
static lwt_idle idle_of_mine;

static void nothing(lua_State *L, void *data) {
  (void)L;
  (void)data;
  ran = 1;
}
static void withdraw(lua_State *L, lwt_wait *w) {
  (void)L;
  (void)w;
}
static int may(lua_State *L, void *data) {
  (void)L;
  (void)data;
  return 1;
}

/* What may raise: one function each, called in a protected call. */
enum { RAISING = 14 };
static int raise_n(lua_State *L) {
  double wait;
  int n = (int)lua_tointeger(L, 1);
  lua_settop(L, 0);
  lua_rawgeti(L, LUA_REGISTRYINDEX, promise);
  switch (n) {
  case 0: lwt->promise_new(lwt, L, nothing, NULL); break;
  case 1: lwt->promise_new_guarded(lwt, L, nothing, NULL, may); break;
  case 2: lwt->fulfilled(lwt, L, 0); break;
  case 3: lwt->rejected(lwt, L); break;
  case 4: lwt->await_begin(lwt, L, 1); break;
  case 5: lwt->await_end(lwt, L, 1); break;
  case 6: lwt->step(lwt, L, 0, &wait); break;
  case 7: lwt->run(lwt, L); break;
  case 8: lwt->wait_check(lwt, L); break;
  case 9: lwt->wait_begin(lwt, L, 1, &wait_of_mine); break;
  case 10: lwt->wait_end(lwt, L); break;
  case 11: lwt->step_within(lwt, L, 0); break;
  case 12:
    if (lwt->notification_new == NULL) luaL_error(L, "lwt has ended");
    lwt->notification_new(lwt, L, NULL, NULL, 0);
    break;
  default:
    if (lwt->job_start == NULL) luaL_error(L, "lwt has ended");
    lwt_job *job = calloc(1, sizeof *job);
    job->release = (void (*)(lwt_job *))free;
    lwt->job_start(lwt, L, job);
  }
  return 0;
}

static void fail(const char *what) {
  printf("after the end: %s\n", what);
  exit(1);
}

static int finalize(lua_State *L) {
  void *data;
  int n;
  for (n = 0; n < RAISING; n++) {
    lua_settop(L, 0);
    lua_pushcfunction(L, raise_n);
    lua_pushinteger(L, n);
    if (lua_pcall(L, 1, 0, 0) == LUA_OK || strstr(lua_tostring(L, -1), "closed") == NULL) {
      printf("%d: %s\n", n, lua_gettop(L) > 0 ? lua_tostring(L, -1) : "no error");
      fail("something that may raise did not");
    }
  }
  lua_settop(L, 0);
  lua_rawgeti(L, LUA_REGISTRYINDEX, promise);
  lua_pushinteger(L, 1);
  if (lwt->fulfill(lwt, L, 1, 1) != 0 || lua_gettop(L) != 1) fail("fulfill");
  lua_pushinteger(L, 1);
  if (lwt->reject(lwt, L, 1) != 0 || lua_gettop(L) != 1) fail("reject");
  lua_pushinteger(L, 1);
  if (lwt->reject_traced(lwt, L, 1, "trace") != 0 || lua_gettop(L) != 1) fail("traced");
  if (!lwt->is_promise(lwt, L, 1)) fail("is_promise");
  if (lwt->state(lwt, L, 1) != LWT_PENDING) fail("state");
  lwt->push_error(lwt, L, "ENOENT", 2, "message", "op", "path", "x");
  lwt->push_sentinel(lwt, L, "EOF");
  lua_settop(L, 1);
  if (lwt->enter(lwt, nothing, NULL) != -2 || lwt->enter_last(lwt, nothing, NULL) != -2 || ran)
    fail("enter");
  lwt->idle_start(lwt, &idle_of_mine);
  lwt->idle_stop(lwt, &idle_of_mine);
  lwt->engine_set(lwt, NULL, NULL);
  lwt->engine_use(lwt, NULL, NULL);
  if (lwt->engine_get(lwt, &data, &n) != NULL) fail("engine_get");
  if (lwt->due(lwt) != LWT_NOT_DUE) fail("due");
  lwt->now(lwt);
  lwt->handle_opened(lwt, L, 1, "kind");
  lwt->handle_closed(lwt, L, lua_touserdata(L, 1));
  lua_settop(L, 1);
  if (lwt->loop(lwt) != NULL) fail("loop");
  lua_pushinteger(L, 1);
  lwt->wait_wake(lwt, L, &wait_of_mine, 1);
  if (lua_gettop(L) != 1) fail("wait_wake");
  if (lwt->wait_run(lwt, &wait_of_mine) != 0) fail("wait_run");
  if (lwt->wait_resumed(lwt, L) != 0) fail("wait_resumed");
  puts("all of lwt.h was called after the end");
  return 0;
}

/* What is to be remembered of lwt, which is loaded later: a pending promise. */
static int l_remember(lua_State *L) {
  lwt = lwt_import(L);
  lua_settop(L, 1);
  promise = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

int luaopen_spec_ended(lua_State *L);
int luaopen_spec_ended(lua_State *L) {
  wait_of_mine.cancel = withdraw;
  lua_newuserdatauv(L, 0, 0);
  lua_newtable(L);
  lua_pushcfunction(L, finalize);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  luaL_ref(L, LUA_REGISTRYINDEX);
  lua_pushcfunction(L, l_remember);
  return 1;
}
