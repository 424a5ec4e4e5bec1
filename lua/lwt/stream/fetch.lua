-- What a source produces goes to those in line, or into the log; and sources are asked for more as
-- long as readers wait.

local lwt = require "lwt"
local core = require "lwt.core"
local roomy = core.roomy
local guard, raise = core.guard, core.raise -- pcall and error, which keep the trace
local C = require "lwt.stream.line"

local append, front, drop, use_log, set_pull = C.append, C.front, C.drop, C.use_log, C.set_pull
local forget_gone = C.forget_gone
local alive, busy, demand, get_in_line = C.alive, C.busy, C.demand, C.get_in_line
local prepare, missed, reserve = C.prepare, C.missed, C.reserve
local watch, set_eager = C.watch, C.set_eager
local offer, dismiss, calm, serve = C.offer, C.dismiss, C.calm, C.serve
local desk_of, tell_inside = C.desk_of, C.tell_inside
local unfold_taker, hold_pushes = C.unfold_taker, C.hold_pushes
local SIZE <const> = 64
assert(C.SIZE == SIZE)
-- try: pcall for a plain callback; the others: for those who wait at a desk, see core.lost
local try, hand, hear = core.try, core.hand, core.hear
local waiter, wake_p, wake_exn = core.waiter, core.wake, core.wake_exn
local type, error, pcall = type, error, pcall

---- Producing -------------------------------------------------------------------

local take_in

-- `req`, the first in line at `s`, leaves.
local function leave_line(log, s, req)
  local nx = req.next
  s.first = nx
  if s.taking == req then s.taking = nx end
  s.lined = s.lined - 1
  if not nx then
    s.last = false
    log.waiting[1], s.waits = nil, false
  end
end

local function pass(log, s, req, v)
  leave_line(log, s, req)
  req.done = true
  local to = req.log
  to.idle = req -- the next one that it makes
  return take_in(to, false, v)
end

-- Give an element to who waits at `s`, alone in front of a line without lookers and
-- conditions, if it is so. Where it raises, for want of memory, nothing has happened.
local function hand_over(log, s, v)
  local req = s.first
  if not req or req.feed or s.section or not alive(req) then return false end
  local p = req.p
  if p then
    local told = wake_p(p, v)
    if s.first == req then leave_line(log, s, req) end
    return told
  end
  local to = req.log
  if not to or to.fetching ~= req then return false end -- it is being made, or was taken back
  hand(to.desk, pass, log, s, req, v)
  return true
end
C.hand_over = hand_over

-- Offers the new element `v`, at the place (c, i), to those in line at a clone.
local function offer_to_clone(s, v, c, i)
  if not busy(s) then
    if s.first then offer(s, v) end -- they look
  elseif front(s) ~= nil and s.chunk == c and s.i == i and offer(s, v) then
    drop(s)
  end
  if s.upset then calm(s) end
end

-- A new element for several cursors. It is in the log before anybody is offered it: those who are in
-- line have `pull_lined`, so that a finalizer's read is not served before them. Where it pushes, what it
-- pushes comes after that.
local function spread_to_clones(log, v)
  local waiting = log.waiting
  for k = 1, #waiting do set_pull(waiting[k], C.pull_lined) end
  append(log, v)
  if log.spreading then return end
  log.spreading = true
  local c, i = log.tail, log.n - 1
  repeat
    for k = #waiting, 1, -1 do
      local s = waiting[k]
      if s then offer_to_clone(s, v, c, i) end -- (a finalizer may have taken some out)
    end
    i = i + 1
    if i > SIZE and c.next then c, i = c.next, 1 end
    v = c[i]
  until v == nil
  for k = #waiting, 1, -1 do
    local s = waiting[k]
    if s then serve(s) end
  end
  log.spreading = false
end

-- Nobody has taken `v`, which was offered to those in line at `s`: it goes before what has been pushed
-- meanwhile, and behind what is about to go back.
local function put_before(s, v)
  local items = s.upset and s.upset.items
  if not items then return C.unread(s, { v }, 1) end
  local n = items.n + 1
  items[n] = v
  items.n = n
end
C.put_before = put_before

-- The same for those in line at `s`. What somebody whom it is offered pushes comes after it, too.
local function spread_to_one(log, s, v)
  local n, tail = log.n, log.tail
  log.spreading = true
  local taken = offer(s, v)
  local same = n == log.n and tail == log.tail
  if not taken then
    if same then append(log, v) else put_before(s, v) end
  end
  if s.upset then calm(s) end
  if not same then serve(s) end
  log.spreading = false
