/* mvar.c: lwt.mvar, a cell that holds one value or none.
**
** Always holds: putters wait only while the cell is full, takers only while it is
** empty, so that there is one queue. A value that is put is in the cell, handed to one
** taker, waiting with its putter, or gone with the putter that was cancelled.
**
** A waiter is a promise, or a task that waits without one (mvar_direct.c). A task that is
** interrupted withdraws at once, by its ticket; a promise that is cancelled stays, a
** shell, until its turn comes or the ring is full. The oldest waiter is in `first`, which
** is all that two tasks need; those behind it are in a ring, a table. The oldest is held
** by a user value as well, but for a task that its slot still holds: see lwt_mvar_hold.
**
** A task whose coroutine was closed while it waited cannot withdraw: it may have ended, or
** wait for something else. So a waiting task is asked for its cell before it counts.
**
** Whatever allocates may run a finalizer that uses the same mvar: after an allocation
** nothing that was read before is taken for granted.
** `at` is where the mvar is on the stack: an absolute index. */
#include "mvar.h"

#define KEEP_SIZE 64 /* an empty ring that is larger is dropped */

static const char mvar_magic;

mvar *lwt_mvar_check(lua_State *L) {
  mvar *m = (mvar *)lua_touserdata(L, 1);
  if (m == NULL || lua_rawlen(L, 1) != sizeof *m || m->magic != &mvar_magic)
    luaL_typeerror(L, 1, "lwt.mvar");
  return m;
}

/* ---- Waiters ----------------------------------------------------------------------- */

/* Is the waiter at idx still one? A proxy is replaced by what it stands for. */
static int is_live(lua_State *L, int idx, const mvar *m) {
  promise *p = (promise *)lua_touserdata(L, idx);
  if (p->kind == K_TASK) return lwt_mvar_waits_here((task *)p, m);
  return lwt_promise_find(L, idx)->state == S_PENDING;
}

static void set_ticket(promise *w, uint32_t ticket) {
  if (w->kind == K_TASK) ((task *)w)->ticket = ticket;
}

/* The waiter on top (popped) is the first one from now on. */
void lwt_mvar_hold_first(lua_State *L, int at, mvar *m) {
  m->first = (promise *)lua_touserdata(L, -1);
  m->held = 1;
  set_ticket(m->first, 0);
  lua_setiuservalue(L, at, V_FIRST);
}

/* The first waiter goes; the one behind it moves up. */
void lwt_mvar_drop_first(lua_State *L, int at, mvar *m) {
  int top = lua_gettop(L);
  while (m->nring > 0) {
    lua_Integer i = m->head;
    int found;
    lua_getiuservalue(L, at, V_RING);
    found = lua_rawgeti(L, top + 1, 2 * i + 1) == LUA_TUSERDATA;
    lua_rawgeti(L, top + 1, 2 * i + 2);
    lua_pushboolean(L, 0);
    lua_rawseti(L, top + 1, 2 * i + 1);
    lua_pushboolean(L, 0);
    lua_rawseti(L, top + 1, 2 * i + 2);
    m->head = (m->head + 1) & (m->size - 1);
    m->nring--;
    if (found) {
      lua_setiuservalue(L, at, V_FIRST_VALUE);
      lwt_mvar_hold_first(L, at, m);
      lua_settop(L, top);
      return;
    }
    lua_settop(L, top);
  }
  m->first = NULL;
  if (m->held) {
    m->held = 0;
    lua_pushnil(L);
    lua_setiuservalue(L, at, V_FIRST);
  }
  if (m->full) {
    lua_pushnil(L);
    lua_setiuservalue(L, at, V_FIRST_VALUE);
  }
  if (m->size > KEEP_SIZE) {
    m->size = m->head = 0;
    lua_pushnil(L);
    lua_setiuservalue(L, at, V_RING);
  }
}

static uint32_t count_live(lua_State *L, int at, mvar *m) {
  uint32_t i, live = 0;
  int top = lua_gettop(L);
  lua_getiuservalue(L, at, V_RING);
  for (i = 0; i < m->nring; i++) {
    lua_Integer k = (m->head + i) & (m->size - 1);
    if (lua_rawgeti(L, top + 1, 2 * k + 1) == LUA_TUSERDATA && is_live(L, top + 2, m))
      live++;
    lua_settop(L, top + 1);
  }
  lua_settop(L, top);
  return live;
}

