-- Internal: the one task of a logger, which writes what waits, and what happens where memory runs out in it.
--
-- A logger that uses it has these methods: work(l), the body of the task, which returns when no record
-- waits any more, and raises for want of memory only; waits(l), whether a record waits; settle(l), which
-- rejects the promises of all records that the task has left (none, where `work` has returned), and
-- may be called again where it raises.
--
-- The task exists (`running`) exactly while there is something to do. It has the storage of the code that
-- made the logger, and it cannot be cancelled. A record's promise stays where `settle` finds it until it is
-- resolved; and `settle` is called however the task ends: by `over`, if need be in a later turn of the
-- loop (core.owing), or before the next record. Each start of the task has its own `ending`, whose third
-- place says how often the call of `over` is owed.

local lwt = require "lwt"
local core = require "lwt.core"
local stored = require "lwt.internal.stored"
local unwritten = require "lwt.log.unwritten"

local is_pending, busy = lwt.is_pending, unwritten.busy

local M = {}

-- Lua's own error.
M.NO_MEMORY = "not enough memory"

local NONE = { false, false, 0 }

-- The task has ended. (`running` stays set until all promises are resolved, so that no other task
-- starts meanwhile.)
local over = core.owing(function(ending)
  local l = ending.logger
  if l.ending ~= ending then return end
  l:settle()
  unwritten.wake(l)
  busy[l], l.running = nil, false
  if l:waits() then M.start(l) end -- callbacks of those promises have logged
  if l.ending == ending then l.ending = NONE end
end)

local mt = { __close = over }

-- Starts the task, unless it runs. Where it raises, for want of memory, it has done nothing; where the
-- task has none to begin, it is over at once.
function M.start(l)
  if l.running then return end
  local ending = setmetatable({ false, false, 0, logger = l, begun = false }, mt)
  busy[l] = true
  l.running, l.ending = true, ending
  local ok, p = pcall(l.start, ending)
  local ended = ok and not is_pending(p) or not (ok or ending.begun)
  if ended and l.ending == ending and ending[3] == 0 then over(ending) end -- else it will be called
end

-- Called before a record is taken where l.ending[3] is not 0: the task has ended, and `over` is owed.
function M.make_up(l) over(l.ending) end

-- Makes a logger that has these functions ready to be started.
function M.prepare(l)
  l.running, l.told, l.given_up, l.ended, l.end_it = false, false, false, false, false
  l.ending = NONE
  l.start = stored.task(function(ending)
    local _ <close> = ending
    ending.begun = true
    l:work()
  end)
  return l
end

return M
