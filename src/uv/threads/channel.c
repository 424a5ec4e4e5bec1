/* channel.c: bounded channels between Lua states: waiting at them, and what Lua calls.
**
** A channel (ring.c) is a locked ring of messages with a queue of waiting receivers and one of
** waiting senders, each of which belongs to some state. Whoever makes a receiver's or
** sender's wait end takes it out of its queue, under the lock, and posts it to its
** state's inbox: there its promise is resolved. Between the two a receiver may be
** cancelled, or its state closed: the message it was given goes back to the front.
**
** Lock order: a channel's lock, then an inbox's. Messages are freed without locks.
*/
#include <stdlib.h>
#include <string.h>

#include "ring.h"

typedef lwt_uv_thread_waiter waiter;
typedef lwt_uv_thread_channel channel;

/* ---- Waiting ---------------------------------------------------------------------------- */

static void free_waiter(waiter *w) {
  lwt_uv_threads *t = w->ctx->family[LWT_UV_FTHREAD];
  if (w->mine_prev != NULL)
    w->mine_prev->mine = w->mine;
  else
    t->waiters = w->mine;
  if (w->mine != NULL) w->mine->mine_prev = w->mine_prev;
  lwt_uv_message_free(w->message);
  lwt_uv_message_free(w->taken);
  lwt_uv_ring_let_go(w->channel);
  lwt_uv_inbox_release(w->inbox);
  free(w);
}

static void forget(lua_State *L, waiter *w) {
  luaL_unref(L, LUA_REGISTRYINDEX, w->promise);
  luaL_unref(L, LUA_REGISTRYINDEX, w->receipt);
  w->promise = w->receipt = LUA_NOREF;
}

/* What somebody was given and cannot take. Those of this state that have called later (`w` and
** beyond; NULL: nobody has) may have been given what comes after it, which they do not know
** yet: each gets what the one before it had, so that messages stay in order. */
static void give_back(channel *c, waiter *w, lwt_uv_message *m) {
  if (m == NULL) return;
  uv_mutex_lock(&c->lock);
  for (; w != NULL; w = w->mine_prev) {
    if (w->channel != c || w->sender || w->waiting || w->message == NULL) continue;
    lwt_uv_message *following = w->message;
    w->message = m;
    m = following;
  }
  if (lwt_uv_ring_put_back(c, m)) m = NULL;
  uv_mutex_unlock(&c->lock);
  lwt_uv_message_free(m);
}

/* The message of a receiver that has been withdrawn, so that nobody else sets it. */
static lwt_uv_message *message_of(waiter *w) {
  lwt_uv_message *m = w->sender ? NULL : w->message;
  if (m != NULL) w->message = NULL;
  return m;
}

/* Unpacking has failed with the error at the top: is that for want of memory? Then another
** state, or this one later, may well have it. */
static int is_short(lua_State *L, int failed) {
  int code = failed == LUA_ERRRUN && lua_istable(L, -1) && lua_checkstack(L, 2);
  if (!code) return failed == LUA_ERRMEM;
  lua_pushliteral(L, "code");
  lua_rawget(L, -2);
  code = lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), "ENOMEM") == 0;
  lua_pop(L, 1);
  return code;
}

/* The message could not be unpacked (the error is at the top), or is not wanted any more. */
static void not_arrived(lua_State *L, channel *c, waiter *w, lwt_uv_message *m,
                        int failed) {
  lwt_uv_unpack_undo(m);
  if (failed == LUA_OK || is_short(L, failed)) {
    give_back(c, w, m);
  } else {
    lwt_uv_message_free(m);
    lwt_uv_ring_arrived(c);
  }
}

/* Protected: 1: the promise. */
static int l_settle(lua_State *L) {
  waiter *w = lua_touserdata(L, 2);
  const lwt_api *lwt = w->ctx->lwt;
  lwt_uv_threads *t = w->ctx->family[LWT_UV_FTHREAD];
  lua_settop(L, 1);
  if (w->sender && w->closed) {
    lwt->push_sentinel(lwt, L, "Closed");
    lwt->reject(lwt, L, 1);
  } else if (w->sender) {
    lwt->fulfill(lwt, L, 1, 0);
  } else if (w->taken == NULL) {
    w->stage = LWT_UV_STAGE_TOLD;
    lua_pushnil(L);
    lwt->fulfill(lwt, L, 1, 1);
  } else {
    w->stage = LWT_UV_STAGE_UNPACKING;
    t->unpacking++; /* deliver sets it right after an error */
    int n = lwt_uv_unpack_begin(L, w->taken);
    t->unpacking--;
    if (w->canceled) return 0; /* by a finalizer */
    w->stage = LWT_UV_STAGE_TOLD;
    lwt_uv_unpack_end(w->taken);
    lwt_uv_message_free(w->taken);
    w->taken = NULL;
    lwt_uv_ring_arrived(w->channel);
    lwt->fulfill(lwt, L, 1, n);
  }
  return 0;
}

