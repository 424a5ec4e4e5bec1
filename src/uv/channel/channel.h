/* channel.h: what the files of buffered channels share (this folder).
**
** A channel reads and writes one port through a buffer for each direction. What Lua holds
** is a view of it: the first view, and a temporary one for each `atomic`. Every view has
** a queue of waiting operations for each direction; the operation at the head of the
** innermost queue is the one that runs. An `atomic` that has its turn stays at the head
** of its queue until it is over, and lends its turn to its temporary view.
**
** An operation is tried at once when nothing is before it, and costs nothing then. One
** that has to wait is an `op` in the queue, with its promise in a table (the pending
** table), under the op's address; the channel's userdata is anchored in the registry.
**
** Memory: the channel is counted (views, callbacks to come); its last user frees it.
*/
#ifndef LWT_UV_CHANNEL_H
#define LWT_UV_CHANNEL_H

#include "../internal.h"

#define CHANNEL_BUFFER 65536       /* unless told otherwise */
#define CHANNEL_FILE_BUFFER 262144 /* for writing to files */
/* What a buffer starts with; it grows when it is of use. Of output, because thousands of
** channels may have some at once, until the loop flushes them. */
#define CHANNEL_FIRST 4096
#define CHANNEL_FIRST_OUT 512
#define CHANNEL_SPARES 16 /* first buffers of input that a state keeps for the next */
#define CHANNEL_READ_MAX (1u << 20) /* asked of a port at once */
/* Reads that may be answered at once in a row before the others get a turn. */
#define CHANNEL_BUDGET 64

enum { READING, WRITING };

typedef enum op_kind {
  OP_CHAR,
  OP_LINE,
  OP_ALL,
  OP_SOME,    /* at most n bytes */
  OP_EXACTLY, /* n bytes */
  OP_INTO,    /* at most n bytes, into an lwt.bytes */
  OP_UNTIL,   /* up to a delimiter */
  OP_NUMBER,  /* of n bytes, as `tag` says */
  OP_UNPACK,
  OP_FILL,  /* direct access: one more read */
  OP_WRITE, /* from here on: operations of the writing side */
  OP_FLUSH,
  OP_DRAIN, /* direct access: one write */
  OP_RESIZE,
  OP_SHUT, /* close("write") */
  OP_CLOSE,
  OP_ATOMIC, /* of either or both */
  OP_SEEK
} op_kind;

typedef struct channel channel;
typedef struct view view;

/* How far a format of string.unpack has been looked through, so that no byte is looked at
** twice. */
typedef struct unpack_scan {
  size_t fmt, at;  /* in the format, and in the bytes */
  size_t searched; /* bytes without the '\0' that is looked for */
  size_t align;    /* the most that `!` allows; 0: not begun */
  int little;
} unpack_scan;

typedef struct op {
  struct op *next[2], *prev[2];
  view *view;
  op_kind kind;
  unsigned char sides;    /* the queues it stands in: bit 1 reading, bit 2 writing */
  unsigned char granted;  /* OP_ATOMIC: has its turn */
  unsigned char begun;    /* OP_WRITE: some of it is on its way */
  unsigned char dead;     /* cancelled, but has to be brought to its end */
  unsigned char slot;     /* user value of the promise; 0: it is in the pending table */
  unsigned char kept;     /* so is a value that it needs */
  unsigned char viewed;   /* so is its temporary view */
  unsigned char retried;  /* has tried again what a flush before it could not write */
  unsigned char busy;     /* is being tried just now: freed after that */
  unsigned char over;     /* … because it was settled or cancelled meanwhile */
  char tag;               /* OP_NUMBER: type and byte order */
  size_t n;               /* how many bytes */
  size_t done;            /* bytes of it that are written, or searched in vain */
  const char *data;       /* what to write, or the delimiter, or the format */
  size_t len;             /* of the delimiter or the format; OP_INTO: the offset */
  size_t max;             /* reading: the most it may take; 0: as the channel says */
  unpack_scan scan;       /* OP_UNPACK */
  int64_t pos;            /* OP_SEEK */
  view *inner;            /* OP_ATOMIC */
  struct op *owed;        /* in the channel's list of ops still to be settled */
  struct lwt_uv_mem *mem; /* of `data`, or to read into: pinned while it waits */
} op;

typedef struct op_queue {
  op *first, *last;
} op_queue;

