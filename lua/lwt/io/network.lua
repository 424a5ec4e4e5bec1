-- Connections and servers for lwt.io: channels on the sockets of lwt.net.

local lwt = require "lwt"
local order = require "lwt.order"
local await, spawn = lwt.await, lwt.spawn

local M = {}

-- Our own options (`own` is the name of another one), taken out of those for lwt.net.
local function split(opts, name, n, own)
  if opts == nil then return nil, nil end
  if type(opts) ~= "table" then
    error(("bad argument #%d to '%s' (table expected, got %s)"):format(n, name, type(opts)), 4)
  end
  local rest
  for key, value in pairs(opts) do
    if key ~= "buffer_size" and key ~= own then
      rest = rest or {}
      rest[key] = value
    end
  end
  return rest, opts.buffer_size
end

local function is_unix(addr)
  return type(addr) == "string" and addr:sub(1, 5) == "unix:" or
    type(addr) == "table" and addr.path ~= nil
end

-- Call a function of lwt.net; its complaints about arguments are told as the caller's.
local function call(name, f, ...)
  local ok, p = pcall(f, ...)
  if ok then return p end
  if type(p) == "string" then
    p = p:gsub("^.-bad argument", "bad argument"):gsub("to '[^']*'", "to '" .. name .. "'")
  end
  error(p, 4)
end

local function start_connect(addr, opts, name)
  local net = require "lwt.net"
  if is_unix(addr) then return call(name, net.pipe_connect, addr) end
  return call(name, net.tcp_connect, addr, opts)
end

-- The channel of a socket, which is closed where that cannot be made: nobody else would, and the
-- other end would wait. No await may come between.
local function channel_on(cio, sock, size, address)
  local ok, ch = pcall(cio.of_port, sock, 3, size, "address", address)
  if ok then return ch end
  sock:close()
  error(ch, 0)
end

function M.connect(cio, addr, opts, name)
  local rest, size = split(opts, name, name == "open_connection" and 2 or 3)
  local text = type(addr) == "string" and addr or nil
  return start_connect(addr, rest, name):map(function(sock)
    return channel_on(cio, sock, size, text)
  end)
end

---------------------------------------------------------------------------------------------------

--- A server, as `establish_server` gives it.
---@class lwt.Server
---@field address fun(server: lwt.Server): string where it listens
---@field connections fun(server: lwt.Server): integer how many connections are being served
---@field shutdown fun(server: lwt.Server, seconds?: number): lwt.Promise stops accepting; handlers have `seconds` (5) to finish, then they are cancelled; fulfilled when all are gone

local Server = { __name = "lwt.server" }
Server.__index = Server

local function report(err)
  lwt.async(error, err, 0)
end

-- A client that is gone: its own affair, and nothing that is wrong with the server.
local of_the_client = { ECONNRESET = true, EPIPE = true, ECONNABORTED = true, ETIMEDOUT = true }

local function is_gone(err, ch, address)
  if err == lwt.Closed then return ch:is_closed() end
  return type(err) == "table" and of_the_client[err.code] and err.address == address
end

local function serve(server, ch, address, f)
  local ok, err = pcall(f, ch, address)
  if ok and lwt.is_promise(err) then ok, err = pcall(await, err) end
  local theirs
  if ok then
    ok, err = pcall(await, ch:close())
    theirs = not ok and is_gone(err, ch, address)
  else
    theirs = is_gone(err, ch, address)
    ch:close()
    if err == lwt.Canceled or err == lwt.Interrupted then
      ch:abort()
    end
  end
  if ok then return end
  if server.on_error and not (server.cancelling and err == lwt.Canceled) then
    lwt.async(server.on_error, err, address)
  elseif not theirs then
    error(err, 0)
  end
end

-- A task that has failed; without memory it has perhaps not even begun.
local function failed(server, ch, err)
  if not ch:is_closed() then ch:abort() end
  if not server.cancelling or err ~= lwt.Canceled then report(err) end
end

