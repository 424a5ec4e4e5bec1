/* slots.c: where tasks and their coroutines live.
**
**   slot i:  free      its anchor is the idle thread, or false
**            in use    its anchor is the task, which holds the thread; a task that has
**                      waited for a while loses it (release): then only what it
**                      awaits holds it
**
** So a task that waits for something that cannot be resolved any more is garbage in the
** end, and its slot is found again by looking for it in r_live (weak). Anchors are user
** values of a few blocks, so that making a task ready allocates nothing. */
#include <stdlib.h>

#include "core.h"

#define IDLE_THREADS 1024 /* how many coroutines are kept for the next tasks */

/* A free slot's `use` leads to the next free one: NO_SLOT + 1 is 0. */
void lwt_slot_free(lwt_context *c, uint32_t s) {
  c->slots[s].use = (uintptr_t)(c->free_slot + 1) << 2 | SLOT_FREE;
  c->free_slot = s;
}

/* Frees the slots of tasks that were collected while they waited. */
static void scan_slots(lua_State *L, lwt_context *c) {
  uint32_t s, used = 0;
  int top = lua_gettop(L);
  pushreg(L, c->r_live);
  for (s = 0; s < c->slots_made; s++) {
    if (c->slots[s].use & SLOT_FREE) continue;
    lwt_slot_push(L, c, s);
    lua_rawgeti(L, top + 1, (lua_Integer)s + 1);
    if (lua_toboolean(L, -1) || lua_toboolean(L, -2)) {
      used++;
    } else {
      c->slots[s].co = NULL;
      lwt_slot_free(c, s);
    }
    lua_settop(L, top + 1);
  }
  lua_settop(L, top);
  c->next_scan = used < 128 ? 256 : 2 * used;
}

/* Room in C memory for one block more; 0 without memory. Nothing that is in use moves
** before all of it is there, and no finalizer runs here. */
static int reserve_block(lwt_context *c) {
  uint32_t made = c->slots_made + SLOT_BLOCK;
  size_t tasks = made + (size_t)(c->pause_tail - c->pause_head) + 64;
  if (made > c->nslots) {
    uint32_t n = c->nslots ? 2 * c->nslots : SLOT_BLOCK;
    slot *slots = (slot *)realloc(c->slots, n * sizeof *slots);
    uint32_t *naps;
    int *blocks;
    if (slots == NULL) return 0;
    c->slots = slots;
    naps = (uint32_t *)realloc(c->naps, n * sizeof *naps);
    if (naps == NULL) return 0;
    c->naps = naps;
    blocks = (int *)realloc(c->r_blocks, (n / SLOT_BLOCK) * sizeof *blocks);
    if (blocks == NULL) return 0;
    c->r_blocks = blocks;
    c->nslots = n;
  }
  return lwt_ring_reserve(&c->ready, tasks) && lwt_ring_reserve(&c->paused, tasks);
}

/* Adds a block. What Lua allocates comes first: a finalizer may spawn, and add blocks too. */
static void more_slots(lua_State *L, lwt_context *c) {
  uint32_t s;
  int i, ref;
  lua_newuserdatauv(L, 0, SLOT_BLOCK);
  for (i = 1; i <= SLOT_BLOCK; i++) {
    lua_pushboolean(L, 0);
    lua_setiuservalue(L, -2, i);
  }
  ref = lwt_slot(L);
  if (!reserve_block(c)) {
    luaL_unref(L, REG, ref);
    luaL_error(L, "not enough memory");
  }
  c->r_blocks[c->nblocks++] = ref;
  for (s = c->slots_made + SLOT_BLOCK; s > c->slots_made; s--) {
    c->slots[s - 1].co = NULL;
    lwt_slot_free(c, s - 1);
  }
  c->slots_made += SLOT_BLOCK;
}

/* Takes a slot and pushes its thread. */
uint32_t lwt_slot_take(lua_State *L, lwt_context *c) {
  lua_Debug ar;
  uint32_t s;
  for (;;) {
    lua_State *co;
    if (c->free_slot == NO_SLOT && c->slots_made >= c->next_scan) scan_slots(L, c);
    if (c->free_slot == NO_SLOT) more_slots(L, c);
    s = c->free_slot;
    if (c->slots[s].co != NULL) {
      c->idle_threads--;
      if (!lua_getstack(c->slots[s].co, 0, &ar)) {
        lwt_slot_push(L, c, s);
        break;
      }
      c->slots[s].co = NULL; /* other code has it, and is calling us from it */
      lwt_slot_unanchor(L, c, s);
    }
    co = lua_newthread(L);
    s = c->free_slot; /* a finalizer may have taken the one we saw */
    if (s != NO_SLOT && c->slots[s].co == NULL) {
      c->slots[s].co = co;
      break;
    }
    lua_pop(L, 1);
  }
  c->free_slot = (uint32_t)(c->slots[s].use >> 2) - 1;
  return s;
}

