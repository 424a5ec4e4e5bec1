/* threads.h: what the files with more than one thread share (this folder,
** and inbox.c). Everything else in lwt belongs to the thread that runs its Lua state.
**
** What crosses threads is malloc'd and counted, never a Lua object: messages (values
** on their way), posts (things for another state's loop to do), inboxes (where posts
** are put), channels, and pools. A Lua state is touched by one thread only: its own.
*/
#ifndef LWT_UV_THREAD_H
#define LWT_UV_THREAD_H

#include <stdatomic.h>
#include <stddef.h>

#include "../inbox.h"
#include "../internal.h"

/* ---- Messages (pack.c, message.c, unpack.c) ---------------------------------- */

/* Lua values, copied out of their state. Movable; may be freed on any thread. */
typedef struct lwt_uv_message lwt_uv_message;

/* Pack the `n` values from stack index `first` on. What cannot be sent is refused by a
** raised error: "cannot send a coroutine (argument 1, field "a.b")", where `what` is the
** word for a value ("argument") and `base` is subtracted from its number: number 0 is
** called "function". Buffers are moved. NULL when malloc fails. Pushes one value: nil, or
** a receipt, without which nothing can be undone. */
lwt_uv_message *lwt_uv_pack(lua_State *L, int first, int n, const char *what, int base);
/* In the state that packed it: the message has not arrived and never will. With the receipt
** at `idx` (or nil), buffers go back to where they came from. */
void lwt_uv_undo(lua_State *L, int idx, lwt_uv_message *message);
int lwt_uv_receipt_gc(lua_State *L);
/* Push the values, return how many. Raises when memory is short or something that was
** sent by name is not here. Leaves an empty message, which must still be freed. */
int lwt_uv_unpack(lua_State *L, lwt_uv_message *message);
/* The same in two steps: until `end`, or when `begin` has raised, `undo` puts what was taken
** back, and the message is as it was. Neither of them raises. */
int lwt_uv_unpack_begin(lua_State *L, lwt_uv_message *message);
void lwt_uv_unpack_end(lwt_uv_message *message);
void lwt_uv_unpack_undo(lwt_uv_message *message);
void lwt_uv_message_free(lwt_uv_message *message);

/* Per Lua state, with or without lwt.uv loaded: names, code that was sent or received,
** scratch memory. Made when first asked for (may raise). */
typedef struct lwt_uv_transport lwt_uv_transport;
lwt_uv_transport *lwt_uv_transport_of(lua_State *L);
struct lwt_uv_transport {
  lwt_uv *ctx;                  /* set while lwt.uv is loaded */
  struct lwt_uv_worker *worker; /* set in a worker's state */
  struct lwt_uv_writer *writer; /* pack.c's, while it is not in use */
  struct lwt_uv_code **cached;  /* unpack.c: functions that were loaded here, */
  int ncached;                  /* in a ring of LWT_UV_CODES */
  int by_function, by_text;     /* registry: closure -> code or name; dump -> code */
  int names;                    /* registry: value -> "module" or "module\0field" */
  int loaded;                   /* registry: code's address -> function */
  int code_meta, receipt_meta;  /* registry */
  int writer_meta, writer_ref;  /* registry; the writer's place */
  int closed;                   /* the state is ending */
};
#define LWT_UV_CODES 256
int lwt_uv_writer_gc(lua_State *L);

/* ---- Code (transport.c) ---------------------------------------------------- */

/* A dumped function, shared by the messages that carry it and the states that know it. */
typedef struct lwt_uv_code {
  atomic_int refs;
  int nups;
  int simple; /* no upvalue but _ENV: one closure serves all calls in a state */
  size_t len;
  char text[];
} lwt_uv_code;
void lwt_uv_code_release(lwt_uv_code *code);
enum { LWT_UV_CODE_NONE, LWT_UV_CODE_NAMED, LWT_UV_CODE_DUMPED, LWT_UV_CODE_FAILED };
/* How to send the function at `idx` (absolute): NAMED, and its name is pushed; DUMPED, with
** a reference in *code; NONE: a C function without a name; FAILED: no memory. *again is set
** when new modules have turned up, so that what was packed before may have names too. */
int lwt_uv_code_of(lua_State *L, lwt_uv_transport *t, int idx, lwt_uv_code **code,
                   int *again);
