/* inspect.c: inspection: what every task waits for, turns that take too long, what was left
** open, and a check of what must always hold (core.check). */
#include <stdio.h>
#include <string.h>

#include "core.h"

#define STALL_COUNT 10000 /* instructions between two looks at the clock */

/* ---- Tasks ------------------------------------------------------------------------------- */

static const char *kind_name(const promise *p) {
  switch (p->kind) {
  case K_TIMER: return "a timer";
  case K_OP: return "an operation";
  case K_TASK: return "a task";
  case K_SCOPE: return "a scope";
  case K_JOIN:
  case K_ALL:
  case K_BOTH:
  case K_SETTLED: return "several promises";
  case K_ANY:
  case K_CHOOSE:
  case K_PICK:
  case K_NCHOOSE:
  case K_NPICK:
  case K_NCHOOSE_SPLIT: return "one of several promises";
  default: return "a promise";
  }
}

/* Pushes what a waiting task awaits, as text. */
static void push_waiting_on(lua_State *L, lwt_context *c, task *t) {
  static const promise op = {.kind = K_OP};
  int top = lua_gettop(L);
  const promise *p;
  if (t->status == T_WAITING && t->direct) {
    lua_pushstring(L, t->direct == D_MVAR    ? "an mvar"
                      : t->direct == D_TIMER ? "a timer"
                                             : kind_name(&op));
    return;
  }
  if (t->status != T_WAITING || (p = lwt_task_push_awaited(L, t)) == NULL) {
    lua_pushnil(L);
    return;
  }
  if (p->kind == K_TASK) {
    pushreg(L, c->r_names);
    lua_pushvalue(L, top + 1);
    if (lua_rawget(L, -2) == LUA_TSTRING) {
      lua_pushfstring(L, "task '%s'", lua_tostring(L, -1));
      lua_replace(L, top + 1);
      lua_settop(L, top + 1);
      return;
    }
  }
  lua_settop(L, top);
  lua_pushstring(L, kind_name(p));
}

static void push_task_where(lua_State *L, lwt_context *c, task *t) {
  lua_State *co = t->status < T_RUNNING && lwt_task_is_intact(t) ? t->wait_co : t->co;
  if (co == NULL)
    lua_pushliteral(L, "?");
  else if (lua_status(co) == LUA_OK && t->status == T_READY) {
    lua_Debug ar; /* not begun: where its function was written */
    if (lua_gettop(co) >= 3 && lua_type(co, 3) == LUA_TFUNCTION) {
      lua_pushvalue(co, 3);
      lua_getinfo(co, ">S", &ar);
      lua_pushfstring(L, "%s:%d", ar.short_src, ar.linedefined);
    } else {
      lua_pushliteral(L, "?");
    }
  } else {
    lwt_trace_where(L, co, t == c->current && co == L ? 1 : 0);
  }
}

/*---
Every task that is not over: a list of `{name=, state=, waiting_on=, where=, since=, promise=}`. `state` is "running", "ready" or
"waiting"; `where` the line it is at; `waiting_on` what it awaits, in words; `since` the loop's time (`lwt.now`) since when.
(`name` is nil where `lwt.name` has given none.)

```lua
lwt.spawn(function() lwt.name("sleeper") await(lwt.sleep(9)) end)
for _, t in ipairs(lwt.tasks()) do
  if t.name then print(t.name, t.state, t.waiting_on) end   --> sleeper waiting a timer
end
```
@return table[]
@function lwt.tasks()
*/
static int l_tasks(lua_State *L) {
  static const char *const states[] = {"ready", "waiting", "running", "running", "done"};
  lwt_context *c = context_of(L);
  uint32_t s;
  lua_Integer n = 0;
  lua_settop(L, 0);
  lua_newtable(L);
  for (s = 0; s < c->slots_made; s++) {
    task *t = lwt_slot_task(c, s);
    lua_settop(L, 1);
    if (t == NULL) continue;
    pushreg(L, c->r_live);
    if (lua_rawgeti(L, 2, (lua_Integer)s + 1) != LUA_TUSERDATA ||
        lua_touserdata(L, 3) != (void *)t) {
      lua_settop(L, 2);
      lwt_slot_push(L, c, s);
      if (lua_touserdata(L, 3) != (void *)t) continue; /* collected */
    }
    lua_newtable(L);
    lua_pushvalue(L, 3);
    lua_setfield(L, 4, "promise");
    pushreg(L, c->r_names);
    lua_pushvalue(L, 3);
    lua_rawget(L, -2);
    lua_setfield(L, 4, "name");
    lua_settop(L, 4);
    lua_pushstring(L, states[t->status]);
    lua_setfield(L, 4, "state");
    push_waiting_on(L, c, t);
    lua_setfield(L, 4, "waiting_on");
    push_task_where(L, c, t);
    lua_setfield(L, 4, "where");
    lua_pushnumber(L, t->since);
    lua_setfield(L, 4, "since");
    lua_settop(L, 4);
    lua_rawseti(L, 1, ++n);
  }
  lua_settop(L, 1);
  return 1;
}