end

-- A new element, for whoever stands in line.
local function spread(log, v)
  local desk = desk_of(log)
  if log.n > SIZE then reserve(log) end
  if log.shared then
    spread_to_clones(log, v)
  else
    local s = log.waiting[1]
    if not s or log.spreading then return append(log, v) end
    spread_to_one(log, s, v)
  end
  forget_gone(log)
  tell_inside(desk)
end
C.spread = spread

-- A new element. `many`: the function for those in line, where there are several.
local function deliver(log, v, many)
  if log.n > SIZE then reserve(log) end
  local s = log.taker
  if s then
    local p = s.solo -- there until it has been told
    local told = wake_p(p, v)
    if s.solo == p then s.solo, log.taker = false, false end
    if told then return end -- else it was cancelled
  end
  s = log.waiting[1]
  if not s then return append(log, v) end
  if log.shared or not hand_over(log, s, v) then return (many or spread)(log, v) end
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
  forget_gone(log) -- a clone that nobody reads now meets it later
  local list = {}
  for k = 1, #waiting do list[k] = waiting[k] end
  for k = #list, 1, -1 do
    local s = list[k]
    if log.shared then
      front(s)
      drop(s)
    end
    dismiss(s, true, err)
    if not s.first then C.take_out(waiting, k, s) end
  end
  tell_inside(log.desk)
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
  local n = #waiting
  while n > 0 do
    local s = waiting[n]
    dismiss(s)
    C.take_out(waiting, n, s)
    n = #waiting
  end
  local desk = log.desk
  if desk and (desk.first or log.closed_promise) then tell_inside(desk) end
  local s = log.taker
  if s then -- alone; it is there until it has been told
    local p = s.solo
    wake_p(p)
    if s.solo == p then s.solo, log.taker = false, false end
  end
  if x ~= log then return x.pull(x) end
  return nil
end
C.ended = ended

---- Fetching --------------------------------------------------------------------

-- (The memory comes first: as long as the source is at it a finalizer that reads gets in line, and what
-- comes next is not before `v`.)
local function settle(log, ok, v)
  local there, err = true, nil
  if v ~= nil and log.n > SIZE then there, err = pcall(reserve, log) end
  if log.fetching == true then log.fetching = false end
  if not there then raise(err) end
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

-- What the source waited for is there.
function take_in(log, failed, raw)
  local from, f = log.fetching
  if failed then
    local stale = log.stale or 0
    if stale > 0 and rawequal(raw, lwt.Canceled) and type(from) ~= "table" then
      log.stale = stale - 1
      return
    end
    f = log.rescue
  else
    f = log.resume
    if not from and (log.stale or 0) > 0 then -- it came when it was about to be taken back
      log.stale, from = log.stale - 1, true
    end
  end
  if not from or log.ended then return end
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

-- What the log's request `req` got.
local function take_from(log, req)
  local v = req.value
  req.value = nil
  log.idle = req -- the next one that it makes
  return take_in(log, req.failed, v)
end

-- Where it raises, for want of memory, it has not arrived.
local function arrive(log, req) hand(log.desk, take_from, log, req) end

local function new_request(s, taker)
  return {
    log = taker, on = s, next = false, done = false, failed = false, value = nil, new = true,
  }
end

-- One reader more, who takes one element: its promise, and its request if it has one (else
-- see `unfold`); or its request alone when it reads for the log `taker`. (A section tells its
-- readers by task-local storage, which only promises carry.)
--
-- It gives what the pull is to give: nil and those, or what has come meanwhile. For the memory is
-- asked for first, and that may run a finalizer, which may push.
local function line_up(s, taker, p)
  if taker and not s.section then
    local req, log = taker.idle, s.log
    if not req or s.last ~= false or s.solo or log.shared or log.hold and not log.held then
      local fresh = not req and new_request(s, taker)
      if (prepare(s) or fresh) and missed(s) and not busy(s) then return s.pull(s, taker) end
      req = taker.idle or fresh or new_request(s, taker)
    end
    taker.idle = false
    req.on, req.done, req.failed, req.value, req.new = s, false, false, nil, true
    get_in_line(s, req)
    return nil, req
  end
  local log = s.log
  local fetching = log.fetching
  p = p or waiter()
  if log.eager then watch(log, p) end
  local req
  if s.first or s.solo or s.section or log.shared then
    req = { p = p, on = s, next = false, done = false, failed = false, value = nil }
    prepare(s)
  else
    if not log.held then hold_pushes(log) end
    if log.taker == nil then log.taker = false end -- (its place is there)
  end
  -- (As long as the source is at it, nothing has come.)
  if not (fetching and log.fetching == fetching) and missed(s) and not busy(s) then
    wake_p(p) -- nobody knows it
    return s.pull(s, taker)
  end
  if not req then
    s.solo, log.taker = p, s
    return nil, p
  end
  get_in_line(s, req)
  return nil, p, req
