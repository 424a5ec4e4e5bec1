/* waiters.c: who waits for a handle, first come first served.
**
** One waiter is a promise in a user value. From the second on the user value is a table
** that serves as a ring of `size` places, the first of which is number `first`: the promise
** of place i at 2i + 1 and what it wants at 2i + 2. A cancelled promise is no longer
** pending, and is passed over for that reason.
*/
#include "internal.h"

static int is_live(lwt_uv *ctx, lua_State *L, int idx) {
  return ctx->lwt->state(ctx->lwt, L, lua_absindex(L, idx)) == LWT_PENDING;
}

void lwt_uv_waiters_init(lwt_uv_waiters *w, int slot) {
  w->slot = slot;
  w->n = w->size = w->dead = 0;
  w->anchored = 0;
}

void lwt_uv_waiters_anchor(lua_State *L, lwt_uv_waiters *w, lwt_uv_handle *h, int idx) {
  if (w->n > 0 && !w->anchored)
    lwt_uv_handle_hold(L, h, idx);
  else if (w->n == 0 && w->anchored)
    lwt_uv_handle_drop(L, h);
  w->anchored = w->n > 0;
}

static void forget_all(lua_State *L, lwt_uv_waiters *w, int idx) {
  w->n = w->size = w->dead = 0;
  lua_pushnil(L);
  lua_setiuservalue(L, idx, w->slot);
}

/* The place of the i-th that waits (from 0). */
static int place(const lwt_uv_waiters *w, int i) {
  return (w->first + i) & (w->size - 1);
}

/* Into place `at` of the table at `t`, from the promise at the top (popped). Allocates
** nothing: the places are there. */
static void set_place(lua_State *L, int t, int at, lua_Integer want) {
  lua_rawseti(L, t, 2 * (lua_Integer)at + 1);
  lua_pushinteger(L, want);
  lua_rawseti(L, t, 2 * (lua_Integer)at + 2);
}

static void clear_place(lua_State *L, int t, int at) {
  lua_pushboolean(L, 0);
  lua_rawseti(L, t, 2 * (lua_Integer)at + 1);
}

/* Push what is at place `at` of the table at `t`; what it wants is returned. */
static lua_Integer get_place(lua_State *L, int t, int at) {
  lua_Integer want;
  lua_rawgeti(L, t, 2 * (lua_Integer)at + 2);
  want = lua_tointeger(L, -1);
  lua_pop(L, 1);
  lua_rawgeti(L, t, 2 * (lua_Integer)at + 1);
  return want;
}

/* The table at the top (popped) has `size` places, more than there are waiters: it is the
** ring from here on. */
static void move_to(lua_State *L, lwt_uv_waiters *w, int idx, int size) {
  int t = lua_gettop(L), i;
  lua_getiuservalue(L, idx, w->slot);
  if (w->size == 0) {
    set_place(L, t, 0, w->want);
  } else {
    for (i = 0; i < w->n; i++) {
      lua_Integer want = get_place(L, t + 1, place(w, i));
      set_place(L, t, i, want);
    }
    lua_pop(L, 1);
  }
  lua_setiuservalue(L, idx, w->slot);
  w->size = size;
  w->first = 0;
}

/* Make room for one more: allocates, and that may change the queue. */
static void make_room(lua_State *L, lwt_uv_waiters *w, int idx) {
  while (w->n > 0 && w->n >= w->size) {
    int size = w->size == 0 ? 4 : 2 * w->size;
    if (size > INT32_MAX / 8) luaL_error(L, "too many operations wait");
    lua_createtable(L, 2 * size, 0);
    if (w->n > 0 && w->n < size)
      move_to(L, w, idx, size);
    else
      lua_pop(L, 1);
  }
}

void lwt_uv_waiters_push(lwt_uv *ctx, lua_State *L, lwt_uv_waiters *w, int idx,
                         lua_Integer want) {
  int promise;
  if (w->n == 1 && w->size == 0) { /* was it cancelled, as after a time limit? */
    lua_getiuservalue(L, idx, w->slot);
    if (!is_live(ctx, L, -1)) w->n = 0;
    lua_pop(L, 1);
  }
  if (w->n == 0) { /* as a rule */
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, idx, w->slot);
    w->want = want;
    w->size = w->dead = 0;
    w->n = 1;
    return;
  }
  promise = lua_gettop(L);
  make_room(L, w, idx);
  lua_pushvalue(L, promise);
  if (w->n == 0) { /* they are gone meanwhile */
    lua_setiuservalue(L, idx, w->slot);
    w->want = want;
    w->size = w->dead = 0;
  } else {
    lua_getiuservalue(L, idx, w->slot);
    lua_insert(L, -2);
    set_place(L, promise + 1, place(w, w->n), want);
    lua_pop(L, 1);
  }
  w->n++;
}

