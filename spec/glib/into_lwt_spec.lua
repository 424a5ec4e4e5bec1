-- lwt.run serves GLib's main context.
local lwt = require "lwt"
local glib = require "lwt.glib"
local net = require "lwt.net"
local process = require "lwt.process"
local g = require "spec.glib.source"()
local await = lwt.await

describe("lwt.run, with GLib's context in it", function()
  before_each(function() glib.install { mode = "glib_into_lwt" } end)
  after_each(glib.remove)

  -- Runs body as lwt.run does, to its end.
  local function run(body) return lwt.run(body) end

  it("runs the timers of both sides in the order of their times", function()
    -- On a machine that is 10 ms late both are due at once: then it is tried again, later with more between.
    local log, sorted
    for try = 1, 30 do
      local step = 10 << try // 10
      log = {}
      run(function()
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

  it("runs them on time: the median within 5 ms", function()
    local late = {}
    run(function()
      for i = 1, 20 do
        local begun = lwt.now()
        if i % 2 == 0 then
          local p, r = lwt.wait()
          g.timeout(10, function() r:wakeup() end)
          await(p)
        else
          await(lwt.sleep(0.01))
        end
        late[i] = lwt.now() - begun - 0.01
        assert(late[i] > -0.002) -- (GLib counts in milliseconds)
      end
    end)
    table.sort(late)
    -- What the machine itself adds to a wait just now is not ours.
    local sleeps = {}
    for i = 1, 20 do
      local begun = lwt.now()
      glib.remove()
      lwt.run(lwt.sleep(0.01))
      sleeps[i] = lwt.now() - begun - 0.01
    end
    table.sort(sleeps)
    assert(late[10] < 0.005 + 4 * sleeps[10], ("%.1f ms late"):format(late[10] * 1e3))
  end)

  it("serves descriptors, idles, children and other threads of GLib's", function()
    local seen = {}
    run(function()
      local fd = g.event()
      g.watch(fd, function(n) g.take(n) seen.descriptor = n == fd end)
      g.idle(function() seen.idle = true end)
      g.child("sh", "-c", "exit 7", function(status) seen.child = status >> 8 end)
      g.later(10, function() seen.thread = true end)
      g.post(fd)
      while not (seen.descriptor and seen.idle and seen.child and seen.thread) do await(lwt.sleep(0.002)) end
      g.close(fd)
    end)
    assert.same({ descriptor = true, idle = true, child = 7, thread = true }, seen)
  end)

  it("waits for GLib alone, without any timer of its own", function()
    local p, r = lwt.wait()
    g.later(30, function() r:wakeup "from a thread of GLib's" end)
    assert.equal("from a thread of GLib's", lwt.run(p))
    p, r = lwt.wait()
    g.timeout(10, function() r:wakeup "from a timeout" end)
    assert.equal("from a timeout", lwt.run(p))
  end)

  it("sees at once what a callback of GLib's has begun", function()
    local log = {}
    run(function()
      local done, r = lwt.wait()
      g.timeout(5, function()
        lwt.async(function()
          await(lwt.sleep(0.005))
          log[#log + 1] = "slept"
          log[#log + 1] = await(process.exec { "true" }).code
          local a, b = net.socketpair()
          lwt.async(function() await(a:write "x") end)
          log[#log + 1] = await(b:read())
          a:close() b:close()
          r:wakeup()
        end)
      end)
      await(done)
    end)
    assert.same({ "slept", 0, "x" }, log)
  end)

  it("keeps GLib's priorities", function()
    local log = {}
    local function note(what) return function() log[#log + 1] = what end end
    run(function()
      g.idle(note "low", 300)
      g.idle(note "default", 0)
      g.idle(note "high", -100)
      g.idle(note "idle", 200)
      while #log < 4 do await(lwt.sleep(0.001)) end
    end)
    assert.same({ "high", "default", "idle", "low" }, log)
  end)

  it("serves a thousand descriptors of each side", function()
    g.raise_limit()
    local n, theirs, ours = 1000, 0, 0
    local events, watches, pairs_ = {}, {}, {}
    run(function()
      for i = 1, n do
        local fd = g.event()
        events[i] = fd
        watches[i] = g.watch(fd, function() g.take(fd) theirs = theirs + 1 return true end)
        local a, b = net.socketpair()
        pairs_[i] = { a, b }
        lwt.async(function() if await(b:read()) == "x" then ours = ours + 1 end end)
      end
      lwt.yield()
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

  it("takes a new set of descriptors each time it asks", function()
    run(function()
      for i = 1, 200 do
        local fd, p, r = g.event(), lwt.wait()
        local id = g.watch(fd, function() g.take(fd) r:wakeup(i) return i % 2 == 0 end)
        g.post(fd)
        assert.equal(i, await(p))
        if i % 2 == 0 then g.cancel(id) end
        g.close(fd)
      end
    end)
  end)

  it("goes on while an idle source of GLib's is always busy, at whatever priority", function()
    for _, priority in ipairs { 300, 0, -1000 } do
      local busy, idle = true, 0
      g.idle(function() idle = idle + 1 return busy end, priority)
      run(function()
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
      assert(idle > 20)
      lwt.run(lwt.sleep(0.002))
    end
  end)

  it("serves GLib while a task is always busy", function()
    local log = {}
    run(function()
      local over
      lwt.async(function() while not over do lwt.yield() end end)
      g.timeout(5, function() log[#log + 1] = "timeout" end)
      g.idle(function() log[#log + 1] = "idle" end, 300)
      while #log < 2 do lwt.yield() end
      over = true
    end)
    table.sort(log)
    assert.same({ "idle", "timeout" }, log)
  end)

  it("uses GLib's poll function, and does not poll for nothing", function()
    g.count_polls(nil, true)
    local before = g.polls()
    local begun = lwt.now()
    local cpu = g.cpu()
    lwt.run(lwt.sleep(2))
    local polls, used, took = g.polls() - before, g.cpu() - cpu, lwt.now() - begun
    g.count_polls(nil, false)
    assert(polls >= 1 and polls <= 20, ("%d polls in two seconds"):format(polls))
    assert(used / took < 0.05, ("%.1f %% of a processor"):format(100 * used / took))
  end)

  it("leaves the errors of tasks to lwt.run, and those of callbacks to who has called them", function()
    lwt.async(function() await(lwt.sleep(0.001)) error("of a task", 0) end)
    local ok, err = pcall(lwt.run, lwt.sleep(0.5))
    assert.is_false(ok)
    assert.equal("of a task", err)
    g.timeout(1, function() error("of a callback", 0) end)
    lwt.run(lwt.sleep(0.02))
    assert.equal("of a callback", g.failed())
  end)

  it("raises what a callback lets through GLib, and goes on", function()
    g.through(function() error("through GLib", 0) end)
    local ok, err = pcall(lwt.run, lwt.sleep(0.5))
    assert.is_false(ok)
    assert.equal("through GLib", err)
    local fired
    g.timeout(1, function() fired = true end)
    run(function() while not fired do await(lwt.sleep(0.001)) end end)
  end)

  it("raises when it is called in a callback of GLib's, and so does step", function()
    local messages = {}
    run(function()
      g.timeout(1, function()
        for _, f in ipairs { lwt.run, lwt.step } do messages[#messages + 1] = select(2, pcall(f, 0)) end
        messages[#messages + 1] = select(2, pcall(lwt.run, function() end))
      end)
      while #messages < 3 do await(lwt.sleep(0.001)) end
    end)
    assert.matches("attempt to run the loop from inside it", messages[3])
    assert.matches("attempt to step the loop from inside it", messages[2])
  end)

  it("may not await in a callback", function()
    local message
    run(function()
      g.timeout(1, function() message = select(2, pcall(await, lwt.sleep(1))) end)
      while not message do await(lwt.sleep(0.001)) end
    end)
    assert.matches("await", message)
  end)
end)
