-- Every public function is used by an operation whose growth is looked at, or has a reason of its own why not;
-- and what looks at growth finds it.
_G.LEAVES = "the live things that the operations are tried among"

local core = require "spec.support.core"
local growth = require "spec.support.growth"

describe("the growth of what is public", function()
  it("is looked at, function by function, or there is a reason", core.stepping(function()
    local functions, used = growth.public(), {}
    local count = 0
    for _ in pairs(functions) do count = count + 1 end
    assert.is_true(count > 500, count)
    for _, family in ipairs(growth.FAMILIES) do
      for _, op in ipairs(growth.family(family)) do growth.uses(op, functions, used) end
    end
    local reasons = require "spec.support.growth.reasons"
    local left, wrong = growth.left(functions, used, reasons)
    assert.same({}, left)
    assert.same({}, wrong)

    -- One more, in three ways.
    local function fresh() end
    functions[fresh] = { "lwt.fresh" }
    left, wrong = growth.left(functions, used, reasons)
    assert.same({ { "lwt.fresh" }, {} }, { left, wrong })
    used[fresh] = {}
    assert.same({}, (growth.left(functions, used, reasons)))
    local more = { ["lwt.fresh"] = "it is used", ["lwt.gone"] = "it is not there" }
    for name, reason in pairs(reasons) do more[name] = reason end
    left, wrong = growth.left(functions, used, more)
    assert.same({ {}, { "lwt.fresh", "lwt.gone" } }, { left, wrong })
  end))
end)

describe("what looks at growth", function()
  local function nothing() return {} end
  local function fails(words, f, ...)
    local ok, err = pcall(f, ...)
    assert.is_false(ok)
    assert.matches(words, err)
  end

  it("sees what is kept", core.stepping(function()
    local kept = {}
    local op = { prepare = nothing, act = function() kept[#kept + 1] = ("x"):rep(1000) .. #kept end }
    fails("%d+ bytes more after 200 rounds", growth.check_heap, op, 200)
  end))

  it("sees what is kept in C", core.stepping(function()
    if not require "spec.support.heap".used() then return end
    local kept = {}
    local op = { prepare = nothing, act = function()
      kept[#kept + 1] = require "lwt.bytes".create(10000) -- (Lua knows of a handle only)
    end }
    fails("%d+ bytes more after 500 rounds", growth.check_heap, op, 500)
  end))

  it("sees descriptors that stay open", core.stepping(function()
    local kept = {}
    local op = { prepare = nothing, act = function() kept[#kept + 1] = assert(io.open "/dev/null") end }
    fails("%d+ descriptors more after 50 rounds", growth.check_heap, op, 50)
  end))

  it("sees what costs more among many", core.stepping(function()
    local op = {
      prepare = function(n) return { n = n } end,
      act = function(x) for _ = 1, x.n do x[1] = x.n end end,
    }
    fails("instructions at 100, %d+ at 1000", growth.check_cost, op, 1000)
    op = {
      prepare = function(n) return { text = ("x"):rep(100 * n) } end,
      act = function(x) return x.text:find("y", 1, true) end, -- C's own
    }
    fails("µs at 100, [%d.]+ µs at 10000", growth.check_cost, op, 10000)
  end))
end)
