-- Signals.

local lwt = require "lwt"
local react = require "lwt.react"
local support = require "spec.support.react"

local E, S = react.E, react.S
local forget, reported, seen = support.forget, support.reported, support.seen

describe("lwt.react", function()
  after_each(forget)

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

    it("app says what is no function", function()
      local s, told = S.const(1), nil
      local _, err = pcall(s.app, s, s)
      assert.equal("'app': a function expected as the value, got number", err)
      s:app_s(s):on_failure(function(e) told = e end)
      assert.equal("'app_s': a function expected as the value, got number", told)
      local ef, send = E.create()
      local hook = lwt.async_exception_hook(function(e) told = e end)
      local kept = { ef:app(ef), ef:app_s(ef), ef:app_p(ef) }
      for _ = 1, 3 do pcall(send, 1) end
      lwt.async_exception_hook(hook)
      assert.matches("^'app[_sp]*': a function expected as the value, got number$", told)
      assert.equal(3, #kept)
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
end)
