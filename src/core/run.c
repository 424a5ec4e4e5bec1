/* run.c: run, which drives the loop until a promise is resolved, what is done at its end, and
** step, which drives it for one turn, for a host with a loop of its own. */
#include <math.h>
#include <string.h>

#include "loop.h"
#include "tell.h"

/* ---- run ---------------------------------------------------------------------------------- */

static int nothing(lua_State *L) {
  (void)L;
  return 0;
}

/* Before the first event: lwt->enter will find what it needs for a call, for what has happened
** is told only once. (When Lua collects, it keeps what one call more needs.) */
static void prepare_to_enter(lua_State *L, lwt_context *c) {
  int top = lua_gettop(c->L);
  if (lua_checkstack(c->L, 2 * LUA_MINSTACK)) {
    lua_pushcfunction(c->L, nothing);
    if (lua_pcall(c->L, 0, 0, 0) == LUA_OK) return;
  }
  lua_settop(c->L, top);
  luaL_error(L, "not enough memory");
}

/* Turns until the promise at idx is resolved. Returns 0 where nothing is left that could do
** that, with the error on top. Errors that nobody catches are raised by `main` alone: what
** is done at the end must not be cut short. */
static int drive(lua_State *L, lwt_context *c, int idx, int main) {
  idx = lua_absindex(L, idx);
  while (lwt_promise_find(L, idx)->state == S_PENDING && c->interrupted < 2) {
    int alive = lwt_loop_turn(L, c, !main || c->nerrors == 0, 0);
    if (main) lwt_loop_raise_reported(L, c);
    if (!alive && lwt_promise_find(L, idx)->state == S_PENDING &&
        !lwt_loop_can_happen(c)) {
      lua_pushliteral(L, "deadlock: nothing is left that could wake what run waits for");
      lwt_trace_waiting(L, c);
      lua_concat(L, 2);
      return 0;
    }
  }
  return 1;
}

/* Runs each function of the list as a task, the newest first, and waits for it. */
static void run_list(lua_State *L, lwt_context *c, int ref, int remove) {
  lua_Integer i;
  int top = lua_gettop(L);
  pushreg(L, ref);
  for (i = (lua_Integer)lua_rawlen(L, top + 1); i > 0; i--) {
    promise *p;
    lua_rawgeti(L, top + 1, i);
    if (remove) {
      lua_pushnil(L);
      lua_rawseti(L, top + 1, i);
    }
    lwt_task_spawn(L, c, 0);
    lwt_promise_arg(L, c, top + 2); /* its error is reported here, and nowhere else */
    if (!drive(L, c, top + 2, 0)) {
      lwt_loop_report(L, c);
    } else {
      p = lwt_promise_find(L, top + 2);
      if (p->state == S_REJECTED && !(p->flags & F_CANCELED)) {
        lwt_promise_push_error(L, top + 2, p);
        lwt_loop_report(L, c);
      }
    }
    lua_settop(L, top + 1);
    if (remove && (lua_Integer)lua_rawlen(L, top + 1) > i - 1)
      i = (lua_Integer)lua_rawlen(L, top + 1) + 1; /* added meanwhile */
  }
  lua_settop(L, top);
}

/* run_body(x, ...): the part of run that waits for x; gives its values. */
static int run_body(lua_State *L) {
  lwt_context *c = context_of(L);
  promise *p;
  int n;
  prepare_to_enter(L, c);
  if (lwt_promise_test(L, c, 1) == NULL) lwt_task_spawn(L, c, lua_gettop(L) - 1);
  lua_settop(L, 1);
  lua_pushvalue(L, 1);
  setreg(L, c->r_main);
  p = lwt_promise_find(L, 1);
  p->flags |= F_SEEN;
  if (p->flags & F_WATCHED) lwt_unseen_forget(L, 1, p);
  if (!drive(L, c, 1, 1)) return lua_error(L);
  p = lwt_promise_find(L, 1);
  if (p->state == S_FULFILLED) {
    n = lwt_promise_push_values(L, 1, p);
    return n;
  }
  if (p->state == S_REJECTED) lwt_trace_last(L, c, 1, p);
  if (c->interrupted && (p->state == S_PENDING || p->flags & F_CANCELED))
    pushreg(L, c->r_interrupted);
  else
    lwt_promise_push_error(L, 1, p);
  return lua_error(L);
}

/* run_end(): what is done at the end of every run, however that ended. */
static int run_end(lua_State *L) {
  lwt_context *c = context_of(L);
  run_list(L, c, c->r_exit, 1);
  run_list(L, c, c->r_ends, 0);
  c->sweep_at = 0;
  lwt_slot_sweep(L, c, (size_t)c->slots_made + 1, 1);
  return 0;
}

/* ---- Where it may run ---------------------------------------------------------------------- */

