-- How run ends, who may call it and step, hooks of the loop, deadlines that are equal, and what a
-- misplaced wait, task or timeout says.
local lwt = require "lwt"
local mvar = require "lwt.mvar"
local core = require "spec.support.core"
local virtual, async = core.stepping, core.async

describe("at_exit", function()
  it("runs when run ends with a deadlock", virtual(function()
    local log = core.log()
    lwt.at_exit(function()
      lwt.sleep(1):await()
      log "at exit"
    end)
    local ok, err = pcall(lwt.run, (lwt.wait()))
    assert.is_false(ok)
    assert.truthy(err:find "^deadlock")
    log.says "at exit"
  end))

  it("runs, all of it, when an error that nobody caught ends run", function()
    local log = core.log()
    lwt.at_exit(function() log "older" end)
    lwt.at_exit(function()
      lwt.yield()
      error("from at_exit", 0)
    end)
    lwt.at_exit(function() lwt.wait():await() end)
    local ok, err = pcall(lwt.run, function()
      lwt.async(error, "nobody's", 0)
      lwt.yield()
      lwt.yield()
    end)
    assert.same({ false, "nobody's" }, { ok, err })
    log.says "older"
    -- What went wrong at the end is told by the next.
    ok, err = pcall(lwt.run, lwt.yield)
    assert.is_false(ok)
    assert.truthy(err:find "^deadlock")
    assert.same({ false, "from at_exit" }, { pcall(lwt.run, lwt.yield) })
    assert.is_true((pcall(lwt.run, lwt.yield)))
  end)

  it("that fails after a wait is reported once", function()
    local out = core.child [[
      local lwt = require "lwt"
      lwt.async_exception_hook(function(e) print("hook: " .. e) end)
      lwt.at_exit(function() lwt.yield() error("late", 0) end)
      lwt.run(function() end)
      collectgarbage()
    ]]
    assert.equal("hook: late\n", out)
  end)
end)

describe("an error that is nil", function()
  it("leaves run and step as nil", function()
    for _, drive in ipairs { function() lwt.run(lwt.yield) end, lwt.step } do
      lwt.async(error, nil)
      local ok, err = pcall(drive)
      assert.is_false(ok)
      assert.is_nil(err)
    end
  end)
end)

