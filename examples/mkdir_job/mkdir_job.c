/* mkdir_job.c: a Lua module of one function, mkdir(path, mode), which creates a directory
** without blocking the loop: a template for jobs of your own.
**
** It needs lua.h and lwt.h and is linked with neither Lua nor lwt. What runs where:
**
**   l_mkdir   main thread   checks arguments, makes the job, hands it over
**   worker    pool thread   the system call; no Lua
**   result    main thread   pushes results or raises
**   release   main thread   frees the job, exactly once, whatever happened before
*/
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <lauxlib.h>
#include <lua.h>

#include <lwt.h>

/* Everything that the three parts share: allocated by malloc, lwt_job first. */
typedef struct mkdir_job {
  lwt_job job;
  const lwt_api *lwt;
  mode_t mode;
  int error;   /* errno of the call, 0: it worked */
  char path[]; /* a copy: the Lua string may be gone by the time the worker runs */
} mkdir_job;

/* On a thread of the pool. errno is this thread's, and copied at once. */
static void worker(lwt_job *job) {
  mkdir_job *m = (mkdir_job *)job;
  m->error = mkdir(m->path, m->mode) == 0 ? 0 : errno;
}

static const char *code_of(int error) {
  switch (error) {
  case EACCES: return "EACCES";
  case EEXIST: return "EEXIST";
  case ENAMETOOLONG: return "ENAMETOOLONG";
  case ENOENT: return "ENOENT";
  case ENOSPC: return "ENOSPC";
  case ENOTDIR: return "ENOTDIR";
  case EPERM: return "EPERM";
  case EROFS: return "EROFS";
  default: return "EUNKNOWN";
  }
}

/* On the main thread: the number of values it pushes is the promise's; what it raises
** rejects the promise. */
static int result(lua_State *L, lwt_job *job) {
  mkdir_job *m = (mkdir_job *)job;
  if (m->error == 0) return 0;
  m->lwt->push_error(m->lwt, L, code_of(m->error), m->error, strerror(m->error), "mkdir",
                     "path", m->path);
  return lua_error(L);
}

static void release(lwt_job *job) {
  free(job);
}

/* mkdir(path, mode): a promise. */
static int l_mkdir(lua_State *L) {
  const lwt_api *lwt = lua_touserdata(L, lua_upvalueindex(1));
  size_t length;
  const char *path = luaL_checklstring(L, 1, &length);
  lua_Integer mode = luaL_optinteger(L, 2, 0777);
  mkdir_job *m;
  luaL_argcheck(L, strlen(path) == length, 1, "path contains a zero");
  luaL_argcheck(L, mode >= 0 && mode <= 07777, 2, "mode out of range");
  m = malloc(sizeof *m + length + 1);
  if (m == NULL) return luaL_error(L, "not enough memory");
  m->job.worker = worker;
  m->job.result = result;
  m->job.release = release;
  m->lwt = lwt;
  m->mode = (mode_t)mode;
  m->error = 0;
  memcpy(m->path, path, length + 1);
  lwt->job_start(lwt, L, &m->job); /* from here on the job is lwt's */
  return 1;
}

int luaopen_mkdir_job(lua_State *L);
int luaopen_mkdir_job(lua_State *L) {
  const lwt_api *lwt = lwt_import(L);
  if (lwt->job_start == NULL)
    return luaL_error(L, "mkdir_job needs lwt with libuv (lwt.uv)");
  lua_createtable(L, 0, 1);
  lua_pushlightuserdata(L, (void *)lwt);
  lua_pushcclosure(L, l_mkdir, 1);
  lua_setfield(L, -2, "mkdir");
  return 1;
}