/* Makes a new ring of those that are live, of twice the size where most are. */
void lwt_mvar_rebuild(lua_State *L, int at, mvar *m) {
  int top = lua_gettop(L);
  uint32_t i, n = 0, was = m->size;
  uint32_t size = was == 0 ? 2 : count_live(L, at, m) > was / 2 ? 2 * was : was;
  lua_createtable(L, (int)(2 * size), 0);
  if (m->size == was) { /* no finalizer has made another ring */
    lua_getiuservalue(L, at, V_RING);
    for (i = 0; i < m->nring; i++) {
      lua_Integer k = (m->head + i) & (m->size - 1);
      if (lua_rawgeti(L, top + 2, 2 * k + 1) == LUA_TUSERDATA && is_live(L, top + 3, m)) {
        set_ticket((promise *)lua_touserdata(L, top + 3), n + 1);
        lua_rawseti(L, top + 1, 2 * (lua_Integer)n + 1);
        lua_rawgeti(L, top + 2, 2 * k + 2);
        lua_rawseti(L, top + 1, 2 * (lua_Integer)n + 2);
        n++;
      }
      lua_settop(L, top + 2);
    }
    for (i = 2 * n; i < 2 * size; i++) {
      lua_pushboolean(L, 0);
      lua_rawseti(L, top + 1, (lua_Integer)i + 1);
    }
    lua_pushvalue(L, top + 1);
    lua_setiuservalue(L, at, V_RING);
    m->size = size;
    m->head = 0;
    m->nring = n;
  }
  lua_settop(L, top);
}

/* The waiter on top (popped) goes behind the others; there is room. A putter's value is
** at `value`; 0 for a taker. */
void lwt_mvar_enqueue(lua_State *L, int at, mvar *m, int value) {
  if (m->first == NULL) {
    lwt_mvar_hold_first(L, at, m);
    if (value != 0) {
      lua_pushvalue(L, value);
      lua_setiuservalue(L, at, V_FIRST_VALUE);
    }
  } else {
    uint32_t i = (m->head + m->nring++) & (m->size - 1);
    set_ticket((promise *)lua_touserdata(L, -1), i + 1);
    lua_getiuservalue(L, at, V_RING);
    lua_insert(L, -2);
    lua_rawseti(L, -2, 2 * (lua_Integer)i + 1);
    if (value != 0) {
      lua_pushvalue(L, value);
      lua_rawseti(L, -2, 2 * (lua_Integer)i + 2);
    }
    lua_pop(L, 1);
  }
}

/* The first waiter, a task, is dropped and woken, with the value at `value` unless that is
** 0. A task whose coroutine was closed gets no value; it learns of that when it is
** resumed. */
static void wake_first_task(lua_State *L, lwt_context *c, int at, mvar *m, int value) {
  int top = lua_gettop(L);
  task *t = (task *)m->first;
  if (!lwt_mvar_has_first(c, m) || !lwt_mvar_waits_here(t, m)) {
    lwt_mvar_drop_first(L, at, m);
    return;
  }
  if (value != 0 && lwt_task_is_intact(t)) {
    lua_pushvalue(L, value);
    lua_xmove(L, t->wait_co, 1);
    t->above++;
  }
  t->direct = D_NONE;
  if (m->held) lua_getiuservalue(L, at, V_FIRST);
  lwt_task_wake(L, c, t);
  lwt_mvar_drop_first(L, at, m);
  if (lua_gettop(L) > top) lua_settop(L, top);
}

/* Drops waiters that wait no longer, and sees to it that `wake_first` then allocates nothing,
** so that no finalizer comes between the value and its receiver. Returns 0 when that took
** an allocation: the mvar may have changed. `later`: callbacks will be deferred. */
int lwt_mvar_prepare_first(lua_State *L, lwt_context *c, int at, mvar *m, int later) {
  int top, ready;
  if (!later && m->held && m->first->kind != K_TASK && m->first->state == S_PENDING)
    return 1; /* the commonest case, in short */
  top = lua_gettop(L);
  while (m->first != NULL) {
    if (!m->held || m->first->kind == K_TASK) {
      const task *t = (const task *)m->first;
      if (lwt_mvar_has_first(c, m) && lwt_mvar_waits_here(t, m) && lwt_task_is_intact(t))
        return 1;
      wake_first_task(L, c, at, m, 0);
      continue;
    }
    lua_getiuservalue(L, at, V_FIRST);
    if (is_live(L, top + 1, m)) {
      ready = !later || lwt_resolve_prepare(L, top + 1);
      lua_settop(L, top);
      return ready;
    }
    lua_settop(L, top);
    lwt_mvar_drop_first(L, at, m);
  }
  return 1;
}

