local lwt = require "lwt"
local core = require "spec.support.core"

-- Many rounds against one promise that stays pending leave memory, and the waiters on
-- that promise, where they were after the first thousand. LWT_SPEC_FULL=1 does a million.
local rounds = core.count(10000, 1000000)
local has_core, internals = pcall(require, "lwt.core")

local function waiters(p)
  return has_core and internals.waiters and internals.waiters(p) or 0
end

local function flat(name, round, make)
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
    assert.equal(waiting, waiters(p))
    local grown = core.memory() - before
    if grown > 32 * 1024 then
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
  end)
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
