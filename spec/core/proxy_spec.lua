local lwt = require "lwt"
local core = require "spec.support.core"
local is, new_log = core.is, core.log

describe("a promise that follows another", function()
  it("is resolved when that one is", function()
    local p, r = lwt.wait()
    local inner, ri = lwt.wait()
    local q = p:bind(function() return inner end)
    r:wakeup()
    is(q, "pending")
    ri:wakeup(1, nil)
    is(q, "fulfilled", 1, nil)
    is(inner, "fulfilled", 1, nil)
  end)

  it("has its callbacks run before those of the one it follows", function()
    local p, r = lwt.wait()
    local inner, ri = lwt.wait()
    local log = new_log()
    inner:on_success(log.word "inner 1")
    local outer = p:bind(function() return inner end)
    outer:on_success(log.word "outer 1")
    inner:on_success(log.word "inner 2")
    outer:on_success(log.word "outer 2")
    r:wakeup()
    outer:on_success(log.word "after 1")
    inner:on_success(log.word "after 2")
    ri:wakeup()
    log.says "outer 1 outer 2 inner 1 inner 2 after 1 after 2"
  end)

  it("has its cancel callbacks run before those of the one it follows", function()
    local p, r = lwt.wait()
    local inner = lwt.task()
    local log = new_log()
    inner:on_failure(log.word "inner failure")
    inner:on_cancel(log.word "inner cancel")
    local outer = p:bind(function() return inner end)
    outer:on_failure(log.word "outer failure")
    outer:on_cancel(log.word "outer cancel")
    r:wakeup()
    outer:cancel()
    log.says "outer cancel inner cancel outer failure inner failure"
  end)

  it("is one promise with it: cancelling either cancels both", function()
    for _, which in ipairs { "outer", "inner" } do
      local p, r = lwt.wait()
      local inner = lwt.task()
      local outer = p:bind(function() return inner end)
      r:wakeup()
      ;(which == "outer" and outer or inner):cancel()
      is(outer, "rejected", lwt.Canceled)
      is(inner, "rejected", lwt.Canceled)
    end
  end)

  it("takes over how the inner one is cancelled", function()
    local p, r = lwt.task()
    local inner = lwt.wait()
    local outer = p:bind(function() return inner end)
    r:wakeup()
    outer:cancel()
    is(outer, "pending")
  end)

  it("lets a chain of them be resolved and cancelled from any handle", function()
    local last, r = lwt.task()
    local handles = { last }
    for i = 1, 20 do
      local gate, open = lwt.wait()
      local inner = handles[i]
      handles[i + 1] = gate:bind(function() return inner end)
      open:wakeup()
    end
    local log = new_log()
    for i = 1, 21 do handles[i]:on_success(log.word(i)) end
    r:wakeup "x"
    for i = 1, 21 do is(handles[i], "fulfilled", "x") end
    assert.equal(21, #log)
  end)

  it("works when it is merged before and after what it follows was itself merged", function()
    local a, ra = lwt.wait()
    local b, rb = lwt.wait()
    local c, rc = lwt.wait()
    local ab = a:bind(function() return b end) -- ab follows b
    local d = lwt.wait()
    local dd = c:bind(function() return ab end)
    ra:wakeup()
    rc:wakeup()
    rb:wakeup(5)
    is(dd, "fulfilled", 5)
    is(ab, "fulfilled", 5)
    is(d, "pending")
  end)

  it("stays pending for ever when its own callback returns it", function()
    local q, r = lwt.wait()
    local p
    p = q:bind(function() return p end)
    r:wakeup()
    is(p, "pending")
    p:cancel()
    is(p, "pending")
    p:on_success(function() end)
    collectgarbage()
    is(p, "pending")
  end)

  it("stays pending when two of them return each other", function()
    local q, r = lwt.wait()
    local p1, p2
    p1 = q:bind(function() return p2 end)
    p2 = q:bind(function() return p1 end)
    r:wakeup()
    is(p1, "pending")
    is(p2, "pending")
    p1:cancel()
    p2:cancel()
    is(p1, "pending")
  end)

  it("is resolved properly when it becomes one with another during its own callback", function()
    local p1, r1 = lwt.wait()
    local p2, r2 = lwt.wait()
    local p3
    p3 = p1:bind(function()
      -- While this runs, p4 comes to follow p3, and is merged with it.
      local gate, open = lwt.wait()
      local p4 = gate:bind(function() return p3 end)
      open:wakeup()
      is(p4, "pending")
      return p2
    end)
    r1:wakeup()
    is(p3, "pending")
    r2:wakeup(9)
    is(p3, "fulfilled", 9)
  end)

  it("is resolved properly when the follower of it was merged during its callback and it "
    .. "resolves at once", function()
    local p1, r1 = lwt.wait()
    local p3, p4
    p3 = p1:bind(function()
      local gate, open = lwt.wait()
      p4 = gate:bind(function() return p3 end)
      open:wakeup()
      return "value"
    end)
    r1:wakeup()
    is(p3, "fulfilled", "value")
    is(p4, "fulfilled", "value")
  end)

  it("copies the state of one that is already resolved", function()
    local p, r = lwt.wait()
    local inner = lwt.fulfilled(1, 2)
    local q = p:bind(function() return inner end)
    r:wakeup()
    is(q, "fulfilled", 1, 2)
  end)

  it("may be followed by several others, which are then all one", function()
    local gate, open = lwt.wait()
    local inner, r = lwt.task()
    local log = new_log()
    local followers = {}
    for i = 1, 3 do
      followers[i] = gate:bind(function() return inner end)
      followers[i]:on_success(log.word(i))
    end
    inner:on_success(log.word "inner")
    open:wakeup()
    r:wakeup "x"
    for i = 1, 3 do is(followers[i], "fulfilled", "x") end
    log.says "3 2 1 inner"
  end)

  it("is followed by a task's promise just as well", core.async(function()
    local inner, r = lwt.task()
    local p = lwt.spawn(function() return inner end)
    lwt.yield()
    is(p, "pending")
    r:wakeup(1, nil)
    local a, b = p:await()
    assert.equal(1, a)
    assert.is_nil(b)
  end))

  it("loops in constant memory", function()
    local turns = core.count(20000, 1000000)
    local resolve
    local left = turns
    local function loop()
      left = left - 1
      if left == 0 then return lwt.fulfilled "done" end
      local p, r = lwt.wait()
      resolve = r
      return p:bind(loop)
    end
    local p = loop()
    local before
    while left > 0 do
      resolve:wakeup()
      if left == turns // 2 then before = core.memory() end
    end
    is(p, "fulfilled", "done")
    assert.is_true(core.memory() - before < 16 * 1024)
  end)
end)
