-- What a source produces goes to those in line, or into the log; and sources are asked for more as
-- long as readers wait.

local lwt = require "lwt"
local core = require "lwt.core"
local raise = core.raise -- again, with the trace that it has
local C = require "lwt.stream.line"

local append, front, drop, use_log = C.append, C.front, C.drop, C.use_log
local forget_gone, NOBODY = C.forget_gone, C.NOBODY
local alive, busy, demand, get_in_line = C.alive, C.busy, C.demand, C.get_in_line
local prepare, missed, reserve = C.prepare, C.missed, C.reserve
local watch, set_eager = C.watch, C.set_eager
local wake, wake_all, offer, dismiss, calm = C.wake, C.wake_all, C.offer, C.dismiss, C.calm
local put_back_all, unfold_taker, hold_pushes = C.put_back_all, C.unfold_taker, C.hold_pushes
local SIZE <const> = 64
assert(C.SIZE == SIZE)
local try = core.try -- pcall for a plain callback
local waiter, wake_p, wake_exn = core.waiter, core.wake, core.wake_exn
local is_pending, type = lwt.is_pending, type

---- Producing -------------------------------------------------------------------

-- Give an element to the reader that waits at `s`, if it is alone, without lookers and conditions.
local function hand_over(log, s, v)
  local req = s.first
  if not req or req.feed or s.section or not alive(req) then return false end
  local nx = req.next
  s.first = nx
  if s.taking == req then s.taking = nx end
  s.lined = s.lined - 1
  if not nx then
    s.last = false
    log.waiting[1], s.waits = nil, false
  end
  req.value, req.done, req.on = v, true, s
  wake(req)
  return true
end
C.hand_over = hand_over

-- A new element.
local function deliver(log, v)
  if log.n > SIZE then reserve(log) end
  local s = log.taker
  if s then
    local p = s.solo -- there for `fail` until it has been told
    local told = wake_p(p, v)
    if s.solo == p then s.solo, log.taker = false, false end
    if told then return end -- else it was cancelled
  end
  local waiting = log.waiting
  s = waiting[1]
  if not s then return append(log, v) end
  if not log.shared then
    if hand_over(log, s, v) then return end
    local wakes = {}
    if not offer(s, v, wakes) then append(log, v) end
    if s.upset then calm(s, wakes) end
    forget_gone(log)
    return wake_all(wakes)
  end
  append(log, v)
  local wakes = {}
  for k = #waiting, 1, -1 do
    s = waiting[k]
    if offer(s, v, wakes) then
      front(s)
      drop(s)
    end
    if s.upset then calm(s, wakes) end
  end
  forget_gone(log)
  wake_all(wakes)
end

-- The source failed: all waiting readers are told, once. Without readers the error keeps its place
-- among the elements. Other clones meet it there.
local function deliver_error(log, err)
  local alone = log.taker
  if alone and not log.shared then
    local p = alone.solo
    local told = wake_exn(p, err)
    if alone.solo == p then alone.solo, log.taker = false, false end
    if told then return end
  end
  unfold_taker(log)
  local waiting = log.waiting
  local any = demand(log)
  if log.shared or not any then
    C.append_error(log, err)
  end
  if not any then return end
  forget_gone(log) -- a clone without readers meets it later
  local wakes = {}
  local list = {}
  for k = 1, #waiting do list[k] = waiting[k] end
  for k = #list, 1, -1 do
    local s = list[k]
    if log.shared then
      front(s)
      drop(s)
    end
    local from = #wakes + 1
    dismiss(s, wakes, true, err)
    waiting[k], s.waits = nil, false
    put_back_all(wakes, from)
  end
  wake_all(wakes)
end

