-- choose, pick, nchoose and npick, which take what comes first; every mixture of states.

local lwt = require "lwt"
local core = require "spec.support.core"
local is, new_log = core.is, core.log

local function fulfilled_table(p)
  local state, t = p:state()
  assert.equal("fulfilled", state)
  assert.equal("table", type(t))
  return t
end

-- Promises and resolvers in two lists.
local function several(n, make)
  local promises, resolvers = {}, {}
  for i = 1, n do promises[i], resolvers[i] = (make or lwt.wait)() end
  return promises, resolvers
end

-- What choose and pick have in common.
for _, name in ipairs { "choose", "pick" } do
  local one_of = lwt[name]

  describe(name, function()
    it("follows the first to be resolved, with all its values", function()
      local p, r = several(3)
      local first = one_of(p)
      is(first, "pending")
      r[2]:wakeup("b", nil, 3)
      is(first, "fulfilled", "b", nil, 3)
      r[1]:wakeup "a"
      r[3]:wakeup_exn "c"
      is(first, "fulfilled", "b", nil, 3)
    end)

    it("follows the first to change its state, whichever callbacks run first", function()
      local p, r = several(1)
      local mapped, failing = p[1]:map(function() return "mapped" end), p[1]:map(error)
      local first, second = one_of { mapped, p[1] }, one_of { failing, p[1] }
      r[1]:wakeup "p"
      is(first, "fulfilled", "p")
      is(second, "fulfilled", "p")
      failing:state()
      local q, s = several(3)
      local third = one_of { q[1], q[2] }
      q[3]:on_success(function()
        s[2]:wakeup_later "second"
        s[1]:wakeup_exn "first"
      end)
      s[3]:wakeup()
      is(third, "fulfilled", "second")
      q[1]:state()
    end)

    it("is rejected when the first to be resolved is", function()
      for _, err in ipairs { "oops", false } do
        local p, r = several(2)
        local first = one_of(p)
        r[2]:wakeup_exn(err)
        is(first, "rejected", err)
      end
      local p, r = several(2)
      local first = one_of(p)
      r[1]:wakeup_exn(nil)
      is(first, "rejected", nil)
    end)

    it("returns the very promise when one is already resolved", function()
      local p = several(2)
      local done = lwt.fulfilled(7)
      assert.is_true(rawequal(done, one_of { p[1], done, p[2] }))
      local failed = lwt.rejected "oops"
      assert.is_true(rawequal(failed, one_of { p[1], failed, p[2] }))
      failed:state()
    end)

    it("takes the first in the list of several that are fulfilled", function()
      local a, b = lwt.fulfilled "a", lwt.fulfilled "b"
      local pending = lwt.wait()
      assert.is_true(rawequal(a, one_of { pending, a, b }))
    end)

    it("prefers a rejected one, and the first in the list of several", function()
      local a, b = lwt.rejected "a", lwt.rejected "b"
      assert.is_true(rawequal(a, one_of { lwt.fulfilled(1), a, lwt.fulfilled(2), b }))
      b:state()
    end)

    it("takes the same promise several times", function()
      local p, r = several(1)
      local first = one_of { p[1], p[1] }
      r[1]:wakeup(5)
      is(first, "fulfilled", 5)
    end)

    it("takes a list of one", function()
      local p, r = several(1)
      local first = one_of { p[1] }
      r[1]:wakeup(5)
      is(first, "fulfilled", 5)
    end)

    it("raises for an empty list", function()
      local ok, err = pcall(one_of, {})
      assert.is_false(ok)
      assert.truthy(err:find("bad argument #1 to '[%w_.]*" .. name .. "' %("), err)
    end)

    it("leaves no waiter on the losers", function()
      local p, r = several(2)
      local log = new_log()
      p[2]:on_success(log.word "still there")
      local first = one_of(p)
      r[1]:wakeup(1)
      r[2]:wakeup(2)
      is(first, "fulfilled", 1)
      log.says "still there"
    end)
  end)
end

describe("choose", function()
  it("cancels nobody", function()
    local p, r = several(2, lwt.task)
    lwt.choose(p)
    r[1]:wakeup()
    is(p[2], "pending")
    lwt.choose { lwt.fulfilled(), p[2] }
    is(p[2], "pending")
  end)
end)

