-- How a handshake waits on a socket: beside others who read it, behind what is still to be sent, and what a cancel
-- leaves there.

local lwt = require "lwt"
local net = require "lwt.net"
local ssl = require "lwt.ssl"
local test = require "lwt.test"
local await = lwt.await

describe("a handshake on a socket", function()
  local ca, id, server

  setup(function()
    ca = require "spec.support.ca".make()
    id = ca:issue { name = "server", san = "DNS:localhost" }
    server = ssl.context { role = "server", cert = id.cert, key = id.key }
  end)
  teardown(function() ca:remove() end)

  local function client() return { ca = ca.pem, name = "localhost" } end

  -- Both ends can be used, and are closed.
  local function talk(serving, connecting)
    local s, c = await(serving), await(connecting)
    await(c:write "to the server")
    assert.equal("to the server", await(s:read()))
    await(s:write "to the client")
    assert.equal("to the client", await(c:read()))
    await(lwt.join { s:close(), c:close() })
  end

  local function pauses(n)
    for _ = 1, n do await(lwt.pause()) end
  end

  it("stands in the socket's line behind who reads there already, and goes on after that", test.async(function()
    local a, b = net.socketpair()
    local reader = a:read()
    local serving = ssl.accept(a, server)
    pauses(3)
    reader:cancel()
    local connecting = ssl.connect(b, client())
    talk(serving, connecting)
    a, b = net.socketpair()
    reader = a:read(5)
    serving = ssl.accept(a, server)
    await(b:write "first")
    assert.equal("first", await(reader))
    talk(serving, ssl.connect(b, client()))
  end))

  it("that is cancelled in that line takes nothing that comes", test.async(function()
    local a, b = net.socketpair()
    local reader = a:read()
    local serving = ssl.accept(a, server)
    pauses(3)
    serving:cancel()
    local ok, err = pcall(await, serving)
    assert.is_false(ok)
    assert.equal(lwt.Canceled, err)
    await(b:write "one")
    assert.equal("one", await(reader))
    await(b:write "two")
    assert.equal("two", await(lwt.with_timeout(10, a:read())))
    await(lwt.join { a:close(), b:close() })
  end))

  it("that is cancelled while it waits leaves the socket as it is, at any time", test.async(function()
    for turns = 0, 12 do
      local a, b = net.socketpair()
      local serving = ssl.accept(a, server)
      local connecting = ssl.connect(b, client())
      pauses(turns)
      connecting:cancel()
      local ok, err = pcall(await, connecting)
      assert.is_true(ok or err == lwt.Canceled, tostring(err))
      if ok then
        talk(serving, connecting)
      else
        await(b:write "this is not TLS") -- it is open, and so is the other one when that has failed
        assert.is_false(pcall(await, serving))
        await(a:write "nor is this")
        await(lwt.join { a:close(), b:close() })
      end
    end
  end))

  it("waits for the peer while its own words stand behind what the socket still sends", test.async(function()
    local junk = 4 << 20
    local a, from_a = net.socketpair()
    local b, from_b = net.socketpair()
    local written = a:write(("x"):rep(junk))
    assert.is_true(written:is_pending())
    local serving, connecting = ssl.accept(a, server), ssl.connect(b, client())
    local function carry(from, to, dropped)
      return lwt.spawn(function()
        while true do
          local data = await(from:read())
          if not data then return await(to:shutdown()) end
          local cut = math.min(dropped, #data)
          dropped = dropped - cut
          if #data > cut then await(to:write(data:sub(cut + 1))) end
        end
      end)
    end
    local there = carry(from_b, from_a, 0)
    pauses(20) -- the client's words arrive, the answer to them has to wait
    assert.is_true(serving:is_pending())
    local back = carry(from_a, from_b, junk)
    talk(serving, connecting)
    await(written)
    pcall(await, lwt.join { there, back }) -- (who closes first does not read the other's goodbye)
    await(lwt.join { from_a:close(), from_b:close() })
  end))

  it("that was given up ends when what carries it gives something after all", test.async(function()
    local a, b = net.socketpair()
    -- Its read is not to be cancelled.
    local carrier = {
      read = function(_, n) return await(lwt.no_cancel(a:read(n))) end,
      write = function(_, data) return await(a:write(data)) end,
    }
    local serving = ssl.accept(carrier, { context = server, timeout = 0.05 })
    local served, err = pcall(await, serving)
    assert.same({ false, lwt.Timeout }, { served, err })
    local connecting = ssl.connect(b, client())
    await(lwt.sleep(0.05))
    assert.is_true(connecting:is_pending())
    connecting:cancel()
    pcall(await, connecting)
    await(lwt.join { a:close(), b:close() })
  end))

  it("goes on where a write ends while a thread of the pool makes a step", test.async(function()
    local long = ca:issue { name = "long", san = "DNS:localhost", kind = "long" }
    local slow = ssl.context { role = "server", cert = long.cert, key = long.key }
    local a, b = net.socketpair()
    local held
    local carrier = {
      write = function(_, data)
        local p, resolver = lwt.wait()
        held = resolver
        await(a:write(data))
        return await(p)
      end,
      read = function(_, n)
        local data = await(a:read(n))
        local now = held
        if now then
          lwt.spawn(function()
            await(lwt.pause())
            now:wakeup()
          end)
        end
        return data
      end,
    }
    local serving, connecting = ssl.accept(carrier, slow), ssl.connect(b, client())
    local s, c = await(serving), await(connecting)
    await(c:write "to the server")
    assert.equal("to the server", await(s:read()))
    await(lwt.join { a:close(), b:close() })
  end))

  it("of which the client speaks at once needs no turn of the loop for what is there", test.async(function()
    local listener = await(net.tcp_listen "127.0.0.1:0")
    local sock = await(net.tcp_connect(listener:address()))
    await(sock:write "hello")
    await(lwt.sleep(0.05))
    local got = await(listener:accept())
    local p = got:read()
    assert.same({ "fulfilled", "hello" }, { p:state() })
    await(lwt.join { got:close(), sock:close(), listener:close() })
  end))
end)
