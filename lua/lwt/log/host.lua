-- Internal: who writes the log: the program's name, its process, its machine.

local M = {}

local has_uv, uv = pcall(require, "lwt.uv")
M.uv = has_uv and uv or nil

-- The base name of the script, as `arg` has it.
function M.name()
  local script = type(arg) == "table" and arg[0]
  return type(script) == "string" and script:match "([^/\\]+)[/\\]*$" or "lua"
end

-- Asked for each time: a program may have been forked.
function M.pid()
  if not has_uv then return "-" end
  return tostring(uv.process.getpid())
end

function M.hostname()
  local ok, name = pcall(function() return require "lwt.net".gethostname() end)
  return ok and name:match "^[\33-\126]+$" or "-"
end

-- Is the descriptor a terminal that shows colours?
function M.is_terminal(fd)
  return has_uv and uv.io.is_terminal(fd) and os.getenv "TERM" ~= "dumb"
end

M.is_worker = has_uv and uv.thread.is_worker() or false

return M
