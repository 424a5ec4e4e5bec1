/* close.c: the beginning and the end of a channel.
**
** Called by io.c (lwt_uv_channel_new), Lua (close, abort, __gc) and channel.c, when it is
** the turn of a close. Reading ends at once; what is to be written is written first. The
** channel has let go of its port when `port_gone` is set, and the port has closed when
** `ended` is. The channel's memory goes with its last view and last callback to come.
*/
#include "channel.h"

#include <stdlib.h>
#include <string.h>

#include "../bytes.h"

static void free_buffers(channel *ch) {
  if (ch->left != NULL) lwt_uv_mem_unpin(ch->left);
  ch->left = NULL;
  free(ch->in.buf);
  free(ch->out.buf);
  free(ch->out.fly);
  ch->in.buf = ch->out.buf = ch->out.fly = NULL;
  ch->in.cap = ch->out.cap = ch->out.fly_cap = 0;
}

static void release_memory(channel *ch) {
  channel_state *st = channel_state_of(ch->ctx);
  if (--ch->refs > 0) return;
  if (ch->next != NULL) ch->next->prev = ch->prev;
  if (ch->prev != NULL)
    ch->prev->next = ch->next;
  else
    st->channels = ch->next;
  free_buffers(ch);
  free(ch->what);
  free(ch);
}

/* ---- The beginning ---------------------------------------------------------- */

channel *lwt_uv_channel_new(lwt_uv *ctx, lua_State *L, int owner, size_t size) {
  channel_state *st = channel_state_of(ctx);
  view *v = lwt_uv_new_userdata(ctx, L, LWT_UV_CHANNEL, sizeof *v, CHANNEL_UV);
  channel *ch;
  int ref;
  v->magic = lwt_uv_channel_magic;
  lua_pushboolean(L, 0);
  ref = luaL_ref(L, LUA_REGISTRYINDEX);
  ch = calloc(1, sizeof *ch);
  if (ch == NULL) {
    luaL_unref(L, LUA_REGISTRYINDEX, ref);
    lwt_uv_raise(ctx, L, UV_ENOMEM, "channel", NULL, NULL);
    return NULL; /* not reached */
  }
  if (owner != 0) {
    lua_pushvalue(L, owner);
    lua_setiuservalue(L, -2, UV_OWNER);
  }
  ch->ctx = ctx;
  ch->first = v;
  ch->refs = 1;
  ch->ref = ref;
  ch->in.limit = SIZE_MAX;
  ch->in.size = ch->out.size = size != 0 ? size : st->default_size;
  ch->closed = ch->in.closed = ch->out.closed = ch->port_gone = ch->ended = 1;
  ch->next = st->channels;
  if (ch->next != NULL) ch->next->prev = ch;
  st->channels = ch;
  v->ch = ch;
  return ch;
}

void lwt_uv_channel_attach(channel *ch, port *p, int sides) {
  ch->port = p;
  ch->let_go = p->class->let_go;
  if (p->class->keep != NULL) p->class->keep(p);
  ch->sides = (unsigned char)sides;
  ch->made = p->class == &lwt_uv_port_lua_class;
  ch->shared = sides == (CAN_READ | CAN_WRITE) && p->class->seek != NULL;
  /* What a file is given at once goes through the pool: worth a larger piece. */
  if (ch->out.size == CHANNEL_BUFFER && lwt_uv_port_is_fd(p) && p->class->seek != NULL)
    ch->out.size = CHANNEL_FILE_BUFFER;
  ch->closed = ch->port_gone = ch->ended = 0;
  ch->in.closed = !(sides & CAN_READ);
  ch->out.closed = !(sides & CAN_WRITE);
}

void lwt_uv_channel_name(channel *ch, const char *what_key, const char *what) {
  free(ch->what);
  ch->what_key = what_key;
  ch->what = strdup(what); /* without memory the error object shows less */
}

/* ---- The end ---------------------------------------------------------------- */

