/* refused_calls.h: calls of libuv and of the system that fail when oom.c says so, with ENOMEM or another error. The linker puts
** each `__wrap_name` here in the place of `name`, in what lwt calls (libuv's own calls are its own):
** refusing.lua makes its options from the lines that begin with UV( FS( SYS( DATA( AGAIN( and OPT(.
**
** Left out is what cannot fail, and what gives something back: close, waiting for children, stopping.
*/
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/file.h>
#include <termios.h>
#include <unistd.h>
#include <uv.h>

/* Errors by name, so that any of them may be chosen on the command line. */
static const struct {
  const char *name;
  int number;
} error_numbers[] = {
    {"EACCES", EACCES},
    {"EADDRNOTAVAIL", EADDRNOTAVAIL},
    {"EAFNOSUPPORT", EAFNOSUPPORT},
    {"EAGAIN", EAGAIN},
    {"ECHILD", ECHILD},
    {"ECONNABORTED", ECONNABORTED},
    {"ECONNRESET", ECONNRESET},
    {"EHOSTUNREACH", EHOSTUNREACH},
    {"EINTR", EINTR},
    {"EINVAL", EINVAL},
    {"EIO", EIO},
    {"ENOMEM", ENOMEM},
    {"EMFILE", EMFILE},
    {"ENFILE", ENFILE},
    {"ENETDOWN", ENETDOWN},
    {"ENETUNREACH", ENETUNREACH},
    {"ENOBUFS", ENOBUFS},
    {"ENOSYS", ENOSYS},
    {"ENOTCONN", ENOTCONN},
    {"EOPNOTSUPP", EOPNOTSUPP},
    {"EPERM", EPERM},
    {"EROFS", EROFS},
    {"ETIMEDOUT", ETIMEDOUT},
    {"EXDEV", EXDEV},
};

/* What each call may say, by the names of errno. */
typedef struct {
  const char *call, *errors;
} may_say;

/* Without there being any trouble: nobody notices. */
static const may_say unnoticed_errors[] = {
    {"accept4", "EINTR EAGAIN ECONNABORTED EMFILE ENFILE ENOBUFS"},
    {"close", "EINTR"},
    {"copy_file_range", "EINTR EINVAL EXDEV ENOSYS EPERM"},
    {"fchmod", "EPERM"},
    {"fchown", "EPERM"},
    {"link", "EPERM EOPNOTSUPP"},
    {"open", "EINTR"},
    {"openat", "EINTR"},
    {"poll", "EINTR"},
    {"pread", "EINTR"},
    {"preadv2", "EINTR EAGAIN EOPNOTSUPP ENOSYS"},
    {"pwrite", "EINTR"},
    {"read", "EINTR EAGAIN"},
    {"recv", "EINTR EAGAIN"},
    {"send", "EINTR EAGAIN"},
    {"sendfile", "EINTR EAGAIN EINVAL ENOSYS"},
    {"shutdown", "ENOTCONN"},
    {"tcsetattr", "EINTR"},
    {"uv_try_write", "EAGAIN"},
    {"uv_udp_try_send", "EAGAIN"},
    {"waitpid", "EINTR"},
    {"write", "EINTR EAGAIN"},
    {"writev", "EINTR EAGAIN"},
};

/* With trouble, of which whoever asked is told by the error's name: those that some code tells from others. */
static const may_say told_errors[] = {
    {"bind", "EADDRNOTAVAIL"},
    {"close", "EIO"},
    {"execve", "EACCES"},
    {"ftruncate", "EPERM"},
    {"mkdir", "EACCES"},
    {"open", "EACCES EROFS"},
    {"read", "EIO"},
    {"recv", "ECONNRESET"},
    {"send", "ECONNRESET ETIMEDOUT EHOSTUNREACH ENETUNREACH ENETDOWN ENOBUFS"},
    {"socket", "EAFNOSUPPORT"},
    {"syscall", "ENOSYS EPERM"}, /* to set a user it is told, for a pidfd there is another way */
    {"unlinkat", "EPERM"},
    {"uv_shutdown", "ENOTCONN"},
    {"uv_tcp_open", "EINVAL"},
    {"uv_try_write", "ECONNRESET ETIMEDOUT EHOSTUNREACH ENETUNREACH ENETDOWN"},
    {"uv_write", "ECONNRESET"},
    {"wait4", "ECHILD"}, /* somebody else has waited */
};

