-- Sleeping in the direct view of lwt, which makes no promise for it.
local lwt = require "lwt"
local core = require "lwt.core"
local test = require "lwt.test"
local generated = require "spec.support.generated"

local await, spec = lwt.await, test.virtual
local direct = lwt.direct(lwt)

describe("sleep in lwt's direct view", function()
  it("takes as long as it says, and gives nothing", spec(function()
    local start = lwt.now()
    assert.equal(0, select("#", direct.sleep(2.5)))
    assert.equal(2.5, lwt.now() - start)
    direct.sleep(0)
    direct.sleep(-1)
    assert.equal(2.5, lwt.now() - start)
    assert.equal(core.nap, direct.sleep)
  end))

  it("wakes tasks by deadline, then in the order in which they fell asleep, among others", spec(function()
    local order = {}
    local tasks = {}
    for i, seconds in ipairs { 3, 1, 2, 1, 3 } do
      tasks[#tasks + 1] = lwt.spawn(function()
        if i % 2 == 0 then await(lwt.sleep(seconds)) else direct.sleep(seconds) end
        order[#order + 1] = i
      end)
    end
    await(lwt.join(tasks))
    assert.same({ 2, 4, 3, 1, 5 }, order)
  end))

  it("ends at once when the task is cancelled, and leaves no timer", spec(function()
    local start = lwt.now()
    local tasks = {}
    for i = 1, 20 do tasks[i] = lwt.spawn(direct.sleep, i) end
    for i = 20, 1, -1 do
      if i % 3 ~= 0 then tasks[i]:cancel() end
    end
    for i = 1, 20 do
      local ok, err = pcall(await, tasks[i])
      assert.equal(i % 3 == 0, ok)
      if not ok then assert.equal(lwt.Canceled, err) end
    end
    assert.equal(18, lwt.now() - start)
    assert.same({ true, nil }, { (lwt.sleep(0):is_pending()), nil })
  end))

  it("raises what is due instead of sleeping", spec(function()
    lwt.spawn(function()
      lwt.current():cancel()
      local start = lwt.now()
      assert.equal(lwt.Canceled, select(2, pcall(direct.sleep, 1)))
      assert.equal(start, lwt.now())
      direct.sleep(1)
      assert.equal(start + 1, lwt.now())
    end):await()
  end))

  it("obeys scopes, shields and time limits", spec(function()
    assert.equal(lwt.Timeout, select(2, pcall(await, lwt.with_timeout(1, function() direct.sleep(5) end))))
    local start = lwt.now()
    local ok, err = pcall(await, lwt.scope(function(s)
      s:spawn(direct.sleep, 100)
      s:spawn(function()
        direct.sleep(1)
        error("enough", 0)
      end)
    end))
    assert.same({ false, "enough" }, { ok, err })
    assert.equal(1, lwt.now() - start)
    local task = lwt.spawn(function() lwt.shield(direct.sleep, 3) end)
    task:cancel()
    pcall(await, task)
    assert.equal(4, lwt.now() - start)
  end))

  it("works in coroutines of the user's own", spec(function()
    local start = lwt.now()
    local g = lwt.coroutine.wrap(function()
      for i = 1, 2 do
        direct.sleep(1)
        lwt.coroutine.yield(i)
      end
    end)
    assert.same({ 1, 2 }, { g(), g() })
    assert.equal(2, lwt.now() - start)
  end))

  it("refuses what is no number of seconds, and to wait where nothing can", function()
    lwt.run(function()
      assert.matches("bad argument #1 to '.-' %(number expected, got nil%)", select(2, pcall(function()
        direct.sleep(nil)
      end)))
      assert.matches("nan", select(2, pcall(direct.sleep, 0 / 0)))
      local ok, err = pcall(table.sort, { 1, 2 }, function() return direct.sleep(1) end)
      assert.is_false(ok)
      assert.matches("await", err)
    end)
    assert.matches("^attempt to await outside a task", select(2, pcall(direct.sleep, 1)))
  end)

  it("is told by lwt.tasks", spec(function()
    local task = lwt.spawn(function()
      lwt.name "napper"
      direct.sleep(9)
    end)
    for _ = 1, 5 do lwt.yield() end
    collectgarbage()
    local found
    for _, t in ipairs(lwt.tasks()) do if t.name == "napper" then found = t end end
    assert.equal("waiting", found.state)
    assert.equal("a timer", found.waiting_on)
    assert.matches("nap_spec.lua:%d+", found.where)
    assert.equal(task, found.promise)
    task:cancel()
  end))

  it("serves a crowd in parts, and keeps its order", spec(function()
    local n, woken, last = 30000, 0, 0
    local inside
    for i = 1, n do
      lwt.spawn(function()
        direct.sleep(1)
        assert(i == last + 1)
        last, woken = i, woken + 1
      end)
    end
    lwt.spawn(function()
      direct.sleep(1)
      inside = woken
    end)
    direct.sleep(2)
    assert.equal(n, woken)
    assert.equal(n, inside)
  end))

  it("keeps its heap in order whoever leaves it", spec(function()
    generated.cases(300, function(random)
      local sleepers, woken, start = {}, {}, lwt.now()
      for i = 1, random(60) do
        local seconds, plain = random(20), random(3) == 1
        sleepers[i] = { due = seconds }
        sleepers[i].task = lwt.spawn(function()
          if plain then await(lwt.sleep(seconds)) else direct.sleep(seconds) end
          woken[#woken + 1] = i
          assert(lwt.now() - start == seconds)
        end)
      end
      for _ = 1, random(10) do
        local victim = sleepers[random(#sleepers)]
        if random(2) == 1 then direct.sleep(random(2) - 1) end
        if victim.task:is_pending() then
          victim.task:cancel()
          victim.gone = true
        end
      end
      for _, s in ipairs(sleepers) do pcall(await, s.task) end
      local expected = {}
      for i, s in ipairs(sleepers) do if not s.gone then expected[#expected + 1] = i end end
      table.sort(expected, function(a, b)
        if sleepers[a].due ~= sleepers[b].due then return sleepers[a].due < sleepers[b].due end
        return a < b
      end)
      assert.same(expected, woken)
    end)
  end))
end)
