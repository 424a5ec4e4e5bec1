-- Internal: reads and pushes of a task to which a cancel is due.
--
-- Its next await will raise, whatever it is given. A value that it took at once would be lost, and
-- one that it pushed at once would be pushed although its await raises. So these operations begin a
-- turn of the loop later: the await that raises withdraws them before that.

local lwt = require "lwt"
local core = require "lwt.core"

local await, pause = lwt.await, lwt.pause

local M = {}
local done = lwt.fulfilled()

-- Is a cancel due to the running task? Where that is asked often: `any[1] and cancel_due()`;
-- `any[1]` is false where there is no such task at all.
M.cancel_due, M.any = core.cancel_due, core.due

-- `f(...)` a turn later, as a callback: a promise of what it returns. Cancelling the promise
-- before then means that `f` is not called.
function M.later(f, ...)
  if select("#", ...) == 0 then return pause():bind(f) end
  local args = table.pack(...)
  return pause():bind(function() return f(table.unpack(args, 1, args.n)) end)
end

-- Raises the cancel in the running task.
function M.tell() await(done) end

return M
