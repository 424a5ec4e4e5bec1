/* bytes.c: lwt.bytes, mutable byte buffers that are sliced without copying.
**
** The userdata is a view {memory, offset, length}; the memory is counted, see
** bytes.h. Nothing here uses the loop.
*/
#include "bytes.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct view {
  lwt_uv_mem *mem;
  size_t ofs, len;
} view;

/* ---- Memories ------------------------------------------------------------ */

static void mem_unref(lwt_uv_mem *mem) {
  if (--mem->refs > 0) return;
  free(mem->data);
  free(mem);
}

void lwt_uv_mem_pin(lwt_uv_mem *mem) {
  mem->refs++;
  mem->pins++;
}

void lwt_uv_mem_unpin(lwt_uv_mem *mem) {
  mem->pins--;
  mem_unref(mem);
}

void lwt_uv_mem_detach(lwt_uv_mem *mem, lwt_uv_parcel *out) {
  out->data = mem->data;
  out->size = mem->size;
  mem->data = NULL;
  mem->size = 0;
}

void lwt_uv_parcel_free(lwt_uv_parcel *parcel) {
  free(parcel->data);
  parcel->data = NULL;
}

/* Tell the collector about `size` bytes that it cannot see: dropped buffers would pile up
** otherwise. What is smaller than its unit is outweighed by the userdata. */
static void charge(lua_State *L, size_t size) {
  if (size < 1024 || !lua_gc(L, LUA_GCISRUNNING)) return;
  size_t kilobytes = size / 1024;
  lua_gc(L, LUA_GCSTEP, kilobytes > INT_MAX / 2048 ? INT_MAX / 2048 : (int)kilobytes);
}

/* ---- Views --------------------------------------------------------------- */

static char *view_data(lua_State *L, int arg, const view *v) {
  if (v->mem == NULL || v->mem->data == NULL)
    luaL_argerror(L, arg, "the bytes were moved to another thread");
  return v->mem->data + v->ofs;
}

static view *check(lua_State *L, int arg) {
  view *v = lwt_uv_check(lwt_uv_context(L), L, arg, LWT_UV_BYTES);
  view_data(L, arg, v);
  return v;
}

/* Push a view without memory: harmless to collect, filled in by the caller. */
static view *push_empty(lwt_uv *ctx, lua_State *L) {
  return lwt_uv_new_userdata(ctx, L, LWT_UV_BYTES, sizeof(view), 0);
}

void *lwt_uv_test_bytes(lwt_uv *ctx, lua_State *L, int idx, size_t *len) {
  view *v = lwt_uv_test(ctx, L, idx, LWT_UV_BYTES);
  if (v == NULL) return NULL;
  *len = v->len;
  return view_data(L, idx, v);
}

void *lwt_uv_check_bytes(lwt_uv *ctx, lua_State *L, int arg, size_t *len) {
  void *data = lwt_uv_test_bytes(ctx, L, arg, len);
  if (data == NULL) luaL_typeerror(L, arg, "lwt.bytes");
  return data;
}

const char *lwt_uv_check_data(lwt_uv *ctx, lua_State *L, int arg, size_t *len) {
  int type = lua_type(L, arg);
  if (type == LUA_TSTRING || type == LUA_TNUMBER) return lua_tolstring(L, arg, len);
  const char *data = lwt_uv_test_bytes(ctx, L, arg, len);
  if (data == NULL) luaL_typeerror(L, arg, "string or lwt.bytes");
  return data;
}

char *lwt_uv_push_bytes(lwt_uv *ctx, lua_State *L, size_t len) {
  view *v = push_empty(ctx, L);
  charge(L, len);
  lwt_uv_mem *mem = malloc(sizeof *mem);
  char *data = mem == NULL ? NULL : calloc(len > 0 ? len : 1, 1);
  if (data == NULL) {
    free(mem);
    lwt_uv_raise(ctx, L, UV_ENOMEM, "bytes", NULL, NULL);
    return NULL;
  }
  *mem = (lwt_uv_mem){.data = data, .size = len, .refs = 1, .pins = 0};
  v->mem = mem;
  v->len = len;
  return data;
}

