/* watch.c: watching files and directories, for fs.watch (fs.lua makes the stream).
**
** A handle (uv_internal.h) with the events that nobody has asked for yet, or those who
** wait for one, never both. The events are kept outside Lua, since an idle handle is not
** anchored. What happens again before anybody looked is not told twice; when there are
** too many to keep, the last one says so ("overflow").
*/
#include <stdlib.h>
#include <string.h>

#include "fs_internal.h"

enum { U_WAITERS = 1 };

#define KEEP_MAX 1024

typedef struct event {
  struct event *next;
  const char *type; /* static */
  int named;
  char name[];
} event;

typedef struct watch {
  lwt_uv_handle h;
  uv_fs_event_t fs;
  lwt_uv_waiters waiters;
  event *first, *last;
  int n, overflow, status;
} watch;

static void push_event(lua_State *L, const char *type, const char *name) {
  lua_createtable(L, 0, 2);
  lua_pushstring(L, type);
  lua_setfield(L, -2, "type");
  lua_pushstring(L, name); /* nil when the system does not tell */
  lua_setfield(L, -2, "name");
}

/* ---- Keeping ------------------------------------------------------------- */

static int is_kept(const watch *w, const char *type, const char *name) {
  for (const event *e = w->first; e != NULL; e = e->next)
    if (e->type == type && e->named == (name != NULL) &&
        (name == NULL || strcmp(e->name, name) == 0))
      return 1;
  return 0;
}

static void keep(watch *w, const char *type, const char *name) {
  if (w->overflow || is_kept(w, type, name)) return;
  size_t len = name == NULL ? 0 : strlen(name);
  event *e = w->n < KEEP_MAX ? malloc(sizeof *e + len + 1) : NULL;
  if (e == NULL) {
    w->overflow = 1;
    return;
  }
  e->next = NULL;
  e->type = type;
  e->named = name != NULL;
  memcpy(e->name, name == NULL ? "" : name, len + 1);
  if (w->last != NULL)
    w->last->next = e;
  else
    w->first = e;
  w->last = e;
  w->n++;
}

static void drop_first(watch *w) {
  event *e = w->first;
  w->first = e->next;
  if (w->first == NULL) w->last = NULL;
  w->n--;
  free(e);
}

static void release(lwt_uv_handle *h) {
  watch *w = (watch *)h;
  while (w->first != NULL) drop_first(w);
}

/* ---- Telling ------------------------------------------------------------- */

typedef struct news {
  watch *w;
  const char *type, *name;
  int told;
} news;

/* Give it to who waits, if somebody does. */
static void tell(lua_State *L, void *data) {
  news *n = data;
  watch *w = n->w;
  lwt_uv *ctx = w->h.ctx;
  if (w->h.pending == 0) return;
  int top = lua_gettop(L);
  lwt_uv_handle_push(L, &w->h);
  if (n->type != NULL)
    push_event(L, n->type, n->name);
  else
    lwt_uv_push_error(ctx, L, w->status, "watch", NULL, NULL);
  if (lwt_uv_waiters_pop(ctx, L, &w->waiters, top + 1)) {
    lwt_uv_handle_drop(L, &w->h);
    lua_insert(L, -2);
    n->told = 1;
    if (n->type != NULL)
      ctx->lwt->fulfill(ctx->lwt, L, lua_gettop(L) - 1, 1);
    else
      ctx->lwt->reject(ctx->lwt, L, lua_gettop(L) - 1);
  }
  lua_settop(L, top);
}

/* There was no memory for it: say so. */
static void fail(lua_State *L, void *data) {
  watch *w = data;
  lwt_uv_handle_push(L, &w->h);
  while (w->h.pending > 0) lwt_uv_handle_drop(L, &w->h);
  lwt_uv_waiters_fail(w->h.ctx, L, &w->waiters, -1);
}

