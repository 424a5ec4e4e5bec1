-- Internal: what carries TLS: anything with `read` and `write`. A transport is
-- { read = function() → promise of a string or nil, write = function(s) → promise, close = …,
-- forget = what drops what could not be written, where something is kept,
-- socket = a socket of lwt.net, where it is one: the part in C takes bytes straight from it }.

local lwt = require "lwt"
local core = require "lwt.core"
local stored = require "lwt.internal.stored"

local M = {}

local MOST = 65536 -- asked of a channel, or of a stranger's stream, at once

-- Sockets of lwt.net and TLS streams: their methods give promises.
local function of_stream(x, read, write, close)
  return {
    read = function() return read(x, MOST) end,
    write = function(s) return write(x, s) end,
    close = function() return close(x) end,
    socket = type(x) == "userdata" and x,
  }
end

local function of_channel(ch)
  return {
    read = function() return ch:read(MOST) end,
    write = function(s)
      ch:write(s)
      return ch:flush()
    end,
    close = function() return ch:close() end,
    forget = function() ch:_forget() end,
  }
end

-- Anybody's: a method may give a promise, or wait and give the value.
local function of_object(x, read, write, close)
  local reads, writes = stored.task(read), stored.task(write)
  local closes = close and stored.task(close) or lwt.fulfilled
  return {
    read = function() return reads(x, MOST) end,
    write = function(s) return writes(x, s) end,
    close = function() return closes(x) end,
  }
end

local function is_channel(x)
  local lio = package.loaded["lwt.io"]
  return lio ~= nil and getmetatable(x) == require "lwt.uv".io.metatable
end

local function method(x, name)
  local ok, f = pcall(function() return x[name] end)
  return ok and f or nil
end

-- nil for what is none.
function M.of(x)
  x = core.unview(x)
  if type(x) ~= "table" and type(x) ~= "userdata" then return nil end
  local read, write = method(x, "read"), method(x, "write")
  if not read or not write then return nil end
  if is_channel(x) then return of_channel(x) end
  local mt = getmetatable(x)
  if type(x) == "userdata" or mt and mt.__name == "lwt.ssl.stream" then
    return of_stream(x, read, write, method(x, "close"))
  end
  return of_object(x, read, write, method(x, "close"))
end

return M
