-- Channels in what is seldom come to: functions of one's own that answer wrongly, sides that cannot be closed,
-- what is written before others write to the same descriptor, and calls that come too late.
local lwt = require "lwt"
local fs = require "lwt.fs"
local lio = require "lwt.io"
local net = require "lwt.net"
local bytes = require "lwt.bytes"
local cio = require "lwt.uv".io
local build = require "spec.support.build"
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
    local text = {}
    local function write(letter, n)
      text[#text + 1] = letter:rep(n)
      return ch:write(text[#text])
    end
    for round = 1, 30 do
      write("a", (1 << 18) - round) -- almost all that the buffer takes: it goes when the loop is idle
      for _ = 1, round % 4 do lwt.yield() end
      cio.flush_now(ch)
      assert.equal(#table.concat(text), ch:position())
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
    await(build.remove_dir(dir))
  end))
end)