describe("pick", function()
  it("cancels the losers, before it is resolved itself", function()
    local p, r = several(3, lwt.task)
    local log = new_log()
    p[1]:on_cancel(log.word "1 canceled")
    p[3]:on_cancel(log.word "3 canceled")
    local first = lwt.pick(p)
    p[1]:on_cancel(function() log("result", first:state()) end)
    first:on_success(log.word "picked")
    r[2]:wakeup "x"
    log.says "1 canceled result:pending 3 canceled picked"
    is(p[1], "rejected", lwt.Canceled)
    is(p[3], "rejected", lwt.Canceled)
    is(first, "fulfilled", "x")
  end)

  it("runs the handlers of the losers before those of its result", function()
    local p, r = several(2, lwt.task)
    local log = new_log()
    local cleaned = p[1]:finalize(log.word "cleanup")
    local first = lwt.pick { cleaned, p[2] }
    first:on_success(log.word "picked")
    r[2]:wakeup()
    log.says "cleanup picked"
  end)

  it("cancels the pending ones when one is already resolved", function()
    local p = several(2, lwt.task)
    is(lwt.pick { p[1], lwt.fulfilled(1), p[2] }, "fulfilled", 1)
    is(p[1], "rejected", lwt.Canceled)
    is(p[2], "rejected", lwt.Canceled)
  end)

  it("cancels the pending ones when one is already rejected", function()
    local p = several(1, lwt.task)
    is(lwt.pick { p[1], lwt.rejected "oops" }, "rejected", "oops")
    is(p[1], "rejected", lwt.Canceled)
  end)

  it("leaves alone what cannot be cancelled", function()
    local waiting, r = lwt.wait()
    local p, rp = lwt.task()
    local first = lwt.pick { waiting, p }
    rp:wakeup(1)
    is(first, "fulfilled", 1)
    is(waiting, "pending")
    r:wakeup(2)
    is(first, "fulfilled", 1)
  end)

  it("keeps its winner when cancelling a loser resolves another candidate", function()
    local p, r = several(3, lwt.task)
    p[1]:on_cancel(function() r[3]:wakeup "too late" end)
    local first = lwt.pick(p)
    r[2]:wakeup "winner"
    is(first, "fulfilled", "winner")
    is(p[3], "fulfilled", "too late")
  end)

  it("ignores that its result is cancelled by a loser's handler", function()
    local p, r = several(2, lwt.task)
    local first = lwt.pick(p)
    p[1]:on_cancel(function() first:cancel() end)
    r[2]:wakeup "winner"
    is(first, "fulfilled", "winner")
  end)

  it("may be nested", function()
    local p, r = several(4, lwt.task)
    local inner1, inner2 = lwt.pick { p[1], p[2] }, lwt.pick { p[3], p[4] }
    local first = lwt.pick { inner1, inner2 }
    r[4]:wakeup "x"
    is(first, "fulfilled", "x")
    for i = 1, 3 do is(p[i], "rejected", lwt.Canceled) end
  end)
end)

for _, name in ipairs { "nchoose", "npick" } do
  local some_of = lwt[name]

  describe(name, function()
    it("is a table of the first values of all that are already fulfilled, in the list's "
      .. "order", function()
      local p = several(1)
      local t = fulfilled_table(some_of { lwt.fulfilled "a", p[1], lwt.fulfilled("b", "ignored") })
      assert.same({ "a", "b", n = 2 }, t)
    end)

    it("keeps places for nil", function()
      assert.same({ nil, 2, nil, n = 3 },
        fulfilled_table(some_of { lwt.fulfilled(), lwt.fulfilled(2), lwt.fulfilled(nil) }))
    end)

    it("waits for the first when none is resolved", function()
      local p, r = several(3)
      local some = some_of(p)
      is(some, "pending")
      r[2]:wakeup "b"
      assert.same({ "b", n = 1 }, fulfilled_table(some))
    end)

    it("has no promise that only becomes resolved in the same cascade", function()
      -- The dependant was attached before, so its callback runs before; but p was first.
      local p, r = several(1)
      local mapped = p[1]:map(function(x) return x + 1 end)
      local some = some_of { mapped, p[1] }
      r[1]:wakeup(1)
      assert.same({ 1, n = 1 }, fulfilled_table(some))
      local q, s = several(1)
      local failing = q[1]:map(error)
      local other = some_of { failing, q[1] }
      s[1]:wakeup(1)
      assert.same({ 1, n = 1 }, fulfilled_table(other))
      failing:state()
    end)

    it("is rejected with the first in the list that is rejected", function()
      is(some_of { lwt.fulfilled(1), lwt.rejected "a", lwt.rejected "b" }, "rejected", "a")
      local p, r = several(2)
      local some = some_of(p)
      r[2]:wakeup_exn(nil)
      is(some, "rejected", nil)
    end)

    it("counts a promise that is listed twice twice", function()
      local p, r = several(1)
      local some = some_of { p[1], p[1] }
      r[1]:wakeup(5)
      assert.same({ 5, 5, n = 2 }, fulfilled_table(some))
      assert.same({ 6, 6, n = 2 },
        fulfilled_table((function() local f = lwt.fulfilled(6) return some_of { f, f } end)()))
    end)

    it("raises for an empty list", function()
      local ok, err = pcall(some_of, {})
      assert.is_false(ok)
      assert.truthy(err:find("bad argument #1 to '[%w_.]*" .. name .. "' %("), err)
    end)
  end)
