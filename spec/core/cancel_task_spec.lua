local lwt = require "lwt"
local core = require "spec.support.core"
local is, new_log, async = core.is, core.log, core.async

local Canceled = lwt.Canceled

describe("cancelling a task", function()
  it("that waits cancels what it waits for, and raises Canceled at its await", async(function()
    local inner = lwt.task()
    local ok, err
    local task = lwt.spawn(function()
      ok, err = pcall(lwt.await, inner)
      error(err, 0)
    end)
    task:cancel()
    is(inner, "rejected", Canceled)
    assert.same({ false, Canceled }, { pcall(lwt.await, task) })
    assert.is_false(ok)
    assert.equal(Canceled, err)
  end))

  it("does not run it inside the cancel", async(function()
    local log = new_log()
    local task = lwt.spawn(function()
      pcall(lwt.await, (lwt.task()))
      log "task"
    end)
    task:cancel()
    log "canceled"
    task:await()
    log.says "canceled task"
  end))

  it("that waits for what cannot be cancelled interrupts the await at once, and leaves that "
    .. "pending", async(function()
    local inner, r = lwt.wait()
    local task = lwt.spawn(function()
      local ok, err = pcall(lwt.await, inner)
      return ok, err
    end)
    task:cancel()
    local ok, err = task:await()
    assert.is_false(ok)
    assert.equal(Canceled, err)
    is(inner, "pending")
    r:wakeup(1)
    is(inner, "fulfilled", 1)
  end))

  it("may be caught and continued", async(function()
    local task = lwt.spawn(function()
      local ok = pcall(lwt.await, (lwt.task()))
      local x = lwt.spawn(function() lwt.yield() return "x" end):await()
      return ok, x
    end)
    task:cancel()
    local ok, x = task:await()
    assert.is_false(ok)
    assert.equal("x", x)
  end))

  it("runs its <close> variables, which may await", async(function()
    local log = new_log()
    local task = lwt.spawn(function()
      local _ <close> = setmetatable({}, { __close = function(_, e)
        log("close", e == Canceled)
        lwt.yield()
        log "closed"
      end })
      lwt.task():await()
    end)
    task:cancel()
    assert.same({ false, Canceled }, { pcall(lwt.await, task) })
    log.says "close:true closed"
  end))

  it("that is ready keeps what it was woken with, and gets Canceled at its next await, even "
    .. "of a resolved promise", async(function()
    local p, r = lwt.task()
    local first, second, third
    local task = lwt.spawn(function()
      first = p:await()
      second = table.pack(pcall(lwt.await, lwt.fulfilled(1)))
      third = table.pack(pcall(lwt.await, lwt.fulfilled(2)))
    end)
    r:wakeup "woken"
    task:cancel()
    task:await()
    assert.equal("woken", first)
    assert.same({ false, Canceled, n = 2 }, second)
    assert.same({ true, 2, n = 2 }, third)
  end))

  it("that cancels itself gets it at its next await, once", async(function()
    local task = lwt.spawn(function()
      lwt.current():cancel()
      local a = table.pack(pcall(lwt.await, lwt.fulfilled(1)))
      local b = table.pack(pcall(lwt.await, lwt.fulfilled(2)))
      return a, b
    end)
    local a, b = task:await()
    assert.same({ false, Canceled, n = 2 }, a)
    assert.same({ true, 2, n = 2 }, b)
  end))

  it("twice before its next await is seen once", async(function()
    local task = lwt.spawn(function()
      lwt.current():cancel()
      lwt.current():cancel()
      local a = pcall(lwt.await, lwt.fulfilled())
      local b = pcall(lwt.await, lwt.fulfilled())
      return a, b
    end)
    local a, b = task:await()
    assert.is_false(a)
    assert.is_true(b)
  end))

  it("is dropped when the task ends without another await", async(function()
    is(lwt.spawn(function()
      lwt.current():cancel()
      return "done"
    end), "fulfilled", "done")
  end))

  it("is seen at a yield, which counts as an await", async(function()
    local task = lwt.spawn(function()
      lwt.current():cancel()
      return pcall(lwt.yield)
    end)
    local ok, err = task:await()
    assert.is_false(ok)
    assert.equal(Canceled, err)
    -- Also in a task that is waiting in its yield.
    local other = lwt.spawn(function()
      lwt.yield()
      return pcall(lwt.yield)
    end)
    lwt.yield()
    other:cancel()
    assert.is_not_nil((other:await()))
  end))

  it("an await that raises this way cancels the promise it was given", async(function()
    local given = lwt.task()
    local task = lwt.spawn(function()
      lwt.current():cancel()
      return pcall(lwt.await, given)
    end)
    assert.is_false((task:await()))
    is(given, "rejected", Canceled)
  end))

  it("that is done does nothing", async(function()
    local task = lwt.spawn(function() return 1 end)
    task:cancel()
    is(task, "fulfilled", 1)
  end))

  it("is forwarded through tasks that await tasks", async(function()
    local log = new_log()
    local inner = lwt.task()
    local deepest = lwt.spawn(function()
      local ok, err = pcall(lwt.await, inner)
      log("deepest", ok, err == Canceled)
      error(err, 0)
    end)
    local middle = lwt.spawn(function()
      local ok, err = pcall(lwt.await, deepest)
      log("middle", ok, err == Canceled)
      error(err, 0)
    end)
    local outer = lwt.spawn(function() return middle:await() end)
    outer:cancel()
    assert.same({ false, Canceled }, { pcall(lwt.await, outer) })
    log.says "deepest:false:true middle:false:true"
  end))

  it("ends its await after the cleanup of a task that it waits for", async(function()
    local log = new_log()
    local inner = lwt.spawn(function()
      local ok, err = pcall(lwt.await, (lwt.task()))
      for i = 1, 3 do
        lwt.yield()
        log("cleanup" .. i)
      end
      assert(not ok)
      error(err, 0)
    end)
    local outer = lwt.spawn(function()
      local _, err = pcall(lwt.await, inner)
      log("outer", err == Canceled)
    end)
    outer:cancel()
    outer:await()
    log.says "cleanup1 cleanup2 cleanup3 outer:true"
  end))

  it("ends its await with a value when a handler made one of the cancel", async(function()
    local task = lwt.spawn(function()
      return lwt.task():catch(function() return "made of it" end):await()
    end)
    task:cancel()
    assert.equal("made of it", task:await())
  end))

  it("by a bind on its promise reaches it", async(function()
    local inner = lwt.task()
    local task = lwt.spawn(function() return inner:await() end)
    local bound = task:bind(print):finalize(function() end)
    bound:cancel()
    is(inner, "rejected", Canceled)
    assert.same({ false, Canceled }, { pcall(lwt.await, bound) })
    is(task, "rejected", Canceled)
  end))

  it("as a loser of pick reaches it", async(function()
    local log = new_log()
    local task = lwt.spawn(function()
      local ok, err = pcall(lwt.await, (lwt.task()))
      log(ok, err == Canceled)
    end)
    local first, r = lwt.task()
    local picked = lwt.pick { task, first }
    r:wakeup "winner"
    assert.equal("winner", picked:await())
    task:await()
    log.says "false:true"
  end))

  it("after it returned a promise that it follows goes to that promise", async(function()
    local inner = lwt.task()
    local task = lwt.spawn(function() return inner end)
    task:cancel()
    is(inner, "rejected", Canceled)
    is(task, "rejected", Canceled)
  end))

  it("reaches an await in nested calls of the task", async(function()
    local depth = 0
    local function down(n)
      if n == 0 then return lwt.await((lwt.task())) end
      local ok, err = pcall(down, n - 1)
      depth = depth + 1
      if not ok then error(err, 0) end
    end
    local task = lwt.spawn(down, 50)
    task:cancel()
    assert.same({ false, Canceled }, { pcall(lwt.await, task) })
    assert.equal(50, depth)
  end))

  it("started from the ready queue but not yet run raises Canceled at its first "
    .. "await", async(function()
    -- Deep nesting puts the start of a task into the ready queue.
    local seen, deep
    local function nest(n)
      if n == 0 then
        local ran = false
        deep = lwt.spawn(function()
          ran = true
          seen = table.pack(pcall(lwt.await, lwt.fulfilled(1)))
        end)
        if not ran then deep:cancel() end
      else
        lwt.spawn(nest, n - 1)
      end
    end
    nest(15)
    while not deep do lwt.yield() end
    pcall(lwt.await, deep)
    assert.is_not_nil(seen)
  end))

  it("of two tasks that wait for the same promise cancels it for both", async(function()
    local shared = lwt.task()
    local a = lwt.spawn(function() return pcall(lwt.await, shared) end)
    local b = lwt.spawn(function() return pcall(lwt.await, shared) end)
    a:cancel()
    local ok, err = b:await()
    assert.is_false(ok)
    assert.equal(Canceled, err)
    assert.is_false((a:await()))
  end))

  it("leaves no waiter on a promise that cannot be cancelled", async(function()
    local shared, r = lwt.wait()
    local before
    for i = 1, core.count(2000, 100000) do
      local task = lwt.spawn(function() return pcall(lwt.await, shared) end)
      task:cancel()
      task:await()
      if i == 1000 then before = core.memory() end
    end
    assert.is_true(core.memory() - before < 8 * 1024)
    r:wakeup()
  end))
end)

