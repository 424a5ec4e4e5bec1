/* channel_wait.c: waiting at a thread channel, to send or to receive.
**
** A thread that ends the wait of a receiver or sender takes it out of its queue, under
** the lock, and posts it to its state's inbox: there its promise is resolved. Between the
** two a receiver may be cancelled, or its state closed: the message it was given goes
** back to the front. A sender can be cancelled no more: its message is sent.
**
** Lock order: a channel's lock, then an inbox's. Messages are freed without locks.
*/
#include <stdlib.h>
#include <string.h>

#include "channel_wait.h"

typedef lwt_uv_thread_waiter waiter;
typedef lwt_uv_thread_channel channel;

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

/* Puts back a message that a receiver was given and cannot take. Those of this state that
** have called later (`w` and beyond; NULL: nobody has) may have been given what comes
** after it, which they do not know yet: each gets what the one before it had, so that
** messages stay in order. */
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

/* The message of a receiver that has been withdrawn, so that no other thread sets it. */
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
void lwt_uv_channel_not_arrived(lua_State *L, channel *c, waiter *w, lwt_uv_message *m,
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
** yet to be told? Then a receiver that has called after it must not get the next one
** first, nor be told that there is none. `before`: receivers that have come so far in
** their delivery do not count. */
int lwt_uv_channel_has_to_queue(channel *c, waiter *w, int before) {
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
    /* A receiver whose message is being unpacked now cannot be waited for: this is a
    ** nested turn. */
    if (!w->sender &&
        lwt_uv_channel_has_to_queue(w->channel, w->mine, LWT_UV_STAGE_UNPACKING) &&
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
  if (m != NULL) lwt_uv_channel_not_arrived(L, w->channel, w->mine_prev, m, failed);
  w->stage = LWT_UV_STAGE_TOLD;
  /* A finalizer may cancel the promise until it is rejected: the waiter must be there. */
  if (failed != LUA_OK) lwt->reject(lwt, L, top + 1);
  free_waiter(w);
  lua_settop(L, top);
}

/* A new waiter, whose promise is at the top. In a task whose next await raises lwt.Canceled,
** whatever it is given, nothing is sent or taken at once: the caller would not learn of
** it. Awaiting the promise withdraws it. */
void lwt_uv_channel_wait(lua_State *L, waiter *w) {
  int promise = lua_gettop(L);
  int must =
      w->ctx->lwt->cancel_due(w->ctx->lwt) ||
      (!w->sender && lwt_uv_channel_has_to_queue(w->channel, w->mine, LWT_UV_STAGE_TOLD));
  if (must && later(w)) return;
  if (!begin(w)) return;
  deliver(L, &w->post);
  lua_settop(L, promise);
}

static void drop(lwt_uv_post *post) {
  (void)post; /* lwt_uv_thread_channel_close finds it among the state's waiters */
}

static void cancel(lua_State *L, void *data) {
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

/* Asked before a cancel: a receiver gives back what it was given, but what another thread has
** taken from a sender is sent. So that none takes it before the cancel comes, the sender leaves
** the queue here; where the cancel does not come, for want of memory, it goes there again. */
static int may_cancel(lua_State *L, void *data) {
  (void)L;
  waiter *w = data;
  if (!w->sender || w->late) return 1;
  uv_mutex_lock(&w->channel->lock);
  int may = w->waiting || w->closed;
  if (w->waiting && later(w)) lwt_uv_ring_withdraw(w->channel, w);
  uv_mutex_unlock(&w->channel->lock);
  return may;
}

/* Protected: 1: the waiter, 2: a receipt or nil. Gives the promise. */
static int l_make_promise(lua_State *L) {
  waiter *w = lua_touserdata(L, 1);
  const lwt_api *lwt = w->ctx->lwt;
  if (!lua_isnil(L, 2)) {
    lua_pushvalue(L, 2);
    w->receipt = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  lwt->promise_new_guarded(lwt, L, cancel, w, may_cancel);
  lua_pushvalue(L, -1);
  w->promise = luaL_ref(L, LUA_REGISTRYINDEX);
  return 1;
}

/* Push the promise of a new waiter, not yet in a queue; the receipt (or nil) is at the top.
** NULL: it failed, and the error is at the top. */
waiter *lwt_uv_channel_waiter(lwt_uv *ctx, lua_State *L, channel *c, int sender) {
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
  if (t->waiters == NULL || !lua_checkstack(L, 2)) return 0;
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
