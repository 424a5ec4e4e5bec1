-- Flushing every channel: when it is asked for, and at the end of `run`.

local lwt = require "lwt"
local shared = require "lwt.io.shared"

local await, spawn = lwt.await, lwt.spawn
local cio = shared.cio

local M = shared.public

local function flush_each(list, report)
  for _, ch in ipairs(list) do
    local ok, err = pcall(await, ch:flush())
    if not ok then
      if rawequal(err, lwt.Canceled) then error(err, 0) end
      if report then report(err) end
    end
  end
end

--- Flush every open output channel. What cannot be written is told by the channel's next operation,
--- not here.
---
---@return lwt.Promise<nil>
--- ```lua
--- local r, w = lio.pipe()
--- await(w:write("x"))
--- await(lio.flush_all())
--- print(await(r:read(1)))   --> x
--- ```
function M.flush_all()
  return spawn(flush_each, cio.unflushed())
end

-- At the end of `run` an error has nobody else to go to than the exception hook. An end that has
-- gone away is not worth it (`lwt script | head`).
local function report(err)
  if type(err) == "table" and err.code == "EPIPE" then return end
  lwt.async(error, err, 0)
end

local function flush_at_exit()
  flush_each(cio.unflushed(true), report)
end

cio.at_exit(function() lwt.at_exit(flush_at_exit) end)

return M
