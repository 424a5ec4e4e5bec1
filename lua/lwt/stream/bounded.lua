-- Bounded streams.

local lwt = require "lwt"
local C = require "lwt.stream.log" -- and what core.lua has added to it

local STOP, append, new_log, new_stream = C.STOP, C.append, C.new_log, C.new_stream
local front, drop, busy, demand, line_up = C.front, C.drop, C.busy, C.demand, C.line_up
local offer, calm, wake, wake_all, ended = C.offer, C.calm, C.wake, C.wake_all, C.ended
local waiter, fulfilled, rejected = require "lwt.core".waiter, lwt.fulfilled, lwt.rejected
local setmetatable = setmetatable

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
  entry.value = nil
  wake(entry)
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

local function pull_bounded(s, taker)
  if s.first and busy(s) then return nil, line_up(s, taker) end
  local v = front(s)
  if v == nil then return nil, line_up(s, taker) end
  if v == STOP then return nil end
  drop(s)
  return v
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
    p = waiter()
    local k = bound.stop
    bound.line[k] = { p = p, value = v }
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
    wakes[#wakes + 1] = { p = entry.p, failed = true, value = lwt.Closed }
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
