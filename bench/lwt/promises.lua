-- lwt: bind and await on promises.

local lwt = require "lwt"
local bench = require "bench.harness"

local await, fulfilled = lwt.await, lwt.fulfilled

local function add_one(v) return fulfilled(v + 1) end

local W = {}

function W.bind_resolved(n)
  bench.time("lwt", n, function()
    local p = fulfilled(0)
    for _ = 1, n do p = p:bind(add_one) end
    assert(select(2, p:state()) == n)
  end)
end

function W.bind_pending(n)
  bench.time("lwt", n, function()
    for _ = 1, n // 100 do
      local first, resolver = lwt.wait()
      local p = first
      for _ = 1, 100 do p = p:bind(add_one) end
      resolver:wakeup(0)
      assert(select(2, p:state()) == 100)
    end
  end)
end

function W.await_resolved(n)
  lwt.run(function()
    bench.time("lwt", n, function()
      local sum = 0
      for _ = 1, n do sum = sum + await(fulfilled(1)) end
      assert(sum == n)
    end)
  end)
end

bench.main(W)