/* A waiter comes to its channel: is it over at once? Else it waits there. */
static int begin(waiter *w) {
  channel *c = w->channel;
  lwt_uv_threads *t = w->ctx->family[LWT_UV_FTHREAD];
  int over;
  uv_mutex_lock(&c->lock);
  if (w->sender) {
    int result = lwt_uv_ring_send(c, w->message);
    if (result == LWT_UV_SENT) w->message = NULL;
    w->closed = result == LWT_UV_SHUT;
    over = result == LWT_UV_SENT || result == LWT_UV_SHUT;
    if (!over) lwt_uv_ring_append(&c->senders, w);
  } else {
    w->message = lwt_uv_ring_take(c);
    over = w->message != NULL || lwt_uv_ring_is_over(c, t->unpacking);
    if (!over) lwt_uv_ring_append(&c->receivers, w);
  }
  uv_mutex_unlock(&c->lock);
  return over;
}

/* Is there a receiver, `w` or one before it, that has a message, or will look for one, and has
** yet to be told? Then who has called after it must not have the next one first, nor be told
** that there is none. `before`: receivers that have come so far in their delivery do not count. */
static int has_to_queue(channel *c, waiter *w, int before) {
  for (; w != NULL; w = w->mine) {
    if (w->channel != c || w->sender || w->stage >= before) continue;
    if (w->canceled && w->stage != LWT_UV_STAGE_UNPACKING) continue;
    uv_mutex_lock(&c->lock);
    int waiting = w->waiting;
    uv_mutex_unlock(&c->lock);
    if (!waiting) return 1;
  }
  return 0;
}

/* Come to the channel in a later turn, after what has been posted to this state until now. */
static int later(waiter *w) {
  w->late = 1;
  if (lwt_uv_inbox_post(w->inbox, &w->post) == 0) return 1;
  w->late = 0;
  return 0;
}

static void deliver(lua_State *L, lwt_uv_post *post) {
  waiter *w = (waiter *)post;
  const lwt_api *lwt = w->ctx->lwt;
  lwt_uv_threads *t = w->ctx->family[LWT_UV_FTHREAD];
  int top = lua_gettop(L), failed = LUA_OK, unpacking = t->unpacking;
  if (w->late && !w->canceled) {
    w->late = 0;
    /* Whose message is being unpacked now cannot be waited for: this is a nested turn. */
    if (!w->sender && has_to_queue(w->channel, w->mine, LWT_UV_STAGE_UNPACKING) &&
        later(w))
      return;
    if (!begin(w)) return;
  } else if (!w->sender && !w->canceled && w->message == NULL) {
    /* The channel was closed when nothing was in it; since then something may have come back. */
    if (!begin(w)) return;
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, w->promise);
  if (w->closed && w->sender) { /* it keeps its buffers */
    lua_rawgeti(L, LUA_REGISTRYINDEX, w->receipt);
    lwt_uv_undo(L, -1, w->message);
    lua_pop(L, 1);
  }
  forget(L, w);
  if (!w->canceled) {
    w->taken = message_of(w);
    lua_pushcfunction(L, l_settle);
    lua_pushvalue(L, top + 1);
    lua_pushlightuserdata(L, w);
    failed = lua_pcall(L, 2, 0, 0);
    t->unpacking = unpacking;
  }
  lwt_uv_message *m = w->taken;
  w->taken = NULL;
  if (m != NULL) not_arrived(L, w->channel, w->mine_prev, m, failed);
  w->stage = LWT_UV_STAGE_TOLD;
  /* A finalizer may cancel the promise until it is rejected: the waiter must be there. */
  if (failed != LUA_OK) lwt->reject(lwt, L, top + 1);
  free_waiter(w);
  lua_settop(L, top);
}

/* A new waiter, whose promise is at the top. In a task whose next await raises lwt.Canceled,
** whatever it is given, nothing is sent or taken at once: nobody would be told of it. Awaiting
** the promise withdraws it. */
static void start(lua_State *L, waiter *w) {
  int promise = lua_gettop(L);
  int must = w->ctx->lwt->cancel_due(w->ctx->lwt) ||
             (!w->sender && has_to_queue(w->channel, w->mine, LWT_UV_STAGE_TOLD));
  if (must && later(w)) return;
  if (!begin(w)) return;
  deliver(L, &w->post);
  lua_settop(L, promise);
}

static void drop(lwt_uv_post *post) {
  (void)post; /* lwt_uv_thread_channel_close finds it among the state's waiters */
}

static void cancel(lua_State *L, void *data) {
  if (lwt_uv_threads_closed(L)) return;
  waiter *w = data;
  channel *c = w->channel;
  w->canceled = 1;
  uv_mutex_lock(&c->lock);
  int waiting = w->waiting;
  if (waiting) lwt_uv_ring_withdraw(c, w);
  uv_mutex_unlock(&c->lock);
  if (w->sender && (waiting || w->late) && lua_checkstack(L, 1)) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, w->receipt);
    lwt_uv_undo(L, -1, w->message);
    lua_pop(L, 1);
  }
  if (!waiting) {
    give_back(c, w->mine_prev, message_of(w)); /* posted: deliver frees it */
    return;
  }
  forget(L, w);
  free_waiter(w);
}

