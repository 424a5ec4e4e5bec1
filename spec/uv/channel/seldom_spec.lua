-- Channels in what is seldom come to: functions of one's own that answer wrongly, sides that cannot be closed,
-- what is written before others write to the same descriptor, and calls that come too late.
local lwt = require "lwt"
local fs = require "lwt.fs"
local lio = require "lwt.io"
local net = require "lwt.net"
local bytes = require "lwt.bytes"
local cio = require "lwt.uv".io
local build = require "spec.support.build"
local script = require "spec.support.script"
local shell = require "spec.support.shell"
local skip = require "spec.support.skip"
local await = lwt.await

local function task(f) return function() lwt.run(f) end end

local function fails(p, text)
  local ok, err = pcall(await, p)
  assert.is_false(ok)
  assert.matches(text, tostring(err))
  return err
end

describe("a channel of functions", function()
  it("is told of a count that cannot be", task(function()
    for _, count in ipairs { -1, 1.5, "x", {}, 6 } do
      local ch = lio.make { write = function() return count end }
      await(ch:write "hello")
      fails(ch:flush(), "wrong count")
      pcall(await, ch:close())
    end
  end))

  it("can give up a write before it was asked, and while it is under way", task(function()
    local gate, open = lwt.wait()
    local got = {}
    local ch = lio.make({ write = function(text)
      got[#got + 1] = text
      return gate:map(function() end)
    end }, { buffer_size = 16 })
    local long = ("x"):rep(100)
    local p = ch:write(long)
    p:cancel()
    assert.is_false(pcall(await, p))
    local q = ch:write(("y"):rep(100))
    for _ = 1, 3 do lwt.yield() end
    q:cancel()
    open:wakeup()
    await(ch:abort())
    assert.is_true(#got <= 1)
  end))

  it("rejects with what its functions raise, at each of them", task(function()
    local function raise() error("raised by a function", 0) end
    fails(lio.make({ read = raise }):read(), "raised by a function")
    local ch = lio.make { write = raise }
    await(ch:write "x")
    fails(ch:flush(), "raised by a function")
    fails(ch:close(), "raised by a function")
    ch = lio.make { read = function() end, write = function() end, shutdown = raise }
    fails(ch:close "write", "raised by a function")
    assert.is_nil((await(ch:close "write")))
    await(ch:close())
    fails(lio.make({ read = function() end, close = raise }):close(), "raised by a function")
  end))

  it("keeps for the next read what came after one was canceled", task(function()
    local answer = {}
    local ch = lio.make { read = function()
      local p, r = lwt.wait()
      answer[#answer + 1] = r
      return p
    end }
    local p = ch:read(10)
    for _ = 1, 3 do lwt.yield() end
    p:cancel()
    answer[1]:wakeup_exn "late trouble"
    for _ = 1, 3 do lwt.yield() end
    fails(ch:read(), "late trouble")
    p = ch:read(10)
    for _ = 1, 3 do lwt.yield() end
    p:cancel()
    answer[2]:wakeup "" -- nothing, and nobody who waits for it: it is not asked for more
    for _ = 1, 10 do lwt.yield() end
    assert.equal(2, #answer)
    p = ch:read(10)
    for _ = 1, 3 do lwt.yield() end
    answer[3]:wakeup "bytes"
    assert.equal("bytes", await(p))
    await(ch:close())
  end))
end)

describe("one side of a channel", function()
  it("is closed once, and tells what could not be written", task(function()
    local a, b = net.socketpair()
    local x, y = cio.of_port(a, 3), cio.of_port(b, 3)
    await(x:write "last")
    local first, second = x:close "write", x:close "write"
    await(first)
    await(second)
    assert.equal("last", await(y:read(10)))
    assert.is_nil((await(y:read(10))))
    await(y:write "back")
    await(y:close())
    assert.equal("back", await(x:read(10)))
    await(x:close "read")
    fails(x:read(10), "closed")
    await(x:close())
    await(x:close "read")
    await(x:close "write")
    assert.has_error(function() lio.pipe():close "write" end, nil)
  end))

  it("is shut down of a descriptor that is a socket's, whether it is connected or not", task(function()
    local a, b = net.socketpair()
    local x = lio.of_fd(a:fileno(), "r+", { close = false })
    await(x:write "text")
    await(x:close "write")
    assert.equal("text", await(b:read()))
    assert.is_nil((await(b:read())))
    await(x:close())
    await(a:close())
    local l = await(net.tcp_listen "127.0.0.1:0")
    local c = await(net.tcp_connect(l:address()))
    local d = await(l:accept())
    local z = lio.of_fd(c:fileno(), "r+", { close = false })
    d:reset()
    fails(z:read(10), "ECONNRESET")
    await(z:close "write") -- it is over already
    await(z:close())
    await(c:close())
    await(l:close())
    await(b:close())
  end))
end)

describe("what is written before others write to the same descriptor", function()
  local dir
  before_each(function() dir = build.temp_dir() end)
  after_each(function() lwt.run(build.remove_dir(dir)) end)

  it("is all that is buffered, of a file that is being written as well", task(function()
    local ch = await(lio.open_file(dir .. "/f", "w", { buffer_size = 4096 }))
    local text = {}
    for i = 1, 200 do
      local line = ("%06d\n"):format(i):rep(40)
      text[#text + 1] = line
      ch:write(line)
      if i % 3 == 0 then cio.flush_now(ch) end
      if i % 50 == 0 then await(ch:flush()) end
    end
    cio.flush_now(ch)
    await(ch:close())
    cio.flush_now(ch)
    assert.equal(table.concat(text), await(fs.read_file(dir .. "/f")))
  end))

  it("leaves the way free for what is written to a file right after it", task(function()
    local ch = await(lio.open_file(dir .. "/f", "w"))
    local text, size = {}, 0
    local function write(letter, n)
      text[#text + 1] = letter:rep(n)
      size = size + n
      return ch:write(text[#text])
    end
    for round = 1, 12 do
      write("a", (1 << 18) - round) -- almost all that the buffer takes: it goes when the loop is idle
      for _ = 1, round % 4 do lwt.yield() end
      cio.flush_now(ch)
      assert.equal(size, ch:position())
      local waiting = { write("b", 1 << 18), write("c", round) }
      if round % 2 == 0 then cio.flush_now(ch) end
      waiting[3] = ch:flush()
      await(lwt.join(waiting))
    end
    await(ch:close())
    assert.equal(table.concat(text), await(fs.read_file(dir .. "/f")))
  end))

  it("is as much as a pipe takes, and the rest follows in its order", task(function()
    local r, w = lio.pipe()
    local writing = w:write(("a"):rep(300000))
    cio.flush_now(w)
    local reading = r:read_exactly(300003)
    await(writing)
    await(w:write "end")
    cio.flush_now(w)
    assert.equal(("a"):rep(300000) .. "end", await(reading))
    cio.flush_now(r)
    await(r:close())
    w:write "x"
    cio.flush_now(w)
    pcall(await, w:close())
    local mem = lio.of_bytes(bytes.create(4), "w")
    mem:write "xy"
    cio.flush_now(mem)
    await(mem:close())
  end))

  it("has its position while it is written", task(function()
    local ch = await(lio.open_file(dir .. "/g", "w+", { buffer_size = 64 }))
    for i = 1, 50 do
      ch:write(("%03d "):format(i):rep(10))
      assert.is_true(ch:position() <= 40 * i)
      if i % 3 == 0 then assert.is_true(ch:length() <= 40 * i) end
    end
    await(ch:flush())
    assert.equal(2000, ch:position())
    assert.equal(2000, #await(fs.read_file(dir .. "/g")))
    await(ch:set_position(4))
    assert.equal("001 ", await(ch:read_exactly(4)))
    await(ch:close())
    fails(ch:set_position(0), "closed")
    assert.has_error(function() ch:position() end, "attempt to use a closed channel")
  end))
end)

describe("the position of a channel", function()
  it("can be asked for while a thread reads: no byte is lost", task(function()
    local FILE = "/proc/self/limits" -- it can only be read on the pool
    local f = io.open(FILE)
    if not f then skip.here "there is no /proc" end
    local text = f:read "a"
    f:close()
    for round = 1, 20 do
      local ch = await(lio.open_file(FILE, "r", { buffer_size = 64 }))
      local got = {}
      while true do
        local p = ch:read(10)
        local t = os.clock()
        while os.clock() - t < 0.00002 * (round % 5) do end
        assert.is_true(ch:position() <= #text)
        local piece = await(p)
        if not piece then break end
        got[#got + 1] = piece
      end
      await(ch:close())
      assert.equal(text, table.concat(got))
    end
  end))
end)

describe("bytes that are in use", function()
  it("do not go to another thread while they are written", task(function()
    local channel = require "lwt.preemptive".channel(4)
    local r, w = net.socketpair()
    local b = bytes.of_string(("z"):rep(1 << 20))
    local dir = await(fs.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/lwt-XXXXXX"))
    local writing = fs.write_file(dir .. "/z", b)
    local ok, err = pcall(channel.send, channel, b)
    local told = ok and select(2, pcall(await, err)) or err
    await(writing)
    if not ok or type(told) == "string" then assert.is_string(tostring(told)) end
    assert.equal(1 << 20, await(fs.stat(dir .. "/z")).size)
    await(r:close())
    await(w:close())
    channel:close()
    shell.remove_dir(dir)
  end))
end)

describe("what only lwt's own files call", function()
  it("exchanges the ports of two channels that are alike, open and at rest, and of no others", task(function()
    local r, w = lio.pipe()
    local function refused(x, y)
      assert.has_error(function() x:_exchange(y) end, nil)
      local ok, err = pcall(x._exchange, x, y)
      assert.is_false(ok)
      assert.matches("not the time to exchange", err)
    end
    refused(r, w)
    local a, b = net.socketpair()
    local x, y = cio.of_port(a, 3), cio.of_port(b, 3)
    x:_exchange(y)
    await(x:write "through the other's socket")
    await(x:flush())
    assert.equal("through", await(y:read(7)))
    local writing = x:write(("z"):rep(1 << 22))
    refused(x, y)
    refused(y, x)
    writing:cancel()
    await(y:close "write")
    refused(y, x)
    await(y:abort())
    refused(x, y)
    await(x:abort())
    await(r:abort())
    await(w:abort())
  end))

  it("keeps what is written from descriptors alone", task(function()
    local ch = lio.of_bytes(bytes.create(8), "w")
    cio.tap(ch, true)
    await(ch:write "memory")
    await(ch:close())
    cio.tap(ch, true)
    local r, w = lio.pipe()
    cio.on_tapped(function() end)
    cio.tap(w, true)
    await(w:write "kept")
    await(w:flush())
    assert.equal("kept", cio.tapped())
    assert.equal("", cio.tapped())
    cio.tap(w, false)
    await(w:write "through")
    await(w:close())
    assert.equal("through", await(r:read()))
    cio.tap(w, true)
    await(r:close())
  end))

  it("makes channels only of what is open, in directions that there are", task(function()
    local a, b = net.socketpair()
    for _, sides in ipairs { 0, 4 } do
      local ok, err = pcall(cio.of_port, a, sides)
      assert.is_false(ok)
      assert.matches("wrong direction", err)
    end
    a:close()
    for _, thing in ipairs { a, "text", {} } do
      local ok, err = pcall(cio.of_port, thing, 3)
      assert.is_false(ok)
      assert.matches("not open", err)
    end
    b:close()
  end))
end)

describe("the end of one side", function()
  it("comes after what is still to be written, whoever closes what meanwhile", task(function()
    local a, b = net.socketpair()
    local ch = cio.of_port(a, 3)
    local text = ("w"):rep(1 << 20)
    local writing = ch:write(text)
    local closing = ch:close "write"
    assert.is_true(closing:is_pending())
    local n = 0
    while true do
      local piece = await(b:read())
      if not piece then break end
      n = n + #piece
    end
    await(writing)
    await(closing)
    assert.equal(#text, n)
    local whole = ch:close()
    await(ch:close "read")
    await(whole)
    await(b:close())
  end))

  it("is nothing but that where only a whole channel has an end", task(function()
    local dir = shell.temp_dir()
    local file = await(lio.open_file(dir .. "/f", "w+"))
    await(file:write "text")
    await(file:close "write")
    fails(file:write "more", "closed")
    await(file:set_position(0))
    assert.equal("text", await(file:read()))
    await(file:close "read")
    await(file:close())
    local got = {}
    local made = lio.make { read = function() end, write = function(s) got[#got + 1] = s end }
    await(made:write "made")
    await(made:close "write")
    assert.same({ "made" }, got)
    await(made:close())
    local r, w = lio.pipe()
    await(r:close "read") -- it has no other
    await(w:close "write")
    assert.is_true(lio.is_closed(r) and lio.is_closed(w))
    shell.remove_dir(dir)
  end))

  it("tells what could not be written before it", task(function()
    local ch = lio.of_bytes(bytes.create(4), "r+")
    await(ch:write "more than four")
    fails(ch:close "write", "ENOSPC")
    await(ch:abort())
  end))

  it("is over when a close was canceled, and asked for again", task(function()
    local _, w = lio.pipe()
    local writing = w:write(("x"):rep(1 << 20))
    w:close():cancel()
    await(w:close())
    fails(writing, "closed")
  end))

  it("may come while the collector is stopped", task(function()
    collectgarbage "stop"
    local dir = shell.temp_dir()
    local ch = await(lio.open_file(dir .. "/f", "w", { buffer_size = 1 << 20 }))
    await(ch:write(("x"):rep(300000)))
    await(ch:close())
    collectgarbage "restart"
    assert.equal(300000, await(fs.stat(dir .. "/f")).size)
    shell.remove_dir(dir)
  end))
end)

describe("buffers that are larger than others", function()
  it("keep their size, and get another one", task(function()
    local dir = shell.temp_dir()
    local lines = {}
    for i = 1, 60000 do lines[i] = ("line number %d"):format(i) end
    local text = table.concat(lines, "\n") .. "\n"
    local ch = await(lio.open_file(dir .. "/f", "w", { buffer_size = 1 << 20 }))
    for i = 1, #lines do ch:write_line(lines[i]) end
    await(ch:flush())
    await(ch:resize_buffer(100))
    await(ch:write "the end\n")
    await(ch:close())
    ch = await(lio.open_file(dir .. "/f", "r", { buffer_size = 1 << 19 }))
    for i = 1, #lines do assert.equal(lines[i], await(ch:read_line())) end
    assert.equal("the end", await(ch:read_line()))
    assert.is_nil((await(ch:read_line())))
    await(ch:close())
    ch = await(lio.open_file(dir .. "/f", "r", { buffer_size = 1 << 20 }))
    assert.equal(text, await(ch:read_exactly(#text)))
    await(ch:close())
    shell.remove_dir(dir)
  end))

  it("are not needed for bytes that are larger still", task(function()
    local r, w = lio.pipe()
    local b = bytes.of_string(("0123456789"):rep(30000))
    local writing = w:write(b)
    local got = await(r:read_exactly(300000))
    await(writing)
    assert.equal(b:to_string(), got)
    local mem = lio.of_bytes(bytes.create(100), "r+")
    await(mem:write(("m"):rep(101)))
    fails(mem:read(1), "ENOSPC") -- what was written goes before what is read
    await(mem:abort())
    await(w:close())
    await(r:close())
  end))
end)

describe("a read of the pool that was canceled", function()
  it("leaves its bytes for whoever reads long after", task(function()
    local FILE = "/proc/self/limits"
    local f = io.open(FILE)
    if not f then skip.here "there is no /proc" end
    local text = f:read "a"
    f:close()
    local ch = await(lio.open_file(FILE, "r", { buffer_size = 64 }))
    local got = ""
    for _ = 1, 5 do
      local p = ch:read(5)
      for _ = 1, 2 do lwt.yield() end
      p:cancel()
      local state, piece = p:state()
      if state == "fulfilled" then got = got .. piece end
      await(lwt.sleep(0.01)) -- it comes, and nobody waits
      if #got % 2 == 0 then assert.equal(#got, ch:position()) end
      got = got .. await(ch:read(3))
    end
    assert.equal(text, got .. await(ch:read()))
    await(ch:close())
  end))
end)

describe("at the end of the state", function()
  local function child(text)
    return script.run(([[
      local lwt = require "lwt"
      local lio = require "lwt.io"
      local cio = require "lwt.uv".io
      ]]) .. text)
  end

  it("a temporary channel may be in use", function()
    local r = child [[
      lwt.run(function()
        lio.stdout:atomic(function(inner)
          inner:write("from inside\n"):await()
          os.exit(3, true)
        end):await()
      end)]]
    assert.same({ 3, "from inside\n" }, { r.code, r.out })
  end)

  it("what was kept from a terminal is shown", function()
    local r = child [[
      cio.on_tapped(function() end)
      lwt.run(function()
        cio.tap(lio.stdout, true)
        lio.stdout:write("kept\n"):await()
        lio.stdout:flush():await()
        os.exit(4, true)
      end)]]
    assert.same({ 4, "kept\n" }, { r.code, r.out })
  end)

  it("functions may not have been asked yet, and bytes not sent", function()
    local r = child [[
      local net = require "lwt.net"
      lwt.run(function()
        local made = lio.make { read = function() return lwt.wait() end, write = function() end }
        made:read(1)
        made:write(("x"):rep(100000))
        local a, b = net.socketpair()
        local ch = cio.of_port(a, 3)
        ch:write("last words")
        ch:read_line()
        local kept = cio.of_port(b, 3)
        kept:write(("y"):rep(1 << 20))
        io.write "so far"
        os.exit(5, true)
      end)]]
    assert.same({ 5, "so far" }, { r.code, r.out })
  end)
end)
