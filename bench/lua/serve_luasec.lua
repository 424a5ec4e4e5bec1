-- LuaSec: lua5.4 bench/lua/serve_luasec.lua echo|sink|source CERTIFICATE BYTES PORT
--
-- Its coroutines are resumed by socket.select, as copas 4 does it: Debian's copas has no TLS yet.

local socket = require "socket"
local ssl = require "ssl"

local mode, file, bytes, port = arg[1], arg[2], tonumber(arg[3]), tonumber(arg[4])
local piece = ("x"):rep(65536)
local context = assert(ssl.newcontext { mode = "server", protocol = "any", key = file, certificate = file,
  options = { "all", "no_sslv2", "no_sslv3", "no_tlsv1", "no_tlsv1_1" } })

local waiting = { read = {}, write = {} } -- socket -> coroutine

-- `f(c, …)` again and again, until it needs not wait.
local function finish(f, c, ...)
  while true do
    local data, err, part = f(c, ...)
    if data or err ~= "wantread" and err ~= "wantwrite" then return data, err end
    if part and part ~= "" and type(part) == "string" then return part end
    coroutine.yield(err == "wantread" and "read" or "write", c)
  end
end

local function some(c) return finish(c.receive, c, 65536) end

local function send(c, data)
  local sent = 0
  while sent < #data do
    local done, err, part = c:send(data, sent + 1)
    if done then return true end
    if err ~= "wantread" and err ~= "wantwrite" then return nil end
    sent = part
    coroutine.yield(err == "wantread" and "read" or "write", c)
  end
  return true
end

local H = {}

function H.echo(c)
  while true do
    local data = some(c)
    if not data or not send(c, data) then return end
  end
end

function H.sink(c)
  local had = 0
  while true do
    local data = some(c)
    if not data then return end
    had = had + #data
    if had >= bytes then
      had = 0
      send(c, "x")
    end
  end
end

function H.source(c)
  while finish(c.receive, c, 1) do
    local left = bytes
    while left > 0 do
      local n = math.min(left, #piece)
      if not send(c, n < #piece and piece:sub(1, n) or piece) then return end
      left = left - n
    end
  end
end

local server = socket.tcp()
server:setoption("reuseaddr", true)
assert(server:bind("127.0.0.1", port))
server:listen(4096)
server:settimeout(0)

local function go_on(co, ...)
  local ok, how, c = coroutine.resume(co, ...)
  if ok and how then waiting[how][c] = co end
end

local function serve(sock)
  sock:settimeout(0)
  sock:setoption("tcp-nodelay", true)
  local c = assert(ssl.wrap(sock, context))
  c:settimeout(0)
  if finish(c.dohandshake, c) then H[mode](c) end
  c:close()
end

while true do
  local reading, writing = { server }, {}
  for c in pairs(waiting.read) do reading[#reading + 1] = c end
  for c in pairs(waiting.write) do writing[#writing + 1] = c end
  local readable, writable = socket.select(reading, writing)
  for list, how in pairs { [readable] = "read", [writable] = "write" } do
    for _, c in ipairs(list) do
      if c == server then
        local sock = server:accept()
        if sock then go_on(coroutine.create(serve), sock) end
      else
        local co = waiting[how][c]
        waiting[how][c] = nil
        go_on(co)
      end
    end
  end
end
