-- Internal: callbacks that see the task-local storage that was there when they were attached,
-- wherever they are called later. (What is attached to a promise does so by itself.)
--
-- `stored[1]` tells whether there is any storage now: where there was none and is none, which is
-- the rule, a function is called as it is.

local lwt = require "lwt"
local core = require "lwt.core"

local stored, keep, bare, spawn = core.stored, core.keep, core.bare, lwt.spawn

local M = {}

-- `f`, to be called later.
function M.keep(f)
  if stored[1] then return keep(f) end
  return function(...)
    if stored[1] then return bare(f, ...) end
    return f(...)
  end
end

-- A function that runs `f(...)` as a task.
function M.task(f)
  if stored[1] then
    return keep(function(...) return spawn(f, ...) end)
  end
  return function(...)
    if stored[1] then return bare(spawn, f, ...) end
    return spawn(f, ...)
  end
end

-- For what is hot: `M.now(f)` when it is attached, and `bare(f, …)` instead of `f(…)` when it is
-- called while there is storage.
function M.now(f)
  if stored[1] then return keep(f) end
  return f
end
M.stored, M.bare = stored, bare

return M
