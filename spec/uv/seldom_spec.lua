-- What is seldom come to: files of the system that can only be read on the pool, trees that cannot be
-- removed, the owner of what is copied over, trees with many directories that are watched.
local lwt = require "lwt"
local fs = require "lwt.fs"
local lio = require "lwt.io"
local pty = require "spec.support.pty"
local shell = require "spec.support.shell"
local skip = require "spec.support.skip"
local await = lwt.await

local function task(f) return function() lwt.run(f) end end

local dir
local function path(name) return dir .. "/" .. name end

describe("a channel of a file that gives nothing without waiting", function()
  local FILE = "/proc/self/limits" -- its text stays the same
  local text
  before_each(function()
    local f = io.open(FILE)
    text = f and f:read "a"
    if f then f:close() end
  end)
  local function with_proc(f)
    return task(function()
      if not text then skip.here "there is no /proc" end
      f()
    end)
  end

  it("loses nothing when its reads are canceled and asked for again", with_proc(function()
    local ch = await(lio.open_file(FILE))
    local got = ""
    -- What the pool has brought meanwhile may be given at once: then there is nothing to cancel.
    local function withdraw(p, newline)
      local state, piece = p:state()
      p:cancel()
      if state == "fulfilled" then got = got .. piece .. newline end
    end
    for _ = 1, 3 do
      withdraw(ch:read_line(), "\n")
      withdraw(ch:read(7), "")
    end
    assert.equal(text, got .. await(ch:read()))
    await(ch:close())
  end))

  it("knows its position, and takes another, while a canceled read is on its way", with_proc(function()
    local ch = await(lio.open_file(FILE))
    for at = 30, 0, -10 do
      ch:read(5):cancel()
      ch:set_position(at)
      assert.equal(at, ch:position())
      assert.equal(text:sub(at + 1, at + 10), await(ch:read_exactly(10)))
    end
    await(ch:close())
  end))

  it("can be closed while it reads", with_proc(function()
    for turns = 0, 2 do
      local ch = await(lio.open_file(FILE))
      local p = ch:read(10)
      for _ = 1, turns do lwt.yield() end
      await(ch:abort())
      local ok, err = pcall(await, p)
      assert.is_true(ok or err == lwt.Closed, tostring(err))
    end
  end))
end)

describe("a tree that cannot be removed", function()
  it("is told of, and left alone", task(function()
    if not io.open "/proc/self/fdinfo/1" then skip.here "there is no /proc" end
    local ok, err = pcall(await, lio.delete_recursively "/proc/self/fdinfo")
    assert.is_false(ok)
    assert.is_true(err.code == "EPERM" or err.code == "EACCES", tostring(err))
    ok, err = pcall(await, lio.delete_recursively "/proc/self/map_files")
    assert.is_false(ok)
    assert.is_string(err.code)
  end))
end)

describe("in a folder", function()
  before_each(function() dir = shell.temp_dir() end)
  after_each(function() shell.remove_dir(dir) end)

  it("what is copied over keeps its owner", task(function()
    await(fs.write_file(path("from"), "new"))
    await(fs.write_file(path("to"), "old"))
    if not pcall(await, fs.chown(path("to"), 65534, 65534)) then skip.here "only root may give files away" end
    await(fs.copyfile(path("from"), path("to")))
    local st = await(fs.stat(path("to")))
    assert.same({ 65534, 65534, "new" }, { st.uid, st.gid, await(fs.read_file(path("to"))) })
  end))

  it("a copy goes to a new name only, through a link to nothing, and never onto itself", task(function()
    await(fs.write_file(path("from"), "text"))
    await(fs.copyfile(path("from"), path("new"), { excl = true }))
    assert.equal("text", await(fs.read_file(path("new"))))
    local ok, err = pcall(await, fs.copyfile(path("from"), path("new"), { excl = true }))
    assert.same({ false, "EEXIST" }, { ok, err.code })
    await(fs.symlink("nothing", path("link")))
    await(fs.copyfile(path("from"), path("link")))
    assert.equal("text", await(fs.read_file(path("nothing"))))
    assert.equal("link", await(fs.lstat(path("link"))).type)
    ok, err = pcall(await, fs.copyfile(path("from"), path("from")))
    assert.same({ false, "EINVAL" }, { ok, err.code })
    assert.equal("text", await(fs.read_file(path("from"))))
    await(fs.symlink("/nowhere/at/all", path("far")))
    assert.is_false((pcall(await, fs.copyfile(path("from"), path("far")))))
  end))

  it("nothing is copied to where nothing can be made", task(function()
    await(fs.write_file(path("from"), "x"))
    local ok, err = pcall(await, fs.copyfile(path("from"), path("nowhere/to")))
    assert.same({ false, "ENOENT" }, { ok, err.code })
    ok, err = pcall(await, fs.copyfile(path("from"), "/proc/lwt-seldom"))
    assert.is_false(ok)
    assert.is_string(err.code)
  end))

  it("a watch tells of each of many directories", task(function()
    for i = 1, 70 do await(fs.mkdir(path("d" .. i))) end
    local s = fs.watch(dir, { recursive = true })
    for i = 1, 70 do shell.write(path(("d%d/f"):format(i)), "") end
    local told, n = {}, 0
    while n < 70 do
      local e = await(lwt.with_timeout(20, s:next()))
      if e.name:find "/f$" and not told[e.name] then told[e.name], n = true, n + 1 end
    end
    s:close()
  end))

  it("all who wait for a watch are told that what was watched has gone", task(function()
    await(fs.mkdir(path("d")))
    local s = fs.watch(path("d"))
    local waiting = { s:get(), s:get(), s:get() }
    await(fs.rmdir(path("d")))
    assert.equal("rename", await(waiting[1]).type)
    assert.is_nil(await(waiting[2]))
    assert.is_nil(await(waiting[3]))
  end))
end)

