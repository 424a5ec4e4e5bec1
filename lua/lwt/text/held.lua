-- Text that has been decoded and not been taken: a queue of strings. Nothing is copied twice,
-- however it is cut.

local find, sub, offset = string.find, string.sub, utf8.offset
local move, concat = table.move, table.concat

local M = {}
M.__index = M

-- `at` is the first byte, of parts[1], that is there; parts before `searched` have no newline.
function M.new() return setmetatable({ at = 1, size = 0, searched = 1 }, M) end

function M.add(h, text)
  if text == "" then return end
  h[#h + 1] = text
  h.size = h.size + #text
end

-- Takes everything up to byte `last` of part `i`.
local function take(h, i, last)
  local text
  if i == 1 then
    text = sub(h[1], h.at, last)
  else
    local first = sub(h[1], h.at)
    text = first .. concat(h, "", 2, i - 1) .. sub(h[i], 1, last)
  end
  h.size = h.size - #text
  h.at, h.searched = last + 1, 1
  if last == #h[i] then i, h.at = i + 1, 1 end
  if i > 1 then
    local n = #h
    move(h, i, n, 1)
    for k = n, n - i + 2, -1 do h[k] = nil end
  end
  return text
end

-- Everything; "" when there is nothing.
function M.all(h)
  local n = #h
  if n == 0 then return "" end
  return take(h, n, #h[n])
end

-- A line without its end; nil when there is no whole one, and when it is longer than `limit`
-- (true).
function M.line(h, limit)
  for i = h.searched, #h do
    local at = find(h[i], "\n", i == 1 and h.at or 1, true)
    if at then
      local line = take(h, i, at)
      local last = sub(line, -2, -2) == "\r" and -3 or -2
      if limit and #line + last + 1 > limit then
        h:put_back(line)
        return nil, true
      end
      return sub(line, 1, last)
    end
  end
  h.searched = #h + 1
  return nil, limit and h.size > limit
end

function M.put_back(h, text)
  if h.at > 1 then h[1], h.at = sub(h[1], h.at), 1 end
  table.insert(h, 1, text)
  h.size, h.searched = h.size + #text, 1
end

-- `n` characters; nil when there are fewer. (What is decoded is valid, and cut between characters.)
function M.chars(h, n)
  if h.size < n then return nil end
  for i = 1, #h do
    local part, first = h[i], i == 1 and h.at or 1
    local at = offset(part, n + 1, first)
    if at then return take(h, i, at - 1) end
    n = n - utf8.len(part, first)
  end
  return nil
end

return M
