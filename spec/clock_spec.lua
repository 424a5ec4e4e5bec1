local lwt = require "lwt"
local clock = require "lwt.clock"
local test = require "lwt.test"
local expect = require "spec.support.expect"
local raises = expect.raises

local await, spec = lwt.await, test.virtual

local function near(expected, got)
  assert.is_true(math.abs(expected - got) < 1e-6, ("expected %s, got %s"):format(expected, got))
end

local function state(p) return (p:state()) end

describe("lwt.clock", function()
  it("starts at 0 and runs with the loop", spec(function()
    local c = clock.create()
    near(0, c:now())
    await(lwt.sleep(2))
    near(2, c:now())
    await(c:sleep(3))
    near(5, c:now())
  end))

  it("runs at its rate", spec(function()
    local c, start = clock.create { rate = 4 }, lwt.now()
    await(c:sleep(10))
    near(2.5, lwt.now() - start)
    near(10, c:now())
    assert.equal(4, c:rate())
  end))

  it("created paused, moves only by advance", spec(function()
    local c = clock.create { paused = true }
    assert.is_true(c:is_paused())
    local p = c:sleep(1)
    await(lwt.sleep(100))
    near(0, c:now())
    assert.equal("pending", state(p))
    c:advance(0.75)
    assert.equal("pending", state(p))
    c:advance(0.25)
    assert.equal("fulfilled", state(p))
    near(1, c:now())
  end))

  it("has no timer of the loop while it is paused, or nobody sleeps", spec(function()
    local c = clock.create { paused = true }
    local p = c:sleep(1)
    test.assert_clean()
    c:resume()
    assert.has_error(test.assert_clean)
    p:cancel()
    test.assert_clean()
  end))

  it("wakes in the order of the deadlines, then of the calls", spec(function()
    local c, log = clock.create { paused = true }, {}
    for i, s in ipairs { 5, 1, 3, 1, 4, 1, 5, 9, 2, 6 } do
      lwt.spawn(function()
        await(c:sleep(s))
        log[#log + 1] = s .. ":" .. i
      end)
    end
    c:advance(5.5)
    lwt.yield()
    assert.same({ "1:2", "1:4", "1:6", "2:9", "3:3", "4:5", "5:1", "5:7" }, log)
    c:advance(100)
    lwt.yield()
    assert.same({ "6:10", "9:8" }, { log[9], log[10] })
  end))

  it("stops with pause and goes on with resume", spec(function()
    local c, start = clock.create(), lwt.now()
    local p = c:sleep(10):map(function() return lwt.now() - start end)
    await(lwt.sleep(4))
    c:pause()
    c:pause()
    await(lwt.sleep(100))
    near(4, c:now())
    assert.equal("pending", state(p))
    c:resume()
    c:resume()
    near(110, await(p))
  end))

  it("slows down and speeds up what waits for it", spec(function()
    local c, start = clock.create(), lwt.now()
    local p = c:sleep(10)
    await(lwt.sleep(2))
    c:set_rate(0.5)
    await(lwt.sleep(4))
    near(4, c:now())
    c:set_rate(3)
    await(p)
    near(8, lwt.now() - start)
    c:set_rate(0)
    local q = c:sleep(1)
    await(lwt.sleep(50))
    near(10, c:now())
    assert.equal("pending", state(q))
    c:set_rate(1)
    await(q)
    near(59, lwt.now() - start)
  end))

  it("jumps by advance also while it runs", spec(function()
    local c, start = clock.create(), lwt.now()
    local p = c:sleep(10)
    c:advance(4)
    near(4, c:now())
    await(p)
    near(6, lwt.now() - start)
    near(10, c:now())
  end))

  it("changes its rate while paused, and advances", spec(function()
    local c = clock.create { paused = true }
    c:set_rate(2)
    await(lwt.sleep(1))
    near(0, c:now())
    c:resume()
    await(lwt.sleep(1))
    near(2, c:now())
  end))

  it("does not need time to pass for a sleep of nothing", spec(function()
    local c = clock.create { paused = true }
    await(c:sleep(0))
    await(c:sleep(-1))
    near(0, c:now())
    local p = c:sleep(0)
    assert.equal("pending", state(p))
  end))

  it("wakes who is due when it is paused just then", spec(function()
    local c = clock.create()
    local p = c:sleep(1)
    local q = lwt.sleep(1):on_success(function() end)
    assert.is_nil(q)
    lwt.sleep(1):on_success(function() c:pause() end)
    await(lwt.sleep(2))
    assert.equal("fulfilled", state(p))
  end))

  it("lets a callback sleep, pause and advance again", spec(function()
    local c, log = clock.create { paused = true }, {}
    c:sleep(1):on_success(function()
      log[#log + 1] = "first"
      c:sleep(1):on_success(function() log[#log + 1] = "inner" end)
      c:advance(1)
    end)
    c:sleep(1):on_success(function() log[#log + 1] = "second" end)
    c:advance(1)
    assert.same({ "first", "second", "inner" }, log)
    near(2, c:now())
  end))

  it("forgets who is cancelled", spec(function()
    local c, log = clock.create { paused = true }, {}
    local sleeps = {}
    for i = 1, 100 do
      sleeps[i] = c:sleep(i)
      sleeps[i]:on_success(function() log[#log + 1] = i end)
    end
    for i = 1, 100 do
      if i % 10 ~= 0 then sleeps[i]:cancel() end
    end
    assert.is_true(c.n <= 20)
    c:advance(1000)
    assert.same({ 10, 20, 30, 40, 50, 60, 70, 80, 90, 100 }, log)
    assert.equal(0, c.n)
  end))

  it("rejects a timeout with lwt.Timeout", spec(function()
    local c = clock.create { paused = true }
    local p = c:timeout(1)
    c:advance(1)
    assert.same({ "rejected", lwt.Timeout }, { p:state() })
  end))

  describe("with_timeout", function()
    it("gives what ends in time", spec(function()
      local c = clock.create { rate = 10 }
      assert.same({ 1, nil, 3 }, { await(c:with_timeout(1, function(...) return ... end, 1, nil, 3)) })
      assert.equal("v", await(c:with_timeout(1, lwt.sleep(0.05):map(function() return "v" end))))
      assert.equal("v", await(c:with_timeout(0, lwt.fulfilled("v"))))
      assert.same({ false, "x" }, { pcall(await, c:with_timeout(1, function() error("x", 0) end)) })
      test.assert_clean()
    end))

    it("cancels what does not, by the clock's own time", spec(function()
      local c, start, cleaned = clock.create(), lwt.now(), false
      local p = c:with_timeout(5, function()
        local _ <close> = setmetatable({}, { __close = function() cleaned = true end })
        await(lwt.sleep(1000))
      end)
      await(lwt.sleep(2))
      c:pause()
      await(lwt.sleep(100))
      assert.equal("pending", state(p))
      c:resume()
      assert.equal(lwt.Timeout, select(2, pcall(await, p)))
      assert.is_true(cleaned)
      near(105, lwt.now() - start)
    end))
  end)

  it("drives actors frame by frame, whatever the host's own loop", spec(function()
    local c, log = clock.create { paused = true }, {}
    local function actor(name, pace)
      while true do
        await(c:sleep(pace))
        log[#log + 1] = ("%s%.1f"):format(name, c:now())
      end
    end
    local a, b = lwt.spawn(actor, "a", 0.2), lwt.spawn(actor, "b", 0.3)
    for _ = 1, 6 do
      c:advance(0.1)
      lwt.yield()
    end
    assert.same({ "a0.2", "b0.3", "a0.4" }, { log[1], log[2], log[3] })
    a:cancel()
    b:cancel()
  end))

  it("is never early in real time", test.async(function()
    local c = clock.create { rate = 2 }
    for _ = 1, 5 do
      local start = lwt.now()
      await(c:sleep(0.01))
      assert.is_true(lwt.now() - start >= 0.005 - 1e-9)
    end
  end))

  it("refuses wrong arguments", function()
    assert.has_error(function() clock.create { speed = 1 } end)
    assert.has_error(function() clock.create { rate = -1 } end)
    assert.has_error(function() clock.create { paused = 1 } end)
    local c = clock.create()
    raises(function() c:advance(-1) end,
      "clock_spec.lua:%d+: bad argument #1 to 'advance' %(must be 0 or more, and finite%)")
    assert.has_error(function() c:set_rate("1") end)
    assert.has_error(function() c:set_rate(-1) end)
    assert.has_error(function() c:sleep() end)
    assert.has_error(function() c:sleep(0 / 0) end)
    assert.has_error(function() c:with_timeout(1, 1) end)
    assert.has_error(function() c.now({}) end)
  end)
end)
