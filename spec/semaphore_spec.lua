local lwt = require "lwt"
local semaphore = require "lwt.semaphore"
local test = require "lwt.test"
local expect = require "spec.support.expect"
local raises = expect.raises

local await, spec = lwt.await, test.virtual

local function state(p) return (p:state()) end

describe("lwt.semaphore", function()
  it("gives as many permits as it has, then makes wait, in order", spec(function()
    local s = semaphore.create(2)
    local p = {}
    for i = 1, 5 do p[i] = s:acquire() end
    assert.same({ "fulfilled", "fulfilled", "pending" }, { state(p[1]), state(p[2]), state(p[3]) })
    for i = 3, 5 do
      s:release()
      assert.equal("fulfilled", state(p[i]))
      assert.equal(i < 5 and "pending" or "fulfilled", state(p[5]))
    end
  end))

  it("keeps a permit that nobody waits for", spec(function()
    local s = semaphore.create(0)
    s:release()
    s:release()
    assert.equal("fulfilled", state(s:acquire()))
    assert.equal("fulfilled", state(s:acquire()))
    assert.equal("pending", state(s:acquire()))
  end))

  it("passes a permit by those who were cancelled", spec(function()
    local s = semaphore.create(1)
    await(s:acquire())
    local a, b, c = s:acquire(), s:acquire(), s:acquire()
    a:cancel()
    b:cancel()
    s:release()
    assert.equal("fulfilled", state(c))
    local d = s:acquire()
    d:cancel()
    s:release()
    assert.equal("fulfilled", state(s:acquire()))
    assert.equal("pending", state(s:acquire()))
  end))

  it("gives no permit to a task whose next await raises", spec(function()
    local s = semaphore.create(1)
    pcall(await, lwt.scope(function(scope)
      scope:cancel()
      for _ = 1, 3 do pcall(await, s:acquire()) end
    end))
    lwt.yield()
    assert.equal("fulfilled", state(s:acquire()))
    assert.equal("pending", state(s:acquire()))
  end))

  it("releases on every way out of with", spec(function()
    local s = semaphore.create(1)
    assert.same({ 1, nil, 3 }, { await(s:with(function(...) return ... end, 1, nil, 3)) })
    assert.is_false((pcall(await, s:with(function() error("x") end))))
    local p = s:with(function() await(lwt.sleep(10)) end)
    local waiting = s:with(function() error("never") end)
    waiting:cancel()
    lwt.yield()
    p:cancel()
    assert.equal(lwt.Canceled, select(2, pcall(await, p)))
    assert.equal(lwt.Canceled, select(2, pcall(await, waiting)))
    assert.equal("fulfilled", state(s:acquire()))
  end))

  it("releases at the end of a block with a <close> variable", spec(function()
    local s = semaphore.create(1)
    for _ = 1, 3 do
      local permit <close> = await(s:acquire())
      assert.is_not_nil(permit)
      local p = s:acquire()
      assert.equal("pending", state(p))
      p:cancel()
    end
    assert.equal("fulfilled", state(s:acquire()))
  end))

  it("lets no more run than it has permits", spec(function()
    local s, running, most, jobs = semaphore.create(3), 0, 0, {}
    for i = 1, 30 do
      jobs[i] = s:with(function()
        running = running + 1
        most = math.max(most, running)
        await(lwt.sleep(i % 4))
        running = running - 1
      end)
    end
    await(lwt.join(jobs))
    assert.equal(3, most)
    assert.equal(0, running)
  end))

  it("refuses wrong arguments", function()
    raises(function() semaphore.create() end,
      "semaphore_spec.lua:%d+: bad argument #1 to 'create' %(integer expected, got nil%)")
    assert.has_error(function() semaphore.create(-1) end)
    assert.has_error(function() semaphore.create(1.5) end)
    assert.has_error(function() semaphore.acquire({}) end)
    assert.has_error(function() semaphore.release() end)
    assert.has_error(function() semaphore.create(1):with() end)
  end)
end)
