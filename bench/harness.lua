-- A program of the benchmark offers several workloads and runs one:
--
--   lua5.4 bench/lwt/tasks.lua yield 1000000
--
-- The workload is told its size and reports what it measured, a line on standard output each:
--   RES yield:lwt SECONDS OPERATIONS [key=value …]
-- lwt's programs and the Lua peers' use this alike.

local probe = require "bench.probe"

-- CLOCK=cpu: for rows that only compute, on a machine that others use as well.
local now = os.getenv "BENCH_CLOCK" == "cpu" and probe.cpu or probe.now

local M = { now = now, cpu = probe.cpu, rss = probe.rss, peak = probe.peak }

local workload

--- `who` did `n` operations in `seconds`.
function M.report(who, seconds, n, extra)
  local words = {}
  for k, v in pairs(extra or {}) do words[#words + 1] = (" %s=%.6g"):format(k, v) end
  table.sort(words)
  io.stdout:write(("RES %s:%s %.9f %d%s\n"):format(workload, who, seconds, n, table.concat(words)))
  io.stdout:flush()
end

--- The seconds that `f(...)` takes, reported as `n` operations of `who`.
function M.time(who, n, f, ...)
  collectgarbage()
  local start = now()
  f(...)
  local seconds = now() - start
  M.report(who, seconds, n)
  return seconds
end

--- Folder of the files that are read and copied.
M.data = os.getenv "BENCH_DATA" or "build/bench/data"

--- Runs what the command line names.
function M.main(workloads)
  workload = arg[1]
  local f = workloads[workload]
  if not f then
    local names = {}
    for name in pairs(workloads) do names[#names + 1] = name end
    table.sort(names)
    io.stderr:write(("%s: which workload? %s\n"):format(arg[0], table.concat(names, " ")))
    os.exit(2)
  end
  f(math.tointeger(tonumber(arg[2])) or arg[2], select(3, table.unpack(arg)))
end

return M
