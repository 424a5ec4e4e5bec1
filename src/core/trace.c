/* trace.c: where an error was raised and through which awaits it came.
**
** A trace is a string, or {string, the trace of what was awaited} so that an error that
** passes many awaits costs each of them the same; lwt_trace_render makes a string of it. It is
** made by the message handler of every function that lwt calls, when an error is raised and
** before its stack is gone. The rejected promise keeps it beside the error; a promise that takes
** the rejection over takes the trace along. A task in which an await raises it remembers
** the promise (r_causes), and if the same error ends it, its own trace goes on with that
** promise's. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "trace.h"

#define FRAMES 22
#define STRINGS 32 /* traces of the last errors that are strings */

static const char own_key =
    0; /* in the registry: how the names of lwt's Lua files begin */

/* core.own_sources(prefix) */
static int l_own_sources(lua_State *L) {
  luaL_checkstring(L, 1);
  lua_settop(L, 1);
  lua_rawsetp(L, REG, &own_key);
  return 0;
}

/* core.getcwd(): the current folder, or nil. */
static int l_getcwd(lua_State *L) {
  char folder[4096];
  if (getcwd(folder, sizeof folder) == NULL) return 0;
  lua_pushstring(L, folder);
  return 1;
}

/* Pushes "file:line" of the first Lua function at or above `level` of co: the user's
** function where it called one of lwt's, because its line says more. */
void lwt_trace_where(lua_State *L, lua_State *co, int level) {
  lua_Debug ar, ours;
  const char *own;
  int found = 0;
  lua_rawgetp(L, REG, &own_key);
  own = lua_tostring(L, -1); /* the registry keeps it */
  lua_pop(L, 1);
  for (; lua_getstack(co, level, &ar); level++) {
    lua_getinfo(co, "Sl", &ar);
    if (ar.currentline <= 0) continue;
    if (own == NULL || strncmp(ar.source, own, strlen(own)) != 0) {
      lua_pushfstring(L, "%s:%d", ar.short_src, ar.currentline);
      return;
    }
    if (!found) ours = ar;
    found = 1;
  }
  if (found)
    lua_pushfstring(L, "%s:%d", ours.short_src, ours.currentline);
  else
    lua_pushliteral(L, "?");
}

static int tolstring(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

/* As luaL_tolstring, for any value; where a __tostring fails, it does not. */
void lwt_trace_push_text(lua_State *L, int idx) {
  lua_pushvalue(L, idx);
  lua_pushcfunction(L, tolstring);
  lua_insert(L, -2);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
    lua_pop(L, 1);
    lua_pushfstring(L, "%s: %p", luaL_typename(L, idx), lua_topointer(L, idx));
  }
}

/* The trace on top becomes a string; nil stays. */
void lwt_trace_render(lua_State *L) {
  int list = lua_gettop(L) + 1, at = list - 1;
  lua_Integer n = 0;
  luaL_Buffer b;
  if (!lua_istable(L, at)) return;
  luaL_checkstack(L, 8, NULL);
  lua_newtable(L);
  while (lua_istable(L, at)) {
    lua_rawgeti(L, at, 1);
    lua_rawseti(L, list, ++n);
    lua_rawgeti(L, at, 2);
    lua_replace(L, at);
  }
  luaL_buffinit(L, &b);
  lua_pushvalue(L, at);
  luaL_addvalue(&b);
  for (; n > 0; n--) {
    lua_rawgeti(L, list, n);
    luaL_addvalue(&b);
  }
  luaL_pushresult(&b);
  lua_replace(L, at);
  lua_settop(L, at);
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
      snprintf(line, sizeof line, "%s '%.60s'", *ar.namewhat ? ar.namewhat : "function",
               ar.name);
    else if (*ar.what == 'm')
      snprintf(line, sizeof line, "main chunk");
    else
      snprintf(line, sizeof line, "function <%s:%d>", ar.short_src, ar.linedefined);
    luaL_addstring(b, line);
  }
  if (n == FRAMES) luaL_addstring(b, "\n\t...");
}

