/* lost.c: who waits in the tables of a stream, when memory runs out in the middle of a
** hand-over.
**
** Nobody knows then who has been told and who has not. So all who wait there are rejected
** with that error, in the next turn of the loop: nobody waits for ever, nothing is tried
** again, and what finds the error need not put anything right. It takes no memory, not even
** for a call of a function in Lua: what is lost is linked into a list through itself, and
** everybody who waits has stood in some table since before he began to wait.
**
** What can be lost is a table that has been made with `lost = false` and, as far as it needs
** them,
**
**   promise          of somebody who waits
**   pusher, behind   a push that waits, and the ring of those behind it
**                    (lwt.internal.waiters)
**   outside          a list of requests
**   over             true from then on
**   now, first       a request, and the first of a line of them
**   log              a log of lwt.stream: whoever stands in line at it
**
** and a request has the fields that lua/lwt/stream/line.lua tells of. */
#include "core.h"

/* Slots of what is called for the list. */
#define ERR 1  /* what all are told */
#define NEXT 2 /* the list */
#define X 3    /* the table at hand */

/* The table on top (popped) is lost, with the error below it, which stays. Allocates
** nothing. */
void lwt_lost(lua_State *L, lwt_context *c) {
  int top = lua_gettop(L);
  if (lua_getfield(L, top, "lost") == LUA_TBOOLEAN && !lua_toboolean(L, -1)) {
    if (pushreg(L, c->r_lost) != LUA_TTABLE) lua_pushboolean(L, 1);
    lua_setfield(L, top, "lost");
    lua_pushvalue(L, top);
    setreg(L, c->r_lost);
  }
  lua_pushvalue(L, top - 1);
  setreg(L, c->r_lost_error);
  c->api.idle_start(&c->api, &c->lost);
  lua_settop(L, top - 1);
}

/* The field of the table at `at` gets the boolean, if it has a value: a new field would need
** memory. */
static void put(lua_State *L, int at, const char *field, int value) {
  if (lua_getfield(L, at, field) != LUA_TNIL) {
    lua_pushboolean(L, value);
    lua_setfield(L, at, field);
  }
  lua_pop(L, 1);
}

/* Rejects the promise on top (popped), if it is a pending one. Returns whether it was. */
static int reject(lua_State *L, lwt_context *c) {
  int at = lua_gettop(L), pending = 0;
  if (lwt_promise_test(L, c, at) != NULL) {
    promise *p = lwt_promise_find(L, at);
    pending = p->state == S_PENDING;
    if (pending) {
      lua_pushvalue(L, ERR);
      lwt_resolve_collapsed(L, c, at, p, S_REJECTED, 1);
    }
  }
  lua_settop(L, at - 1);
  return pending;
}

/* The log that the request on top reads for waits for nothing any more: it is lost, too. */
static int lose_log(lua_State *L, lwt_context *c) {
  int req = lua_gettop(L), waits = 0;
  if (lua_getfield(L, req, "log") == LUA_TTABLE) {
    lua_getfield(L, req + 1, "fetching");
    waits = lua_rawequal(L, req, -1);
    if (waits) {
      put(L, req + 1, "fetching", 0);
      lua_pushvalue(L, ERR);
      if (lua_getfield(L, req + 1, "desk") == LUA_TTABLE) lwt_lost(L, c);
    }
  }
  lua_settop(L, req);
  return waits;
}

/* Rejects the request on top (popped) and, with `line`, those linked behind it. Returns how
** many there were. */
static int reject_requests(lua_State *L, lwt_context *c, int line) {
  int at = lua_gettop(L), n = 0;
  while (lua_istable(L, at)) {
    lua_getfield(L, at, "next");
    lua_insert(L, at); /* the next, this one */
    put(L, at + 1, "done", 1);
    if (lua_getfield(L, at + 1, "p") == LUA_TUSERDATA) {
      n += reject(L, c);
    } else {
      lua_pop(L, 1);
      n += lose_log(L, c);
    }
    lua_settop(L, at);
    if (!line) break;
  }
  lua_settop(L, at - 1);
  return n;
}

