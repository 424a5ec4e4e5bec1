--- A bounded set of resources (connections, say), made when needed and used in turn.
---
--- ```lua
--- local pool = require "lwt.pool"
--- local made = 0
--- local connections = pool.create(2, function()
---   made = made + 1
---   return { id = made }
--- end)
--- local function query(c)
---   await(lwt.sleep(0.001))
---   return c.id
--- end
--- await(lwt.join { connections:use(query), connections:use(query), connections:use(query) })
--- print(made)                               --> 2
--- ```

-- The pool has `max` slots; a slot holds an element or is empty, and is used by one task at a
-- time. Waiting is for a slot, not for an element: a task that gets an empty slot, because an
-- element was disposed of or could not be made, makes a new one. So no waiter is forgotten or
-- overtaken, and no failure costs the pool a slot. Always holds: there are waiters only while all
-- slots are in use; count = slots in use + idle.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local core = require "lwt.core"
local follow = require "lwt.internal.follow"
local waiters = require "lwt.internal.waiters"

local await, spawn = lwt.await, lwt.spawn
local getmetatable = getmetatable

---@class lwt.Pool<E>
local M = {}
local pool = { __name = "lwt.pool", __index = M }
local known = { validate = "function", check = "function", dispose = "function" }

---@class lwt.pool.Options
---@field validate? fun(element: any): boolean
---@field check? fun(element: any, is_ok: fun(ok: boolean)): boolean?
---@field dispose? fun(element: any)

function pool.__tostring(p)
  return ("lwt.pool (%d of %d): %p"):format(p.count, p.max, p)
end

--- Makes a pool of at most `n` elements. `create()` makes one when a user needs it.
--- The functions may await or return a promise:
--- `validate(element)` is asked before an element is used again: false disposes of it and makes
--- a new one; when it raises, the element is disposed of and the user gets the error.
--- `check(element, is_ok)` is asked when a user's function has failed: true keeps the element,
--- false disposes of it (it may return the answer, or call `is_ok(answer)` as in Lwt); without
--- it the element is kept.
--- `dispose(element)` releases it. When it raises, the task that caused it gets the error; the
--- element is gone all the same, and the next waiter makes another.
---@generic E
---@param n integer at least 1
---@param create async fun(): lwt.Promise<E>|E
---@param opts? lwt.pool.Options
---@return lwt.Pool<E>
--- ```lua
--- local made = 0
--- local p = pool.create(2, function()
---   made = made + 1
---   return { id = made }
--- end)
--- local jobs = {}
--- for i = 1, 10 do jobs[i] = p:use(function(c) lwt.yield() return c.id end) end
--- await(lwt.join(jobs))
--- print(made)   --> 2
--- ```
function M.create(n, create, opts)
  n = args.integer(1, "create", n)
  if n < 1 then args.bad(1, "create", "must be at least 1") end
  args.check_callable(2, "create", create)
  opts = args.options(3, "create", opts, known)
  local p = {
    max = n,
    count = 0,
    waiting = 0, -- how many wait for a slot
    idle_first = false, -- slots with an element that is not in use, oldest first, by slot.next
    idle_last = false,
    cleared = 0, -- how often it was cleared: older elements are not used again
    queue = waiters.new(),
    spare = false, -- the turn of a use that is over, for another one
    make = create,
    validate = opts.validate,
    check = opts.check,
    dispose = opts.dispose,
  }
  -- Called for each that is cancelled.
  p.withdraw = function() p.waiting = p.waiting - 1 end
  return setmetatable(p, pool)
end

-- Take a slot, one with an element if possible; nil when all are in use.
local function take(p)
  local slot = p.idle_first
  if slot then
    p.idle_first, slot.next = slot.next, false
    if not p.idle_first then p.idle_last = false end
    return slot
  elseif p.count < p.max then
    -- (Three places for `owing`, and one for all that is ever put there: that needs no memory then.)
    slot = { false, false, 0, pool = p, full = false, element = false, next = false, cleared = 0 }
    if p.count == p.max then return take(p) end -- a finalizer has taken the last place
    p.count = p.count + 1
    return slot
  end
