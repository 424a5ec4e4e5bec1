-- lwt: the longest turn of the loop while many tasks sleep and ten work, which make garbage: how long the collector
-- stops everything. In processor time, or other programs would be measured.
--
--   pause.lua pause N [incremental|stopped|promises|coroutines]
--
-- Without a word: in the generational mode, which is that of the program lua5.4. incremental, stopped: as the guide
-- says in "In a host or a game loop", with small steps, or standing still but for moments that the program chooses.
-- promises: those who sleep are promises and no tasks. coroutines: N coroutines of Lua's own, suspended, and no task
-- that sleeps: what any program with so many stacks has to pay.

local lwt = require "lwt"
local bench = require "bench.harness"

local await, spawn = lwt.await, lwt.spawn

local WARM_UP, CALM = 1000, 1000 -- turns; from one calm moment to the next
local WORKERS = 10

-- A turn of a worker: some tables and strings, a promise, and a rest.
local function work()
  while true do
    local list = {}
    for i = 1, 20 do list[i] = { x = i, name = "v" .. i } end
    await(lwt.fulfilled(#list))
    lwt.yield()
  end
end

local function nap() await(lwt.sleep(3600)) end

local kept = {}
local sleepers = {}

function sleepers.tasks(n)
  for _ = 1, n do spawn(nap) end
end
sleepers.stopped, sleepers.incremental = sleepers.tasks, sleepers.tasks

function sleepers.promises(n)
  for i = 1, n do kept[i] = lwt.sleep(3600) end
end

function sleepers.coroutines(n)
  for i = 1, n do
    kept[i] = coroutine.wrap(function() coroutine.yield() end)
    kept[i]()
  end
end

-- A full collection, and what the guide has behind it, so that the C library's part of it is done as well.
local function collect()
  collectgarbage()
  local _ = (" "):rep(4096)
end

local W = {}

function W.pause(n, mode)
  mode = mode or "tasks"
  local turns = n // 5
  local worst, sum, calm, calms, before = 0, 0, 0, 0, bench.rss()
  lwt.run(function()
    sleepers[mode](n)
    for _ = 1, WORKERS do spawn(work) end
    for _ = 1, WARM_UP do lwt.yield() end
    collect()
    if mode == "stopped" then collectgarbage "stop" end
    if mode == "incremental" then collectgarbage("incremental", 200, 20) end
    local last = bench.cpu()
    for i = 1, turns do
      lwt.yield()
      local now = bench.cpu()
      worst, sum = math.max(worst, now - last), sum + (now - last)
      if mode == "stopped" and i % CALM == 0 then -- between two scenes: this is no turn
        collect()
        local after = bench.cpu()
        calm, calms, now = calm + (after - now), calms + 1, after
      end
      last = now
    end
    local who = mode == "tasks" and "lwt" or mode == "coroutines" and mode or "lwt_" .. mode
    local extra = { worst = worst * 1e3, mib = (bench.peak() - before) / 1048576 }
    if calms > 0 then extra.calm = calm / calms * 1e3 end
    bench.report(who, sum, turns, extra)
    os.exit(0, false)
  end)
end

bench.main(W)
