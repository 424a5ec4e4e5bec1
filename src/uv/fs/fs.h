/* fs.h: open files, for channels and processes. */
#ifndef LWT_UV_FS_H
#define LWT_UV_FS_H

#include "../internal.h"

/* Push a file userdata that owns the descriptor from now on (whatever uv_guess_handle
** says of it: reads and writes run on the threadpool). `path` is for errors, NULL: none.
** May raise (memory): the descriptor is the caller's then. */
void lwt_uv_file_of_fd(lwt_uv *ctx, lua_State *L, uv_file fd, const char *path);

/* The descriptor of the file at `idx`; -1 when it is closed or no file. */
uv_file lwt_uv_file_fd(lwt_uv *ctx, lua_State *L, int idx);

#endif
