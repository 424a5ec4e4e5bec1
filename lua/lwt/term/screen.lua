-- Functions of a terminal that write to it: styled texts, and what moves, erases and rings.

local lwt = require "lwt"
local cells = require "lwt.term.cells"
local check = require "lwt.internal.args".outside "lwt.term"
local style = require "lwt.term.style"
local methods = require "lwt.term.terminal".methods

-- ---- Styled text -------------------------------------------------------------------

local function one_or_many(...)
  if select("#", ...) == 1 then return (...) end
  return { ... }
end

local function printed(t, name, list, ending)
  local text = style.render(name, list, t:_takes(), true) .. ending
  if t.region.blocks[1] then return t.region:print(text) end
  return t:_write(text)
end

local function printed_to_error(t, name, list, ending)
  local lio = require "lwt.io"
  if t.error == t.output then return printed(t, name, list, ending) end
  local takes = t:_takes()
  if rawequal(t.error, rawget(lio, "stderr")) and not t:_error_is_tty() then takes = style.NONE end
  local text = style.render(name, list, takes, true) .. ending
  if t.region.blocks[1] and t:_error_is_tty() then return t.region:print(text) end
  return t:_write(text, t.error)
end

function methods:_error_is_tty()
  if self.error_tty == nil then
    local tty = require("lwt.term.core").tty.open(nil, self.error:fileno())
    self.error_tty = tty ~= nil
    if tty then tty:close() end
  end
  return self.error_tty
end

--- Writes texts and styles: a list, which may have lists in it, or several arguments. Styles are a state: one
--- holds until another of its kind, or `term.reset`; at the end of the call all are off. Colours that the
--- terminal has not become the nearest that it has. Where the output is no terminal, or TERM is `dumb`, styles
--- are left out, also escape sequences in the texts; NO_COLOR leaves out the colours alone.
---
--- While something is drawn at the bottom (`draw`, bars, a line that is edited) the text appears above it.
---@param t lwt.Terminal
---@param ... string|number|lwt.Style|table
---@return lwt.Promise<nil> # it is written
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---await(term.open(r, w):print({ term.bold, "one" }, " ", term.fg.red, 2))
---print(await(r:read(99)))   --> one 2
---```
---@function term.print(t, ...)
function methods:print(...)
  return printed(self, "print", one_or_many(...), "")
end

--- As `print`, with a newline at the end. (Lwt's name for it.)
---@param t lwt.Terminal
---@param ... string|number|lwt.Style|table
---@return lwt.Promise<nil> # it is written
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---await(term.open(r, w):printlc { term.fg.blue, term.bold, "foo", term.reset, "bar" })
---print(await(r:read_line()))   --> foobar
---```
---@function term.printlc(t, ...)
function methods:printlc(...)
  return printed(self, "printlc", one_or_many(...), "\n")
end

--- As `print`, to where errors go: the standard error of the controlling terminal, the option `error` of
--- others.
---@param t lwt.Terminal
---@param ... string|number|lwt.Style|table
---@return lwt.Promise<nil> # it is written
---@function term.eprint(t, ...)
function methods:eprint(...)
  return printed_to_error(self, "eprint", one_or_many(...), "")
end

--- As `eprint`, with a newline at the end.
---@param t lwt.Terminal
---@param ... string|number|lwt.Style|table
---@return lwt.Promise<nil> # it is written
---@function term.eprintlc(t, ...)
function methods:eprintlc(...)
  return printed_to_error(self, "eprintlc", one_or_many(...), "\n")
end

