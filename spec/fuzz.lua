-- The longer run of spec/core/model_spec.lua: random programs on the model and on lwt.
--
--   lua5.4 spec/fuzz.lua [SEED [COUNT]]     COUNT programs from SEED on
--   lua5.4 spec/fuzz.lua -p SEED            print that program as a Lua script
--
-- Without SEED it begins at one taken from the clock, which it prints. The first program
-- on which the two differ is shrunk and printed, and the exit status is 1. Set FUZZ_SEED
-- to a path to have the seed at hand written there, for when the process dies.
package.path = "./?.lua;lua/?.lua;lua/?/init.lua;" .. package.path
package.cpath = (os.getenv "LWT_BUILD" or "build") .. "/?.so;" .. package.cpath

local program = require "spec.support.program"
local model = require "spec.support.model"

if arg[1] == "-p" then
  print(program.script(program.generate(assert(math.tointeger(arg[2]), "which seed?"))))
  os.exit(0)
end

local lwt = require "lwt"
require "lwt.engine".set "virtual"
local first = math.tointeger(arg[1]) or os.time() * 1000000
local count = math.tointeger(arg[2]) or 100000
local seed_path = os.getenv "FUZZ_SEED"
local seed_file = seed_path and assert(io.open(seed_path, "w"))

local function lwt_again() return lwt end

local function differs(p) return program.compare(p, model.new, lwt_again) end

print(("%d programs from seed %d"):format(count, first))
local began = os.clock()
for seed = first, first + count - 1 do
  if seed_file then
    seed_file:seek "set"
    seed_file:write(("%-20d\n"):format(seed))
    seed_file:flush()
  end
  local p = program.generate(seed)
  if differs(p) then
    local small = program.shrink(p, differs)
    local difference = differs(small)
    print(("seed %d: line %d of the log\n  model: %s\n  lwt:   %s\n"):format(
      seed, difference.line, difference.expected, difference.got))
    print(program.script(small))
    os.exit(1)
  end
  if (seed - first + 1) % 10000 == 0 then
    print(("%d agree, %.0f s"):format(seed - first + 1, os.clock() - began))
  end
end
print(("%d programs agree"):format(count))
