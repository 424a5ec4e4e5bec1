/* engine.c: libuv's loop as the engine of the scheduler (lwt_engine), and lwt.engine's
** C half.
**
** A loop of its own per Lua state, never the default one: other libraries and other
** states have theirs. One uv_timer_t stands for the nearest deadline, one uv_async_t
** for `wake`; both count only while `wait` runs, so that the rest of the time the loop
** is as alive as what its users opened. What is pending is counted by handle.c and
** request.c.
*/
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"
#include "lent.h"

/* lwt_uv.guest: who turns the loop at the moment. */
enum {
  GUEST_TURNS = 1, /* we do, in engine_wait */
  GUEST_STEPS = 2  /* its owner, and we step within */
};

/* ---- Later ---------------------------------------------------------------- */

void lwt_uv_after_add(lwt_uv *ctx, lwt_uv_after *later) {
  if (later->queued) return;
  later->queued = 1;
  later->next = NULL;
  *ctx->later_end = later;
  ctx->later_end = &later->next;
}

void lwt_uv_after_drop(lwt_uv *ctx, lwt_uv_after *later) {
  lwt_uv_after **at = &ctx->later;
  if (!later->queued) return;
  while (*at != later) at = &(*at)->next;
  *at = later->next;
  if (*at == NULL) ctx->later_end = at;
  later->queued = 0;
}

void lwt_uv_after_run(lwt_uv *ctx) {
  while (ctx->later != NULL) {
    lwt_uv_after *first = ctx->later;
    lwt_uv_after_drop(ctx, first);
    first->f(first); /* may free it, and anything else */
  }
}

/* ---- The functions of lwt_engine ------------------------------------ */

static double engine_now(void *data) {
  (void)data;
  return (double)uv_hrtime() * 1e-9;
}

/* The scheduler looks at its own heap after wait. But uv_run runs timers *before* it polls:
** one that is due by then (the machine was busy since start_timer) would be gone, and the poll
** without a limit, unless it is told to stop. The owner's own uv_run is left alone. */
static void on_timer(uv_timer_t *t) {
  const lwt_uv *ctx = t->data;
  if (ctx->guest == GUEST_TURNS) uv_stop(t->loop);
}

/* Rounded up: a deadline is never early. The time that the loop has cached may be old. */
static void start_timer(lwt_uv *ctx, double seconds) {
  double ms = ceil(seconds * 1e3);
  uv_update_time(ctx->loop);
  ctx->timer->data = ctx;
  uv_timer_start(ctx->timer, on_timer, ms < 1e15 ? (uint64_t)ms : (uint64_t)1e15, 0);
  uv_ref((uv_handle_t *)ctx->timer);
}

static void stop_timer(lwt_uv *ctx) {
  uv_unref((uv_handle_t *)ctx->timer);
  uv_timer_stop(ctx->timer);
}

static void engine_wait(void *data, double seconds) {
  lwt_uv *ctx = data;
  if (ctx->guest == GUEST_TURNS) return; /* (uv_run cannot be called inside itself) */
  ctx->turn++;
  if (ctx->later != NULL) { /* left by a callback while we were not waiting */
    lwt_uv_after_run(ctx);
    seconds = 0;
  }
  if (ctx->guest == GUEST_STEPS) return; /* its owner turns the loop already */
  ctx->guest = GUEST_TURNS;
  if (ctx->owed != NULL) {
    lwt_uv_req_pay(ctx);
    lwt_uv_after_run(ctx);
    seconds = 0;
  }
  if (seconds == 0) {
    /* uv_run does not poll when no handle counts, and what other threads have posted does
    ** not count. */
    int posts = ctx->inbox != NULL;
    if (posts) uv_ref((uv_handle_t *)ctx->async);
    uv_run(ctx->loop, UV_RUN_NOWAIT);
    if (posts) uv_unref((uv_handle_t *)ctx->async);
  } else {
    if (seconds > 0) start_timer(ctx, seconds);
    uv_ref((uv_handle_t *)ctx->async);
    uv_run(ctx->loop, UV_RUN_ONCE);
    uv_unref((uv_handle_t *)ctx->async);
    if (seconds > 0) stop_timer(ctx);
  }
  ctx->guest = 0;
  lwt_uv_after_run(ctx);
}

