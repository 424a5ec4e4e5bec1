--- Functions run in worker threads, each with a Lua state of its own, and channels between states. What
--- crosses is copied.
---
--- ```lua
--- local preemptive = require "lwt.preemptive"
--- local function sum(n)
---   local s = 0
---   for i = 1, n do s = s + i end
---   return s
--- end
--- local a, b = preemptive.detach(sum, 100000), preemptive.detach(sum, 10)
--- print(await(a), await(b))                 --> 5000050000 55
--- ```

-- The threads, the copying and the channels are in C (uv.thread); what is here runs a worker's
-- functions in the state that it works for.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local thread = require "lwt.internal.uvneeded" ("lwt.preemptive").thread

local reply = thread.reply

-- Called in the main state for run_in_main and run_in_main_dont_wait: `ticket` is to be answered.
thread.set_runner(function(ticket, wait, f, ...)
  if not wait then
    lwt.async(f, ...)
    return
  end
  lwt.spawn(f, ...):on_any(function(...) reply(ticket, true, ...) end,
    function(err) reply(ticket, false, err) end)
end)

local M = {}

M.detach = thread.detach

--- Sets the bounds of the number of threads, as `set_bounds`, with 0 and 4 where none are
--- given, and starts threads up to the least. `detach` does without: this is for having threads
--- ready, or more of them.
---
--- ```lua
--- preemptive.init(1, 8)
--- print(preemptive.get_bounds())   --> 1 8
--- ```
---@param min? integer threads that are started now (0)
---@param max? integer threads at most (4, or `min` if that is more)
function M.init(min, max)
  if min == nil then min = 0 end
  if max == nil then max = math.max(4, type(min) == "number" and math.tointeger(min) or 4) end
  local ok, err = pcall(thread.set_bounds, min, max)
  if not ok then args.pass_on(err, "init") end
end

M.set_bounds = thread.set_bounds
M.get_bounds = thread.get_bounds
M.set_max_queued = thread.set_max_queued
M.get_max_queued = thread.get_max_queued
M.set_memory_limit = thread.set_memory_limit
M.nthreads = thread.nthreads
M.nbusy = thread.nbusy
M.nqueued = thread.nqueued

--- In a detached function: runs `f(...)` as a task of the state that detached it, waits until
--- it is done (for the promise that it returns, too), and returns what it gives, or raises its
--- error. `f`, its upvalues, arguments and results are copied as by `detach`; its globals and
--- modules are those of the main state. The whole worker thread waits; only in a task of the
--- worker's own `lwt.run` just that task does. It raises when the main state has closed.
---
--- ```lua
--- local p = preemptive.detach(function()
---   local preemptive = require "lwt.preemptive"
---   return preemptive.run_in_main(function(n) return preemptive.is_worker(), n + 1 end, 5)
--- end)
--- print(await(p))   --> false 6
--- ```
---@param f function
---@param ... any
---@return any ...
function M.run_in_main(f, ...)
  if lwt.current() then return lwt.await(thread.ask_main(f, ...)) end
  return thread.run_in_main(f, ...)
end

--- In a detached function: has `f(...)` run as a task of the state that detached it, and goes
--- on at once. Its failure goes to that state's exception hook.
---
--- ```lua
--- local ch = preemptive.channel(1)
--- preemptive.detach(function()
---   require "lwt.preemptive".run_in_main_dont_wait(function() ch:send("from the main state") end)
--- end)
--- print(await(ch:recv()))   --> from the main state
--- ```
---@param f function
---@param ... any
function M.run_in_main_dont_wait(f, ...)
  thread.run_in_main_dont_wait(f, ...)
end

--- Is this Lua state a worker's? True in detached functions.
---
--- ```lua
--- print(preemptive.is_worker())   --> false
--- ```
---@return boolean
function M.is_worker()
  return thread.is_worker()
end

M.channel = thread.channel
M.send = thread.send
M.recv = thread.recv
M.close = thread.close
M.is_closed = thread.is_closed

M.register_metatable = thread.register_metatable

return M
