/* waiters.c: who waits for a pending promise, and how two promises become one.
**
** Waiters: none, one (U_STATE is that promise), or a list of chunks (waiters.h). A waiter
** that withdraws from a list stays there as a shell until half of the list is shells. So a task
** knows its place in a list (`awaited`), and whatever moves it tells it the new one.
**
** Whatever allocates may run a finalizer, and that may resolve or wait for any
** promise: after an allocation nothing that was read before is taken for granted. */
#include "waiters.h"

#define CHUNK_MIN 4
#define CHUNK_MAX 64
#define SWEEP_MIN 8

static chunk *chunk_push(lua_State *L, int cap, int on_cancel) {
  chunk *h = (chunk *)lua_newuserdatauv(L, sizeof *h + (size_t)cap, H_ITEM - 1 + cap);
  h->first = h->len = 0;
  h->cap = (uint16_t)cap;
  h->on_cancel = (uint8_t)on_cancel;
  h->dead = h->total = h->let_go = h->shells = 0;
  return h;
}

static int is_on_cancel(const promise *w) {
  return w->kind == K_ON_CANCEL;
}

/* w is the i-th item of h from now on. */
static inline void stand_at(promise *w, const chunk *h, int i) {
  if (w->kind == K_TASK || w->how == C_CHILD) ((task *)w)->awaited = &h->places[i];
}

/* A single waiter of p, at idx, becomes a list of one. Returns p, or what it stands for by
** then, which has taken its place at idx. */
promise *lwt_promise_listify(lua_State *L, int idx, promise *p) {
  idx = lua_absindex(L, idx);
  for (;;) {
    chunk *h;
    promise *w;
    if (p->state == S_PROXY) p = lwt_promise_find(L, idx);
    if (p->state != S_PENDING || p->waiters != W_ONE) return p;
    h = chunk_push(L, CHUNK_MIN, 0);
    if (p->state == S_PENDING && p->waiters == W_ONE) {
      lua_getiuservalue(L, idx, U_STATE);
      w = (promise *)lua_touserdata(L, -1);
      if (w->kind != K_TASK || lwt_task_is_waiting_for(L, (task *)w, p))
        stand_at(w, h, 0);
      lua_setiuservalue(L, -2, H_ITEM);
      h->on_cancel = (uint8_t)is_on_cancel(w);
      h->len = 1;
      h->total = 1;
      lua_setiuservalue(L, idx, U_STATE);
      p->waiters = W_LIST;
      return p;
    }
    lua_pop(L, 1);
  }
}

/* The waiter on top is replaced by a list that holds it. */
void lwt_promise_push_list_of_one(lua_State *L) {
  chunk *h = chunk_push(L, 1, 0);
  h->len = 1;
  h->total = 1;
  lua_insert(L, -2);
  lua_setiuservalue(L, -2, H_ITEM);
}

/* Pushes the last chunk of the list whose head is at idx. */
static chunk *push_tail(lua_State *L, int idx) {
  if (lua_getiuservalue(L, idx, H_TAIL) != LUA_TUSERDATA) {
    lua_pop(L, 1);
    lua_pushvalue(L, idx);
  }
  return (chunk *)lua_touserdata(L, -1);
}

/* Pushes the last chunk of on_cancel callbacks; the head (at idx) is one. */
static chunk *push_last_on_cancel(lua_State *L, int idx) {
  if (lua_getiuservalue(L, idx, H_ON_CANCEL) != LUA_TUSERDATA) {
    lua_pop(L, 1);
    lua_pushvalue(L, idx);
  }
  return (chunk *)lua_touserdata(L, -1);
}

/* Links the chunk on top (popped) behind the one at `at`, in the list of `head`. */
static void link_behind(lua_State *L, int head, int at) {
  int was_last = lua_getiuservalue(L, at, H_NEXT) != LUA_TUSERDATA;
  lua_setiuservalue(L, -2, H_NEXT); /* new.next = at.next */
  if (was_last) {
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, head, H_TAIL);
  }
  lua_setiuservalue(L, at, H_NEXT);
}

static void put(lua_State *L, int item, int at, chunk *h) {
  lua_pushvalue(L, item);
  lua_setiuservalue(L, at, H_ITEM + h->len);
  stand_at((promise *)lua_touserdata(L, item), h, h->len);
  h->len++;
}

