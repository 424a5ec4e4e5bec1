-- lwt and GLib in one loop: the echo server with GLib in its loop, or in GLib's, and GLib's timers under that load.
--
--   lua5.4 bench/lwt/glib.lua MODE PORT        the echo server; MODE: alone (no GLib), glib_into_lwt, lwt_into_glib
--   lua5.4 bench/lwt/glib.lua timer MODE N     N timers of GLib's of 10 ms, under the load of 50 connections
--                                              from another process (glib_alone: without lwt and without load)

local lwt = require "lwt"
local net = require "lwt.net"
local process = require "lwt.process"
local await, spawn = lwt.await, lwt.spawn

package.cpath = (os.getenv "LWT_BUILD" or "build") .. "/bench/?.so;" .. package.cpath

local function serve(socket)
  local client <close> = socket
  while true do
    local data = client:read()
    if not data then return end
    client:write(data)
  end
end

-- Serves for ever; told(address) first.
local function echo(address, told)
  local listener <close> = lwt.direct(net).tcp_listen(address, { backlog = 4096 })
  if told then told(listener:address()) end
  while true do spawn(serve, listener:accept()) end
end

-- Runs f as a task, in this way of joining the loops.
local function run(mode, f)
  if mode == "alone" then return lwt.run(f) end
  local glib = require "lwt.glib"
  glib.install { mode = mode }
  if mode == "glib_into_lwt" then return lwt.run(f) end
  lwt.async(f)
  require "glib".run()
end

-- The load: each connection sends when it has been answered.
local function load_it(address)
  lwt.run(function()
    for _ = 1, 50 do
      lwt.async(function()
        local c = lwt.direct(await(net.tcp_connect(address)))
        while true do
          c:write(("x"):rep(64))
          if not c:read() then return end
        end
      end)
    end
    await(lwt.wait())
  end)
end

local function timer(mode, n)
  local glib = require "glib"
  local function told(seconds)
    print(("RES glib_timer:%s %.6f %d"):format(mode, seconds, n))
    os.exit(0)
  end
  if mode == "glib_alone" then
    glib.timers(10, n, told)
    return glib.run()
  end
  run(mode, function()
    lwt.async(echo, "127.0.0.1:0", function(address)
      lwt.async(function()
        local client <close> = process.open { arg[-1], arg[0], "load", address }
        await(lwt.sleep(0.5))
        glib.timers(10, n, function(seconds) client:kill "KILL" told(seconds) end)
        await(client:status())
      end)
    end)
    await(lwt.wait())
  end)
end

if arg[1] == "timer" then
  timer(arg[2], tonumber(arg[3]))
elseif arg[1] == "load" then
  load_it(arg[2])
else
  run(arg[1], function() echo("127.0.0.1:" .. arg[2]) end)
end
