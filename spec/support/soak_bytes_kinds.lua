-- The connections of soak_bytes.lua, by kind. Each gives an end to read, an end to write, and a table
-- of what is special:
--   after     what is written can be read only when all of it is there: gives the end to read
--   may_lose  whole frames
--   no_direct it has no direct view; no_direct_write: to write
--   no_cancel a write cannot be withdrawn
--   program   what runs between the two ends
local lwt = require "lwt"
local bytes = require "lwt.bytes"
local fs = require "lwt.fs"
local lio = require "lwt.io"
local net = require "lwt.net"
local preemptive = require "lwt.preemptive"
local process = require "lwt.process"
local world = require "spec.support.soak_bytes_world"

local await, random = lwt.await, math.random
local finding = world.finding

local function connected(listen, connect)
  return function()
    local l <close> = await(listen())
    local accepted = l:accept()
    return await(connect(l:address())), await(accepted)
  end
end

local function tcp_listen() return net.tcp_listen "127.0.0.1:0" end

local named = 0
local function unix_listen()
  named = named + 1
  return net.pipe_listen(("unix:soak_bytes.%d"):format(named))
end

local folder = os.getenv "TMPDIR" or "/tmp"
local function path()
  named = named + 1
  local name = ("%s/lwt-soak.%s.%d"):format(folder, tostring(world.now):match "0x%x+", named)
  world.now.files[#world.now.files + 1] = name
  return name
end

return {
  tcp = connected(tcp_listen, net.tcp_connect),
  unix = connected(unix_listen, net.pipe_connect),
  socketpair = function() return net.socketpair() end,
  pipe = function() return lio.pipe() end,
  channel_reads_tcp = connected(tcp_listen, lio.open_connection),
  channel_writes_tcp = function()
    local out, input = connected(tcp_listen, lio.open_connection)()
    return input, out
  end,
  channel_of_functions = function()
    local r, w = net.socketpair()
    return lio.make { read = function(n) return r:read(n) end,
      close = function() return r:close() end }, w
  end,
  program = function()
    local cat = process.open({ "cat" }, { stdin = "pipe", stdout = "pipe" })
    return cat.stdout, cat.stdin, { program = cat }
  end,
  file = function()
    local name = path()
    return nil, await(fs.open(name, "w")), { no_cancel = true,
      after = function() return await(fs.open(name)) end }
  end,
  channel_of_a_file = function()
    local name = path()
    return nil, await(lio.open_file(name, "w")), { after = function() return await(lio.open_file(name)) end }
  end,
  memory = function()
    local b = bytes.create(4000000)
    local ch, size = lio.of_bytes(b, "w"), 0
    return nil, {
      write = function(_, s) return ch:write(s) end,
      flush = function() return ch:flush() end,
      close = function()
        return ch:flush():bind(function()
          size = ch:position()
          return ch:close()
        end)
      end,
    }, { no_direct_write = true, after = function() return lio.of_bytes(b:to_string(0, size)) end }
  end,
  udp = function()
    local u, out, ended = net.udp "127.0.0.1:0", net.udp(), false
    local address = u:getsockname()
    return {
      read = function()
        if ended then return lwt.fulfilled(nil) end
        return u:recv():map(function(s)
          if s ~= "" then return s end
          ended = true
          u:close()
          return nil
        end):catch(function(err)
          if not ended then error(err, 0) end
        end)
      end,
      close = function() return u:close() end,
    }, {
      write = function(_, s) return out:send(s, address) end,
      shutdown = function() return out:send("", address) end,
      close = function() return out:close() end,
    }, { may_lose = true, no_direct = true, most = 8000 }
  end,
  thread_channel = function()
    local ch = preemptive.channel(random(4) - 1)
    return { read = function() return ch:recv() end },
      { write = function(_, s) return ch:send(s) end, close = function() ch:close() end },
      { no_direct = true }
  end,
  thread_echo = function() -- through another thread
    local there, back = preemptive.channel(random(4) - 1), preemptive.channel(random(4) - 1)
    world.now.threads[#world.now.threads + 1] = preemptive.detach(function(from, to)
      local thread = require "lwt"
      thread.run(function()
        while true do
          local s = thread.await(from:recv())
          if s == nil then break end
          thread.await(to:send(s))
        end
        to:close()
      end)
    end, there, back)
    world.now.threads[#world.now.threads]:on_failure(function(err) finding("a thread failed: %s", err) end)
    return { read = function() return back:recv() end },
      { write = function(_, s) return there:send(s) end, close = function() there:close() end },
      { no_direct = true }
  end,
}
