/* tty.c: what terminals have and libuv has not: a raw mode that leaves output and, where wanted,
** signals alone; what has to be written when the program ends in the middle; stopping by Ctrl-Z.
**
** A `tty` is made of the descriptors that a terminal object reads and writes, which are
** duplicated: whatever the program closes, the terminal can be given back. How a terminal was set
** at first belongs to the device, which several objects (and Lua states) may share: hence the table
** of devices of the process, under its mutex. `give_back` runs in signal handlers too, so it looks
** at nothing but its own tty, and at that only what is never half written.
*/
#include "term.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define LEAVE_MAX 256 /* bytes of what is written at the end */
#define DEVICES 16

enum { COOKED, KEYS, SIGNALS };

typedef struct tty {
  const lwt_api *lwt;
  int in, out;    /* descriptors of our own; -1: not a terminal, closed */
  int ticket;     /* of lwt->lent_add; -1: nothing has to be given back */
  int mode;       /* COOKED … */
  int device;     /* in `devices`, while the mode is not COOKED */
  atomic_int raw; /* `saved` is valid, and to be set at the end */
  struct termios saved;
  atomic_int which; /* of the two below, the one that counts */
  struct {
    size_t n;
    char bytes[LEAVE_MAX];
  } leave[2];
} tty;

static struct {
  int users;
  dev_t number;
  struct termios saved;
} devices[DEVICES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- Giving back ----------------------------------------------------------- */

/* Another program has the terminal, and has set it as it likes. */
static int in_background(int fd) {
  pid_t group = tcgetpgrp(fd);
  return group > 0 && group != getpgrp();
}

/* A terminal that takes nothing must not keep the process from ending. */
static void write_out(int fd, const char *bytes, size_t n) {
  struct pollfd p = {.fd = fd, .events = POLLOUT};
  while (n > 0 && poll(&p, 1, 100) == 1 && (p.revents & POLLOUT)) {
    ssize_t done = write(fd, bytes, n);
    if (done <= 0) return;
    bytes += done;
    n -= (size_t)done;
  }
}

static int set_mode(int fd, const struct termios *mode) {
  int status;
  do status = tcsetattr(fd, TCSANOW, mode);
  while (status != 0 && errno == EINTR);
  return status;
}

/* SIGTTOU would stop a process in the background. */
static void set_mode_quietly(int fd, const struct termios *mode) {
  sigset_t ttou, old;
  sigemptyset(&ttou);
  sigaddset(&ttou, SIGTTOU);
  pthread_sigmask(SIG_BLOCK, &ttou, &old);
  set_mode(fd, mode);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* On every way out: fit for signal handlers. */
static void give_back(void *data) {
  tty *t = data;
  int which = atomic_load(&t->which);
  if (in_background(t->in >= 0 ? t->in : t->out)) return;
  if (t->out >= 0) write_out(t->out, t->leave[which].bytes, t->leave[which].n);
  if (atomic_load(&t->raw)) set_mode_quietly(t->in, &t->saved);
}

/* What has to be given back is entered before it is changed. 0, or an errno. */
static int lend(tty *t) {
  if (t->ticket >= 0) return 0;
  t->ticket = t->lwt->lent_add(t->lwt, give_back, t);
  return t->ticket >= 0 ? 0 : EMFILE;
}

static void returned(tty *t) {
  if (t->ticket < 0 || atomic_load(&t->raw) || t->leave[atomic_load(&t->which)].n > 0)
    return;
  t->lwt->lent_remove(t->lwt, t->ticket);
  t->ticket = -1;
}

/* ---- Raw mode -------------------------------------------------------------- */

/* An earlier program was killed in raw mode: that mode must not be restored. */
static void mend(struct termios *mode) {
  if (mode->c_lflag & (ICANON | ECHO)) return;
  mode->c_lflag |= ICANON | ECHO | ECHOE | ECHOK | ISIG | IEXTEN;
  mode->c_iflag |= ICRNL | IXON | BRKINT;
  mode->c_oflag |= OPOST | ONLCR;
}

/* With the lock: the device of `fd`, and its first settings; -1 and errno. */
static int enter_device(int fd) {
  struct stat st;
  int i, free_one = -1;
  if (fstat(fd, &st) != 0) return -1;
  for (i = 0; i < DEVICES; i++) {
    if (devices[i].users > 0 && devices[i].number == st.st_rdev) {
      devices[i].users++;
      return i;
    }
    if (devices[i].users == 0) free_one = i;
  }
  if (free_one < 0) return errno = EMFILE, -1;
  if (tcgetattr(fd, &devices[free_one].saved) != 0) return -1;
  mend(&devices[free_one].saved);
  devices[free_one].users = 1;
  devices[free_one].number = st.st_rdev;
  return free_one;
}

static struct termios raw_of(const struct termios *saved, int mode) {
  struct termios raw = *saved;
  raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO | IEXTEN);
  raw.c_iflag &= (tcflag_t) ~(IXON | ICRNL | INLCR | IGNCR | ISTRIP | INPCK | BRKINT);
  raw.c_cflag = (raw.c_cflag & (tcflag_t) ~(CSIZE | PARENB)) | CS8;
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  if (mode == KEYS) {
    raw.c_lflag &= (tcflag_t)~ISIG;
  } else {
    raw.c_lflag |= ISIG | NOFLSH;
    raw.c_cc[VSUSP] = raw.c_cc[VQUIT] = _POSIX_VDISABLE;
  }
  return raw;
}

/* 0, or an errno. */
static int enter_raw(tty *t, int mode) {
  struct termios raw;
  int err = lend(t);
  if (err != 0) return err;
  if (t->mode == COOKED) {
    pthread_mutex_lock(&lock);
    t->device = enter_device(t->in);
    err = errno;
    if (t->device >= 0) t->saved = devices[t->device].saved;
    pthread_mutex_unlock(&lock);
    if (t->device < 0) return returned(t), err;
    atomic_store(&t->raw, 1);
    t->mode = mode;
  }
  raw = raw_of(&t->saved, mode);
  t->mode = mode;
  return set_mode(t->in, &raw) == 0 ? 0 : errno;
}

static void leave_raw(tty *t) {
  int last;
  if (t->mode == COOKED) return;
  t->mode = COOKED;
  pthread_mutex_lock(&lock);
  last = --devices[t->device].users == 0;
  if (last && !in_background(t->in)) set_mode_quietly(t->in, &t->saved);
  pthread_mutex_unlock(&lock);
  atomic_store(&t->raw, 0);
  returned(t);
}

/* ---- For Lua --------------------------------------------------------------- */

#define TYPE "lwt.term.tty"

static tty *check_tty(lua_State *L) {
  return luaL_checkudata(L, 1, TYPE);
}

static int duplicate(lua_State *L, int arg) {
  int fd = lua_isnil(L, arg) ? -1 : (int)luaL_checkinteger(L, arg);
  return fd >= 0 && isatty(fd) ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
}

/* open(input, output): of two descriptors, either nil. nil when neither is a terminal. */
static int l_open(lua_State *L) {
  tty *t;
  lua_settop(L, 2);
  t = lua_newuserdatauv(L, sizeof *t, 0);
  memset(t, 0, sizeof *t);
  t->in = t->out = t->ticket = -1;
  t->lwt = lwt_import(L);
  if (t->lwt->lent_add == NULL) return luaL_error(L, "lwt.term needs lwt.uv");
  luaL_setmetatable(L, TYPE);
  t->in = duplicate(L, 1);
  t->out = duplicate(L, 2);
  if (t->in < 0 && t->out < 0) lua_pushnil(L);
  return 1;
}

static int fail(lua_State *L, const char *op, int err) {
  const char *code = err == EIO      ? "EIO"
                     : err == ENOTTY ? "ENOTTY"
                     : err == EMFILE ? "EMFILE"
                                     : "EINVAL";
  /* In the words that libuv has for them. */
  const char *text = err == EIO      ? "i/o error"
                     : err == ENOTTY ? "inappropriate ioctl for device"
                     : err == EMFILE ? "too many open files"
                                     : "invalid argument";
  tty *t = check_tty(L);
  t->lwt->push_error(t->lwt, L, code, err, text, op, NULL, NULL);
  return lua_error(L);
}

/* tty:raw("keys" or "signals"): every key at once and no echo; Ctrl-C and its like are keys, or
** signals. */
static int l_raw(lua_State *L) {
  static const char *const names[] = {"keys", "signals", NULL};
  tty *t = check_tty(L);
  int mode = luaL_checkoption(L, 2, "keys", names) == 0 ? KEYS : SIGNALS;
  int err = t->in < 0 ? ENOTTY : enter_raw(t, mode);
  return err == 0 ? 0 : fail(L, "raw_mode", err);
}

/* tty:cooked(): as it was at first. */
static int l_cooked(lua_State *L) {
  leave_raw(check_tty(L));
  return 0;
}

/* tty:leave(bytes): what is written on every way out from now on. */
static int l_leave(lua_State *L) {
  tty *t = check_tty(L);
  size_t n;
  const char *bytes = luaL_checklstring(L, 2, &n);
  int next = !atomic_load(&t->which);
  luaL_argcheck(L, n <= LEAVE_MAX, 2, "too long");
  memcpy(t->leave[next].bytes, bytes, n);
  t->leave[next].n = n;
  if (n > 0 && t->out >= 0) {
    int err = lend(t);
    if (err != 0) return fail(L, "leave", err);
  }
  atomic_store(&t->which, next);
  if (n == 0) returned(t);
  return 0;
}

/* tty:close(): gives the terminal back, and the descriptors. */
static int l_close(lua_State *L) {
  tty *t = check_tty(L);
  int which = atomic_load(&t->which);
  if (t->ticket >= 0 && t->out >= 0 && !in_background(t->out))
    write_out(t->out, t->leave[which].bytes, t->leave[which].n);
  t->leave[which].n = 0;
  leave_raw(t);
  returned(t);
  if (t->in >= 0) close(t->in);
  if (t->out >= 0) close(t->out);
  t->in = t->out = -1;
  return 0;
}

/* tty:size(): columns and rows; zeros where the terminal does not know. */
static int l_size(lua_State *L) {
  tty *t = check_tty(L);
  struct winsize size = {0};
  int fd = t->out >= 0 ? t->out : t->in;
  if (fd >= 0) ioctl(fd, TIOCGWINSZ, &size);
  lua_pushinteger(L, size.ws_col);
  lua_pushinteger(L, size.ws_row);
  return 2;
}

/* tty:is(): whether the input is a terminal, and whether the output is. */
static int l_is(lua_State *L) {
  tty *t = check_tty(L);
  lua_pushboolean(L, t->in >= 0);
  lua_pushboolean(L, t->out >= 0);
  return 2;
}

/* tty:background(): another program has the terminal now. */
static int l_background(lua_State *L) {
  tty *t = check_tty(L);
  int fd = t->in >= 0 ? t->in : t->out;
  lua_pushboolean(L, fd >= 0 && in_background(fd));
  return 1;
}

/* tty:characters(): the bytes that edit and interrupt in cooked mode: { erase = 127, … }; those that
** are off are left out. */
static int l_characters(lua_State *L) {
  static const struct {
    const char *name;
    int at;
  } names[] = {{"erase", VERASE}, {"werase", VWERASE}, {"kill", VKILL},
               {"eof", VEOF},     {"lnext", VLNEXT},   {"interrupt", VINTR},
               {"quit", VQUIT},   {"suspend", VSUSP},  {"reprint", VREPRINT}};
  tty *t = check_tty(L);
  struct termios mode;
  size_t i;
  lua_newtable(L);
  if (atomic_load(&t->raw))
    mode = t->saved;
  else if (t->in < 0 || tcgetattr(t->in, &mode) != 0)
    return 1;
  for (i = 0; i < sizeof names / sizeof *names; i++)
    if (mode.c_cc[names[i].at] != _POSIX_VDISABLE) {
      lua_pushinteger(L, mode.c_cc[names[i].at]);
      lua_setfield(L, -2, names[i].name);
    }
  return 1;
}

static int ignores_stop(void) {
  struct sigaction now;
  sigaction(SIGTSTP, NULL, &now);
  return now.sa_handler == SIG_IGN;
}

/* stops(): whether Ctrl-Z stops this process. Where whoever started it had it ignore that, there
** is no shell that could make it go on. */
static int l_stops(lua_State *L) {
  lua_pushboolean(L, !ignores_stop());
  return 1;
}

/* stop(group): stops this process as Ctrl-Z does, with the others of its group if wanted. Returns
** when it goes on; at once where no other process could make it go on. */
static int l_stop(lua_State *L) {
  struct sigaction old, action;
  sigset_t tstp, mask;
  int group = lua_toboolean(L, 1);
  if (ignores_stop()) return 0;
  memset(&action, 0, sizeof action);
  sigemptyset(&action.sa_mask);
  if (group) {
    action.sa_handler = SIG_IGN; /* the others stop; we do when all is ready */
    sigaction(SIGTSTP, &action, &old);
    kill(0, SIGTSTP);
  }
  action.sa_handler = SIG_DFL;
  sigaction(SIGTSTP, &action, group ? NULL : &old);
  sigemptyset(&tstp);
  sigaddset(&tstp, SIGTSTP);
  pthread_sigmask(SIG_UNBLOCK, &tstp, &mask);
  raise(SIGTSTP);
  pthread_sigmask(SIG_SETMASK, &mask, NULL);
  sigaction(SIGTSTP, &old, NULL);
  return 0;
}

void lwt_term_open_tty(lua_State *L) {
  static const luaL_Reg methods[] = {{"raw", l_raw},
                                     {"cooked", l_cooked},
                                     {"leave", l_leave},
                                     {"close", l_close},
                                     {"size", l_size},
                                     {"is", l_is},
                                     {"background", l_background},
                                     {"characters", l_characters},
                                     {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", l_close}, {"__close", l_close}, {NULL, NULL}};
  static const luaL_Reg functions[] = {
      {"open", l_open}, {"stop", l_stop}, {"stops", l_stops}, {NULL, NULL}};
  luaL_newmetatable(L, TYPE);
  luaL_setfuncs(L, meta, 0);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
}
