-- Any allocation may run a finalizer, and that may do anything to the promises at hand. Here
-- the collector makes a whole cycle at every allocation, so that one is run by the first
-- allocation of each call. In processes of their own: what goes wrong may end the process.
local core = require "spec.support.core"
local script = require "spec.support.script"

local prelude = [[
local lwt = require "lwt"

-- Calls f(...) with the collector in a hurry: `act` is run, once, in the middle of it.
local function within(act, f, ...)
  local armed, ran = true, false
  local function trap()
    setmetatable({}, { __gc = function()
      if not armed then return end
      armed, ran = false, true
      collectgarbage "stop"
      act()
    end })
  end
  collectgarbage()
  collectgarbage "stop"
  collectgarbage("incremental", 1, 1000, 63)
  trap()
  collectgarbage "restart"
  local results = table.pack(f(...))
  armed = false
  collectgarbage "restart"
  collectgarbage("incremental", 200, 100, 13)
  assert(ran, "the finalizer did not run")
  return table.unpack(results, 1, results.n)
end

-- A promise that is pending, its resolver, and what makes another pending one of it, so that
-- it is only a name for that.
local function mergeable()
  local p, r = lwt.task()
  local gate, open = lwt.wait()
  local outer = gate:bind(function() return p end)
  return p, r, function() open:wakeup() end, outer
end
]]

local function check(name, text)
  it(name, function()
    local result = script.run(prelude .. text .. "\nprint 'as it should be'", 60)
    assert.equal("as it should be\n", result.out, result.err)
    assert.equal(0, result.code)
  end)
end

describe("a finalizer in the middle of", function()
  check("spawning, which spawns while all places are taken", "local MANY = " .. core.count(6000, 20000) .. [[

    collectgarbage("incremental", 100, 400, 13)
    local gate, open = lwt.wait()
    local started, ended, keep, left = 0, 0, {}, 40
    local function waiter()
      started = started + 1
      lwt.await(gate)
      ended = ended + 1
    end
    local function trap()
      setmetatable({}, { __gc = function()
        if left <= 0 then return end
        left = left - 1
        for _ = 1, 300 do keep[#keep + 1] = lwt.spawn(waiter) end
      end })
    end
    lwt.run(function()
      for i = 1, MANY do
        if i % 50 == 0 then trap() end
        keep[#keep + 1] = lwt.spawn(waiter)
      end
      open:wakeup()
      for _ = 1, 10 do lwt.yield() end
    end)
    assert(started == ended and started > MANY)
  ]])

  check("spawning, which spawns at every one of the first thousand places", [[
    local gate, open = lwt.wait()
    local ended = 0
    local function waiter() lwt.await(gate) ended = ended + 1 end
    lwt.run(function()
      for _ = 1, 1000, 8 do
        within(function() for _ = 1, 7 do lwt.spawn(waiter) end end, lwt.spawn, waiter)
      end
      open:wakeup()
      for _ = 1, 3 do lwt.yield() end
    end)
    assert(ended == 1000, ended)
  ]])

  for _, name in ipairs { "bind", "map", "on_success", "on_termination", "finalize" } do
    check(name .. ", which makes the promise part of another", ([[
      local p, r, merge = mergeable()
      local called = 0
      local function count() called = called + 1 end
      within(merge, p.%s, p, count)
      assert(called == 0, "called while the promise was pending")
      r:wakeup()
      assert(called == 1)
    ]]):format(name))
  end

  for _, name in ipairs { "catch", "on_failure", "on_cancel" } do
    check(name .. ", which makes the promise part of another", ([[
      local p, _, merge = mergeable()
      local called = 0
      local function count() called = called + 1 end
      within(merge, p.%s, p, count)
      assert(called == 0, "called while the promise was pending")
      p:cancel()
      assert(called == 1)
    ]]):format(name))
  end

  check("try_bind and on_any, which makes the promise part of another", [[
    for _, name in ipairs { "try_bind", "on_any" } do
      local p, r, merge = mergeable()
      local called = 0
      local function count() called = called + 1 end
      within(merge, lwt[name], p, count, count)
      assert(called == 0)
      r:wakeup()
      assert(called == 1)
    end
  ]])

  check("await, which makes the promise part of another", [[
    lwt.run(function()
      local p, r, merge = mergeable()
      p:on_success(function() end) -- with one waiter: another makes a list
      lwt.spawn(function() lwt.yield() r:wakeup(7) end)
      local got = within(merge, lwt.await, p)
      assert(got == 7, got)
    end)
  ]])

  check("protected, no_cancel and wrap_in_cancelable, which makes the promise part of another", [[
    for _, name in ipairs { "protected", "no_cancel", "wrap_in_cancelable" } do
      local p, r, merge = mergeable()
      local q = within(merge, lwt[name], p)
      assert(not rawequal(p, q), name)
      assert(q:state() == "pending")
      r:wakeup(5)
      assert(select(2, q:state()) == 5)
    end
  ]])

  for _, name in ipairs { "join", "all", "settled", "any", "choose", "pick", "nchoose", "npick" } do
    check(name .. ", which makes an input part of another", ([[
      local p, r, merge = mergeable()
      p:on_success(function() end)
      local q = within(merge, lwt.%s, { p })
      assert(q:state() == "pending")
      r:wakeup(5)
      assert(q:state() == "fulfilled")
    ]]):format(name))
  end

  for _, name in ipairs { "choose", "pick", "nchoose", "npick" } do
    check(name .. ", which fulfils an input", ([[
      local p, r = lwt.task()
      local slow = lwt.task()
      local q = within(function() r:wakeup(3) end, lwt.%s, { slow, p })
      local state, value = q:state()
      assert(state == "fulfilled" and (value == 3 or value[1] == 3))
    ]]):format(name))
  end

  check("waking with several values, which makes the promise part of another", [[
    local p, r, merge, outer = mergeable()
    within(merge, r.wakeup, r, 1, 2)
    assert(outer:state() == "fulfilled")
    assert(select(3, outer:state()) == 2)
  ]])

  check("cancelling, which makes the promise part of another", [[
    local p, _, merge, outer = mergeable()
    p:on_cancel(function() end)
    within(merge, p.cancel, p)
    assert(outer:state() == "rejected")
    assert(p:state() == "rejected")
  ]])

  check("nchoose_split, which fulfils another input: it is in one of the two tables", [[
    local a, ra = lwt.task()
    local b, rb = lwt.task()
    local both = lwt.nchoose_split { a, b }
    within(function() rb:wakeup "b" end, ra.wakeup, ra, "a")
    local _, values, rest = both:state()
    assert(values.n + rest.n == 2, values.n .. " and " .. rest.n)
    a, b = lwt.fulfilled "a", nil
    b, rb = lwt.task()
    both = within(function() rb:wakeup "b" end, lwt.nchoose_split, { a, b })
    _, values, rest = both:state()
    assert(values.n + rest.n == 2, values.n .. " and " .. rest.n)
  ]])

  check("putting into an mvar, which cancels the taker: the value stays in the cell", [[
    local mvar = require "lwt.mvar"
    local m = mvar.create()
    local taker = m:take()
    taker:on_success(function() end)
    local gate, open = lwt.wait()
    gate:on_success(function()
      within(function() taker:cancel() end, m.put, m, "value")
    end)
    open:wakeup()
    local state, got = taker:state()
    assert(state == "fulfilled" and got == "value" or m:take_available() == "value")
  ]])
end)
