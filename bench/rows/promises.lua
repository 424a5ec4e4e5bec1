-- Promises and tasks: what costs nothing but instructions.

local programs = require "bench.rows.programs"

local lwt, uv = programs.lwt, programs.uv
local plain, limit, luv, cqueues = programs.plain, programs.limit, programs.luv, programs.cqueues
local ocaml, node, uvloop = programs.ocaml, programs.node, programs.uvloop

return {
  name = "promises", title = "Promises and tasks",
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
    bars = {
      { "lwt", "<=", 1.7, "resume" }, { "lwt", "<", 1, "node_mvar" }, { "lwt_await", "<=", 2.2, "resume" },
    },
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
      { "lwt", "{lua} bench/lwt/tasks.lua sleepers_await {size}" },
      uv "{size}", luv, cqueues, ocaml, node,
    },
    -- The times were limits once, 3 s and 1.5 s for a million on one processor: these are they, beside what luv and
    -- node took in that run.
    bars = {
      { "lwt", "<=", 1400, unit = "bytes each", of = "bytes" },
      { "lwt", "<=", 0.73, "luv" }, { "lwt", "<=", 0.7, "node" },
      { "lwt_promise", "<=", 300, unit = "bytes each", of = "bytes" },
      { "lwt_promise", "<=", 0.36, "luv" },
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
}
