--- Clocks of one's own, for games and simulations: paused, slowed, or driven by hand.
---
--- ```lua
--- local clock = require "lwt.clock"
--- local game = clock.create { paused = true }
--- lwt.spawn(function()
---   await(game:sleep(2))
---   print("it is", game:now())              --> it is 2.0
--- end)
--- game:advance(2)                           -- a frame's time, say
--- lwt.yield()
--- ```

-- A clock's time is `base + (lwt.now() - since) * rate` while it runs, and `base` while it is
-- paused. Its sleepers are in one heap, by deadline on this clock and then by age; while it
-- runs, one sleep of the loop is under way, which ends no later than the first deadline.
-- Whatever changes the relation between the two clocks (pause, resume, set_rate, advance) first
-- brings `base` up to date, and arms anew at the end.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local core = require "lwt.core"

local is_pending, waiter = lwt.is_pending, core.waiter
local wake_waiter, wake_exn = core.wake, core.wake_exn
local getmetatable = getmetatable

---@class lwt.Clock
local M = {}
local clock = { __name = "lwt.clock", __index = M }
local known = { rate = "number", paused = "boolean" }

local function wrong_rate(rate)
  if not (rate >= 0 and rate < math.huge) then return "must be 0 or more, and finite" end
end

-- The heap: h[1] is due first. What moves entries calls nothing, so that no want of memory can
-- find them half way. -------------------------------------------------------------------------

local function sift_up(h, i, entry)
  local deadline, serial = entry.deadline, entry.serial
  while i > 1 do
    local parent = i // 2
    local above = h[parent]
    local before = above.deadline
    if before < deadline or before == deadline and above.serial < serial then break end
    h[i] = above
    i = parent
  end
  h[i] = entry
end

local function sift_down(h, i, entry, n)
  local deadline, serial = entry.deadline, entry.serial
  while true do
    local child = 2 * i
    if child > n then break end
    local below, other = h[child], child < n and h[child + 1]
    if other and (other.deadline < below.deadline
        or other.deadline == below.deadline and other.serial < below.serial) then
      child, below = child + 1, other
    end
    local after = below.deadline
    if deadline < after or deadline == after and serial < below.serial then break end
    h[i] = below
    i = child
  end
  h[i] = entry
end

local function push(c, entry)
  local n = c.n + 1
  c.heap[n] = entry -- fails, if there is no memory, before it counts
  sift_up(c.heap, n, entry)
  c.n = n
end

local function pop(c)
  local h, n = c.heap, c.n
  if n > 1 then sift_down(h, 1, h[n], n - 1) end
  h[n] = nil
  c.n = n - 1
end

-- Take the cancelled ones out of the heap.
local function sweep(c)
  local old, fresh, n = c.heap, {}, 0
  for i = 1, c.n do
    if is_pending(old[i].promise) then
      n = n + 1
      fresh[n] = old[i]
    end
  end
  for i = n // 2, 1, -1 do sift_down(fresh, i, fresh[i], n) end
  c.heap, c.n, c.dead = fresh, n, 0
end

-- Time. ------------------------------------------------------------------------------------

local function now(c)
  if c.paused then return c.base end
  return c.base + (lwt.now() - c.since) * c.pace
end

-- Fix what the time is now, so that the clock may change its pace.
local function settle(c)
  local loop = lwt.now()
  if not c.paused then c.base = c.base + (loop - c.since) * c.pace end
  c.since = loop
end

-- Is the time come? A rest that is too small to move the loop's clock is none.
local function is_due(c, deadline, time)
  if deadline <= time then return true end
  if c.paused or c.pace == 0 then return false end
  local loop = lwt.now()
  return loop + (deadline - time) / c.pace <= loop
end

local arm

local woken = { __close = function(w) w.clock.waking = nil end }

-- The first sleeper is woken, by `how(promise, ...)`, and leaves the heap then: waking may find no
-- memory.
local function tell(c, first, how, ...)
  local told = how(first.promise, ...)
  if c.heap[1] ~= first then return end -- a callback has had the heap swept
  pop(c)
  if not told then c.dead = c.dead - 1 end
end

-- Wake the sleepers that are due, in the order of their deadlines, but not those that come
-- meanwhile. A callback may sleep again on this clock, and change it: then there is another round.
local function wake(c)
  if c.waking then
    c.again = true
    return
  end
  c.waking = true
  local _ <close> = c.woken
  repeat
    c.again = false
    local limit, first = c.serial, c.heap[1]
    while first and first.serial <= limit and is_due(c, first.deadline, now(c)) do
      tell(c, first, wake_waiter)
      first = c.heap[1]
    end
  until not c.again
  arm(c)
end

