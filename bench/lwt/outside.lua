-- lwt: processes, jobs in C on the threadpool, Lua functions on worker threads.

local lwt = require "lwt"
local list = require "lwt.list"
local preemptive = require "lwt.preemptive"
local process = require "lwt.process"
local bench = require "bench.harness"

local await = lwt.await

-- f(1) … f(n), `in_flight` tasks at it: what the peers' programs do as well.
local function each(in_flight, n, f)
  local i = 0
  await(lwt.scope(function(s)
    for _ = 1, in_flight do
      s:spawn(function()
        while i < n do
          i = i + 1
          f(i)
        end
      end)
    end
  end))
end

local function numbers(n)
  local t = {}
  for i = 1, n do t[i] = i end
  return t
end

local W = {}

local function processes(who, n)
  lwt.run(function()
    bench.time(who, n, function()
      await(list.iter_n(function()
        assert(await(process.exec { "/bin/true" }).code == 0)
      end, numbers(n), 16))
    end)
  end)
end

function W.processes(n, resident)
  -- Piece by piece: one string of a gigabyte takes two while it is made, and seconds.
  local ballast, pieces = {}, tonumber(resident) or 0
  for i = 1, pieces do ballast[i] = ("0123456789abcdef"):rep(1 << 16) end
  processes(resident and "lwt_1g" or "lwt", n)
  assert(#ballast == pieces)
end

function W.jobs(n)
  local job = require "bench.job"
  lwt.run(function()
    bench.time("lwt", n, function()
      each(64, n, function(i) assert(await(job.add(i)) >= i) end)
    end)
    bench.time("lwt_alone", n // 10, function()
      for i = 1, n // 10 do assert(await(job.add(i)) == i + 1) end
    end)
  end)
end

local function add_one(v) return v + 1 end

local function fib(n)
  if n < 2 then return n end
  return fib(n - 1) + fib(n - 2)
end

function W.detach(n)
  preemptive.init(2, 2)
  lwt.run(function()
    await(lwt.join { preemptive.detach(add_one, 1), preemptive.detach(add_one, 1) })
    bench.time("lwt", n, function()
      each(64, n, function(i) assert(await(preemptive.detach(add_one, i)) >= i) end)
    end)
    bench.time("lwt_alone", n // 10, function()
      for i = 1, n // 10 do assert(await(preemptive.detach(add_one, i)) == i + 1) end
    end)
  end)
end

function W.cpu(n)
  preemptive.init(2, 2)
  lwt.run(function()
    await(lwt.join { preemptive.detach(add_one, 1), preemptive.detach(add_one, 1) })
    local one = bench.time("lwt_serial", 2, function()
      fib(n)
      fib(n)
    end)
    local start = bench.now()
    await(lwt.join { preemptive.detach(fib, n), preemptive.detach(fib, n) })
    local two = bench.now() - start
    bench.report("lwt", two, 2, { speedup = one / two })
  end)
end

bench.main(W)
