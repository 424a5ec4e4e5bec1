/* lwt.h: the C interface of lwt, for modules in C that make promises, run jobs
** or post from other threads, and for programs that embed Lua.
**
** Nothing is linked. Lua modules are loaded with local symbols, so lwt hands out
** a table of functions instead: `const lwt_api *lwt = lwt_import(L);` fetches it
** from the registry (loading "lwt.core" when that has not happened yet).
** lwt's own libuv engine is built on this header and on nothing else of the core.
**
** Threads. Every function here belongs to the thread that runs the Lua state,
** except lwt->notification_send and a job's worker, which say so.
**
** Errors. "May raise" means a Lua error (luaL_error and friends, "not enough
** memory" included). A function that does not say so never raises.
*/
#ifndef LWT_H
#define LWT_H

#include <stddef.h>

#include <lauxlib.h>
#include <lua.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LWT_VERSION "0.1.0"

/* Grows when something is added at the end of lwt_api; a change of what is
** already there changes the major number. */
#define LWT_ABI_MAJOR 1
#define LWT_ABI_MINOR 5

/* Registry key of the table. */
#define LWT_REGISTRY_KEY "lwt.api.1"

typedef struct lwt_api lwt_api;
typedef struct lwt_context lwt_context; /* one per Lua state; opaque */

/* ---- States of a promise ------------------------------------------------ */

#define LWT_PENDING 0
#define LWT_FULFILLED 1
#define LWT_REJECTED 2

/* What a pending promise made in C does when it is cancelled. It has already
** been rejected with lwt.Canceled when this is called: withdraw the operation,
** and let go of the promise. Called on the main thread; must not raise, must
** not run Lua code; `data` is what promise_new was given. */
typedef void (*lwt_cancel_fn)(lua_State *L, void *data);

/* ---- Jobs --------------------------------------------------------------- */

/* A job is a structure of yours, allocated with malloc, whose first field is a
** lwt_job. `worker` runs on a thread of the pool and must not touch Lua;
** `result` runs on the main thread: it pushes values and returns how many, or
** raises (lwt->push_error makes a system error to raise). `release` frees the
** structure. It is called on the main thread exactly once, whatever happened:
** after `result` has returned or raised, or instead of it when the job was
** cancelled or the state is closed. */
typedef struct lwt_job {
  void (*worker)(struct lwt_job *job);
  int (*result)(lua_State *L, struct lwt_job *job);
  void (*release)(struct lwt_job *job);
} lwt_job;

/* ---- Notifications ------------------------------------------------------ */

/* A thread of yours tells the loop something. It needs a reference of its own, which is
** retained for it before it begins (notification_retain) and which it gives up when it has
** sent for the last time; and it needs copies of the pointers to notification_send and
** notification_release, for the table goes with the Lua state. Then it may send at any
** time, also while the state closes and after. Such a thread must have ended before the
** process does, and before its module's code is unloaded: lua_close unloads it. */
typedef struct lwt_notification lwt_notification; /* opaque, reference counted */

/* Called on the main thread, in a protected call, `count` times' worth of sends
** in one (sends that come faster than the loop turns are merged). */
typedef void (*lwt_notify_fn)(lua_State *L, void *data, unsigned count);

/* ---- Engines ------------------------------------------------------------ */

/* How alive an engine is: can anything outside still happen? */
#define LWT_IDLE 0    /* nothing is open */
#define LWT_WAITING 1 /* something is open that may never speak (a listener) */
#define LWT_WORKING 2 /* something is under way that is bound to end (a job) */

/* What the scheduler asks of an event loop. Only `wake` may be called from
** another thread. None of them may raise. */
typedef struct lwt_engine {
  const char *name;
  /* Seconds on a monotonic clock, now (not cached). */
  double (*now)(void *data);
  /* Wait for outside events for at most `seconds` (0: only look; negative: no
  ** limit), deliver them through lwt->enter, return. Returns early for `wake`. */
  void (*wait)(void *data, double seconds);
  /* LWT_IDLE, LWT_WAITING or LWT_WORKING. */
  int (*alive)(void *data);
  /* Make a `wait` that is under way, or the next one, return soon. */
  void (*wake)(void *data);
  /* A descriptor to poll for "wait has something to do", or -1. */
  int (*fd)(void *data);

  /* Since 1.4, and only looked at where engine_use was given the engine; each may be NULL. */

  /* Seconds until `wait` has something to do that `fd` does not tell: 0: now (what was begun
  ** has to be put where `fd` sees it, say), LWT_NOT_DUE, or LWT_BUSY. */
  double (*due)(void *data);
  /* Why the loop may not be run or stepped here, in words that go behind "attempt to run the
  ** loop " (in a callback of another loop, say), or NULL. */
  const char *(*busy)(void *data);
  /* Not 0: what `wait` calls may turn another loop, that turns this one, and goes on with its
  ** callback then. So tasks that an event wakes do not run before `wait` has returned. */
  int nests;
} lwt_engine;

