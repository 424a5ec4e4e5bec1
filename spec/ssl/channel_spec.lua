-- Channels over TLS: open_connection and establish_server with `tls`, set_tls, upgrade.

local lwt = require "lwt"
local lio = require "lwt.io"
local net = require "lwt.net"
local ssl = require "lwt.ssl"
local test = require "lwt.test"
local eventually = require "spec.support.eventually"
local await = lwt.await

describe("lwt.io over TLS", function()
  local ca, id

  setup(function()
    ca = require "spec.support.ca".make()
    id = ca:issue { name = "server", san = "DNS:localhost,IP:127.0.0.1" }
  end)
  teardown(function() ca:remove() end)

  local function serve(f, opts)
    opts = opts or {}
    opts.tls = opts.tls or { cert = id.cert, key = id.key }
    opts.tls.timeout = opts.tls.timeout or 120 -- a handshake under valgrind may take long
    return await(lio.establish_server("127.0.0.1:0", f, opts))
  end

  local function connect(server, tls, opts)
    opts = opts or {}
    opts.tls = tls or { ca = ca.pem, timeout = 120 }
    return lio.open_connection(server:address(), opts)
  end

  local function failure(p)
    local ok, err = pcall(await, p)
    assert.is_false(ok)
    return err
  end

  local function shout(ch)
    for line in ch:lines() do await(ch:write_line(line:upper())) end
    await(ch:write_line("bye"))
  end

  it("is a channel as any other", test.async(function()
    local server = serve(shout)
    local ch = await(connect(server))
    await(ch:write_line("hello"))
    assert.equal("HELLO", await(ch:read_line()))
    local big = ("x"):rep(300000)
    local writing = ch:write_line(big)
    assert.equal(big:upper(), await(ch:read_line()))
    await(writing)
    assert.equal("TLSv1.3", ch:tls():version())
    assert.equal("server", ch:tls():peer_certificate().cn)
    await(ch:close("write"))
    assert.equal("bye", await(ch:read_line()))
    assert.is_nil(await(ch:read_line()))
    await(ch:close())
    await(server:shutdown())
    test.assert_clean()
  end))

  it("verifies the server by the host that it connects to", test.async(function()
    local server = serve(shout)
    assert.equal("SSL_CERT_UNKNOWN_ISSUER", failure(connect(server, true)).code)
    assert.equal("SSL_CERT_NAME", failure(connect(server, { ca = ca.pem, name = "example.org" })).code)
    local port = server:address():match ":(%d+)$"
    local ch = await(lio.open_connection("localhost:" .. port, { tls = { ca = ca.pem } }))
    await(ch:close())
    ch = await(connect(server, { verify = false }))
    assert.is_false((ch:tls():verify_result()))
    await(ch:close())
    ch = await(connect(server, ssl.context { ca = ca.pem }))
    await(ch:close())
    await(server:shutdown())
    test.assert_clean()
  end))

  it("says what is wrong with the option, at the caller's line", function()
    local function complains(words, f)
      local ok, err = pcall(f)
      assert.is_false(ok)
      assert.truthy(tostring(err):find(words, 1, true), tostring(err))
      assert.truthy(tostring(err):find("^spec/ssl/channel_spec.lua:"), tostring(err))
    end
    complains("bad argument #2 to 'open_connection' (option 'tls': true, a table or a context expected, got number)",
      function() return (lio.open_connection("localhost:1", { tls = 1 })) end)
    complains("(option 'tls': unknown option 'x')", function()
      return (lio.open_connection("localhost:1", { tls = { x = 1 } }))
    end)
    complains("option 'name' is missing", function()
      return (lio.open_connection("unix:" .. ca:path "s", { tls = { ca = ca.pem } }))
    end)
    complains("bad argument #3 to 'establish_server' (option 'tls': a server needs a certificate", function()
      return (lio.establish_server("127.0.0.1:0", shout, { tls = true }))
    end)
    complains("of a context, and one is given", function()
      local context = ssl.context { ca = ca.pem }
      return (lio.open_connection("localhost:1", { tls = { context = context, ca = ca.pem } }))
    end)
    local ok, err = pcall(lio.establish_server, "127.0.0.1:0", shout, { tls = { cert = "/nowhere" } })
    assert.is_false(ok)
    assert.equal("ENOENT", err.code)
  end)

  it("closes the connection that it has made when the handshake fails or is cancelled", test.async(function()
    local listener = await(net.tcp_listen("127.0.0.1:0"))
    local connecting = lio.open_connection(listener:address(), { tls = { ca = ca.pem } })
    local sock = await(listener:accept())
    assert.equal("\22", (await(sock:read(1))))
    connecting:cancel()
    assert.equal(lwt.Canceled, failure(connecting))
    while true do
      local ok, data = pcall(await, sock:read())
      if not ok or data == nil then break end
    end
    sock:close()
    connecting = lio.open_connection(listener:address(), { tls = { ca = ca.pem } })
    sock = await(listener:accept())
    await(sock:write("220 this is no TLS\r\n"))
    assert.equal("SSL_PROTOCOL", failure(connecting).code)
    sock:close()
    connecting = lio.open_connection(listener:address(), { tls = { ca = ca.pem, timeout = 0.01 } })
    sock = await(listener:accept())
    assert.equal(lwt.Timeout, failure(connecting))
    sock:close()
    await(listener:close())
    test.assert_clean()
  end))

  it("gives a failed handshake to on_error and to nobody else", test.async(function()
    local told = {}
    local server = serve(shout, { on_error = function(err, address) told[#told + 1] = { err, address } end })
    local sock = await(net.tcp_connect(server:address()))
    await(sock:write("GET / HTTP/1.0\r\n\r\n"))
    eventually(function() return told[1] end)
    assert.equal("SSL_PROTOCOL", told[1][1].code)
    assert.truthy(tostring(told[1][1]):find("HTTP request", 1, true))
    assert.equal(sock:getsockname(), told[1][2])
    sock:close()
    sock = await(net.tcp_connect(server:address()))
    await(sock:close())
    eventually(function() return told[2] end)
    assert.equal("SSL_EOF", told[2][1].code)
    eventually(function() return server:connections() == 0 end)
    await(server:shutdown())
    test.assert_clean()
  end))

  it("shuts down with clients in every state", test.async(function()
    local server = serve(shout)
    local silent = await(net.tcp_connect(server:address()))
    local ch = await(connect(server))
    await(ch:write_line("x"))
    await(ch:read_line())
    await(server:shutdown(0.01))
    assert.is_nil((select(2, pcall(await, silent:read()))))
    pcall(await, ch:read())
    pcall(await, ch:close())
    silent:close()
    test.assert_clean()
  end))

  it("gets other certificates while it runs, and keeps the old ones when they are not good",
    test.async(function()
      local server = serve(shout)
      local before = await(connect(server))
      local second = ca:issue { name = "second", san = "IP:127.0.0.1" }
      server:set_tls { cert = second.cert, key = second.key }
      local ok, err = pcall(server.set_tls, server, { cert = second.cert, key = id.key })
      assert.is_false(ok)
      assert.equal("SSL_KEY_MISMATCH", err.code)
      local after = await(connect(server))
      assert.equal("second", after:tls():peer_certificate().cn)
      await(before:write_line("still"))
      assert.equal("STILL", await(before:read_line()))
      await(before:close())
      await(after:close())
      await(server:shutdown())
      local plain = await(lio.establish_server("127.0.0.1:0", shout))
      assert.has_error(function() plain:set_tls { cert = second.cert, key = second.key } end)
      await(plain:shutdown())
    end))

  -- Mail, as far as it goes: STARTTLS after a greeting.
  local function mail(ch)
    await(ch:write_line("220 ready"))
    for line in ch:lines() do
      if line == "STARTTLS" then
        await(ch:write_line("220 go ahead"))
        await(ch:flush())
        if not pcall(await, ch:upgrade { server = true, cert = id.cert, key = id.key }) then break end
      elseif line == "QUIT" then
        break
      else
        await(ch:write_line((ch:tls() and "secret " or "clear ") .. line))
      end
    end
  end

  local function mail_client(server)
    local ch = await(lio.open_connection(server:address()))
    assert.equal("220 ready", await(ch:read_line()))
    await(ch:write_line("a"))
    assert.equal("clear a", await(ch:read_line()))
    await(ch:write_line("STARTTLS"))
    assert.equal("220 go ahead", await(ch:read_line()))
    return ch
  end

  it("goes on over TLS on the same channel", test.async(function()
    local server = await(lio.establish_server("127.0.0.1:0", mail))
    local ch = mail_client(server)
    local upgraded = ch:upgrade { ca = ca.pem, name = "localhost" }
    local write = ch:write_line("b") -- waits for the handshake
    assert.equal(ch, await(upgraded))
    await(write)
    assert.equal("secret b", await(ch:read_line()))
    await(ch:write_line("QUIT"))
    assert.is_nil(await(ch:read_line()))
    await(ch:close())
    await(server:shutdown())
    test.assert_clean()
  end))

  it("takes what was read ahead for TLS: plaintext that was slipped in makes the handshake fail",
    test.async(function()
      local server = await(lio.establish_server("127.0.0.1:0", mail))
      local ch = await(lio.open_connection(server:address()))
      await(ch:read_line())
      -- All at once, as an attacker in the middle would.
      await(ch:write("STARTTLS\nRCPT TO:<victim>\n"))
      assert.equal("220 go ahead", await(ch:read_line()))
      local err = failure(ch:upgrade { ca = ca.pem, name = "localhost" })
      assert.is_table(err)
      ch:abort()
      await(server:shutdown())
      -- And what a client was sent ahead of time.
      local a, b = net.socketpair()
      local mine = require "lwt.uv".io.of_port(a, 3)
      await(b:write("220 go ahead\n250 all is well\n"))
      assert.equal("220 go ahead", await(mine:read_line()))
      assert.equal("SSL_PROTOCOL", failure(mine:upgrade { ca = ca.pem, name = "localhost" }).code)
      -- It is what it was: open, and in clear.
      assert.is_nil(mine:tls())
      assert.is_false(mine:is_closed())
      await(b:write("x\n"))
      mine:abort()
      b:close()
      test.assert_clean()
    end))

  it("leaves nothing to write in the channel when the other end has gone", test.async(function()
    local function hung_up(begin)
      local a, b = net.socketpair()
      local ch = require "lwt.uv".io.of_port(a, 3)
      lwt.async(function()
        await(b:read()) -- the client says hello
        await(b:close())
      end)
      assert.equal("SSL_EOF", failure(begin(ch)).code)
      for _ = 1, 10 do lwt.yield() end
      await(ch:close())
    end
    hung_up(function(ch) return ch:upgrade { ca = ca.pem, name = "localhost" } end)
    hung_up(function(ch) return ssl.connect(ch, { ca = ca.pem, name = "localhost" }) end)
    test.assert_clean()
  end))

  it("does not end well for the other side when something that was written is thrown away", test.async(function()
    local server = serve(function(ch)
      local how = await(ch:read_line())
      await(ch:write("first\n"))
      await(ch:flush())
      if how == "whole" then
        await(ch:abort())
      elseif how == "buffered" then
        ch:write("second\n")
        await(ch:abort())
      elseif how == "made to wait" then
        for _ = 1, 50 do ch:write(("x"):rep(1000000)) end
        lwt.yield()
        await(ch:abort())
      elseif how == "in line" then
        ch:atomic(function() await(lwt.task()) end)
        ch:write("second\n")
        await(ch:abort())
      end
    end)
    for how, whole in pairs { whole = true, buffered = false, ["made to wait"] = false, ["in line"] = false } do
      local ch <close> = await(connect(server))
      await(ch:write_line(how))
      assert.equal("first", await(ch:read_line()))
      local ok, err = pcall(await, ch:read())
      assert.equal(whole, ok, how)
      if not ok then assert.truthy(err.code == "SSL_EOF" or err.code == "ECONNRESET", tostring(err)) end
    end
    await(server:shutdown())
    -- A stream with a write that has to wait.
    local a, b = net.socketpair()
    local accepting = ssl.accept(a, { cert = id.cert, key = id.key })
    local client = await(ssl.connect(b, { ca = ca.pem, name = "localhost" }))
    local served = await(accepting)
    local big = served:write(("x"):rep(50000000))
    assert.is_string(await(client:read()))
    local ended = served:close()
    assert.equal(lwt.Closed, failure(big))
    local ok, err
    repeat ok, err = pcall(await, client:read()) until not ok or err == nil
    assert.is_false(ok)
    assert.truthy(err.code == "SSL_EOF" or err.code == "ECONNRESET", tostring(err))
    await(ended)
    await(client:close())
    test.assert_clean()
  end))

  it("is cut at once when the channel is aborted in the middle of the handshake", test.async(function()
    for turns = 0, 4 do
      local listener = await(net.tcp_listen("127.0.0.1:0"))
      local accepted = listener:accept()
      local ch = await(lio.open_connection(listener:address()))
      local peer <close> = await(accepted)
      local upgrading = ch:upgrade { ca = ca.pem, name = "localhost", timeout = 1e6 }
      for _ = 1, turns do lwt.yield() end
      await(ch:abort())
      assert.equal(lwt.Closed, failure(upgrading))
      repeat until not await(peer:read(4096)) -- (what there was of a handshake, and the end)
      listener:close()
    end
  end))

  local function goes_on_in_clear(ch, b)
    await(b:write("in clear\n"))
    assert.equal("in clear", await(ch:read_line()))
    await(ch:close())
    b:close()
    test.assert_clean()
  end

  it("leaves the channel as it was when the handshake is cancelled", test.async(function()
    local a, b = net.socketpair()
    local ch = require "lwt.uv".io.of_port(a, 3)
    local p = ch:upgrade { ca = ca.pem, name = "localhost" }
    assert.equal("\22", (await(b:read(1))))
    p:cancel()
    assert.equal(lwt.Canceled, failure(p))
    goes_on_in_clear(ch, b)
  end))

  -- Two channels, of which one begins TLS as a server whose function `sni` is `choose`, and the other as a client.
  local function upgraded_with(choose, timeout)
    local a, b = net.socketpair()
    local of_port = require "lwt.uv".io.of_port
    local server, client = of_port(a, 3), of_port(b, 3)
    return server:upgrade { server = true, cert = id.cert, key = id.key, sni = choose, timeout = timeout },
      client:upgrade { ca = ca.pem, name = "localhost" }, server, client
  end

  it("tells the peer why before the channel is in clear again, and lets it alone then", test.async(function()
    for how, timeout in pairs { cancel = 1000, timeout = 0.1, heedless = 0.1 } do
      local asked, ask = lwt.wait()
      local serving, connecting, server, client = upgraded_with(function()
        ask:wakeup()
        if how == "heedless" then return lwt.sleep(0.3):no_cancel() end
        return lwt.sleep(1000)
      end, timeout)
      await(asked)
      if how == "cancel" then serving:cancel() end
      assert.equal(how == "cancel" and lwt.Canceled or lwt.Timeout, failure(serving))
      assert.equal(80, failure(connecting).alert)
      await(client:write_line "in clear")
      assert.equal("in clear", await(server:read_line()))
      await(lwt.both(server:close(), client:close()))
    end
    test.assert_clean()
  end))

  it("fails in time also where the function 'sni' does not heed that it is cancelled, and has no effect later",
    test.async(function()
      local chosen, choose = lwt.wait()
      local serving, connecting, server, client = upgraded_with(function() return chosen:no_cancel() end, 0.1)
      assert.equal(lwt.Timeout, failure(serving))
      assert.is_true(connecting:is_pending())
      choose:wakeup()
      lwt.pause():await()
      connecting:cancel()
      assert.equal(lwt.Canceled, failure(connecting))
      await(server:write_line "in clear")
      assert.equal("in clear", await(client:read_line()))
      await(lwt.both(server:close(), client:close()))
      test.assert_clean()
    end))

  it("leaves the channel as it was when the handshake cannot begin", test.async(function()
    local handshake = require "lwt.ssl.handshake"
    local start = handshake.start
    handshake.start = function() error("not enough memory", 0) end
    local a, b = net.socketpair()
    local ch = require "lwt.uv".io.of_port(a, 3)
    local err = failure(ch:upgrade { ca = ca.pem, name = "localhost" })
    handshake.start = start
    assert.equal("not enough memory", err)
    goes_on_in_clear(ch, b)
  end))

  it("refuses to upgrade what cannot be", function()
    local r = lio.pipe()
    assert.has_error(function() return (r:upgrade { name = "x", ca = ca.pem }) end)
    local ok, err = pcall(function() return (r:upgrade { ca = ca.pem }) end)
    assert.is_false(ok)
    assert.truthy(err:find("bad argument #1 to 'upgrade' (option 'name' is missing", 1, true) or
      err:find("bad argument #2 to 'upgrade' (option 'name' is missing", 1, true), err)
    assert.has_error(function() return (lio.upgrade({}, {})) end)
    for _, bad in ipairs { false, 5, "x" } do
      ok, err = pcall(function() return (r:upgrade(bad or nil)) end)
      assert.is_false(ok)
      assert.truthy(err:find("^spec/ssl/channel_spec.lua:%d+: bad argument #1 to 'upgrade' %(table expected"), err)
    end
    r:abort()
  end)
end)
