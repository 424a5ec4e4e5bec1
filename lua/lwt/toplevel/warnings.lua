-- `warn` while a prompt is shown: warnings, and rejections that were not looked at, appear above the
-- line.

local lwt = require "lwt"
local core = require "lwt.core"

local M = {}

local PAUSE = 0.5 -- seconds between two looks for rejections that cannot be looked at any more

-- Puts a `warn` of ours in the place of Lua's; gives what puts that back. Warnings are on.
function M.show(s)
  local theirs, on = warn, true
  local function ours(first, ...)
    local text = table.concat { first, ... }
    if select("#", ...) == 0 and text:sub(1, 1) == "@" then
      if text == "@on" then on = true elseif text == "@off" then on = false end
      return theirs(text)
    end
    if not on then return end
    s:warn(text)
  end
  _G.warn = ours
  return function()
    if warn == ours then _G.warn = theirs end
  end
end

-- A rejected promise that is not used any more is reported when it is collected, which may take long where
-- little happens. So while there are such promises, garbage is collected after turns of the loop, but not
-- after all. Gives what ends that.
function M.collect_unseen()
  local last, timer, own_turn = -math.huge, nil, false
  local hook
  local function look()
    last = lwt.now()
    if #core.left().unseen > 0 then collectgarbage() end
  end
  hook = lwt.on_iteration("enter", function()
    if timer then return end
    if own_turn then
      own_turn = false
      return
    end
    local wait = last + PAUSE - lwt.now()
    if wait <= 0 then return look() end
    timer = lwt.sleep(wait)
    timer:on_any(function()
      timer, own_turn = nil, true
      look()
    end, function() end)
  end)
  return function()
    hook:remove()
    if timer then timer:cancel() end
  end
end

return M
