-- What oom.c runs when it is built with lwt.uv: see oom.lua. A server with its clients, and
-- children: whoever loses the memory that it needs is told, and nobody waits for ever.
local M = { sections = {} }

local standard = io
local lwt, fs, io, net, process
local log, dir

-- The lines of a file that may not be there.
local function lines(path)
  local ok, next_line = pcall(standard.lines, path)
  return ok and next_line or function() end
end

local function section(name, run) M.sections[#M.sections + 1] = { name = name, run = run } end

local function say(...)
  local values = table.pack(...)
  for i = 1, values.n do log[#log + 1] = tostring(values[i]) end
end

function M.setup()
  log = {}
  lwt, fs, io, net = require "lwt", require "lwt.fs", require "lwt.io", require "lwt.net"
  process = require "lwt.process"
  lwt.async_exception_hook(function(err) log[#log + 1] = tostring(err) end)
  require "lwt.io.trouble".write = function(text) log[#log + 1] = text end
  -- Opens the loop, and what the first use of each makes.
  lwt.run(function()
    local s = io.establish_server("127.0.0.1:0", function(ch) ch:read_line():await() end):await()
    io.with_connection(s:address(), function(ch) ch:write_line("x"):await() end):await()
    s:shutdown(1):await()
    process.exec({ "true" }):await()
    dir = fs.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/oomXXXXXX"):await()
    fs.watch(dir):close()
  end)
end

-- Afterwards the same works, on the same state.
function M.check()
  lwt.async_exception_hook(function() end)
  for _, name in ipairs { "/file", "/file2", "" } do os.remove(dir .. name) end
  for _ = 1, 100 do if not lwt.step() then break end end
  collectgarbage()
  assert(lwt.run(lwt.with_timeout(60, function()
    local s = io.establish_server("127.0.0.1:0", function(ch)
      ch:write_line(ch:read_line():await()):await()
    end):await()
    local line = io.with_connection(s:address(), function(ch)
      ch:write_line("again"):await()
      return ch:read_line()
    end):await()
    s:shutdown(1):await()
    return line
  end)) == "again", "a server does not work")
end

-- Runs f with a limit, and says what came of it. One that hangs is wrong, whatever else was said.
-- What nobody holds any more is closed when it is collected: see to it that it is.
local function limited(f, patience)
  local ok, err = pcall(lwt.run, function()
    -- What hangs, not what is slow.
    local over = lwt.with_timeout(tonumber(os.getenv "OOM_PATIENCE") or patience or 60, f)
    while over:is_pending() do
      pcall(lwt.await, lwt.pick { lwt.protected(over), lwt.sleep(0.2) })
      collectgarbage()
    end
    return over
  end)
  if err == lwt.Timeout then
    if os.getenv "OOM_VERBOSE" then print(table.concat(log, "; ")) end
    return "hangs"
  end
  if not ok then say(err) end
  return table.concat(log, " ")
end

section("a server and its clients", function()
  return limited(function()
    local s <close> = io.establish_server("127.0.0.1:0", function(ch)
      for line in ch:lines() do
        ch:write_line(line:upper()):await()
        ch:flush():await() -- or nobody would hear of a write that fails
      end
    end):await()
    for i = 1, 2 do
      say(pcall(lwt.await, io.with_connection(s:address(), function(ch)
        ch:write_line("hello " .. i):await()
        ch:flush():await()
        return ch:read_line()
      end)))
    end
    s:shutdown(1):await()
    say "down"
  end)
end)

section("clients at once, and a handler that fails", function()
  return limited(function()
    local failed = {}
    local s <close> = io.establish_server("127.0.0.1:0", function(ch)
      local line = ch:read_line():await()
      if line == "2" then error("refused", 0) end
      ch:write(line):await()
    end, { on_error = function(err) failed[#failed + 1] = tostring(err) end }):await()
    local clients = {}
    for i = 1, 3 do
      clients[i] = io.with_connection(s:address(), function(ch)
        ch:write_line(i):await()
        ch:flush():await()
        return ch:read()
      end)
    end
    for _, p in ipairs(clients) do say(pcall(lwt.await, p)) end
    s:shutdown(1):await()
    say("down", table.unpack(failed))
  end)
end)

-- An accept waits as long as there is no memory.
local function client_of(accepted)
  if not os.getenv "OOM_FOR_GOOD" then return accepted:await() end
  return lwt.with_timeout(2, accepted):catch(function(err)
    error(err == lwt.Timeout and "there is no memory for an accept" or err, 0)
  end):await()
end

section("sockets", function()
  return limited(function()
    local l <close> = net.tcp_listen("127.0.0.1:0"):await()
    local accepted = l:accept()
    local a <close> = net.tcp_connect(l:address()):await()
    local b <close> = client_of(accepted)
    a:write("hello"):await()
    say(b:read(5):await())
    b:shutdown():await()
    say(a:read():await())
  end)
end)

section("readers that wait for what comes", function()
  return limited(function()
    local a, b = net.socketpair()
    local _ <close> = a
    local _ <close> = b
    local first, second = b:read(5), b:read(5)
    for _ = 1, 2 do lwt.yield() end
    a:write("helloworld"):await()
    -- The other end says no more: whoever is not told now would not be told at all.
    for _, p in ipairs { first, second } do say(select(2, pcall(lwt.await, p))) end
  end)
end)

section("watches", function()
  return limited(function()
    local other, n = fs.watch("/"), 0
    local ok, w = pcall(fs.watch, dir)
    if ok then w:close() else say(w) end
    w = nil -- luacheck: ignore 311
    collectgarbage()
    collectgarbage()
    for fd = 0, 40 do
      for line in lines("/proc/self/fdinfo/" .. fd) do
        if line:find "^inotify wd:" then n = n + 1 end
      end
    end
    other:close()
    if n > 1 then -- wrong, whatever else was said
      log = {}
      error "a watch of the system is left"
    end
  end)
end)

section("files", function()
  return limited(function()
    local path = dir .. "/file"
    local function try(f, ...) -- a step that fails is said, and the next is tried
      local ok, x = pcall(lwt.await, f(...))
      say(ok, (tostring(x):gsub(dir, "DIR"):gsub("0x%x+", "")))
    end
    try(function()
      return lwt.spawn(function()
        local file <close> = fs.open(path, "w+"):await()
        file:write("hello"):await()
        file:pwrite("J", 0):await()
        return file:pread(5, 0):await()
      end)
    end)
    try(function() return fs.read_file(path) end)
    try(function() return fs.write_file(path, "more") end)
    try(function() return fs.stat(path):map(function(st) return st.size end) end)
    try(function() return fs.scandir(dir) end)
    try(function() return fs.copyfile(path, path .. "2") end)
    try(function() return fs.stat(dir .. "/none") end)
    try(function()
      return io.with_file(path, "r", function(ch) return ch:read() end)
    end)
  end)
end)

section("names, datagrams and readiness", function()
  return limited(function()
    local function try(f)
      local ok, x = pcall(lwt.await, lwt.spawn(f))
      say(ok, x)
    end
    try(function() return net.getaddrinfo("127.0.0.1", "80"):await()[1].port end)
    try(function()
      local a <close> = net.udp "127.0.0.1:0"
      local b <close> = net.udp()
      local got = a:recv()
      b:send("hello", a:getsockname()):await()
      return (got:await())
    end)
    try(function()
      local a, b = net.socketpair()
      local _ <close> = a
      local _ <close> = b -- luacheck: ignore
      local ready = net.wait_readable(a:fileno())
      b:write("x"):await()
      return ready:await()
    end)
  end)
end)

section("a direct reader whose peer resets", function()
  return limited(function()
    local l <close> = net.tcp_listen("127.0.0.1:0"):await()
    local a <close> = net.tcp_connect(l:address()):await()
    local b <close> = client_of(l:accept())
    local view = lwt.direct(a)
    local reading = lwt.spawn(function() return select(2, pcall(view.read, view, 100)) end)
    for _ = 1, 2 do lwt.yield() end
    b:reset()
    local err = reading:await() or "ended, as without memory for a reset"
    say(type(err) == "table" and err.code or err)
  end)
end)

section("standard channels, pipes and files as channels", function()
  return limited(function()
    local function try(f) say(pcall(f)) end
    try(function()
      local r, w = io.pipe()
      local _ <close> = r
      local line = r:read_line()
      w:write_line "a line":await()
      w:close():await()
      return line:await()
    end)
    try(function()
      fs.write_file(dir .. "/file", "one\ntwo\n"):await()
      local texts = {}
      for line in io.lines_of_file(dir .. "/file") do texts[#texts + 1] = line end
      return table.concat(texts, ",")
    end)
    try(function()
      local ch <close> = io.open_file(dir .. "/file", "r+"):await()
      ch:set_position(4):await()
      local line = ch:read_line():await()
      ch:set_position(0):await()
      ch:write "ONE":await()
      ch:flush():await()
      return line, ch:length():await()
    end)
    try(function()
      return (io.with_temp_file(function(_, ch)
        ch:write "x":await()
        ch:flush():await()
        return ch:length()
      end):await())
    end)
  end)
end)

section("a program's both ends", function()
  return limited(function()
    say(pcall(lwt.await, process.pmap({ "cat" }, "through"):map(function(text) return text end)))
    say(pcall(lwt.await, process.pwrite({ "sh", "-c", "cat >/dev/null" }, "away"):map(function() end)))
    local ok, text = pcall(function()
      local out = {}
      for line in process.pread_lines { "printf", "a\\nb\\n" } do out[#out + 1] = line end
      return table.concat(out, ",")
    end)
    say(ok, text)
  end)
end)

section("a folder that is copied and removed", function()
  return limited(function()
    local function try(f) say(pcall(lwt.await, f())) end
    try(function() return fs.mkdir(dir .. "/d") end)
    try(function() return fs.write_file(dir .. "/d/f", "text") end)
    try(function() return fs.symlink("f", dir .. "/d/l") end)
    try(function() return fs.copyfile(dir .. "/d/f", dir .. "/d/g") end)
    try(function() return fs.rename(dir .. "/d/g", dir .. "/d/h") end)
    try(function() return fs.stat(dir .. "/d/h"):map(function(st) return st.size end) end)
    try(function() return fs.readlink(dir .. "/d/l") end)
    try(function() return fs.scandir(dir .. "/d"):map(function(list) return #list end) end)
    try(function() return io.delete_recursively(dir .. "/d") end)
    os.execute("rm -rf '" .. dir .. "/d'")
  end)
end)

section("processes", function()
  return limited(function()
    local list = {}
    for i = 1, 3 do list[i] = process.pread { "printf", tostring(i) } end
    for _, p in ipairs(list) do
      local ok, text = pcall(lwt.await, p)
      say(ok, text)
    end
    local ok, status = pcall(lwt.await, process.exec { "true" })
    say(ok, ok and status.code or status)
  end)
end)

-- For refused_operations.lua; `said` gives everything, and something more.
M.section, M.say, M.limited = section, say, limited
function M.said(more) return table.concat(log, " ") .. " " .. more end

return M
