/* trace.c: finding out: where an error was raised and through which awaits it came,
** what every task is waiting for, rejections that nobody looked at, turns that take
** too long, what was left open.
**
** A trace is a string, made by the message handler of every function that lwt calls,
** when an error is raised and before its stack is gone. The rejected promise keeps it
** beside the error; a promise that takes the rejection over takes the trace along. A
** task that is told of it at an await remembers the promise (r_causes), and if the
** same error ends it, its own trace goes on with that promise's. */
#include <stdio.h>
#include <string.h>

#include "core.h"

#define FRAMES 22
#define STRINGS 32 /* traces of the last errors that are strings */
#define UNSEEN 128
#define STALL_COUNT 10000

/* Pushes "file:line" of the first Lua function at or above `level` of co. */
void lwt_trace_where(lua_State *L, lua_State *co, int level) {
  lua_Debug ar;
  for (; lua_getstack(co, level, &ar); level++) {
    lua_getinfo(co, "Sl", &ar);
    if (ar.currentline > 0) {
      lua_pushfstring(L, "%s:%d", ar.short_src, ar.currentline);
      return;
    }
  }
  lua_pushliteral(L, "?");
}

static int tolstring(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

/* As luaL_tolstring, for any value: a __tostring that fails is no reason to. */
static void push_text(lua_State *L, int idx) {
  lua_pushvalue(L, idx);
  lua_pushcfunction(L, tolstring);
  lua_insert(L, -2);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
    lua_pop(L, 1);
    lua_pushfstring(L, "%s: %p", luaL_typename(L, idx), lua_topointer(L, idx));
  }
}

/* ---- Making a trace --------------------------------------------------------------- */

static void add_task_name(lua_State *L, lwt_context *c, luaL_Buffer *b, task *t) {
  pushreg(L, c->r_names);
  lwt_task_push(L, c, t);
  if (lua_rawget(L, -2) == LUA_TSTRING) {
    const char *s = lua_tostring(L, -1);
    lua_pop(L, 2); /* anchored by r_names */
    luaL_addstring(b, "task '");
    luaL_addstring(b, s);
    luaL_addchar(b, '\'');
  } else {
    lua_pop(L, 2);
    luaL_addstring(b, "a task");
  }
}

static void add_frames(lua_State *L, luaL_Buffer *b, int level) {
  lua_Debug ar;
  int n = 0;
  char line[LUA_IDSIZE + 160];
  for (; lua_getstack(L, level, &ar) && n < FRAMES; level++) {
    lua_getinfo(L, "Sln", &ar);
    if (*ar.what == 'C' && ar.name == NULL) continue;
    n++;
    if (ar.currentline > 0)
      snprintf(line, sizeof line, "\n\t%s:%d: in ", ar.short_src, ar.currentline);
    else
      snprintf(line, sizeof line, "\n\t%s: in ", ar.short_src);
    luaL_addstring(b, line);
    if (ar.name != NULL)
      snprintf(line, sizeof line, "%s '%.60s'", *ar.namewhat ? ar.namewhat : "function", ar.name);
    else if (*ar.what == 'm')
      snprintf(line, sizeof line, "main chunk");
    else
      snprintf(line, sizeof line, "function <%s:%d>", ar.short_src, ar.linedefined);
    luaL_addstring(b, line);
  }
  if (n == FRAMES) luaL_addstring(b, "\n\t...");
}

static int is_sentinel(lua_State *L, lwt_context *c, int idx) {
  int r[4], i, is = 0;
  if (!lua_istable(L, idx)) return 0;
  r[0] = c->r_canceled, r[1] = c->r_timeout, r[2] = c->r_closed, r[3] = c->r_interrupted;
  for (i = 0; i < 4 && !is; i++) {
    pushreg(L, r[i]);
    is = lua_rawequal(L, idx, -1);
    lua_pop(L, 1);
  }
  return is;
}

