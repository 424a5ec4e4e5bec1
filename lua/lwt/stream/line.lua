-- Readers in line at a stream: requests, and who is served by an element.

local lwt = require "lwt"
local core = require "lwt.core"
local C = require "lwt.stream.tell"

local STOP, NOBODY, front, drop = C.STOP, C.NOBODY, C.front, C.drop
local desk_of, decide = C.desk_of, C.decide
local waiter, is_pending, type, error = core.waiter, lwt.is_pending, type, error
local pcall, roomy = pcall, core.roomy

-- A request: { p =, feed =, finish =, … }
--   p        its promise, made when it has to wait; or
--   log      the log that it reads for
--   on       the stream that it waits at
--   feed     function(req, v) → taken, done; without one: it takes one element
--   finish   function(req): the end came; without one: nil is its value
--   value, failed, done   what became of it
--   looks    it never takes anything
--   again    function(req): it looks, and forgets what it has seen
--   turn     a section that is entered when its turn comes
--   mute     its promise is one of nothing
--   put_back function(req): it was cancelled, or the source failed
--   new      its log has yet to note that it waits for this request
--
-- The line of a stream is `s.first` … `s.last`, and `s.taking` is the first in it that may take
-- something: all before that one only look. `s.waits`: the stream is in its log's `waiting`.
-- `s.looked`: there may be one in line that looks, and can do so again.

local demand, withdraw

local function alive(req)
  if req.done then return false end
  local p = req.p
  if p then return is_pending(p) end
  local log = req.log
  if log and not log.eager and log.fetching == req then
    local s = log.taker
    if not (s and is_pending(s.solo) or demand(log)) then
      withdraw(log)
      return not req.done -- a finalizer may have read meanwhile
    end
  end
  return true
end

-- Most often one reader waits alone, for one element. It is not in the line: `s.solo` is
-- its promise, and `log.taker` is s. Code that does more with the line than wake it makes a request
-- of it, and gets that.
--
-- Gives the request, or nil: nobody waits there any more. (A finalizer may just have seen to it
-- that the reader was served.)
local make_room, link, ready
local function unfold(s)
  local req = { p = false, on = s, next = false, done = false, failed = false, value = nil }
  ready(s.log)
  local p = s.solo
  if not p then return nil end
  if not is_pending(p) then
    s.solo, s.log.taker = false, false
    return nil
  end
  req.p = p
  make_room(s)
  if s.solo ~= p then return nil end
  s.solo, s.log.taker = false, false
  link(s, req)
  return req
end

-- What a log needs before anybody is in line at it.
function ready(log)
  if not log.desk then desk_of(log) end
  if log.waiting == NOBODY then
    local waiting = {}
    if log.waiting == NOBODY then log.waiting = waiting end
  end
end

-- Makes what it takes to wait at `s`. The memory may run a finalizer, which may push: so it is
-- looked after that whether there is something to wait for, and `get_in_line` runs none. (A call
-- for which the stack has to grow may run one, too.) Gives false where everything was there.
local function prepare(s)
  local log = s.log
  local waiting = log.waiting
  if waiting ~= NOBODY and (s.waits or not waiting[1]) and s.last ~= nil and not s.solo
    and (log.held or not log.hold) and s.lined < (s.sweep_at or 16) then
    return false
  end
  ready(log)
  while s.solo do unfold(s) end
  make_room(s)
  while s.solo do unfold(s) end
  return true
end

-- Is there something to read at `s`, or somebody to be asked for it? For a reader that is about to
-- wait.
local function missed(s)
  local log, c = s.log, s.chunk
  if c and c[s.i] == nil and not (c.next or c.errors or log.ended) then
    local bound, source = log.bound, log.source
    if not (bound and bound.pusher) and not (source and not log.fetching) then return false end
  end
  return front(s) ~= nil or log.source and not log.fetching
end

local function unfold_taker(log)
  local s = log.taker
  if s then unfold(s) end
end

-- `req` leaves the line.
local function left(s, req, nx)
  if s.taking == req then s.taking = nx end
end

-- Forget the dead at the head of the line. The first live one is left there. (To find that one is
-- dead may withdraw what it waited for, and so change the line.)
local function prune(s)
  if s.solo then unfold(s) end
  local req = s.first
  while req and not alive(req) do
    if s.first == req then
      local nx = req.next
      s.first, s.lined = nx, s.lined - 1
      if s.taking == req then s.taking = nx end
      if not nx then s.last, s.lined = false, 0 end
    end
    req = s.first
  end
  return req
end

-- Is a reader in line to take an element?
local function busy(s)
  if not prune(s) then return false end
  local req = s.taking
  while req and (req.looks or not alive(req)) do req = req.next end
  s.taking = req
  return req and true or false
end

-- Cancelled readers are skipped when their turn comes; so that a million of them
-- do not pile up in front of a silent source, the line is swept now and then.
local function sweep(s)
  local first, last, n = false, false, 0
  local req = s.first
  while req do
    local nx = req.next
    if not alive(req) then
      left(s, req, nx)
    else
      if last then last.next = req else first = req end
      last, n = req, n + 1
      req.next = false
    end
    req = nx
  end
  s.first, s.last, s.lined = first, last, n
  s.sweep_at = 2 * n + 16
