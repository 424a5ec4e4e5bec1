-- Operations of lwt.net and lwt.bytes for finalizer.lua: single calls, on what has arrived already or is
-- yet to come. (What two ends say to each other: finalizer_net_talks.lua.)
local kit = require "spec.support.finalizer"
local lwt = require "lwt"
local bytes = require "lwt.bytes"
local net = require "lwt.net"
local await, equal, tcp_pair = lwt.await, kit.equal, kit.tcp_pair

local WHOLE = "0123456789abcdefghijklmnopqrstuvwxyz"

local function close(s)
  for _, x in ipairs(s.open) do x:close() end
end

-- A socket at which WHOLE has arrived; with `kept`, all but its first byte is held.
local function at_hand()
  local a, b = tcp_pair()
  await(b:write(WHOLE))
  await(b:shutdown())
  local first = await(a:read(1))
  return { a = a, first = first, open = { a, b } }
end

-- One whose bytes are yet to come.
local function coming()
  local a, b = tcp_pair()
  return { a = a, first = "", open = { a, b }, b = b }
end

local reading = {
  read = function(s) return s.a:read(5) end,
  read_all = function(s) return s.a:read() end,
  close = function(s) s.a:close() end,
  give_up = function(s) if s.p then s.p:cancel() end end,
  direct = function(s)
    return lwt.spawn(function() return lwt.direct(s.a):read(5) end)
  end,
}

