/* owed.c: giving back what was taken (a lock, a permit, a place) when there is no memory for it.
**
** Whoever releases a lock hands it to the next waiter, and for that Lua may need memory:
** for a call, if for nothing else. Where there is none, the object that stands for what
** was taken is put into a list, and each turn of the loop tries again, until it succeeds.
** So nothing is lost, and the caller of release need not know.
**
** The list is linked through the objects, which allocates nothing: each is a table that has
** been made with three places for it, { false, false, 0 }: the next one (or true, the last), the
** function that gives it back, and how often. */
#include <string.h>

#include "core.h"

enum { NEXT = 1, GIVE, TIMES };

/* The object at x has still to be given back by the function at f. Allocates nothing. */
static void owe(lua_State *L, lwt_context *c, int x, int f) {
  int top = lua_gettop(L);
  lua_rawgeti(L, x, TIMES);
  lua_pushinteger(L, lua_tointeger(L, -1) + 1);
  lua_rawseti(L, x, TIMES);
  lua_rawgeti(L, x, NEXT);
  if (!lua_toboolean(L, -1)) {
    lua_pushvalue(L, f);
    lua_rawseti(L, x, GIVE);
    if (pushreg(L, c->r_owed) != LUA_TTABLE) lua_pushboolean(L, 1);
    lua_rawseti(L, x, NEXT);
    lua_pushvalue(L, x);
    setreg(L, c->r_owed);
  }
  c->api.idle_start(&c->api, &c->owed);
  lua_settop(L, top);
}

/* Is it the error on top that there is no memory? It may have been raised again by others. */
static int is_no_memory(lua_State *L, int status) {
  return status == LUA_ERRMEM || (lua_type(L, -1) == LUA_TSTRING &&
                                  strcmp(lua_tostring(L, -1), "not enough memory") == 0);
}

/* What core.owing makes: f(x), which raises nothing for want of memory. */
static int give(lua_State *L) {
  lwt_context *c = context_of(L);
  int status;
  lua_settop(L, 1);
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_pushvalue(L, 1);
  status = lua_pcall(L, 1, 1, 0);
  if (status == LUA_OK && lua_isnil(L, -1)) return 0;
  if (status == LUA_OK || !is_no_memory(L, status)) return lua_error(L);
  lua_pushvalue(L, lua_upvalueindex(2));
  owe(L, c, 1, 3);
  return 0;
}

/* core.owing(f): a function that calls f, a function of one object (see above), and calls
** it again in a later turn of the loop where it finds no memory. f must have changed
** nothing then. What f returns is raised as an error. */
static int l_owing(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  pushreg(L, context_of(L)->r_self);
  lua_insert(L, 1);
  lua_pushcclosure(L, give, 2);
  return 1;
}

/* The object at x, which has left the list, is given back as often as it is owed. */
static void pay_one(lua_State *L, lwt_context *c, int x) {
  lua_Integer times;
  lua_rawgeti(L, x, TIMES);
  times = lua_tointeger(L, -1);
  lua_pushinteger(L, 0);
  lua_rawseti(L, x, TIMES);
  lua_rawgeti(L, x, GIVE); /* x + 2 */
  for (; times > 0; times--) {
    int status;
    lua_settop(L, x + 2);
    lua_pushvalue(L, x + 2);
    lua_pushvalue(L, x);
    status = lua_pcall(L, 1, 0, 0);
    if (status == LUA_OK) continue;
    if (is_no_memory(L, status))
      owe(L, c, x, x + 2);
    else
      lwt_loop_report(L, c);
  }
  lua_settop(L, x);
}

/* What is owed, once more: before the loop waits. */
static void pay(lua_State *L, void *data) {
  lwt_context *c = (lwt_context *)data;
  int x = lua_gettop(L) + 1;
  if (!lua_checkstack(L, 12)) {
    c->api.idle_start(&c->api, &c->owed);
    return;
  }
  pushreg(L, c->r_owed);
  lua_pushboolean(L, 0);
  setreg(L, c->r_owed);
  while (lua_istable(L, x)) {
    lua_rawgeti(L, x, NEXT);
    lua_insert(L, x); /* the next, this one */
    lua_pushboolean(L, 0);
    lua_rawseti(L, x + 1, NEXT);
    pay_one(L, c, x + 1);
    lua_settop(L, x);
  }
  lua_settop(L, x - 1);
}

void lwt_owed_open(lua_State *L, lwt_context *c) {
  static const luaL_Reg functions[] = {{"owing", l_owing}, {NULL, NULL}};
  lwt_register(L, c, functions);
  c->r_owed = lwt_slot_of_false(L);
  c->owed.f = pay;
  c->owed.data = c;
  c->owed.at = NULL;
}
