/* internal.h: what the files of src/uv share.
**
** One `lwt_uv` (the context) per Lua state, a userdata which is upvalue 1 of every
** C function of lwt.uv. It owns the loop, the list of open handles and the list of
** requests in flight, and is the last of our objects to be finalised: by then, or
** right there, everything on the loop is closed.
**
** A family is a folder (net, fs, channel, threads, process) with an entry,
** `lwt_uv_open_<family>`, which pushes its table of functions. A family includes what is in
** src/uv itself (the ground) and what is in its own folder, and calls nothing else; what one
** does for the others it puts into ctx->hook. scripts/layers.lua sees to it.
*/
#ifndef LWT_UV_INTERNAL_H
#define LWT_UV_INTERNAL_H

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <uv.h>

#include <lauxlib.h>
#include <lua.h>

#include "../lwt.h"
#include "port.h"

#if !defined(UV_VERSION_HEX) || UV_VERSION_HEX < 0x012C00
#error "lwt.uv needs libuv 1.44 or newer (found an older uv.h)"
#endif

/* ---- Types of userdata --------------------------------------------------- */

/* A number for each metatable, so that a check is one comparison. */
typedef enum lwt_uv_type {
  LWT_UV_TCP, /* the streams come first */
  LWT_UV_PIPE,
  LWT_UV_TTY,
  LWT_UV_LISTENER,
  LWT_UV_UDP,
  LWT_UV_POLL,
  LWT_UV_FILE,
  LWT_UV_DIR,
  LWT_UV_WATCH,
  LWT_UV_CHANNEL,
  LWT_UV_SERVER,
  LWT_UV_BYTES,
  LWT_UV_PROCESS,
  LWT_UV_SIGNAL,
  LWT_UV_NOTIFICATION,
  LWT_UV_WORKER,
  LWT_UV_THREAD_CHANNEL,
  LWT_UV_PORT,   /* io.make, of_bytes: ports that are nothing else */
  LWT_UV_CURSOR, /* a view of a channel or another helper object */
  LWT_UV_NTYPES
} lwt_uv_type;

typedef struct lwt_uv lwt_uv;
typedef struct lwt_uv_handle lwt_uv_handle;
typedef struct lwt_uv_req lwt_uv_req;

/* What is to be done once libuv's callbacks have returned (engine.c). */
typedef struct lwt_uv_after {
  void (*f)(struct lwt_uv_after *later);
  struct lwt_uv_after *next;
  int queued;
} lwt_uv_after;

typedef struct lwt_uv_typeinfo {
  const void *meta;                  /* lua_topointer of the metatable */
  int ref;                           /* the metatable in the registry */
  const char *name;                  /* "lwt.tcp" */
  int is_handle;                     /* its userdata is a lwt_uv_box */
  port *(*port)(void *userdata);     /* its port, or NULL when closed; or no function */
  int (*descriptor)(void *userdata); /* likewise, -1 when closed */
} lwt_uv_typeinfo;

/* Slots for what a family keeps per state. */
enum {
  LWT_UV_FNET,
  LWT_UV_FFS,
  LWT_UV_FIO,
  LWT_UV_FPROCESS,
  LWT_UV_FSIGNAL,
  LWT_UV_FJOB,
  LWT_UV_FTHREAD,
  LWT_UV_NFAMILIES
};

/* ---- The context --------------------------------------------------------- */

#define LWT_UV_SPARE 64

