/* pack.c: packing Lua values into a message.
**
** The format: the values, one after another; then the contents of every table and
** function that was numbered on the way, in the order of their numbers, which may
** number further ones. So there is no recursion, whatever the depth, and cycles and
** shared parts are nothing special: the second time a number is written.
**
**   contents of a table: count n, n values (1 … n), key and value pairs, END, metatable
**   (NIL, NAME or META); of a function: each upvalue (a value, ENV or JOIN). Where a table
**   is numbered stands how large to make it.
**
** Packing allocates, and whatever allocates may run a finalizer, which may send something
** itself. So packing takes the state's writer, and a packing inside it makes another one.
** Buffers are pinned from when they are met until they are moved: so they are not sent
** otherwise, or freed, in between.
*/
#include <stdlib.h>
#include <string.h>

#include "writer.h"

typedef lwt_uv_writer writer;
typedef lwt_uv_seen seen;
typedef lwt_uv_object object;

/* ---- Memory -------------------------------------------------------------------------- */

static void *grow(writer *w, void *p, size_t need, size_t *size, size_t item) {
  size_t n = *size < 16 ? 16 : *size;
  while (n < need) n *= 2;
  void *q = realloc(p, n * item);
  if (q == NULL) {
    w->failed = 1;
    return p;
  }
  *size = n;
  return q;
}

static void put(writer *w, const void *p, size_t n) {
  if (w->len + n > w->size) w->data = grow(w, w->data, w->len + n, &w->size, 1);
  if (w->failed) return;
  memcpy(w->data + w->len, p, n);
  w->len += n;
}

static void put_tag(writer *w, int tag) {
  unsigned char c = (unsigned char)tag;
  put(w, &c, 1);
}

static void put_count(writer *w, size_t n) {
  put(w, &n, sizeof n);
}

static void put_number(writer *w, unsigned n) {
  put(w, &n, sizeof n);
}

static void put_name(writer *w, int tag) { /* the string at the top, popped */
  size_t len;
  const char *s = lua_tolstring(w->L, -1, &len);
  put_tag(w, tag);
  put_count(w, len);
  put(w, s, len + 1);
  lua_pop(w->L, 1);
}

/* Number of the new ref. Takes over the reference to a code or channel, or the pin of a
** memory, which is noted, and moved at the end. */
static unsigned put_ref(writer *w, int kind, void *p) {
  lwt_uv_ref ref = {.kind = kind, .p = p};
  size_t size = (size_t)w->refs_size;
  if (w->nrefs == w->refs_size) {
    w->refs = grow(w, w->refs, size + 1, &size, sizeof *w->refs);
    w->refs_size = (int)size;
  }
  if (w->failed) { /* perhaps there was no room */
    if (kind == LWT_UV_REF_PARCEL)
      lwt_uv_mem_unpin(p);
    else
      lwt_uv_ref_release(&ref);
    return 0;
  }
  w->refs[w->nrefs] = ref;
  return (unsigned)w->nrefs++;
}

/* The last ref is not needed after all. */
static void drop_ref(writer *w) {
  lwt_uv_ref *ref = &w->refs[--w->nrefs];
  if (ref->kind == LWT_UV_REF_PARCEL)
    lwt_uv_mem_unpin(ref->p);
  else
    lwt_uv_ref_release(ref);
}

static void clear(writer *w) {
  while (w->nrefs > 0) drop_ref(w);
  w->len = 0;
  w->nobjects = 0;
  w->nseen = 0;
  w->failed = w->again = 0;
  w->list = 0;
  if (++w->round == 0) {
    if (w->table != NULL) memset(w->table, 0, w->table_size * sizeof *w->table);
    w->round = 1;
  }
}

/* What a large message needed is not kept for ever. */
static void shrink(writer *w) {
  if (w->size > 256 * 1024) {
    free(w->data);
    w->data = NULL;
    w->size = 0;
  }
  if (w->table_size > 16 * 1024) {
    free(w->table);
    free(w->objects);
    w->table = NULL;
    w->objects = NULL;
    w->table_size = 0;
    w->objects_size = 0;
  }
}

int lwt_uv_writer_gc(lua_State *L) {
  writer *w = lua_touserdata(L, 1);
  clear(w);
  free(w->data);
  free(w->refs);
  free(w->table);
  free(w->objects);
  memset(w, 0, sizeof *w);
  return 0;
}

