/* notify.c: a Lua module with a C thread that posts to Lua.
**
**   local sensor = require "notify".start(interval, function(values, missed) … end)
**   sensor:stop()
**
** The thread measures something every `interval` seconds and puts it into a queue under a
** lock. It must not touch Lua: it sends a notification, and lwt calls `told` on the main
** thread, when the loop turns, once for all that has come meanwhile.
*/
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include <lauxlib.h>
#include <lua.h>

#include <lwt.h>

#define QUEUE 256

typedef struct sensor {
  const lwt_api *lwt;
  lwt_notification *notification; /* NULL: stopped */
  int callback;                   /* the function, in the registry */
  double interval;
  pthread_t thread;
  int running; /* the thread is to be joined */
  /* The thread calls this, also while the Lua state closes: a copy, as the table is Lua's. */
  int (*send)(lwt_notification *);
  /* Between the threads: */
  pthread_mutex_t lock;
  pthread_cond_t wake; /* signalled to stop */
  int stopping;
  double values[QUEUE];
  int filled, missed;
} sensor;

/* ---- The thread -------------------------------------------------------------------- */

static double measure(int n) {
  return n * 0.5; /* whatever it is that takes a thread to get */
}

/* Sleep, but not when it is time to stop. With the lock. */
static void pause_for(sensor *s, double seconds) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  double end = (double)t.tv_sec + (double)t.tv_nsec * 1e-9 + seconds;
  t.tv_sec = (time_t)end;
  t.tv_nsec = (long)((end - (double)t.tv_sec) * 1e9);
  while (!s->stopping && pthread_cond_timedwait(&s->wake, &s->lock, &t) == 0) continue;
}

static void *run(void *data) {
  sensor *s = data;
  pthread_mutex_lock(&s->lock);
  for (int n = 1; !s->stopping; n++) {
    pthread_mutex_unlock(&s->lock);
    double value = measure(n);
    pthread_mutex_lock(&s->lock);
    if (s->filled < QUEUE)
      s->values[s->filled++] = value;
    else
      s->missed++; /* Lua is too slow: better to say so than to block */
    s->send(s->notification);
    pause_for(s, s->interval);
  }
  pthread_mutex_unlock(&s->lock);
  return NULL;
}

/* ---- The main thread ------------------------------------------------------------------ */

/* Called by lwt, protected: what the callback raises goes to the exception hook. */
static void told(lua_State *L, void *data, unsigned count) {
  sensor *s = data;
  double values[QUEUE];
  (void)count; /* how many sends; the queue tells more */
  pthread_mutex_lock(&s->lock);
  int n = s->filled, missed = s->missed;
  for (int i = 0; i < n; i++) values[i] = s->values[i];
  s->filled = s->missed = 0;
  pthread_mutex_unlock(&s->lock);
  if (n == 0) return;
  lua_rawgeti(L, LUA_REGISTRYINDEX, s->callback);
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    lua_pushnumber(L, values[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushinteger(L, missed);
  lua_call(L, 2, 0);
}

/* sensor:stop(); also __gc and __close. First the thread, which uses the notification. */
static int l_stop(lua_State *L) {
  sensor *s = luaL_checkudata(L, 1, "notify.sensor");
  if (s->running) {
    pthread_mutex_lock(&s->lock);
    s->stopping = 1;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    s->running = 0;
  }
  if (s->notification != NULL) {
    s->lwt->notification_stop(s->lwt, s->notification);
    s->notification = NULL;
    luaL_unref(L, LUA_REGISTRYINDEX, s->callback);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
  }
  return 0;
}

static int l_start(lua_State *L) {
  const lwt_api *lwt = lua_touserdata(L, lua_upvalueindex(1));
  double interval = luaL_checknumber(L, 1);
  luaL_argcheck(L, interval > 0, 1, "positive number of seconds expected");
  luaL_checktype(L, 2, LUA_TFUNCTION);
  sensor *s = lua_newuserdatauv(L, sizeof *s, 0);
  *s = (sensor){.lwt = lwt, .interval = interval, .callback = LUA_NOREF};
  luaL_setmetatable(L, "notify.sensor"); /* from here on __gc cleans up */
  lua_pushvalue(L, 2);
  s->callback = luaL_ref(L, LUA_REGISTRYINDEX);
  pthread_mutex_init(&s->lock, NULL);
  pthread_cond_init(&s->wake, NULL);
  s->send = lwt->notification_send;
  /* 1: lwt.run goes on waiting for it. */
  s->notification = lwt->notification_new(lwt, L, told, s, 1);
  if (pthread_create(&s->thread, NULL, run, s) != 0)
    return luaL_error(L, "cannot start a thread");
  s->running = 1;
  return 1;
}

int luaopen_notify(lua_State *L);
int luaopen_notify(lua_State *L) {
  const lwt_api *lwt = lwt_import(L);
  if (lwt->notification_new == NULL)
    return luaL_error(L, "notify needs lwt with libuv (lwt.uv)");
  luaL_newmetatable(L, "notify.sensor");
  lua_pushcfunction(L, l_stop);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, l_stop);
  lua_setfield(L, -2, "__close");
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, l_stop);
  lua_setfield(L, -2, "stop");
  lua_setfield(L, -2, "__index");
  lua_createtable(L, 0, 1);
  lua_pushlightuserdata(L, (void *)lwt);
  lua_pushcclosure(L, l_start, 1);
  lua_setfield(L, -2, "start");
  return 1;
}
