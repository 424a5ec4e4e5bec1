/* wakeup.c: resolvers, and what else resolves a promise from Lua. */
#include "tell.h"

static int wake(lua_State *L, int promise_idx, int state, int n, int later) {
  lwt_context *c = context_of(L);
  promise *p = lwt_promise_find(L, promise_idx);
  if (p->state != S_PENDING) {
    if (!(p->flags & F_CANCELED)) luaL_error(L, "promise is already resolved");
    return 0;
  }
  if (c->nest >= MAX_NEST || later)
    lwt_resolve_later(L, c, promise_idx, p, state, n);
  else
    lwt_resolve(L, c, promise_idx, p, state, n);
  return 0;
}

/* The resolver at 1 becomes its promise; the values are above it. */
static int wake_resolver(lua_State *L, int state, int later) {
  lwt_context *c = context_of(L);
  int n;
  if (lua_touserdata(L, 1) == NULL || !lua_getmetatable(L, 1))
    luaL_typeerror(L, 1, "resolver");
  if (lua_topointer(L, -1) != c->resolver_mt) luaL_typeerror(L, 1, "resolver");
  lua_pop(L, 1);
  lua_getiuservalue(L, 1, 1);
  lua_replace(L, 1);
  if (state == S_REJECTED) lua_settop(L, 2);
  n = lua_gettop(L) - 1;
  return wake(L, 1, state, n, later);
}

/*---
Fulfils the resolver's promise with these values. Its callbacks run before this returns (to a nesting depth of 16; deeper ones
when the outermost resolution is done); tasks that await it become ready. It raises `promise is already resolved` the second
time; ignored when the promise was cancelled.

```lua
local p, r = lwt.wait()
p:on_success(print)
r:wakeup(1, 2)   --> 1 2
```
@param r lwt.Resolver
@param ... any
@function lwt.wakeup(r, ...)
*/
static int l_wakeup(lua_State *L) {
  return wake_resolver(L, S_FULFILLED, 0);
}

/*---
Rejects the resolver's promise with this error; otherwise as `lwt.wakeup`.

```lua
local p, r = lwt.wait()
r:wakeup_exn("broken")
print(p:state())   --> rejected broken
```
@param r lwt.Resolver
@param err any
@function lwt.wakeup_exn(r, err)
*/
static int l_wakeup_exn(lua_State *L) {
  return wake_resolver(L, S_REJECTED, 0);
}

/*---
As `lwt.wakeup`, but when called inside a callback the promise's callbacks wait until that one is done. The state changes at once.

```lua
local a, ra = lwt.wait()
local b, rb = lwt.wait()
b:on_success(function() print "b" end)
a:on_success(function() rb:wakeup_later() print "a" end)
ra:wakeup()   --> a
              --> b
```
@param r lwt.Resolver
@param ... any
@function lwt.wakeup_later(r, ...)
*/
static int l_wakeup_later(lua_State *L) {
  return wake_resolver(L, S_FULFILLED, 1);
}

/*---
As `lwt.wakeup_later`, rejecting with this error.

```lua
local p, r = lwt.wait()
r:wakeup_later_exn("broken")
print(p:state())   --> rejected broken
```
@param r lwt.Resolver
@param err any
@function lwt.wakeup_later_exn(r, err)
*/
static int l_wakeup_later_exn(lua_State *L) {
  return wake_resolver(L, S_REJECTED, 1);
}

