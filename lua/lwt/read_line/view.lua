-- What a line that is edited looks like: prompt, text with its styles, hint, and below it a menu or a
-- message, as rows for the terminal's region. The functions of the program that are asked for styles and
-- hints may fail: that is reported once, and they are not asked again.

local lwt = require "lwt"
local clusters = require "lwt.read_line.clusters"
local layout = require "lwt.read_line.layout"
local pieces = require "lwt.read_line.pieces"
local core = require "lwt.term.core"

local text_width, truncate = core.text_width, core.text_truncate

local max, min = math.max, math.min

local View = {}
View.__index = View

local M = {}

local SELECTED = "7"
local HINT = "2"
local MANY = 2000 -- rows: a longer text is printed as it is when it is accepted

-- line: the editor, and what is shown besides: `completion`, `message`.
function M.new(terminal, editor, opts)
  return setmetatable({
    terminal = terminal, editor = editor, layout = layout.new(), top = 1, mask = opts.mask,
    highlight = opts.highlight, hint = opts.hint, note = opts.note,
    own_continuation = opts.continuation,
    prompt = {}, continuation = nil, completion = nil, message = nil,
  }, View)
end

-- The prompt, as a text or a styled list. Lines of the text behind the first are indented as far as its
-- last line goes.
function View:set_prompt(prompt)
  local takes = self.terminal:_takes()
  self.prompt = pieces.of(prompt, takes)
  if self.own_continuation then
    self.continuation = pieces.of(self.own_continuation, takes)
  else
    local width = text_width(pieces.text(self.prompt):match "[^\n]*$")
    self.continuation = width > 0 and { { (" "):rep(width), "" } } or nil
  end
end

local function failed(self, what, err)
  self[what] = nil
  warn("lwt.read_line: ", what, " failed: ", tostring(err))
end

-- ---- The text -----------------------------------------------------------------------------------

-- What is shown for a text of which nothing may be seen, and where the cursor is in that.
local function masked(self)
  local ed, mask = self.editor, self.mask
  if mask == "" then return "", 0 end
  return mask:rep(clusters.count(ed.buffer)), #mask * clusters.count(ed.buffer:sub(1, ed.point))
end

local function styles_of(self)
  local ed = self.editor
  local spans
  if self.highlight then
    local ok, result = pcall(self.highlight, ed.buffer, ed.point)
    if ok and result ~= nil then
      spans = pieces.spans(pieces.of(result, self.terminal:_takes()), ed.buffer)
    elseif not ok then
      failed(self, "highlight", result)
    end
  end
  if ed.active and ed.mark and ed.mark ~= ed.point then
    spans = pieces.overlay(spans or {}, min(ed.mark, ed.point), max(ed.mark, ed.point), SELECTED)
  end
  return spans
end

-- ---- Hints --------------------------------------------------------------------------------------

-- A hint is shown behind the text it was made for, while the cursor is at its end.
function View:hint_text()
  local ed = self.editor
  if ed.hint and ed.hint_for == ed.buffer and ed.point == #ed.buffer and not ed.label
    and not self.completion then
    return ed.hint
  end
  return ""
end

local function take_hint(self, text, hint)
  if hint ~= nil and type(hint) ~= "string" then
    return failed(self, "hint", "it gave " .. type(hint) .. " (string expected)")
  end
  self.editor.hint, self.editor.hint_for = hint and hint ~= "" and clusters.clean(hint) or nil, text
end

-- Asks for the hint of the text that is there now. A promise is waited for, and dropped when the text is
-- another one by then; `later` is called when it has come.
function View:ask_hint(later)
  local ed = self.editor
  if not self.hint or self.mask or ed.hint_for == ed.buffer then return end
  if self.asked then self.asked:cancel() end
  local text = ed.buffer
  ed.hint, ed.hint_for, self.asked = nil, text, nil
  local ok, result = pcall(self.hint, text)
  if not ok then return failed(self, "hint", result) end
  if not lwt.is_promise(result) then return take_hint(self, text, result) end
  self.asked = result
  result:on_any(function(hint)
    if self.asked ~= result then return end
    self.asked = nil
    if ed.buffer ~= text then return end
    take_hint(self, text, hint)
    later()
  end, function(err)
    if self.asked ~= result then return end
    self.asked = nil
    if not rawequal(err, lwt.Canceled) then failed(self, "hint", err) end
  end)
