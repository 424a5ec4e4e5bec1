/* channel.c: buffered channels: their life, their queues, turns, closing.
**
** Called by channel_read.c, channel_write.c and channel_seek.c (the operations), and by
** whoever makes channels (io.c). See channel.h for the picture.
**
** Invariants: an op in a queue has its promise in the pending table, or is dead, or is a
** granted atomic. While the port has a read or a write, an op waits or the idle hook is
** queued, the first view is in the pending table too. Promises are settled only by
** `settle`, after their op has left the queue, because their callbacks may come back in.
*/
#include "channel.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"

/* ---- Anchoring -------------------------------------------------------------------- */

static void push_pending(lua_State *L, lwt_uv *ctx) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, channel_state_of(ctx)->pending);
}

/* Keep the first view (at `idx`, or that of the temporary one there) alive. The slot in the
** registry is there from the beginning, so that nothing is allocated. */
static void anchor(lua_State *L, channel *ch, int idx) {
  if (ch->anchored)
    return;
  if (((view *)lua_touserdata(L, idx))->lock != NULL)
    lua_getiuservalue(L, idx, 1);
  else
    lua_pushvalue(L, idx);
  lua_rawseti(L, LUA_REGISTRYINDEX, ch->ref);
  ch->anchored = 1;
}

void lwt_uv_channel_unanchor(lua_State *L, channel *ch) {
  if (!ch->anchored || ch->ops > 0 || ch->in.pending || ch->out.pending || ch->idle_at != NULL ||
      (ch->port_gone && !ch->ended))
    return;
  lua_pushboolean(L, 0);
  lua_rawseti(L, LUA_REGISTRYINDEX, ch->ref);
  ch->anchored = 0;
}

int lwt_uv_channel_push(lua_State *L, channel *ch) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, ch->ref);
  if (ch->first != NULL && lua_touserdata(L, -1) != NULL)
    return 1;
  lua_pop(L, 1);
  return 0;
}

/* ---- Operations ------------------------------------------------------------------ */

static void op_free(lwt_uv *ctx, op *o) {
  channel_state *st = channel_state_of(ctx);
  if (o->mem != NULL)
    lwt_uv_mem_unpin(o->mem);
  o->next[0] = st->spare;
  st->spare = o;
}

/* Where the promise of a waiting op is: in a user value of the first view when it is alone in
** its queue there, in the pending table otherwise. What else must live as long is in the
** table, next to it. */
static void push_promise(lua_State *L, op *o, int channel_idx) {
  if (o->slot != 0) {
    lua_getiuservalue(L, channel_idx, o->slot);
    return;
  }
  push_pending(L, o->view->ch->ctx);
  lua_rawgetp(L, -1, o);
  lua_replace(L, -2);
}

/* Forget the promise, and what else is kept. Never raises. */
static void forget_promise(lua_State *L, op *o, int channel_idx) {
  lua_pushnil(L);
  if (o->slot != 0) {
    lua_setiuservalue(L, channel_idx, o->slot);
    return;
  }
  push_pending(L, o->view->ch->ctx);
  lua_insert(L, -2);
  lua_rawsetp(L, -2, o);
  lua_pop(L, 1);
}

static void forget_kept(lua_State *L, lwt_uv *ctx, op *o) {
  if (!o->kept && !o->viewed)
    return;
  push_pending(L, ctx);
  lua_pushnil(L);
  lua_rawsetp(L, -2, (char *)o + 1);
  lua_pushnil(L);
  lua_rawsetp(L, -2, (char *)o + 2);
  lua_pop(L, 1);
}

static void unlink_side(op *o, int side) {
  op_queue *q = &o->view->q[side];
  op **at = &q->first, *before = NULL;
  while (*at != o) {
    before = *at;
    at = &before->next[side];
  }
  *at = o->next[side];
  if (q->last == o)
    q->last = before;
}

static void op_unlink_from(channel *ch, op *o) {
  if (o->sides & CAN_READ)
    unlink_side(o, READING);
  if (o->sides & CAN_WRITE)
    unlink_side(o, WRITING);
  ch->ops--;
}

static void op_unlink(op *o) {
  op_unlink_from(o->view->ch, o);
}

