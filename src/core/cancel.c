/* cancel.c: cancelling, and the promises that shelter from it.
**
** A cancel has two phases. The walk goes from the promise back through what it
** depends on, and notes what is to be done: promises to reject with lwt.Canceled,
** tasks to interrupt or to flag, scopes to close. It changes nothing, and may fail
** for want of memory. Then all of that is done, and the callbacks of what was
** rejected run, the last found first.
**
** The walk keeps its own stack (frames), so that depth costs no C stack. A node is
** visited once per walk (epoch). A task is passed through: what it awaits is
** cancelled; where nothing cancellable is found there, the await is interrupted. */
#include <stdlib.h>

#include "core.h"

enum { FR_DEP, FR_DEPS, FR_TASK, FR_CHILD }; /* what kind of node a frame is */
enum { DO_MARK = 1, DO_FLAG, DO_INTERRUPT, DO_CLOSE };

struct frame {
  promise *p;
  uint32_t i; /* the next child */
  uint8_t kind, found;
  uint8_t met; /* FR_CHILD: what it follows leads back to it */
};

typedef struct walk {
  int values;  /* stack index: the frames' promises */
  int actions; /* stack index: promise, what to do, promise, … */
  lua_Integer nactions;
  uint64_t epoch;
  size_t base;           /* of our frames: a finalizer may cancel while we walk */
  const promise *inside; /* a scope that cancels itself, or NULL */
} walk;

static void act(lua_State *L, walk *k, int idx, int what) {
  lua_pushvalue(L, idx);
  lua_rawseti(L, k->actions, ++k->nactions);
  lua_pushinteger(L, what);
  lua_rawseti(L, k->actions, ++k->nactions);
}

static void push_frame(lua_State *L, lwt_context *c, walk *k, promise *p, int kind,
                       int found) {
  frame *f;
  if (c->nframes == c->frames_size) {
    size_t size = c->frames_size ? 2 * c->frames_size : 64;
    f = (frame *)realloc(c->frames, size * sizeof *f);
    if (f == NULL) {
      luaL_error(L, "not enough memory");
      return;
    }
    c->frames = f;
    c->frames_size = size;
  }
  lua_rawseti(L, k->values, (lua_Integer)(c->nframes - k->base) + 1); /* value on top */
  f = &c->frames[c->nframes++];
  f->p = p;
  f->i = 0;
  f->kind = (uint8_t)kind;
  f->found = (uint8_t)found;
  f->met = 0;
}

/* Pushes the promise that the task awaits, as it was given; NULL (nothing pushed) when
** there is none: for a direct wait, or when its coroutine was closed. */
static promise *push_awaited(lua_State *L, const task *t) {
  return t->direct ? NULL : (promise *)lwt_task_push_awaited(L, t);
}

/* The live task on top (popped). A task that the walk is passing through does not count
** as found, so that tasks that wait for one another are interrupted. */
static int visit_task(lua_State *L, lwt_context *c, walk *k, task *t) {
  int at = lua_gettop(L);
  int waits = t->status == T_WAITING && (t->shield == 0 || !lwt_task_is_intact(t));
  if (t->p.epoch != k->epoch) {
    promise *p = waits ? push_awaited(L, t) : NULL;
    int passed = p != NULL && lwt_promise_find(L, at + 1)->state == S_PENDING;
    lua_settop(L, at);
    t->p.epoch = k->epoch & EPOCHS;
    t->p.flags &= (uint16_t)~F_FOUND;
    if (passed) {
      push_frame(L, c, k, &t->p, FR_TASK, 0);
      return -1;
    }
    t->p.flags |= F_FOUND;
    act(L, k, at, waits && p == NULL ? DO_INTERRUPT : DO_FLAG);
  }
  lua_settop(L, at - 1);
  return (t->p.flags & F_FOUND) != 0;
}

/* Things that are cancelled as what they are, even when their promise has become
** part of another: a timer, an operation in C, protected, a scope. */
static int is_record(const promise *p) {
  return p->kind == K_TIMER || p->kind == K_OP || p->kind == K_FOLLOW ||
         p->kind == K_SCOPE;
}

/* Can the pending promise be cancelled at all, now? */
static int is_cancelable(lua_State *L, const lwt_context *c, const promise *p) {
  const guarded *g = (const guarded *)p;
  if (p->how == C_NONE) return 0;
  return !(p->flags & F_GUARDED) || c->closing || g->o.cancel == NULL ||
         g->may_cancel(L, g->o.data);
}