/* What the log on top waited for has come, or will not: it may ask its source again. */
static void stop_fetching(lua_State *L, lwt_context *c) {
  int log = lua_gettop(L), over;
  put(L, log, "serving", 0);
  put(L, log, "spreading", 0);
  switch (lua_getfield(L, log, "fetching")) {
  case LUA_TUSERDATA:
    over = lwt_promise_test(L, c, -1) == NULL ||
           lwt_promise_find(L, lua_gettop(L))->state != S_PENDING;
    break;
  case LUA_TTABLE:
    lua_getfield(L, -1, "done");
    over = lua_toboolean(L, -1);
    break;
  default: over = 1;
  }
  if (over) put(L, log, "fetching", 0);
  lua_settop(L, log);
}

/* Pushes those in line at the log on top, linked to one line, which leave their own. */
static void take_lines(lua_State *L) {
  int log = lua_gettop(L), line = log + 1;
  lua_pushboolean(L, 0);
  lua_getfield(L, log, "waiting");
  for (lua_Integer k = (lua_Integer)lua_rawlen(L, -1); k > 0; k--) {
    int s = log + 3;
    lua_rawgeti(L, log + 2, k);
    if (lua_getfield(L, s, "first") == LUA_TTABLE &&
        lua_getfield(L, s, "last") == LUA_TTABLE) {
      lua_pushvalue(L, line);
      lua_setfield(L, -2, "next");
      lua_pop(L, 1);
      lua_replace(L, line);
    }
    lua_settop(L, s);
    put(L, s, "first", 0);
    put(L, s, "last", 0);
    put(L, s, "taking", 0);
    put(L, s, "waits", 0);
    lua_pushinteger(L, 0);
    lua_setfield(L, s, "lined");
    lua_pushnil(L);
    lua_rawseti(L, log + 2, k);
    lua_settop(L, s - 1);
  }
  lua_settop(L, line);
}

/* Who has asked when the log on top ends. */
static void tell_closed(lua_State *L, lwt_context *c) {
  int log = lua_gettop(L), ended;
  lua_getfield(L, log, "ending");
  if (lua_toboolean(L, -1)) {
    put(L, log, "closed", 1);
    put(L, log, "ended", 1);
  }
  lua_getfield(L, log, "closed");
  ended = lua_toboolean(L, -1);
  if (ended && lua_getfield(L, log, "closed_promise") == LUA_TUSERDATA) {
    promise *p = lwt_promise_find(L, lua_gettop(L));
    put(L, log, "closed_promise", 0);
    if (p->state == S_PENDING) {
      lua_pushnil(L);
      lwt_resolve_collapsed(L, c, lua_gettop(L) - 1, p, S_FULFILLED, 0);
    }
  }
  lua_settop(L, log);
}

static int lose_readers(lua_State *L, lwt_context *c) {
  int log = lua_gettop(L), n = 0;
  stop_fetching(L, c);
  take_lines(L);
  if (lua_getfield(L, log, "taker") == LUA_TTABLE) {
    lua_getfield(L, -1, "solo");
    put(L, log + 2, "solo", 0);
    put(L, log, "taker", 0);
    n += reject(L, c);
  }
  lua_settop(L, log + 1);
  n += reject_requests(L, c, 1);
  tell_closed(L, c);
  return n;
}

