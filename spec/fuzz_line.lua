-- The longer run of spec/term/read_line_model_spec.lua.
--
--   lua5.4 spec/fuzz_line.lua [SEED [COUNT]]     COUNT lines of 100 steps from SEED on
--
-- Without SEED it begins at one taken from the clock, which it prints. The first line that is not as the
-- model has it is shrunk and printed, and the exit status is 1. Set FUZZ_SEED to a path to have the seed at
-- hand written there, for when the process dies.
package.path = "./?.lua;lua/?.lua;lua/?/init.lua;" .. package.path
package.cpath = (os.getenv "LWT_BUILD" or "build") .. "/?.so;" .. package.cpath

local lwt = require "lwt"
if not pcall(require, "lwt.term") then
  print "no lines to be edited: lwt-term is not built"
  os.exit(0)
end
local fuzz = require "spec.support.line_fuzz"
local vterm = require "spec.support.vterm"

local STEPS = 100

local first = math.tointeger(arg[1]) or os.time() * 1000
local count = math.tointeger(arg[2]) or 1000
local seed_path = os.getenv "FUZZ_SEED"

print(("%d lines of %d steps from seed %d%s"):format(count, STEPS, first,
  vterm.why and ", without libvterm: there is no " .. vterm.why or ""))
local began = os.clock()
for seed = first, first + count - 1 do
  if seed_path then
    local f = assert(io.open(seed_path, "w"))
    f:write(seed, "\n")
    f:close()
  end
  local wrong = lwt.run(function() return fuzz.try(seed, STEPS) end)
  if wrong then
    print(wrong)
    os.exit(1)
  end
  if (seed - first + 1) % 100 == 0 then
    print(("%d lines agree, %.0f s"):format(seed - first + 1, os.clock() - began))
  end
end
print(("%d steps agree"):format(count * STEPS))
