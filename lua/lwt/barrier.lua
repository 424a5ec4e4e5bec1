--- A place where n tasks wait for one another, again and again.
---
--- ```lua
--- local barrier, list = require "lwt.barrier", require "lwt.list"
--- local all_ready = barrier.create(3)
--- local ready = 0
--- await(list.iter_p(function(seconds)
---   await(lwt.sleep(seconds))               -- getting ready
---   ready = ready + 1
---   await(all_ready:wait())
---   assert(ready == 3)                      -- nobody goes on before all are
--- end, { 0.001, 0.002, 0.003 }))
--- ```

local lwt = require "lwt"
local args = require "lwt.internal.args"
local core = require "lwt.core"
local waiters = require "lwt.internal.waiters"

local getmetatable = getmetatable

---@class lwt.Barrier
local M = {}
local barrier = { __name = "lwt.barrier", __index = M }

-- The waiters of a round: `n` of them are not cancelled, `gone` have been woken. (And three places
-- for `owing`.)
local function new_round(parties)
  local round = { false, false, 0, n = 0, gone = 0, parties = parties, queue = waiters.new() }
  round.withdraw = function() round.n = round.n - 1 end
  return round
end

--- Makes a barrier for `n` tasks (1 or more). It can be used again: when n have come, it wakes them
--- and waits for the next n.
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
  return setmetatable({ parties = n, round = new_round(n) }, barrier)
end

-- Wake all of a round; those for whom there is no memory, in a later turn of the loop.
local let_go = core.owing(function(round)
  while round.gone < round.parties do
    waiters.wake(round.queue, round.gone + 1)
    round.gone = round.gone + 1
  end
end)

-- Wake all when they are as many as it takes. A task that comes meanwhile is the first of
-- `following`.
local function complete(b, round, following)
  if b.round ~= round or round.n < b.parties then return end
  round.n = waiters.count(round.queue) -- (a cancel may have found no memory to be counted)
  if round.n < b.parties then return end
  b.round = following
  let_go(round)
end

--- Waits until as many wait as the barrier is for. Then all are woken, in the order in which they
--- came. One that is cancelled no longer counts.
---@param b lwt.Barrier
---@return lwt.Promise<integer> # of the place in that order: 1 for the one that came first
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
  local p, round = core.waiter(), b.round
  local due, last = core.cancel_due(), round.n + 1 >= b.parties
  local following = (due or last) and new_round(b.parties)
  p:on_cancel(round.withdraw)
  if due then
    -- The next await will withdraw it: it counts only if it is still there a turn of the loop
    -- later.
    lwt.pause():on_success(function() complete(b, round, following) end)
  end
  waiters.push(round.queue, p, false)
  if b.round ~= round or round.n + 1 >= b.parties and not following then
    core.wake(p) -- a finalizer has waited here meanwhile. Once more, with what is so now.
    return M.wait(b)
  end
  round.n = round.n + 1 -- all that can fail has been done
  if not due then complete(b, round, following) end
  return p
end

return M