-- Called by a callback, which cannot raise. Where there is no memory for the next sleep of the
-- loop, the sleepers are rejected with that, or they would sleep for ever. A sleeper that cannot be
-- rejected either is tried twice, and then left until the clock is next used.
local function wake_or_tell(c)
  local ok, err = pcall(wake, c)
  if ok or c.timer and is_pending(c.timer) then return end
  while c.n > 0 do
    local first = c.heap[1]
    if not (pcall(tell, c, first, wake_exn, err) or pcall(tell, c, first, wake_exn, err)) then
      error(err, 0)
    end
  end
end

local function disarm(c)
  local timer = c.timer
  c.timer = nil
  if timer then timer:cancel() end
end

-- Have the loop come back when the first sleeper is due, if time passes at all.
function arm(c)
  local first = c.heap[1]
  if not first or c.paused or c.pace == 0 then return disarm(c) end
  local seconds = math.max(0, first.deadline - now(c)) / c.pace
  local at = lwt.now() + seconds
  if c.timer and c.timer_at <= at and is_pending(c.timer) then return end
  if seconds == math.huge then return disarm(c) end
  local timer = lwt.sleep(seconds)
  timer:on_success(function()
    if c.timer ~= timer then return end
    c.timer = nil
    wake_or_tell(c)
  end)
  disarm(c) -- not before there is another
  c.timer, c.timer_at = timer, at
end

-- After a change of pace: the sleep under way was measured for another one.
local function rearm(c)
  disarm(c)
  wake(c)
end

--- Makes a clock. It starts at 0, and runs `rate` times as fast as the loop's own (1); with
--- `paused = true` it stands still. One that stays paused moves only by `advance`: a game's frame
--- does that, and is then the only thing that its actors' time depends on.
---@param opts? { rate: number, paused: boolean }
---@return lwt.Clock
--- ```lua
--- local c = clock.create { paused = true }
--- local p = c:sleep(2)
--- c:advance(1.5)
--- print(p:state())   --> pending
--- c:advance(0.5)
--- print(p:state())   --> fulfilled
--- ```
function M.create(opts)
  opts = args.options(1, "create", opts, known)
  local wrong = wrong_rate(opts.rate or 1)
  if wrong then args.bad(1, "create", "option 'rate': " .. wrong) end
  local c = {
    base = 0.0,
    since = lwt.now(),
    pace = opts.rate or 1,
    paused = opts.paused or false,
    heap = {},
    n = 0,
    dead = 0, -- cancelled sleepers still in the heap
    serial = 0,
    timer = nil,
    timer_at = nil,
  }
  c.withdraw = function()
    c.dead = c.dead + 1
    if 2 * c.dead > c.n then
      sweep(c)
      if c.n == 0 then disarm(c) end
    end
  end
  c.woken = setmetatable({ clock = c }, woken)
  return setmetatable(c, clock)
end

function clock.__tostring(c)
  return ("lwt.clock (%.3f, %s): %p"):format(now(c),
    c.paused and "paused" or "rate " .. c.pace, c)
end

--- The clock's time, in seconds.
---@param c lwt.Clock
---@return number
--- ```lua
--- local c = clock.create { paused = true }
--- c:advance(0.25)
--- print(c:now())   --> 0.25
--- ```
function M.now(c)
  if getmetatable(c) ~= clock then args.wrong(1, "now", "lwt.clock", c) end
  return now(c)
end

--- Waits until `seconds` have passed on this clock: never early. Sleepers are woken in the order of
--- their deadlines, those with the same one in the order of their calls.
---@param c lwt.Clock
---@param seconds number
---@return lwt.Promise<nil>
--- ```lua
--- local c = clock.create { rate = 100 }
--- await(c:sleep(1))        -- ten milliseconds
--- print(c:now() >= 1)      --> true
--- ```
function M.sleep(c, seconds)
  if getmetatable(c) ~= clock then args.wrong(1, "sleep", "lwt.clock", c) end
  args.seconds(2, "sleep", seconds)
  local p = waiter()
  c.serial = c.serial + 1
  local entry = {
    deadline = now(c) + math.max(0, seconds),
    serial = c.serial,
    promise = p,
  }
  p:on_cancel(c.withdraw)
  push(c, entry)
  -- An earlier sleeper may have found no memory for the sleep of the loop.
  if c.heap[1] == entry or not (c.timer and is_pending(c.timer)) then
    -- Nothing to wait for: not at once, as with lwt.sleep(0), but without time having to pass.
    if entry.deadline <= now(c) then
      lwt.pause():on_success(function() wake_or_tell(c) end)
    else
      arm(c)
    end
  end
  return p
end

--- Rejects with `lwt.Timeout` when `seconds` have passed on this clock.
---@param c lwt.Clock
---@param seconds number
---@return lwt.Promise<any>
--- ```lua
--- local c = clock.create { paused = true }
--- local p = c:timeout(1)
--- c:advance(1)
--- print(select(2, pcall(await, p)) == lwt.Timeout)   --> true
--- ```
function M.timeout(c, seconds)
  if getmetatable(c) ~= clock then args.wrong(1, "timeout", "lwt.clock", c) end
  args.seconds(2, "timeout", seconds)
  return c:sleep(seconds):bind(function() return lwt.rejected(lwt.Timeout) end)
