/* core.h: what the files of lwt.core share.
**
** The core knows Lua and nothing else: promises, tasks, the ready queue, timers. Outside
** events come from an engine (lwt.h, lwt_engine) or not at all.
**
** Data. A promise is a full userdata; what it refers to is in its user values, so that
** the collector sees it. One context per Lua state; its tables live in the registry under
** integer keys (fields r_…), which any C function can reach whatever its upvalues are. Our
** registry slots are set to false, never to nil: so setting one allocates nothing.
**
** Memory errors. Every function that may raise does its allocations first and changes
** promises after; what runs callbacks (tell.c) keeps its state in the registry and goes
** on after an error. */
#ifndef LWT_CORE_H
#define LWT_CORE_H

#include <stdint.h>
#include <time.h>

#include "../lwt.h"

#define API __attribute__((visibility("hidden")))

/* ---- Promises ------------------------------------------------------------ */

enum {
  S_PENDING = LWT_PENDING,
  S_FULFILLED = LWT_FULFILLED,
  S_REJECTED = LWT_REJECTED,
  S_PROXY
};

/* What a promise does when something that it waits for is resolved. */
enum {
  K_PLAIN, /* waits for nothing: resolved from outside */
  K_TIMER, /* resolved by the timer heap; n is its number there */
  K_OP,    /* resolved by C; struct operation */
  K_TASK,  /* struct task */
  K_BIND,
  K_MAP,
  K_CATCH,
  K_TRY_BIND,
  K_FINALIZE,  /* the finalizer has not run */
  K_FINALIZED, /* waits for the finalizer's promise; U_FN is the outcome */
  K_FOLLOW,    /* takes over what its input gives */
  K_ON_SUCCESS,
  K_ON_FAILURE,
  K_ON_TERMINATION,
  K_ON_ANY,
  K_ON_CANCEL,
  K_JOIN, /* n inputs are still pending; U_FN is the first rejected one */
  K_ALL,
  K_BOTH,
  K_SETTLED,
  K_ANY,
  K_CHOOSE,
  K_PICK,
  K_NCHOOSE,
  K_NPICK,
  K_NCHOOSE_SPLIT,
  K_SCOPE,
  K_WEAK /* stands for a waiter that may be collected: letgo.c */
};

/* How a pending promise is cancelled. */
enum {
  C_NONE,  /* not at all */
  C_SELF,  /* it is rejected itself */
  C_DEP,   /* through the promise in U_DEP */
  C_DEPS,  /* through those in the list in U_DEP */
  C_TASK,  /* it is a task: through what it awaits */
  C_SCOPE, /* through the children in U_DEP */
  C_CHILD, /* through the promise in U_DEP; itself where nothing is found there */
  C_WRAP   /* itself, and the promise in U_DEP too (wrap_in_cancelable) */
};

/* Who waits for a pending promise: U_STATE is nil, one promise, or a chunk. */
enum { W_NONE, W_ONE, W_LIST };

enum {
  F_SEEN = 1,       /* it was looked at: its rejection needs no warning */
  F_NO_CANCEL = 2,  /* made by no_cancel: awaiting it cannot be interrupted */
  F_CANCELED = 4,   /* rejected with lwt.Canceled */
  F_ON_CANCEL = 8,  /* has on_cancel callbacks among its waiters */
  F_STORED = 16,    /* U_FN is {fn, fn2, storage} */
  F_DONE = 32,      /* no longer interested in what it waits for */
  F_WRAPPED = 64,   /* rejected: U_STATE is {error, trace, watch} */
  F_FOUND = 128,    /* cancel walk: something cancellable is below */
  F_CLOSED = 256,   /* scope: cancelled, every await in it raises */
  F_OUTSIDE = 4096, /* scope: … from outside */
  F_GUARDED = 1024, /* struct guarded: asked before it is cancelled */
  F_LET_GO = 2048,  /* let go: what it waits for need not keep it alive */
  F_HEARD = 8192,   /* made by core.hear: where it cannot be told, its U_LOST is lost */
  F_WATCHED = 512   /* in the list of rejections that were not looked at */
};

typedef struct promise {
  uint8_t state, kind, how, waiters;
  uint32_t n; /* fulfilled: number of values; pending: see kinds */
  uint64_t
      epoch : 48; /* pending: the last cancel walk that came by; resolved: when that was */
  uint16_t flags;
} promise;