static void ended(lua_State *L, void *data) {
  channel *ch = data;
  if (!lwt_uv_channel_push(L, ch)) return;
  if (ch->left_write) {
    lua_pushnil(L);
    lua_setiuservalue(L, -2, UV_OWNER);
  }
  if (ch->listed) {
    ch->listed = 0;
    ch->ctx->lwt->handle_closed(ch->ctx->lwt, L, ch->first);
  }
  if (ch->close_op != NULL) {
    op *o = ch->close_op;
    int n = lwt_uv_channel_attempt(L, o);
    ch->close_op = NULL;
    if (n != GONE) lwt_uv_channel_settle(L, ch, o, n);
  }
  lwt_uv_channel_unanchor(L, ch);
}

static void let_go_of_port(channel *ch) {
  if (ch->let_go != NULL) ch->let_go(ch->port);
  ch->let_go = NULL;
}

static void on_end(port *p, void *data, ssize_t status) {
  channel *ch = data;
  (void)p;
  ch->ended = 1;
  ch->end_status = status < 0 ? (int)status : 0;
  let_go_of_port(ch);
  if (ch->finishing) /* called from within port->close: finish goes on */
    return;
  if (ch->first != NULL) lwt_uv_channel_enter(ch, ended);
  /* Called from the loop, so nobody is in the middle of using them. The collector does
  ** not see them, and would leave them for long. */
  free_buffers(ch);
  release_memory(ch);
}

static void stop_port(channel *ch) {
  lwt_uv_channel_stop_reading(ch);
  if (ch->out.pending) {
    ssize_t taken = ch->port->class->write_cancel(ch->port);
    ch->out.pending = 0;
    if (taken > 0) lwt_uv_channel_wrote(ch, ch->out.fly_op, (size_t)taken);
    ch->out.fly_op = NULL;
  }
}

/* Close the port. The channel is anchored until it has closed. */
static void finish(lua_State *L, channel *ch) {
  if (ch->port_gone) return;
  if (ch->out.pending && lwt_uv_port_is_fd(ch->port) && ch->port->class->seek != NULL)
    lwt_uv_channel_leave_write(L, ch);
  ch->torn = ch->out.pending || ch->out.off < ch->out.len ||
             ch->out.fly_off < ch->out.fly_len || lwt_uv_channel_has_writes(ch);
  stop_port(ch);
  ch->changes++;
  ch->port_gone = 1;
  ch->closed = ch->in.closed = ch->out.closing = ch->out.closed = 1;
  ch->in.head = ch->in.tail = 0;
  ch->out.off = ch->out.len = ch->out.fly_off = ch->out.fly_len = 0;
  ch->refs++;
  ch->finishing = 1;
  ch->port->class->close(ch->port, CAN_READ | CAN_WRITE, on_end, ch);
  ch->finishing = 0;
  if (ch->ended) ch->refs--;
}

/* The close has its result. Where there was no memory even to try it, nothing has been let go of. */
void lwt_uv_channel_close_is_over(lua_State *L, channel *ch) {
  ch->close_op = NULL;
  finish(L, ch);
  if (!ch->ended || !ch->listed) return;
  ch->listed = 0;
  ch->ctx->lwt->handle_closed(ch->ctx->lwt, L, ch->first);
}

/* What is buffered, as push_out; an error of before is tried again once. */
static int flush_for(channel *ch, op *o) {
  if (ch->out.error != 0 && (o->retried || !lwt_uv_channel_retries(ch)))
    return ch->out.error;
  o->retried = 1;
  ch->out.error = 0;
  return lwt_uv_channel_push_out(ch, NULL);
}

static void on_shut(port *p, void *data, ssize_t status) {
  channel *ch = data;
  (void)p;
  ch->out.shut = 1;
  ch->out.shut_status = status < 0 ? (int)status : 0;
  if (ch->finishing) return;
  if (ch->first != NULL) lwt_uv_channel_enter(ch, lwt_uv_channel_ready);
  release_memory(ch);
}

