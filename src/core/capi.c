/* capi.c: the functions of lwt.h. Each is the entry of the table that has its name, and is
** documented in the header. Once the context has ended, those that may raise do, and the
** others do nothing. */
#include <string.h>

#include "core.h"

static void check_alive(const lwt_api *api, lua_State *L) {
  if (api->context->ended) lwt_context_ended(L);
}

static void promise_new(const lwt_api *api, lua_State *L, lwt_cancel_fn cancel,
                        void *data) {
  operation *o;
  check_alive(api, L);
  luaL_checkstack(L, 3, NULL);
  o = (operation *)lwt_promise_push(L, api->context, K_OP, cancel ? C_SELF : C_NONE, 1,
                                    sizeof *o);
  o->cancel = cancel;
  o->data = data;
}

static void promise_new_guarded(const lwt_api *api, lua_State *L, lwt_cancel_fn cancel,
                                void *data, int (*may_cancel)(lua_State *L, void *data)) {
  guarded *g;
  check_alive(api, L);
  luaL_checkstack(L, 3, NULL);
  g = (guarded *)lwt_promise_push(L, api->context, K_OP, C_SELF, 1, sizeof *g);
  g->o.p.flags |= F_GUARDED;
  g->o.cancel = cancel;
  g->o.data = data;
  g->may_cancel = may_cancel;
}

static int collapse(lua_State *L) {
  lwt_promise_collapse(L, lua_gettop(L));
  return 1;
}

/* Without memory for several values the promise is rejected, for callers cannot handle
** that error. */
static void resolve_pending(lua_State *L, lwt_context *c, int idx, promise *p, int state,
                            int n) {
  if (n < 2) {
    lwt_resolve(L, c, idx, p, state, n);
    return;
  }
  p->how = C_NONE; /* a finalizer's cancel now would lose the values */
  lua_pushcfunction(L, collapse);
  lua_insert(L, -n - 1);
  if (lua_pcall(L, n, 1, 0) != LUA_OK) {
    state = S_REJECTED;
    n = 1;
  }
  lwt_resolve_collapsed(L, c, idx, p, state, n);
}

static int resolve(const lwt_api *api, lua_State *L, int idx, int state, int n) {
  lwt_context *c = api->context;
  promise *p;
  int base;
  if (c->ended) {
    lua_pop(L, n);
    return 0;
  }
  idx = lua_absindex(L, idx);
  p = (promise *)lua_touserdata(L, idx);
  if (p->kind == K_OP) ((operation *)p)->cancel = NULL;
  if (p->state == S_PROXY) {
    lua_pushvalue(L, idx);
    lua_insert(L, -n - 1);
    idx = lua_gettop(L) - n;
    p = lwt_promise_find(L, idx);
    if (p->state == S_PENDING) {
      resolve_pending(L, c, idx, p, state, n);
      lua_settop(L, idx - 1);
      return 1;
    }
    lua_settop(L, idx - 1);
    return 0;
  }
  if (p->state != S_PENDING) {
    lua_pop(L, n);
    return 0;
  }
  luaL_checkstack(L, 8, NULL);
  base = lua_gettop(L) - n;
  resolve_pending(L, c, idx, p, state, n);
  lua_settop(L, base); /* callbacks may have left something */
  return 1;
}

static int fulfill(const lwt_api *api, lua_State *L, int idx, int n) {
  return resolve(api, L, idx, S_FULFILLED, n);
}

static int reject(const lwt_api *api, lua_State *L, int idx) {
  return resolve(api, L, idx, S_REJECTED, 1);
}

static int reject_traced(const lwt_api *api, lua_State *L, int idx, const char *trace) {
  if (api->context->ended) {
    lua_pop(L, 1);
    return 0;
  }
  return lwt_wakeup_reject_traced(L, api->context, lua_absindex(L, idx), trace);
}

static void resolved(lua_State *L, lwt_context *c, int state, int n) {
  promise *p;
  luaL_checkstack(L, 4, NULL);
  lwt_promise_collapse(L, n);
  p = lwt_promise_push(L, c, K_PLAIN, C_NONE, 1, sizeof *p);
  lua_insert(L, -2);
  lwt_resolve_commit(L, c, lua_gettop(L) - 1, p, state, n);
}

static void fulfilled(const lwt_api *api, lua_State *L, int n) {
  check_alive(api, L);
  resolved(L, api->context, S_FULFILLED, n);
}

static void rejected(const lwt_api *api, lua_State *L) {
  check_alive(api, L);
  resolved(L, api->context, S_REJECTED, 1);
}

static int is_promise(const lwt_api *api, lua_State *L, int idx) {
  return lwt_promise_test(L, api->context, idx) != NULL;
}

