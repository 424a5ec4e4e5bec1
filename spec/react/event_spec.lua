local lwt = require "lwt"
local cost = require "spec.support.cost"
local react = require "lwt.react"
local script = require "spec.support.script"
local stream = require "lwt.stream"
local test = require "lwt.test"

local E, S = react.E, react.S
local await, spec = lwt.await, test.virtual

local function fails(expected, p)
  local ok, err = pcall(await, p)
  assert.is_false(ok)
  assert.equal(expected, err)
end

-- A list of what an event or signal gives from now on; its notifier keeps it alive.
local notifiers = {}
local function seen(x)
  local list = {}
  notifiers[#notifiers + 1] = x:notify(function(v) list[#list + 1] = v end)
  return list
end

-- The errors that go to the exception hook while `f` runs.
local function reported(f)
  local errors = {}
  local old = lwt.async_exception_hook(function(err) errors[#errors + 1] = err end)
  local ok, err = pcall(f)
  lwt.async_exception_hook(old)
  if not ok then error(err, 0) end
  return errors
end

local function collect()
  collectgarbage()
  collectgarbage()
end

local function settle() for _ = 1, 5 do lwt.yield() end end

describe("lwt.react", function()
  after_each(function()
    for _, n in ipairs(notifiers) do n:stop() end
    notifiers = {}
  end)

  describe("update steps", function()
    it("update what depends on a change once, and never show half of one", function()
      local a, set = S.create(1)
      local calls = 0
      local double = a:map(function(v) return v * 2 end)
      local sum = S.l2(a, double, function(x, y)
        calls = calls + 1
        assert.equal(y, x * 2)
        return x + y
      end)
      local got = seen(sum)
      set(2)
      set(3)
      assert.same({ 6, 9 }, got)
      assert.equal(3, calls)
    end)

    it("go in the order of dependency, however deep one side is", function()
      local a, set = S.create(0)
      local deep = a
      for _ = 1, 100 do deep = deep:map(function(v) return v + 1 end) end
      local both = S.l2(a, deep, function(x, y) return y - x end)
      local got = seen(both:changes())
      for i = 1, 10 do set(i) end
      assert.same({}, got)
      assert.equal(100, both:value())
    end)

    it("set several primitives at one instant with a Step", function()
      local a, set_a = S.create(1)
      local b, set_b = S.create(2)
      local e, send = E.create()
      local sum = S.l2(a, b, function(x, y) return x + y end)
      local got, sampled = seen(sum), seen(S.sample(sum, e, function(v, s) return v .. s end))
      local step = react.Step.create()
      set_a(10, step)
      set_b(20, step)
      send("at ", step)
      assert.equal(3, sum:value())
      step:execute()
      assert.same({ 30 }, got)
      assert.same({ "at 30" }, sampled)
    end)

    it("refuse a step that was executed, and a primitive set twice in one", function()
      local _, set = S.create(1)
      local step = react.Step.create()
      set(2, step)
      assert.has_error(function() set(3, step) end)
      step:execute()
      assert.has_error(function() set(4, step) end)
      assert.has_error(function() step:execute() end,
        "calling 'execute' on bad self (the step was executed already)")
      assert.has_error(function() set(4, "step") end)
    end)

    it("queue what is sent while one runs: a step of its own, right after", function()
      local a, set = S.create(0)
      local order = {}
      local first = a:map(function(v)
        if v == 1 then
          set(2)
          order[#order + 1] = "sent"
        end
        order[#order + 1] = "first " .. v
        return v
      end)
      local second = S.l2(a, first, function(x, y)
        order[#order + 1] = "second " .. x
        return x + y
      end)
      order = {}
      set(1)
      assert.same({ "sent", "first 1", "second 1", "first 2", "second 2" }, order)
      assert.equal(4, second:value())
    end)

    it("go on after a function that raises, which is reported and skipped", function()
      local a, set = S.create(1)
      local bad = a:map(function(v)
        if v == 2 then error("two", 0) end
        return v
      end)
      local good = seen(a)
      local from_bad = seen(bad)
      local errors = reported(function()
        set(2)
        set(3)
      end)
      assert.same({ "two" }, errors)
      assert.same({ 2, 3 }, good)
      assert.same({ 3 }, from_bad)
      assert.equal(3, bad:value())
    end)

    it("go on after an equality that raises", function()
      local s, set = S.create({ 1 }, function(x, y)
        if y[1] == 2 then error("eq", 0) end
        return x[1] == y[1]
      end)
      local got = seen(s:map(function(v) return v[1] end))
      local errors = reported(function()
        set({ 2 })
        set({ 3 })
      end)
      assert.same({ "eq" }, errors)
      assert.same({ 3 }, got)
    end)

    it("do not let a function await, also when a task sends", spec(function()
      local a, set = S.create(1)
      local waited = lwt.wait()
      local m = a:map(function(v)
        if v > 1 then await(waited) end
        return v
      end)
      local errors = reported(function() set(2) end)
      assert.equal(1, #errors)
      assert.truthy(tostring(errors[1]):find("await", 1, true))
      assert.equal(1, m:value())
    end))

    it("take time linear in the nodes that are touched", function()
      local s, set = S.create(0)
      local touched = 0
      local layer = {}
      for i = 1, 100 do
        layer[i] = s:map(function(v)
          touched = touched + 1
          return v + i
        end)
      end
      for _ = 1, 99 do
        local nx = {}
        for i = 1, 100 do
          nx[i] = S.l2(layer[i], layer[i % 100 + 1], function(x, y)
            touched = touched + 1
            return (x + y) % 1000003
          end)
        end
        layer = nx
      end
      local other, set_other = S.create(0)
      local small = other:map(function(v) return v + 1 end)
      touched = 0
      set(1)
      assert.equal(10000, touched)
      set_other(1)
      assert.equal(10000, touched)
      assert.equal(2, small:value())
    end)
  end)

  describe("signals", function()
    it("are no update when the value is the same", function()
      local s, set = S.create(1)
      local got = seen(s)
      set(1) set(2) set(2) set(1)
      assert.same({ 2, 1 }, got)
      local t, set_t = S.create({ 1 }, function(a, b) return a[1] == b[1] end)
      local changes = seen(t)
      set_t({ 1 }) set_t({ 2 })
      assert.same({ { 2 } }, changes)
    end)

    it("may hold nil and false", function()
      local s, set = S.create(nil)
      local got = seen(s:map(function(v) return tostring(v) end))
      set(false) set(nil) set(1)
      assert.same({ "false", "nil", "1" }, got)
      assert.is_nil(S.const(nil):value())
    end)

    it("filter, fmap, app and diff", function()
      local s, set = S.create(1)
      local even = s:filter(0, function(v) return v % 2 == 0 end)
      local big = s:fmap("none", function(v) if v > 2 then return "v" .. v end end)
      local app = S.const(function(v) return v * v end):app(s)
      local diff = seen(s:diff(function(new, old) return new - old end))
      assert.same({ 0, "none", 1 }, { even:value(), big:value(), app:value() })
      set(4) set(5)
      assert.same({ 4, "v5", 25 }, { even:value(), big:value(), app:value() })
      assert.same({ 3, 1 }, diff)
    end)

    it("hold, accum and fold events", function()
      local e, send = E.create()
      local f, change = E.create()
      local hold, fold = e:hold(0), S.fold(e, 0, function(acc, v) return acc + v end)
      local accum = S.accum(f, 1)
      send(3) send(4)
      change(function(v) return v + 10 end)
      assert.same({ 4, 7, 11 }, { hold:value(), fold:value(), accum:value() })
    end)

    it("on and dismiss choose what to follow", function()
      local s, set = S.create(1)
      local open, set_open = S.create(false)
      local no, dismiss = E.create()
      local on = s:on(open, 0)
      local dismissed = s:dismiss(no, 0)
      assert.same({ 0, 1 }, { on:value(), dismissed:value() })
      set(2)
      assert.same({ 0, 2 }, { on:value(), dismissed:value() })
      set_open(true)
      assert.equal(2, on:value())
      local step = react.Step.create()
      set(3, step)
      dismiss(true, step)
      step:execute()
      assert.same({ 3, 2 }, { on:value(), dismissed:value() })
    end)

    it("merge and l1 to l6 lift functions", function()
      local s, list = {}, {}
      local set
      for i = 1, 6 do
        local v, f = S.create(i)
        s[i], list[i], set = v, v, f
      end
      local function sum(...)
        local n = 0
        for i = 1, select("#", ...) do n = n + select(i, ...) end
        return n
      end
      local merged = S.merge(list, 0, function(acc, v) return acc + v end)
      local lifted = {
        S.l1(s[1], sum), S.l2(s[1], s[2], sum), S.l3(s[1], s[2], s[3], sum),
        S.l4(s[1], s[2], s[3], s[4], sum), S.l5(s[1], s[2], s[3], s[4], s[5], sum),
        S.l6(s[1], s[2], s[3], s[4], s[5], s[6], sum),
      }
      set(16)
      assert.equal(31, merged:value())
      local values = {}
      for i = 1, 6 do values[i] = lifted[i]:value() end
      assert.same({ 1, 3, 6, 10, 15, 31 }, values)
    end)

    it("switch and bind follow another signal, and let go of the last one", function()
      local a, set_a = S.create("a1")
      local b, set_b = S.create("b1")
      local which, choose = S.create(a)
      local s = which:switch()
      local got = seen(s)
      set_a("a2")
      choose(b)
      set_a("a3")
      set_b("b2")
      assert.same({ "a2", "b1", "b2" }, got)
      local n, set_n = S.create(1)
      local t = n:bind(function(v)
        return a:map(function(w) return w .. v end)
      end)
      assert.equal("a31", t:value())
      set_n(2)
      assert.equal("a32", t:value())
      set_a("a4")
      assert.equal("a42", t:value())
    end)

    it("bind to something deeper without a glitch", function()
      local s, set = S.create(1)
      local deep = s
      for _ = 1, 20 do deep = deep:map(function(v) return v + 1 end) end
      local t = s:bind(function(v) return v % 2 == 1 and s or deep end)
      local got = seen(t)
      for v = 2, 5 do set(v) end
      assert.same({ 22, 3, 24, 5 }, got)
    end)

    it("report a bind or switch to something that is no signal", function()
      local s, set = S.create(1)
      local t = s:bind(function(v) return v == 1 and S.const(1) or 5 end)
      local errors = reported(function() set(2) end)
      assert.same({ "'bind': a signal expected, got number" }, errors)
      assert.equal(1, t:value())
    end)

    it("edge, rise, fall and flip", function()
      local s, set = S.create(false)
      local got = { seen(s:edge()), seen(s:rise()), seen(s:fall()) }
      for _, v in ipairs { 1, true, false, 2 } do set(v) end
      assert.same({ { true, false, true }, { true, true }, { false } }, got)
      local e, send = E.create()
      local f = S.flip(e, true)
      send() send() send()
      assert.is_false(f:value())
    end)

    it("trace, stop, equal and retain", function()
      local s, set = S.create(1)
      local log = {}
      local t = s:trace(function(v) log[#log + 1] = v end)
      local m = t:map(function(v) return v end)
      set(2)
      t:stop()
      set(3)
      assert.same({ 2 }, log)
      assert.equal(2, m:value())
      assert.is_true(s:equal(s))
      assert.is_false(s:equal(t))
      assert.is_nil(s:retain(1))
      assert.equal(1, s:retain(nil))
    end)

    it("stop with strong also stops what only they were made from", function()
      local s, set = S.create(1)
      local calls = 0
      local middle = s:map(function(v)
        calls = calls + 1
        return v
      end)
      local last = middle:map(function(v) return v end)
      last:stop(true)
      set(2)
      assert.equal(1, calls)
      assert.equal(1, middle:value())
    end)

    it("fix feeds a signal back in the next step", function()
      local e, send = E.create()
      local history = S.fix("", function(d)
        local s = S.hold(S.sample(d, e, function(v, old) return old .. v end), "")
        return s, s
      end)
      send("a") send("b") send("c")
      assert.equal("abc", history:value())
      local counted = S.fix(0, function(d)
        local s = d:map(function(v) return math.min(v + 1, 5) end)
        return s, s
      end)
      assert.equal(5, counted:value())
    end)
  end)

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

    it("do not keep a million signals that were made and dropped", function()
      local s, set = S.create(0)
      collect()
      local before = collectgarbage("count")
      for i = 1, 1000000 do s:map(function(v) return v + i end) end
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

  describe("with promises", function()
    it("E.next waits for the next occurrence", spec(function()
      local e, send = E.create()
      local p, q = e:next(), e:next()
      send(1) send(2)
      assert.same({ 1, 1 }, { await(p), await(q) })
      local r = e:next()
      r:cancel()
      send(3)
      fails(lwt.Canceled, r)
      collect()
      local t = e:next()
      collect()
      send(4)
      assert.equal(4, await(t))
    end))

    it("E.next inside a step gives the occurrence of that step", spec(function()
      local e, send = E.create()
      local p
      local m = e:map(function() p = p or e:next() end)
      send(1)
      send(2)
      assert.equal(1, await(p))
      assert.is_not_nil(m)
    end))

    it("E.limit lets one through and then the latest, as often as its promise allows",
      spec(function()
        local e, send = E.create()
        local got, n = {}, 0
        local limited = e:limit(function()
          n = n + 1
          return lwt.sleep(10)
        end)
        local began = lwt.now()
        notifiers[1] = limited:notify(function(v) got[#got + 1] = v .. "@" .. lwt.now() - began end)
        send("a") send("b") send("c")
        await(lwt.sleep(15))
        send("d") send("e")
        await(lwt.sleep(50))
        send("f")
        assert.same({ "a@0.0", "c@10.0", "e@20.0", "f@65.0" }, got)
        assert.equal(4, n)
        await(lwt.sleep(10))
      end))

    it("S.limit starts limited, and never loses the newest value", spec(function()
      local s, set = S.create(0)
      local limited = s:limit(function() return lwt.sleep(10) end)
      local got = seen(limited)
      set(1) set(2)
      assert.equal(0, limited:value())
      await(lwt.sleep(11))
      assert.equal(2, limited:value())
      set(3) set(4)
      await(lwt.sleep(20))
      assert.same({ 2, 4 }, got)
      await(lwt.sleep(50))
      set(5)
      assert.equal(5, limited:value())
      await(lwt.sleep(10))
    end))

    it("the limiters survive a function that fails", spec(function()
      local s, set = S.create(0)
      local e, send = E.create()
      local limited, events
      local errors = reported(function()
        local function bad() await(lwt.sleep(1)) error("bad", 0) end
        limited = s:limit(bad)
        events = seen(e:limit(bad))
        set(1) set(2)
        send(1) send(2)
        await(lwt.sleep(5))
      end)
      assert.equal(2, limited:value())
      assert.same({ 1, 2 }, events)
      assert.same({ "bad", "bad", "bad", "bad" }, errors)
    end))

    it("a limiter whose promise never comes does not keep its result", spec(function()
      local s = S.create(0)
      local weak = setmetatable({}, { __mode = "k" })
      local never = lwt.wait()
      local function use()
        weak[s:limit(function() return never end)] = true
      end
      use()
      collect()
      assert.is_nil(next(weak))
    end))

    it("E.from occurs with what its function gives, until it fails", spec(function()
      local n = 0
      local errors = reported(function()
        local e = E.from(function()
          await(lwt.sleep(1))
          n = n + 1
          if n == 3 then error("three", 0) end
          return n
        end)
        local got = seen(e)
        await(lwt.sleep(10))
        assert.same({ 1, 2 }, got)
      end)
      assert.same({ "three" }, errors)
      assert.equal(3, n)
    end))

    it("E.from ends when it is dropped", spec(function()
      local n = 0
      local function use()
        local e = E.from(function()
          await(lwt.sleep(1))
          n = n + 1
          return n
        end)
        assert.equal(1, await(e:next()))
      end
      use()
      collect()
      await(lwt.sleep(3))
      local now = n
      await(lwt.sleep(10))
      assert.equal(now, n)
    end))

    it("E.to_stream and E.of_stream go there and back", spec(function()
      local e, send = E.create()
      local s = e:to_stream()
      collect()
      send(1) send(2)
      assert.same({ 1, 2, n = 2 }, await(s:nget(2)))
      local p = s:next()
      send(3)
      assert.equal(3, await(p))
      local t, push = stream.create()
      local back = E.of_stream(t)
      local got = seen(back)
      push(4) push(5)
      await(lwt.sleep(1))
      push(6)
      push(nil)
      await(lwt.sleep(1))
      assert.same({ 4, 5, 6 }, got)
      local errors = reported(function()
        local bad = E.of_stream(stream.from(function() error("bad", 0) end))
        await(lwt.sleep(1))
        assert.is_not_nil(bad)
      end)
      assert.same({ "bad" }, errors)
      errors = reported(function() send(nil) end)
      assert.same({ "stream elements cannot be nil" }, errors)
    end))

    it("E.delay is the event that comes", spec(function()
      local e, send = E.create()
      assert.equal(e, E.delay(lwt.fulfilled(e)))
      local p, r = lwt.wait()
      local got = seen(E.delay(p))
      send(1)
      r:wakeup(e)
      send(2)
      assert.same({ 2 }, got)
      local q, rq = lwt.wait()
      local none = E.delay(q)
      assert.same({ "no" }, reported(function() rq:wakeup_exn("no") end))
      assert.is_not_nil(none)
    end))

    it("_s forms go one after another, in order; _p forms as they come", spec(function()
      local e, send = E.create()
      local function slow(v)
        await(lwt.sleep(v))
        return v
      end
      local running, most = 0, 0
      local function counted(v)
        running = running + 1
        most = math.max(most, running)
        slow(v)
        running = running - 1
        return v
      end
      local map_s = seen(e:map_s(counted))
      local map_p = seen(e:map_p(slow))
      local filter_s = seen(e:filter_s(function(v) return slow(v) > 1 end))
      local filter_p = seen(e:filter_p(function(v) return slow(v) > 1 end))
      local fmap_s = seen(e:fmap_s(function(v) if slow(v) > 1 then return "v" .. v end end))
      local fmap_p = seen(e:fmap_p(function(v) if slow(v) > 1 then return "v" .. v end end))
      local run_s = seen(e:map(function(v) return lwt.spawn(slow, v) end):run_s())
      local run_p = seen(e:map(function(v) return lwt.spawn(slow, v) end):run_p())
      local ef = e:map(function(v) return function(w) return slow(v) * 10 + w end end)
      local app_s, app_p = seen(ef:app_s(e)), seen(ef:app_p(e))
      send(3) send(1) send(2)
      await(lwt.sleep(20))
      assert.same({ { 3, 1, 2 }, { 1, 2, 3 } }, { map_s, map_p })
      assert.same({ { 3, 2 }, { 2, 3 } }, { filter_s, filter_p })
      assert.same({ { "v3", "v2" }, { "v2", "v3" } }, { fmap_s, fmap_p })
      assert.same({ { 3, 1, 2 }, { 1, 2, 3 } }, { run_s, run_p })
      assert.same({ { 33, 11, 22 }, { 11, 22, 33 } }, { app_s, app_p })
      assert.equal(1, most)
    end))

    it("diff_s, accum_s, fold_s and merge_s of events", spec(function()
      local e, send = E.create()
      local f, change = E.create()
      local function later(v)
        await(lwt.sleep(1))
        return v
      end
      local got = {
        seen(e:diff_s(function(new, old) return later(new - old) end)),
        seen(f:accum_s(1)),
        seen(e:fold_s(0, function(acc, v) return later(acc + v) end)),
        seen(E.merge_s({ e, e:map(function(v) return v * 10 end) }, 0,
          function(acc, v) return later(acc + v) end)),
      }
      send(1) send(5)
      change(function(v) return later(v + 1) end)
      change(function(v) return later(v * 10) end)
      await(lwt.sleep(20))
      assert.same({ { 4 }, { 2, 20 }, { 1, 6 }, { 11, 55 } }, got)
    end))

    it("report a function that fails, and skip that occurrence", spec(function()
      local e, send = E.create()
      local function bad(v)
        await(lwt.sleep(1))
        if v == 2 then error("bad", 0) end
        return v
      end
      for _, name in ipairs { "map_s", "map_p", "filter_s", "filter_p", "fmap_s", "fmap_p" } do
        local got = seen(e[name](e, bad))
        local errors = reported(function()
          send(1) send(2) send(3)
          await(lwt.sleep(10))
        end)
        assert.same({ "bad" }, errors)
        assert.same({ 1, 3 }, got)
        notifiers[#notifiers]:stop()
        collect()
      end
      local s, set = S.create(1)
      local m = await(s:map_s(bad))
      local errors = reported(function()
        set(2) set(3)
        await(lwt.sleep(10))
      end)
      assert.same({ "bad" }, errors)
      assert.equal(3, m:value())
    end))

    it("promises of signals are there with the first value, and miss no change", spec(function()
      local s, set = S.create(1)
      local function later(v)
        await(lwt.sleep(1))
        return v
      end
      local promises = {
        s:map_s(function(v) return later(v * 2) end),
        s:filter_s(0, function(v) return later(v > 2) end),
        s:fmap_s("none", function(v) return later(v > 2 and "v" .. v or nil) end),
        S.const(later):app_s(s),
        S.merge_s({ s, s }, 0, function(acc, v) return later(acc + v) end),
        s:map(function(v) return lwt.spawn(later, v) end):run_s(),
        s:bind_s(function(v) return later(S.const("to " .. v)) end),
        S.l2_s(s, s, function(a, b) return later(a + b) end),
        S.l6_s(s, s, s, s, s, s, function(...) return later(select("#", ...)) end),
      }
      set(2)
      set(3)
      local signals = {}
      for _, p in ipairs(promises) do assert.equal("pending", (p:state())) end
      for i, p in ipairs(promises) do signals[i] = await(p) end
      await(lwt.sleep(20))
      local values = {}
      for i, x in ipairs(signals) do values[i] = x:value() end
      assert.same({ 6, 3, "v3", 3, 6, 3, "to 3", 6, 6 }, values)
      set(1)
      await(lwt.sleep(20))
      for i, x in ipairs(signals) do values[i] = x:value() end
      assert.same({ 2, 3, "v3", 1, 2, 1, "to 1", 2, 6 }, values)
    end))

    it("are rejected when the first value fails, and can be cancelled", spec(function()
      local s = S.create(1)
      fails("first", s:map_s(function() error("first", 0) end))
      local cancelled
      local p = s:map_s(function()
        local ok, err = pcall(await, lwt.sleep(10))
        cancelled = not ok and err == lwt.Canceled
        error(err, 0)
      end)
      p:cancel()
      fails(lwt.Canceled, p)
      assert.is_true(cancelled)
    end))

    it("diff_s, sample_s, accum_s and fold_s of signals", spec(function()
      local s, set = S.create(1)
      local e, send = E.create()
      local f, change = E.create()
      local function later(v)
        await(lwt.sleep(1))
        return v
      end
      local diff = seen(s:diff_s(function(new, old) return later(new - old) end))
      local sample = seen(s:sample_s(e, function(v, w) return later(v .. w) end))
      local accum = S.accum_s(f, 1)
      local fold = S.fold_s(e, "", function(acc, v) return later(acc .. v) end)
      set(5)
      send("a") send("b")
      change(function(v) return later(v + 1) end)
      change(function(v) return later(v * 10) end)
      await(lwt.sleep(20))
      assert.same({ { 4 }, { "a5", "b5" } }, { diff, sample })
      assert.same({ 20, "ab" }, { accum:value(), fold:value() })
    end))

    it("end with their result: nothing is worked on for one that is dropped", spec(function()
      local e, send = E.create()
      local calls = 0
      local function use()
        local m = e:map_s(function() calls = calls + 1 end)
        send(1)
        assert.is_not_nil(m)
      end
      use()
      collect()
      send(2)
      await(lwt.sleep(1))
      assert.equal(1, calls)
    end))
  end)

  describe("notify", function()
    it("calls at each change until it is stopped", spec(function()
      local s, set = S.create(1)
      local got = {}
      local handle = s:map(function(v) return v * 10 end):notify(function(v) got[#got + 1] = v end)
      collect()
      set(2) set(2) set(3)
      handle:stop()
      set(4)
      assert.same({ 20, 30 }, got)
      do
        local closing <close> = s:notify(function(v) got[#got + 1] = v end) -- luacheck: ignore
        set(5)
      end
      set(6)
      assert.same({ 20, 30, 5 }, got)
    end))

    it("notify_s waits for the last call, notify_p does not", spec(function()
      local e, send = E.create()
      local function slow(list)
        return function(v)
          list[#list + 1] = "+" .. v
          await(lwt.sleep(v))
          list[#list + 1] = "-" .. v
        end
      end
      local one, other = {}, {}
      local hs, hp = e:notify_s(slow(one)), e:notify_p(slow(other))
      send(3) send(1)
      await(lwt.sleep(10))
      assert.same({ "+3", "-3", "+1", "-1" }, one)
      assert.same({ "+3", "+1", "-1", "-3" }, other)
      send(2) send(1)
      hs:stop()
      hp:stop()
      await(lwt.sleep(10))
      assert.same({ "+2", "-2" }, { one[5], one[6] })
      assert.is_nil(one[7])
    end))

    it("reports what its function raises", spec(function()
      local s, set = S.create(1)
      for _, name in ipairs { "notify", "notify_s", "notify_p" } do
        local handle = s[name](s, function() error(name, 0) end)
        local errors = reported(function()
          set(s:value() + 1)
          settle()
        end)
        handle:stop()
        assert.same({ name }, errors)
      end
    end))
  end)

  it("says what is wrong with an argument, at the caller's line", function()
    local s, e = S.create(1), E.create()
    local cases = {
      { "bad argument #1 to 'map' (function expected, got nil)", function() s:map() end },
      { "bad argument #1 to 'map' (signal expected, got lwt.react.event)",
        function() S.map(e, print) end },
      { "bad argument #1 to 'map' (event expected, got lwt.react.signal)",
        function() E.map(s, print) end },
      { "bad argument #1 to 'select' (element 2: event expected, got number)",
        function() E.select { e, 1 } end },
      { "bad argument #2 to 'l2' (signal expected, got nil)", function() S.l2(s) end },
      { "bad argument #2 to 'fold' (function expected, got nil)", function() e:fold(1) end },
      { "bad argument #1 to 'notify' (function expected, got nil)", function() s:notify() end },
      { "bad argument #1 to 'delay' (lwt.promise expected, got nil)", function() E.delay() end },
    }
    for _, case in ipairs(cases) do
      local ok, err = pcall(case[2])
      assert.is_false(ok)
      assert.truthy(err:find(case[1], 1, true), err)
      assert.truthy(err:find("react_spec.lua", 1, true), err)
    end
  end)
end)

describe("react after a failure", function()
  -- A value that cannot be compared: only with itself.
  local function hostile()
    return setmetatable({}, { __eq = function() error("no comparison", 0) end })
  end

  -- Whether updates still work: of this signal, and of others.
  local function works()
    local s, set = S.create(1)
    local m = s:map(function(v) return v * 2 end)
    local e, send = E.create()
    local h = e:map(function(v) return v + 1 end):hold(0)
    set(5)
    send(5)
    assert.same({ 10, 6 }, { m:value(), h:value() })
  end

  it("of __eq in a set goes on, and keeps the value", function()
    local s, set = S.create(hostile())
    local old = s:value()
    local errors = reported(function() set(hostile()) end)
    assert.same({ "no comparison" }, errors)
    assert.is_true(rawequal(old, s:value()))
    works()
    set "else"
    assert.equal("else", s:value())
  end)

  it("of __eq in a set from inside a step, in a Step, in an update", function()
    local s, set = S.create(hostile())
    local e, send = E.create()
    local held = e:hold(hostile())
    local inside = e:map(function(v) set(v) end)
    local changes = s:map(function(v) return v end)
    assert.same({ "no comparison", "no comparison" },
      reported(function() send(hostile()) end))
    works()
    local step = react.Step.create()
    local other, set_other = S.create(1)
    set(hostile(), step)
    set_other(2, step)
    assert.same({ "no comparison" }, reported(function() step:execute() end))
    assert.equal(2, other:value())
    works()
    assert.is_not_nil(held and inside and changes)
  end)

  it("of a changes() whose values cannot be compared", function()
    local e, send = E.create()
    local got = seen(e:changes())
    assert.same({ "no comparison" }, reported(function()
      send(hostile())
      send(hostile())
    end))
    send(1)
    assert.equal(2, #got)
    works()
  end)

  it("of an eq that is given", function()
    local s, set = S.create(1, function() error("eq", 0) end)
    local errors = reported(function()
      set(2)
      set(3)
    end)
    assert.same({ "eq", "eq" }, errors)
    assert.equal(1, s:value())
    works()
  end)

  it("for want of stack", function()
    local s, set = S.create(0)
    local m = s:map(function(v) return v end)
    local e, send = E.create()
    local h = e:hold(0)
    local n = 0
    local function deep()
      n = n + 1
      set(n)
      send(n)
      return (deep())
    end
    reported(function()
      assert.is_false((pcall(deep)))
    end)
    works()
    set(-1)
    send(-1)
    assert.same({ -1, -1 }, { m:value(), h:value() })
  end)

  it("tells every function of one step that fails", function()
    local s, set = S.create(0)
    local list = {}
    for i = 1, 50 do list[i] = s:changes():map(function() error(i, 0) end) end
    local last = s:map(function(v) return v end)
    assert.equal(50, #reported(function() set(1) end))
    assert.equal(1, last:value())
    assert.equal(50, #list)
    works()
  end)
end)

describe("a cycle in react", function()
  -- Each may hang where it is not noticed.
  local function told(text)
    local result = script.run([[
      local lwt, react = require "lwt", require "lwt.react"
      local E, S = react.E, react.S
      local errors = {}
      lwt.async_exception_hook(function(err) errors[#errors + 1] = err end)
      ]] .. text .. [[
      local x, set_x = S.create(1)
      local y = x:map(function(v) return v + 1 end)
      set_x(2)
      assert(y:value() == 3)
      for _, err in ipairs(errors) do print(err) end
    ]], 20)
    assert.equal("", result.err)
    assert.equal(0, result.code)
    return result.out
  end

  it("is reported: a signal that is to be itself", function()
    assert.matches("^a cycle[^\n]*\n$", told [[
      local inner, set = S.create(S.const(1))
      local s = inner:switch()
      set(s)
      assert(s:value() == 1)
      set(S.const(7))
      assert(s:value() == 7)
    ]])
  end)

  it("is reported: a signal that is to follow what depends on it", function()
    assert.matches("^a cycle[^\n]*\na cycle[^\n]*\n$", told [[
      local start, set_start = S.create(1)
      local inner, set = S.create(start)
      local s = inner:switch()
      local far = s:map(function(v) return v + 1 end):map(function(v) return v * 10 end)
      set(far)
      set(far:map(function(v) return v end))
      set_start(2)
      assert(s:value() == 2 and far:value() == 30)
      set(S.const(7))
      assert(far:value() == 80)
    ]])
  end)

  it("is reported: a bind whose function gives what depends on it", function()
    assert.matches("^a cycle[^\n]*\n$", told [[
      local s, set = S.create(1)
      local far
      local t = s:bind(function(v) return v == 2 and far or S.const(v) end)
      far = t:map(function(v) return v + 1 end)
      set(2)
      set(3)
      assert(far:value() == 4)
    ]])
  end)

  it("is reported: an event that switches to itself, or to what depends on it", function()
    assert.matches("^a cycle[^\n]*\na cycle[^\n]*\n$", told [[
      local e, send = E.create()
      local ee, turn = E.create()
      local s = e:switch(ee)
      local got = {}
      local far = s:map(function(v) got[#got + 1] = v return v end)
      turn(far)
      turn(s)
      send(5)
      assert(got[1] == 5 and #got == 1)
      assert(far)
    ]])
  end)

  it("is reported: a delayed event that turns out to depend on itself", function()
    assert.matches("^a cycle[^\n]*\n$", told [[
      local p, r = lwt.wait()
      local d = E.delay(p)
      local far = d:map(function(v) return v end)
      r:wakeup(far)
      assert(far)
    ]])
  end)
end)

describe("E.next", function()
  it("asked for again in its own callback, waits for the next occurrence", function()
    local result = script.run([[
      local react = require "lwt.react"
      local e, send = react.E.create()
      local got = {}
      local function again()
        e:next():on_success(function(v)
          got[#got + 1] = v
          if #got < 100 then again() end
        end)
      end
      again()
      send(1)
      send(2)
      send(3)
      print(table.concat(got, " "))
    ]], 20)
    assert.equal("1 2 3\n", result.out)
    assert.equal("", result.err)
  end)

  it("in a loop of binds sees each occurrence once", spec(function()
    local e, send = E.create()
    local got = {}
    local function loop()
      return e:next():bind(function(v)
        got[#got + 1] = v
        return v < 3 and loop() or "end"
      end)
    end
    local p = loop()
    for i = 1, 5 do send(i) end
    assert.equal("end", await(p))
    assert.same({ 1, 2, 3 }, got)
  end))
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

describe("an event made of what never waits", function()
  it("lets others have their turn", function()
    local result = script.run([[
      local lwt, react, stream = require "lwt", require "lwt.react", require "lwt.stream"
      lwt.run(function()
        local a = react.E.from(function() return 1 end)
        local b = react.E.of_stream(stream.from_direct(function() return 2 end))
        print(lwt.await(a:next()), lwt.await(b:next()))
        lwt.await(lwt.sleep(0.001))
        a, b = nil, nil
        collectgarbage()
        for _ = 1, 3 do lwt.yield() end
      end)
    ]], 20)
    assert.equal("1 2\n", (result.out:gsub("\t", " ")))
    assert.equal(0, result.code)
  end)

  it("checks what it is given in the place of a step, and of a notifier", function()
    local e, send = E.create()
    local s, set = S.create(1)
    for _, f in ipairs { send, set } do
      local ok, err = pcall(function() f(1, 5) end)
      assert.is_false(ok)
      assert.matches("step expected, got number", err)
      assert.matches("react_spec", err)
    end
    local ok, err = pcall(e:notify(print).stop, 5)
    assert.is_false(ok)
    assert.matches("notifier expected", err)
    assert.is_not_nil(s)
  end)
end)
