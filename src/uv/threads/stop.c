/* stop.c: making a thread that runs Lua code raise, from another thread.
**
** A hook that counts instructions would have to be there all the time, and doubles the
** time that Lua code takes. So there is none until it is needed: then the thread gets a
** signal, and its handler calls lua_sethook, which Lua allows there (lua.c does so). A
** hook belongs to a coroutine, and Lua does not tell which one is running; but the
** allocator sees every coroutine made and freed, so all of them get it.
**
** The signal is SIGURG, which nothing happens for by default; a handler that was there
** before is called for every SIGURG that is not ours. The handler stays for the life of
** the process, as does this library once a thread had to be stopped.
*/
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "threads.h"

#define STOP_SIGNAL SIGURG

struct lwt_uv_stop {
  lua_State *L;
  lua_Alloc alloc; /* the state's own allocator, which ours hands on to */
  void *alloc_data;
  size_t used, limit; /* bytes; limit 0: none */
  /* The coroutines, a hash set. Only the thread itself touches it. */
  void **set;
  size_t set_size, nset; /* a power of two; removed ones leave TOMBSTONE */
  size_t nused;
  size_t thread_size; /* the size of a coroutine's block, 0: none made yet */
  void *fresh;        /* made, but not yet initialised by Lua */
  volatile sig_atomic_t busy, hooked, late;
  atomic_int wanted;
};

#define TOMBSTONE ((void *)1)

/* One thread, one state: what the handler finds. Not in a block that is made when first used,
** for that is no time to allocate. (musl makes them all beforehand.) */
#ifdef __GLIBC__
#define STATIC_TLS __attribute__((tls_model("initial-exec")))
#else
#define STATIC_TLS
#endif
static _Thread_local lwt_uv_stop *volatile current STATIC_TLS;

/* ---- The hook ----------------------------------------------------------------------- */

static void hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  luaL_error(L, "stopped: the Lua state that this thread works for has closed");
}

static lua_State *state_of(void *block) {
  return (lua_State *)(void *)((char *)block + LUA_EXTRASPACE);
}

static void set_hook(lua_State *L) {
  lua_sethook(L, hook, LUA_MASKCOUNT, 1);
}

/* In the thread, in the handler or where the allocator has just finished. */
static void hook_all(lwt_uv_stop *s) {
  if (s->busy) {
    s->late = 1;
    return;
  }
  s->hooked = 1;
  if (s->L != NULL) set_hook(s->L);
  for (size_t i = 0; i < s->set_size; i++)
    if (s->set[i] != NULL && s->set[i] != TOMBSTONE) set_hook(state_of(s->set[i]));
}

/* ---- The coroutines --------------------------------------------------------------------- */

static size_t hash(const lwt_uv_stop *s, const void *p) {
  return ((size_t)p >> 4) * (size_t)0x9E3779B97F4A7C15u >> 20 & (s->set_size - 1);
}

static void insert(lwt_uv_stop *s, void *p) {
  size_t i = hash(s, p);
  while (s->set[i] != NULL && s->set[i] != TOMBSTONE) i = (i + 1) & (s->set_size - 1);
  s->nused += s->set[i] == NULL;
  s->set[i] = p;
  s->nset++;
}

static int reserve(lwt_uv_stop *s) {
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

static void forget(lwt_uv_stop *s, const void *p) {
  if (s->set_size == 0) return;
  for (size_t i = hash(s, p); s->set[i] != NULL; i = (i + 1) & (s->set_size - 1))
    if (s->set[i] == p) {
      s->set[i] = TOMBSTONE;
      s->nset--;
      return;
    }
}

/* The coroutine made last is initialised by the time that Lua allocates again. */
static void settle(lwt_uv_stop *s) {
  void *fresh = s->fresh;
  if (fresh == NULL) return;
  s->fresh = NULL;
  insert(s, fresh); /* there is room: see below */
  if (s->hooked) set_hook(state_of(fresh));
}

static void *stop_alloc(void *data, void *p, size_t osize, size_t nsize) {
  lwt_uv_stop *s = data;
  size_t old = p == NULL ? 0 : osize;
  int is_thread = p == NULL && osize == LUA_TTHREAD;
  if (s->limit > 0 && nsize > old && s->used + (nsize - old) > s->limit) return NULL;
  s->busy = 1;
  atomic_signal_fence(memory_order_seq_cst);
  if (nsize == 0 && p != NULL && p == s->fresh) s->fresh = NULL;
  settle(s);
  if (nsize == 0 && p != NULL && s->L != NULL && state_of(p) == s->L)
    s->L = NULL; /* closed */
  if (nsize == 0 && p != NULL && old == s->thread_size) forget(s, p);
  void *q = NULL;
  if (!is_thread || reserve(s)) {
    q = s->alloc(s->alloc_data, p, osize, nsize);
    if (q != NULL || nsize == 0) s->used += nsize - old;
    if (is_thread && q != NULL) {
      s->thread_size = nsize;
      s->fresh = q;
    }
  }
  atomic_signal_fence(memory_order_seq_cst);
  s->busy = 0;
  if (s->late) {
    s->late = 0;
    hook_all(s);
  }
  return q;
}

lwt_uv_stop *lwt_uv_stop_new(lua_State *L, size_t memory_limit) {
  lwt_uv_stop *s = calloc(1, sizeof *s);
  if (s == NULL) return NULL;
  s->L = L;
  s->alloc = lua_getallocf(L, &s->alloc_data);
  s->used = (size_t)lua_gc(L, LUA_GCCOUNT) * 1024 + (size_t)lua_gc(L, LUA_GCCOUNTB);
  s->limit = memory_limit;
  atomic_init(&s->wanted, 0);
  lua_setallocf(L, stop_alloc, s);
  return s;
}

void lwt_uv_stop_free(lwt_uv_stop *s) {
  free(s->set);
  free(s);
}

/* ---- The signal ------------------------------------------------------------------------------ */

static struct sigaction previous; /* process-wide, like the disposition it keeps */

static void on_signal(int sig, siginfo_t *info, void *context) {
  lwt_uv_stop *s = current;
  if (s != NULL && atomic_load_explicit(&s->wanted, memory_order_acquire)) {
    hook_all(s);
  } else if (previous.sa_flags & SA_SIGINFO) {
    previous.sa_sigaction(sig, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(sig);
  }
}

static void install(void) {
  struct sigaction action = {.sa_flags = SA_SIGINFO};
  action.sa_sigaction = on_signal;
  sigfillset(&action.sa_mask);
  sigaction(STOP_SIGNAL, NULL, &previous);
  sigaction(STOP_SIGNAL, &action, NULL);
}

void lwt_uv_stop_prepare(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  lwt_uv_pin_library();
  pthread_once(&once, install);
}

/* Ctrl-C is for the main thread: the handler of the `lua` program would reach for its state.
** Other signals may come here, libuv's handlers do not mind; what is blocked here is blocked
** in every program that the worker starts. */
void lwt_uv_stop_enter(lwt_uv_stop *stop) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  sigemptyset(&set);
  sigaddset(&set, STOP_SIGNAL);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  current = stop;
}

void lwt_uv_stop_leave(void) {
  current = NULL;
}

void lwt_uv_stop_raise(lwt_uv_stop *stop, uv_thread_t thread) {
  atomic_store_explicit(&stop->wanted, 1, memory_order_release);
  pthread_kill(thread, STOP_SIGNAL);
}