#define EPOCHS ((UINT64_C(1) << 48) - 1) /* enough for years of nothing but resolving */

/* User values. Kinds that wait for nothing have only the first. */
#define U_STATE 1 /* waiters | value, or list of values | error | representative */
#define U_DEP 2   /* what it waits for; of a task: its thread */
#define U_FN 3
#define U_FN2 4
#define U_LOST 5 /* of core.hear: see lost.c */

typedef struct operation {
  promise p;
  lwt_cancel_fn cancel;
  void *data;
} operation;

typedef struct guarded {
  operation o;
  int (*may_cancel)(lua_State *L, void *data);
} guarded;

/* Task states (those below T_RUNNING wait for something or for their turn) and flags. */
enum {
  T_READY,
  T_WAITING,
  T_RUNNING,
  T_RESUMING, /* resumed, but the function that waited has not noticed yet */
  T_DONE
};
enum {
  TF_CANCEL = 1,       /* lwt.Canceled is due at the next await */
  TF_RAISE = 2,        /* was interrupted: the await under way raises Canceled */
  TF_LEVEL = 4,        /* in a cancelled scope: every await raises */
  TF_FAILED = 8,       /* its function raised; the error is its only result */
  TF_INTERRUPTED = 16, /* its next Canceled is raised as lwt.Interrupted */
  TF_STORAGE = 32,     /* its storage is in r_task_storage */
  TF_CAUSE = 64,       /* the promise whose error it was last told is in r_causes */
  TF_LISTED = 128,     /* in r_live */
  TF_FRESH = 256,      /* has not begun */
  TF_ENDED = 512,      /* has run to its end, but its promise is not resolved yet */
  TF_HELD = 1024,      /* waits, anchored; p.n is the turn in which it began to */
  TF_SHIELDED = 2048,  /* the await under way counts in shield */
  TF_CHILD = 4096,     /* of a scope */
  TF_DUE = 8192,       /* counts in c->dues */
  TF_ANCHORED = 16384, /* the slot's anchor is the task */
  TF_TRACED = 32768 /* the last error that came up in it is remembered with its trace */
};

/* How a task waits without a promise. */
enum {
  D_NONE,
  D_MVAR,  /* at an mvar */
  D_TIMER, /* for a moment. Its slot holds it all the time */
  D_WAIT   /* in a C function: lwt->wait_begin. Likewise */
};

typedef struct task {
  promise p;
  lua_State *co;      /* its coroutine (U_DEP); NULL when it is done */
  lua_State *wait_co; /* the coroutine that awaits: co, or one nested in it */
  double since;
  uint32_t slot;
  uint16_t shield; /* how many uncancellable waits it is in */
  uint16_t flags;
  uint8_t status;
  uint8_t direct; /* waits without a promise: D_… */
  uint16_t above; /* waiting: how many values lie above what wait_idx says */
  int wait_idx;   /* waiting: where in wait_co that promise (or mvar) is */
  union {
    const void
        *awaited; /* D_NONE: the promise, by its address alone; or where in a list of
                            waiters it stands */
    struct {
      uint32_t ticket, cell; /* D_MVAR: its place there, and which mvar: by its address */
    };
    lwt_wait *wait; /* D_WAIT */
  };
} task;

/* A coroutine that waits belongs to its task, but plain Lua can get hold of it, resume it
** and close it. So code that looks at what a task waits for asks lwt_task_is_intact
** first, and every function that goes on after a wait asks lwt_task_goes_on: where that
** says 0, it yields again, what lwt_task_refuse has pushed. */

/* ---- The context --------------------------------------------------------- */

typedef struct slot {
  lua_State *co; /* NULL: no thread made yet */
  uintptr_t use; /* the task, or with SLOT_FREE the next free slot: see slots.c */
} slot;
#define SLOT_FREE 1
#define SLOT_RELEASED 2 /* not anchored: the task may have been collected */

typedef struct ring { /* of tasks; NULL stands for the next paused promise */
  task **at;
  size_t head, count, size; /* size is a power of two */
} ring;