static void op_link(op *o) {
  for (int side = READING; side <= WRITING; side++) {
    op_queue *q = &o->view->q[side];
    if (!(o->sides & (1 << side)))
      continue;
    o->next[side] = NULL;
    if (q->last != NULL)
      q->last->next[side] = o;
    else
      q->first = o;
    q->last = o;
  }
  o->view->ch->ops++;
}

/* The operation whose turn it is on this side: the head of the innermost queue. */
op *lwt_uv_channel_turn(const channel *ch, int side) {
  const view *v = ch->first;
  op *o = NULL;
  while (v != NULL && (o = v->q[side].first) != NULL && o->kind == OP_ATOMIC && o->granted)
    v = o->inner;
  return o;
}

int lwt_uv_channel_is_free(const view *v, int sides) {
  return (!(sides & CAN_READ) || v->q[READING].first == NULL) &&
         (!(sides & CAN_WRITE) || v->q[WRITING].first == NULL);
}

/* The queues an operation of `kind` stands in. */
static unsigned char sides_of(const channel *ch, op_kind kind) {
  if (ch->shared)
    return CAN_READ;
  if (kind == OP_ATOMIC || kind == OP_SEEK)
    return ch->sides;
  if (kind == OP_CLOSE)
    return (ch->sides & CAN_WRITE) ? CAN_WRITE : CAN_READ;
  return kind < OP_WRITE ? CAN_READ : CAN_WRITE;
}

void lwt_uv_channel_stop_reading(channel *ch) {
  if (!ch->in.pending)
    return;
  ch->port->class->read_cancel(ch->port);
  ch->in.pending = 0;
}

/* The promise has been cancelled: no Lua code may run here, so whatever others may now do
** is left to the idle hook. */
static void on_cancel(lua_State *L, void *data) {
  op *o = data;
  channel *ch = o->view->ch;
  lwt_uv *ctx = ch->ctx;
  if (!lwt_uv_channel_push(L, ch))
    return;
  forget_promise(L, o, lua_gettop(L));
  lua_pop(L, 1);
  if (o->kind == OP_CLOSE || (o->kind == OP_WRITE && o->begun)) {
    /* A write that has begun goes out whole; a cancelled close becomes an abort. */
    o->dead = 1;
    if (o->kind == OP_CLOSE) {
      ch->aborting = ch->close_canceled = 1;
      lwt_uv_channel_idle_start(ch);
    }
    return;
  }
  op_unlink(o);
  forget_kept(L, ctx, o);
  op_free(ctx, o);
  if (lwt_uv_channel_turn(ch, READING) == NULL)
    lwt_uv_channel_stop_reading(ch);
  if (ch->ops > 0)
    lwt_uv_channel_idle_start(ch);
  else
    lwt_uv_channel_unanchor(L, ch);
}

/* Put a copy of `proto` in the queue: pushes its promise. Raises before it has changed
** anything. The view is at index 1. */
op *lwt_uv_channel_enqueue(lua_State *L, view *v, const op *proto, int keep) {
  channel *ch = v->ch;
  lwt_uv *ctx = ch->ctx;
  channel_state *st = channel_state_of(ctx);
  op *o = st->spare;
  unsigned char sides = sides_of(ch, proto->kind), slot = 0;
  if (o == NULL) {
    o = calloc(1, sizeof *o);
    if (o == NULL)
      lwt_uv_raise(ctx, L, UV_ENOMEM, "channel", NULL, NULL);
    st->spare = o;
  }
  anchor(L, ch, 1);
  ctx->lwt->promise_new(ctx->lwt, L, on_cancel, o);
  if (v->lock == NULL && sides != (CAN_READ | CAN_WRITE) &&
      v->q[sides == CAN_WRITE].first == NULL)
    slot = sides == CAN_WRITE ? UV_WRITER : UV_READER;
  if (slot == 0 || keep != 0) {
    push_pending(L, ctx);
    if (keep != 0) {
      lua_pushvalue(L, keep);
      lua_rawsetp(L, -2, (char *)o + 1);
    }
    if (v->lock != NULL) {
      lua_pushvalue(L, 1);
      lua_rawsetp(L, -2, (char *)o + 2);
    }
    if (slot == 0) {
      lua_pushvalue(L, -2);
      lua_rawsetp(L, -2, o);
    }
    lua_pop(L, 1);
  }
  if (slot != 0) {
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 1, slot);
  }
  st->spare = o->next[0];
  *o = *proto;
  o->view = v;
  o->sides = sides;
  o->slot = slot;
  o->kept = keep != 0;
  o->viewed = v->lock != NULL;
  if (o->mem != NULL)
    lwt_uv_mem_pin(o->mem);
  op_link(o);
  return o;
}

