-- What sockets and listeners seldom come to: many clients in one turn, who goes while others are told of a close,
-- writes of a task beside a channel's, a peer that resets.
local lwt = require "lwt"
local net = require "lwt.net"
local cio = require "lwt.uv".io
local expect = require "spec.support.expect"
local script = require "spec.support.script"
local task, failure = expect.task, expect.failure
local await = lwt.await

local function tcp_pair(options)
  local l <close> = await(net.tcp_listen("127.0.0.1:0", options))
  local accepted = l:accept()
  return await(net.tcp_connect(l:address())), await(accepted)
end

local function close_all(list)
  for _, x in ipairs(list) do x:close() end
end

describe("a listener", function()
  local function clients_of(l, n)
    local list = {}
    for i = 1, n do list[i] = net.tcp_connect(l:address()) end
    return await(lwt.all(list))
  end

  it("serves many that wait when many come, and many that come late", task(function()
    local l <close> = await(net.tcp_listen("127.0.0.1:0", { nodelay = false }))
    for _, first in ipairs { "accepts", "clients" } do
      local waiting, ours = {}, nil
      if first == "clients" then ours = clients_of(l, 40) end
      for i = 1, 40 do waiting[i] = l:accept() end
      ours = ours or clients_of(l, 40)
      local theirs = await(lwt.all(waiting))
      local seen = {}
      for i = 1, 40 do
        ours[i]:write(tostring(i))
        ours[i]:shutdown()
      end
      for i = 1, 40 do seen[await(theirs[i]:read())] = true end
      for i = 1, 40 do assert.is_true(seen[tostring(i)]) end
      close_all(ours)
      close_all(theirs)
    end
  end))

  it("tells each who waits of its close, whatever those do that were told before", task(function()
    local l = await(net.tcp_listen "127.0.0.1:0")
    local sock, peer = tcp_pair()
    local gram = net.udp "127.0.0.1:0"
    for _, case in ipairs { { l, "accept" }, { sock, "read" }, { gram, "recv" } } do
      local h, method = case[1], case[2]
      local waiting = {}
      for i = 1, 4 do waiting[i] = h[method](h) end
      waiting[1]:on_failure(function() waiting[3]:cancel() end)
      h:close()
      assert.equal(lwt.Closed, failure(waiting[1]), method)
      assert.equal(lwt.Closed, failure(waiting[2]), method)
      assert.equal(lwt.Canceled, failure(waiting[3]), method)
      assert.equal(lwt.Closed, failure(waiting[4]), method)
    end
    peer:close()
    assert.has_error(function() l:fileno() end, "attempt to use a closed listener")
  end))

  it("lets several go at once", task(function()
    local l <close> = await(net.tcp_listen "127.0.0.1:0")
    local both = lwt.pick { l:accept(), l:accept(), lwt.pause() }
    await(both)
    local c <close> = await(net.tcp_connect(l:address()))
    local d <close> = await(l:accept())
    await(c:write "still there")
    assert.equal("still there", await(d:read()))
  end))

  it("may be at every address with a service's name, if there is one", task(function()
    local err = failure(net.tcp_listen "*:no-such-service")
    assert.matches("^EAI_", err.code)
    assert.has_error(function() net.tcp_connect("127.0.0.1:1", { bind = "unix:/nowhere" }) end, nil)
    assert.has_error(function() net.tcp_connect("localhost:1", { delay = -1 }) end, nil)
    assert.has_error(function() net.tcp_connect("localhost:1", { delay = "soon" }) end, nil)
  end))

  it("knows no names where lwt.net is not loaded", function()
    local r = script.run [[
      local net = require "lwt.uv".net
      print(select(2, pcall(net.tcp_connect, "localhost:1")))]]
    assert.matches("lwt.net is not loaded", r.out, r.err)
  end)
end)

