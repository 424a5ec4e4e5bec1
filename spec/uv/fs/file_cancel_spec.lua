-- Operations of open files that are cancelled, and what becomes of what they had read.

-- Open files: positions and their order, cancelling, closing, faults.
local eventually = require "spec.support.eventually"
local lwt = require "lwt"
local fs = require "lwt.fs"
local bytes = require "lwt.bytes"
local shell = require "spec.support.shell"
local expect = require "spec.support.expect"
local task, failure = expect.task, expect.failure

local await = lwt.await

local dir

local function path(name) return dir .. "/" .. name end

-- So many bytes, no two places of which look alike.
local function numbered(n)
  local parts = {}
  for i = 0, n // 8 do parts[#parts + 1] = ("%07x."):format(i) end
  return table.concat(parts):sub(1, n)
end

-- Descriptors of this process.
local function descriptors()
  collectgarbage() -- files that the specs themselves have dropped
  return #await(fs.scandir("/proc/self/fd"))
end

describe("lwt.fs: open files", function()
  before_each(function() dir = shell.temp_dir() end)
  after_each(function() shell.remove_dir(dir) end)
  it("has no lock after a cancelled wait for one", task(function()
    local a <close> = await(fs.open(path("f"), "w"))
    local b <close> = await(fs.open(path("f"), "w"))
    await(a:lock())
    local waiting = b:lock()
    await(lwt.sleep(0.005))
    waiting:cancel()
    assert.equal(lwt.Canceled, failure(waiting))
    await(a:unlock())
    for _ = 1, 50 do
      local p = b:lock("exclusive", { wait = false })
      p:cancel()
    end
    await(b:stat())
    await(lwt.sleep(0.02))
    assert.is_true(await(a:lock("exclusive", { wait = false })))
  end))

  it("loses nothing when a read is cancelled", task(function()
    local text = {}
    for i = 1, 20000 do text[i] = ("%05d,"):format(i) end
    text = table.concat(text)
    shell.write(path("f"), text)
    local f <close> = await(fs.open(path("f")))
    local got, n = {}, 0
    while true do
      n = n + 1
      -- More than is read inline, so that it goes to the pool.
      local p = f:read(66000)
      if n % 3 ~= 0 then p:cancel() end
      if n % 2 == 0 then await(lwt.pause()) end
      local ok, piece = pcall(await, p)
      if ok then
        if not piece then break end
        got[#got + 1] = piece
      else
        assert.equal(lwt.Canceled, piece)
      end
    end
    assert.equal(text, table.concat(got))
  end))

  it("loses nothing when a read that wanted less than a canceled one had left is canceled", task(function()
    local data = numbered(200000)
    await(fs.write_file(path("f"), data))
    for _ = 1, 40 do
      local f <close> = await(fs.open(path("f")))
      local got = {}
      local function canceled(n)
        local p = f:read(n)
        for _ = 1, math.random(0, 2) do lwt.yield() end
        p:cancel()
        local ok, s = pcall(await, p)
        got[#got + 1] = ok and s or ""
      end
      canceled(150000)
      for _ = 1, 5 do canceled(math.random(3000)) end
      got[#got + 1] = await(f:read())
      assert.is_true(table.concat(got) == data)
    end
  end))

  it("does nothing for a task to which a cancel is due", task(function()
    shell.write(path("f"), "0123456789")
    await(fs.mkdir(path("d")))
    local f <close> = await(fs.open(path("f"), "r+"))
    local calls = {
      function() return f:read(4) end,
      function() return f:read() end,
      function() return f:read(bytes.create(3)) end,
      function() return f:readv { bytes.create(2), bytes.create(2) } end,
      function() return f:write("xx") end,
      function() return f:writev { "x", "y" } end,
      function() return f:pwrite("xx", 2) end,
      function() return f:seek("set", 5) end,
      function() return f:truncate(3) end,
      function() return fs.unlink(path("f")) end,
      function() return fs.rename(path("f"), path("g")) end,
      function() return fs.mkdir(path("e")) end,
      function() return fs.rmdir(path("d")) end,
      function() return fs.write_file(path("f"), "other") end,
      function() return fs.copyfile(path("f"), path("g")) end,
      function() return fs.sendfile(f, f, 0, 3) end,
    }
    for i, call in ipairs(calls) do
      local t
      t = lwt.spawn(function()
        await(lwt.pause())
        t:cancel() -- running: told at its next await
        await(call())
      end)
      assert.equal(lwt.Canceled, failure(t), i)
    end
    await(lwt.sleep(0.02))
    assert.equal("0123456789", shell.read(path("f")))
    assert.equal(0, await(f:tell()))
    assert.equal(2, #await(fs.scandir(dir)))
    assert.equal("0123456789", await(f:read()))
    -- Who keeps the promise instead of awaiting it there gets what it brings.
    await(f:seek("set", 0))
    local kept, t
    t = lwt.spawn(function()
      await(lwt.pause())
      t:cancel()
      kept = f:read(4)
    end)
    await(t)
    assert.equal("0123", await(kept))
  end))

  it("waits at a fifo, and holds no thread when nobody waits any more", task(function()
    os.execute(("mkfifo '%s' '%s' '%s'"):format(path("p"), path("q"), path("r")))
    -- More than there are threads: had one of them got stuck, nothing would come after.
    for _ = 1, 6 do
      local writer = fs.open(path("q"), "w") -- no reader: tries again and again
      local whole = fs.read_file(path("r"))
      await(lwt.sleep(0.002))
      writer:cancel()
      whole:cancel()
      assert.equal(lwt.Canceled, failure(writer))
      assert.equal(lwt.Canceled, failure(whole))
    end
    local f = await(fs.open(path("p")))
    for _ = 1, 6 do
      local p = f:read(100)
      await(lwt.sleep(0.002))
      p:cancel()
      assert.equal(lwt.Canceled, failure(p))
    end
    local w = await(fs.open(path("p"), "w"))
    local p = f:read(100)
    await(w:write("hello"))
    assert.equal("hello", await(p))
    local big = ("0123456789"):rep(20000)
    local writing = w:write(big) -- more than the fifo takes
    local got = {}
    while #table.concat(got) < #big do got[#got + 1] = await(f:read(70000)) end
    assert.equal(big, table.concat(got))
    assert.equal(#big, await(writing))
    local stuck = w:write(big)
    await(lwt.sleep(0.01))
    await(w:close())
    assert.equal(lwt.Closed, failure(stuck))
    await(f:read(1000000))
    await(f:close())
  end))

  it("keeps what a late read got for whatever comes next", task(function()
    os.execute("mkfifo '" .. path("p") .. "'")
    local w = await(fs.open(path("p"), "r+"))
    local f = await(fs.open(path("p")))
    for _ = 1, 20 do
      local p = f:read(100)
      await(w:write("hello"))
      p:cancel() -- in time, or with the bytes already read
      local ok, piece = pcall(await, p)
      local text = ok and piece or ""
      while #text < 5 do text = text .. await(f:read(3)) end
      assert.equal("hello", text)
    end
    await(lwt.join { f:close(), w:close() })
  end))

  it("puts the position back before it writes after a cancelled read", task(function()
    shell.write(path("f"), ("x"):rep(100000))
    local f <close> = await(fs.open(path("f"), "r+"))
    local p = f:read(70000)
    p:cancel() -- before a thread has it, or too late: the same for who looks
    await(f:write("HERE"))
    assert.equal(4, await(f:tell()))
    assert.equal("HEREx", shell.read(path("f")):sub(1, 5))
  end))

  it("takes a cancelled write that waits out of the queue", task(function()
    local f <close> = await(fs.open(path("f"), "w"))
    local a, b, c = f:write(("a"):rep(1000000)), f:write("b"), f:write("c")
    b:cancel()
    assert.equal(lwt.Canceled, failure(b))
    assert.equal(1000000, await(a))
    assert.equal(1, await(c))
    assert.equal("ac", shell.read(path("f")):sub(-2))
  end))

  it("closes a file that was opened too late", task(function()
    local before = descriptors()
    for _ = 1, 100 do
      local p = fs.open("/dev/null")
      p:cancel()
      assert.equal(lwt.Canceled, failure(p))
    end
    for _ = 1, 20 do await(fs.stat(dir)) end
    eventually(function() return descriptors() == before end)
  end))
end)
