-- growth.lua FOLDER: puts the figures that the specs of spec/growth/ have written into FOLDER (LWT_GROWTH_ROWS),
-- into the tables of doc/growth.md. See there.

local folder = assert(arg[1], "growth.lua FOLDER")
local path = "doc/growth.md"
local HEAD = "| operation | rounds | bytes of Lua's | bytes in all "
  .. "| instructions at 100 | at 10,000 | time |\n"
  .. "|---|--:|--:|--:|--:|--:|--:|\n"

-- The rows of a family, each as it was measured last, in the order of the family.
local function table_of(family)
  local file = io.open(folder .. "/" .. family)
  if not file then return nil end
  local order, rows = {}, {}
  for line in file:lines() do
    local name = line:match "^| (.-) | %d+ |"
    if not rows[name] then order[#order + 1] = name end
    rows[name] = line
  end
  file:close()
  for i, name in ipairs(order) do order[i] = rows[name] end
  return HEAD .. table.concat(order, "\n") .. "\n"
end

local file = assert(io.open(path))
local text = file:read "a"
file:close()
local out, at = {}, 1
while true do
  local first, last, family = text:find("%(`spec/support/growth/([%w_]+)%.lua`%)\n\n", at)
  if not first then break end
  local over = last + 1
  while text:sub(over, over) == "|" do over = text:find("\n", over, true) + 1 end
  out[#out + 1] = text:sub(at, last)
  out[#out + 1] = table_of(family) or text:sub(last + 1, over - 1)
  at = over
end
out[#out + 1] = text:sub(at)
file = assert(io.open(path, "w"))
file:write(table.concat(out))
file:close()