end

describe("nchoose", function()
  it("cancels nobody", function()
    local p, r = several(2, lwt.task)
    lwt.nchoose(p)
    r[1]:wakeup()
    is(p[2], "pending")
    lwt.nchoose { lwt.fulfilled(), p[2] }
    is(p[2], "pending")
  end)
end)

describe("npick", function()
  it("collects the results, then cancels the rest, then is resolved", function()
    local p, r = several(3, lwt.task)
    local log = new_log()
    local some = lwt.npick(p)
    p[1]:on_cancel(function()
      log("canceled", (some:state()))
      r[3]:wakeup "too late"
    end)
    some:on_success(function(t) log("result", t.n, t[1]) end)
    r[2]:wakeup "b"
    log.says "canceled:pending result:1:b"
    is(p[1], "rejected", lwt.Canceled)
    is(p[3], "fulfilled", "too late")
  end)

  it("cancels the pending ones when some are already resolved, or rejected", function()
    local p = several(2, lwt.task)
    assert.same({ 1, 2, n = 2 },
      fulfilled_table(lwt.npick { lwt.fulfilled(1), p[1], lwt.fulfilled(2) }))
    is(p[1], "rejected", lwt.Canceled)
    is(lwt.npick { lwt.rejected "oops", p[2] }, "rejected", "oops")
    is(p[2], "rejected", lwt.Canceled)
  end)
end)

