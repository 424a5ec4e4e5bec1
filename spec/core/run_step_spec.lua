local lwt = require "lwt"
local core = require "spec.support.core"
local is, new_log, virtual, child = core.is, core.log, core.virtual, core.child
local stepping = core.stepping

describe("run", function()
  it("of a function runs it as a task with the arguments, and returns what it returns", function()
    local values = table.pack(lwt.run(function(...)
      lwt.yield()
      return ...
    end, 1, nil, 3, nil))
    assert.same({ 1, nil, 3, nil, n = 4 }, values)
    assert.equal(0, select("#", lwt.run(function() end)))
  end)

  it("of a promise returns its values, resolved already or later", function()
    assert.same({ 1, nil, 3, n = 3 }, table.pack(lwt.run(lwt.fulfilled(1, nil, 3))))
    assert.equal("x", lwt.run(lwt.pause():map(function() return "x" end)))
  end)

  it("raises the error itself, whatever it is", function()
    for _, err in ipairs { "text", { "table" }, false, 7, lwt.Timeout } do
      local ok, got = pcall(lwt.run, function()
        lwt.yield()
        error(err, 0)
      end)
      assert.is_false(ok)
      assert.is_true(rawequal(err, got))
      ok, got = pcall(lwt.run, lwt.rejected(err))
      assert.is_false(ok)
      assert.is_true(rawequal(err, got))
    end
    assert.same({ false, nil, n = 2 }, table.pack(pcall(lwt.run, lwt.rejected(nil))))
  end)

  it("follows the one promise that its function returns", function()
    assert.equal(7, lwt.run(function() return lwt.pause():map(function() return 7 end) end))
  end)

  it("inside run raises, in a task and in a callback", function()
    lwt.run(function()
      local ok, err = pcall(lwt.run, lwt.fulfilled())
      assert.is_false(ok)
      assert.truthy(tostring(err):find "run")
      lwt.pause():map(function()
        ok = pcall(lwt.run, lwt.fulfilled())
        assert(not ok)
      end):await()
      assert.is_false((pcall(lwt.step)))
    end)
    assert.equal(1, lwt.run(lwt.fulfilled(1)))
  end)

  it("says what is wrong with the budget of a step", function()
    for budget, why in pairs { [-1] = "negative budget", x = "number expected, got string" } do
      assert.matches(why, select(2, pcall(lwt.step, budget)), 1, true)
    end
    assert.matches("(a number of seconds expected, got nan)", select(2, pcall(lwt.step, 0 / 0)), 1, true)
  end)

  it("may be called again after it raised", function()
    assert.is_false((pcall(lwt.run, error, "x")))
    assert.equal(2, lwt.run(function() return 2 end))
  end)

  it("leaves other tasks as they are when the main one is done, and a later run goes on "
    .. "with them", function()
    local log = new_log()
    local other
    lwt.run(function()
      other = lwt.spawn(function()
        for i = 1, 3 do
          log(i)
          lwt.yield()
        end
      end)
    end)
    lwt.run(other)
    log.says "1 2 3"
  end)

  it("with nothing left that could wake the promise raises deadlock, and tells who waits "
    .. "where", function()
    local engine = require "lwt.engine"
    local before = engine.name()
    engine.set "virtual"
    local ok, err = pcall(lwt.run, function()
      lwt.name "the stuck one"
      lwt.await((lwt.wait()))
    end)
    engine.set(before)
    assert.is_false(ok)
    err = tostring(err)
    assert.truthy(err:find "deadlock")
    assert.truthy(err:find("the stuck one", 1, true), err)
    assert.truthy(err:find "run_step_spec.lua:%d+", err)
  end)

  it("of a pending promise that nothing can wake raises deadlock", function()
    local ok, err = pcall(lwt.run, (lwt.wait()))
    assert.is_false(ok)
    assert.truthy(tostring(err):find "deadlock")
  end)
end)

