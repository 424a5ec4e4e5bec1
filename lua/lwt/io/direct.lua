-- What direct_access gives to its function: a view of the buffer of the temporary channel, valid
-- while the function runs.

local args = require "lwt.internal.args"

--- The buffer of a channel, as `direct_access` gives it to its function; valid while that runs.
---@class lwt.io.direct
---@field available fun(d: lwt.io.direct): integer bytes that can be taken (input), or for which there is room (output)
---@field peek fun(d: lwt.io.direct, n?: integer): string the next bytes, at most `n`, without taking them
---@field skip fun(d: lwt.io.direct, n: integer) takes `n` bytes
---@field put fun(d: lwt.io.direct, s: string): integer puts as much of `s` into the buffer as there is room for: how many bytes
---@field perform fun(d: lwt.io.direct): lwt.Promise<integer> fills the buffer once (input; 0 at the end), or writes from it: how many bytes

local Direct = { __name = "lwt.io.direct" }
Direct.__index = Direct

local M = {}

local function channel_of(d, name)
  if getmetatable(d) ~= Direct then args.wrong(1, name, "lwt.io.direct", d, 1) end
  return d.channel or error("direct access is over", 3)
end

function Direct.available(d)
  local ch = channel_of(d, "available")
  if d.input then return (ch:buffered()) end
  return ch:buffer_size() - ch:buffered()
end

function Direct.peek(d, n)
  return channel_of(d, "peek"):_peek(n)
end

function Direct.skip(d, n)
  return channel_of(d, "skip"):_skip(n)
end

function Direct.put(d, s)
  return channel_of(d, "put"):_put(s)
end

function Direct.perform(d)
  local ch = channel_of(d, "perform")
  if d.input then return ch:_fill() end
  return ch:_drain()
end

local ending = { __close = function(d) d.view.channel = nil end }

-- The function that atomic runs for direct_access(ch, f).
function M.wrap(f)
  return function(ch)
    local d = setmetatable({ channel = ch, input = ch:mode() ~= "output" }, Direct)
    local _ <close> = setmetatable({ view = d }, ending)
    local p = f(d)
    if require "lwt".is_promise(p) then return p:await() end
    return p
  end
end

return M
