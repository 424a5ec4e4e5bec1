/* thread_worker.c: the thread of a worker, its Lua state, and what it may ask of the state
** that it works for.
**
** lwt_uv_worker_main is the only code of lwt that another thread than a state's own runs
** Lua in: the worker's state lives and dies in there. Whatever it shares with its owner is
** counted, so that either may be gone first.
*/
#include <stdlib.h>
#include <string.h>

#include <lualib.h>

#include "thread.h"

/* ---- What a state begins with ------------------------------------------------------------ */

typedef union function_pointer {
  lua_CFunction f;
  void *p;
} function_pointer;

/* Replace the loader at the top by what can be sent: C functions without upvalues are
** known to the whole process, so their addresses do (hosts preload modules like that). */
static void sendable_loader(lua_State *L) {
  lua_CFunction f = lua_tocfunction(L, -1);
  if (f == NULL) return;
  if (lua_getupvalue(L, -1, 1) != NULL) {
    lua_pop(L, 2);
    lua_pushnil(L);
    return;
  }
  function_pointer u = {.f = f};
  lua_pop(L, 1);
  lua_pushlightuserdata(L, u.p);
}

static int l_try(lua_State *L) {
  lwt_uv_message_free(lwt_uv_pack(L, 1, 1, "loader", 0));
  return 0;
}

/* Push package[name] if it is a string, else nil. */
static void push_path(lua_State *L, int package, const char *name) {
  if (lua_getfield(L, package, name) == LUA_TSTRING) return;
  lua_pop(L, 1);
  lua_pushnil(L);
}

/* Protected. Gives path, cpath, and names and loaders by turns. */
static int l_setup_values(lua_State *L) {
  lwt_uv_message **m = lua_touserdata(L, 1);
  lua_settop(L, 1);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (lua_getfield(L, 2, "package") != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_newtable(L);
  }
  push_path(L, 3, "path");
  push_path(L, 3, "cpath");
  if (lua_getfield(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE) == LUA_TTABLE) {
    int preload = lua_gettop(L);
    lua_newtable(L);
    lua_pushnil(L);
    while (lua_next(L, preload) != 0) {
      sendable_loader(L);
      if (lua_isfunction(L, -1)) { /* one that cannot be sent is left out */
        lua_pushcfunction(L, l_try);
        lua_pushvalue(L, -2);
        if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
          lua_pop(L, 2);
          lua_pushnil(L);
        }
      }
      lua_pushvalue(L, -2);
      lua_insert(L, -2);
      lua_rawset(L, preload + 1); /* leaves the key */
    }
    lua_remove(L, preload);
  } else {
    lua_pop(L, 1);
    lua_newtable(L);
  }
  *m = lwt_uv_pack(L, 4, 3, "setup", 0);
  return 0;
}

lwt_uv_message *lwt_uv_worker_setup(lua_State *L) {
  lwt_uv_message *m = NULL;
  if (!lua_checkstack(L, 4)) return NULL;
  lua_pushcfunction(L, l_setup_values);
  lua_pushlightuserdata(L, &m);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_pop(L, 1);
  return m;
}

/* Protected, in the new state. */
static int l_begin(lua_State *L) {
  lwt_uv_worker *w = lua_touserdata(L, 1);
  luaL_openlibs(L);
  lua_settop(L, 0);
  lwt_uv_transport_of(L)->worker = w;
  lwt_uv_unpack(L, w->setup); /* 1 path, 2 cpath, 3 preload */
  lua_getglobal(L, "package");
  if (!lua_isnil(L, 1)) {
    lua_pushvalue(L, 1);
    lua_setfield(L, 4, "path");
  }
  if (!lua_isnil(L, 2)) {
    lua_pushvalue(L, 2);
    lua_setfield(L, 4, "cpath");
  }
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushnil(L);
  while (lua_next(L, 3) != 0) {
    if (lua_islightuserdata(L, -1)) {
      function_pointer u = {.p = lua_touserdata(L, -1)};
      lua_pop(L, 1);
      lua_pushcfunction(L, u.f);
    }
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, 5);
  }
  lwt_uv_names_refresh(L, lwt_uv_transport_of(L), 1);
  return 0;
}