/* Resolve the promise of `o`, which leaves the queue, with the top `n` values, or with the
** error there when n is FAILED. */
void lwt_uv_channel_settle(lua_State *L, channel *ch, op *o, int n) {
  lwt_uv *ctx = ch->ctx;
  int granted = o->kind == OP_ATOMIC && n >= 0, dead = o->dead;
  int values = n == FAILED ? 1 : n, promise;
  if (lwt_uv_channel_push(L, ch)) {
    int u = lua_gettop(L);
    if (!dead) {
      push_promise(L, o, u);
      forget_promise(L, o, u);
    }
    lua_remove(L, u);
  }
  if (!granted)
    op_unlink(o);
  forget_kept(L, ctx, o);
  if (!granted)
    op_free(ctx, o);
  if (dead) {
    lua_pop(L, values);
    return;
  }
  promise = lua_gettop(L) - values;
  if (values > 0)
    lua_insert(L, promise);
  if (n == FAILED)
    ctx->lwt->reject(ctx->lwt, L, promise);
  else
    ctx->lwt->fulfill(ctx->lwt, L, promise, values);
  lua_pop(L, 1);
}

void lwt_uv_channel_drop_ops(channel *ch, view *v) {
  op *o;
  for (int side = READING; side <= WRITING; side++)
    while ((o = v->q[side].first) != NULL) {
      /* A temporary channel that still lives is older garbage's: it ends here too. */
      if (o->kind == OP_ATOMIC && o->granted) {
        lwt_uv_channel_drop_ops(ch, o->inner);
        o->inner->ch = NULL;
        ch->refs--;
      }
      op_unlink_from(ch, o);
      op_free(ch->ctx, o);
    }
}

/* ---- Turns ------------------------------------------------------------------------- */

void lwt_uv_channel_push_error(lua_State *L, channel *ch, int status, int writing) {
  if (status == PORT_LUA_ERROR)
    lwt_uv_port_lua_push_error(L, ch->port, writing);
  else
    lwt_uv_push_error(ch->ctx, L, status, writing ? "write" : "read", ch->what_key, ch->what);
}

/* Grant an atomic: its temporary channel is pushed. The op stays in the queue. */
static int grant(lua_State *L, channel *ch, op *o) {
  view *v;
  if (((o->sides & CAN_READ) && lwt_uv_channel_turn(ch, READING) != o) ||
      ((o->sides & CAN_WRITE) && lwt_uv_channel_turn(ch, WRITING) != o))
    return AGAIN;
  v = lwt_uv_new_userdata(ch->ctx, L, LWT_UV_CHANNEL, sizeof *v, CHANNEL_UV);
  lua_rawgeti(L, LUA_REGISTRYINDEX, ch->ref);
  lua_setiuservalue(L, -2, 1);
  v->ch = ch;
  v->lock = o;
  ch->refs++;
  o->granted = 1;
  o->inner = v;
  return 1;
}

/* Both directions share one position: before the side changes, what was read ahead is
** given back, and what was written is really written. */
static int change_side(lua_State *L, channel *ch, const op *o) {
  if (o->kind < OP_WRITE) {
    int r = lwt_uv_channel_push_out(ch, NULL);
    if (r > 0)
      return AGAIN;
    if (r < 0) {
      lwt_uv_channel_push_error(L, ch, r, 1);
      return FAILED;
    }
    return 0;
  }
  lwt_uv_channel_stop_reading(ch);
  ch->in.eof = 0;
  if (ch->in.tail > ch->in.head) {
    int64_t r = ch->port->class->seek(ch->port, -(int64_t)(ch->in.tail - ch->in.head), SEEK_CUR);
    if (r < 0) {
      lwt_uv_channel_push_error(L, ch, (int)r, 1);
      return FAILED;
    }
    ch->in.head = ch->in.tail = 0;
  }
  return 0;
}

