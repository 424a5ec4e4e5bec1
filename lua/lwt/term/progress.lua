-- Progress bars and spinners: blocks of the terminal's region, which a timer redraws.
--
-- Where the output is no terminal a bar writes a plain line now and then, and a spinner one at its end.

local lwt = require "lwt"
local cells = require "lwt.term.cells"
local check = require "lwt.internal.args".outside "lwt.term"
local style = require "lwt.term.style"
local text = require "lwt.text"
local methods = require "lwt.term.terminal".methods

local BARS = 20 -- the level of bars and spinners: above what is drawn and edited
local REDRAW = 0.1 -- seconds
local PLAIN = 10 -- seconds between two plain lines

local function is_utf8(t)
  for _, name in ipairs { "LC_ALL", "LC_CTYPE", "LANG" } do
    local value = t.getenv(name)
    if value and value ~= "" then return value:lower():find "utf%-?8" ~= nil end
  end
  return false
end

-- ---- Redrawing in time -----------------------------------------------------------------

-- Something that is shown in one row and changes: `line(columns)` gives it. It is redrawn at most ten times a
-- second, and with `turning` as often as that.
local function show(t, line, turning)
  local shown = { t = t, drawn = -math.huge, timer = false, block = false }
  if not t:_is_dumb() then
    shown.block = t.region:add(t.region:block(BARS, function(columns)
      return { cells.row(line(columns), columns) }
    end))
  end
  local redraw
  local function later(seconds)
    local timer = lwt.sleep(seconds)
    shown.timer = timer
    timer:on_success(function()
      if shown.timer ~= timer then return end
      shown.timer = false
      redraw()
    end)
  end
  function redraw()
    if not shown.block then return end
    shown.drawn = lwt.now()
    t.region:update()
    if turning then later(REDRAW) end
  end
  function shown.changed()
    if not shown.block or shown.timer then return end
    local wait = shown.drawn + REDRAW - lwt.now()
    if wait <= 0 then redraw() else later(wait) end
  end
  function shown.stop(last)
    local timer, block = shown.timer, shown.block
    shown.timer, shown.block = false, false
    if timer then timer:cancel() end
    if block then return t.region:remove(block, last and last .. "\n") end
    if last then return t:_write(last .. "\n") end
    return lwt.fulfilled()
  end
  return shown
end

-- ---- Bars --------------------------------------------------------------------------------

---@class lwt.Bar
local Bar = { __name = "lwt.bar" }
Bar.__index = Bar

local EIGHTHS = { "▏", "▎", "▍", "▌", "▋", "▊", "▉" }

local function blocks(fraction, columns, utf8)
  local eighths = math.floor(fraction * columns * 8 + 0.5)
  if not utf8 then
    local full = eighths // 8
    return ("#"):rep(full) .. ("-"):rep(columns - full)
  end
  local full = eighths // 8
  local part = full < columns and EIGHTHS[eighths % 8] or ""
  return ("█"):rep(full) .. part .. (" "):rep(columns - full - (part == "" and 0 or 1))
end