/* Push a function made of the code; the same one each time if the code is simple. */
void lwt_uv_push_code(lua_State *L, lwt_uv_transport *t, lwt_uv_code *code);

/* What a message carries that is not bytes of its own. */
enum {
  LWT_UV_REF_NONE,
  LWT_UV_REF_CODE,
  LWT_UV_REF_CHANNEL,
  LWT_UV_REF_ITSELF, /* the channel that the message goes through: not counted */
  LWT_UV_REF_PARCEL,
  LWT_UV_REF_TAKEN /* a parcel, for the time of lwt_uv_unpack_begin to _end */
};
typedef struct lwt_uv_ref {
  int kind;
  size_t size; /* of a parcel */
  void *p; /* the code or channel (one reference), the parcel's data, or the memory that
                  has taken it (a pin) */
} lwt_uv_ref;

struct lwt_uv_message {
  size_t len;
  int nvalues, nrefs;
  unsigned nobjects; /* tables and functions that are numbered */
  lwt_uv_ref *refs;
  unsigned char *data;
};

/* Tags of the format, which pack.c describes. */
enum {
  LWT_UV_T_NIL,
  LWT_UV_T_FALSE,
  LWT_UV_T_TRUE,
  LWT_UV_T_BYTE, /* an integer from 0 to 255 */
  LWT_UV_T_INTEGER,
  LWT_UV_T_FLOAT,
  LWT_UV_T_SHORT, /* a string of up to 255 bytes */
  LWT_UV_T_STRING,
  LWT_UV_T_LIGHT,    /* a light userdata */
  LWT_UV_T_NAME,     /* "module" or "module\0field" */
  LWT_UV_T_META,     /* name of a registered metatable */
  LWT_UV_T_OBJECT,   /* number of a table or function that came before */
  LWT_UV_T_TABLE,    /* the next number; its contents come later */
  LWT_UV_T_CODE,     /* ref: a function without upvalues of its own */
  LWT_UV_T_FUNCTION, /* ref; the next number; its upvalues come later */
  LWT_UV_T_BYTES,    /* ref, offset, length */
  LWT_UV_T_VIEW,     /* the same of a memory that came before */
  LWT_UV_T_CHANNEL,  /* ref */
  LWT_UV_T_ENV,      /* upvalue: the globals */
  LWT_UV_T_JOIN,     /* upvalue: the same variable as function n's, number m */
  LWT_UV_T_END
};

/* ---- Names (names.c) ----------------------------------------------------- */

/* Push how another state can find the value at `idx` (absolute): "module", or with
** `fields` also "module\0field". Returns 1, or 0 with nothing pushed. */
int lwt_uv_name_of(lua_State *L, lwt_uv_transport *t, int idx, int fields);
/* Look through package.loaded for modules that are not known yet, and with `deep` for
** new fields of known ones. Returns whether there was anything new. */
int lwt_uv_names_refresh(lua_State *L, lwt_uv_transport *t, int deep);
/* Push what the name (from lwt_uv_name_of) stands for here, requiring the module. */
void lwt_uv_push_named(lua_State *L, const char *name, size_t len);
/* The metatable at `idx`: pushes the name that it is registered under and returns 1, or
** pushes nothing and returns 0. */
int lwt_uv_metatable_name(lua_State *L, int idx);
/* Push the metatable registered under a name, or raise. */
void lwt_uv_push_metatable(lua_State *L, const char *name);
/* register_metatable(name, metatable) */
int lwt_uv_l_register_metatable(lua_State *L);

/* ---- Stopping a worker (stop.c) -------------------------------------------- */