static int engine_alive(void *data) {
  lwt_uv *ctx = data;
  if (ctx->working > 0 || ctx->owed != NULL) return LWT_WORKING;
  if (ctx->waiting > 0) return LWT_WAITING;
  if (ctx->hook.awaits_threads != NULL && ctx->hook.awaits_threads(ctx))
    return LWT_WAITING;
  return ctx->adopted && uv_loop_alive(ctx->loop) ? LWT_WAITING : LWT_IDLE;
}

static void on_wake(uv_async_t *a) {
  (void)a; /* its only purpose is that uv_run returns */
}

static void engine_wake(void *data) {
  lwt_uv *ctx = data;
  if (ctx->async != NULL) uv_async_send(ctx->async);
}

static int engine_fd(void *data) {
  lwt_uv *ctx = data;
  return uv_backend_fd(ctx->loop);
}

/* libuv says 0 where its epoll set lacks what was begun. It counts from the time when it
** last read the clock. */
static double engine_due(void *data) {
  lwt_uv *ctx = data;
  int ms;
  if (ctx->guest != 0) return LWT_BUSY;
  if (ctx->later != NULL || ctx->owed != NULL) return 0;
  if (ctx->inbox == NULL && !uv_loop_alive(ctx->loop)) return LWT_NOT_DUE;
  uv_ref((uv_handle_t *)ctx->async); /* (it would say 0 where nothing counts) */
  ms = uv_backend_timeout(ctx->loop);
  if (ms > 0) {
    uv_update_time(ctx->loop);
    ms = uv_backend_timeout(ctx->loop);
  }
  uv_unref((uv_handle_t *)ctx->async);
  return ms < 0 ? LWT_NOT_DUE : ms / 1e3;
}

static const lwt_engine uv_engine = {.name = "uv",
                                     .now = engine_now,
                                     .wait = engine_wait,
                                     .alive = engine_alive,
                                     .wake = engine_wake,
                                     .fd = engine_fd,
                                     .due = engine_due};

/* lwt->lent_add and lent_remove: what is lent is the process's, and no state's. */
static int api_lent_add(const lwt_api *lwt, void (*f)(void *data), void *data) {
  return (void)lwt, lwt_uv_lent_call(f, data);
}

static void api_lent_remove(const lwt_api *lwt, int ticket) {
  (void)lwt;
  lwt_uv_lent_return(ticket);
}

/* lwt->loop. The table leads to its state, and the state to its context. */
static void *api_loop(const lwt_api *lwt) {
  lwt_uv *ctx = lwt->system;
  return ctx == NULL ? NULL : ctx->loop;
}

/* ---- On an adopted loop -------------------------------------------------- */

/* The owner of an adopted loop may turn it (luv's uv.run, a host program). Then our
** callbacks are called, but the tasks that they wake would not run. So before and after
** each poll we take a step of the scheduler. */

typedef struct guest {
  uv_prepare_t prepare;
  uv_check_t check;
  int open; /* of the two */
} guest;

/* step(context): protected, for lwt->step raises errors that nobody caught. */
static int l_step(lua_State *L) {
  lwt_uv *ctx = lua_touserdata(L, 1);
  double wait;
  ctx->lwt->step(ctx->lwt, L, 0, &wait);
  lua_pushnumber(L, wait);
  return 1;
}

/* Reports the error by a warning. Its text may be made by Lua code, which may fail. (As in
** src/glib/source.c, see there.) */
static int l_tell(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  lua_warning(L, "lwt: ", 1);
  lua_warning(L, lua_tostring(L, -1), 0);
  return 0;
}

static void tell(lua_State *L) {
  lua_pushcfunction(L, l_tell);
  lua_insert(L, -2);
  if (lua_pcall(L, 1, 0, 0) == LUA_OK) return;
  lua_pop(L, 1);
  lua_warning(L, "lwt: an error that cannot be made a string", 0);
}

static void step_as_guest(lwt_uv *ctx) {
  lua_State *L;
  double wait = -1;
  if (ctx->guest != 0 || ctx->closing) return;
  lwt_uv_after_run(ctx);
  L = lwt_uv_main(ctx);
  if (L == NULL) return; /* no memory: at the next poll */
  ctx->guest = GUEST_STEPS;
  lua_pushcfunction(L, l_step);
  lua_pushlightuserdata(L, ctx);
  if (lua_pcall(L, 1, 1, 0) == LUA_OK) {
    wait = lua_tonumber(L, -1);
    lua_pop(L, 1);
  } else {
    /* There is no run or step of the user's to raise it from. */
    tell(L);
    wait = 0;
  }
  if (ctx->later != NULL) { /* (before the owner's loop polls) */
    lwt_uv_after_run(ctx);
    wait = 0;
  }
  ctx->guest = 0;
  if (wait >= 0)
    start_timer(ctx, wait);
  else
    stop_timer(ctx);
}

