-- What the round of soak_bytes.lua that is running has, for its parts; nil between rounds.
local M = { now = nil }

function M.count(what, n) M.now.counts[what] = (M.now.counts[what] or 0) + (n or 1) end

-- What is wrong is kept until the end of the round: raised here, it would be one more failure of many.
function M.finding(...)
  M.now.findings[#M.now.findings + 1] = string.format(...)
end

return M