/* The end of writing alone: the other side of a socket sees the end of its input. */
int lwt_uv_channel_try_shut(lua_State *L, channel *ch, op *o) {
  int r;
  if (!ch->out.closed) {
    r = flush_for(ch, o);
    if (r > 0) return AGAIN;
    o->pos = r;
    if (r < 0) ch->out.shut_status = r; /* also for who asks once more */
    ch->out.closed = 1;
    ch->out.shut = 1;
    if (r == 0 && !ch->shared && (!ch->made || lwt_uv_port_lua_shuts(ch->port))) {
      ch->out.shut = 0;
      ch->refs++;
      ch->finishing = 1;
      ch->port->class->close(ch->port, CAN_WRITE, on_shut, ch);
      ch->finishing = 0;
      if (ch->out.shut) ch->refs--;
    }
  }
  if (!ch->out.shut) return AGAIN;
  r = o->pos != 0 ? (int)o->pos : ch->out.shut_status;
  if (r == 0) return 0;
  lwt_uv_channel_push_error(L, ch, r, 1);
  return FAILED;
}

int lwt_uv_channel_try_close(lua_State *L, channel *ch, op *o) {
  if (!ch->port_gone) {
    if (!ch->out.closed) {
      int r = flush_for(ch, o);
      if (r > 0) return AGAIN;
      o->pos = r;
    }
    finish(L, ch);
  }
  if (!ch->ended) return AGAIN;
  if (ch->listed) {
    ch->listed = 0;
    ch->ctx->lwt->handle_closed(ch->ctx->lwt, L, ch->first);
  }
  ch->close_op = NULL;
  if (o->pos == 0 && ch->end_status == 0) return 0;
  lwt_uv_channel_push_error(L, ch, o->pos != 0 ? (int)o->pos : ch->end_status,
                            (ch->sides & CAN_WRITE) != 0);
  return FAILED;
}

/* The sentinel that operations on a closed channel are rejected with. */
const char *lwt_uv_channel_why(const channel *ch) {
  return ch->timed_out ? "Timeout" : "Closed";
}

int lwt_uv_channel_reject_closed(lua_State *L) {
  const channel *ch = ((const view *)lua_touserdata(L, 1))->ch;
  const lwt_api *lwt = ch->ctx->lwt;
  lwt->push_sentinel(lwt, L, lwt_uv_channel_why(ch));
  lwt->rejected(lwt, L);
  return 1;
}

/* Reject what waits in this queue and those inside it. Callbacks may change the queues:
** begin anew after each. Returns 0 when there was nothing. */
static int fail_one(lua_State *L, channel *ch, view *v, op_kind below) {
  for (int side = READING; side <= WRITING; side++)
    for (op *o = v->q[side].first; o != NULL; o = o->next[side]) {
      if (o->kind == OP_ATOMIC && o->granted) {
        if (fail_one(L, ch, o->inner, below)) return 1;
      } else if (o->kind < below && o->kind != OP_CLOSE) {
        ch->ctx->lwt->push_sentinel(ch->ctx->lwt, L, lwt_uv_channel_why(ch));
        lwt_uv_channel_settle(L, ch, o, FAILED);
        return 1;
      }
    }
  return 0;
}

static void fail_waiting(lua_State *L, channel *ch, op_kind below) {
  while (ch->first != NULL && fail_one(L, ch, ch->first, below)) {}
}

void lwt_uv_channel_abort(lua_State *L, channel *ch) {
  finish(L, ch);
  fail_waiting(L, ch, OP_SEEK + 1);
  if (ch->ended) ended(L, ch);
}

/* ---- What Lua calls --------------------------------------------------------- */

/* The buffers of what is closed go with the channel, when it is collected. The collector
** does not see them: tell it, or they would pile up. */
static void charge(lua_State *L, channel *ch) {
  size_t kilobytes = (ch->in.cap + ch->out.cap + ch->out.fly_cap) / 1024;
  if (kilobytes > 0 && ch->port_gone && lua_gc(L, LUA_GCISRUNNING))
    lua_gc(L, LUA_GCSTEP, (int)kilobytes);
}

