-- What every stream is made of: a log of elements, cursors on it, readers in
-- line, and the source that is asked when there is nothing left.
--
--   log      elements that were produced and not read by everybody yet, in chunks
--            linked forwards only: a chunk that no cursor can reach is garbage, so that
--            the function that pushes keeps the last chunk alive and never the stream.
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
-- Always true: when a reader is in line to take an element, nothing is buffered; at most one fetch
-- of a source is under way; state is changed first, promises are woken after that.

local lwt = require "lwt"
local core = require "lwt.core"
local C = require "lwt.stream.fetch"

local STOP, HOLD, new_log = C.STOP, C.HOLD, C.new_log
local SIZE <const> = 64
assert(C.SIZE == SIZE)
local front, drop, error_at, set_pull, use_log = C.front, C.drop, C.error_at, C.set_pull, C.use_log
local busy, demand, get_in_line, fresh = C.busy, C.demand, C.get_in_line, C.fresh
local promise_of, prepare, reserve = C.promise_of, C.prepare, C.reserve
local tell, desk_of = C.tell, C.desk_of
local look_again, show_lookers, calm = C.look_again, C.show_lookers, C.calm
local offer, line_up, run, unfold = C.offer, C.line_up, C.run, C.unfold
local roomy = core.roomy -- calls where no call of another function runs a finalizer
local try = core.try
local hand = core.hand -- pcall for a plain callback, and see core.lost
local deliver, spread, ended, mt = C.deliver, C.spread, C.ended, C.mt
local guard, raise = core.guard, core.raise -- pcall and error, which keep the trace
local due = require "lwt.internal.due"
local waiter, wake, hold_pushes = core.waiter, core.wake, C.hold_pushes
local fulfilled, rejected, get_local = lwt.fulfilled, lwt.rejected, lwt.get
local setmetatable, error, rawequal = setmetatable, error, rawequal
local remove = table.remove
local any_due, cancel_due, later = due.any, due.cancel_due, due.later

---- Reading ---------------------------------------------------------------------

local ask_one

-- Nothing is buffered. (`p`: a waiter that is there already.)
local function refill(s, taker, p)
  local log = s.log
  local source = log.source
  if source and log.fetching then fresh(log) end
  if not source or log.fetching then return line_up(s, taker, p) end
  if s.shared or s.first or s.solo then return ask_one(s, taker) end
  set_pull(s, source)
  return source(s, taker)
end

-- Whatever is not an element at the cursor.
local function pull_else(s, taker, p)
  if (s.first or s.solo) and busy(s) then return line_up(s, taker, p) end
  local v = front(s)
  if v == nil then return refill(s, taker, p) end
  if p then wake(p) end -- nobody knows it
  if v == STOP then
    local box = error_at(s)
    if not box then return nil end
    drop(s)
    error(box[1], 0)
  end
  drop(s)
  return v
end

-- When an element is there, no reader is in line to take it.
local function pull_log(s, taker)
  local c, i = s.chunk, s.i
  local v = c[i]
  if v == nil then
    local log = s.log
    if taker or log.source or log.closed or c.next then return pull_else(s, taker) end
    -- Nothing but to wait, as a rule. The memory for that comes before the last look: see line_up.
    local p = waiter()
    if not log.held then
      hold_pushes(log)
      log.taker = log.taker or false -- (its place is there)
    end
    if s.chunk ~= log.tail or s.i ~= log.n or log.closed or s.first or s.solo
      or s.pull ~= pull_log then
      return pull_else(s, taker, p)
    end
    s.solo, log.taker = p, s
    return nil, p
  end
  s.i = i + 1
  c[i] = nil
  return v
end

local function pull_shared(s, taker)
  local i = s.i
  local v = s.chunk[i]
  if v == nil then return pull_else(s, taker) end
  s.i = i + 1
  return v
end

-- Of a clone whose readers are about to be served: see `spread`.
local function pull_lined(s, taker)
  if busy(s) then return line_up(s, taker) end
  use_log(s)
  return s.pull(s, taker)
end
C.pull_log, C.pull_shared, C.pull_lined = pull_log, pull_shared, pull_lined

local key = lwt.new_key() -- see section.lua
C.key = key

-- Looks along what is buffered, without moving the cursor, from the place (c, i) on; gives where it
-- went on. An error is met when it is the next thing.
local function look(s, req, c, i)
  while not req.done do
    local v = c[i]
    local box = v == nil and c.errors and c.errors[i]
    if v ~= nil then
      local _, done = req.feed(req, v)
      req.done = done
      i = i + 1
      if s.lent then s.lent() end -- feed may have read
    elseif not box and c.next then
      c, i = c.next, c.start or 1
    elseif box and c == s.chunk and i == s.i then
      drop(s)
      req.failed, req.value, req.done = true, box[1], true
    elseif box or s.log.ended then
      if req.finish then req.finish(req) end
      req.done = true
    else
      break
    end
  end
  return c, i
