-- Channels on descriptors of every kind: sockets, terminals, devices; whose end goes, of which
-- one side is closed, which belong to somebody else.
local fs = require "lwt.fs"
local lio = require "lwt.io"
local lwt = require "lwt"
local net = require "lwt.net"
local pty = require "spec.support.pty"
local shell = require "spec.support.shell"
local skip = require "spec.support.skip"
local await = lwt.await

local function task(f) return function() lwt.run(f) end end

describe("a channel on the descriptor of a socket", function()
  local a, b
  before_each(function() a, b = net.socketpair() end)
  after_each(function()
    a:close()
    b:close()
  end)

  it("says so when the owner of the descriptor has closed it while it waits", task(function()
    local ch = lio.of_fd(a:fileno(), "r+", { close = false })
    local read, write = ch:read(1), ch:write(("x"):rep(2 << 20))
    await(a:close())
    for _, p in ipairs { read, write } do
      local ok, err = pcall(await, p)
      assert.is_false(ok)
      assert.equal("EBADF", err.code)
    end
    ch:abort()
  end))

  it("is written to its end while it is still read", task(function()
    local ch = lio.of_fd(a:fileno(), "r+", { close = false })
    await(ch:write "the whole")
    await(ch:close "write")
    local got = ""
    while true do
      local piece = await(b:read())
      if not piece then break end
      got = got .. piece
    end
    assert.equal("the whole", got)
    await(b:write "an answer\n")
    assert.equal("an answer", await(ch:read_line()))
    assert.equal(lwt.Closed, select(2, pcall(await, ch:write "x")))
    await(ch:close())
    await(a:write "") -- it is open for its owner
  end))

  it("waits for what comes, and for room, both at once", task(function()
    local ch = lio.of_fd(a:fileno(), "r+", { close = false, buffer_size = 4096 })
    local line = ch:read_line()
    local text = ("x"):rep(1 << 20)
    local written = lwt.spawn(function()
      await(ch:write(text))
      await(ch:flush())
    end)
    lwt.yield()
    await(b:write "a line\n")
    assert.equal("a line", await(line))
    assert.is_true(written:is_pending())
    local n = 0
    while n < #text do n = n + #await(b:read()) end
    await(written)
    assert.equal(#text, n)
    await(ch:close())
  end))

  it("tells of a peer that is gone, to who reads and who writes", task(function()
    local ch = lio.of_fd(a:fileno(), "r+", { close = false, buffer_size = 4096 })
    local writing = lwt.spawn(function()
      await(ch:write(("x"):rep(1 << 20)))
      await(ch:flush())
    end)
    local reading = ch:read(10)
    for _ = 1, 3 do lwt.yield() end
    b:close()
    local ok, err = pcall(await, writing)
    assert.is_false(ok)
    assert.truthy(({ EPIPE = true, ECONNRESET = true })[err.code], tostring(err))
    local read, x = pcall(await, reading)
    assert.truthy(read and x == nil or x.code == "ECONNRESET", tostring(x))
    await(ch:abort())
  end))

  it("gives up what it waits for when that is canceled, and what comes then is the next one's", task(function()
    local ch = lio.of_fd(a:fileno(), "r", { close = false })
    local p = ch:read(3)
    lwt.yield()
    p:cancel()
    assert.equal("rejected", (p:state()))
    await(b:write "abc")
    assert.equal("abc", await(ch:read(3)))
    await(ch:close())
  end))
end)

describe("a channel on the descriptor of a terminal", function()
  -- With `own`, the channel closes it; else it is opened anew, so that its owner's still waits.
  for _, own in ipairs { true, false } do
    it((own and "of its own" or "of somebody else") .. " reads lines until the other side is gone", task(function()
      local master, slave = pty.open(80, 24)
      local before = pty.flags(slave)
      local ch = lio.of_fd(slave, "r+", { close = own })
      local other = lio.of_fd(master, "r+")
      local line = ch:read_line()
      lwt.yield()
      await(other:write "typed\n")
      await(other:flush())
      assert.equal("typed", await(line))
      await(ch:write_line "shown")
      await(ch:flush())
      assert.equal("typed", await(other:read_line())) -- its echo
      assert.equal("shown", await(other:read_line()))
      if not own then assert.same(before, pty.flags(slave)) end
      local last = ch:read_line()
      lwt.yield()
      await(other:close())
      assert.is_nil(await(last))
      await(ch:abort())
      if not own then pty.close(slave) end
    end))
  end
end)

describe("a channel on a descriptor", function()
  it("that never waits is read and written at once", task(function()
    local null <close> = await(fs.open("/dev/null", "r+"))
    local ch = lio.of_fd(null:fileno(), "r+", { close = false })
    assert.is_nil(await(ch:read_line()))
    await(ch:write(("x"):rep(100000)))
    await(ch:close())
  end))

  it("of a full device tells so", task(function()
    local ok, full = pcall(await, fs.open("/dev/full", "w"))
    if not ok then skip.here "there is no /dev/full" end
    local ch = lio.of_fd(full:fileno(), "w", { close = false })
    local wrote, err = pcall(function()
      await(ch:write "x")
      await(ch:flush())
    end)
    assert.same({ false, "ENOSPC" }, { wrote, err.code })
    await(ch:abort())
    full:close()
  end))

  it("is read to the end of a socket, and knows other options than whether it closes", task(function()
    local a, b = net.socketpair()
    local ch = lio.of_fd(a:fileno(), "r", { close = false, buffer_size = 32 })
    assert.equal(32, ch:buffer_size())
    await(b:write "all there is")
    b:close()
    assert.equal("all there is", await(ch:read()))
    assert.is_nil((await(ch:read(1))))
    await(ch:close())
    a:close()
  end))

  -- One that waits, as programs expect of what they are given: never set non-blocking.
  it("that is shared, and a pipe, is written in pieces that it takes without waiting", task(function()
    local path = shell.temp_dir()
    os.execute(("mkfifo '%s/fifo'"):format(path))
    local both <close> = await(fs.open(path .. "/fifo", "r+"))
    local ch = lio.of_fd(both:fileno(), "w", { close = false })
    local text = ("0123456789abcdef"):rep(20000)
    local writing = lwt.spawn(function()
      await(ch:write(text))
      await(ch:flush())
    end)
    lwt.yield()
    assert.is_true(writing:is_pending())
    local got = {}
    local n = 0
    while n < #text do
      got[#got + 1] = await(both:read(10000))
      n = n + #got[#got]
    end
    await(writing)
    assert.equal(text, table.concat(got))
    await(ch:close())
    shell.remove_dir(path)
  end))

  it("has no end of writing alone where it is a terminal", task(function()
    local master, slave = pty.open(80, 24)
    local ch, other = lio.of_fd(slave, "r+"), lio.of_fd(master, "r+")
    await(ch:write "last\n")
    await(ch:close "write")
    assert.equal("last", await(other:read_line()))
    await(other:write "first\n")
    assert.equal("first", await(ch:read_line()))
    await(ch:close())
    await(other:abort())
  end))

  it("is none on a folder", function()
    local r = shell.run(("exec 7<'%s'; %s -e \"local ok, e = pcall(require 'lwt.io'.of_fd, 7, 'r') print(ok, e.code)\"")
      :format(os.getenv "TMPDIR" or "/tmp", shell.lua))
    assert.equal("false\tEISDIR\n", r.out)
  end)

  it("knows how long a device is", task(function()
    local looked
    for _, name in ipairs { "loop0", "vda", "sda", "zram0", "nvme0n1" } do
      local size = io.open("/sys/class/block/" .. name .. "/size")
      local ok, ch = pcall(await, lio.open_file("/dev/" .. name))
      if ok and size then
        assert.equal(size:read "n" * 512, ch:length())
        looked = true
      end
      if size then size:close() end
      if ok then await(ch:close()) end
    end
    if not looked then skip.here "there is no block device, or it is not for us" end
  end))
end)
