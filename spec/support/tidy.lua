-- Before each file of specs: what the one before has dropped is closed now, so that
-- specs which assert that nothing is open are not told of others' handles.
local busted = require "busted"
local lwt = require "lwt"

busted.subscribe({ "file", "start" }, function()
  for _ = 1, 4 do
    collectgarbage()
    pcall(lwt.step)
  end
  return nil, true
end)