typedef struct timer {
  double when;
  uint32_t seq; /* of its creation, twice; + 1 for a timeout */
  uint32_t id; /* its number; with TIMER_OF_TASK a slot: of a task that sleeps directly */
} timer;
#define TIMER_OF_TASK 0x80000000u

typedef struct frame frame; /* cancel.c */

#define MAX_NEST 16    /* resolutions inside one another before they are deferred */
#define MAX_RESUMES 10 /* tasks started inside one another before they queue */

struct lwt_context {
  lua_State *L; /* the main thread */
  lwt_api api;
  const void *mt, *resolver_mt, *scope_mt; /* identity of metatables */
  const void *canceled;                    /* identity of lwt.Canceled */

  /* Resolution (resolve.c, tell.c). */
  int nest;      /* how many resolutions are under way, one in another */
  int immediate; /* how many callbacks of resolved promises, one in another */
  int work;      /* entries of the work stack */
  uint64_t
      resolutions;     /* how many, ever (modulo EPOCHS + 1): the stamp of the last one */
  uint8_t has_current; /* r_current is a waiter to be run, with r_source */
  uint8_t has_trace;   /* r_trace is the trace of the error just caught */
  uint8_t raising;     /* 1: core.raise has r_raised on its way, 2: a wrapped coroutine */
  uint8_t has_deferred;  /* the deferred queue is not empty */
  uint32_t currents;     /* how often r_current was set, or one of r_hands */
  uint32_t forgotten;    /* that number when they were last emptied */
  int deepest;           /* the largest nest since then */
  int r_hands[MAX_NEST]; /* registry keys: whom each of the resolutions is telling */
  promise *current_waiter,
      *source;        /* with has_current: what r_current and r_source hold */
  uint32_t told;      /* how many waiters were told, ever */
  uint8_t recovering; /* no allocation now */
  int callbacks;      /* > 0: a callback is running, awaiting is an error */
  uint8_t storing;    /* the current storage is not empty */
  uint32_t sets;      /* how often lwt.set was called */
  const void *key_mt; /* the metatable of storage keys */
  uint8_t co_storage; /* there are coroutines with one of their own, or were */
  uint8_t debug;
  uint8_t closing, ended; /* closing: no cancel function is called any more */

  /* Tasks (task.c). */
  task *current;
  lua_State *current_co; /* where await is allowed now */
  lua_State *storage_co; /* the coroutine that lwt.coroutine has resumed */
  int resumes;           /* how many tasks are running, one in another */
  uint32_t dues;         /* how many have a cancel due to them: TF_DUE */
  const void *refused;   /* the coroutine that was last told lwt_task_refuse's words */
  slot *slots;
  uint32_t nslots, free_slot, next_scan, slots_made;
  int *r_blocks; /* registry keys of the blocks that anchor slots' values */
  uint32_t nblocks;
  uint32_t idle_threads;
  uint32_t held; /* tasks that wait and are anchored: with TF_HELD */
  uint32_t sweep_at, turns, pass_began; /* see lwt_slot_sweep */

  /* Queues (loop.c). */
  ring ready, paused;
  uint64_t pause_head, pause_tail; /* of r_pauses */
  lwt_idle *idle, *idle_now;       /* what waits for its turn, and what has it */
  lwt_idle **idle_end;             /* the end of idle, when that is not empty */
  lwt_idle owed;                   /* owed.c: has its turn while something is owed */
  lwt_idle lost;                   /* lost.c: likewise, while something is lost */
  uint8_t running, interrupted, shuffling;
  uint8_t may_run; /* run waits: the tasks that an event wakes may run right after it */
  uint32_t woken;  /* in this wait: how many of them */
  int entered;     /* calls of lwt->enter under way, one in another */
  uint64_t random;
  double stall, turn_start, turn_now, engine_now;
  uint8_t stalled;
  uint32_t nerrors;   /* in r_errors */
  uint32_t nunseen;   /* in r_unseen */
  uint32_t untold;    /* rejections not looked at, too many to be told one by one */
  uint32_t told_then; /* how many were, in the second told_at */
  time_t told_at;
  uint32_t nstrings; /* in r_strings */

