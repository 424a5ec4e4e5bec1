-- Terminal objects: where bytes come from and go to, and what is known about it.

local lwt = require "lwt"
local core = require "lwt.term.core".tty
local check = require "lwt.internal.args".outside "lwt.term"
local follow = require "lwt.internal.follow"
local colors = require "lwt.term.colors"
local lazy = require "lwt.internal.lazy"
local key = require "lwt.term.key"

local inputs, modes = lazy "lwt.term.input", lazy "lwt.term.modes"
local regions = lazy "lwt.term.region"

local M = {}

---@class lwt.Terminal
---@implied term.stdout
---@field size_signal lwt.Signal its size, `{ columns =, rows = }`
---@field escape_time number seconds after which an Escape is a key (0.05)
local Terminal = { __name = "lwt.terminal" }
local methods = {}
M.methods = methods

local COLUMNS, ROWS = 80, 24
local ESCAPE_TIME = 0.05 -- seconds

-- ---- Making -------------------------------------------------------------------------

local function fd_of(channel)
  if not channel or type(channel.fileno) ~= "function" then return nil end
  local ok, fd = pcall(channel.fileno, channel)
  return ok and fd or nil
end

local function getenv_of(env)
  if env == nil then return os.getenv end
  return function(name) return env[name] end
end

local function begin(t, input, output, opts)
  t.input, t.output, t.error = input, output, opts.error or output
  t.getenv, t.forced = getenv_of(opts.env), opts.tty
  t.own_columns, t.own_rows, t.own_colors = opts.columns, opts.rows, opts.colors
  t.escape_time = rawget(t, "escape_time") or opts.escape_time or ESCAPE_TIME
  t.redraws, t.closed = {}, false
  t.tty = core.open(fd_of(input), fd_of(output))
  t.in_tty, t.out_tty = false, false
  if t.tty then t.in_tty, t.out_tty = t.tty:is() end
  if opts.tty ~= nil then t.in_tty, t.out_tty = opts.tty and input ~= nil, opts.tty end
  t.modes = modes.new(t)
  t.region = regions.new(t)
  return t
end

-- `opts` is checked already.
function M.new(input, output, opts)
  return begin(setmetatable({}, Terminal), input, output, opts)
end

-- One that begins when it is first used: `make` gives what `new` takes. A program that does not use it
-- leaves the channels alone.
function M.later(make) return setmetatable({ make = make }, Terminal) end

function Terminal.__tostring(t)
  local columns, rows = t:size()
  local how = t.closed and "closed, " or t.out_tty and "" or "no terminal, "
  return ("lwt.terminal (%s%d x %d)"):format(how, columns, rows)
end

-- ---- Inside ---------------------------------------------------------------------------

-- At terminals of other programs (a socket, a pipe) no driver makes CR LF of LF.
local function newlines(t, bytes)
  if t.tty or not t.forced then return bytes end
  return (bytes:gsub("\r?\n", "\r\n"))
end

-- Writes bytes as they are: a promise. What goes to the standard output keeps its place among what Lua's
-- own print has written.
function methods:_write(bytes, to)
  if bytes == "" then return lwt.fulfilled() end
  bytes = newlines(self, bytes)
  local lio = require "lwt.io"
  if self.direct and not to then -- past what catches the output of others
    return self.direct:write(bytes)
  end
  to = to or self.output
  if rawequal(to, rawget(lio, "stdout")) then return lio.print(bytes) end
  if rawequal(to, rawget(lio, "stderr")) then return lio.eprint(bytes) end
  return to:write(bytes)
end

function methods:_is_dumb() return not self.out_tty or colors.is_dumb(self.getenv) end

-- Bytes that only a terminal understands.
function methods:_control(bytes)
  if self:_is_dumb() then return lwt.fulfilled() end
  return self:_write(bytes)
end

function methods:_can_synchronize() return self.getenv "TERM" ~= "linux" end

function methods:_erase()
  local characters = self.tty and self.tty:characters() or {}
  return characters.erase
end

function methods:_takes()
  return {
    colours = self:colors(),
    styles = self.own_colors ~= nil and self.own_colors > 0
      or colors.has_styles(self.getenv, self.out_tty),
  }
end

function methods:_input()
  if not self.keys_in then
    local keys_in = inputs.new(self)
    self.keys_in = self.keys_in or keys_in
  end
  return self.keys_in
end

-- The mutex of that name, made when it is first asked for: by a finalizer, perhaps, while it is made.
function methods:_turn(name)
  if not self[name] then
    local turn = require("lwt.mutex").create()
    self[name] = self[name] or turn
  end
  return self[name]
