-- What becomes of records at the end of a run, of the state, and of a program whose log takes nothing.

local lwt = require "lwt"
local fs = require "lwt.fs"
local process = require "lwt.process"
local support = require "spec.support.log"

local await, spec, run = lwt.await, support.spec, support.run
local lua = os.getenv "LUA" or "lua5.4"

describe("lwt.log: at the end", function()
  it("of run, all is written", spec(function(dir)
    local out, status = run(dir, [[
      local lwt, log = require "lwt", require "lwt.log"
      for round = 1, 2 do
        lwt.run(function()
          log.set_default(log.file { path = "a", template = "$(message)" }:await())
          lwt.at_exit(function() log.error("%d at exit", round) end)
          for i = 1, 1000 do log.error("%d record %d", round, i) end
        end)
        local n = 0
        for _ in io.lines "a" do n = n + 1 end
        print(n)
      end
    ]])
    assert.equal("1001\n2002\n", out)
    assert.equal(0, status.code)
  end))

  it("of the state, what was logged after the run is written too", spec(function(dir)
    local out = run(dir, [[
      local log
      local _ = setmetatable({}, { __gc = function() log.error "from an old finalizer" end })
      local lwt = require "lwt"
      log = require "lwt.log"
      local l = lwt.run(log.file { path = "a", template = "$(message)" })
      log.set_default(l)
      for i = 1, 100 do log.error("%d", i) end
      setmetatable({}, { __gc = function() log.error "from a finalizer" end })
    ]])
    assert.equal("", out)
    local lines = support.lines(dir .. "/a")
    local seen = {}
    for _, line in ipairs(lines) do seen[line] = (seen[line] or 0) + 1 end
    for i = 1, 100 do assert.equal(1, seen[tostring(i)]) end
    assert.equal("from a finalizer", lines[#lines - 1])
    assert.equal("from an old finalizer", lines[#lines])
  end))

  it("an error that nobody handles leaves what was logged before it", spec(function(dir)
    local out, status = run(dir, [[
      local lwt, log = require "lwt", require "lwt.log"
      lwt.run(function()
        log.set_default(log.file { path = "a", template = "$(message)" }:await())
        for i = 1, 100 do log.error("%d", i) end
        error "the end"
      end)
    ]])
    assert.matches("the end", out)
    assert.equal(1, status.code)
    assert.equal(100, #support.lines(dir .. "/a"))
  end))

  -- What takes nothing: five seconds for each, all at once.
  it("what takes nothing keeps no program from ending; stdout is waited for as ever", spec(function(dir)
    local function in_folder(name)
      await(fs.mkdir(dir .. "/" .. name))
      return dir .. "/" .. name
    end

    local function daemon()
      local out, status = run(in_folder "daemon", [[
        local lwt, log, net = require "lwt", require "lwt.log", require "lwt.net"
        lwt.run(function()
          _G.daemon = net.unix_datagram { path = "socket" }
          log.set_default(log.syslog { paths = { "socket" } })
          for i = 1, 5000 do log.error("%d", i) end
        end)
        print "ended"
        os.exit(0)
      ]])
      assert.matches("^lwt.log: %d+ records were not written in 5 seconds\nended\n$", out)
      assert.equal(0, status.code)
    end

    local function pipe()
      local out, status = run(in_folder "pipe", [[
        local lwt, log, lio = require "lwt", require "lwt.log", require "lwt.io"
        R, W = lio.pipe()
        lwt.run(function()
          log.set_default(log.json { channel = W })
          W:write "something else, which nobody has flushed"
          for i = 1, 5000 do log.error("%d %s", i, ("x"):rep(100)) end
        end)
        print "ended"
      ]])
      assert.matches("^lwt.log: %d+ records were not written in 5 seconds\nended\n$", out)
      assert.equal(0, status.code)
    end

    local function stderr()
      local folder = in_folder "stderr"
      await(fs.write_file(folder .. "/script.lua", [[
        local lwt, log = require "lwt", require "lwt.log"
        lwt.run(function() for i = 1, 5000 do log.error("%d %s", i, ("x"):rep(100)) end end)
      ]]))
      local p = process.open({ "sh", "-c", "exec " .. lua .. " script.lua 2>&1" },
        { cwd = folder, stdin = "null", stdout = "pipe" })
      assert.equal(0, await(p:status()).code) -- while nobody reads
      local text, n = await(p.stdout:read()), 0
      await(p:close())
      for line in text:gmatch "([^\n]*)\n" do
        n = n + 1
        assert.matches(" main: " .. n .. " x+$", line)
      end
      assert.is_true(n > 0)
    end

    local function stdout()
      local folder = in_folder "stdout"
      await(fs.write_file(folder .. "/script.lua", [[
        local lwt, log, lio = require "lwt", require "lwt.log", require "lwt.io"
        lwt.run(function()
          log.set_default(log.channel { channel = lio.stdout, template = "$(message)" })
          for i = 1, 10000 do
            lio.stdout:write("out ", i, "\n")
            log.error("log %d", i)
          end
          local file = lio.open_file("other", "w"):await()
          log.channel { channel = file }
          file:write "not flushed"
        end)
      ]]))
      local out = await(process.pread({ "sh", "-c", lua .. " script.lua | { sleep 6; cat; }" }, { cwd = folder }))
      local n = { out = 0, log = 0 }
      for who, i in out:gmatch "(%l+) (%d+)\n" do
        n[who] = n[who] + 1
        assert.equal(n[who], math.tointeger(i))
      end
      assert.same({ out = 10000, log = 10000 }, n)
      assert.equal("not flushed", support.read(folder .. "/other"))
    end

    local tasks = {}
    for i, f in ipairs { daemon, pipe, stderr, stdout } do tasks[i] = lwt.spawn(f) end
    await(lwt.join(tasks))
  end))

  it("of the state, syslog's records are counted on stderr: no loop sends them any more", spec(function(dir)
    local out = run(dir, [[
      local log = require "lwt.log"
      log.set_default(log.syslog { paths = { "nowhere" } })
      for i = 1, 3 do log.error("%d", i) end
    ]])
    assert.equal("lwt.log: 3 records were not sent to syslog\n", out)
  end))

  it("a logger made of a function that waits is waited for", spec(function(dir)
    local out = run(dir, [[
      local lwt, log = require "lwt", require "lwt.log"
      lwt.run(function()
        log.set_default(log.make { output = function(_, _, lines)
          lwt.sleep(0.02):await()
          print(lines[1])
        end })
        for i = 1, 3 do log.error("%d", i) end
      end)
      lwt.run(function()
        log.set_default(log.buffered(log.default(), 1))
        for i = 4, 9 do log.error("%d", i) end
      end)
    ]])
    assert.equal("1\n2\n3\n4\n5 records were left out: the log does not keep up\n", out)
  end))

  it("the default logger writes before and after the run, in order with print", spec(function(dir)
    local out = run(dir, [[
      local lwt, log = require "lwt", require "lwt.log"
      log.error "1"
      io.stderr:write "2\n"
      lwt.run(function() log.error "3" io.stderr:write "4\n" end)
      log.error "5"
      io.stderr:write "6\n"
      setmetatable({}, { __gc = function() log.error "7" end })
    ]])
    assert.equal("1 2 3 4 5 6 7 ", (out:gsub("%S+ script.lua%[%d+%] error main: ", ""):gsub("\n", " ")))
  end))
end)
