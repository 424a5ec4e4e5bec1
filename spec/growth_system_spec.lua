-- As spec/growth_spec.lua: the functions of streams and react, and the system's: files, sockets, channels,
-- programs, threads. The daily run does a fiftieth of the rounds; LWT_SPEC_FULL=1 all.
_G.LEAVES = "the live things that the operations are tried among"

local core = require "spec.support.core"
local growth = require "spec.support.growth"

growth.declare(it, core.count(200, 10000), core.count(200, 10000), function(op) return op.wide end)

it("what no operation names has a reason", function()
  local public = require "scripts.docs.public"
  local left, unexplained = growth.left(public.find(require "scripts.docs.read".read().modules), public.HIDDEN)
  assert.same({}, unexplained)
  assert.is_true(#left < 500, #left) -- (the same function is there as one and as a method)
end)
