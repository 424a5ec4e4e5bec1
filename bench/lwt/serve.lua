-- lwt: servers, one task for each connection.
--
--   lua5.4 bench/lwt/serve.lua echo|echo_await|echo_lines|http PORT
--   lua5.4 bench/lwt/serve.lua work STATES PORT      so many worker states share the port

local lwt = require "lwt"
local io = require "lwt.io"
local net = require "lwt.net"
local preemptive = require "lwt.preemptive"

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

-- Lines again, for each of which something is computed: about 0.2 ms.
local function worker(address)
  local function compute(line)
    local sum = 0
    for i = 1, 20000 do sum = sum + line:byte(i % #line + 1) end
    return sum
  end
  lwt.run(function()
    await(io.establish_server(address, function(ch)
      for line in ch:lines() do
        assert(compute(line) > 0)
        await(ch:write_line(line))
      end
    end, { backlog = 4096, reuseport = true }))
    await(lwt.wait())
  end)
end

function S.work(address, states)
  states = tonumber(states)
  preemptive.init(states, states)
  for _ = 1, states do lwt.async(function() await(preemptive.detach(worker, address)) end) end
end

lwt.run(function()
  S[arg[1]]("127.0.0.1:" .. arg[#arg], arg[2])
  await(lwt.wait())
end)
