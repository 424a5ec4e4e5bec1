local lwt = require "lwt"
local is = require "spec.support.core".is

describe("a promise", function()
  describe("made by fulfilled", function()
    it("is fulfilled with the value at once", function() is(lwt.fulfilled(1), "fulfilled", 1) end)

    it("carries no value, or any number of them", function()
      is(lwt.fulfilled(), "fulfilled")
      is(lwt.fulfilled("a", "b", "c"), "fulfilled", "a", "b", "c")
    end)

    it("keeps a nil at the front, in the middle and at the end", function()
      is(lwt.fulfilled(nil), "fulfilled", nil)
      is(lwt.fulfilled(nil, 1, nil, 2, nil), "fulfilled", nil, 1, nil, 2, nil)
    end)

    it("keeps false as a "
      .. "value", function() is(lwt.fulfilled(false, false), "fulfilled", false, false) end)

    it("carries a hundred values", function()
      local values = {}
      for i = 1, 100 do values[i] = i end
      is(lwt.fulfilled(table.unpack(values)), "fulfilled", table.unpack(values))
    end)

    it("keeps a promise as a plain value and does not follow it", function()
      local inner = lwt.fulfilled(1)
      is(lwt.fulfilled(inner), "fulfilled", inner)
    end)
  end)

  describe("made by rejected", function()
    it("is rejected with the error at once", function()
      is(lwt.rejected "oops", "rejected", "oops")
    end)

    it("takes any value as the error, nil and false among them", function()
      local t = {}
      is(lwt.rejected(t), "rejected", t)
      is(lwt.rejected(nil), "rejected", nil)
      is(lwt.rejected(), "rejected", nil)
      is(lwt.rejected(false), "rejected", false)
    end)
  end)

  describe("made by wait or task", function()
    it("is pending until its resolver is woken", function()
      for _, make in ipairs { lwt.wait, lwt.task } do
        local p, r = make()
        is(p, "pending")
        assert.is_true(p:is_pending())
        r:wakeup(1, nil, 3)
        is(p, "fulfilled", 1, nil, 3)
        assert.is_false(p:is_pending())
      end
    end)

    it("is rejected by wakeup_exn", function()
      local p, r = lwt.wait()
      r:wakeup_exn "oops"
      is(p, "rejected", "oops")
      assert.is_false(p:is_pending())
    end)

    it("is rejected with nil or false by wakeup_exn", function()
      local p, r = lwt.wait()
      r:wakeup_exn(nil)
      is(p, "rejected", nil)
      local q, s = lwt.wait()
      s:wakeup_exn(false)
      is(q, "rejected", false)
    end)

    it("keeps a promise given to wakeup as a plain value", function()
      local inner = lwt.wait()
      local p, r = lwt.wait()
      r:wakeup(inner)
      is(p, "fulfilled", inner)
    end)

    it("has a resolver that is no promise", function()
      local _, r = lwt.wait()
      assert.is_false(lwt.is_promise(r))
    end)
  end)

  it("does nothing when a wait is cancelled, and is rejected with Canceled when a task "
    .. "is", function()
    local waiting, task = lwt.wait(), lwt.task()
    waiting:cancel()
    task:cancel()
    is(waiting, "pending")
    is(task, "rejected", lwt.Canceled)
  end)

  it("is told from everything else by is_promise", function()
    assert.is_true(lwt.is_promise(lwt.fulfilled()))
    assert.is_true(lwt.is_promise(lwt.rejected(1):catch(function() end)))
    assert.is_true(lwt.is_promise((lwt.wait())))
    for _, other in ipairs { 1, "x", true, {}, print, io.stdout, coroutine.create(print) } do
      assert.is_false(lwt.is_promise(other))
    end
    assert.is_false(lwt.is_promise(nil))
  end)

  it("is told from another userdata or table that pretends to be one", function()
    assert.is_false(lwt.is_promise(setmetatable({}, { __name = "lwt.promise" })))
  end)

  it("has a readable tostring that tells its state", function()
    assert.truthy(tostring(lwt.wait()):find "pending")
    assert.truthy(tostring(lwt.fulfilled(1)):find "fulfilled")
    local p = lwt.rejected(1)
    assert.truthy(tostring(p):find "rejected")
    p:on_failure(function() end)
  end)

  it("has a resolver with a readable tostring", function()
    local _, r = lwt.wait()
    assert.truthy(tostring(r):find "^lwt.resolver: ")
  end)

  it("has every operation as a method and as a function of the module", function()
    local p = lwt.fulfilled(1)
    for _, name in ipairs {
      "state", "is_pending", "bind", "map", "catch", "finalize", "try_bind", "on_success",
      "on_failure", "on_termination", "on_any", "on_cancel", "cancel", "await",
    } do
      assert.is_function(lwt[name], name)
      assert.equal(lwt[name], p[name], name)
    end
    is(lwt.bind(p, function(x) return x + 1 end), "fulfilled", 2)
    assert.equal("fulfilled", (lwt.state(p)))
    local q, r = lwt.wait()
    lwt.wakeup(r, 5)
    is(q, "fulfilled", 5)
  end)

  it("cannot have its metatable read or replaced from Lua", function()
    local p = lwt.fulfilled()
    assert.is_false(type(getmetatable(p)) == "table" and getmetatable(p).__gc ~= nil)
    assert.is_false(pcall(setmetatable, p, {}))
  end)

  describe("made by wrap", function()
    it("is fulfilled with all that the function returns", function()
      is(lwt.wrap(function(...) return ... end, 1, nil, 3), "fulfilled", 1, nil, 3)
      is(lwt.wrap(function() end), "fulfilled")
    end)

    it("is rejected with what the function raises, untouched", function()
      local t = {}
      is(lwt.wrap(error, t), "rejected", t)
      is(lwt.wrap(error, nil), "rejected", nil)
      is(lwt.wrap(error, false), "rejected", false)
      is(lwt.wrap(error, "text", 0), "rejected", "text")
    end)

    it("runs the function at once", function()
      local ran = false
      lwt.wrap(function() ran = true end)
      assert.is_true(ran)
    end)

    it("follows a promise that the function returns as its only value", function()
      local inner, r = lwt.wait()
      local p = lwt.wrap(function() return inner end)
      is(p, "pending")
      r:wakeup(1, 2)
      is(p, "fulfilled", 1, 2)
      is(lwt.wrap(lwt.rejected, "oops"), "rejected", "oops")
    end)

    it("keeps a promise that is one of two values", function()
      local inner = lwt.wait()
      is(lwt.wrap(function() return inner, 1 end), "fulfilled", inner, 1)
      is(lwt.wrap(function() return inner, nil end), "fulfilled", inner, nil)
    end)
  end)

  it("has sentinels, each equal only to itself, with a readable tostring", function()
    local seen = {}
    for _, name in ipairs { "Canceled", "Timeout", "EOF", "Closed", "Interrupted" } do
      assert.is_not_nil(lwt[name], name)
      assert.is_nil(seen[lwt[name]])
      seen[lwt[name]] = true
      assert.truthy(#tostring(lwt[name]) > 0)
      assert.falsy(tostring(lwt[name]):find "^table: ")
      assert.falsy(tostring(lwt[name]):find "^userdata: ")
    end
  end)
end)
