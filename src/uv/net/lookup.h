/* lookup.h: one question to the system's resolver, on a thread of its own. */
#ifndef LWT_UV_LOOKUP_H
#define LWT_UV_LOOKUP_H

#include <netdb.h>

#include "../inbox.h"

typedef struct lwt_uv_lookup lwt_uv_lookup;
struct lwt_uv_lookup {
  lwt_uv_post post; /* first: on its way back */
  atomic_int refs;  /* the asker's, and the thread's or the post's */
  lwt_uv_inbox *inbox;
  lwt_uv *ctx;
  /* In the state's thread, when it is over. */
  void (*done)(lwt_uv_lookup *lookup);
  void *data; /* the asker's; NULL: it does not wait any more */
  /* The question: a host and a service, or an address. */
  char *host, *service; /* copies, or NULL */
  struct addrinfo hints;
  struct sockaddr_storage sa;
  int by_address;
  /* The answer. */
  int status;
  struct addrinfo *list;
  char name[NI_MAXHOST], port[NI_MAXSERV];
};

/* A question, to be filled in (host and service are copied here): NULL without memory. */
lwt_uv_lookup *lwt_uv_lookup_new(const char *host, const char *service);
/* Ask. 0, or a status: then `done` is not called. */
int lwt_uv_lookup_start(lwt_uv *ctx, lwt_uv_lookup *lookup);
/* The asker needs it no more (while it is under way, it sets data to NULL before). */
void lwt_uv_lookup_release(lwt_uv_lookup *lookup);

#endif
