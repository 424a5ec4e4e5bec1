local lwt = require "lwt"
local core = require "spec.support.core"
local async = core.async

local key = lwt.new_key()

describe("task-local storage", function()
  it("has no value for a new key", function()
    assert.is_nil(lwt.get(lwt.new_key()))
  end)

  it("binds a value while with_value runs the function, and returns what that returns", function()
    local seen
    local a, b, c = lwt.with_value(key, 1, function(...)
      seen = lwt.get(key)
      return ...
    end, "a", nil, "c")
    assert.equal(1, seen)
    assert.same({ "a", nil, "c" }, { a, b, c })
    assert.is_nil(lwt.get(key))
  end)

  it("restores what was before when the function raises, and raises its error", function()
    local err = {}
    local ok, got = pcall(lwt.with_value, key, 1, error, err)
    assert.is_false(ok)
    assert.equal(err, got)
    assert.is_nil(lwt.get(key))
  end)

  it("nests, and nil removes the binding", function()
    lwt.with_value(key, 1, function()
      lwt.with_value(key, 2, function() assert.equal(2, lwt.get(key)) end)
      assert.equal(1, lwt.get(key))
      lwt.with_value(key, nil, function() assert.is_nil(lwt.get(key)) end)
      assert.equal(1, lwt.get(key))
    end)
  end)

  it("keeps false apart from no value", function()
    lwt.with_value(key, false, function() assert.is_false(lwt.get(key)) end)
  end)

  it("keeps keys apart", function()
    local other = lwt.new_key()
    lwt.with_value(key, 1, function()
      lwt.with_value(other, 2, function()
        assert.equal(1, lwt.get(key))
        assert.equal(2, lwt.get(other))
      end)
      assert.is_nil(lwt.get(other))
    end)
  end)

  it("is carried by every callback that is attached to a pending promise", function()
    local attached = {
      bind = function(p, f) p:bind(f) end,
      map = function(p, f) p:map(f) end,
      finalize = function(p, f) p:finalize(f) end,
      ["try_bind, the first"] = function(p, f) p:try_bind(f, print) end,
      on_success = function(p, f) p:on_success(f) end,
      on_termination = function(p, f) p:on_termination(f) end,
      ["on_any, the first"] = function(p, f) p:on_any(f, print) end,
    }
    local attached_to_failure = {
      catch = function(p, f) p:catch(f) end,
      finalize = attached.finalize,
      ["try_bind, the second"] = function(p, f) p:try_bind(print, f) end,
      on_failure = function(p, f) p:on_failure(f) end,
      on_termination = attached.on_termination,
      ["on_any, the second"] = function(p, f) p:on_any(print, f) end,
      on_cancel = function(p, f) p:on_cancel(f) end,
      ["dont_wait's handler"] = function(p, f) lwt.dont_wait(function() return p end, f) end,
    }
    local function check(list, wake)
      for name, attach in pairs(list) do
        local p, r = lwt.task()
        local seen = "not called"
        lwt.with_value(key, name, attach, p, function() seen = lwt.get(key) end)
        lwt.with_value(key, "the waker's", function()
          wake(r)
          assert.equal("the waker's", lwt.get(key))
        end)
        assert.equal(name, seen)
      end
    end
    check(attached, function(r) r:wakeup() end)
    check(attached, function(r) r:wakeup_later() end)
    check(attached_to_failure, function(r) r:wakeup_exn(lwt.Canceled) end)
  end)

  it("is what it is at the call where the promise is already resolved", function()
    lwt.with_value(key, 1, function()
      lwt.fulfilled():bind(function() assert.equal(1, lwt.get(key)) end):state()
      local seen
      lwt.fulfilled():on_success(function() seen = lwt.get(key) end)
      assert.equal(1, seen)
    end)
  end)

  it("does not follow the promise out to callbacks that are attached outside", function()
    local p, r = lwt.wait()
    local inside, outside = "none", "none"
    local q = lwt.with_value(key, 1, function()
      return p:map(function() inside = lwt.get(key) end)
    end)
    q:on_success(function() outside = lwt.get(key) end)
    r:wakeup()
    assert.equal(1, inside)
    assert.is_nil(outside)
  end)

  it("gives each callback of a cascade its own, and the waker gets its own back", function()
    local p, r = lwt.wait()
    local log = core.log()
    local q = lwt.with_value(key, 1, lwt.map, p, function() log(lwt.get(key)) end)
    lwt.with_value(key, 2, lwt.on_success, q, function() log(lwt.get(key)) end)
    p:on_success(function() log(lwt.get(key)) end)
    lwt.with_value(key, 3, function()
      r:wakeup()
      log(lwt.get(key))
    end)
    log.says "1 2 nil 3"
  end)

  it("is restored when a callback raises or sets it", function()
    local p, r = lwt.wait()
    lwt.with_value(key, 1, function()
      p:map(function() error "x" end):on_failure(function() end)
      p:on_success(function() lwt.set(key, "set in a callback") end)
    end)
    lwt.with_value(key, 2, function()
      r:wakeup()
      assert.equal(2, lwt.get(key))
    end)
  end)

  it("is kept by a task across its awaits, whoever wakes it", async(function()
    local p, r = lwt.wait()
    local task = lwt.with_value(key, 1, lwt.spawn, function()
      assert.equal(1, lwt.get(key))
      p:await()
      assert.equal(1, lwt.get(key))
      lwt.with_value(key, 2, function()
        lwt.yield()
        assert.equal(2, lwt.get(key))
      end)
      assert.equal(1, lwt.get(key))
      lwt.set(key, 3)
      lwt.yield()
      assert.equal(3, lwt.get(key))
    end)
    assert.is_nil(lwt.get(key))
    lwt.with_value(key, "waker", function() r:wakeup() end)
    task:await()
    assert.is_nil(lwt.get(key))
  end))

  it("is inherited by the tasks that a task spawns, each with its own from there "
    .. "on", async(function()
    lwt.set(key, "parent")
    local child = lwt.spawn(function()
      assert.equal("parent", lwt.get(key))
      lwt.set(key, "child")
      lwt.yield()
      assert.equal("child", lwt.get(key))
    end)
    assert.equal("parent", lwt.get(key))
    lwt.yield()
    assert.equal("parent", lwt.get(key))
    child:await()
  end))

  it("is restored by with_value when the task is cancelled inside it", async(function()
    local task = lwt.spawn(function()
      local ok = pcall(lwt.with_value, key, 1, function() lwt.task():await() end)
      return ok, lwt.get(key)
    end)
    task:cancel()
    local ok, value = task:await()
    assert.is_false(ok)
    assert.is_nil(value)
  end))

  it("set in one task does not show in another, nor outside", function()
    lwt.run(function() lwt.set(key, 1) end)
    assert.is_nil(lwt.get(key))
    lwt.run(function() assert.is_nil(lwt.get(key)) end)
  end)
end)
