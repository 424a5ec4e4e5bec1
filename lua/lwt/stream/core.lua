-- What every stream is made of: a log of elements, cursors on it, readers in
-- line, and the source that is asked when there is nothing left.
--
--   log      elements that were produced and not read by everybody yet, in chunks
--            linked forwards only: a chunk that no cursor can reach is garbage, so
--            whoever pushes keeps the last chunk alive and never the stream.
--   stream   a cursor (chunk, i) on a log, and the readers that wait at it. Clones
--            are cursors on the same log.
--   request  a reader in line: takes elements (get, nget …) or only looks (peek).
--   source   a function of a log that produces the next element (from, map …).
--
-- `s.pull(s)` is how everything reads one element: it gives the element; or nil at
-- the end; or nil and a promise of one of the two (and its request); or raises what the
-- source failed with. No promise is made for an element that is there. Elements are never
-- nil. A stream that reads for another one is told so, `s.pull(s, log)`: what it has to
-- wait for is then no promise but a request, which is answered to that log directly.
--
-- A stream of one cursor whose log is empty has its source itself as `pull`: ready
-- elements go through a whole pipeline without being stored anywhere.
--
-- Always true: when somebody is in line to take an element, nothing is buffered;
-- at most one fetch of a source is under way; state is changed first, promises are
-- woken after that.

local lwt = require "lwt"

local try = require "lwt.core".try -- pcall for a plain callback

local task, fulfilled, rejected = lwt.task, lwt.fulfilled, lwt.rejected
local spawn, get_local, with_value = lwt.spawn, lwt.get, lwt.with_value
local setmetatable, error, rawequal, type = setmetatable, error, rawequal, type
local remove = table.remove

local C = {}

-- The public functions, which are the methods; filled by the other files.
local M = {}
C.M = M

local mt = { __index = M, __name = "lwt.stream" }
C.mt = mt

-- Chunk entry that is no element: an error when the chunk has one noted at that
-- place, else the end.
local STOP = setmetatable({}, { __name = "lwt.stream.stop" })

local Empty = setmetatable({}, {
  __name = "lwt.stream.Empty",
  __tostring = function() return "stream is empty" end,
})
M.Empty = Empty

local SIZE = 64

-- Both parts of the table are made in full at once: an insertion that had to grow
-- either would count the cleared places and throw the array away.
local function new_chunk()
  return {
    nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
    nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
    nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
    nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
    next = false, start = 1, errors = false, whole = true,
  }
end

---- The log ---------------------------------------------------------------------

local function new_log(source)
  local chunk = new_chunk()
  local log = {
    tail = chunk, n = 1, -- where the next element goes, unless
    put = false, -- … it has a function of its own for that
    hold = false, -- and one to be told that there are readers in line
    source = source or false,
    closed = false, -- the end was produced (or pushed)
    ended = false, -- … and stands in the log
    shared = false, -- there are, or were, several cursors
    waiting = {}, -- the streams with readers in line
    fetching = false, -- true while the source runs, then the promise it waits for
    serving = false, -- the source is being asked for those in line
    withdrawable = false, -- `fetching` is a read that may be taken back
    stale = 0, -- fetches taken back whose rejection is still to be heard of
    resume = false, rescue = false, -- what to do with the value or error of `fetching`
    closed_promise = false, closed_resolver = false,
    spare = false, -- a used up chunk
    on_value = false, on_error = false, on_withdraw = false,
    guard = false, -- what lives as long as the streams do
  }
  log.log = log
  return log
end

local function next_chunk(log, c)
  local fresh = log.spare
  if fresh then log.spare = false else fresh = new_chunk() end
  c.next = fresh
  return fresh
end

local function append(log, v)
  if log.put then return log.put(v) end
  local c, n = log.tail, log.n
  c[n] = v
  if n < SIZE then
    log.n = n + 1
    return
  end
  log.tail, log.n = next_chunk(log, c), 1
