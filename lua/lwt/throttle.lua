--- At most so many calls a second for each key.
---
--- ```lua
--- local throttle = require "lwt.throttle"
--- local t = throttle.create(2, 100)         -- two a second for each; a hundred may wait
--- print(await(t:wait "ann"), await(t:wait "ann"))       --> true true
--- print(t:wait("ann"):state())              --> pending
--- print(await(t:wait "bob"))                --> true
--- ```

-- Time is cut into windows of one second. `used[key]` is what a key has used of the present one.
-- A timer runs only while there are waiters; without it, a call that finds the window over begins a
-- new one, and the counts of all keys are dropped.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local core = require "lwt.core"
local due = require "lwt.internal.due"
local order = require "lwt.internal.order"
local waiters = require "lwt.internal.waiters"

local is_pending = lwt.is_pending
local getmetatable = getmetatable
-- What a wait that does not wait gives.
local yes, no = lwt.fulfilled(true), lwt.fulfilled(false)

---@class lwt.Throttle
local M = {}
local throttle = { __name = "lwt.throttle", __index = M }

--- Makes a throttle: `rate` calls a second for each key go through at once, and at most `max`
--- calls, of all keys together, wait for their turn. Both are integers of at least 1.
---@param rate integer
---@param max integer
---@return lwt.Throttle
--- ```lua
--- local t = throttle.create(2, 100)
--- print(await(t:wait("ann")), await(t:wait("ann")))   --> true true
--- print(t:wait("ann"):state())                        --> pending
--- ```
function M.create(rate, max)
  rate = args.integer(1, "create", rate)
  if rate < 1 then args.bad(1, "create", "must be at least 1") end
  max = args.integer(2, "create", max)
  if max < 1 then args.bad(2, "create", "must be at least 1") end
  local t = {
    false, false, 0, -- for `owing`
    failure = false,
    rate = rate,
    max = max,
    start = nil, -- of the present window; nil before the first call
    used = {},
    queues = {}, -- by key, of those who wait
    turn = {}, -- by key, when its queue was made: the order in which keys are served
    turns = 0,
    waiting = 0, -- how many of them are alive
    timer = nil,
  }
  -- Called for each waiter that is cancelled: its place is free at once.
  t.withdraw = function()
    t.waiting = t.waiting - 1
    if t.waiting == 0 then
      t.queues, t.turn = {}, {}
      if t.timer then t.timer:cancel() end
      t.timer = nil
    end
  end
  return setmetatable(t, throttle)
end

local arm

-- A new window: for each key the oldest waiters, up to `rate` of them, use it first. Called by a
-- callback, so that the callbacks of the waiters run when it is done.
local function next_window(t)
  local now = lwt.now()
  t.timer = nil
  t.start = now < t.start + 2 and t.start + 1 or now
  t.used = {}
  local queues, turn = t.queues, t.turn
  for _, key in ipairs(order.by_value(turn)) do
    local queue, n = queues[key], 0
    while n < t.rate and waiters.wake(queue, true) do
      n, t.waiting = n + 1, t.waiting - 1
    end
    t.used[key] = n > 0 and n or nil
    if queue.n == 0 then queues[key], turn[key] = nil, nil end
  end
  if next(turn) == nil then t.waiting = 0 end -- (a cancel may have found no memory to be counted)
  if t.waiting > 0 then arm(t) end
end

-- There is no memory for the next window: the waiters are rejected with that; where there is no memory
-- for that either, in a later turn.
local tell_all = core.owing(function(t)
  for key, queue in pairs(t.queues) do
    while queue.n > 0 do
      if waiters.wake_oldest(queue, core.wake_exn, t.failure) then t.waiting = t.waiting - 1 end
    end
    t.queues[key], t.turn[key] = nil, nil
  end
end)

-- Have next_window called when the present one is over. A callback cannot raise.
function arm(t)
  local timer = lwt.sleep(math.max(0, t.start + 1 - lwt.now()))
  timer:on_success(function()
    local ok, err = pcall(next_window, t)
    if ok or t.timer then return end
    t.failure = err
    tell_all(t)
  end)
  t.timer = timer
end

--- Asks for a go. The first `rate` calls for a key within a second get true at once; the others
--- wait, and get true when it is their turn, in order; when `max` wait already, it is false at
--- once. Cancelling a call that waits gives its place to others. (In a task that was cancelled and
--- has not been told yet, a call that would go through at once begins a turn of the loop later, so
--- that the `await` that raises gives its place back.)
---@param t lwt.Throttle
---@param key any any value but nil and NaN
---@return lwt.Promise<boolean> # of a boolean
--- ```lua
--- local t = throttle.create(1, 1)
--- print(await(t:wait("bob")))       --> true
--- local later = t:wait("bob")
--- print(await(t:wait("bob")))       --> false
--- later:cancel()
--- print(t:wait("bob"):state())      --> pending
--- ```
function M.wait(t, key)
  if getmetatable(t) ~= throttle then args.wrong(1, "wait", "lwt.throttle", t) end
  if key == nil or key ~= key then args.bad(2, "wait", "a key must not be nil or NaN") end
  local timer = t.timer
  if not timer or not is_pending(timer) then -- (its callback may have found no memory)
    local now = lwt.now()
    if not t.start or now >= t.start + 1 then
      local none = {}
      -- (A finalizer may have asked as well.)
      if not t.start or now >= t.start + 1 then t.start, t.used = now, none end
    end
  end
  local used = t.used[key]
  if not used or used < t.rate then
    if due.cancel_due() then return due.later(M.wait, t, key) end
    t.used[key] = (used or 0) + 1
    return yes
  end
  if t.waiting >= t.max then return no end
  local p = core.waiter()
  p:on_cancel(t.withdraw)
  local queue
  repeat -- once more when a finalizer has withdrawn all that waited
    timer = t.timer
    if not timer or not is_pending(timer) then arm(t) end
    if not t.turn[key] then
      queue = waiters.new()
      t.turns = t.turns + 1
      t.queues[key] = queue
      t.turn[key] = t.turns -- last: where there is one, there is a queue
    end
    queue = t.queues[key]
    waiters.push(queue, p, false)
  until t.queues[key] == queue and t.timer
  t.waiting = t.waiting + 1 -- all that can fail has been done
  return p
end

return M