/* The names of what it may say, with spaces between; NULL: nothing. */
static const char *errors_of(const char *call) {
  const may_say *list = mode == UNNOTICED ? unnoticed_errors : told_errors;
  size_t n = mode == UNNOTICED ? sizeof unnoticed_errors / sizeof *list : sizeof told_errors / sizeof *list;
  for (size_t i = 0; i < n; i++)
    if (strcmp(list[i].call, call) == 0) return list[i].errors;
  return NULL;
}

/* The number of the error whose name is the i-th of these; the name is kept. */
static int ith_error(const char *errors, long i) {
  for (; i > 0; i--) errors = strchr(errors, ' ') + 1;
  size_t length = strcspn(errors, " ");
  for (size_t k = 0; k < sizeof error_numbers / sizeof *error_numbers; k++) {
    const char *name = error_numbers[k].name;
    if (strlen(name) != length || memcmp(name, errors, length) != 0) continue;
    refused_with = name;
    return error_numbers[k].number;
  }
  die("no such error", errors);
  return 0;
}

/* The errno with which this call is to fail, or 0. Threads of the pool call, too, and children
** before they are programs. With -e and -w a call counts once for each error that it may say. */
static int refuses_call(const char *call) {
  const char *errors = mode == PLAIN ? "ENOMEM" : errors_of(call);
  long count = 1, n;
  if (!armed || errors == NULL) return 0;
  for (const char *c = errors; *c != '\0'; c++) count += *c == ' ';
  n = __atomic_fetch_add(&requests, count, __ATOMIC_RELAXED);
  if (limit > n && limit <= n + count) {
    refused = call;
    return ith_error(errors, limit - n - 1);
  }
  return limit != 0 && persistent && n >= limit ? ith_error(errors, 0) : 0;
}

#define UV(name, params, args) \
  int __real_##name params; \
  int __wrap_##name params; \
  int __wrap_##name params { \
    int error = refuses_call(#name); \
    return error != 0 ? -error : __real_##name args; \
  }

/* What libuv has done to the request by the time that it fails. */
#define FS(name, params, args) \
  int __real_##name params; \
  int __wrap_##name params; \
  int __wrap_##name params { \
    int error = refuses_call(#name); \
    if (error == 0) return __real_##name args; \
    memset(req, 0, sizeof *req); \
    req->result = -error; \
    return -error; \
  }

#define SYS(type, none, name, params, args) \
  type __real_##name params; \
  type __wrap_##name params; \
  type __wrap_##name params { \
    int error = refuses_call(#name); \
    if (error == 0) return __real_##name args; \
    errno = error; \
    return none; \
  }

/* What is read and written: only what one can wait for says EAGAIN. */
int __real_fstat(int fd, struct stat *st);

static int may_wait(int fd) {
  struct stat st;
  if (__real_fstat(fd, &st) != 0) return 0;
  return S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || (S_ISCHR(st.st_mode) && isatty(fd));
}

#define DATA(type, none, name, params, args) \
  type __real_##name params; \
  type __wrap_##name params; \
  type __wrap_##name params { \
    int error = refuses_call(#name); \
    if (error == 0 || (error == EAGAIN && !may_wait(fd))) return __real_##name args; \
    errno = error; \
    return none; \
  }

/* Calls that give something back: they do, whatever they say, and are never refused for want of memory. */
#define ENDS(type, none, name, params, args) \
  type __real_##name params; \
  type __wrap_##name params; \
  type __wrap_##name params { \
    int error = mode != PLAIN ? refuses_call(#name) : 0; \
    type result = __real_##name args; \
    if (error == 0) return result; \
    errno = error; \
    return none; \
  }

/* Calls that must be made again when they say EINTR, and that are never refused otherwise. */
#define AGAIN(type, none, name, params, args) \
  type __real_##name params; \
  type __wrap_##name params; \
  type __wrap_##name params { \
    int error = mode == UNNOTICED ? refuses_call(#name) : 0; \
    if (error == 0) return __real_##name args; \
    errno = error; \
    return none; \
  }

