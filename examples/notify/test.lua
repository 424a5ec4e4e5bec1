-- A C thread posts to Lua: prints "notify: ok".
local lwt = require "lwt"
local notify = require "notify"
local stream = require "lwt.stream"
local await = lwt.await

lwt.run(function()
  -- As a callback …
  local done, r = lwt.wait()
  local seen = {}
  local sensor = notify.start(0.001, function(values)
    table.move(values, 1, #values, #seen + 1, seen)
    if #seen >= 10 and done:is_pending() then r:wakeup() end
  end)
  await(done)
  sensor:stop()
  for i, value in ipairs(seen) do assert(value == i * 0.5) end

  -- … and as a stream that a task reads. The sensor stops where its scope ends.
  local values, push = stream.create()
  local other <close> = notify.start(0.001, function(list) -- luacheck: ignore
    for _, value in ipairs(list) do push(value) end
  end)
  for i = 1, 5 do assert(await(values:next()) == i * 0.5) end
end)

-- One that is still running when the state closes.
last = notify.start(0.001, function() end) -- luacheck: ignore

print "notify: ok"
