/* channel.c: bounded channels between Lua states: what Lua calls.
**
** A channel (ring.c) is a locked ring of messages with a queue of waiting receivers and one of
** waiting senders, each of which belongs to some state. How they wait: channel_wait.c.
*/
#include <stdlib.h>

#include "channel_wait.h"

typedef lwt_uv_thread_waiter waiter;
typedef lwt_uv_thread_channel channel;

static channel *check(lua_State *L) {
  channel **box = lwt_uv_check(lwt_uv_context(L), L, 1, LWT_UV_THREAD_CHANNEL);
  lwt_uv_check_open(lwt_uv_context(L), L);
  if (*box == NULL) lwt_uv_raise_closed(L, "thread channel"); /* it was collected */
  return *box;
}

void lwt_uv_push_thread_channel(lwt_uv *ctx, lua_State *L, channel *c) {
  lwt_uv_threads *t = ctx->family[LWT_UV_FTHREAD];
  lua_rawgeti(L, LUA_REGISTRYINDEX, t->channels);
  if (lua_rawgetp(L, -1, c) == LUA_TNIL) {
    lua_pop(L, 1);
    channel **box = lwt_uv_new_userdata(ctx, L, LWT_UV_THREAD_CHANNEL, sizeof(void *), 0);
    if (lua_rawgetp(L, -2, c) == LUA_TNIL) {
      lua_pop(L, 1);
      *box = lwt_uv_thread_channel_retain(c);
      lua_pushvalue(L, -1);
      lua_rawsetp(L, -3, c);
    } else {
      lua_remove(L, -2); /* a finalizer has received it meanwhile */
    }
  }
  lua_remove(L, -2);
}

static int l_gc(lua_State *L) {
  lwt_uv *ctx = lua_touserdata(L, lua_upvalueindex(1)); /* (it may have ended) */
  channel **box = lwt_uv_test(ctx, L, 1, LWT_UV_THREAD_CHANNEL);
  if (box == NULL) return 0;
  channel *c = *box;
  *box = NULL;
  if (c != NULL) lwt_uv_thread_channel_release(c);
  return 0;
}

/*---
Makes a channel between Lua states. Passed to a detached function (as an argument, an
upvalue, or through another channel) it is shared, not copied: any number of tasks in any
number of states may send and receive, each message goes to one receiver, in order.

`n` messages may wait in the channel; a sender beyond that waits. With 0, a sender waits for
its receiver. Messages are copied as `detach` does. In a detached function, wait for
the promises in a loop of its own: `lwt.run(function() … end)`.

A task that waits at a channel which no other state knows does not keep `lwt.run` going.
@param n? integer 0 or more (0)
@return lwt.ThreadChannel
```lua
local ch = preemptive.channel(1)
preemptive.detach(function()
  local lwt = require "lwt"
  lwt.run(ch:send("hello", 42))
end)
print(ch:recv():await())   --> hello 42
```
@function lwt.preemptive.channel(n) */
static int l_channel(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  lua_Integer n = lwt_uv_opt_integer(L, 1, 0);
  luaL_argcheck(L, n >= 0, 1, "negative size");
  lwt_uv_check_open(ctx, L);
  channel **box = lwt_uv_new_userdata(ctx, L, LWT_UV_THREAD_CHANNEL, sizeof(void *), 0);
  channel *c = calloc(1, sizeof *c);
  if (c == NULL) return lwt_uv_raise(ctx, L, UV_ENOMEM, "channel", NULL, NULL);
  int status = uv_mutex_init(&c->lock);
  if (status < 0) {
    free(c);
    return lwt_uv_raise(ctx, L, status, "channel", NULL, NULL);
  }
  atomic_init(&c->refs, 1);
  atomic_init(&c->handles, 1);
  c->bound = (size_t)n;
  *box = c;
  lwt_uv_threads *t = ctx->family[LWT_UV_FTHREAD];
  lua_rawgeti(L, LUA_REGISTRYINDEX, t->channels);
  lua_pushvalue(L, -2);
  lua_rawsetp(L, -2, c);
  lua_pop(L, 1);
  return 1;
}

