-- Finding out: lwt.tasks, lwt.name, lwt.stall, lwt.debug, and core.check, which is made to find
-- something: the debug library takes out of a promise what it holds.
local lwt = require "lwt"
local inner = require "lwt.core"
local engine = require "lwt.engine"
local core = require "spec.support.core"
local skip = require "spec.support.skip"
local child, virtual = core.child, core.virtual

-- The entry of the task `p` in lwt.tasks().
local function entry(p)
  for _, t in ipairs(lwt.tasks()) do
    if t.promise == p then return t end
  end
end

describe("lwt.tasks", function()
  it("says in words what a task waits for", virtual(function()
    local other = lwt.spawn(function()
      lwt.name "other"
      lwt.task():await()
    end)
    local nameless = lwt.spawn(function() lwt.task():await() end)
    local scope = lwt.scope(function() lwt.task():await() end)
    local cases = {
      { "a promise", lwt.task() },
      { "a promise", lwt.task():bind(print) },
      { "a timer", lwt.sleep(10) },
      { "task 'other'", other },
      { "a task", nameless },
      { "a scope", scope },
    }
    for _, name in ipairs { "join", "all", "settled" } do
      cases[#cases + 1] = { "several promises", lwt[name] { (lwt.task()) } }
    end
    cases[#cases + 1] = { "several promises", lwt.both(lwt.task(), (lwt.task())) }
    for _, name in ipairs { "any", "choose", "pick", "nchoose", "npick", "nchoose_split" } do
      cases[#cases + 1] = { "one of several promises", lwt[name] { (lwt.task()) } }
    end
    for _, case in ipairs(cases) do
      case.task = lwt.spawn(function() case[2]:await() end)
    end
    lwt.yield()
    for _, case in ipairs(cases) do
      local t = entry(case.task)
      assert.equal(case[1], t.waiting_on)
      assert.equal("waiting", t.state)
      assert.truthy(t.where:find "inspect_spec.lua:%d+$")
      case.task:cancel()
    end
    other:cancel()
    nameless:cancel()
    scope:cancel()
  end))

  it("says that a task waits for an operation of the system", function()
    if engine.name() ~= "uv" then skip.here "lwt.uv is not built" end
    lwt.run(function()
      local listener = require "lwt.net".tcp_listen("127.0.0.1:0")
      if lwt.is_promise(listener) then listener = listener:await() end
      local t = lwt.spawn(function() listener:accept():await() end)
      lwt.yield()
      assert.equal("an operation", entry(t).waiting_on)
      t:cancel()
      listener:close()
    end)
  end)

  it("shows a task that has not begun where its function is written, C's as '?'", virtual(function()
    local begun = 0
    local function body() begun = begun + 1 end
    local line = debug.getinfo(body, "S").linedefined
    local function nest(n) -- tasks that start one another that deep begin later
      lwt.spawn(body)
      lwt.spawn(type, 1)
      if n > 0 then lwt.spawn(nest, n - 1) end
    end
    nest(20)
    local waiting, unknown = 0, 0
    for _, t in ipairs(lwt.tasks()) do
      if t.where:find("inspect_spec.lua:" .. line .. "$") then waiting = waiting + 1 end
      if t.state == "ready" and not t.where:find "%.lua:%d" then unknown = unknown + 1 end
    end
    assert.is_true(waiting > 0)
    assert.is_true(unknown > 0)
    for _ = 1, 20 do lwt.yield() end
    assert.equal(21, begun)
  end))

  it("shows the running task at its line", virtual(function()
    local seen
    lwt.spawn(function() seen = entry(lwt.current()) end):await()
    assert.equal("running", seen.state)
    assert.is_nil(seen.waiting_on)
    assert.truthy(seen.where:find "inspect_spec.lua:%d+$")
  end))

  it("lists those that are paused or woken as ready", virtual(function()
    local p, r = lwt.wait()
    local woken = lwt.spawn(function() p:await() end)
    local paused = lwt.spawn(function() lwt.yield() end)
    lwt.yield()
    r:wakeup()
    assert.equal("ready", entry(woken).state)
    assert.is_nil(entry(woken).waiting_on)
    lwt.join { woken, paused }:await()
    assert.is_nil(entry(woken))
  end))

  it("shows where a coroutine inside of a task waits", virtual(function()
    local t = lwt.spawn(function()
      lwt.coroutine.wrap(function() lwt.sleep(1):await() end)()
    end)
    lwt.yield()
    assert.equal("a timer", entry(t).waiting_on)
    assert.truthy(entry(t).where:find "inspect_spec.lua:%d+$")
    t:await()
  end))
end)

describe("lwt.name", function()
  it("names the running task, and says the name", virtual(function()
    assert.equal("one", lwt.name "one")
    assert.equal("one", lwt.name())
    assert.equal("two", lwt.name "two")
    assert.is_nil(lwt.spawn(function() return (lwt.name()) end):await())
    assert.is_false((pcall(lwt.name, {})))
    assert.equal("two", lwt.name())
  end))

  it("raises outside of a task", function()
    local ok, err = pcall(lwt.name, "x")
    assert.is_false(ok)
    assert.truthy(err:find "no task is running")
  end)
end)

describe("the deadlock that run reports", function()
  -- On virtual time alone nothing can come from outside.
  local function deadlock(body)
    local before = engine.name()
    engine.set "virtual"
    local ok, err = pcall(lwt.run, body)
    engine.set(before)
    assert.is_false(ok)
    assert.truthy(err:find "^deadlock: nothing is left that could wake what run waits for\n")
    return err
  end

  it("lists tasks with and without a name", function()
    local t
    local err = deadlock(function()
      t = lwt.spawn(function() lwt.task():await() end)
      lwt.name "the main one"
      t:await()
    end)
    assert.truthy(err:find("\n\ttask 'the main one' waits for a task at ", 1, true), err)
    assert.truthy(err:find("\n\ta task waits for a promise at ", 1, true), err)
    t:cancel()
    lwt.step()
  end)

  it("tells of those that wait alike in one line", function()
    local tasks = {}
    local err = deadlock(function()
      for i = 1, 60 do tasks[i] = lwt.spawn(function() lwt.task():await() end) end
      tasks[1]:await()
    end)
    assert.equal(2, select(2, err:gsub("\n\ta task waits for ", "")))
    assert.truthy(err:find("waits for a promise at [^\n]+ %(60 tasks%)"), err)
    for _, t in ipairs(tasks) do t:cancel() end
    lwt.step()
  end)

  it("leaves out those after the fiftieth", function()
    local tasks = {}
    local err = deadlock(function()
      for i = 1, 60 do
        tasks[i] = lwt.spawn(function()
          lwt.name("number " .. i)
          lwt.task():await()
        end)
      end
      tasks[1]:await()
    end)
    assert.equal(50, select(2, err:gsub("\n\ta? ?task", "")))
    assert.truthy(err:find "\n\t%.%.%.$")
    for _, t in ipairs(tasks) do t:cancel() end
    lwt.step()
  end)
end)

describe("lwt.stall", function()
  -- A clock that goes on by a second each time it is looked at.
  local function on_fast_clock(body)
    local before, now = engine.name(), 0
    engine.set {
      now = function()
        now = now + 1
        return now
      end,
      wait = function() end,
    }
    local ok, err = pcall(body)
    lwt.stall(nil)
    engine.set(before)
    if not ok then error(err, 0) end
  end

  it("gives its function a traceback, once a turn", function()
    on_fast_clock(function()
      local texts = {}
      lwt.stall(0.5, function(text) texts[#texts + 1] = text end)
      lwt.run(function()
        lwt.yield()
        for _ = 1, 100000 do texts.x = 1 end
      end)
      assert.equal(2, #texts) -- the one before the yield, which takes a second too, and this
      assert.truthy(texts[1]:find "^a task has been running for %d+%.%d+ s without a pause\nstack traceback")
      assert.truthy(texts[1]:find "inspect_spec.lua")
    end)
  end)

  it("sees the turn that has no instructions too, when it is over", function()
    on_fast_clock(function()
      local texts = {}
      lwt.stall(0.5, function(text) texts[#texts + 1] = text end)
      lwt.run(function()
        lwt.yield()
        lwt.yield()
      end)
      assert.equal(3, #texts)
    end)
  end)

  it("is silent below its time, and once off", function()
    on_fast_clock(function()
      local texts = {}
      lwt.stall(1e9, function(text) texts[#texts + 1] = text end)
      lwt.run(function() lwt.yield() for _ = 1, 30000 do texts.x = 1 end end)
      lwt.stall(nil)
      lwt.run(function() lwt.yield() for _ = 1, 30000 do texts.x = 1 end end)
      assert.equal(0, #texts)
    end)
  end)

  it("leaves alone a hook that is there, and one that the task sets", function()
    on_fast_clock(function()
      local texts, hits = {}, 0
      lwt.stall(0.5, function(text) texts[#texts + 1] = text end)
      lwt.run(function()
        debug.sethook(function() hits = hits + 1 end, "", 100)
        lwt.yield()
        for _ = 1, 1000 do texts.x = 1 end
        assert.truthy(debug.gethook())
        debug.sethook()
      end)
      assert.is_true(hits > 0)
      assert.is_true(#texts > 0)
    end)
  end)

  it("gives what its function raises to the exception hook", function()
    core.with_hook(function(errors)
      on_fast_clock(function()
        lwt.stall(0.5, function() error("in stall", 0) end)
        lwt.run(function() lwt.yield() for _ = 1, 30000 do errors.x = 1 end end)
      end)
      assert.equal("in stall", errors[1])
    end)
  end)

  it("refuses a negative time and what is no function", function()
    local ok, err = pcall(lwt.stall, -1)
    assert.is_false(ok)
    assert.truthy(err:find "negative time")
    assert.is_false((pcall(lwt.stall, 1, "f")))
  end)

  it("warns where it has no function; works on the core's own clock", function()
    local text = child [[
      package.preload["lwt.uv"] = function() error "module 'lwt.uv' not found" end
      local lwt = require "lwt"
      lwt.stall(0.001)
      lwt.run(function() lwt.yield() local t = os.clock() while os.clock() < t + 0.02 do end end)
      lwt.stall(10)
      lwt.run(function() lwt.yield() for i = 1, 30000 do end end)
    ]]
    assert.truthy(text:find "^Lua warning: lwt: a task has been running for")
    assert.equal(1, select(2, text:gsub("warning", "")))
  end)
end)

describe("lwt.debug", function()
  it("says what it was, and without an argument changes nothing", function()
    local was = lwt.debug(true)
    assert.is_true(lwt.debug())
    assert.is_true(lwt.debug(was))
    assert.equal(was, lwt.debug())
  end)

  it("has run warn of handles and tasks that were left", function()
    local text = child [[
      local lwt = require "lwt"
      lwt.debug(true)
      lwt.run(function()
        kept = require "lwt.io".pipe and { require "lwt.io".pipe() }
        kept.task = lwt.spawn(function() lwt.task():await() end)
        lwt.yield()
      end)
      kept.task:cancel()
    ]]
    assert.truthy(text:find("lwt: tasks left waiting:\n\ta task waits for a promise at script.lua:5",
      1, true), text)
  end)
end)

describe("what run has left", function()
  it("names tasks that are ready, and have only not had their turn", function()
    local text = child [[
      local lwt = require "lwt"
      lwt.debug(true)
      lwt.run(function()
        lwt.spawn(function()
          lwt.name "named"
          lwt.yield()
          lwt.yield()
        end)
        lwt.spawn(function() lwt.yield() end)
      end)
    ]]
    assert.truthy(text:find("task 'named' waits for its turn at script.lua:6", 1, true), text)
    assert.truthy(text:find("a task waits for its turn at script.lua:9", 1, true), text)
  end)

  it("core.left lists the failures that nobody has seen", function()
    local text = child [[
      local lwt, core = require "lwt", require "lwt.core"
      kept = { lwt.spawn(error, "one", 0), lwt.rejected "two", lwt.spawn(error, "three", 0) }
      kept[3]:catch(print)
      print(#core.left().unseen, core.left().timers)
    ]]
    assert.truthy(text:find "^three\n%d\t%d")
  end)
end)

describe("core.check", function()
  -- What makes p, with debugging on; then takes out of it what it holds.
  local function broken(make, value, message)
    local was = lwt.debug(true)
    local p = make()
    local kept = debug.getuservalue(p, 1)
    assert.is_true(inner.check() > 0)
    debug.setuservalue(p, value, 1)
    local ok, err = pcall(inner.check)
    debug.setuservalue(p, kept, 1)
    lwt.debug(was)
    assert.is_false(ok)
    assert.truthy(err:find(message, 1, true), err)
    assert.is_true(inner.check() > 0)
  end

  it("finds a proxy of nothing", function()
    broken(function()
      local target = lwt.task()
      local gate, r = lwt.wait()
      local p = gate:bind(function() return target end)
      r:wakeup()
      -- Of the two, the one that stands for the other holds it.
      return debug.getuservalue(p, 1) == target and p or target
    end, {}, ": a proxy of nothing")
  end)

  it("finds a pending promise with a value", function()
    broken(function() return (lwt.task()) end, 12, ": pending with a value")
  end)

  it("finds a waiter that is none", function()
    broken(function()
      local p = lwt.task()
      p:on_success(print)
      return p
    end, 12, ": its waiter is none")
  end)

  it("finds several values without a list", function()
    broken(function() return lwt.fulfilled(1, 2) end, 12, ": several values without a list")
  end)

  it("may be called in a callback", function()
    local n
    local p, r = lwt.wait()
    p:on_success(function() n = inner.check() end)
    p:on_success(function() n = inner.check() end)
    r:wakeup()
    assert.equal("integer", math.type(n))
  end)
end)
