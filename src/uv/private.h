/* private.h: the only place that knows how libuv and Lua lay out what they do not show.
**
** Both are asked where that makes a hot path cheaper, and only in versions whose layout was
** looked at; in any other the public way is taken, which is slower and as right.
*/
#ifndef LWT_UV_PRIVATE_H
#define LWT_UV_PRIVATE_H

#include <stddef.h>
#include <uv.h>

#include <lua.h>

/* The descriptor of a stream. On Unix libuv 1.x keeps it in the watcher, which is in
** the public header (UV_STREAM_PRIVATE_FIELDS), though not for us. */
static inline int lwt_uv_stream_descriptor(const uv_stream_t *stream) {
#if !defined(_WIN32) && UV_VERSION_MAJOR == 1
  return stream->io_watcher.fd;
#else
  uv_os_fd_t fd;
  return uv_fileno((const uv_handle_t *)stream, &fd) == 0 ? (int)fd : -1;
#endif
}

/* Where the frame that `ar` shows lies, and its place on the stack: addresses to fetch into
** the caches, never to be looked behind. In Lua 5.4 `i_ci` is a CallInfo, whose first field
** is that place. */
static inline void lwt_lua_frame(const lua_Debug *ar, const void *to[2]) {
#if LUA_VERSION_NUM == 504
  const void *const *frame = (const void *const *)(const void *)ar->i_ci;
  to[0] = frame;
  to[1] = *frame;
#else
  (void)ar;
  to[0] = to[1] = NULL;
#endif
}

#endif
