local core = require "spec.support.core"
local shell = require "spec.support.shell"

-- Signals end processes: each case is one of its own.
local function lua(text)
  local path = shell.write(os.tmpname(), [[
    local lwt = require "lwt"
    local pid = io.open("/proc/self/stat"):read("n")
    -- (os.execute would ignore SIGINT while it waits)
    local function kill(name) io.popen("kill -" .. name .. " " .. pid):close() end
  ]] .. text)
  local r = shell.run("timeout 60 " .. shell.lua .. " " .. path)
  os.remove(path)
  return r
end

describe("Ctrl-C during lwt.run", function()
  it("is raised at the main task's await, and from run once that has cleaned up", function()
    local r = lua [[
      print(pcall(lwt.run, function()
        local ok, err = pcall(function() kill "INT" lwt.await(lwt.sleep(30)) end)
        print(ok, err)
        lwt.await(lwt.sleep(0.001))
        print "clean"
        error(err, 0)
      end))
      print(lwt.run(lwt.fulfilled("again")))
    ]]
    assert.equal("false\tinterrupted\nclean\nfalse\tinterrupted\nagain\n", r.out, r.err)
  end)

  it("gives the children of the main task's scopes lwt.Canceled", function()
    local r = lua [[
      print(pcall(lwt.run, function()
        lwt.await(lwt.scope(function(s)
          s:spawn(function() print(pcall(lwt.await, lwt.sleep(30))) end)
          kill "INT"
          lwt.await(lwt.sleep(30))
        end))
      end))
    ]]
    assert.equal("false\tcanceled\nfalse\tinterrupted\n", r.out, r.err)
  end)

  it("kills outside run", function()
    assert.equal(128 + 2, lua([[lwt.run(lwt.fulfilled()) kill "INT" print "alive"]]).code)
  end)

  it("is the interpreter's own affair with lwt.interrupts(false)", function()
    local r = lua [[
      lwt.interrupts(false)
      -- The interpreter raises it at the main thread's next Lua instruction: when run returns.
      lwt.run(function() kill "INT" lwt.await(lwt.sleep(0.2)) end)
    ]]
    assert.equal(1, r.code)
    assert.truthy(r.err:find("interrupted!", 1, true), r.err)
  end)

  it("is left alone from the moment when a task says so, and heard again when it says that", function()
    local text = [[
      local lwt, signal, process = require "lwt", require "lwt.signal", require "lwt.process"
      local function main()
        lwt.interrupts(false)
        for _, name in ipairs { "INT", "TERM" } do
          local coming = signal.next(name)
          process.kill(process.getpid(), name)
          print(lwt.await(coming), pcall(lwt.await, lwt.sleep(0.05)))
        end
        lwt.interrupts(true)
        process.kill(process.getpid(), "INT")
        print(pcall(lwt.await, lwt.sleep(30)))
      end
      if lwt.current() then main() else lwt.run(main) end
    ]]
    local wanted = "INT\ttrue\nTERM\ttrue\nfalse\tinterrupted\n"
    local r = lua(text)
    assert.equal(wanted, r.out, r.err)
    local path = shell.write(os.tmpname(), text)
    r = shell.run("timeout 60 " .. shell.lua .. " bin/lwt " .. path)
    os.remove(path)
    assert.equal(wanted, r.out, r.err)
  end)

  it("does not hide a deadlock", function()
    local r = lua [[
      local ok, err = pcall(lwt.run, (lwt.wait()))
      print(ok, tostring(err):match("deadlock"))
    ]]
    assert.equal("false\tdeadlock\n", r.out, r.err)
    assert.equal(0, r.code, r.err)
  end)

  it("is still heard after a run inside a run was refused", function()
    local r = lua [[
      print(pcall(lwt.run, function()
        print((pcall(lwt.run, lwt.fulfilled())))
        kill "INT"
        lwt.await(lwt.sleep(30))
      end))
    ]]
    assert.equal("false\nfalse\tinterrupted\n", r.out, r.err)
  end)

  it("is not heard by the workers", function()
    local r = lua [[
      local preemptive = require "lwt.preemptive"
      local ready, go = preemptive.channel(1), preemptive.channel(1)
      print(pcall(lwt.run, function()
        local p = preemptive.detach(function()
          local lwt = require "lwt"
          return lwt.run(function()
            ready:send(true):await()
            return go:recv():await()
          end)
        end)
        ready:recv():await()
        local ok, err = pcall(function() kill "INT" lwt.await(lwt.sleep(30)) end)
        print(ok, err)
        return lwt.shield(function()
          go:send("finished"):await()
          return p:await()
        end)
      end))
    ]]
    assert.equal("false\tinterrupted\ntrue\tfinished\n", r.out, r.err)
  end)

  it("leaves nothing behind, however often", function()
    local rounds = core.count(3000, 50000) -- a signal handler is set and taken away in each
    local r = lua(("local rounds, pages = %d, %d"):format(rounds, rounds // 200 + 32) .. [[

      local p = lwt.fulfilled()
      local function rss() return io.open("/proc/self/statm"):read("n", "n") and
        select(2, io.open("/proc/self/statm"):read("n", "n")) end
      for _ = 1, 1000 do lwt.run(p) end
      collectgarbage()
      local before = rss()
      for _ = 1, rounds do lwt.run(p) end
      collectgarbage()
      print(rss() - before < pages)
    ]])
    assert.equal("true\n", r.out, r.err)
  end)

  it("may be another signal, up to four, and tells which one came last", function()
    local r = lua [[
      local interrupt = require "lwt.uv".interrupt
      print((pcall(interrupt.watch, "INT", "TERM", "HUP", "USR1", "USR2")), (pcall(interrupt.watch, "NONE")))
      interrupt.watch("INT", "USR1")
      print(interrupt.last())
      print(pcall(lwt.run, function()
        print((pcall(interrupt.watch, "INT")))
        kill "USR1"
        lwt.await(lwt.sleep(30))
      end))
      print(interrupt.last())
    ]]
    assert.equal("false\tfalse\nnil\nfalse\nfalse\tinterrupted\nUSR1\n", r.out, r.err)
  end)

  it("ends well when the state is closed in the middle of it", function()
    local r = lua [[lwt.run(function() os.exit(7, true) end)]]
    assert.equal(7, r.code, r.err)
  end)
end)
