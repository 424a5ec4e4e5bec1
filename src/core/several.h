/* several.h: what several.c (waiting for all of several promises) and choice.c (for the first)
** share. `list` is where the list of inputs is on the stack. */
#ifndef LWT_SEVERAL_H
#define LWT_SEVERAL_H

#include "core.h"

#define LIST \
  1 /* stack slots of the functions that Lua calls: the inputs, and the promise made */
#define W 2

/* Pushes the representative of the list's i-th promise. */
static inline promise *push_input(lua_State *L, int list, int i) {
  lua_rawgeti(L, list, i);
  return lwt_promise_find(L, lua_gettop(L));
}

static inline void set_n(lua_State *L, int n) {
  lua_pushinteger(L, n);
  lua_setfield(L, -2, "n");
}

API promise *lwt_several_take_input(lua_State *L, promise *p, int may_be_it);
API int lwt_several_take_list(lua_State *L, lwt_context *c, int may_be_empty,
                              int is_choice, int *all_pending);
API int lwt_several_take_two(lua_State *L, lwt_context *c, int is_choice);
API void lwt_several_fill(lua_State *L, int list, int n, int keep, promise *first);
API void lwt_several_detach(lua_State *L, int w, promise *except);
API void lwt_choice_input(lua_State *L, lwt_context *c, int w, int src);

#endif
