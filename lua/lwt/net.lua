--- TCP and Unix-domain sockets, UDP, names and addresses: bytes without a buffer. For lines and numbers
--- there is [lwt.io](lwt.io.md).
---
--- ```lua
--- local net = require "lwt.net"
--- local listener <close> = await(net.tcp_listen "127.0.0.1:0")
--- lwt.spawn(function()
---   local sock <close> = await(listener:accept())
---   await(sock:write(await(sock:read()):upper()))
--- end)
--- local sock <close> = await(net.tcp_connect(listener:address()))
--- await(sock:write "hello")
--- print(await(sock:read()))                 --> HELLO
--- ```

-- The work is done in C (lwt.uv's net); here is what goes over several addresses: connecting to a name.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local core = require "lwt.core"
local order = require "lwt.internal.order"
local uv = require "lwt.internal.uvneeded" "lwt.net"

local cnet = uv.net
local M = {}

for name, f in pairs(cnet) do
  if type(f) == "function" and name ~= "by_name" then M[name] = f end
end

-- The method of a socket, a listener …, for the module's function of the same name; nil for
-- anything else, which the public function raises for, at its caller's line.
local function method_of(handle, name)
  local mt = type(handle) == "userdata" and getmetatable(handle)
  local methods = type(mt) == "table" and mt.__index
  return type(methods) == "table" and methods[name] or nil
end

--- Closes a socket, a listener or whatever else of this module is open. What is pending on it is
--- rejected with `lwt.Closed`; bytes that the system has not taken yet are dropped (`shutdown`
--- first, or await the writes, to have them sent). The promise is fulfilled at once; a second
--- close does nothing. `<close>` does the same, and so does the collection of what is not used any
--- more.
---@param handle lwt.Socket|lwt.Listener|lwt.Udp
---@return lwt.Promise<nil>
--- ```lua
--- local a, b = net.socketpair()
--- local p = b:read()
--- a:close()
--- print(p:await())   --> nil
--- ```
function M.close(handle)
  local close = method_of(handle, "close")
  if not close then args.wrong(1, "close", "socket", handle) end
  return close(handle)
end

-- What lwt.direct shows of a socket reads and writes in C, without promises.
for kind = 0, 2 do
  local shown, mt = cnet.views.kind(kind)
  local methods, below = core.direct_kind(shown, mt, cnet.views.view)
  methods.read, methods.write = cnet.views.methods(below "read", below "write")
end

-- Every method is a function of the module as well. The streams share theirs; names that other
-- types have too go by the object.
for _, kind in ipairs { "tcp", "tty", "listener", "udp" } do
  for name, f in pairs(cnet.methods[kind]) do
    if M[name] == nil then
      M[name] = f
    elseif kind ~= "tty" and name ~= "close" then
      M[name] = function(handle, ...)
        local method = method_of(handle, name)
        if not method then args.wrong(1, name, "socket", handle) end
        return method(handle, ...)
      end
    end
  end
end

-- Happy eyeballs (RFC 8305) -------------------------------------------------------------------

local ATTEMPT_DELAY = 0.25 -- seconds until the next address is tried as well

-- The addresses with the families in turn, beginning with the one the system put first.
local function interleave(list)
  local first, other, result = {}, {}, {}
  for _, a in ipairs(list) do
    table.insert(a.family == list[1].family and first or other, a)
  end
  for i = 1, math.max(#first, #other) do
    result[#result + 1] = first[i]
    result[#result + 1] = other[i]
  end
  return result
end

-- Connect to the first of `addresses` that answers: `connect(address)` gives a promise of
-- a socket. The promise is rejected with the first error when all have failed; the attempts that
-- lose, and all when it is cancelled, are cancelled, which closes their sockets.
local function race(addresses, connect, delay)
  local result, resolver = lwt.task()
  local running, count, next_address = {}, 0, 1
  local first_error, timer
  local attempt

  local function stop()
    next_address = math.huge
    if timer then timer:cancel() end
    local losers = running
    running = {}
    for _, p in ipairs(order.by_value(losers)) do p:cancel() end
  end

  local function won(sock)
    if result:is_pending() then
      stop()
      resolver:wakeup(sock)
    else
      sock:close()
    end
  end

  local function failed(p, err)
    if running[p] == nil then return end -- a loser
    running[p] = nil
    count = count - 1
    if first_error == nil then first_error = err end
    if addresses[next_address] then
      attempt()
    elseif count == 0 then
      resolver:wakeup_exn(first_error)
    end
  end

  function attempt()
    local address = addresses[next_address]
    if address == nil then return end
    next_address = next_address + 1
    if timer then timer:cancel() end
    local p = connect(address)
    running[p] = next_address
    count = count + 1
    if addresses[next_address] then
      timer = lwt.sleep(delay)
      timer:on_success(attempt)
    end
    p:on_any(function(sock)
      running[p] = nil
      won(sock)
    end, function(err) failed(p, err) end)
  end

  result:on_cancel(stop)
  attempt()
  return result
end

local function connect_by_name(host, service, opts)
  local delay = opts and opts.delay or ATTEMPT_DELAY
  return cnet.getaddrinfo(host, service):bind(function(list)
    return race(interleave(list), function(a)
      return cnet.tcp_connect(a, opts)
    end, delay)
  end)
end

local function listen_by_name(host, service, opts)
  return cnet.getaddrinfo(host, service, { passive = true }):bind(function(list)
    return cnet.tcp_listen({ host = list[1].host, port = list[1].port }, opts)
  end)
end

local function send_by_name(udp, data, host, service)
  return cnet.getaddrinfo(host, service, { socktype = "datagram" }):bind(function(list)
    -- The socket has a family: the first address of it. A fresh one is for IPv4.
    local ok, own = pcall(udp.getsockname, udp)
    local family = ok and own:sub(1, 1) == "[" and "inet6" or "inet"
    for _, a in ipairs(list) do
      if a.family == family then return udp:send(data, { host = a.host, port = a.port }) end
    end
    return udp:send(data, { host = list[1].host, port = list[1].port })
  end)
end

cnet.by_name { connect = connect_by_name, listen = listen_by_name, send = send_by_name }

-- For its spec: attempts that a test controls.
M._race, M._interleave = race, interleave

return M
