/* watch.c: watching files and directories, for fs.watch (fs.lua makes the stream).
**
** A handle (../internal.h) with the events that were not asked for yet, or with the
** waiters for one, never both. The events are kept outside Lua, since an idle handle is
** not anchored. An event that repeats one that is still kept is not kept twice; when
** there are too many to keep, the last one says so ("overflow").
*/
#include <stdlib.h>
#include <string.h>

#include "watch.h"

enum { U_WAITERS = 1 };

#define KEEP_MAX 1024

struct lwt_uv_news {
  lwt_uv_news *next;
  const char *type; /* static */
  char name[];
};

/* ---- Keeping ------------------------------------------------------------- */

static int is_kept(const lwt_uv_watch *w, const char *type, const char *name) {
  for (const lwt_uv_news *e = w->first; e != NULL; e = e->next)
    if (e->type == type && strcmp(e->name, name) == 0) return 1;
  return 0;
}

void lwt_uv_watch_keep(lwt_uv_watch *w, const char *type, const char *name) {
  if (w->overflow || is_kept(w, type, name)) return;
  size_t len = strlen(name);
  lwt_uv_news *e = w->n < KEEP_MAX ? malloc(sizeof *e + len + 1) : NULL;
  if (e == NULL) {
    w->overflow = 1;
    return;
  }
  e->next = NULL;
  e->type = type;
  memcpy(e->name, name, len + 1);
  if (w->last != NULL)
    w->last->next = e;
  else
    w->first = e;
  w->last = e;
  w->n++;
}

static void drop_first(lwt_uv_watch *w) {
  lwt_uv_news *e = w->first;
  w->first = e->next;
  if (w->first == NULL) w->last = NULL;
  w->n--;
  free(e);
}

static void release(lwt_uv_handle *h) {
  lwt_uv_watch *w = (lwt_uv_watch *)h;
  while (w->first != NULL) drop_first(w);
  free(w->path);
}

static void closing(lwt_uv_handle *h) {
  lwt_uv_watch *w = (lwt_uv_watch *)h;
  h->ctx->lwt->idle_stop(h->ctx->lwt, &w->again);
  lwt_uv_watch_end(w);
}

static int has_news(const lwt_uv_watch *w) {
  return w->first != NULL || w->overflow;
}

/* Push what is next. Making it may run finalizers, which may take it: then the one after
** it, if there is one (returns 0: none). It stays in the list until it is taken. */
static int push_news(lua_State *L, lwt_uv_watch *w) {
  while (has_news(w)) {
    unsigned long taken = w->taken;
    const lwt_uv_news *e = w->first;
    const char *type = e == NULL ? "overflow" : e->type; /* the news may go meanwhile */
    lua_pushstring(L, e == NULL ? NULL : e->name);
    lua_pushstring(L, type);
    lua_createtable(L, 0, 2);
    lua_insert(L, -3);
    lua_setfield(L, -3, "type");
    lua_setfield(L, -2, "name");
    if (w->taken == taken && has_news(w)) return 1;
    lua_pop(L, 1);
  }
  return 0;
}

static void take_news(lwt_uv_watch *w) {
  w->taken++;
  if (w->first != NULL)
    drop_first(w);
  else
    w->overflow = 0;
}

/* ---- Telling ------------------------------------------------------------- */

/* Take the first waiter out of the queue and push its promise; 0: there is none. */
static int take_waiter(lua_State *L, lwt_uv_watch *w, int userdata) {
  int found = lwt_uv_waiters_pop(w->h.ctx, L, &w->waiters, userdata);
  lwt_uv_waiters_anchor(L, &w->waiters, &w->h, userdata);
  return found;
}

static void tell(lua_State *L, void *data) {
  lwt_uv_watch *w = data;
  lwt_uv *ctx = w->h.ctx;
  int top = lua_gettop(L);
  while (w->h.box != NULL && w->h.pending > 0) {
    lua_settop(L, top);
    lwt_uv_handle_push(L, &w->h);
    if (has_news(w)) {
      if (!push_news(L, w)) continue;
      if (!take_waiter(L, w, top + 1)) break; /* a finalizer has cancelled or closed it */
      take_news(w);
      lua_insert(L, -2);
      ctx->lwt->fulfill(ctx->lwt, L, top + 2, 1);
    } else {
      if (w->over) lwt_uv_handle_close(L, w->h.box, 0);
      break;
    }
  }
  lua_settop(L, top);
}

/* There was no memory for it: say so. */
static void fail(lua_State *L, void *data) {
  lwt_uv_watch *w = data;
  lwt_uv_waiters_fail(L, &w->waiters, &w->h);
}

static void tell_again(lua_State *L, void *data) {
  (void)L;
  lwt_uv_watch_tell(data);
}

void lwt_uv_watch_tell(lwt_uv_watch *w) {
  const lwt_uv *ctx = w->h.ctx;
  if (lwt_uv_enter(w->h.ctx, tell, w) == 0 || lwt_uv_enter(w->h.ctx, fail, w) == 0)
    return;
  if (w->h.box == NULL) return;
  w->again.f = tell_again; /* not even that: try again at the next turn of the loop */
  w->again.data = w;
  ctx->lwt->idle_start(ctx->lwt, &w->again);
}

