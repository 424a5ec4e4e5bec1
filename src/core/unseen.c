/* unseen.c: the rejections that nobody looks at.
**
** A promise that is rejected without waiters is noted (r_unseen), and checked once more
** at the end of the turn: if it was not looked at by then, it gets a watch beside its
** error, which is collected with it, or found armed at the end of `run`, and then reports
** the error. Looking at the promise before that disarms the watch. */
#include <stdio.h>
#include <time.h>

#include "trace.h"

#define UNSEEN 128 /* how many are noted before they are looked at within the turn */

typedef struct watch {
  uint8_t armed;
} watch;

/* Reports what would otherwise be lost: to the program's own `warn`, where it has
** replaced Lua's, and else to stderr. (Lua's own warnings are off as a rule, and there is
** no way to ask whether they are.) */
static void tell(lua_State *L, const char *what, const char *text) {
  if (lua_checkstack(L, 4)) {
    int top = lua_gettop(L);
    lua_rawgeti(L, REG, LUA_RIDX_GLOBALS);
    lua_pushliteral(L, "warn");
    if (lua_rawget(L, -2) == LUA_TFUNCTION && !lua_iscfunction(L, -1)) {
      lua_pushfstring(L, "lwt: %s%s", what, text);
      if (lua_pcall(L, 1, 0, 0) == LUA_OK) {
        lua_settop(L, top);
        return;
      }
    }
    lua_settop(L, top);
  }
  fflush(stdout);
  fprintf(stderr, "lwt: %s%s\n", what, text);
  fflush(stderr);
}

/* How many rejections are reported in a second. A loop with a bug makes them without
** end. */
#define TOLD_IN_A_SECOND 20

static void tell_more(lua_State *L, lwt_context *c) {
  char text[96];
  if (c->untold == 0) return;
  snprintf(text, sizeof text, "%u more (at most %d are told in a second)", c->untold,
           TOLD_IN_A_SECOND);
  c->untold = 0;
  tell(L, "rejected promises were never looked at: ", text);
}

/* Has another second begun? Then it is reported how many the one before has left out. */
static void look_at_clock(lua_State *L, lwt_context *c) {
  time_t now = time(NULL);
  if (now == c->told_at) return;
  c->told_at = now;
  c->told_then = 0;
  tell_more(L, c);
}

static void warn_unseen(lua_State *L, lwt_context *c, int text) {
  look_at_clock(L, c);
  if (c->told_then == TOLD_IN_A_SECOND) {
    c->untold++;
    return;
  }
  c->told_then++;
  tell(L, "a rejected promise was never looked at: ", lua_tostring(L, text));
}

/* Pushes the text of the warning: error (at err), trace (at trace). */
static void push_warning(lua_State *L, int err, int trace) {
  lwt_trace_push_text(L, err);
  if (lua_type(L, trace) == LUA_TSTRING) {
    lua_pushliteral(L, "\n");
    lua_pushvalue(L, trace);
    lua_concat(L, 3);
  }
}

static int watch_gc(lua_State *L) {
  watch *w = (watch *)lua_touserdata(L, 1);
  if (!w->armed) return 0;
  w->armed = 0;
  lua_getiuservalue(L, 1, 1);
  warn_unseen(L, (lwt_context *)lua_touserdata(L, lua_upvalueindex(1)), 2);
  return 0;
}

/* A rejected promise at idx that may be dropped unseen gets a watch: {error, trace,
** watch} becomes its state. */
static void attach_watch(lua_State *L, lwt_context *c, int idx, promise *p) {
  int top = lua_gettop(L);
  watch *w;
  lwt_promise_push_error(L, idx, p);           /* top + 1 */
  lwt_trace_push_whole(L, c, idx, p, top + 1); /* top + 2 */
  lua_createtable(L, 3, 0);                    /* top + 3 */
  lua_pushvalue(L, top + 1);
  lua_rawseti(L, top + 3, 1);
  if (!lua_isnil(L, top + 2)) {
    lua_pushvalue(L, top + 2);
    lua_rawseti(L, top + 3, 2);
  }
  push_warning(L, top + 1, top + 2); /* top + 4 */
  lwt_trace_push_made(L, c, idx);
  lua_concat(L, 2);
  w = (watch *)lua_newuserdatauv(L, sizeof *w, 1);
  w->armed = 0;
  lua_insert(L, top + 4);
  lua_setiuservalue(L, top + 4, 1);
  pushreg(L, c->r_watch_mt);
  lua_setmetatable(L, top + 4);
  pushreg(L, c->r_watches);
  lua_pushvalue(L, top + 4);
  lua_pushboolean(L, 1);
  lua_rawset(L, -3);
  lua_pop(L, 1);
  lua_rawseti(L, top + 3, 3);
  if (!(p->flags & F_SEEN)) {
    w->armed = 1;
    lua_setiuservalue(L, idx, U_STATE);
    p->flags |= F_WRAPPED | F_WATCHED;
  }
  lua_settop(L, top);
}

