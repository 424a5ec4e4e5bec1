-- What else may happen at any moment: finalizers that log, levels that change, loggers that are closed in
-- the middle, cancels at every await.

local lwt = require "lwt"
local fs = require "lwt.fs"
local log = require "lwt.log"
local process = require "lwt.process"
local signal = require "lwt.signal"
local support = require "spec.support.log"

local await, spec = lwt.await, support.spec
local lua = os.getenv "LUA" or "lua5.4"

describe("lwt.log, whatever comes in between:", function()
  it("finalizers that log in the middle of logging lose, split and double nothing", spec(function(dir)
    -- A process of its own: the collector goes round faster where there is little.
    await(fs.write_file(dir .. "/s.lua", [[
      local lwt, log = require "lwt", require "lwt.log"
      local logged, made_lines = 0, 0
      lwt.run(function()
        local file = log.file { path = "a", template = "$(time) $(section) $(message) $(fields)",
          rotate = { size = 5000, keep = 100 } }:await()
        local json = log.json { path = "json" }:await()
        local made = log.make {
          output = function(_, _, lines)
            made_lines = made_lines + #lines
            lwt.pause():await()
          end,
        }
        log.set_default(log.broadcast { file, log.buffered(made, 1000000), json })
        local function garbage()
          setmetatable({}, {
            __gc = function()
              logged = logged + 1
              log.section("new" .. logged):error("finalizer %d", logged)
            end,
          })
        end
        collectgarbage("incremental", 100, 400)
        local tasks = {}
        for t = 1, 5 do
          tasks[t] = lwt.spawn(function()
            for i = 1, 40 do
              garbage()
              logged = logged + 1
              local p = log.with { t = t }:error("%d %d", t, i)
              if i % 10 == 0 then p:await() end
              if i % 20 == 0 then log.add_rule("x" .. i, "debug") end
            end
          end)
        end
        lwt.join(tasks):await()
        collectgarbage()
        collectgarbage()
        log.set_default(log.null)
        for _, l in ipairs { file, json, made } do l:close():await() end
        print(logged, made_lines)
      end)
    ]]))
    local out, status = await(process.pread({ lua, "s.lua" }, { cwd = dir, stderr = "stdout" }))
    assert.equal(0, status.code, out)
    local count, made_lines = out:match "^(%d+)\t(%d+)\n$"
    assert.equal(count, made_lines, out)
    assert.is_true(tonumber(count) > 350, out)
    local seen, n = {}, 0
    for i = 100, 0, -1 do
      local name = dir .. "/a" .. (i == 0 and "" or "." .. i)
      if await(fs.exists(name)) then
        for _, line in ipairs(support.lines(name)) do
          local key = line:match "^%S+ (.*)$"
          assert.is_nil(seen[key], key)
          seen[key], n = true, n + 1
        end
      end
    end
    assert.equal(tonumber(count), n)
    local objects = support.lines(dir .. "/json")
    assert.equal(n, #objects)
    for _, line in ipairs(objects) do support.json(line) end
  end))

  it("a cancel at any of a task's awaits leaves the record written, and nothing behind", spec(function(dir)
    local l = await(log.file { path = dir .. "/a", template = "$(message)" })
    log.set_default(l)
    local expected = {}
    for steps = 0, 30 do
      local task = lwt.spawn(function()
        for i = 1, 5 do
          expected[#expected + 1] = ("%d %d"):format(steps, i)
          await(log.error("%d %d", steps, i))
        end
      end)
      for _ = 1, steps do lwt.yield() end
      task:cancel()
      pcall(await, task)
    end
    local p = l:close()
    p:cancel()
    await(p)
    assert.same(expected, support.lines(dir .. "/a"))
  end))

  it("a scope that is cancelled, and a deadline, do not take the record with them", spec(function(dir)
    local l = await(log.file { path = dir .. "/a", template = "$(message)" })
    log.set_default(l)
    await(lwt.scope(function(s)
      s:spawn(function() await(log.error "from a child") end)
      log.error "from the body"
      s:cancel()
      log.error "after the cancel"
    end))
    pcall(await, lwt.with_timeout(0, function() await(log.error "late") end))
    await(l:close())
    assert.same({ "from a child", "from the body", "after the cancel", "late" }, support.lines(dir .. "/a"))
  end))

  it("loggers that are closed while tasks log: what was taken is written, the rest rejected", spec(function(dir)
    -- Under valgrind a signal may be delivered after the logger that waits for it was closed.
    local _ <close> = signal.on("HUP", function() end)
    for round = 1, 20 do
      local path = ("%s/%d"):format(dir, round)
      local l = await(log.file { path = path, template = "$(message)", reopen = "SIGHUP" })
      log.set_default(l)
      local taken, refused = {}, 0
      local tasks = {}
      for t = 1, 5 do
        tasks[t] = lwt.spawn(function()
          for i = 1, 20 do
            local p = log.error("%d %d", t, i)
            if p:state() == "rejected" then refused = refused + 1 else taken[#taken + 1] = ("%d %d"):format(t, i) end
            if i % 3 == 0 then lwt.yield() end
          end
        end)
      end
      for _ = 1, round // 4 do lwt.yield() end
      if round % 2 == 0 then process.kill(process.getpid(), "HUP") end
      await(l:close())
      await(lwt.join(tasks))
      assert.equal(100, #taken + refused)
      assert.same(taken, support.lines(path))
    end
  end))

  it("runs in virtual time as well", require "lwt.test".virtual(function()
    local before = log.default()
    local l, list = support.collect()
    log.set_default(log.buffered(l, 10))
    for i = 1, 3 do
      log.error("%d", i)
      await(lwt.sleep(3600))
    end
    log.set_default(before)
    assert.same({ "main error 1", "main error 2", "main error 3" }, { table.unpack(list) })
  end))
end)
