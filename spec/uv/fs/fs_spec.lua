-- Functions of paths and whole files, on real files in a real folder.

local lwt = require "lwt"
local fs = require "lwt.fs"
local bytes = require "lwt.bytes"
local shell = require "spec.support.shell"
local expect = require "spec.support.expect"
local skip = require "spec.support.skip"
local task, failure, refused = expect.task, expect.failure, expect.refused

local await = lwt.await
local octal = function(s) return tonumber(s, 8) end

local dir

local function path(name) return dir .. "/" .. name end

local function fails(code, op, where, p)
  local err = failure(p)
  assert.same({ code, op, where }, { err.code, err.op, err.path })
  assert.is_true(err.errno > 0)
  assert.matches(where, tostring(err), 1, true)
end

-- Every path function, called with a path (and whatever else it needs).
local one_path = {
  stat = {}, lstat = {}, exists = {}, access = {}, unlink = {}, readlink = {}, realpath = {},
  chmod = { 420 }, chown = { -1, -1 }, utime = { 0, 0 }, mkdir = {}, rmdir = {}, scandir = {},
  statfs = {}, read_file = {}, write_file = { "x" }, open = {}, rename = { "x" }, link = { "x" },
  copyfile = { "x" }, symlink = { "x" },
}

describe("lwt.fs: paths", function()
  before_each(function() dir = shell.temp_dir() end)
  after_each(function() shell.remove_dir(dir) end)

  it("tells about a file", task(function()
    shell.write(path("f"), "hello")
    await(fs.chmod(path("f"), octal("640")))
    local st = await(fs.stat(path("f")))
    assert.equal("file", st.type)
    assert.equal(5, st.size)
    assert.equal(octal("640"), st.mode)
    assert.equal(1, st.nlink)
    for _, key in ipairs { "uid", "gid", "dev", "ino", "rdev", "blksize", "blocks" } do
      assert.equal("integer", math.type(st[key]), key)
    end
    for _, key in ipairs { "atime", "mtime", "ctime", "birthtime" } do
      assert.equal("float", math.type(st[key]), key)
    end
    assert.is_true(math.abs(st.mtime - os.time()) < 60)
  end))

  it("tells types apart, and follows links with stat alone", task(function()
    await(fs.symlink("nowhere", path("l")))
    await(fs.symlink(".", path("d")))
    os.execute("mkfifo '" .. path("p") .. "'")
    assert.equal("link", await(fs.lstat(path("l"))).type)
    assert.equal("directory", await(fs.stat(path("d"))).type)
    assert.equal("link", await(fs.lstat(path("d"))).type)
    assert.equal("fifo", await(fs.stat(path("p"))).type)
    assert.equal("char", await(fs.stat("/dev/null")).type)
    fails("ENOENT", "stat", path("l"), fs.stat(path("l")))
  end))

  it("knows what exists", task(function()
    await(fs.symlink("nowhere", path("l")))
    assert.is_true(await(fs.exists(dir)))
    assert.is_false(await(fs.exists(path("f"))))
    assert.is_false(await(fs.exists(path("l"))))
    assert.is_false(await(fs.exists("/dev/null/x")))
  end))

  it("knows what may be done", task(function()
    shell.write(path("f"), "")
    assert.is_true(await(fs.access(path("f"))))
    assert.is_true(await(fs.access(path("f"), "rw")))
    fails("EACCES", "access", path("f"), fs.access(path("f"), "x"))
    fails("ENOENT", "access", path("g"), fs.access(path("g")))
    refused("bad argument #2 to 'access' (letters of 'rwx' expected)", function()
      local p = fs.access(path("f"), "rq")
      return p
    end)
  end))

  it("removes, renames and links", task(function()
    shell.write(path("a"), "text")
    await(fs.link(path("a"), path("b")))
    assert.equal(2, await(fs.stat(path("b"))).nlink)
    await(fs.rename(path("b"), path("c")))
    assert.is_false(await(fs.exists(path("b"))))
    assert.equal("text", shell.read(path("c")))
    await(fs.unlink(path("a")))
    assert.is_false(await(fs.exists(path("a"))))
    fails("ENOENT", "unlink", path("a"), fs.unlink(path("a")))
    fails("ENOENT", "rename", path("a"), fs.rename(path("a"), path("x")))
    fails("EEXIST", "link", path("c"), fs.link(path("c"), path("c")))
  end))

  it("reads links and finds the real path", task(function()
    await(fs.symlink("../there", path("l")))
    assert.equal("../there", await(fs.readlink(path("l"))))
    await(fs.mkdir(path("d")))
    await(fs.symlink("d", path("s")))
    local real = await(fs.realpath(dir))
    assert.equal(real .. "/d", await(fs.realpath(path("s/../s/."))))
    fails("EINVAL", "readlink", path("d"), fs.readlink(path("d")))
    fails("ENOENT", "realpath", path("x"), fs.realpath(path("x")))
  end))

  it("sets permissions, owners and times", task(function()
    shell.write(path("f"), "")
    await(fs.chmod(path("f"), octal("4711")))
    assert.equal(octal("4711"), await(fs.stat(path("f"))).mode)
    local st = await(fs.stat(path("f")))
    await(fs.chown(path("f"), st.uid, nil))
    await(fs.utime(path("f"), 1000000000.25, 2.5))
    st = await(fs.stat(path("f")))
    assert.equal(1000000000.25, st.atime)
    assert.equal(2.5, st.mtime)
    await(fs.utime(path("f")))
    assert.is_true(math.abs(await(fs.stat(path("f"))).mtime - os.time()) < 60)
    fails("ENOENT", "chmod", path("x"), fs.chmod(path("x"), 0))
    fails("ENOENT", "chown", path("x"), fs.chown(path("x"), 0, 0))
    fails("ENOENT", "utime", path("x"), fs.utime(path("x"), 0, 0))
    refused("bad argument #2 to 'chmod' (mode out of range (0 to 07777))", function()
      fs.chmod(path("f"), -1)
    end)
    refused("bad argument #2 to 'utime' (time out of range)", function()
      fs.utime(path("f"), 0 / 0, 0)
    end)
  end))

  it("makes and removes directories", task(function()
    await(fs.mkdir(path("d"), octal("700")))
    assert.equal(octal("700"), await(fs.stat(path("d"))).mode)
    fails("EEXIST", "mkdir", path("d"), fs.mkdir(path("d")))
    fails("ENOENT", "mkdir", path("x/y"), fs.mkdir(path("x/y")))
    await(fs.rmdir(path("d")))
    fails("ENOENT", "rmdir", path("d"), fs.rmdir(path("d")))
  end))

  it("makes directories with their parents, once or twice", task(function()
    await(fs.mkdir(path("a//b/c/"), { parents = true, mode = octal("750") }))
    assert.equal(octal("750"), await(fs.stat(path("a/b/c"))).mode)
    await(fs.mkdir(path("a/b/c"), { parents = true }))
    shell.write(path("f"), "")
    fails("EEXIST", "mkdir", path("f"), fs.mkdir(path("f"), { parents = true }))
    fails("ENOTDIR", "mkdir", path("f/x"), fs.mkdir(path("f/x"), { parents = true }))
    refused("bad argument #2 to 'mkdir' (unknown option 'parent')", function()
      fs.mkdir(path("z"), { parent = true })
    end)
  end))

  it("makes temporary directories of different names", task(function()
    local a, b = await(fs.mkdtemp(path("t-"))), await(fs.mkdtemp(path("t-XXXXXX")))
    assert.not_equal(a, b)
    assert.matches("/t%-......$", a)
    assert.equal(#a, #b)
    assert.equal(octal("700"), await(fs.stat(a)).mode)
    fails("ENOENT", "mkdtemp", path("x/t-XXXXXX"), fs.mkdtemp(path("x/t-")))
    local elsewhere = await(fs.mkdtemp())
    assert.equal("directory", await(fs.stat(elsewhere)).type)
    await(fs.rmdir(elsewhere))
  end))

  it("leaves no temporary directory behind when it is cancelled", task(function()
    for _ = 1, 20 do
      local p = fs.mkdtemp(path("t-"))
      p:cancel()
      assert.equal(lwt.Canceled, failure(p))
    end
    -- The jobs run in order of their start on few threads: what follows them sees them done.
    for _ = 1, 20 do await(fs.stat(dir)) end
    await(lwt.sleep(0.01))
    assert.same({}, await(fs.scandir(dir)))
  end))

  it("removes what calls that were cancelled before still make", task(function()
    local lio = require "lwt.io"
    local function busy(seconds)
      local start = os.clock()
      while os.clock() - start < seconds do end
    end
    -- A thread has the call, or has it not yet, or not any more: there are enough of each kind.
    for i = 1, 200 do
      local making
      local p = lio.with_temp_dir(function(d)
        making = fs.mkdir(d .. "/a/b/c/d/e", { parents = true })
        await(making)
      end, { dir = dir })
      while not making do lwt.yield() end
      busy(i % 50 * 4e-6)
      p:cancel()
      pcall(await, p)
      local file = fs.write_file(path("f"), "x")
      busy(i % 50 * 4e-6)
      file:cancel()
      pcall(await, fs.unlink(path("f")))
      making = fs.mkdir(path("e"), { parents = true })
      busy(i % 50 * 4e-6)
      making:cancel()
      pcall(await, fs.rmdir(path("e")))
    end
    await(lwt.sleep(0.05)) -- nothing comes later
    assert.same({}, await(fs.scandir(dir)))
  end))

  it("gives up removals that wait for calls which were cancelled", task(function()
    for i = 1, 50 do
      local making = fs.mkdir(path("d") .. ("/a"):rep(1500), { parents = true })
      for _ = 1, i % 5 do lwt.yield() end
      making:cancel()
      local removing, other = require "lwt.io".delete_recursively(path("d")), fs.rmdir(path("d"))
      removing:cancel()
      other:cancel()
      assert.equal(lwt.Canceled, failure(removing))
      assert.equal(lwt.Canceled, failure(other))
    end
    pcall(await, require "lwt.io".delete_recursively(path("d")))
    assert.same({}, await(fs.scandir(dir)))
  end))

  it("lists a directory by name", task(function()
    assert.same({}, await(fs.scandir(dir)))
    shell.write(path("b"), "")
    await(fs.mkdir(path("a")))
    await(fs.symlink("b", path("c")))
    assert.same({
      { name = "a", type = "directory" }, { name = "b", type = "file" },
      { name = "c", type = "link" },
    }, await(fs.scandir(dir)))
    fails("ENOENT", "scandir", path("x"), fs.scandir(path("x")))
    fails("ENOTDIR", "scandir", path("b"), fs.scandir(path("b")))
  end))

  it("tells about the file system", task(function()
    local st = await(fs.statfs(dir))
    assert.is_true(st.bsize > 0 and st.blocks >= st.bfree and st.bfree >= st.bavail)
    fails("ENOENT", "statfs", path("x"), fs.statfs(path("x")))
  end))

  it("refuses paths that are none, in every function", function()
    for name, rest in pairs(one_path) do
      for _, case in ipairs {
        { "a\0b", "path contains a zero byte" }, { false, "string expected, got boolean" },
        { {}, "string expected, got table" },
      } do
        local ok, err = pcall(fs[name], case[1], table.unpack(rest))
        assert.is_false(ok)
        assert.equal(("bad argument #1 to 'lwt.fs.%s' (%s)"):format(name, case[2]), err)
      end
    end
    refused("bad argument #2 to 'rename' (path contains a zero byte)", function()
      fs.rename("a", "\0")
    end)
  end)

  it("rejects at once when it is cancelled, every function", task(function()
    shell.write(path("f"), "")
    for name, rest in pairs(one_path) do
      local extra = rest[1] == "x" and name ~= "write_file" and { path("other") } or rest
      local p = fs[name](path("none"), table.unpack(extra))
      p:cancel()
      assert.is_false(p:is_pending(), name)
      assert.equal(lwt.Canceled, failure(p), name)
    end
  end))

  it("does what is asked for many times over at once", task(function()
    local all = {}
    for i = 1, 200 do all[i] = fs.write_file(path("f" .. i), ("x"):rep(i)) end
    await(lwt.join(all))
    for i = 1, 200 do all[i] = fs.stat(path("f" .. i)) end
    for i, st in ipairs(await(lwt.all(all))) do assert.equal(i, st.size) end
  end))
end)

-- The size of what is beside its destination while it is copied; nil: nothing.
local function part_of_a_copy()
  for _, entry in ipairs(await(fs.scandir(dir))) do
    if entry.name:find("^%.lwt%-copy%-") then
      local ok, st = pcall(await, fs.stat(path(entry.name)))
      return ok and st.size or nil
    end
  end
end

describe("lwt.fs: whole files", function()
  before_each(function() dir = shell.temp_dir() end)
  after_each(function() shell.remove_dir(dir) end)

  it("reads and writes them, zeros and nothing included", task(function()
    for _, text in ipairs { "", "a", "a\0b\n", ("0123456789"):rep(100000) } do
      await(fs.write_file(path("f"), text))
      assert.equal(text, shell.read(path("f")))
      assert.equal(text, await(fs.read_file(path("f"))))
    end
  end))

  it("writes buffers", task(function()
    await(fs.write_file(path("f"), bytes.of_string("hello"):sub(1, 3)))
    assert.equal("ell", shell.read(path("f")))
  end))

  it("keeps a buffer's memory while it is written, whoever drops it", task(function()
    local all = {}
    for i = 1, 30 do
      local b = bytes.create(200000)
      b:fill(64 + i)
      all[i] = fs.write_file(path("f" .. i), b)
    end
    collectgarbage()
    collectgarbage()
    await(lwt.join(all))
    for i = 1, 30 do assert.equal(string.char(64 + i):rep(200000), shell.read(path("f" .. i))) end
  end))

  it("reads files that have no size of their own", task(function()
    local text = await(fs.read_file("/proc/self/status"))
    assert.matches("^Name:", text)
    assert.equal(shell.read("/proc/cpuinfo"):match("^[^\n]*"),
      await(fs.read_file("/proc/cpuinfo")):match("^[^\n]*"))
    assert.equal("", await(fs.read_file("/dev/null")))
  end))

  it("appends, refuses what is there, and takes a mode", task(function()
    await(fs.write_file(path("f"), "a", "w", octal("600")))
    await(fs.write_file(path("f"), "b", "a"))
    assert.equal("ab", shell.read(path("f")))
    assert.equal(octal("600"), await(fs.stat(path("f"))).mode)
    fails("EEXIST", "write_file", path("f"), fs.write_file(path("f"), "c", "wx"))
    await(fs.write_file(path("f"), "c"))
    assert.equal("c", shell.read(path("f")))
  end))

  it("says what is wrong with them", task(function()
    fails("ENOENT", "read_file", path("x"), fs.read_file(path("x")))
    fails("EISDIR", "read_file", dir, fs.read_file(dir))
    fails("ENOENT", "write_file", path("x/y"), fs.write_file(path("x/y"), ""))
    fails("EISDIR", "write_file", dir, fs.write_file(dir, ""))
    refused("bad argument #2 to 'write_file' (string or lwt.bytes expected, got table)", function()
      fs.write_file(path("f"), {})
    end)
    refused("bad argument #3 to 'write_file' (invalid mode 'q')", function()
      fs.write_file(path("f"), "", "q")
    end)
  end))

  it("copies, with permissions", task(function()
    local text = ("0123456789abcdef"):rep(100000)
    await(fs.write_file(path("a"), text, "w", octal("640")))
    await(fs.copyfile(path("a"), path("b")))
    assert.equal(text, shell.read(path("b")))
    assert.equal(octal("640"), await(fs.stat(path("b"))).mode)
    await(fs.write_file(path("a"), "short"))
    await(fs.copyfile(path("a"), path("b")))
    assert.equal("short", shell.read(path("b")))
    await(fs.copyfile("/proc/self/limits", path("c")))
    assert.matches("Max open files", shell.read(path("c")))
  end))

  it("copies what is empty, what has holes, and over what is longer", task(function()
    await(fs.write_file(path("empty"), ""))
    await(fs.write_file(path("b"), "there already"))
    await(fs.copyfile(path("empty"), path("b")))
    assert.equal("", shell.read(path("b")))
    await(fs.copyfile(path("empty"), path("c"), { excl = true }))
    assert.equal("", shell.read(path("c")))
    local f <close> = await(fs.open(path("holes"), "w"))
    await(f:truncate(20 << 20))
    await(f:pwrite("middle", 9 << 20))
    await(f:pwrite("end", (20 << 20) - 3))
    await(fs.copyfile(path("holes"), path("b")))
    assert.is_true(shell.read(path("holes")) == shell.read(path("b")))
  end))

  it("copies to another file system, and to what is no file", task(function()
    local text = ("0123456789abcdef"):rep(100000)
    await(fs.write_file(path("a"), text))
    local other = await(fs.exists("/dev/shm")) and await(fs.mkdtemp("/dev/shm/lwt_"))
    if other then
      await(fs.copyfile(path("a"), other .. "/b"))
      assert.is_true(text == shell.read(other .. "/b"))
      await(fs.copyfile(other .. "/b", path("c")))
      assert.is_true(text == shell.read(path("c")))
      shell.remove_dir(other)
    end
    local before = await(fs.stat("/dev/null"))
    await(fs.copyfile(path("a"), "/dev/null"))
    local after = await(fs.stat("/dev/null"))
    assert.same({ "char", before.mode }, { after.type, after.mode })
    shell.run(("mkfifo '%s'"):format(path("fifo")))
    local reader = fs.read_file(path("fifo"))
    await(fs.copyfile(path("a"), path("fifo")))
    assert.is_true(text == await(reader))
    assert.equal("fifo", await(fs.stat(path("fifo"))).type)
  end))

  it("does not copy onto what must not be lost", task(function()
    await(fs.write_file(path("a"), "precious"))
    await(fs.write_file(path("b"), "other"))
    fails("EEXIST", "copyfile", path("a"), fs.copyfile(path("a"), path("b"), { excl = true }))
    fails("EINVAL", "copyfile", path("a"), fs.copyfile(path("a"), path("a")))
    await(fs.symlink("a", path("l")))
    fails("EINVAL", "copyfile", path("a"), fs.copyfile(path("a"), path("l")))
    await(fs.link(path("a"), path("h")))
    fails("EINVAL", "copyfile", path("h"), fs.copyfile(path("h"), path("a")))
    fails("EISDIR", "copyfile", path("a"), fs.copyfile(path("a"), dir))
    fails("ENOENT", "copyfile", path("x"), fs.copyfile(path("x"), path("b")))
    fails("EISDIR", "copyfile", dir, fs.copyfile(dir, path("b")))
    assert.equal("precious", shell.read(path("a")))
    assert.equal("other", shell.read(path("b")))
    refused("bad argument #3 to 'copyfile' (unknown option 'exclusive')", function()
      fs.copyfile("a", "b", { exclusive = true })
    end)
  end))

  it("copies between open files", task(function()
    await(fs.write_file(path("a"), "hello"))
    local src <close> = await(fs.open(path("a")))
    local dst <close> = await(fs.open(path("b"), "w"))
    await(dst:write(">"))
    assert.equal(3, await(fs.sendfile(dst, src, 1, 3)))
    assert.equal(0, await(fs.sendfile(dst, src, 99, 3)))
    assert.equal(">ell", shell.read(path("b")))
    local after <close> = await(fs.open(path("b"), "a")) -- the system's own call refuses this
    assert.equal(5, await(fs.sendfile(after, src, 0, 100)))
    assert.equal(">ellhello", shell.read(path("b")))
    await(src:close())
    refused("attempt to use a closed file", function() fs.sendfile(dst, src, 0, 1) end)
    refused("bad argument #4 to 'sendfile' (negative length)", function()
      fs.sendfile(dst, dst, 0, -1)
    end)
  end))

  it("sends all of a file to a socket, however slowly that takes it", task(function()
    local net = require "lwt.net"
    local text = ("0123456789abcdef"):rep(1 << 19)
    await(fs.write_file(path("a"), text))
    local src <close> = await(fs.open(path("a")))
    -- More than there are threads in the pool, and nobody reads yet.
    local pairs_of, sending = {}, {}
    for i = 1, 8 do
      local a, b = net.socketpair()
      pairs_of[i] = { a, b }
      sending[i] = fs.sendfile(a:fileno(), src, i, #text)
    end
    assert.is_true(await(fs.exists(path("a"))))
    for i = 1, 8 do
      assert.is_true(sending[i]:is_pending())
      local b, got, n = pairs_of[i][2], {}, 0
      while n < #text - i do
        got[#got + 1] = await(b:read())
        n = n + #got[#got]
      end
      assert.is_true(table.concat(got) == text:sub(i + 1))
      assert.equal(#text - i, await(sending[i]))
      pairs_of[i][1]:close()
      b:close()
    end
  end))

  it("never sends into a file that was opened later, nor from one", task(function()
    local size, zeros = 1 << 28, ("\0"):rep(1 << 20)
    local source <close> = await(fs.open(path("a"), "w+"))
    await(source:truncate(size))
    for _, how in ipairs { "dst", "src", "number" } do
      local src, dst = await(fs.open(path("a"))), await(fs.open(path("b"), "w"))
      local sent
      if how == "number" then
        sent = fs.sendfile(dst:fileno(), src:fileno(), 0, size)
      else
        sent = fs.sendfile(dst, src, 0, size)
      end
      while await(fs.stat(path("b"))).size == 0 do await(lwt.pause()) end
      local closing = {}
      if how ~= "src" then closing[1] = dst:close() end
      if how ~= "dst" then closing[#closing + 1] = src:close() end
      if how == "number" then await(lwt.join(closing)) end -- the numbers are free now
      -- These get the first numbers that are free.
      await(fs.write_file(path("text"), "not zeros"))
      local others = {}
      for i = 1, 4 do others[i] = await(fs.open(path(how .. i), "w")) end
      local text = await(fs.open(path("text")))
      local ok, told = pcall(await, sent)
      await(lwt.join(closing))
      for i = 1, 4 do
        assert.equal(0, await(others[i]:stat()).size)
        await(others[i]:close())
      end
      assert.equal(how == "number" and size or lwt.Closed, told)
      assert.equal(how == "number", ok)
      await(lwt.join { text:close(), src:close(), dst:close() })
      -- Nothing of the other file has come in.
      local written <close> = await(fs.open(path("b")))
      while true do
        local piece = await(written:read(1 << 20))
        if piece == nil then break end
        assert.is_true(piece == zeros:sub(1, #piece))
      end
    end
  end))

  it("stops sending to a socket when it is cancelled, or nobody reads it", task(function()
    local net = require "lwt.net"
    await(fs.write_file(path("a"), ("x"):rep(1 << 23)))
    local src <close> = await(fs.open(path("a")))
    local a <close>, b = net.socketpair()
    local p = fs.sendfile(a:fileno(), src, 0, 1 << 23)
    assert.is_string(await(b:read(1)))
    p:cancel()
    assert.equal(lwt.Canceled, failure(p))
    p = fs.sendfile(a:fileno(), src, 0, 1 << 23)
    b:close()
    local code = failure(p).code
    assert.is_truthy(code == "EPIPE" or code == "ECONNRESET", code)
  end))

  it("leaves no part of a copy when it is cancelled", task(function()
    local p = fs.write_file(path("a"), ("x"):rep(64 * 1024 * 1024))
    await(p)
    local copy = fs.copyfile(path("a"), path("b"))
    copy:cancel()
    assert.equal(lwt.Canceled, failure(copy))
    for _ = 1, 500 do
      if not await(fs.exists(path("b"))) or await(fs.stat(path("b"))).size == 64 * 2 ^ 20 then break end
      await(lwt.sleep(0.01))
    end
    local there = await(fs.exists(path("b")))
    assert.is_true(not there or await(fs.stat(path("b"))).size == 64 * 2 ^ 20)
  end))

  it("stops a copy in the middle when it is cancelled", task(function()
    -- A fifo that somebody keeps open: the copy waits for more of it.
    shell.run(("mkfifo '%s'"):format(path("fifo")))
    local w <close> = await(fs.open(path("fifo"), "r+"))
    await(w:write("the beginning"))
    local copy = fs.copyfile(path("fifo"), path("b"))
    while part_of_a_copy() == 0 do await(lwt.sleep(0.001)) end
    copy:cancel()
    assert.equal(lwt.Canceled, failure(copy))
    while part_of_a_copy() do await(lwt.sleep(0.001)) end
    assert.is_false(await(fs.exists(path("b"))))
  end))

  it("leaves what was there alone when a copy is cancelled, or fails", task(function()
    shell.run(("mkfifo '%s'"):format(path("fifo")))
    local w <close> = await(fs.open(path("fifo"), "r+"))
    await(fs.write_file(path("real"), "what was there"))
    await(fs.symlink("real", path("b")))
    await(w:write("the beginning"))
    local copy = fs.copyfile(path("fifo"), path("b"))
    while part_of_a_copy() == 0 do await(lwt.sleep(0.001)) end
    copy:cancel()
    while part_of_a_copy() do await(lwt.sleep(0.001)) end
    assert.equal("what was there", await(fs.read_file(path("real"))))
    assert.equal("link", await(fs.lstat(path("b"))).type)
    -- Through the link, and through one to nothing.
    await(fs.write_file(path("a"), "new"))
    await(fs.copyfile(path("a"), path("b")))
    assert.equal("new", await(fs.read_file(path("real"))))
    assert.equal("link", await(fs.lstat(path("b"))).type)
    await(fs.symlink("nothing", path("c")))
    await(fs.copyfile(path("a"), path("c")))
    assert.equal("new", await(fs.read_file(path("nothing"))))
    assert.equal("link", await(fs.lstat(path("c"))).type)
    assert.is_nil(part_of_a_copy())
  end))

  it("removes nothing that took the name meanwhile", task(function()
    shell.run(("mkfifo '%s'"):format(path("fifo")))
    local w = await(fs.open(path("fifo"), "r+"))
    await(w:write("the beginning"))
    local copy = fs.copyfile(path("fifo"), path("b"))
    local careful = fs.copyfile(path("fifo"), path("c"), { excl = true })
    while #await(fs.scandir(dir)) < 3 do await(lwt.sleep(0.001)) end
    await(fs.write_file(path("b"), "somebody else's"))
    await(fs.write_file(path("c"), "somebody else's"))
    copy:cancel()
    while #await(fs.scandir(dir)) > 4 do await(lwt.sleep(0.001)) end
    assert.equal("somebody else's", await(fs.read_file(path("b"))))
    await(w:close())
    local err = failure(careful)
    assert.equal("EEXIST", err.code)
    assert.equal("somebody else's", await(fs.read_file(path("c"))))
    assert.is_nil(part_of_a_copy())
  end))

  it("stops a copy of a long file between two pieces", task(function()
    if os.getenv "LWT_UNDER" == "valgrind" then skip.under "a copy lets nobody else run" end
    local f <close> = await(fs.open(path("a"), "w"))
    await(f:truncate(2 << 30))
    local copy = fs.copyfile(path("a"), path("b"))
    while not part_of_a_copy() do await(lwt.pause()) end
    copy:cancel()
    assert.equal(lwt.Canceled, failure(copy))
    local most = 0
    while true do
      local size = part_of_a_copy()
      if not size then break end
      most = math.max(most, size)
      await(lwt.sleep(0.001))
    end
    assert.is_false(await(fs.exists(path("b"))))
    assert.is_true(most < 2 << 30, most)
  end))
end)
