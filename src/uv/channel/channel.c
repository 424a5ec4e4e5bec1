/* channel.c: buffered channels: running an operation, and whose turn it is.
**
** Called by read.c, write.c, seek.c and number.c (the
** operations), by ports (on_read, on_write) and by the idle hook. See channel.h for the
** picture, queue.c for what waits.
*/
#include "channel.h"

/* ---- Turns ------------------------------------------------------------------ */

void lwt_uv_channel_push_error(lua_State *L, channel *ch, int status, int writing) {
  if (status == PORT_LUA_ERROR)
    lwt_uv_port_lua_push_error(L, ch->port, writing);
  else
    lwt_uv_push_error(ch->ctx, L, status, writing ? "write" : "read", ch->what_key,
                      ch->what);
}

/* Grant an atomic: its temporary channel is pushed. The op stays in the queue. */
static int grant(lua_State *L, channel *ch, op *o) {
  view *v;
  if (((o->sides & CAN_READ) && lwt_uv_channel_turn(ch, READING) != o) ||
      ((o->sides & CAN_WRITE) && lwt_uv_channel_turn(ch, WRITING) != o))
    return AGAIN;
  v = lwt_uv_new_userdata(ch->ctx, L, LWT_UV_CHANNEL, sizeof *v, CHANNEL_UV);
  v->magic = lwt_uv_channel_magic;
  if (o->over) { /* a finalizer has cancelled it, or closed the channel */
    lua_pop(L, 1);
    return AGAIN;
  }
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
    if (r > 0) return AGAIN;
    if (r < 0) {
      lwt_uv_channel_push_error(L, ch, r, 1);
      return FAILED;
    }
    return 0;
  }
  lwt_uv_channel_stop_reading(ch);
  ch->changes++;
  ch->in.eof = 0;
  if (ch->in.tail > ch->in.head) {
    int64_t r =
        ch->port->class->seek(ch->port, -(int64_t)(ch->in.tail - ch->in.head), SEEK_CUR);
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
    if (r != 0) return r;
  }
  if (o->kind == OP_ATOMIC) return grant(L, ch, o);
  if (o->kind == OP_CLOSE) return lwt_uv_channel_try_close(L, ch, o);
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
  channel *ch = o->view->ch;
  int result = AGAIN, top = lua_gettop(L);
  lua_pushcfunction(L, protected_attempt);
  lua_pushlightuserdata(L, o);
  lua_pushlightuserdata(L, &result);
  o->busy = 1;
  if (lua_pcall(L, 2, LUA_MULTRET, 0) != LUA_OK) result = FAILED;
  if (lwt_uv_channel_attempted(ch, o)) return result;
  lua_settop(L, top);
  return GONE;
}

/* The same for a reading op, without a protected call of its own. The only error that it
** can raise is want of memory, and then `ch->hurt` tells our caller
** (lwt_uv_channel_on_read) to try again with a protected call. */
static int attempt_fast(lua_State *L, channel *ch, op *o) {
  int n, top = lua_gettop(L);
  o->busy = 1;
  ch->hurt = o;
  n = lwt_uv_channel_try_read(L, ch, o);
  ch->hurt = NULL;
  if (lwt_uv_channel_attempted(ch, o)) return n;
  lua_settop(L, top);
  return GONE;
}

/* Runs the ops that wait on this side, as far as they go. An op that is busy goes on by
** itself: then this was called by a finalizer in the middle of it. */
static void pump_side(lua_State *L, channel *ch, int side, int fast) {
  op *o;
  while ((o = lwt_uv_channel_turn(ch, side)) != NULL && !o->busy) {
    int n = fast && o->kind < OP_UNPACK && !ch->shared ? attempt_fast(L, ch, o)
                                                       : lwt_uv_channel_attempt(L, o);
    if (n == AGAIN) return;
    if (n != GONE) lwt_uv_channel_settle(L, ch, o, n);
  }
}

static void pump(lua_State *L, channel *ch, int fast) {
  pump_side(L, ch, READING, fast);
  pump_side(L, ch, WRITING, 0);
  if (!ch->in.pending) {
    /* An end or an error concerns only the ops that waited for this read. */
    ch->in.eof = 0;
    ch->in.error = 0;
  }
}

