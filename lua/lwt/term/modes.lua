-- What a terminal is switched to, and back: raw mode, the other screen, the mouse, the cursor.
--
-- Each mode is counted, so that users nest. What has been switched on is known to the C side as well
-- (tty:leave), which switches it off on every other way out: at exit, and before a fatal signal. While
-- anything is on, Ctrl-Z's and SIGCONT's signals are heard: the terminal is given back before the process
-- stops, and taken again when it goes on.

local lwt = require "lwt"
local check = require "lwt.internal.args".outside "lwt.term"
local signal = require "lwt.signal"
local core = require "lwt.term.core".tty
local bare = require "lwt.internal.stored".bare

local M = {}

-- What switches each mode on and off.
local SEQUENCES = {
  paste = { "\27[?2004h", "\27[?2004l" },
  alternate = { "\27[?1049h\27[2J\27[H", "\27[?1049l" },
  mouse = { "\27[?1000h\27[?1002h\27[?1006h", "\27[?1006l\27[?1002l\27[?1000l" },
  motion = { "\27[?1003h\27[?1006h", "\27[?1006l\27[?1003l" },
  focus = { "\27[?1004h", "\27[?1004l" },
  hidden = { "\27[?25l", "\27[?25h" },
  region = { "", "\r\n" }, -- something is drawn, and the cursor is in its last row
}

---@class lwt.TerminalGuard
---@field close fun(guard: lwt.TerminalGuard)
local Guard = { __name = "lwt.terminal.guard" }
Guard.__index = Guard

function M.new(terminal)
  return setmetatable({
    terminal = terminal, on = {}, count = {}, raw = {}, away = false, listening = false,
  }, { __index = M })
end

-- ---- What is on ------------------------------------------------------------------