end

-- The process goes on after it was stopped: what is on the screen is no longer known.
function methods:_refresh()
  self.region:redraw()
  for _, f in ipairs { table.unpack(self.redraws) } do lwt.async(f, self) end
  self:_resized(true)
end

-- SIGWINCH, or `set_size`.
function methods:_resized(anyway)
  local columns, rows = self:size()
  local changed = columns ~= self.seen_columns or rows ~= self.seen_rows
  if not changed and not anyway then return end
  self.seen_columns, self.seen_rows = columns, rows
  if changed then self.region:redraw() end
  if self.set_size_signal then self.set_size_signal({ columns = columns, rows = rows }) end
  if self.modes.raw[1] and self.keys_in then self.keys_in:push(key.resize(columns, rows)) end
end

-- ---- What it is -----------------------------------------------------------------------

--- Whether the output is a terminal, and whether the input is one.
---@param t lwt.Terminal
---@return boolean output
---@return boolean input
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---print(term.open(r, w):is_tty())   --> false	false
---```
---@function term.is_tty(t)
function methods:is_tty() return self.out_tty, self.in_tty end

--- How many columns and rows the terminal has: what the system says; where that is nothing, COLUMNS and
--- LINES; then 80 and 24. At least 1 of both.
---@param t lwt.Terminal
---@return integer columns
---@return integer rows
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---print(term.open(r, w, { columns = 100 }):size())   --> 100	24
---```
---@function term.size(t)
function methods:size()
  local columns, rows = self.own_columns or 0, self.own_rows or 0
  if self.tty and (columns == 0 or rows == 0) then
    local c, r = self.tty:size()
    columns, rows = columns > 0 and columns or c, rows > 0 and rows or r
  end
  local function number(name)
    local n = math.tointeger(tonumber(self.getenv(name)))
    return n and n > 0 and n < 65536 and n or nil
  end
  if columns <= 0 then columns = number "COLUMNS" or COLUMNS end
  if rows <= 0 then rows = number "LINES" or ROWS end
  return columns, rows
end

--- Says how large a terminal is that the system does not know: one at the other end of a connection.
--- Waiting reads of keys get it as a key, and `size_signal` changes.
---@param t lwt.Terminal
---@param columns integer at least 1
---@param rows integer at least 1
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local t = term.open(r, w)
---t:set_size(132, 50)
---print(t:size())   --> 132	50
---```
---@function term.set_size(t, columns, rows)
function methods:set_size(columns, rows)
  self.own_columns = check.integer(1, "set_size", columns, 1)
  self.own_rows = check.integer(2, "set_size", rows, 1)
  self:_resized()
end

--- The number of colours that are written: 0, 16, 256 or 16777216. The first of these decides: the option
--- `colors`; NO_COLOR, if it is not empty, is 0; FORCE_COLOR or CLICOLOR_FORCE, if not empty, is `0` or `false`
--- for none, `1`, `2`, `3` for 16, 256, 16777216, anything else for what the terminal has; 0 for what is no
--- terminal, for TERM=dumb or no TERM, and for CLICOLOR=0; COLORTERM (`truecolor`, `24bit`) and the name in
--- TERM say how many.
---@param t lwt.Terminal
---@return integer
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---print(term.open(r, w, { env = { FORCE_COLOR = "2" } }):colors())   --> 256
---```
---@function term.colors(t)
function methods:colors()
  if self.own_colors then return self.own_colors end
  return colors.number(self.getenv, self.out_tty)
end

-- ---- Raw mode ----------------------------------------------------------------------------

local RAW_OPTIONS = { signals = "boolean", paste = "boolean" }

local function raw_guard(t, opts)
  local names = {}
  if not t:_is_dumb() and opts.paste ~= false then names[1] = "paste" end
  return t.modes:guard(names, t.in_tty and { signals = opts.signals or false } or nil)
end

function methods:_raw_for_key()
  return not self.modes.raw[1] and self.in_tty and raw_guard(self, {})
end

