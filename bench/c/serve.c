/* serve: echo and HTTP servers on bare libuv, what a server in C can do.
**
**   serve write|try|lines|http PORT
**
** write: echo with uv_write. try: uv_try_write first. lines: try, line by line, each without
** its end and then with "\n". http: try, and "hello world" for each head. */
#define _GNU_SOURCE
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static const char hello[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                            "Content-Length: 11\r\n\r\nhello world";
static int try_first, lines, http;
static char scratch[65536];

typedef struct connection {
  uv_tcp_t tcp;
  char head[4096];
  size_t used;
} connection;

typedef struct pending {
  uv_write_t req;
  char data[];
} pending;

static void closed(uv_handle_t *h) {
  free(h);
}

static void written(uv_write_t *w, int status) {
  (void)status;
  free(w);
}

static void send_out(connection *c, const char *data, size_t n) {
  uv_buf_t b;
  pending *w;
  if (try_first) {
    int done;
    b = uv_buf_init((char *)data, (unsigned)n);
    done = uv_try_write((uv_stream_t *)&c->tcp, &b, 1);
    if (done == (int)n) return;
    if (done > 0) {
      data += done;
      n -= (size_t)done;
    }
  }
  w = malloc(sizeof *w + n);
  if (w == NULL) abort();
  memcpy(w->data, data, n);
  b = uv_buf_init(w->data, (unsigned)n);
  uv_write(&w->req, (uv_stream_t *)&c->tcp, &b, 1, written);
}

static void give(uv_handle_t *h, size_t size, uv_buf_t *b) {
  (void)h;
  (void)size;
  *b = uv_buf_init(scratch, sizeof scratch);
}

/* Each line of what is in `head`; the rest stays there. */
static void give_lines(connection *c) {
  char *at = c->head, *last = c->head + c->used, *end;
  while ((end = memchr(at, '\n', (size_t)(last - at))) != NULL) {
    char *next = end + 1;
    if (end > at && end[-1] == '\r') end--;
    *end = '\n';
    send_out(c, at, (size_t)(end + 1 - at));
    at = next;
  }
  c->used = (size_t)(last - at);
  memmove(c->head, at, c->used);
}

static void got(uv_stream_t *s, ssize_t n, const uv_buf_t *b) {
  connection *c = (connection *)s;
  char *end;
  if (n == 0) return;
  if (n < 0 || ((http || lines) && c->used + (size_t)n > sizeof c->head)) {
    uv_close((uv_handle_t *)s, closed);
    return;
  }
  if (!http && !lines) {
    send_out(c, b->base, (size_t)n);
    return;
  }
  memcpy(c->head + c->used, b->base, (size_t)n);
  c->used += (size_t)n;
  if (lines) {
    give_lines(c);
    return;
  }
  while ((end = memmem(c->head, c->used, "\r\n\r\n", 4)) != NULL) {
    size_t size = (size_t)(end + 4 - c->head);
    c->used -= size;
    memmove(c->head, c->head + size, c->used);
    send_out(c, hello, sizeof hello - 1);
  }
}

static void arrived(uv_stream_t *server, int status) {
  connection *c = malloc(sizeof *c);
  if (c == NULL || status < 0) abort();
  c->used = 0;
  uv_tcp_init(server->loop, &c->tcp);
  if (uv_accept(server, (uv_stream_t *)&c->tcp) != 0) abort();
  uv_tcp_nodelay(&c->tcp, 1);
  uv_read_start((uv_stream_t *)&c->tcp, give, got);
}

int main(int argc, char **argv) {
  uv_loop_t *loop = uv_default_loop();
  struct sockaddr_in a;
  uv_tcp_t server;
  int r;
  if (argc != 3) return 2;
  http = strcmp(argv[1], "http") == 0;
  lines = strcmp(argv[1], "lines") == 0;
  try_first = http || lines || strcmp(argv[1], "try") == 0;
  uv_tcp_init(loop, &server);
  uv_ip4_addr("127.0.0.1", atoi(argv[2]), &a);
  r = uv_tcp_bind(&server, (struct sockaddr *)&a, 0);
  assert(r == 0);
  r = uv_listen((uv_stream_t *)&server, 4096, arrived);
  assert(r == 0);
  (void)r;
  return uv_run(loop, UV_RUN_DEFAULT);
}
