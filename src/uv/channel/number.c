/* number.c: numbers of a fixed layout, and string.pack's formats.
**
** Called by Lua, and by read.c for what it reads. `ch.le` and `ch.be` are small
** objects that know the channel and the byte order; the same functions are methods of the
** channel itself, in the machine's own order.
*/
#include "channel.h"

#include <stddef.h>
#include <string.h>

#define BIG 0x80 /* in op.tag, beside the letter */

typedef struct number {
  const char *name;
  char letter; /* i: signed, f, d */
  size_t size;
} number;

static const number numbers[] = {
    {"int", 'i', 4},   {"int16", 'i', 2},   {"int32", 'i', 4},
    {"int64", 'i', 8}, {"float32", 'f', 4}, {"float64", 'd', 8},
};
#define NNUMBERS (sizeof numbers / sizeof *numbers)

/* A view: le or be. */
typedef struct order {
  int big;
} order;

static int native_is_big(void) {
  const union {
    uint16_t word;
    unsigned char first;
  } u = {0x0102};
  return u.first == 1;
}

void lwt_uv_channel_push_number(lua_State *L, const char *data, char tag, size_t n) {
  uint64_t x = 0;
  int big = ((unsigned char)tag & BIG) != 0;
  for (size_t i = 0; i < n; i++) x = x << 8 | (unsigned char)data[big ? i : n - 1 - i];
  switch (tag & 0x7f) {
  case 'f': {
    uint32_t bits = (uint32_t)x;
    float f;
    memcpy(&f, &bits, sizeof f);
    lua_pushnumber(L, (lua_Number)f);
    break;
  }
  case 'd': {
    double d;
    memcpy(&d, &x, sizeof d);
    lua_pushnumber(L, d);
    break;
  }
  default:
    if (0 < n && n < 8 && x >> (8 * n - 1)) /* negative: fill up with its sign */
      x |= ~(uint64_t)0 << (8 * n);
    lua_pushinteger(L, (lua_Integer)x);
  }
}

/* ---- What string.unpack will need ------------------------------------------- */

/* As lstrlib.c reads a format, so that the two agree byte for byte. */

#define MAX_INT_SIZE 16
struct aligned {
  char c;
  union {
    LUAI_MAXALIGN;
  } u;
};
#define NATIVE_ALIGN offsetof(struct aligned, u)

static int digit(int c) {
  return '0' <= c && c <= '9';
}

static int count(const char **fmt, size_t otherwise, size_t *out) {
  size_t n = 0;
  if (!digit(**fmt)) {
    *out = otherwise;
    return 0;
  }
  while (digit(**fmt)) {
    if (n > (SIZE_MAX / 2 - 9) / 10) return -1;
    n = n * 10 + (size_t)(*(*fmt)++ - '0');
  }
  *out = n;
  return 0;
}

/* The size of an integer. */
static int count_size(const char **fmt, size_t otherwise, size_t *out) {
  int r = count(fmt, otherwise, out);
  return *out == 0 || *out > MAX_INT_SIZE ? -1 : r;
}

/* One option: its size, what it is ('i' number, 'x' a byte of padding, 'c' bytes, 's', 'z',
** 'X', 0 nothing). */
static int option(unpack_scan *s, const char **fmt, char *kind, size_t *size) {
  char c = *(*fmt)++;
  *size = 0;
  *kind = 'i';
  switch (c) {
  case 'b':
  case 'B': *size = 1; return 0;
  case 'h':
  case 'H': *size = sizeof(short); return 0;
  case 'l':
  case 'L': *size = sizeof(long); return 0;
  case 'j':
  case 'J': *size = sizeof(lua_Integer); return 0;
  case 'T': *size = sizeof(size_t); return 0;
  case 'f': *size = sizeof(float); return 0;
  case 'n': *size = sizeof(lua_Number); return 0;
  case 'd': *size = sizeof(double); return 0;
  case 'i':
  case 'I': return count_size(fmt, sizeof(int), size);
  case 's': *kind = 's'; return count_size(fmt, sizeof(size_t), size);
  case 'c':
    *kind = 'c';
    return count(fmt, SIZE_MAX, size) < 0 || *size == SIZE_MAX ? -1 : 0;
  case 'z': *kind = 'z'; return 0;
  case 'x':
    *kind = 'x';
    *size = 1;
    return 0;
  case 'X': *kind = 'X'; return 0;
  case ' ': break;
  case '<': s->little = 1; break;
  case '>': s->little = 0; break;
  case '=': s->little = !native_is_big(); break;
  case '!': *kind = 0; return count_size(fmt, NATIVE_ALIGN, &s->align);
  default: return -1;
  }
  *kind = 0;
  return 0;
}

