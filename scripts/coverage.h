/* coverage.h: comes before every source in a build for `make coverage`.
**
** Some macros of lauxlib.h look at the result of a call that never returns, or whose result is never
** NULL: `cond || luaL_argerror(…)`. gcov counts two ways out of that second look, and only a
** call that cannot return could decide which. Here the same macros say `cond ? 0 : …`, with which the
** condition, which is ours, has its two ways, and nothing else has any. */
#include <lauxlib.h>
#include <signal.h>

#if !defined(luaL_argcheck) || !defined(luaL_argexpected) || !defined(luaL_addchar)
#error "lauxlib.h has changed: look at what this file says of its macros"
#endif

#undef luaL_argcheck
#define luaL_argcheck(L, cond, arg, text) \
  ((void)((cond) ? 0 : luaL_argerror(L, (arg), (text))))

#undef luaL_argexpected
#define luaL_argexpected(L, cond, arg, name) \
  ((void)((cond) ? 0 : luaL_typeerror(L, (arg), (name))))

#undef luaL_addchar
#define luaL_addchar(B, c) \
  ((void)((B)->n < (B)->size ? NULL : luaL_prepbuffsize((B), 1)), \
   ((B)->b[(B)->n++] = (c)))

/* A program that ends itself by a signal has its counts written before: gcov does it at exit only. (In a
** handler of a signal this may hang where malloc was interrupted; our specs wait, or run Lua code.) */
void __gcov_dump(void);
#define raise(number) (__gcov_dump(), raise(number))
