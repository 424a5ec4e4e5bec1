-- What to write so that the terminal shows other rows than it does now: a screen remembers what is shown
-- and where the cursor is, relative to the first row of the region that it draws. It writes the cells that
-- changed, and shifts those that only moved (ICH, DCH); it asks of a terminal CR, LF, BS, CUU, CUD, CUF,
-- CUB, CHA, EL, ED, ICH, DCH and SGR.
--
-- Behind a full row the cursor hangs, and terminals differ in what they do then: nothing but CR or the
-- first character of the next row is ever written there.

local rep, concat = string.rep, table.concat
local max, min = math.max, math.min

local Screen = {}
Screen.__index = Screen

local M = {}

local NEAR = 3        -- columns that are gone back by BS
local FAR = 8         -- how far a shift is looked for
local LARGE = 400     -- bytes from which on a frame is drawn with the cursor hidden, at once

local EMPTY = { t = {}, s = {}, o = {}, n = 0, soft = false }

function M.new(width)
  return setmetatable({
    width = width, rows = {}, row = 1, column = 0, hangs = false, pen = "", out = {},
  }, Screen)
end

-- Nothing is shown, and the cursor is at the beginning of an empty row.
function Screen:reset(width)
  self.width = width or self.width
  self.rows, self.row, self.column, self.hangs, self.pen = {}, 1, 0, false, ""
end

