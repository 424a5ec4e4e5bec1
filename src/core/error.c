/* error.c: the errors that lwt raises: sentinels (lwt.Canceled …), error objects of
** the system, and what a misplaced await says. */
#include <string.h>

#include "trace.h"

/* One readable line: "open /x: no such file or directory (ENOENT)". Never raises. */
static int error_tostring(lua_State *L) {
  static const char *const about[] = {"path", "address", "program", "name", NULL};
  luaL_Buffer b;
  int i;
  lua_settop(L, 1);
  if (!lua_istable(L, 1)) {
    lua_pushliteral(L, "lwt.error");
    return 1;
  }
  lua_getfield(L, 1, "op");
  lua_getfield(L, 1, "message");
  lua_getfield(L, 1, "code");
  for (i = 0; about[i] != NULL; i++) {
    lua_settop(L, 4);
    lua_getfield(L, 1, about[i]);
    if (lua_type(L, 5) == LUA_TSTRING) break;
  }
  lua_settop(L, 5);
  luaL_buffinit(L, &b);
  if (lua_isstring(L, 2)) {
    lua_pushvalue(L, 2);
    luaL_addvalue(&b);
    if (lua_isstring(L, 5)) {
      luaL_addchar(&b, ' ');
      lua_pushvalue(L, 5);
      luaL_addvalue(&b);
    }
    luaL_addstring(&b, ": ");
  }
  if (lua_isstring(L, 3)) {
    lua_pushvalue(L, 3);
    luaL_addvalue(&b);
  }
  if (lua_isstring(L, 2) && lua_isstring(L, 4)) {
    luaL_addstring(&b, " (");
    lua_pushvalue(L, 4);
    luaL_addvalue(&b);
    luaL_addchar(&b, ')');
  }
  luaL_pushresult(&b);
  return 1;
}

/* ---- A misplaced await ---------------------------------------------------------------- */

/* The name of the C function that keeps a coroutine from yielding, or NULL. */
static const char *culprit(lua_State *L) {
  lua_Debug ar;
  int level;
  for (level = 1; lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "Sn", &ar);
    if (ar.namewhat != NULL && strcmp(ar.namewhat, "metamethod") == 0 &&
        ar.name != NULL && (strcmp(ar.name, "gc") == 0 || strcmp(ar.name, "__gc") == 0))
      return "__gc";
    if (*ar.what == 'C' && ar.name != NULL && strcmp(ar.name, "pcall") != 0 &&
        strcmp(ar.name, "xpcall") != 0)
      return ar.name;
  }
  return NULL;
}

/* At the line of the user's that led here: a loop over a stream, say, awaits in a file of
** lwt's. Without a line where it is C that called, as luaL_error. */
static int raise_misplaced(lua_State *L, const char *message) {
  lua_Debug ar;
  int top = lua_gettop(L);
  luaL_checkstack(L, 4, NULL);
  if (lua_getstack(L, 1, &ar) && lua_getinfo(L, "l", &ar) && ar.currentline > 0) {
    lwt_trace_where(L, L, 1);
    lua_pushliteral(L, ": ");
  }
  lua_pushstring(L, message);
  lua_concat(L, lua_gettop(L) - top);
  return lua_error(L);
}

/* Raises what is wrong with awaiting here, and what to do about it. */
int lwt_error_awaiting(lua_State *L, lwt_context *c) {
  const char *name;
  if (c->callbacks > 0)
    return raise_misplaced(
        L, "attempt to await outside a task (in a callback: return the promise, "
           "or use lwt.spawn)");
  if (c->current == NULL)
    return raise_misplaced(L,
                           "attempt to await outside a task (use lwt.run or lwt.spawn)");
  if (L != c->current_co)
    return raise_misplaced(
        L, "attempt to await outside a task: in a coroutine of its own (make it "
           "with lwt.coroutine.create or lwt.coroutine.wrap)");
  name = culprit(L);
  if (name == NULL)
    return raise_misplaced(
        L, "attempt to await where Lua cannot yield (inside a C function); await "
           "before, or spawn a task");
  return raise_misplaced(
      L, lua_pushfstring(L,
                         "attempt to await where Lua cannot yield (inside '%s'); await "
                         "before, or spawn a task",
                         name));
}

/* ---- Making them -------------------------------------------------------------------------- */

void lwt_error_push(const lwt_api *api, lua_State *L, const char *code, int err,
                    const char *message, const char *op, const char *what_key,
                    const char *what) {
  luaL_checkstack(L, 4, NULL);
  lua_createtable(L, 0, 5);
  lua_pushstring(L, code);
  lua_setfield(L, -2, "code");
  lua_pushinteger(L, err);
  lua_setfield(L, -2, "errno");
  lua_pushstring(L, message);
  lua_setfield(L, -2, "message");
  if (op != NULL) {
    lua_pushstring(L, op);
    lua_setfield(L, -2, "op");
  }
  if (what_key != NULL && what != NULL) {
    lua_pushstring(L, what);
    lua_setfield(L, -2, what_key);
  }
  pushreg(L, api->context->r_error_mt);
  lua_setmetatable(L, -2);
}