/* What Lua holds: the userdata. */
struct view {
  const void *magic; /* what it is: lwt_uv_channel_magic, which costs less to look at than
                     ** a metatable */
  channel *ch;       /* NULL: a temporary channel whose atomic is over */
  op *lock;          /* the atomic it belongs to; NULL for the first view */
  op_queue q[2];
};

/* Input: buf[head, tail) is unread. */
typedef struct channel_in {
  char *buf;
  size_t head, tail, cap;
  size_t next;           /* what the next buffer begins with; 0: not known yet */
  size_t size;           /* the nominal size; cap passes it for long lines only */
  size_t limit;          /* how long a line, or the like, may be */
  unsigned char pending; /* a read of the port is under way */
  unsigned char full;    /* the last read filled all there was */
  unsigned char eof; /* the last read met the end; only for the operation that asked */
  unsigned char closed;
  unsigned char yielded; /* waits for a turn of the loop, not for the port */
  unsigned burst;        /* reads answered at once in turn `turn` */
  unsigned turn;
  int error; /* of the last read, for the operation that asked */
} channel_in;

/* Output: buf[off, len) is waiting; fly[fly_off, fly_len) is with the port, and older. */
typedef struct channel_out {
  char *buf, *fly;
  size_t off, len, cap;
  size_t fly_off, fly_len, fly_cap;
  size_t next; /* what the next buffer begins with; 0: not known yet */
  size_t size;
  op *fly_op;            /* whose data is with the port, behind `fly` */
  unsigned char pending; /* a write of the port is under way */
  unsigned char closing; /* close was called: no new operations */
  unsigned char closed;
  unsigned char shut; /* the port has closed this direction */
  int shut_status;
  unsigned char told; /* an operation has failed with `error` */
  int error;          /* what the last write met */
} channel_out;

struct channel {
  lwt_uv *ctx;
  port *port;
  void (*let_go)(port *p); /* NULL, or called when the port has closed: port.h */
  view *first;             /* NULL: collected */
  size_t refs;
  unsigned char sides;  /* CAN_READ | CAN_WRITE */
  unsigned char made;   /* its port is Lua functions, and there as long as the channel */
  unsigned char shared; /* one position for both: one queue */
  unsigned char anchored;  /* the registry's slot `ref` holds the first view */
  unsigned char listed;    /* the core was told of it: handle_opened */
  unsigned char closed;    /* no operation any more */
  unsigned char port_gone; /* port->close has been called for all */
  unsigned char ended;     /* … and has called back */
  unsigned char close_canceled;
  unsigned char torn;          /* closed with something unwritten, which is thrown away */
  unsigned char timed_out;     /* it was closed at a deadline */
  unsigned char aborting;      /* abort as soon as Lua may run: close was cancelled */
  unsigned char slots;         /* of UV_READER and UV_WRITER, which are in use */
  unsigned char finishing;     /* inside port->close */
  unsigned char left_write;    /* lwt_uv_channel_leave_write was here */
  unsigned char idle_to_flush; /* and for nothing else */
  int end_status;
  /* Grows with each read, and each change in the order of readers: where it is the same
  ** before and after an allocation, no finalizer has changed anything. */
  unsigned changes;
  op *hurt;     /* is being tried without a protected call: has raised, when it stays */
  int ref;      /* slot in the registry: false, or the first view */
  size_t ops;   /* waiting */
  op *owing;    /* settled, but resolving the promise has raised */
  op *close_op; /* waits for the end of the port */
  struct lwt_uv_mem *left; /* the bytes of a write that goes on, pinned */
  channel_in in;
  channel_out out;
  channel *idle_next, **idle_at; /* in the state's list; at NULL: not in it */
  channel *next, *prev;          /* all channels of this state, for flush_all */
  const char *what_key;          /* for error objects: "path", "address" */
  char *what;
};

/* tap.c: what has been written to descriptors that are tapped. */
typedef struct channel_tap {
  lwt_idle idle;
  char *buf;
  size_t len, cap;
  int f; /* registry reference of what is told */
} channel_tap;