/* The task is done with its slot. Its coroutine is kept when it can run again. */
void lwt_slot_leave(lua_State *L, lwt_context *c, task *t, int idx, int reusable) {
  uint32_t s = t->slot;
  if (c->stall > 0) lua_sethook(t->co, NULL, 0, 0);
  if (reusable && c->idle_threads < IDLE_THREADS) {
    lua_getiuservalue(L, idx, U_DEP);
    lwt_slot_anchor(L, c, s);
    c->idle_threads++;
  } else {
    c->slots[s].co = NULL;
    lwt_slot_unanchor(L, c, s);
  }
  lua_pushnil(L);
  lua_setiuservalue(L, idx, U_DEP);
  t->co = t->wait_co = NULL;
  lwt_slot_free(c, s);
}

/* A finalizer has got hold of a waiting task that was garbage, and its slot may have gone to
** another meanwhile: then it gets a free one, with whatever coroutine that has kept. Returns 0
** where there is none. Allocates nothing. */
int lwt_slot_regain(lwt_context *c, task *t) {
  uint32_t s = c->free_slot;
  if (s == NO_SLOT) return 0;
  c->free_slot = (uint32_t)(c->slots[s].use >> 2) - 1;
  if (c->slots[s].co != NULL) c->idle_threads--;
  c->slots[s].co = t->co;
  c->slots[s].use = (uintptr_t)t;
  t->slot = s;
  return 1;
}

/* Pushes the task's userdata (nil when it was collected). */
void lwt_task_push(lua_State *L, lwt_context *c, task *t) {
  if (t->flags & TF_ANCHORED) {
    lwt_slot_push(L, c, t->slot);
  } else {
    pushreg(L, c->r_live);
    lua_rawgeti(L, -1, (lua_Integer)t->slot + 1);
    lua_replace(L, -2);
  }
}

/* From now on only what the waiting task awaits holds it. (One that waits directly for a
** moment, or in C, stays where it is: it will be woken.) */
void lwt_slot_release(lua_State *L, lwt_context *c, task *t) {
  if (!(t->flags & TF_HELD)) return;
  if (t->direct == D_MVAR && !lwt_task_is_intact(t))
    return; /* the mvar cannot be reached */
  if (!(t->flags & TF_LISTED)) {
    pushreg(L, c->r_live);
    lwt_slot_push(L, c, t->slot);
    lua_rawseti(L, -2, (lua_Integer)t->slot + 1);
    lua_pop(L, 1);
    t->flags |= TF_LISTED;
  }
  if (t->direct == D_MVAR) {
    lua_pushvalue(t->wait_co, t->wait_idx);
    lua_xmove(t->wait_co, L, 1);
    lwt_slot_push(L, c, t->slot);
    lwt_mvar_hold(L, t);
    lua_pop(L, 2);
  }
  t->flags &= (uint16_t) ~(TF_HELD | TF_ANCHORED);
  c->held--;
  c->slots[t->slot].use |= SLOT_RELEASED;
  lwt_slot_unanchor(L, c, t->slot);
}

/* Releases tasks that wait, a window of `n` slots at each call, so that tasks that can no
** longer be woken are collected. It releases those that waited already when this pass
** over the slots began, or `all`. */
void lwt_slot_sweep(lua_State *L, lwt_context *c, size_t n, int all) {
  uint32_t s = c->sweep_at;
  for (; n > 0 && c->held > 0; n--, s++) {
    uintptr_t use;
    task *t;
    if (s >= c->slots_made) {
      s = 0;
      c->pass_began = c->turns;
      if (all) break;
    }
    use = c->slots[s].use;
    if (use & (SLOT_FREE | SLOT_RELEASED)) continue;
    t = (task *)use;
    if ((t->flags & TF_HELD) && (all || (int32_t)(t->p.n - c->pass_began) < 0))
      lwt_slot_release(L, c, t);
  }
  c->sweep_at = s;
}
