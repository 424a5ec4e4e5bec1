/* oom.c: what happens when memory runs out.
**
** Its allocator refuses the n-th request. For every section of a script, and for n = 1, 2, … until the section
** gets by with fewer requests, it makes a Lua state, runs the section, and looks at what
** came of it: the same text as without a refusal, or something that speaks of memory
** (the text, the error, or a warning).
** Then the state must still work, and give back every byte when it is closed.
**
**   oom [OPTION...] SCRIPT [STRIDE [SECTION [N]]]    every STRIDE-th n; one section; one n
**   -a          the n-th and all after it
**   -m          counts only what lwt itself asks malloc, calloc and realloc for
**   -e, -w      see below
**
** Built with REFUSE_CALLS (and OOM_UV), it refuses the n-th call of libuv or the system instead
** (refused_calls.h): it fails with ENOMEM, so that what is told speaks of memory, too. With -e, it fails
** with each of the errors that it may say, one after the other, and what is told speaks of that one. With -w, these are errors
** that are nobody's trouble (EINTR: once more, please): nobody must notice, so that the text is the same.
**
** Lua asks a second time after a refusal (it collects garbage first), so two requests
** in a row are refused, or, with -a, all from the n-th on. What lwt itself asks malloc and realloc
** for is counted, too. A script may have only a part of its section counted: refusals(false),
** refusals(true). How it is built: embed.h, refusing.lua. */
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The linker puts what begins with __wrap in the place of the library's functions, which are __real ones. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);
char *__wrap_strdup(const char *text);
#define REALLOC __real_realloc
#include "embed.h"
#ifdef OOM_UV
#include <uv.h>

#include "../../src/lwt.h"
#endif

static int armed, persistent, only_malloc, warned;
static long requests, limit;
static enum { PLAIN, TOLD, UNNOTICED } mode; /* -e and -w */
static const char *refused_with = "memory"; /* the error's name */

#ifdef REFUSE_CALLS
static const char *refused = "nothing"; /* the first of them */

#include "refused_calls.h"

static int refuses(void) { return 0; }
#else
static const char *refused = "memory";

static int refuses(void) {
  if (!armed) return 0;
  requests++;
  if (limit == 0) return 0;
  return requests == limit || (!only_malloc && requests == limit + 1) || (persistent && requests > limit);
}
#endif

static void *allocate(void *ud, void *ptr, size_t osize, size_t nsize) {
  (void)ud;
  if (!only_malloc && nsize > (ptr == NULL ? 0 : osize) && refuses()) return NULL;
  return resize(ptr, osize, nsize);
}

/* What lwt calls. */
void *__wrap_malloc(size_t size) { return refuses() ? NULL : __real_malloc(size); }
void *__wrap_calloc(size_t count, size_t size) { return refuses() ? NULL : __real_calloc(count, size); }
void *__wrap_realloc(void *ptr, size_t size) { return refuses() ? NULL : __real_realloc(ptr, size); }
char *__wrap_strdup(const char *text) { return refuses() ? NULL : __real_strdup(text); }

/* Whether it tells what was refused. */
static int speaks_of_it(const char *text) {
  if (mode == UNNOTICED) return 0;
  if (mode == TOLD) return strstr(text, refused_with) != NULL;
  return strstr(text, "memory") != NULL || strstr(text, "ENOMEM") != NULL;
}

/* An exception hook that fails, for want of memory too, is reported by a warning. */
static void warn(void *ud, const char *text, int to_be_continued) {
  (void)ud, (void)to_be_continued;
  if (speaks_of_it(text)) warned = 1;
}

/* refusals(on): gives whether any are meant. */
static int l_refusals(lua_State *L) {
  armed = lua_toboolean(L, 1);
  if (armed) requests = 0;
  lua_pushboolean(L, limit != 0);
  return 1;
}

/* terminal(): the two descriptors of a new one. */
static int l_terminal(lua_State *L) {
  struct winsize size = {.ws_row = 24, .ws_col = 80};
  int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
  if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) return luaL_error(L, "no terminal");
  slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  if (slave < 0 || ioctl(slave, TIOCSWINSZ, &size) != 0) return luaL_error(L, "no terminal");
  lua_pushinteger(L, master);
  lua_pushinteger(L, slave);
  return 2;
}

#ifdef OOM_UV
typedef struct doubling {
  lwt_job job; /* first */
  lua_Integer n;
} doubling;

static void run_doubling(lwt_job *job) {
  ((doubling *)job)->n *= 2;
}

static int push_doubling(lua_State *L, lwt_job *job) {
  lua_pushinteger(L, ((doubling *)job)->n);
  return 1;
}

static void free_doubling(lwt_job *job) {
  free(job);
}

/* job(n): a promise of 2 * n, from a job in C. */
static int l_job(lua_State *L) {
  const lwt_api *lwt = lwt_import(L);
  lua_Integer n = luaL_checkinteger(L, 1);
  doubling *d = calloc(1, sizeof *d);
  if (d == NULL) return luaL_error(L, "not enough memory for a job");
  d->job = (lwt_job){.worker = run_doubling, .result = push_doubling, .release = free_doubling};
  d->n = n;
  lwt->job_start(lwt, L, &d->job);
  return 1;
}

static uv_loop_t the_host_loop, *host_loop;

/* host_loop(turn): a loop of the program's own; turned once, if so it should be. */
static int l_host_loop(lua_State *L) {
  if (host_loop == NULL && uv_loop_init(host_loop = &the_host_loop) != 0) return luaL_error(L, "no memory for a loop");
  if (lua_toboolean(L, 1)) uv_run(host_loop, UV_RUN_NOWAIT);
  lua_pushlightuserdata(L, host_loop);
  return 1;
}

