-- Internal: what carries TLS: anything with `read` and `write`. A transport is a kind, shared by all
-- that are alike, { read = function(x) → promise of a string or nil, write = function(x, s) →
-- promise, close = function(x) → promise, forget = what drops what could not be written, where something is
-- kept }, and the `x` that these are given.

local lwt = require "lwt"
local core = require "lwt.core"
local stored = require "lwt.internal.stored"

local M = {}

local is_socket = require "lwt.ssl.core".is_socket

local MOST = 65536 -- asked of a channel, or of a stranger's stream, at once

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
  return ok and f or nil
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
