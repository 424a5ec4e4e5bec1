-- Arguments and options of lwt.io. What is wrong is raised without a position: whoever was called
-- adds its caller's.

local M = {}

local SMALLEST, LARGEST = 16, 0x7fffffff -- buffers, as src/uv/channel/channel.h has it

local function wrong_option(n, name, option, what)
  error(("bad argument #%d to '%s' (option '%s': %s)"):format(n, name, option, what), 0)
end

-- The options of every channel: `buffer_size`, and `limit`, which false lifts.
function M.channel_options(n, name, opts)
  local size, limit = opts.buffer_size, opts.limit
  if size ~= nil then
    local bytes = type(size) == "number" and math.tointeger(size)
    if not bytes then
      wrong_option(n, name, "buffer_size", "integer expected, got " .. type(size))
    end
    if bytes < SMALLEST or bytes > LARGEST then
      wrong_option(n, name, "buffer_size", "out of range")
    end
  end
  if limit then
    local bytes = type(limit) == "number" and math.tointeger(limit)
    if not bytes then wrong_option(n, name, "limit", "integer expected, got " .. type(limit)) end
    if bytes < 1 then wrong_option(n, name, "limit", "out of range") end
  end
end

return M
