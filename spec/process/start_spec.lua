-- Starting programs: words, options, descriptors, and what cannot be started.

local lwt = require "lwt"
local fs = require "lwt.fs"
local process = require "lwt.process"
local build = require "spec.support.build"
local shell = require "spec.support.shell"
local expect = require "spec.support.expect"
local support = require "spec.support.process"
local skip = require "spec.support.skip"

local await = lwt.await
local task, failure, refused = expect.task, expect.failure, expect.refused
local children, descriptors = support.children, support.descriptors

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

  it("tells a signal that has no name by its number", task(function()
    assert.same({ signal = 40 }, await(process.exec { "sh", "-c", "kill -40 $$" }))
  end))

  it("tells what could not be started, where a child has a copy of our memory instead of borrowing it", function()
    if (os.getenv "LWT_UNDER" or "coverage") ~= "coverage" then skip.under "valgrind in a sanitizer" end
    skip.needs "valgrind"
    local script = shell.write(dir .. "/copy.lua", [[
      local lwt, process = require "lwt", require "lwt.process"
      lwt.run(function()
        local function try(...)
          local ok, x = pcall(lwt.await, process.exec(...))
          print(ok, ok and x.code or x.code .. " " .. x.op)
        end
        try { "/no/program" }
        try({ "true" }, { cwd = "/no/folder" })
        try { "sh", "-c", "exit 3" }
      end)]])
    local r = shell.run(("timeout 120 valgrind --tool=none -q %s '%s'"):format(shell.lua, script))
    assert.equal("false\tENOENT spawn\nfalse\tENOENT chdir\ntrue\t3\n", r.out, r.err)
  end)

  it("has a program wait at a pipe that does not wait here, and leaves it so here", task(function()
    local cat = process.open({ "cat" }, { stdin = "pipe", stdout = "pipe" })
    local all = cat.stdout:read()
    for _, fd in ipairs { cat.stdin, cat.stdin:fileno() } do
      assert.equal(0, await(process.exec({ "head", "-c", "300000", "/dev/zero" }, { stdout = fd })).code)
    end
    await(cat.stdin:write(("x"):rep(300000)))
    await(cat.stdin:close())
    assert.equal(900000, #await(all))
    await(cat:close())
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
    refused("bad argument #2 to 'open' (stderr: invalid value 'stdin')", function()
      process.open({ "ls" }, { stderr = "stdin" })
    end)
    refused("bad argument #2 to 'open' (stdout: invalid value 'stdout')", function()
      process.open({ "ls" }, { stdout = "stdout" })
    end)
    refused("bad argument #2 to 'open' (stdout is no open descriptor or file)", function()
      process.open({ "ls" }, { stdout = 9999 })
    end)
    refused("bad argument #2 to 'open' (stdout is no open descriptor or file)", function()
      process.open({ "ls" }, { stdout = require "lwt.engine".loop() })
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
    for _, fd in ipairs { (1 << 32) + 1, 1 - (1 << 32), -1, 1.5 } do -- and of what tells its descriptor
      refused("bad argument #2 to 'open' (stdout is no open descriptor or file)", function()
        process.open({ "ls" }, { stdout = setmetatable({}, { __index = { fileno = function() return fd end } }) })
      end)
    end
    for _, none in ipairs { "1", {}, false } do
      refused("bad argument #2 to 'open' (stdin is no open descriptor or file)", function()
        local object = { fileno = function() return none end }
        process.open({ "true" }, { stdin = setmetatable({}, { __index = object }) })
      end)
    end
    refused("bad argument #2 to 'open' (stdin is no open descriptor or file)", function()
      process.open({ "true" }, { stdin = require "lwt.io".of_bytes "it has none" })
    end)
    refused("bad argument #2 to 'open' (stdin is no open descriptor or file)", function()
      process.open({ "true" }, { stdin = setmetatable({}, { __index = {} }) })
    end)
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
      return
    end
    assert.equal("0 65534\n", (await(process.pread(process.shell "echo $(id -u) $(id -g)", { gid = 65534 }))))
    assert.equal("0\n", (await(process.pread({ "id", "-u" }, { uid = 0 }))))
  end))

  it("starts nobody with the groups of somebody else", function()
    if shell.run("id -u").out ~= "0\n" then skip.here "only root can be somebody else" end
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