end
C.append = append

---- Cursors ---------------------------------------------------------------------

-- The entry at the cursor: nil when there is none.
local function front(s)
  local c = s.chunk
  local v = c[s.i]
  while v == nil do
    local nx = c.next
    if not nx then
      local bound = s.bound
      if bound then return bound.offered(bound) end
      return nil
    end
    s.chunk, s.i = nx, c.start
    if c.whole and not c.errors and not s.shared then
      c.next = false
      s.log.spare = c
    end
    c = nx
    v = c[s.i]
  end
  return v
end

-- Move past the entry that front just gave.
local function drop(s)
  local c, i = s.chunk, s.i
  local bound = s.bound
  if bound and c[i] == nil then return bound.take(bound) end
  s.i = i + 1
  if not s.shared then c[i] = nil end
  if bound then
    bound.n = bound.n - 1
    bound.admit(bound)
  end
end
C.drop = drop

-- The error that the STOP at the cursor stands for, boxed; nil: it is the end.
local function error_at(s)
  local errors = s.chunk.errors
  return errors and errors[s.i]
end

-- A section has its own pull (see below), so the ordinary one is set through here.
local function set_pull(s, pull)
  if s.section then s.base = pull else s.pull = pull end
  local ride = s.ride
  if ride then ride.over = true end
end

-- From now on there may be something in the log.
local function use_log(s)
  set_pull(s, s.shared and C.pull_shared or C.pull_log)
end

---- Readers in line -------------------------------------------------------------

-- A request: { p =, r =, feed =, finish =, … }
--   p, r     its promise, made when it has to wait; or
--   log, on  the log that it reads for, and the stream that it waits at
--   feed     function(req, v) → taken, done; without one: it takes one element
--   finish   function(req): the end came; without one: nil is its value
--   value, failed, done   what became of it
--   looks    it never takes anything
--   put_back function(req): it was cancelled, or the source failed

local function alive(req)
  if req.done then return false end
  local p = req.p
  return not p or p:is_pending()
end

-- Forget the dead at the head of the line. The first live one is left there.
local function prune(s)
  local req = s.first
  while req and not alive(req) do
    req = req.next
    s.lined = s.lined - 1
  end
  s.first = req
  if not req then
    s.last = false
    s.lined = 0
  end
  return req
end

-- Is somebody in line to take an element?
local function busy(s)
  local req = prune(s)
  while req do
    if not req.looks and alive(req) then return true end
    req = req.next
  end
  return false
end

-- Cancelled readers are skipped when their turn comes; so that a million of them
-- do not pile up in front of a silent source, the line is swept now and then.
local function sweep(s)
  local first, last, n = false, false, 0
  local req = s.first
  while req do
    local nx = req.next
    if alive(req) then
      if last then last.next = req else first = req end
      last, n = req, n + 1
      req.next = false
    end
    req = nx
  end
  s.first, s.last, s.lined = first, last, n
  s.sweep_at = 2 * n + 16
end

