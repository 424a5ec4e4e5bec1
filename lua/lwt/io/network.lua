-- What connections and servers of lwt.io share: their options, and channels on the sockets of lwt.net.
--
-- Each function here that raises for a wrong argument takes its number `n`, the name of the public
-- function, and how many functions `up` it is, as those of lwt.internal.args do.

local args = require "lwt.internal.args"
local shared = require "lwt.io.shared"

local cio = shared.cio

local M = {}

local SMALLEST, LARGEST = 16, 0x7fffffff -- buffers, as src/uv/channel/channel.h has it

local function check_size(n, name, option, value, min, max, up)
  local bytes = type(value) == "number" and math.tointeger(value)
  if not bytes then
    args.bad(n, name, ("option '%s': integer expected, got %s"):format(option,
      args.type_name(value)), up + 1)
  elseif bytes < min or bytes > max then
    args.bad(n, name, ("option '%s': out of range"):format(option), up + 1)
  end
end

-- The options of every channel: `buffer_size`, and `limit`, which false lifts.
function M.check_channel_options(n, name, opts, up)
  local size, limit = opts.buffer_size, opts.limit
  up = (up or 0) + 1 -- of what is called here
  if size ~= nil then check_size(n, name, "buffer_size", size, SMALLEST, LARGEST, up) end
  if limit then check_size(n, name, "limit", limit, 1, math.maxinteger, up) end
end

-- Our own options (`own` is the names of others), taken out of those for lwt.net.
function M.split(n, name, opts, own, up)
  if opts == nil then return nil, {} end
  if type(opts) ~= "table" then args.wrong(n, name, "table", opts, up + 1) end
  local rest, ours = nil, {}
  for key, value in pairs(opts) do
    if key == "buffer_size" or key == "limit" or own[key] then
      ours[key] = value
    else
      rest = rest or {}
      rest[key] = value
    end
  end
  M.check_channel_options(n, name, ours, up + 1)
  return rest, ours
end

function M.is_unix(addr)
  return type(addr) == "string" and addr:sub(1, 5) == "unix:" or
    type(addr) == "table" and addr.path ~= nil
end

-- Call a function of lwt.net; its errors about arguments are raised as our own, whose options are
-- argument `n` (there the second).
function M.call(n, name, f, addr, opts, up)
  local ok, p = pcall(f, addr, opts)
  if ok then return p end
  args.pass_on(p, name, 2, n, up + 1)
end

-- The channel of a socket. Where it cannot be made the socket is closed here, or the other end
-- would wait for ever. No await may come between.
function M.channel_on(sock, opts, address)
  local ok, ch = pcall(cio.of_port, sock, 3, opts.buffer_size, "address", address)
  if ok then
    ch:set_limit(opts.limit or nil)
    return ch
  end
  sock:close()
  error(ch, 0)
end

-- What the option `tls` says, checked: a plan.
function M.tls_plan(n, name, make, tls, host, up)
  local ok, result = pcall(make, tls, host)
  if ok then return result end
  if type(result) == "string" then args.bad(n, name, result, up + 1) end
  error(result, 0)
end

-- The address that a channel has reached, where it was given a name to connect to.
M.peers = setmetatable({}, { __mode = "k" })

return M