static int is_sentinel(lua_State *L, lwt_context *c, int idx) {
  const int r[] = {c->r_canceled, c->r_timeout, c->r_eof, c->r_closed, c->r_interrupted};
  size_t i;
  int is = 0;
  if (!lua_istable(L, idx)) return 0;
  for (i = 0; i < sizeof r / sizeof *r && !is; i++) {
    pushreg(L, r[i]);
    is = lua_rawequal(L, idx, -1);
    lua_pop(L, 1);
  }
  return is;
}

/* Is the error at 1 a cancel that will not be reported? Tasks end by it all the time.
** Only that of the task that `run` waits for is reported. */
static int is_quiet(lua_State *L, lwt_context *c) {
  int quiet;
  if (lua_topointer(L, 1) != c->canceled) return 0;
  pushreg(L, c->r_main);
  quiet = c->current == NULL || lua_touserdata(L, -1) != (void *)c->current;
  lua_pop(L, 1);
  return quiet;
}

/* Pushes the trace that the rejected promise at idx keeps, or nil. */
void lwt_trace_push(lua_State *L, int idx, promise *p) {
  if (p->state == S_REJECTED && p->flags & F_WRAPPED) {
    lua_getiuservalue(L, idx, U_STATE);
    lua_rawgeti(L, -1, 2);
    lua_replace(L, -2);
  } else {
    lua_pushnil(L);
  }
}

/* The error of the promise at idx is about to be raised in the task. */
void lwt_trace_cause(lua_State *L, lwt_context *c, task *t, int idx) {
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
    lwt_trace_push(L, top + 2, p);
  else
    lua_pushnil(L);
  lua_replace(L, top + 1);
  lua_settop(L, top + 1);
}

static void remember(lua_State *L, lwt_context *c, int err) { /* the trace is on top */
  int type = lua_type(L, err);
  if (type == LUA_TTABLE || type == LUA_TUSERDATA || type == LUA_TFUNCTION ||
      type == LUA_TTHREAD) {
    pushreg(L, c->r_traces);
    lua_pushvalue(L, err);
    lua_pushvalue(L, -3);
    lua_rawset(L, -3);
  } else {
    lua_Integer i = (lua_Integer)(c->nstrings++ % STRINGS) + 1;
    pushreg(L, c->r_strings);
    lua_pushvalue(L, err);
    lua_rawseti(L, -2, i);
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, i + STRINGS);
  }
  lua_pop(L, 1);
}

/* Notes in the running task whether the error that has come up in it is remembered. */
static void set_traced(lwt_context *c, int traced) {
  task *t = c->callbacks == 0 ? c->current : NULL;
  if (t == NULL) return;
  t->flags = (uint16_t)(traced ? t->flags | TF_TRACED : t->flags & ~TF_TRACED);
}

/* Has core.raise brought the error at 1? Then what was remembered of it is its trace. */
static int raised_again(lua_State *L, lwt_context *c) {
  int same;
  if (!c->raising) return 0;
  c->raising = 0;
  pushreg(L, c->r_raised);
  same = lua_rawequal(L, 1, -1);
  lua_pushboolean(L, 0);
  setreg(L, c->r_raised);
  lua_settop(L, 1);
  if (!same) return 0;
  lwt_trace_push_of_value(L, c, 1);
  if (lua_type(L, 2) == LUA_TSTRING) {
    setreg(L, c->r_trace);
    c->has_trace = 1;
    c->trace_calls = c->calls;
    set_traced(c, 1);
  }
  lua_settop(L, 1);
  return c->has_trace;
}

/* The error at `err` left a coroutine and is raised again as the value at `as` (the same,
** or with a position before it): its trace goes on where the coroutine was resumed. */
void lwt_trace_resumed(lua_State *L, lwt_context *c, int err, int as) {
  luaL_checkstack(L, 8, NULL);
  lwt_trace_push_of_value(L, c, err);
  if (lua_type(L, -1) == LUA_TSTRING) {
    if (err != as) remember(L, c, as);
    lua_pushvalue(L, as);
    setreg(L, c->r_raised);
    c->raising = 2;
  }
  lua_pop(L, 1);
}

