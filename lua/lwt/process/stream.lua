-- What a program writes as a stream, which ends with the program and stops it when it is closed or
-- dropped.

local lwt = require "lwt"
local child = require "lwt.process.child"
local shared = require "lwt.process.shared"

local spawn, raise = lwt.spawn, require("lwt.core").raise
local abort, stop, stop_group = child.abort, child.stop, child.stop_group
local settled = shared.settled

local M = {}

-- A stream of what the promises of `read(p)` give until nil; then the program has ended, too. `failure(p)` raises,
-- once, what happened to its input (nil: it has none). close() stops the program; dropping the
-- stream does as well.
function M.of(p, read, failure)
  local over = false
  local guard = require("lwt.internal.dropped").call(function()
    if over then return end
    -- (Of one that has ended the collector has closed the channels already.)
    lwt.async(p.life.status and stop_group or stop, p)
  end)
  -- While it runs the collector must not close its channels first.
  p.ended:on_termination(function() return p end)
  local function finish(ok, err)
    if not ok then
      if p.timed_out then settled(p) end
      raise(err)
    end
    over = true
    settled(p)
    abort(p)
    if failure then failure() end
  end
  require "lwt.stream"
  local s = require("lwt.stream.core").of_reads(function()
    if over or not guard then return nil end
    if failure then failure() end
    return read(p)
  end, finish)
  function s.close()
    if over then return lwt.fulfilled() end
    local stopping = spawn(function() lwt.shield(stop, p) end)
    over = select(1, stopping:state()) ~= "rejected" -- without memory it has not begun
    return stopping
  end
  return s
end

function M.read_line(p) return p.stdout:read_line() end
function M.read_char(p) return p.stdout:read_char() end

return M
