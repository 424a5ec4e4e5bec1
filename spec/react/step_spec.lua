-- Update steps: their order, what is sent meanwhile, cycles.

local lwt = require "lwt"
local react = require "lwt.react"
local test = require "lwt.test"
local support = require "spec.support.react"
local script = require "spec.support.script"

local E, S = react.E, react.S
local await, spec = lwt.await, test.virtual
local forget, reported, seen = support.forget, support.reported, support.seen

describe("lwt.react", function()
  after_each(forget)

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