static void push_shared(lwt_uv *ctx, lua_State *L, lwt_uv_mem *mem, size_t ofs,
                        size_t len) {
  view *v = push_empty(ctx, L);
  mem->refs++;
  v->mem = mem;
  v->ofs = ofs;
  v->len = len;
}

void lwt_uv_push_view(lwt_uv *ctx, lua_State *L, int idx, size_t ofs, size_t len) {
  view *v = lua_touserdata(L, idx);
  push_shared(ctx, L, v->mem, ofs, len);
}

lwt_uv_mem *lwt_uv_bytes_mem(lua_State *L, int idx, size_t *ofs, size_t *len) {
  view *v = lua_touserdata(L, idx);
  *ofs = v->ofs;
  *len = v->len;
  return v->mem;
}

void lwt_uv_push_parcel(lwt_uv *ctx, lua_State *L, lwt_uv_parcel *parcel, size_t ofs,
                        size_t len) {
  view *v = push_empty(ctx, L);
  lwt_uv_mem *mem = malloc(sizeof *mem);
  if (mem == NULL)
    lwt_uv_raise(ctx, L, UV_ENOMEM, "bytes", NULL, NULL);
  else {
    *mem = (lwt_uv_mem){.data = parcel->data, .size = parcel->size, .refs = 1};
    parcel->data = NULL;
    v->mem = mem;
    v->ofs = ofs;
    v->len = len;
    charge(L, mem->size);
  }
}

/* ---- Arguments ----------------------------------------------------------- */

static size_t check_size(lua_State *L, int arg) {
  lua_Integer n = lwt_uv_check_integer(L, arg);
  luaL_argcheck(L, n >= 0, arg, "negative size");
#if LUA_MAXINTEGER > PTRDIFF_MAX
  luaL_argcheck(L, n <= PTRDIFF_MAX, arg, "size too large");
#endif
  return (size_t)n;
}

static unsigned char check_byte(lua_State *L, int arg) {
  lua_Integer n = lwt_uv_check_integer(L, arg);
  luaL_argcheck(L, n >= 0 && n <= 255, arg, "byte out of range");
  return (unsigned char)n;
}

/* The range `ofs`, `len` at arguments `arg` and `arg` + 1 of something `size` long. */
static size_t check_range(lua_State *L, int arg, size_t size, size_t *len) {
  lua_Integer ofs = lwt_uv_check_integer(L, arg);
  luaL_argcheck(L, ofs >= 0 && (lua_Unsigned)ofs <= size, arg, "offset out of range");
  lua_Integer n = lwt_uv_check_integer(L, arg + 1);
  luaL_argcheck(L, n >= 0 && (lua_Unsigned)n <= size - (size_t)ofs, arg + 1,
                "length out of range");
  *len = (size_t)n;
  return (size_t)ofs;
}

/* The same where both may be left out: from the start, to the end. */
static size_t opt_range(lua_State *L, int arg, size_t size, size_t *len) {
  lua_Integer ofs = lwt_uv_opt_integer(L, arg, 0);
  luaL_argcheck(L, ofs >= 0 && (lua_Unsigned)ofs <= size, arg, "offset out of range");
  size_t rest = size - (size_t)ofs;
  lua_Integer n = lwt_uv_opt_integer(L, arg + 1, (lua_Integer)rest);
  luaL_argcheck(L, n >= 0 && (lua_Unsigned)n <= rest, arg + 1, "length out of range");
  *len = (size_t)n;
  return (size_t)ofs;
}

/* ---- What Lua calls ------------------------------------------------------ */

/*---
Makes a buffer of `n` bytes, all zero. A negative size raises; more than the system
has raises an error object with the code `ENOMEM`.
@param n integer its size
@return lwt.Bytes
```lua
local b = bytes.create(3)
print(#b, b:get(0))   --> 3 0
```
@function lwt.bytes.create(n) */
static int l_create(lua_State *L) {
  lwt_uv_push_bytes(lwt_uv_context(L), L, check_size(L, 1));
  return 1;
}

