-- Loops that GLib's callbacks, and tasks, turn themselves (modal dialogs): lwt goes on in them.
local lwt = require "lwt"
local glib = require "lwt.glib"
local net = require "lwt.net"
local process = require "lwt.process"
local g = require "spec.glib.source"()
local await = lwt.await

-- Turns a loop of GLib's until a task that does all kinds of things has ended; what it did.
local function modal()
  local loop, log = g.loop(), {}
  lwt.async(function()
    await(lwt.sleep(0.002))
    log[1] = "slept"
    log[2] = await(process.exec { "sh", "-c", "exit 4" }).code
    local a, b = net.socketpair()
    lwt.async(function() await(lwt.sleep(0.001)) await(a:write "read") end)
    log[3] = await(b:read())
    a:close() b:close()
    lwt.yield()
    g.quit(loop)
  end)
  g.run(loop)
  g.free(loop)
  return log
end

local DONE = { "slept", 4, "read" }

for _, mode in ipairs { "glib_into_lwt", "lwt_into_glib" } do
  describe("a loop inside a loop, " .. mode, function()
    before_each(function() glib.install { mode = mode } end)
    after_each(glib.remove)

    local function run(body)
      if mode == "glib_into_lwt" then return lwt.run(body) end
      local loop, ok, err = g.loop(), nil, nil
      lwt.async(function()
        ok, err = pcall(body)
        g.quit(loop)
      end)
      if ok == nil then g.run(loop) end
      g.free(loop)
      if not ok then error(err, 0) end
    end

    it("goes on with lwt in a callback of GLib's", function()
      local log
      run(function()
        g.timeout(1, function() log = modal() end)
        while not log do await(lwt.sleep(0.001)) end
      end)
      assert.same(DONE, log)
    end)

    it("goes on with lwt in a task: at its beginning, after a timer, after input", function()
      run(function()
        assert.same(DONE, modal())
        await(lwt.sleep(0.001))
        assert.same(DONE, modal())
        local a, b = net.socketpair()
        lwt.async(function() await(lwt.sleep(0.001)) await(a:write "x") end)
        assert.equal("x", await(b:read()))
        assert.same(DONE, modal()) -- (an event of libuv's has woken us)
        await(process.exec { "true" })
        assert.same(DONE, modal())
        a:close() b:close()
        assert.equal("still a task", await(lwt.sleep(0.001):map(function() return "still a task" end)))
      end)
    end)

    it("does so five deep, and comes out of each", function()
      local deep = {}
      run(function()
        local function inner(n)
          if n > 0 then
            local loop = g.loop()
            g.timeout(1, function()
              inner(n - 1)
              deep[#deep + 1] = n
            end)
            lwt.async(function() await(lwt.sleep(0.01)) while #deep < n do await(lwt.sleep(0.001)) end g.quit(loop) end)
            g.run(loop)
            g.free(loop)
          end
        end
        inner(5)
        await(lwt.sleep(0.001))
      end)
      assert.same({ 1, 2, 3, 4, 5 }, deep)
    end)

    it("keeps the storage of who is in the middle, and gives the tasks inside theirs", function()
      local key = lwt.new_key "name"
      local inside
      run(function()
        await(lwt.sleep(0.001))
        lwt.with_value(key, "outer", function()
          local loop = g.loop()
          g.timeout(1, function()
            lwt.async(function() inside = tostring(lwt.get(key)) g.quit(loop) end)
          end)
          local other = lwt.sleep(0.002)
          g.run(loop)
          g.free(loop)
          assert.equal("outer", lwt.get(key))
          await(other)
          assert.equal("outer", lwt.get(key))
        end)
      end)
      assert.is_string(inside)
    end)

    it("lets a cancel reach the task that is in the middle, once that awaits again", function()
      local outcome
      run(function()
        local task
        task = lwt.spawn(function()
          await(lwt.sleep(0.001))
          local loop = g.loop()
          lwt.async(function() await(lwt.sleep(0.001)) task:cancel() g.quit(loop) end)
          g.run(loop)
          g.free(loop)
          await(lwt.sleep(10))
        end)
        outcome = select(2, pcall(await, task))
      end)
      assert.equal(lwt.Canceled, outcome)
    end)

    it("works in a promise's callback, that a timer calls", function()
      local log
      run(function()
        await(lwt.sleep(0.001):map(function() log = modal() end))
      end)
      assert.same(DONE, log)
    end)

    it("goes on with timers, tasks and GLib in a promise's callback that an event calls", function()
      -- The event's callback is on libuv's stack, so no input comes before it ends; nothing spins.
      local log, calls = {}, 0
      g.count_polls(nil, true)
      run(function()
        local a, b = net.socketpair()
        local reading = b:read():map(function()
          local loop = g.loop()
          local before = g.polls()
          g.timeout(5, function() log[#log + 1] = "GLib" end)
          lwt.async(function()
            await(lwt.sleep(0.1))
            log[#log + 1] = "timer"
            g.quit(loop)
          end)
          g.run(loop)
          g.free(loop)
          calls = g.polls() - before
        end)
        await(a:write "x")
        await(reading)
        a:close() b:close()
      end)
      g.count_polls(nil, false)
      assert.same({ "GLib", "timer" }, log)
      assert(calls < 50, calls .. " polls")
    end)

    it("does nothing for lwt in a finalizer", function()
      local ran
      run(function()
        setmetatable({}, { __gc = function()
          lwt.async(function() lwt.yield() ran = true end)
          for _ = 1, 10 do glib.iter() end
          assert(not ran)
        end })
        collectgarbage()
        while not ran do await(lwt.sleep(0.001)) end
      end)
    end)
  end)
end

describe("errors in a loop inside lwt.run", function()
  it("are raised by lwt.run, when that loop has ended", function()
    glib.install()
    local over
    local ok, err = pcall(lwt.run, function()
      await(lwt.sleep(0.001))
      local loop = g.loop()
      lwt.async(function() await(lwt.sleep(0.001)) error("inside", 0) end)
      lwt.async(function() await(lwt.sleep(0.02)) g.quit(loop) end)
      g.run(loop)
      g.free(loop)
      over = true
      await(lwt.sleep(0.02))
    end)
    lwt.run(lwt.sleep(0.05))
    glib.remove()
    assert.is_true(over)
    assert.is_false(ok)
    assert.equal("inside", err)
  end)
end)
