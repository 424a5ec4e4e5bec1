-- Pseudo-terminals for the specs: the functions of pty.c, and a program that runs on one.
--
--   local pty = require "spec.support.pty"
--   local on = pty.program(code, { columns = 80, rows = 24, env = { TERM = "xterm" } })
--   on:expect "ready"            waits until its screen or its output has that (a plain text)
--   on:type "q"
--   on.screen                    what it shows: spec.support.screen, with which libvterm has to agree
--   on:kill "TERM"
--   local how, number = on:finish()       "exited", 0 or "signaled", 15
--   on.before, on.before == on:state()    how the terminal was set at first, and is now
--
-- Waiting is long (half a minute), and ends as soon as there is what is waited for.

local build = require "spec.support.build"
local screens = require "spec.support.screen"
local vterm = require "spec.support.vterm"

local dir = build.temp_dir()
local M = build.module(dir, "spec/support/pty.c", "pty")
build.remove_dir(dir)

local SECONDS = 30
local NUMBERS = {
  HUP = 1, INT = 2, QUIT = 3, ILL = 4, ABRT = 6, BUS = 7, FPE = 8, KILL = 9, SEGV = 11, TERM = 15, CONT = 18,
  STOP = 19, TSTP = 20, WINCH = 28, USR1 = 10,
}

local Program = {}
Program.__index = Program

-- `what`: Lua code, or a list of words (a command).
function M.program(what, opts)
  opts = opts or {}
  local columns, rows = opts.columns or 80, opts.rows or 24
  local master, slave = M.open(columns, rows)
  if opts.erase then M.erase(slave, opts.erase) end
  local path
  if type(what) == "string" then
    path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write(what)
    file:close()
    what = { os.getenv "LUA" or "lua5.4", path }
  end
  local argv = { "env" }
  local env = { TERM = "xterm-256color", LC_ALL = "C.UTF-8" }
  for name, value in pairs(opts.env or {}) do env[name] = value end
  for _, name in ipairs(opts.unset or { "NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "COLORTERM" }) do
    if not env[name] then
      argv[#argv + 1] = "-u"
      argv[#argv + 1] = name
    end
  end
  for name, value in pairs(env) do argv[#argv + 1] = name .. "=" .. value end
  table.move(what, 1, #what, #argv + 1, argv)
  local p = setmetatable({
    master = master, slave = slave, path = path, output = "", screen = screens.new(columns, rows),
    judge = vterm.new(columns, rows), before = M.state(slave),
  }, Program)
  p.pid = M.start(slave, argv)
  return p
end

-- Reads what it has written; waits for at most so long.
function Program:pump(milliseconds)
  local bytes = M.read(self.master, milliseconds or 0)
  if bytes and bytes ~= "" then
    self.output = self.output .. bytes
    self.screen:feed(bytes)
    if self.judge then self.judge:feed(bytes) end
  end
  return bytes
end

-- Whether libvterm shows the same.
local function compare(on)
  local wrong = on.judge and on.judge:differs(on.screen)
  if wrong then error(wrong, 0) end
end

-- Until check() gives something true, which is returned.
function Program:wait(check, what)
  local began = os.time()
  repeat
    local found = check()
    if found then
      compare(self)
      return found
    end
    self:pump(20)
  until os.time() - began > SECONDS
  error(("waited in vain for %s; it wrote %q"):format(what or "it", self.output), 0)
end

-- Until its output has the text, from where the last one was found on.
function Program:expect(text)
  local from = self.found or 1
  self:wait(function()
    local _, last = self.output:find(text, from, true)
    if last then self.found = last + 1 end
    return last
  end, ("%q"):format(text))
  return self
end

function Program:type(bytes)
  while #bytes > 0 do
    local n = M.write(self.master, bytes)
    bytes = bytes:sub(n + 1)
    if #bytes > 0 then self:pump(10) end
  end
  return self
end

function Program:resize(columns, rows)
  M.resize(self.master, columns, rows)
  self.screen:resize(columns, rows)
  if self.judge then self.judge:resize(columns, rows) end
  return self
end

function Program:kill(name) M.kill(self.pid, NUMBERS[name]) return self end

function Program:state() return M.state(self.slave) end
function Program:flags() return M.flags(self.slave) end

-- Its end: "exited" or "signaled", and the code or the number.
function Program:finish()
  local how, number
  self:wait(function()
    how, number = M.wait(self.pid)
    return how
  end, "its end")
  while (self:pump(0) or "") ~= "" do end
  compare(self)
  self.over = true
  return how, number
end

-- Gives everything back; also where a spec has failed half way.
function Program:close()
  if self.path then os.remove(self.path) end
  if not self.over then
    M.kill(self.pid, 9)
    M.kill(self.pid, 18)
    pcall(self.finish, self)
  end
  M.close(self.master)
  M.close(self.slave)
end
Program.__close = Program.close

return M