end

local function listen(log, p, withdrawable)
  if withdrawable then set_eager(log) end
  if not log.on_value then
    log.on_value = function(v) roomy(take_in, log, false, v) end
    log.on_error = function(e) roomy(take_in, log, true, e) end
  end
  log.fetching = p
  hear(p, log.on_value, log.on_error, log.desk)
end

-- The read `p` of `s` is not wanted after all: what it got goes back. (Where it failed, that is
-- raised.)
local function take_back(s, p)
  local failed, v
  if p.on then -- a request
    p.new = false
    if not p.done then
      p.done = true
      local above = p.on.log
      if above.source then C.withdraw(above) end
      return
    end
    s, failed, v = p.on, p.failed, p.value
    p.value = nil
  else
    p:cancel()
    local state
    state, v = p:state()
    if state == "rejected" and rawequal(v, lwt.Canceled) then return end
    failed = state == "rejected"
  end
  if failed then raise(v) end
  if v ~= nil then C.unread(s, { v }, 1) end
end
C.take_back = take_back

-- (Where it raises, for want of memory, the log waits for nothing.)
local function wait_for(x, taker, p, resume, rescue, withdrawable)
  local log = x.log
  if not log.desk then desk_of(log) end
  local serving = log.serving
  if not serving then
    use_log(x)
    if log.fetching or log.ended then -- a finalizer has read, too: that goes on
      take_back(x.stage and x.stage.up, p)
      return x.pull(x, taker)
    end
  end
  log.resume, log.rescue, log.withdrawable = resume, rescue, withdrawable
  local on = p.on
  if on then -- a request
    log.fetching, p.new = p, false
    if on.log.source then set_eager(log) end
    -- It has been served already, by a finalizer, and may even have arrived.
    if p.done and log.fetching == p then arrive(log, p) end
  else
    local ok, err = pcall(listen, log, p, withdrawable)
    if not ok then
      if log.fetching == p then log.fetching = false end
      if withdrawable then p:cancel() end
      error(err, 0)
    end
  end
  if serving then return nil, p end
  if log.fetching ~= p then return x.pull(x, taker) end
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

-- (In the guard: where there is no memory for the call itself, nothing has begun.)
local function ask_alone(source, log)
  log.fetching, log.serving = true, true
  return source(log)
end

-- A source whose reads must not overlap: for it has more to remember than what it has just taken, or
-- runs what may read the same stream again, such as a task. (A finalizer may do that anywhere.) While
-- it is asked directly, others get in line; `source(log)` is called for all.
local function read_alone(s, taker, source)
  local log = s.log
  if log.fetching or log.ended then
    use_log(s)
    return s.pull(s, taker)
  end
  local ok, v, p = guard(ask_alone, source, log)
  log.serving = false
  if log.fetching == true then log.fetching = false end
  if log.ending then return ended(s) end
  if ok and v == nil then -- it waits
    use_log(s)
    if log.fetching ~= p then return s.pull(s, taker) end
    return line_up(s, taker)
  end
  if log.taker or log.waiting[1] then
    use_log(s)
    if not log.fetching then hand(desk_of(log), run, log) end
  end
  if not ok then raise(v) end
  return v
end

-- What is called as the source instead.
function C.alone(source)
  return function(x, taker)
    if x.log == x then return source(x) end
    return read_alone(x, taker, source)
  end
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
-- what `s.pull(s, log)` gives, and how deep that makes it. Each reads in a pcall, of which there can
-- be few inside one another: so it counts for five.
function C.reader(list)
  local depth = 0
  for i = 1, #list do
    local d = list[i].depth
    if d and d > depth then depth = d end
  end
  depth = depth + 5
  if depth >= DEEP then return read_later, 0 end
  return read, depth
end

C.deliver, C.arrive, C.line_up = deliver, arrive, line_up

return C
