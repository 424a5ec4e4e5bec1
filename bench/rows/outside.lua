-- Other processes, other threads.

local programs = require "bench.rows.programs"

local lwt, uv = programs.lwt, programs.uv
local luv, ocaml, node, uvloop = programs.luv, programs.ocaml, programs.node, programs.uvloop

return {
  name = "outside", title = "Processes and threads",
  {
    name = "pipe", title = "a child's output", per = "byte of 1 GiB that a child writes; two: written to another",
    size = 1 << 30, quick = 64 << 20, cpus = "0,1", rounds = 3,
    runs = {
      lwt "system", programs.plain, programs.c_system, programs.luv_system, programs.node_system,
      programs.uvloop_system,
    },
    bars = { { "lwt", "<=", 1.1, "c" }, { "lwt_two", "<=", 1.1, "c_two" } },
  },
  {
    name = "processes", title = "spawn processes", per = "process `true`, 16 in flight", cpus = "0,1",
    size = 1000, quick = 100, times = 2, warm = 3,
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
      lwt "outside", luv, ocaml, node, uvloop, { "libuv", "{bin}/uv jobs {size}" },
      { "lwt", "{lua} bench/lwt/outside.lua cpu 32" }, { "luv", "{lua} bench/lua/luv.lua cpu 32" },
      { "node", "node bench/node/bench.mjs cpu 36" },
    },
    -- The limit was 3 µs once; this is it, beside what a trivial job in C took in that run.
    bars = {
      { "lwt", "<=", 2.2, "jobs:libuv" }, { "lwt", "<", 1, "luv" }, { "lwt", "<", 1, "node" },
      { "cpu:lwt", ">=", 1.9, unit = "times as fast on two processors", of = "speedup" },
    },
  },
}
