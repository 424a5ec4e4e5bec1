-- The longer run of spec/uv/channel/model_spec.lua.
--
--   lua5.4 spec/fuzz_channel.lua [SEED [COUNT]]     COUNT runs of each kind from SEED on
--
-- Without SEED it begins at one taken from the clock, which it prints. The first difference ends
-- it, with exit status 1 and the seed that shows it. Set FUZZ_SEED to a path to have the seed at
-- hand written there, for when the process dies.
package.path = "./?.lua;lua/?.lua;lua/?/init.lua;" .. package.path
package.cpath = (os.getenv "LWT_BUILD" or "build") .. "/?.so;" .. package.cpath

local lwt = require "lwt"
local model = require "spec.support.channel_model"

local first = math.tointeger(arg[1]) or os.time() * 1000
local count = math.tointeger(arg[2]) or 20000
local seed_path = os.getenv "FUZZ_SEED"

print(("%d runs from seed %d"):format(count, first))
local began = os.clock()
for seed = first, first + count - 1 do
  if seed_path then
    local f = assert(io.open(seed_path, "w"))
    f:write(seed, "\n")
    f:close()
  end
  for _, kind in ipairs { "reading", "writing" } do
    local ok, err = pcall(lwt.run, model[kind], seed)
    if not ok then
      print(("%s %d: %s"):format(kind, seed, tostring(err)))
      os.exit(1)
    end
  end
  if (seed - first + 1) % 1000 == 0 then
    print(("%d agree, %.0f s"):format(seed - first + 1, os.clock() - began))
  end
end
print(("%d runs agree"):format(count))
