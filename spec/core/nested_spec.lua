-- lwt.h 1.4: an engine around another, and a turn of the loop in the middle of anything.
local build = require "spec.support.build"
local engine = require "lwt.engine"
local lwt = require "lwt"
local net = require "lwt.net"
local process = require "lwt.process"
local await = lwt.await

local dir = build.temp_dir()
local nested = build.module(dir, build.root .. "/spec/support/nested.c", "nested")
lwt.run(build.remove_dir(dir))

-- A task that does all kinds of things: what it has done, when it has ended.
local function begin()
  local log = {}
  lwt.async(function()
    await(lwt.sleep(0.002))
    log[1] = await(process.exec { "sh", "-c", "exit 4" }).code
    local a, b = net.socketpair()
    lwt.async(function() await(lwt.sleep(0.001)) await(a:write "read") end)
    log[2] = await(b:read())
    a:close() b:close()
    lwt.yield()
    log.over = true
  end)
  return log
end

local function turn()
  local log = begin()
  nested.turn(function() return log.over end)
  assert.same({ 4, "read", over = true }, log)
end

describe("lwt->step_within", function()
  it("turns the loop outside of lwt.run", function() turn() end)

  it("turns it inside a task: when that begins, after a timer, in a callback, in an iteration's hook", function()
    lwt.run(function()
      turn()
      await(lwt.sleep(0.001))
      turn()
      await(lwt.sleep(0.001):map(turn))
      lwt.spawn(function() lwt.spawn(turn):await() end):await()
      local once = true
      lwt.on_iteration("enter", function()
        if once then once = false turn() end
      end)
      await(lwt.sleep(0.002))
    end)
  end)

  it("leaves who is being told where memory runs out after it: nobody else is rejected", function()
    lwt.run(function()
      for n = 1, 4 do
        local heard
        local p, r = lwt.wait()
        local other, r_other = lwt.wait()
        local inner, r_inner = lwt.wait()
        local innocent = other:bind(function() return (lwt.wait()) end)
        inner:on_termination(function() end)
        local q = p:bind(function()
          lwt.pause():on_success(function() r_other:wakeup() end)
          nested.turn(function() return not other:is_pending() end)
          nested.refuse(n)
          return inner
        end)
        q:on_any(function() heard = true end, function() heard = true end)
        local ok = pcall(r.wakeup, r)
        nested.refuse()
        r_inner:wakeup()
        assert.is_true(innocent:is_pending())
        assert.is_true(not ok or heard)
      end
    end)
  end)

  it("leaves the task in the middle what it was", function()
    lwt.run(function()
      local me = lwt.current()
      await(lwt.sleep(0.001))
      local others
      lwt.async(function() await(lwt.sleep(0.001)) others = lwt.current() end)
      nested.turn(function() return others end)
      assert.equal(me, lwt.current())
      assert.not_equal(me, others)
      assert.equal("awaited", await(lwt.sleep(0.001):map(function() return "awaited" end)))
    end)
  end)

  it("leaves errors to the run around it, and raises them where there is none", function()
    local function failing()
      local over
      lwt.async(function() await(lwt.sleep(0.001)) error("nobody's", 0) end)
      lwt.async(function() await(lwt.sleep(0.005)) over = true end)
      nested.turn(function() return over end)
      return "turned to the end"
    end
    local turned
    local ok, err = pcall(lwt.run, function()
      turned = failing()
      await(lwt.sleep(0.002))
    end)
    assert.same({ false, "nobody's", "turned to the end" }, { ok, err, turned })
    ok, err = pcall(failing)
    assert.same({ false, "nobody's" }, { ok, err })
    lwt.run(lwt.sleep(0.01))
  end)

  it("does nothing in a finalizer", function()
    local ran, stepped
    lwt.run(function()
      setmetatable({}, { __gc = function()
        lwt.async(function() lwt.yield() ran = true end)
        for _ = 1, 5 do nested.step_within() end
        stepped = not ran
      end })
      collectgarbage()
      while not ran do await(lwt.sleep(0.001)) end
    end)
    assert.is_true(stepped)
    assert.is_true(ran)
  end)

  it("calls nobody out of turn: what was paused comes in the order of its time", function()
    lwt.run(function()
      local log = {}
      for i = 1, 3 do lwt.async(function() lwt.yield() log[#log + 1] = i end) end
      nested.step_within()
      assert.same({ 1, 2, 3 }, log)
    end)
  end)

  it("gives no input inside an event of libuv's, and does not spin", function()
    lwt.run(function()
      local a, b = net.socketpair()
      local slept, polls
      local reading = b:read():map(function()
        lwt.async(function() await(lwt.sleep(0.05)) slept = true end)
        polls = nested.turn(function() return slept end)
      end)
      await(a:write "x")
      await(reading)
      assert(polls < 20, polls)
      a:close() b:close()
    end)
  end)
end)

describe("lwt->due", function()
  it("is when the loop has something to do", function()
    lwt.run(function() lwt.yield() end)
    assert.equal(-1, nested.due())
    local p = lwt.sleep(10)
    local due = nested.due()
    assert(due > 9 and due <= 10, due)
    p:cancel()
    lwt.async(lwt.yield)
    assert.equal(0, nested.due())
    lwt.run(lwt.sleep(0.001))
  end)

  it("tells what was begun and what the engine's descriptor does not know of yet", function()
    local a, b = net.socketpair()
    local p = b:read()
    assert.equal(0, nested.due())
    lwt.step()
    assert.equal(-1, nested.due())
    a:write "x"
    lwt.run(p)
    a:close() b:close()
    lwt.run(lwt.sleep(0.001))
  end)
end)

describe("an engine around another", function()
  it("is waited with, and given back", function()
    nested.wrap()
    assert.equal("around", engine.name())
    lwt.run(turn)
    lwt.run(lwt.sleep(0.002))
    local was_ours, waits = nested.unwrap()
    assert.is_true(was_ours)
    assert(waits > 0)
    assert.equal("uv", engine.name())
  end)

  it("says where the loop may not be turned", function()
    nested.wrap()
    nested.busy(true)
    local ok, err = pcall(lwt.run, function() end)
    local stepped, why = pcall(lwt.step)
    nested.busy(false)
    lwt.run(lwt.sleep(0.001))
    nested.unwrap()
    assert.same({ false, "attempt to run the loop from where it is busy" }, { ok, err })
    assert.is_false(stepped)
    assert.matches("attempt to step the loop from where it is busy", why)
  end)

  it("keeps virtual time", function()
    engine.set "virtual"
    nested.wrap()
    local t = lwt.now()
    lwt.run(lwt.sleep(100))
    assert.equal(100, lwt.now() - t)
    nested.unwrap()
    assert.equal("virtual", engine.name())
    engine.set "uv"
  end)

  it("that engine_set was given is not asked what is new in 1.4", function()
    local full, due = nested.old()
    assert.is_false(full)
    assert.equal(-1, due)
  end)
end)

describe("a task that begins while somebody calls us from another's coroutine", function()
  it("does not begin on that, though it is idle", function()
    lwt.run(function()
      local co
      lwt.spawn(function() co = coroutine.running() lwt.yield() end):await()
      -- As a binding calls what a task gave it, which has ended since.
      local outcome = nested.on(co, function()
        return lwt.spawn(function(x)
          assert(coroutine.running() ~= co)
          lwt.yield()
          return lwt.spawn(function() return x end):await()
        end, "begun elsewhere")
      end)
      assert.equal("begun elsewhere", await(outcome))
      -- Deeper: in a coroutine inside that.
      outcome = nested.on(co, function()
        return coroutine.wrap(function() return lwt.spawn(function() lwt.yield() return "deeper" end) end)()
      end)
      assert.equal("deeper", await(outcome))
    end)
  end)
end)
