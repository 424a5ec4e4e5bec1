-- lwt.fs: functions of paths.
local lwt = require "lwt"
local fs = require "lwt.fs"
local shell = require "spec.support.shell"
local expect = require "spec.support.expect"
local eventually = require "spec.support.eventually"
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
    await(fs.symlink("nothing", path("l")))
    fails("EEXIST", "mkdir", path("l"), fs.mkdir(path("l"), { parents = true }))
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
    -- What was made too late is removed on the pool, when it has been made.
    eventually(function() return #await(fs.scandir(dir)) == 0 end)
    for _ = 1, 20 do await(fs.stat(dir)) end
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
