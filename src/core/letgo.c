/* letgo.c: promises that were cancelled where nothing could be cancelled: only their
** users keep them alive from then on.
**
** Examples are a pick's loser `stop:map(f)`, and what a cancelled task awaited. They go on waiting
** for a promise that may stay pending as long as the program runs, and must leave no trace there
** when they are dropped. So a promise that merely follows
** from others, and that has no waiters, is let go (F_LET_GO): among the waiters of its
** inputs a shell (K_WEAK) takes its place, which does not keep it alive. Its users see no
** difference, and as soon as something waits for it again, the shell does keep it.
**
** Among the newest waiters the shell is put in at once; for older ones, for many at a time. */
#include <string.h>

#include "waiters.h"

#define BATCH 8

/* A shell's user values: U_STATE is {[the waiter] = true}, weak; U_DEP the waiter, while it
** is kept. (The waiter is the key because the collector clears weak values before it runs
** finalizers, and weak keys only when no finalizer can bring the waiter back.) */

static const char
    shells_key; /* of the registry's table of shells: waiter -> shell, weak */

/* Does the promise only follow from others, so that it may be collected when nobody uses
** it? (Not one that cleans up or handles an error: those functions run in any case.) */
static int is_consequence(const promise *p) {
  return p->state == S_PENDING &&
         (p->kind == K_BIND || p->kind == K_MAP || p->kind == K_FOLLOW ||
          (p->kind >= K_JOIN && p->kind <= K_NCHOOSE_SPLIT));
}

/* ---- Shells -------------------------------------------------------------------------- */

/* Pushes the shell of the waiter at idx, or nil where it has none. */
static int push_shell(lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  lua_rawgetp(L, REG, &shells_key);
  lua_pushvalue(L, idx);
  lua_rawget(L, -2);
  lua_replace(L, -2);
  return lua_type(L, -1) == LUA_TUSERDATA;
}

static void make_shell(lua_State *L, lwt_context *c, int idx) {
  int top = lua_gettop(L);
  promise *shell = (promise *)lua_newuserdatauv(L, sizeof *shell, 2);
  memset(shell, 0, sizeof *shell);
  shell->kind = K_WEAK;
  lua_createtable(L, 0, 1);
  lua_pushvalue(L, idx);
  lua_pushboolean(L, 1);
  lua_rawset(L, -3);
  pushreg(L, c->r_weak_mt);
  lua_setmetatable(L, -2);
  lua_setiuservalue(L, top + 1, U_STATE);
  if (!push_shell(L, idx)) {
    lua_rawgetp(L, REG, &shells_key);
    lua_pushvalue(L, idx);
    lua_pushvalue(L, top + 1);
    lua_rawset(L, -3);
  }
  lua_settop(L, top);
}

/* Pushes the waiter that the shell at idx stands for; nothing, and returns 0, when that was
** collected. */
int lwt_let_go_push_waiter(lua_State *L, int idx) {
  lua_getiuservalue(L, idx, U_STATE);
  lua_pushnil(L);
  if (!lua_next(L, -2)) {
    lua_pop(L, 1);
    return 0;
  }
  lua_pop(L, 1);
  lua_replace(L, -2);
  return 1;
}

/* The waiter on top is replaced by what it stands for; was that let go? A record that has
** become part of another waits for that one, which keeps it. */
static int is_let_go(lua_State *L) {
  const promise *w = (const promise *)lua_touserdata(L, -1);
  if (w->kind == K_WEAK || w->kind == K_TASK) return 0;
  w = lwt_promise_find(L, lua_gettop(L));
  return (w->flags & F_LET_GO) && is_consequence(w);
}

/* The waiter at `waiter`, user value `i` of what is at `at`, has a shell by now if it was let
** go: that takes its place. Allocates nothing. */
static void put_shell(lua_State *L, int at, int i, int waiter) {
  int top = lua_gettop(L);
  lua_pushvalue(L, waiter);
  if (is_let_go(L) && push_shell(L, waiter)) {
    lua_setiuservalue(L, at, i);
    if (!lua_rawequal(L, waiter, top + 1)) { /* which is all that it needs still */
      lua_pushvalue(L, waiter);
      lua_setiuservalue(L, top + 1, U_FN);
    }
  }
  lua_settop(L, top);
}

