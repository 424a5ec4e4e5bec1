-- What the calls of lwt.process share that run a program from its start to its end.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local core = require "lwt.core"
local child = require "lwt.process.child"

local await, spawn, guard, raise = lwt.await, lwt.spawn, core.guard, core.raise

local C = { public = {} }

-- Run `f(p)` in a task with a new process, which is stopped on every way out. An error about an
-- argument (the options are number `n`) is raised at the line that called the function `name`, which
-- calls this straight; where the task does not begin at once, its promise is rejected with it.
function C.run(cmd, opts, n, name, f)
  local complaint, returned
  local running = spawn(function()
    local opened, p = guard(child.start, cmd, opts)
    if not opened then
      if returned or type(p) ~= "string" or not p:find "^bad argument #" then raise(p) end
      complaint = p
      return
    end
    local process <close> = p
    return f(process)
  end)
  returned = true
  if complaint then args.pass_on(complaint, name, 2, n, 1) end
  return running
end

-- A program that was killed for its time did not do what it was asked for.
local function settled(p)
  local status = await(lwt.protected(p.ended))
  if p.timed_out then error(lwt.Timeout, 0) end
  return status
end
C.settled = settled

-- The result of `f(...)`, which fails with lwt.Timeout when the time was up.
function C.timely(p, f, ...)
  local result = table.pack(guard(f, ...))
  if p.timed_out then settled(p) end
  if not result[1] then raise(result[2]) end
  return table.unpack(result, 2, result.n)
end

return C
