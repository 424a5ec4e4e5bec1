/* waiters.c: who waits for a handle, first come first served.
**
** One waiter is a promise in a user value. From the second on the user value is a table
** of promises at 2i and what each wants at 2i + 1, i from `first` to `last`. A
** cancelled promise is no longer pending: that is how it is known, and it is passed
** over.
*/
#include "uv_internal.h"

static int is_live(lwt_uv *ctx, lua_State *L, int idx) {
  return ctx->lwt->state(ctx->lwt, L, lua_absindex(L, idx)) == LWT_PENDING;
}

void lwt_uv_waiters_init(lwt_uv_waiters *w, int slot) {
  w->slot = slot;
  w->n = 0;
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
  w->n = 0;
  lua_pushnil(L);
  lua_setiuservalue(L, idx, w->slot);
}

/* Set the entry `i` of the table at `t` from the promise at the top (popped). */
static void set_entry(lua_State *L, int t, int i, lua_Integer want) {
  lua_rawseti(L, t, 2 * i);
  lua_pushinteger(L, want);
  lua_rawseti(L, t, 2 * i + 1);
}

static void clear_entry(lua_State *L, int t, int i) {
  lua_pushnil(L);
  lua_rawseti(L, t, 2 * i);
  lua_pushnil(L);
  lua_rawseti(L, t, 2 * i + 1);
}

void lwt_uv_waiters_push(lwt_uv *ctx, lua_State *L, lwt_uv_waiters *w, int idx,
                         lua_Integer want) {
  int promise;
  if (w->n == 0) { /* as a rule */
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, idx, w->slot);
    w->want = want;
    w->first = w->last = w->dead = 0;
    w->n = 1;
    return;
  }
  promise = lua_gettop(L);
  if (lua_getiuservalue(L, idx, w->slot) != LUA_TTABLE) {
    if (is_live(ctx, L, -1)) { /* the second one: make a table */
      lua_createtable(L, 4, 0);
      lua_insert(L, -2);
      set_entry(L, promise + 1, 1, w->want);
      lua_pushvalue(L, promise);
      set_entry(L, promise + 1, 2, want);
      lua_setiuservalue(L, idx, w->slot);
      w->first = 1;
      w->last = w->n = 2;
      w->dead = 0;
      return;
    }
    lua_pop(L, 1);
    w->n = 0;
    lwt_uv_waiters_push(ctx, L, w, idx, want);
    return;
  }
  lua_pushvalue(L, promise);
  set_entry(L, promise + 1, w->last + 1, want);
  w->last++;
  w->n++;
  lua_settop(L, promise);
}

int lwt_uv_waiters_front(lwt_uv *ctx, lua_State *L, lwt_uv_waiters *w, int idx) {
  int t;
  if (w->n == 0) return 0;
  if (lua_getiuservalue(L, idx, w->slot) != LUA_TTABLE) {
    if (is_live(ctx, L, -1)) return 1;
    lua_pop(L, 1);
    forget_all(L, w, idx);
    return 0;
  }
  t = lua_gettop(L);
  for (; w->first <= w->last; w->first++) {
    lua_rawgeti(L, t, 2 * w->first);
    if (is_live(ctx, L, -1)) {
      lua_rawgeti(L, t, 2 * w->first + 1);
      w->want = lua_tointeger(L, -1);
      lua_pop(L, 1);
      lua_replace(L, t);
      return 1;
    }
    lua_pop(L, 1);
    clear_entry(L, t, w->first);
    w->n--;
    if (w->dead > 0) w->dead--;
  }
  lua_pop(L, 1);
  forget_all(L, w, idx);
  return 0;
}

void lwt_uv_waiters_take(lua_State *L, lwt_uv_waiters *w, int idx) {
  if (--w->n == 0) {
    forget_all(L, w, idx);
    return;
  }
  lua_getiuservalue(L, idx, w->slot);
  clear_entry(L, lua_gettop(L), w->first++);
  lua_pop(L, 1);
}

int lwt_uv_waiters_pop(lwt_uv *ctx, lua_State *L, lwt_uv_waiters *w, int idx) {
  idx = lua_absindex(L, idx);
  if (!lwt_uv_waiters_front(ctx, L, w, idx)) return 0;
  lwt_uv_waiters_take(L, w, idx);
  return 1;
}

/* Close the gaps of the table at `t`. */
static void compact(lwt_uv *ctx, lua_State *L, lwt_uv_waiters *w, int t) {
  int from, to = w->first, last = w->last;
  for (from = w->first; from <= last; from++) {
    lua_Integer want;
    lua_rawgeti(L, t, 2 * from + 1);
    want = lua_tointeger(L, -1);
    lua_pop(L, 1);
    lua_rawgeti(L, t, 2 * from);
    if (from != to) clear_entry(L, t, from);
    if (is_live(ctx, L, -1))
      set_entry(L, t, to++, want);
    else
      lua_pop(L, 1);
  }
  for (from = to; from <= last; from++) clear_entry(L, t, from);
  w->last = to - 1;
  w->n = to - w->first;
  w->dead = 0;
}

int lwt_uv_waiters_cancelled(lwt_uv *ctx, lua_State *L, lwt_uv_waiters *w, int idx) {
  idx = lua_absindex(L, idx);
  if (w->n == 0) return 0;
  w->dead++;
  if (!lwt_uv_waiters_front(ctx, L, w, idx)) return 0;
  lua_pop(L, 1);
  /* Not at once for each: a thousand cancelled one by one would be a million steps. */
  if (w->n > 1 && 2 * w->dead > w->n) {
    lua_getiuservalue(L, idx, w->slot);
    compact(ctx, L, w, lua_gettop(L));
    lua_pop(L, 1);
  }
  return w->n;
}

void lwt_uv_waiters_fail(lwt_uv *ctx, lua_State *L, lwt_uv_waiters *w, int idx) {
  lua_pushliteral(L, "not enough memory");
  lwt_uv_waiters_reject(ctx, L, w, idx < 0 ? idx - 1 : idx);
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
