-- Operations of lwt.ssl for finalizer.lua. LWT_CERTIFICATES is a folder as in oom_ssl.lua.
local kit = require "spec.support.finalizer"
local lwt = require "lwt"
local net = require "lwt.net"
local ssl = require "lwt.ssl"
local await = lwt.await

local whole = kit.text(20000)
local dir = os.getenv "LWT_CERTIFICATES"
local server = ssl.context { role = "server", cert = dir .. "/server.pem", key = dir .. "/server.key" }
local client = ssl.context { ca = dir .. "/ca.pem" }

local function begin(a, b)
  return ssl.accept(a, server), ssl.connect(b, { context = client, name = "localhost" })
end

local function pair()
  local a, b = net.socketpair()
  local serving, connecting = begin(a, b)
  local c = await(connecting)
  return await(serving), c
end

local function close(s)
  for _, name in ipairs { "a", "b" } do
    if s[name] then pcall(await, s[name]:close()) end
  end
end

local disturb = {
  read = function(s) return s.a:read(700) end,
  close = function(s) s.a:close() end,
  reset = function(s) s.b:close() end,
  write = function(s) s.a:write "x" end,
  give_up = function(s)
    local p = s.a:read(100)
    if p:is_pending() then p:cancel() else s.more[1] = select(2, p:state()) end
  end,
  shutdown = function(s) s.a:shutdown() end,
}

local function reading(name, read)
  return {
    name = name,
    setup = function()
      local a, b = pair()
      local s = { a = a, b = b, got = {} }
      s.writer = b:write(whole):bind(function() return b:shutdown() end)
      return s
    end,
    run = read,
    disturb = disturb,
    breaks = { "close", "reset", "read", "give_up" },
    check = function(s, how)
      local gaps = how == "close" or how == "reset" or how == "cancel"
      local rest = {}
      if not gaps then
        repeat
          local data = await(s.a:read(4096))
          rest[#rest + 1] = data
        until data == nil
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

return {
  reading("tls: read", function(s)
    while true do
      local data = await(s.a:read(3000))
      if data == nil then return end
      s.got[#s.got + 1] = data
    end
  end),
  reading("tls: read, two at a time", function(s)
    while true do
      local p, q = s.a:read(1500), s.a:read(90)
      local first = await(p)
      s.got[#s.got + 1] = first
      local second = await(q)
      s.got[#s.got + 1] = second
      if not first or not second then return end
    end
  end),
  {
    name = "tls: read that waits",
    setup = function()
      local a, b = pair()
      return { a = a, b = b }
    end,
    run = function(s)
      local p = s.a:read()
      await(s.b:write "here it is")
      return await(p)
    end,
    disturb = { close = disturb.close, reset = disturb.reset, write = disturb.write, shutdown = disturb.shutdown },
    breaks = { "close", "reset" },
    check = function(_, how, ok, data)
      if ok and how ~= "reset" then kit.equal("here it is", data) end
    end,
    teardown = close,
  },
  {
    name = "tls: read of a task that waits, and another's",
    setup = function()
      local a, b = pair()
      return { a = a, b = b }
    end,
    run = function(s)
      local view = lwt.direct(s.a)
      local task = lwt.spawn(function() return view:read(4) end)
      await(lwt.pause())
      local p = s.a:read(4)
      await(s.b:write "herethis")
      return await(lwt.both(task, p))
    end,
    disturb = { close = disturb.close, reset = disturb.reset, write = disturb.write, shutdown = disturb.shutdown },
    breaks = { "close", "reset" },
    check = function(_, how, ok, first, second)
      if ok and how ~= "reset" then kit.equal("here this", first .. " " .. second) end
    end,
    teardown = close,
  },
  {
    name = "tls: write",
    setup = function()
      local a, b = pair()
      local s = { a = a, b = b, got = {} }
      s.reader = lwt.spawn(function()
        while true do
          local data = await(b:read())
          if data == nil then return end
          s.got[#s.got + 1] = data
        end
      end)
      return s
    end,
    run = function(s)
      for i = 1, #whole, 6000 do await(s.a:write(whole:sub(i, i + 5999))) end
      await(s.a:shutdown())
    end,
    disturb = { close = disturb.close, reset = disturb.reset, shutdown = disturb.shutdown, give_up = disturb.give_up },
    breaks = { "close", "reset", "shutdown" },
    check = function(s, how, ok)
      if not ok or how == "cancel" or how == "close" or how == "reset" or how == "shutdown" then return end
      await(s.reader)
      kit.equal(whole, table.concat(s.got))
    end,
    teardown = function(s)
      close(s)
      pcall(await, s.reader)
    end,
  },
  {
    name = "tls: what is told of a connection",
    setup = function()
      local a, b = pair()
      return { a = b, b = a }
    end,
    run = function(s)
      return s.a:peer_certificate().cn .. s.a:export_keying_material("EXPORTER-x", 20):sub(1, 0)
        .. tostring(s.a:verify_result()) .. s.a:version() .. tostring(s.a:session() and "")
    end,
    disturb = { close = disturb.close, reset = disturb.reset, write = disturb.write, shutdown = disturb.shutdown },
    breaks = { "close" },
    check = function(_, how, ok, text)
      if ok then return kit.equal("servertrueTLSv1.3nil", text) end
      assert(how == "close" and tostring(text):find("on a closed TLS stream", 1, true), text)
    end,
    teardown = close,
  },
  {
    name = "tls: close",
    setup = function()
      local a, b = pair()
      return { a = a, b = b, waiting = a:read(10) }
    end,
    run = function(s) await(s.a:close()) end,
    disturb = disturb,
    breaks = { "close", "reset", "read", "give_up", "write", "shutdown" },
    check = function(s)
      assert(s.a:is_closed(), "it is open")
      assert(not s.waiting:is_pending(), "a read waits for ever")
    end,
    teardown = close,
  },
  {
    name = "tls: handshake",
    setup = function()
      local a, b = net.socketpair()
      return { x = a, y = b }
    end,
    run = function(s)
      s.p, s.q = begin(s.x, s.y)
      s.b = await(s.q)
      s.a = await(s.p)
      await(s.b:write "hello")
      return await(s.a:read())
    end,
    disturb = {
      close = function(s) s.x:close() end,
      reset = function(s) s.y:close() end,
      give_up = function(s)
        if not s.p then return end
        s.p:on_failure(function() s.x:close() end) -- or the other end waits for ever
        s.p:cancel()
      end,
    },
    breaks = { "close", "reset", "give_up" },
    check = function(_, _, ok, data)
      if ok then kit.equal("hello", data) end
    end,
    teardown = function(s)
      s.x:close() -- first: one end may wait for the other, which was cancelled
      s.y:close()
      for _, p in ipairs { s.p or false, s.q or false } do
        local ok, stream = pcall(await, p)
        if ok and stream then pcall(await, stream:close()) end
      end
    end,
  },
}
