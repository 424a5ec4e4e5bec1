/* probe: what the Lua programs of the benchmark measure with. A clock, the process's
** memory, how many objects of which kind Lua allocates, and marks for callgrind. It is
** loaded by lwt's programs and by the peers' alike; nothing of lwt is in it. `require
** "bench.probe"` */
#define _GNU_SOURCE
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS_AT(s) ((void)(s))
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_STOP_INSTRUMENTATION
#endif

static double seconds(clockid_t which) {
  struct timespec t;
  clock_gettime(which, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int l_now(lua_State *L) { /* seconds, monotonic */
  lua_pushnumber(L, seconds(CLOCK_MONOTONIC));
  return 1;
}

static int l_cpu(lua_State *L) { /* seconds of this process's threads */
  lua_pushnumber(L, seconds(CLOCK_PROCESS_CPUTIME_ID));
  return 1;
}

static int l_rss(lua_State *L) { /* bytes that are resident now */
  long size = 0, resident = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  if (f != NULL) {
    if (fscanf(f, "%ld %ld", &size, &resident) != 2) resident = 0;
    fclose(f);
  }
  lua_pushinteger(L, (lua_Integer)resident * sysconf(_SC_PAGESIZE));
  return 1;
}

static int l_peak(lua_State *L) { /* bytes that were resident at most */
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  lua_pushinteger(L, (lua_Integer)u.ru_maxrss * 1024);
  return 1;
}

/* ---- What is allocated ---------------------------------------------------- */

/* Lua tells its allocator the type of a new object in the place of the old size. */
static struct {
  lua_Alloc f;
  void *ud;
  long long made[LUA_NUMTYPES + 1], other, grown, bytes;
} counts;

static void *counting(void *ud, void *p, size_t osize, size_t nsize) {
  (void)ud;
  if (p == NULL && nsize > 0) {
    counts.bytes += (long long)nsize;
    if (osize > 0 && osize <= LUA_NUMTYPES)
      counts.made[osize]++;
    else
      counts.other++;
  } else if (nsize > osize) {
    counts.bytes += (long long)(nsize - osize);
    counts.grown++;
  }
  return counts.f(counts.ud, p, osize, nsize);
}

static int l_count_begin(lua_State *L) {
  counts.f = lua_getallocf(L, &counts.ud);
  memset(counts.made, 0, sizeof counts.made);
  counts.other = counts.grown = counts.bytes = 0;
  lua_setallocf(L, counting, NULL);
  return 0;
}

static int l_count_end(
    lua_State *L) { /* a table: how many of each kind since the beginning */
  static const struct {
    int type;
    const char *name;
  } kinds[] = {{LUA_TSTRING, "strings"},     {LUA_TTABLE, "tables"},
               {LUA_TFUNCTION, "functions"}, {LUA_TUSERDATA, "userdata"},
               {LUA_TTHREAD, "threads"},     {LUA_NUMTYPES, "upvalues"}};
  size_t i;
  lua_setallocf(L, counts.f, counts.ud);
  lua_createtable(L, 0, 10);
  for (i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    lua_pushinteger(L, counts.made[kinds[i].type]);
    lua_setfield(L, -2, kinds[i].name);
  }
  lua_pushinteger(L, counts.other + counts.grown); /* stacks, table parts, C's own */
  lua_setfield(L, -2, "other");
  lua_pushinteger(L, counts.bytes);
  lua_setfield(L, -2, "bytes");
  return 1;
}

/* ---- Callgrind ------------------------------------------------------------ */

static int l_start(lua_State *L) {
  (void)L;
  CALLGRIND_START_INSTRUMENTATION;
  CALLGRIND_ZERO_STATS;
  return 0;
}

static int l_mark(lua_State *L) { /* what was counted since the last mark, by this name */
  CALLGRIND_DUMP_STATS_AT(luaL_checkstring(L, 1));
  return 0;
}

static int l_stop(lua_State *L) {
  (void)L;
  CALLGRIND_STOP_INSTRUMENTATION;
  return 0;
}

int luaopen_bench_probe(lua_State *L) {
  static const luaL_Reg functions[] = {{"now", l_now},
                                       {"cpu", l_cpu},
                                       {"rss", l_rss},
                                       {"peak", l_peak},
                                       {"start", l_start},
                                       {"mark", l_mark},
                                       {"stop", l_stop},
                                       {"count_begin", l_count_begin},
                                       {"count_end", l_count_end},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
