/* internal.h: what the network files (stream, tcp, pipe, tty, listener, udp, dns,
** poll) share among themselves.
*/
#ifndef LWT_UV_NET_INTERNAL_H
#define LWT_UV_NET_INTERNAL_H

#include "../internal.h"

/* Bytes that are held without a reader before reading stops. */
#define HIGH_WATER 65536
/* Operations that may succeed at once in a row before they go through the loop, so that
** no task can keep a turn for ever. */
#define AT_ONCE 32

/* ---- Descriptors (socket.c) -------------------------------------------------- */

/* Wrap a descriptor in a new tcp, pipe or tty userdata, by what uv_guess_handle says:
** pushes it and returns its type, or pushes nothing and returns a negative status
** (UV_EINVAL for a regular file: use a file there). The descriptor is owned from
** success on. */
int lwt_uv_stream_of_fd(lwt_uv *ctx, lua_State *L, uv_file fd);

/* ---- Addresses (addr.c) -------------------------------------------------- */

#define LWT_UV_ADDRESS_MAX 336 /* a host and a service, with [ ] and : */
typedef struct lwt_uv_address {
  int family; /* AF_INET, AF_INET6: `sa` is filled; AF_UNIX: `path`; AF_UNSPEC: a name */
  struct sockaddr_storage sa;
  char host[256]; /* a name to look up, or "*" */
  char service[64];
  int port;         /* -1 when the service is a name */
  const char *path; /* the Lua string's */
  size_t path_length;
  char text[LWT_UV_ADDRESS_MAX]; /* for messages */
} lwt_uv_address;

/* Parse the address at `arg`; raises an argument error when it is none. */
void lwt_uv_check_address(lua_State *L, int arg, lwt_uv_address *a);
/* "fe80::1%eth0": the number, and the interface where there is one. */
#define LWT_UV_HOST_MAX (INET6_ADDRSTRLEN + UV_IF_NAMESIZE + 1)
void lwt_uv_format_ip6(const struct sockaddr_in6 *in6, char text[LWT_UV_HOST_MAX]);
/* What lwt_uv_push_address pushes, in `text`. */
void lwt_uv_format_address(const struct sockaddr *sa, size_t length,
                           char text[LWT_UV_ADDRESS_MAX]);
/* Push "127.0.0.1:8080", "[::1]:8080", "unix:/path" (or "unix:" for an unnamed one). */
void lwt_uv_push_address(lua_State *L, const struct sockaddr *sa, size_t length);

/* ---- Streams (socket.c) -------------------------------------------------- */

typedef struct write_req write_req;

typedef struct lwt_uv_stream {
  lwt_uv_handle h;
  port p;
  /* What every read and write looks at, close together. Who reads: a channel (rcb), or
  ** else the task that reads through a direct view, and then the waiters. */
  lwt_wait direct;
  size_t direct_want;
  const void *hint[6]; /* socket_direct.c */
  port_cb rcb;
  lwt_uv_waiters readers;
  size_t held_n;           /* bytes that were not asked for yet */
  ssize_t end;             /* 0, or UV_EOF or an error: what follows what is held */
  ssize_t broken;          /* the error of the connection that a write has met, or 0 */
  write_req *first;        /* of the writes; it is with libuv */
  unsigned char reading;   /* uv_read_start is on */
  unsigned char more;      /* the last read filled its buffer, or is to come: try */
  unsigned char socket;    /* send and recv apply, which need not wait */
  unsigned char raw;       /* the descriptor may be read without libuv */
  unsigned char shut;      /* shutdown was called */
  unsigned char half_sent; /* the rest of a write is being queued: others wait for it */
  unsigned char let_go;    /* directions that a channel closed: 1 reading, 2 writing */
  union {
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
    uv_tty_t tty;
  } uv;
  /* Reading. What arrives is held here until it is taken, also while it is on its way to
  ** waiting reads: whatever runs meanwhile finds it in its place. */
  char
      *held; /* held_n bytes from held_at on; of LWT_UV_SCRATCH bytes: a scratch buffer */
  size_t held_at, held_size;
  unsigned at_once, turn; /* reads at once in this turn of the loop */
  unsigned taken;         /* counts what is taken: has a finalizer read meanwhile? */
  void *rdata;
  char *rbuf; /* NULL: `room` gives one, or it is only to be told */
  size_t rlen;
  port_room room;
  /* Writing. */
  write_req *last;
  port_cb wcb;
  void *wdata;
  size_t wtaken; /* bytes of the channel's write that libuv has */
  int chunks;    /* with libuv; one more than `wcb` knows after a cancelled write */
  /* What it was lent (lent.h). */
  int number;         /* the descriptor that it was made of; -1: libuv's own */
  int mode, blocking; /* tickets, or -1 */
} lwt_uv_stream;

