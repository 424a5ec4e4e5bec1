/* coroutines.h: all coroutines of a Lua state, so that whatever runs can be given a hook. */
#ifndef LWT_UV_COROUTINES_H
#define LWT_UV_COROUTINES_H

#include <stddef.h>

#include <lua.h>

typedef struct lwt_uv_coroutines lwt_uv_coroutines;

/* From now on the state's allocator is one that sees every coroutine made and freed, and refuses
** what goes beyond `limit` bytes (0: none). NULL without memory. */
lwt_uv_coroutines *lwt_uv_coroutines_new(lua_State *L, size_t limit);
/* The state has its own allocator again. Not while a hook may be set. */
void lwt_uv_coroutines_return(lwt_uv_coroutines *s);
/* The state is closed, or has its own allocator again. */
void lwt_uv_coroutines_free(lwt_uv_coroutines *s);
/* One that was made before. Nothing without memory. */
void lwt_uv_coroutines_add(lwt_uv_coroutines *s, lua_State *co);
/* Raises the value on the top, in a hook. A hook runs with hooks switched off, and so would a message
** handler that is called for what it raises, which then could loop for ever: `xpcall` gives the
** value as it is. */
void lwt_uv_coroutines_raise(lua_State *L);
/* Looks up what the former needs to know, before a program replaces it. */
void lwt_uv_coroutines_open(lua_State *L);
/* The hook `f`, called every `count` instructions, for each that there is and that is made from
** now on; NULL: none. For the state's thread, in signal handlers too. */
void lwt_uv_coroutines_hook(lwt_uv_coroutines *s, lua_Hook f, int count);

#endif