static int state(const lwt_api *api, lua_State *L, int idx) {
  promise *p = (promise *)lua_touserdata(L, idx);
  (void)api;
  if (p->state == S_PROXY) {
    lua_pushvalue(L, idx);
    p = lwt_promise_find(L, lua_gettop(L));
    lua_pop(L, 1);
  }
  return p->state;
}

/* What the caller has on its stack stays there while it waits, below what wait_wake
** pushes. A task keeps their number in 16 bits. */
static void check_stack(lua_State *L, int idx) {
  if (lua_gettop(L) - lua_absindex(L, idx) > UINT16_MAX - LUA_MINSTACK)
    luaL_error(L, "too many values on the stack of a function that waits");
}

/* The running task waits from now on. */
static void keep_stack(lua_State *L, lwt_context *c) {
  task *t = c->current;
  t->above = (uint16_t)(lua_gettop(L) - t->wait_idx);
}

static int await_begin(const lwt_api *api, lua_State *L, int idx) {
  check_alive(api, L);
  check_stack(L, idx);
  if (lwt_task_await_begin(L, api->context, idx)) return 1;
  keep_stack(L, api->context);
  return 0;
}

static int wait_resumed(const lwt_api *api, lua_State *L) {
  if (lwt_task_goes_on(L, api->context)) return 1;
  lwt_task_refuse(L, api->context, -1);
  return 0;
}

/* The same for callers that have not called wait_resumed. */
static void check_resumed(lua_State *L, lwt_context *c) {
  if (c->ended) lwt_context_ended(L);
  if (lwt_task_goes_on(L, c)) return;
  if (c->current != NULL && c->current_co == L) return; /* (it was called before) */
  pushreg(L, c->r_refused);
  lua_error(L);
}

static int await_end(const lwt_api *api, lua_State *L, int idx) {
  check_resumed(L, api->context);
  return lwt_task_await_end(L, api->context, idx);
}

static void push_sentinel(const lwt_api *api, lua_State *L, const char *name) {
  const lwt_context *c = api->context;
  luaL_checkstack(L, 1, NULL);
  if (strcmp(name, "Canceled") == 0)
    pushreg(L, c->r_canceled);
  else if (strcmp(name, "Timeout") == 0)
    pushreg(L, c->r_timeout);
  else if (strcmp(name, "EOF") == 0)
    pushreg(L, c->r_eof);
  else if (strcmp(name, "Closed") == 0)
    pushreg(L, c->r_closed);
  else if (strcmp(name, "Interrupted") == 0)
    pushreg(L, c->r_interrupted);
  else
    luaL_error(L, "lwt.h: no sentinel '%s'", name);
}

/* What enter calls, how far it came, and whether tasks may run when it is done. */
typedef struct entry {
  void (*f)(lua_State *L, void *data);
  void *data;
  lwt_context *run;
  enum { E_NOT_BEGUN, E_BEGUN, E_DONE } at;
} entry;

static int enter_body(lua_State *L) {
  entry *e = (entry *)lua_touserdata(L, 1);
  lua_settop(L, 0);
  e->at = E_BEGUN;
  e->f(L, e->data);
  e->at = E_DONE;
  if (e->run != NULL && e->run->ready.count > 0) {
    lua_settop(L, 0); /* what f left must not live as long as the tasks run */
    lwt_loop_run_woken(L, e->run);
  }
  return 0;
}

static int enter_with(lwt_context *c, entry *e) {
  lua_State *L = c->L;
  int status;
  if (c->ended || !lua_checkstack(L, 6)) return -2;
  e->at = E_NOT_BEGUN;
  lua_pushcfunction(L, enter_body);
  lua_pushlightuserdata(L, e);
  c->entered++;
  status = lua_pcall(L, 1, 0, 0);
  c->entered--;
  if (status == LUA_OK) return 0;
  lwt_loop_report(L, c);
  return e->at == E_DONE ? 0 : e->at == E_BEGUN ? -1 : -2;
}

static int enter(const lwt_api *api, void (*f)(lua_State *, void *), void *data) {
  entry e;
  e.f = f;
  e.data = data;
  e.run = NULL;
  return enter_with(api->context, &e);
}

static int enter_last(const lwt_api *api, void (*f)(lua_State *, void *), void *data) {
  lwt_context *c = api->context;
  entry e;
  e.f = f;
  e.data = data;
  e.run = lwt_outermost(c) ? c : NULL;
  return enter_with(c, &e);
}

static void state_closing(const lwt_api *api) {
  api->context->closing = 1;
}

static int cancel_due(const lwt_api *api) {
  return lwt_task_cancel_due(api->context);
}