/* Of `due`. */
#define LWT_NOT_DUE (-1.0) /* nothing, until `fd` says so */
#define LWT_BUSY (-2.0)    /* we are inside `wait`, which must not be called again */

/* Something that wants a turn before the loop next waits (see idle_start). */
typedef struct lwt_idle {
  void (*f)(lua_State *L, void *data); /* in a protected call */
  void *data;
  struct lwt_idle *next; /* the core's */
  struct lwt_idle **at;  /* the core's; NULL (from the beginning): not started */
} lwt_idle;

/* A task that waits in a function of yours without a promise (see wait_begin). Part of a
** structure of yours that stays where it is while a task waits. */
typedef struct lwt_wait {
  /* The task has been cancelled and waits no longer: withdraw the operation. Called on the
  ** main thread; must not raise, must not run Lua code. */
  void (*cancel)(lua_State *L, struct lwt_wait *wait);
  void *task; /* the core's; NULL: no task waits */
} lwt_wait;

/* Of socket_read, socket_write and socket_wait. */
#define LWT_AGAIN (-1)
#define LWT_NO_SOCKET (-2)

/* C code that waits for a socket (see socket_wait). Part of a structure of yours that
** stays where it is while it waits. */
typedef struct lwt_socket_wait {
  void (*f)(lua_State *L, struct lwt_socket_wait *wait); /* in a protected call */
  void *at; /* lwt's; NULL (from the beginning): does not wait */
} lwt_socket_wait;

/* ---- The table ---------------------------------------------------------- */

struct lwt_api {
  unsigned major, minor;
  lwt_context *context;
  lua_State *main; /* the main thread of this state: what callbacks run on */

  /* Promises. ------------------------------------------------------------- */

  /* Push a pending promise. With `cancel` it can be cancelled, and `cancel` is
  ** then called with `data`; without, cancelling does nothing. May raise. */
  void (*promise_new)(const lwt_api *, lua_State *L, lwt_cancel_fn cancel, void *data);
  /* Resolve the promise at `idx` with the top `nvalues` values, which are
  ** popped. Its callbacks run before this returns; tasks become ready. A promise
  ** that is already resolved is left alone, and the call returns 0. `idx` may
  ** not be relative to the popped values: use lua_absindex. Without memory to keep
  ** several values the promise is rejected ("not enough memory"). May raise only
  ** when Lua's stack cannot grow, and then has resolved nothing. */
  int (*fulfill)(const lwt_api *, lua_State *L, int idx, int nvalues);
  /* Likewise with the error on top, which is popped. */
  int (*reject)(const lwt_api *, lua_State *L, int idx);
  /* Push a resolved promise made of the top `nvalues` values (or of the error on
  ** top), which are popped. May raise. */
  void (*fulfilled)(const lwt_api *, lua_State *L, int nvalues);
  void (*rejected)(const lwt_api *, lua_State *L);
  int (*is_promise)(const lwt_api *, lua_State *L, int idx);
  /* LWT_PENDING … of the promise at `idx` (which must be one). Does not count as
  ** looking at it. */
  int (*state)(const lwt_api *, lua_State *L, int idx);
  /* Await the promise at stack index `idx` from a C function that a task called:
  **
  **   static int k(lua_State *L, int status, lua_KContext c) {
  **     int n;
  **     if (!lwt->wait_resumed(lwt, L)) return lua_yieldk(L, 1, c, k);
  **     n = lwt->await_end(lwt, L, idx);   (pushes n values, or raises)
  **     …
  **   }
  **     if (lwt->await_begin(lwt, L, idx)) …   await_end, as above
  **     return lua_yieldk(L, 0, c, k);
  **
  ** await_begin returns 1 when nothing has to be waited for. Both may raise. `idx`
  ** is absolute and the promise must stay there until `k` has run. At most 65515 values may
  ** lie above it. */
  int (*await_begin)(const lwt_api *, lua_State *L, int idx);
  int (*await_end)(const lwt_api *, lua_State *L, int idx);

