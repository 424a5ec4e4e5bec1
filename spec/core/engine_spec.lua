local lwt = require "lwt"
local engine = require "lwt.engine"
local core = require "spec.support.core"
local is, new_log = core.is, core.log

-- An engine of one's own: a clock that the spec moves, and waits that are noted.
local function clockwork()
  local e = { time = 100, waits = {}, outside = false }
  function e.now() return e.time end
  function e.wait(seconds)
    e.waits[#e.waits + 1] = seconds or "for ever"
    if e.on_wait then e.on_wait(seconds) end
    if seconds then e.time = e.time + seconds end
  end
  function e.alive() return e.outside end
  return e
end

local function on(e, body)
  return function()
    local before = engine.name()
    engine.set(e)
    local ok, err = pcall(body, e)
    engine.set(before)
    if not ok then error(err, 0) end
  end
end

describe("an engine of one's own", function()
  it("gives the time, and is asked to wait for the next timer", function()
    local e = clockwork()
    on(e, function()
      lwt.run(function()
        local t = lwt.now()
        assert(t == 100)
        lwt.sleep(2.5):await()
        assert(lwt.now() - t == 2.5)
      end)
      local slept = 0
      for _, s in ipairs(e.waits) do slept = slept + s end
      assert.equal(2.5, slept)
    end)()
  end)

  it("is not asked to wait while something can run", function()
    local e = clockwork()
    on(e, function()
      lwt.run(function() for _ = 1, 10 do lwt.yield() end end)
      for _, s in ipairs(e.waits) do assert.equal(0, s) end
    end)()
  end)

  it("may wake promises from its wait, which is without limit while it is alive", function()
    local e = clockwork()
    on(e, function()
      local p, r = lwt.wait()
      e.outside = true
      function e.on_wait(seconds)
        if not seconds then r:wakeup "from outside" end
      end
      assert.equal("from outside", lwt.run(p))
    end)()
  end)

  it("that is not alive is a deadlock, where nothing else is to come", function()
    local e = clockwork()
    on(e, function()
      local ok, err = pcall(lwt.run, (lwt.wait()))
      assert.is_false(ok)
      assert.truthy(tostring(err):find "deadlock")
    end)()
  end)

  it("without an alive function is one that has no events", function()
    local e = clockwork()
    e.alive = nil
    on(e, function()
      assert.is_false((pcall(lwt.run, (lwt.wait()))))
      lwt.run(lwt.sleep(1))
    end)()
  end)

  it("that raises is told to the exception hook, and the loop goes on", function()
    local e = clockwork()
    local raised = false
    local wait = e.wait
    function e.wait(seconds)
      wait(seconds)
      if not raised then
        raised = true
        error("from wait", 0)
      end
    end
    on(e, function()
      core.with_hook(function(errors)
        lwt.run(lwt.sleep(1))
        assert.same({ "from wait", n = 1 }, errors)
      end)
    end)()
  end)

  it("is named, refused without its functions, and unknown names are refused", function()
    on(clockwork(), function() assert.equal("lua", engine.name()) end)()
    assert.is_false((pcall(engine.set, {})))
    assert.is_false((pcall(engine.set, { now = os.clock })))
    assert.is_false((pcall(engine.set, "no such engine")))
    assert.is_false((pcall(engine.set, 12)))
  end)

  it("may be changed between turns: what sleeps keeps its distance", function()
    local before = engine.name()
    local e = clockwork()
    engine.set "virtual"
    local ok, err = pcall(function()
      local log = new_log()
      local p = lwt.sleep(10)
      p:on_success(log.word "ten")
      lwt.sleep(5):on_success(log.word "five")
      engine.set(e)
      lwt.run(p)
      log.says "five ten"
      assert.is_true(math.abs(e.time - 110) < 1e-6, e.time)
    end)
    engine.set(before)
    if not ok then error(err, 0) end
  end)
end)

describe("the core alone", function()
  -- Without libuv: no engine but the core's own.
  local without_uv = [[
    package.preload["lwt.uv"] = function() error("module 'lwt.uv' not found: hidden", 0) end
  ]]

  it("sleeps by itself, and stays the same for scripts", function()
    local out, status = core.child(without_uv .. [[
      local lwt = require "lwt"
      local t = os.time()
      local before = lwt.now()
      lwt.run(function()
        lwt.sleep(0.03):await()
        print(lwt.now() - before >= 0.03, lwt.now() - before < 60)
      end)
      print(require "lwt.engine".name())
      require "lwt.engine".set(require "lwt.engine".name())
      print(pcall(require, "lwt.net"))
    ]])
    assert.equal(0, status, out)
    assert.truthy(out:find "^true\ttrue\nnone\nfalse\t", out)
  end)

  it("is stepped from a loop written by hand", function()
    local out, status = core.child(without_uv .. [[
      local lwt = require "lwt"
      local log = {}
      lwt.spawn(function()
        for i = 1, 3 do
          log[#log + 1] = i
          lwt.sleep(0.002):await()
        end
        log[#log + 1] = "end"
      end)
      repeat
        local alive, wait = lwt.step(0.001)
      until not alive
      print(table.concat(log, " "))
    ]])
    assert.equal(0, status, out)
    assert.equal("1 2 3 end\n", out)
  end)
end)

describe("the deadlock message and lwt.tasks", function()
  it("say in words what each task awaits", core.async(function()
    local waiting = {
      ["a promise"] = function() return (lwt.wait()) end,
      ["a timer"] = function() return lwt.sleep(1000) end,
      ["several promises"] = function() return lwt.join { (lwt.wait()) } end,
      ["one of several promises"] = function() return lwt.pick { (lwt.task()), (lwt.wait()) } end,
      ["a scope"] = function() return lwt.scope(function() lwt.task():await() end) end,
      ["a task"] = function() return lwt.spawn(function() lwt.task():await() end) end,
      ["task 'the named one'"] = function()
        return lwt.spawn(function()
          lwt.name "the named one"
          lwt.task():await()
        end)
      end,
    }
    local tasks, expected = {}, {}
    for what, make in pairs(waiting) do
      tasks[#tasks + 1] = lwt.spawn(function()
        lwt.name("awaits " .. what)
        make():await()
      end)
      expected["awaits " .. what] = what
    end
    lwt.yield()
    local found = {}
    for _, entry in ipairs(lwt.tasks()) do
      if expected[entry.name or ""] then found[entry.name] = entry.waiting_on end
    end
    for _, task in ipairs(tasks) do task:cancel() end
    lwt.yield()
    assert.same(expected, found)
    for _, task in ipairs(tasks) do assert.equal("rejected", (task:state())) end
  end))

  it("list a task that has not begun, with the place where its function is", core.async(function()
    local where
    local function nest(n)
      if n > 0 then
        lwt.spawn(nest, n - 1)
      else
        return
      end
      if n == 1 then
        for _, entry in ipairs(lwt.tasks()) do
          if entry.state == "ready" then where = entry.where end
        end
      end
    end
    lwt.spawn(nest, 30)
    for _ = 1, 10 do lwt.yield() end
    assert.is_true(where == nil or where:find "engine_spec.lua:%d+" ~= nil)
  end))
end)

describe("at_exit", function()
  it("may register another while it runs, which runs too", function()
    local log = new_log()
    lwt.at_exit(function()
      log "first"
      lwt.at_exit(log.word "second")
    end)
    lwt.run(function() end)
    log.says "first second"
    is(lwt.fulfilled(), "fulfilled")
  end)
end)
