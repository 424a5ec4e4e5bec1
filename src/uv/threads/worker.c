/* worker.c: the thread of a worker, and its Lua state. What it may ask of the state that
** it works for: ask.c.
**
** lwt_uv_worker_main is the only code of lwt that another thread than a state's own runs
** Lua in: the worker's state lives and dies in there. Whatever it shares with its owner is
** counted, so that either may be gone first.
*/
#include <stdlib.h>
#include <string.h>

#include <lualib.h>

#include "threads.h"

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
  static const char head[] = "stack traceback:"; /* luaL_traceback's */
  lwt_uv_call *c = lwt_uv_transport_of(L)->worker->call;
  lua_settop(L, 1);
  if (c->traceback != NULL) return 1;
  push_lwt_trace(L);
  int within = lua_gettop(L);
  luaL_traceback(L, L, NULL, 1);
  const char *text = lua_tostring(L, -1) + sizeof head - 1;
  if (lua_isnil(L, within))
    lua_pushfstring(L, "in a detached function:%s", text);
  else
    lua_pushfstring(L, "%s\nin a detached function:%s", lua_tostring(L, within), text);
  c->traceback = strdup(lua_tostring(L, -1));
  lua_settop(L, 1);
  return 1;
}

/* Protected: raise what failed in the background of this state, and was not reported. */
static int l_reported(lua_State *L) {
  lwt_uv *ctx = lwt_uv_transport_of(L)->ctx;
  if (ctx != NULL) ctx->lwt->raise_reported(ctx->lwt, L);
  return 0;
}

/* The function has returned, or raised: errors that it has left behind are its own, and not
** those of the next call in this state. Returns 0 with the first of them at the top, if the
** function has not failed itself; where there are more, warnings report them. */
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

static const char before_each; /* its address is the key */

/* before_each(f): has f() called in this worker before each function that it runs. */
int lwt_uv_l_before_each(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &before_each);
  return 0;
}

static void call_before_each(lua_State *L) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &before_each) != LUA_TFUNCTION ||
      lua_pcall(L, 0, 0, 0) != LUA_OK)
    lua_pop(L, 1);
}

/* Protected: run the call, pack its results. */
static int l_run(lua_State *L) {
  lwt_uv_call *c = lua_touserdata(L, 1);
  lua_settop(L, 0);
  call_before_each(L);
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

lwt_uv_message *lwt_uv_pack_error(lua_State *L) {
  lwt_uv_message *out = NULL;
  int error = lua_gettop(L);
  const lua_CFunction ways[] = {l_pack, l_pack_string, l_pack_type};
  int status = LUA_ERRRUN; /* without memory it is not told as something else */
  for (int i = 0; i < 3 && status != LUA_OK && status != LUA_ERRMEM; i++) {
    lua_pushcfunction(L, ways[i]);
    lua_pushvalue(L, error);
    lua_pushlightuserdata(L, &out);
    status = lua_pcall(L, 2, 0, 0);
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
    c->out = status == LUA_ERRMEM ? NULL : lwt_uv_pack_error(L);
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
  lwt_uv *ctx = lwt_uv_find_context(w->L);
  if (ctx != NULL && ctx->hook.poll_children != NULL) ctx->hook.poll_children(ctx);
}

/* Is there a state? If not, the call (unless it is NULL) fails with the reason, and the
** next one tries again: memory that was short may be there by then. */
static int begun(lwt_uv_worker *w, lwt_uv_call *c) {
  if (w->setup == NULL) return 1;
  int status = begin(w);
  if (status != LUA_OK) {
    if (c != NULL) {
      c->out = status == LUA_ERRMEM ? NULL : lwt_uv_pack_error(w->L);
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

void lwt_uv_worker_attach(lwt_uv *ctx, lwt_uv_worker *w) {
  lwt_uv_threads *t = ctx->family[LWT_UV_FTHREAD];
  int status;
  t->worker = w;
  ctx->stopping = &w->stopping;
  lwt_uv_inbox *inbox = lwt_uv_inbox_of(ctx, &status);
  if (inbox == NULL) return; /* its loop can then not be woken, only left behind */
  lwt_uv_inbox_retain(inbox);
  uv_mutex_lock(&w->pool->lock);
  w->inbox = inbox;
  uv_mutex_unlock(&w->pool->lock);
}
