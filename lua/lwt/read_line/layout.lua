-- From a text to the rows of a screen: which character stands in which column of which row, at a width.
-- It knows no terminal. Rows are made when they are asked for, and kept while what is before them stays as
-- it was, so that a key in a long text costs a screen at most.
--
-- A row has, for each of its `n` columns: `t` the character ("" in the second column of a wide one), `s`
-- its style (parameters of SGR, "" for none), `o` the offset in the text. `soft`: it is full, and its line
-- goes on in the next row. `doubtful`: the last columns of what terminals take for wider or narrower, as a
-- set, or nil. Rows are never changed once they are made: the same table is the same row.

local clusters = require "lwt.read_line.clusters"
local text_width = require "lwt.term.core".text_width

local byte, sub, find = string.byte, string.sub, string.find
local min = math.min

local M = {}

local TAB = 8
local KEPT = 200 -- rows that are kept whole; of those before them only where they begin and end

-- ---- Characters ---------------------------------------------------------------------------------

-- Of several code points, but for letters with accents; emoji that came after Unicode 9.
local function is_doubtful(c)
  if find(c, "^\xF0\x9F[\xA4-\xBF]") then return true end
  local rest = sub(c, utf8.offset(c, 2))
  return rest ~= "" and rest:gsub("[\xCC\xCD][\x80-\xBF]", "") ~= ""
end

