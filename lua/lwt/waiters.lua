-- Internal: who is waiting, first come, first served. Used by the locks, mvar and pool.
--
-- A waiter is a pending promise, its resolver and one value that it brings along. One that
-- is cancelled stays in its place, dead, until somebody comes across it: that saves a
-- closure per waiter. The dead are bounded all the same: they are swept out whenever the
-- ring is full, and it grows only when more than half of it is alive.
-- `n` counts the dead as well: it is 0 only when nobody waits; `count` is exact.

local lwt = require "lwt"

local is_pending = lwt.is_pending

local M = {}

-- Slot i of the ring has its promise, resolver and value at 3*i+1, +2 and +3. The ring is
-- made when the first waiter comes: most locks never see one.
function M.new()
  return { n = 0, head = 0, size = 0 }
end

-- Move the living, in order, into a fresh ring of `size` slots.
local function rebuild(q, size)
  local old, fresh = q, {}
  local mask, n = old.size - 1, 0
  for i = 1, 3 * size do fresh[i] = false end
  for i = 0, old.n - 1 do
    local at = 3 * ((old.head + i) & mask)
    local p = old[at + 1]
    if is_pending(p) then
      local to = 3 * n
      fresh[to + 1], fresh[to + 2], fresh[to + 3] = p, old[at + 2], old[at + 3]
      n = n + 1
    end
  end
  for i = 3 * size + 1, 3 * old.size do q[i] = nil end
  for i = 1, 3 * size do q[i] = fresh[i] end
  q.n, q.head, q.size = n, 0, size
end

-- The number of those who still wait.
function M.count(q)
  local n, mask = 0, q.size - 1
  for i = 0, q.n - 1 do
    if is_pending(q[3 * ((q.head + i) & mask) + 1]) then n = n + 1 end
  end
  if n == 0 then M.drop(q) end
  return n
end

-- Forget everybody, and the ring where it has grown large.
function M.drop(q)
  if q.size > 64 then
    for i = 3 * q.size, 1, -1 do q[i] = nil end
    q.size = 0
  else
    for i = 1, 3 * q.size do q[i] = false end
  end
  q.n, q.head = 0, 0
end

function M.push(q, p, r, value)
  local n, size = q.n, q.size
  if n == size then
    if size == 0 then
      rebuild(q, 2)
    else
      local live = M.count(q)
      rebuild(q, live > size // 2 and size * 2 or size)
    end
    n, size = q.n, q.size
  end
  local at = 3 * ((q.head + n) & (size - 1))
  q[at + 1], q[at + 2], q[at + 3] = p, r, value
  q.n = n + 1
end

-- Take the oldest who still waits: its resolver and its value, or nil.
function M.pop(q)
  local n, head = q.n, q.head
  while n > 0 do
    local at = 3 * head
    local p, r, value = q[at + 1], q[at + 2], q[at + 3]
    q[at + 1], q[at + 2], q[at + 3] = false, false, false
    head, n = (head + 1) & (q.size - 1), n - 1
    q.head, q.n = head, n
    if n == 0 and q.size > 64 then M.drop(q) end
    if is_pending(p) then return r, value end
  end
end

return M