describe("run and step are refused", function()
  local victim, resolver

  local function refused()
    local texts = {}
    for _, f in ipairs { lwt.step, function() lwt.run(lwt.fulfilled()) end } do
      local ok, err = pcall(f)
      texts[#texts + 1] = not ok and err:match "attempt to %a+ the loop from[%w ]*" or "let through"
    end
    return table.concat(texts, ", ")
  end

  local inside = "attempt to step the loop from inside it , "
    .. "attempt to run the loop from inside it "

  local places = {
    ["a callback of a resolved promise"] = function(try) lwt.fulfilled():on_success(try) end,
    ["a bind of a resolved promise"] = function(try) lwt.fulfilled():bind(try) end,
    ["wrap"] = function(try) lwt.wrap(try) end,
    ["the exception hook"] = function(try)
      local before = lwt.async_exception_hook(try)
      lwt.fulfilled():on_success(error)
      lwt.async_exception_hook(before)
    end,
    ["a reactive function"] = function(try)
      local react = require "lwt.react"
      local e, send = react.E.create()
      local kept = react.E.map(e, try)
      send(1)
      return kept
    end,
  }

  for place, call in pairs(places) do
    it("in " .. place .. ", and innocent tasks go on", function()
      victim, resolver = lwt.wait()
      local p = lwt.spawn(function()
        victim:await()
        return lwt.yield() or "went on"
      end)
      local said
      local kept = call(function()
        if said then return end
        resolver:wakeup()
        said = refused()
      end)
      assert.equal(inside, said)
      assert.equal("went on", lwt.run(p))
      return kept
    end)
  end

  it("in a finalizer outside of run", function()
    local said
    setmetatable({}, { __gc = function() said = refused() end })
    collectgarbage()
    assert.equal("attempt to step the loop from a finalizer, "
      .. "attempt to run the loop from a finalizer", said)
    collectgarbage "stop"
    local ok = pcall(lwt.step)
    collectgarbage "restart"
    assert.is_true(ok)
  end)
end)

describe("hooks of the loop", function()
  it("may begin what run waits for in its last turn", function()
    local out = core.child [[
      local lwt = require "lwt"
      local p, r = lwt.wait()
      local hook
      hook = lwt.on_iteration("leave", function()
        hook:remove()
        lwt.sleep(0.001):on_success(function() r:wakeup "no deadlock" end)
      end)
      print(lwt.run(p))
    ]]
    assert.equal("no deadlock\n", out)
  end)

  it("name what is wrong", function()
    local before = lwt.async_exception_hook()
    for _, x in ipairs { {}, 12, "f" } do
      local ok, err = pcall(lwt.async_exception_hook, x)
      assert.is_false(ok)
      assert.equal(("bad argument #1 to '%s' (function expected, got %s)"):format(
        err:match "to '(.-)'", type(x)), err)
    end
    assert.equal(before, lwt.async_exception_hook())
    local hook = lwt.on_iteration("enter", print)
    local ok, err = pcall(function() hook.remove() end)
    hook:remove()
    hook:remove()
    assert.is_false(ok)
    assert.truthy(err:find("calling 'remove' on bad self (lwt.hook expected, got nil)", 1, true))
    assert.truthy(err:find "run_end_spec")
  end)

  it("are called in order, whichever were removed, also meanwhile", function()
    local log, hooks = {}, {}
    for i = 1, 100 do
      hooks[i] = lwt.on_iteration("enter", function()
        log[#log + 1] = i
        if i == 50 then
          for k = 60, 100 do hooks[k]:remove() end
          hooks[101] = lwt.on_iteration("enter", function() log[#log + 1] = 101 end)
        end
      end)
    end
    for i = 1, 49 do if i % 10 ~= 0 then hooks[i]:remove() end end
    lwt.step()
    assert.same({ 10, 20, 30, 40, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59 }, log)
    for i = 51, 59 do hooks[i]:remove() end
    log = {}
    hooks[50]:remove()
    lwt.step()
    assert.same({ 10, 20, 30, 40, 101 }, log)
    for i = 1, 101 do hooks[i]:remove() end
    log = {}
    lwt.step()
    assert.same({}, log)
  end)

  it("are removed at the same cost however many there are", function()
    local function steps(n)
      local hooks, count = {}, 0
      for i = 1, n do hooks[i] = lwt.on_iteration("leave", function() end) end
      local co = coroutine.create(function()
        for i = n, 1, -1 do hooks[i]:remove() end
      end)
      debug.sethook(co, function() count = count + 1 end, "", 100)
      assert(coroutine.resume(co))
      return count / n
    end
    assert.is_true(steps(8000) < 3 * steps(500) + 1)
  end)
end)

describe("deadlines that are equal", function()
  local function nested(inner, outer)
    local told
    local p = lwt.with_timeout(outer, function()
      local ok, err = pcall(lwt.await, lwt.with_timeout(inner, function() lwt.wait():await() end))
      told = err
      return ok
    end)
    while p:is_pending() do
      if not lwt.step() then break end
      require "lwt.engine".set "virtual"
      lwt.run(lwt.sleep(0.1))
    end
    return told
  end

  it("are won by the inner one", virtual(function()
    assert.equal(lwt.Timeout, nested(1, 1))
    assert.equal(lwt.Timeout, nested(1, 2))
    assert.equal(lwt.Canceled, nested(2, 1))
    -- Three of them, made in one moment.
    local log = {}
    local function level(n)
      return lwt.with_timeout(1, function()
        local _, err = pcall(lwt.await, n == 3 and lwt.wait() or level(n + 1))
        log[#log + 1] = n .. " " .. tostring(err)
      end)
    end
    pcall(lwt.run, level(1))
    assert.same({ "3 canceled", "2 timeout" }, { log[1], log[2] })
  end))
end)

describe("a misplaced call says what was meant:", function()
  local meant = {
    { "wait", lwt.await, "lwt.await", function() lwt.wait(lwt.sleep(0)) end },
    { "task", lwt.spawn, "lwt.spawn", function() lwt.task(print) end },
    { "timeout", lwt.with_timeout, "lwt.with_timeout", function() lwt.timeout(1, print) end },
  }
  for _, m in ipairs(meant) do
    it(("lwt.%s, %s"):format(m[1], m[3]), function()
      local ok, err = pcall(m[4])
      assert.is_false(ok)
      assert.truthy(err:find(m[3], 1, true))
      assert.truthy(err:find(("to '%s'"):format(m[1]), 1, true))
      assert.truthy(err:find "run_end_spec")
    end)
  end
end)

describe("a task to which a cancel is due", function()
  -- Calls f in a task that was cancelled while it was ready, or in a canceled scope.
  local ways = {
    cancelled = function(f)
      local p, r = lwt.wait()
      local t = lwt.spawn(function()
        p:await()
        f()
      end)
      r:wakeup()
      t:cancel()
    end,
    ["in a canceled scope"] = function(f)
      lwt.scope(function(s)
        s:cancel()
        f()
      end)
    end,
  }
  for how, call in pairs(ways) do
    it(how .. " neither puts into an mvar nor takes from it, when it is told", async(function()
      for _, view in ipairs { function(m) return m end, lwt.direct } do
        local empty, full = mvar.create(), mvar.create("kept")
        local function try(m, f, ...)
          local given = { ... }
          local told
          call(function()
            local _, err = pcall(function()
              local p = f(view(m), table.unpack(given))
              if lwt.is_promise(p) then p:await() end
            end)
            told = err
          end)
          for _ = 1, 4 do lwt.yield() end
          assert.equal(lwt.Canceled, told)
        end
        local taker = mvar.create()
        local got = taker:take()
        try(empty, function(m, v) return m:put(v) end, 1)
        try(taker, function(m, v) return m:put(v) end, 1)
        try(full, function(m) return m:take() end)
        assert.is_true(empty:is_empty())
        assert.is_true(got:is_pending())
        assert.same({ "kept", true }, { full:take_available() })
      end
    end))
  end

  it("and does not await puts all the same, in order, a turn later", async(function()
    local m = mvar.create()
    lwt.spawn(function()
      lwt.current():cancel()
      m:put(1)
      m:put(2)
    end)
    assert.is_true(m:is_empty())
    assert.equal(1, m:take():await())
    assert.equal(2, m:take():await())
  end))
end)