/* Push the state's writer, and take it away from the others; or a new one. */
static writer *take_writer(lua_State *L, lwt_uv_transport *t) {
  writer *w = t->writer;
  if (w != NULL) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, t->writer_ref);
    t->writer = NULL;
    return w;
  }
  w = lua_newuserdatauv(L, sizeof *w, 0);
  memset(w, 0, sizeof *w);
  lua_rawgeti(L, LUA_REGISTRYINDEX, t->writer_meta);
  lua_setmetatable(L, -2);
  return w;
}

void lwt_uv_writer_keep(writer *w) {
  clear(w);
  shrink(w);
  lua_pushvalue(w->L, w->first - 2);
  lua_rawseti(w->L, LUA_REGISTRYINDEX, w->t->writer_ref);
  w->t->writer = w;
}

/* ---- What has been seen ------------------------------------------------------------------ */

static seen *slot_of(const writer *w, const void *key) {
  size_t mask = w->table_size - 1;
  size_t i = ((size_t)key >> 4) * (size_t)0x9E3779B97F4A7C15u >> 20 & mask;
  while (w->table[i].round == w->round && w->table[i].key != key) i = (i + 1) & mask;
  return &w->table[i];
}

static int grow_seen(writer *w) {
  size_t old_size = w->table_size;
  seen *old = w->table;
  w->table_size = old_size < 32 ? 32 : old_size * 2;
  w->table = calloc(w->table_size, sizeof *w->table);
  if (w->table == NULL) {
    w->table = old;
    w->table_size = old_size;
    w->failed = 1;
    return 0;
  }
  for (size_t i = 0; i < old_size; i++)
    if (old[i].round == w->round) *slot_of(w, old[i].key) = old[i];
  free(old);
  return 1;
}

/* The entry of `key`: new (id 0) unless it has been seen. NULL: no memory. */
static seen *see(writer *w, const void *key) {
  if (w->nseen * 2 >= w->table_size && !grow_seen(w)) return NULL;
  seen *s = slot_of(w, key);
  if (s->round != w->round) {
    *s = (seen){.key = key, .round = w->round};
    w->nseen++;
  }
  return s;
}

/* Number the table or function at `idx`. */
static unsigned number(writer *w, int idx) {
  lua_State *L = w->L;
  if (w->nobjects + 1 >= w->objects_size) {
    size_t size = w->objects_size;
    w->objects = grow(w, w->objects, (size_t)w->nobjects + 2, &size, sizeof *w->objects);
    if (w->failed) return 0;
    w->objects_size = (unsigned)size;
  }
  unsigned id = ++w->nobjects;
  w->objects[id] = (object){.parent = w->id, .part = w->part};
  lua_pushvalue(L, idx);
  lua_rawseti(L, w->list, id);
  return id;
}

/* Something that can only be sent by name has none: perhaps it is new. */
static int named_now(writer *w, int idx) {
  return lwt_uv_names_refresh(w->L, w->t, 1) && lwt_uv_name_of(w->L, w->t, idx, 1);
}

static void refuse_userdata(writer *w, int idx) {
  lua_State *L = w->L;
  const char *kind = "a userdata";
  if (luaL_getmetafield(L, idx, "__name") == LUA_TSTRING)
    kind = lua_pushfstring(L, "a userdata (%s)", lua_tostring(L, -1));
  lwt_uv_refuse(w, idx, kind);
}

/* ---- Values ---------------------------------------------------------------------------------- */

static void put_string(writer *w, int idx) {
  size_t len;
  const char *s = lua_tolstring(w->L, idx, &len);
  if (len < 256) {
    unsigned char head[2] = {LWT_UV_T_SHORT, (unsigned char)len};
    put(w, head, 2);
  } else {
    put_tag(w, LWT_UV_T_STRING);
    put_count(w, len);
  }
  put(w, s, len);
}

