/* dns.c: names and addresses: getaddrinfo, getnameinfo, getservbyname, and what the
** machine knows about itself.
**
** Each lookup has a thread of its own (lookup.c), so that a name server that does not
** answer holds up neither files nor the end of the program. At most dns_limit of them
** run; what is more waits here, where it can be cancelled.
*/
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lookup.h"
#include "internal.h"

#define DNS_LIMIT 16

struct dns_req {
  lwt_uv_req r;
  uv_req_t none;         /* (libuv has no part in it) */
  lwt_uv_lookup *lookup; /* NULL: there was no memory for it */
  unsigned char started;
  dns_req *next, *prev; /* of those that wait */
};

/* ---- The queue ----------------------------------------------------------- */

static void on_lookup(lwt_uv_lookup *lookup);

/* The timer keeps the loop alive, where other code turns it, while an answer is
** wanted. */
static void on_alive(uv_timer_t *t) {
  (void)t;
}

static void want(net_state *net, int change) {
  net->dns_wanted += change;
  if (net->alive == NULL) return;
  if (net->dns_wanted > 0)
    uv_timer_start(net->alive, on_alive, 1000000000, 1000000000);
  else
    uv_timer_stop(net->alive);
}

static int start(dns_req *d) {
  int status = lwt_uv_lookup_start(d->r.ctx, d->lookup);
  if (status < 0) return status;
  d->started = 1;
  net_of(d->r.ctx)->dns_active++;
  want(net_of(d->r.ctx), 1);
  return 0;
}

static void dequeue(net_state *net, dns_req *d) {
  if (d->prev != NULL)
    d->prev->next = d->next;
  else
    net->dns_first = d->next;
  if (d->next != NULL)
    d->next->prev = d->prev;
  else
    net->dns_last = d->prev;
}

/* A lookup is over: the next may begin. */
static void start_next(lwt_uv *ctx) {
  net_state *net = net_of(ctx);
  while (!ctx->closing && net->dns_first != NULL && net->dns_active < net->dns_limit) {
    dns_req *d = net->dns_first;
    int status;
    dequeue(net, d);
    status = start(d);
    if (status < 0) lwt_uv_req_done(&d->r, status);
  }
}

/* One that was left behind counts until it is over. */
static void on_lookup(lwt_uv_lookup *lookup) {
  lwt_uv *ctx = lookup->ctx;
  dns_req *d = lookup->data;
  net_of(ctx)->dns_active--;
  if (d != NULL) want(net_of(ctx), -1);
  start_next(ctx);
  if (d != NULL) lwt_uv_req_done(&d->r, lookup->status);
}

static void cancel(lwt_uv_req *r) {
  dns_req *d = (dns_req *)(void *)r;
  if (d->started) {
    d->lookup->data = NULL;
    want(net_of(r->ctx), -1);
  } else {
    dequeue(net_of(r->ctx), d);
  }
  lwt_uv_req_done(r, UV_ECANCELED);
}

/* The request and its promise are at the top: start it, or let it wait for its turn. */
static int enqueue(lua_State *L, dns_req *d) {
  net_state *net = net_of(d->r.ctx);
  int status = 0;
  if (net->dns_active < net->dns_limit) {
    status = start(d);
  } else {
    d->prev = net->dns_last;
    if (d->prev != NULL)
      d->prev->next = d;
    else
      net->dns_first = d;
    net->dns_last = d;
  }
  return lwt_uv_req_started(L, &d->r, status);
}

/* ---- Results ------------------------------------------------------------- */

static void set_string(lua_State *L, const char *key, const char *value) {
  lua_pushstring(L, value);
  lua_setfield(L, -2, key);
}

static void set_integer(lua_State *L, const char *key, lua_Integer value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, key);
}

