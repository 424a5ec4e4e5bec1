-- Where characters begin and end in a string of UTF-8: what a reader calls a character, a cluster,
-- which may be several code points. Offsets count the bytes before a place, as everywhere in the line
-- editor. Between two ASCII characters there is always a border, which makes nearly every question
-- cheap; else a few hundred bytes before the place are looked at, never a whole long text.

local keys = require "lwt.internal.lazy" "lwt.term.keys"

local graphemes = require "lwt.term.core".text_graphemes
local byte, sub, find = string.byte, string.sub, string.find
local min = math.min

local M = {}

local REGIONAL = "\xF0\x9F\x87" -- flags are pairs of these, counted from the first of a row
local CERTAIN = 3               -- borders after which a wrong start is forgotten

-- The end of the cluster that begins at `at`, which must be a border.
function M.next(s, at)
  local n = #s
  if at >= n then return n end
  local a, b = byte(s, at + 1, at + 2)
  if a < 0x80 and (not b or b < 0x80) then
    return at + (a == 13 and b == 10 and 2 or 1)
  end
  local size = 64
  while true do
    local part = sub(s, at + 1, at + size)
    local cluster = graphemes(part)()
    -- The code point behind it, which decides, must be there whole.
    if #cluster + 4 <= #part or at + #part == n then return at + #cluster end
    size = size * 4
  end
end

-- A place before `at` where a code point begins.
local function before(s, at)
  if at <= 0 then return 0 end
  for back = at, at - 3, -1 do
    local b = byte(s, back + 1)
    if not b or b < 0x80 or b >= 0xC0 then return back end
  end
  return at
end

-- The last border at or before `at`.
function M.floor(s, at)
  local n = #s
  if at <= 0 then return 0 end
  if at >= n then return n end
  local a, b = byte(s, at, at + 1)
  if a < 0x80 and b < 0x80 then return a == 13 and b == 10 and at - 1 or at end
  local size = 128
  while true do
    local from = before(s, at - size)
    local part = sub(s, from + 1, at + 8)
    local last, count = from, 0
    for _, position in graphemes(part) do
      local start = from + position - 1
      if start > at then break end
      last, count = start, count + 1
    end
    if from == 0 or count > CERTAIN and not find(part, REGIONAL, 1, true) then return last end
    size = size * 4
  end
end

-- The border before the border `at`.
function M.prev(s, at)
  if at <= 0 then return 0 end
  return M.floor(s, min(at, #s) - 1)
end

-- The first border at or behind `at`.
function M.ceil(s, at)
  local floor = M.floor(s, at)
  if floor >= at then return floor end
  return M.next(s, floor)
end

-- `n` borders on from `at`; back when it is negative.
function M.move(s, at, n)
  while n > 0 and at < #s do at, n = M.next(s, at), n - 1 end
  while n < 0 and at > 0 do at, n = M.prev(s, at), n + 1 end
  return at
end

-- How many characters.
function M.count(s)
  if not find(s, "[\x80-\xFF\r]") then return #s end
  local n = 0
  for _ in graphemes(s) do n = n + 1 end
  return n
end

-- What a text must be to be edited: UTF-8, with lines that end in "\n".
function M.clean(s)
  if not utf8.len(s) then s = keys.repair(s) end
  if find(s, "\r\n", 1, true) then s = s:gsub("\r\n", "\n") end
  return s
end

return M
