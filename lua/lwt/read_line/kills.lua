-- What was killed: a ring of texts that can be yanked. One is shared by all lines of the process, as
-- GNU readline does it; passwords have one of their own, which goes with them.

local SIZE = 60

local Kills = {}
Kills.__index = Kills

local M = {}

function M.new() return setmetatable({ list = {}, at = 0 }, Kills) end

-- A new text, or, when `how` is "append" or "prepend", more of the newest.
function Kills:add(s, how)
  local list = self.list
  local n = #list
  if n > 0 and how == "append" then
    list[n] = list[n] .. s
  elseif n > 0 and how == "prepend" then
    list[n] = s .. list[n]
  else
    if n == SIZE then table.remove(list, 1) end
    list[#list + 1] = s
  end
  self.at = #list
end

-- The one that is yanked next, or nil.
function Kills:current() return self.list[self.at] end

-- The one before it, round and round.
function Kills:rotate(n)
  local count = #self.list
  if count > 0 then self.at = (self.at - 1 - n) % count + 1 end
  return self.list[self.at]
end

M.shared = M.new()

return M
