-- Internal: the loggers that have something to write, and the wait for them at the end of a run.
--
-- A logger is in `busy` from when it has something to write until that is `over`. It has waiting(l), how
-- many records those are. What has been waited for in vain is `given_up`: nothing may wait for it
-- when the state ends.

local lwt = require "lwt"
local core = require "lwt.core"

local M = {}

local AT_EXIT = 5 -- seconds

local busy = {} -- logger -> true
M.busy = busy

-- What is done before, at the end of a run and when a logger is closed (see lwt.log.worker), or nil.
M.before_end, M.before_close = nil, nil

local done = lwt.fulfilled()

-- A promise that is fulfilled when it has nothing to write. (Making one may run a finalizer that
-- asks for one, too.)
function M.idle(l)
  if busy[l] and not l.ended then
    local p, r = lwt.wait()
    if busy[l] and not l.ended then l.ended, l.end_it = p, r end
  end
  return busy[l] and l.ended or done
end

-- Fulfils that promise. (Where this raises for want of memory, it is called again.)
function M.wake(l)
  local p, r = l.ended, l.end_it
  if not p then return end
  if p:is_pending() then r:wakeup() end
  if l.ended == p then l.ended, l.end_it = false, false end
end

local has_uv, uv = pcall(require, "lwt.uv")
local left_out -- the channels that loggers write to, as weak keys, where there are any

-- Has the end of a run wait for this channel no longer than for the log. stdout, which has the
-- program's own output, is waited for as long as it takes all the same.
function M.see_to(ch)
  left_out = require "lwt.io.at_end".left_out
  if ch ~= require "lwt.io".stdout then left_out[ch] = true end
end

-- What others have written to those channels, and not flushed.
local function flush_channels()
  local at_end, list = require "lwt.io.at_end", {}
  for _, ch in ipairs(uv.io.unflushed()) do
    if left_out[ch] then list[#list + 1] = ch end
  end
  at_end.flush(list, at_end.report)
end

local function wait_for_all()
  if M.before_end then M.before_end() end
  local l = next(busy)
  while l do
    lwt.await(M.idle(l))
    l = next(busy)
  end
  if left_out then flush_channels() end
end

local function say(text)
  if has_uv then
    require "lwt.io.at_end".say(text)
  else
    io.stderr:write(text)
  end
end

-- At the end of `run`: waits until all is written, but not for a daemon or a pipe that takes nothing.
local function flush_all()
  if not M.before_end and not left_out and next(busy) == nil then return end
  if pcall(lwt.await, lwt.with_timeout(AT_EXIT, wait_for_all)) then return end
  local n = 0
  for l in pairs(busy) do
    l.given_up = true
    n = n + l:waiting()
  end
  if n > 0 then say(("lwt.log: %d records were not written in %d seconds\n"):format(n, AT_EXIT)) end
end

core.on_run_end(flush_all)

return M
