-- lwt: how late a task is that wants to run every millisecond, beside other work.
--
--   latency.lua alone|sleepers|detached SECONDS
--   latency.lua echo SECONDS PORT        beside an echo server; ends when its connections have come and gone

local lwt = require "lwt"
local net = require "lwt.net"
local preemptive = require "lwt.preemptive"
local bench = require "bench.harness"

local await, spawn = lwt.await, lwt.spawn

-- A tick is due every millisecond, whatever became of the one before.
local function ticker(who, seconds)
  local late, due = {}, lwt.now()
  for i = 1, seconds * 1000 // 1 do
    due = due + 0.001
    await(lwt.sleep(due - lwt.now()))
    late[i] = lwt.now() - due
  end
  table.sort(late)
  local function at(share) return late[math.max(1, math.ceil(#late * share))] * 1e6 end
  bench.report(who, seconds, #late, { p50 = at(0.5), p99 = at(0.99), p999 = at(0.999), worst = at(1) })
end

local W = {}

function W.alone(seconds)
  lwt.run(ticker, "lwt", seconds)
end

function W.sleepers(seconds)
  lwt.run(function()
    local function nap() await(lwt.sleep(3600)) end
    for _ = 1, 100000 do spawn(nap) end
    ticker("lwt", seconds)
    os.exit(0, false)
  end)
end

function W.detached(seconds)
  preemptive.init(2, 2)
  local function busy(s)
    local stop = os.clock() + s -- of the whole process: two threads use it up in half the time
    while os.clock() < stop do end
  end
  lwt.run(function()
    for _ = 1, 2 do lwt.ignore_result(preemptive.detach(busy, seconds * 4)) end
    ticker("lwt", seconds)
    os.exit(0, false)
  end)
end

function W.echo(seconds, port)
  local function serve(socket)
    local client <close> = socket
    while true do
      local data = await(client:read())
      if not data then return end
      await(client:write(data))
    end
  end
  lwt.run(function()
    local listener <close> = await(net.tcp_listen("127.0.0.1:" .. port, { backlog = 4096 }))
    spawn(function()
      while true do spawn(serve, await(listener:accept())) end
    end)
    await(lwt.sleep(0.5)) -- the load has begun
    ticker("lwt", seconds)
    os.exit(0, false)
  end)
end

bench.main(W)
