-- A small terminal: bytes in, a screen of cells out, for comparing with what should be there.
--
--   local screen = require("spec.support.screen").new(80, 24)
--   screen:feed(bytes)
--   screen:row(1)               the text of a row, without the blanks at its end
--   screen.x, screen.y          where the cursor is, from 1; `screen.hangs`: behind a full row
--   screen:rows()               all of them, without the empty ones at the end
--   screen:cell(x, y)           { char =, style = }; char is "" behind a wide character
--   screen.soft[y]              the row goes on in the next one
--   screen.title, .bells, .modes[1049], .links, .clipboard, .replies
--
-- What xterm does, as far as programs rely on it: the cursor hangs behind a full row until the next
-- character; a wide character that does not fit goes to the next row, and half of one overwritten
-- loses the other half. `unknown` lists the sequences that it does not know.

local M = {}

local Screen = {}
Screen.__index = Screen

-- ---- How wide -------------------------------------------------------------------

local ZERO = {
  { 0x300, 0x36F }, { 0x483, 0x489 }, { 0x591, 0x5BD }, { 0x610, 0x61A }, { 0x64B, 0x65F },
  { 0x93C, 0x93C }, { 0x94D, 0x94D }, { 0xE31, 0xE31 }, { 0xE34, 0xE3A }, { 0xE47, 0xE4E },
  { 0x1160, 0x11FF }, { 0x1AB0, 0x1AFF }, { 0x1DC0, 0x1DFF }, { 0x200B, 0x200F }, { 0x2060, 0x2064 },
  { 0x20D0, 0x20F0 }, { 0x302A, 0x302D }, { 0x3099, 0x309A }, { 0xFE00, 0xFE0F }, { 0xFE20, 0xFE2F },
  { 0xFEFF, 0xFEFF }, { 0xE0100, 0xE01EF },
}
local WIDE = {
  { 0x1100, 0x115F }, { 0x231A, 0x231B }, { 0x2E80, 0x303E }, { 0x3041, 0x33FF }, { 0x3400, 0x4DBF },
  { 0x4E00, 0x9FFF }, { 0xA000, 0xA4CF }, { 0xA960, 0xA97F }, { 0xAC00, 0xD7A3 }, { 0xF900, 0xFAFF },
  { 0xFE30, 0xFE6F }, { 0xFF00, 0xFF60 }, { 0xFFE0, 0xFFE6 }, { 0x1F300, 0x1F64F }, { 0x1F680, 0x1F6FF },
  { 0x1F900, 0x1F9FF }, { 0x20000, 0x3FFFD },
}

local function within(ranges, code)
  for _, range in ipairs(ranges) do
    if code >= range[1] and code <= range[2] then return true end
  end
  return false
end

local function width(code)
  if code < 0x300 then return 1 end
  return within(ZERO, code) and 0 or within(WIDE, code) and 2 or 1
end

-- ---- Cells ----------------------------------------------------------------------

-- `empty`: nobody has written the blank.
local BLANK = { char = " ", style = "", empty = true }

local function blank_row(columns, style)
  local row = {}
  local cell = (style or "") == "" and BLANK or { char = " ", style = style, empty = true }
  for x = 1, columns do row[x] = cell end
  return row
end

function M.new(columns, rows)
  local s = setmetatable({
    columns = columns, height = rows, x = 1, y = 1, hangs = false, style = {}, link = nil,
    top = 1, bottom = rows, cells = {}, soft = {}, visible = true, modes = { [7] = true }, bells = 0,
    title = "", links = {}, replies = {}, unknown = {}, scrolled = {}, rest = "", bytes = 0,
  }, Screen)
  for y = 1, rows do s.cells[y] = blank_row(columns) end
  return s
end

function Screen:cell(x, y) return self.cells[y][x] end

function Screen:row(y)
  local parts = {}
  for x = 1, self.columns do parts[x] = self.cells[y][x].char end
  return (table.concat(parts):gsub(" +$", ""))
