-- portscan: which TCP ports of a machine (of your own) are open?
--
-- Shows: a great many things to do, a limit on how many at once, a deadline for each, and the
-- world's failures told apart: an open port, a closed one, one that does not answer.
--
--   lwt examples/portscan.lua [-n 200] [-t 1] [HOST [FIRST [LAST]]]
--
--   -n   how many connections at once      -t   seconds to wait for an answer
--   HOST 127.0.0.1, FIRST 1, LAST 1024 unless given

local lwt = require "lwt"
local lio = require "lwt.io"
local list = require "lwt.list"
local net = require "lwt.net"
local await = lwt.await

local at_once, seconds, words = 200, 1, {}
do
  local i = 1
  while arg[i] do
    if arg[i] == "-n" or arg[i] == "-t" then
      local n = tonumber(arg[i + 1])
      if not n or n <= 0 then error(arg[i] .. " needs a number above 0", 0) end
      if arg[i] == "-n" then at_once = n // 1 | 0 else seconds = n end
      i = i + 2
    else
      words[#words + 1] = arg[i]
      i = i + 1
    end
  end
end
local host = words[1] or "127.0.0.1"
local first = math.tointeger(words[2]) or 1
local last = math.tointeger(words[3]) or words[2] and first or 1024

-- The name is looked up once, and not for every port.
local address = await(net.getaddrinfo(host, nil, { socktype = "stream" }))[1]

-- What the system has no descriptor for is tried again when others are done.
local function knock(port)
  while true do
    ---@type boolean, any
    local ok, err = pcall(await, lwt.with_timeout(seconds, function()
      await(net.tcp_connect { host = address.host, port = port }):close()
    end))
    if ok then return "open" end
    if err == lwt.Timeout then return "silent" end
    if err.code == "ECONNREFUSED" then return "closed" end
    if err.code ~= "EMFILE" then error(err, 0) end
    await(lwt.sleep(0.05))
  end
end

local ports, found = {}, { open = 0, closed = 0, silent = 0 }
for port = first, last do ports[#ports + 1] = port end

local start = lwt.now()
await(list.iter_n(function(port)
  local answer = knock(port)
  found[answer] = found[answer] + 1
  if answer == "open" then await(lio.printlf("%d open", port)) end
end, ports, at_once))
await(lio.printlf("%s: %d open, %d closed, %d silent, in %.2f seconds", host, found.open,
  found.closed, found.silent, lwt.now() - start))
