/* interrupt.c: Ctrl-C while lwt.run is under way (and SIGTERM, for the `lwt` command).
**
** One uv_signal_t per signal, made at its first use and started for the length of a run. It
** is one-shot: the system's default action is back before our function is called, so that a
** second Ctrl-C kills, even a program that never comes back to the loop. The handles are
** unreferenced and are no lwt_uv_handles: a run does not wait for them, and they are not counted
** as open handles.
** The blocks belong to libuv from init until their close callback; the rest is a userdata
** that the registry anchors.
*/
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>

#include "../lent.h"
#include "signal.h"
#include "../internal.h"

#define MAX_WATCHED 4

typedef struct interrupts {
  lwt_uv *ctx;
  int count;                    /* signals that are wanted */
  int number[MAX_WATCHED];      /* their numbers */
  uv_signal_t *uv[MAX_WATCHED]; /* NULL: not made yet */
  int on;                       /* a run is under way */
  int last;                     /* the last one that came; 0: none */
  lwt_uv_after later;
  lwt_idle again;
} interrupts;

static const char function_key = 0; /* its address is the registry's key */

static interrupts *interrupts_of(lwt_uv *ctx) {
  return ctx->family[LWT_UV_FSIGNAL];
}

static void call(lua_State *L, void *data) {
  (void)data;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &function_key);
  lua_call(L, 0, 0);
}

static void tell_again(lua_State *L, void *data) {
  interrupts *in = data;
  (void)L;
  lwt_uv_after_add(in->ctx, &in->later);
}

/* Where there was no memory for it: before the loop next waits. (To be told twice does nothing.) */
static void tell(lwt_uv_after *later) {
  interrupts *in = (interrupts *)(void *)((char *)later - offsetof(interrupts, later));
  const lwt_api *lwt = in->ctx->lwt;
  if (lwt_uv_enter(in->ctx, call, NULL) != 0 && in->on) lwt->idle_start(lwt, &in->again);
}

static void on_signal(uv_signal_t *uv, int number) {
  lwt_uv *ctx = uv->data;
  interrupts *in = interrupts_of(ctx);
  uv_signal_stop(uv); /* it is one-shot: the next one kills */
  lwt_uv_lent_guard();
  in->last = number;
  lwt_uv_after_add(ctx, &in->later);
}

static void free_watch(uv_handle_t *h) {
  lwt_uv *ctx = h->data;
  ctx->unclosed--;
  free(h);
}

static void close_all(interrupts *in) {
  int i;
  for (i = 0; i < MAX_WATCHED; i++)
    if (in->uv[i] != NULL) {
      in->ctx->unclosed++;
      uv_close((uv_handle_t *)in->uv[i], free_watch);
      in->uv[i] = NULL;
    }
}

/* Make (where needed) and start them. A status; what was started stays started. A signal that the
** process was started to ignore (a shell's `trap '' INT`) is not for it. */
static int start_all(interrupts *in) {
  int i, status;
  for (i = 0; i < in->count; i++) {
    if (lwt_uv_signal_look(in->number[i])) continue;
    if (in->uv[i] == NULL) {
      uv_signal_t *uv = malloc(sizeof *uv);
      if (uv == NULL) return UV_ENOMEM;
      if ((status = uv_signal_init(in->ctx->loop, uv)) < 0) {
        free(uv);
        return status;
      }
      uv->data = in->ctx;
      uv_unref((uv_handle_t *)uv);
      in->uv[i] = uv;
    }
    if ((status = uv_signal_start_oneshot(in->uv[i], on_signal, in->number[i])) < 0)
      return status;
  }
  return 0;
}

static void stop_all(interrupts *in) {
  int i;
  for (i = 0; i < MAX_WATCHED; i++)
    if (in->uv[i] != NULL) uv_signal_stop(in->uv[i]);
  lwt_uv_after_drop(in->ctx, &in->later);
  in->ctx->lwt->idle_stop(in->ctx->lwt, &in->again);
  lwt_uv_lent_guard();
}

/* interrupt.start(f): the next of the signals calls f(), until stop(). (A stopped uv_signal_t
** has no callback, also for what has come before.) */
static int l_start(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  interrupts *in = interrupts_of(ctx);
  int status;
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lwt_uv_check_open(ctx, L);
  lua_settop(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &function_key);
  in->last = 0;
  status = start_all(in);
  if (status < 0) {
    stop_all(in);
    return lwt_uv_raise(ctx, L, status, "signal", NULL, NULL);
  }
  in->on = 1;
  return 0;
}

static int l_stop(lua_State *L) {
  interrupts *in = interrupts_of(lwt_uv_context(L));
  in->on = 0;
  stop_all(in);
  return 0;
}

/* interrupt.watch(name, …): which signals. Without a call it is "INT" alone. */
static int l_watch(lua_State *L) {
  interrupts *in = interrupts_of(lwt_uv_context(L));
  int number[MAX_WATCHED];
  int i, n = lua_gettop(L);
  luaL_argcheck(L, n <= MAX_WATCHED, MAX_WATCHED + 1, "too many signals");
  for (i = 0; i < n; i++) number[i] = lwt_uv_check_signal(L, i + 1);
  if (in->on) return luaL_error(L, "the signals cannot be changed during lwt.run");
  for (i = 0; i < n; i++) in->number[i] = number[i];
  in->count = n;
  return 0;
}

/* interrupt.last(): the name of the signal that came during the last run, or nil. */
static int l_last(lua_State *L) {
  interrupts *in = interrupts_of(lwt_uv_context(L));
  lua_pushstring(L, in->last == 0 ? NULL : lwt_uv_signal_name(in->last));
  return 1;
}

static void family_close(lwt_uv *ctx) {
  interrupts *in = interrupts_of(ctx);
  lwt_uv_after_drop(ctx, &in->later);
  ctx->lwt->idle_stop(ctx->lwt, &in->again);
  close_all(in);
  lwt_uv_break_close(ctx);
}

/* ctx->loop is another one. Memory is all that can be wanting: then Ctrl-C kills. */
static void family_moved(lwt_uv *ctx) {
  interrupts *in = interrupts_of(ctx);
  close_all(in);
  if (in->on) start_all(in);
}

static const luaL_Reg functions[] = {{"start", l_start},
                                     {"stop", l_stop},
                                     {"watch", l_watch},
                                     {"last", l_last},
                                     {NULL, NULL}};

void lwt_uv_open_interrupt(lwt_uv *ctx, lua_State *L) {
  interrupts *in = lua_newuserdatauv(L, sizeof *in, 0);
  *in = (interrupts){.ctx = ctx,
                     .count = 1,
                     .number = {SIGINT},
                     .later = {.f = tell},
                     .again = {.f = tell_again, .data = in}};
  luaL_ref(L, LUA_REGISTRYINDEX); /* for good: it is used until the loop is closed */
  ctx->family[LWT_UV_FSIGNAL] = in;
  ctx->family_close[LWT_UV_FSIGNAL] = family_close;
  ctx->family_moved[LWT_UV_FSIGNAL] = family_moved;
  lwt_uv_push_functions(ctx, L, functions);
  lwt_uv_break_open(ctx, L);
}