  /* Time (timer.c). */
  timer *heap;
  uint32_t *position;  /* of a timer in the heap; or the next free number */
  uint32_t *naps;      /* of a slot's task that sleeps: its position in the heap */
  uint32_t background; /* of the timers, how many do not count against a deadlock */
  uint32_t ntimers, heap_size, timers_size, free_timer, timers_made;
  uint32_t seq;
  double virtual_now;
  uint8_t is_virtual;
  const lwt_engine *engine;
  void *engine_data;
  uint8_t engine_full; /* it has all that lwt_engine has in 1.4 */

  /* Cancelling (cancel.c). */
  uint64_t epoch, calls, walk_calls, /* calls of callbacks, ever; and at the last walk */
      trace_calls;                   /* calls when r_trace was made */
  frame *frames;
  size_t nframes, frames_size;

  /* Registry keys. */
  int r_self, r_mt, r_resolver_mt, r_scope_mt, r_work, r_current, r_source, r_trace,
      r_storage, r_defer_head, r_defer_tail, r_pauses, r_timers, r_live, r_errors,
      r_unseen, r_watches, r_watch_mt, r_task_main, r_task_main_after, r_handler, r_hook,
      r_names, r_causes, r_traces, r_strings, r_raised, r_made, r_task_storage,
      r_canceled, r_timeout, r_eof, r_closed, r_interrupted, r_error_mt, r_drive, r_turn,
      r_handles, r_enter_hooks, r_leave_hooks, r_stall, r_lua_engine, r_main, r_exit,
      r_ends, r_report, r_run, r_run_end, r_run_function, r_check_unseen, r_weak_mt,
      r_mvar_mt, r_mvar_view_mt, r_mvar_pause, r_show, r_unview, r_stored, r_due,
      r_refused, r_owed, r_lost, r_lost_error;
};

#define REG LUA_REGISTRYINDEX
#define pushreg(L, ref) lua_rawgeti(L, REG, ref)
#define setreg(L, ref) lua_rawseti(L, REG, ref)

/* Was p resolved before q? (Stamps may wrap around.) */
static inline int earlier(const promise *p, const promise *q) {
  return (int64_t)(((uint64_t)p->epoch - (uint64_t)q->epoch) << 16) < 0;
}

/* Is this an event of the wait of `run` itself, and nothing else under way? */
static inline int lwt_outermost(const lwt_context *c) {
  return c->may_run && c->entered == 0 && c->nest == 0 && c->callbacks == 0 &&
         c->current == NULL;
}

API int lwt_context_ended(lua_State *L);

/* What Lua calls begins with this: it raises once the context has ended (context.c). */
static inline lwt_context *context_of(lua_State *L) {
  lwt_context *c = (lwt_context *)lua_touserdata(L, lua_upvalueindex(1));
  if (c->ended) lwt_context_ended(L);
  return c;
}

/* Whatever can be called is taken where a function is wanted. */
static inline void lwt_check_callable(lua_State *L, int idx) {
  if (lua_type(L, idx) == LUA_TFUNCTION) return;
  if (luaL_getmetafield(L, idx, "__call") == LUA_TNIL) luaL_typeerror(L, idx, "function");
  lua_pop(L, 1);
}

/* A number; 0 where there is none. A string is no number. */
static inline double lwt_opt_number(lua_State *L, int idx) {
  int type = lua_type(L, idx);
  if (type == LUA_TNUMBER) return lua_tonumber(L, idx);
  if (type != LUA_TNONE && type != LUA_TNIL) luaL_checktype(L, idx, LUA_TNUMBER);
  return 0;
}

/* promise.c, waiters.c: making them, finding what they stand for, who waits. */
API promise *lwt_promise_push(lua_State *L, lwt_context *c, int kind, int how, int nuv,
                              size_t size);
API promise *lwt_promise_test(lua_State *L, lwt_context *c, int idx);
API promise *lwt_promise_check(lua_State *L, lwt_context *c, int idx);
API promise *lwt_promise_find(lua_State *L, int idx); /* replaces the value at idx */
API promise *lwt_promise_arg(lua_State *L, lwt_context *c,
                             int idx); /* check, find, look */