void lwt_unseen_forget(lua_State *L, int idx, promise *p) {
  p->flags &= (uint16_t)~F_WATCHED;
  if (p->state != S_REJECTED || !(p->flags & F_WRAPPED)) return;
  lua_getiuservalue(L, idx, U_STATE);
  if (lua_rawgeti(L, -1, 3) == LUA_TUSERDATA) ((watch *)lua_touserdata(L, -1))->armed = 0;
  lua_pop(L, 2);
}

/* Errors for the next `run` or `step` to raise, when there is none to come. */
static void tell_errors(lua_State *L, lwt_context *c) {
  uint32_t i;
  pushreg(L, c->r_errors);
  for (i = 1; i <= c->nerrors; i++) {
    int top = lua_gettop(L);
    lua_rawgeti(L, top, i);
    lwt_trace_push_text(L, top + 1);
    tell(L, "an error in the background that no run or step has raised: ",
         lua_tostring(L, -1));
    lua_settop(L, top);
  }
  c->nerrors = 0;
}

/* check(when) */
static int check_unseen(lua_State *L) {
  lwt_context *c = context_of(L);
  int when = (int)lua_tointeger(L, 1);
  lua_settop(L, 0);
  if (c->untold > 0) look_at_clock(L, c);
  pushreg(L, c->r_unseen);
  while (c->nunseen > 0) {
    promise *p;
    lua_settop(L, 1);
    lua_getiuservalue(L, 1, (int)c->nunseen);
    lua_pushnil(L);
    lua_setiuservalue(L, 1, (int)c->nunseen);
    c->nunseen--;
    if (lua_touserdata(L, 2) == NULL) continue;
    p = lwt_promise_find(L, 2);
    if (p->state == S_REJECTED && !(p->flags & (F_SEEN | F_WATCHED)))
      attach_watch(L, c, 2, p);
  }
  if (when == LWT_UNSEEN_IN_A_TURN) return 0;
  lua_settop(L, 1);
  pushreg(L, c->r_watches);
  lua_pushnil(L);
  while (lua_next(L, 2)) {
    watch *w = (watch *)lua_touserdata(L, 3);
    if (w->armed) {
      w->armed = 0;
      lua_getiuservalue(L, 3, 1);
      warn_unseen(L, c, 5);
    }
    lua_settop(L, 3);
  }
  tell_more(L, c);
  if (when == LWT_UNSEEN_AT_CLOSE) tell_errors(L, c);
  return 0;
}

void lwt_unseen_check(lua_State *L, lwt_context *c, int when) {
  if (!lua_checkstack(L, 4)) return;
  pushreg(L, c->r_check_unseen);
  lua_pushinteger(L, when);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_pop(L, 1);
}

/* The promise at idx was rejected without waiters. Does not raise. */
void lwt_unseen_note(lua_State *L, lwt_context *c, int idx) {
  idx = lua_absindex(L, idx);
  if (c->nunseen == UNSEEN) lwt_unseen_check(L, c, LWT_UNSEEN_IN_A_TURN);
  if (c->nunseen >= UNSEEN || !lua_checkstack(L, 3)) return;
  pushreg(L, c->r_unseen);
  lua_pushvalue(L, idx);
  lua_setiuservalue(L, -2, (int)++c->nunseen);
  lua_pop(L, 1);
}

/* core.left(): for lwt.test: {timers = how many are pending, unseen = the texts of the
** rejections that were not looked at so far}. */
static int l_left(lua_State *L) {
  lwt_context *c = context_of(L);
  lua_Integer n = 0;
  lua_settop(L, 0);
  lwt_unseen_check(L, c, LWT_UNSEEN_IN_A_TURN);
  lua_newtable(L);
  lua_pushinteger(L, (lua_Integer)c->ntimers);
  lua_setfield(L, 1, "timers");
  lua_newtable(L);
  pushreg(L, c->r_watches);
  lua_pushnil(L);
  while (lua_next(L, 3)) {
    if (((watch *)lua_touserdata(L, 4))->armed) {
      lua_getiuservalue(L, 4, 1);
      lua_rawseti(L, 2, ++n);
    }
    lua_settop(L, 4);
  }
  lua_settop(L, 2);
  lua_setfield(L, 1, "unseen");
  return 1;
}

void lwt_unseen_open(lua_State *L, lwt_context *c) {
  static const luaL_Reg functions[] = {{"left", l_left}, {NULL, NULL}};
  lwt_register(L, c, functions);
  pushreg(L, c->r_self);
  lua_pushcclosure(L, check_unseen, 1);
  c->r_check_unseen = lwt_slot(L);
  lua_newuserdatauv(L, 0, UNSEEN);
  c->r_unseen = lwt_slot(L);
  lua_createtable(L, 0, 1);
  pushreg(L, c->r_self);
  lua_pushcclosure(L, watch_gc, 1);
  lua_setfield(L, -2, "__gc");
  c->r_watch_mt = lwt_slot(L);
}