#define WAITING 50 /* lines, at most */

/* Pushes the line of the i-th task of the list at 1. */
static void push_waiting(lua_State *L, lua_Integer i) {
  const char *name, *on, *where;
  lua_rawgeti(L, 1, i);
  lua_getfield(L, -1, "name");
  lua_getfield(L, -2, "waiting_on");
  lua_getfield(L, -3, "where");
  name = lua_tostring(L, -3);
  on = lua_tostring(L, -2);
  where = lua_tostring(L, -1);
  if (name != NULL)
    lua_pushfstring(L, "\n\ttask '%s' waits for %s at %s", name, on ? on : "its turn",
                    where);
  else
    lua_pushfstring(L, "\n\ta task waits for %s at %s", on ? on : "its turn", where);
  lua_replace(L, -5);
  lua_pop(L, 3);
}

/* waiting(list of tasks): a line for each, one for those that wait alike. */
static int l_waiting(lua_State *L) {
  luaL_Buffer b;
  lua_Integer i, n = (lua_Integer)lua_rawlen(L, 1), lines = 0;
  lua_settop(L, 1);
  lua_newtable(L); /* the lines */
  lua_newtable(L); /* how many have that line */
  for (i = 1; i <= n; i++) {
    push_waiting(L, i);
    lua_pushvalue(L, 4);
    if (lua_rawget(L, 3) == LUA_TNIL) {
      lua_pushvalue(L, 4);
      lua_rawseti(L, 2, ++lines);
    }
    lua_pushinteger(L, lua_tointeger(L, 5) + 1);
    lua_replace(L, 5);
    lua_rawset(L, 3);
  }
  luaL_buffinit(L, &b);
  for (i = 1; i <= lines && i <= WAITING; i++) {
    lua_Integer count;
    lua_rawgeti(L, 2, i);
    lua_pushvalue(L, -1);
    lua_rawget(L, 3);
    count = lua_tointeger(L, -1);
    lua_pop(L, 1);
    if (count > 1) {
      lua_pushfstring(L, "%s (%I tasks)", lua_tostring(L, -1), (LUAI_UACINT)count);
      lua_remove(L, -2);
    }
    luaL_addvalue(&b);
  }
  if (lines > WAITING) luaL_addstring(&b, "\n\t...");
  luaL_pushresult(&b);
  return 1;
}

/* Pushes "\n\ttask 'x' waits for … at file:line" of every waiting task. */
void lwt_trace_waiting(lua_State *L, lwt_context *c) {
  lua_pushcfunction(L, l_waiting);
  pushreg(L, c->r_self);
  lua_pushcclosure(L, l_tasks, 1);
  lua_call(L, 0, 1);
  lua_call(L, 1, 1);
}

/*---
Names the running task, for traces and lists; returns its name.

```lua
print(lwt.name("main"), lwt.name())   --> main main
```
@param name? string
@return string|nil
@function lwt.name(name)
*/
static int l_name(lua_State *L) {
  lwt_context *c = context_of(L);
  if (c->current == NULL) return luaL_error(L, "no task is running");
  if (!lua_isnoneornil(L, 1)) luaL_checkstring(L, 1);
  lua_settop(L, 1);
  pushreg(L, c->r_names);
  lwt_task_push(L, c, c->current);
  if (!lua_isnil(L, 1)) {
    lua_pushvalue(L, 3);
    lua_pushvalue(L, 1);
    lua_rawset(L, 2);
  }
  lua_rawget(L, 2);
  return 1;
}

/* ---- Turns that take too long --------------------------------------------------------------- */

static const char stall_key = 0;

static void stall_report(lua_State *L, lwt_context *c, lua_State *co, double seconds) {
  char text[80];
  c->stalled = 1;
  if (!lua_checkstack(L, 6)) return;
  snprintf(text, sizeof text, "a task has been running for %.3f s without a pause",
           seconds);
  pushreg(L, c->r_stall);
  luaL_traceback(L, co, text, 0);
  if (lua_toboolean(L, -2)) {
    c->callbacks++;
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) lwt_loop_report(L, c);
    c->callbacks--;
  } else {
    lua_warning(L, "lwt: ", 1);
    lua_warning(L, lua_tostring(L, -1), 0);
    lua_pop(L, 2);
  }
}