/*---
Makes a buffer that holds a copy of a string.
@param s string
@return lwt.Bytes
```lua
print(bytes.of_string("abc"):get(1))   --> 98
```
@function lwt.bytes.of_string(s) */
static int l_of_string(lua_State *L) {
  size_t len;
  const char *s = luaL_checklstring(L, 1, &len);
  memcpy(lwt_uv_push_bytes(lwt_uv_context(L), L, len), s, len);
  return 1;
}

/*---
The number of bytes, as `#b` gives it.
@param b lwt.Bytes
@return integer
```lua
print(bytes.of_string("abc"):length())   --> 3
```
@function lwt.bytes.length(b) */
static int l_length(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check(L, 1)->len);
  return 1;
}

/*---
The byte at an offset, a number from 0 to 255. Offsets count from 0; one outside the
buffer raises.
@param b lwt.Bytes
@param ofs integer
@return integer
```lua
local b = bytes.of_string("A")
print(b:get(0), (pcall(b.get, b, 1)))   --> 65 false
```
@function lwt.bytes.get(b, ofs) */
static int l_get(lua_State *L) {
  view *v = check(L, 1);
  lua_Integer ofs = lwt_uv_check_integer(L, 2);
  luaL_argcheck(L, ofs >= 0 && (lua_Unsigned)ofs < v->len, 2, "offset out of range");
  lua_pushinteger(L, (unsigned char)v->mem->data[v->ofs + (size_t)ofs]);
  return 1;
}

/*---
Sets the byte at an offset to a number from 0 to 255.
@param b lwt.Bytes
@param ofs integer
@param byte integer
```lua
local b = bytes.of_string("abc")
b:set(1, 0x42)
print(b:to_string())   --> aBc
```
@function lwt.bytes.set(b, ofs, byte) */
static int l_set(lua_State *L) {
  view *v = check(L, 1);
  lua_Integer ofs = lwt_uv_check_integer(L, 2);
  luaL_argcheck(L, ofs >= 0 && (lua_Unsigned)ofs < v->len, 2, "offset out of range");
  v->mem->data[v->ofs + (size_t)ofs] = (char)check_byte(L, 3);
  return 0;
}

/*---
A part of the buffer that shares its memory: what is written to one is seen in the
other. A range outside the buffer raises.
@param b lwt.Bytes
@param ofs integer
@param len integer
@return lwt.Bytes
```lua
local b = bytes.of_string("hello")
local part = b:sub(1, 3)
part:set(0, 0x41)
print(part:to_string(), b:to_string())   --> All hAllo
```
@function lwt.bytes.sub(b, ofs, len) */
static int l_sub(lua_State *L) {
  view *v = check(L, 1);
  size_t len, ofs = check_range(L, 2, v->len, &len);
  push_shared(lwt_uv_context(L), L, v->mem, v->ofs + ofs, len);
  return 1;
}

/*---
A copy, with memory of its own, of the buffer or of a part of it.
@param b lwt.Bytes
@param ofs? integer where it begins (0)
@param len? integer how much (the rest)
@return lwt.Bytes
```lua
print(bytes.of_string("hello"):copy(1, 2):to_string())   --> el
```
@function lwt.bytes.copy(b, ofs, len) */
static int l_copy(lua_State *L) {
  view *v = check(L, 1);
  size_t len, ofs = opt_range(L, 2, v->len, &len);
  char *data = lwt_uv_push_bytes(lwt_uv_context(L), L, len);
  /* Making it may have run a finalizer that sent the bytes to another thread. */
  memcpy(data, view_data(L, 1, v) + ofs, len);
  return 1;
}