int lwt_uv_waiters_wait(lua_State *L, lwt_uv_waiters *w, lwt_uv_handle *h, int idx,
                        lua_Integer want, lwt_cancel_fn cancel) {
  lwt_uv *ctx = h->ctx;
  const lwt_uv_box *box = lua_touserdata(L, idx);
  ctx->lwt->promise_new(ctx->lwt, L, cancel, h);
  if (box->h == h) lwt_uv_waiters_push(ctx, L, w, idx, want);
  if (box->h != h) return lwt_uv_reject_closed(ctx, L); /* by a finalizer, meanwhile */
  lwt_uv_waiters_anchor(L, w, h, idx);
  return 1;
}

int lwt_uv_waiters_front(lwt_uv *ctx, lua_State *L, lwt_uv_waiters *w, int idx) {
  int t;
  if (w->n == 0) return 0;
  lua_getiuservalue(L, idx, w->slot);
  if (w->size == 0) {
    if (is_live(ctx, L, -1)) return 1;
    lua_pop(L, 1);
    forget_all(L, w, idx);
    return 0;
  }
  t = lua_gettop(L);
  while (w->n > 0) {
    w->want = get_place(L, t, w->first);
    if (is_live(ctx, L, -1)) {
      lua_replace(L, t);
      return 1;
    }
    lua_pop(L, 1);
    clear_place(L, t, w->first);
    w->first = place(w, 1);
    w->n--;
    if (w->dead > 0) w->dead--;
  }
  lua_pop(L, 1);
  forget_all(L, w, idx);
  return 0;
}

void lwt_uv_waiters_take(lua_State *L, lwt_uv_waiters *w, int idx) {
  w->changes++;
  if (w->n == 1) {
    forget_all(L, w, idx);
    return;
  }
  lua_getiuservalue(L, idx, w->slot);
  clear_place(L, lua_gettop(L), w->first);
  lua_pop(L, 1);
  w->first = place(w, 1);
  w->n--;
}

int lwt_uv_waiters_pop(lwt_uv *ctx, lua_State *L, lwt_uv_waiters *w, int idx) {
  idx = lua_absindex(L, idx);
  if (!lwt_uv_waiters_front(ctx, L, w, idx)) return 0;
  lwt_uv_waiters_take(L, w, idx);
  return 1;
}

/* Close the gaps of the table at `t`. */
static void compact(lwt_uv *ctx, lua_State *L, lwt_uv_waiters *w, int t) {
  int from, to = 0;
  for (from = 0; from < w->n; from++) {
    lua_Integer want = get_place(L, t, place(w, from));
    if (from != to) clear_place(L, t, place(w, from));
    if (is_live(ctx, L, -1))
      set_place(L, t, place(w, to++), want);
    else
      lua_pop(L, 1);
  }
  for (from = to; from < w->n; from++) clear_place(L, t, place(w, from));
  w->n = to;
  w->dead = 0;
}

void lwt_uv_waiters_cancelled(lwt_uv *ctx, lua_State *L, lwt_uv_waiters *w, int idx) {
  idx = lua_absindex(L, idx);
  if (w->n == 0) return;
  w->changes++;
  w->dead++;
  if (!lwt_uv_waiters_front(ctx, L, w, idx)) return;
  lua_pop(L, 1);
  /* Not at once for each: a thousand cancelled one by one would be a million steps. */
  if (w->n > 1 && 2 * w->dead > w->n) {
    lua_getiuservalue(L, idx, w->slot);
    compact(ctx, L, w, lua_gettop(L));
    lua_pop(L, 1);
  }
}

void lwt_uv_waiters_withdraw(lua_State *L, lwt_uv_waiters *w, lwt_uv_handle *h) {
  if (h->box == NULL) return; /* a callback of another one that `stop` rejects */
  lwt_uv_handle_push(L, h);
  lwt_uv_waiters_cancelled(h->ctx, L, w, -1);
  lwt_uv_waiters_anchor(L, w, h, -1);
  lua_pop(L, 1);
}

void lwt_uv_waiters_fail(lua_State *L, lwt_uv_waiters *w, lwt_uv_handle *h) {
  if (h->box == NULL) return; /* a finalizer has closed it */
  lwt_uv_handle_push(L, h);
  lua_pushliteral(L, "not enough memory");
  lwt_uv_waiters_reject(h->ctx, L, w, -2);
  lwt_uv_waiters_anchor(L, w, h, -1);
  lua_pop(L, 1);
}

void lwt_uv_waiters_reject(lwt_uv *ctx, lua_State *L, lwt_uv_waiters *w, int idx) {
  int error = lua_gettop(L);
  idx = lua_absindex(L, idx);
  while (lwt_uv_waiters_pop(ctx, L, w, idx)) {
    lua_pushvalue(L, error);
    ctx->lwt->reject(ctx->lwt, L, error + 1);
    lua_settop(L, error);
  }
  lua_settop(L, error - 1);
}
