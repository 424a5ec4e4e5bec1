-- Connections and servers for lwt.io: channels on the sockets of lwt.net.

local lwt = require "lwt"
local core = require "lwt.core"
local order = require "lwt.internal.order"
local check = require "lwt.io.check"
local secure = require "lwt.io.secure"
local args = require "lwt.internal.args"
local trouble = require "lwt.io.trouble"
local await, spawn, guard, raise = lwt.await, lwt.spawn, core.guard, core.raise

local M = {}

-- How long a line, or the like, of a server's client may be where nothing is said.
M.LIMIT = 1 << 20

-- A bad argument. It is raised again, by whoever was called, at its caller's line.
local function wrong(n, name, message)
  error(("bad argument #%d to '%s' (%s)"):format(n, name, message), 0)
end

-- Our own options (`own` is the names of others), taken out of those for lwt.net.
local function split(opts, name, n, own)
  if opts == nil then return nil, {} end
  if type(opts) ~= "table" then wrong(n, name, "table expected, got " .. type(opts)) end
  local rest, ours = nil, {}
  for key, value in pairs(opts) do
    if key == "buffer_size" or key == "limit" or own[key] then
      ours[key] = value
    else
      rest = rest or {}
      rest[key] = value
    end
  end
  check.channel_options(n, name, ours)
  return rest, ours
end

local function is_unix(addr)
  return type(addr) == "string" and addr:sub(1, 5) == "unix:" or
    type(addr) == "table" and addr.path ~= nil
end

-- Call a function of lwt.net; its complaints about arguments are told as our own, whose options
-- are argument `n` (there the second).
local function call(name, n, f, addr, opts)
  local ok, p = pcall(f, addr, opts)
  if ok then return p end
  if type(p) == "string" then
    p = p:gsub("^.-bad argument", "bad argument"):gsub("to '[^']*'", "to '" .. name .. "'")
      :gsub("^bad argument #2", "bad argument #" .. n)
  end
  error(p, 0)
end

local function start_connect(addr, opts, name, n)
  local net = require "lwt.net"
  if is_unix(addr) then
    local key = next(opts or {})
    if key ~= nil then wrong(n, name, ("unknown option '%s'"):format(tostring(key))) end
    return call(name, n, net.pipe_connect, addr)
  end
  return call(name, n, net.tcp_connect, addr, opts)
end

-- The channel of a socket, which is closed where that cannot be made: nobody else would, and the
-- other end would wait. No await may come between.
local function channel_on(cio, sock, opts, address)
  local ok, ch = pcall(cio.of_port, sock, 3, opts.buffer_size, "address", address)
  if ok then
    ch:set_limit(opts.limit or nil)
    return ch
  end
  sock:close()
  error(ch, 0)
end

-- What the option `tls` says, checked: a plan, or nil. Its complaints are those about argument `n`.
local function plan(make, name, n, ...)
  local ok, result = pcall(make, ...)
  if ok then return result end
  if type(result) == "string" then wrong(n, name, result) end
  error(result, 0)
end

local function host_of(addr)
  if is_unix(addr) then return nil end
  return require "lwt.net".parse_address(addr).host
end

-- Whom a channel reached that was given a name to connect to: for who looks at it.
M.peers = setmetatable({}, { __mode = "k" })

local function remember_peer(ch, sock, text)
  if not text or text:find "^[%d.]+:%d+$" or is_unix(text) then return end
  local known, address = pcall(sock.getpeername, sock)
  if known then M.peers[ch] = address end
end

-- Raises what is wrong with the arguments without a position.
function M.connect(cio, addr, opts, name)
  local n = name == "open_connection" and 2 or 3
  local rest, ours = split(opts, name, n, { tls = true })
  local text = type(addr) == "string" and addr or nil
  if not ours.tls then
    return start_connect(addr, rest, name, n):map(function(sock)
      local ch = channel_on(cio, sock, ours, text)
      remember_peer(ch, sock, text)
      return ch
    end)
  end
  local ok, host = pcall(host_of, addr) -- what is wrong with it is told by what connects
  local tls = plan(secure.client_plan, name, n, ours.tls, ok and host or nil)
  return start_connect(addr, rest, name, n):bind(function(sock)
    return secure.start_on(sock, tls)
  end):map(function(stream) return secure.channel(cio, stream, ours, text) end)
end

---------------------------------------------------------------------------------------------------

--- A server, as `establish_server` gives it.
---@class lwt.Server
---@field address fun(server: lwt.Server): string where it listens
---@field connections fun(server: lwt.Server): integer how many connections are being served
---@field set_tls fun(server: lwt.Server, tls: table|lwt.ssl.Context) other certificates, as `tls =`, for those who connect from now on; raises for bad ones, and keeps the old
---@field shutdown fun(server: lwt.Server, seconds?: number): lwt.Promise<nil> stops accepting; handlers have `seconds` (5) to finish, then they are cancelled; fulfilled when all are gone

local Server = { __name = "lwt.server" }
Server.__index = Server

-- To the exception hook, whose default ends `run`.
local function report(err)
  lwt.async(raise, err)
end

-- A client that is gone: its own affair, and nothing that is wrong with the server.
local of_the_client = {
  ECONNRESET = true, EPIPE = true, ECONNABORTED = true, ETIMEDOUT = true, ENOTCONN = true,
  EHOSTUNREACH = true, ENETUNREACH = true,
}

local function is_of_client(err)
  return type(err) == "table" and of_the_client[rawget(err, "code")] == true
end

local function is_gone(err, ch, address)
  if rawequal(err, lwt.Closed) then return ch:is_closed() end
  return is_of_client(err) and err.address == address
