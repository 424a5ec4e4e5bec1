/* message.c: packed messages: what they carry besides their bytes, how buffers that were moved
** into one are given back, and how they are freed.
*/
#include <stdlib.h>

#include "writer.h"

void lwt_uv_ref_release(lwt_uv_ref *ref) {
  lwt_uv_parcel parcel;
  switch (ref->kind) {
  case LWT_UV_REF_CODE: lwt_uv_code_release(ref->p); break;
  case LWT_UV_REF_CHANNEL: lwt_uv_thread_channel_release(ref->p); break;
  case LWT_UV_REF_TAKEN: lwt_uv_mem_unpin(ref->p); break;
  case LWT_UV_REF_PARCEL:
    parcel = (lwt_uv_parcel){.data = ref->p, .size = ref->size};
    lwt_uv_parcel_free(&parcel);
    break;
  default: break;
  }
  ref->kind = LWT_UV_REF_NONE;
}

/* What an undone message gives back: memories, each with the number of its ref. They are
** pinned by the receipt, so that they are still there. */
struct lwt_uv_receipt {
  int n;
  struct {
    lwt_uv_mem *mem;
    int ref;
  } moved[];
};

int lwt_uv_receipt_gc(lua_State *L) {
  lwt_uv_receipt *r = lua_touserdata(L, 1);
  for (int i = 0; i < r->n; i++) lwt_uv_mem_unpin(r->moved[i].mem);
  r->n = 0;
  return 0;
}

void lwt_uv_undo(lua_State *L, int idx, lwt_uv_message *message) {
  lwt_uv_receipt *r = lua_touserdata(L, idx);
  if (r == NULL) return; /* nothing was moved */
  for (int i = 0; i < r->n; i++) {
    lwt_uv_ref *ref = &message->refs[r->moved[i].ref];
    lwt_uv_mem *mem = r->moved[i].mem;
    mem->data = ref->p;
    mem->size = ref->size;
    ref->kind = LWT_UV_REF_NONE;
    lwt_uv_mem_unpin(mem);
  }
  r->n = 0;
}

lwt_uv_receipt *lwt_uv_push_receipt(lwt_uv_writer *w) {
  lua_State *L = w->L;
  size_t n = 0;
  for (int i = 0; i < w->nrefs; i++) n += w->refs[i].kind == LWT_UV_REF_PARCEL;
  if (n == 0 || w->failed) {
    lua_pushnil(L);
    return NULL;
  }
  lwt_uv_receipt *r = lua_newuserdatauv(L, sizeof *r + n * sizeof r->moved[0], 0);
  r->n = 0;
  lua_rawgeti(L, LUA_REGISTRYINDEX, w->t->receipt_meta);
  lua_setmetatable(L, -2);
  return r;
}

void lwt_uv_move(lwt_uv_ref *ref, int i, lwt_uv_receipt *r) {
  lwt_uv_parcel parcel;
  lwt_uv_mem *mem = ref->p;
  mem->pins--; /* the writer's, which becomes the receipt's */
  lwt_uv_mem_detach(mem, &parcel);
  mem->pins++;
  r->moved[r->n].mem = mem;
  r->moved[r->n++].ref = i;
  ref->p = parcel.data;
  ref->size = parcel.size;
}

void lwt_uv_unpack_end(lwt_uv_message *message) {
  for (int i = 0; i < message->nrefs; i++)
    if (message->refs[i].kind == LWT_UV_REF_TAKEN) lwt_uv_ref_release(&message->refs[i]);
}

void lwt_uv_unpack_undo(lwt_uv_message *message) {
  for (int i = 0; i < message->nrefs; i++) {
    lwt_uv_parcel parcel;
    lwt_uv_ref *ref = &message->refs[i];
    if (ref->kind != LWT_UV_REF_TAKEN) continue;
    lwt_uv_mem *mem = ref->p;
    mem->pins--;
    lwt_uv_mem_detach(mem, &parcel);
    mem->pins++;
    lwt_uv_mem_unpin(mem);
    *ref = (lwt_uv_ref){LWT_UV_REF_PARCEL, parcel.size, parcel.data};
  }
}

void lwt_uv_message_free(lwt_uv_message *message) {
  if (message == NULL) return;
  for (int i = 0; i < message->nrefs; i++) lwt_uv_ref_release(&message->refs[i]);
  free(message);
}
