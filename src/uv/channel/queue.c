/* queue.c: the operations that wait: their queues, their promises, what keeps the
** channel alive meanwhile, and atomic, which lends its place in the queue.
**
** Called by the other files of this folder. Invariants: an op in a queue has its promise in a user
** value of the first view or in the pending table, or is dead, or is a granted atomic.
** While an op waits, the first view is anchored. A promise is settled only by
** lwt_uv_channel_settle, after its op has left the queue, because callbacks may come
** back in.
*/
#include "channel.h"

#include <stdlib.h>

#include "../bytes.h"

/* ---- Anchoring -------------------------------------------------------------- */

static void push_pending(lua_State *L, lwt_uv *ctx) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, channel_state_of(ctx)->pending);
}

/* Keep the first view, at `idx`, alive. (Where a temporary one is there, its atomic does so
** already.) The slot in the registry is there from the beginning, so that nothing is allocated. */
void lwt_uv_channel_anchor(lua_State *L, channel *ch, int idx) {
  if (ch->anchored) return;
  lua_pushvalue(L, idx);
  lua_rawseti(L, LUA_REGISTRYINDEX, ch->ref);
  ch->anchored = 1;
}

void lwt_uv_channel_unanchor(lua_State *L, channel *ch) {
  if (!ch->anchored || ch->ops > 0 || ch->in.pending || ch->out.pending ||
      ch->idle_at != NULL || (ch->port_gone && !ch->ended))
    return;
  lua_pushboolean(L, 0);
  lua_rawseti(L, LUA_REGISTRYINDEX, ch->ref);
  ch->anchored = 0;
}

int lwt_uv_channel_push(lua_State *L, channel *ch) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, ch->ref);
  if (ch->first != NULL && lua_touserdata(L, -1) != NULL) return 1;
  lua_pop(L, 1);
  return 0;
}

/* ---- Operations ------------------------------------------------------------- */

/* The channel is closed while a thread writes to its file, for which the loop does not wait: what is
** written from stays until the port has closed. Allocates nothing. */
void lwt_uv_channel_leave_write(lua_State *L, channel *ch) {
  const op *o = ch->out.fly_op;
  ch->out.pending = 0;
  ch->out.fly_op = NULL;
  if (o == NULL) return;
  ch->left_write = 1;
  ch->left = o->mem;
  if (o->mem != NULL) lwt_uv_mem_pin(o->mem);
  if (!o->kept || !lwt_uv_channel_push(L, ch)) return;
  push_pending(L, ch->ctx);
  lua_rawgetp(L, -1, (const char *)o + 1);
  lua_setiuservalue(L, -3, UV_OWNER); /* (a descriptor's port has none) */
  lua_pop(L, 2);
}

static void op_free(lwt_uv *ctx, op *o) {
  channel_state *st = channel_state_of(ctx);
  if (o->busy) { /* by lwt_uv_channel_attempted */
    o->over = 1;
    return;
  }
  if (o->mem != NULL) lwt_uv_mem_unpin(o->mem);
  o->next[0] = st->spare;
  st->spare = o;
}

/* Where the promise of a waiting op is: in a user value of the first view when it is
** alone in its queue there, in the pending table otherwise. What else must live as long
** is in the table, next to it. */
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
    o->view->ch->slots &= (unsigned char)~(1u << (o->slot - UV_READER));
    return;
  }
  push_pending(L, o->view->ch->ctx);
  lua_insert(L, -2);
  lua_rawsetp(L, -2, o);
  lua_pop(L, 1);
}

static void forget_kept(lua_State *L, lwt_uv *ctx, op *o) {
  if (!o->kept && !o->viewed) return;
  push_pending(L, ctx);
  lua_pushnil(L);
  lua_rawsetp(L, -2, (char *)o + 1);
  lua_pushnil(L);
  lua_rawsetp(L, -2, (char *)o + 2);
  lua_pop(L, 1);
}

int lwt_uv_channel_attempted(channel *ch, op *o) {
  o->busy = 0;
  if (!o->over) return 1;
  op_free(ch->ctx, o);
  return 0;
}

static void unlink_side(op *o, int side) {
  op_queue *q = &o->view->q[side];
  op *before = o->prev[side], *after = o->next[side];
  if (before != NULL)
    before->next[side] = after;
  else
    q->first = after;
  if (after != NULL)
    after->prev[side] = before;
  else
    q->last = before;
}

