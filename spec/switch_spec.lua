local lwt = require "lwt"
local switch = require "lwt.switch"
local test = require "lwt.test"

local await, spec = lwt.await, test.virtual

describe("lwt.switch", function()
  it("is on until it is turned off", spec(function()
    local sw = switch.create()
    assert.is_true(sw:is_on())
    sw:check()
    await(sw:turn_off())
    assert.is_false(sw:is_on())
    assert.has_error(function() sw:check() end, switch.Off)
    switch.check(nil)
  end))

  it("starts all hooks at once, newest first, and waits for all", spec(function()
    local sw, log, start = switch.create(), {}, lwt.now()
    for i = 1, 3 do
      sw:add_hook(function()
        log[#log + 1] = "start " .. i
        await(lwt.sleep(i))
        log[#log + 1] = "end " .. i
      end)
    end
    local p = sw:turn_off()
    assert.is_false(sw:is_on())
    await(p)
    assert.same({ "start 3", "start 2", "start 1", "end 1", "end 2", "end 3" }, log)
    assert.equal(3, math.floor(lwt.now() - start + 0.5))
  end))

  it("waits for all hooks when one fails, and tells the first failure", spec(function()
    local sw, done = switch.create(), false
    sw:add_hook(function()
      await(lwt.sleep(2))
      done = true
    end)
    sw:add_hook(function() error("oops", 0) end)
    assert.same({ false, "oops" }, { pcall(await, sw:turn_off()) })
    assert.is_true(done)
  end))

  it("is done at once when it is turned off again", spec(function()
    local sw = switch.create()
    sw:add_hook(function() await(lwt.sleep(1)) end)
    local first = sw:turn_off()
    assert.equal("fulfilled", (sw:turn_off():state()))
    assert.equal("pending", (first:state()))
    await(first)
  end))

  it("refuses hooks when it is off, also from a hook", spec(function()
    local sw = switch.create()
    local err
    sw:add_hook(function() err = select(2, pcall(sw.add_hook, sw, print)) end)
    await(sw:turn_off())
    assert.equal(switch.Off, err)
    assert.equal("lwt.switch.Off", tostring(err))
    switch.add_hook(nil, print)
  end))

  it("runs a function at once with add_hook_or_exec when it is off", spec(function()
    local sw, n = switch.create(), 0
    local function f()
      n = n + 1
      return "v"
    end
    await(sw:add_hook_or_exec(f))
    assert.equal(0, n)
    await(sw:turn_off())
    assert.equal(1, n)
    assert.equal("v", await(sw:add_hook_or_exec(f)))
    assert.equal(2, n)
    await(switch.add_hook_or_exec(nil, f))
    assert.equal(2, n)
  end))

  it("is turned off after with_switch, whichever way that ends", spec(function()
    local log = {}
    local function body(how)
      return function(sw)
        sw:add_hook(function()
          await(lwt.sleep(1))
          log[#log + 1] = how
        end)
        if how == "error" then error("x", 0) end
        if how == "cancel" then await(lwt.sleep(100)) end
        return how
      end
    end
    assert.equal("value", await(switch.with_switch(body "value")))
    assert.same({ false, "x" }, { pcall(await, switch.with_switch(body "error")) })
    local p = switch.with_switch(body "cancel")
    lwt.yield()
    p:cancel()
    assert.equal(lwt.Canceled, select(2, pcall(await, p)))
    assert.same({ "value", "error", "cancel" }, log)
  end))

  it("tells the hook's error where both fail", spec(function()
    local p = switch.with_switch(function(sw)
      sw:add_hook(function() error("hook", 0) end)
      error("body", 0)
    end)
    assert.same({ false, "hook" }, { pcall(await, p) })
  end))

  it("is turned off at the end of a block, also in a task that is cancelled", spec(function()
    local done = false
    local task = lwt.spawn(function()
      local sw <close> = switch.create()
      sw:add_hook(function()
        await(lwt.sleep(1))
        done = true
      end)
      await(lwt.sleep(100))
    end)
    lwt.yield()
    task:cancel()
    pcall(await, task)
    assert.is_true(done)
  end))

  it("refuses wrong arguments", function()
    assert.has_error(function() switch.is_on() end)
    assert.has_error(function() switch.turn_off({}) end)
    assert.has_error(function() switch.add_hook(switch.create()) end)
    assert.has_error(function() switch.add_hook_or_exec(1, print) end)
    assert.has_error(function() switch.with_switch() end)
    assert.has_error(function() switch.check(1) end)
  end)
end)
