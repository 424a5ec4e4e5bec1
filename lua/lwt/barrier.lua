-- lwt.barrier: a place where n tasks wait for one another, again and again.

local lwt = require "lwt"
local args = require "lwt.args"
local core = require "lwt.core"
local waiters = require "lwt.waiters"

local getmetatable = getmetatable

---@class lwt.Barrier
local M = {}
local barrier = { __name = "lwt.barrier", __index = M }

--- Makes a barrier for `n` tasks (1 or more). It can be used again: when n have come, it lets
--- them go and waits for the next n.
---@param n integer
---@return lwt.Barrier
--- ```lua
--- local b = barrier.create(2)
--- local first = b:wait()
--- print(first:state())           --> pending
--- print(await(b:wait()))         --> 2
--- print(first:state())           --> fulfilled 1
--- ```
function M.create(n)
  n = args.integer(1, "create", n)
  if n < 1 then args.bad(1, "create", "must be at least 1") end
  return setmetatable({ parties = n, queue = waiters.new() }, barrier)
end

-- Let all go when they are as many as it takes. Who comes meanwhile is the first of the next round.
local function complete(b)
  local queue = b.queue
  if queue.n >= b.parties and waiters.count(queue) >= b.parties then
    b.queue = waiters.new()
    for place = 1, b.parties do waiters.wake(queue, place) end
  end
end

--- Waits until as many wait as the barrier is for. Then all are woken, in the order in which they
--- came. One that is cancelled no longer counts.
---@param b lwt.Barrier
---@return lwt.Promise # of the place in that order: 1 for who came first
--- ```lua
--- local b = barrier.create(2)
--- local gone = b:wait()
--- gone:cancel()
--- local p = b:wait()
--- print(p:state())   --> pending
--- b:wait()
--- print(p:state())   --> fulfilled 1
--- ```
function M.wait(b)
  if getmetatable(b) ~= barrier then args.wrong(1, "wait", "lwt.barrier", b) end
  local p = core.waiter()
  waiters.push(b.queue, p, false)
  if core.cancel_due() then
    -- Awaiting will withdraw it again: it counts only if it is there a turn later.
    lwt.pause():on_success(function() complete(b) end)
  else
    complete(b)
  end
  return p
end

return M