static void op_unlink_from(channel *ch, op *o) {
  ch->changes++;
  if (o->sides & CAN_READ) unlink_side(o, READING);
  if (o->sides & CAN_WRITE) unlink_side(o, WRITING);
  ch->ops--;
}

static void op_unlink(op *o) {
  op_unlink_from(o->view->ch, o);
}

static void op_link(op *o) {
  for (int side = READING; side <= WRITING; side++) {
    op_queue *q = &o->view->q[side];
    if (!(o->sides & (1 << side))) continue;
    o->next[side] = NULL;
    o->prev[side] = q->last;
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
  while (v != NULL && (o = v->q[side].first) != NULL && o->kind == OP_ATOMIC &&
         o->granted)
    v = o->inner;
  return o;
}

static int has_writes(const view *v, int side) {
  for (const op *o = v->q[side].first; o != NULL; o = o->next[side])
    if (o->kind == OP_WRITE ||
        (o->kind == OP_ATOMIC && o->granted && has_writes(o->inner, side)))
      return 1;
  return 0;
}

/* Do writes wait for their turn, or for the port? */
int lwt_uv_channel_has_writes(const channel *ch) {
  return ch->first != NULL && has_writes(ch->first, ch->shared ? READING : WRITING);
}

int lwt_uv_channel_is_free(const view *v, int sides) {
  return (!(sides & CAN_READ) || v->q[READING].first == NULL) &&
         (!(sides & CAN_WRITE) || v->q[WRITING].first == NULL);
}

/* The queues an operation of `kind` stands in. */
unsigned char lwt_uv_channel_sides(const channel *ch, op_kind kind) {
  if (ch->shared) return CAN_READ;
  if (kind == OP_ATOMIC || kind == OP_SEEK) return ch->sides;
  if (kind == OP_CLOSE) return (ch->sides & CAN_WRITE) ? CAN_WRITE : CAN_READ;
  return kind < OP_WRITE ? CAN_READ : CAN_WRITE;
}

void lwt_uv_channel_stop_reading(channel *ch) {
  if (!ch->in.pending) return;
  ch->changes++;
  ch->port->class->read_cancel(ch->port);
  ch->in.pending = 0;
}

/* The promise has been cancelled: no Lua code may run here, so whatever others may now do
** is left to the idle hook. */
static void on_cancel(lua_State *L, void *data) {
  op *o = data;
  channel *ch = o->view->ch;
  lwt_uv *ctx = ch->ctx;
  if (!lwt_uv_channel_push(L, ch)) return;
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
  if (lwt_uv_channel_turn(ch, READING) == NULL) lwt_uv_channel_stop_reading(ch);
  if (ch->ops > 0)
    lwt_uv_channel_idle_start(ch);
  else
    lwt_uv_channel_unanchor(L, ch);
}

/* Push a promise, for the op that is returned, which is still the first of the spare
** ones. A finalizer that runs meanwhile may take that one: then for another. */
static op *new_promise(lua_State *L, lwt_uv *ctx) {
  channel_state *st = channel_state_of(ctx);
  for (;;) {
    op *o = st->spare;
    if (o == NULL) {
      o = calloc(1, sizeof *o);
      if (o == NULL) {
        lwt_uv_raise(ctx, L, UV_ENOMEM, "channel", NULL, NULL);
        return NULL; /* not reached */
      }
      st->spare = o;
    }
    ctx->lwt->promise_new(ctx->lwt, L, on_cancel, o);
    if (st->spare == o) return o;
    lua_pop(L, 1);
  }
}

/* Put a copy of `proto` in the queue: pushes its promise. Raises before it has changed
** anything. The view is at index 1. (Filling the pending table allocates too, but runs no
** finalizer: only making an object does.) */
op *lwt_uv_channel_enqueue(lua_State *L, view *v, const op *proto, int keep) {
  channel *ch = v->ch;
  lwt_uv *ctx = ch->ctx;
  channel_state *st = channel_state_of(ctx);
  op *o = new_promise(L, ctx);
  unsigned char sides = lwt_uv_channel_sides(ch, proto->kind), slot = 0;
  if (proto->mem != NULL && proto->mem->data == NULL)
    luaL_argerror(L, 2, "the bytes were moved to another thread");
  if (v->lock == NULL && sides != (CAN_READ | CAN_WRITE) &&
      !(ch->slots & (sides == CAN_WRITE ? 2 : 1)))
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
    ch->slots |= (unsigned char)(1u << (slot - UV_READER));
  }
  lwt_uv_channel_anchor(L, ch, 1);
  st->spare = o->next[0];
  *o = *proto;
  o->view = v;
  o->sides = sides;
  o->slot = slot;
  o->kept = keep != 0;
  o->viewed = v->lock != NULL;
  if (o->mem != NULL) lwt_uv_mem_pin(o->mem);
  op_link(o);
  return o;
}