describe("at the limits of what may be asked for", function()
  before_each(function() dir = shell.temp_dir() end)
  after_each(function() shell.remove_dir(dir) end)

  local function code(p) return select(2, pcall(await, p)).code end

  it("paths are too long, or there already", task(function()
    assert.equal("ENAMETOOLONG", code(fs.mkdir(dir .. ("/a"):rep(2500), { parents = true })))
    await(fs.mkdir("/", { parents = true }))
    await(fs.mkdir("///", { parents = true }))
    assert.equal("EEXIST", code(fs.mkdir "/"))
  end))

  it("counts and times are too large", task(function()
    await(fs.write_file(path("f"), "text"))
    local f <close> = await(fs.open(path("f")))
    assert.has_error(function() f:read(math.maxinteger) end, "bad argument #1 to 'read' (count too large)")
    assert.equal("text", await(f:read(math.maxinteger - 1)))
    for _, t in ipairs { 1e16, -1e16, math.huge, 0 / 0 } do
      assert.has_error(function() fs.utime(path("f"), t, 0) end, nil)
    end
    local master, slave = pty.open(80, 24)
    local one = fs.of_fd(master)
    local other = fs.of_fd(slave)
    assert.equal("lwt.file (?)", tostring(one))
    await(lwt.join { one:close(), other:close() })
  end))

  it("folders are empty, and are read by two at once", task(function()
    for _ in fs.readdir(dir) do error "there is nothing" end
    for i = 1, 3 do await(fs.write_file(path("f" .. i), "")) end
    local d = require "lwt.uv".fs.dir(dir)
    local first, second = d:next(), d:next()
    assert.equal(3, #await(first))
    local ok, err = pcall(await, second)
    assert.is_true(ok or err.code == "EBUSY", tostring(err))
    d:close()
    assert.is_nil((await(d:next())))
  end))

  it("many whole files are read at once, and by channels that are opened in C's words", task(function()
    await(fs.write_file(path("f"), "text"))
    local all = {}
    for i = 1, 80 do all[i] = fs.read_file(path("f")) end
    for _, text in ipairs(await(lwt.all(all))) do assert.equal("text", text) end
    local ch = await(lio.open_file(path("f"), "rb"))
    assert.equal("text", await(ch:read()))
    await(ch:close())
    assert.has_error(function() lio.open_file(path("f"), "rx") end, nil)
  end))
end)

describe("the kinds of files", function()
  it("have names, the same in a folder's list and of each", task(function()
    local names = {}
    for _, kind in ipairs { "file", "directory", "link", "fifo", "socket", "char", "block" } do names[kind] = true end
    local folder = shell.temp_dir()
    local _ <close> = await(require "lwt.net".pipe_listen("unix:" .. folder .. "/s"))
    os.execute(("cd '%s' && mkfifo p && ln -s p l && mkdir d && : >f"):format(folder))
    local seen = {}
    for _, in_folder in ipairs { folder, "/dev" } do
      for _, e in ipairs(await(fs.scandir(in_folder))) do
        local ok, st = pcall(await, fs.lstat(in_folder .. "/" .. e.name))
        if ok then
          assert.is_true(names[st.type], st.type)
          if e.type ~= "unknown" then assert.equal(st.type, e.type) end
          seen[st.type] = true
        end
      end
      for e in fs.readdir(in_folder) do assert.is_true(e.type == "unknown" or names[e.type]) end
    end
    for kind in pairs(names) do assert.is_true(seen[kind] or kind == "block", kind) end
    shell.remove_dir(folder)
  end))

  it("may be opened by the system's own number for the mode", task(function()
    local f <close> = await(fs.open("/dev/null", 1)) -- O_WRONLY
    await(f:write "x")
  end))
end)

describe("a loop that is adopted", function()
  it("is another one, and taken only while nothing is open", task(function()
    local engine = require "lwt.engine"
    local loop = engine.loop()
    lwt.yield()
    engine.adopt(loop)
    assert.equal(loop, engine.loop())
    local r, w = require "lwt.net".socketpair()
    assert.has_error(function() engine.adopt(io.stdout) end)
    await(r:close())
    await(w:close())
  end))
end)