/* Per state (ctx->family[LWT_UV_FIO]). */
typedef struct channel_state {
  lwt_uv *ctx;
  lwt_idle idle;                    /* one for all channels */
  channel *idle_first, **idle_last; /* those to be served by the idle hook */
  size_t idle_count;
  channel *current;    /* the one whose turn in the idle hook has raised */
  lwt_idle ports_idle; /* the same for the ports of io.make (port_lua.c) */
  struct port_lua *ports, **ports_last;
  size_t ports_count;
  channel_tap tap;
  int no_memory; /* registry reference of what want of memory raises */
  int pending;   /* registry reference of the pending table */
  channel *channels;
  op *spare;                           /* used ops */
  char *small[CHANNEL_SPARES], *large; /* buffers that nobody uses just now: buffer.c */
  unsigned nsmall;
  size_t large_cap;
  int unpack, pack; /* registry references of string.unpack and string.pack */
  int at_exit;      /* registry reference of what registers the flush at exit */
  unsigned char exit_hooked;
  size_t default_size;
} channel_state;

#define channel_state_of(ctx) ((channel_state *)(ctx)->family[LWT_UV_FIO])

/* User values of the first view. */
#define UV_OWNER 1 /* what must live as long as the port */
#define UV_CLOSE 2 /* the promise of close */
#define UV_LE 3    /* the le and be views */
#define UV_BE 4
#define UV_READER 5 /* promises of operations that wait alone */
#define UV_WRITER 6
#define CHANNEL_UV 6
/* Of a temporary one: the first view, and the function's place is the same. */

/* Results of an attempt: values pushed (0 …), or: */
#define AGAIN (-1)  /* has to wait */
#define FAILED (-2) /* the error is pushed */
#define GONE (-3) /* lwt_uv_channel_attempt: settled or cancelled meanwhile, and freed */

/* ---- channel.c -------------------------------------------------------------- */

#define lwt_uv_channel_magic ((const void *)lwt_uv_channel_meta)

/* Push a new channel, closed until it is attached to a port, whose `owner` is at this
** stack index (0: none). `size`: of the buffers, 0 for the default. May raise (memory).
** */
channel *lwt_uv_channel_new(lwt_uv *ctx, lua_State *L, int owner, size_t size);
/* The port belongs to the channel from here on. Never raises. */
const char *lwt_uv_channel_why(const channel *ch);
/* The channel at 1 is closed: push a rejected promise. */
int lwt_uv_channel_reject_closed(lua_State *L);
void lwt_uv_channel_attach(channel *ch, port *p, int sides);
/* Have the channel looked after when the loop has nothing else to do (it is anchored till
** then, or stopped by __gc). Allocates nothing. */
void lwt_uv_channel_idle_start(channel *ch);
void lwt_uv_channel_enter(channel *ch, void (*f)(lua_State *L, void *data));
void lwt_uv_channel_idle_stop(channel *ch);
void lwt_uv_channel_on_idle(lua_State *L, void *state);
/* Forget the ops in the queues of a channel that Lua cannot reach any more. C only. */
void lwt_uv_channel_drop_ops(channel *ch, view *v);
void lwt_uv_channel_leave_write(lua_State *L, channel *ch);
/* What error objects of this channel show: "path", "/etc/passwd". */
void lwt_uv_channel_name(channel *ch, const char *what_key, const char *what);
/* Channel functions begin with this: the view at argument 1, open for `side`, or a
** raised argument error. *closed is set when it is closed: reject with lwt.Closed. */
view *lwt_uv_channel_check(lwt_uv *ctx, lua_State *L, int side, int *closed);
view *lwt_uv_channel_view(lwt_uv *ctx, lua_State *L, int arg);
/* The same for one whose atomic may be over: its `ch` is NULL then. */
view *lwt_uv_channel_any(lwt_uv *ctx, lua_State *L, int arg);
/* Run `proto` now or put it in the queue. Returns the promise (returns 1). The view is
** argument 1; `keep` is the stack index of a value that must live as long (0: none). */
int lwt_uv_channel_run(lua_State *L, view *v, op *proto, int keep);
/* The same without a promise where it is done at once: returns the number of values, or
** AGAIN with the promise pushed. Raises what it fails with. */
int lwt_uv_channel_run_direct(lua_State *L, view *v, op *proto, int keep);
/* Would an operation of this view run at once? */
int lwt_uv_channel_is_free(const view *v, int sides);
/* queue.c: the parts of running. */
void lwt_uv_channel_anchor(lua_State *L, channel *ch, int idx);
/* The queues that an operation of this kind stands in. */
unsigned char lwt_uv_channel_sides(const channel *ch, op_kind kind);
op *lwt_uv_channel_enqueue(lua_State *L, view *v, const op *proto, int keep);
/* Try an op of the queue. Not freed meanwhile, whatever a finalizer does to it. */
int lwt_uv_channel_attempt(lua_State *L, op *o);
/* The attempt is over: 0 when the op is, too; it has been freed then. */
int lwt_uv_channel_attempted(channel *ch, op *o);
void lwt_uv_channel_settle(lua_State *L, channel *ch, op *o, int n);
/* Reject the promises whose settling has raised: the channel is at the top. */
void lwt_uv_channel_pay(lua_State *L, channel *ch);
op *lwt_uv_channel_turn(const channel *ch, int side);
int lwt_uv_channel_has_writes(const channel *ch);
/* Push the first view of an anchored channel (returns 1), or nothing (0). */
int lwt_uv_channel_push(lua_State *L, channel *ch);
/* Let it be collected, if nothing is under way. */
void lwt_uv_channel_unanchor(lua_State *L, channel *ch);
/* Take back the read that the port has, if any: its bytes are the next read's. C only. */
void lwt_uv_channel_stop_reading(channel *ch);
/* Let the waiting operations go on. The channel is anchored. */
void lwt_uv_channel_pump(lua_State *L, channel *ch);
/* The same for lwt_uv_enter, with the channel as data. */
void lwt_uv_channel_ready(lua_State *L, void *data);
/* Have the buffer flushed when the loop has nothing else to do. Never raises; may run
** Lua code. */
void lwt_uv_channel_flush_soon(lua_State *L, channel *ch, int idx);
#define lwt_uv_channel_will_flush(ch) \
  ((ch)->idle_at != NULL && channel_state_of((ch)->ctx)->exit_hooked)