static void stall_hook(lua_State *co, lua_Debug *ar) {
  lwt_context *c;
  double now;
  (void)ar;
  lua_rawgetp(co, REG, &stall_key);
  c = (lwt_context *)lua_touserdata(co, -1);
  lua_pop(co, 1);
  if (c == NULL || c->stalled || c->stall <= 0) return;
  now = c->engine ? c->engine->now(c->engine_data) : lwt_timer_now(c);
  if (now - c->turn_start > c->stall) stall_report(co, c, co, now - c->turn_start);
}

/* Runs a task with the stall watch on. */
void lwt_trace_watch(lua_State *L, lwt_context *c, task *t) {
  lua_State *co = t->co;
  double took, outer_start = c->turn_start;
  uint8_t outer_stalled = c->stalled;
  luaL_checkstack(L, 8, NULL);
  lwt_task_push(L, c, t); /* it is looked at again when it may be over */
  c->stalled = 0;
  c->turn_start = c->engine ? c->engine->now(c->engine_data) : lwt_timer_now(c);
  if (lua_gethook(co) == NULL) lua_sethook(co, stall_hook, LUA_MASKCOUNT, STALL_COUNT);
  lwt_task_run(L, c, t);
  if (t->co == co && lua_gethook(co) == stall_hook) lua_sethook(co, NULL, 0, 0);
  took = (c->engine ? c->engine->now(c->engine_data) : lwt_timer_now(c)) - c->turn_start;
  if (!c->stalled && took > c->stall) stall_report(L, c, t->co ? t->co : L, took);
  c->turn_start = outer_start; /* of the task that has started this one */
  c->stalled |= outer_stalled; /* which does not report again what was reported here */
  lua_pop(L, 1);
}

/*---
Calls `f(text)` (default: `warn`) with a traceback when one turn of a task runs longer than `s` seconds: something blocks the loop.
`lwt.stall(nil)` switches it off.

```lua norun
lwt.stall(0.1, function(text) io.stderr:write(text, "\n") end)
```
@param s number|nil seconds
@param f? fun(text: string)
@function lwt.stall(s, f)
*/
static int l_stall(lua_State *L) {
  lwt_context *c = context_of(L);
  double s = lwt_opt_number(L, 1);
  luaL_argcheck(L, s >= 0, 1, "negative time");
  if (!lua_isnoneornil(L, 2)) lwt_check_callable(L, 2);
  lua_settop(L, 2);
  if (lua_isnil(L, 2)) {
    lua_pushboolean(L, 0);
    lua_replace(L, 2);
  }
  setreg(L, c->r_stall);
  c->stall = s;
  pushreg(L, c->r_self);
  lua_rawsetp(L, REG, &stall_key);
  return 0;
}

/* ---- Debugging ---------------------------------------------------------------------------------- */

