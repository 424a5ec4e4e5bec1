-- Servers: a task for each client that connects, with a channel on its socket.

local lwt = require "lwt"
local core = require "lwt.core"
local args = require "lwt.internal.args"
local network = require "lwt.io.network"
local secure = require "lwt.io.secure"
local shared = require "lwt.io.shared"
local trouble = require "lwt.io.trouble"

local await, spawn, guard, raise = lwt.await, lwt.spawn, core.guard, core.raise

local M = shared.public

-- How long a line, or the like, of a client may be where nothing is said.
local LIMIT = 1 << 20

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

-- What a handler has failed with: to `on_error`, or in words to stderr. `on_error = error` is for
-- programs that a bug is to end; clients that are gone are no bug.
local function tell(server, err, address, gone)
  if server.on_error == error then
    if not gone then report(err) end
  elseif server.on_error then
    lwt.async(server.on_error, err, address)
  elseif not gone then
    trouble.report(("the handler of %s, at %s, has failed"):format(address, server.where), err)
  end
end

local FAILED_GRACE = 1 -- seconds for what the handler of a client had written before it failed

local function close_in_time(ch)
  lwt.with_timeout(FAILED_GRACE, ch:close()):catch(function() end):await()
end

local function ended_badly(server, ch, address, err)
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

-- What the task of a client does when its handler is done: `result` is what that gave, or raised.
local function finish(server, ch, address, ok, result)
  if ok and lwt.is_promise(result) then ok, result = guard(await, result) end
  if ok then ok, result = guard(await, ch:close()) end
  if not ok then ended_badly(server, ch, address, result) end
end

-- A client with TLS: its handshake is in its own task, so that it holds up no other client. Errors
-- of the handshake are the client's.
local function serve_secure(server, sock, address, f)
  local ok, stream = guard(await, secure.start_on(sock, server.tls))
  if ok then
    local made, ch = pcall(secure.channel, stream, server.opts, address)
    if made then return finish(server, ch, address, guard(f, ch, address)) end
    stream:close()
    error(ch, 0)
  end
  if rawequal(stream, lwt.Interrupted) then raise(stream) end
  if not rawequal(stream, lwt.Canceled) then tell(server, stream, address, true) end
end

-- A channel, which may have begun to close, or the socket of a client whose handshake is not
-- finished.
local function drop(client)
  if client.abort == nil then client:close() else client:abort() end
end

-- A task that has failed; without memory it has perhaps not even begun.
local function failed(ch, err)
  drop(ch)
  if not rawequal(err, lwt.Canceled) then report(err) end
end

local function ended(ch, p)
  local state, err = p:state()
  if state == "rejected" then failed(ch, err) end
end

local function gone(server, number)
  local p = server.tasks[number]
  if not p then return end
  server.tasks[number] = nil
  server.n = server.n - 1
  if server.n == 0 and server.empty then server.empty:wakeup_later() end
  return p
end

-- The task of a client. A client that waits keeps its handler's frames in memory, and those below
-- them: so no function of the server is below the handler.
local function serve(server, ch, address, f)
  if server.tls then return spawn(serve_secure, server, ch, address, f) end
  return core.spawn_after(function(...) return finish(server, ch, address, ...) end, f, ch, address)
end

-- Each client has a number; later clients have higher ones.
local function start(server, ch, address, f)
  local number = server.started + 1
  server.started = number
  local p = serve(server, ch, address, f)
  if not p:is_pending() then return ended(ch, p) end
  local function over()
    local task = gone(server, number)
    if task then ended(ch, task) end
  end
  p:on_any(over, over)
  server.tasks[number] = p -- the last that can fail: the count is of these
  server.n = server.n + 1
end

-- Whatever is raised here, for want of memory, the client's socket is closed, so that it does not
-- wait for ever. An error of the listener itself is returned, after true.
local function accept_one(server, f)
  local accepting = server.listener:accept()
  local awaited, sock = pcall(await, accepting)
  if not awaited then
    local state, late = accepting:state()
    if state == "rejected" then return true, late end
    if state == "pending" then
      accepting:cancel() -- or it takes a client that is not served
      error(sock, 0)
    end
    sock = late
  end
  local named, address = pcall(sock.getpeername, sock)
  if not named then
    sock:close()
    if is_of_client(address) then return end -- gone before it was served
    error(address, 0)
  end
  local client = server.tls and sock or network.channel_on(sock, server.opts, address)
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

function Server:address()
  if getmetatable(self) ~= Server then args.wrong(1, "address", "lwt.server", self) end
  return self.where
end

function Server:connections()
  if getmetatable(self) ~= Server then args.wrong(1, "connections", "lwt.server", self) end
  return self.n
end

function Server:set_tls(tls)
  if getmetatable(self) ~= Server then
    args.wrong(1, "set_tls", "lwt.server", self)
  end
  if not self.tls then args.bad(1, "set_tls", "a server without TLS") end
  local ok, result = pcall(secure.server_plan, tls)
  if not ok and type(result) == "string" then
    args.bad(2, "set_tls", result)
  elseif not ok then
    error(result, 0)
  end
  self.tls = result
end

