-- What waits for a fifo waits on the loop: no thread is missing to others, and no program is kept
-- from ending. In processes of their own, for on threads that are stuck nothing would end here.

local shell = require "spec.support.shell"
local script = require "spec.support.script"

local function runs(text)
  local dir = shell.temp_dir()
  local result = script.run(("local dir = %q\n"):format(dir) .. [[
    local lwt = require "lwt"
    local fs, lio, net = require "lwt.fs", require "lwt.io", require "lwt.net"
    local await = lwt.await
    local function fifo(name)
      local path = dir .. "/" .. name
      os.execute("mkfifo '" .. path .. "'")
      return path
    end
    -- A fifo that is open at both ends and takes no more.
    local function full(name)
      local path = fifo(name)
      local f = await(fs.open(path, "r+"))
      while true do
        local p = f:write(("x"):rep(4096))
        local _, told = pcall(await, lwt.with_timeout(0.05, p))
        if told == lwt.Timeout then break end
      end
      return f, path
    end
  ]] .. text, 120)
  shell.remove_dir(dir)
  assert.same({ 0, "", "good\n" }, { result.code, result.err, result.out })
end

describe("waiting for a fifo", function()
  for what, call in pairs {
    read_file = "return fs.read_file(p)",
    write_file = "return fs.write_file(p, 'x')",
    ["opening to write"] = "return fs.open(p, 'w')",
    ["opening a channel to write"] = "return lio.open_file(p, 'w')",
    copyfile = "return fs.copyfile(p, dir .. '/copy')",
    ["copyfile to it"] = "return fs.copyfile('/dev/null', p)",
    read = "return await(fs.open(p)):read(10)",
    ["a channel's read"] = "return await(lio.open_file(p)):read()",
  } do
    it("leaves files and names alone: " .. what, function()
      runs(("local function call(p) %s end\n"):format(call) .. [[
        lwt.run(function()
          local waiting = {}
          for i = 1, 12 do waiting[i] = call(fifo(tostring(i))) end
          await(lwt.sleep(0.05))
          await(fs.stat(dir))
          await(net.getaddrinfo("localhost"))
          for i = 1, 12 do assert(waiting[i]:is_pending()) end
          -- The last of them is still served, whichever end it waits for.
          local other = await(fs.open(dir .. "/12", "r+"))
          await(other:write("the text"))
          await(lwt.sleep(0.05))
          await(other:close())
          pcall(await, waiting[12])
          for i = 1, 6 do waiting[i]:cancel() end
        end)
        print "good"
      ]])
    end)
  end

  it("lets the bytes through when they come", function()
    runs [[
      lwt.run(function()
        local p = fifo "p"
        local whole, copy = fs.read_file(p), nil
        local w = await(fs.open(p, "w"))
        local text = ("0123456789"):rep(30000)
        await(w:writev { text, "", text })
        await(w:close())
        assert(await(whole) == text .. text)
        copy = fs.copyfile(p, dir .. "/copy")
        await(fs.write_file(p, text))
        await(copy)
        assert(await(fs.read_file(dir .. "/copy")) == text)
        local ch = await(lio.open_file(p))
        local line = ch:read_line()
        await(lwt.sleep(0.01))
        local out = await(lio.open_file(p, "w"))
        await(out:write("a line\nmore"))
        await(out:close())
        assert(await(line) == "a line" and await(ch:read()) == "more")
        await(ch:close())
      end)
      print "good"
    ]]
  end)

  it("is like waiting for a terminal, which takes no thread either", function()
    runs [[
      lwt.run(function()
        local waiting = {}
        for i = 1, 12 do waiting[i] = await(fs.open("/dev/ptmx", "r+")):read(10) end
        await(lwt.sleep(0.05))
        await(fs.stat(dir))
        await(net.getaddrinfo("localhost"))
        for i = 1, 12 do assert(waiting[i]:is_pending()) end
        for i = 1, 6 do waiting[i]:cancel() end
      end)
      print "good"
    ]]
  end)

  it("is not for what takes an offset, which is told so at once", function()
    runs [[
      lwt.run(function()
        local f <close> = full "q"
        local r <close> = await(fs.open(fifo "p"))
        for _, p in ipairs { f:pwrite("x", 0), f:pwrite("x", 5), r:pread(5, 0), r:pread(5, 5) } do
          local ok, err = pcall(await, p)
          assert(not ok and err.code == "ESPIPE", err)
        end
      end)
      print "good"
    ]]
  end)

  it("does not keep a program from ending", function()
    runs [[
      lwt.run(function()
        local p, f = fifo "p", full "q"
        await(fs.write_file(dir .. "/f", ("y"):rep(100000)))
        local src = await(fs.open(dir .. "/f"))
        keep = {
          lio.open_file(p, "w"), fs.open(p, "w"), fs.read_file(p), f:writev { "a", "b" },
          fs.sendfile(f, src, 0, 100000), fs.write_file(p, "x"),
        }
        for _ = 1, 8 do lio.open_file(p, "w"):cancel() end
        await(lwt.sleep(0.05))
      end)
      print "good"
    ]]
  end)

  it("ends with the file: writev and sendfile to a full one", function()
    runs [[
      lwt.run(function()
        local f, path = full "q"
        local g = await(fs.open(path, "r+"))
        await(fs.write_file(dir .. "/f", ("y"):rep(100000)))
        local src <close> = await(fs.open(dir .. "/f"))
        for i = 1, 6 do
          local stuck = i % 2 == 0 and g:writev { "a", "b" } or fs.sendfile(g, src, 0, 100000)
          await(lwt.sleep(0.01))
          await(fs.stat(dir))
          assert(stuck:is_pending())
          stuck:cancel()
        end
        local stuck, sent = g:writev { "a", "b" }, fs.sendfile(g, src, 0, 100000)
        await(lwt.sleep(0.01))
        await(g:close())
        assert(select(2, pcall(await, stuck)) == lwt.Closed)
        assert(select(2, pcall(await, sent)) == lwt.Closed)
        -- And goes on when there is room.
        g = await(fs.open(path, "r+"))
        sent = fs.sendfile(g, src, 0, 100000)
        local reader = lwt.spawn(function() while true do await(f:read(65536)) end end)
        assert(await(sent) == 100000)
        reader:cancel()
      end)
      print "good"
    ]]
  end)
end)