/* Pushes the trace of the coroutine that the error at 1 comes from, or nil. */
static void push_resumed(lua_State *L, lwt_context *c) {
  int same;
  pushreg(L, c->r_raised);
  same = c->raising == 2 && lua_rawequal(L, 1, -1);
  lua_pop(L, 1);
  if (same)
    lwt_trace_push_of_value(L, c, 1);
  else
    lua_pushnil(L);
}

/* A sentinel is one value for all failures with it, so that only the trace of the last
** one is remembered. The rejected promise at idx is about to raise its error: that
** becomes the last one. */
void lwt_trace_last(lua_State *L, lwt_context *c, int idx, promise *p) {
  int err = lua_gettop(L) + 1;
  luaL_checkstack(L, 8, NULL);
  lwt_promise_push_error(L, idx, p);
  if (is_sentinel(L, c, err)) {
    lwt_trace_push(L, idx, p);
    remember(L, c, err);
  }
  lua_settop(L, err - 1);
}

/* The message handler: gives the error back and leaves its trace in r_trace. */
static int handler(lua_State *L) {
  lwt_context *c = context_of(L);
  luaL_Buffer b;
  const char *where = "in ";
  lua_settop(L, 1);
  c->has_trace = 0;
  set_traced(c, 0);
  if (is_quiet(L, c)) return 1;
  push_resumed(L, c); /* 2 */
  if (!lua_isnil(L, 2)) {
    c->raising = 0;
    where = "\nresumed in ";
  } else {
    if (raised_again(L, c)) return 1;
    lua_settop(L, 1);
    push_cause(L, c);
    if (!lua_isnil(L, 2)) where = "\nawaited in ";
  }
  luaL_buffinit(L, &b);
  luaL_addstring(&b, where);
  if (c->callbacks > 0)
    luaL_addstring(&b, "a callback");
  else if (c->current != NULL)
    add_task_name(L, c, &b, c->current);
  else
    luaL_addstring(&b, "a function");
  luaL_addstring(&b, ":");
  add_frames(L, &b, 1);
  luaL_pushresult(&b);
  if (!lua_isnil(L, 2)) {
    lua_createtable(L, 2, 0);
    lua_insert(L, 3);
    lua_rawseti(L, 3, 1);
    lua_pushvalue(L, 2);
    lua_rawseti(L, 3, 2);
  }
  remember(L, c, 1);
  setreg(L, c->r_trace);
  c->has_trace = 1;
  c->trace_calls = c->calls;
  set_traced(c, 1);
  lua_settop(L, 1);
  return 1;
}

/* The error on top ends the task. Others may have run since it came up, when a `__close` has
** waited on its way out: r_trace may be the trace of an error of theirs, and so may what is
** remembered of a sentinel. */
void lwt_trace_recall(lua_State *L, lwt_context *c, task *t) {
  if (c->has_trace && c->trace_calls == c->calls) return;
  c->has_trace = 0;
  if (!(t->flags & TF_TRACED)) return;
  luaL_checkstack(L, 8, NULL);
  if (is_sentinel(L, c, lua_gettop(L))) return;
  lwt_trace_push_of_value(L, c, lua_gettop(L));
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return;
  }
  setreg(L, c->r_trace);
  c->has_trace = 1;
}

/* A finalizer has failed, with a trace, after the promise at src: if that was
** rejected, its error stays reachable in the trace. */
void lwt_trace_earlier(lua_State *L, lwt_context *c, int src) {
  promise *p = (promise *)lua_touserdata(L, src);
  if (!c->has_trace || p->state != S_REJECTED) return;
  luaL_checkstack(L, 6, NULL);
  pushreg(L, c->r_trace);
  lwt_trace_render(L);
  lua_pushliteral(L, "\nafter an earlier error: ");
  lwt_promise_push_error(L, src, p);
  lwt_trace_push_text(L, -1);
  lua_replace(L, -2);
  lwt_trace_push(L, src, p);
  lwt_trace_render(L);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_concat(L, 3);
  } else {
    lua_pushliteral(L, "\n");
    lua_insert(L, -2);
    lua_concat(L, 5);
  }
  setreg(L, c->r_trace);
  c->has_trace = 1;
}