struct lwt_uv {
  lwt_api *lwt;    /* writable: this is where job_start and the like are filled in */
  uv_loop_t *loop; /* the one to use: `own`, or an adopted one; NULL: closed */
  uv_loop_t own;
  void *adopted;          /* engine.c: what watches a loop that is not ours, or NULL */
  int guest;              /* engine.c: who turns the loop just now */
  int closing;            /* the state is being closed: no Lua any more */
  int waiting;            /* pending operations of handles: LWT_WAITING */
  int working;            /* requests on the threadpool: LWT_WORKING */
  int unclosed;           /* handles between uv_close and their close callback */
  int ports;              /* what channels on descriptors have on the loop */
  unsigned turn;          /* counts the turns of the loop: for budgets of a turn */
  lwt_uv_handle *handles; /* open */
  lwt_uv_req *reqs;       /* in flight */
  lwt_uv_req *owed;       /* request.c: over, but not settled for want of memory */
  lwt_uv_after *later, **later_end; /* in order; the end's pointer */
  int done_ref;                     /* a fulfilled promise without values, shared */
  int nspare; /* request.c: places in the registry, to be used again */
  int spare[LWT_UV_SPARE];
  lwt_uv_typeinfo type[LWT_UV_NTYPES];
  void *family[LWT_UV_NFAMILIES]; /* whatever a family keeps per state */
  /* C only, after everything else is closed; the loop turns once more after it. */
  void (*family_close[LWT_UV_NFAMILIES])(lwt_uv *ctx);
  /* C only: ctx->loop is another one now (engine.adopt). What a family has on the old one
  ** without a lwt_uv_handle it closes, and opens anew. */
  void (*family_moved[LWT_UV_NFAMILIES])(lwt_uv *ctx);
  /* What a family does for the others, filled in when it opens; NULL: nothing. */
  struct {
    /* net: a descriptor has been closed; listeners that had none left may try again. */
    void (*descriptor_freed)(lwt_uv *ctx);
    /* channel: push a channel on the descriptor of the file `path`, which it owns from then
    ** on: 0, or a status with nothing pushed. May raise (memory). */
    int (*push_channel)(lwt_uv *ctx, lua_State *L, int fd, int sides, size_t size,
                        const char *path);
    /* threads: may other threads still have something for this state? */
    int (*awaits_threads)(lwt_uv *ctx);
    /* fs: is a sendfile to this descriptor under way? */
    int (*is_sending)(lwt_uv *ctx, int fd);
    /* net: one to the socket `fd`, of which `copy` is a duplicate, has failed. The system
    ** reports once that a connection is broken, and its reader is to hear of it too. */
    void (*send_failed)(lwt_uv *ctx, int fd, int copy, ssize_t status);
    /* process: resolve the promises of children that have ended, in a state whose loop
    ** may not turn for long. */
    void (*poll_children)(lwt_uv *ctx);
  } hook;
  struct lwt_uv_inbox *inbox; /* inbox.c; NULL: not asked for yet */
  int inbox_shut;             /* the state is ending: there is none any more */
  const atomic_int *stopping; /* a worker's state: is it to run no more Lua? Or NULL */
  int last; /* a port calls its channel, and has nothing left to do after it */
  void
      *arrival; /* net/socket_direct.c: the stream that the task resumed just now reads */
  struct {
    uv_buf_t buf;
    ssize_t n;
  } got;             /* net/socket_read.c: what was read, between two calls from libuv */
  char *scratch;     /* see below; NULL while it is taken */
  uv_timer_t *timer; /* engine.c: the nearest deadline */
  uv_async_t *async; /* engine.c: wake */
};

/* ---- A buffer to read into ------------------------------------------------ */

/* LWT_UV_SCRATCH bytes from malloc, kept from one use to the next. Code that reads into
** it and may run Lua before it has been emptied owns it meanwhile: it takes it, and then
** gives it back (or hands it on, or to `free`). A reader that comes meanwhile gets
** another one, so that nothing that runs in between can write into it. */
#define LWT_UV_SCRATCH 65536

/* NULL: no memory. */
static inline char *lwt_uv_scratch_take(lwt_uv *ctx) {
  char *buf = ctx->scratch;
  ctx->scratch = NULL;
  return buf != NULL ? buf : malloc(LWT_UV_SCRATCH);
}

static inline void lwt_uv_scratch_give(lwt_uv *ctx, char *buf) {
  if (ctx->scratch == NULL)
    ctx->scratch = buf;
  else
    free(buf);
}

/* The same buffer without taking it, for what is copied out of it before any Lua can run:
** into a string, say (a string is copied before its allocation runs finalizers). NULL: no
** memory. */
static inline char *lwt_uv_scratch_borrow(lwt_uv *ctx) {
  if (ctx->scratch == NULL) ctx->scratch = malloc(LWT_UV_SCRATCH);
  return ctx->scratch;
}