/* Puts the item into the list at head if there is room where it belongs, and
** returns 1. Otherwise pushes the chunk behind which a new one goes (nil: it
** becomes the head) and returns 0. */
static int put_in_list(lua_State *L, int item, int head, int on_cancel) {
  chunk *h = (chunk *)lua_touserdata(L, head), *last;
  if (on_cancel && !h->on_cancel) {
    lua_pushnil(L);
    return 0;
  }
  last = on_cancel ? push_last_on_cancel(L, head) : push_tail(L, head);
  if (last->len == last->cap || last->on_cancel != on_cancel) return 0;
  put(L, item, lua_gettop(L), last);
  h->total++;
  return 1;
}

/* Adds a new chunk (on top, with the item in it) to the list of p: behind the one
** at `at`, or as its head. */
static void add_chunk(lua_State *L, int idx, int head, int at, chunk *fresh) {
  chunk *h = (chunk *)lua_touserdata(L, head);
  if (!lua_isnil(L, at)) {
    if (fresh->on_cancel) {
      lua_pushvalue(L, -1);
      lua_setiuservalue(L, head, H_ON_CANCEL);
    }
    link_behind(L, head, at);
    h->total++;
    return;
  }
  fresh->total = h->total + 1;
  fresh->dead = h->dead;
  fresh->let_go = h->let_go;
  fresh->shells = h->shells;
  push_tail(L, head);
  lua_setiuservalue(L, -2, H_TAIL);
  lua_pushvalue(L, head);
  lua_setiuservalue(L, -2, H_NEXT);
  lua_setiuservalue(L, idx, U_STATE);
}

/* The waiter on top (popped) will be told when p, at idx, is resolved. Returns 0
** when p is not pending (any more). */
int lwt_promise_add_waiter(lua_State *L, int idx, promise *p) {
  return lwt_promise_add_known_waiter(L, idx, p, (promise *)lua_touserdata(L, -1));
}

/* Likewise, when w is known to be the waiter on top. */
int lwt_promise_add_known_waiter(lua_State *L, int idx, promise *p, promise *w) {
  int oc, item, head, at, done = 0;
  if (p->flags & F_LET_GO) lwt_let_go_no_more(L, idx);
  if (p->state == S_PENDING && p->waiters == W_NONE) { /* the commonest case */
    lua_setiuservalue(L, idx, U_STATE);
    p->waiters = W_ONE;
    if (is_on_cancel(w)) p->flags |= F_ON_CANCEL;
    return 1;
  }
  oc = is_on_cancel(w);
  item = lua_gettop(L);
  head = item + 1;
  at = item + 2;
  idx = lua_absindex(L, idx);
  luaL_checkstack(L, 10, NULL);
  while (!done && p->state == S_PENDING) {
    chunk *fresh;
    const void *last;
    if (p->waiters == W_NONE) {
      lua_setiuservalue(L, idx, U_STATE);
      p->waiters = W_ONE;
      if (oc) p->flags |= F_ON_CANCEL;
      return 1;
    }
    if (p->waiters == W_ONE) {
      lwt_promise_listify(L, idx, p);
      continue;
    }
    lua_getiuservalue(L, idx, U_STATE);
    if (put_in_list(L, item, head, oc)) {
      done = 1;
    } else {
      chunk *before = (chunk *)lua_touserdata(L, at);
      int cap = before == NULL             ? CHUNK_MIN
                : before->cap >= CHUNK_MAX ? CHUNK_MAX
                                           : 2 * before->cap;
      last = before;
      fresh = chunk_push(L, cap, oc);
      put(L, item, at + 1, fresh);
      lua_insert(L, item + 1); /* item, fresh; look again where it goes */
      lua_settop(L, item + 1);
      if (p->state == S_PENDING && p->waiters == W_LIST) {
        lua_getiuservalue(L, idx, U_STATE);
        if (put_in_list(L, item, item + 2, oc)) {
          done = 1;
        } else if (lua_touserdata(L, item + 3) == last) {
          lua_pushvalue(L, item + 1);
          add_chunk(L, idx, item + 2, item + 3, fresh);
          done = 1;
        }
      }
    }
    lua_settop(L, item);
  }
  if (done && oc) p->flags |= F_ON_CANCEL;
  lua_settop(L, item - 1);
  return done;
}

/* The waiter w, which is on top of the stack and stands at `place`. */
static int is_live(lua_State *L, const promise *w, const void *place) {
  if (lwt_waiter_left(w, place)) return 0;
  if (w->kind == K_WEAK) {
    int live = lwt_let_go_push_waiter(L, -1);
    if (live) lua_pop(L, 1);
    return live;
  }
  return !(w->flags & F_DONE);
}

/* A section of the list at `head` ends with the chunk w, at wr, of which `len` items are in
** use: the rest goes. */
static inline void cut(lua_State *L, int head, int wr, chunk *w, int len) {
  int i;
  for (i = len; i < w->cap; i++) {
    lua_pushnil(L);
    lua_setiuservalue(L, wr, H_ITEM + i);
  }
  w->len = (uint16_t)len;
  if (w->on_cancel) {
    lua_pushvalue(L, wr);
    lua_setiuservalue(L, head, H_ON_CANCEL);
  }
}