  /* Errors. --------------------------------------------------------------- */

  /* Push lwt's error object for a failed system operation: {code, errno,
  ** message, op, [what_key] = what}. `code` "ENOENT", `err` its positive number,
  ** `what_key` "path", "address" … or NULL. May raise (memory). */
  void (*push_error)(const lwt_api *, lua_State *L, const char *code, int err,
                     const char *message, const char *op, const char *what_key,
                     const char *what);
  /* Push lwt.Canceled, lwt.Timeout, lwt.EOF or lwt.Closed by its name. */
  void (*push_sentinel)(const lwt_api *, lua_State *L, const char *name);

  /* Entering Lua from outside. -------------------------------------------- */

  /* Call f(main, data) in a protected call on the main thread, from an event
  ** loop's callback. An error that f lets through goes to the exception hook.
  ** Returns 0 when there was none, -1 when there was, and -2 when f could not even
  ** be called (no memory; the state is closing). */
  int (*enter)(const lwt_api *, void (*f)(lua_State *L, void *data), void *data);
  /* Have `idle->f` called once before the loop next waits. Allocates nothing;
  ** does nothing when it is already queued. idle_stop takes it back. */
  void (*idle_start)(const lwt_api *, lwt_idle *idle);
  void (*idle_stop)(const lwt_api *, lwt_idle *idle);

  /* The scheduler, for a host program. ------------------------------------- */

  /* One turn without blocking, as lwt.step: returns 1 while something can still
  ** happen, and in *wait the seconds until the next timer (negative: none). May
  ** raise what lwt.step raises. */
  int (*step)(const lwt_api *, lua_State *L, double budget, double *wait);
  /* As lwt.run with the function or promise at the top of the stack, which is
  ** popped; pushes the results and returns how many. May raise. */
  int (*run)(const lwt_api *, lua_State *L);
  /* Let the scheduler use this engine from now on. `e` and `data` must outlive
  ** the state or the next call. NULL: the core's own, without outside events. */
  void (*engine_set)(const lwt_api *, const lwt_engine *e, void *data);
  /* The scheduler's clock (virtual, where that is on), in seconds. */
  double (*now)(const lwt_api *);

  /* Handles, for lwt.debug, lwt.test and the report at the end of run. ------- */

  /* The userdata at `idx` is an open handle of this kind ("tcp", "file" …). The
  ** core remembers it weakly, and where it was made when debugging is on. May
  ** raise (memory). */
  void (*handle_opened)(const lwt_api *, lua_State *L, int idx, const char *kind);
  void (*handle_closed)(const lwt_api *, lua_State *L, void *userdata);

  /* Filled in when lwt.uv is loaded, NULL before. --------------------------- */

  /* Run a job on the threadpool and push the promise of its result. Takes the
  ** job over, also when it raises (memory). Cancelling the promise of a job that
  ** has not started withdraws it; one that has started runs on, and its result is
  ** dropped. */
  void (*job_start)(const lwt_api *, lua_State *L, lwt_job *job);
  /* A new notification: `f` will be called with `data` for sends. `keep` says
  ** whether it keeps lwt.run from finding a deadlock. May raise. The caller owns
  ** one reference, which notification_stop gives up. */
  lwt_notification *(*notification_new)(const lwt_api *, lua_State *L, lwt_notify_fn f,
                                        void *data, int keep);
  /* From any thread, any number of times, also after the state was closed as
  ** long as notification_release was not called by that thread. Returns 0, or
  ** -1 when the notification was stopped. */
  int (*notification_send)(lwt_notification *n);
  /* Main thread: no call of `f` comes after this. */
  void (*notification_stop)(const lwt_api *, lwt_notification *n);
  /* From any thread: references for the threads that send. */
  void (*notification_retain)(lwt_notification *n);
  void (*notification_release)(lwt_notification *n);
  /* The uv_loop_t that this state runs on, as void * so that this header needs
  ** no libuv; NULL without lwt.uv. */
  void *(*loop)(const lwt_api *);