local function duration(seconds)
  seconds = math.floor(seconds + 0.5)
  if seconds >= 3600 then
    return ("%d:%02d:%02d"):format(seconds // 3600, seconds // 60 % 60, seconds % 60)
  end
  return ("%d:%02d"):format(seconds // 60, seconds % 60)
end

local function number(n)
  return math.type(n) == "integer" and tostring(n) or ("%.1f"):format(n)
end

-- What is told behind the bar.
local function figures(bar)
  local passed = lwt.now() - bar.began
  if not bar.total then return ("%s %s"):format(number(bar.value), duration(passed)) end
  local fraction = bar.total > 0 and math.min(1, bar.value / bar.total) or 1
  local left = ""
  if bar.over then
    left = duration(passed)
  elseif fraction > 0 and passed >= 1 then
    left = duration(passed / fraction - passed) .. " left"
  end
  return ("%s/%s %s"):format(number(bar.value), number(bar.total), left):gsub(" $", "")
end

local function percent(bar)
  if not bar.total then return 0 end
  return bar.total > 0 and math.floor(math.min(1, bar.value / bar.total) * 100) or 100
end

local function plain_line(bar)
  local label = bar.label ~= "" and bar.label .. "  " or ""
  if not bar.total then return label .. figures(bar) end
  return ("%s%d%%  %s"):format(label, percent(bar), figures(bar))
end

local LEAST, MOST = 10, 40 -- columns of the bar itself

local function bar_line(bar, columns)
  local told = figures(bar)
  if not bar.total then return plain_line(bar) end
  local label = bar.label
  local room = columns - 1 - #("100%  ") - 2 - text.width(told) - (label ~= "" and 2 or 0)
  local width = math.min(MOST, room - text.width(label))
  if width < LEAST and label ~= "" then
    label = text.truncate(label, math.max(1, room - LEAST))
    width = math.min(MOST, room - text.width(label))
  end
  if width < LEAST then return text.truncate(plain_line(bar), columns) end
  local fraction = bar.total > 0 and math.min(1, bar.value / bar.total) or 1
  return ("%s%3d%% %s  %s"):format(label ~= "" and label .. "  " or "", percent(bar),
    bar.t:styled { style.fg.green, blocks(fraction, width, bar.utf8) }, told)
end

-- Without a terminal: at each tenth, and every ten seconds.
local function tell_plainly(bar)
  if bar.shown.block then return end
  local tenth, now = percent(bar) // 10, lwt.now()
  if tenth > bar.tenth or now - bar.told >= PLAIN then
    bar.tenth, bar.told = tenth, now
    if not (bar.total and bar.value >= bar.total) then bar.t:_write(plain_line(bar) .. "\n") end
  end
end

local BAR_OPTIONS = { total = "number", label = "string", value = "number" }

--- A progress bar at the bottom of what has been written; several stand below one another. It is redrawn at
--- most ten times a second. What is printed meanwhile appears above. Where the output is no terminal (or TERM
--- is `dumb`) it writes a plain line at each tenth of the whole, at least every ten seconds, and at the end.
---
--- Options: `total` (without it only the count and the time are shown), `label`, `value` to begin with (0).
---@param t lwt.Terminal
---@param opts? table
---@return lwt.Bar
---```lua
---local bar = term.progress { total = 3, label = "files" }
---for _ = 1, 3 do bar:add() end
---await(bar:done())
---```
---@function term.progress(t, opts)
function methods:progress(opts)
  opts = check.options(1, "progress", opts, BAR_OPTIONS)
  if opts.total and (opts.total < 0 or opts.total ~= opts.total) then
    check.bad(1, "progress", "option 'total': must be at least 0")
  end
  local now = lwt.now()
  local bar = setmetatable({
    t = self, total = opts.total, label = opts.label or "", value = opts.value or 0, began = now,
    utf8 = is_utf8(self), over = false, tenth = 0, told = now,
  }, Bar)
  bar.shown = show(self, function(columns) return bar_line(bar, columns) end, false)
  bar.shown.changed()
  return bar
end

--- So much more is done.
---@param bar lwt.Bar
---@param n number? 1
---@function term.Bar.add(bar, n)
function Bar.add(bar, n)
  check.self("add", bar, Bar)
  if n == nil then n = 1 end
  check.type(1, "add", n, "number")
  bar:set(bar.value + n)
end

--- So much is done.
---@param bar lwt.Bar
---@param value number
---@param label string? another label
---@function term.Bar.set(bar, value, label)
function Bar.set(bar, value, label)
  check.self("set", bar, Bar)
  check.type(1, "set", value, "number")
  if label ~= nil then check.type(2, "set", label, "string") end
  if bar.over then return end
  bar.value, bar.label = value, label or bar.label
  bar.shown.changed()
  tell_plainly(bar)
end

--- It has ended: the bar is drawn a last time, as far as it came, and stays as a line. Ending it again does
--- nothing; leaving a `<close>` variable ends it.
---@param bar lwt.Bar
---@param last? string the line that stays instead; "": none
---@return lwt.Promise<nil> # it is written
---@function term.Bar.done(bar, last)
function Bar.done(bar, last)
  check.self("done", bar, Bar)
  if last ~= nil then check.type(1, "done", last, "string") end
  if bar.over then return lwt.fulfilled() end
  bar.over = true
  local columns = bar.t:size()
  last = last or (bar.shown.block and bar_line(bar, columns) or plain_line(bar))
  return bar.shown.stop(last ~= "" and last or nil)
end

Bar.__close = function(bar) bar:done() end

-- ---- Spinners ------------------------------------------------------------------------------

---@class lwt.Spinner
local Spinner = { __name = "lwt.spinner" }
Spinner.__index = Spinner

local DOTS = { "⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏" }
local STROKES = { "|", "/", "-", "\\" }

--- Shows that something is under way, for as long as it takes, with how many seconds it has been. Where the
--- output is no terminal it writes nothing before its end.
---
--- Option: `label`.
---@param t lwt.Terminal
---@param opts? table
---@return lwt.Spinner
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local spinner = term.open(r, w):spinner { label = "looking" }
---await(lwt.sleep(0.01))
---await(spinner:done "found")
---print(await(r:read_line()))   --> found
---```
---@function term.spinner(t, opts)
function methods:spinner(opts)
  opts = check.options(1, "spinner", opts, { label = "string" })
  local frames = is_utf8(self) and DOTS or STROKES
  local spinner = { label = opts.label or "", began = lwt.now(), over = false }
  setmetatable(spinner, Spinner)
  spinner.shown = show(self, function(columns)
    local passed = lwt.now() - spinner.began
    local frame = frames[math.floor(passed / REDRAW + 0.5) % #frames + 1]
    local seconds = passed >= 1 and " " .. duration(passed) or ""
    return text.truncate(("%s %s%s"):format(frame, spinner.label, seconds), columns)
  end, true)
  spinner.shown.changed()
  return spinner
end

--- Another label.
---@param spinner lwt.Spinner
---@param label string
---@function term.Spinner.set(spinner, label)
function Spinner.set(spinner, label)
  check.self("set", spinner, Spinner)
  check.type(1, "set", label, "string")
  spinner.label = label
end

--- It has ended, and is taken away; a line may stay in its place. Ending it again does nothing; leaving a
--- `<close>` variable ends it.
---@param spinner lwt.Spinner
---@param last? string the line that stays
---@return lwt.Promise<nil> # it is written
---@function term.Spinner.done(spinner, last)
function Spinner.done(spinner, last)
  check.self("done", spinner, Spinner)
  if last ~= nil then check.type(1, "done", last, "string") end
  if spinner.over then return lwt.fulfilled() end
  spinner.over = true
  return spinner.shown.stop(last)
end

Spinner.__close = function(spinner) spinner:done() end

return methods
