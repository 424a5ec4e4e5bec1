-- Internal: loggers on channels of lwt.io, and the default one, on stderr.

local core = require "lwt.core"
local args = require "lwt.internal.args"
local host = require "lwt.log.host"
local logger = require "lwt.log.logger"
local template = require "lwt.log.template"
local unwritten = require "lwt.log.unwritten"
local writer = require "lwt.log.writer"

local M = {}

local CHANNEL = "$(name): $(section): $(message) $(fields)"
local OPTIONS = { channel = true, close_mode = true, template = "string" }
local SHORT = "$(clock) $(level) $(section): $(message) $(fields)"
local COLORED = "$(clock) $(color)$(level)$(reset) $(section): $(message) $(fields)"
M.FULL = "$(time) $(name)[$(pid)] $(level) $(section): $(message) $(fields)"

-- ---- Channels -------------------------------------------------------------------

local Sink = {}
Sink.__index = Sink

function Sink:write(queue, n)
  if n == 0 then return end
  local ch = self.channel
  local written = ch:write(table.concat(queue, "", 1, n))
  if self.at_once then self.at_once(ch) end
  written:await()
  ch:flush():await()
end

function Sink:rest(queue, n)
  if n > 0 then self.channel:write(table.concat(queue, "", 1, n)) end
end

function Sink:close()
  if self.close_mode == "close" then self.channel:close():await() end
end

-- A logger that writes what `render` makes of records to a channel. `at_once(ch)` writes what can be
-- written without waiting.
function M.on(ch, close_mode, render, at_once)
  ch = core.unview(ch)
  unwritten.see_to(ch)
  local sink = setmetatable({ channel = ch, close_mode = close_mode, at_once = at_once }, Sink)
  return writer.new(sink, render)
end

function M.is_channel(value)
  value = core.unview(value)
  local mt = getmetatable(value)
  return type(value) == "userdata" and type(mt) == "table" and mt.__name == "lwt.channel"
end

-- What is wrong with the options of a channel, or nil.
function M.wrong_options(opts)
  if not M.is_channel(opts.channel) then return "option 'channel': a channel of lwt.io expected" end
  local mode = opts.close_mode
  if mode ~= nil and mode ~= "keep" and mode ~= "close" then
    return "option 'close_mode': \"keep\" or \"close\" expected"
  end
  return nil
end

--- A logger that writes to a channel of `lwt.io`, and flushes it. Whatever else is written to the channel comes between records,
--- never into one. `template` says what a line is like, `$(name): $(section): $(message) $(fields)` where there is none (see the
--- top of this page). With `close_mode = "close"`, closing the logger closes the channel; with `"keep"`, the default, it does not.
---@param opts { channel: lwt.Channel, close_mode?: "keep"|"close", template?: string }
---@return lwt.Logger
--- ```lua
--- local r, w = require "lwt.io".pipe()
--- log.set_default(log.channel { channel = w, template = "$(level) $(message)" })
--- await(log.warning("%d left", 3))
--- print(await(r:read_line()))   --> warning 3 left
--- ```
---@function lwt.log.channel(opts)
function M.channel(opts)
  opts = args.options(1, "channel", opts, OPTIONS)
  local wrong = M.wrong_options(opts)
  if wrong then args.bad(1, "channel", wrong) end
  local render
  render, wrong = template.compile(opts.template or CHANNEL, "\n")
  if not render then args.bad(1, "channel", wrong) end
  return M.on(opts.channel, opts.close_mode or "keep", render)
end

-- ---- The default ----------------------------------------------------------------

-- Without libuv there is Lua's own stderr.
local function plain_stderr(render)
  return logger.new {
    write = function(_, ...) io.stderr:write(render(...)) end,
  }
end

-- On stderr: short and coloured on a terminal, else full. What Lua has written there comes before.
function M.stderr()
  local form = M.FULL
  if host.is_terminal(2) then form = os.getenv "NO_COLOR" and SHORT or COLORED end
  local render = template.compile(form, "\n")
  if not host.uv then return plain_stderr(render) end
  local l = M.on(require "lwt.io".stderr, "keep", render, host.uv.io.flush_now)
  function l.sink.rest(_, queue, n) io.stderr:write(table.concat(queue, "", 1, n)) end
  return l
end

return M
