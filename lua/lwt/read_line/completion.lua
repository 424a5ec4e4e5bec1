-- Completion: what is offered for the word before the cursor, what of it is put into the line, and how it
-- is shown in columns. It knows the editor; the session decides whom to ask, and when.

local args = require "lwt.internal.args"
local clusters = require "lwt.read_line.clusters"
local layout = require "lwt.read_line.layout"
local text_width = require "lwt.term.core".text_width

local sub, find = string.sub, string.find
local max, min = math.max, math.min

local M = {}

local GAP = 2    -- columns between columns
local MANY = 100 -- more are shown only when that is wanted

local Completion = {}
Completion.__index = Completion

-- ---- What was offered ---------------------------------------------------------------------------

local function description_of(item)
  return item.description and clusters.clean(tostring(item.description)):gsub("%c", " ")
end

-- A list of words, or of { text =, display =, description =, append = }, checked; equal words once.
local function items_of(list)
  local items, seen = {}, {}
  if list == nil or list == false then return items end
  if type(list) ~= "table" then
    error("complete gave " .. type(list) .. " (list of words expected)", 0)
  end
  local n, wrong = args.length_of(list)
  if not n then error("complete gave a list; " .. wrong, 0) end
  for i = 1, n do
    local item = list[i]
    if type(item) == "string" or type(item) == "number" then item = { text = tostring(item) } end
    if type(item) ~= "table" or type(item.text) ~= "string" then
      error(("complete gave %s as word %d"):format(type(item), i), 0)
    end
    local text = clusters.clean(item.text)
    if not seen[text] then
      seen[text] = true
      items[#items + 1] = {
        text = text,
        display = clusters.clean(tostring(item.display or text)):gsub("[%c]", "?"),
        description = description_of(item),
        append = item.append and clusters.clean(tostring(item.append)) or "",
      }
    end
  end
  return items
end

-- Where the word before the cursor begins: behind the last blank.
function M.word_start(text, cursor)
  local at = cursor
  while at > 0 and not find(text, "^[ \t\n]", at) do at = at - 1 end
  return at
end

-- What all of them begin with, of whole characters.
function M.common_prefix(items)
  local common = items[1] and items[1].text or ""
  for i = 2, #items do
    local other, n = items[i].text, 0
    while n < #common and common:byte(n + 1) == other:byte(n + 1) do n = n + 1 end
    common = sub(common, 1, n)
  end
  -- A border in one of them may be none in another.
  local at = #common
  for _, item in ipairs(items) do at = min(at, clusters.floor(item.text, at)) end
  return sub(common, 1, clusters.floor(common, at))
end

-- ---- In the line --------------------------------------------------------------------------------

-- Words that do not go on with what was typed are left out, where others do: so a function may give
-- all the words there are.
local function going_on(items, word)
  local kept, left_out = {}, false
  for _, item in ipairs(items) do
    if sub(item.text, 1, #word) == word then kept[#kept + 1] = item else left_out = true end
  end
  return left_out and kept[1] and kept or items
end

-- The answer to a question that was asked with this text and this cursor.
function M.new(list, text, cursor)
  local start = M.word_start(text, cursor)
  return setmetatable({
    items = going_on(items_of(list), sub(text, start + 1, cursor)), text = text, cursor = cursor,
    start = start, stop = cursor, selected = nil, top = 1,
  }, Completion)
end

-- Whether the line is still what it was about.
function Completion:fits(ed)
  return ed.buffer == self.text and ed.point == self.cursor
end

local function put(self, ed, s)
  ed:_call(function()
    ed:replace(self.start, self.stop, s)
    ed.point = self.start + #s
    ed:_settle()
  end)
  self.stop = self.start + #s
  self.text, self.cursor = ed.buffer, ed.point
end

-- Puts in what is certain: "done" (there was only one), "more" (the beginning that all have), "same"
-- (there was nothing to add) or "none".
function Completion:insert_common(ed)
  local items = self.items
  if #items == 0 then return "none" end
  if #items == 1 then
    put(self, ed, items[1].text .. items[1].append)
    return "done"
  end
  local word, common = sub(self.text, self.start + 1, self.stop), M.common_prefix(items)
  if #common > #word and (sub(common, 1, #word) == word or #common >= #word) then
    put(self, ed, common)
    return "more"
  end
  return "same"
end

function Completion:is_many() return #self.items > MANY end

-- Selects the next one, or the one before, round and round, and puts it in.
function Completion:cycle(ed, step)
  local n = #self.items
  if not self.selected then
    self.selected = step > 0 and 1 or n
  else
    self.selected = (self.selected - 1 + step) % n + 1
  end
  put(self, ed, self.items[self.selected].text)
end

-- The selected one is taken, with what goes behind it.
function Completion:take(ed)
  local item = self.items[self.selected]
  put(self, ed, item.text .. item.append)
end

-- The word that was typed is back.
function Completion:restore(ed, typed)
  put(self, ed, typed)
end

-- ---- As rows ------------------------------------------------------------------------------------

-- How many columns, and how wide they are, at a width.
local function geometry(self, width)
  local widest, described = 1, false
  for _, item in ipairs(self.items) do
    widest = max(widest, text_width(item.display))
    described = described or item.description ~= nil
  end
  local column = min(widest + GAP, width)
  local columns = described and 1 or max(1, (width + GAP) // column)
  local rows = (#self.items + columns - 1) // columns
  return column, columns, rows, described
end

-- How far up and down arrows go: the number of rows.
function Completion:rows_at(width)
  local _, _, rows = geometry(self, width)
  return rows
end

local function row_pieces(self, r, column, columns, rows)
  local pieces = {}
  for c = 1, columns do
    local i = (c - 1) * rows + r
    local item = self.items[i]
    if not item then break end
    local style = i == self.selected and "7" or ""
    pieces[#pieces + 1] = { item.display, style }
    local last = not self.items[i + rows]
    local blank = max(0, column - GAP - text_width(item.display))
    if item.description then
      pieces[#pieces + 1] = { (" "):rep(blank + GAP), "" }
      pieces[#pieces + 1] = { item.description, "2" }
    elseif not last then
      pieces[#pieces + 1] = { (" "):rep(blank + GAP), "" }
    end
  end
  return pieces
end

-- The rows of the menu, at most so many: those around the selected one.
function Completion:rows(width, most)
  local column, columns, rows = geometry(self, width)
  local window = max(1, min(most, rows))
  local at = self.selected and (self.selected - 1) % rows + 1 or 1
  local top = max(1, min(self.top, rows - window + 1))
  if at < top then top = at elseif at >= top + window then top = at - window + 1 end
  self.top = top
  local list = {}
  for r = top, top + window - 1 do
    list[#list + 1] = layout.row_of(row_pieces(self, r, column, columns, rows), width)
  end
  return list
end

return M