/* Those whose last argument may be absent: `last` is its type, `before` names the one before it.
** They may be refused `if_` this holds. */
#define OPT(type, none, name, params, args, last, before, if_) \
  type __real_##name params; \
  type __wrap_##name params; \
  type __wrap_##name params { \
    int error = (if_) ? refuses_call(#name) : 0; \
    if (error != 0) { \
      errno = error; \
      return none; \
    } \
    va_list list; \
    va_start(list, before); \
    last x = va_arg(list, last); \
    va_end(list); \
    return __real_##name args; \
  }

/* A number, and up to five arguments. */
#define RAW(type, none, name, params) \
  type __real_##name params; \
  type __wrap_##name params; \
  type __wrap_##name params { \
    long x[5]; \
    int error = refuses_call(#name); \
    if (error != 0) { \
      errno = error; \
      return none; \
    } \
    va_list list; \
    va_start(list, n); \
    for (int i = 0; i < 5; i++) x[i] = va_arg(list, long); \
    va_end(list); \
    return __real_##name(n, x[0], x[1], x[2], x[3], x[4]); \
  }

UV(uv_async_init, (uv_loop_t *l, uv_async_t *h, uv_async_cb f), (l, h, f))
UV(uv_fileno, (const uv_handle_t *h, uv_os_fd_t *fd), (h, fd))
UV(uv_fs_event_init, (uv_loop_t *l, uv_fs_event_t *h), (l, h))
UV(uv_loop_init, (uv_loop_t *l), (l))
UV(uv_pipe_init, (uv_loop_t *l, uv_pipe_t *h, int n), (l, h, n))
UV(uv_mutex_init, (uv_mutex_t *m), (m))
UV(uv_cond_init, (uv_cond_t *c), (c))
UV(uv_thread_create, (uv_thread_t *t, uv_thread_cb f, void *x), (t, f, x))
UV(uv_queue_work, (uv_loop_t *l, uv_work_t *r, uv_work_cb f, uv_after_work_cb g), (l, r, f, g))
UV(uv_getaddrinfo, (uv_loop_t *l, uv_getaddrinfo_t *r, uv_getaddrinfo_cb f, const char *n, const char *s, const struct addrinfo *h), (l, r, f, n, s, h))
UV(uv_getnameinfo, (uv_loop_t *l, uv_getnameinfo_t *r, uv_getnameinfo_cb f, const struct sockaddr *a, int n), (l, r, f, a, n))
UV(uv_interface_addresses, (uv_interface_address_t **a, int *n), (a, n))
UV(uv_os_gethostname, (char *s, size_t *n), (s, n))
UV(uv_random, (uv_loop_t *l, uv_random_t *r, void *b, size_t n, unsigned f, uv_random_cb cb), (l, r, b, n, f, cb))
UV(uv_signal_init, (uv_loop_t *l, uv_signal_t *h), (l, h))
UV(uv_signal_start, (uv_signal_t *h, uv_signal_cb f, int n), (h, f, n))
UV(uv_signal_start_oneshot, (uv_signal_t *h, uv_signal_cb f, int n), (h, f, n))
UV(uv_poll_init, (uv_loop_t *l, uv_poll_t *h, int fd), (l, h, fd))
UV(uv_poll_start, (uv_poll_t *h, int n, uv_poll_cb f), (h, n, f))
UV(uv_pipe, (uv_file *fds, int r, int w), (fds, r, w))
UV(uv_socketpair, (int type, int n, uv_os_sock_t *fds, int a, int b), (type, n, fds, a, b))
UV(uv_pipe_open, (uv_pipe_t *h, uv_file fd), (h, fd))
UV(uv_read_start, (uv_stream_t *s, uv_alloc_cb f, uv_read_cb g), (s, f, g))
UV(uv_shutdown, (uv_shutdown_t *r, uv_stream_t *s, uv_shutdown_cb f), (r, s, f))
UV(uv_try_write, (uv_stream_t *s, const uv_buf_t *b, unsigned n), (s, b, n))
UV(uv_write, (uv_write_t *r, uv_stream_t *s, const uv_buf_t *b, unsigned n, uv_write_cb f), (r, s, b, n, f))
UV(uv_tcp_bind, (uv_tcp_t *h, const struct sockaddr *a, unsigned n), (h, a, n))
UV(uv_tcp_connect, (uv_connect_t *r, uv_tcp_t *h, const struct sockaddr *a, uv_connect_cb f), (r, h, a, f))
UV(uv_tcp_init, (uv_loop_t *l, uv_tcp_t *h), (l, h))
UV(uv_tcp_init_ex, (uv_loop_t *l, uv_tcp_t *h, unsigned n), (l, h, n))
UV(uv_tcp_keepalive, (uv_tcp_t *h, int on, unsigned n), (h, on, n))
UV(uv_tcp_nodelay, (uv_tcp_t *h, int on), (h, on))
UV(uv_tcp_open, (uv_tcp_t *h, uv_os_sock_t fd), (h, fd))
UV(uv_tty_init, (uv_loop_t *l, uv_tty_t *h, uv_file fd, int n), (l, h, fd, n))
UV(uv_tty_set_mode, (uv_tty_t *h, uv_tty_mode_t m), (h, m))
UV(uv_tty_get_winsize, (uv_tty_t *h, int *a, int *b), (h, a, b))
UV(uv_udp_bind, (uv_udp_t *h, const struct sockaddr *a, unsigned n), (h, a, n))
UV(uv_udp_connect, (uv_udp_t *h, const struct sockaddr *a), (h, a))
UV(uv_udp_init, (uv_loop_t *l, uv_udp_t *h), (l, h))
UV(uv_udp_init_ex, (uv_loop_t *l, uv_udp_t *h, unsigned n), (l, h, n))
UV(uv_udp_open, (uv_udp_t *h, uv_os_sock_t fd), (h, fd))
UV(uv_udp_recv_start, (uv_udp_t *h, uv_alloc_cb f, uv_udp_recv_cb g), (h, f, g))
UV(uv_udp_send, (uv_udp_send_t *r, uv_udp_t *h, const uv_buf_t *b, unsigned n, const struct sockaddr *a, uv_udp_send_cb f), (r, h, b, n, a, f))
UV(uv_udp_try_send, (uv_udp_t *h, const uv_buf_t *b, unsigned n, const struct sockaddr *a), (h, b, n, a))
UV(uv_udp_getsockname, (const uv_udp_t *h, struct sockaddr *a, int *n), (h, a, n))
UV(uv_udp_getpeername, (const uv_udp_t *h, struct sockaddr *a, int *n), (h, a, n))
UV(uv_udp_set_multicast_ttl, (uv_udp_t *h, int n), (h, n))
UV(uv_udp_set_multicast_loop, (uv_udp_t *h, int n), (h, n))
UV(uv_udp_set_multicast_interface, (uv_udp_t *h, const char *a), (h, a))
UV(uv_udp_set_membership, (uv_udp_t *h, const char *g, const char *a, uv_membership m), (h, g, a, m))
UV(uv_udp_set_source_membership, (uv_udp_t *h, const char *g, const char *a, const char *s, uv_membership m), (h, g, a, s, m))
UV(uv_udp_set_broadcast, (uv_udp_t *h, int on), (h, on))
UV(uv_udp_set_ttl, (uv_udp_t *h, int n), (h, n))

