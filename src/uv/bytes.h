/* bytes.h: byte buffers (lwt.bytes) for the rest of lwt.uv.
**
** A view (the userdata) shows a range of a memory; several views may share one.
** A memory belongs to one Lua state at a time, so its counts are plain numbers:
** moving it to another thread (detach, then push in the other state) leaves every
** view of the first state empty-handed ("moved to another thread").
** An operation that reads or writes a memory outside the call that started it
** pins it: pinned memory is neither freed nor moved.
*/
#ifndef LWT_UV_BYTES_H
#define LWT_UV_BYTES_H

#include "internal.h"

typedef struct lwt_uv_mem {
  char *data; /* malloc'd; NULL once it was moved away */
  size_t size;
  size_t refs; /* views and pins */
  size_t pins;
} lwt_uv_mem;

/* A memory on its way between two states: plain data, may cross threads. */
typedef struct lwt_uv_parcel {
  char *data;
  size_t size;
} lwt_uv_parcel;

/* The bytes at argument `arg`; raises a bad argument for anything else and for
** bytes that were moved away. Never NULL, also for no bytes at all. */
void *lwt_uv_check_bytes(lwt_uv *ctx, lua_State *L, int arg, size_t *len);
/* Likewise, but NULL for a value that is no lwt.bytes. */
void *lwt_uv_test_bytes(lwt_uv *ctx, lua_State *L, int idx, size_t *len);
/* The bytes of a string or an lwt.bytes at argument `arg`: what may be written. */
const char *lwt_uv_check_data(lwt_uv *ctx, lua_State *L, int arg, size_t *len);

/* Push new bytes, all zero, and return where they are. Raises ENOMEM. */
char *lwt_uv_push_bytes(lwt_uv *ctx, lua_State *L, size_t len);
/* Push another view of the memory behind the bytes at `idx`, `ofs` counted from the
** start of the memory. The range must lie inside. */
void lwt_uv_push_view(lwt_uv *ctx, lua_State *L, int idx, size_t ofs, size_t len);

/* The memory behind the bytes at `idx` (which must be some) and the view's range. */
lwt_uv_mem *lwt_uv_bytes_mem(lua_State *L, int idx, size_t *ofs, size_t *len);
void lwt_uv_mem_pin(lwt_uv_mem *mem);
void lwt_uv_mem_unpin(lwt_uv_mem *mem);

/* Take the memory out of this state, which has not been taken before and is not pinned. */
void lwt_uv_mem_detach(lwt_uv_mem *mem, lwt_uv_parcel *out);
/* Push a view of what a parcel holds, which belongs to this state afterwards. When
** it raises (memory), the parcel still belongs to the caller. */
void lwt_uv_push_parcel(lwt_uv *ctx, lua_State *L, lwt_uv_parcel *parcel, size_t ofs,
                        size_t len);
/* Throw a parcel away, on any thread. */
void lwt_uv_parcel_free(lwt_uv_parcel *parcel);

#endif
