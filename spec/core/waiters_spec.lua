local lwt = require "lwt"
local core = require "spec.support.core"

-- What waits for a promise is kept in one place, then in a list of pieces, from which
-- those that withdraw are swept. None of that may show: whatever was attached and
-- withdrawn, in whatever order, those that are left run in the order of attaching, the
-- cancel callbacks first.

local function random(seed)
  return function(n)
    seed = (seed * 6364136223846793005 + 1442695040888963407) & 0x7fffffffffffffff
    return (seed >> 33) % n
  end
end

-- Attaches `count` waiters of random kinds to p, and withdraws some on the way. Returns
-- the order in which the others are to run when p is canceled, and when it is not.
local function attach(p, count, rng, log)
  local canceled_order, order, withdrawable = {}, {}, {}
  local cancels = {}
  for i = 1, count do
    local kind = rng(6)
    local function note() log[#log + 1] = i end
    if kind == 0 then
      p:on_cancel(note)
      cancels[#cancels + 1] = i
    elseif kind == 1 then
      p:on_termination(note)
      order[#order + 1] = i
    else
      local q = lwt.protected(p)
      local entry = { i = i, promise = q }
      q:on_termination(function()
        if not entry.withdrawn then note() end
      end)
      order[#order + 1] = entry
      withdrawable[#withdrawable + 1] = entry
      while #withdrawable > 0 and rng(10) < 8 do
        local gone = table.remove(withdrawable, 1 + rng(#withdrawable))
        gone.withdrawn = true
        gone.promise:cancel()
      end
    end
  end
  local left = {}
  for _, x in ipairs(order) do
    if type(x) == "number" then left[#left + 1] = x
    elseif not x.withdrawn then left[#left + 1] = x.i end
  end
  for _, i in ipairs(cancels) do canceled_order[#canceled_order + 1] = i end
  for _, i in ipairs(left) do canceled_order[#canceled_order + 1] = i end
  return left, canceled_order
end

describe("what waits for a promise", function()
  it("runs in order when it is resolved, whatever was withdrawn", function()
    for seed = 1, 200 do
      local rng, log = random(seed), {}
      local p, r = lwt.task()
      local left = attach(p, 1 + rng(300), rng, log)
      r:wakeup()
      assert.same(left, log, "seed " .. seed)
    end
  end)

  it("runs in order when it is cancelled, cancel callbacks first", function()
    for seed = 201, 400 do
      local rng, log = random(seed), {}
      local p = lwt.task()
      local _, order = attach(p, 1 + rng(300), rng, log)
      p:cancel()
      assert.same(order, log, "seed " .. seed)
    end
  end)

  it("runs in order when two promises with many waiters become one", function()
    for seed = 401, 500 do
      local rng, log = random(seed), {}
      local gate, open = lwt.wait()
      local inner, r = lwt.task()
      local outer = gate:bind(function() return inner end)
      local first, first_canceled = attach(outer, rng(100), rng, log)
      local offset = {}
      -- The inner promise's waiters are numbered from 1000.
      local inner_log = setmetatable({}, { __newindex = function(_, _, i)
        log[#log + 1] = 1000 + i
      end })
      local second, second_canceled = attach(inner, rng(100), rng, inner_log)
      open:wakeup()
      local expected = {}
      if seed % 2 == 0 then
        for _, i in ipairs(first) do expected[#expected + 1] = i end
        for _, i in ipairs(second) do expected[#expected + 1] = 1000 + i end
        r:wakeup()
      else
        -- Cancel callbacks of both come before all others.
        local function split(list, all, add)
          local n = #all - #list
          for k = 1, n do offset[#offset + 1] = add + all[k] end
        end
        split(first, first_canceled, 0)
        split(second, second_canceled, 1000)
        for _, i in ipairs(offset) do expected[#expected + 1] = i end
        for _, i in ipairs(first) do expected[#expected + 1] = i end
        for _, i in ipairs(second) do expected[#expected + 1] = 1000 + i end
        outer:cancel()
      end
      assert.same(expected, log, "seed " .. seed)
    end
  end)

  -- Tasks at several promises that become one, interrupted there and back again: each is where it came last.
  it("is in the order of the last await, whoever withdrew and came back", core.async(function()
    for seed = 601, 660 do
      local rng, order, log, tasks = random(seed), {}, {}, {}
      local gate, open = lwt.wait()
      local inner, r = lwt.wait()
      local outer = gate:bind(function() return inner end)
      local function come(i, p)
        order[#order + 1] = i
        if not pcall(lwt.await, p) then return come(i, rng(2) == 0 and outer or p) end
        log[#log + 1] = i
      end
      local joined = false
      local n = 1 + rng(80)
      for i = 1, n do tasks[i] = lwt.spawn(come, i, outer) end
      for _ = 1, rng(200) do
        if not joined and rng(50) == 0 then
          open:wakeup()
          joined = true
        end
        local i = 1 + rng(n)
        for k = #order, 1, -1 do
          if order[k] == i then table.remove(order, k) end
        end
        tasks[i]:cancel()
        lwt.yield()
      end
      if not joined then open:wakeup() end
      r:wakeup()
      for _ = 1, 3 do lwt.yield() end
      assert.same(order, log, "seed " .. seed)
    end
  end))

  it("is counted, those that withdrew not", function()
    local p = lwt.wait()
    local waiters = require "lwt.core".waiters
    assert.equal(0, waiters(p))
    local kept = {}
    for i = 1, 100 do
      kept[i] = lwt.protected(p)
      p:on_cancel(function() end)
      lwt.protected(p):cancel()
    end
    assert.equal(200, waiters(p))
    for i = 1, 100 do kept[i]:cancel() end
    assert.equal(100, waiters(p))
  end)
end)