FS(uv_fs_access, (uv_loop_t *l, uv_fs_t *req, const char *p, int m, uv_fs_cb f), (l, req, p, m, f))
FS(uv_fs_chmod, (uv_loop_t *l, uv_fs_t *req, const char *p, int m, uv_fs_cb f), (l, req, p, m, f))
FS(uv_fs_chown, (uv_loop_t *l, uv_fs_t *req, const char *p, uv_uid_t u, uv_gid_t g, uv_fs_cb f), (l, req, p, u, g, f))
FS(uv_fs_fchown, (uv_loop_t *l, uv_fs_t *req, uv_file fd, uv_uid_t u, uv_gid_t g, uv_fs_cb f), (l, req, fd, u, g, f))
FS(uv_fs_fchmod, (uv_loop_t *l, uv_fs_t *req, uv_file fd, int m, uv_fs_cb f), (l, req, fd, m, f))
FS(uv_fs_fdatasync, (uv_loop_t *l, uv_fs_t *req, uv_file fd, uv_fs_cb f), (l, req, fd, f))
FS(uv_fs_fstat, (uv_loop_t *l, uv_fs_t *req, uv_file fd, uv_fs_cb f), (l, req, fd, f))
FS(uv_fs_fsync, (uv_loop_t *l, uv_fs_t *req, uv_file fd, uv_fs_cb f), (l, req, fd, f))
FS(uv_fs_ftruncate, (uv_loop_t *l, uv_fs_t *req, uv_file fd, int64_t n, uv_fs_cb f), (l, req, fd, n, f))
FS(uv_fs_futime, (uv_loop_t *l, uv_fs_t *req, uv_file fd, double a, double b, uv_fs_cb f), (l, req, fd, a, b, f))
FS(uv_fs_link, (uv_loop_t *l, uv_fs_t *req, const char *p, const char *q, uv_fs_cb f), (l, req, p, q, f))
FS(uv_fs_lstat, (uv_loop_t *l, uv_fs_t *req, const char *p, uv_fs_cb f), (l, req, p, f))
FS(uv_fs_mkdtemp, (uv_loop_t *l, uv_fs_t *req, const char *p, uv_fs_cb f), (l, req, p, f))
FS(uv_fs_readlink, (uv_loop_t *l, uv_fs_t *req, const char *p, uv_fs_cb f), (l, req, p, f))
FS(uv_fs_realpath, (uv_loop_t *l, uv_fs_t *req, const char *p, uv_fs_cb f), (l, req, p, f))
FS(uv_fs_rename, (uv_loop_t *l, uv_fs_t *req, const char *p, const char *q, uv_fs_cb f), (l, req, p, q, f))
FS(uv_fs_rmdir, (uv_loop_t *l, uv_fs_t *req, const char *p, uv_fs_cb f), (l, req, p, f))
FS(uv_fs_scandir, (uv_loop_t *l, uv_fs_t *req, const char *p, int n, uv_fs_cb f), (l, req, p, n, f))
FS(uv_fs_stat, (uv_loop_t *l, uv_fs_t *req, const char *p, uv_fs_cb f), (l, req, p, f))
FS(uv_fs_statfs, (uv_loop_t *l, uv_fs_t *req, const char *p, uv_fs_cb f), (l, req, p, f))
FS(uv_fs_symlink, (uv_loop_t *l, uv_fs_t *req, const char *p, const char *q, int n, uv_fs_cb f), (l, req, p, q, n, f))
FS(uv_fs_unlink, (uv_loop_t *l, uv_fs_t *req, const char *p, uv_fs_cb f), (l, req, p, f))
FS(uv_fs_utime, (uv_loop_t *l, uv_fs_t *req, const char *p, double a, double b, uv_fs_cb f), (l, req, p, a, b, f))

