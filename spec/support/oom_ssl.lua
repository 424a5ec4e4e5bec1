-- What oom.c runs when it is built with lwt.ssl: see oom_io.lua. LWT_CERTIFICATES is a folder with
-- ca.pem, server.pem and server.key.
local M = { sections = {} }

local lwt, lio, net, ssl
local log, server, client

local function section(name, run) M.sections[#M.sections + 1] = { name = name, run = run } end

local function say(...)
  local values = table.pack(...)
  for i = 1, values.n do log[#log + 1] = tostring(values[i]) end
end

local function contexts()
  local dir = os.getenv "LWT_CERTIFICATES"
  local cert, key = dir .. "/server.pem", dir .. "/server.key"
  return ssl.context { role = "server", cert = cert, key = key, alpn = { "x" } },
    ssl.context { ca = dir .. "/ca.pem", alpn = { "x" } }
end

-- Both ends on a pair of sockets.
local function pair(session)
  local a, b = net.socketpair()
  -- Who fails tells the other, so that nobody waits for his deadline.
  local serving = ssl.accept(a, server)
  serving:on_failure(function() a:close() end)
  local connecting = ssl.connect(b, { context = client, name = "localhost", session = session })
  connecting:on_failure(function() b:close() end)
  local ok, c = pcall(lwt.await, connecting)
  if not ok then
    a:close()
    b:close()
    say(select(2, pcall(lwt.await, serving))) -- it may be he who has lost memory
    error(c, 0)
  end
  return serving:await(), c
end

function M.setup()
  log = {}
  lwt, lio, net, ssl = require "lwt", require "lwt.io", require "lwt.net", require "lwt.ssl"
  lwt.async_exception_hook(function(err) log[#log + 1] = tostring(err) end)
  require "lwt.io.trouble".write = function(text) log[#log + 1] = text end
  server, client = contexts()
  -- What the first use of each makes.
  lwt.run(function()
    local s, c = pair()
    lwt.both(s:close(), c:close()):await()
    require "lwt.ssl.handshake"
    require "lwt.io.secure"
  end)
end

-- Afterwards the same works, on the same state.
function M.check()
  lwt.async_exception_hook(function() end)
  for _ = 1, 100 do if not lwt.step() then break end end
  collectgarbage()
  assert(lwt.run(lwt.with_timeout(60, function()
    local s, c = pair()
    c:write "again":await()
    local heard = s:read():await()
    lwt.both(s:close(), c:close()):await()
    return heard
  end)) == "again", "TLS does not work")
end

-- As in oom_io.lua: one that hangs is wrong, whatever else was said.
local function limited(f)
  local ok, err = pcall(lwt.run, function()
    local over = lwt.with_timeout(tonumber(os.getenv "OOM_PATIENCE") or 60, f)
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

section("contexts", function()
  local ok, err = pcall(contexts)
  if not ok then say(err) end
  return table.concat(log, " ")
end)

section("a handshake and its end", function()
  return limited(function()
    local s, c = pair()
    say(s:version(), c:alpn(), c:peer_certificate().cn, c:verify_result())
    lwt.both(s:close(), c:close()):await()
  end)
end)

-- Reads that wait, and that need not; two readers; a cancelled one; writes that wait.
section("reading and writing", function()
  return limited(function()
    local s, c = pair()
    local waiting, second, third = s:read(), s:read(3), s:read()
    third:cancel()
    c:write "one":await()
    say(waiting:await())
    c:writev { "tw", "o and more" }:await()
    say(second:await(), s:read():await())
    local text = ("x"):rep(300000)
    local writing, n = c:write(text), 0
    writing:on_failure(function(err)
      say(err)
      c:close() -- or nobody would tell the reader
    end)
    while n < #text do n = n + #s:read():await() end
    writing:await()
    say(n)
    c:shutdown():await()
    say(s:read():await(), s:read():await())
    lwt.both(s:close(), c:close()):await()
  end)
end)

-- Tasks that read and write through the direct view: one that waits in C, one behind it, a cancelled one.
section("the direct view", function()
  return limited(function()
    local s, c = pair()
    local ok, err = pcall(function()
      local shown, other = lwt.direct(s), lwt.direct(c)
      local first = lwt.spawn(function() return shown:read(3) end)
      local second = lwt.spawn(function() return shown:read(3) end)
      other:write "onetwo"
      say(first:await(), second:await())
      local third = lwt.spawn(function() return shown:read() end)
      lwt.yield()
      third:cancel()
      other:write "three"
      say(shown:read())
      other:shutdown()
      say(shown:read())
    end)
    if not ok then say(err) end
    lwt.both(s:close(), c:close()):await()
  end)
end)

-- A context that a function chooses; a session that is resumed; what is told of a connection.
section("names and sessions", function()
  return limited(function()
    local dir = os.getenv "LWT_CERTIFICATES"
    local asking = ssl.context {
      role = "server", cert = dir .. "/server.pem", key = dir .. "/server.key",
      sni = function(name)
        lwt.yield()
        return name == "localhost" and server or nil
      end,
    }
    local before = server
    server = asking
    local session
    for _ = 1, 2 do
      local ok, s, c = pcall(pair, session)
      if not ok then
        server = before
        error(s, 0)
      end
      s:write "x":await()
      say(c:read():await(), s:sni(), c:is_reused(), #c:export_keying_material("EXPORTER-x", 20))
      session = c:session()
      lwt.both(s:close(), c:close()):await()
    end
    server = before
  end)
end)

-- A transport that is no socket.
section("TLS over functions", function()
  return limited(function()
    local a, b = net.socketpair()
    local function over(sock)
      return {
        read = function(_, n) return sock:read(n) end,
        write = function(_, s) return sock:write(s) end,
        close = function() return sock:close() end,
      }
    end
    local serving, connecting = ssl.accept(over(a), server),
      ssl.connect(over(b), { context = client, name = "localhost" })
    serving:on_failure(function() a:close() end)
    connecting:on_failure(function() b:close() end)
    local s, c = lwt.both(serving, connecting):await()
    local reading = c:read()
    s:write "hello":await()
    say(reading:await())
    lwt.both(s:close(), c:close()):await()
  end)
end)

section("channels, and one that begins in clear", function()
  return limited(function()
    local dir = os.getenv "LWT_CERTIFICATES"
    local opened <close> = lio.establish_server("127.0.0.1:0", function(ch)
      ch:write_line "ready":await()
      ch:upgrade { server = true, context = server, timeout = 2 }:await()
      ch:write_line(ch:read_line():await():upper()):await()
      ch:flush():await() -- or nobody would hear of a write that fails
    end):await()
    local ch = lio.open_connection(opened:address()):await()
    say(ch:read_line():await())
    ch:upgrade { ca = dir .. "/ca.pem", name = "localhost", timeout = 2 }:await()
    ch:write_line "hello":await()
    ch:flush():await()
    say(ch:read_line():await())
    ch:close():await()
    opened:shutdown(0.1):await()
  end)
end)

return M
