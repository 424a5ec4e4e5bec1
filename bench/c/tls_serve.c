/* tls_serve: a server on bare libuv and OpenSSL over memory BIOs, what a server in C can do.
**
**   tls_serve MODE CERTIFICATE BYTES PORT
**
** echo: sends back what comes. sink: when BYTES have come, sends one byte. source: for each
** byte that comes, sends BYTES. */
#define _GNU_SOURCE
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#define PIECE 65536

static enum { TO_ECHO, TO_SINK, TO_SOURCE } mode;
static long bytes;
static SSL_CTX *ctx;
static char scratch[PIECE], plain[PIECE], sealed[PIECE + 4096];

typedef struct connection {
  uv_tcp_t tcp;
  SSL *ssl;
  BIO *in, *out;
  long had, owed;
  int sending; /* writes that libuv has */
} connection;

typedef struct pending {
  uv_write_t req;
  connection *c;
  char data[];
} pending;

static void go_on(connection *c);

static void closed(uv_handle_t *h) {
  connection *c = (connection *)h;
  SSL_free(c->ssl);
  free(c);
}

static void shut(connection *c) {
  if (!uv_is_closing((uv_handle_t *)c)) uv_close((uv_handle_t *)c, closed);
}

static void written(uv_write_t *w, int status) {
  connection *c = ((pending *)w)->c;
  free(w);
  c->sending--;
  if (status == 0) go_on(c);
}

static void flush(connection *c) {
  for (;;) {
    int n = BIO_read(c->out, sealed, sizeof sealed), done;
    uv_buf_t b;
    pending *w;
    if (n <= 0) return;
    b = uv_buf_init(sealed, (unsigned)n);
    done = c->sending > 0 ? 0 : uv_try_write((uv_stream_t *)&c->tcp, &b, 1);
    if (done == n) continue;
    if (done < 0) done = 0;
    w = malloc(sizeof *w + (size_t)(n - done));
    if (w == NULL) abort();
    memcpy(w->data, sealed + done, (size_t)(n - done));
    w->c = c;
    b = uv_buf_init(w->data, (unsigned)(n - done));
    c->sending++;
    if (uv_write(&w->req, (uv_stream_t *)&c->tcp, &b, 1, written) != 0) abort();
  }
}

static void answer(connection *c, int n) {
  if (mode == TO_ECHO) {
    SSL_write(c->ssl, plain, n);
  } else if (mode == TO_SOURCE) {
    c->owed += n * bytes;
  } else {
    c->had += n;
    if (c->had < bytes) return;
    c->had = 0;
    SSL_write(c->ssl, "x", 1);
  }
}

static void go_on(connection *c) {
  while (c->owed > 0 && c->sending == 0) {
    long n = c->owed < PIECE ? c->owed : PIECE;
    SSL_write(c->ssl, plain, (int)n);
    c->owed -= n;
    flush(c);
  }
}

static void got(uv_stream_t *s, ssize_t size, const uv_buf_t *b) {
  connection *c = (connection *)s;
  int n;
  if (size == 0) return;
  if (size < 0) {
    shut(c);
    return;
  }
  BIO_write(c->in, b->base, (int)size);
  ERR_clear_error();
  while ((n = SSL_read(c->ssl, plain, sizeof plain)) > 0) answer(c, n);
  n = SSL_get_error(c->ssl, n);
  flush(c);
  go_on(c);
  if (n != SSL_ERROR_WANT_READ) shut(c);
}

static void give(uv_handle_t *h, size_t size, uv_buf_t *b) {
  (void)h;
  (void)size;
  *b = uv_buf_init(scratch, sizeof scratch);
}

static void arrived(uv_stream_t *server, int status) {
  connection *c = calloc(1, sizeof *c);
  if (c == NULL || status < 0) abort();
  uv_tcp_init(server->loop, &c->tcp);
  if (uv_accept(server, (uv_stream_t *)&c->tcp) != 0) abort();
  uv_tcp_nodelay(&c->tcp, 1);
  c->ssl = SSL_new(ctx);
  c->in = BIO_new(BIO_s_mem());
  c->out = BIO_new(BIO_s_mem());
  if (c->ssl == NULL || c->in == NULL || c->out == NULL) abort();
  SSL_set_bio(c->ssl, c->in, c->out);
  SSL_set_accept_state(c->ssl);
  uv_read_start((uv_stream_t *)&c->tcp, give, got);
}

int main(int argc, char **argv) {
  uv_loop_t *loop = uv_default_loop();
  struct sockaddr_in a;
  uv_tcp_t server;
  int r;
  if (argc != 5) return 2;
  mode = strcmp(argv[1], "sink") == 0 ? TO_SINK : strcmp(argv[1], "source") == 0 ? TO_SOURCE : TO_ECHO;
  bytes = atol(argv[3]);
  ctx = SSL_CTX_new(TLS_server_method());
  if (ctx == NULL || SSL_CTX_use_certificate_file(ctx, argv[2], SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_use_PrivateKey_file(ctx, argv[2], SSL_FILETYPE_PEM) != 1)
    return 1;
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"c", 1);
  uv_tcp_init(loop, &server);
  uv_ip4_addr("127.0.0.1", atoi(argv[4]), &a);
  r = uv_tcp_bind(&server, (struct sockaddr *)&a, 0);
  assert(r == 0);
  r = uv_listen((uv_stream_t *)&server, 4096, arrived);
  assert(r == 0);
  (void)r;
  return uv_run(loop, UV_RUN_DEFAULT);
}
