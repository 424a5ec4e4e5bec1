-- Servers: echo, lines, HTTP, datagrams, more than one state, and what an idle connection takes.

local programs = require "bench.rows.programs"

local servers = programs.servers
local function echo(...) return programs.server("echo", ...) end
local function http(...) return programs.server("http", ...) end
local function idle(...) return programs.server("idle", ...) end
local ANYWHERE = "-s -1 -c -1" -- neither the server nor its load is bound to a processor

return {
  name = "servers", title = "Servers",
  {
    name = "echo", times = 2, title = "echo", per = "message of 64 bytes, sent back", servers = true,
    size = "50,1000", quick = "50,200", cpus = "0,1", parts = " connections",
    runs = {
      echo("lwt", "lwt", servers.lwt, "echo"), echo("lwt", "lwt_await", servers.lwt, "echo_await"),
      echo("libuv", "libuv_try", servers.c, "try"), echo("libuv", "libuv", servers.c, "write"),
      echo("luv", "luv_try", servers.luv, "echo_try"), echo("luv", "luv", servers.luv, "echo"),
      echo("luv", "luv_coroutine", servers.luv, "echo_coroutine"),
      echo("cqueues", "cqueues", servers.cqueues, "echo"), echo("copas", "copas", servers.copas, "echo"),
      echo("lwt_ocaml", "lwt_ocaml", servers.ocaml, "echo"),
      echo("node", "node", servers.node, "echo"), echo("uvloop", "uvloop", servers.python, "echo"),
      echo("uvloop", "uvloop_streams", servers.python, "echo_streams"),
    },
    bars = {
      { "lwt", ">=", 0.92, "libuv_try" }, { "lwt", ">=", 1, "luv_try" }, { "lwt_await", ">=", 0.9, "libuv_try" },
    },
  },
  {
    name = "echo_lines", times = 2, title = "echo by lines", servers = true, size = "50,1000", quick = "50,200",
    per = "line of 64 bytes, read as a line and sent back as one", cpus = "0,1", parts = " connections",
    runs = {
      echo("lwt", "lwt", servers.lwt, "echo_lines"), echo("libuv", "libuv", servers.c, "lines"),
      echo("luv", "luv_coroutine", servers.luv, "lines_coroutine"),
      echo("node", "node_readline", servers.node, "lines"), echo("node", "node_by_hand", servers.node, "lines_by_hand"),
      echo("uvloop", "uvloop_streams", servers.python, "lines"),
      echo("python", "asyncio_streams", servers.asyncio, "lines"),
      echo("lwt_ocaml", "lwt_ocaml", servers.ocaml, "echo_lines"),
      echo("go", "go_bufio", servers.go, "lines"),
    },
    bars = {
      { "lwt", ">=", 0.8, "libuv" }, { "lwt", ">=", 1, "luv_coroutine" }, { "lwt", ">=", 1, "node_readline" },
      { "lwt", ">=", 1, "node_by_hand" }, { "lwt", ">=", 1, "uvloop_streams" }, { "lwt", ">=", 1, "asyncio_streams" },
      { "lwt", "<=", 1.5, "go_bufio", of = "cpu", what = "processor time" },
    },
  },
  {
    name = "http", title = "http", per = "request, its head read by lines, the connection kept", servers = true,
    size = "50", quick = "50", cpus = "0,1", parts = " connections",
    runs = {
      http("lwt", "lwt", servers.lwt, "http"), http("libuv", "libuv", servers.c, "http"),
      http("luv", "luv", servers.luv, "http"), http("luv", "luv_coroutine", servers.luv, "http_coroutine"),
      http("cqueues", "cqueues", servers.cqueues, "http"), http("copas", "copas", servers.copas, "http"),
      http("lwt_ocaml", "lwt_ocaml", servers.ocaml, "http"), http("node", "node", servers.node, "http"),
      http("node", "node_by_hand", servers.node, "http_by_hand"), http("uvloop", "uvloop", servers.python, "http"),
    },
    bars = { { "lwt", ">=", 0.95, "luv" }, { "lwt", ">=", 1.1, "luv_coroutine" } },
  },
  {
    name = "udp", title = "datagrams", per = "datagram of 64 bytes, sent back; both ends in one program, 32 under way",
    size = 200000, quick = 20000,
    runs = { programs.lwt "system", programs.c_system, programs.luv_system, programs.node_system },
    bars = { { "lwt", "<=", 1.11, "libuv" }, { "lwt", "<", 1, "luv" }, { "lwt", "<", 1, "node" } },
  },
  {
    name = "prefork", title = "two worker states", servers = true, size = "50", quick = "50", cpus = "0,1",
    beside = "lwt_one", parts = " connections",
    per = "line, for which the server computes about 0.2 ms; a port shared by one or two states",
    runs = {
      echo("lwt", "lwt", servers.lwt, "work 2", ANYWHERE), echo("lwt", "lwt_one", servers.lwt, "work 1", ANYWHERE),
    },
    bars = { { "lwt", ">=", 1.8, "lwt_one" } },
  },
  {
    name = "idle", title = "idle connection", of = "bytes", unit = "bytes", size = "4000", quick = "400",
    per = "connection, its handler waiting for a line (resident)", parts = " of them", cpus = "0,1", rounds = 2,
    runs = {
      idle("lwt", "lwt", servers.lwt, "echo_lines"), idle("lwt", "lwt_socket", servers.lwt, "echo"),
      idle("libuv", "libuv", servers.c, "lines"), idle("luv", "luv_coroutine", servers.luv, "lines_coroutine"),
      idle("node", "node_readline", servers.node, "lines"), idle("node", "node_data", servers.node, "echo"),
      idle("node", "node_by_hand", servers.node, "lines_by_hand"),
      idle("python", "asyncio_streams", servers.asyncio, "lines"),
      idle("uvloop", "uvloop_streams", servers.python, "lines"), idle("go", "go_bufio", servers.go, "lines"),
    },
    bars = { { "lwt", "<=", 4000, unit = "bytes", of = "bytes" } },
  },
}
