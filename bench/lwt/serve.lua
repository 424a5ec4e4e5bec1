-- lwt: servers, one task for each connection.
--
--   lua5.4 bench/lwt/serve.lua echo|echo_await|echo_lines|http PORT

local lwt = require "lwt"
local io = require "lwt.io"
local net = require "lwt.net"

local await, spawn = lwt.await, lwt.spawn

local hello = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\nhello world"

local S = {}

-- On sockets, as lwt.direct shows them.
function S.echo(address)
  local function serve(socket)
    local client <close> = socket
    while true do
      local data = client:read()
      if not data then return end
      client:write(data)
    end
  end
  local listener <close> = lwt.direct(net).tcp_listen(address, { backlog = 4096 })
  while true do spawn(serve, listener:accept()) end
end

-- The same, a promise for each operation.
function S.echo_await(address)
  local function serve(socket)
    local client <close> = socket
    while true do
      local data = await(client:read())
      if not data then return end
      await(client:write(data))
    end
  end
  local listener <close> = await(net.tcp_listen(address, { backlog = 4096 }))
  while true do spawn(serve, await(listener:accept())) end
end

-- On buffered channels.
function S.echo_lines(address)
  await(io.establish_server(address, function(ch)
    for line in ch:lines() do await(ch:write_line(line)) end
  end, { backlog = 4096 }))
end

function S.http(address)
  await(io.establish_server(address, function(ch)
    for line in ch:lines() do
      if line == "" then await(ch:write(hello)) end
    end
  end, { backlog = 4096 }))
end

lwt.run(function()
  S[arg[1]]("127.0.0.1:" .. arg[2])
  await(lwt.wait())
end)
