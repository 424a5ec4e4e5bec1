-- cqueues: conditions, sleeps, promises.

package.path = package.path .. ";/usr/share/lua/5.3/?.lua;/usr/share/lua/5.3/?/init.lua"

local cqueues = require "cqueues"
local condition = require "cqueues.condition"
local promise = require "cqueues.promise"
local bench = require "bench.harness"

local function run(f)
  local loop = cqueues.new()
  f(loop)
  assert(loop:loop())
end

local W = {}

function W.await_resolved(n)
  bench.time("cqueues", n, run, function(loop)
    loop:wrap(function()
      local sum = 0
      for _ = 1, n do
        local p = promise.new()
        p:set(true, 1)
        sum = sum + p:get()
      end
      assert(sum == n)
    end)
  end)
end

function W.handover(n)
  local a, b, there, back = condition.new(), condition.new(), nil, nil
  bench.time("cqueues", n, run, function(loop)
    loop:wrap(function()
      for _ = 1, n // 2 do
        while not there do a:wait() end
        there, back = nil, there
        b:signal()
      end
    end)
    loop:wrap(function()
      for i = 1, n // 2 do
        there = i
        a:signal()
        while not back do b:wait() end
        back = nil
      end
    end)
  end)
end

function W.yield(n)
  bench.time("cqueues", n, run, function(loop)
    for _ = 1, 1000 do
      loop:wrap(function() for _ = 1, n // 1000 do cqueues.sleep(0) end end)
    end
  end)
end

function W.sleepers(n)
  local done, start = 0, bench.now()
  run(function(loop)
    for i = 1, n do
      loop:wrap(function()
        cqueues.sleep(1 + i / n)
        done = done + 1
      end)
    end
  end)
  assert(done == n)
  bench.report("cqueues", bench.now() - start, n)
end

bench.main(W)