/* A channel that holds a message with itself would never be freed: the message goes where
** the channel is known. */
static void forget_itself(channel *c, lwt_uv_message *m) {
  for (int i = 0; i < m->nrefs; i++) {
    if (m->refs[i].kind != LWT_UV_REF_CHANNEL || m->refs[i].p != c) continue;
    lwt_uv_ref_release(&m->refs[i]);
    m->refs[i].kind = LWT_UV_REF_ITSELF;
  }
}

/*---
Sends the values as one message. The promise is fulfilled when the channel, or a receiver,
has taken it; rejected with `lwt.Closed` when the channel is closed first. Cancelling it
withdraws the message; once that has been taken, cancelling does nothing. In a task that has
yet to be told of a cancel nothing is sent before the task has awaited something else. Values that cannot be sent raise, see `detach`.
@param ch lwt.ThreadChannel
@param ... any
@return lwt.Promise<nil>
```lua
local ch = preemptive.channel(1)
await(ch:send("one", { 2 }))
local waiting = ch:send("three")
print(#ch, waiting:is_pending())   --> 1 true
```
@function lwt.preemptive.send(ch, ...) */
static int l_send(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  channel *c = check(L);
  int n = lua_gettop(L);
  lwt_uv_message *m = lwt_uv_pack(L, 2, n - 1, "value", 0);
  if (m == NULL) return lwt_uv_reject(ctx, L, UV_ENOMEM, "send", NULL, NULL);
  int result = LWT_UV_MUST_WAIT;
  forget_itself(c, m);
  if (!ctx->lwt->cancel_due(ctx->lwt)) {
    uv_mutex_lock(&c->lock);
    result = lwt_uv_ring_send(c, m);
    uv_mutex_unlock(&c->lock);
  }
  if (result == LWT_UV_SENT) {
    lwt_uv_push_done(ctx, L);
    return 1;
  }
  waiter *w = result == LWT_UV_MUST_WAIT ? lwt_uv_channel_waiter(ctx, L, c, 1) : NULL;
  if (w == NULL) {
    lwt_uv_undo(L, n + 1, m);
    lwt_uv_message_free(m);
    if (result == LWT_UV_SHUT) return lwt_uv_reject_closed(ctx, L);
    if (result == LWT_UV_NO_MEMORY)
      return lwt_uv_reject(ctx, L, UV_ENOMEM, "send", NULL, NULL);
    ctx->lwt->rejected(ctx->lwt, L);
    return 1;
  }
  w->message = m;
  lwt_uv_channel_wait(L, w); /* things may have changed meanwhile */
  return 1;
}

/* Protected: (message): a promise of its values. */
static int l_arrived(lua_State *L) {
  lwt_uv *ctx = lwt_uv_transport_of(L)->ctx;
  lwt_uv_message *m = lua_touserdata(L, 1);
  lua_settop(L, 0);
  ctx->lwt->fulfilled(ctx->lwt, L, lwt_uv_unpack_begin(L, m));
  lwt_uv_unpack_end(m);
  return 1;
}

/* There is a message: no need to wait for it. */
static int received(lwt_uv *ctx, lua_State *L, channel *c, lwt_uv_message *m) {
  lua_pushcfunction(L, l_arrived);
  lua_pushlightuserdata(L, m);
  int failed = lua_pcall(L, 1, 1, 0);
  if (failed == LUA_OK) {
    lwt_uv_message_free(m);
    lwt_uv_ring_arrived(c);
  } else {
    lwt_uv_channel_not_arrived(L, c, NULL, m, failed);
    ctx->lwt->rejected(ctx->lwt, L);
  }
  return 1;
}

