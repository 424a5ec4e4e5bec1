-- Reports of failures in the background that end nothing: a line and a traceback, on stderr.

local lwt = require "lwt"

local M = {}

-- Where the text goes: Lua's own stderr. A log puts a function of its own here.
function M.write(text)
  local stderr = io and io.stderr
  if stderr then stderr:write(text, "\n") end
end

function M.report(what, err)
  M.write(("lwt.io: %s: %s"):format(what, lwt.traceback(err)))
end

return M
