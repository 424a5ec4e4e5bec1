-- Internal: `lwt.run` for tasks that stand for a main program: the script of the `lwt` command, a line of the
-- prompt. There the loop turns already, and `run` runs its argument as a task and waits for it.

local lwt = require "lwt"
local args = require "lwt.internal.args"

local M = {}

local allowed = setmetatable({}, { __mode = "k" })
local run -- lwt's own

local function install()
  run = lwt.run
  function lwt.run(x, ...)
    if not allowed[lwt.current() or false] then return run(x, ...) end
    if lwt.is_promise(x) then return lwt.await(x) end
    if not args.is_callable(x) then args.wrong(1, "run", "promise or function", x) end
    return lwt.await(lwt.spawn(x, ...))
  end
end

local function forget(guard) allowed[guard.task] = nil end

local guard_mt = { __close = forget }

-- Lets `lwt.run` work in this task, until what is returned is closed.
function M.allow(task)
  if not run then install() end
  allowed[task] = true
  return setmetatable({ task = task }, guard_mt)
end

-- lwt's own run, in any task.
function M.run(...)
  if not run then install() end
  return run(...)
end

return M