--- Puts the terminal into raw mode: every key is there at once, nothing is echoed, and Ctrl-C, Ctrl-Z,
--- Ctrl-S and the like are plain keys. (Output is as always: a newline is the beginning of the next line.)
--- The guard that comes back ends it: `guard:close()`, or `<close>`. It is counted: raw mode ends with the
--- last guard; of several that differ in `signals`, the newest counts.
---
--- The terminal is given back as it was found on every way out of the program: the end, an error, `os.exit`,
--- a fatal signal (which then ends it as it would have). When the process is stopped by SIGTSTP it is given
--- back before, and when it goes on it is raw again. What has been typed already is not lost on either way.
--- A terminal that was left raw by a program which was killed is taken for one that was not.
---
--- Where the input is no terminal nothing happens. Raises `EIO` where the terminal has gone away.
---@param t lwt.Terminal
---@param opts? table `signals`: Ctrl-C still interrupts (false); `paste`: what is pasted is one key (true)
---@return lwt.TerminalGuard
---```lua
---do
---  local guard <close> = term.raw_mode()
---end
---```
---@function term.raw_mode(t, opts)
function methods:raw_mode(opts)
  return raw_guard(self, check.options(1, "raw_mode", opts, RAW_OPTIONS))
end

-- Runs f(t) as a task in the modes for which `make` gives a guard.
local function with(t, f, make, ...)
  return lwt.spawn(function(...)
    local _ <close> = make(...)
    return follow(f(t))
  end, ...)
end

--- Runs `f(t)` as a task in raw mode (see `raw_mode`), which ends with it, however it ends.
---@param t lwt.Terminal
---@param f async fun(t: lwt.Terminal): any
---@param opts? table as for `raw_mode`
---@return lwt.Promise<any> # what `f` returns
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local t = term.open(r, w)
---await(w:write "q")
---print(await(t:with_raw_mode(function() return t:read_key() end)))   --> q
---```
---@function term.with_raw_mode(t, f, opts)
function methods:with_raw_mode(f, opts)
  check.check_callable(1, "with_raw_mode", f)
  opts = check.options(2, "with_raw_mode", opts, RAW_OPTIONS)
  return with(self, f, raw_guard, self, opts)
end

local function guard_of(t, name)
  return t.modes:guard(t:_is_dumb() and {} or { name })
end

--- Runs `f(t)` as a task on the terminal's other screen, which is empty at first. What was shown before is
--- there again when it has ended, however it ends.
---@param t lwt.Terminal
---@param f async fun(t: lwt.Terminal): any
---@return lwt.Promise<any> # what `f` returns
---```lua
---print(await(term.with_alternate_screen(function() return "done" end)))   --> done
---```
---@function term.with_alternate_screen(t, f)
function methods:with_alternate_screen(f)
  check.check_callable(1, "with_alternate_screen", f)
  return with(self, f, guard_of, self, "alternate")
end

--- Runs `f(t)` as a task while the mouse is reported, as keys: `{ name = "mouse", action =, button =, x =,
--- y = }`, with `ctrl`, `alt` and `shift`. Actions are `press`, `release`, `move` and `wheel`; buttons `left`,
--- `middle`, `right`, and `up`, `down` of the wheel; `x` and `y` are from 1. Without `motion` moves are
--- reported only while a button is held.
---@param t lwt.Terminal
---@param f async fun(t: lwt.Terminal): any
---@param opts? table `motion`: every move (false)
---@return lwt.Promise<any> # what `f` returns
---```lua
---print(await(term.with_mouse(function() return "done" end)))   --> done
---```
---@function term.with_mouse(t, f, opts)
function methods:with_mouse(f, opts)
  check.check_callable(1, "with_mouse", f)
  opts = check.options(2, "with_mouse", opts, { motion = "boolean" })
  return with(self, f, guard_of, self, opts.motion and "motion" or "mouse")
end

--- Runs `f(t)` as a task while it is reported, as a key `{ focus = true|false }`, that the terminal's window
--- gets or loses the keyboard.
---@param t lwt.Terminal
---@param f async fun(t: lwt.Terminal): any
---@return lwt.Promise<any> # what `f` returns
---```lua
---print(await(term.with_focus(function() return "done" end)))   --> done
---```
---@function term.with_focus(t, f)
function methods:with_focus(f)
  check.check_callable(1, "with_focus", f)
  return with(self, f, guard_of, self, "focus")
end

--- Stops the process as Ctrl-Z does elsewhere, after the terminal was given back; in raw mode that is up to
--- the program. The promise is fulfilled when it goes on and the screen has been drawn again; at once where
--- there is no shell that could have it go on.
---@param t lwt.Terminal
---@return lwt.Promise<nil>
---```lua norun
---if key == term.key "ctrl-z" then await(t:suspend()) end
---```
---@function term.suspend(t)
function methods:suspend()
  return lwt.spawn(modes.suspend, self.modes, true)
end

--- Has `f(t)` called as a task when the screen has to be drawn anew, because the process had been stopped.
--- What `draw`, bars and the like show is drawn by itself.
---@param t lwt.Terminal
---@param f async fun(t: lwt.Terminal)
---@return fun() stop no more
---```lua
---local stop = term.on_redraw(function(t) t:clear() end)
---stop()
---```
---@function term.on_redraw(t, f)
function methods:on_redraw(f)
  check.check_callable(1, "on_redraw", f)
  local entry = function(t) return f(t) end
  self.redraws[#self.redraws + 1] = entry
  return function()
    for i, other in ipairs(self.redraws) do
      if other == entry then table.remove(self.redraws, i) break end
    end
  end
end

-- ---- Keys ------------------------------------------------------------------------------

--- A promise of the next key, nil at the end of the input. It is in raw mode while it waits, if it is not
--- already. Cancelling it takes no key.
---
--- A key is `{ name = "up", ctrl =, alt =, shift =, super = }` or `{ char = "é", … }` (see `term.key`), or one
--- of these: `{ paste = text }`, what was pasted, with `"\n"` as the ends of lines and without control
--- characters; the mouse (see `with_mouse`); `{ focus = true|false }`; `{ resize = true, columns =, rows = }` in
--- raw mode. `tostring(key)` is `"ctrl-a"`, `"é"`, `"paste"`.
---
--- An Escape is a key when nothing follows it for `t.escape_time` seconds (0.05). A sequence that is not
--- known is no key, and no byte of it is one; what is not UTF-8 is U+FFFD.
---@param t lwt.Terminal
---@return lwt.Promise<lwt.TerminalKey?>
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local t = term.open(r, w)
---await(w:write "\27[1;5Aé")
---print(await(t:read_key()), await(t:read_key()).char)   --> ctrl-up	é
---```
---@function term.read_key(t)
function methods:read_key()
  return self:_input():read()
