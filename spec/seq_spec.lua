local lwt = require "lwt"
local core = require "spec.support.core"
local seq = require "lwt.seq"
local stream = require "lwt.stream"
local test = require "lwt.test"

local await, spec = lwt.await, test.virtual

local function fails(expected, p)
  local ok, err = pcall(await, p)
  assert.is_false(ok)
  assert.equal(expected, err)
end

local function list(q)
  local l = await(q:to_list())
  l.n = nil
  return l
end

local function slow(v)
  await(lwt.sleep(1))
  return v
end

-- The same elements, some at once and some later.
local function made(l)
  return {
    seq.of_list(l),
    seq.of_list(l):map_s(slow),
    seq.of_list(l):map_s(function(v) if v % 2 == 0 then return slow(v) end return v end),
    seq.of_seq(function(_, i)
      i = (i or 0) + 1
      return l[i] and i
    end):map(function(i) return l[i] end),
  }
end

describe("lwt.seq", function()
  it("gives its elements, again and again, working them out each time", spec(function()
    local calls = 0
    local q = seq.unfold(1, function(n)
      calls = calls + 1
      if n <= 3 then return n * 10, n + 1 end
    end)
    assert.equal(0, calls)
    assert.same({ 10, 20, 30 }, list(q))
    assert.same({ 10, 20, 30 }, list(q))
    assert.equal(8, calls)
  end))

  it("is made from values, promises, lists and iterators", spec(function()
    assert.same({}, list(seq.empty))
    assert.same({ 1 }, list(seq.single(1)))
    assert.same({ 1 }, list(seq.return_lwt(lwt.sleep(1):map(function() return 1 end))))
    assert.same({ 1, 2 }, list(seq.single(2):cons(1)))
    assert.same({ 1, 2 }, list(seq.single(2):cons_lwt(lwt.sleep(1):map(function() return 1 end))))
    assert.same({ 1, 2 }, list(seq.of_list { 1, 2 }))
    assert.equal(3, await(seq.of_list({ nil, 2, nil, n = 3 }):to_list()).n)
    local i = 0
    local promises = seq.of_seq_lwt(function()
      i = i + 1
      if i < 3 then return lwt.sleep(1):map(function() return "p" end) end
    end)
    assert.same({ "p", "p" }, list(promises))
    assert.same({ 3, 2, 1 }, list(seq.unfold_lwt(3, function(n)
      await(lwt.sleep(1))
      if n > 0 then return n, n - 1 end
    end)))
  end))

  it("made from an iterator can be gone through twice", spec(function()
    local q = seq.of_seq(("a b c"):gmatch("%a"))
    assert.same({ "a", "b", "c" }, list(q))
    assert.same({ "a", "b", "c" }, list(q))
  end))

  it("maps, filters, filter_maps, flat_maps and appends", spec(function()
    for _, q in ipairs(made { 1, 2, 3, 4 }) do
      assert.same({ 2, 4, 6, 8 }, list(q:map(function(v) return v * 2 end)))
      assert.same({ 2, 4, 6, 8 }, list(q:map_s(function(v) return slow(v * 2) end)))
      assert.same({ 3, 4 }, list(q:filter(function(v) return v > 2 end)))
      assert.same({ 3, 4 }, list(q:filter_s(function(v) return slow(v > 2) end)))
      local function big(v) if v > 2 then return "v" .. v end end
      assert.same({ "v3", "v4" }, list(q:filter_map(big)))
      assert.same({ "v3", "v4" }, list(q:filter_map_s(function(v) return slow(big(v)) end)))
      for _, inner in ipairs(made { 7 }) do
        assert.same({ 7, 7 }, list(q:flat_map(function(v)
          return v % 2 == 0 and inner or seq.empty
        end)))
      end
      for _, r in ipairs(made { 9 }) do
        assert.same({ 1, 2, 3, 4, 9 }, list(q:append(r)))
      end
    end
  end))

  it("is lazy: nothing is worked out before it is wanted, nor more than is", spec(function()
    local calls = 0
    local q = seq.of_list({ 1, 2, 3 }):map(function(v)
      calls = calls + 1
      return v
    end):filter(function(v) return v > 1 end)
    assert.equal(0, calls)
    local v, rest = await(q:next())
    assert.equal(2, v)
    assert.equal(2, calls)
    assert.equal(3, (await(rest:next())))
    assert.equal(3, calls)
  end))

  it("folds and iterates", spec(function()
    for _, q in ipairs(made { 1, 2, 3 }) do
      assert.equal("123", await(q:fold_left("", function(acc, v) return acc .. v end)))
      assert.equal("123", await(q:fold_left_s("", function(acc, v) return slow(acc .. v) end)))
      for _, name in ipairs { "iter", "iter_s", "iter_p", "iter_n" } do
        local seen = {}
        await(q[name](q, function(v) seen[#seen + 1] = v end))
        assert.same({ 1, 2, 3 }, seen)
      end
      local seen = {}
      for v in q:each() do seen[#seen + 1] = v end
      assert.same({ 1, 2, 3 }, seen)
    end
  end))

  it("does not await in the plain forms", spec(function()
    local waited = lwt.fulfilled()
    local ok, err = pcall(await, seq.of_list({ 1 }):map(function() await(waited) end):to_list())
    assert.is_false(ok)
    assert.truthy(tostring(err):find("await", 1, true))
  end))

  it("next gives the first and the others, or nothing", spec(function()
    local v, rest = await(seq.single("a"):next())
    assert.equal("a", v)
    assert.same({}, { await(rest:next()) })
  end))

  it("fails where its function fails, for whoever reads it", spec(function()
    local function bad(v)
      if v == 2 then error("two", 0) end
      return v
    end
    for _, q in ipairs(made { 1, 2, 3 }) do
      for _, name in ipairs { "map", "map_s", "filter", "filter_s", "filter_map", "filter_map_s" } do
        local m = q[name](q, bad)
        fails("two", m:to_list())
        fails("two", m:iter_s(function() end))
        fails("two", m:iter_p(function() end))
      end
      fails("two", q:iter(bad))
      fails("two", q:iter_s(bad))
      fails("two", q:iter_p(bad))
      fails("two", q:iter_n(bad, 2))
      fails("two", q:fold_left(0, function(_, v) return bad(v) end))
      fails("two", q:fold_left_s(0, function(_, v) return bad(v) end))
    end
    fails("no", seq.return_lwt(lwt.rejected("no")):to_list())
    local ok, err = pcall(await, seq.single(1):flat_map(function() return 5 end):to_list())
    assert.is_false(ok)
    assert.equal("'flat_map': a sequence expected, got number", err)
  end))

  it("iter_p forces on while its calls run; iter_n only where there is room", spec(function()
    local forced = 0
    local q = seq.unfold(1, function(n)
      if n <= 5 then
        forced = forced + 1
        return n, n + 1
      end
    end)
    local p = q:iter_p(function() await(lwt.sleep(1)) end)
    assert.equal(5, forced)
    await(p)
    forced = 0
    p = q:iter_n(function() await(lwt.sleep(1)) end, 2)
    assert.equal(2, forced)
    await(p)
    assert.equal(5, forced)
  end))

  it("cancels what runs when the result is cancelled", spec(function()
    for _, name in ipairs { "iter_s", "iter_p", "iter_n" } do
      local cancelled = 0
      local q = seq.of_list { 1, 2, 3 }
      local p = q[name](q, function()
        local _, err = pcall(await, lwt.sleep(50))
        if err == lwt.Canceled then cancelled = cancelled + 1 end
        error(err, 0)
      end, 2)
      p:cancel()
      fails(lwt.Canceled, p)
      assert.equal(({ iter_s = 1, iter_p = 3, iter_n = 2 })[name], cancelled)
    end
    local p = seq.of_list({ 1 }):map_s(slow):to_list()
    p:cancel()
    fails(lwt.Canceled, p)
  end))

  it("stops at the first failure, cancelling and awaiting the others", spec(function()
    local cleaned = 0
    fails("bad", seq.of_list({ 1, 2, 3 }):iter_p(function(v)
      if v == 2 then
        await(lwt.sleep(1))
        error("bad", 0)
      end
      local _, err = pcall(await, lwt.sleep(50))
      lwt.shield(function() await(lwt.sleep(2)) end)
      cleaned = cleaned + 1
      error(err, 0)
    end))
    assert.equal(2, cleaned)
  end))

  it("becomes a stream", spec(function()
    for _, q in ipairs(made { 1, 2, 3 }) do
      local l = await(stream.of_seq(q):to_list())
      assert.same({ 1, 2, 3, n = 3 }, l)
    end
  end))

  it("of very many elements needs no memory and no stack", spec(function()
    local function numbers(n)
      return seq.unfold(1, function(i) if i <= n then return i, i + 1 end end)
    end
    local many, most = core.count(100000, 300000), core.count(200000, 1000000)
    assert.equal(most, await(numbers(most):fold_left(0, function(acc) return acc + 1 end)))
    assert.same({ many }, list(numbers(many):filter(function(v) return v == many end)))
    assert.same({ 30000 }, list(numbers(30000):filter_s(function(v) return v == 30000 end)))
    local later = numbers(30000):map_s(function(v)
      await(lwt.pause())
      return v
    end)
    assert.same({ 30000 }, list(later:filter(function(v) return v == 30000 end)))
    assert.same({}, list(numbers(100000):flat_map(function() return seq.empty end)))
  end))

  it("says what is wrong with an argument, at the caller's line", function()
    local q = seq.empty
    local cases = {
      { "bad argument #1 to 'map' (function expected, got nil)", function() q:map() end },
      { "bad argument #1 to 'map' (lwt.seq expected, got table)", function() seq.map({}) end },
      { "bad argument #1 to 'append' (lwt.seq expected, got nil)", function() q:append() end },
      { "bad argument #2 to 'iter_n' (must be at least 1, got 0)",
        function() q:iter_n(print, 0) end },
    }
    for _, case in ipairs(cases) do
      local ok, err = pcall(case[2])
      assert.is_false(ok)
      assert.truthy(err:find(case[1], 1, true), err)
      assert.truthy(err:find("seq_spec.lua", 1, true), err)
    end
  end)
end)