API promise *lwt_promise_passed(lua_State *L, lwt_context *c, int idx);
API void lwt_promise_collapse(lua_State *L, int n);
API int lwt_promise_push_values(lua_State *L, int idx, promise *p);
API void lwt_promise_push_error(lua_State *L, int idx, promise *p);
API int lwt_promise_add_waiter(lua_State *L, int idx, promise *p);
API int lwt_promise_add_known_waiter(lua_State *L, int idx, promise *p, promise *w);
API void lwt_promise_remove_waiter(lua_State *L, int idx, promise *p, promise *waiter);
API int lwt_promise_merge(lua_State *L, int outer, promise *q, int inner, promise *r);
API void lwt_promise_push_list_of_one(lua_State *L);
API promise *lwt_promise_listify(lua_State *L, int idx, promise *p);
API void lwt_promise_sweep(lua_State *L, int idx, promise *p);
API uint32_t lwt_promise_count_waiters(lua_State *L, int idx, promise *p);
API void lwt_promise_open(lua_State *L, lwt_context *c);

/* letgo.c: what was cancelled in vain is kept alive only by those who use it. */
API void lwt_let_go(lua_State *L, lwt_context *c, int idx);
API int lwt_let_go_push_waiter(lua_State *L, int idx);
API void lwt_let_go_no_more(lua_State *L, int idx);
API void lwt_let_go_open(lua_State *L, lwt_context *c);

/* resolve.c, tell.c: resolving, and running what waits for it. */
API void lwt_resolve(lua_State *L, lwt_context *c, int idx, promise *p, int state, int n);
API void lwt_resolve_collapsed(lua_State *L, lwt_context *c, int idx, promise *p,
                               int state, int n);
API int lwt_resolve_prepare(lua_State *L, int idx);
API int lwt_resolve_later(lua_State *L, lwt_context *c, int idx, promise *p, int state,
                          int n);
API void lwt_resolve_commit(lua_State *L, lwt_context *c, int idx, promise *p, int state,
                            int n);
API void lwt_resolve_copy(lua_State *L, lwt_context *c, int from, int to);
API void lwt_resolve_follow(lua_State *L, lwt_context *c, int q, int base, int status,
                            int follow);
API int lwt_resolve_wrap_error(lua_State *L, lwt_context *c);
API void lwt_resolve_push_entry(lua_State *L, lwt_context *c, int idx);
API void lwt_resolve_drive(lua_State *L, lwt_context *c, int base);
API void lwt_resolve_owe(lua_State *L, lwt_context *c, int source);
API void lwt_resolve_drain(lua_State *L, lwt_context *c);
API void lwt_tell_open(lua_State *L, lwt_context *c);
/* wakeup.c */
API int lwt_wakeup_reject_traced(lua_State *L, lwt_context *c, int idx,
                                 const char *trace);
API void lwt_wakeup_open(lua_State *L, lwt_context *c);
/* owed.c */
API void lwt_owed_open(lua_State *L, lwt_context *c);
/* lost.c */
API void lwt_lost(lua_State *L, lwt_context *c);
API void lwt_lost_open(lua_State *L, lwt_context *c);

/* compose.c, several.c, choice.c: one and many. */
API promise *lwt_promise_or_task(lua_State *L, lwt_context *c, int idx, int look);
API void lwt_compose_open(lua_State *L, lwt_context *c);
API void lwt_several_input(lua_State *L, lwt_context *c, int w, int src);
API void lwt_several_open(lua_State *L, lwt_context *c);
API int lwt_pick_two(lua_State *L, lwt_context *c);
API void lwt_choice_finish(lua_State *L, lwt_context *c, int w);
API void lwt_choice_open(lua_State *L, lwt_context *c);

/* cancel.c */
API int lwt_cancel(lua_State *L, lwt_context *c, int idx);
API int lwt_cancel_push(lua_State *L, lwt_context *c, int idx);
API void lwt_cancel_inside(lua_State *L, lwt_context *c, int idx);
API int lwt_cancel_awaited(lua_State *L, lwt_context *c, task *t, int idx);
API void lwt_cancel_open(lua_State *L, lwt_context *c);

/* storage.c */
API void lwt_storage_swap(lua_State *L, lwt_context *c); /* top <-> current */
API void lwt_storage_keep(lua_State *L, lwt_context *c);
API void lwt_storage_enter(lua_State *L, lwt_context *c, int thread);
API void lwt_storage_leave(lua_State *L, lwt_context *c, int thread, int saved);
API void lwt_storage_open(lua_State *L, lwt_context *c);

