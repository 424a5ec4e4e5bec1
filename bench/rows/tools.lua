-- What tasks use among themselves: each beside a spawn. The figures are operations of bench/count/ops.lua, so that
-- their instructions and what they allocate can stand beside their time.

local programs = require "bench.rows.programs"

local bars = {}
for _, name in ipairs {
  "pool_use", "semaphore", "throttle", "timer", "retry", "list_map_n", "scope_one", "with_timeout", "pick_2",
} do
  bars[#bars + 1] = { name, "<=", 4, "spawn" }
end

return {
  name = "tools", title = "Pools, timers and their like",
  {
    name = "tools", computes = true, title = "beside a spawn", per = "use of each, in a task",
    size = 300000, quick = 10000, beside = "spawn", counts = true,
    runs = { programs.lwt "tools" },
    bars = bars,
  },
}
