/* wait.c: what a waiting task waits for, and who may resume it.
**
** A task waits on the stack of a coroutine that plain Lua can get hold of, resume and
** close. So what lies there is looked at only while the coroutines are as the task left
** them, and what resumes them instead of the scheduler is refused. */
#include "core.h"

/* Are the coroutines in which the task waits, one in another, as it left them? One that
** was closed is not; what the task waited for can then not be read from its stack. */
int lwt_task_is_intact_within(const task *t) {
  lua_State *co = t->co;
  while (co != NULL && lua_status(co) == LUA_YIELD) {
    if (co == t->wait_co) return 1;
    co = lua_tothread(co, 1); /* coroutine.c keeps there what it has resumed */
  }
  return 0;
}

/* Pushes the promise (or mvar, or view) that the task waits for, as it was given; NULL
** (nothing pushed) when it cannot be had. */
void *lwt_task_push_awaited(lua_State *L, const task *t) {
  if (!lwt_task_is_intact(t) || !lua_checkstack(t->wait_co, 1) || !lua_checkstack(L, 2))
    return NULL;
  lua_pushvalue(t->wait_co, t->wait_idx);
  lua_xmove(t->wait_co, L, 1);
  return lua_touserdata(L, -1);
}

int lwt_task_is_waiting_for_its(lua_State *L, task *t, promise *p) {
  int is;
  if (lwt_task_push_awaited(L, t) == NULL) return 0; /* p may have become another */
  is = lwt_promise_find(L, lua_gettop(L)) == p;
  lua_pop(L, 1);
  return is;
}

/* ---- Resumed by other code ------------------------------------------------------- */

/* The task whose coroutine this is: the one that waits in it, or has not begun. */
task *lwt_task_owner(lua_State *L, const lwt_context *c) {
  uint32_t s;
  if (!lua_checkstack(L, 2)) return NULL;
  pushreg(L, c->r_live);
  for (s = 0; s < c->slots_made; s++) {
    task *t = lwt_slot_task(c, s);
    int is_there = 1;
    if (t == NULL) continue;
    if (c->slots[s].use & SLOT_RELEASED) { /* collected? */
      lua_rawgeti(L, -1, (lua_Integer)s + 1);
      is_there = lua_touserdata(L, -1) == (void *)t;
      lua_pop(L, 1);
    }
    if (is_there && t->status < T_RUNNING && t->wait_co == L) {
      lua_pop(L, 1);
      return t;
    }
  }
  lua_pop(L, 1);
  return NULL;
}

/* L, in which a task waits, was resumed by somebody other than the scheduler: the values
** that were passed are dropped (`keep` values stay; -1: those that the task left), and an
** explanation takes their place. Returns how many values to yield, so that the task waits
** on as it did. */
int lwt_task_refuse(lua_State *L, lwt_context *c, int keep) {
  if (keep < 0) {
    const task *t = lwt_task_owner(L, c);
    if (t != NULL) lua_settop(L, t->wait_idx + t->above);
  } else {
    lua_settop(L, keep);
  }
  c->refused = L;
  pushreg(L, c->r_refused);
  return 1;
}

/* The coroutine in which the task waited is gone; the task itself goes on. */
void lwt_task_abandon(lua_State *L, lwt_context *c, task *t) {
  t->status = T_RUNNING;
  t->wait_co = t->co;
  if (t->flags & TF_SHIELDED) t->shield--;
  if (t->flags & TF_RAISE) lwt_task_due(L, c, t, TF_CANCEL);
  t->flags &= (uint16_t) ~(TF_SHIELDED | TF_RAISE);
}