describe("a socket beside its channel", function()
  it("gives it what has come and was not taken", task(function()
    local a, b = tcp_pair()
    await(b:write "0123456789")
    assert.equal("0", await(a:read(1)))
    local reading = a:read(3)
    assert.equal("123", await(reading))
    local ch = cio.of_port(a, 3, 16)
    assert.equal("45", await(ch:read(2)))
    await(b:write(("line\n"):rep(20000)))
    b:shutdown()
    assert.equal("6789line", await(ch:read_line()))
    for _ = 2, 20000 do assert.equal("line", await(ch:read_line())) end
    assert.is_nil((await(ch:read_line())))
    await(ch:close())
    b:close()
  end))

  it("is written by tasks after what the channel has begun, and before what comes then", task(function()
    local a, b = net.socketpair()
    local ch = cio.of_port(a, 3)
    ch:write(("c"):rep(1 << 22))
    local flushing = ch:flush()
    for _ = 1, 5 do lwt.yield() end
    assert.is_true(flushing:is_pending())
    local single = a:write "single"
    local several = a:write { ("t"):rep(1 << 20), "end" }
    local got, n = {}, 0
    while n < (1 << 22) + (1 << 20) + 9 do
      got[#got + 1] = await(b:read())
      n = n + #got[#got]
    end
    await(lwt.join { flushing, single, several })
    local text = table.concat(got)
    assert.equal((1 << 22) + (1 << 20) + 9, #text)
    local _, c = text:gsub("c", "")
    assert.equal(1 << 22, c)
    local at = text:find("single", 1, true)
    assert.is_truthy(at)
    assert.is_true(at < text:find("t+end", at))
    await(ch:close())
    b:close()
  end))

  it("is read by a task through a direct view, after the channel", task(function()
    local a, b = tcp_pair()
    local ch = cio.of_port(a, 3)
    local line = ch:read_line()
    lwt.yield()
    local direct = lwt.spawn(function() return lwt.direct(a):read() end)
    lwt.yield()
    await(b:write "a line\n")
    assert.equal("a line", await(line))
    await(b:write "the rest")
    assert.equal("the rest", await(direct))
    await(ch:close())
    b:close()
  end))

  it("tells the channel's write that the peer has reset the connection", task(function()
    local a, b = tcp_pair()
    local ch = cio.of_port(a, 3)
    ch:write(("x"):rep(1 << 23))
    local flushing = ch:flush()
    for _ = 1, 5 do lwt.yield() end
    b:reset()
    local err = failure(flushing)
    assert.is_true(err.code == "ECONNRESET" or err.code == "EPIPE", tostring(err))
    await(ch:abort())
  end))

  it("has no end of writing to tell a peer that is gone", task(function()
    local a, b = tcp_pair()
    local ch = cio.of_port(a, 3)
    b:reset()
    pcall(await, ch:read())
    await(ch:close "write")
    await(ch:abort())
  end))
end)

describe("a socket that closes while much is to be written", function()
  it("rejects each write once, whatever those do that were told before", task(function()
    local a, b = tcp_pair()
    local writes = { a:write(("x"):rep(1 << 23)) }
    for i = 2, 4 do writes[i] = a:write(("y"):rep(i)) end
    writes[2]:on_failure(function() writes[4]:cancel() end)
    a:close()
    for i = 1, 3 do assert.equal(lwt.Closed, failure(writes[i])) end
    assert.equal(lwt.Canceled, failure(writes[4]))
    b:close()
  end))

  it("and whose state closes in a callback, ends", function()
    local r = script.run [[
      local lwt, net = require "lwt", require "lwt.net"
      lwt.run(function()
        local a, b = net.socketpair()
        local writes = { a:write(("x"):rep(1 << 23)) }
        for i = 2, 4 do writes[i] = a:write(("y"):rep(i)) end
        writes[2]:on_failure(function() print "told" os.exit(7, true) end)
        lwt.spawn(function() lwt.direct(b):read(1) lwt.direct(b):read(1 << 24) end)
        a:close()
        lwt.wait():await()
      end)]]
    assert.same({ 7, "told\n" }, { r.code, r.out }, r.err)
  end)

  it("ends with the state while tasks read, and channels", function()
    local r = script.run [[
      local lwt, net, lio = require "lwt", require "lwt.net", require "lwt.io"
      lwt.run(function()
        local a, b = net.socketpair()
        lwt.spawn(function() lwt.direct(a):read() end)
        local ch = require "lwt.uv".io.of_port(b, 3)
        ch:write(("x"):rep(1 << 22))
        ch:flush()
        ch:read_line()
        for _ = 1, 3 do lwt.yield() end
        print "now"
        os.exit(8, true)
      end)]]
    assert.same({ 8, "now\n" }, { r.code, r.out }, r.err)
  end)
end)

describe("names and what they stand for", function()
  it("may be empty, and options of the wrong kind are refused", task(function()
    local ok, list = pcall(await, net.getaddrinfo("127.0.0.1", ""))
    assert.is_true(not ok or list[1].host == "127.0.0.1")
    assert.has_error(function() net.getaddrinfo("localhost", "80", { family = {} }) end, nil)
    assert.has_error(function() net.getnameinfo "unix:/nowhere" end, nil)
    assert.has_error(function() net.getnameinfo "localhost:80" end, nil)
    local services = await(net.getaddrinfo(nil, "80", { canonname = true, passive = true }))
    assert.equal(80, services[1].port)
    assert.equal(16, net.dns_limit(16))
  end))
end)
