-- With OpenSSL's own programs at the other end, both ways.

local lwt = require "lwt"
local lio = require "lwt.io"
local process = require "lwt.process"
local net = require "lwt.net"
local ssl = require "lwt.ssl"
local test = require "lwt.test"
local await = lwt.await

describe("lwt.ssl and the openssl command", function()
  local ca, id, rsa, mine

  setup(function()
    ca = require "spec.support.ca".make()
    id = ca:issue { name = "server", san = "DNS:localhost,IP:127.0.0.1" }
    rsa = ca:issue { name = "rsa", san = "DNS:localhost,IP:127.0.0.1", kind = "rsa" }
    mine = ca:issue { name = "client" }
  end)
  teardown(function() ca:remove() end)

  local env = {}
  for _, name in ipairs { "PATH", "HOME" } do env[name] = os.getenv(name) end

  local function openssl(...)
    return process.open({ "openssl", ... }, { stdin = "pipe", stdout = "pipe", stderr = "pipe", env = env })
  end

  local function port_of(address) return address:match ":(%d+)$" end

  -- A port that nobody has just now.
  local function free_port()
    local listener = await(net.tcp_listen("127.0.0.1:0"))
    local port = port_of(listener:address())
    await(listener:close())
    return port
  end

  -- s_server on a port, once it listens.
  local function s_server(...)
    local port = free_port()
    local p = openssl("s_server", "-accept", "127.0.0.1:" .. port, "-cert", id.cert, "-key", id.key, ...)
    for line in p.stdout:lines() do
      if line:match "^ACCEPT" then break end
    end
    return p, port
  end

  local function finish(p)
    p:kill("SIGKILL")
    pcall(await, p:status())
    pcall(await, p:close())
  end

  local function shout(ch)
    for line in ch:lines() do await(ch:write_line(line:upper())) end
  end

  it("serves s_client, in each version and with each kind of cipher", test.async(function()
    local server = await(lio.establish_server("127.0.0.1:0", shout, {
      tls = { cert = { id.cert, rsa.cert }, key = { id.key, rsa.key }, alpn = { "shout" } },
    }))
    for _, flags in ipairs {
      { "-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256" },
      { "-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256" },
      { "-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384" },
      { "-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256" },
      { "-tls1_2", "-cipher", "ECDHE-RSA-CHACHA20-POLY1305" },
      { "-tls1_3", "-groups", "P-384" },
    } do
      local p = openssl("s_client", "-connect", server:address(), "-CAfile", ca.pem, "-verify_return_error",
        "-verify_hostname", "localhost", "-alpn", "shout", "-quiet", "-no_ign_eof", table.unpack(flags))
      await(p.stdin:write("hello\n"))
      await(p.stdin:flush())
      assert.equal("HELLO", await(p.stdout:read_line()), table.concat(flags, " "))
      await(p.stdin:close())
      assert.equal("", await(p.stdout:read()))
      assert.equal(0, await(p:status()).code)
      await(p:close())
    end
    await(server:shutdown())
    test.assert_clean()
  end))

  it("asks s_client for a certificate, by SNI, and resumes its session", test.async(function()
    local names = {}
    local inner = ssl.context { role = "server", cert = rsa.cert, key = rsa.key }
    local server = await(lio.establish_server("127.0.0.1:0", function(ch)
      local cert = ch:tls():peer_certificate()
      names[#names + 1] = { ch:tls():sni(), cert and cert.cn, ch:tls():is_reused() }
      shout(ch)
    end, {
      tls = { cert = id.cert, key = id.key, ca = ca.pem, verify = "optional", sni = { inner = inner } },
    }))
    local function run(...)
      local p = openssl("s_client", "-connect", server:address(), "-CAfile", ca.pem, ...)
      await(p.stdin:write("hello\n"))
      await(p.stdin:flush())
      local text = {}
      for line in p.stdout:lines() do
        text[#text + 1] = line
        if line:match "HELLO$" then break end
      end
      lwt.sleep(0.05):await() -- for the tickets, which come with the data
      await(p.stdin:close())
      text[#text + 1] = await(p.stdout:read())
      await(p:status())
      await(p:close())
      return table.concat(text, "\n")
    end
    local text = run("-cert", mine.cert, "-key", mine.key, "-servername", "localhost",
      "-sess_out", ca:path "session")
    assert.truthy(text:find("CN = server", 1, true), text)
    assert.equal(1, select(2, text:gsub("New Session Ticket arrived", "")), text)
    run("-cert", mine.cert, "-key", mine.key, "-servername", "localhost", "-sess_in", ca:path "session")
    text = run("-servername", "inner")
    assert.truthy(text:find("CN = rsa", 1, true), text)
    await(server:shutdown())
    assert.same({ { "localhost", "client", false }, { "localhost", "client", true }, { "inner", nil, false } },
      names)
  end))

  it("is served by s_server, in each version", test.async(function()
    for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
      local p, port = s_server("-alpn", "x,shout", "-rev", version == "TLSv1.2" and "-tls1_2" or "-tls1_3")
      local ch = await(lio.open_connection("127.0.0.1:" .. port,
        { tls = { ca = ca.pem, alpn = { "shout" } } }))
      assert.equal(version, ch:tls():version())
      assert.equal("shout", ch:tls():alpn())
      for _ = 1, 3 do
        await(ch:write_line("hello"))
        assert.equal("olleh", await(ch:read_line()))
      end
      local session = ch:tls():session()
      await(ch:close())
      ch = await(lio.open_connection("127.0.0.1:" .. port, { tls = { ca = ca.pem, session = session } }))
      assert.is_true(ch:tls():is_reused())
      await(ch:write_line("again"))
      assert.equal("niaga", await(ch:read_line()))
      await(ch:close())
      finish(p)
    end
  end))

  it("shows s_server its certificate, and is refused without", test.async(function()
    local p, port = s_server("-CAfile", ca.pem, "-Verify", "1", "-verify_return_error", "-rev")
    local ch = await(lio.open_connection("127.0.0.1:" .. port,
      { tls = { ca = ca.pem, cert = mine.cert, key = mine.key } }))
    await(ch:write_line("hello"))
    assert.equal("olleh", await(ch:read_line()))
    await(ch:close())
    local ok, err = pcall(function()
      local other = await(lio.open_connection("127.0.0.1:" .. port, { tls = { ca = ca.pem } }))
      return await(other:read_line()) -- TLS 1.3: told with the first read
    end)
    assert.is_false(ok)
    assert.equal("SSL_ALERT", err.code)
    assert.equal(116, err.alert, tostring(err))
    finish(p)
  end))

  -- The server's end of a wire that gives `to` so many records, and the others when `go_on` is fulfilled. The resolver
  -- `held` is told.
  local function hold_back(from, to, records, held, go_on)
    return lwt.spawn(function()
      for n = 1, math.huge do
        local head = await(from:read(5))
        if head == nil or head == "" then return end
        if n == records + 1 then
          held:wakeup()
          await(go_on)
        end
        await(to:write(head .. await(from:read_exactly(head:byte(4) << 8 | head:byte(5)))))
      end
    end)
  end

  local function pass_on(from, to)
    return lwt.spawn(function()
      for data in function() return await(from:read()) end do
        await(to:write(data))
        await(to:flush())
      end
    end)
  end

  it("writes, and ends, in the middle of a ticket that takes two records", test.async(function()
    -- It has the client's certificate in it.
    local p, port = s_server("-CAfile", ca.pem, "-Verify", "1", "-max_send_frag", "512", "-tls1_3", "-rev")
    local tls = { context = ssl.context { ca = ca.pem, cert = mine.cert, key = mine.key }, name = "localhost" }
    for records = 8, 11 do -- (the handshake has eight, the two tickets four)
      for _, gives_up in ipairs { false, true } do
        local up = await(lio.open_connection("127.0.0.1:" .. port))
        local a, b = net.socketpair()
        local is_held, held = lwt.wait()
        local go_on, let_go = lwt.wait()
        local back, there = hold_back(up, b, records, held, go_on), pass_on(b, up)
        local s = await(ssl.connect(a, tls))
        local reading = s:read()
        await(is_held)
        await(lwt.sleep(0.01))
        if gives_up then reading:cancel() end
        local writes = { s:write "hel", s:write "lo\n", s:shutdown() }
        await(lwt.pause())
        let_go:wakeup()
        await(lwt.all(writes))
        assert.equal("olleh\n", await(gives_up and s:read() or reading))
        await(s:close())
        there:cancel()
        back:cancel()
        await(up:abort())
        b:close()
      end
    end
    finish(p)
  end))

  it("answers a KeyUpdate that s_server asks for, and refuses to negotiate anew", test.async(function()
    local p, port = s_server("-tls1_3")
    local ch = await(lio.open_connection("127.0.0.1:" .. port, { tls = { ca = ca.pem } }))
    await(ch:write_line("before"))
    for line in p.stdout:lines() do
      if line == "before" then break end
    end
    await(p.stdin:write("K\n")) -- new keys, both ways
    await(p.stdin:flush())
    -- s_server drops what it reads together with its command: said again until it is heard.
    local heard
    repeat
      await(p.stdin:write("and after\n"))
      await(p.stdin:flush())
      local ok, line = pcall(await, lwt.with_timeout(0.3, ch:read_line()))
      heard = ok and line
    until heard
    assert.equal("and after", heard)
    await(ch:write_line("answer"))
    for line in p.stdout:lines() do
      if line == "answer" then break end
    end
    await(ch:close())
    finish(p)
    p, port = s_server("-tls1_2")
    ch = await(lio.open_connection("127.0.0.1:" .. port, { tls = { ca = ca.pem } }))
    await(ch:write_line("before"))
    for line in p.stdout:lines() do
      if line == "before" then break end
    end
    await(p.stdin:write("r\n")) -- negotiate anew
    await(p.stdin:flush())
    local ok, err = pcall(await, ch:read_line())
    if ok then assert.is_nil(err) else assert.is_table(err) end
    ch:abort()
    finish(p)
  end))

  it("sees s_server's end, and s_server that is killed, as what they are", test.async(function()
    local p, port = s_server("-www")
    local ch = await(lio.open_connection("127.0.0.1:" .. port, { tls = { ca = ca.pem } }))
    await(ch:write("GET / HTTP/1.0\r\n\r\n"))
    local page = await(ch:read())
    assert.truthy(page:find("</html>", 1, true) or page:find("</HTML>", 1, true), page)
    await(ch:close())
    finish(p)
    p, port = s_server()
    ch = await(lio.open_connection("127.0.0.1:" .. port, { tls = { ca = ca.pem } }))
    await(ch:write_line("hello"))
    await(ch:flush())
    for line in p.stdout:lines() do
      if line == "hello" then break end
    end
    p:kill("SIGKILL")
    local ok, err = pcall(await, ch:read_line())
    assert.is_false(ok)
    assert.equal("SSL_EOF", err.code)
    ch:abort()
    finish(p)
  end))
end)