lwt_uv *lwt_uv_context_ended(lua_State *L); /* raises */

/* The context, in a C function of lwt.uv; raises when it has ended. */
static inline lwt_uv *lwt_uv_context(lua_State *L) {
  lwt_uv *ctx = (lwt_uv *)lua_touserdata(L, lua_upvalueindex(1));
  return ctx->loop != NULL ? ctx : lwt_uv_context_ended(L);
}

/* The context of a state, from anywhere on its thread; NULL when lwt.uv is not loaded. */
lwt_uv *lwt_uv_find_context(lua_State *L);
/* Is it the state's? Where `require "lwt.uv"` failed for want of memory and was called again, the
** context of the first attempt is not: it is collected while the other one is in use. */
int lwt_uv_is_current(const lwt_uv *ctx, lua_State *L);
/* Push the context's userdata (to be upvalue 1 of a closure). */
void lwt_uv_push_context(lwt_uv *ctx, lua_State *L);
/* Push a table of these functions, each with the context as upvalue 1. */
void lwt_uv_push_functions(lwt_uv *ctx, lua_State *L, const luaL_Reg *functions);
/* Make the metatable of `type`: __name, __index = a table of `methods`, and the
** `meta` functions (may be NULL). Pushes nothing. */
void lwt_uv_new_type(lwt_uv *ctx, lua_State *L, lwt_uv_type type, const char *name,
                     const luaL_Reg *methods, const luaL_Reg *meta);
/* Push a new userdata of `type`, zeroed. Its __gc may run on it from now on. */
void *lwt_uv_new_userdata(lwt_uv *ctx, lua_State *L, lwt_uv_type type, size_t size,
                          int nuservalues);
/* The userdata at `idx` if it is of `type`, else NULL. */
void *lwt_uv_test(lwt_uv *ctx, lua_State *L, int idx, lwt_uv_type type);
/* The same, or a raised argument error ("lwt.tcp expected, got nil"). */
void *lwt_uv_check(lwt_uv *ctx, lua_State *L, int idx, lwt_uv_type type);
/* The port of the userdata at `idx` (tcp, pipe, tty, file …), or NULL when it has
** none or is closed. Set `type[t].port` to take part. */
port *lwt_uv_to_port(lwt_uv *ctx, lua_State *L, int idx);
/* Refuse to start anything in a state that is being closed (raises). */
void lwt_uv_check_open(lwt_uv *ctx, lua_State *L);

/* The descriptor of the userdata at `idx`; -1 when it has none or is closed. Set
** `type[t].descriptor` to take part. */
int lwt_uv_descriptor_of(lwt_uv *ctx, lua_State *L, int idx);
/* A descriptor has been closed: see ctx->hook. */
void lwt_uv_descriptor_freed(lwt_uv *ctx);
/* This library stays, for a thread or a list of its own may outlive every state. */
void lwt_uv_pin_library(void);
/* The context of a new state, which is pushed; the loop has been started. Raises. */
lwt_uv *lwt_uv_new_context(lua_State *L);

/* ---- Numbers and options (options.c) ---------------------------------------- */

/* As those of lauxlib, but a string is no number. */
lua_Integer lwt_uv_check_integer(lua_State *L, int arg);
lua_Integer lwt_uv_opt_integer(lua_State *L, int arg, lua_Integer otherwise);
lua_Number lwt_uv_check_number(lua_State *L, int arg);

/* Refuse keys of the options table at `arg` (nil and none are fine) that are not in
** `names` (ends with NULL), by name, as an argument error. */
void lwt_uv_check_options(lua_State *L, int arg, const char *const names[]);
/* A boolean option `name` of the table at `arg`, or `otherwise`. */
int lwt_uv_option_flag(lua_State *L, int arg, const char *name, int otherwise);
/* An integer option within bounds, or `otherwise`. */
lua_Integer lwt_uv_option_number(lua_State *L, int arg, const char *name, lua_Integer low,
                                 lua_Integer high, lua_Integer otherwise);
