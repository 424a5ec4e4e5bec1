-- join, all, both, settled and any: promises of several at once.

local lwt = require "lwt"
local core = require "spec.support.core"
local is = core.is

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

describe("join", function()
  it("of nothing is fulfilled at once", function() is(lwt.join {}, "fulfilled") end)

  it("is fulfilled without a value when all are", function()
    local p, r = several(3)
    local all = lwt.join { p[1], lwt.fulfilled(9), p[2], p[3] }
    r[3]:wakeup(3)
    r[1]:wakeup(1)
    is(all, "pending")
    r[2]:wakeup(2)
    is(all, "fulfilled")
    is(lwt.join { lwt.fulfilled(1), lwt.fulfilled(2) }, "fulfilled")
  end)

  it("waits for all, then the failure that came first in time wins", function()
    local p, r = several(3)
    local all = lwt.join(p)
    r[3]:wakeup_exn "third"
    is(all, "pending")
    r[1]:wakeup_exn "first"
    is(all, "pending")
    r[2]:wakeup()
    is(all, "rejected", "third")
  end)

  it("prefers the first in the list of those that had already failed", function()
    local p, r = several(1)
    local all = lwt.join { p[1], lwt.rejected "a", lwt.rejected "b" }
    is(all, "pending")
    r[1]:wakeup_exn "late"
    is(all, "rejected", "a")
    is(lwt.join { lwt.fulfilled(), lwt.rejected "a", lwt.rejected "b" }, "rejected", "a")
  end)

  it("is rejected with nil or false like with any error", function()
    is(lwt.join { lwt.rejected(nil), lwt.rejected "b" }, "rejected", nil)
    is(lwt.join { lwt.rejected(false) }, "rejected", false)
    local p, r = several(2)
    local all = lwt.join(p)
    r[1]:wakeup_exn(nil)
    r[2]:wakeup_exn "b"
    is(all, "rejected", nil)
  end)

  it("takes the same promise several times", function()
    local p, r = several(1)
    local all = lwt.join { p[1], p[1], p[1] }
    r[1]:wakeup()
    is(all, "fulfilled")
  end)

  it("never cancels anybody", function()
    local p, r = several(2, lwt.task)
    local all = lwt.join(p)
    r[1]:wakeup_exn "oops"
    is(p[2], "pending")
    r[2]:wakeup()
    is(all, "rejected", "oops")
  end)

  it("leaves the list alone and does not mind its being changed later", function()
    local p, r = several(2)
    local list = { p[1], p[2] }
    local all = lwt.join(list)
    list[2] = nil
    r[1]:wakeup()
    is(all, "pending")
    r[2]:wakeup()
    is(all, "fulfilled")
  end)
end)

describe("all", function()
  it("of nothing is a table with n = "
    .. "0", function() assert.same({ n = 0 }, fulfilled_table(lwt.all {})) end)

  it("is a table of the first values in the list's order, with n", function()
    local p, r = several(3)
    local all = lwt.all { p[1], p[2], lwt.fulfilled "c", p[3] }
    r[3]:wakeup("d", "ignored")
    r[1]:wakeup "a"
    is(all, "pending")
    r[2]:wakeup(nil)
    assert.same({ "a", nil, "c", "d", n = 4 }, fulfilled_table(all))
  end)

  it("keeps places for promises without a value, and for false", function()
    local t = fulfilled_table(lwt.all { lwt.fulfilled(), lwt.fulfilled(false), lwt.fulfilled() })
    assert.same({ nil, false, nil, n = 3 }, t)
  end)

  it("waits for all before it is rejected, by join's rules", function()
    local p, r = several(3)
    local all = lwt.all(p)
    r[2]:wakeup_exn "second"
    r[1]:wakeup_exn "first"
    is(all, "pending")
    r[3]:wakeup()
    is(all, "rejected", "second")
    local q = several(1)
    is(lwt.all { q[1], lwt.rejected "a" }, "pending")
    is(lwt.all { lwt.rejected "a", lwt.rejected "b" }, "rejected", "a")
  end)

  it("takes the same promise several times", function()
    local p, r = several(1)
    local all = lwt.all { p[1], p[1] }
    r[1]:wakeup(5)
    assert.same({ 5, 5, n = 2 }, fulfilled_table(all))
  end)

  it("never cancels anybody", function()
    local p, r = several(2, lwt.task)
    lwt.all(p):on_failure(function() end)
    r[1]:wakeup_exn "oops"
    is(p[2], "pending")
  end)

  it("keeps a promise that is a value", function()
    local inner = lwt.wait()
    assert.is_true(rawequal(inner, fulfilled_table(lwt.all { lwt.fulfilled(inner) })[1]))
  end)
end)

