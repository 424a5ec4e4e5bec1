-- Bounded streams.

local lwt = require "lwt"
local core = require "lwt.core"
local waiters = require "lwt.internal.waiters"
local C = require "lwt.stream.log" -- and what core.lua has added to it

local STOP, append, new_log, new_stream = C.STOP, C.append, C.new_log, C.new_stream
local front, drop, busy, demand, line_up = C.front, C.drop, C.busy, C.demand, C.line_up
local offer, calm, hand_over = C.offer, C.calm, C.hand_over
local serve, put_before = C.serve, C.put_before
local tell, desk_of = C.tell, C.desk_of
local waiter, wake, wake_exn, raise = core.waiter, core.wake, core.wake_exn, core.raise
local try, hand, together = core.try, core.hand, core.together
local is_pending, fulfilled, rejected = lwt.is_pending, lwt.fulfilled, lwt.rejected
local push_behind, make_room, shift = waiters.push, waiters.make_room, waiters.shift
local reserve = C.reserve
local SIZE <const> = 64
assert(C.SIZE == SIZE)
local any_due, cancel_due = core.due, core.cancel_due
local setmetatable, pcall = setmetatable, pcall

-- `n` elements are in the log. Who pushes more waits: the first is `pusher` (a promise, or
-- false) with its `value`, those behind it are in the ring `behind`, made when needed.
-- `late` are the pushes of tasks that have yet to be told of a cancel: they begin a turn later,
-- or when somebody else pushes or closes, if they have not been withdrawn until then.
--
-- `promise` is that of a push which has been let in and is yet to be told; see core.lost. While
-- an element is being offered, who is asked may push: that comes after it, and is `nested`.
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
  wake(p)
  if bound.pusher == p then advance(bound) end
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

-- The first push that waits is let in; its promise. (The memory comes first: it may run a finalizer that
-- reads, or withdraws the push.)
local function let_in(bound)
  local log = bound.log
  while bound.pusher and log.n > SIZE do reserve(log) end
  local p = bound.n < bound.size and blocked(bound)
  if not p then return false end
  append(log, bound.value)
  bound.n = bound.n + 1
  advance(bound)
  return p
end

local function tell_each(bound)
  while bound.promise do
    wake(bound.promise)
    bound.promise = let_in(bound)
  end
end

-- Let in who waits, as far as there is room. Most often it is one. Several are told in such a way
-- that all have been let in before any callback runs, as tell.lua does it.
local function admit(bound)
  local p = bound.promise
  if p then -- there was no memory to tell it: all who wait are lost
    if is_pending(p) then return end
    bound.promise = false
  end
  p = let_in(bound)
  if not p then return end
  if bound.pusher and bound.n < bound.size then
    bound.promise = p
    hand(bound, together, tell_each, bound)
    return
  end
  local ok, err = pcall(wake, p)
  if not ok then
    bound.promise = p
    core.lost(bound, err)
  end
end
Bound.admit = admit

local function refuse_each(bound)
  local p = blocked(bound)
  while p do
    wake_exn(p, lwt.Closed)
    if bound.pusher == p then advance(bound) end
    p = blocked(bound)
  end
end

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

-- After an offer: who was served is told.
local function calm_down(log, s)
  log.spreading = true
  if s.upset then calm(s) end
  serve(s) -- what has been pushed meanwhile
  log.spreading = false
  demand(log)
end
local function clear_up(log, s)
  hand(log.desk, calm_down, log, s)
  tell(log.desk)
end

-- Let `v` in, or put it in line: what the push gives; nil: it has to begin anew. `s`: those who look
-- there have been shown it; or false.
local function place(bound, v, late, s)
  local log = bound.log
  if bound.n < bound.size and not (bound.pusher and blocked(bound)) then
    bound.n = bound.n + 1
    append(log, v)
    return done
  end
  local last = s and s.last
  local p, first = late or waiter(), bound.pusher
  if first then
    if not bound.behind then
      local behind = waiters.new()
      bound.behind = bound.behind or behind
    end
    make_room(bound.behind)
  end
  -- The memory may have run a finalizer, and that may have read, looked, pushed or closed.
  local came
  if s then came = s.last ~= last else came = log.waiting[1] and not log.spreading end
  if came or log.taker or log.closed
    or bound.pusher ~= first or bound.n < bound.size and not (first and blocked(bound)) then
    if s then C.look_anew(s) end -- they will be shown `v` once more
    return nil
  end
  if first then
    push_behind(bound.behind, p, v)
  else
    bound.pusher, bound.value = p, v
  end
  return p
end

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
    local told = wake(p, v)
    if s.solo == p then s.solo, log.taker = false, false end
    if told then return done end -- else it was cancelled
  end
  s = log.waiting[1]
  if s and log.spreading then
    s, bound.nested = nil, true
  elseif s then
    if hand_over(log, s, v) then return done end
    desk_of(log)
    log.spreading, bound.nested = true, false
    local ok, taken = try(offer, s, v)
    log.spreading = false
    if not ok then
      core.lost(log.desk, taken)
      raise(taken)
    end
    if bound.nested and not taken then
      local err
      taken, err = hand(log.desk, put_before, s, v)
      if not taken then raise(err) end
    end
    if taken then
      clear_up(log, s)
      return done
    end
  end
  if not s then return place(bound, v, late, false) or push(bound, v, late) end
  -- Those who look have been shown `v`: without memory to place it they are lost, as in the offer.
  local ok, p = try(place, bound, v, late, s)
  if not ok then
    core.lost(log.desk, p)
    raise(p)
  end
  clear_up(log, s)
  return p or push(bound, v, late)
end

-- A push that is late, whose promise is `p`. The stream may have been closed meanwhile.
local function push_now(bound, p, v)
  local ok, pushed = pcall(push, bound, v, p)
  if not ok then
    wake_exn(p, pushed)
  elseif pushed == done then
    wake(p)
  elseif pushed ~= p then
    wake_exn(p, lwt.Closed)
  end
end

-- Begin what is late.
local function settle(bound)
  local behind = bound.late
  if not behind then return end
  bound.late = false
  while behind.n > 0 do
    local p, v = shift(behind)
    if is_pending(p) then push_now(bound, p, v) end
  end
end

-- What else a push may have to do first; the promise of one that is late now.
function begin(bound, v)
  if cancel_due() then
    local p = waiter()
    local behind
    repeat -- (the memory may run a finalizer, which may be late as well, or close)
      if not bound.late then
        local fresh = waiters.new()
        lwt.pause():on_success(function() settle(bound) end)
        bound.late = bound.late or fresh
      end
      behind = bound.late
      make_room(behind)
    until bound.late == behind
    push_behind(behind, p, v)
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
  C.close(log)
  if blocked(bound) then
    try(together, refuse_each, bound)
    hand(bound, refuse_each, bound)
  end
end

function C.bounded(size)
  local log = new_log()
  local s = new_stream(log, pull_bounded)
  local bound = setmetatable({
    lost = false, promise = false,
    log = log, size = size, n = 0, pusher = false, value = nil, behind = false,
    late = false, nested = false,
  }, Bound)
  log.bound = bound
  return s, bound
end

return C