static void on_prepare(uv_prepare_t *prepare) {
  step_as_guest(prepare->data);
}

static void on_check(uv_check_t *check) {
  step_as_guest(check->data);
}

static void free_guest(uv_handle_t *h) {
  guest *g = h->type == UV_PREPARE
                 ? (guest *)(void *)h
                 : (guest *)(void *)((char *)h - offsetof(guest, check));
  if (--g->open == 0) free(g);
}

static void leave(lwt_uv *ctx) {
  guest *g = ctx->adopted;
  if (g == NULL) return;
  ctx->adopted = NULL;
  uv_close((uv_handle_t *)&g->prepare, free_guest);
  uv_close((uv_handle_t *)&g->check, free_guest);
}

/* `g` begins to watch ctx->loop. */
static void settle(lwt_uv *ctx, guest *g) {
  uv_prepare_init(ctx->loop, &g->prepare); /* none of these can fail */
  uv_check_init(ctx->loop, &g->check);
  g->prepare.data = g->check.data = ctx;
  g->open = 2;
  uv_prepare_start(&g->prepare, on_prepare);
  uv_check_start(&g->check, on_check);
  uv_unref((uv_handle_t *)&g->prepare);
  uv_unref((uv_handle_t *)&g->check);
  ctx->adopted = g;
}

/* ---- Start and end ------------------------------------------------------- */

static void free_handle(uv_handle_t *h) {
  free(h);
}

/* Put our timer and our async on ctx->loop. Returns a status; on failure nothing is
** left. */
static int attach(lwt_uv *ctx) {
  int status;
  ctx->timer = malloc(sizeof *ctx->timer);
  ctx->async = malloc(sizeof *ctx->async);
  if (ctx->timer == NULL || ctx->async == NULL) {
    status = UV_ENOMEM;
  } else if ((status = uv_async_init(ctx->loop, ctx->async, on_wake)) == 0) {
    uv_timer_init(ctx->loop, ctx->timer); /* cannot fail */
    uv_unref((uv_handle_t *)ctx->timer);
    uv_unref((uv_handle_t *)ctx->async);
    return 0;
  }
  free(ctx->timer);
  free(ctx->async);
  ctx->timer = NULL;
  ctx->async = NULL;
  return status;
}

/* Close them; a turn of their loop frees them. */
static void detach(uv_timer_t *timer, uv_async_t *async) {
  uv_close((uv_handle_t *)timer, free_handle);
  uv_close((uv_handle_t *)async, free_handle);
}

static void close_foreign(uv_handle_t *h, void *data) {
  (void)data;
  if (!uv_is_closing(h)) uv_close(h, NULL);
}

void lwt_uv_engine_close(lwt_uv *ctx, int current) {
  void *data = NULL;
  int full;
  ctx->lwt->engine_get(ctx->lwt, &data, &full);
  /* The core may be asked the time once more. (Of another context it may go on asking.) */
  if (current || data == ctx) ctx->lwt->engine_set(ctx->lwt, NULL, NULL);
  detach(ctx->timer, ctx->async);
  ctx->timer = NULL;
  ctx->async = NULL;
  leave(ctx);
  uv_run(ctx->loop, UV_RUN_NOWAIT);
  if (ctx->loop == &ctx->own && uv_loop_close(ctx->loop) == UV_EBUSY) {
    /* Other code has put handles of its own on our loop and left them open. */
    uv_walk(ctx->loop, close_foreign, NULL);
    uv_run(ctx->loop, UV_RUN_DEFAULT);
    uv_loop_close(ctx->loop);
  }
  ctx->loop = NULL;
}

/* libuv aborts when it is to close a descriptor below 3, and would get those here in a
** process that was started without them. */
static void fill_standard_descriptors(void) {
  int fd;
  do fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd < 3);
  if (fd >= 3) close(fd);
}

/* With the first loop of the process libuv makes a pipe, and aborts where there are no descriptors
** for it (three, with the one that it polls). A status. */
static int see_descriptors(void) {
  int fds[2], third, status = uv_pipe(fds, 0, 0); /* (for no child of another thread) */
  if (status < 0) return status;
  if ((third = fcntl(fds[0], F_DUPFD_CLOEXEC, 0)) < 0)
    status = uv_translate_sys_error(errno);
  close(fds[0]);
  close(fds[1]);
  if (third >= 0) close(third);
  return status;
}