/* Rejects the promise at idx (absolute), if it is pending, with the error on top, which is
** popped; `trace` is the text that tells where that was raised. */
int lwt_wakeup_reject_traced(lua_State *L, lwt_context *c, int idx, const char *trace) {
  int base = c->work, err = lua_gettop(L);
  promise *p = (promise *)lua_touserdata(L, idx);
  luaL_checkstack(L, 8, NULL);
  lua_createtable(L, 2, 0);
  lua_pushvalue(L, err);
  lua_rawseti(L, -2, 1);
  lua_pushstring(L, trace);
  lua_rawseti(L, -2, 2);
  lua_pushvalue(L, idx);
  lua_insert(L, -2);
  if (p->kind == K_OP) ((operation *)p)->cancel = NULL;
  p = lwt_promise_find(L, err + 1);
  if (c->nest >= MAX_NEST) p = lwt_promise_listify(L, err + 1, p);
  if (p->state != S_PENDING) {
    lua_settop(L, err - 1);
    return 0;
  }
  lwt_resolve_commit(L, c, err + 1, p, S_REJECTED, -1);
  if (c->has_current || c->work > base) lwt_resolve_drive(L, c, base);
  lua_settop(L, err - 1);
  return 1;
}

/* For specs: core.reject_traced(p, error, trace), as lwt.h has it. */
static int l_reject_traced(lua_State *L) {
  lwt_context *c = context_of(L);
  lwt_promise_check(L, c, 1);
  lua_settop(L, 3);
  lua_pushvalue(L, 2);
  lwt_wakeup_reject_traced(L, c, 1, luaL_checkstring(L, 3));
  return 0;
}

/* core.wake(p, ...), core.wake_exn(p, err): wakeup_later for a promise made by
** core.waiter; false when it is resolved already (cancelled, as a rule). Where it raises, for want
** of memory, it has done nothing. */
static int wake_waiter(lua_State *L, int state) {
  lwt_context *c = context_of(L);
  promise *p = lwt_promise_check(L, c, 1);
  if (p->state == S_PROXY) p = lwt_promise_find(L, 1);
  if (p->state != S_PENDING) {
    lua_pushboolean(L, 0);
    return 1;
  }
  if (state == S_REJECTED) lua_settop(L, 2);
  if (!lua_checkstack(L, DRIVE_ROOM + 2)) return luaL_error(L, "not enough memory");
  lua_pushboolean(L, lwt_resolve_later(L, c, 1, p, state, lua_gettop(L) - 1));
  return 1;
}

static int l_wake(lua_State *L) {
  return wake_waiter(L, S_FULFILLED);
}
static int l_wake_exn(lua_State *L) {
  return wake_waiter(L, S_REJECTED);
}

static int resolver_tostring(lua_State *L) {
  lua_pushfstring(L, "lwt.resolver: %p", lua_touserdata(L, 1));
  return 1;
}

/* core.together(f, ...): calls f, and raises what it raises. Whom f wakes is told when f has
** returned: so all states have changed before any callback runs. (A callback that is called at
** once, by `bind` or by core.callback, is not enough for that: it is in no resolution, as in
** Lwt.) */
static int l_together(lua_State *L) {
  lwt_context *c = context_of(L);
  int status;
  luaL_checkany(L, 1);
  c->nest++;
  status = lua_pcall(L, lua_gettop(L) - 1, 0, 0);
  c->nest--;
  lwt_resolve_drain(L, c);
  return status == LUA_OK ? 0 : lua_error(L);
}

static const luaL_Reg functions[] = {{"wakeup", l_wakeup},
                                     {"wakeup_exn", l_wakeup_exn},
                                     {"wakeup_later", l_wakeup_later},
                                     {"wakeup_later_exn", l_wakeup_later_exn},
                                     {"wake", l_wake},
                                     {"wake_exn", l_wake_exn},
                                     {"together", l_together},
                                     {"reject_traced", l_reject_traced},
                                     {NULL, NULL}};

static const luaL_Reg resolver_methods[] = {{"wakeup", l_wakeup},
                                            {"wakeup_exn", l_wakeup_exn},
                                            {"wakeup_later", l_wakeup_later},
                                            {"wakeup_later_exn", l_wakeup_later_exn},
                                            {NULL, NULL}};

void lwt_wakeup_open(lua_State *L, lwt_context *c) {
  lwt_register(L, c, functions);
  pushreg(L, c->r_resolver_mt);
  lua_newtable(L);
  lwt_register(L, c, resolver_methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, resolver_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pop(L, 1);
}