/* The first waiter, which is prepared, is dropped and woken: with the value at `value`, or with
** none where that is 0. */
static void wake_first(lua_State *L, lwt_context *c, int at, mvar *m, int value) {
  promise *w = m->first;
  int top = lua_gettop(L);
  if (!m->held || w->kind == K_TASK) {
    wake_first_task(L, c, at, m, value);
    return;
  }
  lua_getiuservalue(L, at, V_FIRST);
  lwt_mvar_drop_first(L, at, m);
  if (value != 0) lua_pushvalue(L, value);
  lwt_resolve_later(L, c, top + 1, w, S_FULFILLED, value != 0);
  lua_settop(L, top);
}

/* ---- The cell ------------------------------------------------------------------------ */

/* Hands the value at `value` to the oldest taker, or stores it in the empty cell. Returns 0
** when it is full: a finalizer was faster. */
int lwt_mvar_fill(lua_State *L, lwt_context *c, int at, mvar *m, int value) {
  while (!m->full && !lwt_mvar_prepare_first(L, c, at, m, c->nest > 0)) continue;
  if (m->full) return 0;
  if (m->first != NULL) {
    wake_first(L, c, at, m, value);
    return 1;
  }
  m->full = 1;
  lua_pushvalue(L, value);
  lua_setiuservalue(L, at, V_VALUE);
  return 1;
}

/* The value of the full cell has been taken: that of the oldest putter, which is prepared, moves
** in. */
void lwt_mvar_refill(lua_State *L, lwt_context *c, int at, mvar *m) {
  if (m->first != NULL) {
    lua_getiuservalue(L, at, V_FIRST_VALUE);
    lua_setiuservalue(L, at, V_VALUE);
    wake_first(L, c, at, m, 0);
    return;
  }
  m->full = 0;
  lua_pushnil(L);
  lua_setiuservalue(L, at, V_VALUE);
}

/* The first of the late ones (in the list on top) goes. */
static void drop_late(lua_State *L) {
  lua_Integer i, n = (lua_Integer)lua_rawlen(L, -1);
  for (i = 1; i <= n; i++) {
    lua_rawgeti(L, -1, i + 1);
    lua_rawseti(L, -2, i);
  }
}

/* Takers that only wait for a turn of the loop (see take_later) are served before all
** others. */
void lwt_mvar_serve_late(lua_State *L, lwt_context *c, int at, mvar *m) {
  int top = lua_gettop(L);
  while (m->late) {
    lua_getiuservalue(L, at, V_LATE);
    if (lua_rawgeti(L, top + 1, 1) != LUA_TUSERDATA) {
      m->late = 0;
      lua_pushnil(L);
      lua_setiuservalue(L, at, V_LATE);
    } else if (!is_live(L, top + 2, m)) {
      lua_settop(L, top + 1);
      drop_late(L);
    } else if (m->full) {
      if (lwt_mvar_prepare_first(L, c, at, m, 1) && lwt_resolve_prepare(L, top + 2)) {
        lua_insert(L, top + 1);
        drop_late(L);
        lua_getiuservalue(L, at, V_VALUE);
        lua_replace(L, top + 2);
        c->nest++; /* no callback of one of them may cancel the other */
        lwt_mvar_refill(L, c, at, m);
        lwt_resolve_later(L, c, top + 1, (promise *)lua_touserdata(L, top + 1),
                          S_FULFILLED, 1);
        c->nest--;
        lwt_resolve_drain(L, c);
      }
    } else if (lwt_mvar_has_room(L, at, m)) {
      lua_insert(L, top + 1);
      drop_late(L);
      lua_pop(L, 1);
      lwt_mvar_enqueue(L, at, m, 0);
    }
    lua_settop(L, top);
  }
}

static int after_a_turn(lua_State *L) {
  lua_settop(L, 0);
  lua_pushvalue(L, lua_upvalueindex(2));
  lwt_mvar_serve_late(L, context_of(L), 1, (mvar *)lua_touserdata(L, 1));
  return 0;
}

/* A value that is taken at once in a task whose next await will raise would be lost. So
** such a taker waits for a turn of the loop, and the await withdraws it. */
static int take_later(lua_State *L, lwt_context *c, mvar *m) {
  lwt_promise_push(L, c, K_PLAIN, C_SELF, 1, sizeof(promise));
  pushreg(L, c->r_mvar_pause);
  lua_call(L, 0, 1);
  lua_getfield(L, 3, "on_success");
  lua_insert(L, 3);
  pushreg(L, c->r_self);
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, after_a_turn, 2);
  lua_call(L, 2, 0);
  lua_newtable(L);
  if (!m->late) { /* no finalizer has made the list meanwhile */
    lua_setiuservalue(L, 1, V_LATE);
    m->late = 1;
  }
  lua_settop(L, 2);
  lua_getiuservalue(L, 1, V_LATE);
  lua_pushvalue(L, 2);
  lua_rawseti(L, 3, (lua_Integer)lua_rawlen(L, 3) + 1);
  lua_settop(L, 2);
  return 1;
}