end

-- What a handler has failed with: to `on_error`, or in words to stderr. `error` is for those who
-- want a bug to end the program: not for clients that are gone.
local function tell(server, err, address, gone)
  if server.on_error == error then
    if not gone then report(err) end
  elseif server.on_error then
    lwt.async(server.on_error, err, address)
  elseif not gone then
    trouble.report(("the handler of %s, at %s, has failed"):format(address, server.where), err)
  end
end

-- A handler to its end, and that of the promise that it gives.
local function handle(f, ch, address)
  local p = f(ch, address)
  if lwt.is_promise(p) then await(p) end
end

local FAILED_GRACE = 1 -- seconds for what the handler of a client had written before it failed

local function close_in_time(ch)
  lwt.with_timeout(FAILED_GRACE, ch:close()):catch(function() end):await()
end

local function serve(server, ch, address, f)
  local ok, err = guard(handle, f, ch, address)
  if ok then ok, err = guard(await, ch:close()) end
  if ok then return end
  if rawequal(err, lwt.Canceled) then -- no failure
    ch:abort()
  elseif rawequal(err, lwt.Interrupted) then
    ch:abort()
    raise(err)
  else
    tell(server, err, address, is_gone(err, ch, address))
    if not ch:is_closed() then lwt.shield(close_in_time, ch) end
  end
end

-- A client with TLS: the handshake is his own task's, so that he holds up nobody. What goes wrong in
-- it is of the client.
local function serve_secure(server, sock, address, f)
  local ok, stream = guard(await, secure.start_on(sock, server.tls))
  if ok then
    local made, ch = pcall(secure.channel, server.cio, stream, server.opts, address)
    if made then return serve(server, ch, address, f) end
    stream:close()
    error(ch, 0)
  end
  if rawequal(stream, lwt.Interrupted) then raise(stream) end
  if not rawequal(stream, lwt.Canceled) then tell(server, stream, address, true) end
end

-- A channel, or the socket of one who has not finished his handshake.
local function drop(client)
  if client.abort == nil then
    client:close()
  elseif not client:is_closed() then
    client:abort()
  end
end

-- A task that has failed; without memory it has perhaps not even begun.
local function failed(ch, err)
  drop(ch)
  if not rawequal(err, lwt.Canceled) then report(err) end
end

local function start(server, ch, address, f)
  local p = spawn(server.tls and serve_secure or serve, server, ch, address, f)
  if p:is_pending() then
    p:on_any(function() server:_gone(p) end, function(err)
      server:_gone(p)
      failed(ch, err)
    end)
    server.tasks[p] = server.started + 1 -- the last that can fail: the count is of these
    server.n, server.started = server.n + 1, server.started + 1
  else
    local state, err = p:state()
    if state == "rejected" then failed(ch, err) end
  end
end

-- Whatever is raised here, for want of memory, the client is not left waiting for nobody. What the
-- listener itself rejects with is returned, after true.
local function accept_one(server, f)
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
    if is_of_client(address) then return end -- gone before anybody has looked
    error(address, 0)
  end
  local client = server.tls and sock or channel_on(server.cio, sock, server.opts, address)
  local ok, err = pcall(start, server, client, address, f)
  if not ok then
    drop(client)
    error(err, 0)
  end
end

local function accept_loop(server, f)
  while true do
    local ok, over, err = pcall(accept_one, server, f)
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

function Server:set_tls(tls)
  if getmetatable(self) ~= Server then
    error(("bad argument #1 to 'set_tls' (lwt.server expected, got %s)"):format(type(self)), 2)
  end
  if not self.tls then error("bad argument #1 to 'set_tls' (a server without TLS)", 2) end
  local ok, result = pcall(secure.server_plan, tls)
  if not ok and type(result) == "string" then
    error(("bad argument #1 to 'set_tls' (%s)"):format(result), 2)
  elseif not ok then
    error(result, 0)
  end
  self.tls = result
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
  if seconds ~= nil and not (type(seconds) == "number" and seconds >= 0) then
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

local function establish(cio, listening, f, opts)
  local listener = await(listening)
  local server = setmetatable({
    cio = cio, listener = listener, where = listener:address(), tasks = {}, n = 0, started = 0,
    opts = opts, on_error = opts.on_error, tls = opts.plan,
  }, Server)
  server.accepting = spawn(accept_loop, server, f)
  local state, err = server.accepting:state()
  if state == "rejected" then -- no memory to begin with: a server that nobody runs is none
    listener:close()
    error(err, 0)
  end
  server.accepting:on_failure(function(failure)
    if rawequal(failure, lwt.Canceled) or rawequal(failure, lwt.Closed) then return end
    listener:close() -- clients are refused, instead of waiting for nobody
    report(failure)
  end)
  return server
end

-- Raises what is wrong with the arguments without a position.
function M.establish(cio, addr, f, opts)
  local rest, ours = split(opts, "establish_server", 3, { on_error = true, tls = true })
  if ours.on_error ~= nil and not args.is_callable(ours.on_error) then
    wrong(3, "establish_server",
      "option 'on_error': function expected, got " .. type(ours.on_error))
  end
  if ours.limit == nil then ours.limit = M.LIMIT end
  if ours.tls then ours.plan = plan(secure.server_plan, "establish_server", 3, ours.tls) end
  local net = require "lwt.net"
  local listen = is_unix(addr) and net.pipe_listen or net.tcp_listen
  return spawn(establish, cio, call("establish_server", 3, listen, addr, rest), f, ours)
end

return M
