local lwt = require "lwt"
local throttle = require "lwt.throttle"
local test = require "lwt.test"
local expect = require "spec.support.expect"
local raises = expect.raises

local await, spec = lwt.await, test.virtual

local function state(p) return p:state() end

describe("lwt.throttle", function()
  it("lets the first of a second through at once, the rest a second later", spec(function()
    local t, start, log = throttle.create(2, 10), lwt.now(), {}
    for i = 1, 5 do
      t:wait("k"):on_success(function(go)
        log[#log + 1] = ("%d %s %d"):format(i, go, (lwt.now() - start + 0.001) // 1)
      end)
    end
    await(lwt.sleep(5))
    assert.same({ "1 true 0", "2 true 0", "3 true 1", "4 true 1", "5 true 2" }, log)
  end))

  it("counts those who were released in the new second", spec(function()
    local t = throttle.create(1, 10)
    await(t:wait("k"))
    local p = t:wait("k")
    await(p)
    local q = t:wait("k")
    assert.equal("pending", state(q))
    assert.is_true(await(q))
  end))

  it("keeps the keys apart", spec(function()
    local t = throttle.create(1, 10)
    assert.is_true(await(t:wait("a")))
    assert.equal("fulfilled", state(t:wait("b")))
    local waiting = t:wait("a")
    assert.equal("pending", state(waiting))
    assert.equal("fulfilled", state(t:wait({})))
    waiting:cancel()
  end))

  it("says false when too many wait, of all keys together", spec(function()
    local t = throttle.create(1, 2)
    await(t:wait("a"))
    await(t:wait("b"))
    local p, q = t:wait("a"), t:wait("b")
    assert.same({ "fulfilled", false }, { state(t:wait("a")) })
    assert.same({ "fulfilled", true }, { state(t:wait("c")) })
    assert.is_true(await(p))
    assert.is_true(await(q))
  end))

  it("gives the place of a cancelled waiter back", spec(function()
    local t = throttle.create(1, 2)
    await(t:wait("a"))
    local p, q = t:wait("a"), t:wait("a")
    p:cancel()
    local r = t:wait("a")
    assert.equal("pending", state(r))
    local start = lwt.now()
    await(q)
    assert.is_true(lwt.now() - start <= 1.001)
    await(r)
    assert.is_true(lwt.now() - start <= 2.001)
  end))

  it("has no timer while nobody waits", spec(function()
    local t = throttle.create(1, 5)
    await(t:wait("a"))
    test.assert_clean()
    local p = t:wait("a")
    p:cancel()
    test.assert_clean()
    local q = t:wait("a")
    await(q)
    test.assert_clean()
  end))

  it("forgets keys that are not used", spec(function()
    local t = throttle.create(1, 5)
    for i = 1, 100 do await(t:wait(i)) end
    await(lwt.sleep(1))
    await(t:wait("a"))
    local n = 0
    for _ in pairs(t.used) do n = n + 1 end
    assert.equal(1, n)
  end))

  it("wakes the waiters of one second in the order of their calls", spec(function()
    local t, log = throttle.create(3, 10), {}
    for _ = 1, 3 do await(t:wait("k")) end
    for i = 1, 3 do t:wait("k"):on_success(function() log[#log + 1] = i end) end
    await(lwt.sleep(1.5))
    assert.same({ 1, 2, 3 }, log)
  end))

  it("refuses wrong arguments", function()
    assert.has_error(function() throttle.create(0, 1) end)
    assert.has_error(function() throttle.create(1, 0) end)
    assert.has_error(function() throttle.create(1.5, 1) end)
    assert.has_error(function() throttle.wait({}, 1) end)
    raises(function() throttle.create(1, 1):wait(nil) end,
      "throttle_spec.lua:%d+: bad argument #1 to 'wait'")
  end)
end)
