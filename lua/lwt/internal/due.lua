-- Internal: what a task does that was cancelled and has not been told yet.
--
-- Its next await will raise, whatever it is given. What would be taken for it, or given by it, at
-- once would be lost, since nobody would be told. So such a task's reads and pushes begin a turn
-- later: the await that raises has withdrawn them by then.

local lwt = require "lwt"
local core = require "lwt.core"

local await, pause = lwt.await, lwt.pause

local M = {}
local done = lwt.fulfilled()

-- Is the running task such a one? Where that is asked often: `any[1] and cancel_due()`; `any[1]`
-- is false where there is no such task at all.
M.cancel_due, M.any = core.cancel_due, core.due

-- `f(...)` a turn later, as a callback: a promise of what it returns. Cancelling the promise
-- before then means that `f` is not called.
function M.later(f, ...)
  if select("#", ...) == 0 then return pause():bind(f) end
  local args = table.pack(...)
  return pause():bind(function() return f(table.unpack(args, 1, args.n)) end)
end

-- Tell the running task. Raises.
function M.tell() await(done) end

return M
