/* signal.c: signals by name, and a handle that calls a function for each delivery.
**
** signal.lua keeps one such handle per signal and does the rest: several handlers, next,
** streams. libuv's own handler only writes to a pipe; the function is called from the
** loop, when libuv has returned from its own.
*/
#include "../lent.h"
#include "signal.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "../internal.h"

static const struct {
  const char *name;
  int number;
} signals[] = {
    {"HUP", SIGHUP},       {"INT", SIGINT},       {"QUIT", SIGQUIT}, {"ILL", SIGILL},
    {"TRAP", SIGTRAP},     {"ABRT", SIGABRT},     {"BUS", SIGBUS},   {"FPE", SIGFPE},
    {"KILL", SIGKILL},     {"USR1", SIGUSR1},     {"SEGV", SIGSEGV}, {"USR2", SIGUSR2},
    {"PIPE", SIGPIPE},     {"ALRM", SIGALRM},     {"TERM", SIGTERM}, {"CHLD", SIGCHLD},
    {"CONT", SIGCONT},     {"STOP", SIGSTOP},     {"TSTP", SIGTSTP}, {"TTIN", SIGTTIN},
    {"TTOU", SIGTTOU},     {"URG", SIGURG},       {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ},
    {"PROF", SIGPROF},     {"VTALRM", SIGVTALRM}, {"SYS", SIGSYS},   {"WINCH", SIGWINCH},
    {"IO", SIGIO},
#ifdef SIGPWR
    {"PWR", SIGPWR},
#endif
#ifdef SIGSTKFLT
    {"STKFLT", SIGSTKFLT},
#endif
#ifdef SIGINFO
    {"INFO", SIGINFO},
#endif
};

#define NSIGNALS (sizeof signals / sizeof *signals)

const char *lwt_uv_signal_name(int number) {
  for (size_t i = 0; i < NSIGNALS; i++)
    if (signals[i].number == number) return signals[i].name;
  return NULL;
}

int lwt_uv_check_signal(lua_State *L, int arg) {
  if (lua_type(L, arg) == LUA_TNUMBER) {
    lua_Integer number = lwt_uv_check_integer(L, arg);
    luaL_argcheck(L, number > 0 && number < NSIG, arg, "signal out of range");
    return (int)number;
  }
  const char *name = luaL_checkstring(L, arg);
  const char *bare = strncmp(name, "SIG", 3) == 0 ? name + 3 : name;
  for (size_t i = 0; i < NSIGNALS; i++)
    if (strcmp(signals[i].name, bare) == 0) return signals[i].number;
  return luaL_argerror(L, arg, lua_pushfstring(L, "unknown signal '%s'", name));
}

/* ---- What the process ignored --------------------------------------------- */

/* Who started the process may have it ignore signals: nohup, a shell's `trap '' TERM`. libuv
** knows nothing of that. Actions are the process's: hence one table for all states. */
static atomic_char ignored[NSIG];

int lwt_uv_signal_look(int number) {
  struct sigaction now = {.sa_handler = SIG_DFL};
  sigaction(number, NULL, &now); /* (libc refuses its own signals) */
  if (now.sa_handler == SIG_IGN ||
      now.sa_handler == SIG_DFL) /* else it is heard already */
    atomic_store(&ignored[number], now.sa_handler == SIG_IGN);
  return atomic_load(&ignored[number]);
}

