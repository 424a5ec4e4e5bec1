/* threads.c: a C module for the specs of jobs and notifications, made of lua.h and lwt.h:
** jobs that sleep, fail and raise, threads that send, and counts of what was called. */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <lwt.h>

static atomic_int workers, results, releases, on_main, most, running, gate;

static void nap(double seconds) {
  struct timespec t = {.tv_sec = (time_t)seconds};
  t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
  nanosleep(&t, NULL);
}

/* ---- Jobs ------------------------------------------------------------------------ */

typedef struct work {
  lwt_job job; /* first */
  const lwt_api *lwt;
  double seconds;
  lua_Integer value;
  char what[16];
  pthread_t main;
} work;

static void run(lwt_job *job) {
  work *w = (work *)job;
  int n = atomic_fetch_add(&running, 1) + 1;
  int old = atomic_load(&most);
  while (n > old && !atomic_compare_exchange_weak(&most, &old, n)) continue;
  atomic_fetch_add(&workers, 1);
  atomic_fetch_add(&on_main, pthread_equal(w->main, pthread_self()) != 0);
  if (w->seconds > 0) nap(w->seconds);
  while (strcmp(w->what, "gate") == 0 && atomic_load(&gate) == 0) nap(0.0005);
  w->value *= 2;
  atomic_fetch_sub(&running, 1);
}

static int result(lua_State *L, lwt_job *job) {
  work *w = (work *)job;
  atomic_fetch_add(&results, 1);
  if (strcmp(w->what, "fail") == 0) {
    w->lwt->push_error(w->lwt, L, "EPERM", EPERM, "not permitted", "test", "path", "/x");
    return lua_error(L);
  }
  if (strcmp(w->what, "raise") == 0) return luaL_error(L, "raised");
  lua_pushinteger(L, w->value);
  lua_pushstring(L, w->what);
  return 2;
}

static void release(lwt_job *job) {
  atomic_fetch_add(&releases, 1);
  free(job);
}

/* job(value, what, seconds): a promise of 2 * value and what. What is "gate" waits for it. */
static int l_job(lua_State *L) {
  const lwt_api *lwt = lwt_import(L);
  lua_Integer value = luaL_checkinteger(L, 1);
  const char *what = luaL_optstring(L, 2, "");
  double seconds = luaL_optnumber(L, 3, 0);
  work *w = calloc(1, sizeof *w);
  if (w == NULL) return luaL_error(L, "not enough memory");
  w->job.worker = run;
  w->job.result = result;
  w->job.release = release;
  w->lwt = lwt;
  w->value = value;
  w->seconds = seconds;
  w->main = pthread_self();
  strncpy(w->what, what, sizeof w->what - 1);
  lwt->job_start(lwt, L, &w->job);
  return 1;
}

/* counts(): workers, results, releases, workers on the main thread, most at a time; and
** sets them back. */
static int l_counts(lua_State *L) {
  atomic_int *all[] = {&workers, &results, &releases, &on_main, &most};
  for (int i = 0; i < 5; i++) lua_pushinteger(L, atomic_exchange(all[i], 0));
  return 5;
}

/* gate(open): lets all jobs of "gate" go on, or shuts it. */
static int l_gate(lua_State *L) {
  atomic_store(&gate, lua_toboolean(L, 1));
  return 0;
}

static int l_running(lua_State *L) {
  lua_pushinteger(L, atomic_load(&running));
  return 1;
}

/* ---- Notifications ----------------------------------------------------------------- */

typedef struct note {
  const lwt_api *lwt;
  lwt_notification *n;
  int ref;
} note;

static void told(lua_State *L, void *data, unsigned count) {
  note *t = data;
  lua_rawgeti(L, LUA_REGISTRYINDEX, t->ref);
  lua_pushinteger(L, count);
  lua_call(L, 1, 0);
}

static int l_stop(lua_State *L) {
  note *t = luaL_checkudata(L, 1, "spec.note");
  lwt_notification *n = t->n;
  t->n = NULL;
  if (n != NULL) {
    t->lwt->notification_stop(t->lwt, n);
    luaL_unref(L, LUA_REGISTRYINDEX, t->ref);
  }
  return 0;
}