/* ---- What Lua calls ------------------------------------------------------ */

/* The userdata, at the top, is being closed: for the waiters that is the end of the
** stream. */
static void stop(lua_State *L, lwt_uv_handle *h) {
  lwt_uv_watch *w = (lwt_uv_watch *)h;
  int userdata = lua_gettop(L);
  while (lwt_uv_waiters_pop(h->ctx, L, &w->waiters, userdata)) {
    lua_pushnil(L);
    h->ctx->lwt->fulfill(h->ctx->lwt, L, userdata + 1, 1);
    lua_settop(L, userdata);
  }
}

static const lwt_uv_class watch_class = {.type = LWT_UV_WATCH,
                                         .kind = "watch",
                                         .size = sizeof(lwt_uv_watch),
                                         .nuservalues = 1,
                                         .stop = stop,
                                         .release = release,
                                         .closing = closing};

/* The path, and behind it the last name in it, without slashes at the end. 0, or a status. */
static int keep_path(lwt_uv_watch *w, const char *path) {
  size_t n = strlen(path);
  w->path = malloc(2 * n + 2);
  if (w->path == NULL) return UV_ENOMEM;
  memcpy(w->path, path, n + 1);
  char *name = memcpy(w->path + n + 1, path, n + 1);
  while (n > 1 && name[n - 1] == '/') name[--n] = '\0';
  const char *slash = strrchr(name, '/');
  w->name = slash == NULL || slash[1] == '\0' ? name : slash + 1;
  return 0;
}

/* fs.watcher(path, recursive): a handle with next() and close(). */
static int l_watcher(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  const char *path = lwt_uv_fs_check_path(L, 1);
  lua_settop(L, 2);
  lwt_uv_watch *w = lwt_uv_handle_new(ctx, L, &watch_class);
  lwt_uv_waiters_init(&w->waiters, U_WAITERS);
  w->recursive = lua_toboolean(L, 2);
  int status = uv_fs_event_init(ctx->loop, &w->fs);
  status = lwt_uv_handle_opened(L, &w->h, &w->fs, status);
  if (status < 0) return lwt_uv_raise(ctx, L, status, "watch", "path", path);
  status = keep_path(w, path);
  if (status >= 0) status = lwt_uv_watch_begin(w);
  if (status >= 0) return 1;
  lwt_uv_handle_close(L, w->h.box, 1);
  return lwt_uv_raise(ctx, L, status, "watch", "path", path);
}

static void cancel_next(lua_State *L, void *data) {
  lwt_uv_watch *w = data;
  lwt_uv_waiters_withdraw(L, &w->waiters, &w->h);
}

/* w:next(): a promise of the next event, of nil once it is closed. */
static int l_next(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  lwt_uv_watch *w = lwt_uv_handle_check(ctx, L, 1, LWT_UV_WATCH);
  lua_settop(L, 1);
  if (w != NULL && push_news(L, w)) {
    take_news(w);
    ctx->lwt->fulfilled(ctx->lwt, L, 1);
    return 1;
  }
  if (w != NULL && !w->over)
    return lwt_uv_waiters_wait(L, &w->waiters, &w->h, 1, 0, cancel_next);
  if (w != NULL) lwt_uv_handle_close(L, w->h.box, 1); /* over */
  lua_pushnil(L);
  ctx->lwt->fulfilled(ctx->lwt, L, 1);
  return 1;
}

/* ---- Elsewhere than on Linux --------------------------------------------- */

#ifndef __linux__
/* Where the system does not tell a name, it is what is watched itself. After an error nothing more
** is heard: something is missing, and that is the end. */
static void on_event(uv_fs_event_t *fs, const char *name, int events, int status) {
  lwt_uv_watch *w = (lwt_uv_watch *)(lwt_uv_handle *)fs->data;
  if (name == NULL) name = w->name;
  if (status < 0)
    w->overflow = w->over = 1;
  else if (events & UV_RENAME)
    lwt_uv_watch_keep(w, LWT_UV_RENAME, name);
  if (status >= 0 && (events & UV_CHANGE)) lwt_uv_watch_keep(w, LWT_UV_CHANGE, name);
  lwt_uv_watch_tell(w);
}

int lwt_uv_watch_begin(lwt_uv_watch *w) {
  return uv_fs_event_start(&w->fs, on_event, w->path,
                           w->recursive ? UV_FS_EVENT_RECURSIVE : 0);
}

void lwt_uv_watch_end(lwt_uv_watch *w) {
  (void)w; /* closing the handle ends it */
}
#endif

static const luaL_Reg methods[] = {{"next", l_next}, {NULL, NULL}};
static const luaL_Reg functions[] = {{"watcher", l_watcher}, {NULL, NULL}};

void lwt_uv_fs_open_watch(lwt_uv *ctx, lua_State *L) {
  lwt_uv_new_handle_type(ctx, L, LWT_UV_WATCH, "lwt.watch", methods);
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, functions, 1);
}
