/* nested.c: the loop seen by another loop: when it has something to do (due), and a turn
** of it in the middle of anything (step_within).
**
** A GLib or GTK program opens a modal dialog by turning its loop again, inside the callback or
** the task that opens it. That is inside our turn, as a rule; timers, I/O and other tasks are to
** go on none the less. A turn keeps nothing in C that another turn inside it would spoil: what
** says where the program is just now (the running task, in how many callbacks) is put aside
** meanwhile. What the engine has on the stack it knows itself (LWT_BUSY).
*/
#include "loop.h"
#include "running.h"

/* Seconds until the loop itself has something to do. */
double lwt_loop_next(lwt_context *c) {
  double seconds;
  if (lwt_loop_has_ready(c) || c->idle != NULL) return 0;
  if (c->ntimers == 0) return LWT_NOT_DUE;
  seconds = c->heap[0].when - lwt_timer_now(c);
  return seconds < 0 ? 0 : seconds;
}

/* Seconds until the engine has something to do that its descriptor does not tell. */
double lwt_loop_engine_due(const lwt_context *c) {
  if (c->engine == NULL || !c->engine_full || c->engine->due == NULL) return LWT_NOT_DUE;
  return c->engine->due(c->engine_data);
}

double lwt_loop_due(const lwt_api *api) {
  lwt_context *c = api->context;
  double own, outside;
  if (c->ended) return LWT_NOT_DUE;
  own = lwt_loop_next(c);
  outside = lwt_loop_engine_due(c);
  return outside < 0 || (own >= 0 && own < outside) ? own : outside;
}

/* Where the program is. */
typedef struct place {
  task *current;
  lua_State *current_co, *storage_co;
  lwt_context *here;
  int nest, immediate, callbacks, entered;
  uint8_t running, may_run;
} place;

static void put_aside(lwt_context *c, place *p) {
  p->current = c->current;
  p->current_co = c->current_co;
  p->storage_co = c->storage_co;
  p->here = lwt_running_here;
  p->nest = c->nest;
  p->immediate = c->immediate;
  p->callbacks = c->callbacks;
  p->entered = c->entered;
  p->running = c->running;
  p->may_run = c->may_run;
  c->current = NULL;
  c->current_co = c->storage_co = NULL;
  lwt_running_here = NULL;
  c->nest = c->immediate = c->callbacks = c->entered = 0;
  c->may_run = 0;
  c->running = 1;
}

static void put_back(lwt_context *c, const place *p) {
  c->current = p->current;
  c->current_co = p->current_co;
  c->storage_co = p->storage_co;
  lwt_running_here = p->here;
  c->nest = p->nest;
  c->immediate = p->immediate;
  c->callbacks = p->callbacks;
  c->entered = p->entered;
  c->may_run = p->may_run;
  c->running = p->running;
  c->has_trace = 0;
}

/* Whom the resolutions under way are telling: pushed before the turn, and put back from `at`. */
static int push_hands(lua_State *L, const lwt_context *c) {
  int n = c->nest < MAX_NEST ? c->nest : MAX_NEST;
  for (int i = 0; i < n; i++) pushreg(L, c->r_hands[i]);
  return n;
}

static void put_back_hands(lua_State *L, lwt_context *c, int at, int n) {
  for (int i = 0; i < n; i++) {
    lua_pushvalue(L, at + i);
    setreg(L, c->r_hands[i]);
  }
  if (c->deepest < n) c->deepest = n;
  c->currents++;
}

/* The idle hooks that the outer turn has not called yet are called by the nested turn. */
static void requeue_idle(lwt_context *c) {
  while (c->idle_now != NULL) {
    lwt_idle *i = c->idle_now;
    c->api.idle_stop(&c->api, i);
    c->api.idle_start(&c->api, i);
  }
}

void lwt_loop_step_within(const lwt_api *api, lua_State *L, double budget) {
  lwt_context *c = api->context;
  int top = lua_gettop(L), status, hands;
  place outside;
  if (c->ended) lwt_context_ended(L);
  if (c->closing || lwt_loop_in_finalizer(L)) return;
  luaL_checkstack(L, 6 + MAX_NEST, NULL);
  lua_pushboolean(L, 0);
  lwt_storage_swap(L, c); /* the storage of the interrupted code is on top */
  hands = push_hands(L, c);
  put_aside(c, &outside);
  requeue_idle(c);
  c->engine_now = lwt_timer_now(c);
  pushreg(L, c->r_turn);
  lua_pushnumber(L, budget);
  status = lua_pcall(L, 1, 0, 0);
  put_back(c, &outside);
  put_back_hands(L, c, top + 2, hands);
  lua_pushvalue(L, top + 1);
  lwt_storage_swap(L, c);
  lua_pop(L, 1);
  if (status != LUA_OK) lua_error(L);
  lua_settop(L, top);
  if (!c->running) lwt_loop_raise_reported(L, c);
}
