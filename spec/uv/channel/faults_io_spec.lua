-- What the world does to a program that uses channels: a full file system, peers and children that
-- die in the middle of a line, a storm of signals, and very many connections.

local lwt = require "lwt"
local fs = require "lwt.fs"
local io = require "lwt.io"
local net = require "lwt.net"
local process = require "lwt.process"
local build = require "spec.support.build"
local eventually = require "spec.support.eventually"
local shell = require "spec.support.shell"
local expect = require "spec.support.expect"
local skip = require "spec.support.skip"
local task, failure = expect.task, expect.failure
local await = lwt.await

local function descriptors() return #await(fs.scandir("/proc/self/fd")) end

-- KiB; nothing under a sanitizer or valgrind, whose own memory this would measure.
local function resident()
  if os.getenv("LWT_UNDER") then return 0 end
  local f <close> = assert(_G.io.open("/proc/self/status"))
  return tonumber(f:read("a"):match("VmRSS:%s*(%d+)"))
end

describe("a full file system", function()
  local dir

  setup(function() dir = shell.temp_dir() end)
  teardown(function() shell.remove_dir(dir) end)

  -- What has been written is whole and in order, and what has not is told.
  it("is told by the write or the flush, and by close", function()
    local mount = shell.run(("mount -t tmpfs -o size=1m none '%s'"):format(dir))
    if mount.code ~= 0 then skip.here("no tmpfs may be mounted: " .. mount.err) end
    local ok, err = pcall(task(function()
      local ch, written, failed = await(io.open_file(dir .. "/f", "w")), 0, nil
      for i = 1, 1000000 do
        local sent, e = pcall(await, ch:write_line(("line %07d"):format(i)))
        if not sent then
          failed = e
          break
        end
        written = i
      end
      assert.equal("ENOSPC", failed.code)
      assert.equal(dir .. "/f", failed.path)
      assert.equal("ENOSPC", failure(ch:write("more")).code)
      assert.equal("ENOSPC", failure(ch:close()).code)
      assert.is_true(ch:is_closed())
      local size, i = await(fs.stat(dir .. "/f")).size, 0
      for line in io.lines_of_file(dir .. "/f") do
        i = i + 1
        if #line == 12 then assert.equal(("line %07d"):format(i), line) end
      end
      assert.is_true(size > 900000 and size <= 1 << 20, size)
      assert.is_true(i <= written + 1, i)
      assert.equal("ENOSPC", failure(io.lines_to_file(dir .. "/g", { ("x"):rep(1 << 20) })).code)
      assert.equal("ENOSPC", failure(io.with_file(dir .. "/h", "w", function(c)
        await(c:write(("x"):rep(5000)))
      end)).code)
      -- With room again a fresh channel writes.
      await(fs.unlink(dir .. "/f"))
      await(io.lines_to_file(dir .. "/h", { "fits" }))
      assert.equal("fits\n", await(io.with_file(dir .. "/h", "r", io.read)))
    end))
    shell.run(("umount '%s'"):format(dir))
    assert(ok, err)
  end)
end)

