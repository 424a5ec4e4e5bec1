-- lwt: streams, mvars and signals.

local lwt = require "lwt"
local mvar = require "lwt.mvar"
local react = require "lwt.react"
local stream = require "lwt.stream"
local bench = require "bench.harness"

local await = lwt.await

local function add_one(v) return v + 1 end
local function is_even(v) return v % 2 == 0 end

local function sum(s)
  local total = 0
  for v in s:map(add_one):filter(is_even) do total = total + v end
  return total
end

local W = {}

function W.stream(n)
  lwt.run(function()
    bench.time("lwt", n, function()
      local s, push = stream.create()
      for i = 1, n do push(i) end
      push(nil)
      assert(sum(s) > 0)
    end)
    bench.time("lwt_from_direct", n, function()
      local i = 0
      assert(sum(stream.from_direct(function()
        if i < n then
          i = i + 1
          return i
        end
      end)) > 0)
    end)
    bench.time("lwt_bounded", n // 4, function()
      local s, pusher = stream.create_bounded(1)
      lwt.spawn(function()
        for i = 1, n // 4 do await(pusher:push(i)) end
        pusher:close()
      end)
      assert(sum(s) > 0)
    end)
  end)
end

function W.mvar(n)
  lwt.run(function()
    local m = mvar.create()
    local direct = lwt.direct(m)
    bench.time("lwt", n, function()
      for i = 1, n do
        direct:put(i)
        direct:take()
      end
    end)
    bench.time("lwt_promises", n, function()
      for i = 1, n do
        await(m:put(i))
        await(m:take())
      end
    end)
    bench.time("lwt_two", n, function()
      local producer = lwt.spawn(function()
        for i = 1, n do direct:put(i) end
      end)
      for _ = 1, n do direct:take() end
      await(producer)
    end)
    bench.time("lwt_two_promises", n, function()
      local producer = lwt.spawn(function()
        for i = 1, n do await(m:put(i)) end
      end)
      for _ = 1, n do await(m:take()) end
      await(producer)
    end)
  end)
end

function W.signals(n)
  local s, set = react.S.create(0)
  local next_one = s:map(add_one)
  bench.time("lwt", n, function()
    for i = 1, n do set(i) end
  end)
  assert(next_one:value() == n + 1)
end

bench.main(W)
