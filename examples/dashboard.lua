-- dashboard: what the machine is doing, live: load, memory, and the processes that use the CPU.
--
--   lwt examples/dashboard.lua [-i SECONDS] [-n PROCESSES] [-c UPDATES]
--
--   -i   how often to look (1)      -n   how many processes to show (as many as fit)
--   -c   leave after so many looks
--
-- In a terminal it fills the screen, and leaves on q or Ctrl-C; into a pipe or file it writes a
-- line for each update.
--
-- What to look at: every figure is a signal, set by the task that reads it. The screen is a signal
-- as well, made from them and from the size of the terminal: what depends on what is kept up to
-- date by itself. A step sets several at one instant, so that nothing shows half of a look.
-- `S.limit` redraws at most ten times a second, always with the newest figures. Into a pipe the
-- same signal is read after each look.

local lwt = require "lwt"
local fs = require "lwt.fs"
local lio = require "lwt.io"
local list = require "lwt.list"
local net = require "lwt.net"
local signal = require "lwt.signal"
local react = require "lwt.react"

local await = lwt.await
local S, Step = react.S, react.Step

local TICKS = 100 -- of the kernel's clock in a second, as /proc counts
local REDRAW = 0.1

-- ---- Reading /proc ---------------------------------------------------------------------------

-- A process may be gone before we come to it; anything else is an error.
local function read(path)
  ---@type boolean, any
  local ok, text = pcall(await, fs.read_file(path))
  if ok then return text end
  if text.code == "ENOENT" or text.code == "ESRCH" or text.code == "EACCES" then return nil end
  error(text, 0)
end

local function read_load()
  local one, five, fifteen, running, all = read("/proc/loadavg"):match(
    "([%d.]+) ([%d.]+) ([%d.]+) (%d+)/(%d+)")
  return { tonumber(one), tonumber(five), tonumber(fifteen), running = running, all = all }
end

local function read_memory()
  local kib = {}
  for name, n in read("/proc/meminfo"):gmatch("(%w+):%s+(%d+)") do kib[name] = tonumber(n) end
  return { total = kib.MemTotal, used = kib.MemTotal - (kib.MemAvailable or kib.MemFree) }
end