describe("nchoose_split", function()
  it("gives the values of the fulfilled and the pending promises, both in the list's "
    .. "order", function()
    local p = several(2)
    local state, values, rest =
      lwt.nchoose_split({ p[1], lwt.fulfilled "a", p[2], lwt.fulfilled(nil) }):state()
    assert.equal("fulfilled", state)
    assert.same({ "a", nil, n = 2 }, values)
    assert.equal(2, rest.n or #rest)
    assert.is_true(rawequal(p[1], rest[1]))
    assert.is_true(rawequal(p[2], rest[2]))
  end)

  it("waits for the first when none is resolved, and gives the rest in the list's order", function()
    local p, r = several(3)
    local split = lwt.nchoose_split(p)
    is(split, "pending")
    r[2]:wakeup "b"
    local _, values, rest = split:state()
    assert.same({ "b", n = 1 }, values)
    assert.equal(2, rest.n or #rest)
    assert.is_true(rawequal(p[1], rest[1]))
    assert.is_true(rawequal(p[3], rest[2]))
  end)

  it("keeps among the rest what is resolved in the same cascade: nothing is lost", function()
    local p, r = several(1)
    local mapped = p[1]:map(function(x) return x + 1 end)
    local split = lwt.nchoose_split { mapped, p[1] }
    r[1]:wakeup(1)
    local _, values, rest = split:state()
    assert.same({ 1, n = 1 }, values)
    assert.is_true(rawequal(mapped, rest[1]))
    assert.is_nil(rest[2])
  end)

  it("has an empty list of pending ones when all are fulfilled", function()
    local _, values, rest = lwt.nchoose_split({ lwt.fulfilled(1) }):state()
    assert.same({ 1, n = 1 }, values)
    assert.equal(0, rest.n or #rest)
  end)

  it("is rejected with the first in the list that is rejected", function()
    is(lwt.nchoose_split { (lwt.wait()), lwt.fulfilled(1), lwt.rejected "b" }, "rejected", "b")
    local p, r = several(2)
    local split = lwt.nchoose_split(p)
    r[1]:wakeup_exn "oops"
    is(split, "rejected", "oops")
  end)

  it("cancels nobody, and raises for an empty list", function()
    local p, r = several(2, lwt.task)
    lwt.nchoose_split(p)
    r[1]:wakeup()
    is(p[2], "pending")
    local ok, err = pcall(lwt.nchoose_split, {})
    assert.is_false(ok)
    assert.truthy(err:find "bad argument #1 to '[%w_.]*nchoose_split' %(", err)
  end)
end)

-- Every mixture of up to three promises, each fulfilled, rejected or pending, each
-- pending one then resolved either way: what each operation must be, said once more.
describe("every mixture of states", function()
  local kinds = { "ok", "bad", "pending" }

  local function make(kind, i)
    if kind == "ok" then return lwt.fulfilled(i) end
    if kind == "bad" then return lwt.rejected("e" .. i) end
    return lwt.task()
  end

  local function mixtures(f)
    for _, a in ipairs(kinds) do
      f { a }
      for _, b in ipairs(kinds) do
        f { a, b }
        for _, c in ipairs(kinds) do f { a, b, c } end
      end
    end
  end

  local function first(mixture, kind)
    for i, k in ipairs(mixture) do
      if k == kind then return i end
    end
  end

  local function build(mixture)
    local list = {}
    for i, kind in ipairs(mixture) do list[i] = make(kind, i) end
    return list
  end

  local function describe_mixture(mixture) return table.concat(mixture, ",") end

  for _, name in ipairs { "choose", "pick", "nchoose", "npick", "nchoose_split" } do
    it(name .. " is resolved at once if and only if one of them is, and the rest are cancelled "
      .. "by pick and npick alone", function()
      mixtures(function(mixture)
        local list = build(mixture)
        local result = lwt[name](list)
        local bad, ok = first(mixture, "bad"), first(mixture, "ok")
        local state, value = result:state()
        local label = describe_mixture(mixture)
        if bad then
          assert.equal("rejected", state, label)
          assert.equal("e" .. bad, value, label)
        elseif ok then
          assert.equal("fulfilled", state, label)
          if name == "choose" or name == "pick" then
            assert.equal(ok, value, label)
          else
            local expected = { n = 0 }
            for i, kind in ipairs(mixture) do
              if kind == "ok" then
                expected.n = expected.n + 1
                expected[expected.n] = i
              end
            end
            assert.same(expected, value, label)
          end
        else
          assert.equal("pending", state, label)
        end
        local cancels = (name == "pick" or name == "npick") and (bad or ok)
        for i, kind in ipairs(mixture) do
          if kind == "pending" then
            assert.equal(cancels and "rejected" or "pending", (list[i]:state()), label)
          else
            list[i]:state()
          end
        end
      end)
    end)
  end

  for _, name in ipairs { "join", "all", "settled" } do
    it(name .. " is resolved at once if and only if all of them are", function()
      mixtures(function(mixture)
        local list = build(mixture)
        local state, value = lwt[name](list):state()
        local bad = first(mixture, "bad")
        local label = describe_mixture(mixture)
        if first(mixture, "pending") then
          assert.equal("pending", state, label)
        elseif bad and name ~= "settled" then
          assert.equal("rejected", state, label)
          assert.equal("e" .. bad, value, label)
        else
          assert.equal("fulfilled", state, label)
        end
        for _, p in ipairs(list) do p:on_failure(function() end) end
      end)
    end)
  end

  it("any is resolved at once if one is fulfilled or all are rejected", function()
    mixtures(function(mixture)
      local state, value = lwt.any(build(mixture)):state()
      local label = describe_mixture(mixture)
      local ok = first(mixture, "ok")
      if ok then
        assert.equal("fulfilled", state, label)
        assert.equal(ok, value, label)
      elseif first(mixture, "pending") then
        assert.equal("pending", state, label)
      else
        assert.equal("rejected", state, label)
        assert.equal(#mixture, value.n, label)
      end
    end)
  end)
end)
