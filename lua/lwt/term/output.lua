-- While something is drawn on the terminal that the program was started on, what the program writes there
-- by other ways appears above it: `print`, Lua's `io`, `lwt.io`'s stdout and stderr (and so the log), `warn`.
-- A child that writes to the terminal itself, and a module in C that does, cannot be caught here.
--
-- Lua's own functions are replaced only while something is drawn, and they are put back only where other
-- code has not replaced them meanwhile.

local lio = require "lwt.io"
local net = require "lwt.net"
local args = require "lwt.internal.args"
local core = require "lwt.term.core".tty

local cio = require "lwt.internal.uvneeded"("lwt.term").io
local M = {}

local region           -- that is drawn, or nil
local stderr_is_tty
local direct           -- the same terminal opened anew: past the tap, and nothing that blocks
local replaced = {}    -- { table, name, ours, theirs }

local function ignore() end

-- Shows text above the region, without waiting for it; that a terminal has gone is reported
-- elsewhere.
local function above(text)
  if text ~= "" then region:print(text):catch(ignore) end
end

-- Shows what has been written to the channels.
function M.collect(r)
  if region ~= r or not r then return end
  cio.flush_standard()
  above(cio.tapped())
end

-- (Code that has kept one of ours may call it when nothing is drawn any more.)
local function prints(theirs)
  return function(...)
    if not region then return theirs(...) end
    local parts = {}
    for i = 1, select("#", ...) do parts[i] = tostring((select(i, ...))) end
    above(table.concat(parts, "\t") .. "\n")
  end
end

local function is_terminal(file)
  return region and (file == io.stdout or stderr_is_tty and file == io.stderr)
end

local function writes(theirs)
  return function(file, ...)
    if not is_terminal(file) then return theirs(file, ...) end
    local text = args.joined(2, "write", ...)
    above(text)
    return file
  end
end

local function io_writes(theirs)
  return function(...)
    local file = io.output()
    if not is_terminal(file) then return theirs(...) end
    local text = args.joined(1, "write", ...)
    above(text)
    return file
  end
end

-- Lua's own writes to stderr itself, or not at all; there is no way to ask which.
local function warns(theirs)
  return function(first, ...)
    if not region then return theirs(first, ...) end
    if type(first) == "string" and first:find "^lwt: " and select("#", ...) == 0 then
      return above(first .. "\n")
    end
    M.collect(region)
    region:hide()
    theirs(first, ...)
    region:redraw()
  end
end

local function replace(where, name, ours)
  replaced[#replaced + 1] = { where, name, ours, where[name] }
  where[name] = ours
end

local function replace_all()
  replace(_G, "print", prints(print))
  replace(io, "write", io_writes(io.write))
  local files = getmetatable(io.stdout).__index
  replace(files, "write", writes(files.write))
  if stderr_is_tty and debug.getinfo(warn, "S").what == "C" then
    replace(_G, "warn", warns(warn))
  end
end

local function put_back()
  for i = #replaced, 1, -1 do
    local where, name, ours, theirs = table.unpack(replaced[i])
    if where[name] == ours then where[name] = theirs end
    replaced[i] = nil
  end
end

local function tap(on)
  cio.tap(lio.stdout, on)
  if stderr_is_tty then cio.tap(lio.stderr, on) end
end

local function new_direct()
  local tty = net.tty(1)
  local last
  return {
    write = function(_, bytes)
      last = tty:write(bytes)
      last:catch(ignore) -- the drawing code need not look
      return last
    end,
    -- When everything has been written.
    close = function()
      local function close() tty:close():catch(ignore) end
      if last and last:is_pending() then last:on_any(close, close) else close() end
    end,
  }
end

-- Something is drawn from now on, in this region. The channel that it is to be drawn on, or nil.
function M.attach(r)
  local t = r.terminal
  if region or not t.tty or not t.out_tty then return nil end
  if not rawequal(t.output, rawget(lio, "stdout")) then return nil end
  region = r
  local tty = core.open(nil, 2)
  stderr_is_tty = tty ~= nil
  if tty then tty:close() end
  direct = new_direct()
  cio.on_tapped(function()
    M.collect(region)
  end)
  tap(true)
  replace_all()
  return direct
end

-- The terminal has gone away: that nothing reaches it any more is not reported at the exit.
function M.give_up(t)
  if t.output.flush then t.output:flush():catch(ignore):await() end
end

-- Nothing is drawn any more. What has been written meanwhile, to be shown behind what is drawn last.
function M.detach(r)
  if region ~= r then return "" end
  put_back()
  cio.flush_standard()
  tap(false)
  direct:close()
  region, direct, r.terminal.direct = nil, nil, nil
  return cio.tapped()
end

return M
