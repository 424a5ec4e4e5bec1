/* stop.c: making a thread that runs Lua code raise, from another thread.
**
** The thread gets a signal, and its handler hooks all of its coroutines (see coroutines.c).
**
** The signal is SIGURG, which nothing happens for by default; a handler that was there
** before is called for every SIGURG that is not ours. The handler stays for the life of
** the process, as does this library once a thread had to be stopped.
*/
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "../coroutines.h"
#include "threads.h"

#define STOP_SIGNAL SIGURG

struct lwt_uv_stop {
  lwt_uv_coroutines *all;
  atomic_int wanted;
};

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
  if (!lua_checkstack(L, 4)) return;
  luaL_where(L, 1);
  lua_pushliteral(L, "stopped: the Lua state that this thread works for has closed");
  lua_concat(L, 2);
  lwt_uv_coroutines_raise(L);
}

/* ---- What is called --------------------------------------------------------------------- */

lwt_uv_stop *lwt_uv_stop_new(lua_State *L, size_t memory_limit) {
  lwt_uv_stop *s = calloc(1, sizeof *s);
  if (s == NULL) return NULL;
  s->all = lwt_uv_coroutines_new(L, memory_limit);
  if (s->all == NULL) {
    free(s);
    return NULL;
  }
  atomic_init(&s->wanted, 0);
  return s;
}

void lwt_uv_stop_free(lwt_uv_stop *s) {
  lwt_uv_coroutines_free(s->all);
  free(s);
}

/* ---- The signal ------------------------------------------------------------------------------ */

static struct sigaction previous; /* process-wide, like the disposition it keeps */

static void on_signal(int sig, siginfo_t *info, void *context) {
  lwt_uv_stop *s = current;
  if (s != NULL && atomic_load_explicit(&s->wanted, memory_order_acquire)) {
    lwt_uv_coroutines_hook(s->all, hook, 1);
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
