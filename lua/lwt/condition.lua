--- Tasks that wait until another says that something has changed.
---
--- ```lua
--- local condition = require "lwt.condition"
--- local queue, changed = {}, condition.create()
--- lwt.spawn(function()
---   while #queue == 0 do await(changed:wait()) end
---   print(queue[1])                         --> work
--- end)
--- queue[1] = "work"
--- changed:signal()
--- lwt.yield()
--- ```

-- Always holds: a signal goes to a waiter that was not cancelled; a broadcast reaches those who
-- were waiting when it was made, oldest first.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local core = require "lwt.core"
local mutex = require "lwt.mutex"
local waiters = require "lwt.internal.waiters"

local push, wake = waiters.push, waiters.wake
local await, yield = lwt.await, lwt.yield
local getmetatable = getmetatable

---@class lwt.Condition
local M = {}
local condition = { __name = "lwt.condition", __index = M }
local mutex_type = getmetatable(mutex.create())
local done = lwt.fulfilled()

--- Makes a condition without waiters.
---@return lwt.Condition
--- ```lua
--- local c = condition.create()
--- local p = c:wait()
--- c:signal("go")
--- print(await(p))   --> go
--- ```
function M.create()
  return setmetatable({ queue = waiters.new(), waits = 0, broadcasts = 0 }, condition)
end

-- Each waiter brings along its number, so that a broadcast knows who came later.
local function wait(c, p)
  local number = c.waits + 1
  c.waits = number
  push(c.queue, p, number)
end

-- Lock the mutex again, whatever happens: a caller that waits with a mutex unlocks it afterwards.
-- Where there is no memory to wait for it, try again in a later turn of the loop, but not for ever.
local function lock_again(m)
  local p, err
  for _ = 1, 1000 do
    if not p and not m.locked then
      m.locked = true
      return
    end
    local ok, x = true, p
    if not p then ok, x = pcall(mutex.lock, m) end
    if ok then
      p = x
      ok, x = pcall(lwt.shield, await, p)
      if ok or p:state() == "fulfilled" then return end
    end
    err = x
    pcall(yield)
  end
  if p then core.wake(p) end
  error(err, 0)
end

-- The signal that `p` was given and cannot use goes to the next waiter. (Without memory it is tried
-- again, but not for ever.)
local function wake_next(c, p) wake(c.queue, select(2, p:state())) end
local function pass_on(c, p)
  for _ = 1, 1000 do
    if pcall(wake_next, c, p) then return end
    pcall(yield)
  end
end

-- The task of a wait (for `p`) with a mutex. Being a task, it is waited for when it is cancelled,
-- until it holds the mutex again.
local function relock_after(c, broadcasts, p, m)
  local ok, err = pcall(await, p)
  local in_vain = p:is_pending() -- there was no memory to wait
  if in_vain then core.wake(p) end
  lock_again(m)
  if in_vain or p:state() == "rejected" then error(err, 0) end
  -- Signalled. If it was cancelled since, the signal is for the next one. (After a broadcast all
  -- who were waiting have theirs.)
  if ok then ok, err = pcall(await, done) end
  if ok then return p end
  if c.broadcasts == broadcasts then pass_on(c, p) end
  error(err, 0)
end

-- Called a turn later, unless the wait has been cancelled by then.
local function wait_later(c, m)
  yield()
  await(done)
  return M.wait(c, m)
end

--- Waits for a signal. With a mutex, which the caller must hold: unlocks it, waits, and locks
--- it again before the promise is resolved, whether by a signal, a `broadcast_exn` or a
--- cancel; that locking cannot be cancelled, so the caller holds the mutex again whenever
--- `await(c:wait(m))` returns or raises (in Lwt a cancel at the wrong moment breaks this).
--- A waiter that is cancelled takes no signal from the others: one that was signalled, and then
--- cancelled before it had the mutex, passes the signal on. So for a limit in time with a mutex,
--- cancel this promise after a while, and await it: `with_timeout`, like `pick`, goes on at once,
--- before the mutex is held again.
---@param c lwt.Condition
---@param m? lwt.Mutex
---@return lwt.Promise<any> # of what was signalled
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
  -- In a task whose next await will raise, the mutex must stay locked.
  if m and core.cancel_due() then return lwt.spawn(wait_later, c, m) end
  local p = core.waiter()
  if m == nil then
    wait(c, p)
    return p
  end
  local relocked = lwt.spawn(relock_after, c, c.broadcasts, p, m)
  if not relocked:is_pending() then return relocked end -- no memory to begin: it is locked still
  wait(c, p)
  mutex.unlock(m)
  return relocked
end

--- Wakes the oldest waiter, with these values. Without a waiter nothing happens: a signal is not
--- kept.
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
  wake(c.queue, ...)
end

-- Wake all waiters that there are now, by `how`, and none that come while they are woken.
local function wake_all(c, how, ...)
  local queue, last = c.queue, c.waits
  if queue.n > 0 then c.broadcasts = c.broadcasts + 1 end
  while queue.n > 0 and queue[2 * queue.head + 2] <= last do
    waiters.wake_oldest(queue, how, ...)
  end
end

--- Wakes all waiters, oldest first, with these values. One that waits again meanwhile is not woken
--- a second time.
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
  wake_all(c, core.wake, ...)
end

--- Rejects all waits with this error, oldest first.
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
  wake_all(c, core.wake_exn, err)
end

return M
