-- Peers that do what they should not: garbage, half a handshake, half a record, silence; and our own
-- program, which cancels, forgets, and ends at any moment.

local lwt = require "lwt"
local net = require "lwt.net"
local ssl = require "lwt.ssl"
local test = require "lwt.test"
local core = require "spec.support.core"
local shell = require "spec.support.shell"
local await = lwt.await

describe("lwt.ssl", function()
  local ca, id, server, client

  setup(function()
    ca = require "spec.support.ca".make()
    id = ca:issue { name = "server", san = "DNS:localhost" }
    server = ssl.context { role = "server", cert = id.cert, key = id.key }
    client = ssl.context { ca = ca.pem }
  end)
  teardown(function() ca:remove() end)

  local function connect(sock, opts)
    opts = opts or {}
    opts.context, opts.name = opts.context or client, "localhost"
    return ssl.connect(sock, opts)
  end

  local KNOWN = { SSL_EOF = true, SSL_PROTOCOL = true, SSL_ALERT = true, ECONNRESET = true, EPIPE = true,
    SSL_CERT_INVALID = true, SSL_CERT_SELF_SIGNED = true, SSL_CERT_UNKNOWN_ISSUER = true, SSL_CERT_NAME = true,
    SSL_CERT_EXPIRED = true, SSL_CERT_NOT_YET_VALID = true, SSL_CERT_WEAK = true, SSL_CERT_PURPOSE = true,
    SSL_CERT_CONSTRAINT = true }

  local function check(err)
    if rawequal(err, lwt.Closed) or rawequal(err, lwt.Canceled) then return end
    assert.is_table(err, tostring(err))
    assert.is_true(KNOWN[err.code] or false, tostring(err))
  end

  -- A proxy between two sockets: gives `n` bytes of what comes from `from` to `to` and then does `f`;
  -- `change(byte, i)` may change each.
  local function pass(from, to, n, f)
    return lwt.spawn(function()
      local left = n
      while left > 0 do
        local ok, data = pcall(await, from:read(left))
        if not ok or data == nil then break end
        left = left - #data
        pcall(await, to:write(data))
      end
      f()
    end)
  end

  local function finish(...)
    for i = 1, select("#", ...) do
      local p = select(i, ...)
      if not pcall(await, lwt.with_timeout(20, p)) then p:cancel() end
    end
  end

  -- How many bytes a handshake and ten bytes after it are, from the client and from the server.
  local function lengths(context)
    local a, m = net.socketpair()
    local o, b = net.socketpair()
    local there, back = 0, 0
    local function count(from, to, add)
      return lwt.spawn(function()
        while true do
          local ok, data = pcall(await, from:read())
          if not ok or data == nil then break end
          add(#data)
          pcall(await, to:write(data))
        end
      end)
    end
    local t1 = count(o, m, function(n) there = there + n end)
    local t2 = count(m, o, function(n) back = back + n end)
    local serving, connecting = ssl.accept(a, server), connect(b, { context = context })
    local s, c = await(serving), await(connecting)
    await(c:write("0123456789"))
    await(s:read())
    await(s:write("0123456789"))
    await(c:read())
    t1:cancel()
    t2:cancel()
    for _, x in ipairs { a, m, o, b } do x:close() end
    return there, back
  end

  -- A conversation whose bytes from one side are cut after n, both sides then closed.
  local function cut(context, n, of_client)
    local a, m = net.socketpair()
    local o, b = net.socketpair()
    local function over()
      m:close()
      o:close()
    end
    local p1 = pass(o, m, of_client and n or 1 << 30, over)
    local p2 = pass(m, o, of_client and 1 << 30 or n, over)
    local function talk(starting, first)
      local s = await(starting)
      local ok, err = pcall(function()
        if first then await(s:write("0123456789")) end
        local data = await(s:read())
        assert.equal("0123456789", data)
        if not first then await(s:write(data)) end
        await(s:read())
        error("read more than there was", 0)
      end)
      s:close()
      if not ok then error(err, 0) end
    end
    local sides = {
      lwt.spawn(talk, ssl.accept(a, server), false),
      lwt.spawn(talk, connect(b, { context = context }), true),
    }
    for _, side in ipairs(sides) do
      local ok, err = pcall(await, side)
      assert.is_false(ok)
      check(err)
    end
    finish(p1, p2)
    a:close()
    b:close()
  end

  it("survives a cut after every byte, in the handshake and in a record, on either side", function()
    for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
      local context = ssl.context { ca = ca.pem, max_version = version }
      lwt.run(function()
        local there, back = lengths(context)
        local step = os.getenv "LWT_UNDER" and 61 or os.getenv "LWT_SPEC_FULL" and 1 or 13
        for n = 0, there - 1, step do cut(context, n, true) end
        -- (A signature of the server's may be up to three bytes shorter than the one measured; a cut that never
        -- comes would be waited for for ever.)
        for n = 0, back - 4, step do cut(context, n, false) end
        test.assert_clean()
      end)
    end
  end)

  it("survives any byte changed", function()
    lwt.run(function()
      local there, back = lengths(client)
      math.randomseed(1)
      for round = 1, os.getenv "LWT_UNDER" and 10 or core.count(30, 300) do
        local a, m = net.socketpair()
        local o, b = net.socketpair()
        local of_client = round % 2 == 0
        local at = math.random(0, (of_client and there or back) - 1)
        local function spoil(from, to, target)
          return lwt.spawn(function()
            local seen = 0
            while true do
              local ok, data = pcall(await, from:read())
              if not ok or data == nil then break end
              local i = at - seen + 1
              if target and i >= 1 and i <= #data then
                data = data:sub(1, i - 1) .. string.char(data:byte(i) ~ 0x55) .. data:sub(i + 1)
              end
              seen = seen + #data
              pcall(await, to:write(data))
            end
            m:close()
            o:close()
          end)
        end
        local p1, p2 = spoil(o, m, of_client), spoil(m, o, not of_client)
        local function side(starting)
          return lwt.spawn(function()
            local ok, s = pcall(await, lwt.with_timeout(2, starting))
            if ok then
              pcall(await, s:write("0123456789"))
              local read, data = pcall(await, lwt.with_timeout(1, s:read()))
              if read and data then assert.equal("0123456789", data) end
              if not read and not rawequal(data, lwt.Timeout) then check(data) end
              pcall(await, s:close())
            elseif not rawequal(s, lwt.Timeout) then
              check(s)
            end
            a:close()
            b:close()
          end)
        end
        local sides = { side(ssl.accept(a, server)), side(connect(b)) }
        for i = 1, 2 do await(sides[i]) end
        finish(p1, p2)
      end
      test.assert_clean()
    end)
  end)

  it("refuses garbage, of every length, and records that are too long", test.async(function()
    local garbage = { "\0", "\22\3\1", ("\22"):rep(100), ("\255"):rep(20000), "\22\3\1\64\1" .. ("x"):rep(16385),
      "\128\46\1\3\1" .. ("\0"):rep(60), "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "CONNECT x:443 HTTP/1.1\r\n\r\n",
      "\21\3\3\0\2\2\40", "\20\3\3\0\1\1", "\23\3\3\0\5hello" }
    for _, text in ipairs(garbage) do
      for _, f in ipairs { function(x) return ssl.accept(x, server) end, connect } do
        local a, b = net.socketpair()
        local p = f(a)
        await(b:write(text))
        await(b:shutdown())
        local ok, err = pcall(await, p)
        assert.is_false(ok)
        check(err)
        assert.equal("handshake", err.op)
        a:close()
        b:close()
      end
    end
    -- And behind a handshake that was good.
    local a, b = net.socketpair()
    local serving, connecting = ssl.accept(a, server), connect(b)
    local s, c = await(serving), await(connecting)
    await(c:write("good"))
    await(b:write("\23\3\3\0\5wrong"))
    assert.equal("good", await(s:read()))
    local ok, err = pcall(await, s:read())
    assert.is_false(ok)
    assert.equal("SSL_PROTOCOL", err.code)
    assert.equal("read", err.op)
    ok, err = pcall(await, s:write("x"))
    assert.is_false(ok)
    assert.equal("SSL_PROTOCOL", err.code)
    s:close()
    c:close()
    test.assert_clean()
  end))

  it("takes a peer that is slow: every byte of it by itself", test.async(function()
    local a, m = net.socketpair()
    local o, b = net.socketpair()
    local function drip(from, to)
      return lwt.spawn(function()
        while true do
          local ok, data = pcall(await, from:read(1))
          if not ok or data == nil then return to:close() end
          pcall(await, to:write(data))
        end
      end)
    end
    local p1, p2 = drip(o, m), drip(m, o)
    local serving, connecting = ssl.accept(a, server), connect(b)
    local s, c = await(serving), await(connecting)
    await(c:write("slowly"))
    local got = ""
    while #got < 6 do got = got .. await(s:read()) end
    assert.equal("slowly", got)
    await(c:close())
    assert.is_nil(await(s:read()))
    await(s:close())
    finish(p1, p2)
    test.assert_clean()
  end))

  -- LWT_SPEC_FULL=1: 1,000 of them.
  it("drops clients that say nothing, however many, and holds up nobody for them", function()
    local n = os.getenv "LWT_SPEC_FULL" and 1000 or os.getenv "LWT_UNDER" and 60 or 250
    local program = shell.write(ca:path "silent.lua", ([[
      local lwt, lio, net = require "lwt", require "lwt.io", require "lwt.net"
      local await, dropped = lwt.await, 0
      lwt.run(function()
        local server = await(lio.establish_server("127.0.0.1:0", function(ch)
          await(ch:write_line((await(ch:read_line()))))
        end, {
          tls = { cert = %q, key = %q, timeout = 3 },
          on_error = function() dropped = dropped + 1 end,
        }))
        local silent = {}
        for i = 1, %d do silent[i] = await(net.tcp_connect(server:address())) end
        while server:connections() + dropped < #silent do await(lwt.sleep(0.001)) end
        for i = 1, 10 do
          local ch = await(lio.open_connection(server:address(), { tls = { ca = %q, name = "localhost" } }))
          await(ch:write_line("hello"))
          assert(await(ch:read_line()) == "hello")
          await(ch:close())
        end
        for _, sock in ipairs(silent) do
          assert(select(2, pcall(await, sock:read())) == nil)
          sock:close()
        end
        while server:connections() > 0 do await(lwt.sleep(0.001)) end
        assert(dropped == #silent)
        await(server:shutdown())
        print "all gone"
      end)]]):format(id.cert, id.key, n, ca.pem))
    local r = shell.run(("ulimit -n 4096; %s '%s'"):format(shell.lua, program))
    assert.equal("all gone\n", r.out, r.err)
  end)

  it("can be cancelled at every await of a handshake", test.async(function()
    for turns = 0, 12 do
      for which = 1, 2 do
        local a, b = net.socketpair()
        local serving, connecting = ssl.accept(a, server), connect(b)
        local given_up, other = serving, connecting
        if which == 2 then given_up, other = connecting, serving end
        for _ = 1, turns do lwt.yield() end
        given_up:cancel()
        local ok, err = pcall(await, given_up)
        if ok then err:close() else assert.equal(lwt.Canceled, err) end
        a:close()
        b:close()
        ok, err = pcall(await, other)
        if ok then err:close() end
      end
    end
    test.assert_clean()
  end))

  it("leaves nothing to the collector that it cannot take, in any phase", test.async(function()
    for turns = 0, 8 do
      do
        local a, b = net.socketpair()
        ssl.accept(a, server)
        connect(b):on_success(function(c)
          c:read()
          c:write(("x"):rep(1000))
        end)
        for _ = 1, turns do lwt.yield() end
        a:close()
        b:close()
      end
      collectgarbage()
    end
    lwt.sleep(0.01):await()
    collectgarbage()
  end))

  it("may be used by finalizers, at any moment", function()
    lwt.run(function()
      local streams = {}
      local function trap()
        setmetatable({}, { __gc = function()
          local s = streams[math.random(#streams)]
          if s then
            local what = math.random(5)
            if what == 1 then s:read(math.random(10))
            elseif what == 2 then s:write("from a finalizer")
            elseif what == 3 then s:read():cancel()
            elseif what == 4 and math.random(40) == 1 then s:close()
            elseif not s:is_closed() then s:peer_certificate() end
          end
        end })
      end
      math.randomseed(7)
      collectgarbage("generational")
      for _ = 1, os.getenv "LWT_UNDER" and 5 or core.count(10, 60) do
        local a, b = net.socketpair()
        local serving, connecting = ssl.accept(a, server), connect(b)
        local s, c = await(serving), await(connecting)
        streams[1], streams[2] = s, c
        for i = 1, 100 do
          trap()
          pcall(s.write, s, ("x"):rep(i))
          pcall(c.write, c, ("y"):rep(i))
          local p, q = s:read(), c:read(3)
          if i % 10 == 0 then collectgarbage() end
          if i % 3 == 0 then lwt.yield() end
          p:cancel()
          q:cancel()
        end
        streams[1], streams[2] = nil, nil
        pcall(await, s:close())
        pcall(await, c:close())
      end
      collectgarbage("incremental")
    end)
    collectgarbage()
  end)

  it("ends with its state, in every phase", function()
    local long = ca:issue { name = "long", san = "DNS:localhost", kind = "long" }
    local program = shell.write(ca:path "end.lua", ([[
      local lwt, net, ssl = require "lwt", require "lwt.net", require "lwt.ssl"
      local turns, how = tonumber(arg[1]), arg[2]
      local server = ssl.context { role = "server", cert = arg[3], key = arg[4] }
      local client = ssl.context { ca = %q }
      pcall(lwt.run, function()
        for i = 1, 3 do
          local a, b = net.socketpair()
          ssl.accept(a, server):on_success(function(s) s:read() s:write(("x"):rep(1000000)) end)
          ssl.connect(b, { context = client, name = "localhost" }):on_success(function(c)
            c:write("x") c:read()
          end)
        end
        for _ = 1, turns do lwt.yield() end
        if how == "exit" then os.exit(0, true) end
        error "over"
      end)]]):format(ca.pem))
    -- Each way at some moment; with LWT_SPEC_FULL=1 each way at every moment.
    local which, full = 0, os.getenv "LWT_SPEC_FULL"
    for turns = 0, 10, os.getenv "LWT_UNDER" and 3 or 1 do
      for _, how in ipairs { "exit", "error" } do
        for _, identity in ipairs { id, long } do
          which = which + 1
          if full or which % 5 == 1 then
            local r = shell.run(("%s '%s' %d %s '%s' '%s'"):format(shell.lua, program, turns, how, identity.cert,
              identity.key))
            assert.equal(0, r.code, r.err)
            assert.equal("", r.err)
          end
        end
      end
    end
  end)
end)