SYS(int, -1, accept4, (int fd, struct sockaddr *a, socklen_t *n, int f), (fd, a, n, f))
SYS(int, -1, bind, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
SYS(int, -1, chdir, (const char *p), (p))
SYS(int, -1, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
SYS(int, -1, dup2, (int a, int b), (a, b))
SYS(int, -1, execve, (const char *p, char *const *a, char *const *e), (p, a, e))
SYS(int, -1, faccessat, (int fd, const char *p, int m, int f), (fd, p, m, f))
SYS(int, -1, fchmod, (int fd, mode_t m), (fd, m))
SYS(int, -1, fchown, (int fd, uid_t u, gid_t g), (fd, u, g))
SYS(int, -1, flock, (int fd, int n), (fd, n))
SYS(int, -1, fstat, (int fd, struct stat *st), (fd, st))
SYS(int, -1, ftruncate, (int fd, off_t n), (fd, n))
SYS(int, -1, getpeername, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n))
SYS(int, -1, getsockname, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n))
SYS(int, -1, getsockopt, (int fd, int l, int o, void *v, socklen_t *n), (fd, l, o, v, n))
SYS(int, -1, setsockopt, (int fd, int l, int o, const void *v, socklen_t n), (fd, l, o, v, n))
SYS(int, -1, inotify_add_watch, (int fd, const char *p, uint32_t m), (fd, p, m))
SYS(int, -1, inotify_init1, (int f), (f))
SYS(int, -1, link, (const char *p, const char *q), (p, q))
SYS(int, -1, listen, (int fd, int n), (fd, n))
SYS(int, -1, lstat, (const char *p, struct stat *st), (p, st))
SYS(int, -1, mkdir, (const char *p, mode_t m), (p, m))
SYS(int, -1, pipe2, (int *fds, int f), (fds, f))
SYS(int, -1, poll, (struct pollfd *p, nfds_t n, int t), (p, n, t))
SYS(int, -1, rename, (const char *p, const char *q), (p, q))
SYS(int, -1, rmdir, (const char *p), (p))
SYS(int, -1, setpgid, (pid_t p, pid_t g), (p, g))
SYS(pid_t, -1, setsid, (void), ())
SYS(int, -1, shutdown, (int fd, int n), (fd, n))
SYS(int, -1, tcgetattr, (int fd, struct termios *t), (fd, t))
SYS(int, -1, tcsetattr, (int fd, int n, const struct termios *t), (fd, n, t))
SYS(int, -1, socket, (int d, int t, int p), (d, t, p))
SYS(int, error, pthread_create, (pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *x), (t, a, f, x))
SYS(int, -1, stat, (const char *p, struct stat *st), (p, st))
SYS(int, -1, unlinkat, (int fd, const char *p, int f), (fd, p, f))
SYS(off_t, -1, lseek, (int fd, off_t n, int w), (fd, n, w))
SYS(ssize_t, -1, copy_file_range, (int i, loff_t *a, int o, loff_t *b, size_t n, unsigned f), (i, a, o, b, n, f))
DATA(ssize_t, -1, pread, (int fd, void *b, size_t n, off_t o), (fd, b, n, o))
DATA(ssize_t, -1, pwrite, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o))
SYS(ssize_t, -1, preadv2, (int fd, const struct iovec *v, int n, off_t o, int f), (fd, v, n, o, f))
DATA(ssize_t, -1, read, (int fd, void *b, size_t n), (fd, b, n))
DATA(ssize_t, -1, recv, (int fd, void *b, size_t n, int f), (fd, b, n, f))
DATA(ssize_t, -1, send, (int fd, const void *b, size_t n, int f), (fd, b, n, f))
DATA(ssize_t, -1, sendfile, (int fd, int i, off_t *a, size_t n), (fd, i, a, n))
DATA(ssize_t, -1, write, (int fd, const void *b, size_t n), (fd, b, n))
DATA(ssize_t, -1, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
SYS(DIR *, NULL, fdopendir, (int fd), (fd))
SYS(DIR *, NULL, opendir, (const char *p), (p))
SYS(struct dirent *, NULL, readdir, (DIR *d), (d))
SYS(char *, NULL, realpath, (const char *p, char *q), (p, q))
SYS(void *, MAP_FAILED, mmap, (void *a, size_t n, int p, int f, int fd, off_t o), (a, n, p, f, fd, o))

OPT(int, -1, fcntl, (int fd, int n, ...), (fd, n, x), long, n, n != F_GETFD)
OPT(int, -1, ioctl, (int fd, unsigned long n, ...), (fd, n, x), void *, n, 1)
OPT(int, -1, open, (const char *p, int f, ...), (p, f, x), int, f, 1)
OPT(int, -1, openat, (int fd, const char *p, int f, ...), (fd, p, f, x), int, f, 1)
OPT(int, -1, clone, (int (*f)(void *), void *s, int n, void *x0, ...), (f, s, n, x0, x), void *, x0, 1)

AGAIN(pid_t, -1, waitpid, (pid_t p, int *s, int n), (p, s, n))

ENDS(int, -1, close, (int fd), (fd))
ENDS(pid_t, -1, wait4, (pid_t p, int *s, int n, struct rusage *u), (p, s, n, u))

RAW(long, -1, syscall, (long n, ...))
