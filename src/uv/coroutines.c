/* coroutines.c: all coroutines of a Lua state.
**
** A hook belongs to a coroutine, and Lua does not tell which one is running; but the allocator
** sees every coroutine made and freed. So another thread or a signal handler that wants
** to interrupt whatever runs hooks all of them. Lua allows lua_sethook in a signal
** handler (lua.c does so). A hook that counts instructions cannot be there all the time:
** it doubles the time that Lua code takes.
*/
#include "coroutines.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <lauxlib.h>

struct lwt_uv_coroutines {
  lua_State *L;
  lua_Alloc alloc; /* the state's own allocator, which ours hands on to */
  void *alloc_data;
  size_t used, limit; /* bytes; limit 0: none */
  /* A hash set. Only the thread itself touches it. */
  void **set;
  size_t set_size, nset; /* a power of two; removed ones leave TOMBSTONE */
  size_t nused;
  size_t thread_size; /* the size of a coroutine's block, 0: none made yet */
  void *fresh;        /* made, but not yet initialised by Lua */
  volatile sig_atomic_t busy, late, count;
  lua_Hook volatile hook; /* NULL: none */
};

/* Lua's own, or NULL. */
static _Atomic(lua_CFunction) lua_pcall_function, lua_xpcall_function;

#define TOMBSTONE ((void *)1)

static lua_State *state_of(void *block) {
  return (lua_State *)(void *)((char *)block + LUA_EXTRASPACE);
}

static void *block_of(lua_State *L) {
  return (char *)(void *)L - LUA_EXTRASPACE;
}

static void set_hook(const lwt_uv_coroutines *s, lua_State *L) {
  lua_sethook(L, s->hook, s->hook != NULL ? LUA_MASKCOUNT : 0, s->count);
}

/* In the thread, in a signal handler or where the allocator has just finished. */
static void hook_all(lwt_uv_coroutines *s) {
  if (s->busy) {
    s->late = 1;
    return;
  }
  if (s->L != NULL) set_hook(s, s->L);
  for (size_t i = 0; i < s->set_size; i++)
    if (s->set[i] != NULL && s->set[i] != TOMBSTONE) set_hook(s, state_of(s->set[i]));
}

/* Between these the set is being changed: a hook that is asked for meanwhile is set after it. */
static void enter(lwt_uv_coroutines *s) {
  s->busy = 1;
  atomic_signal_fence(memory_order_seq_cst);
}

static void leave(lwt_uv_coroutines *s) {
  atomic_signal_fence(memory_order_seq_cst);
  s->busy = 0;
  if (!s->late) return;
  s->late = 0;
  hook_all(s);
}

/* ---- The set ---------------------------------------------------------------------------- */

static size_t hash(const lwt_uv_coroutines *s, const void *p) {
  return ((size_t)p >> 4) * (size_t)0x9E3779B97F4A7C15u >> 20 & (s->set_size - 1);
}

static void insert(lwt_uv_coroutines *s, void *p) {
  size_t i = hash(s, p);
  while (s->set[i] != NULL && s->set[i] != TOMBSTONE) i = (i + 1) & (s->set_size - 1);
  s->nused += s->set[i] == NULL;
  s->set[i] = p;
  s->nset++;
}

static int reserve(lwt_uv_coroutines *s) {
  void **old = s->set;
  size_t old_size = s->set_size, size;
  if ((s->nused + 2) * 2 <= old_size) return 1;
  size = s->nset * 4 < 64 ? 64 : 1;
  while (size < s->nset * 4) size *= 2;
  void **set = calloc(size, sizeof *set);
  if (set == NULL) return 0;
  s->set = set;
  s->set_size = size;
  s->nset = s->nused = 0;
  for (size_t i = 0; i < old_size; i++)
    if (old[i] != NULL && old[i] != TOMBSTONE) insert(s, old[i]);
  free(old);
  return 1;
}

static void forget(lwt_uv_coroutines *s, const void *p) {
  if (s->set_size == 0) return;
  for (size_t i = hash(s, p); s->set[i] != NULL; i = (i + 1) & (s->set_size - 1))
    if (s->set[i] == p) {
      s->set[i] = TOMBSTONE;
      s->nset--;
      return;
    }
}

/* The coroutine made last is initialised by the time that Lua allocates again. */
static void settle(lwt_uv_coroutines *s) {
  void *fresh = s->fresh;
  if (fresh == NULL) return;
  s->fresh = NULL;
  insert(s, fresh); /* there is room: see below */
  if (s->hook != NULL) set_hook(s, state_of(fresh));
}

