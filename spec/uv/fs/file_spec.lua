-- lwt.fs: open files: everything on real files, from reading pieces to buffers and locks.

-- Open files: positions and their order, cancelling, closing, faults.
local eventually = require "spec.support.eventually"
local lwt = require "lwt"
local fs = require "lwt.fs"
local bytes = require "lwt.bytes"
local shell = require "spec.support.shell"
local expect = require "spec.support.expect"
local task, failure, refused = expect.task, expect.failure, expect.refused

local await = lwt.await

local dir

local function path(name) return dir .. "/" .. name end

local function fails(code, op, where, p)
  local err = failure(p)
  assert.same({ code, op, where }, { err.code, err.op, err.path })
end

-- Descriptors of this process.
local function descriptors()
  collectgarbage() -- files that the specs themselves have dropped
  return #await(fs.scandir("/proc/self/fd"))
end

describe("lwt.fs: open files", function()
  before_each(function() dir = shell.temp_dir() end)
  after_each(function() shell.remove_dir(dir) end)
  it("opens in the ways of io.open", task(function()
    shell.write(path("f"), "hello")
    local f = await(fs.open(path("f")))
    assert.equal("hello", await(f:read()))
    fails("EBADF", "write", path("f"), f:write("x"))
    await(f:close())
    f = await(fs.open(path("f"), "r+b"))
    await(f:write("J"))
    assert.equal("ello", await(f:read()))
    await(f:close())
    f = await(fs.open(path("f"), "a+"))
    await(f:seek("set", 0))
    await(f:write("!"))
    assert.equal("Jello!", shell.read(path("f")))
    await(f:close())
    f = await(fs.open(path("f"), "w"))
    assert.equal("", shell.read(path("f")))
    fails("EBADF", "read", path("f"), f:read(1))
    await(f:close())
    fails("EEXIST", "open", path("f"), fs.open(path("f"), "wx"))
    f = await(fs.open(path("g"), "w+x", 384))
    assert.equal(384, await(f:stat()).mode)
    await(f:close())
  end))

  it("refuses flags that are none, and cuts none of their bits off", function()
    for _, flags in ipairs { -1, 1 << 31, 1 << 32, math.mininteger } do
      refused("bad argument #2 to 'open' (flags out of range)", function()
        local p = fs.open(path("f"), flags)
        return p
      end)
      refused("bad argument #3 to 'write_file' (flags out of range)", function()
        local p = fs.write_file(path("f"), "x", flags)
        return p
      end)
    end
  end)

  it("says what cannot be opened", task(function()
    fails("ENOENT", "open", path("x"), fs.open(path("x")))
    fails("EISDIR", "open", dir, fs.open(dir))
    fails("EISDIR", "open", dir, fs.open(dir, "w"))
    fails("ENOTDIR", "open", "/dev/null/x", fs.open("/dev/null/x"))
    for _, flags in ipairs { "", "q", "rw", "r++", "rx" } do
      refused(("bad argument #2 to 'open' (invalid mode '%s')"):format(flags), function()
        local p = fs.open(path("f"), flags)
        return p
      end)
    end
    refused("bad argument #3 to 'open' (mode out of range (0 to 07777))", function()
      local p = fs.open(path("f"), "w", 8 ^ 5 // 1 | 0)
      return p
    end)
  end))

  it("reads pieces, the rest, and nil at the end", task(function()
    shell.write(path("f"), "0123456789")
    local f <close> = await(fs.open(path("f")))
    assert.equal("", await(f:read(0)))
    assert.equal("012", await(f:read(3)))
    assert.equal("3456789", await(f:read()))
    assert.equal("", await(f:read()))
    assert.is_nil(await(f:read(1)))
    assert.equal("", await(f:read(0)))
    await(f:seek("set", 8))
    assert.equal("89", await(f:read(100)))
    refused("bad argument #1 to 'read' (negative count)", function()
      local p = f:read(-1)
      return p
    end)
  end))

  it("gives as much as is asked for, also of large files", task(function()
    local text = ("0123456789abcdef"):rep(1 << 17)
    shell.write(path("f"), text)
    local f <close> = await(fs.open(path("f")))
    assert.equal(text:sub(1, 1500000), await(f:read(1500000)))
    assert.equal(text:sub(1500001), await(f:read(5000000)))
    assert.is_nil(await(f:read(5000000)))
    await(f:seek("set", 0))
    assert.equal(text, await(f:read()))
  end))

  it("reads in pieces of every size what was written", task(function()
    local text = {}
    for i = 1, 30000 do text[i] = ("%d\n"):format(i) end
    text = table.concat(text)
    shell.write(path("f"), text)
    for _, size in ipairs { 7, 4096, 65535, 65536, 65537 } do
      local f <close> = await(fs.open(path("f")))
      local pieces = {}
      while true do
        local piece = await(f:read(size))
        if not piece then break end
        pieces[#pieces + 1] = piece
      end
      assert.equal(text, table.concat(pieces))
    end
  end))

  it("reads into buffers", task(function()
    shell.write(path("f"), "hello")
    local f <close> = await(fs.open(path("f")))
    local b = bytes.create(3)
    assert.equal(3, await(f:read(b)))
    assert.equal("hel", b:to_string())
    assert.equal(2, await(f:read(b)))
    assert.equal("lol", b:to_string())
    assert.is_nil(await(f:read(b)))
    assert.equal(2, await(f:pread(b:sub(1, 2), 1)))
    assert.equal("lel", b:to_string())
    await(f:seek("set", 0))
    local c, d = bytes.create(1), bytes.create(10)
    assert.equal(5, await(f:readv { c, d }))
    assert.equal("hello", c:to_string() .. d:to_string(0, 4))
    assert.is_nil(await(f:readv { c, d }))
    assert.equal(0, await(f:readv {}))
    refused("bad argument #1 to 'readv' (element 1 is no lwt.bytes)", function()
      local p = f:readv { "x" }
      return p
    end)
  end))

  it("reads and writes at offsets without moving", task(function()
    local f <close> = await(fs.open(path("f"), "w+"))
    assert.equal(5, await(f:pwrite("hello", 3)))
    assert.equal(0, await(f:tell()))
    assert.equal("\0\0\0hello", await(f:pread(100, 0)))
    assert.equal("el", await(f:pread(2, 4)))
    assert.is_nil(await(f:pread(2, 99)))
    assert.equal(0, await(f:tell()))
    refused("bad argument #2 to 'pread' (negative offset)", function()
      local p = f:pread(1, -1)
      return p
    end)
  end))

  it("writes strings, numbers, buffers and lists of them", task(function()
    local f <close> = await(fs.open(path("f"), "w"))
    assert.equal(5, await(f:write("hello")))
    assert.equal(2, await(f:write(42)))
    assert.equal(3, await(f:write(bytes.of_string("abcde"):sub(1, 3))))
    assert.equal(0, await(f:write("")))
    assert.equal(6, await(f:writev { "x", bytes.of_string("yz"), "", "123" }))
    assert.equal(0, await(f:writev {}))
    assert.equal("hello42bcdxyz123", shell.read(path("f")))
    local many = {}
    for i = 1, 5000 do many[i] = tostring(i) end
    await(f:truncate())
    await(f:seek("set", 0))
    assert.equal(#table.concat(many), await(f:writev(many)))
    assert.equal(table.concat(many), shell.read(path("f")))
    refused("bad argument #1 to 'writev' (element 2 is no string or lwt.bytes)", function()
      local p = f:writev { "a", {} }
      return p
    end)
  end))

  it("runs what uses the position in the order of the calls", task(function()
    local f <close> = await(fs.open(path("f"), "w+"))
    local all = {}
    for i = 1, 100 do all[i] = f:write(("%03d"):format(i)) end
    local at = f:tell()
    local back = f:seek("set", 30)
    local a, b = f:read(3), f:read(3)
    local st = f:stat()
    await(lwt.join(all))
    assert.equal(300, await(at))
    assert.equal(30, await(back))
    assert.equal("011", await(a))
    assert.equal("012", await(b))
    assert.equal(300, await(st).size)
  end))

  it("seeks from everywhere", task(function()
    shell.write(path("f"), "0123456789")
    local f <close> = await(fs.open(path("f")))
    assert.equal(0, await(f:tell()))
    assert.equal(0, await(f:seek()))
    assert.equal(4, await(f:seek("set", 4)))
    assert.equal(6, await(f:seek("cur", 2)))
    assert.equal("6", await(f:read(1)))
    assert.equal(8, await(f:seek("end", -2)))
    assert.equal("89", await(f:read(5)))
    fails("EINVAL", "seek", path("f"), f:seek("set", -1))
    refused("bad argument #1 to 'seek' (invalid option 'middle')", function()
      local p = f:seek("middle")
      return p
    end)
  end))

  it("tells and sets what belongs to the file", task(function()
    local f <close> = await(fs.open(path("f"), "w"))
    await(f:write("hello"))
    await(f:truncate(2))
    await(f:chmod(tonumber("600", 8)))
    await(f:utime(1.5, 2.5))
    await(f:chown())
    await(f:datasync())
    await(f:sync())
    local st = await(f:stat())
    assert.same({ "file", 2, 384, 2.5 }, { st.type, st.size, st.mode, st.mtime })
    refused("bad argument #1 to 'truncate' (negative length)", function()
      local p = f:truncate(-1)
      return p
    end)
  end))

  it("locks against others, and waits its turn", task(function()
    local a, b = await(fs.open(path("f"), "w")), await(fs.open(path("f"), "w"))
    assert.is_true(await(a:lock()))
    assert.is_false(await(b:lock("exclusive", { wait = false })))
    assert.is_false(await(b:lock("shared", { wait = false })))
    local waiting = b:lock()
    await(lwt.sleep(0.01))
    assert.is_true(waiting:is_pending())
    await(a:unlock())
    assert.is_true(await(waiting))
    assert.is_false(await(a:lock("shared", { wait = false })))
    await(b:close())
    assert.is_true(await(a:lock("shared")))
    local c <close> = await(fs.open(path("f")))
    assert.is_true(await(c:lock("shared")))
    await(a:close())
    refused("bad argument #1 to 'lock' (invalid mode 'both')", function()
      local p = c:lock("both")
      return p
    end)
    refused("bad argument #2 to 'lock' (unknown option 'timeout')", function()
      local p = c:lock("shared", { timeout = 1 })
      return p
    end)
  end))

  it("is told a length beyond what a float can hold", task(function()
    local f = await(fs.open(path("f"), "w"))
    local big = (1 << 53) + 1
    local ok, err = pcall(await, f:truncate(big))
    if not ok then
      assert.equal("EFBIG", err.code)
      await(f:close())
      local there, made = pcall(await, fs.mkdtemp("/dev/shm/lwt_"))
      if not there then return end
      f = await(fs.open(made .. "/f", "w"))
      ok = pcall(await, f:truncate(big))
      await(fs.unlink(made .. "/f"))
      await(fs.rmdir(made))
    end
    if ok then assert.equal(big, await(f:stat()).size) end
    await(f:close())
  end))

  it("ends, and gives up, tens of thousands of operations in no time to speak of", function()
    local script = require "spec.support.script"
    local told = script.run(("local path = %q\n"):format(path("f")) .. [[
      local lwt, fs = require "lwt", require "lwt.fs"
      lwt.run(function()
        local f = lwt.await(fs.open(path, "w"))
        local all = {}
        for i = 1, 60000 do all[i] = f:write("x") end
        for i = #all, 30000, -1 do all[i]:cancel() end -- the newest first
        lwt.await(f:close())
        for i = 2, #all do pcall(lwt.await, all[i]) end
        f = lwt.await(fs.open(path, "w"))
        for i = 1, 60000 do all[i] = f:pwrite("x", 0) end
        for i = #all, 30000, -1 do all[i]:cancel() end
        lwt.await(f:close())
        for i = 1, #all do pcall(lwt.await, all[i]) end
      end)
      print "good"
    ]], 30)
    assert.same({ 0, "good\n" }, { told.code, told.out })
  end)

  it("rejects what is pending when it is closed, and everything after", task(function()
    local f = await(fs.open(path("f"), "w+"))
    local all = { f:write(("x"):rep(5000000)), f:write("y"), f:read(1), f:pread(70000, 0), f:stat() }
    local closing = f:close()
    for i, p in ipairs(all) do
      assert.is_false(p:is_pending(), i)
      assert.equal(lwt.Closed, failure(p))
    end
    await(closing)
    await(f:close())
    for _, p in ipairs {
      f:read(1), f:read(), f:write("x"), f:pread(1, 0), f:pwrite("", 0), f:readv {}, f:writev {},
      f:seek(), f:tell(), f:stat(), f:sync(), f:datasync(), f:truncate(), f:chmod(0), f:chown(),
      f:utime(), f:lock(), f:unlock(),
    } do
      assert.equal(lwt.Closed, failure(p))
    end
    refused("attempt to use a closed file", function()
      local n = f:fileno()
      return n
    end)
    assert.equal("lwt.file (closed)", tostring(f))
  end))

  it("closes its descriptor by close, by <close>, and when it is dropped", task(function()
    local before = descriptors()
    local f = await(fs.open("/dev/null"))
    assert.equal(before + 1, descriptors())
    await(f:close())
    assert.equal(before, descriptors())
    do
      local g <close> = await(fs.open("/dev/null"))
      assert.equal(before + 1, descriptors())
      assert.matches("^lwt.file %(/dev/null%)$", tostring(g))
    end
    assert.equal(before, descriptors())
    local function drop() assert(await(fs.open("/dev/null"))) end
    drop()
    eventually(function() return descriptors() == before end)
  end))

  it("is not collected while something is pending", task(function()
    shell.write(path("f"), ("x"):rep(100000))
    local function start() return await(fs.open(path("f"))):read(90000) end
    local p = start()
    collectgarbage()
    collectgarbage()
    assert.equal(90000, #await(p))
  end))

  it("keeps a write's bytes alive, whoever drops them", task(function()
    local f <close> = await(fs.open(path("f"), "w"))
    local all = {}
    for i = 1, 50 do
      local b = bytes.create(10000)
      b:fill(i)
      all[#all + 1] = f:write(b)
      all[#all + 1] = f:writev { b:copy(), ("%d"):format(i):rep(3000) }
    end
    collectgarbage()
    collectgarbage()
    await(lwt.join(all))
    local text = shell.read(path("f"))
    local at = 1
    for i = 1, 50 do
      local piece = string.char(i):rep(20000) .. ("%d"):format(i):rep(3000)
      assert.is_true(piece == text:sub(at, at + #piece - 1), i)
      at = at + #piece
    end
    assert.equal(#text, at - 1)
  end))

  it("takes over a descriptor that is open, non-blocking ones as well", task(function()
    local spawn = require("lwt.uv").process.spawn
    local told = table.pack(spawn({ "sh", "-c", "sleep 0.05; printf hello" }, { stdout = "pipe" }))
    local exit, fd = told[3], nil
    for i = 4, told.n do fd = math.type(told[i]) and told[i] or fd end
    local f = fs.of_fd(fd)
    assert.equal(fd, f:fileno())
    assert.equal("hello", await(f:read()))
    await(exit)
    await(f:close())
    refused("bad argument #1 to 'of_fd' (descriptor out of range)", function()
      local g = fs.of_fd(-1)
      return g
    end)
    local ok, err = pcall(fs.of_fd, 9999)
    assert.is_false(ok)
    assert.equal("EBADF", err.code)
  end))

  it("refuses other things than files", function()
    for name, f in pairs(fs.file) do
      local ok, err = pcall(f, io.stdout)
      assert.is_false(ok, name)
      assert.matches("lwt.file expected, got FILE*", tostring(err), 1, true)
    end
  end)

  it("lets others run between reads that need not wait", task(function()
    shell.write(path("f"), ("x"):rep(8 << 20))
    local f <close> = await(fs.open(path("f")))
    local turns, over = 0, false
    lwt.spawn(function()
      while not over do
        turns = turns + 1
        lwt.yield()
      end
    end)
    while await(f:read(65536)) do end
    over = true
    assert.is_true(turns >= 4, turns)
  end))
end)
