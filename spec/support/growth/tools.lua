-- Growth of what specs are written with, and of the prompt (see growth.lua).

local lwt = require "lwt"
local lio = require "lwt.io"
local engine = require "lwt.engine"
local test = require "lwt.test"
local toplevel = require "lwt.toplevel"

return function(g)
  -- n tasks that wait.
  local function tasks(n)
    local gate = lwt.wait()
    return { gate = gate, tasks = g.times(n, function() return lwt.spawn(lwt.await, gate) end) }
  end

  g.each("test: ", { "async", "virtual" }, tasks, function(_, name)
    test[name](lwt.yield)()
    engine.set "virtual"
  end)
  g.operation("test: fuzz", tasks, function()
    test.fuzz(1, lwt.yield)()
    engine.set "virtual"
  end)
  g.operation("test: assert_clean, with n tasks that wait", tasks, function() pcall(test.assert_clean) end,
    { linear = "it looks at every task" })
  -- (Their specs are run where lwt's own are; here they are begun.)
  g.operation("test: stream_kit, channel_kit, bytes_kit", tasks, function()
    test.stream_kit(require "lwt.stream".of_list)()
    test.channel_kit(lio.pipe)()
    test.bytes_kit(function(data) return lio.of_bytes(data, "r") end)()
  end)

  g.system("toplevel: run", tasks, function()
    local output = lio.make { write = function(s) return #s end }
    toplevel.run { input = lio.of_bytes("x = 1\nx + 1\n", "r"), output = output, env = {}, prompt = false }:await()
  end)
end
