-- What a TLS stream does once the handshake is done: reads, writes, ends; over whatever carries it.

local lwt = require "lwt"
local fs = require "lwt.fs"
local lio = require "lwt.io"
local net = require "lwt.net"
local ssl = require "lwt.ssl"
local test = require "lwt.test"
local eventually = require "spec.support.eventually"
local await = lwt.await

describe("a TLS stream", function()
  local ca, server, client

  setup(function()
    ca = require "spec.support.ca".make()
    local id = ca:issue { name = "server", san = "DNS:localhost" }
    server = ssl.context { role = "server", cert = id.cert, key = id.key }
    client = ssl.context { ca = ca.pem }
  end)
  teardown(function() ca:remove() end)

  local function failure(p)
    local ok, err = pcall(await, p)
    assert.is_false(ok)
    return err
  end

  -- Both ends, over a, b.
  local function over(a, b, opts)
    opts = opts or {}
    -- The first handshake of a process takes long under valgrind.
    local serving = ssl.accept(a, { context = opts.server or server, timeout = 120,
      allow_truncation = opts.allow_truncation })
    local mine = await(ssl.connect(b, { context = opts.client or client, name = "localhost",
      timeout = 120, allow_truncation = opts.allow_truncation }))
    return await(serving), mine
  end

  local function pair(opts)
    local a, b = net.socketpair()
    local s, c = over(a, b, opts)
    return s, c, a, b
  end

  local function read_all(s)
    local parts = {}
    while true do
      local data = await(s:read())
      if data == nil then return table.concat(parts) end
      parts[#parts + 1] = data
    end
  end

  local function versions(f)
    for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
      f(version, { client = ssl.context { ca = ca.pem, max_version = version } })
    end
  end

  it("gives what there is, at most what was asked for", test.async(function()
    versions(function(version, opts)
      local s, c = pair(opts)
      assert.equal(version, s:version())
      assert.equal(version, c:version())
      await(c:write("hello"))
      assert.equal("he", await(s:read(2)))
      assert.equal("llo", await(s:read()))
      local p = s:read()
      await(c:writev { "a", "b" })
      assert.equal("ab", await(p))
      await(c:write(require "lwt.bytes".of_string "bytes"))
      assert.equal("bytes", await(s:read()))
      await(c:write "")
      await(c:close())
      assert.is_nil(await(s:read()))
      await(s:close())
    end)
    test.assert_clean()
  end))

  it("reads and writes at once, much of it, both ways", test.async(function()
    versions(function(_, opts)
      local s, c = pair(opts)
      local n, text = os.getenv "LWT_UNDER" and 1000000 or 3000000, {}
      for i = 1, 1000 do text[i] = ("%d "):format(i * i) end
      text = table.concat(text)
      local function send(x)
        local sent = 0
        while sent < n do
          await(x:write(text))
          sent = sent + #text
        end
        await(x:shutdown())
        return sent
      end
      local results = await(lwt.all { lwt.spawn(send, s), lwt.spawn(send, c), lwt.spawn(read_all, s),
        lwt.spawn(read_all, c) })
      for i = 3, 4 do
        assert.equal(results[1], #results[i])
        assert.equal(text, results[i]:sub(1, #text))
        assert.equal(text, results[i]:sub(-#text))
      end
      await(s:close())
      await(c:close())
    end)
  end))

  it("serves several reads in their order, and several writes", test.async(function()
    local s, c = pair()
    local reads = {}
    for i = 1, 5 do reads[i] = s:read(2) end
    local writes = {}
    for i = 1, 5 do writes[i] = c:write(("%02d"):format(i)) end
    await(lwt.join(writes))
    for i = 1, 5 do assert.equal(("%02d"):format(i), await(reads[i])) end
    await(s:close())
    await(c:close())
  end))

  it("loses nothing to a read that is cancelled, at any moment", test.async(function()
    local s, c = pair()
    local got = {}
    local writer = lwt.spawn(function()
      for i = 1, 200 do
        await(c:write(("%03d"):format(i)))
        if i % 3 == 0 then lwt.yield() end
      end
      await(c:shutdown())
    end)
    while true do
      local p = s:read(2)
      if #got % 2 == 0 then lwt.yield() end
      p:cancel()
      local state, data = p:state()
      if state == "rejected" then
        assert.equal(lwt.Canceled, data)
        data = await(s:read(7))
      end
      if data == nil then break end
      got[#got + 1] = data
    end
    await(writer)
    local expected = {}
    for i = 1, 200 do expected[i] = ("%03d"):format(i) end
    assert.equal(table.concat(expected), table.concat(got))
    await(s:close())
    await(c:close())
  end))

  it("reads for nobody: what carries it is left alone when the reader has gone", test.async(function()
    local s, c, a = pair()
    local p = s:read()
    p:cancel()
    -- Nobody reads the socket below now: what comes stays there.
    await(c:write("later"))
    local raw = await(a:read(1))
    assert.equal(1, #raw)
    s:close()
    c:close()
  end))

  it("withdraws a write that is cancelled before its turn, and finishes one that has begun",
    test.async(function()
      local s, c = pair()
      local big = ("x"):rep(4000000)
      local first = c:write(big)
      local second, third = c:write("second"), c:write("third")
      assert.equal("pending", (first:state()))
      second:cancel()
      first:cancel()
      lwt.spawn(function()
        await(third)
        await(c:shutdown())
      end)
      local got = read_all(s)
      assert.equal(#big + 5, #got)
      assert.equal("xxthird", got:sub(-7))
      s:close()
      c:close()
    end))

  it("is closed in one direction and open in the other", test.async(function()
    versions(function(_, opts)
      local s, c = pair(opts)
      await(c:write("question"))
      await(c:shutdown())
      await(c:shutdown())
      assert.equal("EPIPE", failure(c:write("more")).code)
      assert.equal("question", read_all(s))
      assert.is_nil(await(s:read()))
      await(s:write("answer"))
      assert.equal("answer", await(c:read()))
      await(s:close())
      assert.is_nil(await(c:read()))
      await(c:close())
    end)
  end))

  it("tells an end from a cut, unless told that it does not matter", test.async(function()
    versions(function(_, opts)
      local s, c, _, b = pair(opts)
      await(c:write("half a mess"))
      await(b:close())
      assert.equal("half a mess", await(s:read()))
      local err = failure(s:read())
      assert.equal("SSL_EOF", err.code)
      assert.equal("read", err.op)
      assert.equal("SSL_EOF", failure(s:read()).code)
      s:close()
      opts.allow_truncation = true
      s, c, _, b = pair(opts)
      await(c:write("half a mess"))
      await(b:close())
      assert.equal("half a mess", read_all(s))
      s:close()
    end)
  end))

  it("gives what came before a reset, then the reset", test.async(function()
    local listener = await(net.tcp_listen("127.0.0.1:0"))
    local connecting = net.tcp_connect(listener:address())
    local a, b = await(listener:accept()), await(connecting)
    local s, c = over(a, b)
    await(c:write("the last words"))
    assert.equal("the last", await(s:read(8)))
    b:reset()
    assert.equal(" words", await(s:read()))
    assert.equal("ECONNRESET", failure(s:read()).code)
    s:close()
    c:close()
    await(listener:close())
  end))

  it("rejects what waits with Closed when it is closed, and everything after", test.async(function()
    local s, c = pair()
    local read, write = s:read(), s:write(("x"):rep(4000000))
    local closing = s:close()
    assert.equal(lwt.Closed, failure(read))
    assert.equal(lwt.Closed, failure(write))
    assert.equal(lwt.Closed, failure(s:read()))
    assert.equal(lwt.Closed, failure(s:write("x")))
    assert.is_true(s:is_closed())
    assert.equal(closing, s:close())
    assert.has_error(function() s:alpn() end)
    -- Who reads sees the end, as a cut: what was under way is incomplete.
    pcall(read_all, c)
    await(closing)
    await(c:close())
    test.assert_clean()
  end))

  it("closes within a second and a half or so when the peer takes nothing", test.async(function()
    local s, c, a = pair()
    s:write(("x"):rep(8000000))
    await(s:close())
    assert.has_error(function() await(a:read()) end)
    c:close()
    test.assert_clean()
  end))

  -- Both ends of a TCP connection: a reset takes from there what was not read.
  local function tcp_pair()
    local listener <close> = await(net.tcp_listen "127.0.0.1:0")
    local accepting = listener:accept()
    local b = await(net.tcp_connect(listener:address()))
    return over(await(accepting), b)
  end

  it("does not take its answer back, when the peer has sent more than it reads", test.async(function()
    local answer = ("too much "):rep(50000)
    for _, how in ipairs { "close", "shutdown and close" } do
      local s, c = tcp_pair()
      await(c:write(("x"):rep(300000)))
      assert.equal(100, #await(s:read(100)))
      await(s:write(answer)) -- more than the client's system takes before it is read
      if how ~= "close" then await(s:shutdown()) end
      local closing = s:close()
      lwt.sleep(0.02):await()
      assert.equal(answer, read_all(c))
      await(c:close())
      await(closing)
    end
    test.assert_clean()
  end))

  it("has something to say about both ends", test.async(function()
    local s, c = pair()
    assert.equal("localhost", s:sni())
    assert.equal("localhost", c:sni())
    assert.is_nil(s:peer_certificate())
    local cert = c:peer_certificate()
    assert.equal("server", cert.cn)
    assert.equal("CN=server", cert.subject)
    assert.equal("CN=Root of the spec", cert.issuer)
    assert.same({ "localhost" }, cert.names)
    assert.is_true(cert.not_before <= os.time() and os.time() < cert.not_after)
    assert.equal("EC", cert.key_type)
    assert.equal(256, cert.key_bits)
    assert.equal(64, #cert.sha256)
    assert.truthy(cert.pem:match "^%-%-%-%-%-BEGIN CERTIFICATE")
    assert.truthy(ca:read("server.pem"):find(cert.pem, 1, true))
    assert.equal(s:cipher(), c:cipher())
    assert.equal(c:export_keying_material("EXPORTER-x", 20), s:export_keying_material("EXPORTER-x", 20))
    assert.equal(20, #c:export_keying_material("EXPORTER-x", 20, "about"))
    assert.truthy(tostring(s):match "^lwt.ssl.stream %(open%)")
    assert.has_error(function() s.read(net, 1) end)
    assert.has_error(function() s:read(0) end)
    assert.has_error(function() s:read("x") end)
    assert.has_error(function() s:write({ {} }) end)
    s:close()
    c:close()
  end))

  it("is closed by <close>, and read as blocking code by lwt.direct", test.async(function()
    local s, c = pair()
    do
      local d <close> = lwt.direct(c)
      d:write("direct")
      assert.equal("direct", await(s:read()))
    end
    assert.is_nil(await(s:read()))
    assert.is_true(c:is_closed())
    s:close()
  end))

  describe("is carried by", function()
    local function works(s, c)
      await(c:write(("ping"):rep(50000)))
      local n = 0
      while n < 200000 do n = n + #await(s:read()) end
      await(s:write("pong"))
      assert.equal("pong", await(c:read()))
      local closing = c:close()
      assert.is_nil(await(s:read()))
      await(closing)
      await(s:close())
    end

    it("TCP, and tells its addresses", test.async(function()
      local listener = await(net.tcp_listen("127.0.0.1:0"))
      local accepting = listener:accept():bind(function(sock) return ssl.accept(sock, server) end)
      local c = await(ssl.connect(listener:address(), { context = client, name = "localhost" }))
      local s = await(accepting)
      assert.equal(listener:address(), c:getpeername())
      assert.equal(c:getsockname(), s:getpeername())
      lwt.spawn(function() works(s, c) end):await()
      await(listener:close())
      test.assert_clean()
    end))

    it("TCP, and tells at the caller's line what is wrong with what is asked of it", test.async(function()
      local listener = await(net.tcp_listen("127.0.0.1:0"))
      local accepting = listener:accept()
      local c = await(net.tcp_connect(listener:address()))
      local s
      s, c = over(await(accepting), c)
      local function complains(words, f)
        local ok, err = pcall(f)
        assert.is_false(ok)
        assert.truthy(tostring(err):find("^spec/ssl/stream_spec.lua:%d+: " .. words), err)
      end
      complains("bad argument #1 to 'keepalive'", function() return (c:keepalive "x") end)
      await(c:close())
      for _, name in ipairs { "getpeername", "getsockname", "nodelay", "keepalive", "fileno" } do
        complains(("'%s' on a closed TLS stream$"):format(name), function() return (c[name](c, true)) end)
      end
      await(s:close())
      await(listener:close())
    end))

    it("a Unix socket", test.async(function()
      local listener = await(net.pipe_listen("unix:" .. ca:path "sock"))
      local accepting = listener:accept():bind(function(sock) return ssl.accept(sock, server) end)
      local c = await(ssl.connect("unix:" .. ca:path "sock", { context = client, name = "localhost" }))
      local s = await(accepting)
      local reading = lwt.spawn(works, s, c)
      await(reading)
      await(listener:close())
    end))

    it("channels", test.async(function()
      local a, b = net.socketpair()
      local function channel(sock)
        local uv = require "lwt.uv"
        return uv.io.of_port(sock, 3)
      end
      works(over(channel(a), channel(b)))
      test.assert_clean()
    end))

    it("another TLS stream", test.async(function()
      local s, c = pair()
      works(over(s, c))
      test.assert_clean()
    end))

    it("functions of one's own, byte by byte", test.async(function()
      -- Two queues of bytes; every read gives one byte, every third waits.
      local function queue()
        local q, waiting = { n = 0, at = 0 }, nil
        return {
          write = function(_, text)
            for i = 1, #text do q[q.n + i] = text:sub(i, i) end
            q.n = q.n + #text
            if waiting then waiting:wakeup() end
            waiting = nil
          end,
          read = function()
            while q.at == q.n do
              if q.over then return nil end
              local p
              p, waiting = lwt.task()
              await(p)
            end
            q.at = q.at + 1
            if q.at % 3 == 0 then lwt.yield() end
            return q[q.at]
          end,
          close = function()
            q.over = true
            if waiting then waiting:wakeup() end
          end,
        }
      end
      local there, back = queue(), queue()
      local a = { read = there.read, write = back.write, close = back.close }
      local b = { read = back.read, write = there.write, close = there.close }
      local s, c = over(a, b)
      await(c:write(("ping"):rep(500)))
      local n = 0
      while n < 2000 do n = n + #await(s:read()) end
      await(s:close())
      assert.is_nil(await(c:read()))
      await(c:close())
    end))

    it("nothing whose functions are none, or give something else", test.async(function()
      local ok, err = pcall(function() return (ssl.connect({ read = 1, write = 2 }, { verify = false })) end)
      assert.is_false(ok)
      assert.matches("^spec/ssl/stream_spec.lua:%d+: bad argument #1 to 'connect' ", err)
      assert.has_error(function() return (ssl.accept({ read = 1, write = 2 }, server)) end,
        "bad argument #1 to 'accept' (stream expected, got table)")
      -- After the handshake, and instead of an answer to its first part.
      for what, words in pairs { [true] = "no string, but a boolean", [""] = "no byte a thousand times" } do
        local a, b = net.socketpair()
        local odd
        local function read(_, n)
          if odd then return what end
          return b:read(n)
        end
        local s, c = over(a, { read = read, write = function(_, text) return b:write(text) end,
          close = function() return b:close() end })
        odd = true
        local told = select(2, pcall(await, c:read()))
        assert.truthy(tostring(told):find("'read' of what carries this TLS stream has given " .. words, 1, true), told)
        told = select(2, pcall(await, ssl.connect({ read = read, write = function() end }, { verify = false })))
        assert.truthy(tostring(told):find(words, 1, true), told)
        await(c:close())
        await(s:close())
      end
    end))

    it("what io.make made", test.async(function()
      local a, b = net.socketpair()
      local function made(sock)
        return lio.make {
          read = function(n) return await(sock:read(n)) end,
          write = function(text) await(sock:write(text)) end,
          close = function() sock:close() end,
        }
      end
      works(over(made(a), made(b)))
    end))
  end)

  it("sends tickets with the first data, so that a peer that writes and goes loses nothing",
    test.async(function()
      for _ = 1, 20 do
        local listener = await(net.tcp_listen("127.0.0.1:0"))
        local accepting = listener:accept():bind(function(sock) return ssl.accept(sock, server) end)
        local c = await(ssl.connect(listener:address(), { context = client, name = "localhost" }))
        await(c:write("message"))
        await(c:close())
        local s = await(accepting)
        assert.equal("message", read_all(s))
        await(s:close())
        await(listener:close())
      end
      eventually(function() return true end)
    end))

  it("leaves nothing behind after many connections", test.async(function()
    local function descriptors() return #await(fs.scandir "/proc/self/fd") end
    local before = descriptors()
    for _ = 1, os.getenv "LWT_UNDER" and 10 or 50 do
      local s, c = pair()
      await(c:write("x"))
      await(s:read())
      await(s:close())
      await(c:close())
    end
    collectgarbage()
    collectgarbage()
    eventually(function() return descriptors() == before end)
    test.assert_clean()
  end))
end)