end

--- Gives `x`, a promise or a function to run as a task, so many seconds of this clock: then
--- cancels it and rejects with `lwt.Timeout`. One that has ended already wins, whatever the limit.
---@generic T
---@param c lwt.Clock
---@param seconds number
---@param x lwt.Promise<T>|async fun(...): T?, ...?
---@param ... any arguments for the function
---@return lwt.Promise<T> # of `x`
--- ```lua
--- local c = clock.create { rate = 100 }
--- local p = c:with_timeout(1, lwt.wait())
--- print(select(2, pcall(await, p)) == lwt.Timeout)   --> true
--- ```
function M.with_timeout(c, seconds, x, ...)
  if getmetatable(c) ~= clock then args.wrong(1, "with_timeout", "lwt.clock", c) end
  args.seconds(2, "with_timeout", seconds)
  if not lwt.is_promise(x) and args.is_callable(x) then
    x = lwt.spawn(x, ...)
  elseif not lwt.is_promise(x) then
    args.wrong(3, "with_timeout", "promise or function", x)
  end
  if not is_pending(x) then return x end
  return lwt.pick { x, M.timeout(c, seconds) }
end

--- Stops the clock: what waits for it waits on. Pausing a paused clock does nothing.
---@param c lwt.Clock
--- ```lua
--- local c = clock.create()
--- c:pause()
--- local before = c:now()
--- await(lwt.sleep(0.01))
--- print(c:now() == before)   --> true
--- ```
function M.pause(c)
  if getmetatable(c) ~= clock then args.wrong(1, "pause", "lwt.clock", c) end
  settle(c)
  c.paused = true
  rearm(c)
end

--- Lets a paused clock run on from where it stopped.
---@param c lwt.Clock
--- ```lua
--- local c = clock.create { paused = true, rate = 100 }
--- local p = c:sleep(1)
--- c:resume()
--- await(p)
--- print(c:is_paused())   --> false
--- ```
function M.resume(c)
  if getmetatable(c) ~= clock then args.wrong(1, "resume", "lwt.clock", c) end
  settle(c)
  c.paused = false
  rearm(c)
end

--- Whether the clock is paused.
---@param c lwt.Clock
---@return boolean
--- ```lua
--- print(clock.create { paused = true }:is_paused())   --> true
--- ```
function M.is_paused(c)
  if getmetatable(c) ~= clock then args.wrong(1, "is_paused", "lwt.clock", c) end
  return c.paused
end

--- How fast the clock runs from now on, in its seconds to one of the loop's: 0.5 is slow motion, 0
--- stands still. What waits for it wakes accordingly later or earlier.
---@param c lwt.Clock
---@param rate number 0 or more
--- ```lua
--- local c = clock.create()
--- local p = c:sleep(3600)
--- c:set_rate(1e6)
--- await(p)
--- print(c:now() >= 3600)   --> true
--- ```
function M.set_rate(c, rate)
  if getmetatable(c) ~= clock then args.wrong(1, "set_rate", "lwt.clock", c) end
  if type(rate) ~= "number" then args.wrong(2, "set_rate", "number", rate) end
  local wrong = wrong_rate(rate)
  if wrong then args.bad(2, "set_rate", wrong) end
  settle(c)
  c.pace = rate
  rearm(c)
end

--- How fast the clock runs when it is not paused.
---@param c lwt.Clock
---@return number
--- ```lua
--- print(clock.create { rate = 2 }:rate())   --> 2
--- ```
function M.rate(c)
  if getmetatable(c) ~= clock then args.wrong(1, "rate", "lwt.clock", c) end
  return c.pace
end

--- Puts the clock forward by `dt` seconds at once (not multiplied by its rate), paused or not,
--- and wakes the sleepers that are then due, in order. They see the new time.
---@param c lwt.Clock
---@param dt number 0 or more
--- ```lua
--- local c, log = clock.create { paused = true }, {}
--- for _, s in ipairs { 3, 1, 2 } do
---   c:sleep(s):on_success(function() log[#log + 1] = s end)
--- end
--- c:advance(10)
--- print(table.concat(log, " "))   --> 1 2 3
--- ```
function M.advance(c, dt)
  if getmetatable(c) ~= clock then args.wrong(1, "advance", "lwt.clock", c) end
  if type(dt) ~= "number" then args.wrong(2, "advance", "number", dt) end
  if not (dt >= 0 and dt < math.huge) then
    args.bad(2, "advance", "must be 0 or more, and finite")
  end
  settle(c)
  c.base = c.base + dt
  rearm(c)
end

return M
