/* fail.c: loaded before everything else (LD_PRELOAD), makes threads and memory fail on
** demand, as a Lua module of the same file: only what lwt/uv.so itself asks for. */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

static atomic_int threads_to_fail; /* the next so many */
static atomic_int countdown;       /* 1: the next request fails; 0: none */
static atomic_int requests;
static atomic_int one_thread; /* only requests of `thread` count */
static pthread_t thread;
static char *low, *high; /* where uv.so is */

static int fails(void *caller) {
  char *p = caller;
  if (low == NULL || p < low || p >= high) return 0;
  if (atomic_load(&one_thread) && !pthread_equal(thread, pthread_self())) return 0;
  atomic_fetch_add(&requests, 1);
  int n = atomic_load(&countdown);
  while (n > 0 && !atomic_compare_exchange_weak(&countdown, &n, n - 1)) continue;
  return n == 1;
}

void *malloc(size_t size) {
  return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size) {
  return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size) {
  return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(p, size);
}

int pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *data) {
  static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
  int n = atomic_load(&threads_to_fail);
  while (n > 0 && !atomic_compare_exchange_weak(&threads_to_fail, &n, n - 1)) continue;
  return n > 0 ? EAGAIN : real(t, a, f, data);
}

static int find(struct dl_phdr_info *info, size_t size, void *data) {
  (void)size;
  (void)data;
  if (strstr(info->dlpi_name, "lwt/uv.so") == NULL) return 0;
  for (int i = 0; i < info->dlpi_phnum; i++)
    if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
      low = (char *)info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
      high = low + info->dlpi_phdr[i].p_memsz;
    }
  return 1;
}

/* threads(n): the next n threads cannot be started. */
static int l_threads(lua_State *L) {
  atomic_store(&threads_to_fail, (int)luaL_checkinteger(L, 1));
  return 0;
}

/* memory(n, own): the n-th request of uv.so (own: of this thread) from now on fails; 0: none. Returns how many there
** were since the last call. */
static int l_memory(lua_State *L) {
  thread = pthread_self();
  atomic_store(&one_thread, lua_toboolean(L, 2));
  if (low == NULL) dl_iterate_phdr(find, NULL);
  atomic_store(&countdown, (int)luaL_checkinteger(L, 1));
  lua_pushinteger(L, atomic_exchange(&requests, 0));
  return 1;
}

int luaopen_fail(lua_State *L) {
  static const luaL_Reg functions[] = {
    {"threads", l_threads}, {"memory", l_memory}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
