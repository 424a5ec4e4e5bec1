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
  if math.type(n) ~= "integer" then args.wrong(1, "create", "integer", n) end
  if n < 1 then args.bad(1, "create", "must be at least 1") end
  return setmetatable({ parties = n, queue = waiters.new() }, barrier)
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
  local queue, parties = b.queue, b.parties
  if queue.n + 1 >= parties and waiters.count(queue) + 1 == parties then
    -- Who comes while they are woken is the first of the next round.
    b.queue = waiters.new()
    for place = 1, parties - 1 do waiters.wake(queue, place) end
    return lwt.fulfilled(parties)
  end
  local p = core.waiter()
  waiters.push(queue, p, false)
  return p
end

return M
