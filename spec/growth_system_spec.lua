-- As spec/growth_spec.lua: the functions of streams and react, and the system's: files, sockets, channels,
-- programs, threads. The daily run does a twentieth of the rounds; LWT_SPEC_FULL=1 all.
_G.LEAVES = "the live things that the operations are tried among"

local core = require "spec.support.core"
local growth = require "spec.support.growth"

growth.declare(it, core.count(500, 10000), core.count(500, 10000), function(op) return op.wide end)
