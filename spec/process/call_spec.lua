-- Talking to programs: their channels, and the calls that run one from its start to its end.

local lwt = require "lwt"
local process = require "lwt.process"
local stream = require "lwt.stream"
local shell = require "spec.support.shell"
local expect = require "spec.support.expect"
local support = require "spec.support.process"

local await = lwt.await
local task, failure = expect.task, expect.failure
local children, is_alive = support.children, support.is_alive

describe("lwt.process", function()
  local dir
  before_each(function() dir = shell.temp_dir() end)
  after_each(function()
    shell.remove_dir(dir)
    assert.equal("", children())
  end)

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

  it("stops the program of a stream that is dropped after a read was cancelled", task(function()
    for _, start in ipairs {
      function() return process.pread_lines { "sleep", "100" } end,
      function() return process.pread_chars { "sleep", "100" } end,
      function() return process.pmap_lines({ "cat" }, stream.from(lwt.task)) end,
      function() return process.pread_lines({ "sleep", "100" }):map(function(l) return l end) end,
    } do
      lwt.on_any(lwt.with_timeout(0.01, start():next()), print, function() end)
      await(lwt.sleep(0.02))
    end
    for _ = 1, 500 do
      collectgarbage()
      await(lwt.sleep(0.01))
      if children() == "" then break end
    end
    assert.equal("", children())
    -- And one that is kept has lost nothing.
    local s = process.pread_lines { "sh", "-c", "sleep 0.1; echo line" }
    pcall(await, lwt.with_timeout(0.01, s:next()))
    assert.equal("line", await(s:next()))
    assert.is_nil(await(s:get()))
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
end)