end

-- Said to a function that pushes.
local HOLD = {}
C.HOLD = HOLD

-- From now on pushes must look for waiting readers.
local function hold_pushes(log)
  local hold = log.hold
  if hold and not log.held then hold(nil, HOLD) end
end

-- Somebody will wait at `s`. Those at whose line nobody is any more are taken out now and then.
local function wait_at(s)
  local log = s.log
  local waiting = log.waiting
  local n = #waiting
  if n > 16 and n > (log.sweep_at or 16) then
    C.forget_gone(log)
    n = #waiting
    log.sweep_at = 2 * n + 16
  end
  waiting[n + 1] = s
  s.waits = true
end

-- All that takes memory when somebody gets in line, and `ready` has been called.
function make_room(s)
  local log = s.log
  if s.lined == nil then s.lined, s.taking, s.waits = 0, false, false end
  if not s.waits then wait_at(s) end
  if not log.held then hold_pushes(log) end
  if s.lined >= (s.sweep_at or 16) then sweep(s) end
  if s.last == nil then s.last = false end -- all has its place
end

-- `req` is the last in line from now on. Takes no memory.
function link(s, req)
  req.next = false
  local last = s.last
  if last then
    last.next = req
  else
    s.first = req
  end
  s.last = req
  if not (s.taking or req.looks) then s.taking = req end
  s.lined = s.lined + 1
end

local function get_in_line(s, req)
  if req.next == nil then
    req.next, req.done, req.failed, req.on, req.value = false, false, false, s, false
    req.value = nil -- (its place is there)
  end
  local log, last = s.log, s.last
  local waiting = log.waiting
  if last == false and not s.waits and not waiting[1] and (log.held or not log.hold) then
    -- Once more in a line that was empty.
    waiting[1], s.waits, s.first, s.last, s.lined, req.next = s, true, req, req, 1, false
    if not (s.taking or req.looks) then s.taking = req end
    return
  end
  if not s.waits or last == nil or s.solo then prepare(s) end
  link(s, req)
end

-- Nobody is in line any more at `s`, which was at the place `k` when that was looked after.
local function take_out(waiting, k, s)
  local n = #waiting
  if waiting[k] ~= s then
    k = 1
    while k <= n and waiting[k] ~= s do k = k + 1 end
    if k > n then return end
  end
  waiting[k] = waiting[n]
  waiting[n], s.waits = nil, false
end

-- Does a reader wait for an element of this log?
function demand(log)
  local s = log.taker
  if s then
    if is_pending(s.solo) then return true end
    s.solo, log.taker = false, false
  end
  local waiting = log.waiting
  for k = #waiting, 1, -1 do
    s = waiting[k]
    if s then -- a finalizer may have taken some out
      if prune(s) then return true end
      take_out(waiting, k, s)
    end
  end
  return false
end

-- Take the streams out of `waiting` that have no readers any more.
function C.forget_gone(log)
  local waiting = log.waiting
  local k = 1
  local s = waiting[k]
  while s do
    if prune(s) then k = k + 1 else take_out(waiting, k, s) end
    s = waiting[k]
  end
end

-- A reader went away. When it was the last one, what its stream was reading from
-- another stream is taken back: that one's next reader gets the element.
--
-- That is not noticed before the line of that other stream is looked at, or this one is read again.
-- So, where what is waited for is a request at a stream that is pushed to, it is found out then, by
-- `alive` and `fresh`. A log that has had to wait for anything else, or whose readers may go
-- without being cancelled, is `eager`: its readers tell when they are.
-- (Nothing is called between the last look at that and the change.)
function withdraw(log)
  local p = log.fetching
  local kind = type(p)
  local pending = kind == "userdata" and is_pending(p)
  if demand(log) or log.fetching ~= p or not log.withdrawable then return end
  if kind == "table" then
    if p.done then return end -- it is on its way
    p.done = true
    log.fetching, log.withdrawable = false, false
    local above = p.on.log
    if above.source then return withdraw(above) end
  elseif pending then
    log.fetching, log.withdrawable = false, false
    log.stale = (log.stale or 0) + 1
    p:cancel()
  end
end

local function watch(log, p)
  local f = log.on_withdraw
  if not f then
    f = function() roomy(withdraw, log) end
    log.on_withdraw = f
  end
  p:on_cancel(f)
end

