--- Signals of the system: handlers, promises and streams, by name. As long as a signal is listened to, the
--- system's default action for it is off. Deliveries that come faster than the loop turns may arrive as
--- one: that is the system's way.
---
--- ```lua
--- local signal, process = require "lwt.signal", require "lwt.process"
--- local hangup = signal.next "HUP"
--- process.kill(process.getpid(), "HUP")
--- print(await(hangup))                      --> HUP
--- ```

-- One listener of the C side per signal, as long as there is a receiver; what comes is handed to
-- the list below in the order of registration. When the last one is gone, the system's default is

local lwt = require "lwt"
local args = require "lwt.internal.args"
local stored = require "lwt.internal.stored"
local signal = require "lwt.internal.uvneeded"("lwt.signal").signal

local M = {}

local async = lwt.async

-- listening[name] = {listener = C handle, list = receivers in order, telling = the list that is being
-- walked, at = and where}. A receiver is a function, or false when it has been taken out while the list was
-- being walked.
local listening = {}

-- With the last receiver the listening ends: also when there is no memory for a shorter list.
local function sweep(name, entry)
  local list, some = entry.list, false
  for i = 1, #list do some = some or list[i].f end
  if not some then
    if listening[name] ~= entry then return end
    listening[name] = nil
    entry.listener:close()
    return
  end
  local kept = {}
  for i = 1, #list do
    if list[i].f then kept[#kept + 1] = list[i] end
  end
  if entry.list == list then entry.list = kept end
end

-- Where there was no memory for telling one, that is raised, and this is called again to go on there.
local function deliver(name, entry, goes_on)
  local list, first = entry.list, 1
  if goes_on and entry.telling then list, first = entry.telling, entry.at end
  -- Those that are added meanwhile did not exist when the signal came.
  for i = first, #list do
    local f = list[i].f
    if f then
      entry.telling, entry.at = list, i
      f(name)
    end
  end
  entry.telling = false
end

-- Begin to listen. (Making the listener may run a finalizer that has done it as well by then.)
-- Where it fails no listener is left, for then the signal would have no effect at all.
local function listen(name, receiver)
  local entry = { list = { receiver }, telling = false, at = 0, listener = false }
  entry.listener = signal.listen(name, function(goes_on) deliver(name, entry, goes_on) end)
  if listening[name] then
    entry.listener:close()
    return
  end
  local ok, err = pcall(rawset, listening, name, entry)
  if not ok then
    entry.listener:close()
    error(err, 0)
  end
  receiver.entry = entry
end

-- Have `f(name)` called at each delivery, until `remove` of what this returns.
local function add(name, f)
  local receiver = { f = f, name = name, entry = false }
  while not receiver.entry do
    local entry = listening[name]
    if entry then
      local before = entry.list
      -- A list of its own for each walk: deliver may be half way through the old one.
      local list = table.move(before, 1, #before, 1, {})
      list[#list + 1] = receiver
      -- Unless a finalizer has changed something while the list was made.
      if listening[name] == entry and entry.list == before then
        receiver.entry, entry.list = entry, list
      end
    else
      listen(name, receiver)
    end
  end
  return receiver
end

local function remove(receiver)
  if not receiver.f then return end
  receiver.f = false
  sweep(receiver.name, receiver.entry)
end

---@class lwt.SignalHandler

local handler = { __name = "lwt.signal.handler" }
handler.__index = handler

--- Takes the handler away. With the last one of a signal, what it did before is back: its default
--- action, or nothing where the process was started to ignore it (by `nohup`, say). Stopping
--- again does nothing. Leaving a `<close>` variable stops too.
---@param h lwt.SignalHandler
---```lua
---local h = signal.on("USR1", print)
---h:stop()
---```
---@function signal.stop(h)
function handler.stop(h)
  if getmetatable(h) ~= handler then args.wrong(1, "stop", "lwt.signal.handler", h) end
  remove(h.receiver)
end

function handler.__close(h) remove(h.receiver) end

function handler.__tostring(h)
  return ("lwt.signal.handler (%s%s)"):format(h.receiver.name, h.receiver.f and "" or ", stopped")
end

-- Raises for a name that is none, as an error of `what`, which the user's code has called.
local function check_name(name, what)
  local ok, found = pcall(signal.name, name)
  if not ok then
    found = found:match("%((.*)%)$") or found
  elseif found == "KILL" or found == "STOP" then
    ok, found = false, ("signal '%s' cannot be handled"):format(found)
  elseif found == "URG" then
    -- A handler of libuv's would take the place of the one that stops them.
    ok, found = false, "signal 'URG' cannot be handled: it is how worker threads are stopped"
  end
  if ok then return found end
  args.bad(1, what, found, 1)
end

--- Has `f(name)` called whenever the signal comes. Several handlers of one signal are called in the
--- order in which they were registered. A handler runs as a task of its own: it may await; what it
--- raises goes to the exception hook and keeps no other handler from running. `KILL`, `STOP` and `URG`
--- (which stops worker threads) cannot be handled. A handler of `INT` does not keep Ctrl-C from interrupting `run`,
--- nor one of `TERM` that signal from interrupting a script of the `lwt` command:
--- `lwt.interrupts(false)` does. A signal that has no name (a realtime signal) is given by its number, and `f` gets that.
---@param name string|integer "TERM" or "SIGTERM", or the system's number
---@param f async fun(name: string): ...?
---@return lwt.SignalHandler
---```lua
---local process = require "lwt.process"
---local h = signal.on("USR1", function(name) print("got " .. name) end)
---local next_one = signal.next("USR1")
---process.kill(process.getpid(), "USR1")
---print(await(next_one))   --> got USR1
------> USR1
---h:stop()
---```
function M.on(name, f)
  args.check_callable(2, "on", f)
  name = check_name(name, "on")
  local receive = stored.keep(function() async(f, name) end)
  return setmetatable({ receiver = add(name, receive) }, handler)
end

--- A promise of the next delivery of the signal, fulfilled with its name. Cancelling it, or its
--- end, takes the listener away.
---@param name string|integer
---@return lwt.Promise<string>
---```lua
---local process = require "lwt.process"
---local p = signal.next("USR1")
---process.kill(process.getpid(), "USR1")
---print(await(p))   --> USR1
---```
function M.next(name)
  name = check_name(name, "next")
  local p, r = lwt.task()
  local receiver
  p:on_cancel(function() remove(receiver) end)
  receiver = add(name, function()
    -- Each may fail for want of memory, and then this is called again.
    if p:is_pending() then r:wakeup_later(name) end
    remove(receiver)
  end)
  return p
end

--- A stream with an element (the name) for each delivery. Deliveries are counted while no read
--- waits. `s:close()` ends it; so does dropping it.
---@param name string|integer
---@return lwt.SourceStream<string>
---```lua
---local process = require "lwt.process"
---local s = signal.stream("USR1")
---process.kill(process.getpid(), "USR1")
---print(await(s:next()))   --> USR1
---s:close()
---print(await(s:get()))   --> nil
---```
function M.stream(name)
  name = check_name(name, "stream")
  local count = { pending = 0, waiting = false, resolver = false }
  local function receive()
    local p = count.waiting
    if not p then
      count.pending = count.pending + 1
      return
    end
    -- (This may fail for want of memory, and then this is called again.)
    if p:is_pending() then count.resolver:wakeup_later(name) end
    if count.waiting == p then count.waiting = false end
  end
  local receiver
  -- The receiver refers to the count and not to the stream: a stream that is not used any more is
  -- collected, and the guard with it.
  local guard = require("lwt.internal.dropped").call(function()
    if receiver then remove(receiver) end
  end)
  local s = require("lwt.stream").from(function()
    if not guard or not receiver.f then return nil end
    if count.pending > 0 then
      count.pending = count.pending - 1
      return name
    end
    local p, r = lwt.wait()
    count.waiting, count.resolver = p, r
    return p
  end)
  function s.close()
    remove(receiver)
    count.pending = 0
    local p = count.waiting
    count.waiting = false
    if p and p:is_pending() then count.resolver:wakeup_later(nil) end
  end
  s.stop = s.close
  receiver = add(name, receive) -- the last that can fail
  return s
end

return M