void lwt_uv_channel_pump(lua_State *L, channel *ch) {
  pump(L, ch, 0);
  lwt_uv_channel_unanchor(L, ch); /* the close may have been the last that anchored it */
}

static void go_on(lua_State *L, channel *ch, int fast) {
  luaL_checkstack(L, 20, NULL);
  if (lwt_uv_channel_push(L, ch)) {
    if (ch->owing != NULL) lwt_uv_channel_pay(L, ch);
    if (ch->aborting) {
      ch->aborting = 0;
      lwt_uv_channel_abort(L, ch);
    }
    pump(L, ch, fast);
    if (ch->out.len > ch->out.off && !ch->out.pending && ch->out.error == 0 &&
        !ch->out.closed &&
        lwt_uv_channel_turn(ch, ch->shared ? READING : WRITING) == NULL)
      lwt_uv_channel_flush_soon(L, ch, -1);
    lwt_uv_channel_unanchor(L, ch);
  }
}

void lwt_uv_channel_ready(lua_State *L, void *data) {
  go_on(L, data, 0);
}

static void ready_to_read(lua_State *L, void *data) {
  go_on(L, data, 1);
}

/* Write without being asked to, if nothing is in the way. */
static void flush_now(channel *ch) {
  channel_out *out = &ch->out;
  int r;
  if (out->len == out->off || out->pending || out->error != 0 || out->closed) return;
  r = lwt_uv_channel_push_out(ch, NULL);
  if (r < 0)
    lwt_uv_channel_untold(ch, r);
  else if (r == 0 && ch->idle_to_flush)
    lwt_uv_channel_idle_stop(ch);
}

/* The loop has nothing else to do: flush, and go on with the side that gave way to
** others. */
static void idle(lua_State *L, channel *ch) {
  ch->in.yielded = 0;
  ch->in.burst = 0;
  if (lwt_uv_channel_turn(ch, ch->shared ? READING : WRITING) == NULL) flush_now(ch);
  lwt_uv_channel_ready(L, ch);
}

void lwt_uv_channel_idle_start(channel *ch) {
  channel_state *st = channel_state_of(ch->ctx);
  ch->idle_to_flush = 0;
  if (ch->idle_at != NULL) return;
  ch->idle_next = NULL;
  ch->idle_at = st->idle_last;
  *st->idle_last = ch;
  st->idle_last = &ch->idle_next;
  st->idle_count++;
  ch->ctx->lwt->idle_start(ch->ctx->lwt, &st->idle);
}

void lwt_uv_channel_idle_stop(channel *ch) {
  channel_state *st = channel_state_of(ch->ctx);
  if (ch->idle_at == NULL) return;
  *ch->idle_at = ch->idle_next;
  if (ch->idle_next != NULL)
    ch->idle_next->idle_at = ch->idle_at;
  else
    st->idle_last = ch->idle_at;
  ch->idle_at = NULL;
  st->idle_count--;
}

/* The idle hook of all channels. Channels that are added while it runs are served the
** next time. */
void lwt_uv_channel_on_idle(lua_State *L, void *state) {
  channel_state *st = state;
  const lwt_api *lwt = st->ctx->lwt;
  size_t n = st->idle_count;
  if (n == 0 && st->current == NULL) return;
  lwt->idle_start(lwt, &st->idle); /* should one raise, the others come then */
  if (st->current != NULL) lwt_uv_channel_idle_start(st->current);
  for (; n > 0 && st->idle_first != NULL; n--) {
    channel *ch = st->idle_first;
    lwt_uv_channel_idle_stop(ch);
    st->current = ch;
    idle(L, ch);
    st->current = NULL;
  }
  if (st->idle_first == NULL) lwt->idle_stop(lwt, &st->idle);
}

/* Something has been given to a channel that is to be written at the end of `run` at the latest. */
static void ask_for_exit(lua_State *L, channel_state *st) {
  if (st->exit_hooked || st->at_exit == LUA_NOREF) return;
  st->exit_hooked = 1;
  lua_rawgeti(L, LUA_REGISTRYINDEX, st->at_exit);
  if (lua_pcall(L, 0, 0, 0) != LUA_OK) { /* no memory: try again with the next one */
    st->exit_hooked = 0;
    lua_pop(L, 1);
  }
}

