-- prefork: one port, as many worker states as there are cores.
--
-- Shows: scaling past one core. Every worker thread has a Lua state, a loop and a listener of
-- its own on the same port (SO_REUSEPORT): the kernel spreads the connections. The main state
-- only watches over them.
--
--   lwt examples/prefork.lua [ADDRESS [WORKERS]]   unless given: 127.0.0.1:7000, 2
--   kill -HUP PID      graceful restart: new workers listen before the old ones stop
--   Ctrl-C             graceful end: connections may finish
--
-- What the kernel has given to an old listener, but nobody has accepted when that closes, is reset:
-- Linux hands it to a new one instead with sysctl net.ipv4.tcp_migrate_req=1.

local lwt = require "lwt"
local lio = require "lwt.io"
local preemptive = require "lwt.preemptive"
local process = require "lwt.process"
local signal = require "lwt.signal"
local await = lwt.await

local GRACE = 2 -- seconds that connections have to finish

local address, workers = arg[1] or "127.0.0.1:7000", math.tointeger(arg[2]) or 2

-- The handler: what a connection gets. Runs in the workers.
local function serve(ch, name)
  for line in ch:lines() do
    await(ch:write_line(name .. ": " .. line))
    await(ch:flush())
  end
end

-- The body of a worker: listens, tells the address, serves until it is told to stop.
local function work(name, addr, ready, stop)
  lwt.run(function()
    local server = await(lio.establish_server(addr, function(ch)
      serve(ch, name)
    end, { reuseport = true }))
    await(ready:send(server:address()))
    await(stop:recv())
    await(server:shutdown(GRACE))
  end)
end

-- A generation of workers: they listen when this is fulfilled.
local function start(generation)
  local ready, stop = preemptive.channel(workers), preemptive.channel(0)
  local running = {}
  for i = 1, workers do
    running[i] = preemptive.detach(work, generation .. "." .. i, address, ready, stop)
    -- The first one settles the port (0 picks one), the others share it. One that fails ends all.
    address = await(lwt.choose { ready:recv(), running[i] })
  end
  return { running = running, stop = stop }
end

local function finish(generation)
  generation.stop:close()
  return lwt.join(generation.running)
end

preemptive.init(0, 2 * workers) -- two generations for a moment
local restarts = signal.stream "HUP" -- from here on: without it HUP ends the process
local current = start(1)
await(lio.printl(("%d workers on %s, pid %d"):format(workers, address, process.getpid())))
await(lio.stdout:flush())

local ending = {} -- generations that are finishing
local ok, err = pcall(function()
  for n = 2, math.huge do
    await(restarts:next())
    local old = current
    current = start(n)
    ending[#ending + 1] = finish(old)
    await(lio.printl("generation " .. n))
    await(lio.stdout:flush())
  end
end)

-- Ctrl-C: let everybody finish.
restarts:close()
lwt.shield(function()
  ending[#ending + 1] = finish(current)
  await(lwt.join(ending))
end)
if not ok and err ~= lwt.Interrupted and err ~= lwt.Canceled then error(err, 0) end
