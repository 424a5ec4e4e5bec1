-- The script of examples/embed: the host calls on_line for every line it reads; tasks go on
-- between, on timers, files and threads.
local lwt = require "lwt"
local fs = require "lwt.fs"
local preemptive = require "lwt.preemptive"
local await = lwt.await

local lines, arrived = {}, require "lwt.condition".create()

function on_line(line) -- luacheck: ignore 111 131 (the host calls it)
  lines[#lines + 1] = line
  arrived:signal()
end

-- Takes three lines from the host.
lwt.async(function()
  for i = 1, 3 do
    while not lines[i] do await(arrived:wait()) end
    print("line " .. i .. ": " .. lines[i])
  end
end)

-- Timers, the threadpool and a worker thread, all within the host's own loop.
lwt.async(function()
  await(lwt.sleep(0.01))
  print("slept")
  print("a directory: " .. tostring(await(fs.stat(".")).type == "directory"))
  print("2 + 3 in a thread: " .. await(preemptive.detach(function(a, b) return a + b end, 2, 3)))
end)
