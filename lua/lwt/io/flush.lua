-- Flushing every channel when it is asked for (at_end.lua does it at the end of `run`).

local lwt = require "lwt"
local at_end = require "lwt.io.at_end"
local shared = require "lwt.io.shared"

local spawn = lwt.spawn
local cio = shared.cio

local M = shared.public

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