/* Likewise, a value that is put by such a task must not take effect. */
static int put_after_a_turn(lua_State *L) {
  lwt_context *c = context_of(L);
  mvar *m;
  lua_settop(L, 0);
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_pushvalue(L, lua_upvalueindex(3));
  lua_pushvalue(L, lua_upvalueindex(4));
  m = (mvar *)lua_touserdata(L, 1);
  if (m->late) lwt_mvar_serve_late(L, c, 1, m);
  while (lwt_promise_find(L, 3)->state == S_PENDING) {
    if (!m->full) {
      if (!lwt_mvar_prepare_first(L, c, 1, m, 1) || !lwt_resolve_prepare(L, 3)) continue;
      lwt_mvar_fill(L, c, 1, m, 2);
      lwt_resolve_later(L, c, 3, (promise *)lua_touserdata(L, 3), S_FULFILLED, 0);
    } else if (lwt_mvar_has_room(L, 1, m)) {
      lua_pushvalue(L, 3);
      lwt_mvar_enqueue(L, 1, m, 2);
      break;
    }
  }
  return 0;
}

static int put_later(lua_State *L, lwt_context *c) {
  lwt_promise_push(L, c, K_PLAIN, C_SELF, 1, sizeof(promise));
  pushreg(L, c->r_mvar_pause);
  lua_call(L, 0, 1);
  lua_getfield(L, 4, "on_success");
  lua_insert(L, 4);
  pushreg(L, c->r_self);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 3);
  lua_pushcclosure(L, put_after_a_turn, 4);
  lua_call(L, 2, 0);
  return 1;
}

/*---
A cell that is empty or holds one value of type `T`.

@class lwt.Mvar<T> */

/*---
Makes an mvar: a cell that is empty, or holds one value. Several tasks may put and take at
once; they are served in the order in which they came.
With a value other than nil the cell starts full, without it empty.

```lua
local m = mvar.create()
lwt.spawn(function() for i = 1, 3 do await(m:put(i)) end end)
print(await(m:take()), await(m:take()), await(m:take()))   --> 1 2 3
```
@generic T
@param value? T what the cell holds at first
@return lwt.Mvar<T>
@function lwt.mvar.create(value)
*/
static int l_create(lua_State *L) {
  lwt_context *c = context_of(L);
  mvar *m;
  lua_settop(L, 1);
  m = (mvar *)lua_newuserdatauv(L, sizeof *m, 5);
  m->magic = &mvar_magic;
  m->first = NULL;
  m->head = m->nring = m->size = 0;
  m->late = m->held = 0;
  m->full = !lua_isnil(L, 1);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, 2, V_VALUE);
  pushreg(L, c->r_mvar_mt);
  lua_setmetatable(L, 2);
  return 1;
}

/*---
Puts a value into the cell. When it is empty, the promise is fulfilled at once, and the
value goes straight to the oldest waiting taker, if there is one. When it is full, the
promise waits until the value has found room; cancelling it takes the value back.
Any value may be put: nil, and a promise, which stays what it is.
(In a task that was cancelled and has not been told yet, the value is put a turn of the loop later, so that it is not put at all when
the `await` raises.)

```lua
local m = mvar.create("old")
local p = m:put("new")
print(p:state())          --> pending
print(await(m:take()))    --> old
print(await(m:take()))    --> new
```
@generic T
@param m lwt.Mvar<T>
@param value T
@return lwt.Promise<nil>
@function lwt.mvar.put(m, value)
*/
static int l_put(lua_State *L) {
  lwt_context *c = context_of(L);
  mvar *m = lwt_mvar_check(L);
  promise *p = NULL;
  lua_settop(L, 2);
  if (m->late) lwt_mvar_serve_late(L, c, 1, m);
  if (!m->full && lwt_task_cancel_due(c)) return put_later(L, c);
  for (;;) {
    if (!m->full && lwt_mvar_fill(L, c, 1, m, 2)) {
      lua_pushvalue(L, lua_upvalueindex(2));
      return 1;
    }
    if (p == NULL) {
      p = lwt_promise_push(L, c, K_PLAIN, C_SELF, 1, sizeof *p);
    } else if (lwt_mvar_has_room(L, 1, m)) {
      lua_pushvalue(L, 3);
      lwt_mvar_enqueue(L, 1, m, 2);
      return 1;
    }
  }
}

