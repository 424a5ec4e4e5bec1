/* term.h: the terminal's part of lwt.term.core. */
#ifndef LWT_TERM_H
#define LWT_TERM_H

#include <lwt.h>

/* Pushes the table of functions of tty.c. */
void lwt_term_open_tty(lua_State *L);

#endif
