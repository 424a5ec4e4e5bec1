-- A model of the promise semantics in plain Lua: small, slow, and written to be read.
-- It shares nothing with the library. spec/core/model_spec.lua runs random programs on
-- both and compares what they do.
--
-- A promise is a table:
--   state      "pending", "fulfilled", "rejected", or "proxy" (then `to` is another)
--   values     fulfilled: table.pack of the values; rejected: { error }
--   regular    callbacks to run when it is resolved, in order; each is a table with a
--              function `run(p)`
--   on_cancel  those to run before the regular ones when it is rejected with Canceled
--   crowded    whether it ever had more than one of them at a time
--   stamp      counts resolutions: who was resolved first
--   how        how it is cancelled: "none", "self", "dependency" (`dependency`),
--              "several" (`several`, a list), "both" (itself and `dependency`), "task"
--              (through what `task` awaits), "scope" (all tasks of `scope`), "child" (as a
--              task that awaits `dependency`)
--
-- `model.new()` gives a fresh implementation: a table of functions named as in lwt. Its parts are
-- the files model_<part>.lua. Each is a function of that table and of `m`, which has the state of the
-- implementation and the internal functions that one part has for those after it.
local PARTS = { "promise", "compose", "task", "cancel", "several", "scope" }

local M = {}

function M.new()
  local lwt = { coroutine = { create = coroutine.create, yield = coroutine.yield } }
  lwt.Canceled = setmetatable({}, { __tostring = function() return "canceled" end })
  lwt.Timeout = setmetatable({}, { __tostring = function() return "timeout" end })
  local m = {
    MAX_NEST = 16, MAX_TASKS = 10,
    Promise = { __index = lwt }, Resolver = { __index = lwt },
    nest = 0, -- how many resolutions run callbacks, one inside another
    immediate = 0, -- how many callbacks on resolved promises run inside one another
    callbacks = 0, -- how many callbacks run, in the task at hand or outside of tasks
    tasks = 0, -- how many tasks run, one inside another
    current = nil, -- the task that runs
    deferred = {}, -- functions whose turn comes when the outermost resolution is done
    ready = {}, paused = {}, -- functions for this turn and the next one
    now = 0.0, timers = {}, timers_made = 0, -- the clock; { when, number, promise, state, values }
    storage = {}, -- key -> value; never changed in place
    stamp = 0, -- how many promises were resolved
    calls = 0, -- how many functions of the user's were called
    walks = 0, calls_at_walk = 0, -- how many cancel walks there were; calls at the last
    hook = nil,
  }
  for _, part in ipairs(PARTS) do require("spec.support.model_" .. part)(lwt, m) end
  return lwt
end

return M