describe("both", function()
  it("is fulfilled with the two first values", function()
    local p, r = several(2)
    local both = lwt.both(p[1], p[2])
    r[2]:wakeup("b", "ignored")
    is(both, "pending")
    r[1]:wakeup(nil)
    is(both, "fulfilled", nil, "b")
    is(lwt.both(lwt.fulfilled(1), lwt.fulfilled()), "fulfilled", 1, nil)
  end)

  it("waits for both, then the first failure wins", function()
    local p, r = several(2)
    local both = lwt.both(p[1], p[2])
    r[2]:wakeup_exn "second"
    is(both, "pending")
    r[1]:wakeup_exn "first"
    is(both, "rejected", "second")
    is(lwt.both(lwt.rejected "a", lwt.rejected "b"), "rejected", "a")
    local q, s = several(1)
    local other = lwt.both(q[1], lwt.rejected "b")
    is(other, "pending")
    s[1]:wakeup_exn "late"
    is(other, "rejected", "b")
  end)

  it("takes the same promise twice", function()
    local p, r = several(1)
    local both = lwt.both(p[1], p[1])
    r[1]:wakeup(5)
    is(both, "fulfilled", 5, 5)
  end)

  it("never cancels anybody", function()
    local p, r = several(2, lwt.task)
    lwt.both(p[1], p[2]):on_failure(function() end)
    r[1]:wakeup_exn "oops"
    is(p[2], "pending")
  end)
end)

describe("settled", function()
  it("waits for all and is never rejected", function()
    local p, r = several(2)
    local settled = lwt.settled { p[1], lwt.rejected "oops", p[2] }
    is(settled, "pending")
    r[2]:wakeup("two", "three")
    r[1]:wakeup_exn(lwt.Canceled)
    local t = fulfilled_table(settled)
    assert.equal(3, t.n)
    assert.equal("rejected", t[1].state)
    assert.equal(lwt.Canceled, t[1].error)
    assert.equal("rejected", t[2].state)
    assert.equal("oops", t[2].error)
    assert.equal("fulfilled", t[3].state)
    assert.equal("two", t[3].value)
  end)

  it("of nothing is an empty table", function()
    assert.same({ n = 0 }, fulfilled_table(lwt.settled {}))
  end)

  it("takes the same promise several times", function()
    local p, r = several(1)
    local settled = lwt.settled { p[1], p[1] }
    r[1]:wakeup(4)
    local t = fulfilled_table(settled)
    assert.equal(4, t[1].value)
    assert.equal(4, t[2].value)
  end)
end)

describe("any", function()
  it("is the first to be fulfilled, whatever fails before", function()
    local p, r = several(3)
    local any = lwt.any(p)
    r[1]:wakeup_exn "oops"
    is(any, "pending")
    r[3]:wakeup("c", nil)
    is(any, "fulfilled", "c", nil)
    r[2]:wakeup "b"
    is(any, "fulfilled", "c", nil)
  end)

  it("takes the first in the list of several that are already fulfilled, before any that is "
    .. "rejected", function()
    is(lwt.any { lwt.rejected "x", (lwt.wait()) }, "pending")
    is(lwt.any { lwt.rejected "x", lwt.fulfilled "a", lwt.fulfilled "b" }, "fulfilled", "a")
  end)

  it("is rejected with a table of all the errors in the list's order, with n", function()
    local p, r = several(2)
    local any = lwt.any { p[1], lwt.rejected(nil), p[2] }
    r[2]:wakeup_exn "third"
    is(any, "pending")
    r[1]:wakeup_exn "first"
    local state, errors = any:state()
    assert.equal("rejected", state)
    assert.equal(3, errors.n)
    assert.equal("first", errors[1])
    assert.is_nil(errors[2])
    assert.equal("third", errors[3])
    state, errors = lwt.any({ lwt.rejected "a", lwt.rejected(false) }):state()
    assert.equal("rejected", state)
    assert.equal("a", errors[1])
    assert.is_false(errors[2])
  end)

  it("takes the same promise several times", function()
    local p, r = several(1)
    local any = lwt.any { p[1], p[1] }
    r[1]:wakeup_exn "oops"
    local _, errors = any:state()
    assert.equal("oops", errors[1])
    assert.equal("oops", errors[2])
  end)
end)

describe("a cancelled any", function()
  it("is rejected with Canceled, not with a table of it", function()
    local p = lwt.any { lwt.task(), (lwt.task()) }
    p:cancel()
    core.is(p, "rejected", lwt.Canceled)
    local mixed = lwt.any { lwt.rejected "no", (lwt.task()) }
    mixed:cancel()
    core.is(mixed, "rejected", lwt.Canceled)
  end)

  it("is so too when a bind has given it, and when a task that awaits it is cancelled", function()
    local p = lwt.pause():bind(function() return lwt.any { (lwt.task()) } end)
    lwt.step()
    p:cancel()
    core.is(p, "rejected", lwt.Canceled)
    local task = lwt.spawn(function() lwt.any({ (lwt.task()) }):await() end)
    task:cancel()
    for _ = 1, 3 do lwt.step() end
    core.is(task, "rejected", lwt.Canceled)
  end)

  it("has the table of errors when only its inputs were cancelled", function()
    local a = lwt.task()
    local p = lwt.any { a }
    a:cancel()
    local state, errors = p:state()
    assert.equal("rejected", state)
    assert.equal(lwt.Canceled, errors[1])
  end)
end)
