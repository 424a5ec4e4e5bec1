/* signal.h: signals by name. */
#ifndef LWT_UV_SIGNAL_H
#define LWT_UV_SIGNAL_H

#include "../internal.h"

/* The number of the signal at argument `arg`: "TERM", "SIGTERM" or a number; raises. */
int lwt_uv_check_signal(lua_State *L, int arg);
/* Its name without SIG, or NULL. */
const char *lwt_uv_signal_name(int number);

/* Before libuv listens to a signal: whether the process ignored it when nobody listened yet. */
int lwt_uv_signal_look(int number);
/* When libuv listens no more, and has brought back the default: then it is ignored again. */
void lwt_uv_signal_unheard(int number);

/* break.c: its functions are added to the table on top, that of the interrupts. */
void lwt_uv_break_open(lwt_uv *ctx, lua_State *L);
void lwt_uv_break_close(lwt_uv *ctx);

#endif