/* Try it: number of values pushed, FAILED with the error pushed, or AGAIN. */
static int attempt(lua_State *L, channel *ch, op *o) {
  if (ch->shared && o->kind != OP_ATOMIC && o->kind != OP_CLOSE) {
    int r = change_side(L, ch, o);
    if (r != 0)
      return r;
  }
  if (o->kind == OP_ATOMIC)
    return grant(L, ch, o);
  if (o->kind == OP_CLOSE)
    return lwt_uv_channel_try_close(L, ch, o);
  return o->kind < OP_WRITE ? lwt_uv_channel_try_read(L, ch, o)
                            : lwt_uv_channel_try_write(L, ch, o);
}

static int protected_attempt(lua_State *L) {
  op *o = lua_touserdata(L, 1);
  int *result = lua_touserdata(L, 2);
  lua_settop(L, 0);
  *result = attempt(L, o->view->ch, o);
  return *result == AGAIN ? 0 : *result == FAILED ? 1 : *result;
}

/* The same for an op in the queue: what it raises becomes its failure. */
int lwt_uv_channel_attempt(lua_State *L, op *o) {
  int result = AGAIN;
  lua_pushcfunction(L, protected_attempt);
  lua_pushlightuserdata(L, o);
  lua_pushlightuserdata(L, &result);
  if (lua_pcall(L, 2, LUA_MULTRET, 0) != LUA_OK)
    return FAILED;
  return result;
}

/* What waits on this side, as far as it goes. With `fast`, a reading operation is tried without
** a protected call of its own: it can raise nothing but want of memory, and `ch->hurt` tells the caller of
** ours (lwt_uv_channel_on_read) to try again with one. */
static void pump_side(lua_State *L, channel *ch, int side, int fast) {
  op *o;
  while ((o = lwt_uv_channel_turn(ch, side)) != NULL) {
    int n;
    if (fast && o->kind < OP_UNPACK && !ch->shared) {
      ch->hurt = 1;
      n = lwt_uv_channel_try_read(L, ch, o);
      ch->hurt = 0;
    } else {
      n = lwt_uv_channel_attempt(L, o);
    }
    if (n == AGAIN)
      return;
    lwt_uv_channel_settle(L, ch, o, n);
  }
}

static void pump(lua_State *L, channel *ch, int fast) {
  pump_side(L, ch, READING, fast);
  pump_side(L, ch, WRITING, 0);
  if (!ch->in.pending) {
    /* What was met concerned those that were waiting. */
    ch->in.eof = 0;
    ch->in.error = 0;
  }
}

void lwt_uv_channel_pump(lua_State *L, channel *ch) {
  pump(L, ch, 0);
}

static void go_on(lua_State *L, channel *ch, int fast) {
  luaL_checkstack(L, 20, NULL);
  if (lwt_uv_channel_push(L, ch)) {
    if (ch->aborting) {
      ch->aborting = 0;
      lwt_uv_channel_abort(L, ch);
    }
    pump(L, ch, fast);
    if (ch->out.len > ch->out.off && !ch->out.pending && ch->out.error == 0 &&
        !ch->out.closed && lwt_uv_channel_turn(ch, ch->shared ? READING : WRITING) == NULL)
      lwt_uv_channel_flush_soon(L, ch, -1);
    lwt_uv_channel_unanchor(L, ch);
  }
}

static void ready(lua_State *L, void *data) {
  go_on(L, data, 0);
}

static void ready_to_read(lua_State *L, void *data) {
  go_on(L, data, 1);
}

/* Write without being asked to, if nothing is in the way. */
static void flush_now(channel *ch) {
  channel_out *out = &ch->out;
  int r;
  if (out->len == out->off || out->pending || out->error != 0 || out->closed)
    return;
  r = lwt_uv_channel_push_out(ch, NULL);
  if (r < 0)
    lwt_uv_channel_untold(ch, r);
  else if (r == 0 && ch->idle_to_flush)
    lwt_uv_channel_idle_stop(ch);
}