/* An option with the padding before it, which may be all there is of it (`X`). */
static int padded_option(unpack_scan *s, const char **fmt, char *kind, size_t *size,
                         size_t *padding) {
  size_t align;
  int pads;
  if (option(s, fmt, kind, size) < 0) return -1;
  pads = *kind == 'X';
  if (pads && (**fmt == '\0' || option(s, fmt, kind, size) < 0 || *kind == 'c' ||
               *kind == 'X' || *size == 0))
    return -1;
  align = *kind == 'c' || *kind == 0 ? 1 : *size < s->align ? *size : s->align;
  if (pads) {
    *kind = 0;
    *size = 0;
  }
  *padding = 0;
  if (align <= 1) return 0;
  *padding = (align - (s->at & (align - 1))) & (align - 1);
  return (align & (align - 1)) != 0 ? -1 : 0;
}

static void begin_scan(unpack_scan *s) {
  *s = (unpack_scan){.align = 1, .little = !native_is_big()};
}

/* Is it a format of string.unpack? */
static int is_format(const char *fmt) {
  unpack_scan s;
  begin_scan(&s);
  while (*fmt != '\0') {
    char kind;
    size_t size, padding;
    if (padded_option(&s, &fmt, &kind, &size, &padding) < 0) return 0;
  }
  return 1;
}

/* The string that begins at `at`, its size before it or '\0' behind: *end. Returns 0, 1 when
** more than `n` bytes have to be there (*end), or -1. */
static int string_end(unpack_scan *s, char kind, size_t size, size_t at, const char *data,
                      size_t n, size_t *end) {
  uint64_t len = 0;
  if (kind == 'z') {
    size_t from = at > s->searched ? at : s->searched;
    const char *nul = from < n ? memchr(data + from, '\0', n - from) : NULL;
    if (nul == NULL) s->searched = n;
    *end = nul != NULL ? (size_t)(nul - data) + 1 : (at < n ? n : at) + 1;
    return nul == NULL;
  }
  *end = at + size;
  if (*end > n) return 1;
  for (size_t i = 0; i < size; i++) {
    if (len >> 56 != 0) return -1;
    len = len << 8 | (unsigned char)data[at + (s->little ? size - 1 - i : i)];
  }
  if (len > SIZE_MAX / 4) return -1;
  *end += (size_t)len;
  return 0;
}

int lwt_uv_channel_unpack_need(unpack_scan *s, const char *fmt, const char *data,
                               size_t n, size_t *need) {
  if (s->align == 0) begin_scan(s);
  while (fmt[s->fmt] != '\0') {
    char kind;
    size_t size, padding, end;
    const char *at = fmt + s->fmt;
    padded_option(s, &at, &kind, &size, &padding); /* is_format has found nothing wrong */
    end = s->at + padding;
    if (kind == 's' || kind == 'z') {
      int r = string_end(s, kind, size, end, data, n, need);
      if (r != 0) return r;
      end = *need;
    } else {
      end += size;
    }
    if (end > SIZE_MAX / 4) return -1;
    s->at = end;
    s->fmt = (size_t)(at - fmt);
  }
  *need = s->at;
  return s->at > n;
}

/* ---- What Lua calls --------------------------------------------------------- */

/* Argument 1 may be a view: put its channel in its place. */
static int order_of(lua_State *L, lwt_uv *ctx, int otherwise) {
  const order *v = lwt_uv_test(ctx, L, 1, LWT_UV_CURSOR);
  if (v == NULL) return otherwise;
  lua_getiuservalue(L, 1, 1);
  lua_replace(L, 1);
  return v->big;
}

