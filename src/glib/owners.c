/* owners.c: which thread serves a context, for the whole process. Callbacks of a GLib source run
** on whatever thread turns its context, and those of a Lua state have to run on the state's.
*/
#include "glib.h"

typedef struct owner {
  GMainContext *context;
  GThread *thread;
  int states; /* how many, all on that thread */
  struct owner *next;
} owner;

static GMutex mutex;
static owner *owners;

static owner **find(const GMainContext *context) {
  owner **at = &owners;
  while (*at != NULL && (*at)->context != context) at = &(*at)->next;
  return at;
}

int lwt_glib_claim(GMainContext *context) {
  owner *o;
  int ours;
  g_mutex_lock(&mutex);
  o = *find(context);
  if (o == NULL) {
    o = g_new0(owner, 1);
    o->context = context;
    o->thread = g_thread_self();
    o->next = owners;
    owners = o;
  }
  ours = o->thread == g_thread_self();
  if (ours) o->states++;
  g_mutex_unlock(&mutex);
  return ours;
}

int lwt_glib_is_elsewhere(const GMainContext *context) {
  const owner *o;
  int elsewhere;
  g_mutex_lock(&mutex);
  o = *find(context);
  elsewhere = o != NULL && o->thread != g_thread_self();
  g_mutex_unlock(&mutex);
  return elsewhere;
}

void lwt_glib_disclaim(GMainContext *context) {
  owner **at, *o;
  g_mutex_lock(&mutex);
  at = find(context);
  o = *at;
  if (o != NULL && --o->states == 0) {
    *at = o->next;
    g_free(o);
  }
  g_mutex_unlock(&mutex);
}