/* core.error{code=, message=, op=, …}: gives a table the metatable of errors. */
static int l_error(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  pushreg(L, context_of(L)->r_error_mt);
  lua_setmetatable(L, 1);
  return 1;
}

/*---
What a cancelled promise is rejected with, and what is raised in a task where it is told of a cancel. Compare with `==`: it is one
value, as are those below. Its `code` is `"CANCELED"`.

```lua
local p = lwt.sleep(60)
p:cancel()
print(select(2, pcall(await, p)) == lwt.Canceled)   --> true
```
@value lwt.Canceled lwt.Error
*/

/*---
What a deadline rejects with: `lwt.with_timeout`, `lwt.timeout`, the `timeout` of `lwt.process`'s calls that read. Its `code` is
`"TIMEOUT"`; the system's own, of a connection, is `"ETIMEDOUT"`.

```lua
local ok, err = pcall(await, lwt.with_timeout(0.01, lwt.wait()))
print(ok, err == lwt.Timeout, err.code)   --> false true TIMEOUT
```
@value lwt.Timeout lwt.Error
*/

/*---
What `read_exactly`, or a number that is cut short, rejects with at the end of the input; other reads give nil there. Its `code` is
`"EOF"`.

```lua
local ch = require "lwt.io".of_bytes("abc")
print(pcall(await, ch:read_exactly(4)))   --> false end of file
```
@value lwt.EOF lwt.Error
*/

/*---
What operations of something that is closed, or is being closed meanwhile, reject with: a channel, a socket, a file, a stream's
`push`. Its `code` is `"CLOSED"`.

```lua
local r = require "lwt.io".pipe()
await(r:close())
print(pcall(await, r:read_line()))   --> false closed
```
@value lwt.Closed lwt.Error
*/

/*---
What Ctrl-C raises in the main task, see `lwt.interrupts`. Its `code` is `"INTERRUPTED"`.

```lua
print(lwt.Interrupted, lwt.Interrupted.code)   --> interrupted INTERRUPTED
```
@value lwt.Interrupted lwt.Error
*/

/*---
An error of the world: what the system, or lwt itself, rejects with or raises where it is not a plain mistake in the program. Look at
its `code`; `tostring` tells all of it, on a line.

```lua
local _, err = pcall(await, require "lwt.fs".read_file("nothing"))
print(err.code, err.op, err.path)   --> ENOENT read_file nothing
print(err)   --> read_file nothing: no such file or directory (ENOENT)
```
@class lwt.Error
@field code string "ENOENT", "ECONNRESET", "EAI_NONAME" …, or one of lwt's own: "ELIMIT", "TIMEOUT", "CLOSED" …
@field message string the same in words
@field errno? integer the system's number, 0 where it has none
@field op? string what was being done: "open", "connect" …
@field path? string the file or the program
@field address? string the other end of a connection, or the name that was looked up
*/

static int sentinel(lua_State *L, lwt_context *c, const char *name, const char *code,
                    const char *message) {
  lua_createtable(L, 0, 2);
  lua_pushstring(L, code);
  lua_setfield(L, -2, "code");
  lua_pushstring(L, message);
  lua_setfield(L, -2, "message");
  pushreg(L, c->r_error_mt);
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, name);
  return lwt_slot(L);
}

void lwt_error_open(lua_State *L, lwt_context *c) {
  static const luaL_Reg functions[] = {{"error", l_error}, {NULL, NULL}};
  lua_createtable(L, 0, 2);
  lua_pushliteral(L, "lwt.error");
  lua_setfield(L, -2, "__name");
  lua_pushcfunction(L, error_tostring);
  lua_setfield(L, -2, "__tostring");
  c->r_error_mt = lwt_slot(L);
  c->r_canceled = sentinel(L, c, "Canceled", "CANCELED", "canceled");
  c->r_timeout = sentinel(L, c, "Timeout", "TIMEOUT", "timeout");
  c->r_eof = sentinel(L, c, "EOF", "EOF", "end of file");
  c->r_closed = sentinel(L, c, "Closed", "CLOSED", "closed");
  c->r_interrupted = sentinel(L, c, "Interrupted", "INTERRUPTED", "interrupted");
  pushreg(L, c->r_canceled);
  c->canceled = lua_topointer(L, -1);
  lua_pop(L, 1);
  lwt_register(L, c, functions);
}
