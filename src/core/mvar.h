/* mvar.h: an mvar, for mvar.c (the cell and who waits for it) and mvar_direct.c (waiting
** there without a promise).
**
** `at` is where the mvar is on the stack: an absolute index; `value` where a value is. What
** allocates, and so may change anything, says so in mvar.c. */
#ifndef LWT_MVAR_H
#define LWT_MVAR_H

#include "core.h"

/* User values of an mvar. */
#define V_VALUE 1 /* of the full cell */
#define V_FIRST 2
#define V_FIRST_VALUE 3 /* of a putter */
#define V_RING 4        /* waiter i at 2*i + 1, its value at 2*i + 2 */
#define V_LATE 5        /* promises of takers to whom a full cell was not given at once */

typedef struct mvar {
  const void *magic;          /* what it is: the address of a static in mvar.c */
  promise *first;             /* the oldest waiter, or NULL */
  uint32_t head, nring, size; /* of the ring; size is a power of two, or 0 */
  uint32_t slot;              /* of the first waiter, where that alone holds it */
  uint8_t full, late;
  uint8_t held; /* V_FIRST is the first waiter */
} mvar;

/* Waiters. */
API void lwt_mvar_hold_first(lua_State *L, int at, mvar *m);
API void lwt_mvar_drop_first(lua_State *L, int at, mvar *m);
API void lwt_mvar_rebuild(lua_State *L, int at, mvar *m);
API void lwt_mvar_enqueue(lua_State *L, int at, mvar *m, int value);
API int lwt_mvar_prepare_first(lua_State *L, lwt_context *c, int at, mvar *m, int later);

static inline uint32_t lwt_mvar_cell(const mvar *m) {
  return (uint32_t)((uintptr_t)m >> 4);
}

static inline int lwt_mvar_waits_here(const task *t, const mvar *m) {
  return t->status == T_WAITING && t->direct == D_MVAR && t->cell == lwt_mvar_cell(m);
}

/* Is the first waiter there at all? One that only its slot holds may have ended. */
static inline int lwt_mvar_has_first(const lwt_context *c, const mvar *m) {
  return m->held || lwt_slot_task(c, m->slot) == (const task *)m->first;
}

/* Is there room for one more waiter? 0: there may be now, but anything may have
** changed. */
static inline int lwt_mvar_has_room(lua_State *L, int at, mvar *m) {
  if (m->first == NULL || m->nring < m->size) return 1;
  lwt_mvar_rebuild(L, at, m);
  return 0;
}

/* The cell. */
API int lwt_mvar_fill(lua_State *L, lwt_context *c, int at, mvar *m, int value);
API void lwt_mvar_refill(lua_State *L, lwt_context *c, int at, mvar *m);
API void lwt_mvar_serve_late(lua_State *L, lwt_context *c, int at, mvar *m);

/* May the value of the cell be taken? Then lwt_mvar_refill allocates nothing. */
static inline int lwt_mvar_may_take(lua_State *L, lwt_context *c, int at, mvar *m) {
  while (m->full && !lwt_mvar_prepare_first(L, c, at, m, c->nest > 0)) continue;
  return m->full;
}

/* What Lua calls, with an mvar at 1; and the metatables. */
API mvar *lwt_mvar_check(lua_State *L);
API int lwt_mvar_take_available(lua_State *L);
API int lwt_mvar_is_empty(lua_State *L);
API int lwt_mvar_tostring(lua_State *L);
API int lwt_mvar_metatable(lua_State *L, const char *name, lua_CFunction to_string);

#endif