/* Protected: 1: the waiter, 2: a receipt or nil. Gives the promise. */
static int l_make_promise(lua_State *L) {
  waiter *w = lua_touserdata(L, 1);
  const lwt_api *lwt = w->ctx->lwt;
  if (!lua_isnil(L, 2)) {
    lua_pushvalue(L, 2);
    w->receipt = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  lwt->promise_new(lwt, L, cancel, w);
  lua_pushvalue(L, -1);
  w->promise = luaL_ref(L, LUA_REGISTRYINDEX);
  return 1;
}

/* Push the promise of a new waiter, not yet in a queue; the receipt (or nil) is at the top.
** NULL: it failed, and the error is at the top. */
static waiter *new_waiter(lwt_uv *ctx, lua_State *L, channel *c, int sender) {
  lwt_uv_threads *t = ctx->family[LWT_UV_FTHREAD];
  int status, receipt = lua_gettop(L);
  lwt_uv_inbox *inbox = lwt_uv_inbox_of(ctx, &status);
  waiter *w = inbox == NULL ? NULL : calloc(1, sizeof *w);
  if (w == NULL) {
    lwt_uv_push_error(ctx, L, inbox == NULL ? status : UV_ENOMEM, "channel", NULL, NULL);
    return NULL;
  }
  w->post.deliver = deliver;
  w->post.drop = drop;
  w->channel = lwt_uv_ring_keep(c);
  w->inbox = inbox;
  lwt_uv_inbox_retain(inbox);
  w->ctx = ctx;
  w->sender = sender;
  w->promise = w->receipt = LUA_NOREF;
  w->mine = t->waiters;
  if (w->mine != NULL) w->mine->mine_prev = w;
  t->waiters = w;
  lua_pushcfunction(L, l_make_promise);
  lua_pushlightuserdata(L, w);
  lua_pushvalue(L, receipt);
  if (lua_pcall(L, 2, 1, 0) == LUA_OK) return w;
  forget(L, w);
  free_waiter(w);
  return NULL;
}

/* Does this state wait for what another one may send or receive? */
int lwt_uv_thread_channel_alive(lwt_uv *ctx) {
  lwt_uv_threads *t = ctx->family[LWT_UV_FTHREAD];
  lua_State *L = ctx->lwt->main;
  if (t == NULL || t->waiters == NULL || !lua_checkstack(L, 2)) return 0;
  lua_rawgeti(L, LUA_REGISTRYINDEX, t->channels);
  int alive = 0;
  for (waiter *w = t->waiters; w != NULL && !alive; w = w->mine) {
    int own = lua_rawgetp(L, -1, w->channel) != LUA_TNIL;
    lua_pop(L, 1);
    alive = atomic_load(&w->channel->handles) > own ||
            (!w->sender && atomic_load(&w->channel->in_hand) > 0);
  }
  lua_pop(L, 1);
  return alive;
}

void lwt_uv_thread_channel_close(lwt_uv *ctx) {
  lwt_uv_threads *t = ctx->family[LWT_UV_FTHREAD];
  waiter *w = t->waiters, *next;
  for (; w != NULL; w = next) {
    channel *c = w->channel;
    next = w->mine;
    uv_mutex_lock(&c->lock);
    if (w->waiting) lwt_uv_ring_withdraw(c, w);
    uv_mutex_unlock(&c->lock);
    give_back(c, NULL, message_of(w)); /* the newest comes first here */
    free_waiter(w);
  }
}

/* ---- What Lua calls ------------------------------------------------------------------------ */

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

/* A channel that holds a message with itself would never be let go of: the message goes where
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
withdraws the message; in a task that has yet to be told of a cancel nothing is sent before
the task has awaited something else. Values that cannot be sent raise, see `detach`.
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
  waiter *w = result == LWT_UV_MUST_WAIT ? new_waiter(ctx, L, c, 1) : NULL;
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
  start(L, w); /* things may have changed meanwhile */
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
    not_arrived(L, c, NULL, m, failed);
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
                   has_to_queue(c, t->waiters, LWT_UV_STAGE_TOLD));
  uv_mutex_lock(&c->lock);
  lwt_uv_message *m = must_wait ? NULL : lwt_uv_ring_take(c);
  int closed = m == NULL && !must_wait && lwt_uv_ring_is_over(c, t->unpacking);
  uv_mutex_unlock(&c->lock);
  if (m != NULL) return received(ctx, L, c, m);
  lua_pushnil(L);
  waiter *w = closed ? NULL : new_waiter(ctx, L, c, 0);
  if (w != NULL)
    start(L, w); /* things may have changed meanwhile */
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
