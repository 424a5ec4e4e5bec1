-- What the specs of signals and events share.

local lwt = require "lwt"

local M = {}

local notifiers = {}

-- Keeps a notifier, and so what it is told of, until `forget`.
function M.keep(notifier) notifiers[#notifiers + 1] = notifier end

-- A list of what an event or signal gives from now on.
function M.seen(x)
  local list = {}
  M.keep(x:notify(function(v) list[#list + 1] = v end))
  return list
end

-- Ends those notifiers: for after_each.
function M.forget()
  for _, n in ipairs(notifiers) do n:stop() end
  notifiers = {}
end

-- The errors that go to the exception hook while `f` runs.
function M.reported(f)
  local errors = {}
  local old = lwt.async_exception_hook(function(err) errors[#errors + 1] = err end)
  local ok, err = pcall(f)
  lwt.async_exception_hook(old)
  if not ok then error(err, 0) end
  return errors
end

function M.collect()
  collectgarbage()
  collectgarbage()
end

return M