void lwt_trace_made(lua_State *L, lwt_context *c, int idx) {
  idx = lua_absindex(L, idx);
  luaL_checkstack(L, 5, NULL);
  pushreg(L, c->r_made);
  lua_pushvalue(L, idx);
  lwt_trace_where(L, L, 1);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

void lwt_trace_handle_opened(const lwt_api *api, lua_State *L, int idx,
                             const char *kind) {
  lwt_context *c = api->context;
  void *u = lua_touserdata(L, idx);
  luaL_checkstack(L, 6, NULL);
  pushreg(L, c->r_handles);
  if (c->debug) {
    lua_pushfstring(L, "%s made at ", kind);
    lwt_trace_where(L, L, 0);
    lua_concat(L, 2);
  } else {
    lua_pushstring(L, kind);
  }
  lua_rawsetp(L, -2, u);
  lua_pop(L, 1);
}

void lwt_trace_handle_closed(const lwt_api *api, lua_State *L, void *userdata) {
  lwt_context *c = api->context;
  if (!lua_checkstack(L, 3)) return;
  if (pushreg(L, c->r_handles) == LUA_TTABLE) {
    lua_pushnil(L);
    lua_rawsetp(L, -2, userdata);
  }
  lua_pop(L, 1);
}

/* core.handles(): a list of texts, one for each open handle ("tcp", with debugging on
** "tcp made at file:line"). */
static int l_handles(lua_State *L) {
  lwt_context *c = context_of(L);
  lua_Integer n = 0;
  lua_settop(L, 0);
  lua_newtable(L);
  pushreg(L, c->r_handles);
  lua_pushnil(L);
  while (lua_next(L, 2)) lua_rawseti(L, 1, ++n);
  lua_settop(L, 1);
  return 1;
}

static int left_open(lua_State *L) {
  lwt_context *c = context_of(L);
  lua_Integer i, n;
  lua_settop(L, 0);
  l_handles(L);
  n = (lua_Integer)lua_rawlen(L, 1);
  for (i = 1; i <= n; i++) {
    lua_rawgeti(L, 1, i);
    lua_pushfstring(L, "lwt: left open: %s", lua_tostring(L, -1));
    lua_warning(L, lua_tostring(L, -1), 0);
    lua_settop(L, 1);
  }
  lwt_trace_waiting(L, c);
  if (lua_rawlen(L, -1) > 0) {
    lua_warning(L, "lwt: tasks left waiting:", 1);
    lua_warning(L, lua_tostring(L, -1), 0);
  }
  return 0;
}

void lwt_trace_left_open(lua_State *L, lwt_context *c) {
  if (!lua_checkstack(L, 4)) return;
  pushreg(L, c->r_self);
  lua_pushcclosure(L, left_open, 1);
  if (lua_pcall(L, 0, 0, 0) != LUA_OK) lua_pop(L, 1);
}

/*---
Debugging on or off: every promise, task and handle remembers where it was made; errors then show it, and `run` ends with warnings
(`warn`) about what was left open or waiting, and where it was made. It costs time and memory. It returns what it was.

```lua
print(lwt.debug(true))   --> false
print(lwt.debug(false))   --> true
```
@param on? boolean
@return boolean
@function lwt.debug(on)
*/
static int l_debug(lua_State *L) {
  lwt_context *c = context_of(L);
  int was = c->debug;
  if (!lua_isnone(L, 1)) c->debug = (uint8_t)lua_toboolean(L, 1);
  lua_pushboolean(L, was);
  return 1;
}

/* Waiters that stand for others are no promises to Lua: they have no metatable. */
static int is_weak_waiter(lua_State *L, int idx) {
  const promise *w = (const promise *)lua_touserdata(L, idx);
  return w != NULL && lua_rawlen(L, idx) == sizeof *w && w->kind == K_WEAK;
}

/* core.check(): walks over every promise made while debugging was on and raises where
** something does not hold. Returns how many there were. */
static int l_check(lua_State *L) {
  lwt_context *c = context_of(L);
  lua_Integer n = 0;
  lua_settop(L, 0);
  if (c->has_current || c->work != 0 || c->nest != 0) {
    if (c->nest == 0) return luaL_error(L, "work is left on the stack (%d)", c->work);
  }
  pushreg(L, c->r_made);
  lua_pushnil(L);
  while (lua_next(L, 1)) {
    promise *p = (promise *)lua_touserdata(L, 2);
    lua_settop(L, 2);
    n++;
    lua_getiuservalue(L, 2, U_STATE);
    if (p->state > S_PROXY) return luaL_error(L, "promise %p: bad state", (void *)p);
    if (p->state == S_PROXY && lwt_promise_test(L, c, 3) == NULL)
      return luaL_error(L, "promise %p: a proxy of nothing", (void *)p);
    if (p->state != S_PENDING && p->waiters != W_NONE)
      return luaL_error(L, "promise %p: resolved with waiters", (void *)p);
    if (p->state == S_PENDING && p->waiters == W_NONE && !lua_isnil(L, 3))
      return luaL_error(L, "promise %p: pending with a value", (void *)p);
    if (p->state == S_PENDING && p->waiters == W_ONE &&
        lwt_promise_test(L, c, 3) == NULL && !is_weak_waiter(L, 3))
      return luaL_error(L, "promise %p: its waiter is none", (void *)p);
    if (p->state == S_FULFILLED && p->n > 1 && !lua_istable(L, 3))
      return luaL_error(L, "promise %p: several values without a list", (void *)p);
    lua_settop(L, 2);
  }
  lua_pushinteger(L, n);
  return 1;
}

static const luaL_Reg functions[] = {
    {"tasks", l_tasks},     {"name", l_name},   {"stall", l_stall}, {"debug", l_debug},
    {"handles", l_handles}, {"check", l_check}, {NULL, NULL}};

void lwt_inspect_open(lua_State *L, lwt_context *c) {
  lwt_register(L, c, functions);
}
