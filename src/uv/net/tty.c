/* tty.c: terminals. Reading and writing are any stream's; here is what only terminals
** have.
**
** It is opened anew, so that other programs on it do not find it in non-blocking mode; what
** mode() changed is put back when the terminal is closed, and on every way out of the process
** (lent.c).
*/
#include "../lent.h"
#include "internal.h"

static uv_tty_t *check_tty(lwt_uv *ctx, lua_State *L) {
  lwt_uv_stream *s = lwt_uv_handle_check(ctx, L, 1, LWT_UV_TTY);
  if (s == NULL) lwt_uv_raise_closed(L, "tty");
  return &s->uv.tty;
}

/*---
A terminal: a socket with a size and a mode.

@class lwt.Tty : lwt.Socket */

/*---
A terminal of a descriptor (0, 1 or 2 as a rule), with the methods of a socket and `size`
and `mode`. Another one than those belongs to the terminal from then on: `tty:fileno()` is its number, and
`close` closes it. It raises when it is none.
@param fd integer
@return lwt.Tty
@function lwt.net.tty(fd)
*/
static int l_tty(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  lua_Integer fd = lwt_uv_check_integer(L, 1);
  int status;
  luaL_argcheck(L, fd >= 0 && fd <= INT32_MAX, 1, "descriptor is out of range");
  status = uv_guess_handle((uv_file)fd) == UV_TTY
               ? lwt_uv_stream_of_lent(ctx, L, LWT_UV_TTY, (int)fd)
               : UV_ENOTTY;
  if (status < 0) return lwt_uv_raise(ctx, L, status, "tty", NULL, NULL);
  return 1;
}

/*---
The terminal's size.
@param tty lwt.Tty
@return integer columns
@return integer rows
@function lwt.net.size(tty)
*/
static int l_size(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  uv_tty_t *tty = check_tty(ctx, L);
  int columns, rows, status = uv_tty_get_winsize(tty, &columns, &rows);
  if (status < 0) return lwt_uv_raise(ctx, L, status, "size", NULL, NULL);
  lua_pushinteger(L, columns);
  lua_pushinteger(L, rows);
  return 2;
}

/*---
How the terminal treats what is typed: `"normal"` (by lines, echoed), `"raw"` (every key
at once, no echo) or `"io"` (as raw, and binary output too). However the program ends, also
by `os.exit` or a fatal signal, and when the terminal is closed, it is put back as it was; not
where the program is in the background by then, for the terminal is another program's.
@param tty lwt.Tty
@param mode string
@function lwt.net.mode(tty, mode)
*/
static int l_mode(lua_State *L) {
  static const char *const names[] = {"normal", "raw", "io", NULL};
  lwt_uv *ctx = lwt_uv_context(L);
  uv_tty_t *tty = check_tty(ctx, L);
  lwt_uv_stream *s = tty->data;
  int mode = luaL_checkoption(L, 2, NULL, names), status = 0;
  uv_os_fd_t fd;
  if (mode != UV_TTY_MODE_NORMAL && s->mode < 0) {
    status = uv_fileno((uv_handle_t *)tty, &fd);
    if (status == 0) status = s->mode = lwt_uv_lent_terminal(fd);
  }
  if (status >= 0) status = uv_tty_set_mode(tty, (uv_tty_mode_t)mode);
  if (status < 0) return lwt_uv_raise(ctx, L, status, "mode", NULL, NULL);
  if (mode == UV_TTY_MODE_NORMAL) {
    lwt_uv_lent_return(s->mode);
    s->mode = -1;
  }
  return 0;
}

static const luaL_Reg methods[] = {{"size", l_size}, {"mode", l_mode}, {NULL, NULL}};

static const luaL_Reg functions[] = {{"tty", l_tty}, {NULL, NULL}};

void lwt_uv_add_tty(lwt_uv *ctx, lua_State *L) {
  lwt_uv_stream_type(ctx, L, LWT_UV_TTY, "lwt.tty", methods);
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, functions, 1);
}
