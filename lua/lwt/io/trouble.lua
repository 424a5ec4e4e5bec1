-- What goes wrong in the background and ends nothing: told in words, with its traceback.

local lwt = require "lwt"

local M = {}

-- Where the words go: Lua's own stderr. Whoever keeps a log puts a function of his own here.
function M.write(text)
  local stderr = io and io.stderr
  if stderr then stderr:write(text, "\n") end
end

function M.report(what, err)
  M.write(("lwt.io: %s: %s"):format(what, lwt.traceback(err)))
end

return M
