-- As spec/growth_spec.lua: the functions of streams and react, and the system's: files, sockets, channels,
-- programs, threads. The daily run does a fiftieth of the rounds; LWT_SPEC_FULL=1 all.
_G.LEAVES = "the live things that the operations are tried among"

local core = require "spec.support.core"
local growth = require "spec.support.growth"

growth.declare(it, core.count(200, 10000), core.count(200, 10000), function(op) return op.wide end)
