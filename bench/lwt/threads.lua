-- lwt: what crosses between threads.
--
--   threads.lua bytes MIB      so much of lwt.bytes to a worker and back: the time, and the most memory there was

local lwt = require "lwt"
local bytes = require "lwt.bytes"
local preemptive = require "lwt.preemptive"
local bench = require "bench.harness"

local W = {}

function W.bytes(mib)
  preemptive.init(1, 1)
  lwt.run(function()
    lwt.await(preemptive.detach(function() end)) -- the thread is there
    local size = mib << 20
    local b = bytes.create(size)
    b:fill(7, 0, size)
    local start = bench.now()
    local back = lwt.await(preemptive.detach(function(given)
      given:set(0, given:get(given:length() - 1) + 1)
      return given
    end, b))
    local seconds = bench.now() - start
    assert(back:length() == size and back:get(0) == 8 and back:get(1) == 7)
    bench.report("lwt", seconds, 1, { mib = mib, peak = bench.peak() })
  end)
end

bench.main(W)
