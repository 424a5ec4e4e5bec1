/* unpack.c: unpacking a message (pack.c describes the format).
**
** Whatever fails on the way raises. What the message carries stays the message's until the
** end: memory is lent to the buffers that are made of it, and can be had back.
*/
#include <string.h>

#include "../bytes.h"
#include "threads.h"

typedef struct reader {
  lua_State *L;
  lwt_uv_transport *t;
  lwt_uv_message *m;
  const unsigned char *p;
  int list;   /* stack index: numbered objects, and from nobjects + 1 on buffers */
  unsigned n; /* objects so far */
} reader;

static void get(reader *r, void *to, size_t n) {
  memcpy(to, r->p, n);
  r->p += n;
}

static unsigned get_number(reader *r) {
  unsigned n;
  get(r, &n, sizeof n);
  return n;
}

static size_t get_count(reader *r) {
  size_t n;
  get(r, &n, sizeof n);
  return n;
}

/* Give the object at the top the next number. */
static void number(reader *r) {
  lua_pushvalue(r->L, -1);
  lua_rawseti(r->L, r->list, ++r->n);
}

static void push_text(reader *r, size_t len) {
  lua_pushlstring(r->L, (const char *)r->p, len);
  r->p += len;
}

static const char *get_name(reader *r, size_t *len) {
  *len = get_count(r);
  const char *name = (const char *)r->p;
  r->p += *len + 1;
  return name;
}

static void push_table(reader *r) {
  int n = (int)get_number(r), pairs = (int)get_number(r); /* bounded by the sender */
  lua_createtable(r->L, n, pairs);
  number(r);
}

/* Buffers and channels need lwt.uv: a worker loads it when it first meets one. */
static lwt_uv *need_context(reader *r) {
  static const char *const modules[] = {"lwt", "lwt.uv"};
  for (int i = 0; i < 2 && r->t->ctx == NULL; i++) {
    lua_getglobal(r->L, "require");
    lua_pushstring(r->L, modules[i]);
    lua_call(r->L, 1, 0);
  }
  if (r->t->ctx == NULL) luaL_error(r->L, "lwt.uv cannot be used in this Lua state");
  return r->t->ctx;
}

/* Bytes: the memory becomes this state's with its first view. */
static void push_bytes(reader *r, int first) {
  lua_State *L = r->L;
  lwt_uv *ctx = need_context(r);
  unsigned i = get_number(r);
  size_t ofs = get_count(r), len = get_count(r);
  lua_Integer key = (lua_Integer)r->m->nobjects + 1 + i;
  lwt_uv_ref *ref = &r->m->refs[i];
  if (first) {
    lwt_uv_parcel parcel = {.data = ref->p, .size = ref->size};
    lwt_uv_push_parcel(ctx, L, &parcel, ofs, len);
    ref->p = lwt_uv_bytes_mem(L, -1, &ofs, &len);
    ref->kind = LWT_UV_REF_TAKEN;
    lwt_uv_mem_pin(ref->p);
    lua_pushvalue(L, -1);
    lua_rawseti(L, r->list, key);
  } else {
    lua_rawgeti(L, r->list, key);
    lwt_uv_push_view(ctx, L, -1, ofs, len);
    lua_remove(L, -2);
  }
}

static void push_channel(reader *r) {
  lua_State *L = r->L;
  lwt_uv_ref *ref = &r->m->refs[get_number(r)];
  lwt_uv_push_thread_channel(need_context(r), L, ref->p);
}

