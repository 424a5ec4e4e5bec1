-- Where the instructions of one operation go: reads what callgrind wrote, takes the collections at rest away, prints
-- the functions that execute most. Debian's Lua has no names for its inner functions; they are given by address.

local M = {}

-- The part of the file that a mark closed: instructions by function.
local function parts_of(path)
  local parts, current, names, objects = {}, {}, {}, {}
  local fn, object, part, skip
  for line in io.lines(path) do
    local trigger = line:match "^desc: Trigger: Client Request: (%w+)" or line:match "^desc: Trigger: (Program)"
    if trigger then part = trigger end
    if line:find "^totals: " then
      parts[part] = current
      current = {}
    end
    local kind, id, name = line:match "^(c?ob)=(%(%d+%))%s*(.*)$"
    if kind then
      if #name > 0 then objects[id] = name end
      if kind == "ob" then object = objects[id] end
    end
    kind, id, name = line:match "^(c?fn)=(%(%d+%))%s*(.*)$"
    if kind then
      if #name > 0 then names[id] = name end
      if kind == "fn" then fn = names[id]:gsub("'%d+$", "") .. "\t" .. (object or "") end
    elseif line:find "^calls=" then
      skip = true -- the next line is what the call cost: not this function's own
    elseif line:find "^[%d+*-]" then
      local cost = line:match "^%S+ (%d+)$"
      if cost and not skip and fn then current[fn] = (current[fn] or 0) + tonumber(cost) end
      skip = false
    end
  end
  return parts
end

function M.print(path)
  local parts = parts_of(path)
  local operations = 5000 -- BATCHES * SIZE of one.lua
  local own, total = {}, 0
  for name, cost in pairs(parts.work or {}) do
    local v = (cost - (parts.rest[name] or 0)) / operations
    if v > 0.5 then own[#own + 1] = { name = name, cost = v } end
    total = total + v
  end
  table.sort(own, function(a, b) return a.cost > b.cost end)
  for i = 1, math.min(#own, 45) do
    local name, object = own[i].name:match "^(.*)\t(.*)$"
    print(("%8.1f  %4.1f %%  %-44s %s"):format(own[i].cost, own[i].cost / total * 100, name, object:match "[^/]*$"))
  end
  print(("%8.1f  in all"):format(total))
end

return M
