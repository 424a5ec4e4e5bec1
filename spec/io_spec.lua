local lwt = require "lwt"
local io = require "lwt.io"
local eventually = require "spec.support.eventually"
local shell = require "spec.support.shell"
local expect = require "spec.support.expect"
local heap = require "spec.support.heap"
local skip = require "spec.support.skip"
local task, failure = expect.task, expect.failure
local await = lwt.await
local lua_io = _G.io

local function exists(path)
  local f = lua_io.open(path)
  if f then f:close() end
  return f ~= nil
end

local function in_dir(f)
  return task(function() await(io.with_temp_dir(f)) end)
end

describe("files", function()
  it("are written, read, appended to", in_dir(function(dir)
    local path = dir .. "/f"
    local ch = await(io.open_file(path, "w"))
    assert.matches(path, tostring(ch), 1, true)
    assert.equal("output", ch:mode())
    await(ch:write_line("one"))
    await(ch:close())
    ch = await(io.open_file(path, "a"))
    assert.equal(4, ch:position())
    await(ch:write_line("two"))
    assert.equal(8, ch:position())
    await(ch:close())
    assert.equal("one\ntwo\n", await(io.with_file(path, "r", io.read)))
    assert.equal(8, await(io.file_length(path)))
  end))

  it("are read and written through one channel at one position", in_dir(function(dir)
    local path = dir .. "/f"
    await(io.lines_to_file(path, { "aaa", "bbb", "ccc" }))
    local ch <close> = await(io.open_file(path, "r+"))
    assert.equal("aaa", await(ch:read_line()))
    assert.equal(4, ch:position())
    await(ch:write("BBB"))
    assert.equal("", await(ch:read_line()))
    assert.equal("ccc", await(ch:read_line()))
    await(ch:write("end"))
    assert.equal(15, ch:position())
    await(ch:set_position(0))
    assert.equal("aaa\nBBB\nccc\nend", await(ch:read()))
    assert.equal(15, ch:length())
  end))

  it("are read from the beginning, as Lua's are, where what is written goes to the end", in_dir(function(dir)
    local path = dir .. "/f"
    await(io.lines_to_file(path, { "one", "two" }))
    local ch <close> = await(io.open_file(path, "a+"))
    assert.equal("one", await(ch:read_line()))
    await(ch:write("three\n"))
    await(ch:flush())
    assert.equal(14, ch:position())
    assert.equal("", await(ch:read()))
    await(ch:set_position(4))
    assert.equal("two\nthree\n", await(ch:read()))
  end))

  it("keep every byte of a large file, in order", in_dir(function(dir)
    local path = dir .. "/f"
    local parts = {}
    for i = 1, 300 do parts[i] = ("%08d"):format(i):rep(i * 7) end
    await(io.with_file(path, "w", function(ch)
      for _, s in ipairs(parts) do await(ch:write(s)) end
    end))
    local all = table.concat(parts)
    assert.equal(#all, await(io.file_length(path)))
    assert.is_true(all == await(io.with_file(path, "r", io.read)))
    await(io.with_file(path, "r", function(ch)
      for _, s in ipairs(parts) do assert.is_true(s == await(ch:read_exactly(#s))) end
      assert.is_nil(await(ch:read(1)))
    end, { buffer_size = 1000 }))
  end))

  it("tell their descriptor, and other channels none", in_dir(function(dir)
    local ch = await(io.open_file(dir .. "/f", "w"))
    local fd = ch:fileno()
    assert.equal("integer", math.type(fd))
    assert.equal(fd, io.fileno(ch))
    await(ch:close())
    assert.equal(2, io.stderr:fileno())
    assert.is_nil(io.of_bytes("x"):fileno())
    assert.has_error(function() io.fileno(1) end)
    local ok, err = pcall(ch.fileno, ch)
    assert.is_true(ok and err == nil or tostring(err):find "closed" ~= nil)
  end))

  it("say what is wrong", in_dir(function(dir)
    local err = failure(io.open_file(dir .. "/none"))
    assert.equal("ENOENT", err.code)
    assert.equal("open", err.op)
    assert.equal(dir .. "/none", err.path)
    assert.equal("EISDIR", failure(io.open_file(dir)).code)
    assert.equal("EISDIR", failure(io.open_file(dir, "w")).code)
    assert.equal("EISDIR", failure(io.file_length(dir)).code)
    assert.equal("ENOENT", failure(io.with_file(dir .. "/none", "r", io.read)).code)
    assert.error_matches(function() io.open_file("a\0b") end,
      "bad argument #1 to 'open_file' %(path contains a zero byte%)")
    assert.error_matches(function() io.open_file("a", "q") end, "invalid mode")
    assert.error_matches(function() io.open_file("a", "rw") end, "invalid mode")
    assert.error_matches(function() io.open_file("a", "r", { size = 1 }) end, "unknown option 'size'")
    assert.error_matches(function() io.open_file("a", "r", { buffer_size = 1 }) end, "buffer size out of range")
    assert.error_matches(function() io.open_file() end, "string expected, got no value")
    assert.error_matches(function() io.with_file("a", "r") end,
      "bad argument #3 to 'with_file' %(function expected, got nil%)")
  end))

  it("are not made anew with \"wx\", and get the permissions asked for", in_dir(function(dir)
    local path = dir .. "/f"
    await(await(io.open_file(path, "wx", { perm = tonumber("640", 8) })):close())
    assert.equal("EEXIST", failure(io.open_file(path, "wx")).code)
    local p = lua_io.popen("stat -c %a " .. path)
    assert.equal("640\n", p:read("a"))
    p:close()
  end))

  it("are closed by with_file however its function ends", in_dir(function(dir)
    local path, kept = dir .. "/f", nil
    assert.equal("oops", failure(io.with_file(path, "w", function(ch)
      kept = ch
      await(ch:write("x"))
      error("oops", 0)
    end)))
    assert.is_true(kept:is_closed())
    assert.equal("x", await(io.with_file(path, "r", io.read)))
    local p = io.with_file(path, "r", function(ch)
      kept = ch
      await(lwt.sleep(100))
    end)
    await(lwt.sleep(0.01))
    p:cancel()
    assert.equal(lwt.Canceled, failure(p))
    assert.is_true(kept:is_closed())
    assert.equal("ENOSPC", failure(io.with_file("/dev/full", "w", function(ch) return ch:write("x") end)).code)
  end))

  it("leave no descriptor when opening is cancelled", in_dir(function(dir)
    local path = dir .. "/f"
    await(io.lines_to_file(path, { "x" }))
    local function count()
      local p = lua_io.popen("ls -l /proc/$PPID/fd | grep -c " .. path)
      local n = tonumber(p:read("a"))
      p:close()
      return n
    end
    for _ = 1, 100 do
      local p = io.open_file(path)
      p:cancel()
      assert.equal(lwt.Canceled, failure(p))
    end
    eventually(function() return count() == 0 end)
  end))

  it("give their lines and bytes as streams, and take them", in_dir(function(dir)
    local path = dir .. "/f"
    await(io.lines_to_file(path, { "a", "b" }))
    assert.same({ "a", "b" }, { table.unpack(await(io.lines_of_file(path):to_list())) })
    await(io.chars_to_file(path, ("x y"):gmatch(".")))
    assert.same({ "x", " ", "y" }, { table.unpack(await(io.chars_of_file(path):to_list())) })
    await(io.lines_to_file(path .. "2", io.lines_of_file(path)))
    assert.equal("x y\n", await(io.with_file(path .. "2", "r", io.read)))
    for read = 0, 1 do -- before it has been opened, and after
      local lines = io.lines_of_file(path)
      for _ = 1, read do assert.equal("x y", await(lines:next())) end
      lines.close()
      lines:close()
      assert.is_nil(await(lines:get()))
    end
    local coming = io.lines_of_file(path)
    local line = coming:get()
    coming:close()
    assert.is_nil(await(line))
    assert.equal("ENOENT", failure(io.lines_of_file(dir .. "/none"):next()).code)
    assert.equal("ENOENT", failure(io.lines_to_file(dir .. "/none/f", {})).code)
    assert.error_matches(function() io.lines_to_file(path) end, "list, stream or iterator expected")
  end))

  it("are let go of by a stream that is dropped after a read was cancelled", in_dir(function(dir)
    os.execute("mkfifo '" .. dir .. "/fifo'")
    local function canceled(s) lwt.on_any(lwt.with_timeout(0.01, s:next()), print, function() end) end
    local before = heap.descriptors()
    for _, lines in ipairs { io.lines_of_file, io.chars_of_file } do
      canceled(lines(dir .. "/fifo"))
      await(lwt.sleep(0.02))
    end
    for _ = 1, 500 do
      collectgarbage()
      await(lwt.sleep(0.01))
      if heap.descriptors() == before then break end
    end
    assert.equal(before, heap.descriptors())
    -- Neither does such a stream take a line from those who come after it.
    local r, w = io.pipe()
    canceled(r:read_lines())
    local kept = r:read_lines()
    canceled(kept)
    await(lwt.sleep(0.02))
    await(w:write("first\nsecond\n"))
    await(w:flush())
    assert.equal("first", await(r:read_line()))
    assert.equal("second", await(kept:next()))
    await(w:close())
    assert.is_nil(await(kept:get()))
  end))
end)

describe("temporary files and folders", function()
  it("have random names with the prefix and suffix asked for", in_dir(function(dir)
    local path, ch = await(io.open_temp_file { dir = dir, prefix = "p", suffix = ".s" })
    assert.matches("^" .. dir:gsub("%p", "%%%0") .. "/p%x%x%x%x%x%x%x%x%x%x%x%x%.s$", path)
    assert.equal("both", ch:mode())
    await(ch:close())
    local other = await(io.create_temp_dir { dir = dir, prefix = "d" })
    assert.matches("/d%x+$", other)
  end))

  it("fail at once in a folder that is not there", in_dir(function(dir)
    assert.equal("ENOENT", failure(io.open_temp_file { dir = dir .. "/none" }).code)
    assert.equal("ENOENT", failure(io.create_temp_dir { dir = dir .. "/none" }).code)
    assert.error_matches(function() io.open_temp_file { dir = 1 } end, "option 'dir' is no path")
    assert.error_matches(function() io.create_temp_dir { where = "x" } end, "unknown option 'where'")
  end))

  it("are removed when the function returns, fails, or is cancelled", in_dir(function(dir)
    local path
    local function body(how)
      return function(p, ch)
        path = p
        if ch then await(ch:write("x")) end
        assert.is_true(exists(p))
        if how == "fail" then error("oops", 0) end
        if how == "wait" then await(lwt.sleep(100)) end
        return "value"
      end
    end
    for _, with in ipairs { io.with_temp_file, io.with_temp_dir } do
      assert.equal("value", await(with(body("return"), { dir = dir })))
      assert.is_false(exists(path))
      assert.equal("oops", failure(with(body("fail"), { dir = dir })))
      assert.is_false(exists(path))
      local p = with(body("wait"), { dir = dir })
      await(lwt.sleep(0.01))
      p:cancel()
      assert.equal(lwt.Canceled, failure(p))
      assert.is_false(exists(path))
      assert.error_matches(function() with() end, "function expected, got nil")
    end
  end))

  it("are not left behind when making them is cancelled", in_dir(function(dir)
    for _ = 1, 50 do
      local p, q = io.open_temp_file { dir = dir }, io.create_temp_dir { dir = dir }
      p:cancel()
      q:cancel()
    end
    eventually(function()
      local p = lua_io.popen("ls -A " .. dir)
      local left = p:read("a")
      p:close()
      return left == ""
    end)
  end))

  it("are gone when the promise says that making them was cancelled", in_dir(function(dir)
    local function left()
      local p = lua_io.popen("ls -A " .. dir)
      local text = p:read("a")
      p:close()
      return text
    end
    for _, with in ipairs { io.with_temp_file, io.with_temp_dir } do
      local called = false
      local p = with(function() called = true end, { dir = dir })
      local some = {}
      p:on_any(function() some[1] = left() end, function() some[1] = left() end)
      while left() == "" do end -- made; the loop has not been told of it yet
      p:cancel()
      assert.equal(lwt.Canceled, failure(p))
      assert.equal("", some[1])
      assert.is_false(called)
    end
  end))

  it("may have been removed by the function itself", task(function()
    await(io.with_temp_file(function(path) assert(os.remove(path)) end))
    await(io.with_temp_dir(function(path) assert(os.remove(path)) end))
  end))

  it("go with all that is in them, links not followed", in_dir(function(dir)
    await(io.lines_to_file(dir .. "/outside", { "x" }))
    os.execute("cd " .. dir .. " && mkdir -p d/e/f && touch d/e/f/g d/h && chmod 400 d/h" ..
      " && ln -s ../outside d/link && ln -s .. d/up")
    await(io.delete_recursively(dir .. "/d"))
    assert.is_false(exists(dir .. "/d"))
    assert.is_true(exists(dir .. "/outside"))
    await(io.delete_recursively(dir .. "/outside"))
    assert.is_false(exists(dir .. "/outside"))
    assert.equal("ENOENT", failure(io.delete_recursively(dir .. "/d")).code)
  end))

  it("go where the path leads through them", in_dir(function(dir)
    for _, path in ipairs { "/d/e/../../d", "/d/e/../../d/", "/d/up/d", "/d/e/.." } do
      os.execute("cd " .. dir .. " && mkdir -p d/e/f && touch d/e/f/g && ln -s .. d/up")
      await(io.delete_recursively(dir .. path))
      assert.is_false(exists(dir .. "/d"), path)
    end
  end))

  it("go also where they are deeper than there are descriptors", in_dir(function(dir)
    local text = ([[
      local lwt, lio = require "lwt", require "lwt.io"
      lwt.run(lio.delete_recursively(%q))
      print "gone"
    ]]):format(dir .. "/deep")
    lua_io.open(dir .. "/run.lua", "w"):write(text):close()
    local name = ("d"):rep(20)
    os.execute(("mkdir %s/deep && cd %s/deep && i=0 && while [ $i -lt 210 ]; do mkdir %s f && cd -P %s &&" ..
      " : >a && : >b; i=$((i+1)); done"):format(dir, dir, name, name))
    local told = shell.run(("ulimit -n 64; timeout 20 %s %s/run.lua"):format(shell.lua, dir))
    assert.same({ 0, "gone\n", "" }, { told.code, told.out, told.err })
    assert.is_false(exists(dir .. "/deep"))
  end))

  it("may be removed by several at once", in_dir(function(dir)
    local path = dir .. "/d"
    for _ = 1, 20 do
      os.execute(("for i in 1 2 3; do for j in 1 2 3; do mkdir -p %s/$i/$j; : > %s/$i/$j/f; done; done")
        :format(path, path))
      local both = { io.delete_recursively(path), io.delete_recursively(path) }
      local done = 0
      for _, p in ipairs(both) do
        local ok, err = pcall(await, p)
        if ok then done = done + 1 else assert.equal("ENOENT", err.code) end -- it was gone when this began
      end
      assert.is_true(done > 0)
      assert.is_false(exists(path))
    end
  end))

  it("tell what could not be removed, and remove the rest", in_dir(function(dir)
    if shell.run("id -u").out == "0\n" then
      skip.here "root may remove anything (see uv/seldom_spec.lua)"
    end
    os.execute("cd " .. dir .. " && mkdir -p d/shut/in d/after d/blind/in && touch d/shut/f d/after/g" ..
      " && chmod 500 d/shut && chmod 400 d/blind")
    assert.equal("EACCES", failure(io.delete_recursively(dir .. "/d")).code)
    assert.is_true(exists(dir .. "/d/shut/f"))
    assert.is_false(exists(dir .. "/d/after"))
    os.execute("cd " .. dir .. " && chmod 700 d/shut d/blind")
    await(io.delete_recursively(dir .. "/d"))
    assert.is_false(exists(dir .. "/d"))
  end))
end)

describe("made channels", function()
  it("keep what is longer than was asked for", task(function()
    local once
    local ch = io.make({
      read = function(n)
        if once then return nil end
        once = n
        return ("x"):rep(100)
      end,
    }, { buffer_size = 16 })
    assert.equal(16, #await(ch:read(16)))
    assert.equal(84, #await(ch:read()))
  end))

  it("may be collected while a function of theirs has yet to answer", task(function()
    local answer, r = lwt.wait()
    local function ask()
      local ch = io.make { read = function() return await(answer) end }
      local p = ch:read_line()
      for _ = 1, 5 do lwt.yield() end
      p:cancel()
    end
    ask()
    for _ = 1, 5 do lwt.yield() end
    collectgarbage()
    collectgarbage()
    r:wakeup "a line\n"
    for _ = 1, 20 do lwt.yield() end
  end))

  it("call functions that wait or give promises", task(function()
    local got = {}
    local ch = io.make {
      read = function() return lwt.sleep(0.001):map(function() return "in\n" end) end,
      write = function(s)
        await(lwt.sleep(0.001))
        got[#got + 1] = s
        return #s
      end,
    }
    assert.equal("both", ch:mode())
    assert.equal("in", await(ch:read_line()))
    await(ch:write("out"))
    await(ch:close())
    assert.same({ "out" }, got)
  end))

  it("give to the next read what a cancelled one would have got", task(function()
    local ch = io.make {
      read = function()
        await(lwt.sleep(0.002))
        return "late\n"
      end,
    }
    local p = ch:read_line()
    lwt.yield()
    p:cancel()
    await(lwt.sleep(0.01))
    assert.equal("late", await(ch:read_line()))
  end))

  it("complain about what is wrong", task(function()
    assert.error_matches(function() io.make {} end, "neither 'read' nor 'write' given")
    assert.error_matches(function() io.make { reed = print } end, "unknown function 'reed'")
    assert.error_matches(function() io.make { read = 1 } end, "function expected, got number")
    assert.error_matches(function() io.make({ read = print }, { size = 1 }) end, "unknown option 'size'")
    assert.error_matches(function() io.make() end, "table expected, got nil")
    assert.matches("gave no string", failure(io.make { read = function() return 5 end }:read_line()))
    local ch = io.make { write = function() return 50 end }
    await(ch:write("x"))
    assert.matches("wrong count", failure(ch:flush()))
  end))
end)

describe("descriptors", function()
  it("become channels, and are closed with them", task(function()
    local a, b = io.pipe()
    await(b:close())
    await(a:close())
    assert.equal("EBADF", select(2, pcall(io.of_fd, 987)).code)
    assert.error_matches(function() io.of_fd(-1) end, "not a descriptor")
    assert.error_matches(function() io.of_fd(1, "x") end, "invalid option 'x'")
    local ch = io.of_fd(2, "w", { close = false })
    assert.equal("output", ch:mode())
    await(ch:close())
    lua_io.stderr:write("")
  end))
end)

-- Programs of their own: what the standard channels do with pipes, files and /dev/null behind them.
describe("the standard channels", function()
  local function program(code, redirections)
    local path = os.tmpname()
    local f = assert(lua_io.open(path, "w"))
    f:write(code)
    f:close()
    local cmd = ("LUA_PATH='%s' LUA_CPATH='%s' %s %s %s"):format(package.path, package.cpath,
      os.getenv "LUA" or "lua5.4", path, redirections or "")
    local p = assert(lua_io.popen(cmd))
    local out = p:read("a")
    local _, _, status = p:close()
    os.remove(path)
    return out, status
  end

  local head = "local lwt, io = require 'lwt', require 'lwt.io' local await = lwt.await "

  it("print, in order, and flush at the end", function()
    local out, status = program(head .. [[
      lwt.run(function()
        io.print("a", 1)
        io.printl("b")
        io.printf("%d-%s", 1, "x")
        io.printlf("%03d", 7)
        io.printl()
      end)
    ]])
    assert.equal("a1b\n1-x007\n\n", out)
    assert.equal(0, status)
  end)

  it("refuse what cannot be printed, where it is printed", function()
    local _, err = pcall(function() io.print("a", nil) end)
    assert.matches("io_spec.lua:%d+: bad argument #2 to 'print' %(string expected, got nil%)", err)
    assert.error_matches(function() io.eprintl({}) end, "bad argument #1 to 'eprintl'")
  end)

  it("write to standard error", function()
    assert.equal("ab\n1\n2", (program(head .. [[
      lwt.run(function()
        io.eprint("a") io.eprintl("b") io.eprintlf("%d", 1) io.eprintf("%d", 2)
      end)
    ]], "2>&1 >/dev/null")))
  end)

  it("read a pipe and a file", function()
    local code = head .. [[
      lwt.run(function()
        local n = 0
        for line in io.stdin:lines() do n = n + #line end
        await(io.printl(n))
      end)
    ]]
    local path = os.tmpname()
    os.execute("seq 1 100000 > " .. path)
    assert.equal("488895\n", (program(code, "< " .. path)))
    assert.equal("0\n", (program(code, "< /dev/null")))
    os.remove(path)
  end)

  it("write to a file and to a reader that is slow", function()
    local path, many = os.tmpname(), os.getenv "LWT_UNDER" and 20000 or 100000
    local code = head .. ("lwt.run(function() for i = 1, %d do await(io.printl(i)) end end)"):format(many)
    program(code, "> " .. path)
    local p = lua_io.popen("seq 1 " .. many .. " | cmp - " .. path .. " && echo same")
    assert.equal("same\n", p:read("a"))
    p:close()
    os.remove(path)
    assert.equal(many .. "\n", (program(code, "| (sleep 0.1; tail -1)")))
  end)

  it("end quietly when the reader has gone", function()
    local out = program(head .. [[
      lwt.run(function() for i = 1, 10 do await(io.printl(i)) end end)
    ]], "2>&1 | true; echo over")
    assert.equal("over\n", out)
  end)

  it("are flushed when the state closes without a run", function()
    assert.equal("tail", (program(head .. "io.print('tail')")))
    assert.equal("tail", (program(head .. "lwt.run(function() end) io.print('tail')")))
  end)

  it("leave a shared descriptor blocking", function()
    local out = program(head .. [[
      lwt.run(function() await(io.print("x")) await(io.stdout:flush()) end)
      local p = _G.io.popen("sed -n 's/flags:.//p' /proc/self/fdinfo/1 2>/dev/null", "r")
      _G.io.stdout:write(" ", (tonumber((p:read("a")), 8) or 0) & 2048)
      p:close()
    ]], "| cat")
    assert.equal("x 0", out)
  end)
end)

describe("what a program prints", function()
  local script = require "spec.support.script"

  it("comes out in the order of the calls, whoever prints", function()
    local result = script.run([[
      local lwt, lio = require "lwt", require "lwt.io"
      local process = require "lwt.process"
      lwt.run(function()
        print "1"
        lio.printl "2"
        io.write "3\n"
        lio.printf("%d\n", 4)
        lio.stdout:write "5\n"
        process.exec({ "echo", "6" }):await()
        io.write "7\n"
        lio.stdout:write(("x"):rep(100), "\n")
        process.exec({ "echo", "8" }):await()
      end)
    ]], 20)
    assert.equal("1\n2\n3\n4\n5\n6\n7\n" .. ("x"):rep(100) .. "\n8\n", result.out, result.err)
  end)

  it("is whole, also where the other end takes its time", function()
    local result = script.run([[
      local lwt, lio = require "lwt", require "lwt.io"
      lwt.run(function()
        for i = 1, 20000 do lio.printl(("%08d"):format(i)) end
      end)
    ]], 20)
    local i = 0
    for line in result.out:gmatch("[^\n]+") do
      i = i + 1
      assert.equal(i, tonumber(line))
    end
    assert.equal(20000, i)
  end)
end)

describe("the end of run", function()
  it("does not wait for a background task that writes on and on", function()
    local result = require "spec.support.script".run([[
      local lwt, lio = require "lwt", require "lwt.io"
      local await = lwt.await
      for i = 1, 2 do
        lwt.at_exit(function() await(lio.stdout:write("last of ", i, "\n")) end)
        lwt.run(function()
          lwt.async(function()
            local ch = lio.make({ write = function() await(lwt.sleep(0.001)) end }, { buffer_size = 16 })
            while true do await(ch:write "and on") end
          end)
          await(lwt.sleep(0.01))
          await(lio.stdout:write("run ", i, "\n"))
        end)
      end
    ]], 120)
    assert.same({ "run 1\nlast of 1\nrun 2\nlast of 2\n", 0, "" }, { result.out, result.code, result.err })
  end)
end)

describe("lwt.io used as Lua's io", function()
  it("says what to call", function()
    assert.error_matches(function() return io.open("f") end, "lwt.io has no 'open'.*open_file")
    for _, f in ipairs { io.read, io.read_line, io.lines, io.close, io.read_int } do
      assert.error_matches(function() f("x") end, "lwt.channel expected, got string: lwt.io is not Lua's io")
      assert.error_matches(function() f() end, "lwt.channel expected, got no value: lwt.io is not Lua's io")
    end
  end)
end)
