/* transport.c: what a Lua state keeps for sending and receiving messages, and functions
** as code.
**
** A function travels as its dump, once per state that meets it: dumps are shared by all
** messages (lwt_uv_code, counted), the sender finds that of a closure in a weak table,
** and the receiver keeps the functions that it has loaded. Only one without upvalues
** (but _ENV) may be kept: others get fresh upvalues each time.
*/
#include <stdlib.h>
#include <string.h>

#include "threads.h"

static const char transport_key = 0; /* its address is the registry's key */

/* ---- The transport ------------------------------------------------------------------ */

static int l_transport_gc(lua_State *L) {
  lwt_uv_transport *t = lua_touserdata(L, 1);
  t->closed = 1;
  for (int i = 0; t->cached != NULL && i < LWT_UV_CODES; i++)
    if (t->cached[i] != NULL) lwt_uv_code_release(t->cached[i]);
  free(t->cached);
  t->cached = NULL;
  return 0;
}

static int l_code_gc(lua_State *L) {
  lwt_uv_code **box = lua_touserdata(L, 1);
  if (*box != NULL) lwt_uv_code_release(*box);
  *box = NULL;
  return 0;
}

static int new_table(lua_State *L, const char *mode) {
  lua_newtable(L);
  if (mode != NULL) {
    lua_createtable(L, 0, 1);
    lua_pushstring(L, mode);
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
  }
  return luaL_ref(L, LUA_REGISTRYINDEX);
}

static int new_meta(lua_State *L, lua_CFunction gc) {
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, gc);
  lua_setfield(L, -2, "__gc");
  return luaL_ref(L, LUA_REGISTRYINDEX);
}

static lwt_uv_transport *new_transport(lua_State *L) {
  luaL_checkstack(L, 8, NULL);
  lwt_uv_transport *t = lua_newuserdatauv(L, sizeof *t, 0);
  memset(t, 0, sizeof *t);
  lua_rawgeti(L, LUA_REGISTRYINDEX, new_meta(L, l_transport_gc));
  lua_setmetatable(L, -2);
  t->by_function = new_table(L, "k");
  t->by_text = new_table(L, "v");
  t->names = new_table(L, "k");
  t->loaded = new_table(L, NULL);
  t->code_meta = new_meta(L, l_code_gc);
  t->receipt_meta = new_meta(L, lwt_uv_receipt_gc);
  t->writer_meta = new_meta(L, lwt_uv_writer_gc);
  lua_pushboolean(L, 0);
  t->writer_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &transport_key);
  lwt_uv_names_refresh(L, t, 1);
  return t;
}

lwt_uv_transport *lwt_uv_transport_of(lua_State *L) {
  luaL_checkstack(L, 1, NULL);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &transport_key);
  lwt_uv_transport *t = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return t != NULL ? t : new_transport(L);
}

/* ---- Sending code ----------------------------------------------------------------------- */

void lwt_uv_code_release(lwt_uv_code *code) {
  if (atomic_fetch_sub_explicit(&code->refs, 1, memory_order_acq_rel) == 1) free(code);
}

static lwt_uv_code *retain(lwt_uv_code *code) {
  atomic_fetch_add_explicit(&code->refs, 1, memory_order_relaxed);
  return code;
}

typedef struct dump {
  int begun;
  luaL_Buffer b;
} dump;

static int add_piece(lua_State *L, const void *p, size_t n, void *data) {
  dump *d = data;
  if (!d->begun) {
    d->begun = 1;
    luaL_buffinit(L, &d->b);
  }
  luaL_addlstring(&d->b, p, n);
  return 0;
}

/* Push the dump of the Lua function at `idx`: with its names and lines, for tracebacks. */
static void push_dump(lua_State *L, int idx) {
  dump d = {.begun = 0};
  lua_pushvalue(L, idx);
  lua_dump(L, add_piece, &d, 0);
  luaL_pushresult(&d.b);
  lua_remove(L, -2);
}

/* The dump is at the top: push a new code userdata for it, or nil without memory. */
static lwt_uv_code *new_code(lua_State *L, lwt_uv_transport *t, int idx) {
  size_t len;
  const char *text = lua_tolstring(L, -1, &len), *name;
  lwt_uv_code **box = lua_newuserdatauv(L, sizeof(void *), 0);
  *box = NULL;
  lua_rawgeti(L, LUA_REGISTRYINDEX, t->code_meta);
  lua_setmetatable(L, -2);
  lwt_uv_code *code = malloc(sizeof *code + len);
  if (code == NULL) return NULL;
  atomic_init(&code->refs, 1);
  code->len = len;
  code->simple = 1;
  code->nups = 0;
  memcpy(code->text, text, len);
  while ((name = lua_getupvalue(L, idx, code->nups + 1)) != NULL) {
    code->simple &= strcmp(name, "_ENV") == 0;
    code->nups++;
    lua_pop(L, 1);
  }
  *box = code;
  return code;
}

