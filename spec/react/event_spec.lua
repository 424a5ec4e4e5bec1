-- Events; and what keeps them, and signals, alive.

local lwt = require "lwt"
local react = require "lwt.react"
local test = require "lwt.test"
local core = require "spec.support.core"
local cost = require "spec.support.cost"
local support = require "spec.support.react"

local E, S = react.E, react.S
local await, spec = lwt.await, test.virtual
local collect, forget, seen = support.collect, support.forget, support.seen

describe("lwt.react", function()
  after_each(forget)

  describe("events", function()
    it("map, filter, fmap, stamp, diff, changes", function()
      local e, send = E.create()
      local got = {
        seen(e:map(function(v) return v * 2 end)),
        seen(e:filter(function(v) return v > 1 end)),
        seen(e:fmap(function(v) if v > 1 then return "v" .. v end end)),
        seen(e:stamp("x")),
        seen(e:diff(function(new, old) return new - old end)),
        seen(e:changes()),
        seen(e:changes(function(a, b) return a % 2 == b % 2 end)),
      }
      send(1) send(3) send(3) send(2)
      assert.same({
        { 2, 6, 6, 4 }, { 3, 3, 2 }, { "v3", "v3", "v2" }, { "x", "x", "x", "x" },
        { 2, 0, -1 }, { 1, 3, 2 }, { 1, 2 },
      }, got)
    end)

    it("may occur with nil", function()
      local e, send = E.create()
      local n = 0
      local m = e:map(function(v)
        assert.is_nil(v)
        n = n + 1
      end)
      local twice = m:map(function() n = n + 1 end)
      send()
      assert.equal(2, n)
      assert.is_not_nil(twice)
    end)

    it("once, drop_once, until_ and dismiss", function()
      local e, send = E.create()
      local three = e:filter(function(v) return v == 3 end)
      local got = { seen(e:once()), seen(e:drop_once()), seen(e:until_(three)),
        seen(e:dismiss(three)) }
      for i = 1, 4 do send(i) end
      assert.same({ { 1 }, { 2, 3, 4 }, { 1, 2 }, { 1, 2, 4 } }, got)
    end)

    it("accum, fold, select, merge, app and l1 to l6", function()
      local e, send = E.create()
      local f, change = E.create()
      local double = e:map(function(v) return v * 2 end)
      local plus = e:map(function(v) return function(w) return v + w end end)
      local function join(...) return table.concat({ ... }, " ") end
      local got = {
        seen(f:accum(1)),
        seen(e:fold(0, function(acc, v) return acc + v end)),
        seen(E.select { f:stamp("f"), double, e }),
        seen(E.merge({ e, f:stamp(100), double }, 0, function(acc, v) return acc + v end)),
        seen(plus:app(double)),
        seen(E.l1(e, join)), seen(E.l2(e, double, join)), seen(E.l3(e, double, e, join)),
        seen(E.l4(e, e, e, e, join)), seen(E.l5(e, e, e, e, e, join)),
        seen(E.l6(e, e, e, e, e, double, join)), seen(E.l2(e, f, join)),
      }
      send(1)
      change(function(v) return v + 1 end)
      send(2)
      assert.same({
        { 2 }, { 1, 3 }, { 2, "f", 4 }, { 3, 100, 6 }, { 3, 6 }, { "1", "2" }, { "1 2", "2 4" },
        { "1 2 1", "2 4 2" }, { "1 1 1 1", "2 2 2 2" }, { "1 1 1 1 1", "2 2 2 2 2" },
        { "1 1 1 1 1 2", "2 2 2 2 2 4" }, {},
      }, got)
    end)

    it("on, trace and sample depend on a signal", function()
      local e, send = E.create()
      local s, set = S.create(false)
      local log = {}
      local got = { seen(e:on(s)), seen(e:trace(function(v) log[#log + 1] = v end, s)),
        seen(s:sample(e, function(v, w) return tostring(v) .. tostring(w) end)) }
      send(1)
      set(true)
      send(2)
      assert.same({ { 2 }, { 1, 2 }, { "1false", "2true" } }, got)
      assert.same({ 2 }, log)
    end)

    it("switch follows the event that came last, in that instant already", function()
      local a, send_a = E.create()
      local b, send_b = E.create()
      local ee, turn = E.create()
      local got = seen(a:switch(ee))
      send_a(1)
      send_b(2)
      local step = react.Step.create()
      turn(b, step)
      send_a(3, step)
      send_b(4, step)
      step:execute()
      send_a(5)
      send_b(6)
      assert.same({ 1, 4, 6 }, got)
    end)

    it("fix feeds an event back in the next step", function()
      local e, send = E.create()
      local got = seen(E.fix(function(d)
        local all = E.select { e, d }
        return all:fmap(function(v) if v > 1 then return v // 2 end end), all
      end))
      send(8)
      assert.same({ 8, 4, 2, 1 }, got)
    end)

    it("never occurs, stop, retain, equal", function()
      local got = seen(E.select { E.never })
      local e, send = E.create()
      local m = e:map(function(v) return v end)
      got = { got, seen(m) }
      send(1)
      m:stop()
      send(2)
      assert.same({ {}, { 1 } }, got)
      assert.is_nil(e:retain("x"))
      assert.equal("x", e:retain())
      assert.is_true(e:equal(e))
    end)

    it("made inside a step see what occurs in it", function()
      local e, send = E.create()
      local made = {}
      local m = e:map(function(v)
        made[#made + 1] = seen(e:map(function(w) return w * 10 end))
        return v
      end)
      send(1)
      send(2)
      assert.same({ { 10, 20 }, { 20 } }, made)
      assert.is_not_nil(m)
    end)
  end)

  describe("weak links", function()
    it("let what nobody refers to be collected, and stop", function()
      local e, send = E.create()
      local n = 0
      e:map(function() n = n + 1 end)
      collect()
      send(1)
      assert.equal(0, n)
      assert.is_not_nil(e)
    end)

    it("do not keep very many signals that were made and dropped", function()
      local s, set = S.create(0)
      collect()
      local before = collectgarbage("count")
      for i = 1, core.count(200000, 1000000) do s:map(function(v) return v + i end) end
      collect()
      set(1)
      collect()
      assert.is_true(collectgarbage("count") - before < 2000)
    end)

    it("keep, retain and notify hold on to what they are given", function()
      local e, send = E.create()
      local n = 0
      e:map(function() n = n + 1 end):keep()
      local handle = e:map(function() n = n + 10 end):notify(function() n = n + 100 end)
      e:retain(e:map(function() n = n + 1000 end))
      collect()
      send(1)
      assert.equal(1111, n)
      handle:stop()
      handle:stop()
      collect()
      send(1)
      assert.equal(2112, n)
    end)

    it("with_finaliser tells when it is gone, not before", spec(function()
      local e, send = E.create()
      local s = S.create(1)
      local gone = {}
      local function use()
        local copy = e:with_finaliser(function() gone[#gone + 1] = "event" end)
        local twin = s:with_finaliser(function() gone[#gone + 1] = "signal" end)
        local got = {}
        local m = copy:map(function(v) got[#got + 1] = v end)
        collect()
        lwt.yield()
        send(1)
        assert.same({ 1 }, got)
        assert.equal(1, twin:value())
        assert.is_not_nil(m)
        assert.same({}, gone)
      end
      use()
      collect()
      await(lwt.sleep(1))
      table.sort(gone)
      assert.same({ "event", "signal" }, gone)
    end))
  end)
end)

describe("ending in react", function()
  it("costs as much for each of many dependents as for one of few", function()
    for _, strong in ipairs { false, true } do
      local function stopping(n)
        local s, set = S.create(0)
        local base = s:map(function(v) return v end)
        local list = {}
        for i = 1, n do list[i] = base:map(function(v) return v + i end) end
        local spent = cost(function()
          for i = 1, n do list[i]:stop(strong) end
        end)
        set(1)
        return spent, base:value()
      end
      local few, many = stopping(500), stopping(8000)
      assert.is_true(many < 40 * few, ("%d for 500, %d for 8000"):format(few, many))
      assert.equal(strong and 0 or 1, (select(2, stopping(10))))
    end
  end)

  it("ends a chain of any length when it is strong", function()
    local s, set = S.create(0)
    local m = s
    for _ = 1, 100000 do m = m:map(function(v) return v end) end
    local side = s:map(function(v) return -v end)
    m:stop(true)
    set(1)
    assert.same({ 0, -1 }, { m:value(), side:value() })
  end)

  it("takes what was ended out of the dependents in time", function()
    local s, set = S.create(0)
    local n = 0
    for _ = 1, 10000 do s:map(function(v) n = n + 1 return v end):stop() end
    local live = s:map(function(v) return v end)
    assert.is_true(s.ndeps < 100)
    set(1)
    assert.same({ 10000, 1 }, { n, live:value() })
  end)
end)