/* The walk has come to p again. A child that it is passing through follows its own scope, or
** what waits for that: nothing else would ever end it. */
static int visit_again(lwt_context *c, const walk *k, const promise *p) {
  size_t i;
  if (p->flags & F_FOUND) return 1;
  for (i = k->base; p->how == C_CHILD && i < c->nframes; i++)
    if (c->frames[i].p == p) c->frames[i].met = 1;
  return 0;
}

/* (A scope that the walk is passing through does not count as found, as with tasks.) */
static int visit_record(lua_State *L, lwt_context *c, walk *k, promise *p) {
  int at = lua_gettop(L);
  if (p->epoch != k->epoch) {
    p->epoch = k->epoch & EPOCHS;
    p->flags &= (uint16_t)~F_FOUND;
    if (p->how == C_CHILD) {
      push_frame(L, c, k, p, FR_CHILD, 0);
      return -1;
    }
    act(L, k, at, p->kind == K_SCOPE ? DO_CLOSE : DO_MARK);
    if (p->how != C_SCOPE) p->flags |= F_FOUND;
    if (p->how == C_WRAP || p->how == C_SCOPE) {
      push_frame(L, c, k, p, p->how == C_WRAP ? FR_DEP : FR_DEPS, 1);
      return -1;
    }
    lua_settop(L, at - 1);
    return (p->flags & F_FOUND) != 0;
  }
  lua_settop(L, at - 1);
  return visit_again(c, k, p);
}

/* The pending promise p at `at`: where it stands for a record that has become it, that takes its
** place there. They are one: found by the one name, it is found by the other. */
static promise *named(lua_State *L, const lwt_context *c, int at, promise *p) {
  if (p->how == C_DEP && lua_getiuservalue(L, at, U_DEP) == LUA_TUSERDATA) {
    promise *r = (promise *)lua_touserdata(L, at + 1);
    int live = r->kind == K_TASK ? ((task *)r)->status != T_DONE
                                 : is_record(r) && is_cancelable(L, c, r);
    if (live && r->state == S_PROXY) {
      lua_pushvalue(L, at + 1);
      if (lwt_promise_find(L, at + 2) == p) {
        lua_settop(L, at + 1);
        lua_replace(L, at);
        return r;
      }
    }
  }
  lua_settop(L, at);
  return p;
}

/* The promise on top (popped). Returns whether something cancellable is there, or -1
** when a frame was pushed that will tell. */
static int visit(lua_State *L, lwt_context *c, walk *k) {
  int at = lua_gettop(L), kind;
  promise *p = (promise *)lua_touserdata(L, at);
  luaL_checkstack(L, 8, NULL);
  if (p->kind == K_TASK && ((task *)p)->status != T_DONE)
    return visit_task(L, c, k, (task *)p);
  if (p->state == S_PROXY && is_record(p) && is_cancelable(L, c, p)) {
    int pending;
    lua_pushvalue(L, at);
    pending = lwt_promise_find(L, at + 1)->state == S_PENDING;
    lua_settop(L, at);
    if (pending) return visit_record(L, c, k, p);
  }
  p = lwt_promise_find(L, at);
  if (p->state != S_PENDING || !is_cancelable(L, c, p)) {
    lua_pop(L, 1);
    return 0;
  }
  p = named(L, c, at, p);
  if (p->kind == K_TASK && ((task *)p)->status != T_DONE)
    return visit_task(L, c, k, (task *)p);
  if (is_record(p)) return visit_record(L, c, k, p);
  if (p->epoch == k->epoch) {
    lua_pop(L, 1);
    return (p->flags & F_FOUND) != 0;
  }
  p->epoch = k->epoch & EPOCHS;
  p->flags &= (uint16_t)~F_FOUND;
  if (p->how == C_SELF) {
    p->flags |= F_FOUND;
    act(L, k, at, DO_MARK);
    lua_pop(L, 1);
    return 1;
  }
  kind = p->how == C_DEP ? FR_DEP : FR_DEPS;
  push_frame(L, c, k, p, kind, 0);
  return -1;
}

/* Pushes the next promise below the frame; 0 when there is none. */
static int push_child(lua_State *L, frame *f) {
  uint32_t i = f->i++;
  if (f->kind == FR_TASK) return i == 0 && push_awaited(L, (task *)f->p) != NULL;
  if (f->kind == FR_DEP || f->kind == FR_CHILD)
    return i == 0 && lua_getiuservalue(L, -1, U_DEP) == LUA_TUSERDATA;
  if (lua_getiuservalue(L, -1, U_DEP) != LUA_TTABLE) return 0;
  return lua_rawgeti(L, -1, (lua_Integer)i + 1) == LUA_TUSERDATA;
}

