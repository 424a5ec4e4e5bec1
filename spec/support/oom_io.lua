-- What oom.c runs when it is built with lwt.uv: see oom.lua. A server with its clients: whoever
-- loses the memory that it needs is told, and nobody waits for ever.
local M = { sections = {} }

local lwt, io, net
local log

local function section(name, run) M.sections[#M.sections + 1] = { name = name, run = run } end

local function say(...)
  local values = table.pack(...)
  for i = 1, values.n do log[#log + 1] = tostring(values[i]) end
end

function M.setup()
  log = {}
  lwt, io, net = require "lwt", require "lwt.io", require "lwt.net"
  lwt.async_exception_hook(function(err) log[#log + 1] = tostring(err) end)
  -- Opens the loop, and what the first use of each makes.
  lwt.run(function()
    local s = io.establish_server("127.0.0.1:0", function(ch) ch:read_line():await() end):await()
    io.with_connection(s:address(), function(ch) ch:write_line("x"):await() end):await()
    s:shutdown(1):await()
  end)
end

-- Afterwards the same works, on the same state.
function M.check()
  lwt.async_exception_hook(function() end)
  for _ = 1, 100 do if not lwt.step() then break end end
  collectgarbage()
  assert(lwt.run(lwt.with_timeout(10, function()
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
local function limited(f)
  local ok, err = pcall(lwt.run, function()
    local over = lwt.with_timeout(5, f)
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
      for line in ch:lines() do ch:write_line(line:upper()):await() end
    end):await()
    for i = 1, 2 do
      say(pcall(lwt.await, io.with_connection(s:address(), function(ch)
        ch:write_line("hello " .. i):await()
        return ch:read_line()
      end)))
    end
    s:shutdown(1):await()
    say "down"
  end)
end)

section("clients at once, and a handler that fails", function()
  return limited(function()
    local s <close> = io.establish_server("127.0.0.1:0", function(ch)
      local line = ch:read_line():await()
      if line == "2" then error("refused", 0) end
      ch:write(line):await()
    end, { on_error = function(err) say(err) end }):await()
    local clients = {}
    for i = 1, 3 do
      clients[i] = io.with_connection(s:address(), function(ch)
        ch:write_line(i):await()
        return ch:read()
      end)
    end
    for _, p in ipairs(clients) do say(pcall(lwt.await, p)) end
    s:shutdown(1):await()
    say "down"
  end)
end)

section("sockets", function()
  return limited(function()
    local l <close> = net.tcp_listen("127.0.0.1:0"):await()
    local accepted = l:accept()
    local a <close> = net.tcp_connect(l:address()):await()
    local b <close> = accepted:await()
    a:write("hello"):await()
    say(b:read(5):await())
    b:shutdown():await()
    say(a:read():await())
  end)
end)

return M