static void put_numeric(writer *w, int idx) {
  if (lua_isinteger(w->L, idx)) {
    lua_Integer n = lua_tointeger(w->L, idx);
    if (n >= 0 && n < 256) {
      unsigned char both[2] = {LWT_UV_T_BYTE, (unsigned char)n};
      put(w, both, 2);
    } else {
      put_tag(w, LWT_UV_T_INTEGER);
      put(w, &n, sizeof n);
    }
  } else {
    lua_Number n = lua_tonumber(w->L, idx);
    put_tag(w, LWT_UV_T_FLOAT);
    put(w, &n, sizeof n);
  }
}

static void need_list(writer *w) {
  if (w->list != 0) return;
  /* Below everything else that is pushed from now on: replaces the reserved slot. */
  lua_createtable(w->L, 4, 0);
  w->list = w->first - 1;
  lua_replace(w->L, w->list);
}

/* Write the number of an object that has been seen. */
static int put_seen(writer *w, seen *s) {
  if (s == NULL) return 1; /* failed */
  if (s->id == 0) return 0;
  put_tag(w, LWT_UV_T_OBJECT);
  put_number(w, s->id);
  return 1;
}

static unsigned hint(size_t n) {
  return n < 1u << 24 ? (unsigned)n : 1u << 24;
}

static void put_table(writer *w, int idx) {
  need_list(w);
  seen *s = see(w, lua_topointer(w->L, idx));
  if (put_seen(w, s)) return;
  if (lwt_uv_name_of(w->L, w->t, idx, 0)) {
    put_name(w, LWT_UV_T_NAME);
    return;
  }
  if (lua_getmetatable(w->L, idx)) {
    lua_pop(w->L, 1);
    if (!w->refreshed) {
      w->refreshed = 1;
      w->again |= lwt_uv_names_refresh(w->L, w->t, 0);
    }
    if (lwt_uv_name_of(w->L, w->t, idx,
                       1)) { /* lwt.Timeout and its like: not just any copy */
      put_name(w, LWT_UV_T_NAME);
      return;
    }
  }
  s->id = number(w, idx);
  put_tag(w, LWT_UV_T_TABLE);
  put_number(w, hint(lua_rawlen(w->L, idx)));
  if (!w->failed) w->objects[s->id].at = w->len;
  put_number(w, 0);
}

static void put_code(writer *w, int idx, lwt_uv_code *code) {
  int simple = code->simple;
  unsigned ref = put_ref(w, LWT_UV_REF_CODE, code);
  if (w->failed) return;
  if (simple) {
    put_tag(w, LWT_UV_T_CODE);
    put_number(w, ref);
    return;
  }
  need_list(w);
  seen *s = see(w, lua_topointer(w->L, idx));
  if (put_seen(w, s)) {
    drop_ref(w);
    return;
  }
  s->id = number(w, idx);
  put_tag(w, LWT_UV_T_FUNCTION);
  put_number(w, ref);
}

static void put_function(writer *w, int idx) {
  lwt_uv_code *code;
  switch (lwt_uv_code_of(w->L, w->t, idx, &code, &w->again)) {
  case LWT_UV_CODE_NAMED: put_name(w, LWT_UV_T_NAME); break;
  case LWT_UV_CODE_DUMPED: put_code(w, idx, code); break;
  case LWT_UV_CODE_NONE: lwt_uv_refuse(w, idx, "a C function"); break;
  default: w->failed = 1;
  }
}

static const char in_use[] = "bytes that an operation under way uses";

static void put_bytes(writer *w, int idx) {
  size_t ofs, len;
  lwt_uv_mem *mem = lwt_uv_bytes_mem(w->L, idx, &ofs, &len);
  if (mem == NULL || mem->data == NULL) {
    lwt_uv_refuse(w, idx, "bytes that were moved to another thread");
    return;
  }
  seen *s = see(w, mem);
  if (s == NULL) return;
  put_tag(w, s->id == 0 ? LWT_UV_T_BYTES : LWT_UV_T_VIEW);
  if (s->id == 0) {
    if (mem->pins > 0) lwt_uv_refuse(w, idx, in_use);
    lwt_uv_mem_pin(mem);
    s->id = put_ref(w, LWT_UV_REF_PARCEL, mem) + 1;
  }
  put_number(w, s->id - 1);
  put_count(w, ofs);
  put_count(w, len);
}