/* Push the error object for a status of the port. */
void lwt_uv_channel_push_error(lua_State *L, channel *ch, int status, int writing);
/* Callbacks of the port. */
void lwt_uv_channel_on_read(port *p, void *data, ssize_t status);
void lwt_uv_channel_on_write(port *p, void *data, ssize_t status);
/* The function given to `atomic` is done: its temporary channel ends. */
void lwt_uv_channel_release(lua_State *L, view *inner);

/* ---- close.c -------------------------------------------------------- */

/* Close at once, rejecting all that waits with lwt.Closed. */
void lwt_uv_channel_abort(lua_State *L, channel *ch);
int lwt_uv_channel_try_close(lua_State *L, channel *ch, op *o);
void lwt_uv_channel_close_is_over(lua_State *L, channel *ch);
int lwt_uv_channel_try_shut(lua_State *L, channel *ch, op *o);
extern const luaL_Reg lwt_uv_channel_closing[];
extern const luaL_Reg lwt_uv_channel_meta[];

/* ---- read.c, write.c, number.c ---------------------- */

int lwt_uv_channel_try_read(lua_State *L, channel *ch, op *o);
int lwt_uv_channel_try_write(lua_State *L, channel *ch, op *o);
/* Bytes that OP_UNPACK needs as far as can be seen: with `n` bytes at `data`. Returns 0
** when they are all there (*need of them), 1 when not, -1 for more than there can be. The
** format must be right. `s`, all zero at first, remembers how far it came. */
int lwt_uv_channel_unpack_need(unpack_scan *s, const char *fmt, const char *data,
                               size_t n, size_t *need);
void lwt_uv_channel_push_number(lua_State *L, const char *data, char tag, size_t n);
/* The optional argument `max` of a read: 0 when it is left out. */
size_t lwt_uv_channel_check_max(lua_State *L, int arg);
/* The bytes have changed: what an op has searched in vain, it searches again. C only. */
void lwt_uv_channel_search_anew(op *o);
/* fill.c. Get more: 1 when something has come (bytes, the end, an error), 0 when
** that takes time. C only. */
int lwt_uv_channel_refill(channel *ch, size_t want);
/* buffer.c. Memory for a buffer of `cap` bytes, in place of `buf` where that is not NULL. */
char *lwt_uv_channel_buffer(channel *ch, char *buf, size_t cap);
/* Another buffer for the input, of `cap` bytes, with what is unread at its beginning. 0:
** there is no memory, and nothing has changed. */
int lwt_uv_channel_larger_input(channel *ch, size_t cap);
/* Let go of a buffer: of the input where that is empty and not lent to the port, of the
** output, of what was with the port. */
void lwt_uv_channel_give_input(channel *ch);
void lwt_uv_channel_give_output(channel *ch);
void lwt_uv_channel_give_flown(channel *ch);
void lwt_uv_channel_free_spares(channel_state *st);
/* `n` bytes of the input have gone to somebody. C only. */
static inline void lwt_uv_channel_taken(channel *ch, size_t n) {
  ch->in.head += n;
  if (ch->in.head == ch->in.tail) lwt_uv_channel_give_input(ch);
}
/* 1: copied into the output buffer; 0 when it does not fit, or UV_ENOMEM. */
int lwt_uv_channel_put(channel *ch, const char *data, size_t n);
/* The way that nearly every write goes: 1, with its promise pushed, when no operation
** waits and it fits into the buffer; else 0. `tail` is one more byte, or '\0' for
** none. */
int lwt_uv_channel_write_quickly(lua_State *L, view *v, const char *s, size_t n,
                                 char tail);