-- The end. `x` is the stream that pulled, or the log. Gives what a source is to give: nil,
-- unless `x` was read meanwhile and something is left in it.
local function ended(x)
  local log = x.log
  if log.ended then
    if x == log then return nil end
    use_log(x)
    return x.pull(x)
  end
  if log.serving then -- see settle: not in here, or a long pipeline would nest
    log.ending = true
    return nil
  end
  log.closed, log.ended = true, true
  log.source, log.resume, log.rescue = false, false, false
  log.fetching, log.withdrawable = false, false
  log.guard = false
  if x ~= log then
    use_log(x)
  end
  local waiting = log.waiting
  local wakes = waiting[1] and {}
  for k = #waiting, 1, -1 do
    dismiss(waiting[k], wakes)
    waiting[k].waits, waiting[k] = false, nil
  end
  local r = log.closed_resolver
  if r then
    log.closed_resolver = false
    r:wakeup_later()
  end
  local s = log.taker
  if s then -- alone; it is there for `fail` until it has been told
    local p = s.solo
    wake_p(p)
    if s.solo == p then s.solo, log.taker = false, false end
  elseif wakes then
    wake_all(wakes)
  end
  if x ~= log then return x.pull(x) end
  return nil
end
C.ended = ended

---- Fetching --------------------------------------------------------------------

local function settle(log, ok, v)
  if log.fetching == true then log.fetching = false end
  if log.ending then
    ended(log)
  elseif not ok then
    deliver_error(log, v)
  elseif v ~= nil then
    deliver(log, v)
  end -- else it waits, or it ended
end

-- Ask the source for as long as readers wait and it answers at once.
local function run(log)
  while not log.fetching and log.source and demand(log) do
    log.fetching, log.serving = true, true
    local ok, v = try(log.source, log)
    log.serving = false
    settle(log, ok, v)
  end
end
C.run = run

-- Some readers may have been served, but not woken yet.
local function still_waits(req)
  local p, log = req.p, req.log
  if p then return is_pending(p) end
  return log and log.fetching == req
end

-- There was no memory to hand over what came: waiting readers are rejected with that, which takes
-- none, and without readers it is reported to the exception hook.
local function fail(log, err)
  local told = false
  log.fetching, log.serving = false, false
  if log.ending then log.closed, log.ended = true, true end
  local s = log.taker
  if s then
    local p = s.solo
    s.solo, log.taker = false, false
    told = wake_exn(p, err)
  end
  local waiting = log.waiting
  for k = #waiting, 1, -1 do
    s = waiting[k]
    waiting[k], s.waits = nil, false
    local req = s.first
    s.first, s.last, s.lined, s.taking = false, false, 0, false
    while req do
      local next_one = req.next
      if still_waits(req) then
        req.failed, req.value, req.done, told = true, err, true, true
        wake(req)
      end
      req = next_one
    end
  end
  local r = log.ended and log.closed_resolver
  if r then
    log.closed_resolver = false
    r:wakeup_later()
  end
  if not told then error(err, 0) end
end

-- What the source waited for is there.
local function take_in(log, failed, raw)
  local f
  if failed then
    local stale = log.stale or 0
    if stale > 0 and rawequal(raw, lwt.Canceled) and type(log.fetching) ~= "table" then
      log.stale = stale - 1
      return
    end
    f = log.rescue
  else
    f = log.resume
  end
  if not log.fetching or log.ended then return end
  log.fetching, log.serving, log.withdrawable = true, true, false
  log.resume, log.rescue = false, false
  local ok, v
  if f then
    ok, v = try(f, raw)
  elseif failed then
    ok, v = false, raw
  else
    ok, v = true, raw
    if raw == nil then ended(log) end
  end
  log.serving = false
  settle(log, ok, v)
  if log.source and not log.fetching then run(log) end
end

local function arrive(log, failed, raw)
  local ok, err = try(take_in, log, failed, raw)
  if not ok then fail(log, err) end
end