/* What the state has left on the host's loop is closed by turns of that. */
static void after_the_state(void) {
  if (host_loop != NULL) uv_run(host_loop, UV_RUN_NOWAIT);
}
#else
static void after_the_state(void) {}
#endif

/* A state with the libraries, the core at hand, and the script's table on the stack. */
static lua_State *open_state(const char *script) {
  lua_State *L = lua_newstate(allocate, NULL);
  if (L == NULL) die("lua_newstate", "failed");
  lua_setwarnf(L, warn, NULL);
  open_libraries(L);
  lua_register(L, "refusals", l_refusals);
  lua_register(L, "terminal", l_terminal);
#ifdef OOM_UV
  lua_register(L, "job", l_job);
  lua_register(L, "host_loop", l_host_loop);
#endif
  load(L, script);
  return L;
}

/* Calls field `name` of the table on top, or of its `sections`. Leaves the text. */
static int call(lua_State *L, const char *name, int section) {
  int status;
  if (section > 0) {
    lua_getfield(L, -1, "sections");
    lua_rawgeti(L, -1, section);
    lua_getfield(L, -1, "run");
    lua_replace(L, -3);
    lua_pop(L, 1);
  } else {
    lua_getfield(L, -1, name);
  }
  armed = section > 0;
  requests = 0;
  status = lua_pcall(L, 0, 1, 0);
  armed = 0;
  return status;
}

static const char *text_of(lua_State *L) {
  return lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "(no text)";
}

static char expected[65536];
static long failures;

static void fail(const char *name, long n, const char *what, const char *text) {
  failures++;
  printf("section %s, request %ld (%s: %s) refused%s: %s: %s\n", name, n, refused, refused_with,
         persistent ? " and all after it" : "", what, text);
  fflush(stdout);
}

/* Where no time limit of the section's own helps: something spins. */
static char attempted[96];

static void on_alarm(int sig) {
  (void)sig;
  if (write(1, attempted, strlen(attempted)) > 0 && write(1, ": hangs\n", 8) > 0) _exit(1);
  _exit(1);
}

/* Runs a section with the n-th request refused. Returns whether that was too late. */
static int attempt(const char *script, const char *name, int section, long n) {
  lua_State *L;
  int over;
  size_t before = in_use;
  if (getenv("OOM_VERBOSE")) fprintf(stderr, "%s %ld %d\n", name, n, persistent);
  snprintf(attempted, sizeof attempted, "section %s, request %ld", name, n);
  alarm(600);
  L = open_state(script);
  if (call(L, "setup", 0) != LUA_OK) die("setup", text_of(L));
  lua_pop(L, 1);
  limit = n;
  warned = 0;
  if (call(L, NULL, section) == LUA_OK) {
    if (strcmp(text_of(L), expected) != 0 && !speaks_of_it(text_of(L)) && !warned)
      fail(name, n, "wrong result", text_of(L));
  } else if (!speaks_of_it(text_of(L))) {
    fail(name, n, "another error", text_of(L));
  }
  over = requests < n;
  lua_pop(L, 1);
  if (call(L, "check", 0) != LUA_OK) fail(name, n, "broken afterwards", text_of(L));
  lua_close(L);
  after_the_state();
  if (in_use != before) fail(name, n, "bytes were not given back", "");
  in_use = before;
  return over;
}

static void run_section(const char *script, int section, long stride, long only) {
  lua_State *L = open_state(script);
  char name[64];
  long n = only;
  lua_getfield(L, -1, "sections");
  lua_rawgeti(L, -1, section);
  lua_getfield(L, -1, "name");
  snprintf(name, sizeof name, "%s", lua_tostring(L, -1));
  lua_pop(L, 3);
  limit = 0;
  if (call(L, "setup", 0) != LUA_OK) die("setup", text_of(L));
  lua_pop(L, 1);
  if (call(L, NULL, section) != LUA_OK) die(name, text_of(L));
  if (strlen(text_of(L)) >= sizeof expected) die(name, "too much text");
  strcpy(expected, text_of(L));
  lua_pop(L, 1);
  if (call(L, "check", 0) != LUA_OK) die("check", text_of(L));
  lua_close(L);
  if (only)
    attempt(script, name, section, only);
  else
    for (n = 1 + section % stride; !attempt(script, name, section, n); n += stride) continue;
  printf("section %s: %ld requests\n", name, n);
}

int main(int argc, char **argv) {
  long stride, only;
  int section, count;
  lua_State *L;
  for (; argc > 1 && argv[1][0] == '-'; argc--, argv++) {
    if (strcmp(argv[1], "-a") == 0) persistent = 1;
    if (strcmp(argv[1], "-m") == 0) only_malloc = 1;
    if (strcmp(argv[1], "-e") == 0) mode = TOLD;
    if (strcmp(argv[1], "-w") == 0) mode = UNNOTICED;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  signal(SIGALRM, on_alarm);
  if (argc < 2) die("usage", "oom [-a] [-m] [-e] [-w] SCRIPT [STRIDE [SECTION [N]]]");
  stride = argc > 2 ? atol(argv[2]) : 1;
  section = argc > 3 ? atoi(argv[3]) : 0;
  only = argc > 4 ? atol(argv[4]) : 0;
  L = open_state(argv[1]);
  lua_getfield(L, -1, "sections");
  count = (int)lua_rawlen(L, -1);
  lua_close(L);
  if (section)
    run_section(argv[1], section, stride, only);
  else
    for (section = 1; section <= count; section++) run_section(argv[1], section, stride, 0);
  printf("%ld failures\n", failures);
  return failures != 0;
}
