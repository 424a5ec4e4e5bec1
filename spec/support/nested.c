/* nested.c: what lwt.h 1.4 is for: an engine around another one, and a loop of somebody's that
** gives lwt its turns wherever the program is (spec/core/nested_spec.lua).
*/
#include <lauxlib.h>
#include <lua.h>
#include <poll.h>

#include <lwt.h>

static const lwt_api *lwt;
static const lwt_engine *inner;
static void *inner_data;
static int waits, busy, told_full;

static double e_now(void *data) {
  return (void)data, inner->now(inner_data);
}
static void e_wait(void *data, double seconds) {
  (void)data;
  waits++;
  inner->wait(inner_data, seconds);
}
static int e_alive(void *data) {
  return (void)data, inner->alive(inner_data);
}
static void e_wake(void *data) {
  (void)data;
  inner->wake(inner_data);
}
static int e_fd(void *data) {
  return (void)data, inner->fd(inner_data);
}
static double e_due(void *data) {
  return (void)data, inner->due(inner_data);
}
static const char *e_busy(void *data) {
  (void)data;
  return busy ? "from where it is busy" : NULL;
}

static const lwt_engine around = {.name = "around",
                                  .now = e_now,
                                  .wait = e_wait,
                                  .alive = e_alive,
                                  .wake = e_wake,
                                  .fd = e_fd,
                                  .due = e_due,
                                  .busy = e_busy,
                                  .nests = 1};

/* wrap(): an engine of ours around the one in use; unwrap() -> how often that has waited */
static int l_wrap(lua_State *L) {
  inner = lwt->engine_get(lwt, &inner_data, &told_full);
  if (inner == NULL || !told_full) return luaL_error(L, "an engine of 1.4 expected");
  waits = 0;
  lwt->engine_use(lwt, &around, NULL);
  return 0;
}

static int l_unwrap(lua_State *L) {
  void *data;
  int full;
  lua_pushboolean(L, lwt->engine_get(lwt, &data, &full) == &around && full);
  lwt->engine_use(lwt, inner, inner_data);
  lua_pushinteger(L, waits);
  return 2;
}

static int l_busy(lua_State *L) {
  busy = lua_toboolean(L, 1);
  return 0;
}

/* An engine as it was before 1.4: is it told to be full? */
static int l_old(lua_State *L) {
  void *data, *data_of_old;
  int full;
  const lwt_engine *e = lwt->engine_get(lwt, &data, &full);
  lwt->engine_set(lwt, e, data);
  lwt->engine_get(lwt, &data_of_old, &full);
  lua_pushboolean(L, full);
  lua_pushnumber(L, lwt->due(lwt));
  lwt->engine_use(lwt, e, data);
  return 2;
}

static int l_due(lua_State *L) {
  lua_pushnumber(L, lwt->due(lwt));
  return 1;
}

/* step_within(): one turn */
static int l_step(lua_State *L) {
  lwt->step_within(lwt, L, 0);
  return 0;
}

/* turn(f): turns until f() is true, waiting for the engine's descriptor and for what is due. Returns
** how often it has polled. */
static int l_turn(lua_State *L) {
  void *data;
  int full, polls = 0;
  const lwt_engine *e = lwt->engine_get(lwt, &data, &full);
  for (;;) {
    struct pollfd p = {.fd = e->fd(data), .events = POLLIN};
    double due = lwt->due(lwt);
    lua_pushvalue(L, 1);
    lua_call(L, 0, 1);
    if (lua_toboolean(L, -1)) break;
    lua_pop(L, 1);
    polls++;
    if (e->due(data) == LWT_BUSY) p.fd = -1;
    poll(&p, 1, due < 0 ? -1 : (int)(due * 1000 + 1));
    lwt->step_within(lwt, L, 0);
  }
  lua_pushinteger(L, polls);
  return 1;
}

/* on(thread, f, …): calls f on another coroutine, as bindings call back; its results, or raises */
static int l_on(lua_State *L) {
  lua_State *co = lua_tothread(L, 1);
  int n = lua_gettop(L) - 1, base = lua_gettop(co);
  lua_xmove(L, co, n);
  if (lua_pcall(co, n - 1, 1, 0) != LUA_OK) {
    lua_xmove(co, L, 1);
    return lua_error(L);
  }
  lua_xmove(co, L, lua_gettop(co) - base);
  return 1;
}

/* The allocator of before, and how many requests are granted until one is refused (Lua makes it twice). */
static lua_Alloc allocate;
static int granted;

static void *refusing(void *ud, void *ptr, size_t osize, size_t nsize) {
  if (nsize > (ptr == NULL ? 0 : osize) && granted-- <= 0 && granted >= -2) return NULL;
  return allocate(ud, ptr, osize, nsize);
}

/* refuse(n): the n-th request for memory from now on is refused; refuse(): none is */
static int l_refuse(lua_State *L) {
  void *ud;
  lua_Alloc now = lua_getallocf(L, &ud);
  if (now != refusing) allocate = now;
  granted = (int)luaL_optinteger(L, 1, 0) - 1;
  lua_setallocf(L, lua_isnoneornil(L, 1) ? allocate : refusing, ud);
  return 0;
}

int luaopen_nested(lua_State *L) {
  static const luaL_Reg functions[] = {{"wrap", l_wrap}, {"unwrap", l_unwrap}, {"busy", l_busy},
                                       {"old", l_old},   {"due", l_due},       {"step_within", l_step},
                                       {"turn", l_turn}, {"on", l_on},         {"refuse", l_refuse},
                                       {NULL, NULL}};
  lwt = lwt_import(L);
  luaL_newlib(L, functions);
  return 1;
}