describe("step", function()
  it("runs what is ready without blocking, and tells whether anything can still happen and "
    .. "when", stepping(function()
    lwt.step()
    local alive, wait = lwt.step()
    assert.is_false(alive)
    assert.is_nil(wait)
    local p = lwt.sleep(2)
    alive, wait = lwt.step()
    assert.is_true(alive)
    assert.equal(2, wait)
    p:cancel()
    alive, wait = lwt.step()
    assert.is_false(alive)
    assert.is_nil(wait)
  end))

  it("does not count a task that waits for ever", stepping(function()
    local task = lwt.spawn(function() lwt.await((lwt.wait())) end)
    assert.is_false((lwt.step()))
    task:cancel()
    lwt.step()
    is(task, "rejected", lwt.Canceled)
  end))

  it("does not make virtual time jump", stepping(function()
    local t = lwt.now()
    local p = lwt.sleep(1)
    for _ = 1, 10 do lwt.step() end
    is(p, "pending")
    assert.equal(t, lwt.now())
    p:cancel()
  end))

  it("gives every ready task one turn", stepping(function()
    local log = new_log()
    for i = 1, 2 do
      lwt.spawn(function()
        for turn = 1, 3 do
          log(i .. turn)
          lwt.yield()
        end
      end)
    end
    log "step"
    while lwt.step() do log "step" end
    assert.equal("11 21 step 12 22", table.concat(log, " ", 1, 5))
  end))

  it("stops when its budget is used up, within one turn of a task", stepping(function()
    local turns, done = 0, false
    local task = lwt.spawn(function()
      while not done do
        turns = turns + 1
        local began = os.clock()
        while os.clock() - began < 0.002 do end -- luacheck: ignore
        lwt.yield()
      end
    end)
    local began = os.clock()
    local alive = lwt.step(0.01)
    assert.is_true(os.clock() - began < 5)
    assert.is_true(alive)
    done = true
    while lwt.step() do end -- luacheck: ignore
    is(task, "fulfilled")
  end))

  it("with a budget of zero still runs one turn, so that it always gets on", stepping(function()
    local turns = 0
    local task = lwt.spawn(function()
      for _ = 1, 3 do
        turns = turns + 1
        lwt.yield()
      end
    end)
    local steps = 0
    repeat
      lwt.step(0)
      steps = steps + 1
    until not task:is_pending() or steps > 100
    assert.equal(3, turns)
  end))

  it("raises what went to the default exception hook, at the end of the turn", stepping(function()
    local log = new_log()
    lwt.pause():on_success(function() error("oops", 0) end)
    lwt.pause():on_success(log.word "the rest of the turn")
    local ok, err = pcall(lwt.step)
    assert.is_false(ok)
    assert.equal("oops", err)
    log.says "the rest of the turn"
    assert.is_true((pcall(lwt.step)))
  end))
end)

describe("at_exit", function()
  it("runs its functions as tasks at the end of the outermost run, newest first, once "
    .. "each", function()
    local log = new_log()
    lwt.at_exit(function() log "first" end)
    lwt.at_exit(function()
      lwt.yield()
      log "second"
    end)
    assert.equal(1, lwt.run(function()
      lwt.at_exit(log.word "third")
      log "main"
      return 1
    end))
    log.says "main third second first"
    lwt.run(function() end)
    assert.equal(4, #log)
  end)

  it("runs them also when run raises, and one that raises does not prevent the others", function()
    local log = new_log()
    core.with_hook(function(errors)
      lwt.at_exit(log.word "older")
      lwt.at_exit(function() error("from at_exit", 0) end)
      local ok, err = pcall(lwt.run, function() error("main", 0) end)
      assert.is_false(ok)
      assert.equal("main", err)
      log.says "older"
      assert.same({ "from at_exit", n = 1 }, errors)
    end)
  end)
end)

describe("on_iteration", function()
  it("calls its function at every turn until it is removed", virtual(function()
    local log = new_log()
    local enter = lwt.on_iteration("enter", log.word "enter")
    local leave = lwt.on_iteration("leave", log.word "leave")
    lwt.sleep(1):await()
    lwt.sleep(1):await()
    enter:remove()
    leave:remove()
    local n = #log
    assert.is_true(n >= 2)
    lwt.sleep(1):await()
    assert.equal(n, #log)
    for i = 2, n do assert.not_equal(log[i - 1], log[i]) end
  end))

  it("tells the exception hook what a function raises, and goes on", virtual(function()
    core.with_hook(function(errors)
      local hook
      hook = lwt.on_iteration("enter", function()
        hook:remove()
        error("from hook", 0)
      end)
      lwt.sleep(1):await()
      lwt.sleep(1):await()
      assert.same({ "from hook", n = 1 }, errors)
    end)
  end))

  it("takes only enter and leave", function()
    assert.is_false((pcall(lwt.on_iteration, "middle", print)))
  end)
end)

describe("the order of a turn", function()
  it("serves ready tasks and timers so that none of them starves", virtual(function()
    local spinning = true
    local task = lwt.spawn(function() while spinning do lwt.yield() end end)
    -- Time stands still while a task can run, so only a due timer can fire.
    lwt.sleep(0):await()
    spinning = false
    task:await()
  end))
end)

describe("a process that ends", function()
  it("in the middle of everything does so quietly", function()
    local out, status = child [[
      local lwt = require "lwt"
      for i = 1, 10 do
        lwt.spawn(function() lwt.sleep(10):await() end)
        lwt.spawn(function() lwt.await((lwt.wait())) end)
        lwt.pick { lwt.sleep(5), (lwt.task()) }
      end
      print "end"
    ]]
    assert.equal("end\n", out)
    assert.equal(0, status)
  end)
end)