end

function Screen:rows()
  local list = {}
  for y = 1, self.height do list[y] = self:row(y) end
  while #list > 0 and list[#list] == "" do list[#list] = nil end
  return list
end

-- All of it: what is on the screen, and what has left it at the top.
function Screen:everything()
  local list = { table.unpack(self.scrolled) }
  for _, text in ipairs(self:rows()) do list[#list + 1] = text end
  return list
end

-- The style of a blank that is erased: its background.
local function erased_style(s) return s.style.bg and "bg" .. s.style.bg or "" end

local NAMES = { "bold", "dim", "italic", "underline", "blink", "inverse", "hidden", "strike" }

local function style_text(s)
  local parts = {}
  for _, name in ipairs(NAMES) do
    if s.style[name] then parts[#parts + 1] = name end
  end
  if s.style.fg then parts[#parts + 1] = "fg" .. s.style.fg end
  if s.style.bg then parts[#parts + 1] = "bg" .. s.style.bg end
  if s.link then parts[#parts + 1] = "link" .. s.link end
  return table.concat(parts, " ")
end

-- A half of a wide character that is overwritten takes the other half with it.
local function clear_halves(row, x, columns)
  if row[x].char == "" and x > 1 then row[x - 1] = BLANK end
  if x < columns and row[x + 1].char == "" then row[x + 1] = BLANK end
end

local function erase(s, y, from, to)
  local row = s.cells[y]
  local style = erased_style(s)
  for x = from, math.min(to, s.columns) do
    clear_halves(row, x, s.columns)
    row[x] = { char = " ", style = style, empty = true }
  end
  if to >= s.columns then s.soft[y] = nil end
end

local function scroll_up(s, n)
  for _ = 1, n do
    local gone = table.remove(s.cells, s.top)
    if s.top == 1 and not s.modes[1049] then
      local parts = {}
      for x = 1, s.columns do parts[x] = gone[x].char end
      s.scrolled[#s.scrolled + 1] = (table.concat(parts):gsub(" +$", ""))
    end
    table.insert(s.cells, s.bottom, blank_row(s.columns, erased_style(s)))
    for y = s.top, s.bottom do s.soft[y] = y < s.bottom and s.soft[y + 1] or nil end
  end
end

local function scroll_down(s, n)
  for _ = 1, n do
    table.remove(s.cells, s.bottom)
    table.insert(s.cells, s.top, blank_row(s.columns, erased_style(s)))
    for y = s.bottom, s.top, -1 do s.soft[y] = y > s.top and s.soft[y - 1] or nil end
  end
end

local function line_feed(s)
  s.hangs = false
  if s.y == s.bottom then scroll_up(s, 1) elseif s.y < s.height then s.y = s.y + 1 end
end

local function move(s, x, y)
  s.hangs = false
  s.x = math.max(1, math.min(s.columns, x))
  s.y = math.max(1, math.min(s.height, y))
end

local function wrap(s)
  s.soft[s.y] = true
  line_feed(s)
  s.x = 1
end

local function put(s, code)
  local char, columns = utf8.char(code), width(code)
  if columns == 0 then
    local x = s.hangs and s.columns or s.x - 1
    while x > 1 and s.cells[s.y][x].char == "" do x = x - 1 end
    if x < 1 then return end
    local cell = s.cells[s.y][x]
    s.cells[s.y][x] = { char = cell.char .. char, style = cell.style }
    return
  end
  if s.hangs and s.modes[7] then wrap(s) end
  if s.x + columns - 1 > s.columns then
    if s.columns < columns then return end
    if s.modes[7] then wrap(s) else s.x = s.columns - columns + 1 end
  end
  local row, style = s.cells[s.y], style_text(s)
  for i = 0, columns - 1 do
    clear_halves(row, s.x + i, s.columns)
    row[s.x + i] = { char = i == 0 and char or "", style = style }
  end
  s.x = s.x + columns
  if s.x > s.columns then s.x, s.hangs = s.columns, true end
end

-- ---- Sequences ------------------------------------------------------------------

local ON = {
  [1] = "bold", [2] = "dim", [3] = "italic", [4] = "underline", [5] = "blink", [7] = "inverse",
  [8] = "hidden", [9] = "strike",
}
local OFF = { [23] = "italic", [24] = "underline", [25] = "blink", [27] = "inverse", [28] = "hidden",
  [29] = "strike" }

-- A colour of 38 and 48: how many parameters it takes more, and what it is.
local function long_colour(p, i)
  if p[i + 1] == 5 then return 2, tostring(p[i + 2]) end
  if p[i + 1] == 2 then return 4, ("%d,%d,%d"):format(p[i + 2] or 0, p[i + 3] or 0, p[i + 4] or 0) end
  return 0, nil
end

local function sgr(s, p)
  local i = 1
  while i <= math.max(1, #p) do
    local n = p[i] or 0
    local style = s.style
    if n == 0 then s.style = {}
    elseif ON[n] then style[ON[n]] = true
    elseif n == 22 then style.bold, style.dim = nil, nil
    elseif OFF[n] then style[OFF[n]] = nil
    elseif n >= 30 and n <= 37 then style.fg = tostring(n - 30)
    elseif n >= 40 and n <= 47 then style.bg = tostring(n - 40)
    elseif n >= 90 and n <= 97 then style.fg = tostring(n - 82)
    elseif n >= 100 and n <= 107 then style.bg = tostring(n - 92)
    elseif n == 39 then style.fg = nil
    elseif n == 49 then style.bg = nil
    elseif n == 38 or n == 48 then
      local more, colour = long_colour(p, i)
      style[n == 38 and "fg" or "bg"] = colour
      i = i + more
    else s.unknown[#s.unknown + 1] = "SGR " .. n end
    i = i + 1
  end
end

local function save(s) s.saved = { s.x, s.y, s.hangs, s.style } end

local function restore(s)
  if not s.saved then return move(s, 1, 1) end
  s.x, s.y, s.hangs = s.saved[1], s.saved[2], s.saved[3]
  s.style = {}
  for k, v in pairs(s.saved[4]) do s.style[k] = v end
end

local function alternate(s, on)
  if (s.modes[1049] or false) == on then return end
  if on then
    save(s)
    s.main = { s.cells, s.soft }
    s.cells, s.soft = {}, {}
    for y = 1, s.height do s.cells[y] = blank_row(s.columns) end
  else
    s.cells, s.soft = s.main[1], s.main[2]
    restore(s)
  end
end

local function private(s, p, on)
  for _, n in ipairs(p) do
    if n == 25 then s.visible = on elseif n == 1049 then alternate(s, on) end
    if n == 2026 and on then s.synchronized = (s.synchronized or 0) + 1 end
    s.modes[n] = on or nil
  end
end

local function erase_display(s, how)
  if how == 0 then
    erase(s, s.y, s.x, s.columns)
    for y = s.y + 1, s.height do erase(s, y, 1, s.columns) end
  elseif how == 1 then
    for y = 1, s.y - 1 do erase(s, y, 1, s.columns) end
    erase(s, s.y, 1, s.x)
  elseif how == 2 then
    for y = 1, s.height do erase(s, y, 1, s.columns) end
  elseif how == 3 then
    s.scrolled = {}
  end
end

local function insert_cells(s, n)
  local row = s.cells[s.y]
  for _ = 1, math.min(n, s.columns) do
    table.insert(row, s.x, { char = " ", style = erased_style(s), empty = true })
    row[s.columns + 1] = nil
  end
end

local function delete_cells(s, n)
  local row = s.cells[s.y]
  for _ = 1, math.min(n, s.columns) do
    table.remove(row, s.x)
    row[s.columns] = { char = " ", style = erased_style(s), empty = true }
  end
end

local function lines(s, n, f)
  if s.y < s.top or s.y > s.bottom then return end
  local top = s.top
  s.top = s.y
  f(s, math.min(n, s.bottom - s.y + 1))
  s.top = top
end

local CSI = {
  A = function(s, n) move(s, s.x, math.max(s.y >= s.top and s.top or 1, s.y - n)) end,
  B = function(s, n) move(s, s.x, math.min(s.y <= s.bottom and s.bottom or s.height, s.y + n)) end,
  C = function(s, n) move(s, s.x + n, s.y) end,
  D = function(s, n) move(s, s.x - n, s.y) end,
  E = function(s, n) move(s, 1, s.y + n) end,
  F = function(s, n) move(s, 1, s.y - n) end,
  G = function(s, n) move(s, n, s.y) end,
  H = function(s, _, p) move(s, math.max(1, p[2] or 1), math.max(1, p[1] or 1)) end,
  J = function(s, _, p) erase_display(s, p[1] or 0) end,
  K = function(s, _, p)
    local how = p[1] or 0
    erase(s, s.y, how == 0 and s.x or 1, how == 1 and s.x or s.columns)
  end,
  L = function(s, n) lines(s, n, scroll_down) end,
  M = function(s, n) lines(s, n, scroll_up) end,
  P = function(s, n) delete_cells(s, n) end,
  ["@"] = function(s, n) insert_cells(s, n) end,
  X = function(s, n) erase(s, s.y, s.x, math.min(s.columns, s.x + n - 1)) end,
  S = function(s, n) scroll_up(s, n) end,
  T = function(s, n) scroll_down(s, n) end,
  d = function(s, n) move(s, s.x, n) end,
  m = function(s, _, p) sgr(s, p) end,
  r = function(s, _, p)
    s.top, s.bottom = math.max(1, p[1] or 1), math.min(s.height, p[2] or s.height)
    move(s, 1, 1)
  end,
  s = save,
  u = restore,
  n = function(s, _, p)
    if p[1] == 6 then s.replies[#s.replies + 1] = ("\27[%d;%dR"):format(s.y, s.x) end
  end,
  c = function(s) s.replies[#s.replies + 1] = "\27[?62;c" end,
}
CSI.f = CSI.H

local function csi(s, parameters, final)
  local marker = parameters:match "^[<=>?]" or ""
  local p = {}
  for field in parameters:sub(#marker + 1):gmatch "[^;:]*" do p[#p + 1] = tonumber(field) or 0 end
  if parameters == marker then p = {} end
  if marker == "?" and (final == "h" or final == "l") then return private(s, p, final == "h") end
  if marker == ">" and final == "u" then s.kitty = (s.kitty or 0) + 1 return end
  if marker == "<" and final == "u" then s.kitty = (s.kitty or 0) - 1 return end
  local f = marker == "" and not parameters:find "[ -/]" and CSI[final]
  if not f then
    s.unknown[#s.unknown + 1] = "CSI " .. parameters .. final
    return
  end
  f(s, math.max(1, p[1] or 1), p)
end

local function osc(s, text)
  local number, rest = text:match "^(%d+);?(.*)$"
  if number == "0" or number == "2" then
    s.title = rest
  elseif number == "8" then
    local url = rest:match "^[^;]*;(.*)$"
    s.link = url ~= "" and url or nil
    if s.link then s.links[#s.links + 1] = url end
  elseif number == "52" then
    s.clipboard = rest:match ";(.*)$"
  elseif number == "133" then
    s.marks = (s.marks or "") .. rest:sub(1, 1)
  else
    s.unknown[#s.unknown + 1] = "OSC " .. text
  end
end

local C0 = {
  ["\7"] = function(s) s.bells = s.bells + 1 end,
  ["\8"] = function(s) move(s, s.x - 1, s.y) end,
  ["\9"] = function(s) move(s, (s.x - 1) // 8 * 8 + 9, s.y) end,
  ["\10"] = line_feed,
  ["\11"] = line_feed,
  ["\12"] = line_feed,
  ["\13"] = function(s) move(s, 1, s.y) end,
}

local ESCAPES = {
  ["7"] = save, ["8"] = restore, M = function(s)
    if s.y == s.top then scroll_down(s, 1) else move(s, s.x, s.y - 1) end
  end,
  D = line_feed, ["="] = function() end, [">"] = function() end,
}

-- One step at `i`; returns where the next one begins, or nil when more bytes are needed.
local function escape(s, bytes, i)
  local c = bytes:sub(i + 1, i + 1)
  if c == "" then return nil end
  if c == "[" then
    local parameters, final, at = bytes:match("^([0-?]*[ -/]*)([@-~])()", i + 2)
    if not final then
      if bytes:find("^[0-?]*[ -/]*$", i + 2) then return nil end
      s.unknown[#s.unknown + 1] = "broken CSI"
      return i + 2
    end
    csi(s, parameters, final)
    return at
  elseif c == "]" or c == "P" or c == "_" then
    local text, at = bytes:match("^([^\7\27]*)\7()", i + 2)
    if not text then text, at = bytes:match("^([^\7\27]*)\27\\()", i + 2) end
    if not text then return nil end
    if c == "]" then osc(s, text) end
    return at
  elseif c == "(" or c == ")" then
    return #bytes >= i + 2 and i + 3 or nil
  end
  local f = ESCAPES[c]
  if f then f(s) else s.unknown[#s.unknown + 1] = "ESC " .. c end
  return i + 2
end

function Screen:feed(bytes)
  self.bytes = self.bytes + #bytes
  bytes = self.rest .. bytes
  local i = 1
  while i <= #bytes do
    local b, at = bytes:byte(i), nil
    if b == 27 then
      at = escape(self, bytes, i)
    elseif b < 32 then
      local f = C0[string.char(b)]
      if f then f(self) else self.unknown[#self.unknown + 1] = "C0 " .. b end
      at = i + 1
    elseif b < 128 then
      put(self, b)
      at = i + 1
    else
      local char = bytes:match("^[\xC2-\xF4][\x80-\xBF]*", i)
      local length = b >= 0xF0 and 4 or b >= 0xE0 and 3 or 2
      if not char then
        put(self, 0xFFFD)
        at = i + 1
      elseif #char >= length then
        put(self, utf8.codepoint(char))
        at = i + length
      elseif i + #char <= #bytes then
        put(self, 0xFFFD)
        at = i + #char
      end
    end
    if not at then break end
    i = at
  end
  self.rest = bytes:sub(i)
  return self
end

local function is_empty(row)
  for _, cell in ipairs(row) do
    if not cell.empty then return false end
  end
  return true
end

-- Another size: rows are cut or filled, and not wrapped anew; where there are fewer, empty ones at the
-- bottom go first, and then those at the top. Of a wide character that is cut the whole stays, in one column.
function Screen:resize(columns, rows)
  while self.height > rows do
    if self.y < self.height and is_empty(self.cells[self.height]) then
      self.cells[self.height] = nil
    else
      self.scrolled[#self.scrolled + 1] = self:row(1)
      table.remove(self.cells, 1)
      for y = 1, self.height do self.soft[y] = self.soft[y + 1] end
      self.y = math.max(1, self.y - 1)
    end
    self.height = self.height - 1
  end
  while self.height < rows do
    self.height = self.height + 1
    self.cells[self.height] = blank_row(self.columns)
  end
  for y = 1, rows do
    local row = self.cells[y]
    for x = columns + 1, self.columns do row[x] = nil end
    for x = self.columns + 1, columns do row[x] = BLANK end
  end
  self.columns, self.top, self.bottom = columns, 1, rows
  move(self, self.x, self.y)
end

return M
