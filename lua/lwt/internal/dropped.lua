-- Internal: functions that run when an object has been dropped. A finaliser may run in the middle of
-- anything, the core's own work included, so it only notes what is to be done; it is done in the
-- next turn of the loop.

local lwt = require "lwt"
local core = require "lwt.core"
local keep = require "lwt.internal.stored".keep

local M = {}

local due = {}
local hook

local function settle()
  if not due[1] then return end
  local list = due
  due = {}
  for i = 1, #list do
    local ok, err = core.guard(list[i])
    if not ok then lwt.async(core.raise, err) end
  end
end

local mt = { __gc = function(guard) due[#due + 1] = guard.f end }

-- An object to be kept by what is watched (and by nothing else): when both are
-- garbage, `f()` is called from the loop.
function M.call(f)
  -- (Not with the storage of whoever comes first: the hook is there for all, and stays.)
  if not hook then hook = core.bare(lwt.on_iteration, "enter", settle) end
  return setmetatable({ f = keep(f) }, mt)
end

-- Likewise, cancelling a promise.
function M.cancel(p)
  return M.call(function() p:cancel() end)
end

return M