static void put_userdata(writer *w, int idx) {
  lua_State *L = w->L;
  lwt_uv *ctx = w->t->ctx;
  if (ctx != NULL && lwt_uv_test(ctx, L, idx, LWT_UV_BYTES) != NULL) {
    put_bytes(w, idx);
    return;
  }
  void **box = ctx == NULL ? NULL : lwt_uv_test(ctx, L, idx, LWT_UV_THREAD_CHANNEL);
  if (box != NULL) {
    if (*box == NULL) lwt_uv_refuse(w, idx, "a thread channel that was collected");
    unsigned ref = put_ref(w, LWT_UV_REF_CHANNEL, lwt_uv_thread_channel_retain(*box));
    put_tag(w, LWT_UV_T_CHANNEL);
    put_number(w, ref);
  } else if (lwt_uv_name_of(L, w->t, idx, 1) || named_now(w, idx)) {
    put_name(w, LWT_UV_T_NAME);
  } else if (ctx != NULL && ctx->lwt->is_promise(ctx->lwt, L, idx)) {
    lwt_uv_refuse(w, idx, "a promise");
  } else {
    refuse_userdata(w, idx);
  }
}

static void put_value(writer *w, int idx) {
  lua_State *L = w->L;
  void *p;
  switch (lua_type(L, idx)) {
  case LUA_TNIL: put_tag(w, LWT_UV_T_NIL); break;
  case LUA_TBOOLEAN:
    put_tag(w, lua_toboolean(L, idx) ? LWT_UV_T_TRUE : LWT_UV_T_FALSE);
    break;
  case LUA_TNUMBER: put_numeric(w, idx); break;
  case LUA_TSTRING: put_string(w, idx); break;
  case LUA_TLIGHTUSERDATA:
    p = lua_touserdata(L, idx);
    put_tag(w, LWT_UV_T_LIGHT);
    put(w, &p, sizeof p);
    break;
  case LUA_TTABLE: put_table(w, idx); break;
  case LUA_TFUNCTION: put_function(w, idx); break;
  case LUA_TUSERDATA: put_userdata(w, idx); break;
  default: lwt_uv_refuse(w, idx, "a coroutine");
  }
}

/* ---- Contents ---------------------------------------------------------------------------------- */

static void put_metatable(writer *w, int table) {
  lua_State *L = w->L;
  if (!lua_getmetatable(L, table)) {
    put_tag(w, LWT_UV_T_NIL);
    return;
  }
  int mt = lua_gettop(L);
  int module = lwt_uv_name_of(L, w->t, mt, 0);
  if (!module && lwt_uv_metatable_name(L, mt)) {
    put_name(w, LWT_UV_T_META);
  } else if (module || lwt_uv_name_of(L, w->t, mt, 1) || named_now(w, mt)) {
    put_name(w, LWT_UV_T_NAME);
  } else {
    /* Tell the path to the table itself. */
    lua_pushvalue(L, table);
    w->part = w->objects[w->id].part;
    w->id = w->objects[w->id].parent;
    if (luaL_getmetafield(L, table, "__name") == LUA_TSTRING)
      lua_pushfstring(L, "a table whose metatable (%s) is not registered",
                      lua_tostring(L, -1));
    else
      lua_pushliteral(L, "a table whose metatable is not registered");
    lwt_uv_refuse(w, mt + 1, lua_tostring(L, -1));
  }
  lua_pop(L, 1);
}

static void put_table_contents(writer *w, int table) {
  lua_State *L = w->L;
  lua_Integer n = (lua_Integer)lua_rawlen(L, table), pairs = 0;
  put_count(w, (size_t)n);
  for (lua_Integer i = 1; i <= n && !w->failed; i++) {
    lua_rawgeti(L, table, i);
    put_value(w, table + 1);
    lua_pop(L, 1);
  }
  lua_pushnil(L);
  while (!w->failed && lua_next(L, table) != 0) {
    lua_Integer i = lua_isinteger(L, table + 1) ? lua_tointeger(L, table + 1) : 0;
    if (i < 1 || i > n) {
      put_value(w, table + 1);
      put_value(w, table + 2);
      pairs++;
    }
    lua_pop(L, 1);
  }
  lua_settop(L, table);
  put_tag(w, LWT_UV_T_END);
  if (!w->failed) {
    unsigned count = hint((size_t)pairs);
    memcpy(w->data + w->objects[w->id].at, &count, sizeof count);
  }
  put_metatable(w, table);
}

