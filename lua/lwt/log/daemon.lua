-- Internal: the connection to a log daemon, at a socket of this machine or on another one.
--
-- M.connect(where) waits, and gives { send = function(self, packet) waits until the system has it or
-- raises, close = function(self), gone = the other end has closed it, proven = somebody takes it } or
-- raises the system's error. A TCP connection has unsure(self), too: the packets that the other
-- end's system has not acknowledged. A UDP socket has late = true: what it raises is about the packet before.

local lwt = require "lwt"
local net = require "lwt.net"

local await = lwt.await

local M = {}

local CONNECT = 10 -- seconds

-- ---- Datagrams ------------------------------------------------------------------

local Datagrams = { proven = true }
Datagrams.__index = Datagrams

function Datagrams:send(packet) await(self.socket:send(packet)) end
function Datagrams:close() self.socket:close() end

-- Over UDP only the next packet fails where no daemon listens. So a packet that was sent is no proof
-- that the one before arrived, but there is no better one.
local Udp = { late = true, proven = false, close = Datagrams.close }
Udp.__index = Udp

function Udp:send(packet)
  await(self.socket:send(packet))
  self.proven = true
end

-- ---- Streams --------------------------------------------------------------------

-- A daemon's socket: a zero byte ends a record.
local Stream = { proven = true }
Stream.__index = Stream

function Stream:send(packet) await(self.socket:write(packet .. "\0")) end
function Stream:close() self.socket:close() end

-- Over TCP: how many bytes come (RFC 6587). `packets` has, from `first` to `last`, what may not have been
-- acknowledged yet, `stops` where each ends in what was written, `written` bytes in all.
local Tcp = { proven = true, close = Stream.close }
Tcp.__index = Tcp

local function acknowledged(self)
  local ok, open = pcall(self.socket.unacknowledged, self.socket)
  local stop = self.written - (ok and open or 0)
  while self.first <= self.last and self.stops[self.first] <= stop do
    self.packets[self.first], self.stops[self.first] = nil, nil
    self.first = self.first + 1
  end
end

function Tcp:send(packet)
  local text = #packet .. " " .. packet
  await(self.socket:write(text))
  local last = self.last + 1
  self.written = self.written + #text
  self.packets[last], self.stops[last] = packet, self.written
  self.last = last
  acknowledged(self)
end

function Tcp:unsure()
  acknowledged(self)
  return table.move(self.packets, self.first, self.last, 1, {})
end

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

-- ---- Connecting -----------------------------------------------------------------

-- The first of the paths where a daemon listens, by datagrams or, where it wants that, by a stream.
local function unix(paths)
  local failure
  for i = 1, #paths do
    local path = paths[i]
    local ok, result = pcall(net.unix_datagram, { peer = path })
    if ok then return setmetatable({ socket = result }, Datagrams) end
    if type(result) ~= "table" then error(result, 0) end
    if result.code == "EPROTOTYPE" then
      ok, result = pcall(await, net.pipe_connect { path = path })
      if ok then return watch(setmetatable({ socket = result }, Stream)) end
    end
    -- That there is no daemon at one of the usual places says less than what is wrong at another.
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
  return setmetatable({ socket = socket }, Udp)
end

local function tcp(host, port)
  local there = net.tcp_connect { host = host, port = port }
  return watch(setmetatable({
    socket = await(lwt.with_timeout(CONNECT, there)), packets = {}, stops = {}, first = 1, last = 0,
    written = 0,
  }, Tcp))
end

-- where: { proto = "unix", paths = } or { proto = "udp"|"tcp", host =, port = }
function M.connect(where)
  if where.proto == "unix" then return unix(where.paths) end
  return (where.proto == "udp" and udp or tcp)(where.host, where.port)
end

return M
