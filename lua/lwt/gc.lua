--- Finalizers that may wait: functions that run as tasks when an object has become garbage.
---
--- ```lua
--- local gc = require "lwt.gc"
--- do
---   local connection = { name = "db" }
---   gc.finalise(function(object)
---     await(lwt.sleep(0.001))               -- saying goodbye
---     print("closed", object.name)          --> closed db
---   end, connection)
--- end
--- collectgarbage()
--- await(lwt.sleep(0.02))
--- ```

-- A finaliser is run by a sentinel: a table with a __gc metamethod that is the value of the
-- object in an ephemeron table, so it becomes garbage with the object, and its finalizer gets the
-- object once more. __gc can run inside any allocation, so it only puts the sentinel into
-- `collected`; the loop runs the finalisers as tasks, before it next waits.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local core = require "lwt.core"

local M = {}

local sentinels = setmetatable({}, { __mode = "k" }) -- object -> list of its sentinels
local at_exit = setmetatable({}, { __mode = "k" }) -- sentinels of finalise_or_exit
local collected = {} -- sentinels whose object is gone, oldest first
local unfinished = {} -- promises of finalisers that run
local serial = 0

local sentinel_type = {
  __gc = function(s)
    if not s.done then collected[#collected + 1] = s end
  end,
}

-- Run one finaliser; what it raises goes to the exception hook.
local function finalise(s)
  s.done = true
  local object = s.object
  s.object = nil
  local p = lwt.spawn(s.f, object)
  if p:is_pending() then
    unfinished[p] = true
    p:on_termination(function() unfinished[p] = nil end)
  end
  p:on_failure(core.raise)
end

local function run_collected()
  while #collected > 0 do
    local list = collected
    collected = {}
    for i = 1, #list do finalise(list[i]) end
  end
end

-- At the end of each run: everything that is due, and wait for it.
local function finish()
  run_collected()
  local rest = {}
  for s in pairs(at_exit) do
    if not s.done then rest[#rest + 1] = s end
  end
  table.sort(rest, function(a, b) return a.serial > b.serial end)
  for i = 1, #rest do finalise(rest[i]) end
  repeat
    local p = next(unfinished)
    if p then pcall(lwt.await, p) end
    run_collected()
  until not p
end

-- Before the loop waits, and at the end of a run; from the first registration on.
local watching = false

local function watch()
  if watching then return end
  watching = true
  core.bare(lwt.on_iteration, "enter", run_collected) -- (not with the storage of whoever comes first)
  core.on_run_end(finish)
end

local function register(f, object)
  watch()
  local s = setmetatable({ object = object, f = core.keep(f), done = false }, sentinel_type)
  serial = serial + 1
  s.serial = serial
  local list = sentinels[object]
  if list then list[#list + 1] = s else sentinels[object] = { s } end
  return s
end

local collectable = { table = true, userdata = true, ["function"] = true, thread = true }

--- Has `f(object)` run as a task, by the loop, after `object` has become garbage. It may await or
--- return a promise; `run` waits for it at its end. An object may have several finalisers; the
--- newest runs first.
--- A finaliser that refers to the object (as an upvalue) does not keep it alive for ever, but
--- one that stores it somewhere brings it back to life. Prefer `<close>` where you can.
---@param f fun(object: any)
---@param object any a table, userdata, function or coroutine
--- ```lua
--- local log = {}
--- do
---   local object = { name = "temp" }
---   gc.finalise(function(o) log[#log + 1] = o.name end, object)
--- end
--- collectgarbage()
--- await(lwt.sleep(0.001))
--- print(log[1])   --> temp
--- ```
function M.finalise(f, object)
  args.check_callable(1, "finalise", f)
  if not collectable[type(object)] then
    args.bad(2, "finalise", "nothing is ever told of the end of a " .. type(object))
  end
  register(f, object)
end

--- Like `finalise`, but at the end of the outermost `run` at the latest: exactly once, when the
--- object has become garbage or when the run ends, whichever comes first.
---@param f fun(object: any)
---@param object any a table, userdata, function or coroutine
--- ```lua
--- local object = { name = "log file" }
--- gc.finalise_or_exit(function(o) o.closed = true end, object)
--- print(object.closed)   --> nil
--- ```
function M.finalise_or_exit(f, object)
  args.check_callable(1, "finalise_or_exit", f)
  if not collectable[type(object)] then
    args.bad(2, "finalise_or_exit", "nothing is ever told of the end of a " .. type(object))
  end
  at_exit[register(f, object)] = true
end

return M