end

--- The keys one after the other, up to the end of the input, in raw mode for as long as the loop goes on.
---@param t lwt.Terminal
---@return fun(): lwt.TerminalKey?
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---await(w:write "ab\r")
---for key in term.open(r, w):keys() do
---  if key == term.key "enter" then break end
---  print(key)
---end
------> a
------> b
---```
---@function term.keys(t)
function methods:keys()
  local guard = raw_guard(self, {})
  local input = self:_input()
  return function() return lwt.await(input:read()) end, nil, nil, guard
end

--- Gives the terminal back as it was, and stops using it. The channels are not closed. What waits for a
--- key is rejected with `lwt.Closed`.
---@param t lwt.Terminal
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local t = term.open(r, w)
---t:close()
---```
---@function term.close(t)
function methods:close()
  if self.closed then return end
  self.region:stop()
  self.modes:go_away()
  self.modes.on, self.modes.raw = {}, {}
  self.modes:deafen()
  self.closed = true
  if self.keys_in then self.keys_in:close() end
  if self.size_handler then self.size_handler:stop() end
  if self.tty then self.tty:close() end
end

Terminal.__close = methods.close

-- ---- The size as a signal ------------------------------------------------------------------

local function size_signal(t)
  local columns, rows = t:size()
  t.seen_columns, t.seen_rows = columns, rows
  local s, set = require("lwt.react").S.create({ columns = columns, rows = rows })
  t.size_signal, t.set_size_signal = s, set
  if t.tty then
    t.size_handler = require("lwt.signal").on("WINCH", function() t:_resized() end)
  end
  return s
end

-- Methods that are in other files, which are read when one of theirs is asked for.
local ELSEWHERE = {
  screen = [[print printlc eprint eprintlc styled clear clear_line move save restore hide_cursor
    show_cursor title bell set_clipboard draw draw_done]],
  progress = "progress spinner", table = "table", ask = "confirm choose",
}
local file_of = {}
for file, names in pairs(ELSEWHERE) do
  for name in names:gmatch "%S+" do file_of[name] = file end
end
M.file_of = file_of

-- The method with this name, or nil.
local function method(name)
  if not methods[name] and file_of[name] then require("lwt.term." .. file_of[name]) end
  return methods[name]
end
M.method = method

function Terminal.__index(t, name)
  local found = methods[name] or method(name)
  if found then return found end
  if rawget(t, "make") then
    local make = t.make
    t.make = nil
    begin(t, make())
    return t[name]
  end
  if name == "size_signal" then return size_signal(t) end
  return nil
end

M.Terminal = Terminal

function M.is_terminal(value) return getmetatable(value) == Terminal end

return M