/*---
Takes the value out of the cell. When it is empty, the promise waits for one; cancelling it
withdraws the taker, and the next value goes to the next one. Taking lets the oldest
waiting `put` in.
(In a task that was cancelled and has not been told yet, the promise waits for a turn of the loop, so that no
value is lost at the `await` that raises.)

```lua
local m = mvar.create()
local p = m:take()
m:put("hello")
print(await(p))          --> hello
print(m:is_empty())      --> true
```
@generic T
@param m lwt.Mvar<T>
@return lwt.Promise<T>
@function lwt.mvar.take(m)
*/
static int l_take(lua_State *L) {
  lwt_context *c = context_of(L);
  mvar *m = lwt_mvar_check(L);
  promise *p = NULL;
  lua_settop(L, 1);
  if (m->late) lwt_mvar_serve_late(L, c, 1, m);
  if (m->full && lwt_task_cancel_due(c)) return take_later(L, c, m);
  for (;;) {
    if (p == NULL) {
      p = lwt_promise_push(L, c, K_PLAIN, C_SELF, 1, sizeof *p);
    } else if (m->full) {
      if (!lwt_mvar_may_take(L, c, 1, m)) continue;
      lua_getiuservalue(L, 1, V_VALUE);
      lua_setiuservalue(L, 2, U_STATE);
      p->n = 1;
      p->state = S_FULFILLED;
      lwt_mvar_refill(L, c, 1, m);
      return 1;
    } else if (lwt_mvar_has_room(L, 1, m)) {
      lua_pushvalue(L, 2);
      lwt_mvar_enqueue(L, 1, m, 0);
      return 1;
    }
  }
}

/*---
Takes the value out of the cell if there is one, without waiting.

```lua
local m = mvar.create(7)
print(m:take_available())   --> 7 true
print(m:take_available())   --> nil false
```
@generic T
@param m lwt.Mvar<T>
@return T? value # value nil when the cell is empty
@return boolean found tells a nil that was in the cell from an empty one
@function lwt.mvar.take_available(m)
*/
int lwt_mvar_take_available(lua_State *L) {
  lwt_context *c = context_of(L);
  mvar *m = lwt_mvar_check(L);
  int full;
  lua_settop(L, 1);
  if (m->late) lwt_mvar_serve_late(L, c, 1, m);
  full = lwt_mvar_may_take(L, c, 1, m);
  lua_getiuservalue(L, 1, V_VALUE);
  lua_pushboolean(L, full);
  if (full) lwt_mvar_refill(L, c, 1, m);
  return 2;
}

/*---
Whether the cell holds nothing. That it is empty does not mean that a value put now would
stay in it: takers may be waiting.

```lua
print(mvar.create():is_empty(), mvar.create(1):is_empty())   --> true false
```
@generic T
@param m lwt.Mvar<T>
@return boolean
@function lwt.mvar.is_empty(m)
*/
int lwt_mvar_is_empty(lua_State *L) {
  lua_pushboolean(L, !lwt_mvar_check(L)->full);
  return 1;
}

int lwt_mvar_tostring(lua_State *L) {
  mvar *m = lwt_mvar_check(L);
  lua_pushfstring(L, "lwt.mvar (%s): %p", m->full ? "full" : "empty", (void *)m);
  return 1;
}

static const luaL_Reg mvar_functions[] = {{"create", l_create},
                                          {"take", l_take},
                                          {"take_available", lwt_mvar_take_available},
                                          {"is_empty", lwt_mvar_is_empty},
                                          {NULL, NULL}};

/* A metatable in the registry, whose __index is the table on top. */
int lwt_mvar_metatable(lua_State *L, const char *name, lua_CFunction to_string) {
  lua_createtable(L, 0, 3);
  lua_pushstring(L, name);
  lua_setfield(L, -2, "__name");
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, to_string);
  lua_setfield(L, -2, "__tostring");
  return lwt_slot(L);
}

void lwt_mvar_open(lua_State *L, lwt_context *c) {
  lua_getfield(L, -1, "pause");
  c->r_mvar_pause = lwt_slot(L);
  lua_newtable(L);
  lwt_register(L, c, mvar_functions);
  pushreg(L, c->r_self);
  lwt_promise_push(L, c, K_PLAIN, C_NONE, 1, sizeof(promise))->state = S_FULFILLED;
  lua_pushcclosure(L, l_put, 2);
  lua_setfield(L, -2, "put");
  c->r_mvar_mt = lwt_mvar_metatable(L, "lwt.mvar", lwt_mvar_tostring);
  lua_setfield(L, -2, "mvar");
}