/* Pushes the trace that the rejected promise at idx keeps, or nil. */
static void push_trace(lua_State *L, int idx, promise *p) {
  if (p->state == S_REJECTED && p->flags & F_WRAPPED) {
    lua_getiuservalue(L, idx, U_STATE);
    lua_rawgeti(L, -1, 2);
    lua_replace(L, -2);
  } else {
    lua_pushnil(L);
  }
}

/* The task is about to be told the error of the promise at idx. */
void lwt_trace_cause(lua_State *L, lwt_context *c, task *t, int idx) {
  promise *p = (promise *)lua_touserdata(L, idx);
  if (!(p->flags & F_WRAPPED)) return;
  luaL_checkstack(L, 4, NULL);
  pushreg(L, c->r_causes);
  lwt_task_push(L, c, t);
  lua_pushvalue(L, idx);
  lua_rawset(L, -3);
  lua_pop(L, 1);
  t->flags |= TF_CAUSE;
}

/* Pushes the trace of the promise that brought the error at 1 to the running task,
** or nil. */
static void push_cause(lua_State *L, lwt_context *c) {
  task *t = c->current;
  promise *p;
  int same, top = lua_gettop(L);
  if (t == NULL || !(t->flags & TF_CAUSE)) {
    lua_pushnil(L);
    return;
  }
  pushreg(L, c->r_causes);
  lwt_task_push(L, c, t);
  lua_rawget(L, top + 1);
  if ((p = lwt_promise_test(L, c, top + 2)) == NULL || p->state != S_REJECTED) {
    lua_settop(L, top);
    lua_pushnil(L);
    return;
  }
  lwt_promise_push_error(L, top + 2, p);
  same = lua_rawequal(L, 1, -1);
  if (same)
    push_trace(L, top + 2, p);
  else
    lua_pushnil(L);
  lua_replace(L, top + 1);
  lua_settop(L, top + 1);
}

static void remember(lua_State *L, lwt_context *c) { /* 1: error; trace on top */
  int type = lua_type(L, 1);
  if (type == LUA_TTABLE || type == LUA_TUSERDATA || type == LUA_TFUNCTION ||
      type == LUA_TTHREAD) {
    pushreg(L, c->r_traces);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, -3);
    lua_rawset(L, -3);
  } else {
    lua_Integer i = (lua_Integer)(c->nstrings++ % STRINGS) + 1;
    pushreg(L, c->r_strings);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, i);
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, i + STRINGS);
  }
  lua_pop(L, 1);
}

/* The message handler: gives the error back and leaves its trace in r_trace. */
static int handler(lua_State *L) {
  lwt_context *c = context_of(L);
  luaL_Buffer b;
  lua_settop(L, 1);
  c->has_trace = 0;
  if (is_sentinel(L, c, 1)) return 1;
  push_cause(L, c); /* 2 */
  luaL_buffinit(L, &b);
  if (!lua_isnil(L, 2)) {
    lua_pushvalue(L, 2);
    luaL_addvalue(&b);
    luaL_addstring(&b, "\nawaited in ");
  } else {
    luaL_addstring(&b, "in ");
  }
  if (c->callbacks > 0)
    luaL_addstring(&b, "a callback");
  else if (c->current != NULL)
    add_task_name(L, c, &b, c->current);
  else
    luaL_addstring(&b, "a function");
  luaL_addstring(&b, ":");
  add_frames(L, &b, 1);
  luaL_pushresult(&b);
  remember(L, c);
  setreg(L, c->r_trace);
  c->has_trace = 1;
  lua_settop(L, 1);
  return 1;
}

/* A finalizer has failed, with a trace, after the promise at src: if that was
** rejected, its error stays reachable in the trace. */
void lwt_trace_earlier(lua_State *L, lwt_context *c, int src) {
  promise *p = (promise *)lua_touserdata(L, src);
  if (!c->has_trace || p->state != S_REJECTED) return;
  luaL_checkstack(L, 6, NULL);
  pushreg(L, c->r_trace);
  lua_pushliteral(L, "\nafter an earlier error: ");
  lwt_promise_push_error(L, src, p);
  push_text(L, -1);
  lua_replace(L, -2);
  push_trace(L, src, p);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_concat(L, 3);
  } else {
    lua_pushliteral(L, "\n");
    lua_insert(L, -2);
    lua_concat(L, 5);
  }
  setreg(L, c->r_trace);
}

