-- Reading sockets in callbacks, and by tasks that have yet to be told of a cancel: nothing is
-- lost, nothing comes twice, and nobody gets what is somebody else's. (Every style of reading:
-- spec/byte_sources_spec.lua.)

local lwt = require "lwt"
local fs = require "lwt.fs"
local net = require "lwt.net"
local expect = require "spec.support.expect"
local task = expect.task

local await, spawn = lwt.await, lwt.spawn

local function tcp_pair()
  local l <close> = await(net.tcp_listen "127.0.0.1:0")
  local accepted = l:accept()
  return await(net.tcp_connect(l:address())), await(accepted)
end

-- Something has arrived at `sock`, and is with the system or held.
local function arrived(sock)
  await(net.wait_readable(sock:fileno()))
end

-- Runs f in a task that has been told to stop before it gets there, and is told so by its await.
local function due(f)
  local ok, err = pcall(await, (function()
    local t = spawn(function()
      lwt.current():cancel()
      return f()
    end)
    return t
  end)())
  assert.is_false(ok)
  assert.equal(lwt.Canceled, err)
end

describe("a read in a callback", function()
  it("of another connection leaves what is still to come of the first", task(function()
    local a, a_peer = tcp_pair()
    local b, b_peer = tcp_pair()
    local all = ("B"):rep(4 << 20)
    local written = b_peer:write(all)
    arrived(b)
    local got_b = #await(b:read())
    local also
    local p = a:read(4):bind(function(s)
      also = b:read(4096)
      return lwt.fulfilled(s)
    end)
    await(a_peer:write "headSECRET-OF-A")
    assert.equal("head", await(p))
    assert.equal("SECRET-OF-A", await(a:read()))
    got_b = got_b + #await(also)
    while got_b < #all do
      local s = await(b:read())
      assert.equal(("B"):rep(#s), s)
      got_b = got_b + #s
    end
    await(written)
    for _, s in ipairs { a, a_peer, b, b_peer } do s:close() end
  end))

  it("of a file leaves what is still to come of the socket", task(function()
    local a, b = net.socketpair()
    local path = (os.getenv "TMPDIR" or "/tmp") .. "/lwt-secret"
    await(fs.write_file(path, ("FILE-CONTENTS "):rep(100)))
    local f <close> = await(fs.open(path))
    await(f:read(14))
    local p = a:read(4):bind(function(s)
      f:read(100)
      return lwt.fulfilled(s)
    end)
    await(b:write "headthe rest of the message")
    assert.equal("head", await(p))
    assert.equal("the rest of the message", await(a:read()))
    a:close()
    b:close()
  end))

  it("gets what the first read left", task(function()
    for _, pair in ipairs { tcp_pair, net.socketpair } do
      local a, b = pair()
      local order = {}
      local p = a:read(3):bind(function(s)
        order[1] = s
        return a:read(2):bind(function(t)
          order[2] = t
          return a:read()
        end)
      end)
      await(b:write "abcdefgh")
      order[3] = await(p)
      assert.same({ "abc", "de", "fgh" }, order)
      a:close()
      b:close()
    end
  end))

  it("may close the socket, also with others waiting", task(function()
    local a, b = tcp_pair()
    local p, q = a:read(1), a:read(1)
    p:on_success(function() a:close() end)
    await(b:write "xyz")
    assert.equal("x", await(p))
    assert.same({ false, lwt.Closed }, { pcall(await, q) })
    b:close()
  end))
end)

describe("a task to which a cancel is due", function()
  for name, pair in pairs { ["a TCP socket"] = tcp_pair, ["a pair"] = net.socketpair } do
    it("leaves what is at hand to the next reader of " .. name, task(function()
      local a, b = pair()
      await(b:write "abcdef")
      arrived(a)
      assert.equal("a", await(a:read(1)))
      due(function() await(a:read(2)) end)
      due(function() lwt.direct(a):read(2) end)
      assert.equal("bcdef", await(a:read()))
      a:close()
      b:close()
    end))

    it("may be given any number of arguments by the reader of " .. name, task(function()
      local a, b = pair()
      for _, n in ipairs { 8, 253, 254, 255, 300 } do
        local p
        due(function()
          p = a:write("x", table.unpack({}, 1, n))
          lwt.yield()
        end)
        await(p)
        assert.equal("x", await(b:read()))
      end
      a:close()
      b:close()
    end))

    it("writes nothing to " .. name, task(function()
      local a, b = pair()
      due(function() await(a:write "no") end)
      due(function() await(a:writev { "n", "o" }) end)
      due(function() lwt.direct(a):write "no" end)
      await(a:write "yes")
      await(a:shutdown())
      assert.equal("yes", await(b:read()))
      assert.is_nil(await(b:read()))
      a:close()
      b:close()
    end))
  end

  it("takes no datagram, and sends none", task(function()
    local a, b = net.udp "127.0.0.1:0", net.udp "127.0.0.1:0"
    local first = b:recv()
    await(a:send("0", b:getsockname()))
    await(a:send("1", b:getsockname()))
    await(first)
    for _ = 1, 3 do lwt.yield() end -- the other one is held
    due(function() await(b:recv()) end)
    due(function() lwt.direct(b):recv() end)
    due(function() await(a:send("no", b:getsockname())) end)
    await(a:send("2", b:getsockname()))
    assert.equal("1", (await(lwt.with_timeout(5, b:recv()))))
    assert.equal("2", (await(lwt.with_timeout(5, b:recv()))))
    a:close()
    b:close()
  end))

  it("accepts nobody", task(function()
    local l = await(net.tcp_listen "127.0.0.1:0")
    local client = await(net.tcp_connect(l:address()))
    due(function() await(l:accept()) end)
    due(function() lwt.direct(l):accept() end)
    local peer = await(lwt.with_timeout(5, l:accept()))
    await(client:write "still here")
    assert.equal("still here", await(peer:read()))
    for _, s in ipairs { l, client, peer } do s:close() end
  end))

  it("loses nothing in a scope that was canceled, either", task(function()
    local a, b = net.socketpair()
    await(b:write "abc")
    arrived(a)
    await(a:read(1))
    local s
    local scope = lwt.scope(function(inner)
      s = inner
      pcall(await, lwt.sleep(60))
      for _ = 1, 3 do pcall(function() await(a:read(1)) end) end
    end)
    s:cancel()
    pcall(await, scope)
    assert.equal("bc", await(lwt.with_timeout(5, a:read())))
    a:close()
    b:close()
  end))

  it("gets what it asked for when it keeps the promise", task(function()
    local a, b = net.socketpair()
    await(b:write "abc")
    arrived(a)
    await(a:read(1))
    local kept
    pcall(await, spawn(function()
      lwt.current():cancel()
      kept = a:read(1)
    end))
    assert.equal("b", await(kept))
    assert.equal("c", await(lwt.with_timeout(5, a:read())))
    a:close()
    b:close()
  end))
end)

describe("a connection that is reset while it writes", function()
  it("gives its reader what is there, and then the error", task(function()
    local a, b = tcp_pair()
    await(b:write "last words")
    arrived(a)
    b:reset()
    local err
    repeat
      local ok, why = pcall(await, a:write(("x"):rep(1 << 16)))
      if not ok then err = why end
    until err
    assert.equal("ECONNRESET", err.code)
    local ok, why
    repeat ok, why = pcall(await, a:read()) until not ok or why == nil
    assert.is_false(ok)
    assert.equal("ECONNRESET", why.code)
    a:close()
  end))
end)

describe("many operations are cancelled newest first in linear time:", function()
  for kind, start in pairs {
    reads = function(a) return a:read() end,
    writes = function(a) return a:write "x" end,
    ["lookups of names"] = function() return net.getaddrinfo("127.0.0.1", "80") end,
    ["lookups of addresses"] = function() return net.getnameinfo "127.0.0.1:80" end,
  } do
    it(kind, task(function()
      local a, b = net.socketpair()
      local full = a:write(("x"):rep(1 << 22)) -- what follows waits
      local function cancelling(n)
        local list = {}
        for i = 1, n do list[i] = start(a) end
        local begin = os.clock()
        for i = n, 1, -1 do list[i]:cancel() end
        return os.clock() - begin
      end
      local small = math.max(cancelling(2000), 0.002)
      assert.is_true(cancelling(20000) < 60 * small) -- (10 times as many)
      full:cancel()
      a:close()
      b:close()
    end))
  end
end)

describe("a queue of waiters", function()
  it("goes on for as long as it never empties", task(function()
    local a, b = net.socketpair()
    local reads = {}
    for i = 1, 3 do reads[i] = a:read(1) end
    for round = 1, 2000 do
      await(b:write(string.char(round % 256)))
      assert.equal(string.char(round % 256), await(table.remove(reads, 1)))
      reads[3] = a:read(1)
      if round % 7 == 0 then
        reads[2]:cancel()
        table.remove(reads, 2)
        reads[3] = a:read(1)
      end
    end
    a:close()
    for _, p in ipairs(reads) do assert.same({ false, lwt.Closed }, { pcall(await, p) }) end
    b:close()
  end))
end)

