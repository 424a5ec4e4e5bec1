-- The same seed gives the same run, in another process too: nothing goes by addresses, which differ
-- from one process to the next.

local script = require "spec.support.script"

-- Each says in `log` what happens, in which order.
local programs = {
  ["children of the _p and _n forms"] = [[
    local list, stream, seq = require "lwt.list", require "lwt.stream", require "lwt.seq"
    local numbers = {}
    for i = 1, 40 do numbers[i] = i end
    local function job(i)
      local ok, err = pcall(await, lwt.sleep(100))
      log("left", i)
      error(err, 0)
    end
    local forms = {
      function() return list.map_p(job, numbers) end,
      function() return list.iter_n(job, numbers, 30) end,
      function() return stream.of_list(numbers):iter_p(job) end,
      function() return seq.of_list(numbers):iter_n(job, 20) end,
    }
    for _, form in ipairs(forms) do
      local p = form()
      await(lwt.sleep(1))
      p:cancel()
      pcall(await, p)
    end
  ]],
  ["the keys of a throttle"] = [[
    local t = require "lwt.throttle".create(1, 1000)
    local jobs = {}
    for i = 1, 30 do
      local key = {}
      for k = 1, 3 do
        jobs[#jobs + 1] = lwt.spawn(function()
          await(t:wait(key))
          log("key", i, k)
        end)
      end
    end
    await(lwt.join(jobs))
  ]],
  ["attempts to connect that lose"] = [[
    local net = require "lwt.net"
    local addresses = {}
    for i = 1, 30 do addresses[i] = i end
    local p = net._race(addresses, function(a)
      local q = lwt.task()
      q:on_cancel(function() log("lost", a) end)
      return q
    end, 0.1)
    await(lwt.sleep(10))
    p:cancel()
  ]],
  ["finalizers at the end"] = [[
    local gc = require "lwt.gc"
    for i = 1, 30 do
      local object = {}
      kept[i] = object
      gc.finalise_or_exit(function() log("finalised", i) end, object)
    end
  ]],
  ["locks, pools, barriers, streams, events"] = [[
    local S, react = require "lwt.stream", require "lwt.react"
    local m, pool = require "lwt.mutex".create(), require "lwt.pool".create(3, function() return {} end)
    local b = require "lwt.barrier".create(5)
    local s, push = S.create()
    local e, send = react.E.create()
    local jobs = {}
    for i = 1, 20 do
      local clone = s:clone()
      jobs[#jobs + 1] = lwt.spawn(function()
        lwt.yield()
        await(m:with_lock(function() lwt.yield() log("lock", i) end))
        await(pool:use(function() lwt.yield() log("pool", i) end))
        log("barrier", i, await(b:wait()))
        send(i)
        for v in clone do log("element", i, v) end
      end)
    end
    local handle = e:notify_s(function(v) lwt.yield() log("event", v) end)
    lwt.spawn(function() for v = 1, 3 do await(lwt.sleep(1)) push(v) end push(nil) end)
    await(lwt.join(jobs))
    handle:stop()
  ]],
}

local frame = [[
  local lwt, test = require "lwt", require "lwt.test"
  local await = lwt.await
  kept = {}
  local lines = {}
  local function log(...)
    local words = table.pack(...)
    for i = 1, words.n do words[i] = tostring(words[i]) end
    lines[#lines + 1] = table.concat(words, " ")
  end
  test.fuzz(%d, function()
    %s
  end)()
  print(table.concat(lines, "\n"))
]]

describe("the same seed", function()
  for name, program in pairs(programs) do
    it("gives the same run in another process: " .. name, function()
      local first
      for _ = 1, 2 do
        local result = script.run(frame:format(7, program), 60)
        assert.equal("", result.err)
        assert.equal(0, result.code)
        assert.is_true(#result.out > 100)
        first = first or result.out
        assert.equal(first, result.out)
      end
    end)
  end
end)
