-- Internal: the connection to a log daemon, at a socket of this machine or on another one.
--
-- M.connect(where) waits, and gives { send = function(self, packet) waits until the system has it or
-- raises, close = function(self), gone = the other end has closed it } or raises the system's error.

local lwt = require "lwt"
local net = require "lwt.net"

local await = lwt.await

local M = {}

local CONNECT = 10 -- seconds

-- ---- Datagrams ------------------------------------------------------------------

local Datagrams = {}
Datagrams.__index = Datagrams

function Datagrams:send(packet) await(self.socket:send(packet)) end
function Datagrams:close() self.socket:close() end

-- ---- Streams --------------------------------------------------------------------

local Stream = {}
Stream.__index = Stream

-- A daemon's socket: a zero byte ends a record.
local function zero_ended(packet) return packet .. "\0" end
-- RFC 6587: how many bytes come.
local function counted(packet) return #packet .. " " .. packet end

function Stream:send(packet) await(self.socket:write(self.frame(packet))) end
function Stream:close() self.socket:close() end

-- Nothing is sent to us: reading tells when the other end has gone, before a record is lost to it.
local function watch(conn)
  lwt.spawn(function()
    repeat
      local ok, data = pcall(await, conn.socket:read())
    until not ok or data == nil
    conn.gone = true
  end)
  return conn
end

local function stream(socket, frame)
  return watch(setmetatable({ socket = socket, frame = frame }, Stream))
end

-- ---- Connecting -----------------------------------------------------------------

-- The first of the paths where a daemon listens, by datagrams or, where it wants that, by a stream.
local function unix(paths)
  local failure
  for _, path in ipairs(paths) do
    local ok, result = pcall(net.unix_datagram, { peer = path })
    if ok then return setmetatable({ socket = result }, Datagrams) end
    if type(result) ~= "table" then error(result, 0) end
    if result.code == "EPROTOTYPE" then
      ok, result = pcall(await, net.pipe_connect { path = path })
      if ok then return stream(result, zero_ended) end
    end
    -- That nobody is at one of the usual places says less than what is wrong at another.
    if not failure or failure.code == "ENOENT" then failure = result end
  end
  error(failure, 0)
end

local function udp(host, port)
  local address = await(net.getaddrinfo(host, port, { socktype = "datagram" }))[1]
  local socket = net.udp(address.family == "inet6" and "[::]:0" or nil)
  local ok, err = pcall(socket.connect, socket, address)
  if not ok then
    socket:close()
    error(err, 0)
  end
  return setmetatable({ socket = socket }, Datagrams)
end

local function tcp(host, port)
  local there = net.tcp_connect { host = host, port = port }
  return stream(await(lwt.with_timeout(CONNECT, there)), counted)
end

-- where: { proto = "unix", paths = } or { proto = "udp"|"tcp", host =, port = }
function M.connect(where)
  if where.proto == "unix" then return unix(where.paths) end
  return (where.proto == "udp" and udp or tcp)(where.host, where.port)
end

return M