/* Makes whatever Lua code a thread is running raise, from another thread. */
typedef struct lwt_uv_stop lwt_uv_stop;
/* For a new state: takes over its allocator, to know its coroutines and to limit its
** memory. NULL when malloc fails. */
lwt_uv_stop *lwt_uv_stop_new(lua_State *L, size_t memory_limit);
/* After lua_close. */
void lwt_uv_stop_free(lwt_uv_stop *stop);
/* The thread that runs this state begins (Ctrl-C is not for it) or ends. */
void lwt_uv_stop_enter(lwt_uv_stop *stop);
void lwt_uv_stop_leave(void);
/* Make sure that the handler is there; call before any thread starts. */
void lwt_uv_stop_prepare(void);
/* From another thread, while the thread is certain to exist: may be repeated. */
void lwt_uv_stop_raise(lwt_uv_stop *stop, uv_thread_t thread);

/* ---- Pools and workers (pool.c, worker.c) ---------------------------- */

typedef struct lwt_uv_pool lwt_uv_pool;
typedef struct lwt_uv_worker lwt_uv_worker;
typedef struct lwt_uv_call lwt_uv_call;

/* What came of a call. */
enum {
  LWT_UV_CALL_OK,     /* `out` is its results */
  LWT_UV_CALL_RAISED, /* `out` is the error */
  LWT_UV_CALL_NO_MEMORY
};

/* A detached function. */
struct lwt_uv_call {
  lwt_uv_post post;         /* first: on its way back */
  lwt_uv_call *next, *prev; /* in a queue */
  lwt_uv_pool *pool;
  lwt_uv_message *in; /* the worker's, once it runs */
  int queued;         /* in the pool's queue: under its lock */
  /* Set by the worker before it posts the call. */
  int outcome;
  lwt_uv_message *out;
  char *traceback; /* of an error: malloc'd */
  /* Its state's. */
  int over;             /* waits for room in the queue: no worker knows it */
  int held;             /* out of the queue to be cancelled, and posted */
  int canceled;         /* the result is not wanted any more */
  int promise, receipt; /* in the registry */
};

typedef struct lwt_uv_calls {
  lwt_uv_call *first, *last;
} lwt_uv_calls;

struct lwt_uv_pool {
  atomic_int refs;     /* the owner's, and one of each worker */
  lwt_uv_inbox *owner; /* constant */
  uv_mutex_t lock;     /* for what follows */
  uv_cond_t more;      /* there is something to do, or a reason to end */
  uv_cond_t gone;      /* a worker has ended */
  lwt_uv_calls queue;
  atomic_int nqueued; /* set under the lock, glanced at without */
  atomic_int closing;
  int nthreads, nbusy;
  int nspinning, nsleeping; /* workers that have nothing to do */
  int waking;               /* one that sleeps has been signalled, and is not there yet */
  int spins;                /* there is more than one processor; constant */
  int min, max;
  size_t memory_limit;    /* of states that are made from now on */
  lwt_uv_worker *workers; /* not joined yet */
  /* The owner's thread only. */
  lwt_uv *ctx;
  lwt_uv_calls over;
  int naccepted; /* queued or running, or on the way back */
  int max_queued;
};

struct lwt_uv_worker {
  lwt_uv_worker *next; /* pool's */
  lwt_uv_pool *pool;
  atomic_int refs; /* the thread's, the pool's, and one for each request under way */
  uv_thread_t thread;
  lwt_uv_message *setup; /* what the state begins with */
  /* Under the pool's lock. */
  lwt_uv_stop *stop;   /* while it has a state */
  lwt_uv_inbox *inbox; /* of that state, once it has loaded lwt.uv */
  int ended;           /* can be joined */
  /* The thread's own. */
  lua_State *L;
  lwt_uv_call *call;
  /* Waiting for replies of the owner. */
  uv_mutex_t lock;
  uv_cond_t reply;
  atomic_int stopping; /* the owner has closed: raise instead of waiting */
};

/* The state of a worker has loaded lwt.uv. */
void lwt_uv_worker_attach(lwt_uv *ctx, lwt_uv_worker *w);
/* Runs in a new thread, with a reference of its own to the worker. */
void lwt_uv_worker_main(void *data);
void lwt_uv_worker_release(lwt_uv_worker *w);
int lwt_uv_l_before_each(lua_State *L);
/* Pack what a new worker's state begins with. NULL: no memory. */
lwt_uv_message *lwt_uv_worker_setup(lua_State *L);

