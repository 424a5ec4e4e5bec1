--- Timers that are cheap to start again (at every packet, say).
---
--- ```lua
--- local timer = require "lwt.timer"
--- local idle <close> = timer.create(0.02, function() print "idle" end)   --> idle
--- for _ = 1, 3 do idle:start() end          -- whenever something comes
--- await(lwt.sleep(0.1))
--- ```

-- Starting again only moves `deadline`; the sleep that is under way is kept as long as it ends
-- before that, and then sleeps on for the rest.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local stored = require "lwt.internal.stored"

local getmetatable, now, sleep = getmetatable, lwt.now, lwt.sleep

---@class lwt.Timer
local M = {}
local timer = { __name = "lwt.timer", __index = M }
local handler -- of actions that fail; nil: the exception hook

local function drop_sleep(t)
  local p = t.sleep
  t.sleep = nil
  if p then p:cancel() end
end

local function arm(t, seconds)
  local p = sleep(seconds)
  p:on_success(t.woken)
  if t.sleep or not t.deadline then -- a finalizer has started it, or stopped it
    p:cancel()
  else
    t.sleep, t.wakes = p, t.deadline
  end
end

-- A sleep of t is over: the one under way, unless that is pending, or there is none.
local function wake(t)
  local p = t.sleep
  if not p or p:is_pending() then return end
  t.sleep = nil
  local at = now()
  local left = t.deadline - at
  -- Too small a rest to move the clock is none.
  if left > 0 and at + left > at then return arm(t, left) end
  t.deadline = nil
  if handler then lwt.dont_wait(t.f, handler) else lwt.async(t.f) end
end

local function wrong_delay(seconds)
  if type(seconds) ~= "number" then return "number expected, got " .. type(seconds) end
  if not (seconds >= 0 and seconds < math.huge) then return "must be 0 or more, and finite" end
end

--- Makes a timer that will call `f()` as a task `seconds` (fractions allowed) after it is
--- started: never early, once for each start. As a `<close>` variable it is stopped when the
--- block is left.
---@param seconds number
---@param f async fun(): ...?
---@return lwt.Timer
--- ```lua
--- local t = timer.create(0.01, function()
---   print("idle for too long")   --> idle for too long
--- end)
--- t:start()
--- await(lwt.sleep(0.02))
--- ```
function M.create(seconds, f)
  local wrong = wrong_delay(seconds)
  if wrong then args.bad(1, "create", wrong) end
  args.check_callable(2, "create", f)
  local t = { seconds = seconds, f = stored.keep(f), woken = false, deadline = nil, sleep = nil }
  t.woken = function() return wake(t) end
  return setmetatable(t, timer)
end

local function start(t)
  local deadline = now() + t.seconds
  t.deadline = deadline
  if t.sleep and t.wakes > deadline then drop_sleep(t) end
  if not t.sleep then arm(t, t.seconds) end
end

--- Starts the timer, or starts it again from now.
---@param t lwt.Timer
--- ```lua
--- local t = timer.create(0.1, function() print("quiet") end)   --> quiet
--- for _ = 1, 3 do
---   t:start()
---   await(lwt.sleep(0.01))
--- end
--- await(lwt.sleep(0.15))
--- ```
function M.start(t)
  if getmetatable(t) ~= timer then args.wrong(1, "start", "lwt.timer", t) end
  start(t)
end

--- Stops the timer; stopping one that does not run does nothing.
---@param t lwt.Timer
--- ```lua
--- local t = timer.create(0.01, function() print("never") end)
--- t:start()
--- t:stop()
--- await(lwt.sleep(0.02))
--- ```
function M.stop(t)
  if getmetatable(t) ~= timer then args.wrong(1, "stop", "lwt.timer", t) end
  t.deadline = nil
  drop_sleep(t)
end

--- Changes the delay. A timer that runs is started again with it.
---@param t lwt.Timer
---@param seconds number
--- ```lua
--- local t = timer.create(3600, function() print("soon") end)   --> soon
--- t:start()
--- t:change(0.01)
--- await(lwt.sleep(0.02))
--- ```
function M.change(t, seconds)
  if getmetatable(t) ~= timer then args.wrong(1, "change", "lwt.timer", t) end
  local wrong = wrong_delay(seconds)
  if wrong then args.bad(2, "change", wrong) end
  t.seconds = seconds
  if t.deadline then start(t) end
end

--- Sets the function that gets the error of an action that fails, of any timer; nil: the exception
--- hook, as at first. It returns the one before.
---@param f? fun(err: any)
---@return fun(err: any)?
--- ```lua
--- local old = timer.set_exn_handler(function(err)
---   print("failed:", err)   --> failed: oops
--- end)
--- timer.create(0, function() error("oops", 0) end):start()
--- await(lwt.sleep(0.01))
--- timer.set_exn_handler(old)
--- ```
function M.set_exn_handler(f)
  if f ~= nil and not args.is_callable(f) then
    args.wrong(1, "set_exn_handler", "function or nil", f)
  end
  local old = handler
  handler = f
  return old
end

function timer.__close(t)
  M.stop(t)
end

return M