/* task.c */
API int lwt_task_spawn(lua_State *L, lwt_context *c, int nargs); /* f, args -> promise */
API void lwt_task_wake(lua_State *L, lwt_context *c, task *t);
API void lwt_task_due(lua_State *L, lwt_context *c, task *t, int flag);
API void lwt_task_told(lua_State *L, lwt_context *c, task *t);
API void lwt_task_interrupt(lua_State *L, lwt_context *c, task *t, int idx);
API void lwt_task_run(lua_State *L, lwt_context *c, task *t);
API size_t lwt_task_run_ready(lua_State *L, lwt_context *c, size_t n);
API int lwt_task_run_waiting(const lwt_api *api, lwt_wait *w);
API void lwt_task_resumed(lua_State *L, lwt_context *c, task *t, int status, int swapped);
API void lwt_task_push(lua_State *L, lwt_context *c, task *t);
API task *lwt_task_prepare(lua_State *L, lwt_context *c, int nargs);
API void lwt_task_discard(lua_State *L, lwt_context *c, task *t);
API void lwt_task_start(lua_State *L, lwt_context *c, task *t);
API void lwt_task_open(lua_State *L, lwt_context *c);
/* wait.c */
API int lwt_task_is_intact_within(const task *t);
static inline int lwt_task_is_intact(const task *t) {
  if (t->co == t->wait_co && t->co != NULL) return lua_status(t->co) == LUA_YIELD;
  return lwt_task_is_intact_within(t);
}
API void *lwt_task_push_awaited(lua_State *L, const task *t);
API int lwt_task_is_waiting_for_its(lua_State *L, task *t, promise *p);
static inline int lwt_task_is_waiting_for(lua_State *L, task *t, promise *p) {
  if (t->status != T_WAITING || t->direct) return 0;
  return t->awaited == p || lwt_task_is_waiting_for_its(L, t, p);
}
API task *lwt_task_owner(lua_State *L, const lwt_context *c);
API int lwt_task_refuse(lua_State *L, lwt_context *c, int keep);
API void lwt_task_abandon(lua_State *L, lwt_context *c, task *t);
/* For a function that goes on after a wait: has the scheduler resumed the task for that? */
static inline int lwt_task_goes_on(const lua_State *L, const lwt_context *c) {
  task *t = c->current;
  if (t == NULL || t->status != T_RESUMING || c->current_co != L) return 0;
  t->status = T_RUNNING;
  t->wait_co = t->co;
  return 1;
}
#define lwt_task_yield_again(L, c, keep, k) \
  lua_yieldk(L, lwt_task_refuse(L, c, keep), (lua_KContext)(c), k)

/* await.c */
API int lwt_task_await_begin(lua_State *L, lwt_context *c, int idx);
API int lwt_task_await_end(lua_State *L, lwt_context *c, int idx);
API int lwt_task_cancel_due(const lwt_context *c);
API task *lwt_task_direct_begin(lua_State *L, lwt_context *c);
API void lwt_task_direct_wait(lua_State *L, lwt_context *c, task *t, int what, int at);
API void lwt_task_direct_end(lua_State *L, lwt_context *c);
API void lwt_await_open(lua_State *L, lwt_context *c);
/* scope.c, coroutine.c */
API void lwt_scope_open(lua_State *L, lwt_context *c);
API void lwt_scope_child_done(lua_State *L, lwt_context *c, int w, int src);
API int lwt_scope_child_follow(lua_State *L, int w, int r);
API void lwt_coroutine_open(lua_State *L, lwt_context *c);

/* mvar.c, mvar_direct.c */
API void lwt_mvar_hold(lua_State *L, task *t);
API void lwt_mvar_withdraw(lua_State *L, const task *t);
API void lwt_mvar_open(lua_State *L, lwt_context *c);
API void lwt_mvar_direct_open(lua_State *L, lwt_context *c);

/* timer.c */
API double lwt_timer_now(lwt_context *c);
API void lwt_timer_shift(lwt_context *c, double by);
API void lwt_timer_remove(lua_State *L, lwt_context *c, uint32_t id);
API void lwt_timer_wake(lwt_context *c, const task *t);
API int lwt_timer_fire(lua_State *L, lwt_context *c);
API void lwt_timer_open(lua_State *L, lwt_context *c);

