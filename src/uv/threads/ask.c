/* ask.c: what a worker may ask of the state that it works for: preemptive.run_in_main.
**
** A request is a message with a function, posted to the owner's inbox. lwt.preemptive's
** runner gets it with a ticket, and answers by that: the worker's thread is woken, or, when a
** task of the worker's own loop has asked, the answer is posted back.
*/
#include <stdlib.h>

#include "threads.h"

enum { ASKED, OK, RAISED, LOST };

/* Nobody holds the ticket any more, or nobody will come back for what was asked. */
#define NO_ANSWER \
  "there will be no answer: the main Lua state has closed, or can no longer give one"

/* A function for the owner to run. Two hold it: the worker that asks and the owner that
** answers. */
typedef struct request {
  lwt_uv_post post; /* to the owner; then back, when a task waits */
  atomic_int refs;
  lwt_uv_worker *w; /* a reference */
  lwt_uv_message *in, *out;
  int state;          /* under w->lock */
  int wait;           /* 0: no answer is wanted */
  int answered;       /* the owner's: further answers are ignored */
  lwt_uv_inbox *back; /* where to post the answer to (a reference); NULL: wake w */
  lwt_uv *asker;      /* with `back`: the state that asked */
  int promise;        /* in its registry */
} request;

static void release_request(request *q) {
  if (atomic_fetch_sub_explicit(&q->refs, 1, memory_order_acq_rel) > 1) return;
  lwt_uv_message_free(q->in);
  lwt_uv_message_free(q->out);
  lwt_uv_worker_release(q->w);
  if (q->back != NULL) lwt_uv_inbox_release(q->back);
  free(q);
}

/* Protected: as l_settle of pool.c. 1: the promise. */
static int l_settle(lua_State *L) {
  request *q = lua_touserdata(L, 2);
  const lwt_api *lwt = q->asker->lwt;
  lua_settop(L, 1);
  if (q->state == LOST || q->out == NULL) {
    lua_pushstring(L, q->state == LOST ? NO_ANSWER : "not enough memory");
    lwt->reject(lwt, L, 1);
    return 0;
  }
  int n = lwt_uv_unpack(L, q->out);
  if (q->state == OK)
    lwt->fulfill(lwt, L, 1, n);
  else
    lwt->reject(lwt, L, 1);
  return 0;
}

static void deliver_answer(lua_State *L, lwt_uv_post *post) {
  request *q = (request *)post;
  const lwt_api *lwt = q->asker->lwt;
  int top = lua_gettop(L);
  q->asker->working--;
  lua_rawgeti(L, LUA_REGISTRYINDEX, q->promise);
  luaL_unref(L, LUA_REGISTRYINDEX, q->promise);
  lua_pushcfunction(L, l_settle);
  lua_pushvalue(L, top + 1);
  lua_pushlightuserdata(L, q);
  int failed = lua_pcall(L, 2, 0, 0);
  release_request(q);
  if (failed != LUA_OK) lwt->reject(lwt, L, top + 1);
  lua_settop(L, top);
}

static void drop_answer(lwt_uv_post *post) {
  release_request((request *)post);
}

/* The answer is there, or none will come. The caller's reference is used up. */
static void answer(request *q, int state) {
  if (q->answered) {
    release_request(q);
    return;
  }
  q->answered = 1;
  uv_mutex_lock(&q->w->lock);
  q->state = state;
  uv_cond_broadcast(&q->w->reply);
  uv_mutex_unlock(&q->w->lock);
  if (q->back != NULL) {
    q->post.deliver = deliver_answer;
    q->post.drop = drop_answer;
    if (lwt_uv_inbox_post(q->back, &q->post) == 0) return;
  }
  release_request(q);
}

/* The ticket: a userdata in the owner that stands for the request until it is answered. */
static int l_ticket_gc(lua_State *L) {
  request **ticket = lua_touserdata(L, 1);
  request *q = *ticket;
  *ticket = NULL;
  if (q != NULL) answer(q, LOST);
  return 0;
}

/* Protected, in the owner: hand the function to lwt.preemptive's runner. */
static int l_start(lua_State *L) {
  request *q = lua_touserdata(L, 1);
  lwt_uv_threads *t = q->w->pool->ctx->family[LWT_UV_FTHREAD];
  lua_settop(L, 0);
  lua_rawgeti(L, LUA_REGISTRYINDEX, t->runner);
  request **ticket = lua_newuserdatauv(L, sizeof(void *), 0);
  *ticket = NULL;
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, l_ticket_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_pushboolean(L, q->wait);
  int n = lwt_uv_unpack(L, q->in);
  if (q->wait) {
    *ticket = q;
    atomic_fetch_add_explicit(&q->refs, 1, memory_order_relaxed);
  }
  lua_call(L, 2 + n, 0);
  return 0;
}

static void deliver_request(lua_State *L, lwt_uv_post *post) {
  request *q = (request *)post;
  lua_pushcfunction(L, l_start);
  lua_pushlightuserdata(L, q);
  if (lua_pcall(L, 1, 0, 0) == LUA_OK) {
    release_request(q);
  } else if (q->wait && !q->answered) {
    q->out = lwt_uv_pack_error(L);
    answer(q, RAISED); /* the ticket has a reference too, and does nothing any more */
  } else {
    release_request(q);
    lua_error(L); /* to the exception hook */
  }
}

static void drop_request(lwt_uv_post *post) {
  request *q = (request *)post;
  if (q->wait)
    answer(q, LOST);
  else
    release_request(q);
}

/* Protected: (place for the message, results ...). */
static int l_pack_results(lua_State *L) {
  lwt_uv_message **out = lua_touserdata(L, 1);
  *out = lwt_uv_pack(L, 2, lua_gettop(L) - 1, "result", 0);
  return 0;
}

