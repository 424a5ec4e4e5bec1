/* tell.h: what is owed to waiters, for resolve.c, which puts it there, and tell.c, which works
** it off. */
#ifndef LWT_TELL_H
#define LWT_TELL_H

#include "waiters.h"

/* The room on the stack for what lwt_resolve_drive calls: a function in C, of one argument. */
#define DRIVE_ROOM (LUA_MINSTACK + 2)

/* The waiter on top (popped) is the current one. */
static inline void lwt_work_set_current(lua_State *L, lwt_context *c) {
  setreg(L, c->r_current);
  c->currents++;
}

/* Nothing is being told: what was told last, and of whom, is kept alive no longer. (Not at once:
** most resolutions are followed by others soon.) */
static inline void lwt_work_forget(lua_State *L, lwt_context *c) {
  int i;
  if (c->forgotten == c->currents || c->has_current || c->work > 0) return;
  lua_pushboolean(L, 0);
  setreg(L, c->r_source);
  for (i = 0; i < c->deepest; i++) {
    lua_pushboolean(L, 0);
    setreg(L, c->r_hands[i]);
  }
  c->deepest = 0;
  lua_pushboolean(L, 0);
  lwt_work_set_current(L, c);
  c->forgotten = c->currents;
}

/* The entry on top (popped) is the newest of the work stack. */
static inline void lwt_work_push(lua_State *L, lwt_context *c) {
  pushreg(L, c->r_work);
  lua_setiuservalue(L, -2, H_LINK);
  setreg(L, c->r_work);
  c->work++;
}

API void lwt_work_defer(lua_State *L, lwt_context *c);

/* One of the tasks of a scope (w) is fulfilled, and it is not the last: it is counted off, and
** nothing else is to be told. */
static inline int lwt_scope_counts_off(promise *w, int state) {
  if (w->kind != K_SCOPE || state != S_FULFILLED || w->n < 2) return 0;
  w->n--;
  return 1;
}

#endif
