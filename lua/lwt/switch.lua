--- A group of resources: turning the switch off releases what was hung on it.
---
--- ```lua
--- local switch = require "lwt.switch"
--- await(switch.with_switch(function(sw)
---   sw:add_hook(function() print "released" end)
---   print "working"                         --> working
--- end))                                     --> released
--- ```

local lwt = require "lwt"
local args = require "lwt.internal.args"
local stored = require "lwt.internal.stored"

local getmetatable = getmetatable

---@class lwt.Switch
local M = {}
local switch = { __name = "lwt.switch", __index = M }

--- The error of using a switch that is off.
---@type any
--- ```lua
--- local sw = switch.create()
--- sw:turn_off()
--- print(pcall(sw.check, sw))   --> false lwt.switch.Off
--- ```
M.Off = args.sentinel("lwt.switch.Off")

function switch.__tostring(sw)
  return ("lwt.switch (%s): %p"):format(sw.hooks and "on" or "off", sw)
end

-- Start all the hooks, newest first, and wait for all of them.
local function turn_off(sw)
  local hooks = sw.hooks
  if not hooks then return lwt.fulfilled() end
  sw.hooks = nil
  local running = {}
  for i = #hooks, 1, -1 do running[#running + 1] = hooks[i]() end
  return lwt.join(running)
end

function switch.__close(sw)
  if sw.hooks then lwt.shield(turn_off, sw) end
end

--- Makes a switch that is on. As a `<close>` variable it is turned off, and its hooks are waited
--- for, when the block is left.
---@return lwt.Switch
--- ```lua
--- do
---   local sw <close> = switch.create()
---   sw:add_hook(function() print("released") end)   --> released
---   print("used")                                   --> used
--- end
--- ```
function M.create()
  return setmetatable({ hooks = {} }, switch)
end

--- Whether the switch is on.
---@param sw lwt.Switch
---@return boolean
--- ```lua
--- local sw = switch.create()
--- print(sw:is_on())   --> true
--- await(sw:turn_off())
--- print(sw:is_on())   --> false
--- ```
function M.is_on(sw)
  if getmetatable(sw) ~= switch then args.wrong(1, "is_on", "lwt.switch", sw) end
  return sw.hooks ~= nil
end

--- Turns the switch off: starts all its hooks at once, newest first, each as a task.
--- When it is off already the promise is fulfilled at once, even while hooks still run.
---@param sw lwt.Switch
---@return lwt.Promise<nil> # when all hooks have ended; rejected with the first failure
--- ```lua
--- local sw = switch.create()
--- local log = {}
--- sw:add_hook(function() log[#log + 1] = "first added" end)
--- sw:add_hook(function() log[#log + 1] = "last added" end)
--- await(sw:turn_off())
--- print(table.concat(log, ", "))   --> last added, first added
--- ```
function M.turn_off(sw)
  if getmetatable(sw) ~= switch then args.wrong(1, "turn_off", "lwt.switch", sw) end
  return turn_off(sw)
end

--- Raises `switch.Off` when there is a switch and it is off.
---@param sw? lwt.Switch
--- ```lua
--- switch.check(nil)
--- switch.check(switch.create())
--- ```
function M.check(sw)
  if sw == nil then return end
  if getmetatable(sw) ~= switch then args.wrong(1, "check", "lwt.switch or nil", sw) end
  if not sw.hooks then error(M.Off, 2) end
end

--- Hangs a function on the switch, to be run as a task when it is turned off. Without a switch
--- (nil) it does nothing; with one that is off it raises `switch.Off`.
---@param sw? lwt.Switch
---@param f async fun(): ...?
--- ```lua
--- local sw = switch.create()
--- switch.add_hook(sw, function() print("bye") end)   --> bye
--- await(sw:turn_off())
--- ```
function M.add_hook(sw, f)
  if sw ~= nil and getmetatable(sw) ~= switch then
    args.wrong(1, "add_hook", "lwt.switch or nil", sw)
  end
  args.check_callable(2, "add_hook", f)
  if sw == nil then return end
  if not sw.hooks then error(M.Off, 2) end
  sw.hooks[#sw.hooks + 1] = stored.task(f)
end

--- Like `add_hook`, but with a switch that is off it runs `f` now.
---@param sw? lwt.Switch
---@param f async fun(): ...?
---@return lwt.Promise<any> # of `f` where it was run, else fulfilled
--- ```lua
--- local sw = switch.create()
--- sw:turn_off()
--- await(sw:add_hook_or_exec(function()
---   print("at once")   --> at once
--- end))
--- ```
function M.add_hook_or_exec(sw, f)
  if sw ~= nil and getmetatable(sw) ~= switch then
    args.wrong(1, "add_hook_or_exec", "lwt.switch or nil", sw)
  end
  args.check_callable(2, "add_hook_or_exec", f)
  if sw == nil then return lwt.fulfilled() end
  if not sw.hooks then return lwt.spawn(f) end
  sw.hooks[#sw.hooks + 1] = stored.task(f)
  return lwt.fulfilled()
end

--- Runs `f(sw)` as a task with a new switch, and turns it off whichever way `f` ends. When a hook
--- fails, its error is the result, also where `f` failed too.
---@generic T
---@param f async fun(sw: lwt.Switch): T?, ...?
---@return lwt.Promise<T> # what `f` returns or raises
--- ```lua
--- local result = await(switch.with_switch(function(sw)
---   sw:add_hook(function() print("closed") end)   --> closed
---   return "result"
--- end))
--- print(result)   --> result
--- ```
function M.with_switch(f)
  args.check_callable(1, "with_switch", f)
  local sw = M.create()
  return lwt.spawn(f, sw):finalize(function() return turn_off(sw) end)
end

return M