#define lwt_uv_stream_of_port(p) \
  ((lwt_uv_stream *)(void *)((char *)(p)-offsetof(lwt_uv_stream, p)))

/* socket_write.c: the system has told a write so. */
void lwt_uv_stream_note_failure(lwt_uv_stream *s, ssize_t status);
/* socket_read.c: is the connection no longer, though we have not ended our side? (Its peer's
** end leaves it half open.) */
int lwt_uv_stream_is_lost(const lwt_uv_stream *s);
/* For ctx->hook.send_failed. */
void lwt_uv_stream_send_failed(lwt_uv *ctx, int fd, int copy, ssize_t status);
/* Push a new stream userdata of this type, not yet initialised. May raise. */
lwt_uv_stream *lwt_uv_stream_new(lwt_uv *ctx, lua_State *L, lwt_uv_type type);
/* The stream at 1: NULL when closed; raises when it is none. */
lwt_uv_stream *lwt_uv_stream_check(lwt_uv *ctx, lua_State *L);
/* Metatable of one kind of stream: the shared methods and `own` (may be NULL). */
void lwt_uv_stream_type(lwt_uv *ctx, lua_State *L, lwt_uv_type type, const char *name,
                        const luaL_Reg *own);

/* socket_read.c */
int lwt_uv_stream_l_read(lua_State *L);
void lwt_uv_stream_stop_reading(lwt_uv_stream *s);
void lwt_uv_stream_end_reading(lwt_uv_stream *s);
ssize_t lwt_uv_stream_port_read(port *p, char *buf, size_t len, port_cb cb, void *data);
ssize_t lwt_uv_stream_port_read_late(port *p, port_room room, port_cb cb, void *data);
void lwt_uv_stream_port_read_cancel(port *p);
/* The same without a buffer: `cb` is called when there is something to read. Nobody may be
** reading. 0, or a negative status. */
int lwt_uv_stream_port_wait(lwt_uv_stream *s, port_cb cb, void *data);
/* What is held without a reader is moved out of a scratch buffer, which may be needed. */
void lwt_uv_stream_keep(lwt_uv_stream *s);
/* The stream at `idx`, or NULL for anything else, also a closed one. */
lwt_uv_stream *lwt_uv_stream_test(lwt_uv *ctx, lua_State *L, int idx);
/* See that something is held, of at most `want` bytes where they have to be read first: 1
** when there is, to be taken with `take` once it is in a string; 0: the end, or what s->end
** says; UV_EAGAIN: wait, reading is on; another status. Nobody else may be reading. */
ssize_t lwt_uv_stream_fill(lwt_uv_stream *s, size_t want);
#define lwt_uv_stream_first(s) ((s)->held + (s)->held_at)
void lwt_uv_stream_take(lwt_uv_stream *s, size_t n);
/* Does a task read it (not a channel)? */
#define lwt_uv_stream_has_reader(s) ((s)->readers.n > 0 || (s)->direct.task != NULL)
/* What the descriptor has, where it is likely to have something: UV_EAGAIN otherwise. */
ssize_t lwt_uv_stream_read_now(lwt_uv_stream *s, char *buf, size_t len);
/* socket_memory.c: what lwt.h has of sockets. */
void lwt_uv_add_socket_memory(lwt_uv *ctx);
void lwt_uv_stream_forget_wait(lwt_uv_stream *s);
/* socket_direct.c */
void lwt_uv_stream_fetch_direct(const lwt_uv_stream *s);
void lwt_uv_add_views(lwt_uv *ctx, lua_State *L);
void lwt_uv_stream_init_direct(lwt_uv_stream *s);
void lwt_uv_stream_deliver_direct(lua_State *L, lwt_uv_stream *s);
void lwt_uv_stream_end_direct(lua_State *L, lwt_uv_stream *s);
/* When there was no memory for that: asks for none. */
void lwt_uv_stream_fail_direct(lua_State *L, lwt_uv_stream *s);
/* socket_write.c */
ssize_t lwt_uv_stream_try_write(lwt_uv_stream *s, const uv_buf_t *bufs, unsigned n);
/* The socket is at 1, a string at 2, of which `done` bytes are sent: pushes the promise of
** the rest, returns 1. */
int lwt_uv_stream_write_rest(lwt_uv_stream *s, lua_State *L, size_t done);
int lwt_uv_stream_l_write(lua_State *L);
int lwt_uv_stream_l_writev(lua_State *L);
int lwt_uv_stream_l_shutdown(lua_State *L);
void lwt_uv_stream_stop_writing(lwt_uv_stream *s, lua_State *L);
void lwt_uv_stream_end_writing(lwt_uv_stream *s);
ssize_t lwt_uv_stream_port_write(port *p, const uv_buf_t *bufs, unsigned nbufs,
                                 port_cb cb, void *data);
