/* still: preloaded when instructions are counted. Lua seeds its string hashes with the
** time (and with addresses, which setarch -R keeps in their places): with a clock that
** stands still, a program executes the same instructions each time. */
#include <time.h>

time_t time(time_t *t) {
  if (t != NULL) *t = 1700000000;
  return 1700000000;
}