/* Drops the waiters that have withdrawn. Works in place: nothing is allocated.
** Items move towards the front, within their section (on_cancel or not). */
static void sweep(lua_State *L, int idx, promise *p) {
  int top = lua_gettop(L), head = top + 1, rd = top + 2, wr = top + 3;
  chunk *h, *r, *w;
  promise *item;
  uint32_t total = 0, shells = 0;
  int i, wlen = 0, more;
  luaL_checkstack(L, 8, NULL);
  lua_getiuservalue(L, idx, U_STATE);
  h = r = w = (chunk *)lua_touserdata(L, head);
  lua_pushvalue(L, head);
  lua_pushvalue(L, head);
  do {
    for (i = 0; i < r->len; i++) {
      lua_getiuservalue(L, rd, H_ITEM + i);
      item = (promise *)lua_touserdata(L, -1);
      if (!is_live(L, item, &r->places[i])) {
        lua_pop(L, 1);
        continue;
      }
      if (item->kind == K_WEAK) shells++;
      if (wlen == w->cap) {
        w->len = (uint16_t)wlen;
        lua_getiuservalue(L, wr, H_NEXT);
        lua_replace(L, wr);
        w = (chunk *)lua_touserdata(L, wr);
        wlen = 0;
      }
      lua_setiuservalue(L, wr, H_ITEM + wlen);
      stand_at(item, w, wlen);
      wlen++;
      total++;
    }
    more = lua_getiuservalue(L, rd, H_NEXT) == LUA_TUSERDATA;
    if (!more || ((chunk *)lua_touserdata(L, -1))->on_cancel != r->on_cancel) {
      /* the section ends: go on writing in the next */
      cut(L, head, wr, w, wlen);
      lua_pushvalue(L, -1);
      lua_setiuservalue(L, wr, H_NEXT);
      if (more) {
        lua_pushvalue(L, -1);
        lua_replace(L, wr);
        w = (chunk *)lua_touserdata(L, wr);
        wlen = 0;
      }
    }
    lua_replace(L, rd);
    if (more) r = (chunk *)lua_touserdata(L, rd);
  } while (more);
  if (total == 0) {
    lua_pushnil(L);
    lua_setiuservalue(L, idx, U_STATE);
    p->waiters = W_NONE;
  } else {
    lua_pushvalue(L, wr);
    lua_setiuservalue(L, head, H_TAIL);
    h->total = total;
    h->shells = shells;
    h->dead = 0;
  }
  lua_settop(L, top);
}

/* `waiter` (which is done already, or a task that no longer waits) withdraws from
** p. In a list it stays as a shell until half of the list is shells. */
void lwt_promise_remove_waiter(lua_State *L, int idx, promise *p, promise *waiter) {
  idx = lua_absindex(L, idx);
  if (p->waiters == W_ONE) {
    lua_getiuservalue(L, idx, U_STATE);
    if (lua_touserdata(L, -1) == waiter) {
      lua_pushnil(L);
      lua_setiuservalue(L, idx, U_STATE);
      p->waiters = W_NONE;
    }
    lua_pop(L, 1);
  } else if (p->waiters == W_LIST) {
    chunk *h;
    lua_getiuservalue(L, idx, U_STATE);
    h = (chunk *)lua_touserdata(L, -1);
    lua_pop(L, 1);
    h->dead++;
    if (h->dead >= SWEEP_MIN && h->dead * 2 > h->total) sweep(L, idx, p);
  }
}

/* Waiters of p may have become dead without withdrawing: where those are half of a list,
** it is swept. */
void lwt_promise_sweep(lua_State *L, int idx, promise *p) {
  const chunk *h;
  if (p->state != S_PENDING || p->waiters != W_LIST) return;
  lua_getiuservalue(L, idx, U_STATE);
  h = (const chunk *)lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (h->dead >= SWEEP_MIN && h->dead * 2 > h->total) sweep(L, idx, p);
}

/* How many would be told if p were resolved now. */
uint32_t lwt_promise_count_waiters(lua_State *L, int idx, promise *p) {
  chunk *h;
  uint32_t n;
  if (p->waiters != W_LIST) return p->waiters == W_ONE;
  sweep(L, lua_absindex(L, idx), p);
  if (p->waiters != W_LIST) return 0;
  lua_getiuservalue(L, idx, U_STATE);
  h = (chunk *)lua_touserdata(L, -1);
  n = h->total;
  lua_pop(L, 1);
  return n;
}

