local lwt = require "lwt"
local timer = require "lwt.timer"
local test = require "lwt.test"

local await, spec = lwt.await, test.virtual

describe("lwt.timer", function()
  local fired
  local function fire() fired[#fired + 1] = math.floor(lwt.now() * 1000 + 0.5) end

  before_each(function() fired = {} end)

  -- Times of the firings since now, in milliseconds.
  local function since(start)
    local list = {}
    for i, t in ipairs(fired) do list[i] = t - math.floor(start * 1000 + 0.5) end
    return list
  end

  it("fires once, after its delay, when it is started", spec(function()
    local t, start = timer.create(0.25, fire), lwt.now()
    await(lwt.sleep(1))
    assert.same({}, fired)
    t:start()
    await(lwt.sleep(5))
    assert.same({ 1250 }, since(start))
  end))

  it("begins anew when it is started again", spec(function()
    local t, start = timer.create(1, fire), lwt.now()
    for _ = 1, 10 do
      t:start()
      await(lwt.sleep(0.5))
    end
    assert.same({}, fired)
    await(lwt.sleep(5))
    assert.same({ 5500 }, since(start))
  end))

  it("does not fire when it is stopped, and can be started again", spec(function()
    local t, start = timer.create(1, fire), lwt.now()
    t:stop()
    t:start()
    await(lwt.sleep(0.5))
    t:stop()
    await(lwt.sleep(2))
    assert.same({}, fired)
    t:start()
    await(lwt.sleep(2))
    assert.same({ 3500 }, since(start))
  end))

  it("takes a new delay, at once when it runs", spec(function()
    local t, start = timer.create(10, fire), lwt.now()
    t:change(1)
    await(lwt.sleep(2))
    assert.same({}, fired)
    t:start()
    await(lwt.sleep(0.5))
    t:change(2)
    await(lwt.sleep(5))
    assert.same({ 4500 }, since(start))
    t:start()
    t:change(0.25)
    await(lwt.sleep(5))
    assert.same({ 4500, 7750 }, since(start))
  end))

  it("can be started again by its action, which may await", spec(function()
    local n, t = 0, nil
    t = timer.create(1, function()
      n = n + 1
      await(lwt.sleep(0.5))
      if n < 3 then t:start() end
    end)
    t:start()
    await(lwt.sleep(20))
    assert.equal(3, n)
  end))

  it("gives an action's failure to the handler, else to the exception hook", spec(function()
    local got, hooked = {}, {}
    local old = timer.set_exn_handler(function(err) got[#got + 1] = err end)
    local t = timer.create(1, function() error("oops", 0) end)
    t:start()
    await(lwt.sleep(2))
    assert.same({ "oops" }, got)
    timer.set_exn_handler(old)
    local hook = lwt.async_exception_hook(function(err) hooked[#hooked + 1] = err end)
    t:start()
    await(lwt.sleep(2))
    lwt.async_exception_hook(hook)
    assert.same({ "oops" }, hooked)
  end))

  it("leaves nothing behind when it is stopped or has fired", spec(function()
    local t = timer.create(1, fire)
    t:start()
    t:start()
    t:stop()
    test.assert_clean()
    t:start()
    await(lwt.sleep(1.5))
    test.assert_clean()
    do
      local u <close> = timer.create(1, fire)
      u:start()
    end
    test.assert_clean()
    assert.equal(1, #fired)
  end))

  it("is never early in real time", test.async(function()
    for _ = 1, 5 do
      local p, r = lwt.wait()
      local start = lwt.now()
      timer.create(0.005, function() r:wakeup(lwt.now() - start) end):start()
      assert.is_true(await(p) >= 0.005)
    end
  end))

  it("refuses wrong arguments", function()
    assert.has_error(function() timer.create(-1, print) end)
    assert.has_error(function() timer.create(0 / 0, print) end)
    assert.has_error(function() timer.create("1", print) end)
    assert.has_error(function() timer.create(1) end)
    assert.has_error(function() timer.create(1, print):change(-1) end)
    assert.has_error(function() timer.start({}) end)
    assert.has_error(function() timer.stop() end)
    assert.has_error(function() timer.set_exn_handler(1) end)
  end)
end)
