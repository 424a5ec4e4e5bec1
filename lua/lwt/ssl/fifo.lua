-- Internal: a queue whose entries may leave from the middle.

local Fifo = {}
Fifo.__index = Fifo

-- (The place first: without memory for it nothing has changed.)
function Fifo.push(q, entry)
  q[q.last + 1] = entry
  q.last = q.last + 1
end

-- In front of all others.
function Fifo.put_back(q, entry)
  if entry.left then return end
  q[q.head - 1] = entry
  q.head = q.head - 1
end

-- The first of those that have not left.
function Fifo.first(q)
  while q.head <= q.last do
    local entry = q[q.head]
    if not entry.left then return entry end
    q[q.head] = nil
    q.head = q.head + 1
  end
  q.head, q.last = 1, 0
  return nil
end

function Fifo.pop(q)
  local entry = q:first()
  if entry then
    q[q.head] = nil
    q.head = q.head + 1
  end
  return entry
end

function Fifo.remove(_, entry) entry.left = true end

-- Is f true of one of those that have not left?
function Fifo.any(q, f)
  for i = q.head, q.last do
    if not q[i].left and f(q[i]) then return true end
  end
  return false
end

function Fifo.is_empty(q) return q:first() == nil end

local M = {}

function M.new() return setmetatable({ head = 1, last = 0 }, Fifo) end

return M