void lwt_uv_channel_flush_soon(lua_State *L, channel *ch, int idx) {
  lwt_uv_channel_anchor(L, ch, idx);
  ask_for_exit(L, channel_state_of(ch->ctx));
  lwt_uv_channel_anchor(L, ch, idx); /* a finalizer may have ended what anchored it */
  if (ch->idle_at == NULL) {
    lwt_uv_channel_idle_start(ch);
    ch->idle_to_flush = 1;
  }
}

/* Enter Lua, and once more to make good what an error (memory) has left undone. */
static void enter(channel *ch, void (*f)(lua_State *L, void *data)) {
  int last = ch->ctx->last, status;
  ch->ctx->last = 0;
  status = last ? lwt_uv_enter_last(ch->ctx, f, ch) : lwt_uv_enter(ch->ctx, f, ch);
  if (status == 0) return;
  if (ch->hurt != NULL && lwt_uv_channel_attempted(ch, ch->hurt))
    lwt_uv_channel_search_anew(ch->hurt); /* what it had found has not been taken */
  ch->hurt = NULL;
  lwt_uv_channel_enter(ch, lwt_uv_channel_ready);
}

/* Where that fails, what it was for is seen to before the loop next waits. */
void lwt_uv_channel_enter(channel *ch, void (*f)(lua_State *L, void *data)) {
  if (lwt_uv_enter(ch->ctx, f, ch) != 0 && ch->first != NULL)
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
  enter(ch, lwt_uv_channel_ready);
}

void lwt_uv_channel_on_read(port *p, void *data, ssize_t status) {
  channel *ch = data;
  (void)p;
  ch->in.pending = 0;
  ch->in.burst = 0;
  if (status > 0) {
    ch->in.tail += (size_t)status;
    ch->in.full = ch->in.tail == ch->in.cap;
  } else if (status == UV_EOF) {
    ch->in.eof = 1;
  } else {
    ch->in.error = (int)status;
  }
  if (status <= 0) lwt_uv_channel_give_input(ch);
  enter(ch, ready_to_read);
}

/* ---- Arguments -------------------------------------------------------------- */

/* Somebody has mistaken lwt.io for Lua's io, perhaps. */
static void no_channel(lua_State *L, int arg) {
  int type = lua_type(L, arg);
  if (type == LUA_TSTRING || type == LUA_TNUMBER || type <= LUA_TNIL)
    luaL_argerror(L, arg,
                  lua_pushfstring(L,
                                  "lwt.channel expected, got %s: lwt.io is not Lua's io, "
                                  "its functions take a channel first",
                                  luaL_typename(L, arg)));
  luaL_typeerror(L, arg, "lwt.channel");
}

static inline view *any_view(lua_State *L, int arg) {
  view *v = lua_touserdata(L, arg);
  if (v == NULL || lua_rawlen(L, arg) != sizeof *v || v->magic != lwt_uv_channel_magic)
    no_channel(L, arg);
  return v;
}

view *lwt_uv_channel_any(lwt_uv *ctx, lua_State *L, int arg) {
  (void)ctx;
  return any_view(L, arg);
}

static inline view *open_view(lua_State *L, int arg) {
  view *v = any_view(L, arg);
  if (v->ch == NULL) luaL_argerror(L, arg, "a temporary channel whose atomic is over");
  return v;
}

view *lwt_uv_channel_view(lwt_uv *ctx, lua_State *L, int arg) {
  (void)ctx;
  return open_view(L, arg);
}

view *lwt_uv_channel_check(lwt_uv *ctx, lua_State *L, int side, int *closed) {
  view *v = open_view(L, 1);
  channel *ch = v->ch;
  (void)ctx;
  if (ch->closed || ch->close_op != NULL) {
    *closed = 1;
    return v;
  }
  if (!(ch->sides & (1 << side)))
    luaL_argerror(L, 1,
                  side == READING ? "not an input channel" : "not an output channel");
  *closed = side == READING ? ch->in.closed : ch->out.closing;
  return v;
}

/* ---- Running an operation --------------------------------------------------- */

/* Writes of more than the buffer takes lend their memory to the port: those, and what
** stays in the queue anyhow, are queued before they are tried. */
static int queued_first(const channel *ch, const op *o) {
  if (o->kind == OP_WRITE)
    return ch->out.len - ch->out.off + o->n > ch->out.size || ch->out.error != 0;
  return o->kind == OP_ATOMIC;
}

