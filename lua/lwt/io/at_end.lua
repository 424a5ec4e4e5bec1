-- Internal: what is buffered is written out at the end of a run.

local lwt = require "lwt"
local core = require "lwt.core"
local cio = require "lwt.uv".io
local bare = require "lwt.internal.stored".bare

local M = {}

-- Channels (as weak keys) that are flushed by others at the end, with a limit in time: those of logs.
-- All other channels are waited for as long as it takes, as with what a program prints into a pager.
M.left_out = setmetatable({}, { __mode = "k" })

-- Flushes each channel of a list; `report` is told what fails.
function M.flush(list, report)
  for _, ch in ipairs(list) do
    local ok, err = pcall(lwt.await, ch:flush())
    if not ok then
      if rawequal(err, lwt.Canceled) then error(err, 0) end
      if report then report(err) end
    end
  end
end

-- At the end of `run` an error can only go to the exception hook. That the other end has gone away
-- is not reported (`lwt script | head`).
function M.report(err)
  if type(err) == "table" and err.code == "EPIPE" then return end
  lwt.async(error, err, 0)
end

-- What functions of `at_exit` write is flushed after them, each time. A task that writes on and on in the
-- background asks for that as well, and must not keep the program from ending.
local PASSES = 100
local passes, counted = 0, false

-- The next run begins anew.
local function count_anew()
  passes = 0
  cio.unflushed(true)
end

local function flush_at_exit()
  passes = passes + 1
  if not counted then
    core.on_run_end(count_anew)
    counted = true
  end
  local list = {}
  for _, ch in ipairs(cio.unflushed(true)) do
    if not M.left_out[ch] then list[#list + 1] = ch end
  end
  M.flush(list, M.report)
end

-- (Not with the storage of whoever makes the first channel.)
cio.at_exit(function()
  if passes < PASSES then bare(lwt.at_exit, flush_at_exit) end
end)

return M
