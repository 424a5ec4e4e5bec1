-- What to write so that a region of the frame shows other rows than it does now. It remembers what is
-- shown, and where the cursor is, from the region's first row on; it writes the cells that changed, and
-- shifts those that only moved, so that a key in the middle of a row costs a few bytes.
--
-- It asks of a terminal CR, LF, BS, CUU, CUD, CUF, CUB, CHA, EL, ED, ICH, DCH and SGR. Behind a full row
-- the cursor hangs, and terminals differ in what comes then: nothing but CR or the first character of the
-- next row is ever written there. New rows are made by CR LF, which scrolls at the bottom. Behind a
-- character whose width is doubtful the column is set.
--
-- Rows are those of cells.lua; `soft`: the row is full, and its line goes on in the next one, which the
-- terminal is told by letting it wrap.

local rep, concat = string.rep, table.concat
local max, min = math.max, math.min

local Frame = {}
Frame.__index = Frame

local M = {}

local NEAR = 3        -- columns that are gone back by BS
local FAR = 8         -- how far a shift is looked for
local LARGE = 256     -- bytes from which on what is drawn should appear at once

local EMPTY = { t = {}, s = {}, n = 0 }

function M.new()
  return setmetatable({
    width = 80, rows = {}, row = 1, column = 0, hangs = false, pen = "", out = {},
  }, Frame)
end

-- Nothing is shown; the cursor is where the first row will begin.
function Frame:reset()
  self.rows, self.row, self.column, self.hangs, self.pen = {}, 1, 0, false, ""
end