static void happen(watch *w, const char *type, const char *name) {
  news n = {w, type, name, 0};
  if (w->h.box == NULL) return; /* somebody who was told closed it */
  if (lwt_uv_enter(w->h.ctx, tell, &n) != 0 && !n.told && w->h.pending > 0)
    lwt_uv_enter(w->h.ctx, fail, w);
  if (!n.told && type != NULL && w->h.box != NULL) keep(w, type, name);
}

static void on_event(uv_fs_event_t *fs, const char *name, int events, int status) {
  watch *w = (watch *)(lwt_uv_handle *)fs->data;
  if (status < 0) {
    w->status = status;
    happen(w, NULL, NULL);
    return;
  }
  /* The name lies in libuv's buffer: closing the handle inside the first call frees
  ** nothing before the close callback. */
  if (events & UV_RENAME) happen(w, "rename", name);
  if (events & UV_CHANGE) happen(w, "change", name);
}

/* ---- What Lua calls ------------------------------------------------------ */

/* The userdata is at the top: it is being closed, the end of the stream for who waits. */
static void stop(lua_State *L, lwt_uv_handle *h) {
  watch *w = (watch *)h;
  int userdata = lua_gettop(L);
  while (lwt_uv_waiters_pop(h->ctx, L, &w->waiters, userdata)) {
    lua_pushnil(L);
    h->ctx->lwt->fulfill(h->ctx->lwt, L, userdata + 1, 1);
    lua_settop(L, userdata);
  }
}

static const lwt_uv_class watch_class = {.type = LWT_UV_WATCH,
                                         .kind = "watch",
                                         .size = sizeof(watch),
                                         .nuservalues = 1,
                                         .stop = stop,
                                         .release = release};

/* fs.watcher(path): a handle with next() and close(). */
static int l_watcher(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  const char *path = lwt_uv_fs_check_path(L, 1);
  watch *w = lwt_uv_handle_new(ctx, L, &watch_class);
  lwt_uv_waiters_init(&w->waiters, U_WAITERS);
  int status = uv_fs_event_init(ctx->loop, &w->fs);
  status = lwt_uv_handle_opened(L, &w->h, &w->fs, status);
  if (status >= 0 && (status = uv_fs_event_start(&w->fs, on_event, path, 0)) < 0)
    lwt_uv_handle_close(L, w->h.box, 1);
  if (status < 0) return lwt_uv_raise(ctx, L, status, "watch", "path", path);
  return 1;
}

static void cancel_next(lua_State *L, void *data) {
  watch *w = data;
  lwt_uv_handle_push(L, &w->h);
  lwt_uv_waiters_cancelled(w->h.ctx, L, &w->waiters, -1);
  lua_pop(L, 1);
  lwt_uv_handle_drop(L, &w->h);
}

/* w:next(): a promise of the next event, of nil once it is closed. */
static int l_next(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  watch *w = lwt_uv_handle_check(ctx, L, 1, LWT_UV_WATCH);
  lua_settop(L, 1);
  if (w == NULL) {
    lua_pushnil(L);
  } else if (w->first != NULL) {
    push_event(L, w->first->type, w->first->named ? w->first->name : NULL);
    drop_first(w);
  } else if (w->overflow) {
    w->overflow = 0;
    push_event(L, "overflow", NULL);
  } else if (w->status < 0) {
    return lwt_uv_reject(ctx, L, w->status, "watch", NULL, NULL);
  } else {
    ctx->lwt->promise_new(ctx->lwt, L, cancel_next, w);
    lwt_uv_waiters_push(ctx, L, &w->waiters, 1, 0);
    lwt_uv_handle_hold(L, &w->h, 1);
    return 1;
  }
  ctx->lwt->fulfilled(ctx->lwt, L, 1);
  return 1;
}

static const luaL_Reg methods[] = {{"next", l_next}, {NULL, NULL}};
static const luaL_Reg functions[] = {{"watcher", l_watcher}, {NULL, NULL}};

void lwt_uv_fs_open_watch(lwt_uv *ctx, lua_State *L) {
  lwt_uv_new_handle_type(ctx, L, LWT_UV_WATCH, "lwt.watch", methods, NULL);
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, functions, 1);
}