-- In the order in which they came.
local function cancel_all(server)
  local numbers = {}
  for number in pairs(server.tasks) do numbers[#numbers + 1] = number end
  table.sort(numbers)
  for _, number in ipairs(numbers) do
    local p = server.tasks[number]
    if p then p:cancel() end
  end
end

-- No client is left. (Two may wait for that, where a finalizer shuts the server down as well.)
local function emptied(server)
  if not server.all_gone then
    local all_gone, wake = lwt.wait()
    if not server.all_gone then server.all_gone, server.empty = all_gone, wake end
  end
  return server.all_gone
end

local function shut_down(server, seconds)
  server.accepting:cancel()
  await(server.listener:close())
  -- A client that the listener gave just before is still served.
  pcall(await, lwt.no_cancel(server.accepting))
  if server.n > 0 then
    local all_gone = emptied(server)
    if not pcall(await, lwt.with_timeout(seconds, lwt.protected(all_gone))) then
      server.cancelling = true
      cancel_all(server)
      if server.n > 0 then await(all_gone) end
    end
  end
end

function Server:shutdown(seconds)
  if getmetatable(self) ~= Server then
    args.wrong(1, "shutdown", "lwt.server", self)
  end
  if seconds ~= nil and not (type(seconds) == "number" and seconds >= 0) then
    args.bad(2, "shutdown", "a number of seconds expected")
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

local function establish(listening, f, opts)
  local listener = await(listening)
  local server = setmetatable({
    listener = listener, where = listener:address(), tasks = {}, n = 0, started = 0,
    opts = opts, on_error = opts.on_error, tls = opts.plan,
  }, Server)
  server.accepting = spawn(accept_loop, server, f)
  local state, err = server.accepting:state()
  if state == "rejected" then -- no memory to begin with: there is no server without its task
    listener:close()
    error(err, 0)
  end
  server.accepting:on_failure(function(failure)
    if rawequal(failure, lwt.Canceled) or rawequal(failure, lwt.Closed) then return end
    listener:close() -- clients are refused, instead of waiting for ever
    report(failure)
  end)
  return server
end

--- Listen at an address, and run `f(ch, address)` as a task for each client that connects;
--- `address` is the client's. The channel is flushed and closed when `f` is done, however it ends.
--- Port 0 has the system pick one: `server:address()` tells which.
---
--- What `f` fails with ends that connection and no other: it is written to stderr, with its
--- traceback and the client's address, and the server goes on. Neither a handler that is cancelled
--- is a failure, nor a client that is gone: `ECONNRESET`, `EPIPE`, `ECONNABORTED`, `ETIMEDOUT`,
--- `ENOTCONN`, `EHOSTUNREACH` and `ENETUNREACH` of the client's own channel, and `lwt.Closed` when
--- that is closed. With the option `on_error`, a function that runs as a task, every error of `f`
--- goes to `on_error(err, address)` instead, those of clients that are gone as well
--- (`lwt.traceback(err)` tells where it was raised). `on_error = error` ends the program with the
--- first failure, but not for a client that is gone.
---
--- A client cannot have the server keep a line without an end: a channel's `limit` is 1048576
--- bytes here, unless the option `limit` says another, or `false` for none (see `set_limit`).
---
--- With the option `tls`, a table of what `ssl.accept` takes (`cert`, `key` …) or a context of `lwt.ssl`, clients come over
--- TLS, and `f` runs after the handshake. Each handshake runs by itself. One that fails is reported to `on_error`
--- alone. `server:set_tls(tls)` changes the certificates for connections from then on.
---
--- The server has `address()`, `connections()` (how many are being served) and
--- `shutdown([seconds])`, a promise: no client is accepted any more, the handlers at work have so
--- many seconds (5) to finish, then they are cancelled. With `<close>`, a server shuts down at
--- once.
---
---@param addr string|table
---@param f async fun(ch: lwt.Channel, address: string): ...?
---@param opts table? `buffer_size`, `limit`, `on_error`, `tls`, and those of `net.tcp_listen`
---@return lwt.Promise<lwt.Server> # the server, once it is listening
--- ```lua
--- local server = await(lio.establish_server("127.0.0.1:0", function(ch)
---   for line in ch:lines() do await(ch:write_line(line:upper())) end
--- end))
--- local ch <close> = await(lio.open_connection(server:address()))
--- await(ch:write_line("hello"))
--- print(await(ch:read_line()), server:connections())   --> HELLO 1
--- await(ch:close())
--- await(server:shutdown())
--- ```
function M.establish_server(addr, f, opts)
  args.check_callable(2, "establish_server", f)
  local rest, ours =
    network.split(3, "establish_server", opts, { on_error = true, tls = true }, 0)
  if ours.on_error ~= nil and not args.is_callable(ours.on_error) then
    args.bad(3, "establish_server",
      "option 'on_error': function expected, got " .. args.type_name(ours.on_error))
  end
  if ours.limit == nil then ours.limit = LIMIT end
  if ours.tls then
    ours.plan = network.tls_plan(3, "establish_server", secure.server_plan, ours.tls, nil, 0)
  end
  local net = require "lwt.net"
  local listen = network.is_unix(addr) and net.pipe_listen or net.tcp_listen
  local listening = network.call(3, "establish_server", listen, addr, rest, 0)
  return spawn(establish, listening, f, ours)
end

return M
