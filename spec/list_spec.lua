local lwt = require "lwt"
local list = require "lwt.list"
local test = require "lwt.test"

local await, spec = lwt.await, test.virtual

local function fails(expected, p)
  local ok, err = pcall(await, p)
  assert.is_false(ok)
  assert.equal(expected, err)
end

-- A function that takes `v` seconds.
local function slow(f)
  return function(v, ...)
    await(lwt.sleep(type(v) == "number" and v or 1))
    return f(v, ...)
  end
end

local function same(v) return v end

-- Every function over one list that calls `f(v)`.
local ONE = { "iter", "map", "filter", "filter_map", "for_all", "exists", "find", "find_map",
  "partition" }

describe("lwt.list", function()
  it("maps, in the list's order whatever finishes first", spec(function()
    for _, name in ipairs { "map_s", "map_p", "map_n" } do
      assert.same({ 30, 10, 20, n = 3 },
        await(list[name](slow(function(v) return v * 10 end), { 3, 1, 2 }, 2)))
      assert.same({ n = 0 }, await(list[name](same, {})))
    end
  end))

  it("counts from 1 in iteri and mapi", spec(function()
    for _, form in ipairs { "_s", "_p" } do
      local seen = {}
      await(list["iteri" .. form](function(i, v) seen[i] = v end, { "a", "b" }))
      assert.same({ "a", "b" }, seen)
      assert.same({ "1a", "2b", n = 2 },
        await(list["mapi" .. form](function(i, v) return i .. v end, { "a", "b" })))
    end
  end))

  it("calls one after another in the _s forms, all at once in the _p forms", spec(function()
    for _, name in ipairs(ONE) do
      local running, most = 0, 0
      local function f()
        running = running + 1
        most = math.max(most, running)
        await(lwt.sleep(1))
        running = running - 1
        if name == "exists" or name == "find" then return false end
        if name == "find_map" then return nil end
        return true
      end
      await(list[name .. "_s"](f, { 1, 2, 3 }))
      assert.equal(1, most)
      local began = lwt.now()
      await(list[name .. "_p"](f, { 1, 2, 3 }))
      assert.equal(3, most)
      assert.equal(1, lwt.now() - began)
    end
  end))

  it("filters, partitions and filter_maps, keeping the order", spec(function()
    local l = { 3, 1, 4, 2 }
    for _, form in ipairs { "_s", "_p" } do
      local big = slow(function(v) return v > 2 end)
      assert.same({ 3, 4, n = 2 }, await(list["filter" .. form](big, l)))
      local yes, no = await(list["partition" .. form](big, l))
      assert.same({ 3, 4, n = 2 }, yes)
      assert.same({ 1, 2, n = 2 }, no)
      local double = slow(function(v) if v > 1 then return v * 2 end end)
      assert.same({ 6, 8, 4, n = 3 }, await(list["filter_map" .. form](double, l)))
    end
  end))

  it("tells whether all or some are so, and finds the first in the list", spec(function()
    local l = { 3, 1, 4, 2 }
    for _, form in ipairs { "_s", "_p" } do
      local function over(n) return slow(function(v) return v > n end) end
      assert.is_true(await(list["for_all" .. form](over(0), l)))
      assert.is_false(await(list["for_all" .. form](over(1), l)))
      assert.is_true(await(list["exists" .. form](over(3), l)))
      assert.is_false(await(list["exists" .. form](over(4), l)))
      assert.equal(3, await(list["find" .. form](over(2), l)))
      assert.is_nil(await(list["find" .. form](over(9), l)))
      local name = slow(function(v) if v > 3 then return "v" .. v end end)
      assert.equal("v4", await(list["find_map" .. form](name, l)))
      assert.is_nil(await(list["find_map" .. form](function() return nil end, l)))
    end
  end))

  it("asks no further than needed in the _s forms", spec(function()
    local function count(name, stop)
      local calls = 0
      await(list[name](function(v)
        calls = calls + 1
        return stop(v)
      end, { 1, 2, 3, 4 }))
      return calls
    end
    assert.equal(2, count("for_all_s", function(v) return v < 2 end))
    assert.equal(2, count("exists_s", function(v) return v == 2 end))
    assert.equal(2, count("find_s", function(v) return v == 2 end))
    assert.equal(2, count("find_map_s", function(v) return v == 2 or nil end))
    assert.equal(4, count("exists_p", function(v) return v == 2 end))
  end))

  it("folds from the left and from the right", spec(function()
    assert.equal("xabc", await(list.fold_left_s(slow(function(acc, v) return acc .. v end), "x",
      { "a", "b", "c" })))
    assert.equal("xcba", await(list.fold_right_s(slow(function(v, acc) return acc .. v end),
      { "a", "b", "c" }, "x")))
    assert.equal(5, await(list.fold_left_s(function() end, 5, {})))
  end))

  it("follows promises that its function returns", spec(function()
    local function promise(v) return lwt.sleep(1):map(function() return v * 2 end) end
    for _, name in ipairs { "map_s", "map_p", "map_n" } do
      assert.same({ 2, 4, n = 2 }, await(list[name](promise, { 1, 2 })))
    end
    assert.equal(6, await(list.fold_left_s(function(acc, v)
      return lwt.fulfilled(acc + v)
    end, 0, { 1, 2, 3 })))
  end))

  it("takes lists with nil in them that have an n", spec(function()
    local l = { nil, 2, nil, n = 3 }
    local seen = {}
    for _, name in ipairs { "map_s", "map_p", "map_n" } do
      assert.same({ "nil", "2", "nil", n = 3 }, await(list[name](tostring, l)))
      assert.same({ n = 3 }, await(list[name](function() end, l)))
    end
    await(list.iteri_s(function(i, v) seen[#seen + 1] = i .. tostring(v) end, l))
    assert.same({ "1nil", "22", "3nil" }, seen)
    assert.same({ nil, nil, n = 2 }, await(list.filter_p(function(v) return v == nil end, l)))
  end))

  it("stops at the first failure in the _s forms", spec(function()
    for _, name in ipairs(ONE) do
      local calls = 0
      fails("two", list[name .. "_s"](function(v)
        calls = calls + 1
        await(lwt.pause())
        if v == 2 then error("two", 0) end
        if name == "for_all" then return true end
      end, { 1, 2, 3 }))
      assert.equal(2, calls)
    end
    fails("no", list.fold_left_s(function() error("no", 0) end, 0, { 1 }))
    fails("no", list.fold_right_s(function() error("no", 0) end, { 1 }, 0))
  end))

  it("starts everything, and cancels and awaits the rest at the first failure", spec(function()
    for _, name in ipairs(ONE) do
      local started, cancelled, cleaned = 0, 0, 0
      local began = lwt.now()
      fails("two", list[name .. "_p"](function(v)
        started = started + 1
        if v == 2 then
          await(lwt.sleep(1))
          error("two", 0)
        end
        local ok, err = pcall(await, lwt.sleep(50))
        if not ok then
          cancelled = cancelled + 1
          lwt.shield(function() await(lwt.sleep(2)) end)
          cleaned = cleaned + 1
        end
        error(err, 0)
      end, { 1, 2, 3 }))
      assert.same({ 3, 2, 2 }, { started, cancelled, cleaned })
      assert.equal(3, lwt.now() - began)
    end
  end))

  it("starts everything also when the first fails at once", spec(function()
    local started = 0
    fails(1, list.map_p(function(v)
      started = started + 1
      error(v, 0)
    end, { 1, 2, 3 }))
    assert.equal(3, started)
  end))

  it("cancels what runs when the result is cancelled", spec(function()
    for _, name in ipairs { "map_s", "map_p", "map_n", "iter_n" } do
      local cancelled, cleaned = 0, 0
      local p = list[name](function()
        local _, err = pcall(await, lwt.sleep(50))
        if err == lwt.Canceled then cancelled = cancelled + 1 end
        lwt.shield(function() await(lwt.sleep(1)) end)
        cleaned = cleaned + 1
        error(err, 0)
      end, { 1, 2, 3 }, 2)
      p:cancel()
      fails(lwt.Canceled, p)
      local running = ({ map_s = 1, map_p = 3, map_n = 2, iter_n = 2 })[name]
      assert.same({ running, running }, { cancelled, cleaned })
    end
  end))

  it("runs at most so many in the _n forms, and starts no more after a failure", spec(function()
    for _, name in ipairs { "map_n", "iter_n" } do
      local running, most, started = 0, 0, 0
      await(list[name](function(v)
        running = running + 1
        most = math.max(most, running)
        await(lwt.sleep(v % 3 + 1))
        running = running - 1
      end, { 1, 2, 3, 4, 5, 6, 7 }, 3))
      assert.equal(3, most)
      fails("two", list[name](function(v)
        started = started + 1
        await(lwt.sleep(v))
        if v == 2 then error("two", 0) end
      end, { 5, 2, 5, 5 }, 2))
      assert.equal(2, started)
    end
  end))

  it("starts in the list's order, whoever is done first", spec(function()
    for _, name in ipairs { "map_n", "iter_n" } do
      local order = {}
      await(list[name](function(v)
        order[#order + 1] = v
        if v % 3 ~= 0 then await(lwt.sleep(10 / v)) end
      end, { 1, 2, 3, 4, 5, 6, 7, 8, 9 }, 4))
      assert.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9 }, order)
    end
  end))

  it("starts no more from the moment of the cancel on", spec(function()
    for _, name in ipairs { "map_n", "iter_n" } do
      for max = 1, 3 do
        local started, ended = 0, 0
        local gate, open = lwt.wait()
        local p = list[name](function()
          started = started + 1
          await(lwt.protected(gate))
          ended = ended + 1
        end, { 1, 2, 3, 4, 5, 6 }, max)
        open:wakeup() -- they may go on …
        p:cancel() -- … and each would come to its next one before the crew hears of this
        fails(lwt.Canceled, p)
        assert.same({ max, max }, { started, ended })
      end
    end
  end))

  it("starts no more when its function takes no notice of the cancel", spec(function()
    for _, name in ipairs { "map_n", "iter_n" } do
      local started = 0
      local function stubborn(v)
        started = started + 1
        pcall(await, lwt.sleep(50))
        if v == 0 then error("zero", 0) end
        await(lwt.sleep(1)) -- told once
      end
      local p = list[name](stubborn, { 1, 2, 3, 4, 5 }, 2)
      await(lwt.sleep(1))
      p:cancel()
      fails(lwt.Canceled, p)
      assert.equal(2, started)
      started = 0
      fails("zero", list[name](stubborn, { 1, 0, 3, 4, 5 }, 2))
      assert.equal(2, started)
    end
  end))

  it("starts no more when one has failed, also where others are done at the same time",
    spec(function()
      for _, name in ipairs { "map_n", "iter_n" } do
        local started, ended = 0, 0
        fails("two", list[name](function(v)
          started = started + 1
          await(lwt.sleep(1))
          if v == 2 then error("two", 0) end
          ended = ended + 1
        end, { 1, 2, 3, 4, 5, 6 }, 3))
        assert.is_true(started <= 4, started) -- the first was done before, and had its next
        assert.is_true(ended <= 2, ended)
        local calls = 0
        fails("at once", list[name](function(v)
          calls = calls + 1
          if v == 2 then error("at once", 0) end
        end, { 1, 2, 3 }, 2))
        assert.equal(2, calls)
      end
    end))

  it("goes through a long list", spec(function()
    local l = {}
    for i = 1, 100000 do l[i] = i end
    assert.equal(100000, (await(list.map_s(same, l))).n)
    assert.equal(100000, (await(list.map_p(same, l)))[100000])
    assert.equal(100000, (await(list.map_n(same, l, 10)))[100000])
    local k = {}
    for i = 1, 10000 do k[i] = i end
    assert.equal(10000, (await(list.map_p(function(v) await(lwt.pause()) return v end, k)))[10000])
  end))

  it("says what is wrong with an argument, at the caller's line", function()
    local cases = {
      { "bad argument #1 to 'map_p' (function expected, got nil)",
        function() list.map_p(nil, {}) end },
      { "bad argument #2 to 'map_p' (table expected, got nil)", function() list.map_p(same) end },
      { "bad argument #3 to 'map_n' (must be at least 1, got 0)",
        function() list.map_n(same, {}, 0) end },
      { "bad argument #3 to 'fold_left_s' (table expected, got nil)",
        function() list.fold_left_s(same, 0) end },
      { "bad argument #2 to 'map_n' (its length is no integer, but lwt.promise)",
        function() list.map_n(same, setmetatable({}, { __len = lwt.fulfilled })) end },
    }
    for _, case in ipairs(cases) do
      local ok, err = pcall(case[2])
      assert.is_false(ok)
      assert.truthy(err:find(case[1], 1, true), err)
      assert.truthy(err:find("list_spec.lua", 1, true), err)
    end
  end)
end)