void lwt_trace_push_of_value(lua_State *L, lwt_context *c, int idx) {
  int i;
  pushreg(L, c->r_traces);
  if (!lua_isnil(L, idx)) {
    lua_pushvalue(L, idx);
    if (lua_rawget(L, -2) != LUA_TNIL) {
      lua_replace(L, -2);
      lwt_trace_render(L);
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
      lwt_trace_render(L);
      return;
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  lua_pushnil(L);
}

void lwt_trace_push_made(lua_State *L, lwt_context *c,
                         int idx) { /* "\nmade at …" or "" */
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

/* Pushes, as text, the trace of the rejected promise at idx, whose error is at err: its own, else
** what is remembered of the error, unless that is one that many fail with. Or nil. */
void lwt_trace_push_whole(lua_State *L, lwt_context *c, int idx, promise *p, int err) {
  lwt_trace_push(L, idx, p);
  lwt_trace_render(L);
  if (lua_isnil(L, -1) && !is_sentinel(L, c, err)) {
    lua_pop(L, 1);
    lwt_trace_push_of_value(L, c, err);
  }
}

/*---
Where an error was raised, and through which awaits it came, as text: the error, then task by task the lines that led to it.
It takes a rejected promise, or an error value. Of strings only the last few are remembered, and of a value that many fail with
(`lwt.Timeout`, `lwt.EOF` …) where it was raised last: a promise knows its own. `lwt.Canceled` has a trace only where it ended the
task of `lwt.run`. With `lwt.debug(true)` also where the
promise was made. Where nothing is known it gives the error's text alone.

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
    lwt_trace_push_text(L, 2);
    lwt_trace_push_whole(L, c, 1, p, 2);
    lwt_trace_push_made(L, c, 1);
    lua_insert(L, -3); /* made, text, trace */
  } else {
    lwt_trace_push_text(L, 1);
    lwt_trace_push_of_value(L, c, 1);
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

static int guard_k(lua_State *L, int status, lua_KContext k) {
  ((lwt_context *)k)->has_trace = 0; /* it belongs to the error, and to no promise yet */
  lua_pushboolean(L, status == LUA_OK || status == LUA_YIELD);
  lua_replace(L, 1);
  return lua_gettop(L);
}

/* core.guard(f, ...): pcall that lets f wait, and remembers where an error was raised:
** lwt.traceback of the error tells it. For whatever stands between a function that is not
** ours and the end of its task. */
static int l_guard(lua_State *L) {
  lwt_context *c = context_of(L);
  pushreg(L, c->r_handler);
  lua_insert(L, 1);
  return guard_k(
      L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 1, (lua_KContext)c, guard_k),
      (lua_KContext)c);
}

/* Raises the error on top, which the message handler has seen: it keeps its trace. */
int lwt_trace_raise(lua_State *L, lwt_context *c) {
  c->has_trace = 0;
  lua_pushvalue(L, -1);
  setreg(L, c->r_raised);
  c->raising = 1;
  return lua_error(L);
}

/* core.raise(err): raises what guard has caught. */
static int l_raise(lua_State *L) {
  lua_settop(L, 1);
  return lwt_trace_raise(L, context_of(L));
}

static const luaL_Reg functions[] = {
    {"traceback", l_traceback},     {"guard", l_guard},   {"raise", l_raise},
    {"own_sources", l_own_sources}, {"getcwd", l_getcwd}, {NULL, NULL}};

void lwt_trace_open(lua_State *L, lwt_context *c) {
  lwt_register(L, c, functions);
  pushreg(L, c->r_self);
  lua_pushcclosure(L, handler, 1);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "handler");
  c->r_handler = lwt_slot(L);
  lua_createtable(L, 2 * STRINGS, 0);
  c->r_strings = lwt_slot(L);
  lua_pushboolean(L, 0);
  c->r_raised = lwt_slot(L);
}
