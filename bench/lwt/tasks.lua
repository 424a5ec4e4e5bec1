-- lwt: tasks that hand over to one another, yield, start and sleep.

local lwt = require "lwt"
local mvar = require "lwt.mvar"
local bench = require "bench.harness"

local await, spawn = lwt.await, lwt.spawn

local W = {}

-- Each hand-over is one task that waited and was woken by the other.
function W.handover(n)
  lwt.run(function()
    local there, back = lwt.direct(mvar.create()), lwt.direct(mvar.create())
    bench.time("lwt", n, function()
      local echo = spawn(function()
        for _ = 1, n // 2 do back:put(there:take()) end
      end)
      for i = 1, n // 2 do
        there:put(i)
        back:take()
      end
      await(echo)
    end)
    there, back = mvar.create(), mvar.create()
    bench.time("lwt_await", n, function()
      local echo = spawn(function()
        for _ = 1, n // 2 do await(back:put(await(there:take()))) end
      end)
      for i = 1, n // 2 do
        await(there:put(i))
        await(back:take())
      end
      await(echo)
    end)
  end)
end

function W.yield(n)
  lwt.run(function()
    local tasks = {}
    bench.time("lwt", n, function()
      for i = 1, 1000 do
        tasks[i] = spawn(function()
          for _ = 1, n // 1000 do lwt.yield() end
        end)
      end
      await(lwt.join(tasks))
    end)
  end)
end

function W.spawn(n)
  local function trivial(v) return v end
  lwt.run(function()
    bench.time("lwt", n, function()
      for i = 1, n do spawn(trivial, i) end
    end)
  end)
end

local function sleepers(who, n, start_all)
  local cpu, rss, start = bench.cpu(), bench.rss(), bench.now()
  lwt.run(function()
    local all = start_all()
    local started = bench.now() - start
    await(all)
    bench.report(who, bench.now() - start, n, {
      bytes = (bench.peak() - rss) / n, cpu = bench.cpu() - cpu, started = started,
      late = bench.now() - start - 2,
    })
  end)
end

-- n tasks, asleep at once: they wake in the second second.
local function sleeping_tasks(who, n, sleep)
  sleepers(who, n, function()
    local all, resolver = lwt.wait()
    local left = n
    local function nap(seconds)
      sleep(seconds)
      left = left - 1
      if left == 0 then resolver:wakeup() end
    end
    for i = 1, n do spawn(nap, 1 + i / n) end
    return all
  end)
end

function W.sleepers(n) sleeping_tasks("lwt", n, lwt.direct(lwt).sleep) end

-- The same with a promise for each.
function W.sleepers_await(n)
  sleeping_tasks("lwt_await", n, function(seconds) await(lwt.sleep(seconds)) end)
end

-- Without a stack for each: the promises alone.
function W.sleepers_promise(n)
  sleepers("lwt_promise", n, function()
    local naps = {}
    for i = 1, n do naps[i] = lwt.sleep(1 + i / n) end
    return lwt.join(naps)
  end)
end

bench.main(W)