/* Take the error at the top, popped, into a message: as it is, or as a text. NULL: no
** memory. */
lwt_uv_message *lwt_uv_pack_error(lua_State *L);

/* Queues of calls. */
void lwt_uv_calls_append(lwt_uv_calls *q, lwt_uv_call *c);
void lwt_uv_calls_unlink(lwt_uv_calls *q, lwt_uv_call *c);
lwt_uv_call *lwt_uv_calls_pop(lwt_uv_calls *q); /* NULL: empty */
void lwt_uv_call_free(lwt_uv_call *c);

void lwt_uv_pool_release(lwt_uv_pool *pool);
/* With the lock: see to it that a worker comes, if there is one to spare. */
void lwt_uv_pool_wake(lwt_uv_pool *pool);
/* With the lock: so many more (or fewer) are in the queue. */
void lwt_uv_pool_count(lwt_uv_pool *pool, int by);
/* This state's pool, made when first needed. NULL: *status tells why; or raises. */
lwt_uv_pool *lwt_uv_pool_of(lwt_uv *ctx, int *status);
lwt_uv_pool *lwt_uv_pool_check(lwt_uv *ctx, lua_State *L);
/* One more thread: returns a status. */
int lwt_uv_pool_start_thread(lwt_uv_pool *pool, lua_State *L);
/* Start a thread if there is more to do than there are threads for. A failure matters
** only when there is none at all: returns it then, else 0. */
int lwt_uv_pool_start_for(lwt_uv_pool *pool, lua_State *L);
/* The worker's thread: wait for a call; NULL: end. Give it back when it is done. */
lwt_uv_call *lwt_uv_pool_take(lwt_uv_pool *pool);
void lwt_uv_pool_done(lwt_uv_pool *pool, lwt_uv_call *call);

/* Reject the promise at `idx` with the error at the top, popped, which was raised in
** another state: `traceback` (may be NULL) tells where. May raise. */
void lwt_uv_reject_traced(lwt_uv *ctx, lua_State *L, int idx, const char *traceback);

/* ---- The families ------------------------------------------------------------------ */

/* channel.c */
typedef struct lwt_uv_thread_channel lwt_uv_thread_channel;
typedef struct lwt_uv_thread_waiter lwt_uv_thread_waiter;
void lwt_uv_thread_channel_open(lwt_uv *ctx, lua_State *L); /* makes the type */
int lwt_uv_thread_channel_alive(lwt_uv *ctx);  /* does it wait for another state? */
void lwt_uv_thread_channel_close(lwt_uv *ctx); /* withdraws this state's waiters */
lwt_uv_thread_channel *lwt_uv_thread_channel_retain(void *p);
void lwt_uv_thread_channel_release(lwt_uv_thread_channel *channel);
/* Push this state's userdata for a channel. May raise. */
void lwt_uv_push_thread_channel(lwt_uv *ctx, lua_State *L,
                                lwt_uv_thread_channel *channel);
extern const luaL_Reg lwt_uv_thread_channel_functions[];

/* pool.c, ask.c: functions of uv.thread, which threads.c lists. */
extern const luaL_Reg lwt_uv_pool_functions[], lwt_uv_worker_functions[];
void lwt_uv_pool_close(lwt_uv *ctx);

/* notify.c: fills in the api table. job.c: the same, and the pool's size. */
void lwt_uv_notify_open(lwt_uv *ctx);
void lwt_uv_jobs_close(lwt_uv *ctx); /* withdraws what waits */

/* What the threads of one state hang on: ctx->family[LWT_UV_FTHREAD]. */
typedef struct lwt_uv_threads {
  lwt_uv_pool *pool;
  lwt_uv_worker *worker; /* whose state this is; NULL: no worker's */
  int runner;            /* registry: how lwt.preemptive runs something for a worker */
  int channels;          /* registry: channel's address -> userdata, weakly */
  lwt_uv_thread_waiter *waiters; /* of this state, at any channel */
  int unpacking;                 /* how many of them have a message that may come back */
} lwt_uv_threads;

#endif