-- From now on the log waits for something that has to be cancelled at once when it is not wanted
-- any more.
local function set_eager(log)
  if log.eager then return end
  log.eager = true
  -- Who comes from now on is watched; those who wait are noted before that takes memory.
  local list, waiting = {}, log.waiting
  if log.taker then list[1] = log.taker.solo end
  for k = 1, #waiting do
    local req = waiting[k].first
    while req do
      if req.p then list[#list + 1] = req.p end
      req = req.next
    end
  end
  for k = 1, #list do
    if is_pending(list[k]) then watch(log, list[k]) end
  end
end

-- A new reader is about to come: it does not profit from those that were cancelled.
local function fresh(log)
  if log.fetching and not log.eager and not demand(log) then withdraw(log) end
end

-- (nil: while it was made, a finalizer has served the request.)
local function make_promise(s, req)
  local p = waiter()
  if req.done then return nil end
  req.p = p
  local log, put_back = s.log, req.put_back
  if put_back and log.source then
    fresh(log)
    set_eager(log)
  end
  if log.eager then watch(log, p) end
  if put_back then p:on_cancel(function() put_back(req) end) end
  return p
end

-- The promise of a request that is in line. Without one nobody waits there.
local function promise_of(s, req)
  local ok, p = pcall(make_promise, s, req)
  if ok then return p end
  req.done = true
  error(p, 0)
end

-- Show an element to those in line, up to the one who takes it. Gives whether it
-- was taken; who is served is decided. When one of them failed over it, and has
-- others to put back before it, it is shown to nobody else: see `calm`. With `seen` those
-- who only look have seen it.
local function offer(s, v, seen)
  if s.solo then unfold(s) end
  local desk = s.log.desk
  local prev, req = false, s.first
  while req do
    local taken, done, nx
    if not alive(req) then
      done, nx = true, req.next
    elseif req.turn then
      -- All others wait until the section is over, those before this one, too: they only look.
      if s.log.fetching then set_eager(s.log) end
      nx = req.next
      if prev then prev.next = nx else s.first = nx end
      decide(desk, req)
      C.enter(s, req.turn)
      return false
    elseif seen and req.looks then
      nx = req.next
    else
      local feed = req.feed
      if not feed then
        req.value = v
        taken, done = true, true
      else
        taken, done = feed(req, v)
      end
      nx = req.next -- now: who has been shown something may have read
      if done then decide(desk, req) end
    end
    if done then
      left(s, req, nx)
      if prev then prev.next = nx else s.first = nx end
      if not nx then s.last = prev end
      s.lined = s.lined - 1
      if req.failed and req.put_back then
        s.upset = req
        return false
      end
    else
      prev = req
    end
    if taken then
      local section = s.section
      if section then section.record[#section.record + 1] = v end
      return true
    end
    req = nx
  end
  return false
end

-- Elements have been put back, and the lookers in line have begun `again`. `see` shows them what
-- is behind those, from the place (c, i) on.
local function show_lookers(s, see, c, i)
  local desk, prev, req = s.log.desk, false, s.first
  while req do
    local nx = req.next
    local done = req.done
    if req.again and alive(req) then
      see(s, req, c, i)
      done = req.done
      if done then decide(desk, req) end
    end
    if done then
      left(s, req, nx)
      if prev then prev.next = nx else s.first = nx end
      if not nx then s.last = prev end
      s.lined = s.lined - 1
    else
      prev = req
    end
    req = nx
  end
end

-- The lookers in line forget what they have seen. Gives whether there are any.
local function look_again(s)
  if not s.looked then return false end
  local any, req = false, s.first
  while req do
    if req.again and alive(req) then
      req.again(req)
      any = true
    end
    req = req.next
  end
  s.looked = any
  return any
end

-- The end, or an error, for everybody in line. (At the end a section whose turn comes begins; those
-- behind it learn of the end when it is over.)
local function dismiss(s, failed, err)
  local desk, backs = s.log.desk, nil
  local req = s.first
  while req do
    local nx
    if alive(req) then
      if req.turn and not failed then
        s.first = req.next
        decide(desk, req)
        return C.enter(s, req.turn)
      end
      if failed then
        req.failed, req.value = true, err
        if req.put_back then
          backs = backs or {}
          backs[#backs + 1] = req
        end
      elseif req.finish then
        req.finish(req)
      end
      nx = req.next
      decide(desk, req)
    else
      nx = req.next
    end
    s.first = nx
    req = nx
  end
  s.last, s.lined, s.taking = false, 0, false
  if backs then
    for k = 1, #backs do backs[k].put_back(backs[k]) end
  end
end

-- Gives those in line what is there, until it upsets somebody.
local function serve_until_upset(s)
  while s.first and busy(s) do
    local v = front(s)
    if v == nil or v == STOP or not offer(s, v, true) then return end
    drop(s)
  end
end

-- After an offer that upset somebody: what was taken goes back, in order, and is
-- offered again, and so is what follows it.
local function calm(s)
  while s.upset do
    local req = s.upset
    s.upset = false
    req.put_back(req)
    serve_until_upset(s)
  end
end

-- Gives those in line what is there.
local function serve(s)
  serve_until_upset(s)
  if s.upset then calm(s) end
end

C.take_out, C.serve = take_out, serve
C.alive, C.busy, C.get_in_line, C.demand = alive, busy, get_in_line, demand
C.prepare, C.missed = prepare, missed
C.unfold, C.unfold_taker, C.hold_pushes = unfold, unfold_taker, hold_pushes
C.withdraw = withdraw
C.promise_of, C.watch, C.set_eager, C.fresh = promise_of, watch, set_eager, fresh
C.offer, C.dismiss, C.calm = offer, dismiss, calm
C.look_again, C.show_lookers = look_again, show_lookers

return C
