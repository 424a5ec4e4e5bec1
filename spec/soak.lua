-- The long run of spec/soak_spec.lua: rounds of everything at once, on the virtual engine, and every
-- tenth a round of reading and writing in all styles, on the real one.
--
--   lua5.4 spec/soak.lua [SEED]
--
-- Goes on for SOAK_SECONDS (600). Without SEED it begins at one taken from the clock, which it
-- prints. The first finding ends it, with exit status 1 and the seed of the round that shows it;
-- so does memory that grows from round to round.
package.path = "./?.lua;lua/?.lua;lua/?/init.lua;" .. package.path
package.cpath = (os.getenv "LWT_BUILD" or "build") .. "/?.so;" .. package.cpath

local soak = require "spec.support.soak"
local soak_bytes = require "spec.support.soak_bytes"

local first = math.tointeger(arg[1]) or os.time() * 1000
local seconds = tonumber(os.getenv "SOAK_SECONDS") or 600
local WARM, SLACK = 200, 256 -- rounds before memory counts; KiB that it may grow by

print(("%g seconds from seed %d"):format(seconds, first))
io.stdout:flush()

local function memory()
  collectgarbage()
  collectgarbage()
  return collectgarbage "count"
end

local began, counts, seed, told, before = os.time(), {}, first, 0, nil
while os.time() - began < seconds or not before do
  local ok, err = pcall(seed % 10 == 0 and soak_bytes.round or soak.round, seed, counts)
  if not ok then
    print(("seed %d: %s"):format(seed, err))
    os.exit(1)
  end
  seed = seed + 1
  if seed - first == WARM then before = memory() end
  if os.time() - began >= told + 60 then
    told = told + 60
    print(("%4d s: %d rounds, %.0f KiB"):format(told, counts.rounds, memory()))
    io.stdout:flush()
  end
end

local grown = memory() - before
print(("%d rounds: %d steps, %d tasks and other works, %d cancels; %d reads of %d MiB, %d writes, "
  .. "%d finalizers; memory grew by %.0f KiB"):format(counts.rounds, counts.steps, counts.works,
  counts.cancels, counts.reads, counts.bytes >> 20, counts.writes, counts.finalizers, grown))
if grown > SLACK then
  print("that is too much")
  os.exit(1)
end
-- Through the end of the state: what is still held is a leak.
os.exit(true, true)
