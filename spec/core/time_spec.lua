local lwt = require "lwt"
local core = require "spec.support.core"
local is, new_log, virtual, async = core.is, core.log, core.virtual, core.async
local stepping = core.stepping

local Canceled, Timeout = lwt.Canceled, lwt.Timeout

describe("sleep", function()
  it("is fulfilled without a value after the time, on the clock of now", virtual(function()
    local t = lwt.now()
    assert.equal(0, select("#", lwt.sleep(2.5):await()))
    assert.equal(2.5, lwt.now() - t)
  end))

  it("takes no time on the virtual engine, be it a year", virtual(function()
    local began = os.clock()
    local t = lwt.now()
    lwt.sleep(365 * 24 * 3600):await()
    assert.is_true(lwt.now() - t >= 365 * 24 * 3600)
    assert.is_true(os.clock() - began < 1)
  end))

  it("is served by deadline, then in the order of creation", virtual(function()
    local log = new_log()
    local all = {}
    for i, s in ipairs { 3, 1, 2, 1, 0, 3, 0 } do
      all[i] = lwt.sleep(s):map(log.word(s .. "/" .. i))
    end
    lwt.join(all):await()
    log.says "0/5 0/7 1/2 1/4 2/3 3/1 3/6"
  end))

  it("counts from the call", virtual(function()
    local t = lwt.now()
    local p = lwt.sleep(2)
    lwt.sleep(1.5):await()
    p:await()
    assert.equal(2, lwt.now() - t)
  end))

  it("can be cancelled, which rejects it at once", virtual(function()
    local t = lwt.now()
    local p = lwt.sleep(10)
    p:cancel()
    is(p, "rejected", Canceled)
    lwt.sleep(1):await()
    assert.equal(1, lwt.now() - t)
  end))

  it("of zero or less waits for the next turn, never resolving inside the call", virtual(function()
    for _, s in ipairs { 0, -1, -math.huge } do
      local p = lwt.sleep(s)
      is(p, "pending")
      p:await()
      is(p, "fulfilled")
    end
  end))

  it("is never early on the real clock", async(function()
    for _, s in ipairs { 0.001, 0.0105, 0.02 } do
      local t = lwt.now()
      lwt.sleep(s):await()
      assert.is_true(lwt.now() - t > s - 1e-6)
    end
  end))

  it("counts from the call also after a turn that was long", async(function()
    local began = os.clock()
    while os.clock() - began < 0.05 do end -- luacheck: ignore
    local t = lwt.now()
    lwt.sleep(0.03):await()
    assert.is_true(lwt.now() - t >= 0.03)
  end))

  it("may be cancelled inside the callback of another that is due at the same "
    .. "time", virtual(function()
    local a = lwt.sleep(1)
    local b = lwt.sleep(1)
    a:on_success(function() b:cancel() end)
    lwt.sleep(1):await()
    is(b, "rejected", Canceled)
  end))

  it("may be started inside the callback of another", virtual(function()
    local t = lwt.now()
    local p = lwt.sleep(1)
      :bind(function() return lwt.sleep(1) end)
      :bind(function() return lwt.sleep(0) end)
    p:await()
    assert.equal(2, lwt.now() - t)
  end))

  it("works for a great many at once, cancelled or not, in order", virtual(function()
    local count = core.count(10000, 1000000)
    local last, served = -1, 0
    local t = lwt.now()
    local seed = 12345
    local sleepers = {}
    for i = 1, count do
      seed = (seed * 1103515245 + 12345) % 2147483648
      local s = seed % 1000
      local p = lwt.sleep(s)
      sleepers[i] = p
      p:on_success(function()
        assert(s >= last)
        last = s
        served = served + 1
      end)
    end
    for i = 1, count, 3 do sleepers[i]:cancel() end
    lwt.sleep(1000):await()
    assert.equal(1000, lwt.now() - t)
    assert.equal(count - (count + 2) // 3, served)
  end))

  it("refuses what is no number, and NaN", function()
    assert.is_false((pcall(lwt.sleep, "soon")))
    assert.is_false((pcall(lwt.sleep)))
    assert.is_false((pcall(lwt.sleep, 0 / 0)))
  end)

  it("of infinity waits for ever", virtual(function()
    local p = lwt.sleep(math.huge)
    lwt.sleep(1e9):await()
    is(p, "pending")
    p:cancel()
    is(p, "rejected", Canceled)
  end))
end)

describe("timeout", function()
  it("rejects with Timeout after the time", virtual(function()
    local t = lwt.now()
    assert.same({ false, Timeout }, { pcall(lwt.await, lwt.timeout(3)) })
    assert.equal(3, lwt.now() - t)
  end))

  it("can be cancelled", virtual(function()
    local p = lwt.timeout(3)
    p:cancel()
    is(p, "rejected", Canceled)
  end))
end)

describe("with_timeout", function()
  it("gives what the promise gives in time", virtual(function()
    local t = lwt.now()
    local p = lwt.with_timeout(5, lwt.sleep(1):map(function() return 1, nil, 3 end))
    assert.same({ 1, nil, 3, n = 3 }, table.pack(p:await()))
    assert.equal(1, lwt.now() - t)
  end))

  it("rejects with Timeout, and cancels the promise", virtual(function()
    local t = lwt.now()
    local inner = lwt.task()
    assert.same({ false, Timeout }, { pcall(lwt.await, lwt.with_timeout(5, inner)) })
    assert.equal(5, lwt.now() - t)
    is(inner, "rejected", Canceled)
  end))

  it("runs a function as a task, and raises Canceled at its await when time is "
    .. "over", virtual(function()
    local log = new_log()
    local ok, err = pcall(lwt.await, lwt.with_timeout(5, function()
      local ok, err = pcall(lwt.await, (lwt.wait()))
      log(ok, err == Canceled)
      error(err, 0)
    end))
    assert.is_false(ok)
    assert.equal(Timeout, err)
    log.says "false:true"
    assert.equal("fine", lwt.with_timeout(5, function()
      lwt.sleep(1):await()
      return "fine"
    end):await())
  end))

  it("runs the loser's handlers before Timeout reaches the caller", virtual(function()
    local log = new_log()
    local p = lwt.with_timeout(5, lwt.task():finalize(log.word "cleanup"))
    p:on_failure(log.word "timeout")
    pcall(lwt.await, p)
    log.says "cleanup timeout"
  end))

  it("of a function that is already done wins over a timeout of zero", virtual(function()
    assert.equal(7, lwt.with_timeout(0, function() return 7 end):await())
    assert.equal(8, lwt.with_timeout(0, lwt.fulfilled(8)):await())
    local failed = lwt.with_timeout(0, function() error("oops", 0) end)
    assert.same({ false, "oops" }, { pcall(lwt.await, failed) })
  end))

  it("gives back the very promise that is done, also when another has become it", virtual(function()
    local p, r = lwt.task()
    local other = lwt.spawn(function() return p end)
    r:wakeup(1)
    assert.is_true(lwt.with_timeout(5, p) == p)
    assert.is_true(lwt.with_timeout(5, other) == other)
  end))

  it("leaves no timer behind when the promise is resolved in time", stepping(function()
    for _ = 1, 100 do lwt.with_timeout(1e6, lwt.fulfilled()) end
    local p, r = lwt.task()
    local q = lwt.with_timeout(1e6, p)
    r:wakeup()
    is(q, "fulfilled")
    local _, wait = lwt.step()
    assert.is_nil(wait)
  end))

  it("passes the rejection of the promise on", virtual(function()
    assert.same({ false, "oops" }, { pcall(lwt.await, lwt.with_timeout(5, lwt.rejected "oops")) })
  end))

  it("can be cancelled, which cancels the promise and the timer", stepping(function()
    local inner = lwt.task()
    local p = lwt.with_timeout(5, inner)
    p:cancel()
    is(p, "rejected", Canceled)
    is(inner, "rejected", Canceled)
    local _, wait = lwt.step()
    assert.is_nil(wait)
  end))

  it("gives up on what cannot be cancelled, and leaves it pending", virtual(function()
    local inner = lwt.wait()
    assert.same({ false, Timeout }, { pcall(lwt.await, lwt.with_timeout(1, inner)) })
    is(inner, "pending")
  end))

  it("nests, and the nearer deadline wins", virtual(function()
    local t = lwt.now()
    local ok, err = pcall(lwt.await, lwt.with_timeout(1, function()
      lwt.with_timeout(10, (lwt.task())):await()
    end))
    assert.is_false(ok)
    assert.equal(Timeout, err)
    assert.equal(1, lwt.now() - t)
    ok, err = pcall(lwt.await, lwt.with_timeout(10, function()
      lwt.with_timeout(1, (lwt.task())):await()
    end))
    assert.is_false(ok)
    assert.equal(Timeout, err)
    assert.equal(2, lwt.now() - t)
  end))
end)

describe("now", function()
  it("is a float, and never goes back", async(function()
    local t = lwt.now()
    assert.equal("float", math.type(t))
    for _ = 1, 10 do
      lwt.yield()
      local u = lwt.now()
      assert.is_true(u >= t)
      t = u
    end
  end))

  it("stands still on the virtual engine while anything can run", virtual(function()
    local t = lwt.now()
    local timer = lwt.sleep(5)
    for _ = 1, 1000 do lwt.yield() end
    assert.equal(t, lwt.now())
    timer:cancel()
  end))
end)

describe("auto_pause", function()
  it("gives a function that pauses when more than the time has passed since it last "
    .. "did", async(function()
    local pause = lwt.auto_pause(0.01)
    local turns = 0
    local other = lwt.spawn(function()
      while turns >= 0 do
        turns = turns + 1
        lwt.yield()
      end
    end)
    local before = turns
    is(pause(), "fulfilled")
    pause():await()
    assert.equal(before, turns)
    local began = lwt.now()
    while lwt.now() - began < 0.03 do end -- luacheck: ignore
    pause():await()
    assert.is_true(turns > before)
    turns = -1e9
    other:cancel()
  end))
end)

describe("what is due never", function()
  local test = require "lwt.test"
  local engine = require "lwt.engine"

  it("leaves virtual time where it is", function()
    local child = [[
      local lwt, engine = require "lwt", require "lwt.engine"
      engine.set "virtual"
      local ok, err = pcall(lwt.run, lwt.with_timeout(math.huge, lwt.wait()))
      print(ok, tostring(err):match "^%a+", lwt.now() < 1e9)
      lwt.timeout(1e300)
      print(lwt.step())
      engine.set "uv"
      lwt.run(lwt.sleep(0.001))
      print "slept"
    ]]
    local result = require "spec.support.script".run(child, 20)
    assert.equal("false\tdeadlock\ttrue\nfalse\tnil\nslept\n", result.out, result.err)
  end)

  it("can be cancelled, as a sleep, a timeout, a deadline and in a direct view", core.virtual(function()
    for _, make in ipairs { lwt.sleep, lwt.timeout } do
      local p = make(math.huge)
      assert.equal("pending", (p:state()))
      p:cancel()
      core.is(p, "rejected", lwt.Canceled)
    end
    local task = lwt.spawn(function() lwt.direct(lwt).sleep(math.huge) end)
    lwt.yield()
    task:cancel()
    assert.is_false(pcall(lwt.await, task))
    assert.equal(5, lwt.with_timeout(math.huge, lwt.sleep(1):map(function() return 5 end)):await())
  end))

  it("is not waited for without limit: a timer of a month, where events may come", function()
    local waited, time = {}, 0
    local before = engine.name()
    engine.set {
      now = function() return time end,
      wait = function(seconds)
        waited[#waited + 1] = seconds or "for ever"
        time = time + (seconds or 0)
        if #waited > 10 then error "too often" end
      end,
      alive = function() return true end,
    }
    local ok, err = pcall(lwt.run, lwt.sleep(30 * 86400))
    local now = time
    engine.set(before)
    assert.is_true(ok, err)
    for _, seconds in ipairs(waited) do assert.is_true(seconds ~= "for ever") end
    assert.is_true(now >= 30 * 86400)
  end)

  it("of two nested deadlines that are equal, the inner one is told first", test.virtual(function()
    local inner
    pcall(lwt.await, lwt.with_timeout(1, function()
      inner = select(2, pcall(lwt.await, lwt.with_timeout(1, lwt.wait())))
    end))
    lwt.yield()
    assert.equal(lwt.Timeout, inner)
  end))
end)
