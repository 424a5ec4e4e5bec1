/* job: a C module of a user's own, with a trivial job for lwt's threadpool; built on
** lua.h and lwt.h alone. `require "bench.job"`: job.add(n) is the promise of n + 1,
** reckoned on a thread. */
#include <lauxlib.h>
#include <lua.h>
#include <lwt.h>
#include <stdlib.h>

typedef struct add_job {
  lwt_job job; /* first: lwt sees only this */
  lua_Integer n;
} add_job;

static void work(lwt_job *job) {
  ((add_job *)job)->n++;
}

static int result(lua_State *L, lwt_job *job) {
  lua_pushinteger(L, ((add_job *)job)->n);
  return 1;
}

static void release(lwt_job *job) {
  free(job);
}

static int l_add(lua_State *L) {
  const lwt_api *lwt = lua_touserdata(L, lua_upvalueindex(1));
  lua_Integer n = luaL_checkinteger(L, 1);
  add_job *j = malloc(sizeof *j);
  if (j == NULL) return luaL_error(L, "not enough memory");
  *j = (add_job){{work, result, release}, n};
  lwt->job_start(lwt, L, &j->job);
  return 1;
}

int luaopen_bench_job(lua_State *L) {
  const lwt_api *lwt = lwt_import(L);
  lua_newtable(L);
  lua_pushlightuserdata(L, (void *)lwt);
  lua_pushcclosure(L, l_add, 1);
  lua_setfield(L, -2, "add");
  return 1;
}