/* Is a finalizer running? It may have come in the middle of anything. */
int lwt_loop_in_finalizer(lua_State *L) {
  lua_Debug ar;
  int level;
  if (lua_gc(L, LUA_GCCOUNT) < 0) return 1;      /* since Lua 5.4.4 */
  if (lua_gc(L, LUA_GCISRUNNING) != 0) return 0; /* (before that, stopped meanwhile) */
  for (level = 0; lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "n", &ar);
    if (strcmp(ar.namewhat, "metamethod") == 0 && ar.name != NULL &&
        (strcmp(ar.name, "__gc") == 0 || strcmp(ar.name, "gc") == 0))
      return 1;
  }
  return 0;
}

/* Where the loop may not be run or stepped: NULL elsewhere. */
static const char *busy(lua_State *L, const lwt_context *c) {
  if (c->running || c->current != NULL) return "from inside it";
  if (c->nest > 0 || c->callbacks > 0 || c->immediate > 0 || c->entered > 0)
    return "from inside it (in a callback)";
  if (lwt_loop_in_finalizer(L)) return "from a finalizer";
  if (c->engine == NULL || !c->engine_full || c->engine->busy == NULL) return NULL;
  return c->engine->busy(c->engine_data);
}

static void check_idle(lua_State *L, lwt_context *c, const char *what) {
  const char *where = busy(L, c);
  if (where != NULL) luaL_error(L, "attempt to %s the loop %s", what, where);
}

/* core.busy(): the same for lwt.run, which is Lua's. */
static int l_busy(lua_State *L) {
  lua_pushstring(L, busy(L, context_of(L)));
  return 1;
}

/* ---- What Lua calls ------------------------------------------------------------------------- */

/* Runs what is at the top of the stack (x, ...) from index 1. */
static int run(lua_State *L, lwt_context *c) {
  int status;
  check_idle(L, c, "run");
  c->running = 1;
  c->interrupted = 0;
  pushreg(L, c->r_run);
  lua_insert(L, 1);
  status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
  pushreg(L, c->r_run_end);
  if (lua_pcall(L, 0, 0, 0) != LUA_OK) lwt_loop_report(L, c);
  c->running = 0;
  c->interrupted = 0;
  lua_pushboolean(L, 0);
  setreg(L, c->r_main);
  lwt_work_forget(L, c);
  lwt_unseen_check(L, c, LWT_UNSEEN_AT_END);
  if (c->debug) lwt_trace_left_open(L, c);
  if (status != LUA_OK) return lua_error(L);
  lwt_loop_raise_reported(L, c);
  return lua_gettop(L);
}

/*---
Drives the loop until `x` is resolved: a promise, or a function, which is run as a task with the other arguments. It returns its values or
raises its error. Before that, however it ends, it runs what `lwt.at_exit` registered, and flushes what is to be flushed. It raises
`deadlock: …` with the list of waiting tasks when nothing is left that could resolve it. `run` inside `run`, in a callback or a
finalizer raises; only in the main script of the `lwt` command, which is inside one, it runs its argument as a task and waits for
it, so that any program works there. Ctrl-C cancels the main task with
`lwt.Interrupted`, see `lwt.interrupts`.

```lua norun
print(lwt.run(function(x) lwt.await(lwt.sleep(0.1)) return x end, 5))
```
@generic T, U
@param x lwt.Promise<T, U>|async fun(...): T?, U?, ...?
@param ... any
@return T value
@return U second
@return any ...
@function lwt.run(x, ...)
*/
static int l_run(lua_State *L) {
  lwt_context *c = context_of(L);
  if (lwt_promise_test(L, c, 1) == NULL && lua_type(L, 1) != LUA_TFUNCTION) {
    if (luaL_getmetafield(L, 1, "__call") == LUA_TNIL)
      luaL_typeerror(L, 1, "promise or function");
    lua_pop(L, 1);
  }
  return run(L, c);
}

/* step_body(budget) */
static int step_body(lua_State *L) {
  lwt_context *c = context_of(L);
  double budget = lua_tonumber(L, 1);
  prepare_to_enter(L, c);
  lwt_loop_turn(L, c, 0, budget > 0 ? c->engine_now + budget : 0);
  lwt_work_forget(L, c);
  /* A host may go to sleep on the engine's descriptor now, which knows only what the engine
  ** was told when it last looked: it has to see what the tasks have just begun. */
  if (!lwt_loop_has_ready(c) && c->idle == NULL && lwt_loop_engine_alive(c) != LWT_IDLE &&
      (!c->engine_full || c->engine->due == NULL || lwt_loop_engine_due(c) == 0))
    lwt_loop_engine_wait(c, 0);
  return 0;
}

