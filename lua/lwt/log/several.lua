-- Internal: loggers that are made of other loggers.

local lwt = require "lwt"
local core = require "lwt.core"
local args = require "lwt.internal.args"
local logger = require "lwt.log.logger"

local M = {}

local done, log = logger.done, logger.log

-- ---- broadcast ------------------------------------------------------------------

-- The promise of all of `list`: when they are over, the first failure. Members that write many records
-- at once give the same promise for all of those; so do we, as long as nothing has changed (`last`).
local function together(l, list)
  local last = l.last
  if last and #last == #list then
    local same = true
    for i = 1, #list do same = same and rawequal(last[i], list[i]) end
    if same then return last.promise end
  end
  list.promise = #list == 1 and list[1] or lwt.no_cancel(lwt.join(list))
  l.last = list
  -- The members report their failures themselves.
  list.promise:on_any(function() if l.last == list then l.last = nil end end, function()
    if l.last == list then l.last = nil end
  end)
  return list.promise
end

local function write_all(l, section, ...)
  local waiting, failed
  for _, member in ipairs(l.members) do
    local p = log(member, section, ...)
    if p ~= done then
      local state = p:state()
      if state == "pending" then
        waiting = waiting or {}
        waiting[#waiting + 1] = p
      elseif state == "rejected" then
        failed = failed or p
      end
    end
  end
  if not waiting then return failed or done end
  if failed then table.insert(waiting, 1, failed) end
  return together(l, waiting)
end

--- A logger that gives each record to all of these. A record is written when all have written it; it is rejected with the first failure, which
--- does not keep the others from having it. Closing it closes none of them.
---@param list lwt.Logger[]
---@return lwt.Logger
--- ```lua
--- local function to(name) return log.make { output = function(_, _, lines) print(name, lines[1]) end } end
--- log.set_default(log.broadcast { to "one", to "two" })
--- log.error "both"   --> one both
--- ---> two both
--- ```
---@function lwt.log.broadcast(list)
function M.broadcast(list)
  local members, count = {}, args.list(1, "broadcast", list)
  for i = 1, count do
    local member = list[i]
    if not logger.is_logger(member) then
      args.bad(1, "broadcast", ("lwt.log.logger expected at %d, got %s"):format(i, type(member)))
    end
    members[i] = member
  end
  return logger.new { write = write_all, members = members }
end

-- ---- dispatch -------------------------------------------------------------------

local function write_one(l, section, level, ...)
  local chosen = l.choose(section, level)
  if chosen == nil then return done end
  if not logger.is_logger(chosen) then
    error(("the function of 'dispatch' gave a %s, and not a logger"):format(type(chosen)), 0)
  end
  l.told = false
  return log(chosen, section, level, ...)
end

--- A logger that asks for each record which logger is to have it: `f(section, level)` gives that, or nil for none. It is a plain
--- callback, which must not wait.
---@param f fun(section: lwt.LogSection, level: string): lwt.Logger?
---@return lwt.Logger
--- ```lua
--- local audit = log.make { output = function(_, _, lines) print("audit", lines[1]) end }
--- log.set_default(log.dispatch(function(section) return section.name == "audit" and audit or log.null end))
--- log.section "audit":notice "ann has come"   --> audit ann has come
--- log.notice "nobody hears this"
--- ```
---@function lwt.log.dispatch(f)
function M.dispatch(f)
  args.check_callable(1, "dispatch", f)
  return logger.new { write = write_one, choose = f }
end

-- ---- buffered -------------------------------------------------------------------
--
-- `waiting` counts the records that the logger behind it has not written yet. Those that were written
-- together have one promise, `newest`, on which one callback counts them all down.

local tell_dropped

local function count_down(l, entry)
  l.waiting = l.waiting - entry.n
  if l.newest == entry then l.newest = nil end
  if l.dropped > 0 and l.waiting == 0 then tell_dropped(l) end
end

local function hand_over(l, section, ...)
  local p = log(l.behind, section, ...)
  if p:state() ~= "pending" then return end
  l.waiting = l.waiting + 1
  local entry = l.newest
  if entry and rawequal(entry.promise, p) then
    entry.n = entry.n + 1
    return
  end
  entry = { promise = p, n = 1 }
  l.newest = entry
  local function over() count_down(l, entry) end
  p:on_any(over, over)
end

-- Says how many records were left out: when all is written, or before the next that is not.
local function ours() return require "lwt.log.section".section "lwt.log" end

function tell_dropped(l)
  local text = ("%d records were left out: the log does not keep up"):format(l.dropped)
  l.dropped = 0
  hand_over(l, ours(), "warning", text, core.wall())
end

local function write_buffered(l, section, ...)
  if l.behind.closed then return log(l.behind, section, ...) end
  if l.waiting >= l.room then
    l.dropped = l.dropped + 1
    return done
  end
  if l.dropped > 0 then tell_dropped(l) end
  hand_over(l, section, ...)
  return done
end

local function finish_buffered(l)
  if l.dropped > 0 then tell_dropped(l) end
  return l.behind:close()
end

--- A logger that never makes anybody wait: its promises are fulfilled at once. At most `n` records wait for the logger behind it;
--- what comes when that many do is left out, counted, and a record of level warning says how many they were: before the next record
--- for which there is room, or when all others are written. Closing it closes the logger behind it.
---@param l lwt.Logger
---@param n integer at least 1
---@return lwt.Logger
--- ```lua
--- local slow = log.make { output = function(_, _, lines) await(lwt.sleep(0.01)) print(lines[1]) end }
--- local l = log.buffered(slow, 1)
--- log.set_default(l)
--- for i = 1, 3 do log.error("record %d", i) end
--- await(lwt.sleep(0.05))   --> record 1
--- await(l:close())         --> 2 records were left out: the log does not keep up
--- ```
---@function lwt.log.buffered(l, n)
function M.buffered(l, n)
  if not logger.is_logger(l) then args.wrong(1, "buffered", "lwt.log.logger", l) end
  n = args.integer(2, "buffered", n)
  if n < 1 then args.bad(2, "buffered", "must be at least 1") end
  return logger.new {
    write = write_buffered, finish = finish_buffered, behind = l, room = n, waiting = 0,
    dropped = 0,
  }
end

return M
