local lwt = require "lwt"
local net = require "lwt.net"
local expect = require "spec.support.expect"
local skip = require "spec.support.skip"
local task, failure = expect.task, expect.failure
local await = lwt.await

local ipv6 = pcall(function() net.udp("[::1]:0"):close() end) -- a container may have none

-- A connected pair, over the loopback interface.
local function pair(opts)
  local listener <close> = await(net.tcp_listen("127.0.0.1:0"))
  local accepted = listener:accept()
  local client = await(net.tcp_connect(listener:address(), opts))
  return client, await(accepted)
end

local function code(p)
  return failure(p).code
end

describe("tcp", function()
  describe("connecting", function()
    it("gives two sockets that know each other's address", task(function()
      local a, b <close> = pair()
      local _ <close> = a
      assert.equal(a:getsockname(), b:getpeername())
      assert.equal(b:getsockname(), a:getpeername())
      assert.is_truthy(tostring(a):find("^lwt.tcp: "))
      assert.equal("integer", math.type(a:fileno()))
    end))

    it("works over IPv6", task(function()
      if not ipv6 then skip.here "there is no IPv6" end
      local listener <close> = await(net.tcp_listen("[::1]:0"))
      local a <close> = await(net.tcp_connect(listener:address()))
      assert.is_truthy(a:getpeername():find("^%[::1%]:%d+$"))
    end))

    it("takes a table", task(function()
      local listener <close> = await(net.tcp_listen({ host = "127.0.0.1", port = 0 }))
      local at = net.parse_address(listener:address())
      local a <close> = await(net.tcp_connect(at))
      assert.equal(listener:address(), a:getpeername())
    end))

    it("looks a name up", task(function()
      local listener <close> = await(net.tcp_listen("localhost:0"))
      local port = net.parse_address(listener:address()).port
      local a <close> = await(net.tcp_connect({ host = "localhost", port = port }))
      assert.equal(listener:address(), a:getpeername())
    end))

    it("leaves from the address it is bound to", task(function()
      local listener <close> = await(net.tcp_listen("127.0.0.1:0"))
      local a <close> = await(net.tcp_connect(listener:address(), { bind = "127.0.0.2:0" }))
      assert.is_truthy(a:getsockname():find("^127.0.0.2:"))
    end))

    it("rejects with the address when nobody listens", task(function()
      local listener = await(net.tcp_listen("127.0.0.1:0"))
      local address = listener:address()
      listener:close()
      local err = failure(net.tcp_connect(address))
      assert.equal("ECONNREFUSED", err.code)
      assert.equal("connect", err.op)
      assert.equal(address, err.address)
      assert.is_truthy(tostring(err):find(address, 1, true))
    end))

    it("rejects when the name is none", task(function()
      local err = failure(net.tcp_connect("no.such.host.invalid:80"))
      assert.is_truthy(err.code:find("^EAI_"), err.code)
    end))

    it("is given up when it is cancelled", task(function()
      -- A listener whose queue is full answers no more.
      local listener <close> = await(net.tcp_listen("127.0.0.1:0", { backlog = 1 }))
      local all = {}
      for i = 1, 8 do all[i] = net.tcp_connect(listener:address()) end
      await(lwt.sleep(0.05))
      local waiting = all[8]
      assert.is_true(waiting:is_pending())
      waiting:cancel()
      assert.equal(lwt.Canceled, failure(waiting))
      for i = 1, 7 do
        all[i]:cancel()
        if all[i]:state() == "fulfilled" then await(all[i]):close() end
      end
    end))

    it("refuses bad input at once", function()
      local function refused(message, ...)
        local ok, err = pcall(function(...) net.tcp_connect(...) end, ...)
        assert.is_false(ok)
        assert.is_truthy(tostring(err):find(message, 1, true), tostring(err))
      end
      refused("bad argument #1 to 'tcp_connect' (port 70000 is out of range", "h:70000")
      refused("bad argument #1 to 'tcp_connect' (address expected, got no value)")
      refused("port 0 cannot be connected to", "127.0.0.1:0")
      refused("a Unix address (see pipe_connect)", "unix:/x")
      refused("bad argument #2 to 'tcp_connect' (unknown option 'nodlay')", "h:1", { nodlay = true })
      refused("option 'nodelay' is no boolean", "127.0.0.1:1", { nodelay = 1 })
      refused("bad argument #2 to 'tcp_connect' (table expected, got number)", "127.0.0.1:1", 5)
    end)
  end)

  describe("reading", function()
    it("gives what there is, at most what was asked for", task(function()
      local a, b <close> = pair()
      local _ <close> = a
      await(a:write("hello world"))
      assert.equal("hello", await(b:read(5)))
      assert.equal(" world", await(b:read()))
      assert.equal("", await(b:read(0)))
    end))

    it("gives nil at the end, again and again", task(function()
      local a, b <close> = pair()
      local _ <close> = a
      await(a:write("x"))
      a:close()
      assert.equal("x", await(b:read()))
      assert.is_nil(await(b:read()))
      assert.is_nil(await(b:read(3)))
    end))

    it("serves several readers in their order", task(function()
      local a, b <close> = pair()
      local _ <close> = a
      local p, q, r = b:read(1), b:read(2), b:read()
      await(a:write("12345"))
      assert.equal("1", await(p))
      assert.equal("23", await(q))
      assert.equal("45", await(r))
    end))

    it("tells every waiting reader of the end", task(function()
      local a, b <close> = pair()
      local _ <close> = a
      local p, q = b:read(), b:read()
      a:close()
      assert.is_nil(await(p))
      assert.is_nil(await(q))
    end))

    it("loses nothing when it is cancelled", task(function()
      local a, b <close> = pair()
      local _ <close> = a
      local p, q, r = b:read(1), b:read(1), b:read(1)
      p:cancel()
      assert.equal(lwt.Canceled, failure(p))
      q:cancel()
      await(a:write("ab"))
      assert.equal("a", await(r))
      assert.equal("b", await(b:read()))
      local s = b:read()
      s:cancel()
      await(a:write("c"))
      await(lwt.sleep(0.01)) -- it arrives for nobody
      assert.equal("c", await(b:read()))
    end))

    it("lets a thousand cancelled readers go", task(function()
      local a, b <close> = pair()
      local _ <close> = a
      local keep = b:read()
      for _ = 1, 1000 do b:read():cancel() end
      local last = b:read()
      await(a:write("x"))
      assert.equal("x", await(keep))
      await(a:write("y"))
      assert.equal("y", await(last))
    end))

    it("holds a sender back when nobody reads", task(function()
      local a, b <close> = pair()
      local _ <close> = a
      assert.equal("x", await(lwt.both(b:read(), a:write("x"))))
      local big = ("x"):rep(1 << 24)
      local p = a:write(big)
      await(lwt.sleep(0.05))
      assert.is_true(p:is_pending())
      local n = 0
      while n < #big do n = n + #await(b:read()) end
      assert.equal(#big, n)
      await(p)
    end))

    it("refuses a negative count, and what is no socket", task(function()
      local a <close> = pair()
      assert.has_error(function() a:read(-1) end, "bad argument #1 to 'read' (count is negative)")
      assert.has_error(function() net.read(io.stdout) end,
        "bad argument #1 to 'read' (socket expected, got FILE*)")
    end))
  end)

  describe("writing", function()
    it("takes strings and lists of strings", task(function()
      local a, b <close> = pair()
      local _ <close> = a
      await(a:write("one"))
      await(a:write({ " two", "", " three" }))
      await(a:writev({ " four" }))
      await(a:write(5))
      await(a:write(""))
      await(a:write({}))
      a:close()
      local s, piece = "", nil
      repeat
        s = s .. (piece or "")
        piece = await(b:read())
      until piece == nil
      assert.equal("one two three four5", s)
    end))

    it("takes lwt.bytes, as they are at the call", task(function()
      local bytes = require "lwt.bytes"
      local a, b <close> = pair()
      local _ <close> = a
      local some = bytes.of_string("0123456789"):sub(2, 3)
      await(a:write(some))
      assert.equal("234", await(b:read()))
      local big = bytes.create(1 << 23)
      local p = a:write(big)
      big:fill(1)
      local n = 0
      while n < #big do
        local piece = await(b:read())
        assert.is_nil(piece:find("[^\0]"))
        n = n + #piece
      end
      await(p)
      await(a:write(bytes.create(0)))
    end))

    it("is whole and in order, whatever its size", task(function()
      local a, b <close> = pair()
      local _ <close> = a
      local parts, list = {}, {}
      for i = 1, 40 do
        parts[i] = (string.char(64 + i)):rep(100000 + i)
        list[i] = a:write(i % 3 == 0 and { parts[i]:sub(1, 7), parts[i]:sub(8) } or parts[i])
      end
      a:shutdown()
      local all, piece = {}, nil
      repeat
        all[#all + 1] = piece
        piece = await(b:read())
      until piece == nil
      assert.is_true(table.concat(parts) == table.concat(all))
      await(lwt.join(list))
    end))

    it("keeps its bytes when the list changes meanwhile", task(function()
      local a, b <close> = pair()
      local _ <close> = a
      local list = {}
      for i = 1, 100 do list[i] = tostring(i):rep(100000) end
      local expected = table.concat(list)
      local p = a:write(list)
      for i = 1, 100 do list[i] = nil end
      collectgarbage()
      local n, pieces = 0, {}
      while n < #expected do
        pieces[#pieces + 1] = await(b:read())
        n = n + #pieces[#pieces]
      end
      await(p)
      assert.is_true(expected == table.concat(pieces))
    end))

    it("is withdrawn when it is cancelled before it began", task(function()
      local a, b <close> = pair()
      local _ <close> = a
      local big = ("x"):rep(1 << 24)
      local first, second, third = a:write(big), a:write("second"), a:write("third")
      second:cancel()
      assert.equal(lwt.Canceled, failure(second))
      local n, last = 0, nil
      while n < #big + 5 do
        last = await(b:read())
        n = n + #last
      end
      await(first)
      await(third)
      assert.equal("third", last:sub(-5))
    end))

    it("goes on when it is cancelled after it began", task(function()
      local a, b <close> = pair()
      local _ <close> = a
      local big = ("x"):rep(1 << 24)
      local p = a:write(big)
      p:cancel()
      assert.equal(lwt.Canceled, failure(p))
      await(lwt.both(a:write("!"), lwt.spawn(function()
        local n, last = 0, nil
        while n < #big + 1 do
          last = await(b:read())
          n = n + #last
        end
        assert.equal("!", last:sub(-1))
      end)))
    end))

    it("fails when the other side is gone, and the process lives", task(function()
      local a <close>, b = pair()
      b:reset()
      local err
      repeat -- the first may still go through
        local ok
        ok, err = pcall(await, a:write("x"))
      until not ok
      assert.is_truthy(err.code == "EPIPE" or err.code == "ECONNRESET", err.code)
      assert.equal("write", err.op)
    end))

    it("refuses what is no bytes", task(function()
      local a <close> = pair()
      assert.has_error(function() a:write(nil) end,
        "bad argument #1 to 'write' (string, lwt.bytes or table of strings expected, got nil)")
      assert.has_error(function() a:write({ "a", 1 }) end,
        "bad argument #1 to 'write' (string expected at [2], got number)")
      assert.has_error(function() a:writev("x") end,
        "bad argument #1 to 'writev' (table expected, got string)")
    end))
  end)

  describe("both at once", function()
    it("reads while it writes", task(function()
      local a, b <close> = pair()
      local _ <close> = a
      local n <const> = 1 << 22
      local function exchange(from, to)
        local p = from:write(("x"):rep(n))
        local got = 0
        while got < n do got = got + #await(from:read()) end
        await(p)
        return to
      end
      await(lwt.join({ lwt.spawn(exchange, a, b), lwt.spawn(exchange, b, a) }))
    end))

    it("reads on after its own shutdown", task(function()
      local a, b <close> = pair()
      local _ <close> = a
      a:write("question")
      await(a:shutdown())
      await(a:shutdown())
      assert.equal("question", await(b:read()))
      assert.is_nil(await(b:read()))
      await(b:write("answer"))
      b:close()
      assert.equal("answer", await(a:read()))
      assert.is_nil(await(a:read()))
      assert.equal("EPIPE", code(a:write("more")))
    end))
  end)

  describe("closing", function()
    it("rejects what is pending, and what comes after, with lwt.Closed", task(function()
      local a, b <close> = pair()
      local big = ("x"):rep(1 << 24)
      local waiting = { a:read(), a:read(), a:write(big), a:write("y"), a:shutdown() }
      await(a:close())
      for _, p in ipairs(waiting) do assert.equal(lwt.Closed, failure(p)) end
      assert.equal(lwt.Closed, failure(a:read()))
      assert.equal(lwt.Closed, failure(a:write("x")))
      assert.equal(lwt.Closed, failure(a:shutdown()))
      assert.has_error(function() a:fileno() end, "attempt to use a closed socket")
      assert.has_error(function() a:nodelay() end, "attempt to use a closed socket")
      await(a:close())
      assert.equal("lwt.tcp (closed)", tostring(a))
      local ok = pcall(function() while await(b:read()) do end end)
      assert.is_boolean(ok) -- an end or a reset: both are the system's to choose
    end))

    it("may be done from the callback of what it rejects", task(function()
      local a, b <close> = pair()
      local p, q = a:read(), a:read()
      p:on_failure(function()
        a:close()
        q:cancel()
      end)
      a:close()
      assert.equal(lwt.Closed, failure(p))
      assert.is_false(q:is_pending())
      b:close()
    end))

    it("happens to a socket that nobody has any more", task(function()
      local b <close> = select(2, pair())
      local p = b:read()
      collectgarbage()
      collectgarbage()
      assert.is_nil(await(p))
    end))

    it("does not happen to a socket that somebody still waits for", task(function()
      local a <close>, b = pair()
      local p = b:read()
      b = nil -- luacheck: ignore
      collectgarbage()
      collectgarbage()
      await(a:write("still here"))
      assert.equal("still here", await(p))
    end))

    it("waits for no one when a write is left to itself", task(function()
      local a, b <close> = pair()
      local big = ("x"):rep(1 << 22)
      a:write(big)
      a = nil -- luacheck: ignore
      collectgarbage()
      collectgarbage()
      local n = 0
      while n < #big do n = n + #await(b:read()) end
    end))
  end)

  describe("a listener", function()
    it("accepts in the order of the asking", task(function()
      local listener <close> = await(net.tcp_listen("127.0.0.1:0"))
      local p, q = listener:accept(), listener:accept()
      local a <close> = await(net.tcp_connect(listener:address()))
      local first <close> = await(p)
      assert.is_true(q:is_pending())
      local b <close> = await(net.tcp_connect(listener:address()))
      local second <close> = await(q)
      assert.equal(a:getsockname(), first:getpeername())
      assert.equal(b:getsockname(), second:getpeername())
    end))

    it("keeps clients for the next accept when one is cancelled", task(function()
      local listener <close> = await(net.tcp_listen("127.0.0.1:0"))
      local p, q = listener:accept(), listener:accept()
      p:cancel()
      assert.equal(lwt.Canceled, failure(p))
      local a <close> = await(net.tcp_connect(listener:address()))
      local s <close> = await(q)
      assert.equal(a:getsockname(), s:getpeername())
      local r = listener:accept()
      r:cancel()
      local b <close> = await(net.tcp_connect(listener:address()))
      local t <close> = await(listener:accept())
      assert.equal(b:getsockname(), t:getpeername())
    end))

    it("accepts a client that has sent and gone already", task(function()
      local listener <close> = await(net.tcp_listen("127.0.0.1:0"))
      local a = await(net.tcp_connect(listener:address()))
      await(a:write("bye"))
      a:close()
      local s <close> = await(listener:accept())
      assert.equal("bye", await(s:read()))
      assert.is_nil(await(s:read()))
    end))

    it("rejects with lwt.Closed when it closes, and refuses clients from then on", task(function()
      local listener = await(net.tcp_listen("127.0.0.1:0"))
      local address = listener:address()
      local p = listener:accept()
      listener:close()
      assert.equal(lwt.Closed, failure(p))
      assert.equal(lwt.Closed, failure(listener:accept()))
      assert.has_error(function() listener:address() end, "attempt to use a closed listener")
      assert.equal("ECONNREFUSED", code(net.tcp_connect(address)))
    end))

    it("rejects when its port is taken", task(function()
      local listener <close> = await(net.tcp_listen("127.0.0.1:0"))
      local err = failure(net.tcp_listen(listener:address()))
      assert.equal("EADDRINUSE", err.code)
      assert.equal(listener:address(), err.address)
    end))

    it("shares its port with reuseport", task(function()
      local one <close> = await(net.tcp_listen("127.0.0.1:0", { reuseport = true }))
      local two <close> = await(net.tcp_listen(one:address(), { reuseport = true }))
      assert.equal(one:address(), two:address())
    end))

    it("listens everywhere at *", task(function()
      local listener <close> = await(net.tcp_listen("*:0"))
      local port = net.parse_address(listener:address()).port
      local a <close> = await(net.tcp_connect("127.0.0.1:" .. port))
      assert.is_truthy(a)
    end))

    it("refuses bad options", function()
      assert.has_error(function() net.tcp_listen("127.0.0.1:0", { backlog = 0 }) end,
        "bad argument #2 to 'tcp_listen' (option 'backlog' is no integer from 1 to 65535)")
      assert.has_error(function() net.tcp_listen("127.0.0.1:0", { reuse = true }) end,
        "bad argument #2 to 'tcp_listen' (unknown option 'reuse')")
    end)
  end)

  it("has nodelay and keepalive", task(function()
    local a <close> = pair({ nodelay = false })
    a:nodelay()
    a:nodelay(false)
    a:keepalive(30)
    a:keepalive(0.5)
    a:keepalive(false)
    assert.has_error(function() a:keepalive(-1) end,
      "bad argument #1 to 'keepalive' (seconds are out of range)")
  end))

  it("offers its methods as functions", task(function()
    local a, b <close> = pair()
    local _ <close> = a
    await(net.write(a, "x"))
    assert.equal("x", await(net.read(b)))
    assert.equal(a:getsockname(), net.getsockname(a))
    net.close(a)
  end))

  it("talks to nc", task(function()
    local listener <close> = await(net.tcp_listen("127.0.0.1:0"))
    local port = net.parse_address(listener:address()).port
    local nc = assert(io.popen("printf 'from nc' | nc -N 127.0.0.1 " .. port, "r"))
    local s = await(listener:accept())
    local got, piece = "", nil
    repeat
      got = got .. (piece or "")
      piece = await(s:read())
    until piece == nil
    assert.equal("from nc", got)
    await(s:write("to nc\n"))
    s:close()
    assert.equal("to nc", nc:read("l"))
    nc:close()
  end))
end)
