/* break.c: Ctrl-C where Lua code runs on and on, and the loop never learns of it.
**
** The same goes for SIGTERM and SIGHUP, where they are listened to: a loop in a terminal
** that has been closed would run for ever.
**
** For a prompt. While it is on, a handler of ours stands before libuv's: it hooks all coroutines
** (see coroutines.h) and hands the signal on. When the loop turns it hears of the signal, and
** nothing else happens. Where it does not, in time, the hook raises lwt.Interrupted in what
** runs; once, so that this may clean up; and when it still runs after many more instructions,
** at every instruction, so that no pcall holds it. Code in C cannot be interrupted: the
** third signal that the loop does not learn of ends the process.
**
** What runs below `guard` is waited for less long, and is raised in no further when it has
** left that; what runs below `spare` (the prompt itself) is left alone.
**
** A process has one Lua state that does this, in its main thread. The hook takes the place of
** one that the program has set itself (debug.sethook).
*/
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "../coroutines.h"
#include "../internal.h"
#include "../lent.h"
#include "signal.h"

#define STEP 1000            /* instructions between two looks */
#define PATIENCE_GUARDED 100 /* milliseconds for the loop to hear of it */
#define PATIENCE 1000        /* where something else runs */
#define GRACE 200            /* looks until no pcall holds it */
#define DEADLY 3             /* signals that the loop has not learned of */
#define DEADLY_MILLISECONDS 500

enum { QUIET, CAME, RAISED, FORCED };

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
#define NUMBERS (sizeof numbers / sizeof numbers[0])

static struct {
  lwt_uv *volatile ctx; /* NULL: off */
  lwt_uv_coroutines *all;
  pthread_t thread;
  struct sigaction before[NUMBERS];
  volatile sig_atomic_t state, unheard;
  volatile long long came; /* milliseconds: the first signal that is not heard of */
  int broke;               /* the hook has raised for the last signal */
  lua_State *where;        /* RAISED, FORCED: in which coroutine */
  int guarded, looks;
} breaker;

static long long milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- The hook ----------------------------------------------------------------------- */

static int l_guard(lua_State *L);
static int l_spare(lua_State *L);

/* The function below which the coroutine runs, of these two; NULL: neither. */
static lua_CFunction below(lua_State *L) {
  lua_Debug ar;
  for (int level = 0; lua_getstack(L, level, &ar); level++) {
    lua_CFunction f;
    lua_getinfo(L, "f", &ar);
    f = lua_tocfunction(L, -1);
    lua_pop(L, 1);
    if (f == l_guard || f == l_spare) return f;
  }
  return NULL;
}

static void quiet(void) {
  breaker.state = QUIET;
  breaker.unheard = 0;
  breaker.where = NULL;
  lwt_uv_coroutines_hook(breaker.all, NULL, 0);
}

static void raise_in(lua_State *L, int state) {
  breaker.state = state;
  breaker.broke = 1;
  breaker.where = L;
  breaker.ctx->lwt->push_sentinel(breaker.ctx->lwt, L, "Interrupted");
  lwt_uv_coroutines_raise(L);
}

static void hook(lua_State *L, lua_Debug *ar) {
  lua_CFunction f;
  (void)ar;
  if (breaker.state == QUIET || breaker.ctx == NULL) {
    lua_sethook(L, NULL, 0, 0);
    return;
  }
  if (!lua_checkstack(L, 4)) return;
  f = below(L);
  if (f == l_spare) return;
  if (breaker.where == L) {
    if (breaker.guarded && f != l_guard) {
      quiet();
      return;
    }
    if (breaker.state == FORCED) raise_in(L, FORCED);
    if (++breaker.looks >= GRACE) {
      lua_sethook(L, hook, LUA_MASKCOUNT, 1);
      breaker.state = FORCED;
    }
    return;
  }
  if (milliseconds() - breaker.came < (f == l_guard ? PATIENCE_GUARDED : PATIENCE))
    return;
  breaker.came = milliseconds();
  breaker.guarded = f == l_guard;
  breaker.looks = 0;
  raise_in(L, RAISED);
}

/* ---- The signal ------------------------------------------------------------------------ */

static int is_handled(const struct sigaction *action) {
  return !(action->sa_flags & SA_SIGINFO) && action->sa_handler != SIG_DFL &&
         action->sa_handler != SIG_IGN;
}

static void on_signal(int number) {
  if (breaker.ctx == NULL) return;
  if (!pthread_equal(pthread_self(), breaker.thread)) {
    pthread_kill(breaker.thread, number);
    return;
  }
  if (breaker.unheard == 0) breaker.came = milliseconds();
  if (++breaker.unheard >= DEADLY && milliseconds() - breaker.came > DEADLY_MILLISECONDS)
    lwt_uv_lent_die(number);
  if (breaker.state == QUIET) {
    breaker.state = CAME;
    breaker.broke = 0;
    lwt_uv_coroutines_hook(breaker.all, hook, STEP);
  }
  for (size_t i = 0; i < NUMBERS; i++)
    if (numbers[i] == number && is_handled(&breaker.before[i]))
      breaker.before[i].sa_handler(number);
}

