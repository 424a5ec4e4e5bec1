/* signal.h: signals by name. */
#ifndef LWT_UV_SIGNAL_H
#define LWT_UV_SIGNAL_H

#include <lua.h>

/* The number of the signal at argument `arg`: "TERM", "SIGTERM" or a number; raises. */
int lwt_uv_check_signal(lua_State *L, int arg);
/* Its name without SIG, or NULL. */
const char *lwt_uv_signal_name(int number);

#endif
