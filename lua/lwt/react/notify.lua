-- Notifiers: plain callbacks and tasks that events and signals call, until they are stopped.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local G = require "lwt.react.graph"
local jobs = require "lwt.react.jobs"

local E, S, event_from = G.E, G.S, G.event_from
local check_event, check_signal = G.check_event, G.check_signal
local value, new_worker, async = jobs.value, jobs.new_worker, lwt.async

local Notifier = {}
Notifier.__index = Notifier
Notifier.__name = "lwt.react.notifier"

--- Ends it: the function is not called any more.
---@param handle lwt.Notifier
---@function react.notifier.stop(handle)
function Notifier:stop()
  if getmetatable(self) ~= Notifier then args.wrong(1, "stop", "lwt.react.notifier", self) end
  local node = self.node
  if node then
    self.node = nil
    node.update, node.producers = nil, nil
    G.unkeep(node)
    local worker = self.worker
    self.worker = nil
    if worker then worker:clear() end
  end
end
Notifier.__close = Notifier.stop

local function notifier(x, call)
  local node = event_from({ x }, call)
  G.keep(node)
  return setmetatable({ node = node }, Notifier)
end

local function notify(check, name)
  return function(x, f)
    check(x, 1, name)
    args.check_callable(2, name, f)
    return notifier(x, function() f(x.v) end)
  end
end

local function notify_s(check, name)
  return function(x, f)
    check(x, 1, name)
    args.check_callable(2, name, f)
    local w = new_worker()
    local handle
    handle = notifier(x, function()
      local v = x.v
      w:add(function()
        if handle.node then value(f(v)) end
      end)
    end)
    handle.worker = w
    return handle
  end
end

local function notify_p(check, name)
  return function(x, f)
    check(x, 1, name)
    args.check_callable(2, name, f)
    return notifier(x, function() async(f, x.v) end)
  end
end

--- Calls `f(v)`, a plain callback, at each occurrence, until the handle's `stop()`. The event
--- is kept alive meanwhile. What `f` raises goes to the exception hook.
---@param e lwt.Event
---@param f fun(v: any)
---@return lwt.Notifier
---@function react.E.notify(e, f)
---```lua
---local e, send = react.E.create()
---local handle = e:notify(function(v) print(v) end)   --> 1
---send(1)
---handle:stop()
---send(2)
---```
E.notify = notify(check_event, "notify")

--- The same with an `f` that runs as a task, one call after another.
---@param e lwt.Event
---@param f fun(v: any): any
---@return lwt.Notifier
---@function react.E.notify_s(e, f)
E.notify_s = notify_s(check_event, "notify_s")

--- The same with an `f` that runs as a task, without waiting for the calls before.
---@param e lwt.Event
---@param f fun(v: any): any
---@return lwt.Notifier
---@function react.E.notify_p(e, f)
E.notify_p = notify_p(check_event, "notify_p")

--- Calls `f(v)`, a plain callback, at each change, until the handle's `stop()`. The signal is
--- kept alive meanwhile. What `f` raises goes to the exception hook.
---@param s lwt.Signal
---@param f fun(v: any)
---@return lwt.Notifier
---@function react.S.notify(s, f)
---```lua
---local s, set = react.S.create(1)
---local handle = s:notify(function(v) print(v) end)   --> 2
---set(2)
---handle:stop()
---set(3)
---```
S.notify = notify(check_signal, "notify")

--- The same with an `f` that runs as a task: the next call waits for the last one.
---@param s lwt.Signal
---@param f fun(v: any): any
---@return lwt.Notifier
---@function react.S.notify_s(s, f)
S.notify_s = notify_s(check_signal, "notify_s")

--- The same with an `f` that runs as a task, without waiting for the calls before.
---@param s lwt.Signal
---@param f fun(v: any): any
---@return lwt.Notifier
---@function react.S.notify_p(s, f)
S.notify_p = notify_p(check_signal, "notify_p")