/* Whether an error of the port may be over at the next try (a full disk), or never (a
** broken pipe). */
int lwt_uv_channel_retries(const channel *ch);
/* A write has failed that no operation waits for: the next one reports it. */
void lwt_uv_channel_untold(channel *ch, int status);
/* Write what is buffered, without waiting, where the port is a descriptor and no writer
** waits. C only. */
void lwt_uv_channel_flush_now(channel *ch);
/* At the end of the state: write what can be written without waiting. C only. */
void lwt_uv_channel_last_words(channel *ch);
/* The port has taken `n` bytes: of `fly` and the buffer, then of the op's own. */
void lwt_uv_channel_wrote(channel *ch, op *o, size_t n);
/* Start writing what is buffered. 1: under way, 0: all is written, or a status. `o` (may
** be NULL) is the operation whose own data follows. */
int lwt_uv_channel_push_out(channel *ch, op *o);

extern const luaL_Reg lwt_uv_channel_reading[];
extern const luaL_Reg lwt_uv_channel_writing[];

/* exchange.c: two channels exchange what they read from and write to. */
int lwt_uv_channel_l_exchange(lua_State *L);

/* seek.c */
int lwt_uv_channel_try_seek(lua_State *L, channel *ch, op *o);
extern const luaL_Reg lwt_uv_channel_seeking[];
/* Push lines(), and the number functions of one byte order (as a table) or, with
** `views`, the metatable of le and be views. */
void lwt_uv_channel_push_lines(lwt_uv *ctx, lua_State *L);
void lwt_uv_channel_push_numbers(lwt_uv *ctx, lua_State *L, int big);
int lwt_uv_channel_push_order(lwt_uv *ctx, lua_State *L, int big);

/* ---- Ports ------------------------------------------------------------------ */

/* port_fd.c: a port on a descriptor of any kind (malloc'd), or NULL and *status. `own`:
** closed with the port. A descriptor that is ours alone may be set non-blocking. */
port *lwt_uv_port_fd(lwt_uv *ctx, int fd, int own, int *status);
/* Write without waiting for the loop, at the end of the state. */
ssize_t lwt_uv_port_fd_write_now(port *p, const char *data, size_t n);
int lwt_uv_port_is_fd(const port *p);
/* The descriptor that such a port was made of. */
int lwt_uv_port_fd_fileno(const port *p);
/* Whether its writes go to the tap. */
void lwt_uv_port_fd_tap(port *p, int on);

/* tap.c: keeps the bytes: how many, or UV_ENOMEM. */
ssize_t lwt_uv_tap_take(lwt_uv *ctx, const uv_buf_t *bufs, unsigned nbufs);
void lwt_uv_tap_open(lwt_uv *ctx);
void lwt_uv_tap_close(lwt_uv *ctx);
extern const luaL_Reg lwt_uv_tap_functions[];

/* port_mem.c: a port on memory that the owner holds, or that `mem` pins (may be NULL). */
port *lwt_uv_port_mem(char *data, size_t size, struct lwt_uv_mem *mem);

/* port_lua.c: userdata. */
int lwt_uv_port_lua_new(lua_State *L);
void lwt_uv_port_lua_open(lwt_uv *ctx, lua_State *L);
void lwt_uv_port_lua_close(lwt_uv *ctx);
/* Is it asked for the end of writing alone? */
int lwt_uv_port_lua_shuts(const port *p);
extern const port_class lwt_uv_port_lua_class;
#define PORT_LUA_ERROR (-99999) /* status: the error is a Lua value */
/* Forget what was read and not taken, also what is still to come. C only. */
void lwt_uv_port_lua_drop(port *p);
void lwt_uv_port_lua_forget(port *p);
/* Push the error behind that status. */
void lwt_uv_port_lua_push_error(lua_State *L, port *p, int writing);

#endif
