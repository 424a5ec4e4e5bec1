-- What to write so that a region of the screen shows other rows than it does now. It remembers what is
-- shown, and where the cursor is, from the region's first row on; of each row it writes what changed.
--
-- It asks of a terminal CR, LF, BS, CUU, CUD, CUF, CHA, EL, ED and SGR. Behind a full row the cursor
-- hangs, and terminals differ in what comes then: there a CR is the first thing that is written. New rows
-- are made by CR LF, which scrolls at the bottom. Behind a character whose width is doubtful the column
-- is set.

local M = {}

local Frame = {}
Frame.__index = Frame

function M.new()
  return setmetatable({ rows = {}, row = 1, column = 0, height = 1, pen = "", out = {} }, Frame)
end

-- Nothing is shown; the cursor is where the first row will begin.
function Frame:reset() self.rows, self.row, self.column, self.pen = {}, 1, 0, "" end

local function csi(n, final) return n == 1 and "\27[" .. final or "\27[" .. n .. final end

local function add(frame, s) frame.out[#frame.out + 1] = s end

local function set_pen(frame, style)
  if frame.pen == style then return end
  -- What is only added needs no reset.
  if style ~= "" and frame.pen == "" then
    add(frame, "\27[" .. style .. "m")
  else
    add(frame, style == "" and "\27[m" or "\27[0;" .. style .. "m")
  end
  frame.pen = style
end

local NEAR = 3 -- columns that are gone in as many bytes, or fewer

-- The text between two columns of a row, if it is as cheap to write as to be skipped.
local function cheap(row, from, to)
  if not row or to - from > NEAR then return nil end
  for i = from + 1, to do
    if row.s[i] ~= "" or not row.t[i] or #row.t[i] ~= 1 then return nil end
  end
  return table.concat(row.t, "", from + 1, to)
end

local function go_column(frame, column, shown)
  local steps = column - frame.column
  local text = steps > 0 and frame.pen == "" and cheap(shown, frame.column, column)
  if column == 0 then
    add(frame, "\r")
  elseif steps < 0 then
    add(frame, -steps <= NEAR and ("\b"):rep(-steps) or csi(column + 1, "G"))
  else
    add(frame, text or csi(steps, "C"))
  end
  frame.column = column
end

-- `shown`: the cells of that row, as they are on the screen.
local function go(frame, row, column, columns, shown)
  if frame.column >= columns and (row ~= frame.row or column ~= frame.column) then
    add(frame, "\r")
    frame.column = 0
  end
  while frame.row < row and frame.row >= frame.height do -- a row that there is not yet
    set_pen(frame, "")
    add(frame, "\r\n")
    frame.row, frame.height, frame.column = frame.row + 1, frame.height + 1, 0
  end
  if row < frame.row then add(frame, csi(frame.row - row, "A")) end
  if row > frame.row then
    local down = math.min(row, frame.height) - frame.row
    add(frame, csi(down, "B"))
    frame.row = frame.row + down
    return go(frame, row, column, columns, shown)
  end
  frame.row = row
  if column ~= frame.column then go_column(frame, column, shown) end
end

local NOTHING = { t = {}, s = {}, n = 0, doubtful = {} }

local function same(a, b, i) return a.t[i] == b.t[i] and a.s[i] == b.s[i] end

-- The columns of `new` that have to be written: none when first > last.
local function changed(old, new)
  local first = 1
  while first <= new.n and first <= old.n and same(old, new, first) do first = first + 1 end
  local last = new.n
  if old.n == new.n then
    while last >= first and same(old, new, last) do last = last - 1 end
  end
  -- Whole characters, of the old row too.
  while first > 1 and (new.t[first] == "" or old.t[first] == "") do first = first - 1 end
  while last < new.n and new.t[last + 1] == "" do last = last + 1 end
  return first, last
end

local function write_row(frame, i, old, new, columns)
  local first, last = changed(old, new)
  if first <= last then
    go(frame, i, first - 1, columns, new)
    for column = first, last do
      if new.t[column] ~= "" then
        set_pen(frame, new.s[column])
        add(frame, new.t[column])
      end
      frame.column = column
      if new.doubtful[column] and column < columns then add(frame, csi(column + 1, "G")) end
    end
  end
  if old.n > new.n then
    go(frame, i, new.n, columns, new)
    set_pen(frame, "")
    add(frame, "\27[K")
  end
end

local function taken(frame)
  local bytes = table.concat(frame.out)
  frame.out = {}
  return bytes
end

-- The bytes that show `rows` (see cells.lua), and put the cursor at { row, column } (from 1, and from 0),
-- or behind the last row; and how many rows they change.
function Frame:draw(rows, cursor, columns)
  local old, count = self.rows, 0
  self.height = math.max(1, #old)
  for i = 1, #rows do
    local before = old[i] or NOTHING
    if before ~= rows[i] or not old[i] then
      local size = #self.out
      if not old[i] then go(self, i, 0, columns) end
      write_row(self, i, before, rows[i], columns)
      if #self.out > size then count = count + 1 end
    end
  end
  if #rows < #old then
    go(self, math.max(1, #rows + 1), 0, columns)
    set_pen(self, "")
    add(self, "\27[J")
    count = count + 1
    if #rows > 0 then
      self.height = #rows + 1
      go(self, #rows, 0, columns)
    end
  end
  set_pen(self, "")
  if #rows > 0 then
    local row = cursor and math.min(cursor[1], #rows) or #rows
    go(self, row, cursor and math.min(cursor[2], columns - 1) or rows[row].n, columns, rows[row])
  end
  self.rows = rows
  return taken(self), count
end

-- The bytes that put the cursor into the last row.
function Frame:to_end(columns)
  if #self.rows == 0 then return "" end
  self.height = #self.rows
  go(self, #self.rows, self.rows[#self.rows].n, columns)
  return taken(self)
end

-- The bytes that take the region away; the cursor is where its first row began. `columns` is how wide the
-- terminal is now: it may have wrapped the rows anew.
function Frame:erase(columns)
  if #self.rows == 0 then return "" end
  local above = 0
  for i = 1, self.row - 1 do
    above = above + math.max(1, (self.rows[i].n + columns - 1) // columns)
  end
  above = above + (math.max(0, self.column - 1)) // columns
  self:reset()
  return (above > 0 and csi(above, "A") or "") .. "\r\27[J"
end

return M
