-- Channels made of Lua functions. Their port, which is in C, asks for what it wants by calling
-- `start`, and is told by `port:done`.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local stored = require "lwt.internal.stored"
local network = require "lwt.io.network"
local shared = require "lwt.io.shared"

local await = lwt.await
local cio, methods = shared.cio, shared.methods

local M = shared.public

-- channel (or temporary channel's first) -> { seek = function, at = position of the source }
local seekable = setmetatable({}, { __mode = "k" })

local function nothing() end

-- Gives a function that runs `functions[what]` as a task, with the storage that is there now, for
-- it is called by the loop.
local function starts(functions)
  local start = {}
  for _, what in ipairs { "read", "write", "close", "shutdown" } do
    start[what] = stored.task(functions[what] or nothing)
  end
  return start
end

local function make(functions, size)
  local start = starts(functions)
  local state = functions.seek and { seek = functions.seek, at = 0 }
  local port = cio.port(function(port, what, argument)
    if what == "close" then argument = nil end
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

--- A channel on functions of your own, each of which may return a promise or wait: `read(n)` gives
--- a string of 1 to `n` bytes (more are kept), or nil at the end; `write(s)` gives how many bytes
--- of `s` it has taken (nothing means all); `seek(position, whence)` (`"set"`, `"cur"` or `"end"`)
--- gives the new position; `shutdown()`, at the end of writing alone; `close()`. The channel reads where there is a `read`, and writes where
--- there is a `write`.
---
---@param functions table `read`, `write`, `seek`, `shutdown`, `close`
---@param opts table? `buffer_size`
---@return lwt.Channel
--- ```lua
--- local parts = {"one\ntw", "o\n"}
--- local ch = lio.make {read = function() return table.remove(parts, 1) end}
--- print(await(ch:read_line()), await(ch:read_line()), await(ch:read_line()))   --> one two nil
--- ```
function M.make(functions, opts)
  if type(functions) ~= "table" then args.wrong(1, "make", "table", functions) end
  for key, f in pairs(functions) do
    if key ~= "read" and key ~= "write" and key ~= "seek" and key ~= "close"
      and key ~= "shutdown" then
      args.bad(1, "make", ("unknown function '%s'"):format(tostring(key)))
    end
    args.check_callable(1, "make", f)
  end
  if not functions.read and not functions.write then
    args.bad(1, "make", "neither 'read' nor 'write' given")
  end
  opts = args.options(2, "make", opts, { buffer_size = true })
  network.check_channel_options(2, "make", opts)
  return make(functions, opts.buffer_size)
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
local set_position, get_position, get_length =
  methods.set_position, methods.position, methods.length

-- A wrong argument of theirs is one of ours.
local function passed(name, f, ...)
  local ok, result = pcall(f, ...)
  if not ok then args.pass_on(result, name, nil, nil, 1) end
  return result
end

function methods.set_position(ch, position)
  local state = seekable[ch]
  local at = state and type(position) == "number" and math.tointeger(position)
  if at and at >= 0 then return seek(ch, state, at) end
  local moving = passed("set_position", set_position, ch, position)
  return moving
end

function methods.position(ch)
  local state = seekable[ch]
  if not state then
    local at = passed("position", get_position, ch)
    return at
  end
  if ch:mode() == "output" then return state.at + ch:buffered() end
  local unread, unwritten = ch:buffered()
  return state.at - unread + (unwritten or 0)
end

function methods.length(ch)
  local state = seekable[ch]
  if not state then
    local n = passed("length", get_length, ch)
    return n
  end
  local length = state.seek(0, "end")
  state.seek(state.at, "set")
  if math.type(length) ~= "integer" then
    error("the length of this channel cannot be told at once", 2)
  end
  return length
end

for _, name in ipairs { "set_position", "position", "length" } do M[name] = methods[name] end

return M