/* A peer that goes away is an error of the write (EPIPE), not the end of the process. A
** program that has a handler of its own keeps it. */
void lwt_uv_ignore_sigpipe(void) {
  struct sigaction old;
  sigaction(SIGPIPE, NULL, &old); /* cannot fail */
  if (old.sa_handler == SIG_DFL) signal(SIGPIPE, SIG_IGN);
}

void lwt_uv_engine_start(lwt_uv *ctx, lua_State *L) {
  int status;
  if (fcntl(0, F_GETFD) < 0 || fcntl(1, F_GETFD) < 0 || fcntl(2, F_GETFD) < 0)
    fill_standard_descriptors();
  status = see_descriptors();
  if (status == 0) status = uv_loop_init(&ctx->own);
  if (status < 0) lwt_uv_raise(ctx, L, status, "uv_loop_init", NULL, NULL);
  ctx->loop = &ctx->own;
  status = attach(ctx);
  if (status < 0) {
    uv_loop_close(&ctx->own);
    ctx->loop = NULL;
    lwt_uv_raise(ctx, L, status, "uv_async_init", NULL, NULL);
  }
  lwt_uv_ignore_sigpipe();
  ctx->lwt->loop = api_loop;
  ctx->lwt->lent_add = api_lent_add;
  ctx->lwt->lent_remove = api_lent_remove;
  ctx->lwt->engine_use(ctx->lwt, &uv_engine, ctx);
}

/* ---- lwt.engine ---------------------------------------------------------- */

/* Let libuv drive this state (again). */
static int l_use(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  lwt_uv_check_open(ctx, L);
  ctx->lwt->engine_use(ctx->lwt, &uv_engine, ctx);
  return 0;
}

static int l_loop(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  lwt_uv_check_open(ctx, L);
  lua_pushlightuserdata(L, ctx->loop);
  return 1;
}

static int l_fd(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  lwt_uv_check_open(ctx, L);
  lua_pushinteger(L, uv_backend_fd(ctx->loop));
  return 1;
}

/* Move to a loop that other code owns and keeps alive longer than this state. */
static int l_adopt(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  uv_loop_t *loop, *before = ctx->loop;
  uv_timer_t *timer = ctx->timer;
  uv_async_t *async = ctx->async;
  guest *g;
  int status, i;
  luaL_checktype(L, 1, LUA_TLIGHTUSERDATA);
  loop = lua_touserdata(L, 1);
  luaL_argcheck(L, loop != NULL, 1, "loop expected, got NULL");
  lwt_uv_check_open(ctx, L);
  if (loop == before) return 0;
  if (ctx->handles != NULL || ctx->reqs != NULL || ctx->ports > 0)
    return luaL_error(L, "cannot change the loop: handles or requests are open on it");
  if (ctx->guest != 0) return luaL_error(L, "cannot change the loop from inside it");
  while (ctx->unclosed > 0) uv_run(before, UV_RUN_NOWAIT);
  g = malloc(sizeof *g);
  ctx->loop = loop;
  status = g == NULL ? UV_ENOMEM : attach(ctx);
  if (status < 0) {
    free(g);
    ctx->loop = before;
    ctx->timer = timer;
    ctx->async = async;
    return lwt_uv_raise(ctx, L, status, "adopt", NULL, NULL);
  }
  for (i = 0; i < LWT_UV_NFAMILIES; i++)
    if (ctx->family_moved[i] != NULL) ctx->family_moved[i](ctx);
  detach(timer, async);
  leave(ctx);
  do uv_run(before, UV_RUN_NOWAIT);
  while (ctx->unclosed > 0);
  if (before == &ctx->own) uv_loop_close(before);
  settle(ctx, g);
  return 0;
}

/* How many operations are pending: handles that wait, requests on the threadpool. */
static int l_pending(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  lua_pushinteger(L, ctx->waiting + ctx->working);
  return 1;
}

/* Of these, how many are bound to end. */
static int l_working(lua_State *L) {
  lua_pushinteger(L, lwt_uv_context(L)->working);
  return 1;
}

static const luaL_Reg functions[] = {
    {"use", l_use}, {"pending", l_pending}, {"working", l_working}, {"loop", l_loop},
    {"fd", l_fd},   {"adopt", l_adopt},     {NULL, NULL},
};

void lwt_uv_open_engine(lwt_uv *ctx, lua_State *L) {
  lwt_uv_push_functions(ctx, L, functions);
}
