-- A line editor on a terminal that is in this process: keys go in by name, and what it draws goes to a small
-- terminal (spec.support.screen), and to libvterm, which must show the same each time that the line has come
-- to rest. Everything real but the terminal's device.
--
--   local on = line.start({ columns = 40, rows = 10 }, { prompt = "> " })       inside a task
--   on:keys "h i left"                     and waits until all is drawn
--   on.screen, on.editor, on.line, on.bytes
--   on:same()                              whether the screen is what a fresh drawing shows: nil, or what differs

local lwt = require "lwt"
local lio = require "lwt.io"
local frames = require "lwt.term.frame"
local read_line = require "lwt.read_line"
local screens = require "spec.support.screen"
local term = require "lwt.term"
local views = require "lwt.read_line.view"
local vterm = require "spec.support.vterm"

local M = {}

local On = {}
On.__index = On

function M.start(size, opts)
  local on = setmetatable({ columns = size.columns, rows = size.rows or 24, bytes = "" }, On)
  on.screen, on.judge = screens.new(on.columns, on.rows), vterm.new(on.columns, on.rows)
  on.input, on.typed = lio.pipe()
  local output = lio.make { write = function(s)
    on.bytes = on.bytes .. s
    on.screen:feed(s)
    if on.judge then on.judge:feed(s) end
    return #s
  end }
  on.term = term.open(on.input, output, { tty = true, columns = on.columns, rows = on.rows,
    env = size.env or { TERM = "xterm-256color" } })
  opts.term = on.term
  on.opts = opts
  on.line = read_line.start(opts)
  on.editor = on.line.session and on.line.session.editor
  on:settle()
  return on
end

-- Until there is nothing to do but to wait for a key, and everything has been drawn.
function On:settle()
  local s = self.line.session
  for _ = 1, 100000 do
    local quiet = s.over or s.waker and not s.events[1] and not s.stale
      and (not s.drawn or not s.drawn:is_pending())
    if quiet and s.over then quiet = not self.line:result():is_pending() end
    if quiet then
      self.term.output:flush():await()
      local wrong = self.judge and self.judge:differs(self.screen)
      if wrong then error(wrong, 0) end
      return self
    end
    lwt.pause():await()
  end
  error "the line does not come to rest"
end

-- The terminal has another size.
function On:resize(columns, rows)
  self.columns, self.rows = columns, rows
  self.screen:resize(columns, rows)
  if self.judge then self.judge:resize(columns, rows) end
  self.term:set_size(columns, rows)
  return self:settle()
end

-- Until check() gives something true; what was written reaches the screen meanwhile.
function On:wait(check)
  for _ = 1, 100000 do
    self.term.output:flush():await()
    if check() then return self end
    lwt.pause():await()
  end
  error("it did not become so", 2)
end

-- Presses keys by their names, separated by blanks.
function On:keys(names)
  for name in names:gmatch "%S+" do self.line:send(name) end
  return self:settle()
end

-- Presses the keys of these characters.
function On:type(text)
  for _, c in utf8.codes(text) do self.line:send(require("lwt.term.key").char(utf8.char(c))) end
  return self:settle()
end

function On:paste(text)
  self.line:send(require("lwt.term.key").paste(text))
  return self:settle()
end

-- What was written since it was asked last.
function On:written()
  local bytes = self.bytes
  self.bytes = ""
  return bytes
end

-- What a fresh drawing of the same line shows: a screen, in which it begins at the top.
function On:fresh()
  local s = self.line.session
  local view = views.new(self.term, self.editor, self.opts)
  view.prompt, view.continuation = s.view.prompt, s.view.continuation
  view.top, view.completion, view.message = s.view.top, s.view.completion, s.view.message
  local rows, cursor = view:rows(self.columns)
  local screen = screens.new(self.columns, self.rows)
  screen:feed((frames.new():draw(rows, cursor, self.columns):gsub("\r?\n", "\r\n")))
  return screen, #rows
end

-- Compares cell by cell, from where the region begins: nil, or what is different.
function On:same()
  local fresh, count = self:fresh()
  local above = self.screen.y - fresh.y
  if above < 0 then return "the region begins above the screen" end
  if self.screen.x ~= fresh.x then
    return ("the cursor is in column %d and not in %d"):format(self.screen.x, fresh.x)
  end
  if self.screen.unknown[1] then return "the terminal does not know " .. self.screen.unknown[1] end
  for y = 1, self.rows - above do
    for x = 1, self.columns do
      local is, should = self.screen:cell(x, y + above), fresh:cell(x, y)
      if y > count and is.char == " " and is.style == "" then
        goto continue
      end
      if is.char ~= should.char or is.style ~= should.style then
        return ("row %d, column %d: %q (%s) and not %q (%s)\n%s\n--- and not\n%s"):format(y, x, is.char,
          is.style, should.char, should.style, table.concat(self.screen:rows(), "|\n"),
          table.concat(fresh:rows(), "|\n"))
      end
      ::continue::
    end
  end
  return nil
end

-- Ends what is left of it.
function On:close()
  self.line:result():cancel()
  pcall(lwt.await, self.line:result())
  pcall(lwt.await, self.typed:close())
  pcall(lwt.await, self.input:close())
  self.term:close()
end
On.__close = On.close

return M
