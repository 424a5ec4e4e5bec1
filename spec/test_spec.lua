local lwt = require "lwt"
local test = require "lwt.test"
local raises = require("spec.support.expect").raises

local await = lwt.await

-- Run busted on a spec file with this text; gives its whole output.
local function busted(text, options)
  local path = os.tmpname() .. "_spec.lua"
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  local command = ("%s %s -o plainTerminal %s %s 2>&1"):format(arg[-1], arg[0], options or "", path)
  local pipe = io.popen(command)
  local out = pipe:read("a")
  pipe:close()
  os.remove(path)
  os.remove((path:gsub("_spec.lua$", "")))
  return out, path:match("[^/]+$")
end

local head = [[
local lwt = require "lwt"
local test = require "lwt.test"
local await = lwt.await
]]

describe("lwt.test", function()
  describe("async", function()
    it("runs the spec as a task", test.async(function()
      assert.is_not_nil(lwt.current())
      await(lwt.sleep(0.001))
    end))

    it("passes arguments and works outside busted", function()
      local got
      test.async(function(...) got = { ... } end)(1, nil, 3)
      assert.same({ 1, nil, 3 }, got)
    end)

    it("raises what the spec raises, as it was raised", function()
      local err = {}
      local ok, got = pcall(test.async(function()
        lwt.yield()
        error(err)
      end))
      assert.is_false(ok)
      assert.equal(err, got)
    end)

    it("reports failures at the line of the spec", function()
      local out, name = busted(head .. [[
it("fails", test.async(function()
  lwt.yield()
  assert.equal(1, 2) -- line 6
end))
it("errs", test.async(function()
  lwt.yield()
  error("boom") -- line 10
end))
it("raises a table", test.async(function()
  lwt.yield()
  error({ code = "E" }) -- line 14
end))
local function helper() error({ code = "deep" }) end
it("awaits what fails", test.async(function()
  local p = lwt.spawn(function()
    lwt.yield()
    helper()
  end)
  await(p) -- line 22
end))
it("fails in a callback that nobody waits for", test.async(function() -- line 24
  lwt.async(function() error({ code = "lost" }) end)
  lwt.yield()
end))
]])
      assert.matches("0 successes / 1 failure / 4 errors", out)
      for _, line in ipairs { 6, 10, 14, 22, 24 } do
        assert.matches(name .. ":" .. line .. ":", out, 1, true)
      end
    end)

    it("passes pending, finally and nested errors through", function()
      local out = busted(head .. [[
it("waits for better days", test.async(function()
  lwt.yield()
  pending("not yet")
end))
it("cleans up", test.async(function()
  finally(function() print("finally ran") end)
  lwt.yield()
  error("after that")
end))
it("is no place for it", test.async(function()
  it("nested", function() end)
end))
]])
      assert.matches("0 successes / 0 failures / 2 errors / 1 pending", out)
      assert.matches("not yet", out)
      assert.matches("finally ran", out)
      assert.matches("not supported inside", out)
    end)

    it("times out with the list of waiting tasks", function()
      local out, name = busted(head .. [[
it("hangs", test.async(function()
  lwt.spawn(function()
    lwt.name("reader")
    await(lwt.sleep(1000)) -- line 7
  end)
  await(lwt.sleep(2000)) -- line 9
end, { timeout = 0.05 }))
it("goes on after that", test.async(function() await(lwt.sleep(0.001)) end))
]])
      -- The second error is of spec/support/tidy.lua: the reader still waits.
      assert.matches("1 success / 0 failures / 2 errors", out)
      assert.matches(name .. ":9: the spec did not end within 0.05 s", out, 1, true)
      assert.matches("reader", out)
      assert.matches(name .. ":7", out, 1, true)
    end)

    it("follows the promise that the spec returns, in real, virtual and shuffled time", function()
      local kinds = {
        test.async, test.virtual, function(f) return test.fuzz(1, f) end,
      }
      local function first_line(text) return tostring(text):match("[^\n]*") end
      for _, kind in ipairs(kinds) do
        local ok, err = pcall(kind(function() return lwt.rejected "boom" end))
        assert.same({ false, "boom" }, { ok, first_line(err) })
        ok, err = pcall(kind(function()
          return lwt.sleep(0.01):bind(function() error("late", 0) end)
        end))
        assert.same({ false, "late" }, { ok, first_line(err) })
        local ended = false
        kind(function() return lwt.sleep(0.01):map(function() ended = true end) end)()
        assert.is_true(ended)
        ok, err = pcall(kind(function() return (lwt.wait()) end))
        assert.is_false(ok)
        assert.matches("deadlock", tostring(err))
      end
      test.assert_clean()
    end)

    it("tells at once of a spec that waits for what cannot come", function()
      local start = os.clock()
      local ok, err = pcall(test.async(function() await((lwt.wait())) end))
      assert.is_false(ok)
      assert.matches("deadlock.*test_spec", tostring(err))
      assert.is_true(os.clock() - start < 2)
      test.assert_clean()
    end)

    it("gives up on a spec that does not even end when it is cancelled", function()
      local waits
      local ok, err = pcall(test.async(function()
        for _ = 1, 2 do
          waits = lwt.sleep(1000)
          pcall(await, waits)
        end
      end, { timeout = 0.01 }))
      assert.is_false(ok)
      assert.matches("did not end within 0.01 s", err)
      waits:cancel()
      lwt.step()
      test.assert_clean()
    end)
  end)

  describe("virtual", function()
    it("passes a year in no time", test.virtual(function()
      local start, real = lwt.now(), os.clock()
      await(lwt.sleep(365 * 24 * 3600))
      assert.is_true(lwt.now() - start >= 365 * 24 * 3600)
      assert.is_true(os.clock() - real < 1)
    end))

    it("wakes by deadline, then by age", test.virtual(function()
      local log = {}
      for i, s in ipairs { 3, 1, 2, 1 } do
        lwt.sleep(s):on_success(function() log[#log + 1] = i end)
      end
      await(lwt.sleep(4))
      assert.same({ 2, 4, 3, 1 }, log)
    end))

    it("waits for real input and output before time passes", test.virtual(function()
      local inp, out = require "lwt.io".pipe()
      local log = {}
      local task = lwt.spawn(function()
        local line = await(inp:read_line())
        log[#log + 1] = "read " .. line
      end)
      local writer = lwt.spawn(function()
        await(require "lwt.fs".stat("."))
        await(out:write_line("line"))
        await(out:flush())
      end)
      await(lwt.sleep(1000))
      log[#log + 1] = "slept"
      await(lwt.join { task:map(function() end), writer })
      await(inp:close())
      await(out:close())
      assert.same({ "read line", "slept" }, log)
    end))

    it("restores the engine", function()
      local engine = require "lwt.engine"
      local before = engine.name()
      test.virtual(function() assert.equal("virtual", engine.name()) end)()
      assert.equal(before, engine.name())
      pcall(test.virtual(function() error("x") end))
      assert.equal(before, engine.name())
    end)

    it("tells of a deadlock", function()
      local ok, err = pcall(test.virtual(function() await((lwt.wait())) end))
      assert.is_false(ok)
      assert.matches("deadlock", tostring(err))
    end)

    it("times out by the processor's clock", function()
      local ok, err = pcall(test.virtual(function()
        while true do await(lwt.sleep(1)) end
      end, { timeout = 0.05 }))
      assert.is_false(ok)
      assert.matches("did not end within 0.05 s", err)
    end)
  end)

  describe("fuzz", function()
    -- One order of 120 goes wrong: when all five come in the opposite order of their making.
    local function planted()
      local next_up, tasks = 5, {}
      for i = 1, 5 do
        tasks[i] = lwt.spawn(function()
          lwt.yield()
          if i == next_up then next_up = next_up - 1 end
        end)
      end
      await(lwt.join(tasks))
      assert(next_up > 0, "an update was lost")
    end

    it("runs the tasks in another order for each seed, the same for the same seed", function()
      local function order(seed)
        local log = {}
        test.fuzz(seed, function()
          local tasks = {}
          for i = 1, 6 do
            tasks[i] = lwt.spawn(function()
              lwt.yield()
              log[#log + 1] = i
            end)
          end
          await(lwt.join(tasks))
        end)()
        return table.concat(log, " ")
      end
      local seen, n = {}, 0
      for seed = 1, 50 do
        local o = order(seed)
        assert.equal(o, order(seed))
        if not seen[o] then
          seen[o] = true
          n = n + 1
        end
      end
      assert.is_true(n > 25)
    end)

    it("finds a planted race within 1,000 seeds, and replays it", function()
      test.virtual(planted)()
      local found
      for seed = 1, 1000 do
        local ok, err = pcall(test.fuzz(seed, planted))
        if not ok then
          assert.matches("an update was lost.*seed " .. seed, err)
          found = seed
          break
        end
      end
      assert.is_not_nil(found)
      for _ = 1, 3 do assert.is_false((pcall(test.fuzz(found, planted)))) end
      test.virtual(planted)()
    end)
  end)

  describe("assert_clean", function()
    it("is content with nothing", test.virtual(function()
      test.assert_clean()
      await(lwt.sleep(1))
      test.assert_clean()
    end))

    it("tells of a live task, and where it waits", test.virtual(function()
      local p, r = lwt.wait()
      local task = lwt.spawn(function()
        lwt.name("left over")
        await(p)
      end)
      raises(function() test.assert_clean() end,
        "test_spec.lua:%d+:.*left over.*test_spec.lua")
      r:wakeup()
      await(task)
      test.assert_clean()
    end))

    it("tells of a timer", test.virtual(function()
      local p = lwt.sleep(10)
      raises(test.assert_clean, "timer")
      p:cancel()
      test.assert_clean()
    end))

    it("tells of a rejection nobody has looked at", test.virtual(function()
      local p = lwt.rejected("unseen one")
      raises(test.assert_clean, "unseen one")
      p:state()
      test.assert_clean()
    end))

    it("tells of an open handle", test.async(function()
      local inp, out = require "lwt.io".pipe()
      raises(test.assert_clean, "an open handle")
      await(inp:close())
      await(out:close())
      test.assert_clean()
    end))

    it("works outside a task", function()
      test.assert_clean()
    end)
  end)

  describe("stream_kit", function()
    for name, check in test.stream_kit(function(values)
      return require "lwt.stream".of_list(values)
    end) do
      it("finds that of_list " .. name, check)
    end
    for name, check in test.stream_kit(function(values)
      local i = 0
      return require "lwt.stream".from(function()
        lwt.yield()
        i = i + 1
        return values[i]
      end)
    end) do
      it("finds that from " .. name, check)
    end

    it("finds what is wrong with a stream", function()
      local failed = {}
      for name, check in test.stream_kit(function(values)
        -- Everybody gets what was there when he asked.
        local i = 0
        return setmetatable({
          get = function()
            local v = values[i + 1]
            return lwt.pause():map(function()
              i = i + 1
              return v
            end)
          end,
        }, { __call = function(s) return await(s:get()) end })
      end) do
        if not pcall(check) then failed[#failed + 1] = name end
      end
      assert.same({
        "gives each of several waiting readers an element, in the order of their calls",
        "gives each element to one of several tasks",
      }, failed)
    end)
  end)

  describe("bytes_kit", function()
    -- A source that gives some of its bytes again, or drops some, is found out by each reader.
    local function faulty(wrong)
      return function(data)
        local at, reads = 1, 0
        return { read = function(_, n)
          reads = reads + 1
          local s = data:sub(at, at + n - 1)
          at = at + n
          if reads == 2 then s = wrong(s) end
          return lwt.fulfilled(s ~= "" and s or nil)
        end }
      end
    end

    it("finds out what gives wrong bytes", function()
      for _, wrong in ipairs { string.reverse, function(s) return s .. s end,
        function(s) return s:sub(2) end } do
        local found, of = 0, 0
        for name, check in test.bytes_kit(faulty(wrong)) do
          if name:find "when it is read" and not name:find "direct" then
            of = of + 1
            if not pcall(check) then found = found + 1 end
          end
        end
        assert.equal(of, found)
      end
    end)
  end)

  describe("channel_kit", function()
    for name, check in test.channel_kit(function()
      local inp, out = require "lwt.io".pipe()
      return out, inp
    end) do
      it("finds that a pipe " .. name, check)
    end
  end)

  it("refuses wrong arguments", function()
    assert.has_error(function() test.async() end)
    assert.has_error(function() test.virtual(1) end)
    assert.has_error(function() test.fuzz("x", print) end)
    assert.has_error(function() test.fuzz(1) end)
    assert.has_error(function() test.async(print, { time = 1 }) end)
    assert.has_error(function() test.stream_kit() end)
    assert.has_error(function() test.channel_kit(1) end)
    assert.has_error(function() test.bytes_kit() end)
    assert.has_error(function() test.bytes_kit(print, 1) end)
  end)
end)