/* (They may be rejected already: a callback may close the port, and then the channel has
** done this.) */
static void pay_off(lua_State *L, channel *ch, op *o, int channel_idx) {
  op **at = &ch->owing;
  while (*at != NULL && *at != o) at = &(*at)->owed;
  if (*at == NULL) return;
  *at = o->owed;
  forget_promise(L, o, channel_idx);
  forget_kept(L, ch->ctx, o);
  if (!o->granted) op_free(ch->ctx, o);
}

/* Resolve the promise of `o`, which leaves the queue, with the top `n` values, or with the
** error there when n is FAILED. Resolving may raise for want of memory: until it has been
** done the op is on the list of what is owed. */
void lwt_uv_channel_settle(lua_State *L, channel *ch, op *o, int n) {
  const lwt_api *lwt = ch->ctx->lwt;
  int values = n == FAILED ? 1 : n, promise;
  if (o == ch->close_op) lwt_uv_channel_close_is_over(L, ch);
  if (!o->granted) op_unlink(o);
  if (o->dead || !lwt_uv_channel_push(L, ch)) {
    lua_pop(L, values);
    forget_kept(L, ch->ctx, o);
    op_free(ch->ctx, o);
    return;
  }
  o->owed = ch->owing;
  ch->owing = o;
  push_promise(L, o, lua_gettop(L));
  promise = lua_gettop(L) - values;
  if (values > 0) lua_rotate(L, promise - 1, 2); /* channel, promise, values */
  if (n == FAILED)
    lwt->reject(lwt, L, promise);
  else
    lwt->fulfill(lwt, L, promise, values);
  pay_off(L, ch, o, promise - 1);
  lua_pop(L, 2);
}

/* An earlier settle has raised: those promises are rejected now. The channel is at the top. */
void lwt_uv_channel_pay(lua_State *L, channel *ch) {
  int u = lua_gettop(L);
  while (ch->owing != NULL) {
    op *o = ch->owing;
    push_promise(L, o, u);
    lua_rawgeti(L, LUA_REGISTRYINDEX, channel_state_of(ch->ctx)->no_memory);
    ch->ctx->lwt->reject(ch->ctx->lwt, L, u + 1);
    lua_settop(L, u);
    pay_off(L, ch, o, u);
  }
}

void lwt_uv_channel_drop_ops(channel *ch, view *v) {
  op *o;
  for (int side = READING; side <= WRITING; side++)
    while ((o = v->q[side].first) != NULL) {
      /* A temporary channel that is left belongs to the garbage as well: it ends here. */
      if (o->kind == OP_ATOMIC && o->granted) {
        lwt_uv_channel_drop_ops(ch, o->inner);
        o->inner->ch = NULL;
        ch->refs--;
      }
      op_unlink_from(ch, o);
      op_free(ch->ctx, o);
    }
}

/* ---- Atomic ----------------------------------------------------------------- */

/* The function given to atomic is done. What it has left in the queue comes next, on the
** channel itself. */
void lwt_uv_channel_release(lua_State *L, view *inner) {
  op *lock = inner->lock;
  channel *ch = inner->ch;
  view *outer;
  if (ch == NULL) return;
  outer = lock->view;
  for (int side = READING; side <= WRITING; side++) {
    op_queue *q = &inner->q[side];
    if (q->first == NULL) continue;
    for (op *o = q->first; o != NULL; o = o->next[side]) o->view = outer;
    q->last->next[side] = lock->next[side];
    q->first->prev[side] = lock;
    if (lock->next[side] != NULL)
      lock->next[side]->prev[side] = q->last;
    else
      outer->q[side].last = q->last;
    lock->next[side] = q->first;
    q->first = q->last = NULL;
  }
  op_unlink(lock);
  op_free(ch->ctx, lock);
  inner->ch = NULL;
  ch->refs--;
  if (!ch->closed || ch->ops > 0) lwt_uv_channel_idle_start(ch);
  (void)L;
}
