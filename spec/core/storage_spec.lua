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

describe("task-local storage of generators", function()
  local co = lwt.coroutine

  it("stays with one that yields inside with_value: its caller keeps its own", async(function()
    lwt.set(key, "caller")
    local gen = co.wrap(function()
      lwt.with_value(key, "admin", function()
        co.yield(lwt.get(key))
        lwt.yield()
        co.yield(lwt.get(key))
      end)
      return lwt.get(key)
    end)
    assert.equal("admin", gen())
    assert.equal("caller", lwt.get(key))
    assert.equal("caller", lwt.spawn(function() return lwt.get(key) end):await())
    assert.equal("admin", gen())
    assert.equal("caller", lwt.get(key))
    assert.equal("caller", gen())
    assert.equal("caller", lwt.get(key))
  end))

  it("likewise where nothing was set before, with resume, and outside of tasks", function()
    local c = co.create(function()
      lwt.with_value(key, "admin", co.yield)
      return lwt.get(key)
    end)
    assert.is_true(co.resume(c))
    assert.is_nil(lwt.get(key))
    lwt.with_value(key, "other", function()
      local _, value = co.resume(c)
      assert.is_nil(value) -- as it was when it began
      assert.equal("other", lwt.get(key))
    end)
    assert.is_nil(lwt.get(key))
  end)

  it("what one sets stays its own, and it begins with its first caller's", async(function()
    local gen = co.wrap(function()
      local first = lwt.get(key)
      lwt.set(key, "own")
      co.yield(first)
      co.yield(lwt.get(key))
    end)
    lwt.with_value(key, "one", function()
      assert.equal("one", gen())
      assert.equal("one", lwt.get(key))
    end)
    lwt.with_value(key, "two", function() assert.equal("own", gen()) end)
    assert.is_nil(lwt.get(key))
  end))

  it("is the caller's again when one fails inside with_value", async(function()
    local c = co.create(function() lwt.with_value(key, "admin", error, "x") end)
    assert.is_false(co.resume(c))
    assert.is_nil(lwt.get(key))
    assert.is_false(pcall(co.wrap(function() lwt.with_value(key, "admin", error, "x") end)))
    assert.is_nil(lwt.get(key))
  end))

  it("is not touched when one is closed inside with_value", async(function()
    local c = co.create(function() lwt.with_value(key, "admin", co.yield) end)
    co.resume(c)
    lwt.with_value(key, "mine", function()
      co.close(c)
      assert.equal("mine", lwt.get(key))
    end)
  end))

  it("with_value in a plain coroutine lets nothing out: it may not yield there", async(function()
    local c = coroutine.create(function()
      lwt.with_value(key, "admin", coroutine.yield)
    end)
    local ok, err = coroutine.resume(c)
    assert.is_false(ok)
    assert.truthy(tostring(err):find("attempt to yield across a C-call boundary", 1, true))
    assert.is_nil(lwt.get(key))
  end))
end)

describe("task-local storage", function()
  it("keeps what was set for other keys inside with_value", async(function()
    local other = lwt.new_key()
    lwt.with_value(key, 1, function()
      lwt.set(other, 2)
      lwt.set(key, 3)
    end)
    assert.is_nil(lwt.get(key))
    assert.equal(2, lwt.get(other))
    lwt.with_value(key, 1, function()
      lwt.with_value(key, 2, function()
        lwt.yield()
        lwt.set(other, 5)
      end)
      assert.equal(1, lwt.get(key))
    end)
    assert.equal(5, lwt.get(other))
  end))

  it("is as it was when it was registered in at_exit", function()
    local seen, none = {}, nil
    lwt.with_value(key, "then", function()
      lwt.at_exit(function()
        lwt.yield()
        seen[1] = lwt.get(key)
      end)
    end)
    lwt.at_exit(function() none = lwt.get(key) == nil end)
    lwt.run(function() lwt.set(key, "body") end)
    assert.same({ "then" }, seen)
    lwt.with_value(key, "now", lwt.run, function() end)
    assert.is_true(none)
  end)

  it("is as it was when it was registered in on_iteration", async(function()
    local seen
    local hook = lwt.with_value(key, "then", lwt.on_iteration, "leave", function()
      seen = lwt.get(key)
    end)
    lwt.yield()
    lwt.yield()
    hook:remove()
    assert.equal("then", seen)
  end))

  it("is as it was when it was registered in gc.finalise", async(function()
    local gc = require "lwt.gc"
    local seen
    lwt.with_value(key, "then", function()
      gc.finalise(function()
        lwt.yield()
        seen = lwt.get(key)
      end, {})
    end)
    collectgarbage()
    lwt.sleep(0.001):await()
    lwt.yield()
    assert.equal("then", seen)
  end))

  it("what a callback of a resolved promise sets ends with the callback", async(function()
    for _, name in ipairs { "on_success", "bind", "map", "finalize", "on_termination" } do
      lwt.fulfilled()[name](lwt.fulfilled(), function() lwt.set(key, name) end)
      assert.is_nil(lwt.get(key))
    end
    lwt.wrap(lwt.set, key, 1)
    assert.is_nil(lwt.get(key))
    lwt.set(key, "own")
    lwt.wrap(lwt.set, key, 1)
    lwt.rejected("no"):catch(function() lwt.set(key, 1) end)
    assert.equal("own", lwt.get(key))
  end))

  it("of the program does not show in a task that was made without any", function()
    local p, r = lwt.wait()
    local task = lwt.spawn(function()
      p:await()
      return lwt.get(key)
    end)
    lwt.with_value(key, "program", function()
      r:wakeup()
      assert.is_nil(lwt.run(task))
    end)
  end)

  it("leaves the frames of an error that passes with_value in its trace", async(function()
    local p = lwt.spawn(function()
      lwt.with_value(key, 1, function() local function deep() error "boom" end deep() end)
    end)
    assert.truthy(lwt.traceback(p):find("deep", 1, true), lwt.traceback(p))
  end))
end)

it("core.keep gives a function that sees the storage of now, and may await", async(function()
  local internals = require "lwt.core"
  local kept = lwt.with_value(key, "then", internals.keep, function(...)
    lwt.yield()
    return lwt.get(key), ...
  end)
  lwt.set(key, "later")
  assert.same({ "then", 1, 2 }, { kept(1, 2) })
  assert.equal("later", lwt.get(key))
end))
