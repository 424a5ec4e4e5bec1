-- Internal: who is waiting, first come, first served. Used by the locks, mvar and pool.
--
-- A waiter is a pending promise (core.waiter) and one value that it brings along. One that is
-- cancelled stays in its place, dead, until it is the first or the ring is swept: that saves a
-- closure per waiter. The dead are bounded all the same: they are swept out whenever the ring is
-- full, and it grows only when more than half of it is alive. `n` counts the dead as well; where it
-- is 0 there is no waiter. `count` is exact.

local lwt = require "lwt"
local core = require "lwt.core"

local is_pending, wake = lwt.is_pending, core.wake

local M = {}

-- The waiter at place i of the ring has its promise at [2*i+1], its value at [2*i+2]. The ring
-- is made when the first waiter comes: most locks never see one.
function M.new()
  return { n = 0, head = 0, size = 0 }
end

-- Move the living, in order, to the front of a ring of `size` places (a power of two). `fresh` is
-- an empty table to collect them in; without it nobody is alive. That is made before anything is
-- read: to make a table may run a finalizer, which may use the ring. What follows runs none.
local function rebuild(q, size, fresh)
  local n, mask = 0, q.size - 1
  for i = 2 * q.size + 1, 2 * size do q[i] = false end
  for i = 0, fresh and q.n - 1 or -1 do
    local at = 2 * ((q.head + i) & mask)
    if is_pending(q[at + 1]) then
      fresh[2 * n + 1], fresh[2 * n + 2] = q[at + 1], q[at + 2]
      n = n + 1
    end
  end
  for i = 1, 2 * n do q[i] = fresh[i] end
  for i = 2 * n + 1, 2 * size do q[i] = false end
  for i = 2 * size + 1, 2 * q.size do q[i] = nil end
  q.n, q.head, q.size = n, 0, size
end

-- Is there a waiter? Drops the dead in front.
function M.any(q)
  while q.n > 0 do
    if is_pending(q[2 * q.head + 1]) then return true end
    M.shift(q)
  end
  return false
end

-- The number of waiters that are alive: looks at all. A user that needs it often counts by itself.
function M.count(q)
  local live, mask = 0, q.size - 1
  for i = 0, q.n - 1 do
    if is_pending(q[2 * ((q.head + i) & mask) + 1]) then live = live + 1 end
  end
  if live == 0 and q.n > 0 then rebuild(q, q.size > 64 and 2 or q.size) end
  return live
end

-- Room for another waiter: the next push asks for no memory, which may run a finalizer.
local function make_room(q)
  if q.n < q.size and (q.n > 0 or q.size <= 64) then return end
  local fresh = q.n > 0 and {}
  local live = M.count(q)
  local size = q.size -- (the count gives it back where nobody is alive)
  if live > size // 2 then
    size = 2 * size
  elseif size == 0 or size > 64 and live == 0 then
    size = 2 -- (the memory of a large ring is given back)
  end
  rebuild(q, size, fresh)
end

M.make_room = make_room

function M.push(q, p, value)
  local n, size = q.n, q.size
  if n == size or n == 0 and size > 64 then
    make_room(q)
    n, size = q.n, q.size
  end
  local at = 2 * ((q.head + n) & (size - 1))
  q[at + 1], q[at + 2] = p, value
  q.n = n + 1
end

-- Take the oldest out, dead or alive: its promise and its value; nil when there is none.
local function shift(q)
  local n = q.n
  if n == 0 then return nil end
  local head = q.head
  local at = 2 * head + 1
  local p, value = q[at], q[at + 1]
  q[at], q[at + 1] = false, false
  q.n, q.head = n - 1, (head + 1) & (q.size - 1)
  if n == 1 and q.size > 64 then rebuild(q, 2) end
  return p, value
end
M.shift = shift

-- `f(value)` for each waiter that is alive, the oldest first, until it gives true.
function M.each(q, f)
  for i = 0, q.n - 1 do
    local at = 2 * ((q.head + i) & (q.size - 1)) + 1
    if is_pending(q[at]) and f(q[at + 1]) then return end
  end
end

-- A waiter that has been told leaves the queue, unless a callback has taken it out. That needs neither
-- a call nor memory. So where these functions raise, no waiter was told, and where one was told, they
-- do not raise.
--
-- Tell the oldest, dead or alive, by `how` (core.wake or core.wake_exn): was it still alive?
function M.wake_oldest(q, how, ...)
  local head = q.head
  local at = 2 * head + 1
  local p = q[at]
  local told = how(p, ...)
  if q[at] == p then
    q[at], q[at + 1] = false, false
    q.n, q.head = q.n - 1, (head + 1) & (q.size - 1)
  end
  return told
end

-- Fulfil the oldest waiter that is alive with these values; false when there is none. Every unlock
-- calls it.
function M.wake(q, ...)
  while q.n > 0 do
    local head = q.head
    local at = 2 * head + 1
    local p = q[at]
    local told = wake(p, ...)
    if q[at] == p then
      q[at], q[at + 1] = false, false
      q.n, q.head = q.n - 1, (head + 1) & (q.size - 1)
    end
    if told then return true end
  end
  return false
end

return M