end

-- ---- Rows ---------------------------------------------------------------------------------------

local function update_layout(self, columns)
  local ed = self.editor
  local text, cursor, styles = ed.buffer, ed.point, nil
  if self.mask then
    text, cursor = masked(self)
  else
    styles = styles_of(self)
  end
  self.layout:update {
    width = columns, prompt = ed.label and { { ed.label, "" } } or self.prompt,
    continuation = self.continuation, text = text, styles = styles, hint = self:hint_text(),
    hint_style = HINT,
  }
  return cursor
end

-- One row of what the program has to say about the text.
local function note_rows(self, columns)
  local ed = self.editor
  if not self.note or self.mask then return {} end
  local ok, note = pcall(self.note, ed.buffer, ed.point)
  if not ok then failed(self, "note", note) end
  if not ok or note == nil then return {} end
  local shown
  if type(note) == "string" then
    note = clusters.clean(note):gsub("%c", " ")
    shown = { { truncate(note, max(1, columns - 1), "…"), HINT } }
  else
    shown = pieces.of(note, self.terminal:_takes())
  end
  return table.move(layout.rows_of(shown, columns), 1, 1, 1, {})
end

local function rows_below(self, columns, height)
  if self.message then
    local rows = layout.rows_of({ { self.message, "" } }, columns)
    return table.move(rows, 1, min(#rows, max(1, height - 1)), 1, {})
  end
  if self.completion then
    return self.completion:rows(columns, max(1, min(height - 1, height * 2 // 3)))
  end
  return note_rows(self, columns)
end

-- So many rows around the cursor, where the text is longer: the same as before, if it is among them.
local function window(self, row, height)
  local list = self.layout
  local top = max(1, min(self.top, row))
  if row >= top + height then top = row - height + 1 end
  local rows = {}
  for i = top, top + height - 1 do rows[#rows + 1] = list:row(i) end
  while #rows < height and top > 1 do
    top = top - 1
    table.insert(rows, 1, list:row(top))
  end
  self.top = top
  return rows, row - top + 1
end

-- The rows, and the cursor: { row, column }.
function View:rows(columns)
  local _, height = self.terminal:size()
  local below = height > 1 and rows_below(self, columns, height) or {}
  local cursor = update_layout(self, columns)
  local row, column = self.layout:locate(cursor)
  local rows, at = window(self, row, max(1, height - #below))
  table.move(below, 1, #below, #rows + 1, rows)
  return rows, { at, column }
end

local function caret(c) return "^" .. string.char(c:byte() ~ 64) end

-- The text of what has very many rows, which the terminal wraps itself; without styles.
local function plain_text(self)
  local shown = self.mask and masked(self) or self.editor.buffer
  local indent = pieces.text(self.continuation or {})
  shown = shown:gsub("[\0-\8\11-\31\127]", caret):gsub("\n", "\n" .. indent:gsub("%%", "%%%%"))
  return pieces.text(self.prompt) .. shown
end

-- All rows as they stay on the screen when the line is over (or as many as may fit on it), and the same as
-- a text.
function View:final(columns)
  local ed = self.editor
  self.completion, self.message, ed.label, ed.hint, ed.active = nil, nil, nil, nil, false
  update_layout(self, columns)
  local count = self.layout:count()
  if count > MANY then
    return setmetatable({}, { __len = function() return count end }), plain_text(self)
  end
  local rows = {}
  for i = 1, count do rows[i] = self.layout:row(i) end
  if count > 1 and rows[count].n == 0 and rows[count - 1].soft then rows[count] = nil end
  return rows, pieces.of_rows(rows)
end

return M