end

-- The same, and then what waits to be let in.
local function see(s, req, c, i)
  look(s, req, c, i)
  local bound = s.log.bound
  if bound and not req.done then bound.show(bound, req) end
end

-- Those in line that only look begin again, with what is there now.
function C.look_anew(s)
  if look_again(s) then show_lookers(s, see, s.chunk, s.i) end
end

-- Asks the function of a request about `v`, at the front. Who is asked, or a finalizer, may read: then
-- it is not for the request.
local function ask_about(s, req, v)
  local taken, done = req.feed(req, v)
  if taken and not rawequal(front(s), v) then
    local items = req.items
    if items then items[items.n], items.n = nil, items.n - 1
    elseif req.want then req.want = req.want + 1 end
    req.value, done = nil, false
  elseif taken then
    local section = s.section
    if section then section.record[#section.record + 1] = v end
    drop(s)
  elseif req.failed and req.put_back then
    req.put_back(req)
  end
  req.done = done
end

-- Takes what is there.
local function take(s, req)
  while not req.done do
    local v = front(s)
    if v == nil then return end
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
      return
    end
    if req.feed then
      ask_about(s, req, v)
    else
      local section = s.section
      if section then section.record[#section.record + 1] = v end
      req.value, req.done = v, true
      drop(s)
    end
  end
end

-- Do for a request what can be done now, and give true if that is all; else it waits in line. What
-- that takes may run a finalizer, which may push: after that it looks once more, until nothing was
-- missing (or a finalizer takes it away each time).
local function submit(s, req)
  local log, c, i = s.log, nil, nil
  if s.lent then s.lent() end
  if req.again and s.looked == nil then s.looked = false end -- (its place is there)
  for round = 1, 8 do
    if req.looks then
      if c or not busy(s) then
        if not c then
          front(s) -- into the chunk that the next thing is in
          c, i = s.chunk, s.i
        end
        c, i = look(s, req, c, i)
      end
    elseif not busy(s) then
      if req.turn then
        C.enter(s, req.turn)
        req.done = true
      else
        take(s, req)
      end
    end
    if req.done then return true end
    if round == 1 and log.fetching then fresh(log) end
    if not prepare(s) then break end
  end
  if req.looks and c and log.bound then
    log.bound.show(log.bound, req)
    if req.done then return true end
  end
  if req.again then s.looked = true end
  if not log.source then return get_in_line(s, req) end
  use_log(s)
  get_in_line(s, req)
  hand(log.desk, run, log)
end

-- The promise of a request that is served already.
local function served(req)
  if req.failed then return rejected(req.value) end
  if req.mute then return fulfilled() end
  return fulfilled(req.value)
end

local function submit_and_serve(s, req)
  submit(s, req)
  local p = not req.done and promise_of(s, req)
  return p or served(req)
end

-- The promise of a request.
local function ask(s, req)
  if any_due[1] and not req.looks and cancel_due() then return later(ask, s, req) end
  local section = s.section and C.section_of(s)
  local p
  if section and not C.inside(section, get_local(key)) then
    p = C.wait_outside(section, s, req)
  elseif req.put_back then
    local ok
    ok, p = try(submit_and_serve, s, req)
    if ok then return p end
    req.done = true -- there was no memory: what it has taken goes back
    req.put_back(req)
    raise(p)
  else
    return roomy(submit_and_serve, s, req)
  end
  return p or served(req)
end
C.ask = ask

-- One element for a pull that has to keep a shared log, or lookers, informed.
function ask_one(s, taker)
  -- (With all places that it may need: it is in line before it is known what it is.)
  local req = {
    p = nil, log = nil, on = nil, next = nil, done = nil, failed = nil, value = nil, new = nil,
  }
  submit(s, req)
  if not req.done then
    if taker and not s.section then
      req.log, req.on, req.new = taker, s, true
      return nil, req
    end
    local p = promise_of(s, req)
    if p then return nil, p, req end
  end
  if req.failed then raise(req.value) end
  return req.value
end

local function put_back(s, items, n)
  if s.lent then s.lent() end
  if s.solo then unfold(s) end
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
  local kept = {}
  local c, i = s.chunk, s.i
  local again = s.first and look_again(s)
  for k = 1, n do
    -- (What somebody has failed over is behind what is his, and so are those that follow it.)
    if s.upset or not (s.first and offer(s, items[k])) then kept[#kept + 1] = items[k] end
  end
  if kept[1] ~= nil then
    kept.next, kept.start, kept.errors, kept.whole = s.chunk, s.i, false, false
    s.chunk, s.i = kept, 1
    local bound = s.log.bound
    if bound then bound.n = bound.n + #kept
    else use_log(s) end
  end
  if again then show_lookers(s, see, c, i) end
  if s.upset then calm(s) end
end

-- The same while somebody is in line. What one of them who is asked about it pushes comes after it.
local function put_back_to_line(s, items, n)
  put_back(s, items, n)
  local waiting = s.log.waiting
  for k = #waiting, 1, -1 do
    if waiting[k] then C.serve(waiting[k]) end
  end
end

local function put_back_and_tell(s, items, n)
  local log = s.log
  if log.spreading or not (s.first or s.solo) then
    put_back(s, items, n)
  else
    log.spreading = true
    local ok, err = guard(put_back_to_line, s, items, n)
    log.spreading = false
    if not ok then raise(err) end
  end
  local desk = log.desk
  if not (desk and desk.first) then return end
  if log.fetching then C.set_eager(log) end
  if not s.first then demand(log) end
  tell(desk)
end

-- Elements that were taken, and not used after all, go back to the front: to the readers in line
-- first, then to later reads.
local function unread(s, items, n)
  if n > 0 then roomy(put_back_and_tell, s, items, n) end
end
C.unread = unread

---- Making ----------------------------------------------------------------------

-- As in a log, fields that most streams never need are nil until then: `last`, `lined`, `looked` and
-- `sweep_at` of the line, `upset`; `base` of a section; `stage` and `lent`
-- (see fuse.lua).
local function new_stream(log, pull)
  return setmetatable({
    pull = pull, log = log, chunk = log.tail, i = log.n,
    shared = false, first = false, solo = false, section = false,
  }, mt)
end

-- A stream that reads from `source`, whose reads may overlap.
function C.derive_free(source) return new_stream(new_log(source), source) end

-- One whose reads do not; see `alone` in fetch.lua.
function C.derive(source) return C.derive_free(C.alone(source)) end

-- A stream whose log is written by its maker, and its log.
function C.stored()
  local log = new_log()
  return new_stream(log, pull_log), log
end

local function close(log)
  local ok, err = hand(desk_of(log), ended, log)
  if not ok and not log.ended then raise(err) end
end

C.close = close

local function push_to_many(log, v)
  local ok, err = hand(desk_of(log), spread, log, v)
  if not ok then raise(err) end
end

-- Where it raises, for want of memory, the element may have been taken; see core.lost.
local function push_slowly(log, v)
  if log.closed then raise(lwt.Closed) end
  if v == nil then return close(log) end
  roomy(deliver, log, v, push_to_many)
end

local AWAY <const> = SIZE + 2

-- A stream that is pushed to, and the function that pushes. That one has the end of the
-- log in its upvalues, for speed; while `n` is AWAY (and `log.held`) it is in the log.
function C.pushed()
  local log = new_log()
  local tail, n, slow = log.tail, log.n, false
  local push
  function push(v, hold)
    local i = n
    if v and i <= SIZE then
      tail[i] = v
      n = i + 1
      return
    end
    local s = log.taker
    if s and v ~= nil then
      local p = s.solo
      local told = wake(p, v)
      if s.solo == p then s.solo, log.taker = false, false end
      if told then return end
      return push(v, hold) -- it was cancelled
    end
    if i ~= AWAY then
      log.tail, log.n, log.held = tail, i, true
      tail, n = false, AWAY
    end
    if hold == HOLD then return end
    if log.n > SIZE then
      reserve(log)
      if n ~= AWAY then return push(v) end -- a finalizer has pushed, and been faster
    end
    local before, nested = log.n, slow
    slow = true
    push_slowly(log, v)
    if nested then return end -- whoever pushes has yet to decide where that goes
    slow = false
    -- If it was handed over, the next one will be, too. (The reader that was woken may have
    -- pushed.)
    if n == AWAY and log.n ~= before and not (log.taker or log.waiting[1] or log.closed) then
      tail, n, log.held = log.tail, log.n, false
    end
  end
  log.hold = push
  return new_stream(log, pull_log), push
end

function C.clone(s)
  local log = s.log
  if s.lent then s.lent() end
  if s.solo then unfold(s) end
  log.shared = true
  s.shared = true
  set_pull(s, pull_shared)
  local twin = new_stream(log, pull_shared)
  twin.chunk, twin.i, twin.shared = s.chunk, s.i, true
  return twin
end

C.submit, C.new_stream = submit, new_stream

require "lwt.stream.section"
require "lwt.stream.bounded"

return C