static void push_trace_of_value(lua_State *L, lwt_context *c, int idx) {
  int i;
  pushreg(L, c->r_traces);
  if (!lua_isnil(L, idx)) {
    lua_pushvalue(L, idx);
    if (lua_rawget(L, -2) == LUA_TSTRING) {
      lua_replace(L, -2);
      return;
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  pushreg(L, c->r_strings);
  for (i = 1; i <= STRINGS; i++) { /* the newest */
    lua_Integer k = (lua_Integer)((c->nstrings + STRINGS - (uint32_t)i) % STRINGS) + 1;
    if (lua_rawgeti(L, -1, k) != LUA_TNIL && lua_rawequal(L, -1, idx)) {
      lua_rawgeti(L, -2, k + STRINGS);
      lua_replace(L, -3);
      lua_pop(L, 1);
      return;
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  lua_pushnil(L);
}

static void push_made(lua_State *L, lwt_context *c, int idx) { /* "\nmade at …" or "" */
  idx = lua_absindex(L, idx);
  pushreg(L, c->r_made);
  lua_pushvalue(L, idx);
  if (lua_rawget(L, -2) == LUA_TSTRING) {
    lua_pushfstring(L, "\nmade at %s", lua_tostring(L, -1));
    lua_replace(L, -2);
  } else {
    lua_pop(L, 1);
    lua_pushliteral(L, "");
  }
  lua_replace(L, -2);
}

/*---
Where an error was raised, and through which awaits it came, as text: the error, then task by task the lines that led to it.
Takes a rejected promise, or an error value (of strings, only the last few are remembered). With `lwt.debug(true)` also where the
promise was made. Knows nothing: the error's text alone.

```lua
local p = lwt.spawn(function() error("boom", 0) end)
print(lwt.traceback(p):match("^boom\nin a task:"))   --> boom
                                                     --> in a task:
```
@param x lwt.Promise|any
@return string
@function lwt.traceback(x)
*/
static int l_traceback(lua_State *L) {
  lwt_context *c = context_of(L);
  promise *p;
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  if (lwt_promise_test(L, c, 1) != NULL) {
    p = lwt_promise_arg(L, c, 1);
    if (p->state != S_REJECTED) {
      luaL_tolstring(L, 1, NULL);
      return 1;
    }
    lwt_promise_push_error(L, 1, p);
    push_text(L, 2);
    push_trace(L, 1, p);
    if (lua_isnil(L, -1)) {
      lua_pop(L, 1);
      push_trace_of_value(L, c, 2);
    }
    push_made(L, c, 1);
    lua_insert(L, -3); /* made, text, trace */
  } else {
    push_text(L, 1);
    push_trace_of_value(L, c, 1);
    lua_pushliteral(L, "");
    lua_insert(L, -3);
  }
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
    return 1;
  }
  lua_pushliteral(L, "\n");
  lua_insert(L, -2); /* made, text, "\n", trace */
  lua_concat(L, 3);
  lua_insert(L, -2);
  lua_concat(L, 2);
  return 1;
}

/* ---- Rejections that nobody looks at ------------------------------------------------- */

typedef struct watch {
  uint8_t armed;
} watch;

static void warn_unseen(lua_State *L, int text) {
  lua_warning(L, "lwt: a rejected promise was never looked at: ", 1);
  lua_warning(L, lua_tostring(L, text), 0);
}

/* Pushes the text of the warning: error (at err), trace (at trace). */
static void push_warning(lua_State *L, int err, int trace) {
  push_text(L, err);
  if (lua_type(L, trace) == LUA_TSTRING) {
    lua_pushliteral(L, "\n");
    lua_pushvalue(L, trace);
    lua_concat(L, 3);
  }
}

static int watch_gc(lua_State *L) {
  watch *w = (watch *)lua_touserdata(L, 1);
  if (!w->armed) return 0;
  w->armed = 0;
  lua_getiuservalue(L, 1, 1);
  warn_unseen(L, 2);
  return 0;
}

/* A rejected promise at idx that may be dropped unseen gets a watch: {error, trace,
** watch} becomes its state. */
static void attach_watch(lua_State *L, lwt_context *c, int idx, promise *p) {
  int top = lua_gettop(L);
  watch *w;
  lwt_promise_push_error(L, idx, p);  /* top + 1 */
  push_trace(L, idx, p);              /* top + 2 */
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    push_trace_of_value(L, c, top + 1);
  }
  lua_createtable(L, 3, 0);           /* top + 3 */
  lua_pushvalue(L, top + 1);
  lua_rawseti(L, top + 3, 1);
  if (!lua_isnil(L, top + 2)) {
    lua_pushvalue(L, top + 2);
    lua_rawseti(L, top + 3, 2);
  }
  push_warning(L, top + 1, top + 2);  /* top + 4 */
  push_made(L, c, idx);
  lua_concat(L, 2);
  w = (watch *)lua_newuserdatauv(L, sizeof *w, 1);
  w->armed = 0;
  lua_insert(L, top + 4);
  lua_setiuservalue(L, top + 4, 1);
  pushreg(L, c->r_watch_mt);
  lua_setmetatable(L, top + 4);
  pushreg(L, c->r_watches);
  lua_pushvalue(L, top + 4);
  lua_pushboolean(L, 1);
  lua_rawset(L, -3);
  lua_pop(L, 1);
  lua_rawseti(L, top + 3, 3);
  if (!(p->flags & F_SEEN)) {
    w->armed = 1;
    lua_setiuservalue(L, idx, U_STATE);
    p->flags |= F_WRAPPED | F_WATCHED;
  }
  lua_settop(L, top);
}

void lwt_trace_seen(lua_State *L, int idx, promise *p) {
  p->flags &= (uint16_t)~F_WATCHED;
  if (p->state != S_REJECTED || !(p->flags & F_WRAPPED)) return;
  lua_getiuservalue(L, idx, U_STATE);
  if (lua_rawgeti(L, -1, 3) == LUA_TUSERDATA) ((watch *)lua_touserdata(L, -1))->armed = 0;
  lua_pop(L, 2);
}

/* check(at_end) */
static int check_unseen(lua_State *L) {
  lwt_context *c = context_of(L);
  int at_end = lua_toboolean(L, 1);
  lua_settop(L, 0);
  pushreg(L, c->r_unseen);
  while (c->nunseen > 0) {
    promise *p;
    lua_settop(L, 1);
    lua_getiuservalue(L, 1, (int)c->nunseen);
    lua_pushnil(L);
    lua_setiuservalue(L, 1, (int)c->nunseen);
    c->nunseen--;
    if (lua_touserdata(L, 2) == NULL) continue;
    p = lwt_promise_find(L, 2);
    if (p->state == S_REJECTED && !(p->flags & (F_SEEN | F_WATCHED))) attach_watch(L, c, 2, p);
  }
  if (!at_end) return 0;
  lua_settop(L, 1);
  pushreg(L, c->r_watches);
  lua_pushnil(L);
  while (lua_next(L, 2)) {
    watch *w = (watch *)lua_touserdata(L, 3);
    if (w->armed) {
      w->armed = 0;
      lua_getiuservalue(L, 3, 1);
      warn_unseen(L, 5);
    }
    lua_settop(L, 3);
  }
  return 0;
}

void lwt_trace_check_unseen(lua_State *L, lwt_context *c, int at_end) {
  if (!lua_checkstack(L, 4)) return;
  pushreg(L, c->r_check_unseen);
  lua_pushboolean(L, at_end);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_pop(L, 1);
}

/* The promise at idx is about to be rejected with nobody waiting. */
void lwt_trace_unseen(lua_State *L, lwt_context *c, int idx, promise *p) {
  (void)p;
  idx = lua_absindex(L, idx);
  if (c->nunseen == UNSEEN) lwt_trace_check_unseen(L, c, 0);
  if (c->nunseen >= UNSEEN || !lua_checkstack(L, 3)) return;
  pushreg(L, c->r_unseen);
  lua_pushvalue(L, idx);
  lua_setiuservalue(L, -2, (int)++c->nunseen);
  lua_pop(L, 1);
}

/* ---- Tasks ------------------------------------------------------------------------------- */

static const char *kind_name(const promise *p) {
  switch (p->kind) {
    case K_TIMER: return "a timer";
    case K_OP: return "an operation";
    case K_TASK: return "a task";
    case K_SCOPE: return "a scope";
    case K_JOIN: case K_ALL: case K_BOTH: case K_SETTLED: return "several promises";
    case K_ANY: case K_CHOOSE: case K_PICK: case K_NCHOOSE: case K_NPICK: case K_NCHOOSE_SPLIT:
      return "one of several promises";
    default: return "a promise";
  }
}

/* Pushes what a waiting task awaits, as text. */
static void push_waiting_on(lua_State *L, lwt_context *c, task *t) {
  int top = lua_gettop(L);
  promise *p;
  if (t->status != T_WAITING || t->wait_idx == 0 || !lua_checkstack(t->wait_co, 1)) {
    lua_pushnil(L);
    return;
  }
  lua_pushvalue(t->wait_co, t->wait_idx);
  lua_xmove(t->wait_co, L, 1);
  p = (promise *)lua_touserdata(L, -1);
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
  lua_State *co = t->wait_co ? t->wait_co : t->co;
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
  static const char *const states[] = {"ready", "running", "waiting", "done"};
  lwt_context *c = context_of(L);
  uint32_t s;
  lua_Integer n = 0;
  lua_settop(L, 0);
  lua_newtable(L);
  for (s = 0; s < c->slots_made; s++) {
    task *t = c->slots[s].t;
    lua_settop(L, 1);
    if (t == NULL) continue;
    pushreg(L, c->r_live);
    if (lua_rawgeti(L, 2, (lua_Integer)s + 1) != LUA_TUSERDATA ||
        lua_touserdata(L, 3) != (void *)t) {
      lua_settop(L, 2);
      lwt_slot_push_task(L, c, s);
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

/* Pushes "\n\ttask 'x' waits for … at file:line" of every waiting task. */
void lwt_trace_waiting(lua_State *L, lwt_context *c) {
  luaL_Buffer b;
  lua_Integer i, n;
  int top = lua_gettop(L);
  pushreg(L, c->r_self);
  lua_pushcclosure(L, l_tasks, 1);
  lua_call(L, 0, 1);
  n = (lua_Integer)lua_rawlen(L, top + 1);
  luaL_buffinit(L, &b);
  for (i = 1; i <= n && i <= 50; i++) {
    const char *name, *on, *where;
    lua_rawgeti(L, top + 1, i);
    lua_getfield(L, -1, "name");
    lua_getfield(L, -2, "waiting_on");
    lua_getfield(L, -3, "where");
    name = lua_tostring(L, -3);
    on = lua_tostring(L, -2);
    where = lua_tostring(L, -1);
    if (name != NULL)
      lua_pushfstring(L, "\n\ttask '%s' waits for %s at %s", name, on ? on : "its turn", where);
    else
      lua_pushfstring(L, "\n\ta task waits for %s at %s", on ? on : "its turn", where);
    lua_insert(L, -5);
    lua_pop(L, 4);
    luaL_addvalue(&b);
  }
  if (n > 50) luaL_addstring(&b, "\n\t...");
  luaL_pushresult(&b);
  lua_replace(L, top + 1);
  lua_settop(L, top + 1);
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
  snprintf(text, sizeof text, "a task has been running for %.3f s without a pause", seconds);
  pushreg(L, c->r_stall);
  luaL_traceback(L, co, text, L == co ? 0 : 0);
  if (lua_type(L, -2) == LUA_TFUNCTION) {
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
  if (c == NULL || c->stalled) return;
  now = c->engine ? c->engine->now(c->engine_data) : lwt_timer_now(c);
  if (now - c->turn_start > c->stall) stall_report(co, c, co, now - c->turn_start);
}

/* Runs a task with the stall watch on. */
void lwt_trace_watch(lua_State *L, lwt_context *c, task *t) {
  lua_State *co = t->co;
  double took;
  c->stalled = 0;
  c->turn_start = c->engine ? c->engine->now(c->engine_data) : lwt_timer_now(c);
  if (lua_gethook(co) == NULL) lua_sethook(co, stall_hook, LUA_MASKCOUNT, STALL_COUNT);
  lwt_task_run(L, c, t);
  if (lua_gethook(co) == stall_hook) lua_sethook(co, NULL, 0, 0);
  took = (c->engine ? c->engine->now(c->engine_data) : lwt_timer_now(c)) - c->turn_start;
  if (!c->stalled && took > c->stall) stall_report(L, c, t->co ? t->co : L, took);
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
  double s = luaL_optnumber(L, 1, 0);
  luaL_argcheck(L, s >= 0, 1, "negative time");
  if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TFUNCTION);
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

void lwt_trace_handle_opened(const lwt_api *api, lua_State *L, int idx, const char *kind) {
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

/* core.left(): for lwt.test: {timers = how many are pending, unseen = the texts of the
** rejections that nobody has looked at so far}. */
static int l_left(lua_State *L) {
  lwt_context *c = context_of(L);
  lua_Integer n = 0;
  lua_settop(L, 0);
  lwt_trace_check_unseen(L, c, 0);
  lua_newtable(L);
  lua_pushinteger(L, (lua_Integer)c->ntimers);
  lua_setfield(L, 1, "timers");
  lua_newtable(L);
  pushreg(L, c->r_watches);
  lua_pushnil(L);
  while (lua_next(L, 3)) {
    if (((watch *)lua_touserdata(L, 4))->armed) {
      lua_getiuservalue(L, 4, 1);
      lua_rawseti(L, 2, ++n);
    }
    lua_settop(L, 4);
  }
  lua_settop(L, 2);
  lua_setfield(L, 1, "unseen");
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
(`warn`) about what was left open or waiting, and where it was made. Costs time and memory. Returns what it was.

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
    if (p->state == S_PENDING && p->waiters == W_ONE && lwt_promise_test(L, c, 3) == NULL)
      return luaL_error(L, "promise %p: its waiter is none", (void *)p);
    if (p->state == S_FULFILLED && p->n > 1 && !lua_istable(L, 3))
      return luaL_error(L, "promise %p: several values without a list", (void *)p);
    lua_settop(L, 2);
  }
  lua_pushinteger(L, n);
  return 1;
}

static const luaL_Reg functions[] = {{"traceback", l_traceback},
                                     {"tasks", l_tasks},
                                     {"name", l_name},
                                     {"stall", l_stall},
                                     {"debug", l_debug},
                                     {"handles", l_handles},
                                     {"left", l_left},
                                     {"check", l_check},
                                     {NULL, NULL}};

void lwt_trace_open(lua_State *L, lwt_context *c) {
  lwt_register(L, c, functions);
  pushreg(L, c->r_self);
  lua_pushcclosure(L, handler, 1);
  c->r_handler = lwt_slot(L);
  pushreg(L, c->r_self);
  lua_pushcclosure(L, check_unseen, 1);
  c->r_check_unseen = lwt_slot(L);
  lua_newuserdatauv(L, 0, UNSEEN);
  c->r_unseen = lwt_slot(L);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, watch_gc);
  lua_setfield(L, -2, "__gc");
  c->r_watch_mt = lwt_slot(L);
  lua_createtable(L, 2 * STRINGS, 0);
  c->r_strings = lwt_slot(L);
}