/* An integer option without bounds, or `otherwise`. */
lua_Integer lwt_uv_option_integer(lua_State *L, int arg, const char *name,
                                  lua_Integer otherwise);
/* The option `buffer_size`, for channels; 0: none. */
#define LWT_UV_BUFFER_MIN 16
size_t lwt_uv_option_buffer_size(lua_State *L, int arg);
size_t lwt_uv_check_buffer_size(lua_State *L, int arg, lua_Integer n);

/* ---- Errors (error.c) ---------------------------------------------------- */

/* The only place where a libuv status becomes an error object. `what` may be NULL. */
void lwt_uv_push_error(lwt_uv *ctx, lua_State *L, ssize_t status, const char *op,
                       const char *what_key, const char *what);
/* Push a promise rejected with it, return 1: `return lwt_uv_reject(…)`. */
int lwt_uv_reject(lwt_uv *ctx, lua_State *L, ssize_t status, const char *op,
                  const char *what_key, const char *what);
/* Raise it: for functions that give no promise. */
int lwt_uv_raise(lwt_uv *ctx, lua_State *L, ssize_t status, const char *op,
                 const char *what_key, const char *what);
/* An operation on something closed, and what was pending when it was closed, is
** rejected with lwt.Closed: push such a promise, return 1. */
int lwt_uv_reject_closed(lwt_uv *ctx, lua_State *L);
/* What gives no promise raises "attempt to use a closed tcp". */
int lwt_uv_raise_closed(lua_State *L, const char *kind);

/* ---- Entering Lua -------------------------------------------------------- */

/* Every libuv callback that has something to tell goes through here. `f` runs on the
** main thread's stack, protected; nothing happens while the state is closed. */
int lwt_uv_enter(lwt_uv *ctx, void (*f)(lua_State *L, void *data), void *data);
/* The same, as the last thing that the callback does: tasks may run before it returns. */
int lwt_uv_enter_last(lwt_uv *ctx, void (*f)(lua_State *L, void *data), void *data);
/* The main thread, for C-only code that moves an anchor: with room for a few values. NULL when
** its stack cannot grow: functions that take an L that may be NULL say so. */
lua_State *lwt_uv_main(lwt_uv *ctx);
/* Push a fulfilled promise without values (one shared by all). */
void lwt_uv_push_done(lwt_uv *ctx, lua_State *L);

/* ---- A cancel that is due (due.c) ----------------------------------------- */

/* When lwt->cancel_due says so: push the promise of what `f`, the C function that is running,
** gives when it is called with the same arguments a turn of the loop later; return 1. */
int lwt_uv_later(lua_State *L, lua_CFunction f);

/* Whatever enters Lua may close the state (os.exit), which turns the loop until everything
** on it is closed. That would wait for ever for what libuv still has on its stack: the signal
** whose callback this is, and the results that came from the threadpool together with this
** one. So signals and what comes from the pool enter Lua by these: `later->f` is called when
** uv_run has returned (on an adopted loop: before and after its next poll). The callbacks of
** other handles may enter Lua themselves.
** Adding allocates nothing, and does nothing when it is queued already. It must be
** dropped before it is freed. */
void lwt_uv_after_add(lwt_uv *ctx, lwt_uv_after *later);
void lwt_uv_after_drop(lwt_uv *ctx, lwt_uv_after *later);
/* Do what is queued. */
void lwt_uv_after_run(lwt_uv *ctx);

/* ---- Handles (handle.c) -------------------------------------------------- */

/* The one life cycle. A handle is a userdata (`lwt_uv_box`, closed while `h` is NULL)
** and a block from malloc, whose first field is a lwt_uv_handle, which libuv owns from
** init until its close callback.
**
**   T *t = lwt_uv_handle_new(ctx, L, &class);          userdata pushed, block zeroed
**   status = uv_x_init(ctx->loop, &t->x);              (nothing may raise in between
**   status = lwt_uv_handle_opened(L, &t->h, &t->x, status);      these two lines)
**
** close(), <close>, __gc and the end of the state all end in lwt_uv_handle_close. */
typedef struct lwt_uv_box {
  lwt_uv_handle *h;
  const lwt_uv_typeinfo *type; /* in ctx->type: what a quick check looks at */
} lwt_uv_box;

