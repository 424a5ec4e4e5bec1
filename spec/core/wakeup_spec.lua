local lwt = require "lwt"
local core = require "spec.support.core"
local is, new_log = core.is, core.log

describe("waking a promise", function()
  it("runs the callbacks before wakeup returns", function()
    local p, r = lwt.wait()
    local log = new_log()
    p:on_success(log.word("woken", true))
    log "before"
    r:wakeup(1, 2)
    log "after"
    log.says "before woken:1:2 after"
  end)

  it("has changed the state before the first callback runs", function()
    local p, r = lwt.wait()
    local seen
    p:on_success(function() seen = p:state() end)
    r:wakeup()
    assert.equal("fulfilled", seen)
  end)

  it("runs the callbacks in the order in which they were attached", function()
    local p, r = lwt.wait()
    local log = new_log()
    p:on_success(log.word "1")
    p:bind(log.word "2")
    p:map(log.word "3")
    p:on_any(log.word "4", log.word "never")
    p:on_termination(log.word "5")
    p:finalize(log.word "6")
    p:try_bind(log.word "7", log.word "never")
    r:wakeup()
    log.says "1 2 3 4 5 6 7"
  end)

  it("runs the callbacks of a dependant before the next callback of the promise itself", function()
    local p, r = lwt.wait()
    local log = new_log()
    local q = p:map(log.word "q")
    p:on_success(log.word "p2")
    q:on_success(log.word "q1")
    q:map(log.word "q2"):on_success(log.word "q2 child")
    r:wakeup()
    log.says "q q1 q2 q2 child p2"
  end)

  it("runs a callback that is attached while the callbacks run at once, nested", function()
    local p, r = lwt.wait()
    local log = new_log()
    p:on_success(function()
      log "1"
      p:on_success(log.word "nested")
      log "1 end"
    end)
    p:on_success(log.word "2")
    r:wakeup()
    log.says "1 nested 1 end 2"
  end)

  for _, name in ipairs { "wakeup", "wakeup_exn", "wakeup_later", "wakeup_later_exn" } do
    it("a second time by "
      .. "" .. name .. " raises that it is already resolved, at the caller", function()
      for _, first in ipairs { "wakeup", "wakeup_exn", "wakeup_later", "wakeup_later_exn" } do
        local p, r = lwt.wait()
        p:on_failure(function() end)
        r[first](r, "first")
        core.raises_here("promise is already resolved", function() r[name](r, "second") end)
        assert.equal("first", select(2, p:state()))
      end
    end)

    it("that was cancelled by " .. name .. " is ignored", function()
      local p, r = lwt.task()
      p:cancel()
      r[name](r, 1)
      r[name](r, 1)
      is(p, "rejected", lwt.Canceled)
    end)

    it("that was rejected with Canceled by hand by " .. name .. " is ignored", function()
      local p, r = lwt.wait()
      r:wakeup_exn(lwt.Canceled)
      r[name](r, 1)
      is(p, "rejected", lwt.Canceled)
    end)
  end

  it("inside one of its own callbacks is a second time", function()
    local p, r = lwt.wait()
    local ok, err
    p:on_success(function() ok, err = pcall(r.wakeup, r, 2) end)
    r:wakeup(1)
    assert.is_false(ok)
    assert.truthy(tostring(err):find("promise is already resolved", 1, true))
    is(p, "fulfilled", 1)
  end)

  describe("from within a callback", function()
    it("by wakeup runs the other's callbacks at once, nested", function()
      local a, ra = lwt.wait()
      local b, rb = lwt.wait()
      local log = new_log()
      a:on_success(function()
        log "a1"
        rb:wakeup()
        log "a1 end"
      end)
      a:on_success(log.word "a2")
      b:on_success(log.word "b")
      ra:wakeup()
      log.says "a1 b a1 end a2"
    end)

    it("by wakeup_later changes the state at once and runs the callbacks when the outermost "
      .. "run is over", function()
      local a, ra = lwt.wait()
      local b, rb = lwt.wait()
      local log = new_log()
      a:on_success(function()
        log "a1"
        rb:wakeup_later(7)
        log("b is", b:state())
      end)
      a:on_success(log.word "a2")
      b:on_success(log.word "b1")
      b:on_success(log.word "b2")
      ra:wakeup()
      log "woken"
      log.says "a1 b is:fulfilled:7 a2 b1 b2 woken"
    end)

    it("by wakeup_later_exn does likewise", function()
      local a, ra = lwt.wait()
      local b, rb = lwt.wait()
      local log = new_log()
      a:on_failure(function()
        rb:wakeup_later_exn "bad"
        log("b is", b:state())
      end)
      a:on_failure(log.word "a2")
      b:on_failure(log.word("b", true))
      ra:wakeup_later_exn "oops"
      log.says "b is:rejected:bad a2 b:bad"
    end)

    it("by wakeup_later serves the promises first come, first served", function()
      local a, ra = lwt.wait()
      local log = new_log()
      local resolvers = {}
      for i = 1, 3 do
        local p, r = lwt.wait()
        resolvers[i] = r
        p:on_success(function(x)
          log(x)
          if i == 1 then
            local late, rl = lwt.wait()
            late:on_success(log.word "late")
            rl:wakeup_later()
          end
        end)
      end
      a:on_success(function() for i = 3, 1, -1 do resolvers[i]:wakeup_later(i) end end)
      ra:wakeup()
      log.says "3 2 1 late"
    end)

    it("by wakeup_later runs a callback attached meanwhile at once, before those that "
      .. "wait", function()
      local a, ra = lwt.wait()
      local b, rb = lwt.wait()
      local log = new_log()
      b:on_success(log.word "early")
      a:on_success(function()
        rb:wakeup_later()
        b:on_success(log.word "attached later")
      end)
      ra:wakeup()
      log.says "attached later early"
    end)

    it("by wakeup_later does not hold back a wakeup that comes after it", function()
      local a, ra = lwt.wait()
      local b, rb = lwt.wait()
      local c, rc = lwt.wait()
      local log = new_log()
      b:on_success(log.word "b")
      c:on_success(log.word "c")
      a:on_success(function()
        rb:wakeup_later()
        rc:wakeup()
      end)
      ra:wakeup()
      log.says "c b"
    end)
  end)

  it("by wakeup_later outside any callback is the same as wakeup", function()
    local p, r = lwt.wait()
    local log = new_log()
    p:on_success(log.word "callback")
    r:wakeup_later()
    log "after"
    log.says "callback after"
  end)

  it("nests sixteen levels, and serves deeper ones in order before the outermost "
    .. "returns", function()
    local count = 40
    local promises, resolvers, depth, deepest, order = {}, {}, 0, 0, {}
    for i = 1, count do promises[i], resolvers[i] = lwt.wait() end
    for i = 1, count do
      promises[i]:on_success(function()
        depth = depth + 1
        deepest = math.max(deepest, depth)
        order[#order + 1] = i
        if i < count then resolvers[i + 1]:wakeup() end
        depth = depth - 1
      end)
    end
    resolvers[1]:wakeup()
    assert.equal(count, #order)
    for i = 1, count do assert.equal(i, order[i]) end
    assert.equal(16, deepest)
  end)

  it("has told the state of a deferred promise at once", function()
    local states = {}
    local promises, resolvers = {}, {}
    for i = 1, 40 do promises[i], resolvers[i] = lwt.wait() end
    for i = 1, 39 do
      promises[i]:on_success(function()
        resolvers[i + 1]:wakeup(i)
        states[i] = promises[i + 1]:state()
      end)
    end
    resolvers[1]:wakeup()
    for i = 1, 39 do assert.equal("fulfilled", states[i]) end
  end)

  it("does not make a callback that raises skip the others, nor break the order of later "
    .. "wakeups", function()
    core.with_hook(function(errors)
      local a, ra = lwt.wait()
      local b, rb = lwt.wait()
      local log = new_log()
      a:on_success(function()
        rb:wakeup_later()
        error("oops", 0)
      end)
      a:on_success(log.word "a2")
      b:on_success(log.word "b")
      ra:wakeup()
      log.says "a2 b"
      assert.same({ "oops", n = 1 }, errors)
      local c, rc = lwt.wait()
      c:on_success(log.word "c")
      rc:wakeup_later()
      log.says "a2 b c"
    end)
  end)

  it("returns nothing", function()
    local _, r = lwt.wait()
    assert.equal(0, select("#", r:wakeup(1)))
    local _, s = lwt.wait()
    assert.equal(0, select("#", s:wakeup_later(1)))
  end)
end)
