-- Internal: keys of a table in an order of their own. `pairs` goes by addresses, which differ from
-- one process to the next, and a run is to be the same again.

local M = {}

-- The keys of a table whose values are numbers, by those numbers.
function M.by_value(t)
  local keys, n = {}, 0
  for key in pairs(t) do
    n = n + 1
    keys[n] = key
  end
  table.sort(keys, function(a, b) return t[a] < t[b] end)
  return keys
end

return M
