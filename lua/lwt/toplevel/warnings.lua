-- `warn` while a prompt is shown: warnings, and rejections that nobody looked at, appear above the line.

local M = {}

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

return M