/* Of a Lua function that is not known: find or make its code. */
static int dump_function(lua_State *L, lwt_uv_transport *t, int idx, lwt_uv_code **code,
                         int *again) {
  int top = lua_gettop(L);
  push_dump(L, idx);
  lua_rawgeti(L, LUA_REGISTRYINDEX, t->by_text);
  lua_pushvalue(L, top + 1);
  lua_rawget(L, top + 2);
  lwt_uv_code **box = lua_touserdata(L, -1);
  if (box == NULL) {
    /* Never seen. Perhaps it belongs to a module that is new. */
    if (lwt_uv_names_refresh(L, t, 0)) {
      *again = 1;
      if (lwt_uv_name_of(L, t, idx, 1)) {
        lua_replace(L, top + 1);
        lua_settop(L, top + 1);
        return LWT_UV_CODE_NAMED;
      }
    }
    lua_pushvalue(L, top + 1);
    *code = new_code(L, t, idx);
    if (*code == NULL) {
      lua_settop(L, top);
      return LWT_UV_CODE_FAILED;
    }
    lua_pushvalue(L, top + 1); /* by_text[dump] = code */
    lua_pushvalue(L, -2);
    lua_rawset(L, top + 2);
  } else {
    *code = *box;
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, t->by_function);
  lua_pushvalue(L, idx);
  lua_pushvalue(L, -3);
  lua_rawset(L, -3);
  lua_settop(L, top);
  retain(*code);
  return LWT_UV_CODE_DUMPED;
}

int lwt_uv_code_of(lua_State *L, lwt_uv_transport *t, int idx, lwt_uv_code **code,
                   int *again) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, t->by_function);
  lua_pushvalue(L, idx);
  lua_rawget(L, -2);
  lwt_uv_code **box = lua_touserdata(L, -1);
  lua_pop(L, 2);
  if (box != NULL) {
    *code = retain(*box);
    return LWT_UV_CODE_DUMPED;
  }
  luaL_checkstack(L, 12, NULL);
  if (lwt_uv_name_of(L, t, idx, 1)) return LWT_UV_CODE_NAMED;
  if (!lua_iscfunction(L, idx)) return dump_function(L, t, idx, code, again);
  if (lwt_uv_names_refresh(L, t, 1)) {
    *again = 1;
    if (lwt_uv_name_of(L, t, idx, 1)) return LWT_UV_CODE_NAMED;
  }
  return LWT_UV_CODE_NONE;
}

/* ---- Receiving code ------------------------------------------------------------------------ */

typedef struct piece {
  const char *p;
  size_t n;
} piece;

static const char *next_piece(lua_State *L, void *data, size_t *size) {
  piece *s = data;
  const char *p = s->p;
  (void)L;
  *size = s->n;
  s->p = NULL;
  s->n = 0;
  return p;
}

static void load_code(lua_State *L, const lwt_uv_code *code) {
  piece s = {.p = code->text, .n = code->len};
  if (lua_load(L, next_piece, &s, "=(detached)", "b") != LUA_OK) lua_error(L);
}

/* Keep the function at the top, in place of the one kept longest. */
static void keep(lua_State *L, lwt_uv_transport *t, lwt_uv_code *code) {
  if (t->cached == NULL && !t->closed) t->cached = calloc(LWT_UV_CODES, sizeof(void *));
  if (t->cached == NULL) return;
  lua_rawgeti(L, LUA_REGISTRYINDEX, t->loaded);
  lua_pushvalue(L, -2);
  lua_rawsetp(L, -2, code);
  lwt_uv_code *old = t->cached[t->ncached];
  t->cached[t->ncached] = retain(code);
  t->ncached = (t->ncached + 1) % LWT_UV_CODES;
  if (old != NULL) {
    lua_pushnil(L);
    lua_rawsetp(L, -2, old);
    lwt_uv_code_release(old);
  }
  lua_pop(L, 1);
}

void lwt_uv_push_code(lua_State *L, lwt_uv_transport *t, lwt_uv_code *code) {
  if (code->simple) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, t->loaded);
    lua_rawgetp(L, -1, code);
    lua_remove(L, -2);
    if (!lua_isnil(L, -1)) return;
    lua_pop(L, 1);
  }
  load_code(L, code);
  if (code->simple) keep(L, t, code);
}
