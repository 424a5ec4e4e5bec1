/* silent.c: to be preloaded: the resolver's answer for the name "silent.test" is a minute
** away, as if its name server did not answer. */
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

typedef int resolver(const char *, const char *, const struct addrinfo *,
                     struct addrinfo **);

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **list) {
  union {
    void *p;
    resolver *f;
  } next;
  next.p = dlsym(RTLD_NEXT, "getaddrinfo");
  if (host != NULL && strcmp(host, "silent.test") == 0) sleep(60);
  return next.f(host, service, hints, list);
}
