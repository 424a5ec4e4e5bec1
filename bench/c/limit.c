/* limit: the floor for a promise library in C under PUC Lua. It does the least that
** can be done (one userdata per promise, a lua_pcall round every callback, lua_resume
** and lua_yield per switch) and has no semantics: one callback per promise, no
** cancelling, no errors, no storage. Nobody can be much faster; nobody should use it.
** `require "bench.limit"`
**
** User values of a promise: 1 its value, or the callback that waits; 2 the promise
** behind it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct promise {
  int resolved;
} promise;

static promise *make(lua_State *L, int resolved) {
  promise *p = lua_newuserdatauv(L, sizeof *p, 2);
  p->resolved = resolved;
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_setmetatable(L, -2);
  return p;
}

static promise *check(lua_State *L, int arg) {
  promise *p = lua_touserdata(L, arg);
  if (p == NULL || !lua_getmetatable(L, arg) || !lua_rawequal(L, -1, lua_upvalueindex(1)))
    luaL_typeerror(L, arg, "promise");
  lua_pop(L, 1);
  return p;
}

static int l_fulfilled(lua_State *L) {
  lua_settop(L, 1);
  make(L, 1);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, 2, 1);
  return 1;
}

static int l_wait(lua_State *L) {
  lua_settop(L, 0);
  make(L, 0);
  return 1;
}

static int l_bind(lua_State *L) {
  promise *p = check(L, 1);
  if (p->resolved) {
    lua_settop(L, 2);
    lua_getiuservalue(L, 1, 1);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK) return lua_error(L);
    check(L, -1);
    return 1;
  }
  make(L, 0);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, 1);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, 1, 2);
  return 1;
}

static int l_wakeup(lua_State *L) { /* p, v: resolves p and the chain behind it */
  promise *p = check(L, 1);
  lua_settop(L, 2);
  for (;;) {
    int behind = lua_getiuservalue(L, 1, 2);
    p->resolved = 1;
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, 1, 1);
    if (behind != LUA_TUSERDATA) return 0;
    p = lua_touserdata(L, 3);
    lua_getiuservalue(L, 3, 1);
    lua_pushvalue(L, 2);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK) return lua_error(L);
    check(L, 4);
    lua_getiuservalue(L, 4, 1);
    lua_replace(L, 2);
    lua_settop(L, 3);
    lua_replace(L, 1);
  }
}

static int l_value(lua_State *L) {
  check(L, 1);
  lua_getiuservalue(L, 1, 1);
  return 1;
}

static int l_await(lua_State *L) {
  promise *p = check(L, 1);
  if (!p->resolved) return lua_yield(L, 0);
  lua_getiuservalue(L, 1, 1);
  return 1;
}

static int l_pause(lua_State *L) {
  return lua_yield(L, 0);
}

static int l_run(
    lua_State *L) { /* a list of functions: round and round until all are done */
  int n = (int)luaL_len(L, 1), live = n, i, results;
  lua_State **co = lua_newuserdatauv(L, (size_t)n * sizeof *co, 0);
  lua_createtable(L, n, 0);
  for (i = 0; i < n; i++) {
    co[i] = lua_newthread(L);
    lua_rawseti(L, 3, i + 1);
    lua_rawgeti(L, 1, i + 1);
    lua_xmove(L, co[i], 1);
  }
  while (live > 0)
    for (i = 0; i < n; i++) {
      int status;
      if (co[i] == NULL) continue;
      status = lua_resume(co[i], L, 0, &results);
      if (status == LUA_YIELD) {
        if (results > 0) lua_pop(co[i], results);
        continue;
      }
      if (status != LUA_OK) {
        lua_xmove(co[i], L, 1);
        return lua_error(L);
      }
      co[i] = NULL;
      live--;
    }
  return 0;
}

/* ---- Lines: memchr in 64 KiB, straight into a Lua string ------------------- */

typedef struct reader {
  int fd;
  size_t pos, len;
  char data[65536];
} reader;

static int next_line(lua_State *L) {
  reader *r = lua_touserdata(L, lua_upvalueindex(1));
  luaL_Buffer b;
  int parts = 0;
  for (;;) {
    char *from = r->data + r->pos, *end = memchr(from, '\n', r->len - r->pos);
    ssize_t n;
    if (end != NULL) {
      r->pos = (size_t)(end + 1 - r->data);
      if (!parts) {
        lua_pushlstring(L, from, (size_t)(end - from));
      } else {
        luaL_addlstring(&b, from, (size_t)(end - from));
        luaL_pushresult(&b);
      }
      return 1;
    }
    if (!parts) luaL_buffinit(L, &b);
    parts = 1;
    luaL_addlstring(&b, from, r->len - r->pos);
    n = read(r->fd, r->data, sizeof r->data);
    r->pos = 0;
    r->len = n > 0 ? (size_t)n : 0;
    if (n <= 0) {
      luaL_pushresult(&b);
      if (lua_rawlen(L, -1) == 0) lua_pushnil(L);
      return 1;
    }
  }
}

static int l_lines(lua_State *L) {
  int fd = open(luaL_checkstring(L, 1), O_RDONLY | O_CLOEXEC);
  reader *r;
  if (fd < 0) return luaL_error(L, "cannot open %s", lua_tostring(L, 1));
  r = lua_newuserdatauv(L, sizeof *r, 0);
  r->fd = fd;
  r->pos = r->len = 0;
  lua_pushcclosure(L, next_line, 1);
  return 1;
}

int luaopen_bench_limit(lua_State *L) {
  static const luaL_Reg functions[] = {{"fulfilled", l_fulfilled}, {"wait", l_wait},
                                       {"bind", l_bind},           {"wakeup", l_wakeup},
                                       {"value", l_value},         {"await", l_await},
                                       {"pause", l_pause},         {"run", l_run},
                                       {"lines", l_lines},         {NULL, NULL}};
  luaL_newlibtable(L, functions);
  lua_newtable(L); /* the metatable: upvalue 1 of every function */
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, "__index");
  luaL_setfuncs(L, functions, 1);
  return 1;
}