static int step(lua_State *L, lwt_context *c, double budget, double *wait) {
  int status;
  check_idle(L, c, "step");
  c->running = 1;
  c->engine_now = lwt_timer_now(c);
  pushreg(L, c->r_turn);
  lua_pushnumber(L, budget);
  status = lua_pcall(L, 1, 0, 0);
  c->running = 0;
  if (status != LUA_OK) lua_error(L);
  lwt_loop_raise_reported(L, c);
  *wait = lwt_loop_next(c);
  return lwt_loop_has_ready(c) || c->idle != NULL || c->ntimers > 0 ||
         lwt_loop_engine_alive(c) != LWT_IDLE;
}

/*---
One turn of the loop, for a host with a loop of its own: delivers what has happened and runs what is ready, without blocking, for at
most about `budget` seconds (a task's turn is not cut short). It does not make virtual time jump.

```lua norun
function love.update(dt) lwt.step(0.002) end
```
@param budget? number seconds; none: until nothing is ready
@return boolean alive whether anything can still happen (a ready task, a timer, a handle, a job)
@return number|nil wait seconds until the next timer is due (0: something is ready)
@function lwt.step(budget)
*/
static int l_step(lua_State *L) {
  lwt_context *c = context_of(L);
  double budget = lwt_opt_number(L, 1), wait;
  int alive;
  luaL_argcheck(L, !isnan(budget), 1, "a number of seconds expected, got nan");
  luaL_argcheck(L, budget >= 0, 1, "negative budget");
  lua_settop(L, 0);
  alive = step(L, c, budget, &wait);
  lua_pushboolean(L, alive);
  if (wait < 0)
    lua_pushnil(L);
  else
    lua_pushnumber(L, wait);
  return 2;
}

static void push_to_list(lua_State *L, int ref) { /* value on top, popped */
  pushreg(L, ref);
  lua_insert(L, -2);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  lua_pop(L, 1);
}

/*---
Registers a function that is run as a task, and awaited, at the end of the outermost `run` that follows; the newest first, once each.
Its failure goes to the exception hook.

```lua norun
lwt.at_exit(function() lwt.await(log:close()) end)
```
@param f async fun(): ...?
@function lwt.at_exit(f)
*/
static int l_at_exit(lua_State *L) {
  lwt_check_callable(L, 1);
  lua_settop(L, 1);
  lwt_storage_keep(L, context_of(L));
  push_to_list(L, context_of(L)->r_exit);
  return 0;
}

/* core.on_run_end(f): likewise, after those, at the end of every run. */
static int l_on_run_end(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  push_to_list(L, context_of(L)->r_ends);
  return 0;
}

/* core.interrupt(): what Ctrl-C does. Returns false when no run is under way. */
static int l_interrupt(lua_State *L) {
  lwt_context *c = context_of(L);
  promise *p;
  lua_settop(L, 0);
  if (pushreg(L, c->r_main) != LUA_TUSERDATA) {
    lua_pushboolean(L, 0);
    return 1;
  }
  p = (promise *)lua_touserdata(L, 1);
  if (c->interrupted == 0) {
    c->interrupted = 1;
    if (p->kind == K_TASK && ((task *)p)->status != T_DONE)
      ((task *)p)->flags |= TF_INTERRUPTED;
    if (!lwt_cancel(L, c, 1)) c->interrupted = 2; /* run gives up waiting */
  }
  lua_pushboolean(L, 1);
  return 1;
}

/* ---- lwt.h ------------------------------------------------------------------------------------ */

int lwt_loop_step(const lwt_api *api, lua_State *L, double budget, double *wait) {
  double w;
  int alive;
  if (api->context->ended) lwt_context_ended(L);
  alive = step(L, api->context, budget, &w);
  if (wait != NULL) *wait = w;
  return alive;
}

int lwt_loop_run(const lwt_api *api, lua_State *L) {
  int top = lua_gettop(L) - 1;
  pushreg(L, api->context->r_run_function);
  lua_insert(L, -2);
  lua_call(L, 1, LUA_MULTRET);
  return lua_gettop(L) - top;
}

static const luaL_Reg functions[] = {{"run", l_run},
                                     {"step", l_step},
                                     {"busy", l_busy},
                                     {"at_exit", l_at_exit},
                                     {"on_run_end", l_on_run_end},
                                     {"interrupt", l_interrupt},
                                     {NULL, NULL}};

static int closure(lua_State *L, lwt_context *c, lua_CFunction f) {
  pushreg(L, c->r_self);
  lua_pushcclosure(L, f, 1);
  return lwt_slot(L);
}

void lwt_run_open(lua_State *L, lwt_context *c) {
  lwt_register(L, c, functions);
  c->r_run = closure(L, c, run_body);
  c->r_run_end = closure(L, c, run_end);
  c->r_turn = closure(L, c, step_body);
  c->r_run_function = closure(L, c, l_run);
}