static void go(lua_State *L, lwt_context *c, walk *k) { /* root on top, popped */
  int found = visit(L, c, k), top = lua_gettop(L);
  while (c->nframes > k->base) {
    size_t at = c->nframes - 1;
    frame *f = &c->frames[at];
    if (found > 0) f->found = 1;
    lua_rawgeti(L, k->values, (lua_Integer)(at - k->base) + 1);
    if (push_child(L, f)) {
      lua_replace(L, top + 1);
      lua_settop(L, top + 1);
      found = visit(L, c, k);
      continue;
    }
    lua_settop(L, top + 1);
    f = &c->frames[at];
    found = f->found;
    if ((!found && f->kind >= FR_TASK) || f->met) {
      act(L, k, top + 1, f->kind == FR_TASK ? DO_INTERRUPT : DO_MARK);
      found = 1;
    }
    f = &c->frames[at];
    if (found) f->p->flags |= F_FOUND;
    c->nframes--;
    lua_settop(L, top);
  }
}

/* ---- Doing it ---------------------------------------------------------------- */

/* Rejects the promise at idx (of a record: the one it has become). The waiters that are
** to be told of it are put on the work stack. With `alone`, nothing else is rejected before
** they are told: a single one needs no list then. */
static void mark(lua_State *L, lwt_context *c, int idx, int alone) {
  promise *rec = (promise *)lua_touserdata(L, idx), *p;
  int top = lua_gettop(L);
  lua_pushvalue(L, idx);
  p = lwt_promise_find(L, top + 1);
  if (!alone || rec->kind > K_TIMER) p = lwt_promise_listify(L, top + 1, p);
  if (p->state != S_PENDING) {
    lua_settop(L, top);
    return;
  }
  if (rec->kind == K_FOLLOW) {
    rec->flags |= F_DONE;
    if (lua_getiuservalue(L, idx, U_DEP) == LUA_TUSERDATA) {
      promise *input = lwt_promise_find(L, top + 2);
      if (input->state == S_PENDING) lwt_promise_remove_waiter(L, top + 2, input, rec);
    }
    lua_settop(L, top + 1);
    lua_pushnil(L);
    lua_setiuservalue(L, idx, U_DEP);
  } else if (rec->kind == K_TIMER) {
    lwt_timer_remove(L, c, rec->n);
  }
  pushreg(L, c->r_canceled);
  lwt_resolve_commit(L, c, top + 1, p, S_REJECTED, 1);
  if (rec->kind == K_OP) {
    operation *o = (operation *)rec;
    lwt_cancel_fn f = o->cancel;
    o->cancel = NULL;
    if (f != NULL && !c->closing) f(L, o->data);
  }
  lua_settop(L, top);
}

/* The scope at idx is cancelled: every await of its tasks raises from now on. */
static void close_scope(lua_State *L, lwt_context *c, const walk *k, int idx) {
  promise *s = (promise *)lua_touserdata(L, idx);
  int top = lua_gettop(L);
  lua_Integer i, n;
  s->flags |= F_CLOSED;
  if (s != k->inside) s->flags |= F_OUTSIDE;
  if (lua_getiuservalue(L, idx, U_DEP) == LUA_TTABLE) {
    n = (lua_Integer)lua_rawlen(L, -1);
    for (i = 1; i <= n; i++) {
      lua_rawgeti(L, top + 1, i);
      task *t = (task *)lua_touserdata(L, -1);
      if (t->p.kind == K_TASK && t->status != T_DONE) lwt_task_due(L, c, t, TF_LEVEL);
      lua_pop(L, 1);
    }
  }
  lua_settop(L, top);
}

/* ---- Cancelling ------------------------------------------------------------------- */