  /* Since 1.1. -------------------------------------------------------------- */

  /* As enter, for a callback that has nothing left to do after it: the tasks that f
  ** has made ready may run before this returns. They may do anything: close the handle
  ** whose callback this is, begin another operation on it. */
  int (*enter_last)(const lwt_api *, void (*f)(lua_State *L, void *data), void *data);
  /* As promise_new, for what can be cancelled for a time only: `may_cancel` is asked
  ** first, and when it says 0 cancelling does nothing. It must not raise, nor change
  ** anything for long: a cancel may also look, and then not come. */
  void (*promise_new_guarded)(const lwt_api *, lua_State *L, lwt_cancel_fn cancel,
                              void *data, int (*may_cancel)(lua_State *L, void *data));
  /* As reject, with an error that was raised elsewhere (in another Lua state, say):
  ** `trace` is the text that lwt.traceback gives for it. */
  int (*reject_traced)(const lwt_api *, lua_State *L, int idx, const char *trace);

  /* Waiting without a promise, for functions that await by themselves (the methods of
  ** what lwt.direct shows):
  **
  **   static int k(lua_State *L, int status, lua_KContext c) {
  **     if (!lwt->wait_resumed(lwt, L)) return lua_yieldk(L, 1, c, k);
  **     lwt->wait_end(lwt, L);            what wait_wake has pushed is on top
  **     …
  **   }
  **     lwt->wait_begin(lwt, L, idx, &w);
  **     …                                 nothing that may raise
  **     return lua_yieldk(L, 0, c, k);
  */

  /* Raise what await raises here whatever it is given: not in a task, cancelled. For
  ** calls that need not wait. */
  void (*wait_check)(const lwt_api *, lua_State *L);
  /* The same, and then the task waits with `wait`, which the object at `idx` holds. */
  void (*wait_begin)(const lwt_api *, lua_State *L, int idx, lwt_wait *wait);
  /* When the task goes on: raises lwt.Canceled when it was cancelled. Need not be called
  ** after wait_run, but wait_resumed must. */
  void (*wait_end)(const lwt_api *, lua_State *L);
  /* Push the top `n` values (popped; at most 4) onto the waiting task's stack, and have
  ** it run when its turn comes. */
  void (*wait_wake)(const lwt_api *, lua_State *L, lwt_wait *wait, int n);
  /* At the end of an event loop's callback: run the waiting task at once, without values,
  ** and return 1 when it waits again or has ended. Returns 0, and has done nothing, where
  ** it has to wait for its turn. */
  int (*wait_run)(const lwt_api *, lwt_wait *wait);

  /* Since 1.2. -------------------------------------------------------------- */

  /* Will the next await of the running task raise lwt.Canceled, whatever it is given? A
  ** function that would take something at once, or have an effect, must not do so then:
  ** its caller would not learn of it. 0 in callbacks and outside of tasks. */
  int (*cancel_due)(const lwt_api *);
  /* Raise the oldest error that was reported and not raised yet (of a task in the
  ** background, say), as run and step do; return when there is none. */
  void (*raise_reported)(const lwt_api *, lua_State *L);
  /* The first thing in a function that goes on after a wait (`k` above, that of await_begin
  ** too). Other code that has the task's coroutine may have resumed it: then this returns
  ** 0, the values passed are gone from the stack, and an explanation is on top:
  **
  **   if (!lwt->wait_resumed(lwt, L)) return lua_yieldk(L, 1, c, k);
  **
  ** and the task waits on. Without that, await_end and wait_end raise, in the task. */
  int (*wait_resumed)(const lwt_api *, lua_State *L);
  /* To be called by a finalizer that can only run because the state is being closed, before
  ** it frees what the cancel functions of pending promises are given: none is called from
  ** then on. */
  void (*state_closing)(const lwt_api *);

  /* Since 1.3. -------------------------------------------------------------- */