-- One reader more, who takes one element: its promise, and its request if it has one (else
-- see `unfold`); or its request alone when it reads for the log `taker`. (A section tells its readers by task-local storage,
-- which only promises carry.)
--
-- It gives what the pull is to give: nil and those, or what has come meanwhile. For the memory is
-- asked for first, and that may run a finalizer, which may push.
local function line_up(s, taker, p)
  if taker and not s.section then
    local req = taker.idle
    if not req or s.solo or s.log.waiting == NOBODY then -- it takes memory
      prepare(s)
      req = taker.idle or {
        log = taker, on = s, next = false, done = false, failed = false, value = nil, new = true,
      }
      if missed(s) and not busy(s) then return s.pull(s, taker) end
    end
    taker.idle = false
    req.on, req.done, req.failed, req.new = s, false, false, true
    get_in_line(s, req)
    return nil, req
  end
  local log = s.log
  local fetching = log.fetching
  p = p or waiter()
  if log.eager then watch(log, p) end
  local alone = not (s.first or s.solo or s.section or log.shared)
  local req
  if not alone then
    prepare(s)
    req = { p = p, next = false, done = false, failed = false, value = nil }
  end
  -- (As long as the source is at it, nothing has come.)
  if not (fetching and log.fetching == fetching) and missed(s) and not busy(s) then
    wake_p(p) -- nobody knows it
    return s.pull(s, taker)
  end
  if not req then
    s.solo, log.taker = p, s
    hold_pushes(log)
    return nil, p
  end
  get_in_line(s, req)
  return nil, p, req
end

local function wait_for(x, taker, p, resume, rescue, withdrawable)
  local log = x.log
  log.fetching, log.withdrawable = p, withdrawable
  log.resume, log.rescue = resume, rescue
  local on = p.on
  if on then -- a request
    p.new = false
    if on.log.source then set_eager(log) end
    if p.done then -- served already, by a finalizer
      local v = p.value
      p.value = nil
      arrive(log, p.failed, v)
    end
  else
    if withdrawable then set_eager(log) end
    if not log.on_value then
      log.on_value = function(v) arrive(log, false, v) end
      log.on_error = function(e) arrive(log, true, e) end
    end
    p:on_any(log.on_value, log.on_error)
  end
  if log.serving then return nil, p end
  use_log(x)
  return line_up(x, taker)
end

-- A source has to wait for `p`, which a stream's pull gave. `resume(v)` does with its
-- value (`rescue(e)` with its error) what the source would have done with it. `x` and
-- `taker` are what the source was called with. For `return pend(x, taker, …)` in a source.
function C.pend(x, taker, p, resume, rescue)
  return wait_for(x, taker, p, resume, rescue, true)
end

-- Likewise for work that is not interrupted when the readers go away.
function C.work(x, taker, p, resume, rescue)
  return wait_for(x, taker, p, resume, rescue, false)
end
local work = C.work

-- A task for a source, which `start(...)` gives (see lwt.internal.stored); `resume(v)` with what it gives.
function C.run_task(x, taker, resume, start, ...)
  local t = start(...)
  local state, v = t:state()
  if state == "pending" then return work(x, taker, t, resume) end
  if state == "rejected" then raise(v) end
  if resume then return resume(v) end
  if v == nil then return ended(x) end
  return v
end

-- The source did not like what it got: ask it once more.
function C.again(x, taker)
  local log = x.log
  return log.source(x, taker)
end

---- Chains ----------------------------------------------------------------------

-- Each stream of a chain reads the one before inside its own read, and hands over what comes. So
-- that a chain may have any length, one of so many reads a turn later, as if it had to wait.
local DEEP <const> = 150

local function read(s, log) return s.pull(s, log) end

local function read_later(s)
  return nil, lwt.pause():bind(function()
    local v, p = s.pull(s)
    if p then return p end
    return lwt.fulfilled(v)
  end)
end

-- For a stream made from those of a list: the function by which it reads one of them, which gives
-- what `s.pull(s, log)` gives, and how deep that makes it. One that reads in a pcall, of which
-- there can be few inside one another, counts for five.
function C.reader(list, guarded)
  local depth = 0
  for i = 1, #list do
    local d = list[i].depth
    if d and d > depth then depth = d end
  end
  depth = depth + (guarded and 5 or 1)
  if depth >= DEEP then return read_later, 0 end
  return read, depth
end

C.deliver, C.arrive, C.line_up = deliver, arrive, line_up

return C