static void *watching_alloc(void *data, void *p, size_t osize, size_t nsize) {
  lwt_uv_coroutines *s = data;
  size_t old = p == NULL ? 0 : osize;
  int is_thread = p == NULL && osize == LUA_TTHREAD;
  if (s->limit > 0 && nsize > old && s->used + (nsize - old) > s->limit) return NULL;
  enter(s);
  if (nsize == 0 && p != NULL && p == s->fresh) s->fresh = NULL;
  settle(s);
  if (nsize == 0 && p != NULL && state_of(p) == s->L)
    s->L = NULL; /* closed: the last block */
  if (nsize == 0 && p != NULL && (s->thread_size == 0 || old == s->thread_size))
    forget(s, p); /* of a size not known yet: any block */
  void *q = NULL;
  if (!is_thread || reserve(s)) {
    q = s->alloc(s->alloc_data, p, osize, nsize);
    if (q != NULL || nsize == 0) s->used += nsize - old;
    if (is_thread && q != NULL) {
      s->thread_size = nsize;
      s->fresh = q;
    }
  }
  leave(s);
  return q;
}

/* ---- Raising -------------------------------------------------------------------------- */

static int as_it_is(lua_State *L) {
  lua_settop(L, 1);
  return 1;
}

/* The message handler of the innermost protected call is the second value in the frame of `xpcall`.
** One in C, such as debug.traceback, comes to its end. */
static void silence_handler(lua_State *L) {
  lua_Debug ar;
  for (int level = 0; lua_getstack(L, level, &ar); level++) {
    lua_CFunction f;
    lua_getinfo(L, "f", &ar);
    f = lua_tocfunction(L, -1);
    lua_pop(L, 1);
    if (f == NULL) continue;
    if (f == atomic_load(&lua_pcall_function)) return;
    if (f != atomic_load(&lua_xpcall_function)) continue;
    if (lua_getlocal(L, &ar, 2) == NULL) return;
    int is_lua = lua_isfunction(L, -1) && !lua_iscfunction(L, -1);
    lua_pop(L, 1);
    if (!is_lua) return;
    lua_pushcfunction(L, as_it_is);
    lua_setlocal(L, &ar, 2);
    return;
  }
}

void lwt_uv_coroutines_raise(lua_State *L) {
  if (lua_checkstack(L, 2)) silence_handler(L);
  lua_error(L);
}

static lua_CFunction function_of(lua_State *L, const char *name) {
  lua_CFunction f;
  lua_getglobal(L, name);
  f = lua_tocfunction(L, -1);
  lua_pop(L, 1);
  return f;
}

void lwt_uv_coroutines_open(lua_State *L) {
  lua_CFunction pcall = function_of(L, "pcall"), xpcall = function_of(L, "xpcall");
  if (pcall != NULL) atomic_store(&lua_pcall_function, pcall);
  if (xpcall != NULL) atomic_store(&lua_xpcall_function, xpcall);
}

/* ---- What is called --------------------------------------------------------------------- */

lwt_uv_coroutines *lwt_uv_coroutines_new(lua_State *L, size_t limit) {
  lwt_uv_coroutines *s = calloc(1, sizeof *s);
  if (s == NULL) return NULL;
  s->L = L;
  s->alloc = lua_getallocf(L, &s->alloc_data);
  s->used = (size_t)lua_gc(L, LUA_GCCOUNT) * 1024 + (size_t)lua_gc(L, LUA_GCCOUNTB);
  s->limit = limit;
  lua_setallocf(L, watching_alloc, s);
  return s;
}

void lwt_uv_coroutines_return(lwt_uv_coroutines *s) {
  lua_setallocf(s->L, s->alloc, s->alloc_data);
}

void lwt_uv_coroutines_free(lwt_uv_coroutines *s) {
  free(s->set);
  free(s);
}

void lwt_uv_coroutines_add(lwt_uv_coroutines *s, lua_State *co) {
  void *block = block_of(co);
  if (co == s->L) return;
  enter(s);
  forget(s, block);
  if (reserve(s)) insert(s, block);
  leave(s);
}

void lwt_uv_coroutines_hook(lwt_uv_coroutines *s, lua_Hook f, int count) {
  s->count = count;
  s->hook = f;
  hook_all(s);
}
