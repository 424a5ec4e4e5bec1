local core = require "spec.support.core"
local child = core.child

-- Runs the script, and counts the warnings that have `what` in them.
local function warnings(script, what)
  local out, status = child('local lwt = require "lwt"\n' .. script)
  local n = 0
  for line in out:gmatch "lwt: [^\n]*" do
    if line:find(what or "", 1, true) then n = n + 1 end
  end
  return n, out, status
end

describe("a rejected promise that nobody ever looked at", function()
  it("warns once, when it is collected", function()
    local n, out = warnings([[
      lwt.rejected "not seen"
      collectgarbage() collectgarbage()
      lwt.step()
      print "collected"
      collectgarbage() collectgarbage()
      lwt.run(function() end)
    ]], "not seen")
    assert.equal(1, n, out)
  end)

  it("warns once, when the state closes, if no turn of the loop has come before", function()
    local n, out = warnings([[
      kept = lwt.rejected "not seen"
      lwt.spawn(error, "not seen", 0)
    ]], "not seen")
    assert.equal(2, n, out)
    n, out = warnings([[
      lwt.run(function() end)
      lwt.rejected "not seen"
      lwt.rejected "seen":on_failure(function() end)
      lwt.rejected(lwt.Canceled)
    ]])
    assert.equal(1, n, out)
  end)

  it("warns once, when run ends", function()
    local n, out = warnings([[
      local kept
      lwt.run(function() kept = lwt.rejected "not seen" end)
      print "run is over"
      lwt.run(function() end)
      kept = nil
      collectgarbage() collectgarbage()
      lwt.run(function() end)
    ]], "not seen")
    assert.equal(1, n, out)
    assert.truthy(out:find "not seen.*run is over", out)
  end)

  it("tells where it was made, and its traceback", function()
    local _, out = warnings [[
      local function guilty() lwt.yield() error "not seen" end
      lwt.run(function()
        lwt.spawn(function() guilty() return 1 end)
        lwt.yield() lwt.yield()
      end)
    ]]
    assert.truthy(out:find("script.lua:2", 1, true), out)
    assert.truthy(out:find("not seen", 1, true), out)
    assert.truthy(out:find("guilty", 1, true), out)
  end)

  it("warns for a dependant of it, and not for the one that was used", function()
    local n, out = warnings([[
      local p, r = lwt.wait()
      local q = p:map(print):map(print)
      r:wakeup_exn "not seen"
      p, q, r = nil
      collectgarbage() collectgarbage()
      lwt.run(function() end)
    ]], "not seen")
    assert.equal(1, n, out)
  end)

  for what, script in pairs {
    ["its state"] = "p:state()",
    ["an on_failure"] = "p:on_failure(function() end)",
    ["an on_any"] = "p:on_any(print, function() end)",
    ["a catch"] = "p:catch(function() end)",
    ["a use in another promise"] = "lwt.join { p, lwt.fulfilled() }:state()",
    ["a try_bind"] = "p:try_bind(print, function() end)",
    ["an await"] = "lwt.run(function() pcall(lwt.await, p) end)",
    ["run"] = "pcall(lwt.run, p)",
  } do
    it("does not warn after " .. what, function()
      local parts = {}
      for i, make in ipairs {
        'local p = lwt.rejected "seen"\n',
        'local p, r = lwt.wait() r:wakeup_exn "seen" r = nil\n',
        'local p = lwt.spawn(error, "seen")\n',
      } do
        parts[i] = "do " .. make .. script
          .. "\np = nil collectgarbage() collectgarbage() lwt.run(function() end) end\n"
      end
      local n, out, status = warnings(table.concat(parts), "seen")
      assert.same({ 0, 0 }, { n, status }, out)
    end)

    it("does not warn when " .. what .. " came before the rejection", function()
      if what == "its state" or what == "run" or what == "an await" then return end
      local n, out = warnings("local p, r = lwt.wait() " .. script ..
        '\nr:wakeup_exn "seen" p, r = nil collectgarbage() collectgarbage() ' ..
        "lwt.run(function() end)",
        "seen")
      -- join's own result was looked at while it was pending only.
      assert.is_true(n == 0 or what == "a use in another promise", out)
    end)
  end

  it("does not warn when somebody looks later in the same turn", function()
    local n, out = warnings([[
      lwt.run(function()
        local p = lwt.spawn(error, "seen later")
        local q = lwt.spawn(function() lwt.yield() error "seen later" end)
        lwt.yield() lwt.yield() lwt.yield()
        collectgarbage()
        pcall(lwt.await, p)
        pcall(lwt.await, q)
      end)
    ]], "seen later")
    assert.equal(0, n, out)
  end)

  it("does not warn for Canceled", function()
    local n, out = warnings([[
      lwt.rejected(lwt.Canceled)
      lwt.task():cancel()
      lwt.run(function()
        lwt.spawn(function() lwt.task():await() end):cancel()
        lwt.yield() lwt.yield()
      end)
      collectgarbage() collectgarbage()
      lwt.run(function() end)
    ]])
    assert.equal(0, n, out)
  end)

  it("does not warn for the losers and winners of pick, choose, join and the like", function()
    local n, out = warnings([[
      local p, r = lwt.wait()
      local q, s = lwt.wait()
      local picked, joined = lwt.pick { p, q }, lwt.join { p, q }
      s:wakeup_exn "used"
      r:wakeup_exn "used"
      picked:state() joined:state()
      p, q, r, s, picked, joined = nil
      collectgarbage() collectgarbage()
      lwt.run(function() end)
    ]], "used")
    assert.equal(0, n, out)
  end)

  it("warns about errors that are no strings without failing on them", function()
    local n, out, status = warnings [[
      lwt.rejected(nil)
      lwt.rejected {}
      lwt.rejected(false)
      lwt.rejected(setmetatable({}, { __tostring = function() error "bad tostring" end }))
      collectgarbage() collectgarbage()
      lwt.run(function() end)
      print "fine"
    ]]
    assert.equal(0, status, out)
    assert.truthy(out:find("fine\n", 1, true), out)
    assert.is_true(n >= 4, out)
  end)
end)