/* The type of the handle at `idx`, by what only our boxes hold; NULL for anything else. */
static inline const lwt_uv_typeinfo *lwt_uv_box_type(const lwt_uv *ctx, lua_State *L,
                                                     int idx, const lwt_uv_box *box) {
  if (box == NULL || lua_rawlen(L, idx) != sizeof *box || box->type < ctx->type ||
      box->type >= ctx->type + LWT_UV_NTYPES)
    return NULL;
  return box->type;
}

typedef struct lwt_uv_class {
  lwt_uv_type type;
  const char *kind; /* "tcp": for lwt.debug and messages */
  size_t size;      /* of the block */
  int nuservalues;  /* of the userdata: pending promises live there */
  /* The userdata is at the top of the stack: reject what is pending (with lwt.Closed).
  ** The handle is closing already; its block stays until this returns. Not called when
  ** the state is being closed or from __gc. May be NULL. */
  void (*stop)(lua_State *L, lwt_uv_handle *h);
  /* C only: the block is about to be freed. May be NULL. */
  void (*release)(lwt_uv_handle *h);
  /* C only, on every path: uv_close was just called (a descriptor that libuv does not
  ** close is closed here). May be NULL. */
  void (*closing)(lwt_uv_handle *h);
} lwt_uv_class;

struct lwt_uv_handle {
  lwt_uv *ctx;
  const lwt_uv_class *class;
  lwt_uv_handle *next, *prev; /* in ctx->handles */
  lwt_uv_box *box;            /* NULL: closed; the userdata may be gone */
  uv_handle_t *uv;            /* inside the block; NULL before opened */
  int ref;              /* slot in the registry: false, or the userdata while anchored */
  int pending;          /* pending operations: anchored while not 0 */
  unsigned users;       /* of the block, beside libuv */
  unsigned char closed; /* the close callback has been */
};

void *lwt_uv_handle_new(lwt_uv *ctx, lua_State *L, const lwt_uv_class *class);
/* After uv_…_init gave `status`: returns it. On failure the userdata (top of the stack)
** is closed and the block freed. `uv->data` is set to the block. Never raises. */
int lwt_uv_handle_opened(lua_State *L, lwt_uv_handle *h, void *uv, int status);
/* Close it, whatever it is in the middle of; nothing when it is closed already. L may
** be NULL: no Lua is touched. `quiet`: do not reject what is pending. */
void lwt_uv_handle_close(lua_State *L, lwt_uv_box *box, int quiet);
/* The block stays between these, also when the handle is closed meanwhile. C only. */
void lwt_uv_handle_keep(lwt_uv_handle *h);
void lwt_uv_handle_let_go(lwt_uv_handle *h);
/* The block of the userdata at `idx`, of this type; NULL when it is closed. Raises an
** argument error for anything else. */
void *lwt_uv_handle_check(lwt_uv *ctx, lua_State *L, int idx, lwt_uv_type type);
/* An operation begins (the userdata is at `idx`) or has ended: the handle is anchored
** between. Neither raises nor allocates. Without an L the anchor stays a while longer. */
void lwt_uv_handle_hold(lua_State *L, lwt_uv_handle *h, int idx);
void lwt_uv_handle_drop(lua_State *L, lwt_uv_handle *h);
/* In a callback: push the userdata of an anchored handle. */
void lwt_uv_handle_push(lua_State *L, lwt_uv_handle *h);
/* lwt_uv_new_type for handles: adds __gc, __close, __tostring, and the method close(),
** which gives a promise. */
void lwt_uv_new_handle_type(lwt_uv *ctx, lua_State *L, lwt_uv_type type, const char *name,
                            const luaL_Reg *methods);

/* ---- Requests (request.c) ------------------------------------------------ */

