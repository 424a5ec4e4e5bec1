-- What lwt.h has of sockets: socket_read, socket_write, socket_wait, used by a module in C that knows
-- nothing else of lwt (spec/support/memory_socket.c).
local lwt = require "lwt"
local net = require "lwt.net"
local build = require "spec.support.build"
local test = require "lwt.test"
local await = lwt.await

local AGAIN, NO_SOCKET = -1, -2

describe("a socket read and written from C", function()
  local dir, c

  setup(function()
    dir = build.temp_dir()
    c = build.module(dir, build.root .. "/spec/support/memory_socket.c", "memory_socket")
  end)
  teardown(function() lwt.run(build.remove_dir(dir)) end)

  -- A watcher, and a promise that it has been told.
  local function watcher()
    local told, resolver = lwt.wait()
    return c.watcher(function() resolver:wakeup() end), told
  end

  local function kinds(f)
    local a, b = net.socketpair()
    f(a, b)
    await(a:close())
    await(b:close())
    local listener = await(net.tcp_listen "127.0.0.1:0")
    local accepting = listener:accept()
    a = await(net.tcp_connect(listener:address()))
    b = await(accepting)
    f(a, b)
    await(a:close())
    await(b:close())
    await(listener:close())
  end

  it("gives what has arrived, and its end, to who waits", test.async(function()
    kinds(function(a, b)
      local w, told = watcher()
      assert.equal(AGAIN, c.read(a, 10))
      assert.equal(0, c.wait(w, a))
      assert.is_true(c.waits(w))
      lwt.yield()
      assert.is_true(told:is_pending())
      await(b:write "hello there")
      await(told)
      assert.is_false(c.waits(w))
      assert.equal("hello", c.read(a, 5))
      assert.equal(" there", c.read(a, 100))
      w, told = watcher()
      assert.equal(0, c.wait(w, a))
      await(b:shutdown())
      await(told)
      assert.equal(0, c.read(a, 10))
      assert.equal(0, c.read(a, 10))
      assert.equal(1, c.wait(w, a))
    end)
  end))

  it("writes what the system takes", test.async(function()
    kinds(function(a, b)
      assert.equal(5, c.write(a, "hello"))
      assert.equal("hello", await(b:read()))
      assert.equal(AGAIN, c.write(a, ""))
      local text, sent = ("x"):rep(1 << 20), 0
      while true do
        local n = c.write(a, text)
        if n == AGAIN then break end
        sent = sent + n
      end
      assert.is_true(sent > 0)
      local had = 0
      while had < sent do had = had + #await(b:read()) end
      assert.equal(sent, had)
      await(a:shutdown())
      assert.equal(AGAIN, c.write(a, "x"))
    end)
  end))

  it("has one who reads at a time, and loses nothing to who goes", test.async(function()
    kinds(function(a, b)
      local w, told = watcher()
      local w2, told2 = watcher()
      assert.equal(0, c.wait(w, a))
      assert.equal(AGAIN, c.wait(w2, a))
      assert.equal(AGAIN, c.read(a, 10))
      c.unwait(w)
      assert.is_false(c.waits(w))
      c.unwait(w) -- does nothing
      assert.equal(0, c.wait(w2, a))
      await(b:write "for the second")
      await(told2)
      assert.is_true(told:is_pending())
      assert.equal("for the second", c.read(a, 100))
      -- A task that reads is before us, and one that comes while we wait after us.
      local reading = a:read()
      assert.equal(AGAIN, c.wait(w, a))
      await(b:write "for the task")
      assert.equal("for the task", await(reading))
      assert.equal(0, c.wait(w, a))
      reading = a:read(3)
      assert.is_true(reading:is_pending())
      await(b:write "one two")
      await(told)
      assert.equal("one", await(reading))
      assert.equal(" two", c.read(a, 100))
      -- What comes for nobody stays.
      w = watcher()
      assert.equal(0, c.wait(w, a))
      c.unwait(w)
      await(b:write "held")
      lwt.sleep(0.01):await()
      assert.equal("held", await(a:read()))
    end)
  end))

  it("leaves to tasks, and to its channel, what they have begun", test.async(function()
    kinds(function(a, b)
      local reading = a:read(5)
      assert.equal(AGAIN, c.read(a, 10))
      await(b:write "12345")
      assert.equal("12345", await(reading))
      local direct = lwt.spawn(function() return lwt.direct(a):read(5) end)
      lwt.yield()
      assert.equal(AGAIN, c.read(a, 10))
      assert.equal(AGAIN, c.wait(watcher(), a))
      await(b:write "67890")
      assert.equal("67890", await(direct))
      await(b:write "what is held")
      assert.equal("what", await(a:read(4)))
      assert.equal(1, c.wait(watcher(), a))
      assert.equal(" is held", c.read(a, 100))
      assert.equal(AGAIN, c.write(a, ""))
      local n, writing = 0
      local function read_all()
        while n > 0 do n = n - #await(b:read()) end
      end
      repeat
        writing = a:write(("x"):rep(1 << 20))
        n = n + (1 << 20)
      until writing:is_pending()
      assert.equal(AGAIN, c.write(a, "y"))
      read_all()
      await(writing)
      local ch = require "lwt.uv".io.of_port(a, 3)
      repeat
        ch:write(("x"):rep(1 << 20))
        n = n + (1 << 20)
        writing = ch:flush()
        for _ = 1, 3 do lwt.yield() end
      until writing:is_pending()
      assert.equal(AGAIN, c.write(a, "y"))
      read_all()
      await(writing)
      await(a:shutdown())
      assert.equal(AGAIN, c.write(a, "y"))
      await(ch:close())
    end)
  end))

  it("is told of a close, a reset, and a socket that is none", test.async(function()
    kinds(function(a)
      local w, told = watcher()
      assert.equal(0, c.wait(w, a))
      await(a:close())
      await(told)
      assert.equal(NO_SOCKET, c.read(a, 1))
      assert.equal(NO_SOCKET, c.write(a, "x"))
      assert.equal(NO_SOCKET, c.wait(w, a))
    end)
    for _, other in ipairs { 1, "x", {}, io.stdout, false } do
      assert.equal(NO_SOCKET, c.read(other, 1))
      assert.equal(NO_SOCKET, c.write(other, "x"))
      assert.equal(NO_SOCKET, c.wait(watcher(), other))
    end
    local listener = await(net.tcp_listen "127.0.0.1:0")
    local accepting = listener:accept()
    local a = await(net.tcp_connect(listener:address()))
    local b = await(accepting)
    local w, told = watcher()
    assert.equal(0, c.wait(w, a))
    b:reset()
    await(told)
    assert.equal(AGAIN, c.read(a, 10)) -- an error, which the socket's own method tells
    assert.equal(1, c.wait(w, a))
    assert.equal("ECONNRESET", select(2, pcall(await, a:read())).code)
    await(a:close())
    await(listener:close())
  end))

  it("keeps a program running while it waits, and ends with it", function()
    local shell = require "spec.support.shell"
    local path = build.library(dir, build.root .. "/spec/support/memory_socket.c", "memory_socket2")
    local program = shell.write(dir .. "/wait.lua", ([[
      local lwt, net = require "lwt", require "lwt.net"
      local c = assert(package.loadlib(%q, "luaopen_memory_socket"))()
      lwt.run(function()
        local told, resolver = lwt.wait()
        local a, b = net.socketpair()
        local w = c.watcher(function() resolver:wakeup() end)
        assert(c.wait(w, a) == 0)
        lwt.spawn(function() lwt.sleep(0.05):await() b:write("x"):await() end)
        told:await()
        assert(c.read(a, 9) == "x")
        assert(c.wait(w, a) == 0)
        print "ends"
      end)]]):format(path))
    local r = shell.run(("%s '%s'"):format(shell.lua, program))
    assert.equal("ends\n", r.out, r.err)
    assert.equal(0, r.code)
  end)
end)
