-- Flushing every channel when it is asked for (at_end.lua does it at the end of `run`).

local lwt = require "lwt"
local args = require "lwt.internal.args"
local at_end = require "lwt.io.at_end"
local shared = require "lwt.io.shared"

local spawn = lwt.spawn
local cio = shared.cio

local M = shared.public

--- Set how long the end of `lwt.run` waits for channels that do not take what was written to them: those
--- of a program that never reads, say. At first, and with nil, it waits as long as it takes. After that time what is
--- left is given up, and the channel's name is written to standard error. Standard output is waited for in any case: it may be
--- a pager, which takes its time.
---
---@param seconds? number
--- ```lua
--- lio.set_exit_timeout(5)
--- print(lio.exit_timeout())   --> 5
--- lio.set_exit_timeout(nil)
--- ```
function M.set_exit_timeout(seconds)
  if seconds ~= nil then
    args.seconds(1, "set_exit_timeout", seconds)
    if seconds < 0 then args.bad(1, "set_exit_timeout", "negative time") end
  end
  at_end.limit = seconds or false
end

--- How long the end of `lwt.run` waits for channels, in seconds; nil: as long as it takes.
---
---@return number|nil
--- ```lua
--- print(lio.exit_timeout())   --> nil
--- ```
function M.exit_timeout()
  return at_end.limit or nil
end

--- Flush every open output channel. What cannot be written is reported by the channel's next
--- operation, not here.
---
---@return lwt.Promise<nil>
--- ```lua
--- local r, w = lio.pipe()
--- await(w:write("x"))
--- await(lio.flush_all())
--- print(await(r:read(1)))   --> x
--- ```
function M.flush_all()
  return spawn(at_end.flush, cio.unflushed())
end

return M