/* Of the functions of numbers, upvalues: the context, the number's index, the byte order. */

/*---
Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
`ch.be` are views of it whose functions of these names read and write little and big endian.

```lua
local ch = lio.of_bytes("\1\2\3\4")
print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
```
@param ch lwt.Channel|lwt.ChannelOrder
@return lwt.Promise<number?> # nil at the end
@also read_int read_int32 read_int64 read_float32 read_float64 le.read_int le.read_int16 le.read_int32 le.read_int64 le.read_float32 le.read_float64 be.read_int be.read_int16 be.read_int32 be.read_int64 be.read_float32 be.read_float64
@function lwt.io.read_int16(ch)
*/
static int l_read_number(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  const number *k = &numbers[lua_tointeger(L, lua_upvalueindex(2))];
  int big = order_of(L, ctx, lua_toboolean(L, lua_upvalueindex(3)));
  op o = {.kind = OP_NUMBER};
  int closed;
  view *v = lwt_uv_channel_check(ctx, L, READING, &closed);
  if (closed) return lwt_uv_channel_reject_closed(L);
  o.tag = (char)(k->letter | (big ? BIG : 0));
  o.n = k->size;
  return lwt_uv_channel_run(L, v, &o, 0);
}

/*---
Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.

```lua
local r, w = lio.pipe()
await(w.be:write_int16(258))
await(w:close())
print(await(r:read()):byte(1, -1))   --> 1 2
```
@param ch lwt.Channel|lwt.ChannelOrder
@param n number
@return lwt.Promise<nil>
@also write_int write_int32 write_int64 write_float32 write_float64 le.write_int le.write_int16 le.write_int32 le.write_int64 le.write_float32 le.write_float64 be.write_int be.write_int16 be.write_int32 be.write_int64 be.write_float32 be.write_float64
@function lwt.io.write_int16(ch, n)
*/
static int l_write_number(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  const number *k = &numbers[lua_tointeger(L, lua_upvalueindex(2))];
  int big = order_of(L, ctx, lua_toboolean(L, lua_upvalueindex(3)));
  op o = {.kind = OP_WRITE};
  char bytes[8];
  uint64_t x = 0;
  int closed;
  view *v = lwt_uv_channel_check(ctx, L, WRITING, &closed);
  if (k->letter == 'f') {
    float f = (float)lwt_uv_check_number(L, 2);
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    x = bits;
  } else if (k->letter == 'd') {
    double d = lwt_uv_check_number(L, 2);
    memcpy(&x, &d, sizeof x);
  } else {
    lua_Integer n = lwt_uv_check_integer(L, 2);
    lua_Integer limit = k->size < 8 ? (lua_Integer)1 << (k->size * 8 - 1) : 0;
    luaL_argcheck(L, k->size == 8 || (-limit <= n && n < limit), 2, "integer overflow");
    x = (uint64_t)n;
  }
  if (closed) return lwt_uv_channel_reject_closed(L);
  for (size_t i = 0; i < k->size; i++)
    bytes[big ? k->size - 1 - i : i] = (char)(x >> (8 * i) & 0xff);
  if (lwt_uv_channel_write_quickly(L, v, bytes, k->size, '\0')) return 1;
  lua_settop(L, 1);
  o.data = lua_pushlstring(L, bytes, k->size);
  o.n = k->size;
  v = lwt_uv_channel_check(ctx, L, WRITING, &closed); /* a finalizer may have run */
  return closed ? lwt_uv_channel_reject_closed(L) : lwt_uv_channel_run(L, v, &o, 2);
}

/* Put the order in front of the format. It stays the format's own to change it. */
static const char *format_of(lua_State *L, lwt_uv *ctx, int otherwise) {
  int big = order_of(L, ctx, otherwise);
  luaL_checkstring(L, 2);
  if (big >= 0) {
    lua_pushstring(L, big ? ">" : "<");
    lua_pushvalue(L, 2);
    lua_concat(L, 2);
    lua_replace(L, 2);
  }
  return lua_tostring(L, 2);
}

static int upvalue_order(lua_State *L) {
  return lua_isnil(L, lua_upvalueindex(3)) ? -1 : lua_toboolean(L, lua_upvalueindex(3));
}

