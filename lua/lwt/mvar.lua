-- lwt.mvar: a cell that holds one value or none, for handing values from task to task.
--
-- Always holds: putters wait only while the cell is full, takers only while it is empty (or for a
-- turn, see take_later); a value that is put is stored, handed to one taker, waiting with its
-- putter, or gone with the putter that was cancelled: never twice, never lost.
-- The oldest waiter is in the mvar itself (`taker`, `putter` with its value), which is all that
-- two tasks need; those behind it are in a ring. `false` stands for none.

local lwt = require "lwt"
local args = require "lwt.args"
local core = require "lwt.core"
local waiters = require "lwt.waiters"

local fulfilled, waiter, wake = lwt.fulfilled, core.waiter, core.wake
local cancel_due = core.cancel_due
local push, shift = waiters.push, waiters.shift
local getmetatable, is_pending = getmetatable, lwt.is_pending

---@class lwt.Mvar
local M = {}
local mvar = { __name = "lwt.mvar", __index = M }
local done = fulfilled()

function mvar.__tostring(m)
  return ("lwt.mvar (%s): %p"):format(m.full and "full" or "empty", m)
end

--- Makes an mvar: a cell that is empty, or holds one value. Several tasks may put and take at
--- once; they are served in the order in which they came.
--- With a value other than nil the cell starts full, without it empty.
---@param value any what the cell holds at first
---@return lwt.Mvar
--- ```lua
--- local m = mvar.create()
--- lwt.spawn(function() for i = 1, 3 do await(m:put(i)) end end)
--- print(await(m:take()), await(m:take()), await(m:take()))   --> 1 2 3
--- ```
function M.create(value)
  return setmetatable({
    full = value ~= nil,
    value = value,
    taker = false,
    takers = waiters.new(),
    putter = false,
    putter_value = nil,
    putters = waiters.new(),
  }, mvar)
end

--- Puts a value into the cell. When it is empty, the promise is fulfilled at once, and the
--- value goes straight to the oldest waiting taker, if there is one. When it is full, the
--- promise waits until the value has found room; cancelling it takes the value back.
--- Any value may be put: nil, and a promise, which stays what it is.
---@param m lwt.Mvar
---@param value any
---@return lwt.Promise # fulfilled without a value
--- ```lua
--- local m = mvar.create("old")
--- local p = m:put("new")
--- print(p:state())          --> pending
--- print(await(m:take()))    --> old
--- print(await(m:take()))    --> new
--- ```
function M.put(m, value)
  if getmetatable(m) ~= mvar then args.wrong(1, "put", "lwt.mvar", m) end
  if not m.full then
    local p = m.taker
    while p do
      local behind = m.takers
      m.taker = behind.n > 0 and shift(behind)
      if wake(p, value) then return done end
      p = m.taker
    end
    m.full, m.value = true, value
    return done
  end
  local p = waiter()
  if m.putter then
    push(m.putters, p, value)
  else
    m.putter, m.putter_value = p, value
  end
  return p
end

-- Empty the full cell; the oldest waiting putter's value moves in.
local function empty(m)
  local value, p = m.value, m.putter
  while p do
    m.value = m.putter_value
    local behind = m.putters
    if behind.n > 0 then
      m.putter, m.putter_value = shift(behind)
    else
      m.putter, m.putter_value = false, nil
    end
    if wake(p) then return value end
    p = m.putter
  end
  m.full, m.value = false, nil
  return value
end

local function wait_to_take(m)
  local p = waiter()
  if m.taker then
    push(m.takers, p, false)
  else
    m.taker = p
  end
  return p
end

-- Give what is in the cell to the takers that have waited for a turn.
local function serve(m)
  while m.full and m.taker do
    local p, value, behind = m.taker, m.value, m.takers
    m.taker = behind.n > 0 and shift(behind)
    if is_pending(p) then
      empty(m)
      wake(p, value)
    end
  end
end

-- Taken at once in a task whose next await will raise, a value would be lost: nobody would be
-- told of it. So such a taker waits for a turn; awaiting withdraws it again.
local function take_later(m)
  local p = wait_to_take(m)
  lwt.pause():on_success(function() serve(m) end)
  return p
end

--- Takes the value out of the cell. When it is empty, the promise waits for one; cancelling it
--- withdraws the taker, and the next value goes to the next one. Taking lets the oldest
--- waiting `put` in.
---@param m lwt.Mvar
---@return lwt.Promise # of the value
--- ```lua
--- local m = mvar.create()
--- local p = m:take()
--- m:put("hello")
--- print(await(p))          --> hello
--- print(m:is_empty())      --> true
--- ```
function M.take(m)
  if getmetatable(m) ~= mvar then args.wrong(1, "take", "lwt.mvar", m) end
  if m.full then
    if m.taker then serve(m) end
    if m.full then
      if cancel_due() then return take_later(m) end
      return fulfilled(empty(m))
    end
  end
  return wait_to_take(m)
end

--- Takes the value out of the cell if there is one, without waiting.
---@param m lwt.Mvar
---@return any value nil when the cell is empty
---@return boolean found tells a nil that was in the cell from an empty one
--- ```lua
--- local m = mvar.create(7)
--- print(m:take_available())   --> 7 true
--- print(m:take_available())   --> nil false
--- ```
function M.take_available(m)
  if getmetatable(m) ~= mvar then args.wrong(1, "take_available", "lwt.mvar", m) end
  if m.taker then serve(m) end
  if m.full then return empty(m), true end
  return nil, false
end

--- Whether the cell holds nothing. That it is empty does not mean that a value put now would
--- stay in it: takers may be waiting.
---@param m lwt.Mvar
---@return boolean
--- ```lua
--- print(mvar.create():is_empty(), mvar.create(1):is_empty())   --> true false
--- ```
function M.is_empty(m)
  if getmetatable(m) ~= mvar then args.wrong(1, "is_empty", "lwt.mvar", m) end
  return not m.full
end

return M