describe("in the middle of a line", function()
  it("a peer that resets is an error, to whom reads and to whom writes", task(function()
    local got
    local server <close> = await(io.establish_server("127.0.0.1:0", function(ch)
      local lines = {}
      local ok, err = pcall(function()
        for line in ch:lines() do lines[#lines + 1] = line end
      end)
      got = { lines = lines, ok = ok, err = err, write = failure(ch:write(("x"):rep(1 << 24))) }
    end))
    local sock = await(net.tcp_connect(server:address()))
    await(sock:write("one\ntwo\nthr"))
    while server:connections() == 0 do lwt.yield() end
    sock:reset()
    eventually(function() return got end)
    assert.same({ "one", "two" }, got.lines)
    assert.equal("ECONNRESET", got.err.code)
    assert.is_truthy(got.write.code == "ECONNRESET" or got.write.code == "EPIPE", got.write)
  end))

  it("a child that is killed is the end, and its status tells", task(function()
    local p <close> = process.open(process.shell "echo one; printf tw; exec sleep 100",
      { stdin = "pipe", stdout = "pipe" })
    assert.equal("one", await(p.stdout:read_line()))
    assert.equal("tw", await(p.stdout:read_exactly(2)))
    local line = p.stdout:read_line()
    assert.is_true(p:kill("KILL"))
    assert.is_nil(await(line))
    assert.same({ signal = "KILL" }, await(p:status()))
    -- No SIGPIPE: this process goes on.
    p.stdin:write(("x"):rep(1 << 20))
    assert.equal("EPIPE", failure(p.stdin:flush()).code)
    assert.equal("EPIPE", failure(p:close()).code)
  end))
end)

describe("a storm of signals", function()
  local dir, itimer

  setup(function()
    dir = build.temp_dir()
    itimer = build.module(dir, "spec/support/itimer.c", "spec_itimer")
  end)
  teardown(function() lwt.run(build.remove_dir(dir)) end)

  it("interrupts, a thousand times a second, and disturbs nothing", function()
    itimer.start(1000)
    local ok, err = pcall(task(function()
      local server <close> = await(io.establish_server("127.0.0.1:0", function(ch)
        for line in ch:lines() do await(ch:write_line(line:upper())) end
      end))
      local text = ("0123456789abcde\n"):rep(1 << 14)
      local all = {}
      for i = 1, 20 do
        all[#all + 1] = io.with_connection(server:address(), function(ch)
          local reading = lwt.spawn(function()
            for j = 1, 50 do assert.equal(("HELLO %d %d"):format(i, j), await(ch:read_line())) end
          end)
          for j = 1, 50 do
            await(ch:write_line(("hello %d %d"):format(i, j)))
            if j % 10 == 0 then await(lwt.sleep(0.002)) end
          end
          await(reading)
        end)
      end
      for i = 1, 4 do
        all[#all + 1] = lwt.spawn(function()
          local path = ("%s/%d"):format(dir, i)
          for _ = 1, 5 do
            await(io.with_file(path, "w", function(ch) await(ch:write(text)) end))
            assert.is_true(text == await(io.with_file(path, "r", io.read)))
            await(fs.copyfile(path, path .. "copy"))
            assert.is_true(text == await(fs.read_file(path .. "copy")))
          end
        end)
        all[#all + 1] = lwt.spawn(function()
          for _ = 1, 5 do
            assert.is_true(text == await(process.pmap({ "cat" }, text)))
            assert.same({ code = 3 }, await(process.exec(process.shell "exit 3")))
            assert.is_true(#await(net.getaddrinfo("127.0.0.1", 80)) > 0)
          end
        end)
        all[#all + 1] = lwt.spawn(function()
          for _ = 1, 20 do
            local before = lwt.now()
            await(lwt.sleep(0.003))
            assert.is_true(lwt.now() - before >= 0.003)
          end
        end)
      end
      await(lwt.join(all))
    end))
    local fired = itimer.stop()
    assert(ok, err)
    assert.is_true(fired > 20, fired)
  end)
end)

describe("very many connections", function()
  it("opened, used and closed through channels leave nothing", task(function()
    local server <close> = await(io.establish_server("127.0.0.1:0", function(ch)
      for line in ch:lines() do await(ch:write_line(line)) end
    end, { backlog = 1024 }))
    local address = server:address()
    local function client(i)
      return io.with_connection(address, function(ch)
        await(ch:write_line("hello " .. i))
        assert(await(ch:read_line()) == "hello " .. i)
      end)
    end
    local function batch()
      local clients = {}
      for i = 1, 100 do clients[i] = client(i) end
      await(lwt.join(clients))
      eventually(function() return server:connections() == 0 end)
    end
    local function settled()
      collectgarbage()
      collectgarbage()
      lwt.yield()
      return descriptors(), resident(), collectgarbage("count")
    end
    for _ = 1, 5 do batch() end
    local open, before, lua = settled()
    -- The allocator keeps what garbage there was at a time: only the long run shows what is flat.
    local full = os.getenv("LWT_SPEC_FULL")
    for i = 1, full and 1000 or os.getenv("LWT_UNDER") and 3 or 20 do
      batch()
      if full and i % 100 == 0 then
        local n, kib, heap = settled()
        print(("%d connections: %d descriptors, %d KiB resident, %.0f KiB of Lua"):format(
          i * 100, n, kib, heap))
        if i == 200 then before = kib end
      end
    end
    local open_now, now, lua_now = settled()
    assert.equal(open, open_now)
    assert.is_true(lua_now - lua < 1000, lua_now - lua)
    if full then assert.is_true(now - before < 4096, now - before) end
  end))
end)
