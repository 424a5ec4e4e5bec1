-- Counts one operation of ops.lua, in a process of its own: `one.lua NAME` under callgrind (see count.lua), or
-- `one.lua NAME allocate`, which prints what an operation allocates.
--
-- The collector does not run by itself: each batch of operations is followed by a full collection, and what full
-- collections of the program at rest take is counted apart, to be taken away. So an operation pays for freeing what it
-- leaves behind, and not for marking what happens to live beside it.

local lwt = require "lwt"
local ops = require "bench.count.ops"
local probe = require "bench.probe"

local BATCHES, SIZE = 5, 1000

local name, mode = arg[1], arg[2]
local chosen
for _, op in ipairs(ops) do
  if op.name == name then chosen = op end
end
assert(chosen, "no such operation")

local function collect()
  collectgarbage()
  collectgarbage()
end

if chosen.engine ~= "uv" then require "lwt.engine".set "virtual" end
lwt.run(function()
  local run = chosen.setup()
  collectgarbage "stop"
  run(SIZE)
  run(SIZE)
  collect()
  if mode == "allocate" then
    probe.count_begin()
    run(SIZE)
    local words = {}
    for k, v in pairs(probe.count_end()) do words[#words + 1] = ("%s=%.3f"):format(k, v / SIZE) end
    table.sort(words)
    print(table.concat(words, " "))
    return
  end
  probe.start()
  run(SIZE)
  collect()
  collect()
  probe.mark "warm"
  for _ = 1, BATCHES do collect() end
  probe.mark "rest"
  for _ = 1, BATCHES do
    run(SIZE)
    collect()
  end
  probe.mark "work"
  probe.stop()
  print(BATCHES * SIZE)
  os.exit(0, false)
end)
