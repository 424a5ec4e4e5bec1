-- lwt.fs in Lua: streams of directory entries and of events. (Paths and open files: spec/uv.)

local eventually = require "spec.support.eventually"
local lwt = require "lwt"
local fs = require "lwt.fs"
local stream = require "lwt.stream"
local core = require "spec.support.core"
local shell = require "spec.support.shell"
local expect = require "spec.support.expect"
local skip = require "spec.support.skip"
local task, failure, refused = expect.task, expect.failure, expect.refused

local await = lwt.await

local dir

local function path(name) return dir .. "/" .. name end

local function descriptors()
  collectgarbage()
  collectgarbage()
  await(lwt.sleep(0.001))
  return #await(fs.scandir("/proc/self/fd"))
end

describe("lwt.fs.readdir", function()
  before_each(function() dir = shell.temp_dir() end)
  after_each(function() shell.remove_dir(dir) end)

  it("gives every entry once, with its type, and then ends", task(function()
    for i = 1, 600 do shell.write(path("f" .. i), "") end
    await(fs.mkdir(path("d")))
    await(fs.symlink("x", path("l")))
    local seen, n = {}, 0
    for entry in fs.readdir(dir) do
      assert.is_nil(seen[entry.name])
      seen[entry.name] = entry.type
      n = n + 1
    end
    assert.equal(602, n)
    assert.equal("directory", seen.d)
    assert.equal("link", seen.l)
    assert.equal("file", seen.f600)
    assert.is_nil(seen["."])
  end))

  it("is a stream like any other", task(function()
    for i = 1, 5 do shell.write(path("f" .. i), "") end
    local s = fs.readdir(dir)
    assert.is_true(stream.is_stream(s))
    local names = await(s:map(function(e) return e.name end):to_list())
    table.sort(names)
    assert.equal("f1 f2 f3 f4 f5", table.concat(names, " "))
    assert.is_nil(await(s:get()))
    assert.equal(0, #await(fs.readdir(path("")):filter(function() return false end):to_list()))
  end))

  it("says at the first read what cannot be read", task(function()
    shell.write(path("f"), "")
    local err = failure(fs.readdir(path("x")):next())
    assert.same({ "ENOENT", "readdir", path("x") }, { err.code, err.op, err.path })
    assert.equal("ENOTDIR", failure(fs.readdir(path("f")):get()).code)
    refused("bad argument #1 to 'readdir' (string expected, got nil)", function()
      local s = fs.readdir()
      return s
    end)
    refused("bad argument #1 to 'readdir' (path contains a zero byte)", function()
      local s = fs.readdir("\0")
      return s
    end)
  end))

  it("closes the directory at the end, by close, and when it is dropped", task(function()
    for i = 1, 600 do shell.write(path("f" .. i), "") end
    local before = descriptors()
    local all = fs.readdir(dir)
    await(all:next())
    assert.equal(before + 1, descriptors())
    await(all:to_list())
    assert.equal(before, descriptors())
    local some = fs.readdir(dir)
    await(some:next())
    some:close()
    eventually(function() return descriptors() == before end)
    local function drop() await(fs.readdir(dir):next()) end
    drop()
    eventually(function() return descriptors() == before end)
  end))

  it("loses no entry when a read is cancelled", task(function()
    for i = 1, 300 do shell.write(path("f" .. i), "") end
    local s = fs.readdir(dir)
    local p = s:next()
    p:cancel()
    assert.equal(lwt.Canceled, failure(p))
    assert.equal(300, #await(s:to_list()))
  end))

  -- Daily fewer: most of it is the system's making and removing of them. (All at once they would be 1 MB.)
  it("reads very many entries in bounded memory", task(function()
    local total = os.getenv("LWT_UNDER") and 5000 or core.count(15000, 100000)
    shell.run(("cd '%s' && seq -f 'some-rather-long-name-of-a-file-%%.0f' %d | xargs touch")
      :format(dir, total))
    local function memory()
      collectgarbage()
      collectgarbage()
      return collectgarbage("count")
    end
    local before, peak, n = memory(), 0, 0
    for _ in fs.readdir(dir) do
      n = n + 1
      if n % 1000 == 0 then peak = math.max(peak, memory() - before) end
    end
    assert.equal(total, n)
    assert.is_true(peak < 500, peak .. " KB")
  end))
end)

describe("lwt.fs.watch", function()
  before_each(function() dir = shell.temp_dir() end)
  after_each(function() shell.remove_dir(dir) end)

  -- The events up to the one that `last` is true for.
  local function collect(s, last)
    local seen = {}
    while true do
      local e = await(lwt.with_timeout(5, s:next()))
      seen[#seen + 1] = e.type .. ":" .. tostring(e.name)
      if last(e) then return seen end
    end
  end

  it("can be closed while one who waits cancels another", task(function()
    local w = require "lwt.uv".fs.watcher(dir)
    local first, second = w:next(), w:next()
    first:on_success(function() second:cancel() end)
    w:close()
    assert.equal("fulfilled", (first:state()))
    assert.same({ "rejected", lwt.Canceled }, { second:state() })
  end))

  it("tells what happens in a directory", task(function()
    local s = fs.watch(dir)
    assert.is_true(stream.is_stream(s))
    await(fs.write_file(path("a"), "x"))
    await(fs.rename(path("a"), path("b")))
    await(fs.unlink(path("b")))
    await(fs.write_file(path("end"), ""))
    local seen = collect(s, function(e) return e.name == "end" end)
    assert.same({ "rename:a", "change:a", "rename:b" }, { seen[1], seen[2], seen[3] })
    s:close()
  end))

  it("tells what happens to a file", task(function()
    shell.write(path("f"), "x")
    local s = fs.watch(path("f"))
    local waiting = s:next()
    assert.is_true(waiting:is_pending())
    await(fs.write_file(path("f"), "y", "a"))
    local e = await(waiting)
    assert.same({ "change", "f" }, { e.type, e.name })
    s:close()
  end))

  it("tells once what happened often before anybody looked", task(function()
    local s = fs.watch(dir)
    for i = 1, 50 do await(fs.write_file(path("a"), tostring(i))) end
    await(fs.write_file(path("end"), ""))
    local seen = collect(s, function(e) return e.name == "end" end)
    assert.is_true(#seen <= 4, #seen)
    s:close()
  end))

  it("keeps no more than a thousand, and says so", task(function()
    local s = fs.watch(dir)
    for i = 1, 1500 do shell.write(path("f" .. i), "") end
    for _ = 1, 500 do await(lwt.pause()) end -- the loop takes what the system has queued, a part a turn
    local n, overflow = 0, false
    while not overflow do
      overflow = await(s:next()).type == "overflow"
      n = n + 1
    end
    assert.equal(1025, n)
    s:close()
  end))

  it("ends when it is closed, for who waits as well", task(function()
    local s = fs.watch(dir)
    local waiting = s:get()
    s:close()
    assert.is_nil(await(waiting))
    assert.is_nil(await(s:get()))
    s:stop()
  end))

  it("loses no event when a read is cancelled", task(function()
    local s = fs.watch(dir)
    local p = s:next()
    p:cancel()
    assert.equal(lwt.Canceled, failure(p))
    await(fs.mkdir(path("d")))
    assert.equal("d", await(s:next()).name)
    s:close()
  end))

  it("gives its descriptor back when it is dropped", task(function()
    local function use()
      local s = fs.watch(dir)
      await(fs.mkdir(path("d")))
      await(s:next())
    end
    use()
    local before = descriptors() -- libuv keeps one for all watches
    fs.watch(dir)
    collectgarbage()
    assert.is_true(descriptors() <= before)
  end))

  it("says when the system has lost events", task(function()
    if not io.open "/proc/sys/fs/inotify/max_queued_events" then skip.here "there is no inotify" end
    local file = io.open "/proc/sys/fs/inotify/max_queued_events"
    local most = file:read("n")
    file:close()
    shell.write(path("a"), "")
    local s, below = fs.watch(dir), fs.watch(dir, { recursive = true })
    for _ = 1, most // 4 + 100 do -- two events each; nothing is read meanwhile
      os.rename(path("a"), path("b"))
      os.rename(path("b"), path("a"))
    end
    os.execute("mkdir " .. path("missed"))
    for _, w in ipairs { s, below } do
      collect(w, function(e) return e.type == "overflow" end)
    end
    -- It goes on, and knows the directory of which it was not told.
    await(fs.write_file(path("missed/f"), ""))
    collect(below, function(e) return e.name == "missed/f" end)
    await(fs.write_file(path("end"), ""))
    collect(s, function(e) return e.name == "end" end)
    s:close()
    below:close()
  end))

  it("tells of a directory's own properties, and of directories that go again at once", task(function()
    for _, name in ipairs { "a", "b", "c" } do await(fs.mkdir(path(name))) end
    local s = fs.watch(dir, { recursive = true })
    await(fs.chmod(path("a"), 448))
    await(fs.chmod(dir, 448))
    for _, name in ipairs { "b", "c", "a" } do await(fs.rmdir(path(name))) end
    os.execute(("cd '%s' && mkdir d && rmdir d && mkdir e"):format(dir)) -- d is gone when we hear of it
    await(fs.write_file(path("e/f"), ""))
    local seen = collect(s, function(e) return e.name == "e/f" end)
    local count = {}
    for _, e in ipairs(seen) do count[e] = (count[e] or 0) + 1 end
    assert.equal(1, count["change:a"])
    assert.equal(1, count["change:" .. dir:match "[^/]*$"])
    for _, name in ipairs { "a", "b", "c", "d" } do assert.is_truthy(count["rename:" .. name], name) end
    s:close()
  end))

  it("tells what is watched by its own name, whatever follows it in the path", task(function()
    await(fs.mkdir(path("sub")))
    for _, way in ipairs { "sub", "sub/", "sub//", "./sub/" } do
      local s = fs.watch(path(way))
      await(fs.chmod(path("sub"), 448))
      assert.equal("sub", await(lwt.with_timeout(30, s:next())).name)
      s:close()
    end
  end))

  it("may be many, which come and go, and close one another", task(function()
    local watcher = require "lwt.uv".fs.watcher
    for _, name in ipairs { "a", "b", "c" } do await(fs.mkdir(path(name))) end
    local first = watcher(path("a"))
    for _ = 1, 40 do -- the system counts on
      local w, v = watcher(path("b")), watcher(path("c"))
      w:close()
      v:close()
    end
    local others = { watcher(path("b")), watcher(path("c")) }
    await(fs.mkdir(path("a/x")))
    assert.equal("x", await(first:next()).name)
    first:close()
    for _, w in ipairs(others) do w:close() end
    -- All of them have something new to tell when the first is told.
    local all, told = {}, 0
    for i = 1, 5 do all[i] = watcher(path("a")) end
    local waiting = {}
    for i = 1, 5 do
      waiting[i] = all[i]:next():map(function(e)
        told = told + (e and 1 or 0)
        for k = 1, 5 do if k ~= i then all[k]:close() end end
      end)
    end
    await(fs.mkdir(path("a/y")))
    await(lwt.join(waiting))
    assert.equal(1, told)
    for i = 1, 5 do all[i]:close() end
  end))

  it("ends when what is watched has gone, after what it was told of", task(function()
    await(fs.mkdir(path("d")))
    await(fs.write_file(path("d/f"), ""))
    local of_dir, of_file = fs.watch(path("d")), fs.watch(path("d/f"))
    local below = fs.watch(path("d"), { recursive = true })
    await(fs.unlink(path("d/f")))
    await(fs.rmdir(path("d")))
    local function all(s)
      local seen = {}
      while true do
        local e = await(lwt.with_timeout(5, s:next():catch(function() end)))
        if e == nil then return seen end
        seen[#seen + 1] = e.type .. ":" .. e.name
      end
    end
    assert.same({ "rename:f", "rename:d" }, all(of_dir))
    assert.same({ "rename:f", "rename:d" }, all(below))
    assert.same({ "change:f", "rename:f" }, all(of_file))
    -- And tells who waits already.
    await(fs.mkdir(path("d")))
    local s = fs.watch(path("d"))
    local first, second, third = s:get(), s:get(), s:get()
    await(fs.rmdir(path("d")))
    assert.equal("d", await(lwt.with_timeout(5, first)).name)
    assert.is_nil((await(lwt.with_timeout(5, second))))
    assert.is_nil((await(lwt.with_timeout(5, third))))
  end))

  it("tells of entries alone, unless it is recursive", task(function()
    await(fs.mkdir(path("a/b"), { parents = true }))
    await(fs.mkdir(path("far/c"), { parents = true }))
    await(fs.symlink("../far", path("a/link")))
    local s, below = fs.watch(path("a")), fs.watch(path("a"), { recursive = true })
    await(fs.write_file(path("a/b/f"), ""))
    await(fs.write_file(path("far/c/f"), "")) -- behind the link
    -- A new tree is watched as soon as it appears, and what was in it then is told.
    await(fs.mkdir(path("a/new/deep"), { parents = true }))
    await(fs.write_file(path("a/new/deep/f"), ""))
    collect(below, function(e) return e.name == "a/new/deep/f" or e.name == "new/deep/f" end)
    await(fs.write_file(path("a/new/deep/g"), ""))
    collect(below, function(e) return e.name == "new/deep/g" end)
    -- One that moves has another name, and elsewhere none.
    await(fs.rename(path("a/new/deep"), path("a/b/moved")))
    collect(below, function(e) return e.name == "b/moved" end)
    await(fs.write_file(path("a/b/moved/h"), ""))
    collect(below, function(e) return e.name == "b/moved/h" end)
    await(fs.rename(path("a/b/moved"), path("far/moved")))
    await(fs.write_file(path("a/mark"), ""))
    collect(below, function(e) return e.name == "mark" end)
    await(fs.write_file(path("far/moved/i"), ""))
    await(fs.write_file(path("a/end"), ""))
    for _, name in ipairs(collect(below, function(e) return e.name == "end" end)) do
      assert.is_nil(name:find "moved" or name:find "far")
    end
    for _, name in ipairs(collect(s, function(e) return e.name == "end" end)) do
      assert.is_nil(name:find "/")
    end
    s:close()
    below:close()
  end))

  it("tells each of many watches of the same directory", task(function()
    local all = {}
    for i = 1, 200 do all[i] = fs.watch(dir, { recursive = i % 2 == 0 }) end
    await(fs.mkdir(path("d")))
    for i = 1, 200 do assert.equal("d", await(lwt.with_timeout(5, all[i]:next())).name) end
    for i = 1, 199 do
      -- Whoever is told may close all others.
      all[i]:get():on_success(function() for k = 1, 199 do all[k]:close() end end)
    end
    await(fs.mkdir(path("e")))
    assert.equal("e", await(lwt.with_timeout(5, all[200]:next())).name)
    all[200]:close()
  end))

  it("refuses options that it does not know", function()
    refused("bad argument #2 to 'watch' (unknown option 'deep')", function()
      return fs.watch(dir, { deep = true })
    end)
  end)

  it("raises at once when there is nothing to watch", function()
    local ok, err = pcall(fs.watch, path("x"))
    assert.is_false(ok)
    assert.same({ "ENOENT", "watch", path("x") }, { err.code, err.op, err.path })
    refused("bad argument #1 to 'watch' (path contains a zero byte)", function()
      local s = fs.watch("\0")
      return s
    end)
  end)
end)
