-- copas: lua5.4 bench/lua/serve_copas.lua echo|http PORT

package.path = package.path .. ";/usr/share/lua/5.3/?.lua;/usr/share/lua/5.2/?.lua;/usr/share/lua/5.1/?.lua"

local copas = require "copas"
local socket = require "socket"

local hello = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\nhello world"

local H = {}

function H.echo(c)
  while true do
    local data = c:receive(64)
    if not data or not c:send(data) then return end
  end
end

function H.http(c)
  while true do
    local line = c:receive("*l")
    if not line or line == "" and not c:send(hello) then return end
  end
end

local handler = H[arg[1]]
local server = socket.tcp()
server:setoption("reuseaddr", true)
assert(server:bind("127.0.0.1", tonumber(arg[2])))
server:listen(4096)
copas.addserver(server, function(c)
  c:setoption("tcp-nodelay", true)
  handler(copas.wrap(c))
end)
copas.loop()