/* The promise of close, once there is one. */
static int push_close(lua_State *L, channel *ch) {
  lua_settop(L, 1);
  if (ch->close_canceled || lua_getiuservalue(L, 1, UV_CLOSE) == LUA_TNIL)
    lwt_uv_push_done(ch->ctx, L);
  return 1;
}

static view *check_own(lua_State *L, const char *what) {
  view *v = lwt_uv_channel_any(lwt_uv_context(L), L, 1);
  if (v->lock != NULL)
    luaL_error(L, "a temporary channel (of atomic) cannot be %s", what);
  if (v->ch == NULL) lwt_uv_raise_closed(L, "channel"); /* (the state is being closed) */
  return v;
}

/* Returns 0 when a finalizer has closed it meanwhile. */
static int start_close(lua_State *L, view *v) {
  channel *ch = v->ch;
  op o = {.kind = OP_CLOSE}, *closing = lwt_uv_channel_enqueue(L, v, &o, 0);
  if (ch->closed || ch->close_op != NULL) {
    lwt_uv_channel_settle(L, ch, closing, 0);
    return 0;
  }
  ch->close_op = closing;
  lua_setiuservalue(L, 1, UV_CLOSE);
  ch->out.closing = 1;
  return 1;
}

static void end_reading(lua_State *L, channel *ch) {
  if (ch->in.closed) return;
  ch->changes++;
  ch->in.closed = 1;
  lwt_uv_channel_stop_reading(ch);
  fail_waiting(L, ch, OP_WRITE);
}

static int end_reading_in_call(lua_State *L) {
  end_reading(L, ((view *)lua_touserdata(L, 1))->ch);
  return 0;
}

/* The close has begun: without memory for rejecting the reads it goes on all the same,
** and that error is raised afterwards. */
static void close_goes_on(lua_State *L, channel *ch) {
  int status, top;
  lua_pushcfunction(L, end_reading_in_call);
  lua_pushvalue(L, 1);
  status = lua_pcall(L, 1, 0, 0);
  top = lua_gettop(L); /* the error */
  lwt_uv_channel_pump(L, ch);
  lua_settop(L, top);
  if (status != LUA_OK) lua_error(L);
}

/* One direction of a channel that has both. */
static int close_side(lua_State *L, view *v, int side) {
  channel *ch = v->ch;
  op o = {.kind = OP_SHUT};
  if (!(ch->sides & side))
    return luaL_argerror(L, 2, "the channel does not have that side");
  lua_settop(L, 1);
  if (ch->closed || ch->close_op != NULL) return push_close(L, ch);
  if (side == CAN_READ) {
    end_reading(L, ch);
    lwt_uv_channel_pump(L, ch);
  } else if (!ch->out.closed || !ch->out.shut) { /* once more: it waits for the first */
    ch->out.closing = 1;
    return lwt_uv_channel_run(L, v, &o, 0);
  }
  lwt_uv_push_done(ch->ctx, L);
  return 1;
}

/*---
Close the channel. Reading ends at once: reads that are waiting are rejected with
`lwt.Closed`. Writes that are waiting are carried out, and what is buffered is written;
then the descriptor, socket or whatever is behind the channel is closed. The promise is
fulfilled when that is done, and rejected when not everything could be written (it is
closed then as well; Lwt says nothing). Closing again gives the same promise. Cancelling
the promise turns the close into an `abort`. Operations that come later are rejected with
`lwt.Closed`.

Of a channel that does both, one side can be closed: `close("write")` flushes and tells the
other end that nothing more comes, while reading goes on; `close("read")` ends reading.

@param ch lwt.Channel
@param side? string `"read"` or `"write"`; both when it is left out
@return lwt.Promise<nil>
```lua
local ch = await(lio.open_file("f", "w"))
await(ch:write("hello"))
await(ch:close())
print(lio.is_closed(ch))   --> true
```
@function lwt.io.close(ch, side)
*/
static int l_close(lua_State *L) {
  static const char *const names[] = {"read", "write", NULL};
  view *v = check_own(L, "closed");
  channel *ch = v->ch;
  int side = lua_isnoneornil(L, 2) ? 0 : luaL_checkoption(L, 2, NULL, names) + 1;
  if (side != 0 && side != ch->sides) return close_side(L, v, side);
  lua_settop(L, 1);
  if (!ch->closed && ch->close_op == NULL && start_close(L, v)) {
    lua_settop(L, 1);
    if (!(ch->sides & CAN_WRITE)) { /* nothing to wait for */
      lwt_uv_channel_abort(L, ch);
      return push_close(L, ch);
    }
    close_goes_on(L, ch);
    charge(L, ch);
  }
  return push_close(L, ch);
}

