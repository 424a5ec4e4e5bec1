-- Tables: rows of columns, as wide as what is in them, cut where the terminal is narrower.

local check = require "lwt.internal.args".outside "lwt.term"
local style = require "lwt.term.style"
local text = require "lwt.text"
local methods = require "lwt.term.terminal".methods

local GAP = 2 -- columns between two
local LEAST = 4 -- what a column keeps when others need room

-- Each cell as the text that is shown, and its width.
local function cells_of(t, rows, columns)
  local all = {}
  for i = 1, #rows do
    local row = rows[i]
    if type(row) ~= "table" then
      check.bad(1, "table", ("row %d: table expected, got %s"):format(i, type(row)))
    end
    local cells = {}
    for j = 1, math.max(columns or 0, #row) do
      local cell = row[j]
      local shown = type(cell) == "table" and t:styled(cell) or cell == nil and "" or tostring(cell)
      if not t:_takes().styles then shown = style.strip(shown) end
      shown = shown:gsub("%s", " ")
      cells[j] = { text = shown, width = style.width(shown), number = type(cell) == "number" }
    end
    all[i] = cells
  end
  return all
end

local function widths_of(all)
  local widths = {}
  for _, cells in ipairs(all) do
    for j, cell in ipairs(cells) do widths[j] = math.max(widths[j] or 0, cell.width) end
  end
  return widths
end

-- Takes from the widest column until all fit.
local function fit(widths, room)
  local sum = GAP * (#widths - 1)
  for _, width in ipairs(widths) do sum = sum + width end
  while sum > room do
    local widest = 1
    for j, width in ipairs(widths) do
      if width > widths[widest] then widest = j end
    end
    if not widths[widest] or widths[widest] <= LEAST then return end
    widths[widest] = widths[widest] - 1
    sum = sum - 1
  end
end

local function line_of(cells, widths, align)
  local parts = {}
  for j, width in ipairs(widths) do
    local cell = cells[j] or { text = "", width = 0 }
    local shown, columns = cell.text, cell.width
    if columns > width then
      shown = text.truncate(style.strip(shown), width)
      columns = text.width(shown)
    end
    local how = align[j] or cell.number and "right" or "left"
    local blanks = (" "):rep(width - columns)
    parts[j] = how == "right" and blanks .. shown or shown .. blanks
  end
  return (table.concat(parts, (" "):rep(GAP)):gsub(" +$", ""))
end

--- Prints a table: a list of rows, each a list of texts, numbers or styled lists. A column is as wide as its
--- widest cell; on a terminal that is narrower the widest are cut, elsewhere none. Numbers stand at the right.
---
--- Options: `header`, a list of names, which are bold; `align`, a list of `"left"` or `"right"`, one a column.
---@param t lwt.Terminal
---@param rows table[]
---@param opts? table
---@return lwt.Promise<nil> # it is written
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---await(term.open(r, w):table({ { "ann", 5 }, { "bo", 12 } }, { header = { "name", "n" } }))
---for _ = 1, 3 do print((await(r:read_line()))) end
------> name   n
------> ann    5
------> bo    12
---```
---@function term.table(t, rows, opts)
function methods:table(rows, opts)
  local count = check.list(1, "table", rows)
  opts = check.options(2, "table", opts, { header = "table", align = "table" })
  local align = opts.align or {}
  for j, how in pairs(align) do
    if how ~= "left" and how ~= "right" then
      local what = "option 'align': column %s: 'left' or 'right' expected"
      check.bad(2, "table", what:format(tostring(j)))
    end
  end
  local list = table.move(rows, 1, count, 1, {})
  if opts.header then
    local names = {}
    for j = 1, #opts.header do names[j] = { style.attributes.bold, opts.header[j] } end
    table.insert(list, 1, names)
  end
  local all = cells_of(self, list)
  local widths = widths_of(all)
  if self.out_tty then fit(widths, (self:size())) end
  local lines = {}
  for i, cells in ipairs(all) do lines[i] = line_of(cells, widths, align) .. "\n" end
  return self:print(table.concat(lines))
end

return methods
