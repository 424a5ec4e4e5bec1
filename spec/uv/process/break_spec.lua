-- Ctrl-C where Lua code runs on and on (the prompt's, without a prompt): what it is raised in, and what it
-- leaves alone. Signals end processes: each case is a program of its own.
local shell = require "spec.support.shell"

local function program(text, how)
  local path = shell.write(os.tmpname(), [[
    local uv = require "lwt.uv"
    local interrupt, process = uv.interrupt, uv.process
    local function ctrl_c() process.kill(process.getpid(), "INT") end
    local function loop() while true do end end
    local heard = uv.signal.listen("INT", function() end) -- (the interpreter's own handler would raise)
  ]] .. text)
  local r = shell.run("timeout 60 " .. (how or "PROGRAM"):gsub("PROGRAM", function()
    return shell.lua .. " " .. path
  end))
  os.remove(path)
  return r
end

local function prints(expected, text, how)
  local r = program(text, how)
  assert.same({ expected, 0 }, { r.out, r.code }, r.err)
end

describe("Ctrl-C in code that never comes back to the loop", function()
  it("is nobody's while that is off", function()
    prints("false\t0\tfalse\t3\nfalse\n", [[
      print(interrupt.heard(), select("#", interrupt.force(coroutine.create(print))), interrupt.breaks(false),
        interrupt.guard(select, "#", 1, 2, 3))
      print((pcall(interrupt.force, print)))
    ]])
  end)

  it("is raised below guard, once, however often that is switched on", function()
    prints("true\ttrue\nfalse\tinterrupted\ntrue\nfalse\tinterrupted\nfalse\n", [[
      print(interrupt.breaks(true), interrupt.breaks(true))
      print(pcall(interrupt.guard, function() ctrl_c() loop() end))
      print(interrupt.heard())
      print(pcall(interrupt.guard, function()
        for _ = 1, 3 do ctrl_c() end -- one after another at once are one
        loop()
      end))
      print(interrupt.breaks(false))
    ]])
  end)

  it("is raised in a coroutine, among many that have gone", function()
    prints("true\nfalse\tinterrupted\n", [[
      print(interrupt.breaks(true))
      local kept = {}
      for i = 1, 2000 do
        local co = coroutine.create(function() coroutine.yield() end)
        if i % 40 == 0 then kept[#kept + 1] = co end
        if i % 500 == 0 then collectgarbage() end
      end
      print(coroutine.resume(coroutine.create(interrupt.guard), function() ctrl_c() loop() end))
    ]])
  end)

  it("comes through xpcall, whose handler may be Lua's or in C", function()
    prints("false\tinterrupted\nfalse\tinterrupted\n", [[
      interrupt.breaks(true)
      for _, handler in ipairs { debug.traceback, loop } do
        print(xpcall(interrupt.guard, handler, function() ctrl_c() loop() end))
        interrupt.heard()
      end
    ]])
  end)

  it("is raised where a program has a pcall and an xpcall of its own", function()
    local path = shell.write(os.tmpname(), [[
      local p, x = pcall, xpcall
      pcall, xpcall = function(...) return p(...) end, function(...) return x(...) end
    ]])
    prints("false\tinterrupted\n", [[
      interrupt.breaks(true)
      print(pcall(interrupt.guard, function() ctrl_c() loop() end))
    ]], ("env LUA_INIT_5_4=@%s PROGRAM"):format(path))
    os.remove(path)
  end)

  it("leaves alone what runs below spare, however long", function()
    prints("spared\tfalse\n", [[
      interrupt.breaks(true)
      local text = interrupt.spare(function()
        ctrl_c()
        local till = os.clock() + 1.3
        while os.clock() < till do end
        return "spared"
      end)
      print(text, interrupt.heard())
    ]])
  end)

  it("forces a coroutine to its end below guard, and no other code", function()
    prints("true\tleft alone\nfalse\tinterrupted\n", [[
      local other = coroutine.create(function()
        for _ = 1, 5000 do end
        return "left alone"
      end)
      interrupt.breaks(true)
      interrupt.force(other)
      print(coroutine.resume(other))
      local co
      co = coroutine.create(function()
        return interrupt.guard(function()
          interrupt.force(co)
          while true do pcall(loop) end
        end)
      end)
      print(coroutine.resume(co))
    ]])
  end)

  it("belongs to one state: a second one that asks for it has none", function()
    prints("true\nfalse\tfalse\n", [[
      print(interrupt.breaks(true))
      local lwt, preemptive = require "lwt", require "lwt.preemptive"
      print(lwt.run(preemptive.detach(function()
        local other = require "lwt.uv".interrupt
        return other.breaks(true), other.heard()
      end)))
    ]])
  end)

  it("leaves a signal alone that the program was started to ignore", function()
    prints("true\talive\tfalse\n", [[
      local on = interrupt.breaks(true)
      process.kill(process.getpid(), "HUP")
      process.kill(process.getpid(), "TERM")
      print(on, "alive", interrupt.breaks(false))
    ]], [[sh -c "trap '' HUP TERM; exec PROGRAM"]])
  end)
end)
