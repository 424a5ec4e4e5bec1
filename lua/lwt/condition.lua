-- lwt.condition: tasks that wait until another says that something has changed.
--
-- Always holds: a signal goes to somebody who waits, never to one that was cancelled; a
-- broadcast reaches those who were waiting when it was made, oldest first.

local lwt = require "lwt"
local args = require "lwt.args"
local mutex = require "lwt.mutex"
local waiters = require "lwt.waiters"

local push, pop = waiters.push, waiters.pop
local wakeup_later, wakeup_later_exn = lwt.wakeup_later, lwt.wakeup_later_exn
local getmetatable = getmetatable

---@class lwt.Condition
local M = {}
local condition = { __name = "lwt.condition", __index = M }
local mutex_type = getmetatable(mutex.create())

--- Makes a condition, with nobody waiting.
---@return lwt.Condition
--- ```lua
--- local c = condition.create()
--- local p = c:wait()
--- c:signal("go")
--- print(await(p))   --> go
--- ```
function M.create()
  return setmetatable({ queue = waiters.new() }, condition)
end

-- Lock `m` again, whatever happens meanwhile, then resolve as `make` says. That is what a
-- surrounding with_lock counts on.
local function relocked(m, make, ...)
  if not m.locked then
    mutex.lock(m)
    return make(...)
  end
  local n, values = select("#", ...), { ... }
  return lwt.no_cancel(mutex.lock(m):bind(function()
    return make(table.unpack(values, 1, n))
  end))
end

--- Waits for a signal. With a mutex, which the caller must hold: unlocks it, waits, and locks
--- it again before the promise is resolved, whether by a signal, a `broadcast_exn` or a
--- cancel; that locking cannot be cancelled, so the caller holds the mutex again whenever
--- `await(c:wait(m))` returns or raises (in Lwt a second cancel breaks this).
--- A waiter that is cancelled takes no signal from the others.
---@param c lwt.Condition
---@param m? lwt.Mutex
---@return lwt.Promise # of what was signalled
--- ```lua
--- local mutex = require "lwt.mutex"
--- local m, c, queue = mutex.create(), condition.create(), {}
--- local consumer = m:with_lock(function()
---   while #queue == 0 do await(c:wait(m)) end
---   return table.remove(queue, 1)
--- end)
--- await(m:with_lock(function()
---   queue[1] = "job"
---   c:signal()
--- end))
--- print(await(consumer))   --> job
--- ```
function M.wait(c, m)
  if getmetatable(c) ~= condition then args.wrong(1, "wait", "lwt.condition", c) end
  if m ~= nil then
    if getmetatable(m) ~= mutex_type then args.wrong(2, "wait", "lwt.mutex", m) end
    if not m.locked then error("attempt to wait with a mutex that is free", 2) end
  end
  local p, r = lwt.task()
  push(c.queue, p, r, false)
  if m == nil then return p end
  mutex.unlock(m)
  return p:try_bind(function(...)
    return relocked(m, lwt.fulfilled, ...)
  end, function(err)
    return relocked(m, lwt.rejected, err)
  end)
end

--- Wakes the oldest who waits, with these values. With nobody waiting nothing happens: a signal
--- is not kept.
---@param c lwt.Condition
---@param ... any
--- ```lua
--- local c = condition.create()
--- local first, second = c:wait(), c:wait()
--- c:signal(1)
--- print(first:state())    --> fulfilled 1
--- print(second:state())   --> pending
--- ```
function M.signal(c, ...)
  if getmetatable(c) ~= condition then args.wrong(1, "signal", "lwt.condition", c) end
  local r = pop(c.queue)
  if r then wakeup_later(r, ...) end
end

-- Wake everybody who waits now. Who comes while they are woken waits in a new queue.
local function wake_all(c, wake, ...)
  local queue = c.queue
  if queue.n == 0 then return end
  c.queue = waiters.new()
  local r = pop(queue)
  while r do
    wake(r, ...)
    r = pop(queue)
  end
end

--- Wakes everybody who waits, oldest first, with these values. One that waits again meanwhile
--- is not woken a second time.
---@param c lwt.Condition
---@param ... any
--- ```lua
--- local c = condition.create()
--- local all = lwt.all { c:wait(), c:wait() }
--- c:broadcast("now")
--- print(table.concat(await(all), " "))   --> now now
--- ```
function M.broadcast(c, ...)
  if getmetatable(c) ~= condition then args.wrong(1, "broadcast", "lwt.condition", c) end
  wake_all(c, wakeup_later, ...)
end

--- Makes the wait of everybody who waits fail with this error, oldest first.
---@param c lwt.Condition
---@param err any
--- ```lua
--- local c = condition.create()
--- local p = c:wait()
--- c:broadcast_exn("closed")
--- print(pcall(await, p))   --> false closed
--- ```
function M.broadcast_exn(c, err)
  if getmetatable(c) ~= condition then args.wrong(1, "broadcast_exn", "lwt.condition", c) end
  wake_all(c, wakeup_later_exn, err)
end

return M