/* SIGINT is ours in any case; the others, where somebody listens. */
static void on(void) {
  struct sigaction ours;
  memset(&ours, 0, sizeof ours);
  ours.sa_handler = on_signal;
  ours.sa_flags = SA_RESTART;
  sigfillset(&ours.sa_mask);
  for (size_t i = 0; i < NUMBERS; i++) {
    sigaction(numbers[i], NULL, &breaker.before[i]);
    if (numbers[i] == SIGINT || is_handled(&breaker.before[i]))
      sigaction(numbers[i], &ours, NULL);
  }
}

static void off(void) {
  for (size_t i = 0; i < NUMBERS; i++) {
    struct sigaction now;
    sigaction(numbers[i], NULL, &now);
    /* (Listening to one of the others may have ended meanwhile.) */
    if (numbers[i] == SIGINT || now.sa_handler == on_signal)
      sigaction(numbers[i], &breaker.before[i], NULL);
  }
  quiet();
  breaker.ctx = NULL;
  lwt_uv_coroutines_return(breaker.all);
  lwt_uv_coroutines_free(breaker.all);
  breaker.all = NULL;
}

/* ---- What Lua calls -------------------------------------------------------------------- */

/* interrupt.breaks(on): whether it is on now. A listener to SIGINT has to be there before,
** and as long. */
static int l_breaks(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  if (!lua_toboolean(L, 1)) {
    if (breaker.ctx == ctx) off();
  } else if (breaker.ctx == NULL) {
    breaker.all = lwt_uv_coroutines_new(ctx->lwt->main, 0);
    if (breaker.all == NULL) return luaL_error(L, "not enough memory");
    if (L != ctx->lwt->main) lwt_uv_coroutines_add(breaker.all, L);
    breaker.thread = pthread_self();
    breaker.ctx = ctx;
    breaker.state = QUIET;
    breaker.unheard = 0;
    breaker.broke = 0;
    on();
  }
  lua_pushboolean(L, breaker.ctx == ctx);
  return 1;
}

/* interrupt.heard(): the loop has heard of the signal: nothing more is raised for it. Whether
** anything was. */
static int l_heard(lua_State *L) {
  if (breaker.ctx != lwt_uv_context(L)) {
    lua_pushboolean(L, 0);
    return 1;
  }
  if (breaker.state != QUIET) quiet();
  breaker.unheard = 0;
  lua_pushboolean(L, breaker.broke);
  return 1;
}

/* interrupt.force(co): raises at every instruction of this coroutine, until it has left `guard`
** (or the loop hears of a signal). */
static int l_force(lua_State *L) {
  lua_State *co = lua_tothread(L, 1);
  luaL_argexpected(L, co != NULL, 1, "coroutine");
  if (breaker.ctx != lwt_uv_context(L)) return 0;
  breaker.where = co;
  breaker.guarded = 1;
  breaker.state = FORCED;
  lua_sethook(co, hook, LUA_MASKCOUNT, 1);
  return 0;
}

static int passed(lua_State *L, int status, lua_KContext k) {
  (void)status;
  (void)k;
  return lua_gettop(L);
}

/* interrupt.raise(err): for a hook in Lua: raises what no message handler is called for. */
static int l_raise(lua_State *L) {
  lua_settop(L, 1);
  lwt_uv_coroutines_raise(L);
  return 0;
}

/* interrupt.guard(f, ...): f(...), which is what Ctrl-C is for. */
static int l_guard(lua_State *L) {
  if (breaker.all != NULL) lwt_uv_coroutines_add(breaker.all, L);
  lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, passed);
  return lua_gettop(L);
}

/* interrupt.spare(f, ...): f(...), which is not. */
static int l_spare(lua_State *L) {
  lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, passed);
  return lua_gettop(L);
}

static int protected(lua_State *L, int status, lua_KContext k) {
  if (status != LUA_OK && status != LUA_YIELD) {
    lua_pushboolean(L, 0);
    lua_pushvalue(L, -2);
    return 2;
  }
  return lua_gettop(L) - (int)k;
}

/* interrupt.protect(f, handler, ...): xpcall, whose handler is told of an interrupt as well. */
static int l_protect(lua_State *L) {
  int n = lua_gettop(L), status;
  luaL_argexpected(L, lua_isfunction(L, 2), 2, "function");
  lua_pushboolean(L, 1);
  lua_pushvalue(L, 1);
  lua_rotate(L, 3, 2);
  status = lua_pcallk(L, n - 2, LUA_MULTRET, 2, 2, protected);
  return protected(L, status, 2);
}

static const luaL_Reg functions[] = {
    {"breaks", l_breaks}, {"heard", l_heard},     {"force", l_force}, {"guard", l_guard},
    {"spare", l_spare},   {"protect", l_protect}, {"raise", l_raise}, {NULL, NULL}};

void lwt_uv_break_open(lwt_uv *ctx, lua_State *L) {
  lwt_uv_coroutines_open(L);
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, functions, 1);
}

void lwt_uv_break_close(lwt_uv *ctx) {
  if (breaker.ctx == ctx) off();
}
