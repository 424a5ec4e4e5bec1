local lwt = require "lwt"
local core = require "spec.support.core"
local async = core.async

local function in_order(text, ...)
  local from = 1
  for _, part in ipairs { ... } do
    local _, to = text:find(part, from, true)
    if not to then error(("no %q (in this order) in:\n%s"):format(part, text), 2) end
    from = to
  end
end

describe("traceback", function()
  it("goes on through a wrapped coroutine, whatever the error is", async(function()
    for _, what in ipairs { "text", { "object" } } do
      local function inside()
        lwt.yield()
        error(what)
      end
      local generator = lwt.coroutine.wrap(function() inside() end)
      local function outside() generator() end
      local p = lwt.spawn(outside)
      pcall(lwt.await, p)
      in_order(lwt.traceback(p), "'inside'", "resumed in a task", "'generator'")
      -- Who catches it himself leaves nothing for the next one.
      pcall(lwt.coroutine.wrap(inside))
      local q = lwt.spawn(function() error "another" end)
      pcall(lwt.await, q)
      assert.is_nil(lwt.traceback(q):find("resumed in", 1, true))
    end
  end))

  it("of a task's error tells where it was raised, and through which awaits it "
    .. "came", async(function()
    local function thrower()
      lwt.yield()
      error { "a table" }
    end
    local inner = lwt.spawn(function()
      lwt.name "inner task"
      thrower()
    end)
    local outer = lwt.spawn(function()
      lwt.name "outer task"
      local function waiter() inner:await() return 1 end
      return waiter() + 1
    end)
    local ok, err = pcall(lwt.await, outer)
    assert.is_false(ok)
    local text = lwt.traceback(outer)
    in_order(text, "inner task", "thrower", "outer task", "waiter")
    in_order(lwt.traceback(err), "thrower")
  end))

  it("of an error that was raised in a callback tells the frames of the callback", function()
    local function culprit() error { "a table" } end
    local p = lwt.fulfilled():bind(function()
      culprit()
      return 1
    end)
    local _, err = p:state()
    assert.truthy(lwt.traceback(p):find("culprit", 1, true))
    assert.truthy(lwt.traceback(err):find("culprit", 1, true))
  end)

  it("starts with the error as text", function()
    local p = lwt.spawn(error, "the message", 0)
    assert.truthy(lwt.traceback(p):find("the message", 1, true))
    p:state()
  end)

  it("of an error it knows nothing about, or of any value, is still text", function()
    for _, x in ipairs { "text", {}, 1, true } do
      assert.equal("string", type(lwt.traceback(x)))
    end
    assert.equal("string", type(lwt.traceback(lwt.fulfilled())))
  end)

  it("of a finalizer's failure keeps the first error reachable", async(function()
    local first = { "the first" }
    local p = lwt.rejected(first):finalize(function() error("the finalizer's", 0) end)
    local _, err = p:state()
    assert.equal("the finalizer's", err)
    in_order(lwt.traceback(p), "the finalizer's")
    assert.truthy(lwt.traceback(p):find(tostring(first), 1, true)
      or lwt.traceback(p):find("first", 1, true), lwt.traceback(p))
  end))

  it("of a task that waits on its way out is its own, whatever others do meanwhile",
    async(function()
      local function closing(f)
        return setmetatable({}, { __close = f })
      end
      local function first(err)
        local _ <close> = closing(function()
          for _ = 1, 5 do lwt.yield() end
          pcall(lwt.await, lwt.spawn(error, "beside"))
        end)
        error(err)
      end
      local function second(err)
        local _ <close> = closing(lwt.yield)
        error(err)
      end
      for _, how in ipairs {
        { "one", "two" }, { { "one" }, { "two" } }, { lwt.Canceled, "two" }, { "one", lwt.Canceled },
      } do
        local p = lwt.spawn(function() first(how[1]) end)
        local q = lwt.spawn(function() second(how[2]) end)
        for _, ended in ipairs { { p, how[1], "'first'" }, { q, how[2], "'second'" } } do
          local waiting = lwt.spawn(function() lwt.await(ended[1]) end)
          pcall(lwt.await, waiting)
          local trace = lwt.traceback(waiting)
          if ended[2] == lwt.Canceled then
            assert.equal("canceled", trace)
          else
            in_order(trace, "in a task:", ended[3], "awaited in a task:")
          end
        end
      end
    end))

  it("is printed by an error that leaves a run and nobody caught", function()
    local out, status = core.child [[
      local lwt = require "lwt"
      local ok, err = xpcall(lwt.run, function(e) return lwt.traceback(e) end, function()
        local function deep() lwt.yield() error("oops", 0) end
        lwt.spawn(deep):await()
      end)
      print(err)
    ]]
    assert.equal(0, status)
    in_order(out, "oops", "script.lua")
  end)
end)

