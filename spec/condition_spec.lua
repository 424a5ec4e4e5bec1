local lwt = require "lwt"
local condition = require "lwt.condition"
local mutex = require "lwt.mutex"
local test = require "lwt.test"
local expect = require "spec.support.expect"
local raises = expect.raises

local await, spec = lwt.await, test.virtual

local function state(p) return (p:state()) end

describe("lwt.condition", function()
  it("wakes the oldest waiter with the values of the signal", spec(function()
    local c = condition.create()
    local a, b = c:wait(), c:wait()
    c:signal(1, nil, 3)
    assert.same({ "fulfilled", 1, nil, 3 }, { a:state() })
    assert.equal("pending", state(b))
  end))

  it("does not keep a signal for whom it does not find", spec(function()
    local c = condition.create()
    c:signal(1)
    assert.equal("pending", state(c:wait()))
  end))

  it("wakes all by a broadcast, oldest first, and none twice", spec(function()
    local c, log = condition.create(), {}
    for i = 1, 3 do
      lwt.spawn(function()
        for _ = 1, 2 do
          local v = await(c:wait())
          log[#log + 1] = i .. v
        end
      end)
    end
    c:broadcast("x")
    lwt.yield()
    assert.same({ "1x", "2x", "3x" }, log)
    c:broadcast("y")
    lwt.yield()
    assert.same({ "1x", "2x", "3x", "1y", "2y", "3y" }, log)
  end))

  it("does not wake a callback that waits again", spec(function()
    local c, n = condition.create(), 0
    local function again()
      n = n + 1
      c:wait():on_success(again)
    end
    again()
    c:broadcast()
    assert.equal(2, n)
    c:signal()
    assert.equal(3, n)
  end))

  it("fails every wait by broadcast_exn", spec(function()
    local c = condition.create()
    local a, b = c:wait(), c:wait()
    c:broadcast_exn("gone")
    assert.same({ "rejected", "gone" }, { a:state() })
    assert.same({ "rejected", "gone" }, { b:state() })
    assert.equal("pending", state(c:wait()))
  end))

  it("passes a signal by those who were cancelled", spec(function()
    local c = condition.create()
    local a, b = c:wait(), c:wait()
    a:cancel()
    c:signal("v")
    assert.same({ "fulfilled", "v" }, { b:state() })
  end))

  it("does not lose the signal of a task cancelled after it was woken", spec(function()
    local c, got = condition.create(), nil
    local task = lwt.spawn(function()
      got = await(c:wait())
      c:signal(got)
    end)
    local other = c:wait()
    c:signal("v")
    task:cancel()
    pcall(await, task)
    assert.equal("v", got)
    assert.equal("v", await(other))
  end))

  it("keeps a signalled promise as it is", spec(function()
    local c, m, p = condition.create(), mutex.create(), lwt.wait()
    local plain = c:wait()
    c:signal(p)
    assert.equal(p, await(plain))
    await(m:lock())
    local locked = c:wait(m)
    c:signal(p)
    assert.equal(p, await(locked))
  end))

  describe("with a mutex", function()
    it("unlocks it while waiting, and has it again afterwards", spec(function()
      local c, m = condition.create(), mutex.create()
      await(m:lock())
      local p = c:wait(m)
      assert.is_false(m:is_locked())
      c:signal("v")
      assert.equal("v", await(p))
      assert.is_true(m:is_locked())
    end))

    it("queues for the mutex when another has it", spec(function()
      local c, m = condition.create(), mutex.create()
      await(m:lock())
      local p = c:wait(m)
      await(m:lock())
      c:signal("v")
      assert.equal("pending", state(p))
      m:unlock()
      assert.equal("v", await(p))
      assert.is_true(m:is_locked())
    end))

    it("has it again after a broadcast_exn", spec(function()
      local c, m = condition.create(), mutex.create()
      await(m:lock())
      local p = c:wait(m)
      await(m:lock())
      c:broadcast_exn("gone")
      assert.equal("pending", state(p))
      m:unlock()
      assert.same({ false, "gone" }, { pcall(await, p) })
      assert.is_true(m:is_locked())
    end))

    it("has it again after a cancel", spec(function()
      local c, m = condition.create(), mutex.create()
      local held
      local task = lwt.spawn(function()
        await(m:with_lock(function()
          local ok, err = pcall(await, c:wait(m))
          held = m:is_locked()
          assert(not ok)
          error(err, 0)
        end))
      end)
      assert.is_false(m:is_locked())
      await(m:lock())
      task:cancel()
      lwt.yield()
      assert.is_nil(held)
      m:unlock()
      assert.equal(lwt.Canceled, select(2, pcall(await, task)))
      assert.is_true(held)
      assert.is_false(m:is_locked())
    end))

    it("has it again even when it is cancelled while it locks, and passes the signal on",
      spec(function()
      local c, m, log = condition.create(), mutex.create(), {}
      local task = lwt.spawn(function()
        await(m:with_lock(function()
          local ok = pcall(await, c:wait(m))
          log[#log + 1] = ok
          log[#log + 1] = m:is_locked()
        end))
      end)
      await(m:lock())
      local other = c:wait()
      c:signal("v")
      lwt.yield()
      task:cancel()
      task:cancel()
      lwt.yield()
      assert.same({}, log)
      m:unlock()
      await(task)
      assert.same({ false, true }, log)
      assert.is_false(m:is_locked())
      assert.equal("v", await(other))
    end))

    it("has it again in a scope that is cancelled", spec(function()
      local c, m, held = condition.create(), mutex.create(), nil
      local p = lwt.scope(function(s)
        s:spawn(function()
          await(m:with_lock(function()
            local _ <close> = setmetatable({}, { __close = function() held = m:is_locked() end })
            await(c:wait(m))
          end))
        end)
      end)
      lwt.yield()
      await(m:lock())
      p:cancel()
      lwt.yield()
      assert.is_nil(held)
      m:unlock()
      pcall(await, p)
      assert.is_true(held)
      assert.is_false(m:is_locked())
    end))

    it("is not let go by a task whose next await raises", spec(function()
      local c, m, held = condition.create(), mutex.create(), {}
      pcall(await, lwt.scope(function(s)
        await(m:with_lock(function()
          s:cancel()
          lwt.current():cancel()
          held[1] = pcall(await, c:wait(m))
          held[2] = m:is_locked()
        end))
      end))
      lwt.yield()
      assert.same({ false, true }, held)
      assert.is_false(m:is_locked())
    end))

    it("refuses one that nobody holds", spec(function()
      raises(function() condition.create():wait(mutex.create()) end,
      "condition_spec.*attempt to wait with a mutex that is free")
    end))

    it("works as a bounded buffer", spec(function()
      local m, not_full, not_empty = mutex.create(), condition.create(), condition.create()
      local buffer, got = {}, {}
      local function put(v)
        await(m:with_lock(function()
          while #buffer == 2 do await(not_full:wait(m)) end
          buffer[#buffer + 1] = v
          not_empty:signal()
        end))
      end
      local function take()
        return await(m:with_lock(function()
          while #buffer == 0 do await(not_empty:wait(m)) end
          local v = table.remove(buffer, 1)
          not_full:signal()
          return v
        end))
      end
      local tasks = {}
      for i = 1, 3 do
        tasks[#tasks + 1] = lwt.spawn(function()
          for j = 1, 10 do put(i * 100 + j) end
        end)
        tasks[#tasks + 1] = lwt.spawn(function()
          for _ = 1, 10 do
            local v = take()
            got[#got + 1] = v
          end
        end)
      end
      await(lwt.join(tasks))
      table.sort(got)
      assert.equal(30, #got)
      assert.equal(101, got[1])
      assert.equal(310, got[30])
    end))
  end)

  it("refuses wrong arguments", function()
    assert.has_error(function() condition.wait() end)
    assert.has_error(function() condition.create():wait({}) end)
    assert.has_error(function() condition.signal(1) end)
    assert.has_error(function() condition.broadcast({}) end)
    assert.has_error(function() condition.broadcast_exn() end)
  end)
end)
