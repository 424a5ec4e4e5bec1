-- libvterm beside our own small terminal (spec.support.screen): the same bytes must show the same. It is
-- Debian's libvterm-dev, which `make test` installs there; elsewhere it is left out.
--
--   local judge = vterm.new(80, 24)      nil where there is none: vterm.why says what is missing; and in one column
--   judge:feed(bytes) judge:resize(80, 24)
--   judge:differs(screen)                nil, or in words where it shows something else than the screen
--
-- Left out of the comparing: styles that it does not know (dim, hidden, links), the colour of blanks, and
-- the columns of a character which the two take for differently wide. What stands behind such a
-- character is compared: the column is set there.

local build = require "spec.support.build"

local M = {}

local function load()
  local dir = build.temp_dir()
  local ok, library = pcall(build.module, dir, "spec/support/vterm.c", "vterm", { "-lvterm" })
  build.remove_dir(dir)
  if ok then return library end
  if not tostring(library):find("vterm.h: No such file", 1, true) then error(library, 0) end
  M.why = "vterm.h (Debian's libvterm-dev)"
  return nil
end

local library = load()

local Judge = {}
Judge.__index = Judge

function M.new(columns, rows)
  -- (In one column, CR behind a character does nothing in libvterm, which is right nowhere else.)
  if not library or columns < 2 then return nil end
  return setmetatable({ term = library.new(columns, rows) }, Judge)
end

-- libvterm takes the two marks of Japanese for wide, and falls where they do not fit: it gets other marks.
local function known_marks(s) return (s:gsub("\u{3099}", "\u{304}"):gsub("\u{309A}", "\u{306}")) end

function Judge:feed(bytes) self.term:feed(known_marks(bytes)) end

function Judge:resize(columns, rows) self.term:resize(columns, rows) end

-- A style of ours as libvterm can have it.
local plain = setmetatable({}, {
  __index = function(known, style)
    local kept = {}
    for word in style:gmatch "%S+" do
      if word ~= "dim" and word ~= "hidden" and not word:find "^link" then kept[#kept + 1] = word end
    end
    known[style] = table.concat(kept, " ")
    return known[style]
  end,
})

local function style_of(cell)
  local style = plain[cell.style]
  if cell.char ~= " " then return style end
  return (style:gsub(" ?fg%S+", ""):gsub("^ ", ""))
end

-- The row as two texts, as libvterm's :row() gives it.
local function texts_of(row, columns)
  local chars, styles = {}, {}
  for x = 1, columns do
    local cell = row[x]
    chars[x] = cell.char
    styles[x] = cell.char == "" and "|" or style_of(cell) .. "|"
  end
  return known_marks(table.concat(chars)), table.concat(styles)
end

-- How many columns the character in column x of ours has.
local function columns_of(row, x, columns)
  local n = 1
  while x + n <= columns and row[x + n].char == "" do n = n + 1 end
  return n
end

-- A row that is not the same at first sight: the first column which is really different, and how.
local function difference(term, row, y, columns)
  local x = 1
  while x <= columns do
    local cell, n = row[x], columns_of(row, x, columns)
    local ours = known_marks(cell.char)
    local char, style = term:cell(x, y)
    local after = x + n <= columns and term:cell(x + n, y) or " "
    local theirs = 1
    while x + theirs <= columns and term:cell(x + theirs, y) == "" do theirs = theirs + 1 end
    local other_width = theirs ~= n and after ~= "" and ours:byte() >= 0x80
      and char:match(utf8.charpattern) == ours:match(utf8.charpattern)
    if not other_width and (char ~= ours or style ~= style_of(cell)) then
      return ("row %d, column %d: libvterm has %q (%s), ours %q (%s)"):format(y, x, char, style, cell.char,
        style_of(cell))
    end
    x = x + n
  end
  return nil
end

function Judge:differs(screen)
  local term = self.term
  local x, y = term:cursor()
  if x ~= screen.x or y ~= screen.y then
    return ("the cursor is at %d, %d in libvterm, and at %d, %d in ours"):format(x, y, screen.x, screen.y)
  end
  for row = 1, screen.height do
    local chars, styles = texts_of(screen.cells[row], screen.columns)
    local their_chars, their_styles = term:row(row)
    if chars ~= their_chars or styles ~= their_styles then
      local wrong = difference(term, screen.cells[row], row, screen.columns)
      if wrong then return ("%s\nlibvterm: %q\nours:     %q"):format(wrong, their_chars, chars) end
    end
  end
  return nil
end

return M