/* The loop has nothing else to do: flush, and give a turn to who gave way. */
static void idle(lua_State *L, channel *ch) {
  ch->in.yielded = 0;
  ch->in.burst = 0;
  if (lwt_uv_channel_turn(ch, ch->shared ? READING : WRITING) == NULL)
    flush_now(ch);
  ready(L, ch);
}

void lwt_uv_channel_idle_start(channel *ch) {
  channel_state *st = channel_state_of(ch->ctx);
  ch->idle_to_flush = 0;
  if (ch->idle_at != NULL)
    return;
  ch->idle_next = NULL;
  ch->idle_at = st->idle_last;
  *st->idle_last = ch;
  st->idle_last = &ch->idle_next;
  st->idle_count++;
  ch->ctx->lwt->idle_start(ch->ctx->lwt, &st->idle);
}

void lwt_uv_channel_idle_stop(channel *ch) {
  channel_state *st = channel_state_of(ch->ctx);
  if (ch->idle_at == NULL)
    return;
  *ch->idle_at = ch->idle_next;
  if (ch->idle_next != NULL)
    ch->idle_next->idle_at = ch->idle_at;
  else
    st->idle_last = ch->idle_at;
  ch->idle_at = NULL;
  st->idle_count--;
}

/* The hook of all channels. Those that come while it runs have their word next time. */
void lwt_uv_channel_on_idle(lua_State *L, void *state) {
  channel_state *st = state;
  const lwt_api *lwt = st->ctx->lwt;
  size_t n = st->idle_count;
  if (n == 0)
    return;
  lwt->idle_start(lwt, &st->idle); /* should one raise, the others come then */
  for (; n > 0 && st->idle_first != NULL; n--) {
    channel *ch = st->idle_first;
    lwt_uv_channel_idle_stop(ch);
    idle(L, ch);
  }
  if (st->idle_first == NULL)
    lwt->idle_stop(lwt, &st->idle);
}

void lwt_uv_channel_flush_soon(lua_State *L, channel *ch, int idx) {
  channel_state *st = channel_state_of(ch->ctx);
  anchor(L, ch, idx);
  if (!st->exit_hooked && st->at_exit != LUA_NOREF) {
    st->exit_hooked = 1;
    lua_rawgeti(L, LUA_REGISTRYINDEX, st->at_exit);
    lua_call(L, 0, 0);
  }
  if (ch->idle_at == NULL) {
    lwt_uv_channel_idle_start(ch);
    ch->idle_to_flush = 1;
  }
}

void lwt_uv_channel_untold(channel *ch, int status) {
  ch->out.error = status;
  ch->out.told = 0;
}

void lwt_uv_channel_on_write(port *p, void *data, ssize_t status) {
  channel *ch = data;
  (void)p;
  ch->out.pending = 0;
  if (status < 0)
    lwt_uv_channel_untold(ch, (int)status);
  else
    lwt_uv_channel_wrote(ch, ch->out.fly_op, (size_t)status);
  ch->out.fly_op = NULL;
  lwt_uv_enter(ch->ctx, ready, ch);
}

void lwt_uv_channel_on_read(port *p, void *data, ssize_t status) {
  channel *ch = data;
  (void)p;
  ch->in.pending = 0;
  ch->in.burst = 0;
  if (status > 0) {
    ch->in.tail += (size_t)status;
    ch->in.full = ch->in.tail == ch->in.cap;
  } else if (status == UV_EOF || status == 0) {
    ch->in.eof = 1;
  } else {
    ch->in.error = (int)status;
  }
  if (lwt_uv_enter(ch->ctx, ready_to_read, ch) != 0 && ch->hurt) {
    ch->hurt = 0;
    lwt_uv_enter(ch->ctx, ready, ch);
  }
}

/* ---- Arguments ------------------------------------------------------------------------- */

view *lwt_uv_channel_view(lwt_uv *ctx, lua_State *L, int arg) {
  view *v = lwt_uv_check(ctx, L, arg, LWT_UV_CHANNEL);
  if (v->ch == NULL)
    luaL_argerror(L, arg, "a temporary channel whose atomic is over");
  return v;
}

