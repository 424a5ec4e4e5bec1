/* loop.h: a turn of the loop, for loop.c, and for run.c and nested.c, which drive it. */
#ifndef LWT_LOOP_H
#define LWT_LOOP_H

#include "core.h"

API int lwt_loop_turn(lua_State *L, lwt_context *c, int may_wait, double deadline);
API void lwt_loop_engine_wait(lwt_context *c, double seconds);
API double lwt_loop_next(lwt_context *c);
API double lwt_loop_engine_due(const lwt_context *c);
API int lwt_loop_in_finalizer(lua_State *L);

static inline int lwt_loop_has_ready(const lwt_context *c) {
  return c->ready.count > 0 || c->paused.count > 0;
}

static inline int lwt_loop_engine_alive(const lwt_context *c) {
  return c->engine ? c->engine->alive(c->engine_data) : LWT_IDLE;
}

static inline int lwt_loop_can_happen(const lwt_context *c) {
  return lwt_loop_has_ready(c) || c->idle != NULL || c->ntimers > c->background ||
         lwt_loop_engine_alive(c) != LWT_IDLE;
}

#endif