void lwt_uv_signal_unheard(int number) {
  struct sigaction now;
  if (!atomic_load(&ignored[number])) return;
  if (sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
    signal(number, SIG_IGN);
}

/* ---- The handle ---------------------------------------------------------- */

typedef struct listener {
  lwt_uv_handle h;
  uv_signal_t uv;
  lwt_uv_after later;
  lwt_idle again;
  unsigned came; /* deliveries for which the function is still to be called */
  int number;
  int goes_on; /* telling the first of them has raised, for want of memory */
} listener;

static void call(lua_State *L, void *data) {
  listener *s = data;
  lwt_uv_handle_push(L, &s->h);
  lua_getiuservalue(L, -1, 1);
  lua_pushboolean(L, s->goes_on);
  s->goes_on = 0;
  lua_call(L, 1, 0);
}

static int is_open(const lwt_uv *ctx, const listener *s) {
  const lwt_uv_handle *h = ctx->handles;
  while (h != NULL && h != &s->h) h = h->next;
  return h != NULL;
}

static void tell_again(lua_State *L, void *data) {
  listener *s = data;
  (void)L;
  lwt_uv_after_add(s->h.ctx, &s->later);
}

/* One delivery; the others after it, for this may be closed then. */
static void tell(lwt_uv_after *later) {
  listener *s = (listener *)(void *)((char *)later - offsetof(listener, later));
  lwt_uv *ctx = s->h.ctx;
  if (--s->came > 0) lwt_uv_after_add(ctx, later);
  if (lwt_uv_enter(ctx, call, s) == 0 || !is_open(ctx, s)) return;
  s->came++; /* the system does not say it again */
  s->goes_on = 1;
  s->again.f = tell_again;
  s->again.data = s;
  ctx->lwt->idle_start(ctx->lwt, &s->again);
}

static void on_signal(uv_signal_t *uv, int number) {
  listener *s = (listener *)(lwt_uv_handle *)uv->data;
  (void)number;
  s->came++;
  lwt_uv_after_add(s->h.ctx, &s->later);
}

static void closing(lwt_uv_handle *h) {
  listener *s = (listener *)h;
  lwt_uv_after_drop(h->ctx, &s->later);
  h->ctx->lwt->idle_stop(h->ctx->lwt, &s->again);
  /* With the last listener libuv brings back the default, which may be the end. */
  lwt_uv_signal_unheard(s->number);
  if (s->number == SIGPIPE) lwt_uv_ignore_sigpipe();
  lwt_uv_lent_guard(); /* the default may be back, and it may be fatal */
}

static const lwt_uv_class listener_class = {.type = LWT_UV_SIGNAL,
                                            .kind = "signal",
                                            .size = sizeof(listener),
                                            .nuservalues = 1,
                                            .closing = closing};

/* signal.listen(name, f): calls f(goes_on) whenever the signal comes, until close(). One that raises
** is called again, to go on with that delivery. */
static int l_listen(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  int number = lwt_uv_check_signal(L, 1);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  listener *s = lwt_uv_handle_new(ctx, L, &listener_class);
  s->later.f = tell;
  s->number = number;
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, 1);
  int status = uv_signal_init(ctx->loop, &s->uv);
  status = lwt_uv_handle_opened(L, &s->h, &s->uv, status);
  lwt_uv_signal_look(number);
  if (status >= 0 && (status = uv_signal_start(&s->uv, on_signal, number)) < 0)
    lwt_uv_handle_close(L, s->h.box, 1);
  if (status < 0)
    return lwt_uv_raise(ctx, L, status, "signal", "signal", lwt_uv_signal_name(number));
  lwt_uv_handle_hold(L, &s->h, 3);
  return 1;
}

/* signal.name(name or number): "TERM" for both of its names, the number of one that has
** none; raises for what is no signal. */
static int l_name(lua_State *L) {
  int number = lwt_uv_check_signal(L, 1);
  const char *name = lwt_uv_signal_name(number);
  if (name == NULL)
    lua_pushinteger(L, number);
  else
    lua_pushstring(L, name);
  return 1;
}

static const luaL_Reg methods[] = {{NULL, NULL}};
static const luaL_Reg functions[] = {
    {"listen", l_listen}, {"name", l_name}, {NULL, NULL}};

void lwt_uv_open_signal(lwt_uv *ctx, lua_State *L) {
  lwt_uv_new_handle_type(ctx, L, LWT_UV_SIGNAL, "lwt.signal", methods);
  lwt_uv_push_functions(ctx, L, functions);
}
