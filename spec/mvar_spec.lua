local lwt = require "lwt"
local mvar = require "lwt.mvar"
local test = require "lwt.test"
local generated = require "spec.support.generated"

local await, spec = lwt.await, test.virtual

local function state(p) return (p:state()) end

-- assert.equal, for millions of times.
local function same(expected, got)
  if expected ~= got then assert.equal(expected, got) end
end

describe("lwt.mvar", function()
  it("starts empty, or full with a value", spec(function()
    assert.is_true(mvar.create():is_empty())
    local m = mvar.create("v")
    assert.is_false(m:is_empty())
    assert.equal("v", await(m:take()))
    assert.is_true(m:is_empty())
  end))

  it("serves hundreds that wait, in their order, and then starts anew", spec(function()
    local m = mvar.create()
    for _ = 1, 2 do
      local takers = {}
      for i = 1, 200 do takers[i] = m:take() end
      for i = 1, 200 do await(m:put(i)) end
      for i = 1, 200 do assert.equal(i, await(takers[i])) end
      local putters = {}
      for i = 1, 201 do putters[i] = m:put(i) end
      for i = 1, 201 do assert.equal(i, await(m:take())) end
      for i = 1, 201 do await(putters[i]) end
      assert.is_true(m:is_empty())
    end
  end))

  it("lets a taker in a task that is cancelled wait for a turn, or for the next who comes", spec(function()
    local function taker(m, f)
      lwt.spawn(function()
        lwt.cancel(lwt.current())
        local p = m:take() -- awaited, it would raise, and the value would be lost
        assert.equal("pending", state(p))
        f(p)
      end)
    end
    local m, p = mvar.create "a", nil
    taker(m, function(taken) p = taken end)
    lwt.pause():await()
    assert.same({ "fulfilled", true }, { state(p), m:is_empty() })
    assert.equal("a", await(p))
    await(m:put "b")
    taker(m, function(taken)
      lwt.cancel(taken)
      p = taken
    end)
    lwt.pause():await()
    assert.same({ "rejected", false }, { state(p), m:is_empty() })
    local found
    taker(m, function(taken)
      found = select(2, m:take_available())
      p = taken
    end)
    assert.is_false(found)
    assert.equal("b", await(p))
  end))

  it("has every function as a method and in the module", spec(function()
    local m = mvar.create()
    await(mvar.put(m, 1))
    assert.is_false(mvar.is_empty(m))
    assert.equal(1, await(mvar.take(m)))
    assert.is_nil((mvar.take_available(m)))
  end))

  it("does not make a put wait that finds it empty", spec(function()
    local m = mvar.create()
    assert.equal("fulfilled", state(m:put(1)))
    assert.equal("pending", state(m:put(2)))
  end))

  it("hands a value straight to a waiting taker, and stays empty", spec(function()
    local m = mvar.create()
    local p = m:take()
    assert.equal("fulfilled", state(m:put("v")))
    assert.same({ "fulfilled", "v" }, { p:state() })
    assert.is_true(m:is_empty())
  end))

  it("serves takers in the order in which they came", spec(function()
    local m, got = mvar.create(), {}
    for i = 1, 5 do
      lwt.spawn(function()
        local v = await(m:take())
        got[#got + 1] = i .. v
      end)
    end
    for _, v in ipairs { "a", "b", "c", "d", "e" } do await(m:put(v)) end
    lwt.yield()
    assert.same({ "1a", "2b", "3c", "4d", "5e" }, got)
  end))

  it("lets putters in in the order in which they came", spec(function()
    local m = mvar.create(0)
    local puts = {}
    for i = 1, 20 do puts[i] = m:put(i) end
    for i = 0, 20 do
      assert.equal(i, await(m:take()))
      assert.equal("fulfilled", state(puts[math.min(20, i + 1)]))
    end
    assert.is_true(m:is_empty())
  end))

  it("keeps nil, and promises, as values", spec(function()
    local m = mvar.create()
    await(m:put(nil))
    assert.is_false(m:is_empty())
    assert.is_nil(await(m:take()))
    local p = lwt.wait()
    await(m:put(p))
    assert.equal(p, await(m:take()))
    local taker = m:take()
    m:put(p)
    assert.equal(p, await(taker))
    m:put(1)
    m:put(nil)
    assert.equal(1, await(m:take()))
    assert.same({ nil, true }, { m:take_available() })
  end))

  it("takes what is available without waiting", spec(function()
    local m = mvar.create()
    assert.same({ nil, false }, { m:take_available() })
    m:put(1)
    local second = m:put(2)
    assert.equal(1, (m:take_available()))
    assert.equal("fulfilled", state(second))
    assert.equal(2, (m:take_available()))
    assert.is_true(m:is_empty())
  end))

  it("drops the value of a put that is cancelled", spec(function()
    local m = mvar.create(1)
    local second, third = m:put(2), m:put(3)
    second:cancel()
    assert.equal(1, await(m:take()))
    assert.equal("fulfilled", state(third))
    assert.equal(3, await(m:take()))
    assert.is_true(m:is_empty())
    assert.equal(lwt.Canceled, select(2, second:state()))
  end))

  it("gives the value of a take that was cancelled to the next", spec(function()
    local m = mvar.create()
    local first, second = m:take(), m:take()
    first:cancel()
    m:put("v")
    assert.same({ "fulfilled", "v" }, { second:state() })
    assert.same({ "rejected", lwt.Canceled }, { first:state() })
  end))

  it("stores a value when all takers were cancelled", spec(function()
    local m = mvar.create()
    for _ = 1, 3 do m:take():cancel() end
    assert.equal("fulfilled", state(m:put("v")))
    assert.is_false(m:is_empty())
    assert.equal("v", await(m:take()))
  end))

  it("loses no value to a task that is cancelled after it was handed one", spec(function()
    local m, got = mvar.create(), nil
    local task = lwt.spawn(function()
      got = await(m:take())
      lwt.yield()
    end)
    m:put("v")
    task:cancel()
    assert.is_false((pcall(await, task)))
    assert.equal("v", got)
  end))

  it("cancels the wait of a task, not its place in the cell", spec(function()
    local m = mvar.create()
    local task = lwt.spawn(function() return await(m:take()) end)
    task:cancel()
    assert.equal(lwt.Canceled, select(2, pcall(await, task)))
    m:put(1)
    assert.equal(1, await(m:take()))
  end))

  it("does not lose a value to a task whose next await raises", spec(function()
    local m = mvar.create("v")
    local kept = lwt.spawn(function()
      lwt.current():cancel()
      pcall(await, m:take())
      assert.is_false(m:is_empty())
      lwt.current():cancel()
      return await(lwt.no_cancel(m:take()))
    end)
    local behind = m:take()
    m:put("w")
    assert.equal("v", await(kept))
    assert.equal("w", await(behind))
    pcall(await, lwt.scope(function(s)
      await(m:put("x"))
      s:cancel()
      for _ = 1, 3 do pcall(await, m:take()) end
    end))
    assert.equal("x", (m:take_available()))
  end))

  it("works between a callback and the operations inside it", spec(function()
    local m, got = mvar.create(), {}
    local function again(v)
      got[#got + 1] = v
      if v < 100 then
        m:take():on_success(again)
        m:put(v + 1)
      end
    end
    m:take():on_success(again)
    m:put(1)
    lwt.yield()
    assert.equal(100, #got)
  end))

  it("remembers nothing of a million cancelled waits", spec(function()
    local m = mvar.create()
    local keeper = m:take()
    for _ = 1, 1000 do m:take():cancel() end
    collectgarbage()
    local before = collectgarbage("count")
    for _ = 1, 100000 do m:take():cancel() end
    collectgarbage()
    assert.is_true(collectgarbage("count") - before < 20)
    m:put("v")
    assert.equal("v", await(keeper))
  end))

  it("lets go of what it held", spec(function()
    local m = mvar.create()
    local weak = setmetatable({}, { __mode = "v" })
    for i = 1, 10 do
      weak[i] = { i }
      lwt.ignore_result(m:put(weak[i]))
    end
    for _ = 1, 10 do m:take_available() end
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end))

  it("refuses what is no mvar, at the caller's line", function()
    local ok, err = pcall(function() mvar.put(nil, 1) end)
    assert.is_false(ok)
    assert.matches("mvar_spec.lua:%d+: bad argument #1 to 'put' %(lwt.mvar expected, got nil%)",
      err)
    assert.has_error(function() mvar.take({}) end)
    assert.has_error(function() mvar.is_empty("x") end)
    assert.has_error(function() mvar.take_available(1) end)
  end)

  -- Generated: operations on one mvar against a model with plain lists. Every promise ever given
  -- is compared with the model after every step.
  it("agrees with a model of values in flight", spec(function()
    generated.cases(5000, function(random)
      local m, ops = mvar.create(), {}
      local full, cell, putters, takers = false, nil, {}, {}
      local serial = 0
      local function remove(list, op)
        for i, o in ipairs(list) do
          if o == op then return table.remove(list, i) end
        end
      end
      local function model_take()
        local v = cell
        local waiting = table.remove(putters, 1)
        if waiting then
          cell, waiting.expect = waiting.value, "fulfilled"
        else
          full, cell = false, nil
        end
        return v
      end
      for _ = 1, random(30) do
        local what = random(10)
        if what <= 4 then
          serial = serial + 1
          local op = { p = m:put(serial), value = serial, put = true }
          ops[#ops + 1] = op
          local taker = not full and table.remove(takers, 1)
          if taker then
            taker.expect, taker.got, op.expect = "fulfilled", serial, "fulfilled"
          elseif full then
            op.expect = "pending"
            putters[#putters + 1] = op
          else
            full, cell, op.expect = true, serial, "fulfilled"
          end
        elseif what <= 7 then
          local op = { p = m:take() }
          ops[#ops + 1] = op
          if full then
            op.expect, op.got = "fulfilled", model_take()
          else
            op.expect = "pending"
            takers[#takers + 1] = op
          end
        elseif what == 8 then
          local v, found = m:take_available()
          same(full, found)
          if full then same(model_take(), v) end
        elseif #ops > 0 then
          local op = ops[random(#ops)]
          op.p:cancel()
          if op.expect == "pending" then
            op.expect = "rejected"
            remove(putters, op)
            remove(takers, op)
          end
        end
        same(not full, m:is_empty())
        for _, op in ipairs(ops) do
          local s, v = op.p:state()
          same(op.expect, s)
          if s == "fulfilled" and not op.put then same(op.got, v) end
        end
      end
    end)
  end, { timeout = 600 }))

  -- Generated: tasks that put, take, are cancelled at any time, in a shuffled order: every value
  -- that was put and not withdrawn is taken once, or is in the cell at the end.
  it("neither loses nor doubles a value among tasks that are cancelled", function()
    generated.cases(2000, function(random, seed)
      test.fuzz(seed, function()
        local m, taken, accepted, tasks = mvar.create(), {}, {}, {}
        local serial = 0
        local function note(v)
          assert(not taken[v], "taken twice")
          taken[v] = true
        end
        for i = 1, random(12) do
          local putting = random(2) == 1
          tasks[i] = lwt.spawn(function()
            for _ = 1, random(4) do
              if putting then
                serial = serial + 1
                local v = serial
                local p = m:put(v)
                local ok = pcall(await, p)
                if p:state() == "fulfilled" then accepted[v] = true end
                if not ok then return end
              else
                local p = m:take()
                local ok, v = pcall(await, p)
                if ok then
                  note(v)
                else
                  -- Woken, or told at once, and cancelled all the same.
                  local s, value = p:state()
                  if s == "fulfilled" then note(value) end
                  return
                end
              end
              if random(3) == 1 then lwt.yield() end
            end
          end)
        end
        for _ = 1, random(6) do
          lwt.yield()
          tasks[random(#tasks)]:cancel()
        end
        for _ = 1, 20 do lwt.yield() end
        for _, task in ipairs(tasks) do task:cancel() end
        for _, task in ipairs(tasks) do pcall(await, task) end
        local left, found = m:take_available()
        if found then note(left) end
        same(true, m:is_empty())
        for v in pairs(accepted) do same(true, taken[v]) end
        for v in pairs(taken) do same(true, accepted[v]) end
      end)()
    end)
  end)
end)
