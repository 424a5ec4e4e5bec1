-- The floor of a promise library in C (bench/c/limit.c), used as lwt is.

local limit = require "bench.limit"
local bench = require "bench.harness"

local await, fulfilled = limit.await, limit.fulfilled
local time = bench.time

local function add_one(v) return fulfilled(v + 1) end

local W = {}

function W.bind_resolved(n)
  time("limit_c", n, function()
    local p = fulfilled(0)
    for _ = 1, n do p = p:bind(add_one) end
    assert(p:value() == n)
  end)
end

function W.bind_pending(n)
  time("limit_c", n, function()
    for _ = 1, n // 100 do
      local first = limit.wait()
      local p = first
      for _ = 1, 100 do p = p:bind(add_one) end
      first:wakeup(0)
      assert(p:value() == 100)
    end
  end)
end

function W.await_resolved(n)
  time("limit_c", n, coroutine.wrap(function()
    local sum = 0
    for _ = 1, n do sum = sum + await(fulfilled(1)) end
    assert(sum == n)
  end))
end

function W.handover(n)
  local function f() for _ = 1, n // 2 do limit.pause() end end
  time("limit_c", n, limit.run, { f, f })
end

function W.yield(n)
  local all = {}
  for i = 1, 1000 do
    all[i] = function() for _ = 1, n // 1000 do limit.pause() end end
  end
  time("limit_c", n, limit.run, all)
end

function W.lines(path)
  local start, n, bytes = bench.now(), 0, 0
  for line in limit.lines(path) do
    n = n + 1
    bytes = bytes + #line
  end
  bench.report("limit_c", bench.now() - start, n, { bytes = bytes })
end

bench.main(W)