local function add(screen, s) screen.out[#screen.out + 1] = s end

local function csi(n, final) return n == 1 and "\27[" .. final or "\27[" .. n .. final end

-- ---- Moving -------------------------------------------------------------------------------------

local function go_row(screen, row)
  local d = row - screen.row
  if d < 0 then
    add(screen, csi(-d, "A"))
  elseif d > 0 and d <= NEAR and screen.column == 0 then
    add(screen, rep("\n", d)) -- the terminal makes CR LF of it, which is the same here
  elseif d > 0 then
    add(screen, csi(d, "B"))
  end
  screen.row = row
end

local function go_column(screen, column)
  local d = column - screen.column
  if d == 0 then return end
  if column == 0 then
    add(screen, "\r")
  elseif d < 0 and -d <= NEAR then
    add(screen, rep("\b", -d))
  else
    local relative = d > 0 and csi(d, "C") or csi(-d, "D")
    local absolute = csi(column + 1, "G")
    add(screen, #absolute < #relative and absolute or relative)
  end
  screen.column = column
end

local function go(screen, row, column)
  if screen.hangs then
    add(screen, "\r")
    screen.hangs, screen.column = false, 0
  end
  if row ~= screen.row then
    if column == 0 and screen.column ~= 0 and row > screen.row then go_column(screen, 0) end
    go_row(screen, row)
  end
  go_column(screen, column)
end

local function use(screen, style)
  if style == screen.pen then return end
  if style == "" then
    add(screen, "\27[m")
  elseif screen.pen == "" then
    add(screen, "\27[" .. style .. "m")
  else
    add(screen, "\27[0;" .. style .. "m")
  end
  screen.pen = style
end

-- ---- Writing ------------------------------------------------------------------------------------

-- How wide the character in this column is.
local function columns_of(row, column)
  local n = 1
  while row.t[column + n] == "" do n = n + 1 end
  return n
end

-- The cells from column `from` to `to` (counted from 1) of the row where the cursor is, at `from` already.
local function write_cells(screen, row, from, to)
  local t, s = row.t, row.s
  local column = from
  while column <= to do
    use(screen, s[column])
    local n = columns_of(row, column)
    if row.doubtful and row.doubtful[column] then
      -- However wide it is here, the next one stands where it should.
      if n > 1 then add(screen, rep(" ", n) .. csi(n, "D")) end
      add(screen, t[column])
      add(screen, csi(column + n, "G"))
    else
      add(screen, t[column])
    end
    column = column + n
  end
  screen.column = column - 1
  screen.hangs = screen.column >= screen.width
end

local function clear_rest(screen)
  use(screen, "")
  add(screen, "\27[K")
end

-- ---- Rows that changed --------------------------------------------------------------------------

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
  if old.doubtful or new.doubtful or last - first < 6 then return nil end
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
local function try_shift(screen, r, old, new, first, last)
  local k = shift_at(old, new, first, last)
  if not k then return old end
  local after = shifted(old, first, k, screen.width)
  if not after then return old end
  local first_left, last_left = difference(after, new)
  local left = first_left and last_left - first_left + 1 or 0
  if left + 8 > last - first + 1 then return old end
  go(screen, r, first - 1)
  use(screen, "")
  add(screen, csi(math.abs(k), k > 0 and "@" or "P"))
  return after
end

local function change_row(screen, r, old, new)
  local first, last = difference(old, new)
  if not first then return end
  old = try_shift(screen, r, old, new, first, last)
  first, last = difference(old, new)
  if not first then return end
  -- What a doubtful character has done to its row is not known: all of it behind the first change.
  if old.doubtful or new.doubtful then first, last = 1, max(old.n, new.n) end
  go(screen, r, first - 1)
  write_cells(screen, new, first, min(last, new.n))
  if last > new.n then
    if first > new.n then go(screen, r, max(new.n, first - 1)) end
    clear_rest(screen)
  end
end

-- ---- Frames -------------------------------------------------------------------------------------

-- A row that is not there yet: the one above is the last.
local function append_row(screen, r, row, above)
  if r > 1 then
    if above.soft and screen.hangs and screen.row == r - 1 then
      if row.n == 0 then -- a blank takes the cursor there, and the terminal knows that the line goes on
        use(screen, "")
        add(screen, " \r")
        screen.row, screen.column, screen.hangs = r, 0, false
        return
      end
      screen.row, screen.column, screen.hangs = r, 0, false
    else
      if screen.row ~= r - 1 then go(screen, r - 1, 0) end
      add(screen, "\r\n")
      screen.row, screen.column, screen.hangs = r, 0, false
    end
  end
  if row.n > 0 then write_cells(screen, row, 1, row.n) end
end

-- A full row above that goes on in this one, of which the last cell was just written, needs no moving.
local function change_or_flow(screen, r, old, new, above)
  if old == new then return end
  if screen.hangs and screen.row == r - 1 and above and above.soft and new.n > 0
    and (old.n == 0 or not cell_same(old, new, 1)) then
    local n = columns_of(new, 1)
    if old.t[n + 1] ~= "" then
      -- Writing the first character takes the cursor down.
      screen.row, screen.column, screen.hangs = r, 0, false
      write_cells(screen, new, 1, n)
      local known = { t = table.move(old.t, 1, old.n, 1, {}), s = table.move(old.s, 1, old.n, 1, {}),
        n = max(old.n, n), doubtful = old.doubtful or new.doubtful }
      for x = 1, n do known.t[x], known.s[x] = new.t[x], new.s[x] end
      return change_row(screen, r, known, new)
    end
  end
  change_row(screen, r, old, new)
end

-- What to write so that these rows are shown, and the cursor is in this one of them and that column.
function Screen:frame(rows, row, column)
  local old = self.rows
  for r = 1, max(#rows, 1) do
    local new = rows[r] or EMPTY
    if old[r] then
      change_or_flow(self, r, old[r], new, rows[r - 1])
    else
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
  if row ~= self.row or column ~= self.column or self.hangs then go(self, row, column) end
  local bytes = concat(self.out)
  self.out = {}
  if #bytes > LARGE then bytes = "\27[?2026h\27[?25l" .. bytes .. "\27[?25h\27[?2026l" end
  return bytes
end

-- What to write so that nothing is shown; the cursor is at the beginning of the region.
function Screen:erase()
  go(self, 1, 0)
  use(self, "")
  add(self, "\27[J")
  self.rows = {}
  local bytes = concat(self.out)
  self.out = {}
  return bytes
end

-- What to write to leave the region: the cursor is at the beginning of the row below it.
function Screen:leave()
  go(self, max(#self.rows, 1), self.hangs and 0 or self.column)
  add(self, "\r\n")
  local bytes = concat(self.out)
  self.out = {}
  self:reset()
  return bytes
end

-- Terminals of another width have wrapped the rows anew, as most do: where the cursor is then, in rows
-- from the first one on.
function Screen:reflow(width)
  local row, length = 1, 0 -- the row where the line at hand begins, and its columns so far
  for r = 1, self.row - 1 do
    local shown = self.rows[r]
    if not shown then break end
    length = length + shown.n
    if not shown.soft then
      row = row + max(1, (length + width - 1) // width)
      length = 0
    end
  end
  row = row + (length + self.column) // width
  self.row, self.column, self.hangs = row, min(self.column, width - 1), false
  self.width = width
  go(self, 1, 0)
  add(self, "\27[J")
  self.rows = {}
  local bytes = concat(self.out)
  self.out = {}
  return bytes
end

return M
