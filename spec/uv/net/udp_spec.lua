local lwt = require "lwt"
local net = require "lwt.net"
local expect = require "spec.support.expect"
local task, failure = expect.task, expect.failure
local test = require "lwt.test"
local skip = require "spec.support.skip"
local await = lwt.await

local ipv6 = pcall(function() net.udp("[::1]:0"):close() end) -- a container may have none

describe("udp", function()
  it("sends to an address and tells where it came from", task(function()
    local a, b <close> = net.udp("127.0.0.1:0"), net.udp("127.0.0.1:0")
    local _ <close> = a
    await(a:send("one", b:getsockname()))
    await(a:send("", b:getsockname()))
    local data, from = await(b:recv())
    assert.equal("one", data)
    assert.equal(a:getsockname(), from)
    assert.equal("", (await(b:recv())))
  end))

  it("may be closed by what its address does", task(function()
    local sockets = {}
    local function address(u)
      return setmetatable({ host = "127.0.0.1", port = 9 }, { __index = function() u:close() end })
    end
    for i = 1, 5 do
      local u, v = net.udp(), net.udp()
      assert.equal(lwt.Closed, failure(u:send("x", address(u))))
      assert.is_false((pcall(v.connect, v, address(v))))
      sockets[i] = { u, v }
    end
    for _ = 1, 3 do lwt.yield() end -- libuv would end the process
    assert.equal(5, #sockets) -- they were not collected meanwhile
  end))

  it("answers each of several senders, whose datagrams come in any order", task(function()
    for _, any in ipairs(ipv6 and { "127.0.0.1:0", "[::1]:0" } or { "127.0.0.1:0" }) do
      local server <close> = net.udp(any)
      local there, peers, seen = server:getsockname(), {}, {}
      for i = 1, 3 do peers[i] = net.udp(any) end
      for round = 1, 5 do
        local order = round % 2 == 0 and { 1, 1, 2, 3, 3, 2 } or { 3, 2, 2, 1, 3, 1 }
        for n, i in ipairs(order) do await(peers[i]:send(("%d %d"):format(i, n), there)) end
        if round == 3 then await(lwt.sleep(0.001)) end
        for n, i in ipairs(order) do
          local data, from = await(server:recv())
          assert.equal(("%d %d"):format(i, n), data)
          assert.equal(peers[i]:getsockname(), from)
          seen[i] = seen[i] or from
          await(server:send(data, from))
          await(server:send("first", seen[order[1]]))
          await(server:send("made", ("%s"):format(peers[1]:getsockname())))
        end
        for i = 1, 3 do
          local count = {}
          for _ = 1, 2 + (i == order[1] and #order or 0) + (i == 1 and #order or 0) do
            local text = await(lwt.with_timeout(30, peers[i]:recv()))
            count[text] = (count[text] or 0) + 1
          end
          assert.equal(i == order[1] and #order or nil, count.first)
          assert.equal(i == 1 and #order or nil, count.made)
          for n, j in ipairs(order) do
            assert.equal(j == i and 1 or nil, count[("%d %d"):format(i, n)])
          end
        end
      end
      for i = 1, 3 do peers[i]:close() end
    end
  end))

  it("sends lwt.bytes", task(function()
    local a, b <close> = net.udp(), net.udp("127.0.0.1:0")
    local _ <close> = a
    await(a:send(require("lwt.bytes").of_string("bytes"), b:getsockname()))
    assert.equal("bytes", (await(b:recv())))
  end))

  it("works over IPv6", task(function()
    if not ipv6 then skip.here "there is no IPv6" end
    local a, b <close> = net.udp("[::1]:0"), net.udp("[::1]:0")
    local _ <close> = a
    a:send("six", b:getsockname())
    local data, from = await(b:recv())
    assert.equal("six", data)
    assert.equal(a:getsockname(), from)
  end))

  it("serves several receivers in their order, and keeps what is unasked", task(function()
    local a, b <close> = net.udp(), net.udp("127.0.0.1:0")
    local _ <close> = a
    local p, q = b:recv(), b:recv()
    for i = 1, 4 do await(a:send(tostring(i), b:getsockname())) end
    assert.equal("1", (await(p)))
    assert.equal("2", (await(q)))
    assert.equal("3", (await(b:recv())))
    assert.equal("4", (await(b:recv())))
  end))

  it("loses nothing when a receiver is cancelled", task(function()
    local a, b <close> = net.udp(), net.udp("127.0.0.1:0")
    local _ <close> = a
    local p, q = b:recv(), b:recv()
    p:cancel()
    assert.equal(lwt.Canceled, failure(p))
    a:send("x", b:getsockname())
    assert.equal("x", (await(q)))
    local r = b:recv()
    r:cancel()
    a:send("y", b:getsockname())
    await(lwt.sleep(0.01))
    assert.equal("y", (await(b:recv())))
  end))

  it("holds a bounded number for nobody", task(function()
    local a, b <close> = net.udp(), net.udp("127.0.0.1:0")
    local _ <close> = a
    b:recv():cancel()
    for i = 1, 100 do await(a:send(tostring(i), b:getsockname())) end
    await(lwt.sleep(0.02))
    for i = 1, 100 do assert.equal(tostring(i), (await(b:recv()))) end
  end))

  it("holds a bounded number of bytes for nobody", task(function()
    local a, b <close> = net.udp(), net.udp("127.0.0.1:0")
    local _ <close> = a
    b:recv():cancel()
    for i = 1, 12 do
      await(a:send(tostring(i):rep(20000), b:getsockname()))
      await(lwt.sleep(0.005))
    end
    for i = 1, 12 do assert.equal(tostring(i):rep(20000), (await(b:recv()))) end
  end))

  it("has flags that are set without a value, with one, and taken back", task(function()
    local a <close> = net.udp("127.0.0.1:0")
    for _, name in ipairs { "broadcast", "multicast_loop" } do
      a[name](a)
      a[name](a, nil)
      a[name](a, true)
      a[name](a, false)
    end
    if ipv6 then
      local six <close> = net.udp("[::1]:0", { ipv6only = true })
      assert.matches("^%[::1%]:%d+$", six:getsockname())
    end
    assert.has_error(function() net.udp "*:domain" end, nil)
  end))

  it("can be connected", task(function()
    local a, b <close> = net.udp(), net.udp("127.0.0.1:0")
    local _ <close> = a
    a:connect(b:getsockname())
    assert.equal(b:getsockname(), a:getpeername())
    await(a:send("to b"))
    local data, from = await(b:recv())
    assert.equal("to b", data)
    await(b:send("to a", from))
    assert.equal("to a", (await(a:recv())))
    a:connect()
    assert.equal("EDESTADDRREQ", failure(a:send("to nobody")).code)
  end))

  it("tells a connected socket that nobody listens", task(function()
    local a <close>, b = net.udp(), net.udp("127.0.0.1:0")
    a:connect(b:getsockname())
    b:close()
    local p = a:recv()
    a:send("x")
    assert.equal("ECONNREFUSED", failure(p).code)
  end))

  it("looks a name up", task(function()
    local a, b <close> = net.udp(), net.udp("127.0.0.1:0")
    local _ <close> = a
    await(a:send("x", { host = "localhost", port = net.parse_address(b:getsockname()).port }))
    assert.equal("x", (await(b:recv())))
  end))

  it("rejects a datagram that is too long", task(function()
    local a, b <close> = net.udp(), net.udp("127.0.0.1:0")
    local _ <close> = a
    local err = failure(a:send(("x"):rep(70000), b:getsockname()))
    assert.equal("EMSGSIZE", err.code)
    assert.equal(b:getsockname(), err.address)
    -- One whose length ends in a small number, in 32 bits. (The system gives no memory before it is used.)
    if os.getenv "LWT_UNDER" then return end
    local ok, buffer = pcall(require "lwt.bytes".create, (1 << 32) + 5)
    if not ok then return end
    assert.equal("EMSGSIZE", failure(a:send(buffer, b:getsockname())).code)
  end))

  it("joins and leaves a group", task(function()
    local a, b <close> = net.udp("127.0.0.1:0"), net.udp("*:0", { reuseaddr = true })
    local _ <close> = a
    b:multicast_join("239.255.1.2", "127.0.0.1")
    a:multicast_interface("127.0.0.1")
    a:multicast_loop(true)
    a:multicast_ttl(1)
    local port = net.parse_address(b:getsockname()).port
    await(a:send("to all", "239.255.1.2:" .. port))
    assert.equal("to all", (await(lwt.with_timeout(5, b:recv()))))
    b:multicast_leave("239.255.1.2", "127.0.0.1")
    local ok, err = pcall(b.multicast_join, b, "127.0.0.1")
    assert.is_false(ok)
    assert.equal("EINVAL", err.code)
  end))

  it("has ttl and broadcast", task(function()
    local a <close> = net.udp("127.0.0.1:0", { ttl = 3, broadcast = true })
    a:ttl(64)
    a:broadcast(false)
    assert.has_error(function() a:ttl(300) end,
      "bad argument #1 to 'ttl' (time to live is out of range (1 to 255))")
  end))

  it("raises when its address is taken or none", function()
    local a <close> = net.udp("127.0.0.1:0")
    local ok, err = pcall(net.udp, a:getsockname())
    assert.is_false(ok)
    assert.equal("EADDRINUSE", err.code)
    assert.has_error(function() net.udp("localhost:0") end,
      "bad argument #1 to 'udp' (numeric address expected)")
  end)

  it("rejects with lwt.Closed when it is closed", task(function()
    local a = net.udp("127.0.0.1:0")
    local p, q = a:recv(), a:recv()
    a:close()
    assert.equal(lwt.Closed, failure(p))
    assert.equal(lwt.Closed, failure(q))
    assert.equal(lwt.Closed, failure(a:recv()))
    assert.equal(lwt.Closed, failure(a:send("x", "127.0.0.1:1")))
    assert.has_error(function() a:getsockname() end, "attempt to use a closed udp")
  end))
end)

describe("lwt.net.unix_datagram", function()
  local function in_folder(f)
    return test.async(function() await(require "lwt.io".with_temp_dir(f)) end)
  end

  it("sends and receives in order, waits for a receiver that is slow, and loses nothing", in_folder(function(dir)
    local daemon <close> = net.unix_datagram { path = dir .. "/s" }
    local sender <close> = net.unix_datagram { peer = "unix:" .. dir .. "/s" }
    local last
    for i = 1, 3000 do last = sender:send("datagram " .. i) end
    assert.equal("pending", (last:state()))
    for i = 1, 3000 do
      local data, from = await(daemon:recv())
      assert.equal("datagram " .. i, data)
      assert.equal("unix:", from)
    end
    await(last)
    assert.equal("unix:" .. dir .. "/s", sender:getpeername())
  end))

  it("tells where a datagram came from, also of what was held, and gets empty ones", in_folder(function(dir)
    local daemon <close> = net.unix_datagram { path = dir .. "/s" }
    local sender <close> = net.unix_datagram { path = dir .. "/me", peer = dir .. "/s" }
    await(sender:send "one")
    assert.same({ "one", "unix:" .. dir .. "/me" }, { await(daemon:recv()) })
    for i = 1, 3 do await(sender:send("held " .. i)) end
    await(lwt.sleep(0.01))
    for i = 1, 3 do assert.same({ "held " .. i, "unix:" .. dir .. "/me" }, { await(daemon:recv()) }) end
  end))

  it("refuses a name that is too long, its own and the other's", in_folder(function(dir)
    local long = dir .. "/" .. ("x"):rep(200)
    for _, options in ipairs { { path = long }, { peer = long }, { path = dir .. "/s", peer = long } } do
      local ok, err = pcall(net.unix_datagram, options)
      assert.same({ false, "ENAMETOOLONG" }, { ok, err.code })
    end
  end))

  it("raises what the system says, and the arguments' mistakes", in_folder(function(dir)
    local function code(opts) return select(2, pcall(net.unix_datagram, opts)).code end
    assert.equal("ENOENT", code { peer = dir .. "/nobody" })
    assert.equal("ENAMETOOLONG", code { path = dir .. ("x"):rep(200) })
    local daemon = net.unix_datagram { path = dir .. "/s" }
    assert.equal("EADDRINUSE", code { path = dir .. "/s" })
    local sender <close> = net.unix_datagram { peer = dir .. "/s" }
    daemon:close()
    assert.equal("ECONNREFUSED", select(2, pcall(await, sender:send "x")).code)
    assert.equal("ECONNREFUSED", code { peer = dir .. "/s" })
    local listener <close> = await(net.pipe_listen { path = dir .. "/stream" })
    assert.equal("EPROTOTYPE", code { peer = listener:address() })
    for _, opts in ipairs { 3, { path = 3 }, { peer = "" }, { peer = "a\0b" }, { what = 1 } } do
      local ok, err = pcall(net.unix_datagram, opts)
      assert.is_false(ok)
      assert.matches("bad argument #1 to '.*unix_datagram'", err)
    end
    local alone <close> = net.unix_datagram()
    assert.is_false((pcall(await, alone:send "to nobody")))
  end))
end)
