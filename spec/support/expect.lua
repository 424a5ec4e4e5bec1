-- What many specs say: run this as a task, this promise is rejected, this call raises.

local assert = require "luassert" -- busted gives its own to the specs only
local lwt = require "lwt"

local M = {}

-- A spec that runs as a task: it("…", task(function() … end)).
function M.task(f)
  return function() lwt.run(f) end
end

-- The error that a promise is rejected with. In a task.
function M.failure(p)
  local ok, err = pcall(lwt.await, p)
  assert.is_false(ok, "it was fulfilled")
  return err
end

-- The promise is rejected with this very error. In a task.
function M.fails(expected, p)
  assert.equal(expected, M.failure(p))
end

-- A few turns, in which what is ready runs. In a task.
function M.settle()
  for _ = 1, 5 do lwt.yield() end
end

-- f() raises something that matches the pattern.
function M.raises(f, pattern)
  local ok, err = pcall(f)
  assert.is_false(ok)
  assert.matches(pattern, tostring(err))
end

-- f() raises this message, whatever line it names.
function M.refused(message, f)
  local ok, err = pcall(f)
  assert.is_false(ok)
  assert.equal(message, (tostring(err):gsub("^[^:]+:%d+: ", "")))
end

return M