-- What switches everything off, the newest first; `erased`: nothing is drawn any more.
local function leave_bytes(modes, erased)
  local parts = {}
  for i = #modes.on, 1, -1 do
    local name = modes.on[i]
    if not (erased and name == "region") then parts[#parts + 1] = SEQUENCES[name][2] end
  end
  if #parts > 0 then table.insert(parts, 1, "\27[m") end
  return table.concat(parts)
end

local function enter_bytes(modes)
  local parts = {}
  for _, name in ipairs(modes.on) do parts[#parts + 1] = SEQUENCES[name][1] end
  return table.concat(parts)
end

local function remember(modes)
  if modes.terminal.tty then modes.terminal.tty:leave(leave_bytes(modes)) end
end

local function apply_raw(modes)
  local tty, last = modes.terminal.tty, modes.raw[#modes.raw]
  if not tty then return end -- the other end of a connection: its own program sees to it
  if last then tty:raw(last.signals and "signals" or "keys") else tty:cooked() end
end

local function is_used(modes) return modes.on[1] ~= nil or modes.raw[1] ~= nil end

-- ---- Going away, and coming back ----------------------------------------------------

-- The terminal is as it was found. What has been written before is on its way.
function M.go_away(modes, erased)
  if modes.away or not is_used(modes) then return end
  modes.away = true
  local t = modes.terminal
  t:_write(leave_bytes(modes, erased))
  if t.tty then
    t.tty:leave ""
    if modes.raw[1] then t.tty:cooked() end
  end
end

-- As it was before `go_away`; once more where it is not known whether it still is.
function M.come_back(modes)
  if not modes.away then return end
  modes.away = false
  if not is_used(modes) then return end
  if modes.raw[1] then apply_raw(modes) end
  remember(modes)
  modes.terminal:_write(enter_bytes(modes))
  M.listen(modes)
end

local function flushed(t)
  local ok, p = pcall(t.output.flush, t.output)
  if ok then lwt.with_timeout(1, lwt.protected(p)):catch(function() end):await() end
end

-- Stops the process, as Ctrl-Z does elsewhere. A task.
function M.suspend(modes, group)
  local t = modes.terminal
  t.region:hide()
  M.go_away(modes, true)
  flushed(t)
  core.stop(group)
  M.come_back(modes)
  t:_refresh()
end

-- At the end of `run` it is switched off here, before the text of an error is shown.
local function at_end(modes)
  modes.at_exit = false
  if modes.listening then M.deafen(modes) end
  if not is_used(modes) then return end
  modes.terminal.region:stop()
  M.go_away(modes)
  flushed(modes.terminal)
end

local HEARD = { "TSTP", "CONT", "WINCH" }

function M.listen(modes)
  if not modes.at_exit then
    modes.at_exit = true
    bare(lwt.at_exit, function() at_end(modes) end) -- (not with the storage of whoever comes first)
  end
  if modes.listening or not modes.terminal.tty then return end
  modes.listening = {}
  local handlers = {
    TSTP = function() M.suspend(modes, false) end,
    CONT = function()
      if modes.raw[1] and not modes.away then pcall(apply_raw, modes) end
      modes.terminal:_refresh()
    end,
    WINCH = function() modes.terminal:_resized() end,
  }
  for _, name in ipairs(HEARD) do
    if name ~= "TSTP" or core.stops() then
      modes.listening[#modes.listening + 1] = bare(signal.on, name, handlers[name])
    end
  end
end

function M.deafen(modes)
  local listening = modes.listening
  modes.listening = false
  for _, handler in ipairs(listening or {}) do handler:stop() end
end

local function settle(modes)
  if not is_used(modes) and modes.listening then M.deafen(modes) end
end

-- ---- Switching ----------------------------------------------------------------------

function M.enter(modes, name)
  M.come_back(modes)
  modes.count[name] = (modes.count[name] or 0) + 1
  if modes.count[name] > 1 then return end
  modes.on[#modes.on + 1] = name
  local ok, err = pcall(remember, modes)
  if not ok then -- it could not be given back: too many terminals
    modes.count[name], modes.on[#modes.on] = 0, nil
    error(err, 0)
  end
  M.listen(modes)
  if SEQUENCES[name][1] ~= "" then modes.terminal:_write(SEQUENCES[name][1]) end
end

function M.leave(modes, name)
  local count = modes.count[name] or 0
  if count == 0 then return end
  modes.count[name] = count - 1
  if count > 1 then return end
  for i = #modes.on, 1, -1 do
    if modes.on[i] == name then table.remove(modes.on, i) end
  end
  if not modes.away then
    if name ~= "region" then modes.terminal:_write(SEQUENCES[name][2]) end
    remember(modes)
  end
  settle(modes)
end

local function fill(guard, names, raw)
  local modes = guard.modes
  if raw then
    M.come_back(modes)
    modes.raw[#modes.raw + 1] = raw
    guard.raw = raw
    apply_raw(modes)
    M.listen(modes)
  end
  for _, name in ipairs(names) do
    M.enter(modes, name)
    guard.names[#guard.names + 1] = name
  end
end

-- Have these modes until the guard is closed.
function M.guard(modes, names, raw)
  local guard = setmetatable({ modes = modes, names = {}, raw = false, open = true }, Guard)
  local ok, err = pcall(fill, guard, names, raw)
  if ok then return guard end
  guard:close()
  error(err, 0)
end

--- Gives back what the guard stands for: raw mode, the mouse. Closing it again does nothing. Leaving
--- a `<close>` variable does it too, and so does the collection of a guard that is not used any
--- more.
---@param guard lwt.TerminalGuard
---@function term.Guard.close(guard)
function Guard.close(guard)
  check.self("close", guard, Guard)
  if not guard.open then return end
  guard.open = false
  local modes = guard.modes
  for i = #guard.names, 1, -1 do M.leave(modes, guard.names[i]) end
  if not guard.raw then return end
  for i = #modes.raw, 1, -1 do
    if modes.raw[i] == guard.raw then table.remove(modes.raw, i) end
  end
  if not modes.away then pcall(apply_raw, modes) end
  settle(modes)
end

Guard.__close, Guard.__gc = Guard.close, Guard.close

function Guard.__tostring(guard)
  return ("lwt.terminal.guard (%s)"):format(guard.open and "open" or "closed")
end

return M
