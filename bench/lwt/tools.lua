-- lwt: what tasks use among themselves, beside a spawn: operations of bench/count/ops.lua, here by the clock.

local lwt = require "lwt"
local ops = require "bench.count.ops"
local bench = require "bench.harness"

local NAMES = {
  "spawn", "pool_use", "semaphore", "throttle", "timer", "retry", "list_map_n", "scope_one", "with_timeout", "pick_2",
}

local W = {}

function W.tools(n)
  local by_name = {}
  for _, op in ipairs(ops) do by_name[op.name] = op end
  lwt.run(function()
    for _, name in ipairs(NAMES) do
      local run = assert(by_name[name], name).setup()
      run(n // 10) -- what is made once is made
      bench.time(name, n, run, n)
    end
  end)
end

bench.main(W)