/*---
Close the channel now: what is buffered is thrown away, and every operation that waits is
rejected with `lwt.Closed`.

@param ch lwt.Channel
@return lwt.Promise<nil> # fulfilled when it is closed
```lua
local r, w = lio.pipe()
await(w:abort())
print(await(r:read()))   -->
```
@function lwt.io.abort(ch)
*/
static int l_abort(lua_State *L) {
  view *v = check_own(L, "aborted");
  channel *ch = v->ch;
  lua_settop(L, 1);
  if (!ch->port_gone) {
    if (ch->close_op == NULL) start_close(L, v);
    lua_settop(L, 1);
    if (!ch->port_gone) lwt_uv_channel_abort(L, ch);
  }
  return push_close(L, ch);
}

/* As `abort`, at a deadline: all operations, now and later, are rejected with
** lwt.Timeout. */
static int l_time_out(lua_State *L) {
  view *v = check_own(L, "aborted");
  if (!v->ch->port_gone) v->ch->timed_out = 1;
  return l_abort(L);
}

/*---
Whether the channel is closed, or its `close` has been called.

@param ch lwt.Channel
@return boolean
```lua
print(lio.is_closed(lio.stdin))   --> false
```
@function lwt.io.is_closed(ch)
*/
static int l_is_closed(lua_State *L) {
  view *v = lwt_uv_channel_any(lwt_uv_context(L), L, 1);
  lua_pushboolean(L, v->ch == NULL || v->ch->closed || v->ch->close_op != NULL);
  return 1;
}

static int l_gc(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  channel_state *st = channel_state_of(ctx);
  view *v = lwt_uv_test(ctx, L, 1, LWT_UV_CHANNEL);
  channel *ch;
  if (v == NULL || v->ch == NULL) return 0;
  ch = v->ch;
  if (v->lock != NULL) {
    lwt_uv_channel_release(L, v);
    return 0;
  }
  if (ch->ops > 0) ctx->lwt->state_closing(ctx->lwt); /* they anchor it, else */
  if (ch->listed) {
    ch->listed = 0;
    ctx->lwt->handle_closed(ctx->lwt, L, v);
  }
  v->ch = NULL;
  ch->first = NULL;
  lwt_uv_channel_idle_stop(ch);
  if (!ch->port_gone) {
    stop_port(ch);
    lwt_uv_channel_last_words(ch);
    ch->port_gone = 1;
    ch->port->class->close(ch->port, CAN_READ | CAN_WRITE, NULL, NULL);
    let_go_of_port(ch);
  }
  if (ch->made) lwt_uv_port_lua_forget(ch->port);
  if (st->current == ch) st->current = NULL;
  lwt_uv_channel_drop_ops(ch, v);
  luaL_unref(L, LUA_REGISTRYINDEX, ch->ref);
  release_memory(ch);
  return 0;
}

/* `__close` proper, which waits, is lua/lwt/io.lua's. */
const luaL_Reg lwt_uv_channel_closing[] = {{"close", l_close},
                                           {"abort", l_abort},
                                           {"_time_out", l_time_out},
                                           {"is_closed", l_is_closed},
                                           {NULL, NULL}};
const luaL_Reg lwt_uv_channel_meta[] = {{"__gc", l_gc}, {NULL, NULL}};
