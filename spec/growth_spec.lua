-- Every operation used ten thousand times leaves the heap where it was, and costs with ten thousand
-- live things around it what it costs with a hundred. doc/growth.md has the figures. The daily run does
-- a tenth of the rounds; LWT_SPEC_FULL=1 all.
_G.LEAVES = "the live things that the operations are tried among"

local core = require "spec.support.core"
local growth = require "spec.support.growth"

local rounds = core.count(1000, 10000)
local crowd = core.count(2000, 10000)

for _, op in ipairs(growth.operations) do
  it(op.name .. " leaves the heap where it was", core.stepping(function()
    local grown = growth.growth(op, rounds)
    -- Some bytes a round would be a leak; what is seen to many at a time may be under way.
    if grown > 96 * 1024 + rounds then
      error(("%d bytes more after %d rounds"):format(grown, rounds), 0)
    end
  end))

  it(op.name .. " costs the same among many live things", core.stepping(function()
    local few, quick = growth.cost(op, 100)
    local more, slow = growth.cost(op, crowd)
    if more > 2 * few + 20 then
      error(("%d instructions at 100, %d at %d"):format(few, more, crowd), 0)
    end
    -- Time only tells what is not constant at all: caches alone make a factor of some.
    if slow > 10 * quick + 2e-6 then
      _, slow = growth.cost(op, crowd)
    end
    if slow > 10 * quick + 2e-6 then
      error(("%.1f µs at 100, %.1f µs at %d"):format(quick * 1e6, slow * 1e6, crowd), 0)
    end
  end))
end