describe("tasks", function()
  it("lists every live task with its name, state, what it waits on and where", async(function()
    local gate, r = lwt.wait()
    local waiting = lwt.spawn(function()
      lwt.name "a waiting task"
      gate:await()
    end)
    local found
    for _, entry in ipairs(lwt.tasks()) do
      if entry.name == "a waiting task" then found = entry end
    end
    assert.is_not_nil(found)
    assert.equal("waiting", found.state)
    assert.truthy(tostring(found.where):find "traceback_spec.lua:%d+")
    assert.equal("number", type(found.since))
    assert.is_not_nil(found.waiting_on)
    r:wakeup()
    waiting:await()
    for _, entry in ipairs(lwt.tasks()) do assert.not_equal("a waiting task", entry.name) end
  end))

  it("names the running one, and lists it as running", async(function()
    lwt.name "the running task"
    local found
    for _, entry in ipairs(lwt.tasks()) do
      if entry.name == "the running task" then found = entry end
    end
    assert.equal("running", found and found.state)
  end))
end)

describe("stall", function()
  it("calls its function with a traceback when a turn of a task runs longer", async(function()
    local told
    lwt.stall(0.01, function(trace) told = trace end)
    local function slow()
      local began = os.clock()
      while os.clock() - began < 0.05 do end -- luacheck: ignore
    end
    lwt.spawn(function()
      lwt.yield()
      slow()
    end):await()
    lwt.stall(nil)
    assert.equal("string", type(told))
  end))
end)

describe("debug", function()
  it("remembers where promises and tasks were made, and run ends with a report of what is "
    .. "open", function()
    local out, status = core.child [[
      local lwt = require "lwt"
      lwt.debug(true)
      lwt.run(function()
        lwt.spawn(function() lwt.name "left over" lwt.await((lwt.wait())) end)
        lwt.yield()
      end)
      print "end"
    ]]
    assert.equal(0, status)
    in_order(out, "left over", "script.lua:4")
  end)
end)

describe("traceback", function()
  -- What an error costs that passes `depth` awaits, in bytes of memory.
  local function cost(depth, err)
    local p = lwt.spawn(function()
      lwt.yield()
      error(err)
    end)
    for _ = 1, depth do
      local inner = p
      p = lwt.spawn(function() inner:await() end)
    end
    collectgarbage()
    collectgarbage "stop"
    local before = collectgarbage "count"
    pcall(lwt.await, p)
    local used = collectgarbage "count" - before
    collectgarbage "restart"
    return used, p
  end

  it("costs every await that an error passes the same", async(function()
    local small, large = cost(100, { "a table" }), cost(1600, { "a table" })
    assert.is_true(large < 16 * small * 1.5, ("%.0f KB, then %.0f KB"):format(small, large))
    small, large = cost(100, "a text"), cost(1600, "a text")
    assert.is_true(large < 16 * small * 1.5, ("%.0f KB, then %.0f KB"):format(small, large))
  end))

  it("tells every await on the way, however many", async(function()
    local _, p = cost(300, { "x" })
    local _, awaits = lwt.traceback(p):gsub("\nawaited in a task:", "")
    assert.equal(300, awaits)
  end))

  local sentinels = { "Timeout", "EOF", "Closed", "Interrupted" }

  it("is that of the promise where the error is one that many fail with", async(function()
    for _, name in ipairs(sentinels) do
      local first = lwt.spawn(function()
        lwt.yield()
        error(lwt[name])
      end)
      local second = lwt.spawn(function() lwt.await(first) end)
      local bound = lwt.fulfilled():bind(function() error(lwt[name]) end)
      local without = lwt.rejected(lwt[name])
      for _, p in ipairs { first, second, bound, without } do
        local _, err = pcall(lwt.await, p)
        assert.is_true(rawequal(lwt[name], err))
      end
      local text = tostring(lwt[name])
      assert.matches("^" .. text .. "\nin a task:.*traceback_spec", lwt.traceback(first))
      assert.matches("^" .. text .. "\nin a task:.*\nawaited in a task:", lwt.traceback(second))
      assert.matches("^" .. text .. "\nin a callback:.*traceback_spec", lwt.traceback(bound))
      assert.equal(text, lwt.traceback(without))
      assert.matches("^" .. text .. "\nin a task:", lwt.traceback(lwt[name]))
    end
  end))

  it("is none for a cancel, which is no failure", async(function()
    local p = lwt.spawn(error, lwt.Canceled)
    pcall(lwt.await, p)
    assert.equal(tostring(lwt.Canceled), lwt.traceback(p))
  end))

  it("of a handler that failed with a sentinel is in the report", async(function()
    local io, trouble = require "lwt.io", require "lwt.io.trouble"
    local write, told = trouble.write, nil
    trouble.write = function(text) told = text end
    local server = io.establish_server("127.0.0.1:0", function() lwt.await(lwt.timeout(0)) end)
      :await()
    io.open_connection(server:address()):await():read():await()
    server:shutdown(0):await()
    trouble.write = write
    assert.matches("has failed: timeout\n.*traceback_spec.lua:%d+", told)
  end))
end)

it("an error's __eq is not asked whether it is a sentinel", async(function()
  local retry = require "lwt.retry"
  local err = setmetatable({}, { __eq = function() error "asked" end })
  local _, got = pcall(lwt.await, retry.run(function() error(err) end, { times = 2, delay = 0 }))
  assert.is_true(rawequal(err, got))
  local io = require "lwt.io"
  local server = io.establish_server("127.0.0.1:0", function() error(err) end,
    { on_error = function(e) got = e end }):await()
  got = nil
  io.open_connection(server:address()):await():read():await()
  server:shutdown(0):await()
  assert.is_true(rawequal(err, got))
end))
