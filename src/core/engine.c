/* engine.c: where time and outside events come from: a C engine (lwt.h), one written in
** Lua, none, or virtual time over any of them. */
#include <string.h>

#include "core.h"

/* Calls the function `name` of the engine table with nargs values on top; one result. */
static int call_engine(lua_State *L, lwt_context *c, const char *name, int nargs) {
  int top = lua_gettop(L) - nargs;
  lua_checkstack(L, 6);
  pushreg(L, c->r_lua_engine);
  if (lua_getfield(L, -1, name) == LUA_TNIL) {
    lua_settop(L, top);
    return 0;
  }
  lua_replace(L, -2);
  lua_insert(L, top + 1);
  c->callbacks++;
  if (lua_pcall(L, nargs, 1, 0) != LUA_OK) {
    lwt_loop_report(L, c);
    lua_settop(L, top);
    c->callbacks--;
    return 0;
  }
  c->callbacks--;
  return 1;
}

static double lua_engine_now(void *data) {
  lwt_context *c = (lwt_context *)data;
  double now = 0;
  if (call_engine(c->L, c, "now", 0)) {
    now = lua_tonumber(c->L, -1);
    lua_pop(c->L, 1);
  }
  return now;
}

static void lua_engine_wait(void *data, double seconds) {
  lwt_context *c = (lwt_context *)data;
  lua_checkstack(c->L, 6);
  if (seconds < 0)
    lua_pushnil(c->L);
  else
    lua_pushnumber(c->L, seconds);
  if (call_engine(c->L, c, "wait", 1)) lua_pop(c->L, 1);
}

static int lua_engine_alive(void *data) {
  lwt_context *c = (lwt_context *)data;
  int alive = 0;
  if (call_engine(c->L, c, "alive", 0)) {
    alive = lua_toboolean(c->L, -1);
    lua_pop(c->L, 1);
  }
  return alive ? LWT_WAITING : LWT_IDLE;
}

static void lua_engine_wake(void *data) {
  (void)data;
}
static int lua_engine_fd(void *data) {
  return (void)data, -1;
}

static const lwt_engine lua_engine = {.name = "lua",
                                      .now = lua_engine_now,
                                      .wait = lua_engine_wait,
                                      .alive = lua_engine_alive,
                                      .wake = lua_engine_wake,
                                      .fd = lua_engine_fd};

/* From now on time and events come from this engine (NULL: none), or time is virtual
** over it. What is pending stays as far away as it was, whatever the new clock says. */
void lwt_loop_set_engine(lwt_context *c, const lwt_engine *e, void *data,
                         int is_virtual) {
  double was = lwt_timer_now(c);
  c->engine = e;
  c->engine_data = data;
  c->engine_full = 0;
  if (is_virtual && !c->is_virtual)
    c->virtual_now = 0; /* a round start keeps sums exact */
  c->is_virtual = (uint8_t)is_virtual;
  lwt_timer_shift(c, lwt_timer_now(c) - was);
}

/* The same engine, with or without virtual time over it. */
static void change_clock(lwt_context *c, int is_virtual) {
  uint8_t full = c->engine_full;
  lwt_loop_set_engine(c, c->engine, c->engine_data, is_virtual);
  c->engine_full = full;
}

/* core.set_engine(x): "virtual": virtual time over the engine in use; "real": back;
** a table {now=, wait=, alive=}: an engine of the user's; nil: the core's own. */
static int l_set_engine(lua_State *L) {
  lwt_context *c = context_of(L);
  const char *s;
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  if (lua_istable(L, 1)) {
    if (lua_getfield(L, 1, "now") != LUA_TFUNCTION ||
        lua_getfield(L, 1, "wait") != LUA_TFUNCTION)
      return luaL_argerror(L, 1, "an engine needs functions 'now' and 'wait'");
    lua_pushvalue(L, 1);
    setreg(L, c->r_lua_engine);
    lwt_loop_set_engine(c, &lua_engine, c, 0);
  } else if (lua_isnil(L, 1)) {
    lwt_loop_set_engine(c, NULL, NULL, 0);
  } else {
    s = luaL_checkstring(L, 1);
    if (strcmp(s, "virtual") == 0) {
      change_clock(c, 1);
    } else if (strcmp(s, "real") == 0) {
      change_clock(c, 0);
    } else if (strcmp(s, "none") == 0) {
      lwt_loop_set_engine(c, NULL, NULL, 0);
    } else {
      return luaL_argerror(L, 1, lua_pushfstring(L, "unknown engine '%s'", s));
    }
  }
  return 0;
}

/* core.engine_name() */
static int l_engine_name(lua_State *L) {
  lwt_context *c = context_of(L);
  lua_pushstring(L, c->is_virtual ? "virtual" : c->engine ? c->engine->name : "none");
  return 1;
}

static const luaL_Reg functions[] = {
    {"set_engine", l_set_engine}, {"engine_name", l_engine_name}, {NULL, NULL}};

void lwt_engine_open(lua_State *L, lwt_context *c) {
  lwt_register(L, c, functions);
}
