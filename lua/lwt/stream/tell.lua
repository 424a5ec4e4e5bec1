-- Telling readers what has been decided: an element, the end, an error.
--
-- Everything is decided before anybody is told. Who has been decided about goes from the line of
-- his stream to the desk of its log, so that at each moment he is in one place where core.lost
-- (src/core/lost.c) finds him: where memory runs out in the middle, those who were not told yet
-- are told that, in the next turn of the loop.

local core = require "lwt.core"
local C = require "lwt.stream.log"

local wake_p, wake_exn = core.wake, core.wake_exn
local hand, together = core.hand, core.together

-- A log has one once somebody is in line at it, or it waits for something.
--   first, last   requests that are decided, linked by `next`
--   now           the one that is being told
--   lost          see core.lost
function C.desk_of(log)
  local desk = log.desk
  if not desk then
    log.idle = log.idle or false -- (its place is there)
    desk = { log = log, first = false, last = false, now = false, lost = false }
    desk = log.desk or desk
    log.desk = desk
  end
  return desk
end

-- `req` is in line no more. Takes no memory.
local function decide(desk, req)
  req.done, req.next = true, false
  local last = desk.last
  if last then last.next = req else desk.first = req end
  desk.last = req
end
C.decide = decide

-- Where it raises, for want of memory, `req` still waits.
local function wake(req)
  local p = req.p
  if not p then
    local log = req.log
    if not log then return end -- it is being made: whoever makes it looks at `done`
    if log.fetching == req then return C.arrive(log, req) end
    if req.new then return end -- a finalizer has pushed: see wait_for
    local v = req.value
    if v ~= nil and not req.failed then -- taken back since
      C.unread(req.on, { v }, 1)
      req.value = nil
    end
    return
  end
  local v, told = req.value, true
  if req.failed then
    wake_exn(p, v)
  elseif req.mute then
    wake_p(p)
  else
    told = wake_p(p, v)
  end
  if not told and v ~= nil and not req.feed then -- he has been cancelled
    C.unread(req.on, { v }, 1)
  end
  req.value = nil
end

-- (Where the desk is lost, all who are at it will be told that.)
local function tell_each(desk)
  local req = desk.first
  while req and not desk.lost do
    local nx = req.next
    desk.now, desk.first = req, nx
    if not nx then desk.last = false end
    req.next = false
    wake(req)
    if desk.now == req then desk.now = false end
    req = desk.first
  end
end

local function tell_all(desk)
  local log = desk.log
  local p = log.ended and log.closed_promise
  if p then
    wake_p(p)
    log.closed_promise = false
  end
  -- Several are told in such a way that the states of all change before any callback runs: else
  -- the first could cancel the second, whose element would have to go back.
  local first = desk.first
  if first and first.next then return together(tell_each, desk) end
  return tell_each(desk)
end

-- Tell those at a desk.
local function tell(desk) hand(desk, tell_all, desk) end
C.tell = tell

-- The same inside a `hand` for that desk. Most often it is one, who is told without another function
-- in C in between: in a long chain each stream is told inside the one before.
function C.tell_inside(desk)
  local req = desk.first
  if req and not (req.next or desk.log.closed_promise) then return tell_each(desk) end
  return tell(desk)
end

return C