/* ---- Proxies ------------------------------------------------------------- */

/* Joins the lists at `to` and `from` (their heads): what is in `from` goes behind what is in
** `to`, on_cancel callbacks behind those, the rest behind the rest. Pushes the head of the
** whole. Allocates nothing. */
static void join_lists(lua_State *L, int to, int from) {
  chunk *a = (chunk *)lua_touserdata(L, to), *b = (chunk *)lua_touserdata(L, from);
  int tail = lua_gettop(L) + 1, last = tail + 2, rest = tail + 3, head = to;
  push_tail(L, to);
  push_tail(L, from);
  if (b->on_cancel) {
    push_last_on_cancel(L, from); /* at last */
    lua_getiuservalue(L, last, H_NEXT);
    if (a->on_cancel) {
      push_last_on_cancel(L, to);
      if (lua_getiuservalue(L, -1, H_NEXT) == LUA_TNIL) lua_copy(L, last, tail);
      lua_setiuservalue(L, last, H_NEXT);
      lua_pushvalue(L, from);
      lua_setiuservalue(L, -2, H_NEXT);
      lua_pushvalue(L, last);
      lua_setiuservalue(L, to, H_ON_CANCEL);
    } else {
      lua_pushvalue(L, to);
      lua_setiuservalue(L, last, H_NEXT);
      head = from;
    }
  } else {
    lua_pushnil(L);
    lua_pushvalue(L, from);
  }
  lua_pushvalue(L, rest);
  lua_setiuservalue(L, tail, H_NEXT);
  lua_pushvalue(L, lua_isnil(L, rest) ? tail : tail + 1);
  lua_setiuservalue(L, head, H_TAIL);
  a->total = b->total = a->total + b->total; /* of the head */
  a->dead = b->dead = a->dead + b->dead;
  a->let_go = b->let_go = a->let_go + b->let_go;
  a->shells = b->shells = a->shells + b->shells;
  lua_settop(L, tail - 1);
  lua_pushvalue(L, head);
}

static void merge_waiters(lua_State *L, int outer, promise *q, int inner, promise *r) {
  int top = lua_gettop(L);
  if (r->waiters == W_NONE) return;
  if (q->waiters == W_NONE) {
    lua_getiuservalue(L, inner, U_STATE);
    lua_setiuservalue(L, outer, U_STATE);
    q->waiters = r->waiters;
    return;
  }
  lua_getiuservalue(L, outer, U_STATE);
  lua_getiuservalue(L, inner, U_STATE);
  join_lists(L, top + 1, top + 2);
  lua_setiuservalue(L, outer, U_STATE);
  lua_settop(L, top);
}

/* The pending promise r, given by a callback of q's, becomes q: what waits for
** r waits for q behind what waited for q, and q is cancelled as r was. Returns 0
** when one of them is not pending any more. */
int lwt_promise_merge(lua_State *L, int outer, promise *q, int inner, promise *r) {
  outer = lua_absindex(L, outer);
  inner = lua_absindex(L, inner);
  luaL_checkstack(L, 16, NULL);
  if (r->flags & F_LET_GO) lwt_let_go_no_more(L, inner);
  if (q->waiters != W_NONE && r->waiters != W_NONE) {
    lwt_promise_listify(L, outer, q);
    lwt_promise_listify(L, inner, r);
  }
  if (q->state != S_PENDING || r->state != S_PENDING) return 0;
  if (r->waiters == W_ONE && q->waiters != W_NONE) return 0; /* changed meanwhile */
  if (q->waiters == W_ONE && r->waiters != W_NONE) return 0;
  if (r->waiters != W_NONE) q->flags &= (uint16_t)~F_LET_GO;
  merge_waiters(L, outer, q, inner, r);
  q->flags |= (uint16_t)(r->flags & F_ON_CANCEL);
  if ((r->kind == K_TASK && ((task *)r)->status != T_DONE) || r->kind == K_TIMER ||
      r->kind == K_OP || r->kind == K_SCOPE || r->kind == K_FOLLOW) {
    q->how = C_DEP; /* what is cancelled is the record, not just a promise */
    lua_pushvalue(L, inner);
  } else {
    q->how = r->how;
    if (r->how == C_DEP || r->how == C_DEPS)
      lua_getiuservalue(L, inner, U_DEP);
    else
      lua_pushnil(L);
  }
  lua_setiuservalue(L, outer, U_DEP);
  r->state = S_PROXY;
  r->waiters = W_NONE;
  lua_pushvalue(L, outer);
  lua_setiuservalue(L, inner, U_STATE);
  return 1;
}