static void perform(lua_State *L, lwt_context *c, walk *k) {
  lua_Integer i;
  int top = lua_gettop(L);
  for (i = 1; i < k->nactions; i += 2) {
    task *t;
    lua_rawgeti(L, k->actions, i);
    t = (task *)lua_touserdata(L, top + 1);
    lua_rawgeti(L, k->actions, i + 1);
    switch (lua_tointeger(L, -1)) {
    case DO_MARK: mark(L, c, top + 1, 0); break;
    case DO_FLAG: lwt_task_due(L, c, t, TF_CANCEL); break;
    case DO_INTERRUPT: lwt_task_interrupt(L, c, t, top + 1); break;
    default: close_scope(L, c, k, top + 1);
    }
    lua_settop(L, top);
  }
  for (i = 1; i < k->nactions;
       i += 2) { /* what they awaited in vain, if it is a promise */
    lua_rawgeti(L, k->actions, i + 1);
    lua_rawgeti(L, k->actions, i);
    if (lua_tointeger(L, top + 1) == DO_INTERRUPT &&
        push_awaited(L, (task *)lua_touserdata(L, top + 2)) != NULL &&
        lwt_promise_test(L, c, top + 3) != NULL)
      lwt_let_go(L, c, top + 3);
    lua_settop(L, top);
  }
}

static void begin(lua_State *L, lwt_context *c, walk *k) {
  luaL_checkstack(L, 16, NULL);
  lua_newtable(L);
  k->values = lua_gettop(L);
  lua_newtable(L);
  k->actions = k->values + 1;
  k->nactions = 0;
  if (++c->epoch > EPOCHS) c->epoch = 1;
  k->epoch = c->epoch;
  c->walk_calls = c->calls;
  if (c->nest == 0 && c->resumes <= 1 && c->immediate == 0) c->nframes = 0;
  k->base = c->nframes;
}

static int cancel(lua_State *L, lwt_context *c, int idx, const promise *inside,
                  int alone) {
  int top = lua_gettop(L);
  promise *p;
  walk k;
  k.inside = inside;
  luaL_checkstack(L, 16, NULL);
  lua_pushvalue(L, idx);
  p = (promise *)lua_touserdata(L, top + 1);
  k.nactions = 2;
  if (p->state == S_PENDING && p->how == C_SELF &&
      !(p->flags & F_GUARDED)) { /* no walk needed */
    mark(L, c, top + 1, alone);
  } else {
    begin(L, c, &k);
    lua_pushvalue(L, top + 1);
    go(L, c, &k);
    perform(L, c, &k);
  }
  lua_settop(L, top);
  return k.nactions > 0;
}

/* Cancels the promise at idx. The waiters that are to be told are put on the work stack,
** which the caller has to work off. Returns whether anything could be cancelled. */
int lwt_cancel_push(lua_State *L, lwt_context *c, int idx) {
  return cancel(L, c, idx, NULL, 0);
}

/* The scope at idx cancels all its tasks, and is not cancelled itself. */
void lwt_cancel_inside(lua_State *L, lwt_context *c, int idx) {
  int base = c->work;
  cancel(L, c, idx, (promise *)lua_touserdata(L, idx), 0);
  if (c->work > base) lwt_resolve_drive(L, c, base);
  c->calls++; /* see told_by_walk: the walk is over */
}

/* Cancels the promise at idx and runs what follows from it. Returns whether
** anything could be cancelled. */
int lwt_cancel(lua_State *L, lwt_context *c, int idx) {
  int base = c->work, found = cancel(L, c, idx, NULL, c->nest < MAX_NEST);
  if (c->has_current || c->work > base) lwt_resolve_drive(L, c, base);
  c->calls++; /* see told_by_walk: the walk is over */
  return found;
}

/* ---- An await where a cancel is due ---------------------------------------------- */

/* Is the promise at idx one that ends after its cleanup: that of a task or a scope, or what
** depends on one alone? */
static int cleans_up(lua_State *L, int idx) {
  int top = lua_gettop(L), i;
  lua_pushvalue(L, idx);
  for (i = 0; i < 1000; i++) { /* (it may depend on itself) */
    const promise *p = (promise *)lua_touserdata(L, top + 1);
    if (p->state == S_PROXY && p->kind != K_TASK && p->kind != K_SCOPE)
      p = lwt_promise_find(L, top + 1);
    if (p->kind == K_TASK && ((const task *)p)->status != T_DONE) break;
    if (p->kind == K_SCOPE && !(p->flags & F_DONE)) break;
    p = lwt_promise_find(L, top + 1);
    if (p->state != S_PENDING || (p->how != C_DEP && p->how != C_CHILD) ||
        lua_getiuservalue(L, top + 1, U_DEP) != LUA_TUSERDATA) {
      lua_settop(L, top);
      return 0;
    }
    lua_replace(L, top + 1);
  }
  lua_settop(L, top);
  return i < 1000;
}

