-- Worker threads log to the loggers of the state that they work for.

local lwt = require "lwt"
local log = require "lwt.log"
local preemptive = require "lwt.preemptive"
local process = require "lwt.process"
local fs = require "lwt.fs"
local support = require "spec.support.log"
local eventually = require "spec.support.eventually"

local await, spec = lwt.await, support.spec
local lua = os.getenv "LUA" or "lua5.4"

describe("lwt.log: a worker", function()
  it("logs to the loggers of the main state, with its name and its fields", spec(function()
    local l, list = support.collect()
    log.set_default(l)
    await(preemptive.detach(function()
      local lwt = require "lwt" -- luacheck: ignore 431
      local log = require "lwt.log" -- luacheck: ignore 431
      log.error("%s", "without a loop")
      lwt.run(function()
        lwt.name "counter"
        log.with_fields({ user = "ann", odd = print }, function()
          lwt.await(log.section "w.a":warning("in a loop\ntwo"))
        end)
      end)
    end))
    eventually(function() return #list == 3 end)
    assert.same({ "main error without a loop", "w.a warning in a loop", "w.a warning two" }, { table.unpack(list) })
    assert.matches("^worker %d+$", list.records[1].fields.worker)
    assert.equal("ann", list.records[2].fields.user)
    assert.matches("^builtin: ", (list.records[2].fields.odd:gsub("^function", "builtin")))
    assert.equal("counter", list.records[2].task)
    assert.matches("worker_spec.lua$", list.records[1].file)
  end))

  it("begins with the rules and levels of the main state, and may have its own", spec(function()
    local l, list = support.collect()
    log.set_default(l)
    log.load_rules "w2.* -> debug; fatal"
    log.section "w3":set_level "info"
    preemptive.set_bounds(0, 1)
    local levels = await(preemptive.detach(function()
      package.loaded["lwt.log"], package.loaded["lwt.log.section"] = nil, nil -- as in a worker that is new
      for name in pairs(package.loaded) do
        if name:find "^lwt%.log%." then package.loaded[name] = nil end
      end
      local worker_log = require "lwt.log"
      local found = {}
      for i, name in ipairs { "w2.x", "w3", "other" } do found[i] = worker_log.section(name):level() end
      worker_log.load_rules "debug"
      worker_log.section "other":debug "mine"
      return found
    end))
    preemptive.set_bounds(0, 4)
    assert.same({ "debug", "info", "fatal" }, levels)
    eventually(function() return #list == 1 end)
    assert.equal("other debug mine", list[1])
    log.section "w3":reset_level()
  end))

  it("waits when the main state does not keep up, and nothing is lost, in order", spec(function()
    local seen, go, wake = {}, lwt.wait()
    log.set_default(log.make {
      output = function(_, _, lines)
        await(go)
        seen[#seen + 1] = lines[1]
      end,
    })
    local n = 5000
    local work = preemptive.detach(function(count)
      local worker_log = require "lwt.log"
      for i = 1, count do worker_log.error("%d", i) end
      return "done"
    end, n)
    await(lwt.sleep(0.05))
    assert.equal("pending", (work:state()))
    wake:wakeup()
    assert.equal("done", await(work))
    eventually(function() return #seen == n end)
    for i = 1, n do assert.equal(tostring(i), seen[i]) end
  end))

  it("loses nothing at the end of the program, of what it logged in its own loop either", spec(function(dir)
    await(fs.write_file(dir .. "/s.lua", [[
      local lwt, log, preemptive = require "lwt", require "lwt.log", require "lwt.preemptive"
      lwt.run(function()
        log.set_default(log.file { path = "a", template = "$(message) $(task) $(loc-line)" }:await())
        preemptive.detach(function()
          local lwt, log = require "lwt", require "lwt.log"
          lwt.run(function()
            for i = 1, 3000 do log.error("%d", i) end
          end)
        end):await()
      end)
    ]]))
    local out, status = await(process.pread({ lua, "s.lua" }, { cwd = dir, stderr = "stdout" }))
    assert.equal("", out)
    assert.equal(0, status.code)
    local lines = support.lines(dir .. "/a")
    assert.equal(3000, #lines)
    for i, line in ipairs(lines) do assert.matches("^" .. i .. " worker %d 7$", line) end
  end))

  it("that never stops does not keep the main state from its other work, nor from ending", spec(function(dir)
    await(fs.write_file(dir .. "/s.lua", [[
      local lwt, log, preemptive = require "lwt", require "lwt.log", require "lwt.preemptive"
      lwt.run(function()
        log.set_default(log.file { path = "a", template = "$(message)" }:await())
        preemptive.detach(function()
          local log = require "lwt.log"
          local i = 0
          while true do
            i = i + 1
            log.error("%d", i)
          end
        end)
        for _ = 1, 20 do lwt.sleep(0.01):await() end
      end)
      print "ends"
    ]]))
    local out, status = await(process.pread({ lua, "s.lua" }, { cwd = dir, stderr = "stdout" }))
    assert.equal("ends\n", out)
    assert.equal(0, status.code)
    local lines = support.lines(dir .. "/a")
    assert.is_true(#lines > 0)
    for i, line in ipairs(lines) do assert.equal(tostring(i), line) end
  end))

  it("that has logged does not keep a deadlock from being told", spec(function(dir)
    await(fs.write_file(dir .. "/s.lua", [[
      local lwt, log, preemptive = require "lwt", require "lwt.log", require "lwt.preemptive"
      log.set_default(log.null)
      lwt.run(function() preemptive.detach(function() require "lwt.log".error "x" end):await() end)
      print(pcall(lwt.run, lwt.wait()))
    ]]))
    local out = await(process.pread({ lua, "s.lua" }, { cwd = dir, stderr = "stdout" }))
    assert.matches("^false\tdeadlock", out)
  end))
end)
