-- Channels over TLS. lwt.ssl is another rock: it is required when TLS is asked for.

local lwt = require "lwt"
local shared = require "lwt.io.shared"

local await, cio = lwt.await, shared.cio

local M = {}

-- channel -> the TLS stream that it reads from and writes to.
local streams = setmetatable({}, { __mode = "k" })

function M.stream_of(ch) return streams[ch] end

-- What a channel asks of its port, told to a TLS stream.
local function port_on(stream)
  local methods = {
    read = function(n) return stream:read(n) end,
    write = function(s) return stream:write(s) end,
    shutdown = function() return stream:shutdown() end,
    close = function(torn) return stream:close(torn) end,
  }
  return cio.port(function(port, what, argument)
    methods[what](argument):on_any(function(value) port:done(what, true, value) end,
      function(err) port:done(what, false, err) end)
  end, true)
end

-- A channel on a TLS stream.
function M.channel(stream, opts, address)
  local ch = cio.of_port(port_on(stream), 3, opts.buffer_size, "address", address)
  ch:set_limit(opts.limit or nil)
  streams[ch] = stream
  return ch
end

-- What `tls =` says, as a plan for handshakes; `host` is the name that a client expects unless it says
-- another. Raises text without a position.
local function plan_of(tls, role, host)
  local handshake = require "lwt.ssl.handshake"
  if tls == true then tls = {} end
  if type(tls) ~= "table" then
    error(("option 'tls': true, a table or a context expected, got %s"):format(type(tls)), 0)
  end
  local ok, plan = pcall(handshake[role .. "_plan"], tls, host)
  if ok then return plan end
  if type(plan) == "string" then plan = "option 'tls': " .. plan end
  error(plan, 0)
end

function M.client_plan(tls, host) return plan_of(tls, "client", host) end
function M.server_plan(tls) return plan_of(tls, "server") end

-- The TLS stream on a socket of ours, which is closed when the handshake fails.
function M.start_on(sock, plan) return require "lwt.ssl.handshake".start_on(sock, plan) end

---------------------------------------------------------------------------------------------------

-- The handshake, over a channel that has got the port of `ch` and what it had read ahead, in the
-- turn of an atomic. When it fails, `ch` has its port again.
local function secure(ch, inner, plan)
  await(inner:flush())
  local stream, below
  local function no_stream() return lwt.rejected(lwt.Closed) end
  -- Who aborts `ch` in the middle of the handshake means what carries it.
  local function cut() return below:abort() end
  local later = setmetatable({}, { __index = function(_, name)
    if not stream then return name == "close" and cut or no_stream end
    return function(_, ...) return stream[name](stream, ...) end
  end })
  below = cio.of_port(port_on(later), 3)
  local function shake()
    return await(require "lwt.ssl.handshake".start(plan, require "lwt.ssl.transport".of(below)))
  end
  ch:_exchange(below)
  local ok, result = pcall(shake)
  if not ok then
    -- Not when something is still being written: then nothing can go on, in clear or otherwise.
    if not pcall(ch._exchange, ch, below) then
      below:abort()
      ch:abort()
    end
    error(result, 0)
  end
  stream = result
  if ch:is_closed() then -- aborted just before
    below:abort()
    error(lwt.Closed, 0)
  end
  streams[ch] = stream
  return ch
end

function M.upgrade(ch, plan)
  return ch:atomic(function(inner) return secure(ch, inner, plan) end)
end

return M