static int push_list(lua_State *L, lwt_uv_req *r) {
  dns_req *d = (dns_req *)(void *)r;
  struct addrinfo *a;
  lua_Integer n = 0;
  lua_newtable(L);
  for (a = d->lookup->list; a != NULL; a = a->ai_next) {
    char host[LWT_UV_HOST_MAX] = "";
    int number;
    if (a->ai_family == AF_INET) {
      const struct sockaddr_in *in4 = (const void *)a->ai_addr;
      uv_ip4_name(in4, host, sizeof host);
      number = ntohs(in4->sin_port);
    } else if (a->ai_family == AF_INET6) {
      const struct sockaddr_in6 *in6 = (const void *)a->ai_addr;
      lwt_uv_format_ip6(in6, host);
      number = ntohs(in6->sin6_port);
    } else {
      continue;
    }
    lua_createtable(L, 0, 4);
    set_string(L, "host", host);
    set_integer(L, "port", number);
    set_string(L, "family", a->ai_family == AF_INET ? "inet" : "inet6");
    set_string(L, "socktype", a->ai_socktype == SOCK_DGRAM ? "datagram" : "stream");
    if (a->ai_canonname != NULL) set_string(L, "canonname", a->ai_canonname);
    lua_rawseti(L, -2, ++n);
  }
  return 1;
}

static int push_port(lua_State *L, lwt_uv_req *r) {
  dns_req *d = (dns_req *)(void *)r;
  const struct sockaddr_in *in4 = (const void *)d->lookup->list->ai_addr;
  lua_pushinteger(L, ntohs(in4->sin_port));
  return 1;
}

static int push_names(lua_State *L, lwt_uv_req *r) {
  dns_req *d = (dns_req *)(void *)r;
  lua_pushstring(L, d->lookup->name);
  lua_pushstring(L, d->lookup->port);
  return 2;
}

static void release(lwt_uv_req *r) {
  dns_req *d = (dns_req *)(void *)r;
  if (d->lookup != NULL) lwt_uv_lookup_release(d->lookup);
}

static const lwt_uv_req_class address_class = {
    "getaddrinfo", "address", 1, push_list, release, cancel,
};
static const lwt_uv_req_class service_class = {
    "getservbyname", "service", 1, push_port, release, cancel,
};
static const lwt_uv_req_class name_class = {
    "getnameinfo", "address", 1, push_names, release, cancel,
};

/* ---- Functions ----------------------------------------------------------- */

/* Push a request to look up the strings at `host` and `service` (0: none), and its
** promise. */
static dns_req *new_lookup(lwt_uv *ctx, lua_State *L, const lwt_uv_req_class *class,
                           int what, int host, int service) {
  dns_req *d = lwt_uv_req_new(ctx, L, class, sizeof *d, offsetof(dns_req, none), what, 0);
  d->lookup = lwt_uv_lookup_new(host != 0 ? lua_tostring(L, host) : NULL,
                                service != 0 ? lua_tostring(L, service) : NULL);
  if (d->lookup == NULL) return d;
  d->lookup->data = d;
  d->lookup->done = on_lookup;
  d->lookup->hints.ai_family = AF_UNSPEC;
  return d;
}

/* A name: no zero byte, not longer than a name may be. */
static int check_name(lua_State *L, int arg) {
  size_t n;
  const char *s;
  if (lua_isnoneornil(L, arg)) return 0;
  s = luaL_checklstring(L, arg, &n);
  luaL_argcheck(L, strlen(s) == n, arg, "name contains a zero byte");
  luaL_argcheck(L, n < 256, arg, "name is too long");
  return arg;
}

/* A service is a name or a port: the resolver would cut one that is too large. */
static int check_service(lua_State *L, int arg) {
  if (check_name(L, arg) == 0) return 0;
  const char *s = lua_tostring(L, arg);
  if (strspn(s, "+-.0123456789") != strlen(s) || *s == '\0') return arg;
  if (strspn(s, "0123456789") != strlen(s) || strlen(s) > 9 || atoi(s) > 65535)
    luaL_argerror(L, arg, lua_pushfstring(L, "port %s is out of range (0 to 65535)", s));
  return arg;
}

static int option(lua_State *L, int arg, const char *key, const char *const names[],
                  const int values[], int otherwise) {
  const char *s;
  int i;
  if (!lua_istable(L, arg) || lua_getfield(L, arg, key) == LUA_TNIL) return otherwise;
  s = lua_tostring(L, -1);
  for (i = 0; names[i] != NULL; i++)
    if (s != NULL && strcmp(s, names[i]) == 0) {
      lua_pop(L, 1);
      return values[i];
    }
  lua_pushfstring(L, "option '%s' is none of its values", key);
  return luaL_argerror(L, arg, lua_tostring(L, -1));
}

static const char *const families[] = {"inet", "inet6", NULL};
static const int family_values[] = {AF_INET, AF_INET6};
static const char *const socktypes[] = {"stream", "datagram", NULL};
static const int socktype_values[] = {SOCK_STREAM, SOCK_DGRAM};

