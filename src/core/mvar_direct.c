/* mvar_direct.c: waiting at an mvar without a promise, as the view of it does that lwt.direct
** gives: its methods await by themselves.
**
** A task that waits so is the waiter itself, and whoever wakes it pushes its value. The
** oldest may be held by its slot alone, until the slot releases waiting tasks: see
** lwt_mvar_hold. */
#include "mvar.h"

typedef struct view { /* its user value is the mvar */
  const void *magic;
  mvar *m;
  lwt_context *c;
} view;

static const char view_magic;

static view *check_view(lua_State *L) {
  view *v = (view *)lua_touserdata(L, 1);
  if (v == NULL || lua_rawlen(L, 1) != sizeof *v || v->magic != &view_magic)
    luaL_typeerror(L, 1, "lwt.mvar's direct view");
  return v;
}

/* The mvar at `at`, or the view of one, which it takes the place of. */
static mvar *look_through(lua_State *L, int at) {
  view *v = (view *)lua_touserdata(L, at);
  if (v->magic != &view_magic) return (mvar *)(void *)v;
  lua_getiuservalue(L, at, 1);
  lua_replace(L, at);
  return v->m;
}

/* ---- A task that waits -------------------------------------------------------------- */

/* The waiting task is the first one, which its slot holds. */
static void be_first(mvar *m, task *t) {
  m->first = &t->p;
  m->slot = t->slot;
  t->ticket = 0;
  t->cell = lwt_mvar_cell(m);
}

/* The running task waits behind the others, without a promise; there is room. The first
** one is held by its slot, until the slot releases waiting tasks. */
static void enqueue_task(lua_State *L, lwt_context *c, int at, mvar *m, task *t,
                         int value) {
  lwt_task_direct_wait(L, c, t, D_MVAR, at);
  if (m->first == NULL) {
    be_first(m, t);
    if (value != 0) {
      lua_pushvalue(L, value);
      lua_setiuservalue(L, at, V_FIRST_VALUE);
    }
  } else {
    t->cell = lwt_mvar_cell(m);
    lwt_slot_push(L, c, t->slot);
    lwt_mvar_enqueue(L, at, m, value);
  }
}

/* The task, on top, waits without a promise at the mvar below it (or the view of that),
** and is about to lose its slot's hold. */
void lwt_mvar_hold(lua_State *L, task *t) {
  int at = lua_gettop(L) - 1;
  mvar *m = look_through(L, at);
  if (t->ticket != 0 || m->first != &t->p || m->held) return;
  lua_pushvalue(L, -1);
  lwt_mvar_hold_first(L, at, m);
}

/* The task, which waits without a promise at the mvar (or view) on top (popped), leaves it. */
void lwt_mvar_withdraw(lua_State *L, const task *t) {
  int at = lua_gettop(L);
  mvar *m = look_through(L, at);
  if (t->ticket == 0) {
    if (m->first == &t->p) lwt_mvar_drop_first(L, at, m);
  } else {
    lua_getiuservalue(L, at, V_RING);
    lua_pushboolean(L, 0);
    lua_rawseti(L, -2, 2 * (lua_Integer)t->ticket - 1);
    lua_pushboolean(L, 0);
    lua_rawseti(L, -2, 2 * (lua_Integer)t->ticket);
  }
  lua_settop(L, at - 1);
}

/* ---- The view's methods ------------------------------------------------------------- */

/* An object is seen through a view of its own: `ref` is lwt.direct's function for that. */
static void translate(lua_State *L, int idx, int ref) {
  int type = lua_type(L, idx);
  if (type != LUA_TTABLE && type != LUA_TUSERDATA) return;
  idx = lua_absindex(L, idx);
  pushreg(L, ref);
  lua_pushvalue(L, idx);
  lua_call(L, 1, 1);
  lua_replace(L, idx);
}

static int put_k(lua_State *L, int status, lua_KContext k) {
  lwt_context *c = (lwt_context *)k;
  (void)status;
  if (!lwt_task_goes_on(L, c)) return lwt_task_yield_again(L, c, -1, put_k);
  lwt_task_direct_end(L, c);
  return 0;
}

/* Is there one waiter, a task that only its slot holds? */
static int is_lone_task(const lwt_context *c, const mvar *m) {
  const task *t = (const task *)m->first;
  return t != NULL && !m->held && m->nring == 0 && !m->late && lwt_mvar_has_first(c, m) &&
         lwt_mvar_waits_here(t, m) && lwt_task_is_intact(t);
}

