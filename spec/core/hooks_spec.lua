local lwt = require "lwt"
local core = require "spec.support.core"
local is, child = core.is, core.child

describe("the exception hook", function()
  it("is got without and set with an argument", function()
    local before = lwt.async_exception_hook()
    local function mine() end
    lwt.async_exception_hook(mine)
    assert.equal(mine, lwt.async_exception_hook())
    lwt.async_exception_hook(before)
    assert.equal(before, lwt.async_exception_hook())
  end)

  it("is given the error alone, whatever value it is", function()
    local before = lwt.async_exception_hook()
    local got = {}
    lwt.async_exception_hook(function(...) got[#got + 1] = table.pack(...) end)
    local err = {}
    for _, e in ipairs { err, false, "text" } do
      lwt.fulfilled():on_success(function() error(e, 0) end)
    end
    lwt.fulfilled():on_success(function() error(nil) end)
    lwt.async_exception_hook(before)
    assert.equal(4, #got)
    assert.equal(err, got[1][1])
    assert.is_false(got[2][1])
    assert.equal("text", got[3][1])
    assert.is_nil(got[4][1])
  end)

  it("by default raises the error out of the run that is driving the loop, at the end of "
    .. "the turn", function()
    local reached = false
    local main = lwt.spawn(function()
      lwt.pause():on_success(function() error("from a callback", 0) end)
      for _ = 1, 10 do lwt.yield() end
      reached = true
    end)
    local ok, err = pcall(lwt.run, main)
    assert.is_false(ok)
    assert.is_false(reached)
    assert.equal("from a callback", err)
    assert.equal(1, lwt.run(lwt.fulfilled(1)))
  end)

  it("by default raises the error out of the next run when none is driving", function()
    lwt.fulfilled():on_success(function() error("early", 0) end)
    local ok, err = pcall(lwt.run, function() lwt.yield() end)
    assert.is_false(ok)
    assert.equal("early", err)
    assert.is_true((pcall(lwt.run, function() lwt.yield() end)))
  end)

  it("never lets an error out of wakeup or cancel", function()
    local p, r = lwt.wait()
    p:on_success(function() error("one", 0) end)
    r:wakeup()
    local q = lwt.task()
    q:on_cancel(function() error("two", 0) end)
    q:cancel()
    is(p, "fulfilled")
    local errors = {}
    for _ = 1, 2 do
      local ok, err = pcall(lwt.step)
      if not ok then errors[#errors + 1] = err end
    end
    assert.equal("one", errors[1])
  end)

  it("that raises is reported by warn, and nothing else is disturbed", function()
    local out, status = child [[
      local lwt = require "lwt"
      lwt.async_exception_hook(function() error("from the hook", 0) end)
      local p, r = lwt.wait()
      p:on_success(function() error("first", 0) end)
      p:on_success(function() print "second" end)
      r:wakeup()
      lwt.run(function() lwt.yield() print "still running" end)
    ]]
    assert.equal(0, status)
    assert.truthy(out:find("Lua warning: [^\n]*from the hook"), out)
    assert.truthy(out:find "second\n", out)
    assert.truthy(out:find "still running\n", out)
  end)

  it("by default does not exit the process", function()
    local out, status = child [[
      local lwt = require "lwt"
      print(pcall(lwt.run, function()
        lwt.async(error, "background", 0)
        lwt.yield()
        lwt.yield()
      end))
      print(lwt.run(function() return "again" end))
    ]]
    assert.equal(0, status)
    assert.truthy(out:find("false\tbackground\n", 1, true), out)
    assert.truthy(out:find("again\n", 1, true), out)
  end)
end)