/*---
Where a socket is, or is to be. Every function that takes an address takes one of these, too.

@class lwt.Address
@field host? string numbers, or a name where one is taken
@field port? integer
@field family? "inet"|"inet6"
@field socktype? "stream"|"datagram"
@field canonname? string when it was asked for
@field path? string of a Unix-domain socket, instead of all that */

/*---
Looks up a host, a service (a name or a port), or both. The value is a list of addresses,
in the system's order, each `{host=, port=, family="inet"|"inet6",
socktype="stream"|"datagram"}`, which every function that takes an address takes. Options:
`family`, `socktype` (default: stream), `passive` (addresses to listen at, where host is
nil), `canonname`. Its promise is rejected with the resolver's error (`EAI_NONAME`). Cancelling gives the
lookup up. See `dns_limit`.
@param host string|nil
@param service? string|integer
@param opts? table # family, socktype, passive, canonname
@return lwt.Promise<lwt.Address[]>
```lua
local list = net.getaddrinfo("127.0.0.1", 80):await()
print(list[1].host, list[1].port, list[1].family)   --> 127.0.0.1 80 inet
```
@function lwt.net.getaddrinfo(host, service, opts)
*/
static int l_getaddrinfo(lua_State *L) {
  static const char *const options[] = {"family", "socktype", "passive", "canonname",
                                        NULL};
  lwt_uv *ctx = lwt_uv_context(L);
  int host, service, family, socktype, flags = 0;
  dns_req *d;
  lua_settop(L, 3);
  host = check_name(L, 1);
  service = check_service(L, 2);
  luaL_argcheck(L, host != 0 || service != 0, 1, "host or service expected");
  lwt_uv_check_options(L, 3, options);
  family = option(L, 3, "family", families, family_values, AF_UNSPEC);
  socktype = option(L, 3, "socktype", socktypes, socktype_values, SOCK_STREAM);
  if (lwt_uv_option_flag(L, 3, "passive", 0)) flags |= AI_PASSIVE;
  if (lwt_uv_option_flag(L, 3, "canonname", 0) && host != 0) flags |= AI_CANONNAME;
  d = new_lookup(ctx, L, &address_class, host != 0 ? host : service, host, service);
  if (d->lookup == NULL) return lwt_uv_req_started(L, &d->r, UV_ENOMEM);
  d->lookup->hints.ai_family = family;
  d->lookup->hints.ai_socktype = socktype;
  d->lookup->hints.ai_flags = flags;
  return enqueue(L, d);
}

/*---
The names of an address (numbers): its host, and its service. Where there is no name the
value is the number, as text.
@param addr string|table
@return lwt.Promise<string, string> # host, service
```lua
local _, service = net.getnameinfo("127.0.0.1:4"):await()
print(service)   --> 4
```
@function lwt.net.getnameinfo(addr)
*/
static int l_getnameinfo(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  lwt_uv_address a;
  dns_req *d;
  lwt_uv_check_address(L, 1, &a);
  luaL_argcheck(L, a.family == AF_INET || a.family == AF_INET6, 1,
                "numeric address expected");
  lua_pushstring(L, a.text);
  d = new_lookup(ctx, L, &name_class, -1, 0, 0);
  if (d->lookup == NULL) return lwt_uv_req_started(L, &d->r, UV_ENOMEM);
  d->lookup->sa = a.sa;
  d->lookup->by_address = 1;
  return enqueue(L, d);
}

/*---
The port of a service by its name. `proto` is `"tcp"` (default) or `"udp"`. Its promise is rejected with
`EAI_SERVICE` for a name that the system does not know.
@param name string
@param proto? string
@return lwt.Promise<integer>
```lua
local p = net.getservbyname("no such service")
print((pcall(lwt.await, p)))   --> false
```
@function lwt.net.getservbyname(name, proto)
*/
static int l_getservbyname(lua_State *L) {
  static const char *const protocols[] = {"tcp", "udp", NULL};
  lwt_uv *ctx = lwt_uv_context(L);
  int protocol;
  dns_req *d;
  lua_settop(L, 2);
  luaL_checkstring(L, 1);
  check_name(L, 1);
  protocol = luaL_checkoption(L, 2, "tcp", protocols);
  d = new_lookup(ctx, L, &service_class, 1, 0, 1);
  if (d->lookup == NULL) return lwt_uv_req_started(L, &d->r, UV_ENOMEM);
  d->lookup->hints.ai_family = AF_INET;
  d->lookup->hints.ai_socktype = socktype_values[protocol];
  return enqueue(L, d);
}

