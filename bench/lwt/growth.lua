-- lwt: does the cost of one stay the same when there are many? `growth.lua WHAT N` measures one size.

local lwt = require "lwt"
local engine = require "lwt.engine"
local mvar = require "lwt.mvar"
local preemptive = require "lwt.preemptive"
local react = require "lwt.react"
local stream = require "lwt.stream"
local bench = require "bench.harness"

local await, fulfilled, spawn = lwt.await, lwt.fulfilled, lwt.spawn

local function nothing() end
local function add_one(v) return v + 1 end

local W = {}

-- `n` operations done by `f` in a task.
local function task(n, f)
  lwt.run(function() bench.time("lwt@" .. n, n, f) end)
end

function W.binds(n)
  task(n, function()
    local p = fulfilled(0)
    for _ = 1, n do p = p:bind(function(v) return fulfilled(v + 1) end) end
  end)
end

function W.chain(n)
  task(n, function()
    local first, resolver = lwt.wait()
    local p = first
    for _ = 1, n do p = p:map(add_one) end
    resolver:wakeup(0)
    assert(await(p) == n)
  end)
end

function W.callbacks(n)
  task(n, function()
    local p, resolver = lwt.wait()
    for _ = 1, n do p:on_success(nothing) end
    resolver:wakeup()
  end)
end

function W.waiting_tasks(n)
  task(n, function()
    local p, resolver = lwt.wait()
    local tasks = {}
    for i = 1, n do tasks[i] = spawn(await, p) end
    resolver:wakeup()
    await(lwt.join(tasks))
  end)
end

-- Each gives up in turn: a waiter that leaves must not look at the others.
function W.withdrawn(n)
  task(n, function()
    local for_ever = lwt.wait()
    local all = {}
    for i = 1, n do all[i] = lwt.protected(for_ever) end
    for i = 1, n do all[i]:cancel() end
  end)
end

function W.queue(n)
  task(n, function()
    local m, takers = mvar.create(), {}
    for i = 1, n do takers[i] = m:take() end
    for i = 1, n do await(m:put(i)) end
    await(lwt.join(takers))
  end)
end

function W.timers(n)
  engine.set "virtual"
  task(n, function()
    local naps = {}
    for i = 1, n do naps[i] = lwt.sleep((i * 7919 % n) / n) end
    await(lwt.join(naps))
  end)
end

function W.stream(n)
  task(n, function()
    local s, push = stream.create()
    for i = 1, n do push(i) end
    push(nil)
    for _ in s:map(add_one) do nothing() end
  end)
end

-- One update that runs through n signals.
function W.signals(n)
  local s, set = react.S.create(0)
  local last = s
  for _ = 1, n do last = last:map(add_one) end
  set(1)
  task(n, function() set(2) end)
  assert(last:value() == n + 2)
end

function W.messages(n)
  preemptive.init(1, 1)
  task(n, function()
    local there, back = preemptive.channel(64), preemptive.channel(64)
    local worker = preemptive.detach(function(from, to)
      local lwt_there = require "lwt"
      lwt_there.run(function()
        for v in function() return lwt_there.await(from:recv()) end do lwt_there.await(to:send(v + 1)) end
        to:close()
      end)
    end, there, back)
    spawn(function()
      for i = 1, n do await(there:send(i)) end
      there:close()
    end)
    local got = 0
    while await(back:recv()) do got = got + 1 end
    assert(got == n)
    await(worker)
  end)
end

bench.main(W)
