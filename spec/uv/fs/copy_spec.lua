-- lwt.fs: from one file to another.
local lwt = require "lwt"
local fs = require "lwt.fs"
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


-- The size of what is beside its destination while it is copied; nil: nothing.
local function part_of_a_copy()
  for _, entry in ipairs(await(fs.scandir(dir))) do
    if entry.name:find("^%.lwt%-copy%-") then
      local ok, st = pcall(await, fs.stat(path(entry.name)))
      return ok and st.size or nil
    end
  end
end

describe("lwt.fs: copies", function()
  before_each(function() dir = shell.temp_dir() end)
  after_each(function() shell.remove_dir(dir) end)

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
    -- Enough to be under way when it is closed.
    local bits = { valgrind = 24, asan = 27 }
    local size, zeros = 1 << (bits[os.getenv "LWT_UNDER"] or 28), ("\0"):rep(1 << 20)
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
    local size = 512 << 20 -- of blocks, for holes are stepped over
    shell.run(("f='%s'; fallocate -l %d $f || head -c %d /dev/zero > $f"):format(path("a"), size, size))
    local copy = fs.copyfile(path("a"), path("b"))
    while not part_of_a_copy() do await(lwt.pause()) end
    copy:cancel()
    assert.equal(lwt.Canceled, failure(copy))
    local most = 0
    while true do
      local part = part_of_a_copy()
      if not part then break end
      most = math.max(most, part)
      await(lwt.sleep(0.001))
    end
    assert.is_false(await(fs.exists(path("b"))))
    assert.is_true(most < size, most)
  end))

  it("keeps holes, at the beginning, between and at the end", task(function()
    local function sparse(name, size, texts)
      local f <close> = await(fs.open(path(name), "w"))
      await(f:truncate(size))
      for at, text in pairs(texts) do await(f:pwrite(text, at)) end
    end
    local files = {
      { 8 << 20, { [0] = "begins", [4 << 20] = ("x"):rep(100000) } },
      { (8 << 20) + 5, { [4 << 20] = "between", [8 << 20] = "ends." } },
      { 8 << 20, {} },
      { 40 << 20, { [20 << 20] = ("y"):rep(9 << 20) } },
    }
    for i, file in ipairs(files) do
      sparse("a", table.unpack(file))
      local from = await(fs.stat(path("a")))
      await(fs.copyfile(path("a"), path("b")))
      local to = await(fs.stat(path("b")))
      assert.equal(file[1], to.size)
      assert.is_true(await(fs.read_file(path("a"))) == await(fs.read_file(path("b"))), i)
      assert.is_true(to.blocks <= from.blocks + 64, ("%d: %d, then %d"):format(i, from.blocks, to.blocks))
    end
  end))
end)