static void wait_check(const lwt_api *api, lua_State *L) {
  check_alive(api, L);
  lwt_task_direct_begin(L, api->context);
}

static void wait_begin(const lwt_api *api, lua_State *L, int idx, lwt_wait *w) {
  lwt_context *c = api->context;
  task *t;
  check_alive(api, L);
  check_stack(L, idx);
  t = lwt_task_direct_begin(L, c);
  lwt_task_direct_wait(L, c, t, D_WAIT, idx);
  keep_stack(L, c);
  t->wait = w;
  w->task = t;
}

static void wait_end(const lwt_api *api, lua_State *L) {
  check_resumed(L, api->context);
  lwt_task_direct_end(L, api->context);
}

static void wait_wake(const lwt_api *api, lua_State *L, lwt_wait *w, int n) {
  task *t = (task *)w->task;
  if (api->context->ended) {
    lua_pop(L, n);
    w->task = NULL;
    return;
  }
  if (lwt_task_is_intact(t)) {
    lua_xmove(L, t->wait_co, n);
    t->above = (uint16_t)(t->above + n);
  } else { /* it finds out that its coroutine was closed */
    lua_pop(L, n);
  }
  w->task = NULL;
  t->direct = D_NONE;
  lwt_task_wake(L, api->context, t);
}

static void idle_start(const lwt_api *api, lwt_idle *i) {
  lwt_context *c = api->context;
  if (i->at != NULL || c->ended) return;
  i->next = NULL;
  i->at = c->idle == NULL ? &c->idle : c->idle_end;
  *i->at = i;
  c->idle_end = &i->next;
}

static void idle_stop(const lwt_api *api, lwt_idle *i) {
  lwt_context *c = api->context;
  if (i->at == NULL) return;
  *i->at = i->next;
  if (i->next != NULL)
    i->next->at = i->at;
  else if (c->idle_end == &i->next)
    c->idle_end = i->at;
  i->at = NULL;
}

static void engine_set(const lwt_api *api, const lwt_engine *e, void *data) {
  if (api->context->ended) return;
  lwt_loop_set_engine(api->context, e, data, 0);
}

static void engine_use(const lwt_api *api, const lwt_engine *e, void *data) {
  if (api->context->ended) return;
  lwt_loop_set_engine(api->context, e, data, api->context->is_virtual);
  api->context->engine_full = e != NULL;
}

static const lwt_engine *engine_get(const lwt_api *api, void **data, int *full) {
  const lwt_context *c = api->context;
  *data = c->engine_data;
  *full = c->engine_full;
  return c->ended ? NULL : c->engine;
}

static double now(const lwt_api *api) {
  return lwt_timer_now(api->context);
}

static void raise_reported(const lwt_api *api, lua_State *L) {
  lwt_loop_raise_reported(L, api->context);
}

static void *no_loop(const lwt_api *api) {
  return (void)api, NULL;
}

void lwt_capi_open(lua_State *L, lwt_context *c) {
  lwt_api *a = &c->api;
  a->major = LWT_ABI_MAJOR;
  a->minor = LWT_ABI_MINOR;
  a->context = c;
  a->main = c->L;
  a->promise_new = promise_new;
  a->promise_new_guarded = promise_new_guarded;
  a->reject_traced = reject_traced;
  a->fulfill = fulfill;
  a->reject = reject;
  a->fulfilled = fulfilled;
  a->rejected = rejected;
  a->is_promise = is_promise;
  a->state = state;
  a->await_begin = await_begin;
  a->await_end = await_end;
  a->push_error = lwt_error_push;
  a->push_sentinel = push_sentinel;
  a->enter = enter;
  a->idle_start = idle_start;
  a->idle_stop = idle_stop;
  a->step = lwt_loop_step;
  a->run = lwt_loop_run;
  a->engine_set = engine_set;
  a->now = now;
  a->handle_opened = lwt_trace_handle_opened;
  a->handle_closed = lwt_trace_handle_closed;
  a->loop = no_loop;
  a->enter_last = enter_last;
  a->wait_check = wait_check;
  a->wait_begin = wait_begin;
  a->wait_end = wait_end;
  a->wait_wake = wait_wake;
  a->wait_run = lwt_task_run_waiting;
  a->cancel_due = cancel_due;
  a->raise_reported = raise_reported;
  a->wait_resumed = wait_resumed;
  a->state_closing = state_closing;
  a->engine_use = engine_use;
  a->engine_get = engine_get;
  a->due = lwt_loop_due;
  a->step_within = lwt_loop_step_within;
  lua_pushlightuserdata(L, a);
  lua_setfield(L, REG, LWT_REGISTRY_KEY);
}
