--- A number of permits, first come, first served: at most so many at the same time.
---
--- ```lua
--- local semaphore = require "lwt.semaphore"
--- local places = semaphore.create(2)
--- local inside, most = 0, 0
--- local function visit()
---   local place <close> = await(places:acquire())
---   inside = inside + 1
---   most = math.max(most, inside)
---   await(lwt.sleep(0.001))
---   inside = inside - 1
--- end
--- await(lwt.join { lwt.spawn(visit), lwt.spawn(visit), lwt.spawn(visit) })
--- print(most)                               --> 2
--- ```

-- Always holds: there are waiters only while no permit is free; a permit that is released goes
-- straight to the oldest waiter.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local core = require "lwt.core"
local follow = require "lwt.internal.follow"
local waiters = require "lwt.internal.waiters"

local await, spawn, waiter = lwt.await, lwt.spawn, core.waiter
local cancel_due, owing = core.cancel_due, core.owing
local push, wake = waiters.push, waiters.wake
local getmetatable = getmetatable

---@class lwt.Semaphore
local M = {}
local semaphore = { __name = "lwt.semaphore", __index = M }
local permit = { __name = "lwt.semaphore.permit" }

function semaphore.__tostring(s)
  return ("lwt.semaphore (%d free): %p"):format(s.free, s)
end

-- A permit is given back: it goes to the oldest waiter, or is free.
local function give(s)
  if s.queue.n > 0 and wake(s.queue, s.permit) then return end
  s.free = s.free + 1
end
local release = owing(give) -- in a later turn, where there is no memory for it

-- A waiter more. The memory for it may have run a finalizer, which has given a permit back: then
-- that is the oldest waiter's.
local function line_up(s, p)
  push(s.queue, p, false)
  if s.free > 0 then
    s.free = s.free - 1
    release(s)
  end
end

-- A permit taken at once in a task whose next await will raise would be lost. So such a task waits
-- for a turn of the loop, and the await withdraws it.
local function acquire_later(s)
  local p, taken = waiter(), false
  lwt.pause():on_success(function()
    if taken then release(s) end
  end)
  push(s.queue, p, false)
  -- All that can fail has been done. (And a finalizer may have taken the last permit meanwhile.)
  if s.free > 0 then s.free, taken = s.free - 1, true end
  return p
end

permit.__close = owing(function(p) give(p.semaphore) end)

-- A task that is given a permit and cancelled at the same time gives it back. (The promise is still
-- pending where there was no memory to wait. Waking it needs no memory; a cancel would.)
local function wait_for_permit(s)
  local p = waiter()
  line_up(s, p)
  local ok, err = pcall(await, p)
  if ok then return end
  if p:state() == "fulfilled" then release(s) else core.wake(p) end
  error(err, 0)
end

-- The task of a `with`. It takes the permit itself: one that was taken for a task that finds no
-- memory to begin would be lost.
local function permitted(s, f, ...)
  if s.free > 0 then s.free = s.free - 1 else wait_for_permit(s) end
  local _ <close> = s.permit
  return follow(f(...))
end

--- Makes a semaphore with `n` free permits (0 or more).
---@param n integer
---@return lwt.Semaphore
--- ```lua
--- local s, running, most = semaphore.create(2), 0, 0
--- local jobs = {}
--- for i = 1, 5 do
---   jobs[i] = s:with(function()
---     running = running + 1
---     most = math.max(most, running)
---     lwt.yield()
---     running = running - 1
---   end)
--- end
--- await(lwt.join(jobs))
--- print(most)   --> 2
--- ```
function M.create(n)
  n = args.integer(1, "create", n)
  if n < 0 then args.bad(1, "create", "must not be negative") end
  local s = { false, false, 0, free = n, queue = waiters.new() } -- (three places for `owing`)
  s.permit = setmetatable({ false, false, 0, semaphore = s }, permit)
  s.granted = lwt.fulfilled(s.permit)
  return setmetatable(s, semaphore)
end

--- Takes a permit, at once when one is free, else when those who came before have had theirs.
--- Cancelling a promise that still waits withdraws it. The value is a guard for a `<close>`
--- variable, which releases the permit when the block is left.
---@param s lwt.Semaphore
---@return lwt.Promise<lwt.Guard>
--- ```lua
--- local s = semaphore.create(1)
--- await(s:acquire())
--- local p = s:acquire()
--- print(p:state())       --> pending
--- s:release()
--- print(p:is_pending())  --> false
--- ```
function M.acquire(s)
  if getmetatable(s) ~= semaphore then args.wrong(1, "acquire", "lwt.semaphore", s) end
  if s.free > 0 then
    if cancel_due() then return acquire_later(s) end
    s.free = s.free - 1
    return s.granted
  end
  local p = waiter()
  line_up(s, p)
  return p
end

--- Gives a permit back, or adds one: it goes to the oldest waiter.
---@param s lwt.Semaphore
--- ```lua
--- local s = semaphore.create(0)
--- s:release()
--- await(s:acquire())
--- ```
function M.release(s)
  if getmetatable(s) ~= semaphore then args.wrong(1, "release", "lwt.semaphore", s) end
  if s.queue.n == 0 then s.free = s.free + 1 else release(s) end
end

--- Runs `f` as a task while holding a permit, which is released whichever way `f` ends: with
--- values, with an error, cancelled.
---@generic T
---@param s lwt.Semaphore
---@param f async fun(...): T?, ...?
---@param ... any arguments for `f`
---@return lwt.Promise<T> # what `f` returns or raises
--- ```lua
--- local s = semaphore.create(1)
--- print(await(s:with(function(x) return x * 2 end, 21)))   --> 42
--- ```
function M.with(s, f, ...)
  if getmetatable(s) ~= semaphore then args.wrong(1, "with", "lwt.semaphore", s) end
  if type(f) ~= "function" then args.check_callable(2, "with", f) end
  return spawn(permitted, s, f, ...)
end

return M
