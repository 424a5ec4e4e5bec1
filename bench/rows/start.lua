-- How a program starts, and how long it stands still for the collector.

local programs = require "bench.rows.programs"

local start = programs.again
local function pause(peer, mode) return { peer, "{lua} bench/lwt/pause.lua pause {size} " .. mode } end

return {
  name = "start", title = "Starting, and standing still",
  {
    name = "start", title = "start", per = "program that starts and ends", size = 50, quick = 5, beside = "lua",
    runs = {
      start("lwt", "lwt", "{lua} bin/lwt -e ''"), start("lwt", "lwt_module", "{lua} bench/lwt/start.lua"),
      start("lwt", "lwt_every_module", "{lua} bench/lwt/start.lua every"),
      start("lua", "lua", "{lua} -e ''"), start("luv", "luv", "{lua} -e 'require [[luv]]'"),
      start("node", "node", "node -e ''"), start("python", "python", "{python} -c ''"),
      start("python", "python_asyncio", "{python} -c 'import asyncio'"),
    },
    bars = {
      { "lwt", "<=", 6, "lua", more = true, unit = "ms", scale = 1e-6 },
      { "lwt_every_module", "<=", 6, "lua", more = true, unit = "ms", scale = 1e-6 },
    },
  },
  {
    name = "pause", title = "longest turn", of = "worst", unit = "ms", size = 100000, quick = 10000, rounds = 2,
    per = "turn, the longest, while 100,000 tasks sleep and ten work (processor time)", beside = "coroutines",
    runs = {
      programs.lwt "pause", pause("lwt", "incremental"), pause("lwt", "stopped"), pause("lwt", "promises"),
      pause("lua", "coroutines"),
    },
    bars = {
      { "lwt", "<=", 2, unit = "ms", of = "worst" }, { "lwt_stopped", "<=", 2, unit = "ms", of = "worst" },
    },
  },
}
