-- What the network does to a program: no descriptors left, peers that reset, stall or flood.

local lwt = require "lwt"
local net = require "lwt.net"
local expect = require "spec.support.expect"
local task, failure = expect.task, expect.failure
local await = lwt.await

-- KiB; nothing under a sanitizer or valgrind, whose own memory this would measure.
local function resident()
  if os.getenv("LWT_UNDER") then return 0 end
  local f <close> = assert(io.open("/proc/self/status"))
  return tonumber(f:read("a"):match("VmRSS:%s*(%d+)"))
end

-- A server in a process of its own, which prints its port first.
local function server(code, before)
  local path = os.tmpname()
  local f <close> = assert(io.open(path, "w"))
  f:write([[
    local lwt, net = require "lwt", require "lwt.net"
    local await = lwt.await
    local function tell(...) io.write(...) io.write("\n") io.flush() end
  ]], code)
  f:close()
  local p = assert(io.popen(("%s exec %s %s 2>&1"):format(before or "",
    os.getenv("LUA") or "lua5.4", path)))
  local port = p:read("l")
  os.remove(path)
  return p, port
end

describe("a server without descriptors", function()
  it("loses no client: it waits, and serves all of them", function()
    local p, address = server([[
      lwt.run(function()
        local listener = await(net.tcp_listen("127.0.0.1:0", { backlog = 1024 }))
        tell(listener:address())
        local served, most, open = 0, 0, 0
        while served + open < 1000 do
          local sock = await(listener:accept())
          open = open + 1
          most = math.max(most, open)
          lwt.spawn(function()
            local s <close> = sock
            await(s:write(await(s:read()):upper()))
            await(s:read()) -- the client goes first
            open = open - 1
            served = served + 1
          end)
        end
        while open > 0 do await(lwt.sleep(0.01)) end
        tell("served ", served, ", at most ", most)
      end)
    ]], "ulimit -n 64;")
    lwt.run(function()
      -- This process may have no more than 1024 descriptors: a thousand clients, 500 at a time.
      local answers, clients = 0, {}
      local places = require("lwt.semaphore").create(500)
      for i = 1, 1000 do
        clients[i] = lwt.spawn(function()
          await(places:with(function()
            local s <close> = await(net.tcp_connect(address))
            await(s:write("hello"))
            if await(s:read()) == "HELLO" then answers = answers + 1 end
          end))
        end)
      end
      await(lwt.with_timeout(60, lwt.join(clients)))
      assert.equal(1000, answers)
    end)
    local out = p:read("a")
    p:close()
    local served, most = out:match("served (%d+), at most (%d+)")
    assert.equal("1000", served, out)
    assert.is_true(tonumber(most) < 64, out)
  end)

  it("goes on when a descriptor that is not the network's is closed", function()
    local p, address = server([[
      lwt.run(function()
        local listener = await(net.tcp_listen("127.0.0.1:0"))
        tell(listener:address())
        local files = {}
        while true do
          local f = io.open("/dev/null")
          if not f then break end
          files[#files + 1] = f
        end
        local p = listener:accept()
        await(lwt.sleep(0.2))
        tell(tostring(p:is_pending()))
        for _, f in ipairs(files) do f:close() end
        await(p):close()
        tell("accepted")
      end)
    ]], "ulimit -n 40;")
    lwt.run(function()
      local s <close> = await(net.tcp_connect(address))
      assert.is_nil(await(s:read()))
    end)
    assert.equal("true\naccepted\n", p:read("a"))
    p:close()
  end)

  it("has several listeners wait side by side, of which some go", function()
    local p, last = server([[
      lwt.run(function()
        local l, c = {}, {}
        for i = 1, 4 do l[i] = await(net.tcp_listen "127.0.0.1:0") end
        for i = 1, 4 do c[i] = await(net.tcp_connect(l[i]:address())) end
        local files = {}
        while true do
          local f = io.open("/dev/null")
          if not f then break end
          files[#files + 1] = f
        end
        local accepted = {}
        for i = 1, 4 do accepted[i] = l[i]:accept() end
        local second = l[1]:accept() -- that one waits for a descriptor already
        await(lwt.sleep(0.05))
        for i = 1, 4 do assert(accepted[i]:is_pending()) end
        accepted[2]:cancel()
        l[3]:close()
        assert(not pcall(await, accepted[3]))
        for _, f in ipairs(files) do f:close() end
        await(accepted[4]):close()
        await(accepted[1]):close()
        local late = await(net.tcp_connect(l[1]:address()))
        await(second):close()
        await(l[2]:accept()):close()
        late:close()
        tell("all served")
      end)
    ]], "ulimit -n 40;")
    assert.equal("all served", last)
    p:close()
  end)

  it("gets errors, and not more, where it opens itself", function()
    local p, first = server([[
      local all = {}
      tell("start")
      lwt.run(function()
        local ok, err, other
        repeat
          ok, err, other = pcall(net.socketpair)
          all[#all + 1] = err
          all[#all + 1] = other
        until not ok
        while true do -- the odd one
          local f = io.open("/dev/null")
          if not f then break end
          all[#all + 1] = f
        end
        tell(err.code, " ", err.op)
        tell(select(2, pcall(await, net.tcp_connect("127.0.0.1:1"))).code)
        tell(select(2, pcall(await, net.tcp_listen("127.0.0.1:0"))).code)
        tell(select(2, pcall(await, net.pipe_listen("/tmp/never"))).code)
        tell(select(2, pcall(net.udp, "127.0.0.1:0")).code)
        tell(select(2, pcall(await, net.wait_readable(0))).code)
      end)
    ]], "ulimit -n 40;")
    assert.equal("start", first)
    local out = p:read("a")
    p:close()
    assert.equal("EMFILE socketpair\nEMFILE\nEMFILE\nEMFILE\nEMFILE\nEMFILE\n", out)
  end)
end)

describe("a peer", function()
  local function pair()
    local listener <close> = await(net.tcp_listen("127.0.0.1:0"))
    local accepted = listener:accept()
    local client = await(net.tcp_connect(listener:address()))
    return client, await(accepted)
  end

  it("that resets in the middle gives an error, after what it had sent", task(function()
    local a, b <close> = pair()
    await(a:write("half a li"))
    await(b:read(1))
    a:reset()
    local got, err = "", nil
    while true do
      local ok, piece = pcall(await, b:read())
      if not ok then
        err = piece
        break
      end
      if piece == nil then break end
      got = got .. piece
    end
    assert.equal("ECONNRESET", err.code)
    assert.equal("read", err.op)
    assert.equal("ECONNRESET", failure(b:read()).code) -- and it stays so
  end))

  it("that resets while a file is sent gives its reader an error too, however that reads", task(function()
    local fs, shell = require "lwt.fs", require "spec.support.shell"
    local dir = shell.temp_dir()
    local file <close> = await(fs.open(dir .. "/large", "w+"))
    await(file:truncate(1 << 26))
    for round = 1, 40 do
      local a, b <close> = pair()
      local sending = fs.sendfile(b:fileno(), file, 0, 1 << 26)
      local reading = round % 2 == 0 and b:read() -- it is told of the reset, or the sending is
      for _ = 1, round % 10 do await(a:read()) end -- else the sending waits for room
      a:reset()
      local err = failure(sending)
      assert.is_truthy(err.code == "ECONNRESET" or err.code == "EPIPE", err.code)
      assert.equal("ECONNRESET", failure(reading or b:read()).code)
      assert.equal("ECONNRESET", failure(b:read()).code)
    end
    shell.remove_dir(dir)
  end))

  it("that resets before it is accepted harms nobody", task(function()
    local listener <close> = await(net.tcp_listen("127.0.0.1:0"))
    for _ = 1, 20 do await(net.tcp_connect(listener:address())):reset() end
    local a <close> = await(net.tcp_connect(listener:address()))
    a:write("alive")
    while true do
      local s <close> = await(lwt.with_timeout(5, listener:accept()))
      local ok, data = pcall(await, s:read())
      if ok and data == "alive" then break end
    end
  end))

  it("that never reads costs no memory but what is being written", task(function()
    local a, _ <close> = pair()
    local piece = ("x"):rep(65536)
    local sent = 0
    local before = resident()
    local writer = lwt.spawn(function()
      while true do
        await(a:write(piece))
        sent = sent + #piece
      end
    end)
    await(lwt.sleep(0.3))
    local stalled = sent
    await(lwt.sleep(0.1))
    assert.equal(stalled, sent)
    assert.is_true(resident() - before < 8192, resident() - before)
    a:close()
    assert.equal(lwt.Closed, failure(writer))
  end))

  it("that floods somebody who does not read is held back by the system", task(function()
    local a <close>, b = pair()
    await(lwt.both(a:write("x"), b:read()))
    local before = resident()
    local big = ("x"):rep(1 << 26)
    local p = a:write(big)
    await(lwt.sleep(0.2))
    assert.is_true(p:is_pending())
    assert.is_true(resident() - before < 65536 + 16384, resident() - before)
    b:close()
    failure(p)
  end))

  it("that writes and goes is read to the end", task(function()
    local a, b <close> = pair()
    local piece = ("x"):rep(100000)
    lwt.spawn(function()
      for _ = 1, 50 do await(a:write(piece)) end
      a:close()
    end)
    local n = 0
    while true do
      local s = await(b:read())
      if s == nil then break end
      n = n + #s
    end
    assert.equal(5000000, n)
  end))
end)

describe("many connections", function()
  it("come and go, one batch after another, and leave nothing", task(function()
    local listener <close> = await(net.tcp_listen("127.0.0.1:0", { backlog = 1024 }))
    local server_task = lwt.spawn(function()
      while true do
        local s = await(listener:accept())
        lwt.spawn(function()
          local sock <close> = s
          while true do
            local data = await(sock:read())
            if not data then return end
            await(sock:write(data))
          end
        end)
      end
    end)
    local function batch()
      local clients = {}
      for i = 1, 200 do
        clients[i] = lwt.spawn(function()
          local s <close> = await(net.tcp_connect(listener:address()))
          for j = 1, 3 do
            await(s:write("message " .. j))
            assert(await(s:read()) == "message " .. j)
          end
        end)
      end
      await(lwt.join(clients))
      await(lwt.sleep(0.02))
      collectgarbage()
      collectgarbage()
    end
    for _ = 1, 3 do batch() end
    local before = resident()
    local batches = os.getenv("LWT_SPEC_FULL") and 500 or 5
    for _ = 1, batches do batch() end
    assert.is_true(resident() - before < 4096, resident() - before)
    server_task:cancel()
    pcall(await, server_task)
  end))
end)
