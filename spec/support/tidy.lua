-- Loaded by busted before the specs. Whatever an `it` leaves behind fails it: open handles, timers,
-- live tasks, rejections that nobody has looked at. What was there before its `before_each` does not
-- count; nor does what its `after_each` takes away, for this runs last.
--
-- A file whose specs leave something on purpose says so: `_G.LEAVES = "why"` at its top.
local busted = require "busted"
local lwt = require "lwt"
local core = require "lwt.core"

-- Specs leave rejections behind on purpose, and those that do not are told of them below.
_G.warn = function() end

-- What is there now: { text = how many }, and the number of timers.
local function what_is_there()
  local texts, left = {}, core.left()
  local function note(text) texts[text] = (texts[text] or 0) + 1 end
  for _, handle in ipairs(core.handles()) do note("an open handle: " .. handle) end
  for _, t in ipairs(lwt.tasks()) do
    note(("a task that is %s%s%s"):format(t.state, t.waiting_on and ", for " .. t.waiting_on or "",
      t.where and " at " .. t.where or ""))
  end
  for _, text in ipairs(left.unseen) do note("a rejection nobody has looked at: " .. text) end
  return texts, left.timers
end

local before, timers_before

-- The texts of what is there and was not, or nil.
local function left_behind()
  local now, timers = what_is_there()
  local lines = {}
  for text, count in pairs(now) do
    local more = count - (before[text] or 0)
    if more > 0 then lines[#lines + 1] = text .. (more > 1 and (" (%d times)"):format(more) or "") end
  end
  if timers > timers_before then
    lines[#lines + 1] = ("timers that are pending: %d"):format(timers - timers_before)
  end
  if #lines > 0 then
    table.sort(lines)
    return table.concat(lines, "\n  ")
  end
end

-- What was dropped is closed by a collection, and the loop has to turn for libuv to be done with it;
-- what a thread has begun (the closing of a folder) ends when the thread gets its turn.
local function settle(done)
  for round = 1, 400 do
    collectgarbage()
    pcall(lwt.step)
    if round >= 4 and done() then return end
    if round >= 4 then busted.sleep(0.005) end
  end
end

busted.before_each(function() before, timers_before = what_is_there() end)

busted.after_each(function()
  if _G.LEAVES or not left_behind() then return end
  settle(function() return not left_behind() end)
  local left = left_behind()
  if left then error("the spec has left behind:\n  " .. left, 0) end
end)

busted.subscribe({ "file", "start" }, function()
  _G.LEAVES = nil
  settle(function() return true end)
  return nil, true
end)