/* Calls f for each waiter in the list whose head is on top (popped). The waiter is on top. */
static void each_item(lua_State *L, void (*f)(lua_State *, int at, int i, int list),
                      int list) {
  int at = lua_gettop(L);
  chunk *h;
  do {
    int i;
    h = (chunk *)lua_touserdata(L, at);
    for (i = 0; i < h->len; i++) {
      if (lua_getiuservalue(L, at, H_ITEM + i) == LUA_TUSERDATA)
        f(L, at, H_ITEM + i, list);
      lua_settop(L, at);
    }
    lua_getiuservalue(L, at, H_NEXT);
    lua_replace(L, at);
  } while (lua_touserdata(L, at) != NULL);
  lua_settop(L, at - 1);
}

/* The waiter on top is the user value i of the chunk at `at`: does it wait there no more? */
static int has_left(lua_State *L, int at, int i) {
  const chunk *h = (const chunk *)lua_touserdata(L, at);
  return lwt_waiter_left((const promise *)lua_touserdata(L, -1), &h->places[i - H_ITEM]);
}

static void collect(lua_State *L, int at, int i, int list) {
  if (has_left(L, at, i)) return;
  lua_pushvalue(L, -1);
  if (!is_let_go(L)) return;
  lua_pop(L, 1);
  lua_rawseti(L, list, (lua_Integer)lua_rawlen(L, list) + 1);
}

static void replace(lua_State *L, int at, int i, int list) {
  (void)list;
  if (!has_left(L, at, i)) put_shell(L, at, i, lua_gettop(L));
}

/* Every waiter of p (at idx) that was let go gets its shell. What is to be allocated is,
** before the list is changed. */
static void put_shells(lua_State *L, lwt_context *c, int idx, promise *p) {
  int top = lua_gettop(L), list = top + 1;
  lua_Integer i, n;
  chunk *h;
  lua_newtable(L);
  if (p->state == S_PENDING && p->waiters == W_LIST) {
    lua_getiuservalue(L, idx, U_STATE);
    each_item(L, collect, list);
  }
  n = (lua_Integer)lua_rawlen(L, list);
  for (i = 1; i <= n; i++) {
    lua_rawgeti(L, list, i);
    if (!push_shell(L, list + 1)) make_shell(L, c, list + 1);
    lua_settop(L, list);
  }
  if (p->state == S_PENDING && p->waiters == W_LIST) {
    lua_getiuservalue(L, idx, U_STATE);
    h = (chunk *)lua_touserdata(L, -1);
    h->shells += h->let_go;
    h->let_go = 0;
    if (h->shells > h->total) h->shells = h->total;
    each_item(L, replace, list);
  }
  lua_settop(L, top);
}

/* ---- Letting go ---------------------------------------------------------------------- */

/* Looks for the promise at `w`, or a record that has become part of it, among the waiters of
** the pending promise at `in`: the only one, or in the last chunk of the list (the newest).
** Pushes what it is in, and the waiter; returns the user value, 0 when it is not found. */
static int push_place(lua_State *L, int in, const promise *input, int w) {
  int top = lua_gettop(L), first = U_STATE, i = U_STATE;
  if (input->waiters == W_NONE) return 0;
  if (input->waiters == W_LIST) {
    lua_getiuservalue(L, in, U_STATE);
    if (lua_getiuservalue(L, top + 1, H_TAIL) == LUA_TUSERDATA)
      lua_replace(L, top + 1);
    else
      lua_pop(L, 1);
    first = H_ITEM;
    i = H_ITEM + ((chunk *)lua_touserdata(L, top + 1))->len - 1;
  } else {
    lua_pushvalue(L, in);
  }
  for (; i >= first; i--) {
    lua_getiuservalue(L, top + 1, i);
    lua_pushvalue(L, -1);
    if (is_let_go(L) && lua_rawequal(L, -1, w)) {
      lua_settop(L, top + 2);
      return i;
    }
    lua_settop(L, top + 1);
  }
  lua_settop(L, top);
  return 0;
}

/* The promise at `in` need not keep the one at `w` alive any more, which waits for it.
** Returns whether it may be let go itself: it has no other waiter. */
static int let_go_of_input(lua_State *L, lwt_context *c, int in, int w) {
  int top = lua_gettop(L), i, found = 0;
  promise *input = lwt_promise_find(L, in);
  if (input->state != S_PENDING) return 0;
  if (push_place(L, in, input, w) != 0) {
    if (!push_shell(L, top + 2)) make_shell(L, c, top + 2);
    lua_settop(L, top);
    if (input->state == S_PENDING && (i = push_place(L, in, input, w)) != 0)
      put_shell(L, top + 1, i, top + 2);
    lua_settop(L, top);
    found = 1;
  }
  if (input->state == S_PENDING && input->waiters == W_LIST) {
    chunk *h;
    lua_getiuservalue(L, in, U_STATE);
    h = (chunk *)lua_touserdata(L, -1);
    h->dead++; /* it may be gone when that is looked at */
    if (found)
      h->shells++;
    else if (++h->let_go >= BATCH &&
             h->let_go * BATCH > h->total / 16 + (h->total - h->shells))
      put_shells(L, c, in, input);
    lwt_promise_sweep(L, in, input);
  }
  lua_settop(L, top);
  return input->state == S_PENDING && input->waiters == W_ONE && is_consequence(input) &&
         !(input->flags & F_LET_GO);
}