/*---
Reads values in a format of `string.unpack`, as one operation: as many bytes as the format takes are read, and no more. `nil` at the end
of the input; rejected with `lwt.EOF` where it ends inside, and with `ELIMIT`, with nothing taken, where the format asks for more bytes
than `max` or the channel's `limit`. Of `ch.le` and `ch.be` they are in that byte order, unless the format says another.

```lua
print(await(lio.of_bytes("\3abc"):unpack("s1")))   --> abc
```
@param ch lwt.Channel|lwt.ChannelOrder
@param format string
@param max integer? at most so many bytes
@return lwt.Promise<any> of the values
@also le.unpack be.unpack
@function lwt.io.unpack(ch, format, max)
*/
static int l_unpack(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  op o = {.kind = OP_UNPACK};
  int closed;
  view *v;
  o.data = format_of(L, ctx, upvalue_order(L));
  o.len = strlen(o.data);
  luaL_argcheck(L, is_format(o.data), 2, "not a format of string.unpack");
  o.max = lwt_uv_channel_check_max(L, 3);
  v = lwt_uv_channel_check(ctx, L, READING, &closed);
  if (closed) return lwt_uv_channel_reject_closed(L);
  return lwt_uv_channel_run(L, v, &o, 2);
}

/*---
Writes values in a format of `string.pack`, as one operation.

```lua
local r, w = lio.pipe()
await(w:pack("s1", "abc"))
await(w:close())
print(#await(r:read()))   --> 4
```
@param ch lwt.Channel|lwt.ChannelOrder
@param format string
@param ... any
@return lwt.Promise<nil>
@also le.pack be.pack
@function lwt.io.pack(ch, format, ...)
*/
static int l_pack(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  op o = {.kind = OP_WRITE};
  int closed;
  view *v;
  format_of(L, ctx, upvalue_order(L));
  lwt_uv_channel_check(ctx, L, WRITING, &closed);
  lua_rawgeti(L, LUA_REGISTRYINDEX, channel_state_of(ctx)->pack);
  lua_insert(L, 2);
  lua_call(L, lua_gettop(L) - 2, 1);
  v = lwt_uv_channel_check(ctx, L, WRITING, &closed);
  if (closed) return lwt_uv_channel_reject_closed(L);
  o.data = lua_tolstring(L, 2, &o.n);
  if (o.n == 0) {
    lwt_uv_push_done(ctx, L);
    return 1;
  }
  return lwt_uv_channel_run(L, v, &o, 2);
}

/* Add the functions to the table at the top. `big`: 0, 1, or -1 for the machine's own. */
void lwt_uv_channel_push_numbers(lwt_uv *ctx, lua_State *L, int big) {
  for (size_t i = 0; i < NNUMBERS; i++)
    for (int writes = 0; writes <= 1; writes++) {
      lua_pushfstring(L, writes ? "write_%s" : "read_%s", numbers[i].name);
      lwt_uv_push_context(ctx, L);
      lua_pushinteger(L, (lua_Integer)i);
      lua_pushboolean(L, big < 0 ? native_is_big() : big);
      lua_pushcclosure(L, writes ? l_write_number : l_read_number, 3);
      lua_rawset(L, -3);
    }
  for (int packs = 0; packs <= 1; packs++) {
    lua_pushstring(L, packs ? "pack" : "unpack");
    lwt_uv_push_context(ctx, L);
    lua_pushnil(L);
    if (big < 0)
      lua_pushnil(L);
    else
      lua_pushboolean(L, big);
    lua_pushcclosure(L, packs ? l_pack : l_unpack, 3);
    lua_rawset(L, -3);
  }
}

/* Push the le or be view of the channel at 1, which keeps it. */
int lwt_uv_channel_push_order(lwt_uv *ctx, lua_State *L, int big) {
  int slot = big ? UV_BE : UV_LE;
  order *v;
  if (lua_getiuservalue(L, 1, slot) != LUA_TNIL) return 1;
  v = lwt_uv_new_userdata(ctx, L, LWT_UV_CURSOR, sizeof *v, 1);
  v->big = big;
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, 1, slot);
  return 1;
}
