-- What goes wrong in react: wrong arguments, and functions that fail.

local react = require "lwt.react"
local support = require "spec.support.react"

local E, S = react.E, react.S
local forget, reported, seen = support.forget, support.reported, support.seen

describe("lwt.react", function()
  after_each(forget)

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
      assert.truthy(err:find("failure_spec.lua", 1, true), err)
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
