local lwt = require "lwt"
local core = require "spec.support.core"

-- Many rounds against one promise that stays pending leave memory, and the waiters on
-- that promise, where they were after the first thousand. LWT_SPEC_FULL=1 does a million.
local rounds = core.count(5000, 1000000)
local has_core, internals = pcall(require, "lwt.core")

local function waiters(p)
  return has_core and internals.waiters and internals.waiters(p) or 0
end

-- `loose`: what is let go among older waiters is seen to many at a time.
local function flat(name, round, make, loose)
  it(name, core.virtual(function()
    local p = (make or lwt.wait)()
    for _ = 1, 1000 do round(p) end
    lwt.yield()
    core.memory() -- so that dead waiters are not counted, and
    local waiting = waiters(p) -- this sweeps them away
    local before = core.memory()
    for i = 1, rounds do
      round(p)
      if i % 1000 == 0 then lwt.yield() end
    end
    lwt.yield()
    core.memory()
    local left = waiters(p) - waiting
    if left > (loose and rounds // 25 or 0) then error(left .. " waiters more", 0) end
    local grown = core.memory() - before
    if grown > (loose and 40 * rounds or 32 * 1024) then
      error(("%d bytes more after %d rounds"):format(grown, rounds), 0)
    end
    assert.equal("pending", (p:state()))
  end))
end

describe("nothing is left on a promise that stays pending by", function()
  flat("pick with one that is woken", function(p)
    local q, r = lwt.task()
    local picked = lwt.pick { p, q }
    r:wakeup()
    assert(not picked:is_pending())
  end)

  flat("pick with a sleep of zero, awaited", function(p) lwt.pick({ p, lwt.sleep(0) }):await() end)

  flat("choose with one that is woken", function(p)
    local q, r = lwt.wait()
    lwt.choose { p, q }
    r:wakeup()
  end)

  flat("choose with a sleep of zero, "
    .. "awaited", function(p) lwt.choose({ p, lwt.sleep(0) }):await() end)

  flat("nchoose, npick and nchoose_split", function(p)
    for _, name in ipairs { "nchoose", "npick", "nchoose_split" } do
      local q, r = lwt.wait()
      lwt[name] { p, q }
      r:wakeup()
    end
  end)

  flat("pick and choose that list it several times", function(p)
    local q, r = lwt.wait()
    lwt.pick { p, q, p }
    lwt.choose { p, p, q }
    r:wakeup()
  end)

  flat("any that was fulfilled by another", function(p)
    local q, r = lwt.wait()
    lwt.any { p, q }
    r:wakeup()
  end)

  flat("cancelling protected", function(p) lwt.protected(p):cancel() end)

  flat("cancelling wrap_in_cancelable", function(p) lwt.wrap_in_cancelable(p):cancel() end)

  flat("cancelling the protected of a task", function(p) lwt.protected(p):cancel() end, lwt.task)

  flat("cancelling a bind on its protected", function(p)
    lwt.protected(p):bind(function() end):cancel()
  end)

  flat("with_timeout of zero, awaited", function(p)
    pcall(lwt.await, lwt.with_timeout(0, lwt.protected(p)))
  end)

  flat("with_timeout of something that is done first", function(p)
    local q, r = lwt.task()
    local t = lwt.with_timeout(1e9, lwt.pick { p, q })
    r:wakeup()
    t:await()
  end)

  flat("a task that awaited it and was cancelled", function(p)
    local task = lwt.spawn(function() p:await() end)
    task:cancel()
    pcall(lwt.await, task)
  end)

  flat("a task that picked it and was cancelled", function(p)
    local task = lwt.spawn(function() lwt.pick({ p, (lwt.task()) }):await() end)
    task:cancel()
    pcall(lwt.await, task)
  end)

  flat("picks that are nested", function(p)
    local q, r = lwt.wait()
    lwt.pick { lwt.pick { p, lwt.pick { q, p } }, p }
    r:wakeup()
  end)

  flat("cancelling a bind on it and dropping that", function(p)
    p:bind(function() end):cancel()
  end, nil, true)

  -- What follows from it, when it is cancelled in vain: as the loser of a pick, of a deadline,
  -- or because a task that awaited it was cancelled.
  local function id(...) return ... end
  local consequences = {
    ["a map"] = function(p) return p:map(id) end,
    ["a bind"] = function(p) return p:bind(id) end,
    ["a no_cancel"] = function(p) return lwt.no_cancel(p) end,
    ["maps in a row"] = function(p) return p:map(id):map(id):bind(id) end,
    ["an all"] = function(p) return lwt.all { p, p:map(id), lwt.both(p, p:map(id)) } end,
    ["a choose"] = function(p) return lwt.choose { p:map(id), lwt.no_cancel(p), lwt.join { p } } end,
    ["a bind that gave a map"] = function(p)
      return lwt.pause():bind(function() return p:map(id) end)
    end,
  }
  local names = {}
  for name in pairs(consequences) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local make = consequences[name]
    flat(name .. ", in a pick that another wins", function(p)
      local q, r = lwt.wait()
      lwt.pick { make(p), q }
      r:wakeup()
    end, nil, true)
    flat(name .. ", in a pick that another has won", function(p)
      lwt.pick { make(p), lwt.fulfilled() }
    end, nil, true)
    flat(name .. ", in a pick that is awaited", function(p)
      lwt.pick({ make(p), lwt.sleep(0) }):await()
    end, nil, true)
    flat(name .. ", with a deadline", function(p)
      pcall(lwt.await, lwt.with_timeout(0, make(p)))
    end, nil, true)
    flat(name .. ", in a pick that is cancelled", function(p)
      lwt.pick({ make(p), (lwt.task()) }):cancel()
    end, nil, true)
    if name == "a no_cancel" then goto cannot_be_interrupted end
    flat(name .. ", awaited by a task that is cancelled", function(p)
      local task = lwt.spawn(function() make(p):await() end)
      lwt.yield()
      task:cancel()
      pcall(lwt.await, task)
    end, nil, true)
    flat(name .. ", awaited by a task that was cancelled before", function(p)
      local task = lwt.spawn(function()
        lwt.current():cancel()
        make(p):await()
      end)
      pcall(lwt.await, task)
    end, nil, true)
    ::cannot_be_interrupted::
  end
end)

it("a bind on a wait that is cancelled in vain runs all the same for who still holds it", function()
  local p, r = lwt.wait()
  local held, ran = {}, 0
  for i = 1, 100 do
    held[i] = p:bind(function() ran = ran + 1 end)
    held[i]:cancel()
  end
  collectgarbage()
  r:wakeup()
  assert.equal(100, ran)
end)

describe("a promise that lost a pick", function()
  local function lost(make)
    local stop, r = lwt.wait()
    local m = make(stop)
    lwt.pick { m, lwt.fulfilled() }
    local other, wake = lwt.wait() -- so that no other resolution was the last one
    other:catch(type)
    wake:wakeup_exn("no")
    return m, r
  end
  local made = {
    ["a map"] = function(p) return p:map(function(x) return x end) end,
    ["a map among others"] = function(p)
      p:map(type)
      for _ = 1, 100 do lwt.pick { p:map(type), lwt.fulfilled() } end
      local m = p:map(function(x) return x end)
      for _ = 1, 100 do lwt.pick { p:map(type), lwt.fulfilled() } end
      return m
    end,
    ["maps in a row"] = function(p)
      return p:map(function(x) return x end):map(function(x) return x end)
    end,
    ["an all"] = function(p)
      return lwt.all { p:map(function(x) return x end), lwt.no_cancel(p) }:map(function(t)
        return t[2]
      end)
    end,
    ["a bind that gave a map"] = function(p)
      local gate, open = lwt.wait()
      local m = gate:bind(function() return p:map(function(x) return x end) end)
      open:wakeup()
      return m
    end,
  }
  for name, make in pairs(made) do
    it("is resolved for who holds it: " .. name, function()
      local m, r = lost(make)
      collectgarbage()
      collectgarbage()
      r:wakeup(7)
      core.is(m, "fulfilled", 7)
    end)

    it("is kept by who waits for it again, when nobody holds it: " .. name, function()
      local m, r = lost(make)
      local got
      m:on_success(function(x) got = x end)
      m = nil -- luacheck: ignore
      collectgarbage()
      collectgarbage()
      r:wakeup(7)
      assert.equal(7, got)
    end)

    it("is dropped when nobody holds it or waits for it: " .. name, function()
      local m, r = lost(make)
      local seen = setmetatable({ m }, { __mode = "v" })
      m = nil -- luacheck: ignore
      collectgarbage()
      collectgarbage()
      if name ~= "a map among others" then assert.is_nil(seen[1]) end
      r:wakeup(7)
    end)
  end

  it("is kept when it is given by a bind's function afterwards", function()
    local m, r = lost(made["a map"])
    local gate, open = lwt.wait()
    local got
    gate:bind(function() return m end):on_success(function(x) got = x end)
    open:wakeup()
    m = nil -- luacheck: ignore
    gate, open = nil, nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    r:wakeup(7)
    assert.equal(7, got)
  end)
end)

describe("the clock forgets", function()
  it("sleeps that were cancelled", core.stepping(function()
    local before
    for i = 1, rounds do
      lwt.sleep(1e6 + i):cancel()
      if i == 1000 then before = core.memory() end
    end
    assert.is_true(core.memory() - before < 32 * 1024)
    local _, wait = lwt.step()
    assert.is_nil(wait)
  end))
end)

describe("what was told last", function()
  local function turn() lwt.step() end
  local ways = {
    ["a turn"] = { turn, turn },
    ["a run"] = { function() lwt.run(lwt.yield) end, function() end },
    ["a step that has told it"] = { function(tell) lwt.async(tell) end, turn },
  }
  for name, way in pairs(ways) do
    it("is not kept until something else is, but let go by " .. name, core.stepping(function()
      local seen = setmetatable({}, { __mode = "v" })
      local function build()
        local p, r = lwt.wait()
        seen.value = {}
        p:map(function() return 1 end)
        local function tell() r:wakeup(seen.value) end
        if name ~= "a step that has told it" then tell() end
        way[1](tell)
      end
      build()
      way[2]()
      collectgarbage()
      collectgarbage()
      assert.is_nil(seen.value)
    end))
  end
end)

describe("the storage of a block that is left", function()
  local waits = {
    ["yields"] = lwt.yield,
    ["awaits a pause"] = function() lwt.pause():await() end,
    ["awaits a timer"] = function() lwt.sleep(0.01):await() end,
    ["spawns and cancels a task that waits"] = function() lwt.spawn(lwt.sleep, 1):cancel() end,
    ["begins a coroutine that goes on"] = function() lwt.coroutine.wrap(function() lwt.coroutine.yield() end)() end,
  }
  for name, wait in pairs(waits) do
    it("is not kept by the task, which goes on: where it " .. name, core.virtual(function()
      local seen = setmetatable({}, { __mode = "v" })
      local function block()
        seen.storage = {}
        lwt.with_value(lwt.new_key(), seen.storage, wait)
      end
      block()
      for _ = 1, 3 do
        lwt.yield()
        collectgarbage()
      end
      assert.is_nil(seen.storage)
    end))
  end
end)
