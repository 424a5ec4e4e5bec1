-- Internal: what carries TLS: anything with `read` and `write`. A transport is a kind, shared by all
-- that are alike, { read = function(x) → promise of a string or nil, write = function(x, s) →
-- promise, close = function(x) → promise, forget = what drops what could not be written, where something is
-- kept }, and the `x` that these are given.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local core = require "lwt.core"
local stored = require "lwt.internal.stored"

local M = {}

local is_socket = require "lwt.ssl.core".is_socket

local MOST = 65536 -- asked of a channel, or of a stranger's stream, at once
local EMPTY = 1000 -- times that a read may give no byte, before that is an error

-- Sockets of lwt.net and TLS streams: their methods give promises.
local socket_kind = {
  read = function(x) return x:read(MOST) end,
  write = function(x, s) return x:write(s) end,
  close = function(x) return x:close() end,
  is_socket = true, -- the part in C takes bytes straight from it
}
local stream_kind = {
  read = socket_kind.read, write = socket_kind.write, close = socket_kind.close,
}

local channel_kind = {
  read = socket_kind.read,
  -- What the channel did not take (no memory) must not be left out in silence.
  write = function(ch, s)
    local p = ch:write(s)
    if p:state() == "fulfilled" then return ch:flush() end
    return p:bind(function() return ch:flush() end)
  end,
  close = socket_kind.close,
  forget = function(ch) ch:_forget() end,
}

-- Of other modules: a method may give a promise, or wait and give the value.
local object_kind = {
  read = function(t) return t.read(t.x, MOST) end,
  write = function(t, s) return t.write(t.x, s) end,
  close = function(t) return t.close(t.x) end,
}

local function on_object(x, read, write, close)
  return {
    x = x, read = stored.task(read), write = stored.task(write),
    close = close and stored.task(close) or lwt.fulfilled,
  }
end

local function is_channel(x)
  local lio = package.loaded["lwt.io"]
  return lio ~= nil and getmetatable(x) == require "lwt.uv".io.metatable
end

local function method(x, name)
  local ok, f = pcall(function() return x[name] end)
  if not ok and f == "not enough memory" then error(f, 0) end
  return ok and args.is_callable(f) and f or nil
end

-- What a read has given, which may be anybody's: a string, or nil at the end. `empty`: how many times
-- there was no byte in it; gives how many there are now, or nil.
function M.check_given(data, empty)
  if type(data) == "string" and data ~= "" or data == nil then return nil end
  empty = (empty or 0) + 1
  if data == "" and empty < EMPTY then return empty end
  error(("'read' of what carries this TLS stream has given %s"):format(data == ""
    and "no byte a thousand times in a row" or "no string, but a " .. args.type_name(data)), 0)
end

local function text_of(data)
  local kind = type(data)
  if kind == "string" then return data end
  if kind == "number" then return tostring(data) end
  local mt = kind == "userdata" and getmetatable(data)
  return mt and mt.__name == "lwt.bytes" and data:to_string() or nil
end

-- What is given to be written, as one string.
function M.joined(data, name, up)
  local text = text_of(data)
  if text then return text end
  local parts, list = {}, type(data) == "table" and getmetatable(data) == nil
  for i = 1, list and #data or 0 do
    parts[i] = text_of(data[i])
    list = list and parts[i] ~= nil
  end
  if list then return table.concat(parts) end
  args.wrong(2, name, "string, lwt.bytes or a list of them", data, up)
end

local function read_all(sock)
  while lwt.await(sock:read()) do end
end

-- Closing a socket that has something unread makes the system send a reset, with which the peer may
-- lose what we sent last. So while it still sends, that is read and dropped, for so many seconds.
function M.linger(s, seconds)
  if not s.kind.is_socket or s.conn:is_busy() then return end
  if not s.still_sends and not s.conn:still_sends(s.below) then return end
  if not pcall(lwt.await, s.below:shutdown()) then return end
  pcall(lwt.await, lwt.with_timeout(seconds, lwt.spawn(read_all, s.below)))
end

-- Methods of TLS streams for which what is below answers, at the line that calls them.
function M.show(Stream, check)
  for _, name in ipairs { "getpeername", "getsockname", "nodelay", "keepalive", "fileno" } do
    Stream[name] = function(s, ...)
      check(s, name)
      if s.gone then error(("'%s' on a closed TLS stream"):format(name), 2) end
      local lower = s.below.x or s.below
      local f = lower[name]
      if not f then error(("what carries this TLS stream has no '%s'"):format(name), 2) end
      local told = table.pack(pcall(f, lower, ...))
      if told[1] then return table.unpack(told, 2, told.n) end
      local err = told[2]
      if type(err) == "string" and not err:find "^bad argument" then error(err, 2) end
      args.pass_on(err, name)
    end
  end
end

-- The kind, and what its functions are given. nil for anything that is no transport.
function M.of(x)
  x = core.unview(x)
  if type(x) == "userdata" and is_socket(x) then return socket_kind, x end
  if type(x) ~= "table" and type(x) ~= "userdata" then return nil end
  local read, write = method(x, "read"), method(x, "write")
  if not read or not write then return nil end
  if is_channel(x) then return channel_kind, x end
  local mt = getmetatable(x)
  if mt and mt.__name == "lwt.ssl.stream" then return stream_kind, x end
  return object_kind, on_object(x, read, write, method(x, "close"))
end

return M