local function add(frame, s) frame.out[#frame.out + 1] = s end

local function csi(n, final) return n == 1 and "\27[" .. final or "\27[" .. n .. final end

-- ---- Moving -------------------------------------------------------------------------------------

local function go_row(frame, row)
  local d = row - frame.row
  if d < 0 then
    add(frame, csi(-d, "A"))
  elseif d > 0 and d <= NEAR and frame.column == 0 then
    add(frame, rep("\n", d)) -- the terminal makes CR LF of it, which is the same here
  elseif d > 0 then
    add(frame, csi(d, "B"))
  end
  frame.row = row
end

local function go_column(frame, column)
  local d = column - frame.column
  if d == 0 then return end
  if column == 0 then
    add(frame, "\r")
  elseif d < 0 and -d <= NEAR then
    add(frame, rep("\b", -d))
  else
    local relative = d > 0 and csi(d, "C") or csi(-d, "D")
    local absolute = csi(column + 1, "G")
    add(frame, #absolute < #relative and absolute or relative)
  end
  frame.column = column
end

local function go(frame, row, column)
  if frame.hangs then
    add(frame, "\r")
    frame.hangs, frame.column = false, 0
  end
  if row ~= frame.row then
    if column == 0 and frame.column ~= 0 and row > frame.row then go_column(frame, 0) end
    go_row(frame, row)
  end
  go_column(frame, column)
end

local function use(frame, style)
  if style == frame.pen then return end
  if style == "" then
    add(frame, "\27[m")
  elseif frame.pen == "" then
    add(frame, "\27[" .. style .. "m")
  else
    add(frame, "\27[0;" .. style .. "m")
  end
  frame.pen = style
end

-- ---- Writing ------------------------------------------------------------------------------------

-- How wide the character in this column is.
local function columns_of(row, column)
  local n = 1
  while row.t[column + n] == "" do n = n + 1 end
  return n
end

-- The cells from column `from` to `to` (counted from 1) of the row where the cursor is, at `from` already.
local function write_cells(frame, row, from, to)
  local t, s = row.t, row.s
  local column = from
  while column <= to do
    use(frame, s[column])
    local n = columns_of(row, column)
    if row.doubtful and row.doubtful[column + n - 1] and column + n <= frame.width then
      -- However wide it is here, the next one stands where it should.
      if n > 1 then add(frame, rep(" ", n) .. csi(n, "D")) end
      add(frame, t[column])
      add(frame, csi(column + n, "G"))
    else
      add(frame, t[column])
    end
    column = column + n
  end
  frame.column = column - 1
  frame.hangs = frame.column >= frame.width
end

local function clear_rest(frame)
  use(frame, "")
  add(frame, "\27[K")
end

-- ---- Rows that changed --------------------------------------------------------------------------

local function has_doubtful(row) return row.doubtful and next(row.doubtful) ~= nil end

local function same(a, b, x, y)
  return a.t[x] == b.t[y] and a.s[x] == b.s[y]
end

-- A blank beyond the end is as good as one that was written.
local function cell_same(a, b, x)
  local ta, tb = a.t[x] or " ", b.t[x] or " "
  return ta == tb and (a.s[x] or "") == (b.s[x] or "")
end

-- The first and the last column in which they differ, or nil.
local function difference(old, new)
  local n = max(old.n, new.n)
  local first = 1
  while first <= n and cell_same(old, new, first) do first = first + 1 end
  if first > n then return nil end
  local last = n
  while last > first and cell_same(old, new, last) do last = last - 1 end
  -- Not from the middle of a wide character on, nor up to one.
  while first > 1 and (old.t[first] == "" or new.t[first] == "") do first = first - 1 end
  while last < n and (old.t[last + 1] == "" or new.t[last + 1] == "") do last = last + 1 end
  return first, last
end

-- Where old[from + a] is new[from + b] for a few columns.
local function agree(old, new, x, y)
  local n = 0
  while n < 4 and old.t[x + n] and new.t[y + n] and same(old, new, x + n, y + n) do n = n + 1 end
  return n == 4 or n > 0 and not (old.t[x + n] and new.t[y + n])
end

-- By how many columns what is at `first` moved: to the right, or (negative) to the left; nil if it did not.
local function shift_at(old, new, first, last)
  if has_doubtful(old) or has_doubtful(new) or last - first < 6 then return nil end
  for k = 1, min(FAR, last - first) do
    if agree(old, new, first, first + k) then return k end
    if agree(old, new, first + k, first) then return -k end
  end
  return nil
end

-- The old row after the terminal has shifted it at `first`; nil where that would cut a wide character.
local function shifted(old, first, k, width)
  local row = { t = {}, s = {}, n = 0 }
  for x = 1, first - 1 do row.t[x], row.s[x] = old.t[x] or " ", old.s[x] or "" end
  if k > 0 then
    if old.t[width - k + 1] == "" then return nil end
    for x = first, first + k - 1 do row.t[x], row.s[x] = " ", "" end
    for x = first, min(old.n, width - k) do row.t[x + k], row.s[x + k] = old.t[x], old.s[x] end
    row.n = min(old.n + k, width)
  else
    if old.t[first - k] == "" then return nil end
    for x = first - k, old.n do row.t[x + k], row.s[x + k] = old.t[x], old.s[x] end
    row.n = max(old.n + k, first - 1)
  end
  return row
end

-- Shifts what the terminal shows, where that is cheaper: what it shows then.
local function try_shift(frame, r, old, new, first, last)
  local k = shift_at(old, new, first, last)
  if not k then return old end
  local after = shifted(old, first, k, frame.width)
  if not after then return old end
  local first_left, last_left = difference(after, new)
  local left = first_left and last_left - first_left + 1 or 0
  if left + 8 > last - first + 1 then return old end
  go(frame, r, first - 1)
  use(frame, "")
  add(frame, csi(math.abs(k), k > 0 and "@" or "P"))
  return after
end

local function change_row(frame, r, old, new)
  local first, last = difference(old, new)
  if not first then return end
  old = try_shift(frame, r, old, new, first, last)
  first, last = difference(old, new)
  if not first then return end
  -- What a doubtful character has done to its row is not known: all of it behind the first change.
  if has_doubtful(old) or has_doubtful(new) then first, last = 1, max(old.n, new.n) end
  go(frame, r, first - 1)
  write_cells(frame, new, first, min(last, new.n))
  if last > new.n then
    if first > new.n then go(frame, r, max(new.n, first - 1)) end
    clear_rest(frame)
  end
end

-- ---- Frames -------------------------------------------------------------------------------------

-- A row that is not there yet: the one above is the last.
local function append_row(frame, r, row, above)
  if r > 1 then
    if above.soft and frame.hangs and frame.row == r - 1 then
      if row.n == 0 then -- a blank takes the cursor there, and the terminal knows that the line goes on
        use(frame, "")
        add(frame, " \r")
        frame.row, frame.column, frame.hangs = r, 0, false
        return
      end
      frame.row, frame.column, frame.hangs = r, 0, false
    else
      if frame.row ~= r - 1 then go(frame, r - 1, 0) end
      add(frame, "\r\n")
      frame.row, frame.column, frame.hangs = r, 0, false
    end
  end
  if row.n > 0 then write_cells(frame, row, 1, row.n) end
end

-- A full row above that goes on in this one, of which the last cell was just written, needs no moving.
local function change_or_flow(frame, r, old, new, above)
  if old == new then return end
  if frame.hangs and frame.row == r - 1 and above and above.soft and new.n > 0
    and (old.n == 0 or not cell_same(old, new, 1)) then
    local n = columns_of(new, 1)
    if old.t[n + 1] ~= "" then
      -- Writing the first character takes the cursor down.
      frame.row, frame.column, frame.hangs = r, 0, false
      write_cells(frame, new, 1, n)
      local known = {
        t = table.move(old.t, 1, old.n, 1, {}), s = table.move(old.s, 1, old.n, 1, {}),
        n = max(old.n, n), doubtful = old.doubtful,
      }
      for x = 1, n do known.t[x], known.s[x] = new.t[x], new.s[x] end
      return change_row(frame, r, known, new)
    end
  end
  change_row(frame, r, old, new)
end

local function taken(frame)
  local bytes = concat(frame.out)
  frame.out = {}
  return bytes
end

-- Goes to the first row. A terminal that has another width by now has wrapped the rows anew, as most do.
local function go_to_first(frame, columns)
  if columns == frame.width then return go(frame, 1, 0) end
  local row, length = 1, 0 -- where the line at hand begins, and its columns so far
  for r = 1, frame.row - 1 do
    length = length + frame.rows[r].n
    if not frame.rows[r].soft then
      row = row + max(1, (length + columns - 1) // columns)
      length = 0
    end
  end
  length = length + max(0, frame.column - (frame.hangs and 1 or 0))
  frame.row, frame.hangs = row + length // columns, false
  add(frame, "\r")
  frame.column = 0
  go(frame, 1, 0)
end

-- The bytes that take the region away; the cursor is where its first row began. `columns` is how wide the
-- terminal is now.
function Frame:erase(columns)
  if #self.rows == 0 then return "" end
  go_to_first(self, columns)
  use(self, "")
  -- Not ED in the first column: at the top of the screen that is to clear all of it, and tmux keeps what was
  -- there among the lines that have left the screen.
  add(self, "\27[K\27[C\27[J\r")
  self:reset()
  return taken(self)
end

-- The bytes that show `rows`, and put the cursor at { row, column } (from 1, and from 0) or behind the last
-- row; and whether they are so many that they should appear at once.
function Frame:draw(rows, cursor, columns)
  -- The terminal may have another width before SIGWINCH has been handled.
  if columns ~= self.width then add(self, self:erase(columns)) end
  self.width = columns
  local old, n = self.rows, max(#rows, 1)
  for r = 1, n do
    local new = rows[r] or EMPTY
    if old[r] then
      change_or_flow(self, r, old[r], new, rows[r - 1])
    elseif rows[r] then
      append_row(self, r, new, rows[r - 1])
    end
  end
  if #old > #rows then
    go(self, #rows + 1, 0)
    use(self, "")
    add(self, "\27[J")
  end
  use(self, "")
  self.rows = rows
  if cursor then
    go(self, min(cursor[1], n), min(cursor[2], columns - 1))
  elseif self.row ~= n or not self.hangs then
    go(self, n, min(rows[n] and rows[n].n or 0, columns - 1))
  end
  local bytes = taken(self)
  return bytes, #bytes > LARGE
end

-- The bytes that put the cursor into the last row.
function Frame:to_end(columns)
  if #self.rows == 0 then return "" end
  self.width = columns
  go(self, #self.rows, min(self.rows[#self.rows].n, columns - 1))
  return taken(self)
end

return M
