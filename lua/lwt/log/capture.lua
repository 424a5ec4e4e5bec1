-- Internal: what goes wrong in lwt itself, told to the log.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local section = require "lwt.log.section"

local M = {}

-- What a failing log was given must not be lost.
local function log_error(err, what)
  local p = section.section "lwt":error_of(err, what)
  p:on_failure(function(why)
    io.stderr:write(("lwt.log: %s; not logged: %s\n"):format(tostring(why), section.describe(err)))
  end)
end

-- A `warn` of pieces; control messages ("@on") are for the one that was there.
local function warner(old)
  local pieces = {}
  return function(...)
    local first = ...
    if select("#", ...) == 1 and type(first) == "string" and first:sub(1, 1) == "@" then
      return old(first)
    end
    for i = 1, select("#", ...) do pieces[i] = tostring((select(i, ...))) end
    local text = table.concat(pieces, "", 1, select("#", ...))
    section.section "lwt":warning(text)
  end
end

--- Logs, in the section `lwt`, what lwt otherwise writes to stderr or ends the program with: errors in the background
--- that nobody handles (with their tracebacks, at the level error; the program goes on), failures of a server's
--- handlers, and `warn` (at the level warning). What the log itself cannot write goes to stderr. Gives a function that
--- undoes it.
---@return fun()
--- ```lua
--- log.set_default(log.make { output = function(s, level, lines) print(s, level, lines[1]) end })
--- local undo = log.capture()
--- lwt.async(function() error("lost", 0) end)   --> lwt error lost
--- warn("careful")                              --> lwt warning careful
--- undo()
--- ```
---@function lwt.log.capture()
function M.capture(...)
  if select("#", ...) > 0 then args.bad(1, "capture", "no argument expected") end
  local trouble = require "lwt.io.trouble"
  local old_hook, old_warn, old_write = lwt.async_exception_hook(), warn, trouble.write
  local new_warn = warner(old_warn)
  local function hook(err) log_error(err) end
  lwt.async_exception_hook(hook)
  warn = new_warn -- luacheck: ignore 121
  function trouble.write(text) section.section "lwt":error(text) end
  local new_write = trouble.write
  return function()
    if lwt.async_exception_hook() == hook then lwt.async_exception_hook(old_hook) end
    if warn == new_warn then warn = old_warn end -- luacheck: ignore 121
    if trouble.write == new_write then trouble.write = old_write end
  end
end

return M
