/* wiped.c: preloaded, says on standard error when memory is freed in which the text LWT_MARKER still is. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void __libc_free(void *p);

static const char *marker;

__attribute__((constructor)) static void begin(void) {
  marker = getenv("LWT_MARKER");
}

void free(void *p) {
  if (p != NULL && marker != NULL) {
    size_t n = malloc_usable_size(p);
    const char *secret = marker;
    if (memmem(p, n, secret, strlen(secret)) != NULL && (char *)p != secret) {
      ssize_t done = write(2, "left\n", 5);
      (void)done;
    }
  }
  __libc_free(p);
}
