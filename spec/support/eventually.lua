-- Awaits until check() gives something true, looking every millisecond: for what becomes so by
-- itself, on a slow machine later. After half a minute it fails, at the caller's line.

local lwt = require "lwt"

return function(check)
  local began = os.time()
  repeat
    if check() then return end
    lwt.await(lwt.sleep(0.001))
  until os.time() - began > 30
  error("it did not become so in 30 seconds", 2)
end
