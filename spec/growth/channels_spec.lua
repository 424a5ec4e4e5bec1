-- Growth of the channels of lwt.io: every operation used again and again leaves the heap where it
-- was, and costs among many live things what it costs among a hundred (see spec/support/growth.lua
-- and doc/growth.md).
_G.LEAVES = "the live things that the operations are tried among"

local growth = require "spec.support.growth"

growth.declare(it, "channels")
