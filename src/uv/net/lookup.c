/* lookup.c: one question to the system's resolver, on a thread of its own.
**
** A name server may be silent for long, and nothing ends the call that waits for it. So a
** question whose answer is not wanted any more is left behind: neither other questions,
** nor files, nor the end of the state or of the process wait for it. The thread has its
** own copy of everything, and posts the answer into the state's inbox, which may be shut
** by then.
*/
#include "lookup.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

void lwt_uv_lookup_release(lwt_uv_lookup *lookup) {
  if (atomic_fetch_sub(&lookup->refs, 1) > 1) return;
  if (lookup->list != NULL) uv_freeaddrinfo(lookup->list);
  if (lookup->inbox != NULL) lwt_uv_inbox_release(lookup->inbox);
  free(lookup->host);
  free(lookup->service);
  free(lookup);
}

lwt_uv_lookup *lwt_uv_lookup_new(const char *host, const char *service) {
  lwt_uv_lookup *lookup = calloc(1, sizeof *lookup);
  if (lookup == NULL) return NULL;
  atomic_init(&lookup->refs, 1);
  if ((host == NULL || (lookup->host = strdup(host)) != NULL) &&
      (service == NULL || (lookup->service = strdup(service)) != NULL))
    return lookup;
  lwt_uv_lookup_release(lookup);
  return NULL;
}

/* libuv's functions, for what they do besides (names that are not ASCII); without a callback
** they answer at once, on a loop of their own. */
static int ask(lwt_uv_lookup *k) {
  uv_loop_t loop;
  int status = uv_loop_init(&loop);
  if (status < 0) return status;
  if (k->by_address) {
    uv_getnameinfo_t q;
    status = uv_getnameinfo(&loop, &q, NULL, (struct sockaddr *)&k->sa, 0);
    if (status == 0) {
      memcpy(k->name, q.host, sizeof k->name);
      memcpy(k->port, q.service, sizeof k->port);
    }
  } else {
    uv_getaddrinfo_t q;
    status = uv_getaddrinfo(&loop, &q, NULL, k->host, k->service, &k->hints);
    if (status == 0) k->list = q.addrinfo;
  }
  uv_loop_close(&loop);
  return status;
}

static void *thread_main(void *data) {
  lwt_uv_lookup *lookup = data;
  lookup->status = ask(lookup);
  if (lwt_uv_inbox_post(lookup->inbox, &lookup->post) < 0) lwt_uv_lookup_release(lookup);
  return NULL;
}

static void deliver(lua_State *L, lwt_uv_post *post) {
  (void)L;
  ((lwt_uv_lookup *)post)->done((lwt_uv_lookup *)post);
  lwt_uv_lookup_release((lwt_uv_lookup *)post);
}

static void drop(lwt_uv_post *post) {
  lwt_uv_lookup_release((lwt_uv_lookup *)post);
}

/* Signals are for the threads that have handlers to expect. */
static int create(lwt_uv_lookup *lookup) {
  sigset_t all, old;
  pthread_attr_t attr;
  pthread_t thread;
  int err = pthread_attr_init(&attr);
  if (err != 0) return err;
  pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  err = pthread_create(&thread, &attr, thread_main, lookup);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  pthread_attr_destroy(&attr);
  return err;
}

int lwt_uv_lookup_start(lwt_uv *ctx, lwt_uv_lookup *lookup) {
  int status = UV_ENOMEM, err;
  lwt_uv_inbox *inbox = lwt_uv_inbox_of(ctx, &status);
  if (inbox == NULL) return status;
  lwt_uv_inbox_retain(inbox);
  lookup->inbox = inbox;
  atomic_fetch_add(&lookup->refs, 1);
  lookup->ctx = ctx;
  lookup->post.deliver = deliver;
  lookup->post.drop = drop;
  lwt_uv_pin_library(); /* for the thread may outlive the state */
  err = create(lookup);
  if (err == 0) return 0;
  lwt_uv_lookup_release(lookup);
  return uv_translate_sys_error(err);
}
