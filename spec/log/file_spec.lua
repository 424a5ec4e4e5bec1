-- Files: rotation, compression by a real gzip, SIGHUP and logrotate, full disks, a great many records.

local lwt = require "lwt"
local fs = require "lwt.fs"
local log = require "lwt.log"
local process = require "lwt.process"
local skip = require "spec.support.skip"
local support = require "spec.support.log"
local eventually = require "spec.support.eventually"

local lua = os.getenv "LUA" or "lua5.4"
local await, spec, run = lwt.await, support.spec, support.run
local full = os.getenv "LWT_SPEC_FULL" == "1"

local function error_of(p) return select(2, pcall(await, p)) end

local function exists(path) return await(fs.exists(path)) end

local function open(opts)
  opts.template = opts.template or "$(message)"
  local l = await(log.file(opts))
  log.set_default(l)
  return l
end

-- The lines of all files of a rotated log, oldest first (compressed ones by a real gzip).
local function all_lines(path, keep)
  local lines = {}
  for i = keep, 0, -1 do
    local name = i == 0 and path or path .. "." .. i
    local content = ""
    if exists(name .. ".gz") then
      content = await(process.pread { "gzip", "-dc", name .. ".gz" })
    elseif exists(name) then
      content = support.read(name)
    end
    for line in content:gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
  end
  return lines
end