view *lwt_uv_channel_check(lwt_uv *ctx, lua_State *L, int side, int *closed) {
  view *v = lwt_uv_channel_view(ctx, L, 1);
  channel *ch = v->ch;
  if (ch->closed || ch->close_op != NULL) {
    *closed = 1;
    return v;
  }
  if (!(ch->sides & (1 << side)))
    luaL_argerror(L, 1, side == READING ? "not an input channel" : "not an output channel");
  *closed = side == READING ? ch->in.closed : ch->out.closing;
  return v;
}

/* ---- Running an operation ------------------------------------------------------------ */

/* Writes of more than the buffer takes lend their memory to the port: those, and what
** stays in the queue anyhow, are queued before they are tried. */
static int queued_first(const channel *ch, const op *o) {
  if (o->kind == OP_WRITE)
    return ch->out.len - ch->out.off + o->n > ch->out.size || ch->out.error != 0;
  return o->kind == OP_ATOMIC || o->kind == OP_CLOSE;
}

/* Number of values pushed, FAILED with the error pushed, or AGAIN with a promise pushed
** (which may be resolved). */
static int run(lua_State *L, view *v, op *now, int keep) {
  channel *ch = v->ch;
  int first = queued_first(ch, now), is_free, n = AGAIN;
  now->view = v;
  now->sides = sides_of(ch, now->kind);
  is_free = lwt_uv_channel_is_free(v, now->sides);
  if (is_free && !first) {
    n = attempt(L, ch, now);
    if (n != AGAIN && !ch->in.pending) {
      ch->in.eof = 0;
      ch->in.error = 0;
    }
  }
  if (n == AGAIN) {
    op *o;
    /* A reader that waits for an answer: what it has written is the question. */
    if (now->kind < OP_WRITE && ch->out.len > ch->out.off && v->q[WRITING].first == NULL &&
        !ch->shared)
      flush_now(ch);
    o = lwt_uv_channel_enqueue(L, v, now, keep);
    if (is_free && first) {
      int k = lwt_uv_channel_attempt(L, o);
      if (k != AGAIN)
        lwt_uv_channel_settle(L, ch, o, k);
    }
  }
  if (ch->out.len > ch->out.off && !lwt_uv_channel_will_flush(ch) && !ch->out.pending && ch->out.error == 0 &&
      ch->first != NULL)
    lwt_uv_channel_flush_soon(L, ch, 1);
  return n;
}

int lwt_uv_channel_run_direct(lua_State *L, view *v, op *proto, int keep) {
  int n = run(L, v, proto, keep);
  return n == FAILED ? lua_error(L) : n;
}

int lwt_uv_channel_run(lua_State *L, view *v, op *proto, int keep) {
  lwt_uv *ctx = v->ch->ctx;
  int n = run(L, v, proto, keep);
  if (n == FAILED)
    ctx->lwt->rejected(ctx->lwt, L);
  else if (n == 0)
    lwt_uv_push_done(ctx, L);
  else if (n > 0)
    ctx->lwt->fulfilled(ctx->lwt, L, n);
  return 1;
}

/* ---- Atomic ---------------------------------------------------------------------------- */

/* The function given to atomic is done. What it has left in the queue comes next, on the
** channel itself. */
void lwt_uv_channel_release(lua_State *L, view *inner) {
  op *lock = inner->lock;
  channel *ch = inner->ch;
  view *outer;
  if (ch == NULL)
    return;
  outer = lock->view;
  for (int side = READING; side <= WRITING; side++) {
    op_queue *q = &inner->q[side];
    if (q->first == NULL)
      continue;
    for (op *o = q->first; o != NULL; o = o->next[side])
      o->view = outer;
    q->last->next[side] = lock->next[side];
    lock->next[side] = q->first;
    if (outer->q[side].last == lock)
      outer->q[side].last = q->last;
    q->first = q->last = NULL;
  }
  op_unlink(lock);
  op_free(ch->ctx, lock);
  inner->ch = NULL;
  ch->refs--;
  if (!ch->closed || ch->ops > 0)
    lwt_uv_channel_idle_start(ch);
  (void)L;
}