static void put_upvalues(writer *w, int f) {
  lua_State *L = w->L;
  const char *name;
  for (int i = 1; (name = lua_getupvalue(L, f, i)) != NULL && !w->failed; i++) {
    w->part = i;
    if (strcmp(name, "_ENV") == 0) {
      put_tag(w, LWT_UV_T_ENV);
    } else {
      /* Shared by two functions that are both sent: still shared when they arrive. */
      seen *s = see(w, lua_upvalueid(L, f, i));
      if (s != NULL && s->id != 0) {
        put_tag(w, LWT_UV_T_JOIN);
        put_number(w, s->id);
        put_number(w, s->upvalue);
      } else {
        if (s != NULL) {
          s->id = w->id;
          s->upvalue = (unsigned)i;
        }
        put_value(w, f + 1);
      }
    }
    lua_pop(L, 1);
  }
}

static void put_contents(writer *w) {
  lua_State *L = w->L;
  luaL_checkstack(L, 16, NULL);
  for (w->id = 1; w->id <= w->nobjects && !w->failed && !w->again; w->id++) {
    int type = lua_rawgeti(L, w->list, w->id);
    w->part = 0;
    if (type == LUA_TTABLE)
      put_table_contents(w, lua_gettop(L));
    else
      put_upvalues(w, lua_gettop(L));
    lua_pop(L, 1);
  }
}

/* ---- The message ---------------------------------------------------------------------------------- */

/* A finalizer has had the bytes written, say, since they were met. */
static void check_pins(writer *w) {
  for (int i = 0; i < w->nrefs; i++) {
    lwt_uv_mem *mem = w->refs[i].p;
    if (w->refs[i].kind != LWT_UV_REF_PARCEL || mem->pins == 1) continue;
    lua_pushvalue(w->L, w->first);
    w->id = 0;
    lwt_uv_refuse(w, lua_gettop(w->L), in_use);
  }
}

/* Everything has been accepted: make the message, move the buffers. Nothing raises. */
static lwt_uv_message *finish(writer *w, int n, lwt_uv_receipt *r) {
  lwt_uv_message *m = NULL;
  size_t refs = (size_t)w->nrefs * sizeof *w->refs;
  if (!w->failed) m = malloc(sizeof *m + refs + w->len);
  if (m == NULL) return NULL;
  m->len = w->len;
  m->nvalues = n;
  m->nrefs = w->nrefs;
  m->nobjects = w->nobjects;
  m->refs = (lwt_uv_ref *)(m + 1);
  m->data = (unsigned char *)(m->refs + w->nrefs);
  for (int i = 0; i < w->nrefs; i++)
    if (w->refs[i].kind == LWT_UV_REF_PARCEL) lwt_uv_move(&w->refs[i], i, r);
  if (refs > 0) memcpy(m->refs, w->refs, refs);
  if (w->len > 0) memcpy(m->data, w->data, w->len);
  w->nrefs = 0; /* the message's now */
  return m;
}

static void pack(writer *w, int first, int n) {
  for (int i = 0; i < n && !w->failed && !w->again; i++) {
    w->part = i + 1 - w->base;
    put_value(w, first + i);
  }
  if (w->nobjects > 0) put_contents(w);
}

lwt_uv_message *lwt_uv_pack(lua_State *L, int first, int n, const char *what, int base) {
  lwt_uv_transport *t = lwt_uv_transport_of(L);
  luaL_checkstack(L, 16, "too many values");
  if (t->closed) luaL_error(L, "this Lua state is being closed: nothing can be sent");
  writer *w = take_writer(L, t);
  lua_pushnil(L); /* becomes the list; it and the writer lie below the values */
  lua_rotate(L, first, 2);
  w->refreshed = 0;
  do {
    clear(w);
    w->L = L;
    w->t = t;
    w->what = what;
    w->base = base;
    w->first = first + 2;
    w->id = 0;
    pack(w, first + 2, n);
  } while (w->again);
  lwt_uv_receipt *r = lwt_uv_push_receipt(w);
  check_pins(w);
  lwt_uv_message *m = finish(w, n, r);
  lwt_uv_writer_keep(w);
  lua_rotate(L, first, -2);
  lua_pop(L, 2);
  return m;
}