--- A styled list as a text with the escape sequences that this terminal takes: for `draw`, tables, prompts.
---@param t lwt.Terminal
---@param ... string|number|lwt.Style|table
---@return string
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local t = term.open(r, w, { tty = true, env = { TERM = "xterm" } })
---print(("%q"):format(t:styled { term.bold, "x" }))   --> "\27[1mx\27[m"
---```
---@function term.styled(t, ...)
function methods:styled(...)
  return style.render("styled", one_or_many(...), self:_takes(), true)
end

-- ---- The screen ---------------------------------------------------------------------

--- Erases the screen, and puts the cursor into its first column and row. As all functions of the screen, it
--- writes nothing where the output is no terminal or TERM is `dumb`.
---@param t lwt.Terminal
---@return lwt.Promise<nil>
---```lua
---await(term.clear())
---```
---@function term.clear(t)
function methods:clear()
  self.region.frame:reset()
  local p = self:_control "\27[H\27[2J"
  self.region:redraw()
  return p
end

--- Erases the row in which the cursor is; with `"right"` or `"left"` that side of the cursor. The cursor
--- stays.
---@param t lwt.Terminal
---@param side string?
---@return lwt.Promise<nil>
---@function term.clear_line(t, side)
function methods:clear_line(side)
  local codes = { right = "\27[K", left = "\27[1K" }
  if side ~= nil and not codes[side] then
    check.bad(1, "clear_line", "'right' or 'left' expected")
  end
  return self:_control(codes[side] or "\27[2K")
end

--- Moves the cursor.
---@param t lwt.Terminal
---@param column integer from 1
---@param row integer from 1
---@return lwt.Promise<nil>
---```lua
---await(term.move(1, 1))
---```
---@function term.move(t, column, row)
function methods:move(column, row)
  column, row = check.integer(1, "move", column, 1), check.integer(2, "move", row, 1)
  return self:_control(("\27[%d;%dH"):format(row, column))
end

--- Remembers where the cursor is, and the style.
---@param t lwt.Terminal
---@return lwt.Promise<nil>
---@function term.save(t)
function methods:save() return self:_control "\0277" end

--- Puts the cursor where it was at `save`.
---@param t lwt.Terminal
---@return lwt.Promise<nil>
---@function term.restore(t)
function methods:restore() return self:_control "\0278" end

--- Hides the cursor, until `show_cursor` or the end of the program.
---@param t lwt.Terminal
---@function term.hide_cursor(t)
function methods:hide_cursor()
  if self.cursor_guard or self:_is_dumb() then return end
  self.cursor_guard = self.modes:guard { "hidden" }
end

--- Shows the cursor again.
---@param t lwt.Terminal
---@function term.show_cursor(t)
function methods:show_cursor()
  local guard = self.cursor_guard
  self.cursor_guard = nil
  if guard then guard:close() end
end

--- Gives the terminal's window a title. Control characters are left out.
---@param t lwt.Terminal
---@param text string
---@return lwt.Promise<nil>
---```lua
---await(term.title "lwt")
---```
---@function term.title(t, text)
function methods:title(text)
  check.type(1, "title", text, "string")
  if self.getenv "TERM" == "linux" then return lwt.fulfilled() end
  return self:_control("\27]2;" .. text:gsub("%c", "") .. "\27\\")
end

--- Rings the bell.
---@param t lwt.Terminal
---@return lwt.Promise<nil>
---```lua
---await(term.bell())
---```
---@function term.bell(t)
function methods:bell() return self:_control "\7" end

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(s)
  return (s:gsub("..?.?", function(three)
    local a, b, c = three:byte(1, 3)
    local bits = a << 16 | (b or 0) << 8 | (c or 0)
    local out = {}
    for i = 0, 3 do
      local at = bits >> 18 - 6 * i & 63
      out[#out + 1] = i <= #three and ALPHABET:sub(at + 1, at + 1) or "="
    end
    return table.concat(out)
  end))
end

--- Puts a text into the clipboard of the terminal's window, where the terminal lets programs do that (OSC 52).
--- There is no telling whether it has.
---@param t lwt.Terminal
---@param text string
---@return lwt.Promise<nil>
---```lua
---await(term.set_clipboard "copied")
---```
---@function term.set_clipboard(t, text)
function methods:set_clipboard(text)
  check.type(1, "set_clipboard", text, "string")
  if self.getenv "TERM" == "linux" then return lwt.fulfilled() end
  return self:_control("\27]52;c;" .. base64(text) .. "\27\\")
end

-- ---- Drawing --------------------------------------------------------------------------

local DRAWN = 50 -- the level of what `draw` shows

local function line_of(t, line, i)
  local kind = type(line)
  if kind == "number" then line = tostring(line) end
  if kind == "table" or style.is_style(line) then line = t:styled(line) end
  if type(line) ~= "string" then
    check.bad(1, "draw", ("line %d: text or styled list expected, got %s"):format(i, kind))
  end
  if not t:_takes().styles then line = style.strip(line) end
  return (line:gsub("[\r\n].*", ""))
end

--- Shows lines at the bottom of what has been written, in place of those that it showed last: it writes what
--- is different, and of a row that has changed only the cells that have. What does not fit into a row is cut;
--- of more rows than the terminal has, the last are shown. Without lines they are taken away.
---
--- What is printed meanwhile appears above, and so does what other bars show. `draw_done` leaves the lines
--- where they are, and goes on below. Where the output is no terminal nothing is drawn, and `draw_done` writes
--- the lines that were drawn last.
---@param t lwt.Terminal
---@param lines? (string|table)[] texts or styled lists
---@return lwt.Promise<nil> # it is written
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local t = term.open(r, w)
---await(t:draw { "one", { term.bold, "two" } })
---await(t:draw_done())
---print(await(r:read_line()), await(r:read_line()))   --> one	two
---```
---@function term.draw(t, lines)
function methods:draw(lines)
  local texts = {}
  local count = lines ~= nil and check.list(1, "draw", lines) or 0
  for i = 1, count do texts[i] = line_of(self, lines[i], i) end
  self.drawn = texts
  if self:_is_dumb() then return lwt.fulfilled() end
  local block = self.draw_block
  if not texts[1] then
    self.draw_block = nil
    return block and self.region:remove(block) or lwt.fulfilled()
  end
  if not block then
    local rows, of, width = {}, {}, nil -- what has been made of which text
    block = self.region:block(DRAWN, function(columns)
      if width ~= columns then rows, of, width = {}, {}, columns end
      for i, text in ipairs(block.texts) do
        if of[i] ~= text then rows[i], of[i] = cells.row(text, columns), text end
      end
      return table.move(rows, 1, #block.texts, 1, {})
    end)
    self.draw_block = self.region:add(block)
  end
  block.texts = texts
  return self.region:update()
end

--- Leaves what `draw` shows on the screen, and goes on below it.
---@param t lwt.Terminal
---@return lwt.Promise<nil> # it is written
---@function term.draw_done(t)
function methods:draw_done()
  local block, drawn = self.draw_block, self.drawn or {}
  self.draw_block, self.drawn = nil, nil
  if not drawn[1] then return lwt.fulfilled() end
  local text = table.concat(drawn, "\n") .. "\n"
  if block then return self.region:remove(block, text) end
  return self:_write(text)
end

return methods
