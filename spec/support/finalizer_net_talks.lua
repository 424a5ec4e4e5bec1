-- Operations of lwt.net for finalizer.lua: what two ends say to each other, by many calls; names,
-- readiness, listeners. (Single calls: finalizer_net_calls.lua.)
local kit = require "spec.support.finalizer"
local lwt = require "lwt"
local net = require "lwt.net"
local await, equal, tcp_pair = lwt.await, kit.equal, kit.tcp_pair

local whole = kit.text(20000)

local dir = os.getenv "TMPDIR" or "/tmp"
local made = 0
local function path()
  made = made + 1
  local name = ("%s/lwt-finalizer-%d-%d"):format(dir, require "lwt.process".getpid(), made)
  os.remove(name) -- of a run in which nobody could be told that it was there
  return name
end

local function unix_pair()
  local name = path()
  local l <close> = await(net.pipe_listen(name))
  local accepted = l:accept()
  local a = await(net.pipe_connect(name))
  return a, await(accepted)
end

local function close(s)
  for _, name in ipairs { "a", "b", "l" } do
    if s[name] then s[name]:close() end
  end
end

-- Sockets of all kinds are read and written in the same ways.
local function reading(name, pair, read)
  return {
    name = name,
    setup = function()
      local a, b = pair()
      local s = { a = a, b = b, got = {} }
      s.writer = b:write(whole):bind(function() return b:shutdown() end)
      return s
    end,
    run = function(s) read(s) end,
    disturb = {
      read = function(s) return s.a:read(700) end,
      close = function(s) s.a:close() end,
      reset = function(s) s.b:close() end,
      write = function(s) s.a:write("x") end,
      give_up = function(s)
        local p = s.a:read(100)
        if p:is_pending() then p:cancel() else s.more[1] = select(2, p:state()) end
      end,
      busy = function(s) if s.writer:is_pending() then s.writer:cancel() end end,
    },
    breaks = { "close", "reset", "busy", "read", "write" },
    check = function(s, how, ok)
      local gaps = how == "close" or how == "reset" or how == "cancel" or how == "busy"
      local rest = {}
      if not gaps then
        repeat
          local done, data = pcall(await, s.a:read(4096))
          if not done then error(data, 0) end
          rest[#rest + 1] = data
        until data == nil
      elseif ok == nil then
        return
      end
      local pieces = {}
      for _, list in ipairs { s.got, s.more, rest } do
        for _, piece in ipairs(list) do pieces[#pieces + 1] = piece end
      end
      kit.tile(whole, pieces, gaps)
    end,
    teardown = function(s)
      close(s)
      pcall(await, s.writer)
    end,
  }
end

local function in_a_loop(s)
  while true do
    local data = await(s.a:read(1000))
    if data == nil then return end
    s.got[#s.got + 1] = data
  end
end

local function directly(s)
  local a = lwt.direct(s.a)
  while true do
    local data = a:read(1000)
    if data == nil then return end
    s.got[#s.got + 1] = data
  end
end

local function by_bind(s)
  local function more()
    return s.a:read(1000):bind(function(data)
      if data == nil then return end
      s.got[#s.got + 1] = data
      return more()
    end)
  end
  await(more())
end

local function all_asked_for(s)
  local list = {}
  for i = 1, 8 do list[i] = s.a:read(500) end
  for i = 1, 8 do s.got[#s.got + 1] = await(list[i]) end
end

local function writing(name, pair, write)
  return {
    name = name,
    setup = function()
      local a, b = pair()
      local s = { a = a, b = b, got = {} }
      s.reader = lwt.spawn(function()
        while true do
          local data = await(b:read(65536))
          if data == nil then return end
          s.got[#s.got + 1] = data
        end
      end)
      return s
    end,
    run = function(s)
      write(s)
      await(s.a:shutdown())
      await(s.reader)
    end,
    disturb = {
      write = function(s) s.a:write("ABCDEFGH") end,
      close = function(s) s.a:close() end,
      reset = function(s) s.b:close() end,
      shutdown = function(s) s.a:shutdown() end,
    },
    breaks = { "close", "reset", "shutdown", "write" },
    check = function(s, _, ok)
      local text = table.concat(s.got):gsub("ABCDEFGH", "")
      if ok and text ~= whole then kit.fail("%d bytes have come, or others", #text) end
      if whole:sub(1, #text) ~= text and ok then kit.fail "other bytes have come" end
    end,
    teardown = function(s)
      close(s)
      pcall(await, s.reader)
    end,
  }
end

local function in_pieces(s)
  local list = {}
  for i = 1, #whole, 2500 do list[#list + 1] = s.a:write(whole:sub(i, i + 2499)) end
  await(lwt.join(list))
end

local function gathered(s)
  local list = {}
  for i = 1, #whole, 2500 do list[#list + 1] = whole:sub(i, i + 2499) end
  await(s.a:writev(list))
end

local function write_directly(s)
  local a = lwt.direct(s.a)
  for i = 1, #whole, 2500 do a:write(whole:sub(i, i + 2499)) end
end

return {
  reading("tcp: read", tcp_pair, in_a_loop),
  reading("tcp: read directly", tcp_pair, directly),
  reading("tcp: read by bind", tcp_pair, by_bind),
  reading("tcp: many reads at once", tcp_pair, all_asked_for),
  reading("unix: read", unix_pair, in_a_loop),
  reading("pair: read", net.socketpair, in_a_loop),
  reading("pair: read directly", net.socketpair, directly),
  writing("tcp: write", tcp_pair, in_pieces),
  writing("tcp: write gathered", tcp_pair, gathered),
  writing("tcp: write directly", tcp_pair, write_directly),
  writing("unix: write", unix_pair, in_pieces),
  {
    name = "tcp: listen, connect, accept",
    run = function(s)
      s.l = await(net.tcp_listen "127.0.0.1:0")
      s.address = s.l:address()
      local accepted = s.l:accept()
      s.a = await(net.tcp_connect(s.address))
      s.b = await(accepted)
      if s.b:getpeername() ~= s.a:getsockname() then -- a finalizer's client, which came first
        s.first, s.b = s.b, await(s.other or s.l:accept())
      end
      equal(s.a:getsockname(), s.b:getpeername())
      s.b:nodelay(true)
      await(s.a:write "hello")
      equal("hello", await(s.b:read(5)))
    end,
    disturb = {
      accept = function(s)
        if not s.l then return end
        s.other = s.l:accept()
        s.third = net.tcp_connect(s.l:address()) -- so that there is a client for everybody
      end,
      close = function(s) if s.l then s.l:close() end end,
      connect = function(s)
        if s.address then s.third = net.tcp_connect(s.address) end
      end,
      close_it = function(s) if s.a then s.a:close() end end,
    },
    breaks = { "accept", "close", "connect", "close_it" },
    teardown = function(s)
      close(s)
      if s.first then s.first:close() end
      for _, name in ipairs { "other", "third" } do
        local ok, sock = pcall(await, s[name] or lwt.rejected())
        if ok then sock:close() end
      end
    end,
  },
  {
    name = "unix: listen, connect, accept",
    run = function(s)
      local name = path()
      s.l = await(net.pipe_listen(name))
      local accepted = s.l:accept()
      s.a = await(net.pipe_connect(name))
      s.b = await(accepted)
      await(s.a:write "hello")
      equal("hello", await(s.b:read(5)))
    end,
    disturb = {
      close = function(s) if s.l then s.l:close() end end,
      close_it = function(s) if s.a then s.a:close() end end,
    },
    breaks = { "close", "close_it" },
    teardown = close,
  },
  {
    name = "udp: send and receive",
    loses = true,
    setup = function() return { a = net.udp "127.0.0.1:0", b = net.udp "127.0.0.1:0", got = {} } end,
    run = function(s)
      local to = s.a:getsockname()
      local early = s.a:recv()
      for i = 1, 6 do await(s.b:send("datagram" .. i, to)) end
      s.got[1] = await(early)
      for _ = 2, 6 do
        local data, from = await(s.a:recv())
        equal(s.b:getsockname(), from)
        s.got[#s.got + 1] = data
      end
    end,
    disturb = {
      recv = function(s)
        s.b:send("extra", s.a:getsockname())
        return s.a:recv():map(function(data) return data end)
      end,
      close = function(s) s.a:close() end,
      send = function(s) s.b:send("extra", s.a:getsockname()) end,
      give_up = function(s)
        local p = s.a:recv()
        if p:is_pending() then
          p:cancel()
        else
          s.more[1] = select(2, p:state())
          s.b:send("extra", s.a:getsockname())
        end
      end,
    },
    breaks = { "close", "give_up" },
    check = function(s, _, ok)
      if not ok then return end
      local seen = {}
      for _, list in ipairs { s.got, s.more } do
        for _, data in ipairs(list) do
          if data ~= "extra" and not data:find "^datagram%d$" then kit.fail("%q was never sent", data) end
          if seen[data] then kit.fail("%s came twice", data) end
          seen[data] = true
        end
      end
    end,
    teardown = close,
  },
  {
    name = "dns: names and addresses",
    run = function()
      equal(80, await(net.getaddrinfo("127.0.0.1", "80"))[1].port)
      local list = await(net.getaddrinfo("localhost", 80))
      if #list == 0 then kit.fail "localhost has no address" end
      net.parse_address "127.0.0.1:80"
      net.interfaces()
      await(net.getnameinfo { host = "127.0.0.1", port = 80 })
    end,
    disturb = {
      ask = function() return net.getaddrinfo("127.0.0.1", "81") end,
      limit = function()
        net.dns_limit(1)
        net.dns_limit(2)
      end,
    },
  },
  {
    name = "poll: readiness",
    setup = function()
      local a, b = net.socketpair()
      return { a = a, b = b }
    end,
    run = function(s)
      local ready = net.wait_readable(s.a:fileno())
      local again = net.wait_readable(s.a:fileno())
      await(net.wait_writable(s.b:fileno()))
      await(s.b:write "x")
      await(ready)
      await(again)
    end,
    disturb = {
      wait = function(s) return net.wait_writable(s.b:fileno()) end,
      give_up = function(s) net.wait_readable(s.a:fileno()):cancel() end,
    },
    teardown = close,
  },
}