local function get_in_line(s, req)
  req.next = false
  local last = s.last
  if last then
    last.next = req
  else
    s.first = req
    local waiting = s.log.waiting
    local found = false
    for k = 1, #waiting do
      if waiting[k] == s then found = true break end
    end
    if not found then waiting[#waiting + 1] = s end
    local hold = s.log.hold
    if hold then hold() end -- pushes must look who waits
  end
  s.last = req
  local n = s.lined + 1
  s.lined = n
  if n > s.sweep_at then sweep(s) end
end

-- Does anybody wait for an element of this log?
local function demand(log)
  local waiting = log.waiting
  for k = #waiting, 1, -1 do
    if not prune(waiting[k]) then remove(waiting, k) end
  end
  return waiting[1] ~= nil
end

-- A reader went away. When it was the last one, what its stream was reading from
-- another stream is taken back: that one's next reader gets the element.
local function withdraw(log)
  if not log.withdrawable or demand(log) then return end
  local p = log.fetching
  if type(p) == "table" then
    if p.done then return end -- it is on its way
    p.done = true
    log.fetching, log.withdrawable = false, false
    local above = p.on.log
    if above.source then return withdraw(above) end
  elseif p and p ~= true and p:is_pending() then
    log.fetching, log.withdrawable = false, false
    log.stale = log.stale + 1
    p:cancel()
  end
end

local function withdrawing(log)
  local f = function() withdraw(log) end
  log.on_withdraw = f
  return f
end

local function promise_of(s, req)
  local p, r = task()
  req.p, req.r = p, r
  local log = s.log
  if log.source then p:on_cancel(log.on_withdraw or withdrawing(log)) end
  local put_back = req.put_back
  if put_back then p:on_cancel(function() put_back(req) end) end
  return p
end

local arrive, unread

local function wake(req)
  local r = req.r
  if not r then
    local log = req.log
    if log then
      local v = req.value
      req.value = nil
      if log.fetching == req then
        arrive(log, req.failed, v)
      elseif v ~= nil and not req.failed then -- taken back since
        unread(req.on, { v }, 1)
      end
    end
    return -- else it is being made: whoever makes it looks at `done`
  end
  local v = req.value
  req.value = nil
  if req.failed then r:wakeup_later_exn(v) else r:wakeup_later(v) end
end

-- Everything is decided before anybody is woken. With several to wake, they are
-- woken inside a callback, where wakeup_later changes all states before it calls
-- anybody: else the first could cancel the second and lose its element.
local function wake_all(wakes)
  if not wakes[2] then
    if wakes[1] then wake(wakes[1]) end
    return
  end
  local p, r = lwt.wait()
  p:on_success(function()
    for k = 1, #wakes do wake(wakes[k]) end
  end)
  r:wakeup()
end

-- Show an element to those in line, up to the one who takes it. Gives whether it
-- was taken; who is served goes to `wakes`. When one of them failed over it, and has
-- others to put back before it, it is shown to nobody else: see `calm`.
local function offer(s, v, wakes)
  local prev, req = false, s.first
  while req do
    local taken, done
    if not alive(req) then
      done = true
    elseif req.turn then
      s.first = req
      if prev then prev.next = false end
      local nx = req.next
      s.first, s.lined = nx, nx and s.lined or 0
      if not nx then s.last = false end
      req.done = true
      wakes[#wakes + 1] = req
      C.enter(s, req.turn)
      return false
    else
      local feed = req.feed
      if not feed then
        req.value = v
        taken, done = true, true
      else
        taken, done = feed(req, v)
      end
      if done then
        req.done = true
        wakes[#wakes + 1] = req
      end
    end
    local nx = req.next
    if done then
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

-- The end, or an error: everybody in line is told.
local function dismiss(s, wakes, failed, err)
  local req = s.first
  s.first, s.last, s.lined = false, false, 0
  if not failed then s.drive = false end
  while req do
    local nx = req.next
    if alive(req) then
      if failed then
        req.failed, req.value = true, err
      elseif req.finish then
        req.finish(req)
      end
      req.done = true
      wakes[#wakes + 1] = req
    end
    req = nx
  end
end

local function put_back_all(wakes, from)
  for k = from, #wakes do
    local req = wakes[k]
    if req.put_back then req.put_back(req) end
  end
end

local function serve(s, wakes)
  while s.first and busy(s) do
    local v = front(s)
    if v == nil or v == STOP or not offer(s, v, wakes) then return end
    drop(s)
  end
end

-- After an offer that upset somebody: what was taken goes back, in order, and is
-- offered again, and so is what follows it.
local function calm(s, wakes)
  while s.upset do
    local req = s.upset
    s.upset = false
    req.put_back(req)
    serve(s, wakes)
  end
end

---- Producing -------------------------------------------------------------------

-- A new element.
local function deliver(log, v)
  local waiting = log.waiting
  local s = waiting[1]
  if not s then return append(log, v) end
  if not log.shared then
    local req = s.first
    if req and not req.feed and not s.section and alive(req) then
      local nx = req.next
      s.first = nx
      s.lined = s.lined - 1
      if not nx then
        s.last = false
        waiting[1] = nil
      end
      req.value, req.done = v, true
      return wake(req)
    end
    local wakes = {}
    if not offer(s, v, wakes) then append(log, v) end
    if s.upset then calm(s, wakes) end
    demand(log)
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
  demand(log)
  wake_all(wakes)
end

-- The source failed: everybody who waits is told, once. With nobody there the
-- error keeps its place among the elements. Other clones meet it there.
local function deliver_error(log, err)
  local waiting = log.waiting
  local any = demand(log)
  if log.shared or not any then
    local c = log.tail
    if not c.errors then c.errors = {} end
    c.errors[log.n] = { err }
    append(log, STOP)
  end
  if not any then return end
  local wakes = {}
  local list = {}
  for k = 1, #waiting do list[k] = waiting[k] end
  for k = #list, 1, -1 do
    local s = list[k]
    waiting[k] = nil
    if log.shared then
      front(s)
      drop(s)
    end
    local from = #wakes + 1
    dismiss(s, wakes, true, err)
    put_back_all(wakes, from)
  end
  wake_all(wakes)
end

-- The end. `x` is the stream that pulled, or the log. Gives nil, so that a source
-- can return it.
local function ended(x)
  local log = x.log
  if log.ended then return nil end
  log.closed, log.ended = true, true
  log.source, log.resume, log.rescue = false, false, false
  log.fetching, log.withdrawable = false, false
  log.guard = false
  append(log, STOP)
  if x ~= log then
    use_log(x)
    x.drive = false
  end
  local waiting = log.waiting
  local wakes = {}
  for k = #waiting, 1, -1 do
    dismiss(waiting[k], wakes)
    waiting[k] = nil
  end
  local r = log.closed_resolver
  if r then
    log.closed_resolver = false
    r:wakeup_later()
  end
  wake_all(wakes)
  return nil
end
C.ended = ended

---- Fetching --------------------------------------------------------------------

local function settle(log, ok, v)
  if log.fetching == true then log.fetching = false end
  if not ok then
    deliver_error(log, v)
  elseif v ~= nil then
    deliver(log, v)
  end -- else it waits, or it ended
end

-- Ask the source for as long as somebody waits and it answers at once.
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
function arrive(log, failed, raw)
  local f
  if failed then
    if log.stale > 0 and raw == lwt.Canceled and type(log.fetching) ~= "table" then
      log.stale = log.stale - 1
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
  run(log)
end

-- One reader more, who takes one element: its promise and request, or its request alone
-- when it reads for the log `taker`. (A section tells its readers by task-local storage,
-- which only promises carry.)
local function line_up(s, taker)
  if taker and not s.section then
    local req = { log = taker, on = s, next = false, done = false, failed = false, value = nil }
    get_in_line(s, req)
    return req
  end
  local p, r = task()
  local req = { p = p, r = r, next = false, done = false, failed = false, value = nil }
  local log = s.log
  if log.source then
    p:on_cancel(log.on_withdraw or withdrawing(log))
  end
  get_in_line(s, req)
  return p, req
end

local function wait_for(x, taker, p, resume, rescue, withdrawable)
  local log = x.log
  log.fetching, log.withdrawable = p, withdrawable
  log.resume, log.rescue = resume or false, rescue or false
  if type(p) ~= "table" then
    if not log.on_value then
      log.on_value = function(v) arrive(log, false, v) end
      log.on_error = function(e) arrive(log, true, e) end
    end
    p:on_any(log.on_value, log.on_error)
  end
  if log.serving then return nil, p end
  use_log(x)
  return nil, line_up(x, taker)
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

-- Run `f(...)` as a task for a source; `resume(v)` with what it gives.
function C.run_task(x, taker, resume, f, ...)
  local t = spawn(f, ...)
  local state, v = t:state()
  if state == "pending" then return work(x, taker, t, resume) end
  if state == "rejected" then error(v, 0) end
  if resume then return resume(v) end
  if v == nil then return ended(x) end
  return v
end

-- The source did not like what it got: ask it once more.
function C.again(x, taker)
  local log = x.log
  return log.source(x, taker)
end

---- Reading ---------------------------------------------------------------------

local ask_one

-- Nothing is buffered.
local function refill(s, taker)
  local log = s.log
  local source = log.source
  if not source or log.fetching then return nil, line_up(s, taker) end
  if s.shared or s.first then return ask_one(s, taker) end
  set_pull(s, source)
  return source(s, taker)
end

-- Whatever is not an element at the cursor.
local function pull_else(s, taker)
  if s.first and busy(s) then return nil, line_up(s, taker) end
  local v = front(s)
  if v == nil then return refill(s, taker) end
  if v == STOP then
    local box = error_at(s)
    if not box then
      s.drive = false
      return nil
    end
    drop(s)
    error(box[1], 0)
  end
  drop(s)
  return v
end

-- When an element is there, nobody is in line to take it.
local function pull_log(s, taker)
  local c, i = s.chunk, s.i
  local v = c[i]
  if v == nil or v == STOP then return pull_else(s, taker) end
  s.i = i + 1
  c[i] = nil
  return v
end

local function pull_shared(s, taker)
  local i = s.i
  local v = s.chunk[i]
  if v == nil or v == STOP then return pull_else(s, taker) end
  s.i = i + 1
  return v
end
C.pull_log, C.pull_shared = pull_log, pull_shared

local function pull_bounded(s, taker)
  if s.first and busy(s) then return nil, line_up(s, taker) end
  local v = front(s)
  if v == nil then return nil, line_up(s, taker) end
  if v == STOP then return nil end
  drop(s)
  return v
end

local key = lwt.new_key() -- see sections

-- `s.drive(s, sink, ride)`, where a stream has it, hands what is ready to `sink` in one
-- loop, until there is nothing, `sink` returns something true, or `ride.over`: what
-- whole-stream functions run on, with half the calls of pull. It never waits and never
-- ends a stream: who drives goes on with pull. A stream that stops being read directly
-- (somebody peeked, cloned it …) ends the ride that it is part of: see set_pull.

local function drive_log(s, sink, ride)
  if s.pull ~= pull_log then return end
  local outer = s.ride
  s.ride = ride
  while not ride.over do
    local c, i = s.chunk, s.i
    local v = c[i]
    if v == nil then
      v = front(s)
      if v == nil then break end
      c, i = s.chunk, s.i
    end
    if v == STOP then break end
    s.i = i + 1
    c[i] = nil
    if sink(v) then break end
  end
  s.ride = outer
end

-- Do for a request what can be done now; else it waits in line.
local function submit(s, req)
  local log = s.log
  local c, i = s.chunk, s.i
  if req.turn then
    if not busy(s) then
      C.enter(s, req.turn)
      req.done = true
    end
  elseif req.looks then
    -- Looks along what is buffered, without moving the cursor.
    if not busy(s) then
      while not req.done do
        local v = c[i]
        if v == STOP then
          local box = c.errors and c.errors[i]
          if not box then
            if req.finish then req.finish(req) end
            req.done = true
          elseif c == s.chunk and i == s.i then
            drop(s)
            req.failed, req.value, req.done = true, box[1], true
          else -- it is met when it is the next thing
            req.finish(req)
            req.done = true
          end
        elseif v ~= nil then
          local _, done = req.feed(req, v)
          req.done = done
          i = i + 1
        elseif c.next then
          c, i = c.next, c.start
        else
          break
        end
      end
      if not req.done and s.bound then s.bound.show(s.bound, req) end
    end
  elseif not busy(s) then
    while not req.done do
      local v = front(s)
      if v == nil then break end
      if v == STOP then
        local box = error_at(s)
        if box then
          drop(s)
          req.failed, req.value = true, box[1]
          if req.put_back then req.put_back(req) end
        elseif req.finish then
          req.finish(req)
        end
        req.done = true
        break
      end
      local taken, done = true, true
      if req.feed then taken, done = req.feed(req, v) else req.value = v end
      if taken then
        local section = s.section
        if section then section.record[#section.record + 1] = v end
        drop(s)
      elseif req.failed and req.put_back then
        req.put_back(req)
      end
      req.done = done
    end
  end
  if req.done then return end
  get_in_line(s, req)
  if log.source then
    use_log(s)
    run(log)
  end
end

-- The promise of a request.
local function ask(s, req)
  local section = s.section
  if section and not C.inside(section, get_local(key)) then
    return C.wait_outside(section, s, req)
  end
  submit(s, req)
  if not req.done then return promise_of(s, req) end
  if req.failed then return rejected(req.value) end
  return fulfilled(req.value)
end
C.ask = ask

-- One element for a pull that has to keep a shared log, or lookers, informed.
function ask_one(s, taker)
  local req = {}
  submit(s, req)
  if not req.done then
    if not taker or s.section then return nil, promise_of(s, req), req end
    req.log, req.on = taker, s
    return nil, req
  end
  if req.failed then error(req.value, 0) end
  return req.value
end

-- Elements that were taken, and not used after all, go back to the front: to those
-- in line first, then to whoever reads next.
function unread(s, items, n)
  local section = s.section
  if section then
    -- They are no longer taken.
    local record = section.record
    for k = n, 1, -1 do
      for j = #record, 1, -1 do
        if rawequal(record[j], items[k]) then
          remove(record, j)
          break
        end
      end
    end
  end
  local wakes = {}
  local kept = {}
  for k = 1, n do
    if not (s.first and offer(s, items[k], wakes)) then kept[#kept + 1] = items[k] end
  end
  if kept[1] ~= nil then
    kept.next, kept.start, kept.errors, kept.whole = s.chunk, s.i, false, false
    s.chunk, s.i = kept, 1
    if s.bound then s.bound.n = s.bound.n + #kept
    else use_log(s) end
  end
  if not s.first then demand(s.log) end
  wake_all(wakes)
end
C.unread = unread

---- Sections: several reads that belong together --------------------------------

-- Between `enter` and `leave` a stream belongs to one task and to what that task
-- starts (told by task-local storage); other readers wait until it is over. What
-- was taken meanwhile is known, and can be put back. Sections nest.

function C.inside(section, here)
  while here do
    if here.section == section then return true end
    here = here.up
  end
  return false
end
local inside = C.inside

function C.wait_outside(section, s, req)
  req.here = get_local(key) or false
  section.outside[#section.outside + 1] = req
  return promise_of(s, req)
end

local function pull_section(s)
  local section = s.section
  if not inside(section, get_local(key)) then
    local req = {}
    return nil, C.wait_outside(section, s, req), req
  end
  local record = section.record
  local n = #record
  local v, p, req = s.base(s)
  if v ~= nil and #record == n then record[n + 1] = v end
  return v, p, req
end

function C.enter(s, section)
  section.outside, section.record = {}, {}
  local up = s.section
  section.up = up
  if not up then s.base = s.pull end
  s.section = section
  s.pull = pull_section
  if s.ride then s.ride.over = true end
  -- Who was in line behind us waits outside.
  local req = s.first
  s.first, s.last, s.lined = false, false, 0
  while req do
    local nx = req.next
    if alive(req) then section.outside[#section.outside + 1] = req end
    req = nx
  end
end

local function leave(s, section, keep)
  local up = section.up
  s.section = up
  if not up then s.pull, s.base = s.base, false end -- else pull stays pull_section
  local record = section.record
  if keep then
    if up then table.move(record, 1, #record, #up.record + 1, up.record) end
  elseif record[1] ~= nil then
    -- Not through the enclosing section's record: it never had them.
    s.section = false
    if up then s.pull = s.base end
    unread(s, record, #record)
    if up then
      s.base = s.pull
      s.pull = pull_section
      s.section = up
    end
  end
  local outside = section.outside
  local served = {}
  for k = 1, #outside do
    local req = outside[k]
    if alive(req) then
      local now = s.section
      if now and (now ~= up or req.here ~= nil and not inside(up, req.here)) then
        now.outside[#now.outside + 1] = req
      else
        submit(s, req)
        if req.done then served[#served + 1] = req end
      end
    end
  end
  wake_all(served)
end

-- Run `f(s)` as a task in a section of its own, once those in line have been
-- served. With `rollback`, what it took is put back if it fails in any way.
function C.section(s, rollback, f)
  local section = {}
  local function start()
    local here = { section = section, up = get_local(key) }
    return with_value(key, here, spawn, f, s):try_bind(function(...)
      leave(s, section, true)
      return ...
    end, function(err)
      leave(s, section, not rollback)
      error(err, 0)
    end)
  end
  local outer = s.section
  if (not outer or inside(outer, get_local(key))) and not busy(s) then
    C.enter(s, section)
    return start()
  end
  local turn = { turn = section, feed = true, finish = function() C.enter(s, section) end }
  return ask(s, turn):bind(start)
end

---- Making ----------------------------------------------------------------------

local function new_stream(log, pull)
  return setmetatable({
    pull = pull, log = log, chunk = log.tail, i = log.n,
    shared = false, first = false, last = false, lined = 0, sweep_at = 16,
    section = false, base = false, bound = false, plain = false, upset = false, drive = false,
    ride = false,
  }, mt)
end

-- A stream that reads from `source`; `plain`: it calls plain callbacks (see read.lua).
function C.derive(source, plain)
  local s = new_stream(new_log(source), source)
  s.plain = plain or false
  return s
end

-- Lets a stream `d` with that source be driven, by driving what it reads: `stage(sink)`
-- gives the sink for that one.
function C.drivable(d, source, up, stage)
  if up.drive then
    d.drive = function(_, sink, ride)
      if d.pull ~= source then return end
      local outer = d.ride
      d.ride = ride
      up.drive(up, stage(sink), ride)
      d.ride = outer
    end
  end
  return d
end

-- A stream that is pushed to, its log, and the function that pushes. That one has the
-- end of the log in its upvalues, for speed.
function C.pushed()
  local log = new_log()
  local s = new_stream(log, pull_log)
  s.drive = drive_log
  local tail, n, waiting = log.tail, log.n, log.waiting
  local held = false -- the true `n`, while pushes take the long way
  function log.hold()
    if not held then held, n = n, SIZE + 1 end
  end
  function log.put(v)
    local i = held or n
    tail[i] = v
    if i < SIZE then
      i = i + 1
    else
      tail, i = next_chunk(log, tail), 1
    end
    if v == STOP then
      held, n = false, SIZE + 1 -- no place is left
    elseif waiting[1] then
      held, n = i, SIZE + 1
    else
      held, n = false, i
    end
  end
  log.tail = false
  local function push(v)
    if log.closed then error(lwt.Closed, 0) end
    if v == nil then
      ended(log)
    elseif waiting[1] then
      deliver(log, v)
    else
      log.put(v)
    end
  end
  return s, log, function(v)
    if v == nil or n >= SIZE then return push(v) end
    tail[n] = v
    n = n + 1
  end
end

C.deliver = deliver

function C.clone(s)
  local log = s.log
  log.shared = true
  s.shared = true
  set_pull(s, pull_shared)
  local twin = new_stream(log, pull_shared)
  twin.chunk, twin.i, twin.shared, twin.plain = s.chunk, s.i, true, s.plain
  return twin
end

---- Bounded ---------------------------------------------------------------------

-- `n` elements are in the log; who pushes more waits in `line` with its element.
local Bound = {}
Bound.__index = Bound

local function blocked(bound)
  local line, k = bound.line, bound.head
  while k < bound.stop do
    local entry = line[k]
    if entry.p:is_pending() then
      bound.head = k
      return entry
    end
    line[k] = nil
    k = k + 1
  end
  bound.head, bound.stop = 1, 1
  return nil
end
Bound.blocked = blocked

-- Where nothing may be buffered, the element of the first who waits to push.
function Bound.offered(bound)
  local entry = blocked(bound)
  return entry and entry.value
end

function Bound.take(bound)
  local entry = blocked(bound)
  bound.line[bound.head] = nil
  bound.head = bound.head + 1
  entry.r:wakeup_later()
end

-- Show what waits to be pushed to somebody who only looks.
function Bound.show(bound, req)
  local line = bound.line
  for k = bound.head, bound.stop - 1 do
    if req.done then return end
    local entry = line[k]
    if entry.p:is_pending() then
      local _, done = req.feed(req, entry.value)
      req.done = done
    end
  end
end

-- Let in who waits, as far as there is room.
function Bound.admit(bound)
  local log = bound.log
  local wakes = nil
  while bound.n < bound.size do
    local entry = blocked(bound)
    if not entry then break end
    bound.line[bound.head] = nil
    bound.head = bound.head + 1
    bound.n = bound.n + 1
    append(log, entry.value)
    entry.value = nil
    if wakes then wakes[#wakes + 1] = entry else wakes = { entry } end
  end
  if wakes then wake_all(wakes) end
end

local function sweep_line(bound)
  local line, n = {}, 0
  for k = bound.head, bound.stop - 1 do
    local entry = bound.line[k]
    if entry.p:is_pending() then
      n = n + 1
      line[n] = entry
    end
  end
  bound.line, bound.head, bound.stop, bound.sweep_at = line, 1, n + 1, 2 * n + 16
end

local done = fulfilled()

function Bound.push(bound, v)
  local log = bound.log
  if log.closed then return rejected(lwt.Closed) end
  local s = log.waiting[1]
  local wakes
  if s then
    wakes = {}
    local taken = offer(s, v, wakes)
    if taken then
      demand(log)
      wake_all(wakes)
      return done
    end
  end
  local p = done
  if bound.n < bound.size and not blocked(bound) then
    bound.n = bound.n + 1
    append(log, v)
  else
    local r
    p, r = task()
    local k = bound.stop
    bound.line[k] = { p = p, r = r, value = v }
    bound.stop = k + 1
    if k - bound.head > bound.sweep_at then sweep_line(bound) end
  end
  if wakes then
    if s.upset then calm(s, wakes) end
    demand(log)
    wake_all(wakes)
  end
  return p
end

function Bound.close(bound)
  local log = bound.log
  if log.closed then return end
  local wakes = {}
  local entry = blocked(bound)
  while entry do
    bound.line[bound.head] = nil
    bound.head = bound.head + 1
    wakes[#wakes + 1] = { r = entry.r, failed = true, value = lwt.Closed }
    entry = blocked(bound)
  end
  log.closed = true
  ended(log)
  wake_all(wakes)
end

function C.bounded(size)
  local log = new_log()
  local s = new_stream(log, pull_bounded)
  local bound = setmetatable({
    log = log, size = size, n = 0, line = {}, head = 1, stop = 1, sweep_at = 16,
  }, Bound)
  s.bound = bound
  return s, bound
end

return C