/*---
How many lookups run at once (16 at first); with a number, sets it. More of them wait, in
their order. Each has a thread of its own: files and jobs go on beside them. A lookup that was
cancelled counts until the system's resolver gives up; nothing else waits for it, the end of
the program neither.
@param n? integer
@return integer
```lua
print(net.dns_limit())   --> 16
```
@function lwt.net.dns_limit(n)
*/
static int l_dns_limit(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  net_state *net = net_of(ctx);
  if (!lua_isnoneornil(L, 1)) {
    lua_Integer n = lwt_uv_check_integer(L, 1);
    luaL_argcheck(L, n >= 1 && n <= 1024, 1, "limit is out of range (1 to 1024)");
    net->dns_limit = (int)n;
    if (ctx->loop != NULL) start_next(ctx);
  }
  lua_pushinteger(L, net->dns_limit);
  return 1;
}

/*---
The name of this machine.
@return string
```lua
print(#net.gethostname() > 0)   --> true
```
@function lwt.net.gethostname()
*/
static int l_gethostname(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  char buf[UV_MAXHOSTNAMESIZE];
  size_t n = sizeof buf;
  int status = uv_os_gethostname(buf, &n);
  if (status < 0) return lwt_uv_raise(ctx, L, status, "gethostname", NULL, NULL);
  lua_pushlstring(L, buf, n);
  return 1;
}

typedef struct interfaces {
  uv_interface_address_t *list;
  int n;
} interfaces;

static int push_interfaces(lua_State *L) {
  interfaces *all = lua_touserdata(L, 1);
  char text[LWT_UV_HOST_MAX], mac[20];
  int i;
  lua_createtable(L, all->n, 0);
  for (i = 0; i < all->n; i++) {
    const uv_interface_address_t *a = &all->list[i];
    const unsigned char *m = (const unsigned char *)a->phys_addr;
    int v6 = a->address.address4.sin_family == AF_INET6;
    lua_createtable(L, 0, 6);
    set_string(L, "name", a->name);
    set_string(L, "family", v6 ? "inet6" : "inet");
    if (v6)
      lwt_uv_format_ip6(&a->address.address6, text);
    else
      uv_ip4_name(&a->address.address4, text, sizeof text);
    set_string(L, "host", text);
    if (v6)
      uv_ip6_name(&a->netmask.netmask6, text, sizeof text);
    else
      uv_ip4_name(&a->netmask.netmask4, text, sizeof text);
    set_string(L, "netmask", text);
    snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3],
             m[4], m[5]);
    set_string(L, "mac", mac);
    lua_pushboolean(L, a->is_internal);
    lua_setfield(L, -2, "internal");
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/*---
The addresses of the network interfaces that are up: a list of `{name=, family=, host=,
netmask=, mac=, internal=}`.
@return table
```lua
for _, i in ipairs(net.interfaces()) do
  if i.host == "127.0.0.1" then print(i.internal) end   --> true
end
```
@function lwt.net.interfaces()
*/
static int l_interfaces(lua_State *L) {
  lwt_uv *ctx = lwt_uv_context(L);
  interfaces all;
  int status;
  lua_settop(L, 0);
  lua_pushcfunction(L, push_interfaces);
  lua_pushlightuserdata(L, &all);
  status = uv_interface_addresses(&all.list, &all.n);
  if (status < 0) return lwt_uv_raise(ctx, L, status, "interfaces", NULL, NULL);
  status = lua_pcall(L, 1, 1, 0);
  uv_free_interface_addresses(all.list, all.n);
  return status == LUA_OK ? 1 : lua_error(L);
}

static const luaL_Reg functions[] = {
    {"getaddrinfo", l_getaddrinfo},
    {"getnameinfo", l_getnameinfo},
    {"getservbyname", l_getservbyname},
    {"dns_limit", l_dns_limit},
    {"gethostname", l_gethostname},
    {"interfaces", l_interfaces},
    {NULL, NULL},
};

void lwt_uv_add_dns(lwt_uv *ctx, lua_State *L) {
  net_of(ctx)->dns_limit = DNS_LIMIT;
  lwt_uv_push_context(ctx, L);
  luaL_setfuncs(L, functions, 1);
}
