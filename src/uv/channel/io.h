/* io.h: what io.c and io_file.c share. */
#ifndef LWT_UV_IO_H
#define LWT_UV_IO_H

#include "../internal.h"

/* An integer out of the options at `arg`, or `otherwise`; raises for anything else. */
lua_Integer lwt_uv_io_option(lua_State *L, int arg, const char *name,
                             lua_Integer otherwise);
/* The option `buffer_size`, 0 for none. */
size_t lwt_uv_io_option_size(lua_State *L, int arg);
/* Push a channel on a descriptor: 0, or a status with nothing pushed. `own`: it closes the
** descriptor. `kind`: what the core is told of (NULL: nothing). */
int lwt_uv_io_push_fd(lwt_uv *ctx, lua_State *L, int fd, int own, int sides, size_t size,
                      const char *kind);

extern const luaL_Reg lwt_uv_io_files[];

#endif
