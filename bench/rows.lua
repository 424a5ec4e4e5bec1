-- What is measured, with whom, and the bars. One entry is one row of the benchmark:
--
--   name, title, per    the row, what it is in words, what one operation is
--   size, quick         operations in a full run and in a quick one
--   rounds              how often at most (the run's own number may be smaller)
--   times               so many times as often as the others: it varies more
--   cpus                where it runs; "1" unless said. Servers: 0, their load: 1
--   computes            neither waits nor uses a second thread: CLOCK=cpu applies
--   by_cpu              what counts is the processor time of the whole program
--   needs               the files it reads: "big", "lines", "small", "many" or "tree"
--   requires            a peer without which there is no row ("openssl": the load is made with it)
--   runs                the programs: { peer, command }; {row} {size} {bin} {data} … are filled in
--   bars                { figure, "<=" | "<" | ">=" | ">", factor, other figure } compares with another figure of
--                       the same row; { figure, "<=", limit, unit = …, of = key } with a limit
--
-- A figure's name begins with its peer's: lwt, limit_c, luv …

local function lwt(program) return { "lwt", "{lua} bench/lwt/" .. program .. ".lua {row} {size}" } end
local plain = { "lua", "{lua} bench/lua/plain.lua {row} {size}" }
local limit = { "limit_c", "{lua} bench/lua/limit.lua {row} {size}" }
local luv = { "luv", "{lua} bench/lua/luv.lua {row} {size}" }
local cqueues = { "cqueues", "{lua} bench/lua/cqueues.lua {row} {size}" }
local ocaml = { "lwt_ocaml", "{bin}/lwt_bench {row} {size}" }
local node = { "node", "node bench/node/bench.mjs {row} {size}" }
local uvloop = { "uvloop", "{python} bench/py/bench.py {row} {size}" }
local luv_system = { "luv", "{lua} bench/lua/luv_system.lua {row} {size}" }
local node_system = { "node", "node bench/node/system.mjs {row} {size}" }
local python_system = { "python", "{python} bench/py/system.py {row} {size}" }
local uvloop_system = { "uvloop", "{python} bench/py/system.py {row} {size}" }
local c_system = { "libuv", "{bin}/system {row} {size}" }
local lualogging = { "lualogging", "{lua} bench/lua/lualogging.lua {row} {size}" }
local python = { "python", "{python} bench/py/log.py {row} {size}" }
-- Who edits a line, and a typist.
local function edit(peer, command)
  return { peer, ("{bin}/typist {row}:%s {size} 200 %s"):format(peer, command) }
end
local function uv(arguments) return { "libuv", "{bin}/uv {row} " .. arguments } end

-- A server, and the load it gets.
local function server(peer, name, load, command, mode)
  return { peer, ("{bin}/load -t {seconds} {row}:%s %s {size} -- %s %s"):format(name, load, command, mode) }
end
local function echo(peer, name, command, mode) return server(peer, name, "echo", command, mode) end
local function http(peer, name, command, mode) return server(peer, name, "http", command, mode) end
local lwt_server, c_server = "{lua} bench/lwt/serve.lua", "{bin}/serve"
local luv_server, cqueues_server = "{lua} bench/lua/serve_luv.lua", "{lua} bench/lua/serve_cqueues.lua"
local copas_server, ocaml_server = "{lua} bench/lua/serve_copas.lua", "{bin}/lwt_serve"
local glib_server = "{lua} bench/lwt/glib.lua"
local node_server, py_server = "node bench/node/serve.mjs", "{python} bench/py/serve.py"

-- Servers that speak TLS: a figure each, of the server's processor time (bench/c/tls_load.c).
local function tls(mode, connections, bytes, kinds)
  local serves = (mode == "echo" or mode == "sink" or mode == "source") and mode or "echo"
  local runs = {}
  for _, kind in ipairs(kinds) do
    for _, run in ipairs {
      { "lwt", "{lua} bench/lwt/serve_tls.lua" }, { "libuv", "{bin}/tls_serve" },
      { "node", "node bench/node/serve_tls.mjs" }, { "luasec", "{lua} bench/lua/serve_luasec.lua" },
      { "uvloop", "{python} bench/py/serve_tls.py" },
    } do
      local part = #kinds > 1 and "@" .. kind or ""
      runs[#runs + 1] = { run[1], ("{bin}/tls_load -t {seconds} {row}:%s%s %s %d %d -- %s %s {bin}/tls/%s.pem %d")
        :format(run[1], part, mode, connections, bytes, run[2], serves, kind, bytes) }
    end
  end
  return runs
end
local ahead = { { "lwt", ">=", 1, "node" }, { "lwt", ">=", 1, "luasec" }, { "lwt", ">=", 1, "uvloop" } }
local function tls_bars(factor) return { { "lwt", ">=", factor, "libuv" }, table.unpack(ahead) } end
local MANY = 64 << 20 -- bytes of one transfer

local M = {}

M.rows = {
  {
    name = "bind_resolved", computes = true, title = "bind, resolved", per = "bind on a fulfilled promise",
    size = 1000000, quick = 200000,
    runs = { lwt "promises", limit, plain, ocaml, node },
    bars = { { "lwt", "<=", 1.3, "limit_c" }, { "lwt", "<", 1, "mini" } },
  },
  {
    name = "bind_pending", computes = true, title = "bind, pending", per = "bind, in chains of 100 that are then woken",
    size = 1000000, quick = 200000,
    runs = { lwt "promises", limit, plain, ocaml, node },
    bars = { { "lwt", "<=", 1.5, "limit_c" } },
  },
  {
    name = "await_resolved", computes = true, title = "await, resolved", per = "await of a fulfilled promise in a task",
    size = 1000000, quick = 200000,
    runs = { lwt "promises", limit, plain, cqueues, ocaml, node, uvloop },
    bars = { { "lwt", "<=", 1.2, "limit_c" } },
  },
  {
    name = "handover", computes = true, title = "hand-over", per = "hand-over between two tasks through an mvar",
    size = 1000000, quick = 100000,
    runs = { lwt "tasks", plain, limit, cqueues, ocaml, node, uvloop },
    bars = { { "lwt", "<=", 1.7, "resume" }, { "lwt", "<", 1, "node_mvar" } },
  },
  {
    name = "yield", computes = true, title = "yield", per = "yield, 1,000 tasks taking turns",
    size = 1000000, quick = 100000,
    runs = { lwt "tasks", plain, limit, luv, cqueues, ocaml, node, uvloop },
    bars = { { "lwt", "<=", 0.85, "roundrobin" }, { "lwt", "<", 1, "node_microtask" } },
  },
  {
    name = "spawn", computes = true, title = "spawn", per = "trivial task, started and finished",
    size = 1000000, quick = 100000,
    runs = { lwt "tasks", plain, node, uvloop },
    bars = { { "lwt", "<=", 1.5, "coroutine" } },
  },
  {
    name = "sleepers", title = "sleepers", per = "task asleep, all at once (processor time)", by_cpu = true,
    size = 1000000, quick = 50000, rounds = 2,
    runs = {
      lwt "tasks", { "lwt", "{lua} bench/lwt/tasks.lua sleepers_promise {size}" },
      uv "{size}", luv, cqueues, ocaml, node,
    },
    bars = {
      { "lwt", "<=", 1400, unit = "bytes each", of = "bytes" },
      { "lwt", "<=", 3, unit = "s CPU", of = "process_cpu" },
      { "lwt_promise", "<=", 300, unit = "bytes each", of = "bytes" },
      { "lwt_promise", "<=", 1.5, unit = "s CPU", of = "process_cpu" },
    },
  },
  {
    name = "echo", times = 2, title = "echo", per = "message of 64 bytes, sent back", servers = true,
    size = "50,1000", quick = "50,200", cpus = "0,1", parts = " connections",
    runs = {
      echo("lwt", "lwt", lwt_server, "echo"), echo("lwt", "lwt_await", lwt_server, "echo_await"),
      echo("lwt", "lwt_lines", lwt_server, "echo_lines"),
      echo("libuv", "libuv_try", c_server, "try"), echo("libuv", "libuv", c_server, "write"),
      echo("luv", "luv_try", luv_server, "echo_try"), echo("luv", "luv", luv_server, "echo"),
      echo("luv", "luv_coroutine", luv_server, "echo_coroutine"),
      echo("cqueues", "cqueues", cqueues_server, "echo"), echo("copas", "copas", copas_server, "echo"),
      echo("lwt_ocaml", "lwt_ocaml", ocaml_server, "echo"),
      echo("lwt_ocaml", "lwt_ocaml_lines", ocaml_server, "echo_lines"),
      echo("node", "node", node_server, "echo"), echo("uvloop", "uvloop", py_server, "echo"),
      echo("uvloop", "uvloop_streams", py_server, "echo_streams"),
    },
    bars = { { "lwt", ">=", 0.92, "libuv_try" }, { "lwt", ">=", 1, "luv_try" } },
  },
  {
    name = "echo_lines", times = 2, title = "echo by lines", servers = true, size = "50,1000", quick = "50,200",
    per = "line of 64 bytes, read as a line and sent back as one", cpus = "0,1", parts = " connections",
    runs = {
      echo("lwt", "lwt", lwt_server, "echo_lines"), echo("libuv", "libuv", c_server, "lines"),
      echo("luv", "luv_coroutine", luv_server, "lines_coroutine"),
      echo("node", "node_readline", node_server, "lines"), echo("node", "node_by_hand", node_server, "lines_by_hand"),
      echo("uvloop", "uvloop_streams", py_server, "lines"),
      echo("python", "asyncio_streams", py_server .. " asyncio", "lines"),
    },
    bars = {
      { "lwt", ">=", 0.8, "libuv" }, { "lwt", ">=", 1, "luv_coroutine" }, { "lwt", ">=", 1, "node_readline" },
      { "lwt", ">=", 1, "node_by_hand" }, { "lwt", ">=", 1, "uvloop_streams" }, { "lwt", ">=", 1, "asyncio_streams" },
    },
  },
  {
    name = "glib_echo", times = 2, title = "echo, with GLib in the loop", per = "message of 64 bytes, sent back",
    servers = true, size = "50", quick = "50", cpus = "0,1", parts = " connections",
    runs = {
      echo("glib", "lwt_alone", glib_server, "alone"), echo("glib", "glib_into_lwt", glib_server, "glib_into_lwt"),
      echo("glib", "lwt_into_glib", glib_server, "lwt_into_glib"),
    },
    bars = { { "glib_into_lwt", ">=", 0.8, "lwt_alone" }, { "lwt_into_glib", ">=", 0.8, "lwt_alone" } },
  },
  {
    name = "glib_timer", times = 2, title = "GLib's timers of 10 ms, under the load of an echo server",
    per = "timer, set when the one before has fired", size = 300, quick = 50, cpus = "0,1",
    runs = {
      { "glib", "{lua} bench/lwt/glib.lua timer glib_alone {size}" },
      { "glib", "{lua} bench/lwt/glib.lua timer glib_into_lwt {size}" },
      { "glib", "{lua} bench/lwt/glib.lua timer lwt_into_glib {size}" },
    },
    bars = { { "glib_into_lwt", "<=", 1.1, "glib_alone" }, { "lwt_into_glib", "<=", 1.1, "glib_alone" } },
  },
  {
    name = "http", title = "http", per = "request, its head read by lines, the connection kept", servers = true,
    size = "50", quick = "50", cpus = "0,1", parts = " connections",
    runs = {
      http("lwt", "lwt", lwt_server, "http"), http("libuv", "libuv", c_server, "http"),
      http("luv", "luv", luv_server, "http"), http("luv", "luv_coroutine", luv_server, "http_coroutine"),
      http("cqueues", "cqueues", cqueues_server, "http"), http("copas", "copas", copas_server, "http"),
      http("lwt_ocaml", "lwt_ocaml", ocaml_server, "http"), http("node", "node", node_server, "http"),
      http("node", "node_by_hand", node_server, "http_by_hand"), http("uvloop", "uvloop", py_server, "http"),
    },
    bars = { { "lwt", ">=", 0.95, "luv" }, { "lwt", ">=", 1.1, "luv_coroutine" } },
  },
  {
    name = "tls_echo", requires = "openssl", title = "TLS echo", servers = true, cpus = "0,1",
    per = "message of 1 KiB, sent back; 50 connections; per second of the server's processor time",
    runs = tls("echo", 50, 1024, { "ecdsa" }), bars = tls_bars(0.85),
  },
  {
    name = "tls_receive", requires = "openssl", title = "TLS, received", servers = true, cpus = "0,1",
    per = "byte of 64 MiB that a client sends; per second of the server's processor time",
    runs = tls("sink", 1, MANY, { "ecdsa" }), bars = tls_bars(0.9),
  },
  {
    name = "tls_send", requires = "openssl", title = "TLS, sent", servers = true, cpus = "0,1",
    per = "byte of 64 MiB that a client receives; per second of the server's processor time",
    runs = tls("source", 1, MANY, { "ecdsa" }), bars = tls_bars(0.9),
  },
  {
    name = "tls_handshake", requires = "openssl", title = "TLS handshakes", servers = true, cpus = "0,1",
    per = "connection: handshake, a byte each way, the end; per second of the server's processor time",
    runs = tls("handshake", 1, 0, { "ecdsa", "rsa" }), bars = ahead,
  },
  {
    name = "tls_resumed", requires = "openssl", title = "TLS handshakes, resumed", servers = true, cpus = "0,1",
    per = "connection with the session of the one before; per second of the server's processor time",
    runs = tls("resumed", 1, 0, { "ecdsa", "rsa" }), bars = ahead,
  },
  {
    name = "lines", title = "lines", per = "line of a file of 200 MB", needs = "lines", cpus = "0,1", rounds = 3,
    runs = { lwt "files", limit, plain, luv, ocaml, node, uvloop },
    bars = { { "lwt", "<=", 0.7, "io.lines" }, { "lwt", "<=", 0.5, "luv" } },
  },
  {
    name = "files", title = "small files", per = "file of 4 KiB read, 64 in flight", needs = "small", cpus = "0,1",
    size = 2000, quick = 2000,
    runs = { lwt "files", uv "{data}/small {size}", plain, luv, ocaml, node, uvloop },
    bars = {
      { "lwt", "<=", 2, "libuv_fused" }, { "lwt", "<", 1, "libuv" }, { "lwt", "<", 1, "luv" },
      { "lwt", "<", 1, "node" }, { "lwt", "<", 1, "lwt_ocaml_unix" }, { "lwt", "<", 1, "python" },
    },
  },
  {
    name = "copy", title = "copy", per = "byte of 1 GiB copied by 64 KiB", needs = "big", cpus = "0,1", rounds = 3,
    runs = { lwt "files", uv "{size} {size}.copy", plain, luv, ocaml, node },
    bars = { { "lwt", "<=", 1, "libuv_nowait" }, { "lwt_copyfile", "<=", 1.4, "c_blocking" } },
  },
  {
    name = "scandir", title = "a folder", per = "entry of a folder with 100,000 files", needs = "many", cpus = "0,1",
    runs = { lwt "system", c_system, luv_system, node_system, python_system },
    bars = { { "lwt", "<", 1, "luv" }, { "lwt", "<", 1, "node" } },
  },
  {
    name = "walk", title = "a tree of files", per = "entry of a tree of 11,100, with its size", needs = "tree",
    cpus = "0,1",
    runs = { lwt "system", plain, c_system, luv_system, node_system, python_system },
    bars = { { "lwt", "<=", 2, "c" }, { "lwt", "<", 1, "luv" }, { "lwt", "<", 1, "node" } },
  },
  {
    name = "udp", title = "datagrams", per = "datagram of 64 bytes, sent back; both ends in one program, 32 under way",
    size = 200000, quick = 20000,
    runs = { lwt "system", c_system, luv_system, node_system },
    bars = { { "lwt", "<=", 1 / 0.9, "libuv" }, { "lwt", "<", 1, "luv" }, { "lwt", "<", 1, "node" } },
  },
  {
    name = "pipe", title = "a child's output", per = "byte of 1 GiB that a child writes; two: written to another",
    size = 1 << 30, quick = 64 << 20, cpus = "0,1", rounds = 3,
    runs = { lwt "system", plain, c_system, luv_system, node_system, uvloop_system },
    bars = { { "lwt", "<=", 1.1, "c" }, { "lwt_two", "<=", 1.1, "c_two" } },
  },
  {
    name = "processes", title = "spawn processes", per = "process `true`, 16 in flight", cpus = "0,1", rounds = 3,
    size = 1000, quick = 100,
    runs = {
      lwt "outside", uv "{size}", { "lwt", "{lua} bench/lwt/outside.lua {row} {size} 1024" },
      uv "{size} 1024", luv, ocaml, node, uvloop,
    },
    bars = { { "lwt", "<=", 1.1, "posix_spawn" }, { "lwt_1g", "<=", 1.1, "posix_spawn_1g" } },
  },
  {
    name = "jobs", title = "jobs", per = "trivial job in C on the threadpool, 64 in flight", cpus = "0,1",
    size = 10000, quick = 10000,
    runs = { lwt "outside", uv "{size}" },
    bars = { { "lwt", "<=", 1.7, "libuv" } },
  },
  {
    name = "detach", title = "detach", per = "trivial function in a worker thread, 64 in flight", cpus = "0,1",
    size = 10000, quick = 10000,
    runs = {
      lwt "outside", luv, ocaml, node, uvloop,
      { "lwt", "{lua} bench/lwt/outside.lua cpu 32" }, { "luv", "{lua} bench/lua/luv.lua cpu 32" },
      { "node", "node bench/node/bench.mjs cpu 36" },
    },
    bars = {
      { "lwt", "<=", 3000, unit = "ns" }, { "lwt", "<", 1, "luv" }, { "lwt", "<", 1, "node" },
      { "cpu:lwt", ">=", 1.9, unit = "times as fast on two processors", of = "speedup" },
    },
  },
  {
    name = "stream", computes = true, title = "stream", per = "element pushed, mapped, filtered, iterated",
    size = 1000000, quick = 100000,
    runs = { lwt "flow", plain, ocaml, node, uvloop },
    bars = {
      { "lwt", "<=", 0.8, "lwt_ocaml_from_direct" }, { "lwt", "<", 1, "node" }, { "lwt", "<", 1, "python" },
    },
  },
  {
    name = "mvar", computes = true, title = "mvar put/take", per = "put and take in one task that never waits",
    size = 1000000, quick = 100000,
    runs = { lwt "flow", ocaml, node },
    -- Lwt's figure is the baseline's program: a producer and a consumer. Its same-task loop is in the table too.
    bars = { { "lwt", "<=", 1.35, "lwt_ocaml_two" } },
  },
  {
    name = "signals", computes = true, title = "signals", per = "update of a signal that one S.map depends on",
    size = 1000000, quick = 100000,
    runs = { lwt "flow", ocaml },
    bars = { { "lwt", "<=", 1, "react_ocaml" } },
  },
  {
    name = "log_off", computes = true, title = "log, switched off", per = "call of lwt.log below the level",
    size = 10000000, quick = 1000000,
    runs = { lwt "log", plain, lualogging, python },
    bars = { { "lwt", "<=", 1.5, "empty_call" } },
  },
  {
    name = "log_file", title = "log to a file", per = "record, formatted, with the time, to a file", cpus = "0,1",
    size = 1000000, quick = 100000,
    runs = { lwt "log", plain, lualogging, python },
    bars = { { "lwt", "<=", 2, "os.date" }, { "lwt", "<", 1, "lualogging" }, { "lwt", "<", 1, "python" } },
  },
  {
    name = "edit_line", title = "a key in a line",
    per = "key, typed at the end of a line (processor time), on a pseudo-terminal",
    size = "10,1000,100000", quick = "10,1000", parts = " characters",
    runs = { edit("lwt", "{lua} bench/lwt/line.lua edit 0"), edit("readline", "{bin}/edit") },
    bars = {
      { "lwt", "<=", 1.1, unit = "bytes each", of = "bytes" },
      { "lwt_middle", "<=", 200, unit = "bytes each", of = "bytes" },
      { "lwt", "<=", 200000, unit = "ns" },
    },
  },
  {
    name = "keys", computes = true, title = "keys", per = "byte, read as a key (lwt_typed) or as a part of a paste",
    size = 1000000, quick = 100000,
    runs = { lwt "line" },
    bars = { { "lwt_paste", "<=", 1000, unit = "ns" } },
  },
  {
    name = "text_lines", title = "lines of text", per = "line of a file of 200 MB, decoded", needs = "lines",
    cpus = "0,1", rounds = 3,
    runs = { lwt "line" },
    bars = { { "lwt", "<=", 2, "lwt_bytes" } },
  },
}

-- Words for the peers, in the order of the table and the picture.
M.peers = {
  { "limit_c", "limit_c", "floor: one userdata, one pcall, no semantics" },
  { "lua", "plain Lua", "coroutines, io, or a 30-line promise" },
  { "libuv", "C", "libuv or system calls" },
  { "luv", "luv" },
  { "glib", "GLib", "alone, or with lwt in its loop, or in lwt's" },
  { "cqueues", "cqueues" },
  { "copas", "copas" },
  { "lwt_ocaml", "Lwt (OCaml)" },
  { "node", "node" },
  { "uvloop", "Python, uvloop" },
  { "luasec", "LuaSec" },
  { "lualogging", "LuaLogging" },
  { "python", "Python's logging" },
  { "readline", "GNU readline" },
}

return M
