-- Internal: what is buffered is written out at the end of a run.

local lwt = require "lwt"
local core = require "lwt.core"
local cio = require "lwt.uv".io
local bare = require "lwt.internal.stored".bare

local M = {}

-- Channels (as weak keys) that are flushed by others at the end, with a limit in time: those of logs.
M.left_out = setmetatable({}, { __mode = "k" })

-- What channels (as weak keys) are called that have no name of their own.
M.names = setmetatable({}, { __mode = "k" })

-- How many seconds the others are waited for at the end of a run, false: as long as it takes. stdout is
-- always, for it is what a program prints into a pager.
M.limit = false

local function flush(ch)
  if ch:is_closed() then return lwt.protected(ch:close()) end
  if cio.is_shutting(ch) then return ch:close "write" end
  return ch:flush()
end

-- Flushes the channels of a list, all at the same time; `report` is told what fails.
function M.flush(list, report)
  local flushing = {}
  local function failed(err)
    if report and not rawequal(err, lwt.Canceled) then report(err) end
  end
  for i, ch in ipairs(list) do flushing[i] = flush(ch):catch(failed) end
  lwt.await(lwt.join(flushing))
end

-- At the end of `run` an error can only go to the exception hook. That the other end has gone away
-- is not reported (`lwt script | head`).
function M.report(err)
  if type(err) == "table" and err.code == "EPIPE" then return end
  lwt.async(error, err, 0)
end

-- On stderr, which may be what takes nothing.
function M.say(text)
  local stderr = require "lwt.io".stderr
  stderr:write(text):state()
  cio.flush_now(stderr)
end

-- What functions of `at_exit` write is flushed after them, each time. A task that writes on and on in the
-- background asks for that as well, and must not keep the program from ending.
local PASSES = 100
local passes, counted = 0, false

-- Those that have not taken it in time.
local given_up = setmetatable({}, { __mode = "k" })

local function give_up(list)
  local unflushed = {}
  for _, ch in ipairs(cio.unflushed(true)) do unflushed[ch] = true end
  for _, ch in ipairs(list) do
    if unflushed[ch] then
      given_up[ch] = true
      M.say(("lwt.io: what was written to %s was not taken within %g seconds\n"):format(
        M.names[ch] or tostring(ch), M.limit))
    end
  end
end

-- The next run begins anew.
local function count_anew()
  passes, given_up = 0, setmetatable({}, { __mode = "k" })
  cio.unflushed(true)
end

local function flush_at_exit()
  passes = passes + 1
  if not counted then
    core.on_run_end(count_anew)
    counted = true
  end
  local limited, unlimited = {}, {}
  for _, ch in ipairs(cio.unflushed(true)) do
    if not M.left_out[ch] and not given_up[ch] then
      local list = M.limit and ch:fileno() ~= 1 and limited or unlimited
      list[#list + 1] = ch
    end
  end
  local others = lwt.spawn(M.flush, unlimited, M.report)
  if #limited > 0 then
    local function all() M.flush(limited, M.report) end
    local ok, err = pcall(lwt.await, lwt.with_timeout(M.limit, all))
    if rawequal(err, lwt.Canceled) then error(err, 0) end
    if not ok then give_up(limited) end
  end
  lwt.await(others)
end

-- (Not with the storage of whoever makes the first channel.)
cio.at_exit(function()
  if passes < PASSES then bare(lwt.at_exit, flush_at_exit) end
end)

return M
