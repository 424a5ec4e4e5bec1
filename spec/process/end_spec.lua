-- How programs end, and are made to end: signals, time, groups, and who reaps them.

local eventually = require "spec.support.eventually"
local lwt = require "lwt"
local fs = require "lwt.fs"
local process = require "lwt.process"
local build = require "spec.support.build"
local shell = require "spec.support.shell"
local skip = require "spec.support.skip"
local expect = require "spec.support.expect"
local support = require "spec.support.process"

local await = lwt.await
local task, failure, refused = expect.task, expect.failure, expect.refused
local children, descriptors, is_alive = support.children, support.descriptors, support.is_alive

describe("lwt.process", function()
  local dir
  before_each(function() dir = shell.temp_dir() end)
  after_each(function()
    shell.remove_dir(dir)
    assert.equal("", children())
  end)

  it("sends signals, and not to who has ended", task(function()
    local p = process.open { "sleep", "100" }
    assert.matches("^lwt.process %(%d+, running%)$", tostring(p))
    assert.is_true(p:kill())
    assert.same({ signal = "TERM" }, await(p:status()))
    assert.is_false(p:kill("KILL"))
    assert.matches("^lwt.process %(%d+, TERM%)$", tostring(p))
    local q = process.open { "sleep", "100" }
    assert.is_true(q:kill("SIGSTOP"))
    assert.is_true(q:kill("CONT"))
    assert.is_true(process.kill(q.pid, 9))
    assert.same({ signal = "KILL" }, await(q:status()))
    refused("bad argument #2 to 'kill' (unknown signal 'TREM')", function() q.kill(q, "TREM") end)
    refused("bad argument #1 to 'kill' (lwt.process expected, got string)", function()
      process.kill("x")
    end)
  end))

  it("takes a float with an integral value for the integer, and no other number", task(function()
    local out = assert(io.open(dir .. "/out", "w+"))
    local fd
    for n = 3, 200 do -- the highest: what was opened last
      local link = await(fs.exists("/proc/self/fd/" .. n)) and await(fs.readlink("/proc/self/fd/" .. n))
      if link == dir .. "/out" then fd = n end
    end
    assert.same({ code = 0 }, await(process.exec({ "printf", "x" }, { stdout = fd + 0.0 })))
    out:close()
    assert.equal("x", shell.read(dir .. "/out"))
    local p = process.open { "sleep", "100" }
    assert.is_true(process.kill(p.pid + 0.0, 15.0))
    assert.same({ signal = "TERM" }, await(p:status()))
    assert.is_false(process.kill(1e9, "TERM"))
    refused("bad argument #1 to 'kill' (number has no integer representation)", function()
      process.kill(0 / 0)
    end)
    refused("bad argument #1 to 'kill' (pid out of range)", function() process.kill(0) end)
    refused("bad argument #1 to 'kill' (pid out of range)", function() process.kill(1e12) end)
    refused("bad argument #2 to 'kill' (signal out of range)", function() process.kill(p.pid, -9) end)
  end))

  it("gives the status to everybody, and is not ended by who stops waiting", task(function()
    local p = process.open { "sleep", "0.05" }
    local a, b = p:status(), p:status()
    a:cancel()
    assert.equal(lwt.Canceled, failure(a))
    assert.same({ code = 0 }, await(b))
    assert.same({ code = 0 }, await(p:status()))
    assert.same({ code = 0 }, await(p:close()))
    assert.same({ code = 0 }, await(p:close()))
  end))

  it("tells what a program used", task(function()
    local p = process.open(process.shell "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done")
    local usage = await(p:rusage())
    assert.equal(usage, p.rusage)
    assert.is_true(usage.utime > 0 and usage.utime < 60)
    assert.equal("float", math.type(usage.stime))
    assert.is_true(usage.maxrss > 100000)
    for _, key in ipairs { "minflt", "majflt", "inblock", "oublock", "nvcsw", "nivcsw" } do
      assert.equal("integer", math.type(usage[key]), key)
    end
  end))

  it("stops the program when a <close> variable goes, and reaps it", task(function()
    local pid
    do
      local p <close> = process.open({ "sleep", "100" }, { stdin = "pipe", stdout = "pipe" })
      pid = p.pid
    end
    assert.is_false(is_alive(pid))
    pcall(function()
      local p <close> = process.open { "sleep", "100" }
      pid = p.pid
      error("oops")
    end)
    assert.is_false(is_alive(pid))
  end))

  it("kills what does not listen, after two seconds", task(function()
    local start = lwt.now()
    local p
    do
      local resists <close> = process.open(
        process.shell "trap '' TERM; echo ready; while :; do sleep 0.05; done", { stdout = "pipe" })
      p = resists
      assert.equal("ready", await(p.stdout:read_line()))
    end
    assert.same({ signal = "KILL" }, await(p:status()))
    local took = lwt.now() - start
    assert.is_true(took >= 2 and took < 60, took)
  end))

  it("stops the program when the call is cancelled, every call", task(function()
    local forever = process.shell("echo $$ > '" .. dir .. "/pid'; sleep 100")
    local started = {
      process.exec(forever), process.pread(forever), process.pread_line(forever),
      process.pwrite(forever, "x"), process.pwrite_line(forever, "x"),
      process.pwrite_lines(forever, {}), process.pwrite_chars(forever, {}),
      process.pmap(forever, "x"), process.pmap_line(forever, "x"),
      process.with_process(forever, {}, function(p) await(p:status()) end),
    }
    await(lwt.sleep(0.05))
    for _, p in ipairs(started) do p:cancel() end
    for i, p in ipairs(started) do assert.equal(lwt.Canceled, failure(p), i) end
    assert.equal("", children())
  end))

  it("kills it when its time is up", task(function()
    local start = lwt.now()
    assert.same({ signal = "KILL" }, await(process.exec({ "sleep", "100" }, { timeout = 0.05 })))
    local p = process.open({ "sleep", "100" }, { stdout = "pipe", timeout = 0.05 })
    assert.equal(lwt.Timeout, failure(p.stdout:read()))
    assert.equal(lwt.Timeout, failure(p.stdout:read_line())) -- and whoever comes later
    assert.is_false(pcall(function() for _ in p.stdout:lines() do error "a line" end end))
    local direct = lwt.direct(p.stdout)
    assert.equal(lwt.Timeout, select(2, pcall(direct.read, direct)))
    assert.same({ signal = "KILL" }, await(p:status()))
    assert.equal(lwt.Timeout, failure(process.pread({ "sleep", "100" }, { timeout = 0.05 })))
    assert.equal(lwt.Timeout, failure(process.pmap({ "sleep", "100" }, "x", { timeout = 0.05 })))
    local text = ("x"):rep(1 << 20)
    assert.equal(lwt.Timeout, failure(process.pwrite({ "sleep", "100" }, text, { timeout = 0.05 })))
    assert.equal(lwt.Timeout,
      failure(process.pread_lines({ "sleep", "100" }, { timeout = 0.05 }):next()))
    assert.same({ code = 0 }, await(process.exec({ "true" }, { timeout = 100 })))
    assert.is_true(lwt.now() - start < 60)
  end))

  -- Commands that end at once, while a program that they have left behind holds a pipe of theirs.
  local lingers = { "sh", "-c", "sleep 30 & echo hi" }
  local lingers_in = { "sh", "-c", "exec 3<&0; sleep 30 <&3 >/dev/null & exit 0" }

  it("has its time for the whole call, also when the child has ended", task(function()
    local short, text = { timeout = 0.3 }, ("x"):rep(1 << 20)
    assert.equal(lwt.Timeout, failure(process.pread(lingers, short)))
    assert.equal(lwt.Timeout, failure(process.pread_line({ "sh", "-c", "sleep 30 &" }, short)))
    local lines = process.pread_lines(lingers, short)
    local ok, line
    repeat ok, line = pcall(await, lines:next()) until not ok or line ~= "hi"
    assert.same({ false, lwt.Timeout }, { ok, line })
    local chars = process.pread_chars({ "sh", "-c", "sleep 30 &" }, short)
    assert.equal(lwt.Timeout, failure(chars:next()))
    local reads = "cat >/dev/null; sleep 30 & echo hi" -- or, on a slow machine, it is gone before the write
    assert.equal(lwt.Timeout, failure(process.pmap({ "sh", "-c", reads }, "x", short)))
    assert.equal(lwt.Timeout, failure(process.pmap_line({ "sh", "-c", "cat >/dev/null; sleep 30 &" }, "x", short)))
    assert.equal(lwt.Timeout, failure(process.pmap_lines({ "sh", "-c", "sleep 30 &" }, {}, short):next()))
    assert.equal(lwt.Timeout, failure(process.pwrite(lingers_in, text, { timeout = 0.3, group = true })))
    local p = process.open(lingers, { stdout = "pipe", timeout = 0.3, group = true })
    await(p:status())
    assert.equal(lwt.Timeout, failure(p.stdout:read()))
  end))

  it("keeps no timer for its time when it has ended and nobody holds its pipes", function()
    lwt.run(function()
      local p = process.open({ "printf", "x" }, { stdout = "pipe", timeout = 1000 })
      assert.equal("x", await(p.stdout:read()))
      await(p:status())
      local q <close> = process.open(lingers, { stdout = "pipe", timeout = 1000, group = true })
      await(q:status())
      local late = process.open({ "sh", "-c", "sleep 0.2 &" }, { stdout = "pipe", timeout = 1000 })
      await(late:status())
      assert.equal("", await(late.stdout:read()))
    end)
    -- With a timer of 1000 seconds this would wait for it.
    assert.matches("^deadlock", select(2, pcall(lwt.run, (lwt.wait()))))
  end)

  -- Runs a shell in a group of its own with a program behind it, and gives that one's number.
  local function begin(f, how)
    os.remove(dir .. "/pid")
    local p = f(process.shell("sleep 100 & echo $! >" .. dir .. "/new; mv " .. dir .. "/new " ..
      dir .. "/pid; " .. (how or "wait")))
    while not await(fs.exists(dir .. "/pid")) do await(lwt.sleep(0.01)) end
    return p, math.tointeger(tonumber(shell.read(dir .. "/pid")))
  end

  -- It dies when its signal has come through, and is somebody else's to reap.
  local function is_running(pid)
    local ok, stat = pcall(await, fs.read_file("/proc/" .. pid .. "/stat"))
    return ok and stat:match("%) (%S)") ~= "Z"
  end
  local function expect_gone(pid, what)
    for _ = 1, 300 do
      if not is_running(pid) then return end
      await(lwt.sleep(0.01))
    end
    process.kill(pid, "KILL")
    error(what .. ": it is still there", 2)
  end

  it("stops with a shell what that has started, on every way", task(function()
    local p, pid = begin(process.pread)
    p:cancel()
    assert.equal(lwt.Canceled, failure(p))
    expect_gone(pid, "pread canceled")
    local seconds = 0.2
    repeat -- a slow machine has not begun by then
      seconds = seconds * 2
      os.remove(dir .. "/pid")
      assert.same({ signal = "KILL" }, await(process.exec(
        process.shell("sleep 100 & echo $! >" .. dir .. "/pid; wait"), { timeout = seconds, stdin = "null" })))
      pid = await(fs.exists(dir .. "/pid")) and math.tointeger(tonumber(shell.read(dir .. "/pid")))
    until pid
    expect_gone(pid, "exec out of time")
    p, pid = begin(function(cmd) return process.open(cmd, { stdin = "null" }) end)
    assert.is_true(p:kill())
    await(p:status())
    expect_gone(pid, "kill")
    p, pid = begin(function(cmd)
      return process.with_process(cmd, { stdin = "null" }, function()
        while not await(fs.exists(dir .. "/pid")) do await(lwt.sleep(0.01)) end
        error("mine", 0)
      end)
    end)
    assert.equal("mine", failure(p))
    expect_gone(pid, "an error in with_process")
    p, pid = begin(process.pread_lines)
    await(p:close())
    expect_gone(pid, "a stream closed")
    -- The leader has ended already.
    p, pid = begin(process.pread, "true")
    await(lwt.sleep(0.05))
    p:cancel()
    assert.equal(lwt.Canceled, failure(p))
    expect_gone(pid, "pread canceled after the shell's end")
    p, pid = begin(function(cmd) return process.open(cmd, { stdin = "null" }) end, "true")
    await(p:status())
    assert.is_true(p:kill("KILL"))
    expect_gone(pid, "kill after the shell's end")
  end))

  it("leaves alone what a program has left behind when it has ended well", task(function()
    local p, pid = begin(process.exec, "true")
    assert.same({ code = 0 }, await(p))
    assert.is_true(is_running(pid))
    process.kill(pid, "KILL")
    local q
    q, pid = begin(function(cmd) return process.open(cmd, { group = false }) end)
    assert.is_true(q:kill())
    await(q:status())
    assert.is_true(is_running(pid))
    process.kill(pid, "KILL")
  end))

  it("knows a group that lives without its leader from one whose number is a process's again", task(function()
    local uv = require "lwt.uv".process
    local ours = process.getpid()
    assert.same({ false, false }, { uv.kill_group(ours, "CONT", true), uv.group_lives(ours) })
    local p = process.open({ "sh", "-c", "sleep 30 >/dev/null & echo $!" }, { group = true, stdout = "pipe" })
    local pid = math.tointeger(tonumber((await(p.stdout:read()))))
    assert.same({ code = 0 }, await(p:status()))
    assert.is_true(uv.group_lives(p.pid))
    assert.is_true(uv.kill_group(p.pid, "KILL", true))
    while support.is_alive(pid) and uv.group_lives(p.pid) do await(lwt.sleep(0.01)) end
    assert.is_false(uv.group_lives(p.pid))
  end))

  it("makes no group of what reads from a terminal, unless it is told to", function()
    local path = shell.write(dir .. "/tty.lua", [[
      local lwt, process = require "lwt", require "lwt.process"
      lwt.run(function()
        local group = process.shell "read a b c d e f </proc/$$/stat; echo $e"
        local ours = lwt.await(process.pread(group, { group = false }))
        local function is_ours(opts) return lwt.await(process.pread(group, opts)) == ours end
        print(is_ours(), is_ours { stdin = "null" }, is_ours { group = true })
      end)]])
    local r = shell.run(("script -qec '%s %s' /dev/null"):format(shell.lua, path))
    assert.equal("true\tfalse\tfalse", (r.out:gsub("%s+$", "")), r.err)
  end)

  it("notices a child that somebody kills", task(function()
    local p = process.open({ "cat" }, { stdin = "pipe", stdout = "pipe" })
    local read = p.stdout:read()
    os.execute("kill -KILL " .. p.pid)
    assert.same({ signal = "KILL" }, await(p:status()))
    assert.equal("", await(read))
    await(p.stdin:write("x"))
    assert.equal("EPIPE", failure(p.stdin:flush()).code)
    pcall(await, p:close())
  end))

  it("reaps those whose process was dropped", task(function()
    for _ = 1, 20 do process.open { "true" } end
    collectgarbage()
    collectgarbage()
    for _ = 1, 500 do
      if children() == "" then break end
      await(lwt.sleep(0.01))
    end
    assert.equal("", children())
  end))

  it("closes the pipes of those whose process was dropped, and theirs alone", task(function()
    local kept = process.open({ "cat" }, { stdin = "pipe", stdout = "pipe" })
    local status
    local function open()
      for _ = 1, 5 do process.open({ "cat" }, { stdin = "pipe", stdout = "pipe" }) end
      status = process.open({ "sh", "-c", "cat; exit 3" }, { stdin = "pipe" }):status()
    end
    open()
    for _ = 1, 500 do
      collectgarbage()
      await(lwt.sleep(0.01))
      if children():match "^cat %a$" then break end
    end
    assert.matches("^cat %a$", children())
    assert.equal(3, await(status).code)
    await(kept.stdin:write_line "still there")
    await(kept.stdin:flush())
    assert.equal("still there", await(kept.stdout:read_line()))
    await(kept:close())
    assert.equal("exited 0", tostring(kept):match "exited %d")
  end))

  it("reaps those that a detached function has left, of threads that live on and that end", task(function()
    -- (Without pidfds nobody can tell them from children of somebody else's: they stay until the process ends.)
    if os.getenv "LWT_UNDER" == "valgrind" then skip.under "it has no pidfds" end
    local preemptive = require "lwt.preemptive"
    local meet = preemptive.channel(2)
    local function start() -- each on a thread of its own
      require "lwt.process".open { "sleep", "0.1" }
      require "lwt".run(function() require "lwt".await(meet:recv()) end)
    end
    local min, max = preemptive.get_bounds()
    preemptive.set_bounds(2, 2)
    local calls = { preemptive.detach(start), preemptive.detach(start) }
    await(meet:send(true))
    await(meet:send(true))
    await(lwt.join(calls))
    preemptive.set_bounds(1, 1)
    for _ = 1, 1000 do
      local list = children()
      if preemptive.nthreads() == 1 and list == "sleep Z\nsleep Z" then break end
      await(lwt.sleep(0.01))
    end
    -- The next call sees to its thread's, the next program to those of threads that are gone.
    await(preemptive.detach(function() end))
    await(process.exec { "true" })
    assert.equal("", children())
    preemptive.set_bounds(min, max)
  end))

  it("runs hundreds, many at once, and ends with what it began with", task(function()
    local before = descriptors()
    local all = {}
    for i = 1, 64 do all[i] = process.pread { "printf", tostring(i) } end
    for i, text in ipairs(await(lwt.all(all))) do assert.equal(tostring(i), text) end
    local list = require "lwt.list"
    local n = {}
    for i = 1, 300 do n[i] = i end
    await(list.iter_n(function(i)
      assert.same({ code = i % 7 }, await(process.exec { "sh", "-c", "exit " .. i % 7 }))
    end, n, 16))
    eventually(function() return descriptors() == before end)
  end))

  it("leaves no child and no descriptor behind when its channels cannot be had", task(function()
    local io = require "lwt.io"
    local of_fd, before, n = io.of_fd, descriptors(), 0
    io.of_fd = function(...)
      n = n + 1
      if n == 2 then error("out of something", 0) end
      return of_fd(...)
    end
    local ok, err = pcall(process.open, { "cat" }, { stdin = "pipe", stdout = "pipe", stderr = "pipe" })
    io.of_fd = of_fd
    assert.same({ false, "out of something" }, { ok, err })
    for _ = 1, 500 do
      if children() == "" then break end
      await(lwt.sleep(0.01))
    end
    assert.equal("", children())
    assert.equal(before, descriptors())
  end))

  it("signals nobody else once somebody has reaped the child and its number is used again", function()
    local reap = build.module(dir, "spec/support/reap.c", "reap")
    local last = io.open("/proc/sys/kernel/ns_last_pid", "r+")
    if os.getenv "LWT_UNDER" == "valgrind" then skip.under "valgrind has no pidfds" end
    if last == nil then skip.here "the next process number cannot be set" end
    last:close()
    lwt.run(function()
      local p = process.open { "true" }
      reap(p.pid) -- and the loop has not turned: to lwt it still runs
      local other
      for _ = 1, 200 do -- the other processes of the machine take numbers, too
        last = io.open("/proc/sys/kernel/ns_last_pid", "w")
        local set = last and last:write(p.pid - 1) and last:close()
        if not set then skip.here "the next process number cannot be set" end
        other = process.open { "sleep", "100" }
        if other.pid == p.pid then break end
        other:kill "KILL"
      end
      if other.pid ~= p.pid then
        other:kill "KILL"
        skip.here "other programs take every number"
      end
      assert.is_false(p:kill "TERM")
      assert.is_true(other:kill "KILL")
      assert.same({ signal = "KILL" }, await(other:status()))
      pcall(await, p:status())
    end)
  end)

  it("hears of every end where the system has no pidfd", function()
    local library = build.library(dir, "spec/support/refuse.c", "refuse")
    local script = shell.write(dir .. "/many.lua", ([[
      local lwt, process = require "lwt", require "lwt.process"
      assert(package.loadlib(%q, "luaopen_refuse"))()("pidfd_open")
      lwt.run(function()
        local all = {}
        for i = 1, 100 do all[i] = process.exec { "sh", "-c", "exit " .. i %% 7 } end
        os.execute "sleep 0.5" -- all have ended before the loop looks
        for i, status in ipairs(lwt.await(lwt.all(all))) do assert(status.code == i %% 7) end
        local p <close> = process.open { "sleep", "100" }
        assert(p:kill "KILL" and lwt.await(p:status()).signal == "KILL" and not p:kill())
        print(#all)
      end)]]):format(library))
    local result = shell.run("timeout 60 " .. shell.lua .. " '" .. script .. "'")
    assert.same({ "100\n", "", 0 }, { result.out, result.err, result.code })
  end)

  it("hears of every end where the parent was told to ignore SIGCHLD", function()
    local script = shell.write(dir .. "/ignoring.lua", [[
      local lwt, process = require "lwt", require "lwt.process"
      lwt.run(function()
        print(lwt.await(process.exec { "sh", "-c", "exit 3" }).code)
        print((lwt.await(process.pread { "echo", "text" })))
      end)]])
    local r = shell.run(("timeout 60 env --ignore-signal=CHLD %s %s"):format(shell.lua, script))
    assert.same({ "3\ntext\n\n", "", 0 }, { r.out, r.err, r.code })
  end)
end)