end

-- Give a slot back: the oldest waiter gets it as it is; in a later turn of the loop, where there is
-- no memory for it.
local function put_back(slot)
  local p = slot.pool
  if p.waiting > 0 then
    if waiters.wake(p.queue, slot) then
      p.waiting = p.waiting - 1
      return
    end
    p.waiting = 0 -- one that was withdrawn without the memory to say so
  end
  if not slot.full then
    p.count = p.count - 1
  elseif p.idle_last then
    p.idle_last.next, p.idle_last = slot, slot
  else
    p.idle_first, p.idle_last = slot, slot
  end
end
local release = core.owing(put_back)

-- Wait for a slot. If this task ends meanwhile, place_type below gives the slot back.
local function wait_for_slot(p, turn)
  local promise = core.waiter()
  promise:on_cancel(p.withdraw)
  waiters.push(p.queue, promise, false)
  p.waiting, turn.promise = p.waiting + 1, promise -- all that can fail has been done
  -- A finalizer may have given a slot back meanwhile: that is the oldest waiter's.
  local slot = (p.idle_first or p.count < p.max) and take(p)
  if slot then release(slot) end
  return await(promise)
end

-- Empty the slot and dispose of what was in it, to the end, also in a task that is cancelled.
local function discard(p, slot)
  local element = slot.element
  slot.full, slot.element = false, nil
  if p.dispose then lwt.shield(p.dispose, element) end
end

-- Put a valid element into the slot.
local function prepare(p, slot)
  if slot.full then
    if not p.validate or follow(p.validate(slot.element)) then return end
    discard(p, slot)
  end
  local cleared = p.cleared
  local element = follow(p.make())
  slot.full, slot.element, slot.cleared = true, element, cleared
end

-- Is the element of a user's function that failed still good?
local function still_good(p, element)
  if not p.check then return true end
  local said
  local answer = lwt.shield(p.check, element, function(ok) said = ok end)
  if said ~= nil then return said end
  return answer
end

-- What happens when a user leaves, on whichever way; `turn.at` says how far it came.
local function leave(turn)
  local p, slot = turn.pool, turn.slot
  if not slot.full then return end
  local keep = turn.at == "done" or turn.at == "using" and still_good(p, slot.element)
  if not keep or slot.cleared ~= p.cleared then discard(p, slot) end
end

local turn_type = {
  __close = function(turn)
    local slot = turn.slot
    if not slot then return end -- it never had one
    if turn.at == "done" and slot.cleared == turn.pool.cleared then
      turn.left = true
      return
    end
    local ok, err = pcall(leave, turn)
    if not ok and slot.full then
      -- `check` raised, so it is not known whether the element is good.
      local gone, failure = pcall(discard, turn.pool, slot)
      if not gone then err = failure end
    end
    turn.left = true
    if not ok then error(err, 0) end
  end,
}

-- It waited, and has perhaps been given a slot when it was cancelled. Still pending it is where there
-- was no memory to wait; to wake it needs less than a cancel would.
local function give_up(p, promise)
  local state, given = promise:state()
  if state == "pending" then
    core.wake(promise)
    if p.waiting > 0 then p.waiting = p.waiting - 1 end
  elseif state == "fulfilled" and given then
    put_back(given)
  end
end

-- What gives the slot back, whatever becomes of the rest.
local place_type = {
  __close = core.owing(function(place)
    local turn = place.turn
    local slot = turn.slot
    if slot then
      if not turn.left then slot.full, slot.element = false, nil end -- there was no memory to look at it
      put_back(slot)
    elseif turn.promise then
      give_up(turn.pool, turn.promise)
    end
    turn.slot, turn.promise, turn.at, turn.left = false, false, "preparing", false
    turn.pool.spare = turn
  end),
}