describe("a task's await of no_cancel", function()
  it("is not interrupted, and the cancel is told at the next await", async(function()
    local inner, r = lwt.task()
    local first, second, third
    local task = lwt.spawn(function()
      first = table.pack(pcall(lwt.await, lwt.no_cancel(inner)))
      second = table.pack(pcall(lwt.await, lwt.fulfilled(1)))
      third = pcall(lwt.await, lwt.fulfilled(1))
    end)
    task:cancel()
    lwt.yield()
    assert.is_nil(first)
    is(inner, "pending")
    r:wakeup "kept"
    task:await()
    assert.same({ true, "kept", n = 2 }, first)
    assert.same({ false, Canceled, n = 2 }, second)
    assert.is_true(third)
  end))

  it("is interrupted when something stands between, for only the very promise "
    .. "counts", async(function()
    local inner = lwt.task()
    local task = lwt.spawn(function()
      return pcall(lwt.await, lwt.no_cancel(inner):map(print))
    end)
    task:cancel()
    local ok, err = task:await()
    assert.is_false(ok)
    assert.equal(Canceled, err)
    is(inner, "pending")
  end))
end)

describe("shield", function()
  it("returns what the function returns, and raises what it raises", async(function()
    assert.same({ 1, nil, 3, n = 3 }, table.pack(lwt.shield(function(...)
      lwt.yield()
      return ...
    end, 1, nil, 3)))
    local err = {}
    local ok, got = pcall(lwt.shield, function()
      lwt.yield()
      error(err)
    end)
    assert.is_false(ok)
    assert.equal(err, got)
  end))

  it("lets its function run to its end, then the cancel is told at the next await", async(function()
    local log = new_log()
    local inner, r = lwt.task()
    local task = lwt.spawn(function()
      log(lwt.shield(function()
        local x = inner:await()
        lwt.yield()
        return x
      end))
      log(pcall(lwt.yield))
      log(pcall(lwt.yield))
    end)
    task:cancel()
    is(inner, "pending")
    r:wakeup "kept"
    task:await()
    log.says("kept false:" .. tostring(Canceled) .. " true")
  end))

  it("raises outside a task", function()
    local ok, err = pcall(lwt.shield, function() end)
    assert.is_false(ok)
    assert.truthy(tostring(err):find "outside a task")
  end)

  describe("is not told to a finalizer", function()
    local mvar = require "lwt.mvar"
    local waits = {
      ["that yields"] = lwt.yield,
      ["that awaits"] = function() lwt.await(lwt.fulfilled()) end,
      ["that waits at an mvar"] = function() lwt.direct(mvar.create(1)):take() end,
      ["that shields"] = function() lwt.shield(function() end) end,
    }
    for name, wait in pairs(waits) do
      it(name .. ": the task's own await raises it", function()
        local refused
        local p = lwt.spawn(function()
          lwt.current():cancel()
          setmetatable({}, { __gc = function() refused = select(2, pcall(wait)) end })
          collectgarbage()
          lwt.await(lwt.fulfilled())
        end)
        assert.equal(lwt.Canceled, select(2, p:state()))
        assert.matches("attempt to await where Lua cannot yield", refused)
      end)
    end
  end)
end)
