local lwt = require "lwt"
local core = require "spec.support.core"
local is = core.is

-- Each shape is built 50,000 deep: it must not overflow the C stack. With LWT_SPEC_FULL=1 it is 100,000 deep, and must
-- take about as long per element as at a hundredth of the size: what leaves the processor's caches
-- may take some times as long, and quadratic would be a hundred times, and hardly end.
local SMALL, LARGE, FACTOR = 1000, 100000, 20

local function time_of(run, size, times)
  local best = math.huge
  for _ = 1, times do
    collectgarbage()
    collectgarbage "stop"
    local began = os.clock()
    run(size)
    best = math.min(best, os.clock() - began)
    collectgarbage "restart"
  end
  return best
end

local function linear(name, run)
  it(name .. ", very deep, in linear time", function()
    if not os.getenv "LWT_SPEC_FULL" then return run(os.getenv "LWT_UNDER" and LARGE // 4 or LARGE // 2) end
    run(10)
    local small = time_of(run, SMALL, 20) / SMALL
    local large = time_of(run, LARGE, 2) / LARGE
    if large > FACTOR * small then
      error(("%.0f ns each at %d, %.0f ns each at %d"):format(
        small * 1e9, SMALL, large * 1e9, LARGE), 0)
    end
  end)
end

local function pass(...) return ... end

describe("depth is no limit:", function()
  for _, name in ipairs { "bind", "map", "catch", "finalize", "try_bind" } do
    linear("a chain of " .. name .. " on a pending promise", function(size)
      local p, r = lwt.wait()
      local q = p
      for _ = 1, size do q = q[name](q, pass, pass) end
      r:wakeup(7)
      is(q, "fulfilled", 7)
    end)
  end

  linear("a chain of catch that passes a rejection on", function(size)
    local p, r = lwt.wait()
    local q = p
    for _ = 1, size do q = q:bind(pass) end
    r:wakeup_exn "oops"
    is(q, "rejected", "oops")
  end)

  linear("a chain of bind on resolved promises", function(size)
    local q = lwt.fulfilled(7)
    for _ = 1, size do q = q:bind(pass) end
    is(q, "fulfilled", 7)
  end)

  linear("callbacks on one promise", function(size)
    local p, r = lwt.wait()
    local n = 0
    for _ = 1, size do p:on_success(function() n = n + 1 end) end
    r:wakeup()
    assert.equal(size, n)
  end)

  linear("nested picks, one resolved at the bottom", function(size)
    local p, r = lwt.task()
    local q = p
    for _ = 1, size do q = lwt.pick { q, (lwt.task()) } end
    r:wakeup(7)
    is(q, "fulfilled", 7)
  end)

  linear("nested picks, one resolved at the top", function(size)
    local bottom = lwt.task()
    local q = bottom
    for _ = 1, size do q = lwt.pick { q, (lwt.task()) } end
    local top, r = lwt.task()
    local picked = lwt.pick { q, top }
    r:wakeup(7)
    is(picked, "fulfilled", 7)
    is(bottom, "rejected", lwt.Canceled)
  end)

  linear("nested joins and alls", function(size)
    local p, r = lwt.task()
    local q = p
    for _ = 1, size // 2 do q = lwt.join { lwt.all { q } } end
    r:wakeup(7)
    is(q, "fulfilled")
  end)

  linear("a cancel walk down a chain of binds", function(size)
    local p = lwt.task()
    local q = p
    for _ = 1, size do q = q:bind(pass) end
    q:cancel()
    is(p, "rejected", lwt.Canceled)
    is(q, "rejected", lwt.Canceled)
  end)

  linear("a cancel walk down nested joins", function(size)
    local p = lwt.task()
    local q = p
    for _ = 1, size do q = lwt.join { q, lwt.fulfilled() } end
    q:cancel()
    is(q, "rejected", lwt.Canceled)
  end)

  linear("a cancel walk down shared promises", function(size)
    local p = lwt.task()
    local q = p
    for _ = 1, size do q = lwt.both(q, q) end
    q:cancel()
    is(q, "rejected", lwt.Canceled)
  end)

  linear("a join of many that are cancelled", function(size)
    local list = {}
    for i = 1, size do list[i] = lwt.task() end
    local joined = lwt.join(list)
    joined:cancel()
    is(joined, "rejected", lwt.Canceled)
  end)

  linear("a pick of many that is won by one", function(size)
    local list, r = {}, nil
    for i = 1, size do list[i], r = lwt.task() end
    local picked = lwt.pick(list)
    r:wakeup(1)
    is(picked, "fulfilled", 1)
  end)

  linear("proxies, each following the next", function(size)
    local promises, resolvers = {}, {}
    for i = 1, size do
      local p, r = lwt.wait()
      promises[i] = p:bind(function() return promises[i + 1] end)
      resolvers[i] = r
    end
    local last, r = lwt.task()
    promises[size + 1] = last
    for i = 1, size do resolvers[i]:wakeup() end
    r:wakeup(7)
    is(promises[1], "fulfilled", 7)
    is(promises[size // 2], "fulfilled", 7)
  end)

  linear("proxies, each following the one before", function(size)
    local q, r = lwt.task()
    local last = q
    for _ = 1, size do
      local gate, open = lwt.wait()
      local inner = last
      last = gate:bind(function() return inner end)
      open:wakeup()
    end
    last:cancel()
    is(q, "rejected", lwt.Canceled)
    r:wakeup()
    is(last, "rejected", lwt.Canceled)
  end)

  linear("wakeups inside callbacks, each waking the next", function(size)
    local promises, resolvers, n = {}, {}, 0
    for i = 1, size do promises[i], resolvers[i] = lwt.wait() end
    for i = 1, size do
      promises[i]:on_success(function()
        n = n + 1
        if i < size then resolvers[i + 1]:wakeup() end
      end)
    end
    resolvers[1]:wakeup()
    assert.equal(size, n)
  end)

  linear("cancels inside on_cancel, each cancelling the next", function(size)
    local promises, n = {}, 0
    for i = 1, size do promises[i] = lwt.task() end
    for i = 1, size do
      promises[i]:on_cancel(function()
        n = n + 1
        if i < size then promises[i + 1]:cancel() end
      end)
    end
    promises[1]:cancel()
    assert.equal(size, n)
  end)

  linear("protected, no_cancel and wrap_in_cancelable, one around the other", function(size)
    local p, r = lwt.task()
    local q = p
    for i = 1, size do
      local around = { lwt.protected, lwt.no_cancel, lwt.wrap_in_cancelable }
      q = around[1 + i % 3](q)
    end
    r:wakeup(7)
    is(q, "fulfilled", 7)
  end)

  linear("a recursive bind on promises that are ready", function(size)
    local function loop(i)
      if i == 0 then return "done" end
      return lwt.fulfilled(i - 1):bind(loop)
    end
    is(lwt.fulfilled(size):bind(loop), "fulfilled", "done")
  end)

  linear("tasks that await one another", function(size)
    lwt.run(function()
      local p, r = lwt.wait()
      local task = p
      for _ = 1, size do
        local inner = task
        task = lwt.spawn(function() return inner:await() end)
      end
      r:wakeup(7)
      assert.equal(7, task:await())
    end)
  end)

  linear("a cancel forwarded down tasks that await one another", function(size)
    lwt.run(function()
      local task = lwt.task()
      local bottom = task
      for _ = 1, size do
        local inner = task
        task = lwt.spawn(function() return inner:await() end)
      end
      task:cancel()
      is(bottom, "rejected", lwt.Canceled)
      assert.same({ false, lwt.Canceled }, { pcall(lwt.await, task) })
    end)
  end)

  it("a recursive bind loop of a million turns over ready promises runs in constant "
    .. "memory", function()
    local turns = core.count(100000, 1000000)
    local before, after
    local function loop(i)
      if i == turns // 2 then before = core.memory() end
      if i == 10 then after = core.memory() end
      if i == 0 then return "done" end
      return lwt.fulfilled(i - 1):bind(loop)
    end
    is(lwt.fulfilled(turns):bind(loop), "fulfilled", "done")
    assert.is_true(after - before < 16 * 1024)
  end)

  it("values: ten thousand of them travel through a chain", function()
    local values = {}
    for i = 1, 10000 do values[i] = i end
    local p, r = lwt.wait()
    local q = p:bind(pass):map(pass):finalize(pass)
    r:wakeup(table.unpack(values))
    assert.equal(10001, select("#", q:state()))
  end)
end)
