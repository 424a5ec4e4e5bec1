--- The terminal: keys, raw mode, its size, colours and styles, drawing in place, and what programs ask for again and again: progress bars,
--- tables, questions.
---
--- ```lua norun
--- local lwt, term = require "lwt", require "lwt.term"
--- lwt.run(function()
---   term.printlc { "press ", term.bold, "a key" }
---   local key = lwt.await(term.read_key())
---   term.printlc { "it was ", term.fg.green, tostring(key) }
--- end)
--- ```
---
--- A terminal object (`lwt.Terminal`) stands for an input and an output, and the functions here are its methods. A call without a terminal works on
--- `term.stdout`, the terminal that the program was started on: `term.read_key()` is `term.stdout:read_key()`.

local check = require "lwt.internal.args".outside "lwt.term"
local key = require "lwt.term.key"
local style = require "lwt.term.style"
local terminal = require "lwt.term.terminal"

local M = {
  key = key.key, link = style.link, strip = style.strip, width = style.width,
}

--- Colours of the text: `term.fg.blue` (black red green yellow blue magenta cyan white, lblack … lwhite for the
--- light ones, gray, default), `term.fg(208)` of 256, `term.fg(0x33, 0x99, 0xff)`, `term.fg "#39f"`, `term.fg
--- "blue"`. A style, for `print` and its like; joined with a string by `..` it is its escape sequence.
---@type lwt.Palette
M.fg = style.fg

--- Colours behind the text, named as those of `fg`.
---@type lwt.Palette
M.bg = style.bg

--- Ends all styles, and a link.
---@type lwt.Style
M.reset = style.attributes.reset

--- Bold.
---@type lwt.Style
M.bold = style.attributes.bold

--- Less than normal.
---@type lwt.Style
M.dim = style.attributes.dim

--- Italic.
---@type lwt.Style
M.italic = style.attributes.italic

--- Underlined.
---@type lwt.Style
M.underline = style.attributes.underline

--- Blinking.
---@type lwt.Style
M.blink = style.attributes.blink

--- The colours of text and background changed over.
---@type lwt.Style
M.inverse = style.attributes.inverse

--- Not to be seen.
---@type lwt.Style
M.hidden = style.attributes.hidden

--- Struck out.
---@type lwt.Style
M.strike = style.attributes.strike

local OPTIONS = {
  tty = "boolean", columns = true, rows = true, colors = true, env = "table",
  escape_time = "number", error = true,
}
local COLORS = { [0] = true, [16] = true, [256] = true, [16777216] = true }

local function check_channel(arg, value, what)
  local kind = type(value)
  local ok, f = pcall(function() return value[what] end)
  if (kind == "userdata" or kind == "table") and ok and type(f) == "function" then return end
  check.wrong(arg, "open", "lwt.channel", value)
end

--- A terminal object of an input and an output: channels of `lwt.io`, or sockets and terminals of `lwt.net`.
--- Where they are of a terminal (or one of them is), the system tells its size and does raw mode; at the other
--- end of a connection a terminal is there when `tty = true` says so. Several may be open, also of one terminal.
---
--- Options: `tty` (what the two are taken for, whatever they are); `columns`, `rows` (the size, where the
--- system does not know it); `colors` (0, 16, 256, 16777216); `env`, a table that is asked for TERM, COLORTERM,
--- NO_COLOR and the like in place of the process's environment; `escape_time` (seconds); `error`, the channel
--- that `eprint` writes to (the output).
---@param input lwt.Channel|lwt.Socket
---@param output lwt.Channel|lwt.Socket
---@param opts? table
---@return lwt.Terminal
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local t = term.open(r, w, { tty = true, columns = 40, env = { TERM = "xterm-256color" } })
---print(t:colors(), t:size())   --> 256	40	24
---```
function M.open(input, output, opts)
  check_channel(1, input, "read")
  check_channel(2, output, "write")
  opts = check.options(3, "open", opts, OPTIONS)
  for _, name in ipairs { "columns", "rows" } do
    if opts[name] ~= nil then check.integer(3, "open", opts[name], 1) end
  end
  if opts.colors ~= nil and not COLORS[opts.colors] then
    check.bad(3, "open", "option 'colors': 0, 16, 256 or 16777216 expected")
  end
  if opts.error ~= nil then check_channel(3, opts.error, "write") end
  return terminal.new(input, output, opts)
end

local function of_any_terminal(name)
  if name:sub(1, 1) == "_" then return end
  M[name] = function(first, ...)
    local f = terminal.method(name)
    if terminal.is_terminal(first) then return f(first, ...) end
    return f(M.stdout, first, ...)
  end
end

for name in pairs(terminal.methods) do of_any_terminal(name) end
for name in pairs(terminal.file_of) do of_any_terminal(name) end

--- The terminal that the program was started on: standard input, standard output, and standard error
--- for `eprint`.
---@type lwt.Terminal
M.stdout = terminal.later(function()
  local lio = require "lwt.io"
  return lio.stdin, lio.stdout, { error = lio.stderr }
end)

--- The size of `term.stdout`, `{ columns =, rows = }`, as a signal of `lwt.react`.
---@value lwt.term.size_signal lwt.Signal

setmetatable(M, {
  __index = function(_, name)
    if name == "size_signal" then return M.stdout.size_signal end
  end,
})

return M
