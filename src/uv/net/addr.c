/* addr.c: addresses, from what users write to what the system takes, and back.
**
**   "127.0.0.1:8080"  "[::1]:8080"  "localhost:http"  "unix:/path"
**   {host = "::1", port = 8080}  {host = "localhost", port = "http"}  {path = "/path"}
**
** Nothing is looked up here: a host that is no number stays a name (AF_UNSPEC). What
** cannot be an address is an argument error that says why.
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "internal.h"

/* snprintf would be a third of what it costs to send a datagram and to receive one. Returns the
** end of what has been put. */
static char *put_number(char *to, unsigned n) {
  char digits[10];
  int i = 0;
  do {
    digits[i++] = (char)('0' + n % 10);
    n /= 10;
  } while (n > 0);
  while (i > 0) *to++ = digits[--i];
  *to = '\0';
  return to;
}

static int bad(lua_State *L, int arg, const char *format, const char *what) {
  lua_pushfstring(L, format, what);
  return luaL_argerror(L, arg, lua_tostring(L, -1));
}

/* Take `length` characters as the host or service `what`. */
static void take(lua_State *L, int arg, const char *what, char *to, size_t size,
                 const char *from, size_t length) {
  if (length == 0) bad(L, arg, "no %s in address", what);
  if (length >= size) bad(L, arg, "%s of address is too long", what);
  if (memchr(from, '\0', length) != NULL)
    bad(L, arg, "%s of address contains a zero byte", what);
  memcpy(to, from, length);
  to[length] = '\0';
}

static void take_port(lua_State *L, int arg, lwt_uv_address *a, lua_Integer n) {
  if (n < 0 || n > 65535) {
    lua_pushfstring(L, "port %I is out of range (0 to 65535)", (LUAI_UACINT)n);
    luaL_argerror(L, arg, lua_tostring(L, -1));
  }
  a->port = (int)n;
  put_number(a->service, (unsigned)n);
}

static void take_service(lua_State *L, int arg, lwt_uv_address *a, const char *s,
                         size_t n) {
  take(L, arg, "port", a->service, sizeof a->service, s, n);
  a->port = -1;
  if (strspn(a->service, "0123456789") == n)
    take_port(L, arg, a, n > 9 ? 999999999 : (lua_Integer)strtol(a->service, NULL, 10));
  else if (strspn(a->service, "+-.0123456789") == n)
    bad(L, arg, "port %s is out of range (0 to 65535)", a->service);
}

static void take_path(lua_State *L, int arg, lwt_uv_address *a, const char *s, size_t n) {
  if (n == 0) bad(L, arg, "no path in address%s", "");
  if (memchr(s, '\0', n) != NULL)
    bad(L, arg, "path of address contains a zero byte%s", "");
  a->family = AF_UNIX;
  a->path = s;
  a->path_length = n;
  snprintf(a->text, sizeof a->text, "unix:%s", s);
}

/* Host and service are there: is the host a number? */
static void finish(lwt_uv_address *a) {
  struct sockaddr_in in4;
  struct sockaddr_in6 in6;
  char *end = a->text;
  int colons = strchr(a->host, ':') != NULL;
  if (colons) *end++ = '[';
  end = stpcpy(end, a->host);
  if (colons) *end++ = ']';
  *end++ = ':';
  strcpy(end, a->service);
  a->family = AF_UNSPEC;
  if (a->port < 0) return; /* the service has to be looked up anyway */
  if (uv_ip4_addr(a->host, a->port, &in4) == 0) {
    a->family = AF_INET;
    memcpy(&a->sa, &in4, sizeof in4);
  } else if (uv_ip6_addr(a->host, a->port, &in6) == 0) {
    a->family = AF_INET6;
    memcpy(&a->sa, &in6, sizeof in6);
  }
}

static void parse_string(lua_State *L, int arg, lwt_uv_address *a) {
  size_t n;
  const char *s = lua_tolstring(L, arg, &n), *colon, *end;
  if (n >= 5 && memcmp(s, "unix:", 5) == 0) {
    take_path(L, arg, a, s + 5, n - 5);
    return;
  }
  if (n > 0 && s[0] == '[') {
    end = memchr(s, ']', n);
    if (end == NULL) bad(L, arg, "address '%s' has no ']'", s);
    take(L, arg, "host", a->host, sizeof a->host, s + 1, (size_t)(end - s) - 1);
    colon = end + 1;
    if ((size_t)(colon - s) == n || *colon != ':')
      bad(L, arg, "no port in address '%s'", s);
  } else {
    colon = memchr(s, ':', n);
    if (colon == NULL) bad(L, arg, "no port in address '%s'", s);
    if (memchr(colon + 1, ':', n - (size_t)(colon - s) - 1) != NULL)
      bad(L, arg, "address '%s' has too many colons (IPv6 is written [::1]:80)", s);
    take(L, arg, "host", a->host, sizeof a->host, s, (size_t)(colon - s));
  }
  take_service(L, arg, a, colon + 1, n - (size_t)(colon - s) - 1);
  finish(a);
}

