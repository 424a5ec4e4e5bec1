/* itimer.c: an interval timer whose signal interrupts whatever the process is doing, for
** spec/uv/channel/faults_io_spec.lua: the handler does nothing, and nothing is restarted.
*/
#include <lauxlib.h>
#include <lua.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

static volatile sig_atomic_t fired;

static void on_alarm(int sig) {
  (void)sig;
  fired++;
}

static void set(long microseconds) {
  struct itimerval v;
  memset(&v, 0, sizeof v);
  v.it_interval.tv_usec = v.it_value.tv_usec = microseconds;
  setitimer(ITIMER_REAL, &v, NULL);
}

/* start(hertz) */
static int l_start(lua_State *L) {
  struct sigaction a;
  lua_Integer hertz = luaL_checkinteger(L, 1);
  memset(&a, 0, sizeof a);
  sigemptyset(&a.sa_mask);
  a.sa_handler = on_alarm; /* no SA_RESTART */
  fired = 0;
  sigaction(SIGALRM, &a, NULL);
  set((long)(1000000 / hertz));
  return 0;
}

/* stop(): how often it has fired */
static int l_stop(lua_State *L) {
  set(0);
  signal(SIGALRM, SIG_IGN);
  lua_pushinteger(L, fired);
  return 1;
}

static const luaL_Reg functions[] = {{"start", l_start}, {"stop", l_stop}, {NULL, NULL}};

int luaopen_spec_itimer(lua_State *L);
int luaopen_spec_itimer(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
