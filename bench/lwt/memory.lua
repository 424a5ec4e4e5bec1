-- lwt: bytes of what waits. Each is made many times and kept; the difference is divided.

local lwt = require "lwt"
local condition = require "lwt.condition"
local io = require "lwt.io"
local mutex = require "lwt.mutex"
local mvar = require "lwt.mvar"
local net = require "lwt.net"
local react = require "lwt.react"
local stream = require "lwt.stream"
local bench = require "bench.harness"

local await = lwt.await

local things = {
  { "promise, pending", function() return (lwt.wait()) end },
  { "promise, fulfilled", function(i) return lwt.fulfilled(i) end },
  { "promise, pending, with one callback", function()
    local p = lwt.wait()
    p:on_success(print)
    return p
  end },
  { "bind of a pending promise (both)", function() return lwt.wait():bind(lwt.fulfilled) end },
  { "task, asleep", function(i) return lwt.spawn(function() await(lwt.sleep(3600 + i)) end) end },
  { "coroutine, suspended (Lua's own)", function()
    return coroutine.wrap(function() coroutine.yield() end)
  end, function(co) co() end },
  { "sleep, its promise alone", function(i) return lwt.sleep(3600 + i) end },
  { "mvar", function() return mvar.create() end },
  { "mutex", function() return mutex.create() end },
  { "condition", function() return condition.create() end },
  { "stream", function() return (stream.create()) end },
  { "signal, mapped from another", function(_, s) return s:map(print) end },
  { "channel in memory", function() return io.of_bytes "" end },
  { "socket (one of a pair)", function(i, last)
    if i % 2 == 0 then return last.other end
    local a, b = net.socketpair()
    last.other = b
    return a
  end, nil, 500 },
}

local function measure(name, n, f)
  collectgarbage()
  collectgarbage()
  local heap, rss = collectgarbage "count", bench.rss()
  local kept = f(n)
  collectgarbage()
  collectgarbage()
  local bytes = (collectgarbage "count" - heap) * 1024 / n
  bench.report((name:gsub("[ ,]+", "_")), 0, n, { bytes = bytes, rss = (bench.rss() - rss) / n })
  return kept
end

local W = {}

function W.memory(n)
  lwt.run(function()
    local kept = {}
    local source = react.S.create(0)
    for _, thing in ipairs(things) do
      local make, start = thing[2], thing[3]
      local last = thing[1]:find "signal" and source or {}
      -- The list that keeps them is not theirs.
      local count = thing[4] or n
      local list = table.move(table.pack(), 1, 0, 1, {})
      for i = 1, count do list[i] = false end
      measure(thing[1], count, function()
        for i = 1, count do
          local v = make(i, last)
          if start then start(v) end
          list[i] = v
        end
        return list
      end)
      kept[#kept + 1] = list
    end
    local s, push = stream.create()
    measure("stream element, a number", n, function()
      for i = 1, n do push(i) end
    end)
    assert(s and #kept > 0)
    os.exit(0, false) -- the sleeping tasks need not wake
  end)
end

bench.main(W)