/* All who wait at the table at X. Returns how many those were. */
static int lose(lua_State *L, lwt_context *c) {
  int n = 0;
  if (lua_getfield(L, X, "promise") == LUA_TUSERDATA) n += reject(L, c);
  lua_settop(L, X);
  if (lua_getfield(L, X, "pusher") == LUA_TUSERDATA) n += reject(L, c);
  lua_settop(L, X);
  if (lua_getfield(L, X, "behind") == LUA_TTABLE) {
    for (lua_Integer k = (lua_Integer)lua_rawlen(L, -1) - 1; k > 0; k -= 2) {
      lua_rawgeti(L, X + 1, k);
      n += reject(L, c);
    }
  }
  lua_settop(L, X);
  put(L, X, "over", 1);
  if (lua_getfield(L, X, "outside") == LUA_TTABLE) {
    for (lua_Integer k = 1, last = (lua_Integer)lua_rawlen(L, -1); k <= last; k++) {
      lua_rawgeti(L, X + 1, k);
      n += reject_requests(L, c, 0);
    }
  }
  lua_settop(L, X);
  lua_getfield(L, X, "first");
  lua_getfield(L, X, "now");
  put(L, X, "first", 0);
  put(L, X, "last", 0);
  put(L, X, "now", 0);
  n += reject_requests(L, c, 0);
  n += reject_requests(L, c, 1);
  if (lua_getfield(L, X, "log") == LUA_TTABLE) n += lose_readers(L, c);
  lua_settop(L, X);
  return n;
}

/* In the next turn. What is lost meanwhile has its turn after that. */
static void lose_all(lua_State *L, void *data) {
  lwt_context *c = (lwt_context *)data;
  int n = 0;
  if (!lua_checkstack(L, 40)) {
    c->api.idle_start(&c->api, &c->lost);
    return;
  }
  lua_settop(L, 0);
  pushreg(L, c->r_lost_error);
  pushreg(L, c->r_lost);
  lua_pushboolean(L, 0);
  setreg(L, c->r_lost);
  while (lua_istable(L, NEXT)) {
    lua_getfield(L, NEXT, "lost");
    lua_insert(L, NEXT);
    put(L, X, "lost", 0);
    n += lose(L, c);
    lua_settop(L, NEXT);
  }
  if (pushreg(L, c->r_lost) != LUA_TTABLE) {
    lua_pushboolean(L, 0);
    setreg(L, c->r_lost_error);
  }
  lua_settop(L, ERR);
  if (n == 0) lwt_loop_report(L, c);
  lua_settop(L, 0);
}

/* core.lost(x, err): x, a table as above, is lost. */
static int l_lost(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  lua_insert(L, 1);
  lwt_lost(L, context_of(L));
  return 0;
}

/* core.hear(p, f, h, x): on_any for functions that hand over what came to those who wait at x:
** where one cannot be called, or raises, x is lost. */
static int l_hear(lua_State *L) {
  lwt_context *c = context_of(L);
  promise *p, *q;
  lwt_promise_arg(L, c, 1);
  luaL_checktype(L, 4, LUA_TTABLE);
  lua_settop(L, 4);
  q = lwt_promise_push(L, c, K_ON_ANY, C_DEP, 5, sizeof *q);
  for (int i = U_DEP; i <= U_LOST; i++) {
    lua_pushvalue(L, i - 1);
    lua_setiuservalue(L, 5, i);
  }
  q->flags |= F_HEARD;
  p = lwt_promise_find(L, 1);
  if (p->state == S_PENDING) {
    lua_pushvalue(L, 5);
    if (lwt_promise_add_waiter(L, 1, p)) return 0;
  }
  lua_settop(L, 5); /* a finalizer has just resolved it */
  lwt_resolve_owe(L, c, 1);
  lwt_resolve_drain(L, c);
  return 0;
}

void lwt_lost_open(lua_State *L, lwt_context *c) {
  static const luaL_Reg functions[] = {{"lost", l_lost}, {"hear", l_hear}, {NULL, NULL}};
  lwt_register(L, c, functions);
  c->r_lost = lwt_slot_of_false(L);
  c->r_lost_error = lwt_slot_of_false(L);
  c->lost.f = lose_all;
  c->lost.data = c;
  c->lost.at = NULL;
}