describe("a rejected promise that is given on as it is", function()
  local passed = {
    "p:bind(print)", "p:map(print)", "p:finalize(function() end)", "lwt.protected(p)",
    "lwt.no_cancel(p)", "lwt.wrap_in_cancelable(p)", "lwt.choose { p }", "lwt.pick { p }",
    "lwt.nchoose { p, (lwt.wait()) }", "lwt.npick { p }", "lwt.with_timeout(1, p)",
    "lwt.join { p }", "lwt.all { p }", "lwt.both(p, p)", "p:bind(print):map(print)",
    "p:finalize(function() return lwt.pause() end)",
  }
  for _, expression in ipairs(passed) do
    it("warns once when nobody looks at the result: " .. expression, function()
      local n, out = warnings(([[
        lwt.run(function()
          local p = lwt.rejected "lost"
          local q = %s
          for _ = 1, 3 do lwt.yield() end
        end)
        collectgarbage()
        lwt.run(function() end)
      ]]):format(expression), "lost")
      assert.equal(1, n, out)
    end)

    it("does not warn when the result is looked at: " .. expression, function()
      local n, out = warnings(([[
        lwt.run(function()
          local p = lwt.rejected "lost"
          local q = %s
          print(pcall(lwt.await, q))
        end)
      ]]):format(expression), "lost")
      assert.equal(0, n, out)
    end)
  end

  it("does not warn where another was chosen", function()
    local n, out = warnings([[
      local p, q = lwt.rejected "first", lwt.rejected "lost"
      print(lwt.choose({ p, q }):state())
      print(lwt.pick({ p, q }):state())
    ]], "lost")
    assert.equal(0, n, out)
  end)
end)

describe("an error in the background that no run or step comes to raise", function()
  it("is told when the state closes", function()
    local n, out = warnings([[
      lwt.run(function() end)
      lwt.async(error, "in the background", 0)
    ]], "in the background")
    assert.equal(1, n, out)
  end)

  it("is not told again where one has raised it", function()
    local n, out = warnings([[
      lwt.async(error, "in the background", 0)
      print(select(2, pcall(lwt.step)))
    ]])
    assert.equal(0, n, out)
  end)
end)