/*---
Receives the next message: a promise of its values. When the channel is closed and empty it
is fulfilled with nil, as soon as no other receiver may give back what it was given: one that is
cancelled before its loop has brought it the message does. Cancelling it loses no message, nor does receiving in a task that has
yet to be told of a cancel. A message for which there is no memory here is the next receiver's,
and this one is rejected; so is the receiver of one that cannot be made here (a module is
missing), which is gone then.
@param ch lwt.ThreadChannel
@return lwt.Promise<any>
```lua
local ch = preemptive.channel(1)
lwt.async(function() await(ch:send("hello", "there")) end)
print(await(ch:recv()))   --> hello there
```
@function lwt.preemptive.recv(ch) */
static int l_recv(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  channel *c = check(L);
  lua_settop(L, 1);
  lwt_uv_threads *t = ctx->family[LWT_UV_FTHREAD];
  int must_wait = ctx->lwt->cancel_due(ctx->lwt) ||
                  ((t->unpacking > 0 || lwt_uv_inbox_pending(ctx)) &&
                   lwt_uv_channel_has_to_queue(c, t->waiters, LWT_UV_STAGE_TOLD));
  uv_mutex_lock(&c->lock);
  lwt_uv_message *m = must_wait ? NULL : lwt_uv_ring_take(c);
  int closed = m == NULL && !must_wait && lwt_uv_ring_is_over(c, t->unpacking);
  uv_mutex_unlock(&c->lock);
  if (m != NULL) return received(ctx, L, c, m);
  lua_pushnil(L);
  waiter *w = closed ? NULL : lwt_uv_channel_waiter(ctx, L, c, 0);
  if (w != NULL)
    lwt_uv_channel_wait(L, w); /* things may have changed meanwhile */
  else if (closed)
    ctx->lwt->fulfilled(ctx->lwt, L, 1);
  else
    ctx->lwt->rejected(ctx->lwt, L);
  return 1;
}

/*---
Closes the channel, for all states: nothing more can be sent; what is in it can still be
received, then receivers get nil. Senders that wait are rejected with `lwt.Closed`.
@param ch lwt.ThreadChannel
```lua
local ch = preemptive.channel(2)
ch:send(1)
ch:close()
print(ch:recv():await(), ch:recv():await())   --> 1 nil
```
@function lwt.preemptive.close(ch) */
static int l_close(lua_State *L) {
  channel *c = check(L);
  uv_mutex_lock(&c->lock);
  c->closed = 1;
  for (waiter *w = c->senders.first; w != NULL; w = w->next) w->closed = 1;
  while (lwt_uv_ring_wake_first(c, &c->senders, NULL)) continue;
  lwt_uv_ring_tell_end(c);
  uv_mutex_unlock(&c->lock);
  return 0;
}

/*---
Has the channel been closed?
@param ch lwt.ThreadChannel
@return boolean
```lua
local ch = preemptive.channel(1)
ch:close()
print(ch:is_closed())   --> true
```
@function lwt.preemptive.is_closed(ch) */
static int l_is_closed(lua_State *L) {
  channel *c = check(L);
  uv_mutex_lock(&c->lock);
  int closed = c->closed;
  uv_mutex_unlock(&c->lock);
  lua_pushboolean(L, closed);
  return 1;
}

/* #ch: how many messages are in it. */
static int l_len(lua_State *L) {
  channel *c = check(L);
  uv_mutex_lock(&c->lock);
  lua_Integer n = (lua_Integer)c->count;
  uv_mutex_unlock(&c->lock);
  lua_pushinteger(L, n);
  return 1;
}

static int l_tostring(lua_State *L) {
  channel **box = lwt_uv_check(lwt_uv_context(L), L, 1, LWT_UV_THREAD_CHANNEL);
  lua_pushfstring(L, "lwt.thread_channel: %p", (void *)*box);
  return 1;
}

static const luaL_Reg methods[] = {
    {"send", l_send},           {"recv", l_recv}, {"close", l_close},
    {"is_closed", l_is_closed}, {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__gc", l_gc},
    {"__len", l_len},
    {"__tostring", l_tostring},
    {NULL, NULL},
};

const luaL_Reg lwt_uv_thread_channel_functions[] = {
    {"channel", l_channel}, {"send", l_send},           {"recv", l_recv},
    {"close", l_close},     {"is_closed", l_is_closed}, {NULL, NULL},
};

void lwt_uv_thread_channel_open(lwt_uv *ctx, lua_State *L) {
  lwt_uv_new_type(ctx, L, LWT_UV_THREAD_CHANNEL, "lwt.thread_channel", methods, meta);
}
