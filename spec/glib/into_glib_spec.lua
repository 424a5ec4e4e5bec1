-- A GLib loop that somebody else turns serves lwt.
local lwt = require "lwt"
local glib = require "lwt.glib"
local net = require "lwt.net"
local preemptive = require "lwt.preemptive"
local process = require "lwt.process"
local g = require "spec.glib.source"()
local await = lwt.await

describe("a GLib loop, with lwt in it", function()
  before_each(function() glib.install { mode = "lwt_into_glib" } end)
  after_each(glib.remove)

  -- Runs body as a task while a loop of GLib's turns, until it ends; raises its error.
  local function turn(body, context)
    local loop = g.loop(context)
    local ok, err
    lwt.async(function()
      ok, err = pcall(body)
      g.quit(loop)
    end)
    if ok == nil then g.run(loop) end
    g.free(loop)
    if not ok then error(err, 0) end
  end

  it("runs tasks, timers, I/O, children and jobs", function()
    local log = {}
    turn(function()
      await(lwt.sleep(0.005))
      log[#log + 1] = await(process.exec { "sh", "-c", "exit 3" }).code
      local a, b = net.socketpair()
      lwt.async(function() await(a:write "through a socket") end)
      log[#log + 1] = await(b:read())
      a:close() b:close()
      log[#log + 1] = await(preemptive.detach(function() return "in a thread" end))
      lwt.yield()
    end)
    assert.same({ 3, "through a socket", "in a thread" }, log)
  end)

  it("runs the timers of both sides in the order of their times", function()
    -- On a machine that is 10 ms late both are due at once: then it is tried again, later with more between.
    local log, sorted
    for try = 1, 30 do
      local step = 10 << try // 10
      log = {}
      turn(function()
        for i = 1, 10 do
          g.timeout(2 * i * step, function() log[#log + 1] = 2 * i end)
          lwt.async(function() await(lwt.sleep((2 * i - 1) * step / 1000)) log[#log + 1] = 2 * i - 1 end)
        end
        while #log < 20 do await(lwt.sleep(0.01)) end
      end)
      sorted = table.move(log, 1, #log, 1, {})
      table.sort(sorted)
      if table.concat(sorted, " ") == table.concat(log, " ") then break end
    end
    assert.same(sorted, log)
  end)

  it("sees what its callbacks begin, and what wakes lwt from another thread", function()
    local loop, log = g.loop(), {}
    g.timeout(5, function()
      lwt.async(function()
        log[#log + 1] = await(process.exec { "true" }).code
        await(lwt.sleep(0.002))
        log[#log + 1] = await(preemptive.detach(function() return "thread" end))
        g.quit(loop)
      end)
    end)
    g.run(loop)
    g.free(loop)
    assert.same({ 0, "thread" }, log)
  end)

  it("serves a thousand descriptors of each side", function()
    g.raise_limit()
    local n, theirs, ours = 1000, 0, 0
    local events, watches, pairs_ = {}, {}, {}
    turn(function()
      for i = 1, n do
        local fd = g.event()
        events[i] = fd
        watches[i] = g.watch(fd, function() g.take(fd) theirs = theirs + 1 return true end)
        local a, b = net.socketpair()
        pairs_[i] = { a, b }
        lwt.async(function() if await(b:read()) == "x" then ours = ours + 1 end end)
      end
      for i = 1, n do
        g.post(events[i])
        await(pairs_[i][1]:write "x")
      end
      while theirs < n or ours < n do await(lwt.sleep(0.002)) end
      for i = 1, n do
        g.cancel(watches[i])
        g.close(events[i])
        pairs_[i][1]:close() pairs_[i][2]:close()
      end
    end)
    assert.equal(n, theirs)
    assert.equal(n, ours)
  end)

  it("does not let its idle sources keep lwt waiting, at whatever priority", function()
    for _, priority in ipairs { 300, 0, -1000 } do
      local busy, idle = true, 0
      g.idle(function() idle = idle + 1 return busy end, priority)
      turn(function()
        local a, b = net.socketpair()
        lwt.async(function() for chunk in function() return await(a:read()) end do await(a:write(chunk)) end end)
        for _ = 1, 20 do
          await(b:write "ping")
          assert.equal("ping", await(b:read()))
          await(lwt.sleep(0.001))
        end
        b:close()
      end)
      busy = false
      while g.pending() do glib.iter() end
      assert(idle > 20)
    end
  end)

  it("is not kept waiting by a task that is always busy, at its lowest priority either", function()
    local log = {}
    turn(function()
      g.timeout(5, function() log[#log + 1] = "timeout" end, 300)
      g.idle(function() log[#log + 1] = "idle" end, 1000)
      while #log < 2 do lwt.yield() end
    end)
    table.sort(log)
    assert.same({ "idle", "timeout" }, log)
  end)

  it("does not poll for nothing", function()
    local loop = g.loop()
    local begun, cpu, took = lwt.now(), g.cpu(), nil
    g.count_polls(nil, true)
    local before = g.polls()
    lwt.async(function()
      await(lwt.sleep(2))
      took = lwt.now() - begun
      g.quit(loop)
    end)
    g.run(loop)
    g.free(loop)
    local polls, used = g.polls() - before, g.cpu() - cpu
    g.count_polls(nil, false)
    assert(polls >= 1 and polls <= 20, ("%d polls in two seconds"):format(polls))
    assert(used / took < 0.05, ("%.1f %% of a processor"):format(100 * used / took))
  end)

  it("raises in its callbacks when they call lwt.run, and elsewhere runs it", function()
    local message
    local loop = g.loop()
    g.timeout(1, function() message = select(2, pcall(lwt.run, function() end)) g.quit(loop) end)
    g.run(loop)
    g.free(loop)
    assert.equal("attempt to run the loop from inside GLib's (in a callback)", message)
    assert.equal("ran", lwt.run(function() await(lwt.sleep(0.001)) return "ran" end))
  end)

  it("tells by warn what a task leaves to nobody, or by the exception hook, and goes on", function()
    local told = {}
    local warn_before = warn
    lwt.async_exception_hook(function(e) told[#told + 1] = e end)
    turn(function()
      lwt.async(function() await(lwt.sleep(0.001)) error("to the hook", 0) end)
      await(lwt.sleep(0.01))
    end)
    lwt.async_exception_hook(nil)
    assert.same({ "to the hook" }, told)
    assert.equal(warn_before, warn)
    local result = require "spec.support.script".run [[
      warn "@on"
      local lwt, glib = require "lwt", require "lwt.glib"
      local g = require "spec.glib.source"()
      glib.install { mode = "lwt_into_glib" }
      local loop = g.loop()
      lwt.async(function() lwt.await(lwt.sleep(0.001)) error("of a task", 0) end)
      local bad = setmetatable({}, { __tostring = function() error "in __tostring" end })
      lwt.async(function() lwt.await(lwt.sleep(0.01)) error(bad) end)
      lwt.async(function() lwt.await(lwt.sleep(0.02)) print "goes on" g.quit(loop) end)
      g.run(loop)
      print(g.depth()) -- (nothing has gone through GLib)
    ]]
    assert.equal("Lua warning: lwt: of a task\nLua warning: lwt: an error that cannot be made a string\n", result.err)
    assert.equal("goes on\n0\n", result.out)
  end)

  it("may be running when lwt is loaded and installed", function()
    local path, dir = require "spec.glib.source".library()
    local result = require "spec.support.script".run(([[
      local g = assert(package.loadlib(%q, "luaopen_source"))()
      local loop = g.loop()
      g.timeout(5, function()
        local lwt, glib = require "lwt", require "lwt.glib"
        glib.install { mode = "lwt_into_glib" }
        lwt.async(function() lwt.await(lwt.sleep(0.01)) print "served" g.quit(loop) end)
      end)
      g.run(loop)
    ]]):format(path))
    lwt.run(require "spec.support.build".remove_dir(dir))
    assert.equal("served\n", result.out, result.err)
  end)

  it("lets it be removed in a task that it runs, and installed again", function()
    local loop, log = g.loop(), {}
    lwt.async(function()
      await(lwt.sleep(0.001))
      glib.remove()
      log[#log + 1] = "removed"
      g.timeout(10, function()
        log[#log + 1] = "installed"
        glib.install { mode = "lwt_into_glib" }
      end)
      await(lwt.sleep(0.001))
      log[#log + 1] = "served again"
      g.quit(loop)
    end)
    g.run(loop)
    g.free(loop)
    assert.same({ "removed", "installed", "served again" }, log)
  end)

  it("may be of another context than the default one", function()
    glib.remove()
    local context = g.context()
    glib.install { mode = "lwt_into_glib", context = context }
    local fired
    turn(function()
      g.timeout(2, function() fired = true end, 0, context)
      while not fired do await(lwt.sleep(0.001)) end
    end, context)
    glib.remove()
    g.drop(context)
  end)
end)
