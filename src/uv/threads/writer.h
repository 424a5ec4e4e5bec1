/* writer.h: what packs a message (pack.c), for the files that help it. */
#ifndef LWT_UV_THREAD_WRITER_H
#define LWT_UV_THREAD_WRITER_H

#include "../bytes.h"
#include "threads.h"

typedef struct lwt_uv_writer lwt_uv_writer;

/* A table, function, memory or variable that has been seen. */
typedef struct lwt_uv_seen {
  const void *key;
  unsigned round; /* entries of other rounds are empty */
  unsigned id;
  unsigned upvalue;
} lwt_uv_seen;

/* How a numbered object was come by: for telling the path to what is refused. */
typedef struct lwt_uv_object {
  unsigned parent; /* 0: it is one of the values */
  int part;        /* number of the value or of the upvalue */
  size_t at;       /* of a table: where the number of its pairs is to be written */
} lwt_uv_object;

struct lwt_uv_writer {
  unsigned char *data;
  size_t len, size;
  lwt_uv_ref *refs;
  int nrefs, refs_size;
  lwt_uv_seen *table;
  size_t table_size, nseen; /* a power of two */
  unsigned round;
  lwt_uv_object *objects; /* from 1 on */
  unsigned nobjects, objects_size;
  int failed;    /* a malloc did */
  int again;     /* new modules have turned up: start over */
  int refreshed; /* has looked for some */
  /* Of the message that is being packed. */
  lua_State *L;
  lwt_uv_transport *t;
  int list;    /* stack index of the table of numbered objects, 0: none yet */
  int first;   /* stack index of the values */
  int base;    /* the number of the value that is called "function": see push_path */
  unsigned id; /* whose contents are being packed: 0, the values */
  int part;
  const char *what;
};

/* Clear the writer, which lies below its list on the stack, and keep it for the next
** message. */
void lwt_uv_writer_keep(lwt_uv_writer *w);

/* refuse.c: raises "cannot send <kind> (<path>)" for the value at `idx`, which is
** among the contents of `w->id`. */
void lwt_uv_refuse(lwt_uv_writer *w, int idx, const char *kind);

/* message.c: what gives buffers back, see lwt_uv_undo. */
typedef struct lwt_uv_receipt lwt_uv_receipt;
/* Push a receipt with room for what is going to be moved, or nil (and return NULL). */
lwt_uv_receipt *lwt_uv_push_receipt(lwt_uv_writer *w);
/* Move the memory that the ref numbered `i` notes into the ref. Never raises. */
void lwt_uv_move(lwt_uv_ref *ref, int i, lwt_uv_receipt *r);
void lwt_uv_ref_release(lwt_uv_ref *ref);

#endif