/* Pushes the waiter that has a shell, the promise at idx or the record that waits for it, and the
** shell. */
static int push_any_shell(lua_State *L, int idx) {
  lua_pushvalue(L, idx);
  if (push_shell(L, -1)) return 1;
  lua_pop(L, 2);
  if (lua_getiuservalue(L, idx, U_FN) == LUA_TUSERDATA && push_shell(L, -1)) return 1;
  lua_pop(L, 1);
  return 0;
}

/* Goes from the promise at 1 up through what it follows from: each is let go, or else kept
** again. The light userdata at 2 is the context. */
static int walk(lua_State *L, int keep) {
  lwt_context *c = (lwt_context *)lua_touserdata(L, 2);
  lua_Integer i, n, left = 0;
  promise *p = lwt_promise_find(L, 1);
  lua_settop(L, 2);
  lua_pushnil(L); /* 3: the list of those that are left */
  for (;;) {
    p->flags = (uint16_t)(keep ? p->flags & ~F_LET_GO : p->flags | F_LET_GO);
    if (push_any_shell(L, 1)) {
      if (keep)
        lua_pushvalue(L, 1);
      else
        lua_pushnil(L);
      lua_setiuservalue(L, -2, U_DEP);
    }
    lua_settop(L, 3);
    if (lua_getiuservalue(L, 1, U_DEP) == LUA_TTABLE) {
      n = (lua_Integer)lua_rawlen(L, 4);
      for (i = 1; i <= n; i++) {
        if (lua_rawgeti(L, 4, i) == LUA_TUSERDATA &&
            (keep ? lwt_promise_find(L, 5)->flags & F_LET_GO
                  : let_go_of_input(L, c, 5, 1))) {
          if (left == 0) {
            lua_newtable(L);
            lua_replace(L, 3);
          }
          lua_rawseti(L, 3, ++left);
        }
        lua_settop(L, 4);
      }
    } else if (lua_isuserdata(L, 4) && (keep ? lwt_promise_find(L, 4)->flags & F_LET_GO
                                             : let_go_of_input(L, c, 4, 1))) {
      lua_replace(L, 1);
      p = (promise *)lua_touserdata(L, 1);
      continue;
    }
    do {
      lua_settop(L, 3);
      if (left == 0) return 0;
      lua_rawgeti(L, 3, left--);
      lua_replace(L, 1);
      p = lwt_promise_find(L, 1);
    } while (!is_consequence(p));
  }
}

static int let_go(lua_State *L) {
  promise *p = lwt_promise_find(L, 1);
  return p->waiters == W_NONE && is_consequence(p) ? walk(L, 0) : 0;
}

static int let_go_no_more(lua_State *L) {
  return walk(L, 1);
}

/* A cancel of the promise at idx was in vain. If it only follows from others and nobody waits
** for it, what it waits for no longer keeps it alive, and so on up. Want of memory changes
** nothing. */
void lwt_let_go(lua_State *L, lwt_context *c, int idx) {
  const promise *p = (const promise *)lua_touserdata(L, idx);
  if (p->state != S_PROXY && !is_consequence(p)) return;
  idx = lua_absindex(L, idx);
  luaL_checkstack(L, 4, NULL);
  lua_pushcfunction(L, let_go);
  lua_pushvalue(L, idx);
  lua_pushlightuserdata(L, c);
  if (lua_pcall(L, 2, 0, 0) != LUA_OK) lua_pop(L, 1);
}

/* Something is about to wait for the promise at idx, which was let go. */
void lwt_let_go_no_more(lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  luaL_checkstack(L, 4, NULL);
  lua_pushcfunction(L, let_go_no_more);
  lua_pushvalue(L, idx);
  lua_call(L, 1, 0);
}

void lwt_let_go_open(lua_State *L, lwt_context *c) {
  (void)c;
  lwt_weak_table(L, "k");
  lua_rawsetp(L, REG, &shells_key);
}