/* ---- Calls ------------------------------------------------------------------------------------ */

static int l_text(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

/* Push what lwt.traceback tells of the error at 1, without the error itself; or nil. A
** detached function that runs a loop gets its errors from there. */
static void push_lwt_trace(lua_State *L) {
  size_t skip;
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (lua_getfield(L, -1, "lwt") == LUA_TTABLE &&
      lua_getfield(L, -1, "traceback") == LUA_TFUNCTION) {
    lua_pushvalue(L, 1);
    lua_pushcfunction(L, l_text);
    lua_insert(L, -3);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK && lua_isstring(L, -1)) {
      lua_insert(L, -2);
      lua_pushvalue(L, 1);
      if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
        lua_pushnil(L);
        return;
      }
      skip = lua_rawlen(L, -1);
      lua_insert(L, -2);
      if (lua_rawlen(L, -1) > skip + 1) {
        lua_pushstring(L, lua_tostring(L, -1) + skip + 1);
        return;
      }
    }
  }
  lua_pushnil(L);
}

/* Message handler: the error stays what it is, the traceback goes with the call. */
static int l_traceback(lua_State *L) {
  static const char head[] = "stack traceback:";
  lwt_uv_call *c = lwt_uv_transport_of(L)->worker->call;
  lua_settop(L, 1);
  if (c->traceback != NULL) return 1;
  push_lwt_trace(L);
  int within = lua_gettop(L);
  luaL_traceback(L, L, NULL, 1);
  const char *text = lua_tostring(L, -1);
  if (strncmp(text, head, sizeof head - 1) == 0) text += sizeof head - 1;
  if (lua_isnil(L, within))
    lua_pushfstring(L, "in a detached function:%s", text);
  else
    lua_pushfstring(L, "%s\nin a detached function:%s", lua_tostring(L, within), text);
  c->traceback = strdup(lua_tostring(L, -1));
  lua_settop(L, 1);
  return 1;
}

/* Protected: raise what failed in the background of this state, and was told nobody. */
static int l_reported(lua_State *L) {
  lwt_uv *ctx = lwt_uv_transport_of(L)->ctx;
  if (ctx != NULL) ctx->lwt->raise_reported(ctx->lwt, L);
  return 0;
}

/* The function has returned, or raised: errors that it has left behind are its own, and not
** those of the next call in this state. Returns 0 with the first of them at the top, if the
** function has not failed itself; more than one are told by warnings. */
static int leaves_nothing(lua_State *L, int failed) {
  for (;;) {
    lua_pushcfunction(L, l_reported);
    if (lua_pcall(L, 0, 0, 1) == LUA_OK) return !failed;
    if (failed) {
      const char *text = lua_tostring(L, -1);
      lua_warning(L, "lwt: error in the background of a detached function: ", 1);
      lua_warning(L, text == NULL ? "(not a string)" : text, 0);
      lua_pop(L, 1);
    }
    failed = 1;
  }
}

/* Protected: run the call, pack its results. */
static int l_run(lua_State *L) {
  lwt_uv_call *c = lua_touserdata(L, 1);
  lua_settop(L, 0);
  lua_pushcfunction(L, l_traceback);
  int n = lwt_uv_unpack(L, c->in);
  lwt_uv_message_free(c->in);
  c->in = NULL;
  int failed = lua_pcall(L, n - 1, LUA_MULTRET, 1) != LUA_OK;
  luaL_checkstack(L, 4, NULL);
  if (!leaves_nothing(L, failed)) return lua_error(L);
  c->out = lwt_uv_pack(L, 2, lua_gettop(L) - 1, "result", 0);
  c->outcome = c->out == NULL ? LWT_UV_CALL_NO_MEMORY : LWT_UV_CALL_OK;
  return 0;
}