static void push_value(reader *r) {
  lua_State *L = r->L;
  lua_Integer integer;
  lua_Number number_;
  size_t len;
  const char *name;
  void *p;
  switch (*r->p++) {
  case LWT_UV_T_FALSE: lua_pushboolean(L, 0); break;
  case LWT_UV_T_TRUE: lua_pushboolean(L, 1); break;
  case LWT_UV_T_BYTE: lua_pushinteger(L, *r->p++); break;
  case LWT_UV_T_INTEGER:
    get(r, &integer, sizeof integer);
    lua_pushinteger(L, integer);
    break;
  case LWT_UV_T_FLOAT:
    get(r, &number_, sizeof number_);
    lua_pushnumber(L, number_);
    break;
  case LWT_UV_T_SHORT:
    len = *r->p++;
    push_text(r, len);
    break;
  case LWT_UV_T_STRING:
    len = get_count(r);
    push_text(r, len);
    break;
  case LWT_UV_T_LIGHT:
    get(r, &p, sizeof p);
    lua_pushlightuserdata(L, p);
    break;
  case LWT_UV_T_NAME:
    name = get_name(r, &len);
    lwt_uv_push_named(L, name, len);
    break;
  case LWT_UV_T_META:
    name = get_name(r, &len);
    lwt_uv_push_metatable(L, name);
    break;
  case LWT_UV_T_OBJECT: lua_rawgeti(L, r->list, get_number(r)); break;
  case LWT_UV_T_TABLE: push_table(r); break;
  case LWT_UV_T_CODE: lwt_uv_push_code(L, r->t, r->m->refs[get_number(r)].p); break;
  case LWT_UV_T_FUNCTION:
    lwt_uv_push_code(L, r->t, r->m->refs[get_number(r)].p);
    number(r);
    break;
  case LWT_UV_T_BYTES: push_bytes(r, 1); break;
  case LWT_UV_T_VIEW: push_bytes(r, 0); break;
  case LWT_UV_T_CHANNEL: push_channel(r); break;
  case LWT_UV_T_ENV: lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS); break;
  default: lua_pushnil(L);
  }
}

/* The table at the top gets its contents. */
static void fill_table(reader *r) {
  lua_State *L = r->L;
  int table = lua_gettop(L);
  size_t n = get_count(r);
  for (size_t i = 1; i <= n; i++) {
    push_value(r);
    lua_rawseti(L, table, (lua_Integer)i);
  }
  while (*r->p != LWT_UV_T_END) {
    push_value(r);
    push_value(r);
    lua_rawset(L, table);
  }
  r->p++;
  if (*r->p == LWT_UV_T_NIL) {
    r->p++;
  } else {
    push_value(r);
    lua_setmetatable(L, table);
  }
}

/* The function at the top gets its upvalues. */
static void fill_function(reader *r) {
  lua_State *L = r->L;
  int f = lua_gettop(L);
  for (int i = 1; lua_getupvalue(L, f, i) != NULL; i++) {
    lua_pop(L, 1);
    if (*r->p == LWT_UV_T_JOIN) {
      r->p++;
      unsigned id = get_number(r);
      int upvalue = (int)get_number(r);
      lua_rawgeti(L, r->list, id);
      lua_upvaluejoin(L, f, i, -1, upvalue);
      lua_pop(L, 1);
    } else {
      push_value(r);
      lua_setupvalue(L, f, i);
    }
  }
}

int lwt_uv_unpack_begin(lua_State *L, lwt_uv_message *m) {
  reader r = {.L = L, .m = m, .p = m->data};
  int i, top = lua_gettop(L);
  luaL_checkstack(L, m->nvalues + 16, "too many values");
  r.t = lwt_uv_transport_of(L);
  r.list = top + 1;
  if (m->nobjects > 0 || m->nrefs > 0)
    lua_createtable(L, (int)(m->nobjects < 1u << 24 ? m->nobjects : 1u << 24), 0);
  else
    lua_pushnil(L);
  for (i = 0; i < m->nvalues; i++) push_value(&r);
  for (unsigned id = 1; id <= m->nobjects; id++) {
    int type = lua_rawgeti(L, r.list, id);
    if (type == LUA_TTABLE)
      fill_table(&r);
    else
      fill_function(&r);
    lua_pop(L, 1);
  }
  lua_remove(L, r.list);
  return m->nvalues;
}

int lwt_uv_unpack(lua_State *L, lwt_uv_message *m) {
  int n = lwt_uv_unpack_begin(L, m);
  lwt_uv_unpack_end(m);
  return n;
}