ssize_t lwt_uv_stream_port_write_cancel(port *p);

/* connect.c: the socket at the top of the stack is to be connected: begin (may raise),
** start libuv with the request and lwt_uv_on_connect, then begun pushes the promise,
** returns 1. */
uv_connect_t *lwt_uv_connect_begin(lwt_uv_stream *s, lua_State *L, const char *text,
                                   int nodelay);
int lwt_uv_connect_begun(lua_State *L, uv_connect_t *uv, int status);
void lwt_uv_on_connect(uv_connect_t *uv, int status);
/* tcp.c: call the Lua function `name` ("connect", "listen") for an address that is a
** name, with (host, service, the options at 2, text): 1 result. */
void lwt_uv_push_by_name(lwt_uv *ctx, lua_State *L, const char *name);
int lwt_uv_call_by_name(lwt_uv *ctx, lua_State *L, const char *name,
                        const lwt_uv_address *a);

/* ---- State of the family ------------------------------------------------- */

typedef struct dns_req dns_req;
typedef struct listener listener;

typedef struct net_state {
  /* listener.c: those that ran out of descriptors, and the timer that lets them try
  ** again. */
  listener *starved;
  uv_timer_t *retry;
  /* dns.c: lookups under way, and those that wait for their turn. */
  int dns_limit, dns_active, dns_wanted; /* (active: also those that were left behind) */
  uv_timer_t *alive;                     /* runs while an answer is wanted */
  dns_req *dns_first, *dns_last;
  int pollers; /* poll.c: registry reference of the table descriptor -> poller */
  int by_name; /* tcp.c: registry reference of the table of Lua functions for names */
  /* socket_direct.c: registry references of the metatables of views. */
  int view_meta[LWT_UV_TTY + 1];
} net_state;

#define net_of(ctx) ((net_state *)(ctx)->family[LWT_UV_FNET])

/* C only: listeners that wait for a descriptor look again. */
void lwt_uv_listener_retry(lwt_uv *ctx);
/* Push a listener that is closed until opened with a descriptor that listens, which it
** then owns; on failure (fd < 0 is one: a status) that is closed. `path` is removed
** when it closes. */
listener *lwt_uv_listener_new(lwt_uv *ctx, lua_State *L, lwt_uv_type accepts, int nodelay,
                              const char *path);
int lwt_uv_listener_opened(lua_State *L, listener *l, int fd);
/* Push a tcp or pipe userdata for a connected descriptor: 0, or a negative status with
** nothing pushed and the descriptor still open. May raise (memory), the descriptor
** still open. */
int lwt_uv_stream_adopt(lwt_uv *ctx, lua_State *L, lwt_uv_type type, int fd, int nodelay);
/* The same for a descriptor that somebody else opened, and may share with others. */
int lwt_uv_stream_of_lent(lwt_uv *ctx, lua_State *L, lwt_uv_type type, int fd);

/* udp.c: push a udp that is closed until opened with a datagram socket, which it then owns;
** on failure (fd < 0 is one: a status) that is closed. */
lwt_uv_handle *lwt_uv_udp_new(lwt_uv *ctx, lua_State *L);
int lwt_uv_udp_opened(lua_State *L, lwt_uv_handle *h, int fd);
/* The open udp at 1, or raises; for udp_options.c, which adds its methods to the type. */
uv_udp_t *lwt_uv_udp_check(lwt_uv *ctx, lua_State *L);
void lwt_uv_udp_add_options(lwt_uv *ctx, lua_State *L);

/* The registration of each file: adds its functions to the table at the top. */
void lwt_uv_add_tcp(lwt_uv *ctx, lua_State *L);
void lwt_uv_add_pipe(lwt_uv *ctx, lua_State *L);
void lwt_uv_add_tty(lwt_uv *ctx, lua_State *L);
void lwt_uv_add_listener(lwt_uv *ctx, lua_State *L);
void lwt_uv_add_udp(lwt_uv *ctx, lua_State *L);
void lwt_uv_add_datagram(lwt_uv *ctx, lua_State *L);
void lwt_uv_add_dns(lwt_uv *ctx, lua_State *L);
void lwt_uv_add_poll(lwt_uv *ctx, lua_State *L);

/* A stream socket: a descriptor, or a negative status. */
int lwt_uv_socket(int domain);

#endif