/* Protected: pack the error at 1, as it is or as a string. */
static int l_pack(lua_State *L) {
  lwt_uv_message **out = lua_touserdata(L, 2);
  *out = lwt_uv_pack(L, 1, 1, "error", 0);
  return 0;
}

static int l_pack_string(lua_State *L) {
  lwt_uv_message **out = lua_touserdata(L, 2);
  luaL_tolstring(L, 1, NULL);
  *out = lwt_uv_pack(L, 3, 1, "error", 0);
  return 0;
}

/* It has no text either: its __tostring fails. */
static int l_pack_type(lua_State *L) {
  lwt_uv_message **out = lua_touserdata(L, 2);
  lua_pushfstring(L, "an error without a text (%s: %p)", luaL_typename(L, 1),
                  lua_topointer(L, 1));
  *out = lwt_uv_pack(L, 3, 1, "error", 0);
  return 0;
}

/* The error at the top, popped, as a message. NULL: no memory. */
static lwt_uv_message *pack_error(lua_State *L) {
  lwt_uv_message *out = NULL;
  int error = lua_gettop(L);
  const lua_CFunction ways[] = {l_pack, l_pack_string, l_pack_type};
  for (int i = 0; i < 3 && out == NULL; i++) {
    lua_pushcfunction(L, ways[i]);
    lua_pushvalue(L, error);
    lua_pushlightuserdata(L, &out);
    lua_pcall(L, 2, 0, 0);
    lua_settop(L, error);
  }
  lua_settop(L, error - 1);
  return out;
}

static void run(lwt_uv_worker *w, lwt_uv_call *c) {
  lua_State *L = w->L;
  w->call = c;
  lua_pushcfunction(L, l_run);
  lua_pushlightuserdata(L, c);
  int status = lua_pcall(L, 1, 0, 0);
  if (status != LUA_OK) {
    c->out = status == LUA_ERRMEM ? NULL : pack_error(L);
    c->outcome = c->out == NULL ? LWT_UV_CALL_NO_MEMORY : LWT_UV_CALL_RAISED;
  }
  w->call = NULL;
  lua_settop(L, 0);
}

/* ---- The thread -------------------------------------------------------------------------------- */

/* Make the state. Returns a status of lua_pcall: with LUA_ERRRUN the error is at the top. */
static int begin(lwt_uv_worker *w) {
  lua_State *L = luaL_newstate();
  if (L == NULL) return LUA_ERRMEM;
  uv_mutex_lock(&w->pool->lock);
  size_t limit = w->pool->memory_limit;
  uv_mutex_unlock(&w->pool->lock);
  lwt_uv_stop *stop = lwt_uv_stop_new(L, limit);
  if (stop == NULL) {
    lua_close(L);
    return LUA_ERRMEM;
  }
  w->L = L;
  lwt_uv_stop_enter(stop);
  uv_mutex_lock(&w->pool->lock);
  w->stop = stop;
  uv_mutex_unlock(&w->pool->lock);
  lua_pushcfunction(L, l_begin);
  lua_pushlightuserdata(L, w);
  return lua_pcall(L, 1, 0, 0);
}

static void end(lwt_uv_worker *w) {
  if (w->L == NULL) return;
  lua_close(w->L); /* finalizers run: it may still have to be stopped */
  w->L = NULL;
  lwt_uv_stop_leave();
  uv_mutex_lock(&w->pool->lock);
  lwt_uv_stop *stop = w->stop;
  lwt_uv_inbox *inbox = w->inbox;
  w->stop = NULL;
  w->inbox = NULL;
  uv_mutex_unlock(&w->pool->lock);
  lwt_uv_stop_free(stop);
  if (inbox != NULL) lwt_uv_inbox_release(inbox);
}

/* Its loop turns only where a call waits for something: see to what earlier ones have left. */
static void poll_children(const lwt_uv_worker *w) {
  lwt_uv *ctx = lwt_uv_children_poll != NULL ? lwt_uv_find_context(w->L) : NULL;
  if (ctx != NULL) lwt_uv_children_poll(ctx);
}