-- What is shown for a cluster: its columns, as a list of what is in each, and whether they are doubtful.
-- Controls are ^X, what has no width is its number: both can be seen, and edited.
local function show(c, width)
  local b = byte(c)
  if b < 32 or b == 127 then
    local shown = { "^", string.char(b ~ 64) }
    for i = 2, #c do shown[i + 1] = sub(c, i, i) end
    return shown, false
  end
  local columns = b < 0x80 and #c == 1 and 1 or text_width(c)
  if columns == 0 then
    local shown = {}
    for digit in ("<%x>"):format(utf8.codepoint(c, 1, 1, true)):gmatch "." do
      shown[#shown + 1] = digit
    end
    return shown, false
  end
  local doubtful = b >= 0xC0 and is_doubtful(c)
  if columns > width or doubtful and columns >= width then return { "?" }, false end
  local shown = { c }
  for i = 2, columns do shown[i] = "" end
  return shown, doubtful, true
end

-- ---- Rows ---------------------------------------------------------------------------------------

local function new_row(from)
  return { t = {}, s = {}, o = {}, n = 0, from = from, stop = from, soft = false, doubtful = nil }
end

-- A row that is full, so that the line can go on in the next one.
local function pad(row, width, offset)
  for column = row.n + 1, width do row.t[column], row.s[column], row.o[column] = " ", "", offset end
  row.n = width
end

-- Puts what is shown for one cluster. Returns false when it belongs in the next row.
local function put(row, shown, whole, doubtful, style, offset, width)
  local columns, n = #shown, row.n
  if whole and n + columns > width or doubtful and n + columns >= width then
    pad(row, width, offset)
    return false
  end
  for i = 1, columns do
    row.t[n + i], row.s[n + i], row.o[n + i] = shown[i], style, offset
  end
  row.n = n + columns
  if doubtful then
    row.doubtful = row.doubtful or {}
    row.doubtful[n + columns] = true
  end
  return true
end

-- Plain ASCII, as much as there is and fits: the offset behind it.
local function put_ascii(row, s, at, stop, style, width)
  local limit = min(stop, at + width - row.n)
  local other = find(sub(s, at + 1, limit), "[^ -~]")
  local last = other and at + other - 1 or limit
  -- What comes behind may stand on the last one.
  local b = byte(s, last + 1)
  if b and b >= 0x80 then last = last - 1 end
  local t, styles, o, n = row.t, row.s, row.o, row.n - at
  for i = at + 1, last do t[n + i], styles[n + i], o[n + i] = sub(s, i, i), style, i - 1 end
  if last > at then row.n = n + last end
  return last > at and last or at
end

-- Fills the row with text from `at` to `stop`, all in one style. Where it ended, and why: "stop",
-- "newline" (which is passed) or "full". A control that does not fit is cut by the caller's `rest`.
local function fill(row, s, at, stop, style, width)
  while at < stop do
    if row.n >= width then return at, "full" end
    local after = put_ascii(row, s, at, stop, style, width)
    if after > at then
      at = after
    else
      after = clusters.next(s, at)
      local c = sub(s, at + 1, after)
      if c == "\n" or c == "\r\n" then return after, "newline" end
      local shown, doubtful, whole
      if c == "\t" then
        shown = {}
        for i = 1, min(TAB - row.n % TAB, width - row.n) do shown[i] = " " end
      else
        shown, doubtful, whole = show(c, width)
        -- What takes several columns of its own goes to the next row as one.
        whole = whole or #shown <= width
        if not whole then shown = { table.unpack(shown, 1, width - row.n) } end
      end
      if not put(row, shown, whole, doubtful, style, at, width) then return at, "full" end
      at = after
    end
  end
  return at, "stop"
end

-- ---- Pieces: { text, style } … ------------------------------------------------------------------

-- Rows of pieces, the last one unfinished. Used for prompts, and for what is below the line.
function M.rows_of(pieces, width)
  local rows, row = {}, new_row(0)
  for _, piece in ipairs(pieces) do
    local s, at = piece[1], 0
    while at < #s do
      local why
      at, why = fill(row, s, at, #s, piece[2], width)
      if why ~= "stop" then
        row.soft = why == "full"
        rows[#rows + 1] = row
        row = new_row(0)
      end
    end
  end
  rows[#rows + 1] = row
  return rows
end

-- One row of pieces, cut at the width.
function M.row_of(pieces, width)
  return M.rows_of(pieces, width)[1]
end

-- ---- The layout of a line that is edited --------------------------------------------------------

local Layout = {}
Layout.__index = Layout

function M.new()
  return setmetatable({ rows = {}, text = "", styles = {}, hint = "", width = 0 }, Layout)
end

-- How many bytes two strings have in common at the beginning.
local function common_prefix(a, b)
  if a == b then return #a end
  local low, high = 0, min(#a, #b)
  while low < high do
    local middle = (low + high + 1) // 2
    local same = sub(a, low + 1, middle) == sub(b, low + 1, middle)
    if same then low = middle else high = middle - 1 end
  end
  return low
end

-- The first offset where two lists of styles { from, to, style } differ.
local function first_difference(a, b)
  if a == b then return math.huge end
  local i = 1
  while true do
    local x, y = a[i], b[i]
    if not x and not y then return math.huge end
    if not x or not y or x[1] ~= y[1] or x[2] ~= y[2] or x[3] ~= y[3] then
      return min(x and x[1] or math.huge, y and y[1] or math.huge)
    end
    i = i + 1
  end
end

local function same_pieces(a, b)
  if a == b then return true end
  if not a or not b or #a ~= #b then return false end
  for i, piece in ipairs(a) do
    if piece[1] ~= b[i][1] or piece[2] ~= b[i][2] then return false end
  end
  return true
end

-- The rows of the prompt. The last one is unfinished: the text goes on in it.
local function head_rows(prompt, width)
  local head = M.rows_of(prompt, width)
  local last = head[#head]
  if last.n >= width then
    last.soft = true
    head[#head + 1] = new_row(0)
  end
  return head
end

local function begun(layout)
  local last, row = layout.head[#layout.head], new_row(0)
  for i = 1, last.n do row.t[i], row.s[i], row.o[i] = last.t[i], last.s[i], -1 end
  row.n, row.doubtful = last.n, last.doubtful
  return row
end

-- Takes what is to be shown. frame: width, prompt and continuation (pieces), text, styles (sorted, apart),
-- hint, hint_style.
function Layout:update(frame)
  local styles = frame.styles or {}
  local known = common_prefix(self.text, frame.text)
  if frame.width ~= self.width or not same_pieces(frame.prompt, self.prompt)
    or not same_pieces(frame.continuation, self.continuation) then
    self.width, self.prompt, self.continuation = frame.width, frame.prompt, frame.continuation
    self.head = head_rows(frame.prompt, frame.width)
    self.prefix = M.row_of(frame.continuation or {}, frame.width)
    if self.prefix.n * 2 > frame.width then self.prefix = new_row(0) end
    self.rows, known = {}, 0
  else
    known = min(known, first_difference(self.styles, styles))
    if known >= #self.text and #self.text == #frame.text and self.hint == frame.hint then
      self.styles = styles
      return
    end
  end
  local rows = self.rows
  -- A row stays when the whole character behind it does, and the code point behind that.
  for i = #rows, 1, -1 do
    local row = rows[i]
    if row.made and row.stop + 4 <= known and clusters.next(self.text, row.stop) + 4 <= known then
      break
    end
    rows[i] = nil
  end
  self.text, self.styles, self.hint = frame.text, styles, frame.hint or ""
  self.hint_style = frame.hint_style or "2"
  self.finished = false
end

-- The style at an offset, and up to where it reaches.
local function style_at(layout, at)
  local styles = layout.styles
  local low, high = 0, #styles
  while low < high do
    local middle = (low + high + 1) // 2
    if styles[middle][1] <= at then low = middle else high = middle - 1 end
  end
  local span, after = styles[low], styles[low + 1]
  local stop = after and after[1] or math.huge
  if span and at < span[2] then return span[3], min(span[2], stop) end
  return "", stop
end

local function begin_row(layout, last)
  if not last then return begun(layout), 0 end
  local row = new_row(last.stop)
  if not last.soft and layout.continuation then
    local prefix = layout.prefix
    for i = 1, prefix.n do row.t[i], row.s[i], row.o[i] = prefix.t[i], prefix.s[i], -1 end
    row.n = prefix.n
  end
  return row, last.stop
end

-- The text of the row, and whether it goes on.
local function fill_text(layout, row, at)
  local s, width = layout.text, layout.width
  local why = "stop"
  while at < #s and why == "stop" do
    local style, stop = style_at(layout, at)
    -- A style that ends in the middle of a character ends behind it.
    if stop < #s then stop = clusters.ceil(s, stop) end
    at, why = fill(row, s, at, min(stop, #s), style, width)
  end
  row.stop = at
  if why == "newline" and row.n >= width then
    row.stop = clusters.prev(s, at) -- a row of its own for the cursor at its end
    why = "full"
  elseif why == "stop" and row.n >= width then
    why = "full"
  end
  row.soft = why == "full"
  return why
end

-- Behind the text: the hint, in rows of its own.
local function fill_hint(layout, row)
  local s, at, rows = layout.hint, 0, layout.rows
  row.text_end = row.n
  while true do
    local why
    at, why = fill(row, s, at, #s, layout.hint_style, layout.width)
    rows[#rows + 1] = row
    if at >= #s and why == "stop" then return end
    row.soft = why == "full"
    row = new_row(#layout.text + 1)
  end
end

-- Of rows far above only the borders are kept: a long text would fill the memory with cells.
local function thin(rows)
  local i = #rows - KEPT
  local row = rows[i]
  if row and row.t then
    rows[i] = { from = row.from, stop = row.stop, soft = row.soft, made = row.made }
  end
end

local function whole_row(layout, i)
  local rows = layout.rows
  local row = rows[i]
  if not row or row.t then return row end
  local new, at = begin_row(layout, rows[i - 1])
  fill_text(layout, new, at)
  new.made = true
  rows[i] = new
  return new
end

local function make_row(layout)
  local rows = layout.rows
  thin(rows)
  local row, at = begin_row(layout, rows[#rows])
  local why = fill_text(layout, row, at)
  row.made = true
  if why ~= "stop" then
    rows[#rows + 1] = row
    return
  end
  layout.finished = true
  if layout.hint == "" then
    rows[#rows + 1] = row
  else
    row.made = false
    fill_hint(layout, row)
  end
end

-- The next row as far as where it ends, where that is plain to see: all of it is printable ASCII, and so is
-- what comes behind. (A long text is gone through so; its rows are made whole when they are shown.)
local function skim_row(layout)
  local rows, s = layout.rows, layout.text
  local last = rows[#rows]
  if not last then return false end
  local indent = not last.soft and layout.continuation and layout.prefix.n or 0
  local at, room = last.stop, layout.width - indent
  if at + room >= #s then return false end
  local other = find(sub(s, at + 1, at + room + 1), "[^ -~]")
  local newline = other and other <= room and byte(s, at + other) == 10
  if other and not newline then return false end
  thin(rows)
  rows[#rows + 1] = { from = at, stop = at + (other or room), soft = not newline, made = true }
  return true
end

-- The rows of the prompt that are above the one where the text begins.
function Layout:above() return #self.head - 1 end

-- A row, counted from the first one of the prompt; nil: there are not so many.
function Layout:row(i)
  local above = #self.head - 1
  if i <= above then return self.head[i] end
  i = i - above
  while not self.rows[i] and not self.finished do make_row(self) end
  return whole_row(self, i)
end

-- How many there are.
function Layout:count()
  while not self.finished do
    if not skim_row(self) then make_row(self) end
  end
  return #self.head - 1 + #self.rows
end

-- The row and the column (from 0) of an offset in the text.
function Layout:locate(offset)
  local rows = self.rows
  while not self.finished and (not rows[1] or rows[#rows].stop <= offset) do
    if not skim_row(self) then make_row(self) end
  end
  local low, high = 1, #rows
  while low < high do
    local middle = (low + high + 1) // 2
    if rows[middle].from <= offset then low = middle else high = middle - 1 end
  end
  local row = whole_row(self, low)
  local stop = row.text_end or row.n
  local column = stop
  for i = 1, stop do
    if row.o[i] >= offset then
      column = i - 1
      break
    end
  end
  return #self.head - 1 + low, column
end

return M
