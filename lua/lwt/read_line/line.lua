-- A line that is being read, controlled by the program.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local editor = require "lwt.read_line.editor"
local keymap = require "lwt.read_line.keymap"
local key = require "lwt.term.key"
local plain = require "lwt.internal.lazy" "lwt.read_line.plain"
local session = require "lwt.read_line.session"
local style = require "lwt.term.style"

---@class lwt.Line
local Line = { __name = "lwt.read_line.line" }
Line.__index = Line

local M = {}

-- Begins to read: at once until its first wait.
function M.start(terminal, opts)
  local out, input = terminal:is_tty()
  local line = setmetatable({ terminal = terminal, session = false, promise = false }, Line)
  if not input or not out or (terminal:_is_dumb() and not opts.mask) then
    line.promise = lwt.spawn(plain.read, terminal, opts)
    return line
  end
  local s = session.new(terminal, opts)
  s.silent = terminal:_is_dumb()
  line.session = s
  line.promise = lwt.spawn(s.run, s)
  return line
end

local function check(line, name)
  if getmetatable(line) ~= Line then args.wrong(1, name, "lwt.read_line.line", line, 1) end
end

-- The session, while there is something to be edited.
local function live(line)
  local s = line.session
  return s and not s.over and s or nil
end

function Line.__tostring(line)
  return ("lwt.read_line.line (%s)"):format(line.promise:is_pending() and "being read" or "over")
end

--- A promise of the line: nil at the end of the input, rejected with `read_line.Interrupt` after Ctrl-C.
--- Cancelling it ends the reading.
---@param line lwt.Line
---@return lwt.Promise<string?>
---```lua
---local lio, term = require "lwt.io", require "lwt.term"
---local r, w = lio.pipe()
---local line = read_line.start { term = term.open(r, w, { tty = true, env = { TERM = "xterm" } }) }
---line:insert "hello"
---line:accept()
---print(await(line:result()))   --> hello
---```
---@function read_line.Line.result(line)
function Line.result(line)
  check(line, "result")
  return line.promise
end

--- The text so far, and where the cursor is: how many bytes are before it.
---@param line lwt.Line
---@return string
---@return integer
---@function read_line.Line.text(line)
function Line.text(line)
  check(line, "text")
  local s = line.session
  if not s then return "", 0 end
  return s.editor:text(), s.editor:cursor()
end

--- Takes the line from the screen; what is typed goes on being edited. It may be said several times, and
--- is shown again after as many `show`s.
---@param line lwt.Line
---@return lwt.Promise<nil> # fulfilled when it is not on the screen any more
---@function read_line.Line.hide(line)
function Line.hide(line)
  check(line, "hide")
  local s = live(line)
  return s and s:hide() or lwt.fulfilled()
end

--- Shows the line again.
---@param line lwt.Line
---@return lwt.Promise<nil>
---@function read_line.Line.show(line)
function Line.show(line)
  check(line, "show")
  local s = live(line)
  return s and s:show() or lwt.fulfilled()
end

local function text_of(terminal, value)
  if type(value) == "table" and (style.is_style(value) or not getmetatable(value)) then
    return style.render("print", value, terminal:_takes(), true)
  end
  return tostring(value)
end

--- Writes above the line, as `print` does: values separated by tabs, and the end of a line. Styled lists are
--- shown with their styles. When the line is over it is written where the cursor is.
---@param line lwt.Line
---@param ... any
---@return lwt.Promise<nil> # fulfilled when it is on the screen
---@function read_line.Line.print(line, ...)
function Line.print(line, ...)
  check(line, "print")
  local t, parts = line.terminal, {}
  for i = 1, select("#", ...) do parts[i] = text_of(t, (select(i, ...))) end
  local text = table.concat(parts, "\t") .. "\n"
  return session.flushed(t, t.region.blocks[1] and t.region:print(text) or t:_write(text))
end

-- Has the session's task do something with the editor.
local function act(line, f)
  local s = live(line)
  if not s then return false end
  s:post(f)
  return true
end

--- Does what a key does, or a command: `"ctrl-a"`, a key of `term`, `"beginning-of-line"`. Whether the line
--- was still there.
---@param line lwt.Line
---@param what string|lwt.TerminalKey the name of a command or of a key, or a key
---@return boolean
---```lua
---local lio, term = require "lwt.io", require "lwt.term"
---local r, w = lio.pipe()
---local line = read_line.start { term = term.open(r, w, { tty = true, env = { TERM = "xterm" } }) }
---line:insert "hello world"
---line:send "backward-kill-word"
---line:send "enter"
---print(await(line:result()) == "hello ")   --> true
---```
---@function read_line.Line.send(line, what)
function Line.send(line, what)
  check(line, "send")
  if type(what) == "string" and editor.commands[what] then
    return act(line, function()
      line.session.editor:run(what)
      line.session:serve()
    end)
  end
  local k = what
  if type(k) == "string" then
    local ok, found = pcall(keymap.key, k)
    if not ok then args.bad(2, "send", ("no command and no key is called '%s'"):format(k)) end
    k = found
  elseif not key.is_key(k) then
    args.wrong(2, "send", "command or key", k)
  end
  return act(line, function() line.session:press(k) end)
end

--- Inserts text at the cursor. Whether the line was still there.
---@param line lwt.Line
---@param s string
---@return boolean
---@function read_line.Line.insert(line, s)
function Line.insert(line, s)
  check(line, "insert")
  if type(s) ~= "string" then args.wrong(2, "insert", "string", s) end
  return act(line, function()
    local ed = line.session.editor
    ed:_call(function() ed:insert(s) end)
  end)
end

--- Changes the prompt: a text, or a styled list.
---@param line lwt.Line
---@param prompt string|table
---@return boolean
---@function read_line.Line.set_prompt(line, prompt)
function Line.set_prompt(line, prompt)
  check(line, "set_prompt")
  if type(prompt) ~= "string" and type(prompt) ~= "table" then
    args.wrong(2, "set_prompt", "string or styled list", prompt)
  end
  return act(line, function() line.session.view:set_prompt(prompt) end)
end

--- Accepts the line as it is now (if it is valid).
---@param line lwt.Line
---@return boolean
---@function read_line.Line.accept(line)
function Line.accept(line)
  check(line, "accept")
  return Line.send(line, "accept-line")
end

--- Ends the reading as Ctrl-C does: the result is rejected with `read_line.Interrupt`.
---@param line lwt.Line
---@return boolean
---@function read_line.Line.abort(line)
function Line.abort(line)
  check(line, "abort")
  local s = live(line)
  if not s then return false end
  s:interrupt()
  return true
end

return M
