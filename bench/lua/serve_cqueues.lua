-- cqueues: lua5.4 bench/lua/serve_cqueues.lua echo|http PORT

package.path = package.path .. ";/usr/share/lua/5.3/?.lua;/usr/share/lua/5.3/?/init.lua"

local cqueues = require "cqueues"
local socket = require "cqueues.socket"

local hello = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\nhello world"

local H = {}

function H.echo(c)
  while true do
    local data = c:read(-4096)
    if not data then return end
    c:write(data)
    if not c:flush() then return end
  end
end

function H.http(c)
  for line in c:lines("*l") do
    if line == "" or line == "\r" then
      c:write(hello)
      if not c:flush() then return end
    end
  end
end

local loop, handler = cqueues.new(), H[arg[1]]
local server = socket.listen { host = "127.0.0.1", port = tonumber(arg[2]), nodelay = true }
server:listen()
loop:wrap(function()
  for c in server:clients() do
    c:setmode("bf", "bf")
    c:onerror(function(_, _, err) return err end)
    loop:wrap(function()
      handler(c)
      c:close()
    end)
  end
end)
assert(loop:loop())
