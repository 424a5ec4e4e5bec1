-- The end of a Lua state in the middle of everything that lwt.fs, lwt.process and lwt.signal do:
-- it comes soon, calls no Lua, and leaves nothing (run under valgrind and the sanitizers).

local shell = require "spec.support.shell"

local function ends(body, environment, look)
  local script = shell.write(os.tmpname(), [[
    local lwt, fs, process, signal = require "lwt", require "lwt.fs", require "lwt.process",
      require "lwt.signal"
    local bytes = require "lwt.bytes"
    local await = lwt.await
    local dir = arg[1]
    warn = function() end -- operations that fail, and that nobody looks at: not what this is about
    lwt.run(function()
      ]] .. body .. [[

    end)
    io.write("over")
    os.exit(0, true)
  ]])
  local dir = shell.temp_dir()
  local result = shell.run(("%s timeout 60 %s '%s' '%s'"):format(environment or "", shell.lua, script, dir))
  os.remove(script)
  if look then look(dir) end
  shell.remove_dir(dir)
  -- What valgrind says about system calls that it does not know is not about us.
  assert.equal("", (result.err:gsub("%-%-%d+%-%- [^\n]*\n", "")))
  assert.same({ 0, "over" }, { result.code, result.out })
end

describe("the end of a state", function()
  it("may come while files are read and written", function()
    ends [[
      await(fs.write_file(dir .. "/f", ("x"):rep(5000000)))
      local f, g = await(fs.open(dir .. "/f", "r+")), await(fs.open(dir .. "/g", "w"))
      keep = {}
      for i = 1, 50 do
        keep[#keep + 1] = f:read(100000)
        keep[#keep + 1] = f:pread(100000, i)
        keep[#keep + 1] = g:write(("y"):rep(100000))
        keep[#keep + 1] = g:write(bytes.create(100000))
        keep[#keep + 1] = g:writev { "a", bytes.create(3), "b" }
        keep[#keep + 1] = fs.read_file(dir .. "/f")
        keep[#keep + 1] = fs.write_file(dir .. "/h", bytes.create(200000))
        keep[#keep + 1] = fs.open(dir .. "/f")
        keep[#keep + 1] = fs.mkdtemp(dir .. "/t")
        keep[#keep + 1] = fs.scandir(dir)
        keep[#keep + 1] = fs.copyfile(dir .. "/f", dir .. "/c")
      end
      keep[#keep + 1] = g:close()
    ]]
  end)

  it("takes away a temporary folder that nobody wants, when a thread had still to do that", function()
    ends([[
      os.execute("mkdir '" .. dir .. "/in'")
      keep = { fs.mkdtemp(dir .. "/in/t"), fs.write_file(dir .. "/large", ("x"):rep(150000000)) }
      local function is_made()
        local list <close> = io.popen("ls '" .. dir .. "/in'")
        return list:read() ~= nil
      end
      while not is_made() do end
      keep[1]:cancel() -- it is made, and has not been told: to be removed after the large file
      lwt.yield()
      lwt.yield()
    ]], "UV_THREADPOOL_SIZE=1", function(dir)
      assert.equal("", shell.run(("ls '%s/in'"):format(dir)).out)
    end)
  end)

  it("may come while a fifo is waited for", function()
    ends [[
      os.execute("mkfifo '" .. dir .. "/p'")
      local f = await(fs.open(dir .. "/p"))
      keep = { f:read(10), f:read(10), fs.read_file(dir .. "/p") }
      await(lwt.sleep(0.01))
    ]]
  end)

  it("may come while directories and files are watched", function()
    ends [[
      local s, d = fs.watch(dir), fs.readdir(dir)
      await(fs.mkdir(dir .. "/d"))
      await(s:next())
      keep = { s:next(), s, d:next(), d, fs.watch(dir .. "/d") }
      await(fs.mkdir(dir .. "/e"))
    ]]
  end)

  it("may come while children run and signals are listened for", function()
    ends [[
      local p = process.open({ "sleep", "0.2" }, { stdin = "pipe", stdout = "pipe" })
      keep = {
        p, p:status(), p.stdout:read(), process.exec { "sleep", "0.2" },
        signal.on("USR1", print), signal.next("USR2"), signal.stream("USR1"),
      }
    ]]
  end)
end)
