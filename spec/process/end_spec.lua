-- lwt.process: real children, from true and cat to ones that resist.

local lwt = require "lwt"
local fs = require "lwt.fs"
local process = require "lwt.process"
local stream = require "lwt.stream"
local build = require "spec.support.build"
local shell = require "spec.support.shell"
local expect = require "spec.support.expect"
local task, failure, refused = expect.task, expect.failure, expect.refused

local await = lwt.await

local function is_alive(pid)
  return (pcall(process.kill, pid, "CONT")) and process.kill(pid, "CONT")
end

-- Nobody is left behind: the children of ours that are there, dead or alive.
local function children()
  local me, list = tostring(process.getpid()), {}
  local function look()
    for _, entry in ipairs(await(fs.scandir("/proc"))) do
      local ok, stat = pcall(await, fs.read_file("/proc/" .. entry.name .. "/stat"))
      local name, state, parent = (ok and stat or ""):match("%((.*)%) (%S+) (%d+)")
      if parent == me then list[#list + 1] = name .. " " .. state end
    end
  end
  if lwt.current() then look() else lwt.run(look) end
  return table.concat(list, "\n")
end

local function descriptors()
  collectgarbage() -- files that the specs themselves have dropped
  collectgarbage()
  await(lwt.sleep(0.002)) -- what is closed in the next turn
  return #await(fs.scandir("/proc/self/fd"))
end

describe("lwt.process", function()
  local dir
  before_each(function() dir = shell.temp_dir() end)
  after_each(function()
    shell.remove_dir(dir)
    assert.equal("", children())
  end)

  it("runs a program and tells how it ended", task(function()
    assert.same({ code = 0 }, await(process.exec { "true" }))
    assert.same({ code = 1 }, await(process.exec { "false" }))
    assert.same({ code = 255 }, await(process.exec { "sh", "-c", "exit 255" }))
    assert.same({ signal = "KILL" }, await(process.exec { "sh", "-c", "kill -KILL $$" }))
    assert.same({ signal = "USR2" }, await(process.exec { "sh", "-c", "kill -USR2 $$" }))
  end))

  it("passes words as they are, and no shell sees them", task(function()
    local words = { "printf", "[%s]", "a b", "$HOME", "*", "'\"", "", "-n", "\n" }
    assert.equal("[a b][$HOME][*]['\"][][-n][\n]", (await(process.pread(words))))
    assert.equal("[1][2.5]", (await(process.pread { "printf", "[%s]", 1, 2.5 })))
    assert.equal("42\n", (await(process.pread(process.shell "echo $((6 * 7))"))))
  end))

  it("says at once what cannot be started, with its name", task(function()
    local function cannot(code, op, where, cmd, opts)
      local before = descriptors()
      local ok, err = pcall(process.open, cmd, opts)
      assert.is_false(ok)
      assert.same({ code, op, where }, { err.code, err.op, err.path })
      err = failure(process.with_process(cmd, opts, print))
      assert.same({ code, op, where }, { err.code, err.op, err.path })
      assert.equal(before, descriptors())
    end
    local pipes = { stdin = "pipe", stdout = "pipe", stderr = "pipe" }
    shell.write(dir .. "/plain", "no program")
    cannot("ENOENT", "spawn", "no-such-program", { "no-such-program" }, pipes)
    cannot("ENOENT", "spawn", "", { "" }, pipes)
    cannot("ENOENT", "spawn", dir .. "/none", { dir .. "/none" }, pipes)
    cannot("EACCES", "spawn", dir .. "/plain", { dir .. "/plain" }, pipes)
    cannot("EACCES", "spawn", dir, { dir }, pipes)
    cannot("ENOENT", "chdir", dir .. "/none", { "true" }, { cwd = dir .. "/none" })
    cannot("ENOENT", "spawn", "true", { "true" }, { env = { PATH = dir } })
    for _, name in ipairs { "pread", "pread_line" } do
      assert.equal("ENOENT", failure(process[name] { "no-such-program" }).code, name)
    end
    for _, name in ipairs { "pwrite", "pwrite_line", "pmap", "pmap_line" } do
      assert.equal("ENOENT", failure(process[name]({ "no-such-program" }, "")).code, name)
    end
    for _, name in ipairs { "pread_lines", "pread_chars" } do
      local ok, err = pcall(process[name], { "no-such-program" })
      assert.is_false(ok)
      assert.equal("ENOENT", err.code)
    end
  end))

  it("refuses what is no command and no option", function()
    refused("bad argument #1 to 'open' (list of words expected, got string; "
      .. "process.shell makes one of a shell's text)", function() process.open("ls -l") end)
    refused("bad argument #1 to 'exec' (list of words expected, got nil)", function()
      process.exec()
    end)
    refused("bad argument #1 to 'open' (a command needs at least one word)", function()
      process.open {}
    end)
    refused("bad argument #1 to 'open' (word 2 is no string)", function()
      process.open { "ls", true }
    end)
    -- Also by the calls that run a program from its start to its end, as a task.
    refused("bad argument #1 to 'exec' (word 2 is no string)", function()
      process.exec { "ls", true }
    end)
    refused("bad argument #2 to 'pread' (cwd contains a zero byte)", function()
      process.pread({ "ls" }, { cwd = "\0" })
    end)
    refused("bad argument #3 to 'pwrite' (uid is no id)", function()
      process.pwrite({ "ls" }, "", { uid = "root" })
    end)
    refused("bad argument #3 to 'pmap_lines' (uid is no id)", function()
      process.pmap_lines({ "ls" }, {}, { uid = "root" })
    end)
    refused("bad argument #2 to 'with_process' (env is no table)", function()
      process.with_process({ "ls" }, { env = 1 }, print)
    end)
    refused("bad argument #1 to 'open' (word 2 contains a zero byte)", function()
      process.open { "ls", "a\0b" }
    end)
    refused("bad argument #2 to 'open' (unknown option 'dir')", function()
      process.open({ "ls" }, { dir = "/" })
    end)
    refused("bad argument #2 to 'open' (stdin: invalid value 'pipes')", function()
      process.open({ "ls" }, { stdin = "pipes" })
    end)
    refused("bad argument #2 to 'open' (stdout is no open descriptor or file)", function()
      process.open({ "ls" }, { stdout = 9999 })
    end)
    refused("bad argument #2 to 'open' (stderr is no open descriptor or file)", function()
      process.open({ "ls" }, { stderr = {} })
    end)
    refused("bad argument #2 to 'open' (cwd contains a zero byte)", function()
      process.open({ "ls" }, { cwd = "\0" })
    end)
    refused("bad argument #2 to 'open' (env is no table)", function()
      process.open({ "ls" }, { env = "A=1" })
    end)
    refused("bad argument #2 to 'open' (a name in env is no name)", function()
      process.open({ "ls" }, { env = { "A=1" } })
    end)
    refused("bad argument #2 to 'open' (a name in env is no name)", function()
      process.open({ "ls" }, { env = { ["A=B"] = "1" } })
    end)
    refused("bad argument #2 to 'open' (uid is no id)", function()
      process.open({ "ls" }, { uid = "root" })
    end)
    refused("bad argument #2 to 'open' (timeout is no time)", function()
      process.open({ "ls" }, { timeout = -1 })
    end)
    refused("bad argument #2 to 'open' (timeout is no time)", function()
      process.open({ "ls" }, { timeout = 0 / 0 })
    end)
    refused("bad argument #2 to 'open' (group is no boolean)", function()
      process.open({ "ls" }, { group = "auto" })
    end)
    for _, fd in ipairs { 1.5, 0 / 0, -1, -1.0, 1e300, math.huge } do
      refused("bad argument #2 to 'open' (stdout is no open descriptor or file)", function()
        process.open({ "ls" }, { stdout = fd })
      end)
    end
    for _, id in ipairs { 1.5, 0 / 0, -1, 1e300 } do
      refused("bad argument #2 to 'open' (gid is no id)", function()
        process.open({ "ls" }, { gid = id })
      end)
    end
    -- Pipes that would hang the program, for nobody has their other end.
    refused("bad argument #2 to 'exec' (stdin: nobody would have the other end of the pipe)", function()
      process.exec({ "cat" }, { stdin = "pipe" })
    end)
    refused("bad argument #2 to 'pread' (stderr: nobody would have the other end of the pipe)", function()
      process.pread({ "cat" }, { stderr = "pipe" })
    end)
    refused("bad argument #3 to 'pwrite' (stdout: nobody would have the other end of the pipe)", function()
      process.pwrite({ "cat" }, "", { stdout = "pipe" })
    end)
    refused("bad argument #3 to 'pmap_lines' (stdout is the call's own)", function()
      process.pmap_lines({ "cat" }, {}, { stdout = "null" })
    end)
    refused("bad argument #3 to 'pmap' (unknown option 'dir')", function()
      process.pmap({ "cat" }, "", { dir = "/" })
    end)
    refused("bad argument #2 to 'pwrite' (string expected, got nil)", function()
      process.pwrite { "cat" }
    end)
    refused("bad argument #2 to 'pmap_lines' (stream or list expected, got string)", function()
      process.pmap_lines({ "cat" }, "x")
    end)
    refused("bad argument #1 to 'shell' (string expected, got table)", function()
      process.shell {}
    end)
  end)

  it("runs it elsewhere, in an environment of its own", task(function()
    local real = await(fs.realpath(dir))
    assert.equal(real .. "\n", (await(process.pread({ "pwd", "-P" }, { cwd = dir }))))
    assert.equal("A=1\nB=x y\n",
      (await(process.pread(process.shell("env | grep -v PWD | sort"), {
        env = { A = 1, B = "x y" },
      }))):gsub("_=[^\n]*\n", ""):gsub("SHLVL=[^\n]*\n", "") .. "")
    shell.write(dir .. "/here", "#!/bin/sh\necho found")
    os.execute("chmod +x '" .. dir .. "/here'")
    assert.equal("found\n", (await(process.pread({ "here" }, { env = { PATH = "/x:" .. dir } }))))
    assert.equal("found\n", (await(process.pread({ "./here" }, { cwd = dir }))))
    assert.equal("found\n", (await(process.pread({ "here" }, { cwd = dir, env = { PATH = "" } }))))
  end))

  it("runs scripts that name no interpreter", task(function()
    shell.write(dir .. "/script", 'echo "$0 $1"')
    os.execute("chmod +x '" .. dir .. "/script'")
    assert.equal(dir .. "/script x\n", (await(process.pread { dir .. "/script", "x" })))
  end))

  it("connects stdin, stdout and stderr to what they are told", task(function()
    local text = process.shell "cat; echo err >&2"
    await(fs.write_file(dir .. "/in", "input\n"))
    local i = await(fs.open(dir .. "/in"))
    local o = io.open(dir .. "/out", "w")
    local e = await(fs.open(dir .. "/err", "w"))
    local p = process.open(text, { stdin = i, stdout = o, stderr = e:fileno() })
    assert.is_nil(p.stdin)
    assert.equal(0, await(p:status()).code)
    o:close()
    await(lwt.join { i:close(), e:close() })
    assert.equal("input\n", shell.read(dir .. "/out"))
    assert.equal("err\n", shell.read(dir .. "/err"))
    assert.equal("err\n", (await(process.pread(text, { stdin = "null", stderr = "stdout" }))))
    p = process.open(text, { stdin = "null", stdout = "null", stderr = "pipe" })
    assert.equal("err\n", await(p.stderr:read()))
    await(p:close())
    refused("bad argument #2 to 'open' (stdin is no open descriptor or file)", function()
      process.open({ "true" }, { stdin = i })
    end)
    refused("bad argument #2 to 'open' (stdin is no open descriptor or file)", function()
      process.open({ "true" }, { stdin = o })
    end)
  end))

  it("swaps descriptors without losing one", function()
    local script = shell.write(dir .. "/swap.lua", [[
      local lwt, process = require "lwt", require "lwt.process"
      lwt.run(process.exec(process.shell "echo one; echo two >&2", { stdout = 2, stderr = 1 }))
    ]])
    local result = shell.run(shell.lua .. " '" .. script .. "'")
    assert.same({ 0, "two\n", "one\n" }, { result.code, result.out, result.err })
  end)

  it("runs where standard descriptors are closed", function()
    local script = shell.write(dir .. "/closed.lua", [[
      local lwt, process = require "lwt", require "lwt.process"
      lwt.run(function()
        local text = process.pread(process.shell "echo out; cat"):await()
        local file = assert(io.open(arg[1], "w"))
        file:write(text)
        file:close()
      end)
    ]])
    local result = shell.run(("exec %s '%s' '%s/text' 0<&- 1>&- 2>&-"):format(
      shell.lua, script, dir))
    assert.equal(0, result.code)
    assert.equal("out\n", shell.read(dir .. "/text"))
  end)

  it("leaks no descriptor into children, whoever opened it", task(function()
    local plain = io.open(dir .. "/x", "w") -- without close-on-exec
    local f <close> = await(fs.open(dir .. "/y", "w"))
    local others = {}
    for n = 1, 4 do
      others[n] = process.open({ "cat" }, { stdin = "pipe", stdout = "pipe", stderr = "pipe" })
    end
    local out = await(process.pread(process.shell "ls /proc/self/fd"))
    assert.equal("0\n1\n2\n3\n", out) -- 3 is what ls reads the folder with
    for _, p in ipairs(others) do
      await(p.stdin:close())
      assert.equal("", await(p.stdout:read()))
      await(p:close())
    end
    plain:close()
    assert.is_true(f:fileno() > 2)
  end))

  it("does not hand on ignored SIGPIPE or blocked signals", task(function()
    local mask = await(process.pread(process.shell "grep -E 'Sig(Blk|Ign)' /proc/self/status"))
    local blocked = tonumber(mask:match("SigBlk:%s*(%x+)"), 16)
    local ignored = tonumber(mask:match("SigIgn:%s*(%x+)"), 16)
    assert.equal(0, blocked)
    assert.equal(0, ignored & (1 << 12)) -- SIGPIPE is 13
  end))

  it("talks to a program through channels", task(function()
    local p <close> = process.open({ "cat" }, { stdin = "pipe", stdout = "pipe" })
    assert.equal("integer", math.type(p.pid))
    for i = 1, 100 do
      await(p.stdin:write_line("line " .. i))
      await(p.stdin:flush())
      assert.equal("line " .. i, await(p.stdout:read_line()))
    end
    await(p.stdin:close())
    assert.is_nil(await(p.stdout:read_line()))
    assert.same({ code = 0 }, await(p:status()))
  end))

  it("keeps the end of the output apart from the end of the program", task(function()
    local p <close> = process.open(process.shell "exec >&-; read x; exit 5",
      { stdin = "pipe", stdout = "pipe" })
    assert.equal("", await(p.stdout:read()))
    local status = p:status()
    assert.is_true(status:is_pending())
    await(p.stdin:close())
    assert.same({ code = 5 }, await(status))
    -- and the other way round: the child's child still holds the pipe
    local q <close> = process.open(process.shell "(sleep 0.05; echo late) & exit 3",
      { stdout = "pipe" })
    assert.same({ code = 3 }, await(q:status()))
    assert.equal("late\n", await(q.stdout:read()))
  end))

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
    assert.is_true(took >= 2 and took < 4, took)
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
    assert.is_true(lwt.now() - start < 5)
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
    assert.equal(lwt.Timeout, failure(process.pmap(lingers, "x", short)))
    assert.equal(lwt.Timeout, failure(process.pmap_line({ "sh", "-c", "sleep 30 &" }, "x", short)))
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

  it("reads what a program writes", task(function()
    local text, status = await(process.pread(process.shell "printf 'a\\0b'; exit 3"))
    assert.equal("a\0b", text)
    assert.same({ code = 3 }, status)
    assert.equal("", (await(process.pread { "true" })))
    assert.equal(3000000, #await(process.pread(process.shell "head -c 3000000 /dev/zero")))
    assert.equal("one", (await(process.pread_line { "printf", "one\ntwo\n" })))
    assert.is_nil((await(process.pread_line { "true" })))
    local _, yes = await(process.pread_line { "yes" })
    assert.same({ signal = "PIPE" }, yes)
    assert.equal("one,two",
      table.concat(await(process.pread_lines({ "printf", "one\ntwo" }):to_list()), ","))
    assert.equal("abc", await(process.pread_chars({ "printf", "abc" }):to_string()))
  end))

  it("stops the program of a stream that is closed or dropped", task(function()
    local lines = process.pread_lines { "yes" }
    assert.equal("y", await(lines:next()))
    await(lines:close())
    assert.equal("", children())
    local function drop()
      local s = process.pread_lines { "yes" }
      assert.equal("y", await(s:next()))
    end
    drop()
    for _ = 1, 200 do
      collectgarbage()
      await(lwt.sleep(0.01))
      if children() == "" then break end
    end
    assert.equal("", children())
  end))

  it("writes what a program reads", task(function()
    local keep = process.shell("cat > '" .. dir .. "/out'")
    local function wrote() return shell.read(dir .. "/out") end
    local big = ("0123456789"):rep(100000)
    assert.same({ code = 0 }, await(process.pwrite(keep, big)))
    assert.equal(big, wrote())
    await(process.pwrite_line(keep, "a line"))
    assert.equal("a line\n", wrote())
    await(process.pwrite_lines(keep, { "a", "b" }))
    assert.equal("a\nb\n", wrote())
    await(process.pwrite_lines(keep, stream.of_list { "c", "d" }))
    assert.equal("c\nd\n", wrote())
    await(process.pwrite_chars(keep, stream.of_string("xyz")))
    assert.equal("xyz", wrote())
  end))

  it("maps through a program, both ways at once", task(function()
    local upper = { "tr", "a-z", "A-Z" }
    local big = ("abcdefghij"):rep(300000)
    local text, status = await(process.pmap(upper, big))
    assert.is_true(text == big:upper())
    assert.same({ code = 0 }, status)
    assert.equal("HELLO", (await(process.pmap_line(upper, "hello"))))
    assert.equal("A,B",
      table.concat(await(process.pmap_lines(upper, { "a", "b" }):to_list()), ","))
    assert.equal("XYZ", await(process.pmap_chars(upper, stream.of_string("xyz")):to_string()))
    local lines = {}
    for i = 1, 20000 do lines[i] = "line " .. i end
    local n = 0
    for line in process.pmap_lines({ "cat" }, stream.of_list(lines)) do
      n = n + 1
      assert.equal(lines[n], line)
    end
    assert.equal(20000, n)
  end))

  it("reports a program that closes its input early", task(function()
    local big = ("x"):rep(1 << 20)
    assert.equal("EPIPE", failure(process.pwrite({ "true" }, big)).code)
    assert.equal("EPIPE", failure(process.pmap({ "true" }, big)).code)
    local p <close> = process.open({ "true" }, { stdin = "pipe" })
    await(p:status())
    await(p.stdin:write("x"))
    assert.equal("EPIPE", failure(p:close()).code)
    local lines = {}
    for i = 1, 50000 do lines[i] = "line " .. i end
    local s = process.pmap_lines({ "head", "-n", "1" }, lines)
    local got = {}
    while true do
      local ok, line = pcall(await, s:get())
      got[#got + 1] = ok and (line or "end") or line.code
      if ok and not line then break end
    end
    table.sort(got)
    assert.same({ "EPIPE", "end", "line 1" }, got)
  end))

  it("closes the process after a function", task(function()
    local pid
    assert.equal("x", await(process.with_process({ "printf", "x" }, { stdout = "pipe" },
      function(p)
        pid = p.pid
        return await(p.stdout:read())
      end)))
    assert.is_false(is_alive(pid))
    assert.equal("mine", failure(process.with_process({ "sleep", "100" }, nil, function(p)
      pid = p.pid
      error("mine", 0)
    end)))
    assert.is_false(is_alive(pid))
    assert.equal(7, await(process.with_process({ "true" }, nil, function()
      return lwt.fulfilled(7)
    end)))
  end))

  it("closes a process that waits for its output to be read", task(function()
    local text = ("x"):rep(1 << 20)
    local p = process.open({ "cat" }, { stdin = "pipe", stdout = "pipe" })
    p.stdin:write(text) -- (this is only taken as it is read)
    assert.same({ code = 0 }, await(p:close()))
    assert.equal(7, await(process.with_process({ "sh", "-c", "cat >&2" },
      { stdin = "pipe", stderr = "pipe" }, function(q)
        q.stdin:write(text)
        return 7
      end)))
    -- One that never reads is told that nobody does.
    local yes = process.open({ "yes" }, { stdin = "pipe", stdout = "pipe" })
    yes.stdin:write(text)
    assert.equal("EPIPE", failure(yes:close()).code)
    assert.same({ signal = "PIPE" }, await(yes:status()))
  end))

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

  it("reaps those that a detached function has left, of threads that live on and that end", task(function()
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
    await(lwt.sleep(0.01))
    assert.equal(before, descriptors())
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

  it("is the leader of a session when detached", task(function()
    local out = await(process.pread(
      process.shell "read pid name state ppid pgrp sid rest < /proc/$$/stat; echo $sid $$",
      { detached = true }))
    local sid, pid = out:match("(%d+)%s+(%d+)")
    assert.equal(pid, sid)
  end))

  it("runs as somebody else, where that is allowed", task(function()
    local ok, out = pcall(await, process.pread({ "id", "-u" }, { uid = 65534, gid = 65534 }))
    if ok then
      assert.equal("65534\n", out)
    else
      assert.same({ "EPERM", "setuid" }, { out.code, out.op })
    end
  end))

  it("starts nobody with the groups of somebody else", function()
    if shell.run("id -u").out ~= "0\n" then return end -- only root can be somebody else
    refused("bad argument #2 to 'open' (uid without gid: the program would keep the group of root)",
      function() process.open({ "true" }, { uid = 65534 }) end)
    local library = build.library(dir, "spec/support/refuse.c", "refuse")
    local script = shell.write(dir .. "/groups.lua", ([[
      local lwt, process = require "lwt", require "lwt.process"
      assert(package.loadlib(%q, "luaopen_refuse"))()("setgroups")
      lwt.run(function()
        local ok, err = pcall(lwt.await, process.pread({ "id", "-G" }, { uid = 65534, gid = 65534 }))
        print(ok, ok and err or err.code, not ok and err.op)
        print(lwt.await(process.exec({ "true" }, { uid = 0, gid = 0 })).code)
      end)]]):format(library))
    local r = shell.run("timeout 60 " .. shell.lua .. " '" .. script .. "'")
    assert.same({ "false\tEPERM\tsetuid\n0\n", "" }, { r.out, r.err })
  end)
end)