describe("lwt.log.file", function()
  it("appends or truncates, with the permissions asked for", spec(function(dir)
    local path = dir .. "/a.log"
    await(fs.write_file(path, "old\n"))
    local l = open { path = path }
    await(log.error "one")
    await(l:close())
    assert.equal("old\none\n", support.read(path))
    l = open { path = path, mode = "truncate" }
    await(log.error "two")
    await(l:close())
    assert.equal("two\n", support.read(path))
    l = open { path = dir .. "/b.log", perm = tonumber("600", 8) }
    await(l:close())
    assert.equal(tonumber("600", 8), await(fs.stat(dir .. "/b.log")).mode)
    assert.equal(lwt.Closed, error_of(log.error "late"))
  end))

  it("that cannot be opened rejects", spec(function(dir)
    assert.equal("ENOENT", error_of(log.file { path = dir .. "/no/x" }).code)
    assert.equal("EISDIR", error_of(log.file { path = dir }).code)
    local p = log.file { path = dir .. "/x" }
    p:cancel()
    assert.equal(lwt.Canceled, error_of(p))
  end))

  it("is not made later by what was cancelled while it waited for a thread", spec(function(dir)
    local busy, mb = {}, ("x"):rep(1024 * 1024)
    for i = 1, 64 do busy[i] = fs.write_file(dir .. "/busy" .. i % 8, mb) end
    local p = log.file { path = dir .. "/x", mode = "truncate" }
    p:cancel()
    assert.equal(lwt.Canceled, error_of(p))
    await(lwt.join(busy))
    assert.is_false(exists(dir .. "/x"))
  end))

  it("is given what its promise says it has, in the order of the calls, from many tasks", spec(function(dir)
    local l = open { path = dir .. "/a" }
    local expected, tasks = {}, {}
    for t = 1, 20 do
      tasks[t] = lwt.spawn(function()
        for i = 1, 100 do
          expected[#expected + 1] = ("%d %d"):format(t, i)
          local p = log.error("%d %d", t, i)
          if i % 7 == t % 7 then await(p) end
        end
      end)
    end
    await(lwt.join(tasks))
    await(l:close())
    assert.same(expected, support.lines(dir .. "/a"))
  end))

  it("rotates before the record that would be too much, and keeps as many as it is told", spec(function(dir)
    local path = dir .. "/a"
    local l = open { path = path, rotate = { size = 10, keep = 2 } }
    for i = 1, 9 do log.error("rec%d", i) end -- 5 bytes each
    log.error(("x"):rep(30))
    log.error "last"
    await(l:close())
    assert.equal("last\n", support.read(path))
    assert.equal(("x"):rep(30) .. "\n", support.read(path .. ".1"))
    assert.equal("rec9\n", support.read(path .. ".2"))
    assert.is_false(exists(path .. ".3"))
    l = open { path = path, rotate = { size = 10, keep = 0 } }
    for i = 1, 4 do log.error("rec%d", i) end
    await(l:close())
    assert.equal("rec4\n", support.read(path))
    assert.equal(("x"):rep(30) .. "\n", support.read(path .. ".1"))
  end))

  it("counts what is in the file when it is opened", spec(function(dir)
    await(fs.write_file(dir .. "/a", "12345678\n"))
    local l = open { path = dir .. "/a", rotate = { size = 10 } }
    await(log.error "x")
    await(l:close())
    assert.equal("12345678\n", support.read(dir .. "/a.1"))
  end))

  it("has a real gzip compress what is old, beside the logging", spec(function(dir)
    local path = dir .. "/a"
    local l = open { path = path, rotate = { size = 1000, keep = 30, compress = true } }
    for i = 1, 1000 do
      log.error("record %d", i)
      if i % 50 == 0 then lwt.yield() end
    end
    await(l:close())
    local lines = all_lines(path, 30)
    assert.equal(1000, #lines)
    for i, line in ipairs(lines) do assert.equal("record " .. i, line) end
    assert.is_true(exists(path .. ".1.gz"))
    assert.is_false(exists(path .. ".1"))
  end))

  it("loses and splits no record of 50 tasks while it rotates", spec(function(dir)
    local path = dir .. "/a"
    local keep, each = 400, 40
    local l = open { path = path, rotate = { size = 2000, keep = keep } }
    local tasks = {}
    for t = 1, 50 do
      tasks[t] = lwt.spawn(function()
        for i = 1, each do
          local p = log.error("%d %d %s", t, i, ("x"):rep((t * i) % 60))
          if i % 3 == 0 then await(p) end
          if i % 5 == 0 then lwt.yield() end
        end
      end)
    end
    await(lwt.join(tasks))
    await(l:close())
    local next_of, n = {}, 0
    for _, line in ipairs(all_lines(path, keep)) do
      local t, i, x = line:match "^(%d+) (%d+) (x*)$"
      t, i = tonumber(t), tonumber(i)
      assert.equal((next_of[t] or 0) + 1, i)
      assert.equal((t * i) % 60, #x)
      next_of[t], n = i, n + 1
    end
    assert.equal(50 * each, n)
  end))

  it("goes on in the open file when it cannot rotate, and tells so once", spec(function(dir)
    local told = support.hook()
    local path = dir .. "/a"
    await(fs.mkdir(path .. ".1"))
    await(fs.write_file(path .. ".1/in_the_way", ""))
    local l = open { path = path, rotate = { size = 20, keep = 1 } }
    for i = 1, 30 do log.error("record %d", i) end
    await(l:close())
    assert.equal(30, #support.lines(path))
    lwt.yield()
    assert.equal(1, #told)
    assert.is_not_nil(told[1].code)
  end))

  it("goes on without compression when there is no gzip, and tells so", spec(function(dir)
    local out, status = run(dir, [[
      local lwt, log = require "lwt", require "lwt.log"
      lwt.async_exception_hook(function(err) print("told", err.code) end)
      lwt.run(function()
        local l = log.file { path = "a", template = "$(message)", rotate = { size = 20, compress = true } }:await()
        log.set_default(l)
        for i = 1, 8 do log.error("record %d", i):await() end
        l:close():await()
      end)
    ]], "lua=$(command -v " .. lua .. "); PATH=/nowhere; exec $lua script.lua 2>&1;")
    assert.equal("told\tENOENT\n", out)
    assert.equal(0, status.code)
    assert.equal("record 1\nrecord 2\n", support.read(dir .. "/a.3"))
  end))

  it("is opened anew at SIGHUP: what a mover has taken away is let go, even when nothing is logged", spec(function(dir)
    local path = dir .. "/a"
    local l = open { path = path, reopen = "SIGHUP" }
    await(log.error "one")
    await(fs.rename(path, path .. ".old"))
    await(log.error "two")
    process.kill(process.getpid(), "HUP")
    eventually(function() return exists(path) end)
    await(log.error "three")
    assert.equal("one\ntwo\n", support.read(path .. ".old"))
    assert.equal("three\n", support.read(path))
    await(l:close())
  end))

  it("splits nothing by a SIGHUP while it writes, and keeps the file it has when it cannot open it", spec(function(dir)
    local told = support.hook()
    local path = dir .. "/d/a"
    await(fs.mkdir(dir .. "/d"))
    local l = open { path = path, reopen = "HUP" }
    local n = 0
    for round = 1, 20 do
      for _ = 1, 50 do
        n = n + 1
        log.error("%d %s", n, ("x"):rep(200))
      end
      if round == 10 then await(fs.rename(path, path .. ".1")) end
      process.kill(process.getpid(), "HUP")
      lwt.yield()
    end
    await(log.error("%d %s", n + 1, ("x"):rep(200)))
    await(lwt.sleep(0.05))
    local lines = {}
    for _, name in ipairs { path .. ".1", path } do
      for _, line in ipairs(support.lines(name)) do lines[#lines + 1] = line end
    end
    assert.equal(n + 1, #lines)
    for i, line in ipairs(lines) do assert.equal(("%d %s"):format(i, ("x"):rep(200)), line) end
    await(fs.rename(dir .. "/d", dir .. "/moved"))
    process.kill(process.getpid(), "HUP")
    eventually(function() return #told > 0 end)
    assert.equal("ENOENT", told[1].code)
    await(log.error "still here")
    assert.matches("still here\n$", support.read(dir .. "/moved/a"))
    await(l:close())
  end))

  it("works with logrotate", spec(function(dir)
    local path = dir .. "/app.log"
    await(fs.chmod(dir, tonumber("700", 8)))
    local l = open { path = path, reopen = "SIGHUP" }
    for i = 1, 10 do await(log.error("record %d", i)) end
    await(fs.write_file(dir .. "/conf", ([[
%s {
  rotate 3
  compress
  delaycompress
  size 1
  nocreate
  postrotate
    kill -HUP %d
  endscript
}
]]):format(path, process.getpid())))
    for round = 1, 3 do
      local command = { "logrotate", "-f", "-s", dir .. "/state", dir .. "/conf" }
      local out, status = await(process.pread(command, { stderr = "stdout" }))
      assert.equal(0, status.code, out)
      eventually(function() return exists(path) end)
      for i = 1, 10 do await(log.error("record %d", round * 10 + i)) end
    end
    await(l:close())
    local lines = all_lines(path, 3)
    assert.equal(40, #lines)
    for i, line in ipairs(lines) do assert.equal("record " .. i, line) end
  end))

  it("on a full disk rejects each, tells once, and holds nobody up", spec(function()
    local told = support.hook()
    local l = open { path = "/dev/full" }
    for _ = 1, 3 do assert.equal("ENOSPC", error_of(log.error "x").code) end
    for _ = 1, 100 do log.error "nobody looks" end
    pcall(await, l:close())
    collectgarbage()
    lwt.yield()
    assert.equal(1, #told)
    assert.equal("ENOSPC", told[1].code)
  end))

  it("goes on with whole lines when a full file system has room again; others have everything", spec(function(dir)
    local told = support.hook()
    await(fs.mkdir(dir .. "/small"))
    local mount = await(process.pread({ "mount", "-t", "tmpfs", "-o", "size=256k", "none", dir .. "/small" },
      { stderr = "stdout" }))
    if mount ~= "" then skip.here("no tmpfs may be mounted here: " .. mount) end
    local _ <close> = setmetatable({}, {
      __close = function() lwt.shield(process.exec, { "umount", "-l", dir .. "/small" }) end,
    })
    local filler = dir .. "/small/filler"
    await(fs.write_file(filler, ("x"):rep(100 * 1024)))
    local small = await(log.file { path = dir .. "/small/a", template = "$(message)" })
    local other = await(log.file { path = dir .. "/b", template = "$(message)" })
    log.set_default(log.broadcast { small, other })
    local n, failed = 0, 0
    local function round(count)
      for _ = 1, count do
        n = n + 1
        local p = log.error("%d %s", n, ("x"):rep(1000))
        if n % 7 == 0 then
          local ok, err = pcall(await, p)
          if not ok then
            assert.equal("ENOSPC", err.code)
            failed = failed + 1
          end
        end
      end
    end
    round(400)
    assert.is_true(failed > 10)
    assert.equal(1, #told)
    await(fs.unlink(filler))
    round(20)
    await(log.error "the end")
    await(small:close())
    await(other:close())
    local lines = support.lines(dir .. "/b")
    assert.equal(n + 1, #lines)
    for i = 1, n do assert.equal(("%d %s"):format(i, ("x"):rep(1000)), lines[i]) end
    local last, whole = 0, 0
    for _, line in ipairs(support.lines(dir .. "/small/a")) do
      local i, x = line:match "^(%d+) (x*)$"
      if i and #x == 1000 then
        assert.is_true(math.tointeger(i) > last)
        last, whole = math.tointeger(i), whole + 1
      end
    end
    assert.is_true(last > 400, last)
    assert.is_true(whole >= 150, whole)
    assert.matches("\nthe end\n$", support.read(dir .. "/small/a"))
  end))

  it("begins a line of its own after one that a full file system has cut", spec(function(dir)
    if os.getenv "LWT_UNDER" == "coverage" then skip.under "what is counted is a file, too, above the limit" end
    -- A limit of the shell's stands for the file system: the write that reaches it is cut short.
    local out, status = run(dir, [[
      local lwt, log = require "lwt", require "lwt.log"
      require "lwt.signal".on("XFSZ", function() end)
      lwt.async_exception_hook(function(err) print("told", err.code) end)
      lwt.run(function()
        local l = log.file { path = "a", template = "$(message)" }:await()
        log.set_default(l)
        log.error(("a"):rep(600)):await()
        print(pcall(lwt.await, log.error(("b"):rep(600))))
        print(pcall(lwt.await, log.error "no"))
        local f = io.open("a", "r+")
        require "lwt.fs".open("a", "r+"):await():truncate(900):await()
        log.error "after":await()
        l:close():await()
      end)
    ]], "ulimit -f 2;") -- blocks of 512 bytes
    if not out:find "EFBIG" then skip.here("no limit of files here: " .. out) end
    assert.equal(0, status.code, out)
    assert.equal(1, select(2, out:gsub("told\tEFBIG", "")))
    local text = support.read(dir .. "/a")
    assert.equal(("a"):rep(600) .. "\n" .. ("b"):rep(299) .. "\nafter\n", text)
  end))
end)

describe("lwt.log: a great many records", function()
  it("of 8 tasks and 2 worker threads through rotation are there once, in each one's order", spec(function(dir)
    local preemptive = require "lwt.preemptive"
    local each = full and 100000 or 2000
    local size = full and 1 << 20 or 1 << 14
    local path, keep = dir .. "/a", 400
    local l = open { path = path, rotate = { size = size, keep = keep } }
    local tasks = {}
    for t = 1, 8 do
      tasks[t] = lwt.spawn(function()
        for i = 1, each do
          local p = log.error("task%d %d", t, i)
          if i % 500 == 0 then await(p) end
        end
      end)
    end
    for w = 1, 2 do
      tasks[8 + w] = preemptive.detach(function(name, n)
        local worker_log = require "lwt.log"
        for i = 1, n do worker_log.error("worker%d %d", name, i) end
      end, w, each)
    end
    await(lwt.join(tasks))
    await(l:close())
    local last, n = {}, 0
    for _, line in ipairs(all_lines(path, keep)) do
      local who, i = line:match "^(%a+%d+) (%d+)$"
      assert.equal((last[who] or 0) + 1, math.tointeger(i))
      last[who], n = math.tointeger(i), n + 1
    end
    assert.equal(10 * each, n)
  end, full and 1500 or nil))
end)
