/* trace.h: the text of errors and traces, for trace.c and unseen.c. What pushes a trace pushes
** nil where there is none. */
#ifndef LWT_TRACE_H
#define LWT_TRACE_H

#include "core.h"

API void lwt_trace_push_text(lua_State *L, int idx);
API void lwt_trace_push(lua_State *L, int idx, promise *p);
API void lwt_trace_push_whole(lua_State *L, lwt_context *c, int idx, promise *p, int err);
API void lwt_trace_push_of_value(lua_State *L, lwt_context *c, int idx);
API void lwt_trace_push_made(lua_State *L, lwt_context *c, int idx);
API void lwt_trace_render(lua_State *L);

#endif