/* One operation of libuv that ends in one callback: fs, dns, work, connect, send. The
** request is a userdata without metatable, anchored while in flight. User value 1 is the
** promise, 2 is `what` (a path, an address: a string, for the error), from 3 on the
** family's own.
**
**   T *r = lwt_uv_req_new(ctx, L, &class, sizeof *r, offsetof(T, fs), path_index, 0);
**     pushes the request, then the promise; nothing may raise from here …
**   status = uv_fs_open(ctx->loop, &r->fs, …, on_done);
**   return lwt_uv_req_started(L, &r->req, status);    … to here
**
**   static void on_done(uv_fs_t *fs) { lwt_uv_req_done(fs->data, fs->result); }
*/
typedef struct lwt_uv_req_class {
  const char *op;       /* `op` of the error object */
  const char *what_key; /* "path", "address" or NULL */
  int pooled;           /* on the threadpool, or on a thread of ours: LWT_WORKING */
  /* Only when status >= 0 and the promise is still pending: push results, return their
  ** number; or return a negative status. May raise: the promise is rejected with that.
  ** NULL: no values. */
  int (*result)(lua_State *L, lwt_uv_req *r);
  /* C only, exactly once, last, also when start failed: clean up (uv_fs_req_cleanup,
  ** close a descriptor that was not delivered: `r->taken` is 0). NULL: nothing. */
  void (*release)(lwt_uv_req *r);
  /* When the promise is cancelled, and at the end of the state: stop it, where that can be
  ** done (uv_cancel says EBUSY once a thread has it: its result is thrown away). C only. A request
  ** that libuv does not have (a queue of your own) must be ended here, with lwt_uv_req_done.
  ** NULL: it goes on. */
  void (*cancel)(lwt_uv_req *r);
} lwt_uv_req_class;

struct lwt_uv_req {
  lwt_uv *ctx;
  const lwt_uv_req_class *class;
  lwt_uv_req *next, **before; /* in ctx->reqs: what points to it */
  uv_req_t *uv;
  int ref; /* the anchor */
  ssize_t status;
  lwt_uv_after later;
  unsigned char cancelled; /* its result is dropped */
  unsigned char over;      /* its promise is being settled, or could not be settled yet */
  unsigned char taken;     /* `result` returned, and its values were delivered */
};

/* `uv_offset`: offsetof the uv_..._t in T; its `data` is set to the request. `what` is
** the stack index of a string for user value 2, or 0. `own`: user values from 3 on. */
void *lwt_uv_req_new(lwt_uv *ctx, lua_State *L, const lwt_uv_req_class *class,
                     size_t size, size_t uv_offset, int what, int own);
/* The request is at the top but one, its promise at the top. Returns 1 with the promise
** at the top: on failure (status < 0) a rejected one. */
int lwt_uv_req_started(lua_State *L, lwt_uv_req *r, ssize_t status);
/* From the callback: settles the promise, releases the request. Do not touch it after. */
void lwt_uv_req_done(lwt_uv_req *r, ssize_t status);
/* The same, for callbacks of the threadpool: when they have returned (see lwt_uv_after). */
void lwt_uv_req_done_later(lwt_uv_req *r, ssize_t status);
/* The end of the state: withdraw them all. C only. */
void lwt_uv_reqs_cancel(lwt_uv *ctx);
/* Reject its promise with the error at the top (popped); the request itself goes on until
** its callback, and its result is dropped. Nothing when the promise is resolved
** already. */
void lwt_uv_req_abandon(lua_State *L, lwt_uv_req *r);
/* Settle those that are over and that could not be settled then. */
void lwt_uv_req_pay(lwt_uv *ctx);
/* Push the request's userdata (to reach its user values), while in flight. */
void lwt_uv_req_push(lua_State *L, lwt_uv_req *r);

/* ---- libuv's threadpool (threadpool.c) ------------------------------------- */

#define POOL_MAX 1024
int lwt_uv_pool_size(void);
/* uv_queue_work, which fails where the pool's threads cannot be made. */
int lwt_uv_pool_work(lwt_uv *ctx, uv_work_t *work, uv_work_cb f, uv_after_work_cb done);

/* ---- Waiters (waiters.c) ------------------------------------------------- */