-- { name =, ticks =, rss = } of a process, nil when it is gone.
local function read_process(pid)
  local text = read("/proc/" .. pid .. "/stat")
  if not text then return nil end
  -- The name is in parentheses, and may hold some itself.
  local name, rest = text:match("^%d+ %((.*)%) (.*)$")
  if not name then return nil end
  local fields = {}
  for field in rest:gmatch("%S+") do fields[#fields + 1] = field end
  return { pid = pid, name = name, ticks = fields[12] + fields[13], pages = tonumber(fields[22]) }
end

-- A function that gives the processes, busiest first, each with the share of a CPU that it used
-- since the call before.
local function process_reader()
  local before, when = {}, nil
  return function()
    local pids = {}
    for _, entry in ipairs(await(fs.scandir("/proc"))) do
      if entry.name:match("^%d+$") then pids[#pids + 1] = entry.name end
    end
    local processes = await(list.map_n(read_process, pids, 16))
    local now, ticks, busy = lwt.now(), {}, {}
    for i = 1, processes.n do
      local p = processes[i]
      if p then
        ticks[p.pid] = p.ticks
        local used = before[p.pid] and p.ticks - before[p.pid] or 0
        p.cpu = when and used / TICKS / (now - when) or 0
        busy[#busy + 1] = p
      end
    end
    before, when = ticks, now
    table.sort(busy, function(a, b)
      if a.cpu ~= b.cpu then return a.cpu > b.cpu end
      return tonumber(a.pid) < tonumber(b.pid)
    end)
    return busy
  end
end

-- ---- Showing ---------------------------------------------------------------------------------

local function bar(share, width)
  local full = math.floor(math.max(0, math.min(1, share)) * width + 0.5)
  return "[" .. ("|"):rep(full) .. (" "):rep(width - full) .. "]"
end

local function gib(kib) return ("%.1f GiB"):format(kib / 1048576) end

-- The screen as a list of lines, none wider than the terminal.
local function screen(load, memory, processes, size)
  local width = math.max(10, math.min(40, size.columns - 30))
  local lines = {
    ("load    %.2f  %.2f  %.2f    %s of %s running"):format(load[1], load[2], load[3],
      load.running, load.all),
    ("memory  %s %s of %s"):format(bar(memory.used / memory.total, width), gib(memory.used),
      gib(memory.total)),
    "",
    ("%8s  %6s  %8s  %s"):format("PID", "CPU", "MEMORY", "NAME"),
  }
  local room = math.min(size.processes or math.huge, size.rows - #lines - 2)
  for i = 1, math.min(room, #processes) do
    local p = processes[i]
    lines[#lines + 1] = ("%8s  %5.1f%%  %8s  %s"):format(p.pid, p.cpu * 100,
      ("%.1f M"):format(p.pages * 4 / 1024), p.name)
  end
  lines[#lines + 1] = ""
  lines[#lines + 1] = "q leaves"
  for i, line in ipairs(lines) do lines[i] = line:gsub("%c", "?"):sub(1, size.columns) end
  return lines
end

-- The same as one line, for a pipe.
local function summary(load, memory, processes)
  local top = {}
  for i = 1, math.min(3, #processes) do
    top[i] = ("%s %.0f%%"):format(processes[i].name, processes[i].cpu * 100)
  end
  return ("load %.2f  memory %.0f%%  %s"):format(load[1], 100 * memory.used / memory.total,
    table.concat(top, "  "))
end

-- ---- The terminal ----------------------------------------------------------------------------

local ENTER, LEAVE = "\27[?1049h\27[?25l", "\27[?25h\27[?1049l"

local function write(text)
  await(lio.stdout:write(text))
  await(lio.stdout:flush())
end

-- Takes the terminal over until the variable goes out of scope: { size = signal, left = promise }.
local function take_terminal(options)
  local out = net.tty(1)
  local function measure()
    local columns, rows = out:size()
    -- A terminal that does not know its size says 0.
    return {
      columns = columns > 0 and columns or 80, rows = rows > 0 and rows or 24,
      processes = options.processes,
    }
  end
  local size, set_size = S.create(measure())
  local resized = signal.on("WINCH", function() set_size(measure()) end)

  local has_keys, keys = pcall(net.tty, 0)
  local left, leave = lwt.wait()
  local reading = has_keys and lwt.spawn(function()
    keys:mode("raw")
    for key in function() return await(keys:read()) end do
      if key:find("[qQ\3]") then break end -- in raw mode Ctrl-C is a key
    end
    leave:wakeup()
  end)
  write(ENTER)
  return setmetatable({ size = size, left = left }, { __close = function()
    lwt.shield(function()
      resized:stop()
      if reading then
        reading:cancel()
        keys:mode("normal")
      end
      write(LEAVE)
    end)
  end })
end

-- ---- All together ----------------------------------------------------------------------------

local function dashboard(options)
  local terminal <close> = pcall(net.tty, 1) and take_terminal(options) or nil
  local read_processes = process_reader()
  local load, set_load = S.create(read_load())
  local memory, set_memory = S.create(read_memory())
  local processes, set_processes = S.create(read_processes())

  local shown
  if terminal then
    shown = S.l4(load, memory, processes, terminal.size, function(...)
      return "\27[H" .. table.concat(screen(...), "\27[K\r\n") .. "\27[J"
    end)
  else
    shown = S.l3(load, memory, processes, function(...) return summary(...) .. "\n" end)
  end
  local lost, lose = lwt.task() -- nobody reads what we write
  local function draw(text)
    local ok, err = pcall(write, text)
    if not ok and lost:is_pending() then lose:wakeup_exn(err) end
  end
  -- luacheck: ignore 211
  local drawing <close> = terminal
    and S.limit(shown, function() return lwt.sleep(REDRAW) end):notify_s(draw)
  write(shown:value())

  local looking = lwt.spawn(function()
    for n = 2, options.looks do
      await(lwt.sleep(options.interval))
      local step = Step.create()
      set_processes(read_processes(), step)
      set_load(read_load(), step)
      set_memory(read_memory(), step)
      step:execute()
      -- A line is written even when it says the same as the last one.
      if not terminal then write(shown:value()) end
      if terminal and n == options.looks then await(lwt.sleep(2 * REDRAW)) end -- it is drawn
    end
  end)
  await(lwt.pick { looking, lost, terminal and terminal.left })
end

local function usage()
  await(lio.eprintl("usage: dashboard.lua [-i SECONDS] [-n PROCESSES] [-c UPDATES]"))
  os.exit(2)
end

local function main(...)
  local options = { interval = 1, processes = nil, looks = math.huge }
  local names = { ["-i"] = "interval", ["-n"] = "processes", ["-c"] = "looks" }
  local words = { ... }
  for i = 1, #words, 2 do
    local name, value = names[words[i]], tonumber(words[i + 1])
    if not name or not value or value <= 0 then usage() end
    options[name] = value
  end
  local ok, err = pcall(dashboard, options)
  -- Leaving by Ctrl-C is nothing to complain about, nor is a reader that has seen enough.
  if ok or err == lwt.Interrupted or err == lwt.Canceled then return end
  if type(err) == "table" and err.code == "EPIPE" then return end
  error(err, 0)
end

if lwt.current() then
  main(...)
else
  local ok, err = pcall(lwt.run, main, ...)
  if not ok and err ~= lwt.Interrupted then error(err, 0) end
end