  /* The socket of lwt.net at `idx` and memory of yours, without a Lua string in between, as
  ** far as it goes without waiting. Both return how many bytes; LWT_AGAIN when none can be
  ** moved now, because others wait, or because of an error; and LWT_NO_SOCKET for
  ** anything else, also one that is closed. Then its own methods, `read` and `write`,
  ** wait, or tell the error. They run no Lua code and never raise. NULL without lwt.uv.
  ** socket_read: at most `size` bytes that have arrived; 0 at the end. */
  ptrdiff_t (*socket_read)(const lwt_api *, lua_State *L, int idx, char *data,
                           size_t size);
  /* socket_write: the first bytes of these, as many as the system takes at once. */
  ptrdiff_t (*socket_write)(const lwt_api *, lua_State *L, int idx, const char *data,
                            size_t size);
  /* Since 1.3; NULL before lwt.uv is loaded. --------------------------------- */

  /* Something of the process's (a terminal's mode, say) has to be put back however the
  ** process ends: f(data) is called at exit, and before a fatal signal ends it. It must be
  ** fit for signal handlers, and may be called on any thread, also more than once. Returns a
  ** ticket for lent_remove, or a negative number when there are too many. */
  int (*lent_add)(const lwt_api *, void (*f)(void *data), void *data);
  /* f is not called any more. Must come before the module's code is unloaded. */
  void (*lent_remove)(const lwt_api *, int ticket);

  /* Since 1.4. -------------------------------------------------------------- */

  /* As engine_set, with an engine that has all that lwt_engine has in 1.4; virtual time, where
  ** it is on, stays on over it. */
  void (*engine_use)(const lwt_api *, const lwt_engine *e, void *data);
  /* The engine that the scheduler uses, and its data in *data; NULL: the core's own. What is
  ** new in 1.4 may be looked at only where engine_use was given it: *full says so. For a
  ** module that puts an engine of its own around it. */
  const lwt_engine *(*engine_get)(const lwt_api *, void **data, int *full);
  /* Seconds until `step` has something to do, as far as it is known now: 0: at once;
  ** LWT_NOT_DUE: when the engine's `fd` says so. Changes nothing. */
  double (*due)(const lwt_api *);
  /* As step, wherever the program is: in the middle of a run, of a task, of a callback,
  ** for a loop that is turned there (a modal dialog's). The code in the middle goes on
  ** when that loop has ended. In a finalizer it does nothing. An error that nobody caught
  ** is left to the run or step that is under way, and raised where there is none. */
  void (*step_within)(const lwt_api *, lua_State *L, double budget);

  /* Since 1.5; NULL before lwt.uv is loaded. --------------------------------- */

  /* Have wait->f called once when socket_read of the socket of lwt.net at `idx` has something
  ** to give, or its end, or an error, and also when the socket is closed meanwhile. It is called
  ** at the end of an event, and the tasks that it wakes may run before anything else. Returns 0
  ** when it waits; 1 when there is nothing to wait for, because something has arrived, or the
  ** end, or an error; LWT_AGAIN when something else reads the socket (its methods wait in
  ** line); LWT_NO_SOCKET. Only one may wait for a socket, and has to keep the socket's
  ** userdata alive. Takes no memory, runs no Lua code, never raises. When the state ends,
  ** `f` is not called, and `wait` not touched any more. */
  int (*socket_wait)(const lwt_api *, lua_State *L, int idx, lwt_socket_wait *wait);
  /* `f` is not called. What arrives stays with the socket. */
  void (*socket_unwait)(const lwt_api *, lwt_socket_wait *wait);

  void *system; /* what lwt.uv keeps for this state: its own */
};

/* Fetch the table; raises when lwt is missing or has another major version. */
static inline const lwt_api *lwt_import(lua_State *L) {
  const lwt_api *api;
  if (lua_getfield(L, LUA_REGISTRYINDEX, LWT_REGISTRY_KEY) != LUA_TLIGHTUSERDATA) {
    lua_pop(L, 1);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "lwt");
    lua_call(L, 1, 0);
    lua_getfield(L, LUA_REGISTRYINDEX, LWT_REGISTRY_KEY);
  }
  api = (const lwt_api *)lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (api == NULL)
    luaL_error(L, "lwt.h: this lwt offers no C interface of version %d", LWT_ABI_MAJOR);
  if (api->major != LWT_ABI_MAJOR || (int)api->minor < LWT_ABI_MINOR)
    luaL_error(L, "lwt.h: made for interface %d.%d, found %d.%d", LWT_ABI_MAJOR,
               LWT_ABI_MINOR, (int)api->major, (int)api->minor);
  return api;
}

#ifdef __cplusplus
}
#endif

#endif