/* Has it been closed for operations of this kind, by a finalizer? */
static int refuses(const channel *ch, const op *o) {
  if (ch->closed || ch->close_op != NULL) return 1;
  if (o->kind < OP_WRITE) return ch->in.closed;
  return ch->out.closing && o->kind != OP_SHUT && o->kind != OP_ATOMIC;
}

static int has_turn(const channel *ch, const op *o) {
  return (!(o->sides & CAN_READ) || lwt_uv_channel_turn(ch, READING) == o) &&
         (!(o->sides & CAN_WRITE) || lwt_uv_channel_turn(ch, WRITING) == o);
}

/* Put it in the queue: pushes its promise. With `try_it` it has not been tried yet; `later`:
** not before the loop has nothing else to do. */
static void queue(lua_State *L, view *v, op *now, int keep, int try_it, int later) {
  channel *ch = v->ch;
  unsigned changes;
  op *o;
  /* A reader that waits for an answer: what was written before may be the question, so
  ** flush it. */
  if (now->kind < OP_WRITE && ch->out.len > ch->out.off && v->q[WRITING].first == NULL &&
      !ch->shared)
    flush_now(ch);
  changes = ch->changes;
  o = lwt_uv_channel_enqueue(L, v, now, keep);
  if (changes != ch->changes) { /* a finalizer has run: look again */
    try_it = 1;
    if (o->kind < OP_WRITE) lwt_uv_channel_search_anew(o);
  }
  if (refuses(ch, o)) {
    ch->ctx->lwt->push_sentinel(ch->ctx->lwt, L, lwt_uv_channel_why(ch));
    lwt_uv_channel_settle(L, ch, o, FAILED);
  } else if (later) {
    lwt_uv_channel_idle_start(ch);
  } else if (try_it && has_turn(ch, o)) {
    int k = lwt_uv_channel_attempt(L, o);
    if (k != AGAIN && k != GONE) lwt_uv_channel_settle(L, ch, o, k);
  }
}

/* Number of values pushed, FAILED with the error pushed, or AGAIN with a promise pushed
** (which may be resolved). In a task to which a cancel is due nothing is done at once:
** its next await withdraws the operation, and raises. `direct`: the caller awaits the promise, and
** where it may not nothing waits. */
static inline int run(lua_State *L, view *v, op *now, int keep, int direct) {
  channel *ch = v->ch;
  int first = queued_first(ch, now), later, is_free, n = AGAIN;
  now->view = v;
  now->sides = lwt_uv_channel_sides(ch, now->kind);
  later = now->kind != OP_SHUT && ch->ctx->lwt->cancel_due(ch->ctx->lwt);
  is_free = lwt_uv_channel_is_free(v, now->sides);
  if (is_free && !first && !later) {
    n = attempt(L, ch, now);
    if (n != AGAIN && !ch->in.pending) {
      ch->in.eof = 0;
      ch->in.error = 0;
    }
  }
  if (n == AGAIN) {
    if (direct) ch->ctx->lwt->wait_check(ch->ctx->lwt, L); /* may raise */
    queue(L, v, now, keep, is_free && first, later);
    if (now->kind == OP_WRITE) ask_for_exit(L, channel_state_of(ch->ctx));
  }
  if (ch->out.len > ch->out.off && !lwt_uv_channel_will_flush(ch) && !ch->out.pending &&
      ch->out.error == 0)
    lwt_uv_channel_flush_soon(L, ch, 1);
  return n;
}

int lwt_uv_channel_run_direct(lua_State *L, view *v, op *proto, int keep) {
  int n = run(L, v, proto, keep, 1);
  return n == FAILED ? lua_error(L) : n;
}

int lwt_uv_channel_run(lua_State *L, view *v, op *proto, int keep) {
  lwt_uv *ctx = v->ch->ctx;
  int n = run(L, v, proto, keep, 0);
  if (n == FAILED)
    ctx->lwt->rejected(ctx->lwt, L);
  else if (n == 0)
    lwt_uv_push_done(ctx, L);
  else if (n > 0)
    ctx->lwt->fulfilled(ctx->lwt, L, n);
  return 1;
}
