/* pty.c: pseudo-terminals for the specs.
**
** open(columns, rows) gives a master and a slave; start(slave, argv) runs a program in a session of
** its own whose terminal that is; state(fd) says in words how a terminal is set.
*/
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* In a bare chroot /dev/ptmx may be missing where /dev/pts has one. */
static int l_open(lua_State *L) {
  struct winsize size = {.ws_col = (unsigned short)luaL_optinteger(L, 1, 80),
                         .ws_row = (unsigned short)luaL_optinteger(L, 2, 24)};
  int flags = O_RDWR | O_NOCTTY | O_CLOEXEC, slave = -1;
  int master = open("/dev/ptmx", flags | O_NONBLOCK), locked = 0;
  if (master < 0) master = open("/dev/pts/ptmx", flags | O_NONBLOCK);
  if (master >= 0 && ioctl(master, TIOCSPTLCK, &locked) == 0)
    slave = ioctl(master, TIOCGPTPEER, flags);
  if (slave < 0) return luaL_error(L, "no pseudo-terminal: %s", strerror(errno));
  ioctl(master, TIOCSWINSZ, &size);
  lua_pushinteger(L, master);
  lua_pushinteger(L, slave);
  return 2;
}

static int l_resize(lua_State *L) {
  struct winsize size = {.ws_col = (unsigned short)luaL_checkinteger(L, 2),
                         .ws_row = (unsigned short)luaL_checkinteger(L, 3)};
  if (ioctl((int)luaL_checkinteger(L, 1), TIOCSWINSZ, &size) != 0)
    return luaL_error(L, "TIOCSWINSZ: %s", strerror(errno));
  return 0;
}

/* read(master, milliseconds): what there is; "" when nothing came, nil when the other side is gone. */
static int l_read(lua_State *L) {
  char buffer[65536];
  int fd = (int)luaL_checkinteger(L, 1);
  struct pollfd p = {.fd = fd, .events = POLLIN};
  ssize_t n;
  poll(&p, 1, (int)luaL_optinteger(L, 2, 0));
  n = read(fd, buffer, sizeof buffer);
  if (n > 0)
    lua_pushlstring(L, buffer, (size_t)n);
  else if (n < 0 && (errno == EAGAIN || errno == EINTR))
    lua_pushliteral(L, "");
  else
    lua_pushnil(L);
  return 1;
}

/* write(fd, bytes): how many were taken. */
static int l_write(lua_State *L) {
  size_t size;
  const char *bytes = luaL_checklstring(L, 2, &size);
  ssize_t n = write((int)luaL_checkinteger(L, 1), bytes, size);
  lua_pushinteger(L, n < 0 ? 0 : n);
  return 1;
}

static int l_close(lua_State *L) {
  close((int)luaL_checkinteger(L, 1));
  return 0;
}

/* start(slave, argv): its process id. */
static int l_start(lua_State *L) {
  int slave = (int)luaL_checkinteger(L, 1), i, n;
  char **argv;
  pid_t pid;
  luaL_checktype(L, 2, LUA_TTABLE);
  n = (int)lua_rawlen(L, 2);
  argv = lua_newuserdatauv(L, ((size_t)n + 1) * sizeof *argv, 0);
  luaL_checkstack(L, n, NULL);
  for (i = 0; i < n; i++) {
    lua_rawgeti(L, 2, i + 1);
    argv[i] = (char *)lua_tostring(L, -1);
  }
  argv[n] = NULL;
  pid = fork();
  if (pid == 0) {
    sigset_t none;
    int s;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (s = 1; s < NSIG; s++) signal(s, SIG_DFL);
    setsid();
    ioctl(slave, TIOCSCTTY, 0);
    for (i = 0; i < 3; i++) dup2(slave, i);
    execvp(argv[0], argv);
    _exit(127);
  }
  if (pid < 0) return luaL_error(L, "fork: %s", strerror(errno));
  lua_pushinteger(L, pid);
  return 1;
}

/* wait(pid): "exited", code or "signaled", number when it has ended, else nil. */
static int l_wait(lua_State *L) {
  int status;
  pid_t pid = waitpid((pid_t)luaL_checkinteger(L, 1), &status, WNOHANG);
  if (pid <= 0) return 0;
  lua_pushstring(L, WIFSIGNALED(status) ? "signaled" : "exited");
  lua_pushinteger(L, WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  return 2;
}

static int l_kill(lua_State *L) {
  lua_pushboolean(L, kill((pid_t)luaL_checkinteger(L, 1), (int)luaL_checkinteger(L, 2)) == 0);
  return 1;
}

/* state(fd): the flags, and the control characters, as a text that can be compared. */
static int l_state(lua_State *L) {
  struct termios t;
  luaL_Buffer b;
  int i;
  if (tcgetattr((int)luaL_checkinteger(L, 1), &t) != 0)
    return luaL_error(L, "tcgetattr: %s", strerror(errno));
  luaL_buffinit(L, &b);
  lua_pushfstring(L, "%I %I %I %I", (lua_Integer)t.c_iflag, (lua_Integer)t.c_oflag,
                  (lua_Integer)t.c_cflag, (lua_Integer)t.c_lflag);
  luaL_addvalue(&b);
  for (i = 0; i < NCCS; i++) {
    lua_pushfstring(L, " %d", (int)t.c_cc[i]);
    luaL_addvalue(&b);
  }
  luaL_pushresult(&b);
  return 1;
}

/* flags(fd): what a spec asks for by name. */
static int l_flags(lua_State *L) {
  struct termios t;
  if (tcgetattr((int)luaL_checkinteger(L, 1), &t) != 0)
    return luaL_error(L, "tcgetattr: %s", strerror(errno));
  lua_newtable(L);
  lua_pushboolean(L, (t.c_lflag & ICANON) != 0);
  lua_setfield(L, -2, "canonical");
  lua_pushboolean(L, (t.c_lflag & ECHO) != 0);
  lua_setfield(L, -2, "echo");
  lua_pushboolean(L, (t.c_lflag & ISIG) != 0);
  lua_setfield(L, -2, "signals");
  lua_pushboolean(L, (t.c_oflag & OPOST) != 0);
  lua_setfield(L, -2, "output");
  return 1;
}

/* erase(fd, byte): the character that its line editor takes for backspace. */
static int l_erase(lua_State *L) {
  struct termios t;
  int fd = (int)luaL_checkinteger(L, 1);
  if (tcgetattr(fd, &t) != 0) return luaL_error(L, "tcgetattr: %s", strerror(errno));
  t.c_cc[VERASE] = (cc_t)luaL_checkinteger(L, 2);
  tcsetattr(fd, TCSANOW, &t);
  return 0;
}

int luaopen_pty(lua_State *L);
int luaopen_pty(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"open", l_open}, {"resize", l_resize}, {"read", l_read},   {"write", l_write},
      {"close", l_close}, {"start", l_start}, {"wait", l_wait},   {"kill", l_kill},
      {"state", l_state}, {"flags", l_flags}, {"erase", l_erase}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