/* A queue of pending promises in one user value of a userdata: readers, acceptors … in
** the order they came. One waiter costs nothing but the user value; more make a ring.
** Cancelled ones are passed over. Each may carry a number (the bytes it wants). */
typedef struct lwt_uv_waiters {
  int slot;         /* the user value */
  int n;            /* still counted: live ones and dead ones not yet passed over */
  int size, first;  /* of the ring (a power of two), and in it; 0: there is none */
  int dead;         /* cancelled, still in the ring */
  int anchored;     /* its handle is held for it: lwt_uv_waiters_anchor */
  unsigned changes; /* counts what leaves: is the first one still the first? */
  lua_Integer want; /* of the first one */
} lwt_uv_waiters;

/* A queue without waiters, in that user value. */
void lwt_uv_waiters_init(lwt_uv_waiters *w, int slot);
/* Append the promise at the top of the stack (it stays there) to the queue of the
** userdata at `idx` (absolute). May raise (memory), and then has changed nothing. */
void lwt_uv_waiters_push(lwt_uv *ctx, lua_State *L, lwt_uv_waiters *w, int idx,
                         lua_Integer want);
/* Push a new promise that waits in the queue of the open handle at `idx` (absolute), and
** return 1; rejected when the handle was closed while that was made. May raise (memory). */
int lwt_uv_waiters_wait(lua_State *L, lwt_uv_waiters *w, lwt_uv_handle *h, int idx,
                        lua_Integer want, lwt_cancel_fn cancel);
/* Push the first live promise, what it wants in `w->want` (returns 1), or push nothing
** (0). `idx` is absolute. Never raises. */
int lwt_uv_waiters_front(lwt_uv *ctx, lua_State *L, lwt_uv_waiters *w, int idx);
/* Take out the one that front pushed, just before. */
void lwt_uv_waiters_take(lua_State *L, lwt_uv_waiters *w, int idx);
/* Both in one. */
int lwt_uv_waiters_pop(lwt_uv *ctx, lua_State *L, lwt_uv_waiters *w, int idx);
/* From a promise's cancel function: drop the cancelled waiters. */
void lwt_uv_waiters_cancelled(lwt_uv *ctx, lua_State *L, lwt_uv_waiters *w, int idx);
/* The whole of such a function, where the handle has one queue. */
void lwt_uv_waiters_withdraw(lua_State *L, lwt_uv_waiters *w, lwt_uv_handle *h);
/* Hold the handle (userdata at `idx`) while the queue is not empty: to be called after
** each change of it. */
void lwt_uv_waiters_anchor(lua_State *L, lwt_uv_waiters *w, lwt_uv_handle *h, int idx);
/* Reject all, with the error at the top (popped): for a class's `stop`. */
void lwt_uv_waiters_reject(lwt_uv *ctx, lua_State *L, lwt_uv_waiters *w, int idx);
/* Reject all who wait for the handle with an error that needs no memory, when there is none. */
void lwt_uv_waiters_fail(lua_State *L, lwt_uv_waiters *w, lwt_uv_handle *h);

/* ---- Families ------------------------------------------------------------ */

/* Each pushes its table of functions. */
void lwt_uv_open_engine(lwt_uv *ctx, lua_State *L);
void lwt_uv_open_net(lwt_uv *ctx, lua_State *L);
void lwt_uv_open_fs(lwt_uv *ctx, lua_State *L);
void lwt_uv_open_io(lwt_uv *ctx, lua_State *L);
void lwt_uv_open_process(lwt_uv *ctx, lua_State *L);
void lwt_uv_open_signal(lwt_uv *ctx, lua_State *L);
void lwt_uv_open_interrupt(lwt_uv *ctx, lua_State *L);
void lwt_uv_open_bytes(lwt_uv *ctx, lua_State *L);
void lwt_uv_open_job(lwt_uv *ctx, lua_State *L);
void lwt_uv_open_thread(lwt_uv *ctx, lua_State *L);

/* engine.c, for context.c: start (raises) and end (C only) of the context's loop. */
void lwt_uv_engine_start(lwt_uv *ctx, lua_State *L);
void lwt_uv_engine_close(lwt_uv *ctx, int current);
/* engine.c, for process/signal.c. */
void lwt_uv_ignore_sigpipe(void);

#endif
