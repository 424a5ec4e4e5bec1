-- Words, in the three meanings that editing has: of letters and digits (emacs), between blanks, and
-- vi's. All functions go from an offset to an offset.

local clusters = require "lwt.read_line.clusters"

local byte, sub, find = string.byte, string.sub, string.find
local next_border, prev_border = clusters.next, clusters.prev

local M = {}

-- Beyond ASCII everything is of a word that is not in one of these: blanks, punctuation, symbols.
local OTHERS = {
  { 0x80, 0xA9 }, { 0xAB, 0xB4 }, { 0xB6, 0xB9 }, { 0xBB, 0xBF }, { 0xD7, 0xD7 },
  { 0xF7, 0xF7 }, { 0x37E, 0x37E }, { 0x387, 0x387 }, { 0x589, 0x58A }, { 0x5BE, 0x5BE },
  { 0x60C, 0x60D }, { 0x61B, 0x61F }, { 0x66A, 0x66D }, { 0x964, 0x965 }, { 0x1680, 0x1680 },
  { 0x2000, 0x206F }, { 0x20A0, 0x20CF }, { 0x2190, 0x2BFF }, { 0x2E00, 0x2E7F },
  { 0x3000, 0x3004 }, { 0x3008, 0x3020 }, { 0x3030, 0x3030 }, { 0x303D, 0x303F },
  { 0x30FB, 0x30FB }, { 0xE000, 0xF8FF }, { 0xFE10, 0xFE1F }, { 0xFE30, 0xFE6F },
  { 0xFF00, 0xFF0F }, { 0xFF1A, 0xFF20 }, { 0xFF3B, 0xFF40 }, { 0xFF5B, 0xFF65 },
  { 0xFFE0, 0xFFFF }, { 0x1F000, 0x1FAFF },
}

local BLANKS = { [0x85] = true, [0xA0] = true, [0x1680] = true, [0x2028] = true, [0x2029] = true,
  [0x202F] = true, [0x205F] = true, [0x3000] = true }
for c = 0x2000, 0x200A do BLANKS[c] = true end

local function is_other(c)
  local low, high = 1, #OTHERS
  while low <= high do
    local middle = (low + high) // 2
    local range = OTHERS[middle]
    if c < range[1] then high = middle - 1
    elseif c > range[2] then low = middle + 1
    else return true end
  end
  return false
end

-- "word", "blank" or "other": of the character that begins at `at`.
function M.class(s, at)
  local b = byte(s, at + 1)
  if not b then return "blank" end
  if b >= 0x80 then
    local c = utf8.codepoint(s, at + 1, at + 1, true)
    if BLANKS[c] then return "blank" end
    return is_other(c) and "other" or "word"
  end
  local c = sub(s, at + 1, at + 1)
  if find(c, "%w") then return "word" end
  return find(c, "%s") and "blank" or "other"
end
local class = M.class

-- Skips characters while their class is (or is not) `kind`.
local function skip(s, at, kind, is)
  while at < #s and (class(s, at) == kind) == is do at = next_border(s, at) end
  return at
end

local function skip_back(s, at, kind, is)
  while at > 0 do
    local before = prev_border(s, at)
    if (class(s, before) == kind) ~= is then break end
    at = before
  end
  return at
end
M.skip, M.skip_back = skip, skip_back

-- ---- Emacs: letters and digits ------------------------------------------------------------------

function M.forward(s, at) return skip(s, skip(s, at, "word", false), "word", true) end

function M.backward(s, at)
  return skip_back(s, skip_back(s, at, "word", false), "word", true)
end

-- ---- Between blanks -----------------------------------------------------------------------------

function M.forward_blank(s, at) return skip(s, skip(s, at, "blank", true), "blank", false) end

function M.backward_blank(s, at)
  return skip_back(s, skip_back(s, at, "blank", true), "blank", false)
end

-- ---- vi's: a run of word characters (with "_"), or a run of others ------------------------------------

local function vi_class(s, at, big)
  local kind = class(s, at)
  if kind ~= "blank" and big then return "word" end
  if kind == "other" and byte(s, at + 1) == 95 then return "word" end
  return kind
end

function M.vi_next(s, at, big)
  local kind = vi_class(s, at, big)
  if kind ~= "blank" then
    while at < #s and vi_class(s, at, big) == kind do at = next_border(s, at) end
  end
  return skip(s, at, "blank", true)
end

function M.vi_prev(s, at, big)
  at = skip_back(s, at, "blank", true)
  if at == 0 then return 0 end
  local kind = vi_class(s, prev_border(s, at), big)
  while at > 0 and vi_class(s, prev_border(s, at), big) == kind do at = prev_border(s, at) end
  return at
end

-- The start of the last character of the word.
function M.vi_end(s, at, big)
  at = skip(s, next_border(s, at), "blank", true)
  if at >= #s then return prev_border(s, #s) end
  local kind = vi_class(s, at, big)
  while true do
    local after = next_border(s, at)
    if after >= #s or vi_class(s, after, big) ~= kind then return at end
    at = after
  end
end

return M