/*---
Sets every byte of the buffer, or of a part of it.
@param b lwt.Bytes
@param byte integer from 0 to 255
@param ofs? integer where it begins (0)
@param len? integer how much (the rest)
```lua
local b = bytes.of_string("hello")
b:fill(0x2e, 3)
print(b:to_string())   --> hel..
```
@function lwt.bytes.fill(b, byte, ofs, len) */
static int l_fill(lua_State *L) {
  view *v = check(L, 1);
  unsigned char byte = check_byte(L, 2);
  size_t len, ofs = opt_range(L, 3, v->len, &len);
  memset(v->mem->data + v->ofs + ofs, byte, len);
  return 0;
}

/*---
Copies `len` bytes from one buffer (or string) into another. They may overlap.
@param src lwt.Bytes|string
@param sofs integer where to begin reading
@param dst lwt.Bytes
@param dofs integer where to begin writing
@param len integer
```lua
local b = bytes.create(4)
bytes.blit("hello", 1, b, 0, 4)
b:blit(0, b, 1, 3)
print(b:to_string())   --> eell
```
@function lwt.bytes.blit(src, sofs, dst, dofs, len) */
static int l_blit(lua_State *L) {
  size_t size;
  const char *src = lwt_uv_check_data(lwt_uv_context(L), L, 1, &size);
  lua_Integer sofs = lwt_uv_check_integer(L, 2);
  view *dst = check(L, 3);
  lua_Integer dofs = lwt_uv_check_integer(L, 4);
  lua_Integer len = lwt_uv_check_integer(L, 5);
  luaL_argcheck(L, sofs >= 0 && (lua_Unsigned)sofs <= size, 2, "offset out of range");
  luaL_argcheck(L, dofs >= 0 && (lua_Unsigned)dofs <= dst->len, 4, "offset out of range");
  luaL_argcheck(L,
                len >= 0 && (lua_Unsigned)len <= size - (size_t)sofs &&
                    (lua_Unsigned)len <= dst->len - (size_t)dofs,
                5, "length out of range");
  memmove(dst->mem->data + dst->ofs + dofs, src + sofs, (size_t)len);
  return 0;
}

/*---
The bytes as a Lua string: all of them, or a part.
@param b lwt.Bytes
@param ofs? integer where it begins (0)
@param len? integer how much (the rest)
@return string
```lua
print(bytes.of_string("hello"):to_string(1, 3))   --> ell
```
@function lwt.bytes.to_string(b, ofs, len) */
static int l_to_string(lua_State *L) {
  view *v = check(L, 1);
  size_t len, ofs = opt_range(L, 2, v->len, &len);
  lua_pushlstring(L, v->mem->data + v->ofs + ofs, len);
  return 1;
}

static int l_gc(lua_State *L) {
  lwt_uv *ctx = lua_touserdata(L, lua_upvalueindex(1)); /* (it may have ended) */
  view *v = lwt_uv_test(ctx, L, 1, LWT_UV_BYTES);
  if (v == NULL) return 0;
  if (v->mem != NULL) mem_unref(v->mem);
  v->mem = NULL;
  return 0;
}

/* Moved bytes have a text as well. */
static int l_tostring(lua_State *L) {
  view *v = lwt_uv_check(lwt_uv_context(L), L, 1, LWT_UV_BYTES);
  if (v->mem == NULL || v->mem->data == NULL)
    lua_pushfstring(L, "lwt.bytes (moved): %p", (void *)v);
  else
    lua_pushfstring(L, "lwt.bytes (%I bytes): %p", (LUAI_UACINT)v->len, (void *)v);
  return 1;
}

static const luaL_Reg functions[] = {
    {"create", l_create}, {"of_string", l_of_string},
    {"length", l_length}, {"get", l_get},
    {"set", l_set},       {"sub", l_sub},
    {"copy", l_copy},     {"fill", l_fill},
    {"blit", l_blit},     {"to_string", l_to_string},
    {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__len", l_length},
    {"__gc", l_gc},
    {"__tostring", l_tostring},
    {NULL, NULL},
};

void lwt_uv_open_bytes(lwt_uv *ctx, lua_State *L) {
  lwt_uv_new_type(ctx, L, LWT_UV_BYTES, "lwt.bytes", functions, metamethods);
  lwt_uv_push_functions(ctx, L, functions);
}