/* A cancel is due to the task, which was about to await the promise at idx: that promise
** is cancelled. Returns whether the task has to wait for its end, so that no cleanup goes
** on when the task has left; 0 where the task would wait for itself. */
int lwt_cancel_awaited(lua_State *L, lwt_context *c, task *t, int idx) {
  uint64_t epoch = c->epoch;
  int later, pending;
  luaL_checkstack(L, 4, NULL);
  later = cleans_up(L, idx);
  lwt_task_told(L, c, t);
  t->p.epoch = epoch & EPOCHS;
  if (!lwt_cancel(L, c, idx)) lwt_let_go(L, c, idx);
  if (!later || t->p.epoch != epoch || !lua_isyieldable(L)) return 0;
  lua_pushvalue(L, idx);
  pending = lwt_promise_find(L, lua_gettop(L))->state == S_PENDING;
  lua_pop(L, 1);
  return pending;
}

/* ---- What Lua calls -------------------------------------------------------------- */

/*---
Cancels: the deepest cancellable promises that `p` depends on are rejected with `lwt.Canceled`, and what follows from that runs
before this returns. So `p` itself may end up cancelled, otherwise rejected, fulfilled (a handler made a value of it) or still
pending (nothing could be cancelled; then what it waits for no longer keeps it alive, if it only follows from that and nobody waits for it). A task on the way is not rejected: the cancel goes to what it awaits. No effect on a
resolved promise.

```lua
local p = lwt.sleep(10):catch(function(e) return "handled " .. tostring(e) end)
p:cancel()
print(p:state())   --> fulfilled handled canceled
```
@param p lwt.Promise
@function lwt.cancel(p)
*/
static int l_cancel(lua_State *L) {
  lwt_context *c = context_of(L);
  lwt_promise_check(L, c, 1);
  lua_settop(L, 1);
  if (!lwt_cancel(L, c, 1)) lwt_let_go(L, c, 1);
  return 0;
}

static int follow(lua_State *L, int how, int flags) {
  lwt_context *c = context_of(L);
  promise *p = lwt_promise_passed(L, c, 1), *q;
  lua_settop(L, 1);
  while (p->state == S_PENDING) {
    q = lwt_promise_push(L, c, K_FOLLOW, how, 2, sizeof *q);
    q->flags |= (uint16_t)flags;
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, 2, U_DEP);
    lua_pushvalue(L, 2);
    if (lwt_promise_add_waiter(L, 1, p)) return 1;
    lua_settop(L, 1); /* a finalizer has changed it */
    p = lwt_promise_find(L, 1);
  }
  return 1;
}

/*---
A promise that follows `p`; cancelling it does not touch `p`. A resolved `p` is returned itself.

```lua
local p = lwt.task()
local q = lwt.protected(p)
q:cancel()
print((p:state()), q:state())   --> pending rejected canceled
```
@generic T
@param p lwt.Promise<T>
@return lwt.Promise<T>
@function lwt.protected(p)
*/
static int l_protected(lua_State *L) {
  return follow(L, C_SELF, 0);
}

/*---
A promise that follows `p`; cancelling it does nothing at all, and a task that awaits it cannot be interrupted.

```lua
local p = lwt.task()
local q = lwt.no_cancel(p)
q:cancel()
print((p:state()), (q:state()))   --> pending pending
```
@generic T
@param p lwt.Promise<T>
@return lwt.Promise<T>
@function lwt.no_cancel(p)
*/
static int l_no_cancel(lua_State *L) {
  return follow(L, C_NONE, F_NO_CANCEL);
}

/*---
A promise that follows `p` and can always be cancelled: it is then rejected with `lwt.Canceled` at once, and `p` is cancelled too.

```lua
local p = lwt.wait()
local q = lwt.wrap_in_cancelable(p)
q:cancel()
print((p:state()), q:state())   --> pending rejected canceled
```
@generic T
@param p lwt.Promise<T>
@return lwt.Promise<T>
@function lwt.wrap_in_cancelable(p)
*/
static int l_wrap_in_cancelable(lua_State *L) {
  return follow(L, C_WRAP, 0);
}

static const luaL_Reg functions[] = {{"cancel", l_cancel},
                                     {"protected", l_protected},
                                     {"no_cancel", l_no_cancel},
                                     {"wrap_in_cancelable", l_wrap_in_cancelable},
                                     {NULL, NULL}};

void lwt_cancel_open(lua_State *L, lwt_context *c) {
  lwt_register(L, c, functions);
}
