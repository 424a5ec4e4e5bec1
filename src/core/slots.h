/* slots.h: the numbers of tasks, by which timers and the ready queue know them: see slots.c. It is a
** part of core.h, which includes it. */
#ifndef LWT_CORE_SLOTS_H
#define LWT_CORE_SLOTS_H

#include "core.h"

#define SLOT_BLOCK 256
#define NO_SLOT UINT32_MAX

static inline void lwt_slot_anchor(lua_State *L, lwt_context *c,
                                   uint32_t s) { /* pops it */
  pushreg(L, c->r_blocks[s / SLOT_BLOCK]);
  lua_pushvalue(L, -2);
  lua_setiuservalue(L, -2, (int)(s % SLOT_BLOCK) + 1);
  lua_pop(L, 2);
}

static inline void lwt_slot_unanchor(lua_State *L, lwt_context *c, uint32_t s) {
  pushreg(L, c->r_blocks[s / SLOT_BLOCK]);
  lua_pushboolean(L, 0);
  lua_setiuservalue(L, -2, (int)(s % SLOT_BLOCK) + 1);
  lua_pop(L, 1);
}

static inline void lwt_slot_push(lua_State *L, lwt_context *c, uint32_t s) {
  pushreg(L, c->r_blocks[s / SLOT_BLOCK]);
  lua_getiuservalue(L, -1, (int)(s % SLOT_BLOCK) + 1);
  lua_replace(L, -2);
}

/* Its task; NULL: it is free. */
static inline task *lwt_slot_task(const lwt_context *c, uint32_t s) {
  uintptr_t use = c->slots[s].use;
  return use & SLOT_FREE ? NULL : (task *)(use & ~(uintptr_t)SLOT_RELEASED);
}

API uint32_t lwt_slot_take(lua_State *L, lwt_context *c);
API void lwt_slot_free(lwt_context *c, uint32_t s);
API void lwt_slot_leave(lua_State *L, lwt_context *c, task *t, int idx, int reusable);
API int lwt_slot_regain(lwt_context *c, task *t);
API void lwt_slot_release(lua_State *L, lwt_context *c, task *t);
API void lwt_slot_sweep(lua_State *L, lwt_context *c, size_t n, int all);

#endif
