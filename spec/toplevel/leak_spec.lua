-- A prompt that is open for long.

local lwt = require "lwt"
local lio = require "lwt.io"
local test = require "lwt.test"
local toplevel = require "lwt.toplevel"

local await = lwt.await

local LINES = {
  "1 + 1", "local x = { 1, 2, 3 }", "x", "lwt.sleep(0.5):map(function() return x end)", "error 'bad'", "f = = 1",
  ":nowait lwt.sleep(1)", "function f(n)\n  return n\nend", "f(x)", "lwt.async(function() await(lwt.sleep(1)) end)",
  ":tasks", "lwt.rejected('seen')", "print 'shown'", "local c <const> = 5", ":type x", ":bt", "_, _1, _2",
  "lwt.with_timeout(0.1, lwt.wait())", "pcall(await, lwt.with_timeout(0.1, function() return lwt.wait() end))",
}

-- An input that gives a line every ten seconds, until the time is over.
local function slow_input(seconds, each_line)
  local i, stop = 0, lwt.now() + seconds
  local rest = {}
  return lio.make { read = function()
    if rest[1] then return table.remove(rest, 1) end
    await(lwt.sleep(10))
    if lwt.now() > stop then return nil end
    i = i % #LINES + 1
    each_line(i)
    return LINES[i] .. "\n"
  end }
end

describe("a prompt that is open for an hour", function()
  it("leaves nothing behind, with a thousand tasks in the background", test.async(function()
    test.virtual(function()
      local tasks = {}
      for i = 1, 1000 do
        tasks[i] = lwt.spawn(function()
          while true do await(lwt.sleep(1 + i % 60)) end
        end)
      end
      local samples, bytes = {}, 0
      local input = slow_input(3600, function(i)
        if i > 1 then return end
        collectgarbage()
        collectgarbage()
        samples[#samples + 1] = { kb = collectgarbage "count", tasks = #lwt.tasks() }
      end)
      local output = lio.make { write = function(s)
        bytes = bytes + #s
        return #s
      end }
      await(toplevel.run { input = input, output = output })
      for _, p in ipairs(tasks) do p:cancel() end
      await(output:close())
      await(input:close())
      assert.is_true(#samples > 15 and bytes > 5000)
      local first, last = samples[4], samples[#samples]
      assert.equal(first.tasks, last.tasks)
      assert.is_true(last.kb - first.kb < 20, ("%.1f KB, then %.1f KB"):format(first.kb, last.kb))
    end)
  end))
end)