/* note(f, keep): f(count) is called for sends. */
static int l_note(lua_State *L) {
  const lwt_api *lwt = lwt_import(L);
  luaL_checktype(L, 1, LUA_TFUNCTION);
  int keep = lua_toboolean(L, 2);
  lua_settop(L, 1);
  note *t = lua_newuserdatauv(L, sizeof *t, 0);
  t->n = NULL;
  t->lwt = lwt;
  luaL_setmetatable(L, "spec.note");
  lua_pushvalue(L, 1);
  t->ref = luaL_ref(L, LUA_REGISTRYINDEX);
  t->n = lwt->notification_new(lwt, L, told, t, keep);
  return 1;
}

static int l_send(lua_State *L) {
  note *t = luaL_checkudata(L, 1, "spec.note");
  lua_pushinteger(L, t->n == NULL ? -2 : t->lwt->notification_send(t->n));
  return 1;
}

/* The words of a block of memory in which `value` stands: which is not to be known here. */
static size_t search(unsigned *at, size_t n, unsigned value, unsigned char *is) {
  size_t left = 0;
  for (size_t i = 0; i < n; i++) left += is[i] = is[i] && at[i] == value;
  return left;
}

/* fill(note, left): as if it had been sent until `left` more sends can be counted. Sending four
** thousand million times would take a minute, so the counter is looked for in the notification's
** memory: the one word that goes with three sends. */
static int l_fill(lua_State *L) {
  note *t = luaL_checkudata(L, 1, "spec.note");
  unsigned left = (unsigned)luaL_checkinteger(L, 2);
  unsigned *words = (unsigned *)(void *)t->n;
  size_t n = malloc_usable_size(t->n) / sizeof *words, found = 0;
  unsigned char *is = lua_newuserdatauv(L, n, 0);
  memset(is, 1, n);
  for (unsigned sent = 1; sent <= 3; sent++) {
    t->lwt->notification_send(t->n);
    found = search(words, n, sent, is);
  }
  if (found != 1) return luaL_error(L, "%d words may be the counter", (int)found);
  for (size_t i = 0; i < n; i++)
    if (is[i]) words[i] = UINT_MAX - left;
  return 0;
}

typedef struct sender {
  int (*send)(lwt_notification *);
  void (*release)(lwt_notification *);
  lwt_notification *n;
  int times, failed;
  double pause;
  pthread_t thread;
} sender;

static void *send_all(void *data) {
  sender *s = data;
  for (int i = 0; i < s->times; i++) {
    if (s->pause > 0) nap(s->pause);
    if (s->send(s->n) < 0) s->failed++;
  }
  s->release(s->n);
  return NULL;
}

/* thread(note, times, pause): a thread that sends; join it. */
static int l_thread(lua_State *L) {
  note *t = luaL_checkudata(L, 1, "spec.note");
  lua_settop(L, 3);
  sender *s = lua_newuserdatauv(L, sizeof *s, 0);
  s->send = t->lwt->notification_send;
  s->release = t->lwt->notification_release;
  s->n = t->n;
  s->times = (int)luaL_checkinteger(L, 2);
  s->pause = luaL_optnumber(L, 3, 0);
  s->failed = 0;
  t->lwt->notification_retain(t->n);
  if (pthread_create(&s->thread, NULL, send_all, s) != 0) {
    t->lwt->notification_release(t->n);
    return luaL_error(L, "no thread");
  }
  return 1;
}

/* join(thread): how many sends found nobody. */
static int l_join(lua_State *L) {
  sender *s = lua_touserdata(L, 1);
  pthread_join(s->thread, NULL);
  lua_pushinteger(L, s->failed);
  return 1;
}

/* loop(): is there a uv_loop_t? */
static int l_loop(lua_State *L) {
  const lwt_api *lwt = lwt_import(L);
  lua_pushlightuserdata(L, lwt->loop(lwt));
  return 1;
}

static const luaL_Reg functions[] = {
  {"job", l_job},       {"counts", l_counts}, {"gate", l_gate},
  {"running", l_running}, {"note", l_note},   {"thread", l_thread},
  {"join", l_join},     {"loop", l_loop},     {"fill", l_fill},
  {NULL, NULL},
};

int luaopen_spec_threads(lua_State *L) {
  luaL_newmetatable(L, "spec.note");
  lua_pushcfunction(L, l_stop);
  lua_setfield(L, -2, "__gc");
  lua_newtable(L);
  lua_pushcfunction(L, l_stop);
  lua_setfield(L, -2, "stop");
  lua_pushcfunction(L, l_send);
  lua_setfield(L, -2, "send");
  lua_setfield(L, -2, "__index");
  luaL_newlib(L, functions);
  return 1;
}