local function new_turn(p)
  local turn =
    { pool = p, slot = false, promise = false, at = "preparing", left = false, place = false }
  turn.place = setmetatable({ false, false, 0, turn = turn }, place_type)
  return setmetatable(turn, turn_type)
end

local function finish(turn, ...)
  turn.at = "done"
  return ...
end

-- The task of one `use`. It takes the slot itself, when what gives it back is there: one that was
-- taken for a task that finds no memory to begin would be lost.
local function use(p, f, ...)
  local turn_of = p.spare or new_turn(p)
  p.spare = false
  local _ <close> = turn_of.place
  local turn <close> = turn_of
  local slot = take(p) or wait_for_slot(p, turn)
  turn.slot = slot
  if p.validate or not slot.full then prepare(p, slot) end
  turn.at = "using"
  return finish(turn, follow(f(slot.element, ...)))
end

--- Runs `f(element)` as a task with an element that no other task uses meanwhile, and gives it back
--- whichever way `f` ends: with values, with an error, cancelled. An idle element is used first,
--- then a new one is made, and when all `n` are in use the call waits: strictly first come, first
--- served. When making one fails, its user gets the error, and the next waiter tries again.
--- Cancelling the promise withdraws it while it waits, and cancels `f` once that runs.
---@generic E, T
---@param p lwt.Pool<E>
---@param f async fun(element: E, ...): T?, ...?
---@param ... any more arguments for `f`
---@return lwt.Promise<T> # what `f` returns or raises
--- ```lua
--- local p = pool.create(1, function() return "connection" end)
--- print(await(p:use(function(c) return "used the " .. c end)))   --> used the connection
--- print(pcall(await, p:use(function() error("oops", 0) end)))     --> false oops
--- ```
function M.use(p, f, ...)
  if getmetatable(p) ~= pool then args.wrong(1, "use", "lwt.pool", p) end
  if type(f) ~= "function" then args.check_callable(2, "use", f) end
  return spawn(use, p, f, ...)
end

-- A task: it takes the idle slots out itself, or without the memory to begin they would be lost.
local function clear(p)
  assert(getmetatable(p) == pool) -- a call, so that there is room for others: they fail no more
  local slot, failed, failure = p.idle_first, false, nil
  p.idle_first, p.idle_last = false, false
  while slot do
    local following = slot.next
    slot.next = false
    local ok, err = pcall(discard, p, slot)
    release(slot)
    if not ok and not failed then failed, failure = true, err end
    slot = following
  end
  if failed then error(failure, 0) end
end

--- Disposes of the elements: of those that are not in use, one after another, of the others as soon
--- as they are given back. The next `use` makes a new one. Cancelling the promise does not stop it.
---@generic E
---@param p lwt.Pool<E>
---@return lwt.Promise<nil> # when the idle ones are gone; rejected if a `dispose` raised, the first
--- ```lua
--- local p = pool.create(1, function() return "thing" end, {
---   dispose = function(thing) print("disposed of", thing) end,   --> disposed of thing
--- })
--- await(p:use(function() end))
--- await(p:clear())
--- ```
function M.clear(p)
  if getmetatable(p) ~= pool then args.wrong(1, "clear", "lwt.pool", p) end
  p.cleared = p.cleared + 1
  return lwt.no_cancel(lwt.spawn(clear, p))
end

--- How many wait for an element.
---@generic E
---@param p lwt.Pool<E>
---@return integer
--- ```lua
--- local p = pool.create(1, function() return 0 end)
--- local jobs = { p:use(lwt.yield), p:use(lwt.yield), p:use(lwt.yield) }
--- print(p:wait_queue_length())   --> 2
--- await(lwt.join(jobs))
--- ```
function M.wait_queue_length(p)
  if getmetatable(p) ~= pool then args.wrong(1, "wait_queue_length", "lwt.pool", p) end
  if p.waiting > p.queue.n then p.waiting = p.queue.n end -- as in `put_back`
  return p.waiting
end

return M
