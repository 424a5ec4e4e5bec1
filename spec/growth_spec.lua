-- Every operation used ten thousand times leaves the heap where it was, and costs with ten thousand
-- live things around it what it costs with a hundred. doc/growth.md has the figures. The daily run does
-- a tenth of the rounds; LWT_SPEC_FULL=1 all. spec/growth_system_spec.lua has the other half.
_G.LEAVES = "the live things that the operations are tried among"

local core = require "spec.support.core"
local growth = require "spec.support.growth"

growth.declare(it, core.count(1000, 10000), core.count(2000, 10000), function(op) return not op.wide end)
