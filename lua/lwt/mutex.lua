--- A lock that one task at a time holds, first come, first served. It is needed only where a task awaits
--- between reading and writing: otherwise nobody interrupts it. It knows no owner: a task that locks it
--- twice waits for itself.
---
--- ```lua
--- local mutex = require "lwt.mutex"
--- local lock, balance = mutex.create(), 10
--- local function withdraw(n)
---   local guard <close> = await(lock:lock())
---   local seen = balance
---   lwt.yield()                             -- ask the bank
---   balance = seen - n
--- end
--- await(lwt.join { lwt.spawn(withdraw, 1), lwt.spawn(withdraw, 2) })
--- print(balance)                            --> 7
--- ```

-- Always holds: there are waiters only while it is locked; unlocking hands the lock to the oldest
-- waiter without it ever being free. It knows no owner, and is not re-entrant.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local core = require "lwt.core"
local follow = require "lwt.internal.follow"
local waiters = require "lwt.internal.waiters"

local await, spawn, waiter = lwt.await, lwt.spawn, core.waiter
local cancel_due, owing = core.cancel_due, core.owing
local push, wake = waiters.push, waiters.wake
local getmetatable = getmetatable

--- What holds a lock or a place for a `<close>` variable: when the block is left, it gives it back.
---@class lwt.Guard

---@class lwt.Mutex
local M = {}
local mutex = { __name = "lwt.mutex", __index = M }
local guard = { __name = "lwt.mutex.guard" }

function mutex.__tostring(m)
  return ("lwt.mutex (%s): %p"):format(m.locked and "locked" or "free", m)
end

-- The lock is given back: it goes to the oldest waiter, or is free.
local function let_go(m)
  if m.queue.n > 0 and wake(m.queue, m.guard) then return end
  m.locked = false
end
local release = owing(let_go) -- in a later turn, where there is no memory for it

-- A waiter more. The memory for it may have run a finalizer, which has unlocked it: then it is the
-- oldest waiter's.
local function line_up(m, p)
  push(m.queue, p, false)
  if not m.locked then
    m.locked = true
    release(m)
  end
end

-- A lock taken at once in a task whose next await will raise would never be unlocked. So such a
-- task waits for a turn of the loop, and the await withdraws it.
local function lock_later(m)
  local p, taken = waiter(), false
  lwt.pause():on_success(function()
    if taken then release(m) end
  end)
  push(m.queue, p, false)
  -- All that can fail has been done. (And a finalizer may have locked it meanwhile.)
  if not m.locked then m.locked, taken = true, true end
  return p
end

guard.__close = owing(function(g)
  local m = g.mutex
  if not m.locked then return "attempt to unlock a free mutex" end
  if m.queue.n > 0 and wake(m.queue, g) then return end -- (as let_go, without the call)
  m.locked = false
end)

-- A task that is given the lock and cancelled at the same time gives it back. (The promise is still
-- pending where there was no memory to wait. Waking it needs no memory; a cancel would.)
local function wait_for_lock(m)
  local p = waiter()
  line_up(m, p)
  local ok, err = pcall(await, p)
  if ok then return end
  if p:state() == "fulfilled" then release(m) else core.wake(p) end
  error(err, 0)
end

-- The task of a with_lock. It locks itself: a lock that was taken for a task that finds no memory
-- to begin would stay locked.
local function locked(m, f, ...)
  if m.locked then wait_for_lock(m) else m.locked = true end
  local _ <close> = m.guard
  return follow(f(...))
end

--- Makes a mutex, free.
---@return lwt.Mutex
--- ```lua
--- local m = mutex.create()
--- print(m:is_locked())   --> false
--- ```
function M.create()
  local m = { false, false, 0, locked = false, queue = waiters.new() } -- (three places for `owing`)
  m.guard = setmetatable({ false, false, 0, mutex = m }, guard)
  m.granted = lwt.fulfilled(m.guard)
  return setmetatable(m, mutex)
end

--- Locks the mutex, at once when it is free, else when those who came before have had it.
--- Cancelling a promise that still waits withdraws it. One that was given the lock has it, and
--- has to unlock; `with_lock` takes care of that on every way out.
--- The value is a guard for a `<close>` variable, which unlocks when the block is left.
---@param m lwt.Mutex
---@return lwt.Promise<lwt.Guard>
--- ```lua
--- local m = mutex.create()
--- do
---   local held <close> = await(m:lock())
---   print(m:is_locked())   --> true
--- end
--- print(m:is_locked())     --> false
--- ```
function M.lock(m)
  if getmetatable(m) ~= mutex then args.wrong(1, "lock", "lwt.mutex", m) end
  if not m.locked then
    if cancel_due() then return lock_later(m) end
    m.locked = true
    return m.granted
  end
  local p = waiter()
  line_up(m, p)
  return p
end

--- Unlocks the mutex: it goes to the oldest waiter, without being free in between, or is free.
--- Unlocking a free mutex raises (Lwt says nothing).
---@param m lwt.Mutex
--- ```lua
--- local m = mutex.create()
--- await(m:lock())
--- m:unlock()
--- print(pcall(m.unlock, m))   --> false attempt to unlock a free mutex
--- ```
function M.unlock(m)
  if getmetatable(m) ~= mutex then args.wrong(1, "unlock", "lwt.mutex", m) end
  if not m.locked then error("attempt to unlock a free mutex", 2) end
  if m.queue.n == 0 then m.locked = false else release(m) end
end

--- Runs `f` as a task while holding the mutex, and unlocks it whichever way `f` ends: with
--- values, with an error, cancelled. Cancelling the promise withdraws it while it waits for
--- the mutex, and cancels `f` once that runs.
---@generic T
---@param m lwt.Mutex
---@param f async fun(...): T?, ...?
---@param ... any arguments for `f`
---@return lwt.Promise<T> # what `f` returns or raises
--- ```lua
--- local m = mutex.create()
--- local log = {}
--- local function job(name)
---   log[#log + 1] = name
---   lwt.yield()
---   log[#log + 1] = name
--- end
--- await(lwt.join { m:with_lock(job, "a"), m:with_lock(job, "b") })
--- print(table.concat(log))   --> aabb
--- ```
function M.with_lock(m, f, ...)
  if getmetatable(m) ~= mutex then args.wrong(1, "with_lock", "lwt.mutex", m) end
  if type(f) ~= "function" then args.check_callable(2, "with_lock", f) end
  return spawn(locked, m, f, ...)
end

--- Whether the mutex is locked.
---@param m lwt.Mutex
---@return boolean
--- ```lua
--- local m = mutex.create()
--- await(m:lock())
--- print(m:is_locked())   --> true
--- ```
function M.is_locked(m)
  if getmetatable(m) ~= mutex then args.wrong(1, "is_locked", "lwt.mutex", m) end
  return m.locked
end

--- Whether no task waits for the mutex.
---@param m lwt.Mutex
---@return boolean
--- ```lua
--- local m = mutex.create()
--- await(m:lock())
--- local p = m:lock()
--- print(m:is_empty())   --> false
--- p:cancel()
--- print(m:is_empty())   --> true
--- ```
function M.is_empty(m)
  if getmetatable(m) ~= mutex then args.wrong(1, "is_empty", "lwt.mutex", m) end
  return not waiters.any(m.queue)
end

return M
