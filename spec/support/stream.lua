-- What the specs of streams share. What awaits is for a task.

local assert = require "luassert"
local lwt = require "lwt"
local stream = require "lwt.stream"

local M = {}

function M.state(p) return (p:state()) end

-- The state of a promise and its value, as one text.
function M.told(p)
  local s, v = p:state()
  if s == "pending" then return s end
  return s .. " " .. tostring(v)
end

-- What is left of a stream, as a list without its `n`.
function M.list(s)
  local l = lwt.await(s:to_list())
  assert.equal(#l, l.n)
  l.n = nil
  return l
end

function M.range(n)
  local l = {}
  for i = 1, n do l[i] = i end
  return l
end

-- A source whose calls are answered by hand: s, answer(v), fail(err), calls().
function M.by_hand()
  local waiting, calls = {}, 0
  local s = stream.from(function()
    calls = calls + 1
    local p, r = lwt.task()
    waiting[#waiting + 1] = r
    return p
  end)
  return s, function(v) table.remove(waiting, 1):wakeup(v) end,
    function(err) table.remove(waiting, 1):wakeup_exn(err) end, function() return calls end
end

return M
