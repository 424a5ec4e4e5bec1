-- A plain model of a line that is edited: a text, a cursor, a list of what was killed, and copies of whole
-- states to go back to. Whatever it is asked it finds out by going through all of the text.
--
--   local m = model.new()
--   m:press "ctrl-k"      a key of model.KEYS, or a character
--   m:paste "text"
--   m.text, m.at          the cursor: bytes before it
--   m.ring, m.turn        what can be yanked, and which of it is next

local text = require "lwt.text"

local M = {}

local Model = {}
Model.__index = Model

function M.new()
  return setmetatable({ text = "", at = 0, ring = {}, turn = 0, done = {}, redone = {} }, Model)
end

-- ---- Places -------------------------------------------------------------------------------------------

-- Where characters begin and end, from 0 to #s.
local function borders(s)
  local list = {}
  for _, position in text.graphemes(s) do list[#list + 1] = position - 1 end
  list[#list + 1] = #s
  return list
end

local function after(s, at)
  for _, border in ipairs(borders(s)) do
    if border > at then return border end
  end
  return #s
end

local function before(s, at)
  local last = 0
  for _, border in ipairs(borders(s)) do
    if border >= at then break end
    last = border
  end
  return last
end

local function at_border(s, at)
  for _, border in ipairs(borders(s)) do
    if border >= at then return border end
  end
  return #s
end

-- Of the line, among several, in which the cursor is.
local function line_end(m) return (m.text:find("\n", m.at + 1, true) or #m.text + 1) - 1 end

local function begin_of(m) return #(m.text:sub(1, m.at):match "^(.*\n)" or "") end

-- "word", "blank" or "other": of the characters that the specs use.
local function class(s, at)
  local c = utf8.codepoint(s, at + 1)
  if c < 0x80 then
    local char = string.char(c)
    return char:find "%w" and "word" or char:find "%s" and "blank" or "other"
  end
  return (c < 0xC0 or c >= 0x2000 and c < 0x2C00 or c >= 0x1F000) and "other" or "word"
end

local function skip(s, at, wanted)
  while at < #s and wanted(class(s, at)) do at = after(s, at) end
  return at
end

local function skip_back(s, at, wanted)
  while at > 0 and wanted(class(s, before(s, at))) do at = before(s, at) end
  return at
end

local function word(c) return c == "word" end
local function no_word(c) return c ~= "word" end
local function blank(c) return c == "blank" end
local function no_blank(c) return c ~= "blank" end

local function forward(m) return skip(m.text, skip(m.text, m.at, no_word), word) end
local function backward(m) return skip_back(m.text, skip_back(m.text, m.at, no_word), word) end

-- ---- Changes ------------------------------------------------------------------------------------------

-- All changes: what is from one place to another becomes `s`, and the cursor stands at `at`.
local function change(m, from, to, s, at)
  if m.text:sub(from + 1, to) ~= s then
    m.redone = {}
    if not m.open then m.done[#m.done + 1] = { m.text, m.at } end
    m.open = true
    m.text = m.text:sub(1, from) .. s .. m.text:sub(to + 1)
  end
  m.at = at_border(m.text, at)
end

local function insert(m, s) change(m, m.at, m.at, s, m.at + #s) end

local function kill(m, to)
  local joins = m.last == "kill"
  m.this = "kill"
  local from, stop = math.min(m.at, to), math.max(m.at, to)
  local s = m.text:sub(from + 1, stop)
  if s == "" then return end
  local n = #m.ring
  if joins and n > 0 then
    m.ring[n] = to < m.at and s .. m.ring[n] or m.ring[n] .. s
  else
    m.ring[n + 1] = s
    if #m.ring > 60 then table.remove(m.ring, 1) end
  end
  m.turn = #m.ring
  change(m, from, stop, "", from)
end

local function yank(m)
  local s = m.ring[m.turn]
  if not s then return end
  local from = m.at
  insert(m, s)
  m.yanked, m.this = { from, from + #s }, "yank"
end

local function go_to(m, from, to)
  local state = table.remove(m[from])
  if not state then return false end
  m[to][#m[to] + 1] = { m.text, m.at }
  m.text, m.at, m.open = state[1], state[2], false
  return true
end

local function transpose(m)
  local s, at = m.text, m.at
  local start, stop = begin_of(m), line_end(m)
  if at == stop then at = before(s, at) end
  local from, to = before(s, at), after(s, at)
  -- (After an empty line the character before is the line's end: that is another line.)
  if at <= start or to > stop then return end
  change(m, from, to, s:sub(at + 1, to) .. s:sub(from + 1, at), to)
end

local function change_case(m, f)
  local to = forward(m)
  local s = f(m.text:sub(m.at + 1, to))
  change(m, m.at, to, s, m.at + #s)
end

-- ---- Keys ---------------------------------------------------------------------------------------------

local COMMANDS = {
  left = function(m) m.at = before(m.text, m.at) end,
  right = function(m) m.at = after(m.text, m.at) end,
  ["ctrl-a"] = function(m) m.at = begin_of(m) end,
  ["ctrl-e"] = function(m) m.at = line_end(m) end,
  ["alt-f"] = function(m) m.at = forward(m) end,
  ["alt-b"] = function(m) m.at = backward(m) end,
  backspace = function(m)
    local from = before(m.text, m.at)
    change(m, from, m.at, "", from)
  end,
  delete = function(m) change(m, m.at, after(m.text, m.at), "", m.at) end,
  ["ctrl-k"] = function(m)
    local to = line_end(m)
    kill(m, to == m.at and math.min(to + 1, #m.text) or to)
  end,
  ["ctrl-u"] = function(m)
    local to = begin_of(m)
    kill(m, to == m.at and math.max(to - 1, 0) or to)
  end,
  ["alt-d"] = function(m) kill(m, forward(m)) end,
  ["alt-backspace"] = function(m) kill(m, backward(m)) end,
  ["ctrl-w"] = function(m) kill(m, skip_back(m.text, skip_back(m.text, m.at, blank), no_blank)) end,
  ["alt-\\"] = function(m)
    local from = #m.text:sub(1, m.at):match "^(.-)[ \t]*$"
    local to = m.text:match("^[ \t]*()", m.at + 1) - 1
    change(m, from, to, "", from)
  end,
  ["ctrl-y"] = yank,
  ["alt-y"] = function(m)
    if m.last ~= "yank" then return end
    m.turn = (m.turn - 2) % #m.ring + 1
    local from, to = m.yanked[1], m.yanked[2]
    change(m, from, to, "", from)
    m.at = from
    yank(m)
  end,
  ["ctrl-t"] = transpose,
  ["alt-u"] = function(m) change_case(m, text.upper) end,
  ["alt-l"] = function(m) change_case(m, text.lower) end,
  ["alt-enter"] = function(m) insert(m, "\n" .. m.text:sub(begin_of(m) + 1, m.at):match "^[ \t]*") end,
  insert = function(m) m.overwrite = not m.overwrite end,
  ["ctrl-_"] = function(m) go_to(m, "done", "redone") end,
  ["alt-/"] = function(m) go_to(m, "redone", "done") end,
  ["alt-r"] = function(m)
    while go_to(m, "done", "redone") do end
  end,
}

M.KEYS = {}
for name in pairs(COMMANDS) do M.KEYS[#M.KEYS + 1] = name end
table.sort(M.KEYS)

local KINDS = { backspace = "delete", delete = "delete" }

-- Typed characters of a word are one step back, and so are deletions one after the other.
local function begin(m, kind, char)
  local on = kind and kind == m.last and m.open and m.at == m.left
  if on and kind == "type" then on = char:find "%s" or not m.after_blank end
  if not on then m.open = false end
  m.this = kind
end

local function finish(m, char)
  m.after_blank = char and char:find "%s" ~= nil
  m.last, m.left = m.this, m.at
end

function Model:press(key)
  local command = COMMANDS[key]
  if command then
    begin(self, KINDS[key])
    command(self)
    return finish(self)
  end
  begin(self, "type", key)
  local to = self.overwrite and math.min(after(self.text, self.at), line_end(self)) or self.at
  change(self, self.at, to, key, self.at + #key)
  finish(self, key)
end

function Model:paste(s)
  begin(self)
  insert(self, s)
  finish(self)
end

-- ---- What is shown ------------------------------------------------------------------------------------

-- The text as it is to be seen, without blanks: where rows end is not the model's affair.
function M.seen(s)
  local parts = {}
  for c in text.graphemes(s) do
    local b = c:byte()
    if c == "\n" or c == "\t" then
      c = ""
    elseif b < 32 or b == 127 then
      c = "^" .. string.char(b ~ 64)
    elseif text.width(c) == 0 then
      c = ("<%x>"):format(utf8.codepoint(c))
    end
    parts[#parts + 1] = c
  end
  return (table.concat(parts):gsub(" ", ""))
end

return M
