-- Internal: `follow(f(...))` is what a user's function gave; when that is a single promise, what
-- the promise gives (for a task).

local lwt = require "lwt"

local await, is_promise = lwt.await, lwt.is_promise

return function(...)
  if select("#", ...) == 1 and is_promise((...)) then return await((...)) end
  return ...
end
