-- Bounded streams.

local lwt = require "lwt"
local core = require "lwt.core"
local waiters = require "lwt.internal.waiters"
local C = require "lwt.stream.log" -- and what core.lua has added to it

local STOP, append, new_log, new_stream = C.STOP, C.append, C.new_log, C.new_stream
local front, drop, busy, demand, line_up = C.front, C.drop, C.busy, C.demand, C.line_up
local offer, calm, wake_all, ended = C.offer, C.calm, C.wake_all, C.ended
local hand_over = C.hand_over
local waiter, wake = core.waiter, core.wake
local is_pending, fulfilled, rejected = lwt.is_pending, lwt.fulfilled, lwt.rejected
local push_behind, make_room, shift = waiters.push, waiters.make_room, waiters.shift
local reserve = C.reserve
local SIZE <const> = 64
assert(C.SIZE == SIZE)
local any_due, cancel_due = core.due, core.cancel_due
local setmetatable = setmetatable

-- `n` elements are in the log. Further pushes wait: the first is `pusher` (a promise, or false)
-- with its `value`, those behind it are in the ring `behind`, made when needed. `late` are the
-- pushes of tasks to which a cancel is due: they begin a turn later, or when another push or a
-- close comes, if they have not been withdrawn by then.
local Bound = {}
Bound.__index = Bound

-- The first push that waits leaves; the next one is first.
local function advance(bound)
  local behind = bound.behind
  if behind and behind.n > 0 then
    bound.pusher, bound.value = shift(behind)
  else
    bound.pusher, bound.value = false, nil
  end
  return bound.pusher
end

-- The promise of the first push that waits; nil: there is none.
local function blocked(bound)
  local p = bound.pusher
  while p do
    if is_pending(p) then return p end
    p = advance(bound)
  end
  return nil
end

-- Whether a push waits, one that has yet to begin included.
function Bound.is_blocked(bound)
  if blocked(bound) then return true end
  return bound.late and waiters.any(bound.late)
end

-- Where nothing may be buffered, the element of the first push that waits.
function Bound.offered(bound)
  return blocked(bound) and bound.value
end

function Bound.take(bound)
  local p = blocked(bound)
  advance(bound)
  wake(p)
end

-- Show what waits to be pushed to readers that only look.
function Bound.show(bound, req)
  if not blocked(bound) then return end
  local _
  _, req.done = req.feed(req, bound.value)
  local behind = bound.behind
  if not behind or req.done then return end
  waiters.each(behind, function(value)
    _, req.done = req.feed(req, value)
    return req.done
  end)
end

-- Several are woken only after all have been let in, and as line.lua does it.
local function wake_several(wakes, failed, err)
  for k = 1, #wakes do wakes[k] = { p = wakes[k], failed = failed, value = err, mute = true } end
  wake_all(wakes)
end

-- Let pushes in that wait, as far as there is room.
local function admit(bound)
  local first, wakes
  while bound.n < bound.size do
    local p = blocked(bound)
    if not p then break end
    bound.n = bound.n + 1
    append(bound.log, bound.value)
    advance(bound)
    if wakes then
      wakes[#wakes + 1] = p
    elseif first then
      wakes = { first, p }
    else
      first = p
    end
  end
  if wakes then
    wake_several(wakes, false, nil)
  elseif first then
    wake(first)
  end
end
Bound.admit = admit

local function pull_bounded(s, taker)
  local c, i = s.chunk, s.i
  local v = c[i]
  if v ~= nil then -- then no reader is in line to take it
    s.i = i + 1
    c[i] = nil
    local bound = s.log.bound
    bound.n = bound.n - 1
    if bound.pusher then admit(bound) end
    return v
  end
  local log = s.log
  if (s.first or s.solo) and busy(s)
    or not (c.next or log.bound.pusher or log.ended) then return line_up(s, taker) end
  v = front(s)
  if v == nil then return line_up(s, taker) end
  if v == STOP then return nil end
  drop(s)
  return v
end

local done = fulfilled()

local begin

-- `late`: the promise of a push that should have begun before.
local function push(bound, v, late)
  local log = bound.log
  if log.closed then return rejected(lwt.Closed) end
  if (any_due[1] or bound.late) and not late then
    local p = begin(bound, v)
    if p then return p end
  end
  if log.n > SIZE then reserve(log) end
  local s = log.taker
  if s then
    local p = s.solo
    s.solo, log.taker = false, false
    if wake(p, v) then return done end -- else it was cancelled
  end
  s = log.waiting[1]
  local wakes
  if s then
    if hand_over(log, s, v) then return done end
    wakes = {}
    local taken = offer(s, v, wakes)
    if taken then
      demand(log)
      wake_all(wakes)
      return done
    end
  end
  local p = done
  if bound.n < bound.size and not (bound.pusher and blocked(bound)) then
    bound.n = bound.n + 1
    append(log, v)
  else
    p = late or waiter()
    local first = bound.pusher
    if first then
      if not bound.behind then
        local behind = waiters.new()
        bound.behind = bound.behind or behind
      end
      make_room(bound.behind)
    end
    -- The memory may have run a finalizer, and that may have read, pushed or closed.
    if not wakes and (log.taker or log.waiting[1] or log.closed or bound.pusher ~= first
      or bound.n < bound.size and not (first and blocked(bound))) then
      return push(bound, v, late)
    end
    if first then
      push_behind(bound.behind, p, v)
    else
      bound.pusher, bound.value = p, v
    end
  end
  if wakes then
    if s.upset then calm(s, wakes) end
    demand(log)
    wake_all(wakes)
  end
  return p
end

-- Begin what is late.
local function settle(bound)
  local behind = bound.late
  if not behind then return end
  bound.late = false
  while behind.n > 0 do
    local p, v = shift(behind)
    if is_pending(p) and push(bound, v, p) == done then wake(p) end
  end
end

-- What else a push may have to do first; the promise of one that is late now.
function begin(bound, v)
  if cancel_due() then
    local p = waiter()
    if not bound.late then
      bound.late = waiters.new()
      lwt.pause():on_success(function() settle(bound) end)
    end
    push_behind(bound.late, p, v)
    return p
  end
  if bound.late then settle(bound) end
  return nil
end

C.push_bounded = push

function Bound.close(bound)
  local log = bound.log
  if log.closed then return end
  settle(bound)
  local wakes = {}
  local p = blocked(bound)
  while p do
    wakes[#wakes + 1] = p
    advance(bound)
    p = blocked(bound)
  end
  log.closed = true
  ended(log)
  wake_several(wakes, true, lwt.Closed)
end

function C.bounded(size)
  local log = new_log()
  local s = new_stream(log, pull_bounded)
  local bound = setmetatable({
    log = log, size = size, n = 0, pusher = false, value = nil, behind = false,
    late = false,
  }, Bound)
  log.bound = bound
  return s, bound
end

return C