/* Is there a state? If not, the call (unless it is NULL) is told why, and the next one has
** it tried again: memory that was short may be there by then. */
static int begun(lwt_uv_worker *w, lwt_uv_call *c) {
  if (w->setup == NULL) return 1;
  int status = begin(w);
  if (status != LUA_OK) {
    if (c != NULL) {
      c->out = status == LUA_ERRMEM ? NULL : pack_error(w->L);
      c->outcome = c->out == NULL ? LWT_UV_CALL_NO_MEMORY : LWT_UV_CALL_RAISED;
    }
    end(w);
    return 0;
  }
  lwt_uv_message_free(w->setup);
  w->setup = NULL;
  return 1;
}

void lwt_uv_worker_main(void *data) {
  lwt_uv_worker *w = data;
  lwt_uv_pool *pool = w->pool;
  lwt_uv_call *c;
  begun(w, NULL);
  while ((c = lwt_uv_pool_take(pool)) != NULL) {
    if (begun(w, c)) {
      poll_children(w);
      run(w, c);
    }
    lwt_uv_pool_done(pool, c);
  }
  end(w);
  uv_mutex_lock(&pool->lock);
  w->ended = 1;
  uv_cond_signal(&pool->gone);
  uv_mutex_unlock(&pool->lock);
  lwt_uv_worker_release(w);
}

void lwt_uv_worker_release(lwt_uv_worker *w) {
  if (atomic_fetch_sub_explicit(&w->refs, 1, memory_order_acq_rel) > 1) return;
  lwt_uv_pool *pool = w->pool;
  lwt_uv_message_free(w->setup);
  uv_cond_destroy(&w->reply);
  uv_mutex_destroy(&w->lock);
  free(w);
  lwt_uv_pool_release(pool);
}

int lwt_uv_stopping(lwt_uv *ctx) {
  lwt_uv_threads *t = ctx->family[LWT_UV_FTHREAD];
  return t->worker != NULL && atomic_load(&t->worker->stopping);
}

void lwt_uv_worker_attach(lwt_uv *ctx, lwt_uv_worker *w) {
  lwt_uv_threads *t = ctx->family[LWT_UV_FTHREAD];
  int status;
  t->worker = w;
  lwt_uv_inbox *inbox = lwt_uv_inbox_of(ctx, &status);
  if (inbox == NULL) return; /* its loop can then not be woken, only left behind */
  lwt_uv_inbox_retain(inbox);
  uv_mutex_lock(&w->pool->lock);
  w->inbox = inbox;
  uv_mutex_unlock(&w->pool->lock);
}

/* ---- Asking the owner ------------------------------------------------------------------------------ */

enum { ASKED, OK, RAISED, LOST };

/* A function for the owner to run. Two hold it: who asks and who answers. */
typedef struct request {
  lwt_uv_post post; /* to the owner; then back, when a task waits */
  atomic_int refs;
  lwt_uv_worker *w; /* a reference */
  lwt_uv_message *in, *out;
  int state;          /* under w->lock */
  int wait;           /* 0: no answer is wanted */
  int answered;       /* the owner's: once is enough */
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

/* Protected: as l_settle of thread_pool.c. 1: the promise. */
static int l_settle(lua_State *L) {
  request *q = lua_touserdata(L, 2);
  const lwt_api *lwt = q->asker->lwt;
  lua_settop(L, 1);
  if (q->state == LOST || q->out == NULL) {
    lua_pushstring(L, q->state == LOST ? "the main Lua state has closed"
                                       : "not enough memory");
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
  if (q->back != NULL && q->wait) {
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
    q->out = pack_error(L);
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
      q->out = pack_error(L);
      ok = 0;
    }
  } else {
    lua_settop(L, 3);
    q->out = pack_error(L);
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
  atomic_store(&q->refs, 1); /* nobody else has come to know it */
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
    return luaL_error(L, state == OK || state == RAISED
                             ? "not enough memory"
                             : "the main Lua state has closed");
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
  release_request(q); /* the answer has one of its own */
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
