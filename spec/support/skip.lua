-- Specs that cannot run. Both functions end the spec that calls them; the run says at its end how many
-- were left out, and why (spec/support/report.lua).

local busted = require "busted"

local M = {}

-- What ends a spec as busted's `pending` does, which it gives to the specs themselves only.
local function leave() error("only a spec can be left out, in its `it`", 0) end
busted.subscribe({ "test", "start" }, function(element)
  leave = element.env.pending
  return nil, true
end)

-- The machine lacks a program or a library that can be installed (scripts/deps.sh). .ci/run, which
-- installs it, sets LWT_SPEC_WHOLE: there it is a failure.
function M.missing(what)
  if os.getenv "LWT_SPEC_WHOLE" then error("it cannot be left out here: there is no " .. what, 0) end
  leave("there is no " .. what)
end

-- It cannot be on this system, or for this user, or is for another run, as `why` says.
function M.here(why) leave(why) end

-- What runs under a sanitizer or valgrind need not do again, or could not.
function M.under(why)
  if os.getenv "LWT_UNDER" then leave(("%s (under %s)"):format(why, os.getenv "LWT_UNDER")) end
end

-- Whether a shell finds the command.
function M.has(command)
  return os.execute("command -v '" .. command .. "' >/dev/null 2>&1") == true
end

-- Goes on only where the command is.
function M.needs(command)
  if not M.has(command) then M.missing(command) end
end

return M
