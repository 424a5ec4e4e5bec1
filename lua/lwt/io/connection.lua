-- Connections: channels on sockets that connect, in clear or over TLS.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local network = require "lwt.io.network"
local secure = require "lwt.io.secure"
local shared = require "lwt.io.shared"

local spawn = lwt.spawn
local check_channel, run_with_channel = shared.check_channel, shared.run_with_channel

local M = shared.public

-- `connect` is called straight from a public function, whose options are argument `n`, and calls
-- this one. (No tail calls: an error for the caller counts the functions between.)
local function start_connect(n, name, addr, opts)
  local net = require "lwt.net"
  local connecting
  if network.is_unix(addr) then
    local key = next(opts or {})
    if key ~= nil then args.bad(n, name, ("unknown option '%s'"):format(tostring(key)), 2) end
    connecting = network.call(n, name, net.pipe_connect, addr, nil, 2)
  else
    connecting = network.call(n, name, net.tcp_connect, addr, opts, 2)
  end
  return connecting
end

local function host_of(addr)
  if network.is_unix(addr) then return nil end
  return require "lwt.net".parse_address(addr).host
end

local function remember_peer(ch, sock, text)
  if not text or text:find "^[%d.]+:%d+$" or network.is_unix(text) then return end
  local known, address = pcall(sock.getpeername, sock)
  if known then network.peers[ch] = address end
end

local function connect(n, name, addr, opts)
  local rest, ours = network.split(n, name, opts, { tls = true }, 1)
  local text = type(addr) == "string" and addr or nil
  if not ours.tls then
    local connecting = start_connect(n, name, addr, rest)
    return connecting:map(function(sock)
      local ch = network.channel_on(sock, ours, text)
      remember_peer(ch, sock, text)
      return ch
    end)
  end
  local ok, host = pcall(host_of, addr) -- the function that connects reports it
  local tls = network.tls_plan(n, name, secure.client_plan, ours.tls, ok and host or nil, 1)
  local connecting = start_connect(n, name, addr, rest)
  return connecting:bind(function(sock) return secure.start_on(sock, tls) end)
    :map(function(stream) return secure.channel(stream, ours, text) end)
end

--- Connect to an address (see `lwt.net`: `"host:port"`, `"unix:/path"` …): one channel that reads
--- and writes. Its close flushes, and closes the socket.
---
--- With `tls = true` it is a connection over TLS (the rock lwt-ssl), fulfilled after the handshake: chain, dates
--- and name of the server's certificate are verified. `tls` may be a table of what `ssl.connect` takes instead,
--- or a context of `lwt.ssl`.
---
---@param addr string|table
---@param opts table? `buffer_size`, `limit`, `tls`, and those of `net.tcp_connect`
---@return lwt.Promise<lwt.Channel>
--- ```lua
--- local server = await(lio.establish_server("127.0.0.1:0", function(ch)
---   await(ch:write_line("hello"))
--- end))
--- local ch <close> = await(lio.open_connection(server:address()))
--- print(await(ch:read_line()))   --> hello
--- await(server:shutdown())
--- ```
function M.open_connection(addr, opts)
  local connecting = connect(2, "open_connection", addr, opts)
  return connecting
end

--- Connect, give the channel to `f`, and close it when `f` is done, however it ends.
---
---@generic T
---@param addr string|table
---@param f async fun(ch: lwt.Channel): T?, ...?
---@param opts table? as for `open_connection`
---@return lwt.Promise<T> # what `f` returns
--- ```lua
--- local server = await(lio.establish_server("127.0.0.1:0", function(ch)
---   await(ch:write_line((await(ch:read_line())):upper()))
--- end))
--- local p = lio.with_connection(server:address(), function(ch)
---   await(ch:write_line("hello"))
---   return ch:read_line()
--- end)
--- print(await(p))   --> HELLO
--- await(server:shutdown())
--- ```
function M.with_connection(addr, f, opts)
  args.check_callable(2, "with_connection", f)
  local connecting = connect(3, "with_connection", addr, opts)
  return spawn(run_with_channel, connecting, f)
end

--- Run `f` when the channel is there, and close the channel when `f` is done, however it ends.
---
---@generic T
---@param f async fun(ch: lwt.Channel): T?, ...?
---@param ch lwt.Channel
---@return lwt.Promise<T> # what `f` returns
--- ```lua
--- local r, w = lio.pipe()
--- await(lio.with_close_connection(function(c) return c:write("x") end, w))
--- print(await(r:read()), lio.is_closed(w))   --> x true
--- ```
function M.with_close_connection(f, ch)
  args.check_callable(1, "with_close_connection", f)
  if getmetatable(ch) ~= shared.channel then
    args.wrong(2, "with_close_connection", "lwt.channel", ch)
  end
  return spawn(run_with_channel, lwt.fulfilled(ch), f)
end

--- Go on over TLS, on the same channel (STARTTLS). What was written before is sent in clear, first. It is one operation,
--- which others wait for. What was already read goes into TLS, so a command that an attacker has put in, in clear, makes
--- the handshake fail.
---
--- `opts` are those of `ssl.connect` (rock lwt-ssl). A client has to give `name`, or `verify = false`. With `server = true` they
--- are those of `ssl.accept`. When the handshake fails the channel is in clear as before: close it.
---
---@param ch lwt.Channel
---@param opts table|lwt.ssl.Context
---@return lwt.Promise<lwt.Channel> # the channel itself
--- ```lua
--- await(require "lwt.process".exec({ "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key",
---   "-out", "server.pem", "-subj", "/CN=try", "-addext", "subjectAltName=DNS:localhost" }, { stderr = "null" }))
--- local server <close> = await(lio.establish_server("127.0.0.1:0", function(ch)
---   await(ch:read_line())
---   await(ch:write_line "220 go ahead")
---   await(ch:upgrade { server = true, cert = "server.pem", key = "server.key" })
---   await(ch:write_line "hello")
--- end))
--- local ch <close> = await(lio.open_connection(server:address()))
--- await(ch:write_line "STARTTLS")
--- print(await(ch:read_line()))                            --> 220 go ahead
--- await(ch:upgrade { name = "localhost", ca = "server.pem" })
--- print(await(ch:read_line()), ch:tls():version())        --> hello TLSv1.3
--- ```
function M.upgrade(ch, opts)
  check_channel(ch, "upgrade")
  args.type(2, "upgrade", opts, "table")
  local make, of_server = secure.client_plan, opts.server
  if of_server ~= nil and getmetatable(opts) == nil then
    local rest = {}
    for key, value in pairs(opts) do
      if key ~= "server" then rest[key] = value end
    end
    opts = rest
  end
  if of_server or opts.role == "server" then make = secure.server_plan end
  local ok, plan = pcall(make, opts)
  if not ok and type(plan) == "string" then
    args.bad(2, "upgrade", (plan:gsub("^option 'tls': ", "")))
  elseif not ok then
    error(plan, 0)
  end
  if ch:mode() ~= "both" then
    args.bad(1, "upgrade", "a channel that reads and writes expected")
  end
  return secure.upgrade(ch, plan)
end

--- The TLS stream that a channel goes over (`peer_certificate`, `alpn`, `version` …: see `lwt.ssl`), or
--- nil where it is in clear.
---
---@param ch lwt.Channel
---@return lwt.ssl.Stream|nil
--- ```lua
--- local r = lio.pipe()
--- print(r:tls())   --> nil
--- ```
function M.tls(ch)
  check_channel(ch, "tls")
  return secure.stream_of(ch)
end

shared.methods.upgrade, shared.methods.tls = M.upgrade, M.tls

return M