local function start(server, ch, address, f)
  local p = spawn(serve, server, ch, address, f)
  if p:is_pending() then
    p:on_any(function() server:_gone(p) end, function(err)
      server:_gone(p)
      failed(server, ch, err)
    end)
    server.n, server.started = server.n + 1, server.started + 1
    server.tasks[p] = server.started
  else
    local state, err = p:state()
    if state == "rejected" then failed(server, ch, err) end
  end
end

-- Whatever is raised here, for want of memory, the client is not left waiting for nobody. What the
-- listener itself rejects with is returned, after true.
local function accept_one(server, f, size)
  local accepting = server.listener:accept()
  local awaited, sock = pcall(await, accepting)
  if not awaited then
    local state, late = accepting:state()
    if state == "rejected" then return true, late end
    if state == "pending" then
      accepting:cancel() -- or it takes a client that nobody serves
      error(sock, 0)
    end
    sock = late
  end
  local named, address = pcall(sock.getpeername, sock)
  if not named then
    sock:close()
    error(address, 0)
  end
  local ch = channel_on(server.cio, sock, size, address)
  local ok, err = pcall(start, server, ch, address, f)
  if not ok then
    ch:abort()
    error(err, 0)
  end
end

local function accept_loop(server, f, size)
  while true do
    local ok, over, err = pcall(accept_one, server, f, size)
    if over and ok then error(err, 0) end
    if not ok then
      report(over)
      lwt.yield()
    end
  end
end

function Server:_gone(p)
  if not self.tasks[p] then return end
  self.tasks[p] = nil
  self.n = self.n - 1
  if self.n == 0 and self.empty then self.empty:wakeup_later() end
end

function Server:address()
  return self.where
end

function Server:connections()
  return self.n
end

local function shut_down(server, seconds)
  server.accepting:cancel()
  await(server.listener:close())
  -- A client that the listener gave just before is one of those who are served.
  pcall(await, lwt.no_cancel(server.accepting))
  if server.n > 0 then
    local gone, wake = lwt.wait()
    server.empty = wake
    if not pcall(await, lwt.with_timeout(seconds, lwt.protected(gone))) then
      server.cancelling = true
      for _, p in ipairs(order.by_value(server.tasks)) do p:cancel() end
      if server.n > 0 then await(gone) end
    end
  end
end

function Server:shutdown(seconds)
  if getmetatable(self) ~= Server then
    error(("bad argument #1 to 'shutdown' (lwt.server expected, got %s)"):format(type(self)), 2)
  end
  if seconds ~= nil and (type(seconds) ~= "number" or seconds < 0) then
    error("bad argument #2 to 'shutdown' (a number of seconds expected)", 2)
  end
  if not self.ending then self.ending = spawn(shut_down, self, seconds or 5) end
  return self.ending
end

function Server:__close()
  if lwt.current() then
    lwt.shield(function() await(self:shutdown(0)) end)
  else
    self:shutdown(0)
  end
end

function Server:__tostring()
  return ("lwt.server: %s%s"):format(self.where, self.ending and " (closed)" or "")
end

local function establish(cio, listening, f, size, on_error)
  local listener = await(listening)
  local server = setmetatable({
    cio = cio, listener = listener, where = listener:address(), tasks = {}, n = 0, started = 0,
    on_error = on_error,
  }, Server)
  server.accepting = spawn(accept_loop, server, f, size)
  server.accepting:on_failure(function(err)
    if err ~= lwt.Canceled and err ~= lwt.Closed then report(err) end
  end)
  return server
end

function M.establish(cio, addr, f, opts)
  local rest, size = split(opts, "establish_server", 3, "on_error")
  local on_error = opts and opts.on_error
  if on_error ~= nil and type(on_error) ~= "function" then
    error(("bad argument #3 to 'establish_server' (option 'on_error': function expected, got %s)")
      :format(type(on_error)), 3)
  end
  local net = require "lwt.net"
  local listen = is_unix(addr) and net.pipe_listen or net.tcp_listen
  local listening = call("establish_server", listen, addr, rest)
  return spawn(establish, cio, listening, f, size, on_error)
end

return M
