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

/* Forget what the pending table holds for this op: never raises. */
static void op_forget(lua_State *L, lwt_uv *ctx, op *o, int values_too) {
  push_pending(L, ctx);
  lua_pushnil(L);
  lua_rawsetp(L, -2, o);
  if (values_too) {
    lua_pushnil(L);
    lua_rawsetp(L, -2, (char *)o + 1);
    lua_pushnil(L);
    lua_rawsetp(L, -2, (char *)o + 2);
  }
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
  if (o->kind == OP_CLOSE || (o->kind == OP_WRITE && o->begun)) {
    /* A write that has begun goes out whole; a cancelled close becomes an abort. */
    o->dead = 1;
    op_forget(L, ctx, o, 0);
    if (o->kind == OP_CLOSE) {
      ch->aborting = ch->close_canceled = 1;
      lwt_uv_channel_idle_start(ch);
    }
    return;
  }
  op_unlink(o);
  op_forget(L, ctx, o, 1);
  op_free(ctx, o);
  if (lwt_uv_channel_turn(ch, READING) == NULL)
    lwt_uv_channel_stop_reading(ch);
  if (ch->ops > 0)
    lwt_uv_channel_idle_start(ch);
  else
    lwt_uv_channel_unanchor(L, ch);
}

/* Put a copy of `proto` in the queue: pushes its promise. Raises before it has changed
** anything. */
op *lwt_uv_channel_enqueue(lua_State *L, view *v, const op *proto, int keep) {
  channel *ch = v->ch;
  lwt_uv *ctx = ch->ctx;
  channel_state *st = channel_state_of(ctx);
  op *o = st->spare;
  if (o == NULL) {
    o = calloc(1, sizeof *o);
    if (o == NULL)
      lwt_uv_raise(ctx, L, UV_ENOMEM, "channel", NULL, NULL);
    st->spare = o;
  }
  anchor(L, ch, 1);
  ctx->lwt->promise_new(ctx->lwt, L, on_cancel, o);
  push_pending(L, ctx);
  if (keep != 0) {
    lua_pushvalue(L, keep);
    lua_rawsetp(L, -2, (char *)o + 1);
  }
  if (v->lock != NULL) {
    lua_pushvalue(L, 1);
    lua_rawsetp(L, -2, (char *)o + 2);
  }
  lua_pushvalue(L, -2);
  lua_rawsetp(L, -2, o);
  lua_pop(L, 1);
  st->spare = o->next[0];
  *o = *proto;
  o->view = v;
  o->sides = sides_of(ch, o->kind);
  if (o->mem != NULL)
    lwt_uv_mem_pin(o->mem);
  op_link(o);
  return o;
}

/* The op has left the queue or leaves it here; the top `n` values are its results, or the
** error when n is FAILED. */
void lwt_uv_channel_settle(lua_State *L, channel *ch, op *o, int n) {
  lwt_uv *ctx = ch->ctx;
  int dead = o->dead;
  int atomic = o->kind == OP_ATOMIC && n >= 0;
  int values = n == FAILED ? 1 : n;
  if (!atomic)
    op_unlink(o);
  if (dead) {
    lua_pop(L, values);
    op_forget(L, ctx, o, 1);
    op_free(ctx, o);
    return;
  }
  push_pending(L, ctx);
  lua_rawgetp(L, -1, o);
  lua_replace(L, -2);
  lua_insert(L, -values - 1);
  op_forget(L, ctx, o, 1);
  if (!atomic)
    op_free(ctx, o);
  if (n == FAILED)
    ctx->lwt->reject(ctx->lwt, L, lua_absindex(L, -2));
  else
    ctx->lwt->fulfill(ctx->lwt, L, lua_absindex(L, -values - 1), values);
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

static void pump_side(lua_State *L, channel *ch, int side) {
  op *o;
  while ((o = lwt_uv_channel_turn(ch, side)) != NULL) {
    int n = lwt_uv_channel_attempt(L, o);
    if (n == AGAIN)
      return;
    lwt_uv_channel_settle(L, ch, o, n);
  }
}

void lwt_uv_channel_pump(lua_State *L, channel *ch) {
  pump_side(L, ch, READING);
  pump_side(L, ch, WRITING);
  if (!ch->in.pending) {
    /* What was met concerned those that were waiting. */
    ch->in.eof = 0;
    ch->in.error = 0;
  }
}

static void ready(lua_State *L, void *data) {
  channel *ch = data;
  luaL_checkstack(L, 20, NULL);
  if (lwt_uv_channel_push(L, ch)) {
    if (ch->aborting) {
      ch->aborting = 0;
      lwt_uv_channel_abort(L, ch);
    }
    lwt_uv_channel_pump(L, ch);
    if (ch->out.len > ch->out.off && !ch->out.pending && ch->out.error == 0 &&
        !ch->out.closed && lwt_uv_channel_turn(ch, ch->shared ? READING : WRITING) == NULL)
      lwt_uv_channel_flush_soon(L, ch, -1);
    lwt_uv_channel_unanchor(L, ch);
  }
}

/* The loop has nothing else to do: flush, and give a turn to who gave way. */
static void idle(lua_State *L, channel *ch) {
  ch->in.yielded = 0;
  ch->in.burst = 0;
  if (ch->out.len > ch->out.off && !ch->out.pending && ch->out.error == 0 && !ch->out.closed) {
    const op *o = lwt_uv_channel_turn(ch, ch->shared ? READING : WRITING);
    if (o == NULL) {
      int r = lwt_uv_channel_push_out(ch, NULL);
      if (r < 0)
        lwt_uv_channel_untold(ch, r);
    }
  }
  ready(L, ch);
}

void lwt_uv_channel_idle_start(channel *ch) {
  channel_state *st = channel_state_of(ch->ctx);
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
  lwt_uv_channel_idle_start(ch);
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
  lwt_uv_enter(ch->ctx, ready, ch);
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
static int run(lua_State *L, view *v, const op *proto, int keep) {
  channel *ch = v->ch;
  int is_free = lwt_uv_channel_is_free(v, sides_of(ch, proto->kind));
  int first = queued_first(ch, proto);
  op now = *proto;
  int n = AGAIN;
  now.view = v;
  now.sides = sides_of(ch, proto->kind);
  if (is_free && !first) {
    n = attempt(L, ch, &now);
    if (n != AGAIN && !ch->in.pending) {
      ch->in.eof = 0;
      ch->in.error = 0;
    }
  }
  if (n == AGAIN) {
    op *o = lwt_uv_channel_enqueue(L, v, &now, keep);
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

int lwt_uv_channel_run_direct(lua_State *L, view *v, const op *proto, int keep) {
  int n = run(L, v, proto, keep);
  return n == FAILED ? lua_error(L) : n;
}

int lwt_uv_channel_run(lua_State *L, view *v, const op *proto, int keep) {
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
