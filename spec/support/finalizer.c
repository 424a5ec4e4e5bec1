/* finalizer.c: what happens when a finalizer runs in the middle of something.
**
** Its allocator counts the requests of an operation, and at the n-th it has the collector make a
** whole cycle as soon as Lua looks whether it should, which runs the finalizer of an object that was garbage before the
** operation began. That finalizer is an ordinary one: Lua runs it where it would run any. What it
** does and what must hold afterwards is told by the script, which the program runs once for every
** operation, in a process of its own: one that crashes or hangs is told, and the others go on.
** With `refused`, that request after the finalizer is refused, too.
**
**   finalizer SCRIPT [STRIDE [OPERATION [DISTURBANCE [N]]]]    every STRIDE-th n; names; one n
**
** The script's table has `which(operation)`, a list of numbers, and
** `run(i, which, n, stride, operation, disturbance, only)`: the number of failures that it printed.
** How it is built: embed.h, refusing.lua. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "embed.h"

#ifdef __SANITIZE_ADDRESS__
void __sanitizer_set_death_callback(void (*callback)(void));
#endif

enum { IDLE, COUNTING, DUE, FIRED, REFUSING };

static lua_State *state;
static int at = IDLE;
static long requests, limit, after, refused;
static char what[256];

static void *allocate(void *ud, void *ptr, size_t osize, size_t nsize) {
  int grows = nsize > (ptr == NULL ? 0 : osize);
  (void)ud;
  if (at == FIRED && nsize != 0) {
    at = refused > 0 ? REFUSING : IDLE;
    lua_gc(state, LUA_GCSTOP);
  }
  if (at == REFUSING && grows && ++after >= refused) { /* (Lua tries once more) */
    if (after > refused) at = IDLE;
    return NULL;
  }
  if (at == COUNTING && grows && ++requests == limit) {
    at = DUE;
    lua_gc(state, LUA_GCRESTART); /* sets the debt to nothing: this request makes one */
  }
  return resize(ptr, osize, nsize);
}

static void tell(void) {
  fprintf(stderr, "finalizer: in %s\n", what);
}

/* The trap's finalizer; upvalue: what it does. */
static int l_trap(lua_State *L) {
  if (at != DUE) return 0; /* the operation was over before */
  at = IDLE; /* what it does itself is not counted */
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_call(L, 0, 0);
  at = FIRED;
  return 0;
}

/* arm(name, n, f [, m]): from now on f is called at the n-th request; the m-th after that is refused. */
static int l_arm(lua_State *L) {
  snprintf(what, sizeof what, "%s", luaL_checkstring(L, 1));
  limit = (long)luaL_checkinteger(L, 2);
  luaL_checktype(L, 3, LUA_TFUNCTION);
  refused = (long)luaL_optinteger(L, 4, 0);
  lua_gc(L, LUA_GCRESTART);
  lua_gc(L, LUA_GCCOLLECT);
  lua_gc(L, LUA_GCCOLLECT);
  lua_gc(L, LUA_GCSTOP);
  lua_newtable(L);
  lua_newtable(L);
  lua_pushvalue(L, 3);
  lua_pushcclosure(L, l_trap, 1);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_settop(L, 0);
  alarm(20);
  requests = after = 0;
  at = COUNTING;
  return 0;
}

/* disarm(): was the operation over before? And was something refused? */
static int l_disarm(lua_State *L) {
  at = IDLE;
  lua_gc(L, LUA_GCRESTART);
  lua_pushboolean(L, requests < limit);
  lua_pushboolean(L, refused > 0 && after > refused);
  return 2;
}

static void on_alarm(int sig) {
  (void)sig;
  if (write(1, what, strlen(what)) > 0 && write(1, ": hangs\n", 8) > 0) _exit(1);
  _exit(1);
}

static const luaL_Reg functions[] = {{"arm", l_arm}, {"disarm", l_disarm}, {NULL, NULL}};

/* A state with the libraries, lwt at hand, and the script's table on the stack. */
static lua_State *open_state(const char *script) {
  lua_State *L = state = lua_newstate(allocate, NULL);
  if (L == NULL) die("lua_newstate", "failed");
  open_libraries(L);
  lua_gc(L, LUA_GCINC, 200, 400, 40); /* a step is a whole cycle */
  luaL_newlib(L, functions);
  lua_setglobal(L, "finalizer");
  load(L, script);
  return L;
}

/* In a process of its own, and in a state after the other as long as the script wants another
** one: `run` gives the number of failures, and with which disturbance and n to go on. */
static int run(char **argv, int operation) {
  long failures = 0;
  int more = 1, which = 0, n = 0;
  signal(SIGALRM, on_alarm);
  while (more) {
    lua_State *L = open_state(argv[1]);
    lua_getfield(L, -1, "run");
    lua_pushinteger(L, operation);
    lua_pushinteger(L, which);
    lua_pushinteger(L, n);
    for (int i = 2; i < 6 && argv[i] != NULL; i++) lua_pushstring(L, argv[i]);
    more = 0;
    if (lua_pcall(L, lua_gettop(L) - 2, 3, 0) != LUA_OK) {
      printf("%s: %s\n", what, luaL_tolstring(L, -1, NULL));
      failures++;
    } else {
      failures += (long)lua_tointeger(L, -3);
      more = !lua_isnil(L, -2);
      which = (int)lua_tointeger(L, -2);
      n = (int)lua_tointeger(L, -1);
    }
    alarm(20);
    lua_close(L);
    if (in_use != 0) {
      printf("%s and its like: %zu bytes were not given back\n", what, in_use);
      failures++;
      in_use = 0;
    }
  }
  fflush(stdout);
  return failures != 0;
}

/* The operations that are meant: their numbers, and how many. */
static int choose(char **argv, int *numbers, int most) {
  lua_State *L = open_state(argv[1]);
  int count;
  lua_getfield(L, -1, "which");
  lua_pushstring(L, argv[2]);
  lua_pushstring(L, argv[2] != NULL ? argv[3] : NULL);
  if (lua_pcall(L, 2, 1, 0) != LUA_OK) die("which", lua_tostring(L, -1));
  count = (int)lua_rawlen(L, -1);
  if (count > most) die("which", "too many operations");
  for (int i = 0; i < count; i++) {
    lua_rawgeti(L, -1, i + 1);
    numbers[i] = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
  }
  lua_close(L);
  return count;
}

int main(int argc, char **argv) {
  long failures = 0;
  int numbers[1000], status;
  if (argc < 2) die("usage", "finalizer SCRIPT [STRIDE [OPERATION [DISTURBANCE [N]]]]");
  setvbuf(stdout, NULL, _IOLBF, 0);
  int count = choose(argv, numbers, 1000);
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_set_death_callback(tell);
#endif
  for (int i = 0; i < count; i++) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
      in_use = 0;
      exit(run(argv, numbers[i]));
    }
    if (child < 0 || waitpid(child, &status, 0) != child) die("fork", "no child");
    if (status == 0) continue;
    failures++;
    if (WIFSIGNALED(status))
      printf("operation %d: ended by signal %d\n", numbers[i], WTERMSIG(status));
  }
  printf("%ld failures\n", failures);
  return failures != 0;
}
