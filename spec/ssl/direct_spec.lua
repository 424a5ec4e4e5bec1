-- What lwt.direct shows of a TLS stream: a view that reads and writes in C.

local lwt = require "lwt"
local net = require "lwt.net"
local ssl = require "lwt.ssl"
local await = lwt.await

describe("the direct view of a TLS stream", function()
  local ca, server

  setup(function()
    ca = require "spec.support.ca".make()
    local id = ca:issue { name = "server", san = "DNS:localhost" }
    server = ssl.context { role = "server", cert = id.cert, key = id.key }
  end)
  teardown(function() ca:remove() end)

  -- Runs f(view of one end, view of the other, their streams) in a task, and closes all.
  local function with_pair(f, wrap)
    return function()
      lwt.run(function()
        local a, b = net.socketpair()
        local x, y = a, b
        if wrap then x, y = wrap(a), wrap(b) end
        local s, c = await(lwt.both(ssl.accept(x, server),
          ssl.connect(y, { ca = ca.pem, name = "localhost", allow_truncation = false })))
        f(lwt.direct(s), lwt.direct(c), s, c, a)
        await(lwt.both(s:close(), c:close()))
        a:close()
        b:close()
      end)
    end
  end

  -- A stranger's stream around a socket: TLS over it is done in Lua.
  local function plain(sock)
    return { read = function(_, n) return sock:read(n) end, write = function(_, data) return sock:write(data) end,
      close = function() return sock:close() end }
  end

  for name, wrap in pairs { ["over a socket"] = false, ["over a stranger's stream"] = plain } do
    it("reads and writes, whole and in parts, to the end, " .. name, with_pair(function(s, c)
      local served = lwt.spawn(function()
        local n = 0
        for data in function() return s:read() end do
          n = n + #data
          s:write(data)
        end
        s:shutdown()
        return n
      end)
      c:write "abcdef"
      assert.equal("abc", c:read(3))
      assert.equal("def", c:read(3))
      c:write { "a", 1 }
      assert.equal("a1", c:read(2))
      local text = ("0123456789abcdef"):rep(1 << 16) -- more than any buffer has room for
      local back = lwt.spawn(function()
        local parts, n = {}, 0
        while n < #text do
          local data = c:read()
          parts[#parts + 1], n = data, n + #data
        end
        return table.concat(parts)
      end)
      c:write(text)
      assert.is_true(await(back) == text)
      c:shutdown()
      assert.is_nil(c:read())
      assert.is_nil(c:read())
      assert.equal(#text + 8, await(served))
    end, wrap or nil))

    it("serves tasks and promises in their order, " .. name, with_pair(function(s, c, stream)
      local got = {}
      local function reader(i)
        return lwt.spawn(function() got[i] = s:read(2) end)
      end
      local tasks = { reader(1) }
      tasks[2] = stream:read(2):map(function(data) got[2] = data end)
      tasks[3] = reader(3)
      tasks[4] = reader(4)
      lwt.pause():await()
      c:write "aabbccdd"
      await(lwt.join(tasks))
      assert.equal("aa bb cc dd", table.concat(got, " "))
    end, wrap or nil))

    it("loses nothing when a read is cancelled, alone or in the line, " .. name, with_pair(function(s, c, stream)
      for round = 1, 20 do
        local alone = lwt.spawn(function() return s:read() end)
        if round % 2 == 0 then lwt.pause():await() end
        local behind = round % 4 > 1 and stream:read(1)
        if round % 3 == 0 then c:write "x" end
        alone:cancel()
        assert.is_false((pcall(await, alone)))
        if round % 3 ~= 0 then c:write "x" end
        assert.equal("x", behind and await(behind) or s:read())
      end
      -- In the very turn in which the bytes come.
      for _ = 1, 50 do
        local reading = lwt.spawn(function() return s:read(1) end)
        lwt.pause():await()
        c:write "y"
        local ended = lwt.spawn(function()
          lwt.pause():await()
          reading:cancel()
        end)
        if not pcall(await, reading) then assert.equal("y", s:read(1)) end
        await(ended)
      end
    end, wrap or nil))

    it("tells who waits that it is closed, " .. name, with_pair(function(s, _, stream)
      local first = lwt.spawn(function() return s:read() end)
      local second = stream:read()
      local third = lwt.spawn(function() return s:read() end)
      lwt.pause():await()
      stream:close()
      for _, p in ipairs { first, second, third } do
        local ok, err = pcall(await, p)
        assert.is_false(ok)
        assert.equal(lwt.Closed, err)
      end
      for _, f in ipairs { s.read, s.write } do
        local ok, err = pcall(f, s, f == s.write and "x" or nil)
        assert.is_false(ok)
        assert.equal(lwt.Closed, err)
      end
      assert.is_true(lwt.direct(stream):is_closed())
      assert.equal(lwt.Closed, select(2, pcall(lwt.direct(stream).read, lwt.direct(stream))))
    end, wrap or nil))
  end

  it("raises what ends the connection, to the task that waits and to later ones", with_pair(function(s, _, _, _, below)
    local reading = lwt.spawn(function() return s:read() end)
    lwt.pause():await()
    below:close()
    local ok, err = pcall(await, reading)
    assert.is_false(ok)
    assert.is_true(err == lwt.Closed or type(err) == "table" and err.code ~= nil, tostring(err))
    assert.is_false((pcall(s.read, s)))
    assert.is_false((pcall(s.write, s, "x")))
  end))

  it("raises SSL_EOF where there was no goodbye", with_pair(function(_, c, _, _, below)
    local reading = lwt.spawn(function() return c:read() end)
    lwt.pause():await()
    below:close()
    local ok, err = pcall(await, reading)
    assert.is_false(ok)
    assert.equal("SSL_EOF", err.code)
  end))

  it("does nothing in a task that is cancelled", with_pair(function(s, c)
    local tried = lwt.spawn(function()
      pcall(lwt.sleep, 0)
      pcall(await, lwt.sleep(10))
      local ok, err = pcall(c.write, c, "must not go out")
      assert.is_false(ok)
      assert.equal(lwt.Canceled, err)
      return "seen"
    end)
    lwt.pause():await()
    tried:cancel()
    pcall(await, tried)
    local early = lwt.spawn(function()
      lwt.current():cancel()
      return pcall(c.write, c, "nor this")
    end)
    pcall(await, early)
    c:write "this"
    local text = s:read()
    assert.truthy(text:find "this$")
    assert.is_nil(text:find("nor", 1, true))
  end))

  it("says what is wrong with an argument, at the caller's line", with_pair(function(s)
    for _, bad in ipairs { -1, 0, 1.5, "x", true } do
      local ok, err = pcall(function() return (s:read(bad)) end)
      assert.is_false(ok)
      assert.truthy(tostring(err):find("direct_spec.lua", 1, true), tostring(err))
    end
    local ok, err
    for _, bad in ipairs { true, { 1, true }, { {} } } do
      ok, err = pcall(function() s:write(bad) end)
      assert.is_false(ok)
      assert.truthy(err:find("direct_spec.lua:%d+: bad argument #1 to 'write' "), err)
    end
    ok, err = pcall(function() s.read({}) end)
    assert.is_false(ok)
    assert.truthy(err:find("TLS stream", 1, true), err)
    assert.is_false((pcall(s.read, io.stdout)))
  end))

  it("and those of contexts and sessions, may be options", with_pair(function(s, c)
    s:write("x")
    assert.equal("x", c:read())
    local shown = lwt.direct(ssl)
    local of_server = shown.context { role = "server", sni = { localhost = lwt.direct(server) } }
    local of_client = shown.context { ca = ca.pem }
    local session = c:session()
    for _, opts in ipairs {
      { context = of_client, name = "localhost" }, { ca = ca.pem, name = "localhost", session = session },
    } do
      local a, b = net.socketpair()
      local accepting = ssl.accept(a, of_server)
      local other <close> = shown.connect(b, opts)
      local served <close> = lwt.direct((await(accepting)))
      other:write("y")
      assert.equal("y", served:read())
    end
    local lio = require "lwt.io"
    local listener <close> = await(lio.establish_server("127.0.0.1:0", function(ch) return ch:write_line("z") end,
      { tls = of_server }))
    local ch <close> = await(lio.open_connection(listener:address(),
      { tls = { context = of_client, name = "localhost" } }))
    assert.equal("z", await(ch:read_line()))
  end))

  -- A hook stands for the finalizer that may run where the entry of the line is allocated.
  it("is told when the stream is closed while its read goes to the line of others", with_pair(function(_, c, _, stream)
    local reader = require "lwt.ssl.waiting".reader
    local direct = lwt.spawn(function() return c:read() end)
    await(lwt.pause())
    local closed = false
    debug.sethook(function()
      if closed or debug.getinfo(2, "f").func ~= reader then return end
      closed = true
      stream:close()
    end, "c")
    local second = stream:read()
    debug.sethook()
    assert.is_true(closed)
    for _, p in ipairs { direct, second } do
      local ok, err = pcall(await, lwt.with_timeout(60, p))
      assert.same({ false, lwt.Closed }, { ok, err })
    end
    local x, y = net.socketpair() -- what is cancelled hears of it as ever
    local cancelled = x:read()
    cancelled:cancel()
    await(y:write "whole")
    assert.equal("whole", await(x:read()))
    x:close()
    y:close()
  end))

  -- A hook that raises stands for the memory that there is not.
  for _, how in ipairs { "task", "promise" } do
    it("is told when there is no memory to see to an error of the transport: a " .. how, function()
      local main = coroutine.running()
      lwt.run(function()
        local listener = await(net.tcp_listen "127.0.0.1:0")
        local a, b = await(lwt.both(listener:accept(), net.tcp_connect(listener:address())))
        local s, c = await(lwt.both(ssl.accept(a, server), ssl.connect(b, { ca = ca.pem, name = "localhost" })))
        local reading = how == "promise" and c:read() or lwt.spawn(function() return lwt.direct(c):read() end)
        await(lwt.pause())
        local raised = 0
        debug.sethook(main, function()
          if not debug.getinfo(2, "S").short_src:find("ssl/stream.lua", 1, true) then return end
          raised = raised + 1
          error "no memory"
        end, "c")
        a:reset()
        local ok, err = pcall(await, lwt.with_timeout(60, reading))
        debug.sethook(main)
        assert.same({ 1, false, "not enough memory" }, { raised, ok, err })
        await(lwt.both(s:close(), c:close()))
        listener:close()
      end)
    end)
  end

  it("can be left waiting at the end of a run, and of the program", function()
    local core = require "spec.support.core"
    local text, status = core.child(([[
      local lwt = require "lwt"
      local net, ssl = require "lwt.net", require "lwt.ssl"
      local a, b = net.socketpair()
      lwt.run(function()
        local server = ssl.context { role = "server", cert = %q, key = %q }
        local s, c = lwt.await(lwt.both(ssl.accept(a, server), ssl.connect(b, { verify = false })))
        lwt.spawn(function() lwt.direct(s):read() end)
        lwt.spawn(function() lwt.direct(c):read() end)
        c:read()
        lwt.pause():await()
      end)
      print "ended"]]):format(ca:path "server.pem", ca:path "server.key"))
    assert.equal(0, status, text)
    assert.truthy(text:find("ended", 1, true), text)
  end)
end)
