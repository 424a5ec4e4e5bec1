/* bio.c: what OpenSSL takes for its transport: the session's two buffers. Never waits; an
** empty input asks for a retry, until the transport has come to its end. C only, on any
** thread.
*/
#include "ssl.h"

static int bio_read(BIO *bio, char *data, size_t size, size_t *got) {
  session *s = BIO_get_data(bio);
  size_t n = s->in.len - s->in.at;
  BIO_clear_retry_flags(bio);
  if (n == 0) {
    if (!s->in_end) BIO_set_retry_read(bio);
    return 0;
  }
  if (n > size) n = size;
  lwt_ssl_buffer_copy(data, s->in.data + s->in.at, n);
  lwt_ssl_buffer_took(s, &s->in, n);
  *got = n;
  return 1;
}

static void append(buffer *b, const char *data, size_t n) {
  lwt_ssl_buffer_copy(b->data + b->len, data, n);
  b->len += n;
}

static int bio_write(BIO *bio, const char *data, size_t size, size_t *put) {
  session *s = BIO_get_data(bio);
  size_t held = s->tickets.len; /* (none of them is taken) */
  BIO_clear_retry_flags(bio);
  if (!lwt_ssl_buffer_room(s, &s->out, held + size)) {
    s->no_memory = 1;
    return 0;
  }
  if (held > 0) {
    append(&s->out, s->tickets.data, held);
    lwt_ssl_buffer_free(s, &s->tickets);
  }
  append(&s->out, data, size);
  *put = size;
  return 1;
}

static long bio_ctrl(BIO *bio, int command, long n, void *p) {
  session *s = BIO_get_data(bio);
  (void)n;
  (void)p;
  switch (command) {
  case BIO_CTRL_FLUSH: return 1;
  case BIO_CTRL_EOF: return s->in_end && s->in.len == s->in.at;
  case BIO_CTRL_PENDING: return (long)(s->in.len - s->in.at);
  case BIO_CTRL_WPENDING: return (long)(s->out.len - s->out.at);
  default: return 0;
  }
}

static int bio_create(BIO *bio) {
  BIO_set_init(bio, 1);
  return 1;
}

/* One for each context, and none for the process: what is freed when this code is unloaded would be freed
** at `exit`, too, where other threads still use it. */
BIO_METHOD *lwt_ssl_bio_method(void) {
  BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "lwt");
  if (m == NULL) return NULL;
  if (BIO_meth_set_read_ex(m, bio_read) && BIO_meth_set_write_ex(m, bio_write) &&
      BIO_meth_set_ctrl(m, bio_ctrl) && BIO_meth_set_create(m, bio_create))
    return m;
  BIO_meth_free(m);
  return NULL;
}

int lwt_ssl_bio_attach(session *s) {
  BIO *bio = BIO_new(s->context->transport);
  if (bio == NULL) return 0;
  BIO_set_data(bio, s);
  SSL_set_bio(s->ssl, bio, bio);
  return 1;
}
