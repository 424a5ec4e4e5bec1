-- A finalizer that uses a TLS stream in the middle of what the stream does. Any call may run one, where the stack
-- has to grow for it: here a hook of the n-th call is in its place, for every n.

local lwt = require "lwt"
local net = require "lwt.net"
local ssl = require "lwt.ssl"
local core = require "spec.support.core"
local await = lwt.await

describe("a TLS stream that is used in the middle of a call of it", function()
  local ca, server, client
  local big = ("0123456789"):rep(30000)

  setup(function()
    ca = require "spec.support.ca".make()
    local id = ca:issue { name = "server", san = "DNS:localhost" }
    server = ssl.context { role = "server", cert = id.cert, key = id.key }
    client = ssl.context { ca = ca.pem }
  end)
  teardown(function() ca:remove() end)

  -- A stream of the server's and one of the client's, and the sockets below them.
  local function pair(serves, connects)
    local a, b = net.socketpair()
    local serving = ssl.accept(a, serves or server)
    local c = await(ssl.connect(b, connects or { context = client, name = "localhost" }))
    return await(serving), c, a, b
  end

  -- Calls act(s), and within(s) before its n-th call of a function; false when there are not so many. What goes on and
  -- on is ended.
  local function call(n, s, act, within)
    local count, steps, reached, other = 0, 0, false, nil
    debug.sethook(function(event)
      if event == "count" then
        steps = steps + 1
        if steps > 300 then error("it goes on for ever", 0) end
        return
      end
      count = count + 1
      if count == n then
        reached = true
        other = within(s)
      end
    end, "c", 10000)
    local ok, p = pcall(act, s)
    debug.sethook()
    assert.is_true(ok, tostring(p))
    return reached, p, other
  end

  local ALLOWED = { EPIPE = true }

  local function check(p, n)
    if not p then return end
    local ok, err = pcall(await, lwt.with_timeout(20, lwt.no_cancel(p)))
    assert.is_true(ok or rawequal(err, lwt.Closed) or type(err) == "table" and ALLOWED[err.code] == true,
      ("%d: %s"):format(n, err))
  end

  -- The peer gets whole writes in their order, and an end that is said; where a close has `cut` them, as far as they
  -- came, and an end that is said or a connection that is cut. Whoever waits is told.
  local function try(act, within, cut)
    local n, reached = 0, true
    while reached do
      n = n + core.count(os.getenv "LWT_UNDER" and 7 or 2, 1)
      lwt.run(function()
        local s, c = pair()
        local reading = lwt.spawn(function()
          local got = {}
          while true do
            local ok, data = pcall(await, c:read())
            if not ok then assert(cut and (data.code == "SSL_EOF" or data.code == "ECONNRESET"), tostring(data)) end
            if not ok or data == nil then break end
            got[#got + 1] = data
          end
          await(c:close())
          return table.concat(got)
        end)
        await(c:write "12345678901234567890")
        local p, other
        reached, p, other = call(n, s, act, within)
        check(p, n)
        check(other, n)
        check(s:close(), n)
        local got = await(lwt.with_timeout(20, reading))
        if cut then
          assert.is_true(got == (big .. "hello"):sub(1, #got))
        else
          assert.is_true((got:gsub(big, ""):gsub("hello", "")) == "")
        end
      end)
    end
  end

  local acts = {
    ["a write behind another"] = function(s)
      local first, second = s:write(big), s:write "hello"
      first:catch(function() end)
      return second
    end,
    ["a shutdown"] = function(s) return s:shutdown() end,
    ["a read"] = function(s) return s:read(10) end,
  }
  local withins = {
    ["a shutdown"] = function(s) return s:shutdown() end,
    ["a write"] = function(s) return s:write(big) end,
    ["a read"] = function(s) return s:read(3) end,
  }

  for name, act in pairs(acts) do
    for other, within in pairs(withins) do
      it(("goes on as it should: %s in %s"):format(other, name), function() try(act, within) end)
    end
  end

  it("is closed, and its peer has no byte out of order, where the call is a close", function()
    try(acts["a write behind another"], function(s) return s:close() end, true)
  end)

  it("gives up what waits to be written where there is no memory to hear when the socket has taken it", function()
    lwt.run(function()
      local s, c = pair()
      local of_promises = getmetatable(lwt.fulfilled()).__index
      local try_bind = of_promises.try_bind
      of_promises.try_bind = function() error("not enough memory", 0) end
      local ok, writing = pcall(c.write, c, ("x"):rep(4 << 20)) -- more than the system takes
      of_promises.try_bind = try_bind
      assert.is_true(ok)
      for _, p in ipairs { writing, c:write "more" } do
        local written, err = pcall(await, lwt.with_timeout(10, p))
        assert.same({ false, "not enough memory" }, { written, err })
      end
      await(lwt.join { lwt.protected(s:close()), lwt.protected(c:close()) })
    end)
  end)

  it("closes what is below where there is no memory for the task that would see to it", function()
    lwt.run(function()
      local s, c, a = pair()
      s:write(big):catch(function() end)
      s:write(big):catch(function() end)
      local spawn = lwt.spawn
      lwt.spawn = function() error("not enough memory", 0) end
      local ok, err = pcall(s.close, s)
      lwt.spawn = spawn
      assert.is_false(ok)
      assert.equal("not enough memory", err)
      assert.is_true(s:is_closed())
      assert.equal(lwt.Closed, select(2, pcall(await, lwt.with_timeout(20, a:read()))))
      await(s:close())
      await(c:close())

      local listener <close> = await(net.tcp_listen "127.0.0.1:0")
      local address = listener:address()
      local accepting = listener:accept()
      lwt.spawn = function() error("not enough memory", 0) end
      ok, err = pcall(await, ssl.connect(address, { context = client, name = "localhost" }))
      lwt.spawn = spawn
      assert.is_false(ok)
      assert.equal("not enough memory", err)
      local there <close> = await(accepting)
      assert.is_nil(await(lwt.with_timeout(20, there:read())))
    end)
  end)

  it("can be written to after a cut that is allowed, as after a goodbye", function()
    for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
      lwt.run(function()
        local s, c, _, b = pair({ context = server, allow_truncation = true },
          { ca = ca.pem, max_version = version, name = "localhost" })
        await(c:write "question")
        assert.equal("question", await(s:read()))
        await(b:shutdown()) -- of the socket: nothing is said in TLS
        assert.is_nil(await(s:read()))
        assert.is_nil(await(s:read()))
        await(s:write "answer")
        assert.equal("answer", await(c:read()))
        await(s:close())
        assert.is_nil(await(c:read()))
        await(c:close())
      end)
    end
  end)

  it("gives to the second shutdown what becomes of the first, though that is cancelled", function()
    lwt.run(function()
      local s, c = pair()
      s:write(big):catch(function() end)
      s:write(big):catch(function() end)
      local p = s:shutdown()
      p:cancel()
      local q = s:shutdown()
      while await(c:read()) do end
      await(q)
      await(lwt.both(s:close(), c:close()))
    end)
  end)

  it("sends the whole of a write that is cancelled while its first part is encrypted, or nothing", function()
    local n, reached = 0, true
    while reached do
      n, reached = n + 1, false
      lwt.run(function()
        local a, b = net.socketpair()
        local held
        local accepting = ssl.accept({
          read = function(_, size) return a:read(size) end,
          write = function(_, data)
            local p = a:write(data)
            if held == nil then return p end
            local go_on, resolver = lwt.wait()
            held = resolver
            return go_on:bind(function() return p end)
          end,
          close = function() return a:close() end,
        }, server)
        local c = await(ssl.connect(b, { context = client, name = "localhost" }))
        local s = await(accepting)
        await(s:write "(")
        held = false
        local first, second, third = s:write "<", s:write(big), s:write ">)"
        local resolver, count = held, 0
        held = nil
        debug.sethook(function()
          local info = debug.getinfo(2, "Sn")
          if info.what == "C" and not info.name then return end -- (the core's own: no finalizer runs there)
          count = count + 1
          if count == n then
            reached = true
            second:cancel()
          end
        end, "c")
        resolver:wakeup()
        debug.sethook()
        local got = {}
        local reading = lwt.spawn(function()
          for data in function() return await(c:read()) end do got[#got + 1] = data end
        end)
        for _, p in ipairs { first, second, third, s:shutdown() } do pcall(await, p) end
        await(reading)
        local text = table.concat(got)
        assert.is_true(text == "(<>)" or text == "(<" .. big .. ">)", ("%d: %d bytes"):format(n, #text))
        await(lwt.both(s:close(), c:close()))
      end)
    end
    assert.is_true(n > 20)
  end)
end)