static int view_put(lua_State *L) { /* view, value; the mvar at 3 */
  view *v = check_view(L);
  lwt_context *c = v->c;
  mvar *m = v->m;
  task *t = lwt_task_direct_begin(L, c);
  if (lua_gettop(L) != 2) lua_settop(L, 2);
  translate(L, 2, c->r_unview);
  if (!m->full && is_lone_task(c, m)) { /* the commonest case, in short */
    task *taker = (task *)m->first;
    lua_xmove(L, taker->wait_co, 1);
    taker->above = 1;
    taker->direct = D_NONE;
    m->first = NULL;
    lwt_task_wake(L, c, taker);
    return 0;
  }
  lua_getiuservalue(L, 1, 1);
  if (m->late) lwt_mvar_serve_late(L, c, 3, m);
  for (;;) {
    if (!m->full && lwt_mvar_fill(L, c, 3, m, 2)) return 0;
    if (m->full && lwt_mvar_has_room(L, 3, m)) {
      enqueue_task(L, c, 3, m, t, 2);
      return lua_yieldk(L, 0, (lua_KContext)c, put_k);
    }
  }
}

static int take_k(lua_State *L, int status, lua_KContext k) {
  lwt_context *c = (lwt_context *)k;
  (void)status;
  if (!lwt_task_goes_on(L, c)) return lwt_task_yield_again(L, c, -1, take_k);
  lwt_task_direct_end(L, c);
  translate(L, -1, c->r_show); /* the value was put on top */
  return 1;
}

static int view_take(lua_State *L) { /* view; the mvar at 2 */
  view *v = check_view(L);
  lwt_context *c = v->c;
  mvar *m = v->m;
  task *t = lwt_task_direct_begin(L, c);
  if (lua_gettop(L) != 1) lua_settop(L, 1);
  if (!m->full && m->first == NULL && !m->late) { /* likewise */
    lwt_task_direct_wait(L, c, t, D_MVAR, 1);
    be_first(m, t);
    return lua_yieldk(L, 0, (lua_KContext)c, take_k);
  }
  lua_getiuservalue(L, 1, 1);
  if (m->late) lwt_mvar_serve_late(L, c, 2, m);
  for (;;) {
    if (m->full) {
      if (!lwt_mvar_may_take(L, c, 2, m)) continue;
      lua_getiuservalue(L, 2, V_VALUE);
      lwt_mvar_refill(L, c, 2, m);
      translate(L, 3, c->r_show);
      return 1;
    }
    if (lwt_mvar_has_room(L, 2, m)) {
      enqueue_task(L, c, 2, m, t, 0);
      return lua_yieldk(L, 0, (lua_KContext)c, take_k);
    }
  }
}

/* The view at 1 is replaced by its mvar. */
static lwt_context *check_through(lua_State *L) {
  lwt_context *c = check_view(L)->c;
  look_through(L, 1);
  return c;
}

static int view_take_available(lua_State *L) {
  lwt_context *c = check_through(L);
  lwt_mvar_take_available(L);
  translate(L, 2, c->r_show);
  return 2;
}

static int view_is_empty(lua_State *L) {
  check_through(L);
  return lwt_mvar_is_empty(L);
}

static int view_tostring(lua_State *L) {
  check_through(L);
  return lwt_mvar_tostring(L);
}

/* core.mvar_view(m) */
static int l_view(lua_State *L) {
  mvar *m = lwt_mvar_check(L);
  view *v = (view *)lua_newuserdatauv(L, sizeof *v, 1);
  v->magic = &view_magic;
  v->m = m;
  v->c = context_of(L);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  pushreg(L, v->c->r_mvar_view_mt);
  lua_setmetatable(L, -2);
  return 1;
}

/* core.direct_views(show, unview): how lwt.direct shows an object, and back. Returns the
** metatable of the views made here. */
static int l_direct_views(lua_State *L) {
  lwt_context *c = context_of(L);
  lua_settop(L, 2);
  setreg(L, c->r_unview);
  setreg(L, c->r_show);
  pushreg(L, c->r_mvar_view_mt);
  return 1;
}

static const luaL_Reg functions[] = {
    {"mvar_view", l_view}, {"direct_views", l_direct_views}, {NULL, NULL}};

static const luaL_Reg view_methods[] = {{"put", view_put},
                                        {"take", view_take},
                                        {"take_available", view_take_available},
                                        {"is_empty", view_is_empty},
                                        {NULL, NULL}};

void lwt_mvar_direct_open(lua_State *L, lwt_context *c) {
  lwt_register(L, c, functions);
  lua_newtable(L);
  lwt_register(L, c, view_methods);
  c->r_mvar_view_mt = lwt_mvar_metatable(L, "lwt.direct", view_tostring);
  lua_pop(L, 1);
}
