/* lent.h: what this process was lent and has to give back as it was: the modes of terminals,
** and descriptors that wait (their blocking). */
#ifndef LWT_UV_LENT_H
#define LWT_UV_LENT_H

/* Before the mode of the terminal `fd` is changed: remembers how it is, once for all
** changes. Returns a ticket, or a negative status. */
int lwt_uv_lent_terminal(int fd);
/* Before `fd` is made non-blocking: a ticket; -1 when nothing has to be given back. */
int lwt_uv_lent_blocking(int fd);
/* What f(data) gives back, which has to be fit for signal handlers: a ticket, or a negative
** status. Returning the ticket does not call it. */
int lwt_uv_lent_call(void (*f)(void *data), void *data);
/* Give it back; a terminal with the last of its tickets. Nothing for -1. */
void lwt_uv_lent_return(int ticket);
/* Signals that would end the process give terminals back first: to be called wherever a
** handler of such a signal was taken away. */
void lwt_uv_lent_guard(void);
/* Gives everything back and lets the signal end the process. Fit for signal handlers. */
void lwt_uv_lent_die(int number);
/* Another descriptor for what `fd` (0 to 2) shows, which shares nothing with it but that: a
** negative number where the system has none. */
int lwt_uv_lent_reopen(int fd);

#endif
