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

  it("learns of rules and levels that change, before its next function, in its loop, and when it logs", spec(function()
    local l, list = support.collect()
    log.set_default(l)
    preemptive.set_bounds(0, 1)
    local function level_of(name)
      return await(preemptive.detach(function(section_name)
        return require "lwt.log".section(section_name):level()
      end, name))
    end
    assert.equal("notice", level_of "w4.a")
    log.load_rules "w4.* -> debug; info"
    log.section "w5":set_level "fatal"
    assert.same({ "debug", "fatal", "info" }, { level_of "w4.a", level_of "w5", level_of "w6" })
    log.section "w5":reset_level()
    assert.equal("info", level_of "w5")
    -- In a loop of its own: it waits for the level, whatever comes between.
    local looping = preemptive.detach(function()
      local worker_lwt, worker_log = require "lwt", require "lwt.log"
      worker_log.info "loops"
      worker_lwt.run(function()
        while not worker_log.is "debug" do worker_lwt.sleep(0.001):await() end
      end)
      worker_log.debug "has seen it"
    end)
    eventually(function() return list[1] == "main info loops" end)
    for i = 1, 101 do log.load_rules(i == 101 and "debug" or i % 2 == 1 and "error" or "fatal") end
    await(looping)
    eventually(function() return list[2] == "main debug has seen it" end)
    -- One that only computes: the records stop.
    local computing = preemptive.detach(function()
      local worker_log = require "lwt.log"
      while worker_log.is "debug" do worker_log.debug "computes" end
    end)
    eventually(function() return #list > 2 end)
    log.load_rules "fatal"
    await(computing)
    await(l:close()) -- what is still on its way
    preemptive.set_bounds(0, 4)
  end))

  it("has logged before what it gives is there: closing the logger writes that too", spec(function(dir)
    for round = 1, 5 do
      local path = dir .. "/" .. round
      local l = await(log.file { path = path, template = "$(message)" })
      log.set_default(l)
      local jobs = {}
      for j = 1, 4 do
        jobs[j] = preemptive.detach(function(n)
          for i = 1, n do require "lwt.log".error("%d", i) end
        end, 300)
      end
      await(lwt.join(jobs))
      await(l:close())
      assert.equal(1200, #support.lines(path))
    end
  end))

  it("closing in a task that has been cancelled takes it as well, and loses nothing of it", spec(function()
    local l, list = support.collect()
    log.set_default(l)
    await(preemptive.detach(function()
      for i = 1, 500 do require "lwt.log".error("%d", i) end
    end))
    local closing
    local task
    task = lwt.spawn(function()
      lwt.yield()
      task:cancel()
      closing = l:close()
      lwt.yield()
    end)
    pcall(await, task)
    await(closing)
    assert.equal(500, #list)
  end))

  it("sends tables of plain values as tables", spec(function()
    local l, list = support.collect()
    log.set_default(l)
    await(preemptive.detach(function()
      local t = { list = { 1, "two", true }, deep = { x = { y = 1.5 } }, odd = print }
      t.itself = t
      require "lwt.log".with { t = t }:error "x"
    end))
    eventually(function() return #list == 1 end)
    local t = list.records[1].fields.t
    assert.same({ 1, "two", true }, t.list)
    assert.equal(1.5, t.deep.x.y)
    assert.equal("string", type(t.odd))
    assert.is_string(t.itself.itself.itself.itself.itself.itself.itself)
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

  it("that ends says its last words, of finalizers", spec(function()
    local l, list = support.collect()
    log.set_default(l)
    local function last_words(gate)
      local worker_log = require "lwt.log"
      Mine = setmetatable({}, { __gc = function() worker_log.error "ends" end }) -- luacheck: ignore 111
      worker_log.error "works"
      require "lwt".run(gate:recv())
    end
    local function count(word)
      local n = 0
      for _, text in ipairs(list) do
        if text == "main error " .. word then n = n + 1 end
      end
      return n
    end
    for round = 1, 5 do
      preemptive.set_bounds(0, 3)
      local gate, jobs = preemptive.channel(3), {}
      for i = 1, 3 do jobs[i] = preemptive.detach(last_words, gate) end
      eventually(function() return count "works" == 3 * round end) -- each in a worker of its own
      for _ = 1, 3 do await(gate:send(true)) end
      await(lwt.join(jobs))
      preemptive.set_bounds(0, 1)
      eventually(function() return count "ends" >= 2 * round end)
    end
    preemptive.set_bounds(0, 4)
  end))

  it("of a worker logs by way of that to the main state, and the last of it is not lost", spec(function(dir)
    await(fs.write_file(dir .. "/s.lua", [[
      local lwt, log, preemptive = require "lwt", require "lwt.log", require "lwt.preemptive"
      lwt.run(function()
        log.set_default(log.file { path = "a", template = "$(message)" }:await())
        preemptive.detach(function()
          local lwt, log, preemptive = require "lwt", require "lwt.log", require "lwt.preemptive"
          log.error "outer"
          lwt.run(preemptive.detach(function()
            for i = 1, 2500 do require "lwt.log".error("%d", i) end
          end))
        end):await()
      end)
    ]]))
    local out, status = await(process.pread({ lua, "s.lua" }, { cwd = dir, stderr = "stdout" }))
    assert.equal("", out)
    assert.equal(0, status.code)
    local lines = support.lines(dir .. "/a")
    assert.equal("outer", lines[1])
    assert.equal(2501, #lines)
    for i = 1, 2500 do assert.equal(tostring(i), lines[i + 1]) end
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
        while require "lwt.fs".stat("a"):await().size == 0 do lwt.sleep(0.01):await() end
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
