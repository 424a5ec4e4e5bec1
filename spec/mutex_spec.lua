local lwt = require "lwt"
local mutex = require "lwt.mutex"
local test = require "lwt.test"
local expect = require "spec.support.expect"
local raises = expect.raises

local await, spec = lwt.await, test.virtual

local function state(p) return (p:state()) end

describe("lwt.mutex", function()
  it("is free at first, and locked at once", spec(function()
    local m = mutex.create()
    assert.is_false(m:is_locked())
    assert.is_true(m:is_empty())
    assert.equal("fulfilled", state(m:lock()))
    assert.is_true(m:is_locked())
    assert.is_true(m:is_empty())
    m:unlock()
    assert.is_false(m:is_locked())
  end))

  it("hands over in the order of the calls, without being free in between", spec(function()
    local m, log = mutex.create(), {}
    await(m:lock())
    for i = 1, 4 do
      lwt.spawn(function()
        await(m:lock())
        log[#log + 1] = i
        assert.is_true(m:is_locked())
        m:unlock()
        assert.equal(i < 4, m:is_locked())
      end)
    end
    m:unlock()
    assert.is_true(m:is_locked())
    local late = m:lock()
    assert.equal("pending", state(late))
    await(late)
    assert.same({ 1, 2, 3, 4 }, log)
  end))

  it("raises when a free one is unlocked", spec(function()
    local m = mutex.create()
    raises(function() m:unlock() end,
      "mutex_spec.*attempt to unlock a free mutex")
  end))

  it("forgets a waiter that is cancelled", spec(function()
    local m = mutex.create()
    await(m:lock())
    local a, b = m:lock(), m:lock()
    assert.is_false(m:is_empty())
    a:cancel()
    m:unlock()
    assert.equal("fulfilled", state(b))
    assert.is_true(m:is_empty())
    m:unlock()
    assert.is_false(m:is_locked())
  end))

  it("is free again when all its waiters were cancelled", spec(function()
    local m = mutex.create()
    await(m:lock())
    for _ = 1, 5 do m:lock():cancel() end
    assert.is_true(m:is_empty())
    m:unlock()
    assert.is_false(m:is_locked())
  end))

  it("cannot be taken from a waiter that was already given it", spec(function()
    local m = mutex.create()
    await(m:lock())
    local p = m:lock()
    m:unlock()
    p:cancel()
    assert.equal("fulfilled", state(p))
    assert.is_true(m:is_locked())
  end))

  it("is not taken by a task whose next await raises", spec(function()
    local m, reached = mutex.create(), false
    local task = lwt.spawn(function()
      lwt.current():cancel()
      local ok = pcall(function()
        local _ <close> = await(m:lock())
        reached = true
      end)
      assert(not ok)
      await(m:lock())
      m:unlock()
      lwt.current():cancel()
      await(lwt.no_cancel(m:lock()))
      assert(m:is_locked())
      m:unlock()
    end)
    await(task)
    assert.is_false(reached)
    assert.is_false(m:is_locked())
    pcall(await, lwt.scope(function(s)
      s:cancel()
      for _ = 1, 3 do pcall(await, m:lock()) end
    end))
    lwt.yield()
    assert.is_false(m:is_locked())
  end))

  it("unlocks at the end of a block with a <close> variable", spec(function()
    local m = mutex.create()
    local ok = pcall(function()
      local _ <close> = await(m:lock())
      assert.is_true(m:is_locked())
      error("out")
    end)
    assert.is_false(ok)
    assert.is_false(m:is_locked())
  end))

  describe("with_lock", function()
    it("gives what the function returns, and its arguments", spec(function()
      local m = mutex.create()
      local function swap(a, b)
        assert.is_true(m:is_locked())
        return b, a
      end
      assert.same({ 2, 1 }, { await(m:with_lock(swap, 1, 2)) })
      await(m:lock())
      local p = m:with_lock(swap, nil, 3)
      m:unlock()
      assert.same({ 3, nil }, { await(p) })
      assert.is_false(m:is_locked())
    end))

    it("follows a promise that the function returns", spec(function()
      local m, p, r = mutex.create(), lwt.wait()
      local q = m:with_lock(function() return p end)
      assert.is_true(m:is_locked())
      r:wakeup("v")
      assert.equal("v", await(q))
      assert.is_false(m:is_locked())
    end))

    it("unlocks after an error", spec(function()
      local m = mutex.create()
      assert.same({ false, "oops" },
        { pcall(await, m:with_lock(function() error("oops", 0) end)) })
      assert.is_false(m:is_locked())
    end))

    it("unlocks when it is cancelled", spec(function()
      local m, cleaned = mutex.create(), false
      local p = m:with_lock(function()
        local _ <close> = setmetatable({}, { __close = function()
          lwt.shield(lwt.sleep, 1)
          assert.is_true(m:is_locked())
          cleaned = true
        end })
        await(lwt.sleep(100))
      end)
      lwt.yield()
      p:cancel()
      assert.equal(lwt.Canceled, select(2, pcall(await, p)))
      assert.is_true(cleaned)
      assert.is_false(m:is_locked())
    end))

    it("waits for the lock no longer when it is cancelled", spec(function()
      local m, ran = mutex.create(), false
      await(m:lock())
      local p = m:with_lock(function() ran = true end)
      p:cancel()
      m:unlock()
      lwt.yield()
      assert.is_false(ran)
      assert.is_false(m:is_locked())
      assert.equal(lwt.Canceled, select(2, pcall(await, p)))
    end))

    it("unlocks in a task that is cancelled while the lock is on its way", spec(function()
      local m = mutex.create()
      await(m:lock())
      local task = lwt.spawn(function()
        await(m:with_lock(function() await(lwt.sleep(1)) end))
      end)
      m:unlock()
      task:cancel()
      assert.equal(lwt.Canceled, select(2, pcall(await, task)))
      assert.is_false(m:is_locked())
    end))

    it("never runs inside another task's unlock", spec(function()
      local m, log = mutex.create(), {}
      await(m:lock())
      m:with_lock(function() log[#log + 1] = "waiter" end)
      m:unlock()
      log[#log + 1] = "unlocker"
      lwt.yield()
      assert.same({ "unlocker", "waiter" }, log)
    end))

    it("keeps others out, whatever they do meanwhile", spec(function()
      local m, inside, jobs = mutex.create(), 0, {}
      for i = 1, 20 do
        jobs[i] = m:with_lock(function()
          inside = inside + 1
          assert.equal(1, inside)
          for _ = 1, i % 4 do lwt.yield() end
          inside = inside - 1
          if i % 5 == 0 then error("some fail", 0) end
        end)
      end
      await(lwt.settled(jobs))
      assert.is_false(m:is_locked())
    end))
  end)

  it("refuses wrong arguments at the caller's line", function()
    raises(function() mutex.lock(nil) end,
      "mutex_spec.lua:%d+: bad argument #1 to 'lock' %(lwt.mutex expected, got nil%)")
    local m = mutex.create()
    raises(function() m:with_lock(1) end,
      "mutex_spec.lua:%d+: bad argument #1 to 'with_lock' %(function expected, got number%)")
  end)
end)

describe("mutex:is_empty", function()
  it("costs the same whoever waits", function()
    local cost = require "spec.support.cost"
    local function each(n)
      local m = mutex.create()
      m:lock()
      for _ = 1, n do m:lock() end
      return cost(function()
        for _ = 1, n do m:is_empty() end
      end) / n
    end
    local few, many = each(500), each(8000)
    assert.is_true(many < 2 * few, ("%.2f beside %.2f"):format(many, few))
  end)

  it("does not count those that were cancelled, wherever they stand", function()
    local m = mutex.create()
    m:lock()
    local list = {}
    for i = 1, 20 do list[i] = m:lock() end
    for i = 1, 19 do list[i]:cancel() end
    assert.is_false(m:is_empty())
    list[20]:cancel()
    assert.is_true(m:is_empty())
  end)
end)