/* loop.c */
API int lwt_ring_reserve(ring *r, size_t n);
static inline void lwt_ring_push(ring *r, task *t) { /* room was reserved */
  r->at[(r->head + r->count++) & (r->size - 1)] = t;
}
API void lwt_loop_raise_reported(lua_State *L, lwt_context *c);
API void lwt_loop_report(lua_State *L,
                         lwt_context *c); /* the error on top: to the hook */
API void lwt_loop_set_engine(lwt_context *c, const lwt_engine *e, void *data,
                             int is_virtual);
API void lwt_loop_run_woken(lua_State *L, lwt_context *c);
API int lwt_loop_may_run(lwt_context *c);
API void lwt_loop_open(lua_State *L, lwt_context *c);

/* run.c */
API int lwt_loop_step(const lwt_api *api, lua_State *L, double budget, double *wait);
API int lwt_loop_run(const lwt_api *api, lua_State *L);
API double lwt_loop_due(const lwt_api *api);
API void lwt_loop_step_within(const lwt_api *api, lua_State *L, double budget);
API void lwt_run_open(lua_State *L, lwt_context *c);

/* trace.c */
API void lwt_trace_where(lua_State *L, lua_State *co, int level);
API void lwt_trace_earlier(lua_State *L, lwt_context *c, int src);
API void lwt_trace_last(lua_State *L, lwt_context *c, int idx, promise *p);
API void lwt_trace_recall(lua_State *L, lwt_context *c, task *t);
API void lwt_trace_cause(lua_State *L, lwt_context *c, task *t, int idx);
API void lwt_trace_resumed(lua_State *L, lwt_context *c, int err, int as);
API int lwt_trace_raise(lua_State *L, lwt_context *c);
API void lwt_trace_open(lua_State *L, lwt_context *c);

/* unseen.c */
API void lwt_unseen_note(lua_State *L, lwt_context *c, int idx);
/* When it is looked for rejections that nobody has seen: those that may be seen yet are told
** at the end of a run, and when the state closes; then also errors that none has raised. */
enum { LWT_UNSEEN_IN_A_TURN, LWT_UNSEEN_AT_END, LWT_UNSEEN_AT_CLOSE };
API void lwt_unseen_check(lua_State *L, lwt_context *c, int when);
API void lwt_unseen_forget(lua_State *L, int idx, promise *p);
API void lwt_unseen_open(lua_State *L, lwt_context *c);

/* inspect.c */
API void lwt_trace_made(lua_State *L, lwt_context *c, int idx);
API void lwt_trace_waiting(lua_State *L, lwt_context *c); /* pushes the list, as text */
API void lwt_trace_watch(lua_State *L, lwt_context *c, task *t);
API void lwt_trace_left_open(lua_State *L, lwt_context *c);
API void lwt_trace_handle_opened(const lwt_api *api, lua_State *L, int idx,
                                 const char *kind);
API void lwt_trace_handle_closed(const lwt_api *api, lua_State *L, void *userdata);
API void lwt_inspect_open(lua_State *L, lwt_context *c);

/* engine.c */
API void lwt_engine_open(lua_State *L, lwt_context *c);

/* plain.c */
API void lwt_plain_open(lua_State *L, lwt_context *c);

/* error.c */
API int lwt_error_awaiting(lua_State *L, lwt_context *c);
API void lwt_error_push(const lwt_api *api, lua_State *L, const char *code, int err,
                        const char *message, const char *op, const char *what_key,
                        const char *what);
API void lwt_error_open(lua_State *L, lwt_context *c);

/* capi.c */
API void lwt_capi_open(lua_State *L, lwt_context *c);

/* registry.c: adds functions to the module table (on top), with the context as upvalue;
** makes registry slots, of the value on top (popped) or a new one, which may be false. */
API void lwt_register(lua_State *L, lwt_context *c, const luaL_Reg *functions);
API void lwt_weak_table(lua_State *L, const char *mode);
API int lwt_slot(lua_State *L);
API int lwt_slot_of_weak(lua_State *L, const char *mode);
API int lwt_slot_of_table(lua_State *L);
API int lwt_slot_of_false(lua_State *L);
API int lwt_slot_of_metatable(lua_State *L, const char *name);

#include "slots.h"

#endif