/* reply(ticket, ok, ...): the runner's answer. */
static int l_reply(lua_State *L) {
  request **ticket = lua_touserdata(L, 1), *q;
  int ok = lua_toboolean(L, 2), n = lua_gettop(L) - 2;
  if (ticket == NULL || (q = *ticket) == NULL) return 0;
  *ticket = NULL;
  if (q->answered) {
    release_request(q);
    return 0;
  }
  if (ok) {
    lua_pushcfunction(L, l_pack_results);
    lua_insert(L, 3);
    lua_pushlightuserdata(L, &q->out);
    lua_insert(L, 4);
    if (lua_pcall(L, n + 1, 0, 0) != LUA_OK) {
      q->out = lwt_uv_pack_error(L);
      ok = 0;
    }
  } else {
    lua_settop(L, 3);
    q->out = lwt_uv_pack_error(L);
  }
  answer(q, ok ? OK : RAISED);
  return 0;
}

static request *new_request(lua_State *L, lwt_uv_worker *w, int wait) {
  lwt_uv_message *in = lwt_uv_pack(L, 1, lua_gettop(L), "argument", 1);
  request *q = in == NULL ? NULL : calloc(1, sizeof *q);
  if (q == NULL) {
    lwt_uv_message_free(in);
    luaL_error(L, "not enough memory");
    return NULL;
  }
  atomic_init(&q->refs, 1 + (wait != 0));
  q->post.deliver = deliver_request;
  q->post.drop = drop_request;
  q->w = w;
  atomic_fetch_add_explicit(&w->refs, 1, memory_order_relaxed);
  q->in = in;
  q->wait = wait;
  q->state = ASKED;
  return q;
}

static lwt_uv_worker *check_worker(lua_State *L, const char *name) {
  lwt_uv_worker *w = lwt_uv_transport_of(L)->worker;
  luaL_checktype(L, 1, LUA_TFUNCTION);
  if (w == NULL) luaL_error(L, "'%s' outside a detached function", name);
  return w;
}

static void ask(lua_State *L, lwt_uv_worker *w, request *q) {
  if (lwt_uv_inbox_post(w->pool->owner, &q->post) == 0) return;
  atomic_store(&q->refs, 1); /* no other thread knows it yet */
  release_request(q);
  luaL_error(L, "the main Lua state has closed");
}

static int l_run_in_main_dont_wait(lua_State *L) {
  lwt_uv_worker *w = check_worker(L, "run_in_main_dont_wait");
  ask(L, w, new_request(L, w, 0));
  return 0;
}

static int l_take_answer(lua_State *L) {
  request *q = lua_touserdata(L, 1);
  lua_settop(L, 0);
  return lwt_uv_unpack(L, q->out);
}

/* Block this thread until the owner has answered. */
static int l_run_in_main(lua_State *L) {
  lwt_uv_worker *w = check_worker(L, "run_in_main");
  request *q = new_request(L, w, 1);
  ask(L, w, q);
  uv_mutex_lock(&w->lock);
  while (q->state == ASKED && !atomic_load(&w->stopping) &&
         !atomic_load(&w->pool->closing))
    uv_cond_wait(&w->reply, &w->lock);
  int state = q->state;
  uv_mutex_unlock(&w->lock);
  if (state == ASKED || state == LOST || q->out == NULL) {
    release_request(q);
    return luaL_error(L,
                      state == OK || state == RAISED ? "not enough memory" : NO_ANSWER);
  }
  lua_settop(L, 0);
  lua_pushcfunction(L, l_take_answer);
  lua_pushlightuserdata(L, q);
  int failed = lua_pcall(L, 1, LUA_MULTRET, 0);
  release_request(q);
  if (failed != LUA_OK || state == RAISED) return lua_error(L);
  return lua_gettop(L);
}

/* Protected: (place for the request, f, ...). */
static int l_new_request(lua_State *L) {
  request **q = lua_touserdata(L, 1);
  lua_remove(L, 1);
  *q = new_request(L, lwt_uv_transport_of(L)->worker, 1);
  atomic_store(&(*q)->refs, 1); /* the post's: a task waits for the answer, not for it */
  return 0;
}

/* The same for a task of the worker: gives a promise. */
static int l_ask_main(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  lwt_uv_worker *w = check_worker(L, "run_in_main");
  int status, n = lua_gettop(L);
  request *q = NULL;
  lwt_uv_check_open(ctx, L);
  lwt_uv_inbox *inbox = lwt_uv_inbox_of(ctx, &status);
  if (inbox == NULL) return lwt_uv_raise(ctx, L, status, "run_in_main", NULL, NULL);
  ctx->lwt->promise_new(ctx->lwt, L, NULL, NULL);
  lua_insert(L, 1);
  lua_pushvalue(L, 1);
  int promise = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_pushcfunction(L, l_new_request);
  lua_insert(L, 2);
  lua_pushlightuserdata(L, &q);
  lua_insert(L, 3);
  if (lua_pcall(L, n + 1, 0, 0) != LUA_OK) {
    luaL_unref(L, LUA_REGISTRYINDEX, promise);
    return lua_error(L);
  }
  q->back = inbox;
  lwt_uv_inbox_retain(inbox);
  q->asker = ctx;
  q->promise = promise;
  ctx->working++;
  if (lwt_uv_inbox_post(w->pool->owner, &q->post) < 0) drop_request(&q->post);
  lua_settop(L, 1);
  return 1;
}

const luaL_Reg lwt_uv_worker_functions[] = {
    {"run_in_main", l_run_in_main},
    {"run_in_main_dont_wait", l_run_in_main_dont_wait},
    {"ask_main", l_ask_main},
    {"reply", l_reply},
    {NULL, NULL},
};