-- What was got, whatever was asked for besides, and what is left: all of it, once.
local function whole(s, name, ok, got)
  if name == "close" then return end
  local all = { s.first }
  if ok then
    all[#all + 1] = got
  elseif s.p then -- given, to a task that was cancelled then
    local state, x = s.p:state()
    all[#all + 1] = state == "fulfilled" and x or nil
  end
  if s.more[1] then all[#all + 1] = s.more[1] end
  if s.also then
    local fine, x = pcall(await, s.also)
    if fine and x then all[#all + 1] = x end
  end
  while true do
    local rest = await(lwt.with_timeout(5, s.a:read()))
    if rest == nil then break end
    all[#all + 1] = rest
  end
  kit.tile(WHOLE, all)
end

local function datagrams(waiting)
  local a, b = net.udp "127.0.0.1:0", net.udp "127.0.0.1:0"
  local s = { a = a, b = b, open = { a, b } }
  if not waiting then
    local first = b:recv()
    for i = 0, 3 do await(a:send(("%d"):format(i):rep(2000), b:getsockname())) end
    await(first)
    lwt.yield()
  end
  return s
end

local function message(s) return s == nil and nil or s:sub(1, 1):rep(2000) == s and s:sub(1, 1) end

return {
  {
    name = "tcp: read at once",
    setup = at_hand,
    run = function(s)
      s.p = s.a:read(7)
      return await(s.p)
    end,
    disturb = reading,
    breaks = { "close", "give_up" },
    check = whole,
    teardown = close,
  },
  {
    name = "tcp: read at once, direct",
    setup = at_hand,
    run = function(s) return lwt.direct(s.a):read(7) end,
    disturb = reading,
    breaks = { "close" },
    check = whole,
    teardown = close,
  },
  {
    name = "tcp: read",
    setup = coming,
    run = function(s)
      s.p = s.a:read(7)
      s.also = s.a:read(3)
      lwt.no_cancel(s.b:write(WHOLE))
      s.b:shutdown()
      return await(s.p)
    end,
    disturb = reading,
    breaks = { "close", "give_up" },
    check = whole,
    teardown = close,
  },
  {
    name = "tcp: read, direct",
    setup = coming,
    run = function(s)
      s.b:write(WHOLE)
      s.b:shutdown()
      return lwt.direct(s.a):read(7)
    end,
    disturb = reading,
    breaks = { "close" },
    check = whole,
    teardown = close,
  },
  {
    name = "tcp: write more than fits",
    setup = function()
      local a, b = net.socketpair()
      return { a = a, b = b, open = { a, b } }
    end,
    run = function(s)
      local written = lwt.no_cancel(s.a:write { ("x"):rep(1 << 18), "END" })
      local got, n = {}, 0
      local function read()
        return s.b:read():bind(function(piece)
          if piece == nil then return end
          got[#got + 1] = piece
          n = n + #piece
          return n < (1 << 18) + 3 and read() or nil
        end)
      end
      local all = lwt.no_cancel(read())
      await(lwt.choose { written, all })
      await(all)
      await(written)
      return table.concat(got)
    end,
    disturb = {
      write = function(s) return s.a:write "later" end,
      close = function(s) s.a:close() end,
    },
    breaks = { "close" },
    check = function(_, _, ok, got)
      if not ok then return end
      local at = got:find("END", 1, true)
      -- What a finalizer wrote comes before all of it, or after.
      local before = got:sub(1, 5) == "later" and 5 or 0
      equal(before + (1 << 18) + 1, at)
    end,
    teardown = close,
  },
  {
    name = "tcp: accept",
    setup = function()
      local l = await(net.tcp_listen "127.0.0.1:0")
      local s = { l = l, open = { l } }
      for i = 1, 2 do
        s[i] = await(net.tcp_connect(l:address()))
        s.open[#s.open + 1] = s[i]
        await(s[i]:write(tostring(i)))
      end
      return s
    end,
    run = function(s)
      s.p = s.l:accept()
      return await(s.p)
    end,
    disturb = {
      accept = function(s) return s.l:accept() end,
      close = function(s) s.l:close() end,
      give_up = function(s) if s.p then s.p:cancel() end end,
    },
    breaks = { "close", "give_up" },
    check = function(s, name, ok, peer)
      if name == "close" then
        if ok then peer:close() end
        return
      end
      local seen = {}
      local function look(x)
        local who = await(lwt.with_timeout(5, x:read()))
        if seen[who] then kit.fail("client %s was given twice", who) end
        seen[who] = true
        x:close()
      end
      if ok and peer then look(peer) end
      if s.more[1] then look(s.more[1]) end
      while not (seen["1"] and seen["2"]) do look(await(lwt.with_timeout(5, s.l:accept()))) end
    end,
    teardown = close,
  },
  {
    name = "tcp: connect and close",
    setup = function()
      local l = await(net.tcp_listen "127.0.0.1:0")
      return { l = l, open = { l } }
    end,
    run = function(s)
      local sock = await(net.tcp_connect(s.l:address()))
      local p = sock:read()
      sock:close()
      local ok, err = pcall(await, p)
      equal(false, ok)
      return rawequal(err, lwt.Closed)
    end,
    disturb = {
      connect = function(s)
        return net.tcp_connect(s.l:address()):map(function(x) x:close() end)
      end,
    },
    teardown = close,
  },
  {
    name = "udp: receive what is held",
    setup = datagrams,
    run = function(s) return (await(s.b:recv())) end,
    disturb = {
      recv = function(s) return s.b:recv() end,
      close = function(s) s.b:close() end,
    },
    breaks = { "close" },
    check = function(s, name, ok, got)
      if name == "close" then return end
      local seen = {}
      local function look(x)
        local m = message(x)
        if not m or seen[m] then kit.fail("a datagram came changed, or twice") end
        seen[m] = true
      end
      if ok then look(got) end
      if s.more[1] then look(s.more[1]) end
      while not (seen["1"] and seen["2"] and seen["3"]) do
        look((await(lwt.with_timeout(5, s.b:recv()))))
      end
    end,
    teardown = close,
  },
  {
    name = "udp: receive",
    setup = function() return datagrams(true) end,
    run = function(s)
      s.p = s.b:recv()
      local sent = s.a:send(("1"):rep(2000), s.b:getsockname())
      await(lwt.all { s.p, sent })
      return (await(s.p))
    end,
    disturb = {
      recv = function(s)
        local p = s.b:recv()
        p:cancel()
        return p
      end,
      close = function(s) s.b:close() end,
      give_up = function(s) if s.p then s.p:cancel() end end,
    },
    breaks = { "close", "give_up" },
    check = function(_, _, ok, got) if ok then equal("1", message(got)) end end,
    teardown = close,
  },
  {
    name = "poll: wait for two",
    setup = function()
      local a, b = net.socketpair()
      await(b:write "x")
      return { a = a, open = { a, b } }
    end,
    run = function(s)
      s.p = net.wait_readable(s.a:fileno())
      local q = net.wait_writable(s.a:fileno())
      await(lwt.join { s.p:map(function() end), q })
      return true
    end,
    disturb = {
      wait = function(s) return net.wait_readable(s.a:fileno()) end,
      give_up = function(s) if s.p then s.p:cancel() end end,
    },
    breaks = { "give_up" },
    check = function(_, _, ok, fine) if ok then equal(true, fine) end end,
    teardown = close,
  },
  {
    name = "bytes: make, copy and show",
    setup = function() return { b = bytes.of_string(WHOLE) } end,
    run = function(s)
      local copy = s.b:copy(1, 9)
      return s.b:to_string(0, 3) .. copy:to_string() .. s.b:sub(10, 2):to_string()
    end,
    disturb = {
      change = function(s) s.b:set(35, 33) end,
    },
    check = function(_, _, ok, got) if ok then equal("012123456789ab", got) end end,
  },
}
