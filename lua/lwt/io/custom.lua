-- Channels made of Lua functions (io.make). The C port asks `start`, and is told by `port:done`.

local lwt = require "lwt"
local stored = require "lwt.internal.stored"
local await = lwt.await

local M = {}

-- channel (or temporary channel's first) -> { seek = function, at = position of the source }
local seekable = setmetatable({}, { __mode = "k" })

local function nothing() end

-- What runs `functions[what]` as a task, with the storage that is there now: it is the loop that
-- calls it, for nobody in particular.
local function starts(functions)
  local start = {}
  for _, what in ipairs { "read", "write", "close", "shutdown" } do
    start[what] = stored.task(functions[what] or nothing)
  end
  return start
end

function M.make(cio, functions, size)
  local start = starts(functions)
  local state = functions.seek and { seek = functions.seek, at = 0 }
  local port = cio.port(function(port, what, argument)
    start[what](argument):on_any(function(value)
      if state and what == "read" and value then
        state.at = state.at + #value
      elseif state and what == "write" then
        state.at = state.at + (value or #argument)
      end
      port:done(what, true, value)
    end, function(err) port:done(what, false, err) end)
  end, functions.shutdown ~= nil)
  local sides = (functions.read and 1 or 0) + (functions.write and 2 or 0)
  local ch = cio.of_port(port, sides, size)
  if state then seekable[ch] = state end
  return ch
end

local function seek(ch, state, position)
  return ch:atomic(function(inner)
    if ch:mode() ~= "input" then await(inner:flush()) end
    if ch:mode() ~= "output" then inner:_drop() end
    local at = state.seek(position, "set")
    if lwt.is_promise(at) then at = await(at) end
    if ch:mode() ~= "output" then inner:_drop() end
    state.at = math.tointeger(at) or position
  end)
end

-- The methods of all channels, with these channels' own way in front.
function M.set_position(otherwise)
  return function(ch, position)
    local state = seekable[ch]
    if not state or math.type(position) ~= "integer" then return otherwise(ch, position) end
    return seek(ch, state, position)
  end
end

function M.position(otherwise)
  return function(ch)
    local state = seekable[ch]
    if not state then return otherwise(ch) end
    if ch:mode() == "output" then return state.at + ch:buffered() end
    local unread, unwritten = ch:buffered()
    return state.at - unread + (unwritten or 0)
  end
end

function M.length(otherwise)
  return function(ch)
    local state = seekable[ch]
    if not state then return otherwise(ch) end
    local length = state.seek(0, "end")
    state.seek(state.at, "set")
    if math.type(length) ~= "integer" then
      error("the length of this channel cannot be told at once", 2)
    end
    return length
  end
end

return M
