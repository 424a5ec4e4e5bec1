/* refuse.c: a Lua module whose function takes a system call away from its process: from then on
** it fails, as on a system that is too old for it, or in a container that forbids it. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <lauxlib.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

static const struct {
  unsigned number;
  unsigned error;
} calls[] = {{SYS_pidfd_open, ENOSYS}, {SYS_setgroups, EPERM}};

static int l_refuse(lua_State *L) {
  static const char *const names[] = {"pidfd_open", "setgroups", NULL};
  int i = luaL_checkoption(L, 1, NULL, names);
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i].number, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | calls[i].error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof code / sizeof *code, code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    return luaL_error(L, "the system does not filter");
  return 0;
}

int luaopen_refuse(lua_State *L) {
  lua_pushcfunction(L, l_refuse);
  return 1;
}
