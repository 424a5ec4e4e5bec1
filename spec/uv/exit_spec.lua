-- The state is closed from within whatever runs: os.exit(code, true) ends the process at once.

local build = require "spec.support.build"
local script = require "spec.support.script"
local shell = require "spec.support.shell"

local head = [[
  local lwt = require "lwt"
  local fs, net, lio = require "lwt.fs", require "lwt.net", require "lwt.io"
  local process, signal = require "lwt.process", require "lwt.signal"
  local await = lwt.await
  local function leave() os.exit(3, true) end
  local function busy() -- so that several results are there when the loop next looks
    local t = os.clock()
    while os.clock() - t < 0.1 do end
  end
]]

-- Runs the body of a task: it has to end by leave().
local function leaves(text)
  local r = script.run(head .. "lwt.run(function()\n" .. text .. "\nawait(lwt.sleep(30)) end)", 10)
  assert.is_nil(r.signal, "it never ended")
  assert.equal(3, r.code, r.err)
end

describe("os.exit with the state closed", function()
  it("ends in a signal handler", function()
    leaves [[signal.on("USR1", leave) process.kill(process.getpid(), "USR1")]]
  end)

  it("ends in a callback of a signal's promise, and of its stream's", function()
    leaves [[signal.next("USR1"):on_success(leave) process.kill(process.getpid(), "USR1")]]
    leaves [[signal.stream("USR1"):next():on_success(leave) process.kill(process.getpid(), "USR1")]]
  end)

  it("ends when several signals are there", function()
    leaves [[
      signal.on("USR1", leave)
      signal.on("USR2", leave)
      for _ = 1, 5 do
        process.kill(process.getpid(), "USR1")
        process.kill(process.getpid(), "USR2")
      end
    ]]
  end)

  it("ends in what Ctrl-C cancels", function()
    leaves [[
      local p = lwt.sleep(30)
      p:on_cancel(leave)
      process.kill(process.getpid(), "INT")
      await(p)
    ]]
  end)

  it("ends at a child's end, as SIGCHLD tells it", function()
    local dir = shell.temp_dir()
    local library = build.library(dir, "spec/support/refuse.c", "refuse")
    leaves(([[
      assert(package.loadlib(%q, "luaopen_refuse"))()("pidfd_open")
      for _ = 1, 3 do process.exec({"true"}):on_success(leave) end
    ]]):format(library))
    shell.remove_dir(dir)
    leaves [[for _ = 1, 3 do process.exec({"true"}):on_success(leave) end]]
  end)

  it("ends in a result of the threadpool that came with others", function()
    leaves [[for _ = 1, 4 do fs.stat("/"):on_success(leave) end busy()]]
    leaves [[for _ = 1, 4 do net.getnameinfo("127.0.0.1:80"):on_success(leave) end busy()]]
    leaves [[for _ = 1, 4 do lio.open_file("/dev/null", "r"):on_success(leave) end busy()]]
  end)

  it("ends in what a file's channels tell", function()
    leaves [[
      for i = 1, 3 do
        local name, ch = await(lio.open_temp_file())
        os.remove(name)
        ch:write("x")
        ch:flush():on_success(leave)
      end
      busy()
    ]]
    leaves [[
      local files = {}
      for i = 1, 3 do files[i] = await(fs.open("/dev/null", "r")) end
      for i = 1, 3 do files[i]:close():on_success(leave) end
      busy()
    ]]
  end)

  it("ends at the end of a pipe's channel", function()
    leaves [[
      local a, b = lio.pipe()
      local c, d = lio.pipe()
      for _, ch in ipairs { a, b, c, d } do ch:close():on_success(leave) end
    ]]
  end)

  it("ends in what a socket tells", function()
    leaves [[
      local a, b = net.socketpair()
      for _ = 1, 3 do a:write(("x"):rep(1000000)):on_success(leave) end
      lwt.async(function() while await(b:read(100000)) do end end)
    ]]
    leaves [[
      local a, b = net.udp("127.0.0.1:0"), net.udp("127.0.0.1:0")
      for _ = 1, 3 do a:send(("x"):rep(1000), b:getsockname()):on_success(leave) end
    ]]
  end)

  it("ends in what a thread sends", function()
    leaves [[
      local preemptive = require "lwt.preemptive"
      for _ = 1, 3 do preemptive.detach(function() end):on_success(leave) end
      busy()
    ]]
  end)
end)

describe("the lwt command", function()
  it("ends by a bare os.exit() in a signal handler", function()
    local path = shell.write(os.tmpname(), [[
      local signal, process = require "lwt.signal", require "lwt.process"
      signal.on("TERM", function() os.exit(3) end)
      process.kill(process.getpid(), "TERM")
      require "lwt".await(require "lwt".sleep(30))
    ]])
    local r = shell.run("timeout 20 " .. shell.lua .. " bin/lwt " .. path)
    os.remove(path)
    assert.equal(3, r.code, r.err)
  end)
end)