static void parse_table(lua_State *L, int arg, lwt_uv_address *a) {
  /* (Whatever an address of getaddrinfo has.) */
  static const char *const keys[] = {"host",     "port",      "path", "family",
                                     "socktype", "canonname", NULL};
  size_t n;
  const char *s;
  lua_Integer number;
  int exact;
  lwt_uv_check_options(L, arg, keys);
  if (lua_getfield(L, arg, "path") != LUA_TNIL) {
    if (lua_type(L, -1) != LUA_TSTRING) bad(L, arg, "path of address is no string%s", "");
    s = lua_tolstring(L, -1, &n);
    take_path(L, arg, a, s, n);
    lua_replace(L, arg); /* which keeps the string: the table may have made it just now */
    return;
  }
  if (lua_getfield(L, arg, "host") != LUA_TSTRING)
    bad(L, arg, "no host in address%s", "");
  s = lua_tolstring(L, -1, &n);
  take(L, arg, "host", a->host, sizeof a->host, s, n);
  switch (lua_getfield(L, arg, "port")) {
  case LUA_TNUMBER:
    number = lua_tointegerx(L, -1, &exact);
    if (!exact) bad(L, arg, "port of address is no integer%s", "");
    take_port(L, arg, a, number);
    break;
  case LUA_TSTRING:
    s = lua_tolstring(L, -1, &n);
    take_service(L, arg, a, s, n);
    break;
  default: bad(L, arg, "no port in address%s", "");
  }
  lua_pop(L, 2);
  finish(a);
}

void lwt_uv_check_address(lua_State *L, int arg, lwt_uv_address *a) {
  memset(a, 0, sizeof *a);
  if (lua_type(L, arg) == LUA_TSTRING)
    parse_string(L, arg, a);
  else if (lua_type(L, arg) == LUA_TTABLE)
    parse_table(L, arg, a);
  else
    luaL_typeerror(L, arg, "address");
}

void lwt_uv_format_ip6(const struct sockaddr_in6 *in6, char text[LWT_UV_HOST_MAX]) {
  char zone[UV_IF_NAMESIZE] = "";
  size_t size = sizeof zone;
  text[0] = '\0';
  uv_ip6_name(in6, text, INET6_ADDRSTRLEN);
  if (in6->sin6_scope_id == 0 || uv_if_indextoname(in6->sin6_scope_id, zone, &size) < 0)
    return;
  strcat(text, "%");
  strcat(text, zone);
}

static void format_ip4(const struct sockaddr_in *in4, char *text) {
  const unsigned char *part = (const void *)&in4->sin_addr;
  for (int i = 0; i < 4; i++) {
    text = put_number(text, part[i]);
    *text++ = i < 3 ? '.' : ':';
  }
  put_number(text, ntohs(in4->sin_port));
}

void lwt_uv_format_address(const struct sockaddr *sa, size_t length,
                           char text[LWT_UV_ADDRESS_MAX]) {
  char host[LWT_UV_HOST_MAX] = "";
  if (sa->sa_family == AF_INET) {
    format_ip4((const void *)sa, text);
  } else if (sa->sa_family == AF_INET6) {
    const struct sockaddr_in6 *in6 = (const void *)sa;
    lwt_uv_format_ip6(in6, host);
    snprintf(text, LWT_UV_ADDRESS_MAX, "[%s]:%d", host, ntohs(in6->sin6_port));
  } else if (sa->sa_family == AF_UNIX) {
    const struct sockaddr_un *un = (const void *)sa;
    size_t offset = offsetof(struct sockaddr_un, sun_path);
    int n = length > offset ? (int)strnlen(un->sun_path, length - offset) : 0;
    snprintf(text, LWT_UV_ADDRESS_MAX, "unix:%.*s", n, un->sun_path);
  } else {
    snprintf(text, LWT_UV_ADDRESS_MAX, "(address family %d)", sa->sa_family);
  }
}

void lwt_uv_push_address(lua_State *L, const struct sockaddr *sa, size_t length) {
  char text[LWT_UV_ADDRESS_MAX];
  lwt_uv_format_address(sa, length, text);
  lua_pushstring(L, text);
}
