/* iconv.c: the C library's converter, for the encodings that are not ours. A system
** without iconv.h has only ours. */
#include "encoding.h"

#if defined(__has_include)
#if !__has_include(<iconv.h>)
#define NO_ICONV
#endif
#endif

#ifdef NO_ICONV

void *lwt_iconv_open(const char *to, const char *from) {
  (void)to;
  (void)from;
  return NULL;
}

void lwt_iconv_close(void *cd) {
  (void)cd;
}

enum lwt_iconv_status lwt_iconv_step(void *cd, const unsigned char **in, size_t *n,
                                     unsigned char **out, size_t *room) {
  (void)cd;
  (void)in;
  (void)n;
  (void)out;
  (void)room;
  return LWT_ICONV_BAD;
}

#else

#include <errno.h>
#include <iconv.h>

void *lwt_iconv_open(const char *to, const char *from) {
  iconv_t cd = iconv_open(to, from);
  return cd == (iconv_t)-1 ? NULL : (void *)cd; /* NOLINT: that is how iconv says it */
}

void lwt_iconv_close(void *cd) {
  if (cd != NULL) iconv_close((iconv_t)cd);
}

enum lwt_iconv_status lwt_iconv_step(void *cd, const unsigned char **in, size_t *n,
                                     unsigned char **out, size_t *room) {
  size_t r = iconv((iconv_t)cd, (char **)in, n, (char **)out, room);
  if (r == 0) return LWT_ICONV_DONE;
  if (r != (size_t)-1) return LWT_ICONV_LOST;
  if (errno == E2BIG) return LWT_ICONV_FULL;
  return errno == EINVAL ? LWT_ICONV_CUT : LWT_ICONV_BAD;
}

#endif
