-- A server that speaks TLS:
--   lua5.4 bench/lwt/serve_tls.lua echo|echo_await|echo_channel|sink|source CERTIFICATE BYTES PORT

local lwt = require "lwt"
local net = require "lwt.net"
local ssl = require "lwt.ssl"
local await = lwt.await

local mode, file, bytes, port = arg[1], arg[2], tonumber(arg[3]), arg[4]
local context = ssl.context { role = "server", cert = file }

local H = {}

-- As lwt.direct shows it, like the servers that speak no TLS (serve.lua).
function H.echo(s)
  local stream = lwt.direct(s)
  while true do
    local data = stream:read()
    if not data then return end
    stream:write(data)
  end
end

function H.echo_await(s)
  while true do
    local data = await(s:read())
    if not data then return end
    await(s:write(data))
  end
end

function H.sink(s)
  local had = 0
  while true do
    local data = await(s:read())
    if not data then return end
    had = had + #data
    if had >= bytes then
      had = 0
      await(s:write "x")
    end
  end
end

local piece = ("x"):rep(65536)

function H.source(s)
  while await(s:read(1)) do
    local left = bytes
    while left > 0 do
      await(s:write(left < #piece and piece:sub(1, left) or piece))
      left = left - #piece
    end
  end
end

local handler = H[mode]

lwt.run(function()
  local listener = await(net.tcp_listen("127.0.0.1:" .. port, { backlog = 4096 }))
  while true do
    local sock = await(listener:accept())
    lwt.spawn(function()
      local ok, s = pcall(await, ssl.accept(sock, context))
      if not ok then return await(sock:close()) end
      pcall(handler, s)
      await(s:close())
    end)
  end
end)
